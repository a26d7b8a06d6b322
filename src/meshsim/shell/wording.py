"""How a docker command line words its refusals, by era.

Room shell. In: what went wrong, as plain strings and numbers. Out: the error to raise, with all the
text the command prints. Rule of this file: it is the only place where the two eras differ in form;
callers hold one :class:`CliTexts` and never ask which era it is. Knows no flag and no command.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import attrs

from meshsim.errors import FlagProblem, UsageProblem
from meshsim.units import parse_publish

__all__ = ["CliTexts"]


@attrs.frozen
class CliTexts:
    """The wording of one docker command line.

    Attributes:
        usage: ``quoted`` (``docker: 'docker x' requires ...``, since 28) or ``classic``
            (``"docker x" requires ...``, 17.06 to 27).
        port_error_case: whether port refusals start with a small letter (since 28) or a capital.

    >>> print(CliTexts().count_problem("docker x", "docker x NAME", "Do x", 1, 1))
    docker: 'docker x' requires 1 argument
    <BLANKLINE>
    Usage:  docker x NAME
    <BLANKLINE>
    Run 'docker x --help' for more information

    Source: docker/cli cli/required.go and cli/cobra.go, tags v28.2.2 and v20.10.24.
    """

    usage: Literal["quoted", "classic"] = "quoted"
    port_error_case: Literal["lower", "upper"] = "lower"

    def parser(self, kind: str) -> Callable[[str], Any] | None:
        """The reader of a kind of value whose sentences depend on the era, or None."""
        return partial(parse_publish, error_case=self.port_error_case) if kind == "port" else None

    def flag_problem(self, path: str, use_line: str, reason: str) -> FlagProblem:
        """A flag that cannot be read; exit 125.

        Args:
            path: ``docker service create``.
            use_line: the usage line, from ``docker`` on.
            reason: pflag's sentence.
        """
        if self.usage == "classic":
            return FlagProblem(f"{reason}\nSee '{path} --help'.")
        return FlagProblem(f"{reason}\n\nUsage:  {use_line}\n\nRun '{path} --help' for more information")

    def count_problem(
        self, path: str, use_line: str, summary: str, least: int, most: int | None
    ) -> UsageProblem:
        """Too few or too many operands; exit 1. ``most`` None means without limit."""
        if self.usage == "classic":
            wish = _wish(least, most, exact="requires exactly")
            return UsageProblem(
                f"\"{path}\" {wish}.\nSee '{path} --help'.\n\nUsage:  {use_line}\n\n{summary}"
            )
        # The real texts are uneven here: one says See, and "at most" says SRun.
        verb = "See" if most is None else "SRun" if not least and most else "Run"
        wish = _wish(least, most, exact="requires")
        return UsageProblem(
            f"docker: '{path}' {wish}\n\nUsage:  {use_line}\n\n{verb} '{path} --help' for more information"
        )

    def unknown_command(self, path: str, word: str, *, group_help: str = "") -> UsageProblem:
        """A word that is no command of ``docker`` or of a group; exit 1.

        Args:
            path: ``docker``, or ``docker service`` for an unknown sub-command.
            word: what was typed.
            group_help: the help of the group, which the classic command line prints instead.
        """
        top = path == "docker"
        if self.usage == "classic":
            if top:
                return UsageProblem(f"docker: '{word}' is not a docker command.\nSee 'docker --help'")
            return UsageProblem("\n" + group_help.strip("\n"))
        usage = "" if top else f"Usage:  {path}\n\n"
        return UsageProblem(
            f"docker: unknown command: {path} {word}\n\n{usage}Run '{path} --help' for more information"
        )

    def run_refused(self, message: str, *, command: str = "run", hint: bool = True) -> FlagProblem:
        """What ``docker run`` prints when the container does not come to life; exit 125.

        Args:
            message: with its ``Error response from daemon: `` where the engine said it.
            command: ``run`` or ``create``.
            hint: whether the help is pointed at; the classic one does so before the start only.

        Source: docker/cli cli/command/container/run.go reportError (classic), withHelp (since 28).
        """
        if self.usage == "classic":
            tail = f"\nSee 'docker {command} --help'." if hint else ""
            return FlagProblem(f"docker: {message.removesuffix('.')}.{tail}")
        return FlagProblem(f"docker: {message}\n\nRun 'docker {command} --help' for more information")


def _wish(least: int, most: int | None, *, exact: str) -> str:
    """``requires at least 1 argument`` and its sisters."""
    if most == 0:
        return "accepts no arguments"
    if most is None:
        return f"requires at least {_arguments(least)}"
    if least == most:
        return f"{exact} {_arguments(most)}"
    if not least:
        return f"requires at most {_arguments(most)}"
    return f"requires at least {least} and at most {_arguments(most)}"


def _arguments(number: int) -> str:
    return f"{number} argument" if number == 1 else f"{number} arguments"

"""Room cluster: what a program on a container's command line does.

Comes in: the words of the command. Goes out: what it prints, how it ends and how long it runs. Only the
programs that say something about time and exit codes are known here (``sleep``, ``true``, ``false``,
``sh -c``, ``echo``, ``exit``); the shell room brings the tools that speak to the network. A program that
nobody knows stays up, as a server would.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from attrs import frozen

from meshsim.model.frozen import Frozen

__all__ = ["STAYS_UP", "ProgramResult", "run_simple"]


@frozen(slots=True)
class ProgramResult(Frozen):
    """How a program ends.

    Attributes:
        stdout, stderr: what it prints.
        exit_code: what it exits with.
        duration_ns: how long it runs, in virtual nanoseconds; None when it stays up until stopped.
    """

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    duration_ns: int | None = 0

    def then(self, after: ProgramResult) -> ProgramResult:
        """This program, and ``after`` when it is through."""
        if self.duration_ns is None:
            return self
        total = None if after.duration_ns is None else self.duration_ns + after.duration_ns
        return ProgramResult(self.stdout + after.stdout, self.stderr + after.stderr, after.exit_code, total)


STAYS_UP = ProgramResult(duration_ns=None)
_SECOND = 1_000_000_000
_SLEEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)")
_SLEEP_UNITS = {"": _SECOND, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86_400 * _SECOND}


def run_simple(argv: Sequence[str]) -> ProgramResult:
    """Run one of the few programs known here; anything else stays up.

    >>> run_simple(["sh", "-c", "sleep 2; exit 7"])
    ProgramResult(stdout='', stderr='', exit_code=7, duration_ns=2000000000)
    >>> run_simple(["some-server"]).duration_ns is None
    True
    """
    if not argv:
        return STAYS_UP
    name, args = argv[0].rpartition("/")[2], list(argv[1:])
    match name:
        case "true" | ":":
            return ProgramResult()
        case "false":
            return ProgramResult(exit_code=1)
        case "echo":
            return ProgramResult(" ".join(args) + "\n")
        case "exit":
            return ProgramResult(exit_code=int(args[0]) & 255 if args and args[0].isdigit() else 0)
        case "sleep":
            return _sleep(args)
        case "sh" | "bash" | "ash":
            return _shell(args)
    return STAYS_UP


def _sleep(args: list[str]) -> ProgramResult:
    if args == ["infinity"]:
        return STAYS_UP
    total = 0
    for arg in args:
        match = _SLEEP.fullmatch(arg)
        if match is None:
            return ProgramResult(stderr=f"sleep: invalid number '{arg}'\n", exit_code=1)
        total += int(float(match[1]) * _SLEEP_UNITS[match[2]])
    if not args:
        return ProgramResult(stderr="BusyBox: sleep: missing operand\n", exit_code=1)
    return ProgramResult(duration_ns=total)


def _shell(args: list[str]) -> ProgramResult:
    """``sh -c "a; b"`` runs a then b; a shell without terminal and command ends at once."""
    if len(args) < 2 or args[0] != "-c":
        return ProgramResult()
    result = ProgramResult()
    for part in re.split(r";|&&", args[1]):
        words = shlex.split(part, posix=True)
        if words[:1] == ["exec"]:
            words = words[1:]
        if words:
            result = result.then(run_simple(words))
            if words[0] == "exit":
                break
    return result

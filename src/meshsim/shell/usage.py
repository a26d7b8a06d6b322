"""Help texts of commands and groups, wrapped as docker wraps them on 80 columns.

Room shell. In: the description of a command. Out: what ``--help`` prints. Rule of this file: the
layout is pflag's and cobra's, the words are the command's. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.shell.flags import Command, Flag
from meshsim.shell.kinds import KINDS

__all__ = ["group_help", "help_text"]

_COLUMNS = 79
"""Columns of a terminal that is none, less one. Source: docker/cli cli/cobra.go wrappedFlagUsages."""

_SLOP = 5
"""Columns a last word may stick out so that it does not stand alone. Source: pflag flag.go wrap."""

_NARROW = 24
"""Below so many columns the text goes below the flag. Source: pflag flag.go wrap."""

_NAME_PADDING = 11
"""Least width of command names in a list. Source: cobra command.go minNamePadding."""


def help_text(command: Command) -> str:
    """The help of one command.

    >>> force = Flag("force", "bool", "f", help="Force this node to leave the swarm, ignoring warnings")
    >>> print(help_text(Command("docker swarm leave", "[OPTIONS]", "Leave the swarm", (force,))), end="")
    <BLANKLINE>
    Usage:  docker swarm leave [OPTIONS]
    <BLANKLINE>
    Leave the swarm
    <BLANKLINE>
    Options:
      -f, --force   Force this node to leave the swarm, ignoring warnings

    Source: docker/cli cli/cobra.go usageTemplate.
    """
    parts = [f"\nUsage:  {command.use_line}\n\n{command.summary}\n"]
    if command.aliases:
        parts.append(f"\nAliases:\n  {', '.join((command.path, *command.aliases))}\n")
    options = _options(flag for flag in command.flags if not flag.hidden)
    if options:
        parts.append("\nOptions:\n" + options)
    return "".join(parts)


def group_help(path: str, summary: str, commands: Iterable[tuple[str, str]]) -> str:
    """The help of a group.

    Args:
        path: ``docker service``.
        summary: ``Manage Swarm services``.
        commands: names and summaries of the sub-commands, sorted.

    >>> print(group_help("docker x", "Manage x", [("ls", "List x")]), end="")
    <BLANKLINE>
    Usage:  docker x COMMAND
    <BLANKLINE>
    Manage x
    <BLANKLINE>
    Commands:
      ls          List x
    <BLANKLINE>
    Run 'docker x COMMAND --help' for more information on a command.

    Source: docker/cli cli/cobra.go usageTemplate.
    """
    named = list(commands)
    width = max([_NAME_PADDING, *(len(name) for name, _ in named)])
    lines = "".join(f"  {name:<{width}} {text}\n" for name, text in named)
    return (
        f"\nUsage:  {path} COMMAND\n\n{summary}\n\nCommands:\n{lines}"
        f"\nRun '{path} COMMAND --help' for more information on a command.\n"
    )


def _options(flags: Iterable[Flag]) -> str:
    rows = [(_left(flag), _right(flag)) for flag in sorted(flags, key=lambda flag: flag.name)]
    if not rows:
        return ""
    width = max(len(left) for left, _ in rows)
    indent = width + 3
    return "".join(f"{left:<{width}}   {_wrap(indent, right)}".rstrip() + "\n" for left, right in rows)


def _left(flag: Flag) -> str:
    short = f"  -{flag.short}, " if flag.short else "      "
    kind = flag.type_name or KINDS[flag.kind].type_name
    return f"{short}--{flag.name} {kind}".rstrip()


def _right(flag: Flag) -> str:
    kind = KINDS[flag.kind]
    default = "" if kind.repeats else kind.show(flag.value)
    return f"{flag.help} (default {default})" if default else flag.help


def _wrap(indent: int, text: str) -> str:
    """Break a flag's text so that it stays right of ``indent``, or below the flag if that is narrow."""
    first, room = "", _COLUMNS - indent
    if room < _NARROW:
        indent = 16
        room = _COLUMNS - indent
        first = "\n" + " " * indent
    lines = []
    while text:
        line, text = _break(text, room - _SLOP)
        lines.append(line.replace("\n", "\n" + " " * indent))
    return first + ("\n" + " " * indent).join(lines)


def _break(text: str, room: int) -> tuple[str, str]:
    """The first line of a text and the rest. Source: pflag flag.go wrapN."""
    if room + _SLOP > len(text):
        return text, ""
    blank = max(text.rfind(char, 0, room) for char in " \t\n")
    if blank <= 0:
        return text, ""
    newline = text.rfind("\n", 0, room)
    cut = newline if 0 < newline < blank else blank
    return text[:cut], text[cut + 1 :]

"""What the text tools share: reading options, complaining, and taking the input.

Room shell. In: arguments. Out: options and operands, or a :class:`Refusal` that :func:`refused` turns
into a tool's Result. Rule of this file: an option that a tool here does not have is NotModelled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from meshsim.errors import MeshsimError, NotModelled
from meshsim.shell.result import Result

__all__ = ["Refusal", "number", "read_options", "refused", "source"]


class Refusal(MeshsimError):
    """A tool gives up: its sentence and its exit code."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def refused(tool: Callable[[Sequence[str], str], Result]) -> Callable[[Sequence[str], str], Result]:
    """Make a tool that raises Refusal one that returns its Result."""

    @functools.wraps(tool)
    def wrapped(args: Sequence[str], stdin: str) -> Result:
        try:
            return tool(args, stdin)
        except Refusal as refusal:
            return Result("", f"{refusal}\n", refusal.status)

    return wrapped


def read_options(
    tool: str, args: Sequence[str], plain: str, valued: str = "", *, status: int = 1
) -> tuple[dict[str, list[str]], list[str]]:
    """Read short options as getopt does.

    Args:
        tool: its name, for sentences.
        args: its arguments; options may follow operands.
        plain: letters without a value.
        valued: letters with one, joined or behind.
        status: exit code when a value is missing.

    Returns:
        Values by letter (empty texts for plain ones), and the operands.

    >>> read_options("head", ["-qn", "3", "x"], "q", "n")
    ({'q': [''], 'n': ['3']}, ['x'])
    """
    options: dict[str, list[str]] = {}
    operands: list[str] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        if arg == "--":
            operands += rest
            break
        if not arg.startswith("-") or arg == "-":
            operands.append(arg)
            continue
        if arg.startswith("--"):
            raise NotModelled(f"{tool} {arg} is not modelled")
        letters = arg[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in plain:
                options.setdefault(letter, []).append("")
            elif letter not in valued:
                raise NotModelled(f"{tool} -{letter} is not modelled")
            elif letters or rest:
                options.setdefault(letter, []).append(letters or rest.pop(0))
                letters = ""
            else:
                usage = "Usage: grep [OPTION]... PATTERNS [FILE]...\n" if tool == "grep" else ""
                raise Refusal(
                    f"{tool}: option requires an argument -- '{letter}'\n"
                    f"{usage}Try '{tool} --help' for more information.",
                    status,
                )
    return options, operands


def source(
    tool: str,
    operands: Sequence[str],
    stdin: str,
    *,
    status: int = 1,
    says: str = "{}: No such file or directory",
) -> str:
    """The input: standard input, for there are no files here; ``says`` is how the tool regrets that."""
    for operand in operands:
        if operand != "-":
            raise Refusal(f"{tool}: {says.format(operand)}", status)
    return stdin


def number(tool: str, what: str, text: str) -> int:
    """A count as an option's value."""
    if not (text.isascii() and text.isdigit()):
        raise Refusal(f"{tool}: invalid {what}: ‘{text}’")
    return int(text)

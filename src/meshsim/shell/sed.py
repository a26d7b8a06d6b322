"""sed, the part of it that lessons use: s///, d, p, q with line, regex and range addresses.

Room shell. In: a script and standard input. Out: a Result. Rule of this file: one line of text at a time,
no hold space; any other command is NotModelled. Source: GNU sed manual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from meshsim.errors import BadValue, NotModelled
from meshsim.shell.options import Refusal, read_options, refused, source
from meshsim.shell.printing import unescaped
from meshsim.shell.regex import compile_posix
from meshsim.shell.result import Result

__all__ = ["sed"]

_ADDRESS = re.compile(r"\s*(?:([0-9]+)|(\$)|/((?:\\.|[^/\\])*)/)")


@attrs.frozen
class _Command:
    """One command with its addresses; an address is a line number, ``$`` or an expression."""

    name: str
    addresses: tuple[int | str | re.Pattern[str], ...] = ()
    negated: bool = False
    pattern: re.Pattern[str] = re.compile("")
    replacement: str = ""
    flags: str = ""


@refused
def sed(args: Sequence[str], stdin: str) -> Result:
    r"""Edit lines: -n -e -E -r; commands s, d, p, q.

    >>> sed(["-n", r"s/a\(.\)/<\1>/p"], "xab\nb\n").stdout
    'x<b>\n'
    """
    options, operands = read_options("sed", args, "nErs", "e")
    scripts = options.get("e", [])
    if not scripts:
        if not operands:
            raise Refusal("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...")
        scripts = [operands.pop(0)]
    extended = bool(options.keys() & {"E", "r"})
    commands = _parse("\n".join(scripts), extended)
    lines = source(
        "sed", operands, stdin, status=2, says="can't read {}: No such file or directory"
    ).splitlines()
    out: list[str] = []
    inside: dict[int, bool] = {}
    for place, line in enumerate(lines, start=1):
        printed, quits = _run(commands, line, place, place == len(lines), inside, quiet="n" in options)
        out += printed
        if quits:
            break
    return Result("".join(line + "\n" for line in out))


def _run(
    commands: Sequence[_Command], line: str, place: int, last: bool, inside: dict[int, bool], *, quiet: bool
) -> tuple[list[str], bool]:
    """One cycle: what it prints, and whether it was the last."""
    out: list[str] = []
    for index, command in enumerate(commands):
        if _selected(command, line, place, last, inside, index) == command.negated:
            continue
        if command.name == "d":
            return out, False
        if command.name == "p":
            out.append(line)
        elif command.name == "q":
            return out + ([] if quiet else [line]), True
        else:
            line, changed = _substituted(command, line)
            out += [line] if changed and "p" in command.flags else []
    return out + ([] if quiet else [line]), False


def _selected(
    command: _Command, line: str, place: int, last: bool, inside: dict[int, bool], index: int
) -> bool:
    if len(command.addresses) < 2:
        return not command.addresses or _matches(command.addresses[0], line, place, last)
    start, end = command.addresses
    if inside.get(index):
        inside[index] = not (_matches(end, line, place, last) or (isinstance(end, int) and place >= end))
        return True
    if not _matches(start, line, place, last):
        return False
    inside[index] = not (isinstance(end, int) and end <= place)
    return True


def _matches(address: int | str | re.Pattern[str], line: str, place: int, last: bool) -> bool:
    if isinstance(address, int):
        return address == place
    return last if isinstance(address, str) else address.search(line) is not None


def _substituted(command: _Command, line: str) -> tuple[str, bool]:
    nth = int(re.sub("[^0-9]", "", command.flags) or "1")
    seen = 0
    every = "g" in command.flags

    def replace(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        if seen < nth:
            return match[0]
        return re.sub(r"\\(.)|&", lambda part: _part(part, match), command.replacement, flags=re.DOTALL)

    text = command.pattern.sub(replace, line, count=0 if every else nth)
    return text, seen >= nth


def _part(part: re.Match[str], match: re.Match[str]) -> str:
    if part[0] == "&":
        return match[0]
    if part[1].isdigit():
        return match[int(part[1])] or ""
    return unescaped(part[0]) if part[1] in "nt" else part[1]


def _parse(text: str, extended: bool) -> list[_Command]:
    commands: list[_Command] = []
    at = 0
    while at < len(text):
        if text[at] in "; \t\n":
            at += 1
            continue
        command, at = _parse_one(text, at, extended)
        commands.append(command)
    return commands


def _parse_one(text: str, at: int, extended: bool) -> tuple[_Command, int]:
    start = at
    addresses: list[int | str | re.Pattern[str]] = []
    while match := _ADDRESS.match(text, at):
        addresses.append(_address(match, extended))
        at = match.end()
        if len(addresses) == 2 or text[at : at + 1] != ",":
            break
        at += 1
    blank = re.compile(r"\s*(!?)\s*").match(text, at)
    assert blank is not None  # the pattern matches the empty text too
    at = blank.end()
    name = text[at : at + 1]
    if name == "s":
        return _parse_substitution(text, at + 1, extended, tuple(addresses), negated=bool(blank[1]))
    if not name:
        raise Refusal(f"sed: -e expression #1, char {at}: missing command")
    if name not in "dpq" or text[at + 1 : at + 2] not in ("", ";", " ", "\n", "\t"):
        raise NotModelled(f"sed {text[start:]!r} is not modelled")
    return _Command(name, tuple(addresses), bool(blank[1])), at + 1


def _address(match: re.Match[str], extended: bool) -> int | str | re.Pattern[str]:
    if match[1]:
        return int(match[1])
    return match[2] or _pattern(match[3].replace(r"\/", "/"), extended, "")


def _pattern(text: str, extended: bool, flags: str) -> re.Pattern[str]:
    try:
        return compile_posix(text, extended=extended, ignore_case="i" in flags.lower())
    except BadValue as error:
        raise Refusal(f"sed: -e expression #1, char {len(text)}: {error}") from None


def _parse_substitution(
    text: str, at: int, extended: bool, addresses: tuple[int | str | re.Pattern[str], ...], *, negated: bool
) -> tuple[_Command, int]:
    mark = re.escape(text[at : at + 1] or "/")
    field = rf"((?:\\.|(?!{mark})[^\\])*){mark}"
    match = re.compile(mark + field + field + r"([gpiI0-9]*)", re.DOTALL).match(text, at)
    if match is None:
        raise Refusal(f"sed: -e expression #1, char {len(text)}: unterminated `s' command")
    if text[match.end() : match.end() + 1] not in ("", ";", " ", "\n", "\t"):
        raise Refusal(f"sed: -e expression #1, char {match.end() + 1}: unknown option to `s'")
    delimiter = text[at]
    pattern = _pattern(match[1].replace("\\" + delimiter, delimiter), extended, match[3])
    for group in re.findall(r"\\([1-9])", match[2]):
        if int(group) > pattern.groups:
            raise Refusal(
                f"sed: -e expression #1, char {match.end()}: invalid reference \\{group} on `s' command's RHS"
            )
    return _Command("s", addresses, negated, pattern, match[2], match[3]), match.end()

"""The text tools of pipes: grep, head, tail, wc, sort, uniq, cut, tr, sed, seq, echo, printf, cat.

Room shell. In: a tool's arguments and its standard input. Out: a :class:`~meshsim.shell.result.Result`.
Rules of this file: pure functions, one per tool, listed in :data:`FILTERS` (awk, from next door, too);
there are no files but standard input; an option that is not here is NotModelled, never ignored.
Texts and exit codes are those of GNU coreutils 9 and grep 3; the order of sort is the C locale's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from meshsim.errors import BadValue
from meshsim.shell.awk import awk
from meshsim.shell.options import Refusal, number, read_options, refused, source
from meshsim.shell.printing import echo, printf, seq
from meshsim.shell.regex import compile_posix
from meshsim.shell.result import Result
from meshsim.shell.sed import sed
from meshsim.shell.tr import tr
from meshsim.text import natural_key

__all__ = ["FILTERS", "Filter", "cat", "cut", "grep", "head", "sort", "tail", "uniq", "wc"]

_CANNOT_OPEN = "cannot open '{}' for reading: No such file or directory"

Filter = Callable[[Sequence[str], str], Result]
"""A tool: arguments without its name, standard input."""


@refused
def cat(args: Sequence[str], stdin: str) -> Result:
    r"""Pass the input on; ``-n`` numbers the lines.

    >>> cat(["-n"], "a\n").stdout
    '     1\ta\n'
    """
    options, operands = read_options("cat", args, "n")
    text = source("cat", operands, stdin)
    if "n" in options:
        lines = text.splitlines(keepends=True)
        text = "".join(f"{index:6}\t{line}" for index, line in enumerate(lines, start=1))
    return Result(text)


@refused
def grep(args: Sequence[str], stdin: str) -> Result:
    r"""Lines that match: -i -v -c -n -o -q -w -x -E -F -e -m -A -B -C.

    >>> grep(["-v", "b"], "a\nb\n").stdout
    'a\n'

    Source: GNU grep manual. Exit 0 when a line was selected, 1 when none, 2 on errors.
    """
    options, operands = read_options("grep", args, "ivcnoqwxEFsh", "emABC", status=2)
    patterns = options.get("e", [])
    if not patterns:
        if not operands:
            raise Refusal(
                "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.", 2
            )
        patterns = [operands.pop(0)]
    expression = _grep_pattern(patterns, options)
    lines = source("grep", operands, stdin, status=2).splitlines()
    found = [bool(expression.search(line)) != ("v" in options) for line in lines]
    limit = number("grep", "max count", options["m"][-1]) if "m" in options else len(lines)
    chosen = [index for index, yes in enumerate(found) if yes][:limit]
    code = 0 if chosen else 1
    if "q" in options:
        return Result(exit=code)
    if "c" in options:
        return Result(f"{len(chosen)}\n", exit=code)
    if "o" in options:
        matches = [(i, match[0]) for i in chosen for match in expression.finditer(lines[i]) if match[0]]
        shown = [(f"{i + 1}:" if "n" in options else "") + text for i, text in matches]
    else:
        shown = _with_context(lines, chosen, options)
    return Result("".join(line + "\n" for line in shown), exit=code)


def _grep_pattern(patterns: Sequence[str], options: Mapping[str, list[str]]) -> re.Pattern[str]:
    texts = []
    for pattern in "\n".join(patterns).split("\n"):
        try:
            text = (
                re.escape(pattern)
                if "F" in options
                else compile_posix(pattern, extended="E" in options).pattern
            )
        except BadValue as error:
            raise Refusal(f"grep: {error}", 2) from None
        if "x" in options:
            text = rf"^(?:{text})$"
        elif "w" in options:
            text = rf"(?<!\w)(?:{text})(?!\w)"
        texts.append(text)
    return re.compile("|".join(texts), re.IGNORECASE if "i" in options else 0)


def _with_context(lines: Sequence[str], chosen: Sequence[int], options: Mapping[str, list[str]]) -> list[str]:
    around = options.get("C", ["0"])[-1]
    before = number("grep", "context length argument", options.get("B", [around])[-1])
    after = number("grep", "context length argument", options.get("A", [around])[-1])
    wanted = {j: None for i in chosen for j in range(max(0, i - before), min(len(lines), i + after + 1))}
    selected = dict.fromkeys(chosen)
    shown: list[str] = []
    last = -1
    for index in sorted(wanted):
        if shown and index > last + 1 and (before or after):
            shown.append("--")
        mark = f"{index + 1}{':' if index in selected else '-'}" if "n" in options else ""
        shown.append(mark + lines[index])
        last = index
    return shown


def _old_style(args: Sequence[str]) -> list[str]:
    """A first argument ``-5`` or ``+5`` as ``-n5`` or ``-n+5``."""
    if args and re.fullmatch(r"-[0-9]+|\+[0-9]+", args[0]):
        return [f"-n{args[0].removeprefix('-')}", *args[1:]]
    return list(args)


@refused
def head(args: Sequence[str], stdin: str) -> Result:
    r"""The first lines: -n N, -N, -n -N (all but the last N), -c N.

    >>> head(["-n1"], "a\nb\n").stdout
    'a\n'
    """
    options, operands = read_options("head", _old_style(args), "q", "nc")
    text = source("head", operands, stdin, says=_CANNOT_OPEN)
    if "c" in options:
        return Result(text[: number("head", "number of bytes", options["c"][-1])])
    given = options.get("n", ["10"])[-1]
    count = number("head", "number of lines", given.lstrip("-"))
    lines = text.splitlines(keepends=True)
    return Result("".join(lines[: max(0, len(lines) - count)] if given.startswith("-") else lines[:count]))


@refused
def tail(args: Sequence[str], stdin: str) -> Result:
    r"""The last lines: -n N, -N, -n +N (from line N on), -c N.

    >>> tail(["-n", "+2"], "a\nb\nc\n").stdout
    'b\nc\n'
    """
    options, operands = read_options("tail", _old_style(args), "q", "nc")
    text = source("tail", operands, stdin, says=_CANNOT_OPEN)
    given = (options.get("c") or options.get("n", ["10"]))[-1]
    count = number("tail", "number of bytes" if "c" in options else "number of lines", given.lstrip("+-"))
    pieces = list(text) if "c" in options else text.splitlines(keepends=True)
    if given.startswith("+"):
        return Result("".join(pieces[max(0, count - 1) :]))
    return Result("".join(pieces[len(pieces) - min(count, len(pieces)) :]))


@refused
def wc(args: Sequence[str], stdin: str) -> Result:
    r"""Count lines, words, bytes: -l -w -c -m.

    >>> wc(["-l"], "a\nb\n").stdout, wc([], "a b\n").stdout
    ('2\n', '      1       2       4\n')
    """
    options, operands = read_options("wc", args, "lwcm")
    text = source("wc", operands, stdin)
    counts = {
        "l": text.count("\n"),
        "w": len(text.split()),
        "m": len(text),
        "c": len(text.encode()),
    }
    asked = [counts[key] for key in "lwmc" if key in (options or ("l", "w", "c"))]
    shown = str(asked[0]) if len(asked) == 1 else " ".join(f"{count:7}" for count in asked)
    return Result(shown + "\n")


@refused
def uniq(args: Sequence[str], stdin: str) -> Result:
    r"""Drop repeated neighbours: -c counts, -d only repeated, -u only single ones, -i ignores case.

    >>> uniq(["-c"], "a\na\nb\n").stdout
    '      2 a\n      1 b\n'
    """
    options, operands = read_options("uniq", args, "cdui")
    lines = source("uniq", operands, stdin).splitlines()
    out: list[str] = []
    for _, group in groupby(lines, key=str.lower if "i" in options else None):
        run = list(group)
        if ("d" in options and len(run) == 1) or ("u" in options and len(run) > 1):
            continue
        out.append((f"{len(run):7} " if "c" in options else "") + run[0] + "\n")
    return Result("".join(out))


_NUMBER = re.compile(r"\s*(-?[0-9]*\.?[0-9]*)")
_KEY = re.compile(r"([0-9]+)(?:\.[0-9]+)?([a-zA-Z]*)(?:,([0-9]+)(?:\.[0-9]+)?([a-zA-Z]*))?")

_SortKey = tuple[Callable[[str], object], bool]


@refused
def sort(args: Sequence[str], stdin: str) -> Result:
    r"""Order lines: -n -r -u -f -V -b -s -k FIELD[,FIELD][nrfV] -t SEPARATOR.

    >>> sort(["-rn"], "2 b\n10 a\n").stdout
    '10 a\n2 b\n'

    Source: GNU coreutils manual, sort invocation; equal keys are ordered by the whole line.
    """
    options, operands = read_options("sort", args, "nrufVbs", "kt", status=2)
    lines = source(
        "sort", operands, stdin, status=2, says="cannot read: {}: No such file or directory"
    ).splitlines()
    plain = "".join(letter for letter in "nfV" if letter in options)
    separator = options.get("t", [""])[-1]
    keys = [_sort_key(text, separator, plain, "r" in options) for text in options.get("k", ["1"])]
    if "k" not in options:
        keys = [(_value_of(plain), "r" in options)]
    if not options.keys() & {"u", "s"}:
        lines.sort(reverse="r" in options)  # the last resort; the sorts below are stable
    for value, reverse in reversed(keys):
        lines.sort(key=value, reverse=reverse)  # type: ignore[arg-type]  # keys of one sort compare
    if "u" in options:
        lines = [next(group) for _, group in groupby(lines, key=lambda line: [key(line) for key, _ in keys])]
    return Result("".join(line + "\n" for line in lines))


def _sort_key(text: str, separator: str, plain: str, reverse: bool) -> _SortKey:
    match = _KEY.fullmatch(text)
    if match is None:
        raise Refusal(f"sort: invalid number at field start: invalid count at start of ‘{text}’", 2)
    if not int(match[1]):
        raise Refusal(f"sort: field number is zero: invalid field specification ‘{text}’", 2)
    first = int(match[1])
    last = int(match[3]) if match[3] else None
    letters = match[2] + (match[4] or "")
    value = _value_of(letters or plain)

    def key(line: str) -> object:
        fields = line.split(separator) if separator else re.findall(r"\s*\S+", line)
        return value((separator or "").join(fields[first - 1 : last]))

    return key, ("r" in letters) if letters else reverse


def _value_of(letters: str) -> Callable[[str], object]:
    if "n" in letters:
        return _numeric
    if "V" in letters:
        return natural_key
    return str.upper if "f" in letters else str


def _numeric(text: str) -> float:
    match = _NUMBER.match(text)
    digits = match[1] if match else ""
    return float(digits) if re.search("[0-9]", digits) else 0.0


@refused
def cut(args: Sequence[str], stdin: str) -> Result:
    r"""Columns of lines: -d SEPARATOR -f LIST, -c LIST, -s.

    >>> cut(["-d:", "-f2-"], "a:b:c\n").stdout
    'b:c\n'
    """
    options, operands = read_options("cut", args, "s", "dfcb")
    by_char = options.get("c") or options.get("b")
    chosen = by_char or options.get("f")
    if not chosen:
        raise Refusal(
            "cut: you must specify a list of bytes, characters, or fields\n"
            "Try 'cut --help' for more information."
        )
    separator = options.get("d", ["\t"])[-1]
    if len(separator) != 1:
        raise Refusal("cut: the delimiter must be a single character\nTry 'cut --help' for more information.")
    wanted = _ranges(chosen[-1])
    out: list[str] = []
    for line in source("cut", operands, stdin).splitlines():
        if not by_char and separator not in line:
            out += [] if "s" in options else [line]
            continue
        pieces = list(line) if by_char else line.split(separator)
        kept = [piece for place, piece in enumerate(pieces, start=1) if _within(place, wanted)]
        out.append(("" if by_char else separator).join(kept))
    return Result("".join(line + "\n" for line in out))


def _ranges(text: str) -> list[tuple[int, float]]:
    ranges: list[tuple[int, float]] = []
    for piece in text.split(","):
        match = re.fullmatch(r"([0-9]*)(-?)([0-9]*)", piece)
        if match is None or not (match[1] or match[3]):
            raise Refusal(f"cut: invalid field value ‘{piece}’\nTry 'cut --help' for more information.")
        first = int(match[1] or "1")
        last = (int(match[3]) if match[3] else float("inf")) if match[2] else first
        if not first:
            raise Refusal("cut: fields are numbered from 1\nTry 'cut --help' for more information.")
        if last < first:
            raise Refusal("cut: invalid decreasing range\nTry 'cut --help' for more information.")
        ranges.append((first, last))
    return ranges


def _within(place: int, ranges: Sequence[tuple[int, float]]) -> bool:
    return any(first <= place <= last for first, last in ranges)


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "awk": awk,
        "cat": cat,
        "cut": cut,
        "echo": echo,
        "egrep": lambda args, stdin: grep(["-E", *args], stdin),
        "false": lambda _args, _stdin: Result(exit=1),
        "fgrep": lambda args, stdin: grep(["-F", *args], stdin),
        "grep": grep,
        "head": head,
        "printf": printf,
        "sed": sed,
        "seq": seq,
        "sort": sort,
        "tail": tail,
        "tr": tr,
        "true": lambda _args, _stdin: Result(),
        "uniq": uniq,
        "wc": wc,
    }
)
"""Every tool by name."""

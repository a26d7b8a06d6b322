"""POSIX regular expressions as Python's.

Room shell. In: a basic or extended expression as grep, sed and awk take it. Out: the text of an equal
Python expression. Rule of this file: GNU's reading, in which a backslash turns a basic expression's
ordinary character into an operator.
"""

from __future__ import annotations

import re

from meshsim.errors import BadValue, NotModelled

__all__ = ["compile_posix"]

_OPERATORS = "(){}|+?"
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
}
_ESCAPES = {
    "w": r"\w",
    "W": r"\W",
    "s": r"\s",
    "S": r"\S",
    "b": r"\b",
    "B": r"\B",
    "<": r"\b(?=\w)",
    ">": r"\b(?<=\w)",
}
_BRACKET = re.compile(r"\[\^?\]?(?:\[:[a-z]+:\]|[^\]])*\]")


def compile_posix(pattern: str, *, extended: bool, ignore_case: bool = False) -> re.Pattern[str]:
    r"""Compile a POSIX expression.

    Args:
        pattern: as typed.
        extended: whether operators stand without a backslash (``grep -E``, awk, ``sed -E``).
        ignore_case: ``-i``.

    Raises:
        BadValue: it is no expression.
        NotModelled: a back reference to nothing modelled, or a collating symbol.

    >>> compile_posix(r"a\|b+", extended=False).findall("ab+")
    ['a', 'b+']
    >>> compile_posix("a|b+", extended=True).findall("abb")
    ['a', 'bb']

    Source: POSIX.1-2017, Base Definitions 9; GNU grep manual, Basic vs Extended.
    """
    try:
        return re.compile(_translate(pattern, extended), re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise BadValue(f"Invalid regular expression: {error.msg}", pattern) from None


def _translate(pattern: str, extended: bool) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            text, at = _bracket(pattern, at)
            out.append(text)
            continue
        if char == "\\":
            at += 1
            out.append(_escaped(pattern[at : at + 1], extended))
        elif char in _OPERATORS:
            out.append(char if extended else "\\" + char)
        elif char == "*" and (not out or (not extended and out[-1] in ("(", "|", "^"))):
            out.append(r"\*")  # nothing to repeat: the star stands for itself
        elif char == "^" and not extended and out and out[-1] not in ("(", "|"):
            out.append(r"\^")
        elif char == "$" and not extended and pattern[at + 1 : at + 3] not in ("", "\\)", "\\|"):
            out.append(r"\$")
        else:
            out.append(char)
        at += 1
    return "".join(out)


def _escaped(char: str, extended: bool) -> str:
    if not char:
        raise BadValue("Trailing backslash", "\\")
    if char in _OPERATORS:
        return "\\" + char if extended else char
    if char.isdigit() and char != "0":
        return "\\" + char
    return _ESCAPES.get(char, re.escape(char))


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    match = _BRACKET.match(pattern, start)
    if match is None:
        raise BadValue("Invalid regular expression", pattern)
    if "[." in match[0] or "[=" in match[0]:
        raise NotModelled("collating symbols in regular expressions are not modelled")
    inside = match[0][1:-1]
    start_text = "[^" if inside.startswith("^") else "["
    inside = inside.removeprefix("^")
    pieces = re.split(r"(\[:[a-z]+:\])", inside)
    out = [_class(piece, pattern) if index % 2 else _plain(piece) for index, piece in enumerate(pieces)]
    return start_text + "".join(out) + "]", match.end()


def _class(piece: str, pattern: str) -> str:
    try:
        return _CLASSES[piece[2:-2]]
    except KeyError:
        raise BadValue("Invalid character class name", pattern) from None


def _plain(piece: str) -> str:
    """Inside brackets a backslash and an opening bracket stand for themselves."""
    return re.sub(r"[\\\[\]^&|~]", lambda match: "\\" + match[0], piece)

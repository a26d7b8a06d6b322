"""What an awk program becomes: values, the run over the lines, and the pieces expressions are built of.

Room shell. In: pieces put together by the parser next door, and standard input. Out: what was printed.
Rule of this file: an expression is a function of the :class:`Run`; a value is a text or a float, and a
text read from the input that looks like a number compares as one.

Source: POSIX.1-2017, awk, Expressions in awk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import copysign, fmod, isfinite, isnan, nan
from typing import Any

from meshsim.errors import BadValue
from meshsim.shell.options import Refusal
from meshsim.shell.printing import printf
from meshsim.shell.regex import compile_posix
from meshsim.shell.result import Result

__all__ = [
    "Constant",
    "Expression",
    "Run",
    "Statement",
    "Value",
    "assignment",
    "both",
    "calculation",
    "called",
    "comparison",
    "concatenation",
    "either",
    "formatted",
    "line_of",
    "match_test",
    "numeric",
    "regex_test",
    "shown",
    "step",
    "truth",
    "void",
    "whole",
]

Value = str | float
Expression = Callable[["Run"], Value]
Statement = Callable[["Run"], None]

_FAR = 10**15
_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class Constant(str):
    """A text the program made itself: it never compares as a number, whatever it looks like."""

    __slots__ = ()


class Run:
    """One run of a program: fields of the line at hand, variables, and what was printed."""

    def __init__(self, separator: str) -> None:
        self.variables: dict[str, Value] = {"FS": separator, "OFS": " ", "ORS": "\n", "NR": 0.0, "NF": 0.0}
        self.fields: list[str] = [""]
        self.out: list[str] = []

    def over(self, rules: Sequence[tuple[str, Expression | None, Statement]], text: str) -> Result:
        """Run the rules over a text, line by line."""
        for when, _, action in rules:
            if when == "BEGIN":
                action(self)
        if any(when != "BEGIN" for when, _, _ in rules):
            for line in text.splitlines():
                self._line(line)
                for when, pattern, action in rules:
                    if not when and (pattern is None or truth(pattern(self))):
                        action(self)
        for when, _, action in rules:
            if when == "END":
                action(self)
        return Result("".join(self.out))

    def _line(self, line: str) -> None:
        separator = shown(self.variables["FS"])
        if separator == " ":
            fields = line.split()
        elif len(separator) == 1:
            fields = line.split(separator) if line else []
        else:
            fields = compile_posix(separator, extended=True).split(line) if line else []
        self.fields = [line, *fields]
        self.variables["NR"] = numeric(self.variables["NR"]) + 1
        self.variables["NF"] = float(len(fields))

    def field(self, place: Value) -> str:
        """``$place``: the line for 0, an empty text beyond the last field."""
        index = whole(place)
        if index < 0:
            raise Refusal("awk: trying to access out of range field " + shown(place), 2)
        return self.fields[index] if index < len(self.fields) else ""


def numeric(value: Value) -> float:
    """A value as a number: its longest numeric beginning."""
    if isinstance(value, float):
        return value
    match = _NUMBER.match(value)
    return float(match[0]) if match else 0.0


def whole(value: Value) -> int:
    """A value as a whole number, within what a field number or a position can be."""
    number = numeric(value)
    return int(number) if abs(number) < _FAR else 0 if isnan(number) else int(copysign(_FAR, number))


def shown(value: Value) -> str:
    """A value as text: whole numbers without a point, others with six digits."""
    if isinstance(value, str):
        return value
    return str(int(value)) if isfinite(value) and value == int(value) else f"{value:.6g}"


def truth(value: Value) -> bool:
    """Whether a value counts as true; a field that looks like a number counts as one."""
    return bool(numeric(value)) if isinstance(value, float) or _looks_numeric(value) else bool(value)


def _looks_numeric(value: str) -> bool:
    """Whether a text came from the input and is a number."""
    if isinstance(value, Constant):
        return False
    match = _NUMBER.match(value)
    return match is not None and not value[match.end() :].strip()


def compare(sign: str, one: Value, other: Value) -> bool:
    left: Any = one
    right: Any = other
    if all(isinstance(value, float) or _looks_numeric(value) for value in (one, other)):
        left, right = numeric(one), numeric(other)
    else:
        left, right = shown(one), shown(other)
    return bool({"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right,
                 ">": left > right, ">=": left >= right}[sign])  # fmt: skip


def arithmetic(sign: str, one: Value, other: Value) -> float:
    left, right = numeric(one), numeric(other)
    if sign in "/%" and not right:
        raise Refusal("awk: division by zero", 2)
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    return left / right if sign == "/" else fmod(left, right) if isfinite(left) else nan


def void(_value: Value) -> None:
    """Throw the value of a statement away."""


def line_of(run: Run, parts: Sequence[Expression]) -> str:
    """What ``print`` prints."""
    texts = [shown(part(run)) for part in parts] or [run.fields[0]]
    return shown(run.variables["OFS"]).join(texts) + shown(run.variables["ORS"])


def formatted(values: Sequence[Value]) -> str:
    """What ``printf`` prints: the first value is the format."""
    words = [shown(value) for value in values]
    verbs = re.findall(r"%[-+ 0#]*[0-9]*(?:\.[0-9]*)?([a-zA-Z])", words[0])
    for index, verb in enumerate(verbs, start=1):
        if index < len(words) and verb in "dixXo":
            words[index] = str(whole(values[index]))
        elif index < len(words) and verb == "f":
            words[index] = repr(numeric(values[index]))
    return printf(words[: 1 + len(verbs)], "").stdout


def assignment(name: str, sign: str, value: Expression) -> Expression:
    """``name = value`` and its sisters."""

    def assign(run: Run) -> Value:
        new = value(run)
        if sign != "=":
            new = arithmetic(sign[0], run.variables.get(name, ""), new)
        run.variables[name] = new
        return new

    return assign


def step(name: str, by: int, *, after: bool) -> Expression:
    """``name++``, ``--name`` ..."""

    def stepped(run: Run) -> Value:
        old = numeric(run.variables.get(name, ""))
        run.variables[name] = old + by
        return old if after else old + by

    return stepped


def either(one: Expression, other: Expression) -> Expression:
    """``one || other``."""
    return lambda run: float(truth(one(run)) or truth(other(run)))


def both(one: Expression, other: Expression) -> Expression:
    """``one && other``."""
    return lambda run: float(truth(one(run)) and truth(other(run)))


def comparison(sign: str, one: Expression, other: Expression) -> Expression:
    """``one < other`` and its sisters; 1 or 0."""
    return lambda run: float(compare(sign, one(run), other(run)))


def concatenation(one: Expression, other: Expression) -> Expression:
    """``one other``."""
    return lambda run: Constant(shown(one(run)) + shown(other(run)))


def calculation(sign: str, one: Expression, other: Expression) -> Expression:
    """``one + other`` and its sisters."""
    return lambda run: arithmetic(sign, one(run), other(run))


def regex_test(text: str, as_value: bool) -> Expression:
    """A regex by itself asks about the line; behind ``~`` it is its own text."""
    pattern = _compiled(text)
    return (lambda run: float(bool(pattern.search(run.fields[0])))) if as_value else (lambda _run: text)


def match_test(left: Expression, right: Expression, *, negated: bool) -> Expression:
    """``left ~ right``."""
    return lambda run: float(bool(_compiled(shown(right(run))).search(shown(left(run)))) != negated)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return compile_posix(text, extended=True)
    except BadValue as error:
        raise Refusal(f"awk: {error}", 2) from None


def called(name: str, values: Sequence[Value]) -> Value:
    """The built-in functions."""
    text = shown(values[0])
    if name == "length":
        return float(len(text))
    if name == "int":
        return float(whole(values[0]))
    if name == "substr":
        start = whole(values[1]) if len(values) > 1 else 1
        end = start + whole(values[2]) if len(values) > 2 else len(text) + 1
        return Constant(text[max(0, start - 1) : max(0, end - 1)])
    return Constant(text.upper() if name == "toupper" else text.lower())

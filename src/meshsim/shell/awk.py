"""awk, the part of it that lessons use: patterns, print, printf, fields, variables, sums.

Room shell. In: a program and standard input. Out: a Result. Rules of this file: parse to tuples, then
walk them; arrays, loops, ``if``, functions of one's own and files are NotModelled.

Understood: ``BEGIN`` and ``END``, ``/re/``, comparisons, ``~``, ``!``, ``&&``, ``||``, ``$N``, ``NR``,
``NF``, ``FS``, ``OFS``, arithmetic, joining, ``=`` ``+=`` ``-=`` ``++`` ``--``, ``length``, ``substr``,
``toupper``, ``tolower``, ``-F``, ``-v``. Source: POSIX.1-2017, awk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshsim.errors import NotModelled
from meshsim.shell.awk_run import (
    Constant,
    Expression,
    Run,
    Statement,
    assignment,
    both,
    calculation,
    called,
    comparison,
    concatenation,
    either,
    formatted,
    line_of,
    match_test,
    numeric,
    regex_test,
    step,
    truth,
    void,
)
from meshsim.shell.options import Refusal, read_options, refused, source
from meshsim.shell.printing import unescaped
from meshsim.shell.result import Result

__all__ = ["awk"]

_TOKEN = re.compile(
    r"""(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    |(?P<string>"(?:\\.|[^"\\])*")|(?P<name>[A-Za-z_]\w*)
    |(?P<sign>\+\+|--|\+=|-=|==|!=|<=|>=|&&|\|\||!~|[-+*/%$(){};,<>=!~?:\n|^[\]]))""",
    re.VERBOSE,
)
_REGEX = re.compile(r"/((?:\\.|[^/\\\n])*)/")
_UNMODELLED = ("if", "for", "while", "do", "function", "getline", "delete", "next", "exit", "in", "return")
_FUNCTIONS = ("length", "substr", "toupper", "tolower", "int")


@refused
def awk(args: Sequence[str], stdin: str) -> Result:
    r"""Run an awk program over the lines: -F SEPARATOR, -v NAME=VALUE.

    >>> awk(["{print $2, $NF}"], "a b c\n").stdout
    'b c\n'
    """
    split = next((i for i, arg in enumerate(args) if not arg.startswith("-") and _ends(args[:i])), len(args))
    options, rest = read_options("awk", args[:split], "", "Fv", status=2)
    rest += args[split:]
    if not rest:
        raise Refusal("usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]", 2)
    run = Run(unescaped(options.get("F", [" "])[-1]))
    for given in options.get("v", []):
        name, _, value = given.partition("=")
        run.variables[name] = unescaped(value)
    rules = _Parser(rest[0]).program()
    return run.over(
        rules, source("awk", rest[1:], stdin, status=2, says="cannot open {} (No such file or directory)")
    )


def _ends(before: Sequence[str]) -> bool:
    """Whether the word behind these is no option's value."""
    return not before or before[-1] not in ("-F", "-v")


class _Parser:
    """Turns a program into functions of the run. Lives for one call."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.at = 0

    # -- tokens -----------------------------------------------------------------------------------

    def _peek(self) -> str:
        self._blanks()
        match = _TOKEN.match(self.text, self.at)
        return match[0] if match else self.text[self.at : self.at + 1]

    def _take(self, *wanted: str) -> str:
        """The next token if it is one of these, or the empty text."""
        self._blanks()
        match = _TOKEN.match(self.text, self.at)
        if match and match[0] in wanted:
            self.at = match.end()
            return match[0]
        return ""

    def _blanks(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def _problem(self) -> Refusal:
        return Refusal(f"awk: syntax error at source line 1\n context is\n\t{self.text} <<<", 2)

    # -- program ----------------------------------------------------------------------------------

    def program(self) -> list[tuple[str, Expression | None, Statement]]:
        rules: list[tuple[str, Expression | None, Statement]] = []
        while self._skip_ends() and self.at < len(self.text):
            when = self._take("BEGIN", "END")
            pattern = None if when or self._peek() == "{" else self._expression()
            if self._peek() == ",":
                raise NotModelled("awk range patterns are not modelled")
            if self._take("{"):
                rules.append((when, pattern, self._block()))
            elif when:
                raise self._problem()
            else:
                rules.append(("", pattern, lambda run: run.out.append(run.fields[0] + "\n")))
        return rules

    def _skip_ends(self) -> bool:
        while self._take(";", "\n"):
            pass
        self._blanks()
        return True

    def _block(self) -> Statement:
        statements: list[Statement] = []
        while self._skip_ends() and not self._take("}"):
            statements.append(self._statement())
            if self._peek() not in (";", "\n", "}"):
                raise self._problem()

        def run_all(run: Run) -> None:
            for statement in statements:
                statement(run)

        return run_all

    def _statement(self) -> Statement:
        keyword = self._take("print", "printf")
        if not keyword:
            expression = self._expression()
            return lambda run: void(expression(run))
        parts = self._list()
        if self._peek() in (">", "|"):
            raise NotModelled("awk printing to files and commands is not modelled")
        if keyword == "printf":
            if not parts:
                raise self._problem()
            return lambda run: run.out.append(formatted([part(run) for part in parts]))
        return lambda run: run.out.append(line_of(run, parts))

    def _list(self) -> list[Expression]:
        """``a, b`` or ``(a, b)``."""
        if self._peek() in (";", "}", "\n", ">", "|", ""):
            return []
        start = self.at
        if self._take("("):
            parts = self._listed(greater=True)
            if self._take(")") and self._peek() in (";", "}", "\n", "", ">", "|"):
                return parts
            self.at = start
        return self._listed(greater=False)

    def _listed(self, *, greater: bool) -> list[Expression]:
        parts = [self._expression(greater=greater)]
        while self._take(","):
            parts.append(self._expression(greater=greater))
        return parts

    # -- expressions, loosest first ---------------------------------------------------------------

    def _expression(self, *, greater: bool = True) -> Expression:
        start = self.at
        name = re.compile(r"\s*([A-Za-z_]\w*)\s*(\+=|-=|=(?!=))").match(self.text, self.at)
        if name and name[1] not in _UNMODELLED:
            self.at = name.end()
            return assignment(name[1], name[2], self._expression(greater=greater))
        self.at = start
        return self._or(greater)

    def _or(self, greater: bool) -> Expression:
        left = self._and(greater)
        while self._take("||"):
            left = either(left, self._and(greater))
        return left

    def _and(self, greater: bool) -> Expression:
        left = self._comparison(greater)
        while self._take("&&"):
            left = both(left, self._comparison(greater))
        return left

    def _comparison(self, greater: bool) -> Expression:
        left = self._joined()
        match_sign = self._take("~", "!~")
        if match_sign:
            return match_test(left, self._joined(regex_value=False), negated=match_sign == "!~")
        signs = ["==", "!=", "<=", ">=", "<"] + ([">"] if greater else [])
        sign = self._take(*signs)
        return comparison(sign, left, self._joined()) if sign else left

    def _joined(self, *, regex_value: bool = True) -> Expression:
        left = self._sum(regex_value)
        while True:
            self._blanks()
            rest = self.text[self.at : self.at + 1]
            word = re.compile(r"\w+").match(self.text, self.at)
            if not (rest in ('"', "$", "(") or (word and word[0] not in _UNMODELLED)):
                return left
            left = concatenation(left, self._sum(True))

    def _sum(self, regex_value: bool) -> Expression:
        left = self._product(regex_value)
        while sign := self._take("+", "-"):
            left = calculation(sign, left, self._product(True))
        return left

    def _product(self, regex_value: bool) -> Expression:
        left = self._unary(regex_value)
        while sign := self._take("*", "/", "%"):
            left = calculation(sign, left, self._unary(True))
        return left

    def _unary(self, regex_value: bool) -> Expression:
        if self._take("!"):
            inner = self._unary(True)
            return lambda run: float(not truth(inner(run)))
        sign = self._take("-", "+")
        if sign:
            inner = self._unary(True)
            return lambda run: -numeric(inner(run)) if sign == "-" else numeric(inner(run))
        return self._primary(regex_value)

    def _primary(self, regex_value: bool) -> Expression:
        self._blanks()
        regex = _REGEX.match(self.text, self.at)
        if regex:
            self.at = regex.end()
            return regex_test(regex[1].replace(r"\/", "/"), regex_value)
        if self._take("$"):
            place = self._primary(True)
            if self._peek() in ("=", "+=", "-="):
                raise NotModelled("awk assigning to fields is not modelled")
            return lambda run: run.field(place(run))
        if self._take("("):
            inner = self._expression()
            if not self._take(")"):
                raise self._problem()
            return inner
        match = _TOKEN.match(self.text, self.at)
        if match and match["number"]:
            self.at = match.end()
            number = float(match["number"])
            return lambda _run: number
        if match and match["string"]:
            self.at = match.end()
            text = Constant(unescaped(match["string"][1:-1]))
            return lambda _run: text
        if match and (match["name"] or match["sign"] in ("++", "--")):
            return self._name()
        if match is None and self.at < len(self.text):
            raise NotModelled(f"awk {self.text[self.at :]!r} is not modelled")
        raise self._problem()

    def _name(self) -> Expression:
        before = self._take("++", "--")
        match = re.compile(r"\s*([A-Za-z_]\w*)").match(self.text, self.at)
        if match is None:
            raise self._problem()
        name = match[1]
        self.at = match.end()
        if name in _UNMODELLED or self.text[self.at : self.at + 1] == "[":
            raise NotModelled(f"awk {name} {'arrays are' if name not in _UNMODELLED else 'is'} not modelled")
        if before:
            return step(name, 1 if before == "++" else -1, after=False)
        if name in _FUNCTIONS:
            return self._call(name)
        if self.text[self.at : self.at + 1] == "(":
            raise NotModelled(f"awk function {name} is not modelled")
        after = self._take("++", "--")
        if after:
            return step(name, 1 if after == "++" else -1, after=True)
        return lambda run: run.variables.get(name, "")

    def _call(self, name: str) -> Expression:
        arguments: list[Expression] = []
        if self._take("(") and not self._take(")"):
            arguments = self._listed(greater=True)
            if not self._take(")"):
                raise self._problem()
        if not arguments and name != "length":
            raise self._problem()
        return lambda run: called(name, [argument(run) for argument in arguments] or [run.fields[0]])

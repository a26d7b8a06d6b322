"""Go's text/template: text to a frozen tree.

Room gotext. In: the text of a template. Out: nodes, each with its position, so that errors can say
``:1:2``. Rule of this file: what Go does not parse gets Go's sentence; ``define``, ``template``,
``block``, ``break`` and ``continue`` are not modelled. Nothing is evaluated here.

Source: go src/text/template/parse (lex.go, parse.go, node.go).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container
from typing import Literal

import attrs

from meshsim.errors import NotModelled, TemplateProblem
from meshsim.gotext.lexer import KEYWORDS, Token, lex, problem, shown
from meshsim.units import quote

__all__ = ["Action", "Branch", "Command", "Node", "Operand", "Pipe", "parse_template"]


@attrs.frozen
class Operand:
    """One thing an action is made of.

    Attributes:
        kind: literal, dot, nil, variable, function or field (``.A.B`` of dot), or pipe (parenthesised).
        position: offset in the template.
        shown: how error messages write it.
        value: a literal's value.
        name: a variable's or function's name.
        fields: names of a chain behind it.
        pipe: what stands in parentheses.
    """

    kind: Literal["literal", "dot", "nil", "variable", "function", "field", "pipe"]
    position: int
    shown: str
    value: str | bool | int | float = ""
    name: str = ""
    fields: tuple[str, ...] = ()
    pipe: Pipe | None = None


@attrs.frozen
class Command:
    """Operands; the first may be a function."""

    operands: tuple[Operand, ...]
    position: int

    @property
    def shown(self) -> str:
        """How error messages write it."""
        return " ".join(operand.shown for operand in self.operands)


@attrs.frozen
class Pipe:
    """Commands joined by ``|``, perhaps declaring or assigning variables."""

    commands: tuple[Command, ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False

    @property
    def shown(self) -> str:
        """How error messages write it."""
        names = ", ".join(self.declares)
        start = f"{names} {'=' if self.assigns else ':='} " if names else ""
        return start + " | ".join(command.shown for command in self.commands)


@attrs.frozen
class Action:
    """``{{pipe}}``."""

    pipe: Pipe


@attrs.frozen
class Branch:
    """``{{if}}``, ``{{range}}`` or ``{{with}}`` with its two lists."""

    kind: Literal["if", "range", "with"]
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


Node = str | Action | Branch

_QUOTED = re.compile(r"""(["'])(?:[^\\]|\\(?:[abfnrtv\\"']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3}))*\1""")


def parse_template(text: str, functions: Container[str], name: str = "") -> tuple[Node, ...]:
    """Read a template.

    Args:
        text: the template.
        functions: names that may be called.
        name: the template's, for refusals.

    Returns:
        The nodes, text as plain strings. O(characters).

    Raises:
        TemplateProblem: with Go's sentence.
        NotModelled: nested templates and loop control.

    >>> parse_template("{{.Foo", ())
    Traceback (most recent call last):
    ...
    meshsim.errors.TemplateProblem: template: :1: unclosed action
    """
    return _Parser(text, functions, name).template()


class _Parser:
    """Recursive descent over the tokens. Lives for one call."""

    def __init__(self, text: str, functions: Container[str], name: str) -> None:
        self.text = text
        self.name = name
        self.functions = functions
        self.tokens = lex(text, name)
        self.at = 0
        self.variables = ["$"]

    def _problem(self, sentence: str, position: int | None = None) -> TemplateProblem:
        if position is None:
            position = self.tokens[self.at].position if self.at < len(self.tokens) else len(self.text)
        return problem(self.name, self.text, position, sentence)

    def _peek(self, *, spaces: bool = False) -> Token:
        """The next token; inside an action there always is one."""
        while not spaces and self.tokens[self.at].kind == "space":
            self.at += 1
        return self.tokens[self.at]

    def _next(self) -> Token:
        token = self._peek()
        self.at += 1
        return token

    # -- lists and control ------------------------------------------------------------------------

    def template(self) -> tuple[Node, ...]:
        nodes, end = self._list()
        if end:
            raise self._problem(f"unexpected {{{{{end}}}}}")
        return nodes

    def _list(self) -> tuple[tuple[Node, ...], str]:
        """Nodes up to the end of the text or to ``{{end}}`` or ``{{else``, which is named."""
        nodes: list[Node] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind == "text":
                nodes.append(token.text)
                continue
            keyword = self._peek().text if self._peek().kind == "word" else ""
            if keyword in ("end", "else"):
                self.at += 1
                return tuple(nodes), keyword
            if keyword in ("if", "range", "with"):
                self.at += 1
                nodes.append(self._branch(keyword))
            elif keyword in KEYWORDS:
                raise NotModelled(f"{{{{{keyword}}}}} in templates is not modelled")
            else:
                nodes.append(Action(self._pipe("command", "right")))
        return tuple(nodes), ""

    def _branch(self, keyword: str) -> Branch:
        kind: Literal["if", "range", "with"] = (
            "if" if keyword == "if" else "range" if keyword == "range" else "with"
        )
        known = len(self.variables)
        pipe = self._pipe(kind, "right")
        body, end = self._list()
        otherwise: tuple[Node, ...] = ()
        if end == "else":
            chained = self._peek()
            if chained.text == kind and kind != "range":  # {{else if}}: one {{end}} closes both
                self.at += 1
                otherwise = (self._branch(kind),)
                del self.variables[known:]
                return Branch(kind, pipe, body, otherwise)
            self._expect_right("else")
            otherwise, end = self._list()
            if end == "else":
                raise self._problem("expected end; found {{else}}")
        if not end:
            raise self._problem("unexpected EOF")
        self._expect_right("end")
        del self.variables[known:]
        return Branch(kind, pipe, body, otherwise)

    def _expect_right(self, context: str) -> None:
        token = self._next()
        if token.kind != "right":
            raise self._problem(f"unexpected {shown(token)} in {context}", token.position)

    # -- pipelines --------------------------------------------------------------------------------

    def _pipe(self, context: str, end: str) -> Pipe:
        declares, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self._peek()
            if token.kind == end or (end == "paren" and token.text == ")"):
                self.at += 1
                break
            if token.kind in ("declare", "right") or token.text in ("|", "=", ",", ")"):
                raise self._problem(
                    f"missing value for {context}"
                    if token.text == "|" and not commands
                    else f"unexpected {shown(token)} in {context}"
                )
            commands.append(self._command())
            if self._peek().text == "|" and self._peek().kind == "sign":
                self.at += 1
                if self._peek().kind == "right":
                    raise self._problem(f"missing value for {context}")
        if not commands:
            raise self._problem(f"missing value for {context}", token.position)
        for stage, command in enumerate(commands[1:], start=2):
            if command.operands[0].kind in ("literal", "dot", "nil"):
                raise self._problem(f"non executable command in pipeline stage {stage}", command.position)
        if not assigns:
            self.variables += declares
        return Pipe(tuple(commands), tuple(declares), assigns)

    def _declarations(self, context: str) -> tuple[list[str], bool]:
        """``$x :=``, ``$x =`` and ``$k, $v :=`` at the start of a pipeline."""
        start = self.at
        names: list[str] = []
        while self._peek().kind == "variable":
            names.append(self._next().text)
            token = self._peek()
            if token.kind == "declare" or token.text == "=":
                self.at += 1
                for name in names if token.text == "=" else ():
                    self._known(name, token.position)
                return names, token.text == "="
            if token.text != "," or context != "range" or len(names) == 2:
                break
            self.at += 1
        self.at = start
        return [], False

    def _known(self, name: str, position: int) -> None:
        if name not in self.variables:
            raise self._problem(f"undefined variable {quote(name)}", position)

    def _command(self) -> Command:
        position = self._peek().position
        operands: list[Operand] = []
        while True:
            token = self._peek()
            if token.kind == "right" or token.text in ("|", ")"):
                break
            operands.append(self._operand())
            after = self._peek(spaces=True)
            if after.kind not in ("space", "right") and after.text not in ("|", ")"):
                raise self._problem(f"unexpected {shown(after)} in operand")
        return Command(tuple(operands), position)

    def _operand(self) -> Operand:
        term = self._term()
        position = None
        fields: list[str] = []
        while self._peek(spaces=True).kind == "field":
            token = self._next()
            position = token.position if position is None else position
            fields.append(token.text[1:])
        if position is None:
            return term
        if term.kind in ("literal", "dot", "nil"):
            raise self._problem(f"unexpected . after term {quote(term.shown)}", position)
        start = f"({term.shown})" if term.kind == "pipe" else term.shown
        chain = start + "".join("." + field for field in fields)
        return attrs.evolve(term, position=position, shown=chain, fields=(*term.fields, *fields))

    def _term(self) -> Operand:
        token = self._next()
        text, position = token.text, token.position
        if token.kind == "field":
            return Operand("field", position, text, fields=(text[1:],))
        if token.kind == "variable":
            self._known(text, position)
            return Operand("variable", position, text, name=text)
        if token.kind in ("string", "raw", "char", "number"):
            return Operand("literal", position, text, value=self._literal(token))
        if token.kind == "word":
            return self._word(token)
        if text == ".":
            return Operand("dot", position, ".")
        if text == "(":
            pipe = self._pipe("parenthesized pipeline", "paren")
            return Operand("pipe", position, pipe.shown, pipe=pipe)
        raise self._problem(f"unexpected {shown(token)} in operand", position)

    def _word(self, token: Token) -> Operand:
        if token.text in ("true", "false"):
            return Operand("literal", token.position, token.text, value=token.text == "true")
        if token.text == "nil":
            return Operand("nil", token.position, "nil")
        if token.text in KEYWORDS:
            raise self._problem(f"unexpected <{token.text}> in operand", token.position)
        if token.text not in self.functions:
            raise self._problem(f"function {quote(token.text)} not defined", token.position)
        return Operand("function", token.position, token.text, name=token.text)

    def _literal(self, token: Token) -> str | int | float:
        if token.kind == "raw":
            return token.text[1:-1]
        if token.kind == "number":
            whole = re.fullmatch(r"[+-]?(0[xXbBoO][0-9a-fA-F_]+|[0-9_]+)", token.text)
            try:
                return int(token.text, 0) if whole else float(token.text)
            except ValueError:
                raise self._problem(f"bad number syntax: {quote(token.text)}", token.position) from None
        if not _QUOTED.fullmatch(token.text):
            raise self._problem("invalid syntax", token.position)
        text = ast.literal_eval(token.text)  # Go's escapes are a part of Python's
        if token.kind == "char":
            if len(text) != 1:
                raise self._problem(f"malformed character constant: {token.text}", token.position)
            return ord(text)
        return str(text)

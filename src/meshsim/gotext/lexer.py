"""Go's text/template: text to tokens.

Room gotext. In: the text of a template. Out: tokens with their positions: plain text between
actions, trimmed where ``{{-`` and ``-}}`` ask for it, and what stands inside. Comments are dropped.

Source: go src/text/template/parse/lex.go.
"""

from __future__ import annotations

import re

import attrs

from meshsim.errors import TemplateProblem
from meshsim.units import quote

__all__ = ["KEYWORDS", "Token", "lex", "problem", "shown"]

KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<field>\.[^\W\d]\w*)
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
        |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?))
    | (?P<variable>\$\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<string>"(?:\\.|[^"\\\n])*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:\\.|[^'\\\n])+')
    | (?P<declare>:=)
    | (?P<sign>[.|()=,])""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"\{\{(-[ \t\r\n]+)?/\*")


@attrs.frozen
class Token:
    """A piece of a template; ``kind`` is a group of the pattern, or text, left, right."""

    kind: str
    text: str
    position: int


_TRIM_LEFT = re.compile(r"\{\{-[ \t\r\n]")
_CLOSE = re.compile(r"([ \t\r\n]-)?\}\}")


def lex(text: str, name: str = "") -> list[Token]:
    """Cut a template into tokens; the name stands in front of refusals.

    Raises:
        TemplateProblem: an action, comment, string or parenthesis that does not end.

    >>> [token.text for token in lex("a {{- .Name}}")]
    ['a', '{{', ' ', '.Name', '}}']
    """
    return _Lexer(text, name).run()


class _Lexer:
    """Cuts the template into tokens; trims white space where ``{{-`` and ``-}}`` ask for it."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        at, trim = 0, False
        while True:
            start = self.text.find("{{", at)
            plain = self.text[at:] if start < 0 else self.text[at:start]
            if trim:
                plain = plain.lstrip(" \t\r\n")
            if start < 0:
                self._text(plain, at)
                return self.tokens
            trims_left = _TRIM_LEFT.match(self.text, start) is not None
            self._text(plain.rstrip(" \t\r\n") if trims_left else plain, at)
            comment = _COMMENT.match(self.text, start)
            if comment:
                at, trim = self._comment(comment.end())
            else:
                at, trim = self._action(start, start + (3 if trims_left else 2))

    def _text(self, text: str, position: int) -> None:
        if text:
            self.tokens.append(Token("text", text, position))

    def _comment(self, at: int) -> tuple[int, bool]:
        end = self.text.find("*/", at)
        if end < 0:
            raise problem(self.name, self.text, at, "unclosed comment")
        close = _CLOSE.match(self.text, end + 2)
        if close is None:
            raise problem(self.name, self.text, at, "comment ends before closing delimiter")
        return close.end(), close[0] != "}}"

    def _action(self, start: int, at: int) -> tuple[int, bool]:
        self.tokens.append(Token("left", "{{", start))
        depth = 0
        while True:
            closing = _CLOSE.match(self.text, at)
            if closing:
                if depth:
                    raise problem(self.name, self.text, at, "unclosed left paren")
                self.tokens.append(Token("right", "}}", at))
                return closing.end(), closing[1] is not None
            if at >= len(self.text):
                raise problem(self.name, self.text, at, "unclosed action")
            token = _TOKEN.match(self.text, at)
            if token is None:
                raise problem(self.name, self.text, at, _unreadable(self.text[at]))
            self.tokens.append(Token(str(token.lastgroup), token[0], at))
            depth += {"(": 1, ")": -1}.get(token[0], 0)
            if depth < 0:
                raise problem(self.name, self.text, at, "unexpected right paren")
            at = token.end()


def _unreadable(char: str) -> str:
    if char == '"':
        return "unterminated quoted string"
    if char == "`":
        return "unterminated raw quoted string"
    if char == "'":
        return "unterminated character constant"
    if char == ":":
        return "expected :="
    return f"unrecognized character in action: U+{ord(char):04X} {char!r}"


def problem(name: str, text: str, position: int, sentence: str) -> TemplateProblem:
    """The error for a template that does not parse; ``position`` says on which line."""
    line = 1 + text.count("\n", 0, position)
    return TemplateProblem(f"template: {name}:{line}: {sentence}")


def shown(token: Token) -> str:
    """A token as Go's messages write it."""
    if token.text in KEYWORDS:
        return f"<{token.text}>"
    return quote(token.text[:10]) + "..." if len(token.text) > 10 else quote(token.text)

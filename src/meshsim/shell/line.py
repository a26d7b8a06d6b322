"""Command lines as a POSIX-like shell reads them: text in, a frozen tree out.

Room shell. In: one command line, or several. Out: a :class:`Script`. Rules of this file: parsing runs
nothing and expands nothing; what bash would refuse is a ScriptError with bash's words, what bash can do
and this shell cannot is NotModelled, both before anything has run.

Understood: quotes, backslashes, comments, ``$VAR``, ``${VAR}``, ``$?``, ``$(...)`` and backticks to any
depth, ``{1..9}`` and ``{a,b}``, ``;`` ``&&`` ``||`` ``|`` ``!``, ``NAME=value``, ``export``,
``for ...; do ...; done``, redirects to ``/dev/null`` and between the two streams.
"""

from __future__ import annotations

import re
from typing import Literal, NoReturn

from meshsim.errors import NotModelled, ScriptError
from meshsim.shell.syntax import (
    AndOr,
    Command,
    Expansion,
    ForLoop,
    Part,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Substitution,
    Text,
    Variable,
    Word,
)
from meshsim.shell.words import as_assignment, expand_braces, merged

__all__ = ["parse_line", "strip_prompt"]

_BLANKS = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?")
_OPERATOR = re.compile(r";;|&&|\|\||\|&|[;&|()\n]")
_REDIRECT = re.compile(r"([0-9]*)(<<<|<<|<&|<>|<|>>|>\||>&|>)|(&>>|&>)")
_KEYWORD = re.compile(
    r"(for|do|done|while|until|if|then|elif|else|fi|case|esac|in|select|function|time|\{|\}|\[\[|!)(?=[\s;&|()<>]|$)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROMPT = re.compile(r"\s*[$#][ \t]+")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*|[?#@*0-9])\}|([A-Za-z_][A-Za-z0-9_]*|[?#@*0-9]))")
_BACKTICKS = re.compile(r"`((?:\\.|[^`\\])*)`", re.DOTALL)
_IN = re.compile(r"in(?=[\s;]|$)")
_WORD_END = " \t\n;&|()<>"
_PLAIN_END = _WORD_END + "\\'\"$`"
_ENDS = ("!", "in", "do", "done", "then", "elif", "else", "fi", "esac", "}")
_FOREIGN = {
    "while": "while loops are",
    "until": "until loops are",
    "if": "if is",
    "case": "case is",
    "select": "select is",
    "function": "shell functions are",
    "time": "timing a command is",
    "{": "grouping commands in braces is",
    "[[": "[[ is",
}
_MAX_DEPTH = 40
_REDIRECTS: dict[tuple[str, str], list[Redirect]] = {
    (">", "/dev/null"): [Redirect(1, "null")],
    (">>", "/dev/null"): [Redirect(1, "null")],
    ("1>", "/dev/null"): [Redirect(1, "null")],
    ("1>>", "/dev/null"): [Redirect(1, "null")],
    ("2>", "/dev/null"): [Redirect(2, "null")],
    ("2>>", "/dev/null"): [Redirect(2, "null")],
    ("<", "/dev/null"): [Redirect(0, "null")],
    ("0<", "/dev/null"): [Redirect(0, "null")],
    (">&", "2"): [Redirect(1, 2)],
    ("1>&", "2"): [Redirect(1, 2)],
    ("2>&", "1"): [Redirect(2, 1)],
    ("2>&", "2"): [Redirect(2, 2)],
    (">&", "1"): [Redirect(1, 1)],
    ("1>&", "1"): [Redirect(1, 1)],
}


def strip_prompt(text: str) -> str:
    """Take a ``$`` or ``#`` prompt off a pasted line.

    >>> strip_prompt("$ docker ps")
    'docker ps'
    """
    match = _PROMPT.match(text)
    return text[match.end() :] if match else text


def parse_line(text: str) -> Script:
    """Read a command line.

    Args:
        text: one line or several; a pasted prompt is taken off.

    Returns:
        The tree. O(characters), except inside backticks.

    Raises:
        ScriptError: bash would not read it either; the message is bash's.
        NotModelled: bash would.

    >>> parse_line("echo hi | wc -l").items[0].first.commands[1].words[0].plain
    'wc'
    >>> parse_line("echo a &&")
    Traceback (most recent call last):
    ...
    meshsim.errors.ScriptError: bash: syntax error: unexpected end of file

    Source: POSIX.1-2017, Shell Command Language 2.2-2.10; messages: bash parse.y.
    """
    return _Parser(strip_prompt(text), 0).script("")


class _Parser:
    """A recursive-descent reader; ``at`` is the next character. Lives for one call."""

    def __init__(self, text: str, depth: int, *, nested: bool = False) -> None:
        if depth > _MAX_DEPTH:
            raise ScriptError("bash: command substitutions are nested too deeply")
        self.text = text
        self.depth = depth
        self.nested = nested  # inside $( ): the end of the text comes too early
        self.at = 0

    # -- what comes next --------------------------------------------------------------------------

    def _skip(self) -> None:
        match = _BLANKS.match(self.text, self.at)
        assert match is not None  # the pattern matches the empty text too
        self.at = match.end()

    def _operator(self) -> str:
        """The operator at this place, or the empty text."""
        self._skip()
        match = _OPERATOR.match(self.text, self.at)
        return match[0] if match and not self.text.startswith("&>", self.at) else ""

    def _keyword(self) -> str:
        self._skip()
        match = _KEYWORD.match(self.text, self.at)
        return match[1] if match else ""

    def _at_end(self) -> bool:
        self._skip()
        return self.at >= len(self.text)

    def _skip_newlines(self) -> None:
        while self._operator() == "\n":
            self.at += 1

    def _unexpected(self) -> NoReturn:
        if self._at_end():
            if self.nested:
                raise _no_match(")")
            raise ScriptError("bash: syntax error: unexpected end of file")
        found = self._operator() or self._keyword() or self._source_of_word()
        found = "newline" if found == "\n" else found
        raise ScriptError(f"bash: syntax error near unexpected token `{found}'")

    def _source_of_word(self) -> str:
        """The word or redirect at this place, as typed."""
        redirect = _REDIRECT.match(self.text, self.at)
        if redirect:
            return redirect[0]
        start = self.at
        self._word()
        return self.text[start : self.at]

    # -- grammar ----------------------------------------------------------------------------------

    def script(self, closer: str) -> Script:
        """Everything up to the end, or to ``)`` or ``done``, which is left standing."""
        items: list[AndOr] = []
        self._skip_newlines()
        while not self._closes(closer):
            items.append(self._and_or())
            operator = self._operator()
            if operator == "&":
                raise NotModelled("running a command in the background (&) is not modelled")
            if operator in (";", "\n"):
                self.at += 1
                self._skip_newlines()
            elif not self._closes(closer):
                self._unexpected()
        return Script(tuple(items))

    def _closes(self, closer: str) -> bool:
        if self._at_end():
            if closer:
                self._unexpected()
            return True
        return closer in (self._operator(), self._keyword()) and bool(closer)

    def _and_or(self) -> AndOr:
        first = self._pipeline()
        rest: list[tuple[Literal["&&", "||"], Pipeline]] = []
        while (operator := self._operator()) in ("&&", "||"):
            self.at += 2
            self._skip_newlines()
            rest.append(("&&" if operator == "&&" else "||", self._pipeline()))
        return AndOr(first, tuple(rest))

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._keyword() == "!":
            self.at += 1
            negated = not negated
            if self._at_end() or self._operator() in (";", "\n"):
                return Pipeline((Simple(),), negated)  # bash takes a lone ! as the negation of nothing
        commands = [self._command()]
        while (operator := self._operator()) in ("|", "|&"):
            if operator == "|&":
                raise NotModelled("|& is not modelled; write 2>&1 |")
            self.at += 1
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:
        keyword = self._keyword()
        if keyword in _FOREIGN:
            raise NotModelled(f"{_FOREIGN[keyword]} not modelled in this shell")
        if self._operator() == "(":
            raise NotModelled("subshells in parentheses are not modelled in this shell")
        if keyword == "for":
            return self._for_loop()
        if keyword in _ENDS:
            self._unexpected()
        simple = self._simple()
        if not (simple.words or simple.assignments or simple.redirects):
            self._unexpected()
        if self._operator() == "(":
            self._unexpected()
        return simple

    def _simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while not self._at_end() and not self._operator():
            if _REDIRECT.match(self.text, self.at):
                redirects.extend(self._redirect())
                continue
            word = self._word()
            assignment = None if words else as_assignment(word)
            if assignment:
                assignments.append(assignment)
            else:
                words.extend(expand_braces(word))
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def _for_loop(self) -> ForLoop:
        self.at += len("for")
        self._skip()
        name = _NAME.match(self.text, self.at)
        if name is None and self._at_end():
            raise ScriptError("bash: syntax error near unexpected token `newline'")
        if name is None:
            self._unexpected()
        self.at = name.end()
        self._skip_newlines()
        words: list[Word] = []
        if _IN.match(self.text, self.at):
            self.at += 2
            while not self._at_end() and not self._operator():
                words.extend(expand_braces(self._word()))
        if self._operator() in (";", "\n"):
            self.at += 1
        self._skip_newlines()
        self._expect("do")
        body = self.script("done")
        if not body.items:
            self._unexpected()
        self._expect("done")
        redirects: list[Redirect] = []
        while not self._operator() and _REDIRECT.match(self.text, self.at):
            redirects.extend(self._redirect())
        return ForLoop(name[0], tuple(words), body, tuple(redirects))

    def _expect(self, keyword: str) -> None:
        if self._keyword() != keyword:
            self._unexpected()
        self.at += len(keyword)

    def _redirect(self) -> list[Redirect]:
        match = _REDIRECT.match(self.text, self.at)
        assert match is not None  # the caller has looked
        stream, operator, both = match.groups()
        self.at = match.end()
        if self._at_end():
            raise ScriptError("bash: syntax error near unexpected token `newline'")
        if self._operator():
            self._unexpected()
        target = self._word().plain
        if both or (operator == ">&" and not stream and target == "/dev/null"):
            known = [Redirect(1, "null"), Redirect(2, "null")] if target == "/dev/null" else []
        else:
            known = _REDIRECTS.get((stream + operator.replace(">|", ">"), target or ""), [])
        if not known:
            raise NotModelled(
                f"redirecting with {match[0]} {target or '...'} is not modelled, "
                "only to /dev/null, 2>&1 and 1>&2 are"
            )
        return known

    # -- words ------------------------------------------------------------------------------------

    def _word(self) -> Word:
        parts: list[Part] = []
        while self.at < len(self.text) and self.text[self.at] not in _WORD_END:
            char = self.text[self.at]
            if char == "\\":
                parts.extend(self._escaped())
            elif char == "'":
                parts.append(self._single_quoted())
            elif char == '"':
                parts.extend(self._double_quoted())
            elif char in "$`" and (expansion := self._expansion(quoted=False)):
                parts.append(expansion)
            else:
                parts.append(self._plain())
        return Word(merged(parts))

    def _plain(self) -> Text:
        end = self.at + 1
        while end < len(self.text) and self.text[end] not in _PLAIN_END:
            end += 1
        text = self.text[self.at : end]
        self.at = end
        return Text(text)

    def _escaped(self) -> list[Part]:
        char = self.text[self.at + 1 : self.at + 2] or "\\"
        self.at += 2
        return [] if char == "\n" else [Text(char, quoted=True)]

    def _single_quoted(self) -> Text:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise _no_match("'")
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        return Text(text, quoted=True)

    def _double_quoted(self) -> list[Part]:
        parts: list[Part] = [Text("", quoted=True)]  # "" alone is a word, too
        self.at += 1
        while (char := self.text[self.at : self.at + 1]) != '"':
            if not char:
                raise _no_match('"')
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in tuple('$`"\\\n'):
                parts.extend(self._escaped())
            elif char in "$`" and (expansion := self._expansion(quoted=True)):
                parts.append(expansion)
            else:
                parts.append(Text(char, quoted=True))
                self.at += 1
        self.at += 1
        return parts

    def _expansion(self, *, quoted: bool) -> Expansion | None:
        """What begins with ``$`` or a backtick here; None when the ``$`` stands for itself."""
        if self.text[self.at] == "`":
            return self._backticks(quoted)
        match = _VARIABLE.match(self.text, self.at)
        if match:
            self.at = match.end()
            if match[2] and not quoted and self.text.startswith("{", self.at):
                # bash expands the braces first: $V{1,2} is $V1 and $V2
                raise NotModelled(f"${match[2]}{{...}} is not modelled; write ${{{match[2]}}}{{...}}")
            return Variable(match[1] or match[2], quoted)
        after = self.text[self.at + 1 : self.at + 2]
        if self.text.startswith("$((", self.at):
            raise NotModelled("arithmetic $((...)) is not modelled in this shell")
        if after == "(":
            inner = _Parser(self.text, self.depth + 1, nested=True)
            inner.at = self.at + 2
            script = inner.script(")")
            self.at = inner.at + 1
            return Substitution(script, quoted)
        if after == "{":
            if "}" not in self.text[self.at :]:
                raise _no_match("}")
            raise NotModelled("${...} with anything but a name in it is not modelled in this shell")
        if after and (after in "$!-" or (after in "'\"" and not quoted)):
            raise NotModelled(f"${after} is not modelled in this shell")
        return None

    def _backticks(self, quoted: bool) -> Substitution:
        match = _BACKTICKS.match(self.text, self.at)
        if match is None:
            raise _no_match("`")
        self.at = match.end()
        body = re.sub(r"\\([\\`$])", r"\1", match[1])
        return Substitution(_Parser(body, self.depth + 1).script(""), quoted)


def _no_match(char: str) -> ScriptError:
    return ScriptError(f"bash: unexpected EOF while looking for matching `{char}'")

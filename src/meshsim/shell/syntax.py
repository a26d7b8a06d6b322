"""The tree of a command line: frozen nodes, nothing that runs.

Room shell. What :mod:`meshsim.shell.line` builds and :mod:`meshsim.shell.evaluate` walks. Names follow
the POSIX grammar: a script is a list of and-or lists of pipelines of commands of words of parts.
"""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = [
    "AndOr",
    "Command",
    "Expansion",
    "ForLoop",
    "Part",
    "Pipeline",
    "Redirect",
    "Script",
    "Simple",
    "Substitution",
    "Text",
    "Variable",
    "Word",
]


@attrs.frozen
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool = False


@attrs.frozen
class Variable:
    """``$NAME`` or ``${NAME}``; the name may also be ``?``, a digit, ``#``, ``@`` or ``*``."""

    name: str
    quoted: bool = False


@attrs.frozen
class Substitution:
    """``$(script)`` or the same in backticks."""

    script: Script
    quoted: bool = False


Expansion = Variable | Substitution
Part = Text | Expansion


@attrs.frozen
class Word:
    """One word before expansion."""

    parts: tuple[Part, ...]

    @property
    def plain(self) -> str | None:
        """The text, if nothing in the word is quoted or expanded."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Text) and not self.parts[0].quoted:
            return self.parts[0].text
        return None


@attrs.frozen
class Redirect:
    """Where a stream goes: stream 0, 1 or 2 to ``null``, or 1 and 2 to where the other goes."""

    stream: Literal[0, 1, 2]
    to: Literal["null", 1, 2]


@attrs.frozen
class Simple:
    """Assignments, words and redirects; the first word names the command."""

    assignments: tuple[tuple[str, Word], ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@attrs.frozen
class ForLoop:
    """``for name in words; do body; done``."""

    name: str
    words: tuple[Word, ...]
    body: Script
    redirects: tuple[Redirect, ...] = ()


Command = Simple | ForLoop


@attrs.frozen
class Pipeline:
    """Commands joined by ``|``, perhaps with ``!`` in front."""

    commands: tuple[Command, ...]
    negated: bool = False


@attrs.frozen
class AndOr:
    """Pipelines joined by ``&&`` and ``||``."""

    first: Pipeline
    rest: tuple[tuple[Literal["&&", "||"], Pipeline], ...] = ()


@attrs.frozen
class Script:
    """What runs one after the other."""

    items: tuple[AndOr, ...] = ()

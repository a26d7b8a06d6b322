"""What a shell does to words while it parses: joining texts, finding assignments, expanding braces.

Room shell. In: words of the tree. Out: words. Rule of this file: pure functions; nothing quoted is
ever touched. Expansion of variables and commands is the evaluator's.
"""

from __future__ import annotations

import re

from meshsim.shell.syntax import Part, Text, Word

__all__ = ["as_assignment", "expand_braces", "merged"]

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_BRACES = re.compile(r"\{(?:(-?[0-9]{1,6})\.\.(-?[0-9]{1,6})|([^{},\s]*(?:,[^{},\s]*)+))\}")


def merged(parts: list[Part]) -> tuple[Part, ...]:
    """Join neighbouring texts of one kind, so that equal words are equal trees."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text) and part.quoted == last.quoted:
            joined[-1] = Text(last.text + part.text, part.quoted)
        else:
            joined.append(part)
    return tuple(joined)


def as_assignment(word: Word) -> tuple[str, Word] | None:
    """``NAME=value`` as name and value; the name may not be quoted."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Text) or first.quoted:
        return None
    match = _ASSIGNMENT.match(first.text)
    if match is None:
        return None
    rest = first.text[match.end() :]
    return match[1], Word((Text(rest), *word.parts[1:]) if rest else word.parts[1:])


def expand_braces(word: Word) -> list[Word]:
    """``a{1..3}`` and ``{a,b}`` as the words they stand for."""
    for index, part in enumerate(word.parts):
        match = _BRACES.search(part.text) if isinstance(part, Text) and not part.quoted else None
        if match and isinstance(part, Text):
            before, after = part.text[: match.start()], part.text[match.end() :]
            return [
                expanded
                for choice in _choices(match)
                for expanded in expand_braces(
                    Word((*word.parts[:index], Text(before + choice + after), *word.parts[index + 1 :]))
                )
            ]
    return [word]


def _choices(match: re.Match[str]) -> list[str]:
    first, last, names = match.groups()
    if names is not None:
        return str(names).split(",")
    start, end = int(first), int(last)
    step = 1 if start <= end else -1
    return [str(number) for number in range(start, end + step, step)]

"""Whether a command printed what a lesson expects, and where it did not.

Room shell. In: the expected lines, the text printed, and the ids met so far. Out: a :class:`Diff`. Rules of
this file: what differs from run to run is compared by its form (ages, clock times, milliseconds, dig's
query ids, digests, tokens) or one to one (ids); everything else is exact: texts, addresses, ports, counts,
order. Blanks at a line's end, the width of columns and blank lines around an output do not count. A line
``...`` stands for any lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

import attrs

__all__ = ["Diff", "IdMap", "compare"]

_CUT = 12  # docker shows this much of an id
_UNIT = "(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)"
_AGE = rf"(?:Less[ ]than[ ]a[ ]second|About[ ]an?[ ](?:minute|hour)|[0-9]+[ ]{_UNIT})"
_EDGE = r"(?<![0-9A-Za-z])"
_FORMS = re.compile(
    rf"""(?P<token>SWM(?:TKN|KEY)-1-[0-9A-Za-z+/-]+)
    |(?P<digest>sha256:[0-9a-f]{{64}})
    |(?P<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9:]{{8}}(?:\.[0-9]+)?
            (?:Z|[ ]?[+-][0-9:]{{4,5}}(?:[ ][A-Z]+)?)?
        |(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ ][A-Z][a-z]{{2}}[ ]+[0-9]{{1,2}}[ ][0-9:]{{8}}[ ][A-Z]+[ ][0-9]{{4}}
        |(?<![0-9A-Fa-f:.])[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?(?![0-9A-Fa-f:]))
    |(?P<age>{_AGE}(?=[ ]ago)|(?<=Up[ ]){_AGE})
    |(?P<ms>{_EDGE}[0-9.]+(?:/[0-9.]+)*[ ]?m(?:s|sec)\b)
    |(?P<query>(?<=,[ ]id:[ ])[0-9]+)
    |(?P<id>{_EDGE}(?:[0-9a-f]{{64}}|[0-9a-z]{{25}}|[0-9a-z]{{12}})(?![0-9A-Za-z]))""",
    re.VERBOSE,
)
_BLANKS = re.compile(r"[ \t]+")
_CONTEXT = 3


class IdMap:
    """Which id of the page is which id of this run: one to one, and kept over the whole lesson.

    A 12-character cut counts as the id it is the beginning of.

    Args:
        words: words that are never ids, whatever they look like (names somebody typed).

    >>> ids = IdMap()
    >>> ids.accept([("cf4fx7p2a75irup0pjafylpd4", "1111x7p2a75irup0pjafylpd4")])
    True
    >>> ids.accept([("cf4fx7p2a75i", "2222x7p2a75i")]), ids.accept([("cf4fx7p2a75i", "1111x7p2a75i")])
    (False, True)
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words = dict.fromkeys(words)
        self.forward: dict[str, str] = {}
        self.backward: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<IdMap of {len(self.forward)} ids>"

    def check(self) -> None:
        """Assert that the map is one to one."""
        assert {run: page for page, run in self.forward.items()} == self.backward

    def copy(self) -> IdMap:
        """An independent copy, to try something out."""
        other = IdMap()
        other.words = self.words
        other.forward = dict(self.forward)
        other.backward = dict(self.backward)
        return other

    def accept(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Take pairs of page id and run id into the map, all of them or none.

        Returns:
            Whether they agree with the map and with each other.
        """
        forward: dict[str, str] = {}
        backward: dict[str, str] = {}
        for page, run in pairs:
            if len(page) != len(run):
                return False
            for one, other in ((page, run), (page[:_CUT], run[:_CUT])):
                known = forward.get(one, self.forward.get(one, other))
                back = backward.get(other, self.backward.get(other, one))
                if known != other or back != one:
                    return False
                forward[one], backward[other] = other, one
        self.forward |= forward
        self.backward |= backward
        return True

    def is_id(self, text: str, side: dict[str, str]) -> bool:
        """Whether a text of the right form is an id; one of letters or digits alone must be known."""
        if text in self.words:
            return False
        if len(text) > _CUT or text in side:
            return True
        return not (text.isdigit() or text.isalpha())


@attrs.frozen
class Diff:
    """The outcome of a comparison.

    Attributes:
        same: whether the output is as expected.
        text: where it is not: lines with ``-`` were expected, those with ``+`` came; empty if same.
    """

    same: bool
    text: str = ""

    def __bool__(self) -> bool:
        return not self.same


@attrs.frozen
class _Line:
    """A line taken apart: its text with forms as ``<name>``, and its ids."""

    shape: str
    ids: tuple[str, ...]


def compare(expected: Sequence[str], actual: str, ids: IdMap | None = None) -> Diff:
    r"""Compare an output with what a lesson expects.

    Args:
        expected: the lines of the page.
        actual: what the terminal showed.
        ids: the ids met so far; learns those of this output if it is as expected.

    Returns:
        What differs.

    >>> compare(["Up 7 minutes   10.0.1.4"], "Up 2 seconds 10.0.1.4\n").same
    True
    >>> print(compare(["10.0.1.4"], "10.0.1.3\n").text)
    - 10.0.1.4
    + 10.0.1.3
    """
    ids = IdMap() if ids is None else ids
    page, run = _trimmed(expected), _trimmed(actual.split("\n"))
    trial = ids.copy()
    if _fits(
        [_read(line, trial, trial.forward) for line in page],
        [_read(line, trial, trial.backward) for line in run],
        trial,
    ):
        ids.forward, ids.backward = trial.forward, trial.backward
        return Diff(same=True)
    return Diff(same=False, text=_difference(page, run, ids.copy()))


def _trimmed(lines: Sequence[str]) -> list[str]:
    kept = [line.rstrip() for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    while kept and not kept[0]:
        kept.pop(0)
    return kept


def _read(line: str, ids: IdMap, side: dict[str, str]) -> _Line:
    found: list[str] = []

    def form(match: re.Match[str]) -> str:
        name = str(match.lastgroup)
        if name != "id":
            return f"<{name}>"
        if not ids.is_id(match[0], side):
            return match[0]
        found.append(match[0])
        return "<id>"

    shape = _FORMS.sub(form, line.rstrip())
    return _Line(_BLANKS.sub(" ", shape), tuple(found))


def _same(page: _Line, run: _Line, ids: IdMap) -> bool:
    return page.shape == run.shape and ids.accept(zip(page.ids, run.ids, strict=True))


def _fits(page: Sequence[_Line], run: Sequence[_Line], ids: IdMap) -> bool:
    """Whether the lines fit; the pieces between ``...`` are looked for from left to right."""
    pieces: list[list[_Line]] = [[]]
    for line in page:
        if line.shape.strip() == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    first, *others = pieces
    if not others:
        return len(page) == len(run) and _piece_fits(first, run, 0, ids)
    if not _piece_fits(first, run, 0, ids):
        return False
    at = len(first)
    for piece in others[:-1]:
        place = next(
            (start for start in range(at, len(run) + 1) if _piece_fits(piece, run, start, ids)), None
        )
        if place is None:
            return False
        at = place + len(piece)
    start = len(run) - len(others[-1])
    return start >= at and _piece_fits(others[-1], run, start, ids)


def _piece_fits(piece: Sequence[_Line], run: Sequence[_Line], start: int, ids: IdMap) -> bool:
    """Whether a piece stands at a place; the ids learn from it only if it does."""
    if start + len(piece) > len(run):
        return False
    trial = ids.copy()
    if not all(_same(line, run[start + index], trial) for index, line in enumerate(piece)):
        return False
    ids.forward, ids.backward = trial.forward, trial.backward
    return True


def _difference(page: Sequence[str], run: Sequence[str], ids: IdMap) -> str:
    """Line by line: what fits, with a few lines around what does not."""
    one = [_read(line, ids, ids.forward) for line in page]
    other = [_read(line, ids, ids.backward) for line in run]
    rows: list[tuple[str, str]] = []
    matcher = SequenceMatcher(
        None, [line.shape for line in one], [line.shape for line in other], autojunk=False
    )
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(range(i, i_end), range(j, j_end), strict=True):
                if _same(one[left], other[right], ids):
                    rows.append((" ", run[right]))
                else:
                    rows += [("-", page[left]), ("+", run[right])]
        else:
            rows += [("-", page[left]) for left in range(i, i_end)]
            rows += [("+", run[right]) for right in range(j, j_end)]
    return "\n".join(_with_context(rows))


def _with_context(rows: Sequence[tuple[str, str]]) -> list[str]:
    changed = [index for index, (sign, _) in enumerate(rows) if sign != " "]
    out: list[str] = []
    skipped = False
    for index, (sign, text) in enumerate(rows):
        if any(abs(index - other) <= _CONTEXT for other in changed):
            if skipped:
                out.append("  [...]")
            out.append(f"{sign} {text}".rstrip())
            skipped = False
        else:
            skipped = True
    return out

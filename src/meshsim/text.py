"""Plain text: aligned tables, cut texts and natural order (floor 0).

In: cells and widths. Out: text as docker's tables have it. Rules of the file: widths are counted
in display columns (East-Asian wide characters take two), and the last cell of a line is never
padded, so an empty last cell leaves blanks at the end of the line, as the real tables do.
Which columns a table has is not known here.

>>> print(table(("NETWORK ID", "NAME"), [("52b300415061", "bridge")]), end="")
NETWORK ID     NAME
52b300415061   bridge
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["TABLE_GAP", "TABLE_MIN_WIDTH", "align", "display_width", "ellipsis", "natural_key", "table"]

TABLE_MIN_WIDTH = 10
"""Least width of a column, its gap included; command lines before 19.03 have 20.

Source: docker/cli cli/command/formatter/formatter.go.
"""

TABLE_GAP = 3
"""Least blanks between columns. Source: docker/cli cli/command/formatter/formatter.go."""

_NATURAL = re.compile(r"0*([0-9]*)", re.ASCII)


def display_width(text: str) -> int:
    """Columns a text takes on a terminal.

    >>> display_width("host01"), display_width("你好")
    (6, 4)

    Source: docker/cli pkg/tabwriter and cli/command/formatter/displayutils.go charWidth.
    """
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def ellipsis(text: str, width: int) -> str:
    """Cut a text to a width; where something is cut stands ``…``.

    Args:
        text: any text.
        width: display columns, the ``…`` among them.

    Returns:
        The text, or its beginning and ``…``.

    >>> ellipsis('"docker-entrypoint.sh redis-server"', 20)
    '"docker-entrypoint.…'

    Source: docker/cli cli/command/formatter/displayutils.go Ellipsis.
    """
    if width <= 0:
        return ""
    if display_width(text) <= width:
        return text
    if width == 1:
        return text[0]  # the real one leaves the ellipsis out here
    room, kept = width - 1, 0
    while room >= _char_width(text[kept]):  # ends inside: the whole text is wider than the room
        room -= _char_width(text[kept])
        kept += 1
    return text[:kept] + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, min_width: int = TABLE_MIN_WIDTH) -> str:
    r"""Lay out a table as docker prints it.

    Args:
        header: column names.
        rows: cells of each row, as many as there are columns.
        min_width: least width of a column, gap included (20 for command lines before 19.03).

    Returns:
        Lines, each with a newline. O(cells).

    >>> table(("ID", "NAME", "PORTS"), [("1", "http", "")])
    'ID        NAME      PORTS\n1         http      \n'

    Source: docker/cli cli/command/formatter/formatter.go Context.postFormat (tabwriter 10, 1, 3).
    """
    return _lay_out([tuple(header), *map(tuple, rows)], min_width)


def align(text: str, *, min_width: int = TABLE_MIN_WIDTH) -> str:
    r"""Turn the tabs of a text into columns; a column is as wide as its run of lines needs.

    >>> print(align("NAME\tNODE\nlbapp1.1\thost01\n"), end="")
    NAME       NODE
    lbapp1.1   host01

    Source: go src/text/tabwriter, as ``--format "table ..."`` uses it.
    """
    lines = text.split("\n")
    laid_out = _lay_out([tuple(line.split("\t")) for line in lines], min_width)
    return laid_out[:-1]  # split has made one line more than there are newlines


def _lay_out(lines: list[tuple[str, ...]], min_width: int) -> str:
    widths: list[list[int]] = [[] for _ in lines]
    for column in range(max(map(len, lines)) - 1):
        block: list[int] = []
        for index in range(len(lines) + 1):
            if index < len(lines) and len(lines[index]) > column + 1:
                block.append(index)
            elif block:
                width = max(display_width(lines[at][column]) for at in block) + TABLE_GAP
                for at in block:
                    widths[at].append(max(width, min_width))
                block = []
    return "".join(map(_line, lines, widths))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell + " " * (width - display_width(cell)) for cell, width in zip(cells, widths, strict=False)]
    return "".join(padded) + cells[-1] + "\n"


def natural_key(text: str) -> tuple[tuple[int, int, str, int], ...]:
    """A sort key under which numbers in names count as numbers.

    Digits come before other characters; equal numbers order by their leading zeros.

    >>> sorted(["host10", "host2", "host02"], key=natural_key)
    ['host2', 'host02', 'host10']

    Source: fvbommel/sortorder natural.go NaturalLess.
    """
    key: list[tuple[int, int, str, int]] = []
    at = 0
    while at < len(text):
        number = _NATURAL.match(text, at)
        if number is not None and number.end() > at:
            digits = number[1]
            key.append((0, len(digits), digits, number.start(1) - at))
            at = number.end()
        else:
            key.append((1, ord(text[at]), "", 0))
            at += 1
    return tuple(key)

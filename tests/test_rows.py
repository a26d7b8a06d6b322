"""Every row of the control plane's tables is named by a test: ``test_3_8_5_to_7_quorum``, ``"2.5-8"``."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: table -> how many rows it has
TABLES = {"2.5": 15, "3.8": 21, "4.6": 13, "5.5": 17}
#: tests of the control plane say so at the top; other specifications have tables of the same numbers
TEXTS = [
    text
    for path in sorted(HERE.rglob("test_*.py"))
    if "control-plane" in (text := path.read_text(encoding="utf-8"))[:300].lower()
]


def rows(words: list[str]) -> Iterator[int]:
    """The rows of ``5 to 7 and 9``."""
    last, through = 0, False
    for word in words:
        if word.isdigit():
            yield from range(last + 1 if through else int(word), int(word) + 1)
            last = int(word)
        through = word == "to"


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_named(table):
    in_name = re.compile(rf"(?:test|and)_{table.replace('.', '_')}((?:_(?:\d+|to|and)(?=[_(]))+)")
    named = {row for text in TEXTS for found in in_name.findall(text) for row in rows(found.split("_"))}
    named |= {int(number) for text in TEXTS for number in re.findall(rf'"{re.escape(table)}-(\d+)', text)}
    assert sorted(named) == list(range(1, TABLES[table] + 1))

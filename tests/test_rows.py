"""Every row of the control plane's given-and-expected tables has a test that names it.

A test names rows in its name or text: ``test_7_6_3_...``, ``8_6_3_to_6``, ``7_6_11_and_12``, ``10.3-2``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: table of the specification -> how many rows it has
ROWS = {"6.8": 18, "7.6": 16, "8.6": 19, "9.4": 10, "10.3": 6}
_NAMED = re.compile(r"(?<![\d.])(\d+)[._](\d)[._ -]+(\d+)((?:_(?:to|and)_\d+)*)(?!\d)")
_MORE = re.compile(r"(to|and)_(\d+)")


def named() -> dict[str, set[int]]:
    """The rows that are named, by table."""
    found: dict[str, set[int]] = {}
    for path in (*TESTS.rglob("test_*.py"), *TESTS.rglob("*.txt")):
        if path == Path(__file__):
            continue
        for section, table, row, more in _NAMED.findall(path.read_text(encoding="utf-8")):
            rows = found.setdefault(f"{section}.{table}", set())
            last = int(row)
            rows.add(last)
            for word, number in _MORE.findall(more):
                rows |= set(range(last, int(number) + 1)) if word == "to" else {int(number)}
                last = int(number)
    return found


NAMED = named()


@pytest.mark.parametrize("table", ROWS)
def test_every_row_has_a_test_that_names_it(table):
    missing = set(range(1, ROWS[table] + 1)) - NAMED.get(table, set())
    assert not missing, f"rows {sorted(missing)} of table {table}"

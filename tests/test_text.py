"""Tables, cut texts and natural order."""

from __future__ import annotations

import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.text import align, display_width, ellipsis, natural_key, table


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            ("ID", "NAME", "MODE", "REPLICAS", "IMAGE", "PORTS"),
            "ID        NAME      MODE      REPLICAS   IMAGE     PORTS",
        ),
        (
            ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"),
            "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES",
        ),
        (("NETWORK ID", "NAME", "DRIVER", "SCOPE"), "NETWORK ID   NAME      DRIVER    SCOPE"),
        (("NAME", "SERVICES"), "NAME      SERVICES"),
    ],
)
def test_the_empty_tables_of_docker(header, line):
    assert table(header, []) == line + "\n"


def test_row_17_node_ls():
    own = "9qksq9kb8tt9i5un3y2eqbhlj *"
    other = "d20pvjiqlkfdrizz2s3kj05fb  "
    header = ("ID", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS", "ENGINE VERSION")
    rows = [
        (own, "host01", "Ready", "Active", "Leader", "28.2.2"),
        (other, "host02", "Ready", "Active", "", "28.2.2"),
    ]
    assert table(header, rows).splitlines() == [
        "ID                            HOSTNAME   STATUS    AVAILABILITY   MANAGER STATUS   ENGINE VERSION",
        f"{own}   host01     Ready     Active         Leader           28.2.2",
        f"{other}   host02     Ready     Active                          28.2.2",
    ]


def test_an_empty_last_cell_leaves_trailing_blanks():
    assert table(("A", "B", "C"), [("1", "", "")]) == "A         B         C\n1                   \n"


def test_before_19_03_columns_are_twenty_wide():
    assert table(("ID", "NAME"), [], min_width=20) == "ID                  NAME\n"


def test_wide_characters_take_two_columns():
    assert display_width("服务a") == 5
    assert table(("NAME", "N"), [("服务服务", "1"), ("服务", "2")]).splitlines()[1:] == [
        "服务服务   1",
        "服务       2",
    ]


def test_align_gives_every_run_of_lines_its_own_columns():
    text = "a\tb\nlonger than ten\tc\nno tab\nx\ty\tz\n\tq\n"
    assert align(text) == (
        "a                 b\nlonger than ten   c\nno tab\nx         y         z\n          q\n"
    )
    assert align("") == ""
    assert align("a\tb") == "a         b"


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "a"),
        ("abcd", 0, ""),
        ('"No such image: nosuch:latest on host"', 30, '"No such image: nosuch:latest…'),
        ("你好吗", 5, "你好…"),
        ("你好吗", 4, "你…"),
        ("你好吗", 6, "你好吗"),
        ("éa", 2, "éa"),
    ],
)
def test_ellipsis(text, width, cut):
    assert ellipsis(text, width) == cut


@given(st.text(), st.integers(2, 40))
def test_a_cut_text_fits(text, width):
    cut = ellipsis(text, width)
    assert display_width(cut) <= width
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


def test_natural_order():
    names = ["host10", "host2", "host", "host02", "host2b", "a-1", "a1", "Host1"]
    assert sorted(names, key=natural_key) == [
        "Host1",
        "a1",
        "a-1",
        "host",
        "host2",
        "host2b",
        "host02",
        "host10",
    ]


def naive_less(one: str, other: str) -> bool:
    """Natural order said another way: split into runs, compare numbers as numbers."""
    runs = [
        [(digit, "".join(run)) for digit, run in itertools.groupby(text, str.isdigit)]
        for text in (one, other)
    ]
    for (digit1, run1), (digit2, run2) in zip(*runs, strict=False):
        if digit1 != digit2:
            # a run of letters ended earlier than the other: digits come before letters
            return digit1
        if not digit1:
            if run1 == run2:
                continue
            if run1.startswith(run2) or run2.startswith(run1):
                rest1, rest2 = one[one.index(run1) :], other[other.index(run2) :]
                common = min(len(run1), len(run2))
                return [(not c.isdigit(), c) for c in rest1[common:]] < [
                    (not c.isdigit(), c) for c in rest2[common:]
                ]
            return run1 < run2
        if (int(run1), len(run1)) != (int(run2), len(run2)):
            return (int(run1), len(run1)) < (int(run2), len(run2))
    return len(one) < len(other)


@given(st.lists(st.from_regex(r"[a-c]{0,1}[0-9]{0,3}[-x]?[0-9]{0,2}", fullmatch=True), max_size=6))
def test_natural_order_agrees_with_the_plain_reading(names):
    by_comparison = sorted(
        names, key=functools.cmp_to_key(lambda a, b: -1 if naive_less(a, b) else int(naive_less(b, a)))
    )
    assert sorted(names, key=natural_key) == by_comparison

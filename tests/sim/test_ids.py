"""Identifiers: control-plane 1."""

import re
from collections import Counter

import pytest

from meshsim.sim import Streams, base36, container_id, object_id, short


def test_object_ids_have_25_base36_digits_and_do_not_repeat():
    rng = Streams(0)["ids"]
    ids = [object_id(rng) for _ in range(2000)]
    assert all(re.fullmatch(r"[0-9a-z]{25}", i) for i in ids)
    assert len(set(ids)) == len(ids)


def test_the_first_character_is_not_uniform():
    # 0-g about half as likely as i-z: measured on the real recipe (control-plane 1).
    rng = Streams(0)["ids"]
    first = Counter(object_id(rng)[0] for _ in range(40_000))
    low = sum(first[c] for c in "0123456789abcdefg") / 17
    high = sum(first[c] for c in "ijklmnopqrstuvwxy") / 17
    assert low / high == pytest.approx(0.5, abs=0.05)


def test_container_ids_are_64_hex_digits():
    identifier = container_id(Streams(0)["containers"])
    assert re.fullmatch(r"[0-9a-f]{64}", identifier)
    assert short(identifier) == identifier[:12]


@pytest.mark.parametrize(
    ("number", "width", "text"), [(0, 0, "0"), (0, 3, "000"), (1295, 0, "zz"), (46656, 0, "1000")]
)
def test_base36(number, width, text):
    assert base36(number, width) == text
    assert int(text, 36) == number

"""Tokens and keys as text. Rows of control-plane 2.1, 2.2, 2.4, 2.5-1."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.errors import InvalidParameter, InvalidUnlockKey, JoinRefused
from meshsim.manager.maporder import map_order
from meshsim.manager.tokens import (
    ca_digest,
    check_fingerprint,
    check_unlock_key,
    join_token,
    parse_join_token,
    parse_unlock_key,
    unlock_key,
)
from meshsim.sim import Streams

TUTORIAL = "SWMTKN-1-5b3w5w10px9ok0t39zs1nujng8x37rcapfkg885hmrokb5wvqi-9v45djurbjeajp3ln80zqcevu"
DIGEST, SECRET = TUTORIAL.split("-")[2:]


def test_2_5_1_form():
    rng = Streams(0)["tokens"]
    digest = ca_digest(rng)
    worker, manager = join_token(digest, rng), join_token(digest, rng)
    for token in (worker, manager):
        assert re.fullmatch(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", token)
        assert len(token) == 85
        assert parse_join_token(token).digest == digest
    assert worker.split("-")[2] == manager.split("-")[2]
    assert worker != manager


def test_2_1_check_value_of_the_tutorial():
    token = parse_join_token(TUTORIAL)
    assert token.digest == "d4fd944987ac6b3b724a38b20064cfbc795fb80891d605d7c3e046f96642d9aa"
    assert token.secret == SECRET
    assert not token.fips


@given(st.integers(0, (1 << 256) - 1))
def test_the_digest_survives(number):
    digest = f"{number:064x}"
    assert parse_join_token(join_token(digest, Streams(1)["t"])).digest == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foobaz",
        "SWMTKN-1",
        f"SWMTKN-3-{DIGEST}-{SECRET}",
        f"SWMTKM-1-{DIGEST}-{SECRET}",
        f"SWMTKN-1-{DIGEST}x-{SECRET}",
        f"SWMTKN-1-{DIGEST}-{SECRET}x",
        f"SWMTKN-1-0-{DIGEST}-{SECRET}",
        f"SWMTKN-2-{DIGEST}-{SECRET}",
        f"SWMTKN-2-2-{DIGEST}-{SECRET}",
        f" {TUTORIAL}",
    ],
)
def test_2_2_malformed(text):
    with pytest.raises(JoinRefused) as refusal:
        parse_join_token(text)
    assert str(refusal.value) == "invalid join token"


def test_2_1_version_2_and_odd_characters():
    assert parse_join_token(f"SWMTKN-2-1-{DIGEST}-{SECRET}").fips
    assert not parse_join_token(f"SWMTKN-2-0-{DIGEST}-{SECRET}").fips
    assert (
        parse_join_token(TUTORIAL.replace(DIGEST, DIGEST.upper())).digest == parse_join_token(TUTORIAL).digest
    )
    odd, zero = (parse_join_token(f"SWMTKN-1-{c}{DIGEST[1:]}-{'!' * 25}") for c in "!0")
    assert odd.digest == zero.digest


def test_2_1_a_digest_too_large():
    with pytest.raises(JoinRefused, match="invalid checksum digest length"):
        parse_join_token(f"SWMTKN-1-{'z' * 50}-{SECRET}")


def test_2_2_fingerprint():
    token = parse_join_token(TUTORIAL)
    check_fingerprint(token, token.digest)
    with pytest.raises(JoinRefused) as refusal:
        check_fingerprint(token, "ab" * 32)
    assert str(refusal.value) == f"remote CA does not match fingerprint. Expected: {token.digest}"


def test_2_4_unlock_keys():
    key = unlock_key(Streams(0)["tokens"])
    assert re.fullmatch(r"SWMKEY-1-[A-Za-z0-9+/]{43}", key)
    assert len(parse_unlock_key(key)) == 32
    check_unlock_key(key, key)
    with pytest.raises(InvalidUnlockKey, match="swarm could not be unlocked: invalid key provided"):
        check_unlock_key(key[:-2] + "AA", key)
    with pytest.raises(InvalidParameter, match="invalid key string"):
        check_unlock_key("nonsense", key)


@pytest.mark.parametrize(
    "text", ["", "SWMKEY-1-", "SWMKEY-2-abcd", "nonsense", "SWMKEY-1-a", "SWMKEY-1-YQ==", "SWMKEY-1-?"]
)
def test_20_an_unlock_key_of_no_form(text):
    with pytest.raises(InvalidParameter, match="invalid key string"):
        parse_unlock_key(text)


# -- the order of Go's maps, ground truth 25 and 27


def test_up_to_eight_are_rotated():
    rng = Streams(3)["ties"]
    for count in range(2, 9):
        natural = list(range(count))
        rotations = {tuple(natural[i:] + natural[:i]) for i in range(count)}
        seen = {tuple(map_order(natural, rng)) for _ in range(400)}
        assert seen == rotations


def test_two_keep_their_order_seven_times_in_eight():
    rng = Streams(0)["ties"]
    natural = sum(map_order([1, 2], rng) == [1, 2] for _ in range(8000))
    assert abs(natural - 7000) < 150


@pytest.mark.parametrize(("count", "groups"), [(9, 2), (14, 2), (15, 4), (28, 4), (29, 8), (56, 8), (57, 16)])
def test_more_than_eight_fall_into_groups(count, groups):
    rng = Streams(count)["ties"]
    for _ in range(50):
        order = map_order(range(count), rng)
        assert sorted(order) == list(range(count))
        falls = sum(b < a for a, b in pairwise(order))
        assert 0 < falls <= groups


def test_without_a_generator_the_order_stays():
    assert map_order("cab", None) == ["c", "a", "b"]
    assert map_order([1], Streams(0)["ties"]) == [1]

"""Room sim: identifiers as SwarmKit and the engine make them.

Comes in: a generator. Goes out: texts. Rule of this file: the exact recipes, so that lengths,
alphabets and distributions are the real ones; drawn from a seeded stream they are reproducible.
"""

from __future__ import annotations

from random import Random

__all__ = ["ALPHABET", "base36", "container_id", "object_id", "short"]

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_FOUR_DIGITS = 36**4
_BITS = 17 * 8


def base36(number: int, width: int = 0) -> str:
    """Write a non-negative integer in base 36, left-padded with zeros to ``width``.

    >>> base36(35), base36(36, 5)
    ('z', '00010')
    """
    text = ""
    while number >= _FOUR_DIGITS:
        number, low = divmod(number, _FOUR_DIGITS)
        text = f"{_PAIRS[low // 1296]}{_PAIRS[low % 1296]}{text}"
    text = f"{_PAIRS[number // 1296]}{_PAIRS[number % 1296]}{text}"
    return text.lstrip("0").rjust(max(width, 1), "0")


def object_id(rng: Random) -> str:
    """Make the 25-character id of a node, service, task, network, secret, config or swarm.

    17 random bytes, top bit forced to 1, printed in base 36 (always 27 digits), first and last dropped.

    Source: swarmkit identity/randomid.go NewID.
    """
    return base36(rng.getrandbits(_BITS) | 1 << (_BITS - 1))[1:26]


def container_id(rng: Random) -> str:
    """Make the 64 hexadecimal digits of a container or of a local network."""
    return f"{rng.getrandbits(256):064x}"


def short(identifier: str) -> str:
    """The 12 characters by which tables show an id, and containers call themselves."""
    return identifier[:12]

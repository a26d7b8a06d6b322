"""Balancer mh: Maglev hashing.

In: the kernel list of destinations and the client's address. Out: the destination that the client's
slot of a prime-sized table belongs to. Each destination walks the table in an order of its own and
takes free slots in turn; so shares are even, and when one leaves, few slots of the others move.
Rule of the file: everything is a pure function of the list and the flow.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow, address_number

__all__ = ["Maglev"]

SIZES = (251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071)
"""The table sizes a kernel can be built with; Debian's is the fifth.

Source: linux net/netfilter/ipvs/ip_vs_mh.c primes, IP_VS_MH_TAB_INDEX.
"""

DEFAULT_SIZE = 4093
SHIFT_BITS = 6
"""Source: linux net/netfilter/ipvs/ip_vs_mh.c IP_VS_MH_TAB_BITS (12 / 2)."""

KEY_1 = 2654435761
KEY_2 = 2654446892
"""Source: linux net/netfilter/ipvs/ip_vs_mh.c generate_hash_secret."""

_MASK = (1 << 64) - 1


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotate(v1, 17) ^ v2
    return v0, v1, _rotate(v2, 32), v3


def hsiphash(value: int, key: int) -> int:
    """The kernel's half SipHash of one 32-bit value, on a 64-bit machine: SipHash-1-3, low half.

    Args:
        value: 32 bits.
        key: both halves of the 128-bit key.

    Source: linux lib/siphash.c hsiphash_1u32.
    """
    v0 = 0x736F6D6570736575 ^ key
    v1 = 0x646F72616E646F6D ^ key
    v2 = 0x6C7967656E657261 ^ key
    v3 = 0x7465646279746573 ^ key
    block = 4 << 56 | value
    v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ block)
    v0 ^= block
    v2 ^= 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return (v0 ^ v1 ^ v2 ^ v3) & 0xFFFFFFFF


def _hash(address: str, port: int, key: int, offset: int = 0) -> int:
    return hsiphash(address_number(address) + port + offset & 0xFFFFFFFF, key)


class _Walker:
    """One destination on its way through the table."""

    __slots__ = ("destination", "skip", "slot", "turns")

    def __init__(self, destination: Destination, turns: int, skip: int, slot: int) -> None:
        self.destination = destination
        self.turns = turns
        self.skip = skip
        self.slot = slot


class Maglev:
    """mh: the client's address chooses; a change of the list disturbs few clients.

    Weights are taken by their last value above 0, so draining a destination moves nobody else.

    Args:
        fallback: flag mh-fallback: try other slots when the chosen destination cannot be used.
        port: flag mh-port: the client's port takes part in the hash.
        size: slots of the table, a prime.

    Complexity: O(1) per pick; about O(size * log size) per change.

    Source: linux net/netfilter/ipvs/ip_vs_mh.c.
    """

    __slots__ = ("_fallback", "_port", "_size", "_slots")
    sees_all = True

    def __init__(self, *, fallback: bool = False, port: bool = False, size: int = DEFAULT_SIZE) -> None:
        self._fallback = fallback
        self._port = port
        self._size = size
        self._slots: list[Destination | None] = []

    @property
    def size(self) -> int:
        """How many slots the table has."""
        return self._size

    def server_of(self, slot: int) -> Destination | None:
        """Whose slot it is; None when nobody has one."""
        return self._slots[slot] if self._slots else None

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The destination of the client's slot."""
        if not self._slots:
            return None
        address, port = flow.source
        if not self._port:
            port = 0
        slot = _hash(address, port, KEY_1) % self._size
        destination = self._slots[slot]
        if destination is not None and destination.usable:
            return destination
        return self._other(slot, address, port) if self._fallback else None

    def _other(self, slot: int, address: str, port: int) -> Destination | None:
        for offset in range(self._size):
            probe = _hash(address, port, KEY_1, (offset + slot) % self._size) % self._size
            destination = self._slots[probe]
            if destination is not None and destination.usable:
                return destination
        return None

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """Fill the table."""
        self._fill(destinations)

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """Fill the table anew."""
        self._fill(destinations)

    removed = added
    changed = added

    def _fill(self, destinations: Sequence[Destination]) -> None:
        """Let each destination take its turns' worth of free slots, round after round."""
        size = self._size
        walkers = self._walkers(destinations)
        slots: list[Destination | None] = [None] * size if walkers else []
        self._slots = slots
        if not walkers:
            return
        free = size
        while True:
            for walker in walkers:
                slot = walker.slot
                for _ in range(walker.turns):
                    while slots[slot] is not None:
                        slot = (slot + walker.skip) % size
                    slots[slot] = walker.destination
                    free -= 1
                    if not free:
                        return
                walker.slot = slot

    def _walkers(self, destinations: Sequence[Destination]) -> list[_Walker]:
        weights = [destination.last_weight for destination in destinations if destination.last_weight]
        if not weights:
            return []
        unit = gcd(*weights)
        shift = max(0, (max(weights) // unit).bit_length() - SHIFT_BITS)
        return [
            _Walker(
                destination,
                destination.last_weight // unit >> shift or 1,
                _hash(destination.address, destination.port, KEY_2) % (self._size - 1) + 1,
                _hash(destination.address, destination.port, KEY_1) % self._size,
            )
            for destination in destinations
            if destination.last_weight
        ]

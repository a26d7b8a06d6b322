"""Balancers sh and dh: a table of 256 buckets.

In: the kernel list of destinations, and one address of the flow. Out: the destination in the bucket
that address hashes to. The tables are built when the list changes and are pure functions of it.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Sequence

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow, address_number

__all__ = ["DestinationHash", "SourceHash"]

BITS = 8
"""Source: linux net/netfilter/ipvs/Kconfig CONFIG_IP_VS_SH_TAB_BITS, ip_vs_dh.c IP_VS_DH_TAB_BITS."""

SIZE = 1 << BITS
_GOLDEN_RATIO = 0x61C88647
"""Source: linux include/linux/hash.h GOLDEN_RATIO_32."""


def hash_32(value: int) -> int:
    """The top bits of a multiplication modulo 2**32.

    Source: linux include/linux/hash.h hash_32.
    """
    return (value * _GOLDEN_RATIO & 0xFFFFFFFF) >> (32 - BITS)


class SourceHash:
    """sh: the client's address chooses, so a client stays with its server.

    Each destination holds as many buckets in a row as it weighs; one of weight 0 still holds one, and
    clients hashed there are refused unless `fallback` is on.

    Args:
        fallback: flag sh-fallback: try other buckets when the chosen destination cannot be used.
        port: flag sh-port: the client's port takes part in the hash.

    Complexity: O(1) per pick, O(256) with fallback; O(256) per change.

    Source: linux net/netfilter/ipvs/ip_vs_sh.c.
    """

    __slots__ = ("_buckets", "_fallback", "_port")
    sees_all = True

    def __init__(self, *, fallback: bool = False, port: bool = False) -> None:
        self._fallback = fallback
        self._port = port
        self._buckets: list[Destination] = []

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The destination of the client's bucket."""
        buckets = self._buckets
        if not buckets:
            return None
        address, port = flow.source
        number = address_number(address) + (port if self._port else 0)
        place = hash_32(number)
        destination = buckets[place]
        if destination.usable:
            return destination
        return self._other(place) if self._fallback else None

    def _other(self, place: int) -> Destination | None:
        # The kernel adds the hash to an offset that already contains it; so the probes start at 2h.
        for offset in range(SIZE):
            probe = (offset + place) % SIZE
            destination = self._buckets[(probe + place) % SIZE]
            if destination.usable:
                return destination
        return None

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """Build the table."""
        self._build(destinations)

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """Build the table anew."""
        self._build(destinations)

    removed = added
    changed = added

    def _build(self, destinations: Sequence[Destination]) -> None:
        self._buckets = []
        while destinations and len(self._buckets) < SIZE:
            for destination in destinations:
                # No more than there is room for: a weight may be two thousand million.
                self._buckets += [destination] * min(max(1, destination.weight), SIZE)
        del self._buckets[SIZE:]


class DestinationHash:
    """dh: the virtual address chooses; useful only where one service covers many addresses.

    Destinations take the buckets in turn, whatever they weigh; editing a weight rebuilds nothing.

    Complexity: O(1) per pick, O(256) per added or removed destination.

    Source: linux net/netfilter/ipvs/ip_vs_dh.c.
    """

    __slots__ = ("_buckets",)
    sees_all = True

    def __init__(self) -> None:
        self._buckets: list[Destination] = []

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The destination of the virtual address's bucket."""
        if not self._buckets:
            return None
        destination = self._buckets[hash_32(address_number(flow.destination[0]))]
        return destination if destination.usable else None

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """Build the table."""
        self._build(destinations)

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """Build the table anew."""
        self._build(destinations)

    removed = added

    def _build(self, destinations: Sequence[Destination]) -> None:
        count = len(destinations)
        self._buckets = [destinations[bucket % count] for bucket in range(SIZE)] if count else []

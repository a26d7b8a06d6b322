"""Balancers fo and ovf, and none: the heaviest takes all, while it can.

In: the kernel list of destinations. Out: the one with the largest weight, on a tie the one nearer the
head (added later). No state.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Sequence

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow

__all__ = ["Failover", "Nothing", "Overflow"]


def _weight(destination: Destination) -> int:
    return destination.weight


class Failover:
    """fo: the largest weight; the next one when that is overloaded or set to 0.

    Complexity: O(destinations).

    Source: linux net/netfilter/ipvs/ip_vs_fo.c.
    """

    __slots__ = ()
    sees_all = True

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first of the heaviest usable destinations."""
        usable = [destination for destination in destinations if destination.usable]
        return max(usable, key=_weight, default=None)


class Overflow:
    """ovf: as fo, but a destination overflows once it has more active connections than weight.

    Complexity: O(destinations).

    Source: linux net/netfilter/ipvs/ip_vs_ovf.c.
    """

    __slots__ = ()
    sees_all = True

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first of the heaviest usable destinations that are not full."""
        usable = [
            destination
            for destination in destinations
            if destination.usable and destination.active <= destination.weight
        ]
        return max(usable, key=_weight, default=None)


class Nothing:
    """none: no scheduler; every new connection is refused.

    Source: linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_add_service (scheduler name "none").
    """

    __slots__ = ()
    sees_all = True

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """Nobody."""
        return None

"""Balancers lc, wlc, sed and nq: the least loaded.

In: the kernel list of destinations, head first. Out: the one with the least load, on equal load the
one nearer the head (added later). No state: the counters are the table's. Loads are compared by cross
products, so there is no division and no rounding.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow

__all__ = [
    "LeastConnections",
    "NeverQueue",
    "Overhead",
    "ShortestExpectedDelay",
    "WeightedLeastConnections",
    "lightest",
]


class Overhead:
    """How loaded a destination is: active connections weigh much, inactive ones 1.

    Args:
        active_weight: weight of an active connection; 257 since the counter rework that 6.1.192 has,
            256 before it.

    Source: linux include/net/ip_vs.h ip_vs_dest_conn_overhead.
    """

    __slots__ = ("_active_weight",)

    def __init__(self, active_weight: int = 257) -> None:
        self._active_weight = active_weight

    def __call__(self, destination: Destination) -> int:
        """The load of one destination."""
        return self._active_weight * destination.active + destination.inactive


def lightest(destinations: Iterable[Destination], load: Callable[[Destination], int]) -> Destination | None:
    """The usable destination with the least load per weight; the earlier one on a tie.

    Complexity: O(destinations).

    Source: linux net/netfilter/ipvs/ip_vs_wlc.c ip_vs_wlc_schedule.
    """
    least: Destination | None = None
    least_load = 0
    for destination in destinations:
        if destination.usable:
            own = load(destination)
            if least is None or least_load * destination.weight > own * least.weight:
                least, least_load = destination, own
    return least


class LeastConnections:
    """lc: the least overhead, whatever the weights.

    Source: linux net/netfilter/ipvs/ip_vs_lc.c.
    """

    __slots__ = ("_overhead",)
    sees_all = True

    def __init__(self, active_weight: int = 257) -> None:
        self._overhead = Overhead(active_weight)

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first of the least loaded. Complexity: O(destinations)."""
        usable = [destination for destination in destinations if destination.usable]
        return min(usable, key=self._overhead, default=None)


class WeightedLeastConnections:
    """wlc: the least overhead per weight; ipvsadm's default.

    Source: linux net/netfilter/ipvs/ip_vs_wlc.c.
    """

    __slots__ = ("_overhead",)
    sees_all = True

    def __init__(self, active_weight: int = 257) -> None:
        self._overhead = Overhead(active_weight)

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first with the least load per weight. Complexity: O(destinations)."""
        return lightest(destinations, self._overhead)


def _delay(destination: Destination) -> int:
    """Active connections, with the one to come."""
    return destination.active + 1


class ShortestExpectedDelay:
    """sed: as wlc, counting the connection to come and no inactive ones.

    Source: linux net/netfilter/ipvs/ip_vs_sed.c.
    """

    __slots__ = ()
    sees_all = True

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first with the least (active + 1) per weight. Complexity: O(destinations)."""
        return lightest(destinations, _delay)


class NeverQueue:
    """nq: the first idle destination; as sed when none is idle.

    Source: linux net/netfilter/ipvs/ip_vs_nq.c.
    """

    __slots__ = ()
    sees_all = True

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first usable one without active connections, else sed's. Complexity: O(destinations)."""
        for destination in destinations:
            if destination.usable and not destination.active:
                return destination
        return lightest(destinations, _delay)

"""Balancer twos: the better of two random choices.

In: the kernel list of destinations and a random stream. Out: the less loaded of two destinations drawn
by weight. Random, so only its proportions can be compared with a kernel's.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from meshsim.ipvs.balancers.least import Overhead
from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow

__all__ = ["PowerOfTwo"]


class PowerOfTwo:
    """twos: draw two, keep the less loaded.

    Args:
        rng: what it draws from.
        active_weight: see :class:`~meshsim.ipvs.balancers.least.Overhead`.

    Complexity: O(destinations).

    Source: linux net/netfilter/ipvs/ip_vs_twos.c.
    """

    __slots__ = ("_overhead", "_rng")
    sees_all = True

    def __init__(self, rng: Random, active_weight: int = 257) -> None:
        self._rng = rng
        self._overhead = Overhead(active_weight)

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The second draw if it is less loaded per weight, else the first."""
        usable = [destination for destination in destinations if destination.usable]
        if not usable:
            return None
        total = sum(destination.weight for destination in usable)
        first = _draw(usable, self._rng.randint(0, total))
        second = _draw(usable, self._rng.randint(0, total))
        if second.weight * self._overhead(first) > first.weight * self._overhead(second):
            return second
        return first


def _draw(usable: Sequence[Destination], number: int) -> Destination:
    """The destination in whose stretch of the weights `number` falls.

    Numbers run from 0 to the sum inclusive, which gives the first one a slot too many, as in the kernel.
    """
    for destination in usable[:-1]:
        number -= destination.weight
        if number <= 0:
            return destination
    return usable[-1]

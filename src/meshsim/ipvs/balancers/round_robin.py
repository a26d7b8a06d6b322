"""Balancers rr and wrr: taking turns.

In: the kernel list of destinations, head first. Out: the next in turn. Both keep their place as the
kernel does: rr on a destination, so that changes elsewhere do not disturb it; wrr starts its pass anew
after every change. They go round in strict cycles, so what n connections would do has a closed form.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow

__all__ = ["RoundRobin", "WeightedRoundRobin"]

#: so many turns of rr are laid out at once: beginning a round costs more than a turn
_TURNS = 32


class RoundRobin:
    """rr: one after the other, newest first; a weight only says whether a destination takes part.

    The cursor is the destination that was picked last, or None at the very start (the kernel's list
    head). ``_rest`` holds what stands behind it, for a few rounds when the list is short.

    Complexity: O(1) per pick plus one step per unusable destination; O(destinations) per change.

    Source: linux net/netfilter/ipvs/ip_vs_rr.c.
    """

    __slots__ = ("_last", "_rest")
    sees_all = True
    sees_flow = False

    def __init__(self) -> None:
        self._last: Destination | None = None
        self._rest: Iterator[Destination] = iter(())

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The first usable destination behind the cursor, then from the head."""
        for destination in self._rest:
            if destination.usable:
                self._last = destination
                return destination
        return self._next_round(destinations)

    def _next_round(self, destinations: Sequence[Destination]) -> Destination | None:
        # What stands behind the cursor is known to be unusable, so walking the whole list finds the
        # same destination as the kernel, which stops at the cursor's own.
        rounds = 1 + _TURNS // (len(destinations) or 1)
        self._rest = iter([*destinations] * rounds)
        for destination in self._rest:
            if destination.usable:
                self._last = destination
                return destination
        self._resume(destinations)
        return None

    def _resume(self, destinations: Sequence[Destination]) -> None:
        self._rest = iter(destinations[self._place(destinations) + 1 :])

    def _place(self, destinations: Sequence[Destination]) -> int:
        return -1 if self._last is None else destinations.index(self._last)

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """Start at the head."""
        self._resume(destinations)

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """The cursor stays: the newcomer at the head waits for the end of the round."""
        self._resume(destinations)

    def removed(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """A cursor that stood there moves back by one, so its successor is still next."""
        if destination is self._last:
            self._last = destinations[position - 1] if position else None
        self._resume(destinations)

    def tally(self, destinations: Sequence[Destination], count: int) -> list[int]:
        """Whole rounds, and one more for those the last part of a round reaches."""
        start = self._place(destinations) + 1
        order = [*range(start, len(destinations)), *range(start)]
        turns = [index for index in order if destinations[index].usable]
        counts = [0] * len(destinations)
        if turns:
            rounds, more = divmod(count, len(turns))
            for place, index in enumerate(turns):
                counts[index] = rounds + (place < more)
        return counts


class WeightedRoundRobin:
    """wrr: passes over the list with a falling threshold; who weighs at least that much answers once.

    The thresholds run from ``mw`` down to 1 in steps of ``di``, the greatest common divisor of the
    weights. A fresh service begins with the pass of threshold 1, so everybody answers once before the
    heavy ones get their share.

    Complexity: O(destinations) per pass; a pick takes one step per destination it skips.

    Source: linux net/netfilter/ipvs/ip_vs_wrr.c.
    """

    __slots__ = ("_cursor", "_cw", "_di", "_mw")
    sees_all = True
    sees_flow = False

    def __init__(self) -> None:
        self._cursor = -1  # index of the last pick; -1 is the list head
        self._cw = 0  # threshold of the current pass
        self._mw = 0  # threshold of the first pass of a cycle
        self._di = 1  # step between passes

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The next in this pass, or in the passes after it."""
        if not self._mw:
            return None
        start = self._cursor
        stop = None
        last_pass = restarted = False
        place = start
        while True:
            for index in range(place + 1, len(destinations)):
                destination = destinations[index]
                if destination.weight >= self._cw and not destination.overloaded:
                    self._cursor = index
                    return destination
                if index == stop:
                    self._cursor = index
                    return None
            self._cw -= self._di
            if self._cw <= 0:
                self._cw = self._mw
                if last_pass or start < 0:
                    self._cursor = -1
                    return None
                restarted = True
            last_pass = self._cw <= self._di
            if last_pass and restarted and start >= 0:
                stop = start
            place = -1

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """Start with the highest threshold, at the head."""
        self._measure(destinations)
        self._cw = self._mw

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None:
        """Measure the weights anew and start the pass again, keeping its threshold in step."""
        self._measure(destinations)
        self._cursor = -1
        if self._cw > self._mw or not self._cw:
            self._cw = self._mw
        elif self._di > 1:
            self._cw = self._cw // self._di * self._di + 1

    removed = added
    changed = added

    def _measure(self, destinations: Sequence[Destination]) -> None:
        weights = [destination.weight for destination in destinations if destination.weight]
        self._di = gcd(*weights) or 1
        self._mw = max(weights, default=0) - (self._di - 1)

    def tally(self, destinations: Sequence[Destination], count: int) -> list[int]:
        """The rest of this pass, the passes down to 1, whole cycles, and a part of a last cycle."""
        weights = [destination.weight for destination in destinations]
        counts = [0] * len(weights)
        if self._mw:
            left = _one_pass(weights, self._cursor + 1, self._cw, count, counts)
            left = _passes(weights, self._cw - self._di, self._di, left, counts)
            cycle = [weight // self._di for weight in weights]
            cycles, left = divmod(left, sum(cycle))
            for index, turns in enumerate(cycle):
                counts[index] += cycles * turns
            _passes(weights, self._mw, self._di, left, counts)
        return counts


def _one_pass(weights: list[int], place: int, threshold: int, count: int, counts: list[int]) -> int:
    """Add what one pass gives, at most `count`; how many are left."""
    for index in range(place, len(weights)):
        if count and weights[index] >= threshold:
            counts[index] += 1
            count -= 1
    return count


def _passes(weights: list[int], threshold: int, step: int, count: int, counts: list[int]) -> int:
    """Add what all passes from `threshold` down give, at most `count`; how many are left.

    The number of picks grows with the number of passes, so the number of whole passes that fit is
    found by bisection.
    """
    available = max(0, -(-threshold // step))
    low, high = 0, available
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_turns(weights, threshold, step, middle)) <= count:
            low = middle
        else:
            high = middle - 1
    turns = _turns(weights, threshold, step, low)
    for index, more in enumerate(turns):
        counts[index] += more
    count -= sum(turns)
    if low < available:
        count = _one_pass(weights, 0, threshold - low * step, count, counts)
    return count


def _turns(weights: list[int], threshold: int, step: int, passes: int) -> list[int]:
    """How often each answers in the first `passes` passes: in all those its weight reaches."""
    last = threshold - (passes - 1) * step
    return [
        0 if weight < last else min(passes, (min(weight, threshold) - last) // step + 1) if passes else 0
        for weight in weights
    ]

"""Room ipvs: a queue of timers for connection entries.

In: records with the instant they want to be looked at. Out: those whose instant has come, in order.
Connection time-outs are long and their number is large, while the nearest second holds few of them; so
timers lie unsorted in buckets of about a second, and a bucket is sorted when its time comes.

It does not know what a record is. Nothing is ever taken out: a record that changed its mind is skipped
by its owner when it turns up.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from heapq import heappop, heappush
from operator import itemgetter
from typing import Generic, TypeAlias, TypeVar

__all__ = ["Timers"]

R = TypeVar("R")
Item: TypeAlias = tuple[int, R]

BUCKET_BITS = 30
"""A bucket spans 2**30 nanoseconds, a little more than a second."""

_NEVER = 1 << 62
_WHEN = itemgetter(0)


class Timers(Generic[R]):
    """Records by instant; equal instants in the order they were added.

    Attributes:
        first_ns: nothing in the queue is due before.

    >>> timers = Timers()
    >>> for when_ns, name in ((7, "b"), (5, "a"), (1 << 40, "c")):
    ...     timers.add(when_ns, name)
    >>> list(timers.due(7))
    [(5, 'a'), (7, 'b')]
    >>> timers.first_ns <= 1 << 40
    True
    """

    __slots__ = ("_buckets", "_index", "_next", "_order", "_sorted", "first_ns")

    def __init__(self) -> None:
        self._buckets: dict[int, list[Item[R]]] = {}  # later buckets, unsorted
        self._order: list[int] = []  # a heap of their indices
        self._index = -1  # the bucket that is sorted
        self._sorted: list[Item[R]] = []
        self._next = 0  # the first of `_sorted` not handed out yet
        self.first_ns = _NEVER

    def add(self, when_ns: int, record: R) -> None:
        """Queue a record. Complexity: O(1), O(bucket) within the bucket being handed out."""
        index = when_ns >> BUCKET_BITS
        if index <= self._index:
            insort(self._sorted, (when_ns, record), lo=self._next, key=_WHEN)
        else:
            bucket = self._buckets.get(index)
            if bucket is None:
                bucket = self._buckets[index] = []
                heappush(self._order, index)
            bucket.append((when_ns, record))
        self.first_ns = min(self.first_ns, when_ns)

    def due(self, now_ns: int) -> Iterator[tuple[int, R]]:
        """Hand out what is due, earliest first; more may be added meanwhile."""
        while True:
            while self._next < len(self._sorted):
                item = self._sorted[self._next]
                if item[0] > now_ns:
                    self.first_ns = item[0]
                    return
                self._next += 1
                yield item
            self._sorted = []
            self._next = 0
            if not self._order:
                self.first_ns = _NEVER
                return
            if self._order[0] << BUCKET_BITS > now_ns:
                self.first_ns = self._order[0] << BUCKET_BITS
                return
            self._index = heappop(self._order)
            self._sorted = self._buckets.pop(self._index)
            self._sorted.sort(key=_WHEN)

    def __iter__(self) -> Iterator[tuple[int, R]]:
        """Everything queued, in no particular order."""
        for bucket in [self._sorted[self._next :], *self._buckets.values()]:
            yield from bucket

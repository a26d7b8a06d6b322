"""Room manager: many deadlines that are always being put off, and one timer.

Comes in: keys with the moment by which they must be heard of again. Goes out: one call per key that was
not. Rules of this file: putting a deadline off is one dict write; the queue is only put right when its
head comes up. It does not know what the keys are.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush, heapreplace

from meshsim.sim import Clock, Timer

__all__ = ["Deadlines"]


class Deadlines:
    """Calls ``missed(key)`` for every key whose deadline passes.

    Args:
        clock: virtual time.
        missed: told each key, once; the key is forgotten by then.
        name: of the (background) timer.

    >>> clock = Clock()
    >>> deadlines = Deadlines(clock, print, name="demo")
    >>> deadlines.put_off("a", 10)
    >>> deadlines.put_off("b", 20)
    >>> deadlines.put_off("a", 30)
    >>> clock.run_until(25)
    b
    """

    __slots__ = ("_clock", "_entries", "_heap", "_missed", "_name", "_timer", "_when")

    def __init__(self, clock: Clock, missed: Callable[[str], object], *, name: str) -> None:
        self._clock = clock
        self._missed = missed
        self._name = name
        self._when: dict[str, int] = {}
        #: the moment under which a key stands in the heap: never later than its deadline
        self._entries: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Deadlines {self._name!r}: {len(self._when)}>"

    def __len__(self) -> int:
        return len(self._when)

    def put_off(self, key: str, when_ns: int) -> None:
        """Set a key's deadline, new or again. O(1), or O(log keys) when it is earlier than before."""
        self._when[key] = when_ns
        entry_ns = self._entries.get(key)
        if entry_ns is None or when_ns < entry_ns:
            self._entries[key] = when_ns
            heappush(self._heap, (when_ns, key))
            self._arm()

    def drop(self, key: str) -> None:
        """Forget a key; harmless when it has no deadline. O(1)."""
        self._when.pop(key, None)

    def clear(self) -> None:
        """Forget them all."""
        self._when.clear()
        self._entries.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        first_ns = self._heap[0][0]
        if self._timer is not None:
            if self._timer.when_ns <= first_ns:
                return
            self._timer.cancel()
        self._timer = self._clock.call_at(first_ns, self._ring, background=True, name=self._name)

    def _ring(self) -> None:
        self._timer = None
        now_ns, heap, entries = self._clock.now_ns, self._heap, self._entries
        while heap and heap[0][0] <= now_ns:
            entry_ns, key = heap[0]
            when_ns = self._when.get(key)
            if entries.get(key) != entry_ns:
                heappop(heap)  # it has another entry
            elif when_ns is not None and when_ns > now_ns:
                entries[key] = when_ns
                heapreplace(heap, (when_ns, key))
            else:
                heappop(heap)
                del entries[key]
                if when_ns is not None:
                    del self._when[key]
                    self._missed(key)
        if heap:
            self._arm()

    def check(self) -> None:
        """Assert that no entry is later than its deadline, and that the timer is set to the first."""
        queued = set(self._heap)
        for key, when_ns in self._when.items():
            assert self._entries[key] <= when_ns, key
            assert (self._entries[key], key) in queued, key
        assert not self._heap or (self._timer is not None and self._timer.when_ns == self._heap[0][0])

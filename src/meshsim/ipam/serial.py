"""Serial numbers: a set of numbers that are handed out in turn.

Room ipam, floor 2. In: which number, or "any". Out: numbers. Used for the addresses of a subnet, for
VXLAN ids and for published ports alike, as the real engine uses one bitmap for all three.

Rules of this file: (1) a number asked for by itself never moves the cursor; (2) "any" looks from the
cursor to the end, then from the start, and leaves the cursor behind the number it found; (3) giving a
number back never moves the cursor. Hence freed numbers are reused only after a wrap.

It does not know what the numbers mean.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from meshsim.errors import BadValue, NoNumberLeft, NumberOutOfRange, NumberTaken
from meshsim.sim import Own

__all__ = ["VXLAN_FIRST", "VXLAN_LAST", "Serial"]

#: First VXLAN id a swarm hands out. Source: moby drivers/overlay/ovmanager/ovmanager.go vxlanIDStart.
VXLAN_FIRST = 4096
#: Last VXLAN id. Source: the same file, vxlanIDEnd.
VXLAN_LAST = (1 << 24) - 1


class Serial:
    """The numbers ``first`` to ``last`` (both included) and which of them are handed out.

    Three verbs: :meth:`specific` and :meth:`any` take a number, :meth:`release` gives it back;
    :meth:`claim` and :meth:`take` are the first two without exceptions. Numbers in use are kept as
    runs, so a set of millions costs nothing until it is used.

    Args:
        first: lowest number.
        last: highest number.

    Attributes:
        first: lowest number.
        last: highest number.
        cursor: where the next :meth:`any` starts to look; ``first`` when fresh.

    >>> ids = Serial(4096, 4099)
    >>> ids.any(), ids.any()
    (4096, 4097)
    >>> ids.release(4096)
    >>> ids.any(), ids.any(), ids.any()      # the freed one comes last, after the wrap
    (4098, 4099, 4096)
    >>> ids
    Serial(4096-4099: 4 taken, cursor 4097)

    Source: moby daemon/libnetwork/bitmap/sequence.go Bitmap; swarmkit internal/idm IDM.
    """

    __slots__ = ("_count", "_ends", "_starts", "cursor", "first", "last")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    first: int
    last: int
    cursor: int
    _count: int
    # Held by nobody else: forks copy them without remembering that they did.
    _starts: Own[list[int]]
    _ends: Own[list[int]]

    def __init__(self, first: int, last: int) -> None:
        if last < first:
            raise BadValue(f"invalid set range: [{first}, {last}]", f"{first}-{last}")
        self.first = first
        self.last = last
        self.cursor = first
        # Numbers in use, as runs [start, end), sorted, never touching each other.
        self._starts = []
        self._ends = []
        self._count = 0

    def specific(self, number: int) -> int:
        """Take this very number; the cursor stays.

        Returns:
            The number.

        Raises:
            NumberOutOfRange: the set does not hold it.
            NumberTaken: it is handed out already.

        Complexity: O(log r), r the number of runs in use.

        Source: swarmkit internal/idm GetSpecificID.
        """
        if not self.first <= number <= self.last:
            raise NumberOutOfRange(number)
        if not self.claim(number):
            raise NumberTaken(number)
        return number

    def any(self) -> int:
        """Take the next free number, looking from the cursor and wrapping once.

        Raises:
            NoNumberLeft: all are handed out.

        Complexity: O(log r).

        Source: swarmkit internal/idm GetID(serial=true).
        """
        number = self.take()
        if number is None:
            raise NoNumberLeft
        return number

    def release(self, number: int) -> None:
        """Give a number back; giving back a free one is no error. The cursor stays.

        Raises:
            NumberOutOfRange: the set does not hold it.

        Source: swarmkit internal/idm Release; moby addrset.go Remove.
        """
        if not self.first <= number <= self.last:
            raise NumberOutOfRange(number)
        starts, ends = self._starts, self._ends
        i = bisect_right(starts, number) - 1
        if i < 0 or number >= ends[i]:
            return
        end = ends[i]
        if starts[i] == number:
            if end == number + 1:
                del starts[i], ends[i]
            else:
                starts[i] = number + 1
        else:
            ends[i] = number
            if end != number + 1:
                starts.insert(i + 1, number + 1)
                ends.insert(i + 1, end)
        self._count -= 1

    def claim(self, number: int) -> bool:
        """Take this very number if it is free; the cursor stays.

        Returns:
            False when it is handed out already. The caller knows that the set holds it.
        """
        starts, ends = self._starts, self._ends
        if ends and number == ends[-1]:  # as most are
            ends[-1] = number + 1
            self._count += 1
            return True
        i = bisect_right(starts, number)
        if i and number < ends[i - 1]:
            return False
        follows = i > 0 and ends[i - 1] == number
        leads = i < len(starts) and starts[i] == number + 1
        if follows and leads:
            ends[i - 1] = ends[i]
            del starts[i], ends[i]
        elif follows:
            ends[i - 1] = number + 1
        elif leads:
            starts[i] = number
        else:
            starts.insert(i, number)
            ends.insert(i, number + 1)
        self._count += 1
        return True

    def take(self, low: int | None = None, high: int | None = None, *, serial: bool = True) -> int | None:
        """Take the next free number between ``low`` and ``high``, or None when there is none.

        Args:
            low: lowest number to consider; default ``first``.
            high: highest number to consider; default ``last``.
            serial: False ignores the cursor and finds the lowest free number. The cursor moves behind
                the number found in both cases, as it does in the real bitmap.

        Source: moby daemon/libnetwork/bitmap/sequence.go SetAnyInRange, getAvailableFromCurrent.
        """
        if low is None:
            low = self.first
        if high is None:
            high = self.last
        number = high + 1
        if serial and self.cursor > low:
            number = self.first_free(self.cursor)
        if number > high:
            number = self.first_free(low)
            if number > high:
                return None
        self.claim(number)
        self.cursor = number + 1
        return number

    def first_free(self, number: int) -> int:
        """Return the first number from ``number`` on that is not taken (it may lie beyond ``last``)."""
        i = bisect_right(self._starts, number)
        if i and number < self._ends[i - 1]:
            return self._ends[i - 1]
        return number

    def __contains__(self, number: int) -> bool:
        """Whether the number is handed out."""
        i = bisect_right(self._starts, number)
        return bool(i) and number < self._ends[i - 1]

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers handed out, ascending."""
        for start, end in zip(tuple(self._starts), tuple(self._ends), strict=True):
            yield from range(start, end)

    def __len__(self) -> int:
        """How many numbers are handed out."""
        return self._count

    def __repr__(self) -> str:
        return f"Serial({self.first}-{self.last}: {self._count} taken, cursor {self.cursor})"

    def check(self) -> None:
        """Assert that the runs are sorted, apart, inside the set, and add up to the count."""
        bounds = [bound for run in zip(self._starts, self._ends, strict=True) for bound in run]
        assert all(a < b for a, b in pairwise(bounds)), f"runs touch or cross: {bounds}"
        assert not bounds or (self.first <= bounds[0] and bounds[-1] <= self.last + 1), f"outside: {self!r}"
        assert self._count == sum(self._ends) - sum(self._starts), f"count: {self!r}"
        assert self.first <= self.cursor <= self.last + 1, f"cursor: {self!r}"

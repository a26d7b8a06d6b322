"""Room sim: virtual time.

Comes in: callbacks with a due time. Goes out: calls, in the order of (time, order of scheduling).
Rules of this file: integer nanoseconds only; nothing here knows what is simulated; a timer holds a
bound method or function and its arguments, never a closure, so that a clock can be copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, Protocol

from meshsim.errors import BadValue, ClockBusy

__all__ = ["Clock", "Timekeeper", "Timer"]

#: cancelled timers stay in the queue until they are due, or until this many make a sweep worth while
_SWEEP_AT = 256
#: before any moment
_NEVER = -1


class Timer:
    """One callback waiting for its time; made by the clock.

    Attributes:
        when_ns: when it is due next.
        period_ns: 0 for a single shot.
        series: whether the callback says when it is called next.
        background: whether ``settle`` may ignore it (heartbeats, expiry, probes ...).
        name: what the log and ``pending()`` call it.
        live: False once fired (single shot, or a series while it is being called) or cancelled.
    """

    __slots__ = ("args", "background", "callback", "clock", "live", "name", "period_ns", "series", "when_ns")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    when_ns: int
    period_ns: int
    background: bool
    series: bool
    live: bool
    name: str

    def __init__(
        self,
        clock: Clock,
        when_ns: int,
        period_ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        background: bool,
        name: str,
    ) -> None:
        self.clock = clock
        self.when_ns = when_ns
        self.period_ns = period_ns
        self.callback = callback
        self.args = args
        self.background = background
        self.name = name
        self.series = False
        self.live = True

    def cancel(self) -> None:
        """Make sure it never fires (again); harmless when it cannot any more."""
        if self.live:
            self.live = False
            self.clock._forget(self)

    def __repr__(self) -> str:
        kind = f"every {self.period_ns} ns" if self.period_ns else "a series" if self.series else "once"
        state = "" if self.live else ", over"
        ground = ", background" if self.background else ""
        return f"<Timer {self.name or self.callback!r} at {self.when_ns} ns, {kind}{ground}{state}>"


class Timekeeper(Protocol):
    """What one needs of a clock who only looks at it and sets timers."""

    @property
    def now_ns(self) -> int:
        """The present."""

    def call_at(
        self,
        when_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` at that moment."""

    def call_later(
        self,
        delay_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` after so long."""


class Clock:
    """A queue of timers and the present moment.

    >>> clock = Clock()
    >>> seen = []
    >>> _ = clock.call_later(2_000, seen.append, "b")
    >>> _ = clock.call_later(1_000, seen.append, "a")
    >>> clock.run_until(5_000)
    >>> seen, clock.now_ns
    (['a', 'b'], 5000)

    Attributes:
        now_ns: the present, in virtual nanoseconds since the start.
        running: whether time is being stepped right now (code is running inside a timer).
        foreground: how many pending timers are not background ones.
    """

    __slots__ = ("_cancelled", "_counter", "_heap", "foreground", "now_ns", "running")

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = now_ns
        self.foreground = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._counter = 0
        self._cancelled = 0
        self.running = False

    def __repr__(self) -> str:
        waiting = len(self._heap) - self._cancelled
        return f"<Clock {self.now_ns / 1e9:.6f} s, {waiting} timers, {self.foreground} foreground>"

    def guard(self) -> None:
        """Raise :class:`ClockBusy` when called from inside a timer: blocking verbs call this first."""
        if self.running:
            raise ClockBusy("this call steps virtual time and cannot be made while time is being stepped")

    def call_at(
        self,
        when_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` when the clock reaches ``when_ns``. O(log timers).

        Raises:
            BadValue: ``when_ns`` lies in the past.
        """
        return self._queue(Timer(self, when_ns, 0, callback, args, background, name))

    def call_later(
        self,
        delay_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` after ``delay_ns``; 0 means at this moment, after what runs now."""
        return self._queue(Timer(self, self.now_ns + delay_ns, 0, callback, args, background, name))

    def call_every(
        self,
        period_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` every ``period_ns``, first after one period, until cancelled.

        Raises:
            BadValue: the period is not positive.
        """
        if period_ns <= 0:
            raise BadValue(f"a period must be positive, not {period_ns} ns", str(period_ns))
        return self._queue(Timer(self, self.now_ns + period_ns, period_ns, callback, args, background, name))

    def call_series(
        self,
        when_ns: int,
        callback: Callable[..., int | None],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """Call ``callback(*args)`` at ``when_ns``, and again so long after each call as it says.

        The series ends when it says None, or when it is cancelled between two calls.

        >>> clock, gaps = Clock(), [20, 0]
        >>> def arrive():
        ...     print(clock.now_ns)
        ...     return gaps.pop() if gaps else None
        >>> timer = clock.call_series(5, arrive)
        >>> clock.run_until(100)
        5
        5
        25

        Raises:
            BadValue: ``when_ns`` lies in the past; later, out of the clock: it said a negative number.
        """
        timer = self._queue(Timer(self, when_ns, 0, callback, args, background, name))
        timer.series = True
        return timer

    def _queue(self, timer: Timer) -> Timer:
        when_ns = timer.when_ns
        if when_ns < self.now_ns:
            raise BadValue(f"{when_ns} ns is in the past: it is {self.now_ns} ns", str(when_ns))
        self._counter = counter = self._counter + 1
        heappush(self._heap, (when_ns, counter, timer))
        if not timer.background:
            self.foreground += 1
        return timer

    def _forget(self, timer: Timer) -> None:
        """Account for a cancelled timer; sweep the queue when the dead outnumber the living."""
        if not timer.background:
            self.foreground -= 1
        self._cancelled += 1
        heap = self._heap
        if self._cancelled >= _SWEEP_AT and 2 * self._cancelled > len(heap):
            heap[:] = [entry for entry in heap if entry[2].live]
            heapify(heap)
            self._cancelled = 0

    def next_ns(self) -> int | None:
        """When the next timer is due, or None when none is pending."""
        heap = self._heap
        while heap and not heap[0][2].live:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def pending(self) -> list[Timer]:
        """The timers that may still fire, in the order they will. O(timers log timers)."""
        return [timer for _, _, timer in sorted(self._heap) if timer.live]

    def step(self) -> bool:
        """Fire the next timer and return True; False when there is none."""
        when_ns = self.next_ns()
        if when_ns is None:
            return False
        self._run(when_ns, once=True)
        return True

    def run_until(self, when_ns: int) -> None:
        """Fire everything due up to and including ``when_ns``; the present is then ``when_ns``.

        Raises:
            BadValue: ``when_ns`` lies in the past.
            ClockBusy: called from inside a timer.
        """
        if when_ns < self.now_ns:
            raise BadValue(f"{when_ns} ns is in the past: it is {self.now_ns} ns", str(when_ns))
        heap = self._heap
        if self.running or (heap and heap[0][0] <= when_ns):
            self._run(when_ns, once=False)
        self.now_ns = when_ns

    def run_for(self, duration_ns: int) -> None:
        """Let ``duration_ns`` pass."""
        self.run_until(self.now_ns + duration_ns)

    def _run(self, when_ns: int, *, once: bool) -> None:
        self.guard()
        self.running = True
        heap = self._heap
        try:
            while heap:
                due_ns, _, timer = heap[0]
                if due_ns > when_ns:
                    return
                if not timer.live:
                    heappop(heap)
                    self._cancelled -= 1
                    continue
                self.now_ns = due_ns
                if timer.period_ns:
                    # Queued again before the call, so the callback may cancel it.
                    self._counter += 1
                    timer.when_ns = due_ns + timer.period_ns
                    heapreplace(heap, (timer.when_ns, self._counter, timer))
                else:
                    heappop(heap)
                    timer.live = False
                    if not timer.background:
                        self.foreground -= 1
                if timer.series:
                    self._go_on(timer, _NEVER if once else when_ns)
                else:
                    timer.callback(*timer.args)
                if once:
                    return
        finally:
            self.running = False

    def _go_on(self, timer: Timer, until_ns: int) -> None:
        """Call a series for as long as nothing else is due before its next call; then queue it."""
        heap = self._heap
        call: Callable[..., Any] = partial(timer.callback, *timer.args) if timer.args else timer.callback
        while (gap_ns := call()) is not None:
            if gap_ns < 0:
                raise BadValue(f"{-gap_ns} ns ago is in the past", str(gap_ns))
            due_ns = self.now_ns + gap_ns
            if due_ns > until_ns or (heap and heap[0][0] <= due_ns):
                timer.when_ns, timer.live = due_ns, True
                self._queue(timer)
                return
            self.now_ns = due_ns

    def check(self) -> None:
        """Assert the queue's invariants."""
        live = [timer for _, _, timer in self._heap if timer.live]
        assert self.foreground == sum(not timer.background for timer in live)
        assert self._cancelled == len(self._heap) - len(live)
        assert all(when_ns >= self.now_ns for when_ns, _, timer in self._heap if timer.live)
        assert all(when_ns == timer.when_ns for when_ns, _, timer in self._heap if timer.live)

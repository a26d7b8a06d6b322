"""Room manager: the clock on the desk of whoever leads.

Comes in: the control loops' timers. Goes out: calls to the loops, at their time, or, while the leader lacks a
quorum, at the first tick after it has it again: a loop that wants to write then waits with its work. It
does not know what the loops do.

Source: swarmkit manager/state/raft/raft.go ProposeValue (it blocks until the entry is committed).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshsim.sim import Clock, Timer

__all__ = ["Desk"]


class Desk:
    """A clock whose timers can be held up.

    Args:
        clock: virtual time.
        tick_ns: how often a held-up timer looks whether it may go on.

    Attributes:
        held: whether timers are held up now.

    >>> clock = Clock()
    >>> desk = Desk(clock, 10)
    >>> timer = desk.call_later(5, print, "written")
    >>> desk.held = True
    >>> clock.run_until(32)
    >>> desk.held = False
    >>> clock.run_until(35)
    written
    """

    def __init__(self, clock: Clock, tick_ns: int) -> None:
        self.held = False
        self._clock = clock
        self._tick_ns = tick_ns

    def __repr__(self) -> str:
        return f"<Desk at {self.now_ns} ns{', held up' if self.held else ''}>"

    @property
    def now_ns(self) -> int:
        """The present."""
        return self._clock.now_ns

    def call_at(
        self,
        when_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """See :meth:`meshsim.sim.Clock.call_at`."""
        timer = self._clock.call_series(when_ns, self._ring, background=background, name=name)
        timer.args = (callback, args)
        return timer

    def call_later(
        self,
        delay_ns: int,
        callback: Callable[..., object],
        *args: Any,
        background: bool = False,
        name: str = "",
    ) -> Timer:
        """See :meth:`meshsim.sim.Clock.call_later`."""
        return self.call_at(self.now_ns + delay_ns, callback, *args, background=background, name=name)

    def _ring(self, callback: Callable[..., object], args: tuple[Any, ...]) -> int | None:
        if self.held:
            return self._tick_ns
        callback(*args)
        return None

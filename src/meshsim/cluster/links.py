"""Room cluster: who reaches whom.

Comes in: machines going down and coming back, partitions made and healed. Goes out: whether one
machine reaches another, now or since when. One table serves host failures, partitions and latencies.
Rule of this file: it keeps the history of the faults, so that who looks later (the gossip journal) sees
what was true earlier. It does not know what runs on a machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from meshsim.errors import BadValue
from meshsim.model.frozen import Frozen
from meshsim.sim import Clock

__all__ = ["Links"]


@frozen(slots=True)
class _Moment(Frozen):
    """How things stood from ``since_ns`` on: the machines down, and the side each cut machine is on."""

    since_ns: int
    down: tuple[str, ...] = ()
    sides: tuple[tuple[str, ...], ...] = ()

    def joins(self, a: str, b: str) -> bool:
        """Whether a packet gets from ``a`` to ``b`` (a machine that is down does not even reach itself)."""
        if a in self.down or b in self.down:
            return False
        return a == b or self._side(a) == self._side(b)

    def _side(self, name: str) -> int:
        # Machines that no partition names stand together, on a side of their own.
        return next((i for i, side in enumerate(self.sides) if name in side), -1)


class Links:
    """The network between the machines of a cluster.

    >>> links = Links(Clock())
    >>> links.partition([["a"], ["b", "c"]])
    >>> links.reaches("a", "b"), links.reaches("b", "c"), links.reaches("a", "d")
    (False, True, False)
    >>> links.heal()
    >>> links.reaches("a", "b")
    True
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._history: list[_Moment] = [_Moment(0)]
        #: counts the changes: who caches reachability compares it
        self.version = 0

    def __repr__(self) -> str:
        now = self._history[-1]
        return f"<Links down: {', '.join(now.down) or 'none'}; sides: {now.sides or 'one'}>"

    @property
    def down(self) -> tuple[str, ...]:
        """The machines that are down, in the order they failed."""
        return self._history[-1].down

    @property
    def sides(self) -> tuple[tuple[str, ...], ...]:
        """The sides of the partition; empty when there is none."""
        return self._history[-1].sides

    def fail(self, name: str) -> None:
        """The machine loses power or all its links; harmless when it is down already."""
        now = self._history[-1]
        if name not in now.down:
            self._turn((*now.down, name), now.sides)

    def recover(self, name: str) -> None:
        """The machine is back; harmless when it was not down."""
        now = self._history[-1]
        if name in now.down:
            self._turn(tuple(n for n in now.down if n != name), now.sides)

    def partition(self, sides: Iterable[Sequence[str]]) -> None:
        """Cut the network into sides; machines not named stand together on one more side.

        Raises:
            BadValue: a machine is named on two sides.
        """
        fixed = tuple(tuple(side) for side in sides)
        seen: set[str] = set()
        for name in (name for side in fixed for name in side):
            if name in seen:
                raise BadValue(f"{name} cannot be on two sides of a partition", name)
            seen.add(name)
        self._turn(self._history[-1].down, fixed)

    def heal(self) -> None:
        """Remove the partition; machines that are down stay down."""
        self._turn(self._history[-1].down, ())

    def _turn(self, down: tuple[str, ...], sides: tuple[tuple[str, ...], ...]) -> None:
        moment = _Moment(self._clock.now_ns, down, sides)
        if self._history[-1].since_ns == moment.since_ns:
            self._history[-1] = moment
        else:
            self._history.append(moment)
        self.version += 1

    def reaches(self, a: str, b: str) -> bool:
        """Whether a packet gets from ``a`` to ``b`` now. O(faults in force)."""
        now = self._history[-1]
        if not now.down and not now.sides:
            return True
        return now.joins(a, b)

    def outages(self, a: str, b: str) -> list[tuple[int, int | None]]:
        """Every span (from, until; None = still) in which ``a`` and ``b`` did not reach each other.

        In order of time, neighbours merged; O(faults ever).
        """
        spans: list[tuple[int, int | None]] = []
        since: int | None = None
        for moment in self._history:
            if moment.joins(a, b):
                if since is not None:
                    spans.append((since, moment.since_ns))
                    since = None
            elif since is None:
                since = moment.since_ns
        if since is not None:
            spans.append((since, None))
        return spans

    def check(self) -> None:
        """Assert that the history is in order of time."""
        times = [moment.since_ns for moment in self._history]
        assert times == sorted(set(times))

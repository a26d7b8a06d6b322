"""Room model: what a commit tells its watchers.

Goes out: one :class:`Committed` per transaction, with the changes in the order they were first written. A
change is a pair of the object as it was and as it became, with None for what was not there before or is gone.
Rule of this file: the control loops read the pairs, since a large service changes tasks in great number and
one more object for each would keep the garbage collector busy; for everybody else there is
:attr:`Committed.changes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import frozen

from meshsim.model.frozen import Frozen
from meshsim.model.objects import Config, Network, Node, Secret, Service, Swarm, Task
from meshsim.model.states import TaskState

__all__ = ["AnyObject", "Change", "Committed", "Created", "Pairs", "Removed", "Updated"]

AnyObject: TypeAlias = Swarm | Node | Service | Task | Network | Secret | Config
T_co = TypeVar("T_co", bound=AnyObject, covariant=True)

_ASSIGNED, _RUNNING = TaskState.ASSIGNED, TaskState.RUNNING


@frozen(slots=True)
class Created(Frozen, Generic[T_co]):
    """An object that was not there before."""

    new: T_co


@frozen(slots=True)
class Updated(Frozen, Generic[T_co]):
    """An object that changed."""

    old: T_co
    new: T_co


@frozen(slots=True)
class Removed(Frozen, Generic[T_co]):
    """An object that is gone; ``old`` is how it was last."""

    old: T_co


Change: TypeAlias = Created[AnyObject] | Updated[AnyObject] | Removed[AnyObject]


class Pairs(Frozen):
    """Changes as pairs ``(old, new)``: one of the two is None for what was not there or is gone.

    >>> pairs = Pairs([None, Node("n1")])
    >>> [(old, new.id) for old, new in pairs], len(pairs)
    ([(None, 'n1')], 1)
    """

    __slots__ = ("_flat",)

    def __init__(self, flat: Sequence[AnyObject | None]) -> None:
        #: old, new, old, new ...
        self._flat = flat

    def __iter__(self) -> Iterator[tuple[AnyObject | None, AnyObject | None]]:
        items = iter(self._flat)
        return zip(items, items, strict=True)

    def __len__(self) -> int:
        return len(self._flat) // 2


class Committed(Frozen):
    """One transaction, told once to every watcher (SwarmKit: the events, then EventCommit).

    Attributes:
        version: the store's, after this commit.
        time_ns: when, virtual nanoseconds.
        routine: of each change, whether it is a task that goes on as it is meant to: neither ended nor told
            anything else.

    >>> committed = Committed(1, 0, [None, Node("n1")])
    >>> committed, committed.changes[0].new.id
    (<Committed 1: 1 change>, 'n1')
    """

    __slots__ = ("_decided", "_every", "_notable", "routine", "time_ns", "version")

    def __init__(self, version: int, time_ns: int, flat: Sequence[AnyObject | None]) -> None:
        """Sort the changes, given as old, new, old, new ... O(changes)."""
        self.version = version
        self.time_ns = time_ns
        self._every = flat
        notable: list[AnyObject | None] = []
        decided: list[AnyObject | None] = []
        routine: list[bool] = []
        for change in Pairs(flat):
            old, new = change
            goes_on = (
                type(new) is Task
                and type(old) is Task
                and new.desired is old.desired
                and new.desired <= _RUNNING
                and new.status.state <= _RUNNING
            )
            routine.append(goes_on)
            if not goes_on:
                notable += change
                decided += change
            elif not _is_report(old, new):
                decided += change
        self.routine, self._notable, self._decided = routine, notable, decided

    def __repr__(self) -> str:
        count = len(self.every)
        return f"<Committed {self.version}: {count} change{'' if count == 1 else 's'}>"

    @property
    def every(self) -> Pairs:
        """All changes."""
        return Pairs(self._every)

    @property
    def notable(self) -> Pairs:
        """The changes but for the routine ones, which most watchers need not look at."""
        return Pairs(self._notable)

    @property
    def decided(self) -> Pairs:
        """The changes but for reports, which tell nothing to those who give addresses and nodes.

        Reports are those routine ones where all that changed is how far the node says its task is.
        """
        return Pairs(self._decided)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, as objects that say what they are; made anew each time."""
        return tuple([_change(old, new) for old, new in self.every])


def _is_report(old: Any, new: Any) -> bool:
    return (
        old.status.state >= _ASSIGNED
        and new.node_id is old.node_id
        and new.attachments is old.attachments
        and new.endpoint is old.endpoint
    )


def _change(old: AnyObject | None, new: AnyObject | None) -> Change:
    if new is None:
        assert old is not None
        return Removed(old)
    return Created(new) if old is None else Updated(old, new)

"""Room model: what a commit tells its watchers.

Goes out: one :class:`Committed` per transaction, with the changes in the order they were written. A
watcher sees the object as it became, and for an update or removal as it was.
"""

from __future__ import annotations

from typing import ClassVar, Generic, TypeAlias, TypeVar

from attrs import field, frozen

from meshsim.model.frozen import Frozen
from meshsim.model.objects import Config, Network, Node, Secret, Service, Swarm, Task

__all__ = ["AnyObject", "Change", "Committed", "Created", "Removed", "Updated"]

AnyObject: TypeAlias = Swarm | Node | Service | Task | Network | Secret | Config
T_co = TypeVar("T_co", bound=AnyObject, covariant=True)


@frozen(slots=True)
class Created(Frozen, Generic[T_co]):
    """An object that was not there before."""

    routine: ClassVar[bool] = False
    report: ClassVar[bool] = False

    new: T_co


@frozen(slots=True)
class Updated(Frozen, Generic[T_co]):
    """An object that changed.

    Attributes:
        routine: a task that goes on as it is meant to: neither ended nor told anything else.
        report: moreover, all that changed is how far its node says it is.
    """

    old: T_co
    new: T_co
    routine: bool = field(default=False, eq=False, repr=False)
    report: bool = field(default=False, eq=False, repr=False)


@frozen(slots=True)
class Removed(Frozen, Generic[T_co]):
    """An object that is gone; ``old`` is how it was last."""

    routine: ClassVar[bool] = False
    report: ClassVar[bool] = False

    old: T_co


Change: TypeAlias = Created[AnyObject] | Updated[AnyObject] | Removed[AnyObject]


@frozen(slots=True)
class Committed(Frozen):
    """One transaction, told once to every watcher (SwarmKit: the events, then EventCommit).

    Attributes:
        decided: the changes but for the reports, which tell nothing to those who give addresses and nodes.
        notable: the changes but for the routine ones, which most watchers need not look at.
    """

    version: int
    time_ns: int
    changes: tuple[Change, ...]
    decided: tuple[Change, ...] = field(init=False, eq=False, repr=False)
    notable: tuple[Change, ...] = field(init=False, eq=False, repr=False)

    @decided.default
    def _decided(self) -> tuple[Change, ...]:
        return tuple([change for change in self.changes if not change.report])

    @notable.default
    def _notable(self) -> tuple[Change, ...]:
        return tuple([change for change in self.decided if not change.routine])

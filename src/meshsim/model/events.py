"""Room model: what a commit tells its watchers.

Goes out: one :class:`Committed` per transaction, with the changes in the order they were written. A
watcher sees the object as it became, and for an update or removal as it was.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

from attrs import frozen

from meshsim.model.frozen import Frozen
from meshsim.model.objects import Config, Network, Node, Secret, Service, Swarm, Task

__all__ = ["AnyObject", "Change", "Committed", "Created", "Removed", "Updated"]

AnyObject: TypeAlias = Swarm | Node | Service | Task | Network | Secret | Config
T_co = TypeVar("T_co", bound=AnyObject, covariant=True)


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


@frozen(slots=True)
class Committed(Frozen):
    """One transaction, told once to every watcher (SwarmKit: the events, then EventCommit)."""

    version: int
    time_ns: int
    changes: tuple[Change, ...]

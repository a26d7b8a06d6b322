"""Room cluster: what all collections and handles share.

A handle is live: its ``record`` is looked up each time. A collection knows its host only by what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from meshsim.cluster.membership import Membership, require
from meshsim.errors import NotFound
from meshsim.gotext.values import to_json
from meshsim.manager import Control
from meshsim.model.store import Store
from meshsim.sim import short

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["Collection", "Handle", "SwarmHandle"]

R = TypeVar("R")


class Collection:
    """A noun at one host."""

    def __init__(self, host: Host) -> None:
        self._machine = host

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._machine.name}>"

    @property
    def _host(self) -> Host:
        """The machine; raises :class:`EngineDown` when no engine runs there that could be asked."""
        self._machine.engine.check_running()
        return self._machine

    @property
    def _member(self) -> Membership:
        return require(self._machine)

    def _control(self, *, write: bool = True) -> Control:
        return self._member.control(write=write)

    @property
    def _store(self) -> Store:
        """The swarm's state as the leader answers it."""
        self._control(write=False)
        return self._member.manager.store


class Handle(Generic[R]):
    """One thing at one host, looked up each time it is asked.

    Attributes:
        id: its full id.
    """

    kind = ""

    def __init__(self, host: Host, identifier: str) -> None:
        self._host = host
        self.id = identifier

    def __repr__(self) -> str:
        try:
            return f"<{type(self).__name__} {self.short_id} {self.name}>"
        except NotFound:
            return f"<{type(self).__name__} {self.short_id} removed>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and type(self) is type(other) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def short_id(self) -> str:
        """The first 12 characters of the id."""
        return short(self.id)

    @property
    def record(self) -> R:
        """The frozen record as it is now.

        Raises:
            NotFound: it has been removed.
        """
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name  # type: ignore[attr-defined,no-any-return]

    def _shape(self) -> Any:
        raise NotImplementedError

    @property
    def attrs(self) -> Any:
        """What ``docker inspect`` shows of it, as JSON data."""
        return to_json(self._shape())


class SwarmHandle(Handle[R]):
    """A handle of something the managers keep."""

    @property
    def _member(self) -> Membership:
        return require(self._host)

    def _control(self, *, write: bool = True) -> Control:
        return self._member.control(write=write)

    @property
    def _store(self) -> Store:
        return self._member.manager.store

    @property
    def _epoch_ns(self) -> int:
        return self._host.cluster.epoch_ns

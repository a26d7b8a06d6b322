"""Room dataplane: what a host must ask about others.

Comes in: nothing. Goes out: :class:`World`, a Protocol that the cluster fulfils. It is the only way in
which a data plane sees another machine; which tasks exist it learns from its journal views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshsim.dataplane.gossip import Reach

if TYPE_CHECKING:
    from meshsim.dataplane.plane import DataPlane

__all__ = ["World"]


class World(Protocol):
    """What the data plane must know of the other machines (supplied by the cluster)."""

    @property
    def links(self) -> Reach:
        """The wires."""

    @property
    def listeners(self) -> int:
        """Grows whenever a container begins or ceases to listen: who caches compares it."""

    def plane_at(self, address: str) -> DataPlane | None:
        """The engine host that owns an address."""

    def machine_at(self, address: str) -> str | None:
        """The name of the machine, engine host or not, that owns an address."""

    def listener(self, endpoint_id: str, protocol: str, port: int) -> bool | None:
        """Whether a container listens: None when it is not running (any more), else yes or no."""

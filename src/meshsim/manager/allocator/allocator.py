"""Room manager, loop allocator (rank 10). Skeleton: names and signatures are settled, bodies follow."""

from __future__ import annotations

from typing import ClassVar

from meshsim.model.events import Committed
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

__all__ = ["Allocator"]


class Allocator:
    """Gives networks subnets, services VIPs and ports, tasks and nodes addresses."""

    RANK: ClassVar[int] = 10

    def __init__(
        self, store: Store, clock: Clock, profile: Profile, streams: Streams, *, ties: str = "joined"
    ) -> None: ...

    def start(self) -> None:
        """Take office: re-reserve what the store says is in use (all cursors at the start), then go on."""

    def stop(self) -> None:
        """Lay down office: stop watching, forget everything."""

    def on_commit(self, committed: Committed) -> None: ...
    def check(self) -> None: ...

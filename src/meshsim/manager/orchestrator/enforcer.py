"""Room manager, loop ConstraintEnforcer (rank 23). Skeleton: names and signatures are settled, bodies follow."""

from __future__ import annotations

from typing import ClassVar

from meshsim.model.events import Committed
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

__all__ = ["ConstraintEnforcer"]


class ConstraintEnforcer:
    """A loop: start() watches and does the initial pass, stop() unwatches and cancels its timers."""

    RANK: ClassVar[int] = 23

    def __init__(
        self, store: Store, clock: Clock, profile: Profile, streams: Streams, *, ties: str = "joined"
    ) -> None: ...

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def on_commit(self, committed: Committed) -> None: ...
    def check(self) -> None: ...

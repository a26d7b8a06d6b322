"""Room sim (floor 0): the simulation kernel. A clock, named random streams, and the ids drawn from them.

>>> from meshsim.sim import Clock, Streams, object_id
>>> clock = Clock()
>>> timer = clock.call_every(1_000_000_000, print, "tick")
>>> clock.run_for(2_500_000_000)
tick
tick
>>> len(object_id(Streams(0)["ids"]))
25
"""

from meshsim.sim.clock import Clock, Timekeeper, Timer
from meshsim.sim.copying import Lent, Own, Shared, duplicate
from meshsim.sim.ids import base36, container_id, object_id, short
from meshsim.sim.rng import Stream, Streams

__all__ = [
    "Clock",
    "Lent",
    "Own",
    "Shared",
    "Stream",
    "Streams",
    "Timekeeper",
    "Timer",
    "base36",
    "container_id",
    "duplicate",
    "object_id",
    "short",
]

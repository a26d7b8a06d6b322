"""Room manager (floor 3): the control loops of one swarm; siblings meet only in the store.

>>> from meshsim.manager import Manager
>>> from meshsim.model.log import Log
>>> from meshsim.profile import Profile
>>> from meshsim.sim import Clock, Streams
>>> manager = Manager(Clock(), Streams(7), Profile(), Log(), label="demo")
>>> founder = manager.bootstrap(hostname="host01", address="192.168.65.11")
>>> manager.gate(founder.id)
<Gate.OPEN: 'open'>
>>> manager.store.swarm.worker_token[:9]
'SWMTKN-1-'

Read in this order: ``manager`` (what there is and when it runs), ``quorum`` (who leads), ``desk`` (the loops'
clock), ``dispatcher`` (the line to the agents), ``scheduler``, ``roles``; then ``control``,
``allocator``, ``orchestrator``.
"""

from meshsim.manager.allocator import Allocator
from meshsim.manager.control import Control
from meshsim.manager.dispatcher import Dispatcher, Session, Sink
from meshsim.manager.manager import Manager
from meshsim.manager.members import quorum_of, tolerated
from meshsim.manager.quorum import NO_LEADER, Gate, Quorum
from meshsim.manager.roles import RoleManager
from meshsim.manager.scheduler import Scheduler

__all__ = [
    "NO_LEADER",
    "Allocator",
    "Control",
    "Dispatcher",
    "Gate",
    "Manager",
    "Quorum",
    "RoleManager",
    "Scheduler",
    "Session",
    "Sink",
    "quorum_of",
    "tolerated",
]

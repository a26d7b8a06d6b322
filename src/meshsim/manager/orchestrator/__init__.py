"""The orchestrators: they turn what services ask for into tasks.

Each is a loop of its own: ``X(store, clock, profile, streams, ties=...)`` with ``start()`` (a new leader's
initial pass), ``stop()`` and ``check()``::

    >>> from meshsim.model.objects import Service, TaskStatus
    >>> from meshsim.model.specs import Replicated, ServiceSpec
    >>> from meshsim.model.states import TaskState
    >>> from meshsim.model.store import Store
    >>> from meshsim.profile import Profile
    >>> from meshsim.sim import Clock, Streams
    >>> clock = Clock()
    >>> store = Store(clock)
    >>> ReplicatedOrchestrator(store, clock, Profile(), Streams(0)).start()
    >>> with store.transaction() as tx:
    ...     web = tx.create(Service("s1", spec=ServiceSpec("web", mode=Replicated(2))))
    >>> [(task.slot, task.desired.label) for task in store.tasks.values()]
    [(1, 'running'), (2, 'running')]

    One fails; its replacement is made at once, and told to run five seconds later:

    >>> with store.transaction() as tx:
    ...     first = next(iter(store.tasks.values()))
    ...     _ = tx.update(first, status=TaskStatus(TaskState.FAILED))
    >>> [(task.slot, task.desired.label) for task in store.tasks.values()]
    [(1, 'shutdown'), (2, 'running'), (1, 'ready')]
    >>> clock.run_for(5_000_000_000)
    >>> [task.desired.label for task in store.tasks.values()]
    ['shutdown', 'running', 'running']

A map of the room: ``tasks`` (making and judging a task), ``slots`` (which tasks stand where), ``restart``
and ``update`` with ``updatestatus`` (helpers the loops share), ``taskinit`` (a new leader's look at the
tasks), and a file per loop.
"""

from meshsim.manager.orchestrator.enforcer import ConstraintEnforcer
from meshsim.manager.orchestrator.globalmode import GlobalOrchestrator
from meshsim.manager.orchestrator.jobs import JobOrchestrator
from meshsim.manager.orchestrator.reaper import TaskReaper
from meshsim.manager.orchestrator.replicated import ReplicatedOrchestrator

__all__ = [
    "ConstraintEnforcer",
    "GlobalOrchestrator",
    "JobOrchestrator",
    "ReplicatedOrchestrator",
    "TaskReaper",
]

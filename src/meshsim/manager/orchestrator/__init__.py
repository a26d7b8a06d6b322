"""The orchestrators: they turn what services ask for into tasks.

Each is a loop of its own: ``X(store, clock, profile, streams, ties=...)`` with ``start()`` (a new leader's
initial pass), ``stop()`` and ``check()``.
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

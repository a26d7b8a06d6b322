"""Room manager, loop constraint enforcer (rank 23): tasks whose node no longer suits them.

Comes in: commits about nodes. Goes out: tasks with observed state REJECTED, which their orchestrator then
replaces elsewhere. Rules of this file: only active nodes are looked at; the service's present constraints
count, not those the task was made with; reservations are taken in the order of the tasks.

Source: swarmkit manager/orchestrator/constraintenforcer/constraint_enforcer.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from attrs import evolve

from meshsim.model.events import Committed
from meshsim.model.objects import Node, Task
from meshsim.model.specs import Placement
from meshsim.model.states import Availability, TaskState
from meshsim.model.store import Store
from meshsim.placement import meets, parse_constraints
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper

__all__ = ["ConstraintEnforcer"]

_MESSAGE = "task rejected by constraint enforcer"
_ERROR = "assigned node no longer meets constraints"


class ConstraintEnforcer:
    """Rejects tasks that their node, as it is now, would not be given.

    Args:
        store, clock: as everywhere.
        profile, streams, ties: not used; all loops are built alike.

    Source: swarmkit manager/orchestrator/constraintenforcer/constraint_enforcer.go ConstraintEnforcer.
    """

    RANK: ClassVar[int] = 23

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,  # noqa: ARG002  (all loops are built alike)
        streams: Streams | None = None,  # noqa: ARG002
        *,
        ties: str = "joined",  # noqa: ARG002
    ) -> None:
        self._store = store
        self._clock = clock
        self.running = False

    def __repr__(self) -> str:
        return f"<ConstraintEnforcer{'' if self.running else ', stopped'}>"

    def start(self) -> None:
        """Take office: look at every node once."""
        if self.running:
            return
        self.running = True
        self._store.watch(self.on_commit, rank=self.RANK)
        for node in tuple(self._store.nodes.values()):
            self._enforce(node)

    def stop(self) -> None:
        """Lay down office."""
        self.running = False
        self._store.unwatch(self.on_commit)

    def on_commit(self, committed: Committed) -> None:
        """Look at the tasks of each node that changed. O(tasks on these nodes)."""
        for old, new in committed.notable:
            if old is not None and isinstance(new, Node):
                node = self._store.nodes.get(new.id)
                if node is not None:
                    self._enforce(node)

    def _enforce(self, node: Node) -> None:
        if node.spec.availability is not Availability.ACTIVE:
            return
        misfits = [*self._misfits(node)]
        if not misfits:
            return
        with self._store.transaction() as tx:
            for old in misfits:
                task = tx.get(Task, old.id)
                if task is not None and task.status.state < TaskState.REJECTED:
                    status = evolve(
                        task.status,
                        state=TaskState.REJECTED,
                        message=_MESSAGE,
                        err=_ERROR,
                        timestamp_ns=self._clock.now_ns,
                    )
                    tx.update(task, status=status)

    def _misfits(self, node: Node) -> Iterator[Task]:
        """Tasks of the node that do not fit. Source: constraint_enforcer.go rejectNoncompliantTasks."""
        resources = node.description.resources if node.description is not None else None
        memory = resources.memory_bytes if resources is not None else 0
        cpus = resources.nano_cpus if resources is not None else 0
        generic = {kind: _amount(value) for kind, value in resources.generic.items()} if resources else {}
        for task in self._store.tasks_of_node(node.id):
            if not TaskState.ASSIGNED <= task.desired <= TaskState.COMPLETE:
                continue
            if task.status.state >= TaskState.COMPLETE:
                continue
            constraints = self._placement(task).constraints
            if constraints and not meets(parse_constraints(constraints), node):
                yield task
                continue
            wanted = task.spec.reservations
            if wanted.memory_bytes > memory or wanted.nano_cpus > cpus:
                yield task
                continue
            if any(_amount(value) > generic.get(kind, 0) for kind, value in wanted.generic.items()):
                yield task
                continue
            memory -= wanted.memory_bytes
            cpus -= wanted.nano_cpus
            for kind, value in wanted.generic.items():
                generic[kind] -= _amount(value)

    def _placement(self, task: Task) -> Placement:
        """What the task's service asks for now; the task's own wish when the service is gone."""
        service = self._store.services.get(task.service_id)
        return service.spec.task.placement if service is not None else task.spec.placement

    def check(self) -> None:
        """It keeps no state of its own: nothing to assert."""


def _amount(value: int | tuple[str, ...]) -> int:
    return value if isinstance(value, int) else len(value)

"""Room manager, loop job orchestrator (rank 22): tasks that run to completion, so many times or once a node.

Comes in: commits. Goes out: new tasks, restarts of failed ones, tasks of an earlier run told to go. Rules
of this file: only the tasks of the present run count; a job is looked at when its service changes or one of
its tasks ends, never when a node does; slots are numbered from 0; history is kept for ever.

Source: swarmkit manager/orchestrator/jobs/orchestrator.go, jobs/replicated/reconciler.go,
jobs/global/reconciler.go.
"""

from __future__ import annotations

from typing import ClassVar

from meshsim.manager.orchestrator.restart import RestartSupervisor
from meshsim.manager.orchestrator.taskinit import check_tasks
from meshsim.manager.orchestrator.tasks import (
    invalid_node,
    is_job,
    meets_constraints,
    new_task,
    per_node,
    remove_all,
)
from meshsim.model.events import Committed
from meshsim.model.objects import Node, Service, Task
from meshsim.model.specs import ReplicatedJob
from meshsim.model.states import Availability, NodeState, TaskState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper

__all__ = ["JobOrchestrator"]


class JobOrchestrator:
    """Runs replicated and global jobs.

    Args:
        store, clock, profile: as everywhere.
        streams: ``"ids"`` for new tasks.
        ties: not used; all loops are built alike.

    Source: swarmkit manager/orchestrator/jobs/orchestrator.go Orchestrator.
    """

    RANK: ClassVar[int] = 22

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,
        streams: Streams,
        *,
        ties: str = "joined",  # noqa: ARG002  (all loops are built alike)
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = streams["ids"]
        self.restarts = RestartSupervisor(store, clock, profile, self._ids)
        self.running = False

    def __repr__(self) -> str:
        return f"<JobOrchestrator{'' if self.running else ', stopped'}>"

    def start(self) -> None:
        """Take office: look at every job once. Source: orchestrator.go Run."""
        if self.running:
            return
        self.running = True
        check_tasks(self._store, self.restarts, related=is_job, fix=self._fix)
        self._store.watch(self.on_commit, rank=self.RANK)
        for service_id in tuple(self._store.services):
            self._reconcile(service_id)

    def stop(self) -> None:
        """Lay down office; delays and histories are forgotten."""
        self.running = False
        self._store.unwatch(self.on_commit)
        self.restarts.stop()

    def on_commit(self, committed: Committed) -> None:
        """React to one commit; a job whose task ended costs O(its tasks)."""
        touched: dict[str, None] = {}
        for old, new in committed.notable:
            self.restarts.observe(old, new)
            if isinstance(new, Service):
                touched[new.id] = None
            elif isinstance(new, Task):
                if old is not None and _ended_job(new):
                    touched[new.service_id] = None
            elif new is None and isinstance(old, Service) and is_job(old):
                self.restarts.forget_service(old.id)
                remove_all(self._store, old.id)
        for service_id in touched:
            self._reconcile(service_id)

    def _fix(self, tx: Transaction, task: Task) -> None:
        """Stop a global job's task on a node that is lost; the rest the reconciliation mends."""
        service = tx.get(Service, task.service_id)
        if service is None or not per_node(service) or task.desired > TaskState.COMPLETE:
            return
        if invalid_node(tx.get(Node, task.node_id)):
            tx.update(task, desired=TaskState.SHUTDOWN)

    def _reconcile(self, service_id: str) -> None:
        service = self._store.services.get(service_id)
        if service is None or not is_job(service):
            return
        iteration = service.job_status.iteration if service.job_status is not None else 0
        tasks = self._store.tasks_of_service(service_id)
        present = [task for task in tasks if task.shared.job_iteration == iteration]
        replicated = isinstance(service.spec.mode, ReplicatedJob)
        with self._store.transaction() as tx:
            if isinstance(service.spec.mode, ReplicatedJob):
                self._fill_slots(tx, service, service.spec.mode, present)
            else:
                self._fill_nodes(tx, service, present)
            for task in tasks:
                earlier = task.shared.job_iteration != iteration and task.desired < TaskState.REMOVE
                # What a replicated job has finished is history; a global job clears it away.
                if earlier and (task.status.state <= TaskState.RUNNING or not replicated):
                    tx.update(task, desired=TaskState.REMOVE)

    def _fill_slots(
        self, tx: Transaction, service: Service, mode: ReplicatedJob, present: list[Task]
    ) -> None:
        """Run as many more tasks as may run at once and are still missing.

        Source: swarmkit manager/orchestrator/jobs/replicated/reconciler.go ReconcileService.
        """
        complete = [task for task in present if task.status.state is TaskState.COMPLETE]
        going_on = [
            task
            for task in present
            if task.status.state is not TaskState.COMPLETE and task.desired <= TaskState.COMPLETE
        ]
        missing = mode.total_completions - len(complete) - len(going_on)
        count = min(mode.max_concurrent - len(going_on), missing)
        taken = {task.slot for task in (*complete, *going_on)}
        slot = 0
        for _ in range(count):
            while slot in taken:
                slot += 1
            self._add(tx, service, slot, "")
            slot += 1
        for task in going_on:
            if task.status.state > TaskState.COMPLETE:
                self.restarts.restart(tx, service, task)

    def _fill_nodes(self, tx: Transaction, service: Service, present: list[Task]) -> None:
        """Run a task on every node that fits and has none of this run.

        Source: swarmkit manager/orchestrator/jobs/global/reconciler.go ReconcileService.
        """
        served = {task.node_id: task for task in present if task.desired <= TaskState.COMPLETE}
        for node in self._store.nodes.values():
            if (
                node.id not in served
                and node.spec.availability is Availability.ACTIVE
                and node.status.state is NodeState.READY
                and meets_constraints(service, node)
            ):
                self._add(tx, service, 0, node.id)
        for task in present:
            if task.status.state > TaskState.COMPLETE and task.desired <= TaskState.COMPLETE:
                self.restarts.restart(tx, service, task)
        for node_id, task in served.items():
            node_or_none = self._store.nodes.get(node_id)
            gone = node_or_none is not None and invalid_node(node_or_none)
            if gone and task.status.state <= TaskState.RUNNING:
                tx.update(task, desired=TaskState.SHUTDOWN)

    def _add(self, tx: Transaction, service: Service, slot: int, node_id: str) -> None:
        now_ns = self._clock.now_ns
        tx.create(new_task(self._ids, service, slot, now_ns, node_id=node_id, desired=TaskState.COMPLETE))

    def check(self) -> None:
        """Assert that whoever waits has something to wait for."""
        self.restarts.check()


def _ended_job(task: Task) -> bool:
    """Whether the task has ended and nobody has dealt with it yet."""
    ended = task.status.state > TaskState.RUNNING and task.desired <= TaskState.COMPLETE
    return ended and task.shared.job_iteration is not None

"""Room manager, loop replicated orchestrator (rank 20): so many tasks as the service asks for.

Comes in: commits. Goes out: new tasks, tasks told to stop or removed, restarts, updates. Rules of this
file: first the restarts commits call for, then one reconciliation of each service they touched; the slots
of every service are kept up to date, so that what is not touched costs nothing. It places nothing and
gives no addresses.

Source: swarmkit manager/orchestrator/replicated/replicated.go, services.go, tasks.go.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from meshsim.manager.orchestrator.restart import RestartSupervisor
from meshsim.manager.orchestrator.slots import ServiceSlots, Slot
from meshsim.manager.orchestrator.taskinit import check_tasks
from meshsim.manager.orchestrator.tasks import (
    invalid_node,
    is_replicated,
    is_task_exact,
    new_tasks,
    remove_all,
)
from meshsim.manager.orchestrator.update import GOING_ON, UpdateSupervisor
from meshsim.model.events import Committed
from meshsim.model.objects import Node, Service, Task
from meshsim.model.specs import EndpointSpec, Replicated, TaskSpec
from meshsim.model.states import TaskState
from meshsim.model.store import Batch, Store, Transaction
from meshsim.placement import scale_down_order
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper

__all__ = ["ReplicatedOrchestrator"]

#: what all tasks of a service were last found to agree with
_Agreed = tuple[TaskSpec, EndpointSpec | None]
_RUNNING = TaskState.RUNNING


class ReplicatedOrchestrator:
    """Keeps every replicated service at its number of tasks, all of them made from its spec.

    Args:
        store, clock, profile: as everywhere.
        streams: ``"ids"`` for new tasks, ``"ties"`` for the order of updates when ``ties`` is ``"seeded"``.
        ties: ``"joined"`` updates slots in ascending order, ``"seeded"`` in an order a real one might use.

    Source: swarmkit manager/orchestrator/replicated/replicated.go Orchestrator.
    """

    RANK: ClassVar[int] = 20

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,
        streams: Streams,
        *,
        ties: Literal["joined", "seeded"] = "joined",
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = streams["ids"]
        self.restarts = RestartSupervisor(store, clock, profile, self._ids)
        self.updates = UpdateSupervisor(
            store,
            clock,
            profile,
            self.restarts,
            ids=self._ids,
            ties=streams["ties"] if ties == "seeded" else None,
        )
        self._slots: dict[str, ServiceSlots] = {}
        self._agreed: dict[str, _Agreed] = {}
        self._to_restart: dict[str, None] = {}
        self._to_reconcile: dict[str, None] = {}
        self.running = False

    def __repr__(self) -> str:
        return f"<ReplicatedOrchestrator: {len(self._slots)} services{'' if self.running else ', stopped'}>"

    def start(self) -> None:
        """Take office: look at every service and task once. Source: replicated.go Run."""
        if self.running:
            return
        self.running = True
        for service in self._store.services.values():
            if is_replicated(service):
                self._slots[service.id] = ServiceSlots()
                self._to_reconcile[service.id] = None
        for task in self._store.tasks.values():
            self._note(task)
        check_tasks(self._store, self.restarts, related=is_replicated, fix=self._fix)
        self._store.watch(self.on_commit, rank=self.RANK)
        self._store.afterwards(self._tick)

    def stop(self) -> None:
        """Lay down office; delays, histories and updates under way are forgotten."""
        self.running = False
        self._store.unwatch(self.on_commit)
        self.updates.stop()
        self.restarts.stop()
        for table in (self._slots, self._agreed, self._to_restart, self._to_reconcile):
            table.clear()

    # -- events

    def on_commit(self, committed: Committed) -> None:
        """React to one commit. O(changes), but for services whose spec changed or shrank."""
        updates = self.updates
        observed = updates.under_way
        # A task that goes on is replaced all the same if its node cannot keep it: asked once for each node.
        keeps = {"": True}
        for (old, new), routine in zip(committed.every, committed.routine, strict=True):
            it: Any = old if new is None else new
            if routine:
                node_id = it.node_id
                if node_id not in keeps:
                    keeps[node_id] = not invalid_node(self._store.nodes.get(node_id))
                if not keeps[node_id]:
                    self._judge(it)
                if observed:
                    updates.observe(old, new)
                continue
            kind = it.kind
            if kind == "task":
                self._on_task(old, new)  # type: ignore[arg-type]
            elif kind == "node":
                self._on_node(it, gone=new is None)
            elif kind == "service":
                self._on_service(it, gone=new is None)
            self.restarts.observe(old, new)
            updates.observe(old, new)
        if self._to_restart or self._to_reconcile:
            self._store.afterwards(self._tick)

    def _on_task(self, old: Task | None, new: Task | None) -> None:
        if new is not None:
            if old is None or old.desired is not new.desired:
                self._note(new)
            if new.desired <= _RUNNING:
                self._judge(new)
        elif old is not None:
            slots = self._slots.get(old.service_id)
            if slots is not None:
                slots.forget(old)
                if old.desired <= _RUNNING:
                    self._to_reconcile[old.service_id] = None

    def _judge(self, task: Task) -> None:
        """Queue the task for a restart if it ended or its node cannot keep it."""
        if task.shared.service_id not in self._slots:
            return
        if task.status.state > _RUNNING or (
            task.node_id and invalid_node(self._store.nodes.get(task.node_id))
        ):
            self._to_restart[task.id] = None

    def _on_node(self, node: Node, *, gone: bool) -> None:
        if gone or invalid_node(node):
            for task in self._store.tasks_of_node(node.id):
                if task.desired <= _RUNNING and task.service_id in self._slots:
                    self._to_restart[task.id] = None

    def _on_service(self, service: Service, *, gone: bool) -> None:
        service_id = service.id
        if not gone:
            if is_replicated(service):
                self._slots.setdefault(service_id, ServiceSlots())
                self._to_reconcile[service_id] = None
            return
        if service_id not in self._slots:
            return
        self._to_reconcile.pop(service_id, None)
        self.updates.forget_service(service_id)
        self.restarts.forget_service(service_id)
        self._agreed.pop(service_id, None)
        del self._slots[service_id]
        remove_all(self._store, service_id)

    def _note(self, task: Task) -> None:
        """Keep the slots up to date with a task that is new or was told something else."""
        service_id = task.shared.service_id
        slots = self._slots.get(service_id)
        if slots is None or task.id not in self._store.tasks:
            return  # not ours, or removed by a commit that will be told later
        slots.note(task)
        agreed = self._agreed.get(service_id)
        if agreed is not None and task.spec is not agreed[0] and task.spec != agreed[0]:
            del self._agreed[service_id]

    def _fix(self, tx: Transaction, task: Task) -> None:  # noqa: ARG002  (the seam of check_tasks)
        if task.desired <= _RUNNING:
            self._judge(task)

    # -- work

    def _tick(self) -> None:
        """Do what has gathered once all commits have been told; what is written here is told at once.

        Source: replicated.go tick.
        """
        self._restart_queued()
        services, self._to_reconcile = self._to_reconcile, {}
        for service_id in services:
            service = self._store.services.get(service_id)
            if service is not None:
                self._reconcile(service)

    def _restart_queued(self) -> None:
        """Source: replicated/tasks.go tickTasks."""
        queued, self._to_restart = self._to_restart, {}
        with self._store.batch() as tx:
            for task_id in queued:
                tx.step()
                task = tx.get(Task, task_id)
                service = tx.get(Service, task.service_id) if task is not None else None
                if task is not None and service is not None and task.desired <= _RUNNING:
                    self.restarts.restart(tx, service, task)

    def _reconcile(self, service: Service) -> None:
        """Make the slots as many as asked for, and what they hold what is asked for.

        Source: swarmkit manager/orchestrator/replicated/services.go reconcile.
        """
        slots = self._slots[service.id]
        standing, dead = self._judge_idle(service, slots)
        mode = service.spec.mode
        assert isinstance(mode, Replicated)
        have, want = len(slots.live) + len(standing), mode.replicas
        if want > have:
            self._update(service, slots, standing)
            self._add(service, slots, standing, dead, want - have)
        elif want < have:
            self._shrink(service, slots, standing, dead, want)
        else:
            self._delete(slots, dead)
            self._update(service, slots, standing)

    def _judge_idle(
        self, service: Service, slots: ServiceSlots
    ) -> tuple[dict[Slot, list[Task]], dict[Slot, None]]:
        """Split slots without a task that shall run: those represented by a dead task, and dead ones."""
        standing: dict[Slot, list[Task]] = {}
        dead: dict[Slot, None] = {}
        for slot in slots.idle:
            tasks = self.restarts.updatable(self._tasks(slots, slot), service)
            if tasks:
                standing[slot] = tasks
            else:
                dead[slot] = None
        return standing, dead

    def _tasks(self, slots: ServiceSlots, slot: Slot) -> list[Task]:
        table = self._store.tasks
        return [table[i] for i in slots.tasks.of(slot) if i in table]

    def _updatable(self, slots: ServiceSlots, standing: dict[Slot, list[Task]]) -> dict[int, list[Task]]:
        """All slots that count, with the tasks that stand for them, in order of their numbers."""
        found = {}
        for slot in sorted((*slots.live, *standing)):
            if slot in standing:
                found[slot] = standing[slot]
            else:
                live = [task for task in self._tasks(slots, slot) if task.desired <= _RUNNING]
                if live:
                    found[slot] = live
        return found  # type: ignore[return-value]

    def _update(self, service: Service, slots: ServiceSlots, standing: dict[Slot, list[Task]]) -> None:
        """Hand the slots to the updater, unless nothing can be dirty."""
        goal = (service.spec.task, service.spec.endpoint)
        if not slots.live and not standing:
            self._agreed[service.id] = goal
        status = service.update_status
        settled = status is None or status.state not in GOING_ON
        if settled and not slots.crowded and not standing and self._agreed.get(service.id) == goal:
            return
        if self.updates.busy(service):
            return
        updatable = self._updatable(slots, standing)
        clean = self.updates.update(service, updatable.values())
        if clean and all(is_task_exact(service, task) for tasks in updatable.values() for task in tasks):
            self._agreed[service.id] = goal
        else:
            self._agreed.pop(service.id, None)

    def _add(
        self,
        service: Service,
        slots: ServiceSlots,
        standing: dict[Slot, list[Task]],
        dead: dict[Slot, None],
        count: int,
    ) -> None:
        """Make tasks in the lowest free slots; dead slots that stay empty are cleared away."""
        numbers = slots.free_numbers(count, filled=standing)
        with self._store.batch() as tx:
            for task in new_tasks(self._ids, service, numbers, tx.now_ns, tx=tx):
                tx.create(task)
                tx.step()
            for slot in numbers:
                dead.pop(slot, None)
            self._clear(tx, slots, dead)

    def _shrink(
        self,
        service: Service,
        slots: ServiceSlots,
        standing: dict[Slot, list[Task]],
        dead: dict[Slot, None],
        want: int,
    ) -> None:
        """Keep the slots that placement says, update them, and remove the tasks of the others."""
        updatable = self._updatable(slots, standing)
        order = scale_down_order(updatable)
        self.updates.update(service, [updatable[slot] for slot in order[:want]])
        with self._store.batch() as tx:
            self._clear(tx, slots, dead)
            for slot in order[want:]:
                tx.step()
                for old in updatable[slot]:
                    task = tx.get(Task, old.id)
                    if task is not None and task.desired < TaskState.REMOVE:
                        tx.update(task, desired=TaskState.REMOVE)

    def _delete(self, slots: ServiceSlots, dead: dict[Slot, None]) -> None:
        if dead:
            with self._store.batch() as tx:
                self._clear(tx, slots, dead)

    @staticmethod
    def _clear(tx: Batch, slots: ServiceSlots, dead: dict[Slot, None]) -> None:
        """Delete the tasks of dead slots."""
        for slot in dead:
            tx.step()
            for task_id in slots.tasks.of(slot):
                task = tx.get(Task, task_id)
                if task is not None:
                    tx.delete(task)

    def check(self) -> None:
        """Assert that the slots are those of the store, between commits."""
        self.restarts.check()
        for service_id, slots in self._slots.items():
            slots.check(self._store.tasks_of_service(service_id))

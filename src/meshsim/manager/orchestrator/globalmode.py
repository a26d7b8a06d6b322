"""Room manager, loop global orchestrator (rank 21): one task of each global service on every node that fits.

Comes in: commits. Goes out: new tasks made for their node, tasks told to stop, restarts, updates. Rules of
this file: nodes that are drained or down take part in nothing; paused ones keep what they have; a node that
comes (back) is served without the rolling-update settings. The scheduler still has to confirm each task.

Source: swarmkit manager/orchestrator/global/global.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from meshsim.manager.orchestrator.restart import RestartSupervisor
from meshsim.manager.orchestrator.taskinit import check_tasks
from meshsim.manager.orchestrator.tasks import (
    invalid_node,
    is_global,
    is_task_dirty,
    meets_constraints,
    new_task,
    remove_all,
)
from meshsim.manager.orchestrator.update import UpdateSupervisor
from meshsim.model.events import Committed
from meshsim.model.objects import Node, Service, Task
from meshsim.model.states import Availability, NodeState, TaskState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper

__all__ = ["GlobalOrchestrator"]


class GlobalOrchestrator:
    """Keeps one task of every global service on every node that meets its constraints.

    Args:
        store, clock, profile: as everywhere.
        streams: ``"ids"`` for new tasks, ``"ties"`` for the order of updates when ``ties`` is ``"seeded"``.
        ties: ``"joined"`` goes through nodes in the order they joined.

    Source: swarmkit manager/orchestrator/global/global.go Orchestrator.
    """

    RANK: ClassVar[int] = 21

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
        self._services: dict[str, None] = {}
        self._nodes: dict[str, None] = {}
        self._to_restart: dict[str, None] = {}
        self.running = False

    def __repr__(self) -> str:
        return f"<GlobalOrchestrator: {len(self._services)} services on {len(self._nodes)} nodes>"

    def start(self) -> None:
        """Take office: look at every node, service and task once. Source: global.go Run."""
        if self.running:
            return
        self.running = True
        for node in self._store.nodes.values():
            self._file_node(node)
        for service in self._store.services.values():
            if is_global(service):
                self._services[service.id] = None
        check_tasks(self._store, self.restarts, related=is_global, fix=self._fix)
        self._store.watch(self.on_commit, rank=self.RANK)
        self._tick()
        for service_id in tuple(self._services):
            self._reconcile(service_id)

    def stop(self) -> None:
        """Lay down office; delays, histories and updates under way are forgotten."""
        self.running = False
        self._store.unwatch(self.on_commit)
        self.updates.stop()
        self.restarts.stop()
        for table in (self._services, self._nodes, self._to_restart):
            table.clear()

    # -- events

    def on_commit(self, committed: Committed) -> None:
        """React to one commit. O(changes); a service event costs O(nodes), a node event O(its tasks)."""
        # Only an update under way must hear of tasks that come up.
        for old, new in committed.every if self.updates.under_way else committed.notable:
            it = old if new is None else new
            if isinstance(it, Task):
                if old is not None and new is not None:
                    self._on_task(it)
            elif isinstance(it, Node):
                self._on_node(it, gone=new is None)
            elif isinstance(it, Service):
                self._on_service(it.id, gone=new is None)
            self.restarts.observe(old, new)
            self.updates.observe(old, new)
        self._tick()

    def _on_task(self, task: Task) -> None:
        if (
            task.status.state > TaskState.RUNNING
            and task.desired <= TaskState.RUNNING
            and task.service_id in self._services
        ):
            self._to_restart[task.id] = None

    def _on_service(self, service_id: str, *, gone: bool) -> None:
        if not gone:
            if is_global(self._store.services.get(service_id)):
                self._services[service_id] = None
                self._reconcile(service_id)
        elif service_id in self._services:
            del self._services[service_id]
            self.updates.forget_service(service_id)
            self.restarts.forget_service(service_id)
            remove_all(self._store, service_id)

    def _on_node(self, node: Node, *, gone: bool) -> None:
        if not gone:
            current = self._store.nodes.get(node.id)
            if current is not None:
                self._file_node(current)
                self._reconcile_node(current)
            return
        self._nodes.pop(node.id, None)
        with self._store.transaction() as tx:
            for task in self._tasks_on(node.id):
                tx.delete(task)

    def _file_node(self, node: Node) -> None:
        """Keep the set of nodes that are neither drained nor down. Source: global.go updateNode."""
        if invalid_node(node):
            self._nodes.pop(node.id, None)
        else:
            self._nodes[node.id] = None

    def _tasks_on(self, node_id: str) -> list[Task]:
        return [task for task in self._store.tasks_of_node(node_id) if task.service_id in self._services]

    def _fix(self, tx: Transaction, task: Task) -> None:
        """Source: global.go FixTask."""
        if task.desired > TaskState.RUNNING:
            return
        if not task.node_id or invalid_node(self._store.nodes.get(task.node_id)):
            self._shut_down(tx, [task])
        elif task.status.state > TaskState.RUNNING:
            self._to_restart[task.id] = None

    # -- work

    def _tick(self) -> None:
        """Restart what ended, where it may still run. Source: global.go tickTasks."""
        if not self._to_restart:
            return
        queued, self._to_restart = self._to_restart, {}
        with self._store.batch() as tx:
            for task_id in queued:
                tx.step()
                task = tx.get(Task, task_id)
                if task is None or task.desired > TaskState.RUNNING or task.node_id not in self._nodes:
                    continue
                service, node = tx.get(Service, task.service_id), tx.get(Node, task.node_id)
                if service is None or node is None:
                    continue
                paused = node.spec.availability is Availability.PAUSE
                if paused or not meets_constraints(service, node):
                    self._shut_down(tx, [task])
                else:
                    self.restarts.restart(tx, service, task)

    def _reconcile(self, service_id: str) -> None:
        """Bring one service to all nodes. Source: global.go reconcileServices."""
        service = self._store.services.get(service_id)
        if service is None:
            return
        by_node: dict[str, list[Task]] = {}
        for task in self._store.tasks_of_service(service_id):
            by_node.setdefault(task.node_id, []).append(task)
        standing = {
            node_id: updatable
            for node_id, tasks in by_node.items()
            if (updatable := self.restarts.updatable(tasks, service))
        }
        slots: list[Sequence[Task]] = []
        with self._store.batch() as tx:
            for node_id in tuple(self._nodes):
                tx.step()
                node = tx.get(Node, node_id)
                tasks = standing.pop(node_id, [])
                if node is None or not meets_constraints(service, node):
                    self._shut_down(tx, tasks)
                elif node.spec.availability is not Availability.PAUSE:
                    if tasks:
                        slots.append(tasks)
                    else:
                        self._add(tx, service, node_id)
            for tasks in standing.values():
                self._shut_down(tx, tasks)
        if slots:
            self.updates.update(service, slots)

    def _reconcile_node(self, node: Node) -> None:
        """Bring all services to one node, without rolling-update settings. Source: reconcileOneNode."""
        drained = node.spec.availability is Availability.DRAIN
        if drained or node.status.state is NodeState.DOWN:
            with self._store.transaction() as tx:
                self._shut_down(tx, self._tasks_on(node.id))
            return
        if node.spec.availability is Availability.PAUSE:
            return
        by_service: dict[str, list[Task]] = {}
        for task in self._tasks_on(node.id):
            by_service.setdefault(task.service_id, []).append(task)
        with self._store.transaction() as tx:
            for service_id in self._services:
                service = tx.get(Service, service_id)
                if service is not None and meets_constraints(service, node):
                    tasks = self.restarts.updatable(by_service.get(service_id, []), service)
                    self._fit(tx, service, node, tasks)

    def _fit(self, tx: Transaction, service: Service, node: Node, tasks: Iterable[Task]) -> None:
        """Leave one clean task of the service on the node. Source: reconcileServicesOneNode."""
        clean: list[Task] = []
        surplus: list[Task] = []
        for task in tasks:
            (surplus if is_task_dirty(service, task, node) else clean).append(task)
        if not clean:
            self._add(tx, service, node.id)
        self._shut_down(tx, surplus + clean[1:])

    def _add(self, tx: Transaction, service: Service, node_id: str) -> None:
        tx.create(new_task(self._ids, service, 0, self._clock.now_ns, node_id=node_id))

    @staticmethod
    def _shut_down(tx: Transaction, tasks: Iterable[Task]) -> None:
        for old in tasks:
            task = tx.get(Task, old.id)
            if task is not None and task.desired < TaskState.SHUTDOWN:
                tx.update(task, desired=TaskState.SHUTDOWN)

    def check(self) -> None:
        """Assert that nodes and services are those of the store, between commits."""
        self.restarts.check()
        wanted = {node.id for node in self._store.nodes.values() if not invalid_node(node)}
        assert self._nodes.keys() == wanted, "nodes"
        wanted = {service.id for service in self._store.services.values() if is_global(service)}
        assert self._services.keys() == wanted, "services"

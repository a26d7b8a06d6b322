"""Room manager, loop scheduler (rank 30): feeds the placer and writes what it decides.

Comes in: commits. Goes out: tasks with a node (ASSIGNED), or the sentence why there is none. Rules of this
file: it runs 50 ms after the last commit, at most 1 s after the first; a round only follows an event that
can have made a difference; what cannot be written is taken back and tried again. Which node a task gets is
the placer's business.

Source: swarmkit manager/scheduler/scheduler.go Run, tick, applySchedulingDecisions.
"""

from __future__ import annotations

from typing import ClassVar, Final

from meshsim.errors import NotFound, OutOfSequence
from meshsim.model.events import Committed
from meshsim.model.objects import Node, Service, Task, TaskStatus, early_status
from meshsim.model.specs import GenericResources
from meshsim.model.states import TaskState
from meshsim.model.store import Store, Transaction
from meshsim.placement import Placer
from meshsim.profile import Profile
from meshsim.sim import Timekeeper, Timer

__all__ = ["Scheduler"]

_S = TaskState
_PENDING, _ASSIGNED, _RUNNING = _S.PENDING, _S.ASSIGNED, _S.RUNNING
_ASSIGNED_TEXT: Final = "scheduler assigned task to node"
_CONFIRMED_TEXT: Final = "scheduler confirmed task can run on preassigned node"


class Scheduler:
    """Gives tasks their nodes.

    Args:
        store: the swarm's store.
        clock: virtual time.
        profile: constants.
        placer: decides; emptied and filled anew with each :meth:`start`.

    Attributes:
        unassigned: tasks without a node, by id, in the order they came.
        preassigned: tasks whose node was given in advance and has not been confirmed yet.
        placer: what it drives.

    Source: swarmkit manager/scheduler/scheduler.go Scheduler.
    """

    RANK: ClassVar[int] = 30

    def __init__(self, store: Store, clock: Timekeeper, profile: Profile, placer: Placer) -> None:
        self.placer = placer
        self.unassigned: dict[str, Task] = {}
        self.preassigned: dict[str, Task] = {}
        self.running = False
        self._store = store
        self._clock = clock
        self._profile = profile
        self._tick_wanted = False
        #: tasks whose node was given in advance, until they end: their failures do not count against it
        self._given: dict[str, None] = {}
        self._timer: Timer | None = None
        #: when the debouncing under way began, and when it ends
        self._began_ns = -1
        self._due_ns = -1

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        waiting = f"{len(self.unassigned)} without node, {len(self.preassigned)} to confirm"
        return f"<Scheduler {state}: {waiting}; {self.placer!r}>"

    # -- leadership ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take office: load what there is, confirm preassigned tasks, place the others. O(nodes + tasks).

        Source: swarmkit manager/scheduler/scheduler.go Run, setupTasksList.
        """
        self.running = True
        self._store.watch(self.on_commit, rank=self.RANK)
        placer = self.placer
        for node_id in list(placer.nodes):
            placer.remove_node(node_id)
        for node in self._store.nodes.values():
            placer.set_node(node)
        for task in self._store.tasks.values():
            state = task.status.state
            if state < _PENDING or state > _RUNNING:
                continue
            if state == _PENDING and task.desired > _S.COMPLETE:
                continue
            self._sort_in(task)
        self._confirm_preassigned()
        self._tick()

    def stop(self) -> None:
        """Lay down office: stop watching, forget everything."""
        self.running = False
        self._store.unwatch(self.on_commit)
        self.unassigned.clear()
        self.preassigned.clear()
        self._given.clear()
        self._tick_wanted = False
        self._began_ns = self._due_ns = -1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- events ----------------------------------------------------------------------------------------

    def on_commit(self, committed: Committed) -> None:
        """Note what changed and start or prolong the debouncing. O(changes)."""
        for old, new in committed.decided:
            if type(new) is Task:
                if old is None:
                    self._task_created(new)
                else:
                    self._task_updated(old, new)  # type: ignore[arg-type]
            elif type(new) is Node:
                self._node_came(new)
            elif new is None:
                self._removed(old)
        self._debounce()

    def _task_created(self, task: Task) -> None:
        if _PENDING <= task.status.state <= _RUNNING:
            self._sort_in(task)

    def _sort_in(self, task: Task) -> None:
        """Source: swarmkit manager/scheduler/scheduler.go createTask."""
        if not task.node_id:
            self.unassigned[task.id] = task
            self._tick_wanted = True
        elif task.status.state == _PENDING:
            self.preassigned[task.id] = task
            self._given[task.id] = None
        else:
            self.placer.set_task(task)

    def _task_updated(self, old: Task, task: Task) -> None:
        """Source: swarmkit manager/scheduler/scheduler.go updateTask."""
        state = task.status.state
        if state < _PENDING:
            return
        if state > _RUNNING:
            self._task_ended(old, task)
        elif not task.node_id or state == _PENDING:
            if self.unassigned.get(task.id) is task or self.preassigned.get(task.id) is task:
                return  # our own word on why it waits: no reason to look again
            self.placer.remove_task(task.id)
            self._sort_in(task)
        elif old.status.state < _ASSIGNED or old.desired != task.desired or old.node_id != task.node_id:
            # Else only the status moved on: nothing that counts on the node.
            self.preassigned.pop(task.id, None)
            self.unassigned.pop(task.id, None)
            self.placer.set_task(task)

    def _task_ended(self, old: Task, task: Task) -> None:
        """A task that was known frees its node; a failure is remembered against it."""
        known = self.placer.node_of(task.id) is not None
        waiting = self.unassigned.pop(task.id, None) or self.preassigned.pop(task.id, None)
        if not known and waiting is None:
            return
        failed = task.status.state in (_S.FAILED, _S.REJECTED)
        given = task.id in self._given
        if failed and not given and old.status.state != task.status.state:
            shared = task.shared
            self.placer.count_failure(
                shared.service_id, shared.spec_version, task.node_id, self._clock.now_ns
            )
        self._given.pop(task.id, None)
        self.placer.remove_task(task.id)
        self._tick_wanted = True

    def _removed(self, old: object) -> None:
        if type(old) is Task:
            self.unassigned.pop(old.id, None)
            self.preassigned.pop(old.id, None)
            self._given.pop(old.id, None)
            if self.placer.remove_task(old.id):
                self._tick_wanted = True
        elif type(old) is Node:
            self.placer.remove_node(old.id)

    def _node_came(self, node: Node) -> None:
        fresh = node.id not in self.placer.nodes
        self.placer.set_node(node)
        self._tick_wanted = True
        if fresh:
            for task in self._store.tasks_of_node(node.id):
                if _ASSIGNED <= task.status.state <= _RUNNING:
                    self.placer.set_task(task)

    # -- when ------------------------------------------------------------------------------------------

    def _debounce(self) -> None:
        """Every commit prolongs the pause; a timer is only set when there is something to do."""
        now_ns = self._clock.now_ns
        if self._due_ns < now_ns:
            self._began_ns = now_ns
        latest_ns = self._began_ns + self._profile.schedule_max_ns
        self._due_ns = max(now_ns, min(now_ns + self._profile.schedule_debounce_ns, latest_ns))
        if self._timer is None and self._has_work():
            self._timer = self._clock.call_at(self._due_ns, self._ring, name="scheduler")

    def _has_work(self) -> bool:
        return bool(self.preassigned) or (self._tick_wanted and bool(self.unassigned))

    def _ring(self) -> None:
        """The timer rang: run, unless commits have prolonged the pause meanwhile."""
        self._timer = None
        if self._due_ns > self._clock.now_ns:
            self._timer = self._clock.call_at(self._due_ns, self._ring, name="scheduler")
            return
        self._due_ns = -1
        self._confirm_preassigned()
        if self._tick_wanted:
            self._tick()

    # -- rounds ----------------------------------------------------------------------------------------

    def _confirm_preassigned(self) -> None:
        """Source: swarmkit manager/scheduler/scheduler.go processPreassignedTasks, taskFitNode."""
        if not self.preassigned:
            return
        waiting, self.preassigned = self.preassigned, {}
        with self._store.batch() as tx:
            for task in waiting.values():
                tx.step()
                current = tx.get(Task, task.id)
                if current is None or current.status.state != _PENDING:
                    continue
                reason = self.placer.confirm(current)
                if reason is None:
                    self._assign(tx, current, current.node_id, _CONFIRMED_TEXT)
                else:
                    self.preassigned[task.id] = self._explain(tx, current, reason)

    def _tick(self) -> None:
        """One round over all tasks without a node.

        Source: swarmkit manager/scheduler/scheduler.go tick, applySchedulingDecisions.
        """
        self._tick_wanted = False
        if not self.unassigned:
            return
        waiting = list(self.unassigned.values())
        self.unassigned = {}
        outcome = self.placer.place(waiting, now_ns=self._clock.now_ns)
        waiting.reverse()
        with self._store.batch() as tx:
            while waiting:  # each is let go of as it is replaced
                tx.step()
                task = waiting.pop()
                node_id = outcome.nodes.get(task.id)
                try:
                    if node_id is not None:
                        self._assign(tx, task, node_id, _ASSIGNED_TEXT, outcome.generic.get(task.id))
                    else:
                        self._leave_pending(tx, task, outcome.pending[task.id])
                except (NotFound, OutOfSequence):
                    pass  # gone or changed since the batch began: our own watch has freed its place

    def _assign(
        self,
        tx: Transaction,
        task: Task,
        node_id: str,
        message: str,
        generic: GenericResources | None = None,
    ) -> None:
        status = early_status(_ASSIGNED, message, self._clock.now_ns)
        tx.update(task, node_id=node_id, status=status, assigned_generic=generic)

    def _leave_pending(self, tx: Transaction, task: Task, text: str) -> None:
        """No node: say why, unless the service has moved on: then it is let go of, for good.

        Source: swarmkit manager/scheduler/scheduler.go noSuitableNode.
        """
        shared = task.shared
        if shared.service_id:
            service = tx.get(Service, shared.service_id)
            if service is None:
                return  # its orchestrator will delete it
            if service.spec_version > shared.spec_version:
                if task.desired >= _S.SHUTDOWN:
                    status = TaskStatus(_S.SHUTDOWN, task.status.message, "", self._clock.now_ns)
                    tx.update(task, status=status)
                return
        self.unassigned[task.id] = self._explain(tx, task, text)

    def _explain(self, tx: Transaction, task: Task, text: str) -> Task:
        """Write why the task waits, if it is news."""
        status = task.status
        if status.err == text:
            return task
        return tx.update(task, status=TaskStatus(status.state, status.message, text, self._clock.now_ns))

    def check(self) -> None:
        """Assert that the queues hold what the store says waits, and the placer what has a node."""
        self.placer.check()
        if not self.running:
            return
        for task in self._store.tasks.values():
            held = self.placer.node_of(task.id)
            if _ASSIGNED <= task.status.state <= _RUNNING and task.node_id in self._store.nodes:
                assert held is not None, task.name
                assert held.id == task.node_id, task.name
            else:
                assert held is None, task.name
        for task_id in self.unassigned:
            task = self._store.tasks[task_id]
            assert (task.node_id, task.status.state) == ("", _PENDING), task.name

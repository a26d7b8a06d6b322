"""Room manager, loop task reaper (rank 24): how many dead tasks are kept.

Comes in: commits. Goes out: tasks deleted. Rules of this file: a slot is looked at only after a task was
made in it, and a moment later; the oldest dead tasks beyond the limit go; tasks told to be removed go as
soon as they have stopped. Jobs keep their history for ever.

Source: swarmkit manager/orchestrator/taskreaper/task_reaper.go.
"""

from __future__ import annotations

from typing import ClassVar

from meshsim.manager.orchestrator.slots import Roster, Slot
from meshsim.model.events import Committed
from meshsim.model.objects import Task
from meshsim.model.specs import GlobalMode, Replicated
from meshsim.model.states import TaskState
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper, Timer

__all__ = ["TaskReaper"]

#: so many slots and tasks to look at are not kept waiting. Source: task_reaper.go maxDirty.
_MAX_DIRTY = 1000


class TaskReaper:
    """Deletes tasks that nobody needs any more.

    Args:
        store, clock: as everywhere.
        profile: ``reaper_delay_ns``, the moment it waits.
        streams, ties: not used; all loops are built alike.

    Source: swarmkit manager/orchestrator/taskreaper/task_reaper.go TaskReaper.
    """

    RANK: ClassVar[int] = 24

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,
        streams: Streams | None = None,  # noqa: ARG002  (all loops are built alike)
        *,
        ties: str = "joined",  # noqa: ARG002
    ) -> None:
        self._store = store
        self._clock = clock
        self._delay_ns = profile.reaper_delay_ns
        self._timer: Timer | None = None
        #: of each service the slots to look at
        self._dirty: dict[str, dict[Slot, None]] = {}
        self._cleanup: dict[str, None] = {}
        #: of each service the tasks by replica number, or by node
        self._slots: dict[str, Roster] = {}
        self.running = False

    def __repr__(self) -> str:
        return f"<TaskReaper: {self._waiting()} slots and {len(self._cleanup)} tasks to look at>"

    def _waiting(self) -> int:
        return sum(map(len, self._dirty.values()))

    def start(self) -> None:
        """Take office: what has ended its life is deleted at once. Source: task_reaper.go Run."""
        if self.running:
            return
        self.running = True
        self._store.watch(self.on_commit, rank=self.RANK)
        for task in self._store.tasks.values():
            self._file(task)
            if _is_over(task):
                self._cleanup[task.id] = None
        if self._cleanup:
            self._tick()

    def stop(self) -> None:
        """Lay down office."""
        self.running = False
        self._store.unwatch(self.on_commit)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for table in (self._dirty, self._cleanup, self._slots):
            table.clear()

    def on_commit(self, committed: Committed) -> None:
        """Note slots with new tasks, and tasks whose life has ended. O(changes)."""
        touched = len(committed.notable) < len(committed.every)  # by tasks that go on
        for old, task in committed.notable:
            if isinstance(task, Task):
                touched = True
                if old is None:
                    self._file(task)
                    service_id = task.shared.service_id
                    if service_id:
                        self._dirty.setdefault(service_id, {})[task.slot or task.node_id] = None
                elif _is_over(task):
                    self._cleanup[task.id] = None
            elif task is None and isinstance(old, Task):
                self._unfile(old)
        work = self._waiting() + len(self._cleanup)
        if touched and work > _MAX_DIRTY:
            self._tick()
        elif touched and work and self._timer is None:
            self._timer = self._clock.call_later(self._delay_ns, self._tick, name="task reaper")

    def _file(self, task: Task) -> None:
        shared = task.shared
        if shared.service_id:
            of_service = self._slots.get(shared.service_id)
            if of_service is None:
                of_service = self._slots[shared.service_id] = Roster()
            of_service.add(task.slot or task.node_id, task.id)

    def _unfile(self, task: Task) -> None:
        of_service = self._slots.get(task.service_id)
        if of_service is None:
            return
        # It is filed under no node when it had none yet.
        gone = of_service.drop(task.slot or task.node_id, task.id) or of_service.drop("", task.id)
        if gone and not of_service:
            del self._slots[task.service_id]

    def _tick(self) -> None:
        """Source: task_reaper.go tick."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        doomed, self._cleanup = self._cleanup, {}
        dirty, self._dirty = self._dirty, {}
        for service_id, slots in dirty.items():
            limit = self._limit(service_id)
            again = {slot: None for slot in slots if self._prune(service_id, slot, limit, doomed)}
            if again:
                self._dirty[service_id] = again
        if doomed:
            with self._store.batch() as tx:
                for task_id in doomed:
                    tx.step()
                    task = tx.get(Task, task_id)
                    if task is not None:
                        tx.delete(task)

    def _prune(self, service_id: str, slot: Slot, limit: int, doomed: dict[str, None]) -> bool:
        """Doom what is too much in a slot; returns whether the slot is to be looked at again."""
        if limit < 0:
            return False
        of_service = self._slots.get(service_id)
        ids = of_service.of(slot) if of_service is not None else []
        if len(ids) <= limit:
            return False
        table = self._store.tasks
        tasks = sorted((table[i] for i in ids if i in table), key=_timestamp)
        surplus = len(tasks) - limit
        running = 0
        for task in tasks:
            if surplus <= 0:
                break
            if _may_go(task):
                doomed[task.id] = None
                surplus -= 1
            else:
                running += 1
        return running > 1

    def _limit(self, service_id: str) -> int:
        """How many tasks a slot keeps: one more than there may be restarts, else what the swarm says.

        Below zero: all that there are, also those of jobs and of services that are gone.
        """
        service = self._store.services.get(service_id)
        if service is None or not isinstance(service.spec.mode, Replicated | GlobalMode):
            return -1
        restart = service.spec.task.restart
        if restart is not None and restart.max_attempts > 0:
            return restart.max_attempts + 1
        return self._store.swarm.spec.task_history_limit

    def check(self) -> None:
        """Assert that every task of a service is filed where it belongs, and that work has a timer."""
        filed = [i for roster in self._slots.values() for slot in roster for i in roster.of(slot)]
        mine = [task.id for task in self._store.tasks.values() if task.service_id]
        assert not self.running or sorted(filed) == sorted(mine), "tasks filed"
        assert not self._cleanup or self._timer is not None, "nobody will clean up"


def _timestamp(task: Task) -> int:
    return task.status.timestamp_ns


def _is_over(task: Task) -> bool:
    """Whether the task is to be deleted whatever the history: removed and stopped, or a lost container."""
    state = task.status.state
    if not task.service_id:
        return state >= TaskState.ORPHANED
    return task.desired is TaskState.REMOVE and (state < TaskState.ASSIGNED or state >= TaskState.COMPLETE)


def _may_go(task: Task) -> bool:
    """Whether the task is dead, or was told to stop before it had a node."""
    state = task.status.state
    return state > TaskState.RUNNING or (state < TaskState.ASSIGNED and task.desired > TaskState.RUNNING)

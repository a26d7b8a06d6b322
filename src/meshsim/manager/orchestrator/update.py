"""Room manager, orchestrators: rolling a service's tasks over to its new spec.

Comes in: a service and its slots. Goes out: replaced tasks, and the service's update status. Rules of this
file: one updater per service and spec; it is a pool of workers, each of which takes a slot, replaces its
task, waits until the new one runs (however long that takes), sleeps for the delay and takes the next;
failures are judged while slots are handed out and once more when all workers are done, for one monitor
period. All of it lives in memory: a new leader starts over with what is still dirty.

Source: swarmkit manager/orchestrator/update/updater.go.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Sequence
from random import Random

from attrs import define

from meshsim.manager.maporder import map_order
from meshsim.manager.orchestrator.restart import RestartSupervisor
from meshsim.manager.orchestrator.tasks import is_global, is_task_dirty, new_task
from meshsim.manager.orchestrator.updatestatus import begin, complete, pause, roll_back
from meshsim.model.events import AnyObject
from meshsim.model.objects import Service, Task
from meshsim.model.specs import UpdateConfig
from meshsim.model.states import FailureAction, TaskState, UpdateOrder, UpdateState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Timekeeper, Timer

__all__ = ["UpdateSupervisor", "Updater"]

_S = 1_000_000_000
#: what holds when a service says nothing. Source: swarmkit api/defaults/service.go Update.
_DEFAULT = UpdateConfig(parallelism=1)

_PAUSED = frozenset({UpdateState.PAUSED, UpdateState.ROLLBACK_PAUSED})
GOING_ON = frozenset({UpdateState.UPDATING, UpdateState.ROLLBACK_STARTED})


@define(slots=True, eq=False)
class _Worker:
    """One worker: the slot it is at and the new task it waits for."""

    slot: Sequence[Task] = ()
    task_id: str = ""
    told_to_run: bool = False
    wait_running: bool = True
    timer: Timer | None = None


class UpdateSupervisor:
    """The updaters of one orchestrator, at most one per service.

    Args:
        store, clock, profile: as everywhere.
        restarts: delays the start of new tasks until the old ones have stopped.
        ids: where the ids of new tasks are drawn from.
        ties: None to go through the slots in the order given, else a generator to draw an order from.
    """

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,
        restarts: RestartSupervisor,
        *,
        ids: Random,
        ties: Random | None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.profile = profile
        self.restarts = restarts
        self.ids = ids
        self.ties = ties
        self._updates: dict[str, Updater] = {}

    def __repr__(self) -> str:
        return f"<UpdateSupervisor: {len(self._updates)} services updating>"

    def stop(self) -> None:
        """Drop all updaters."""
        for updater in tuple(self._updates.values()):
            updater.cancel()
        self._updates.clear()

    def busy(self, service: Service) -> bool:
        """Whether an updater works towards this very spec already."""
        updater = self._updates.get(service.id)
        return updater is not None and updater.service.spec == service.spec

    def update(self, service: Service, slots: Iterable[Sequence[Task]]) -> bool:
        """Bring these slots to the service's spec; an updater for another spec is dropped first.

        Returns:
            Whether every task was found to be clean.

        Source: swarmkit manager/orchestrator/update/updater.go Supervisor.Update.
        """
        if self.busy(service):
            return False
        old = self._updates.pop(service.id, None)
        if old is not None:
            old.cancel()
        updater = self._updates[service.id] = Updater(self, service)
        return updater.run(slots)

    def forget(self, updater: Updater) -> None:
        """Called by an updater that has ended."""
        if self._updates.get(updater.service.id) is updater:
            del self._updates[updater.service.id]

    def forget_service(self, service_id: str) -> None:
        """Drop the updater of a removed service."""
        updater = self._updates.pop(service_id, None)
        if updater is not None:
            updater.cancel()

    @property
    def under_way(self) -> bool:
        """Whether any service is being updated."""
        return bool(self._updates)

    def observe(self, old: AnyObject | None, new: AnyObject | None) -> None:
        """Take notice of a committed change. O(1)."""
        if self._updates and old is not None and isinstance(new, Task):
            updater = self._updates.get(new.service_id)
            if updater is not None:
                updater.observe(new)


class Updater:
    """One update of one service.

    Attributes:
        service: the service as it was when the update began; its spec is the goal.
    """

    def __init__(self, supervisor: UpdateSupervisor, service: Service) -> None:
        self._supervisor = supervisor
        self._store = supervisor.store
        self.service = service
        self._queue: deque[Sequence[Task]] = deque()
        self._workers: list[_Worker] = []
        self._by_task: dict[str, _Worker] = {}
        #: tasks this update made -> when they were seen to run, None before
        self._made: dict[str, int | None] = {}
        self._failed: dict[str, None] = {}
        self._unjudged: list[str] = []
        self._dirty = 0
        self._stopped = False
        self._monitor: Timer | None = None
        self._config, self._monitor_ns = self._settings()

    def __repr__(self) -> str:
        state = "stopped, " if self._stopped else ""
        return (
            f"<Updater of {self.service.name}: {state}{len(self._workers)} workers, {len(self._queue)} to go>"
        )

    def _settings(self) -> tuple[UpdateConfig, int]:
        status, spec = self.service.update_status, self.service.spec
        back = status is not None and status.state is UpdateState.ROLLBACK_STARTED
        config = (spec.rollback if back else spec.update) or _DEFAULT
        monitor_ns = config.monitor_ns
        if monitor_ns is None:
            monitor_ns = self._supervisor.profile.update_monitor_ns
        if config.delay_ns >= monitor_ns:
            monitor_ns = config.delay_ns + _S
        return config, monitor_ns

    # -- the update as a whole

    def run(self, slots: Iterable[Sequence[Task]]) -> bool:
        """Start; returns whether all was clean. Source: updater.go Run."""
        status = self.service.update_status
        if status is not None and status.state in _PAUSED:
            self._end()
            return False
        dirty = [slot for slot in slots if self._slot_is_dirty(slot)]
        if not dirty:
            self._end()
            if status is not None and status.state in GOING_ON:
                complete(self._store, self.service.id)
            return True
        if status is None:
            begin(self._store, self.service.id)
        self._dirty = len(dirty)
        self._queue.extend(map_order(dirty, self._supervisor.ties))
        self._workers = [_Worker() for _ in range(min(self._config.parallelism or len(dirty), len(dirty)))]
        for worker in tuple(self._workers):
            self._next(worker)
        return False

    def cancel(self) -> None:
        """Stop at once; what was told to tasks stands. Source: updater.go Cancel."""
        self._stopped = True
        self._queue.clear()
        for worker in self._workers:
            if worker.timer is not None:
                worker.timer.cancel()
        self._workers.clear()
        self._by_task.clear()
        if self._monitor is not None:
            self._monitor.cancel()

    def _end(self) -> None:
        if self._monitor is not None:
            self._monitor.cancel()
        self._supervisor.forget(self)

    def _slot_is_dirty(self, slot: Sequence[Task]) -> bool:
        return len(slot) > 1 or (len(slot) == 1 and self._is_dirty(slot[0]))

    def _is_dirty(self, task: Task) -> bool:
        return is_task_dirty(self.service, task, self._store.nodes.get(task.node_id))

    # -- workers

    def _next(self, worker: _Worker) -> None:
        """Let the worker take slots until it has to wait for something. Source: updater.go worker."""
        while self._queue and not self._stopped:
            worker.slot = self._queue.popleft()
            if self._take(worker):
                return
            if self._config.delay_ns:
                self._sleep(worker)
                return
        if worker in self._workers:
            self._workers.remove(worker)
            if not self._workers:
                self._all_done()

    def _sleep(self, worker: _Worker) -> None:
        delay_ns = self._config.delay_ns
        worker.timer = self._supervisor.clock.call_later(delay_ns, self._next, worker, name="update delay")

    def _rest(self, worker: _Worker) -> None:
        """The slot is done: sleep, or go on at once."""
        if self._config.delay_ns:
            self._sleep(worker)
        else:
            self._next(worker)

    def _take(self, worker: _Worker) -> bool:
        """Replace what stands in the worker's slot; returns whether there is something to wait for."""
        with self._store.transaction() as tx:
            return self._replace_or_keep(tx, worker)

    def _replace_or_keep(self, tx: Transaction, worker: _Worker) -> bool:
        """Judge the slot as it was when the update began: what happened since is seen while writing."""
        clean = [task for task in worker.slot if not self._is_dirty(task)]
        running = [task for task in clean if task.desired is TaskState.RUNNING]
        held = [task for task in clean if task.desired < TaskState.RUNNING]
        if running or held:
            return self._keep(tx, worker, running[0] if running else held[-1])
        if tx.get(Service, self.service.id) is None:
            return False
        return self._replace(tx, worker)

    def _keep(self, tx: Transaction, worker: _Worker, keep: Task) -> bool:
        """Shut the slot's other tasks down and let this one run. Source: updater.go useExistingTask."""
        others = [task for task in worker.slot if task is not keep]
        removed, missed = self._remove(tx, others)
        if keep.desired is TaskState.RUNNING or (missed and removed is None):
            return False
        self._await(worker, keep.id, removed, wait_stop=True, wait_running=False)
        return True

    def _replace(self, tx: Transaction, worker: _Worker) -> bool:
        """Make the slot's new task; the old ones are told to stop now or later.

        Nothing is made if all old ones were told to stop by somebody else: their slot has been seen to
        (a restart or a drain made its replacement, from the present spec).

        Source: swarmkit manager/orchestrator/update/updater.go updateTask.
        """
        first = worker.slot[0]
        stop_first = self._config.order is UpdateOrder.STOP_FIRST
        removed, missed = self._remove(tx, worker.slot) if stop_first else (None, False)
        if missed and removed is None:
            return False
        fresh = tx.create(
            new_task(
                self._supervisor.ids,
                self.service,
                first.slot,
                self._supervisor.clock.now_ns,
                node_id=first.node_id if is_global(self.service) else "",
                desired=TaskState.READY,
            )
        )
        self._made[fresh.id] = None
        self._await(worker, fresh.id, removed, wait_stop=stop_first, wait_running=True)
        return True

    def _remove(self, tx: Transaction, tasks: Iterable[Task]) -> tuple[Task | None, bool]:
        """Tell tasks to stop.

        Args:
            tx: where to write.
            tasks: as they were when the update began; those that were to stop even then do not count.

        Returns:
            One that was told now, or None; and whether one was gone or told by somebody else.

        Source: swarmkit manager/orchestrator/update/updater.go removeOldTasks.
        """
        removed, missed = None, False
        for old in tasks:
            if old.desired > TaskState.RUNNING:
                continue
            task = tx.get(Task, old.id)
            if task is None or task.desired > TaskState.RUNNING:
                missed = True
                continue
            tx.update(task, desired=TaskState.SHUTDOWN)
            removed = task
        return removed, missed

    def _await(
        self, worker: _Worker, task_id: str, old: Task | None, *, wait_stop: bool, wait_running: bool
    ) -> None:
        worker.task_id, worker.told_to_run, worker.wait_running = task_id, False, wait_running
        self._by_task[task_id] = worker
        self._supervisor.restarts.delay_start(task_id, old=old, wait_stop=wait_stop, done=self._told)

    def _told(self, task_id: str) -> None:
        """The task has been told to run (or its wait was cancelled)."""
        worker = self._by_task.get(task_id)
        if worker is None:
            return
        worker.told_to_run = True
        if not worker.wait_running:
            del self._by_task[task_id]
            self._rest(worker)
            return
        task = self._store.tasks.get(task_id)
        if task is not None and task.status.state >= TaskState.RUNNING:
            self._came_up(worker, task)

    def _came_up(self, worker: _Worker, task: Task) -> None:
        """The new task runs, or has ended already."""
        del self._by_task[task.id]
        self._made[task.id] = self._supervisor.clock.now_ns
        start_first = self._config.order is UpdateOrder.START_FIRST
        if start_first and task.status.state is TaskState.RUNNING:
            with self._store.transaction() as tx:
                self._remove(tx, worker.slot)
        self._rest(worker)

    def observe(self, task: Task) -> None:
        """Take notice of a task of the service that changed."""
        state = task.status.state
        if state < TaskState.RUNNING:
            return
        if state > TaskState.RUNNING and task.id in self._made:
            self._judge_or_keep(task.id)
        worker = self._by_task.get(task.id)
        if worker is not None and worker.told_to_run and worker.wait_running:
            self._came_up(worker, task)

    # -- failures

    def _judge_or_keep(self, task_id: str) -> None:
        """Judge a failure while slots are handed out or monitored; in between it has to wait."""
        if self._config.failure_action is FailureAction.CONTINUE or self._stopped:
            return
        if self._monitor is not None:
            if self._judge(task_id):
                self._monitored()
        elif not self._queue:
            self._unjudged.append(task_id)
        elif self._judge(task_id):
            self._queue.clear()

    def _judge(self, task_id: str) -> bool:
        """Count the failure if it counts; returns whether the action was taken.

        Source: swarmkit manager/orchestrator/update/updater.go Run, failureTriggersAction.
        """
        if task_id in self._failed:
            return False
        started_ns = self._made[task_id]
        now_ns = self._supervisor.clock.now_ns
        if started_ns is not None and now_ns - started_ns > self._monitor_ns:
            return False
        self._failed[task_id] = None
        if _float32(len(self._failed) / self._dirty) <= _float32(self._config.max_failure_ratio):
            return False
        text = f"due to failure or early termination of task {task_id}"
        if self._config.failure_action is FailureAction.PAUSE:
            self._stopped = True
            pause(self._store, self.service.id, f"update paused {text}")
        elif self._rolling_back():
            # A rollback is never rolled back; the updater runs on, and ends as completed.
            pause(self._store, self.service.id, f"rollback paused {text}")
        else:
            self._stopped = True
            roll_back(self._store, self.service.id, f"update rolled back {text}")
        return True

    def _rolling_back(self) -> bool:
        status = self.service.update_status
        return status is not None and status.state is UpdateState.ROLLBACK_STARTED

    def _all_done(self) -> None:
        """All workers have ended: watch a little longer, unless it was stopped."""
        if self._stopped:
            self._end()
            return
        clock = self._supervisor.clock
        self._monitor = clock.call_later(self._monitor_ns, self._monitored, name="update monitor")
        for task_id in self._unjudged:
            if self._judge(task_id):
                self._monitored()
                return

    def _monitored(self) -> None:
        # It steps aside first: whoever reads "completed" may find something to mend, and begin anew.
        self._end()
        if not self._stopped:
            complete(self._store, self.service.id)


def _float32(number: float) -> float:
    """Round as Go's float32 does."""
    return float(struct.unpack("f", struct.pack("f", number))[0])

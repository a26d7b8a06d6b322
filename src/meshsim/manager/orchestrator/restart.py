"""Room manager, orchestrators: replacing a task that ended, and starting a replacement when it is time.

Comes in: a task that must not go on, or a new task that must wait. Goes out: the old task told to stop,
its replacement made at once but held at READY, later told to run. Rules of this file: the old task is
told to stop even when the policy allows no replacement; the replacement is made from the service as it is
now, the delay comes from the old task; what waits lives in memory only, so a new leader begins anew. Each
orchestrator has a supervisor of its own and tells it what was committed.

Source: swarmkit manager/orchestrator/restart/restart.go Supervisor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random

from attrs import define, field

from meshsim.manager.orchestrator.tasks import is_global, is_job, new_task, per_node
from meshsim.model.events import AnyObject
from meshsim.model.objects import Node, Service, Task
from meshsim.model.specs import RestartPolicy
from meshsim.model.states import Availability, NodeState, RestartCondition, TaskState, UpdateState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Timekeeper, Timer

__all__ = ["RestartSupervisor"]

_ANY = RestartPolicy()

#: told with the new task's id when its wait is over, however it ended
Done = Callable[[str], None]
#: replica number and node id; one of them is always empty
_Key = tuple[int, str]


@define(slots=True, eq=False)
class _Wait:
    """One new task waiting to be told to run."""

    task_id: str
    old_id: str
    node_id: str
    timers: list[Timer] = field(factory=list)
    delayed: bool = False
    blocked: bool = False
    restart_after: bool = False
    done: Done | None = None


@define(slots=True, eq=False)
class _History:
    """The restarts of one slot under one version of the service's spec."""

    spec_version: int = 0
    total: int = 0
    times_ns: deque[int] | None = None


class RestartSupervisor:
    """Restarts tasks as their restart policy says, and delays the start of new ones.

    Args:
        store: where tasks are written.
        clock: for the delays.
        profile: default delay, how long to wait for an old task.
        ids: where the ids of new tasks are drawn from.
    """

    def __init__(self, store: Store, clock: Timekeeper, profile: Profile, ids: Random) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._ids = ids
        self._waits: dict[str, _Wait] = {}
        self._by_old: dict[str, dict[str, None]] = {}
        self._by_node: dict[str, dict[str, None]] = {}
        self._history: dict[str, dict[_Key, _History]] = {}

    def __repr__(self) -> str:
        return f"<RestartSupervisor: {len(self._waits)} tasks waiting to start>"

    def stop(self) -> None:
        """Forget everything: the waits, without telling anybody, and the history."""
        for wait in self._waits.values():
            for timer in wait.timers:
                timer.cancel()
        for table in (self._waits, self._by_old, self._by_node, self._history):
            table.clear()

    # -- replacing

    def restart(self, tx: Transaction, service: Service, task: Task) -> None:
        """Tell the task to stop and, if its policy allows, make its replacement.

        A task that itself still waits for its start is restarted when that wait is over.

        Source: swarmkit manager/orchestrator/restart/restart.go Restart.
        """
        wait = self._waits.get(task.id)
        if wait is not None:
            wait.restart_after = True
            return
        if task.desired > TaskState.COMPLETE:
            return
        stopped = tx.update(task, desired=TaskState.SHUTDOWN)
        if not self.should_restart(stopped, service):
            return
        node = tx.get(Node, task.node_id) if task.node_id else None
        fresh = tx.create(
            new_task(
                self._ids,
                service,
                0 if per_node(service) else task.slot,
                self._clock.now_ns,
                node_id=task.node_id if per_node(service) else "",
                desired=TaskState.READY,
            )
        )
        drained = node is not None and node.spec.availability is Availability.DRAIN
        gone = node is not None and node.status.state is NodeState.DOWN
        self.record(fresh, fresh.node_id)
        self.delay_start(
            fresh.id, old=task, delay_ns=0 if drained else self.delay_ns(task), wait_stop=not gone
        )

    def delay_ns(self, task: Task) -> int:
        """How long a replacement of the task waits."""
        policy = task.spec.restart
        if policy is None or policy.delay_ns is None:
            return self._profile.restart_delay_ns
        return policy.delay_ns

    def should_restart(self, task: Task, service: Service) -> bool:
        """Whether the policy of the task allows a replacement.

        Source: swarmkit manager/orchestrator/restart/restart.go shouldRestart.
        """
        policy = task.spec.restart or _ANY
        complete = task.status.state is TaskState.COMPLETE
        if policy.condition is RestartCondition.NONE:
            return False
        if complete and (policy.condition is RestartCondition.ON_FAILURE or is_job(service)):
            return False
        if not policy.max_attempts:
            return True
        # History is kept by slot and node, but looked up by node for global services alone: so a
        # global job never finds its own and its attempts are unlimited.
        key = (task.slot, task.node_id if is_global(service) else "")
        history = self._history.get(service.id, {}).get(key)
        if history is None or task.shared.spec_version != history.spec_version:
            return True
        if not policy.window_ns:
            return history.total < policy.max_attempts
        return _recent(history, task.status.timestamp_ns, policy.window_ns) < policy.max_attempts

    def record(self, replacement: Task, node_id: str) -> None:
        """Note that the task was made as a replacement; ``node_id`` only where tasks belong to nodes.

        Source: swarmkit manager/orchestrator/restart/restart.go RecordRestartHistory.
        """
        policy = replacement.spec.restart
        if policy is None or not policy.max_attempts:
            return
        of_service = self._history.setdefault(replacement.service_id, {})
        history = of_service.setdefault((replacement.slot, node_id), _History())
        if history.spec_version != replacement.spec_version:
            history.spec_version, history.total, history.times_ns = replacement.spec_version, 0, None
        history.total += 1
        if policy.window_ns:
            if history.times_ns is None:
                history.times_ns = deque()
            history.times_ns.append(replacement.created_ns)

    def forget_service(self, service_id: str) -> None:
        """Forget the history of a removed service."""
        self._history.pop(service_id, None)

    def updatable(self, tasks: Sequence[Task], service: Service) -> list[Task]:
        """The tasks of a slot that stand for it: those desired to run, else the newest if it stays dead.

        An empty answer means that the slot is dead: it is to be filled anew.

        Source: swarmkit manager/orchestrator/restart/restart.go UpdatableTasksInSlot.
        """
        live = [task for task in tasks if task.desired <= TaskState.RUNNING]
        if live or not tasks:
            return live
        status = service.update_status
        if status is not None and status.state is UpdateState.ROLLBACK_STARTED:
            return []
        newest = max(reversed(tasks), key=_timestamp)
        return [] if self.should_restart(newest, service) else [newest]

    # -- waiting

    def delay_start(
        self,
        task_id: str,
        *,
        old: Task | None = None,
        delay_ns: int = 0,
        wait_stop: bool = True,
        done: Done | None = None,
    ) -> None:
        """Tell the task to run when the delay is over and, if asked, the old task has stopped.

        Args:
            task_id: the new task.
            old: the task it replaces.
            delay_ns: how long to wait in any case.
            wait_stop: whether to wait until the old task has stopped, its node is down or gone, or the
                profile's ``old_task_timeout_ns`` has passed.
            done: called with ``task_id`` when the wait is over or was cancelled.

        Source: swarmkit manager/orchestrator/restart/restart.go DelayStart.
        """
        self.cancel(task_id)
        blocked = wait_stop and old is not None and old.status.state <= TaskState.RUNNING
        wait = _Wait(task_id, "", "", blocked=blocked, delayed=bool(delay_ns), done=done)
        self._waits[task_id] = wait
        later = self._clock.call_later
        if blocked and old is not None:
            wait.old_id, wait.node_id = old.id, old.node_id
            self._by_old.setdefault(old.id, {})[task_id] = None
            self._by_node.setdefault(old.node_id, {})[task_id] = None
            timeout_ns = max(self._profile.old_task_timeout_ns, delay_ns)
            wait.timers.append(later(timeout_ns, self._unblock, task_id, name="old task timeout"))
        if delay_ns or not blocked:
            wait.timers.append(later(delay_ns, self._delay_over, task_id, name="restart delay"))

    def waiting(self, task_id: str) -> bool:
        """Whether the task still waits to be told to run."""
        return task_id in self._waits

    def _delay_over(self, task_id: str) -> None:
        wait = self._waits[task_id]
        wait.delayed = False
        if not wait.blocked:
            self._start(wait)

    def _unblock(self, task_id: str) -> None:
        wait = self._waits[task_id]
        wait.blocked = False
        if not wait.delayed:
            self._start(wait)

    def _start(self, wait: _Wait) -> None:
        self._drop(wait)
        with self._store.transaction() as tx:
            self.start_now(tx, wait.task_id)
        self._finish(wait)

    def _drop(self, wait: _Wait) -> None:
        for timer in wait.timers:
            timer.cancel()
        del self._waits[wait.task_id]
        for index, key in ((self._by_old, wait.old_id), (self._by_node, wait.node_id)):
            members = index.get(key)
            if members is not None:
                members.pop(wait.task_id, None)
                if not members:
                    del index[key]

    def _finish(self, wait: _Wait) -> None:
        if wait.restart_after:
            with self._store.transaction() as tx:
                task = tx.get(Task, wait.task_id)
                service = tx.get(Service, task.service_id) if task is not None else None
                if task is not None and service is not None and task.desired <= TaskState.RUNNING:
                    self.restart(tx, service, task)
        if wait.done is not None:
            wait.done(wait.task_id)

    @staticmethod
    def start_now(tx: Transaction, task_id: str) -> None:
        """Tell the task to run now: a job's task to run to completion.

        Source: swarmkit manager/orchestrator/restart/restart.go StartNow.
        """
        task = tx.get(Task, task_id)
        if task is not None and task.desired < TaskState.RUNNING:
            job = task.shared.job_iteration is not None
            tx.update(task, desired=TaskState.COMPLETE if job else TaskState.RUNNING)

    def cancel(self, task_id: str) -> None:
        """End the task's wait without telling it to run."""
        wait = self._waits.get(task_id)
        if wait is not None:
            self._drop(wait)
            self._finish(wait)

    def observe(self, old: AnyObject | None, new: AnyObject | None) -> None:
        """Take notice of a committed change: an old task that stopped, a node lost, a new task gone.

        O(1) unless somebody waits for it.
        """
        if not self._waits:
            return
        if new is None:
            if isinstance(old, Task):
                self.cancel(old.id)
            elif isinstance(old, Node):
                self._unblock_all(self._by_node.get(old.id, ()))
        elif old is not None:
            if isinstance(new, Task):
                if new.status.state > TaskState.RUNNING and new.id in self._by_old:
                    self._unblock_all(self._by_old[new.id])
            elif isinstance(new, Node) and new.status.state is NodeState.DOWN:
                self._unblock_all(self._by_node.get(new.id, ()))

    def _unblock_all(self, task_ids: Iterable[str]) -> None:
        for task_id in tuple(task_ids):
            if task_id in self._waits:
                self._unblock(task_id)

    def check(self) -> None:
        """Assert that whoever waits has a timer or somebody to wait for, and is found by it."""
        for task_id, wait in self._waits.items():
            assert wait.task_id == task_id
            assert any(timer.live for timer in wait.timers), f"{task_id} waits for nothing"
            assert not wait.blocked or task_id in self._by_old[wait.old_id]


def _timestamp(task: Task) -> int:
    return task.status.timestamp_ns


def _recent(history: _History, reference_ns: int, window_ns: int) -> int:
    """How many restarts lie in the window before the reference; older ones are forgotten for good."""
    times = history.times_ns
    if times is None:
        return 0
    while times and times[0] <= reference_ns - window_ns:
        times.popleft()
    return sum(time_ns < reference_ns for time_ns in times)

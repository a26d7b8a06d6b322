"""Room agent: all tasks of one node.

Comes in: assignments, what the runtime reports, time. Goes out: statuses the managers have not heard yet
(:attr:`Worker.unsent`). Rules of this file: one timer per moment, not per task; each call drives the tasks
it concerns as far as they get and then tells the agent once. It knows neither sessions nor managers.

Source: swarmkit agent/worker.go, agent/reporter.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from meshsim.agent.controller import NEVER, Bench, Controller
from meshsim.agent.runtime import Runtime
from meshsim.model.objects import Network, Task, TaskStatus
from meshsim.model.states import TaskState
from meshsim.profile import Profile
from meshsim.sim import Clock, Lent, Own, Timer

__all__ = ["TaskView", "Worker"]


class TaskView(Mapping[str, Task]):
    """The node's tasks by id, each with the status the node itself has observed; live, to be read only."""

    __slots__ = ("_controllers",)

    def __init__(self, controllers: Lent[dict[str, Controller]]) -> None:
        self._controllers = controllers

    def __getitem__(self, task_id: str) -> Task:
        controller = self._controllers.seen[task_id]
        task = controller.task
        if task.status is controller.status:
            return task
        return task.evolve_to(task.version, task.updated_ns, status=controller.status)

    def __iter__(self) -> Iterator[str]:
        return iter(self._controllers.seen)

    def __len__(self) -> int:
        return len(self._controllers.seen)

    def __repr__(self) -> str:
        return f"<TaskView {', '.join(f'{task.name} {task.state}' for task in self.values()) or 'empty'}>"


class Worker:
    """Keeps a controller per assigned task and wakes it when a step is over.

    Args:
        clock: virtual time.
        runtime: the machine's engine.
        profile: constants.
        tell: called once after each activation that left something in :attr:`unsent`.

    Attributes:
        unsent: the newest status of each task the managers have not been told, in order of first change.

    Source: swarmkit agent/worker.go worker.
    """

    __slots__ = (
        "_bench",
        "_clock",
        "_controllers",
        "_done",
        "_dropping",
        "_powered",
        "_tell",
        "_timers",
        "_wakes",
        "unsent",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    _powered: bool
    _dropping: bool
    # Held by nobody else: forks copy them without remembering that they did.
    unsent: Own[dict[str, TaskStatus]]
    _wakes: Own[dict[int, list[str]]]
    _timers: Own[dict[int, Timer]]

    def __init__(self, clock: Clock, runtime: Runtime, profile: Profile, tell: Callable[[], None]) -> None:
        self.unsent = {}
        self._powered = True
        self._dropping = False
        self._done: Callable[[], None] | None = None
        self._clock = clock
        self._bench = Bench(runtime, profile)
        self._tell = tell
        self._controllers: Lent[dict[str, Controller]] = Lent({})
        self._wakes = {}
        self._timers = {}

    def __repr__(self) -> str:
        return f"<Worker {len(self._controllers.seen)} tasks, {len(self.unsent)} statuses to send>"

    @property
    def tasks(self) -> TaskView:
        """The node's tasks as they are observed here."""
        return TaskView(self._controllers)

    @property
    def dropping(self) -> bool:
        """Whether :meth:`drop_all` is still under way."""
        return self._dropping

    # -- assignments -----------------------------------------------------------------------------------

    def assign(
        self, *, complete: bool, tasks: Iterable[Task], removed: Iterable[str], networks: Iterable[Network]
    ) -> None:
        """Take over what the managers want. O(tasks told), plus O(tasks here) when complete.

        Args:
            complete: whether the tasks are all there are; the others are then removed.
            tasks: new or changed ones.
            removed: ids of tasks the managers have deleted.
            networks: those the tasks are on.

        Source: swarmkit agent/worker.go Assign, Update, reconcileTaskState.
        """
        for network in networks:
            self._bench.networks[network.id] = network
        told = list(tasks)
        if complete:
            wanted = {task.id for task in told}
            removed = [task_id for task_id in self._controllers.seen if task_id not in wanted]
        for task_id in removed:
            self._forget(task_id)
        controllers = self._controllers.own()
        for task in told:
            controller = controllers.get(task.id)
            if controller is None:
                controller = controllers[task.id] = Controller(task)
                self._drive(controller, Controller.advance)
            elif task.desired != controller.task.desired or task.version != controller.task.version:
                self._drive(controller, Controller.update, task)
            if complete and controller.status.state > task.status.state:
                self.unsent[task.id] = controller.status  # it may have got lost with an earlier leader
        self._report()

    def _forget(self, task_id: str) -> None:
        controller = self._controllers.own().get(task_id)
        if controller is None:
            return
        self._drive(controller, Controller.forget)
        self.unsent.pop(task_id, None)

    # -- what the runtime says -------------------------------------------------------------------------

    def exited(self, task_id: str, exit_code: int, text: str) -> None:
        """A process ended without being asked to."""
        controller = self._controllers.own().get(task_id)
        if controller is None:
            return
        self._drive(controller, Controller.exited, exit_code, text)
        self._report()

    def health(self, task_id: str, healthy: bool) -> None:
        """A health check changed its mind."""
        controller = self._controllers.own().get(task_id)
        if controller is None:
            return
        self._drive(controller, Controller.health, healthy)
        self._report()

    # -- the machine's life ----------------------------------------------------------------------------

    def power_lost(self) -> None:
        """Nothing moves any more; what is known stays for the next start, unless it was being dropped."""
        self._powered = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wakes.clear()
        for controller in self._controllers.own().values():
            controller.power_lost()

    def power_back(self) -> None:
        """Go on with the tasks kept: their processes are dead, their steps begin anew."""
        if self.dropping:
            self.drop_now()
        self._powered = True
        for controller in list(self._controllers.own().values()):
            self._drive(controller, Controller.power_back)
        self._report()

    def drop_all(self, done: Callable[[], None] | None = None) -> None:
        """Stop every task in order, remove its container, tell nobody. What is dead already goes at once.

        Args:
            done: called when the last one is gone.

        Source: swarmkit agent/agent.go run (the assignments are emptied when the agent leaves), worker.go
        closeManager.
        """
        self.unsent.clear()
        self._dropping = True
        self._done = done
        if not self._powered:
            self.drop_now()
            return
        for task_id in list(self._controllers.seen):
            self._forget(task_id)
        self._report()

    def drop_now(self) -> None:
        """Cut :meth:`drop_all` short: kill and remove what is left."""
        powered = self._powered
        self.power_lost()
        controllers = self._controllers.own()
        for controller in controllers.values():
            controller.drop(self._bench, powered=powered)
        controllers.clear()
        self._report()

    # -- driving ---------------------------------------------------------------------------------------

    def _drive(self, controller: Controller, event: Callable[..., None], *facts: Any) -> None:
        """Tell a controller of an event, and take up what has become of it."""
        before, due_ns = controller.status, controller.due_ns
        event(controller, self._bench, *facts, self._clock.now_ns)
        self._after(controller, before, due_ns)

    def _after(self, controller: Controller, before: TaskStatus, due_ns: int) -> None:
        task_id = controller.task.id
        if controller.forgotten:
            if controller.gone:
                self._controllers.own().pop(task_id, None)
        elif controller.status is not before:
            self.unsent[task_id] = controller.status
        if controller.due_ns not in (due_ns, NEVER):
            self._wake_at(controller.due_ns, task_id)

    def _wake_at(self, due_ns: int, task_id: str) -> None:
        waiting = self._wakes.get(due_ns)
        if waiting is None:
            self._wakes[due_ns] = [task_id]
            self._timers[due_ns] = self._clock.call_at(due_ns, self._wake, name="agent step")
        else:
            waiting.append(task_id)

    def _wake(self) -> None:
        due_ns = self._clock.now_ns
        del self._timers[due_ns]
        controllers = self._controllers.own()
        for task_id in self._wakes.pop(due_ns):
            controller = controllers.get(task_id)
            if controller is not None and controller.due_ns == due_ns:  # else the step was cut short
                before = controller.status
                controller.wake(self._bench, due_ns)
                self._after(controller, before, NEVER)
        self._report()

    def _report(self) -> None:
        if self._dropping:
            self._dropped()
        elif self.unsent:
            self._tell()

    def _dropped(self) -> None:
        if not self._controllers.seen:
            done, self._done, self._dropping = self._done, None, False
            if done is not None:
                done()

    def check(self) -> None:
        """Assert that every timed step has its timer, and that nothing forgotten is kept."""
        for task_id, controller in self._controllers.seen.items():
            assert controller.task.id == task_id
            assert not controller.gone, controller
            if self._powered:
                controller.check()
            if controller.due_ns != NEVER:
                assert task_id in self._wakes[controller.due_ns], controller
        assert self._timers.keys() == self._wakes.keys()
        assert all(status.state >= TaskState.ACCEPTED for status in self.unsent.values())

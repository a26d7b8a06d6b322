"""Room agent: the life of one task on its node.

Comes in: the task as the managers want it, what the runtime says (exits, health), the moments a step is
over. Goes out: calls to the runtime, the task's status, and when to be woken next. Rules of this
file: which step is next stands in the table of ``moves`` alone; a status only grows; nothing here restarts
anything. It knows neither managers nor clock: the time is an argument, and so is what it works with, so that
a controller is a mere record, which forks share until it moves.

Source: swarmkit agent/exec/controller.go Do; moby daemon/cluster/executor/container/controller.go.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from attrs import define, field

from meshsim.agent.moves import TABLE, Act, Rule
from meshsim.agent.runtime import Outcome, Runtime, TaskContainer
from meshsim.model.objects import Network, Task, TaskStatus, early_status
from meshsim.model.states import TaskState
from meshsim.profile import Profile
from meshsim.sim import Own

__all__ = ["NEVER", "Bench", "Controller", "Doing"]

_S = TaskState
#: the first state whose status names the container. Source: swarmkit agent/exec/controller.go Do
_NAMES_CONTAINER: Final = _S.STARTING
#: the due time of a step that only an event can end
NEVER: Final = -1


class Doing(Enum):
    """What a controller is in the middle of."""

    __hash__ = object.__hash__  # each is one object; an Enum's own hash is a call of Python

    NOTHING = "nothing"
    PREPARING = "preparing"
    STARTING = "starting"
    PROBING = "probing"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPING = "stopping"


# By names of their own, as ``states`` explains.
_NOTHING, _PREPARING, _STARTING, _PROBING, _RUNNING, _DRAINING, _STOPPING = Doing
_GO_ON: Final = Act.GO_ON


@define(slots=True)
class Bench:
    """What all controllers of a node work with."""

    runtime: Runtime
    profile: Profile
    networks: Own[dict[str, Network]] = field(factory=dict)


class Controller:
    """One task on its way through the table.

    Attributes:
        task: as the managers last told it (its desired state counts).
        status: what the node has observed; ahead of ``task.status``.
        doing: the step under way.
        due_ns: when that step is over; :data:`NEVER` when only an event can end it.
        unhealthy: a failed health check is why it is being stopped.
        forgotten: the managers have deleted the task; it goes away once it has stopped.

    Source: swarmkit agent/task.go taskManager, agent/exec/controller.go Do.
    """

    __slots__ = (
        "_outcome",
        "_published",
        "_started",
        "doing",
        "due_ns",
        "forgotten",
        "status",
        "task",
        "unhealthy",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    task: Task
    status: TaskStatus
    doing: Doing
    due_ns: int
    unhealthy: bool
    forgotten: bool
    _outcome: Outcome | None
    _published: bool
    _started: bool

    def __init__(self, task: Task) -> None:
        self.task = task
        self.status = task.status
        self.doing = _NOTHING
        self.due_ns = NEVER
        self.unhealthy = False
        self.forgotten = False
        self._outcome = None
        self._published = False
        self._started = False

    def __repr__(self) -> str:
        task, state = self.task, self.status.state
        return f"<Controller {task.name}: {state}, {self.doing.value}, {task.desired} wanted>"

    @property
    def gone(self) -> bool:
        """Whether nothing is left to be done for a task that the managers have forgotten."""
        return self.forgotten and self.status.state >= _S.COMPLETE

    # -- events ----------------------------------------------------------------------------------------

    def update(self, bench: Bench, task: Task, now_ns: int) -> None:
        """Take over the task as the managers want it now.

        A stop interrupts pulling, waiting for health and running; a process that is being started is
        started first.
        """
        self.task = task
        if task.desired >= _S.SHUTDOWN and self.doing in _INTERRUPTED:
            self.doing = _NOTHING
            self.due_ns = NEVER
        self.advance(bench, now_ns)

    def forget(self, bench: Bench, now_ns: int) -> None:
        """The managers have deleted the task: stop it if need be; the container is removed then."""
        self.forgotten = True
        if self.status.state < _S.COMPLETE:
            self.update(bench, self.task.evolve_to(self.task.version, now_ns, desired=_S.REMOVE), now_ns)
        else:
            bench.runtime.remove(self.task.id)

    def wake(self, bench: Bench, now_ns: int) -> None:
        """The step under way is over."""
        self.due_ns = NEVER
        _WAKES[self.doing](self, bench, now_ns)
        self.advance(bench, now_ns)

    def exited(self, bench: Bench, exit_code: int, text: str, now_ns: int) -> None:
        """The process ended by itself (or died while it was being stopped)."""
        if self.doing not in _ALIVE:
            return
        container = bench.runtime.finish(self.task)
        self._started = self._published = False
        self.due_ns = NEVER
        if self.doing in (_DRAINING, _STOPPING) and self.task.desired >= _S.SHUTDOWN:
            self._end(bench, _S.SHUTDOWN, "shutdown", "", container, now_ns)
        else:
            self._judge(bench, exit_code, text, container, now_ns)

    def health(self, bench: Bench, healthy: bool, now_ns: int) -> None:
        """A health check changed its mind.

        Source: moby daemon/cluster/executor/container/controller.go Start, Wait.
        """
        if healthy:
            if self.doing is _PROBING:
                self._running(bench, now_ns)
                self.advance(bench, now_ns)
        elif self.doing in (_PROBING, _RUNNING):
            self.unhealthy = True
            self._stop(bench, now_ns)

    def power_lost(self) -> None:
        """The machine went dark: whatever was under way is cut short, and no one is told."""
        self.due_ns = NEVER

    def drop(self, bench: Bench, *, powered: bool) -> None:
        """The agent gives the task up at once: a process that still lives is killed; the container goes."""
        runtime = bench.runtime
        if powered and self._published:
            runtime.unpublish(self.task)
        if powered and self._started:
            runtime.stop(self.task, 0)
        if self._started:
            runtime.finish(self.task)
        runtime.remove(self.task.id)
        self.due_ns = NEVER

    def power_back(self, bench: Bench, now_ns: int) -> None:
        """The agent starts again with what it kept: steps begin anew, processes are found dead.

        Source: swarmkit agent/worker.go Init; recorded: exit code 255 after a power cut.
        """
        if self._started:
            there = bench.runtime.of_task(self.task.id) is not None
            container = bench.runtime.finish(self.task) if there else None
            self._started = self._published = False
            self.doing = _NOTHING
            if self.task.desired >= _S.SHUTDOWN:
                self._end(bench, _S.SHUTDOWN, "shutdown", "", container, now_ns)
            elif container is None:
                self._missing(bench, now_ns)
            else:
                self._judge(bench, container.exit_code or 255, "", container, now_ns)
        elif self.doing is not _RUNNING:  # an attachment goes on
            self.doing = _NOTHING
            self.advance(bench, now_ns)

    # -- steps -----------------------------------------------------------------------------------------

    def advance(self, bench: Bench, now_ns: int) -> None:
        """Do what the table says until a step takes time or nothing is left to do."""
        while self.doing is _NOTHING:
            rule = TABLE.get((self.status.state, self.task.desired))
            if rule is None:
                return
            if rule.act is _GO_ON:
                self._go_on(bench, rule, now_ns)
            else:
                _BEGINS[rule.act](self, bench, now_ns)

    def _go_on(self, bench: Bench, rule: Rule, now_ns: int) -> None:
        container = self._container(bench) if rule.to >= _NAMES_CONTAINER else None
        if container is None:
            self.status = early_status(rule.to, rule.message, now_ns)
        else:
            self.status = TaskStatus(rule.to, rule.message, "", now_ns, container.id)

    def _prepare(self, bench: Bench, now_ns: int) -> None:
        if self.task.shared.spec.attachment:
            self._prepared(bench, now_ns)
            return
        outcome = bench.runtime.prepare(self.task, bench.networks)
        self._begin(_PREPARING, outcome, now_ns)

    def _prepared(self, bench: Bench, now_ns: int) -> None:
        self.doing = _NOTHING
        if self._outcome is not None and self._outcome.err:
            self._end(bench, _S.REJECTED, self.status.message, self._outcome.err, None, now_ns)
            return
        self.status = early_status(_S.READY, "prepared", now_ns)

    def _start(self, bench: Bench, now_ns: int) -> None:
        if self.task.shared.spec.attachment:
            self._running(bench, now_ns)
        elif bench.runtime.of_task(self.task.id) is None:
            self._missing(bench, now_ns)
        else:
            self._begin(_STARTING, bench.runtime.start(self.task), now_ns)

    def _up(self, bench: Bench, now_ns: int) -> None:
        """The process is up, or could not be started."""
        outcome = self._outcome
        assert outcome is not None
        self.doing = _NOTHING
        if outcome.err:
            self._end(bench, _S.FAILED, self.status.message, outcome.err, self._container(bench), now_ns)
            return
        self._started = True
        if not outcome.gated:
            self._running(bench, now_ns)
        elif self.task.desired < _S.SHUTDOWN:
            self.doing = _PROBING

    def _running(self, bench: Bench, now_ns: int) -> None:
        """Names and weight first, then the word to the managers."""
        self.doing = _NOTHING
        if self._started:
            bench.runtime.publish(self.task)
            self._published = True
        ports = self._outcome.ports if self._outcome is not None else ()
        self._outcome = None
        container = self._container(bench)
        inside = (container.id, container.pid, container.exit_code) if container else ("", 0, 0)
        self.status = TaskStatus(_S.RUNNING, "started", "", now_ns, *inside, ports)

    def _wait(self, bench: Bench, now_ns: int) -> None:
        if self._started or self.task.shared.spec.attachment:
            self.doing = _RUNNING
        else:
            self._missing(bench, now_ns)

    def _missing(self, bench: Bench, now_ns: int) -> None:
        """The managers believe in a container that this engine does not have."""
        self._end(bench, _S.FAILED, self.status.message, f"No such container: {self.task.name}", None, now_ns)

    def _stop(self, bench: Bench, now_ns: int) -> None:
        """Orderly: out of names and balancers first, then time for the word to spread.

        Source: moby daemon/cluster/executor/container/controller.go Shutdown.
        """
        if self._published:
            bench.runtime.unpublish(self.task)
            self._published = False
        self.doing = _DRAINING
        networked = bool(self.task.attachments) and not self.task.shared.spec.attachment
        if networked:
            self.due_ns = now_ns + bench.profile.drain_ns
        else:
            self._signal(bench, now_ns)

    def _signal(self, bench: Bench, now_ns: int) -> None:
        if not self._started:
            self._stopped(bench, now_ns)
            return
        grace_ns = self.task.shared.spec.container.stop_grace_ns
        if grace_ns is None:
            grace_ns = bench.profile.stop_grace_ns
        self.doing = _STOPPING
        self.due_ns = now_ns + bench.runtime.stop(self.task, grace_ns)

    def _stopped(self, bench: Bench, now_ns: int) -> None:
        container = self._container(bench)
        if self._started:
            container = bench.runtime.finish(self.task)
            self._started = False
        if self.unhealthy and self.task.desired < _S.SHUTDOWN:
            assert container is not None
            self._judge(bench, container.exit_code, "", container, now_ns)
        else:
            self._end(bench, _S.SHUTDOWN, "shutdown", "", container, now_ns)

    # -- ends ------------------------------------------------------------------------------------------

    def _judge(
        self, bench: Bench, exit_code: int, text: str, container: TaskContainer | None, now_ns: int
    ) -> None:
        """The process ended unasked: COMPLETE on exit code 0, else FAILED.

        Source: moby daemon/cluster/executor/container/errors.go exitError.
        """
        if not exit_code and not text:
            self._end(bench, _S.COMPLETE, "finished", "", container, now_ns)
            return
        if not text:
            text = f"task: non-zero exit ({exit_code})"
            if self.unhealthy:
                text += ": dockerexec: unhealthy container"
        self._end(bench, _S.FAILED, self.status.message, text, container, now_ns)

    def _end(
        self,
        bench: Bench,
        state: TaskState,
        message: str,
        err: str,
        container: TaskContainer | None,
        now_ns: int,
    ) -> None:
        self.doing = _NOTHING
        inside = (container.id, 0, container.exit_code) if container else ("", 0, 0)
        self.status = TaskStatus(state, message, err, now_ns, *inside)
        if self.forgotten:
            bench.runtime.remove(self.task.id)

    def _begin(self, doing: Doing, outcome: Outcome, now_ns: int) -> None:
        self.doing = doing
        self._outcome = outcome
        self.due_ns = now_ns + outcome.delay_ns

    def _container(self, bench: Bench) -> TaskContainer | None:
        if self.task.shared.spec.attachment:
            return None
        return bench.runtime.of_task(self.task.id)

    def check(self) -> None:
        """Assert that the step under way fits the state."""
        state = self.status.state
        assert (self.due_ns != NEVER) == (self.doing in _TIMED), self
        assert not self._published or self._started, self
        if self.doing is _NOTHING:
            assert (state, self.task.desired) not in TABLE, self
            assert not self._started, self


_INTERRUPTED: Final = frozenset({_PREPARING, _PROBING, _RUNNING})
_ALIVE: Final = frozenset({_STARTING, _PROBING, _RUNNING, _DRAINING, _STOPPING})
_TIMED: Final = frozenset({_PREPARING, _STARTING, _DRAINING, _STOPPING})
_Step = Callable[[Controller, Bench, int], None]
_BEGINS: Final[dict[Act, _Step]] = {
    Act.PREPARE: Controller._prepare,
    Act.START: Controller._start,
    Act.WAIT: Controller._wait,
    Act.STOP: Controller._stop,
}
_WAKES: Final[dict[Doing, _Step]] = {
    _PREPARING: Controller._prepared,
    _STARTING: Controller._up,
    _DRAINING: Controller._signal,
    _STOPPING: Controller._stopped,
}

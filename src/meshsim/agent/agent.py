"""Room agent: one node's side of the swarm.

Comes in: assignments from the dispatcher, the machine's fate (start, stop, crash). Goes out: a session with
heartbeats, and the statuses of the node's tasks. Rules of this file: it asks for a dispatcher each time it
needs one and gets None while none can be reached; statuses wait in the worker until they are heard; every
timer here is a background one. It knows no other node.

Source: swarmkit agent/agent.go, agent/session.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from meshsim.agent.runtime import Runtime
from meshsim.agent.worker import TaskView, Worker
from meshsim.errors import ApiError
from meshsim.model.objects import Network, Node, NodeDescription, Task, TaskStatus
from meshsim.profile import Profile
from meshsim.sim import Clock, Timer

__all__ = ["Agent", "DispatcherApi", "SessionLike"]


class SessionLike(Protocol):
    """What the agent needs of a session."""

    @property
    def id(self) -> str:
        """Names the session in heartbeats and reports."""


class DispatcherApi(Protocol):
    """What the agent asks of the leader's dispatcher; each may raise :class:`~meshsim.errors.ApiError`."""

    def register(
        self, node_id: str, description: NodeDescription, address: str, sink: Agent, /
    ) -> SessionLike:
        """Open a session; assignments then come to ``sink.assign``."""

    def heartbeat(self, node_id: str, session_id: str, /) -> int:
        """Say "alive"; returns the nanoseconds until the next one is due."""

    def report(self, node_id: str, session_id: str, statuses: Sequence[tuple[str, TaskStatus]], /) -> None:
        """Tell the states of tasks."""


class Agent:
    """Runs the tasks a node is given and keeps in touch with the managers.

    Args:
        node_id: the node's id.
        clock: virtual time.
        rng: for the back-off.
        profile: constants.
        find_dispatcher: the leader's dispatcher as reached from here, or None.
        runtime: the machine's engine.
        describe: what the engine says of itself now.
        address: the node's address, without port.

    Attributes:
        node: the node's record as the managers last told it; None before the first assignment.
        worker: the tasks.

    Source: swarmkit agent/agent.go Agent.
    """

    __slots__ = (
        "_backoff_ns",
        "_clock",
        "_describe",
        "_described_ns",
        "_description",
        "_find",
        "_profile",
        "_rng",
        "_session_id",
        "_timer",
        "address",
        "node",
        "node_id",
        "running",
        "worker",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    node_id: str
    node: Node | None
    address: str
    running: bool
    _profile: Profile
    _description: NodeDescription | None
    _described_ns: int
    _session_id: str
    _backoff_ns: int

    def __init__(
        self,
        node_id: str,
        clock: Clock,
        rng: Random,
        profile: Profile,
        *,
        find_dispatcher: Callable[[], DispatcherApi | None],
        runtime: Runtime,
        describe: Callable[[], NodeDescription],
        address: str,
    ) -> None:
        self.node_id = node_id
        self.node = None
        self.address = address
        self.worker = Worker(clock, runtime, profile, self._send)
        self.running = False
        self._clock = clock
        self._rng = rng
        self._profile = profile
        self._find = find_dispatcher
        self._describe = describe
        self._description = None
        self._described_ns = 0
        self._session_id = ""
        self._backoff_ns = profile.agent_backoff_ns
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        state = "off" if not self.running else "connected" if self._session_id else "looking for a manager"
        return f"<Agent {self.node_id[:12]} {state}, {len(self.tasks)} tasks>"

    @property
    def tasks(self) -> TaskView:
        """The node's tasks by id, with the statuses observed here."""
        return self.worker.tasks

    @property
    def connected(self) -> bool:
        """Whether it has a session (which may be with a manager that has just fallen silent)."""
        return bool(self._session_id)

    # -- the machine's life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or begin again after :meth:`stop` or :meth:`crash`; harmless when running."""
        if self.running:
            return
        self.running = True
        self._backoff_ns = self._profile.agent_backoff_ns
        self.worker.power_back()
        self._connect()

    def stop(self, graceful: bool = True, done: Callable[[], None] | None = None) -> None:
        """End. Gracefully, all tasks are stopped in order and their containers removed; nothing is reported.

        The managers are not told: they notice by the missing heartbeats.

        Args:
            graceful: False: as :meth:`crash`.
            done: called when the last container is gone; a bound method.

        Source: swarmkit agent/agent.go Leave, Stop.
        """
        if not graceful:
            self.crash()
            return
        self._hang_up()
        self.running = False
        self.worker.drop_all(done)

    def crash(self) -> None:
        """Power cut: all stops in the middle; what was assigned is remembered for the next start."""
        self._hang_up()
        self.running = False
        if self.worker.dropping:
            self.worker.drop_now()
        self.worker.power_lost()

    def _hang_up(self) -> None:
        self._session_id = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- session ---------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._timer = None
        api = self._find()
        if api is None:
            self._retry()
            return
        self._description = self._describe()
        self._described_ns = self._clock.now_ns
        try:
            session = api.register(self.node_id, self._description, self.address, self)
        except ApiError:
            self._retry()
            return
        self._session_id = session.id
        self._backoff_ns = self._profile.agent_backoff_ns
        self._beat()

    def _retry(self) -> None:
        """Look for a manager again after a random part of the growing back-off.

        Source: swarmkit agent/agent.go run (initialSessionFailureBackoff, maxSessionFailureBackoff).
        """
        self._hang_up()
        profile = self._profile
        self._backoff_ns = min(profile.agent_backoff_ns + 2 * self._backoff_ns, profile.agent_backoff_max_ns)
        delay_ns = int(self._rng.random() * self._backoff_ns)
        self._timer = self._clock.call_later(delay_ns, self._connect, background=True, name="agent reconnect")

    def _beat(self) -> None:
        api = self._find()
        if api is None:
            self._timer = self._clock.call_later(
                self._profile.agent_timeout_ns, self._retry, background=True, name="agent timeout"
            )
            return
        try:
            period_ns = api.heartbeat(self.node_id, self._session_id)
        except ApiError:
            self._retry()
            return
        if self._clock.now_ns - self._described_ns >= self._profile.describe_ns and self._changed():
            self._connect()  # a changed description is told by a new session
            return
        self._timer = self._clock.call_later(period_ns, self._beat, background=True, name="heartbeat")
        if self.worker.unsent:
            self._send()

    def _changed(self) -> bool:
        self._described_ns = self._clock.now_ns
        return self._describe() != self._description

    # -- what the dispatcher says (Sink) ---------------------------------------------------------------

    def assign(
        self,
        *,
        complete: bool,
        tasks: Sequence[Task],
        removed: Sequence[str],
        networks: Sequence[Network],
        node: Node,
    ) -> None:
        """Take over assignments; ignored without a session (they come anew with the next one)."""
        if not self._session_id:
            return
        self.node = node
        self.worker.assign(complete=complete, tasks=tasks, removed=removed, networks=networks)

    def close(self) -> None:
        """The dispatcher ends the session: look for another manager."""
        if self._session_id:
            self._retry()

    # -- what the runtime says -------------------------------------------------------------------------

    def exited(self, task_id: str, exit_code: int, text: str = "") -> None:
        """A task's process ended without being asked to; ``text`` replaces "non-zero exit"."""
        if self.running:
            self.worker.exited(task_id, exit_code, text)

    def health(self, task_id: str, healthy: bool) -> None:
        """A task's health check changed its mind."""
        if self.running:
            self.worker.health(task_id, healthy)

    def _send(self) -> None:
        """Report what the managers have not heard; it waits while they cannot be reached."""
        if not self._session_id:
            return
        api = self._find()
        if api is None:
            return
        unsent = self.worker.unsent
        try:
            api.report(self.node_id, self._session_id, list(unsent.items()))
        except ApiError:
            self._retry()
        else:
            unsent.clear()

    def check(self) -> None:
        """Assert that a running agent beats or looks for a manager, and that its tasks are in order."""
        waiting = self._timer is not None and self._timer.live
        assert waiting == self.running, self
        assert self.running or not self._session_id, self
        self.worker.check()

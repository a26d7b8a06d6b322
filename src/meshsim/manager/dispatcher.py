"""Room manager, loop dispatcher (rank 40): the leader's line to the agents.

Comes in: registrations, heartbeats and reports of agents; commits. Goes out: assignments to agents; the
states of nodes and tasks, written in batches. Rules of this file: a heartbeat puts off a deadline and does
nothing else; one timer serves all deadlines, one all assignments, one all reports; nothing is written while
the leader lacks a quorum (:meth:`Dispatcher.hold`). It decides nothing about where tasks go.

Source: swarmkit manager/dispatcher/dispatcher.go, nodes.go, period.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar, Final

import attrs
from attrs import frozen

from meshsim.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from meshsim.manager.assignments import Assignments, Sink
from meshsim.manager.deadlines import Deadlines
from meshsim.model.events import Committed
from meshsim.model.objects import Node, NodeDescription, NodeStatus, TaskStatus
from meshsim.model.states import NodeState, TaskState
from meshsim.model.store import Batch, Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams, Timer
from meshsim.sim.ids import object_id

__all__ = ["Dispatcher", "Session", "Sink"]

_SILENT: Final = "heartbeat failure"
_SILENT_UNKNOWN: Final = 'heartbeat failure for node in "unknown" state'
_NEW_LEADER: Final = 'Node moved to "unknown" state due to leadership change in cluster'


@frozen(slots=True)
class Session:
    """What an agent gets for its registration."""

    id: str
    period_ns: int


class _Held:
    """A node the dispatcher keeps an eye on; without a session id it has not registered with this leader."""

    __slots__ = ("attempts", "jitter", "registered_ns", "session_id", "unknown")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    unknown: bool
    session_id: str
    attempts: int
    registered_ns: int | None

    def __init__(self, jitter: Random, *, unknown: bool) -> None:
        self.jitter = jitter
        self.unknown = unknown
        self.session_id = ""
        self.attempts = 0
        self.registered_ns = None


@frozen(slots=True)
class _NodeReport:
    """What is to be written about a node with the next batch; None leaves the description as it is."""

    status: NodeStatus
    description: NodeDescription | None = None


class Dispatcher:
    """The leader's line to the agents.

    * for agents: :meth:`register`, :meth:`heartbeat`, :meth:`report`;
    * for the manager: :meth:`start`, :meth:`stop`, :meth:`hold`, :meth:`resume`.

    Args:
        store: the swarm's store.
        clock: virtual time.
        profile: constants.
        streams: ids, and one stream of jitter per node.
        reaches: whether the leader's packets get to that node now.

    Source: swarmkit manager/dispatcher/dispatcher.go Dispatcher.
    """

    RANK: ClassVar[int] = 40

    def __init__(
        self,
        store: Store,
        clock: Clock,
        profile: Profile,
        streams: Streams,
        *,
        reaches: Callable[[str], bool],
    ) -> None:
        self.running = False
        self.held = False
        self._store = store
        self._clock = clock
        self._profile = profile
        self._streams = streams
        self._nodes: dict[str, _Held] = {}
        self._deadlines = Deadlines(clock, self._give_up, name="heartbeat deadline")
        self._lines = Assignments(store, clock, profile, reaches=reaches, node_gone=self._node_gone)
        self._reports: dict[str, TaskStatus] = {}
        self._node_reports: dict[str, _NodeReport] = {}
        self._greet: dict[str, None] = {}
        self._batch_timer: Timer | None = None
        self._down: dict[str, Timer] = {}

    def __repr__(self) -> str:
        state = "stopped" if not self.running else "held" if self.held else "running"
        return f"<Dispatcher {state}, {len(self._lines)} sessions, {len(self._down)} nodes down>"

    # -- leadership ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take office: every node that is not DOWN is UNKNOWN until it registers, with double grace.

        Source: swarmkit manager/dispatcher/dispatcher.go Run, markNodesUnknown.
        """
        self.running = True
        self.held = False
        self._store.watch(self.on_commit, rank=self.RANK)
        nodes = list(self._store.nodes.values())
        with self._store.batch() as tx:
            for node in nodes:
                tx.step()
                current = tx.get(Node, node.id)
                if current is not None and current.status.state != NodeState.DOWN:
                    status = NodeStatus(NodeState.UNKNOWN, _NEW_LEADER, current.status.address)
                    tx.update(current, status=status)
        for node in nodes:
            if node.status.state == NodeState.DOWN:
                self._watch_down(node.id)
            else:
                held = self._hold_node(node.id, unknown=True)
                self._extend(node.id, held, self._profile.grace_multiplier_unknown)

    def stop(self, *, abruptly: bool = False) -> None:
        """Lay down office: forget all sessions; agents are told unless the leader just vanished.

        What was reported but not written is lost: agents tell it again to the next leader.
        """
        if not self.running:
            return
        self.running = False
        self._store.unwatch(self.on_commit)
        if self._batch_timer is not None:
            self._batch_timer.cancel()
            self._batch_timer = None
        for node_id in list(self._down):
            self._leave_down(node_id)
        self._deadlines.clear()
        self._nodes.clear()
        self._reports.clear()
        self._node_reports.clear()
        self._greet.clear()
        self._lines.clear(tell=not abruptly)

    def hold(self) -> None:
        """Quorum lost: heartbeats are still answered, but nothing is written and no one registers."""
        self.held = True

    def resume(self) -> None:
        """Quorum regained: write what has gathered."""
        self.held = False
        if self._reports or self._node_reports:
            self._arm_batch()

    def on_commit(self, committed: Committed) -> None:
        """Note which agents have news coming. O(changes)."""
        self._lines.on_commit(committed)

    def _node_gone(self, node_id: str) -> None:
        """A node was deleted from the swarm: its session ends."""
        self._leave_down(node_id)
        self._nodes.pop(node_id, None)
        self._deadlines.drop(node_id)
        self._lines.close(node_id)

    # -- what agents call ------------------------------------------------------------------------------

    def register(self, node_id: str, description: NodeDescription, address: str, sink: Sink, /) -> Session:
        """Open a session; an earlier one of the same node is void.

        The node becomes READY with the next batch, and gets its complete set of tasks then.

        Args:
            node_id: whose session.
            description: what the engine says of itself.
            address: the node's address, without port.
            sink: where assignments go.

        Raises:
            Unavailable: not the leader, no quorum, or too many registrations in a short time.
            PermissionDenied: the node was removed from the swarm; recorded on a real 26.1.5.
            NotFound: no such node in the swarm.

        Source: swarmkit manager/dispatcher/dispatcher.go register, Session; ca/auth.go AuthorizeOrgAndRole.
        """
        self._require_running()
        if self._store.swarm.blacklist.get(node_id, 0) > self._clock.now_ns:
            raise PermissionDenied(
                "Permission denied: unauthorized peer role: rpc error: code = PermissionDenied "
                f"desc = Permission denied: node {node_id} was removed from swarm"
            )
        if self.held:
            raise Unavailable("raft: no elected cluster leader", rpc_code="Unavailable")
        held = self._nodes.get(node_id)
        if held is not None:
            self._limit_rate(node_id, held)
        node = self._store.get(Node, node_id)
        if node is None:
            raise NotFound("node not found", rpc_code="NotFound")
        if held is None:
            held = self._hold_node(node_id, unknown=False)
        self._leave_down(node_id)
        held.registered_ns = self._clock.now_ns
        held.session_id = object_id(self._streams["ids"])
        held.unknown = False
        self._lines.open(node_id, sink)
        self._greet[node_id] = None
        self._report_node(node_id, NodeStatus(NodeState.READY, "", address), description)
        return Session(held.session_id, self._extend(node_id, held, self._profile.grace_multiplier))

    def _limit_rate(self, node_id: str, held: _Held) -> None:
        """Source: swarmkit manager/dispatcher/nodes.go CheckRateLimit."""
        now_ns, last_ns = self._clock.now_ns, held.registered_ns
        if last_ns is None or now_ns - last_ns > self._profile.registration_window_ns:
            held.attempts = 0
        held.attempts += 1
        if held.attempts > self._profile.registration_limit:
            raise Unavailable(
                f"node {node_id} exceeded rate limit count of registrations", rpc_code="Unavailable"
            )

    def heartbeat(self, node_id: str, session_id: str, /) -> int:
        """Note that the node is alive; returns the nanoseconds until its next heartbeat is due. O(1).

        Raises:
            NotFound: it never registered, or was given up meanwhile.
            InvalidArgument: the session is void.

        Source: swarmkit manager/dispatcher/dispatcher.go Heartbeat, period.go Choose.
        """
        held = self._session(node_id, session_id)
        self._lines.alive(node_id)
        return self._extend(node_id, held, self._profile.grace_multiplier)

    def report(self, node_id: str, session_id: str, statuses: Sequence[tuple[str, TaskStatus]], /) -> None:
        """Take the states of tasks; they are written with the next batch, the newest of each task.

        Raises:
            NotFound, InvalidArgument: as for :meth:`heartbeat`.
            PermissionDenied: one of the tasks is not this node's; then none is taken.

        Source: swarmkit manager/dispatcher/dispatcher.go UpdateTaskStatus.
        """
        self._session(node_id, session_id)
        tasks = self._store.tasks
        for task_id, _ in statuses:
            task = tasks.get(task_id)
            if task is not None and task.node_id != node_id:
                raise PermissionDenied("cannot update a task not assigned this node")
        self._reports.update(statuses)
        self._arm_batch()

    def _session(self, node_id: str, session_id: str) -> _Held:
        self._require_running()
        held = self._nodes.get(node_id)
        if held is None or not held.session_id:
            raise NotFound("node not registered", rpc_code="NotFound")
        if held.session_id != session_id:
            raise InvalidArgument("session invalid")
        return held

    def _require_running(self) -> None:
        if not self.running:
            raise Unavailable("dispatcher is stopped", rpc_code="Aborted")

    # -- deadlines -------------------------------------------------------------------------------------

    def _hold_node(self, node_id: str, *, unknown: bool) -> _Held:
        held = self._nodes[node_id] = _Held(self._streams[f"jitter/{node_id}"], unknown=unknown)
        return held

    def _extend(self, node_id: str, held: _Held, grace: int) -> int:
        """Choose the node's next period and set its deadline to ``grace`` such periods from now.

        Source: swarmkit manager/dispatcher/period.go periodChooser.Choose.
        """
        epsilon_ns = self._profile.heartbeat_epsilon_ns
        period_ns = self._store.swarm.spec.heartbeat_ns
        if epsilon_ns:
            period_ns += int(held.jitter.random() * 2 * epsilon_ns) - epsilon_ns
        self._deadlines.put_off(node_id, self._clock.now_ns + grace * period_ns)
        return period_ns

    def _give_up(self, node_id: str) -> None:
        """The node's deadline has passed: it is DOWN.

        Source: swarmkit manager/dispatcher/dispatcher.go markNodeNotReady.
        """
        held = self._nodes.pop(node_id)
        self._lines.close(node_id, tell=False)
        self._greet.pop(node_id, None)
        self._watch_down(node_id)
        message = _SILENT_UNKNOWN if held.unknown else _SILENT
        node = self._store.get(Node, node_id)
        address = node.status.address if node is not None else ""
        self._report_node(node_id, NodeStatus(NodeState.DOWN, message, address), None)

    # -- nodes that are down ---------------------------------------------------------------------------

    def _watch_down(self, node_id: str) -> None:
        self._leave_down(node_id)
        when_ns = self._clock.now_ns + self._profile.node_down_ns
        self._down[node_id] = self._clock.call_series(
            when_ns, self._orphan, node_id, background=True, name="orphaning"
        )

    def _leave_down(self, node_id: str) -> None:
        timer = self._down.pop(node_id, None)
        if timer is not None:
            timer.cancel()

    def _orphan(self, node_id: str) -> int | None:
        """A day of silence: the node's tasks are given up, which frees what they hold.

        Returns:
            When to try again, if nothing can be written now.

        Source: swarmkit manager/dispatcher/dispatcher.go moveTasksToOrphaned.
        """
        if self.held:
            return self._profile.raft_tick_ns
        del self._down[node_id]
        with self._store.transaction() as tx:
            for task in self._store.tasks_of_node(node_id):
                if TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING:
                    tx.update(task, status=attrs.evolve(task.status, state=TaskState.ORPHANED))
        return None

    # -- writing reports -------------------------------------------------------------------------------

    def _report_node(self, node_id: str, status: NodeStatus, description: NodeDescription | None) -> None:
        self._node_reports[node_id] = _NodeReport(status, description)
        self._arm_batch()

    def _arm_batch(self) -> None:
        if self._batch_timer is None and not self.held:
            self._batch_timer = self._clock.call_later(
                self._profile.report_batch_ns, self._close_batch, name="reports"
            )

    def _close_batch(self) -> None:
        """Time is up; what else is reported in this very moment still goes with it, whoever comes first."""
        self._batch_timer = self._clock.call_later(0, self._write_batch, name="reports")

    def _write_batch(self) -> None:
        """Write what has gathered, in one batch; then greet the nodes that have just come.

        Source: swarmkit manager/dispatcher/dispatcher.go processUpdates.
        """
        self._batch_timer = None
        if self.held:
            return
        reports, self._reports = self._reports, {}
        node_reports, self._node_reports = self._node_reports, {}
        greet, self._greet = self._greet, {}
        with self._store.batch() as tx:
            self._write_tasks(tx, reports)
            for node_id, report in node_reports.items():
                tx.step()
                self._write_node(tx, node_id, report)
        for node_id in greet:
            self._lines.greet(node_id)

    def _write_tasks(self, tx: Batch, reports: dict[str, TaskStatus]) -> None:
        tasks = self._store.tasks
        for task_id, status in reports.items():
            tx.step()
            task = tasks.get(task_id)
            if task is None:
                continue
            # A task never goes back: what is older than the stored state is dropped, and what is no news.
            told, known = status.state, task.status.state
            if told > known or (told is known and status != task.status):
                tx.update(task, status=status)

    def _write_node(self, tx: Transaction, node_id: str, report: _NodeReport) -> None:
        node = tx.get(Node, node_id)
        if node is None:
            return
        changes: dict[str, NodeStatus | NodeDescription] = {}
        if node.status != report.status:
            changes["status"] = report.status
        if report.description is not None and node.description != report.description:
            changes["description"] = report.description
        if changes:
            tx.update(node, **changes)

    def check(self) -> None:
        """Assert that every node is watched or down, and its session has a line."""
        self._deadlines.check()
        self._lines.check()
        if not self.running:
            assert not self._nodes
            assert not self._down
            return
        assert len(self._deadlines) == len(self._nodes)
        assert not self._nodes.keys() & self._down.keys()
        assert len(self._lines) == sum(bool(held.session_id) for held in self._nodes.values())

"""Room manager, loop dispatcher (rank 40): the leader's line to the agents.

Comes in: registrations, heartbeats and reports of agents; commits. Goes out: assignments to agents; the
states of nodes and tasks, written in batches. Rules of this file: a heartbeat stores a deadline and nothing
else; one timer serves all deadlines, one all assignments, one all reports; nothing is written while the
leader lacks a quorum (:meth:`Dispatcher.hold`). It decides nothing about where tasks go.

Source: swarmkit manager/dispatcher/dispatcher.go, nodes.go, period.go, assignments.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush, heapreplace
from random import Random
from typing import Any, ClassVar, Final, Protocol

import attrs
from attrs import frozen

from meshsim.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from meshsim.model.events import Committed, Created, Removed, Updated
from meshsim.model.objects import Network, Node, NodeDescription, NodeStatus, Task, TaskStatus
from meshsim.model.states import NodeState, TaskState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams, Timer
from meshsim.sim.ids import object_id

__all__ = ["Dispatcher", "Session", "Sink"]

_ASSIGNED: Final = TaskState.ASSIGNED
_SILENT: Final = "heartbeat failure"
_SILENT_UNKNOWN: Final = 'heartbeat failure for node in "unknown" state'
_NEW_LEADER: Final = 'Node moved to "unknown" state due to leadership change in cluster'
#: due time of what waits for nothing / of what waits for the node's next heartbeat (the line is dead)
_IDLE: Final = -1
_STALLED: Final = -2


class Sink(Protocol):
    """Where a node's assignments go: its agent."""

    def assign(
        self,
        *,
        complete: bool,
        tasks: Sequence[Task],
        removed: Sequence[str],
        networks: Sequence[Network],
        node: Node,
    ) -> None:
        """Take over tasks: all there are (complete), or new, changed and removed ones."""

    def close(self) -> None:
        """The session is over."""


@frozen(slots=True)
class Session:
    """What an agent gets for its registration."""

    id: str
    period_ns: int


class _Held:
    """A node the dispatcher keeps an eye on; without a sink it has not registered with this leader yet."""

    __slots__ = (
        "attempts",
        "changed",
        "deadline_ns",
        "due_ns",
        "entry_ns",
        "fresh",
        "jitter",
        "node_id",
        "registered_ns",
        "removed",
        "session_id",
        "sink",
        "unknown",
    )

    def __init__(self, node_id: str, jitter: Random) -> None:
        self.node_id = node_id
        self.jitter = jitter
        self.session_id = ""
        self.sink: Sink | None = None
        self.deadline_ns = 0
        self.entry_ns: int | None = None
        self.unknown = False
        self.attempts = 0
        self.registered_ns: int | None = None
        self.fresh = False
        self.due_ns = _IDLE
        self.changed: dict[str, None] = {}
        self.removed: dict[str, None] = {}


@frozen(slots=True)
class _NodeReport:
    """What is to be written about a node with the next batch; None leaves a field as it is."""

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
        self._store = store
        self._clock = clock
        self._profile = profile
        self._streams = streams
        self._reaches = reaches
        self.running = False
        self.held = False
        self._nodes: dict[str, _Held] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._deadline_timer: Timer | None = None
        self._queue: deque[tuple[int, _Held]] = deque()
        self._queue_timer: Timer | None = None
        self._reports: dict[str, TaskStatus] = {}
        self._node_reports: dict[str, _NodeReport] = {}
        self._greet: list[_Held] = []
        self._batch_timer: Timer | None = None
        self._down: dict[str, Timer] = {}

    def __repr__(self) -> str:
        sessions = sum(held.sink is not None for held in self._nodes.values())
        state = "stopped" if not self.running else "held" if self.held else "running"
        return f"<Dispatcher {state}, {sessions} sessions, {len(self._down)} nodes down>"

    # -- leadership ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take office: every node that is not DOWN is UNKNOWN until it registers, with double grace.

        Source: swarmkit manager/dispatcher/dispatcher.go Run, markNodesUnknown.
        """
        self.running = True
        self.held = False
        self._store.watch(self.on_commit, rank=self.RANK)
        nodes = list(self._store.nodes.values())
        with self._store.transaction() as tx:
            for node in nodes:
                if node.status.state != NodeState.DOWN:
                    status = NodeStatus(NodeState.UNKNOWN, _NEW_LEADER, node.status.address)
                    tx.update(node, status=status)
        for node in nodes:
            if node.status.state == NodeState.DOWN:
                self._watch_down(node.id)
            else:
                held = self._hold_node(node.id)
                held.unknown = True
                self._extend(held, self._profile.grace_multiplier_unknown)

    def stop(self, *, abruptly: bool = False) -> None:
        """Lay down office: forget all sessions; agents are told unless the leader just vanished.

        What was reported but not written is lost: agents tell it again to the next leader.
        """
        if not self.running:
            return
        self.running = False
        self._store.unwatch(self.on_commit)
        for timer in (self._deadline_timer, self._queue_timer, self._batch_timer, *self._down.values()):
            if timer is not None:
                timer.cancel()
        self._deadline_timer = self._queue_timer = self._batch_timer = None
        sessions = [held for held in self._nodes.values() if held.sink is not None]
        self._nodes.clear()
        self._deadlines.clear()
        self._queue.clear()
        self._reports.clear()
        self._node_reports.clear()
        self._greet.clear()
        self._down.clear()
        if not abruptly:
            for held in sessions:
                if self._reaches(held.node_id):
                    held.sink.close()  # type: ignore[union-attr]

    def hold(self) -> None:
        """Quorum lost: heartbeats are still answered, but nothing is written and no one registers."""
        self.held = True

    def resume(self) -> None:
        """Quorum regained: write what has gathered."""
        self.held = False
        if self._reports or self._node_reports:
            self._arm_batch()

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
            NotFound: no such node in the swarm.

        Source: swarmkit manager/dispatcher/dispatcher.go register, Session.
        """
        self._require_running()
        if self.held:
            raise Unavailable("raft: no elected cluster leader", rpc_code="Unavailable")
        held = self._nodes.get(node_id)
        if held is not None:
            self._limit_rate(held)
        node = self._store.get(Node, node_id)
        if node is None:
            raise NotFound("node not found", rpc_code="NotFound")
        if held is None:
            held = self._hold_node(node_id)
        self._leave_down(node_id)
        held.registered_ns = self._clock.now_ns
        held.session_id = object_id(self._streams["ids"])
        held.sink = sink
        held.unknown = False
        held.fresh = True
        held.changed.clear()
        held.removed.clear()
        self._report_node(node_id, NodeStatus(NodeState.READY, "", address), description)
        self._greet.append(held)
        return Session(held.session_id, self._extend(held, self._profile.grace_multiplier))

    def _limit_rate(self, held: _Held) -> None:
        """Source: swarmkit manager/dispatcher/nodes.go CheckRateLimit."""
        now_ns, last_ns = self._clock.now_ns, held.registered_ns
        if last_ns is None or now_ns - last_ns > self._profile.registration_window_ns:
            held.attempts = 0
        held.attempts += 1
        if held.attempts > self._profile.registration_limit:
            raise Unavailable(
                f"node {held.node_id} exceeded rate limit count of registrations", rpc_code="Unavailable"
            )

    def heartbeat(self, node_id: str, session_id: str, /) -> int:
        """Note that the node is alive; returns the nanoseconds until its next heartbeat is due. O(1).

        Raises:
            NotFound: it never registered, or was given up meanwhile.
            InvalidArgument: the session is void.

        Source: swarmkit manager/dispatcher/dispatcher.go Heartbeat, period.go Choose.
        """
        held = self._session(node_id, session_id)
        if held.due_ns == _STALLED:
            self._send_after(held, self._profile.assignment_batch_ns)
        return self._extend(held, self._profile.grace_multiplier)

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
        if held is None or held.sink is None:
            raise NotFound("node not registered", rpc_code="NotFound")
        if held.session_id != session_id:
            raise InvalidArgument("session invalid")
        return held

    def _require_running(self) -> None:
        if not self.running:
            raise Unavailable("dispatcher is stopped", rpc_code="Aborted")

    # -- deadlines -------------------------------------------------------------------------------------

    def _hold_node(self, node_id: str) -> _Held:
        held = self._nodes[node_id] = _Held(node_id, self._streams[f"jitter/{node_id}"])
        return held

    def _extend(self, held: _Held, grace: int) -> int:
        """Choose the node's next period and set its deadline to ``grace`` such periods from now."""
        epsilon_ns = self._profile.heartbeat_epsilon_ns
        period_ns = self._store.swarm.spec.heartbeat_ns
        if epsilon_ns:
            period_ns += int(held.jitter.random() * 2 * epsilon_ns) - epsilon_ns
        held.deadline_ns = deadline_ns = self._clock.now_ns + grace * period_ns
        # A later deadline leaves the entry where it is: it is looked at again when it comes up.
        if held.entry_ns is None or deadline_ns < held.entry_ns:
            held.entry_ns = deadline_ns
            heappush(self._deadlines, (deadline_ns, held.node_id))
            self._arm_deadline()
        return period_ns

    def _arm_deadline(self) -> None:
        first_ns = self._deadlines[0][0]
        timer = self._deadline_timer
        if timer is not None and timer.live:
            if timer.when_ns <= first_ns:
                return
            timer.cancel()
        self._deadline_timer = self._clock.call_at(
            first_ns, self._check_deadlines, background=True, name="heartbeat deadline"
        )

    def _check_deadlines(self) -> None:
        """Give up the nodes whose deadline has passed; the others' entries are brought up to date."""
        now_ns = self._clock.now_ns
        heap = self._deadlines
        while heap and heap[0][0] <= now_ns:
            entry_ns, node_id = heap[0]
            held = self._nodes.get(node_id)
            if held is None or held.entry_ns != entry_ns:
                heappop(heap)  # the node is gone, or has an earlier entry
            elif held.deadline_ns > now_ns:
                held.entry_ns = held.deadline_ns
                heapreplace(heap, (held.deadline_ns, node_id))
            else:
                heappop(heap)
                self._give_up(held)
        if heap:
            self._arm_deadline()

    def _give_up(self, held: _Held) -> None:
        """Source: swarmkit manager/dispatcher/dispatcher.go markNodeNotReady."""
        del self._nodes[held.node_id]
        self._watch_down(held.node_id)
        message = _SILENT_UNKNOWN if held.unknown else _SILENT
        node = self._store.get(Node, held.node_id)
        address = node.status.address if node is not None else ""
        self._report_node(held.node_id, NodeStatus(NodeState.DOWN, message, address), None)

    # -- nodes that are down ---------------------------------------------------------------------------

    def _watch_down(self, node_id: str) -> None:
        self._leave_down(node_id)
        self._down[node_id] = self._clock.call_later(
            self._profile.node_down_ns, self._orphan, node_id, background=True, name="orphaning"
        )

    def _leave_down(self, node_id: str) -> None:
        timer = self._down.pop(node_id, None)
        if timer is not None:
            timer.cancel()

    def _orphan(self, node_id: str) -> None:
        """A day of silence: the node's tasks are given up, which frees what they hold.

        Source: swarmkit manager/dispatcher/dispatcher.go moveTasksToOrphaned.
        """
        del self._down[node_id]
        with self._store.transaction() as tx:
            for task in self._store.tasks_of_node(node_id):
                if _ASSIGNED <= task.status.state <= TaskState.RUNNING:
                    tx.update(task, status=attrs.evolve(task.status, state=TaskState.ORPHANED))

    # -- writing reports -------------------------------------------------------------------------------

    def _report_node(self, node_id: str, status: NodeStatus, description: NodeDescription | None) -> None:
        self._node_reports[node_id] = _NodeReport(status, description)
        self._arm_batch()

    def _arm_batch(self) -> None:
        if self._batch_timer is None and not self.held:
            self._batch_timer = self._clock.call_later(
                self._profile.report_batch_ns, self._write_batch, name="reports"
            )

    def _write_batch(self) -> None:
        """Write what has gathered, in one transaction; then greet the nodes that have just come.

        Source: swarmkit manager/dispatcher/dispatcher.go processUpdates.
        """
        self._batch_timer = None
        if self.held:
            return
        reports, self._reports = self._reports, {}
        node_reports, self._node_reports = self._node_reports, {}
        greet, self._greet = self._greet, []
        with self._store.transaction() as tx:
            self._write_tasks(tx, reports)
            for node_id, report in node_reports.items():
                self._write_node(tx, node_id, report)
        for held in greet:
            if held.fresh and self._nodes.get(held.node_id) is held:
                self._send(held)

    def _write_tasks(self, tx: Transaction, reports: dict[str, TaskStatus]) -> None:
        tasks = self._store.tasks
        for task_id, status in reports.items():
            task = tasks.get(task_id)
            # A task never goes back: what is older than the stored state is dropped.
            if task is None or status.state < task.status.state or status == task.status:
                continue
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

    # -- assignments -----------------------------------------------------------------------------------

    def on_commit(self, committed: Committed) -> None:
        """Note which nodes have news coming. O(changes)."""
        for change in committed.changes:
            kind = type(change)
            if kind is Updated:
                old, new = change.old, change.new  # type: ignore[union-attr]
                if type(new) is Task:
                    if new.node_id and new.status.state >= _ASSIGNED and _matters(old, new):
                        self._changed(new)
                elif type(new) is Node:
                    self._node_updated(old, new)  # type: ignore[arg-type]
            elif kind is Created:
                task = change.new  # type: ignore[union-attr]
                if type(task) is Task and task.node_id and task.status.state >= _ASSIGNED:
                    self._changed(task)
            elif kind is Removed:
                self._removed(change.old)  # type: ignore[union-attr]

    def _changed(self, task: Task) -> None:
        held = self._nodes.get(task.node_id)
        if held is not None and held.sink is not None:
            held.changed[task.id] = None
            self._touch(held)

    def _node_updated(self, old: Node, new: Node) -> None:
        """The session tells a node what it is: its role, its load-balancer addresses."""
        if old.spec is not new.spec or old.role != new.role or old.attachments is not new.attachments:
            held = self._nodes.get(new.id)
            if held is not None and held.sink is not None:
                self._touch(held)

    def _removed(self, old: object) -> None:
        if type(old) is Task:
            held = self._nodes.get(old.node_id)
            if held is not None and held.sink is not None and old.status.state >= _ASSIGNED:
                held.changed.pop(old.id, None)
                held.removed[old.id] = None
                self._touch(held)
        elif type(old) is Node:
            self._leave_down(old.id)
            held = self._nodes.pop(old.id, None)
            if held is not None and held.sink is not None and self._reaches(old.id):
                held.sink.close()

    def _touch(self, held: _Held) -> None:
        """Send after a pause of 100 ms without news, or at once when there are many."""
        if held.fresh or held.due_ns == _STALLED:
            return  # the complete set is on its way, or the line is dead until the next heartbeat
        many = len(held.changed) + len(held.removed) >= self._profile.assignment_batch_max
        self._send_after(held, 0 if many else self._profile.assignment_batch_ns)

    def _send_after(self, held: _Held, delay_ns: int) -> None:
        due_ns = self._clock.now_ns + delay_ns
        if held.due_ns == due_ns:
            return
        held.due_ns = due_ns
        # Equal delays keep the queue in order of time; what is due at once goes before all.
        if delay_ns:
            self._queue.append((due_ns, held))
        else:
            self._queue.appendleft((due_ns, held))
        self._arm_queue()

    def _arm_queue(self) -> None:
        due_ns = self._queue[0][0]
        timer = self._queue_timer
        if timer is not None:
            if timer.when_ns <= due_ns:
                return
            timer.cancel()
        self._queue_timer = self._clock.call_at(due_ns, self._send_due, name="assignments")

    def _send_due(self) -> None:
        self._queue_timer = None
        now_ns = self._clock.now_ns
        queue = self._queue
        while queue and queue[0][0] <= now_ns:
            due_ns, held = queue.popleft()
            if held.due_ns == due_ns and self._nodes.get(held.node_id) is held:
                self._send(held)
        if queue:
            self._arm_queue()

    def _send(self, held: _Held) -> None:
        """Send the node its news: all its tasks to a fresh session, else what changed.

        Source: swarmkit manager/dispatcher/assignments.go, dispatcher.go Assignments.
        """
        store = self._store
        node = store.get(Node, held.node_id)
        if node is None or held.sink is None:
            return
        if not self._reaches(held.node_id):
            held.due_ns = _STALLED
            return
        complete = held.fresh
        if complete:
            tasks = [t for t in store.tasks_of_node(held.node_id) if t.status.state >= _ASSIGNED]
        else:
            table = store.tasks
            tasks = [table[task_id] for task_id in held.changed if task_id in table]
        removed = list(held.removed)
        held.fresh = False
        held.due_ns = _IDLE
        held.changed.clear()
        held.removed.clear()
        networks = self._networks_of(node, tasks)
        held.sink.assign(complete=complete, tasks=tasks, removed=removed, networks=networks, node=node)

    def _networks_of(self, node: Node, tasks: Sequence[Task]) -> list[Network]:
        """Those the node has an address on, and those of the tasks."""
        ids: dict[str, None] = {attachment.network_id: None for attachment in node.attachments}
        for task in tasks:
            for attachment in task.attachments:
                ids[attachment.network_id] = None
        table = self._store.networks
        return [table[network_id] for network_id in ids if network_id in table]

    def check(self) -> None:
        """Assert that every node is watched or down, and that every deadline has its place in the queue."""
        if not self.running:
            assert not self._nodes
            assert not self._down
            return
        entries = set(self._deadlines)
        for node_id, held in self._nodes.items():
            assert node_id not in self._down, node_id
            assert (held.entry_ns, node_id) in entries, node_id
            assert (held.entry_ns or 0) <= held.deadline_ns, node_id
        assert not self._deadlines or self._deadline_timer is not None
        for node in self._store.nodes.values():
            if node.status.state == NodeState.DOWN:
                assert node.id in self._down or node.id in self._node_reports or node.id in self._nodes


def _matters(old: Any, new: Task) -> bool:
    """Whether the agent must hear of the change: it need not be told what it said itself.

    Source: swarmkit manager/dispatcher/assignments.go addOrUpdateTask.
    """
    return (
        old.desired != new.desired
        or old.status.state < _ASSIGNED
        or old.node_id != new.node_id
        or old.attachments is not new.attachments
        or old.endpoint is not new.endpoint
    )

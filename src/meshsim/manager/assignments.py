"""Room manager: what each node's agent is to be told, and when (part of the dispatcher).

Comes in: commits; agents that open a line. Goes out: a complete set of tasks to a new line, then what
changes. Rules of this file: a message goes 100 ms after the last change, at once when it holds a hundred;
an agent is not told what it said itself; a line that is dead keeps its news until the next heartbeat shows
that it lives. It does not know sessions.

Source: swarmkit manager/dispatcher/assignments.go, dispatcher.go Assignments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from meshsim.model.events import Committed
from meshsim.model.objects import Network, Node, Task
from meshsim.model.states import TaskState
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Clock, Own, Timer

__all__ = ["Assignments", "Sink"]

_ASSIGNED: Final = TaskState.ASSIGNED
#: due time of a line without news / of one whose news wait for the node's next heartbeat
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


class _Line:
    """The line to one agent, and the news that wait for it."""

    __slots__ = ("changed", "due_ns", "fresh", "node_id", "removed", "sink")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    node_id: str
    fresh: bool
    due_ns: int
    # Held by nobody else: forks copy them without remembering that they did.
    changed: Own[dict[str, None]]
    removed: Own[dict[str, None]]

    def __init__(self, node_id: str, sink: Sink) -> None:
        self.node_id = node_id
        self.sink = sink
        self.fresh = True
        self.due_ns = _IDLE
        self.changed = {}
        self.removed = {}


class Assignments:
    """Keeps the agents' pictures of their tasks up to date.

    Args:
        store: the swarm's store.
        clock: virtual time.
        profile: constants.
        reaches: whether the leader's packets get to that node now.
        node_gone: told the id of every node that is deleted.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        profile: Profile,
        *,
        reaches: Callable[[str], bool],
        node_gone: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._reaches = reaches
        self._node_gone = node_gone
        self._lines: dict[str, _Line] = {}
        self._queue: deque[tuple[int, _Line]] = deque()
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Assignments: {len(self._lines)} lines, {len(self._queue)} messages due>"

    def __len__(self) -> int:
        return len(self._lines)

    # -- lines -----------------------------------------------------------------------------------------

    def open(self, node_id: str, sink: Sink) -> None:
        """A new line to the node; nothing is sent before :meth:`greet`."""
        self._lines[node_id] = _Line(node_id, sink)

    def greet(self, node_id: str) -> None:
        """Send a new line the complete set of the node's tasks. O(tasks on the node)."""
        line = self._lines.get(node_id)
        if line is not None and line.fresh:
            self._send(line)

    def alive(self, node_id: str) -> None:
        """The node was heard of: if its line was dead, what waits for it is sent soon."""
        line = self._lines.get(node_id)
        if line is not None and line.due_ns == _STALLED:
            self._send_after(line, self._profile.assignment_batch_ns)

    def close(self, node_id: str, *, tell: bool = True) -> None:
        """End the line; the agent is told if it can be reached."""
        line = self._lines.pop(node_id, None)
        if line is not None and tell and self._reaches(node_id):
            line.sink.close()

    def clear(self, *, tell: bool) -> None:
        """End all lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        for node_id in list(self._lines):
            self.close(node_id, tell=tell)

    # -- news ------------------------------------------------------------------------------------------

    def on_commit(self, committed: Committed) -> None:
        """Note which nodes have news coming. O(changes)."""
        for old, new in committed.decided:
            if type(new) is Task:
                if new.node_id and new.status.state >= _ASSIGNED and (old is None or _matters(old, new)):
                    self._changed(new)
            elif type(new) is Node:
                if old is not None:
                    self._node_updated(old, new)
            elif new is None:
                self._removed(old)

    def _changed(self, task: Task) -> None:
        line = self._lines.get(task.node_id)
        if line is not None:
            line.changed[task.id] = None
            self._touch(line)

    def _node_updated(self, old: Any, new: Node) -> None:
        """The session tells a node what it is: its role, its load-balancer addresses."""
        if old.spec is not new.spec or old.role != new.role or old.attachments is not new.attachments:
            line = self._lines.get(new.id)
            if line is not None:
                self._touch(line)

    def _removed(self, old: object) -> None:
        if type(old) is Task:
            line = self._lines.get(old.node_id)
            if line is not None and old.status.state >= _ASSIGNED:
                line.changed.pop(old.id, None)
                line.removed[old.id] = None
                self._touch(line)
        elif type(old) is Node:
            self._node_gone(old.id)

    # -- sending ---------------------------------------------------------------------------------------

    def _touch(self, line: _Line) -> None:
        """Send after a pause without news, or at once when there are many."""
        if line.fresh or line.due_ns == _STALLED:
            return  # the complete set is on its way, or the line is dead
        many = len(line.changed) + len(line.removed) >= self._profile.assignment_batch_max
        self._send_after(line, 0 if many else self._profile.assignment_batch_ns)

    def _send_after(self, line: _Line, delay_ns: int) -> None:
        due_ns = self._clock.now_ns + delay_ns
        if line.due_ns == due_ns:
            return
        line.due_ns = due_ns
        # Equal delays keep the queue in order of time; what is due at once goes before all.
        if delay_ns:
            self._queue.append((due_ns, line))
        else:
            self._queue.appendleft((due_ns, line))
        self._arm()

    def _arm(self) -> None:
        due_ns = self._queue[0][0]
        if self._timer is not None:
            if self._timer.when_ns <= due_ns:
                return
            self._timer.cancel()
        self._timer = self._clock.call_at(due_ns, self._ring, name="assignments")

    def _ring(self) -> None:
        self._timer = None
        now_ns, queue = self._clock.now_ns, self._queue
        while queue and queue[0][0] <= now_ns:
            due_ns, line = queue.popleft()
            if line.due_ns == due_ns and self._lines.get(line.node_id) is line:
                self._send(line)
        if queue:
            self._arm()

    def _send(self, line: _Line) -> None:
        store = self._store
        node = store.nodes[line.node_id]
        if not self._reaches(line.node_id):
            line.due_ns = _STALLED
            return
        complete = line.fresh
        if complete:
            tasks = [t for t in store.tasks_of_node(line.node_id) if t.status.state >= _ASSIGNED]
        else:
            table = store.tasks
            tasks = [table[task_id] for task_id in line.changed if task_id in table]
        removed = list(line.removed)
        line.fresh = False
        line.due_ns = _IDLE
        line.changed.clear()
        line.removed.clear()
        networks = self._networks_of(node, tasks)
        line.sink.assign(complete=complete, tasks=tasks, removed=removed, networks=networks, node=node)

    def _networks_of(self, node: Node, tasks: Sequence[Task]) -> list[Network]:
        """Those the node has an address on, and those of the tasks."""
        ids: dict[str, None] = {attachment.network_id: None for attachment in node.attachments}
        for task in tasks:
            for attachment in task.attachments:
                ids[attachment.network_id] = None
        table = self._store.networks
        return [table[network_id] for network_id in ids if network_id in table]

    def check(self) -> None:
        """Assert that every line with news is fresh, stalled or has its place in the queue."""
        queued = {(due_ns, line.node_id) for due_ns, line in self._queue}
        for node_id, line in self._lines.items():
            if line.due_ns >= 0:
                assert (line.due_ns, node_id) in queued, node_id
            elif line.due_ns == _IDLE and not line.fresh:
                assert not line.changed, node_id
                assert not line.removed, node_id
        assert not self._queue or self._timer is not None


def _matters(old: Any, new: Task) -> bool:
    """Whether the agent must hear of the change: it need not be told what it said itself.

    Source: swarmkit manager/dispatcher/assignments.go addOrUpdateTask.
    """
    return bool(
        old.desired != new.desired
        or old.status.state < _ASSIGNED
        or old.node_id != new.node_id
        or old.attachments is not new.attachments
        or old.endpoint is not new.endpoint
    )

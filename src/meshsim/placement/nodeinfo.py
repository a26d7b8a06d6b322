"""Room placement: what the scheduler keeps in mind about one node.

Comes in: the node's record, the tasks on it as they come, change and go, and failures. Goes out: what is
left of its resources and ports, how many active tasks it holds (in all and per service), how often tasks
of a service failed on it lately. Rules of this file: everything is kept up to date task by task, nothing is
recounted while placing; a task holds resources and ports until it is taken off, but counts as active only
while its desired state is at most COMPLETE. It does not know other nodes, filters or ranking.

Source: swarmkit manager/scheduler/nodeinfo.go.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Endpoint, Node, Task
from meshsim.model.specs import GenericResources, Labels
from meshsim.model.states import Availability, NodeState, Protocol, PublishMode, TaskState
from meshsim.placement.generic import Available, claim_generic, consume_generic, reclaim_generic

__all__ = ["MAX_FAILURES", "MONITOR_FAILURES_NS", "NodeInfo", "host_ports"]

#: So many recent failures make a node rank behind all others. Source: swarmkit scheduler.go maxFailures.
MAX_FAILURES: Final = 5
#: A failure is recent for so long. Source: swarmkit scheduler.go monitorFailures.
MONITOR_FAILURES_NS: Final = 5 * 60 * 1_000_000_000

_ACTIVE_UP_TO = TaskState.COMPLETE
_HOST = PublishMode.HOST

HostPort: TypeAlias = tuple[Protocol, int]


def host_ports(endpoint: Endpoint | None) -> tuple[HostPort, ...]:
    """Return the (protocol, published port) pairs that a task opens on its own node.

    Ports that the node chooses itself (published as 0) can never clash and are left out.
    """
    if endpoint is None:
        return ()
    return tuple(
        [(port.protocol, port.published) for port in endpoint.ports if port.mode is _HOST and port.published]
    )


class NodeInfo:
    """One node with its tasks, kept incrementally.

    Args:
        node: the node's record.

    Attributes:
        id: the node's id.
        node: the record as last given; ``hostname`` and ``labels`` read from it.
        ready: status READY and availability ACTIVE.
        nano_cpus, memory_bytes: described minus reserved; below zero if the node shrank.
        generic: what is left of its generic resources.
        ports: the (protocol, port) pairs in use. A set, not a counter: of two holders the first to go
            frees the port.
        total: number of active tasks.
        services: active tasks per service id, all spec versions together.
        tasks: every task held, by id.
        claimed: generic resources held, by task id.
        failures: times of failure per (service id, spec version).

    >>> from meshsim.model import objects, specs
    >>> info = NodeInfo(objects.Node("n1"))
    >>> task = objects.Task("t1", objects.TaskShared("web", "web", specs.TaskSpec(), 1, 0), 1)
    >>> info.add(task), info.add(task), info
    (True, False, <NodeInfo n1: 1 active task, 0 nano-CPUs and 0 bytes left, not ready>)

    Source: swarmkit manager/scheduler/nodeinfo.go NodeInfo.
    """

    __slots__ = (
        "claimed",
        "failures",
        "generic",
        "id",
        "memory_bytes",
        "nano_cpus",
        "node",
        "ports",
        "ready",
        "services",
        "tasks",
        "total",
    )

    def __init__(self, node: Node) -> None:
        self.id = node.id
        self.tasks: dict[str, Task] = {}
        self.services: dict[str, int] = {}
        self.total = 0
        self.ports: set[HostPort] = set()
        self.claimed: dict[str, GenericResources] = {}
        self.failures: dict[tuple[str, int], list[int]] = {}
        self.update(node)

    # -- what it is ------------------------------------------------------------------------------------

    @property
    def hostname(self) -> str:
        """The host name its engine reported; empty before the first report."""
        return self.node.hostname

    @property
    def labels(self) -> Labels:
        """The labels the operator gave it."""
        return self.node.spec.labels

    def update(self, node: Node) -> None:
        """Take over a new record and recompute what is left; tasks stay. O(tasks on the node).

        A node without a description has nothing left, whatever it holds.

        Source: swarmkit manager/scheduler/scheduler.go createOrUpdateNode.
        """
        self.node = node
        self.ready = node.status.state == NodeState.READY and node.spec.availability == Availability.ACTIVE
        self.nano_cpus = self.memory_bytes = 0
        self.generic: Available = {}
        if node.description is None:
            return
        offered = node.description.resources
        self.nano_cpus, self.memory_bytes = offered.nano_cpus, offered.memory_bytes
        self.generic = {
            kind: list(amount) if isinstance(amount, tuple) else amount
            for kind, amount in offered.generic.items()
        }
        for task in self.tasks.values():
            reserved = task.shared.spec.reservations
            self.nano_cpus -= reserved.nano_cpus
            self.memory_bytes -= reserved.memory_bytes
        for assigned in self.claimed.values():
            consume_generic(self.generic, assigned)

    # -- tasks -----------------------------------------------------------------------------------------

    def add(self, task: Task) -> bool:
        """Put a task on the node, or take over a new version of one it holds.

        Generic resources are claimed anew for a task that comes; a known task keeps what it holds.

        Returns:
            Whether anything that placement looks at changed.

        Source: swarmkit manager/scheduler/nodeinfo.go addTask.
        """
        old = self.tasks.get(task.id)
        if old is not None:
            return self._change(old, task)
        self.tasks[task.id] = task
        shared = task.shared
        reserved = shared.spec.reservations
        self.nano_cpus -= reserved.nano_cpus
        self.memory_bytes -= reserved.memory_bytes
        if reserved.generic:
            self.claimed[task.id] = claim_generic(self.generic, reserved.generic)
        if task.endpoint is not None:
            self.ports.update(host_ports(task.endpoint))
        if task.desired <= _ACTIVE_UP_TO:
            self.total += 1
            self.services[shared.service_id] = self.services.get(shared.service_id, 0) + 1
        return True

    def _change(self, old: Task, task: Task) -> bool:
        self.tasks[task.id] = task
        was, now = old.desired <= _ACTIVE_UP_TO, task.desired <= _ACTIVE_UP_TO
        if was != now:
            self._count(task.shared.service_id, 1 if now else -1)
        return was != now

    def remove(self, task_id: str) -> bool:
        """Take a task off the node and free all it held.

        Returns:
            Whether it was there.

        Source: swarmkit manager/scheduler/nodeinfo.go removeTask.
        """
        task = self.tasks.pop(task_id, None)
        if task is None:
            return False
        if task.desired <= _ACTIVE_UP_TO:
            self._count(task.shared.service_id, -1)
        self.ports.difference_update(host_ports(task.endpoint))
        reserved = task.shared.spec.reservations
        self.nano_cpus += reserved.nano_cpus
        self.memory_bytes += reserved.memory_bytes
        assigned = self.claimed.pop(task_id, None)
        if assigned is not None:
            reclaim_generic(self.generic, assigned, self._offered())
        return True

    def _count(self, service_id: str, change: int) -> None:
        self.total += change
        count = self.services.get(service_id, 0) + change
        if count:
            self.services[service_id] = count
        else:
            del self.services[service_id]

    def _offered(self) -> GenericResources:
        description = self.node.description
        return description.resources.generic if description else FrozenDict()

    # -- failures --------------------------------------------------------------------------------------

    def count_failure(self, service_id: str, spec_version: int, now_ns: int) -> None:
        """Remember that a task of that service and spec version failed here.

        Records whose failures are all too old to count are dropped on the way.

        Source: swarmkit manager/scheduler/nodeinfo.go taskFailed, cleanupFailures.
        """
        oldest = now_ns - MONITOR_FAILURES_NS
        for key in [key for key, stamps in self.failures.items() if max(stamps) <= oldest]:
            del self.failures[key]
        self.failures.setdefault((service_id, spec_version), []).append(now_ns)

    def recent_failures(self, service_id: str, spec_version: int, now_ns: int) -> int:
        """How many tasks of that service and spec version failed here in the last five minutes.

        Source: swarmkit manager/scheduler/nodeinfo.go countRecentFailures.
        """
        stamps = self.failures.get((service_id, spec_version))
        if stamps is None:
            return 0
        oldest = now_ns - MONITOR_FAILURES_NS
        return sum(oldest <= stamp <= now_ns for stamp in stamps)

    # -- copies and checks -----------------------------------------------------------------------------

    def copy(self) -> NodeInfo:
        """Return an independent copy; the frozen records are shared. O(tasks on the node)."""
        twin = NodeInfo.__new__(NodeInfo)
        twin.id, twin.node, twin.ready, twin.total = self.id, self.node, self.ready, self.total
        twin.nano_cpus, twin.memory_bytes = self.nano_cpus, self.memory_bytes
        twin.generic = {
            kind: list(left) if isinstance(left, list) else left for kind, left in self.generic.items()
        }
        twin.ports, twin.services = self.ports.copy(), self.services.copy()
        twin.tasks, twin.claimed = self.tasks.copy(), self.claimed.copy()
        twin.failures = {key: stamps.copy() for key, stamps in self.failures.items()}
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> NodeInfo:
        return self.copy()

    def __repr__(self) -> str:
        count = f"{self.total} active task{'' if self.total == 1 else 's'}"
        left = f"{self.nano_cpus} nano-CPUs and {self.memory_bytes} bytes left"
        return f"<NodeInfo {self.hostname or self.id}: {count}, {left}{'' if self.ready else ', not ready'}>"

    def check(self) -> None:
        """Assert that the running figures equal a recount."""
        active = [task for task in self.tasks.values() if task.desired <= _ACTIVE_UP_TO]
        assert self.total == len(active) == sum(self.services.values()), self
        for service_id, count in self.services.items():
            assert count == sum(task.service_id == service_id for task in active) > 0, (self, service_id)
        assert self.claimed.keys() <= self.tasks.keys(), self
        used = {pair for task in self.tasks.values() for pair in host_ports(task.endpoint)}
        assert self.ports <= used, self
        if self.node.description is not None:
            offered = self.node.description.resources
            held = [task.spec.reservations for task in self.tasks.values()]
            assert self.nano_cpus == offered.nano_cpus - sum(r.nano_cpus for r in held), self
            assert self.memory_bytes == offered.memory_bytes - sum(r.memory_bytes for r in held), self

"""Room placement: why this node and not that one.

Comes in: a task and the nodes as they are. Goes out: an :class:`Explanation`: per node the first filter it
fails, or its place in the ranking and what decides it; as data, as text, as a table. Rule of this file:
nothing is decided here, and nothing on the nodes changes. SwarmKit has no such thing; what is told is its
own rules applied node by node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import evolve, frozen

from meshsim.errors import NotFound
from meshsim.model.objects import Task
from meshsim.placement.board import Order
from meshsim.placement.filters import filter_name
from meshsim.placement.nodeinfo import MAX_FAILURES, NodeInfo
from meshsim.placement.pipeline import Pipeline
from meshsim.text import table

__all__ = ["Explanation", "NodeVerdict", "explain_task"]

_HEADER: Final = ("NODE", "RANK", "OF SERVICE", "ALL TASKS", "FAILURES", "BRANCH", "REASON")


@frozen(slots=True)
class NodeVerdict:
    """What speaks for or against one node.

    Attributes:
        node_id, hostname: which node.
        filter: short name of the first filter it fails (``Resource``), empty if it passes all.
        reason: that filter's words for one node; empty if it passes all.
        rank: 1 for the best; equals share a rank; None if it fails a filter.
        key: the ranking key, smaller is better.
        service_tasks: active tasks of the task's service there.
        total_tasks: active tasks there.
        failures: recent failures of this service and spec version there; they count from five up.
        branch: values of the labels that the preferences spread over, outermost first.
    """

    node_id: str
    hostname: str
    filter: str
    reason: str
    rank: int | None
    key: Any
    service_tasks: int
    total_tasks: int
    failures: int
    branch: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the node passes every filter."""
        return not self.filter

    @property
    def name(self) -> str:
        """Host name, or the id of a node that has not reported one."""
        return self.hostname or self.node_id


@frozen(slots=True)
class Explanation:
    """Why a task goes where it goes, or nowhere.

    Attributes:
        task_id: which task.
        nodes: one verdict per node: those that fit, best first, then the others in the order of joining.
        chosen: id of the node it would get now; None if there is none.
        pending: the sentence it shows while there is none; else empty.
        branches: active tasks of the service per spread branch, before this task.

    >>> from meshsim.placement import Placer, sample_node, sample_tasks
    >>> placer = Placer()
    >>> placer.set_node(sample_node("host01", availability="drain"))
    >>> placer.set_node(sample_node("host02"))
    >>> explanation = placer.explain(sample_tasks("web", 1)[0])
    >>> print(explanation)
    web.1 goes to host02.
    host02: rank 1; 0 tasks of the service, 0 in all
    host01: fails Ready (1 node not available for new tasks)
    >>> explanation.why("host02", "host01")
    'host01 fails Ready (1 node not available for new tasks)'
    """

    task_id: str
    nodes: tuple[NodeVerdict, ...]
    chosen: str | None
    pending: str
    branches: dict[tuple[str, ...], int]

    def verdict(self, node: str) -> NodeVerdict:
        """Return the verdict on a node, by host name or id.

        Raises:
            NotFound: no such node.
        """
        for verdict in self.nodes:
            if node in (verdict.node_id, verdict.hostname):
                return verdict
        raise NotFound(f"node {node} not found")

    def why(self, better: str, worse: str) -> str:
        """Say in one sentence why the first node is preferred to the second.

        Args:
            better: host name or id.
            worse: the same of the other; if it is the other way round, the sentence says so.

        Raises:
            NotFound: no such node.
        """
        first, second = self.verdict(better), self.verdict(worse)
        for verdict in (second, first):
            if not verdict.fits:
                return f"{verdict.name} fails {verdict.filter} ({verdict.reason})"
        if first.branch != second.branch:
            counts = [f"{_branch(v.branch)} holds {self.branches[v.branch]}" for v in (first, second)]
            return f"the branches decide, by tasks of the service: {counts[0]}, {counts[1]}"
        if first.key == second.key:
            return f"{first.name} and {second.name} rank equal; the order of joining decides, or a draw"
        if second.key < first.key:
            first, second = second, first
        return f"{first.name} ranks before {second.name}: {_difference(first, second)}"

    def table(self) -> str:
        """Return the verdicts as an aligned table, one line per node."""
        return table(_HEADER, [_row(verdict) for verdict in self.nodes])

    def __str__(self) -> str:
        if self.chosen is None:
            head = f"{self.task_id} stays pending: {self.pending}."
        else:
            head = f"{self.task_id} goes to {self.verdict(self.chosen).name}."
        return "\n".join((head, *(_line(verdict) for verdict in self.nodes)))

    def __repr__(self) -> str:
        fitting = sum(verdict.fits for verdict in self.nodes)
        return (
            f"<Explanation of {self.task_id}: {fitting} of {len(self.nodes)} nodes fit, chosen {self.chosen}>"
        )


def explain_task(
    task: Task, nodes: Iterable[NodeInfo], pipeline: Pipeline, order: Order, now_ns: int
) -> tuple[NodeVerdict, ...]:
    """Judge every node for a task, as the nodes are now. O(nodes log nodes)."""
    verdicts = [_judge(task, node, pipeline, order, now_ns) for node in nodes]
    fitting = sorted((v for v in verdicts if v.fits), key=lambda verdict: verdict.key)
    ranked: list[NodeVerdict] = []
    for position, verdict in enumerate(fitting, 1):
        same = ranked and ranked[-1].key == verdict.key
        ranked.append(evolve(verdict, rank=ranked[-1].rank if same else position))
    return (*ranked, *(verdict for verdict in verdicts if not verdict.fits))


def _judge(task: Task, node: NodeInfo, pipeline: Pipeline, order: Order, now_ns: int) -> NodeVerdict:
    shared = task.shared
    failed = pipeline.first_failure(node)
    return NodeVerdict(
        node_id=node.id,
        hostname=node.hostname,
        filter=filter_name(failed) if failed else "",
        reason=failed.explain(1) if failed else "",
        rank=None,
        key=order(task, node, now_ns),
        service_tasks=node.services.get(shared.service_id, 0),
        total_tasks=node.total,
        failures=node.recent_failures(shared.service_id, shared.spec_version, now_ns),
        branch=tuple(read(node.node) for read in pipeline.demand.spread),
    )


def _difference(first: NodeVerdict, second: NodeVerdict) -> str:
    swarm_keys = [
        (v.failures if v.failures >= MAX_FAILURES else 0, v.service_tasks, v.total_tasks)
        for v in (first, second)
    ]
    if [first.key, second.key] != swarm_keys:
        return f"its key {first.key!r} is smaller than {second.key!r}"
    if max(first.failures, second.failures) >= MAX_FAILURES and first.failures != second.failures:
        return f"fewer recent failures ({first.failures} against {second.failures})"
    if first.service_tasks != second.service_tasks:
        return f"fewer tasks of the service ({first.service_tasks} against {second.service_tasks})"
    return f"fewer tasks in all ({first.total_tasks} against {second.total_tasks})"


def _branch(values: tuple[str, ...]) -> str:
    return "/".join(value or '""' for value in values)


def _line(verdict: NodeVerdict) -> str:
    if not verdict.fits:
        return f"{verdict.name}: fails {verdict.filter} ({verdict.reason})"
    parts = [f"rank {verdict.rank}"]
    if verdict.branch:
        parts.append(f"branch {_branch(verdict.branch)}")
    parts.append(f"{verdict.service_tasks} tasks of the service, {verdict.total_tasks} in all")
    if verdict.failures:
        parts.append(f"{verdict.failures} recent failures")
    return f"{verdict.name}: {'; '.join(parts)}"


def _row(verdict: NodeVerdict) -> tuple[str, ...]:
    return (
        verdict.name,
        str(verdict.rank or "-"),
        str(verdict.service_tasks),
        str(verdict.total_tasks),
        str(verdict.failures),
        _branch(verdict.branch) or "-",
        verdict.reason or "fits",
    )

"""Room placement: the board on which one group is placed.

Comes in: the tasks of a group, the nodes, the filters, the time. Goes out: the few moves a placement may
make (:meth:`Board.fits`, :meth:`Board.rank`, :meth:`Board.assign`). Rules of this file: an assignment counts
at once; the order of ties is decided here and nowhere else. It does not know how to place.

Source: swarmkit manager/scheduler/scheduler.go scheduleTaskGroup.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from meshsim.errors import BadValue
from meshsim.model.objects import Task
from meshsim.placement.nodeinfo import MAX_FAILURES, NodeInfo
from meshsim.placement.pipeline import Pipeline

__all__ = ["Board", "Order", "PlacementFunction", "swarm_order"]

#: A ranking: smaller keys first. Any keys will do that compare with each other.
Order: TypeAlias = Callable[[Task, NodeInfo, int], Any]


def swarm_order(task: Task, node: NodeInfo, now_ns: int, /) -> tuple[int, int, int]:
    """Rank a node for a task: smaller is better.

    Five or more recent failures of the task's service version put a node behind all that have fewer; then
    the one with fewer active tasks of the service, then the one with fewer in all. Free CPU or memory is
    never looked at.

    Returns:
        (recent failures if at least 5 else 0, active tasks of the service, active tasks).

    >>> from meshsim.placement.samples import sample_node, sample_tasks
    >>> swarm_order(sample_tasks("web", 1)[0], NodeInfo(sample_node("host01")), 0)
    (0, 0, 0)

    Source: swarmkit manager/scheduler/scheduler.go scheduleTaskGroup (nodeLess).
    """
    shared = task.shared
    faults = 0
    if node.failures:
        faults = node.recent_failures(shared.service_id, shared.spec_version, now_ns)
        if faults < MAX_FAILURES:
            faults = 0
    return faults, node.services.get(shared.service_id, 0), node.total


class Board:
    """What a placement function works on: one group, the nodes, and the moves it may make.

    Args:
        tasks: the group, in the order in which tasks are to be handed out.
        nodes: all nodes, in the order in which ties are decided.
        pipeline: the filters that apply to the group.
        now_ns: the time, virtual nanoseconds.
        order: ranking of nodes.
        ties: None to keep the given orders, or a generator that shuffles tasks, nodes and branches, as
            the random order of Go's maps does in SwarmKit.
        decisions: where to note node id per task id; by default a new dict.

    Attributes:
        waiting: tasks without a node; the last one is handed out next.
        nodes: live; read them, change them only through :meth:`assign`.
        shuffle: brings a list of branches into the order in which they are visited.
    """

    __slots__ = ("_order", "decisions", "nodes", "now_ns", "pipeline", "shuffle", "waiting")

    def __init__(
        self,
        tasks: Sequence[Task],
        nodes: Sequence[NodeInfo],
        pipeline: Pipeline,
        now_ns: int,
        *,
        order: Order = swarm_order,
        ties: random.Random | None = None,
        decisions: dict[str, str] | None = None,
    ) -> None:
        self.nodes = list(nodes)
        self.waiting = list(tasks)
        self.waiting.reverse()
        self.pipeline = pipeline
        self.now_ns = now_ns
        self.decisions = {} if decisions is None else decisions
        self._order = order
        self.shuffle: Callable[[list[Any]], None] = ties.shuffle if ties else _keep_order
        if ties:
            ties.shuffle(self.nodes)
            ties.shuffle(self.waiting)

    @property
    def counts(self) -> bool:
        """Whether nodes are ranked by SwarmKit's counts, of which there are few different ones."""
        return self._order is swarm_order

    @property
    def task(self) -> Task:
        """A task that stands for the group: all ask for the same."""
        return self.pipeline.demand.task

    def fits(self, node: NodeInfo) -> bool:
        """Whether the node passes every filter for one more task of the group."""
        return self.pipeline.fits(node)

    def rank(self, node: NodeInfo) -> Any:
        """Return the node's ranking key as things stand: smaller is better."""
        return self._order(self.pipeline.demand.task, node, self.now_ns)

    def assign(self, node: NodeInfo) -> Task:
        """Give the next waiting task to the node, filters or not; counts and resources follow at once.

        Raises:
            BadValue: no task is waiting.
        """
        if not self.waiting:
            raise BadValue("no task of the group is waiting any more")
        task = self.waiting.pop()
        node.add(task)
        self.decisions[task.id] = node.id
        return task

    def __repr__(self) -> str:
        return f"<Board {self.task.service_id}: {len(self.waiting)} tasks waiting, {len(self.nodes)} nodes>"


def _keep_order(_branches: list[Any]) -> None:
    """Leave the order of joining."""


#: A whole placement of one's own: called once per group, makes its moves with ``board.assign``.
PlacementFunction: TypeAlias = Callable[[Board], None]

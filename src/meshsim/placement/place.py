"""Room placement: one round over groups and single tasks.

Comes in: groups of equal tasks, tasks to be placed one by one, node infos. Goes out: an
:class:`Outcome`. Rules of this file: groups first, each as one unit; then the single tasks, each seeing the
result of the one before. Single tasks without preferences share a heap of nodes per kind of task, which is
right because within a round counts only grow and room only shrinks.

:func:`swarm_placement` is the built-in placement function; a user's own has the same signature and may call
it for what is left.

Source: swarmkit manager/scheduler/scheduler.go tick, scheduleTaskGroup.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Final

from attrs import field, frozen

from meshsim.model.objects import Task
from meshsim.model.specs import GenericResources
from meshsim.placement.board import Board, Order, PlacementFunction, swarm_order
from meshsim.placement.demand import Demand
from meshsim.placement.filters import TaskFilter
from meshsim.placement.levelling import best_nodes, fill
from meshsim.placement.nodeinfo import NodeInfo
from meshsim.placement.pipeline import Pipeline
from meshsim.placement.tree import build_tree, schedule_on_tree

__all__ = ["NO_SPEC_VERSION", "Outcome", "Rules", "group_tasks", "place_groups", "swarm_placement"]

#: Spec version of a task that has none (old data): such tasks are placed one by one.
NO_SPEC_VERSION: Final = -1


def swarm_placement(board: Board, /) -> None:
    """Place the waiting tasks as SwarmKit does. O(nodes log nodes + tasks) without preferences.

    Source: swarmkit manager/scheduler/scheduler.go scheduleTaskGroup.
    """
    wanted = len(board.waiting)
    if board.pipeline.demand.spread:
        schedule_on_tree(wanted, build_tree(board), board, wanted)
    else:
        fill(wanted, best_nodes(wanted, board.nodes, board), board)


@frozen(slots=True)
class Outcome:
    """What a round decided.

    Attributes:
        nodes: node id per task id, for every task placed, in the order of placing.
        generic: the generic resources claimed, by task id, for those that claimed any.
        pending: for every task that found no node, the sentence it shows.
    """

    nodes: dict[str, str]
    generic: dict[str, GenericResources]
    pending: dict[str, str]

    def per_node(self) -> dict[str, int]:
        """Return how many tasks each node got; nodes that got none are left out."""
        counts: dict[str, int] = {}
        for node_id in self.nodes.values():
            counts[node_id] = counts.get(node_id, 0) + 1
        return counts

    def __repr__(self) -> str:
        reasons = "; ".join(dict.fromkeys(self.pending.values()))
        why = f": {reasons}" if reasons else ""
        return f"<Outcome: {len(self.nodes)} placed, {len(self.pending)} pending{why}>"


@frozen(slots=True)
class Rules:
    """What a user may change about placement.

    Attributes:
        filters: users' filters, asked after the built-in ones.
        order: ranking of nodes; smaller keys first.
        placement: places one group.
        ties: None for the order of joining, or the generator to draw from.
        drivers: driver name per network id, for networks whose driver is a plugin.
    """

    filters: tuple[TaskFilter, ...] = ()
    order: Order = swarm_order
    placement: PlacementFunction = swarm_placement
    ties: random.Random | None = None
    drivers: Mapping[str, str] = field(factory=dict)


def group_tasks(tasks: Iterable[Task]) -> tuple[list[list[Task]], list[Task]]:
    """Split waiting tasks into groups of one service and spec version, and single tasks.

    Source: swarmkit manager/scheduler/scheduler.go tick.
    """
    groups: dict[tuple[str, int], list[Task]] = {}
    single: list[Task] = []
    service_id, version, group = "", NO_SPEC_VERSION, single
    for task in tasks:
        shared = task.shared
        # Neighbours are mostly of one group: it is looked up once for all of them.
        if shared.spec_version != version or shared.service_id != service_id:
            service_id, version = shared.service_id, shared.spec_version
            group = single
            if version != NO_SPEC_VERSION:
                group = groups.setdefault((service_id, version), [])
        group.append(task)
    return list(groups.values()), single


def place_groups(
    nodes: Mapping[str, NodeInfo],
    groups: Iterable[Sequence[Task]],
    single: Sequence[Task],
    now_ns: int,
    rules: Rules,
) -> Outcome:
    """Place groups, then single tasks; the node infos change accordingly.

    Args:
        nodes: by id, in the order of joining.
        groups: each of equal tasks (one service, one spec version).
        single: tasks to be placed one by one.
        now_ns: virtual nanoseconds; decides which failures are recent.
        rules: filters, ranking, placement, ties.

    Source: swarmkit manager/scheduler/scheduler.go tick.
    """
    groups, single = [group for group in groups if group], list(single)
    if rules.ties:
        rules.ties.shuffle(groups)
        rules.ties.shuffle(single)
    decisions: dict[str, str] = {}
    left: list[tuple[Pipeline, list[Task]]] = []
    for group in groups:
        pipeline = Pipeline(Demand.of(group[0], rules.drivers), rules.filters)
        board = _board(pipeline, group, nodes, now_ns, rules, decisions)
        rules.placement(board)
        if board.waiting:
            left.append((board.pipeline, board.waiting[::-1]))
    left += _place_single(single, nodes, now_ns, rules, decisions)
    pending = {}
    for pipeline, tasks in left:
        # Told at the end, when all room of this round is given away: the text that will stay.
        pending.update(dict.fromkeys((task.id for task in tasks), pipeline.explain(nodes.values())))
    return Outcome(decisions, _claims(nodes, [*groups, single], decisions), pending)


def _claims(
    nodes: Mapping[str, NodeInfo], tasks: Iterable[Sequence[Task]], decisions: Mapping[str, str]
) -> dict[str, GenericResources]:
    """Return what each placed task got hold of, for those that wanted generic resources."""
    return {
        task.id: nodes[decisions[task.id]].claimed[task.id]
        for group in tasks
        for task in group
        if task.shared.spec.reservations.generic and task.id in decisions
    }


def _board(
    pipeline: Pipeline,
    tasks: Sequence[Task],
    nodes: Mapping[str, NodeInfo],
    now_ns: int,
    rules: Rules,
    decisions: dict[str, str],
) -> Board:
    return Board(
        tasks,
        list(nodes.values()),
        pipeline,
        now_ns,
        order=rules.order,
        ties=rules.ties,
        decisions=decisions,
    )


def _place_single(
    single: Sequence[Task],
    nodes: Mapping[str, NodeInfo],
    now_ns: int,
    rules: Rules,
    decisions: dict[str, str],
) -> list[tuple[Pipeline, list[Task]]]:
    """Place tasks one by one; return those left over, by kind."""
    kinds: dict[Hashable, _Kind] = {}
    kind_of: list[_Kind] = []
    for task in single:
        # Neighbours mostly share one spec object; hashing a spec each time would cost more than placing.
        if not (kind_of and kind_of[-1].is_of(task)):
            key = (task.shared.service_id, task.shared.spec, task.endpoint)
            if key not in kinds:
                kinds[key] = _Kind(Pipeline(Demand.of(task, rules.drivers), rules.filters))
            kind_of.append(kinds[key])
        else:
            kind_of.append(kind_of[-1])
    plain = not _only_shrinks(kinds.values(), rules)
    for task, kind in zip(single, kind_of, strict=True):
        if plain or kind.pipeline.extended or kind.pipeline.demand.spread:
            board = _board(kind.pipeline, [task], nodes, now_ns, rules, decisions)
            rules.placement(board)
            kind.left += board.waiting
        elif (node := kind.best(task, nodes, now_ns, rules.ties)) is not None:
            node.add(task)
            decisions[task.id] = node.id
        else:
            kind.left.append(task)
    return [(kind.pipeline, kind.left) for kind in kinds.values() if kind.left]


def _only_shrinks(kinds: Iterable[_Kind], rules: Rules) -> bool:
    """Whether placing a task can make no node better or roomier, so that a heap may be kept."""
    if rules.order is not swarm_order or rules.placement is not swarm_placement:
        return False
    demands = [kind.pipeline.demand for kind in kinds]
    return all(demand.nano_cpus >= 0 and demand.memory_bytes >= 0 for demand in demands)


class _Kind:
    """Equal single tasks: their filters, those left over, and a heap of nodes that may still fit.

    An entry is (rank, tie, node): the rank may be out of date, but only ever too good; so the top is
    brought up to date until it is true.
    """

    __slots__ = ("heap", "left", "pipeline")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.left: list[Task] = []
        self.heap: list[tuple[tuple[int, int, int], tuple[float, int], NodeInfo]] | None = None

    def is_of(self, task: Task) -> bool:
        """Whether the task shares service, spec and endpoint with this kind, object for object."""
        mine = self.pipeline.demand.task
        return (
            mine.shared.spec is task.shared.spec
            and mine.endpoint is task.endpoint
            and mine.shared.service_id == task.shared.service_id
        )

    def best(
        self, task: Task, nodes: Mapping[str, NodeInfo], now_ns: int, ties: random.Random | None
    ) -> NodeInfo | None:
        """Return the best node that fits, or None. O(log nodes) amortised, the first time O(nodes)."""
        fits, still_fits = self.pipeline.fits, self.pipeline.still_fits
        if self.heap is None:
            self.heap = [
                (swarm_order(task, node, now_ns), (ties.random() if ties else 0.0, position), node)
                for position, node in enumerate(nodes.values())
                if fits(node)
            ]
            heapify(self.heap)
        heap = self.heap
        while heap:
            rank, (_, position), node = heap[0]
            now = swarm_order(task, node, now_ns)
            if now != rank:
                heapreplace(heap, (now, (ties.random() if ties else 0.0, position), node))
            elif still_fits(node):
                return node
            else:
                heappop(heap)
        return None

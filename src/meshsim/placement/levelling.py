"""Room placement: filling the nodes of one leaf.

Comes in: a number of tasks, nodes, a board. Goes out: assignments. Rules of this file: the levelling pass is
SwarmKit's as it is; it never turns back, so nodes with 0, 0, 10 tasks of the service and 6 new ones end up
with 1, 5 and 0 more. It does not know preferences.

Source: swarmkit manager/scheduler/scheduler.go scheduleNTasksOnNodes, nodeset.go, decision_tree.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

from meshsim.placement.board import Board
from meshsim.placement.nodeinfo import NodeInfo

__all__ = ["best_nodes", "fill"]


def best_nodes(count: int, nodes: Iterable[NodeInfo], board: Board) -> list[NodeInfo]:
    """Return at most ``count`` nodes that fit, best first. Among equals the first visited stay.

    Source: swarmkit manager/scheduler/nodeset.go tree, decision_tree.go orderedNodes.
    """
    fits, rank = board.pipeline.fits, board.rank
    candidates = [node for node in nodes if fits(node)]
    if not board.counts:
        candidates.sort(key=rank)
        return candidates[:count]
    # Most nodes rank alike: sorting the few different ranks makes no key for every node.
    by_rank: dict[Any, list[NodeInfo]] = {}
    for node in candidates:
        by_rank.setdefault(rank(node), []).append(node)
    return list(islice(chain.from_iterable(by_rank[key] for key in sorted(by_rank)), count))


def fill(count: int, nodes: Sequence[NodeInfo], board: Board) -> int:
    """Give up to ``count`` waiting tasks to ``nodes``, which all fit and are sorted best first.

    The first pass levels up: it stays on a node until the next one is strictly better, and never goes
    back. Once at the last node it deals out one task per node, round and round. A node found full is
    passed over from then on.

    Args:
        count: tasks offered; may be more than are waiting.
        nodes: candidates.
        board: whose tasks.

    Returns:
        How many tasks were given away.

    Source: swarmkit manager/scheduler/scheduler.go scheduleNTasksOnNodes.
    """
    count = min(count, len(board.waiting))
    if not nodes or not count:
        return 0
    rank, fits, assign = board.rank, board.pipeline.still_fits, board.assign
    size, full = len(nodes), set[int]()
    at = 0
    for given in range(1, count):
        node = nodes[at % size]
        assign(node)
        if at + 1 >= size or rank(nodes[at + 1]) < rank(node):
            at += 1
        start = at
        while at % size in full or not fits(nodes[at % size]):
            full.add(at % size)
            at += 1
            if at - start == size:
                return given
    assign(nodes[at % size])
    return count

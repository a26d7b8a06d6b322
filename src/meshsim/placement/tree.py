"""Room placement: spread preferences, a tree of label values over which a group is divided.

Comes in: a board and a number of tasks. Goes out: how many each branch took. Rules of this file: what is
made equal is the *total* of the service's tasks per branch, old and new, without regard to how many or how
big the nodes of a branch are; counts are those from before the group. The arithmetic is SwarmKit's as it is:
the first branch visited may be offered more than its share. It does not know how a leaf is filled.

Source: swarmkit manager/scheduler/nodeset.go tree, decision_tree.go, scheduler.go scheduleNTasksOnSubtree.
"""

from __future__ import annotations

from meshsim.placement.board import Board
from meshsim.placement.levelling import best_nodes, fill
from meshsim.placement.nodeinfo import NodeInfo

__all__ = ["Branch", "build_tree", "schedule_on_tree"]


class Branch:
    """One element of the tree: all nodes that share the label values on the way to it.

    Attributes:
        tasks: active tasks of the service on these nodes before the group is placed; nodes that are
            drained, down or do not fit count too.
        next: branches by value of the next label, or None for a leaf. A label that is missing or empty
            is the branch of the empty text, one like any other.
        nodes: of a leaf: its nodes; from the first visit on only the candidates, best first.
    """

    __slots__ = ("next", "nodes", "tasks")

    def __init__(self) -> None:
        self.tasks = 0
        self.next: dict[str, Branch] | None = None
        self.nodes: list[NodeInfo] = []

    def __repr__(self) -> str:
        below = f"{len(self.nodes)} nodes" if self.next is None else f"{len(self.next)} branches"
        return f"<Branch: {self.tasks} tasks, {below}>"


def build_tree(board: Board) -> Branch:
    """Sort all nodes into branches and count the service's tasks on the way. O(nodes x preferences).

    Source: swarmkit manager/scheduler/nodeset.go tree.
    """
    demand = board.pipeline.demand
    root = Branch()
    for node in board.nodes:
        tasks = node.services.get(demand.service_id, 0)
        branch = root
        branch.tasks += tasks
        for read in demand.spread:
            if branch.next is None:
                branch.next = {}
            value = read(node.node)
            found = branch.next.get(value)
            if found is None:
                found = branch.next[value] = Branch()
            branch = found
            branch.tasks += tasks
        branch.nodes.append(node)
    return root


def schedule_on_tree(count: int, branch: Branch, board: Board, most: int) -> int:
    """Give up to ``count`` waiting tasks to a branch, dividing them over the branches below.

    Args:
        count: tasks offered; may be more than are waiting.
        branch: where.
        board: whose tasks.
        most: size of the group: so many candidates a leaf keeps.

    Returns:
        How many were taken.

    Source: swarmkit manager/scheduler/scheduler.go scheduleNTasksOnSubtree.
    """
    if branch.next is None:
        branch.nodes = best_nodes(most, branch.nodes, board)
        return fill(count, branch.nodes, board)
    done, usable = 0, branch.tasks
    left = list(branch.next.values())
    progress = True
    while done != count and left and progress:
        share, odd = divmod(usable + count - done, len(left))
        progress = False
        board.shuffle(left)
        for below in left.copy():
            if below.tasks > share or (below.tasks == share and not odd):
                continue
            progress = True
            want = share - below.tasks + (1 if odd else 0)
            got = schedule_on_tree(want, below, board, most)
            done += got
            if got < want:
                left.remove(below)
                usable -= below.tasks
            elif odd:
                odd -= 1
    return done

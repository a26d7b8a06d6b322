"""Room placement: which slots a service gives up when it is scaled down.

Comes in: the slots of a replicated service with their live tasks. Goes out: slot numbers in the order in
which they are kept. Rule of this file: nodes are kept level, labels and preferences are not looked at. It
does not know nodes, only their ids.

Source: swarmkit manager/orchestrator/replicated/services.go reconcile, slot.go slotsByIndex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from meshsim.model.objects import Task
from meshsim.model.states import TaskState

__all__ = ["scale_down_order", "scale_down_victims"]

#: Sorts behind every how-many-th on its node.
_NOT_ON_ONE_NODE: Final = float("inf")


def scale_down_order(slots: Mapping[int, Sequence[Task]]) -> list[int]:
    """Return the slot numbers, the ones kept longest first.

    Slots with a running task come before the others, lower numbers before higher ones; in that order each
    gets its index: the how-many-th it is on its node. Lowest index is kept longest; slots without a node
    or with several tasks go first of all.

    Args:
        slots: live tasks (desired state at most RUNNING) by slot number.

    Complexity: O(slots log slots). SwarmKit's sort is not stable above 12 slots; this one is, and made the
    same choice in every case that was recorded.

    Source: swarmkit manager/orchestrator/replicated/slot.go slotsByRunningState, slotsByIndex.
    """
    order = sorted(slots, key=lambda slot: (not _runs(slots[slot]), slot))
    seen: dict[str, int] = {}
    index: dict[int, float] = {}
    for slot in order:
        tasks = slots[slot]
        if len(tasks) != 1 or not tasks[0].node_id:
            index[slot] = _NOT_ON_ONE_NODE
            continue
        node_id = tasks[0].node_id
        index[slot] = seen[node_id] = seen.get(node_id, 0) + 1
    return sorted(order, key=index.__getitem__)


def scale_down_victims(slots: Mapping[int, Sequence[Task]], replicas: int) -> list[int]:
    """Return the slots to remove so that ``replicas`` stay.

    >>> from meshsim.placement.samples import sample_tasks
    >>> tasks = sample_tasks("web", 3, node_id="n1") + sample_tasks("web", 2, first_slot=4, node_id="n2")
    >>> scale_down_victims({task.slot: [task] for task in tasks}, 3)
    [5, 3]

    Source: swarmkit manager/orchestrator/replicated/services.go reconcile.
    """
    return scale_down_order(slots)[max(replicas, 0) :]


def _runs(tasks: Sequence[Task]) -> bool:
    return any(task.status.state == TaskState.RUNNING for task in tasks)

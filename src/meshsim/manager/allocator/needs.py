"""Room manager, allocator: which nodes need an address of their own on which networks.

Comes in: tasks as they are served, placed and released. Goes out: per node the networks its tasks are on.
Rules of this file: counted task by task, so that no question costs O(tasks); networks stand in the order in
which they were first needed. It gives no addresses.

Source: swarmkit manager/allocator/network.go getNodeNetworks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshsim.model.objects import Task

__all__ = ["Needs"]


class Needs:
    """The tasks that have been served, and what they need of their nodes."""

    __slots__ = ("_counts", "_served")

    def __init__(self) -> None:
        #: task -> the node it counts for, "" while it has none
        self._served: dict[str, str] = {}
        self._counts: dict[str, dict[str, int]] = {}

    def __repr__(self) -> str:
        return f"<Needs of {len(self._served)} tasks on {len(self._counts)} nodes>"

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield (task, node) of all served tasks."""
        yield from self._served.items()

    def node_of(self, task_id: str) -> str | None:
        """The node the task counts for, "" while it has none; None when it has not been served."""
        return self._served.get(task_id)

    def of(self, node_id: str) -> Iterable[str]:
        """Ids of the networks the node's tasks are on. O(networks of the node)."""
        return self._counts.get(node_id, ())

    def add(self, task: Task) -> bool:
        """Note that the task is served, and what it needs of its node. O(its networks).

        Returns:
            Whether it is the first on its node to need a network.
        """
        self._served[task.id] = task.node_id
        first = False
        if task.node_id and task.attachments:
            counts = self._counts.setdefault(task.node_id, {})
            for attachment in task.attachments:
                count = counts.get(attachment.network_id, 0)
                counts[attachment.network_id] = count + 1
                first = first or not count
        return first

    def drop(self, task: Task) -> str:
        """Note that a served task holds nothing any more; returns the node that may need less."""
        node_id = self._served.pop(task.id)
        if not (node_id and task.attachments):
            return ""
        counts = self._counts[node_id]
        for attachment in task.attachments:
            counts[attachment.network_id] -= 1
            if not counts[attachment.network_id]:
                del counts[attachment.network_id]
        if not counts:
            del self._counts[node_id]
        return node_id

    def check(self, tasks: Mapping[str, Task]) -> None:
        """Assert that the counts are those of the served tasks."""
        twin = Needs()
        for task_id, node_id in self._served.items():
            assert node_id in {"", tasks[task_id].node_id}, f"{task_id} counts for another node"
            if node_id:
                twin.add(tasks[task_id])
        assert self._counts == twin._counts, "needs of the nodes"

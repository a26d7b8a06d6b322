"""A user's own ranking type-checks; its keys may be anything that compares."""

from __future__ import annotations

from meshsim.model.objects import Task
from meshsim.placement import NodeInfo, Order, Placer, swarm_order


def most_free_memory(task: Task, node: NodeInfo, now_ns: int) -> tuple[int, tuple[int, int, int]]:
    return -node.memory_bytes, swarm_order(task, node, now_ns)


def by_name(task: Task, node: NodeInfo, now_ns: int) -> str:
    return node.hostname


def without_time(task: Task, node: NodeInfo) -> int:
    return node.total


order: Order = most_free_memory
Placer(order=most_free_memory)
Placer(order=by_name)
Placer(order=without_time)  # type: ignore[arg-type]

"""A user's own filter type-checks against the protocol, and nothing else does."""

from __future__ import annotations

from meshsim.model.objects import Task
from meshsim.placement import Filter, NodeInfo, Placer, TaskFilter


class OnlyEven:
    def applies(self, task: Task) -> bool:
        return task.spec.container.labels.get("parity") == "even"

    def accepts(self, task: Task, node: NodeInfo) -> bool:
        return int(node.hostname[-2:]) % 2 == 0

    def explain(self, count: int) -> str:
        return f"odd host number on {count} nodes"


class NoExplanation:
    def applies(self, task: Task) -> bool:
        return True

    def accepts(self, task: Task, node: NodeInfo) -> bool:
        return True


even: TaskFilter = OnlyEven()
generic: Filter[Task] = OnlyEven()
placer = Placer(extra_filters=[OnlyEven()])
Placer(extra_filters=[NoExplanation()])  # type: ignore[list-item]

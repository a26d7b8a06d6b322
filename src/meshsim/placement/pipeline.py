"""Room placement: the filters in order, the first one that fails decides.

Comes in: what a group asks for, the filters, nodes. Goes out: fits or not, the first filter a node fails,
and the sentence a user reads under a pending task. Rule of this file: nothing is counted while placing;
the sentence counts every node once, under the first filter it fails now.

SwarmKit counts while it searches and starts anew whenever a node passes, so its first text depends on the
order of the search; about 50 ms later it tries again, finds that nothing passes, and writes the text that
stays. That settled text is the one given here.

Source: swarmkit manager/scheduler/pipeline.go, scheduler.go noSuitableNode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from meshsim.placement.demand import Demand
from meshsim.placement.filters import DEFAULT_FILTERS, FIXED_FILTERS, Filter, TaskFilter
from meshsim.placement.nodeinfo import NodeInfo

__all__ = ["NO_SUITABLE_NODE", "Pipeline", "failure_text"]

#: What a task that found no node is told. Source: swarmkit manager/scheduler/scheduler.go noSuitableNode.
NO_SUITABLE_NODE: Final = "no suitable node"

#: a filter with its bound test and what the test is asked about
_Step = tuple[Filter[Any], Callable[[Any, NodeInfo], bool], Any]


class Pipeline:
    """The filters that have something to say about one group, in order.

    Args:
        demand: what the group asks for.
        extra: users' filters, asked last.

    >>> from meshsim.placement.samples import sample_node, sample_tasks
    >>> pipeline = Pipeline(Demand.of(sample_tasks("web", 1)[0]))
    >>> pipeline.explain([NodeInfo(sample_node("host01", availability="drain"))])
    'no suitable node (1 node not available for new tasks)'

    Source: swarmkit manager/scheduler/pipeline.go Pipeline.
    """

    __slots__ = ("_moving", "_steps", "demand", "extended")

    def __init__(self, demand: Demand, extra: Sequence[TaskFilter] = ()) -> None:
        self.demand = demand
        self._steps: list[_Step] = [(f, f.accepts, demand) for f in DEFAULT_FILTERS if f.applies(demand)]
        own = len(self._steps)
        self._steps += [(f, f.accepts, demand.task) for f in extra if f.applies(demand.task)]
        #: whether a user's filter takes part, of which nothing is known
        self.extended = len(self._steps) > own
        self._moving = [(accepts, on) for f, accepts, on in self._steps if not isinstance(f, FIXED_FILTERS)]

    def fits(self, node: NodeInfo) -> bool:
        """Whether the node passes every filter. O(filters)."""
        for _, accepts, subject in self._steps:  # noqa: SIM110  (a generator would double the cost)
            if not accepts(subject, node):
                return False
        return True

    def still_fits(self, node: NodeInfo) -> bool:
        """Whether a node that fitted earlier in this round does so yet. O(filters that placing can change).

        Whether it is ready, and what it is, cannot change while tasks are placed; what is left of it can.
        """
        for accepts, subject in self._moving:  # noqa: SIM110  (a generator would double the cost)
            if not accepts(subject, node):
                return False
        return True

    def first_failure(self, node: NodeInfo) -> Filter[Any] | None:
        """Return the first filter that the node fails, or None if it passes."""
        for test, accepts, subject in self._steps:
            if not accepts(subject, node):
                return test
        return None

    def reasons(self, nodes: Iterable[NodeInfo]) -> str:
        """Say why these nodes fail, most frequent reason first; empty if none does. O(nodes).

        Source: swarmkit manager/scheduler/pipeline.go Explain.
        """
        counts = dict.fromkeys(range(len(self._steps)), 0)
        for node in nodes:
            for position, (_, accepts, subject) in enumerate(self._steps):
                if not accepts(subject, node):
                    counts[position] += 1
                    break
        found = sorted((p for p, count in counts.items() if count), key=lambda p: -counts[p])
        return "; ".join(self._steps[p][0].explain(counts[p]) for p in found)

    def explain(self, nodes: Iterable[NodeInfo]) -> str:
        """Return the whole sentence for a task that none of the nodes can take. O(nodes)."""
        return failure_text(self.reasons(nodes))


def failure_text(reasons: str) -> str:
    """Wrap reasons as a pending task shows them.

    >>> failure_text("insufficient resources on 1 node"), failure_text("")
    ('no suitable node (insufficient resources on 1 node)', 'no suitable node')
    """
    return f"{NO_SUITABLE_NODE} ({reasons})" if reasons else NO_SUITABLE_NODE

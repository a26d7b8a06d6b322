"""Room testing: the laws of placement functions of one's own.

Comes in: a function as ``placement`` takes it. Goes out: nothing, or the smallest cluster that shows it break
a law. Rule of this file: the function works on a real :class:`~meshsim.placement.Board`, which notes moves.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from meshsim.errors import BadValue
from meshsim.model.objects import Task
from meshsim.placement import Board, Demand, NodeInfo, Pipeline, PlacementFunction, Placer, TaskFilter
from meshsim.sim import duplicate
from meshsim.testing.contracts.groups import groups, insides, node_words, nodes, task_words
from meshsim.testing.contracts.search import Breach, Lawless, hold, kept_laws, lawful

__all__ = ["PLACEMENT_LAWS", "check_placement"]

#: what a placement must do, by name
PLACEMENT_LAWS: Final = {
    "survives": "it does not raise, on an empty cluster neither",
    "ends": "it comes to an end, also when no node fits",
    "fits": "a task goes only to a node that every filter accepts",
    "own": "a task goes only to a node of the board",
    "conserves": "every task of the group is on one node, or still waits",
    "complete": "no task waits while a node fits",
    "reads only": "nodes change by assigning tasks and in no other way",
    "deterministic": "the same board gives the same decisions",
    "copies": "it can be copied, as what-if questions and a cluster's fork do",
}

_MOST_NODES, _MOST_TASKS = 4, 4
#: no placement of so few tasks asks the board so often
_MOST_CALLS: Final = 10_000

_Case: TypeAlias = tuple[list[NodeInfo], list[Task]]


class _Watched(Board):
    """A board that notes the moves made on it and judges them."""

    __slots__ = ("calls", "laws", "words")

    def __init__(self, case: _Case, filters: Sequence[TaskFilter], laws: Collection[str]) -> None:
        infos, tasks = case
        super().__init__(tasks, infos, Pipeline(Demand.of(tasks[0]), filters), 0)
        self.laws = laws
        self.calls = 0
        self.words = [node_words(info) for info in infos]
        self.words.append(task_words(tasks[0], tasks))

    def fits(self, node: NodeInfo) -> bool:
        self._count()
        return super().fits(node)

    def rank(self, node: NodeInfo) -> Any:
        self._count()
        return super().rank(node)

    def assign(self, node: NodeInfo) -> Task:
        self._count()
        if self.waiting and isinstance(node, NodeInfo):
            self.words.append(f"it gives {self.waiting[-1].id} to {node.hostname or node.id}")
        if not any(node is each for each in self.nodes):
            raise Lawless("own", f"{node!r} was given a task, which is no node of the board")
        if "fits" in self.laws and self.waiting and not super().fits(node):
            raise Lawless("fits", f"{node.hostname} refuses it: {self.pipeline.reasons([node])}")
        return super().assign(node)

    def _count(self) -> None:
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise Lawless("ends", f"it has asked the board {_MOST_CALLS} times and goes on")


class _Court:
    """Judges small clusters for one placement function."""

    def __init__(
        self, function: PlacementFunction, filters: Sequence[TaskFilter], laws: Sequence[str]
    ) -> None:
        self.function = function
        self.filters = filters
        self.laws = laws

    def __call__(self, case: _Case) -> Breach | None:
        """The breach a case shows, or None."""
        board = _Watched(_fresh(case), self.filters, self.laws)
        state = random.getstate()
        try:
            with lawful("copies", "the copy"):
                function, twin = duplicate(self.function, {}), duplicate(self.function, {})
            random.seed(1)
            self._run(function, board, case)
            random.seed(2)
            for law, again in (("copies", twin), ("deterministic", function)):
                self._agree(law, again, board, case)
        except Lawless as lawless:
            if lawless.law in self.laws:
                return Breach(lawless.law, lawless.sentence, tuple(board.words))
        finally:
            random.setstate(state)
        return None

    def _run(self, function: PlacementFunction, board: _Watched, case: _Case) -> None:
        tasks = case[1]
        nodes = list(board.nodes)
        with lawful("survives", "it"):
            function(board)
        left = [task.id for task in board.waiting]
        for task in tasks:
            places = (task.id in board.decisions) + left.count(task.id)
            if places != 1:
                what = "is lost: on no node, and waiting no more" if not places else "is in two places"
                self._broken("conserves", f"{task.id} {what}")
        fitting = next((node for node in nodes if board.pipeline.fits(node)), None)
        if left and fitting is not None:
            self._broken("complete", f"{left[-1]} waits although {fitting.hostname} fits")
        self._only_assigned(nodes, board, case)

    def _only_assigned(self, nodes: Sequence[NodeInfo], board: _Watched, case: _Case) -> None:
        """Compare the nodes with what they must be after the moves noted."""
        infos, tasks = _fresh(case)
        known = {info.id: info for info in infos}
        by_id = {task.id: task for task in tasks}
        for task_id, node_id in board.decisions.items():
            if node_id in known and task_id in by_id:
                known[node_id].add(by_id[task_id])
        for node in nodes:
            if insides(node) != insides(known[node.id]):
                self._broken("reads only", f"{node.hostname} was changed otherwise than by assigning tasks")

    def _agree(self, law: str, function: PlacementFunction, first: _Watched, case: _Case) -> None:
        board = _Watched(_fresh(case), self.filters, ())
        with lawful(law, "the second run"):
            function(board)
        if board.decisions != first.decisions:
            changed = next(t.id for t in case[1] if board.decisions.get(t.id) != first.decisions.get(t.id))
            once, now = (b.decisions.get(changed, "nobody") for b in (first, board))
            who = "a copy of it" if law == "copies" else "it"
            self._broken(law, f"on the same board {who} gives {changed} to {now}, not to {once}")

    def _broken(self, law: str, sentence: str) -> None:
        if law in self.laws:
            raise Lawless(law, sentence)


def _fresh(case: _Case) -> _Case:
    infos, tasks = case
    return [info.copy() for info in infos], tasks


def check_placement(
    function: PlacementFunction,
    *,
    extra_filters: Sequence[TaskFilter] = (),
    skip: Collection[str] = (),
    examples: int = 200,
) -> None:
    """Put a placement function through the laws of placements; nothing happens when it keeps them.

    Args:
        function: what a cluster takes as ``placement``.
        extra_filters: filters of one's own it is to respect.
        skip: names of laws it need not keep, of those in :data:`PLACEMENT_LAWS`; one that overcommits on
            purpose has "fits" skipped, one that holds back has "complete" skipped.
        examples: how many small clusters are tried.

    Raises:
        ContractBroken: a law is broken; the error has the smallest cluster found that shows it.
        BadValue: no placement, or no such law.

    >>> def first_fit(board):
    ...     for node in board.nodes:
    ...         while board.waiting:
    ...             board.assign(node)
    >>> check_placement(first_fit)
    Traceback (most recent call last):
    ...
    meshsim.errors.ContractBroken: first_fit breaks the law "fits": host01 refuses it: ...
      1. node host01 (1 CPU, drain)
      2. task web.1
      3. it gives web.1 to host01
    """
    laws = kept_laws(PLACEMENT_LAWS, skip)
    if not callable(function):
        raise BadValue(f"placement must be callable, not {function!r}", "placement")
    Placer(extra_filters=extra_filters)  # refuses what is no filter
    name = getattr(function, "__name__", type(function).__name__)
    cases = st.tuples(nodes(0, _MOST_NODES, troubled=True), groups(_MOST_TASKS))
    hold(name, cases, _Court(function, tuple(extra_filters), laws), examples)

"""Room testing: the laws of filters of one's own.

Comes in: a filter as ``extra_filters`` takes it. Goes out: nothing, or the fewest questions that show it
break a law. Rule of this file: each case begins with a fresh copy of the filter, and asks as the scheduler
does: whether it applies, then node by node.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from meshsim.errors import BadValue
from meshsim.model.objects import Node, Task
from meshsim.placement import NodeInfo, Placer, TaskFilter
from meshsim.sim import duplicate
from meshsim.testing.contracts.groups import insides, node_words, nodes, task_words, tasks
from meshsim.testing.contracts.search import MOST_STEPS, Breach, Lawless, hold, kept_laws, lawful

__all__ = ["FILTER_LAWS", "check_filter"]

#: what a filter must do, by name
FILTER_LAWS: Final = {
    "survives": "no method raises",
    "answers": "applies() and accepts() say True or False",
    "pure": "an answer depends on task and node alone, not on what was asked before, nor on luck",
    "reads only": "nodes are left as they are",
    "explains": "explain() gives one line of words, the same for the same count",
    "copies": "it can be copied, as what-if questions and a cluster's fork do",
}

_MOST_NODES, _MOST_TASKS = 3, 2
#: each is asked twice
_MOST_QUESTIONS: Final = (MOST_STEPS - 1) // 2
_COUNTS: Final = (1, 2, 5)

#: nodes, tasks, and which is asked about which
_Case: TypeAlias = tuple[list[NodeInfo], list[Task], list[tuple[int, int]]]


class _Interview:
    """One copy of a filter, and what it has been asked.

    Attributes:
        words: who was asked about, and what was answered.
        applied: whether it had anything to say about any task.
        known: the answers, by question.
    """

    def __init__(self, test: TaskFilter, case: _Case) -> None:
        self.infos, self.tasks, self.questions = case
        self.words: list[str] = ["copy it"]
        self.applied = False
        self.known: dict[str, bool] = {}
        self._introduced: set[str] = set()
        with lawful("copies", "the copy"):
            self.test = duplicate(test, {})
        self.words.clear()

    def ask_all(self) -> None:
        """Ask everything, then everything again the other way round; then for explanations.

        Raises:
            Lawless: an answer breaks a law.
        """
        random.seed(1)
        for question in self.questions:
            self.ask(*question)
        random.seed(2)
        for question in reversed(self.questions):
            self.ask(*question)
        for count in _COUNTS:
            self._explain(count)

    def ask(self, task_number: int, node_number: int) -> None:
        """Ask whether it applies to a task, and if so whether it accepts a node.

        Raises:
            Lawless: an answer breaks a law.
        """
        task = self.tasks[task_number % len(self.tasks)]
        known = len(self.words)
        if not self._answer("applies", task):
            return
        del self.words[known:]  # what follows says as much
        self.applied = True
        info = self.infos[node_number % len(self.infos)]
        before = insides(info)
        self._answer("accepts", task, info)
        if insides(info) != before:
            raise Lawless("reads only", f"accepts() changed {info.hostname}")

    def know(self, other: _Interview) -> None:
        """Go on where the first round of another copy ended."""
        self.known = other.known
        self.words += [*other.words[: len(self.questions)], "take a fresh copy of it"]

    def _answer(self, method: str, task: Task, *about: NodeInfo) -> bool:
        names = (task.id, *(info.hostname or info.id for info in about))
        call = f"{method}({', '.join(names)})"
        words = (task_words(task), *map(node_words, about))
        shown = [name if name in self._introduced else word for name, word in zip(names, words, strict=True)]
        if about:
            self._introduced.update(names)
        self.words.append(f"{method}({', '.join(shown)})")
        with lawful("survives", f"{method}()"):
            answer: Any = getattr(self.test, method)(task, *about)
        self.words[-1] += f": {answer!r}"
        if not isinstance(answer, bool):
            raise Lawless("answers", f"{call} is {answer!r}, neither True nor False")
        if self.known.setdefault(call, answer) != answer:
            raise Lawless("pure", f"{call} was {not answer} before and is {answer} now")
        return answer

    def _explain(self, count: int) -> None:
        self.words.append(f"explain({count})")
        told = []
        for _ in range(2):
            with lawful("survives", "explain()"):
                told.append(self.test.explain(count))
        self.words[-1] += f": {told[0]!r}"
        if not isinstance(told[0], str) or not told[0].strip() or "\n" in told[0]:
            raise Lawless("explains", f"explain({count}) gives {told[0]!r}, not one line of words")
        if told[0] != told[1]:
            raise Lawless("explains", f"explain({count}) gives {told[1]!r} the second time")
        self.words.pop()


class _Court:
    """Judges cases of one filter.

    Attributes:
        applied: whether the filter had anything to say in any case.
    """

    def __init__(self, test: TaskFilter, laws: Sequence[str]) -> None:
        self.test = test
        self.laws = laws
        self.applied = False

    def __call__(self, case: _Case) -> Breach | None:
        """The breach a case shows, or None."""
        state = random.getstate()
        words: list[str] = ["copy it"]
        try:
            interview = _Interview(self.test, case)
            words = interview.words
            try:
                interview.ask_all()
            finally:
                self.applied |= interview.applied
            fresh = _Interview(self.test, case)
            fresh.know(interview)
            words = fresh.words
            fresh.ask(*case[2][-1])
        except Lawless as lawless:
            if lawless.law in self.laws:
                return Breach(lawless.law, lawless.sentence, tuple(words))
        finally:
            random.setstate(state)
        return None


def check_filter(
    test: TaskFilter,
    *,
    nodes: Collection[Node] = (),
    tasks: Collection[Task] = (),
    skip: Collection[str] = (),
    examples: int = 100,
) -> None:
    """Put a filter through the laws of filters; nothing happens when it keeps them.

    Args:
        test: an object as ``extra_filters`` takes it.
        nodes: nodes it is asked about; by default host01, host02 ... with CPUs and a label ``zone``.
        tasks: tasks it is asked about; by default tasks that reserve CPUs, with a label ``zone``.
        skip: names of laws it need not keep, of those in :data:`FILTER_LAWS`.
        examples: how many sets of questions are tried.

    Raises:
        ContractBroken: a law is broken; the error has the fewest questions found that show it.
        BadValue: no filter, no such law, or a filter that applies to none of the tasks.

    >>> class SomeZone:
    ...     def applies(self, task): return True
    ...     def accepts(self, task, node): return node.labels.get("zone")
    ...     def explain(self, count): return f"no zone on {count} nodes"
    >>> check_filter(SomeZone())
    Traceback (most recent call last):
    ...
    meshsim.errors.ContractBroken: SomeZone breaks the law "answers": accepts(web.1, host01) is None, ...
      1. accepts(task web.1, node host01 (1 CPU)): None
    """
    laws = kept_laws(FILTER_LAWS, skip)
    Placer(extra_filters=[test])  # refuses what is no filter
    court = _Court(test, laws)
    hold(type(test).__name__, _cases(list(nodes), list(tasks)), court, examples)
    if not court.applied:
        raise BadValue(
            f"{type(test).__name__} applies to none of the tasks it was asked about, so nothing is known of "
            "it: give it tasks=[...] it applies to",
            type(test).__name__,
        )


def _cases(own_nodes: list[Node], own_tasks: list[Task]) -> st.SearchStrategy[_Case]:
    infos = (
        st.just(None).map(lambda _: [NodeInfo(node) for node in own_nodes])
        if own_nodes
        else nodes(1, _MOST_NODES, troubled=False)
    )
    some = st.just(own_tasks) if own_tasks else tasks(_MOST_TASKS)
    place = st.integers(0, max(_MOST_NODES, len(own_nodes)) - 1)
    which = st.integers(0, max(_MOST_TASKS, len(own_tasks)) - 1)
    questions = st.lists(st.tuples(which, place), min_size=1, max_size=_MOST_QUESTIONS)
    return st.tuples(infos, some, questions)

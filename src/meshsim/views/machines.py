"""Room views: state machines, drawn from the tables that drive them.

Comes in: the tables of tasks, agents and updates. Goes out: Mermaid texts and plain tables. Rule of this
file: nothing is drawn that is not in a table; pages that show these texts are compared with them by a test.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.agent.moves import TABLE
from meshsim.model.states import TASK_MOVES, UPDATE_MOVES, TaskState, UpdateState, UpdateStep
from meshsim.text import table

__all__ = ["agent_table", "task_life", "task_moves", "update_life"]

_S = TaskState
_ENDS = tuple(state for state in TaskState if not TASK_MOVES[state] and state is not _S.REMOVE)
#: what a manager or an agent may want of a task
_DESIRED = (_S.READY, _S.RUNNING, _S.COMPLETE, _S.SHUTDOWN, _S.REMOVE)
#: who moves a task before its agent does. Source: swarmkit api/types.proto TaskState.
_MANAGERS = {(_S.NEW, _S.PENDING): "allocator", (_S.PENDING, _S.ASSIGNED): "scheduler"}


def task_life() -> str:
    """The life of a task as a Mermaid diagram: the shortest moves of the table, the others pass over them.

    >>> task_life().splitlines()[2]
    '    new --> pending: by the allocator'
    """
    edges = [("[*]", _S.NEW.label, "")]
    for state, targets in TASK_MOVES.items():
        passed = {further for target in targets for further in TASK_MOVES[target]}
        edges += [(state.label, to.label, _who(state, to)) for to in targets if to not in passed]
    edges += [(state.label, "[*]", "") for state in _ENDS]
    return _diagram(edges)


def _who(state: TaskState, target: TaskState) -> str:
    known = _MANAGERS.get((state, target))
    rule = TABLE.get((state, _S.RUNNING))
    return f"by the {known}" if known else rule.message if rule is not None and rule.to is target else ""


def task_moves() -> str:
    """Which observed states may follow which, one row per state.

    >>> print(task_moves().splitlines()[1])
    new         pending, assigned, shutdown, rejected, orphaned
    """
    rows = [
        (state.label, ", ".join(to.label for to in TASK_MOVES[state]))
        for state in TaskState
        if TASK_MOVES[state]
    ]
    return table(("FROM", "TO"), rows)


def agent_table() -> str:
    """What an agent does with a task, by observed state (down) and desired state (across)."""
    rows = [
        (state.label, *(_step(state, desired) for desired in _DESIRED))
        for state in TaskState
        if any((state, desired) in TABLE for desired in _DESIRED)
    ]
    return table(("OBSERVED", *(desired.label.upper() for desired in _DESIRED)), rows)


def _step(state: TaskState, desired: TaskState) -> str:
    rule = TABLE.get((state, desired))
    return f"{rule.act.value}: {rule.to.label}" if rule is not None else "-"


def update_life() -> str:
    """The life of a service update as a Mermaid diagram; what may happen in every state is drawn once."""
    everywhere = [
        step for step in UpdateStep if len({s for s, what in UPDATE_MOVES if what is step}) > len(UpdateState)
    ]
    edges = []
    for (state, step), target in UPDATE_MOVES.items():
        if step not in everywhere and state is not target:
            edges.append((_named(state), _named(target), step.value))
    edges += [("any", _named(UPDATE_MOVES[None, step]), step.value) for step in everywhere]
    return _diagram(edges)


def _named(state: UpdateState | None) -> str:
    return state.value if state is not None else "none"


def _diagram(edges: Iterable[tuple[str, str, str]]) -> str:
    lines = (f"    {one} --> {other}{': ' + label if label else ''}\n" for one, other, label in edges)
    return "stateDiagram-v2\n" + "".join(lines)

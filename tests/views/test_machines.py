"""State machines as drawn: they are the tables, and the page that shows them is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.model.states import TASK_MOVES, UPDATE_MOVES, TaskState, UpdateState, UpdateStep
from meshsim.views import machines

PAGE = (Path(__file__).parents[2] / "docs/reference/state-machines.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        ("mermaid", machines.task_life()),
        ("text", machines.task_moves()),
        ("text", machines.agent_table()),
        ("mermaid", machines.update_life()),
    ],
)
def test_the_page_shows_what_the_tables_say(kind, drawn):
    assert f"```{kind}\n{drawn}```" in PAGE, "draw the page anew: the tables have changed"


def edges(diagram):
    for line in diagram.splitlines()[1:]:
        arrow, _, label = line.strip().partition(": ")
        one, _, other = arrow.partition(" --> ")
        yield one, other, label


def test_every_allowed_move_of_a_task_can_be_walked_on_the_picture():
    drawn = {}
    for one, other, _ in edges(machines.task_life()):
        drawn.setdefault(one, set()).add(other)

    def reached(state):
        found, todo = set(), [state]
        while todo:
            for other in drawn.get(todo.pop(), ()):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    for state, targets in TASK_MOVES.items():
        assert {to.label for to in targets} <= reached(state.label)
    for state in TaskState:
        for other in drawn.get(state.label, ()):
            assert other == "[*]" or TaskState[other.upper()] in TASK_MOVES[state]


def test_every_move_of_an_update_is_on_the_picture():
    drawn = set(edges(machines.update_life()))
    for (state, step), target in UPDATE_MOVES.items():
        names = [one.value if one else "none" for one in (state, target)]
        here = (*names, step.value)
        assert here in drawn or ("any", names[1], step.value) in drawn or names[0] == names[1]
    assert {step.value for step in UpdateStep} == {label for *_, label in drawn}
    named = {state.value for state in UpdateState} | {"none", "any"}
    assert {name for one, other, _ in drawn for name in (one, other)} <= named

"""Who goes on scale-down: section 13 of the specification, row 61, and what a real swarm did."""

import pytest

from meshsim.model.objects import TaskStatus
from meshsim.model.states import TaskState
from meshsim.placement import sample_tasks, scale_down_order, scale_down_victims


def slot(number, node, state=TaskState.RUNNING):
    (task,) = sample_tasks("web", 1, first_slot=number, node_id=node)
    return task.evolve_to(1, 0, status=TaskStatus(state))


def test_61_the_highest_copies_of_the_fullest_nodes_go():
    slots = {n: [slot(n, "n1" if n <= 3 else "n2")] for n in range(1, 6)}
    assert scale_down_victims(slots, 3) == [5, 3]
    assert sorted(scale_down_victims(slots, 0)) == [1, 2, 3, 4, 5]
    assert scale_down_victims(slots, 7) == []


def test_a_real_swarm_from_8_to_4():
    nodes = dict(zip(range(1, 9), ["h1", "h2", "h3", "h2", "h1", "h3", "h1", "h1"], strict=True))
    kept = scale_down_order({n: [slot(n, node)] for n, node in nodes.items()})[:4]
    assert kept == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "odd", [[slot(1, "")], [slot(1, "n1"), slot(1, "n2")], []], ids=["no node", "two tasks", "none"]
)
def test_slots_without_one_node_go_first(odd):
    assert scale_down_victims({1: odd, 2: [slot(2, "n1")], 3: [slot(3, "n1")]}, 2) == [1]


def test_running_slots_stay_before_others():
    slots = {1: [slot(1, "n1", TaskState.STARTING)], 2: [slot(2, "n1")]}
    assert scale_down_victims(slots, 1) == [1]

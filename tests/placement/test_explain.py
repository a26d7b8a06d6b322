"""Why this node and not that one."""

import pytest
from tests.placement.test_placer import hold

from meshsim.errors import NotFound
from meshsim.model.objects import Node
from meshsim.model.specs import Placement, Resources, TaskSpec
from meshsim.placement import Placer, sample_node, sample_tasks


@pytest.fixture
def placer():
    placer = Placer()
    for name, zone in (("host01", "a"), ("host02", "a"), ("host03", "b"), ("host04", "")):
        placer.set_node(sample_node(name, cpus=4, labels={"zone": zone}))
    placer.set_node(sample_node("host05", availability="drain"))
    placer.set_node(Node("n6"))
    hold(placer, "web", "host01", 2)
    hold(placer, "other", "host02", 1)
    for _ in range(5):
        placer.count_failure("web", 1, "host04", 0)
    return placer


def test_as_data(placer):
    explanation = placer.explain(sample_tasks("web", 1)[0])
    assert [(v.name, v.rank, v.filter) for v in explanation.nodes] == [
        ("host03", 1, ""),
        ("host02", 2, ""),
        ("host01", 3, ""),
        ("host04", 4, ""),
        ("host05", None, "Ready"),
        ("n6", None, "Ready"),
    ]
    assert (explanation.chosen, explanation.pending) == ("host03", "")
    assert repr(explanation) == "<Explanation of web.1: 4 of 6 nodes fit, chosen host03>"


def test_as_text_and_table(placer):
    explanation = placer.explain(sample_tasks("web", 1)[0])
    assert str(explanation).splitlines() == [
        "web.1 goes to host03.",
        "host03: rank 1; 0 tasks of the service, 0 in all",
        "host02: rank 2; 0 tasks of the service, 1 in all",
        "host01: rank 3; 2 tasks of the service, 2 in all",
        "host04: rank 4; 0 tasks of the service, 0 in all; 5 recent failures",
        "host05: fails Ready (1 node not available for new tasks)",
        "n6: fails Ready (1 node not available for new tasks)",
    ]
    lines = explanation.table().splitlines()
    assert lines[0].split() == [
        "NODE",
        "RANK",
        "OF",
        "SERVICE",
        "ALL",
        "TASKS",
        "FAILURES",
        "BRANCH",
        "REASON",
    ]
    assert lines[1].split() == ["host03", "1", "0", "0", "0", "-", "fits"]
    assert lines[5].endswith("1 node not available for new tasks")


@pytest.mark.parametrize(
    ("better", "worse", "sentence"),
    [
        ("host03", "host02", "host03 ranks before host02: fewer tasks in all (0 against 1)"),
        ("host01", "host02", "host02 ranks before host01: fewer tasks of the service (0 against 2)"),
        ("host01", "host04", "host01 ranks before host04: fewer recent failures (0 against 5)"),
        ("host03", "host05", "host05 fails Ready (1 node not available for new tasks)"),
        ("n6", "host03", "n6 fails Ready (1 node not available for new tasks)"),
    ],
)
def test_why(placer, better, worse, sentence):
    assert placer.explain(sample_tasks("web", 1)[0]).why(better, worse) == sentence


def test_why_among_equals(placer):
    explanation = placer.explain(sample_tasks("new", 1)[0])
    assert explanation.why("host03", "host04") == (
        "host03 and host04 rank equal; the order of joining decides, or a draw"
    )
    assert explanation.verdict("host03").rank == explanation.verdict("host04").rank == 1
    with pytest.raises(NotFound, match="node host99 not found"):
        explanation.why("host01", "host99")


def test_branches_decide_first(placer):
    spec = TaskSpec(placement=Placement(preferences=("node.labels.zone",)))
    explanation = placer.explain(sample_tasks("web", 1, spec)[0])
    assert explanation.why("host03", "host02") == (
        "the branches decide, by tasks of the service: b holds 0, a holds 2"
    )
    assert explanation.why("host02", "host01").startswith("host02 ranks before host01")
    assert 'host04: rank 4; branch ""; 0 tasks' in str(explanation)
    assert explanation.chosen in ("host03", "host04")


def test_a_task_that_waits(placer):
    explanation = placer.explain(sample_tasks("big", 1, TaskSpec(reservations=Resources(5 * 10**9)))[0])
    text = "no suitable node (insufficient resources on 4 nodes; 2 nodes not available for new tasks)"
    assert (explanation.chosen, explanation.pending) == (None, text)
    assert str(explanation).startswith(f"big.1 stays pending: {text}.")


def test_a_task_that_has_a_node_is_looked_at_afresh(placer):
    (task,) = sample_tasks("new", 1)
    node_id = placer.place([task]).nodes[task.id]
    explanation = placer.explain(task)
    assert explanation.chosen == node_id
    assert placer.node_of(task.id).id == node_id
    placer.check()


def test_a_task_that_was_given_its_node(placer):
    on_host03, on_host05 = (sample_tasks("g", 1, node_id=node)[0] for node in ("host03", "host05"))
    assert placer.explain(on_host03).chosen == "host03"
    refused = placer.explain(on_host05)
    assert (refused.chosen, refused.pending) == (None, "1 node not available for new tasks")

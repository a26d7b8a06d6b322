"""The table of slots, and the verdicts on tasks. Row of control-plane 7.6-9 (TestIsTaskDirty)."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.manager.office import READY, REMOVE, RUNNING, SHUTDOWN, Office, spec

from meshsim.manager.orchestrator.slots import ServiceSlots
from meshsim.manager.orchestrator.tasks import invalid_node, is_task_dirty, meets_constraints, new_task
from meshsim.model.objects import Node, NodeStatus, Service, Task, TaskShared
from meshsim.model.specs import EndpointSpec, GlobalJob, GlobalMode, NodeSpec, Placement, PortConfig, TaskSpec
from meshsim.model.states import Availability, NodeState
from meshsim.sim import Streams


def task(identifier, slot=1, desired=RUNNING, node=""):
    return Task(identifier, TaskShared("s", "web", TaskSpec(), 0, 0), slot, node, desired)


def test_a_slot_lives_idles_and_goes():
    slots = ServiceSlots()
    slots.note(task("a"))
    slots.note(task("b"))
    assert slots.live == {1: 2}
    assert list(slots.crowded) == [1]
    slots.note(task("a", desired=SHUTDOWN))
    slots.note(task("a", desired=SHUTDOWN))
    assert slots.live == {1: 1}
    assert not slots.crowded
    slots.note(task("b", desired=REMOVE))
    assert list(slots.idle) == [1]
    assert slots.free_numbers(1) == [1]
    slots.forget(task("a"))
    slots.forget(task("a"))
    slots.forget(task("b"))
    assert (list(slots.tasks), slots.live, slots.idle) == ([], {}, {})


def test_a_task_told_to_stop_never_lives_again():
    slots = ServiceSlots()
    slots.note(task("a", desired=SHUTDOWN))
    slots.note(task("a", desired=READY))
    assert slots.live == {}


def test_numbers_skip_what_is_filled():
    slots = ServiceSlots()
    for number in (1, 2, 5):
        slots.note(task(f"t{number}", number))
    assert slots.free_numbers(3, filled=[4]) == [3, 6, 7]
    assert slots.free_numbers(0) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.booleans(), st.booleans())))
def test_whatever_happens_the_table_is_that_of_the_tasks(moves):
    slots, tasks = ServiceSlots(), {}
    for number, slot, live, remove in moves:
        old = tasks.get(number)
        if remove:
            if old is not None:
                slots.forget(old)
                del tasks[number]
            continue
        desired = RUNNING if live and (old is None or old.desired is RUNNING) else SHUTDOWN
        tasks[number] = task(str(number), old.slot if old else slot, desired)
        slots.note(tasks[number])
    slots.check(tasks.values())


# -- verdicts


def service(**changes):
    return Service("s", spec=spec("web", **changes), spec_version=1)


def made(of):
    return new_task(Streams(0)["ids"], of, 1, 0)


NODE = Node("n1", spec=NodeSpec(labels={"zone": "a"}))


def test_7_6_9_equal_spec_version_is_clean():
    old = service()
    assert not is_task_dirty(evolve(old, spec=spec("web", image="other")), made(old), NODE)


@pytest.mark.parametrize(
    ("changes", "dirty"),
    [
        ({}, False),
        ({"image": "other"}, True),
        ({"force_update": 1}, True),
        ({"labels": {"a": "b"}}, False),
        ({"replicas": 7}, False),
        ({"ports": (PortConfig(80, 81),)}, True),
        ({"placement": Placement(("node.labels.zone == a",))}, False),
        ({"placement": Placement(("node.labels.zone == b",))}, True),
        ({"placement": Placement(max_replicas=2)}, False),
        ({"placement": Placement(("node.labels.zone == a",)), "image": "other"}, True),
    ],
)
def test_7_3_what_is_dirty(changes, dirty):
    newer = evolve(service(**changes), spec_version=2)
    assert is_task_dirty(newer, made(service()), NODE) is dirty


def test_7_3_placement_without_a_node_is_dirty():
    newer = evolve(service(placement=Placement(("node.labels.zone == a",))), spec_version=2)
    assert is_task_dirty(newer, made(service()), None)


def test_a_task_without_endpoint_has_none_to_differ():
    bare = Task("t", TaskShared("s", "web", service().spec.task, 1, 0), 1)
    newer = evolve(service(endpoint=EndpointSpec(ports=(PortConfig(80),))), spec_version=2)
    assert not is_task_dirty(newer, bare, NODE)


@pytest.mark.parametrize(
    ("node", "invalid"),
    [
        (None, True),
        (NODE, False),
        (Node("n", status=NodeStatus(NodeState.DOWN)), True),
        (Node("n", status=NodeStatus(NodeState.DISCONNECTED)), False),
        (Node("n", spec=NodeSpec(availability=Availability.DRAIN)), True),
        (Node("n", spec=NodeSpec(availability=Availability.PAUSE)), False),
    ],
)
def test_3_6_invalid_nodes(node, invalid):
    assert invalid_node(node) is invalid


def test_constraints_are_the_services():
    assert meets_constraints(service(), NODE)
    assert not meets_constraints(service(placement=Placement(("node.labels.zone != a",))), NODE)


def test_a_task_carries_what_its_service_was():
    office = Office()
    created = office.create(spec("web", labels={"a": "b"}))
    fresh = new_task(office.streams["ids"], created, 3, 5)
    assert (fresh.name, fresh.slot, fresh.created_ns) == (f"web.3.{fresh.id}", 3, 5)
    assert fresh.shared.service_labels == {"a": "b"}
    assert fresh.endpoint.spec == created.spec.endpoint
    assert len(fresh.id) == 25


@pytest.mark.parametrize("mode", [GlobalMode(), GlobalJob()])
def test_a_slot_of_a_global_service_is_the_node(mode):
    slots = ServiceSlots()
    fresh = new_task(Streams(0)["ids"], service(mode=mode), 0, 0, node_id="n1")
    slots.note(fresh)
    assert list(slots.live) == ["n1"]
    assert fresh.name == f"web.n1.{fresh.id}"
    slots.forget(fresh)
    assert repr(slots) == "<ServiceSlots: 0 live, 0 idle>"

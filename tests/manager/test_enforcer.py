"""The constraint enforcer. Rows of control-plane 6.8 (11, 12), scheduler 14."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.manager.office import (
    ASSIGNED,
    COMPLETE,
    DRAIN,
    NEW,
    PAUSE,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    Office,
    spec,
)

from meshsim.manager.orchestrator import ConstraintEnforcer
from meshsim.model.objects import Task, TaskShared, TaskStatus
from meshsim.model.specs import Placement, Resources, TaskSpec
from meshsim.model.states import Role

WORKERS = Placement(("node.role == worker",))


def office_with(**node):
    office = Office(ConstraintEnforcer)
    office.add_node("n1", **node)
    return office


def add(office, *specs, desired=RUNNING, state=RUNNING, service_id=""):
    for task_spec in specs:
        number = len(office.tasks()) + 1
        office.add_tasks(
            Task(
                f"t{number}",
                TaskShared(service_id, "x", task_spec, 0, 0),
                number,
                "n1",
                desired,
                TaskStatus(state),
            )
        )


def poke(office):
    office.set_node("n1", labels={"poke": "1"})


def states(office):
    return [t.state for t in office.tasks()]


def test_6_8_11_a_node_that_changes_its_role():
    office = office_with()
    add(office, TaskSpec(placement=WORKERS), TaskSpec())
    poke(office)
    assert states(office) == [RUNNING, RUNNING]
    with office.store.transaction() as tx:
        tx.update(office.store.nodes["n1"], role=Role.MANAGER)
    assert states(office) == [REJECTED, RUNNING]
    status = office.tasks()[0].status
    assert (status.message, status.err) == (
        "task rejected by constraint enforcer",
        "assigned node no longer meets constraints",
    )
    assert [t.desired for t in office.tasks()] == [RUNNING, RUNNING]


@pytest.mark.parametrize(
    "reservation",
    [Resources(nano_cpus=3 * 10**9), Resources(memory_bytes=3 << 30), Resources(generic={"gpu": 3})],
)
def test_6_8_11_reservations_above_the_node(reservation):
    office = office_with(generic={"gpu": ("a", "b"), "apple": 4})
    add(office, TaskSpec(reservations=reservation))
    poke(office)
    assert states(office) == [REJECTED]


def test_reservations_are_taken_in_order():
    office = office_with(generic={"gpu": 2})
    one = TaskSpec(reservations=Resources(10**9, 1 << 30, {"gpu": 1}))
    add(office, one, one, one)
    poke(office)
    assert states(office) == [RUNNING, RUNNING, REJECTED]


def test_6_8_11_a_finished_job_uses_nothing():
    office = office_with()
    two = TaskSpec(reservations=Resources(nano_cpus=2 * 10**9))
    add(office, two, desired=COMPLETE, state=COMPLETE)
    add(office, two, desired=COMPLETE)
    poke(office)
    assert states(office) == [COMPLETE, RUNNING]


def test_6_8_12_the_services_constraints_count():
    office = office_with(labels={"zone": "a"})
    service = office.create(spec("web", 0))
    add(office, TaskSpec(), service_id=service.id)
    placement = Placement(("node.labels.zone == a",))
    office.respec(service, task=evolve(service.spec.task, placement=placement))
    office.set_node("n1", labels={"zone": "a", "x": "y"})
    assert states(office) == [RUNNING]
    office.set_node("n1", labels={})
    assert states(office) == [REJECTED]


@pytest.mark.parametrize("availability", [PAUSE, DRAIN])
def test_only_active_nodes_are_looked_at(availability):
    office = office_with()
    add(office, TaskSpec(placement=Placement(("node.id == other",))))
    office.set_node("n1", availability=availability)
    assert states(office) == [RUNNING]


@pytest.mark.parametrize(("desired", "state"), [(SHUTDOWN, RUNNING), (NEW, NEW), (RUNNING, COMPLETE)])
def test_only_tasks_that_shall_run_are_looked_at(desired, state):
    office = office_with()
    add(office, TaskSpec(placement=Placement(("node.id == other",))), desired=desired, state=state)
    poke(office)
    assert states(office) == [state]


def test_a_new_leader_looks_at_every_node():
    office = office_with()
    loop = office.loops[0]
    loop.stop()
    assert repr(loop) == "<ConstraintEnforcer, stopped>"
    add(office, TaskSpec(placement=Placement(("node.id == other",))), state=ASSIGNED)
    poke(office)
    assert states(office) == [ASSIGNED]
    loop.start()
    loop.start()
    assert states(office) == [REJECTED]
    office.check()


def test_a_node_that_said_nothing_yet_has_nothing():
    office = office_with()
    with office.store.transaction() as tx:
        tx.update(office.store.nodes["n1"], description=None)
    add(office, TaskSpec(reservations=Resources(nano_cpus=1)), TaskSpec())
    poke(office)
    assert states(office) == [REJECTED, RUNNING]

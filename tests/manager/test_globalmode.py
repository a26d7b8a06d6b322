"""The global orchestrator. Rows of control-plane 4.6-11, 6.8 (8-10)."""

from __future__ import annotations

import copy

from attrs import evolve
from tests.manager.office import (
    ACTIVE,
    DRAIN,
    FAILED,
    NEW,
    PAUSE,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    Agents,
    Office,
    S,
    policy,
    spec,
)

from meshsim.manager.orchestrator import GlobalOrchestrator
from meshsim.model.objects import Task, TaskShared, TaskStatus
from meshsim.model.specs import GlobalMode, Placement
from meshsim.model.states import NodeState

DOWN = NodeState.DOWN


def office_with(nodes=2, **fields):
    office = Office(GlobalOrchestrator, nodes=nodes)
    service = office.create(spec("agent", mode=GlobalMode(), **fields))
    return office, service


def where(office, service):
    return [t.node_id for t in office.live(service)]


def test_6_8_8_nodes_come_and_go():
    office, service = office_with()
    assert where(office, service) == ["n1", "n2"]
    assert [(t.slot, t.state, t.desired) for t in office.tasks(service)] == [(0, NEW, RUNNING)] * 2
    office.add_node("n3")
    assert where(office, service) == ["n1", "n2", "n3"]
    office.delete_node("n3")
    assert [t.node_id for t in office.tasks(service)] == ["n1", "n2"]
    office.set_node("n2", availability=DRAIN)
    assert where(office, service) == ["n1"]
    assert [t.desired for t in office.tasks(service)] == [RUNNING, SHUTDOWN]
    office.set_node("n2", availability=ACTIVE)
    assert where(office, service) == ["n1", "n2"]
    office.check()


def test_6_8_8_a_task_that_fails_on_a_paused_node_is_not_replaced():
    office, service = office_with(restart=policy())
    first = office.set(office.tasks(service)[0], RUNNING)
    office.set_node("n1", availability=PAUSE)
    assert where(office, service) == ["n1", "n2"]
    office.set(first, FAILED)
    office.run(1)
    assert where(office, service) == ["n2"]
    office.add_node("n3", availability=PAUSE)
    assert where(office, service) == ["n2"]


def test_4_6_11_down_then_ready():
    office, service = office_with(1)
    office.set(office.tasks(service)[0], RUNNING)
    office.set_node("n1", DOWN)
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN]
    office.new_image(service, "other")
    assert len(office.tasks(service)) == 1
    office.set_node("n1", NodeState.READY)
    assert [(t.desired, t.state) for t in office.tasks(service)] == [(SHUTDOWN, RUNNING), (RUNNING, NEW)]
    office.check()


def test_a_failed_task_is_restarted_on_its_node():
    office, service = office_with(restart=policy(delay_ns=2 * S))
    office.set(office.set(office.tasks(service)[1], RUNNING), FAILED)
    fresh = office.tasks(service)[-1]
    assert (fresh.node_id, fresh.desired) == ("n2", READY)
    office.run(2 * S)
    assert office.tasks(service)[-1].desired is RUNNING
    office.check()


def test_6_8_9_a_new_leader_reduces_two_tasks_to_one():
    office, service = office_with(1)
    office.set_all(office.tasks(service), RUNNING)
    office.loops[0].stop()
    shared = TaskShared(service.id, "agent", service.spec.task, 0, 0)
    office.add_tasks(Task("extra", shared, 0, "n1", RUNNING, TaskStatus(RUNNING)))
    office.loops[0].start()
    office.run(20 * S)
    assert len(office.live(service)) == 1
    office.check()


def test_6_8_10_a_new_leader_shuts_tasks_on_drained_and_unknown_nodes_down():
    office, service = office_with()
    office.set_all(office.tasks(service), RUNNING)
    office.loops[0].stop()
    office.set_node("n1", availability=DRAIN)
    shared = TaskShared(service.id, "agent", service.spec.task, 0, 0)
    office.add_tasks(Task("stray", shared, 0, "n9", RUNNING, TaskStatus(RUNNING)))
    office.loops[0].start()
    assert where(office, service) == ["n2"]
    assert office.store.tasks["stray"].desired is SHUTDOWN
    office.check()


def test_a_new_leader_restarts_what_failed_meanwhile():
    office, service = office_with(restart=policy())
    office.set_all(office.tasks(service), RUNNING)
    office.loops[0].stop()
    office.set(office.tasks(service)[0], FAILED)
    office.loops[0].start()
    office.run(1)
    assert where(office, service) == ["n2", "n1"]


def test_constraints_choose_nodes():
    office, service = office_with(3, placement=Placement(("node.id != n2",)))
    assert where(office, service) == ["n1", "n3"]
    task = evolve(service.spec.task, placement=Placement(("node.id == n1",)))
    office.respec(service, task=task)
    assert where(office, service) == ["n1"]
    office.set_all(office.live(service), RUNNING)
    assert office.service(service).update_status is None


def test_a_failing_task_on_a_node_that_no_longer_matches_is_not_replaced():
    office, service = office_with(1, placement=Placement(("node.labels.a != b",)), restart=policy())
    task = office.set(office.tasks(service)[0], RUNNING)
    office.loops[0]._reconcile_node = lambda node: None
    office.set_node("n1", labels={"a": "b"})
    office.set(task, FAILED)
    office.run(1)
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN]


def test_a_node_that_was_paused_during_an_update_gets_the_new_version_at_once():
    office, service = office_with()
    Agents(office)
    office.set_node("n2", availability=PAUSE)
    office.new_image(service, "new")
    office.run(20 * S)
    assert [t.spec.container.image for t in office.live(service)] == ["nginx", "new"]
    status = office.service(service).update_status
    office.set_node("n2", availability=ACTIVE)
    assert [t.spec.container.image for t in office.live(service)] == ["new", "new"]
    assert office.service(service).update_status == status
    office.check()


def test_removing_the_service_removes_its_tasks():
    office, service = office_with()
    office.control.remove_service(service.id)
    assert [t.desired for t in office.tasks()] == [REMOVE, REMOVE]
    office.set_all(office.tasks(), FAILED)
    assert len(office.tasks()) == 2
    assert repr(office.loops[0]) == "<GlobalOrchestrator: 0 services on 2 nodes>"
    office.check()


def test_replicated_services_are_left_alone():
    office, _ = office_with()
    other = office.create(spec("web", 3))
    office.control.remove_service(other.id)
    office.loops[0].start()
    assert len(office.tasks()) == 2


def test_fork():
    office, service = office_with(restart=policy(delay_ns=2 * S))
    office.set(office.tasks(service)[0], FAILED)
    twin = copy.deepcopy(office)
    for each in (office, twin):
        each.run(5 * S)
        each.add_node("n9")
        each.check()
    assert office.log.to_jsonl() == twin.log.to_jsonl()

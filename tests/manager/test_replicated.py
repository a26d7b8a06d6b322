"""The replicated orchestrator. Rows of control-plane 4.6 (8-10), 6.8."""

from __future__ import annotations

import copy

import pytest
from tests.manager.office import (
    ACTIVE,
    DRAIN,
    FAILED,
    PAUSE,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Agents,
    Office,
    S,
    policy,
    spec,
)

from meshsim.manager.orchestrator import ReplicatedOrchestrator
from meshsim.model.states import NodeState

DOWN, UNKNOWN, NODE_READY = NodeState.DOWN, NodeState.UNKNOWN, NodeState.READY


@pytest.fixture
def office():
    return Office(ReplicatedOrchestrator, nodes=3)


def test_6_8_1_create_scale_up_scale_down(office):
    first = office.create(spec("first", 2))
    assert [(t.slot, t.state.name, t.desired, t.status.message) for t in office.tasks(first)] == [
        (1, "NEW", RUNNING, "created"),
        (2, "NEW", RUNNING, "created"),
    ]
    second = office.create(spec("second", 1))
    office.scale(second, 3)
    assert office.slots(second) == [1, 2, 3]
    office.scale(second, 1)
    assert [t.desired for t in office.tasks(second)].count(REMOVE) == 2
    assert office.slots(second) == [1]
    assert office.slots(first) == [1, 2]
    office.check()


def test_6_8_2_a_deleted_live_task_is_made_again(office):
    service = office.create(spec("web", 2))
    with office.store.transaction() as tx:
        tx.delete(office.tasks(service)[0])
    assert office.slots(service) == [1, 2]
    office.check()


def _seven(office):
    """Row 6.8-3: seven slots on three nodes."""
    service = office.create(spec("web", 7))
    places = {1: "n1", 2: "n2", 3: "n2", 4: "n3", 5: "n3", 6: "n3"}
    for task in office.tasks(service):
        if task.slot in places:
            office.set(task, STARTING if task.slot == 1 else RUNNING, node=places[task.slot])
    return service


def test_6_8_3_to_5_scale_down_chooses(office):
    service = _seven(office)
    office.scale(service, 6)
    assert office.slots(service) == [1, 2, 3, 4, 5, 6]
    office.scale(service, 4)
    assert office.slots(service) == [1, 2, 3, 4]
    office.scale(service, 2)
    assert office.slots(service) == [2, 4]
    office.check()


@pytest.mark.parametrize("count", [8, 12, 13, 20, 40])
def test_6_8_6_round_robin_halved(count):
    office = Office(ReplicatedOrchestrator, nodes=4)
    service = office.create(spec("web", count))
    for task in office.tasks(service):
        office.set(task, RUNNING, node=f"n{(task.slot - 1) % 4 + 1}")
    office.scale(service, count // 2)
    assert office.slots(service) == list(range(1, count // 2 + 1))


def test_6_8_7_and_4_6_8_to_10_only_down_and_drained_nodes_lose_tasks():
    office = Office(ReplicatedOrchestrator)
    states = {
        "n1": NODE_READY,
        "n2": DOWN,
        "n3": UNKNOWN,
        "n4": NODE_READY,
        "n5": NODE_READY,
        "n6": NODE_READY,
    }
    for node_id in states:
        office.add_node(node_id)
    service = office.create(spec("web", 6))
    for task in office.tasks(service):
        office.set(task, RUNNING, node=f"n{task.slot}")
    office.set_node("n2", DOWN)
    office.set_node("n3", UNKNOWN)
    office.set_node("n4", availability=PAUSE)
    office.set_node("n5", availability=DRAIN)
    gone = {t.node_id for t in office.tasks(service) if t.desired is SHUTDOWN}
    assert gone == {"n2", "n5"}
    assert office.slots(service) == [1, 2, 3, 4, 5, 6]
    office.set_node("n1", availability=DRAIN)
    office.delete_node("n6")
    gone = {t.node_id for t in office.tasks(service) if t.desired is SHUTDOWN}
    assert gone == {"n1", "n2", "n5", "n6"}
    assert len(office.live(service)) == 6
    office.check()


def test_4_6_8_found_at_the_start_of_a_leader():
    office = Office(ReplicatedOrchestrator, nodes=2)
    service = office.create(spec("web", 2))
    for task in office.tasks(service):
        office.set(task, RUNNING, node=f"n{task.slot}")
    loop = office.loops[0]
    loop.stop()
    office.set_node("n2", DOWN)
    assert len(office.tasks(service)) == 2
    loop.start()
    assert [(t.slot, t.desired) for t in office.tasks(service)] == [(1, RUNNING), (2, SHUTDOWN), (2, READY)]
    office.check()


def test_6_8_16_drain_and_back_nothing_returns():
    office = Office(ReplicatedOrchestrator, nodes=2)
    agents = Agents(office)
    service = office.create(spec("web", 2))
    office.set_node("n2", availability=DRAIN)
    office.run(1 * S)
    before = [t.id for t in office.live(service)]
    office.set_node("n2", availability=ACTIVE)
    office.run(20 * S)
    assert [t.id for t in office.live(service)] == before
    assert len(agents.started) == 3


def test_6_8_17_scaling_up_leaves_the_others_alone(office):
    service = office.create(spec("web", 2))
    before = office.tasks(service)
    office.set_all(before, RUNNING, node="n1")
    before = office.tasks(service)
    office.scale(service, 4)
    assert office.tasks(service)[:2] == before
    assert office.service(service).update_status is None


def test_replicas_0_is_legal(office):
    service = office.create(spec("web", 0))
    assert office.tasks(service) == []
    office.scale(service, 3)
    office.scale(service, 0)
    assert office.live(service) == []
    office.check()


def test_a_removed_service_takes_its_tasks_with_it(office):
    service = office.create(spec("web", 2))
    office.control.remove_service(service.id)
    assert [t.desired for t in office.tasks()] == [REMOVE, REMOVE]
    assert repr(office.loops[0]) == "<ReplicatedOrchestrator: 0 services>"


def test_numbers_of_dead_slots_are_used_again(office):
    service = _seven(office)
    office.scale(service, 4)
    office.scale(service, 6)
    assert office.slots(service) == [1, 2, 3, 4, 5, 6]
    # The removed tasks of slots that were filled again stay until they have stopped; the others are cleared.
    assert sorted(t.slot for t in office.tasks(service) if t.desired is REMOVE) == [5, 6]
    office.check()


def test_replacements_come_from_the_present_spec_while_an_update_is_paused(office):
    from attrs import evolve

    from meshsim.model.objects import UpdateStatus
    from meshsim.model.states import UpdateState

    service = office.create(spec("web", 2))
    office.set_all(office.tasks(service), RUNNING, node="n1")
    stored = office.service(service)
    newer = evolve(stored.spec, task=evolve(stored.spec.task, force_update=1))
    with office.store.transaction() as tx:
        tx.update(stored, spec=newer, spec_version=9, update_status=UpdateStatus(UpdateState.PAUSED))
    assert len(office.tasks(service)) == 2
    office.set(office.tasks(service)[0], FAILED)
    assert office.tasks(service)[-1].spec.force_update == 1
    office.check()


def test_fork_goes_on_alike(office):
    service = office.create(spec("web", 3, restart=policy(delay_ns=2 * S)))
    office.set_all(office.tasks(service), RUNNING, node="n1")
    office.set(office.tasks(service)[0], FAILED)
    twin = copy.deepcopy(office)
    for each in (office, twin):
        each.run(5 * S)
        each.scale(service, 1)
        each.check()
    assert office.log.to_jsonl() == twin.log.to_jsonl()
    office.scale(service, 2)
    assert len(office.log) != len(twin.log)


def test_stopping_twice_and_starting_twice_is_harmless(office):
    loop = office.loops[0]
    loop.start()
    service = office.create(spec("web", 2))
    loop.stop()
    loop.stop()
    office.scale(service, 5)
    assert len(office.tasks(service)) == 2
    assert "stopped" in repr(loop)
    loop.start()
    assert office.slots(service) == [1, 2, 3, 4, 5]


def test_scaling_by_one_does_not_look_at_the_others():
    """O(changed): the number of tasks read from the store does not grow with the service."""
    costs = []
    for count in (10, 400):
        office = Office(ReplicatedOrchestrator, nodes=1)
        service = office.create(spec("web", count))
        office.set_all(office.tasks(service), RUNNING, node="n1")
        loop = office.loops[0]
        calls = []
        loop._tasks = lambda *args, calls=calls: calls.append(args) or []
        office.scale(service, count + 1)
        costs.append(len(calls))
        assert len(office.live(service)) == count + 1
    assert costs == [0, 0]

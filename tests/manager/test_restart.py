"""The restart supervisor. Rows of control-plane 5.4, 5.5 (1-8), 4.2, 6.6."""

from __future__ import annotations

import copy

import pytest
from attrs import evolve
from tests.manager.office import (
    COMPLETE,
    DRAIN,
    FAILED,
    MS,
    PENDING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    Agents,
    Office,
    S,
    policy,
    spec,
)

from meshsim.manager.orchestrator import GlobalOrchestrator, JobOrchestrator, ReplicatedOrchestrator
from meshsim.model.specs import GlobalJob, GlobalMode, ReplicatedJob
from meshsim.model.states import NodeState

DOWN = NodeState.DOWN


def office_with(restart, replicas=2, loop=ReplicatedOrchestrator, **fields):
    office = Office(loop, nodes=2)
    service = office.create(spec("web", replicas, restart=restart, **fields))
    for task in office.tasks(service):
        office.set(task, RUNNING, node=f"n{(task.slot - 1) % 2 + 1}")
    return office, service


def slot(office, service, number):
    return [task for task in office.tasks(service) if task.slot == number]


def test_5_5_1_any_replaces_failed_and_complete():
    office, service = office_with(policy("any"))
    first, second = office.tasks(service)
    office.set(first, FAILED)
    office.set(second, COMPLETE)
    assert len(office.tasks(service)) == 4
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN, SHUTDOWN, READY, READY]
    office.run(0)
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN, SHUTDOWN, RUNNING, RUNNING]
    office.check()


def test_5_5_2_on_failure():
    office, service = office_with(policy("on-failure"))
    first, second = office.tasks(service)
    office.set(first, FAILED)
    assert len(slot(office, service, 1)) == 2
    office.set(second, COMPLETE)
    assert [t.desired for t in slot(office, service, 2)] == [SHUTDOWN]
    office.respec(service, labels={"unrelated": "1"})
    assert len(slot(office, service, 2)) == 1
    Agents(office)
    office.new_image(service, "other")
    office.run(20 * S)
    assert len(slot(office, service, 2)) == 2
    office.check()


def test_5_5_3_none():
    office, service = office_with(policy("none"))
    first, second = office.tasks(service)
    office.set(first, FAILED)
    office.set(second, COMPLETE)
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN, SHUTDOWN]
    office.respec(service)
    assert len(office.tasks(service)) == 2
    Agents(office)
    office.new_image(service, "other")
    office.run(20 * S)
    assert len(slot(office, service, 1)) == len(slot(office, service, 2)) == 2
    office.check()


def test_5_5_4_delay_holds_the_replacement_at_ready():
    office, service = office_with(policy(delay_ns=100 * MS))
    office.set(office.tasks(service)[0], FAILED)
    fresh = office.tasks(service)[-1]
    assert fresh.desired is READY
    office.run(100 * MS - 1)
    assert office.tasks(service)[-1].desired is READY
    office.run(1)
    assert office.tasks(service)[-1].desired is RUNNING


def test_5_4_default_delay_is_5_seconds():
    office, service = office_with(None)
    office.set(office.tasks(service)[0], FAILED)
    office.run(5 * S - 1)
    assert office.tasks(service)[-1].desired is READY
    office.run(1)
    assert office.tasks(service)[-1].desired is RUNNING


def test_5_4_the_delay_is_the_old_tasks():
    office, service = office_with(policy(delay_ns=1 * S), replicas=1)
    stored = office.service(service)
    newer = evolve(stored.spec, task=evolve(stored.spec.task, restart=policy(delay_ns=9 * S)))
    office.loops[0].updates.update = lambda *_: False
    office.respec(service, task=newer.task)
    office.set(office.tasks(service)[0], FAILED)
    office.run(1 * S)
    assert office.tasks(service)[-1].desired is RUNNING
    assert office.tasks(service)[-1].spec.restart.delay_ns == 9 * S


def test_5_5_5_max_attempts():
    office, service = office_with(policy(attempts=1))
    for task in office.tasks(service):
        office.set(task, FAILED)
    office.run(1)
    assert len(office.tasks(service)) == 4
    for task in office.live(service):
        office.set(task, FAILED)
    office.run(1)
    assert len(office.tasks(service)) == 4
    assert office.live(service) == []
    office.respec(service, task=evolve(office.service(service).spec.task, force_update=1))
    Agents(office)
    office.run(20 * S)
    assert len(office.live(service)) == 2
    office.set(office.live(service)[0], FAILED)
    office.run(1)
    assert len(office.live(service)) == 2


@pytest.mark.parametrize(
    ("loop", "mode"),
    [
        (ReplicatedOrchestrator, None),
        (GlobalOrchestrator, GlobalMode()),
        (JobOrchestrator, ReplicatedJob(1, 1)),
    ],
)
def test_5_4_max_attempts_n_gives_n_plus_1_tasks(loop, mode):
    office = Office(loop, nodes=1)
    service = office.create(spec("web", restart=policy(attempts=2), mode=mode))
    for _ in range(6):
        for task in office.tasks(service):
            if task.state < FAILED and task.desired <= COMPLETE:
                office.set(task, FAILED, node="n1")
        office.run(1)
    assert len(office.tasks(service)) == 3


def test_5_4_global_jobs_ignore_max_attempts():
    office = Office(JobOrchestrator, nodes=1)
    service = office.create(spec("web", restart=policy(attempts=2), mode=GlobalJob()))
    for _ in range(10):
        for task in office.tasks(service):
            if task.state < FAILED:
                office.set(task, FAILED)
        office.run(1)
    assert len(office.tasks(service)) == 11


def test_5_5_6_window():
    office, service = office_with(policy(attempts=1, window_ns=500 * MS), replicas=1)
    office.run(1 * S)
    office.set(office.tasks(service)[0], FAILED)
    office.run(1 * MS)
    assert len(office.tasks(service)) == 2
    office.run(600 * MS)
    office.set(office.live(service)[0], FAILED)  # after the window: replaced
    office.run(1 * MS)
    assert len(office.tasks(service)) == 3
    office.set(office.live(service)[0], FAILED)  # inside: not
    office.run(1 * MS)
    assert len(office.tasks(service)) == 3
    assert office.live(service) == []


def test_5_5_7_a_new_leader_waits_for_the_rest_of_the_delay():
    office, service = office_with(policy(delay_ns=10 * S), replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    office.run(4 * S)
    office.change_leader()
    office.run(6 * S - 1)
    assert office.tasks(service)[-1].desired is READY
    office.run(1)
    assert office.tasks(service)[-1].desired is RUNNING
    office.check()


def test_5_5_7_a_delay_that_is_over_starts_at_once():
    office, service = office_with(policy(delay_ns=10 * S), replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    office.loops[0].stop()
    office.run(20 * S)
    office.loops[0].start()
    assert office.tasks(service)[-1].desired is RUNNING


def test_5_5_8_a_new_leader_counts_stored_tasks():
    office, service = office_with(policy(attempts=2), replicas=1)
    for _ in range(2):
        office.set(office.live(service)[0], FAILED)
        office.run(1)
    assert len(office.tasks(service)) == 3
    office.change_leader()
    office.set(office.live(service)[0], FAILED)
    office.run(1)
    assert len(office.tasks(service)) == 3


def test_6_7_tasks_of_no_service_are_deleted():
    office, service = office_with(None)
    office.loops[0].stop()
    with office.store.transaction() as tx:
        tx.delete(office.service(service))
    office.loops[0].start()
    assert office.tasks() == []


def test_5_4_1_a_task_that_fails_while_it_waits_is_restarted_after_the_wait():
    office, service = office_with(policy(delay_ns=5 * S), replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    waiting = office.tasks(service)[-1]
    office.set(waiting, REJECTED, err="No such image: nosuch/image:1")
    assert len(office.tasks(service)) == 2
    office.run(5 * S)
    assert [t.desired for t in office.tasks(service)] == [SHUTDOWN, SHUTDOWN, READY]
    office.run(5 * S)
    assert office.tasks(service)[-1].desired is RUNNING
    office.check()


def test_5_4_7_it_waits_for_the_old_task_to_stop():
    office, service = office_with(policy())
    first = office.tasks(service)[0]
    office.set_node("n1", availability=DRAIN)
    office.run(10 * S)
    assert office.tasks(service)[-1].desired is READY
    office.set(first, SHUTDOWN)
    assert office.tasks(service)[-1].desired is RUNNING
    office.check()


@pytest.mark.parametrize("how", ["down", "deleted", "minute"])
def test_5_4_7_or_for_its_node_or_a_minute(how):
    office, service = office_with(policy())
    office.set_node("n1", availability=DRAIN)
    if how == "down":
        office.set_node("n1", DOWN)
    elif how == "deleted":
        office.delete_node("n1")
    else:
        office.run(60 * S - 1)
        assert office.tasks(service)[-1].desired is READY
        office.run(1)
    assert office.tasks(service)[-1].desired is RUNNING
    office.check()


def test_5_4_7_a_delay_longer_than_a_minute_is_kept():
    office, service = office_with(policy(delay_ns=90 * S))
    task = office.set(office.tasks(service)[0], RUNNING)
    with office.store.transaction() as tx:
        office.loops[0].restarts.restart(tx, office.service(service), tx.get(type(task), task.id))
    office.run(90 * S - 1)
    assert office.tasks(service)[-1].desired is READY
    office.run(1)
    assert office.tasks(service)[-1].desired is RUNNING


def test_4_2_a_dead_node_keeps_the_delay_but_nobody_waits_for_it():
    office, service = office_with(None)
    office.set_node("n1", DOWN)
    assert [t.desired for t in slot(office, service, 1)] == [SHUTDOWN, READY]
    office.run(5 * S)
    assert [t.desired for t in slot(office, service, 1)] == [SHUTDOWN, RUNNING]
    assert slot(office, service, 1)[0].state is RUNNING


def test_5_4_condition_none_loses_replicas_on_drain():
    office, service = office_with(policy("none"))
    office.set_node("n1", availability=DRAIN)
    assert [t.desired for t in slot(office, service, 1)] == [SHUTDOWN]
    office.respec(service, labels={"x": "y"})
    assert len(office.tasks(service)) == 2


def test_5_4_on_failure_is_replaced_on_drain():
    office, service = office_with(policy("on-failure"))
    office.set_node("n1", availability=DRAIN)
    assert [t.desired for t in slot(office, service, 1)] == [SHUTDOWN, READY]


def test_a_waiting_task_that_is_deleted_waits_no_more():
    office, service = office_with(None, replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    restarts = office.loops[0].restarts
    fresh = office.tasks(service)[-1]
    assert restarts.waiting(fresh.id)
    assert repr(restarts) == "<RestartSupervisor: 1 tasks waiting to start>"
    with office.store.transaction() as tx:
        tx.delete(fresh)
    assert not restarts.waiting(fresh.id)
    office.check()


def test_a_second_delay_replaces_the_first():
    office, service = office_with(None, replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    fresh = office.tasks(service)[-1]
    office.loops[0].restarts.delay_start(fresh.id, delay_ns=1 * S)
    office.run(1 * S)
    assert office.tasks(service)[-1].desired is RUNNING
    office.run(10 * S)
    office.check()


def test_a_removed_service_forgets_its_history():
    office, service = office_with(policy(attempts=1), replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    office.run(1)
    office.control.remove_service(service.id)
    assert office.loops[0].restarts._history == {}


def test_restarting_what_was_shut_down_does_nothing():
    office, service = office_with(policy(), replicas=1)
    task = office.set(office.tasks(service)[0], desired=SHUTDOWN)
    version = office.store.version
    with office.store.transaction() as tx:
        office.loops[0].restarts.restart(tx, service, task)
    assert office.store.version == version


def test_unplaced_tasks_can_be_restarted():
    office = Office(ReplicatedOrchestrator)
    service = office.create(spec("web", 1, restart=policy()))
    office.set(office.tasks(service)[0], REJECTED)
    office.run(1)
    assert office.tasks(service)[-1].state < PENDING


def test_fork_keeps_waiting():
    office, service = office_with(policy(delay_ns=5 * S), replicas=1)
    office.set(office.tasks(service)[0], FAILED)
    twin = copy.deepcopy(office)
    twin.run(5 * S)
    assert twin.tasks(service)[-1].desired is RUNNING
    assert office.tasks(service)[-1].desired is READY

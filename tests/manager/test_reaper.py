"""The task reaper. Rows of control-plane 5.3, 5.5 (9-13)."""

from __future__ import annotations

import pytest
from tests.manager.office import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    MS,
    NEW,
    ORPHANED,
    PENDING,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Office,
    S,
    policy,
    spec,
)

from meshsim.manager.orchestrator import (
    GlobalOrchestrator,
    JobOrchestrator,
    ReplicatedOrchestrator,
    TaskReaper,
)
from meshsim.model.objects import Swarm, Task, TaskShared, TaskStatus
from meshsim.model.specs import GlobalMode, ReplicatedJob, SwarmSpec, TaskSpec

REAPER = 250 * MS


def office_with(limit=5, loop=ReplicatedOrchestrator, nodes=1):
    return Office(
        loop, TaskReaper, nodes=nodes, swarm=Swarm("swarm", spec=SwarmSpec(task_history_limit=limit))
    )


def fail_all(office, service, times):
    for _ in range(times):
        for task in office.live(service):
            office.set(task, RUNNING, node="n1")
            office.set(task, FAILED)
        office.run(1 * S)


def test_5_5_9_two_per_slot_are_kept():
    office = office_with(2)
    service = office.create(spec("web", 2, restart=policy(delay_ns=1)))
    fail_all(office, service, 1)
    assert len(office.tasks(service)) == 4
    oldest = {t.id for t in office.tasks(service) if t.state is FAILED}
    fail_all(office, service, 1)
    assert len(office.tasks(service)) == 4
    assert not oldest & {t.id for t in office.tasks(service)}
    office.check()


def test_5_3_default_keeps_five():
    office = office_with()
    service = office.create(spec("web", 1, restart=policy(delay_ns=1)))
    fail_all(office, service, 9)
    assert len(office.tasks(service)) == 5
    assert len(office.live(service)) == 1


def test_5_5_10_scaled_down_tasks_go_when_they_have_stopped():
    office = office_with()
    service = office.create(spec("web", 2))
    office.set_all(office.tasks(service), RUNNING, node="n1")
    office.scale(service, 1)
    victim = next(t for t in office.tasks(service) if t.desired is REMOVE)
    office.run(10 * S)
    assert victim.id in office.store.tasks
    office.set(victim, SHUTDOWN)
    office.run(REAPER - 1)
    assert victim.id in office.store.tasks
    office.run(1)
    assert victim.id not in office.store.tasks
    assert len(office.tasks(service)) == 1


def test_5_5_10_so_do_those_of_a_removed_service():
    office = office_with()
    service = office.create(spec("web", 2))
    office.set_all(office.tasks(service), RUNNING, node="n1")
    office.control.remove_service(service.id)
    office.run(10 * S)
    assert len(office.tasks()) == 2
    office.set_all(office.tasks(), SHUTDOWN)
    office.run(REAPER)
    assert office.tasks() == []
    office.check()


@pytest.mark.parametrize("state", [NEW, PENDING, COMPLETE, FAILED])
def test_5_5_11_dead_and_unassigned_tasks_go_at_once(state):
    office = office_with()
    service = office.create(spec("web", 1, restart=policy("none")))
    office.set(office.tasks(service)[0], state)
    office.control.remove_service(service.id)
    office.run(REAPER)
    assert office.tasks() == []


@pytest.mark.parametrize(
    ("desired", "state", "deleted"),
    [
        *((READY, state, state > RUNNING) for state in (NEW, PENDING, ASSIGNED, READY, RUNNING, FAILED)),
        *(
            (RUNNING, state, state > RUNNING)
            for state in (NEW, PENDING, ASSIGNED, STARTING, RUNNING, COMPLETE)
        ),
        *(
            (SHUTDOWN, state, True)
            for state in (NEW, PENDING, COMPLETE, SHUTDOWN, FAILED, REJECTED, ORPHANED)
        ),
        *((SHUTDOWN, state, False) for state in (ASSIGNED, READY, STARTING, RUNNING)),
    ],
)
def test_5_5_12_what_may_go(desired, state, deleted):
    office = Office(TaskReaper, swarm=Swarm("swarm", spec=SwarmSpec(task_history_limit=1)))
    service = office.create(spec("web", 1))
    shared = TaskShared(service.id, "web", TaskSpec(), 0, 0)
    office.add_tasks(
        Task("old", shared, 1, "", desired, TaskStatus(state)),
        Task("new", shared, 1, "", RUNNING, TaskStatus(RUNNING, timestamp_ns=5)),
    )
    office.run(REAPER)
    assert ("old" not in office.store.tasks) is deleted
    assert "new" in office.store.tasks


def test_5_5_13_a_negative_limit_keeps_everything():
    office = office_with(-1)
    service = office.create(spec("web", 1, restart=policy(delay_ns=1)))
    fail_all(office, service, 9)
    assert len(office.tasks(service)) == 10


@pytest.mark.parametrize("limit", [-1, 0, 5, 50])
def test_5_3_max_attempts_decides_alone(limit):
    office = office_with(limit)
    service = office.create(spec("web", 1, restart=policy(delay_ns=1, attempts=2, window_ns=1)))
    fail_all(office, service, 9)
    assert len(office.tasks(service)) == 3


def test_5_3_limit_0_keeps_the_running_task():
    office = office_with(0)
    service = office.create(spec("web", 1, restart=policy(delay_ns=1)))
    fail_all(office, service, 3)
    assert office.tasks(service) == office.live(service)


def test_5_3_two_running_keep_the_slot_dirty():
    office = office_with(1)
    service = office.create(spec("web", 1))
    shared = TaskShared(service.id, "web", service.spec.task, 0, 0)
    office.set(office.tasks(service)[0], RUNNING, node="n1")
    office.add_tasks(Task("twin", shared, 1, "n1", RUNNING, TaskStatus(RUNNING)))
    office.run(1 * S)
    assert len(office.loops[1]._dirty) == 1
    office.set(office.tasks(service)[0], SHUTDOWN, desired=SHUTDOWN)
    office.run(1 * S)
    assert [t.id for t in office.tasks(service) if t.slot == 1 and t.state is RUNNING] == ["twin"]
    assert not [t for t in office.tasks(service) if t.state is SHUTDOWN]


def test_a_thousand_slots_are_not_kept_waiting():
    office = Office(TaskReaper)
    service = office.create(spec("web", 1))
    shared = TaskShared(service.id, "web", TaskSpec(), 0, 0)
    office.add_tasks(*(Task(f"t{slot}", shared, slot) for slot in range(1, 1003)))
    assert office.loops[0]._dirty == {}
    assert office.clock.foreground == 0


def test_global_services_keep_history_per_node():
    office = office_with(2, GlobalOrchestrator, nodes=2)
    service = office.create(spec("web", mode=GlobalMode(), restart=policy(delay_ns=1)))
    for _ in range(5):
        for task in office.live(service):
            office.set(task, RUNNING)
            office.set(task, FAILED)
        office.run(1 * S)
    assert [t.node_id for t in office.tasks(service)].count("n1") == 2
    assert len(office.tasks(service)) == 4
    office.check()


def test_jobs_keep_everything():
    office = office_with(1, JobOrchestrator)
    service = office.create(spec("job", mode=ReplicatedJob(1, 1), restart=policy(delay_ns=1)))
    for _ in range(5):
        for task in office.tasks(service):
            if task.state < COMPLETE:
                office.set(task, FAILED, node="n1")
        office.run(1 * S)
    assert len(office.tasks(service)) == 6
    office.check()


def test_serviceless_tasks_go_once_orphaned():
    office = Office(TaskReaper)
    shared = TaskShared("", "", TaskSpec(attachment="c"), 0, 0)
    office.add_tasks(Task("a", shared, 0, "n1"), Task("b", shared, 0, "n1"))
    office.set(office.store.tasks["a"], ORPHANED)
    office.run(REAPER)
    assert [*office.store.tasks] == ["b"]


def test_a_new_leader_cleans_at_once():
    office = Office(TaskReaper)
    office.loops[0].stop()
    shared = TaskShared("s", "web", TaskSpec(), 0, 0)
    office.add_tasks(
        Task("plain", TaskShared("", "", TaskSpec(), 0, 0), 0, "n1", RUNNING, TaskStatus(ORPHANED)),
        Task("orphan", shared, 1, "n1", RUNNING, TaskStatus(ORPHANED)),
        Task("done", shared, 1, "n1", REMOVE, TaskStatus(SHUTDOWN)),
        Task("going", shared, 1, "n1", REMOVE, TaskStatus(RUNNING)),
    )
    office.loops[0].start()
    office.loops[0].start()
    assert [*office.store.tasks] == ["orphan", "going"]
    assert repr(office.loops[0]) == "<TaskReaper: 0 slots and 0 tasks to look at>"
    office.check()


def test_stop_cancels_the_timer():
    office = office_with()
    office.create(spec("web", 1))
    assert [timer.name for timer in office.clock.pending()] == ["task reaper"]
    office.loops[1].stop()
    assert office.clock.pending() == []

"""Jobs. Rows of control-plane 6.8 (13-15, 18), 9.4 (6, 7)."""

from __future__ import annotations

from tests.manager.office import (
    COMPLETE,
    DRAIN,
    FAILED,
    NEW,
    ORPHANED,
    PAUSE,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    Office,
    S,
    policy,
    spec,
)

from meshsim.manager.orchestrator import JobOrchestrator
from meshsim.model.specs import GlobalJob, Placement, ReplicatedJob
from meshsim.model.states import NodeState

DOWN = NodeState.DOWN


def job(mode, nodes=2, **fields):
    office = Office(JobOrchestrator, nodes=nodes)
    return office, office.create(spec("job", mode=mode, **fields))


def going_on(office, service):
    return [t for t in office.tasks(service) if t.state < COMPLETE and t.desired <= COMPLETE]


def test_6_8_15_seven_completions_two_at_once():
    office, service = job(ReplicatedJob(2, 7))
    first = office.tasks(service)
    assert [(t.slot, t.desired, t.state) for t in first] == [(0, COMPLETE, NEW), (1, COMPLETE, NEW)]
    rounds = 0
    while running := going_on(office, service):
        assert len(running) <= 2
        office.set(running[0], COMPLETE, node="n1")
        rounds += 1
    assert rounds == 7
    assert sorted(t.slot for t in office.tasks(service)) == [0, 1, 2, 3, 4, 5, 6]
    office.respec(service)
    assert office.service(service).job_status.iteration == 1
    assert len(going_on(office, service)) == 2
    assert len(office.tasks(service)) == 9
    office.check()


def test_6_8_13_failed_ones_are_restarted_in_their_slot():
    office, service = job(ReplicatedJob(2, 3), restart=policy(delay_ns=3 * S))
    first, second = office.tasks(service)
    office.set(first, FAILED, node="n1")
    fresh = office.tasks(service)[-1]
    assert (fresh.slot, fresh.desired) == (0, READY)
    assert len(going_on(office, service)) == 2
    office.run(3 * S)
    assert office.tasks(service)[-1].desired is COMPLETE
    office.set(second, COMPLETE, node="n1")
    assert [t.slot for t in going_on(office, service)] == [0, 2]
    office.check()


def test_an_earlier_run_is_told_to_go():
    office, service = job(ReplicatedJob(2, 2))
    done, late = office.tasks(service)
    office.set(done, COMPLETE, node="n1")
    office.set(late, RUNNING, node="n1")
    office.respec(service)
    assert office.store.tasks[late.id].desired is REMOVE
    assert office.store.tasks[done.id].desired is COMPLETE


def test_more_running_than_asked_for_makes_nothing():
    office, service = job(ReplicatedJob(3, 3))
    office.respec(service, mode=ReplicatedJob(3, 3))
    office.loops[0].stop()
    office.respec(service, mode=ReplicatedJob(1, 1))
    assert len(office.tasks(service)) == 6
    office.loops[0].start()
    assert len(going_on(office, service)) == 1


def test_6_8_14_global_job_only_where_it_may_run():
    office = Office(JobOrchestrator)
    office.add_node("ok")
    office.add_node("drained", availability=DRAIN)
    office.add_node("paused", availability=PAUSE)
    office.add_node("down", DOWN)
    office.add_node("unknown", NodeState.UNKNOWN)
    office.add_node("other", labels={"a": "b"})
    service = office.create(spec("job", mode=GlobalJob(), placement=Placement(("node.labels.a != b",))))
    assert [t.node_id for t in office.tasks(service)] == ["ok"]
    office.set(office.tasks(service)[0], RUNNING)
    office.set_node("ok", availability=DRAIN)
    assert office.tasks(service)[0].desired is COMPLETE
    with office.store.transaction() as tx:
        tx.update(office.service(service))
    assert office.tasks(service)[0].desired is SHUTDOWN
    office.check()


def test_global_job_runs_again_with_an_update():
    office, service = job(GlobalJob())
    office.set_all(office.tasks(service), COMPLETE)
    office.respec(service)
    assert [t.desired for t in office.tasks(service)] == [REMOVE, REMOVE, COMPLETE, COMPLETE]
    office.set(office.tasks(service)[2], FAILED)
    assert office.tasks(service)[-1].desired is READY
    office.check()


def test_6_8_18_nodes_change_nothing():
    office, service = job(ReplicatedJob(2, 2))
    other = office.create(spec("everywhere", mode=GlobalJob()))
    office.set_all(office.tasks(service), RUNNING, node="n1")
    office.set_all(office.tasks(other), RUNNING)
    before = office.tasks()
    office.set_node("n1", DOWN)
    office.set_node("n2", availability=DRAIN)
    office.add_node("n3")
    assert office.tasks() == before


def test_an_orphaned_task_is_replaced():
    office, service = job(ReplicatedJob(1, 1))
    office.set(office.tasks(service)[0], RUNNING, node="n1")
    office.control.remove_node("n1", force=True)
    assert office.tasks(service)[0].state is ORPHANED
    assert office.tasks(service)[1].slot == 0


def test_a_node_added_later_is_served_at_the_next_reconciliation():
    office, service = job(GlobalJob())
    office.add_node("n3")
    assert len(office.tasks(service)) == 2
    with office.store.transaction() as tx:
        tx.update(office.service(service))
    assert [t.node_id for t in office.tasks(service)] == ["n1", "n2", "n3"]


def test_a_new_leader_stops_global_jobs_on_lost_nodes():
    office, service = job(GlobalJob())
    office.set_all(office.tasks(service), RUNNING)
    office.loops[0].stop()
    office.set_node("n2", DOWN)
    office.loops[0].start()
    office.loops[0].start()
    assert [t.desired for t in office.tasks(service)] == [COMPLETE, SHUTDOWN]


def test_a_removed_job_takes_its_tasks_with_it():
    office, service = job(ReplicatedJob(2, 2))
    other = office.create(spec("web"))
    office.control.remove_service(other.id)
    office.control.remove_service(service.id)
    assert {t.desired for t in office.tasks()} == {REMOVE}
    office.loops[0].stop()
    assert repr(office.loops[0]) == "<JobOrchestrator, stopped>"

"""Updates and rollback. Rows of control-plane 7.4, 7.5, 7.6."""

from __future__ import annotations

import copy

import pytest
from attrs import evolve
from tests.manager.office import (
    ACTIVE,
    DRAIN,
    FAILED,
    MS,
    READY,
    RUNNING,
    SHUTDOWN,
    Agents,
    Office,
    PortConfig,
    S,
    policy,
    spec,
)

from meshsim.errors import OutOfSequence
from meshsim.manager.orchestrator import GlobalOrchestrator, ReplicatedOrchestrator
from meshsim.model.specs import EndpointSpec, GlobalMode, Placement, UpdateConfig
from meshsim.model.states import FailureAction, UpdateOrder, UpdateState

CONTINUE, PAUSE, ROLLBACK = FailureAction.CONTINUE, FailureAction.PAUSE, FailureAction.ROLLBACK


def running(
    replicas=4, *, agents=True, nodes=2, loop=ReplicatedOrchestrator, ties="joined", fail=None, **fields
):
    office = Office(loop, nodes=nodes, ties=ties)
    service = office.create(spec("web", replicas, image="old", restart=policy(delay_ns=1 * S), **fields))
    helpers = Agents(office, fail=fail)
    office.run(1 * S)
    assert len([t for t in office.tasks(service) if t.state is RUNNING]) == (replicas or nodes)
    if not agents:
        office.store.unwatch(helpers.on_commit)
    helpers.started.clear()
    return office, service, helpers


def images(office, service):
    return [t.spec.container.image for t in office.live(service)]


def status(office, service):
    found = office.service(service).update_status
    return found and (found.state, found.message)


UPDATING = (UpdateState.UPDATING, "update in progress")
COMPLETED = (UpdateState.COMPLETED, "update completed")
BACK = (UpdateState.ROLLBACK_COMPLETED, "rollback completed")


def starts(helpers, since):
    return [(time - since) // MS for time, _ in helpers.started]


@pytest.mark.parametrize(
    ("parallelism", "expected", "end"),
    [(1, [0, 200, 400, 600], 1100), (2, [0, 0, 200, 200], 700), (0, [0, 0, 0, 0], 500)],
)
def test_7_4_measured_pool_of_workers(parallelism, expected, end):
    config = UpdateConfig(parallelism=parallelism, delay_ns=200 * MS, monitor_ns=300 * MS)
    office, service, helpers = running(update=config)
    since = office.clock.now_ns
    office.new_image(service, "new")
    office.run((end - 1) * MS)
    assert starts(helpers, since) == expected
    assert status(office, service) == UPDATING
    office.run(1 * MS)
    assert status(office, service) == COMPLETED
    assert images(office, service) == ["new"] * 4
    assert office.service(service).update_status.completed_ns == office.clock.now_ns
    office.check()


def test_7_6_4_without_config_one_at_a_time():
    office, service, helpers = running(5)
    office.new_image(service, "new")
    office.run(4 * S)
    assert [t.slot for _, t in helpers.started] == [1, 2, 3, 4, 5]
    assert status(office, service) == UPDATING
    office.run(1 * S)
    assert status(office, service) == COMPLETED
    assert images(office, service) == ["new"] * 5


def test_7_6_1_batches_then_rollback():
    office, service, _ = running(
        5,
        agents=False,
        update=UpdateConfig(parallelism=2, delay_ns=1 * S),
        rollback=UpdateConfig(parallelism=3, delay_ns=1 * S),
    )

    def settle():
        for _ in range(4):
            for task in office.tasks(service):
                if task.desired is SHUTDOWN and task.state <= RUNNING:
                    office.set(task, SHUTDOWN)
                elif task.desired is RUNNING and task.state < RUNNING:
                    office.set(task, RUNNING, node="n1")
            office.run(0)
        return images(office, service).count("old"), images(office, service).count("new")

    office.new_image(service, "new")
    assert settle() == (3, 2)
    office.run(1 * S)
    assert settle() == (1, 4)
    office.run(1 * S)
    assert settle() == (0, 5)
    office.run(10 * S)
    assert status(office, service) == COMPLETED
    stored = office.service(service)
    office.control.update_service(service.id, stored.spec, stored.version, rollback="previous")
    assert status(office, service) == (UpdateState.ROLLBACK_STARTED, "manually requested rollback")
    assert settle() == (3, 2)
    office.run(1 * S)
    assert settle() == (5, 0)
    office.run(10 * S)
    assert status(office, service) == BACK
    office.check()


def test_7_6_5_failing_tasks_pause():
    config = UpdateConfig(parallelism=1, delay_ns=500 * MS, monitor_ns=500 * MS)
    office, service, helpers = running(fail=lambda t: t.spec.container.image == "bad", update=config)
    office.new_image(service, "bad")
    office.run(100 * MS)
    bad = helpers.started[0][1]
    assert status(office, service) == (
        UpdateState.PAUSED,
        f"update paused due to failure or early termination of task {bad.id}",
    )
    office.store.unwatch(helpers.on_commit)
    made = {t.slot for t in office.tasks(service) if t.spec.container.image == "bad"}
    assert made == {1}
    office.run(5 * S)
    with office.store.transaction() as tx:
        tx.update(office.service(service))  # any write: nothing happens
    office.run(5 * S)
    assert {t.slot for t in office.tasks(service) if t.spec.container.image == "bad"} == {1}


def test_7_6_5_continue_goes_through():
    config = UpdateConfig(parallelism=1, failure_action=CONTINUE, monitor_ns=100 * MS)
    office, service, helpers = running(update=config, fail=None)
    helpers.fail = lambda t: t.slot == 2 and len(helpers.started) < 3
    office.new_image(service, "bad")
    office.run(10 * S)
    assert status(office, service) == COMPLETED
    assert images(office, service) == ["bad"] * 4


def test_7_6_6_old_tasks_that_never_stop():
    office, service, helpers = running(2, update=UpdateConfig(parallelism=0))
    helpers.linger = True
    office.new_image(service, "new")
    office.run(60 * S - 1)
    assert helpers.started == []
    office.run(1)
    assert len(helpers.started) == 2
    office.run(5 * S)
    assert status(office, service) == COMPLETED


def test_7_6_7_start_first():
    config = UpdateConfig(parallelism=1, order=UpdateOrder.START_FIRST)
    office, service, helpers = running(3, update=config)
    helpers.linger = True
    office.new_image(service, "new")
    office.run(20 * S)
    assert len(office.tasks(service)) == 6
    assert {t.desired for t in office.tasks(service) if t.spec.container.image == "old"} == {SHUTDOWN}
    assert all(t.state is RUNNING for t in office.tasks(service))
    assert status(office, service) == COMPLETED


def test_7_4_start_first_old_ones_stay_when_the_new_one_fails():
    config = UpdateConfig(parallelism=1, order=UpdateOrder.START_FIRST)
    office, service, helpers = running(2, update=config, fail=lambda t: t.spec.container.image == "bad")
    office.new_image(service, "bad")
    office.run(1 * S)
    office.store.unwatch(helpers.on_commit)
    assert images(office, service).count("old") == 2
    assert status(office, service)[0] is UpdateState.PAUSED


def test_7_6_2_start_first_waits_for_the_new_one():
    config = UpdateConfig(parallelism=2, order=UpdateOrder.START_FIRST)
    office, service, _ = running(5, agents=False, update=config)
    office.new_image(service, "new")
    office.run(60 * S)
    fresh = [t for t in office.tasks(service) if t.spec.container.image == "new"]
    assert [t.desired for t in fresh] == [RUNNING, RUNNING]
    assert images(office, service).count("old") == 5
    for task in fresh:
        office.set(task, RUNNING, node="n1")
    office.run(0)
    assert images(office, service).count("old") == 3
    assert images(office, service).count("new") == 4


def test_7_4_an_unschedulable_task_blocks_its_worker_for_ever():
    office, service, _ = running(3, agents=False)
    office.new_image(service, "new")
    office.set(office.tasks(service)[0], SHUTDOWN)
    office.run(1000 * S)
    assert images(office, service) == ["old", "old", "new"]
    assert status(office, service) == UPDATING


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": {"a": "b"}},
        {"update": UpdateConfig(parallelism=7)},
        {},
    ],
)
def test_7_6_13_what_replaces_nothing(changes):
    office, service, helpers = running()
    office.respec(service, **changes)
    office.run(10 * S)
    assert helpers.started == []
    assert status(office, service) is None


def test_7_6_8_constraint_the_nodes_meet():
    office, service, helpers = running()
    task = evolve(office.service(service).spec.task, placement=Placement(("node.id != n9",)))
    office.respec(service, task=task)
    office.run(10 * S)
    assert helpers.started == []
    assert {t.spec.placement for t in office.tasks(service)} == {Placement()}
    task = evolve(task, placement=Placement(("node.id != n1",)))
    office.respec(service, task=task)
    office.run(10 * S)
    assert sorted(t.slot for _, t in helpers.started) == [1, 3]
    office.check()


def test_7_6_14_ports_and_force():
    office, service, helpers = running()
    office.respec(service, endpoint=EndpointSpec(ports=(PortConfig(80, 81),)))
    office.run(10 * S)
    assert len(helpers.started) == 4
    assert status(office, service) == COMPLETED
    task = office.service(service).spec.task
    office.respec(service, task=evolve(task, force_update=1))
    assert status(office, service) == UPDATING
    office.run(10 * S)
    assert len(helpers.started) == 8
    assert status(office, service) == COMPLETED


def test_7_6_15_stale_version():
    office, service, _ = running()
    office.respec(service)
    with pytest.raises(OutOfSequence):
        office.control.update_service(service.id, service.spec, service.version)


def test_7_6_16_events_of_a_forced_update():
    office, service, _ = running(1)
    seen = []
    office.store.watch(
        lambda c: seen.extend(
            (ch.new.update_status and ch.new.update_status.state.value)
            for ch in c.changes
            if getattr(ch, "new", None) is not None and ch.new.kind == "service"
        ),
        rank=90,
    )
    office.respec(service, task=evolve(office.service(service).spec.task, force_update=1))
    office.run(5 * S)
    assert seen == [None, "updating", "completed"]


def rolling_back(rollback=None, old_fails=False):
    config = UpdateConfig(
        parallelism=1, delay_ns=10 * MS, failure_action=ROLLBACK, max_failure_ratio=0.4, monitor_ns=500 * MS
    )
    office, service, helpers = running(4, update=config, rollback=rollback)
    made = []

    def fail(task):
        made.append(task)
        if task.spec.container.image == "bad":
            return sum(t.spec.container.image == "bad" for t in made) % 2 == 1
        return old_fails and task.spec.container.image == "old"

    helpers.fail = fail
    return office, service, helpers


def test_7_6_10_automatic_rollback():
    office, service, helpers = rolling_back()
    # Failed new tasks are restarted from the new spec at once: only those the update made count.
    bad = evolve(office.service(service).spec.task, restart=policy("none"))
    bad = evolve(bad, container=evolve(bad.container, image="bad"))
    office.respec(service, task=bad)
    office.run(100 * MS)
    started = [t.spec.container.image for _, t in helpers.started]
    assert started[:3] == ["bad"] * 3
    stored = office.service(service)
    assert stored.update_status.state in {UpdateState.ROLLBACK_STARTED, UpdateState.ROLLBACK_COMPLETED}
    assert stored.previous_spec is None
    office.run(10 * S)
    assert status(office, service) == BACK
    assert images(office, service) == ["old"] * 4
    office.check()


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (PAUSE, UpdateState.ROLLBACK_PAUSED),
        (CONTINUE, UpdateState.ROLLBACK_COMPLETED),
        (ROLLBACK, UpdateState.COMPLETED),
    ],
)
def test_7_6_11_and_12_failures_while_rolling_back(action, state):
    rollback = UpdateConfig(parallelism=1, failure_action=action, monitor_ns=200 * MS)
    config = UpdateConfig(parallelism=1, delay_ns=10 * MS, monitor_ns=100 * MS)
    office, service, helpers = running(2, update=config, rollback=rollback)
    office.new_image(service, "new")
    office.run(1 * S)
    assert status(office, service) == COMPLETED
    failed = []

    def fail(task):
        if task.spec.container.image == "old" and len(failed) < 1:
            failed.append(task)
            return True
        return False

    helpers.fail = fail
    stored = office.service(service)
    messages = []
    office.store.watch(
        lambda c: messages.extend(
            ch.new.update_status.message
            for ch in c.changes
            if getattr(ch, "new", ch).__class__.__name__ == "Service"
        ),
        rank=90,
    )
    office.control.update_service(service.id, stored.spec, stored.version, rollback="previous")
    office.run(10 * S)
    assert office.service(service).update_status.state is state
    if action is ROLLBACK:
        assert f"rollback paused due to failure or early termination of task {failed[0].id}" in messages
        assert messages[-1] == "update completed"
    if action is PAUSE:
        assert messages[-1] == f"update paused due to failure or early termination of task {failed[0].id}"


def test_7_5_rollback_without_a_previous_spec_is_only_logged():
    config = UpdateConfig(parallelism=1, failure_action=ROLLBACK)
    office, service, _ = running(2, agents=False, update=config)
    office.new_image(service, "bad")
    with office.store.transaction() as tx:
        tx.update(office.service(service), previous_spec=None)
    bad = next(t for t in office.tasks(service) if t.spec.container.image == "bad")
    office.set(bad, FAILED)
    assert status(office, service) == UPDATING
    assert "cannot roll back service" in office.log.to_jsonl()


def test_7_5_a_failure_after_the_monitor_does_not_count():
    config = UpdateConfig(parallelism=1, delay_ns=3 * S, monitor_ns=1 * S)
    office, service, helpers = running(2, update=config)
    office.new_image(service, "new")
    office.run(1 * S)
    office.set(helpers.started[0][1], FAILED)
    assert status(office, service)[0] is UpdateState.PAUSED  # monitor is the delay and a second: 4 s

    config = UpdateConfig(parallelism=1, delay_ns=3 * S, monitor_ns=4 * S)
    office, service, helpers = running(3, update=config)
    office.new_image(service, "new")
    office.run(5 * S)
    office.set(helpers.started[0][1], FAILED)
    assert status(office, service) == UPDATING


def test_7_5_ratio_is_strictly_greater():
    config = UpdateConfig(parallelism=0, max_failure_ratio=0.5, monitor_ns=1 * S)
    office, service, helpers = running(2, update=config)
    office.new_image(service, "new")
    office.run(100 * MS)
    office.set(helpers.started[0][1], FAILED)
    assert status(office, service) == UPDATING
    office.set(helpers.started[0][1], FAILED)  # told twice: counted once
    assert status(office, service) == UPDATING
    office.set(helpers.started[1][1], FAILED)
    assert status(office, service)[0] is UpdateState.PAUSED


def test_7_5_paused_means_nothing_more_is_updated():
    config = UpdateConfig(parallelism=1, delay_ns=1 * S)
    office, service, helpers = running(4, update=config)
    office.new_image(service, "new")
    office.run(10 * MS)
    office.set(helpers.started[0][1], FAILED)
    office.run(100 * S)
    assert images(office, service).count("old") == 3
    office.new_image(service, "newer")
    office.run(100 * S)
    assert images(office, service) == ["newer"] * 4
    assert status(office, service) == COMPLETED


def test_another_spec_cancels_the_updater_and_starts_over():
    config = UpdateConfig(parallelism=1, delay_ns=10 * S)
    office, service, helpers = running(3, update=config)
    office.new_image(service, "new")
    office.run(5 * S)
    office.new_image(service, "newer")
    office.run(100 * S)
    assert images(office, service) == ["newer"] * 3
    assert [t.spec.container.image for _, t in helpers.started] == ["new", "newer", "newer", "newer"]
    assert status(office, service) == COMPLETED
    office.check()


def test_scaling_while_updating_restarts_the_updater():
    config = UpdateConfig(parallelism=1, delay_ns=10 * S)
    office, service, _ = running(3, update=config)
    office.new_image(service, "new")
    office.run(5 * S)
    office.scale(service, 4)
    assert images(office, service).count("new") >= 2
    office.run(100 * S)
    assert images(office, service) == ["new"] * 4
    office.scale(service, 2)
    office.new_image(service, "last")
    office.run(100 * S)
    assert images(office, service) == ["last"] * 2
    office.check()


def test_a_removed_service_ends_its_update():
    office, service, _ = running(3, update=UpdateConfig(parallelism=1, delay_ns=10 * S))
    office.new_image(service, "new")
    updates = office.loops[0].updates
    assert repr(updates) == "<UpdateSupervisor: 1 services updating>"
    assert "Updater of web" in repr(next(iter(updates._updates.values())))
    office.control.remove_service(service.id)
    office.run(100 * S)
    assert repr(updates) == "<UpdateSupervisor: 0 services updating>"


def test_a_slot_with_a_clean_task_drops_the_others():
    """Left by a leader that was lost in mid-update: slot 1 has an old and a new task."""
    office, service, _ = running(2, agents=False)
    office.new_image(service, "new")
    assert sorted(t.desired for t in office.tasks(service)) == [READY, RUNNING, SHUTDOWN]
    office.loops[0].stop()
    first = office.tasks(service)[0]
    with office.store.transaction() as tx:
        tx.delete(first)
        tx.create(evolve(first, id="again", desired=RUNNING))
    office.loops[0].start()
    Agents(office)
    office.run(200 * S)
    assert images(office, service) == ["new", "new"]
    assert status(office, service) == COMPLETED
    office.check()


def test_seeded_order_is_not_slot_order():
    office, service, helpers = running(8, ties="seeded", update=UpdateConfig(parallelism=1))
    office.new_image(service, "new")
    office.run(20 * S)
    order = [t.slot for _, t in helpers.started]
    assert sorted(order) == list(range(1, 9))
    assert order != list(range(1, 9))


def test_global_services_update_node_by_node():
    office, service, helpers = running(
        0,
        loop=GlobalOrchestrator,
        nodes=3,
        mode=GlobalMode(),
        update=UpdateConfig(parallelism=1, delay_ns=1 * S),
    )
    office.new_image(service, "new")
    office.run(10 * S)
    assert [t.node_id for _, t in helpers.started] == ["n1", "n2", "n3"]
    assert status(office, service) == COMPLETED
    office.check()


def test_fork_in_mid_update():
    office, service, _ = running(3, update=UpdateConfig(parallelism=1, delay_ns=2 * S))
    office.new_image(service, "new")
    office.run(1 * S)
    twin = copy.deepcopy(office)
    for each in (office, twin):
        each.run(30 * S)
        assert status(each, service) == COMPLETED
    assert office.log.to_jsonl() == twin.log.to_jsonl()


@pytest.mark.parametrize("order", list(UpdateOrder))
def test_a_slot_that_was_seen_to_meanwhile_is_not_filled_twice(order):
    """A drain replaces slot 2 from the new spec while the updater is at slot 1; see removeOldTasks.

    With start-first the real updater does not look before it starts: it makes a second one, and the
    reconciliation after the update takes the first away.
    """
    update = UpdateConfig(parallelism=1, delay_ns=3 * S, order=order)
    office, service, _ = running(2, update=update)
    office.new_image(service, "new")
    (old,) = [t for t in office.live(service) if t.slot == 2]
    office.set_node(old.node_id, availability=DRAIN)
    office.set_node(old.node_id, availability=ACTIVE)
    made = lambda: [t for t in office.tasks(service) if t.slot == 2 and t.id != old.id]  # noqa: E731
    office.run(10 * S)
    assert len(made()) == (1 if order is UpdateOrder.STOP_FIRST else 2)
    office.run(30 * S)
    assert images(office, service) == ["new"] * 2
    assert status(office, service) == COMPLETED
    office.check()

"""The five surprises of control-plane 11 and the runners-up, each as a user would meet it."""

from __future__ import annotations

import pytest
from tests.cluster.swarms import live, running, states, swarm

from meshsim.errors import ApiError, FailedPrecondition, OutOfSequence
from meshsim.model.states import NodeState, TaskState, UpdateState

NODE_DOWN_S = (13.5, 16.6)


def seconds_until(cluster, happened, limit_s=60):
    start_ns = cluster.clock.now_ns
    while not happened():
        cluster.run_for("100ms")
        assert cluster.clock.now_ns - start_ns < limit_s * 10**9, "it never came"
    return (cluster.clock.now_ns - start_ns) / 1e9


def state_of(host, name):
    return host.nodes.get(name).record.status.state


# -- 1: leaving is not removing


def test_surprise_1_a_worker_that_left_is_ready_then_down_for_ever():
    cluster, (host01, host02) = swarm(2)
    cluster.run_for("20s")
    host02.swarm.leave()
    assert state_of(host01, "host02") is NodeState.READY
    took_s = seconds_until(cluster, lambda: state_of(host01, "host02") is NodeState.DOWN)
    assert 8 < took_s <= NODE_DOWN_S[1]  # its last heartbeat is up to one period old
    cluster.run_for("48h")
    assert state_of(host01, "host02") is NodeState.DOWN
    host01.nodes.get("host02").remove()
    assert [node.record.hostname for node in host01.nodes.list()] == ["host01"]


def test_surprise_1_a_manager_that_left_still_counts_until_it_is_demoted():
    cluster, (host01, _host02, host03) = swarm(3, managers=3)
    with pytest.raises(ApiError, match="participating as a manager"):
        host03.swarm.leave()  # quorum would survive: refused all the same
    host03.swarm.leave(force=True)
    cluster.run_for("1m")
    quorum = cluster.swarms[0].quorum
    assert len(quorum.members) == 3
    with pytest.raises(FailedPrecondition, match="must be demoted to worker before removal"):
        host01.nodes.get("host03").remove(force=True)
    with pytest.raises(FailedPrecondition, match="loss of quorum"):
        host01.nodes.get("host02").demote()  # two of three are there: none to spare
    host01.nodes.get("host03").demote()
    cluster.run_for("10s")
    assert len(quorum.members) == 2
    host01.nodes.get("host03").remove()


# -- 2: failover is three timers


def test_surprise_2_heartbeat_then_delay_and_nothing_moves_back():
    cluster, (host01, host02, _) = swarm(3)
    web = host01.services.create("nginx", name="web", replicas=3)
    cluster.settle()
    (lost,) = [task for task in running(web) if task.node == "host02"]
    host02.fail()
    down_s = seconds_until(cluster, lambda: state_of(host01, "host02") is NodeState.DOWN)
    assert down_s <= NODE_DOWN_S[1]
    assert lost.record.desired is TaskState.SHUTDOWN  # in the same commit
    (fresh,) = [task for task in live(web) if task.slot == lost.slot]
    assert fresh.record.desired is TaskState.READY
    delay_s = seconds_until(cluster, lambda: fresh.record.desired is TaskState.RUNNING)
    assert 4.9 <= delay_s <= 5.1, "a dead node does not skip the restart delay, as a drain does"
    host02.recover()
    cluster.settle()
    cluster.run_for("10m")
    assert {task.node for task in running(web)} == {"host01", "host03"}


def test_surprise_2_a_drain_skips_the_delay():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    host01.nodes.get("host02").update(availability="drain")
    (fresh,) = [task for task in live(web) if task.record.desired is TaskState.READY]
    took_s = seconds_until(cluster, lambda: fresh.record.desired is TaskState.RUNNING)
    assert took_s < 5


def test_surprise_2_a_new_leader_waits_twice_as_long():
    cluster, hosts = swarm(4, managers=3)
    leader, other = hosts[0], hosts[1]
    cluster.run_for("20s")
    leader.fail()
    seconds_until(cluster, lambda: cluster.swarms[0].quorum.leader not in ("", leader.member.node_id))
    ask = next(h for h in hosts[1:3] if h.member.node_id == cluster.swarms[0].quorum.leader)
    took_s = seconds_until(cluster, lambda: state_of(ask, "host01") is NodeState.DOWN)
    assert 26.9 <= took_s <= 33.1
    assert ask.nodes.get("host01").record.status.message == 'heartbeat failure for node in "unknown" state'
    assert other.up


def test_surprise_2_without_quorum_nothing_is_restarted():
    cluster, (host01, host02, host03) = swarm(3, managers=2)
    host01.services.create("nginx", name="web", replicas=3)
    cluster.settle()
    host02.fail()
    cluster.run_for("30s")
    (container,) = [c for c in host03.containers.list() if c.container.service_id]
    container.crash(1)
    cluster.run_for("1h")
    assert not [c for c in host03.containers.list() if c.container.service_id]


# -- 3: a rolling update is a pool of workers


def test_surprise_3_delay_after_each_slot_and_a_monitor_tail():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2, update_delay="4s")
    cluster.settle()
    web.update(force=True)
    fresh = lambda: sum(t.record.spec.force_update for t in running(web))  # noqa: E731
    seconds_until(cluster, lambda: fresh() == 2)
    status = lambda: web.record.update_status.state  # noqa: E731
    took_s = seconds_until(cluster, lambda: status() is UpdateState.COMPLETED)
    assert 8.9 <= took_s <= 9.4, "4 s of delay after the last slot, too, then 5 s of watching"


def test_surprise_3_the_order_of_slots_is_random_when_asked_for():
    orders = set()
    for seed in range(6):
        cluster, (host01, *_) = swarm(3, seed=seed, ties="seeded")
        web = host01.services.create("nginx", name="web", replicas=4)
        cluster.settle()
        web.update(force=True)
        cluster.settle()
        fresh = [task for task in web.tasks() if task.record.spec.force_update]
        orders.add(tuple(task.slot for task in sorted(fresh, key=lambda task: task.record.created_ns)))
    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert len(orders) > 1


def test_surprise_3_a_config_without_parallelism_is_all_at_once():
    """Through the API only: the command line fills in 1 (control-plane 7.1)."""
    from attrs import evolve

    from meshsim.model.specs import UpdateConfig
    from meshsim.model.states import UpdateOrder

    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=4)
    cluster.settle()
    control = cluster.swarms[0].control
    config = UpdateConfig(order=UpdateOrder.START_FIRST)
    task = evolve(web.record.spec.task, force_update=1)
    control.update_service(web.id, evolve(web.record.spec, update=config, task=task), web.record.version)
    assert len([t for t in web.tasks() if t.record.spec.force_update]) == 4


# -- 4: a restart shuts down, whatever follows


def test_surprise_4_condition_none_and_a_drain_lose_replicas_for_good():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2, restart_condition="none")
    cluster.settle()
    host01.nodes.get("host02").update(availability="drain")
    cluster.settle()
    host01.nodes.get("host02").update(availability="active")
    cluster.run_for("1h")
    assert (web.running, len(web.tasks())) == (1, 2)
    assert [(d, s) for _, d, s in states(web) if d == "shutdown"] == [("shutdown", "shutdown")]


def test_surprise_4_drains_consume_attempts():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create(
        "nginx", name="web", restart_max_attempts=1, constraint="node.hostname==host02", restart_delay="1s"
    )
    cluster.settle()
    for availability in ("drain", "active", "drain", "active"):
        host01.nodes.get("host02").update(availability=availability)
        cluster.settle()
    assert web.running == 0
    assert len(web.tasks()) == 2, "one restart was allowed"


def test_surprise_4_a_paused_update_spreads_through_failures():
    cluster, (host01, *_) = swarm(3)
    web = host01.services.create("alpine", name="web", replicas=4, command="sleep 1d")
    cluster.settle()
    web.update(args="sh -c 'exit 7'")
    seconds_until(cluster, lambda: web.record.update_status.state is UpdateState.PAUSED)
    old = [task for task in running(web) if task.record.spec.container.args[0] == "sleep"]
    assert len(old) == 3
    slot = old[0].slot
    old[0].crash(1)
    cluster.run_for("1m")
    replaced = [task for task in live(web) if task.slot == slot]
    assert all(task.record.spec.container.args[0] == "sh" for task in replaced), "from the current spec"


def test_surprise_4_scale_down_leaves_no_history_and_updates_do():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=3)
    cluster.settle()
    web.scale(1)
    assert {task.record.desired for task in web.tasks() if task.slot != 1} == {TaskState.REMOVE}
    cluster.settle()
    assert len(web.tasks()) == 1
    web.update(force=True)
    cluster.settle()
    assert states(web) == [(1, "shutdown", "shutdown"), (1, "running", "running")]


# -- 5: jobs are different everywhere


def test_surprise_5_slots_from_0_and_the_first_is_named_after_its_node():
    cluster, (host01, _) = swarm(2)
    job = host01.services.create(
        "alpine", name="job", mode="replicated-job", replicas=2, command="sleep 60",
        env=["SLOT={{.Task.Slot}}"],
    )  # fmt: skip
    cluster.run_for("5s")
    first, second = sorted(job.tasks(), key=lambda task: task.slot)
    assert (first.slot, second.slot) == (0, 1)
    assert first.name == f"job.{first.record.node_id}.{first.id}"
    assert second.name == f"job.1.{second.id}"
    assert first.container.container.env["SLOT"] == first.record.node_id
    assert second.container.container.env["SLOT"] == "1"


def test_surprise_5_no_reaction_to_nodes():
    cluster, (host01, _) = swarm(2)
    job = host01.services.create("alpine", name="job", mode="global-job", command="sleep 30")
    cluster.run_for("5s")
    before = [task.id for task in job.tasks()]
    host01.nodes.get("host02").update(availability="drain")
    host03 = cluster.add_host("host03")
    host03.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    cluster.run_for("15s")
    assert [task.id for task in job.tasks()] == before
    cluster.run_for("1m")  # the end of a task is looked at: now the node that was added takes part, too
    assert {task.node for task in job.tasks()} == {"host01", "host02", "host03"}
    assert {task.state for task in job.tasks()} == {TaskState.COMPLETE}


def test_surprise_5_every_update_runs_it_again_and_history_is_never_reaped():
    cluster, (host01,) = swarm(1)
    job = host01.services.create("alpine", name="job", mode="replicated-job", command="sleep 3")
    for iteration in range(8):
        cluster.run_for("1m")
        assert job.record.job_status.iteration == iteration
        assert len(job.tasks()) == iteration + 1
        job.update()


def test_surprise_5_a_global_job_ignores_its_attempts():
    cluster, (host01,) = swarm(1)
    job = host01.services.create(
        "alpine", name="job", mode="global-job", command="sh -c 'exit 1'", restart_max_attempts=2,
        restart_delay="1s",
    )  # fmt: skip
    cluster.run_for("30s")
    assert len(job.tasks()) > 10


# -- runners-up


def test_runner_up_rollback_as_action_of_a_rollback_ends_as_completed():
    """Only API clients can ask for it: the command line takes pause and continue there."""
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2, rollback_failure_action="rollback")
    cluster.settle()
    web.update(env_add="A=1")
    cluster.settle()
    seen = []
    cluster.swarms[0].store.watch(
        lambda committed: seen.extend(
            change.new.update_status.message
            for change in committed.changes
            if getattr(change, "new", None) is not None
            and change.new.kind == "service"
            and change.new.update_status
        ),
        rank=99,
    )
    web.rollback()
    back = lambda: [task for task in running(web) if not task.record.spec.container.env]  # noqa: E731
    seconds_until(cluster, back)
    (first,) = back()
    first.crash(1)
    cluster.settle()
    assert f"rollback paused due to failure or early termination of task {first.id}" in seen
    assert web.record.update_status.state is UpdateState.COMPLETED
    assert web.record.update_status.message == "update completed"


def test_runner_up_the_dynamic_port_changes_with_the_number_of_ports():
    _, (host01,) = swarm(1)
    web = host01.services.create("nginx", publish="80")
    assert [p.published for p in web.record.endpoint.ports] == [30000]
    web.update(publish_add="443:443")
    assert 30000 not in [p.published for p in web.record.endpoint.ports]


def test_runner_up_automatic_rollback_forgets_and_the_manual_one_swaps():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("alpine", name="web", command="sleep 1d", update_failure_action="rollback")
    cluster.settle()
    web.update(args="sh -c 'exit 7'")
    seconds_until(cluster, lambda: web.record.update_status.state is UpdateState.ROLLBACK_COMPLETED)
    with pytest.raises(FailedPrecondition, match="does not have a previous spec") as refusal:
        web.rollback()
    assert refusal.value.status == 400  # of all codes
    web.update(label_add="v=2")
    cluster.settle()
    for label in ({}, {"v": "2"}, {}):
        web.rollback()
        cluster.settle()
        assert dict(web.record.spec.labels) == label


def test_runner_up_http_statuses():
    _, (host01,) = swarm(1)
    web = host01.services.create("nginx", name="web")
    with pytest.raises(OutOfSequence) as refusal:
        web.update(version=0, label_add="a=b")
    assert refusal.value.status == 500


def test_runner_up_the_first_character_of_ids_is_not_uniform():
    from random import Random

    from meshsim.sim import object_id

    ids = Random(1)
    firsts = [object_id(ids)[0] for _ in range(20_000)]
    early, late = (
        sum(c in letters for c in firsts) / len(letters)
        for letters in ("0123456789abcdefg", "ijklmnopqrstuvwxy")
    )
    assert 1.7 < late / early < 2.3

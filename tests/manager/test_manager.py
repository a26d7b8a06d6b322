"""All loops together, with real agents. Rows of control-plane 3.7, 3.8, 4.2-4.6, 5.4b; ground truth 7-20."""

from __future__ import annotations

import copy
import re

import attrs
import pytest
from tests.manager.swarm import MS, S, Swarm

from meshsim.errors import FailedPrecondition
from meshsim.manager import Gate, Manager
from meshsim.model.log import Log
from meshsim.model.specs import NodeSpec, Replicated, SwarmSpec
from meshsim.model.states import Availability, NodeState, Role, TaskState
from meshsim.placement import Placer
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

T = TaskState
DOWN, READY, UNKNOWN = NodeState.DOWN, NodeState.READY, NodeState.UNKNOWN


def commits(log):
    return [(at, payload) for at, kind, payload in log if kind == "commit"]


# -- founding ----------------------------------------------------------------------------------------


def test_3_1_one_transaction():
    log = Log()
    manager = Manager(Clock(), Streams(0), Profile(), log, label="one")
    node = manager.bootstrap(hostname="host01", address="192.168.65.11", availability=Availability.DRAIN)
    (_, (label, version, operations)), *_ = commits(log)
    assert (label, version) == ("one", 1)
    assert [(verb, kind) for verb, kind, *_ in operations] == [
        ("create", "swarm"),
        ("create", "node"),
        ("create", "network"),
    ]
    swarm = manager.store.swarm
    token = re.compile(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}")
    assert token.fullmatch(swarm.worker_token)
    assert token.fullmatch(swarm.manager_token)
    assert swarm.worker_token[:59] == swarm.manager_token[:59]
    assert (swarm.name, swarm.unlock_key) == ("default", "")
    assert (node.role, node.spec.role, node.spec.availability) == (
        Role.MANAGER,
        Role.MANAGER,
        Availability.DRAIN,
    )
    (ingress,) = manager.store.networks.values()
    assert (ingress.name, ingress.ipam[0].subnet, ingress.vxlan_ids) == ("ingress", "10.0.0.0/24", (4096,))
    assert [a.address for a in node.attachments] == ["10.0.0.2/24"]
    manager.check()


def test_15_pools_and_autolock():
    manager = Manager(Clock(), Streams(0), Profile(), Log(), label="one")
    manager.bootstrap(
        hostname="host01",
        address="192.168.65.11",
        spec=SwarmSpec(autolock=True),
        default_pools=("10.20.0.0/16",),
        subnet_size=26,
    )
    key = manager.store.swarm.unlock_key
    assert key.startswith("SWMKEY-1-")
    (ingress,) = manager.store.networks.values()
    assert ingress.ipam[0].subnet == "10.20.0.0/26"


def test_founding_twice():
    manager = Manager(Clock(), Streams(0), Profile(), Log(), label="one")
    manager.bootstrap(hostname="host01", address="192.168.65.11")
    with pytest.raises(ValueError, match="exists already"):
        manager.bootstrap(hostname="host01", address="192.168.65.11")


def test_a_placer_of_ones_own_and_no_links():
    placer = Placer()
    manager = Manager(Clock(), Streams(0), Profile(), Log(), label="one", placer=placer)
    node = manager.bootstrap(hostname="host01", address="192.168.65.11")
    assert manager.scheduler.placer is placer
    assert list(placer.nodes) == [node.id]
    assert manager.leader_reaches("anyone")


def test_nothing_is_known_before_the_founding():
    manager = Manager(Clock(), Streams(0), Profile(), Log(), label="one", ties="seeded")
    assert manager.gate("anyone") is Gate.CLOSED
    assert not manager.leader_reaches("anyone")
    manager.check()
    assert repr(manager) == "<Manager 'one': <Quorum of 0: no leader>, <Store 'one' version 0: empty>>"


# -- the life of a service ---------------------------------------------------------------------------


def test_5_4b_commit_order_and_timing_of_a_create():
    swarm = Swarm(2)
    before = len(swarm.log)
    began_ns = swarm.clock.now_ns
    swarm.service(2, ports=(81,))
    swarm.settle()
    story = []
    for at, (_, _, operations) in commits(swarm.log)[before - 1 :]:
        for verb, kind, _, *rest in operations:
            fields = dict(zip(rest[::2], rest[1::2], strict=False)) if verb == "update" else {}
            state = fields["status"].state.label if "status" in fields else ""
            story.append(((at - began_ns) // MS, verb, kind, state))
    assert story == [
        (0, "create", "service", ""),
        (0, "update", "service", ""),
        (0, "create", "task", ""),
        (0, "create", "task", ""),
        (0, "update", "task", "pending"),
        (0, "update", "task", "pending"),
        (50, "update", "task", "assigned"),
        (50, "update", "task", "assigned"),
        (250, "update", "task", "starting"),  # preparing was too short to be seen
        (250, "update", "task", "starting"),
        (550, "update", "task", "running"),
        (550, "update", "task", "running"),
    ]
    assert sorted(task.node_id for task in swarm.running()) == sorted(
        n.id for n in swarm.store.nodes.values()
    )


def test_4_2_failover_second_by_second():
    swarm = Swarm(3, heartbeat_epsilon_ns=0)
    swarm.service(3)
    swarm.settle()
    victim = swarm.node(2).id
    (old,) = swarm.store.tasks_of_node(victim)
    beats = [t for t in swarm.clock.pending() if t.name == "heartbeat"]
    last_ns = beats[0].when_ns - 5 * S
    swarm.fail(2)
    swarm.run((last_ns + 15 * S - swarm.clock.now_ns) / S)
    assert swarm.node(2).status.state == READY
    swarm.run(0.1)
    assert swarm.node(2).status.message == "heartbeat failure"
    assert swarm.store.tasks[old.id].desired == T.SHUTDOWN
    (new,) = [t for t in swarm.store.tasks.values() if t.slot == old.slot and t.id != old.id]
    assert (new.desired, new.state) == (T.READY, T.PENDING)
    swarm.run(4.9)
    assert (swarm.store.tasks[new.id].desired, swarm.store.tasks[new.id].state) == (T.READY, T.READY)
    swarm.run(0.7)
    assert (swarm.store.tasks[new.id].desired, swarm.store.tasks[new.id].state) == (T.RUNNING, T.RUNNING)
    assert swarm.store.tasks[old.id].state == T.RUNNING  # nobody has seen it end


def test_19_return_moves_nothing_back():
    swarm = Swarm(3)
    swarm.service(6)
    swarm.settle()
    swarm.fail(3)
    swarm.settle()
    assert len(swarm.tasks(T.RUNNING)) == 8
    places = {task.id: task.node_id for task in swarm.running()}
    swarm.recover(3)
    swarm.settle()
    swarm.run(30)
    assert {task.id: task.node_id for task in swarm.running()} == places
    failed = swarm.tasks(T.FAILED)
    assert {task.status.err for task in failed} == {"task: non-zero exit (255)"}
    assert len(failed) == 2
    assert swarm.node(3).status.state == READY


def test_4_4_worker_that_leaves_is_ready_until_its_heartbeats_are_missed():
    swarm = Swarm(2)
    swarm.service(2)
    swarm.settle()
    swarm.hosts[1].agent.stop()
    swarm.run(7)
    assert swarm.node(2).status.state == READY
    swarm.run(20)
    assert swarm.node(2).status.state == DOWN
    assert {task.node_id for task in swarm.running()} == {swarm.node(1).id}
    swarm.control.remove_node(swarm.node(2).id)


def test_4_6_13_container_killed_behind_swarms_back():
    swarm = Swarm(2)
    swarm.service(3)
    swarm.settle()
    before = {task.id for task in swarm.running()}
    victim = swarm.running()[0]
    swarm.by_node[victim.node_id].agent.exited(victim.id, 137)
    swarm.settle()
    after = {task.id for task in swarm.running()}
    assert before - after == {victim.id}
    assert len(after) == 3


def test_5_5_10_scaled_down_tasks_leave_no_history():
    swarm = Swarm(2)
    service = swarm.service(4)
    swarm.settle()
    service = swarm.store.services[service.id]
    spec = attrs.evolve(service.spec, mode=Replicated(1))
    swarm.control.update_service(service.id, spec, service.version)
    swarm.run(0.3)
    assert len(swarm.tasks(desired=T.REMOVE)) == 3
    swarm.settle()
    assert [task.slot for task in swarm.tasks()] == [1]
    removed = [host.runtime.calls[-1][0] for host in swarm.hosts if host.runtime.calls]
    assert "remove" in removed


def test_service_removed_frees_everything():
    swarm = Swarm(2)
    service = swarm.service(3)
    swarm.settle()
    swarm.control.remove_service(service.id)
    swarm.settle()
    assert swarm.tasks() == []
    assert all(not host.agent.tasks for host in swarm.hosts)


def test_drain_and_pause():
    swarm = Swarm(2)
    swarm.service(2)
    swarm.settle()
    node = swarm.node(2)
    swarm.control.update_node(node.id, attrs.evolve(node.spec, availability=Availability.DRAIN), node.version)
    swarm.settle()
    assert {task.node_id for task in swarm.running()} == {swarm.node(1).id}


def test_18_health_gates_a_task_through_all_loops():
    swarm = Swarm(1)
    swarm.service(1, image="checked")
    swarm.settle()
    (task,) = swarm.tasks()
    assert task.state == T.STARTING
    swarm.hosts[0].agent.health(task.id, True)
    swarm.settle()
    assert len(swarm.running()) == 1
    swarm.hosts[0].agent.health(task.id, False)
    swarm.run(3)
    assert [t.state for t in swarm.tasks()] == [T.COMPLETE, T.READY]


def test_missing_image_is_rejected_and_tried_again():
    swarm = Swarm(2)
    swarm.service(1, image="missing")
    swarm.run(12)
    rejected = swarm.tasks(T.REJECTED)
    assert len(rejected) >= 2
    assert {task.status.err for task in rejected} == {"No such image: missing"}


def test_nobody_fits():
    swarm = Swarm(1)
    node = swarm.node(1)
    swarm.control.update_node(node.id, attrs.evolve(node.spec, availability=Availability.DRAIN), node.version)
    swarm.service(1)
    swarm.settle()
    (task,) = swarm.tasks()
    assert (task.state, task.status.err) == (
        T.PENDING,
        "no suitable node (1 node not available for new tasks)",
    )
    assert task.status.message == "pending task scheduling"


# -- membership --------------------------------------------------------------------------------------


def test_join_order_gives_ingress_addresses():
    swarm = Swarm(3)
    assert [n.attachments[0].address for n in swarm.store.nodes.values()] == [
        "10.0.0.2/24",
        "10.0.0.3/24",
        "10.0.0.4/24",
    ]
    assert [n.hostname for n in swarm.store.nodes.values()] == ["host01", "host02", "host03"]
    assert all(host.agent.node.attachments for host in swarm.hosts)


def want(swarm, number, role):
    node = swarm.node(number)
    swarm.control.update_node(node.id, attrs.evolve(node.spec, role=role), node.version)


def test_3_8_2_promote_and_demote():
    swarm = Swarm(2)
    want(swarm, 2, Role.MANAGER)
    swarm.settle()
    host = swarm.hosts[1]
    assert host.agent.node.role == Role.MANAGER  # the node notices, and joins
    swarm.quorum.join(host.node_id, f"{host.address}:2377")
    assert swarm.manager.gate(host.node_id) is Gate.OPEN
    want(swarm, 2, Role.WORKER)
    swarm.run(4.9)
    assert not swarm.quorum.is_member(host.node_id)
    assert swarm.node(2).role == Role.MANAGER
    swarm.run(0.2)
    assert swarm.node(2).role == Role.WORKER
    swarm.settle()
    assert host.agent.node.role == Role.WORKER


def test_3_8_3_demote_the_only_manager():
    swarm = Swarm(2)
    with pytest.raises(FailedPrecondition, match="last manager of the swarm"):
        want(swarm, 1, Role.WORKER)
    assert swarm.manager.gate(swarm.node(1).id) is Gate.OPEN


def test_3_8_14_demote_with_one_of_three_down():
    swarm = Swarm(3, 3)
    swarm.fail(3)
    swarm.settle()
    with pytest.raises(FailedPrecondition, match="loss of quorum"):
        want(swarm, 2, Role.WORKER)
    swarm.recover(3)
    swarm.settle()
    want(swarm, 3, Role.WORKER)
    swarm.settle()
    want(swarm, 2, Role.WORKER)
    swarm.settle()
    assert list(swarm.quorum.members) == [swarm.node(1).id]
    with pytest.raises(FailedPrecondition, match="last manager"):
        want(swarm, 1, Role.WORKER)


def test_3_5_demote_the_leader():
    swarm = Swarm(3, 3)
    leader = swarm.quorum.leader
    want(swarm, 1, Role.WORKER)
    swarm.settle()
    swarm.run(20)
    assert swarm.quorum.leader not in ("", leader)
    assert not swarm.quorum.is_member(leader)
    assert swarm.node(1).role == Role.WORKER


def test_3_8_20_force_removed_worker_stays_away():
    swarm = Swarm(2)
    node_id = swarm.node(2).id
    swarm.control.remove_node(node_id, force=True)
    swarm.hosts[1].agent.crash()
    swarm.hosts[1].agent.start()
    swarm.run(30)
    assert node_id not in swarm.store.nodes
    assert not swarm.hosts[1].agent.connected


# -- quorum ------------------------------------------------------------------------------------------


def test_3_8_5_to_7_quorum():
    swarm = Swarm(3, 3)
    swarm.fail(2)
    swarm.service(1, name="a")
    swarm.settle()
    swarm.fail(3)
    one = swarm.node(1).id
    assert swarm.manager.gate(one) is Gate.STALLED
    swarm.run(45)
    assert swarm.manager.gate(one) is Gate.CLOSED
    version = swarm.store.version
    swarm.run(600)
    assert swarm.store.version == version
    swarm.recover(2)
    swarm.settle()
    assert swarm.manager.gate(one) is Gate.OPEN
    swarm.service(1, name="b")
    swarm.settle()
    assert len(swarm.running()) == 2


def test_3_7_a_task_that_ends_without_a_leader_is_not_restarted_until_there_is_one():
    swarm = Swarm(3, 3)
    swarm.service(3)
    swarm.settle()
    (task,) = [t for t in swarm.running() if t.node_id == swarm.node(1).id]
    swarm.fail(2)
    swarm.fail(3)
    swarm.run(40)
    swarm.hosts[0].agent.exited(task.id, 1)
    swarm.run(60)
    assert swarm.store.tasks[task.id].state == T.RUNNING
    assert len(swarm.tasks()) == 3
    swarm.recover(2)
    swarm.recover(3)
    swarm.settle()
    swarm.run(10)
    swarm.settle()
    assert swarm.store.tasks[task.id].state == T.FAILED
    assert len(swarm.running()) == 3


@pytest.mark.parametrize("seed", range(5))
def test_20_leader_loses_power(seed):
    swarm = Swarm(3, 3, seed=seed)
    swarm.service(6)
    swarm.settle()
    old = swarm.node(1)
    cut_ns = swarm.clock.now_ns
    swarm.fail(1)
    while not swarm.quorum.leader:
        swarm.run(0.5)
    office_ns = swarm.quorum.leading_since_ns
    assert office_ns - cut_ns >= 9 * S
    swarm.run(0)
    status = swarm.node(1).status
    assert (status.state, status.message) == (
        UNKNOWN,
        'Node moved to "unknown" state due to leadership change in cluster',
    )
    while swarm.node(1).status.state != DOWN:
        assert len(swarm.running()) == 6
        swarm.run(0.1)
    assert 27 * S <= swarm.clock.now_ns - office_ns <= 33.3 * S
    assert swarm.node(1).status.message == 'heartbeat failure for node in "unknown" state'
    assert swarm.node(2).status.state == swarm.node(3).status.state == READY
    swarm.settle()
    assert len(swarm.running()) == 6
    leader = swarm.quorum.leader
    swarm.recover(1)
    swarm.settle()
    assert swarm.quorum.leader == leader != old.id
    assert len(swarm.running()) == 6


def test_brief_loss_of_quorum_loses_nothing():
    swarm = Swarm(3, 3)
    swarm.service(3)
    swarm.settle()
    sessions = swarm.manager.dispatcher._nodes[swarm.node(1).id].session_id
    swarm.partition([1], [2], [3])
    (task,) = [t for t in swarm.running() if t.node_id == swarm.node(1).id]
    swarm.hosts[0].agent.exited(task.id, 1)
    swarm.run(3)
    assert swarm.store.tasks[task.id].state == T.RUNNING
    swarm.heal()
    swarm.settle()
    assert swarm.manager.dispatcher._nodes[swarm.node(1).id].session_id == sessions
    assert swarm.store.tasks[task.id].state == T.FAILED
    swarm.run(10)
    assert len(swarm.running()) == 3


def test_3_8_11_force_new_cluster():
    swarm = Swarm(3, 2)
    swarm.service(3)
    swarm.settle()
    swarm.fail(2)
    swarm.run(60)
    assert swarm.quorum.leader == ""
    swarm.quorum.force_new_cluster(swarm.node(1).id)
    swarm.settle()
    swarm.run(10)
    swarm.settle()
    assert swarm.quorum.leader == swarm.node(1).id
    assert swarm.node(2).role == Role.MANAGER
    assert len(swarm.running()) == 3
    swarm.control.remove_node(swarm.node(2).id)


# -- determinism -------------------------------------------------------------------------------------


def busy(seed):
    swarm = Swarm(4, 3, seed=seed)
    swarm.service(5, ports=(80,))
    swarm.run(0.3)
    return swarm


def test_same_seed_same_log_other_seed_other_log():
    logs = []
    for seed in (1, 1, 2):
        swarm = busy(seed)
        swarm.fail(1)
        swarm.run(90)
        logs.append(swarm.log.to_jsonl())
    assert logs[0] == logs[1] != logs[2]


def test_fork_goes_its_own_way_and_the_same():
    swarm = busy(3)
    twin = copy.deepcopy(swarm)
    for one in (twin, swarm):
        one.fail(2)
        one.run(60)
        one.recover(2)
        one.run(60)
    assert swarm.log.to_jsonl() == twin.log.to_jsonl()
    twin.fail(3)
    twin.run(60)
    assert len(twin.log) > len(swarm.log)


def test_4_every_background_timer():
    swarm = Swarm(3, 3)
    swarm.fail(2)
    swarm.settle()
    swarm.fail(1)
    swarm.run(1)
    names = {timer.name for timer in swarm.clock.pending() if timer.background}
    known = {"heartbeat", "agent timeout", "agent reconnect", "heartbeat deadline", "orphaning", "election"}
    assert names <= known


def test_label_and_spec_survive_a_change_of_the_node():
    swarm = Swarm(2)
    node = swarm.node(2)
    swarm.control.update_node(node.id, NodeSpec(labels={"zone": "a"}), node.version)
    swarm.settle()
    assert swarm.hosts[1].agent.node.spec.labels == {"zone": "a"}

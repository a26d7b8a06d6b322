"""Who is in a swarm, and as what. Control-plane 2.5 (2-11), 3.8; ground truth 1, 7, 8, 15, 20."""

import re

import pytest
from tests.cluster.outages import IMAGE, S, node, running, statuses, swarm

from meshsim import Cluster
from meshsim.errors import (
    ApiError,
    FailedPrecondition,
    InvalidParameter,
    JoinRefused,
    NoLeader,
    NotFound,
    NotManager,
    NotModelled,
    Unavailable,
)
from meshsim.model.states import Availability, NodeState, Role, TaskState

NO_TOKEN = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
ONLY_WAY = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with "
    "`--force-new-cluster`. Use `--force` to suppress this message."
)


def state(host) -> str:
    return host.swarm.info().local_state


def lost(cluster: Cluster, *names: str) -> Cluster:
    """Those machines lose power, and a minute passes."""
    for name in names:
        cluster.host(name).fail()
    cluster.run_for("1m")
    return cluster


# -- tokens


def test_2_5_1_form():
    host = swarm(1).host("host01")
    for role in ("worker", "manager"):
        assert re.fullmatch("SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", host.swarm.join_token(role))


@pytest.mark.parametrize(
    ("token", "error"),
    [
        pytest.param("", NO_TOKEN, id="2.5-2"),
        pytest.param("foobaz", "invalid join token", id="2.5-3"),
        pytest.param("right digest, bad secret", NO_TOKEN, id="2.5-8"),
        pytest.param(
            "SWMTKN-1-5b3w5w10px9ok0t39zs1nujng8x37rcapfkg885hmrokb5wvqi-9v45djurbjeajp3ln80zqcevu",
            "remote CA does not match fingerprint. "
            "Expected: d4fd944987ac6b3b724a38b20064cfbc795fb80891d605d7c3e046f96642d9aa",
            id="2.5-10",
        ),
    ],
)
def test_tokens_that_are_refused(token, error):
    cluster = swarm(1)
    newcomer = cluster.add_host("host02")
    if token.startswith("right"):
        token = cluster.host("host01").swarm.join_token().rpartition("-")[0] + "-" + "a" * 25
    with pytest.raises(JoinRefused) as refusal:
        newcomer.swarm.join("host01", token=token)
    assert str(refusal.value) == error
    assert refusal.value.status == 400
    assert state(newcomer) == "inactive"
    assert len(cluster.host("host01").nodes.list()) == 1


def test_2_1_a_token_of_a_swarm_that_demands_fips():
    cluster = swarm(1)
    token = cluster.host("host01").swarm.join_token().replace("SWMTKN-1-", "SWMTKN-2-1-")
    with pytest.raises(JoinRefused, match="node is not FIPS-enabled but cluster requires FIPS"):
        cluster.add_host("host02").swarm.join("host01", token=token)


def test_2_5_4_worker_token():
    worker = swarm(2).host("host02")
    assert (state(worker), worker.swarm.info().control_available) == ("active", False)


def test_2_5_5_to_7_rotation():
    cluster = swarm(2)
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    old = host01.swarm.join_token()
    host02.swarm.leave()
    new = host01.swarm.join_token(rotate=True)
    with pytest.raises(JoinRefused, match="join token is necessary"):
        host02.swarm.join("host01", token=old)
    assert state(host02) == "inactive"
    host02.swarm.join("host01", token=new)
    assert state(host02) == "active"
    host02.swarm.leave()
    host01.swarm.update(task_history_limit=3)
    host02.swarm.join("host01", token=new)
    assert state(host02) == "active"
    with pytest.raises(JoinRefused, match="join token is necessary"):
        cluster.add_host("host03").swarm.join("host01")


def test_2_5_9_a_node_comes_back_without_a_token():
    cluster = swarm(2)
    for role in ("worker", "manager"):
        cluster.host("host01").swarm.join_token(role, rotate=True)
    cluster.host("host02").fail()
    cluster.run_for("1m")
    cluster.host("host02").recover()
    cluster.settle()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready"


@pytest.mark.parametrize("roles", [("worker",), ("manager",), ("worker", "manager")])
def test_2_5_11_only_what_was_named_changes(roles):
    host = swarm(1).host("host01")
    before = {role: host.swarm.join_token(role) for role in ("worker", "manager")}
    for role in roles:
        host.swarm.join_token(role, rotate=True)
    for role, old in before.items():
        new = host.swarm.join_token(role)
        assert (new != old) is (role in roles)
        assert new.rpartition("-")[0] == old.rpartition("-")[0]


# -- joining and leaving


def test_3_8_1_a_worker_leaves_and_joins_again():
    cluster = swarm(2)
    worker = cluster.host("host02")
    worker.swarm.leave()
    assert state(worker) == "inactive"
    worker.swarm.join("host01", token=cluster.host("host01").swarm.join_token())
    cluster.settle()
    # nobody deregistered the first one: two entries of one name stand side by side
    assert sorted(statuses(cluster).split("; ")[1:]) == ["host02 Down", "host02 Ready"]


def test_3_8_2_promoted_and_demoted():
    cluster = swarm(2)
    host02 = cluster.host("host02")
    node(cluster, "host02").promote()
    cluster.run_for("5s")
    assert host02.swarm.info().control_available
    assert statuses(cluster, "host02") == "host01 Ready Leader; host02 Ready Reachable"
    node(cluster, "host02").demote()
    assert node(cluster, "host02").record.spec.role is Role.WORKER  # at once; the real role follows
    cluster.run_for("6s")
    assert not host02.swarm.info().control_available
    assert node(cluster, "host02").record.role is Role.WORKER


def test_3_8_3_the_only_manager_stays_one():
    cluster = swarm(2)
    with pytest.raises(FailedPrecondition, match="attempting to demote the last manager of the swarm"):
        node(cluster, "host01").demote()
    info = cluster.host("host01").swarm.info()
    assert (info.local_state, info.control_available) == ("active", True)


def test_3_8_8_the_sole_manager_leaves_by_force_only():
    cluster = swarm(1)
    host = cluster.host("host01")
    host.services.create(IMAGE, name="w", replicas=2)
    plain = host.containers.run("alpine", "sleep 1d", detach=True)
    cluster.settle()
    with pytest.raises(Unavailable, match="Removing the last manager erases all current state"):
        host.swarm.leave()
    assert len(host.containers.list()) == 3
    host.swarm.leave(force=True)
    assert [c.id for c in host.containers.list(all=True)] == [plain.id]
    assert plain.status == "running"
    assert host.swarm.init()


@pytest.mark.parametrize("how", ["leave", "leave --force", "restart", "power cut"])
def test_3_8_9_a_join_that_nobody_answers_is_pending(how):
    cluster = Cluster(seed=1, engine="26.1")
    host = cluster.add_host("host02")
    token = Cluster(seed=3).add_host("other").swarm
    token.init()
    result = host.run(f"docker swarm join --token {token.join_token()} 192.168.65.99:2377")
    assert result.stderr == (
        "Error response from daemon: Timeout was reached before node joined. The attempt to join the swarm "
        'will continue in the background. Use the "docker info" command to see the current swarm status of '
        "your node.\n"
    )
    assert cluster.clock.now_ns == 20 * S
    assert state(host) == "pending"
    with pytest.raises(NotManager, match="Worker nodes can't be used"):
        host.nodes.list()
    with pytest.raises(Unavailable, match="already part of a swarm"):
        host.swarm.init()
    if how.startswith("leave"):
        assert host.run(f"docker swarm {how}").stdout == "Node left the swarm.\n"
    elif how == "restart":
        host.stop_engine()
        host.start_engine()
    else:
        host.fail()
        host.recover()
    assert state(host) == "inactive"
    cluster.run_for("1m")
    host.swarm.init()


@pytest.mark.parametrize("within", [True, False], ids=["within its 20 s", "later"])
def test_3_2_a_pending_node_joins_when_the_manager_answers(within):
    cluster = swarm(1)
    host01, host02 = cluster.host("host01"), cluster.add_host("host02")
    token = host01.swarm.join_token()
    cluster.partition(["host01"])
    if within:
        cluster.clock.call_later(7 * S, cluster.heal)
        host02.swarm.join("host01", token=token)
        assert cluster.clock.now_ns < 10 * S
    else:
        with pytest.raises(Unavailable):
            host02.swarm.join("host01", token=token)
        cluster.heal()
        cluster.run_for("5s")
    assert state(host02) == "active"
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready"
    cluster.check()


def test_3_2_a_pending_node_that_is_refused_in_the_end():
    cluster = swarm(1)
    host01, host02 = cluster.host("host01"), cluster.add_host("host02")
    token = host01.swarm.join_token()
    cluster.partition(["host01"])
    with pytest.raises(Unavailable):
        host02.swarm.join("host01", token=token)
    host01.swarm.join_token(rotate=True)
    cluster.heal()
    cluster.run_for("5s")
    info = host02.swarm.info()
    assert (info.local_state, info.error) == ("error", NO_TOKEN)
    host02.swarm.leave()
    assert state(host02) == "inactive"


def test_3_8_10_and_18_addresses():
    host = Cluster(seed=1, engine="26.1").add_host("host01")
    wrong = "advertise address must be a non-zero IP address or network interface (with optional port number)"
    for text in ("0.0.0.0", "eth9", "nonsense:x"):
        with pytest.raises(InvalidParameter) as refusal:
            host.swarm.init(advertise_addr=text)
        assert (str(refusal.value), refusal.value.status) == (wrong, 400)
    with pytest.raises(InvalidParameter, match="listen address must be an IP address"):
        host.swarm.init(listen_addr="foo")
    for call, what in ((lambda: host.swarm.init(listen_addr=""), "ListenAddr"),
                       (lambda: host.swarm.join(""), "remoteAddr")):  # fmt: skip
        with pytest.raises(InvalidParameter) as refusal:
            call()
        assert (str(refusal.value), refusal.value.status) == (
            f'invalid {what} "": invalid empty address',
            400,
        )
    assert state(host) == "inactive"


def test_3_8_19_a_node_may_begin_drained():
    cluster = swarm(1, availability="drain")
    cluster.add_host("host02").swarm.join(
        "host01", token=cluster.host("host01").swarm.join_token(), availability="drain"
    )
    listed = cluster.host("host01").run("docker node ls --format '{{.Hostname}} {{.Availability}}'").stdout
    assert listed == "host01 Drain\nhost02 Drain\n"
    assert node(cluster, "host02").availability is Availability.DRAIN


@pytest.mark.parametrize(
    ("managers", "down", "detail"),
    [
        (1, 0, None),
        (2, 0, "Removing this node leaves 1 managers out of 2. "),
        (3, 0, ""),
        (3, 1, "Removing this node leaves 1 managers out of 3. "),
        (4, 0, ""),
        (4, 1, "Removing this node leaves 2 managers out of 4. "),
        (5, 0, ""),
        (5, 1, ""),
        (5, 2, "Removing this node leaves 2 managers out of 5. "),
    ],
)
def test_3_3_why_a_manager_should_not_leave(managers, down, detail):
    cluster = swarm(managers, managers)
    for number in range(down):
        cluster.host(f"host{managers - number:02}").fail()
    cluster.run_for("5s")  # they are seen to be unreachable, and the quorum holds
    with pytest.raises(Unavailable) as refusal:
        cluster.host("host01").swarm.leave()
    expected = (
        "Removing the last manager erases all current state of the swarm. "
        "Use `--force` to ignore this message. "
    )
    if detail is not None:
        lost_quorum = "Without a Raft quorum your swarm will be inaccessible. " if detail else ""
        expected = detail + lost_quorum + ONLY_WAY
    assert str(refusal.value) == LEAVING + expected


def test_3_5_the_leader_is_demoted_by_its_successor():
    cluster = swarm(3, 3)
    node(cluster, "host01").demote()
    cluster.settle()
    assert statuses(cluster, "host02") == "host01 Ready; host02 Ready Leader; host03 Ready Reachable"
    with pytest.raises(NotManager):
        cluster.host("host01").nodes.list()


def test_3_5_two_managers_demoted_at_once_and_one_stays():
    cluster = swarm(2, 2)
    node(cluster, "host01").demote()
    node(cluster, "host02").demote()  # the first is still a manager, so nothing speaks against it
    cluster.settle()
    left = [h for h in cluster.hosts.values() if h.swarm.info().control_available]
    assert len(left) == 1
    assert len(left[0].nodes.list()) == 2
    cluster.check()


def test_3_6_two_managers_are_warned():
    cluster = swarm(3, 2)
    host01 = cluster.host("host01")
    result = host01.run("docker info")
    assert result.stderr.startswith(
        "WARNING: Running Swarm in a two-manager configuration. This configuration"
    )
    assert len(result.stderr.splitlines()) == 4
    assert host01.run("docker info --format '{{len .Swarm.Warnings}}'").stdout == "1\n"
    assert cluster.host("host03").run("docker info").stderr == ""
    node(cluster, "host03").promote()
    cluster.settle()
    assert host01.run("docker info").stderr == ""


def test_3_3_a_manager_without_a_leader_or_not_ready():
    cluster = lost(swarm(2, 2), "host02")
    host01 = cluster.host("host01")
    with pytest.raises(Unavailable) as refusal:
        host01.swarm.leave()
    assert str(refusal.value) == LEAVING + ONLY_WAY
    host01.fail()
    host01.recover()
    with pytest.raises(Unavailable) as refusal:
        host01.swarm.leave()
    assert str(refusal.value) == f"{LEAVING}Doing so may lose the consensus of your cluster. {ONLY_WAY}"


def test_3_3_what_is_left_of_a_manager_that_left_by_force():
    cluster = swarm(3, 3)
    cluster.host("host03").swarm.leave(force=True)
    cluster.settle()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Reachable; host03 Down Unreachable"
    assert len(cluster.swarms[0].quorum.members) == 3
    with pytest.raises(FailedPrecondition, match="must be demoted to worker before removal"):
        node(cluster, "host03").remove(force=True)
    node(cluster, "host03").demote()
    cluster.settle()
    node(cluster, "host03").remove()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Reachable"


# -- quorum


@pytest.mark.parametrize("how", ["fail", "stop_engine"])
def test_3_8_4_the_leader_is_lost(how):
    cluster = swarm(3, 3)
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    getattr(host01, how)()
    for _ in range(30):
        cluster.run_for("1s")
        if cluster.swarms[0].quorum.leader:
            break
    leader = cluster.swarms[0].quorum.leader
    assert leader in {node(cluster, name, "host02").id for name in ("host02", "host03")}
    host01.recover() if how == "fail" else host01.start_engine()
    cluster.settle()
    assert cluster.swarms[0].quorum.leader == leader
    assert sorted(row.split()[-1] for row in statuses(cluster, "host02").split("; ")) == [
        "Leader",
        "Reachable",
        "Reachable",
    ]
    assert host02.nodes.list()[0].record.status.state is NodeState.READY


def test_3_8_5_to_7_quorum_lost_and_regained():
    cluster = swarm(3, 3)
    host01, host02, host03 = cluster.hosts.values()
    host02.stop_engine()
    host01.services.create(IMAGE, name="a")
    cluster.settle()
    host03.stop_engine()
    cluster.run_for("30s")
    with pytest.raises(NoLeader, match="Make sure more than half of the managers are online") as refusal:
        host01.services.create(IMAGE, name="b")
    assert refusal.value.status == 500
    host02.start_engine()
    cluster.settle()
    cluster.run_for("30s")
    host01.services.create(IMAGE, name="b")
    cluster.settle()
    assert len(host01.services.list()) == 2


def test_3_7_a_call_without_a_leader_waits_for_one_until_its_deadline():
    cluster = swarm(2, 2)
    host01 = cluster.host("host01")
    cluster.host("host02").fail()
    while cluster.swarms[0].leading:
        cluster.run_for("1s")
    before_ns = cluster.clock.now_ns
    with pytest.raises(ApiError, match="DeadlineExceeded"):  # although ten ticks pass meanwhile
        host01.services.list()
    assert cluster.clock.now_ns == before_ns + 20 * S
    with pytest.raises(NoLeader):
        host01.services.list()
    assert cluster.clock.now_ns == before_ns + 20 * S


def test_20_a_call_sent_to_a_leader_that_dies_hangs_although_another_leads_soon():
    cluster = swarm(3, 3, seed=2)  # here the vote is at 11.8 s
    host02 = cluster.host("host02")
    cluster.host("host01").fail()
    before_ns = cluster.clock.now_ns
    with pytest.raises(ApiError, match="DeadlineExceeded"):
        host02.nodes.list()
    assert cluster.clock.now_ns == before_ns + 20 * S
    assert "host01 Unknown Unreachable" in statuses(cluster, "host02")  # a new call is answered
    cluster.partition(["host02"], ["host03"])  # the leader and its follower
    cluster.clock.call_later(3 * S, cluster.heal)
    before_ns = cluster.clock.now_ns
    assert len(cluster.host("host03").nodes.list()) == 3  # a short cut only delays it
    assert cluster.clock.now_ns <= before_ns + 5 * S


def test_3_7_settling_waits_for_an_election_that_can_succeed():
    cluster = lost(swarm(3, 3), "host01", "host02")
    before_ns = cluster.clock.now_ns
    cluster.settle()
    assert cluster.clock.now_ns == before_ns  # a lost quorum is a settled state
    cluster.host("host01").recover()
    cluster.settle()
    assert statuses(cluster).count("Leader") == 1
    assert "Unknown" not in statuses(cluster)


def test_3_7_a_manager_that_starts_alone_is_still_preparing():
    cluster = lost(swarm(3, 3), "host01", "host02", "host03")
    host01 = cluster.host("host01")
    host01.recover()
    before_ns = cluster.clock.now_ns
    with pytest.raises(NotManager, match="Manager is being prepared or has trouble connecting"):
        host01.nodes.list()
    assert cluster.clock.now_ns == before_ns + 20 * S  # the engine gives its manager so long to come up
    with pytest.raises(NotManager):
        host01.nodes.list()
    assert cluster.clock.now_ns == before_ns + 20 * S
    assert state(host01) == "pending"
    cluster.host("host02").recover()
    cluster.run_for("30s")
    assert state(host01) == "active"
    assert len(host01.nodes.list()) == 3


def test_8_two_managers_one_killed():
    """Second by second, as recorded."""
    cluster = swarm(2, 2)
    host01 = cluster.host("host01")
    host01.services.create(IMAGE, name="q", replicas=2)
    cluster.settle()
    cluster.host("host02").fail()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Reachable"
    cluster.run_for("4s")
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Unreachable"
    before_ns = cluster.clock.now_ns
    with pytest.raises(ApiError) as refusal:
        host01.services.create(IMAGE, name="z")
    # it waited for the quorum until the leader stepped down; then every call fails at once
    assert str(refusal.value).endswith("raft: failed to process the request: node lost leader status")
    assert cluster.clock.now_ns < before_ns + 20 * S
    cluster.run_for("11s")
    no_leader = (
        "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few "
        "managers are online. Make sure more than half of the managers are online.\n"
    )
    for line, prefix in (
        ("docker service create -q -d --name z alpine sleep 1", ""),
        ("docker service scale q=3", "q: "),
        ("docker swarm join-token worker", ""),
        ("docker node demote host02", ""),
        ("docker node ls", ""),
    ):
        assert host01.run(line).stderr == f"{prefix}Error response from daemon: {no_leader}"
    info = host01.swarm.info()
    assert (info.local_state, info.control_available, info.error) == ("active", True, no_leader.strip())
    assert [c.status for c in host01.containers.list()] == ["running"]


# -- a new cluster by force


def test_3_8_11_force_new_cluster():
    cluster = swarm(3, 2)
    host01, host02, host03 = cluster.hosts.values()
    host01.services.create(IMAGE, name="w", replicas=3, publish=["80:80"])
    host01.swarm.update(task_history_limit=2)
    cluster.settle()
    token, old_id = host01.swarm.join_token("manager"), host01.swarm.info().node_id
    lost(cluster, "host02")
    assert host01.swarm.init(force_new_cluster=True) == old_id
    assert host01.swarm.join_token("manager") == token
    assert host01.swarm.record.spec.task_history_limit == 2
    cluster.run_for("10s")
    assert statuses(cluster) == "host01 Ready Leader; host02 Unknown; host03 Ready"
    assert (host01.swarm.info().managers, host01.swarm.info().nodes) == (1, 3)
    cluster.settle()
    assert statuses(cluster) == "host01 Ready Leader; host02 Down; host03 Ready"
    assert len(running(cluster)) == 3
    assert host03.get("host01").status == 200
    node(cluster, "host02").remove()
    cluster.add_host("host04").swarm.join("host01", token=token)
    host01.services.get("w").scale(5)
    cluster.settle()
    assert len(running(cluster)) == 5
    assert host02.up is False
    cluster.check()


def test_8_force_new_cluster_at_the_shell():
    cluster = swarm(2, 2)
    host01 = cluster.host("host01")
    host01.services.create(IMAGE, name="q", replicas=2)
    cluster.settle()
    lost(cluster, "host02")
    node_id, token = host01.member.node_id, host01.member.manager.store.swarm.worker_token
    result = host01.run("docker swarm init --force-new-cluster --task-history-limit 3")
    assert (result.stderr, result.exit) == ("", 0)
    assert result.stdout == (
        f"Swarm initialized: current node ({node_id}) is now a manager.\n\n"
        "To add a worker to this swarm, run the following command:\n\n"
        f"    docker swarm join --token {token} 192.168.65.11:2377\n\n"
        "To add a manager to this swarm, run 'docker swarm join-token manager' and follow the "
        "instructions.\n\n"
    )
    assert host01.swarm.record.spec.task_history_limit == 3
    cluster.run_for("1s")
    table = host01.run(
        "docker service ps q --format '{{.Name}} {{.Node}} {{.DesiredState}} {{.Error}}'"
    ).stdout
    old = next(t for t in host01.tasks.list() if t.state is TaskState.FAILED)
    cut = f"No such container: {old.record.name}"[:29]
    here, there = sorted(t.slot for t in host01.tasks.list() if t.node == "host01")[:1], "host02"
    assert f'q.{here[0]} host01 Shutdown "{cut}…"\n' in table
    assert f"{there} Running \n" in table  # the lost node is unknown, so its task is left alone
    cluster.settle()
    assert host01.run("docker node rm host02").stdout == "host02\n"
    assert host01.run("docker node rm --force host02").stderr == (
        "Error response from daemon: node host02 not found\n"
    )


def test_force_new_cluster_of_a_manager_in_office_and_after_a_restart():
    cluster = swarm(1)
    host01 = cluster.host("host01")
    node_id = host01.member.node_id
    assert host01.swarm.init(force_new_cluster=True) == node_id
    assert statuses(cluster) == "host01 Ready Leader"
    cluster = lost(swarm(3, 3), "host01", "host02", "host03")
    host01 = cluster.host("host01")
    host01.recover()
    assert state(host01) == "pending"
    assert host01.run("docker swarm init --force-new-cluster").exit == 0
    assert statuses(cluster) == "host01 Ready Leader; host02 Unknown; host03 Unknown"
    cluster.host("host02").recover()
    cluster.settle()
    # it is still told to be a manager, so it joins the new ones
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Reachable; host03 Down"
    cluster.check()


def test_force_new_cluster_where_it_is_refused():
    cluster = swarm(3, 2)
    with pytest.raises(Unavailable, match=r"^Node is not a manager$"):
        cluster.host("host03").swarm.init(force_new_cluster=True)
    log = len(cluster.log)
    with pytest.raises(NotModelled, match="other managers of the swarm run"):
        cluster.host("host01").swarm.init(force_new_cluster=True)
    assert len(cluster.log) == log
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready Reachable; host03 Ready"
    alone = cluster.add_host("host04")
    alone.swarm.init(force_new_cluster=True)  # in no swarm: an ordinary one
    assert statuses(cluster, "host04") == "host04 Ready Leader"


# -- nodes that are removed


def test_3_8_12_a_ready_worker_is_removed_by_force_only():
    cluster = swarm(2)
    handle = node(cluster, "host02")
    with pytest.raises(FailedPrecondition, match=f"node {handle.id} is not down and can't be removed"):
        handle.remove()
    handle.remove(force=True)
    assert list(cluster.host("host01").swarm.record.blacklist) == [handle.id]
    with pytest.raises(NotFound):
        node(cluster, "host02")


def test_3_8_13_an_unknown_node_is_removed_without_force():
    cluster = lost(swarm(3, 2), "host02")
    cluster.host("host01").swarm.init(force_new_cluster=True)
    handle = node(cluster, "host02")
    assert handle.record.status.state is NodeState.UNKNOWN
    handle.remove()
    cluster.run_for("10s")
    assert statuses(cluster) == "host01 Ready Leader; host03 Ready"


def test_3_8_14_demotion_and_the_quorum():
    cluster = swarm(3, 3)
    cluster.host("host03").fail()
    cluster.run_for("5s")
    guard = "can't remove member from the raft: this would result in a loss of quorum"
    with pytest.raises(FailedPrecondition, match=guard):
        node(cluster, "host02").demote()
    cluster.host("host03").recover()
    cluster.settle()
    node(cluster, "host03").demote()
    cluster.settle()
    node(cluster, "host02").demote()
    cluster.settle()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready; host03 Ready"
    with pytest.raises(FailedPrecondition, match="last manager"):
        node(cluster, "host01").demote()
    node(cluster, "host01").update(availability="drain")
    assert node(cluster, "host01").availability is Availability.DRAIN


def test_3_8_16_tasks_of_a_removed_node():
    cluster = swarm(3)
    host01 = cluster.host("host01")
    host01.services.create(IMAGE, name="w", replicas=3, publish=["80:80"])
    cluster.settle()
    before = {t.node: t for t in host01.tasks.list()}
    node(cluster, "host03").remove(force=True)
    orphan = before["host03"].record
    assert orphan.status.state is TaskState.ORPHANED
    assert orphan.status.message == "Task belonged to a node that has been deleted"
    assert {before[name].state for name in ("host01", "host02")} == {TaskState.RUNNING}
    cluster.settle()
    assert running(cluster) in (["host01", "host01", "host02"], ["host01", "host02", "host02"])
    cluster.check()


@pytest.mark.parametrize("how", ["restart", "power cut"])
def test_3_8_20_a_removed_node_returns(how):
    cluster = swarm(3)
    host01, host03 = cluster.host("host01"), cluster.host("host03")
    host01.services.create(IMAGE, name="w", replicas=3)
    cluster.settle()
    old_id = host03.member.node_id
    if how == "power cut":
        lost(cluster, "host03")
        assert host01.run("docker node rm host03").stdout == "host03\n"  # Down: without --force
        host03.recover()
    else:
        node(cluster, "host03").remove(force=True)
        host03.stop_engine()
        cluster.run_for("5s")
        host03.start_engine()
    cluster.run_for("1m")
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready"
    assert host03.run("docker info --format '{{json .Swarm}}'").stdout == (
        f'{{"NodeID":"{old_id}","NodeAddr":"192.168.65.13","LocalNodeState":"pending",'
        '"ControlAvailable":false,"Error":"","RemoteManagers":[{"NodeID":"'
        f'{host01.member.node_id}","Addr":"192.168.65.11:2377"}}]}}\n'
    )
    exited = [c.facts.status for c in host03.containers.list(all=True)] if how == "power cut" else []
    assert all("Exited (255)" in str(text) or text == "exited" for text in exited)
    assert host03.run("docker swarm leave").stdout == "Node left the swarm.\n"
    assert host03.containers.list(all=True) == []
    assert host03.run("docker info --format '{{json .Swarm}}'").stdout == (
        '{"NodeID":"","NodeAddr":"","LocalNodeState":"inactive","ControlAvailable":false,"Error":"",'
        '"RemoteManagers":null}\n'
    )
    new_id = host03.swarm.join("host01", token=host01.swarm.join_token())
    assert new_id != old_id
    addresses = [n.record.attachments[0].address for n in host01.nodes.list() if n.name == "host03"]
    assert addresses != ["10.0.0.4/24"]  # as recorded: not its old one
    cluster.check()


# -- address pools


def test_15_pools_stay_with_the_running_engine():
    cluster = Cluster(seed=1, engine="26.1")
    host = cluster.add_host("host01")

    def ingress() -> str:
        return host.networks.get("ingress").record.ipam[0].subnet

    host.swarm.init(default_addr_pool="10.20.0.0/16", default_addr_pool_mask_length=26)
    assert ingress() == "10.20.0.0/26"
    host.swarm.leave(force=True)
    host.swarm.init()
    assert ingress() == "10.20.0.0/26"
    host.swarm.leave(force=True)
    host.stop_engine()
    host.start_engine()
    host.swarm.init()
    assert ingress() == "10.0.0.0/24"


# -- several swarms


def test_several_swarms_in_one_cluster():
    cluster = Cluster(seed=1, engine="26.1")
    a1, a2, b1, b2 = cluster.add_hosts("a1", "a2", "b1", "b2")
    a1.swarm.init()
    b1.swarm.init()
    a2.swarm.join("a1", token=a1.swarm.join_token())
    with pytest.raises(JoinRefused, match="remote CA does not match fingerprint"):
        b2.swarm.join("b1", token=a1.swarm.join_token())
    b2.swarm.join("b1", token=b1.swarm.join_token())
    for host in (a1, b1):
        host.services.create(IMAGE, name="web", replicas=2, publish=["80:80"])
    cluster.settle()
    assert (statuses(cluster, "a1"), statuses(cluster, "b1")) == (
        "a1 Ready Leader; a2 Ready",
        "b1 Ready Leader; b2 Ready",
    )
    of_a = {t.container.id[:12] for t in a1.tasks.list()}
    assert {a2.get("a2").container for _ in range(4)} == of_a
    assert {a2.get("b2").container for _ in range(4)} == {t.container.id[:12] for t in b1.tasks.list()}
    a2.swarm.leave()
    a2.swarm.join("b1", token=b1.swarm.join_token())
    cluster.settle()
    assert statuses(cluster, "a1") == "a1 Ready Leader; a2 Down"
    assert statuses(cluster, "b1") == "a2 Ready; b1 Ready Leader; b2 Ready"
    assert len({a2.get("a2").container for _ in range(4)} & of_a) == 0
    cluster.check()


# -- copies


def test_forks_in_the_middle_of_a_pending_join_and_of_a_lock():
    cluster = swarm(3, 3, autolock=True)
    host01, host03 = cluster.host("host01"), cluster.host("host03")
    host03.stop_engine()
    cluster.run_for("5s")
    host03.start_engine()
    newcomer = cluster.add_host("host04")
    cluster.partition(["host04"])
    with pytest.raises(Unavailable):
        newcomer.swarm.join("host01", token=host01.swarm.join_token())
    twin = cluster.fork()
    for each in (cluster, twin):
        each.heal()
        each.host("host03").swarm.unlock(host01.swarm.unlock_key())
        each.run_for("30s")
        assert (state(each.host("host03")), state(each.host("host04"))) == ("active", "active")
        each.check()
    assert cluster.log.to_jsonl() == twin.log.to_jsonl()
    assert twin.host("host04").member.host is twin.host("host04")

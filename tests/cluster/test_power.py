"""A machine's power and its engine, off and on. Control-plane 4.2 to 4.4; ground truth 7, 19."""

import pytest
from tests.cluster.outages import IMAGE, S, node, running, statuses, swarm

from meshsim import Cluster
from meshsim.errors import ConnectionRefused, EngineDown, Forbidden, NotFound
from meshsim.model.states import NodeState, TaskState

NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
)


@pytest.fixture
def cluster() -> Cluster:
    cluster = swarm(3)
    cluster.host("host01").services.create(IMAGE, name="w", replicas=3, publish=["80:80"])
    cluster.settle()
    return cluster


def test_4_4_a_stopped_engine_is_ready_until_its_heartbeats_are_missed(cluster):
    host02, before_ns = cluster.host("host02"), cluster.clock.now_ns
    host02.stop_engine()
    cluster.run_for("3s")
    assert host02.engine.containers == {}
    cluster.run_for("5s")
    assert node(cluster, "host02").record.status.state is NodeState.READY
    while node(cluster, "host02").record.status.state is NodeState.READY:
        cluster.run_for("100ms")
    # three of the last period chosen, after the last heartbeat
    assert 3 * 4.5 * S - 5.5 * S <= cluster.clock.now_ns - before_ns <= 3 * 5.5 * S + 0.2 * S
    assert node(cluster, "host02").record.status.message == "heartbeat failure"
    cluster.settle()
    assert "host02" not in running(cluster)
    host02.start_engine()
    cluster.settle()
    assert statuses(cluster) == "host01 Ready Leader; host02 Ready; host03 Ready"
    assert "host02" not in running(cluster)  # nothing moves back
    cluster.check()


def test_4_1_the_grace_follows_the_heartbeat_period(cluster):
    host01 = cluster.host("host01")
    host01.swarm.update(dispatcher_heartbeat="20s")
    cluster.run_for("6s")  # from the next heartbeat on
    cluster.host("host02").fail()
    cluster.run_for("37s")
    assert node(cluster, "host02").record.status.state is NodeState.READY
    cluster.run_for("25s")
    assert node(cluster, "host02").record.status.state is NodeState.DOWN


def test_4_4_the_scheduler_may_still_choose_a_node_whose_engine_has_just_stopped(cluster):
    cluster.host("host02").stop_engine()
    late = cluster.host("host01").services.create(IMAGE, name="late", constraint=["node.hostname==host02"])
    cluster.run_for("2s")
    assert [t.state for t in late.tasks()] == [TaskState.ASSIGNED]
    cluster.host("host02").start_engine()
    cluster.settle()
    assert late.running == 1


def test_4_4_a_short_restart_replaces_the_tasks_where_they_were(cluster):
    # the containers are gone, the managers still believe in them (as recorded in ground truth 8)
    host02 = cluster.host("host02")
    (task,) = [t for t in cluster.host("host01").tasks.list() if t.node == "host02"]
    host02.stop_engine()
    cluster.run_for("4s")
    host02.start_engine()
    cluster.settle()
    assert task.state is TaskState.FAILED
    assert task.record.status.err == f"No such container: {task.record.name}"
    assert len(running(cluster)) == 3
    cluster.check()


def test_4_4_an_orderly_stop_costs_no_request(cluster):
    """Names and weights go first, the programs two seconds later."""
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    containers = {host01.get("host01").container for _ in range(3)}
    assert len(containers) == 3
    host02.stop_engine()
    for _ in range(30):
        cluster.run_for("100ms")
        host01.get("host01")
    assert len({host01.get("host01").container for _ in range(6)}) == 2


def test_a_machine_without_engine_refuses_its_published_ports_and_answers_pings(cluster):
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    host02.stop_engine()
    assert host01.get("host02").status == 200  # until its tasks have been stopped, it still forwards
    cluster.run_for("5s")
    with pytest.raises(ConnectionRefused):
        host01.get("host02")
    assert host01.ping("host02")[0].ok
    assert host02.get("host01").status == 200


@pytest.mark.parametrize("fault", ["stop_engine", "fail"])
def test_nobody_answers_at_an_engine_that_is_off(cluster, fault):
    host02 = cluster.host("host02")
    getattr(host02, fault)()
    for ask in (host02.containers.list, host02.swarm.info, host02.nodes.list, host02.networks.list):
        with pytest.raises(EngineDown, match=r"^Cannot connect to the Docker daemon") as refusal:
            ask()
        assert refusal.value.host == "host02"


def test_the_command_line_of_an_engine_that_is_off(cluster):
    host02 = cluster.host("host02")
    host02.stop_engine()
    result = host02.run("docker ps")
    assert (result.stdout, result.stderr, result.exit) == ("", f"{NO_DAEMON}\n", 1)
    assert host02.run("docker ps --nosuch").exit == 125  # the command line itself needs no engine


def test_off_and_on_twice_is_harmless(cluster):
    host02 = cluster.host("host02")
    host02.start_engine()
    host02.stop_engine()
    host02.stop_engine()
    host02.fail()
    host02.fail()
    with pytest.raises(EngineDown):
        host02.start_engine()
    host02.recover()
    host02.recover()
    cluster.settle()
    assert len(running(cluster)) == 3
    cluster.check()


@pytest.mark.parametrize("after", ["1s", "2050ms"], ids=["draining", "stopping"])
@pytest.mark.parametrize("then", ["start", "fail", "fork"])
def test_an_orderly_stop_cut_short(cluster, after, then):
    host02 = cluster.host("host02")
    host02.stop_engine()
    cluster.run_for(after)
    if then == "fork":
        cluster = cluster.fork()
        host02 = cluster.host("host02")
        cluster.run_for("10s")
    if then == "fail":
        host02.fail()
        cluster.run_for("1m")
        host02.recover()
    else:
        host02.start_engine()
    cluster.settle()
    cluster.check()
    assert len(running(cluster)) == 3
    assert all(c.status == "running" for c in host02.containers.list(all=True))


def test_a_task_whose_container_is_removed_by_hand_while_it_starts_is_replaced(cluster):
    host02 = cluster.host("host02")
    web = cluster.host("host01").services.create(IMAGE, name="late", constraint=["node.hostname==host02"])
    cluster.run_until(lambda: any(t.state is TaskState.STARTING for t in web.tasks()))
    (container,) = [c for c in host02.containers.list() if c.name.startswith("late.")]
    container.remove(force=True)
    cluster.settle()
    assert [t.state for t in web.tasks()] == [TaskState.FAILED, TaskState.RUNNING]
    cluster.check()


@pytest.mark.parametrize("how", ["stop_engine", "fail"])
def test_addresses_of_plain_containers_are_given_back_after_a_restart(cluster, how):
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    host01.networks.create("eg1", driver="overlay", attachable=True)
    for host in (host01, host02):
        host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    store = cluster.swarms[0].store

    def attached() -> int:
        return sum(bool(t.shared.spec.attachment) for t in store.tasks.values())

    cluster.run_for("5s")
    assert attached() == 2
    getattr(host02, how)()
    cluster.run_for("5s")
    assert attached() == 2  # nobody could tell the managers
    host02.start_engine() if how == "stop_engine" else host02.recover()
    cluster.settle()
    assert attached() == 1
    cluster.check()


def test_a_removed_node_gets_no_addresses_any_more(cluster):
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    host01.networks.create("eg1", driver="overlay", attachable=True)
    node(cluster, "host02").remove(force=True)
    with pytest.raises(Forbidden, match="was removed from swarm"):
        host02.containers.run("alpine", "sleep 1d", network="eg1", detach=True)


def test_plain_containers_are_stopped_and_stay_so(cluster):
    host02 = cluster.host("host02")
    server = host02.containers.run("nginx", name="server", detach=True)
    deaf = host02.containers.run("alpine", "sleep 1d", name="deaf", detach=True)
    gone = host02.containers.run("alpine", "sleep 1d", name="gone", detach=True, remove=True)
    host02.stop_engine()
    cluster.run_for("20s")
    host02.start_engine()
    cluster.settle()
    assert (server.status, server.exit_code) == ("exited", 0)
    assert (deaf.status, deaf.exit_code) == ("exited", 137)
    with pytest.raises(NotFound):
        gone.container  # noqa: B018 - looked up anew
    outside = Cluster().add_host("alone")
    lonely = outside.containers.run("nginx", detach=True)
    outside.stop_engine()
    outside.start_engine()
    assert lonely.status == "exited"


def test_19_a_power_cut_and_the_return(cluster):
    everywhere = cluster.host("host01").services.create(IMAGE, name="g", mode="global")
    cluster.settle()
    host03 = cluster.host("host03")
    (old,) = [t for t in cluster.host("host01").services.get("w").tasks() if t.node == "host03"]
    host03.fail()
    while node(cluster, "host03").record.status.state is not NodeState.DOWN:
        cluster.run_for("100ms")
    assert old.record.desired is TaskState.SHUTDOWN
    assert old.state is TaskState.RUNNING  # nobody can tell otherwise
    assert everywhere.replicas == "3/2"
    cluster.settle()
    assert cluster.host("host01").services.get("w").replicas == "4/3"
    host03.recover()
    cluster.run_for("1s")
    assert node(cluster, "host03").record.status.state is NodeState.READY
    assert (old.state, old.record.status.err) == (TaskState.FAILED, "task: non-zero exit (255)")
    cluster.settle()
    assert everywhere.replicas == "3/3"
    assert cluster.host("host01").services.get("w").replicas == "3/3"
    assert [t.node for t in cluster.host("host01").services.get("w").tasks() if t.state is TaskState.RUNNING
            and t.node == "host03"] == []  # fmt: skip
    cluster.check()

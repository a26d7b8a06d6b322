"""What a client experiences, typed, with the time it takes and the reason: data-plane 4.4, 5.1, 5.2, 6.1."""

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import (
    ConnectionFailed,
    ConnectionHangs,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
    NameNotResolved,
)

S = 1_000_000_000
MS = 1_000_000


@pytest.fixture
def cluster():
    made = Cluster(1)
    host01, host02 = made.add_hosts("host01", "host02")
    made.add_machine("laptop")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.services.create("nginx", name="web", replicas=2, network=["eg1"], publish=["81:80", "53:80/udp"])
    made.settle()
    host01.containers.run("alpine", "sleep 10d", name="cli", network="eg1", detach=True)
    yield made
    made.check()


def experience(cluster, call, *arguments, **options):
    """The failure, and that virtual time passed by what it took."""
    before_ns = cluster.clock.now_ns
    with pytest.raises(ConnectionFailed) as caught:
        call(*arguments, **options)
    failure = caught.value
    assert cluster.clock.now_ns - before_ns == failure.elapsed_ns
    return failure


def test_refused_at_once_by_a_port_nobody_publishes(cluster):
    failure = experience(cluster, cluster.machines["laptop"].get, "host01:99")
    assert (type(failure), failure.kind) == (ConnectionRefused, "refused")
    assert failure.elapsed_ns == 2 * cluster.profile.lan_latency_ns
    assert failure.why == "no service publishes tcp port 99 on host01, and no container either"
    assert str(failure) == "host01:99: Connection refused"
    assert failure.trace.result == f"refused: {failure.why}"


def test_5_2_refused_while_every_task_is_draining(cluster):
    cluster.host("host01").services.get("web").remove()
    cluster.run_for("1s")
    failure = experience(cluster, cluster.machines["laptop"].get, "host01:81")
    assert failure.kind == "refused"
    assert failure.why.startswith("every task of web has weight 0")
    assert failure.trace.hops[-1].pick.chosen == ""


def test_5_5_7_timeout_when_the_machine_called_is_down(cluster):
    cluster.host("host02").fail()
    failure = experience(cluster, cluster.machines["laptop"].get, "host02:81")
    assert (type(failure), failure.elapsed_ns) == (ConnectionTimedOut, 127 * S)
    assert failure.why == "host02 does not answer"


def test_5_5_8_timeout_while_a_lost_task_is_still_in_turn(cluster):
    laptop = cluster.machines["laptop"]
    cluster.host("host02").fail()
    kinds = []
    for _ in range(2):
        opened = laptop.way_out.connect(cluster.host("host01").address, 81)
        kinds.append("ok" if opened.ok else opened.kind)
    assert sorted(kinds) == ["ok", "timeout"]
    cluster.run_for("5s")
    assert {laptop.get("host01:81").host for _ in range(4)} == {"host01"}


def test_5_5_13_a_hang_is_a_kind_of_its_own(cluster):
    failure = experience(cluster, cluster.host("host01").get, "localhost:81")
    assert (type(failure), failure.kind, failure.elapsed_ns) == (ConnectionHangs, "hang", 127 * S)
    assert isinstance(failure, ConnectionTimedOut)
    assert failure.why == "the engine's placeholder on [::]:81 takes the connection and never answers"
    assert cluster.host("host01").get("127.0.0.1:81").status == 200


def test_4_4_unreachable_after_three_arp_probes(cluster):
    cli = cluster.host("host01").containers.get("cli")
    vip = cluster.host("host01").services.get("web").vip("eg1")
    cluster.host("host01").services.get("web").scale(0)
    cluster.settle()
    failure = experience(cluster, cli.get, vip)
    assert (type(failure), failure.elapsed_ns) == (HostUnreachable, 3 * S)
    assert experience(cluster, cli.get, "web").kind == "unresolved"
    with pytest.raises(NameNotResolved):
        cli.get("web")


def test_reset_when_the_task_of_an_open_connection_is_gone(cluster):
    connection = cluster.machines["laptop"].connect("host01:81")
    connection.request()
    task = next(t for t in cluster.host("host01").tasks.list() if t.id == connection.opened.endpoint_id)
    task.crash(1)
    failure = experience(cluster, connection.request)
    assert (type(failure), failure.kind) == (ConnectionWasReset, "reset")
    again = experience(cluster, connection.request)
    assert (again.elapsed_ns, again.why) == (0, "the connection was lost before")


def test_idle_for_899_s_lives_and_for_more_than_900_s_is_dead(cluster):
    kept, idle = (cluster.machines["laptop"].connect("host01:81") for _ in range(2))
    cluster.run_for("899s")
    kept.request()
    cluster.run_for("899s")
    kept.request()
    failure = experience(cluster, idle.request)
    assert failure.kind == "reset"
    assert failure.why.startswith("ingress_sbox of host01: no such connection (idle for too long")


def test_udp_stays_for_300_s_and_then_takes_a_turn(cluster):
    flow = cluster.machines["laptop"].connect("host01:53", protocol="udp")
    first = flow.request().task
    for _ in range(3):
        cluster.run_for("299s")
        assert flow.request().task == first
    cluster.run_for("301s")
    assert flow.request().task != first


def test_6_1_keep_alive_during_a_drain(cluster):
    """Answered while the weight is 0 and the program runs; ended when it has stopped."""
    host01 = cluster.host("host01")
    connection = cluster.machines["laptop"].connect("host01:81")
    node = connection.request().host
    host01.nodes.get(node).update(availability="drain")
    cluster.run_for("1s")
    sandbox = connection.opened.balanced.sandbox.refresh()
    weights = {d.address: d.weight for s in sandbox.table.services for d in s.destinations}
    assert weights[sandbox.view.rows[connection.opened.endpoint_id].address] == 0
    connection.request()
    fresh = {cluster.machines["laptop"].get("host01:81").host for _ in range(4)}
    assert node not in fresh
    cluster.settle()
    assert experience(cluster, connection.request).kind == "reset"
    assert cluster.machines["laptop"].get(f"{node}:81").host != node, "a drained node still serves"


def test_5_3_host_mode_keeps_the_client_and_is_refused_elsewhere(cluster):
    host01 = cluster.host("host01")
    host01.services.create(
        "nginx",
        name="hm",
        publish=["mode=host,published=8080,target=80"],
        constraint=["node.hostname==host02"],
    )
    cluster.settle()
    laptop = cluster.machines["laptop"]
    assert laptop.get("host02:8080").source == laptop.address
    assert laptop.get("host01:81").source != laptop.address
    assert experience(cluster, laptop.get, "host01:8080").kind == "refused"


def test_a_containers_trace_begins_with_the_name_it_asked_for(cluster):
    cli = cluster.host("host01").containers.get("cli")
    vip = cluster.host("host01").services.get("web").vip("eg1")
    hop = cli.get("web").trace.hops[0]
    assert (hop.rule, hop.namespace, hop.destination) == ("127.0.0.11", "cli", "127.0.0.11:53")
    assert hop.text == f"the embedded DNS answers for web: {vip}"
    assert cli.get(vip).trace.hops[0].rule == "route"
    assert cli.connect("web").opened.trace.hops[0] == hop
    refused = experience(cluster, cli.get, "web:81")
    assert [step.rule for step in refused.trace.hops][:2] == ["127.0.0.11", "route"]
    assert experience(cluster, cli.connect, "web:81").trace.hops[0].rule == "127.0.0.11"
    assert cli.get("web", trace=False).trace is None
    assert repr(cli.get(vip).trace).startswith("<Trace of 6 hops: web.")

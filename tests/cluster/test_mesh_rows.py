"""Rows of data-plane 4.6, 5.5 and 6.6 over whole swarms, under every engine; a test names its row.

The same rows stand in ``tests/dataplane`` for the data plane alone; here managers, agents and engines bring
about what the rows start from.
"""

from collections import Counter

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import (
    ConnectionFailed,
    ConnectionHangs,
    ConnectionRefused,
    ConnectionTimedOut,
    HostUnreachable,
    InvalidArgument,
    NameNotResolved,
)
from meshsim.model.states import TaskState, UpdateState

S = 1_000_000_000
SERVER = "katacoda/docker-http-server"
pytestmark = pytest.mark.parametrize("engine", ["20.10", "26.1", "28", "next"])


def swarm(engine, hosts=2, **options):
    cluster = Cluster(5, engine=engine, **options)
    first, *others = cluster.add_hosts(*(f"n{number}" for number in range(1, hosts + 1)))
    first.swarm.init()
    for host in others:
        host.swarm.join("n1:2377", token=first.swarm.join_token("worker"))
    cluster.add_machine("laptop")
    return cluster


def http(engine, hosts=2, replicas=2, **flags):
    """eg1, service http on it, and a client container on every host."""
    cluster = swarm(engine, hosts)
    manager = cluster.host("n1")
    manager.networks.create("eg1", driver="overlay", attachable=True)
    service = manager.services.create(SERVER, name="http", replicas=replicas, network=["eg1"], **flags)
    cluster.settle()
    clients = [
        host.containers.run("alpine", "sleep 10d", name=f"cli-{host.name}", network="eg1", detach=True)
        for host in cluster.hosts.values()
    ]
    cluster.settle()
    return cluster, service, clients


def lb(engine, hosts=2, replicas=2, **flags):
    """lbapp1 published on 81, and a laptop."""
    cluster = swarm(engine, hosts)
    service = cluster.host("n1").services.create(
        SERVER, name="lbapp1", replicas=replicas, publish=["81:80"], **flags
    )
    cluster.settle()
    return cluster, service, cluster.machines["laptop"]


def asked(client, url, times):
    return [client.get(url).task for _ in range(times)]


def seen_running(service):
    return [task for task in service.tasks() if task.state is TaskState.RUNNING]


def kernel(sandbox):
    """Tasks by name in the kernel's order, with their weights."""
    names = {binding.address: binding.name for binding in sandbox.refresh().known.values()}
    (service,) = sandbox.table.services
    return [(names[d.address], d.weight) for d in service.destinations]


def outcome(call, *arguments):
    try:
        return call(*arguments).task
    except ConnectionFailed as failure:
        return failure.kind


# -- 4.6


def test_4_6_1_newest_first_then_in_turn(engine):
    cluster, service, (client, _) = http(engine)
    sandbox = cluster.host("n1").plane.sandboxes[cluster.host("n1").networks.get("eg1").id]
    order = [name for name, _ in kernel(sandbox)]
    assert asked(client, "http", 4) == order * 2
    assert order[0] != next(t.name for t in service.tasks() if t.node == "n1"), "the remote one came last"


def test_4_6_2_and_3_one_pointer_per_host(engine):
    cluster, _, (first, second) = http(engine)
    other = cluster.host("n1").containers.run("alpine", "sleep 10d", network="eg1", detach=True)
    alternately = [client.get("http").task for _ in range(3) for client in (first, other)]
    assert len(set(alternately[0::2])) == len(set(alternately[1::2])) == 1
    assert alternately[0] != alternately[1]
    assert set(asked(second, "http", 2)) == set(alternately), "n2's own pointer was not moved"


def test_4_6_4_a_newcomer_waits_for_the_end_of_the_round(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=3)
    before = asked(client, "http", 3)
    assert asked(client, "http", 1) == before[:1]
    service.scale(4)
    cluster.settle()
    newest = next(task.name for task in service.tasks() if task.name not in before)
    assert asked(client, "http", 4) == [before[1], before[2], newest, before[0]]


def test_4_6_5_weight_0_is_skipped(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=3)
    c, b, a = asked(client, "http", 3)
    assert asked(client, "http", 1) == [c]
    going = next(task for task in service.tasks() if task.name == b)
    cluster.host("n1").engine.unpublish(going.record)
    assert asked(client, "http", 4) == [a, c, a, c]


def test_4_6_6_the_one_the_pointer_is_on_is_removed(engine):
    _, service, (client,) = http(engine, hosts=1, replicas=3)
    c, b, a = asked(client, "http", 3)
    assert asked(client, "http", 2) == [c, b]
    next(task for task in service.tasks() if task.name == b).crash(1)
    assert asked(client, "http", 2) == [a, c]


def test_4_6_7_the_task_sees_the_clients_host(engine):
    cluster, _, (client, _) = http(engine)
    manager = cluster.host("n1")
    network = manager.networks.get("eg1").id
    assert client.get("http").source == manager.nodes.get("n1").record.attachment(network).ip
    direct = client.resolve("tasks.http").addresses[0]
    assert client.get(direct).source == client.ip("eg1")


def test_4_6_8_the_published_port_means_nothing_inside(engine):
    _, service, (client,) = http(engine, hosts=1, publish=["81:80"])
    with pytest.raises(ConnectionRefused):
        client.get("http:81")
    assert client.get("http:80").task.startswith("http.")
    assert service.vip("eg1") == client.resolve("http").addresses[0]


def test_4_6_9_ping_proves_nothing(engine):
    cluster, service, (client, _) = http(engine)
    service.remove()
    cluster.run_for("1s")
    (reply,) = client.ping(client.resolve("http").addresses[0])
    assert (reply.ok, reply.ttl) == (True, 64)
    with pytest.raises(ConnectionRefused):
        client.get("http")


def test_4_6_10_scaled_to_zero(engine):
    cluster, service, (client, _) = http(engine)
    vip = service.vip("eg1")
    service.scale(0)
    cluster.settle()
    with pytest.raises(NameNotResolved):
        client.get("http")
    assert not client.ping(vip)[0].ok
    with pytest.raises(HostUnreachable) as caught:
        client.get(vip)
    assert caught.value.elapsed_ns == 3 * S


def roll(cluster, service, client, **flags):
    """A rolling update under one request each 50 ms: what became of them."""
    service.update(force=True, **flags)
    found = Counter()
    way, address = client.namespace, service.vip("eg1")
    for _ in range(1200):
        cluster.run_for("50ms")
        visit = way.visit(address, 80)
        found["ok" if visit.ok else visit.kind] += 1
        status = service.record.update_status
        if status is not None and status.state is UpdateState.COMPLETED:
            break
    return found


def test_4_6_11_start_first_never_refuses(engine):
    cluster, service, (client, _) = http(engine, update_order="start-first")
    before = {task.id for task in service.tasks()}
    assert set(roll(cluster, service, client)) == {"ok"}
    cluster.settle()
    running = {task.id for task in service.tasks() if task.state is TaskState.RUNNING}
    assert len(running) == 2
    assert not running & before


def test_4_6_12_stop_first_with_one_replica_has_a_gap(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=1)
    found = roll(cluster, service, client)
    assert found["refused"] * 50 >= 2000, "refused at least while it drains"
    assert set(found) <= {"ok", "refused", "unreachable"}


def test_4_6_13_udp_of_one_port_stays(engine):
    _, service, (client,) = http(engine, hosts=1)
    flow = client.connect("http:80", protocol="udp", source_port=5000)
    assert len({flow.request().task for _ in range(10)}) == 1
    again = [client.connect("http:80", protocol="udp", source_port=5000).request().task for _ in range(3)]
    assert set(again) == {flow.request().task}
    assert service.running == 2


# -- 5.5


def test_5_5_1_two_calls_two_hosts(engine):
    _, service, laptop = lb(engine)
    assert set(asked(laptop, "n1:81", 2)) == {task.name for task in service.tasks()}


def test_5_5_2_a_hundred_calls_three_tasks(engine):
    _, _, laptop = lb(engine, replicas=3)
    assert sorted(Counter(asked(laptop, "n1:81", 100)).values()) == [33, 33, 34]


def test_5_5_3_a_worker_without_task_has_its_own_pointer(engine):
    cluster, service, laptop = lb(engine, hosts=3, replicas=2)
    (idle,) = set(cluster.hosts) - {task.node for task in service.tasks()}
    first = asked(laptop, f"{idle}:81", 4)
    asked(laptop, "n1:81", 1)
    assert asked(laptop, f"{idle}:81", 2) == first[:2]
    assert len(set(first)) == 2


@pytest.mark.parametrize(("row", "entry"), [("5.5-4", "n1"), ("5.5-5", "n2")])
def test_the_task_sees_the_entered_node(engine, row, entry):
    cluster, _, laptop = lb(engine)
    manager = cluster.host("n1")
    ingress = manager.networks.get("ingress").id
    own = manager.nodes.get(entry).record.attachment(ingress).ip
    assert {laptop.get(f"{entry}:81").source for _ in range(4)} == {own}
    assert (row, own) in (("5.5-4", "10.0.0.2"), ("5.5-5", "10.0.0.3"))


def test_5_5_6_a_drained_node_still_serves(engine):
    cluster, service, laptop = lb(engine)
    cluster.host("n1").nodes.get("n1").update(availability="drain")
    cluster.settle()
    assert {task.node for task in service.tasks() if task.state is TaskState.RUNNING} == {"n2"}
    assert {laptop.get("n1:81").host for _ in range(4)} == {"n2"}


def test_5_5_7_and_8_a_node_without_power(engine):
    cluster, service, laptop = lb(engine, hosts=3, replicas=3)
    lost = next(task.name for task in service.tasks() if task.node == "n3")
    cluster.host("n3").fail()
    opened = [laptop.way_out.connect(cluster.host("n2").address, 81) for _ in range(6)]
    assert [one.kind for one in opened if not one.ok] == ["timeout"] * 2, "each time its turn comes"
    cluster.run_for("6s")
    found = asked(laptop, "n2:81", 6)
    assert lost not in found
    with pytest.raises(ConnectionTimedOut) as caught:
        laptop.get("n3:81")
    assert caught.value.elapsed_ns == 127 * S


@pytest.mark.parametrize(("row", "how"), [("5.5-9", "scale"), ("5.5-10", "remove")])
def test_without_tasks_refused_on_every_node(engine, row, how):
    cluster, service, laptop = lb(engine)
    service.scale(0) if how == "scale" else service.remove()
    cluster.settle()
    for host in cluster.hosts:
        with pytest.raises(ConnectionRefused):
            laptop.get(f"{host}:81")
    if row == "5.5-10":
        again = cluster.host("n1").services.create(SERVER, name="other", publish=["81:80"])
        cluster.settle()
        assert laptop.get("n2:81").task.startswith("other.")
        assert again.running == 1


def test_5_5_11_a_port_taken(engine):
    cluster, service, _ = lb(engine)
    with pytest.raises(InvalidArgument) as caught:
        cluster.host("n1").services.create(SERVER, name="x", publish=["81:80"])
    assert f"port '81' is already in use by service 'lbapp1' ({service.id}) as an ingress port" in str(
        caught.value
    )


def test_5_5_12_one_number_two_protocols(engine):
    cluster = swarm(engine, 1)
    host = cluster.host("n1")
    host.services.create(SERVER, name="tcp", publish=["mode=host,published=81,target=80"])
    host.services.create(SERVER, name="udp", publish=["81:80/udp"])
    cluster.settle()
    laptop = cluster.machines["laptop"]
    assert laptop.get("n1:81").task.startswith("tcp.")
    assert laptop.connect("n1:81", protocol="udp").request().task.startswith("udp.")


def test_5_5_13_ipv6_loopback_hangs(engine):
    cluster, _, _ = lb(engine)
    host = cluster.host("n1")
    for url in ("[::1]:81", "localhost:81"):
        with pytest.raises(ConnectionHangs):
            host.get(url)
    assert host.get("127.0.0.1:81").task.startswith("lbapp1.")
    with pytest.raises(ConnectionRefused):
        host.get("[::1]:82")


def test_5_5_14_keep_alive_stays_on_one_task(engine):
    _, _, laptop = lb(engine)
    with laptop.connect("n1:81") as connection:
        found = {connection.request().task for _ in range(10)}
    assert len(found) == 1


def test_5_5_15_a_port_added_start_first_goes_to_the_new_tasks(engine):
    cluster, service, laptop = lb(engine, update_order="start-first", update_delay="5s")
    old = {task.name for task in service.tasks()}
    service.update(publish_add=["82:80"])
    cluster.run_until(lambda: len(seen_running(service)) > 2)
    cluster.run_for("300ms")
    marks = [here.mark for here in cluster.host("n1").plane.ingress.refresh().services.values()]
    assert len(marks) == 2, "a second balancer with its own mark"
    assert not old & set(asked(laptop, "n1:81", 4))
    assert not old & set(asked(laptop, "n1:82", 2))
    cluster.settle()
    assert len(cluster.host("n1").plane.ingress.refresh().services) == 1
    assert len(set(asked(laptop, "n2:81", 4))) == 2


def test_5_5_16_host_mode_is_refused_on_other_nodes(engine):
    cluster = swarm(engine)
    host = cluster.host("n1")
    host.services.create(
        SERVER, name="hm", publish=["mode=host,published=8080,target=80"], constraint=["node.hostname==n1"]
    )
    cluster.settle()
    laptop = cluster.machines["laptop"]
    assert laptop.get("n1:8080").source == laptop.address
    with pytest.raises(ConnectionRefused):
        laptop.get("n2:8080")


# -- 6.6


def test_6_6_1_to_3_a_task_that_is_scaled_away(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=3, stop_grace_period="10s")
    kept = {(connection := client.connect("http")).request().task: connection for _ in range(3)}
    service.scale(2)
    cluster.run_for("1s")
    running = {task.name for task in service.tasks() if task.record.desired is TaskState.RUNNING}
    (going,) = kept.keys() - running
    assert kept[going].request().task == going, "the download goes on"
    assert going not in asked(client, "http", 6)
    assert len(client.resolve("tasks.http").addresses) == 2
    assert client.resolve("http").addresses == [service.vip("eg1")]
    cluster.run_for("500ms")
    assert kept[going].request().task == going
    cluster.settle()
    assert kept[going].hung_up
    assert outcome(kept[going].request) == "reset"


def test_6_6_4_dnsrr_the_address_is_gone_from_the_name_at_once(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=3, endpoint_mode="dnsrr")
    assert len(client.resolve("http").addresses) == 3
    service.scale(2)
    cluster.run_for("300ms")
    assert len(client.resolve("http").addresses) == 2


def test_6_6_5_the_only_replica_is_removed(engine):
    cluster, service, (client,) = http(engine, hosts=1, replicas=1)
    vip = service.vip("eg1")
    service.remove()
    cluster.run_for("1s")
    assert client.resolve("http").addresses == [vip]
    assert client.ping(vip)[0].ok
    with pytest.raises(ConnectionRefused):
        client.get("http")
    cluster.settle()
    assert client.resolve("http").addresses == []
    assert not client.ping(vip)[0].ok


def test_6_6_6_a_crash_skips_the_drain(engine):
    cluster, service, (client,) = http(engine, hosts=1)
    crashed = service.tasks()[0]
    address = crashed.address("eg1")
    crashed.crash(1)
    assert crashed.name not in asked(client, "http", 4), "removed at once on its own host"
    cluster.settle()
    fresh = next(
        task for task in service.tasks() if task.state is TaskState.RUNNING and task.slot == crashed.slot
    )
    assert fresh.address("eg1") != address
    assert len(set(asked(client, "http", 4))) == 2


def test_6_6_7_a_failed_node_and_its_return(engine):
    cluster, _, laptop = lb(engine, hosts=3, replicas=3)
    ingress = cluster.host("n1").plane.ingress
    cluster.partition(["n3"])
    cluster.run_for("6s")
    assert len(kernel(ingress)) == 2
    cluster.heal()
    cluster.run_for("2s")
    assert len(kernel(ingress)) == 3, "back on re-joining, before any manager noticed"
    assert len(set(asked(laptop, "n1:81", 6))) == 3


@pytest.mark.parametrize(("row", "how"), [("6.6-8", "leave"), ("6.6-15", "return")])
def test_nothing_is_remembered_of_who_left_or_came_back_anew(engine, row, how):
    cluster, _, laptop = lb(engine, hosts=3, replicas=3)
    ingress, gone = cluster.host("n1").plane.ingress, cluster.host("n3")
    if how == "leave":
        gone.swarm.leave()
    else:
        gone.fail()
        cluster.run_for("2s")
        gone.recover()
    cluster.run_for("300ms")
    assert len(kernel(ingress)) == 2
    cluster.settle()
    assert len(kernel(ingress)) == 3, "replaced"
    assert {laptop.get("n1:81").status for _ in range(3)} == {200}
    assert row


def test_6_6_16_everybody_agrees_in_the_end(engine):
    cluster, service, _ = lb(engine, hosts=3, replicas=4)
    cluster.partition(["n3"], ["n1", "n2"])
    service.scale(6)
    cluster.run_for("40s")
    cluster.heal()
    cluster.settle()
    cluster.run_for("40s")
    lists = [sorted(kernel(host.plane.ingress)) for host in cluster.hosts.values()]
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]) == 6


# -- 4.4, 4.5, 5.2


def test_4_4_a_task_reaches_itself_through_its_own_name(engine):
    cluster, service, _ = http(engine)
    task = service.tasks()[0]
    found = {task.container.get("http").task for _ in range(4)}
    assert task.name in found
    assert len(found) == 2
    manager = cluster.host("n1")
    own = manager.nodes.get(task.node).record.attachment(manager.networks.get("eg1").id).ip
    assert task.container.get("http").source == own


def test_4_4_the_host_itself_has_no_way_to_a_virtual_address(engine):
    cluster, service, _ = http(engine)
    with pytest.raises(HostUnreachable) as caught:
        cluster.host("n1").get(service.vip("eg1"))
    assert caught.value.elapsed_ns == 0


def test_4_5_direct_routing_shows_the_client_and_a_task_only_itself(engine):
    cluster = swarm(engine)
    manager = cluster.host("n1")
    manager.networks.create("fast", driver="overlay", attachable=True, opt=["dsr"])
    service = manager.services.create(SERVER, name="s", replicas=2, network=["fast"])
    cluster.settle()
    client = manager.containers.run("alpine", "sleep 10d", network="fast", detach=True)
    cluster.settle()
    answers = [client.get("s") for _ in range(4)]
    assert {answer.source for answer in answers} == {client.ip("fast")}
    assert len({answer.task for answer in answers}) == 2
    task = service.tasks()[0]
    assert {task.container.get("s").task for _ in range(4)} == {task.name}


def test_5_2_every_port_of_a_service_shares_one_pointer(engine):
    cluster = swarm(engine, 1)
    cluster.host("n1").services.create(SERVER, name="p", replicas=3, publish=["81:80", "82:80", "53:80/udp"])
    cluster.settle()
    laptop = cluster.machines["laptop"]
    udp = laptop.connect("n1:53", protocol="udp").request().task
    assert len({laptop.get("n1:81").task, laptop.get("n1:82").task, udp}) == 3


def test_5_2_only_draining_tasks_is_refused(engine):
    cluster, service, laptop = lb(engine)
    service.remove()
    cluster.run_for("1s")
    assert all(
        container.running for host in cluster.hosts.values() for container in host.engine.containers.values()
    )
    for host in cluster.hosts:
        with pytest.raises(ConnectionRefused):
            laptop.get(f"{host}:81")


def test_5_2_a_node_that_left_refuses_and_one_that_is_paused_serves(engine):
    cluster, _, laptop = lb(engine, hosts=3)
    cluster.host("n1").nodes.get("n2").update(availability="pause")
    assert laptop.get("n2:81").status == 200
    cluster.host("n3").swarm.leave()
    with pytest.raises(ConnectionRefused):
        laptop.get("n3:81")

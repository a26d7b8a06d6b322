"""Containers put on networks and taken off: data-plane 1.1, 1.6, 2.4, 3.2, 7; ground truth 11, 15, 26."""

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    InvalidParameter,
    NameNotResolved,
    NotFound,
    NotModelled,
)
from meshsim.model.states import TaskState


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(seed=5)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01", token=host01.swarm.join_token())
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.services.create("katacoda/docker-http-server", name="http", replicas=2, network=["eg1"])
    cluster.settle()
    return cluster


@pytest.fixture
def cli(cluster):
    return cluster.host("host01").containers.run("alpine", "sleep 1d", name="cli", detach=True)


def net(cluster, name, host="host01"):
    return cluster.host(host).networks.get(name)


def test_a_running_container_is_put_on_an_overlay_and_taken_off(cluster, cli):
    with pytest.raises(NameNotResolved):
        cli.get("http")
    net(cluster, "eg1").connect("cli", aliases=["box", "kiste"])
    assert cli.ip("eg1") == "10.0.1.7"
    assert len({cli.get("http").container for _ in range(2)}) == 2
    other = cluster.host("host02").containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    cluster.settle()
    for name in ("cli", "box", "kiste", "box.eg1", cli.id[:12]):
        assert other.resolve(name).addresses == ["10.0.1.7"], "known on every host of the network"
    assert other.resolve("7.1.0.10.in-addr.arpa", "PTR").records[0].data == "cli.eg1."
    cluster.check()
    net(cluster, "eg1").disconnect(cli)
    cluster.settle()
    assert other.resolve("box").rcode == "NXDOMAIN"
    with pytest.raises(NameNotResolved):
        cli.get("http")
    with pytest.raises(ConnectionFailed):
        cli.get("10.0.1.2")
    assert "eg1" not in cli.attrs["NetworkSettings"]["Networks"]
    net(cluster, "eg1").connect(cli)
    assert cli.ip("eg1") == "10.0.1.9", "the cursor goes on"
    assert cli.resolve("box").rcode == "NXDOMAIN", "aliases are those of the last time"
    cluster.check()


def test_1_6_a_worker_joins_a_network_with_its_first_container(cluster):
    worker = cluster.add_host("host03")
    worker.swarm.join("host01", token=cluster.host("host01").swarm.join_token())
    late = worker.containers.run("alpine", "sleep 1d", name="late", detach=True)
    assert "eg1" not in [handle.record.name for handle in worker.networks.list()]
    worker.networks.connect("eg1", "late")
    assert "eg1" in [handle.record.name for handle in worker.networks.list()]
    assert late.get("http").status == 200, "bulk sync told it everything"
    worker.networks.get("eg1").disconnect("late")
    assert "eg1" not in [handle.record.name for handle in worker.networks.list()], "its last user has gone"
    assert worker.plane.sandboxes.keys() == {cluster.host("host01").networks.get("ingress").id}


def test_local_bridges(cluster, cli):
    host = cluster.host("host01")
    first, second = host.networks.create("first"), host.networks.create("second", internal=True)
    peer = host.containers.run("nginx", name="peer", network="first", detach=True)
    first.connect(cli, aliases=["me"])
    second.connect(cli)
    assert cli.get("peer").status == 200
    assert peer.resolve("me").addresses == [cli.ip("first")] == ["172.19.0.3"]
    first.disconnect(cli)
    with pytest.raises(NameNotResolved):
        cli.get("peer")
    assert host.containers.run("alpine", "sleep 1d", network="first", detach=True).ip("first") == "172.19.0.3"
    assert (first.subnet, second.subnet) == ("172.19.0.0/16", "172.20.0.0/16")


def test_1_1_docker_gwbridge_takes_what_is_free_when_it_is_first_needed():
    cluster = Cluster(seed=5)
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    cluster.run_for("30s")
    assert "docker_gwbridge" not in [handle.record.name for handle in host.networks.list()]
    assert host.networks.create("mine").subnet == "172.18.0.0/16"
    host.services.create("nginx", name="web", publish=["81:80"])
    cluster.settle()
    published_ns = cluster.clock.now_ns
    cluster.run_for("30s")
    assert host.networks.create("other").subnet == "172.20.0.0/16"
    gateway = host.networks.get("docker_gwbridge")
    assert gateway.subnet == "172.19.0.0/16"
    assert gateway.record.created_ns < published_ns, "when it was needed, not when somebody looked"
    containers = gateway.attrs["Containers"]
    assert containers["ingress-sbox"]["IPv4Address"] == "172.19.0.2/16"
    assert len(containers) == 2
    assert host.get("127.0.0.1:81", trace=True).trace.hops[2].source == "172.19.0.1:32768"


def test_what_a_gateway_is_needed_for_follows_the_networks(cluster, cli):
    host = cluster.host("host01")
    plane = host.plane
    used = set(plane.gateway_pool)
    namespace = plane.namespaces[cli.container.endpoint_id]
    assert namespace.gateway_address == "172.17.0.2"
    net(cluster, "eg1").connect(cli)
    assert namespace.gateway_address == "172.17.0.2", "the bridge it has is way enough"
    net(cluster, "bridge").disconnect(cli)
    assert namespace.gateway_address.startswith("172.18.0.")
    assert set(plane.gateway_pool) == used | {namespace.gateway_address}
    net(cluster, "eg1").disconnect(cli)
    assert (namespace.gateway_address, set(plane.gateway_pool)) == ("", used)
    cluster.check()


def test_7_what_is_refused_changes_nothing(cluster, cli):
    host = cluster.host("host01")
    host.networks.create("n3", driver="overlay")
    host.networks.create("mine")
    eg1 = net(cluster, "eg1")
    eg1.connect(cli)
    net(cluster, "mine").connect(cli)
    task = next(h for h in host.containers.list() if h.container.service_id)
    n3 = (
        "Could not attach to network n3: rpc error: code = PermissionDenied desc = "
        "network n3 not manually attachable"
    )
    no_host = "container cannot be disconnected from host network or connected to host network"
    refusals = [
        (Conflict, "cli is already attached to network eg1", eg1.connect, ("cli",), {}),
        (
            Forbidden,
            "endpoint with name cli already exists in network mine",
            net(cluster, "mine").connect,
            (cli,),
            {},
        ),
        (Forbidden, n3, net(cluster, "n3").connect, (cli,), {}),
        (InvalidParameter, no_host, net(cluster, "host").connect, (cli,), {}),
        (NotFound, "No such container: nosuch", eg1.connect, ("nosuch",), {}),
        (
            NotModelled,
            "connecting a service's container to further networks is not modelled",
            eg1.connect,
            (task,),
            {},
        ),
        (
            NotModelled,
            "disconnecting a service's container from its networks is not modelled",
            eg1.disconnect,
            (task,),
            {},
        ),
        (
            InvalidParameter,
            f"container {cli.id} is not connected to network n3",
            net(cluster, "n3").disconnect,
            (cli,),
            {},
        ),
        (
            InvalidParameter,
            "user specified IP address is supported on user defined networks only",
            host.containers.run,
            ("alpine",),
            {"ip": "172.17.0.9"},
        ),
        (
            InvalidParameter,
            "network-scoped alias is supported only for containers in user defined networks",
            host.containers.run,
            ("alpine",),
            {"network_alias": "x"},
        ),
        (
            InvalidParameter,
            "invalid address 10.9.9.9: It does not belong to any of this network's subnets",
            host.containers.run,
            ("alpine",),
            {"network": "eg1", "ip": "10.9.9.9"},
        ),
        (
            InvalidParameter,
            "invalid IPv4 address: x",
            host.containers.run,
            ("alpine",),
            {"network": "mine", "ip": "x"},
        ),
        (
            Forbidden,
            "Address already in use",
            host.containers.run,
            ("alpine",),
            {"network": "mine", "ip": cli.ip("mine")},
        ),
    ]
    containers = len(host.containers.list(all=True))
    for kind, text, call, args, options in refusals:
        version = cluster.swarms[0].store.version
        with pytest.raises(kind) as caught:
            call(*args, **options)
        assert str(caught.value) == text
        assert len(host.containers.list(all=True)) == containers
        tasks = [t for t in cluster.swarms[0].store.tasks.values() if not t.service_id]
        assert len(tasks) == 1, text
        assert cluster.swarms[0].store.version - version in (0, 2)
        cluster.check()


def test_a_container_with_an_address_of_its_own(cluster, cli):
    host = cluster.host("host01")
    mine = host.networks.create(
        "mine", subnet="172.30.0.0/24", ip_range="172.30.0.128/25", gateway="172.30.0.254"
    )
    assert mine.attrs["IPAM"]["Config"][0]["IPRange"] == "172.30.0.128/25"
    mine.connect(cli, ip="172.30.0.7")
    assert cli.ip("mine") == "172.30.0.7"
    assert host.containers.run("alpine", "sleep 1d", network="mine", detach=True).ip("mine") == "172.30.0.128"
    net(cluster, "eg1").connect(cli, ip="10.0.1.77")
    assert cli.ip("eg1") == "10.0.1.77"
    assert cli.resolve("cli.eg1").addresses == ["10.0.1.77"]


def test_several_networks_from_the_start(cluster):
    host = cluster.host("host01")
    host.networks.create("mine")
    both = host.containers.run(
        "alpine", "sleep 1d", name="both", network=["mine", "eg1"], network_alias="b", detach=True
    )
    assert (both.ip("mine"), both.ip("eg1")) == ("172.19.0.2", "10.0.1.7")
    assert both.resolve("b").addresses == ["172.19.0.2"], "the alias is the first network's"
    assert both.attrs["HostConfig"]["NetworkMode"] == "mine"
    none = host.containers.run("alpine", "sleep 1d", network="none", detach=True)
    private = (
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    )
    with pytest.raises(InvalidParameter) as caught:
        net(cluster, "mine").connect(none)
    assert str(caught.value) == private
    with pytest.raises(NotModelled, match="the network host is not modelled"):
        host.containers.run("alpine", network="host")
    assert len(host.containers.list(all=True)) == 3


def test_a_stopped_container_remembers_its_networks(cluster, cli):
    host, eg1 = cluster.host("host01"), net(cluster, "eg1")
    host.networks.create("mine")
    eg1.connect(cli)
    cli.stop(0)
    shown = cli.attrs["NetworkSettings"]["Networks"]
    assert {name: plug["IPAddress"] for name, plug in shown.items()} == {"bridge": "", "eg1": ""}
    assert [t for t in cluster.swarms[0].store.tasks.values() if not t.service_id] == []
    eg1.disconnect(cli)
    assert list(cli.attrs["NetworkSettings"]["Networks"]) == ["bridge"]
    with pytest.raises(InvalidParameter, match=f"container {cli.id} is not connected to the network eg1"):
        eg1.disconnect(cli)
    for _ in range(2):
        eg1.connect(cli)
        host.networks.connect("mine", cli)
    assert list(cli.attrs["NetworkSettings"]["Networks"]) == ["bridge", "eg1", "mine"]
    assert len(cli.container.attachments) + len(cli.container.local_networks) == 3
    host.networks.get("mine").remove()
    with pytest.raises(NotFound, match=r"^network nosuch not found$"):
        host.networks.connect("nosuch", cli)
    host.networks.disconnect("mine", cli)
    with pytest.raises(InvalidParameter, match="is not connected to the network nosuch"):
        host.networks.disconnect("nosuch", cli, force=True)


def test_disconnecting_by_id_and_from_a_network_that_is_gone(cluster, cli):
    host = cluster.host("host01")
    mine = host.networks.create("mine")
    mine.connect(cli)
    with pytest.raises(NotFound, match=r"^network nosuch not found$"):
        host.networks.disconnect("nosuch", cli)
    host.networks.disconnect(mine.id[:12], cli)
    assert list(cli.attrs["NetworkSettings"]["Networks"]) == ["bridge"]


def test_an_address_asked_for_is_forgotten_with_the_connection(cluster, cli):
    host = cluster.host("host01")
    mine = host.networks.create("mine", subnet="172.30.0.0/24")
    host.containers.run("alpine", "sleep 1d", network="mine", detach=True)
    with pytest.raises(Forbidden, match=r"^Address already in use$"):
        mine.connect(cli, ip="172.30.0.2", aliases="a")
    mine.connect(cli)
    assert cli.ip("mine") == "172.30.0.3"
    assert cli.container.aliases[mine.id] == ()
    mine.disconnect(cli)
    mine.connect(cli, ip="172.30.0.77")
    mine.disconnect(cli)
    mine.connect(cli)
    assert cli.ip("mine") == "172.30.0.3"


def test_a_running_container_finds_a_local_network_full(cluster, cli):
    small = cluster.host("host01").networks.create("small", subnet="172.30.0.0/30")
    cluster.host("host01").containers.run("alpine", "sleep 1d", network="small", detach=True)
    with pytest.raises(Forbidden, match="no available IPv4 addresses"):
        small.connect(cli)
    assert list(cli.attrs["NetworkSettings"]["Networks"]) == ["bridge"]
    cluster.check()


def test_prune_takes_what_nobody_uses(cluster, cli):
    host, worker = cluster.hosts.values()
    for name in ("free", "used"):
        host.networks.create(name)
        host.networks.create(f"o{name}", driver="overlay", attachable=True)
    net(cluster, "used").connect(cli)
    net(cluster, "oused").connect(cli)
    worker.networks.create("theirs")
    assert host.networks.prune() == ("ofree", "free")
    assert host.networks.prune() == ()
    assert worker.networks.prune() == ("theirs",), "a worker prunes its own"
    names = [handle.record.name for handle in host.networks.list()]
    assert sorted(names) == ["bridge", "docker_gwbridge", "eg1", "host", "ingress", "none", "oused", "used"]


def test_prune_with_filters(cluster):
    host = cluster.host("host01")
    host.networks.create("old", label=["keep=yes"])
    cluster.run_for("1h")
    host.networks.create("young", label=["keep=no", "x"])
    host.networks.create("plain", driver="overlay")
    prune = host.networks.prune
    assert prune({"label": ["keep=maybe"]}) == prune({"until": ["2h"]}) == ()
    assert prune({"until": ["10m"], "label!": ["keep=yes"]}) == ()
    assert prune({"label!": ["keep"]}) == ("plain",)
    assert prune({"until": ["2026-01-01T00:30:00Z"]}) == ("old",)
    assert prune({"label": ["keep", "x"]}) == ("young",)
    for wrong, sentence in (
        ({"driver": ["x"]}, "invalid filter 'driver'"),
        ({"until": ["1h", "2h"]}, "more than one until filter specified"),
    ):
        with pytest.raises(InvalidParameter, match=f"^{sentence}$"):
            prune(wrong)
    with pytest.raises(InvalidParameter):
        prune({"until": ["yesterday"]})


@pytest.mark.parametrize("engine", ["20.10", "26.1", "28", "next"])
def test_7_a_local_network_in_use(engine):
    cluster = Cluster(engine=engine)
    (host,) = cluster.add_hosts("host01")
    mine = host.networks.create("mine")
    cli = host.containers.run("alpine", "sleep 1d", name="cli", network="mine", detach=True)
    endpoint = cli.attrs["NetworkSettings"]["Networks"]["mine"]["EndpointID"]
    told = {
        "20.10": f"network mine id {mine.id} has active endpoints",
        "28": f'network mine has active endpoints (name:"cli" id:"{endpoint[:12]}")',
    }
    with pytest.raises(Forbidden) as caught:
        mine.remove()
    era = "20.10" if engine in ("20.10", "26.1") else "28"
    assert str(caught.value) == f"error while removing network: {told[era]}"
    cli.stop(0)
    mine.remove()
    assert host.networks.create("again").subnet == {
        "20.10": "172.19.0.0/16", "26.1": "172.19.0.0/16", "28": "172.18.0.0/16", "next": "172.18.0.0/16"
    }[engine]  # fmt: skip


def test_7_docker_gwbridge_cannot_be_removed_while_ingress_is_on_it(cluster):
    with pytest.raises(Forbidden, match="network docker_gwbridge has active endpoints"):
        net(cluster, "docker_gwbridge").remove()


def test_2_4_a_small_local_network_is_full():
    cluster = Cluster()
    (host,) = cluster.add_hosts("host01")
    small = host.networks.create("small", subnet="172.30.0.0/30")
    host.containers.run("alpine", "sleep 1d", network="small", detach=True)
    with pytest.raises(Forbidden) as caught:
        host.containers.run("alpine", "sleep 1d", network="small", detach=True)
    assert (
        str(caught.value)
        == f"no available IPv4 addresses on this network's address pools: small ({small.id})"
    )
    assert len(host.containers.list(all=True)) == 1
    with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
        host.networks.create("again", subnet="172.30.0.0/24")
    with pytest.raises(NotModelled, match="several subnets"):
        host.networks.create("two", subnet=["172.30.1.0/24", "172.30.2.0/24"])


NO_POOL = (
    "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the "
    "network"
)


@pytest.mark.parametrize(
    ("engine", "text"),
    [("28", "all predefined address pools have been fully subnetted"), ("26.1", NO_POOL)],
)
def test_2_4_no_local_subnet_is_left(engine, text):
    cluster = Cluster(engine=engine)
    (host,) = cluster.add_hosts("host01")
    # 15 /16 and 16 /20, without docker0's and the one that overlaps 192.168.65.0/24
    subnets = [host.networks.create(f"n{number}").subnet for number in range(29)]
    assert subnets[13:15] == ["172.31.0.0/16", "192.168.0.0/20"]
    assert "192.168.64.0/20" not in subnets
    with pytest.raises(Forbidden) as caught:
        host.networks.create("one-more")
    assert str(caught.value) == text


def test_2_4_a_plain_container_finds_no_address(cluster, cli):
    host = cluster.host("host01")
    tiny = host.networks.create("tiny", driver="overlay", attachable=True, subnet="10.9.0.0/30")
    before = cluster.clock.now_ns
    text = (
        "Could not attach to network tiny: attaching to network failed, make sure your network options are "
        "correct and check manager logs: context deadline exceeded"
    )
    with pytest.raises(ApiError) as caught:  # .1 gateway, .2 the container, nothing for its node
        tiny.connect(cli)
    assert str(caught.value) == text
    assert cluster.clock.now_ns - before == 20_000_000_000
    assert [t for t in cluster.swarms[0].store.tasks.values() if not t.service_id] == []
    cluster.check()


def test_leaving_a_swarm_keeps_plain_containers_on_their_local_networks(cluster, cli):
    """Ground truth 15: leave --force removes service containers and overlays, keeps the rest."""
    host = cluster.host("host02")
    host.networks.create("mine")
    one, two = (
        host.containers.run(
            "nginx", name=name, network=["mine", "eg1"], publish="8080:80" if not n else (), detach=True
        )
        for n, name in enumerate(("one", "two"))
    )
    host.swarm.leave()
    cluster.settle()
    assert [handle.name for handle in host.containers.list()] == ["two", "one"]
    assert two.get("one").status == 200
    assert host.get("127.0.0.1:8080").status == 200
    assert list(one.attrs["NetworkSettings"]["Networks"]) == ["mine"]
    names = [handle.record.name for handle in host.networks.list()]
    assert names == ["bridge", "host", "none", "docker_gwbridge", "mine"]
    cluster.check()


def test_a_power_cut_frees_local_addresses(cluster, cli):
    host = cluster.host("host01")
    host.networks.create("mine")
    host.containers.run("alpine", "sleep 1d", network="mine", detach=True)
    host.fail()
    cluster.run_for("1m")
    host.recover()
    cluster.settle()
    assert host.containers.run("alpine", "sleep 1d", network="mine", detach=True).ip("mine") == "172.19.0.2"
    cluster.check()


def test_a_power_cut_in_the_moment_of_attaching_loses_no_address(cluster):
    host, store = cluster.host("host01"), cluster.swarms[0].store
    before = list(store.tasks)
    host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    (task_id,) = [i for i in store.tasks if i not in before]
    assert store.tasks[task_id].state < TaskState.RUNNING
    host.fail()
    cluster.run_for("10s")
    host.recover()
    cluster.settle()
    assert task_id not in store.tasks
    cluster.check()


def test_a_service_without_networks_is_on_the_default_bridge(cluster):
    """Source: moby daemon/cluster/executor/container/container.go hostConfig: no network, default mode."""
    host = cluster.host("host01")
    service = host.services.create("nginx", name="plain", constraint="node.hostname==host01")
    cluster.settle()
    (task,) = service.tasks()
    assert task.container.ip("bridge") == "172.17.0.2"
    cli = host.containers.run("alpine", "sleep 1d", detach=True)
    assert cli.get("172.17.0.2").status == 200
    service.remove()
    cluster.settle()
    assert host.containers.run("alpine", "sleep 1d", detach=True).ip("bridge") == "172.17.0.2"


@pytest.mark.parametrize("seed", range(4))
def test_addresses_on_the_gateway_bridge_are_the_same_whenever_somebody_looks(seed):
    """They are given when somebody looks, in the order in which containers began."""

    def ways(host):
        networks = [(n.name, n.id, n.subnet, n.created_ns) for n in host.engine.networks]
        addresses = [(eid, namespace.gateway_address) for eid, namespace in host.plane.namespaces.items()]
        return networks, addresses, sorted(host.plane.gateway_pool or ())

    def story(look):
        cluster = Cluster(seed=seed)
        hosts = cluster.add_hosts("host01", "host02")
        hosts[0].swarm.init()
        hosts[1].swarm.join("host01", token=hosts[0].swarm.join_token())
        hosts[0].networks.create("eg1", driver="overlay", attachable=True)
        web = hosts[0].services.create("nginx", name="web", replicas=5, network=["eg1"])
        for step in (
            lambda: None,
            lambda: hosts[0].services.create("nginx", name="shown", replicas=3, publish=["81:80"]),
            lambda: hosts[1].networks.create("mine"),
            lambda: hosts[1].containers.run("nginx", name="own", network="eg1"),
            lambda: web.scale(1),
            lambda: web.scale(7),
            lambda: (hosts[1].fail(), cluster.run_for("1m"), hosts[1].recover()),
            lambda: hosts[1].swarm.leave(force=True),
        ):
            step()
            cluster.settle()
            for host in hosts if look else ():
                ways(host)
        cluster.check()
        return [ways(host) for host in hosts], cluster.log.digest()

    late = story(look=False)
    assert late == story(look=True)
    assert any(address.startswith("172.1") for _, addresses, _ in late[0] for _, address in addresses)

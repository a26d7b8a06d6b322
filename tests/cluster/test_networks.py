"""Networks and their addresses in whole swarms: every row of data-plane 1.8 and 2.6, its 1.3 to 1.7 and 2.4.

Run under profile 28 and under 26.1; where the two differ the row says so.
"""

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import (
    AlreadyExists,
    ApiError,
    BadValue,
    Conflict,
    FailedPrecondition,
    Forbidden,
    HostUnreachable,
    InvalidArgument,
    InvalidParameter,
    NotFound,
    NotManager,
    NotModelled,
)

IMAGE = "katacoda/docker-http-server"
RPC = "rpc error: code = {} desc = {}"
BAD_NAME = RPC.format("InvalidArgument", "name must be valid as a DNS name component")


def swarm(engine="28", hosts=2, **init):
    cluster = Cluster(seed=4, engine=engine)
    first, *others = cluster.add_hosts(*(f"host{n:02d}" for n in range(1, hosts + 1)))
    first.swarm.init(**init)
    for other in others:
        other.swarm.join("host01", token=first.swarm.join_token())
    return cluster


@pytest.fixture(params=["28", "26.1"])
def engine(request):
    return request.param


@pytest.fixture
def cluster(engine):
    return swarm(engine)


@pytest.fixture
def host(cluster):
    return cluster.host("host01")


def overlay(host, name, **options):
    return host.networks.create(name, driver="overlay", **options)


def vxlan(handle):
    return handle.record.vxlan_ids


def lb(cluster, host, network):
    """A node's own address on a network, or None."""
    node = cluster.swarms[0].store.nodes[cluster.host(host).member.node_id]
    place = node.attachment(cluster.host("host01").networks.get(network).id)
    return place and place.ip


def states(service):
    return [task.record.state.name for task in service.tasks()]


def addresses(service, network="eg1"):
    return [task.address(network) for task in service.tasks()]


def log_of(cluster):
    return cluster.log.to_jsonl()


# -- 1.8


def test_1_8_1_swarm_init(cluster, host):
    ingress = host.networks.get("ingress")
    assert (ingress.subnet, ingress.record.ipam[0].gateway, vxlan(ingress)) == (
        "10.0.0.0/24",
        "10.0.0.1",
        (4096,),
    )
    assert (lb(cluster, "host01", "ingress"), lb(cluster, "host02", "ingress")) == ("10.0.0.2", "10.0.0.3")
    assert ingress.attrs["Containers"]["ingress-sbox"]["IPv4Address"] == "10.0.0.2/24"
    assert (ingress.attrs["Ingress"], ingress.attrs["Attachable"]) == (True, False)


def test_1_8_2_to_4_subnets_and_vxlan_ids(host, engine):
    eg1, app1 = overlay(host, "eg1"), overlay(host, "app1-network")
    assert [(n.subnet, vxlan(n)) for n in (eg1, app1)] == [("10.0.1.0/24", (4097,)), ("10.0.2.0/24", (4098,))]
    app1.remove()
    again = overlay(host, "x")
    expected = "10.0.2.0/24" if engine == "28" else "10.0.3.0/24"
    assert (again.subnet, vxlan(again)) == (expected, (4099,))


def test_1_8_5_a_given_subnet_is_skipped(host):
    overlay(host, "eg1")
    overlay(host, "given", subnet="10.0.3.0/24")
    assert [overlay(host, f"n{n}").subnet for n in range(3)] == ["10.0.2.0/24", "10.0.4.0/24", "10.0.5.0/24"]


def test_1_8_6_an_overlapping_subnet_is_accepted_and_never_allocated(cluster, host):
    eg1 = overlay(host, "eg1")
    bad = overlay(host, "bad", subnet="10.0.1.0/24")
    assert (bad.subnet, bad.attrs["Driver"], bad.attrs["IPAM"]["Config"]) == ("", "", None)
    service = host.services.create(IMAGE, name="s", network=["bad"])
    cluster.run_for("10m")
    assert states(service) == ["NEW"]
    assert [task.record.status.err for task in service.tasks()] == [""]
    assert "invalid pool request: Pool overlaps with other one on this address space" in log_of(cluster)
    eg1.remove()  # something is given back: the allocator tries again
    cluster.settle()
    assert (bad.subnet, states(service)) == ("10.0.1.0/24", ["RUNNING"])
    cluster.check()


def test_1_8_7_another_default_pool(engine):
    cluster = swarm(engine, default_addr_pool=["20.20.0.0/16"])
    host = cluster.host("host01")
    assert [host.networks.get("ingress").subnet, overlay(host, "a").subnet] == [
        "20.20.0.0/24",
        "20.20.1.0/24",
    ]
    small = swarm(engine, default_addr_pool=["10.20.0.0/16"], default_addr_pool_mask_length=26).host("host01")
    assert [small.networks.get("ingress").subnet, overlay(small, "a").subnet] == [
        "10.20.0.0/26",
        "10.20.0.64/26",
    ]


@pytest.mark.parametrize(
    ("row", "pool", "length", "text"),
    [
        (8, "10.0.0.0/8", 30, "subnet size is out of range: 30"),
        (9, "10.0.0.0/24", 16, 'invalid CIDR: "10.0.0.0/24". Subnet size is too small for pool: 16'),
    ],
)
def test_1_8_8_and_9_pools_refused(engine, row, pool, length, text):
    host = Cluster(engine=engine).add_host("host01")
    with pytest.raises(ApiError) as caught:
        host.swarm.init(default_addr_pool=[pool], default_addr_pool_mask_length=length)
    assert str(caught.value) == text
    assert host.member is None


@pytest.mark.parametrize("name", ["a.b", "-a", "a-", "_a", "a b"])
def test_1_8_10_names(host, name):
    with pytest.raises(InvalidArgument) as caught:
        overlay(host, name)
    assert str(caught.value) == BAD_NAME


def test_1_8_10_long_and_empty_names(host):
    with pytest.raises(InvalidArgument) as caught:
        overlay(host, "a" * 64)
    assert str(caught.value) == RPC.format("InvalidArgument", "name must be 63 characters or fewer")
    assert overlay(host, "a" * 63).record.name == "a" * 63
    for driver in ("overlay", "bridge"):
        with pytest.raises(InvalidParameter, match=r"^invalid name: name is empty$"):
            host.networks.create(" ", driver=driver)


def test_1_8_11_a_name_twice(host):
    overlay(host, "eg1")
    for driver in ("overlay", "bridge"):
        with pytest.raises(Conflict, match=r"^network with name eg1 already exists$"):
            host.networks.create("eg1", driver=driver)
    with pytest.raises(ApiError) as caught:
        overlay(host, "EG1")
    assert str(caught.value) == RPC.format("Unknown", "name conflicts with an existing object")
    assert host.networks.create("EG1").subnet == "172.18.0.0/16", "a local name may differ in case only"
    host.networks.create("mine")
    with pytest.raises(Conflict, match=r"^network with name mine already exists$"):
        overlay(host, "mine")


@pytest.mark.parametrize("name", ["host", "bridge", "none"])
def test_1_8_12_predefined_names(host, name):
    for driver in ("overlay", "bridge"):
        with pytest.raises(Forbidden) as caught:
            host.networks.create(name, driver=driver)
        assert str(caught.value) == f"operation is not permitted on predefined {name} network "
    with pytest.raises(Forbidden, match=f"^{name} is a pre-defined network and cannot be removed$"):
        host.networks.get(name).remove()


def test_1_8_13_two_subnets(cluster, host):
    two = overlay(host, "two", subnet=["10.5.0.0/24", "10.6.0.0/30"])
    assert [state.gateway for state in two.record.ipam] == ["10.5.0.1", "10.6.0.1"]
    assert vxlan(two) == (4097, 4098)
    service = host.services.create(IMAGE, name="s", network=["two"])
    cluster.settle()
    assert (service.vip("two"), addresses(service, "two")) == ("10.5.0.2", ["10.5.0.3"])


def test_1_8_14_a_gateway_outside(host):
    with pytest.raises(BadValue, match=r"^no matching subnet for gateway 192\.168\.2\.1$"):
        overlay(host, "n", subnet="192.168.1.0/24", gateway="192.168.2.1")


def test_1_8_15_a_small_subnet_is_accepted(host):
    assert overlay(host, "n", subnet="1.1.1.1/32").subnet == "1.1.1.1/32"
    assert overlay(host, "m", subnet="10.79.0.0/30").subnet == "10.79.0.0/30"


def test_1_8_16_vxlan_ids_of_ones_own(cluster, host):
    opt = {"com.docker.network.driver.overlay.vxlanid_list": "7000,7001,7002"}
    two = overlay(host, "two", subnet=["10.5.0.0/24", "10.6.0.0/24"], opt=opt)
    assert vxlan(two) == (7000, 7001)
    assert two.attrs["Options"] == {"com.docker.network.driver.overlay.vxlanid_list": "7000,7001"}
    assert overlay(host, "again", opt=opt).subnet == ""
    assert "could not assign vxlan id 7000 to pool" in log_of(cluster)


def test_1_8_17_a_network_in_use(cluster, host):
    eg1 = overlay(host, "eg1", attachable=True)
    service = host.services.create(IMAGE, name="http", network=["eg1"])
    with pytest.raises(FailedPrecondition) as caught:
        eg1.remove()
    assert str(caught.value) == RPC.format(
        "FailedPrecondition", f"network {eg1.id} is in use by service {service.id}"
    )
    service.remove()
    cluster.settle()
    cli = host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    task = next(iter(cli.container.attachment_tasks.values()))
    with pytest.raises(FailedPrecondition) as caught:
        eg1.remove()
    assert str(caught.value) == RPC.format("FailedPrecondition", f"network {eg1.id} is in use by task {task}")
    cli.remove(force=True)
    eg1.remove()


def test_1_8_18_ingress_in_use(cluster, host):
    service = host.services.create(IMAGE, name="lbapp1", publish=["81:80"])
    with pytest.raises(FailedPrecondition) as caught:
        host.networks.get("ingress").remove()
    assert str(caught.value) == RPC.format(
        "FailedPrecondition", f"ingress network cannot be removed because service {service.id} depends on it"
    )


def test_1_8_19_what_a_worker_lists(cluster, host):
    overlay(host, "eg1")
    worker = cluster.host("host02")
    names = [handle.record.name for handle in worker.networks.list()]
    assert sorted(names) == ["bridge", "host", "ingress", "none"]
    host.services.create(IMAGE, name="lbapp1", publish=["81:80"], constraint="node.hostname==host01")
    cluster.settle()
    names = [handle.record.name for handle in worker.networks.list()]
    assert sorted(names) == ["bridge", "docker_gwbridge", "host", "ingress", "none"]
    with pytest.raises(NotFound, match=r"^network eg1 not found$"):
        worker.networks.get("eg1")
    with pytest.raises(NotManager, match="Worker nodes can't be used"):
        worker.networks.get("ingress").remove()


# -- 1.2: the ingress network anew


def test_1_2_ingress_is_removed_and_made_anew(cluster, host):
    worker = cluster.host("host02")
    host.networks.get("ingress").remove()
    cluster.settle()
    assert [h.plane.ingress for h in (host, worker)] == [None, None]
    refusal = RPC.format(
        "FailedPrecondition", "service needs ingress network, but no ingress network is present"
    )
    plain = host.services.create(IMAGE, name="plain")
    for call in (
        lambda: host.services.create(IMAGE, publish=["81:80"]),
        lambda: plain.update(publish_add=["81:80"]),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            call()
        assert str(caught.value) == refusal
    mine = overlay(host, "mine", ingress=True, subnet="10.200.0.0/24")
    with pytest.raises(AlreadyExists) as caught:
        overlay(host, "second", ingress=True)
    assert str(caught.value) == RPC.format("AlreadyExists", f"ingress network ({mine.id}) is already present")
    plain.update(publish_add=["81:80"])
    cluster.settle()
    assert (plain.vip("mine"), plain.tasks()[-1].address("mine")) == ("10.200.0.4", "10.200.0.5")
    assert {lb(cluster, name, "mine") for name in ("host01", "host02")} == {"10.200.0.2", "10.200.0.3"}
    assert [h.get("127.0.0.1:81").status for h in (host, worker)] == [200, 200]
    late = cluster.add_host("host03")
    late.swarm.join("host01", token=host.swarm.join_token())
    assert late.get("host03:81").status == 200
    cluster.check()


# -- 1.5: options


@pytest.mark.parametrize(
    ("opt", "mtu"),
    [
        ({}, 1450),
        ({"encrypted": ""}, 1424),
        ({"com.docker.network.driver.mtu": "1400"}, 1350),
        ({"com.docker.network.driver.mtu": "9000", "encrypted": ""}, 8924),
    ],
)
def test_1_5_mtu_and_encryption(cluster, host, opt, mtu):
    network = overlay(host, "n", attachable=True, opt=opt)
    assert {k: v for k, v in network.attrs["Options"].items() if "vxlan" not in k} == opt
    cli = host.containers.run("alpine", "sleep 1d", network="n", detach=True)
    from meshsim.dataplane import cards

    assert [card.mtu for card in cards(cli.namespace)] == [65536, mtu, 1500]


def test_1_5_an_internal_network_leads_nowhere(cluster, host):
    inside = overlay(host, "inside", attachable=True, internal=True)
    web = host.services.create(IMAGE, name="web", network=["inside"])
    host.services.create(IMAGE, name="front", publish=["81:80"])
    cluster.settle()
    cli = host.containers.run("alpine", "sleep 1d", network="inside", detach=True)
    assert cli.get("web").status == 200
    assert inside.attrs["Internal"] is True
    with pytest.raises(HostUnreachable):
        cli.get("192.168.65.11:81")
    assert cli.resolve("example.test").rcode == "SERVFAIL"
    host.networks.connect("bridge", cli)
    assert cli.get("192.168.65.11:81").status == 200
    assert cli.resolve("example.test").rcode == "NXDOMAIN"
    assert web.running == 1


def test_1_5_the_first_address_follows_gateway_and_range(cluster, host):
    far = overlay(host, "far", subnet="10.7.0.0/24", gateway="10.7.0.254")
    ranged = overlay(host, "ranged", subnet="10.9.0.0/16", ip_range="10.9.3.0/24")
    service = host.services.create(IMAGE, name="s", network=["far", "ranged"])
    cluster.settle()
    assert (far.record.ipam[0].gateway, service.vip("far")) == ("10.7.0.254", "10.7.0.1")
    assert (ranged.record.ipam[0].gateway, service.vip("ranged")) == ("10.9.3.0", "10.9.3.1")
    assert addresses(service, "ranged") == ["10.9.3.2"]


@pytest.mark.parametrize(
    ("driver", "kind", "text"),
    [
        ("foo", NotFound, 'plugin "foo" not found'),
        ("host", Forbidden, 'only one instance of "host" network is allowed'),
        ("macvlan", NotModelled, "networks of driver macvlan are not modelled"),
    ],
)
def test_7_drivers(host, driver, kind, text):
    with pytest.raises(kind) as caught:
        host.networks.create("n", driver=driver)
    assert str(caught.value) == text


def test_addresses_left_alone(cluster, host):
    aside = {"router": "172.30.0.2"}
    host.networks.create("mine", subnet="172.30.0.0/24", aux_address=aside)
    assert host.containers.run("alpine", "sleep 1d", network="mine", detach=True).ip("mine") == "172.30.0.3"
    with pytest.raises(BadValue, match=r"^no matching subnet for aux-address 172\.31\.0\.2$"):
        host.networks.create("n", subnet="172.30.1.0/24", aux_address={"a": "172.31.0.2"})
    with pytest.raises(Forbidden, match="Address already in use"):
        host.networks.create("n", subnet="172.30.1.0/24", aux_address={"a": "172.30.1.1"})
    assert host.networks.create("n", subnet="172.30.1.0/24").subnet == "172.30.1.0/24", (
        "nothing was left behind"
    )
    eg1 = overlay(host, "eg1", subnet="10.5.0.0/24", aux_address={"a": "10.5.0.2"})
    service = host.services.create(IMAGE, network=["eg1"])
    assert service.vip("eg1") == "10.5.0.2", "a swarm ignores them"
    assert eg1.record.ipam[0].gateway == "10.5.0.1"


# -- 2.6


def seed_sequence(cluster, host):
    overlay(host, "eg1", attachable=True)
    service = host.services.create(IMAGE, name="http", replicas=2, network=["eg1"])
    cluster.settle()
    return service


def test_2_6_1_the_seeds_sequence(cluster, host):
    service = seed_sequence(cluster, host)
    assert host.networks.get("eg1").record.ipam[0].gateway == "10.0.1.1"
    assert (service.vip("eg1"), addresses(service)) == ("10.0.1.2", ["10.0.1.3", "10.0.1.4"])
    assert {lb(cluster, name, "eg1") for name in ("host01", "host02")} == {"10.0.1.5", "10.0.1.6"}
    dig = host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    assert dig.ip("eg1") == "10.0.1.7"
    dig.remove(force=True)
    assert host.containers.run("alpine", "sleep 1d", network="eg1", detach=True).ip("eg1") == "10.0.1.8"


def test_2_6_2_one_node_three_replicas(engine):
    cluster = swarm(engine, hosts=1)
    host = cluster.host("host01")
    overlay(host, "eg1")
    service = host.services.create(IMAGE, name="http", replicas=3, network=["eg1"])
    cluster.settle()
    assert (service.vip("eg1"), addresses(service)) == ("10.0.1.2", ["10.0.1.3", "10.0.1.4", "10.0.1.5"])
    assert lb(cluster, "host01", "eg1") == "10.0.1.6"


def test_2_6_3_and_4_reuse_and_a_new_leader(engine):
    cluster = swarm(engine, hosts=3)
    host, other, _ = cluster.hosts.values()
    for name in ("host02", "host03"):
        host.nodes.get(name).update(role="manager")
    cluster.settle()
    overlay(host, "eg1", attachable=True)
    service = host.services.create(
        IMAGE, name="http", replicas=2, network=["eg1"], constraint="node.hostname!=host01"
    )
    cluster.settle()
    for _ in range(2):
        kept = other.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    other.containers.list()[1].remove(force=True)
    assert kept.ip("eg1") == "10.0.1.8"
    service.tasks()[0].container.crash()
    cluster.settle()
    fresh = [task.address("eg1") for task in service.tasks() if task.record.state.name == "RUNNING"]
    assert sorted(fresh) == ["10.0.1.4", "10.0.1.9"], ".3 and .7 are free and not taken"
    host.fail()
    cluster.run_for("2m")
    other.services.get("http").scale(4)
    cluster.settle()
    running = {
        t.address("eg1") for t in other.services.get("http").tasks() if t.record.state.name == "RUNNING"
    }
    assert running == {"10.0.1.3", "10.0.1.4", "10.0.1.7", "10.0.1.9"}, "the lowest holes"
    cluster.check()


def test_2_6_5_and_6_a_29_is_full(engine):
    cluster = swarm(engine, hosts=1)
    host = cluster.host("host01")
    overlay(host, "sm", subnet="10.79.0.0/29")
    service = host.services.create(IMAGE, name="a", replicas=6, network=["sm"])
    cluster.run_for("10s")
    assert service.vip("sm") == "10.79.0.2"
    assert [task.address("sm") for task in service.tasks()[:4]] == [f"10.79.0.{n}" for n in (3, 4, 5, 6)]
    assert states(service)[4:] == ["NEW", "NEW"]
    # nothing is left for the node: 30 s in PREPARING, then REJECTED, and so on
    assert states(service)[:4] == ["PREPARING"] * 4
    cluster.run_for("25s")
    rejected = [task for task in service.tasks() if task.record.state.name == "REJECTED"]
    assert {task.record.status.err for task in rejected} == {
        "node is missing network attachments, ip addresses may be exhausted"
    }


def test_2_6_7_an_address_in_use(cluster, host):
    """The seed's VIP asked for by a container: the task that should hold it stays NEW for 20 s."""
    seed_sequence(cluster, host)
    before = cluster.clock.now_ns
    with pytest.raises(ApiError, match="context deadline exceeded"):
        host.containers.run("alpine", network="eg1", ip="10.0.1.2")
    assert cluster.clock.now_ns - before == 20_000_000_000
    assert "Address already in use" in log_of(cluster)


def test_2_6_8_an_address_outside(cluster, host):
    seed_sequence(cluster, host)
    with pytest.raises(InvalidParameter, match=r"does not belong to any of this network's subnets$"):
        host.containers.run("alpine", network="eg1", ip="10.0.2.2")


def test_2_6_9_and_10_a_31_and_lowest_free_on_a_local_network(host):
    host.networks.create("two", subnet="192.168.0.2/31")
    one = host.containers.run("alpine", "sleep 1d", network="two", detach=True)
    assert one.ip("two") == "192.168.0.3", "the gateway has the other"
    with pytest.raises(Forbidden, match="no available IPv4 addresses on this network's address pools"):
        host.containers.run("alpine", "sleep 1d", network="two", detach=True)
    one.remove(force=True)
    assert host.containers.run("alpine", "sleep 1d", network="two", detach=True).ip("two") == "192.168.0.3"


def test_2_6_12_to_15_virtual_addresses(cluster, host):
    overlay(host, "eg1")
    overlay(host, "app1")
    service = host.services.create(IMAGE, name="s", network=["eg1", "app1"])
    ids = {name: host.networks.get(name).id for name in ("eg1", "app1", "ingress")}

    def vips():
        names = {identifier: name for name, identifier in ids.items()}
        endpoint = service.record.endpoint
        return [(names[v.network_id], v.address) for v in endpoint.virtual_ips] if endpoint else []

    both = [("eg1", "10.0.1.2/24"), ("app1", "10.0.2.2/24")]
    assert vips() == both
    cluster.settle()
    service.update(publish_add=["81:80"])
    assert vips() == [*both, ("ingress", "10.0.0.4/24")]
    cluster.settle()
    service.update(publish_rm=["80"])
    assert vips() == both
    cluster.settle()
    service.update(endpoint_mode="dnsrr")
    assert vips() == []
    cluster.settle()
    service.update(endpoint_mode="vip")
    assert [name for name, _ in vips()] == ["eg1", "app1"]
    cluster.check()


def test_2_6_16_and_17_a_nodes_own_address_goes_with_its_last_task(cluster, host):
    service = seed_sequence(cluster, host)
    ingress = lb(cluster, "host02", "ingress")
    assert lb(cluster, "host02", "eg1") is not None
    host.nodes.get("host02").update(availability="drain")
    cluster.settle()
    assert (lb(cluster, "host02", "eg1"), lb(cluster, "host02", "ingress")) == (None, ingress)
    host.nodes.get("host02").update(availability="active")
    service.scale(1)
    service.update(constraint_add=["node.hostname==host02"])
    cluster.settle()
    assert lb(cluster, "host01", "eg1") is None
    assert lb(cluster, "host02", "eg1") is not None


# -- 2.4


def test_2_4_a_service_waits_for_its_virtual_address(engine):
    """Ground truth 14: accepted without VIP, task New; placed by itself once addresses are free."""
    cluster = swarm(engine, hosts=1)
    host = cluster.host("host01")
    overlay(host, "sm", subnet="10.79.0.0/29")
    first = host.services.create(IMAGE, name="a", network=["sm"])
    cluster.settle()
    first.scale(4)
    cluster.settle()
    assert states(first) == ["RUNNING", "RUNNING", "RUNNING", "NEW"]
    second = host.services.create(IMAGE, name="b", network=["sm"])
    cluster.settle()
    assert (second.attrs["Endpoint"], states(second)) == ({"Spec": {}}, ["NEW"])
    assert "could not find an available IP while allocating VIP" in log_of(cluster)
    first.scale(1)
    cluster.settle()
    assert (second.vip("sm"), states(second)) == ("10.79.0.5", ["RUNNING"])
    cluster.check()


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("28", "all predefined address pools have been fully subnetted"),
        ("26.1", "could not find an available, non-overlapping IPv4 address pool among the defaults"),
    ],
)
def test_2_4_no_subnet_is_left(engine, text):
    cluster = swarm(engine, default_addr_pool=["10.20.0.0/28"], default_addr_pool_mask_length=29)
    host = cluster.host("host01")
    assert overlay(host, "a").subnet == "10.20.0.8/29"
    late = overlay(host, "b")
    assert (late.subnet, late.attrs["Driver"]) == ("", "")
    service = host.services.create(IMAGE, name="s", network=["b"])
    cluster.run_for("1m")
    assert states(service) == ["NEW"]
    assert text in log_of(cluster)
    host.networks.get("a").remove()
    cluster.settle()
    assert (late.subnet, states(service)) == ("10.20.0.8/29", ["RUNNING"])

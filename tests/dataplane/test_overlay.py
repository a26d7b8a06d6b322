"""VIPs, names, tasks of an overlay, row by row (profile 28): data-plane 3.8, 4.4-4.6, ground truth 3, 4."""

from collections import Counter
from random import Random

import pytest

from meshsim.dataplane import Lab, NamespaceFacts
from meshsim.dns import OutsideWorld, Server
from meshsim.profile import Profile

S = 1_000_000_000


def http(hosts=2, tasks=2, **options):
    """eg1 with service http (VIP .2) and a container cli on host01."""
    lab = Lab(hosts, **options)
    lab.add_network("eg1")
    lab.vip("http", "eg1")
    for slot in range(1, tasks + 1):
        lab.start(f"http.{slot}.task{slot}", f"host{(slot - 1) % hosts + 1:02d}", "eg1", service="http")
    cli = lab.start("cli", "host01", "eg1", listen=())
    lab.run(1)
    return lab, cli


@pytest.fixture
def made():
    lab, cli = http()
    yield lab, cli, "10.0.1.2"
    lab.check()


def names(found):
    return [name.rpartition(".")[0] or name for name in found]


# -- 4.6


def test_4_6_1_newest_first(made):
    lab, cli, vip = made
    assert names(lab.reached(cli, f"{vip}:80", 4)) == ["http.2", "http.1"] * 2


def test_4_6_2_two_clients_of_one_host_share_the_pointer(made):
    lab, cli, vip = made
    other = lab.start("cli2", "host01", "eg1", listen=())
    turns = [lab.reached(client, f"{vip}:80")[0] for _ in range(3) for client in (cli, other)]
    assert names(turns) == ["http.2", "http.1"] * 3


def test_4_6_3_clients_of_two_hosts_do_not(made):
    lab, cli, vip = made
    other = lab.start("cli2", "host02", "eg1", listen=())
    lab.run(1)
    first = names(lab.reached(other, f"{vip}:80", 1))
    assert names(lab.reached(cli, f"{vip}:80", 2)) == ["http.2", "http.1"]
    assert first == ["http.2"], "host02 knew http.1 when it joined the network"


def test_4_6_4_a_newcomer_waits_for_the_end_of_the_round():
    lab, cli = http(tasks=3, hosts=1)
    assert names(lab.reached(cli, "10.0.1.2:80", 1)) == ["http.3"]
    lab.start("http.4.task4", "host01", "eg1", service="http")
    assert names(lab.reached(cli, "10.0.1.2:80", 4)) == ["http.2", "http.1", "http.4", "http.3"]


def test_4_6_5_weight_0_is_skipped():
    lab, cli = http(tasks=3, hosts=1)
    lab.reached(cli, "10.0.1.2:80", 3)
    lab.reached(cli, "10.0.1.2:80", 1)
    lab.drain("http.2.task2")
    assert names(lab.reached(cli, "10.0.1.2:80", 4)) == ["http.1", "http.3"] * 2


def test_4_6_6_removing_the_one_the_pointer_is_on():
    lab, cli = http(tasks=3, hosts=1)
    assert names(lab.reached(cli, "10.0.1.2:80", 2)) == ["http.3", "http.2"]
    lab.stop("http.2.task2")
    assert names(lab.reached(cli, "10.0.1.2:80", 2)) == ["http.1", "http.3"]


def test_4_6_7_the_task_sees_the_clients_host(made):
    lab, cli, vip = made
    assert cli.connect(vip, 80).peer == lab.sandbox("eg1", "host01").lb_address
    direct = cli.connect(lab.sandbox("eg1", "host01").vips and "10.0.1.3", 80)
    assert direct.peer == cli.places[lab.networks["eg1"].id].address, (
        "by the task's address: the client's own"
    )


def test_4_6_8_the_published_port_means_nothing_inside():
    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("web.1.t", "host01", "eg1", service="web", publish=[("tcp", 81, 80)])
    cli = lab.start("cli", "host01", "eg1", listen=())
    vip = lab.vip("web", "eg1")
    assert lab.reached(cli, f"{vip}:81") == ["refused"]
    assert lab.reached(cli, f"{vip}:80") == ["web.1.t"]
    assert lab.reached(cli, "192.168.65.11:81") == ["web.1.t"], "the own host's published port"
    assert cli.connect("192.168.65.11", 81).peer == lab.sandbox("ingress", "host01").lb_address
    assert lab.reached(cli, "172.18.0.1:81") == ["web.1.t"], "the bridge's own address is the host's"


def test_4_6_9_ping_of_a_vip_proves_nothing(made):
    lab, cli, vip = made
    for task in ("http.1.task1", "http.2.task2"):
        lab.listen(task)
        lab.drain(task)
    lab.run(1)
    echo = cli.ping(vip)
    assert (echo.ok, echo.ttl, echo.elapsed_ns) == (True, 64, 2 * lab.profile.local_latency_ns)
    assert echo.by == lab.sandbox("eg1", "host01").namespace
    assert lab.reached(cli, f"{vip}:80") == ["refused"]


def test_4_6_10_scaled_to_zero(made):
    lab, cli, vip = made
    lab.stop("http.1.task1")
    lab.stop("http.2.task2")
    lab.run(1)
    assert cli.resolve("http").rcode == "NXDOMAIN"
    echo = cli.ping(vip)
    assert (echo.ok, echo.elapsed_ns) == (False, 3 * S)
    failed = cli.connect(vip, 80)
    assert (failed.kind, failed.elapsed_ns) == ("unreachable", 3 * S)


def test_4_6_11_start_first_never_refuses(made):
    lab, cli, vip = made
    for slot in (1, 2):
        lab.start(f"http.{slot}.new{slot}", "host01", "eg1", service="http")
        lab.drain(f"http.{slot}.task{slot}")
        lab.run(1)
        assert "refused" not in lab.reached(cli, f"{vip}:80", 5)
        lab.stop(f"http.{slot}.task{slot}")
        lab.run(1)
        assert "refused" not in lab.reached(cli, f"{vip}:80", 5)
    assert sorted({*names(lab.reached(cli, f"{vip}:80", 4))}) == ["http.1", "http.2"]


def test_4_6_12_stop_first_refuses_in_the_gap():
    lab, cli = http(tasks=1, hosts=1)
    lab.drain("http.1.task1")
    assert lab.reached(cli, "10.0.1.2:80") == ["refused"]
    lab.stop("http.1.task1")
    assert lab.reached(cli, "10.0.1.2:80") == ["unreachable"]
    lab.start("http.1.new", "host01", "eg1", service="http")
    assert lab.reached(cli, "10.0.1.2:80") == ["http.1.new"]


def test_4_6_13_udp_of_one_port_stays():
    lab = Lab(1)
    lab.add_network("eg1")
    for slot in (1, 2):
        lab.start(f"d.{slot}", "host01", "eg1", service="d", listen=(("udp", 53),))
    cli = lab.start("cli", "host01", "eg1")
    found = lab.reached(cli, f"{lab.vip('d', 'eg1')}:53", 10, protocol="udp", source_port=5000)
    assert len(set(found)) == 1


# -- 4.4


def test_4_4_a_task_may_reach_itself_through_its_vip(made):
    lab, _, vip = made
    task = lab.planes["host01"].namespaces["http.1.task1"]
    assert names(lab.reached(task, f"{vip}:80", 2)) == ["http.2", "http.1"]
    assert task.connect(vip, 80).peer == lab.sandbox("eg1", "host01").lb_address


def test_4_4_the_host_itself_has_no_route_to_a_vip(made):
    lab, _, vip = made
    assert lab.reached("host01", f"{vip}:80") == ["unreachable"]


def test_4_4_two_networks_two_balancers(made):
    lab, cli, _ = made
    lab.add_network("app1")
    both = lab.start("web.1", "host01", "eg1", "app1", service="web")
    assert lab.vip("web", "eg1") != lab.vip("web", "app1")
    assert lab.reached(both, f"{lab.vip('web', 'app1')}:80") == ["web.1"]
    assert lab.reached(cli, f"{lab.vip('web', 'app1')}:80") == ["timeout"], (
        "not on its network: by the gateway"
    )


def test_4_5_direct_routing_keeps_the_clients_address():
    lab = Lab(2)
    lab.add_network("fast", options={"dsr": "true"})
    for slot in (1, 2):
        lab.start(f"s.{slot}", f"host0{slot}", "fast", service="s")
    cli = lab.start("cli", "host01", "fast")
    lab.run(1)
    vip = lab.vip("s", "fast")
    opened = cli.connect(vip, 80, trace=True)
    assert opened.peer == cli.places[lab.networks["fast"].id].address
    assert "nat POSTROUTING" not in [hop.rule for hop in opened.trace.hops]
    assert opened.send() is None
    opened.close()
    task = lab.planes["host01"].namespaces["s.1"]
    assert lab.reached(task, f"{vip}:80", 3) == ["s.1"] * 3, "its own address is on its own loopback"
    assert {
        d.forward.value
        for d in next(iter(lab.sandbox("fast", "host01").services.values())).balanced.destinations
    } == {"Route"}


# -- straight to addresses


def test_addresses_of_tasks_balancers_and_nobody(made):
    lab, cli, _ = made
    far = lab.planes["host02"].namespaces["http.2.task2"].places[lab.networks["eg1"].id].address
    assert lab.reached(cli, f"{far}:80") == ["http.2.task2"]
    assert lab.reached(cli, f"{far}:81") == ["refused"]
    own = cli.places[lab.networks["eg1"].id].address
    assert lab.reached(cli, f"{own}:80") == ["refused"]
    assert lab.reached(cli, "127.0.0.1:80") == ["refused"]
    assert lab.reached(cli, "::1:80") == ["refused"]
    balancer = lab.sandbox("eg1", "host02").lb_address
    assert lab.reached(cli, f"{balancer}:80") == ["refused"]
    assert lab.reached(cli, "10.0.1.1:80") == ["unreachable"], "an overlay's gateway address is nobody's"
    assert [cli.ping(a).ok for a in (far, own, balancer, "10.0.1.1", "127.0.0.1")] == [
        True,
        True,
        True,
        False,
        True,
    ]
    lab.links.cut("host01", "host02")
    assert lab.reached(cli, f"{far}:80") == ["timeout"]
    assert not cli.ping(far).ok
    lab.links.mend("host01", "host02")
    lab.die("http.2.task2")
    assert not cli.ping(far).ok
    assert lab.reached(cli, f"{far}:80") == ["timeout"]


def test_a_drained_task_is_still_reached_by_its_address(made):
    lab, cli, _ = made
    lab.drain("http.1.task1")
    assert lab.reached(cli, "10.0.1.3:80") == ["http.1.task1"]


def test_ways_out_of_a_container(made):
    lab, cli, _ = made
    lab.start("web", "host02", service="web", publish=[("tcp", 81, 80)])
    lab.add_outsider()
    lab.run(1)
    opened = cli.connect("192.168.65.12", 81, trace=True)
    assert (opened.endpoint_id, opened.peer) == ("web", lab.sandbox("ingress", "host02").lb_address)
    assert [hop.rule for hop in opened.trace.hops][:3] == [
        "route",
        "nat POSTROUTING",
        "nat PREROUTING, DOCKER-INGRESS",
    ]
    assert lab.reached(cli, "192.168.65.200:80") == ["refused"]
    assert lab.reached(cli, "192.0.2.1:80") == ["timeout"]
    assert cli.ping("192.168.65.12").ok
    assert not cli.ping("192.0.2.1").ok
    lab.links.cut("host01", "host02")
    assert lab.reached(cli, "192.168.65.12:81") == ["timeout"]
    assert not cli.ping("192.168.65.12").ok


def test_internal_networks_have_no_way_out():
    lab = Lab(1)
    lab.add_network("inner", internal=True)
    cli = lab.start("cli", "host01", "inner")
    assert cli.gateway_address == ""
    assert lab.reached(cli, "192.168.65.11:81") == ["unreachable"]
    assert not cli.ping("192.168.65.11").ok
    assert cli.resolve("example.test").rcode == "SERVFAIL"
    lab.check()


def test_tasks_drop_what_is_no_published_port_on_ingress():
    lab = Lab(1)
    web = lab.start("web", "host01", service="web", publish=[("tcp", 81, 80)])
    lab.start("web2", "host01", service="web2", publish=[("tcp", 82, 80)])
    other = lab.planes["host01"].namespaces["web2"].places[lab.networks["ingress"].id].address
    assert lab.reached(web, f"{other}:80") == ["timeout"]


def test_ipv6_is_not_modelled(made):
    from meshsim.errors import NotModelled

    _, cli, _ = made
    for door in (lambda: cli.connect("fe80::1", 80), lambda: cli.ping("fe80::1")):
        with pytest.raises(NotModelled, match="IPv6"):
            door()


# -- 3.8: what depends on the plane


def test_3_8_1_and_5_names_of_a_service(made):
    _, cli, vip = made
    answer = cli.resolve("http")
    assert (answer.addresses, answer.size, answer.records[0].ttl) == ([vip], 42, 600)
    assert sorted(cli.resolve("tasks.http").addresses) == ["10.0.1.3", "10.0.1.5"]


def test_3_8_5_order_is_shuffled_per_reply():
    _, cli = http(rng=Random(1))
    first = Counter(cli.resolve("tasks.http").addresses[0] for _ in range(1000))
    assert all(400 < count < 600 for count in first.values())
    assert len(first) == 2


def test_3_8_7_to_10_names_and_reverse_names(made):
    _, cli, _ = made
    assert cli.resolve("http.1.task1").addresses == ["10.0.1.3"]
    assert cli.resolve("http.1.task1"[:12]).addresses == ["10.0.1.3"]
    assert cli.resolve("http.1").rcode == "NXDOMAIN"
    assert cli.resolve("3.1.0.10.in-addr.arpa", "PTR").records[0].data == "http.1.task1.eg1."
    assert cli.resolve("2.1.0.10.in-addr.arpa", "PTR").rcode == "NXDOMAIN"


def test_3_8_13_dnsrr(made):
    lab, cli, _ = made
    for slot in (1, 2, 3):
        lab.start(f"d.{slot}", "host02", "eg1", service="d", dnsrr=True)
    lab.run(1)
    assert len(cli.resolve("d").addresses) == len(cli.resolve("tasks.d").addresses) == 3
    sandbox = lab.sandbox("eg1", "host01")
    assert [here.mark for here in sandbox.services.values()] == [256, 257], "a mark is used up all the same"
    assert 257 not in [service.mark for service in sandbox.table.services]
    lab.drain("d.1")
    lab.run(1)
    assert len(cli.resolve("d").addresses) == 2, "6.6-4: gone from the name at once"
    for slot in (1, 2, 3):
        lab.stop(f"d.{slot}")
    lab.run(1)
    assert cli.resolve("d").rcode == "NXDOMAIN"


def test_3_8_14_two_networks_the_first_by_name(made):
    lab, _, _ = made
    lab.add_network("app1")
    lab.start("both.1", "host01", "eg1", "app1", service="both")
    client = lab.start("cli2", "host01", "eg1", "app1")
    assert client.resolve("both").addresses == [lab.vip("both", "app1")]
    assert client.resolve("both.eg1").addresses == [lab.vip("both", "eg1")]


def test_3_8_16_a_starting_task_has_no_name(made):
    lab, cli, _ = made
    lab.start("slow.1", "host01", "eg1", service="slow", known=False)
    assert cli.resolve("slow").rcode == "NXDOMAIN"
    lab.tell("slow.1")
    assert cli.resolve("slow").addresses == [lab.vip("slow", "eg1")]


def test_3_7_names_spread_with_the_gossip(made):
    lab, cli, _ = made
    lab.start("new.1", "host02", "eg1", service="new")
    assert cli.resolve("new").rcode == "NXDOMAIN"
    lab.run(0.2)
    assert cli.resolve("new").addresses == [lab.vip("new", "eg1")]


def test_3_2_a_plain_container_is_known_by_its_names(made):
    lab, cli, _ = made
    assert cli.resolve("cli").addresses == [cli.places[lab.networks["eg1"].id].address]
    lab.stop("cli")
    other = lab.start("cli2", "host02", "eg1")
    lab.run(1)
    assert other.resolve("cli").rcode == "NXDOMAIN"


def test_3_5_the_world_outside():
    outside = Server("192.168.65.1", OutsideWorld({"example.test": ["203.0.113.7"]}))
    _, cli = http(servers=[outside])
    assert cli.resolve("example.test").addresses == ["203.0.113.7"]
    silent, quiet = http(servers=[], profile=Profile("20.10"))
    assert quiet.resolve("nosuch").rcode is None
    assert silent.planes["host01"].servers == ()


# -- 6.6


def test_6_6_1_to_3_a_draining_task():
    lab, cli = http(tasks=3, hosts=1)
    download = cli.connect("10.0.1.2", 80)
    dying = download.endpoint_id
    lab.drain(dying)
    assert download.send() is None
    others = names(lab.reached(cli, "10.0.1.2:80", 4))
    assert names([dying])[0] not in others
    assert len(cli.resolve("tasks.http").addresses) == 2
    assert cli.resolve("http").addresses == ["10.0.1.2"]
    lab.run(2)
    assert download.send() is None
    lab.stop(dying)
    assert download.send().kind == "reset"


def test_6_6_5_one_replica_removed_while_draining():
    lab, cli = http(tasks=1, hosts=1)
    lab.drain("http.1.task1")
    assert cli.resolve("http").addresses == ["10.0.1.2"]
    assert cli.resolve("tasks.http").rcode == "NXDOMAIN"
    assert cli.ping("10.0.1.2").ok
    assert lab.reached(cli, "10.0.1.2:80") == ["refused"]
    lab.stop("http.1.task1")
    assert cli.resolve("http").rcode == "NXDOMAIN"
    assert not cli.ping("10.0.1.2").ok


def test_6_6_6_a_crash_removes_at_once_and_the_next_task_has_another_address():
    lab, cli = http(tasks=2, hosts=1)
    lab.stop("http.2.task2")
    assert names(lab.reached(cli, "10.0.1.2:80", 2)) == ["http.1"] * 2
    lab.start("http.2.new", "host01", "eg1", service="http")
    assert "10.0.1.5" not in cli.resolve("tasks.http").addresses


def test_6_6_16_all_hosts_agree_in_the_end():
    lab, _ = http(hosts=3, tasks=3)
    lab.partition(["host01"], ["host02", "host03"])
    lab.start("http.9.task9", "host01", "eg1", service="http")
    lab.stop("http.2.task2")
    lab.run(20)
    lab.heal()
    lab.run(40)
    tables = [dict(lab.sandbox("eg1", host).zone) for host in lab.planes]
    assert {name: sorted(addresses) for name, addresses in tables[0].items()} == {
        name: sorted(addresses) for name, addresses in tables[1].items()
    }
    assert [plane.settled_ns() for plane in lab.planes.values()] == [None] * 3


def test_a_container_on_several_networks_goes_by_the_one_that_has_the_address():
    lab = Lab(1)
    lab.add_network("one")
    lab.add_network("two")
    both = lab.start("both", "host01", "one", "two")
    lab.start("far", "host01", "two")
    from meshsim.model.objects import Attachment

    plane = lab.planes["host01"]
    plane.add_bridge("b1", "mynet", "172.20.0.0/16", "172.20.0.1")
    there = Attachment("b1", "172.20.0.2/16"), Attachment(lab.networks["two"].id, "10.0.2.99/24")
    plane.add_namespace(NamespaceFacts("mixed", "mixed", "m" * 64, there))
    for client in (both, plane.namespaces["mixed"]):
        assert lab.reached(client, "10.0.2.4:80") == ["far"]
        assert client.ping("10.0.2.4").by == "far"

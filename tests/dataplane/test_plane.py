"""Hosts and containers: networks that come and go, local bridges, addresses on docker_gwbridge."""

import pytest

from meshsim.dataplane import HostPort, Lab, NamespaceFacts
from meshsim.errors import BadValue
from meshsim.model.objects import Attachment, Network
from meshsim.model.specs import NetworkSpec


@pytest.fixture
def lab():
    made = Lab(1)
    yield made
    made.check()


def bridged(plane, endpoint, address, aliases=None):
    facts = NamespaceFacts(endpoint, endpoint, f"{endpoint:0<64}", (Attachment("b1", address),))
    plane.add_namespace(facts, aliases)
    return plane.namespaces[endpoint]


def test_1_1_gateway_bridge_addresses_are_lowest_free_first(lab):
    plane = lab.planes["host01"]
    assert (plane.gateway, lab.sandbox("ingress", "host01").entry_address) == ("", "")  # not there yet
    lab.add_network("eg1")
    made = [lab.start(f"t{n}", "host01", "eg1").gateway_address for n in (1, 2, 3)]
    assert made == ["172.18.0.3", "172.18.0.4", "172.18.0.5"]
    assert plane.gateway == "172.18.0.1"
    assert lab.sandbox("ingress", "host01").entry_address == "172.18.0.2", "the first client"
    lab.stop("t2")
    assert lab.start("t4", "host01", "eg1").gateway_address == "172.18.0.4"


def test_1_6_a_network_is_released_and_joined_again(lab):
    lab.add_network("eg1")
    plane = lab.planes["host01"]
    first = lab.join("eg1", "host01")
    assert lab.journal.peers(first.network_id) == {"host01": first.lb_address}
    assert plane.materialise(lab.networks["eg1"], "10.0.1.99") is first
    plane.release(first.network_id)
    plane.release(first.network_id)
    assert first.network_id not in plane.sandboxes
    assert lab.journal.peers(first.network_id) == {}
    assert plane.bring_up(first.network_id) is None
    plane.release(lab.networks["ingress"].id)
    assert plane.ingress is None
    assert lab.reached("host01", "192.168.65.11:81") == ["refused"]
    assert lab.reached("host01", "::1:81") == ["refused"]
    ingress = lab.join("ingress", "host01")
    lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    assert lab.sandbox("ingress", "host01") is ingress
    assert ingress.entry_address == "172.18.0.2"


def test_a_network_without_subnet_cannot_be_joined(lab):
    with pytest.raises(BadValue, match="network n has no subnet yet"):
        lab.planes["host01"].materialise(Network("x", spec=NetworkSpec("n")), "10.0.9.2")


def test_a_container_cannot_be_put_on_a_network_the_host_does_not_have(lab):
    with pytest.raises(BadValue, match="host01 has no network nosuch"):
        lab.planes["host01"].add_namespace(
            NamespaceFacts("c", "c", "c" * 64, (Attachment("nosuch", "10.0.9.2/24"),))
        )


def test_a_local_bridge_with_names(lab):
    plane = lab.planes["host01"]
    bridge = plane.add_bridge("b1", "mynet", "172.20.0.0/16", "172.20.0.1")
    bridged(plane, "one", "172.20.0.2/16", aliases={"b1": ("uno",)})
    two = bridged(plane, "two", "172.20.0.3/16")
    lab.listen("one", ("tcp", 80))
    lab.listen("two")
    assert two.resolve("one").addresses == two.resolve("uno").addresses == ["172.20.0.2"]
    assert two.resolve("2.0.20.172.in-addr.arpa", "PTR").records[0].data == "one.mynet."
    assert lab.reached(two, "172.20.0.2:80") == ["one"]
    assert two.connect("172.20.0.2", 80).peer == "172.20.0.3"
    assert lab.reached(two, "172.20.0.9:80") == ["unreachable"]
    assert lab.reached(two, "172.20.0.1:80") == ["refused"], "the gateway is the host"
    assert [two.ping(f"172.20.0.{n}").ok for n in (1, 2, 9)] == [True, True, False]
    assert two.gateway_address == "172.20.0.3"
    plane.remove_namespace("one")
    plane.remove_namespace("one")
    assert two.resolve("one").rcode == "NXDOMAIN"
    assert "172.20.0.2" not in bridge.known
    plane.reset()
    assert bridge.known == {}
    plane.remove_bridge("b1")
    plane.remove_bridge("b1")


def test_the_default_bridge_has_no_names(lab):
    plane = lab.planes["host01"]
    plane.add_bridge("b1", "bridge", "172.17.0.0/16", "172.17.0.1")
    one = bridged(plane, "one", "172.17.0.2/16")
    assert one.resolve("one").rcode == "NXDOMAIN"


def test_a_container_without_network_asks_the_hosts_servers(lab):
    lab.planes["host01"].add_namespace(NamespaceFacts("c", "c", "c" * 64))
    alone = lab.planes["host01"].namespaces["c"]
    assert alone.resolve("nosuch").rcode == "NXDOMAIN"
    assert lab.reached(alone, "192.168.65.11:81") == ["unreachable"]


def test_a_host_port_taken_over_by_a_newer_container_stays_with_it(lab):
    plane = lab.planes["host01"]
    lab.start("old", "host01", host_ports=(HostPort("tcp", 8080, 80),))
    lab.start("new", "host01", host_ports=(HostPort("tcp", 8080, 80),))
    lab.stop("old")
    assert plane.host_ports == {("tcp", 8080): ("new", 80)}
    assert lab.reached("host01", "127.0.0.1:8080") == ["new"]


def test_a_namespace_is_one_object_from_the_first_look_until_the_container_ends(lab):
    plane = lab.planes["host01"]
    plane.add_bridge("b1", "mynet", "172.20.0.0/16", "172.20.0.1")
    plane.add_bridge("b2", "other", "172.21.0.0/16", "172.21.0.1")
    one = bridged(plane, "one", "172.20.0.2/16")
    plane.plug("one", Attachment("b2", "172.21.0.2/16"))
    assert [place.network for place in one.places.values()] == ["mynet", "other"]
    assert plane.namespaces["one"] is one
    plane.unplug("one", "b1")
    assert one.gateway_address == "172.21.0.2"
    plane.check()
    assert not one.over
    plane.remove_namespace("one")
    assert one.over
    assert "one" not in plane.namespaces
    again = bridged(plane, "one", "172.20.0.2/16")
    assert not again.over
    third = bridged(plane, "one", "172.20.0.2/16")
    assert again.over
    plane.reset()
    assert third.over


def test_ping_between_machines(lab):
    lab.add_host()
    laptop, plane = lab.add_outsider(), lab.planes["host01"]
    assert laptop.ping("192.168.65.11").by == "host01"
    assert plane.ping("192.168.65.11").elapsed_ns == 2 * lab.profile.local_latency_ns
    assert plane.ping("192.168.65.12").elapsed_ns == 2 * lab.profile.lan_latency_ns
    assert not plane.ping("192.168.65.99").ok
    lab.crash("host02")
    assert not plane.ping("192.168.65.12").ok


def test_an_ipv6_subnet_holds_no_ipv4_address():
    from meshsim.dataplane.subnet import Subnet

    assert not Subnet("fd00::/64")("10.0.0.1")


def test_without_ingress_the_gateway_bridge_comes_with_the_first_way_out(lab):
    plane = lab.planes["host01"]
    lab.add_network("eg1")
    plane.release(lab.networks["ingress"].id)
    assert plane.gateway_pool is None
    lab.start("t", "host01", "eg1")
    assert plane.gateway_pool is not None
    assert lab.join("ingress", "host01").entry_address == "172.18.0.3", "it takes what is free"
    plane.release(lab.networks["ingress"].id)
    assert lab.join("ingress", "host01").entry_address == "172.18.0.3"


def test_1_1_the_gateway_bridge_is_chosen_when_it_is_made_and_stays(lab):
    asked = []

    def choose(now_ns):
        asked.append(now_ns)
        return "172.20.0.0/16"

    lab = Lab(1, gateway_subnet=choose)
    plane = lab.planes["host01"]
    lab.run(3)
    lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    lab.run(1)
    assert plane.gateway_pool.subnet == "172.20.0.0/16"
    assert asked == [3_000_000_000], "at the moment of publication, not of the look"
    plane.reset()
    assert (plane.gateway, lab.join("ingress", "host01").entry_address) == ("172.20.0.1", "172.20.0.2")


def test_1_5_a_container_on_internal_networks_has_no_way_out(lab):
    plane = lab.planes["host01"]
    plane.add_bridge("b1", "inside", "172.20.0.0/16", "172.20.0.1", internal=True)
    lab.add_network("safe", internal=True)
    one, two = bridged(plane, "one", "172.20.0.2/16"), lab.start("two", "host01", "safe")
    assert (one.gateway_address, two.gateway_address) == ("", "")
    assert lab.reached(one, "192.168.65.11:81") == lab.reached(two, "192.168.65.11:81") == ["unreachable"]
    assert plane.gateway_pool is None


def test_settled_tells_when_the_next_row_comes(lab):
    lab.add_host()
    lab.start("w", "host02", service="w", publish=[("tcp", 81, 80)])
    assert lab.planes["host01"].settled_ns() == 200_000_000
    assert lab.planes["host02"].settled_ns() is None

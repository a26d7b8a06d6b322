"""What the tools show: rule lists, address lists and inspect facts as recorded from engine 26.1."""

import pytest

from meshsim.dataplane import (
    HostPort,
    Lab,
    NamespaceFacts,
    cards,
    gateway_users,
    inspect,
    ip_addr,
    ip_route,
    iptables,
    iptables_list,
    ipvsadm,
    mac,
    netns,
)
from meshsim.errors import BadValue, NotModelled

P81 = [("tcp", 81, 80)]


@pytest.fixture
def lab():
    """As in 02_publish and 03b_dns: lbapp1 on port 81, http on eg1, on two hosts."""
    made = Lab(2)
    made.add_network("eg1")
    for slot in (1, 2):
        made.start(f"lbapp1.{slot}", f"host0{slot}", service="lbapp1", publish=P81)
    for slot in (1, 2):
        made.start(f"http.{slot}", f"host0{slot}", "eg1", service="http")
    made.run(1)
    return made


def names_nat(place, extra):
    lines = iptables(place, "nat").splitlines()
    assert lines[:6] == [
        "-P PREROUTING ACCEPT",
        "-P INPUT ACCEPT",
        "-P OUTPUT ACCEPT",
        "-P POSTROUTING ACCEPT",
        "-N DOCKER_OUTPUT",
        "-N DOCKER_POSTROUTING",
    ]
    own = [line for line in lines[6:] if "127.0.0.11" not in line]
    assert own == extra
    return [line for line in lines[6:] if "127.0.0.11" in line]


def test_02_publish_host_nat(lab):
    assert iptables(lab.planes["host01"], "nat") == (
        "-P PREROUTING ACCEPT\n"
        "-P INPUT ACCEPT\n"
        "-P OUTPUT ACCEPT\n"
        "-P POSTROUTING ACCEPT\n"
        "-N DOCKER\n"
        "-N DOCKER-INGRESS\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
        "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n"
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n"
        "-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE\n"
        "-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE\n"
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
        "-A DOCKER -i docker_gwbridge -j RETURN\n"
        "-A DOCKER -i docker0 -j RETURN\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.18.0.2:81\n"
        "-A DOCKER-INGRESS -j RETURN\n"
    )
    assert iptables(lab.planes["host01"], "mangle") == "".join(
        f"-P {chain} ACCEPT\n" for chain in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
    )


def test_02_publish_host_filter_has_the_ingress_chain(lab):
    assert iptables(lab.planes["host01"], "filter", "DOCKER-INGRESS") == (
        "-N DOCKER-INGRESS\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j ACCEPT\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --sport 81 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A DOCKER-INGRESS -j RETURN\n"
    )
    with pytest.raises(NotModelled, match="only chain DOCKER-INGRESS"):
        iptables(lab.planes["host01"], "filter")


def test_02_publish_ingress_sandbox(lab):
    sandbox = lab.sandbox("ingress", "host01")
    assert iptables(sandbox, "mangle").splitlines()[5:] == [
        "-A PREROUTING -p tcp -m tcp --dport 81 -j MARK --set-xmark 0x100/0xffffffff",
        "-A INPUT -d 10.0.0.4/32 -j MARK --set-xmark 0x100/0xffffffff",
    ]
    snat = "-A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2"
    dns = names_nat(sandbox, [snat])
    assert dns[0] == "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT"
    assert dns[1] == "-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING"
    assert dns[2].startswith(
        "-A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:"
    )
    assert dns[5].endswith("-j SNAT --to-source :53")
    assert iptables(sandbox, "filter").splitlines() == [
        "-P INPUT ACCEPT",
        "-P FORWARD ACCEPT",
        "-P OUTPUT ACCEPT",
    ]
    assert ip_addr(sandbox, brief=True) == (
        "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"
        "eth0@if6         UP             10.0.0.2/24 10.0.0.4/32 \n"
        "eth1@if9         UP             172.18.0.2/16 \n"
    )
    assert ipvsadm(sandbox) == (
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "FWM  256 rr\n"
        "  -> 10.0.0.5:0                   Masq    1      0          0         \n"
        "  -> 10.0.0.6:0                   Masq    1      0          0         \n"
    )
    assert ipvsadm(sandbox, nosort=True).splitlines()[4].startswith("  -> 10.0.0.6:0")


def test_03b_dns_balancer_of_an_overlay(lab):
    sandbox = lab.sandbox("eg1", "host02")
    assert iptables(sandbox, "mangle").splitlines()[5:] == [
        "-A INPUT -d 10.0.1.2/32 -j MARK --set-xmark 0x101/0xffffffff"
    ]
    own = f"-A POSTROUTING -d 10.0.1.0/24 -m ipvs --ipvs -j SNAT --to-source {sandbox.lb_address}"
    names_nat(sandbox, [own])
    assert (
        ip_addr(sandbox, brief=True).splitlines()[1]
        == f"eth0@if6         UP             {sandbox.lb_address}/24 10.0.1.2/32 "
    )


def test_03b_dns_a_tasks_own_namespace_has_no_balancer(lab):
    task = lab.planes["host02"].namespaces["http.2"]
    assert ipvsadm(task).count("\n") == 3
    assert iptables(task, "mangle").count("\n") == 5
    names_nat(task, [])
    assert ip_addr(task, brief=True).splitlines()[1:] == [
        "eth0@if6         UP             10.0.1.5/24 ",
        "eth1@if9         UP             172.18.0.4/16 ",
    ]


def test_5_1_the_published_port_is_changed_inside_the_task(lab):
    task = lab.planes["host01"].namespaces["lbapp1.1"]
    names_nat(task, ["-A PREROUTING -d 10.0.0.5/32 -p tcp -m tcp --dport 81 -j REDIRECT --to-ports 80"])
    lab.journal.withdraw(lab.networks["ingress"].id, "lbapp1.1")
    names_nat(task, [])


def test_10_ports_newest_port_first_and_one_mark_for_tcp_and_udp(lab):
    both = [("tcp", 87, 80), ("udp", 53000, 80)]
    lab.start("u.1", "host01", service="u", publish=both)
    assert iptables(lab.planes["host01"], "nat", "DOCKER-INGRESS").splitlines()[1:4] == [
        "-A DOCKER-INGRESS -p udp -m udp --dport 53000 -j DNAT --to-destination 172.18.0.2:53000",
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 87 -j DNAT --to-destination 172.18.0.2:87",
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.18.0.2:81",
    ]
    assert iptables(lab.sandbox("ingress", "host01"), "mangle", "PREROUTING").splitlines() == [
        "-P PREROUTING ACCEPT",
        "-A PREROUTING -p tcp -m tcp --dport 81 -j MARK --set-xmark 0x100/0xffffffff",
        "-A PREROUTING -p tcp -m tcp --dport 87 -j MARK --set-xmark 0x102/0xffffffff",
        "-A PREROUTING -p udp -m udp --dport 53000 -j MARK --set-xmark 0x102/0xffffffff",
    ]


def test_before_anything_is_published():
    lab = Lab(1)
    plane = lab.planes["host01"]
    assert plane.gateway_pool is None
    assert iptables(plane, "nat").splitlines()[4:] == [
        "-N DOCKER",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        "-A DOCKER -i docker0 -j RETURN",
    ]
    names_nat(lab.sandbox("ingress", "host01"), [])
    with pytest.raises(BadValue, match="No chain"):
        iptables(plane, "filter", "DOCKER-INGRESS")
    lab.start("web.1", "host01", service="web", publish=P81)
    lab.stop("web.1")
    assert plane.gateway_pool is not None, "it stays"


def test_mapped_ports_and_local_bridges():
    lab = Lab(1)
    plane = lab.planes["host01"]
    from meshsim.model.objects import Attachment

    for number, name in enumerate(("bridge", "mynet"), 17):
        plane.add_bridge(f"{number}{'f' * 20}", name, f"172.{number + 3}.0.0/16", f"172.{number + 3}.0.1")
        plane.add_namespace(
            NamespaceFacts(
                name,
                name,
                name * 8,
                (Attachment(f"{number}{'f' * 20}", f"172.{number + 3}.0.2/16"),),
                (HostPort("tcp", 8000 + number, 80),),
            )
        )
    lab.start("hm", "host01", service="hm", publish=P81, host_ports=(HostPort("tcp", 8080, 80),))
    assert [
        line for line in iptables(plane, "nat").splitlines() if "DNAT" in line and "-A DOCKER " in line
    ] == [
        "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8017 -j DNAT --to-destination 172.20.0.2:80",
        "-A DOCKER ! -i br-18ffffffffff -p tcp -m tcp --dport 8018 -j DNAT --to-destination 172.21.0.2:80",
        "-A DOCKER ! -i docker_gwbridge -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80",
    ]
    assert (
        ip_addr(plane.namespaces["mynet"], brief=True).splitlines()[1]
        == "eth0@if6         UP             172.21.0.2/16 "
    )
    plane.add_namespace(NamespaceFacts("c", "c", "c" * 64))
    assert iptables(plane.namespaces["c"], "nat").count("\n") == 4


def test_ip_addr_in_full():
    lab = Lab(1)
    lab.add_network("safe", options={"encrypted": ""})
    task = lab.start("t", "host01", "safe")
    assert ip_addr(task) == (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
        "    inet 127.0.0.1/8 scope host lo\n"
        "       valid_lft forever preferred_lft forever\n"
        "    inet6 ::1/128 scope host \n"
        "       valid_lft forever preferred_lft forever\n"
        "5: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1424 qdisc noqueue state UP group default \n"
        "    link/ether 02:42:0a:00:01:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
        "    inet 10.0.1.2/24 brd 10.0.1.255 scope global eth0\n"
        "       valid_lft forever preferred_lft forever\n"
        "8: eth1@if9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \n"
        "    link/ether 02:42:ac:12:00:03 brd ff:ff:ff:ff:ff:ff link-netnsid 1\n"
        "    inet 172.18.0.3/16 brd 172.18.255.255 scope global eth1\n"
        "       valid_lft forever preferred_lft forever\n"
    )
    assert mac("10.0.0.37") == "02:42:0a:00:00:25"


@pytest.mark.parametrize(
    ("options", "mtu"),
    [({}, 1450), ({"encrypted": ""}, 1424), ({"com.docker.network.driver.mtu": "9000"}, 8950)],
)
def test_1_5_mtu(options, mtu):
    lab = Lab(1)
    lab.add_network("n", options=options)
    assert lab.join("n", "host01").mtu == mtu


def test_vip_rules_in_full_have_no_broadcast(lab):
    assert "    inet 10.0.0.4/32 scope global eth0\n" in ip_addr(lab.sandbox("ingress", "host01"))


def test_direct_routing_has_no_snat():
    lab = Lab(1)
    lab.add_network("fast", options={"dsr": ""})
    lab.start("s.1", "host01", "fast", service="s")
    names_nat(lab.sandbox("fast", "host01"), [])


def test_a_dnsrr_service_has_no_mark_rule():
    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("rr.1", "host01", "eg1", service="rr", dnsrr=True)
    assert iptables(lab.sandbox("eg1", "host01"), "mangle").count("\n") == 5


def test_the_cards_and_routes_of_a_host_with_bridges():
    lab = Lab(1)
    plane = lab.planes["host01"]
    plane.add_bridge("a" * 64, "bridge", "172.17.0.0/16", "172.17.0.1")
    mine = plane.add_bridge("b" * 64, "mine", "172.20.0.0/16", "172.20.0.1")
    assert ip_route(plane).splitlines()[0].endswith("src 172.17.0.1 linkdown ")
    mine.known["172.20.0.2"] = "c"
    assert [(card.name, card.state) for card in cards(plane)] == [
        ("lo", "UNKNOWN"),
        ("eth0", "UP"),
        ("docker0", "DOWN"),
        ("br-bbbbbbbbbbbb", "UP"),
    ]
    assert gateway_users(plane) == []
    lab.add_network("eg1")
    lab.start("t", "host01", "eg1")
    lab.join("ingress", "host01")
    names = [(card.name, card.state) for card in cards(plane)]
    assert names[3:] == [("docker_gwbridge", "UP"), ("br-bbbbbbbbbbbb", "UP")]
    plane.release(lab.networks["ingress"].id)
    assert [name for _, name, _ in gateway_users(plane)] == ["gateway_000000000000"]
    lab.stop("t")
    assert [card.state for card in cards(plane) if card.name == "docker_gwbridge"] == ["DOWN"]
    assert (
        "3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group"
        in ip_addr(plane)
    )


def test_the_bridge_of_an_overlay_has_the_gateways_address(lab):
    bridge = netns(lab.planes["host01"])["1-eg1-000000"]
    text = ip_addr(bridge)
    assert "2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default" in text
    assert "    inet 10.0.1.1/24 brd 10.0.1.255 scope global br0\n" in text
    assert "4: vxlan0@if4: " in text
    assert ip_route(bridge) == "10.0.1.0/24 dev br0 proto kernel scope link src 10.0.1.1 \n"
    assert iptables(bridge, "nat").count("\n") == 4
    assert iptables_list(lab.add_outsider(), "mangle").count("Chain ") == 5


def test_a_container_on_an_internal_bridge_has_no_default_route():
    lab = Lab(1)
    plane = lab.planes["host01"]
    plane.add_bridge("b" * 64, "inside", "172.20.0.0/16", "172.20.0.1", internal=True)
    from meshsim.model.objects import Attachment

    plane.add_namespace(NamespaceFacts("one", "one", "1" * 64, (Attachment("b" * 64, "172.20.0.2/16"),)))
    assert (
        ip_route(plane.namespaces["one"])
        == "172.20.0.0/16 dev eth0 proto kernel scope link src 172.20.0.2 \n"
    )


def test_network_namespaces(lab):
    assert list(netns(lab.planes["host01"])) == [
        "000000000000",
        "1-eg1-000000",
        "1-ingress-00",
        "ingress_sbox",
        "lb_eg1-00000",
    ]


def test_03_inspect_v(lab):
    lab.start("cli", "host01", "eg1")
    plain, http = inspect(lab.sandbox("eg1", "host01"), lab.address_of)
    assert (plain.name, plain.vip, plain.ports, plain.mark) == ("", "<nil>", (), 0)
    assert [task.name for task in plain.tasks] == ["cli"]
    assert (http.name, http.vip, http.ports, http.mark) == ("http", "10.0.1.2", (), 257)
    assert [(task.name, task.address, task.host_address) for task in http.tasks] == [
        ("http.1", "10.0.1.3", "192.168.65.11"),
        ("http.2", "10.0.1.5", "192.168.65.12"),
    ]
    assert lab.address_of("nosuch") == ""


def test_wrong_tables_and_chains(lab):
    with pytest.raises(BadValue, match="can't initialize iptables table `raw'"):
        iptables(lab.planes["host01"], "raw")
    with pytest.raises(BadValue, match="No chain/target/match by that name"):
        iptables(lab.planes["host01"], "nat", "NOSUCH")

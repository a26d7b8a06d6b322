"""The routing mesh: data-plane 5.5 and ground truth 2, 10, 17, 24, row by row (profile 28 unless named)."""

import pytest

from meshsim.dataplane import HostPort, Lab
from meshsim.errors import BadValue, ConnectionRefused, NotModelled

P81 = [("tcp", 81, 80)]
N1, N2, N3 = "192.168.65.11", "192.168.65.12", "192.168.65.13"
S = 1_000_000_000


def web(lab, tasks=2, hosts=2, publish=P81):
    for slot in range(1, tasks + 1):
        lab.start(f"web.{slot}", f"host{(slot - 1) % hosts + 1:02d}", service="web", publish=publish)
    lab.run(1)
    return lab


@pytest.fixture
def lab():
    made = web(Lab(2))
    yield made
    made.check()


def test_5_5_1_newest_first_then_strictly_in_turn(lab):
    assert lab.reached("host01", f"{N1}:81", 6) == ["web.2", "web.1"] * 3


def test_5_5_2_three_tasks_share_34_33_33():
    found = web(Lab(2), tasks=3).reached("host01", f"{N1}:81", 100)
    assert sorted(found.count(f"web.{slot}") for slot in (1, 2, 3)) == [33, 33, 34]


def test_5_5_3_a_host_without_task_has_its_own_pointer():
    lab = web(Lab(3), hosts=2)
    assert lab.reached("host01", f"{N1}:81", 1) == ["web.2"]
    assert lab.reached("host01", f"{N3}:81", 3) == ["web.2", "web.1", "web.2"]


@pytest.mark.parametrize(("row", "address", "peer"), [("5.5-4", N1, "10.0.0.2"), ("5.5-5", N2, "10.0.0.3")])
def test_the_task_sees_the_entry_host_and_the_clients_port(lab, row, address, peer):
    opened = lab.add_outsider().connect(address, 81)
    assert (opened.peer, opened.target_port) == (peer, 80)
    assert opened.client.ports.take() == opened.source_port + 1


def test_5_5_6_a_drained_host_still_serves(lab):
    lab.drain("web.1")
    lab.run(3)
    lab.stop("web.1")
    lab.run(1)
    assert lab.reached("host02", f"{N1}:81", 2) == ["web.2", "web.2"]


def test_5_5_7_and_8_a_host_without_power():
    lab = web(Lab(2))
    laptop = lab.add_outsider()
    lab.crash("host01")
    dead = laptop.connect(N1, 81)
    assert (dead.kind, dead.elapsed_ns) == ("timeout", 127 * S)
    assert lab.reached(laptop, f"{N2}:81", 4) == ["timeout", "web.2"] * 2, "the remote task came last"
    lab.run(5)
    assert lab.reached(laptop, f"{N2}:81", 4) == ["web.2"] * 4


@pytest.mark.parametrize("row", ["5.5-9", "5.5-10"])
def test_without_tasks_refused_on_every_host(lab, row):
    lab.stop("web.1")
    lab.stop("web.2")
    lab.run(1)
    for address in (N1, N2):
        failed = lab.planes["host01"].connect(address, 81)
        assert (failed.ok, failed.kind) == (False, "refused")
        assert isinstance(failed.error(), ConnectionRefused)
    sandbox = lab.sandbox("ingress", "host01")
    assert (sandbox.ports, sandbox.vips, list(sandbox.table.services)) == ({}, {}, [])


def test_5_2_all_weights_zero_is_refused_too(lab):
    lab.drain("web.1")
    lab.drain("web.2")
    assert lab.reached("host01", f"{N1}:81", 2) == ["web.2", "web.2"], "of host02 nothing is known yet"
    lab.run(1)
    assert lab.reached("host01", f"{N1}:81", 2) == ["refused"] * 2


def test_5_5_12_udp_and_tcp_of_one_number_are_two_ports():
    lab = Lab(2)
    lab.start("u", "host01", service="u", publish=[("udp", 81, 80)], listen=(("udp", 80),))
    lab.start("h", "host01", host_ports=(HostPort("tcp", 81, 80),))
    lab.run(1)
    assert lab.reached("host02", f"{N1}:81", 1, protocol="udp") == ["u"]
    opened = lab.planes["host02"].connect(N1, 81)
    assert (opened.endpoint_id, opened.peer) == ("h", N2)


def test_5_5_13_ipv6_loopback_connects_and_hangs(lab):
    assert lab.reached("host01", "::1:81", 1) == ["hang"]
    assert lab.reached("host01", "::1:82", 1) == ["refused"]
    assert lab.reached(lab.add_outsider(), "::1:81", 1) == ["refused"]
    assert lab.reached("host01", "127.0.0.1:81", 2) == ["web.2", "web.1"]
    with pytest.raises(NotModelled):
        lab.planes["host01"].connect("fe80::1", 81)


def test_5_5_14_keep_alive_stays_on_one_task(lab):
    opened = lab.planes["host01"].connect(N1, 81)
    for _ in range(10):
        assert opened.send(bytes_in=10, bytes_out=100) is None
        assert lab.reached("host01", f"{N1}:81", 1)
    assert opened.endpoint_id == "web.2"
    (entry,) = [e for e in lab.sandbox("ingress", "host01").table.entries() if e.state.value == "ESTABLISHED"]
    assert entry.destination.bytes_out == 1000
    opened.close()
    assert entry.state.value == "TIME_WAIT"


def test_5_5_15_a_published_port_added_start_first_goes_to_the_new_tasks(lab):
    both = [("tcp", 81, 80), ("tcp", 82, 80)]
    lab.start("web.3", "host01", service="web", publish=both)
    assert lab.reached("host01", f"{N1}:81", 3) == ["web.3"] * 3
    assert lab.reached("host01", f"{N1}:82", 1) == ["web.3"]
    marks = [here.mark for here in lab.sandbox("ingress", "host01").services.values()]
    assert marks == [256, 257], "a second balancer with its own mark"
    lab.stop("web.3")
    assert lab.reached("host01", f"{N1}:81", 2) == ["web.2", "web.1"], "the old rule is the last one again"
    assert lab.reached("host01", f"{N1}:82", 1) == ["refused"]


def test_a_port_the_task_does_not_publish_is_dropped(lab):
    """An address taken over by a task with other ports: what is not published is dropped, not refused."""
    sandbox = lab.sandbox("ingress", "host01")
    sandbox.targets.clear()
    assert lab.reached("host01", f"{N1}:81", 1) == ["timeout"]


def test_5_5_16_a_host_mode_port_is_refused_elsewhere_and_keeps_the_clients_address():
    lab = Lab(2)
    lab.add_network("eg1")
    lab.start("hm", "host01", "eg1", host_ports=(HostPort("tcp", 8080, 80),))
    laptop = lab.add_outsider()
    opened = laptop.connect(N1, 8080, trace=True)
    assert (opened.endpoint_id, opened.peer, opened.target_port) == ("hm", "192.168.65.200", 80)
    assert opened.trace.hops[-1].rule == "nat PREROUTING, DOCKER"
    assert opened.send() is None
    opened.close()
    assert lab.reached(laptop, f"{N2}:8080", 1) == ["refused"]
    assert lab.planes["host01"].connect("127.0.0.1", 8080).peer == "172.18.0.1"
    assert lab.reached("host01", "::1:8080", 1) == ["hm"]
    lab.stop("hm")
    assert lab.reached(laptop, f"{N1}:8080", 1) == ["refused"]
    lab.check()


def test_truth_2_all_ways_to_one_host_share_its_position(lab):
    assert lab.reached("host01", "127.0.0.1:81", 1) == ["web.2"]
    assert lab.reached("host01", f"{N1}:81", 1) == ["web.1"]
    assert lab.reached("host02", f"{N1}:81", 1) == ["web.2"]


def test_truth_2_a_service_that_lost_all_tasks_gets_a_new_mark(lab):
    lab.stop("web.1")
    lab.stop("web.2")
    lab.run(1)
    lab.start("web.3", "host01", service="web", publish=P81)
    (here,) = lab.sandbox("ingress", "host01").services.values()
    assert here.mark == 257, "marks are never used twice, whether anybody looked in between or not"


def test_truth_2_sysctls(lab):
    knobs = lab.sandbox("ingress", "host01").table.sysctls
    assert (
        knobs.conntrack,
        knobs.conn_reuse_mode,
        knobs.expire_nodest_conn,
        knobs.expire_quiescent_template,
    ) == (1, 0, 1, 1)


def test_truth_5_scaling_up_waits_for_the_end_of_the_round():
    lab = web(Lab(3), hosts=2)
    assert lab.reached("host03", f"{N3}:81", 1) == ["web.2"]
    for slot in (3, 4):
        lab.start(f"web.{slot}", "host03", service="web", publish=P81)
    assert lab.reached("host03", f"{N3}:81", 5) == ["web.1", "web.4", "web.3", "web.2", "web.1"]


def test_truth_10_the_same_source_port_stays_while_the_entry_lives(lab):
    laptop = lab.add_outsider()
    assert lab.reached(laptop, f"{N1}:81", 4, source_port=40000) == ["web.2"] * 4
    lab.run(121)
    assert lab.reached(laptop, f"{N1}:81", 1, source_port=40000) == ["web.1"]


def test_truth_10_and_17_tcp_and_udp_share_one_position():
    lab = Lab(1)
    listen = (("tcp", 80), ("udp", 80))
    both = [("tcp", 81, 80), ("udp", 53000, 80)]
    for slot in (1, 2, 3):
        lab.start(f"p.{slot}", "host01", service="p", publish=both, listen=listen)
    assert lab.reached("host01", f"{N1}:81", 3) == ["p.3", "p.2", "p.1"]
    assert lab.reached("host01", f"{N1}:53000", 4, protocol="udp") == ["p.3", "p.2", "p.1", "p.3"]


def test_udp_one_source_port_one_task_for_300_s_then_a_new_turn():
    lab = Lab(1)
    listen, publish = (("udp", 80),), [("udp", 53, 80)]
    for slot in (1, 2):
        lab.start(f"d.{slot}", "host01", service="d", publish=publish, listen=listen)
    flow = lab.add_outsider().connect(N1, 53, protocol="udp")
    assert (flow.endpoint_id, flow.elapsed_ns) == ("d.2", 0)
    for _ in range(10):
        assert flow.send() is None
        assert flow.endpoint_id == "d.2"
    lab.run(301)
    assert flow.send() is None
    assert flow.endpoint_id == "d.1"
    flow.close()
    lab.stop("d.1")
    assert flow.send() is None
    assert flow.endpoint_id == "d.2", "a datagram whose server was removed goes to another one"
    lab.stop("d.2")
    assert flow.send().kind == "refused"


def test_nobody_listens_in_the_task():
    lab = Lab(1)
    lab.start("w", "host01", service="w", publish=[("tcp", 81, 8080)])
    assert lab.reached("host01", f"{N1}:81", 1) == ["refused"]
    (entry,) = lab.sandbox("ingress", "host01").table.entries()
    assert entry.state.value == "CLOSE"
    lab.start("d", "host01", service="d", publish=[("udp", 82, 8080)])
    assert lab.reached("host01", f"{N1}:82", 1, protocol="udp") == ["refused"]


def test_a_task_that_died_and_is_not_yet_removed():
    lab = web(Lab(2))
    lab.die("web.2")
    assert lab.reached("host01", f"{N1}:81", 2) == ["timeout", "web.1"]


def test_other_machines_and_addresses_nobody_has(lab):
    laptop = lab.add_outsider()
    plane = lab.planes["host01"]
    assert lab.reached(plane, "192.168.65.200:80", 1) == ["refused"]
    assert lab.reached(laptop, "127.0.0.1:80", 1) == ["refused"]
    nobody = plane.connect("192.168.65.99", 80)
    assert (nobody.kind, nobody.elapsed_ns) == ("unreachable", 3 * S)
    lab.links.cut("host01", "laptop")
    assert lab.reached(plane, "192.168.65.200:80", 1) == ["timeout"]
    overlay = plane.connect("10.0.0.5", 80)
    assert (overlay.kind, overlay.elapsed_ns) == ("unreachable", 0), "a host has no route into an overlay"


def test_wrong_arguments(lab):
    plane = lab.planes["host01"]
    with pytest.raises(BadValue, match="not a port: 0"):
        plane.connect(N1, 0)
    with pytest.raises(BadValue, match="not a port: 70000"):
        plane.visit(N1, 70000)
    for wrong in ("nonsense", "256.1.1.1", "1.2.3", "1.2.3.4.", "", 7):
        with pytest.raises(BadValue, match="not an address"):
            plane.connect(wrong, 81)
        with pytest.raises(BadValue, match="not an address"):
            plane.ping(wrong)
    for wrong in ("81", -1, 65536):
        with pytest.raises(BadValue, match="not a port"):
            plane.connect(N1, wrong)
    with pytest.raises(BadValue, match="not a port: 70000"):
        plane.connect(N1, 81, source_port=70000)
    with pytest.raises(NotModelled, match="sctp"):
        plane.connect(N1, 81, protocol="sctp")


def test_a_host_that_left_refuses():
    lab = web(Lab(2))
    lab.journal.leave("host02")
    lab.planes["host02"].reset()
    lab.run(1)
    assert lab.reached("host01", f"{N2}:81", 1) == ["refused"]
    assert lab.reached("host01", f"{N1}:81", 2) == ["web.1", "web.1"]


def test_the_time_things_take(lab):
    profile = lab.profile
    plane = lab.planes["host01"]
    far, near = plane.connect(N1, 81), plane.connect(N1, 81)
    assert far.elapsed_ns == 2 * (profile.local_latency_ns + profile.lan_latency_ns)
    assert near.elapsed_ns == 4 * profile.local_latency_ns
    refused = plane.connect(N2, 99)
    assert refused.elapsed_ns == 2 * profile.lan_latency_ns


def test_ports_wrap():
    lab = web(Lab(1), tasks=1, hosts=1)
    plane = lab.planes["host01"]
    plane.ports._next = 60999
    assert [plane.connect(N1, 81).source_port for _ in range(2)] == [60999, 32768]
    assert repr(plane.ports) == "<EphemeralPorts, next 32769>"


def test_a_patient_client_gets_elsewhere_once_the_lost_destination_is_forgotten(lab):
    """Rule: the repeated SYN of a connection whose destination was removed is scheduled anew (ipvs 2)."""
    plane = lab.planes["host01"]
    assert plane.connect(N1, 99).again_ns == 0
    lab.crash("host02")
    lab.run(1.5)
    failed = plane.connect(N1, 81, source_port=40000)
    assert (failed.kind, failed.elapsed_ns, failed.again_ns) == ("timeout", 127 * S, 7 * S)
    lab.run(7)
    assert plane.connect(N1, 81, source_port=40000).endpoint_id == "web.1"


def test_a_host_cut_off_for_good_from_who_called_it_gives_no_second_chance():
    lab = Lab(2)
    lab.add_network("eg1")
    lab.start("s.1", "host02", "eg1", service="s")
    cli = lab.start("cli", "host01", "eg1")
    lab.run(1)
    lab.links.cut("host01", "host02")
    lab.run(4)
    assert cli.connect(lab.vip("s", "eg1"), 80).again_ns == S
    from meshsim.dataplane.walk import _syn_after

    assert (_syn_after(None, 0), _syn_after(64 * S, 0)) == (0, 0)

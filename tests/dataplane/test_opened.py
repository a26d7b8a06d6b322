"""Connections that stay open: data-plane 4.3, 6.1, ground truth 19 and 24, Q29."""

import pytest

from meshsim.dataplane import Lab

S = 1_000_000_000
N1, N2 = "192.168.65.11", "192.168.65.12"


@pytest.fixture
def lab():
    made = Lab(2)
    for slot in (1, 2):
        made.start(f"web.{slot}", f"host0{slot}", service="web", publish=[("tcp", 81, 80)])
    made.run(1)
    yield made
    made.check()


def open_to(lab, endpoint, client=None, address=N1):
    client = client or lab.add_outsider()
    while True:
        opened = client.connect(address, 81)
        if opened.endpoint_id == endpoint:
            return opened
        opened.close()


def test_truth_24_scaling_up_and_draining_leave_connections_alone(lab):
    opened = open_to(lab, "web.1")
    lab.start("web.3", "host01", service="web", publish=[("tcp", 81, 80)])
    lab.drain("web.1")
    lab.run(2)
    assert opened.send() is None
    assert opened.endpoint_id == "web.1"


@pytest.mark.parametrize("moment", ["the process has just ended", "its entry is gone"])
def test_truth_24_when_the_task_is_gone_the_connection_is_reset(lab, moment):
    opened = open_to(lab, "web.2")
    lab.drain("web.2")
    lab.stop("web.2")
    if moment == "its entry is gone":
        lab.run(1)
    failed = opened.send()
    assert (failed.kind, failed.elapsed_ns) == ("reset", opened.round_trip_ns)
    assert str(failed.error("host01:81")) == "host01:81: Connection reset by peer"
    opened.close()


def test_truth_19_power_cut_of_the_tasks_host(lab):
    """Hang, then reset by the first retransmission after gossip has removed the entry."""
    opened = open_to(lab, "web.2")
    lab.run(10)
    lab.crash("host02")
    lab.run(0.5)
    failed = opened.send()
    assert failed.kind == "reset"
    assert failed.elapsed_ns == 6_200_000_000, "0.2 + 0.4 + 0.8 + 1.6 + 3.2 s"
    lab.run(6)
    assert opened.send().elapsed_ns == opened.round_trip_ns or not opened.send().ok


def test_power_cut_of_the_entry_host(lab):
    opened = open_to(lab, "web.2")
    lab.crash("host01")
    failed = opened.send()
    assert (failed.kind, failed.elapsed_ns) == ("timeout", 924_600_000_000)


def test_straight_to_a_task_of_a_lost_host_there_is_no_reset():
    lab = Lab(2)
    lab.add_network("eg1")
    lab.start("s.1", "host02", "eg1", service="s")
    cli = lab.start("cli", "host01", "eg1")
    lab.run(1)
    task = lab.planes["host02"].namespaces["s.1"].places[lab.networks["eg1"].id].address
    opened = cli.connect(task, 80)
    assert opened.send() is None
    lab.crash("host02")
    assert opened.send().kind == "timeout"


@pytest.mark.parametrize(("idle_s", "alive"), [(899, True), (901, False)])
def test_q29_idle_death_at_900_s(lab, idle_s, alive):
    opened = open_to(lab, "web.2")
    lab.run(idle_s)
    failed = opened.send()
    assert failed is None if alive else failed.kind == "reset"


def test_a_closed_connection_is_remembered_for_120_s(lab):
    opened = open_to(lab, "web.2")
    table = lab.sandbox("ingress", "host01").table
    opened.close(by_server=True)
    assert table.entry(opened.balanced.flow).state.value == "TIME_WAIT"
    lab.run(121)
    assert table.entry(opened.balanced.flow, lab.clock.now_ns) is None


def test_repr_says_who_talks_to_whom(lab):
    opened = lab.add_outsider().connect(N1, 81)
    assert repr(opened) == ("<Opened tcp 192.168.65.11:81 at web.2 on host02, seen from 10.0.0.2:32768>")


def test_a_lost_connection_stays_lost_but_a_flow_goes_on():
    lab = Lab(2)
    both = (("tcp", 80), ("udp", 80))
    lab.start("w", "host02", service="w", publish=[("tcp", 81, 80), ("udp", 81, 80)], listen=both)
    lab.run(1)
    laptop = lab.add_outsider()
    opened, flow = laptop.connect("192.168.65.11", 81), laptop.connect("192.168.65.11", 81, protocol="udp")
    lab.links.cut("laptop", "host01")
    assert (opened.send().kind, flow.send().kind) == ("timeout", "timeout")
    lab.links.mend("laptop", "host01")
    again = opened.send()
    assert (again.kind, again.elapsed_ns, again.why) == ("reset", 0, "the connection was lost before")
    assert flow.send() is None


def test_who_opened_it_is_gone():
    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("s.1", "host01", "eg1", service="s", listen=(("tcp", 80), ("udp", 80)))
    cli = lab.start("cli", "host01", "eg1")
    vip = lab.vip("s", "eg1")
    opened, flow = cli.connect(vip, 80), cli.connect(vip, 80, protocol="udp")
    lab.stop("cli")
    for one in (opened, flow):
        assert one.send().why == "who opened the connection is gone"


def test_a_server_that_ends_hangs_up_and_a_machine_without_power_does_not():
    lab = Lab(2)
    for slot in (1, 2):
        lab.start(f"w.{slot}", "host02", service="w", publish=[("tcp", 81, 80)])
    lab.run(1)
    first, second = (lab.planes["host01"].connect("192.168.65.11", 81) for _ in range(2))
    assert not first.hung_up
    lab.stop(first.endpoint_id)
    assert (first.hung_up, second.hung_up) == (True, False)
    lab.crash("host02")
    assert (first.hung_up, second.hung_up) == (False, False)


def test_a_host_that_started_anew_knows_no_connection():
    lab = Lab(2)
    lab.start("w", "host01", service="w", publish=[("tcp", 81, 80)])
    lab.run(1)
    laptop = lab.add_outsider()
    through, direct = (laptop.connect(f"192.168.65.1{n}", 81) for n in (2, 1))
    assert (through.send(), direct.send()) == (None, None)
    lab.planes["host02"].reset()
    lab.join("ingress", "host02")
    lost = through.send()
    assert (lost.kind, lost.why) == ("reset", "host02 has started anew and knows of no connection")
    assert direct.send() is None
    assert laptop.connect("192.168.65.12", 81).endpoint_id == "w"

"""What a learner reads: the hops of data-plane 5.1 and 4.2, in words."""

from meshsim.dataplane import Lab, Pick

N1 = "192.168.65.11"

INGRESS = """\
 1. laptop  host  route: leaves towards the machine that has the address
      192.168.65.200:32768 -> 192.168.65.11:81
 2. host01  host  nat PREROUTING, DOCKER-INGRESS: tcp port 81 is published: DNAT to 172.18.0.2:81, \
the ingress sandbox on docker_gwbridge
      192.168.65.200:32768 -> 172.18.0.2:81
 3. host01  ingress_sbox  mangle PREROUTING: tcp port 81 belongs to service web: firewall mark 256 (0x100)
      192.168.65.200:32768 -> 172.18.0.2:81
 4. host01  ingress_sbox  IPVS: the destination becomes 10.0.0.6, the port stays 81
      FWM 256 rr, newest first: [10.0.0.6 web.2], 10.0.0.5 web.1; new connection: each in turn down the \
list; 10.0.0.5 is next
      192.168.65.200:32768 -> 10.0.0.6:81
 5. host01  ingress_sbox  nat POSTROUTING: SNAT to 10.0.0.2, host01's own address on ingress: here the \
client's address is lost
      10.0.0.2:32768 -> 10.0.0.6:81
 6. host01  overlay ingress  vxlan: the task is on host02: through the VXLAN tunnel host01 -> host02
      10.0.0.2:32768 -> 10.0.0.6:81
 7. host02  web.2  nat PREROUTING: REDIRECT: published port 81 is port 80 in the container
      10.0.0.2:32768 -> 10.0.0.6:80
=> web.2 on host02 answers on port 80 and sees 10.0.0.2:32768"""


def web():
    lab = Lab(2)
    for slot in (1, 2):
        lab.start(f"web.{slot}", f"host0{slot}", service="web", publish=[("tcp", 81, 80)])
    lab.run(1)
    return lab


def test_5_1_every_hop_from_a_laptop_to_a_task_on_another_host():
    lab = web()
    assert str(lab.add_outsider().connect(N1, 81, trace=True).trace) == INGRESS


def test_local_calls_are_masked_by_the_bridges_address():
    lab = web()
    trace = lab.planes["host01"].connect("127.0.0.1", 81, trace=True).trace
    assert [hop.rule for hop in trace.hops] == [
        "route",
        "nat OUTPUT, DOCKER-INGRESS",
        "nat POSTROUTING",
        "mangle PREROUTING",
        "IPVS",
        "nat POSTROUTING",
        "vxlan",
        "nat PREROUTING",
    ]
    sources = [hop.source for hop in trace.hops]
    assert sources[:3] == ["127.0.0.1:32768", "127.0.0.1:32768", "172.18.0.1:32768"]
    own = lab.planes["host01"].connect(N1, 81, trace=True).trace
    assert [hop.source for hop in own.hops[:3]] == [f"{N1}:32769", f"{N1}:32769", "172.18.0.1:32769"]


def test_where_it_ends_when_nobody_may_be_chosen():
    lab = web()
    lab.drain("web.1")
    lab.drain("web.2")
    lab.run(1)
    trace = lab.planes["host01"].connect(N1, 81, trace=True).trace
    assert trace.hops[-1].text == "refused: ICMP port unreachable"
    assert "10.0.0.6 web.2 (weight 0), 10.0.0.5 web.1 (weight 0); none may be used" in str(trace)
    assert trace.result.startswith("refused: every task of web has weight 0")


def test_4_2_through_a_vip_to_a_task_on_the_same_host():
    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("http.1", "host01", "eg1", service="http")
    cli = lab.start("cli", "host01", "eg1")
    trace = cli.connect(lab.vip("http", "eg1"), 80, trace=True).trace
    assert [(hop.namespace, hop.rule) for hop in trace.hops] == [
        ("cli", "route"),
        ("lb_eg1-00000", "mangle INPUT"),
        ("lb_eg1-00000", "IPVS"),
        ("lb_eg1-00000", "nat POSTROUTING"),
        ("overlay eg1", "bridge"),
        ("http.1", "socket"),
    ]
    direct = cli.connect("10.0.1.3", 80, trace=True).trace
    assert [hop.rule for hop in direct.hops] == ["route", "bridge", "socket"]


def test_a_dropped_port_is_told():
    lab = web()
    lab.sandbox("ingress", "host01").targets.clear()
    trace = lab.planes["host01"].connect(N1, 81, trace=True).trace
    assert trace.hops[-1].text == "tcp port 81 is none of this task's published ports: dropped"


def test_ipv6_in_brackets_and_an_empty_list():
    lab = web()
    trace = lab.planes["host01"].connect("::1", 81, trace=True).trace
    assert [(hop.rule, hop.destination) for hop in trace.hops] == [
        ("route", "[::1]:81"),
        ("socket", "[::1]:81"),
    ]
    assert trace.result[:4] == "hang"
    nobody = Pick("rr", 256, (), "", "none may be used")
    assert str(nobody) == "FWM 256 rr, newest first: no destination; none may be used"
    assert (
        str(Pick("lc", 7, (("a", 1), ("b", 0)), "a", "why"))
        == "FWM 7 lc, newest first: [a], b (weight 0); why"
    )
    from meshsim.dataplane.explain import at

    assert at("::1", 81) == "[::1]:81"


def test_why_this_one_in_words_that_stay_true():
    """The reason told is the list's, since all connections on one way share it."""
    lab = web()
    plane = lab.planes["host01"]
    for _ in range(2):  # walked, and remembered
        picks = [
            next(hop.pick for hop in plane.visit(N1, 81, trace=True).trace.hops if hop.pick) for _ in range(2)
        ]
        assert [(pick.chosen, pick.why[-16:]) for pick in picks] == [
            ("10.0.0.6", "10.0.0.5 is next"),
            ("10.0.0.5", "10.0.0.6 is next"),
        ]
    lab.drain("web.1")
    alone = next(hop.pick for hop in plane.visit(N1, 81, trace=True).trace.hops if hop.pick)
    assert alone.why == "new connection: nobody else may be used"
    assert alone.names == ("web.2", "web.1")
    again = plane.connect(N1, 81, source_port=4000, trace=True)
    same = plane.connect(N1, 81, source_port=4000, trace=True)
    assert again.endpoint_id == same.endpoint_id
    assert "an entry already" in str(same.trace)


def test_what_leaves_and_finds_nobody_is_told_too():
    lab = web()
    laptop = lab.add_outsider()
    lab.crash("host02")
    for address, result in (
        ("192.168.65.12", "timeout: host02 does not answer"),
        ("192.168.65.99", "unreachable: nobody has 192.168.65.99"),
    ):
        trace = laptop.connect(address, 81, trace=True).trace
        assert [hop.text for hop in trace.hops] == ["leaves towards the machine that has the address"]
        assert trace.result == result
    assert lab.planes["host01"].connect("192.168.65.200", 81, trace=True).trace.hops[0].source.startswith(N1)


def test_a_host_mode_port_called_from_its_own_host():
    from meshsim.dataplane import HostPort

    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("hm", "host01", "eg1", host_ports=(HostPort("tcp", 8080, 80),))
    trace = lab.planes["host01"].connect(N1, 8080, trace=True).trace
    assert [hop.rule for hop in trace.hops] == ["route", "nat PREROUTING, DOCKER", "nat POSTROUTING"]
    assert [hop.source.split(":")[0] for hop in trace.hops] == [N1, N1, "172.18.0.1"]

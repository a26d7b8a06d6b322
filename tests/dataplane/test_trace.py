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
      FWM 256 rr: [10.0.0.6], 10.0.0.5; new connection: each in turn, newest first
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
    assert trace.hops[2].source == "172.18.0.1:32768"


def test_where_it_ends_when_nobody_may_be_chosen():
    lab = web()
    lab.drain("web.1")
    lab.drain("web.2")
    lab.run(1)
    trace = lab.planes["host01"].connect(N1, 81, trace=True).trace
    assert trace.hops[-1].text == "refused: ICMP port unreachable"
    assert "10.0.0.6 (weight 0), 10.0.0.5 (weight 0); none may be used" in str(trace)
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
    assert [hop.rule for hop in direct.hops] == ["route", "bridge"]


def test_a_dropped_port_is_told():
    lab = web()
    lab.sandbox("ingress", "host01").targets.clear()
    trace = lab.planes["host01"].connect(N1, 81, trace=True).trace
    assert trace.hops[-1].text == "tcp port 81 is none of this task's published ports: dropped"


def test_ipv6_in_brackets_and_an_empty_list():
    lab = web()
    trace = lab.planes["host01"].connect("::1", 81, trace=True).trace
    assert (trace.hops, trace.result[:4]) == ((), "hang")
    assert str(Pick("rr", 256, (), "", "none may be used")) == "FWM 256 rr: no destination; none may be used"
    from meshsim.dataplane.explain import at

    assert at("::1", 81) == "[::1]:81"

"""What a packet meets, row by row; connections, states, persistence, thresholds, deletion, copies."""

from __future__ import annotations

import copy

import pytest
from tests.ipvs.lab import SECOND, VIRTUAL, Lab, address

from meshsim.errors import BadValue, InvalidRule, NotModelled
from meshsim.ipvs import (
    ABORT,
    CLOSE_BY_CLIENT,
    CLOSE_BY_SERVER,
    EXCHANGE,
    HANDSHAKE,
    Direction,
    Dropped,
    Flow,
    Forward,
    Passed,
    Refused,
    Reset,
    Routed,
    Segment,
    State,
    Stats,
    Table,
)


def tcp(weights: str = "A B", balancer: str = "rr", **settings: object) -> Lab:
    return Lab(balancer, weights, protocol="tcp", **settings)


def state(lab: Lab, flow: Flow) -> State | None:
    entry = lab.table.entry(flow, lab.now_ns)
    return entry.state if entry else None


# 2 What a packet meets


def test_2_1_a_known_flow_stays_whatever_the_weights() -> None:
    lab = tcp()
    flow = lab.open()
    server = lab.who(flow)
    lab.edit(server, 0)
    assert lab.letter(lab.table.send(flow, lab.now_ns)) == server
    outcome = lab.table.send(flow, lab.now_ns)
    assert isinstance(outcome, Routed)
    assert outcome.reason == "known"
    assert outcome


@pytest.mark.parametrize(("knob", "moves"), [(0, False), (1, True)], ids=["2.2a-0", "2.2a-1"])
def test_2_2a_a_syn_leaves_a_weight_0_server_only_with_expire_nodest_conn(knob: int, moves: bool) -> None:
    lab = tcp()
    lab.table.sysctls.set("conn_reuse_mode", 0)
    lab.table.sysctls.set("expire_nodest_conn", knob)
    flow = lab.open()
    server = lab.who(flow)
    lab.edit(server, 0)
    assert (lab.who(flow) != server) is moves
    lab.table.check()


def test_2_2a_does_not_concern_udp() -> None:
    lab = Lab("rr", "A B")
    lab.table.sysctls.set("expire_nodest_conn", 1)
    flow = lab.flow()
    server = lab.who(flow)
    lab.edit(server, 0)
    assert lab.who(flow) == server


@pytest.mark.parametrize(
    ("mode", "end", "again"),
    [
        (1, CLOSE_BY_CLIENT, True),
        (1, CLOSE_BY_SERVER, True),
        (1, ABORT, True),
        (1, (), False),
        (0, CLOSE_BY_CLIENT, False),
        (0, ABORT, False),
    ],
)
def test_2_2b_conn_reuse_mode(mode: int, end: tuple[()], again: bool) -> None:
    lab = tcp("A B C")
    lab.table.sysctls.set("conn_reuse_mode", mode)
    flow = lab.open()
    first = lab.table.entry(flow).destination  # type: ignore[union-attr]
    lab.table.follow(flow, lab.now_ns, end)
    assert (lab.route(flow).destination is not first) is again


@pytest.mark.parametrize(
    ("mode", "forward", "again"),
    [
        (3, Forward.ROUTE, True),
        (3, Forward.TUNNEL, True),
        (3, Forward.MASQ, False),
        (1, Forward.ROUTE, False),
    ],
)
def test_2_2b_bit_2_is_about_fin_wait_without_replies(mode: int, forward: Forward, again: bool) -> None:
    lab = tcp("")
    lab.table.sysctls.set("conn_reuse_mode", mode)
    for name in "AB":
        lab.add(name, forward=forward)
    flow = lab.flow()
    first = lab.who(flow)
    lab.table.send(flow, 0, Segment.ACK)
    if forward is Forward.MASQ:
        lab.table.reply(flow, 0, Segment.FIN)  # the server closes first
    else:
        lab.table.send(flow, 0, Segment.FIN)
    assert state(lab, flow) is State.FIN_WAIT
    assert (lab.who(flow) != first) is again


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_2_3_deleted_destination_drops(protocol: str) -> None:
    lab = Lab("rr", "A B", protocol=protocol)
    flow = lab.flow()
    lab.remove(lab.who(flow))
    assert lab.route(flow) == Dropped("destination deleted")
    assert lab.table.send(flow, lab.now_ns) == Dropped("destination deleted")
    assert not lab.route(flow)


def test_2_3_dropped_packets_do_not_refresh_the_timer() -> None:
    lab = Lab("rr", "A B")
    flow = lab.flow()
    lab.remove(lab.who(flow))
    lab.wait(200)
    assert isinstance(lab.route(flow), Dropped)
    lab.wait(101)
    assert isinstance(lab.route(flow), Routed)


def test_2_3_expire_nodest_conn_set_after_the_deletion_acts_on_the_next_packet() -> None:
    for protocol, packet, outcome in (
        ("tcp", "send", Reset),
        ("tcp", "route", Routed),
        ("udp", "send", Routed),
    ):
        lab = Lab("rr", "A B", protocol=protocol)
        flow = lab.flow()
        lab.remove(lab.who(flow))
        lab.table.sysctls.set("expire_nodest_conn", 1)
        assert isinstance(getattr(lab.table, packet)(flow, lab.now_ns), outcome)
        lab.table.check()


def test_2_4_look_up_order_mark_then_address_then_any_port() -> None:
    table = Table()
    made = {
        "mark": table.add_service(mark=7, balancer="rr"),
        "address": table.add_service("tcp", "10.0.0.80", 80, balancer="rr"),
        "any": table.add_service("tcp", "10.0.0.80", 0, balancer="rr", persistent_s=60),
    }
    for number, service in enumerate(made.values(), 1):
        table.add_destination(service, f"10.2.9.{number}")
    ports = iter(range(4000, 5000))

    def who(port: int, mark: int = 0) -> str | None:
        flow = Flow("tcp", ("10.1.0.2", next(ports)), ("10.0.0.80", port))
        chosen = table.route(flow, 0, mark).destination
        return chosen and chosen.address

    assert who(80, 7) == "10.2.9.1"
    assert who(80, 8) == "10.2.9.2"  # an unknown mark falls through
    assert who(80) == "10.2.9.2"
    assert who(81) == "10.2.9.3"
    table.remove_service(made["any"])
    assert who(81) is None
    table.check()


def test_2_4_no_service_passes() -> None:
    table = Table()
    flow = Flow.parse("tcp", "10.1.0.2:1", "10.0.0.80:80")
    assert table.route(flow, 0) == Passed("no virtual service")
    assert table.send(flow, 0) == Passed("no virtual service")
    assert table.reply(flow, 0) == Passed("no such connection")
    assert table.follow(flow, 0, HANDSHAKE) == Passed("no virtual service")
    assert table.follow(flow, 0, ()) == Passed("no such connection")
    assert table.route(Flow.parse("udp", "10.1.0.2:1", "10.0.0.80:80"), 0).destination is None


@pytest.mark.parametrize("segment", [Segment.ACK, Segment.FIN, Segment.RST])
def test_2_4_only_a_syn_is_scheduled(segment: Segment) -> None:
    lab = tcp()
    assert lab.table.send(lab.flow(), 0, segment) == Reset("no such connection")
    assert lab.counts() == {"B": (0, 0), "A": (0, 0)}


def test_2_4_sloppy_tcp_schedules_anything_but_rst() -> None:
    lab = tcp("A")
    lab.table.sysctls.set("sloppy_tcp", 1)
    flow = lab.flow()
    assert lab.letter(lab.table.send(flow, 0, Segment.ACK)) == "A"
    assert state(lab, flow) is State.ESTABLISHED
    assert isinstance(lab.table.send(lab.flow(), 0, Segment.RST), Reset)
    lab.edit("A", 0)
    assert isinstance(lab.table.send(lab.flow(), 0, Segment.ACK), Refused)


def test_2_6_nobody_left_is_refused_with_the_kernels_words() -> None:
    lab = tcp("A0")
    assert lab.route(lab.flow()) == Refused("rr: TCP 10.0.0.80:80 - no destination available")
    marked = lab.table.add_service(mark=256, balancer="wlc")
    assert marked.mark == 256
    assert lab.table.route(lab.flow(), 0, 256) == Refused(
        "wlc: FWM 256 0x00000100 - no destination available"
    )
    assert lab.table.entries() == []


def test_a_syn_sent_later_is_a_first_packet() -> None:
    lab = tcp("A")
    flow = lab.flow()
    assert lab.table.send(flow, 0, Segment.SYN).destination is lab.named("A")


@pytest.mark.parametrize(
    "nonsense",
    [
        "tcp",
        None,
        7,
        ("tcp", ("10.1.0.2", 1), ("10.0.0.81", 80)),
        Flow("icmp", ("10.1.0.2", 1), ("10.0.0.1", 0)),
    ],
)
def test_what_is_no_flow_is_refused_at_the_door(nonsense: object) -> None:
    with pytest.raises(BadValue):
        tcp().table.route(nonsense, 0)  # type: ignore[arg-type]


def test_time_runs_forward() -> None:
    table = Table()
    table.advance(10)
    with pytest.raises(InvalidRule, match="time runs forward: 9 ns comes after 10 ns"):
        table.advance(9)


# 5 States and time-outs

LIFE = [
    ("SYN", None, State.SYN_RECV, 60, True),
    ("established", HANDSHAKE, State.ESTABLISHED, 900, True),
    ("client closes", (*HANDSHAKE, *CLOSE_BY_CLIENT), State.TIME_WAIT, 120, False),
    ("server closes", (*HANDSHAKE, *CLOSE_BY_SERVER), State.TIME_WAIT, 120, False),
    ("client resets", (*HANDSHAKE, *ABORT), State.CLOSE, 10, False),
    ("client half-closed", (*HANDSHAKE, CLOSE_BY_CLIENT[0]), State.CLOSE_WAIT, 60, False),
    ("server half-closed", (*HANDSHAKE, CLOSE_BY_SERVER[0]), State.FIN_WAIT, 120, False),
]


@pytest.mark.parametrize(
    ("steps", "after", "seconds", "active"), [row[1:] for row in LIFE], ids=[r[0] for r in LIFE]
)
def test_5_states(steps: tuple[()] | None, after: State, seconds: int, active: bool) -> None:
    lab = tcp("A")
    flow = lab.flow()
    lab.route(flow)
    lab.wait(1)
    if steps is not None:
        lab.table.follow(flow, lab.now_ns, steps)
        seconds += 1  # the timer restarts with every packet
    assert state(lab, flow) is after
    assert lab.counts() == {"A": (1, 0) if active else (0, 1)}
    lab.now_ns = seconds * SECOND - 1
    assert state(lab, flow) is after
    lab.now_ns += 1
    assert state(lab, flow) is None
    assert lab.counts() == {"A": (0, 0)}
    lab.table.check()


def test_5_udp_lives_300_s_after_its_last_datagram_and_is_never_active() -> None:
    lab = Lab("rr", "A B")
    flow = lab.flow()
    server = lab.who(flow)
    for _ in range(3):
        lab.wait(299)
        assert lab.who(flow) == server
        assert lab.table.reply(flow, lab.now_ns)
    assert lab.counts()[server] == (0, 1)
    assert state(lab, flow) is State.UDP
    lab.table.follow(flow, lab.now_ns, HANDSHAKE)
    assert state(lab, flow) is State.UDP
    lab.wait(300)
    assert lab.who(flow) != server


def test_5_set_timeouts_changes_established_fin_wait_and_udp() -> None:
    lab = tcp("A")
    lab.table.set_timeouts(100, 20, 30)
    lab.table.set_timeouts(0, 0, 10)
    flow = lab.open()
    lab.wait(100)
    assert state(lab, flow) is None
    assert [
        lab.table.timeouts_ns[one] // SECOND for one in (State.ESTABLISHED, State.FIN_WAIT, State.UDP)
    ] == [100, 20, 10]
    assert lab.table.timeouts_ns[State.TIME_WAIT] == 120 * SECOND
    with pytest.raises(InvalidRule, match="illegal timeout"):
        lab.table.set_timeouts(-1)


def test_5_a_short_udp_timeout_counts_for_newborns_too() -> None:
    lab = Lab("rr", "A")
    lab.table.set_timeouts(udp_s=5)
    flow = lab.flow()
    lab.route(flow)
    lab.now_ns = 5 * SECOND
    assert lab.counts() == {"A": (0, 0)}
    assert lab.table.entries() == []


@pytest.mark.parametrize("forward", [Forward.ROUTE, Forward.TUNNEL])
def test_5_without_masquerading_replies_are_not_seen(forward: Forward) -> None:
    lab = tcp("")
    lab.add("A", forward=forward)
    flow = lab.flow()
    lab.route(flow)
    assert lab.table.reply(flow, 0) == Passed("replies do not pass the director")
    lab.table.follow(flow, 0, (*HANDSHAKE, *CLOSE_BY_CLIENT))
    assert state(lab, flow) is State.FIN_WAIT


# 5 One-packet scheduling


def test_one_packet_schedules_every_datagram_and_keeps_nothing() -> None:
    lab = Lab("rr", "A B C", one_packet=True)
    flow = lab.flow()
    assert "".join(lab.who(flow) for _ in range(4)) == "CBAC"
    assert lab.table.entries() == []
    assert [one.connections for one in lab.service.destinations] == [2, 1, 1]
    lab.edit("A", 0), lab.edit("B", 0), lab.edit("C", 0)
    assert lab.who(flow) == "-"


# 6 Persistence


def test_6_a_client_keeps_its_server_and_the_cursor_stands_still() -> None:
    lab = tcp("A B C", persistent_s=300)
    one = [lab.who(lab.flow(client="10.1.0.2")) for _ in range(3)]
    other = lab.who(lab.flow(client="10.1.0.3"))
    assert (*one, other) == ("C", "C", "C", "B")
    assert [template.key[1] for template in lab.table.templates()] == ["10.1.0.2", "10.1.0.3"]
    assert lab.named("C").templates == 1
    assert lab.counts()["C"] == (3, 0)


def test_6_the_netmask_joins_clients() -> None:
    lab = tcp("A B", persistent_s=300, netmask="255.255.255.0")
    assert [lab.who(lab.flow(client=f"10.1.{net}.{host}")) for net in (0, 1) for host in (1, 2)] == list(
        "BBAA"
    )


def test_6_a_template_is_used_even_when_weight_is_0_or_the_server_overloaded() -> None:
    lab = tcp("", persistent_s=300)
    lab.add("A", upper=1)
    lab.add("B", 0)
    assert [lab.who(lab.flow()) for _ in range(3)] == ["A", "A", "A"]
    assert lab.named("A").overloaded
    lab.edit("A", 0)
    outcome = lab.route(lab.flow())
    assert isinstance(outcome, Routed)
    assert outcome.reason == "template"


def test_6_expire_quiescent_template_gives_up_on_weight_0() -> None:
    lab = tcp("A B", persistent_s=300)
    lab.table.sysctls.set("expire_quiescent_template", 1)
    assert lab.who(lab.flow()) == "B"
    lab.edit("B", 0)
    assert lab.who(lab.flow()) == "A"
    lab.edit("A", 0)
    assert lab.who(lab.flow()) == "-"
    lab.wait(3000)
    assert lab.table.templates() == []
    assert all(one.templates == 0 for one in lab.service.destinations)


def test_6_a_deleted_server_ends_persistence() -> None:
    lab = tcp("A B", persistent_s=300)
    assert lab.who(lab.flow()) == "B"
    lab.remove("B")
    assert lab.who(lab.flow()) == "A"
    lab.wait(3000)


def test_6_the_timer_restarts_with_new_connections_only() -> None:
    lab = tcp("A B", persistent_s=100)
    flow = lab.open()
    assert lab.who(flow) == "B"
    lab.abort(flow)
    lab.wait(90)
    assert lab.who(lab.flow()) == "B"  # a new connection: 100 s more
    lab.wait(90)
    assert lab.who(lab.flow()) == "B"


def test_6_a_template_that_expires_under_a_connection_lasts_60_s_from_then_on() -> None:
    lab = tcp("A B", persistent_s=100)
    flow = lab.open()
    lab.wait(101)  # the template fired at 100 s, and lives to 160 s
    (template,) = lab.table.templates()
    assert (template.timeout_ns, template.expires_ns) == (60 * SECOND, 160 * SECOND)
    assert template.assured
    lab.abort(flow)
    lab.wait(11)
    short = lab.flow()
    assert lab.who(short) == "B"
    lab.abort(short)
    lab.wait(59)
    held = lab.open()
    lab.wait(61)
    assert lab.table.templates()[0].expires_ns == lab.now_ns + 59 * SECOND
    lab.abort(held)
    lab.wait(200)
    assert lab.table.templates() == []


def test_6_a_mark_is_one_template_for_all_ports_and_protocols() -> None:
    table = Table()
    web = table.add_service(mark=256, balancer="rr", persistent_s=360)
    for name in "AB":
        table.add_destination(web, address(name))
    flows = [
        Flow(protocol, ("10.1.0.2", 4000), ("10.0.0.80", port))
        for protocol in ("tcp", "udp")
        for port in (80, 81)
    ]
    assert {table.route(flow, 0, 256).destination for flow in flows} == {web.destinations[0]}
    assert [template.key for template in table.templates()] == [("ip", "10.1.0.2", "0.0.1.0", 0)]
    table.check()


def test_6_controlled_connections_are_not_rescheduled_by_reuse() -> None:
    lab = tcp("A B", persistent_s=300)
    flow = lab.open()
    lab.close(flow)
    assert lab.who(flow) == "B"
    assert len(lab.table.entries()) == 1


def test_6_one_packet_and_persistence() -> None:
    lab = Lab("rr", "A B", one_packet=True, persistent_s=60)
    assert "".join(lab.who(lab.flow()) for _ in range(3)) == "BBB"
    assert lab.table.entries() == []
    lab.table.check()


# 4 Thresholds


def test_4_overload_is_set_at_the_upper_bound_and_cleared_below_the_lower() -> None:
    lab = tcp("")
    lab.add("A", upper=4)  # recovers below 4 - 4 // 4 = 3
    flows = [lab.open() for _ in range(4)]
    assert lab.named("A").overloaded
    assert "overloaded" in repr(lab.named("A"))
    assert lab.who(lab.flow()) == "-"
    for flow, total in zip(flows, (3, 2), strict=False):
        lab.abort(flow)
        assert lab.who(lab.flow()) == "-"  # freed only when the entry goes
        lab.wait(10)
        assert lab.named("A").total == total
    assert lab.who(lab.flow()) == "A"


def test_4_editing_thresholds_judges_anew() -> None:
    lab = tcp("")
    lab.add("A", upper=2, lower=1)
    lab.open(), lab.open()
    assert lab.named("A").overloaded
    lab.edit("A", upper=9, lower=3)
    assert not lab.named("A").overloaded
    lab.edit("A", upper=2, lower=2)
    assert lab.named("A").overloaded
    lab.edit("A", upper=0, lower=0)
    assert not lab.named("A").overloaded
    assert lab.service.plain


# 7 Draining, deletion, trash


def test_7_re_adding_takes_the_connections_back_and_stands_at_the_head() -> None:
    lab = tcp("A B C")
    flow = lab.open()
    server = lab.named(lab.who(flow))
    name = lab.names[server]
    lab.remove(name)
    assert isinstance(lab.table.send(flow, lab.now_ns), Dropped)
    assert repr(server).endswith("deleted>")
    assert lab.add(name) is server
    assert lab.order[0] == name
    assert lab.table.send(flow, lab.now_ns).destination is server
    assert lab.counts()[name] == (1, 0)


def test_7_expire_nodest_conn_flushes_at_once() -> None:
    lab = tcp("A B", persistent_s=60)
    lab.table.sysctls.set("expire_nodest_conn", 1)
    flows = [lab.open(client=f"10.1.0.{n}") for n in (2, 3)]
    lab.remove("B")
    assert isinstance(lab.table.send(flows[0], lab.now_ns), Reset)
    assert lab.table.send(flows[1], lab.now_ns)
    assert [template.destination for template in lab.table.templates()] == [lab.named("A")]
    lab.table.check()


def test_7_service_deleted() -> None:
    lab = tcp("A B")
    flow = lab.open()
    lab.table.remove_service(lab.service)
    assert isinstance(lab.table.send(flow, lab.now_ns), Dropped)
    assert isinstance(lab.route(lab.flow()), Passed)


# Statistics


def test_statistics_count_packets_and_what_is_accounted() -> None:
    lab = tcp("A")
    flow = lab.open()
    lab.table.account(flow, packets_in=2, packets_out=3, bytes_in=100, bytes_out=2000)
    lab.table.account(lab.flow(), bytes_in=7)  # nobody's
    lab.close(flow)
    one = lab.named("A")
    assert (one.connections, one.packets_in, one.packets_out) == (1, 1 + 1 + 2 + 2, 1 + 3 + 1)
    assert (one.bytes_in, one.bytes_out) == (100, 2000)
    assert lab.service.stats() == one.stats()
    lab.wait(120)
    assert one.connections == 1
    lab.table.zero(lab.service)
    assert one.stats().connections == lab.service.stats().connections == 0
    lab.open()
    lab.remove("A")
    assert lab.service.stats().connections == 1
    lab.add("A")
    assert lab.service.stats().connections == 1
    lab.table.zero()
    assert lab.service.stats().packets_in == 0


# Copies


def test_a_deep_copy_goes_its_own_way() -> None:
    lab = tcp("A B C", persistent_s=60)
    lab.table.add_service(mark=3, balancer="lblc")
    held = lab.open()
    lab.remove(lab.who(held))
    lab.open(client="10.1.0.9")
    lab.table.sysctls.set("expire_quiescent_template", 1)
    lab.edit("B", 0)
    lab.who(lab.flow(client="10.1.0.9"))  # an orphan template
    twin = copy.deepcopy(lab.table)
    twin.check()
    service = twin.service("tcp", *VIRTUAL)
    assert [repr(one) for one in service.destinations] == [repr(one) for one in lab.service.destinations]
    assert [repr(one) for one in twin.entries()] == [repr(one) for one in lab.table.entries()]
    fresh = [Flow("tcp", (f"10.1.7.{n}", 1), VIRTUAL) for n in range(5)]
    before = repr(lab.service.destinations)
    ours = [repr(twin.route(flow, lab.now_ns).destination) for flow in fresh]
    assert repr(lab.service.destinations) == before
    assert [repr(lab.route(flow).destination) for flow in fresh] == ours
    twin.advance(10_000 * SECOND)
    assert twin.entries() == []
    twin.check()
    lab.table.check()
    assert len(lab.table.entries()) == 8


def test_a_copy_of_a_newborn_and_of_a_single_record() -> None:
    lab = tcp("A B")
    flow = lab.flow()
    lab.route(flow)
    twin = copy.deepcopy(lab.table)
    assert len(twin.entries()) == 1
    twin.check()
    lab.table.check()
    assert copy.copy(flow) is copy.deepcopy(flow) is flow


def test_reprs() -> None:
    lab = tcp("A", persistent_s=60)
    flow = lab.open()
    assert repr(lab.table) == "<Table: 1 services, 1 connections>"
    assert (
        repr(lab.table.entry(flow)) == "<Entry tcp 10.1.0.2:20001 -> 10.0.0.80:80 at 10.2.9.1:80 ESTABLISHED>"
    )
    assert repr(lab.table.templates()[0]) == "<Template 10.1.0.2 at 10.2.9.1:80>"
    assert repr(lab.table._connections) == "<Connections: 1 entries, 1 templates>"
    assert repr(lab.table._trash) == "<Trash of 0 destinations>"


def test_direction_of_steps_is_checked_one_by_one_for_a_deleted_server() -> None:
    lab = tcp("A")
    flow = lab.open()
    lab.remove("A")
    steps = ((Direction.OUTPUT, Segment.ACK), (Direction.INPUT, Segment.ACK), (Direction.OUTPUT, Segment.FIN))
    assert lab.table.follow(flow, lab.now_ns, steps) == Dropped("destination deleted")
    assert state(lab, flow) is State.ESTABLISHED


def test_ipv6_is_not_modelled() -> None:
    with pytest.raises(NotModelled, match="IPv6"):
        Table().add_service("tcp", "fd00::1", 80)


def test_following_one_of_several_newborns() -> None:
    lab = tcp("A B")
    first, second = lab.flow(), lab.flow()
    lab.route(first), lab.route(second)
    lab.table.follow(first, lab.now_ns, HANDSHAKE)
    assert (state(lab, first), state(lab, second)) == (State.ESTABLISHED, State.SYN_RECV)
    lab.wait(60)
    assert [entry.flow for entry in lab.table.entries()] == [first]


def test_6_a_template_ends_while_another_client_is_connected() -> None:
    lab = tcp("A", persistent_s=30)
    brief = lab.open(client="10.1.0.2")
    lab.open(client="10.1.0.3")
    lab.abort(brief)
    lab.wait(31)
    assert [template.key[1] for template in lab.table.templates()] == ["10.1.0.3"]


# Conversations, all in one instant


def test_a_conversation_is_an_entry_in_time_wait() -> None:
    lab = tcp("A B")
    flow, other = lab.flow(), lab.flow()
    outcome = lab.table.converse(flow, 0, {lab.named("B")})
    assert lab.letter(outcome) == "B"
    assert lab.letter(lab.table.converse(other, 0, {lab.named("B")})) == "A"
    assert [repr(entry)[-10:-1] for entry in lab.table.entries()] == ["TIME_WAIT", " SYN_RECV"]
    assert lab.table.entry(flow).expires_ns == 120 * SECOND
    assert lab.named("B").stats() == Stats(1, 5, 3)
    assert lab.named("A").stats() == Stats(1, 1)
    lab.wait(119)
    assert lab.counts() == {"A": (0, 0), "B": (0, 1)}
    lab.wait(1)
    assert lab.counts() == {"A": (0, 0), "B": (0, 0)}


def test_a_conversation_nobody_can_serve_is_refused() -> None:
    lab = tcp("")
    assert lab.table.converse(lab.flow(), 0, ()).reason == "rr: TCP 10.0.0.80:80 - no destination available"
    assert (
        lab.table.converse(Flow("tcp", ("10.1.0.2", 1), ("10.0.0.81", 80)), 0, ()).reason
        == "no virtual service"
    )


def test_a_conversation_needs_the_parts_of_a_flow_and_no_more() -> None:
    lab = tcp("A")
    parts = tuple(lab.flow())
    assert lab.letter(lab.table.converse(parts, 0, {lab.named("A")})) == "A"
    (entry,) = lab.table.entries()
    assert isinstance(entry.flow, Flow)
    for nothing in (None, ("tcp", ("10.1.0.2", 1))):
        with pytest.raises(BadValue, match="a table routes a Flow, not "):
            lab.table.converse(nothing, 0, ())


def test_a_balancer_that_looks_at_flows_gets_one() -> None:
    class Seeing:
        sees_all = True

        def pick(self, destinations, flow, now_ns):
            return destinations[flow.source[1] % 2]

    lab = tcp("A B", balancer=Seeing)
    picked = [
        lab.letter(lab.table.converse(("tcp", ("10.1.0.2", port), lab.flow().destination), 0, ()))
        for port in (40000, 40001)
    ]
    assert picked == ["B", "A"]


def test_a_conversation_through_direct_routing_ends_without_its_replies() -> None:
    lab = tcp("")
    server = lab.add("A", forward=Forward.ROUTE)
    lab.table.converse(lab.flow(), 0, {server})
    assert [entry.state for entry in lab.table.entries()] == [State.FIN_WAIT]


def test_what_expires_in_one_go_expires_in_order() -> None:
    """The destination became idle with the last of them, also when nobody looked in between."""
    lab = tcp("A")
    server = lab.named("A")
    reset = lab.open()
    lab.abort(reset)  # gone after 10 s
    later = lab.flow()
    for number in range(2):
        lab.table.converse(later if number else lab.flow(), number * SECOND, {server})
    lab.now_ns = 100 * SECOND
    lab.abort(lab.open())  # gone at 110 s
    lab.now_ns = 300 * SECOND
    lab.wait(0)
    assert (server.total, server.idle_ns) == (0, 121 * SECOND)
    lab.now_ns = 400 * SECOND
    lab.table.converse(lab.flow(), lab.now_ns, {server})  # gone at 520 s
    lab.open()  # gone at 1300 s
    lab.wait(2000)
    assert (server.total, server.idle_ns) == (0, 1300 * SECOND)


def test_a_copy_of_a_table_keeps_what_is_done() -> None:
    lab = tcp("A")
    flows = [lab.flow() for _ in range(3)]
    for flow in flows:
        lab.table.converse(flow, 0, {lab.named("A")})
    assert lab.table.entry(flows[1]) is not None  # looked at: an entry from now on
    twin = copy.deepcopy(lab.table)
    twin.check()
    assert [str(entry) for entry in twin.entries()] == [str(entry) for entry in lab.table.entries()]
    twin.advance(120 * SECOND)
    assert (len(twin.entries()), len(lab.table.entries())) == (0, 3)


def test_a_conversation_that_was_looked_at_expires_all_the_same() -> None:
    lab = tcp("A")
    flow = lab.flow()
    lab.table.converse(flow, 0, {lab.named("A")})
    assert lab.table.entry(flow) is not None
    lab.wait(120)
    assert lab.counts() == {"A": (0, 0)}


def test_a_packet_of_a_conversation_that_is_over_prolongs_its_entry() -> None:
    lab = tcp("A")
    flow = lab.flow()
    lab.table.converse(flow, 0, {lab.named("A")})
    assert lab.table.follow(flow, 60 * SECOND, EXCHANGE).reason == "known"
    lab.wait(179)
    assert lab.counts() == {"A": (0, 1)}
    lab.wait(1)
    assert lab.counts() == {"A": (0, 0)}


def test_an_exchange_by_direct_routing_is_seen_one_way() -> None:
    lab = tcp("")
    server = lab.add("A", forward=Forward.ROUTE)
    flow = lab.open()
    assert lab.table.follow(flow, 0, EXCHANGE).reason == "known"
    assert server.stats() == Stats(1, 3, 0)


def test_a_conversation_with_a_service_that_needs_care() -> None:
    lab = tcp("A B", persistent_s=60)
    both = set(lab.service.destinations)
    outcomes = [lab.table.converse(lab.flow(), 0, both) for _ in range(2)]
    assert [outcome.reason for outcome in outcomes] == ["scheduled", "template"]
    assert [entry.state for entry in lab.table.entries()] == [State.TIME_WAIT, State.SYN_RECV]
    assert copy.deepcopy(lab.table).entries()[0].template.assured


def test_following_lets_expire_what_is_due() -> None:
    lab = tcp("A")
    first, second = lab.open(), lab.open()
    lab.abort(first)
    twin = copy.deepcopy(lab.table)  # the first has two timers in the queue; one counts
    for table in (lab.table, twin):
        table.follow(second, 10 * SECOND, CLOSE_BY_CLIENT)
        assert [entry.flow for entry in table.entries()] == [second]
        table.check()

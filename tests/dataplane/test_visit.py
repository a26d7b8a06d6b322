"""Short connections on remembered ways: the same as connect, send and close, whatever happens between."""

from copy import deepcopy

import pytest

from meshsim.dataplane import Lab

P81 = [("tcp", 81, 80)]
N1, N2 = "192.168.65.11", "192.168.65.12"


@pytest.fixture
def lab():
    made = Lab(2)
    made.add_network("eg1")
    for slot in (1, 2, 3):
        made.start(f"web.{slot}", f"host0{slot % 2 + 1}", "eg1", service="web", publish=P81)
    made.start("cli", "host01", "eg1", listen=())
    made.add_outsider()
    made.run(1)
    yield made
    made.check()


def seen(outcome):
    if not outcome.ok:
        return (outcome.kind, outcome.elapsed_ns)
    arrival = outcome.arrival
    return (arrival.endpoint_id, arrival.peer, arrival.target_port, outcome.source_port)


def slowly(client, address, port):
    opened = client.connect(address, port)
    if not opened.ok:
        return seen(opened)
    opened.send()
    opened.close()
    return seen(opened)


def clients(lab):
    return [
        lab.planes["host01"],
        lab.planes["host02"],
        lab.planes["host01"].namespaces["cli"],
        lab.outsiders["laptop"],
    ]


EVENTS = {
    "nothing": lambda lab: None,
    "a task drains": lambda lab: lab.drain("web.1"),
    "a task stops": lambda lab: lab.stop("web.2"),
    "a task comes": lambda lab: lab.start("web.4", "host01", "eg1", service="web", publish=P81),
    "a host fails": lambda lab: lab.crash("host02"),
    "a partition": lambda lab: lab.partition(["host01"], ["host02"]),
    "a process dies": lambda lab: lab.die("web.3"),
    "a listener closes": lambda lab: lab.listen("web.3"),
    "an engine restarts": lambda lab: lab.planes["host02"].reset(),
    "a network leaves": lambda lab: lab.planes["host01"].release(lab.networks["ingress"].id),
}


@pytest.mark.parametrize("event", EVENTS)
def test_a_visit_is_connect_send_close(lab, event):
    twin = deepcopy(lab)
    targets = [(N1, 81), (N2, 81), ("127.0.0.1", 81), (lab.vip("web", "eg1"), 80), (N1, 99)]
    for moment in range(3):
        if moment == 1:
            EVENTS[event](lab)
            EVENTS[event](twin)
        for fast, slow in zip(clients(lab), clients(twin), strict=True):
            for address, port in targets * 4:
                assert seen(fast.visit(address, port)) == slowly(slow, address, port)
        lab.run(3)
        twin.run(3)
    for name in ("ingress", "eg1"):
        if lab.networks[name].id in lab.planes["host01"].sandboxes:
            fast, slow = lab.sandbox(name, "host01").table, twin.sandbox(name, "host01").table
            assert [str(e) for e in fast.entries(lab.clock.now_ns)] == [
                str(e) for e in slow.entries(twin.clock.now_ns)
            ]


def test_a_visit_tells_what_connect_tells(lab):
    plane = lab.planes["host01"]
    first, second = plane.visit(N1, 81, trace=True), plane.visit(N1, 81, trace=True)
    fourth = [plane.visit(N1, 81, trace=True) for _ in range(2)][1]
    assert str(first.trace).replace("32768", "PORT") == str(fourth.trace).replace(
        str(fourth.source_port), "PORT"
    )
    assert first.trace.hops != second.trace.hops
    assert first.elapsed_ns == 2 * first.arrival.round_trip_ns
    assert plane.visit(N1, 81).trace is None
    assert plane.visit(N1, 99).trace is None
    assert plane.visit(N1, 99, trace=True).trace.result.startswith("refused: no service publishes")
    assert repr(first) == f"<Visit to {first.arrival.endpoint_id} on {first.arrival.node} from port 32768>"


def test_a_visit_counts_as_a_whole_conversation(lab):
    plane = lab.planes["host01"]
    found = []
    for way in (plane.visit, plane.connect):
        for _ in range(6):
            outcome = way(N1, 81)
            if hasattr(outcome, "close"):
                outcome.send()
                outcome.close()
        (service,) = lab.sandbox("ingress", "host01").table.services
        found.append([(d.connections, d.packets_in, d.packets_out, d.active) for d in service.destinations])
    one, both = found
    assert [tuple(2 * count for count in counts) for counts in one] == both


def test_a_visit_of_a_known_source_port_is_not_remembered(lab):
    plane = lab.planes["host01"]
    opened = plane.connect(N1, 81)
    plane.ports._next -= 1
    visit = plane.visit(N1, 81, trace=True)
    assert visit.arrival.endpoint_id == opened.endpoint_id
    assert "has an entry already" in str(visit.trace)
    assert plane.ways == {}


def test_a_visit_without_balancer(lab):
    cli = lab.planes["host01"].namespaces["cli"]
    visit = cli.visit("10.0.1.3", 80)
    assert visit.arrival.endpoint_id == "web.1"
    visit.delivered.account(10, 10)
    assert cli.ways == {}


def test_a_visit_from_a_given_port(lab):
    plane = lab.planes["host01"]
    found = [plane.visit(N1, 81, source_port=40000) for _ in range(3)]
    assert {visit.source_port for visit in found} == {40000}
    assert len({visit.arrival.endpoint_id for visit in found}) == 1


def test_a_way_stands_when_other_networks_have_news(lab):
    plane = lab.planes["host01"]
    for _ in range(4):
        plane.visit(N1, 81)
    (way,) = plane.ways.values()
    lab.add_network("other")
    lab.start("x", "host02", "other")
    plane.visit(N1, 81)
    assert plane.ways == {(N1, 81): way}
    assert way.told == lab.journal.told
    for task in ("web.1", "web.2", "web.3"):
        lab.die(task)
    assert plane.visit(N1, 81).kind == "timeout"

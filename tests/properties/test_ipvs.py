"""IPVS: what must hold after anything, and agreement with the algorithms said again in naive.py."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from math import gcd
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.ipvs.naive import NAIVE

from meshsim.ipvs import (
    ABORT,
    BALANCERS,
    CLOSE_BY_CLIENT,
    CLOSE_BY_SERVER,
    CONVERSATION,
    HANDSHAKE,
    Direction,
    Flow,
    Forward,
    Routed,
    Segment,
    Table,
    forecast,
    make_balancer,
    spread,
)

SECOND = 10**9
MARK = 9
WEIGHTS = st.one_of(st.integers(0, 6), st.sampled_from([0, 1, 10, 20, 50, 100, 1000]))
WEIGHT_LISTS = st.lists(WEIGHTS, min_size=1, max_size=6)
SERVERS = [f"10.2.9.{number}" for number in range(1, 8)]


def service_of(balancer: Any, weights: list[int], **settings: Any) -> tuple[Table, Any]:
    table = Table(rng=Random(5))
    service = table.add_service("tcp", "10.0.0.80", 80, balancer=balancer, **settings)
    for address, weight in zip(SERVERS, weights, strict=False):
        table.add_destination(service, address, weight=weight)
    return table, service


def flow_of(number: int, protocol: str = "tcp", virtual: str = "10.0.0.80") -> Flow:
    return Flow(protocol, (f"10.1.{number // 60000}.{number % 7}", 1024 + number % 60000), (virtual, 80))


def picks(table: Table, count: int, start: int = 0) -> list[Any]:
    return [table.route(flow_of(start + number), 0).destination for number in range(count)]


class Agreement(RuleBasedStateMachine):
    """A service of each balancer lives through anything; each choice is foretold by the naive model."""

    kind: tuple[str, str]

    def __init__(self) -> None:
        super().__init__()
        name, flags = self.kind
        self.table = Table()
        # A mark, so that destination hashing and locality see many virtual addresses.
        self.service = self.table.add_service(mark=MARK, balancer=name, flags=flags)
        self.naive = NAIVE[self.kind]()
        self.naive.sync([])
        self.now_ns = 0
        self.serial = 0
        self.known: dict[Flow, Any] = {}

    @property
    def list(self) -> list[Any]:
        return list(self.service.destinations)

    def absent(self) -> list[str]:
        return [address for address in SERVERS if self.service.find(address, 0) is None]

    @precondition(lambda self: self.absent())
    @rule(data=st.data(), weight=WEIGHTS, upper=st.sampled_from([0, 0, 0, 3]))
    def add(self, data: Any, weight: int, upper: int) -> None:
        if self.kind[0] == "wrr":
            upper = 0  # the naive one does not skip overloaded servers as the kernel does
        address = data.draw(st.sampled_from(self.absent()))
        added = self.table.add_destination(
            self.service, address, weight=weight, upper=upper, now_ns=self.now_ns
        )
        assert self.list[0] is added
        self.naive.sync(self.list)

    @precondition(lambda self: self.list)
    @rule(data=st.data(), weight=WEIGHTS)
    def edit(self, data: Any, weight: int) -> None:
        order = self.list
        one = data.draw(st.sampled_from(order))
        self.table.edit_destination(self.service, one.address, weight=weight, now_ns=self.now_ns)
        assert self.list == order
        if self.kind[0] != "dh":
            self.naive.sync(self.list)

    @precondition(lambda self: self.list)
    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        one = data.draw(st.sampled_from(self.list))
        self.table.remove_destination(self.service, one.address, now_ns=self.now_ns)
        self.naive.sync(self.list)

    @rule(
        count=st.integers(1, 8),
        protocol=st.sampled_from(["tcp", "udp"]),
        virtual=st.sampled_from(["10.0.0.80", "10.0.0.81", "10.0.7.3"]),
        end=st.sampled_from([None, HANDSHAKE, ABORT, CLOSE_BY_CLIENT, CLOSE_BY_SERVER]),
    )
    def connect(self, count: int, protocol: str, virtual: str, end: Any) -> None:
        for _ in range(count):
            self.serial += 1
            flow = flow_of(self.serial, protocol, virtual)
            self.table.advance(self.now_ns)
            expected = self.naive.pick(self.list, flow)
            outcome = self.table.route(flow, self.now_ns, MARK)
            assert outcome.destination is expected
            if expected is not None:
                assert expected.weight > 0
                self.known[flow] = expected
                if protocol == "tcp" and end is not None:
                    self.table.follow(flow, self.now_ns, HANDSHAKE)
                    if end is not HANDSHAKE:
                        self.table.follow(flow, self.now_ns, end)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def send(self, data: Any) -> None:
        """A live flow never changes its destination."""
        flow = data.draw(st.sampled_from(sorted(self.known)))
        if self.table.entry(flow, self.now_ns) is None:
            del self.known[flow]
            return
        outcome = self.table.send(flow, self.now_ns, Segment.ACK, MARK)
        assert outcome.destination is (self.known[flow] if self.known[flow].available else None)

    @rule(seconds=st.sampled_from([0, 1, 10, 59, 60, 61, 120, 300, 900]))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @rule()
    def fork(self) -> None:
        """A copy is sound, and what happens to it leaves the original alone."""
        self.table.advance(self.now_ns)
        before = [repr(one) for one in self.list], len(self.table.entries())
        twin = deepcopy(self.table)
        twin.check()
        twin.route(flow_of(10**6), self.now_ns, MARK)
        twin.advance(self.now_ns + 10_000 * SECOND)
        twin.check()
        assert before == ([repr(one) for one in self.list], len(self.table.entries()))

    @invariant()
    def sound(self) -> None:
        self.table.advance(self.now_ns)
        self.table.check()


@pytest.mark.parametrize("kind", NAIVE, ids=["-".join(filter(None, kind)) for kind in NAIVE])
def test_agreement_with_the_naive_model(kind: tuple[str, str]) -> None:
    machine = type("Machine", (Agreement,), {"kind": kind})
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=25))


class Twins(RuleBasedStateMachine):
    """Two tables live through the same; in one conversations go the short way, in the other step by step."""

    balancer: str

    def __init__(self) -> None:
        super().__init__()
        self.tables = [Table(rng=Random(7)), Table(rng=Random(7))]
        for table in self.tables:
            table.add_service(mark=MARK, balancer=self.balancer)
            table.add_service("tcp", "10.0.0.80", 80, balancer=self.balancer)
        self.now_ns = 0
        self.serial = 0
        self.flows: list[Flow] = []

    def both(self, what: Any) -> None:
        """Do something to both tables, for all their services."""
        for table in self.tables:
            for service in table.services:
                what(table, service)

    @rule(
        address=st.sampled_from(SERVERS[:4]),
        weight=st.integers(0, 3),
        upper=st.sampled_from([0, 0, 0, 4]),
        forward=st.sampled_from([Forward.MASQ, Forward.MASQ, Forward.MASQ, Forward.ROUTE]),
        gone=st.booleans(),
    )
    def server(self, address: str, weight: int, upper: int, forward: Forward, gone: bool) -> None:
        def change(table: Table, service: Any) -> None:
            port = 80 * (not service.mark)
            if service.find(address, port) is None:
                settings = {"weight": weight, "upper": upper, "forward": forward}
                table.add_destination(service, address, port, **settings, now_ns=self.now_ns)
            elif gone:
                table.remove_destination(service, address, port, now_ns=self.now_ns)
            else:
                table.edit_destination(service, address, port, weight=weight, upper=upper, now_ns=self.now_ns)

        self.both(change)

    @rule(
        persistent_s=st.sampled_from([0, 0, 100]),
        reuse=st.sampled_from([0, 1]),
        nodest=st.sampled_from([0, 1]),
    )
    def knobs(self, persistent_s: int, reuse: int, nodest: int) -> None:
        def change(table: Table, service: Any) -> None:
            table.edit_service(service, persistent_s=persistent_s, now_ns=self.now_ns)
            table.sysctls.set("conn_reuse_mode", reuse)
            table.sysctls.set("expire_nodest_conn", nodest)

        self.both(change)

    @rule(
        count=st.integers(1, 12),
        mark=st.sampled_from([MARK, MARK, 0, 5]),
        protocol=st.sampled_from(["tcp", "tcp", "tcp", "udp"]),
        silent=st.sampled_from([None, None, *SERVERS[:4]]),
        again=st.booleans(),
        gap_ns=st.sampled_from([0, 10**7, 5 * SECOND]),
    )
    def converse(self, count: int, mark: int, protocol: str, silent: Any, again: bool, gap_ns: int) -> None:
        fast, slow = self.tables
        for _ in range(count):
            self.now_ns += gap_ns
            flow = self.flow(protocol, again)
            answering = {d for service in fast.services for d in service.destinations if d.address != silent}
            outcome = fast.converse(flow, self.now_ns, answering, mark)
            stepwise = slow.route(flow, self.now_ns, mark)
            chosen = stepwise.destination
            if chosen is not None and chosen.address != silent and stepwise.reason == "scheduled":
                slow.follow(flow, self.now_ns, CONVERSATION, mark)
            assert repr(outcome) == repr(stepwise)

    def flow(self, protocol: str, again: bool) -> Flow:
        if again and self.flows:
            return self.flows[-1 - self.serial % min(len(self.flows), 5)]
        self.serial += 1
        self.flows.append(flow_of(self.serial, protocol))
        return self.flows[-1]

    @precondition(lambda self: self.flows)
    @rule(
        data=st.data(),
        end=st.sampled_from([HANDSHAKE, ABORT, CLOSE_BY_SERVER, ((Direction.INPUT, Segment.ACK),)]),
    )
    def touch(self, data: Any, end: Any) -> None:
        flow = data.draw(st.sampled_from(self.flows[-20:]))
        fast, slow = (repr(table.follow(flow, self.now_ns, end, MARK)) for table in self.tables)
        assert fast == slow

    @rule(count=st.integers(1, 3), protocol=st.sampled_from(["tcp", "udp"]))
    def first_packet_only(self, count: int, protocol: str) -> None:
        for _ in range(count):
            flow = self.flow(protocol, False)
            fast, slow = (repr(table.route(flow, self.now_ns, MARK)) for table in self.tables)
            assert fast == slow

    @rule(seconds=st.sampled_from([1, 59, 60, 61, 119, 120, 121, 900]))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @rule()
    def fork(self) -> None:
        self.tables = deepcopy(self.tables)

    @rule(itself=st.booleans())
    def look(self, itself: bool) -> None:
        """At the connections of both; of copies of both, so that what is done stays so."""
        tables = self.tables if itself else deepcopy(self.tables)
        fast, slow = (
            [
                [(repr(one), one.expires_ns) for one in [*table.entries(self.now_ns), *table.templates()]],
                [(one.assured, one.controls) for one in table.templates()],
            ]
            for table in tables
        )
        assert fast == slow

    @invariant()
    def same_counters(self) -> None:
        fast, slow = (self.counters(table) for table in self.tables)
        assert fast == slow
        for table in self.tables:
            table.check()

    def counters(self, table: Table) -> list[Any]:
        table.advance(self.now_ns)
        return [
            (
                service.stats(),
                [(repr(one), one.stats(), one.idle_ns, one.usable) for one in service.destinations],
            )
            for service in table.services
        ]


@pytest.mark.parametrize("balancer", sorted(BALANCERS))
def test_a_conversation_leaves_what_its_single_steps_leave(balancer: str) -> None:
    machine = type("Machine", (Twins,), {"balancer": balancer})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=25))


@given(weights=WEIGHT_LISTS, before=st.integers(0, 20), count=st.integers(0, 200))
def test_rr_counts_differ_by_at_most_one(weights: list[int], before: int, count: int) -> None:
    table, service = service_of("rr", weights)
    picks(table, before)
    counts = Counter(picks(table, count, 10_000))
    shares = [counts[one] for one in service.destinations if one.weight]
    assert not shares or max(shares) - min(shares) <= 1


@given(weights=WEIGHT_LISTS, cycles=st.integers(1, 3), before=st.integers(0, 30))
def test_wrr_is_exact_per_cycle(weights: list[int], cycles: int, before: int) -> None:
    small = [weight % 50 for weight in weights]
    table, service = service_of("wrr", small)
    picks(table, before)
    unit = gcd(*small) or 1
    counts = Counter(picks(table, cycles * sum(small) // unit, 10_000))
    assert [counts[one] for one in service.destinations] == [
        cycles * one.weight // unit for one in service.destinations
    ]


@given(
    balancer=st.sampled_from(["rr", "wrr"]),
    weights=WEIGHT_LISTS,
    steps=st.lists(st.tuples(st.integers(0, 5), WEIGHTS, st.integers(0, 12)), max_size=4),
    count=st.integers(0, 400),
)
def test_the_closed_form_equals_stepping(
    balancer: str, weights: list[int], steps: list[tuple[int, int, int]], count: int
) -> None:
    """From any state that edits and picks lead to; and it changes nothing."""
    table, service = service_of(balancer, weights)
    for number, (place, weight, more) in enumerate(steps):
        one = service.destinations[place % len(service.destinations)]
        table.edit_destination(service, one.address, weight=weight)
        picks(table, more, 1000 * (number + 1))
    foretold = forecast(service, count)
    assert foretold == forecast(service, count)
    counts = Counter(picks(table, count, 100_000))
    assert foretold == {one: counts[one] for one in service.destinations}


@given(weights=WEIGHT_LISTS, huge=st.integers(10**9, 10**15))
def test_the_closed_form_of_huge_numbers_is_consistent(weights: list[int], huge: int) -> None:
    for balancer in ("rr", "wrr"):
        _, service = service_of(balancer, weights)
        counts = forecast(service, huge)
        total = sum(weights)
        assert sum(counts.values()) == (huge if total else 0)
        if total and balancer == "wrr":
            for one, share in counts.items():
                assert abs(share - huge * one.weight / total) <= one.weight + huge * 1e-12


@given(name=st.sampled_from(sorted(BALANCERS)), weights=WEIGHT_LISTS, count=st.integers(1, 60))
def test_weight_0_never_gets_a_new_flow_and_connections_are_conserved(
    name: str, weights: list[int], count: int
) -> None:
    table, service = service_of(name, weights)
    outcomes = [table.route(flow_of(number), 0) for number in range(count)]
    for outcome in outcomes:
        assert not isinstance(outcome, Routed) or outcome.destination.weight > 0
    live = table.entries()
    assert len(live) == sum(isinstance(outcome, Routed) for outcome in outcomes)
    for one in service.destinations:
        assert one.active + one.inactive == sum(entry.destination is one for entry in live)


@given(
    kind=st.sampled_from([kind for kind in NAIVE if kind[0] in ("sh", "dh", "mh")]),
    weights=WEIGHT_LISTS,
    clients=st.lists(st.integers(0, 10**5), min_size=1, max_size=20),
    seed=st.integers(0, 9),
)
def test_hash_balancers_are_pure_functions_of_flow_and_table(
    kind: tuple[str, str], weights: list[int], clients: list[int], seed: int
) -> None:
    flows = [flow_of(client) for client in dict.fromkeys(clients)]
    table, _ = service_of(kind[0], weights, flags=kind[1])
    forward = {flow: repr(table.route(flow, 0).destination)[:24] for flow in flows}
    Random(seed).shuffle(flows)
    other, _ = service_of(kind[0], weights, flags=kind[1])
    assert {flow: repr(other.route(flow, 0).destination)[:24] for flow in flows} == forward


@settings(max_examples=8)
@given(count=st.integers(2, 12), leaves=st.integers(0, 11))
def test_maglev_disturbs_few(count: int, leaves: int) -> None:
    """When one of n leaves, its 1/n of the slots must move; of the rest only a few per cent do."""
    table = Table()
    service = table.add_service(mark=1, balancer="mh")
    for number in range(count):
        table.add_destination(service, f"10.2.{number}.{number * 7 + 1}")
    before = list(service.balancer._slots)  # type: ignore[attr-defined]
    gone = service.destinations[leaves % count]
    table.remove_destination(service, gone.address)
    after = service.balancer._slots  # type: ignore[attr-defined]
    shares = Counter(before).values()
    assert max(shares) - min(shares) <= 1
    moved = sum(old is not gone and old is not new for old, new in zip(before, after, strict=True))
    assert gone not in after
    assert moved <= 0.08 * len(before)


@given(weights=WEIGHT_LISTS, count=st.integers(1, 50), name=st.sampled_from(sorted(BALANCERS)))
def test_spread_looks_and_leaves_everything_as_it_was(weights: list[int], count: int, name: str) -> None:
    table, service = service_of(name, weights)
    picks(table, 3)
    before = [repr(one) for one in service.destinations]
    flows = [flow_of(10_000 + number) for number in range(count)]
    foretold = spread(table, flows, 0)
    assert [repr(one) for one in service.destinations] == before
    if name != "twos":
        assert foretold == Counter(one for one in (table.route(flow, 0).destination for flow in flows) if one)
    table.check()


def test_every_name_has_a_naive_twin_or_a_reason() -> None:
    assert set(BALANCERS) - {name for name, _ in NAIVE} == {"twos", "none"}  # random; never anybody
    assert make_balancer("none").pick([], flow_of(1), 0) is None

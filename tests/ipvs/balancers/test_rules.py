"""The schedulers' rules one by one, where the recorded cases do not reach."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from tests.ipvs.lab import SECOND, Lab

from meshsim.ipvs import HANDSHAKE, Flow, Table, make_balancer
from meshsim.ipvs.balancers.least import Overhead
from meshsim.ipvs.balancers.locality import LocalityLeastConnections, LocalityReplication
from meshsim.ipvs.balancers.maglev import hsiphash
from meshsim.ipvs.destination import Destination

DAY = 86400


def loaded(active: int, inactive: int, weight: int = 1) -> Destination:
    one = Destination("10.2.9.1", 80, weight)
    one.active, one.inactive = active, inactive
    return one


@pytest.mark.parametrize(("active_weight", "load"), [(257, 257 * 3 + 5), (256, 256 * 3 + 5)])
def test_an_active_connection_weighs_257_or_256_inactive_ones(active_weight: int, load: int) -> None:
    assert Overhead(active_weight)(loaded(3, 5)) == load


def test_the_switch_for_older_kernels_reaches_the_balancer() -> None:
    """256 inactive connections against an active one: a tie before the rework, which the newer one wins."""
    answers = []
    for active_weight in (257, 256):
        table = Table(active_weight=active_weight)
        service = table.add_service(mark=1, balancer="lc")
        quiet = table.add_destination(service, "10.2.9.1")
        for port in range(256):
            table.route(Flow("udp", ("10.1.0.2", port), ("10.0.0.80", 80)), 0, 1)
        busy = table.add_destination(service, "10.2.9.2")
        assert table.route(Flow("tcp", ("10.1.0.2", 1), ("10.0.0.80", 80)), 0, 1).destination is busy
        chosen = table.route(Flow("tcp", ("10.1.0.2", 2), ("10.0.0.80", 80)), 0, 1).destination
        answers.append(chosen is quiet)
    assert answers == [True, False]


@pytest.mark.parametrize(
    "name",
    ["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "lblcr", "fo", "ovf", "twos", "none"],
)
def test_nobody_there_or_nobody_usable(name: str) -> None:
    lab = Lab(name)
    assert lab.go(2) == "--"
    lab.add("A", 0)
    assert lab.go(2) == "--"
    lab.add("B", 1)
    assert lab.go(1) in "B-"
    lab.remove("B")
    lab.remove("A")
    assert lab.go(1) == "-"


def test_a_balancer_alone_needs_no_table() -> None:
    one, two = Destination("10.2.9.1", 80), Destination("10.2.9.2", 80)
    balancer: Any = make_balancer("rr")
    flow = Flow.parse("tcp", "10.1.0.2:1", "10.0.0.80:80")
    assert [balancer.pick([one, two], flow, 0) for _ in range(3)] == [one, two, one]


def test_wrr_skips_an_overloaded_server_and_gives_up_when_all_are() -> None:
    lab = Lab("wrr")
    lab.add("A", 1)
    lab.add("B", 3)
    lab.add("C", 2, upper=1)
    assert lab.go(1) == "C"
    assert lab.go(7) == "BABBBAB"
    lab.edit("A", upper=1)
    assert lab.go(4) == "BBBB"
    lab.edit("B", upper=1)
    assert lab.go(3) == "---"
    lab.wait(300)
    assert set(lab.go(3)) == set("ABC")


def test_wrr_from_the_middle_of_a_pass_gives_up_where_it_began() -> None:
    lab = Lab("wrr")
    for name in "ABCD":
        lab.add(name, 2, upper=1)
    assert lab.go(2) == "DC"
    lab.edit("A", upper=1)  # a fresh pass
    assert lab.go(2) == "BA"
    assert lab.go(3) == "---"


def test_dh_ignores_weights_until_the_choice_falls_on_0() -> None:
    table = Table()
    service = table.add_service(mark=1, balancer="dh")
    for number in (1, 2):
        table.add_destination(service, f"10.2.9.{number}", weight=number)
    flows = [Flow("udp", ("10.1.0.2", 1), (f"10.5.0.{host}", 80)) for host in range(200)]
    before = [table.route(flow, 0, 1).destination for flow in flows]
    assert 60 < Counter(before)[service.destinations[0]] < 140
    table.edit_destination(service, "10.2.9.1", weight=0)
    fresh = [flow._replace(source=("10.1.0.2", 2)) for flow in flows]
    after = [table.route(flow, 0, 1).destination for flow in fresh]
    assert after == [one if one is service.destinations[0] else None for one in before]


def test_sh_gives_weight_0_one_bucket_and_huge_weights_all() -> None:
    lab = Lab("sh", "A100 B200 C300")
    assert set(lab.service.balancer._buckets) == {lab.named("C")}  # type: ignore[attr-defined]
    lab = Lab("sh", "A0 B1")
    assert Counter(lab.service.balancer._buckets)[lab.named("A")] == 128  # type: ignore[attr-defined]
    lab.edit("B", 2**31 - 1)
    assert Counter(lab.service.balancer._buckets)[lab.named("B")] == 256  # type: ignore[attr-defined]


def test_mh_takes_the_last_weight_that_was_not_0() -> None:
    lab = Lab("mh", "A1 B2 C3")
    slots = list(lab.service.balancer._slots)  # type: ignore[attr-defined]
    lab.edit("B", 0)
    assert lab.service.balancer._slots == slots  # type: ignore[attr-defined]
    shares = Counter(slots)
    assert [round(shares[lab.named(name)] / 4093, 2) for name in "ABC"] == [0.17, 0.33, 0.5]


def test_mh_fallback_is_refused_when_nobody_is_left() -> None:
    lab = Lab("mh", "A1 B2", flags="mh-fallback")
    lab.edit("A", 0)
    assert lab.go(2) == "BB"
    lab.edit("B", 0)
    assert lab.go(1) == "-"


def test_siphash_is_the_kernels() -> None:
    """Two different inputs and keys; the recorded mh sequences check the rest."""
    values = {hsiphash(value, key) for value in (0, 1, 2**32 - 1) for key in (2654435761, 2654446892)}
    assert len(values) == 6
    assert all(0 <= value < 2**32 for value in values)


def test_twos_gives_the_first_one_slot_more() -> None:
    """P(first draw) = (w + 1) / (total + 1); with equal loads the first draw stands."""
    lab = Lab(weights="A1 B3", balancer="twos")
    balancer: Any = make_balancer("twos")
    balancer._rng = Random(3)
    flow = lab.flow()
    counts = Counter(balancer.pick(lab.service.destinations, flow, 0) for _ in range(20_000))
    assert counts[lab.named("B")] / 20_000 == pytest.approx(4 / 5, abs=0.012)


def test_twos_prefers_the_less_loaded() -> None:
    lab = Lab("twos", "A B", protocol="tcp")
    for _ in range(100):
        lab.open()
    active = [one.active for one in lab.service.destinations]
    assert max(active) - min(active) <= 12


# lblc and lblcr: caches and their clocks


def cached(balancer: Any, active: int = 0) -> tuple[Any, Destination, Destination, Flow]:
    one, two = loaded(active, 0), loaded(0, 0)
    flow = Flow.parse("tcp", "10.1.0.2:1", "10.0.0.80:80")
    balancer.bound([one, two], 0)
    return balancer, one, two, flow


@pytest.mark.parametrize("kind", [LocalityLeastConnections, LocalityReplication])
def test_a_cache_entry_lives_a_day_and_to_the_next_full_check(kind: Any) -> None:
    for seconds, stays in ((DAY - 1, True), (DAY, True), (DAY + 1799, True), (DAY + 1800, False)):
        balancer, one, two, flow = cached(kind())
        assert balancer.pick([one, two], flow, 1) is one
        one.active = 1  # not overloaded: one active connection, weight one
        chosen = balancer.pick([one, two], flow, seconds * SECOND + 1)
        assert (chosen is one) is stays, seconds


def test_lblc_leaves_an_overloaded_server_when_another_is_half_idle() -> None:
    balancer, one, two, flow = cached(LocalityLeastConnections())
    assert balancer.pick([one, two], flow, 0) is one
    one.active = 2
    assert balancer.pick([one, two], flow, 0) is two
    assert balancer.pick([one, two], flow, 0) is two
    one.usable = two.usable = False
    two.available = False
    assert balancer.pick([one, two], flow, 0) is None


def test_lblcr_grows_under_load_and_shrinks_after_a_day() -> None:
    balancer, one, two, flow = cached(LocalityReplication())
    assert balancer.pick([one, two], flow, 0) is one
    one.active = 2
    assert balancer.pick([one, two], flow, 1) is two
    servers = balancer._cache["10.0.0.80"].servers
    assert servers == [two, one]
    two.active = 3
    assert balancer.pick([one, two], flow, 2) is one  # the least of the set, and nobody idles
    for hour in range(1, 25):
        balancer.pick([one, two], flow, hour * 3600 * SECOND)
    assert servers == [two, one]
    assert balancer.pick([one, two], flow, (DAY + 1) * SECOND) is one
    assert servers == [one]  # the heaviest left
    one.usable = two.usable = False
    assert balancer.pick([one, two], flow, (DAY + 2) * SECOND) is None


def test_lblcr_shrinking_spares_servers_of_weight_0() -> None:
    balancer, one, two, flow = cached(LocalityReplication())
    balancer.pick([one], flow, 0)
    known = balancer._cache["10.0.0.80"]
    known.insert(two, 0)
    known.insert(two, 5)  # there already
    assert known.changed_ns == 0
    for one_of in (one, two):
        one_of.weight, one_of.usable = 0, False
    known.used_ns = DAY * SECOND
    assert balancer.pick([one, two], flow, (DAY + 1) * SECOND) is None
    assert known.servers == [two, one]


def test_the_expiry_of_a_table_is_its_sysctl() -> None:
    table = Table()
    table.sysctls.set("lblc_expiration", 600)
    service = table.add_service(mark=1, balancer="lblc")
    table.add_destination(service, "10.2.9.1")
    flow = Flow.parse("tcp", "10.1.0.2:1", "10.0.0.80:80")
    assert table.route(flow, 0, 1)
    table.follow(flow, 0, HANDSHAKE)
    newer = table.add_destination(service, "10.2.9.2")
    again = flow._replace(source=("10.1.0.2", 2))
    assert table.route(again, 1800 * SECOND, 1).destination is newer

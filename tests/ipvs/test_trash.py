"""How long a deleted destination can come back with its counters."""

from __future__ import annotations

import pytest
from tests.ipvs.lab import Lab


@pytest.mark.parametrize(("seconds", "kept"), [(0, True), (179, True), (180, False), (1000, False)])
def test_an_idle_one_is_freed_by_the_check_120_s_after_the_one_that_found_it_idle(
    seconds: int, kept: bool
) -> None:
    lab = Lab("rr", "A")
    before = lab.named("A")
    lab.remove("A")  # checks run 60, 120, 180 s from here
    lab.wait(seconds)
    assert (lab.add("A") is before) is kept


@pytest.mark.parametrize(("seconds", "kept"), [(300, True), (419, True), (420, False)])
def test_connections_keep_it(seconds: int, kept: bool) -> None:
    lab = Lab("rr", "A")
    lab.go(1)
    before = lab.named("A")
    lab.remove("A")
    lab.wait(299)
    assert lab.table.entries()  # to 300 s; the check at 300 s finds it idle
    lab.now_ns = 0
    lab.wait(seconds) if seconds > 299 else None
    assert (lab.add("A") is before) is kept


def test_templates_keep_it() -> None:
    lab = Lab("rr", "A", persistent_s=1000)
    lab.go(1)
    before = lab.named("A")
    lab.remove("A")
    lab.wait(1000)
    assert lab.add("A") is before


def test_checks_count_from_the_first_member() -> None:
    lab = Lab("rr", "A B")
    a, b = lab.named("A"), lab.named("B")
    lab.remove("A")
    lab.wait(50)
    lab.remove("B")
    lab.wait(129)  # 179 s: both are still there
    assert len(lab.table._trash) == 2
    assert lab.add("B") is b
    lab.wait(1)
    assert lab.add("A") is not a
    assert len(lab.table._trash) == 0
    lab.remove("A")
    lab.wait(179)
    lab.add("A")


def test_another_service_with_the_same_key_takes_it_but_counts_anew() -> None:
    lab = Lab("rr", "A")
    lab.go(3)
    before = lab.named("A")
    lab.table.remove_service(lab.service)
    lab.service = lab.table.add_service("udp", "10.0.0.80", 80, balancer="rr")
    assert lab.add("A") is before
    assert before.total == 3
    assert before.stats().connections == lab.service.stats().connections == 0
    lab.table.remove_service(lab.service)
    lab.service = lab.table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
    assert lab.add("A") is not before

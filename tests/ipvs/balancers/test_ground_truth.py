"""A rule seen on Linux 6.12; the probed cases are replayed in tests/recorded/test_facts_kernel.py."""

from __future__ import annotations

from tests.ipvs.lab import Lab


def test_counters_survive_deletion_while_connections_live() -> None:
    """Session 16 reused a namespace: a re-created service with the same servers gave lopsided answers."""
    lab = Lab("lc", "A B C")
    assert lab.go(3) == "CBA"
    before = lab.named("A")
    lab.table.clear(now_ns=lab.now_ns)
    lab.service = lab.table.add_service("udp", "10.0.0.80", 80, balancer="lc")
    assert lab.add("A") is before
    lab.add("D")
    assert lab.go(2) == "DD"  # A has one connection, and on a tie the newer is first

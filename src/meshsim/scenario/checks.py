"""Room scenario: laws that hold for the records of every run, whatever was simulated.

Comes in: records. Goes out: nothing, or an AssertionError that says what is broken. It trusts no figure of
the simulation: everything is counted again from the moments in the records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshsim.scenario.records import NEVER, OUTCOMES, RequestRecord

__all__ = ["area_under", "check_rows", "most_at_once"]


def check_rows(tries: Sequence[RequestRecord], concurrency: Mapping[str, int]) -> None:
    """Assert conservation, order in time, Little's law, and the discipline of the queues.

    O(tries log tries).
    """
    _check_conservation(tries)
    by_task: dict[str, list[RequestRecord]] = {}
    for record in tries:
        assert record.outcome in OUTCOMES, record
        assert record.started_ns <= record.ended_ns, record
        if record.arrived_ns != NEVER:
            assert record.started_ns <= record.arrived_ns <= record.began_ns <= record.done_ns, record
            if record.outcome != "busy":
                by_task.setdefault(record.task, []).append(record)
        if record.outcome == "ok":
            assert record.task, record
            assert record.done_ns <= record.ended_ns, record
    for records in by_task.values():
        _check_littles_law([(r.arrived_ns, r.done_ns) for r in records])
        limit = concurrency.get(records[0].service)
        if limit is not None:
            _check_queue(records, limit)


def _check_conservation(tries: Sequence[RequestRecord]) -> None:
    """Each try is there once; a request is tried again only after a failure; none is left out."""
    attempts: dict[tuple[str, int, int], int] = {}
    pages: dict[str, int] = {}
    for record in sorted(tries, key=_order):
        key = (record.client, record.number, record.asset)
        assert record.attempt == attempts.get(key, 0) + 1, f"a try is missing or double: {record}"
        attempts[key] = record.attempt
        pages[record.client] = max(pages.get(record.client, 0), record.number + 1)
    for client, count in pages.items():
        numbers = {number for name, number, _ in attempts if name == client}
        assert len(numbers) == count, f"a request of {client} has vanished"


def _order(record: RequestRecord) -> tuple[str, int, int, int]:
    return record.client, record.number, record.asset, record.attempt


def _check_littles_law(stays: Sequence[tuple[int, int]]) -> None:
    """L = lambda W: the area under the number inside is the sum of the times inside, exactly."""
    assert area_under(stays) == sum(leaves - comes for comes, leaves in stays)


def _check_queue(records: Sequence[RequestRecord], limit: int) -> None:
    """Never more at work than may be; and nobody waits while a worker is free."""
    assert most_at_once([(r.began_ns, r.done_ns) for r in records]) <= limit
    waits = [r for r in records if r.began_ns > r.arrived_ns]
    ends = {r.done_ns for r in records}
    assert all(r.began_ns in ends for r in waits), "work began late although nobody had just finished"


def _steps(stays: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted([(comes, 1) for comes, _ in stays] + [(leaves, -1) for _, leaves in stays])


def area_under(stays: Sequence[tuple[int, int]]) -> int:
    """The number inside, integrated over time by walking through all comings and goings.

    >>> area_under([(0, 10), (5, 15)])
    20
    """
    area, inside, last = 0, 0, 0
    for at, change in _steps(stays):
        area += inside * (at - last)
        inside += change
        last = at
    assert inside == 0
    return area


def most_at_once(stays: Sequence[tuple[int, int]]) -> int:
    """The largest number inside at any time; who leaves makes room for who comes at that moment.

    >>> most_at_once([(0, 10), (10, 20)]), most_at_once([(0, 10), (9, 20)])
    (1, 2)
    """
    most, inside = 0, 0
    for _, change in _steps([stay for stay in stays if stay[0] < stay[1]]):
        inside += change
        most = max(most, inside)
    return most

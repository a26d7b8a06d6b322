"""The queue of timers: order, renewal while handing out, bounds."""

from __future__ import annotations

from meshsim.ipvs.timers import Timers

SECOND = 10**9


def test_due_is_in_order_with_ties_by_age() -> None:
    timers: Timers[str] = Timers()
    for when_ns, name in ((5 * SECOND, "d"), (3, "b"), (3, "c"), (1, "a"), (100 * SECOND, "e")):
        timers.add(when_ns, name)
    assert [name for _, name in timers.due(4 * SECOND)] == ["a", "b", "c"]
    assert 4 * SECOND < timers.first_ns <= 5 * SECOND
    assert [name for _, name in timers.due(5 * SECOND)] == ["d"]
    assert [name for _, name in timers] == ["e"]
    assert [name for _, name in timers.due(100 * SECOND)] == ["e"]
    assert list(timers.due(10**18)) == list(timers) == []


def test_what_is_added_while_handing_out_is_handed_out() -> None:
    timers: Timers[int] = Timers()
    timers.add(1, 1)
    seen = []
    for when_ns, number in timers.due(10 * SECOND):
        seen.append(number)
        if number < 20:
            timers.add(when_ns + SECOND // 2, number + 1)
    assert seen == list(range(1, 21))


def test_a_timer_in_the_bucket_being_handed_out_is_put_in_its_place() -> None:
    timers: Timers[str] = Timers()
    timers.add(10, "b")
    timers.add(20, "d")
    assert [name for _, name in timers.due(10)] == ["b"]
    assert timers.first_ns == 20
    timers.add(15, "c")
    assert timers.first_ns == 15
    assert [name for _, name in timers.due(20)] == ["c", "d"]

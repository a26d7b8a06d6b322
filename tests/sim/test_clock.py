"""The clock: order, foreground accounting, cancelling, copying."""

import copy

import pytest

from meshsim.errors import BadValue, ClockBusy
from meshsim.sim import Clock


class Recorder:
    """Keeps what its bound method was called with; copies with the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: list[tuple[int, object]] = []

    def note(self, what: object = None) -> None:
        self.seen.append((self.clock.now_ns, what))

    def cancel(self, timers: list) -> None:
        self.note("cancel")
        timers[0].cancel()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(clock: Clock) -> Recorder:
    return Recorder(clock)


def test_timers_fire_in_order_of_time_then_of_scheduling(clock, recorder):
    clock.call_at(20, recorder.note, "later")
    clock.call_at(10, recorder.note, "first")
    clock.call_at(10, recorder.note, "second")
    clock.run_until(15)
    assert recorder.seen == [(10, "first"), (10, "second")]
    assert clock.now_ns == 15
    clock.run_for(5)
    assert recorder.seen[-1] == (20, "later")


def test_a_periodic_timer_fires_until_cancelled(clock, recorder):
    timer = clock.call_every(10, recorder.note, "tick", name="tick")
    clock.run_until(35)
    assert [t for t, _ in recorder.seen] == [10, 20, 30]
    timer.cancel()
    timer.cancel()
    clock.run_until(100)
    assert len(recorder.seen) == 3
    assert clock.next_ns() is None


def test_a_periodic_timer_may_cancel_itself(clock, recorder):
    timers: list = []
    timers.append(clock.call_every(10, recorder.cancel, timers))
    clock.run_until(100)
    assert recorder.seen == [(10, "cancel")]
    assert clock.foreground == 0
    clock.check()


def test_foreground_counts_what_settle_waits_for(clock, recorder):
    clock.call_later(10, recorder.note)
    clock.call_later(20, recorder.note, background=True)
    periodic = clock.call_every(30, recorder.note, background=True)
    assert clock.foreground == 1
    clock.run_until(25)
    assert clock.foreground == 0
    assert clock.pending() == [periodic]
    clock.check()


def test_step_fires_one(clock, recorder):
    clock.call_at(5, recorder.note, "a")
    clock.call_at(5, recorder.note, "b")
    assert clock.step()
    assert recorder.seen == [(5, "a")]
    assert clock.step()
    assert not clock.step()


def test_zero_delay_fires_at_this_moment_after_what_runs_now(clock, recorder):
    clock.call_later(0, recorder.note, "now")
    clock.run_until(0)
    assert recorder.seen == [(0, "now")]


def test_stepping_inside_a_timer_is_refused(clock):
    clock.call_at(5, clock.run_until, 10)
    with pytest.raises(ClockBusy, match="cannot be made while time is being stepped"):
        clock.run_until(20)
    assert not clock.running
    clock.guard()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c.call_at(5, print), "5 ns is in the past: it is 10 ns"),
        (lambda c: c.run_until(5), "5 ns is in the past: it is 10 ns"),
        (lambda c: c.call_every(0, print), "a period must be positive, not 0 ns"),
    ],
)
def test_bad_times_are_refused(clock, call, text):
    clock.run_until(10)
    with pytest.raises(BadValue, match=text):
        call(clock)
    assert clock.next_ns() is None


def test_cancelled_timers_are_swept_when_they_outnumber_the_living(clock, recorder):
    kept = clock.call_at(10_000, recorder.note, "kept")
    timers = [clock.call_at(5_000 + i, recorder.note) for i in range(600)]
    for timer in timers:
        timer.cancel()
    assert len(clock._heap) < 300
    clock.check()
    assert clock.pending() == [kept]
    clock.run_until(20_000)
    assert recorder.seen == [(10_000, "kept")]
    clock.check()


def test_next_ns_skips_the_cancelled(clock, recorder):
    clock.call_at(1, recorder.note).cancel()
    clock.call_at(2, recorder.note)
    assert clock.next_ns() == 2


def test_a_copy_goes_on_by_itself(clock, recorder):
    clock.call_every(10, recorder.note, "tick")
    clock.run_until(10)
    twin_clock, twin_recorder = copy.deepcopy((clock, recorder))
    clock.run_until(30)
    assert len(twin_recorder.seen) == 1
    twin_clock.run_until(30)
    assert twin_recorder.seen == recorder.seen


def test_reprs_are_worth_reading(clock, recorder):
    timer = clock.call_every(10, recorder.note, background=True, name="probe")
    assert repr(timer) == "<Timer 'probe' at 10 ns, every 10 ns, background>"
    timer.cancel()
    assert repr(timer).endswith(", over>")
    assert repr(clock) == "<Clock 0.000000 s, 0 timers, 0 foreground>"
    assert "once" in repr(clock.call_at(3, recorder.note))


def series(clock, recorder, gaps):
    """A callback that notes when it is called, and says the gaps one after the other, then None."""

    def call():
        recorder.note("series")
        return gaps.pop(0) if gaps else None

    return call


def test_a_series_is_called_so_long_after_each_call_as_it_says(clock, recorder):
    timer = clock.call_series(3, series(clock, recorder, [5, 0, 100]), background=True)
    assert repr(timer).endswith("at 3 ns, a series, background>")
    clock.run_until(50)
    assert [at for at, _ in recorder.seen] == [3, 8, 8]
    clock.check()
    assert (timer.live, timer.when_ns, clock.pending(), clock.foreground) == (True, 108, [timer], 0)
    clock.run_until(200)
    assert [at for at, _ in recorder.seen] == [3, 8, 8, 108]
    clock.check()
    assert (timer.live, clock.pending()) == (False, [])


def test_a_series_takes_its_place_behind_what_is_due_at_the_same_moment(clock, recorder):
    clock.call_at(8, recorder.note, "before")
    clock.call_series(3, series(clock, recorder, [5, 2]))
    clock.call_at(8, recorder.note, "also before")
    clock.call_at(9, recorder.note, "between")
    clock.run_until(20)
    clock.check()
    assert recorder.seen == [
        (3, "series"), (8, "before"), (8, "also before"), (8, "series"), (9, "between"), (10, "series"),
    ]  # fmt: skip


def test_a_step_is_one_call_of_a_series(clock, recorder):
    clock.call_series(3, series(clock, recorder, [0, 0]))
    while clock.step():
        recorder.note("step")
        clock.check()
    assert [what for _, what in recorder.seen] == ["series", "step"] * 3


def test_a_series_can_be_cancelled_between_two_calls(clock, recorder):
    timer = clock.call_series(3, series(clock, recorder, [10]))
    clock.run_until(5)
    assert clock.foreground == 1
    timer.cancel()
    clock.run_until(50)
    clock.check()
    assert (recorder.seen, clock.foreground) == ([(3, "series")], 0)


def test_a_series_does_not_go_back_in_time(clock, recorder):
    timer = clock.call_series(5, series(clock, recorder, [-1]))
    with pytest.raises(BadValue, match="1 ns ago is in the past"):
        clock.run_until(5)
    clock.check()
    assert not timer.live

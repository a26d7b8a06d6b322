"""Many deadlines, one timer."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from meshsim.manager.deadlines import Deadlines
from meshsim.sim import Clock


def stand():
    clock = Clock()
    missed = []
    deadlines = Deadlines(clock, missed.append, name="test")
    return clock, missed, deadlines


def test_missed_once_and_forgotten():
    clock, missed, deadlines = stand()
    deadlines.put_off("a", 10)
    clock.run_until(100)
    assert (missed, len(deadlines)) == (["a"], 0)
    deadlines.put_off("a", 110)
    clock.run_until(200)
    assert missed == ["a", "a"]


def test_earlier_deadline_counts():
    clock, missed, deadlines = stand()
    deadlines.put_off("b", 5)
    deadlines.put_off("a", 100)
    deadlines.put_off("a", 20)
    deadlines.check()
    clock.run_until(20)
    assert missed == ["b", "a"]
    clock.run_until(200)
    assert missed == ["b", "a"]


def test_dropped_is_never_missed():
    clock, missed, deadlines = stand()
    deadlines.put_off("a", 10)
    deadlines.drop("a")
    deadlines.drop("never")
    deadlines.check()
    clock.run_until(20)
    assert (missed, clock.pending()) == ([], [])


def test_putting_off_sets_no_timer():
    clock, _, deadlines = stand()
    for at in range(10, 1000):
        deadlines.put_off("a", at)
    assert len(clock.pending()) == 1
    assert clock.pending()[0].background


def test_clear():
    clock, missed, deadlines = stand()
    deadlines.clear()
    deadlines.put_off("a", 10)
    deadlines.clear()
    deadlines.check()
    clock.run_until(20)
    assert (missed, repr(deadlines)) == ([], "<Deadlines 'test': 0>")


class Naive:
    def __init__(self):
        self.when = {}
        self.missed = []

    def run(self, until):
        for key, when in sorted(self.when.items(), key=lambda item: item[1]):
            if when <= until:
                self.missed.append((when, key))
                del self.when[key]


@given(
    st.lists(st.tuples(st.sampled_from(["put", "drop", "run"]), st.sampled_from("abcd"), st.integers(0, 50)))
)
def test_beside_a_naive_model(moves):
    clock = Clock()
    missed = []

    class Told:
        def note(self, key):
            missed.append((clock.now_ns, key))

    deadlines = Deadlines(clock, Told().note, name="test")
    naive = Naive()
    for what, key, delay in moves:
        if what == "put":
            deadlines.put_off(key, clock.now_ns + delay)
            naive.when[key] = clock.now_ns + delay
        elif what == "drop":
            deadlines.drop(key)
            naive.when.pop(key, None)
        else:
            clock.run_for(delay)
            naive.run(clock.now_ns)
        deadlines.check()
    clock.run_for(100)
    naive.run(clock.now_ns)
    assert sorted(missed) == sorted(naive.missed)
    assert copy.copy(missed) == sorted(missed, key=lambda pair: pair[0])

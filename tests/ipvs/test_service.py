"""Balancers of one's own: what they are given, when they are told, what becomes of nonsense."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.ipvs.lab import Lab

from meshsim.errors import InvalidRule, NotModelled
from meshsim.ipvs import forecast, listing


class LeastBytes:
    """The example of the documentation: knows nothing of weights, empty lists or hooks."""

    def pick(self, destinations: Any, flow: Any, now_ns: int) -> Any:
        return min(destinations, key=lambda one: one.bytes_out)


class Diary:
    """Has every hook, sees everything, refuses everybody."""

    sees_all = True

    def __init__(self) -> None:
        self.lines: list[str] = []

    def bound(self, destinations: Any, now_ns: int) -> None:
        self.lines.append(f"bound {len(destinations)} at {now_ns}")

    def added(self, destinations: Any, one: Any, position: int) -> None:
        self.lines.append(f"added {one.address} at {position} of {len(destinations)}")

    def removed(self, destinations: Any, one: Any, position: int) -> None:
        self.lines.append(f"removed {one.address} from {position}, {len(destinations)} left")

    def changed(self, destinations: Any, one: Any, position: int) -> None:
        self.lines.append(f"changed {one.address} at {position} to {one.weight}")

    def pick(self, destinations: Any, flow: Any, now_ns: int) -> Any:
        self.lines.append(f"asked about {len(destinations)}")


def test_a_balancer_of_ones_own_is_given_what_may_be_used() -> None:
    lab = Lab(LeastBytes, "A B C0")
    assert lab.service.name == "LeastBytes"
    flow = lab.flow()
    assert lab.who(flow) == "B"
    lab.table.account(flow, bytes_out=10)
    assert lab.go(2) == "AA"
    lab.edit("A", 0)
    assert lab.go(1) == "B"
    lab.edit("B", 0)
    assert lab.go(1) == "-"  # not asked when there is nobody
    assert "UDP  10.0.0.80:80 LeastBytes\n" in listing(lab.table)


def test_hooks() -> None:
    lab = Lab("rr", "A B")
    lab.now_ns = 7
    lab.table.edit_service(lab.service, balancer=Diary, now_ns=7)
    lab.add("C", 0)
    lab.edit("A", 5)
    assert lab.go(1) == "-"
    lab.remove("B")
    diary: Any = lab.service.balancer
    assert diary.lines == [
        "bound 2 at 7",
        "added 10.2.9.3 at 0 of 3",
        "changed 10.2.9.1 at 2 to 5",
        "asked about 3",
        "removed 10.2.9.2 from 1, 2 left",
    ]
    twin = copy.deepcopy(lab.table)
    twin.remove_destination(next(twin.services), "10.2.9.1")
    assert len(diary.lines) == 5


def test_each_service_has_its_own() -> None:
    lab = Lab(LeastBytes, "A")
    other = lab.table.add_service(mark=1, balancer=LeastBytes)
    assert other.balancer is not lab.service.balancer
    assert "mark 1 LeastBytes, 0 destinations" in repr(other)


def test_an_answer_that_is_no_choice_is_an_error_with_the_balancers_name() -> None:
    class Wrong:
        def pick(self, destinations: Any, flow: Any, now_ns: int) -> Any:
            return "10.2.9.1"

    lab = Lab(Wrong, "A")
    with pytest.raises(InvalidRule, match=r"Wrong.pick gave '10.2.9.1', which is none of its choices"):
        lab.route(lab.flow())
    assert lab.table.entries() == []


def test_what_makes_no_balancer() -> None:
    with pytest.raises(InvalidRule, match="which has no method pick"):
        Lab(dict)
    with pytest.raises(InvalidRule, match="give the class, not an instance"):
        Lab(LeastBytes())


def test_a_callable_may_make_balancers() -> None:
    class Factory:
        def __call__(self) -> LeastBytes:
            return LeastBytes()

    assert Lab(Factory(), "A").service.name == "Factory"


class Half:
    """Goes round in a cycle and says so."""

    def pick(self, destinations: Any, flow: Any, now_ns: int) -> Any:
        return None

    def tally(self, destinations: Any, count: int) -> list[int]:
        return [count] * len(destinations)


def test_forecast_of_ones_own_cycle_and_its_limits() -> None:
    assert list(forecast(Lab(Half, "A B").service, 3).values()) == [3, 3]
    with pytest.raises(NotModelled, match="lc goes round in no strict cycle"):
        forecast(Lab("lc", "A").service, 1)
    lab = Lab("rr", "A B")
    lab.edit("A", upper=3)
    with pytest.raises(NotModelled, match="thresholds"):
        forecast(lab.service, 1)
    for nonsense in (-1, 1.5, True):
        with pytest.raises(InvalidRule, match="a number of connections"):
            forecast(lab.service, nonsense)  # type: ignore[arg-type]
    assert forecast(Lab("rr", "A0").service, 9).popitem()[1] == 0
    assert forecast(Lab("wrr", "A0").service, 9).popitem()[1] == 0

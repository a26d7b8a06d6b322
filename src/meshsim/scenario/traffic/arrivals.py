"""Room scenario: when clients come.

Comes in: the number of the arrival and a random generator. Goes out: the nanoseconds since the one before,
or None when no more come. An arrival process is any callable ``arrivals(number, rng) -> ns | None``, numbers
counting from 0; those here are data. Open loop: they do not wait for answers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log
from random import Random
from typing import Any, TypeAlias

from attrs import field

from meshsim.errors import BadValue
from meshsim.scenario.fields import Written, duration, nanoseconds, number, value_text, whole, written
from meshsim.units import duration_text

__all__ = ["ARRIVALS", "Arrivals", "Bursts", "Every", "Poisson", "Trace", "as_arrivals"]

#: nanoseconds between an arrival and the one before it (the first: since the client's start)
Arrivals: TypeAlias = Callable[[int, Random], int | None]


@written
class Every(Written):
    """One after the other at a fixed distance, the first at once.

    >>> [Every("1s")(number, Random(0)) for number in range(3)]
    [0, 1000000000, 1000000000]
    """

    gap_ns: int = duration("gap")

    def __attrs_post_init__(self) -> None:
        if not self.gap_ns:
            raise BadValue("a gap of 0s has no end of arrivals; Bursts come together")

    def __call__(self, number: int, rng: Random) -> int | None:  # noqa: ARG002
        """The distance to the one before."""
        return self.gap_ns if number else 0


@written
class Poisson(Written):
    """Independent of each other: so many a second on average.

    >>> arrivals, rng = Poisson(100), Random(1)
    >>> 0.9e7 < sum(arrivals(number, rng) for number in range(10_000)) / 10_000 < 1.1e7
    True
    """

    per_second: float = number()

    def __call__(self, number: int, rng: Random) -> int | None:  # noqa: ARG002
        """Draw a distance."""
        return int(-log(1.0 - rng.random()) * 1e9 / self.per_second)


@written
class Bursts(Written):
    """So many at one instant, again and again.

    >>> [Bursts(2, every="1s")(number, Random(0)) for number in range(5)]
    [0, 0, 1000000000, 0, 1000000000]
    """

    size: int = whole(least=1)
    every_ns: int = duration("every")

    def __attrs_post_init__(self) -> None:
        if not self.every_ns:
            raise BadValue("bursts every 0s have no end")

    def __call__(self, number: int, rng: Random) -> int | None:  # noqa: ARG002
        """Nothing inside a burst, the distance between two bursts else."""
        return self.every_ns if number and number % self.size == 0 else 0


def _moments(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list | tuple):
        raise BadValue(f"expected a list of moments, not {value_text(values)}")
    moments = tuple(nanoseconds(value) for value in values)
    for before, after in pairwise(moments):
        if after < before:
            raise BadValue(
                f"a trace goes forward in time: {duration_text(after)} after {duration_text(before)}"
            )
    return moments


def _moments_text(moments: tuple[int, ...]) -> list[str]:
    return [duration_text(moment) for moment in moments]


@written
class Trace(Written):
    """At given moments after the client's start: a recording, played back.

    >>> [Trace(["1s", "1s", "3s"])(number, Random(0)) for number in range(4)]
    [1000000000, 0, 2000000000, None]
    """

    at_ns: tuple[int, ...] = field(converter=_moments, alias="at", metadata={"write": _moments_text})

    def __call__(self, number: int, rng: Random) -> int | None:  # noqa: ARG002
        """The distance between two recorded moments."""
        if number >= len(self.at_ns):
            return None
        return self.at_ns[number] - (self.at_ns[number - 1] if number else 0)


#: the word that stands for each in a text
ARRIVALS: dict[str, type] = {"every": Every, "poisson": Poisson, "bursts": Bursts, "trace": Trace}


def as_arrivals(value: Any) -> Arrivals | None:
    """Arrivals as given; a duration means one every so often; None none.

    Raises:
        BadValue: neither.
    """
    if value is None:
        return None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Every(nanoseconds(value))
    if not callable(value):
        raise BadValue(f"expected arrivals, or a duration between two, not {value!r}", str(value))
    arrivals: Arrivals = value
    return arrivals

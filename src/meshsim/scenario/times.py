"""Room scenario: lengths of time, fixed or drawn: service times, think times, lives of connections.

Comes in: a random generator. Goes out: nanoseconds. A length is any callable ``length(rng) -> ns``; those
here are data and can be written as text, a function of one's own cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from random import Random
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

from meshsim.errors import BadValue
from meshsim.scenario.fields import Written, duration, nanoseconds, number, written

__all__ = ["LENGTHS", "Exponential", "Fixed", "Length", "Pareto", "Uniform", "as_length", "direct"]

#: a length of time: called once per use with the generator to draw from, returns nanoseconds
Length: TypeAlias = Callable[[Random], int]

C = TypeVar("C", bound=Callable[..., object])


@written
class Fixed(Written):
    """Always the same.

    >>> Fixed("10ms")(Random(1))
    10000000
    """

    time_ns: int = duration("time")

    def __call__(self, rng: Random) -> int:  # noqa: ARG002 - part of the signature
        """The length."""
        return self.time_ns


@written
class Exponential(Written):
    """Without memory: what is left does not depend on what has passed.

    >>> draw, rng = Exponential("1s"), Random(1)
    >>> 0.9e9 < sum(draw(rng) for _ in range(10_000)) / 10_000 < 1.1e9
    True
    """

    mean_ns: int = duration("mean")

    def __call__(self, rng: Random) -> int:
        """Draw one."""
        return int(-log(1.0 - rng.random()) * self.mean_ns)


@written
class Uniform(Written):
    """Anything between two lengths, all alike."""

    low_ns: int = duration("low")
    high_ns: int = duration("high")

    def __call__(self, rng: Random) -> int:
        """Draw one."""
        return rng.randint(min(self.low_ns, self.high_ns), self.high_ns)


@written
class Pareto(Written):
    """Heavy-tailed: most are short, a few are very long.

    Args:
        mean: of all; ``alpha`` must be above 1 for it to exist.
        alpha: the smaller, the heavier the tail; at 2 or below the variance is infinite.

    >>> draw, rng = Pareto("1s", alpha=2.5), Random(1)
    >>> 0.9e9 < sum(draw(rng) for _ in range(10_000)) / 10_000 < 1.1e9
    True
    """

    mean_ns: int = duration("mean")
    alpha: float = number(2.5, above=1.0)

    def __call__(self, rng: Random) -> int:
        """Draw one."""
        shortest_ns = self.mean_ns * (self.alpha - 1.0) / self.alpha
        return int(shortest_ns * (1.0 - rng.random()) ** (-1.0 / self.alpha))


#: the word that stands for each in a text
LENGTHS: dict[str, type] = {
    "fixed": Fixed,
    "exponential": Exponential,
    "uniform": Uniform,
    "pareto": Pareto,
}


def as_length(value: Any) -> Length:
    """A length as given, or a duration as a fixed one.

    >>> as_length("10ms")
    Fixed(time_ns=10000000)

    Raises:
        BadValue: neither.
    """
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Fixed(nanoseconds(value))
    if not callable(value):
        raise BadValue(f"expected a duration or a callable length(rng), not {value!r}", str(value))
    length: Length = value
    return length


def direct(drawn: C) -> C:
    """The same callable, for who calls it often: calling a method costs half of calling its object.

    >>> direct(Fixed("10ms"))(Random(1))
    10000000
    """
    what: Any = drawn
    method: C = what.__call__
    return drawn if isinstance(drawn, FunctionType) else method

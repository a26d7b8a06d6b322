"""Room scenario: figures of merit of a list of counts or times. Pure functions.

>>> jain([5, 5]), jain([10, 0]), max_min([3, 5, 4])
(1.0, 0.5, 2)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import atan, ceil, cos, pi, sin, sqrt

__all__ = ["chi_square", "jain", "max_min", "mean", "percentile", "standard_error", "student_t"]


def jain(counts: Sequence[float]) -> float:
    """Jain's fairness: 1 when all are equal, k/n when k of n share all; 1 for nothing at all.

    Source: Jain, Chiu, Hawe, A Quantitative Measure of Fairness, DEC TR-301, 1984.
    """
    squares = sum(count * count for count in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 1.0


def max_min(counts: Sequence[int]) -> int:
    """The largest minus the smallest; 0 for no counts."""
    return max(counts, default=0) - min(counts, default=0)


def chi_square(counts: Sequence[float], expected: Sequence[float] | None = None) -> float:
    """Pearson's statistic against equal (or the given) expectations; n-1 degrees of freedom.

    About n-1 for random picks; taking turns scores far below that.

    >>> chi_square([10, 20, 30]), chi_square([5, 5])
    (10.0, 0.0)
    """
    if not counts or not sum(counts):
        return 0.0
    wanted = expected or [sum(counts) / len(counts)] * len(counts)
    return sum((count - want) ** 2 / want for count, want in zip(counts, wanted, strict=True))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values; ``share`` in percent.

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 99)
    (2, 4)
    """
    return ordered[max(0, ceil(share / 100 * len(ordered)) - 1)]


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of independent values.

    >>> round(standard_error([1.0, 2.0, 3.0, 4.0]), 4)
    0.6455
    """
    middle = mean(values)
    return sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1) / len(values))


def student_t(level: float, degrees: int) -> float:
    """Student's t: how many standard errors either way hold the mean with this confidence.

    Args:
        level: of confidence, between 0 and 1.
        degrees: of freedom, at least 1: independent values less one.

    >>> [round(student_t(0.95, degrees), 3) for degrees in (1, 9, 99)]
    [12.706, 2.262, 1.984]
    """
    low, high = 0.0, 1.0
    while _within(high, degrees) < level:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < level else (low, middle)
    return high


def _within(t: float, degrees: int) -> float:
    """The probability that Student's t lies between -t and t.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = atan(t / sqrt(degrees))
    odd = degrees % 2
    total, term = 0.0, cos(angle) if odd else 1.0
    for k in range(2 + odd, degrees + 1, 2):
        total += term
        term *= cos(angle) ** 2 * (k - 1) / k
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total

"""Room scenario: what an experiment has shown: figures of runs, means with confidence intervals.

Comes in: the figures of every run, by number. Goes out: intervals, comparisons, tables, rows. Rule of this
file: everything is in the order of run numbers and of the grid, whoever finished first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from attrs import frozen

from meshsim.errors import BadValue
from meshsim.model.frozen import Frozen, FrozenDict
from meshsim.scenario import statistics
from meshsim.scenario.report import figure_text
from meshsim.text import table

__all__ = ["Interval", "Point", "Replications", "Run", "Sweep", "value_name"]


@frozen(slots=True)
class Interval(Frozen):
    """A mean and its confidence interval, by Student's t over independent runs.

    Attributes:
        mean: of the runs.
        half: half the width; infinite for a single run.
        runs: how many.
        level: of confidence.

    >>> five = Interval.of([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> round(five.low, 2), round(five.high, 2), 3.5 in five
    (1.04, 4.96, True)
    """

    mean: float
    half: float
    runs: int
    level: float = 0.95

    @classmethod
    def of(cls, values: Sequence[float], level: float = 0.95) -> Interval:
        """The interval of some independent values.

        Raises:
            BadValue: no values, or a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise BadValue(f"a level of confidence lies between 0 and 1, not at {level}", str(level))
        if not values:
            raise BadValue("an interval needs at least one run")
        half = float("inf")
        if len(values) > 1:
            half = statistics.student_t(level, len(values) - 1) * statistics.standard_error(values)
        return cls(statistics.mean(values), half, len(values), level)

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@frozen(slots=True)
class Run(Frozen):
    """One run: its number from 0, the seed that repeats it, its figures (times in nanoseconds)."""

    number: int
    seed: str
    figures: FrozenDict[str, float]


@frozen(slots=True, repr=False)
class Replications(Frozen):
    """The same scenario run with independent seeds.

    Attributes:
        runs: in the order of their numbers, whoever finished first.
        seed: from which the runs' seeds are made.
    """

    runs: tuple[Run, ...]
    seed: int | str

    def __repr__(self) -> str:
        return f"<Replications of {len(self.runs)} runs, seed {self.seed}: {', '.join(self.figures)}>"

    def __str__(self) -> str:
        return self.table()

    @property
    def figures(self) -> tuple[str, ...]:
        """What was measured."""
        return tuple(self.runs[0].figures)

    def values(self, figure: str) -> tuple[float, ...]:
        """One figure of every run.

        Raises:
            BadValue: it was not measured.
        """
        if figure not in self.figures:
            raise BadValue(f"{figure} was not measured; there are: {', '.join(self.figures)}", figure)
        return tuple(run.figures[figure] for run in self.runs)

    def interval(self, figure: str, level: float = 0.95) -> Interval:
        """The mean of a figure and its confidence interval.

        Raises:
            BadValue: it was not measured, or no such level.
        """
        return Interval.of(self.values(figure), level)

    def against(self, other: Replications, figure: str, level: float = 0.95) -> Interval:
        """By how much a figure is larger here than there, run by run.

        Both must have the same seeds: then chance hits both alike and the interval is narrow.

        Raises:
            BadValue: other seeds, or a figure that was not measured.
        """
        if [run.seed for run in self.runs] != [run.seed for run in other.runs]:
            raise BadValue("only runs with the same seeds can be compared one by one")
        pairs = zip(self.values(figure), other.values(figure), strict=True)
        return Interval.of([here - there for here, there in pairs], level)

    def table(self, level: float = 0.95) -> str:
        """Means and intervals as a text table."""
        rows = [(name, *_interval_cells(name, self.interval(name, level))) for name in self.figures]
        return table(("FIGURE", "MEAN", f"+- ({level:.0%})"), rows)

    def to_rows(self) -> list[dict[str, Any]]:
        """Every run as a plain mapping."""
        return [{"run": run.number, "seed": run.seed, **run.figures} for run in self.runs]


@frozen(slots=True)
class Point(Frozen):
    """One point of a grid: the values it has, and its runs."""

    values: FrozenDict[str, Any]
    replications: Replications


@frozen(slots=True, repr=False)
class Sweep(Frozen):
    """A scenario run over a grid of values.

    Attributes:
        points: in the order of the grid, the last value changing fastest.
    """

    points: tuple[Point, ...]

    def __repr__(self) -> str:
        first = self.points[0]
        return (
            f"<Sweep of {', '.join(first.values)}: {len(self.points)} points, "
            f"{len(first.replications.runs)} runs each>"
        )

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def at(self, **values: Any) -> Replications:
        """The runs of the one point that has these values; dots of paths may be left out of keys.

        ``results.at(replicas=4)`` finds ``services.web.replicas``.

        Raises:
            BadValue: no point, or more than one.
        """
        found = [
            p
            for p in self.points
            if all(_value(p, key) == value_name(value) for key, value in values.items())
        ]
        if len(found) != 1:
            said = ", ".join(f"{key}={value_name(value)}" for key, value in values.items()) or "no value"
            raise BadValue(f"{len(found)} points have {said}; one must", said)
        return found[0].replications

    def table(self, figure: str, level: float = 0.95) -> str:
        """One figure at every point as a text table.

        Raises:
            BadValue: it was not measured.
        """
        rows = [
            (
                *(value_name(value) for value in point.values.values()),
                *_interval_cells(figure, point.replications.interval(figure, level)),
            )
            for point in self.points
        ]
        heads = (*(path.rpartition(".")[2].upper() for path in self.points[0].values), figure.upper())
        return table((*heads, f"+- ({level:.0%})"), rows)

    def to_rows(self) -> list[dict[str, Any]]:
        """Every run of every point as a plain mapping."""
        return [
            {**{path: value_name(value) for path, value in point.values.items()}, **row}
            for point in self.points
            for row in point.replications.to_rows()
        ]

    def to_csv(self) -> str:
        """Every run as a line of comma-separated text, under a line of names."""
        rows = self.to_rows()
        out = StringIO()
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()


def value_name(value: Any) -> str:
    """A value of the grid as text: a function or class by its name."""
    return getattr(value, "__name__", None) or str(value)


def _value(point: Point, key: str) -> str | None:
    for path, value in point.values.items():
        if path == key or path.rpartition(".")[2] == key:
            return value_name(value)
    return None


def _interval_cells(figure: str, interval: Interval) -> tuple[str, str]:
    that = figure.partition(" by ")[0]
    half = "unknown" if interval.runs == 1 else figure_text(that, interval.half)
    return figure_text(that, interval.mean), half

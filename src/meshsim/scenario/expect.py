"""Room scenario: what a run is expected to show, as data.

Comes in: a figure of the report and its bounds. Goes out: a verdict: met or not, with the figure found.
"""

from __future__ import annotations

from typing import Any

from attrs import field

from meshsim.errors import BadValue
from meshsim.model.frozen import FrozenDict
from meshsim.scenario.fields import Written, choice, nanoseconds, plain, text, value_text, written
from meshsim.scenario.report import FIGURES, TIMES, Report, Verdict, known_key
from meshsim.units import duration_text

__all__ = ["Expect"]


def _where(value: Any) -> FrozenDict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(f"expected a mapping, not {value_text(value)}", str(value))
    for key in value:
        known_key(key)
    return plain(value)  # type: ignore[no-any-return]


def _by(value: Any) -> str:
    known_key(value)
    return str(value)


def _bound(value: Any) -> int | float | str | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise BadValue(f"expected a number or a duration, not {value_text(value)}", str(value))
    nanoseconds(value)
    return value


@written
class Expect(Written):
    """A figure of the report, and between what it must lie.

    Args:
        that: ``ok_share``, ``requests``, ``failures``, ``max_min``, ``jain``, ``chi_square``, or a time:
            ``mean``, ``p50``, ``p90``, ``p95``, ``p99``, ``max``.
        at_least, at_most, equals: bounds; durations for times.
        by: what the counts are of.
        where: only the requests with these values, as :meth:`Report.where` takes them.

    >>> print(Expect("max_min", at_most=1, by="slot"))
    max_min by slot is at most 1
    """

    that: str = choice(*FIGURES)
    at_least: int | float | str | None = field(default=None, converter=_bound)
    at_most: int | float | str | None = field(default=None, converter=_bound)
    equals: int | float | str | None = field(default=None, converter=_bound)
    by: str = field(default="task", converter=_by)
    where: FrozenDict[str, Any] = field(factory=FrozenDict, converter=_where)
    says: str = text("")

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.at_most is None and self.equals is None:
            raise BadValue("an expectation needs one of at_least, at_most and equals")
        for bound in (self.at_least, self.at_most, self.equals):
            if isinstance(bound, str) and self.that not in TIMES:
                raise BadValue(f'{self.that} is no time, so "{bound}" cannot bound it', bound)

    def __str__(self) -> str:
        bounds = [
            f"{word} {bound}"
            for word, bound in (("at least", self.at_least), ("at most", self.at_most), ("", self.equals))
            if bound is not None
        ]
        by = f" by {self.by}" if self.that in ("max_min", "jain", "chi_square") else ""
        where = "".join(f", {key} {value}" for key, value in self.where.items())
        return (
            f"{self.says + ': ' if self.says else ''}{self.that}{by}{where} is {' and '.join(bounds).strip()}"
        )

    def judge(self, report: Report) -> Verdict:
        """Hold it against a report."""
        part = report.where(**self.where) if self.where else report
        found = part.figure(self.that, self.by)
        met = (
            (self.at_least is None or found >= _number(self.at_least))
            and (self.at_most is None or found <= _number(self.at_most))
            and (self.equals is None or found == _number(self.equals))
        )
        shown = duration_text(int(found)) if self.that in TIMES else f"{found:g}"
        return Verdict(met, f"{self}; it is {shown}")


def _number(bound: float | str) -> float:
    return nanoseconds(bound) if isinstance(bound, str) else bound

"""Room scenario: what a run has shown.

Comes in: the recorder of a run. Goes out: counts, shares, fairness, latencies, failures, a timeline; tables
and histograms as text; rows for others. Rules of this file: a report never changes; ``where`` gives a report
of fewer requests; figures count requests by their last try unless told otherwise.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module
from io import StringIO
from typing import Any

from attrs import asdict, evolve, field, frozen

from meshsim.errors import BadValue, NotModelled
from meshsim.model.frozen import Frozen
from meshsim.scenario import statistics
from meshsim.scenario.checks import check_rows
from meshsim.scenario.fields import nanoseconds
from meshsim.scenario.records import (
    NEVER,
    OUTCOMES,
    REQUEST_FIELDS,
    ConnectionRecord,
    Event,
    RequestRecord,
    TaskRecord,
    slot_of,
)
from meshsim.text import table
from meshsim.units import duration_text

__all__ = ["FIGURES", "TIMES", "Report", "Verdict", "figure_text", "known_key"]

#: figures that are times, and their percentile
TIMES = {"mean": None, "p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
#: figures of merit that have a name
FIGURES = ("ok_share", "requests", "failures", "max_min", "jain", "chi_square", *TIMES)

#: what requests may be counted by
KEYS = (
    "task",
    "slot",
    "node",
    "service",
    "client",
    "entry",
    "outcome",
    "asset",
    "user",
    "connection",
    "attempt",
)
_BAR = 40


@frozen(slots=True)
class Verdict(Frozen):
    """Whether an expectation was met."""

    met: bool
    text: str

    def __str__(self) -> str:
        return f"{'met' if self.met else 'NOT MET'}: {self.text}"


@frozen(repr=False)
class Report(Frozen):
    """The records of a run, and what follows from them.

    Attributes:
        name: of the scenario.
        seed: of the run.
        duration_ns: of the scenario; moments in the records count from its start.
        tries: every try of every request, in the order they ended.
        connections: every connection that was made, in the order they ended.
        tasks: the containers that ran, by their start.
        events: steps taken, containers started and ended.
        verdicts: what became of the expectations.
        concurrency: of the services that have a server, by name.
    """

    name: str
    seed: int | str
    duration_ns: int
    tries: Sequence[RequestRecord]
    connections: tuple[ConnectionRecord, ...] = ()
    tasks: tuple[TaskRecord, ...] = ()
    events: tuple[Event, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    concurrency: dict[str, int] = field(factory=dict)
    whole: bool = True

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes().items())
        missed = sum(not verdict.met for verdict in self.verdicts)
        expected = f"; {missed} of {len(self.verdicts)} expectations not met" if missed else ""
        return (
            f"<Report {self.name or 'unnamed'} seed={self.seed!r}: {len(self.requests)} requests in "
            f"{duration_text(self.duration_ns)} ({said or 'none'}){expected}>"
        )

    def __str__(self) -> str:
        return self.table()

    def with_verdicts(self, verdicts: tuple[Verdict, ...]) -> Report:
        """The same report with what became of the expectations."""
        return evolve(self, verdicts=verdicts)

    # -- which requests

    @cached_property
    def requests(self) -> Sequence[RequestRecord]:
        """Each request by its last try, in the order they ended. O(tries) once."""
        if all(record.attempt == 1 for record in self.tries):
            return self.tries
        last = {(r.client, r.number, r.asset): r for r in self.tries}
        return tuple(r for r in self.tries if last[r.client, r.number, r.asset] is r)

    def where(
        self,
        test: Callable[[RequestRecord], bool] | None = None,
        *,
        since: str | int = 0,
        until: str | int | None = None,
        **values: Any,
    ) -> Report:
        """A report of those tries alone, their connections, and (with ``service``) its tasks.

        Args:
            test: keeps those it is true for.
            since: begun then or later.
            until: begun before; None: no limit.
            **values: keeps those with these values of :data:`KEYS`: ``service="web", asset=0``.

        Raises:
            BadValue: no such key.
        """
        for key in values:
            known_key(key)
        since_ns = nanoseconds(since)
        until_ns = None if until is None else nanoseconds(until)
        kept = tuple(
            r
            for r in self.tries
            if r.started_ns >= since_ns
            and (until_ns is None or r.started_ns < until_ns)
            and (test is None or test(r))
            and all(getattr(r, key) == value for key, value in values.items())
        )
        service = values.get("service")
        tasks = self.tasks if service is None else tuple(t for t in self.tasks if t.service == service)
        used = {(r.client, r.connection) for r in kept}
        connections = tuple(c for c in self.connections if (c.client, c.number) in used)
        return evolve(self, tries=kept, connections=connections, tasks=tasks, whole=False)

    # -- counts

    def counts(self, by: str = "task") -> dict[str, int]:
        """How many requests each had that was reached, those that had none included (tasks, slots, nodes).

        Args:
            by: one of ``task slot node service client entry outcome asset user connection attempt``.

        Raises:
            BadValue: no such key.
        """
        known_key(by)
        counts: dict[Any, int] = {}
        if by in ("task", "slot", "node", "service"):
            of_tasks = {"task": _task, "slot": _slot, "node": _node, "service": _service}[by]
            counts = dict.fromkeys(sorted(map(of_tasks, self.tasks)), 0)
        for record in self.requests:
            key = getattr(record, by)
            if key != "":
                counts[key] = counts.get(key, 0) + 1
        return counts

    def shares(self, by: str = "task") -> dict[str, float]:
        """Counts as shares of their sum."""
        counts = self.counts(by)
        total = sum(counts.values())
        return {key: count / total if total else 0.0 for key, count in counts.items()}

    def max_min(self, by: str = "task") -> int:
        """The largest count minus the smallest."""
        return statistics.max_min(list(self.counts(by).values()))

    def jain(self, by: str = "task") -> float:
        """Jain's fairness of the counts: 1 when all are equal, k/n when k of n share all."""
        return statistics.jain(list(self.counts(by).values()))

    def chi_square(self, by: str = "task") -> float:
        """Pearson's statistic of the counts against equal ones; n-1 degrees of freedom."""
        return statistics.chi_square(list(self.counts(by).values()))

    def outcomes(self) -> dict[str, int]:
        """How many requests ended how; only outcomes that occurred."""
        counted = Counter(record.outcome for record in self.requests)
        return {outcome: counted[outcome] for outcome in OUTCOMES if counted[outcome]}

    def failures(self) -> dict[str, int]:
        """The outcomes but for ``ok``."""
        return {outcome: count for outcome, count in self.outcomes().items() if outcome != "ok"}

    @property
    def ok_share(self) -> float:
        """Share of requests that were answered; 1 when there were none."""
        return self.outcomes().get("ok", 0) / len(self.requests) if self.requests else 1.0

    # -- times

    def latencies(self, part: str = "latency") -> list[int]:
        """Sorted nanoseconds of the answered requests: ``latency``, or ``waited`` in the queue."""
        if part not in ("latency", "waited"):
            raise BadValue(f"no such part of a request's time: {part}; there are latency, waited", part)
        return sorted(getattr(r, f"{part}_ns") for r in self.requests if r.outcome == "ok")

    def mean_ns(self, part: str = "latency") -> float:
        """The mean of the answered requests."""
        return statistics.mean(self.latencies(part))

    def percentile_ns(self, share: float, part: str = "latency") -> int:
        """The nearest-rank percentile, ``share`` in percent; 0 when nothing was answered.

        Raises:
            BadValue: not between 0 and 100.
        """
        if not 0 <= share <= 100:
            raise BadValue(f"a percentile lies between 0 and 100, not at {share}", str(share))
        times = self.latencies(part)
        return int(statistics.percentile(times, share)) if times else 0

    def figure(self, that: str, by: str = "task") -> float:
        """A figure of merit by its name, times in nanoseconds.

        Args:
            that: one of :data:`FIGURES`.
            by: what ``max_min``, ``jain`` and ``chi_square`` count by.

        Raises:
            BadValue: no such figure, or no such key.
        """
        if that not in FIGURES:
            raise BadValue(f"a report has no figure {that!r}; there are: {', '.join(FIGURES)}", that)
        if that in TIMES:
            share = TIMES[that]
            return self.mean_ns() if share is None else self.percentile_ns(share)
        if that == "requests":
            return len(self.requests)
        if that == "failures":
            return sum(self.failures().values())
        if that == "ok_share":
            return self.ok_share
        figure: float = getattr(self, that)(by)
        return figure

    def timeline(self, every: str | int = "1s", by: str = "outcome") -> list[dict[str, int]]:
        """Counts of each stretch of time, by when the requests began.

        Raises:
            BadValue: no such key, or no length.
        """
        known_key(by)
        width_ns = nanoseconds(every)
        if not width_ns:
            raise BadValue("a stretch of time must be longer than nothing", str(every))
        ends_ns = max([self.duration_ns, *(r.started_ns + 1 for r in self.requests)])
        stretches: list[dict[str, int]] = [{} for _ in range(-(-ends_ns // width_ns))]
        for record in self.requests:
            counts = stretches[record.started_ns // width_ns]
            key = getattr(record, by)
            counts[key] = counts.get(key, 0) + 1
        return stretches

    # -- for others

    def to_rows(self) -> list[dict[str, Any]]:
        """Every try as a plain mapping."""
        return [asdict(record) for record in self.tries]

    def to_csv(self) -> str:
        """Every try as a line of comma-separated text, under a line of names."""
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(REQUEST_FIELDS)
        writer.writerows([getattr(record, name) for name in REQUEST_FIELDS] for record in self.tries)
        return out.getvalue()

    def to_pandas(self) -> Any:
        """Every try as a row of a pandas DataFrame.

        Raises:
            NotModelled: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise NotModelled("to_pandas() needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.to_rows(), columns=list(REQUEST_FIELDS))

    # -- for people

    def table(self, by: str = "task") -> str:
        """Counts, shares and latencies as a text table."""
        groups: dict[str, list[int]] = {}
        for record in self.requests:
            if record.outcome == "ok":
                groups.setdefault(getattr(record, by), []).append(record.latency_ns)
        shares = self.shares(by)
        rows = []
        for key, count in self.counts(by).items():
            times = sorted(groups.get(key, []))
            figures = [
                duration_text(_rounded(statistics.percentile(times, p))) if times else "-" for p in (50, 99)
            ]
            rows.append((str(key), str(count), f"{shares[key]:.1%}", *figures))
        lost = sum(count for outcome, count in self.outcomes().items() if outcome != "ok")
        foot = f"{len(self.requests)} requests, {lost} not answered: {self.failures()}\n" if lost else ""
        return table((by.upper(), "REQUESTS", "SHARE", "P50", "P99"), rows) + foot

    def histogram(self, part: str = "latency", bins: int = 10) -> str:
        """Times of the answered requests as bars of text.

        Raises:
            BadValue: fewer than one bin.
        """
        if bins < 1:
            raise BadValue(f"a histogram has at least one bin, not {bins}", str(bins))
        times = self.latencies(part)
        if not times:
            return "no request was answered\n"
        low, high = times[0], times[-1]
        width = max(1, -(-(high + 1 - low) // bins))
        counted = Counter((time - low) // width for time in times)
        most = max(counted.values())
        lines = []
        for bin_ in range((high - low) // width + 1):
            count = counted[bin_]
            bar = "#" * (-(-count * _BAR // most))
            lines.append(f"{duration_text(_rounded(low + bin_ * width)):>10} {count:>7} {bar}".rstrip())
        return "\n".join(lines) + "\n"

    def missed(self) -> tuple[Verdict, ...]:
        """The expectations that were not met."""
        return tuple(verdict for verdict in self.verdicts if not verdict.met)

    def check(self) -> None:
        """Assert what holds in every run: conservation, order in time, Little's law, queues' discipline."""
        assert self.whole, "a part of a report need not obey the laws of the whole"
        check_rows(self.tries, self.concurrency)
        known = {task.task for task in self.tasks}
        assert all(r.task in known or not r.service for r in self.tries)
        carried = Counter((r.client, r.connection) for r in self.tries if r.connection != NEVER)
        assert carried == {(c.client, c.number): c.requests for c in self.connections}
        for connection in self.connections:
            assert connection.opened_ns <= connection.closed_ns


def known_key(by: str) -> None:
    """Refuse what requests cannot be told apart by.

    Raises:
        BadValue: no such key.
    """
    if by not in KEYS:
        raise BadValue(f"requests are not told apart by {by!r}; known: {', '.join(KEYS)}", by)


def figure_text(that: str, value: float) -> str:
    """A figure as people read it.

    >>> figure_text("p99", 12_345_678), figure_text("ok_share", 0.5)
    ('12.3ms', '0.5')
    """
    return duration_text(_rounded(value)) if that in TIMES else f"{value:.6g}"


def _rounded(time_ns: float) -> int:
    """Three digits are enough to read."""
    time_ns = int(time_ns)
    return int(round(time_ns, -max(0, len(str(time_ns)) - 3)))


def _task(task: TaskRecord) -> str:
    return task.task


def _slot(task: TaskRecord) -> str:
    return slot_of(task.task)


def _node(task: TaskRecord) -> str:
    return task.node


def _service(task: TaskRecord) -> str:
    return task.service

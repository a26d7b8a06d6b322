"""Room scenario: a scenario run many times, and over a grid of values.

Comes in: a scenario, how many runs, what to measure, and (for more than one process) an executor of
anybody's. Goes out: figures of every run, means with confidence intervals. Rules of this file: run ``i`` has
the seed ``"<seed>/<i>"`` whoever runs it and whenever, so results do not depend on the executor or on order;
run ``i`` of every point of a grid has the same seed, so points meet the same crowd and differ by the values
alone. It makes no process, thread or socket: the executor's owner does.

>>> from meshsim.scenario import Client, Exponential, Poisson, Scenario, Server, ServicePlan, replicate
>>> scenario = Scenario(
...     services=[ServicePlan("web", Server(Exponential("20ms")), replicas=2, publish="81:80")],
...     clients=[Client("crowd", "host01:81", Poisson(50), requests=500)],
... )
>>> runs = replicate(scenario, 5, seed=7, warmup="2s")
>>> runs
<Replications of 5 runs, seed 7: ok_share, mean, p99>
>>> runs.interval("ok_share")
Interval(mean=1.0, half=0.0, runs=5, level=0.95)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from hashlib import sha256
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from meshsim.errors import BadScenario, BadValue, ExperimentStopped, NotModelled
from meshsim.model.frozen import Frozen, FrozenDict
from meshsim.scenario.fields import nanoseconds, value_text
from meshsim.scenario.report import FIGURES, Report, known_key
from meshsim.scenario.results import Point, Replications, Run, Sweep, value_name
from meshsim.scenario.scenario import Scenario
from meshsim.scenario.varying import varied

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Kept", "Measures", "Progress", "progress_bar", "replicate", "sweep"]

#: what to measure: names of figures (``"p99"``, ``"jain by slot"``), or functions of the report by name
Measures: TypeAlias = Sequence[str] | Mapping[str, Callable[[Report], float]]
#: called with how many runs are done, and of how many
Progress: TypeAlias = Callable[[int, int], None]
#: what finished runs are kept in, by a text that tells scenario, point and seed
Kept: TypeAlias = MutableMapping[str, Mapping[str, float]]

_MEASURES = ("ok_share", "mean", "p99")


def replicate(
    scenario: Scenario,
    n: int,
    *,
    seed: int | str = 0,
    measure: Measures = _MEASURES,
    warmup: str | int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Replications:
    """Run a scenario ``n`` times with independent seeds.

    Args:
        scenario: what to run.
        n: how many times.
        seed: run ``i`` is ``scenario.run(seed=f"{seed}/{i}")``.
        measure: names of figures as :meth:`Report.figure` knows them, ``"jain by slot"`` among them; or
            functions of the report, by name. For other processes they must be importable.
        warmup: requests begun earlier are not measured.
        executor: any :class:`concurrent.futures.Executor`; None runs here, one after the other.
        progress: called with (runs done, runs in all) at the start and after every run.
        kept: a mapping that finished runs are put into and that is asked first: give the same one again
            and an interrupted experiment goes on. A :mod:`shelve` keeps them on disk. What is in it is told
            apart by the scenario's text; scenarios with Python code in them by their names.

    Raises:
        BadValue: no runs, or no such figure.
        ExperimentStopped: a run failed or its process died; what had finished is in ``kept``.
    """
    study = _Study([(FrozenDict(), scenario)], n, seed, measure, warmup, kept)
    return study.carry_out(executor, progress)[0].replications


def sweep(
    scenario: Scenario | Callable[..., Scenario],
    grid: Mapping[str, Iterable[Any]],
    n: int = 1,
    *,
    seed: int | str = 0,
    measure: Measures = _MEASURES,
    warmup: str | int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Sweep:
    """Run a scenario ``n`` times at every point of a grid.

    Args:
        scenario: the one whose values are varied; or a function that makes one of keyword arguments.
        grid: values by path (see :func:`~meshsim.scenario.varying.varied`), or by argument of the function.
        n: runs at each point.
        seed: as of :func:`replicate`; every point has the same seeds.
        measure: as there.
        warmup: as there.
        executor: as there.
        progress: as there.
        kept: as there.

    Raises:
        BadValue, BadScenario: a point that cannot be; nothing has been run.
        ExperimentStopped: as of :func:`replicate`.

    >>> from meshsim.scenario import Client, Every, Scenario, ServicePlan, sweep
    >>> scenario = Scenario(
    ...     hosts=["host01", "host02"],
    ...     services=[ServicePlan("web", replicas=2, publish="81:80")],
    ...     clients=[Client("alice", "host01:81", Every("100ms"), requests=12)],
    ... )
    >>> results = sweep(scenario, {"services.web.replicas": [1, 5]}, measure=["max_min by slot"])
    >>> results
    <Sweep of services.web.replicas: 2 points, 1 runs each>
    >>> results.at(replicas=5).values("max_min by slot")
    (1,)
    """
    for path, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise BadValue(f"the grid needs a list of values for {path}, not {value_text(values)}", path)
    choices = {path: tuple(values) for path, values in grid.items()}
    for path, values in choices.items():
        if not values:
            raise BadValue(f"the grid has no value for {path}", path)
    if not choices:
        raise BadValue("a grid needs at least one path with values")
    points = [FrozenDict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    made = [(p, varied(scenario, p) if isinstance(scenario, Scenario) else scenario(**p)) for p in points]
    return Sweep(_Study(made, n, seed, measure, warmup, kept).carry_out(executor, progress))


class _Study:
    """Points, each with its scenario, and the runs still to do."""

    def __init__(
        self,
        points: list[tuple[FrozenDict[str, Any], Scenario]],
        n: int,
        seed: int | str,
        measure: Measures,
        warmup: str | int,
        kept: Kept | None,
    ) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise BadValue(f"an experiment needs at least one run, not {n!r}", str(n))
        self.points, self.n, self.seed = points, n, seed
        self.measures = _measures(measure)
        self.warmup_ns = nanoseconds(warmup)
        self.kept: Kept = {} if kept is None else kept
        self.jobs = [
            _Job(f"{label}run {seed}/{number}", scenario, f"{seed}/{number}", self.measures, self.warmup_ns)
            for label, scenario in ((self._label(*point), point[1]) for point in points)
            for number in range(n)
        ]
        keys = [job.key for job in self.jobs]
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise BadValue(f"two points of the grid read alike: {twice}", twice)
        for key in keys:
            if key in self.kept and list(self.kept[key]) != [measure.name for measure in self.measures]:
                raise BadValue(f"what is kept of {key} has other figures: {', '.join(self.kept[key])}", key)

    def carry_out(self, executor: Executor | None, progress: Progress | None) -> tuple[Point, ...]:
        """Do what is not kept yet; then everything in the order of the grid."""
        to_do = [job for job in self.jobs if job.key not in self.kept]
        done = len(self.jobs) - len(to_do)
        if progress is not None:
            progress(done, len(self.jobs))
        for key, figures in _outcomes(to_do, executor):
            if isinstance(figures, Exception):
                raise ExperimentStopped(
                    f"{done} of {len(self.jobs)} runs are done; {key} ended with "
                    f"{type(figures).__name__}: {figures}",
                    key,
                    done=done,
                    kept=self.kept,
                ) from figures
            self.kept[key] = figures
            done += 1
            if progress is not None:
                progress(done, len(self.jobs))
        runs = [
            Run(number % self.n, job.seed, FrozenDict(self.kept[job.key]))
            for number, job in enumerate(self.jobs)
        ]
        return tuple(
            Point(values, Replications(tuple(runs[i * self.n : (i + 1) * self.n]), self.seed))
            for i, (values, _) in enumerate(self.points)
        )

    def _label(self, values: FrozenDict[str, Any], scenario: Scenario) -> str:
        """What stands before a run's number where it is kept: readable, and other for another scenario."""
        said = "".join(f"{path}={value_name(value)}, " for path, value in values.items())
        try:
            whole = f"{self.warmup_ns} {scenario.dumps()}"
        except BadScenario:  # part of it is Python code: its name must do
            whole = f"{self.warmup_ns} {scenario.name}"
        return f"{sha256(whole.encode()).hexdigest()[:8]} {said}"


@frozen(slots=True)
class _Measure(Frozen):
    """A figure by its name, or a function of the user's."""

    name: str
    that: str = ""
    by: str = "task"
    function: Callable[[Report], float] | None = None

    def of(self, report: Report) -> float:
        return report.figure(self.that, self.by) if self.function is None else self.function(report)


@frozen(slots=True)
class _Job(Frozen):
    """One run to do; carries all it needs into another process."""

    key: str
    scenario: Scenario
    seed: str
    measures: tuple[_Measure, ...]
    warmup_ns: int

    def work(self) -> dict[str, float]:
        """Run it and measure."""
        report = self.scenario.run(self.seed)
        if self.warmup_ns:
            report = report.where(since=self.warmup_ns)
        return {measure.name: measure.of(report) for measure in self.measures}


def _outcomes(
    jobs: list[_Job], executor: Executor | None
) -> Iterator[tuple[str, dict[str, float] | Exception]]:
    """The figures of every job as it finishes; of what went wrong the first, after all that went well."""
    if executor is None:
        for job in jobs:
            yield job.key, _tried(job.work)
        return
    from concurrent.futures import as_completed

    keys = {executor.submit(job.work): job.key for job in jobs}
    wrong: tuple[str, Exception] | None = None
    try:
        for future in as_completed(keys):
            figures = _tried(future.result)
            if not isinstance(figures, Exception):
                yield keys[future], figures
            elif wrong is None:
                wrong = keys[future], figures
                for other in keys:
                    other.cancel()
    finally:
        for future in keys:
            future.cancel()
    if wrong is not None:
        yield wrong


def _tried(work: Callable[[], dict[str, float]]) -> dict[str, float] | Exception:
    try:
        return work()
    except Exception as problem:  # noqa: BLE001 - it is told, with the run it came from
        return problem


def _measures(measure: Measures) -> tuple[_Measure, ...]:
    if isinstance(measure, Mapping):
        made = tuple(_Measure(name, function=function) for name, function in measure.items())
    else:
        names = (measure,) if isinstance(measure, str) else measure
        made = tuple(_named(name) for name in names)
    if not made:
        raise BadValue("an experiment measures at least one figure")
    return made


def _named(name: str) -> _Measure:
    that, _, by = name.partition(" by ")
    if that not in FIGURES:
        raise BadValue(f"a report has no figure {that!r}; there are: {', '.join(FIGURES)}", name)
    if by:
        known_key(by)
    return _Measure(name, that, by or "task")


class _Bar:
    """A tqdm bar that is told how far things are."""

    def __init__(self, tqdm: Any, options: dict[str, Any]) -> None:
        self._bar: Any = None
        self._tqdm, self._options = tqdm, options

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._tqdm(total=total, initial=done, **{"unit": "run", **self._options})
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()


def progress_bar(**options: Any) -> Progress:
    """A progress callback that draws a tqdm bar; ``options`` are tqdm's.

    ``sweep(scenario, grid, 100, progress=progress_bar(desc="balancers"))``

    Raises:
        NotModelled: tqdm is not installed.
    """
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        raise NotModelled("progress_bar() needs tqdm: pip install tqdm") from None
    return _Bar(tqdm, options)

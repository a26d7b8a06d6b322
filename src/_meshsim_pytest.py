"""The pytest plugin of meshsim: fixtures, a seed, and what happened before a test failed.

pytest itself loads this file, in every run of everybody who has meshsim installed, and before coverage begins
to look. So it imports nothing of meshsim until a fixture is asked for or a test that used one has failed, and
it stands outside the package, whose ``__init__`` would import the rest. What it does then is in
:mod:`meshsim.testing.reports`.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from meshsim import Cluster

_CLUSTERS = pytest.StashKey["list[Cluster]"]()
#: the error a hypothesis test ended with last, and what it was called with
_LAST_FAILURE = pytest.StashKey[tuple[Exception, dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--meshsim-seed``."""
    parser.getgroup("meshsim").addoption(
        "--meshsim-seed",
        metavar="SEED",
        help="seed of the fixtures 'cluster' and 'swarm', instead of what tests are marked with, or 0",
    )


def pytest_configure(config: pytest.Config) -> None:
    """``@pytest.mark.meshsim_seed(7)``."""
    config.addinivalue_line("markers", "meshsim_seed(seed): the seed of the fixtures 'cluster' and 'swarm'")


@pytest.fixture
def meshsim_seed(request: pytest.FixtureRequest) -> int | str:
    """The seed of this test: of the command line, else of its mark, else 0."""
    given: str | None = request.config.getoption("--meshsim-seed")
    if given is not None:
        return int(given) if given.lstrip("-").isdigit() else given
    mark = request.node.get_closest_marker("meshsim_seed")
    if mark is None:
        return 0
    if len(mark.args) != 1 or mark.kwargs or not isinstance(mark.args[0], int | str):
        raise pytest.UsageError("meshsim_seed takes one seed, a number or a text: meshsim_seed(7)")
    return mark.args[0]


def _noted(request: pytest.FixtureRequest, cluster: Cluster) -> Cluster:
    request.node.stash.setdefault(_CLUSTERS, []).append(cluster)
    return cluster


@pytest.fixture
def cluster(request: pytest.FixtureRequest, meshsim_seed: int | str) -> Cluster:
    """An empty :class:`meshsim.Cluster`."""
    from meshsim import Cluster

    return _noted(request, Cluster(meshsim_seed))


@pytest.fixture
def swarm(request: pytest.FixtureRequest, meshsim_seed: int | str) -> Cluster:
    """A cluster with one swarm, settled: managers host01, host02, host03, workers host04, host05."""
    from meshsim.testing import ready_swarm

    return _noted(request, ready_swarm(managers=3, workers=2, seed=meshsim_seed))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note what a hypothesis test fails with: it fails with its smallest example last."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(handle, "inner_test", None)
    if inner is None or "meshsim.scenario" not in sys.modules or inspect.iscoroutinefunction(inner):
        return (yield)

    @functools.wraps(inner)
    def noting(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return inner(*args, **kwargs)
        except Exception as error:
            item.stash[_LAST_FAILURE] = error, kwargs
            raise

    assert handle is not None
    handle.inner_test = noting
    try:
        return (yield)
    finally:
        handle.inner_test = inner


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what helps to see a failure again."""
    report = yield
    if report.failed:
        clusters = item.stash.get(_CLUSTERS, [])
        called = _called(item, call)
        if clusters or called:
            from meshsim.testing.reports import sections

            report.sections += sections(item, clusters, called)
    return report


def _called(item: pytest.Item, call: pytest.CallInfo[None]) -> dict[str, Any]:
    """What the hypothesis test was called with that ended in the very error that is reported."""
    error, called = item.stash.get(_LAST_FAILURE, (None, {}))
    reported = None if call.excinfo is None else call.excinfo.value
    return called if error in (reported, *getattr(reported, "exceptions", ())) else {}

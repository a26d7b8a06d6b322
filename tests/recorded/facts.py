"""Facts recorded from a real swarm of three machines (engine 26.1.5), and who tests them.

``data/swarm-facts.json`` is a tree. A *fact* is a leaf of it, or one record of a list of records, named
by its path: ``kill_timeline_seconds.dns_gone_by``, ``errors.17``. A test takes facts by :func:`recorded`
(some, as arguments) or :func:`each` (one test per record of a list); ``test_facts_complete`` fails for a
fact that no test takes and that is not in ``NOT_COVERED``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshsim import Cluster
from meshsim.dataplane import Lab
from meshsim.placement import Board, swarm_placement
from meshsim.profile import Profile

PATH = Path(__file__).parent / "data" / "swarm-facts.json"
TREE: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
ENGINE = "26.1"
IMAGE = "katacoda/docker-http-server"
S = 1_000_000_000
#: lists of texts of which each is a fact of its own
_SINGLE = ("quirks",)


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and (isinstance(node[0], dict) or path in _SINGLE):
        for number, value in enumerate(node):
            yield f"{path}.{number}", value
    else:
        yield path, node


#: every fact, by its path
FACTS: dict[str, Any] = dict(_leaves(TREE, ""))
#: path -> why no test takes it
NOT_COVERED: dict[str, str] = {}
#: path -> the tests that take it
TAKEN: dict[str, list[str]] = {}


def _take(path: str, test: Callable[..., Any]) -> Any:
    """A fact, or a branch as a mapping of its facts."""
    if path in FACTS:
        TAKEN.setdefault(path, []).append(test.__qualname__)
        return FACTS[path]
    branch = {name.removeprefix(f"{path}."): name for name in FACTS if name.startswith(f"{path}.")}
    assert branch, f"no fact is called {path}"
    return {key: _take(name, test) for key, name in branch.items()}


def recorded(**paths: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a test facts as arguments: ``@recorded(gone="kill_timeline_seconds.dns_gone_by")``."""

    def wrap(test: Callable[..., Any]) -> Callable[..., Any]:
        values = [_take(path, test) for path in paths.values()]
        mark = pytest.mark.parametrize(tuple(paths), [pytest.param(*values, id="recorded")])
        return mark(test)

    return wrap


def each(argument: str, path: str, where: Callable[[Any], bool] = lambda _: True) -> Callable[..., Any]:
    """One test per record of a list, given its path; those in ``NOT_COVERED`` are left out."""

    def wrap(test: Callable[..., Any]) -> Callable[..., Any]:
        mine = [
            name
            for name, fact in FACTS.items()
            if name.startswith(f"{path}.") and name not in NOT_COVERED and where(fact)
        ]
        for name in mine:
            _take(name, test)
        return pytest.mark.parametrize(argument, mine)(test)

    return wrap


def leave_out(reason: str, *paths: str) -> None:
    """List facts that no test takes."""
    NOT_COVERED.update(dict.fromkeys(paths, reason))


# -- swarms like the recorded one


def machines(count: int = 3, **options: Any) -> Cluster:
    """The machines of the recording, not yet a swarm."""
    cluster = Cluster(seed=options.pop("seed", 26), engine=ENGINE, **options)
    cluster.add_hosts(*(f"host{number:02d}" for number in range(1, count + 1)))
    return cluster


def swarm(count: int = 3, *, managers: int = 1, **options: Any) -> Cluster:
    """The recorded swarm: host01 manages, the others work."""
    cluster = machines(count, **options)
    first, *others = cluster.hosts.values()
    first.swarm.init()
    for number, host in enumerate(others, 2):
        role = "manager" if number <= managers else "worker"
        host.swarm.join("host01:2377", token=first.swarm.join_token(role))
    return cluster


class Slots:
    """A placement rule: slot n of a service to the n-th of its hosts if that fits, else as SwarmKit does."""

    def __init__(self, **hosts: str) -> None:
        self.hosts = {name: text.split() for name, text in hosts.items()}

    def __call__(self, board: Board) -> None:
        hosts = self.hosts.get(board.task.shared.service_name)
        while hosts and board.waiting:
            wanted = hosts[(board.waiting[-1].slot - 1) % len(hosts)]
            node = next(node for node in board.nodes if node.hostname == wanted)
            if not board.fits(node):
                break
            board.assign(node)
        swarm_placement(board)


def lab(hosts: int = 3) -> Lab:
    """The three hosts without managers: ingress addresses .2 .3 .4."""
    return Lab(hosts, profile=Profile(ENGINE))

"""Room testing: strategies of hypothesis for clusters, services, traffic, faults and whole scenarios.

Comes in: names and limits. Goes out: strategies. Rules of this file: what is drawn is data that can be
printed as Python and is right as a whole (clusters excepted, which are live, and print as the call that makes
them); it shrinks to what a person would write down as the smallest example: one host, service and request.
Hypothesis takes for smaller what needs fewer draws: so where a person sees no difference in size, as between
a service that is global and one with a replica, the same number of them is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from meshsim.cluster import Target
from meshsim.errors import BadValue
from meshsim.scenario import (
    Bursts,
    Client,
    Every,
    Exponential,
    Fixed,
    HostPlan,
    KeepAlive,
    NetworkPlan,
    Poisson,
    Retry,
    Scenario,
    Server,
    ServicePlan,
    Step,
    Users,
    plan,
)
from meshsim.scenario.fields import known, nanoseconds
from meshsim.shell import Cluster
from meshsim.testing.swarms import ready_swarm
from meshsim.units import SECOND

__all__ = ["clusters", "constraints", "fault_plans", "hosts", "scenarios", "services", "traffic"]

T = TypeVar("T")

#: labels of nodes that hosts may have and constraints may ask for
LABELS: Final[Mapping[str, Sequence[str]]] = {"zone": ("a", "b")}
_FAULTS: Final = ("scale", "crash", "drain", "pause", "activate", "fail", "recover", "partition", "heal")
_FIRST_PORT: Final = 81
_SERVICES: Final = ("web", "api", "db")
_CLIENTS: Final = ("alice", "bob", "carol")
#: whom of a list, its length whatever it may be
_WHICH = st.integers(0, 99)
_PAUSES = st.sampled_from(["1s", "100ms", "10ms", "5s"])
_SERVERS = st.none() | st.builds(
    Server,
    st.sampled_from([Fixed("10ms"), Fixed("100ms"), Exponential("50ms"), Exponential("1s")]),
    st.sampled_from([1, 2]),
    st.sampled_from([None, 0, 3]),
)
#: when clients come, by a word
_LOOPS: Final[Mapping[str, SearchStrategy[dict[str, Any]]]] = {
    "every": _PAUSES.map(lambda gap: {"arrivals": Every(gap)}),
    "poisson": st.sampled_from([1, 10]).map(lambda rate: {"arrivals": Poisson(rate)}),
    "bursts": st.tuples(st.integers(1, 5), _PAUSES).map(lambda burst: {"arrivals": Bursts(*burst)}),
    "users": st.tuples(st.integers(1, 3), _PAUSES).map(lambda users: {"users": Users(*users)}),
}
_HABITS = st.fixed_dictionaries(
    {},
    optional={
        "keep_alive": st.sampled_from([1, 2, None]).map(KeepAlive),
        "retry": st.integers(1, 2).map(Retry),
    },
)


def _one_of(items: Sequence[T]) -> SearchStrategy[T]:
    """One draw, also where ``sampled_from`` makes none because there is but one item."""
    return _WHICH.map(lambda which: items[which % len(items)])


def _limits(name: str, most: int, all_there_are: int | None = None) -> None:
    if most < 1 or (all_there_are is not None and most > all_there_are):
        limit = "" if all_there_are is None else f" and at most {all_there_are}"
        raise BadValue(f"{name} must be at least 1{limit}, not {most}", name)


def clusters(
    *,
    max_managers: int = 3,
    max_workers: int = 3,
    seeds: SearchStrategy[int] | None = None,
    **options: Any,
) -> SearchStrategy[Cluster]:
    """Live clusters, each one settled swarm of hosts host01, host02 ..., managers first.

    Args:
        max_managers: how many at most; real swarms have an odd number, so do these.
        max_workers: how many at most.
        seeds: of the clusters; by default always 0.
        **options: others of :class:`meshsim.Cluster`.
    """
    _limits("max_managers", max_managers)
    return st.builds(
        ready_swarm,
        managers=st.sampled_from(range(1, max_managers + 1, 2)),
        workers=st.integers(0, max_workers),
        seed=st.just(0) if seeds is None else seeds,
        **{name: st.just(value) for name, value in options.items()},
    )


@st.composite
def hosts(
    draw: DrawFn,
    /,
    *,
    min_size: int = 1,
    max_size: int = 4,
    labels: Mapping[str, Sequence[str]] = LABELS,
) -> tuple[HostPlan, ...]:
    """Hosts of a scenario: host01, host02 ..., some managers, some with labels.

    Args:
        draw: given by hypothesis.
        min_size: how many at least.
        max_size: how many at most.
        labels: values by key that a host may have.
    """
    _limits("min_size", min_size, max_size)
    drawn = {key: st.sampled_from(values) for key, values in labels.items()}
    some = st.fixed_dictionaries({}, optional=drawn)
    kinds = draw(st.lists(st.tuples(st.booleans(), some), min_size=min_size, max_size=max_size))
    return tuple(
        HostPlan(f"host{number:02d}", manager=manager and number > 1, labels=marks)
        for number, (manager, marks) in enumerate(kinds, 1)
    )


def constraints(
    names: Sequence[str] = ("host01", "host02", "host03"),
    labels: Mapping[str, Sequence[str]] = LABELS,
) -> SearchStrategy[str]:
    """Placement constraints as ``--constraint`` takes them, on role, name and labels of nodes.

    Args:
        names: of the hosts.
        labels: values by key.
    """
    pairs = [("node.role", "manager"), ("node.role", "worker")]
    pairs += [("node.hostname", name) for name in names]
    pairs += [(f"node.labels.{key}", value) for key, values in labels.items() for value in values]
    return st.builds(_constraint, st.sampled_from(pairs), st.sampled_from(["==", "!="]))


def _constraint(pair: tuple[str, str], operator: str) -> str:
    return f"{pair[0]} {operator} {pair[1]}"


@st.composite
def services(
    draw: DrawFn,
    /,
    name: str = "web",
    *,
    port: int | None = _FIRST_PORT,
    max_replicas: int = 4,
    network: str = "",
    constraint: SearchStrategy[str] | None = None,
    servers: bool = True,
) -> ServicePlan:
    """A service that publishes a port and serves http there.

    Args:
        draw: given by hypothesis.
        name: of the service.
        port: the published one; None publishes none.
        max_replicas: how many at most; some services are global instead.
        network: an overlay it is on.
        constraint: where its constraints come from; None: it has none.
        servers: whether it may take time to answer and have a queue.
    """
    server, flags = draw(_served(max_replicas, constraint, servers=servers))
    if port is not None:
        flags["publish"] = f"{port}:80"
    if network:
        flags["network"] = network
    return ServicePlan(name, server, **flags)


@st.composite
def _served(
    draw: DrawFn, /, max_replicas: int, constraint: SearchStrategy[str] | None, *, servers: bool = True
) -> tuple[Server | None, dict[str, Any]]:
    """How a service serves, whatever it is called."""
    _limits("max_replicas", max_replicas)
    flags: dict[str, Any] = {}
    everywhere = draw(st.sampled_from([False, False, False, True]))
    replicas = draw(st.integers(1, max_replicas))
    if everywhere:
        flags["mode"] = "global"
    elif replicas > 1:
        flags["replicas"] = replicas
    if constraint is not None and (asked := draw(st.none() | constraint)):
        flags["constraint"] = asked
    return draw(_SERVERS) if servers else None, flags


@st.composite
def traffic(
    draw: DrawFn,
    /,
    name: str = "alice",
    calls: Sequence[str] = (f"host01:{_FIRST_PORT}",),
    *,
    network: str = "",
    max_requests: int = 20,
    loops: Sequence[str] = tuple(_LOOPS),
) -> Client:
    """A client: when its requests come, to whom, on which connections.

    Args:
        draw: given by hypothesis.
        name: of the client.
        calls: ``host:port`` of the entry nodes it may call; it calls some of them.
        network: the attachable network it is in; empty for a machine outside.
        max_requests: how many at most.
        loops: which of ``every poisson bursts users`` may be drawn.
    """
    _limits("max_requests", max_requests)
    for call in calls:
        Target.parse(call)
    for loop in loops:
        if loop not in _LOOPS:
            raise BadValue(f"no such loop: {loop}; there are {', '.join(_LOOPS)}", str(loop))
    load = draw(st.sampled_from(list(loops)).flatmap(_LOOPS.__getitem__))
    requests = draw(st.integers(1, max_requests))
    chosen = draw(st.lists(st.sampled_from(list(calls)), min_size=1, max_size=3, unique=True))
    return Client(name, chosen, network=network, requests=requests, **load, **draw(_HABITS))


@st.composite
def fault_plans(
    draw: DrawFn,
    /,
    names: Sequence[str] = ("host01", "host02", "host03"),
    services: Sequence[str] = ("web",),
    *,
    max_size: int = 4,
    lasts: int = 20,
    verbs: Sequence[str] = _FAULTS,
) -> tuple[Step, ...]:
    """What happens to a swarm and when: steps in order of time, at whole seconds.

    The first host never fails and is never drained, so there is always somebody to ask.

    Args:
        draw: given by hypothesis.
        names: of the hosts, the first of them the one that leads.
        services: names of services that may be scaled and crash.
        max_size: how many steps at most.
        lasts: seconds in which they are taken.
        verbs: which of ``scale crash drain pause activate fail recover partition heal`` may be drawn.

    Raises:
        BadValue: no such verb.
    """
    for verb in verbs:
        if verb not in _FAULTS:
            raise BadValue(f"no such verb: {verb}; there are {', '.join(_FAULTS)}", str(verb))
    others = list(names[1:])
    there = {"nothing": True, "service": bool(services), "host": bool(others)}
    # The verbs are the same wherever they are drawn, and what cannot happen here is left out: a list of its
    # own for each swarm would say something else as soon as the swarm shrinks.
    row = st.tuples(st.integers(0, lasts), st.sampled_from(list(verbs)), _WHICH, st.integers(0, 4))
    rows = sorted(draw(st.lists(row, max_size=max_size)) if verbs else (), key=_second)
    return plan(
        [
            (f"{second}s", *_said(verb, which, amount, others, services))
            for second, verb, which, amount in rows
            if there[_NEEDS[verb]]
        ]
    )


def _second(row: tuple[Any, ...]) -> int:
    return int(row[0])


_NEEDS: Final = {
    "scale": "service", "crash": "service", "drain": "host", "pause": "host", "activate": "host",
    "fail": "host", "recover": "host", "partition": "host", "heal": "nothing",
}  # fmt: skip


def _said(
    verb: str, which: int, amount: int, others: Sequence[str], services: Sequence[str]
) -> tuple[Any, ...]:
    """The verb and what it needs."""
    if verb == "heal":
        return (verb,)
    if verb == "scale":
        return verb, services[which % len(services)], amount
    if verb == "crash":
        return verb, services[which % len(services)], 1 + amount % 3
    host = others[which % len(others)]
    return verb, [host] if verb == "partition" else host


@st.composite
def scenarios(
    draw: DrawFn,
    /,
    *,
    max_hosts: int = 3,
    max_services: int = 2,
    max_clients: int = 2,
    max_replicas: int = 4,
    max_requests: int = 20,
    networks: bool = True,
    faults: bool = True,
    **fixed: Any,
) -> Scenario:
    """Whole scenarios, which the swarm never refuses.

    A failing property shows the scenario as the Python that makes it; :func:`meshsim.testing.as_python` gives
    it as a whole file, :func:`meshsim.testing.as_docker` as docker command lines.

    Args:
        draw: given by hypothesis.
        max_hosts: how many at most.
        max_services: how many at most, of 3.
        max_clients: how many at most, of 3.
        max_replicas: of each service.
        max_requests: of each client.
        networks: whether there may be an overlay with clients in it.
        faults: whether anything happens beside traffic.
        **fixed: values of :class:`~meshsim.scenario.Scenario` that are not drawn: ``balancer=Mine``.

    >>> from hypothesis import find
    >>> from meshsim.testing import as_python, scenarios
    >>> smallest = find(scenarios(), lambda scenario: True)
    >>> print(as_python(smallest), end="")
    from meshsim.scenario import Client, Every, Scenario, ServicePlan
    <BLANKLINE>
    scenario = Scenario(
        services=[ServicePlan("web", publish="81:80")],
        clients=[Client("alice", "host01:81", arrivals=Every("1s"), requests=1)],
    )
    report = scenario.run(seed=0)
    print(report)
    """
    for key in fixed:
        if key not in known(Scenario):
            raise BadValue(f"neither scenarios() nor a scenario knows {key}", key)
    _limits("max_services", max_services, len(_SERVICES))
    _limits("max_clients", max_clients, len(_CLIENTS))
    made: dict[str, Any] = {"hosts": fixed.get("hosts") or draw(hosts(max_size=max_hosts))}
    names = tuple(host if isinstance(host, str) else host.name for host in made["hosts"])
    network = draw(st.sampled_from(["", "", "eg1"])) if networks else ""
    if network:
        made["networks"] = (NetworkPlan(network, attachable=True),)
    served = st.lists(
        _served(max_replicas, constraints(names), servers=True), min_size=1, max_size=max_services
    )
    on: dict[str, Any] = {"network": network} if network else {}
    made["services"] = tuple(
        ServicePlan(_SERVICES[number], server, **flags, **on, publish=f"{_FIRST_PORT + number}:80")
        for number, (server, flags) in enumerate(draw(served))
    )
    callers = _callers(names, made["services"], network, max_requests)
    made["clients"] = tuple(
        _renamed(client, _CLIENTS[number])
        for number, client in enumerate(draw(st.lists(callers, min_size=1, max_size=max_clients)))
    )
    if faults:
        scaled = [service.name for service in made["services"] if "mode" not in service.flags]
        lasts = fixed.get("lasts")
        end = 20 if lasts is None else min(20, nanoseconds(lasts) // SECOND)
        made["steps"] = draw(fault_plans(names, scaled, lasts=end))
    return Scenario(**{**made, **fixed})


def _renamed(client: Any, name: str) -> Client:
    renamed: Client = evolve(client, name=name)
    return renamed


@st.composite
def _callers(
    draw: DrawFn, /, names: Sequence[str], services: Sequence[ServicePlan], network: str, most: int
) -> Client:
    """A client outside, or inside the network if there is one."""
    service = draw(_one_of(services))
    if network and draw(st.booleans()):
        return draw(traffic(calls=[f"{service.name}:80"], network=network, max_requests=most))
    port = service.flags["publish"].partition(":")[0]
    return draw(traffic(calls=[f"{host}:{port}" for host in names], max_requests=most))

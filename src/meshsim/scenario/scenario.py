"""Room scenario: a scenario is data.

Comes in: Python records, or text (see ``schema``). Goes out: a frozen :class:`Scenario` that is right as a
whole, or one sentence on what is wrong; and, from :meth:`Scenario.run`, a report. It does not know how a run
is staged.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Self

from attrs import evolve, field

from meshsim.cluster import Target
from meshsim.cluster.collections.services import CREATE_FLAGS, UPDATE_FLAGS
from meshsim.cluster.specbuild import service_spec
from meshsim.errors import BadScenario, BadValue, MeshsimError, NotFound
from meshsim.ipvs import resolve_balancer
from meshsim.manager.control.services import check_service_spec
from meshsim.model.frozen import FrozenDict
from meshsim.model.specs import ServiceSpec
from meshsim.profile import DEFAULT_ENGINE, Profile
from meshsim.scenario.expect import Expect
from meshsim.scenario.faults import Update
from meshsim.scenario.fields import Written, choice, duration, plain, records, text, written
from meshsim.scenario.plans import HostPlan, NetworkPlan, ServicePlan, as_host, as_network
from meshsim.scenario.report import Report
from meshsim.scenario.steps import Running, Step
from meshsim.scenario.traffic.arrivals import Bursts, Every, Poisson
from meshsim.scenario.traffic.clients import Client
from meshsim.units import duration_text

__all__ = ["VERSION", "Scenario"]

#: of the schema of texts
VERSION = 1

#: what is wrong, and the keys and numbers that lead to it
_Problem = tuple[tuple[str | int, ...], str]


def _mapping(value: Any) -> FrozenDict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue("expected a mapping of constants", str(value))
    return plain(value)  # type: ignore[no-any-return]


@written
class Scenario(Written):
    """Hosts, networks, services, clients, what happens when, and what is expected.

    Args:
        name: for people.
        hosts: names, or :class:`HostPlan`; the first founds the swarm.
        networks: names, or :class:`NetworkPlan`; overlays.
        services, clients, steps, expect: as their records say.
        lasts: how long clients begin requests and steps are taken; what is under way then is seen to its
            end. None: until every client has begun all its requests and every step with a time is taken
            (looked at every virtual second).
        engine, ties, balancer: as of :class:`meshsim.cluster.Cluster`.
        profile: constants of the engine to change, ``{"lan_latency_ns": 0}``.
        images: what images of one's own do; not for texts.

    Raises:
        BadScenario: with one sentence; a scenario that exists is right.

    >>> from meshsim.scenario import Client, Every, Scenario, ServicePlan
    >>> scenario = Scenario(
    ...     hosts=["host01", "host02"],
    ...     services=[ServicePlan("web", replicas=2, publish="81:80")],
    ...     clients=[Client("alice", calls="host01:81", arrivals=Every("1s"), requests=10)],
    ... )
    >>> report = scenario.run(seed=7)
    >>> report.counts("slot")
    {'web.1': 5, 'web.2': 5}
    """

    name: str = text("")
    hosts: tuple[HostPlan, ...] = records(HostPlan, ("host01",), convert=as_host)
    networks: tuple[NetworkPlan, ...] = records(NetworkPlan, convert=as_network)
    services: tuple[ServicePlan, ...] = records(ServicePlan)
    clients: tuple[Client, ...] = records(Client)
    steps: tuple[Step, ...] = records(Step)
    expect: tuple[Expect, ...] = records(Expect)
    lasts_ns: int | None = duration("lasts", None)
    engine: str = text(DEFAULT_ENGINE)
    ties: str = choice("joined", "seeded")
    balancer: Any = field(default=None)
    profile: FrozenDict[str, Any] = field(factory=FrozenDict, converter=_mapping)
    images: FrozenDict[str, Any] = field(factory=FrozenDict, converter=_mapping)

    def __attrs_post_init__(self) -> None:
        for path, sentence in self._problems():
            raise BadScenario(sentence, path)

    def __repr__(self) -> str:
        parts = ("hosts", "networks", "services", "clients", "steps")
        counted = ", ".join(f"{len(getattr(self, part))} {part}" for part in parts if getattr(self, part))
        lasts = "until all is done" if self.lasts_ns is None else duration_text(self.lasts_ns)
        return f"<Scenario {self.name or 'unnamed'}: {counted}, {lasts}>"

    # -- running, and texts

    def run(self, seed: int | str = 0) -> Report:
        """Run it in virtual time.

        Args:
            seed: everything random is drawn from it; the same scenario and seed give equal records.
        """
        from meshsim.scenario.stage import perform

        return perform(self, seed)

    def but(self, **changes: Any) -> Self:
        """The same scenario with other values: ``scenario.but(balancer="wlc")``."""
        made: Any = self  # what mypy cannot know: it is an attrs class
        changed: Self = evolve(made, **changes)
        return changed

    @classmethod
    def loads(cls, text: str, *, source: str = "<text>", form: str = "json") -> Scenario:
        """Read a scenario.

        Args:
            text: JSON, or YAML when ``form`` says so (needs PyYAML).
            source: what errors call the text.
            form: ``json`` or ``yaml``.

        Raises:
            BadScenario: with source, line and one sentence; nothing has been run.
        """
        from meshsim.scenario.schema import loads

        return loads(text, source=source, form=form)

    def dumps(self) -> str:
        """Write it as JSON; :meth:`loads` gives an equal one.

        Raises:
            BadScenario: part of it is Python code.
        """
        from meshsim.scenario.schema import dumps

        return dumps(self)

    # -- what must be right as a whole

    def _problems(self) -> Iterator[_Problem]:
        yield from self._around()
        for part, what in (
            ("hosts", "host"), ("networks", "network"), ("services", "service"), ("clients", "client"),
        ):  # fmt: skip
            seen: set[str] = set()
            for number, each in enumerate(getattr(self, part)):
                if each.name in seen:
                    yield (part, number, "name"), f"there is a {what} called {each.name} already"
                seen.add(each.name)
        yield from self._about_places()
        yield from self._about_services()
        for number, client in enumerate(self.clients):
            yield from self._about_client(number, client)
        for number, step in enumerate(self.steps):
            yield from self._about_step(number, step)
        for number, wish in enumerate(self.expect):
            for key, known in (("service", self._services), ("client", self._clients), ("node", self._hosts)):
                if key in wish.where and wish.where[key] not in known:
                    yield ("expect", number, "where"), _unknown(key, str(wish.where[key]), known)

    def _around(self) -> Iterator[_Problem]:
        if not self.hosts:
            yield ("hosts",), "a scenario needs at least one host"
        elif self.hosts[0].proxy is not None:
            yield ("hosts", 0, "proxy"), "the first host founds the swarm, so it is no proxy outside of it"
        if self.lasts_ns == 0:
            yield ("lasts",), "a scenario that lasts 0s shows nothing"
        try:
            Profile(self.engine, **self.profile)
        except MeshsimError as error:
            yield ("profile" if "profile" in str(error) else "engine",), str(error)
        try:
            if self.balancer is not None:
                resolve_balancer(self.balancer)
        except MeshsimError as error:
            yield ("balancer",), str(error)

    def _about_places(self) -> Iterator[_Problem]:
        taken: set[str] = set()
        for number, host in enumerate(self.hosts):
            if any(char.isspace() or char in "/:" for char in host.name):
                yield ("hosts", number, "name"), f"a host cannot be called {host.name!r}"
            if host.address and (not _is(IPv4Address, host.address) or host.address in taken):
                what = "is taken" if host.address in taken else "is no IPv4 address"
                yield ("hosts", number, "address"), f"{host.address} {what}"
            taken.add(host.address)
        for number, network in enumerate(self.networks):
            if network.subnet and not _is(IPv4Network, network.subnet):
                yield ("networks", number, "subnet"), f"{network.subnet} is no IPv4 subnet"
        for name in self.machines:
            if any(char.isspace() or char in "/:" for char in name):
                number = next(i for i, c in enumerate(self.clients) if (c.at or c.name) == name)
                yield ("clients", number, "name"), f"a machine cannot be called {name!r}"

    @property
    def _hosts(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts)

    @property
    def _services(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)

    @property
    def _clients(self) -> tuple[str, ...]:
        return tuple(client.name for client in self.clients)

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines of clients that sit neither on a host nor inside a network, in order."""
        outside = (client.at or client.name for client in self.clients if not client.network)
        return tuple(dict.fromkeys(name for name in outside if name not in self._hosts))

    def _about_services(self) -> Iterator[_Problem]:
        taken: dict[tuple[str, int], str] = {}
        profile = Profile(self.engine, **self.profile)
        names = _Names(tuple(network.name for network in self.networks))
        for number, service in enumerate(self.services):
            spec: ServiceSpec | None = None
            for key in service.flags:
                if key not in CREATE_FLAGS:
                    yield ("services", number, key), _unknown("key", key, tuple(sorted(CREATE_FLAGS)))
                    return
            for given in (*({key: value} for key, value in service.flags.items()), dict(service.flags)):
                try:
                    spec = service_spec(
                        service.name, {"image": service.image or service.name, **given}, names
                    )
                    check_service_spec(spec, profile)
                except MeshsimError as error:
                    yield ("services", number, *(given if len(given) == 1 else ())), _plainly(error)
            for port in spec.endpoint.ports if spec and spec.endpoint else ():
                if not port.published:
                    continue
                place = (port.protocol.name.lower(), port.published)
                other = taken.setdefault(place, service.name)
                if other != service.name:
                    yield (
                        ("services", number, "publish"),
                        f"port {place[1]}/{place[0]} is published by {other} already",
                    )

    def _about_client(self, number: int, client: Client) -> Iterator[_Problem]:
        known = (*self._hosts, *self.machines)
        for call in client.calls:
            try:
                host = Target.parse(call).host
            except BadValue as error:
                yield ("clients", number, "calls"), str(error)
                continue
            named = not (host == "::1" or host.replace(".", "").isdigit() or host == "localhost")
            if named and not client.network and host not in known:
                yield ("clients", number, "calls"), _unknown("host", host, self._hosts)
        endless = client.users is not None or isinstance(client.arrivals, Every | Poisson | Bursts)
        if endless and client.requests is client.stop_ns is self.lasts_ns is None:
            yield (
                ("clients", number, "requests"),
                (
                    f"client {client.name} never stops: "
                    "give it requests or stop, or say how long the scenario lasts"
                ),
            )
        if client.network:
            networks = {network.name: network for network in self.networks}
            if client.network not in networks:
                yield ("clients", number, "network"), _unknown("network", client.network, tuple(networks))
            elif not networks[client.network].attachable:
                yield ("clients", number, "network"), f"network {client.network} is not attachable"
            if client.at and client.at not in self._hosts:
                yield ("clients", number, "at"), _unknown("host", client.at, self._hosts)

    def _about_step(self, number: int, step: Step) -> Iterator[_Problem]:
        if step.at_ns is not None and self.lasts_ns is not None and step.at_ns > self.lasts_ns:
            late, end = duration_text(step.at_ns), duration_text(self.lasts_ns)
            yield ("steps", number, "at"), f"a step at {late} comes after the end at {end}"
        host = getattr(step.do, "host", None)
        if host is not None and host not in self._hosts:
            yield ("steps", number, "host"), _unknown("host", host, self._hosts)
        service = getattr(step.do, "service", None)
        if service is not None and service not in self._services:
            yield ("steps", number, "service"), _unknown("service", service, self._services)
        if isinstance(step.when, Running) and step.when.service not in self._services:
            yield ("steps", number, "when"), _unknown("service", step.when.service, self._services)
        known = (*self._hosts, *self.machines)
        named = [name for side in getattr(step.do, "sides", ()) for name in side]
        for name in named:
            if name not in known:
                yield ("steps", number, "sides"), _unknown("machine", name, known)
            elif named.count(name) > 1:
                yield ("steps", number, "sides"), f"{name} cannot be on two sides of a partition"
        for key in step.do.flags if isinstance(step.do, Update) else ():
            if key not in UPDATE_FLAGS:
                yield ("steps", number, key), _unknown("key", key, tuple(sorted(UPDATE_FLAGS)))


class _Names:
    """What names in flags stand for, before anything exists."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self.networks = networks

    def network_id(self, text: str) -> str:
        """The name itself, when the scenario has such a network."""
        if text not in self.networks:
            raise NotFound(_unknown("network", text, self.networks))
        return text

    def file_id(self, kind: str, name: str) -> str:
        """Scenarios have neither secrets nor configs."""
        raise NotFound(f"a scenario has no {kind}s: {name}")


def _is(kind: type[IPv4Address | IPv4Network], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    """The sentence on a name nobody has; near misses are offered."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    if near:
        return f'unknown {what} "{name}": is "{near[0]}" meant?'
    listed = f"; known: {', '.join(known)}" if 0 < len(known) <= 12 else "" if known else "; there is none"
    return f'unknown {what} "{name}"{listed}'


def _plainly(error: MeshsimError) -> str:
    return getattr(error, "description", None) or str(error)

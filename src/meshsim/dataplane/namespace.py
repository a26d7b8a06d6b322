"""Room dataplane: the network namespace of one container.

Comes in: where the container is attached and which ports its host maps to it. Goes out: its way into the
networks, and its name resolver. Rules of this file: facts of one container only; sandboxes and hosts are
reached through the plane that made it; a namespace is made when somebody looks at it, until then there are
only the facts, and these are asked for when somebody looks at any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import frozen

from meshsim.dataplane.path import connect, ping
from meshsim.dataplane.visit import Visit, Way, visit
from meshsim.dns import Answer, ResolvConf, Resolver
from meshsim.model.frozen import EMPTY, Frozen, value
from meshsim.model.objects import Attachment
from meshsim.profile import Profile
from meshsim.sim import Clock, Own

if TYPE_CHECKING:
    from meshsim.dataplane.opened import Opened
    from meshsim.dataplane.outcome import Echo, Failed
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.world import World

__all__ = ["HostPort", "Namespace", "NamespaceFacts", "Namespaces", "Place", "Tenants"]


@frozen(slots=True)
class Place(Frozen):
    """A container's place on one network; ``address`` without mask."""

    network_id: str
    network: str
    address: str


@frozen(slots=True)
class HostPort(Frozen):
    """A port the host maps to a container: ``--publish mode=host``, or ``docker run -p``."""

    protocol: str
    published: int
    target: int


@value
class NamespaceFacts(Frozen):
    """What is fixed about a container's network namespace for as long as it is on the same networks.

    Attributes:
        endpoint_id: the task's id, or the container's.
        name: the container's name.
        container_id: 64 hexadecimal digits.
        attachments: its places on networks: swarm networks the host has materialised, or local bridges.
        host_ports: what the host maps to it.
        search: the domains of its resolv.conf.
        conf: its resolv.conf; None: as the host's, it has no wishes of its own.
        gateway_address: its address on docker_gwbridge or the default bridge, given by its host; empty when
            it has no way out.
    """

    endpoint_id: str
    name: str
    container_id: str
    attachments: tuple[Attachment, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    search: tuple[str, ...] = ()
    conf: ResolvConf | None = None
    gateway_address: str = ""


class Tenants(Protocol):
    """Who knows the containers of a host."""

    def facts(self, container_id: str, /) -> NamespaceFacts:
        """What is fixed about a container that has begun, as long as it is on no other networks."""


class Namespace:
    """The network namespace of one container, got from :attr:`DataPlane.namespaces`.

    Attributes:
        plane: the host it runs on.
        facts: what is fixed until it is put on other networks.
        over: whether the container has ended; its connections are gone then.
        ports: its source ports, the host's counter.
        ways: that were walked before.
    """

    __slots__ = ("_resolver", "facts", "over", "plane", "ports", "ways")

    inside: ClassVar[bool] = True

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    facts: NamespaceFacts
    over: bool

    def __init__(self, plane: DataPlane, facts: NamespaceFacts) -> None:
        self.plane = plane
        self.over = False
        # One counter for the machine: a source hidden behind the host's address stays distinct.
        self.ports = plane.ports
        self._resolver: Resolver | None = None
        self.ways: dict[tuple[str, int], Way] = EMPTY
        self.reroute(facts)

    def __repr__(self) -> str:
        places = ", ".join(f"{place.network} {place.address}" for place in self.places.values())
        return f"<Namespace {self.name} on {self.plane.name}: {places or 'no network'}>"

    @property
    def name(self) -> str:
        """The container's name."""
        return self.facts.name

    @property
    def endpoint_id(self) -> str:
        """The task's id, or the container's."""
        return self.facts.endpoint_id

    @property
    def container_id(self) -> str:
        """64 hexadecimal digits."""
        return self.facts.container_id

    @property
    def gateway_address(self) -> str:
        """Its address on the bridge that leads outside; empty when it has no way out."""
        return self.facts.gateway_address

    @property
    def places(self) -> dict[str, Place]:
        """Its networks, by network id; made anew, since thousands of containers are never looked at."""
        return {place.network_id: self.plane.place(place) for place in self.facts.attachments}

    @property
    def resolver(self) -> Resolver:
        """Its 127.0.0.11, made when it is first asked something."""
        if self._resolver is None:
            self._resolver = self.plane.resolver(self.places, self.facts.conf)
        return self._resolver

    def reroute(self, facts: NamespaceFacts) -> None:
        """It is on these networks from now on: ways and names it knew are forgotten."""
        self.facts = facts
        self._resolver = None
        self.ways = EMPTY

    @property
    def machine(self) -> str:
        """The host's name."""
        return self.plane.name

    @property
    def clock(self) -> Clock:
        """The cluster's clock."""
        return self.plane.clock

    @property
    def profile(self) -> Profile:
        """The cluster's profile."""
        return self.plane.profile

    @property
    def world(self) -> World:
        """The other machines."""
        return self.plane.world

    def resolve(self, name: str, qtype: str = "A", **options: Any) -> Answer:
        """Ask 127.0.0.11; the options are those of :meth:`meshsim.dns.Resolver.lookup`."""
        plane = self.plane
        for network_id in self.places:
            plane.bring_up(network_id)
        return self.resolver.lookup(name, qtype, now_ns=plane.clock.now_ns, **options)

    def look_up(self, name: str) -> Answer:
        """What a program gets for a name: the name as it is, then in each domain of the search list.

        Source: ndots:0, as Docker sets it, tries the bare name first.
        """
        answer = self.resolve(name)
        for domain in () if name.endswith(".") else self.facts.search:
            if answer.addresses:
                break
            again = self.resolve(f"{name}.{domain}")
            answer = again if again.addresses else answer
        return answer

    def connect(
        self, address: str, port: int, *, protocol: str = "tcp", source_port: int = 0, trace: bool = False
    ) -> Opened | Failed:
        """Open a connection from inside the container; see :func:`meshsim.dataplane.path.connect`."""
        return connect(self, address, port, protocol=protocol, source_port=source_port, trace=trace)

    def visit(self, address: str, port: int, *, source_port: int = 0, trace: bool = False) -> Visit | Failed:
        """Open a connection, send one request, close; see :func:`meshsim.dataplane.visit.visit`."""
        return visit(self, address, port, source_port=source_port, trace=trace)

    def ping(self, address: str) -> Echo:
        """Send one echo request from inside the container."""
        return ping(self, address)


class Namespaces(Mapping[str, Namespace]):
    """The namespaces of one host by endpoint id, each made when it is first asked for: most never are."""

    __slots__ = ("_facts", "_made", "_plane")

    # Held by nobody else: forks copy them without remembering that they did.
    _facts: Own[dict[str, NamespaceFacts]]
    _made: Own[dict[str, Namespace]]

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._facts = {}
        self._made = {}

    def __getitem__(self, endpoint_id: str) -> Namespace:
        made = self._made.get(endpoint_id)
        if made is None:
            made = self._made[endpoint_id] = Namespace(self._plane, self.facts[endpoint_id])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def facts(self) -> Mapping[str, NamespaceFacts]:
        """Of all of them. Only to be read."""
        self._plane.lead_out()
        return self._facts

    def add(self, facts: NamespaceFacts) -> None:
        """A container has begun; an earlier one of the same endpoint is over."""
        if facts.endpoint_id in self._facts:
            self.remove(facts.endpoint_id)
        self._facts[facts.endpoint_id] = facts

    def remove(self, endpoint_id: str) -> NamespaceFacts | None:
        """A container has ended; what it was, or None if there was none."""
        made = self._made.pop(endpoint_id, None)
        if made is not None:
            made.over = True
        self._plane.lead_out()
        return self._facts.pop(endpoint_id, None)

    def reroute(self, facts: NamespaceFacts) -> None:
        """A container is on other networks from now on."""
        self._facts[facts.endpoint_id] = facts
        made = self._made.get(facts.endpoint_id)
        if made is not None:
            made.reroute(facts)

    def clear(self) -> None:
        """All have ended."""
        for made in self._made.values():
            made.over = True
        self._made.clear()
        self._facts.clear()

    def check(self) -> None:
        """Assert that those made are as the facts say."""
        for endpoint_id, made in self._made.items():
            assert made.plane is self._plane
            assert made.facts is self.facts[endpoint_id]

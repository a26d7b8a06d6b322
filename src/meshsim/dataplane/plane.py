"""Room dataplane: all of one host.

Comes in: which networks the host takes part in, which containers run on it. Goes out: sandboxes and
namespaces, brought up to now when asked. Rules of this file: what a host knows of the others comes from
its journal views alone; who owns an address and who listens comes through :class:`World`. It decides no
path (see ``path``).

Source: moby daemon/libnetwork/controller.go, sandbox.go; daemon/container_operations.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve

from meshsim.dataplane.bridge import Bridge
from meshsim.dataplane.gossip import Lossy, Spread, View
from meshsim.dataplane.journal import Journal
from meshsim.dataplane.namespace import HostPort, NamespaceFacts, Namespaces, Place, Tenants
from meshsim.dataplane.path import connect, ping
from meshsim.dataplane.ports import EphemeralPorts
from meshsim.dataplane.sandbox import Marks, Sandbox
from meshsim.dataplane.visit import Visit, Way, visit
from meshsim.dataplane.world import World
from meshsim.dns import ResolvConf, Resolver, Server, Zone, asked_servers
from meshsim.errors import BadValue
from meshsim.ipam import Pool
from meshsim.ipvs.balancers.registry import BalancerChoice
from meshsim.model.objects import Attachment, Network
from meshsim.profile import Profile
from meshsim.sim import Clock, Lent, Own

if TYPE_CHECKING:
    from meshsim.dataplane.opened import Opened
    from meshsim.dataplane.outcome import Echo, Failed

__all__ = ["DataPlane"]

#: Source: moby daemon/libnetwork/ipamutils/utils.go: the second of the local pools, the first is docker0's
GATEWAY_BRIDGE_SUBNET = "172.18.0.0/16"

#: what VXLAN, and ESP on encrypted networks, take of every packet.
#: Source: moby daemon/libnetwork/drivers/overlay/overlay.go vxlanEncap, joinleave.go maxMTU
VXLAN_BYTES, ESP_BYTES = 50, 26


def _mtu(options: Mapping[str, str]) -> int:
    """The MTU of a container's interface on an overlay: 1450, encrypted 1424."""
    mtu = int(options.get("com.docker.network.driver.mtu", "1500")) - VXLAN_BYTES
    if "encrypted" in options:
        mtu -= ESP_BYTES
        mtu -= mtu % 4
    return mtu


def _bridge_pool(subnet: str) -> Lent[Pool]:
    """The addresses of a local bridge, lowest free first, its gateway taken."""
    pool = Pool(subnet, serial=False)
    pool.take_gateway()
    return Lent(pool)


class DataPlane:
    """The data plane of one host.

    Args:
        name: the host's name; journal rows and links know it by this.
        address: its address on the LAN.
        clock, profile: the cluster's.
        journal: of the swarm the host is in; :meth:`reset` takes another.
        world: the other machines.
        balancer: name or factory of every balancer here; default ``rr``, as Docker has it.
        balancers: those of single services, by service id; looked at when a service becomes known.
        rng: shuffles DNS answers; None keeps the order in which addresses became known.
        servers: what the host's resolv.conf lists.
        spread: a gossip of one's own, see :class:`~meshsim.dataplane.gossip.Spread`; default the profile's.
        seed: of what the profile's gossip loses.
        gateway_subnet: chooses the subnet of docker_gwbridge when it is made, told when (ns); default
            172.18.0.0/16.

    Attributes:
        sandboxes: by network id.
        ingress: the one of the ingress network, or None.
        bridges: local networks, by id.
        namespaces: by endpoint id.
        host_ports: (protocol, published) -> (endpoint id, target).
        ports: source ports of the host and of its containers.
        ways: that the host itself walked before.
        spread: how rows reach this host; None: each with the next tick.
        tenants: asked for the facts of containers that were only announced (:meth:`expect`).
        changes: grows with every network that comes or goes: who caches compares it.

    >>> from meshsim.dataplane import Lab
    >>> Lab(1).planes["host01"]
    <DataPlane host01 192.168.65.11: 1 networks, 0 namespaces>
    """

    inside: ClassVar[bool] = False

    __slots__ = (
        "_gateway_pool",
        "_gateway_subnet",
        "_waiting",
        "address",
        "balancer",
        "balancers",
        "bridges",
        "changes",
        "clock",
        "host_ports",
        "ingress",
        "journal",
        "marks",
        "name",
        "namespaces",
        "ports",
        "profile",
        "rng",
        "sandboxes",
        "servers",
        "spread",
        "tenants",
        "ways",
        "world",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    name: str
    address: str
    profile: Profile
    changes: int
    # Held by nobody else: forks copy them without remembering that they did.
    ways: Own[dict[tuple[str, int], Way]]
    bridges: Own[dict[str, Bridge]]
    host_ports: Own[dict[tuple[str, int], tuple[str, int]]]
    _waiting: Own[dict[str, int]]

    def __init__(
        self,
        name: str,
        address: str,
        *,
        clock: Clock,
        profile: Profile,
        journal: Journal,
        world: World,
        balancer: BalancerChoice | None = None,
        balancers: Mapping[str, BalancerChoice] | None = None,
        rng: Random | None = None,
        servers: Sequence[Server] = (Server("8.8.8.8"),),
        spread: Spread | None = None,
        seed: int | str = 0,
        gateway_subnet: Callable[[int], str] | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.clock = clock
        self.profile = profile
        self.world = world
        self.balancer = balancer
        self.balancers = balancers
        self.rng = rng
        self.servers = tuple(servers)
        self.ports = EphemeralPorts()
        self.ways = {}
        self.bridges = {}
        self.changes = 0
        if spread is None and profile.gossip_loss:
            spread = Lossy(seed, profile.gossip_loss, profile.gossip_delay_ns, profile.bulk_sync_ns)
        self.spread = spread
        self._gateway_subnet = gateway_subnet
        self._gateway_pool: Lent[Pool] | None = None
        self.tenants: Tenants | None = None
        #: containers nobody has looked at yet, and since when they run
        self._waiting = {}
        self.namespaces = Namespaces(self)
        self.reset(journal)

    def __repr__(self) -> str:
        return (
            f"<DataPlane {self.name} {self.address}: {len(self.sandboxes)} networks, "
            f"{len(self.namespaces)} namespaces>"
        )

    def reset(self, journal: Journal | None = None) -> None:
        """Start anew, as an engine does: no sandbox, no namespace, marks from the start again."""
        self.lead_out()
        if journal is not None:
            self.journal = journal
        self.marks = Marks(self.profile.fwmark_start)
        self.sandboxes: dict[str, Sandbox] = {}
        self.ingress: Sandbox | None = None
        self.namespaces.clear()
        self.host_ports = {}
        if self._gateway_pool is not None:  # the bridge itself stays for good
            self._gateway_pool = _bridge_pool(self._gateway_pool.seen.subnet)
        for bridge in self.bridges.values():
            bridge.known.clear()
            bridge.zone.clear()
        self.changes += 1

    # -- networks

    def materialise(self, network: Network, lb_address: str) -> Sandbox:
        """Take part in a swarm network: join its gossip, make its sandbox. O(live endpoints).

        Args:
            network: as the managers told it; allocated.
            lb_address: the host's own address on it, with or without mask.

        Returns:
            The sandbox; the one there is when the host takes part already.

        Raises:
            BadValue: the network has no subnet yet.
        """
        there = self.sandboxes.get(network.id)
        if there is not None:
            return there
        if not network.ipam:
            raise BadValue(f"network {network.name} has no subnet yet", network.id)
        self.lead_out()
        spec = network.spec
        view = View(
            self.journal,
            network.id,
            self.name,
            self.clock.now_ns,
            reach=self.world.links,
            profile=self.profile,
            spread=self.spread,
        )
        sandbox = Sandbox(
            view,
            clock=self.clock,
            network=network.name,
            subnet=network.ipam[0].subnet,
            lb_address=lb_address.partition("/")[0],
            marks=self.marks,
            profile=self.profile,
            ingress=spec.ingress,
            internal=spec.internal,
            dsr="dsr" in spec.options,
            mtu=_mtu(spec.options),
            gateway=network.ipam[0].gateway,
            on_publish=self._open_gateway_bridge if spec.ingress else None,
            balancer=self.balancer,
            balancers=self.balancers,
            siblings=self.sandboxes,
        )
        self.sandboxes[network.id] = sandbox
        self.journal.join(network.id, self.name, sandbox.lb_address)
        if spec.ingress:
            self.ingress = sandbox
            if self._gateway_pool is not None:
                sandbox.enter(self._gateway_pool)
        self.changes += 1
        return sandbox

    def release(self, network_id: str) -> None:
        """Take part in a network no more; harmless when the host does not."""
        self.lead_out()
        sandbox = self.sandboxes.pop(network_id, None)
        if sandbox is None:
            return
        if sandbox is self.ingress:
            self.ingress = None
            if sandbox.entry_pool is not None:
                sandbox.entry_pool.own().release(sandbox.entry_address)
        self.journal.part(network_id, self.name)
        self.changes += 1

    def add_bridge(
        self, network_id: str, network: str, subnet: str, gateway: str, *, internal: bool = False
    ) -> Bridge:
        """Add a local network; the one named ``bridge`` has no names."""
        bridge = Bridge(network_id, network, subnet, gateway, internal=internal)
        self.bridges[network_id] = bridge
        return bridge

    def remove_bridge(self, network_id: str) -> None:
        """Remove a local network; harmless when there is none."""
        self.bridges.pop(network_id, None)

    def bring_up(self, network_id: str) -> Sandbox | None:
        """The sandbox of a network as it is now, or None when the host has none."""
        sandbox = self.sandboxes.get(network_id)
        if sandbox is not None:
            sandbox.bring_up(self.clock.now_ns)
        return sandbox

    # -- containers

    def expect(self, container_id: str) -> None:
        """Give a container its network namespace when somebody looks, at the latest with the next one.

        It is on no local bridge, and the host maps no ports to it. O(1).
        """
        self._waiting[container_id] = self.clock.now_ns

    def add_namespace(
        self, facts: NamespaceFacts, aliases: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Give a container its network namespace, to be found in :attr:`namespaces`.

        Args:
            facts: what is fixed about it.
            aliases: its further names on local bridges, by network id.

        Raises:
            BadValue: a network the host does not have.
        """
        self.lead_out()
        for attachment in facts.attachments:
            self._network(attachment.network_id)
        self._admit(facts, self.clock.now_ns)
        for mapped in facts.host_ports:
            self.host_ports[mapped.protocol, mapped.published] = (facts.endpoint_id, mapped.target)
        for attachment in facts.attachments:
            self._enter(facts, attachment, (aliases or {}).get(attachment.network_id, ()))

    def _admit(self, facts: NamespaceFacts, now_ns: int) -> None:
        """A container has begun, and gets its way out."""
        way_out = self._bridge_address(facts.attachments)
        if not way_out and self._leads_outside(facts.attachments):
            way_out = self._lend_gateway(now_ns)
        self.namespaces.add(evolve(facts, gateway_address=way_out) if way_out else facts)

    def remove_namespace(self, endpoint_id: str) -> None:
        """The container has stopped; harmless when it has no namespace. O(names of its bridges)."""
        facts = self.namespaces.remove(endpoint_id)
        if facts is None:
            return
        for mapped in facts.host_ports:
            if self.host_ports.get((mapped.protocol, mapped.published), ("", 0))[0] == endpoint_id:
                del self.host_ports[mapped.protocol, mapped.published]
        for attachment in facts.attachments:
            self._leave(facts, attachment)
        held = self.held_gateway(facts)
        if held and self._gateway_pool is not None:
            self._gateway_pool.own().release(held)

    def plug(self, endpoint_id: str, attachment: Attachment, aliases: Sequence[str] = ()) -> None:
        """Put a running container on one network more: names and way out follow.

        Raises:
            BadValue: a network the host does not have.
            KeyError: no such container.
        """
        facts = self.namespaces.facts[endpoint_id]
        self._network(attachment.network_id)
        self._reroute(facts, (*facts.attachments, attachment))
        self._enter(facts, attachment, aliases)

    def unplug(self, endpoint_id: str, network_id: str) -> None:
        """Take a running container off a network; harmless when it has no namespace or is not on it."""
        facts = self.namespaces.facts.get(endpoint_id)
        here = () if facts is None else facts.attachments
        left = next((attachment for attachment in here if attachment.network_id == network_id), None)
        if facts is None or left is None:
            return
        self._leave(facts, left)
        self._reroute(facts, tuple(attachment for attachment in here if attachment is not left))

    def leave_swarm(self) -> None:
        """Take part in no swarm network any more; containers keep the local ones."""
        for network_id in list(self.sandboxes):
            for endpoint_id in self.namespaces:
                self.unplug(endpoint_id, network_id)
            self.release(network_id)

    def _reroute(self, facts: NamespaceFacts, attachments: tuple[Attachment, ...]) -> None:
        """Give a container other networks: what it remembers of ways is forgotten."""
        held = self.held_gateway(facts)
        local = self._bridge_address(attachments)
        needed = not local and self._leads_outside(attachments)
        if held and not needed and self._gateway_pool is not None:
            self._gateway_pool.own().release(held)
        way_out = (held or self._lend_gateway(self.clock.now_ns)) if needed else local
        self.namespaces.reroute(evolve(facts, attachments=attachments, gateway_address=way_out))
        self.changes += 1

    def _enter(self, facts: NamespaceFacts, place: Attachment, aliases: Sequence[str]) -> None:
        """Make a container known on a local network; on a swarm's the gossip does."""
        bridge = self.bridges.get(place.network_id)
        if bridge is not None:
            bridge.known[place.ip] = facts.endpoint_id
            if bridge.network != "bridge":  # the default bridge has no names
                bridge.zone.add(facts.name, place.ip, facts.endpoint_id, ptr=True)
                for alias in (*aliases, facts.container_id[:12]):
                    bridge.zone.add(alias, place.ip, facts.endpoint_id)

    def _leave(self, facts: NamespaceFacts, place: Attachment) -> None:
        """The opposite."""
        bridge = self.bridges.get(place.network_id)
        if bridge is not None:
            bridge.known.pop(place.ip, None)
            for known, addresses in list(bridge.zone):
                if place.ip in addresses:
                    bridge.zone.remove(known, place.ip, facts.endpoint_id, ptr=True)

    def place(self, attachment: Attachment) -> Place:
        """A container's place on a network, with the network's name; empty when the network is gone."""
        network_id = attachment.network_id
        network = self.sandboxes.get(network_id) or self.bridges.get(network_id)
        return Place(network_id, "" if network is None else network.network, attachment.ip)

    def _network(self, network_id: str) -> Sandbox | Bridge:
        network = self.sandboxes.get(network_id) or self.bridges.get(network_id)
        if network is None:
            raise BadValue(f"{self.name} has no network {network_id}", network_id)
        return network

    def _bridge_address(self, attachments: Iterable[Attachment]) -> str:
        """Its address on a local network that leads outside; empty when it is on none."""
        for attachment in attachments:
            bridge = self.bridges.get(attachment.network_id)
            if bridge is not None and not bridge.internal:
                return attachment.ip
        return ""

    def held_gateway(self, facts: NamespaceFacts) -> str:
        """A container's address on docker_gwbridge; empty when it has none."""
        return "" if self._bridge_address(facts.attachments) else facts.gateway_address

    def _leads_outside(self, attachments: Iterable[Attachment]) -> bool:
        """Whether docker_gwbridge leads outside from one of the overlays, should no local network do so.

        Source: moby daemon/libnetwork/default_gateway.go needDefaultGW, setupDefaultGW.
        """
        for place in attachments:
            overlay = self.sandboxes.get(place.network_id)
            if overlay is not None and not overlay.internal:
                return True
        return False

    def resolver(self, network_ids: Iterable[str], conf: ResolvConf | None) -> Resolver:
        """The DNS server of a container on those networks, with that resolv.conf."""
        zones = [self._network(network_id).zone for network_id in network_ids]
        profile = self.profile
        return Resolver(
            zones or [Zone("host", kind="local")],  # no network of its own: the host's servers, no names
            servers=asked_servers(self.servers, conf, style=profile.resolv_conf),
            ndots_set=conf is not None and conf.ndots_set,
            rng=self.rng,
            failing=profile.dns_no_upstream,
            nxdomain=profile.dns_nxdomain,
            oversize=profile.dns_oversize,
        )

    # -- docker_gwbridge

    def _open_gateway_bridge(self, now_ns: int) -> Lent[Pool]:
        """Make it, if it is not there, because something needs a way out; the ingress sandbox comes first."""
        pool = self._gateway_pool
        if pool is None:
            choose = self._gateway_subnet
            made_ns = min(now_ns, next(self._leading_outside(), now_ns))
            pool = self._gateway_pool = _bridge_pool(choose(made_ns) if choose else GATEWAY_BRIDGE_SUBNET)
            if self.ingress is not None:
                self.ingress.enter(pool)
        return pool

    def _leading_outside(self) -> Iterator[int]:
        """Since when those containers that nobody has looked at need a way out."""
        for container_id, since_ns in self._waiting.items():
            assert self.tenants is not None
            if self._leads_outside(self.tenants.facts(container_id).attachments):
                yield since_ns

    def _lend_gateway(self, now_ns: int) -> str:
        """An address on it for a container that begins, or is put on a network that needs it."""
        if self._gateway_pool is None and self.ingress is not None:
            self.ingress.bring_up(now_ns)
        return self._open_gateway_bridge(now_ns).own().any()

    def lead_out(self) -> None:
        """Give the containers that wait for it their namespaces and ways out, in the order they began.

        This is put off until somebody looks: a large swarm has thousands that nobody ever asks for. Whoever
        shows a namespace or docker_gwbridge, or changes what either rests on, calls this first. O(waiting).
        """
        if not self._waiting:
            return
        assert self.tenants is not None
        waiting, self._waiting = self._waiting, {}
        for container_id, since_ns in waiting.items():
            self._admit(self.tenants.facts(container_id), since_ns)

    @property
    def gateway_pool(self) -> Pool | None:
        """The addresses of docker_gwbridge, only to be read; None while nothing has needed a way out yet.

        Source: moby daemon/libnetwork/drivers/bridge; recorded: absent until the first published service.
        """
        self.lead_out()
        if self._gateway_pool is None and self.ingress is not None:
            self.ingress.bring_up(self.clock.now_ns)
        return None if self._gateway_pool is None else self._gateway_pool.seen

    @property
    def gateway(self) -> str:
        """The host's own address on docker_gwbridge; empty while there is none."""
        pool = self.gateway_pool
        return "" if pool is None else pool.gateway or ""

    def facing(self, facts: NamespaceFacts) -> str:
        """The host's own address on the bridge by which it reaches a container."""
        for place in facts.attachments:
            bridge = self.bridges.get(place.network_id)
            if bridge is not None and not bridge.internal:
                return bridge.gateway
        return self.gateway

    # -- from the host itself

    @property
    def machine(self) -> str:
        """The host's name."""
        return self.name

    @property
    def plane(self) -> DataPlane:
        """Itself."""
        return self

    def connect(
        self, address: str, port: int, *, protocol: str = "tcp", source_port: int = 0, trace: bool = False
    ) -> Opened | Failed:
        """Open a connection from the host itself; see :func:`meshsim.dataplane.path.connect`."""
        return connect(self, address, port, protocol=protocol, source_port=source_port, trace=trace)

    def visit(self, address: str, port: int, *, source_port: int = 0, trace: bool = False) -> Visit | Failed:
        """Open a connection, send one request, close; see :func:`meshsim.dataplane.visit.visit`."""
        return visit(self, address, port, source_port=source_port, trace=trace)

    def ping(self, address: str) -> Echo:
        """Send one echo request from the host itself."""
        return ping(self, address)

    # -- looking

    def settled_ns(self) -> int | None:
        """When the host will next notice something it was told already; None when it knows all."""
        moments = []
        for sandbox in self.sandboxes.values():
            sandbox.bring_up(self.clock.now_ns)
            if sandbox.view.awaited_ns is not None:
                moments.append(sandbox.view.awaited_ns)
        return min(moments, default=None)

    def check(self) -> None:
        """Assert what must hold of a host."""
        for network_id, sandbox in self.sandboxes.items():
            assert sandbox.network_id == network_id
            sandbox.check()
        for (protocol, published), (endpoint_id, target) in self.host_ports.items():
            assert HostPort(protocol, published, target) in self.namespaces.facts[endpoint_id].host_ports
        self.namespaces.check()
        addresses = [n.gateway_address for n in self.namespaces.facts.values() if n.gateway_address]
        assert len(set(addresses)) == len(addresses), "an address on the gateway bridge twice"

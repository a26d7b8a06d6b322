"""Room cluster: machines, and hosts (machines with an engine).

Comes in: what people and tests do at a machine. Goes out: answers, after the clock has moved by the time
they took. Rule of this file: methods check arguments and delegate; no logic grows here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshsim.cluster.client import Connection, PingReply, Response, Target, fetch
from meshsim.cluster.collections import (
    Configs,
    Containers,
    Networks,
    Nodes,
    Secrets,
    Services,
    SwarmCollection,
    Tasks,
)
from meshsim.cluster.engine import Engine
from meshsim.cluster.joining import Joining
from meshsim.cluster.locals import LocalNetworks
from meshsim.cluster.membership import Membership
from meshsim.dataplane import DataPlane, Failed, Opened, Outsider
from meshsim.errors import ConnectionFailed
from meshsim.model.objects import NodeDescription
from meshsim.model.specs import Platform, Resources
from meshsim.profile import Profile
from meshsim.sim import Own

if TYPE_CHECKING:
    from meshsim.cluster.cluster import Cluster

__all__ = ["Host", "Machine"]

#: a machine of the recorded kind: 2 CPUs and 2.07 GiB; what its engine reports
CPUS = 2_000_000_000
MEMORY = 2_221_502_464
#: Source: recorded from a real 26.1.5 (docker info, node inspect)
PLUGINS = (
    *(f"Log/{name}" for name in ("awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local")),
    *(f"Log/{name}" for name in ("splunk", "syslog")),
    *(f"Network/{name}" for name in ("bridge", "host", "ipvlan", "macvlan", "null", "overlay")),
    "Volume/local",
)


class Machine:
    """Any machine on the LAN: it can speak to the hosts. Made by :meth:`Cluster.add_machine`.

    Attributes:
        name: known to all machines of the cluster, as by /etc/hosts.
        address: on the LAN.
        cluster: the whole it is part of.
    """

    __slots__ = ("_fixed", "_way_out", "address", "cluster", "name")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    name: str
    address: str
    # Held by nobody else: forks copy it without remembering that they did.
    _fixed: Own[dict[str, tuple[Target, str]]]

    def __init__(self, cluster: Cluster, name: str, address: str) -> None:
        self.cluster = cluster
        self.name = name
        self.address = address
        #: targets on machines, whose addresses never change, by what was typed
        self._fixed = {}
        self._way_out: DataPlane | Outsider = self._network()

    def _network(self) -> DataPlane | Outsider:
        cluster = self.cluster
        return Outsider(self.name, self.address, clock=cluster.clock, profile=cluster.profile, world=cluster)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.address}>"

    @property
    def profile(self) -> Profile:
        """The constants and behaviours of the modelled engine."""
        return self.cluster.profile

    # -- speaking to others

    @property
    def way_out(self) -> DataPlane | Outsider:
        """Its network: opens connections at this very instant, for programs that run inside timers.

        ``machine.way_out.connect(address, port)`` gives an open path or a failure, as values; time does
        not pass.
        """
        return self._way_out

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name as this machine's /etc/hosts has them.

        Raises:
            NameNotResolved: nobody here is called so.
        """
        return self.cluster.addresses_of(name)

    def connect(self, target: str, *, protocol: str = "tcp", source_port: int = 0) -> Connection:
        """Open a connection to ``host:port`` and keep it.

        Raises:
            ConnectionFailed: refused, timed out ...: what a client would experience, and when.
        """
        self.cluster.clock.guard()
        where = Target.parse(target)
        opened = self._open(where, protocol, source_port, trace=True)
        self.cluster.step(opened.elapsed_ns)
        return Connection(self.cluster, where, opened)

    def get(self, url: str, *, trace: bool = True, source_port: int = 0) -> Response:
        """Open a connection, send one request, close: what ``curl`` does.

        Args:
            url: ``host:port/path``, with or without ``http://``; the port is 80 if none is given.
            trace: keep every hop (costs a little time on large runs).
            source_port: the port to call from; 0 takes the next free one.

        Raises:
            ConnectionFailed: refused, reset, timed out, unreachable.
            BadValue: not an address.
        """
        cluster = self.cluster
        cluster.clock.guard()
        where, address = self._fixed.get(url) or self._whereto(url)
        try:
            response = fetch(cluster, self._way_out, address, where, source_port=source_port, trace=trace)
        except ConnectionFailed as failure:
            cluster.step(failure.elapsed_ns)
            raise
        cluster.step(response.elapsed_ns)
        return response

    def ping(self, name: str, count: int = 1) -> list[PingReply]:
        """Send echo requests, one a second; one answer (or none) each."""
        self.cluster.clock.guard()
        return self.cluster.ping_from(self._way_out, self.resolve(name)[0], count)

    def run(self, line: str) -> Any:
        """Run a line in this machine's shell; the result has ``stdout``, ``stderr`` and ``exit``."""
        return self.cluster.shell(self).run(line)

    def _whereto(self, url: str) -> tuple[Target, str]:
        """What was typed, and the address to try first."""
        target = Target.parse(url)
        where = target, self.cluster.first_address(target.host)
        if target.host in self.cluster.machines:
            self._fixed[url] = where
        return where

    def _open(self, where: Target, protocol: str, source_port: int, *, trace: bool) -> Opened:
        cluster = self.cluster
        opened = self._way_out.connect(
            cluster.first_address(where.host),
            where.port,
            protocol=protocol,
            source_port=source_port,
            trace=trace,
        )
        if isinstance(opened, Failed):
            cluster.step(opened.elapsed_ns)
            raise opened.error(f"{where.host}:{where.port}")
        return opened


class Host(Machine):
    """A machine with an engine: ``host.services.create(...)``, ``host.containers.run(...)`` ...

    Attributes:
        swarm, nodes, services, networks, tasks, containers, secrets, configs: docker's nouns.
        engine, plane: what runs here, and its network.
        member: its place in a swarm, or None.
        joining: its unanswered wish to join one, or None.
        resources, engine_labels: what it reports to the managers.
    """

    __slots__ = (
        "_local_networks",
        "engine",
        "engine_labels",
        "joining",
        "member",
        "plane",
        "platform",
        "plugins",
        "resources",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    resources: Resources
    platform: Platform
    plugins: tuple[str, ...]
    # Held by nobody else: forks copy it without remembering that they did.
    engine_labels: Own[dict[str, str]]

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        address: str,
        *,
        resources: Resources | None = None,
        engine_labels: dict[str, str] | None = None,
        platform: Platform | None = None,
        plugins: tuple[str, ...] = PLUGINS,
    ) -> None:
        self.member: Membership | None = None
        self.joining: Joining | None = None
        self.resources = resources or Resources(CPUS, MEMORY)
        self.engine_labels = dict(engine_labels or {})
        self.platform = platform or Platform("linux", "x86_64")
        self.plugins = plugins
        rng = cluster.streams[f"networks/{name}"]
        self._local_networks = LocalNetworks(address, rng, cluster.profile.subnet_order)
        super().__init__(cluster, name, address)
        self.engine: Engine = Engine(name, cluster, self.plane, cluster.journal, self._local_networks)
        for network in self.engine.networks:
            if network.subnet:
                self.plane.add_bridge(network.id, network.name, network.subnet, network.gateway)

    def _network(self) -> DataPlane:
        cluster = self.cluster
        self.plane = DataPlane(
            self.name,
            self.address,
            clock=cluster.clock,
            profile=cluster.profile,
            journal=cluster.journal,
            world=cluster,
            balancer=cluster.balancer,
            balancers=cluster.balancers,
            rng=cluster.dns_rng(self.name),
            spread=cluster.gossip,
            seed=f"{cluster.seed}/gossip",
            servers=cluster.outside,
            gateway_subnet=self._local_networks.make_gateway_bridge,
        )
        return self.plane

    def describe(self) -> NodeDescription:
        """What this engine tells the managers about itself."""
        return NodeDescription(
            self.name,
            self.platform,
            self.resources,
            self.cluster.profile.engine_version,
            self.engine_labels,
            self.plugins,
        )

    # -- docker's nouns: each knows the host and nothing more, and is made anew when asked for

    @property
    def swarm(self) -> SwarmCollection:
        """``docker swarm``."""
        return SwarmCollection(self)

    @property
    def nodes(self) -> Nodes:
        """``docker node``."""
        return Nodes(self)

    @property
    def services(self) -> Services:
        """``docker service``."""
        return Services(self)

    @property
    def networks(self) -> Networks:
        """``docker network``."""
        return Networks(self)

    @property
    def tasks(self) -> Tasks:
        """The tasks of the swarm, or of this node."""
        return Tasks(self)

    @property
    def containers(self) -> Containers:
        """``docker container``."""
        return Containers(self)

    @property
    def secrets(self) -> Secrets:
        """``docker secret``."""
        return Secrets(self)

    @property
    def configs(self) -> Configs:
        """``docker config``."""
        return Configs(self)

    # -- faults

    @property
    def up(self) -> bool:
        """Whether the machine runs."""
        return self.name not in self.cluster.links.down

    def fail(self) -> None:
        """Power cut: nothing on it runs or answers any more; nobody is told. Harmless when it is down."""
        self.cluster.fail(self)

    def recover(self) -> None:
        """Power is back: the engine starts and its agent looks for the managers. Harmless when it is up."""
        self.cluster.recover(self)

    def stop_engine(self) -> None:
        """The engine ends in order (``systemctl stop docker``); the machine runs on. Harmless when it is off.

        Its containers are stopped, those of tasks removed. The managers are not told: they show the node
        READY until they have missed its heartbeats.
        """
        self.cluster.stop_engine(self)

    def start_engine(self) -> None:
        """The engine starts (``systemctl start docker``). Harmless when it runs.

        Raises:
            EngineDown: the machine has no power.
        """
        self.cluster.start_engine(self)

"""The places of a cluster: a machine, and a container, as programs there see them.

Room shell. In: machines and containers of the facade. Out: :class:`~meshsim.shell.tools.Place` values. Rule
of this file: nothing here steps time; answers say how long they took, and the shell lets it pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.cluster import Host
from meshsim.cluster.client import PingReply, Response, Target, fetch
from meshsim.cluster.programs import ProgramResult
from meshsim.dataplane import DataPlane, Namespace, NetPlace, netns
from meshsim.dns import Answer, Question
from meshsim.errors import Conflict, NotModelled
from meshsim.profile import Profile
from meshsim.shell.tools import Flavour, run_program
from meshsim.shell.tools.netns import NETNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshsim.cluster import Cluster, Machine
    from meshsim.cluster.container import Container

__all__ = ["ContainerPlace", "EnteredPlace", "MachinePlace", "run_in_container"]


class _Place:
    """What both kinds share: the cluster, and how a request is sent."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def profile(self) -> Profile:
        """The era."""
        return self.cluster.profile

    @property
    def unix_ns(self) -> int:
        """The present, in nanoseconds since 1970."""
        return self.cluster.epoch_ns + self.cluster.clock.now_ns


class MachinePlace(_Place):
    """A machine: knows its neighbours by /etc/hosts, and has no DNS server inside the simulation."""

    flavour: Flavour = "gnu"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.cluster)
        self.machine = machine

    def __repr__(self) -> str:
        return f"<MachinePlace {self.machine.name}>"

    @property
    def hostname(self) -> str:
        """The machine's name."""
        return self.machine.name

    def lookup(self, question: Question) -> Answer:
        """Refused: the machine's DNS server is outside.

        Raises:
            NotModelled: always.
        """
        raise NotModelled(
            f"the DNS server of {self.machine.name} itself is not modelled; ask from a container "
            f"(docker run --network NETWORK benhall/dig dig {question.name.removesuffix('.') or 'NAME'})"
        )

    def address_of(self, name: str) -> str:
        """The address in /etc/hosts."""
        return self.cluster.first_address(name)

    def fetch(self, target: Target) -> Response:
        """Send one request from the machine itself."""
        return fetch(self.cluster, self.machine.way_out, self.address_of(target.host), target)

    def echo(self, address: str) -> PingReply:
        """Send one echo request."""
        echo = self.machine._way_out.ping(address)
        return PingReply(address, echo.ok, echo.elapsed_ns, echo.ttl)

    def resolv_conf(self) -> str:
        """Refused: see :meth:`lookup`."""
        raise NotModelled(f"/etc/resolv.conf of {self.machine.name} itself is not modelled")

    @property
    def network(self) -> NetPlace:
        """The machine's own namespace."""
        return self.machine.way_out

    @property
    def namespaces(self) -> list[str]:
        """The files under /var/run/docker/netns."""
        plane = self.machine.way_out
        return list(netns(plane)) if isinstance(plane, DataPlane) else []

    def entered(self, path: str) -> EnteredPlace | None:
        """The machine with the namespace of ``/var/run/docker/netns/NAME`` or ``/proc/PID/ns/net``."""
        machine = self.machine
        if not isinstance(machine, Host):
            return None
        folder, _, name = path.rpartition("/")
        if folder in NETNS:
            found = netns(machine.plane).get(name)
        else:
            found = next(
                (
                    machine.plane.namespaces.get(container.endpoint_id)
                    for container in machine.engine.containers.values()
                    if container.running and path == f"/proc/{container.pid}/ns/net"
                ),
                None,
            )
        return None if found is None else EnteredPlace(machine, found)


class EnteredPlace(MachinePlace):
    """A machine's files and programs with another network namespace: what ``nsenter --net`` makes."""

    def __init__(self, machine: Machine, network: NetPlace) -> None:
        super().__init__(machine)
        self._network = network

    def __repr__(self) -> str:
        return f"<EnteredPlace {self.machine.name} in {self._network!r}>"

    @property
    def network(self) -> NetPlace:
        """The namespace entered."""
        return self._network

    def fetch(self, target: Target) -> Response:
        """Send one request from a container's namespace.

        Raises:
            NotModelled: from a balancer's, or an overlay's bridge.
        """
        return fetch(self.cluster, self._container(), self.address_of(target.host), target)

    def echo(self, address: str) -> PingReply:
        """Send one echo request from a container's namespace."""
        echo = self._container().ping(address)
        return PingReply(address, echo.ok, echo.elapsed_ns, echo.ttl)

    def _container(self) -> Namespace:
        if not isinstance(self._network, Namespace):
            raise NotModelled("connections from the engine's own namespaces are not modelled")
        return self._network


class ContainerPlace(_Place):
    """The inside of a running container."""

    def __init__(self, host: Host, container: Container) -> None:
        super().__init__(host.cluster)
        self.host = host
        self.container = container

    def __repr__(self) -> str:
        return f"<ContainerPlace {self.container.name} on {self.host.name}>"

    @property
    def flavour(self) -> Flavour:
        """Small images bring busybox's tools."""
        name = self.container.image.partition(":")[0].rpartition("/")[2]
        return "busybox" if name in ("alpine", "busybox") or "alpine" in self.container.image else "gnu"

    @property
    def hostname(self) -> str:
        """What the container calls itself."""
        return self.container.hostname

    @property
    def namespace(self) -> Namespace:
        """Its network namespace.

        Raises:
            Conflict: it does not run.
        """
        found = self.host.plane.namespaces.get(self.container.endpoint_id)
        if found is None:
            raise Conflict(f"container {self.container.id} is not running")
        return found

    def lookup(self, question: Question) -> Answer:
        """Ask 127.0.0.11."""
        return self.namespace.resolve(
            question.name,
            question.qtype,
            qclass=question.qclass,
            recursion=question.recursion,
            tcp=question.tcp,
        )

    def address_of(self, name: str) -> str:
        """The first address the embedded DNS gives."""
        return self.cluster.resolve_from(self.namespace, name)

    def fetch(self, target: Target) -> Response:
        """Send one request from inside."""
        return fetch(self.cluster, self.namespace, self.address_of(target.host), target)

    def echo(self, address: str) -> PingReply:
        """Send one echo request from inside."""
        echo = self.namespace.ping(address)
        return PingReply(address, echo.ok, echo.elapsed_ns, echo.ttl)

    def resolv_conf(self) -> str:
        """What the engine wrote into the container."""
        return self.container.names.conf(self.host.plane.servers, self.profile.resolv_conf).text

    @property
    def network(self) -> Namespace:
        """Its network namespace."""
        return self.namespace

    @property
    def namespaces(self) -> list[str]:
        """None: the engine's files are the machine's."""
        return []

    def entered(self, path: str) -> None:  # noqa: ARG002 (Place's form)
        """None: the engine's files are the machine's."""
        return


def run_in_container(cluster: Cluster, container: Container, argv: Sequence[str]) -> ProgramResult:
    """Run a program in a container at this instant: what the cluster asks the shell room for.

    Args:
        cluster: where the container lives.
        container: it must be plugged into its networks already.
        argv: the command line.

    Returns:
        What it prints, how it ends and how long it runs.
    """
    host = next(h for h in cluster.hosts.values() if container.id in h.engine.containers)
    return run_program(argv, ContainerPlace(host, container))

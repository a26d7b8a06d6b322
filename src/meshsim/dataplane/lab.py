"""Room dataplane: the data plane alone, without managers: to try it, to test it, to measure it.

Comes in: hosts, networks and containers, placed by hand. Goes out: connections. Rules of this file: a
:class:`Lab` does by hand what managers and agents do in a cluster, and decides nothing the data plane
decides; addresses climb as a swarm's do (gateway .1, then in the order things are made).
"""

from __future__ import annotations

from typing import Any

from meshsim.dataplane.gossip import Outage
from meshsim.dataplane.journal import Binding, Journal
from meshsim.dataplane.namespace import Namespace, NamespaceFacts
from meshsim.dataplane.opened import Client
from meshsim.dataplane.outcome import Failed
from meshsim.dataplane.outsider import Outsider
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.sandbox import Sandbox
from meshsim.ipam import Pool
from meshsim.model.objects import Attachment, IpamState, Network
from meshsim.model.specs import NetworkSpec
from meshsim.profile import Profile
from meshsim.sim import Clock

__all__ = ["Lab", "Wires"]


class Wires:
    """Who reaches whom: cut pairs of machines, with their history."""

    def __init__(self, clock: Clock) -> None:
        self.version = 0
        self._clock = clock
        self._spans: dict[tuple[str, str], list[Outage]] = {}

    def cut(self, a: str, b: str) -> None:
        """From now on they do not reach each other."""
        if self.reaches(a, b):
            self.version += 1
            self._spans.setdefault(_pair(a, b), []).append((self._clock.now_ns, None))

    def mend(self, a: str, b: str) -> None:
        """They reach each other again."""
        if not self.reaches(a, b):
            self.version += 1
            spans = self._spans[_pair(a, b)]
            start_ns, _ = spans.pop()
            if start_ns < self._clock.now_ns:
                spans.append((start_ns, self._clock.now_ns))

    def reaches(self, a: str, b: str) -> bool:
        """Whether a packet gets through now."""
        spans = self._spans.get(_pair(a, b))
        return not spans or spans[-1][1] is not None

    def outages(self, a: str, b: str) -> list[Outage]:
        """When they did not reach each other."""
        return self._spans.get(_pair(a, b), [])


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


class Lab:
    """Hosts host01, host02 ... at 192.168.65.11 ..., all on the ingress network.

    Args:
        hosts: how many.
        profile: default ``Profile()``.
        plane: further arguments of every :class:`DataPlane`.

    >>> lab = Lab(2)
    >>> for slot in (1, 2):
    ...     task = lab.start(f"web.{slot}", f"host0{slot}", service="web", publish=[("tcp", 81, 80)])
    >>> lab.run(1)
    >>> lab.reached("host01", "192.168.65.11:81", 4)
    ['web.2', 'web.1', 'web.2', 'web.1']
    """

    def __init__(self, hosts: int = 2, *, profile: Profile | None = None, **plane: Any) -> None:
        self.clock = Clock()
        self.profile = profile or Profile()
        self.links = Wires(self.clock)
        self.journal = Journal(self.clock)
        self.planes: dict[str, DataPlane] = {}
        self.networks: dict[str, Network] = {}
        self.outsiders: dict[str, Outsider] = {}
        self.listening: dict[str, tuple[tuple[str, int], ...]] = {}
        self.listeners = 0
        self._plane_arguments = plane
        self._pools: dict[str, Pool] = {}
        self._vips: dict[tuple[str, str], str] = {}
        self._bindings: dict[str, list[Binding]] = {}
        self.add_network("ingress", ingress=True)
        for _ in range(hosts):
            self.add_host()

    # -- what the data plane asks of its world

    def plane_at(self, address: str) -> DataPlane | None:
        """The host with that address."""
        return next((plane for plane in self.planes.values() if plane.address == address), None)

    def machine_at(self, address: str) -> str | None:
        """The host or laptop with that address."""
        plane = self.plane_at(address)
        if plane is not None:
            return plane.name
        return next((name for name, machine in self.outsiders.items() if machine.address == address), None)

    def address_of(self, machine: str) -> str:
        """The address of a host or laptop; empty when there is none."""
        found = self.planes.get(machine) or self.outsiders.get(machine)
        return found.address if found else ""

    def listener(self, endpoint_id: str, protocol: str, port: int) -> bool | None:
        """Whether a container listens."""
        listening = self.listening.get(endpoint_id)
        return None if listening is None else (protocol, port) in listening

    # -- making things

    def add_host(self) -> DataPlane:
        """One host more, at once on ingress."""
        number = len(self.planes) + 1
        name = f"host{number:02d}"
        plane = self.planes[name] = DataPlane(
            name,
            f"192.168.65.{10 + number}",
            clock=self.clock,
            profile=self.profile,
            journal=self.journal,
            world=self,
            **self._plane_arguments,
        )
        self.join("ingress", name)
        return plane

    def add_outsider(self, name: str = "laptop", address: str = "192.168.65.200") -> Outsider:
        """A machine without engine."""
        machine = Outsider(name, address, clock=self.clock, profile=self.profile, world=self)
        self.outsiders[name] = machine
        return machine

    def add_network(
        self,
        name: str,
        *,
        ingress: bool = False,
        internal: bool = False,
        options: dict[str, str] | None = None,
    ) -> Network:
        """An overlay, allocated: the next 10.0.N.0/24."""
        pool = self._pools[name] = Pool(f"10.0.{len(self.networks)}.0/24")
        spec = NetworkSpec(name, ingress=ingress, internal=internal, options=options or {})
        ipam = (IpamState(pool.subnet, pool.take_gateway()),)
        network = Network(f"{name}-{'0' * 24}"[:25], spec=spec, ipam=ipam)
        self.networks[name] = network
        return network

    def join(self, network: str, host: str) -> Sandbox:
        """Let a host take part in a network; the sandbox it has there."""
        plane, wanted = self.planes[host], self.networks[network]
        there = plane.sandboxes.get(wanted.id)
        return there or plane.materialise(wanted, self._pools[network].any())

    def sandbox(self, network: str, host: str) -> Sandbox:
        """The sandbox of a host for a network, as it is now."""
        sandbox = self.planes[host].sandboxes[self.networks[network].id]
        sandbox.bring_up(self.clock.now_ns)
        return sandbox

    def vip(self, service: str, network: str) -> str:
        """The service's virtual address; given out when first asked for."""
        key = (service, network)
        if key not in self._vips:
            self._vips[key] = self._pools[network].any()
        return self._vips[key]

    # -- containers

    def start(
        self,
        name: str,
        host: str,
        *networks: str,
        service: str = "",
        publish: list[tuple[str, int, int]] | None = None,
        listen: tuple[tuple[str, int], ...] = (("tcp", 80),),
        dnsrr: bool = False,
        known: bool = True,
        aliases: tuple[str, ...] = (),
        **namespace: Any,
    ) -> Namespace:
        """Run a container, its process up.

        Args:
            name: of the container; also what :meth:`reached` answers.
            host: where.
            networks: overlays it is attached to.
            service: the service it is a task of; none for a plain container.
            publish: (protocol, published, target) of the service, which puts it on ingress.
            listen: (protocol, port) it listens on.
            dnsrr: the service has no virtual addresses.
            known: whether gossip tells of it at once; False as while a health check has not passed.
            aliases: further names of the service.
            namespace: further :class:`NamespaceFacts` of it.
        """
        wanted = [*(["ingress"] if publish else []), *networks]
        vips = {net: self.vip(service, net) if service and not dnsrr else "" for net in wanted}
        places = {net: self._pools[net].any() for net in wanted}
        for net in wanted:
            self.join(net, host)
        container_id = f"{name:0<64}"
        there = tuple([Attachment(self.networks[net].id, address) for net, address in places.items()])
        self.planes[host].add_namespace(NamespaceFacts(name, name, container_id, there, **namespace))
        self.listen(name, *listen)
        self._bindings[name] = [
            Binding(
                name,
                self.networks[net].id,
                host,
                address,
                name,
                container_id[:12],
                "",
                (),
                f"id of {service}" if service else "",
                service,
                aliases,
                vips[net],
                tuple(publish or ()) if net == "ingress" else (),
            )
            for net, address in sorted(places.items())  # as the engine goes through them: by name
        ]
        if known:
            self.tell(name)
        return self.planes[host].namespaces[name]

    def listen(self, name: str, *ports: tuple[str, int]) -> None:
        """Its process listens on these (protocol, port) and no others."""
        self.listening[name] = ports
        self.listeners += 1

    def die(self, name: str) -> None:
        """Its process is gone."""
        del self.listening[name]
        self.listeners += 1

    def tell(self, name: str) -> None:
        """Gossip tells of the container."""
        for binding in self._bindings[name]:
            self.journal.send(binding)

    def drain(self, name: str) -> None:
        """Orderly stop, first moment: weight 0 and its own names gone; the process runs on."""
        for binding in self._bindings[name]:
            self.journal.send(binding.as_disabled())

    def stop(self, name: str) -> None:
        """The process has ended: namespace gone, rows withdrawn, addresses free."""
        for plane in self.planes.values():
            plane.remove_namespace(name)
        for binding in self._bindings.pop(name):
            self.journal.withdraw(binding.network_id, name)
            network = next(n for n, net in self.networks.items() if net.id == binding.network_id)
            self._pools[network].release(binding.address)
        self.die(name)

    # -- faults and time

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_for(round(seconds * 1_000_000_000))

    def crash(self, host: str) -> None:
        """Power off: nobody reaches the host."""
        for other in [*self.planes, *self.outsiders]:
            if other != host:
                self.links.cut(host, other)

    def partition(self, *sides: list[str]) -> None:
        """Cut the network into sides."""
        for index, side in enumerate(sides):
            for other in sides[index + 1 :]:
                for a in side:
                    for b in other:
                        self.links.cut(a, b)

    def heal(self) -> None:
        """Everybody reaches everybody again."""
        machines = [*self.planes, *self.outsiders]
        for index, a in enumerate(machines):
            for b in machines[index + 1 :]:
                self.links.mend(a, b)

    # -- looking

    def reached(self, client: str | Client, target: str, times: int = 1, **options: Any) -> list[str]:
        """Which containers a number of connections reach, each closed at once; a failure shows its kind."""
        start = self.planes[client] if isinstance(client, str) else client
        address, _, port = target.rpartition(":")
        found: list[str] = []
        for _ in range(times):
            outcome = start.connect(address, int(port), **options)
            if isinstance(outcome, Failed):
                found.append(outcome.kind)
            else:
                found.append(outcome.endpoint_id)
                outcome.close()
        return found

    def check(self) -> None:
        """Assert what must always hold."""
        self.journal.check()
        for plane in self.planes.values():
            plane.check()

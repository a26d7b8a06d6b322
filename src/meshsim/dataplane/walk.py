"""Room dataplane: the walk of a connection's first packet, hop by hop.

Comes in: a client (a host, a container, an outside machine), an address and a port. Goes out:
:class:`~meshsim.dataplane.opened.Opened`, or :class:`~meshsim.dataplane.outcome.Failed`. Rules of this file:
each method is one place on the way and ends in the next; no exception on the good path; a trace is told
only when asked for.

Source: moby daemon/libnetwork/service_linux.go (rules of ingress and sandboxes), the hop lists recorded
from a running swarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshsim.dataplane import explain
from meshsim.dataplane.opened import Arrival, Balanced, Opened
from meshsim.dataplane.outcome import Failed, Failure
from meshsim.dataplane.subnet import check_address
from meshsim.dataplane.telling import Telling
from meshsim.dataplane.trace import Step, Trace
from meshsim.errors import BadValue, NotModelled
from meshsim.ipvs import HANDSHAKE, Direction, Flow, Outcome, Segment, Steps

if TYPE_CHECKING:
    from meshsim.dataplane.journal import Binding
    from meshsim.dataplane.namespace import Namespace, Place
    from meshsim.dataplane.opened import Client
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere

__all__ = ["Walk"]

#: when an unanswered SYN is sent again, after the first.
#: Source: linux net/ipv4/tcp_timer.c, tcp_syn_retries 6
SYN_RETRIES_NS = tuple(seconds * 1_000_000_000 for seconds in (1, 3, 7, 15, 31, 63))

_REFUSAL: Steps = ((Direction.OUTPUT, Segment.RST),)


class Walk(Telling):
    """One attempt to connect.

    Attributes:
        client, address, port, protocol, source_port: what is tried.
        steps: filled as the packet goes; None when no trace is wanted.
        outcome: what the balancer on the way has said already; None when it is still to be asked.
        one_way_ns: the way so far.
    """

    __slots__ = ("now_ns", "one_way_ns", "outcome", "source_port")

    def __init__(
        self,
        client: Client,
        address: str,
        port: int,
        *,
        protocol: str = "tcp",
        source_port: int,
        steps: list[Step] | None,
        outcome: Outcome | None = None,
    ) -> None:
        self.client = client
        self.address = address
        self.port = port
        self.protocol = protocol
        self.source_port = source_port
        self.steps = steps
        self.outcome = outcome
        self.now_ns = client.clock.now_ns
        self.one_way_ns = 0

    def go(self) -> Opened | Failed:
        """Walk it.

        Raises:
            BadValue: no address, no port.
            NotModelled: SCTP, or IPv6 other than ``::1``.
        """
        if self.protocol not in ("tcp", "udp"):
            raise NotModelled(f"connections over {self.protocol} are not modelled, only tcp and udp")
        check_address(self.address)
        for port in (self.port, self.source_port):
            if not isinstance(port, int) or not 0 < port < 65536:
                raise BadValue(f"not a port: {port!r}", str(port))
        return self.from_container() if self.client.inside else self.from_machine()

    # -- from a machine

    def from_machine(self) -> Opened | Failed:
        """The client is a host itself, or a machine without engine."""
        client, address = self.client, self.address
        world = client.world
        own = client.plane
        if ":" in address:
            return self._ipv6(own)
        if address.startswith("127."):
            return self._without_engine(client.machine) if own is None else self._at_host(own, "")
        plane = world.plane_at(address)
        if plane is None:
            machine = world.machine_at(address)
            return self._unknown() if machine is None else self._without_engine(machine)
        if plane is own:
            return self._at_host(plane, "")
        self._tell_left(self._own_address(), local=False)
        if not world.links.reaches(client.machine, plane.name):
            return self._fail("timeout", f"{plane.name} does not answer", client.profile.connect_timeout_ns)
        return self._at_host(plane, self._lan_address())

    def _lan_address(self) -> str:
        """Leave for another machine: the address it will see."""
        self.one_way_ns += self.client.profile.lan_latency_ns
        return cast(str, getattr(self.client, "address", ""))

    def _ipv6(self, own: DataPlane | None) -> Opened | Failed:
        """``[::1]``: the engine holds the port so that nobody takes it, and never accepts."""
        profile = self.client.profile
        self._tell_left("::1", local=True)
        if own is not None:
            ingress = own.ingress
            if ingress is not None:
                ingress.bring_up(self.now_ns)
                if (self.protocol, self.port) in ingress.ports:
                    why = (
                        f"the engine's placeholder on [::]:{self.port} takes the connection and never answers"
                    )
                    if self.steps is not None:
                        self.steps.append((explain.placeholder, (own.name, self.port)))
                    return self._fail("hang", why, profile.connect_timeout_ns)
            mapped = own.host_ports.get((self.protocol, self.port))
            if mapped is not None:  # docker-proxy listens on both families
                return self._host_mode(own, "", *mapped)
        return self._fail("refused", f"nobody listens on [::1]:{self.port}", 2 * profile.local_latency_ns)

    def _unknown(self) -> Failed:
        """Nobody has the address."""
        self._tell_left(self._own_address(), local=False)
        if self.client.plane is not None and self._is_overlay(self.client.plane):
            why = f"the host itself has no route into the overlay of {self.address}"
            return self._fail("unreachable", why, 0)
        return self._fail("unreachable", f"nobody has {self.address}", self.client.profile.arp_timeout_ns)

    def _is_overlay(self, plane: DataPlane) -> bool:
        return any(sandbox.covers(self.address) for sandbox in plane.sandboxes.values())

    def _without_engine(self, machine: str) -> Failed:
        """A machine where no container runs: it refuses, when it can be reached."""
        client = self.client
        self._tell_left(self._own_address(), local=machine == client.machine)
        if not client.world.links.reaches(client.machine, machine):
            return self._fail("timeout", f"{machine} does not answer", client.profile.connect_timeout_ns)
        if machine != client.machine:
            self.one_way_ns += client.profile.lan_latency_ns
        return self._fail("refused", f"nobody listens on {machine}", self._round_trip())

    # -- at the host that has the address

    def _at_host(self, plane: DataPlane, source: str) -> Opened | Failed:
        """A published port of that host: the routing mesh, or a host-mode port, or nobody.

        ``source`` is empty for the host itself: then it is its address on the bridge the packet leaves by.
        """
        own = plane is self.client.plane
        if own:
            self.one_way_ns += self.client.profile.local_latency_ns
            self._tell_left(source or self._own_address(), local=True)
        ingress = plane.ingress
        if ingress is not None:
            ingress.bring_up(self.now_ns)
            here = ingress.service_on(self.protocol, self.port)
            if here is not None:
                return self._ingress(plane, ingress, here, source, own=own)
        mapped = plane.host_ports.get((self.protocol, self.port))
        if mapped is not None:
            return self._host_mode(plane, source, *mapped)
        why = (
            f"no service publishes {self.protocol} port {self.port} on {plane.name}, and no container either"
        )
        return self._fail("refused", why, self._round_trip())

    def _ingress(
        self, plane: DataPlane, sandbox: Sandbox, here: ServiceHere, source: str, *, own: bool
    ) -> Opened | Failed:
        """Through the ingress sandbox of the host that was called."""
        before, source = source or self._own_address(), source or plane.gateway
        flow = Flow(self.protocol, (source, self.source_port), (sandbox.entry_address, self.port))
        if self.steps is not None:
            entry = sandbox.entry_address
            self.steps.append((explain.dnat, (plane.name, before, entry, self.protocol, self.port, own)))
            if source != before:
                self.steps.append((explain.masked, (plane.name, source, explain.at(entry, self.port))))
        return self._balance(plane, sandbox, here, flow)

    def _host_mode(self, plane: DataPlane, source: str, endpoint_id: str, target: int) -> Opened | Failed:
        """Ordinary port mapping: no balancer, the client's address stays."""
        mapped = plane.namespaces.facts[endpoint_id]
        before, source = source or self._own_address(), source or plane.facing(mapped)
        if self.steps is not None:
            to = explain.at(mapped.gateway_address, target)
            self.steps.append((explain.mapped, (plane.name, before, self.port, mapped.name, to)))
            if source != before:
                self.steps.append((explain.masked, (plane.name, source, to)))
        return self._arrive(endpoint_id, mapped.name, plane.name, source, target, plane.name)

    # -- from a container

    def from_container(self) -> Opened | Failed:
        """The client is inside a container."""
        namespace = cast("Namespace", self.client)
        plane, address = namespace.plane, self.address
        if address.startswith("127.") or address == "::1":
            return self._itself(namespace, "127.0.0.1")
        for place in namespace.places.values():
            if place.address == address:
                return self._itself(namespace, address)
            sandbox = plane.sandboxes.get(place.network_id)
            if sandbox is not None:
                if sandbox.covers(address):
                    sandbox.bring_up(self.now_ns)
                    return self._overlay(namespace, place, sandbox)
            elif place.network_id not in plane.bridges:
                return self._fail("unreachable", f"{plane.name} is not on {place.network} any more", 0)
            elif plane.bridges[place.network_id].covers(address):
                return self._bridge(namespace, place)
        return self._outside(namespace)

    def _itself(self, namespace: Namespace, address: str) -> Opened | Failed:
        return self._arrive(
            namespace.endpoint_id, namespace.name, namespace.machine, address, self.port, namespace.machine
        )

    def _overlay(self, namespace: Namespace, place: Place, sandbox: Sandbox) -> Opened | Failed:
        """To an address of a network the container is on."""
        plane = namespace.plane
        profile = plane.profile
        here = sandbox.service_at(self.address)
        self.one_way_ns += profile.local_latency_ns
        self._tell_left(place.address, local=True)
        if sandbox.ingress:
            why = "tasks drop everything on the ingress network but their published ports"
            return self._fail("timeout", why, profile.connect_timeout_ns)
        if here is not None:
            own = sandbox.known.get(place.address)
            if sandbox.dsr and own is not None and own.vip == self.address:
                return self._itself(namespace, self.address)  # the address is on its own loopback
            flow = Flow(self.protocol, (place.address, self.source_port), (self.address, self.port))
            return self._balance(plane, sandbox, here, flow)
        binding = sandbox.known.get(self.address)
        if binding is not None:
            return self._to_task(plane, sandbox, binding, place.address)
        if self.address in plane.journal.peers(sandbox.network_id).values():
            return self._fail("refused", "a balancer's own address: nobody listens there", self._round_trip())
        why = f"nobody on {sandbox.network} answers for {self.address}"
        return self._fail("unreachable", why, profile.arp_timeout_ns)

    def _to_task(self, plane: DataPlane, sandbox: Sandbox, binding: Binding, source: str) -> Opened | Failed:
        """Straight to a task or container: no balancer, the client's own address."""
        self._tell_overlay(plane, sandbox, binding, source)
        lost = self._cross(plane, binding)
        if lost is not None:
            return lost
        self._tell_delivered(binding, source, self.port)
        return self._arrive(binding.endpoint_id, binding.name, binding.node, source, self.port, plane.name)

    def _bridge(self, namespace: Namespace, place: Place) -> Opened | Failed:
        """To an address of a local network."""
        plane = namespace.plane
        self.one_way_ns += plane.profile.local_latency_ns
        other = plane.bridges[place.network_id].known.get(self.address)
        if other is not None:
            name = plane.namespaces.facts[other].name
            return self._arrive(other, name, plane.name, place.address, self.port, plane.name)
        if self.address == plane.bridges[place.network_id].gateway:
            return self._at_host(plane, place.address)
        why = f"nobody on {place.network} answers for {self.address}"
        return self._fail("unreachable", why, plane.profile.arp_timeout_ns)

    def _outside(self, namespace: Namespace) -> Opened | Failed:
        """By the default gateway: the own host, another host, or nobody."""
        plane = namespace.plane
        if not namespace.gateway_address:
            return self._fail("unreachable", "the container has no way out: its networks are internal", 0)
        world = plane.world
        target = plane if self.address == plane.gateway else world.plane_at(self.address)
        if target is plane:
            return self._at_host(plane, namespace.gateway_address)
        if target is None:
            machine = world.machine_at(self.address)
            if machine is not None:
                return self._without_engine(machine)
            why = f"nobody answers for {self.address}"
            return self._fail("timeout", why, plane.profile.connect_timeout_ns)
        if not world.links.reaches(plane.name, target.name):
            return self._fail("timeout", f"{target.name} does not answer", plane.profile.connect_timeout_ns)
        self.one_way_ns += plane.profile.local_latency_ns + plane.profile.lan_latency_ns
        self._tell_left(namespace.gateway_address, local=False)
        if self.steps is not None:
            to = explain.at(self.address, self.port)
            self.steps.append((explain.masked, (plane.name, plane.address, to)))
        return self._at_host(target, plane.address)

    # -- through a balancer

    def _balance(self, plane: DataPlane, sandbox: Sandbox, here: ServiceHere, flow: Flow) -> Opened | Failed:
        """A sandbox's IPVS chooses, and hides the client."""
        outcome = self.outcome
        if outcome is None:
            outcome = sandbox.table.route(flow, self.now_ns, here.mark)
        self._tell_balance(plane, sandbox, here, flow, outcome)
        destination = outcome.destination
        if destination is None:
            why = f"every task of {here.service_name} has weight 0: {outcome.reason}"
            return self._fail("refused", why, self._round_trip())
        # A destination is in the table as long as its row is known.
        binding = sandbox.known[destination.address]
        peer = flow.source[0] if sandbox.dsr else sandbox.lb_address
        if self.steps is not None and not sandbox.dsr:
            to = explain.at(binding.address, self.port)
            own = (plane.name, sandbox.namespace, sandbox.network, peer, to)
            self.steps.append((explain.hidden, own))
        self._tell_overlay(plane, sandbox, binding, peer)
        lost = self._cross(plane, binding)
        if lost is not None:
            return lost.again(_syn_after(sandbox.view.fails_at(binding.node), self.now_ns))
        target: int | None = self.port
        if sandbox.ingress:
            target = sandbox.targets.get((binding.address, self.protocol, self.port))
        self._tell_delivered(binding, peer, target)
        if target is None:
            why = f"port {self.port} is none of this task's published ports"
            return self._fail("timeout", why, plane.profile.connect_timeout_ns)
        reached = self._arrive(binding.endpoint_id, binding.name, binding.node, peer, target, plane.name)
        if isinstance(reached, Opened):
            fresh = outcome.reason == "scheduled"
            reached.through(Balanced(plane, sandbox, here, flow, destination, fresh))
        self._settle(sandbox, here, flow, reached)
        return reached

    def _settle(self, sandbox: Sandbox, here: ServiceHere, flow: Flow, reached: Opened | Failed) -> None:
        """Let the balancer see how the handshake ended."""
        tcp = flow.protocol == "tcp"
        if isinstance(reached, Opened):
            if tcp:
                sandbox.table.follow(flow, self.now_ns, HANDSHAKE, here.mark)
        elif tcp and reached.kind == "refused":
            sandbox.table.follow(flow, self.now_ns, _REFUSAL, here.mark)

    # -- common

    def _cross(self, plane: DataPlane, binding: Binding) -> Failed | None:
        """From one host of an overlay to another."""
        profile = plane.profile
        if binding.node == plane.name:
            self.one_way_ns += profile.local_latency_ns
            return None
        if not plane.world.links.reaches(plane.name, binding.node):
            why = f"{plane.name} does not reach {binding.node}, and does not know it yet"
            return self._fail("timeout", why, profile.connect_timeout_ns)
        self.one_way_ns += profile.lan_latency_ns
        return None

    def _arrive(
        self, endpoint_id: str, name: str, node: str, peer: str, target: int, entry: str
    ) -> Opened | Failed:
        """Inside a container."""
        there = self.client.world.listener(endpoint_id, self.protocol, target)
        if there is None:
            why = f"{name} runs no more, and {entry} does not know it yet"
            return self._fail("timeout", why, self.client.profile.connect_timeout_ns)
        if not there:
            return self._fail("refused", f"nobody listens on port {target} of {name}", self._round_trip())
        steps = () if self.steps is None else tuple(self.steps)
        arrival = Arrival(endpoint_id, name, node, target, peer, self._round_trip(), steps)
        opened = Opened(self.client, self.protocol, self.source_port, self.address, self.port, arrival, entry)
        if self.steps is not None:
            opened.trace = arrival.trace(self.source_port)
        return opened

    def _round_trip(self) -> int:
        return 2 * self.one_way_ns

    def _fail(self, kind: Failure, why: str, elapsed_ns: int) -> Failed:
        steps = self.steps
        trace = None if steps is None else Trace(tuple(steps), self.source_port, f"{kind}: {why}")
        return Failed(kind, why, elapsed_ns, trace)


def _syn_after(moment_ns: int | None, now_ns: int) -> int:
    """The first SYN retransmission not before a moment; 0 when there is none."""
    if moment_ns is None:
        return 0
    return next((retry_ns for retry_ns in SYN_RETRIES_NS if now_ns + retry_ns >= moment_ns), 0)

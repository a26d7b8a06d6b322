"""Room dataplane: an open connection, used again and closed.

Comes in: what the walk found. Goes out: :class:`Opened`, and what its user experiences when something on
the way has changed. Rules of this file: time does not advance here, ``elapsed_ns`` says how long a thing
took; no exception, a lost connection is a :class:`~meshsim.dataplane.outcome.Failed`. It does not know what
a container answers.

Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook; recorded keep-alive connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, cast

from attrs import frozen

from meshsim.dataplane.outcome import Echo, Failed
from meshsim.dataplane.trace import Step, Trace
from meshsim.ipvs import CLOSE_BY_CLIENT, CLOSE_BY_SERVER, EXCHANGE, Destination, Flow
from meshsim.model.frozen import Frozen
from meshsim.profile import Profile
from meshsim.sim import Clock

if TYPE_CHECKING:
    from meshsim.dataplane.namespace import Namespace
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.ports import EphemeralPorts
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere
    from meshsim.dataplane.visit import Visit, Way
    from meshsim.dataplane.world import World

__all__ = ["Arrival", "Balanced", "Client", "Opened"]

#: first retransmission of data on an established connection; each further one waits twice as long.
#: Source: linux include/net/tcp.h TCP_RTO_MIN
RTO_NS = 200_000_000

#: after so long without an answer Linux gives up an established connection (tcp_retries2 15).
#: Source: linux Documentation/networking/ip-sysctl.rst tcp_retries2
GIVE_UP_NS = 924_600_000_000


class Client(Protocol):
    """Where a connection starts: :class:`DataPlane`, :class:`Namespace` or :class:`Outsider`."""

    #: whether it is inside a container
    inside: ClassVar[bool]

    @property
    def machine(self) -> str:
        """Name of the machine it is on."""

    @property
    def clock(self) -> Clock:
        """The cluster's clock."""

    @property
    def profile(self) -> Profile:
        """The cluster's profile."""

    @property
    def world(self) -> World:
        """The other machines."""

    @property
    def plane(self) -> DataPlane | None:
        """The engine of that machine; None without one."""

    @property
    def ports(self) -> EphemeralPorts:
        """Its source ports."""

    #: ways that were walked before
    ways: dict[tuple[str, int], Way]

    def connect(
        self, address: str, port: int, *, protocol: str = "tcp", source_port: int = 0, trace: bool = False
    ) -> Opened | Failed:
        """Open a connection from there."""

    def visit(self, address: str, port: int, *, source_port: int = 0, trace: bool = False) -> Visit | Failed:
        """Open a connection from there, send one request, close."""

    def ping(self, address: str) -> Echo:
        """Send one echo request from there."""


@frozen(slots=True)
class Arrival(Frozen):
    """Where a way ends; shared by all connections that go the same way to the same container.

    Attributes:
        endpoint_id, name, node: the task or container reached, its name, its host.
        target_port: the port inside it.
        peer: the client's address as the container sees it.
        round_trip_ns: of the opening, and of every request and its answer.
        steps: of the way; empty when nobody asked for a trace.
    """

    endpoint_id: str
    name: str
    node: str
    target_port: int
    peer: str
    round_trip_ns: int
    steps: tuple[Step, ...] = ()

    def trace(self, source_port: int) -> Trace:
        """The trace of one connection."""
        who = f"{self.name or self.endpoint_id} on {self.node}"
        sees = f"answers on port {self.target_port} and sees {self.peer}:{source_port}"
        return Trace(self.steps, source_port, f"{who} {sees}")


class Balanced(NamedTuple):
    """The balancer a connection goes through: on which host, for which service, known by which flow."""

    plane: DataPlane
    sandbox: Sandbox
    here: ServiceHere
    flow: Flow
    chosen: Destination
    fresh: bool  # whether it was scheduled for this connection, not known from an earlier one


class Opened:
    """An open connection (or a UDP flow) to one container.

    Attributes:
        client: who opened it.
        protocol: ``tcp`` or ``udp``.
        source_port: of the client; the container sees the same.
        address, port: what the client called.
        arrival: who was reached, and how.
        trace: the hops, when they were asked for.
        balanced: the balancer on the way; None without.
        over: what everybody hears who uses it after it was lost; None while it stands.
    """

    ok: ClassVar[bool] = True

    __slots__ = (
        "_entry",
        "_faults",
        "_since_ns",
        "_sure",
        "address",
        "arrival",
        "balanced",
        "client",
        "over",
        "port",
        "protocol",
        "source_port",
        "trace",
    )

    def __init__(
        self,
        client: Client,
        protocol: str,
        source_port: int,
        address: str,
        port: int,
        arrival: Arrival,
        entry: str,
    ) -> None:
        self.client = client
        self.protocol = protocol
        self.source_port = source_port
        self.address = address
        self.port = port
        self.arrival = arrival
        self.trace: Trace | None = None
        self._entry = entry  # the machine that balances, or that is entered
        self.balanced: Balanced | None = None
        self.over: Failed | None = None
        self._since_ns = client.clock.now_ns
        self._faults = client.world.links.version
        self._sure = (-1, -1)  # versions of the wires and of who listens at which nobody was lost or gone

    def __repr__(self) -> str:
        return (
            f"<Opened {self.protocol} {self.address}:{self.port} at {self.endpoint_id} on {self.node}, "
            f"seen from {self.peer}:{self.source_port}>"
        )

    @property
    def endpoint_id(self) -> str:
        """The task or container reached."""
        return self.arrival.endpoint_id

    @property
    def node(self) -> str:
        """Its host."""
        return self.arrival.node

    @property
    def target_port(self) -> int:
        """The port inside it."""
        return self.arrival.target_port

    @property
    def peer(self) -> str:
        """The client's address as the container sees it."""
        return self.arrival.peer

    @property
    def round_trip_ns(self) -> int:
        """Of every request and its answer."""
        return self.arrival.round_trip_ns

    @property
    def elapsed_ns(self) -> int:
        """How long the opening took: one round trip; a UDP flow needs none."""
        return self.arrival.round_trip_ns if self.protocol == "tcp" else 0

    @property
    def hung_up(self) -> bool:
        """Whether the far end has closed it (end of file): its program has ended, and could say so.

        A machine that lost power says nothing. Who sends on a closed connection is told by a reset.
        """
        world = self.client.world
        if self.protocol == "udp" or world.listener(self.endpoint_id, "tcp", self.target_port):
            return False
        reaches = world.links.reaches
        return reaches(self.client.machine, self._entry) and reaches(self._entry, self.node)

    def send(self, *, bytes_in: int = 0, bytes_out: int = 0) -> Failed | None:
        """Send a request (or a datagram) and let the answer come back.

        Args:
            bytes_in: size of the request, for the balancer's statistics.
            bytes_out: size of the answer.

        Returns:
            None when it got through, else what the client experiences. A TCP connection that was lost
            stays lost, whatever comes back; a UDP flow goes on.
        """
        client = self.client
        world = client.world
        now = world.links.version, world.listeners
        sure = now == self._sure
        if (client.inside or not sure) and self._gone():
            self.over = _GONE
        if self.protocol == "udp":
            return self.over or self._datagram()
        failed = self.over or (None if sure else self._lost(now)) or self._forgotten()
        if failed is not None:
            self.over = self.over or _OVER
            return failed
        if self.balanced is not None and (bytes_in or bytes_out):
            table, flow = self.balanced.sandbox.table, self.balanced.flow
            table.account(flow, bytes_in=bytes_in, bytes_out=bytes_out)
        return None

    def close(self, *, by_server: bool = False) -> None:
        """End it by FIN; the balancer remembers it for 120 s more. A UDP flow just stops."""
        if self.balanced is not None and self.protocol == "tcp":
            _, sandbox, here, flow, *_ = self.balanced
            now_ns = self.client.clock.now_ns
            sandbox.bring_up(now_ns)
            sandbox.table.follow(flow, now_ns, CLOSE_BY_SERVER if by_server else CLOSE_BY_CLIENT, here.mark)

    def through(self, balanced: Balanced) -> None:
        """Note the balancer it goes through, and whom that chose (the walk does)."""
        self.balanced = balanced

    def _gone(self) -> bool:
        """Whether who opened it is gone: its container ended, or its machine lost power meanwhile."""
        client = self.client
        if client.inside:
            namespace = cast("Namespace", client)
            return namespace.over
        links, machine = client.world.links, client.machine
        if links.version == self._faults:
            return False
        return any(until is None or until > self._since_ns for _, until in links.outages(machine, machine))

    def _datagram(self) -> Failed | None:
        """Every datagram finds its own way; the entry keeps the flow where it is while it lives."""
        again = self.client.connect(self.address, self.port, protocol="udp", source_port=self.source_port)
        if isinstance(again, Failed):
            return again
        self.arrival = again.arrival
        return None

    def _lost(self, now: tuple[int, int]) -> Failed | None:
        """Nobody answers: a machine on the way is down or cut off, or the process is gone.

        Where nobody was lost nobody will be while the wires and who listens are as they are now.
        """
        client, world = self.client, self.client.world
        sandbox = None if self.balanced is None else self.balanced.sandbox
        reaches = world.links.reaches
        if not reaches(client.machine, self._entry):
            return Failed("timeout", f"{client.machine} does not reach {self._entry}", GIVE_UP_NS)
        if sandbox is not None:
            sandbox.bring_up(client.clock.now_ns)
        if not reaches(self._entry, self.node):
            why = f"{self._entry} does not reach {self.node}"
            removed_ns = None if sandbox is None else sandbox.view.fails_at(self.node)
            if removed_ns is None:
                return Failed("timeout", why, GIVE_UP_NS)
            why = f"{why}; once its entry is gone the next retransmission is answered by RST"
            return Failed("reset", why, _retransmission(removed_ns - client.clock.now_ns))
        if world.listener(self.endpoint_id, self.protocol, self.target_port) is None:
            return Failed("reset", f"the container on {self.node} has stopped", self.round_trip_ns)
        self._sure = now
        return None

    def _forgotten(self) -> Failed | None:
        """Request and answer pass the balancer, unless it knows the connection no more.

        Its destination was removed then, or the connection was idle too long.
        """
        if self.balanced is None:
            return None
        plane, sandbox, here, flow, _, _ = self.balanced
        now_ns = self.client.clock.now_ns
        sandbox.bring_up(now_ns)
        if plane.sandboxes.get(sandbox.network_id) is not sandbox:
            why = f"{self._entry} has started anew and knows of no connection"
            return Failed("reset", why, self.round_trip_ns)
        outcome = sandbox.table.follow(flow, now_ns, EXCHANGE, here.mark)
        if outcome.destination is not None:
            return None
        why = (
            f"{sandbox.namespace} of {self._entry}: {outcome.reason} (idle for too long, or its task is gone)"
        )
        return Failed("reset", why, self.round_trip_ns)


_GONE = Failed("reset", "who opened the connection is gone", 0)
_OVER = Failed("reset", "the connection was lost before", 0)


def _retransmission(wait_ns: int) -> int:
    """When the first retransmission at least ``wait_ns`` after the request is sent."""
    after_ns, step_ns = RTO_NS, RTO_NS
    while after_ns < wait_ns:
        step_ns *= 2
        after_ns += step_ns
    return after_ns

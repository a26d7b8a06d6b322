"""Room dataplane: an open connection, used again and closed.

Comes in: what the walk found. Goes out: :class:`Opened`, and what its user experiences when something on
the way has changed. Rules of this file: time does not advance here, ``elapsed_ns`` says how long a thing
took; no exception, a lost connection is a :class:`~meshsim.dataplane.outcome.Failed`. It does not know what
a container answers.

Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook; recorded keep-alive connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from meshsim.dataplane.outcome import Echo, Failed
from meshsim.dataplane.trace import Trace
from meshsim.ipvs import CLOSE_BY_CLIENT, CLOSE_BY_SERVER, Flow
from meshsim.profile import Profile
from meshsim.sim import Clock

if TYPE_CHECKING:
    from meshsim.dataplane.plane import DataPlane, World
    from meshsim.dataplane.ports import EphemeralPorts
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere

__all__ = ["Client", "Opened"]

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

    def connect(
        self, address: str, port: int, *, protocol: str = "tcp", source_port: int = 0, trace: bool = False
    ) -> Opened | Failed:
        """Open a connection from there."""

    def ping(self, address: str) -> Echo:
        """Send one echo request from there."""


class Opened:
    """An open connection (or a UDP flow) to one container.

    Attributes:
        client: who opened it.
        protocol: ``tcp`` or ``udp``.
        source_port: of the client.
        address, port: what the client called.
        endpoint_id, node: the task or container reached, and its host.
        target_port: the port inside it.
        peer: the client's address as the container sees it; the port it sees is ``source_port``.
        elapsed_ns: how long the opening took: one round trip (UDP: none).
        round_trip_ns: of every request and its answer.
        trace: the hops, when they were asked for.
    """

    ok: ClassVar[bool] = True

    __slots__ = (
        "_entry",
        "_flow",
        "_here",
        "_sandbox",
        "address",
        "client",
        "elapsed_ns",
        "endpoint_id",
        "node",
        "peer",
        "port",
        "protocol",
        "round_trip_ns",
        "source_port",
        "target_port",
        "trace",
    )

    def __init__(
        self,
        client: Client,
        protocol: str,
        source_port: int,
        address: str,
        port: int,
        endpoint_id: str,
        node: str,
        target_port: int,
        peer: str,
        round_trip_ns: int,
        trace: Trace | None = None,
        entry: str = "",
    ) -> None:
        self.client = client
        self.protocol = protocol
        self.source_port = source_port
        self.address = address
        self.port = port
        self.endpoint_id = endpoint_id
        self.node = node
        self.target_port = target_port
        self.peer = peer
        self.round_trip_ns = round_trip_ns
        self.elapsed_ns = round_trip_ns
        self.trace = trace
        self._entry = entry  # the machine that balances, or that is entered
        self._sandbox: Sandbox | None = None
        self._here: ServiceHere | None = None
        self._flow: Flow | None = None

    def __repr__(self) -> str:
        return (
            f"<Opened {self.protocol} {self.address}:{self.port} at {self.endpoint_id} on {self.node}, "
            f"seen from {self.peer}:{self.source_port}>"
        )

    def send(self, *, bytes_in: int = 0, bytes_out: int = 0) -> Failed | None:
        """Send a request (or a datagram) and let the answer come back.

        Args:
            bytes_in: size of the request, for the balancer's statistics.
            bytes_out: size of the answer.

        Returns:
            None when it got through, else what the client experiences.
        """
        if self.protocol == "udp":
            return self._datagram()
        failed = self._lost() or self._forgotten()
        if failed is not None:
            return failed
        if self._sandbox is not None and self._flow is not None:
            table = self._sandbox.table
            table.reply(self._flow, self.client.clock.now_ns)
            table.account(self._flow, bytes_in=bytes_in, bytes_out=bytes_out)
        return None

    def close(self, *, by_server: bool = False) -> None:
        """End it by FIN; the balancer remembers it for 120 s more. A UDP flow just stops."""
        if self._sandbox is not None and self._flow is not None and self.protocol == "tcp":
            steps = CLOSE_BY_SERVER if by_server else CLOSE_BY_CLIENT
            self._sandbox.bring_up(self.client.clock.now_ns)
            self._sandbox.table.follow(self._flow, self.client.clock.now_ns, steps, self._mark)

    def through(self, sandbox: Sandbox, here: ServiceHere, flow: Flow) -> None:
        """Note the balancer it goes through (the walk does)."""
        self._sandbox = sandbox
        self._here = here
        self._flow = flow

    @property
    def _mark(self) -> int:
        return 0 if self._here is None else self._here.mark

    def _datagram(self) -> Failed | None:
        """Every datagram finds its own way; the entry keeps the flow where it is while it lives."""
        again = self.client.connect(self.address, self.port, protocol="udp", source_port=self.source_port)
        if isinstance(again, Failed):
            return again
        for name in ("endpoint_id", "node", "target_port", "peer", "_here"):
            setattr(self, name, getattr(again, name))
        return None

    def _lost(self) -> Failed | None:
        """Nobody answers: a machine on the way is down or cut off, or the process is gone."""
        client = self.client
        reaches = client.world.links.reaches
        if not reaches(client.machine, self._entry):
            return Failed("timeout", f"{client.machine} does not reach {self._entry}", GIVE_UP_NS)
        if self._sandbox is not None:
            self._sandbox.bring_up(client.clock.now_ns)
        if not reaches(self._entry, self.node):
            why = f"{self._entry} does not reach {self.node}"
            removed_ns = None if self._sandbox is None else self._sandbox.view.fails_at(self.node)
            if removed_ns is None:
                return Failed("timeout", why, GIVE_UP_NS)
            why = f"{why}; once its entry is gone the next retransmission is answered by RST"
            return Failed("reset", why, _retransmission(removed_ns - client.clock.now_ns))
        if client.world.listener(self.endpoint_id, self.protocol, self.target_port) is None:
            return Failed("reset", f"the container on {self.node} has stopped", self.round_trip_ns)
        return None

    def _forgotten(self) -> Failed | None:
        """The balancer knows the connection no more: its destination was removed, or it was idle too long."""
        if self._sandbox is None or self._flow is None:
            return None
        outcome = self._sandbox.table.send(self._flow, self.client.clock.now_ns, mark=self._mark)
        if outcome:
            return None
        return Failed(
            "reset", f"{self._sandbox.namespace} of {self._entry}: {outcome.reason}", self.round_trip_ns
        )


def _retransmission(wait_ns: int) -> int:
    """When the first retransmission at least ``wait_ns`` after the request is sent."""
    after_ns, step_ns = RTO_NS, RTO_NS
    while after_ns < wait_ns:
        step_ns *= 2
        after_ns += step_ns
    return after_ns

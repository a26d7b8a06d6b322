"""Room dataplane: many short connections, fast.

Comes in: what ``connect`` takes. Goes out: the same that connect, one request and close would give. Rules
of this file: it decides nothing of its own. A way that was walked once is remembered with everything it
depended on; while nothing of that has changed, only the balancer is asked again. Anything else is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshsim.dataplane.opened import Arrival, Client, Opened
from meshsim.dataplane.outcome import Failed
from meshsim.dataplane.trace import Trace
from meshsim.dataplane.walk import Walk
from meshsim.ipvs import CONVERSATION, Destination, Endpoint, Flow, Outcome

if TYPE_CHECKING:
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.sandbox import Sandbox

__all__ = ["Delivered", "Visit", "Way", "deliver", "visit"]


class Delivered(NamedTuple):
    """Where a short connection got to: the same for all that go the same way, so made once.

    Attributes:
        arrival: who was reached, and how.
        destination: whom the balancer on the way chose; None without.
    """

    arrival: Arrival
    destination: Destination | None

    def account(self, bytes_in: int, bytes_out: int) -> None:
        """Tell the balancer's statistics how large request and answer were.

        In the same instant, so the entry is there unless its destination is gone.
        """
        destination = self.destination
        if destination is not None and destination.available:
            destination.bytes_in += bytes_in
            destination.bytes_out += bytes_out


class Visit(NamedTuple):
    """A connection that was opened, used for one request and closed.

    Attributes:
        delivered: where it got to.
        source_port: of the client; the container sees the same.
        trace: the hops, when they were asked for.
    """

    delivered: Delivered
    source_port: int
    trace: Trace | None

    def __repr__(self) -> str:
        return f"<Visit to {self.arrival.endpoint_id} on {self.arrival.node} from port {self.source_port}>"

    @property
    def arrival(self) -> Arrival:
        """Who was reached, and how."""
        return self.delivered.arrival

    @property
    def ok(self) -> bool:
        """True: it is no :class:`Failed`."""
        return True

    @property
    def elapsed_ns(self) -> int:
        """Opening and one request: two round trips."""
        return 2 * self.arrival.round_trip_ns


class Way:
    """A way through a balancer that was walked before, and what it depends on.

    Attributes:
        delivered: by the balancer's destination; all listened when it was last looked.
        told: rows of the journal when it was last looked at.
        until_ns: when the host will notice something told before.
        wires, listeners, networks, sandbox_changes: versions of the links, of who listens, of the host's
            networks, of the sandbox.
    """

    __slots__ = (
        "converse",
        "delivered",
        "journal",
        "links",
        "listeners",
        "mark",
        "networks",
        "plane",
        "sandbox",
        "sandbox_changes",
        "source",
        "table",
        "told",
        "until_ns",
        "virtual",
        "wires",
        "world",
    )

    def __init__(self, plane: DataPlane, sandbox: Sandbox, mark: int, source: str, virtual: Endpoint) -> None:
        self.plane = plane
        self.sandbox = sandbox
        self.table = sandbox.table
        self.converse = sandbox.table.converse
        self.journal = plane.journal
        self.world = plane.world
        self.links = plane.world.links
        self.mark = mark
        self.source = source
        self.virtual = virtual
        self.networks = plane.changes
        self.sandbox_changes = sandbox.changes
        self.wires = self.links.version
        self.listeners = self.world.listeners
        self.told = self.journal.told
        self.until_ns = sandbox.view.next_ns
        self.delivered: dict[Destination | None, Delivered] = {}

    def renew(self, now_ns: int) -> bool:
        """Something it depends on has changed, or is noticed now: does it lead where it led all the same?"""
        if self.links.version != self.wires or self.plane.changes != self.networks:
            return False
        if self.world.listeners != self.listeners:
            self._listen()
        sandbox = self.sandbox
        sandbox.bring_up(now_ns)
        self.told = self.journal.told
        self.until_ns = sandbox.view.next_ns
        return sandbox.changes == self.sandbox_changes

    def _listen(self) -> None:
        """Somebody began or ceased to listen: forget the places where nobody does."""
        listener = self.world.listener
        for destination, (arrival, _) in list(self.delivered.items()):
            if not listener(arrival.endpoint_id, "tcp", arrival.target_port):
                del self.delivered[destination]
        self.listeners = self.world.listeners


def deliver(
    client: Client, address: str, port: int, source_port: int, trace: bool = False
) -> Delivered | Failed:
    """Open a TCP connection, send one request, close; tell only where it got to.

    Args:
        client: where it starts.
        address: as for :func:`~meshsim.dataplane.path.connect`.
        port: 1 to 65535.
        source_port: the client's.
        trace: the hops are of interest, also those of a flow the balancer knows already.

    Returns:
        Who was reached, or what the client experiences instead. O(1) on a way walked before.

    Raises:
        BadValue, NotModelled: as :func:`~meshsim.dataplane.path.connect`.
    """
    way = client.ways.get((address, port))
    routed: Outcome | None = None
    if way is not None:
        now_ns = client.clock.now_ns
        if (
            way.links.version == way.wires
            and way.world.listeners == way.listeners
            and way.journal.told == way.told
            and now_ns < way.until_ns
            and way.plane.changes == way.networks
        ) or way.renew(now_ns):
            flow = ("tcp", (way.source, source_port), way.virtual)
            routed = way.converse(flow, now_ns, way.delivered, way.mark)
            delivered = way.delivered.get(routed.destination)
            if delivered is not None:
                if routed.reason == "scheduled":
                    return delivered
                if not trace:  # of a flow the balancer knows; only a trace would tell
                    way.table.follow(Flow(*flow), now_ns, CONVERSATION, way.mark)
                    return delivered
        else:
            del client.ways[address, port]
    opened = Walk(client, address, port, source_port=source_port, steps=[], outcome=routed).go()
    return _done(opened)


def visit(
    client: Client, address: str, port: int, *, source_port: int = 0, trace: bool = False
) -> Visit | Failed:
    """Open a TCP connection, send one request, close: what ``curl`` does.

    Args:
        client: where it starts.
        address: as for :func:`deliver`.
        port: 1 to 65535.
        source_port: 0 takes the client's next one.
        trace: also tell every hop.

    Returns:
        Who was reached, or what the client experiences instead.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> visit(lab.planes["host01"], "192.168.65.11", 81)
    <Visit to web.1 on host01 from port 32768>

    Raises:
        BadValue, NotModelled: as :func:`~meshsim.dataplane.path.connect`.
    """
    source_port = source_port or client.ports.take()
    delivered = deliver(client, address, port, source_port, trace=trace)
    if isinstance(delivered, Failed):
        return delivered if trace else delivered.untold()
    return Visit(delivered, source_port, delivered.arrival.trace(source_port) if trace else None)


def _done(opened: Opened | Failed) -> Delivered | Failed:
    """Send the request, close, and remember a way that led through a balancer."""
    failed = opened if isinstance(opened, Failed) else opened.send()
    if failed is not None:
        return failed
    assert isinstance(opened, Opened)
    opened.close()
    balanced = opened.balanced
    if balanced is None:
        return Delivered(opened.arrival, None)
    plane, sandbox, here, flow, chosen, fresh = balanced
    delivered = Delivered(opened.arrival, chosen)
    if not fresh:  # its trace tells of an earlier connection
        return delivered
    ways = opened.client.ways
    if not ways:  # most containers never ask anything: they share one empty mapping until then
        ways = opened.client.ways = {}
    way = ways.get((opened.address, opened.port))
    if way is None:
        way = Way(plane, sandbox, here.mark, flow.source[0], flow.destination)
        ways[opened.address, opened.port] = way
    way.delivered[chosen] = delivered
    return delivered

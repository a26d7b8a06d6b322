"""Room dataplane: many short connections, fast.

Comes in: what ``connect`` takes. Goes out: the same that connect, one request and close would give, as one
tuple. Rules of this file: it decides nothing of its own. A way that was walked once is remembered with
everything it depended on; while nothing of that has changed, only the balancer and the listener are asked
again. Anything else is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from meshsim.dataplane.opened import Arrival, Client, Opened
from meshsim.dataplane.outcome import Failed
from meshsim.dataplane.trace import Trace
from meshsim.dataplane.walk import Walk
from meshsim.ipvs import CLOSE_BY_CLIENT, HANDSHAKE, Direction, Endpoint, Flow, Outcome, Segment, Table
from meshsim.ipvs.states import Script

if TYPE_CHECKING:
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.sandbox import Sandbox

__all__ = ["Visit", "Way", "visit"]

#: all that follows the first SYN: the rest of the handshake, a request, an answer, the end
_CONVERSATION = Script(
    (*HANDSHAKE, (Direction.INPUT, Segment.ACK), (Direction.OUTPUT, Segment.ACK), *CLOSE_BY_CLIENT)
)

#: a Flow is a tuple with names; made this way it costs half
_new = tuple.__new__


class Visit:
    """A connection that was opened, used for one request and closed.

    Attributes:
        arrival: who was reached, and how.
        source_port: of the client; the container sees the same.
        trace: the hops, when they were asked for.
    """

    ok: ClassVar[bool] = True

    __slots__ = ("_flow", "_table", "arrival", "source_port", "trace")

    def __init__(
        self, arrival: Arrival, source_port: int, trace: Trace | None, table: Table | None, flow: Flow | None
    ) -> None:
        self.arrival = arrival
        self.source_port = source_port
        self.trace = trace
        self._table = table
        self._flow = flow

    def __repr__(self) -> str:
        return f"<Visit to {self.arrival.endpoint_id} on {self.arrival.node} from port {self.source_port}>"

    @property
    def elapsed_ns(self) -> int:
        """Opening and one request: two round trips."""
        return 2 * self.arrival.round_trip_ns

    def account(self, bytes_in: int, bytes_out: int) -> None:
        """Tell the balancer's statistics how large request and answer were."""
        if self._table is not None and self._flow is not None:
            self._table.account(self._flow, bytes_in=bytes_in, bytes_out=bytes_out)


class Way:
    """A way through a balancer that was walked before, and what it depends on.

    Attributes:
        arrivals: by the balancer's destination.
        told: rows of the journal when it was last looked at.
        until_ns: when the host will notice something told before.
        wires, networks, sandbox_changes: versions of the links, of the host's networks, of the sandbox.
    """

    __slots__ = (
        "arrivals",
        "journal",
        "links",
        "listener",
        "mark",
        "networks",
        "plane",
        "route",
        "sandbox",
        "sandbox_changes",
        "source",
        "table",
        "told",
        "until_ns",
        "virtual",
        "wires",
    )

    def __init__(self, plane: DataPlane, sandbox: Sandbox, mark: int, source: str, virtual: Endpoint) -> None:
        self.plane = plane
        self.sandbox = sandbox
        self.table = sandbox.table
        self.route = sandbox.table.route
        self.journal = plane.journal
        self.links = plane.world.links
        self.listener = plane.world.listener
        self.mark = mark
        self.source = source
        self.virtual = virtual
        self.networks = plane.changes
        self.sandbox_changes = sandbox.changes
        self.wires = self.links.version
        self.told = self.journal.told
        self.until_ns = sandbox.view.next_ns
        self.arrivals: dict[str, Arrival] = {}

    def renew(self, now_ns: int) -> bool:
        """Something was told, or is noticed now: does the way stand all the same?"""
        sandbox = self.sandbox
        sandbox.bring_up(now_ns)
        self.told = self.journal.told
        self.until_ns = sandbox.view.next_ns
        return sandbox.changes == self.sandbox_changes


def visit(
    client: Client, address: str, port: int, *, source_port: int = 0, trace: bool = False
) -> Visit | Failed:
    """Open a TCP connection, send one request, close: what ``curl`` does.

    Args:
        client: where it starts.
        address: as for :func:`~meshsim.dataplane.path.connect`.
        port: 1 to 65535.
        source_port: 0 takes the client's next one.
        trace: also tell every hop.

    Returns:
        Who was reached, or what the client experiences instead. O(1) on a way walked before.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> visit(lab.planes["host01"], "192.168.65.11", 81)
    <Visit to web.1 on host01 from port 32768>

    Raises:
        BadValue, NotModelled: as :func:`~meshsim.dataplane.path.connect`.
    """
    source_port = source_port or client.ports.take()
    way = client.ways.get((address, port))
    routed: Outcome | None = None
    if way is not None:
        now_ns = client.clock.now_ns
        if (
            way.links.version == way.wires
            and way.plane.changes == way.networks
            and ((way.journal.told == way.told and now_ns < way.until_ns) or way.renew(now_ns))
        ):
            flow = _new(Flow, ("tcp", (way.source, source_port), way.virtual))
            routed = way.route(flow, now_ns, way.mark)
            destination = routed.destination
            if destination is not None and routed.reason == "scheduled":
                arrival = way.arrivals.get(destination.address)
                if arrival is not None and way.listener(arrival.endpoint_id, "tcp", arrival.target_port):
                    table = way.table
                    table.follow(flow, now_ns, _CONVERSATION, way.mark)
                    told = arrival.trace(source_port) if trace else None
                    return Visit(arrival, source_port, told, table, flow)
        else:
            del client.ways[address, port]
    opened = Walk(client, address, port, source_port=source_port, steps=[], outcome=routed).go()
    return _done(opened, trace=trace)


def _done(opened: Opened | Failed, *, trace: bool) -> Visit | Failed:
    """Send the request, close, and remember a way that led through a balancer."""
    failed = opened if isinstance(opened, Failed) else opened.send()
    if failed is not None:
        return failed if trace else failed.untold()
    assert isinstance(opened, Opened)
    opened.close()
    told = opened.trace if trace else None
    balanced = opened.balanced
    if balanced is None:
        return Visit(opened.arrival, opened.source_port, told, None, None)
    plane, sandbox, here, flow, chosen, fresh = balanced
    if not fresh:  # its trace tells of an earlier connection
        return Visit(opened.arrival, opened.source_port, told, sandbox.table, flow)
    ways = opened.client.ways
    if not ways:  # most containers never ask anything: they share one empty mapping until then
        ways = opened.client.ways = {}
    way = ways.get((opened.address, opened.port))
    if way is None:
        way = Way(plane, sandbox, here.mark, flow.source[0], flow.destination)
        ways[opened.address, opened.port] = way
    way.arrivals[chosen] = opened.arrival
    return Visit(opened.arrival, opened.source_port, told, sandbox.table, flow)

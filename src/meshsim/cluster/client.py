"""Room cluster: what a client holds: targets, connections, responses.

Comes in: what a user typed (``host01:81``, ``http://host01/page``) and an open path. Goes out: responses,
or the typed failure a client would experience. Rules of this file: one connection carries many requests
and stays on one task; only the outermost call steps the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from attrs import frozen

from meshsim.cluster.container import Container
from meshsim.cluster.images import Request
from meshsim.dataplane import DataPlane, Failed, Namespace, Opened, Outsider, Trace, deliver
from meshsim.errors import BadValue, ConnectionWasReset
from meshsim.model.frozen import Frozen

__all__ = ["Connection", "Ground", "PingReply", "Response", "Target", "fetch", "is_ipv4", "is_literal"]

#: a tuple with names, made this way, costs half
_new = tuple.__new__


@frozen(slots=True)
class Target(Frozen):
    """Where a request goes: a name or address, a port, a path."""

    host: str
    port: int
    path: str = "/"

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``host``, ``host:port``, ``[::1]:port``, with or without ``http://`` and a path.

        >>> Target.parse("http://host01:81/hello")
        Target(host='host01', port=81, path='/hello')
        >>> Target.parse("[::1]:81").host
        '::1'

        Raises:
            BadValue: no such form, or a port outside 1-65535.
        """
        scheme, found, rest = text.rpartition("://")
        if found and scheme not in ("http", "tcp", "udp"):
            raise BadValue(f"meshsim speaks http, not {scheme!r}: {text}", text)
        where, slash, path = rest.partition("/")
        if where.startswith("["):
            host, _, after = where[1:].partition("]")
            port_text = after.removeprefix(":")
        else:
            host, _, port_text = where.partition(":")
        port_text = port_text or "80"
        if not host or not port_text.isdigit() or not 1 <= int(port_text) <= 65535:
            raise BadValue(f"not an address to connect to: {text!r}", text)
        return cls(host, int(port_text), slash + path or "/")


class Response(NamedTuple):
    """What a request brought back; a tuple with names, for there are many.

    Attributes:
        text: the body.
        status: HTTP's status.
        elapsed_ns: virtual nanoseconds from the first packet to the last.
        container: the first 12 digits of the id of the container that answered.
        task: its name, ``web.1.<id>``.
        host: the machine it runs on.
        source: the client's address as the container saw it.
        trace: every hop and why this task; None when no trace was asked for.
    """

    text: str
    status: int
    elapsed_ns: int
    container: str
    task: str
    host: str
    source: str
    trace: Trace | None = None

    def __str__(self) -> str:
        return self.text

    def __copy__(self) -> Response:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Response:
        return self


@frozen(slots=True)
class PingReply(Frozen):
    """One answer, or none, to an ICMP echo request; ``elapsed_ns`` is the round trip."""

    address: str
    ok: bool
    elapsed_ns: int
    ttl: int = 64


def is_ipv4(text: str) -> bool:
    """Whether a text is an IPv4 address.

    >>> is_ipv4("192.168.65.11"), is_ipv4("1.2.3"), is_ipv4("1.2.3.256")
    (True, False, False)
    """
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def is_literal(text: str) -> bool:
    """Whether a client takes a text for an address, right or wrong, and asks nobody to resolve it."""
    return text == "::1" or (text.count(".") == 3 and text.replace(".", "").isdigit())


class Ground(Protocol):
    """What a connection needs of the cluster."""

    def step(self, elapsed_ns: int) -> None:
        """Let the time pass that a call took, when the call is the outermost one."""

    @property
    def endpoints(self) -> Mapping[str, Container]:
        """The containers, by endpoint id."""

    def exited(self, container: Container, exit_code: int) -> None:
        """A reply ended its container's program."""


class Connection:
    """An open connection: many requests, one task; a context manager that closes it.

    Attributes:
        target: what was asked for.
        opened: the open path, with the address the container sees as source.
    """

    __slots__ = ("_ground", "closed", "opened", "target")

    def __init__(self, ground: Ground, target: Target, opened: Opened) -> None:
        self._ground = ground
        self.target = target
        self.opened = opened
        self.closed = False

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Connection to {self.target.host}:{self.target.port}, {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def hung_up(self) -> bool:
        """Whether the server has closed it (end of file), as when its task has stopped in order.

        A client that keeps connections looks before it sends; :meth:`request` on a closed one is answered by
        a reset.
        """
        return self.opened.hung_up

    def request(self, path: str = "/") -> Response:
        """Send one request and wait for the answer.

        Raises:
            ConnectionFailed: the connection was reset, or nobody answers any more.
        """
        if self.closed:
            raise ConnectionWasReset("the connection is closed", why="it was closed here before")
        ground, opened, target = self._ground, self.opened, self.target
        failed = opened.send(bytes_in=len(path))
        if failed is not None:
            ground.step(failed.elapsed_ns)
            raise failed.error(f"{target.host}:{target.port}")
        container = ground.endpoints.get(opened.endpoint_id)
        if container is None or container.handler is None:
            raise ConnectionWasReset(f"{target.host}:{target.port}: Connection reset by peer")
        reply, worked_ns = container.answer(
            Request(path, opened.peer, opened.source_port, opened.target_port, target.host)
        )
        if reply.exit_code is not None:
            ground.exited(container, reply.exit_code)
        took_ns = opened.round_trip_ns + worked_ns
        ground.step(took_ns)
        return Response(
            reply.body,
            reply.status,
            took_ns,
            container.short_id,
            container.name,
            opened.node,
            opened.peer,
            opened.trace,
        )

    def close(self) -> None:
        """Close it in order (FIN from both sides); harmless when closed."""
        if not self.closed:
            self.closed = True
            self.opened.close()


def fetch(
    ground: Ground,
    way: DataPlane | Namespace | Outsider,
    address: str,
    target: Target,
    *,
    source_port: int = 0,
    trace: bool = False,
) -> Response:
    """Open a connection, send one request, close; time does not pass, ``elapsed_ns`` tells it.

    Args:
        ground: the cluster.
        way: where the client stands.
        address: what the target's name resolved to there.
        target: what was asked for.
        source_port: 0 takes the client's next free one.
        trace: keep every hop.

    Raises:
        ConnectionFailed: what the client would experience, with its ``elapsed_ns``.
    """
    port = source_port or way.ports.take()
    delivered = deliver(way, address, target.port, port, trace=trace)
    if isinstance(delivered, Failed):
        raise (delivered if trace else delivered.untold()).error(f"{target.host}:{target.port}")
    arrival = delivered.arrival
    container = ground.endpoints.get(arrival.endpoint_id)
    if container is None or container.handler is None:
        raise ConnectionWasReset(f"{target.host}:{target.port}: Connection reset by peer")
    path, peer = target.path, arrival.peer
    reply, worked_ns = container.answer(
        _new(Request, (path, peer, port, arrival.target_port, target.host, "GET", ""))
    )
    body, status, _, exit_code = reply
    if exit_code is not None:
        ground.exited(container, exit_code)
    delivered.account(len(path), len(body))
    told = arrival.trace(port) if trace else None
    took_ns = 2 * arrival.round_trip_ns + worked_ns
    return _new(
        Response,
        (body, status, took_ns, container.short_id, container.name, arrival.node, peer, told),
    )

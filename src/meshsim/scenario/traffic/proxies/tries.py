"""Room scenario: one try of a proxy at one server.

Comes in: the server, the request, the proxy's way into the network and the connections it keeps. Goes out:
what became of it, and a row of the recorder. Rules of this file: everything happens at the instant the
request arrives; a kept connection that turns out dead is replaced before anybody notices.

Source: Go net/http/transport.go shouldRetryRequest; nginx src/http/ngx_http_upstream.c
ngx_http_upstream_next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshsim.cluster import Container, Reply, Request, Target
from meshsim.dataplane import Failed, Opened
from meshsim.scenario.records import NEVER
from meshsim.scenario.traffic.lines import Line
from meshsim.scenario.traffic.names import Entry
from meshsim.scenario.traffic.servers import Queue

if TYPE_CHECKING:
    from meshsim.scenario.traffic.proxies.base import Proxy

__all__ = ["Sent", "Try", "Upstream"]


class Upstream:
    """A server behind a proxy.

    Attributes:
        name: what the proxy calls it.
        address, port: where it is; the address is empty while it has none.
        requests: how many were sent to it, failures included.
    """

    __slots__ = ("address", "name", "port", "requests")

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.requests = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.address}:{self.port}, {self.requests} requests>"

    @property
    def state(self) -> str:
        """In one word."""
        return "UP"


class Sent(NamedTuple):
    """What became of one try at one server.

    Attributes:
        reply: the server's; None when it failed.
        failure: as in :class:`meshsim.dataplane.Failed`; empty when it was answered.
        connected: whether the connection was made.
        took_ns: until the proxy knew.
    """

    reply: Reply | None
    failure: str
    connected: bool
    took_ns: int


class Try:
    """One try of one request at one server.

    Attributes:
        opened, line: the connection, and its record when it may be kept.
        connection: its number; -1 without.
        spent_ns: on connections that were reset before an answer came.
    """

    __slots__ = (
        "attempt",
        "connection",
        "line",
        "now_ns",
        "opened",
        "proxy",
        "request",
        "server",
        "spent_ns",
    )

    def __init__(self, proxy: Proxy, server: Upstream, request: Request, attempt: int) -> None:
        self.proxy = proxy
        self.server = server
        self.request = request
        self.attempt = attempt
        self.now_ns = proxy.clock.now_ns
        self.opened: Opened | None = None
        self.line: Line | None = None
        self.connection = NEVER
        self.spent_ns = 0

    def go(self) -> Sent:
        """Over a connection that was kept, if one still holds; else over a new one."""
        proxy = self.proxy
        lines = proxy.lines
        while lines is not None and (line := lines.take(proxy.pool(self.server), self.now_ns)) is not None:
            self.line, self.opened, self.connection = line, line.opened, line.number
            sent = self._ask(line.opened, 0)
            if sent is not None:
                return sent
        self.line, self.opened, self.connection = None, None, NEVER
        opened = proxy.place.connect(self.server.address, self.server.port)
        if isinstance(opened, Failed):
            return self._fail(opened.kind, opened.elapsed_ns, proxy.connect_ns)
        if opened.elapsed_ns > proxy.connect_ns:
            opened.close()
            return self._fail("timeout", proxy.connect_ns, None)
        self._keep(opened)
        sent = self._ask(opened, opened.elapsed_ns)
        return sent or self._fail("reset", opened.elapsed_ns, None)

    def _keep(self, opened: Opened) -> None:
        """Number a new connection, and write it down when it may be kept."""
        proxy = self.proxy
        self.opened, self.connection = opened, proxy.connections
        proxy.connections += 1
        if proxy.lines is not None:
            entry, pool = Entry(Target(self.server.address, self.server.port)), proxy.pool(self.server)
            container = proxy.cluster.endpoints.get(opened.endpoint_id)
            self.line = proxy.lines.keep(Line(opened, entry, self.connection, pool, self.now_ns, container))

    def _ask(self, opened: Opened, opening_ns: int) -> Sent | None:
        """Ask over an open connection; None when it was reset before an answer came."""
        proxy = self.proxy
        failed = opened.send(bytes_in=len(self.request.payload))
        container = None if failed else proxy.cluster.endpoints.get(opened.endpoint_id)
        if failed is not None and failed.kind != "reset":
            self._close(failed.kind)
            return self._fail(failed.kind, opening_ns + failed.elapsed_ns, proxy.read_ns)
        if container is None or container.handler is None:
            self.spent_ns += failed.elapsed_ns if failed else opened.round_trip_ns
            if self.line is not None and not opening_ns:
                self.line.requests -= 1  # it carried nothing this time
            self._close("reset")
            return None
        half_ns = opened.round_trip_ns >> 1
        arrived_ns = self.now_ns + opening_ns + half_ns
        reply, began_ns, done_ns = _work(container, self._seen(opened), arrived_ns)
        if reply.exit_code is not None:
            proxy.cluster.exited(container, reply.exit_code)
        took_ns = self.spent_ns + done_ns + half_ns - self.now_ns
        if proxy.read_ns is not None and took_ns > proxy.read_ns:
            self._close("timeout")
            return self._fail("timeout", proxy.read_ns, None)
        ended_ns = self.now_ns + took_ns
        proxy.clock.call_at(ended_ns, self._close, "", background=True, name="proxy is answered")
        outcome = "busy" if reply.status == 503 else "error" if reply.status >= 500 else "ok"
        self._record(outcome, (arrived_ns, began_ns, done_ns, ended_ns))
        return Sent(reply, "", True, took_ns)

    def _seen(self, opened: Opened) -> Request:
        """The request as the server sees it."""
        asked = self.request
        return Request(
            asked.payload,
            opened.peer,
            opened.source_port,
            opened.target_port,
            asked.host,
            asked.method,
            asked.forwarded_for,
        )

    def _close(self, why: str) -> None:
        """Be done with the connection: it was answered (no reason given), or it failed."""
        lines, line = self.proxy.lines, self.line
        if lines is None or line is None:
            if self.opened is not None and why != "reset":
                self.opened.close()
        elif why:
            lines.drop(line, self.now_ns, why)
        else:
            lines.release(line, self.proxy.clock.now_ns)

    def _fail(self, kind: str, took_ns: int, limit_ns: int | None) -> Sent:
        """It failed, after so long or when the proxy's patience was over."""
        took_ns += self.spent_ns
        if kind == "hang" or (limit_ns is not None and took_ns > limit_ns):
            kind = "timeout"
            took_ns = took_ns if limit_ns is None else min(took_ns, limit_ns)
        self._record(kind, (NEVER, NEVER, NEVER, self.now_ns + took_ns))
        return Sent(None, kind, self.opened is not None, took_ns)

    def _record(self, outcome: str, moments: tuple[int, int, int, int]) -> None:
        proxy, server, opened = self.proxy, self.server, self.opened
        proxy.ahead_ns = max(proxy.ahead_ns, moments[3])
        if proxy.recorder is None:
            return
        assert proxy.container is not None
        where = ("", "") if opened is None else (opened.endpoint_id, opened.node)
        proxy.recorder.rows.append((
            proxy.container.name, proxy.sent - 1, 0, self.attempt, NEVER, self.connection,
            f"{server.address}:{server.port}", self.now_ns, *moments, outcome, *where,
        ))  # fmt: skip


def _work(container: Container, request: Request, arrived_ns: int) -> tuple[Reply, int, int]:
    """Let a container answer: its reply, when the work began, and when it was done."""
    handler = container.handler
    if isinstance(handler, Queue):
        times = handler.enter(arrived_ns)
        if times is None:
            return Reply("Service Unavailable\n", status=503), arrived_ns, arrived_ns
        return Reply(f"{container.hostname}\n"), *times
    reply, worked_ns = container.answer(request)
    return reply, arrived_ns, arrived_ns + worked_ns

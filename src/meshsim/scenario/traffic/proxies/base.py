"""Room scenario: what all proxies have in common: a container that asks others in turn.

Comes in: requests, as any image's handler gets them, and the machine the container runs on. Goes out:
replies, after the servers behind were asked over the data plane. Rules of this file: a proxy knows of the
swarm only what a program in a container does: its DNS, the engine's API, and what becomes of its connections;
it acts in background timers; a request is decided at the instant it arrives, all tries of it are made then,
and the time they take is added up; each try is a row of the recorder, if there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from random import Random
from typing import Any, NamedTuple

from meshsim.cluster import Container, Host, Reply, Request, Target
from meshsim.dataplane import Failed, Namespace, Opened
from meshsim.errors import BadValue
from meshsim.scenario.records import NEVER, Recorder
from meshsim.scenario.traffic.clients import KeepAlive
from meshsim.scenario.traffic.lines import Line, Lines
from meshsim.scenario.traffic.names import Entry
from meshsim.scenario.traffic.servers import Queue
from meshsim.sim import Clock
from meshsim.text import table

__all__ = ["Proxy", "Sent", "Upstream", "page", "server_at"]


def server_at(text: str) -> Target:
    """Read ``name:port``.

    >>> server_at("tasks.web:80").port
    80

    Raises:
        BadValue: no such form.
    """
    if ":" not in text or "/" in text:
        raise BadValue(f'a server is written like "tasks.web:80", not "{text}"', text)
    return Target.parse(text)


def page(status: int, after_ns: int, text: str = "") -> Reply:
    """What a proxy answers by itself."""
    return Reply(f"<h1>{status} {HTTPStatus(status).phrase}</h1>\n{text}", status, after_ns)


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


class Proxy:
    """A proxy at work in one container; made by calling its plan, as images are.

    Attributes:
        plan: how it is configured.
        servers: those it knows now.
        recorder: where its requests are written down; None outside of scenarios.
        connect_ns, read_ns: how long it waits for a connection, and then for an answer; None: for ever.
    """

    read_ns: int | None = None

    def __init__(self, plan: Any, connect_ns: int, keep_alive: KeepAlive | None = None) -> None:
        self.plan = plan
        self.connect_ns = connect_ns
        self.servers: Sequence[Upstream] = ()
        self.recorder: Recorder | None = None
        self.container: Container | None = None
        self._keep_alive = keep_alive
        self._lines: Lines | None = None
        #: of the addresses connections were ever kept to: their number
        self._pools: dict[tuple[str, int], int] = {}
        self._requests = 0
        self._sent = 0
        self._connections = 0

    def __repr__(self) -> str:
        up = sum(server.state == "UP" for server in self.servers)
        return f"<{type(self).__name__} {up} of {len(self.servers)} servers up, {self._requests} requests>"

    def __str__(self) -> str:
        rows = [(s.name, f"{s.address or '-'}:{s.port}", s.state, str(s.requests)) for s in self.servers]
        return table(("SERVER", "ADDRESS", "STATE", "REQUESTS"), rows).rstrip("\n")

    # -- its life

    def on_start(self, container: Container, host: Host) -> None:
        """Its program is up (see :mod:`meshsim.cluster.images`)."""
        self.container = container
        self.host = host
        if self._keep_alive is not None:
            recorder = self.recorder or Recorder()
            self._lines = Lines(container.name, self._keep_alive, recorder, Random(0))
        self.begin()

    def begin(self) -> None:
        """Begin to look for servers."""

    @property
    def alive(self) -> bool:
        """Whether its program still runs; what its timers ask first."""
        return self.container is not None and self.container.handler is self

    @property
    def clock(self) -> Clock:
        """Virtual time."""
        return self.host.cluster.clock

    @property
    def place(self) -> Namespace:
        """Its container's network."""
        assert self.container is not None
        return self.host.plane.namespaces[self.container.endpoint_id]

    def later(self, delay_ns: int, act: Any, *args: Any) -> None:
        """Act after a while, if the program still runs then."""
        self.clock.call_later(delay_ns, self._act, act, *args, background=True, name="proxy acts")

    def _act(self, act: Any, *args: Any) -> None:
        if self.alive:
            act(*args)

    def say(self, text: str) -> None:
        """Write a line to its container's log."""
        assert self.container is not None
        self.container.write(self.clock.now_ns, "stderr", text)

    def finish(self, now_ns: int) -> None:
        """The scenario is over: close and write down what is still kept open."""
        if self._lines is not None:
            self._lines.close(now_ns)

    # -- requests

    def __call__(self, request: Request, container: Any) -> Reply:  # noqa: ARG002 - the form of a handler
        """Answer a request that arrives now."""
        if self.container is None:
            return Reply("", 503)  # it is not up yet
        self._requests += 1
        return self.answer(request)

    def answer(self, request: Request) -> Reply:
        """Choose a server and ask it."""
        raise NotImplementedError

    def send(self, server: Upstream, request: Request, attempt: int = 1) -> Sent:
        """Send a request to a server, on a connection that is kept or on a new one.

        Args:
            server: which.
            request: what the client asked.
            attempt: which try it is, from 1.
        """
        server.requests += 1
        lines = self._lines
        pool = self._pools.setdefault((server.address, server.port), len(self._pools))
        if attempt == 1:
            self._sent += 1
        ask = _Try(server, request, self._sent - 1, attempt)
        while lines is not None and (line := lines.take(pool, self.clock.now_ns)) is not None:
            sent = self._over(line.opened, line, 0, ask)
            if sent is not None:
                return sent
        opened = self.place.connect(server.address, server.port)
        if isinstance(opened, Failed):
            return self._failed(ask, opened.kind, opened.elapsed_ns, self.connect_ns)
        if opened.elapsed_ns > self.connect_ns:
            opened.close()
            return self._failed(ask, "timeout", self.connect_ns, self.connect_ns)
        new = self._new_line(lines, opened, server, pool)
        self._connections += 1
        sent = self._over(opened, new, opened.elapsed_ns, ask)
        return sent or self._failed(ask, "reset", opened.elapsed_ns + opened.round_trip_ns, None)

    def _new_line(self, lines: Lines | None, opened: Opened, server: Upstream, pool: int) -> Line | None:
        if lines is None:
            return None
        cluster, entry = self.host.cluster, Entry(Target(server.address, server.port))
        container = cluster.endpoint(opened.endpoint_id)
        return lines.keep(Line(opened, entry, self._connections, pool, cluster.clock.now_ns, container))

    def _over(self, opened: Opened, line: Line | None, opening_ns: int, ask: _Try) -> Sent | None:
        """Ask over an open connection; None when it was reset before an answer came."""
        cluster = self.host.cluster
        failed = opened.send(bytes_in=len(ask.request.payload))
        container = None if failed else cluster.endpoint(opened.endpoint_id)
        if failed is not None or container is None or container.handler is None:
            kind = failed.kind if failed else "reset"
            self._close(opened, line, kind)
            if failed is None or kind == "reset":
                return None
            return self._failed(ask, kind, opening_ns + failed.elapsed_ns, self.read_ns, opened, line)
        half_ns = opened.round_trip_ns >> 1
        arrived_ns = self.clock.now_ns + opening_ns + half_ns
        reply, began_ns, done_ns = _work(container, ask.seen_by(opened), arrived_ns)
        if reply.exit_code is not None:
            cluster.exited(container, reply.exit_code)
        ended_ns = done_ns + half_ns
        took_ns = ended_ns - self.clock.now_ns
        if self.read_ns is not None and took_ns > self.read_ns:
            self._close(opened, line, "timeout")
            return self._failed(ask, "timeout", took_ns, self.read_ns, opened, line)
        self.clock.call_at(ended_ns, self._done, opened, line, background=True, name="proxy is answered")
        outcome = "busy" if reply.status == 503 else "error" if reply.status >= 500 else "ok"
        self._record(ask, opened, line, (arrived_ns, began_ns, done_ns, ended_ns), outcome)
        return Sent(reply, "", True, took_ns)

    def _done(self, opened: Opened, line: Line | None) -> None:
        """The answer has come: the connection is kept, or closed."""
        if line is None:
            opened.close()
        else:
            assert self._lines is not None
            self._lines.release(line, self.clock.now_ns)

    def _close(self, opened: Opened, line: Line | None, why: str) -> None:
        if line is not None:
            assert self._lines is not None
            self._lines.drop(line, self.clock.now_ns, why)
        elif why != "reset":
            opened.close()

    def _failed(
        self,
        ask: _Try,
        kind: str,
        took_ns: int,
        limit_ns: int | None,
        opened: Opened | None = None,
        line: Line | None = None,
    ) -> Sent:
        if kind == "hang" or (limit_ns is not None and took_ns > limit_ns):
            kind = "timeout"
            took_ns = took_ns if limit_ns is None else min(took_ns, limit_ns)
        ended_ns = self.clock.now_ns + took_ns
        self._record(ask, opened, line, (NEVER, NEVER, NEVER, ended_ns), kind)
        return Sent(None, kind, opened is not None, took_ns)

    def _record(
        self,
        ask: _Try,
        opened: Opened | None,
        line: Line | None,
        moments: tuple[int, int, int, int],
        outcome: str,
    ) -> None:
        if self.recorder is None:
            return
        assert self.container is not None
        number = NEVER if opened is None else self._connections - 1 if line is None else line.number
        where = ("", "") if opened is None else (opened.endpoint_id, opened.node)
        self.recorder.rows.append((
            self.container.name, ask.number, 0, ask.attempt, NEVER, number,
            f"{ask.server.address}:{ask.server.port}", self.clock.now_ns, *moments, outcome, *where,
        ))  # fmt: skip


class _Try(NamedTuple):
    """One try of one request at one server."""

    server: Upstream
    request: Request
    number: int
    attempt: int

    def seen_by(self, opened: Opened) -> Request:
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

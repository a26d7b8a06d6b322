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
from typing import Any

from meshsim.cluster import Cluster, Container, Host, Reply, Request, Target
from meshsim.dataplane import Namespace
from meshsim.errors import BadValue
from meshsim.scenario.records import Recorder
from meshsim.scenario.traffic.clients import KeepAlive
from meshsim.scenario.traffic.lines import Lines
from meshsim.scenario.traffic.proxies.tries import Sent, Try, Upstream
from meshsim.sim import Clock
from meshsim.text import table

__all__ = ["Proxy", "page", "server_at"]


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


class Proxy:
    """A proxy at work in one container; made by calling its plan, as images are.

    Attributes:
        plan: how it is configured.
        servers: those it knows now.
        recorder: where its requests are written down; None outside of scenarios.
        connect_ns, read_ns: how long it waits for a connection, and then for an answer; None: for ever.
        lines: the connections it keeps; None when it keeps none.
        sent, connections: requests it has sent on, and connections it has made.
        ahead_ns: when the last try that was made will have ended.
    """

    read_ns: int | None = None

    def __init__(self, plan: Any, connect_ns: int, keep_alive: KeepAlive | None = None) -> None:
        self.plan = plan
        self.connect_ns = connect_ns
        self.servers: Sequence[Upstream] = ()
        self.recorder: Recorder | None = None
        self.container: Container | None = None
        self.lines: Lines | None = None
        self.sent = 0
        self.connections = 0
        self.ahead_ns = 0
        self._keep_alive = keep_alive
        #: of the addresses that were ever sent to: their number
        self._pools: dict[tuple[str, int], int] = {}

    def __repr__(self) -> str:
        up = sum(server.state == "UP" for server in self.servers)
        return f"<{type(self).__name__} {up} of {len(self.servers)} servers up, {self.sent} requests>"

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
            self.lines = Lines(container.name, self._keep_alive, recorder, Random(0))
        self.begin()

    def begin(self) -> None:
        """Begin to look for servers."""

    @property
    def alive(self) -> bool:
        """Whether its program still runs; what its timers ask first."""
        return self.container is not None and self.container.handler is self

    @property
    def cluster(self) -> Cluster:
        """The whole it is part of."""
        return self.host.cluster

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
        if self.lines is not None:
            self.lines.close(now_ns)

    # -- requests

    def __call__(self, request: Request, container: Any) -> Reply:  # noqa: ARG002 - the form of a handler
        """Answer a request that arrives now."""
        if self.container is None:
            return Reply("", 503)  # it is not up yet
        return self.answer(request)

    def answer(self, request: Request) -> Reply:
        """Choose a server and ask it."""
        raise NotImplementedError

    def send(self, server: Upstream, request: Request, attempt: int = 1) -> Sent:
        """Send a request to a server.

        Args:
            server: which.
            request: what the client asked.
            attempt: which try of this request it is, from 1.
        """
        server.requests += 1
        if attempt == 1:
            self.sent += 1
        return Try(self, server, request, attempt).go()

    def pool(self, server: Upstream) -> int:
        """The number of the connections to a server, by its address."""
        return self._pools.setdefault((server.address, server.port), len(self._pools))

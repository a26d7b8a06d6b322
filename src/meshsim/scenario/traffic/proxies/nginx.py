"""Room scenario: nginx with an upstream of fixed servers.

Comes in: a configuration as data, requests. Goes out: requests to the servers in turn. Rules of this file:
names are looked up once, when nginx starts; a server that failed is left out for a while, an answer is all
that is ever asked of it.

Source: nginx src/http/ngx_http_upstream_round_robin.c (ngx_http_upstream_get_peer,
ngx_http_upstream_free_round_robin_peer), ngx_http_upstream.c (ngx_http_upstream_next).
"""

from __future__ import annotations

from meshsim.cluster import Reply, Request
from meshsim.errors import BadValue, NameNotResolved
from meshsim.scenario.fields import Written, duration, flag, names, whole, written
from meshsim.scenario.traffic.clients import KeepAlive
from meshsim.scenario.traffic.proxies.base import Proxy, page, server_at
from meshsim.scenario.traffic.proxies.tries import Upstream

__all__ = ["Nginx", "Peer", "RunningNginx"]

_SECOND = 1_000_000_000
#: of connections kept to servers. Source: ngx_http_upstream_keepalive_module, its defaults
_KEPT = {"idle": "60s", "requests": 1000, "life": "1h"}


@written
class Nginx(Written):
    """A configuration: ``upstream { server ...; server ...; }`` and ``proxy_pass`` to it.

    It is also the image: ``Cluster(images={"lb": Nginx(["192.168.65.11:81", "192.168.65.12:81"])})``.

    Args:
        upstream: ``name:port`` of each server. Machines of the cluster are known by name (as by
            ``--add-host``), services and containers by DNS; a name with several addresses is several servers.
        max_fails, fail_timeout: after so many failures within the time a server is left out for that time.
        connect, read: how long it waits for a connection, and for an answer (``proxy_connect_timeout``,
            ``proxy_read_timeout``).
        keepalive: most idle connections kept to all servers; 0: a connection per request.
        forward_for: tell servers the client's address (``proxy_set_header X-Forwarded-For``).
    """

    upstream: tuple[str, ...] = names()
    max_fails: int = whole(1)
    fail_timeout_ns: int = duration("fail_timeout", "10s")
    connect_ns: int = duration("connect", "60s")
    read_ns: int = duration("read", "60s")
    keepalive: int = whole(0)
    forward_for: bool = flag(False)

    def __attrs_post_init__(self) -> None:
        if not self.upstream:
            raise BadValue("nginx needs at least one server in its upstream")
        for text in self.upstream:
            server_at(text)

    @property
    def ready_ns(self) -> int:
        """How long after its start it knows its servers."""
        return 0

    def __call__(self) -> RunningNginx:
        """One more container."""
        return RunningNginx(self)


class Peer(Upstream):
    """A server and how it has done; moments are whole seconds, as nginx counts them.

    Attributes:
        fails: failures within the last ``fail_timeout``.
        failed_s, checked_s: when it last failed, and when it was last looked at again.
        weight, current: smooth round robin: what it deserves, and what it has saved up.
        out: left out now.
    """

    __slots__ = ("checked_s", "current", "failed_s", "fails", "out", "weight")

    def __init__(self, name: str, address: str, port: int) -> None:
        super().__init__(name, address, port)
        self.fails = 0
        self.failed_s = 0
        self.checked_s = 0
        self.weight = 1
        self.current = 0
        self.out = False

    @property
    def state(self) -> str:
        """``UP`` or ``OUT`` (has failed)."""
        return "OUT" if self.out else "UP"


class RunningNginx(Proxy):
    """nginx at work.

    Attributes:
        servers: its peers.
    """

    plan: Nginx

    def __init__(self, plan: Nginx) -> None:
        keep_alive = KeepAlive(pool=plan.keepalive, **_KEPT) if plan.keepalive else None
        super().__init__(plan, plan.connect_ns, keep_alive)
        self.read_ns = plan.read_ns
        self.peers: list[Peer] = []

    def begin(self) -> None:
        """Look the servers up, once; with a name nobody knows nginx does not start."""
        for text in self.plan.upstream:
            target = server_at(text)
            try:
                addresses = self._addresses(target.host)
            except NameNotResolved:
                assert self.container is not None
                self.say(f'nginx: [emerg] host not found in upstream "{text}"')
                self.host.engine.program_ended(self.container, 1, self.container.pid)
                return
            self.peers += (Peer(text, address, target.port) for address in addresses)
        self.servers = self.peers

    def _addresses(self, name: str) -> list[str]:
        cluster = self.cluster
        if name in cluster.machines:
            return [cluster.machines[name].address]
        first = cluster.resolve_from(self.place, name)
        answer = self.place.resolve(name) if first != name else None
        return [first] if answer is None else answer.addresses

    def answer(self, request: Request) -> Reply:
        """The next server; another one as long as one fails and one is left. O(servers)."""
        if self.plan.forward_for:
            request = request._replace(forwarded_for=request.source)
        tried: list[Peer] = []
        spent_ns, failure = 0, ""
        while (peer := self._next(tried)) is not None:
            tried.append(peer)
            sent = self.send(peer, request, len(tried))
            spent_ns += sent.took_ns
            failure = sent.failure
            self.later(spent_ns, self._judge, peer, bool(failure))  # it is known then
            if sent.reply is not None:
                return sent.reply._replace(after_ns=spent_ns, exit_code=None)
        return page(504 if failure == "timeout" else 502, spent_ns)

    def _next(self, tried: list[Peer]) -> Peer | None:
        """Smooth round robin among those that are neither tried nor left out."""
        now_s, hold_s = self.clock.now_ns // _SECOND, self.plan.fail_timeout_ns // _SECOND
        best, total = None, 0
        for peer in self.peers:
            peer.out = self._counts and peer.fails >= self.plan.max_fails and now_s - peer.checked_s <= hold_s
            if peer.out or peer in tried:
                continue
            peer.current += peer.weight
            total += peer.weight
            if peer.weight < 1:
                peer.weight += 1
            if best is None or peer.current > best.current:
                best = peer
        if best is not None:
            best.current -= total
            if now_s - best.checked_s > hold_s:
                best.checked_s = now_s
        return best

    @property
    def _counts(self) -> bool:
        """Whether failures count: not with a single server, which is never left out."""
        return self.plan.max_fails > 0 and len(self.peers) > 1

    def _judge(self, peer: Peer, failed: bool) -> None:
        if failed and self._counts:
            peer.fails += 1
            peer.failed_s = peer.checked_s = self.clock.now_ns // _SECOND
            peer.weight = max(0, peer.weight - 1 // self.plan.max_fails)
        elif not failed and peer.failed_s < peer.checked_s:
            peer.fails = 0

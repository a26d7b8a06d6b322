"""Room scenario: HAProxy with servers found by DNS.

Comes in: a configuration as data, requests, the answers of 127.0.0.11. Goes out: requests to the servers in
its slots. Rules of this file: the number of slots is fixed; who fills them is decided by DNS, who of them is
asked by health checks. Texts, timings and tables were measured with HAProxy 2.6.12 against a scripted DNS.

Source: haproxy src/resolvers.c (process_resolvers, resolv_process_responses, resolv_check_response,
resolv_get_ip_from_response), src/server.c (snr_update_srv_status), src/check.c, src/backend.c.
"""

from __future__ import annotations

from meshsim.cluster import Reply, Request
from meshsim.cluster.client import is_ipv4
from meshsim.dataplane import Opened
from meshsim.errors import BadValue
from meshsim.scenario.fields import Written, choice, duration, flag, text, whole, written
from meshsim.scenario.traffic.proxies.base import Proxy, page, server_at
from meshsim.scenario.traffic.proxies.tries import Upstream

__all__ = ["HAProxy", "RunningHAProxy", "Slot"]

#: from the program's start to its first question. Source: measured
FIRST_QUESTION_NS = 300_000_000
#: HAProxy's clock: an answer is seen one tick after its question at the earliest
TICK_NS = 1_000_000
#: before it tries the same server again. Source: haproxy src/stream.c, "turn-around" timer
TURN_AROUND_NS = 1_000_000_000
#: Source: recorded from HAProxy: its built-in pages
PAGES = {
    502: "The server returned an invalid or incomplete response.\n",
    503: "No server is available to handle this request.\n",
    504: "The server didn't respond in time.\n",
}


@written
class HAProxy(Written):
    """A configuration: ``server-template SLOTS name:port check resolvers docker init-addr none``.

    It is also the image: ``Cluster(images={"haproxy": HAProxy("tasks.web:80")})``.

    Args:
        backend: ``name:port`` of the servers; the name is asked of DNS (an address is just taken).
        slots: how many servers there can be.
        resolve: between two resolutions (``timeout resolve``); a TTL is not heeded.
        retry: how long it waits for an answer (``timeout retry``).
        resolve_retries: questions per resolution.
        hold: how long a server outlives its record, or DNS itself (``hold obsolete``, ``nx`` and the others).
        prefer: ask for ``ipv6`` first, as HAProxy does, or for ``ipv4``.
        payload: largest answer it takes over UDP, in bytes (``accepted_payload_size``).
        allow_dup_ip: let several slots have one address (``resolve-opts allow-dup-ip``).
        check: whether servers are checked, by a connection each ``inter``: ``fall`` failures in a row take
            one out, ``rise`` successes bring it back.
        retries: tries after the first that cannot connect.
        redispatch: try another server at once (``option redispatch``) instead of the same after a second.
        connect, server: how long it waits for a connection, and for an answer (``timeout connect``,
            ``timeout server``).
        forwardfor: tell servers the client's address (``option forwardfor``).
        prefix: first part of the servers' names.
        stats: the port of its statistics page, here a plain table of the servers.
    """

    backend: str = text()
    slots: int = whole(6, least=1)
    resolve_ns: int = duration("resolve", "1s")
    retry_ns: int = duration("retry", "1s")
    resolve_retries: int = whole(3, least=1)
    hold_ns: int = duration("hold", "10s")
    prefer: str = choice("ipv6", "ipv4")
    payload: int = whole(512, least=512)
    allow_dup_ip: bool = flag(False)
    check: bool = flag(True)
    inter_ns: int = duration("inter", "2s")
    fall: int = whole(3, least=1)
    rise: int = whole(2, least=1)
    retries: int = whole(3)
    redispatch: bool = flag(False)
    connect_ns: int = duration("connect", "5s")
    server_ns: int = duration("server", "50s")
    forwardfor: bool = flag(False)
    prefix: str = text("web-")
    stats: int = whole(8404, least=1)

    def __attrs_post_init__(self) -> None:
        server_at(self.backend)
        if not self.inter_ns:
            raise BadValue("checks every 0s have no end; check=False makes none")

    @property
    def ready_ns(self) -> int:
        """How long after its start it knows its servers."""
        return FIRST_QUESTION_NS

    def __call__(self) -> RunningHAProxy:
        """One more container."""
        return RunningHAProxy(self)


class Slot(Upstream):
    """One place for a server.

    Attributes:
        ready: whether DNS has filled it; else it is in maintenance.
        up: what checks say.
        health: how sure they are, from 0 to ``rise + fall - 1``.
    """

    __slots__ = ("health", "ready", "up")

    def __init__(self, name: str, port: int) -> None:
        super().__init__(name, "", port)
        self.ready = False
        self.up = False
        self.health = 0

    @property
    def state(self) -> str:
        """``UP``, ``DOWN`` (checks failed) or ``MAINT`` (no address)."""
        return "MAINT" if not self.ready else "UP" if self.up else "DOWN"


class RunningHAProxy(Proxy):
    """HAProxy at work.

    Attributes:
        servers: its slots.
        questions: how many it has asked of DNS.
        seen: addresses DNS has told, and when each was last in an answer.
    """

    plan: HAProxy

    def __init__(self, plan: HAProxy) -> None:
        super().__init__(plan, plan.connect_ns)
        target = server_at(plan.backend)
        self.read_ns = plan.server_ns
        self.questions = 0
        self.seen: dict[str, int] = {}
        self.slots = [Slot(f"{plan.prefix}{number}", target.port) for number in range(1, plan.slots + 1)]
        self.servers = self.slots
        self._name = target.host
        self._valid_ns = 0
        self._tries = 0
        self._last = -1

    def begin(self) -> None:
        """Ask DNS soon, and check each server in turn."""
        self._valid_ns = self.clock.now_ns
        if is_ipv4(self._name):  # nothing to ask: every slot is that server
            for slot in self.slots:
                slot.address, slot.ready, slot.up, slot.health = self._name, True, True, self.plan.rise
        else:
            self.later(FIRST_QUESTION_NS, self._resolve)
        for number, slot in enumerate(self.slots if self.plan.check else ()):
            self.later(self.plan.inter_ns * number // len(self.slots), self._check, slot)

    # -- names

    def _resolve(self) -> None:
        """Begin a resolution."""
        self._tries = self.plan.resolve_retries
        self._try()

    def _try(self) -> None:
        """Ask once; an error is told when the last try has failed, an answer at once."""
        self._tries -= 1
        asked = self.questions
        status, addresses = self._ask()
        if status == "valid":
            self._learn(addresses)
        elif status == "timeout" or self._tries:
            self.later(self.plan.retry_ns, self._again)
            return
        else:
            self._despair()
        self.later(self.plan.resolve_ns + TICK_NS * (self.questions - asked), self._resolve)

    def _again(self) -> None:
        """Nothing good came in time."""
        if self._tries:
            self._try()
        else:
            self._despair()
            self.later(self.plan.resolve_ns, self._resolve)

    def _ask(self) -> tuple[str, tuple[str, ...]]:
        """One try: the preferred type, and the other at once if that brings nothing."""
        status, addresses = self._question("AAAA" if self.plan.prefer == "ipv6" else "A")
        if status == "error":
            status, addresses = self._question("A" if self.plan.prefer == "ipv6" else "AAAA")
        return status, addresses

    def _question(self, qtype: str) -> tuple[str, tuple[str, ...]]:
        self.questions += 1
        answer = self.place.resolve(self._name, qtype, edns=self.plan.payload)
        if answer.elapsed_ns > self.plan.retry_ns or not answer.rcode:
            return "timeout", ()
        whole = answer.rcode == "NOERROR" and not answer.truncated
        return ("valid", tuple(answer.addresses)) if whole and answer.addresses else ("error", ())

    def _learn(self, addresses: tuple[str, ...]) -> None:
        """A good answer: forget what has not been seen for the hold time, give addresses to slots."""
        now_ns = self._valid_ns = self.clock.now_ns
        self.seen.update(dict.fromkeys(addresses, now_ns))
        for address in [a for a, seen_ns in self.seen.items() if seen_ns + self.plan.hold_ns < now_ns]:
            del self.seen[address]
        for slot in self.slots:
            if slot.address not in self.seen:
                self._fill(slot)

    def _fill(self, slot: Slot) -> None:
        """The first address that no other slot has; maintenance when there is none."""
        taken = {other.address for other in self.slots if other is not slot}
        free = [address for address in self.seen if address not in taken]
        if not free and self.plan.allow_dup_ip:
            free = list(self.seen)
        slot.address = free[0] if free else ""
        if free and not slot.ready:
            slot.health, slot.up = self.plan.rise, True  # the first failure takes it out
        slot.ready = bool(free)

    def _despair(self) -> None:
        """DNS does not help: for the hold time servers stay as they are, then all are gone."""
        if self.clock.now_ns >= self._valid_ns + self.plan.hold_ns:
            self.seen.clear()
            for slot in self.slots:
                slot.address, slot.ready = "", False

    # -- checks

    def _check(self, slot: Slot) -> None:
        """Connect to the server, hang up, and see what that says."""
        self.later(self.plan.inter_ns, self._check, slot)
        if not slot.ready:
            return
        opened = self.place.connect(slot.address, slot.port)
        within_ns = min(self.plan.inter_ns, self.plan.connect_ns)
        passed = opened.ok and opened.elapsed_ns <= within_ns
        if isinstance(opened, Opened):
            opened.close()
        self.later(min(opened.elapsed_ns, within_ns), self._checked, slot, slot.address, passed)

    def _checked(self, slot: Slot, address: str, passed: bool) -> None:
        rise = self.plan.rise
        if not slot.ready or slot.address != address:
            return
        if passed:
            slot.health += 1
            if slot.health >= rise:
                slot.health, slot.up = rise + self.plan.fall - 1, True
        elif slot.health > rise:
            slot.health -= 1
        else:
            slot.health, slot.up = 0, False

    # -- requests

    def answer(self, request: Request) -> Reply:
        """The next server in the cycle of those that are up; again when it cannot be connected to."""
        plan = self.plan
        if request.port == plan.stats:
            return Reply(f"{self}\n")
        if plan.forwardfor:
            request = request._replace(forwarded_for=request.source)
        spent_ns = 0
        slot = self._next()
        for attempt in range(1, plan.retries + 2):
            if slot is None:
                break
            sent = self.send(slot, request, attempt)
            spent_ns += sent.took_ns
            if sent.reply is not None:
                return sent.reply._replace(after_ns=spent_ns, exit_code=None)
            if sent.connected:
                status = 504 if sent.failure == "timeout" else 502
                return page(status, spent_ns, PAGES[status])
            if attempt > plan.retries:
                break
            if plan.redispatch and self._up() > 1:
                slot = self._next()
            elif sent.failure != "timeout":
                spent_ns += min(TURN_AROUND_NS, plan.connect_ns)
        return page(503, spent_ns, PAGES[503])

    def _up(self) -> int:
        return sum(slot.state == "UP" for slot in self.slots)

    def _next(self) -> Slot | None:
        """The first slot that is up after the last one asked. O(slots)."""
        for step in range(1, len(self.slots) + 1):
            number = (self._last + step) % len(self.slots)
            if self.slots[number].state == "UP":
                self._last = number
                return self.slots[number]
        return None

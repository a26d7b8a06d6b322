"""The embedded DNS server of one container, 127.0.0.11.

Room dns, floor 2. In: a question, and the zones of the container's networks. Out: an
:class:`~meshsim.dns.Answer`.

Rules of this file: (1) the first network that knows a name answers, also with nothing; networks are never
merged. (2) A name that no network knows is asked as ``left.network`` for every dot, then outside. (3) Only
A, AAAA, MX and PTR are ever answered here; everything else goes outside even for known names.

It does not know who made the records, nor who reaches the addresses. Questions are answered one by one,
so the limit of 1,024 questions under way is never met.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from meshsim.dns.message import (
    HEADER_SIZE,
    POINTER_SIZE,
    RECORD_OVERHEAD,
    Answer,
    Attempt,
    Question,
    Record,
    address_of_reverse_name,
    encode,
    is_reverse_name,
    is_wire_name,
    known_word,
    name_size,
    type_number,
)
from meshsim.dns.records import Zone
from meshsim.dns.upstream import Reply, Server
from meshsim.errors import BadValue

__all__ = ["EMBEDDED_ADDRESS", "TTL", "Failing", "NxdomainRule", "Oversize", "Resolver", "search_order"]

#: Where a container finds its DNS server. Source: moby daemon/libnetwork/sandbox_dns_unix.go
#: resolverIPSandbox.
EMBEDDED_ADDRESS: Final = "127.0.0.11"
#: Seconds every local record may be cached. Source: moby daemon/libnetwork/resolver.go respTTL.
TTL: Final = 600
#: Outer servers tried at most. Source: the same file, maxExtDNS.
MAX_SERVERS: Final = 3
#: Wait for an outer server, nanoseconds. Source: the same file, extIOTimeout.
SERVER_TIMEOUT_NS: Final = 4_000_000_000
#: Largest message over UDP without EDNS, and over TCP. Source: miekg/dns MinMsgSize, MaxMsgSize.
UDP_SIZE: Final = 512
TCP_SIZE: Final = 65_535
#: The bridge that gives swarm tasks their way out; last choice for names.
GATEWAY_BRIDGE: Final = "docker_gwbridge"

#: What a client gets when no outer server helps: SERVFAIL (by 25.0), or the last unhelpful reply and
#: without any nothing at all (before).
Failing = Literal["servfail", "silence"]
#: Which outer NXDOMAIN is passed on: any (by 25.0), or only an authoritative one (before).
NxdomainRule = Literal["pass", "authoritative-only"]
#: What becomes of an answer that is too large: names are compressed, then records dropped (by 22.06), or
#: records dropped at once (before).
Oversize = Literal["compress", "drop"]

_KIND_RANK = {"overlay": 0, "ingress": 1, "local": 2}
_ADDRESS_SIZE = {"A": 4, "AAAA": 16}


def search_order(
    zones: Iterable[Zone], *, swarm: bool = True, priorities: Mapping[str, int] | None = None
) -> list[Zone]:
    """Sort a container's networks as name lookup goes through them.

    Args:
        zones: of the networks the container is on.
        swarm: the host is part of a swarm: overlays first, then ingress, then local networks.
        priorities: gateway priority by network name, higher first; default 0.

    >>> [zone.network for zone in search_order([Zone("eg1"), Zone("docker_gwbridge", kind="local"),
    ...                                         Zone("ingress", kind="ingress"), Zone("app1")])]
    ['app1', 'eg1', 'ingress', 'docker_gwbridge']

    Source: moby daemon/libnetwork/sandbox.go Endpoint.Less, endpoint.go ByNetworkType.
    """
    priority = priorities or {}
    return sorted(
        zones,
        key=lambda zone: (
            _KIND_RANK[zone.kind] if swarm else 0,
            -priority.get(zone.network, 0),
            zone.network == GATEWAY_BRIDGE,
            zone.internal,
            -zone.gateways,
            zone.network,
        ),
    )


class Resolver:
    """Answers the questions of one container.

    :meth:`lookup` gives the whole answer, :meth:`resolve` only the addresses.

    Args:
        zones: of the networks the container is on, in any order; see :func:`search_order`.
        servers: outer servers in order; the first three count. The container's own DNS server is left out.
        swarm: the host is part of a swarm.
        priorities: gateway priority by network name.
        ndots_set: the container's resolv.conf has an ndots option of the user's or the host's.
        rng: shuffles the addresses of an answer; None keeps the order in which they became known.
        failing: see :data:`Failing`.
        nxdomain: see :data:`NxdomainRule`.
        oversize: see :data:`Oversize`.

    >>> eg1 = Zone("eg1")
    >>> eg1.add("http", "10.0.1.2", "s1")
    >>> resolver = Resolver([eg1])
    >>> answer = resolver.lookup("HTTP")
    >>> print(answer, answer.flags, answer.size)
    HTTP. 600 IN A 10.0.1.2 ('qr', 'rd', 'ra') 42
    >>> resolver.lookup("http.EG1").rcode                   # the network's name is case-sensitive
    'NXDOMAIN'
    >>> resolver.resolve("http.eg1")
    ('10.0.1.2',)

    Source: moby daemon/libnetwork/resolver.go Resolver, sandbox.go ResolveName.
    """

    __slots__ = (
        "_any_nxdomain",
        "_ndots_set",
        "_outside",
        "_oversize",
        "_rng",
        "_servers",
        "_silent",
        "_zones",
    )

    def __init__(
        self,
        zones: Iterable[Zone],
        *,
        servers: Iterable[Server] = (Server("8.8.8.8"),),
        swarm: bool = True,
        priorities: Mapping[str, int] | None = None,
        ndots_set: bool = False,
        rng: random.Random | None = None,
        failing: Failing = "servfail",
        nxdomain: NxdomainRule = "pass",
        oversize: Oversize = "compress",
    ) -> None:
        self._zones = tuple(search_order(zones, swarm=swarm, priorities=priorities))
        self._outside = any(not zone.internal for zone in self._zones)
        others = (server for server in servers if server.from_host or server.address != EMBEDDED_ADDRESS)
        self._servers = tuple(others)[:MAX_SERVERS]
        self._ndots_set = ndots_set
        self._rng = rng
        known_word("behaviour without help from outside", failing, ("servfail", "silence"))
        known_word("rule for NXDOMAIN", nxdomain, ("pass", "authoritative-only"))
        known_word("way with large answers", oversize, ("compress", "drop"))
        self._silent = failing == "silence"
        self._any_nxdomain = nxdomain == "pass"
        self._oversize: Oversize = oversize

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones in the order they are searched."""
        return self._zones

    def resolve(self, name: str, *, now_ns: int = 0) -> tuple[str, ...]:
        """Return the IPv4 addresses of a name, in the order a client sees them; ``()`` without any.

        Draws from the same generator as :meth:`lookup`, and once per call like it.
        """
        fqdn = name if name.endswith(".") else name + "."
        found = self._find(fqdn, ipv6=False)
        if found is None:
            return tuple(self.lookup(name, now_ns=now_ns).addresses)
        return self._shuffled(found[1])

    def lookup(
        self,
        name: str,
        qtype: str = "A",
        *,
        qclass: str = "IN",
        recursion: bool = True,
        tcp: bool = False,
        edns: int = 0,
        now_ns: int = 0,
    ) -> Answer:
        """Answer one question.

        Args:
            name: with or without final dot.
            qtype: record type by name.
            qclass: echoed, else ignored.
            recursion: flag rd of the question.
            tcp: asked over TCP.
            edns: UDP size announced by EDNS, 0 without.
            now_ns: handed to outer servers.

        Raises:
            BadValue: no DNS name, or no record type.

        Complexity: O(networks x dots) dictionary look-ups, plus the addresses found.

        Source: moby daemon/libnetwork/resolver.go serveDNS.
        """
        fqdn = name if name.endswith(".") else name + "."
        question = Question(fqdn, qtype, qclass, recursion, tcp, edns)
        if qtype in _ADDRESS_SIZE:
            found = self._find(fqdn, ipv6=qtype == "AAAA")
            if found is not None:
                return self._known(question, found[0], self._shuffled(found[1]))
        elif qtype == "MX":
            found = self._find(fqdn, ipv6=False)
            if found is not None:
                return self._known(question, found[0], ())
        elif qtype == "PTR":
            local = self._pointer(question)
            if local is not None:
                return local
        type_number(qtype)
        if not is_wire_name(fqdn):
            raise BadValue(f"not a DNS name: {name!r}", name)
        return self._ask_outside(question, now_ns)

    def _shuffled(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        if self._rng is None or len(addresses) < 2:
            return addresses
        order = list(addresses)
        self._rng.shuffle(order)
        return tuple(order)

    # What the networks know

    def _find(self, fqdn: str, *, ipv6: bool) -> tuple[Zone, tuple[str, ...]] | None:
        """Return the network that knows the name, and the addresses; source: sandbox.go ResolveName."""
        name = fqdn[:-1]
        lowered = name.lower()
        for zone in self._zones:
            addresses = zone.find(lowered, ipv6=ipv6)
            if addresses is not None:
                return zone, addresses
        dot = lowered.rfind(".")
        while dot != -1:
            network, left = name[dot + 1 :], lowered[:dot]
            for zone in self._zones:
                if zone.network == network:
                    addresses = zone.find(left, ipv6=ipv6)
                    if addresses is not None:
                        return zone, addresses
            dot = lowered.rfind(".", 0, dot)
        return None

    def _known(self, question: Question, zone: Zone, addresses: tuple[str, ...]) -> Answer:
        """Answer with addresses (or none), as many as fit; source: resolver.go handleIPQuery."""
        name_bytes = len(question.name) + 1
        if name_bytes > 64 and not is_wire_name(question.name):
            raise BadValue(f"not a DNS name: {question.name!r}", question.name)
        qtype = question.qtype
        flags: tuple[str, ...] = ("qr", "rd", "ra") if question.recursion else ("qr", "ra")
        size = HEADER_SIZE + name_bytes + 4
        compressed = False
        if addresses:
            each = RECORD_OVERHEAD + _ADDRESS_SIZE[qtype]
            limit = self._limit(question)
            if size + (name_bytes + each) * len(addresses) > limit:
                compressed = self._oversize == "compress"
                fitting = (limit - size) // ((POINTER_SIZE if compressed else name_bytes) + each)
                if fitting < len(addresses):
                    addresses = addresses[:fitting]
                    flags = self._cut_flags(question)
            size += ((POINTER_SIZE if compressed else name_bytes) + each) * len(addresses)
        records = tuple([Record(question.name, TTL, qtype, address) for address in addresses])
        return Answer(question, "NOERROR", records, flags, size, compressed, (), zone.network)

    def _limit(self, question: Question) -> int:
        """Largest message the client takes."""
        if question.tcp:
            return TCP_SIZE if self._oversize == "compress" else TCP_SIZE - 1
        return max(question.edns, UDP_SIZE)

    def _cut_flags(self, question: Question) -> tuple[str, ...]:
        """Flags of an answer with records left off; the old server said nothing of it over TCP."""
        told = self._oversize == "compress" or not question.tcp
        return tuple(
            flag
            for flag, is_set in (("qr", True), ("tc", told), ("rd", question.recursion), ("ra", True))
            if is_set
        )

    def _pointer(self, question: Question) -> Answer | None:
        """Answer a reverse lookup, or None to pass it on; source: resolver.go handlePTRQuery."""
        fqdn = question.name
        address = address_of_reverse_name(fqdn)
        if address is None:
            # The old server took any other name for a mistake and did not reply.
            return self._silence(question) if self._silent and not is_reverse_name(fqdn) else None
        for zone in self._zones:
            name = zone.reverse(address)
            if name is not None:
                target = f"{name}.{zone.network}."
                if not is_wire_name(target):
                    return self._servfail(question)
                flags = ("qr", "rd", "ra") if question.recursion else ("qr", "ra")
                # At most 431 bytes: never too large.
                size = HEADER_SIZE + 2 * name_size(fqdn) + 4 + RECORD_OVERHEAD + name_size(target)
                record = Record(fqdn, TTL, "PTR", target)
                return Answer(question, "NOERROR", (record,), flags, size, network=zone.network)
        return None

    # What the world outside knows

    def _ask_outside(self, question: Question, now_ns: int) -> Answer:
        """Pass a question on; source: resolver.go forwardExtDNS."""
        if self._silent and not self._outside:
            return self._servfail(question)
        if self._ndots_set and question.qtype in _ADDRESS_SIZE and "." not in question.name[:-1]:
            flags = ("qr", "rd", "ra") if question.recursion else ("qr", "ra")
            return Answer(question, "NOERROR", (), flags, HEADER_SIZE + name_size(question.name) + 4)
        last: Reply | None = None
        attempts: list[Attempt] = []
        elapsed_ns = 0
        for server in self._servers:
            if not self._outside and server.from_host:
                attempts.append(Attempt(server.address, "skipped"))
                continue
            last = server.ask(question, now_ns + elapsed_ns)
            elapsed_ns += SERVER_TIMEOUT_NS if last is None else last.elapsed_ns
            attempts.append(Attempt(server.address, "timeout" if last is None else last.rcode))
            if last is not None and self._is_final(last):
                return _passed_on(question, last, attempts, elapsed_ns)
        if not self._silent:
            return self._servfail(question, attempts, elapsed_ns)
        if last is None:
            return self._silence(question, attempts, elapsed_ns)
        return _passed_on(question, last, attempts, elapsed_ns)

    def _is_final(self, reply: Reply) -> bool:
        """Whether the client gets this reply, and no further server is asked."""
        if reply.rcode == "NXDOMAIN":
            return self._any_nxdomain or reply.authoritative
        if reply.rcode in ("SERVFAIL", "REFUSED"):
            return False
        return reply.rcode == "NOERROR" or not self._silent

    def _servfail(self, question: Question, attempts: Iterable[Attempt] = (), elapsed_ns: int = 0) -> Answer:
        """Answer SERVFAIL, as the real one without flag ra."""
        flags = ("qr", "rd") if question.recursion else ("qr",)
        size = HEADER_SIZE + name_size(question.name) + 4
        return Answer(question, "SERVFAIL", (), flags, size, attempts=tuple(attempts), elapsed_ns=elapsed_ns)

    def _silence(self, question: Question, attempts: Iterable[Attempt] = (), elapsed_ns: int = 0) -> Answer:
        return Answer(question, None, attempts=tuple(attempts), elapsed_ns=elapsed_ns)

    def __repr__(self) -> str:
        networks = ", ".join(zone.network for zone in self._zones) or "no network"
        servers = ", ".join(server.address for server in self._servers) or "nobody"
        return f"Resolver({networks}; outside: {servers if self._outside else 'no way out'})"

    def check(self) -> None:
        """Assert that the order of search is sound and every zone is."""
        networks = [zone.network for zone in self._zones]
        assert len(set(networks)) == len(networks), f"a network twice: {networks}"
        assert len(self._servers) <= MAX_SERVERS, f"too many servers: {self!r}"
        for zone in self._zones:
            zone.check()


def _passed_on(question: Question, reply: Reply, attempts: Iterable[Attempt], elapsed_ns: int) -> Answer:
    """An outer server's reply, unchanged but for compressed names."""
    flags = tuple(
        flag
        for flag, is_set in (
            ("qr", True),
            ("aa", reply.authoritative),
            ("tc", reply.truncated),
            ("rd", question.recursion),
            ("ra", reply.recursion_available),
        )
        if is_set
    )
    parts = (question, reply.rcode, reply.records, flags)
    size = len(encode(Answer(*parts, compressed=True, authority=reply.authority)))
    return Answer(
        *parts,
        size=size,
        compressed=True,
        authority=reply.authority,
        attempts=tuple(attempts),
        elapsed_ns=elapsed_ns,
    )

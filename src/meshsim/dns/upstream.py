"""The world outside: the name servers that questions are passed on to.

Room dns, floor 2. In: a :class:`~meshsim.dns.Question` and the time. Out: a :class:`Reply`, or None when
the server stays silent.

Anything callable like :class:`Upstream` will do; :class:`OutsideWorld` is one that is told what it
knows; :func:`outer_servers` makes a list of servers of whatever describes the outside. It does not know
containers or networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import field, frozen

from meshsim.dns.message import Question, Record
from meshsim.dns.resolvconf import ResolvConf, ResolvConfStyle, container_resolv_conf
from meshsim.errors import BadValue

__all__ = ["Outside", "OutsideWorld", "Reply", "Server", "Upstream", "asked_servers", "outer_servers"]


@frozen(slots=True)
class Reply:
    """What an outer server answers; passed on unchanged.

    Attributes:
        rcode: by name.
        records: the answer section.
        authority: the authority section.
        authoritative: flag aa.
        recursion_available: flag ra.
        truncated: flag tc.
        elapsed_ns: virtual nanoseconds it took.
    """

    rcode: str = "NOERROR"
    records: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    authoritative: bool = False
    recursion_available: bool = True
    truncated: bool = False
    elapsed_ns: int = 0


class Upstream(Protocol):
    """A name server as a function."""

    def __call__(self, question: Question, now_ns: int) -> Reply | None:
        """Answer, or return None and let the asker wait."""


def _folded(known: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Names in lower case and without final dot."""
    return {
        name.lower().rstrip("."): (found,) if isinstance(found, str) else tuple(found)
        for name, found in known.items()
    }


@frozen(slots=True)
class OutsideWorld:
    """A name server that knows some addresses and answers one rcode to everything else.

    Attributes:
        known: name (with or without final dot, any case) -> address or addresses.
        unknown: the rcode for other names; None: silence.
        ttl: of its records, seconds.
        tcp: whether it answers over TCP; without, such a question fails with a timeout.
        elapsed_ns: virtual nanoseconds an answer takes.

    >>> ask = OutsideWorld({"example.test": ["203.0.113.7"]})
    >>> print(ask(Question("example.test."), 0).records[0])
    example.test. 300 IN A 203.0.113.7
    >>> ask(Question("nosuch."), 0).rcode
    'NXDOMAIN'
    """

    known: Mapping[str, str | Sequence[str]] = field(factory=dict, converter=_folded)
    unknown: str | None = "NXDOMAIN"
    ttl: int = 300
    tcp: bool = True
    elapsed_ns: int = 0

    def __call__(self, question: Question, now_ns: int) -> Reply | None:  # noqa: ARG002 (Upstream's form)
        """Answer a question."""
        found = self.known.get(question.name.lower().rstrip("."))
        if (question.tcp and not self.tcp) or (found is None and self.unknown is None):
            return None
        if found is None:
            return Reply(self.unknown or "", elapsed_ns=self.elapsed_ns)
        records = tuple(
            Record(question.name, self.ttl, question.qtype, address)
            for address in found
            if question.qtype == ("AAAA" if ":" in address else "A")
        )
        return Reply(records=records, elapsed_ns=self.elapsed_ns)


@frozen(slots=True)
class Server:
    """One name server in a resolver's list.

    Attributes:
        address: as the host's file or ``--dns`` gives it.
        ask: the server itself.
        from_host: asked from the host's namespace (a server of the host's own list), not from the
            container's (a ``--dns`` server). From a container without way out only the latter are tried;
            whether they can be reached is up to ``ask``.
    """

    address: str
    ask: Upstream = OutsideWorld()
    from_host: bool = True


#: what a world outside can be given as: names and addresses, a name server as a function, servers in order
Outside: TypeAlias = Mapping[str, str | Sequence[str]] | Upstream | Iterable[Server]

#: what a host's list of servers holds unless told otherwise
_DEFAULT_ADDRESS = "8.8.8.8"


def outer_servers(outside: Outside | None = None) -> tuple[Server, ...]:
    """Make the list of servers a host has of a description of the outside.

    Args:
        outside: names and their addresses; or one name server as a function; or servers in order, none at
            all for a host without. None: one server that knows no name.

    Raises:
        BadValue: none of these.

    >>> (server,) = outer_servers({"example.test": "203.0.113.7"})
    >>> server.address, server.ask(Question("example.test."), 0).records[0].data
    ('8.8.8.8', '203.0.113.7')
    """
    if outside is None or isinstance(outside, Mapping):
        return (Server(_DEFAULT_ADDRESS, OutsideWorld(outside or {})),)
    if callable(outside):
        return (Server(_DEFAULT_ADDRESS, outside),)
    servers = tuple(outside) if isinstance(outside, Iterable) else ()
    if not isinstance(outside, Iterable) or not all(isinstance(server, Server) for server in servers):
        raise BadValue(
            f"the world outside is a mapping of names, a function or Servers, not {outside!r}", str(outside)
        )
    return servers


def asked_servers(
    listed: Sequence[Server], conf: ResolvConf | None = None, *, style: ResolvConfStyle = "host-ext-servers"
) -> tuple[Server, ...]:
    """The servers that a container's questions go to, by its resolv.conf.

    Args:
        listed: what the host has, and all that there are: nobody is at other addresses, as this world has no
            Internet.
        conf: of the container; None: it has no wishes of its own.
        style: of the engine, for None: a host without servers may get two of Docker's own.

    >>> [server.address for server in asked_servers((), style="ext-servers")]
    ['8.8.8.8', '8.8.4.4']

    Source: moby libnetwork/internal/resolvconf defaultIPv4NSs; recorded: unknown names then time out.
    """
    if conf is None and listed:
        return tuple(listed)
    if conf is None:
        conf = container_resolv_conf(style=style)
    there = {server.address: server.ask for server in listed}
    nobody = OutsideWorld(unknown=None)
    return tuple(
        Server(address, there.get(address, nobody), from_host=conf.from_host) for address in conf.servers
    )

"""The world outside: the name servers that questions are passed on to.

Room dns, floor 2. In: a :class:`~meshsim.dns.Question` and the time. Out: a :class:`Reply`, or None when
the server stays silent.

Anything callable like :class:`Upstream` will do; :class:`OutsideWorld` is one that is told what it
knows. It does not know containers or networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen

from meshsim.dns.message import Question, Record

__all__ = ["OutsideWorld", "Reply", "Server", "Upstream"]


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


def _folded(known: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Names in lower case and without final dot."""
    return {name.lower().rstrip("."): list(found) for name, found in known.items()}


@frozen(slots=True)
class OutsideWorld:
    """A name server that knows some addresses and answers one rcode to everything else.

    Attributes:
        known: name (with or without final dot, any case) -> addresses.
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

    known: Mapping[str, list[str]] = field(factory=dict, converter=_folded)
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

"""Room scenario: what a client does, as data.

Comes in: what a person wrote. Goes out: frozen records, valid once built. How a client acts in virtual time
stands in ``caller``; this file knows no clock and no cluster.
"""

from __future__ import annotations

from typing import Any

from attrs import field

from meshsim.errors import BadValue
from meshsim.scenario.fields import Written, choice, duration, names, record, text, value_text, whole, written
from meshsim.scenario.times import LENGTHS, Length, as_length
from meshsim.scenario.traffic.arrivals import ARRIVALS, Arrivals, as_arrivals

__all__ = ["Client", "KeepAlive", "Resolver", "Retry", "Users"]

#: outcomes a client may try again after
FAILURES = ("refused", "reset", "timeout", "unreachable", "unresolved", "busy")


def _life(value: Any) -> Length | None:
    return None if value is None else as_length(value)


@written
class Users(Written):
    """Closed loop: so many users, each thinks, asks, waits for the answer, and thinks again.

    Args:
        count: how many.
        think: how long each thinks before asking; a duration or a length.
    """

    count: int = whole(least=1)
    think: Length = record(LENGTHS, "1s", convert=as_length)


@written
class KeepAlive(Written):
    """Connections that carry many requests.

    An open-loop client keeps one pool and takes the connection that became idle last; each user of a closed
    loop keeps one of their own. A connection is closed at its next use when its life is over; one that the
    other side has closed is noticed at once and replaced.

    Args:
        pool: most connections at a time; a request beyond it gets one that is not kept. None: no limit.
        life: how long one may live, a duration or a length; None for ever.
        requests: most requests on one; None: no limit.
        idle: closed when unused so long; None never.
    """

    pool: int | None = whole(None, least=1)
    life: Length | None = record(LENGTHS, None, convert=_life)
    requests: int | None = whole(None, least=1)
    idle_ns: int | None = duration("idle", None)


def _causes(value: Any) -> tuple[str, ...]:
    causes = (value,) if isinstance(value, str) else tuple(value)
    for cause in causes:
        if cause not in FAILURES:
            raise BadValue(f"expected some of {', '.join(FAILURES)}, not {value_text(cause)}", str(cause))
    return causes


@written
class Retry(Written):
    """Trying again after a failure.

    Args:
        times: so often at most.
        pause: before each.
        on: after these failures only.
    """

    times: int = whole(1, least=1)
    pause_ns: int = duration("pause", "1s")
    on: tuple[str, ...] = field(default=("refused", "reset", "unreachable"), converter=_causes)


@written
class Resolver(Written):
    """How the client uses the answers of DNS. Only clients inside a network ask; others know their hosts.

    Args:
        cache: ``no`` (ask for each connection), ``ttl``, or ``forever``.
        ttl: how long, with ``ttl``; docker answers with 600 s.
        order: take the first address ``as given``, or the ``lowest`` (sorting clients, RFC 3484).
    """

    cache: str = choice("no", "ttl", "forever")
    ttl_ns: int = duration("ttl", "600s")
    order: str = choice("given", "lowest")


@written
class Client(Written):
    """Somebody who sends requests.

    Args:
        name: also of the machine it sits at, unless ``at`` or ``network`` say otherwise.
        calls: ``host:port/path``, one or several entry nodes (inside a network: ``service:port``).
        arrivals: open loop: a duration between two, or arrivals; or else
        users: closed loop.
        turn: which entry next: the next one ``in turn``, or drawn at ``random``.
        at: the machine or host it sits at; hosts are found by name.
        network: it is a container on that attachable network, on host ``at`` (the first host by default).
        start: when it begins.
        stop: when it begins no more; None: with the scenario.
        requests: how many it begins in all; None: no limit. A page counts once.
        page: connections per page: so many requests at one instant.
        timeout: how long it waits for an answer; None: as long as TCP does.
        keep_alive, retry, resolver: as those say; without ``keep_alive`` a connection per request.
    """

    name: str = text()
    calls: tuple[str, ...] = names()
    arrivals: Arrivals | None = record(ARRIVALS, None, convert=as_arrivals)
    users: Users | None = record(Users, None)
    turn: str = choice("in turn", "random")
    at: str = text("")
    network: str = text("")
    start_ns: int = duration("start", "0s")
    stop_ns: int | None = duration("stop", None)
    requests: int | None = whole(None, least=1)
    page: int = whole(1, least=1)
    timeout_ns: int | None = duration("timeout", "30s", optional=True)
    keep_alive: KeepAlive | None = record(KeepAlive, None)
    retry: Retry | None = record(Retry, None)
    resolver: Resolver = record(Resolver, Resolver())

    def __attrs_post_init__(self) -> None:
        if not self.calls:
            raise BadValue(f"client {self.name} calls nobody")
        if (self.arrivals is None) == (self.users is None):
            raise BadValue(f"client {self.name} needs either arrivals or users")

"""Errors: what a client experiences. :mod:`meshsim.errors` draws the tree."""

from __future__ import annotations

from typing import Any, ClassVar

from meshsim.errors.base import MeshsimError

__all__ = [
    "ConnectionFailed",
    "ConnectionHangs",
    "ConnectionRefused",
    "ConnectionTimedOut",
    "ConnectionWasReset",
    "HostUnreachable",
    "NameNotResolved",
]


class ConnectionFailed(MeshsimError, ConnectionError):
    """A client's connection or request did not get through.

    Attributes:
        kind: what the client experiences: ``refused reset timeout hang unreachable unresolved``.
        elapsed_ns: virtual nanoseconds until the client knew.
        why: what no client knows: where it ended and why; empty when there is no more to say.
        trace: every hop up to there (:class:`meshsim.dataplane.Trace`); None when no trace was kept.
    """

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, elapsed_ns: int = 0, why: str = "", trace: Any = None) -> None:
        super().__init__(message)
        self.elapsed_ns = elapsed_ns
        self.why = why
        self.trace = trace


class ConnectionRefused(ConnectionFailed):
    """Refused at once: nobody listens, or no destination may be used."""

    kind = "refused"


class ConnectionWasReset(ConnectionFailed):
    """An established connection was answered by RST."""

    kind = "reset"


class ConnectionTimedOut(ConnectionFailed):
    """No answer until the client gave up."""

    kind = "timeout"


class ConnectionHangs(ConnectionTimedOut):
    """The connection was made, but never a byte came back."""

    kind = "hang"


class HostUnreachable(ConnectionFailed):
    """No route, or no answer to ARP."""

    kind = "unreachable"


class NameNotResolved(ConnectionFailed):
    """The name does not resolve where the client stands."""

    kind = "unresolved"

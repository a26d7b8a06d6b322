"""Room dataplane: what became of an attempt to connect, or to ping.

Comes in: facts from the walk. Goes out: :class:`Failed` and :class:`Echo`, values; the open path itself is
:class:`~meshsim.dataplane.path.Opened`. Rule of this file: no exception is raised here; who wants one asks
:meth:`Failed.error`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from attrs import frozen

from meshsim.dataplane.trace import Trace
from meshsim.errors import (
    ConnectionFailed,
    ConnectionHangs,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
)
from meshsim.model.frozen import Frozen

__all__ = ["Echo", "Failed", "Failure"]

#: how a client experiences it: refused at once; reset; nobody answers; no route, or no answer to ARP;
#: connected, but never a byte
Failure: TypeAlias = Literal["refused", "reset", "timeout", "unreachable", "hang"]

_ERRORS: dict[str, tuple[type[ConnectionFailed], str]] = {
    "refused": (ConnectionRefused, "Connection refused"),
    "reset": (ConnectionWasReset, "Connection reset by peer"),
    "timeout": (ConnectionTimedOut, "Connection timed out"),
    "unreachable": (HostUnreachable, "No route to host"),
    "hang": (ConnectionHangs, "Connected, but nothing was ever received"),
}


@frozen(slots=True)
class Failed(Frozen):
    """A connection that was not made, or did not last.

    Attributes:
        kind: what the client experiences.
        why: one sentence on where and why.
        elapsed_ns: how long it takes until the client knows. A hang has no end of its own: the figure is
            the time after which Linux gives up a connection attempt.
        trace: the hops, when they were asked for.
        again_ns: when not 0: a client that is patient for so long gets elsewhere. The balancer has
            forgotten the lost destination by then, and the client's repeated SYN is scheduled anew:
            connecting again at that moment, from the same source port, is what the kernel does.
    """

    ok: ClassVar[bool] = False

    kind: Failure
    why: str
    elapsed_ns: int
    trace: Trace | None = None
    again_ns: int = 0

    def again(self, again_ns: int) -> Failed:
        """The same, with the moment at which trying again helps."""
        return Failed(self.kind, self.why, self.elapsed_ns, self.trace, again_ns)

    def untold(self) -> Failed:
        """The same without trace."""
        return Failed(self.kind, self.why, self.elapsed_ns, None, self.again_ns)

    def error(self, target: str = "") -> ConnectionFailed:
        """The exception that says the same.

        >>> Failed("refused", "no service publishes port 81", 1000).error("host01:81")
        ConnectionRefused('host01:81: Connection refused')
        """
        cls, text = _ERRORS[self.kind]
        text = f"{target}: {text}" if target else text
        return cls(text, elapsed_ns=self.elapsed_ns, why=self.why, trace=self.trace)


@frozen(slots=True)
class Echo(Frozen):
    """The answer to a ping, or why there is none.

    Attributes:
        ok: whether an answer came.
        elapsed_ns: round trip, or how long until the sender knows.
        by: who answered: a container's name, ``lb_...`` or a host.
        ttl: of the answer.
        why: one sentence.
    """

    ok: bool
    elapsed_ns: int
    by: str = ""
    ttl: int = 64
    why: str = ""

"""Room ipvs: the real server behind a virtual service.

In: what the table tells it. Out: counters and flags that balancers read. A destination belongs to one
service; two services with the same servers hold separate destinations with separate counters.
Rules: only the table and its connections write here; everybody may read. What can be worked out from
other counters is not stored: the commonest event, a new TCP connection, is a single addition, and a
whole conversation of one instant are two.
"""

from __future__ import annotations

import enum
from typing import Any

from attrs import frozen

from meshsim.ipvs.outcomes import Routed
from meshsim.ipvs.states import CONVERSATION

__all__ = ["Destination", "Forward", "Stats"]


class Forward(enum.Enum):
    """How packets reach the server; the values are what ipvsadm prints.

    Source: linux include/uapi/linux/ip_vs.h IP_VS_CONN_F_MASQ and its siblings.
    """

    MASQ = "Masq"
    ROUTE = "Route"
    TUNNEL = "Tunnel"
    LOCAL = "Local"


@frozen
class Stats:
    """What ``ipvsadm --stats`` counts.

    >>> Stats(connections=1, packets_in=2) + Stats(connections=3)
    Stats(connections=4, packets_in=2, packets_out=0, bytes_in=0, bytes_out=0)
    """

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def __add__(self, other: Stats) -> Stats:
        return Stats(
            self.connections + other.connections,
            self.packets_in + other.packets_in,
            self.packets_out + other.packets_out,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
        )

    def __sub__(self, other: Stats) -> Stats:
        return Stats(
            self.connections - other.connections,
            self.packets_in - other.packets_in,
            self.packets_out - other.packets_out,
            self.bytes_in - other.bytes_in,
            self.bytes_out - other.bytes_out,
        )


class Destination:
    """A real server of one virtual service. Made by :meth:`Table.add_destination`; read-only for others.

    Attributes:
        address: IPv4 text.
        port: 0 keeps the packet's own destination port (firewall-mark services, Docker's case).
        weight: 0 takes no new connections.
        last_weight: the last weight that was not 0 (Maglev builds its table from it).
        forward: how packets get there.
        upper: threshold of live connections from which it is overloaded; 0 is none.
        lower: threshold below which it recovers; 0 is three quarters of upper.
        overloaded: reached ``upper`` and not yet back below the lower bound.
        available: still in its service; False in the trash.
        usable: takes new connections: positive weight, not overloaded.
        active: live connections in an active state (TCP handshake and ESTABLISHED).
        inactive: live connections in another state; UDP always.
        templates: live persistence templates (ipvsadm's PersistConn).
        conversations: connections so far that came and went in one instant (:meth:`Table.converse`).
        bytes_in, bytes_out: traffic so far.

    Source: linux include/net/ip_vs.h struct ip_vs_dest.
    """

    __slots__ = (
        "_ended",
        "_packets_in",
        "_packets_out",
        "_zero",
        "active",
        "address",
        "available",
        "bytes_in",
        "bytes_out",
        "conversations",
        "forward",
        "idle_ns",
        "inactive",
        "known",
        "last_weight",
        "lower",
        "overloaded",
        "port",
        "scheduled",
        "templates",
        "upper",
        "usable",
        "weight",
    )

    def __init__(self, address: str, port: int, weight: int = 1, forward: Forward = Forward.MASQ) -> None:
        self.address = address
        self.port = port
        self.weight = weight
        self.last_weight = weight
        self.forward = forward
        self.upper = 0
        self.lower = 0
        self.overloaded = False
        self.available = True
        self.usable = weight > 0
        self.active = 0
        self.inactive = 0
        self.templates = 0
        self.conversations = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.idle_ns = 0
        self._ended = 0  # connections that are over
        self._packets_in = 0  # packets beyond the first one of each connection, and those of conversations
        self._packets_out = 0  # packets but for those of conversations
        self._zero = Stats()  # what stats() counts from, set by zero()
        # The two answers the table gives for this destination, made once: the good path builds nothing.
        self.scheduled = Routed(self, "scheduled")
        self.known = Routed(self, "known")

    @property
    def total(self) -> int:
        """Live connections, active and inactive (the kernel's totalconns)."""
        return self.active + self.inactive

    @property
    def connections(self) -> int:
        """Connections ever given to this destination."""
        return self.total + self._ended

    @property
    def packets_in(self) -> int:
        """Packets sent to this destination; the first of each connection is one of them."""
        return self.connections + self.conversations * CONVERSATION.packets_in + self._packets_in

    @property
    def packets_out(self) -> int:
        """Packets that came back from this destination."""
        return self.conversations * CONVERSATION.packets_out + self._packets_out

    def stats(self) -> Stats:
        """The counters since the last :meth:`Table.zero`."""
        return self.counters() - self._zero

    def counters(self) -> Stats:
        """The counters since the destination was made."""
        return Stats(self.connections, self.packets_in, self.packets_out, self.bytes_in, self.bytes_out)

    def zero(self) -> None:
        """Let :meth:`stats` count from here."""
        self._zero = self.counters()

    def count_packets(self, packets_in: int, packets_out: int) -> None:
        """More packets of known connections went to this destination, and came from it."""
        self._packets_in += packets_in
        self._packets_out += packets_out

    def set_weight(self, weight: int) -> None:
        """Change the weight and what follows from it."""
        self.weight = weight
        if weight:
            self.last_weight = weight
        self.usable = weight > 0 and not self.overloaded

    def set_thresholds(self, upper: int, lower: int) -> None:
        """Change the thresholds and re-evaluate the overload flag against the live connections."""
        self.upper = upper
        self.lower = lower
        self._judge_load()

    def gain(self, inactive: bool) -> None:
        """A new connection; it may be the one that overloads the destination."""
        if inactive:
            self.inactive += 1
        else:
            self.active += 1
        if self.upper:
            self._judge_load()

    def lose(self, inactive: bool, now_ns: int) -> None:
        """A connection is freed; the destination may recover."""
        if inactive:
            self.inactive -= 1
        else:
            self.active -= 1
        self._ended += 1
        if not (self.active or self.inactive):
            self.idle_ns = now_ns
        if self.upper:
            self._judge_load()

    def _judge_load(self) -> None:
        """Set the overload flag at the upper bound, clear it below the lower one, else leave it.

        Source: linux net/netfilter/ipvs/ip_vs_conn.c, ip_vs_ctl.c (threshold handling of 6.1.192).
        """
        recovered_below = self.lower or self.upper - self.upper // 4
        if not self.upper or self.total < recovered_below:
            self.overloaded = False
        elif self.total >= self.upper:
            self.overloaded = True
        self.usable = self.weight > 0 and not self.overloaded

    def __repr__(self) -> str:
        return (
            f"<Destination {self.address}:{self.port} weight={self.weight} "
            f"active={self.active} inactive={self.inactive}{' overloaded' if self.overloaded else ''}"
            f"{'' if self.available else ' deleted'}>"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Destination:
        """A copy by hand: plain values but for the two answers, which point back here."""
        copy = Destination.__new__(Destination)
        memo[id(self)] = copy
        for name in _PLAIN:
            setattr(copy, name, getattr(self, name))
        copy.scheduled = Routed(copy, "scheduled")
        copy.known = Routed(copy, "known")
        return copy

    def check(self) -> None:
        """Assert what must always hold."""
        assert self.active >= 0, self
        assert self.inactive >= 0, self
        assert self.templates >= 0, self
        assert self.usable == (self.weight > 0 and not self.overloaded), self
        assert not (self.overloaded and not self.upper), self
        assert self.last_weight == self.weight or not self.weight, self


_PLAIN = tuple(name for name in Destination.__slots__ if name not in ("scheduled", "known"))

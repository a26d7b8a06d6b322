"""Room dataplane: source ports.

Comes in: nothing. Goes out: one port after the other, per machine and per container.
"""

from __future__ import annotations

__all__ = ["EphemeralPorts"]

#: Source: linux net/ipv4/inet_connection_sock.c, ip_local_port_range
FIRST_EPHEMERAL, LAST_EPHEMERAL = 32768, 60999


class EphemeralPorts:
    """Source ports for outgoing connections: a counter that wraps, so that flows stay distinct.

    >>> ports = EphemeralPorts()
    >>> ports.take(), ports.take()
    (32768, 32769)
    """

    __slots__ = ("_next",)

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    _next: int

    def __init__(self) -> None:
        self._next = FIRST_EPHEMERAL

    def __repr__(self) -> str:
        return f"<EphemeralPorts, next {self._next}>"

    def take(self) -> int:
        """The next port."""
        port = self._next
        self._next = port + 1 if port < LAST_EPHEMERAL else FIRST_EPHEMERAL
        return port

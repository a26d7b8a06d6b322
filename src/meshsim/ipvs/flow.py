"""Room ipvs: what a packet says about itself.

In: nothing. Out: :class:`Flow`, the five-tuple every part of the room is keyed by, and the two views
of an address that balancers need (text and number). A firewall mark is no part of a flow: it is the
packet filter's remark about it, so it travels beside it, as in the kernel.
Rules: addresses are IPv4 texts, ports are integers, protocols are ``"tcp"`` and ``"udp"``.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import Any, NamedTuple, TypeAlias

from meshsim.errors import BadValue, NotModelled

__all__ = ["Endpoint", "Flow", "address_number"]

Endpoint: TypeAlias = tuple[str, int]
"""An address and a port."""

Parts: TypeAlias = tuple[str, Endpoint, Endpoint]
"""What a flow consists of: equal to the flow, and a third of its cost to make."""

PROTOCOLS = ("tcp", "udp")


class Flow(NamedTuple):
    """One flow of packets: protocol, and the two ends as the client sees them.

    Args:
        protocol: ``"tcp"`` or ``"udp"``.
        source: the client's address and port.
        destination: the virtual address and port the client talks to.

    >>> flow = Flow("tcp", ("10.1.0.2", 40000), ("10.0.0.80", 80))
    >>> flow == Flow.parse("tcp", "10.1.0.2:40000", "10.0.0.80:80")
    True
    >>> print(flow)
    tcp 10.1.0.2:40000 -> 10.0.0.80:80

    Source: linux include/net/ip_vs.h struct ip_vs_conn_param.
    """

    protocol: str
    source: Endpoint
    destination: Endpoint

    @classmethod
    def parse(cls, protocol: str, source: str, destination: str) -> Flow:
        """Build a flow from ``address:port`` texts, checking every part.

        Raises:
            BadValue: an unknown protocol, or a text that is no ``address:port``.
            NotModelled: SCTP.
        """
        return cls(check_protocol(protocol), _parse_endpoint(source), _parse_endpoint(destination))

    def __str__(self) -> str:
        (client, client_port), (address, port) = self.source, self.destination
        return f"{self.protocol} {client}:{client_port} -> {address}:{port}"

    def __copy__(self) -> Flow:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Flow:
        return self


def whole(parts: Parts) -> Flow:
    """The flow that consists of these parts.

    Raises:
        BadValue: they are no parts of a flow.

    >>> whole(("tcp", ("10.1.0.2", 40000), ("10.0.0.80", 80))).source
    ('10.1.0.2', 40000)
    """
    if not isinstance(parts, tuple) or len(parts) != 3:
        raise BadValue(f"a table routes a Flow, not {parts!r}", str(parts))
    return parts if isinstance(parts, Flow) else Flow(*parts)


def check_protocol(protocol: str) -> str:
    """The protocol, if IPVS balances it here.

    Raises:
        NotModelled: ``"sctp"``: its states are another table.
        BadValue: anything else that is not TCP or UDP.
    """
    if protocol in PROTOCOLS:
        return protocol
    if protocol == "sctp":
        raise NotModelled("IPVS for SCTP is not modelled")
    raise BadValue(f"a flow is tcp or udp, not {protocol!r}", str(protocol))


def check_address(address: str) -> str:
    """The address in its usual spelling.

    Raises:
        NotModelled: an IPv6 address.
        BadValue: no address at all.
    """
    try:
        return str(IPv4Address(address))
    except (AddressValueError, TypeError):
        if isinstance(address, str) and ":" in address:
            raise NotModelled(f"IPVS over IPv6 is not modelled: {address}") from None
        raise BadValue(f"not an IPv4 address: {address!r}", str(address)) from None


def check_port(port: int) -> int:
    """The port, if it is one.

    Raises:
        BadValue: not an integer from 0 to 65535.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise BadValue(f"not a port: {port!r}", str(port))
    return port


def address_number(address: str) -> int:
    """An IPv4 address as the 32-bit integer in host order that hashes and masks work on.

    >>> hex(address_number("10.1.0.2"))
    '0xa010002'
    """
    a, b, c, d = address.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def number_address(number: int) -> str:
    """The inverse of :func:`address_number`."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _parse_endpoint(text: str) -> Endpoint:
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise BadValue(f"not an address:port: {text!r}", text)
    return check_address(address), check_port(int(port))

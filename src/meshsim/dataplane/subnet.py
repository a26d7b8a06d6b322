"""Room dataplane: addresses: whether a text is one, and whether it lies in a subnet.

Comes in: text. Goes out: a yes, or what is wrong with it. Rule of this file: the test for a subnet is made
for every connection and must be fast.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_network

from meshsim.errors import BadValue, NotModelled
from meshsim.ipvs.flow import address_number
from meshsim.sim import Shared

__all__ = ["Subnet", "check_address"]

_ADDRESS = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*")


def check_address(address: str) -> None:
    """Raise what is wrong with it.

    Raises:
        BadValue: no address; names are resolved by the caller.
        NotModelled: IPv6 other than ``::1``.
    """
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise BadValue(f"not an address: {address!r}", str(address))
    if ":" in address and address != "::1":
        raise NotModelled(f"IPv6 is not modelled but for ::1: {address}")


class Subnet(Shared):
    """The addresses of one subnet; an IPv6 one holds no IPv4 address.

    >>> eg1 = Subnet("10.0.1.0/24")
    >>> eg1("10.0.1.7"), eg1("10.0.2.7")
    (True, False)
    """

    __slots__ = ("_first", "_last", "length", "text")

    def __init__(self, text: str) -> None:
        network = ip_network(text)
        self.text = text
        self.length = network.prefixlen
        self._first, self._last = 1, 0
        if isinstance(network, IPv4Network):
            self._first, self._last = int(network[0]), int(network[-1])

    def __repr__(self) -> str:
        return f"Subnet({self.text!r})"

    def __call__(self, address: str) -> bool:
        """Whether an IPv4 address lies in it."""
        return self._first <= address_number(address) <= self._last

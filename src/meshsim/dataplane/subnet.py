"""Room dataplane: whether an address lies in a subnet, fast."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network

from meshsim.ipvs.flow import address_number

__all__ = ["Subnet"]


class Subnet:
    """The addresses of one subnet; an IPv6 one holds no IPv4 address.

    >>> eg1 = Subnet("10.0.1.0/24")
    >>> eg1("10.0.1.7"), eg1("10.0.2.7")
    (True, False)
    """

    __slots__ = ("_first", "_last", "text")

    def __init__(self, text: str) -> None:
        network = ip_network(text)
        self.text = text
        self._first, self._last = 1, 0
        if isinstance(network, IPv4Network):
            self._first, self._last = int(network[0]), int(network[-1])

    def __repr__(self) -> str:
        return f"Subnet({self.text!r})"

    def __call__(self, address: str) -> bool:
        """Whether an IPv4 address lies in it."""
        return self._first <= address_number(address) <= self._last

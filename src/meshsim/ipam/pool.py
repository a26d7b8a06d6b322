"""The addresses of one subnet.

Room ipam, floor 2. In: a subnet, perhaps a range inside it, and requests for one address or any. Out:
addresses as text without mask (``10.0.1.2``); :meth:`Pool.cidr` puts the mask on.

Rule of this file: text outside, integers inside. It does not know who uses an address, nor other
subnets.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from meshsim.errors import AddressInUse, AddressOutOfRange, BadValue, NoAddressLeft
from meshsim.ipam.serial import Serial

__all__ = ["Pool"]


@lru_cache(maxsize=1024)
def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Read a subnet in CIDR notation; host bits are dropped, a missing mask is refused.

    Raises:
        BadValue: no CIDR.
    """
    _, slash, mask = text.partition("/")
    if slash and mask.isascii() and mask.isdigit():
        try:
            return ip_network(text, strict=False)
        except ValueError:
            pass
    raise BadValue(f"invalid CIDR address: {text}", text)


@lru_cache(maxsize=1024)
def bounds(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    """First and last address as numbers."""
    return int(network[0]), int(network[-1])


class Pool:
    """Allocator of the addresses of one subnet.

    :meth:`specific` takes one address, :meth:`any` the next free one, :meth:`release` gives one back;
    :meth:`take_gateway` does the first or the second for the gateway. The network and the broadcast
    address of the subnet are never given, but for /31 and /32; a range inside it has no such addresses.

    Args:
        subnet: CIDR text; host bits are dropped.
        ip_range: CIDR text of the part that :meth:`any` draws from, or None for all of it. A range
            wider than the subnet counts as the whole subnet.
        serial: True as in a swarm: addresses climb and wrap. False as on a local bridge: lowest free.
        numbers: the set another pool of the same subnet uses, to share it; default a new one.

    Attributes:
        subnet: CIDR text.
        ip_range: CIDR text or None.
        prefix_length: mask length of the subnet.
        gateway: what :meth:`take_gateway` took; None before.

    >>> pool = Pool("10.0.1.0/24")
    >>> pool.take_gateway(), pool.any(), pool.any()
    ('10.0.1.1', '10.0.1.2', '10.0.1.3')
    >>> pool.release("10.0.1.2")
    >>> pool.any()                              # addresses climb: not .2 again
    '10.0.1.4'
    >>> pool.cidr("10.0.1.4")
    '10.0.1.4/24'
    >>> pool
    Pool(10.0.1.0/24: 3 of 254 in use, cursor 10.0.1.5)

    Raises:
        AddressOutOfRange: the range lies outside the subnet.
        BadValue: no CIDR, or two address families.

    Source: moby daemon/libnetwork/ipams/defaultipam/allocator.go newPoolData, getAddress.
    """

    __slots__ = (
        "_high",
        "_low",
        "_numbers",
        "_serial",
        "_v4",
        "gateway",
        "ip_range",
        "prefix_length",
        "subnet",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    subnet: str
    prefix_length: int
    ip_range: str | None
    gateway: str | None
    _v4: bool
    _serial: bool
    _low: int
    _high: int

    def __init__(
        self,
        subnet: str,
        *,
        ip_range: str | None = None,
        serial: bool = True,
        numbers: Serial | None = None,
    ) -> None:
        network = parse_network(subnet)
        self.subnet = str(network)
        self.prefix_length = network.prefixlen
        self.ip_range = None
        self.gateway = None
        self._v4 = network.version == 4
        self._serial = serial
        self._numbers = _fresh(network) if numbers is None else numbers
        self._low, self._high = self._numbers.first, self._numbers.last
        if ip_range:
            self._limit(parse_network(ip_range), network)

    def _limit(self, part: IPv4Network | IPv6Network, network: IPv4Network | IPv6Network) -> None:
        """Draw from ``part`` only."""
        if part.version != network.version:
            raise BadValue("pool and subpool are of incompatible address families", str(part))
        if not part.overlaps(network):
            raise AddressOutOfRange(str(part))
        if part.prefixlen > network.prefixlen:
            self.ip_range = str(part)
            self._low, self._high = bounds(part)
        else:
            self.ip_range = self.subnet

    def specific(self, address: str) -> str:
        """Take this very address; the cursor stays.

        Args:
            address: text, with or without a mask (which is ignored).

        Returns:
            The address without mask.

        Raises:
            AddressOutOfRange: not in the subnet.
            AddressInUse: handed out already, or the network or broadcast address.
            BadValue: no address.

        >>> Pool("10.0.1.0/24").specific("10.0.1.254/24")
        '10.0.1.254'
        """
        number = self._number(address)
        if not self._numbers.claim(number):
            raise AddressInUse(self._text(number))
        return self._text(number)

    def any(self) -> str:
        """Take the next free address of the subnet or range.

        Raises:
            NoAddressLeft: all are handed out.

        Complexity: O(log r), r the number of runs of neighbouring addresses in use.
        """
        number = self._numbers.take(self._low, self._high, serial=self._serial)
        if number is None:
            raise NoAddressLeft
        return self._text(number)

    def release(self, address: str) -> None:
        """Give an address back; giving back a free one is no error. The cursor stays.

        Raises:
            AddressOutOfRange: not in the subnet, or its network or broadcast address.
            BadValue: no address.
        """
        number = self._number(address)
        if number in self._reserved:
            raise AddressOutOfRange(self._text(number))
        self._numbers.release(number)

    def take_gateway(self, address: str | None = None) -> str:
        """Take the gateway's address: the one given, else the next free one.

        A given gateway leaves the cursor where it was, which is why the first address of a subnet whose
        gateway is .254 is .1.

        >>> pool = Pool("10.0.1.0/24")
        >>> pool.take_gateway("10.0.1.254"), pool.any()
        ('10.0.1.254', '10.0.1.1')
        >>> ranged = Pool("10.9.0.0/16", ip_range="10.9.3.0/24")
        >>> ranged.take_gateway(), ranged.any()       # a range has no network address
        ('10.9.3.0', '10.9.3.1')

        Source: moby daemon/libnetwork/cnmallocator/networkallocator.go allocatePools.
        """
        self.gateway = self.specific(address) if address else self.any()
        return self.gateway

    def cidr(self, address: str) -> str:
        """Return the address with the subnet's mask length, as the swarm's store keeps it."""
        return f"{address}/{self.prefix_length}"

    @property
    def numbers(self) -> Serial:
        """The numbers in use, the network and broadcast address among them."""
        return self._numbers

    @property
    def cursor(self) -> str:
        """Where the next serial :meth:`any` starts to look."""
        number = self._numbers.cursor
        return self._text(number if self._low < number <= self._high else self._low)

    @property
    def size(self) -> int:
        """How many addresses can be handed out, in the whole subnet."""
        return self._numbers.last - self._numbers.first + 1 - len(self._reserved)

    @property
    def _reserved(self) -> tuple[int, ...]:
        return _reserved(self._numbers.first, self._numbers.last, v4=self._v4)

    def _number(self, address: str) -> int:
        text = address.partition("/")[0]
        try:
            parsed = ip_address(text)
        except ValueError:
            raise BadValue(f"invalid address: {address}", address) from None
        number = int(parsed)
        if (parsed.version == 4) != self._v4 or not self._numbers.first <= number <= self._numbers.last:
            raise AddressOutOfRange(text)
        return number

    def _text(self, number: int) -> str:
        if self._v4:  # four times as fast as str(IPv4Address(number))
            return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return str(IPv6Address(number))

    def __contains__(self, address: str) -> bool:
        """Whether the address is handed out (the network and broadcast address always are)."""
        return self._number(address) in self._numbers

    def __iter__(self) -> Iterator[str]:
        """Yield the addresses handed out, ascending, without network and broadcast address."""
        reserved = self._reserved
        return (self._text(number) for number in self._numbers if number not in reserved)

    def __len__(self) -> int:
        """How many addresses are handed out, network and broadcast address not counted."""
        return len(self._numbers) - len(self._reserved)

    def __bool__(self) -> bool:
        """A pool is true, also an unused one."""
        return True

    def __repr__(self) -> str:
        part = f" range {self.ip_range}" if self.ip_range else ""
        return f"Pool({self.subnet}{part}: {len(self)} of {self.size} in use, cursor {self.cursor})"

    def check(self) -> None:
        """Assert that the numbers are sound and the reserved addresses are held."""
        self._numbers.check()
        assert all(number in self._numbers for number in self._reserved), f"reserved address lost: {self!r}"
        assert self._numbers.first <= self._low <= self._high <= self._numbers.last, f"range: {self!r}"
        assert self.gateway is None or self.gateway in self, f"gateway {self.gateway} is free: {self!r}"


def _reserved(first: int, last: int, *, v4: bool) -> tuple[int, ...]:
    """Numbers never handed out: network and broadcast; IPv6 has no broadcast, /31 and /32 neither."""
    if not v4:
        return (first,)
    return (first, last) if last - first > 1 else ()


def _fresh(network: IPv4Network | IPv6Network) -> Serial:
    """Return the unused numbers of a subnet."""
    numbers = Serial(*bounds(network))
    for number in _reserved(numbers.first, numbers.last, v4=network.version == 4):
        numbers.claim(number)
    return numbers

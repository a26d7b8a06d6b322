"""The subnets of one address space: a swarm's overlays, or the bridges of one host.

Room ipam, floor 2. In: "any subnet" or a given one. Out: a :class:`~meshsim.ipam.Pool` for it.

Rules of this file: two pools never overlap, but for the known hole of a given subnet with a range
(moby issue 46756), which is kept; a given subnet never moves the cursor. It does not know networks,
names or VXLAN, nor the networks the machines themselves use.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from itertools import accumulate, pairwise
from typing import Any, Literal

from meshsim.errors import BadValue, InvalidParameter, NoSubnetLeft, PoolOverlap
from meshsim.ipam.pool import Pool, bounds, parse_network
from meshsim.sim import duplicate

__all__ = ["GLOBAL_POOLS", "LOCAL_POOLS", "Ipam", "SubnetOrder"]

#: How free subnets are picked: the lowest free one (since 27.0), or by a cursor that wraps (before).
SubnetOrder = Literal["first-fit", "cursor"]

#: Where a swarm's subnets come from by default. Source: moby ipamutils globalScopeDefaultNetworks.
GLOBAL_POOLS = (("10.0.0.0/8", 24),)
#: Where a host's bridges get theirs. Source: moby ipamutils localScopeDefaultNetworks.
LOCAL_POOLS = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)

_EXHAUSTED = {
    "first-fit": "all predefined address pools have been fully subnetted",
    "cursor": "could not find an available, non-overlapping IPv4 address pool among the defaults"
    " to assign to the network",
}

Network = IPv4Network | IPv6Network


class Ipam:
    """Allocator of the subnets of one address space.

    The verbs are those of a pool, one level up: :meth:`specific` takes a given subnet, :meth:`any` the
    next free one of the default pools, :meth:`release` gives one back.

    Args:
        pools: default pools as (CIDR, mask length of the subnets cut from it).
        order: "first-fit" gives the lowest free subnet, "cursor" goes on after the last one given.
        serial: how the addresses inside are given; see :class:`~meshsim.ipam.Pool`.

    >>> ipam = Ipam()
    >>> ingress, eg1, app1 = ipam.any(), ipam.any(), ipam.any()
    >>> eg1.subnet, app1.subnet
    ('10.0.1.0/24', '10.0.2.0/24')
    >>> ipam.release(app1)
    >>> ipam.any().subnet
    '10.0.2.0/24'
    >>> ipam
    Ipam(first-fit: 3 pools, 10.0.0.0/8 in /24)

    Raises:
        BadValue: no default pool, no such order, or a mask that does not fit a pool.

    Source: moby daemon/libnetwork/ipams/defaultipam/address_space.go addrSpace (first-fit);
    libnetwork ipam/allocator.go Allocator (cursor).
    """

    __slots__ = ("_cursor", "_defaults", "_order", "_pools", "_serial", "_spans")

    def __init__(
        self,
        pools: Iterable[tuple[str, int]] = GLOBAL_POOLS,
        *,
        order: SubnetOrder = "first-fit",
        serial: bool = True,
    ) -> None:
        if order not in _EXHAUSTED:
            raise BadValue(f"no such order of subnets: {order!r}; known: first-fit, cursor", str(order))
        self._defaults = _default_pools(tuple((text, size) for text, size in pools), order)
        self._order: SubnetOrder = order
        self._serial = serial
        self._cursor = 0
        self._pools: dict[tuple[str, str | None], Pool] = {}
        # First and last address of each subnet in use, sorted; a shared subnet stands here once.
        self._spans: list[tuple[int, int]] = []

    def any(self, *, prefix_length: int | None = None, exclude: Iterable[str] = ()) -> Pool:
        """Take the next free subnet of the default pools.

        Args:
            prefix_length: mask length instead of that of the pools (``--subnet 0.0.0.0/N``; first-fit
                only).
            exclude: CIDR texts to keep clear of, such as the host's own networks.

        Raises:
            NoSubnetLeft: none is free; the sentence is that of the order.
            InvalidParameter: no pool can be cut so.
            NotImplementedError, ValueError: see ``prefix_length``.

        Complexity: O(n), n the number of subnets in use.
        """
        taken = self._spans
        if excluded := [_span(parse_network(text)) for text in exclude]:
            taken = sorted(self._spans + excluded)
        if self._order == "cursor":
            if prefix_length is not None:
                raise BadValue("the cursor order gives only subnets of its pools' size", str(prefix_length))
            return self._open(self._next_by_cursor(taken))
        return self._open(self._first_fit(taken, prefix_length))

    def specific(self, subnet: str, *, ip_range: str | None = None) -> Pool:
        """Take a given subnet; the cursor stays.

        Args:
            subnet: CIDR text; host bits are dropped.
            ip_range: CIDR text of the part automatic addresses come from. With a range the check for
                overlap is left out, and the same subnet with another range shares its addresses.

        Raises:
            PoolOverlap: it overlaps a subnet in use, or is the same subnet with the same range.
            AddressOutOfRange: the range lies outside the subnet.
            BadValue: no CIDR.

        >>> Ipam().specific("10.7.0.9/16").subnet
        '10.7.0.0/16'

        Complexity: O(n).

        Source: moby daemon/libnetwork/ipams/defaultipam/address_space.go allocateSubnet.
        """
        network = parse_network(subnet)
        if not ip_range and _hit(self._spans, *_span(network)):
            raise PoolOverlap(str(network))
        return self._open(network, ip_range)

    def release(self, pool: Pool) -> None:
        """Give a subnet back, with every address of it.

        Raises:
            InvalidParameter: this pool is not (or no longer) one of this address space.
        """
        key = (pool.subnet, pool.ip_range)
        if self._pools.get(key) is not pool:
            raise InvalidParameter("address space does not contain specified address pool")
        del self._pools[key]
        if not any(subnet == pool.subnet for subnet, _ in self._pools):
            self._spans.remove(_span(parse_network(pool.subnet)))

    def rebuild(self, in_use: Iterable[tuple[str, str | None, Iterable[str]]]) -> list[Pool]:
        """Become what a new leader makes of the store: all is taken one by one, all cursors are lost.

        Args:
            in_use: per subnet its CIDR, its range or None, and every address in use there (gateway,
                VIPs, tasks, load balancers), with or without mask.

        Returns:
            The new pools, in the given order. The old ones are worthless.

        Raises:
            IpamError: something is in use twice; nothing is changed then.

        >>> ipam = Ipam()
        >>> (eg1,) = ipam.rebuild([("10.0.1.0/24", None, ["10.0.1.1", "10.0.1.2/24", "10.0.1.4/24"])])
        >>> eg1.any(), eg1.any()                       # the lowest hole first
        ('10.0.1.3', '10.0.1.5')

        Source: moby daemon/libnetwork/cnmallocator/networkallocator.go (a leader's start: AllocateNetwork,
        AllocateService and AllocateTask of everything in the store).
        """
        twin = Ipam(
            ((str(base), size) for base, size in self._defaults), order=self._order, serial=self._serial
        )
        pools = []
        for subnet, ip_range, addresses in in_use:
            pool = twin.specific(subnet, ip_range=ip_range)
            for address in addresses:
                pool.specific(address)
            pools.append(pool)
        self._pools, self._spans, self._cursor = twin._pools, twin._spans, 0
        return pools

    def _open(self, network: Network, ip_range: str | None = None) -> Pool:
        """Note a subnet as used and make its pool."""
        subnet = str(network)
        shared = next((pool for (used, _), pool in self._pools.items() if used == subnet), None)
        pool = Pool(
            subnet, ip_range=ip_range, serial=self._serial, numbers=shared.numbers if shared else None
        )
        if (subnet, pool.ip_range) in self._pools:
            raise PoolOverlap(subnet)
        self._pools[subnet, pool.ip_range] = pool
        if shared is None:
            insort(self._spans, _span(network))
        return pool

    def _first_fit(self, taken: list[tuple[int, int]], prefix_length: int | None) -> Network:
        """Return the lowest free subnet; source: address_space.go allocatePredefinedPool."""
        pools = self._defaults
        if prefix_length is not None:
            pools = [(base, prefix_length) for base, _ in pools if base.prefixlen <= prefix_length <= 32]
            if not pools:
                raise InvalidParameter("invalid address pool")
        for base, size in pools:
            number = _gap(taken, *_span(base), 1 << (32 - size))
            if number is not None:
                return IPv4Network((number, size))
        raise NoSubnetLeft(_EXHAUSTED["first-fit"])

    def _next_by_cursor(self, taken: list[tuple[int, int]]) -> Network:
        """Return the next free subnet from the cursor on; source: libnetwork getPredefinedPool."""
        counts = list(accumulate(1 << (size - base.prefixlen) for base, size in self._defaults))
        for step in range(counts[-1]):
            index = (self._cursor + step) % counts[-1]
            which = bisect_right(counts, index)
            base, size = self._defaults[which]
            length = 1 << (32 - size)
            start = int(base[0]) + (index - (counts[which - 1] if which else 0)) * length
            if not _hit(taken, start, start + length - 1):
                # Past the end the real cursor starts over at 0, wherever the search wrapped to.
                reached = self._cursor + step + 1
                self._cursor = reached if reached < counts[-1] else 0
                return IPv4Network((start, size))
        raise NoSubnetLeft(_EXHAUSTED["cursor"])

    def __deepcopy__(self, memo: dict[int, Any]) -> Ipam:
        """Copy the pools in use; the default pools never change and are shared."""
        twin = Ipam.__new__(Ipam)
        twin._defaults, twin._order, twin._serial = self._defaults, self._order, self._serial
        twin._cursor = self._cursor
        twin._pools = {key: duplicate(pool, memo) for key, pool in self._pools.items()}
        twin._spans = self._spans.copy()
        return twin

    def __iter__(self) -> Iterator[Pool]:
        """Yield the pools in use, in the order they were taken."""
        return iter(tuple(self._pools.values()))

    def __len__(self) -> int:
        """How many pools are in use."""
        return len(self._pools)

    def __bool__(self) -> bool:
        """An address space is true, also an unused one."""
        return True

    def __repr__(self) -> str:
        cut = ", ".join(f"{base} in /{size}" for base, size in self._defaults)
        return f"Ipam({self._order}: {len(self)} pools, {cut})"

    def check(self) -> None:
        """Assert that pools and spans agree, and that only pools with a range overlap."""
        spans = {_span(parse_network(pool.subnet)) for pool in self}
        assert sorted(spans) == self._spans, f"spans and pools differ: {self!r}"
        plain = sorted(_span(parse_network(pool.subnet)) for pool in self if pool.ip_range is None)
        assert all(a[1] < b[0] for a, b in pairwise(plain)), f"overlap: {self!r}"
        for pool in self:
            pool.check()


@lru_cache(maxsize=64)
def _default_pools(
    pools: tuple[tuple[str, int], ...], order: SubnetOrder
) -> Sequence[tuple[IPv4Network, int]]:
    """Read the default pools; first-fit sorts them and drops those inside another."""
    read = []
    for text, size in pools:
        base = parse_network(text)
        if isinstance(base, IPv6Network):
            raise BadValue(f"default pools are IPv4: {text}", text)
        if not base.prefixlen <= size <= 32:
            raise BadValue(f"a pool {text} cannot be cut into /{size}", text)
        read.append((base, size))
    if not read:
        raise BadValue("at least one default pool is needed")
    if order == "cursor":
        return read
    kept: list[tuple[IPv4Network, int]] = []
    for base, size in sorted(read, key=lambda pool: (int(pool[0][0]), pool[0].prefixlen)):
        if not (kept and kept[-1][0].overlaps(base)):
            kept.append((base, size))
    return kept


def _span(network: Network) -> tuple[int, int]:
    """First and last address as numbers; IPv6 is moved out of IPv4's way."""
    first, last = bounds(network)
    return (first, last) if network.version == 4 else (first + (1 << 32), last + (1 << 32))


def _hit(spans: list[tuple[int, int]], first: int, last: int) -> bool:
    """Whether a span has an address of ``first`` to ``last``."""
    return any(start <= last and first <= end for start, end in spans)


def _gap(spans: list[tuple[int, int]], first: int, last: int, length: int) -> int | None:
    """First multiple of ``length`` from ``first`` on whose block ends by ``last`` and hits no span."""
    number = first
    for start, end in spans:
        if start >= number + length:
            break
        if end >= number:
            number = (end // length + 1) * length
    return number if number + length - 1 <= last else None

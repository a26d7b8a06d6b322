"""What a user's wishes about subnets are checked against, and the sentences they are refused with.

Room ipam, floor 2. In: texts as the user typed them. Out: nothing, or a typed error whose text is that of
the real program.

Three programs check in turn and differ in words: the command line (:func:`command_line_subnets`), the
engine (:func:`check_engine_subnets`), and SwarmKit (:func:`check_swarmkit_subnets`). A subnet that is
merely taken is not refused by any of them: that fails later, in the allocator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Protocol

from attrs import frozen

from meshsim.errors import BadValue, InvalidArgument, InvalidParameter

__all__ = [
    "MAX_SUBNET_LENGTH",
    "SubnetChoice",
    "SubnetWish",
    "check_default_pools",
    "check_engine_subnets",
    "check_swarmkit_subnets",
    "command_line_subnets",
]

#: Longest mask ``--default-addr-pool-mask-length`` takes. Source: moby daemon/cluster
#: validateDefaultAddrPool.
MAX_SUBNET_LENGTH = 29

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface


class SubnetWish(Protocol):
    """What a user asks for one subnet; an empty text means "choose"."""

    @property
    def subnet(self) -> str:
        """CIDR text."""

    @property
    def ip_range(self) -> str:
        """CIDR text."""

    @property
    def gateway(self) -> str:
        """Address text."""


@frozen(slots=True)
class SubnetChoice:
    """One subnet with what belongs to it, as the command line sorted it out."""

    subnet: str
    ip_range: str = ""
    gateway: str = ""


def check_default_pools(pools: Iterable[str], mask_length: int) -> None:
    """Check ``swarm init --default-addr-pool ... --default-addr-pool-mask-length N``.

    Raises:
        InvalidParameter: with the engine's sentence.

    >>> check_default_pools(["20.20.0.0/16"], 24)
    >>> check_default_pools(["10.0.0.0/24"], 16)
    Traceback (most recent call last):
    meshsim.errors.InvalidParameter: invalid CIDR: "10.0.0.0/24". Subnet size is too small for pool: 16

    Source: moby daemon/cluster/listen_addr.go, swarm.go validateDefaultAddrPool.
    """
    if mask_length > MAX_SUBNET_LENGTH:
        raise InvalidParameter(f"subnet size is out of range: {mask_length}")
    for pool in pools:
        base = _interface(pool.strip())
        if base is None:
            raise InvalidParameter(f"invalid base pool {pool}: invalid CIDR address: {pool}")
        if mask_length < base.network.prefixlen:
            raise InvalidParameter(
                f'invalid CIDR: "{pool}". Subnet size is too small for pool: {mask_length}'
            )


def check_engine_subnets(wishes: Iterable[SubnetWish], *, ipv6: bool = False) -> None:
    """Check subnets as a current engine does, before anything else looks at them.

    Args:
        wishes: one per subnet.
        ipv6: False passes over IPv6 subnets unread.

    Raises:
        InvalidParameter: all that is wrong, in one sentence of several lines.

    >>> check_engine_subnets([SubnetChoice("10.5.0.1/16")])
    Traceback (most recent call last):
    meshsim.errors.InvalidParameter: invalid network config:
    invalid subnet 10.5.0.1/16: it should be 10.5.0.0/16

    Source: moby api/types/network/ipam.go ValidateIPAM (25-28), daemon/network.go validateIpamConfig.
    """
    wrong: list[str] = []
    for wish in wishes:
        subnet = _interface(wish.subnet)
        if subnet is None:
            wrong.append(f"invalid subnet {wish.subnet}: invalid CIDR block notation")
        elif subnet.version == 4 or ipv6:
            wrong += _wrong_with(wish, subnet)
    if wrong:
        lines = wrong[0] if len(wrong) == 1 else "\n".join(f"* {text}" for text in wrong)
        raise InvalidParameter(f"invalid network config:\n{lines}")


def _wrong_with(wish: SubnetWish, subnet: Interface) -> list[str]:
    """Everything the engine finds wrong with one readable subnet."""
    wrong = []
    if subnet.ip != subnet.network.network_address:
        wrong.append(f"invalid subnet {subnet}: it should be {subnet.network}")
    if wish.ip_range:
        wrong += _wrong_range(wish.ip_range, subnet)
    if wish.gateway and (text := _wrong_address(wish.gateway, subnet)):
        wrong.append(f"invalid gateway {wish.gateway}: {text}")
    return wrong


def _wrong_range(text: str, subnet: Interface) -> list[str]:
    part = _interface(text)
    if part is None:
        return [f"invalid ip-range {text}: invalid CIDR block notation"]
    if part.version != subnet.version:
        return [f"invalid ip-range {text}: parent subnet is an IPv{subnet.version} block"]
    wrong = []
    if part.network.prefixlen < subnet.network.prefixlen:
        wrong.append(f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}")
    if part.ip != part.network.network_address:
        wrong.append(f"invalid ip-range {part}: it should be {part.network}")
    if not part.network.overlaps(subnet.network):
        wrong.append(f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range")
    return wrong


def _wrong_address(text: str, subnet: Interface) -> str:
    address = _address(text)
    if address is None:
        return "invalid address"
    if address.version != subnet.version:
        return f"parent subnet is an IPv{subnet.version} block"
    if address not in subnet.network:
        return f"parent subnet {subnet} doesn't contain this address"
    return ""


def check_swarmkit_subnets(wishes: Iterable[SubnetWish]) -> None:
    """Check subnets as SwarmKit does: later than the engine, more leniently, first fault only.

    Raises:
        InvalidArgument: with SwarmKit's sentence.

    >>> check_swarmkit_subnets([SubnetChoice("192.168.1.0/24", gateway="192.168.2.1")])
    Traceback (most recent call last):
    meshsim.errors.InvalidArgument: rpc error: code = InvalidArgument desc = ipam configuration: subnet
    192.168.1.0/24 does not contain gateway 192.168.2.1

    Source: swarmkit manager/controlapi/network.go validateIPAMConfiguration.
    """
    for wish in wishes:
        subnet = _interface(wish.subnet)
        if subnet is None:
            raise InvalidArgument(f"ipam configuration: invalid subnet {wish.subnet}")
        if wish.ip_range:
            part = _interface(wish.ip_range)
            if part is None:
                raise InvalidArgument(f"ipam configuration: invalid range {wish.ip_range}")
            if part.ip not in subnet.network:
                raise InvalidArgument(
                    f"ipam configuration: subnet {wish.subnet} does not contain range {wish.ip_range}"
                )
        if wish.gateway:
            address = _address(wish.gateway)
            if address is None:
                raise InvalidArgument(f"ipam configuration: invalid gateway {wish.gateway}")
            if address not in subnet.network:
                raise InvalidArgument(
                    f"ipam configuration: subnet {wish.subnet} does not contain gateway {wish.gateway}"
                )


def command_line_subnets(
    subnets: Sequence[str],
    *,
    ip_ranges: Sequence[str] = (),
    gateways: Sequence[str] = (),
    aux_addresses: Mapping[str, str] | None = None,
) -> list[SubnetChoice]:
    """Sort out which range and gateway belongs to which subnet, as ``docker network create`` does.

    Args:
        subnets: values of ``--subnet``.
        ip_ranges: values of ``--ip-range``.
        gateways: values of ``--gateway``.
        aux_addresses: values of ``--aux-address`` by name; only checked.

    Returns:
        One choice per subnet, in the order typed. A single unreadable subnet passes: the engine refuses it.

    Raises:
        BadValue: with the command line's sentence (exit code 1).

    >>> command_line_subnets(["10.1.0.0/16", "10.2.0.0/16"], gateways=["10.2.0.1"])[1]
    SubnetChoice(subnet='10.2.0.0/16', ip_range='', gateway='10.2.0.1')
    >>> command_line_subnets(["10.1.0.0/16"], gateways=["10.9.0.1"])
    Traceback (most recent call last):
    meshsim.errors.BadValue: no matching subnet for gateway 10.9.0.1

    Source: docker/cli cli/command/network/create.go createIPAMConfig.
    """
    if len(subnets) < max(len(ip_ranges), len(gateways)):
        raise BadValue("every ip-range or gateway must have a corresponding subnet")
    for position, subnet in enumerate(subnets):
        for other in subnets[:position]:
            if _matches(subnet, other) or _matches(other, subnet):
                raise BadValue("multiple overlapping subnet configuration is not supported")
    ranges = _sorted_to(
        "range", ip_ranges, subnets, "cannot configure multiple ranges ({}, {}) on the same subnet ({})"
    )
    gates = _sorted_to(
        "gateway", gateways, subnets, "cannot configure multiple gateways ({}, {}) for the same subnet ({})"
    )
    for address in (aux_addresses or {}).values():
        if not any(_matches(subnet, address) for subnet in subnets):
            raise BadValue(f"no matching subnet for aux-address {address}", address)
    return [SubnetChoice(subnet, ranges.get(subnet, ""), gates.get(subnet, "")) for subnet in subnets]


def _sorted_to(word: str, values: Sequence[str], subnets: Sequence[str], twice: str) -> dict[str, str]:
    """Give each value to the subnet that holds it; at most one each."""
    found: dict[str, str] = {}
    for value in values:
        homes = [subnet for subnet in subnets if _matches(subnet, value)]
        for subnet in homes:
            if subnet in found:
                raise BadValue(twice.format(value, found[subnet], subnet), value)
            found[subnet] = value
        if not homes:
            raise BadValue(f"no matching subnet for {word} {value}", value)
    return found


def _matches(subnet: str, text: str) -> bool:
    """Whether the subnet holds the address that ``text`` (an address or CIDR) starts with."""
    block = _interface(subnet)
    if block is None:
        raise BadValue(f"invalid subnet: invalid CIDR address: {subnet}", subnet)
    if "/" not in text:
        address = _address(text)
        return address is not None and address in block.network
    inner = _interface(text)
    if inner is None:
        raise BadValue(f"invalid CIDR address: {text}", text)
    return inner.ip in block.network


def _interface(text: str) -> Interface | None:
    """Read ``ADDRESS/LENGTH``, keeping the host bits; None when it is no such thing."""
    _, slash, mask = text.partition("/")
    if not slash or not (mask.isascii() and mask.isdigit()):
        return None
    try:
        return ip_interface(text)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None

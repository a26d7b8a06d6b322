"""Errors of the mechanisms usable alone: addresses, IPVS. :mod:`meshsim.errors` draws the tree."""

from __future__ import annotations

from typing import ClassVar

from meshsim.errors.base import MeshsimError

__all__ = [
    "AddressInUse",
    "AddressOutOfRange",
    "DestinationExists",
    "InvalidRule",
    "InvalidThreshold",
    "IpamError",
    "IpvsError",
    "NoAddressLeft",
    "NoNumberLeft",
    "NoSubnetLeft",
    "NoSuchDestination",
    "NoSuchService",
    "NumberOutOfRange",
    "NumberTaken",
    "PoolOverlap",
    "ServiceExists",
    "UnknownBalancer",
]


class IpamError(MeshsimError):
    """An address, subnet or serial number cannot be given. Only the manager's log shows the sentence."""


class NumberTaken(IpamError):
    """The number asked for is handed out already; ``number`` is that number.

    Source: moby daemon/libnetwork/bitmap/sequence.go ErrBitAllocated.
    """

    sentence: ClassVar[str] = "requested bit is already allocated"

    def __init__(self, number: int | str = "") -> None:
        super().__init__(self.sentence)
        self.number = number


class AddressInUse(NumberTaken):
    """The address asked for is handed out already; ``number`` is the address as text.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrIPAlreadyAllocated.
    """

    sentence = "Address already in use"


class NumberOutOfRange(IpamError, ValueError):
    """The set does not hold the number asked for; ``number`` is that number.

    Source: swarmkit manager/allocator internal/idm GetSpecificID.
    """

    sentence: ClassVar[str] = "requested id does not belong to the set"

    def __init__(self, number: int | str = "") -> None:
        super().__init__(self.sentence)
        self.number = number


class AddressOutOfRange(NumberOutOfRange):
    """The subnet does not hold the address asked for; ``number`` is the address as text.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrIPOutOfRange.
    """

    sentence = "requested address is out of range"


class NoNumberLeft(IpamError):
    """Every number of the set is handed out.

    Source: moby daemon/libnetwork/bitmap/sequence.go ErrNoBitAvailable.
    """

    sentence: ClassVar[str] = "no bit available"

    def __init__(self) -> None:
        super().__init__(self.sentence)


class NoAddressLeft(NoNumberLeft):
    """Every address of the subnet (or of its range) is handed out.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrNoAvailableIPs.
    """

    sentence = "no available addresses on this pool"


class PoolOverlap(IpamError):
    """The subnet asked for overlaps one in use; ``subnet`` is the one asked for.

    Source: moby daemon/libnetwork/ipams/defaultipam/allocator.go RequestPool.
    """

    def __init__(self, subnet: str = "") -> None:
        super().__init__("invalid pool request: Pool overlaps with other one on this address space")
        self.subnet = subnet


class NoSubnetLeft(IpamError):
    """Every subnet of the default pools is handed out; the sentence depends on the order they go in.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrNoMoreSubnets; libnetwork ipam/allocator.go
    getPredefinedPool.
    """


class IpvsError(MeshsimError):
    """IPVS refuses; the text is ipvsadm's where it has one, ``exit_code`` too."""

    exit_code: ClassVar[int] = 255


class ServiceExists(IpvsError):
    """The virtual service is defined already."""

    def __init__(self) -> None:
        super().__init__("Service already exists")


class DestinationExists(IpvsError):
    """The destination is in the service already."""

    def __init__(self) -> None:
        super().__init__("Destination already exists")


class NoSuchService(IpvsError, LookupError):
    """No virtual service with that key."""

    def __init__(self, message: str = "No such service") -> None:
        super().__init__(message)


class NoSuchDestination(IpvsError, LookupError):
    """No such destination in the service."""

    def __init__(self) -> None:
        super().__init__("No such destination")


class UnknownBalancer(IpvsError, LookupError):
    """No balancer of that name; ``known`` lists those there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Scheduler or persistence engine not found: {name!r}; known: {', '.join(known)}")
        self.name = name
        self.known = known


class InvalidRule(IpvsError, ValueError):
    """A service or destination that cannot be defined so."""

    exit_code = 2


class InvalidThreshold(InvalidRule):
    """A lower threshold above the upper one; the kernel refuses, not ipvsadm."""

    exit_code = 255

    def __init__(self) -> None:
        super().__init__("Numerical result out of range")

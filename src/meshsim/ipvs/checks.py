"""Room ipvs: what ipvsadm and the kernel would not take.

In: what a user typed for a service or destination. Out: the same in its usual form, or a typed error in
ipvsadm's words. Nothing here changes anything.
"""

from __future__ import annotations

from meshsim.errors import BadValue, InvalidRule, InvalidThreshold
from meshsim.ipvs.destination import Forward
from meshsim.ipvs.flow import Endpoint, check_address, check_port, check_protocol
from meshsim.ipvs.service import ServiceKey, VirtualService

MAX_NUMBER = 2**31 - 1
"""The largest weight, threshold or time-out: the kernel keeps them as int."""

MAX_MARK = 2**32 - 1


def whole(value: object, low: int = 0, high: int = MAX_NUMBER) -> bool:
    """Is it an integer (no bool) within the bounds?"""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def service_key(protocol: str | None, address: str | None, port: int | None, mark: int | None) -> ServiceKey:
    """The key of a service by address or by mark, never both."""
    if mark is not None:
        if protocol is not None or address is not None or port is not None:
            raise InvalidRule("a firewall-mark service has no protocol, address or port")
        if not whole(mark, 1, MAX_MARK):
            raise InvalidRule(f"invalid fwmark value `{mark}' specified")
        return mark
    if protocol is None or address is None:
        raise InvalidRule("You need to supply the 'service-address' option for the 'add-service' command")
    try:
        return check_protocol(protocol), check_address(address), check_port(0 if port is None else port)
    except BadValue as error:
        raise InvalidRule("illegal virtual server address[:port] specified") from error


def check_settings(key: ServiceKey, persistent_s: int, netmask: str, one_packet: bool) -> None:
    """Can a service with that key be scheduled so?"""
    if not whole(persistent_s):
        raise InvalidRule("illegal timeout for persistent service")
    try:
        check_address(netmask)
    except BadValue as error:
        raise InvalidRule("invalid netmask specified") from error
    if not isinstance(key, int) and not key[2] and not persistent_s:
        raise InvalidRule("Zero port specified for non-persistent service")
    if one_packet and (isinstance(key, int) or key[0] != "udp"):
        raise InvalidRule("One-Packet Scheduling is only for UDP virtual services")


def server_place(service: VirtualService, address: str, port: int | None, forward: Forward) -> Endpoint:
    """A real server's address and port; the service's own port where there is no choice."""
    own_port = 0 if isinstance(service.key, int) else service.key[2]
    try:
        address = check_address(address)
        port = own_port if port is None else check_port(port)
    except BadValue as error:
        raise InvalidRule("illegal real server address[:port] specified") from error
    if forward in (Forward.ROUTE, Forward.TUNNEL) and not service.mark:
        port = own_port
    return address, port


def check_load(weight: int, upper: int, lower: int) -> None:
    """Are these a weight and thresholds?"""
    if not whole(weight):
        raise InvalidRule("illegal weight specified")
    for bound in (upper, lower):
        if not whole(bound):
            raise InvalidRule("illegal connection threshold specified")
    if lower > upper:
        raise InvalidThreshold

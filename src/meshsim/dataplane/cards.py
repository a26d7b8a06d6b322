"""Room dataplane: network interfaces and routes, as ``ip`` prints them.

Comes in: a host, a balancer's sandbox, a container's namespace, an overlay's bridge. Goes out: its interfaces
as values, and text. Rules of this file: nothing is stored here. Interface numbers and the hardware addresses
of bridges are random in a real engine and meshsim's own here; ``veth`` pairs on the host and IPv6 link-local
addresses are left out, and so is the host's own default route: there is no router in this world.

Source: iproute2 ip/ipaddress.c, ip/iproute.c; text recorded from engine 26.1.
"""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from typing import TypeAlias

from attrs import frozen

from meshsim.dataplane.namespace import Namespace
from meshsim.dataplane.outsider import Outsider
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.sandbox import Sandbox
from meshsim.model.frozen import Frozen

__all__ = ["Card", "NetPlace", "OverlayBridge", "cards", "ip_addr", "ip_route", "mac"]

_FIRST_INTERFACE = 6
_MTU = 1500
#: length of a LAN's subnet; recorded machines: 192.168.65.11/24
_LAN_LENGTH = 24


@frozen(slots=True)
class OverlayBridge(Frozen):
    """The namespace ``1-...`` where a host keeps the bridge and the tunnel of one overlay."""

    sandbox: Sandbox


#: whatever has network interfaces
NetPlace: TypeAlias = DataPlane | Sandbox | Namespace | OverlayBridge | Outsider


@frozen(slots=True)
class Card(Frozen):
    """One network interface.

    Attributes:
        name: without the peer's number.
        index: its own number.
        peer: the number of the other end of its pair; 0 when it has none.
        mtu: bytes.
        addresses: with length, the own one first.
        state: UP, DOWN or UNKNOWN.
        via: the gateway of the default route that leaves by it; empty when none does.
    """

    name: str
    index: int
    peer: int
    mtu: int
    addresses: tuple[str, ...]
    state: str = "UP"
    via: str = ""

    @property
    def full_name(self) -> str:
        """As ``ip`` prints it: ``eth0@if6``."""
        return f"{self.name}@if{self.peer}" if self.peer else self.name


_LOOPBACK = Card("lo", 1, 0, 65536, ("127.0.0.1/8", "::1/128"), "UNKNOWN")


def cards(place: NetPlace) -> list[Card]:
    """The interfaces in there, ``lo`` first.

    >>> from meshsim.dataplane import Lab
    >>> [(card.name, card.addresses[0]) for card in cards(Lab(1).planes["host01"])]
    [('lo', '127.0.0.1/8'), ('eth0', '192.168.65.11/24')]
    """
    if isinstance(place, Sandbox):
        found = _of_sandbox(place.refresh())
    elif isinstance(place, Namespace):
        found = _of_namespace(place)
    elif isinstance(place, OverlayBridge):
        found = _of_overlay(place.sandbox.refresh())
    else:
        found = _of_machine(place)
    return [_LOOPBACK, *found]


def _pair(number: int, mtu: int, addresses: tuple[str, ...], via: str = "") -> Card:
    """An interface whose other end is outside the namespace."""
    peer = _FIRST_INTERFACE + 3 * number
    return Card(f"eth{number}", peer - 1, peer, mtu, addresses, via=via)


def _of_sandbox(sandbox: Sandbox) -> list[Card]:
    length = sandbox.covers.length
    addresses = (f"{sandbox.lb_address}/{length}", *(f"{vip}/32" for vip in sandbox.vips))
    found = [_pair(0, sandbox.mtu, addresses)]
    if sandbox.entry_pool is not None:
        pool = sandbox.entry_pool.seen
        found.append(_pair(1, _MTU, (pool.cidr(sandbox.entry_address),), pool.gateway or ""))
    return found


def _of_namespace(namespace: Namespace) -> list[Card]:
    plane, way_out = namespace.plane, namespace.gateway_address
    facing = plane.facing(namespace.facts) if way_out else ""
    found: list[Card] = []
    for place in namespace.places.values():
        sandbox = plane.sandboxes.get(place.network_id)
        network = sandbox or plane.bridges[place.network_id]
        mtu = sandbox.mtu if sandbox else _MTU
        via = facing if place.address == way_out else ""
        found.append(_pair(len(found), mtu, (f"{place.address}/{network.covers.length}",), via))
    pool = plane.gateway_pool
    if pool is not None and plane.held_gateway(namespace.facts):
        found.append(_pair(len(found), _MTU, (pool.cidr(way_out),), facing))
    return found


def _of_overlay(sandbox: Sandbox) -> list[Card]:
    """The bridge has the gateway's address; the ends of pairs on it have none."""
    here = sum(binding.node == sandbox.view.host for binding in sandbox.known.values()) + 1
    found = [
        Card("br0", 2, 0, sandbox.mtu, (f"{sandbox.gateway}/{sandbox.covers.length}",)),
        Card("vxlan0", 4, 4, sandbox.mtu, (), "UNKNOWN"),
    ]
    found += [Card(f"veth{n}", 6 + 3 * n, 5 + 3 * n, sandbox.mtu, ()) for n in range(here)]
    return found


def _of_machine(place: DataPlane | Outsider) -> list[Card]:
    found = [Card("eth0", 2, 0, _MTU, (f"{place.address}/{_LAN_LENGTH}",))]
    if isinstance(place, Outsider):
        return found
    pool, bridges = place.gateway_pool, list(place.bridges.values())
    for bridge in (b for b in bridges if b.network == "bridge"):
        found.append(_bridge("docker0", len(found), bridge.gateway, bridge.covers.length, bridge.known))
    if pool is not None:
        used = place.ingress is not None or any(map(place.held_gateway, place.namespaces.facts.values()))
        found.append(_bridge("docker_gwbridge", len(found), pool.gateway or "", pool.prefix_length, used))
    for bridge in (b for b in bridges if b.network != "bridge"):
        name = f"br-{bridge.network_id[:12]}"
        found.append(_bridge(name, len(found), bridge.gateway, bridge.covers.length, bridge.known))
    return found


def _bridge(name: str, before: int, gateway: str, length: int, used: object) -> Card:
    return Card(name, before + 2, 0, _MTU, (f"{gateway}/{length}",), "UP" if used else "DOWN")


# -- text


def ip_addr(place: NetPlace, *, brief: bool = False, busybox: bool = False) -> str:
    """``ip addr`` (or ``ip -br addr``) in there, in the words of iproute2 or of busybox.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(ip_addr(lab.sandbox("ingress", "host01"), brief=True).replace(" " * 10, "~"))
    lo~     UNKNOWN        127.0.0.1/8 ::1/128
    eth0@if6         UP~   10.0.0.2/24 10.0.0.3/32
    eth1@if9         UP~   172.18.0.2/16
    <BLANKLINE>
    """
    if brief:
        return "".join(
            f"{card.full_name:<16} {card.state:<14} {' '.join(card.addresses)} \n" for card in cards(place)
        )
    return "".join(_card_text(card, number, busybox=busybox) for number, card in enumerate(cards(place), -1))


def _card_text(card: Card, number: int, *, busybox: bool) -> str:
    group = "" if busybox else "group default "
    queue = f"mtu {card.mtu} qdisc noqueue state {card.state} {group}"
    if card.name == "lo":
        lines = [f"1: lo: <LOOPBACK,UP,LOWER_UP> {queue}qlen 1000"]
        lines.append("    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00")
    else:
        up = (
            "NO-CARRIER,BROADCAST,MULTICAST,UP" if card.state == "DOWN" else "BROADCAST,MULTICAST,UP,LOWER_UP"
        )
        flags = f"{up},M-DOWN" if busybox and card.peer else up
        netns = f" link-netnsid {number}" if card.peer and not busybox else ""
        lines = [f"{card.index}: {card.full_name}: <{flags}> {queue}"]
        if card.addresses:
            lines.append(f"    link/ether {mac(card.addresses[0])} brd ff:ff:ff:ff:ff:ff{netns}")
    for address in card.addresses:
        lines += _address_text(address, card.name)
    return "".join(f"{line}\n" for line in lines)


def _address_text(address: str, name: str) -> list[str]:
    forever = "       valid_lft forever preferred_lft forever"
    if ":" in address:
        return [f"    inet6 {address} scope host ", forever]
    interface = ip_interface(address)
    scope = "host" if name == "lo" else "global"
    alone = name == "lo" or interface.network.prefixlen == 32
    broadcast = "" if alone else f" brd {interface.network.broadcast_address}"
    return [f"    inet {address}{broadcast} scope {scope} {name}", forever]


def ip_route(place: NetPlace) -> str:
    """``ip route`` in there.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(ip_route(lab.sandbox("ingress", "host01")))
    default via 172.18.0.1 dev eth1
    10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
    172.18.0.0/16 dev eth1 proto kernel scope link src 172.18.0.2
    <BLANKLINE>
    """
    found = cards(place)
    lines = [f"default via {card.via} dev {card.name} \n" for card in found if card.via]
    connected = [(ip_network(card.addresses[0], strict=False), card) for card in found[1:] if card.addresses]
    for network, card in sorted(connected, key=_by_number):
        own = card.addresses[0].partition("/")[0]
        down = "linkdown " if card.state == "DOWN" else ""
        lines.append(f"{network} dev {card.name} proto kernel scope link src {own} {down}\n")
    return "".join(lines)


def _by_number(pair: tuple[object, Card]) -> tuple[int, ...]:
    return tuple(map(int, str(pair[0]).partition("/")[0].split(".")))


def mac(address: str) -> str:
    """The MAC address of an endpoint, made from its address.

    >>> mac("10.0.1.4/24")
    '02:42:0a:00:01:04'

    Source: moby daemon/libnetwork/netutils/utils.go GenerateMACFromIP.
    """
    parts = address.partition("/")[0].split(".")
    return "02:42:" + ":".join(f"{int(part):02x}" for part in parts)

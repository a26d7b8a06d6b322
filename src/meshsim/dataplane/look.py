"""Room dataplane: what the tools of a host show: namespaces, addresses, who knows what.

Comes in: a host, a sandbox, a container's namespace. Goes out: text as ``ip`` prints it, and the facts of
``docker network inspect -v`` as values. Rules of this file: nothing is stored here; interface numbers are
random in a real engine and meshsim's own here.

Source: iproute2 ip/ipaddress.c; moby daemon/libnetwork/network.go Services, agent.go; text recorded from
engine 26.1.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_interface
from typing import TypeAlias

from attrs import frozen

from meshsim.dataplane.namespace import Namespace
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.sandbox import Sandbox
from meshsim.ipvs import Table
from meshsim.ipvs.texts import listing
from meshsim.model.frozen import Frozen

__all__ = ["Inspected", "InspectedTask", "gateway_users", "inspect", "ip_addr", "ipvsadm", "mac", "netns"]

_FIRST_INTERFACE = 6


@frozen(slots=True)
class InspectedTask(Frozen):
    """One endpoint as ``docker network inspect -v`` shows it."""

    name: str
    endpoint_id: str
    address: str
    host_address: str


@frozen(slots=True)
class Inspected(Frozen):
    """One service as ``docker network inspect -v`` shows it; ``name`` is empty for plain containers.

    Attributes:
        vip: ``<nil>`` without one.
        ports: ``Target: 80, Publish: 81``.
        mark: the firewall mark on the host asked; shown as LocalLBIndex, 0 for plain containers.
        tasks: in order of arrival.
    """

    name: str
    vip: str
    ports: tuple[str, ...]
    mark: int
    tasks: tuple[InspectedTask, ...]


def inspect(sandbox: Sandbox, address_of: Callable[[str], str]) -> list[Inspected]:
    """The services a host knows on one network, by name; plain containers first, under no name.

    Args:
        sandbox: the host's, for that network.
        address_of: the address of a host, by name.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> (web,) = inspect(lab.sandbox("ingress", "host01"), lab.address_of)
    >>> web.name, web.vip, web.ports, web.mark
    ('web', '10.0.0.3', ('Target: 80, Publish: 81',), 256)

    Source: moby daemon/libnetwork/agent.go Services.
    """
    sandbox.refresh()
    found: dict[str, list[InspectedTask]] = {}
    for binding in sandbox.known.values():
        host = address_of(binding.node)
        task = InspectedTask(binding.name, binding.endpoint_id, binding.address, host)
        found.setdefault(binding.service_name, []).append(task)
    by_name = {here.service_name: here for here in sandbox.services.values()}
    shown = []
    for name in sorted(found):
        here = by_name.get(name)
        ports = here.ports if here else ()
        shown.append(
            Inspected(
                name,
                (here.vip if here else "") or "<nil>",
                tuple(f"Target: {target}, Publish: {published}" for _, published, target in ports),
                here.mark if here else 0,
                tuple(found[name]),
            )
        )
    return shown


def gateway_users(plane: DataPlane) -> list[tuple[str, str, str]]:
    """Who is on docker_gwbridge: key, name, address, as ``docker network inspect`` lists them.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> gateway_users(lab.planes["host01"])[-1]
    ('ingress-sbox', 'gateway_ingress-sbox', '172.18.0.2/16')

    Source: moby daemon/libnetwork/default_gateway.go setupDefaultGW.
    """
    pool = plane.gateway_pool
    if pool is None:
        return []
    found = [
        (namespace.container_id, f"gateway_{namespace.container_id[12:24]}", pool.cidr(held))
        for namespace in plane.namespaces.values()
        if (held := plane.held_gateway(namespace))
    ]
    if plane.ingress is not None and plane.ingress.entry_address:
        entry = pool.cidr(plane.ingress.entry_address)
        found.append(("ingress-sbox", "gateway_ingress-sbox", entry))
    return found


# -- namespaces

Place: TypeAlias = Sandbox | Namespace


def netns(plane: DataPlane) -> dict[str, Place | None]:
    """``ls /var/run/docker/netns``: name -> what lives there; None for the bridges of overlays.

    >>> from meshsim.dataplane import Lab
    >>> list(netns(Lab(1).planes["host01"]))
    ['1-ingress-00', 'ingress_sbox']
    """
    places: dict[str, Place | None] = {}
    for sandbox in plane.sandboxes.values():
        places[f"1-{sandbox.network_id[:10]}"] = None
        places[sandbox.namespace] = sandbox
    for namespace in plane.namespaces.values():
        places[namespace.container_id[12:24]] = namespace
    return dict(sorted(places.items()))


def ipvsadm(place: Place, *, nosort: bool = False) -> str:
    """``ipvsadm -Ln`` in there; a container's own table is empty, balancing is done in the sandboxes.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(ipvsadm(lab.sandbox("ingress", "host01")).splitlines()[3])
    FWM  256 rr
    """
    table = place.refresh().table if isinstance(place, Sandbox) else Table()
    return listing(table, nosort=nosort)


# -- addresses

#: one interface: name, peer's number, MTU, addresses with mask
_Interface: TypeAlias = tuple[str, int, list[str]]


def ip_addr(place: Place, *, brief: bool = False) -> str:
    """``ip addr`` (or ``ip -br addr``) inside a balancer's sandbox or a container.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(ip_addr(lab.sandbox("ingress", "host01"), brief=True).replace(" " * 10, "~"))
    lo~     UNKNOWN        127.0.0.1/8 ::1/128
    eth0@if6         UP~   10.0.0.2/24 10.0.0.3/32
    eth1@if9         UP~   172.18.0.2/16
    <BLANKLINE>
    """
    interfaces = _of_sandbox(place.refresh()) if isinstance(place, Sandbox) else _of_namespace(place)
    if brief:
        lines = [_brief("lo", "UNKNOWN", ["127.0.0.1/8", "::1/128"])]
        for number, (_, _, addresses) in enumerate(interfaces):
            lines.append(_brief(f"eth{number}@if{_peer(number)}", "UP", addresses))
        return "".join(lines)
    return _LOOPBACK + "".join(_full(number, *interface) for number, interface in enumerate(interfaces))


def _peer(number: int) -> int:
    return _FIRST_INTERFACE + 3 * number


def _of_sandbox(sandbox: Sandbox) -> list[_Interface]:
    length = sandbox.subnet.partition("/")[2]
    addresses = [f"{sandbox.lb_address}/{length}", *(f"{vip}/32" for vip in sandbox.vips)]
    found: list[_Interface] = [("overlay", sandbox.mtu, addresses)]
    if sandbox.ingress:
        found.append(("bridge", _MTU, [f"{sandbox.entry_address}/16"]))
    return found


def _of_namespace(namespace: Namespace) -> list[_Interface]:
    plane = namespace.plane
    found: list[_Interface] = []
    for place in namespace.places.values():
        sandbox = plane.sandboxes.get(place.network_id)
        subnet = sandbox.subnet if sandbox else plane.bridges[place.network_id].subnet
        mtu = sandbox.mtu if sandbox else _MTU
        found.append(("overlay", mtu, [f"{place.address}/{subnet.partition('/')[2]}"]))
    gateway = namespace.gateway_address
    if gateway and all(place.address != gateway for place in namespace.places.values()):
        found.append(("bridge", _MTU, [f"{gateway}/16"]))
    return found


_MTU = 1500

_LOOPBACK = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host\x20
       valid_lft forever preferred_lft forever
"""


def _brief(name: str, state: str, addresses: list[str]) -> str:
    return f"{name:<16} {state:<14} {' '.join(addresses)} \n"


def _full(number: int, _kind: str, mtu: int, addresses: list[str]) -> str:
    index = _peer(number)
    flags = "<BROADCAST,MULTICAST,UP,LOWER_UP>"
    lines = [
        f"{index - 1}: eth{number}@if{index}: {flags} mtu {mtu} qdisc noqueue state UP group default ",
        f"    link/ether {mac(addresses[0])} brd ff:ff:ff:ff:ff:ff link-netnsid {number}",
    ]
    for address in addresses:
        interface = ip_interface(address)
        broadcast = "" if address.endswith("/32") else f" brd {interface.network.broadcast_address}"
        lines.append(f"    inet {address}{broadcast} scope global eth{number}")
        lines.append("       valid_lft forever preferred_lft forever")
    return "".join(f"{line}\n" for line in lines)


def mac(address: str) -> str:
    """The MAC address of an endpoint, made from its address.

    >>> mac("10.0.1.4/24")
    '02:42:0a:00:01:04'

    Source: moby daemon/libnetwork/netutils/utils.go GenerateMACFromIP.
    """
    parts = address.partition("/")[0].split(".")
    return "02:42:" + ":".join(f"{int(part):02x}" for part in parts)

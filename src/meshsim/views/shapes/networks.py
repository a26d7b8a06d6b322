"""Room views, shapes: ``docker network inspect`` of swarm-wide and of local networks.

Comes in: a network's facts and what one machine has plugged into it. Goes out: ``network.Inspect``.
Rules of this file: what a machine cannot see (containers elsewhere) is not passed in, so it cannot be
shown; the swarm's own form of a network is in ``objects``.

Source: moby daemon/network.go buildNetworkResource, buildDetailedNetworkResources,
daemon/cluster/convert/network.go BasicNetworkFromGRPC.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from meshsim.gotext.values import Struct, Time, go_map
from meshsim.model.frozen import EMPTY, Frozen
from meshsim.model.objects import Network
from meshsim.views.shapes import types as go
from meshsim.views.shapes.objects import VXLAN_OPTION

__all__ = [
    "GossipPeer",
    "LocalNetworkFacts",
    "NetworkService",
    "NetworkUse",
    "Plug",
    "local_network",
    "mac",
    "network",
]


@frozen(slots=True)
class Plug(Frozen):
    """One thing plugged into a network on the machine asked.

    Attributes:
        key: container id, or ``ingress-sbox`` / ``lb-NETWORK`` for a balancer.
        name: container name, or ``NETWORK-endpoint``.
        endpoint_id: 64 hexadecimal digits.
        address: with the subnet's length, ``10.0.1.3/24``.
    """

    key: str
    name: str
    endpoint_id: str
    address: str


@frozen(slots=True)
class GossipPeer(Frozen):
    """A machine in the network's gossip group: its gossip name and its address."""

    name: str
    ip: str


@frozen(slots=True)
class NetworkService:
    """A service as ``network inspect --verbose`` shows it.

    Attributes:
        vip: its address there; ``<nil>`` without one.
        mark: the firewall mark of its balancer on this machine.
        tasks: (container name, endpoint id, address, host address).
        ports: ``Target: 80, Publish: 81``, ingress only.
    """

    vip: str
    mark: int
    tasks: tuple[tuple[str, str, str, str], ...]
    ports: tuple[str, ...] = ()


@frozen(slots=True)
class NetworkUse:
    """What the machine asked knows of a network beyond its record; None where it does not use it.

    Attributes:
        created_ns: when this machine made its local part (the record's time where it has none).
        plugs: what is plugged in here.
        peers: the gossip group.
        services: with ``--verbose``; None without.
    """

    created_ns: int
    plugs: tuple[Plug, ...] = ()
    peers: tuple[GossipPeer, ...] = ()
    services: Mapping[str, NetworkService] | None = None


@frozen(slots=True)
class LocalNetworkFacts(Frozen):
    """A network that only one machine has: ``bridge``, ``host``, ``none``, ``docker_gwbridge``, own ones."""

    id: str
    name: str
    driver: str
    subnet: str = ""
    gateway: str = ""
    created_ns: int = 0
    internal: bool = False
    attachable: bool = False
    options: Mapping[str, str] = field(default=EMPTY)
    labels: Mapping[str, str] = field(default=EMPTY)
    plugs: tuple[Plug, ...] = ()
    ip_range: str = ""


def mac(address: str) -> str:
    """The hardware address Docker gives an IPv4 address.

    >>> mac("10.0.0.37/24")
    '02:42:0a:00:00:25'

    Source: moby daemon/libnetwork/netutils/utils.go GenerateMACFromIP.
    """
    octets = ipaddress.IPv4Address(address.partition("/")[0]).packed
    return "02:42:" + ":".join(f"{octet:02x}" for octet in octets)


def network(
    record: Network, use: NetworkUse | None = None, *, epoch_ns: int = 0, has_ipv4_key: bool = True
) -> Struct:
    """Return ``network.Inspect`` of a swarm network.

    Args:
        record: the network; while it is not allocated it has no driver, addresses and options.
        use: what the machine asked has of it, None where it has nothing.
        epoch_ns: nanoseconds since 1970 of the cluster's start.
        has_ipv4_key: whether the engine writes EnableIPv4 (28 and later).
    """
    spec = record.spec
    labels = go_map(spec.labels)
    services = use.services if use else None
    return _inspect(
        has_ipv4_key,
        Name=spec.name,
        ID=record.id,
        Created=Time(epoch_ns + (use.created_ns if use else record.created_ns)),
        Scope="swarm",
        Driver=spec.driver if record.ipam else "",
        EnableIPv6=spec.ipv6,
        IPAM=_ipam(record),
        Internal=spec.internal,
        Attachable=spec.attachable,
        Ingress=spec.ingress,
        Containers=_plugs(use.plugs) if use else None,
        Options=_options(record),
        Labels=labels if use or labels else None,
        Peers=[go.PEER_INFO(Name=peer.name, IP=peer.ip) for peer in use.peers] if use else None,
        Services=None if services is None else go_map({n: _service(one) for n, one in services.items()}),
    )


def _ipam(record: Network) -> Struct:
    if not record.ipam:
        return go.IPAM(Driver="", Config=None)
    configs = [
        go.IPAM_CONFIG(Subnet=state.subnet, IPRange=state.ip_range, Gateway=state.gateway)
        for state in record.ipam
    ]
    return go.IPAM(Driver="default", Config=configs)


def _options(record: Network) -> dict[str, str] | None:
    """What the driver was told: the user's options, and the VXLAN ids given."""
    options = dict(record.spec.options) if record.ipam else {}
    if record.vxlan_ids:
        options[VXLAN_OPTION] = ",".join(map(str, record.vxlan_ids))
    return go_map(options) or None


def local_network(facts: LocalNetworkFacts, *, epoch_ns: int = 0, has_ipv4_key: bool = True) -> Struct:
    """Return ``network.Inspect`` of a network of one machine."""
    config = go.IPAM_CONFIG(Subnet=facts.subnet, IPRange=facts.ip_range, Gateway=facts.gateway)
    configs = [config] if facts.subnet else None
    return _inspect(
        has_ipv4_key,
        Name=facts.name,
        ID=facts.id,
        Created=Time(epoch_ns + facts.created_ns),
        Scope="local",
        Driver=facts.driver,
        EnableIPv6=False,
        IPAM=go.IPAM(Driver="default", Config=configs),
        Internal=facts.internal,
        Attachable=facts.attachable,
        Ingress=False,
        Containers=_plugs(facts.plugs),
        Options=go_map(facts.options),
        Labels=go_map(facts.labels),
    )


def _inspect(has_ipv4_key: bool, **values: object) -> Struct:
    values |= {"ConfigFrom": go.CONFIG_FROM(), "ConfigOnly": False}
    if has_ipv4_key:
        return go.NETWORK(EnableIPv4=True, **values)
    return go.NETWORK_BEFORE_28(**values)


def _plugs(plugs: Sequence[Plug]) -> dict[str, Struct]:
    return go_map({plug.key: _plug(plug) for plug in plugs})


def _plug(plug: Plug) -> Struct:
    return go.ENDPOINT_RESOURCE(
        Name=plug.name,
        EndpointID=plug.endpoint_id,
        MacAddress=mac(plug.address),
        IPv4Address=plug.address,
    )


def _service(service: NetworkService) -> Struct:
    tasks = [
        go.SERVICE_TASK(Name=name, EndpointID=endpoint, EndpointIP=address, Info={"Host IP": host})
        for name, endpoint, address, host in service.tasks
    ]
    return go.SERVICE_INFO(VIP=service.vip, Ports=list(service.ports), LocalLBIndex=service.mark, Tasks=tasks)

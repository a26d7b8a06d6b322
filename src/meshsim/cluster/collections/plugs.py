"""Room cluster: containers on networks: ``docker network connect``, ``disconnect``, ``docker run --network``.

Comes in: a machine, one of its containers, a network of the swarm or of the machine. Goes out: the container
is on it, or the engine's sentence why not; nothing half done. It does not know how names and packets follow.

Source: moby daemon/container_operations.go findAndAttachNetwork, connectToNetwork, updateNetworkSettings,
disconnectFromNetwork; runconfig/errors.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_network
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from meshsim.cluster.client import is_ipv4
from meshsim.cluster.container import Container
from meshsim.errors import BadValue, Conflict, Forbidden, InvalidParameter, NotFound, NotModelled
from meshsim.model.objects import Attachment, Network
from meshsim.views.shapes import LocalNetworkFacts

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["AnyNetwork", "Wish", "abandon", "connect", "disconnect", "find_network", "wishes_of"]

AnyNetwork: TypeAlias = Network | LocalNetworkFacts

_HOST = "container cannot be disconnected from host network or connected to host network"
_NONE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
_NO_ALIAS = "network-scoped alias is supported only for containers in user defined networks"
_NO_IP = "user specified IP address is supported on user defined networks only"


def find_network(host: Host, text: str) -> AnyNetwork:
    """The network of that name or id, also a swarm network the machine has not seen yet.

    Raises:
        NotFound: there is none.
    """
    found = host.networks.find(text) or host.networks.find_swarm(text)
    if found is None:
        raise NotFound(f"network {text} not found")
    return found


@frozen(slots=True)
class Wish:
    """A network a new container shall be on, its further names there, and the address asked for."""

    network: AnyNetwork
    aliases: tuple[str, ...] = ()
    ip: str = ""


def wishes_of(host: Host, texts: Sequence[str], aliases: Sequence[str] = (), ip: str = "") -> list[Wish]:
    """``--network`` values: names, or ``name=eg1,alias=db,ip=10.0.1.9``; default the bridge.

    ``aliases`` and ``ip`` belong to the first of them.

    Raises:
        BadValue: a text is neither; docker's sentence.
        NotFound: no such network.

    Source: docker/cli opts/network.go NetworkOpt.Set.
    """
    found = [_wish(host, text) for text in texts or ("bridge",)]
    first = found[0]
    found[0] = Wish(first.network, (*first.aliases, *aliases), ip or first.ip)
    return found


def _wish(host: Host, text: str) -> Wish:
    if "=" not in text:
        return Wish(find_network(host, text))
    name, aliases, ip = "", [], ""
    for field in text.split(","):
        key, _, value = field.partition("=")
        match key.strip().lower():
            case "name":
                name = value.strip()
            case "alias":
                aliases.append(value.strip())
            case "ip":
                ip = value.strip()
            case "driver-opt":
                raise NotModelled("--network driver-opt= is not modelled")
            case other:
                raise BadValue(f"invalid field key {other}", text)
    if not name:
        raise BadValue("network name/id is not specified", text)
    return Wish(find_network(host, name), tuple(aliases), ip)


def connect(
    host: Host, container: Container, network: AnyNetwork, *, aliases: Sequence[str] = (), ip: str = ""
) -> None:
    """Put a container on a network; on a swarm's the managers give the address, and workers may ask too.

    Args:
        host: the container's.
        container: not a service's; if it does not run, it only remembers the network.
        network: where to.
        aliases: further names there.
        ip: the address asked for.

    Raises:
        Conflict, Forbidden, InvalidParameter: as the engine has it.
        NotModelled: a service's container, or the network ``host``.
    """
    if container.service_id:
        raise NotModelled("connecting a service's container to further networks is not modelled")
    _check(container, network, aliases, ip)
    if network.name in networks_of(container):
        return  # it does not run, and remembers the network already
    if isinstance(network, LocalNetworkFacts):
        if network.driver != "null":
            host.engine.wiring.join_local(container, network, aliases, ip)
    elif container.state == "exited":
        container.network_names = container.network_names.plus(network.id, network.name)
        container.aliases = container.aliases.plus(network.id, tuple(aliases))
        container.attachments = (*container.attachments, Attachment(network.id, ""))
    else:
        _attach(host, container, network, aliases, ip)


def _attach(host: Host, container: Container, network: Network, aliases: Sequence[str], ip: str) -> None:
    task, place = host.networks._member.attach(network, container.id, ip)
    host.engine.wiring.connect(container, task, network, place.ip, aliases)


def _check(container: Container, network: AnyNetwork, aliases: Sequence[str], ip: str) -> None:
    """Refuse what the engine refuses."""
    local = isinstance(network, LocalNetworkFacts)
    driver = network.driver if isinstance(network, LocalNetworkFacts) else "overlay"
    if driver == "host":
        if container.state == "created":
            raise NotModelled("the network host is not modelled")
        raise InvalidParameter(_HOST)
    held = networks_of(container)
    if network.name in held:
        if local and container.running:
            raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
        if container.running:
            raise Conflict(f"{container.name} is already attached to network {network.name}")
    elif (held and driver == "null") or (container.network_mode == "none" and driver != "null"):
        raise InvalidParameter(_NONE)
    if local and network.name == "bridge":
        if ip:
            raise InvalidParameter(_NO_IP)
        if aliases:
            raise InvalidParameter(_NO_ALIAS)
    if ip:
        _check_address(network, ip)


def _check_address(network: AnyNetwork, ip: str) -> None:
    """Whether a text is an address of the network.

    Source: moby daemon/libnetwork/endpoint.go assignAddressVersion.
    """
    states = (network,) if isinstance(network, LocalNetworkFacts) else network.ipam
    if not is_ipv4(ip):
        raise InvalidParameter(f"invalid IPv4 address: {ip}")
    if not any(IPv4Address(ip) in ip_network(state.subnet) for state in states):
        raise InvalidParameter(f"invalid address {ip}: It does not belong to any of this network's subnets")


def networks_of(container: Container) -> dict[str, str]:
    """The networks a container is on or remembers: name -> id."""
    local = {network.name: network.id for network in container.local_networks}
    swarm = {container.network_names[a.network_id]: a.network_id for a in container.attachments}
    return {**local, **swarm}


def disconnect(host: Host, container: Container, text: str, *, force: bool = False) -> None:
    """Take a container off a network, given by name, id or beginning of an id.

    Raises:
        NotFound: no such network.
        InvalidParameter: the container is not on it.
        NotModelled: a service's container.
    """
    if container.service_id:
        raise NotModelled("disconnecting a service's container from its networks is not modelled")
    held = networks_of(container)
    name = text if text in held else _name_of(host, text, held, force=force or not container.running)
    if name not in held:
        article = "" if container.running else "the "
        raise InvalidParameter(f"container {container.id} is not connected to {article}network {name}")
    network_id = held[name]
    host.engine.wiring.disconnect(container, network_id)
    if host.member is not None:
        host.member.detach(container, network_id)


def _name_of(host: Host, text: str, held: dict[str, str], *, force: bool) -> str:
    for name, network_id in held.items():
        if network_id.startswith(text) and text:
            return name
    try:
        return find_network(host, text).name
    except NotFound:
        if force:
            return text
        raise


def abandon(host: Host, container: Container) -> None:
    """Undo the creation of a container that could not be started: addresses go back, nothing stays."""
    for network_id in networks_of(container).values():
        host.engine.wiring.disconnect(container, network_id)
    if host.member is not None:
        host.member.detach_all(container)
    host.engine.discard(container)

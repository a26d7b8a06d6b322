"""Room cluster: a container as the views want to see it."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.cluster.container import Container
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Attachment
from meshsim.sim import short
from meshsim.views.shapes import ContainerFacts, NetworkPlug, PortBinding

__all__ = ["container_facts"]

#: a port published by the engine itself is open on IPv4 and IPv6
_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - shown, not bound


def container_facts(container: Container, endpoint_id: Callable[[Container, str], str]) -> ContainerFacts:
    """What the engine shows of a container. O(its networks).

    Args:
        container: of this engine.
        endpoint_id: names a container's place on a network.
    """
    started = container.state != "created"
    return ContainerFacts(
        id=container.id,
        name=container.name,
        image=container.image,
        command=container.argv,
        created_ns=container.created_ns,
        status=container.state,
        started_ns=container.started_ns if started else None,
        finished_ns=container.finished_ns if container.state == "exited" else None,
        exit_code=container.exit_code,
        pid=container.pid if container.running else 0,
        health=container.health,
        hostname=container.hostname,
        env=tuple(f"{name}={value}" for name, value in container.env.items()),
        labels=container.labels,
        networks=_plugs(container, endpoint_id),
        ports=_ports(container),
        network_mode=container.network_mode or "default",
        auto_remove=container.remove_on_exit,
        dns=container.names.servers,
        dns_options=container.names.options,
        dns_search=container.names.search,
    )


def _plugs(
    container: Container, endpoint_id: Callable[[Container, str], str]
) -> FrozenDict[str, NetworkPlug]:
    places = [(container.network_names[place.network_id], place, "") for place in container.attachments]
    held = {place.network_id: place for place in container.local_attachments}
    for network in container.local_networks:
        place = held.get(network.id, Attachment(network.id, ""))
        places.append((network.name, place, "" if network.internal else network.gateway))
    return FrozenDict(
        {
            name: _plug(container, place, gateway, endpoint_id(container, place.network_id))
            for name, place, gateway in places
        }
    )


def _plug(container: Container, place: Attachment, gateway: str, endpoint_id: str) -> NetworkPlug:
    address, _, length = place.address.partition("/")
    running = container.running and bool(address)
    aliases = container.aliases.get(place.network_id, ())
    names = (container.name, *aliases, short(container.id), container.hostname)
    swarm_wide = any(place is attachment for attachment in container.attachments)
    return NetworkPlug(
        place.network_id,
        endpoint_id if running else "",
        address=address if running else "",
        prefix=int(length) if running and length else 0,
        gateway=gateway if running else "",
        dns_names=tuple(dict.fromkeys(names)),
        aliases=aliases,
        # the managers' word, or the user's
        fixed=swarm_wide or place.network_id in container.wanted,
    )


def _ports(container: Container) -> tuple[PortBinding, ...]:
    """What the image exposes, and what the machine maps to it."""
    opened = [
        PortBinding(p.target, p.protocol.value, p.published, _ALL_ADDRESSES) for p in container.published
    ]
    mapped = {(p.target, p.protocol) for p in opened}
    for text in container.behaviour.exposed:
        port, _, protocol = text.partition("/")
        if (int(port), protocol) not in mapped:
            opened.append(PortBinding(int(port), protocol))
    return tuple(opened)

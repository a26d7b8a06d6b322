"""Room cluster: a container as the views want to see it."""

from __future__ import annotations

from meshsim.cluster.container import Container
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Attachment
from meshsim.sim import short
from meshsim.views.shapes import ContainerFacts, NetworkPlug, PortBinding

__all__ = ["container_facts"]

#: a port published by the engine itself is open on IPv4 and IPv6
_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - shown, not bound


def container_facts(container: Container) -> ContainerFacts:
    """What the engine shows of a container. O(its networks)."""
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
        networks=_plugs(container),
        ports=_ports(container),
        network_mode=container.network_mode or "default",
        auto_remove=container.remove_on_exit,
    )


def _plugs(container: Container) -> FrozenDict[str, NetworkPlug]:
    plugs = {}
    for attachment in container.attachments:
        plugs[container.network_names[attachment.network_id]] = _plug(container, attachment, "")
    for network in container.local_networks:
        place = next((a for a in container.local_attachments if a.network_id == network.id), None)
        plugs[network.name] = _plug(container, place or Attachment(network.id, ""), network.gateway)
    return FrozenDict(plugs)


def _plug(container: Container, place: Attachment, gateway: str) -> NetworkPlug:
    address, _, length = place.address.partition("/")
    running = container.running and bool(address)
    return NetworkPlug(
        place.network_id,
        address=address if running else "",
        prefix=int(length) if running and length else 0,
        gateway=gateway if running else "",
        dns_names=(container.name, short(container.id), *container.network_aliases),
        aliases=container.network_aliases,
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

"""Room cluster: a network as the views want to see it: what one machine has plugged into it, and knows of it.

Comes in: a machine and a network's record. Goes out: the facts of ``docker network inspect``. It does not
know how they are laid out.

Source: moby daemon/network.go buildContainerAttachments, buildServiceAttachments, buildPeerInfoResources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.cluster.locals import GATEWAY_BRIDGE
from meshsim.dataplane import Inspected, gateway_users, inspect
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Network
from meshsim.views.shapes import LocalNetworkFacts, NetworkService, NetworkUse, Plug

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["local_plugs", "network_use"]


def network_use(host: Host, record: Network, *, verbose: bool = False) -> NetworkUse | None:
    """What is plugged into a swarm network on this machine and who gossips of it; None when it has no part.

    Args:
        host: the machine asked.
        record: the network.
        verbose: also the services the machine knows there.
    """
    sandbox = host.plane.sandboxes.get(record.id)
    if sandbox is None:
        return None
    length = record.ipam[0].subnet.partition("/")[2]
    key = "ingress-sbox" if record.spec.ingress else f"lb-{record.name}"
    own = host.cluster.hex_id(f"{host.name}/{key}")
    plugs = [
        *_plugs(host, record.id),
        Plug(key, f"{record.name}-endpoint", own, f"{sandbox.lb_address}/{length}"),
    ]
    services = None
    if verbose:
        known = inspect(sandbox, host.cluster.first_address)
        services = FrozenDict({service.name: _service(host, record.id, service) for service in known})
    peers = host.cluster.gossip_peers(record.id)
    return NetworkUse(sandbox.view.joined_ns, tuple(plugs), peers, services)


def local_plugs(host: Host, record: LocalNetworkFacts) -> tuple[Plug, ...]:
    """What is plugged into a network of this machine alone."""
    if record.name != GATEWAY_BRIDGE:
        return tuple(_plugs(host, record.id))
    return tuple(
        Plug(key, name, host.cluster.hex_id(f"{host.name}/{name}"), address)
        for key, name, address in gateway_users(host.plane)
    )


def _plugs(host: Host, network_id: str) -> list[Plug]:
    return [
        Plug(c.id, c.name, host.engine.endpoint_id(c, network_id), place.address)
        for c in host.engine.containers.values()
        if c.running
        for place in (*c.attachments, *c.local_attachments)
        if place.network_id == network_id
    ]


def _service(host: Host, network_id: str, known: Inspected) -> NetworkService:
    tasks = tuple(
        (task.name, host.cluster.hex_id(f"{task.endpoint_id}/{network_id}"), task.address, task.host_address)
        for task in known.tasks
    )
    return NetworkService(known.vip, known.mark, tasks, known.ports)

"""Room dataplane: what the tools of a host show: namespaces, balancers, who knows what.

Comes in: a host, a sandbox, a container's namespace. Goes out: the namespaces by name, IPVS tables, and the
facts of ``docker network inspect -v`` as values. Rule of this file: nothing is stored here.

Source: moby daemon/libnetwork/network.go Services, agent.go; recorded from engine 26.1.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from meshsim.dataplane.cards import NetPlace, OverlayBridge
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.sandbox import Sandbox
from meshsim.ipvs import Table
from meshsim.ipvs.texts import listing
from meshsim.model.frozen import Frozen

__all__ = ["Inspected", "InspectedTask", "gateway_users", "inspect", "ipvsadm", "netns", "table_of"]


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
        (facts.container_id, f"gateway_{facts.container_id[12:24]}", pool.cidr(held))
        for facts in plane.namespaces.facts.values()
        if (held := plane.held_gateway(facts))
    ]
    if plane.ingress is not None and plane.ingress.entry_address:
        entry = pool.cidr(plane.ingress.entry_address)
        found.append(("ingress-sbox", "gateway_ingress-sbox", entry))
    return found


# -- namespaces


def netns(plane: DataPlane) -> dict[str, NetPlace]:
    """``ls /var/run/docker/netns``: name -> what lives there.

    >>> from meshsim.dataplane import Lab
    >>> list(netns(Lab(1).planes["host01"]))
    ['1-ingress-00', 'ingress_sbox']
    """
    places: dict[str, NetPlace] = {}
    for sandbox in plane.sandboxes.values():
        places[f"1-{sandbox.network_id[:10]}"] = OverlayBridge(sandbox)
        places[sandbox.namespace] = sandbox
    for namespace in plane.namespaces.values():
        places[namespace.container_id[12:24]] = namespace
    return dict(sorted(places.items()))


def table_of(place: NetPlace) -> Table:
    """The IPVS of a namespace, as it is now: empty but in a sandbox, where all balancing is done.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> list(table_of(lab.planes["host01"]).services)
    []
    """
    return place.refresh().table if isinstance(place, Sandbox) else Table()


def ipvsadm(place: NetPlace, *, nosort: bool = False) -> str:
    """``ipvsadm -Ln`` in there.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(ipvsadm(lab.sandbox("ingress", "host01")).splitlines()[3])
    FWM  256 rr
    """
    return listing(table_of(place), nosort=nosort)

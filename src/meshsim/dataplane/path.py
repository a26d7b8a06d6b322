"""Room dataplane: the doors of the data plane, ``connect`` and ``ping``.

Comes in: a client (:class:`DataPlane` for the host itself, :class:`Namespace` for a container,
:class:`Outsider` for a machine without engine), an address, a port. Goes out: typed outcomes. Rules of this
file: names are resolved by the caller; the way itself is in ``walk``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshsim.dataplane.opened import Client, Opened
from meshsim.dataplane.outcome import Echo, Failed
from meshsim.dataplane.subnet import check_address
from meshsim.dataplane.trace import Step
from meshsim.dataplane.walk import Walk

if TYPE_CHECKING:
    from meshsim.dataplane.namespace import Namespace
    from meshsim.dataplane.sandbox import Sandbox

__all__ = ["connect", "ping"]


def connect(
    client: Client,
    address: str,
    port: int,
    *,
    protocol: str = "tcp",
    source_port: int = 0,
    trace: bool = False,
) -> Opened | Failed:
    """Open a connection, or send the first datagram of a flow.

    Args:
        client: where it starts.
        address: of a host, a virtual address, a task's address, 127.0.0.1 or ``::1``.
        port: 1 to 65535.
        protocol: ``tcp`` or ``udp``.
        source_port: 0 takes the client's next one.
        trace: also tell every hop.

    Returns:
        The open path, or what the client experiences instead.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> connect(lab.planes["host01"], "192.168.65.11", 81)
    <Opened tcp 192.168.65.11:81 at web.1 on host01, seen from 10.0.0.2:32768>
    >>> connect(lab.planes["host01"], "192.168.65.11", 82).kind
    'refused'

    Raises:
        BadValue: no address, no port.
        NotModelled: SCTP, or IPv6 other than ``::1``.
    """
    source_port = source_port or client.ports.take()
    steps: list[Step] | None = [] if trace else None
    return Walk(client, address, port, protocol=protocol, source_port=source_port, steps=steps).go()


def ping(client: Client, address: str) -> Echo:
    """Send one echo request.

    A virtual address is answered by the balancer's own kernel on the client's host, as soon as one
    endpoint of the service is known there: it says nothing about the tasks.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> ping(lab.planes["host01"], "192.168.65.11").ok, ping(lab.planes["host01"], "192.168.65.12").ok
    (True, False)

    Raises:
        BadValue: no address.
        NotModelled: IPv6 other than ``::1``.
    """
    check_address(address)
    profile = client.profile
    if address.startswith("127.") or address == "::1":
        return Echo(ok=True, elapsed_ns=2 * profile.local_latency_ns, by=client.machine, why="itself")
    if client.inside:
        namespace = cast("Namespace", client)
        for place in namespace.places.values():
            sandbox = namespace.plane.sandboxes.get(place.network_id)
            if sandbox is not None and sandbox.covers(address):
                return _ping_overlay(namespace, sandbox, address)
            bridge = namespace.plane.bridges.get(place.network_id)
            if bridge is not None and bridge.covers(address):
                other = bridge.known.get(address)
                known = other is not None or address == bridge.gateway
                by = client.machine if other is None else namespace.plane.namespaces.facts[other].name
                return _echo(client, by, 2 * profile.local_latency_ns) if known else _silent(client, address)
        if not namespace.gateway_address:
            return Echo(ok=False, elapsed_ns=0, ttl=0, why="no way out: the networks are internal")
    return _ping_machine(client, address)


def _ping_overlay(namespace: Namespace, sandbox: Sandbox, address: str) -> Echo:
    plane = namespace.plane
    sandbox.bring_up(plane.clock.now_ns)
    near_ns = 2 * plane.profile.local_latency_ns
    if sandbox.service_at(address) is not None or address == sandbox.lb_address:
        return _echo(namespace, sandbox.namespace, near_ns)
    binding = sandbox.known.get(address)
    peers = plane.journal.peers(sandbox.network_id)
    node = (
        next((host for host, own in peers.items() if own == address), "") if binding is None else binding.node
    )
    if not node:
        return _silent(namespace, address)
    if not plane.world.links.reaches(plane.name, node):
        return Echo(ok=False, elapsed_ns=plane.profile.arp_timeout_ns, ttl=0, why=f"{node} does not answer")
    if binding is not None and plane.world.listener(binding.endpoint_id, "icmp", 0) is None:
        return _silent(namespace, address)
    far_ns = near_ns if node == plane.name else 2 * plane.profile.lan_latency_ns
    return _echo(namespace, sandbox.namespace if binding is None else binding.name, far_ns)


def _ping_machine(client: Client, address: str) -> Echo:
    machine = client.world.machine_at(address)
    profile = client.profile
    if machine is None:
        return _silent(client, address)
    if not client.world.links.reaches(client.machine, machine):
        return Echo(ok=False, elapsed_ns=profile.arp_timeout_ns, ttl=0, why=f"{machine} does not answer")
    near = machine == client.machine
    return _echo(client, machine, 2 * (profile.local_latency_ns if near else profile.lan_latency_ns))


def _echo(client: Client, by: str, elapsed_ns: int) -> Echo:
    return Echo(ok=True, elapsed_ns=elapsed_ns, by=by, why=f"{by} answers {client.machine}")


def _silent(client: Client, address: str) -> Echo:
    why = f"nobody answers for {address}: Destination Host Unreachable"
    return Echo(ok=False, elapsed_ns=client.profile.arp_timeout_ns, ttl=0, why=why)

"""Room dataplane: the words for each hop.

Comes in: the facts of one step of a walk. Goes out: :class:`~meshsim.dataplane.trace.Hop`. Rule of this
file: it tells what ``path`` decided, and is called only when a trace was asked for.

Source of the rules quoted: moby daemon/libnetwork/service_linux.go programIngress, configureFWMark,
addRedirectRules; the rule lists of a running engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.dataplane.trace import Hop, Pick

if TYPE_CHECKING:
    from meshsim.dataplane.journal import Binding
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere
    from meshsim.ipvs import Flow, Outcome

__all__ = ["at", "bridged", "delivered", "direct", "dnat", "left", "marked", "masked", "picked"]


def at(address: str, port: int) -> str:
    """``address:port``, with brackets around IPv6."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def left(machine: str, namespace: str, source: str, destination: str, *, local: bool) -> Hop:
    """The client's own machine."""
    text = "stays on this machine" if local else "leaves towards the machine that has the address"
    return Hop(machine, namespace, "route", text, source, destination)


def dnat(host: str, source: str, sandbox: Sandbox, protocol: str, port: int, *, local: bool) -> Hop:
    """The host's rule for a published port."""
    chain = "OUTPUT" if local else "PREROUTING"
    to = at(sandbox.entry_address, port)
    text = f"{protocol} port {port} is published: DNAT to {to}, the ingress sandbox on docker_gwbridge"
    return Hop(host, "host", f"nat {chain}, DOCKER-INGRESS", text, source, to)


def masked(host: str, source: str, destination: str) -> Hop:
    """A source address of the host itself is hidden behind the bridge's."""
    text = "the source is an address of this host: MASQUERADE as docker_gwbridge"
    return Hop(host, "host", "nat POSTROUTING", text, source, destination)


def marked(host: str, sandbox: Sandbox, here: ServiceHere, flow: Flow) -> Hop:
    """The mark that leads to the service."""
    source, destination = at(*flow.source), at(*flow.destination)
    if sandbox.ingress:
        rule, what = "mangle PREROUTING", f"{flow.protocol} port {flow.destination[1]}"
    else:
        rule, what = "mangle INPUT", f"virtual address {flow.destination[0]}"
    text = f"{what} belongs to service {here.service_name}: firewall mark {here.mark} ({here.mark:#x})"
    return Hop(host, sandbox.namespace, rule, text, source, destination)


def picked(host: str, sandbox: Sandbox, here: ServiceHere, flow: Flow, outcome: Outcome) -> Hop:
    """The balancer's turn."""
    service = here.balanced
    assert service is not None
    listed = tuple((destination.address, destination.weight) for destination in service.destinations)
    chosen = outcome.destination.address if outcome.destination is not None else ""
    if not chosen:
        why, text = "none may be used", "refused: ICMP port unreachable"
    elif outcome.reason == "known":
        why, text = "this client port has an entry already", f"same destination as before, {chosen}"
    else:
        turn = (
            "its turn (newest first, each in turn)" if service.name == "rr" else f"chosen by {service.name}"
        )
        why, text = turn, f"new connection: the destination becomes {chosen}, the port stays"
    pick = Pick(service.name, here.mark, listed, chosen, why)
    to = at(chosen or flow.destination[0], flow.destination[1])
    return Hop(host, sandbox.namespace, "IPVS", text, at(*flow.source), to, pick)


def bridged(
    host: str, sandbox: Sandbox, source: str, binding: Binding, port: int, *, hidden: bool
) -> list[Hop]:
    """Out of the sandbox and over the overlay."""
    to = at(binding.address, port)
    hops = []
    if hidden:
        own = f"{host}'s own address on {sandbox.network}"
        text = f"SNAT to {sandbox.lb_address}, {own}: here the client is lost"
        hops.append(Hop(host, sandbox.namespace, "nat POSTROUTING", text, source, to))
    hops.append(direct(host, sandbox, source, binding, port))
    return hops


def direct(host: str, sandbox: Sandbox, source: str, binding: Binding, port: int) -> Hop:
    """Over the overlay to the task's host."""
    if binding.node == host:
        text = "the task is on this host: over the overlay's bridge"
        return Hop(host, f"overlay {sandbox.network}", "bridge", text, source, at(binding.address, port))
    text = f"the task is on {binding.node}: through the VXLAN tunnel {host} -> {binding.node}"
    return Hop(host, f"overlay {sandbox.network}", "vxlan", text, source, at(binding.address, port))


def delivered(binding: Binding, source: str, protocol: str, port: int, target: int | None) -> Hop:
    """Inside the task's namespace."""
    where = binding.name or binding.endpoint_id
    if target is None:
        text = f"{protocol} port {port} is none of this task's published ports: dropped"
        return Hop(binding.node, where, "filter INPUT", text, source, at(binding.address, port))
    if target == port:
        return Hop(binding.node, where, "socket", f"port {port}", source, at(binding.address, port))
    text = f"REDIRECT: published port {port} is port {target} in the container"
    return Hop(binding.node, where, "nat PREROUTING", text, source, at(binding.address, target))

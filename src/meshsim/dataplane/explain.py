"""Room dataplane: the words for each hop.

Comes in: the facts of one step of a walk, as plain values. Goes out: :class:`~meshsim.dataplane.trace.Hop`.
Rules of this file: it words what ``walk`` decided, only when a trace is read; the source port comes first,
so that the steps of one way can be shared by all connections that go it.

Source of the rules quoted: moby daemon/libnetwork/service_linux.go programIngress, configureFWMark,
addRedirectRules; the rule lists of a running engine.
"""

from __future__ import annotations

from meshsim.dataplane.trace import Hop, Pick

__all__ = [
    "at",
    "delivered",
    "dnat",
    "hidden",
    "left",
    "mapped",
    "marked",
    "masked",
    "named",
    "overlay",
    "picked",
    "placeholder",
]


def at(address: str, port: int) -> str:
    """``address:port``, with brackets around IPv6."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def left(source_port: int, machine: str, namespace: str, source: str, destination: str, local: bool) -> Hop:
    """The client's own machine."""
    text = "stays on this machine" if local else "leaves towards the machine that has the address"
    return Hop(machine, namespace, "route", text, at(source, source_port), destination)


def named(source_port: int, machine: str, namespace: str, name: str, address: str) -> Hop:  # noqa: ARG001
    """The name a container's program asked for, and what its embedded DNS made of it."""
    text = f"the embedded DNS answers for {name}: {address}"
    return Hop(machine, namespace, "127.0.0.11", text, "127.0.0.1:*", "127.0.0.11:53")


def dnat(source_port: int, host: str, source: str, entry: str, protocol: str, port: int, local: bool) -> Hop:
    """The host's rule for a published port."""
    chain = "nat OUTPUT, DOCKER-INGRESS" if local else "nat PREROUTING, DOCKER-INGRESS"
    to = at(entry, port)
    text = f"{protocol} port {port} is published: DNAT to {to}, the ingress sandbox on docker_gwbridge"
    return Hop(host, "host", chain, text, at(source, source_port), to)


def masked(source_port: int, host: str, source: str, destination: str) -> Hop:
    """The host's own rule hides where a packet comes from."""
    text = f"MASQUERADE: the source becomes the host's address {source}"
    return Hop(host, "host", "nat POSTROUTING", text, at(source, source_port), destination)


def placeholder(source_port: int, host: str, port: int) -> Hop:
    """The engine's own listener on a published port, over IPv6."""
    text = f"the engine listens on [::]:{port}, only so that nobody else does"
    return Hop(host, "host", "socket", text, at("::1", source_port), at("::1", port))


def mapped(source_port: int, host: str, source: str, port: int, name: str, to: str) -> Hop:
    """A host-mode port."""
    text = f"port {port} of this host is mapped to {name}: DNAT to {to}"
    return Hop(host, "host", "nat PREROUTING, DOCKER", text, at(source, source_port), to)


def marked(
    source_port: int,
    host: str,
    sandbox: str,
    service: str,
    mark: int,
    source: str,
    virtual: str,
    protocol: str,
    port: int,
    ingress: bool,
) -> Hop:
    """The mark that leads to the service."""
    rule = "mangle PREROUTING" if ingress else "mangle INPUT"
    what = f"{protocol} port {port}" if ingress else f"virtual address {virtual}"
    text = f"{what} belongs to service {service}: firewall mark {mark} ({mark:#x})"
    return Hop(host, sandbox, rule, text, at(source, source_port), at(virtual, port))


def picked(
    source_port: int, host: str, sandbox: str, source: str, virtual: str, port: int, pick: Pick
) -> Hop:
    """The balancer's turn."""
    if not pick.chosen:
        text = "refused: ICMP port unreachable"
    else:
        text = f"the destination becomes {pick.chosen}, the port stays {port}"
    return Hop(host, sandbox, "IPVS", text, at(source, source_port), at(pick.chosen or virtual, port), pick)


def hidden(source_port: int, host: str, sandbox: str, network: str, own: str, destination: str) -> Hop:
    """The sandbox hides the client behind its own address."""
    text = f"SNAT to {own}, {host}'s own address on {network}: here the client's address is lost"
    return Hop(host, sandbox, "nat POSTROUTING", text, at(own, source_port), destination)


def overlay(source_port: int, host: str, network: str, node: str, source: str, destination: str) -> Hop:
    """Over the overlay to the task's host."""
    if node == host:
        rule, text = "bridge", "the task is on this host: over the overlay's bridge"
    else:
        rule, text = "vxlan", f"the task is on {node}: through the VXLAN tunnel {host} -> {node}"
    return Hop(host, f"overlay {network}", rule, text, at(source, source_port), destination)


def delivered(
    source_port: int,
    node: str,
    name: str,
    source: str,
    address: str,
    protocol: str,
    port: int,
    target: int | None,
) -> Hop:
    """Inside the task's namespace."""
    seen = at(source, source_port)
    if target is None:
        text = f"{protocol} port {port} is none of this task's published ports: dropped"
        return Hop(node, name, "filter INPUT", text, seen, at(address, port))
    if target == port:
        return Hop(node, name, "socket", f"port {port}", seen, at(address, port))
    text = f"REDIRECT: published port {port} is port {target} in the container"
    return Hop(node, name, "nat PREROUTING", text, seen, at(address, target))

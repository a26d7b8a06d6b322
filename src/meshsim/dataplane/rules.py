"""Room dataplane: the packet filter's rules of the mesh, as ``iptables -S`` and ``-nL`` print them.

Comes in: a host, a sandbox or a container's namespace. Goes out: text, each line ended. Rules of this file:
every line follows from what the plane keeps; nothing is stored here. The port numbers behind 127.0.0.11 are
random in a real engine and meshsim's own here. Of the filter table only chain DOCKER-INGRESS is printed: the
rest differs from engine to engine and has no part in the mesh's choices.

Source: moby daemon/libnetwork/service_linux.go programIngress, invokeFWMarker, addRedirectRules;
drivers/bridge/setup_ip_tables_linux.go; resolver_unix.go setupNAT; rule lists recorded from engine 26.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from zlib import crc32

from meshsim.dataplane.cards import NetPlace, OverlayBridge
from meshsim.dataplane.namespace import Namespace, NamespaceFacts
from meshsim.dataplane.outsider import Outsider
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.sandbox import Sandbox
from meshsim.errors import BadValue, NotModelled

__all__ = ["iptables", "iptables_list"]

_BUILT_IN = {
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
_LOCAL = "-m addrtype --dst-type LOCAL"
#: (chain, rule) in the order they stand in their chains
_Rules: TypeAlias = list[tuple[str, str]]


def iptables(place: NetPlace, table: str = "filter", chain: str = "") -> str:
    """``iptables -t TABLE -S [CHAIN]`` inside a host, a balancer's sandbox or a container.

    Args:
        place: whose network namespace.
        table: ``nat``, ``mangle`` or ``filter``.
        chain: print only this chain; empty prints all.

    Raises:
        BadValue: no such table or chain.
        NotModelled: chains of the filter table other than a host's DOCKER-INGRESS.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(iptables(lab.planes["host01"], "nat", "DOCKER-INGRESS"), end="")
    -N DOCKER-INGRESS
    -A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.18.0.2:81
    -A DOCKER-INGRESS -j RETURN
    """
    built_in, chains, rules = _shown(place, table, chain)
    lines = [f"-P {name} ACCEPT" for name in built_in]
    lines += [f"-N {name}" for name in chains]
    for name in (*built_in, *chains):
        lines += [f"-A {name} {rule}" for of, rule in rules if of == name]
    return "".join(f"{line}\n" for line in lines)


def iptables_list(place: NetPlace, table: str = "filter", chain: str = "", *, numbers: bool = False) -> str:
    """``iptables -t TABLE -nL [CHAIN]`` in there; ``numbers``: with ``--line-numbers``.

    Raises:
        BadValue, NotModelled: as :func:`iptables`.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> print(iptables_list(lab.planes["host01"], "nat", "DOCKER-INGRESS"))
    Chain DOCKER-INGRESS (2 references)
    target     prot opt source               destination
    DNAT       tcp  --  0.0.0.0/0            0.0.0.0/0            tcp dpt:81 to:172.18.0.2:81
    RETURN     all  --  0.0.0.0/0            0.0.0.0/0
    <BLANKLINE>

    Source: iptables iptables/xshared.c print_header, print_rule_details.
    """
    built_in, chains, rules = _shown(place, table, chain)
    everywhere = _rules(place, table)[1]
    blocks = []
    for name in (*built_in, *chains):
        used = sum(rule.endswith(f"-j {name}") for _, rule in everywhere)
        about = "policy ACCEPT" if name in built_in else f"{used} references"
        number = f"{'num':<4} " if numbers else ""
        lines = [
            f"Chain {name} ({about})",
            f"{number}target     prot opt source               destination         ",
        ]
        for at, rule in enumerate((rule for of, rule in rules if of == name), start=1):
            lines.append((f"{at:<4} " if numbers else "") + _listed(rule))
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def _shown(place: NetPlace, table: str, chain: str) -> tuple[list[str], list[str], _Rules]:
    """The built-in chains, the others, and their rules: all of a table, or of one chain."""
    if table not in _BUILT_IN:
        raise BadValue(f"can't initialize iptables table `{table}': Table does not exist", table)
    chains, rules = _rules(place, table)
    built_in = _BUILT_IN[table]
    if chain and chain not in (*built_in, *chains):
        raise BadValue("No chain/target/match by that name.", chain)
    if table == "filter" and isinstance(place, DataPlane) and chain != "DOCKER-INGRESS":
        raise NotModelled("of a host's filter table only chain DOCKER-INGRESS is modelled")
    wanted = (
        [name for name in built_in if chain in ("", name)],
        [name for name in chains if chain in ("", name)],
    )
    return *wanted, rules


#: what a match or a target says of itself in a list: words of the rule -> format of its value
_SAID = {
    "--dport": "dpt:{}",
    "--sport": "spt:{}",
    "--dst-type": "match dst-type {}",
    "--src-type": "match src-type {}",
    "--ctstate": "ctstate {}",
    "--to-destination": "to:{}",
    "--to-source": "to:{}",
    "--to-ports": "redir ports {}",
    "--set-xmark": "MARK set {}",
}
#: extensions that name themselves before their values
_NAMED = {"tcp": "tcp", "udp": "udp", "addrtype": "ADDRTYPE", "ipvs": ""}


def _listed(rule: str) -> str:
    """One rule as ``-nL`` prints it; without ``-v`` it does not show interfaces."""
    target, protocol, source, destination, said = "", "all", "0.0.0.0/0", "0.0.0.0/0", []
    words, refused = iter(rule.split()), ""
    for word in words:
        if word == "!":
            refused = "!"
            continue
        value = "" if word == "--ipvs" else next(words)
        if word == "-j":
            target = value
        elif word == "-p":
            protocol = value
        elif word == "-s":
            source = refused + value.removesuffix("/32")
        elif word == "-d":
            destination = refused + value.removesuffix("/32")
        elif word == "-m":
            said.append(_NAMED.get(value, ""))
        elif word == "--ipvs":
            said.append("ipvs")
        elif word in _SAID:
            said.append(_SAID[word].format(value.partition("/0xff")[0]))
        refused = ""
    addresses = "".join(
        f"{text if text.startswith('!') else ' ' + text:<20} " for text in (source, destination)
    )
    return f"{target:<9}  {protocol:<5}-- {addresses}{' ' if any(said) else ''}{' '.join(filter(None, said))}"


def _rules(place: NetPlace, table: str) -> tuple[list[str], _Rules]:
    """The chains beside the built-in ones, by name, and the rules."""
    if isinstance(place, DataPlane):
        for network_id in place.sandboxes:
            place.bring_up(network_id)
        return {"nat": _host_nat, "mangle": _nothing, "filter": _host_filter}[table](place)
    if isinstance(place, OverlayBridge | Outsider):
        return _nothing(place)
    if isinstance(place, Namespace):
        if table != "nat":
            return _nothing(place)
        return _names_nat(place.container_id, _redirects(place) if place.places else [], place.places)
    place.refresh()
    if table == "mangle":
        return [], _marks(place)
    if table == "filter":
        return _nothing(place)
    hidden = [] if place.dsr or not place.opened else [("POSTROUTING", _snat(place))]
    return _names_nat(place.network_id, hidden, [place.network_id])


def _nothing(_place: object) -> tuple[list[str], _Rules]:
    return [], []


# -- the host


def _host_nat(plane: DataPlane) -> tuple[list[str], _Rules]:
    meshed = plane.ingress is not None and plane.ingress.opened > 0
    bridges = [("docker0", bridge.subnet) for bridge in plane.bridges.values() if bridge.network == "bridge"]
    bridges = bridges or [("docker0", "172.17.0.0/16")]
    bridges += [(_device(b.network_id), b.subnet) for b in plane.bridges.values() if b.network != "bridge"]
    pool = plane.gateway_pool
    if pool is not None:
        bridges.insert(0, ("docker_gwbridge", pool.subnet))
    rules: _Rules = []
    if meshed:
        rules += [(chain, f"{_LOCAL} -j DOCKER-INGRESS") for chain in ("PREROUTING", "OUTPUT")]
    rules.append(("PREROUTING", f"{_LOCAL} -j DOCKER"))
    rules.append(("OUTPUT", f"! -d 127.0.0.0/8 {_LOCAL} -j DOCKER"))
    if meshed:
        rules.append(("POSTROUTING", "-o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE"))
    rules += [("POSTROUTING", f"-s {subnet} ! -o {device} -j MASQUERADE") for device, subnet in bridges]
    rules += [("DOCKER", f"-i {device} -j RETURN") for device, _ in bridges]
    for (protocol, published), (endpoint_id, target) in plane.host_ports.items():
        mapped = plane.namespaces.facts[endpoint_id]
        to = f"{mapped.gateway_address}:{target}"
        match = f"-p {protocol} -m {protocol} --dport {published}"
        rules.append(("DOCKER", f"! -i {_out(plane, mapped)} {match} -j DNAT --to-destination {to}"))
    if not meshed:
        return ["DOCKER"], rules
    ingress = plane.ingress
    assert ingress is not None
    for protocol, port in reversed(ingress.ports):  # each new port is put before the others
        match = f"-p {protocol} -m {protocol} --dport {port}"
        rules.append(("DOCKER-INGRESS", f"{match} -j DNAT --to-destination {ingress.entry_address}:{port}"))
    rules.append(("DOCKER-INGRESS", "-j RETURN"))
    return ["DOCKER", "DOCKER-INGRESS"], rules


def _host_filter(plane: DataPlane) -> tuple[list[str], _Rules]:
    ingress = plane.ingress
    if ingress is None or not ingress.opened:
        return [], []
    rules: _Rules = []
    for protocol, port in reversed(ingress.ports):
        rules.append(("DOCKER-INGRESS", f"-p {protocol} -m {protocol} --dport {port} -j ACCEPT"))
        reply = f"-p {protocol} -m {protocol} --sport {port} -m conntrack --ctstate RELATED,ESTABLISHED"
        rules.append(("DOCKER-INGRESS", f"{reply} -j ACCEPT"))
    return ["DOCKER-INGRESS"], [*rules, ("DOCKER-INGRESS", "-j RETURN")]


def _device(network_id: str) -> str:
    return f"br-{network_id[:12]}"


def _out(plane: DataPlane, mapped: NamespaceFacts) -> str:
    """The bridge a container's mapped ports lead to."""
    networks = [place.network_id for place in mapped.attachments]
    bridge = next((plane.bridges[n] for n in networks if n in plane.bridges), None)
    if bridge is None:
        return "docker_gwbridge"
    return "docker0" if bridge.network == "bridge" else _device(bridge.network_id)


# -- a balancer's sandbox


def _marks(sandbox: Sandbox) -> _Rules:
    """Which mark a port or a virtual address gets; of two rules for one port the later wins."""
    rules: _Rules = []
    for here in sandbox.services.values():
        if here.balanced is not None:
            mark = f"-j MARK --set-xmark {here.mark:#x}/0xffffffff"
            for protocol, port, _ in here.ports:
                rules.append(("PREROUTING", f"-p {protocol} -m {protocol} --dport {port} {mark}"))
            rules.append(("INPUT", f"-d {here.vip}/32 {mark}"))
    return rules


def _snat(sandbox: Sandbox) -> str:
    return f"-d {sandbox.subnet} -m ipvs --ipvs -j SNAT --to-source {sandbox.lb_address}"


# -- a container


def _redirects(namespace: Namespace) -> _Rules:
    """From the published port to the one inside; the word order is iptables' own."""
    ingress = namespace.plane.ingress
    if ingress is None or ingress.network_id not in namespace.places:
        return []
    address = namespace.places[ingress.network_id].address
    ingress.bring_up(namespace.clock.now_ns)
    known = ingress.known.get(address)
    rules: _Rules = []
    for protocol, published, target in known.ports if known else ():
        match = f"-d {address}/32 -p {protocol} -m {protocol} --dport {published}"
        rules.append(("PREROUTING", f"{match} -j REDIRECT --to-ports {target}"))
    return rules


def _names_nat(seed: str, own: _Rules, networks: Iterable[str]) -> tuple[list[str], _Rules]:
    """The way to 127.0.0.11, and the namespace's own rules."""
    if not list(networks):
        return [], own
    tcp, udp = _random_port(f"{seed}/tcp"), _random_port(f"{seed}/udp")
    to = "-d 127.0.0.11/32"
    names: _Rules = [("OUTPUT", f"{to} -j DOCKER_OUTPUT"), ("POSTROUTING", f"{to} -j DOCKER_POSTROUTING")]
    for protocol, port in (("tcp", tcp), ("udp", udp)):
        match = f"-p {protocol} -m {protocol}"
        names.append(("DOCKER_OUTPUT", f"{to} {match} --dport 53 -j DNAT --to-destination 127.0.0.11:{port}"))
        back = f"-s 127.0.0.11/32 {match} --sport {port} -j SNAT --to-source :53"
        names.append(("DOCKER_POSTROUTING", back))
    return ["DOCKER_OUTPUT", "DOCKER_POSTROUTING"], names + own


def _random_port(text: str) -> int:
    return 32768 + crc32(text.encode()) % 28232

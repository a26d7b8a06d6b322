"""Room ipvs: what ``ipvsadm`` and ``/proc/net`` print.

In: a table and the time. Out: text, each line ended, trailing spaces kept as the real tools print them.
Rules: ipvsadm sorts services and destinations, so its order is not the one rr walks; ``nosort`` shows
the kernel's. Statistics are printed exactly as they are now; a real kernel copies them every 2 seconds.
Where the kernel prints in the order of a randomly seeded hash, this prints in order of definition or
birth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshsim.errors import NoSuchService
from meshsim.ipvs.destination import Destination, Forward, Stats
from meshsim.ipvs.entries import Template
from meshsim.ipvs.flow import address_number
from meshsim.ipvs.service import VirtualService
from meshsim.ipvs.states import SECOND, State
from meshsim.ipvs.table import Table

__all__ = [
    "connection_list",
    "listing",
    "persistent_list",
    "proc_connections",
    "proc_services",
    "save",
    "stats_list",
    "threshold_list",
    "timeout_line",
]

VERSION = "IP Virtual Server version 1.2.1 (size=4096)"
TITLE = "Prot LocalAddress:Port"
REMOTE = "  -> RemoteAddress:Port"
ANY_MASK = "255.255.255.255"
JIFFIES = 250
"""Timer ticks a second of a Debian kernel, in which /proc/net/ip_vs prints persistence."""

Row = Callable[[Destination], str]


def listing(table: Table, service: VirtualService | None = None, *, nosort: bool = False) -> str:
    """``ipvsadm -Ln``: services, destinations, weights, connections as of the table's latest instant.

    Args:
        table: what to list.
        service: only this one, without the version line.
        nosort: the kernel's order of destinations instead of the sorted one.

    Raises:
        NoSuchService: `service` was deleted.

    >>> table = Table()
    >>> web = table.add_service(mark=256, balancer="rr")
    >>> print(listing(table), end="")
    IP Virtual Server version 1.2.1 (size=4096)
    Prot LocalAddress:Port Scheduler Flags
      -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
    FWM  256 rr

    Source: ipvsadm 1.31 ipvsadm.c print_service_entry.
    """
    titles = [f"{TITLE} Scheduler Flags", f"{REMOTE}           Forward Weight ActiveConn InActConn"]
    return _print(table, service, nosort, titles, _service_line, _plain_row)


def stats_list(
    table: Table, service: VirtualService | None = None, *, nosort: bool = False, exact: bool = False
) -> str:
    """``ipvsadm -Ln --stats``: connections, packets and bytes; `exact` prints large numbers in full."""

    def numbers(stats: Stats) -> str:
        values = (stats.connections, stats.packets_in, stats.packets_out, stats.bytes_in, stats.bytes_out)
        return "".join(f"{value:9d}" if exact else _large(value) for value in values)

    columns = "".join(f" {name:>8}" for name in ("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"))
    titles = [f"{TITLE:<33}{columns}", REMOTE]
    return _print(
        table,
        service,
        nosort,
        titles,
        lambda one: f"{_where(one):<33}{numbers(one.stats())}",
        lambda one: f"  -> {_place(one):<28}{numbers(one.stats())}",
    )


def threshold_list(table: Table, service: VirtualService | None = None, *, nosort: bool = False) -> str:
    """``ipvsadm -Ln --thresholds``."""
    titles = [f"{TITLE:<33} Uthreshold Lthreshold ActiveConn InActConn ", REMOTE]
    return _print(table, service, nosort, titles, _service_line, _threshold_row)


def persistent_list(table: Table, service: VirtualService | None = None, *, nosort: bool = False) -> str:
    """``ipvsadm -Ln --persistent-conn``."""
    titles = [f"{TITLE:<33} Weight    PersistConn ActiveConn InActConn ", REMOTE]
    return _print(table, service, nosort, titles, _service_line, _persistent_row)


def connection_list(table: Table, now_ns: int | None = None) -> str:
    """``ipvsadm -Lnc``: the live connections, oldest first, then the persistence templates.

    Source: ipvsadm 1.31 ipvsadm.c print_conn.
    """
    lines = [
        "IPVS connection entries",
        "pro expire state       source             virtual            destination",
    ]
    for protocol, state, left_s, ends in _connections(table, now_ns):
        client, virtual, server = (f"{address}:{port}" for address, port in ends)
        clock = f"{left_s // 60:02d}:{left_s % 60:02d}"
        lines.append(f"{protocol:<3} {clock:<6} {state:<11} {client:<18} {virtual:<18} {server}")
    return _lines(lines)


def timeout_line(table: Table) -> str:
    """``ipvsadm -L --timeout``."""
    timeouts_ns = table.timeouts_ns
    seconds = [timeouts_ns[state] // SECOND for state in (State.ESTABLISHED, State.FIN_WAIT, State.UDP)]
    return "Timeout (tcp tcpfin udp): {} {} {}\n".format(*seconds)


def save(table: Table) -> str:
    """``ipvsadm -Sn``: one command line for each service and destination; thresholds are not saved."""
    lines = []
    for service in _sorted_services(table):
        lines.append(f"-A {_option(service)} -s {service.name}{_saved_flags(service)}")
        for destination in _sorted_destinations(service):
            method = _SAVED_FORWARD[destination.forward]
            kind = " --tun-type ipip" if destination.forward is Forward.TUNNEL else ""
            place = _place(destination)
            lines.append(f"-a {_option(service)} -r {place} {method} -w {destination.weight}{kind}")
    return _lines(lines)


def proc_services(table: Table) -> str:
    """``/proc/net/ip_vs``: hexadecimal, destinations in kernel order.

    Source: linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_info_seq_show.
    """
    lines = [VERSION, f"{TITLE} Scheduler Flags", f"{REMOTE} Forward Weight ActiveConn InActConn"]
    for service in table.services:
        lines.append(_proc_service(service))
        lines += [f"  -> {_hex(one.address, one.port)}      {_load(one)}" for one in service.destinations]
    return _lines(lines)


def proc_connections(table: Table, now_ns: int | None = None) -> str:
    """``/proc/net/ip_vs_conn``.

    Source: linux net/netfilter/ipvs/ip_vs_conn.c ip_vs_conn_seq_show.
    """
    lines = ["Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData"]
    for protocol, state, left_s, ends in _connections(table, now_ns):
        where = " ".join(_hex(address, port).replace(":", " ") for address, port in ends)
        lines.append(f"{protocol:<3} {where} {state:<11} {left_s:7d}")
    return _lines(lines)


# Shared pieces


def _print(
    table: Table,
    service: VirtualService | None,
    nosort: bool,
    titles: list[str],
    head: Callable[[VirtualService], str],
    row: Row,
) -> str:
    table.advance(table.now_ns)
    lines = list(titles)
    if service is None:
        lines.insert(0, VERSION)
        services = list(table.services) if nosort else _sorted_services(table)
    elif service in table.services:
        services = [service]
    else:
        raise NoSuchService
    for one in services:
        lines.append(head(one))
        lines += map(row, one.destinations if nosort else _sorted_destinations(one))
    return _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _sorted_services(table: Table) -> list[VirtualService]:
    """By mark (none first), protocol number, address, port; ipvsadm.c service comparison."""

    def rank(service: VirtualService) -> tuple[int, int, int, int]:
        if isinstance(service.key, int):
            return service.key, 0, 0, 0
        protocol, address, port = service.key
        return 0, 6 if protocol == "tcp" else 17, address_number(address), port

    return sorted(table.services, key=rank)


def _sorted_destinations(service: VirtualService) -> list[Destination]:
    return sorted(service.destinations, key=lambda one: (address_number(one.address), one.port))


def _place(destination: Destination) -> str:
    return f"{destination.address}:{destination.port}"


def _where(service: VirtualService) -> str:
    if isinstance(service.key, int):
        return f"FWM  {service.key}"
    protocol, address, port = service.key
    return f"{protocol.upper():<4} {address}:{port}"


def _service_line(service: VirtualService) -> str:
    line = f"{_where(service)} {service.name}"
    if service.flags:
        line += f" ({','.join(service.flags)})"
    if service.persistent_s:
        line += f" persistent {service.persistent_s}"
        if service.netmask != ANY_MASK:
            line += f" mask {service.netmask}"
    return f"{line} ops" if service.one_packet else line


def _plain_row(one: Destination) -> str:
    return f"  -> {_place(one):<28} {_load(one)}"


def _load(one: Destination) -> str:
    return f"{one.forward.value:<7} {one.weight:<6d} {one.active:<10d} {one.inactive:<10d}"


def _threshold_row(one: Destination) -> str:
    return f"  -> {_place(one):<28} {one.upper:<10d} {one.lower:<10d} {one.active:<10d} {one.inactive:<10d}"


def _persistent_row(one: Destination) -> str:
    return (
        f"  -> {_place(one):<28} {one.weight:<9d} {one.templates:<11d} {one.active:<10d} {one.inactive:<10d}"
    )


def _large(value: int) -> str:
    """Eight digits and a unit, as libipvs prints large numbers.

    Source: ipvsadm 1.31 ipvsadm.c print_largenum.
    """
    for limit, divisor, unit in (
        (10**8, 1, ""),
        (10**9, 10**3, "K"),
        (10**11, 10**6, "M"),
        (10**14, 10**9, "G"),
    ):
        if value < limit:
            return f"{value // divisor:8d}{unit}" if unit else f"{value:9d}"
    return f"{value // 10**12:8d}T"


_SAVED_FORWARD = {Forward.MASQ: "-m", Forward.ROUTE: "-g", Forward.TUNNEL: "-i", Forward.LOCAL: "-g"}


def _option(service: VirtualService) -> str:
    if isinstance(service.key, int):
        return f"-f {service.key}"
    protocol, address, port = service.key
    return f"-{protocol[0]} {address}:{port}"


def _saved_flags(service: VirtualService) -> str:
    text = ""
    if service.persistent_s:
        text += f" -p {service.persistent_s}"
        if service.netmask != ANY_MASK:
            text += f" -M {service.netmask}"
    if service.one_packet:
        text += " -o"
    return f"{text} -b {','.join(service.flags)}" if service.flags else text


def _proc_service(service: VirtualService) -> str:
    ops = "ops " if service.one_packet else ""
    if isinstance(service.key, int):
        line = f"FWM  {service.key:08X} {service.name} {ops}"
    else:
        protocol, address, port = service.key
        line = f"{protocol.upper()}  {_hex(address, port)} {service.name} {ops} "
    if service.persistent_s:
        line += f"persistent {service.persistent_s * JIFFIES} {address_number(service.netmask):08X}"
    return line


def _hex(address: str, port: int) -> str:
    return f"{address_number(address):08X}:{port:04X}"


Ends = tuple[tuple[str, int], tuple[str, int], tuple[str, int]]


def _connections(table: Table, now_ns: int | None) -> list[tuple[str, str, int, Ends]]:
    """Protocol, state, whole seconds left, and client, virtual and real end of each connection."""
    rows: list[tuple[str, str, int, Ends]] = []
    for entry in table.entries(now_ns):
        flow, server = entry.flow, entry.destination
        ends = flow.source, flow.destination, (server.address, server.port or flow.destination[1])
        left_s = (entry.expires_ns - table.now_ns) // SECOND
        rows.append((flow.protocol.upper(), entry.state.value, left_s, ends))
    for template in table.templates(now_ns):
        left_s = (template.expires_ns - table.now_ns) // SECOND
        state = "ASSURED" if template.assured else "NONE"
        rows.append((template.key[0].upper(), state, left_s, _template_ends(template)))
    return rows


def _template_ends(template: Template) -> Ends:
    _, client, address, port = template.key
    return (client, 0), (address, port), (template.destination.address, template.destination.port)

"""The small tools: ``nslookup``, ``getent``, ``cat``, ``hostname``, ``date``.

Room shell, tools. In: the words of the command and a place. Out: text and exit code. Rule of this file:
a tool does what lessons use it for; anything else says that it is not modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshsim.cluster.programs import ProgramResult
from meshsim.dataplane import cards, table_of
from meshsim.dns import Answer, Question
from meshsim.errors import NameNotResolved, NotModelled
from meshsim.ipvs import texts
from meshsim.shell.tools.place import Place
from meshsim.units import MILLISECOND, dig_time

__all__ = ["cat", "date", "getent", "hostname", "nslookup"]

SERVER = "127.0.0.11"


def nslookup(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``nslookup NAME``, in BIND's words or in busybox's.

    Source: BIND bin/dig/nslookup.c; busybox networking/nslookup.c.
    """
    if len(args) != 1 or args[0].startswith("-"):
        raise NotModelled("only nslookup NAME is modelled")
    name = args[0].removesuffix(".")
    answers = [place.lookup(Question(f"{name}.", qtype)) for qtype in ("A", "AAAA")]
    if answers[0].rcode is None:
        text = ";; connection timed out; no servers could be reached\n"
        return ProgramResult(text, exit_code=1, duration_ns=15_000 * MILLISECOND)
    busybox = place.flavour == "busybox"
    head = f"Server:\t\t{SERVER}\nAddress:\t{SERVER}{':' if busybox else '#'}53\n\n"
    known = answers[0].rcode == "NOERROR"
    blocks = [_block(answer, name) for answer in answers]
    body = "".join(blocks) if busybox else blocks[0]
    spent_ns = sum(answer.elapsed_ns for answer in answers)
    return ProgramResult(head + body, exit_code=int(not known), duration_ns=spent_ns)


def _block(answer: Answer, name: str) -> str:
    if answer.rcode != "NOERROR":
        return f"** server can't find {name}: {answer.rcode}\n\n"
    lines = "".join(f"Name:\t{name}\nAddress: {address}\n" for address in answer.addresses)
    return f"Non-authoritative answer:\n{lines}\n"


def getent(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``getent hosts NAME``. Source: glibc nss/getent.c print_hosts."""
    if len(args) != 2 or args[0] != "hosts":
        raise NotModelled("only getent hosts NAME is modelled")
    try:
        address = place.address_of(args[1])
    except NameNotResolved:
        return ProgramResult(exit_code=2)
    return ProgramResult(f"{address:<15} {args[1]}\n")


#: where the kernel shows the settings of a namespace's balancer
VS_FOLDER = "/proc/sys/net/ipv4/vs/"


def cat(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``cat`` on the files a place has: its DNS servers, its name, and its kernel's balancer."""
    table = table_of(place.network)
    files: dict[str, Callable[[], str]] = {
        "/etc/resolv.conf": place.resolv_conf,
        "/etc/hostname": lambda: f"{place.hostname}\n",
        "/proc/net/ip_vs": lambda: texts.proc_services(table),
        "/proc/net/ip_vs_conn": lambda: texts.proc_connections(table),
    }
    result = ProgramResult()
    for path in args:
        setting = path.removeprefix(VS_FOLDER) if path.startswith(VS_FOLDER) else ""
        value = table.sysctls.get(setting)
        if path in files:
            result = result.then(ProgramResult(files[path]()))
        elif value is not None:
            result = result.then(ProgramResult(f"{value}\n"))
        else:
            known = ", ".join((*files, f"{VS_FOLDER}*"))
            missing = f"cat: {path}: meshsim models no files but {known}\n"
            result = result.then(ProgramResult(stderr=missing, exit_code=1))
    return result


def hostname(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``hostname``; ``-i`` prints the addresses."""
    if list(args) in (["-i"], ["-I"]):
        addresses = [a.partition("/")[0] for card in cards(place.network)[1:] for a in card.addresses[:1]]
        return ProgramResult(" ".join(addresses) + "\n")
    if args:
        raise NotModelled(f"hostname {' '.join(args)} is not modelled")
    return ProgramResult(f"{place.hostname}\n")


def date(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``date`` (virtual time, UTC); ``+%s`` prints the seconds since 1970."""
    if args == ["+%s"]:
        return ProgramResult(f"{place.unix_ns // 1_000_000_000}\n")
    if args:
        raise NotModelled(f"date {' '.join(args)} is not modelled")
    return ProgramResult(f"{dig_time(place.unix_ns)}\n")

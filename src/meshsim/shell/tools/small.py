"""The small tools: ``nslookup``, ``getent``, ``cat``, ``hostname``, ``ip``, ``date``.

Room shell, tools. In: the words of the command and a place. Out: text and exit code. Rule of this file:
a tool does what lessons use it for; anything else says that it is not modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshsim.cluster.programs import ProgramResult
from meshsim.dns import Answer, Question
from meshsim.errors import NameNotResolved, NotModelled
from meshsim.shell.tools.place import Place
from meshsim.units import MILLISECOND, dig_time

__all__ = ["cat", "date", "getent", "hostname", "ip", "nslookup"]

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


def cat(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``cat`` on the two files a place has."""
    files: dict[str, Callable[[], str]] = {
        "/etc/resolv.conf": place.resolv_conf,
        "/etc/hostname": lambda: f"{place.hostname}\n",
    }
    result = ProgramResult()
    for path in args:
        if path in files:
            result = result.then(ProgramResult(files[path]()))
        else:
            missing = f"cat: {path}: meshsim models no files but {' and '.join(files)}\n"
            result = result.then(ProgramResult(stderr=missing, exit_code=1))
    return result


def hostname(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``hostname``; ``-i`` prints the addresses."""
    if list(args) in (["-i"], ["-I"]):
        addresses = [one.address.partition("/")[0] for one in place.interfaces() if one.name != "lo"]
        return ProgramResult(" ".join(addresses) + "\n")
    if args:
        raise NotModelled(f"hostname {' '.join(args)} is not modelled")
    return ProgramResult(f"{place.hostname}\n")


def ip(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``ip addr`` or ``ip -br addr``. Source: iproute2 ip/ipaddress.c print_addrinfo."""
    words = [word for word in args if word not in ("show", "list", "-4")]
    brief = "-br" in words or "-brief" in words
    words = [word for word in words if word not in ("-br", "-brief")]
    if words not in (["a"], ["addr"], ["address"]):
        raise NotModelled(f"ip {' '.join(args)} is not modelled, only ip addr is")
    lines: list[str] = []
    for number, interface in enumerate(place.interfaces(), start=1):
        loopback = interface.name == "lo"
        if brief:
            lines.append(f"{interface.name:<16} {'UNKNOWN' if loopback else 'UP':<14} {interface.address} ")
            continue
        flags = "LOOPBACK,UP,LOWER_UP" if loopback else "BROADCAST,MULTICAST,UP,LOWER_UP"
        lines += [
            f"{number}: {interface.name}: <{flags}>",
            f"    inet {interface.address} scope {'host' if loopback else 'global'} {interface.name}",
        ]
    return ProgramResult("\n".join(lines) + "\n")


def date(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``date`` (virtual time, UTC); ``+%s`` prints the seconds since 1970."""
    if args == ["+%s"]:
        return ProgramResult(f"{place.unix_ns // 1_000_000_000}\n")
    if args:
        raise NotModelled(f"date {' '.join(args)} is not modelled")
    return ProgramResult(f"{dig_time(place.unix_ns)}\n")

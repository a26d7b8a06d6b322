"""``ping``, in busybox's words and in iputils'.

Room shell, tools. In: the words of the command and a place. Out: text, exit code, duration. Rules of
this file: one echo request a second; the times shown are the network's, made a little uneven by a
checksum of target, number and moment, so that they look alive and are the same every time.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from meshsim.cluster.client import PingReply
from meshsim.cluster.programs import STAYS_UP, ProgramResult
from meshsim.errors import BadValue, NameNotResolved, NotModelled
from meshsim.shell.tools.place import Place
from meshsim.units import MILLISECOND, SECOND, parse_float, parse_uint

__all__ = ["ping"]

#: how long busybox waits for the last answer. Source: busybox networking/ping.c -W default
LAST_WAIT_NS = 10 * SECOND
#: the first answer takes longer: neighbours have to be asked for their addresses first
FIRST_EXTRA_NS = 150_000
_VALUES = {"-c": "count", "-W": "wait", "-i": "interval", "-w": "deadline", "-s": "size"}
_IGNORED = ("-4", "-n")


@frozen(slots=True)
class _Options:
    count: str = ""
    wait: str = ""
    interval: str = "1"
    deadline: str = ""
    size: str = "56"
    quiet: bool = False


def ping(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ping.

    Args:
        args: words behind ``ping``: ``-c COUNT -W SECONDS -i SECONDS -q HOST``.
        place: where it runs.

    Returns:
        What it prints; exit 1 without an answer (an unknown name: 1 busybox, 2 iputils). Without
        ``-c`` it goes on until it is stopped.

    Raises:
        NotModelled: an option that is not simulated.

    Source: busybox networking/ping.c; iputils ping/ping_common.c.
    """
    options, names = _parse(args)
    if len(names) != 1:
        return ProgramResult(stderr="ping: usage: ping [-c COUNT] HOST\n", exit_code=1)
    name = names[0]
    try:
        address = place.address_of(name)
    except NameNotResolved:
        if place.flavour == "busybox":
            return ProgramResult(stderr=f"ping: bad address '{name}'\n", exit_code=1)
        return ProgramResult(stderr=f"ping: {name}: Name or service not known\n", exit_code=2)
    try:
        count = parse_uint(options.count) if options.count else 0
        interval_ns = int(parse_float(options.interval) * SECOND)
    except BadValue:
        return ProgramResult(stderr=f"ping: invalid argument: '{options.count}'\n", exit_code=1)
    if not count:
        return STAYS_UP
    replies = [place.echo(address) for _ in range(count)]
    times = [_time_ns(reply, number, place) for number, reply in enumerate(replies)]
    words = _busybox if place.flavour == "busybox" else _gnu
    text = words(name, address, times, options.quiet, interval_ns)
    waited_ns = LAST_WAIT_NS if times[-1] is None else times[-1]
    answered = any(time is not None for time in times)
    return ProgramResult(text, "", int(not answered), (count - 1) * interval_ns + waited_ns)


def _parse(args: Sequence[str]) -> tuple[_Options, list[str]]:
    options, names = _Options(), []
    words = list(reversed(args))
    while words:
        word = words.pop()
        if word in _IGNORED:
            continue
        if word == "-q":
            options = evolve(options, quiet=True)
        elif word[:2] in _VALUES:
            value = word[2:] or (words.pop() if words else "")
            changes: dict[str, Any] = {_VALUES[word[:2]]: value}
            options = evolve(options, **changes)
        elif word.startswith("-"):
            raise NotModelled(f"ping {word} is not modelled")
        else:
            names.append(word)
    return options, names


def _time_ns(reply: PingReply, number: int, place: Place) -> int | None:
    if not reply.ok:
        return None
    uneven = zlib.crc32(f"{reply.address} {number} {place.unix_ns}".encode()) % 100_000
    return reply.elapsed_ns + uneven + (0 if number else FIRST_EXTRA_NS)


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / MILLISECOND:.3f}"


def _loss(times: Sequence[int | None]) -> tuple[list[int], int]:
    got = [time for time in times if time is not None]
    return got, 100 * (len(times) - len(got)) // len(times)


def _busybox(name: str, address: str, times: Sequence[int | None], quiet: bool, _interval_ns: int) -> str:
    lines = [f"PING {name} ({address}): 56 data bytes"]
    if not quiet:
        lines += [
            f"64 bytes from {address}: seq={number} ttl=64 time={_ms(time)} ms"
            for number, time in enumerate(times)
            if time is not None
        ]
    got, loss = _loss(times)
    lines += [
        "",
        f"--- {name} ping statistics ---",
        f"{len(times)} packets transmitted, {len(got)} packets received, {loss}% packet loss",
    ]
    if got:
        figures = "/".join(map(_ms, (min(got), sum(got) // len(got), max(got))))
        lines.append(f"round-trip min/avg/max = {figures} ms")
    return "\n".join(lines) + "\n"


def _gnu(name: str, address: str, times: Sequence[int | None], quiet: bool, interval_ns: int) -> str:
    lines = [f"PING {name} ({address}) 56(84) bytes of data."]
    if not quiet:
        lines += [
            f"64 bytes from {address}: icmp_seq={number} ttl=64 time={_ms(time)} ms"
            for number, time in enumerate(times, start=1)
            if time is not None
        ]
    got, loss = _loss(times)
    spent_ms = (len(times) - 1) * interval_ns // MILLISECOND
    lines += [
        "",
        f"--- {name} ping statistics ---",
        f"{len(times)} packets transmitted, {len(got)} received, {loss}% packet loss, time {spent_ms}ms",
    ]
    if got:
        mean = sum(got) // len(got)
        deviation = sum(abs(time - mean) for time in got) // len(got)
        figures = "/".join(map(_ms, (min(got), mean, max(got), deviation)))
        lines.append(f"rtt min/avg/max/mdev = {figures} ms")
    return "\n".join(lines) + "\n"

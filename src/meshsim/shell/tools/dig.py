r"""``dig``: asks the DNS server of a place and prints the answer as BIND's dig does.

Room shell, tools. In: the words of the command and a place. Out: text and how long it took. Rule of this
file: layout only, tab for tab; who knows which name is the resolver's business.

The message id is made from the question and the time, not drawn: looking changes nothing.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Sequence

from attrs import evolve, frozen

from meshsim.cluster.programs import ProgramResult
from meshsim.dns import TYPES, Answer, Question, Record
from meshsim.errors import BadValue, NotModelled
from meshsim.shell.tools.place import Place
from meshsim.units import MILLISECOND, SECOND, dig_time

__all__ = ["dig"]

EMBEDDED = "127.0.0.11"
#: columns of TTL, class, type and data. Source: BIND bin/dig/dig.c, dns_master_stylecreate
TTL_COLUMN, CLASS_COLUMN, TYPE_COLUMN, DATA_COLUMN = 24, 32, 40, 48
_TAB = 8
#: tries and seconds each. Source: BIND bin/dig/dighost.c (tries 3, timeout 5)
TRIES, TIMEOUT_NS = 3, 5 * SECOND
_CLASSES = ("IN", "CH", "HS")
_DISPLAY = ("cmd", "comments", "question", "answer", "stats")
_IGNORED = ("+search", "+nosearch", "+edns", "+noedns", "+cookie", "+nocookie", "+noadflag", "+adflag")


@frozen(slots=True)
class _Request:
    """What the command line asked for."""

    name: str = ""
    qtype: str = ""
    qclass: str = "IN"
    shown: frozenset[str] = frozenset(_DISPLAY)
    short: bool = False
    tcp: bool = False
    recursion: bool = True
    tries: int = TRIES
    timeout_ns: int = TIMEOUT_NS


def dig(args: Sequence[str], place: Place) -> ProgramResult:
    """Run dig.

    Args:
        args: words behind ``dig``: NAME, TYPE, ``-x ADDRESS``, ``-t TYPE``, ``+short``, ``+tcp`` ...
        place: where it runs.

    Returns:
        What it prints; exit 9 when no server answers.

    Raises:
        NotModelled: an option that is not simulated.

    Source: BIND bin/dig/dig.c printmessage, received, dash_option, dighost.c.
    """
    try:
        request = _parse(args)
    except BadValue as problem:
        return ProgramResult(stderr=f"{problem}\n", exit_code=1)
    labels = request.name.removesuffix(".").split(".")
    if any(len(label) > 63 for label in labels):
        text = f"dig: '{request.name}' is not a legal name (label too long)\n"
        return ProgramResult(stderr=text, exit_code=10)
    fqdn = request.name if request.name.endswith(".") else f"{request.name}."
    # ANY goes over TCP from the start
    tcp = request.tcp or request.qtype == "ANY"
    answer = place.lookup(Question(fqdn, request.qtype, request.qclass, recursion=request.recursion, tcp=tcp))
    if answer.truncated:
        answer = place.lookup(evolve(answer.question, tcp=True))
    if answer.rcode is None or answer.elapsed_ns > request.timeout_ns:
        return _unanswered(args, request, place)
    text = _short(answer) if request.short else _long(args, request, answer, place)
    return ProgramResult(text, duration_ns=answer.elapsed_ns or MILLISECOND)


def _pointer(address: str) -> str:
    """The name that an address is asked by."""
    try:
        return f"{ipaddress.ip_address(address).reverse_pointer}."
    except ValueError:
        raise BadValue(f"Invalid IP address {address}", address) from None


def _parse(args: Sequence[str]) -> _Request:
    request = _Request()
    words = list(reversed(args))
    while words:
        word = words.pop()
        if word.startswith("+"):
            request = _option(request, word)
        elif word == "-x" and words:
            request = evolve(request, name=_pointer(words.pop()), qtype="PTR")
        elif word == "-t" and words:
            request = evolve(request, qtype=words.pop().upper())
        elif word.startswith("@"):
            if word[1:] not in (EMBEDDED, "localhost"):
                raise NotModelled(f"dig {word} is not modelled: only the place's own DNS server is")
        elif word.startswith("-"):
            raise NotModelled(f"dig {word} is not modelled")
        elif word.upper() in TYPES:
            request = evolve(request, qtype=word.upper())
        elif word.upper() in _CLASSES:
            request = evolve(request, qclass=word.upper())
        elif request.name:
            raise NotModelled("asking dig for several names at once is not modelled")
        else:
            request = evolve(request, name=word)
    return evolve(request, name=request.name or ".", qtype=request.qtype or ("A" if request.name else "NS"))


def _option(request: _Request, word: str) -> _Request:
    key, _, value = word[1:].partition("=")
    if key == "short":
        return evolve(request, short=True)
    if key in ("tcp", "vc"):
        return evolve(request, tcp=True)
    if key in ("norec", "norecurse"):
        return evolve(request, recursion=False)
    if key in ("tries", "retry") and value.isdigit():
        return evolve(request, tries=int(value) + (key == "retry"))
    if key in ("time", "timeout") and value.isdigit():
        return evolve(request, timeout_ns=int(value) * SECOND)
    if key == "noall":
        return evolve(request, shown=frozenset())
    if key == "all":
        return evolve(request, shown=frozenset(_DISPLAY))
    if key in _DISPLAY:
        return evolve(request, shown=request.shown | {key})
    if key.startswith("no") and key[2:] in _DISPLAY:
        return evolve(request, shown=request.shown - {key[2:]})
    if word in _IGNORED:
        return request
    raise NotModelled(f"dig {word} is not modelled")


def _short(answer: Answer) -> str:
    return "".join(f"{record.data}\n" for record in answer.records)


def _banner(args: Sequence[str], request: _Request, place: Place) -> str:
    if "cmd" not in request.shown or request.short:
        return ""
    version = place.profile.dig_version
    return f"\n; <<>> DiG {version} <<>> {' '.join(args)}\n;; global options: +cmd\n"


def _unanswered(args: Sequence[str], request: _Request, place: Place) -> ProgramResult:
    waited_ns = request.tries * request.timeout_ns
    banner = _banner(args, request, place)
    if place.profile.dig_says_udp:
        tries = f";; communications error to {EMBEDDED}#53: timed out\n" * request.tries
        text = f"{tries}{banner};; no servers could be reached\n"
    else:
        text = f"{banner};; connection timed out; no servers could be reached\n"
    return ProgramResult(text, exit_code=9, duration_ns=waited_ns)


def _long(args: Sequence[str], request: _Request, answer: Answer, place: Place) -> str:
    parts = [_banner(args, request, place)]
    if "comments" in request.shown:
        parts.append(_header(answer, place))
    if "question" in request.shown:
        question = answer.question
        # without comments there is no heading, but the line is the same
        heading = ";; QUESTION SECTION:\n" if "comments" in request.shown else ""
        asked = _indent(f";{question.name}", CLASS_COLUMN) + question.qclass
        parts.append(f"{heading}{_indent(asked, TYPE_COLUMN)}{question.qtype}\n\n")
    for heading, records in (("ANSWER", answer.records), ("AUTHORITY", answer.authority)):
        if records and "answer" in request.shown:
            titled = f";; {heading} SECTION:\n" if "comments" in request.shown else ""
            parts.append(titled + "".join(map(_record, records)))
            parts.append("\n" if "comments" in request.shown else "")
    if "stats" in request.shown:
        parts.append(_stats(answer, place))
    return "".join(parts)


def _header(answer: Answer, place: Place) -> str:
    ident = zlib.crc32(f"{answer.question} {place.hostname} {place.unix_ns}".encode()) & 0xFFFF
    warning = ""
    if "rd" in answer.flags and "ra" not in answer.flags:
        warning = ";; WARNING: recursion requested but not available\n"
    malformed = ""
    if answer.question.qclass != "IN":  # the embedded server answers with records of class IN all the same
        malformed = ";; Warning: Message parser reports malformed message packet.\n"
    return (
        f"{malformed};; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: {answer.rcode}, id: {ident}\n"
        f";; flags: {' '.join(answer.flags)}; QUERY: 1, ANSWER: {len(answer.records)}, "
        f"AUTHORITY: {len(answer.authority)}, ADDITIONAL: 0\n{warning}\n"
    )


def _stats(answer: Answer, place: Place) -> str:
    transport = ""
    if place.profile.dig_says_udp:
        transport = " (TCP)" if answer.question.tcp else " (UDP)"
    milliseconds = max(round(answer.elapsed_ns / MILLISECOND), 1)
    return (
        f";; Query time: {milliseconds} msec\n;; SERVER: {EMBEDDED}#53({EMBEDDED}){transport}\n"
        f";; WHEN: {dig_time(place.unix_ns)}\n;; MSG SIZE  rcvd: {answer.size}\n\n"
    )


def _record(record: Record) -> str:
    line = _indent(record.name, TTL_COLUMN) + str(record.ttl)
    line = _indent(line, CLASS_COLUMN) + "IN"
    line = _indent(line, TYPE_COLUMN) + record.rtype
    return _indent(line, DATA_COLUMN) + record.data + "\n"


def _indent(line: str, column: int) -> str:
    """Fill a line with tabs up to a column; a line that is there already gets one blank.

    Source: BIND lib/dns/masterdump.c indent.
    """
    at = len(line.expandtabs(_TAB))
    if at >= column:
        return f"{line} "
    return line + "\t" * -(-(column - at) // _TAB)

"""Questions, records and answers, and how many bytes they take on the wire.

Room dns, floor 2. In: fields as text. Out: the same as values, their sizes, and the bytes themselves
(:func:`encode`), which prove the sizes.

It does not know where an answer comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from attrs import frozen

from meshsim.errors import BadValue, NotModelled

__all__ = ["RCODES", "TYPES", "Answer", "Attempt", "Question", "Record", "encode", "type_number"]

#: Record types by name. Source: RFC 1035, 2782, 3596, 9460 and the IANA registry.
TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "NAPTR": 35,
    "DS": 43,
    "DNSKEY": 48,
    "SVCB": 64,
    "HTTPS": 65,
    "ANY": 255,
    "CAA": 257,
}
#: Result codes by name. Source: RFC 1035 section 4.1.1.
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
#: Classes by name. Source: RFC 1035 section 3.2.4.
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "ANY": 255}

HEADER_SIZE = 12
#: Type, class, TTL and length of data: what a record takes besides its name and data.
RECORD_OVERHEAD = 10
#: Bytes of a pointer to a name that stands earlier in the message.
POINTER_SIZE = 2
_FLAG_BITS = {"qr": 0x8000, "aa": 0x0400, "tc": 0x0200, "rd": 0x0100, "ra": 0x0080}
_POINTABLE = 0x4000  # a pointer has 14 bits


def type_number(qtype: str) -> int:
    """Return the number of a record type; ``TYPE99`` is understood.

    Raises:
        BadValue: no such type.
    """
    number = TYPES.get(qtype)
    if number is None and qtype.startswith("TYPE") and qtype[4:].isdecimal() and int(qtype[4:]) < 1 << 16:
        number = int(qtype[4:])
    if number is None:
        raise BadValue(f"no DNS record type: {qtype!r}", qtype)
    return number


@frozen(slots=True)
class Question:
    """What a client asks.

    Attributes:
        name: with final dot, spelled as typed.
        qtype: record type by name, upper case.
        qclass: class by name; echoed, else ignored.
        recursion: the client asks for recursion (flag rd).
        tcp: asked over TCP, not UDP.
        edns: UDP size the client announces by EDNS; 0 without EDNS.
    """

    name: str
    qtype: str = "A"
    qclass: str = "IN"
    recursion: bool = True
    tcp: bool = False
    edns: int = 0


@frozen(slots=True)
class Record:
    """One resource record of class IN.

    >>> print(Record("http.", 600, "A", "10.0.1.2"))
    http. 600 IN A 10.0.1.2
    """

    name: str
    ttl: int
    rtype: str
    data: str

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} IN {self.rtype} {self.data}"


@frozen(slots=True)
class Attempt:
    """One outer server and what came of asking it: an rcode, "timeout" or "skipped"."""

    server: str
    outcome: str


@frozen(slots=True)
class Answer:
    """What the client gets: all that dig prints, and where it came from.

    Attributes:
        question: as asked.
        rcode: by name; None when nobody answers and the client waits in vain.
        records: the answer section, in the order sent.
        flags: those set, in dig's order: qr aa tc rd ra.
        size: bytes of the message; 0 without one.
        compressed: names are compressed.
        authority: the authority section.
        network: name of the network that knew the name; empty when none did.
        attempts: the outer servers asked, in turn.
        elapsed_ns: virtual nanoseconds until the answer (or the end of the last attempt).
    """

    question: Question
    rcode: str | None
    records: tuple[Record, ...] = ()
    flags: tuple[str, ...] = ()
    size: int = 0
    compressed: bool = False
    authority: tuple[Record, ...] = ()
    network: str = ""
    attempts: tuple[Attempt, ...] = ()
    elapsed_ns: int = 0

    @property
    def addresses(self) -> list[str]:
        """The addresses answered, in order."""
        return [record.data for record in self.records if record.rtype in ("A", "AAAA")]

    @property
    def truncated(self) -> bool:
        """Records were left off (flag tc): the client should ask again over TCP."""
        return "tc" in self.flags

    @property
    def why(self) -> str:
        """One line on how this answer came about."""
        asked = self.question.name[:-1] or "."
        if self.network:
            found = f"{len(self.records)} {self.question.qtype} of {asked}"
            return f"network {self.network} knows {found}" + (", cut to fit" if self.truncated else "")
        if not self.attempts:
            told = "an empty answer, ndots is set" if self.rcode == "NOERROR" else self.rcode or "no reply"
            return f"no network knows {asked}, no server to ask: {told}"
        asked_servers = ", ".join(f"{attempt.server} {attempt.outcome}" for attempt in self.attempts)
        return f"no network knows {asked}; asked outside: {asked_servers}: {self.rcode or 'no reply'}"

    def encode(self, ident: int = 0) -> bytes:
        """Return the message as bytes; ``len()`` of it is :attr:`size`.

        Args:
            ident: the message id, chosen by the client.
        """
        return encode(self, ident)

    def __str__(self) -> str:
        return "\n".join(map(str, self.records)) or f"{self.question.name} {self.rcode or 'no reply'}"


def name_size(name: str) -> int:
    """Bytes of a name with final dot, uncompressed; no escapes are known."""
    return len(name) + 1 if name != "." else 1


def is_wire_name(name: str) -> bool:
    """Whether a name (with final dot) can be sent: labels of 1 to 63 bytes, 255 in all.

    Source: RFC 1035 section 3.1.
    """
    return name == "." or (
        name_size(name) <= 255 and all(0 < len(label) <= 63 for label in name[:-1].split("."))
    )


def is_reverse_name(fqdn: str) -> bool:
    """Whether a name is made for reverse lookups."""
    return fqdn.endswith((".in-addr.arpa.", ".ip6.arpa."))


def address_of_reverse_name(fqdn: str) -> str | None:
    """Read ``4.1.0.10.in-addr.arpa.`` as 10.0.1.4; None when the name is made for no address.

    Source: moby daemon/libnetwork/netutils/utils.go ReverseIP.
    """
    if fqdn.endswith(".in-addr.arpa."):
        return ".".join(reversed(fqdn[: -len(".in-addr.arpa.")].split(".")))
    if fqdn.endswith(".ip6.arpa."):
        digits = fqdn[: -len(".ip6.arpa.")].split(".")
        if len(digits) == 32 and all(digit in "0123456789abcdef" and len(digit) == 1 for digit in digits):
            return str(IPv6Address(int("".join(reversed(digits)), 16)))
    return None


def known_word(what: str, word: str, known: Iterable[str]) -> None:
    """Refuse a word that names none of the behaviours there are.

    Raises:
        BadValue: it does not.
    """
    if word not in (words := tuple(known)):
        raise BadValue(f"no such {what}: {word!r}; known: {', '.join(words)}", str(word))


def encode(answer: Answer, ident: int = 0) -> bytes:
    """Return an answer's message as bytes, names compressed if the answer says so.

    Raises:
        NotModelled: a record type whose data meshsim cannot write.

    Source: RFC 1035 section 4.
    """
    flags = RCODES[answer.rcode or "SERVFAIL"]
    for flag in answer.flags:
        flags |= _FLAG_BITS[flag]
    counts = (1, len(answer.records), len(answer.authority), 0)
    out = bytearray(b"".join(number.to_bytes(2, "big") for number in (ident, flags, *counts)))
    seen: dict[str, int] | None = {} if answer.compressed else None
    question = answer.question
    _put_name(out, question.name, seen)
    out += type_number(question.qtype).to_bytes(2, "big")
    out += CLASSES.get(question.qclass, 1).to_bytes(2, "big")
    for record in (*answer.records, *answer.authority):
        _put_record(out, record, seen)
    return bytes(out)


def _put_record(out: bytearray, record: Record, seen: dict[str, int] | None) -> None:
    _put_name(out, record.name, seen)
    out += type_number(record.rtype).to_bytes(2, "big") + b"\0\1" + record.ttl.to_bytes(4, "big")
    length_at = len(out)
    out += b"\0\0"
    _put_data(out, record, seen)
    out[length_at : length_at + 2] = (len(out) - length_at - 2).to_bytes(2, "big")


def _put_data(out: bytearray, record: Record, seen: dict[str, int] | None) -> None:
    """Write the data of the types an outer server of meshsim may answer with."""
    words = record.data.split()
    match record.rtype:
        case "A" | "AAAA":
            out += ip_address(record.data).packed
        case "NS" | "CNAME" | "PTR":
            _put_name(out, record.data, seen)
        case "MX":
            out += int(words[0]).to_bytes(2, "big")
            _put_name(out, words[1], seen)
        case "SRV":
            out += _numbers(words[:3], 2)
            _put_name(out, words[3], None)
        case "SOA":
            _put_name(out, words[0], seen)
            _put_name(out, words[1], seen)
            out += _numbers(words[2:7], 4)
        case "TXT":
            text = record.data.strip('"').encode()
            out += len(text).to_bytes(1, "big") + text
        case _:
            raise NotModelled(f"DNS records of type {record.rtype} from an outer server are not modelled")


def _numbers(words: Iterable[str], width: int) -> bytes:
    return b"".join(int(word).to_bytes(width, "big") for word in words)


def _put_name(out: bytearray, name: str, seen: dict[str, int] | None) -> None:
    """Write a name; with ``seen``, point to the longest tail that stands earlier."""
    rest = name
    while rest not in (".", ""):
        if seen is not None:
            if rest in seen:
                out += (0xC000 | seen[rest]).to_bytes(2, "big")
                return
            if len(out) < _POINTABLE:
                seen[rest] = len(out)
        label, _, rest = rest.partition(".")
        out += len(label).to_bytes(1, "big") + label.encode()
    out += b"\0"

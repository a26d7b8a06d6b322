"""The kernel's algorithms said again, as plainly as possible, for the fast ones to agree with.

Every balancer here gets the whole list, remembers what it must, and counts nothing incrementally. Speed is
no concern; nothing is shared with the room but the attributes of destinations.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any


def overhead(one: Any) -> int:
    return 257 * one.active + one.inactive


def usable(destinations: list[Any]) -> list[Any]:
    return [one for one in destinations if one.weight > 0 and not one.overloaded]


class RoundRobin:
    """The list as a ring, cut open behind the cursor."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.cursor: Any = None

    def sync(self, destinations: list[Any]) -> None:
        if self.cursor is not None and self.cursor not in destinations:
            behind = self.seen[: self.seen.index(self.cursor)]
            left = [one for one in behind if one in destinations]
            self.cursor = left[-1] if left else None
        self.seen = list(destinations)

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        start = destinations.index(self.cursor) + 1 if self.cursor else 0
        for one in destinations[start:] + destinations[:start]:
            if one in usable(destinations):
                self.cursor = one
                return one
        return None


class WeightedRoundRobin:
    """Passes written out: a generator would be shorter, but this one survives edits."""

    def __init__(self) -> None:
        self.at, self.threshold, self.top, self.step = -1, 0, 0, 1
        self.seen: list[tuple[Any, int]] = []

    def sync(self, destinations: list[Any]) -> None:
        self.step = gcd(*(one.weight for one in destinations)) or 1
        self.top = max([one.weight for one in destinations], default=0) - self.step + 1
        self.at = -1
        if self.threshold > self.top or self.threshold == 0:
            self.threshold = self.top
        elif self.step > 1:
            self.threshold = self.threshold // self.step * self.step + 1

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        if not usable(destinations):
            return None
        while True:
            for place in range(self.at + 1, len(destinations)):
                if destinations[place].weight >= self.threshold:
                    self.at = place
                    return destinations[place]
            self.at = -1
            self.threshold -= self.step
            if self.threshold <= 0:
                self.threshold = self.top


class Stateless:
    def sync(self, destinations: list[Any]) -> None: ...


class Least(Stateless):
    """One class for lc, wlc, sed, nq: a load, divided by the weight as an exact fraction."""

    def __init__(self, load: Any, weighted: bool, idle_first: bool = False) -> None:
        self.load, self.weighted, self.idle_first = load, weighted, idle_first

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        candidates = usable(destinations)
        idle = [one for one in candidates if one.active == 0]
        if self.idle_first and idle:
            return idle[0]
        loads = [Fraction(self.load(one), one.weight if self.weighted else 1) for one in candidates]
        return candidates[loads.index(min(loads))] if loads else None


class Heaviest(Stateless):
    """fo and ovf."""

    def __init__(self, overflows: bool) -> None:
        self.overflows = overflows

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        left = [one for one in usable(destinations) if not (self.overflows and one.active > one.weight)]
        ranked = sorted(left, key=lambda one: -one.weight)  # stable
        return ranked[0] if ranked else None


def number(address: str) -> int:
    value = 0
    for part in address.split("."):
        value = value * 256 + int(part)
    return value


def bucket_of(value: int) -> int:
    return (value * 0x61C88647 % 2**32) // 2**24


class SourceHash:
    """The kernel's loop over 256 buckets, word by word."""

    def __init__(self, fallback: bool = False, port: bool = False) -> None:
        self.fallback, self.port = fallback, port
        self.buckets: list[Any] = []

    def sync(self, destinations: list[Any]) -> None:
        self.buckets = []
        place = count = 0
        for _ in range(256 if destinations else 0):
            self.buckets.append(destinations[place])
            count += 1
            if count >= destinations[place].weight:
                place, count = (place + 1) % len(destinations), 0

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        if not self.buckets:
            return None
        at = bucket_of(number(flow.source[0]) + (flow.source[1] if self.port else 0))
        probes = [at]
        if self.fallback:
            probes += [((offset + at) % 256 + at) % 256 for offset in range(256)]
        return next((self.buckets[p] for p in probes if self.buckets[p] in usable(destinations)), None)


class DestinationHash:
    def __init__(self) -> None:
        self.buckets: list[Any] = []

    def sync(self, destinations: list[Any]) -> None:
        self.buckets = (destinations * 256)[:256]

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        if not self.buckets:
            return None
        one = self.buckets[bucket_of(number(flow.destination[0]))]
        return one if one in usable(destinations) else None


def siphash(value: int, key: int) -> int:
    """SipHash-1-3 of four bytes with a key of two equal halves, low 32 bits."""
    words = [
        ord_ ^ key
        for ord_ in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    ]

    def turn(word: int, bits: int) -> int:
        return (word * 2**bits | word // 2 ** (64 - bits)) % 2**64

    def mix() -> None:
        a, b, c, d = words
        a = (a + b) % 2**64
        b = turn(b, 13) ^ a
        a = turn(a, 32)
        c = (c + d) % 2**64
        d = turn(d, 16) ^ c
        a = (a + d) % 2**64
        d = turn(d, 21) ^ a
        c = (c + b) % 2**64
        b = turn(b, 17) ^ c
        words[:] = [a, b, turn(c, 32), d]

    block = 4 * 2**56 + value
    words[3] ^= block
    mix()
    words[0] ^= block
    words[2] ^= 255
    for _ in range(3):
        mix()
    return (words[0] ^ words[1] ^ words[2] ^ words[3]) % 2**32


class Maglev:
    """Each destination's preference list in full, then rounds of taking turns."""

    size = 4093

    def __init__(self, fallback: bool = False, port: bool = False) -> None:
        self.fallback, self.port = fallback, port
        self.table: list[Any] = []

    def place(self, address: str, port: int, key: int, offset: int = 0) -> int:
        return siphash((number(address) + port + offset) % 2**32, key)

    def sync(self, destinations: list[Any]) -> None:
        weights = [one.last_weight for one in destinations if one.last_weight]
        if not weights:
            self.table = []
            return
        unit = gcd(*weights)
        shift = max(0, len(bin(max(weights) // unit)) - 2 - 6)
        preferences, turns = [], []
        for one in destinations:
            offset = self.place(one.address, one.port, 2654435761) % self.size
            skip = self.place(one.address, one.port, 2654446892) % (self.size - 1) + 1
            preferences.append(iter([(offset + k * skip) % self.size for k in range(self.size)]))
            share = (one.last_weight // unit) >> shift
            turns.append(share or int(one.last_weight > 0))
        table: list[Any] = [None] * self.size
        free = set(range(self.size))
        while free:
            for one, preference, count in zip(destinations, preferences, turns, strict=True):
                for _ in range(count):
                    if free:
                        slot = next(slot for slot in preference if slot in free)
                        table[slot] = one
                        free.remove(slot)
        self.table = table

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        if not self.table:
            return None
        client, port = flow.source[0], flow.source[1] if self.port else 0
        slot = self.place(client, port, 2654435761) % self.size
        alive = usable(destinations)
        if self.table[slot] in alive:
            return self.table[slot]
        for offset in range(self.size if self.fallback and alive else 0):
            probe = self.place(client, port, 2654435761, (offset + slot) % self.size) % self.size
            if self.table[probe] in alive:
                return self.table[probe]
        return None


def overloaded(one: Any, destinations: list[Any]) -> bool:
    return one.active > one.weight and any(other.active * 2 < other.weight for other in destinations)


class Locality(Stateless):
    """lblc, without expiry."""

    def __init__(self) -> None:
        self.cache: dict[str, Any] = {}
        self.wlc = Least(overhead, weighted=True)

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        known = self.cache.get(flow.destination[0])
        if known in destinations and known.weight and not overloaded(known, destinations):
            return known
        choice = self.wlc.pick(destinations, flow)
        if choice:
            self.cache[flow.destination[0]] = choice
        return choice


class Replication(Stateless):
    """lblcr, without expiry and shrinking."""

    def __init__(self) -> None:
        self.cache: dict[str, list[Any]] = {}
        self.wlc = Least(overhead, weighted=True)

    def pick(self, destinations: list[Any], flow: Any) -> Any:
        servers = self.cache.get(flow.destination[0], [])
        least = self.wlc.pick([one for one in servers if one in destinations], flow)
        if least and not overloaded(least, destinations):
            return least
        choice = self.wlc.pick(destinations, flow)
        if choice and choice not in servers:
            self.cache[flow.destination[0]] = [choice, *servers]
        return choice


NAIVE: dict[tuple[str, str], Any] = {
    ("rr", ""): RoundRobin,
    ("wrr", ""): WeightedRoundRobin,
    ("lc", ""): lambda: Least(overhead, weighted=False),
    ("wlc", ""): lambda: Least(overhead, weighted=True),
    ("sed", ""): lambda: Least(lambda one: one.active + 1, weighted=True),
    ("nq", ""): lambda: Least(lambda one: one.active + 1, weighted=True, idle_first=True),
    ("sh", ""): SourceHash,
    ("sh", "sh-fallback"): lambda: SourceHash(fallback=True),
    ("sh", "sh-fallback,sh-port"): lambda: SourceHash(fallback=True, port=True),
    ("dh", ""): DestinationHash,
    ("mh", ""): Maglev,
    ("mh", "mh-fallback,mh-port"): lambda: Maglev(fallback=True, port=True),
    ("lblc", ""): Locality,
    ("lblcr", ""): Replication,
    ("fo", ""): lambda: Heaviest(overflows=False),
    ("ovf", ""): lambda: Heaviest(overflows=True),
}

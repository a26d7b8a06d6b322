"""Room scenario: how a client turns names into addresses.

Comes in: a name, the client's way into the network, its habits of caching. Goes out: one address, or none.
Rules of this file: machines know each other by name once and for all; only clients inside a network ask DNS.
"""

from __future__ import annotations

from typing import cast

from meshsim.cluster import Target
from meshsim.dataplane import Namespace
from meshsim.dataplane.opened import Client as Place
from meshsim.scenario.traffic.clients import Resolver

__all__ = ["Entry", "Names"]


class Entry:
    """An address a client calls.

    Attributes:
        host, port, path: as written.
        text: ``host:port``, for the records.
        address: when it never changes; empty when DNS must be asked.
    """

    __slots__ = ("address", "host", "path", "port", "text")

    def __init__(self, target: Target) -> None:
        self.host = target.host
        self.port = target.port
        self.path = target.path
        self.text = f"{target.host}:{target.port}"
        self.address = ""

    def __repr__(self) -> str:
        return f"<Entry {self.text}{self.path}>"


class Names:
    """The names one client has looked up.

    Attributes:
        elapsed_ns: how long the last question took.
        asked: how many questions went to DNS.
    """

    __slots__ = ("_cache", "_place", "_plan", "asked", "elapsed_ns")

    def __init__(self, place: Place, plan: Resolver) -> None:
        self._place = place
        self._plan = plan
        #: name -> addresses, and until when they may be used (None: for ever)
        self._cache: dict[str, tuple[tuple[str, ...], int | None]] = {}
        self.elapsed_ns = 0
        self.asked = 0

    def __repr__(self) -> str:
        return f"<Names, cache {self._plan.cache}: {len(self._cache)} kept, {self.asked} questions>"

    def fixed(self, host: str, addresses: dict[str, str]) -> str:
        """The address of a name that never changes; empty when DNS must be asked."""
        if host == "localhost":
            return "127.0.0.1" if self._place.inside else "::1"
        if host == "::1" or host.replace(".", "").isdigit():
            return host
        return "" if self._place.inside else addresses.get(host, "")

    def address(self, host: str, now_ns: int) -> str:
        """The address to use now; empty when the name does not resolve."""
        self.elapsed_ns = 0
        addresses = self._known(host, now_ns)
        if addresses is None:
            addresses = self._ask(host, now_ns)
        return addresses[0] if addresses else ""

    def _known(self, host: str, now_ns: int) -> tuple[str, ...] | None:
        kept = self._cache.get(host)
        if kept is None or (kept[1] is not None and now_ns >= kept[1]):
            return None
        return kept[0]

    def _ask(self, host: str, now_ns: int) -> tuple[str, ...]:
        if not self._place.inside:
            return ()
        answer = cast("Namespace", self._place).resolve(host)
        self.asked += 1
        self.elapsed_ns = answer.elapsed_ns
        addresses = tuple(answer.addresses)
        plan = self._plan
        if plan.order == "lowest":
            addresses = tuple(sorted(addresses, key=_octets))
        if addresses and plan.cache != "no":
            self._cache[host] = (addresses, None if plan.cache == "forever" else now_ns + plan.ttl_ns)
        return addresses


def _octets(address: str) -> tuple[int, ...]:
    return tuple(map(int, address.split(".")))

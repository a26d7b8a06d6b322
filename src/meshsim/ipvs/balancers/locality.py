"""Balancers lblc and lblcr: the same virtual address to the same server, while it copes.

In: the kernel list of destinations, the virtual address, the time. Out: the server that address was
given before; another one when that is overloaded while somebody idles. Made for caches behind a
firewall mark that covers many addresses.
Rule of the file: caches are dictionaries by virtual address; old entries are forgotten when they are
next looked at, at the instant the kernel's timer would have removed them. The kernel's early removal
above 16384 entries is not modelled.
"""

# ruff: noqa: ARG002 - every pick and every hook has the signature of the protocol, used or not

from __future__ import annotations

from collections.abc import Sequence

from meshsim.ipvs.balancers.least import Overhead, lightest
from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow
from meshsim.ipvs.states import SECOND
from meshsim.ipvs.sysctls import Sysctls

__all__ = ["LocalityLeastConnections", "LocalityReplication"]

FULL_CHECK_NS = 30 * 60 * SECOND
"""Every 30th run of a timer of 60 s removes what lay unused too long.

Source: linux net/netfilter/ipvs/ip_vs_lblc.c CHECK_EXPIRE_INTERVAL, COUNT_FOR_FULL_EXPIRATION.
"""


def is_overloaded(destination: Destination, destinations: Sequence[Destination]) -> bool:
    """More active connections than weight, while another has less than half its weight.

    Source: linux net/netfilter/ipvs/ip_vs_lblc.c is_overloaded.
    """
    return destination.active > destination.weight and any(
        2 * other.active < other.weight for other in destinations
    )


def _forgotten(used_ns: int, bound_ns: int, expiration_s: int, now_ns: int) -> bool:
    """Did a full check, every half hour since `bound_ns`, find the entry expired?"""
    due_ns = used_ns + expiration_s * SECOND
    return due_ns <= bound_ns + (now_ns - bound_ns) // FULL_CHECK_NS * FULL_CHECK_NS


class _Cached:
    """What lblc keeps of a virtual address."""

    __slots__ = ("destination", "used_ns")

    def __init__(self, destination: Destination, used_ns: int) -> None:
        self.destination = destination
        self.used_ns = used_ns


class LocalityLeastConnections:
    """lblc: one server per virtual address, replaced when it is overloaded or gone.

    Complexity: O(1) per pick, O(destinations) when the server is busy or unknown.

    Source: linux net/netfilter/ipvs/ip_vs_lblc.c.
    """

    __slots__ = ("_bound_ns", "_cache", "_overhead", "_sysctls")
    sees_all = True

    def __init__(self, active_weight: int = 257, sysctls: Sysctls | None = None) -> None:
        self._overhead = Overhead(active_weight)
        self._sysctls = sysctls or Sysctls()
        self._cache: dict[str, _Cached] = {}
        self._bound_ns = 0

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """The expiry timer starts."""
        self._bound_ns = now_ns

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The address's server if it copes, else wlc's choice, which becomes its server."""
        address = flow.destination[0]
        cached = self._cache.get(address)
        if cached and not _forgotten(cached.used_ns, self._bound_ns, self._sysctls.lblc_expiration, now_ns):
            cached.used_ns = now_ns
            server = cached.destination
            # The overload flag of thresholds is not looked at here.
            if server.available and server.weight and not is_overloaded(server, destinations):
                return server
        choice = lightest(destinations, self._overhead)
        if choice is not None:
            self._cache[address] = _Cached(choice, now_ns)
        return choice


class _ServerSet:
    """What lblcr keeps of a virtual address: its servers, newest first."""

    __slots__ = ("changed_ns", "servers", "used_ns")

    def __init__(self, server: Destination, now_ns: int) -> None:
        self.servers = [server]
        self.used_ns = now_ns
        self.changed_ns = now_ns

    def insert(self, server: Destination, now_ns: int) -> None:
        if server not in self.servers:
            self.servers.insert(0, server)
            self.changed_ns = now_ns


class LocalityReplication:
    """lblcr: a set of servers per virtual address, which grows under load and shrinks with time.

    Complexity: O(servers of the set) per pick, O(destinations) when they are busy.

    Source: linux net/netfilter/ipvs/ip_vs_lblcr.c.
    """

    __slots__ = ("_bound_ns", "_cache", "_overhead", "_sysctls")
    sees_all = True

    def __init__(self, active_weight: int = 257, sysctls: Sysctls | None = None) -> None:
        self._overhead = Overhead(active_weight)
        self._sysctls = sysctls or Sysctls()
        self._cache: dict[str, _ServerSet] = {}
        self._bound_ns = 0

    def bound(self, destinations: Sequence[Destination], now_ns: int) -> None:
        """The expiry timer starts."""
        self._bound_ns = now_ns

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        """The least loaded of the address's set; wlc's choice joins the set when that is overloaded."""
        address = flow.destination[0]
        known = self._cache.get(address)
        expiration = self._sysctls.lblcr_expiration
        if known and _forgotten(known.used_ns, self._bound_ns, expiration, now_ns):
            known = None
        if known:
            server = self._from_set(known, expiration, now_ns)
            if server is not None and not is_overloaded(server, destinations):
                return server
        choice = lightest(destinations, self._overhead)
        if choice is None:
            return None
        if known:
            known.insert(choice, now_ns)
        else:
            self._cache[address] = _ServerSet(choice, now_ns)
        return choice

    def _from_set(self, known: _ServerSet, expiration_s: int, now_ns: int) -> Destination | None:
        known.used_ns = now_ns
        least = lightest((server for server in known.servers if server.available), self._overhead)
        if len(known.servers) > 1 and now_ns > known.changed_ns + expiration_s * SECOND:
            # The choice stands even if it is the one that leaves.
            most = self._heaviest(known.servers)
            if most is not None:
                known.servers.remove(most)
            known.changed_ns = now_ns
        return least

    def _heaviest(self, servers: Sequence[Destination]) -> Destination | None:
        """The one with the largest load per weight, the earlier on a tie; weight 0 never."""
        most: Destination | None = None
        most_load = 0
        for server in servers:
            load = self._overhead(server)
            if server.weight and (most is None or most_load * server.weight < load * most.weight):
                most, most_load = server, load
        return most

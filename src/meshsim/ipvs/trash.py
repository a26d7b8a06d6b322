"""Room ipvs: where deleted destinations wait.

In: a destination that left its service. Out: the same one, with its counters, when it is added again in
time. Connections of a deleted destination still refer to it, so it is kept while there are any and for
two minutes more.
Rules: a check runs every 60 s from the moment the trash got its first member; the first check that finds
a destination idle starts its two minutes, a later check frees it. All of that is arithmetic on the time
the last reference went, so nothing here needs a timer.
"""

from __future__ import annotations

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.service import ServiceKey, VirtualService
from meshsim.ipvs.states import SECOND

__all__ = ["Trash"]

CHECK_NS = 60 * SECOND
KEEP_NS = 120 * SECOND
"""Source: linux net/netfilter/ipvs/ip_vs_ctl.c IP_VS_DEST_TRASH_PERIOD, ip_vs_dest_trash_expire."""


class Trash:
    """The deleted destinations of one table, by service key, address and port.

    Source: linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_trash_get_dest, __ip_vs_del_dest.
    """

    __slots__ = ("_began_ns", "_members")

    def __init__(self) -> None:
        self._members: dict[tuple[ServiceKey, str, int], tuple[VirtualService, Destination]] = {}
        self._began_ns = 0

    def put(self, service: VirtualService, destination: Destination, now_ns: int) -> None:
        """A destination left `service`."""
        self._empty(now_ns)
        if not self._members:
            self._began_ns = now_ns
        if not _referred(destination):
            destination.idle_ns = now_ns
        self._members[service.key, destination.address, destination.port] = service, destination

    def take(self, service: VirtualService, address: str, port: int, now_ns: int) -> Destination | None:
        """The destination that is added again, if it is still here."""
        self._empty(now_ns)
        found = self._members.pop((service.key, address, port), None)
        if found is None:
            return None
        former, destination = found
        if former is not service:
            destination.zero()
        return destination

    def _empty(self, now_ns: int) -> None:
        """Free what has been idle long enough at the last check."""
        freed = [
            key
            for key, (_, destination) in self._members.items()
            if not _referred(destination) and now_ns >= self._freed_ns(destination)
        ]
        for key in freed:
            del self._members[key]

    def _freed_ns(self, destination: Destination) -> int:
        idle_ns = destination.idle_ns - self._began_ns
        first_check = max(1, -(-idle_ns // CHECK_NS))
        return self._began_ns + first_check * CHECK_NS + KEEP_NS

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<Trash of {len(self._members)} destinations>"

    def check(self) -> None:
        """Assert that nobody here is in a service."""
        for service, destination in self._members.values():
            assert not destination.available, destination
            assert destination not in service.destinations, destination


def _referred(destination: Destination) -> bool:
    return bool(destination.total or destination.templates)

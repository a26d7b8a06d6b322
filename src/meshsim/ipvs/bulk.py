"""Room ipvs: many connections at once, for studies of how they are spread.

In: a service and a number, or a table and flows. Out: how many each destination gets. Both functions
only look: the table and the balancer stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

from meshsim.errors import InvalidRule, NotModelled
from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow
from meshsim.ipvs.service import VirtualService
from meshsim.ipvs.table import Table

__all__ = ["forecast", "spread"]


def forecast(service: VirtualService, count: int) -> dict[Destination, int]:
    """How the next `count` new connections would be spread by a balancer that goes round in a cycle.

    Nothing is stepped: the counts come from the balancer's ``tally``, exact for every `count`.

    Args:
        service: one whose balancer has a ``tally``: rr, wrr, or a user's own.
        count: how many connections, each new and none of them ended by a threshold.

    Returns:
        Connections by destination, in list order; all 0 when none may be used.

    Raises:
        NotModelled: the balancer has no closed form, or thresholds or persistence interfere.
        InvalidRule: `count` is no number of connections.

    Complexity: O(destinations) for rr, O(destinations * log(weight)) for wrr, whatever `count`.

    >>> table = Table()
    >>> web = table.add_service("tcp", "10.0.0.80", 80, balancer="wrr")
    >>> for host, weight in ((1, 3), (2, 2), (3, 1)):
    ...     server = table.add_destination(web, f"10.2.9.{host}", weight=weight)
    >>> for server, share in forecast(web, 10**9).items():
    ...     print(server.address, share)
    10.2.9.3 166666667
    10.2.9.2 333333333
    10.2.9.1 500000000
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidRule(f"a number of connections is an integer from 0, not {count!r}")
    tally = getattr(service.balancer, "tally", None)
    if tally is None:
        raise NotModelled(f"{service.name} goes round in no strict cycle: step through it, or use spread()")
    if not service.plain:
        raise NotModelled("thresholds, persistence and one-packet scheduling have no closed form")
    return dict(zip(service.destinations, tally(service.destinations, count), strict=True))


def spread(table: Table, flows: Iterable[Flow], now_ns: int, mark: int = 0) -> dict[Destination, int]:
    """How many of `flows` each destination would get if they arrived now, one after the other.

    They are routed by a copy of the table, so known flows stay where they are, counting balancers see
    the connections before, and the table itself does not change.

    Args:
        table: as it stands.
        flows: first packets, in order.
        now_ns: the instant they arrive.
        mark: the firewall mark they carry.

    Returns:
        Flows by destination, for every destination of the table that gets one; refused ones are missing.

    Complexity: O(table) for the copy, and one :meth:`Table.route` for each flow.

    >>> table = Table()
    >>> web = table.add_service("tcp", "10.0.0.80", 80, balancer="sh")
    >>> for host in (1, 2):
    ...     server = table.add_destination(web, f"10.2.9.{host}")
    >>> clients = [Flow("tcp", (f"10.1.0.{n}", 4000), ("10.0.0.80", 80)) for n in range(1, 101)]
    >>> {server.address: count for server, count in spread(table, clients, 0).items()}
    {'10.2.9.2': 49, '10.2.9.1': 51}
    """
    twin = deepcopy(table)
    originals = {
        copied: original
        for ours, theirs in zip(table.services, twin.services, strict=True)
        for original, copied in zip(ours.destinations, theirs.destinations, strict=True)
    }
    counts: dict[Destination, int] = {}
    for flow in flows:
        chosen = twin.route(flow, now_ns, mark).destination
        if chosen is not None:
            original = originals[chosen]
            counts[original] = counts.get(original, 0) + 1
    return counts

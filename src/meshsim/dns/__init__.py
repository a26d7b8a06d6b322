"""The names of containers and services, answered as Docker's embedded DNS server answers them.

Usable alone. Two tasks of a service on network eg1, and a container that asks::

    >>> from meshsim.dns import EndpointNames, Resolver, Zone
    >>> eg1 = Zone("eg1")
    >>> for slot, address in (1, "10.0.1.3"), (2, "10.0.1.4"):
    ...     eg1.publish(EndpointNames.of(container=f"http.{slot}.n6f94sq8n4fpa9fi491dx5ia{slot}",
    ...                                  container_id=f"4692d8d32fd{slot}", address=address,
    ...                                  service_id="s1", service_name="http", vip="10.0.1.2"))
    >>> resolver = Resolver([eg1])
    >>> print(resolver.lookup("http"))
    http. 600 IN A 10.0.1.2
    >>> resolver.lookup("tasks.http.eg1").addresses
    ['10.0.1.3', '10.0.1.4']
    >>> print(resolver.lookup("4.1.0.10.in-addr.arpa", "PTR"))
    4.1.0.10.in-addr.arpa. 600 IN PTR http.2.n6f94sq8n4fpa9fi491dx5ia2.eg1.
    >>> resolver.lookup("nosuch").why
    'no network knows nosuch; asked outside: 8.8.8.8 NXDOMAIN: NXDOMAIN'

A map of the room: :class:`Zone` (the records of one network on one host) is fed with endpoints
(:class:`NamedEndpoint`, :class:`EndpointNames`); :class:`Resolver` answers one container from its zones and
the :class:`Server` list outside (:class:`OutsideWorld`); :class:`Answer` is all that dig prints.
:func:`container_resolv_conf` writes the container's resolv.conf and says which servers lie outside.
"""

from __future__ import annotations

from meshsim.dns.message import RCODES, TYPES, Answer, Attempt, Question, Record, encode, type_number
from meshsim.dns.names import EndpointNames, NamedEndpoint
from meshsim.dns.records import AliasRule, NetworkKind, Zone
from meshsim.dns.resolvconf import ResolvConf, ResolvConfStyle, container_resolv_conf
from meshsim.dns.resolver import (
    EMBEDDED_ADDRESS,
    TTL,
    Failing,
    NxdomainRule,
    Oversize,
    Resolver,
    search_order,
)
from meshsim.dns.upstream import (
    Outside,
    OutsideWorld,
    Reply,
    Server,
    Upstream,
    asked_servers,
    outer_servers,
)

__all__ = [
    "EMBEDDED_ADDRESS",
    "RCODES",
    "TTL",
    "TYPES",
    "AliasRule",
    "Answer",
    "Attempt",
    "EndpointNames",
    "Failing",
    "NamedEndpoint",
    "NetworkKind",
    "NxdomainRule",
    "Outside",
    "OutsideWorld",
    "Oversize",
    "Question",
    "Record",
    "Reply",
    "ResolvConf",
    "ResolvConfStyle",
    "Resolver",
    "Server",
    "Upstream",
    "Zone",
    "asked_servers",
    "container_resolv_conf",
    "encode",
    "outer_servers",
    "search_order",
    "type_number",
]

"""Room ipvs: Linux IPVS in pure Python, usable alone.

In: virtual services, destinations, packets, the time. Out: which destination a packet reaches, or why
none; counters; the texts ``ipvsadm`` prints. Knows nothing of Swarm.

>>> from meshsim.ipvs import HANDSHAKE, Flow, Table
>>> table = Table()
>>> web = table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
>>> for address in ("10.2.9.1", "10.2.9.2", "10.2.9.3"):
...     destination = table.add_destination(web, address, 8080)

A new destination goes to the head of the list, so the newest answers first:

>>> def connect(port, now_ns=0):
...     flow = Flow("tcp", ("10.1.0.2", port), ("10.0.0.80", 80))
...     outcome = table.route(flow, now_ns)
...     table.follow(flow, now_ns, HANDSHAKE)
...     return outcome.destination.address
>>> [connect(port) for port in range(40000, 40004)]
['10.2.9.3', '10.2.9.2', '10.2.9.1', '10.2.9.3']

A known connection stays where it is, whatever the weights become; a new one goes elsewhere:

>>> table.edit_destination(web, "10.2.9.3", 8080, weight=0)
<Destination 10.2.9.3:8080 weight=0 active=2 inactive=0>
>>> connect(40000)
'10.2.9.3'
>>> [connect(port) for port in range(40004, 40007)]
['10.2.9.2', '10.2.9.1', '10.2.9.2']
"""

from __future__ import annotations

from meshsim.ipvs.balancers import BALANCERS, Balancer, BalancerChoice, make_balancer, resolve_balancer
from meshsim.ipvs.bulk import forecast, spread
from meshsim.ipvs.destination import Destination, Forward, Stats
from meshsim.ipvs.entries import Entry, Template
from meshsim.ipvs.flow import Endpoint, Flow
from meshsim.ipvs.outcomes import Dropped, Outcome, Passed, Refused, Reset, Routed
from meshsim.ipvs.service import ServiceKey, VirtualService
from meshsim.ipvs.states import (
    ABORT,
    CLOSE_BY_CLIENT,
    CLOSE_BY_SERVER,
    CONVERSATION,
    EXCHANGE,
    HANDSHAKE,
    Direction,
    Segment,
    State,
    Steps,
)
from meshsim.ipvs.sysctls import Sysctls
from meshsim.ipvs.table import Table
from meshsim.ipvs.texts import (
    connection_list,
    listing,
    persistent_list,
    proc_connections,
    proc_services,
    save,
    stats_list,
    threshold_list,
    timeout_line,
)

__all__ = [
    "ABORT",
    "BALANCERS",
    "CLOSE_BY_CLIENT",
    "CLOSE_BY_SERVER",
    "CONVERSATION",
    "EXCHANGE",
    "HANDSHAKE",
    "Balancer",
    "BalancerChoice",
    "Destination",
    "Direction",
    "Dropped",
    "Endpoint",
    "Entry",
    "Flow",
    "Forward",
    "Outcome",
    "Passed",
    "Refused",
    "Reset",
    "Routed",
    "Segment",
    "ServiceKey",
    "State",
    "Stats",
    "Steps",
    "Sysctls",
    "Table",
    "Template",
    "VirtualService",
    "connection_list",
    "forecast",
    "listing",
    "make_balancer",
    "persistent_list",
    "proc_connections",
    "proc_services",
    "resolve_balancer",
    "save",
    "spread",
    "stats_list",
    "threshold_list",
    "timeout_line",
]

"""Room dataplane (floor 3): a host's data plane, and how connections walk through it.

A :class:`Lab` is a few hosts without managers, to try it::

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(2)
    >>> for slot in (1, 2):
    ...     task = lab.start(f"web.{slot}", f"host0{slot}", service="web", publish=[("tcp", 81, 80)])
    >>> lab.run(1)
    >>> laptop = lab.add_outsider()
    >>> opened = laptop.connect("192.168.65.11", 81)
    >>> opened.endpoint_id, opened.peer, opened.send()
    ('web.2', '10.0.0.2', None)
    >>> lab.stop("web.2")
    >>> opened.send().kind
    'reset'
    >>> lab.reached(laptop, "192.168.65.12:81", 2)
    ['web.1', 'web.1']

Read in this order: ``journal`` (what hosts tell each other), ``gossip`` (when it arrives), ``sandbox`` (a
balancer and the names it keeps), ``plane`` and ``namespace`` (a host, a container), ``walk`` (hop by hop),
``opened`` (keep-alive), ``visit`` (many short connections), ``trace`` and ``explain`` (what a learner reads),
``rules``, ``cards`` and ``look`` (what the tools show). What the room asks of its surroundings:
:class:`Reach`, :class:`World`.
"""

from meshsim.dataplane.bridge import Bridge
from meshsim.dataplane.cards import Card, NetPlace, OverlayBridge, cards, ip_addr, ip_route, mac
from meshsim.dataplane.gossip import Change, Lossy, Outage, Reach, Spread, View
from meshsim.dataplane.journal import Binding, Journal, Row
from meshsim.dataplane.lab import Lab, Wires
from meshsim.dataplane.look import (
    Inspected,
    InspectedTask,
    gateway_users,
    inspect,
    ipvsadm,
    netns,
    table_of,
)
from meshsim.dataplane.namespace import HostPort, Namespace, NamespaceFacts, Place, Tenants
from meshsim.dataplane.opened import Arrival, Client, Opened
from meshsim.dataplane.outcome import Echo, Failed, Failure
from meshsim.dataplane.outsider import Outsider
from meshsim.dataplane.path import connect, ping
from meshsim.dataplane.plane import DataPlane
from meshsim.dataplane.rules import iptables, iptables_list
from meshsim.dataplane.sandbox import Sandbox, ServiceHere
from meshsim.dataplane.trace import Hop, Pick, Trace
from meshsim.dataplane.visit import Delivered, Visit, deliver, visit
from meshsim.dataplane.world import World

__all__ = [
    "Arrival",
    "Binding",
    "Bridge",
    "Card",
    "Change",
    "Client",
    "DataPlane",
    "Delivered",
    "Echo",
    "Failed",
    "Failure",
    "Hop",
    "HostPort",
    "Inspected",
    "InspectedTask",
    "Journal",
    "Lab",
    "Lossy",
    "Namespace",
    "NamespaceFacts",
    "NetPlace",
    "Opened",
    "Outage",
    "Outsider",
    "OverlayBridge",
    "Pick",
    "Place",
    "Reach",
    "Row",
    "Sandbox",
    "ServiceHere",
    "Spread",
    "Tenants",
    "Trace",
    "View",
    "Visit",
    "Wires",
    "World",
    "cards",
    "connect",
    "deliver",
    "gateway_users",
    "inspect",
    "ip_addr",
    "ip_route",
    "iptables",
    "iptables_list",
    "ipvsadm",
    "mac",
    "netns",
    "ping",
    "table_of",
    "visit",
]

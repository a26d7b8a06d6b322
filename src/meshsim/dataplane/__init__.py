"""Room dataplane (floor 3): a host's data plane, and how connections walk through it.

Read in this order: ``journal`` (what hosts tell each other), ``gossip`` (when it arrives), ``sandbox`` (a
balancer and the names it keeps), ``plane`` and ``namespace`` (a host, a container), ``walk`` (hop by hop),
``opened`` (keep-alive), ``trace`` (what a learner reads).
"""

from meshsim.dataplane.gossip import Change, Lossy, Outage, Reach, Spread, View
from meshsim.dataplane.journal import Binding, Journal, Row
from meshsim.dataplane.lab import Lab, Wires
from meshsim.dataplane.look import Inspected, InspectedTask, inspect, ip_addr, ipvsadm, mac, netns
from meshsim.dataplane.namespace import HostPort, Namespace, Place
from meshsim.dataplane.opened import Arrival, Client, Opened
from meshsim.dataplane.outcome import Echo, Failed, Failure
from meshsim.dataplane.outsider import Outsider
from meshsim.dataplane.path import connect, ping
from meshsim.dataplane.plane import Bridge, DataPlane, World
from meshsim.dataplane.rules import iptables
from meshsim.dataplane.sandbox import Sandbox, ServiceHere
from meshsim.dataplane.trace import Hop, Pick, Trace
from meshsim.dataplane.visit import Visit, visit

__all__ = [
    "Arrival",
    "Binding",
    "Bridge",
    "Change",
    "Client",
    "DataPlane",
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
    "Opened",
    "Outage",
    "Outsider",
    "Pick",
    "Place",
    "Reach",
    "Row",
    "Sandbox",
    "ServiceHere",
    "Spread",
    "Trace",
    "View",
    "Visit",
    "Wires",
    "World",
    "connect",
    "inspect",
    "ip_addr",
    "iptables",
    "ipvsadm",
    "mac",
    "netns",
    "ping",
    "visit",
]

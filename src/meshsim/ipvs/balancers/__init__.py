"""Room ipvs, the balancers: one small file per family, registered by ipvsadm's names.

In: the kernel list of a service's destinations and a new flow. Out: the destination, or None. A
balancer of one's own is any class with a ``pick`` method:

>>> from meshsim.ipvs.balancers import BALANCERS, make_balancer
>>> " ".join(BALANCERS)
'rr wrr lc wlc sed nq sh dh mh lblc lblcr fo ovf twos none'
>>> class First:
...     def pick(self, destinations, flow, now_ns):
...         return destinations[0]
>>> make_balancer(First)  # doctest: +ELLIPSIS
<...First object at ...>
"""

from __future__ import annotations

from meshsim.ipvs.balancers.failover import Failover, Nothing, Overflow
from meshsim.ipvs.balancers.hashing import DestinationHash, SourceHash
from meshsim.ipvs.balancers.least import (
    LeastConnections,
    NeverQueue,
    ShortestExpectedDelay,
    WeightedLeastConnections,
)
from meshsim.ipvs.balancers.locality import LocalityLeastConnections, LocalityReplication
from meshsim.ipvs.balancers.maglev import Maglev
from meshsim.ipvs.balancers.protocol import Balancer, BalancerFactory, Options
from meshsim.ipvs.balancers.registry import BALANCERS, BalancerChoice, make_balancer, resolve_balancer
from meshsim.ipvs.balancers.round_robin import RoundRobin, WeightedRoundRobin
from meshsim.ipvs.balancers.twos import PowerOfTwo

__all__ = [
    "BALANCERS",
    "Balancer",
    "BalancerChoice",
    "BalancerFactory",
    "DestinationHash",
    "Failover",
    "LeastConnections",
    "LocalityLeastConnections",
    "LocalityReplication",
    "Maglev",
    "NeverQueue",
    "Nothing",
    "Options",
    "Overflow",
    "PowerOfTwo",
    "RoundRobin",
    "ShortestExpectedDelay",
    "SourceHash",
    "WeightedLeastConnections",
    "WeightedRoundRobin",
    "make_balancer",
    "resolve_balancer",
]

"""Room views, shapes: records as the Engine API has them, Go's names and order.

Comes in: frozen records and the cluster's epoch. Goes out: Go structs (``to_json`` of them is the
JSON), or plain data for containers.

>>> from meshsim.model.objects import Service
>>> from meshsim.model.specs import ServiceSpec
>>> from meshsim.gotext.values import to_json
>>> to_json(service(Service("7w8k1esxuyx1gs17hwa4svop5", spec=ServiceSpec("web"))))["Spec"]["Mode"]
{'Replicated': {'Replicas': 1}}
"""

from __future__ import annotations

from meshsim.views.shapes.containers import ContainerFacts, NetworkPlug, PortBinding, container
from meshsim.views.shapes.networks import (
    GossipPeer,
    LocalNetworkFacts,
    NetworkService,
    NetworkUse,
    Plug,
    local_network,
    mac,
    network,
)
from meshsim.views.shapes.objects import (
    Peer,
    SwarmInfo,
    cluster_info,
    config,
    network_object,
    node,
    secret,
    service,
    swarm,
    swarm_info,
    task,
    trust_root,
)
from meshsim.views.shapes.specs import with_defaults

__all__ = [
    "ContainerFacts",
    "GossipPeer",
    "LocalNetworkFacts",
    "NetworkPlug",
    "NetworkService",
    "NetworkUse",
    "Peer",
    "Plug",
    "PortBinding",
    "SwarmInfo",
    "cluster_info",
    "config",
    "container",
    "local_network",
    "mac",
    "network",
    "network_object",
    "node",
    "secret",
    "service",
    "swarm",
    "swarm_info",
    "task",
    "trust_root",
    "with_defaults",
]

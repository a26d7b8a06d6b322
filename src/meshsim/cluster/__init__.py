"""Room cluster (floor 5): the facade. Machines, hosts, docker's nouns, and the cluster that holds them.

>>> from meshsim.cluster import Cluster
>>> cluster = Cluster(seed=7)
>>> host01, host02 = cluster.add_hosts("host01", "host02")
>>> node_id = host01.swarm.init()
>>> node_id = host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
>>> web = host01.services.create("katacoda/docker-http-server", name="web", replicas=2, publish=["81:80"])
>>> cluster.settle()
>>> answers = [host02.get("host02:81").container for _ in range(4)]
>>> answers[0] == answers[2] != answers[1] == answers[3]
True
"""

from meshsim.cluster.client import Connection, PingReply, Response, Target
from meshsim.cluster.cluster import Cluster
from meshsim.cluster.collections import (
    ContainerHandle,
    FileHandle,
    NetworkHandle,
    NodeHandle,
    ServiceHandle,
    TaskHandle,
)
from meshsim.cluster.container import Container
from meshsim.cluster.host import Host, Machine
from meshsim.cluster.images import Image, Reply, Request
from meshsim.cluster.links import Links
from meshsim.cluster.programs import ProgramResult

__all__ = [
    "Cluster",
    "Connection",
    "Container",
    "ContainerHandle",
    "FileHandle",
    "Host",
    "Image",
    "Links",
    "Machine",
    "NetworkHandle",
    "NodeHandle",
    "PingReply",
    "ProgramResult",
    "Reply",
    "Request",
    "Response",
    "ServiceHandle",
    "Target",
    "TaskHandle",
]

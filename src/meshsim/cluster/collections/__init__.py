"""Docker's nouns at a host: ``host.services.create(...)``, ``host.nodes.list()`` ... and live handles."""

from meshsim.cluster.collections.containers import ContainerHandle, Containers
from meshsim.cluster.collections.files import Configs, FileHandle, Secrets
from meshsim.cluster.collections.networks import NetworkHandle, Networks
from meshsim.cluster.collections.nodes import NodeHandle, Nodes
from meshsim.cluster.collections.services import ServiceHandle, Services
from meshsim.cluster.collections.swarm import SwarmCollection
from meshsim.cluster.collections.tasks import TaskHandle, Tasks

__all__ = [
    "Configs",
    "ContainerHandle",
    "Containers",
    "FileHandle",
    "NetworkHandle",
    "Networks",
    "NodeHandle",
    "Nodes",
    "Secrets",
    "ServiceHandle",
    "Services",
    "SwarmCollection",
    "TaskHandle",
    "Tasks",
]

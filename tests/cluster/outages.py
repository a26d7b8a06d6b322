"""What tests of membership and failures share: swarms on 26.1.5, and what ``node ls`` says of them."""

from __future__ import annotations

from tests.cluster import swarms

from meshsim import Cluster
from meshsim.model.states import TaskState

__all__ = ["IMAGE", "S", "node", "running", "statuses", "swarm"]

S = 1_000_000_000
IMAGE = "katacoda/docker-http-server"


def swarm(hosts: int = 3, managers: int = 1, *, seed: int = 1, **init: object) -> Cluster:
    """host01 ... in one swarm; ``init`` are the options of ``swarm init``."""
    return swarms.swarm(hosts, managers, seed=seed, engine="26.1", init=init)[0]


def node(cluster: Cluster, name: str, at: str = "host01"):
    """The node of that host, as a manager shows it."""
    return cluster.host(at).nodes.get(name)


def running(cluster: Cluster, at: str = "host01") -> list[str]:
    """The hosts of the tasks that run and should, in order of the hosts."""
    tasks = (t for t in cluster.host(at).tasks.list() if t.state is TaskState.RUNNING)
    return sorted(t.node for t in tasks if t.record.desired is TaskState.RUNNING)


def statuses(cluster: Cluster, at: str = "host01") -> str:
    """``node ls``: host, STATUS, MANAGER STATUS, separated by ``; ``."""
    line = "docker node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'"
    return "; ".join(row.strip() for row in cluster.host(at).run(line).stdout.splitlines())

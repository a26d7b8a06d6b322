"""Room testing: swarms that are ready, in one call.

Comes in: how many managers and workers. Goes out: a cluster whose nodes are all in one swarm, settled.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import BadValue
from meshsim.shell import Cluster

__all__ = ["ready_swarm"]


def ready_swarm(managers: int = 3, workers: int = 2, seed: int | str = 0, **options: Any) -> Cluster:
    """A cluster with one swarm of hosts host01, host02 ..., managers first.

    Args:
        managers: how many, at least one; host01 founds the swarm and leads it.
        workers: how many.
        seed: of the cluster.
        **options: others of :class:`meshsim.Cluster`, as ``balancer="wlc"``.

    Raises:
        BadValue: no manager, or a negative number.

    >>> cluster = ready_swarm(managers=1, workers=2)
    >>> cluster
    <Cluster seed=0 engine 28: 3 hosts, 1 swarms, 0.300 s>
    """
    if managers < 1 or workers < 0:
        raise BadValue(f"a swarm needs at least one manager: {managers} managers, {workers} workers")
    cluster = Cluster(seed, **options)
    first, *others = cluster.add_hosts(*(f"host{number:02d}" for number in range(1, managers + workers + 1)))
    first.swarm.init()
    for number, host in enumerate(others, 2):
        role = "manager" if number <= managers else "worker"
        host.swarm.join(f"{first.name}:2377", token=first.swarm.join_token(role))
    cluster.settle()
    return cluster

"""A swarm so large that what its control loops write no longer fits into one transaction."""

from __future__ import annotations

import pytest
from tests.cluster.swarms import running, swarm

from meshsim.model.objects import Task
from meshsim.model.store import MAX_CHANGES

HOSTS, TASKS = 205, 450


class Sizes:
    """Notes how many changes each commit of a swarm has, and how many tasks it creates."""

    def __init__(self, cluster) -> None:
        self.seen: list[int] = []
        self.created: list[int] = []
        cluster.watch(self.note)

    def note(self, committed) -> None:
        self.seen.append(len(committed.every))
        created = sum(old is None and isinstance(new, Task) for old, new in committed.every)
        if created:
            self.created.append(created)

    def take(self) -> list[int]:
        """Those since the last time."""
        seen, self.seen = self.seen, []
        return seen


@pytest.fixture(scope="module")
def large():
    # A longer mask: ingress needs an address on every host.
    return swarm(HOSTS, 3, init={"default_addr_pool_mask_length": 20})


def test_a_large_service_comes_and_goes_in_pieces(large):
    cluster, hosts = (large[0].fork(), large[1])
    manager = cluster.host(hosts[0].name)
    sizes = Sizes(cluster)
    web = manager.services.create("nginx", name="web", replicas=TASKS, publish=["80:80"])
    assert sizes.created == [MAX_CHANGES, MAX_CHANGES, TASKS - 2 * MAX_CHANGES]
    cluster.settle()
    assert len(running(web)) == TASKS
    web.scale(10)
    cluster.settle()
    assert len(running(web)) == 10
    web.scale(TASKS)
    cluster.settle()
    web.remove()
    cluster.settle()
    assert not manager.tasks.list()
    # Writes between two steps stay together: a task and the node's address on its network.
    assert MAX_CHANGES <= max(sizes.take()) <= MAX_CHANGES + 3
    cluster.check()


def test_a_new_leader_finds_a_large_swarm_in_pieces(large):
    cluster = large[0].fork()
    first, second = (cluster.host(host.name) for host in large[1][:2])
    first.services.create("nginx", name="everywhere", mode="global")
    first.services.create("nginx", name="web", replicas=TASKS)
    cluster.settle()
    sizes = Sizes(cluster)
    first.fail()
    cluster.run_for("2m")
    cluster.settle()
    assert len(running(second.services.get("everywhere"))) == HOSTS - 1
    assert len(running(second.services.get("web"))) == TASKS
    assert MAX_CHANGES in sizes.take(), "the nodes are UNKNOWN until they register again"
    cluster.check()

"""Balancers in the mesh: of the whole cluster, of one service, built in or a user's own."""

from collections import Counter

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import UnknownBalancer


class Stubborn:
    """Always the destination added first."""

    def pick(self, destinations, flow, now_ns):
        return destinations[-1]


def one_host(**options) -> Cluster:
    cluster = Cluster(seed=1, **options)
    cluster.add_host("host01").swarm.init()
    return cluster


def shares(cluster: Cluster, url: str, count: int = 12) -> list[int]:
    host = cluster.host("host01")
    return sorted(Counter(host.get(url).task for _ in range(count)).values())


@pytest.mark.parametrize("balancer", ["rr", "wrr", "lc", "wlc", Stubborn])
def test_a_balancer_for_the_whole_cluster(balancer):
    cluster = one_host(balancer=balancer)
    cluster.host("host01").services.create("nginx", name="web", replicas=3, publish=["80:80"])
    cluster.settle()
    assert shares(cluster, "host01") == ([12] if balancer is Stubborn else [4, 4, 4])


def test_a_balancer_for_one_service_leaves_the_others_alone():
    cluster = one_host()
    host = cluster.host("host01")
    host.services.create("nginx", name="web", replicas=3, publish=["80:80"])
    host.services.create("nginx", name="own", replicas=3, publish=["81:80"], balancer=Stubborn)
    host.services.create("nginx", name="hashed", replicas=3, publish=["82:80"], balancer="sh")
    cluster.settle()
    assert shares(cluster, "host01:80") == [4, 4, 4]
    assert shares(cluster, "host01:81") == [12]
    assert shares(cluster, "host01:82") == [12]  # one client address, one bucket
    fork = cluster.fork()
    assert shares(fork, "host01:81") == [12]


def test_an_unknown_balancer_is_refused_before_anything_happens():
    with pytest.raises(UnknownBalancer, match=r"'leastbytes'; known: .*rr"):
        Cluster(balancer="leastbytes")
    cluster = one_host()
    with pytest.raises(UnknownBalancer) as caught:
        cluster.host("host01").services.create("nginx", name="web", balancer="leastbytes")
    assert "wlc" in caught.value.known
    assert cluster.host("host01").services.list() == []

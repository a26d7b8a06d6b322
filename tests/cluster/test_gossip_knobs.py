"""The knobs of the gossip at the facade: delay, loss, a rule of one's own."""

import pytest

from meshsim.cluster import Cluster
from meshsim.dataplane import Lossy
from meshsim.errors import BadValue
from meshsim.profile import Profile
from meshsim.scenario import Client, Every, Scenario, ServicePlan

S = 1_000_000_000


def two(seed=1, **options) -> Cluster:
    cluster = Cluster(seed, **options)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    return cluster


def known(cluster: Cluster, host: str) -> int:
    plane = cluster.host(host).plane
    return len(plane.bring_up(plane.ingress.network_id).known)


def run_six(cluster: Cluster) -> None:
    web = cluster.host("host01").services.create("nginx", name="web", replicas=6, publish=["81:80"])
    cluster.run_until(lambda: web.running == 6)


def test_the_delay_is_a_constant_of_the_profile():
    cluster = two(profile=Profile(gossip_delay_ns=3 * S))
    run_six(cluster)
    started = cluster.journal.last_ns
    assert (known(cluster, "host01"), known(cluster, "host02")) == (3, 3)
    cluster.run_until(started + 3 * S - 1)
    assert known(cluster, "host01") < 6
    cluster.run_until(started + 3 * S)
    assert (known(cluster, "host01"), known(cluster, "host02")) == (6, 6)


def test_what_is_lost_comes_later_and_settle_waits_for_it():
    cluster = two(profile=Profile(gossip_loss=1.0))
    run_six(cluster)
    told = cluster.journal.last_ns
    cluster.run_for(29 * S)
    assert known(cluster, "host01") == 3
    cluster.settle()
    assert cluster.clock.now_ns == told + cluster.profile.bulk_sync_ns
    assert (known(cluster, "host01"), known(cluster, "host02")) == (6, 6)
    cluster.check()


def test_losses_are_drawn_from_the_clusters_seed():
    def moments(seed):
        cluster = two(seed, profile=Profile(gossip_loss=0.6))
        run_six(cluster)
        spread = cluster.host("host01").plane.spread
        rows = [row for network in cluster.swarms[0].store.networks for row in cluster.journal.rows(network)]
        return [spread(row, "host01") for row in rows]

    assert moments(1) == moments(1) != moments(2)


class Slow:
    """One host hears everything late."""

    def __call__(self, row, host):
        return 10 * S if host == "host02" else S


def test_a_rule_of_ones_own():
    cluster = two(gossip=Slow())
    run_six(cluster)
    cluster.run_for(2 * S)
    assert (known(cluster, "host01"), known(cluster, "host02")) == (6, 3)
    cluster.settle()
    assert known(cluster, "host02") == 6


def test_a_scenario_turns_the_same_knobs():
    scenario = Scenario(
        hosts=["host01", "host02"],
        services=[ServicePlan("web", replicas=4, publish="81:80")],
        clients=[Client("c", calls="host01:81", arrivals=Every("1s"), requests=8)],
        profile={"gossip_loss": 0.9},
    )
    assert scenario.run(1).counts("slot") == dict.fromkeys(("web.1", "web.2", "web.3", "web.4"), 2)


@pytest.mark.parametrize("wrong", [1.5, -0.1, "much", None])
def test_no_probability(wrong):
    with pytest.raises(BadValue, match="gossip_loss is a probability from 0 to 1"):
        Profile(gossip_loss=wrong)


@pytest.mark.parametrize("wrong", [3, "fast"])
def test_no_gossip(wrong):
    with pytest.raises(BadValue, match="a gossip is a function from a row and a host to ns"):
        Cluster(gossip=wrong)


def test_lossy_takes_a_probability():
    with pytest.raises(BadValue, match="loss is a probability from 0 to 1"):
        Lossy(loss=1.5)
    cluster = two(gossip=Lossy(seed=3, loss=0.5, tick_ns=S))
    run_six(cluster)
    cluster.settle()
    assert (known(cluster, "host01"), known(cluster, "host02")) == (6, 6)

"""Power cuts seen from tasks that are on their way, and from connections whose client is gone."""

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import ConnectionWasReset
from meshsim.model.states import TaskState


def two(**options) -> Cluster:
    cluster = Cluster(1, **options)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    return cluster


@pytest.mark.parametrize("state", [TaskState.PREPARING, TaskState.READY, TaskState.STARTING])
def test_a_task_on_its_way_goes_on_when_power_is_back(state):
    """Source: moby daemon/cluster/executor/container/controller.go Start: lost networks are made again."""
    cluster = two()
    manager, worker = cluster.hosts.values()
    manager.networks.create("eg1", driver="overlay")
    web = manager.services.create(
        "nginx", name="web", network=["eg1"], publish=["81:80"], constraint=["node.hostname==host02"]
    )
    if state is TaskState.READY:  # a replacement waits in READY for its restart delay
        cluster.settle()
        web.tasks()[0].crash(1)

    def there() -> bool:
        states = [status.state for status in worker.member.agent.worker.tasks.values()]
        return state in states

    cluster.run_until(there)
    worker.fail()
    cluster.run_for("1s")
    worker.recover()
    cluster.settle()
    assert web.running == 1
    assert manager.get("host01:81").host == "host02"
    assert [c.state for c in worker.engine.containers.values()].count("running") == 1
    assert len({c.name for c in worker.engine.containers.values()}) == len(worker.engine.containers)
    cluster.check()


def test_a_client_that_lost_power_has_no_connections_left():
    cluster = two()
    manager, worker = cluster.hosts.values()
    manager.services.create("nginx", name="web", publish=["81:80"], constraint=["node.hostname==host01"])
    cluster.settle()
    connection = worker.connect("host01:81")
    assert connection.request().host == "host01"
    worker.fail()
    cluster.run_for("1s")
    worker.recover()
    cluster.settle()
    with pytest.raises(ConnectionWasReset):
        connection.request()
    assert worker.connect("host01:81").request().host == "host01"

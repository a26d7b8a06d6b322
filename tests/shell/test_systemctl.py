"""``systemctl``: the engine of a machine, off and on, from its shell."""

import pytest

from meshsim import Cluster
from meshsim.model.states import TaskState

KNOWN = "is not modelled, only start, stop, restart, is-active of docker are\n"


@pytest.fixture
def cluster():
    cluster = Cluster(seed=1)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01", token=host01.swarm.join_token())
    host01.services.create("nginx", name="web", replicas=2, publish=["80:80"])
    cluster.settle()
    return cluster


def said(host, line):
    result = host.run(line)
    return result.stdout, result.stderr, result.exit


def test_stop_returns_when_the_tasks_have_ended_and_start_when_the_node_is_ready(cluster):
    host02 = cluster.host("host02")
    assert said(host02, "systemctl is-active docker") == ("active\n", "", 0)
    before_ns = cluster.clock.now_ns
    assert said(host02, "systemctl stop docker") == ("", "", 0)
    assert cluster.clock.now_ns - before_ns == 2_100_000_000
    assert said(host02, "systemctl is-active docker.service") == ("inactive\n", "", 3)
    assert host02.run("docker ps").stderr.startswith("Cannot connect to the Docker daemon")
    assert said(host02, "systemctl start docker") == ("", "", 0)
    assert host02.swarm.info().local_state == "active"


def test_restart(cluster):
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    assert said(host01, "ssh host02 systemctl restart docker 2>/dev/null") == ("", "", 0)
    cluster.settle()
    states = sorted(t.state for t in host01.services.get("web").tasks())
    assert states == [TaskState.RUNNING, TaskState.RUNNING, TaskState.FAILED]  # "No such container"
    assert host02.engine.running
    cluster.check()


def test_a_machine_in_no_swarm_and_a_manager_that_comes_up_locked(cluster):
    alone = cluster.add_host("alone")
    assert said(alone, "systemctl restart docker") == ("", "", 0)
    host01 = cluster.host("host01")
    host01.swarm.update(autolock=True)
    assert said(host01, "systemctl restart docker") == ("", "", 0)
    assert host01.swarm.info().local_state == "locked"


@pytest.mark.parametrize(
    ("line", "stderr", "code"),
    [
        ("systemctl stop nginx", "Failed to stop nginx.service: Unit nginx.service not loaded.\n", 5),
        ("systemctl start x.socket", "Failed to start x.socket: Unit x.socket not found.\n", 5),
        ("systemctl status docker", f"meshsim: systemctl status docker {KNOWN}", 1),
        ("systemctl", f"meshsim: systemctl {KNOWN}", 1),
    ],
)  # fmt: skip
def test_what_it_does_not_know(cluster, line, stderr, code):
    assert said(cluster.host("host01"), line) == ("", stderr, code)


def test_a_machine_without_engine_has_none(cluster):
    client = cluster.add_machine("client")
    assert said(client, "systemctl stop docker")[2] == 127

"""Time at the facade: every background timer has a name, health gates a start, programs end."""

import pytest

from meshsim.cluster import Cluster, Reply
from meshsim.errors import ConnectionRefused, InvalidParameter
from meshsim.model.states import TaskState

#: every timer that settle() does not wait for; a new one is a decision, so it is added here
BACKGROUND = {
    "agent reconnect",
    "agent timeout",
    "allocator retry",
    "election",
    "health probe",
    "heartbeat",
    "heartbeat deadline",
    "orphaning",
    "program ends",
    "role retry",
    "server is up",
}


class SlowToRise:
    """An image that is healthy from its third probe on, until told otherwise."""

    def __init__(self):
        self.probes = 0

    def __call__(self, request, container):
        return Reply(container.env.get("NAME", ""))

    def healthy(self, container):
        self.probes += 1
        return self.probes >= 3


def test_every_background_timer_is_listed_here():
    cluster = Cluster(seed=2, images={"slow": SlowToRise})
    hosts = cluster.add_hosts("host01", "host02", "host03", "host04")
    hosts[0].swarm.init()
    for role, host in zip(("manager", "manager", "worker"), hosts[1:], strict=True):
        host.swarm.join("host01", token=hosts[0].swarm.join_token(role))
    hosts[0].services.create("slow", name="s", replicas=4, health_cmd="check", health_interval="1s")
    hosts[0].containers.run("alpine", "sleep 1d", detach=True)
    cluster.settle()
    seen = set()
    for fault in (lambda: None, hosts[3].fail, hosts[0].fail, hosts[0].recover, hosts[3].recover):
        fault()
        for _ in range(40):
            seen |= {timer.name for timer in cluster.clock.pending() if timer.background}
            cluster.run_for("1s")
    assert "" not in seen
    assert seen <= BACKGROUND
    assert {"heartbeat", "heartbeat deadline", "program ends", "health probe"} <= seen
    cluster.check()


class Ticking:
    """A server that acts by itself."""

    def __init__(self):
        self.ticks = []

    def on_start(self, container, host):
        self.container, self.clock = container, host.cluster.clock
        assert self.clock.now_ns == container.started_ns
        self.tick()

    def tick(self):
        if self.container.handler is self:
            self.ticks.append(self.clock.now_ns)
            self.clock.call_later(1_000_000_000, self.tick, background=True, name="tick")

    def __call__(self, request, container):
        return Reply(str(len(self.ticks)))


def test_a_server_that_acts_by_itself_is_told_when_it_is_up():
    cluster = Cluster(images={"tick": Ticking})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    plain = host.containers.run("tick", name="plain", detach=True)
    assert len(plain.handler.ticks) == 1  # a plain container is up at once
    service = host.services.create("tick", name="web", publish="81:80")
    cluster.settle()
    assert cluster.clock.foreground == 0
    cluster.run_for("10s")
    task = service.tasks()[0].container
    assert task.handler.ticks[0] == task.container.started_ns
    before = int(host.get("host01:81").text)
    fork = cluster.fork()
    fork.run_for("5s")
    assert int(fork.host("host01").get("host01:81").text) == before + 5
    assert int(host.get("host01:81").text) == before
    handler = task.handler
    task.crash()
    cluster.run_for("3s")
    assert len(handler.ticks) == before
    assert task.handler is None


def test_a_health_check_gates_the_start_and_ends_the_task():
    # ground truth 18: starting, no names, no balancer; then healthy; then unhealthy and replaced
    cluster = Cluster(seed=2, images={"slow": SlowToRise})
    host = cluster.add_host("host01")
    host.swarm.init()
    service = host.services.create(
        "slow",
        name="h1",
        publish=["80:80"],
        env=["NAME={{.Service.Name}}.{{.Task.Slot}} on {{.Node.Hostname}}"],
        health_cmd="check",
        health_interval="3s",
        health_retries=2,
        health_start_period="20s",
    )
    cluster.run_for("5s")
    (task,) = service.tasks()
    assert task.state is TaskState.STARTING
    assert task.container.record.health == "starting"
    with pytest.raises(ConnectionRefused):
        host.get("host01")
    cluster.settle()
    assert task.state is TaskState.RUNNING
    assert host.get("host01").text == "h1.1 on host01"
    task.set_health("unhealthy")
    cluster.run_for("1m")
    assert task.state > TaskState.RUNNING
    assert service.running == 1
    with pytest.raises(InvalidParameter, match="not 'ill'"):
        service.tasks()[-1].set_health("ill")


def test_programs_end_as_their_command_line_says():
    cluster = Cluster(seed=2)
    host = cluster.add_host("host01")
    host.swarm.init()
    done = host.services.create(
        "alpine", name="once", command="sh -c 'sleep 3; exit 7'", restart_condition="none"
    )
    cluster.run_for("1m")
    (task,) = done.tasks()
    assert task.state is TaskState.FAILED
    assert task.record.status.err == "task: non-zero exit (7)"
    container = host.containers.run("alpine", "echo hello")
    assert (container.logs(), container.exit_code, container.status) == ("hello\n", 0, "exited")
    before = cluster.clock.now_ns
    endless = host.containers.run("nginx")
    assert endless.exit_code == 130
    assert cluster.clock.now_ns - before == 600_000_000_000
    assert host.containers.run("alpine", "true", remove=True).id not in host.engine.containers


def test_stopping_and_removing_containers():
    cluster = Cluster(seed=2)
    host = cluster.add_host("host01")
    deaf = host.containers.run("alpine", "sleep 1h", name="deaf", detach=True)
    before = cluster.clock.now_ns
    deaf.stop()
    assert cluster.clock.now_ns - before == 10_000_000_000
    assert deaf.exit_code == 137
    deaf.stop()
    server = host.containers.run("nginx", name="server", detach=True)
    with pytest.raises(Exception, match="cannot remove container"):
        server.remove()
    server.stop()
    assert server.exit_code == 0
    server.remove()
    deaf.remove(force=True)
    assert host.containers.list(all=True) == []

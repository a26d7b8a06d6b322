"""Sessions 10 and 13 of the recording, beside the facts in the file (ground truth 10; engine 26.1)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recorded.facts import ENGINE, IMAGE, swarm

from meshsim.cluster import Reply
from meshsim.errors import ConnectionHangs, ConnectionRefused
from meshsim.model.states import TaskState
from meshsim.scenario import Client, Scenario, ServicePlan, Trace, at

S = 1_000_000_000


class Patient:
    """The recorded server: a request takes 14 s, and so does its stop (STOPDELAY=14)."""

    def __call__(self, request: Any, container: Any) -> Reply:
        return Reply(container.hostname, after_ns=14 * S)

    def on_stop(self, container: Any) -> tuple[int, int]:
        return 14 * S, 0


def test_13_requests_in_flight_finish_when_their_task_is_scaled_away():
    """Two requests of 14 s, one on each task; the scale-down comes 5 s after they began."""
    report = Scenario(
        hosts=["host01", "host02", "host03"],
        services=[ServicePlan("dr", image="patient", replicas=2, publish="87:80", stop_grace_period="40s")],
        clients=[
            Client("slow", calls="host01:87", arrivals=Trace(["0s", "0s"])),
            Client("later", calls="host01:87", arrivals=Trace(["12s", "12s", "12s", "12s"])),
        ],
        steps=[at("5s").scale("dr", 1)],
        images={"patient": Patient},
        engine=ENGINE,
    ).run()
    report.check()
    slow, later = report.where(client="slow"), report.where(client="later")
    assert slow.ok_share == later.ok_share == 1
    assert sorted(slow.counts("task").values()) == [1, 1]
    (busy,) = [count for count in later.counts("task").values() if count]
    assert busy == 4, "new requests only went to the other one"
    (ended,) = [task for task in report.tasks if task.ended_ns >= 0]
    assert ended.ended_ns >= (5 + 2 + 14) * S, "the drain, then its own patience"


def test_10_a_port_update_replaces_the_tasks_and_keeps_the_address():
    cluster = swarm()
    host = cluster.host("host01")
    u = host.services.create(IMAGE, name="u", replicas=3, publish=["53000:80/udp", "84:80"])
    cluster.settle()
    listed = host.run("docker service ls --format '{{.Ports}}'").stdout
    assert listed == "*:84->80/tcp, *:53000->80/udp\n", "by published port, not in the order given"
    vip, before = u.vip("ingress"), {task.id for task in u.tasks()}
    assert host.run("docker service update -q -d --publish-rm 84:80 --publish-add 86:80 u").exit == 0
    cluster.run_for("1s")
    with pytest.raises(ConnectionRefused):  # nobody publishes 86 yet
        host.get("127.0.0.1:86")
    with pytest.raises(ConnectionHangs):  # an old task still publishes 84, so the engine holds [::]:84
        host.get("localhost:84")
    cluster.settle()
    running = {task.id for task in u.tasks() if task.state is TaskState.RUNNING}
    assert len(running) == 3
    assert not running & before
    assert u.vip("ingress") == vip
    assert host.get("host02:86").status == 200
    with pytest.raises(ConnectionRefused):
        host.get("host02:84")
    assert host.run("docker service ls --format '{{.Ports}}'").stdout == "*:86->80/tcp, *:53000->80/udp\n"


def test_10_one_number_for_two_protocols_and_ports_given_by_the_swarm():
    cluster = swarm(1)
    host = cluster.host("host01")
    both = host.services.create(IMAGE, name="both", publish=["91:80/tcp", "91:80/udp"])
    auto = [host.services.create(IMAGE, name=f"auto{n}", publish=["80"]) for n in (1, 2)]
    cluster.settle()
    assert both.running == 1
    assert [service.record.endpoint.ports[0].published for service in auto] == [30000, 30001]
    assert all(port.published == 0 for service in auto for port in service.record.spec.endpoint.ports)
    assert host.get("127.0.0.1:30001").status == 200
    assert host.connect("127.0.0.1:91", protocol="udp").request().status == 200

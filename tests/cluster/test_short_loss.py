"""A leader without a quorum for a moment: what it wants to write waits. Control-plane 3.7; ground truth 8."""

import pytest
from tests.cluster.outages import IMAGE, S, node, running, statuses, swarm

from meshsim.errors import ApiError
from meshsim.model.states import TaskState


def cut(cluster, seconds: float = 3):
    """The leader host01 loses both other managers for so long."""
    cluster.partition(["host01", "host04"], ["host02"], ["host03"])
    cluster.run_for(int(seconds * S))


@pytest.fixture
def cluster():
    cluster = swarm(4, 3)
    cluster.host("host01").services.create(IMAGE, name="w", replicas=4, publish=["80:80"])
    cluster.settle()
    return cluster


def test_3_7_a_write_waits_and_is_done(cluster):
    host01 = cluster.host("host01")
    cut(cluster)
    version = cluster.swarms[0].store.version
    cluster.clock.call_later(2 * S, cluster.heal)
    before_ns = cluster.clock.now_ns
    host01.services.get("w").scale(5)
    assert 2 * S <= cluster.clock.now_ns - before_ns <= 3 * S
    assert cluster.swarms[0].store.version > version
    assert cluster.swarms[0].quorum.term == 1  # nobody else has become leader
    cluster.settle()
    assert len(running(cluster)) == 5


def test_3_7_reads_are_answered_meanwhile_and_a_write_fails_when_the_leader_steps_down(cluster):
    host01 = cluster.host("host01")
    cut(cluster)
    assert host01.services.get("w").replicas == "4/4"
    before_ns = cluster.clock.now_ns
    with pytest.raises(ApiError) as refusal:
        host01.services.get("w").scale(5)
    assert str(refusal.value) == (
        "rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status"
    )
    assert cluster.clock.now_ns - before_ns < 20 * S


def test_3_7_what_fell_due_is_done_at_the_next_tick(cluster):
    """A task fails before the cut; its restart delay ends in the middle of it."""
    host01 = cluster.host("host01")
    (task,) = [t for t in host01.services.get("w").tasks() if t.node == "host01"]
    task.crash(7)
    cluster.run_for("3s")
    (new,) = [t for t in host01.tasks.list() if t.record.desired is TaskState.READY]
    cut(cluster, 6)
    assert new.record.desired is TaskState.READY
    cluster.heal()
    cluster.run_for("1s")
    assert new.record.desired is TaskState.RUNNING
    cluster.settle()
    assert len(running(cluster)) == 4
    cluster.check()


def test_3_7_the_allocator_keeps_its_cursor(cluster):
    """As no other leader came: addresses go on where they were (compare ground truth 20)."""
    host01 = cluster.host("host01")
    last = max(_addresses(host01))
    cut(cluster)
    cluster.heal()
    cluster.run_for("2s")
    late = host01.services.create(IMAGE, name="late", publish=["81:80"])
    cluster.settle()
    assert min(_addresses(host01, "late")) > last
    assert late.running == 1


def _addresses(host, service: str | None = None) -> list[int]:
    tasks = host.tasks.list(service)
    return [int(t.address("ingress").rpartition(".")[2]) for t in tasks if t.record.attachments]


def test_3_7_a_rolling_update_keeps_its_pace(cluster):
    host01 = cluster.host("host01")
    web = host01.services.get("w")
    web.update(image="nginx", update_delay="10s", update_monitor="1s")
    cluster.run_for("8s")
    done = sum(t.record.spec.container.image.startswith("nginx") for t in web.tasks())
    assert done == 1
    cut(cluster, 1)
    cluster.heal()
    cluster.run_for("2s")  # 11 s after the start: the first delay is not over
    assert sum(t.record.spec.container.image.startswith("nginx") for t in web.tasks()) == 1
    cluster.settle()
    assert web.record.update_status.state.value == "completed"
    assert len(running(cluster)) == 4


def test_3_7_addresses_of_plain_containers_wait_too(cluster):
    host01, host04 = cluster.host("host01"), cluster.host("host04")
    host01.networks.create("eg1", driver="overlay", attachable=True)
    old = host04.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    cut(cluster)
    old.remove(force=True)
    version = cluster.swarms[0].store.version
    assert any(t.record.shared.spec.attachment for t in host01.tasks.list())
    cluster.clock.call_later(2 * S, cluster.heal)
    host04.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    assert cluster.swarms[0].store.version > version
    cluster.settle()
    assert sum(bool(t.record.shared.spec.attachment) for t in host01.tasks.list()) == 1
    cluster.check()


def test_3_7_nobody_is_declared_down_without_a_quorum(cluster):
    cluster.host("host04").fail()
    cluster.run_for("10s")
    cut(cluster, 7)
    assert node(cluster, "host04").record.status.state.label == "ready"
    cluster.heal()
    cluster.run_for("1s")
    assert "host04 Down" in statuses(cluster)
    cluster.settle()
    assert len(running(cluster)) == 4
    cluster.check()

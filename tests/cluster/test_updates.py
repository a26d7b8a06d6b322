"""Updates of whole clusters: rows of control-plane 7.6, ground truth 6, as a user sees them."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.cluster.swarms import images, live, running, states, swarm

from meshsim import Reply
from meshsim.errors import OutOfSequence
from meshsim.model.states import TaskState, UpdateState

WEB = "katacoda/docker-http-server"


def when(cluster, ready, limit_s=120, step="100ms"):
    """Let time pass until it is so; the virtual seconds it took."""
    start_ns = cluster.clock.now_ns
    while not ready():
        assert cluster.clock.now_ns - start_ns < limit_s * 10**9, "it never came"
        cluster.run_for(step)
    return (cluster.clock.now_ns - start_ns) / 1e9


def status(service):
    found = service.record.update_status
    return found and found.state


def mixes(cluster, service, done):
    """The mixes of running images that are seen until it is done, in order."""
    seen: list[Counter] = []
    while not done():
        mix = Counter(images(service))
        if sum(mix.values()) == 5 and (not seen or seen[-1] != mix):
            seen.append(mix)
        cluster.run_for("50ms")
    return [dict(mix) for mix in seen]


def test_7_6_1_batches_of_two_and_back_in_batches_of_three():
    """TestAPISwarmServicesUpdate: with a delay between the batches, what runs is seen batch by batch."""
    cluster, (host01, *_) = swarm(3)
    web = host01.services.create(
        "old", name="web", replicas=5, update_parallelism=2, update_delay="4s", rollback_parallelism=3,
        rollback_delay="4s",
    )  # fmt: skip
    cluster.settle()
    web.update(image="new")
    seen = mixes(cluster, web, lambda: images(web) == ["new"] * 5)
    assert seen == [{"old": 3, "new": 2}, {"old": 1, "new": 4}]
    when(cluster, lambda: status(web) is UpdateState.COMPLETED)
    web.rollback()
    seen = mixes(cluster, web, lambda: images(web) == ["old"] * 5)
    assert seen == [{"new": 2, "old": 3}]
    cluster.check()


class NotYet:
    """A program whose health check fails until a test says otherwise."""

    def __call__(self, request, container):
        return Reply("new")

    def healthy(self, container):
        return False


def test_7_6_2_start_first_advances_only_when_the_new_ones_are_healthy():
    """TestAPISwarmServicesUpdateStartFirst: old 5, starting 2; old 3, running 2, starting 2; ..."""
    cluster, (host01, *_) = swarm(3, images={"new": NotYet})
    web = host01.services.create(
        "old", name="web", replicas=5, update_parallelism=2, update_order="start-first",
        health_cmd="check", health_interval="1s", health_start_period="10m",
    )  # fmt: skip
    cluster.settle()
    web.update(image="new")
    seen = []
    while True:
        cluster.run_for("10s")
        starting = [task for task in live(web) if task.state is TaskState.STARTING]
        seen.append((dict(Counter(images(web))), len(starting)))
        if not starting:
            break
        for task in starting:
            task.set_health("healthy")
    assert seen == [
        ({"old": 5}, 2),
        ({"old": 3, "new": 2}, 2),
        ({"old": 1, "new": 4}, 1),
        ({"new": 5}, 0),
    ]
    cluster.check()


def test_7_6_3_an_image_that_does_not_exist_pauses_at_the_second_failure():
    """TestAPISwarmServicesFailedUpdate: 2 of 5 failures are more than a quarter, 1 of 5 is not."""
    cluster, (host01, _) = swarm(2, images="docker")
    web = host01.services.create(
        "nginx", name="web", replicas=5, update_parallelism=1, update_max_failure_ratio=0.25
    )
    cluster.settle()
    web.update(image="nosuch:1")
    when(cluster, lambda: status(web) is UpdateState.PAUSED)
    cluster.run_for("1m")
    assert web.running == 3
    assert status(web) is UpdateState.PAUSED
    web.rollback()
    when(cluster, lambda: status(web) is UpdateState.ROLLBACK_COMPLETED)
    assert images(web) == ["nginx"] * 5
    cluster.check()


def test_7_6_4_no_update_config_goes_one_at_a_time():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("old", name="web", replicas=4)
    cluster.settle()
    web.update(image="new")
    least = 4
    while status(web) is not UpdateState.COMPLETED:
        cluster.run_for("50ms")
        least = min(least, len(running(web)))
    assert least == 3
    assert images(web) == ["new"] * 4


@pytest.mark.parametrize(
    "flags",
    [{"label": "a=b"}, {"update_delay": "9s"}, {"rollback_parallelism": 2}, {"replicas": 3}, {}],
    ids=lambda flags: next(iter(flags), "nothing"),
)
def test_7_6_13_and_7_3_what_replaces_no_task(flags):
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    before = [task.id for task in web.tasks()]
    web.update(**flags)
    cluster.settle()
    assert [task.id for task in web.tasks()][:2] == before
    assert web.record.update_status is None
    assert len(running(web)) == flags.get("replicas", 2)


@pytest.mark.parametrize(
    "flags",
    [{"publish_add": "80:80"}, {"force": True}, {"endpoint_mode": "dnsrr"}, {"env_add": "A=1"}],
    ids=lambda flags: next(iter(flags)),
)
def test_7_6_14_and_7_3_what_replaces_them_all(flags):
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    before = {task.id for task in web.tasks()}
    web.update(**flags)
    cluster.settle()
    assert not before & {task.id for task in running(web)}
    assert status(web) is UpdateState.COMPLETED


def test_7_6_8_and_9_constraints_alone():
    """A node that satisfies the new constraint keeps its task with the old spec; the other one's moves."""
    cluster, (host01, _host02) = swarm(2)
    host01.nodes.get("host01").update(label_add="disk=ssd")
    web = host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    before = {task.node: task.id for task in web.tasks()}
    web.update(constraint_add="node.labels.disk==ssd")
    cluster.settle()
    assert {task.node for task in running(web)} == {"host01"}
    assert before["host01"] in {task.id for task in running(web)}
    assert before["host02"] not in {task.id for task in running(web)}


def test_7_6_15_an_update_from_an_old_version_is_refused():
    _cluster, (host01,) = swarm(1)
    web = host01.services.create("nginx", name="web")
    version = web.record.version
    web.update(label="a=b")
    with pytest.raises(OutOfSequence, match="update out of sequence"):
        web.update(label="c=d", version=version)
    assert dict(web.record.spec.labels) == {"a": "b"}


def test_7_6_6_and_7_4_old_tasks_that_do_not_stop_are_waited_for_one_minute():
    """stop-first: the new one starts when the old one has stopped, after 60 s at the latest."""

    cluster, (host01,) = swarm(1, images={"slow": Stubborn})
    web = host01.services.create("slow", name="web", stop_grace_period="3m")
    cluster.settle()
    web.update(image="new")
    took_s = when(cluster, lambda: images(web) == ["new"])
    assert 60 <= took_s < 62


class Stubborn:
    """A program that takes two minutes to stop."""

    def __call__(self, request, container):
        return Reply("old")

    def on_stop(self, container):
        return 120_000_000_000, 0


def test_7_4_an_unschedulable_task_blocks_its_worker_for_ever():
    cluster, (host01, _) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=3, update_parallelism=1)
    cluster.settle()
    web.update(image="new", constraint_add="node.labels.none==1")
    cluster.run_for("1h")
    assert status(web) is UpdateState.UPDATING
    assert len(running(web)) == 2
    (waiting,) = [task for task in live(web) if task.state is TaskState.PENDING]
    assert "scheduling constraints not satisfied" in waiting.record.status.err
    cluster.settle()  # a blocked update is a settled state
    cluster.check()


def test_16_33_a_replica_that_waits_while_the_spec_changes_is_forgotten():
    """Scheduler 16.33 as a user meets it: scaled while it waits, it runs on no node that comes later.

    Reported of the real one, of a change of labels: github.com/moby/moby issue 53722.
    """
    cluster, (host01,) = swarm(1)
    web = host01.services.create("nginx", name="web", constraint="node.role==worker")
    cluster.settle()
    web.scale(2)
    cluster.settle()
    host02 = cluster.add_host("host02")
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    cluster.run_for("1h")
    assert states(web) == [(1, "running", "pending"), (2, "running", "running")]
    web.update(force=True)
    cluster.settle()
    assert [(task.slot, task.node) for task in running(web)] == [(1, "host02"), (2, "host02")]


def test_ground_truth_6_two_workers_each_with_a_delay_of_its_own():
    """stop-first, parallelism 2, delay 4 s, 4 tasks: old shutdown and new ready in one moment, per worker."""
    cluster, (host01, *_) = swarm(3, engine="26.1")
    up = host01.services.create(
        WEB, name="up", replicas=4, publish="81:80", update_parallelism=2, update_delay="4s"
    )
    cluster.settle()
    up.update(env_add="A=1")
    cluster.run_for("10ms")
    pairs = [(desired, state) for _, desired, state in states(up)]
    assert [desired for desired, _ in pairs].count("shutdown") == 2
    assert [desired for desired, _ in pairs].count("ready") == 2
    fresh = lambda: [t for t in running(up) if t.record.spec.container.env]  # noqa: E731
    when(cluster, lambda: len(fresh()) == 2, step="10ms")
    took_s = when(
        cluster, lambda: sum(t.record.desired is TaskState.READY for t in up.tasks()) > 0, step="10ms"
    )
    assert 3.9 <= took_s <= 4.2
    assert up.record.update_status.message == "update in progress"
    when(cluster, lambda: status(up) is not UpdateState.UPDATING)
    assert (status(up), up.record.update_status.message) == (UpdateState.COMPLETED, "update completed")


def test_ground_truth_6_a_failing_update_is_paused_and_the_slot_goes_on_restarting():
    cluster, (host01, *_) = swarm(3, engine="26.1")
    up = host01.services.create("alpine", name="up", replicas=4, command="sleep 1d")
    cluster.settle()
    up.update(args="sh -c 'exit 7'")
    when(cluster, lambda: status(up) is UpdateState.PAUSED)
    cluster.run_for("20s")
    assert up.replicas == "3/4"
    failed = [t for t in up.tasks() if t.record.status.err]
    assert len(failed) >= 2
    assert {t.record.status.err for t in failed} == {"task: non-zero exit (7)"}
    assert len({t.slot for t in failed}) == 1
    first = failed[0].id
    assert up.record.update_status.message == (
        f"update paused due to failure or early termination of task {first}"
    )
    untouched = {t.id for t in running(up) if t.slot != failed[0].slot}
    up.rollback()
    when(cluster, lambda: status(up) is UpdateState.ROLLBACK_COMPLETED)
    assert up.record.update_status.message == "rollback completed"
    assert untouched < {t.id for t in running(up)}, "only the changed slot is replaced"


def test_ground_truth_6_failure_action_rollback_puts_back_what_was_hit():
    cluster, (host01, *_) = swarm(3, engine="26.1")
    up = host01.services.create(
        "alpine", name="up", replicas=4, command="sleep 1d", update_failure_action="rollback"
    )
    cluster.settle()
    before = {t.slot: t.id for t in up.tasks()}
    up.update(args="sh -c 'exit 7'")
    when(cluster, lambda: status(up) is UpdateState.ROLLBACK_COMPLETED)
    cluster.settle()
    after = {t.slot: t.id for t in running(up)}
    hit = {t.slot for t in up.tasks() if t.record.status.err}
    assert hit
    assert {slot for slot, task in after.items() if task != before[slot]} == hit
    assert up.record.previous_spec is None
    cluster.check()


def test_ground_truth_6_history_of_a_slot_is_five_tasks():
    cluster, (host01, *_) = swarm(3, engine="26.1")
    up = host01.services.create(WEB, name="up")
    for _ in range(6):
        up.update(force=True)
        cluster.settle()
    assert len(up.tasks()) == 5
    names = host01.run("docker service ps up").stdout.splitlines()[1:]
    assert next(line.split("   ")[1].strip() for line in names) == "up.1"
    assert all("\\_ up.1" in line for line in names[1:])


def test_ground_truth_21_a_drain_in_the_middle_pauses_the_update():
    """A new task that has to leave its node ended early: that counts as a failure of the update."""
    cluster, (host01, *_) = swarm(3, engine="26.1")
    up = host01.services.create(WEB, name="up", replicas=6, update_delay="1s", update_monitor="1m")
    cluster.settle()
    up.update(force=True)
    when(cluster, lambda: any(t.record.spec.force_update for t in running(up)))
    (fresh,) = [t for t in running(up) if t.record.spec.force_update]
    host01.nodes.get(fresh.node).update(availability="drain")
    when(cluster, lambda: status(up) is UpdateState.PAUSED)
    assert fresh.id in up.record.update_status.message


def test_9_4_10_a_service_goes_by_its_name():
    """TestAPISwarmServicesUpdateWithName."""
    cluster, (host01, _) = swarm(2)
    host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    assert host01.run("docker service update --detach --replicas 3 web").stdout == "web\n"
    cluster.settle()
    assert host01.services.get("web").replicas == "3/3"
    assert host01.services.get(host01.services.get("web").id[:6]).name == "web"


def test_6_8_16_drain_and_pause():
    """TestAPISwarmNodeDrainPause."""
    cluster, (host01, _host02) = swarm(2)
    web = host01.services.create("nginx", name="web", replicas=2)
    cluster.settle()
    places = lambda: sorted(task.node for task in running(web))  # noqa: E731

    def step(host, availability, replicas=None):
        host01.nodes.get(host).update(availability=availability)
        for count in replicas or ():
            web.scale(count)
            cluster.settle()
        cluster.settle()
        return places()

    assert places() == ["host01", "host02"]
    assert step("host02", "drain") == ["host01", "host01"]
    assert step("host02", "active") == ["host01", "host01"]
    assert step("host02", "active", (1, 2)) == ["host01", "host02"]
    assert step("host02", "pause", (4,)) == ["host01", "host01", "host01", "host02"]


def test_6_8_15_a_job_of_seven_two_at_once_then_again():
    """TestReplicatedJob, TestUpdateReplicatedJob."""
    cluster, (host01, _) = swarm(2)
    job = host01.services.create(
        "alpine", name="job", mode="replicated-job", replicas=7, max_concurrent=2, command="sleep 3"
    )
    most = 0
    while sum(task.state is TaskState.COMPLETE for task in job.tasks()) < 7:
        most = max(most, sum(task.state is TaskState.RUNNING for task in job.tasks()))
        cluster.run_for("200ms")
    assert most == 2
    job.update(force=True)
    cluster.run_for("1m")
    assert job.record.job_status.iteration == 1
    again = [task for task in job.tasks() if task.record.shared.job_iteration == 1]
    assert [task.state for task in again] == [TaskState.COMPLETE] * 7

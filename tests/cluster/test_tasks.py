"""Tasks at the facade: restarts, history, health, exit codes. Control-plane 4.6, 5; ground truth 18, 21."""

import pytest
from tests.cluster.outages import IMAGE, S, node, running, swarm

from meshsim import Cluster, Reply
from meshsim.cluster import Image
from meshsim.model.states import NodeState, TaskState

T = TaskState
EXIT_7 = "docker service create -q -d --name {name} {flags} alpine sh -c 'sleep {lasts}; exit 7'"


class Program:
    """A server whose health and last words are chosen from outside."""

    verdict = True
    last = (100_000_000, 0)

    def __call__(self, request, container):
        return Reply("ok")

    def healthy(self, container):
        return self.verdict

    def on_stop(self, container):
        return self.last


class Ill(Program):
    verdict = False


class Grumpy(Ill):
    last = (100_000_000, 3)


class Deaf(Ill):
    last = (10**18, 0)


def alone(**images) -> Cluster:
    cluster = Cluster(seed=1, engine="26.1", images=images or None)
    cluster.add_host("host01").swarm.init()
    return cluster


def failing(cluster: Cluster, flags: str, lasts: str = "0", name: str = "cr"):
    result = cluster.host("host01").run(EXIT_7.format(name=name, flags=flags, lasts=lasts))
    assert result.exit == 0, result.stderr
    return cluster.host("host01").services.get(name)


def history(service, slot: int = 1) -> list[str]:
    """Desired and observed state of the slot's tasks, newest first."""
    tasks = [t for t in service.tasks() if t.slot == slot]
    return [f"{t.record.desired.name} {t.state.name}".title() for t in reversed(tasks)]


# -- restart policies


@pytest.mark.parametrize(("attempts", "tasks"), [(1, 2), (2, 3)])
def test_21_so_many_restarts_for_each_slot(attempts, tasks):
    cluster = alone()
    service = failing(cluster, f"--restart-max-attempts {attempts} --restart-delay 1s --replicas 2")
    cluster.settle()
    for slot in (1, 2):
        assert history(service, slot) == ["Shutdown Failed"] * tasks
    assert service.replicas == "0/2"
    table = cluster.host("host01").run("docker service ps cr --format '{{.Error}}'").stdout
    assert table == '"task: non-zero exit (7)"\n' * 2 * tasks


def test_21_attempts_outside_the_window_do_not_count():
    cluster = alone()
    flags = "--restart-max-attempts 2 --restart-window 4s --restart-delay 1s"
    service = failing(cluster, flags, lasts="4")
    cluster.run_for("2m")
    assert len(service.tasks()) == 3  # max-attempts N keeps N + 1 tasks of the slot
    assert service.tasks()[-1].record.desired <= T.RUNNING
    assert history(service)[1:] == ["Shutdown Failed"] * 2


@pytest.mark.parametrize("delay", ["2s", "12s", None])
def test_21_the_replacement_is_prepared_at_once_and_starts_after_the_delay(delay):
    cluster = alone()
    service = failing(cluster, f"--restart-delay {delay}" if delay else "", lasts="3")
    cluster.run_until(lambda: service.tasks()[0].state is T.FAILED)
    failed_ns = cluster.clock.now_ns
    cluster.run_for("900ms")
    old, new = service.tasks()
    assert (old.record.desired, new.record.desired, new.state) == (T.SHUTDOWN, T.READY, T.READY)
    cluster.run_until(lambda: new.record.desired is T.RUNNING)
    wanted_ns = int((delay or "5s")[:-1]) * S
    assert wanted_ns - S // 10 <= cluster.clock.now_ns - failed_ns <= wanted_ns + S // 5


def test_21_condition_none_and_a_forced_update():
    cluster = alone()
    service = failing(cluster, "--restart-condition none")
    cluster.settle()
    assert history(service) == ["Shutdown Failed"]
    assert service.replicas == "0/1"
    service.update(force=True)
    cluster.settle()
    assert history(service) == ["Shutdown Failed"] * 2


def test_21_a_forced_update_counts_attempts_from_zero():
    cluster = alone()
    service = failing(cluster, "--restart-max-attempts 1 --restart-delay 1s")
    cluster.settle()
    first = {t.id for t in service.tasks()}
    service.update(force=True)
    cluster.settle()
    assert len([t for t in service.tasks() if t.id not in first]) == 2


def test_21_only_what_was_given_is_shown():
    cluster = alone()
    failing(cluster, "--restart-max-attempts 2 --restart-delay 2s")
    host = cluster.host("host01")
    shown = host.run("docker service inspect cr --format '{{json .Spec.TaskTemplate.RestartPolicy}}'").stdout
    assert shown == '{"Condition":"any","Delay":2000000000,"MaxAttempts":2}\n'
    assert "Restart" not in host.run("docker service inspect --pretty cr").stdout


def test_9_on_failure_a_task_that_completes_is_not_replaced():
    cluster = alone()
    service = cluster.host("host01").services.create(
        "alpine", name="once", command="sh -c 'sleep 1'", restart_condition="on-failure"
    )
    cluster.settle()
    cluster.run_for("10s")
    assert history(service) == ["Shutdown Complete"]
    assert service.replicas == "0/1"


# -- history


def test_5_3_five_tasks_per_slot_or_as_many_as_the_swarm_keeps():
    cluster = alone()
    host = cluster.host("host01")
    service = failing(cluster, "--restart-delay 1s", lasts="1")
    cluster.run_for("1m")
    assert len(service.tasks()) == 5
    host.swarm.update(task_history_limit=2)
    cluster.run_for("10s")
    assert len(service.tasks()) == 2
    host.swarm.update(task_history_limit=-1)
    cluster.run_for("1m")
    assert len(service.tasks()) > 5
    host.swarm.update(task_history_limit=0)
    cluster.run_for("10s")
    assert len(service.tasks()) == 1


# -- health


def test_18_a_program_that_exits_0_when_found_unhealthy_is_complete():
    cluster = alone(fine=Program)
    host = cluster.host("host01")
    service = host.services.create(
        "fine", name="h1", publish=["81:80"], health_cmd="test -f /ok", health_interval="3s", health_retries=2
    )
    cluster.settle()
    (task,) = service.tasks()
    task.set_health("unhealthy")
    cluster.run_until(lambda: task.container.record.health == "unhealthy")
    assert task.state is T.RUNNING  # names and weights are gone, the program is not
    assert "81" not in host.run("curl -sS 127.0.0.1:81").stdout
    cluster.run_until(lambda: task.state > T.RUNNING)
    assert (task.state, task.record.status.message, task.record.status.err) == (T.COMPLETE, "finished", "")
    replacement = service.tasks()[-1]
    assert replacement.record.desired is T.READY
    cluster.settle()
    cell = "docker service ps h1 --no-trunc --format '{{.DesiredState}} {{.CurrentState}} {{.Error}}'"
    assert host.run(cell).stdout.splitlines()[1].startswith("Shutdown Complete ")
    (event,) = [
        line
        for line in host.run("docker events --since 0 --until 0s").stdout.splitlines()
        if "health_status: unhealthy" in line
    ]
    assert f"com.docker.swarm.task.name=h1.1.{task.id}" in event


@pytest.mark.parametrize(
    ("image", "grace", "state", "err"),
    [
        (Ill, "10s", T.COMPLETE, ""),
        (Grumpy, "10s", T.FAILED, "task: non-zero exit (3): dockerexec: unhealthy container"),
        (Deaf, "2s", T.FAILED, "task: non-zero exit (137): dockerexec: unhealthy container"),
    ],
)
def test_18_and_21_a_task_that_is_never_healthy(image, grace, state, err):
    cluster = alone(ill=image)
    service = cluster.host("host01").services.create(
        "ill",
        name="h2",
        health_cmd="false",
        health_interval="2s",
        health_retries=1,
        stop_grace_period=grace,
        publish=["81:80"],
    )
    cluster.run_for("1s")
    (task,) = service.tasks()
    assert task.state is T.STARTING
    assert cluster.host("host01").run("curl -sS 127.0.0.1:81").exit == 7
    cluster.run_until(lambda: task.state > T.RUNNING)
    assert (task.state, task.record.status.err) == (state, err)
    cluster.run_for("8s")
    assert [t.state for t in service.tasks()] == [state, T.STARTING]
    assert service.replicas == "0/1"


def test_18_failures_inside_the_start_period_do_not_count():
    cluster = alone(ill=Ill)
    service = cluster.host("host01").services.create(
        "ill", name="h", health_cmd="x", health_interval="3s", health_retries=2, health_start_period="20s"
    )
    cluster.run_for("20s")
    assert [t.state for t in service.tasks()] == [T.STARTING]
    cluster.run_for("10s")
    assert service.tasks()[0].state is T.COMPLETE


def test_18_an_update_to_a_version_that_is_never_healthy_is_paused():
    cluster = alone(fine=Program, ill=Ill)
    host = cluster.host("host01")
    check = {"health_cmd": "x", "health_interval": "3s", "health_retries": 2}
    host.services.create("fine", name="h1", replicas=3, **check)
    cluster.settle()
    result = host.run("docker service update --image ill h1")
    assert result.exit == 1
    (bad,) = [t for t in host.services.get("h1").tasks() if t.state is T.COMPLETE]
    assert result.stderr == (
        "service update paused: update paused due to failure or early termination of task " + bad.id + "\n"
    )


# -- exit codes and the end of programs


@pytest.mark.parametrize(
    ("exit_code", "state", "err"),
    [
        (0, T.COMPLETE, ""),
        (1, T.FAILED, "task: non-zero exit (1)"),
        (255, T.FAILED, "task: non-zero exit (255)"),
    ],
)
def test_5_1_a_program_that_ends_by_itself(exit_code, state, err):
    cluster = swarm(1)
    service = cluster.host("host01").services.create(IMAGE, name="w")
    cluster.settle()
    (task,) = service.tasks()
    task.crash(exit_code)
    cluster.run_for("1s")
    assert (task.state, task.record.status.err) == (state, err)
    assert task.record.status.exit_code == exit_code
    cluster.settle()
    assert service.replicas == "1/1"


@pytest.mark.parametrize(("grace", "seconds"), [("3s", 3), (None, 10)])
def test_5_2_a_program_that_does_not_hear_is_killed_after_its_grace_period(grace, seconds):
    cluster = alone(deaf=Image("deaf", handler=type("D", (Program,), {"last": (10**18, 0)})))
    flags = {"stop_grace_period": grace} if grace else {}
    service = cluster.host("host01").services.create("deaf", name="d", network=[], publish=["81:80"], **flags)
    cluster.settle()
    (task,) = service.tasks()
    before_ns = cluster.clock.now_ns
    service.update(force=True)
    cluster.run_until(lambda: task.state > T.RUNNING)
    took_ns = cluster.clock.now_ns - before_ns
    assert (2 + seconds) * S <= took_ns <= (2 + seconds + 1) * S  # two seconds for names and weights first
    assert (task.state, task.container.exit_code) == (T.SHUTDOWN, 137)


# -- nodes and their tasks, rows 4.6


def test_4_6_8_and_13_replaced_once_and_the_others_untouched():
    cluster = swarm(3)
    host01 = cluster.host("host01")
    service = host01.services.create(IMAGE, name="w", replicas=6)
    cluster.settle()
    before = {t.id: t.node for t in service.tasks()}
    cluster.host("host03").fail()
    cluster.settle()
    new = [t for t in service.tasks() if t.id not in before]
    assert len(new) == 2
    victim = next(t for t in service.tasks() if t.node == "host02" and t.id in before)
    victim.container.crash(137)
    cluster.settle()
    assert len(running(cluster)) == 6
    kept = {t.id for t in service.tasks() if t.state is T.RUNNING and t.record.desired is T.RUNNING}
    assert kept >= {i for i, n in before.items() if n != "host03" and i != victim.id}


def test_4_6_10_pause_leaves_tasks_alone():
    cluster = swarm(2)
    service = cluster.host("host01").services.create(IMAGE, name="w", replicas=2)
    cluster.settle()
    node(cluster, "host02").update(availability="pause")
    cluster.settle()
    assert running(cluster) == ["host01", "host02"]
    service.scale(4)
    cluster.settle()
    assert running(cluster) == ["host01"] * 3 + ["host02"]


def test_4_6_11_a_global_service_and_a_node_that_comes_and_goes():
    cluster = swarm(2)
    service = cluster.host("host01").services.create(IMAGE, name="g", mode="global")
    cluster.settle()
    cluster.host("host02").fail()
    cluster.settle()
    service.update(env_add=["A=b"])
    cluster.settle()
    assert running(cluster) == ["host01"]
    cluster.host("host02").recover()
    cluster.settle()
    assert running(cluster) == ["host01", "host02"]
    assert [t.record.spec.container.env for t in service.tasks() if t.state is T.RUNNING] == [("A=b",)] * 2


def test_4_2_tasks_of_a_lost_node_are_orphaned_after_a_day():
    cluster = swarm(2)
    service = cluster.host("host01").services.create(IMAGE, name="w", replicas=2, publish=["80:80"])
    cluster.settle()
    (lost,) = [t for t in service.tasks() if t.node == "host02"]
    cluster.host("host02").fail()
    cluster.run_until(lambda: node(cluster, "host02").record.status.state is NodeState.DOWN)
    down_ns = cluster.clock.now_ns
    cluster.run_for("23h59m59s")
    assert lost.state is T.RUNNING
    assert service.replicas == "3/2"
    cluster.run_until(lambda: lost.state is T.ORPHANED)
    # the day began when the silence was noticed, a batch before it was written
    assert -S // 10 <= cluster.clock.now_ns - down_ns - 24 * 3600 * S <= 0
    assert service.replicas == "2/2"
    cluster.host("host02").recover()
    cluster.settle()
    assert lost.state is T.ORPHANED  # it can never come back
    cluster.check()


def test_20_a_new_leader_forgets_the_cursor_of_addresses():
    cluster = swarm(3, 3)
    host02 = cluster.host("host02")
    for number in range(3):
        cluster.host("host01").services.create(IMAGE, name=f"s{number}", publish=[f"8{number}:80"])
    cluster.settle()
    cluster.host("host01").services.get("s0").remove()
    cluster.settle()
    cluster.host("host01").fail()
    cluster.run_until(lambda: bool(cluster.swarms[0].quorum.leader))
    late = host02.services.create(IMAGE, name="late", publish=["90:80"])
    cluster.settle()
    assert late.vip("ingress").rpartition(".")[2] == "5"  # the lowest free one: freed with s0
    cluster.check()


def test_20_a_rolling_update_goes_on_under_the_new_leader():
    cluster = swarm(3, 3, seed=2)
    host02 = cluster.host("host02")
    web = cluster.host("host01").services.create(IMAGE, name="w", replicas=6)
    cluster.settle()
    web.update(image="nginx", update_delay="4s")
    cluster.run_for("6s")
    web = host02.services.get("w")

    def renewed() -> int:
        alive = [t.record for t in web.tasks() if t.state is t.record.desired is T.RUNNING]
        return sum(task.spec.container.image.startswith("nginx") for task in alive)

    assert 1 <= renewed() <= 3
    cluster.host("host01").fail()
    cluster.run_until(lambda: cluster.swarms[0].leading)
    before = {t.id for t in web.tasks()}
    cluster.run_for("20s")
    assert {t.id for t in web.tasks()} - before  # the next slots, while the old leader is still unknown
    assert node(cluster, "host01", "host02").record.status.state is NodeState.UNKNOWN
    cluster.settle()
    assert web.record.update_status.state.value == "completed"
    assert renewed() == 6
    assert "host01" not in running(cluster, "host02")
    cluster.host("host01").recover()
    cluster.settle()
    cluster.check()

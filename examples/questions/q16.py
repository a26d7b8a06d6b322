"""Q16: Does a failing image stop the rollout, or roll it back?

It pauses the rollout unless it was told to roll back (or to go on). Slots that were not reached keep their
old tasks and keep serving; the slot that failed goes on being restarted, from the new spec. A rollback puts
back the slots that were hit and nothing else.
"""

from meshsim import Cluster
from meshsim.cluster import ServiceHandle
from meshsim.model.states import TaskState

REPLICAS = 4
BAD = "sh -c 'exit 7'"


def rolled_out(action: str, ratio: float = 0) -> tuple[Cluster, ServiceHandle]:
    """A service on three hosts, some minutes after it was updated to a program that fails at once."""
    cluster = Cluster(seed=7)
    first, *others = cluster.add_hosts("host01", "host02", "host03")
    first.swarm.init()
    for host in others:
        host.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    web = first.services.create(
        "katacoda/docker-http-server",
        name="web",
        replicas=REPLICAS,
        publish="80:80",
        update_failure_action=action,
        update_max_failure_ratio=ratio,
    )
    cluster.settle()
    web.update(args=BAD)
    cluster.run_for("5m")
    return cluster, web


def old_and_running(web: ServiceHandle) -> int:
    """How many tasks of the old version run."""
    tasks = [task for task in web.tasks() if task.record.desired is TaskState.RUNNING]
    return sum(task.state is TaskState.RUNNING and not task.record.spec.container.args for task in tasks)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for action, ratio, left, state in (
        ("pause", 0, REPLICAS - 1, "paused"),
        ("pause", 0.25, REPLICAS - 2, "paused"),  # more than a quarter means two of four
        ("rollback", 0, REPLICAS, "rollback_completed"),
        ("continue", 0, 0, "completed"),
    ):
        cluster, web = rolled_out(action, ratio)
        status = web.record.update_status
        assert status is not None
        failed = [task.id for task in web.tasks() if task.record.status.err == "task: non-zero exit (7)"]
        print(f"{action:8} ratio {ratio:4}: {status.state.value:18} old ones running: {old_and_running(web)}")
        assert (status.state.value, old_and_running(web)) == (state, left)
        if action == "pause":
            sentence, _, task_id = status.message.rpartition(" ")
            print(f"         {status.message}")
            assert sentence == "update paused due to failure or early termination of task"
            assert len(task_id) == 25
            served = {cluster.host("host02").get("host02").task for _ in range(2 * REPLICAS)}
            assert len(served) == left  # who was not reached serves on
            web.rollback()
            cluster.settle()
            assert old_and_running(web) == REPLICAS
        if action != "rollback":
            assert len(failed) > 1  # the restart policy does not know that it is hopeless


if __name__ == "__main__":
    main()

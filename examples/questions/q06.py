"""Q06: After a one-by-one restart with reconnecting clients, who is hottest?

The task that was restarted first: it collects from all others and never gives back. Three tasks end with
1.875, 1.125 and 0 of the fair share.
"""

from collections import Counter

from meshsim.scenario import Client, KeepAlive, Scenario, ServicePlan, Uniform, Users, at
from meshsim.scenario.theory import reconnect_ladder

USERS = 480


def scenario(tasks: int) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q06 with {tasks} tasks",
        hosts=["host01", "host02"],
        services=[ServicePlan("web", replicas=tasks, publish="81:80", restart_delay="20s")],
        clients=[
            Client(
                "crowd", calls="host01:81", users=Users(USERS, Uniform("2s", "8s")), keep_alive=KeepAlive()
            )
        ],
        # Every minute one program ends; its users find out within 8 s, the new task is there after 20 s.
        steps=[at(f"{60 * slot}s").crash("web", slot=slot) for slot in range(1, tasks + 1)],
        lasts=f"{60 * tasks + 50}s",
    )


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for tasks in (3, 4):
        report = scenario(tasks).run()
        report.check()
        print(report.outcomes())
        held = Counter(connection.task for connection in report.connections if connection.closed == "end")
        found = [count / USERS * tasks for _, count in held.most_common()]
        found += [0.0] * (tasks - len(found))
        expected = reconnect_ladder(tasks)
        print(
            f"{tasks} tasks: {[round(x, 3) for x in found]}, in the limit {[round(x, 3) for x in expected]}"
        )
        for one, other in zip(found, expected, strict=True):
            assert abs(one - other) <= 0.03


if __name__ == "__main__":
    main()

"""Q07: Why does an even number of replicas hide half of them from my page?

A page that takes k connections meets n tasks in strict turn: asset 0 of every page lands on the tasks
0, k, 2k ... modulo n, which are only n / gcd(n, k) of them.
"""

from meshsim.scenario import Client, Every, Scenario, ServicePlan
from meshsim.scenario.theory import page_trap


def scenario(tasks: int, connections: int) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q07 {tasks} tasks, {connections} connections a page",
        hosts=["host01"],
        services=[ServicePlan("web", replicas=tasks, publish="81:80")],
        clients=[Client("browser", calls="host01:81", arrivals=Every("1s"), requests=30, page=connections)],
    )


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for tasks, connections in ((2, 2), (4, 2), (6, 2), (6, 3), (3, 2), (5, 2)):
        report = scenario(tasks, connections).run()
        report.check()
        met = [count for count in report.where(asset=0).counts("task").values() if count]
        print(f"{tasks} tasks, {connections} connections a page: the page itself comes from {len(met)} tasks")
        assert len(met) == page_trap(tasks, connections)
        assert report.max_min() <= 1  # and yet all tasks are equally busy


if __name__ == "__main__":
    main()

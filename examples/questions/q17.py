"""Q17: Does draining a node dip below the replica count?

Yes. A drain tells the node's tasks to stop at once; their replacements are made in the same moment and
prepared, but start only when the old ones have stopped. So the service is short of the node's share for as
long as a stop and a start take. Nobody is sent to a stopping task meanwhile; when every task sits on the
drained node, there is nobody left to be sent to. Nothing moves back afterwards.
"""

from meshsim import Cluster
from meshsim.scenario import Client, Every, Scenario, ServicePlan, at
from meshsim.scenario.report import Report

REPLICAS = 6
FEW = Scenario(
    name="Q17, three hosts",
    hosts=["host01", "host02", "host03"],
    services=[ServicePlan("web", replicas=REPLICAS, publish="81:80")],
    clients=[Client("curl", calls="host01:81", arrivals=Every("50ms"), timeout="1s")],
    steps=[at("10s").drain("host03")],
    lasts="30s",
)
#: all tasks on the one host that takes them, and another for them to go to
ALL = Scenario(
    name="Q17, the only one",
    hosts=["host01", "host02"],
    services=[ServicePlan("web", replicas=2, publish="81:80", constraint="node.hostname==host02")],
    clients=[Client("curl", calls="host01:81", arrivals=Every("50ms"), timeout="1s")],
    steps=[at("10s").drain("host02")],
    lasts="30s",
)


def fewest_running(report: Report, running: int) -> int:
    """The least number of tasks that ran at once, of so many that ran at the beginning."""
    least = running
    for event in report.events:
        if event.at_ns > 0:
            running += {"start": 1, "die": -1}.get(event.what, 0)
            least = min(least, running)
    return least


def nothing_returns() -> list[str]:
    """Where the tasks of a drained host are, a minute after it is active again."""
    cluster = Cluster(seed=7)
    first, second = cluster.add_hosts("host01", "host02")
    first.swarm.init()
    second.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    web = first.services.create("nginx", name="web", replicas=4)
    cluster.settle()
    for availability in ("drain", "active"):
        first.nodes.get("host02").update(availability=availability)
        cluster.run_for("1m")
    return [task.node for task in web.tasks() if task.state.label == "running"]


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = FEW.run(0)
    report.check()
    least, share = fewest_running(report, REPLICAS), REPLICAS // 3
    print(
        f"{REPLICAS} tasks on three hosts, one drained: at least {least} run, {report.ok_share:.1%} answered"
    )
    assert least == REPLICAS - share
    assert report.ok_share == 1  # the others carry on

    report = ALL.run(0)
    down = [r for r in report.where(since="10s").counts("outcome").items() if r[0] != "ok"]
    print(f"2 tasks on the only host they may run on: {fewest_running(report, 2)} run, then {dict(down)}")
    assert fewest_running(report, 2) == 0
    assert report.where(since="20s").ok_share == 0  # an outage, until the host takes tasks again

    nodes = nothing_returns()
    print(f"after drain and active again the tasks are on {', '.join(nodes)}")
    assert nodes == ["host01"] * 4


if __name__ == "__main__":
    main()

"""Q02: Does a node that runs no replica answer on port 81?

Yes. Every node enters the mesh: it knows all tasks, and deals its own connections with a cursor of its own.
"""

from meshsim.scenario import Client, Every, Scenario, ServicePlan

SCENARIO = Scenario(
    name="Q02",
    hosts=["host01", "host02", "host03"],
    services=[ServicePlan("web", replicas=2, publish="81:80", constraint="node.hostname != host03")],
    clients=[
        Client("near", calls="host01:81", arrivals=Every("1s"), requests=5),
        Client("far", calls="host03:81", arrivals=Every("1s"), requests=6, start="10s"),
    ],
)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = SCENARIO.run()
    report.check()
    print(report.table("node"))
    assert report.ok_share == 1
    near, far = report.where(client="near"), report.where(client="far")
    assert "host03" not in far.counts("node")  # no replica there, and yet an answer each time
    assert set(near.counts("task")) == set(far.counts("task"))
    # Five calls to host01 left its cursor in the middle; host03 begins its own turn with the same task.
    first_near, first_far = near.requests[0].task, far.requests[0].task
    print(f"host01 begins with {first_near[:5]}, host03 with {first_far[:5]}")
    assert first_near == first_far
    assert far.max_min() == 0


if __name__ == "__main__":
    main()

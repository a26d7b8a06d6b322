"""Q01: I curl one published port ten times. Do two replicas alternate strictly?

Yes. Each curl is a new connection, and the balancer of the host that was called deals connections in turn.
"""

from meshsim.scenario import Client, Every, Scenario, ServicePlan


def scenario(replicas: int) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q01 with {replicas} replicas",
        hosts=["host01", "host02"],
        services=[ServicePlan("web", replicas=replicas, publish="81:80")],
        clients=[Client("curl", calls="host01:81", arrivals=Every("1s"), requests=10)],
    )


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = scenario(2).run()
    report.check()
    print([request.slot for request in report.requests])
    tasks = [request.task for request in report.requests]
    assert tasks[0::2] == [tasks[0]] * 5
    assert tasks[1::2] == [tasks[1]] * 5
    assert tasks[0] != tasks[1]
    for replicas in (3, 4, 7):
        report = scenario(replicas).run()
        print(f"{replicas} replicas: {list(report.counts('slot').values())}")
        assert report.max_min() <= 1


if __name__ == "__main__":
    main()

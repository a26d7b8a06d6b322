"""Q03: An outer round robin over three nodes in front of the mesh. How uneven can tasks get?

At most by the number of entry nodes, however many requests: each node has one cursor, and each cursor is
never off by more than one.
"""

from meshsim.scenario import Client, Every, Scenario, ServicePlan

NODES = ["host01", "host02", "host03"]


def scenario(turn: str, requests: int) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q03 {turn}",
        hosts=NODES,
        services=[ServicePlan("web", replicas=4, publish="81:80")],
        clients=[
            Client(
                "balancer",
                calls=[f"{node}:81" for node in NODES],
                turn=turn,
                arrivals=Every("10ms"),
                requests=requests,
            )
        ],
    )


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for turn in ("in turn", "random"):
        for requests in (100, 1_000, 3_001):
            report = scenario(turn, requests).run()
            report.check()
            print(f"{turn:8} {requests:5} requests: {list(report.counts('slot').values())}")
            assert report.max_min() <= len(NODES)


if __name__ == "__main__":
    main()

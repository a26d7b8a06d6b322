"""Q12: After a scale-down, for how long can a name still lead to a dead address?

As long as somebody remembers it. The mesh itself forgets first: names are gone two seconds before the task
is stopped. A client that caches remembers for its time to live, HAProxy for its hold time and one
resolution more.
"""

from meshsim.scenario import Client, Every, HAProxy, NetworkPlan, Resolver, Scenario, ServicePlan, at
from meshsim.scenario.report import Report

SCALED_S, TTL_S, HOLD_S, GOSSIP_S = 30, 60, 10, 0.2


def scenario() -> Scenario:
    """The experiment as data."""
    callers = {"asks": Resolver("no"), "caches": Resolver("ttl", ttl=f"{TTL_S}s")}
    inside = [
        Client(name, "tasks.web:80", Every("250ms"), network="eg1", at="host02", timeout="1s", resolver=habit)
        for name, habit in callers.items()
    ]
    return Scenario(
        name="Q12",
        hosts=["host01", "host02"],
        ties="seeded",
        networks=[NetworkPlan("eg1", attachable=True)],
        services=[
            ServicePlan("web", replicas=6, network="eg1"),
            # Without health checks, so that only names count.
            ServicePlan(
                "front",
                proxy=HAProxy("tasks.web:80", slots=6, check=False, hold=f"{HOLD_S}s", retries=0),
                network="eg1",
                publish="80:80",
            ),
        ],
        clients=[*inside, Client("haproxy", "host01:80", Every("250ms"), timeout="1s")],
        steps=[at(f"{SCALED_S}s").scale("web", 1)],
        lasts="3m",
    )


def window_s(report: Report, client: str) -> float:
    """From the scale-down to the last request that went to a dead address; 0 without any."""
    lost = [r.started_ns for r in report.where(client=client).requests if r.outcome != "ok"]
    return max(lost, default=SCALED_S * 10**9) / 1e9 - SCALED_S


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    report = scenario().run(seed=1)
    report.check()
    limits = {
        "asks": GOSSIP_S,
        "caches": GOSSIP_S + TTL_S,
        "haproxy": GOSSIP_S + HOLD_S + 1,
    }
    for client, limit_s in limits.items():
        found_s = window_s(report, client)
        print(f"{client:15} dead addresses for {found_s:5.2f} s after the scale-down, at most {limit_s:g} s")
        assert found_s <= limit_s
    # Who asks for each connection never meets a dead task: it is alive until its name is long gone.
    assert window_s(report, "asks") == 0
    assert window_s(report, "haproxy") > HOLD_S / 2
    assert window_s(report, "caches") > 2.2  # the time until the tasks stop


if __name__ == "__main__":
    main()

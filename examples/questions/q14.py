"""Q14: Traefik polls the swarm every 15 s. How many 5xx does that cost in a scale-down or an update?

Traefik knows a task until its next poll, the task is gone two seconds after the order: what it sends there
in between fails, for up to 15 s. With lbswarm it knows only the virtual address, and the mesh forgets tasks
before they stop: nothing fails.
"""

from meshsim.scenario import Client, Every, NetworkPlan, Scenario, Server, ServicePlan, Step, Traefik, at

POLL_S, THROTTLE_S, STEP_S, TASKS = 15, 2, 20, 4
PORT = "traefik.http.services.web.loadbalancer.server.port=80"
RULE = "traefik.http.routers.web.rule=PathPrefix(`/`)"


def scenario(name: str, step: Step, *labels: str) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q14 {name}",
        hosts=["host01", "host02"],
        networks=[NetworkPlan("eg1")],
        services=[
            ServicePlan(
                "web", Server("5ms", 8), replicas=TASKS, network="eg1", label=[PORT, RULE, *labels],
                update_order="start-first",
            ),
            ServicePlan(
                "front",
                proxy=Traefik(network="eg1", refresh=f"{POLL_S}s", throttle=f"{THROTTLE_S}s"),
                network="eg1",
                publish="80:80",
                constraint="node.role==manager",
            ),
        ],
        clients=[Client("crowd", calls="host01:80", arrivals=Every("50ms"), timeout="20s")],
        steps=[step],
        lasts="100s",
    )  # fmt: skip


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    orders = {
        "scale down": at(f"{STEP_S}s").scale("web", TASKS // 2),
        "update": at(f"{STEP_S}s").update("web", env="VERSION=2", update_parallelism=1, update_delay="5s"),
    }
    for name, step in orders.items():
        for way, labels in (("tasks", ()), ("lbswarm", ("traefik.swarm.lbswarm=true",))):
            report = scenario(f"{name}, {way}", step, *labels).run()
            report.check()
            crowd = report.where(client="crowd")
            failed = [r for r in crowd.requests if r.outcome != "ok"]
            stopped = [e.at_ns for e in report.events if e.what == "die" and e.text.startswith("web")]
            print(f"{name:10} by {way:8} {len(failed):4} of {len(crowd.requests)} fail: {crowd.failures()}")
            if way == "lbswarm":
                assert not failed
                continue
            assert failed
            for request in failed:  # each soon after some task ended
                since = min(request.started_ns - at_ns for at_ns in stopped if at_ns <= request.started_ns)
                assert since / 1e9 <= POLL_S + THROTTLE_S


if __name__ == "__main__":
    main()

"""Q08: Traefik or nginx stands in front of my service's virtual address. What balances, proxy or mesh?

Whoever makes the choice per connection. A proxy that knows one address (the virtual one) leaves the choice
to the mesh, and the mesh chooses per connection: with connections that are kept, one task gets everything
until they are closed. A proxy that knows the tasks takes turns itself, request by request.
"""

from meshsim.scenario import Client, NetworkPlan, Nginx, Scenario, ServicePlan, Trace, Traefik
from meshsim.scenario.report import Report

TASKS = 4
PORT = "traefik.http.services.web.loadbalancer.server.port=80"
RULE = "traefik.http.routers.web.rule=PathPrefix(`/`)"
#: 40 requests, one a second; a pause that is longer than any proxy keeps an idle connection; 40 more
TIMES = [f"{second}s" for second in (*range(40), *range(200, 240))]


def scenario(name: str, proxy: Traefik | Nginx, *labels: str) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name=f"Q08 {name}",
        hosts=["host01", "host02", "host03"],
        networks=[NetworkPlan("eg1")],
        services=[
            ServicePlan("web", replicas=TASKS, network="eg1", label=[PORT, RULE, *labels]),
            ServicePlan(
                "front", proxy=proxy, network="eg1", publish="80:80", constraint="node.role==manager"
            ),
        ],
        clients=[Client("browser", calls="host01:80", arrivals=Trace(TIMES))],
    )


def halves(report: Report) -> tuple[list[int], list[int]]:
    """How many requests each task of the service had before the pause, and after it."""
    behind = report.where(service="web")
    parts = behind.where(until="100s"), behind.where(since="100s")
    return tuple(sorted(part.counts("slot").values()) for part in parts)  # type: ignore[return-value]


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    one, fair = [0, 0, 0, 40], [10, 10, 10, 10]
    cases = {
        "Traefik, tasks": (scenario("tasks", Traefik(network="eg1")), fair),
        "Traefik, lbswarm": (scenario("lbswarm", Traefik(network="eg1"), "traefik.swarm.lbswarm=true"), one),
        "nginx": (scenario("nginx", Nginx("web:80")), fair),
        "nginx, keepalive": (scenario("keepalive", Nginx("web:80", keepalive=8)), one),
    }
    for name, (case, expected) in cases.items():
        report = case.run()
        report.check()
        before, after = halves(report)
        print(f"{name:18} before the pause {before}, after it {after}")
        assert report.ok_share == 1
        assert before == after == expected
        if expected is one:  # the pool has turned over: another connection, another task
            kept = [c for c in report.connections if c.service == "web"]
            assert len(kept) == 2
            assert kept[0].task != kept[1].task


if __name__ == "__main__":
    main()

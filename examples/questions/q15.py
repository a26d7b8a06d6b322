"""Q15: How many requests fail in a rolling update: stop-first, start-first, parallel, with a health check?

The mesh forgets a task two seconds before it is stopped, so a task that goes costs nothing, as long as
another is there, and as long as it answers what it has begun within its grace period. One replica with
stop-first is an outage as long as stopping, preparing, starting and becoming healthy take together. Start-
first with a health check costs nothing.
"""

from typing import Any

from meshsim.cluster import Reply, Request
from meshsim.scenario import Client, Every, Scenario, ServicePlan, at
from meshsim.scenario.report import Report

STEP_S, DRAIN_S = 10, 2


class Shop:
    """A server that is healthy two seconds after its start, and finishes its work when it is told to stop."""

    work_ns = 20_000_000

    def __init__(self) -> None:
        self.healthy_ns = 0

    def on_start(self, container: Any, host: Any) -> None:
        """It warms up for two seconds."""
        self.clock = host.cluster.clock
        self.healthy_ns = container.started_ns + 2_000_000_000

    def healthy(self, container: Any) -> bool:  # noqa: ARG002 - what a health check calls
        """Whether it is warm."""
        return bool(self.clock.now_ns >= self.healthy_ns)

    def on_stop(self, container: Any) -> tuple[int, int]:  # noqa: ARG002
        """It takes three seconds to finish, then ends with code 0."""
        return 3_000_000_000, 0

    def __call__(self, request: Request, container: Any) -> Reply:  # noqa: ARG002
        """An answer takes its time; a cold shop answers with an error."""
        if self.clock.now_ns < self.healthy_ns:
            return Reply("still warming up\n", status=500, after_ns=self.work_ns)
        return Reply("ok\n", after_ns=self.work_ns)


class SlowShop(Shop):
    """The same with much to do."""

    work_ns = 4_000_000_000


def scenario(
    name: str, replicas: int, order: str, *, check: bool, image: str = "shop", **flags: Any
) -> Scenario:
    """The experiment as data."""
    if check:
        flags |= {"health_cmd": "true", "health_interval": "500ms", "health_start_period": "10s"}
    return Scenario(
        name=f"Q15 {name}",
        hosts=["host01", "host02"],
        services=[ServicePlan("web", image=image, replicas=replicas, publish="81:80", **flags)],
        clients=[Client("crowd", "host01:81", Every("50ms"), timeout="10s")],
        steps=[at(f"{STEP_S}s").update("web", env="VERSION=2", update_order=order)],
        lasts="70s",
        images={"shop": Shop, "slow": SlowShop},
    )


def outage_s(report: Report) -> float:
    """From the first request that failed to the last one."""
    failed = [r.started_ns for r in report.requests if r.outcome != "ok"]
    return (max(failed) - min(failed)) / 1e9 if failed else 0.0


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cases = {
        "1, stop-first": (1, "stop-first", False, {}),
        "1, stop-first, check": (1, "stop-first", True, {}),
        "1, start-first": (1, "start-first", False, {}),
        "1, start-first, check": (1, "start-first", True, {}),
        "4, one by one, check": (4, "stop-first", True, {"update_parallelism": 1, "update_delay": "2s"}),
        "4, all at once, check": (4, "stop-first", True, {"update_parallelism": 0}),
        "4, 4 s of work": (4, "stop-first", True, {"image": "slow"}),
        "4, the same, 1 s grace": (4, "stop-first", True, {"image": "slow", "stop_grace_period": "1s"}),
    }
    found = {}
    for name, (replicas, order, check, flags) in cases.items():
        report = scenario(name, replicas, order, check=check, **flags).run()
        report.check()
        part = found[name] = report.where(since=f"{STEP_S}s")
        print(f"{name:22} outage {outage_s(part):5.2f} s, {part.failures() or 'none fails'}")
    # One replica, stop-first: two seconds of draining (nobody is told of it any more), stopping, starting.
    stopping_s, starting_s, warming_s = 3, 0.3, 2
    bare = outage_s(found["1, stop-first"])
    assert DRAIN_S + stopping_s + starting_s <= bare <= DRAIN_S + stopping_s + starting_s + warming_s + 1
    assert 0 <= outage_s(found["1, stop-first, check"]) - bare <= 1  # health: refused instead of errors
    assert found["1, stop-first"].failures()["error"] > 0  # traffic met a cold server
    assert "error" not in found["1, stop-first, check"].failures()
    # Start-first: without a check clients meet the cold server, with one they meet nothing.
    assert set(found["1, start-first"].failures()) == {"error"}
    assert not found["1, start-first, check"].failures()
    assert not found["4, one by one, check"].failures()
    assert outage_s(found["4, all at once, check"]) > DRAIN_S
    # The grace period: work that is over before SIGKILL is not lost.
    assert not found["4, 4 s of work"].failures()
    assert set(found["4, the same, 1 s grace"].failures()) == {"reset"}


if __name__ == "__main__":
    main()

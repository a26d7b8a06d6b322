"""Q18: A worker loses power. What do clients see, second by second?

For about five seconds the mesh still sends the lost node its share of new connections, and those time out.
Then gossip gives it up, and nobody is sent there any more: fewer tasks carry the load. The managers notice
later, by missing heartbeats; replacements follow after the restart delay.
"""

from meshsim.scenario import Client, Every, Scenario, ServicePlan, at
from meshsim.scenario.report import Report

CUT, TASKS, LOST = 10.0, 6, 2
SCENARIO = Scenario(
    name="Q18",
    hosts=["host01", "host02", "host03"],
    services=[ServicePlan("web", replicas=TASKS, publish="81:80")],
    clients=[Client("curl", calls="host02:81", arrivals=Every("50ms"), timeout="1s")],
    steps=[at("10s").fail("host03")],
    lasts="60s",
)


def share_lost(report: Report, since: float, until: float) -> float:
    """How much of what was begun in a span was not answered."""
    part = report.where(since=f"{since}s", until=f"{until}s")
    return 1 - part.ok_share


def serving(report: Report, since: float, until: float) -> int:
    """How many tasks answered in a span."""
    counts = report.where(since=f"{since}s", until=f"{until}s").counts("task")
    return sum(count > 0 for count in counts.values())


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for seed in range(4):
        report = SCENARIO.run(seed)
        report.check()
        lost = [share_lost(report, second, second + 1) for second in range(60)]
        started = [event.at_ns / 1e9 for event in report.events if event.what == "start"]
        replaced = [moment - CUT for moment in started if moment > CUT]
        if seed == 0:
            for second in range(8, 18):
                print(f"{second - CUT:+3.0f} s  {lost[second]:4.0%} of new connections lost")
        print(f"seed {seed}: replacements start {', '.join(f'{r:.1f}' for r in replaced)} s after the cut")
        assert sum(lost[:10]) == 0
        fair = LOST / TASKS
        assert abs(share_lost(report, CUT, CUT + 5) - fair) < 0.02  # one in three, while nobody knows
        assert sum(lost[16:]) == 0  # then not one more
        assert serving(report, 0, CUT) == TASKS
        assert serving(report, CUT + 6, CUT + 14) == TASKS - LOST  # fewer tasks, each with more
        assert len(replaced) == LOST
        # three heartbeats of 5 s less the age of the last one, 5 s of restart delay, the start itself
        assert all(14.5 <= moment <= 22.5 for moment in replaced)


if __name__ == "__main__":
    main()

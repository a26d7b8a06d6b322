"""Q30: Would another algorithm have been better: turns, dice, two choices, least connections, one queue?

Poisson arrivals, exponential work of 1 s on average, 4 tasks, load 0.8. Mean time in the system: dice 5.0,
turns 3.267 (an Erlang arrival process at each task), two choices about 1.9, least connections better still,
one queue for all 1.746: no mesh can beat it.
"""

from typing import Any

from meshsim.scenario import Client, Exponential, Poisson, Scenario, Server, ServicePlan
from meshsim.scenario.statistics import standard_error
from meshsim.scenario.theory import time_in_mmc, time_in_rr_split

TASKS, RHO, REQUESTS, SEEDS = 4, 0.8, 4_000, 4


class Dice:
    """A balancer of one's own: any of them, without memory."""

    def __init__(self) -> None:
        self._state = 12345

    def pick(self, destinations: Any, flow: Any, now_ns: int) -> Any:  # noqa: ARG002
        """Choose a task for a new connection, by a little generator of its own."""
        for _ in range(3):
            self._state = (self._state * 6364136223846793005 + 1442695040888963407 + now_ns) % 2**64
        return list(destinations)[(self._state >> 33) % len(destinations)]


def scenario(balancer: Any, tasks: int = TASKS, workers: int = 1) -> Scenario:
    """The experiment as data."""
    return Scenario(
        name="Q30",
        services=[ServicePlan("web", Server(Exponential("1s"), workers), replicas=tasks, publish="81:80")],
        clients=[
            Client(
                "crowd",
                calls="host01:81",
                arrivals=Poisson(TASKS * RHO),
                requests=REQUESTS,
                timeout=None,
            )
        ],
        balancer=balancer,
    )


def mean_times(case: Scenario) -> list[float]:
    """Mean time in the system, in seconds, of each of several runs."""
    times = []
    for seed in range(SEEDS):
        report = case.run(seed)
        report.check()
        # The queues begin empty: the first five minutes do not count.
        times.append(report.where(since="5m").mean_ns() / 1e9)
    return times


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cases = {
        "dice": (scenario(Dice), 1 / (1 - RHO)),
        "turns (rr)": (scenario("rr"), time_in_rr_split(TASKS, RHO)),
        "two choices": (scenario("twos"), None),
        "least connections": (scenario("lc"), None),
        "one queue": (scenario("rr", tasks=1, workers=TASKS), time_in_mmc(TASKS, RHO)),
    }
    means = {}
    for name, (case, expected) in cases.items():
        times = mean_times(case)
        mean, error = sum(times) / SEEDS, standard_error(times)
        means[name] = mean
        theory = f"{expected:.3f}" if expected else "  -"
        print(f"{name:18} {mean:6.3f} s +- {error:.3f}   theory {theory}")
        # Runs begin empty and are short, so their own scatter is the measure.
        assert expected is None or abs(mean - expected) <= 4 * error + 0.02 * expected
    assert means["dice"] > means["turns (rr)"] > means["two choices"] > means["least connections"]
    assert means["least connections"] > means["one queue"] * 0.95


if __name__ == "__main__":
    main()

"""The kernel and the whole path: P2 (requests through the mesh) and P3 (timers), against SimPy.

Run: python benchmarks/bench_mesh.py [repeats]. Both sides run in turn in one process; what counts is the
ratio. SimPy comes with the extra ``bench``.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import arguments
import simpy

from meshsim.cluster import Cluster
from meshsim.sim import Clock

PROCESSES, TIMEOUTS, REQUESTS = 100, 2_000, 20_000


def simpy_timeouts() -> float:
    """Timeouts per second of SimPy: 100 processes."""
    env = simpy.Environment()

    def process():
        for _ in range(TIMEOUTS):
            yield env.timeout(1)

    for _ in range(PROCESSES):
        env.process(process())
    start = time.process_time()
    env.run()
    return PROCESSES * TIMEOUTS / (time.process_time() - start)


def clock_timers() -> float:
    """Firings per second of 100 periodic timers."""
    clock = Clock()
    for _ in range(PROCESSES):
        clock.call_every(1_000, nothing)
    start = time.process_time()
    clock.run_until(1_000 * TIMEOUTS)
    return PROCESSES * TIMEOUTS / (time.process_time() - start)


def nothing() -> None:
    """What a timer calls."""


def requests(*, trace: bool) -> Callable[[], float]:
    """Requests per second of ``host.get`` on a published port, two hosts, four tasks."""

    def measure() -> float:
        cluster = Cluster(seed=7)
        host01, host02 = cluster.add_hosts("host01", "host02")
        host01.swarm.init()
        host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
        host01.services.create("nginx", name="web", replicas=4, publish=["81:80"])
        cluster.settle()
        start = time.process_time()
        for _ in range(REQUESTS):
            host01.get("host01:81", trace=trace)
        return REQUESTS / (time.process_time() - start)

    return measure


def row(name: str, values: list[float]) -> None:
    values = sorted(values)
    print(f"{name:<34}{values[0]:12,.2f}{statistics.median(values):12,.2f}{values[-1]:12,.2f}")


def main(repeats: int) -> None:
    sides = {
        "P3 clock, 100 periodic timers": clock_timers,
        "P2 get, no trace": requests(trace=False),
        "P2 get, trace kept": requests(trace=True),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    ratios: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            gc.collect()
            rival = simpy_timeouts()
            gc.collect()
            rates[name].append(measure())
            ratios[name].append(rates[name][-1] / rival)
    print(f"{'':<34}{'min':>12}{'median':>12}{'max':>12}")
    for name in sides:
        row(f"{name}, per s", rates[name])
        row("   ratio to SimPy's timeouts/s", ratios[name])
    print("targets: P3 2, P2 0.3 without and 0.12 with trace")


if __name__ == "__main__":
    main(arguments.repeats(__doc__))

"""P4: customers a second of an M/M/4 queue, rho 0.8, records kept: meshsim's mesh against SimPy and Ciw.

The same queue three times, sides in turn, in one run: Poisson arrivals, exponential service of 1 s on
average, four workers, one queue, and a record per customer. In meshsim every customer is a request to a
published port: ingress, IPVS and a task; with a connection per request, and again on kept-alive connections.
The targets are 1 x SimPy and 3 x Ciw. Times are CPU times; building the model, and collecting what was
recorded (Ciw's records, meshsim's report), are left out on all sides; Ciw builds its customers while it runs.
Rivals that are not installed are left out; nothing here fails on time.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable
from statistics import median
from time import process_time_ns

import arguments

from meshsim.scenario import Client, Exponential, KeepAlive, Poisson, Scenario, Server, ServicePlan
from meshsim.scenario.stage import Stage
from meshsim.scenario.theory import time_in_mmc

try:
    import simpy
except ImportError:
    simpy = None
try:
    import ciw
except ImportError:
    ciw = None

CUSTOMERS = 100_000
ROUNDS = 5
WORKERS, RHO = 4, 0.8
Result = tuple[float, float, int]


def meshsim_side(seed: int, keep_alive: KeepAlive | None) -> Result:
    """CPU seconds, mean time in the system, customers recorded."""
    scenario = Scenario(
        hosts=["host01"],
        services=[ServicePlan("web", Server(Exponential("1s"), concurrency=WORKERS), publish="81:80")],
        clients=[
            Client(
                "crowd",
                calls="host01:81",
                arrivals=Poisson(WORKERS * RHO),
                requests=CUSTOMERS,
                timeout=None,
                keep_alive=keep_alive,
            )
        ],
        profile={"lan_latency_ns": 0, "local_latency_ns": 0},
    )
    stage = Stage(scenario, seed)
    stage.set_up()
    begin = process_time_ns()
    stage.play()
    seconds = (process_time_ns() - begin) / 1e9
    report = stage.report()
    return seconds, report.mean_ns() / 1e9, len(report.requests)


def one_each(seed: int) -> Result:
    return meshsim_side(seed, None)


def kept(seed: int) -> Result:
    return meshsim_side(seed, KeepAlive())


def simpy_side(seed: int) -> Result:
    rng = random.Random(seed)
    env = simpy.Environment()
    workers = simpy.Resource(env, WORKERS)
    records: list[tuple[int, float, float, float]] = []

    def customer(number: int):
        arrived = env.now
        with workers.request() as turn:
            yield turn
            began = env.now
            yield env.timeout(rng.expovariate(1.0))
        records.append((number, arrived, began, env.now))

    def source():
        for number in range(CUSTOMERS):
            yield env.timeout(rng.expovariate(WORKERS * RHO))
            env.process(customer(number))

    env.process(source())
    begin = process_time_ns()
    env.run()
    seconds = (process_time_ns() - begin) / 1e9
    return seconds, sum(r[3] - r[1] for r in records) / len(records), len(records)


def ciw_side(seed: int) -> Result:
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=WORKERS * RHO)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[WORKERS],
    )
    simulation = ciw.Simulation(network)
    begin = process_time_ns()
    simulation.simulate_until_max_customers(CUSTOMERS, method="Finish")
    seconds = (process_time_ns() - begin) / 1e9
    records = simulation.get_all_records()
    return seconds, sum(r.exit_date - r.arrival_date for r in records) / len(records), len(records)


def main() -> None:
    sides: dict[str, Callable[[int], Result]] = {"meshsim": one_each, "meshsim, kept alive": kept}
    if simpy is not None:
        sides["SimPy"] = simpy_side
    if ciw is not None:
        sides["Ciw"] = ciw_side
    rates: dict[str, list[float]] = {name: [] for name in sides}
    means: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name, side in sides.items():
            gc.collect()
            seconds, mean, customers = side(number)
            rates[name].append(customers / seconds)
            means[name].append(mean)
    expected = time_in_mmc(WORKERS, RHO)
    print(
        f"P4: M/M/{WORKERS}, rho {RHO}, {CUSTOMERS} customers, {ROUNDS} rounds; theory: {expected:.4f} s each"
    )
    for name in sides:
        low, middle, high = min(rates[name]), median(rates[name]), max(rates[name])
        print(
            f"  {name:20} {middle:>9,.0f} customers/s (min {low:,.0f}, max {high:,.0f}), "
            f"mean time {sum(means[name]) / ROUNDS:.4f} s"
        )
    for rival, target in (("SimPy", 1.0), ("Ciw", 3.0)):
        if rival not in sides:
            print(f"  {rival} is not installed: left out", file=sys.stderr)
            continue
        for own in ("meshsim", "meshsim, kept alive"):
            ratios = [a / b for a, b in zip(rates[own], rates[rival], strict=True)]
            print(f"  {own} / {rival}: {median(ratios):.2f} (target {target:g})")


if __name__ == "__main__":
    arguments.nothing(__doc__)
    main()

"""P2, the data plane's share: what a request along the routing mesh costs, facade and image not included.

A published port of four tasks on two hosts, called from one of them: opening, one request, closing. The way
walked before (``visit``) without and with trace, the same through a virtual address from a container, and
step by step (``connect``, ``send``, ``close``). Against SimPy's bare timeouts per second where SimPy is
installed: P2 asks for 0.3 x (trace kept: 0.12 x) of that for the facade's ``host.get``, so what is measured
here must leave room. All sides take turns within one run; 10 ms of virtual time pass between requests, so
that old entries expire.

Prints min, median and max; nothing here fails on time.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time_ns

import arguments

from meshsim.dataplane import DataPlane, Failed, Lab, Namespace

REQUESTS = 20_000
ROUNDS = 15
HOST = ("192.168.65.11", 81)
STEP_NS = 10_000_000


def make_lab() -> tuple[Lab, DataPlane, Namespace, tuple[str, int]]:
    """Two hosts, four tasks of one service, published and on an overlay; a container that asks."""
    lab = Lab(2)
    lab.add_network("eg1")
    for slot in range(4):
        lab.start(f"web.{slot + 1}", f"host0{slot % 2 + 1}", "eg1", service="web", publish=[("tcp", 81, 80)])
    cli = lab.start("cli", "host01", "eg1", listen=())
    lab.run(1)
    return lab, lab.planes["host01"], cli, (lab.vip("web", "eg1"), 80)


def visits(
    lab: Lab, client: DataPlane | Namespace, target: tuple[str, int], count: int, *, trace: bool
) -> float:
    """Nanoseconds a request."""
    visit, clock = client.visit, lab.clock
    address, port = target
    kept = []
    began = process_time_ns()
    for _ in range(count):
        outcome = visit(address, port, trace=trace)
        if trace:
            kept.append(outcome.trace)
        clock.now_ns += STEP_NS  # nothing is scheduled here: the clock may be set
    return (process_time_ns() - began) / count


def steps(lab: Lab, client: DataPlane, target: tuple[str, int], count: int) -> float:
    """Nanoseconds a request, walked in full each time."""
    address, port = target
    began = process_time_ns()
    for _ in range(count):
        opened = client.connect(address, port)
        assert not isinstance(opened, Failed)
        opened.send()
        opened.close()
        lab.clock.now_ns += STEP_NS
    return (process_time_ns() - began) / count


def make_side(what: str, count: int, *, trace: bool = False) -> Callable[[], float]:
    """One side, in a lab of its own: what one leaves in its balancers must not expire at another's cost."""
    lab, host, cli, virtual = make_lab()
    if what == "steps":
        return lambda: steps(lab, host, HOST, count)
    if what == "cli":
        return lambda: visits(lab, cli, virtual, count, trace=trace)
    return lambda: visits(lab, host, HOST, count, trace=trace)


def simpy_timeouts(count: int) -> float:
    """Nanoseconds a bare timeout."""
    import simpy

    def tick(env):
        while True:
            yield env.timeout(1)

    env = simpy.Environment()
    env.process(tick(env))
    began = process_time_ns()
    env.run(until=count)
    return (process_time_ns() - began) / count


def show(name: str, values: list[float], unit: str) -> None:
    low, middle, high = min(values), median(values), max(values)
    print(f"  {name:52} min {low:9.2f}  median {middle:9.2f}  max {high:9.2f}  {unit}")


def main(*, quick: bool) -> None:
    """Run all sides in turn; ``--quick`` for a glance."""
    count, rounds = (2_000, 5) if quick else (REQUESTS, ROUNDS)
    sides: dict[str, Callable[[], float]] = {
        "published port, way walked before": make_side("host", count, trace=False),
        "published port, trace kept": make_side("host", count, trace=True),
        "virtual address from a container": make_side("cli", count, trace=False),
        "published port, connect + send + close": make_side("steps", count),
    }
    try:
        import simpy  # noqa: F401
    except ImportError:
        print("SimPy is not installed: no ratios")
    else:
        sides["SimPy, bare timeout"] = lambda: simpy_timeouts(10 * count)
    print(f"P2, data plane alone: {count} requests a round, {rounds} rounds in turn")
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side())
    for name, values in times.items():
        show(name, values, "ns each")
    rival = times.get("SimPy, bare timeout")
    for name, values in times.items() if rival else ():
        if not name.startswith("SimPy"):
            assert rival is not None
            ratios = [theirs / ours for ours, theirs in zip(values, rival, strict=True)]
            show(f"rate over SimPy's: {name}", ratios, "x")


if __name__ == "__main__":
    main(quick=arguments.quick(__doc__))

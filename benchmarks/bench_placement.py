"""Placement alone (no store): decisions per second, growth, memory.

Run: python benchmarks/bench_placement.py [repeats]. Prints min / median / max of the repeats, processor
time. The Go figures are those of the real scheduler measured elsewhere, on a quiet machine of this kind,
decisions committed to its store: they are quoted, not measured here.
"""

from __future__ import annotations

import gc
import platform
import statistics
import time
import tracemalloc

import arguments

from meshsim.model.objects import Node, Task
from meshsim.model.specs import Placement, Resources, TaskSpec
from meshsim.placement import NO_SPEC_VERSION, Placer, sample_node, sample_tasks

#: tasks per second of the real scheduler, measured elsewhere
GO = {"one group": 17_100, "100 services": 16_900, "one by one": 5_000}
RESERVED = Resources(100_000_000, 256 * 2**20)
ZONES = "abcd"


def cluster(nodes: int) -> list[Node]:
    return [
        sample_node(
            f"node{number:05}",
            cpus=64,
            memory_bytes=256 * 2**30,
            labels={"zone": ZONES[number % 4], "rack": f"r{number % 40}", "disk": "ssd"},
        )
        for number in range(nodes)
    ]


def tasks(services: int, count: int, spec: TaskSpec, version: int = 1) -> list[Task]:
    share = count // services
    return [t for s in range(services) for t in sample_tasks(f"s{s}", share, spec, spec_version=version)]


def seconds(nodes: int, wanted: list[Task]) -> float:
    placer = Placer()
    for node in cluster(nodes):
        placer.set_node(node)
    gc.collect()
    start = time.process_time()
    outcome = placer.place(wanted)
    took = time.process_time() - start
    assert len(outcome.nodes) == len(wanted)
    return took


def measure(repeats: int, nodes: int, wanted: list[Task]) -> list[float]:
    return sorted(seconds(nodes, wanted) for _ in range(repeats))


def row(name: str, times: list[float], count: int, go: int | None = None) -> str:
    middle = statistics.median(times)
    text = (
        f"{name:<44}{times[0] * 1e3:9.1f} {middle * 1e3:9.1f} {times[-1] * 1e3:9.1f}{count / middle:12,.0f}"
    )
    return text + (f"{count / middle / go:9.1f}" if go else "")


def header(title: str) -> None:
    print(f"\n{title}")
    print(f"{'':<44}{'min ms':>9} {'median':>9} {'max':>9}{'tasks/s':>12}{'x Go':>9}")


def main(repeats: int) -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {repeats} repeats")
    plain = TaskSpec(reservations=RESERVED)

    header("10,000 tasks on 1,000 nodes, CPU and memory reserved, decisions only")
    for name, wanted in (
        ("one group", tasks(1, 10_000, plain)),
        ("100 services", tasks(100, 10_000, plain)),
        ("one by one", tasks(1, 10_000, plain, NO_SPEC_VERSION)),
        ("one by one", tasks(100, 10_000, plain, NO_SPEC_VERSION)),
    ):
        several = " (100 services)" if name == "one by one" and wanted[-1].service_id != "s0" else ""
        print(row(name + several, measure(repeats, 1000, wanted), len(wanted), GO[name]))

    header("Growth: ten tasks per node, one group")
    took: dict[int, list[float]] = {nodes: [] for nodes in (10, 100, 1000, 10_000)}
    for _ in range(repeats):
        for nodes, times in took.items():
            times.append(seconds(nodes, tasks(1, 10 * nodes, plain)))
    for nodes, times in took.items():
        print(row(f"{10 * nodes:>7,} tasks on {nodes:>6,} nodes", sorted(times), 10 * nodes))
    ratio = statistics.median(took[10_000]) / statistics.median(took[1000])
    print(f"{'the last over the one before (12)':<44}{'':>9} {ratio:9.1f}")

    header("Growth in nodes: one task")
    for nodes in (10, 100, 1000, 10_000):
        print(row(f"{nodes:>6,} nodes", measure(repeats, nodes, tasks(1, 1, plain)), 1))

    header("Growth in services: 10,000 tasks on 1,000 nodes")
    for services in (1, 10, 100, 1000):
        print(row(f"{services:>6,} services", measure(repeats, 1000, tasks(services, 10_000, plain)), 10_000))

    header("Growth in constraints: 10,000 tasks on 1,000 nodes, one group")
    for count in (0, 1, 4, 16):
        spec = TaskSpec(
            reservations=RESERVED, placement=Placement(constraints=("node.labels.disk == ssd",) * count)
        )
        print(row(f"{count:>6} constraints", measure(repeats, 1000, tasks(1, 10_000, spec)), 10_000))

    header("Growth in preferences: 10,000 tasks on 1,000 nodes, one group")
    spread = ("node.labels.zone", "node.labels.rack", "node.labels.disk")
    for depth in range(4):
        spec = TaskSpec(reservations=RESERVED, placement=Placement(preferences=spread[:depth]))
        print(row(f"{depth:>6} preferences", measure(repeats, 1000, tasks(1, 10_000, spec)), 10_000))

    print("\nMemory: 100,000 tasks on 10,000 nodes")
    gc.collect()
    tracemalloc.start()
    placer = Placer()
    for node in cluster(10_000):
        placer.set_node(node)
    wanted = tasks(1, 100_000, plain)
    before, _ = tracemalloc.get_traced_memory()
    outcome = placer.place(wanted)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"nodes and tasks themselves   {before / 2**20:8.1f} MiB")
    print(f"added by placing             {(after - before) / 2**20:8.1f} MiB")
    print(f"peak of both                 {peak / 2**20:8.1f} MiB ({len(outcome.nodes):,} placed)")


if __name__ == "__main__":
    main(arguments.repeats(__doc__))

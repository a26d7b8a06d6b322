"""The control plane: P5 (b) decisions committed to the store, P6 a large service, P7 import and fork.

Run: python benchmarks/bench_control.py [repeats]. The targets of P6 and of P7's fork are times. So that they
can be compared on a machine that is now faster, now slower, each is also told as a number of frozen objects
of 14 fields, made just before and just after. One takes 1.5 us on the machine the targets were set on.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Final

import arguments
import attrs

from meshsim.cluster import Cluster
from meshsim.manager.scheduler import Scheduler
from meshsim.model.specs import Resources, TaskSpec
from meshsim.model.store import Store
from meshsim.placement import Placer, sample_node, sample_tasks
from meshsim.profile import Profile
from meshsim.sim import Clock

#: microseconds that one object of the yardstick takes on the machine the targets were set on
OBJECT_US: Final = 1.5
Yardstick = attrs.make_class("Yardstick", [f"field{n}" for n in range(14)], frozen=True, slots=True)
IMPORTS = ("import attrs, sortedcontainers", "import meshsim", "from meshsim import Cluster; Cluster()")


def object_us() -> float:
    """Microseconds that a frozen object of 14 fields takes here and now."""
    start = time.process_time()
    for _ in range(20_000):
        Yardstick(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
    return (time.process_time() - start) / 20_000 * 1e6


def in_objects(measure: Callable[[], float]) -> tuple[float, float]:
    """What is measured, in microseconds, and as how many objects made just before and just after."""
    before = object_us()
    us = measure()
    return us, us / ((before + object_us()) / 2)


def without_collector(measure: Callable[[], float]) -> float:
    """What is measured while no garbage is collected, as ``timeit`` has it."""
    gc.disable()
    try:
        return measure()
    finally:
        gc.enable()
        gc.collect()  # here, so that the yardstick does not pay for it


def scheduled(nodes: int) -> float:
    """P5 (b): tasks per second, one group, ten tasks a node.

    The scheduler's whole round: decide, write to the store, take note of what was written.
    """
    clock = Clock()
    store = Store(clock)
    scheduler = Scheduler(store, clock, Profile(), Placer())
    scheduler.start()
    spec = TaskSpec(reservations=Resources(100_000_000, 256 * 2**20))
    with store.transaction() as tx:
        for number in range(nodes):
            tx.create(sample_node(f"node{number:05}", cpus=64, memory_bytes=256 * 2**30))
        for task in sample_tasks("web", 10 * nodes, spec, spec_version=1):
            tx.create(task)
    gc.collect()
    start = time.process_time()
    clock.run_until(clock.now_ns + 1_000_000_000)
    took = time.process_time() - start
    assert all(task.node_id for task in store.tasks.values())
    return len(store.tasks) / took


def scheduled_in_turn() -> tuple[float, float]:
    """P5 (b), and the same ten times as large: tasks per second.

    Five rounds of the small case before and five after the large one, so that both sides take equally long.
    """
    few = [scheduled(1_000) for _ in range(5)]
    many = scheduled(10_000)
    few += [scheduled(1_000) for _ in range(5)]
    return statistics.harmonic_mean(few), many


def swarm(hosts: int) -> Cluster:
    cluster = Cluster(seed=7)
    first, *others = [
        cluster.add_host(f"host{n:04}", f"10.200.{n // 200}.{n % 200 + 1}") for n in range(hosts)
    ]
    first.swarm.init(default_addr_pool_mask_length=14)
    token = first.swarm.join_token("worker")
    for host in others:
        host.swarm.join("host0000:2377", token=token)
    return cluster


def large_service(hosts: int, replicas: int, kib: list[float]) -> float:
    """P6: microseconds a task, from create to settled; adds the KiB a task to ``kib``."""
    cluster = swarm(hosts)
    manager = cluster.host("host0000")
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    manager.services.create("nginx", name="web", replicas=replicas, publish=["81:80"])
    cluster.settle()
    took = time.process_time() - start
    kib.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / replicas)
    return took / replicas * 1e6


def fork() -> float:
    """P7: microseconds to fork 100 hosts with 1,000 tasks."""
    cluster = swarm(100)
    cluster.host("host0000").services.create("nginx", name="web", replicas=1_000, publish=["81:80"])
    cluster.settle()
    gc.collect()
    start = time.process_time()
    cluster.fork()
    return (time.process_time() - start) * 1e6


def scaled_by_one(hosts: int, replicas: int, times: int) -> list[float]:
    """P6: milliseconds to scale a settled service by one and settle, several times."""
    cluster = swarm(hosts)
    service = cluster.host("host0000").services.create(
        "nginx", name="web", replicas=replicas, publish=["81:80"]
    )
    cluster.settle()
    gc.collect()
    took = []
    for more in range(1, times + 1):
        start = time.process_time()
        service.scale(replicas + more)
        cluster.settle()
        took.append((time.process_time() - start) * 1e3)
    return took


def import_time(code: str, byte_code: str) -> float:
    """Milliseconds of processor time of a Python that imports something, less one that does not.

    Byte code is cached, as it is after an installation.
    """
    cpu(code, byte_code)
    return (cpu(code, byte_code) - cpu("pass", byte_code)) * 1e3


def cpu(code: str, byte_code: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = byte_code
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(name: str, values: list[float]) -> None:
    values = sorted(values)
    print(f"{name:<46}{values[0]:12,.2f}{statistics.median(values):12,.2f}{values[-1]:12,.2f}")


def main(repeats: int) -> None:
    print(f"{'':<46}{'min':>12}{'median':>12}{'max':>12}")
    # First: the peak of memory only ever grows.
    kib: list[float] = []
    large = [in_objects(lambda: large_service(1_000, 10_000, kib)) for _ in range(repeats)]
    row("P6 us a task, 10,000 on 1,000 hosts (100)", [us for us, _ in large])
    row(f"   in objects ({100 / OBJECT_US:.0f})", [objects for _, objects in large])
    print(f"{'P6 KiB a task, first run (4)':<46}{'':>12}{kib[0]:12,.2f}")
    uncollected = [
        in_objects(lambda: without_collector(lambda: large_service(1_000, 10_000, kib)))
        for _ in range(repeats)
    ]
    row("P6 us a task, garbage collector off", [us for us, _ in uncollected])
    row("   in objects", [objects for _, objects in uncollected])
    rates = [scheduled_in_turn() for _ in range(repeats)]
    row("P5b tasks/s placed and committed (51,300)", [few for few, _ in rates])
    row("P5b the same, 100,000 on 10,000 nodes", [many for _, many in rates])
    row("P5b time of the second over the first (12)", [10 * few / many for few, many in rates])
    forks = [in_objects(fork) for _ in range(3 * repeats)]
    row("P7 fork of 100 hosts, 1,000 tasks, ms (20)", [us / 1e3 for us, _ in forks])
    row(f"   in objects ({20_000 / OBJECT_US:,.0f})", [objects for _, objects in forks])
    few, many = scaled_by_one(1_000, 1_000, repeats), scaled_by_one(1_000, 100_000, repeats)
    row("P6 +1 with 1,000 tasks present, ms", few)
    row("P6 +1 with 100,000 tasks present, ms", many)
    ratio = statistics.median(many) / statistics.median(few)
    print(f"{'P6 the second over the first (3)':<46}{'':>12}{ratio:12,.2f}")
    with tempfile.TemporaryDirectory() as byte_code:
        imports(repeats, byte_code)


def imports(repeats: int, byte_code: str) -> None:
    took: dict[str, list[float]] = {code: [] for code in IMPORTS}
    for _ in range(repeats):
        for code in IMPORTS:
            took[code].append(import_time(code, byte_code))
    for code, times in took.items():
        row(f"P7 {code}, ms", times)
    packages, own, first = took.values()
    for name, other in (
        ("P7 import meshsim over the packages (3)", own),
        ("P7 first Cluster() over them", first),
    ):
        row(name, [mine / theirs for mine, theirs in zip(other, packages, strict=True)])


if __name__ == "__main__":
    main(arguments.repeats(__doc__))

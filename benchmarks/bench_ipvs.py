"""P1 and P8: what a new connection costs, and what a billion cost that nobody steps through.

P1: ``Table.route`` (rr, 4 destinations, new TCP connections from changing ports) against a bare loop that
picks from a list in turn and stores one dict entry. Both sides get the same ready-made flows, take turns
within one run and keep what they stored until the clock has stopped. The target is a ratio of at most 4.

P8: how n connections of a strict cycle are spread, without stepping; the counts must equal stepping's,
and a billion must take under a millisecond.

Prints min, median and max; nothing here fails on time.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time_ns

import arguments

from meshsim.ipvs import CLOSE_BY_CLIENT, HANDSHAKE, Flow, Table, VirtualService, forecast

SIZES = (10_000, 100_000)  # the bare loop slows down more than the table when its one dict outgrows the cache
ROUNDS = 15
VIRTUAL = ("10.0.0.80", 80)
MARK = 256


def make_flows(count: int) -> list[Flow]:
    """New connections from one client after another, each from its own ports."""
    return [
        Flow("tcp", (f"10.1.{number // 50_000}.2", 1024 + number % 50_000), VIRTUAL)
        for number in range(count)
    ]


def make_table(balancer: str, weights: list[int], *, mark: int = 0) -> tuple[Table, VirtualService]:
    """A service of that many destinations, by address or as Docker does it, by mark."""
    table = Table()
    if mark:
        service = table.add_service(mark=mark, balancer=balancer)
    else:
        service = table.add_service("tcp", *VIRTUAL, balancer=balancer)
    for number, weight in enumerate(weights):
        table.add_destination(service, f"10.2.{number // 200}.{number % 200 + 1}", 80, weight=weight)
    return table, service


def bare_loop(flows: list[Flow]) -> float:
    """Pick in turn, store one dict entry: what any balancer must do at least."""
    destinations = ["10.2.0.1:80", "10.2.0.2:80", "10.2.0.3:80", "10.2.0.4:80"]
    connections = {}
    began = process_time_ns()
    for number, flow in enumerate(flows):
        connections[flow] = destinations[number % len(destinations)]
    return (process_time_ns() - began) / len(connections)


def routed(flows: list[Flow], mark: int) -> float:
    """The same through the table."""
    table, _ = make_table("rr", [1, 1, 1, 1], mark=mark)
    route = table.route
    began = process_time_ns()
    for flow in flows:
        route(flow, 0, mark)
    return (process_time_ns() - began) / len(flows)


def whole_life(flows: list[Flow]) -> float:
    """For comparison: handshake and close too, a millisecond apart, so that old entries expire."""
    table, _ = make_table("rr", [1, 1, 1, 1], mark=MARK)
    began = process_time_ns()
    for number, flow in enumerate(flows):
        now_ns = number * 10_000_000
        table.route(flow, now_ns, MARK)
        table.follow(flow, now_ns, HANDSHAKE, MARK)
        table.follow(flow, now_ns, CLOSE_BY_CLIENT, MARK)
    return (process_time_ns() - began) / len(flows)


def conversation(flows: list[Flow]) -> float:
    """The same life in one step."""
    table, service = make_table("rr", [1, 1, 1, 1], mark=MARK)
    answering = set(service.destinations)
    began = process_time_ns()
    for number, flow in enumerate(flows):
        table.converse(flow, number * 10_000_000, answering, MARK)
    return (process_time_ns() - began) / len(flows)


def show(name: str, values: list[float], unit: str) -> None:
    low, middle, high = min(values), median(values), max(values)
    print(f"  {name:44} min {low:10.2f}  median {middle:10.2f}  max {high:10.2f}  {unit}")


def p1(count: int, rounds: int) -> None:
    print(f"P1: new rr connections, {count} a round, {rounds} rounds in turn")
    flows = make_flows(count)
    sides: dict[str, Callable[[], float]] = {
        "bare loop": lambda: bare_loop(flows),
        "Table.route, service by address": lambda: routed(flows, 0),
        "Table.route, service by mark (Docker)": lambda: routed(flows, MARK),
        "route + handshake + close, 10 ms apart": lambda: whole_life(flows),
        "converse, 10 ms apart": lambda: conversation(flows),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side())
    for name, values in times.items():
        show(name, values, "ns each")
    for name, values in list(times.items())[1:]:
        ratios = [value / bare for value, bare in zip(values, times["bare loop"], strict=True)]
        show(f"ratio: {name}", ratios, "x (target 4)" if name.startswith("Table") else "x")


def p8(rounds: int) -> None:
    print("P8: a strict cycle without stepping")
    for balancer, weights in (
        ("rr", [1, 0, 1, 1]),
        ("wrr", [3, 2, 1, 0]),
        ("wrr", [number * 7919 % 1000 for number in range(100)]),
    ):
        table, service = make_table(balancer, weights)
        flows = make_flows(5_000)
        expected = list(forecast(service, len(flows)).values())
        began = process_time_ns()
        for flow in flows:
            table.route(flow, 0)
        stepping = (process_time_ns() - began) / len(flows)
        stepped = [destination.total for destination in service.destinations]
        print(f"  {balancer}, {len(weights)} destinations: equals {len(flows)} steps: {stepped == expected}")
        times = []
        for _ in range(rounds):
            began = process_time_ns()
            counts = forecast(service, 10**9)
            times.append((process_time_ns() - began) / 1e6)
            assert sum(counts.values()) == 10**9
        show("a billion", times, "ms (target 1)")
        show("a billion by stepping, extrapolated", [stepping], "s")


def main(*, quick: bool) -> None:
    """Run both; ``--quick`` for a glance."""
    for count in SIZES[:1] if quick else SIZES:
        p1(count, 5 if quick else ROUNDS)
    p8(5 if quick else ROUNDS)


if __name__ == "__main__":
    main(quick=arguments.quick(__doc__))

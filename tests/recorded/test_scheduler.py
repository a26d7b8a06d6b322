"""Every scenario that the real SwarmKit scheduler was run through, against meshsim.placement.

Each step starts from the recorded state of the step before ("pin"), is placed with several tie-breaks, and
must end in an outcome that the real scheduler may have: the only one, one of the complete list, or one that
meets every necessary condition. Where the record is not complete, a condition is widened by what a second,
naive statement of the rules can reach. A failure names scenario, step, tie-break and rule.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.placement.oracle import Oracle

from meshsim.model.objects import Node, Task, TaskShared, TaskStatus
from meshsim.model.specs import (
    ContainerSpec,
    Mount,
    NetworkAttachmentConfig,
    Placement,
    Platform,
    PortConfig,
    Resources,
    TaskSpec,
)
from meshsim.model.states import Availability, NodeState, Protocol, PublishMode, TaskState
from meshsim.placement import (
    NO_SPEC_VERSION,
    Outcome,
    Placer,
    group_tasks,
    label_reader,
    meets,
    parse_constraints,
    sample_node,
    sample_tasks,
    scale_down_victims,
)

VECTORS = {"scenario": ("scheduler.json", "scenarios"), "case": ("scheduler.json", "scale_down")}
SEEDS = ("joined", 1, 2, 3, 4)
NOW_NS = 10_000 * 1_000_000_000
NETWORK = "net"

Step = dict[str, Any]


class State:
    """The recorded cluster: nodes, specs, tasks per (service, node), what waits, what failed."""

    def __init__(self, scenario: Step) -> None:
        self.nodes: dict[str, Step] = {node["id"]: dict(node) for node in scenario["nodes"]}
        self.specs: dict[str, Step] = {}
        self.versions: dict[str, int] = {}
        self.active: Counter[tuple[str, str]] = Counter()
        self.stopping: Counter[tuple[str, str]] = Counter()
        self.pending: dict[str, int] = {}
        self.failures: dict[tuple[str, int, str], list[float]] = {}

    def create(self, service: str, spec: Step, version: int, replicas: int) -> None:
        self.specs[service], self.versions[service] = spec, version
        self.pending[service] = replicas

    def apply(self, step: Step) -> None:
        """What the step does before the tick."""
        match step["op"]:
            case "create":
                for new in step["services"]:
                    version = NO_SPEC_VERSION if new.get("no_version") else 1
                    self.create(new["service"], new["spec"], version, new["replicas"])
            case "scale":
                self.pending[step["service"]] += step["add"]
            case "node":
                self.nodes[step["node"]].update(step.get("set", {}))
                if step.get("tasks_removed"):
                    for counts in (self.active, self.stopping):
                        for key in [key for key in counts if key[1] == step["node"]]:
                            del counts[key]
            case "exit":
                self.active[step["service"], step["node"]] -= step["count"]
            case "shutdown":
                self.active[step["service"], step["node"]] -= step["count"]
                self.stopping[step["service"], step["node"]] += step["count"]
            case "fail":
                for record in step["records"]:
                    key = (record["service"], record.get("version", 1), record["node"])
                    self.failures[key] = record["ages_s"]
                self.pending[step["service"]] += step["add"]
            case "global":
                # Recorded without an allocator: the orchestrator's own tasks are on no network yet.
                spec = {key: value for key, value in step["spec"].items() if key != "net_driver"}
                self.create(step["service"], spec, 1, 0)
            case unknown:
                raise AssertionError(f"unknown op {unknown}")

    def pin(self, placed: dict[str, dict[str, int]]) -> None:
        for service, per_node in placed.items():
            for node, count in per_node.items():
                self.active[service, node] += count
                self.pending[service] -= count

    # -- the same in the model's records ---------------------------------------------------------------

    def placer(self, seed: int | str) -> Placer:
        placer = Placer(ties="joined" if isinstance(seed, str) else random.Random(seed))
        for node in self.nodes.values():
            placer.set_node(record_of(node))
        for network, driver in self.drivers().items():
            placer.set_driver(network, driver)
        for task in self.held():
            placer.set_task(task)
        for (service, version, node), ages in self.failures.items():
            for age in sorted(ages, reverse=True):
                placer.count_failure(service, version, node, NOW_NS - round(age * 1e9))
        placer.check()
        return placer

    def drivers(self) -> dict[str, str]:
        specs = self.specs.items()
        return {f"{NETWORK}-{name}": spec["net_driver"] for name, spec in specs if "net_driver" in spec}

    def restated(self, rng: random.Random) -> dict[str, str]:
        """Place what waits by the restated rules, in random order; node id per task id."""
        oracle = Oracle([record_of(node) for node in self.nodes.values()], rng.shuffle, NOW_NS)
        for box in oracle.boxes.values():
            box.drivers = self.drivers()
        for task in self.held():
            oracle.hold(task)
        for (service, version, node), ages in self.failures.items():
            stamps = [NOW_NS - round(age * 1e9) for age in ages]
            oracle.boxes[node].failures += [(service, version, stamp) for stamp in stamps]
        groups, single = group_tasks(self.waiting())
        oracle.tick(groups, single)
        return oracle.decisions

    def held(self) -> Iterator[Task]:
        for counts, desired in ((self.active, TaskState.RUNNING), (self.stopping, TaskState.SHUTDOWN)):
            for (service, node), count in counts.items():
                for task in self.tasks(service, count, f"{node}-{desired}"):
                    status = TaskStatus(TaskState.RUNNING)
                    yield task.evolve_to(1, 0, node_id=node, desired=desired, status=status)

    def tasks(self, service: str, count: int, mark: str = "new") -> list[Task]:
        spec = self.specs[service]
        ports = [
            PortConfig(
                80, port["port"], Protocol(port.get("proto", "tcp")), PublishMode(port.get("mode", "host"))
            )
            for port in spec.get("ports", ())
        ]
        made = sample_tasks(
            service, count, spec_of(spec, service), spec_version=self.versions[service], ports=ports
        )
        return [
            Task(f"{task.id}-{mark}", task.shared, status=task.status, endpoint=task.endpoint)
            for task in made
        ]

    def waiting(self) -> list[Task]:
        return [task for service, count in self.pending.items() for task in self.tasks(service, count)]


def record_of(node: Step) -> Node:
    platform = (node.get("os", ""), node.get("arch", "")) if "os" in node or "arch" in node else None
    return sample_node(
        node["id"],
        hostname=node["hostname"],
        cpus=node.get("cpu", 0) / 1e9,
        memory_bytes=node.get("mem", 0),
        generic={k: tuple(v) if isinstance(v, list) else v for k, v in node.get("generic", {}).items()},
        labels=node.get("labels"),
        engine_labels=node.get("engine_labels"),
        role=node["role"],
        availability=node.get("availability", "active"),
        state=node.get("state", "ready"),
        address=node.get("addr", ""),
        platform=platform,
        plugins=node.get("plugins", ()),
    )


def spec_of(spec: Step, service: str) -> TaskSpec:
    mounts = (Mount(volume_driver=spec["vol_driver"]),) if "vol_driver" in spec else ()
    networks = (NetworkAttachmentConfig(f"{NETWORK}-{service}"),) if "net_driver" in spec else ()
    return TaskSpec(
        container=ContainerSpec(mounts=mounts),
        reservations=Resources(spec.get("cpu", 0), spec.get("mem", 0), spec.get("generic", {})),
        placement=Placement(
            constraints=tuple(spec.get("constraints", ())),
            preferences=tuple(spec.get("spread", ())),
            max_replicas=spec.get("max", 0),
            platforms=tuple(Platform(*pair) for pair in spec.get("platforms", ())),
        ),
        networks=networks,
        log_driver=spec.get("log_driver", ""),
    )


# -- what is asserted ----------------------------------------------------------------------------------


def broken_rules(state: State, expect: Step, outcome: Outcome, wider: Wider) -> Iterator[str]:
    """Yield every rule of the format page that the outcome breaks."""
    placed = new_per_node(outcome.nodes, state)
    for service, allowed in expect["services"].items():
        new = placed[service]
        left = state.pending[service] - sum(new.values())
        if left not in allowed["pending"]:
            yield f"pending of {service}: {left}, allowed {allowed['pending']}"
        texts = {t for task_id, t in outcome.pending.items() if service_of(task_id) == service}
        if len(texts) != min(left, 1):
            yield f"one text for all that wait of {service}: {texts}"
        if allowed.get("exact"):
            if dict(new) != allowed["nodes"]:
                yield f"exact outcome of {service}: {dict(new)}, recorded {allowed['nodes']}"
        elif expect.get("complete"):
            yield from conditions(state, service, new, Seen.recorded(state, service, allowed))
        else:
            yield from wider.conditions(service, new, allowed)
    if expect.get("complete") and "outcomes" in expect:
        seen = _per_class(expect, placed)
        if seen not in [outcome for outcome, _times in expect["outcomes"]]:
            yield f"membership in the complete list: {seen}"


def service_of(task_id: str) -> str:
    return task_id.partition(".")[0]


def new_per_node(nodes: dict[str, str], state: State) -> dict[str, Counter[str]]:
    placed: dict[str, Counter[str]] = {service: Counter() for service in state.specs}
    for task_id, node in nodes.items():
        placed[service_of(task_id)][node] += 1
    return placed


class Seen:
    """What was seen of one service in one step: how many per node and branch, and which multisets."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[int, int]] = {}
        self.counts: list[list[int]] | None = []
        self.branches: dict[str, tuple[int, int]] | None = None

    @classmethod
    def recorded(cls, state: State, service: str, allowed: Step) -> Seen:
        seen = cls()
        for node in state.nodes:
            bounds = allowed["nodes"].get(node, 0)
            seen.nodes[node] = tuple(bounds) if isinstance(bounds, list) else (bounds, bounds)
        seen.counts = list(allowed["counts"]) if "counts" in allowed else None
        if "branches" in allowed:
            sums = [prefix_sums(one) for one in allowed["branches"]]
            names = dict.fromkeys(name for one in sums for name in one)
            seen.branches = {n: (min(s[n] for s in sums), max(s[n] for s in sums)) for n in names}
        return seen

    def add(self, state: State, service: str, new: Counter[str]) -> None:
        for node, (low, high) in self.nodes.items():
            self.nodes[node] = min(low, new[node]), max(high, new[node])
        if self.counts is not None:
            self.counts.append(multiset(new))
        if self.branches is not None:
            sums = prefix_sums(_branches(state, service, new))
            for name in dict.fromkeys([*self.branches, *sums]):
                low, high = self.branches.get(name, (0, 0))
                self.branches[name] = min(low, sums[name]), max(high, sums[name])


def conditions(state: State, service: str, new: Counter[str], seen: Seen) -> Iterator[str]:
    """The necessary conditions: bounds per node, the multiset, bounds per branch at every level."""
    for node, (low, high) in seen.nodes.items():
        if not low <= new[node] <= high:
            yield f"bounds of {service} on {node}: {new[node]}, allowed {low} to {high}"
    if seen.counts is not None and multiset(new) not in seen.counts:
        yield f"multiset of {service}: {multiset(new)}, allowed {seen.counts}"
    if seen.branches is not None:
        sums = prefix_sums(_branches(state, service, new))
        for name in dict.fromkeys([*seen.branches, *sums]):
            low, high = seen.branches.get(name, (0, 0))
            if not low <= sums[name] <= high:
                yield f"branch {name!r} of {service}: {sums[name]}, allowed {low} to {high}"


class Wider:
    """What an incomplete record left out: the rules restated (tests/placement/oracle.py), run at random.

    A step was run 25 to 420 times, so where its list is not complete the next run may well show something
    new. Only then is the restatement asked, until it too has shown it, or has been asked often enough.
    """

    def __init__(self, state: State, most: int = 1000) -> None:
        self.state, self.most = state, most
        self.rng = random.Random("wider")
        self.runs: list[dict[str, Counter[str]]] = []

    def conditions(self, service: str, new: Counter[str], allowed: Step) -> list[str]:
        seen = Seen.recorded(self.state, service, allowed)
        broken = list(conditions(self.state, service, new, seen))
        for number in range(self.most):
            if not broken:
                break
            if number == len(self.runs):
                self.runs.append(new_per_node(self.state.restated(self.rng), self.state))
            seen.add(self.state, service, self.runs[number][service])
            broken = list(conditions(self.state, service, new, seen))
        return broken


def multiset(new: Counter[str]) -> list[int]:
    return sorted(new.values(), reverse=True)


def prefix_sums(branches: dict[str, int]) -> Counter[str]:
    """Tasks per branch at every level: of "a/r1" also for "a"."""
    sums: Counter[str] = Counter()
    for name, count in branches.items():
        parts = name.split("/")
        for depth in range(len(parts)):
            sums["/".join(parts[: depth + 1]) + "/" * (depth + 1 < len(parts))] += count
    return sums


def _branches(state: State, service: str, new: Counter[str]) -> dict[str, int]:
    # A descriptor that is no label is ignored, and has no place in the recorded names.
    readers = [read for text in state.specs[service].get("spread", ()) if (read := label_reader(text))]
    branches: Counter[str] = Counter()
    for node, count in new.items():
        record = record_of(state.nodes[node])
        branches["/".join(read(record) for read in readers)] += count
    return dict(branches)


def _per_class(expect: Step, placed: dict[str, Counter[str]]) -> list[list[Any]]:
    order = expect["order"]
    vectors = [[[placed[s][node] for s in order] for node in members] for members in expect["classes"]]
    kept = [sorted((v for v in members if any(v)), reverse=True) for members in vectors]
    return [[v[0] for v in members] for members in kept] if len(order) == 1 else kept


def check_tick(state: State, expect: Step) -> Iterator[str]:
    wider = Wider(state)
    for seed in SEEDS:
        placer = state.placer(seed)
        outcome = placer.place(state.waiting(), now_ns=NOW_NS)
        placer.check()
        yield from (f"ties {seed}: {rule}" for rule in broken_rules(state, expect, outcome, wider))
    state.pin(expect.get("pin", {}))
    outcome = state.placer("joined").place(state.waiting(), now_ns=NOW_NS)
    for service, text in expect.get("settled", {}).items():
        texts = {t for task_id, t in outcome.pending.items() if service_of(task_id) == service}
        if texts != {text}:
            yield f"settled text of {service}: {texts}, recorded {text!r}"


def check_global(state: State, step: Step) -> Iterator[str]:
    """The global orchestrator names the nodes, the scheduler only confirms them."""
    service, expect = step["service"], step["expect"]
    constraints = parse_constraints(step["spec"].get("constraints", ()))
    placer = state.placer("joined")
    placed, pending = [], {}
    for node_id, info in placer.nodes.items():
        node = info.node
        if node.spec.availability != Availability.ACTIVE or node.status.state == NodeState.DOWN:
            continue
        if not meets(constraints, node):
            continue
        (task,) = state.tasks(service, 1, node_id)
        reason = placer.confirm(task.evolve_to(1, 0, node_id=node_id))
        if reason is None:
            placed.append(node_id)
        else:
            pending[node_id] = reason
    placer.check()
    if sorted(placed) != sorted(expect["placed"]):
        yield f"placed by the global service {service}: {placed}, recorded {expect['placed']}"
    if pending != expect["pending"]:
        yield f"refused by the global service {service}: {pending}, recorded {expect['pending']}"
    for node_id in expect["placed"]:
        state.active[service, node_id] += 1


def test_scenario(scenario: Step) -> None:
    state = State(scenario)
    for number, step in enumerate(scenario["steps"]):
        state.apply(step)
        broken: list[str] = []
        if step["op"] == "global":
            broken = list(check_global(state, step))
        elif "expect" in step:
            broken = list(check_tick(state, step["expect"]))
        name = f"scenario {scenario['id']} (level {scenario['level']}), step {number} ({step['op']})"
        assert not broken, f"{name}: " + "\n".join(broken)


def test_scale_down(case: Step) -> None:
    slots = {
        slot: [
            Task(
                f"{slot}.{n}",
                TaskShared("s", "s", TaskSpec(), 1, 0),
                slot,
                node,
                status=TaskStatus(TaskState[state.upper()]),
            )
            for n, (node, state) in enumerate(tasks)
        ]
        for slot, tasks in case["slots"]
    }
    removed = scale_down_victims(slots, case["replicas"])
    if case["stable_sort_agrees"]:
        assert sorted(removed) == sorted(case["removed"])
    else:  # Go's unstable sort chose among slots that are tied at the cut
        index = index_on_node(case["slots"])
        assert sorted(index[slot] for slot in removed) == sorted(index[slot] for slot in case["removed"])


def index_on_node(slots: list[Any]) -> dict[int, int]:
    """The how-many-th of its node a slot is, running ones first; a large number for none or several tasks."""
    order = sorted(slots, key=lambda item: (all(state != "running" for _, state in item[1]), item[0]))
    single = [(slot, tasks[0][0]) for slot, tasks in order if len(tasks) == 1 and tasks[0][0]]
    index = {slot: 1 + [n for _, n in single[:at]].count(node) for at, (slot, node) in enumerate(single)}
    return {slot: index.get(slot, len(slots) + 1) for slot, _ in slots}

"""Properties of placement: against a naive statement of the rules, and what must hold on any cluster."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.placement.oracle import Oracle

from meshsim.model.objects import Node, Task, TaskStatus
from meshsim.model.specs import ContainerSpec, Mount, Placement, Platform, PortConfig, Resources, TaskSpec
from meshsim.model.states import PublishMode, TaskState
from meshsim.placement import NO_SPEC_VERSION, Outcome, Placer, group_tasks, sample_node, sample_tasks

NOW_NS = 1000 * 10**9
LABELS = st.dictionaries(st.sampled_from(["zone", "rack"]), st.sampled_from(["a", "b", "B", ""]), max_size=2)
EXPRESSIONS = st.sampled_from(
    ["node.labels.zone == a", "node.labels.zone != a", "engine.labels.rack==b", "node.role==worker",
     "node.id != n1", "node.ip == 10.0.0.0/31", "node.ip != 10.0.0.1", "nonsense", "node.x == y",
     "node.platform.arch==amd64", "Node.Labels.zone==b"]
)  # fmt: skip


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Node:
    return sample_node(
        name,
        cpus=draw(st.sampled_from([0, 1, 2, 4])),
        memory_bytes=draw(st.sampled_from([0, 10, 30])),
        generic=draw(st.sampled_from([{}, {"gpu": ("x", "y", "z")}, {"gpu": 2}])),
        labels=draw(LABELS),
        engine_labels=draw(LABELS),
        role=draw(st.sampled_from(["worker", "manager"])),
        availability=draw(st.sampled_from(["active"] * 6 + ["pause", "drain"])),
        state=draw(st.sampled_from(["ready"] * 6 + ["down", "unknown"])),
        address=draw(st.sampled_from(["10.0.0.1", "10.0.0.9", ""])),
        platform=draw(st.sampled_from([("linux", "x86_64"), ("linux", "aarch64"), None])),
        plugins=draw(st.sampled_from([(), ("Volume/rexray", "Log/gelf"), ("Log/json-file",)])),
    )


def specs(preferences: Any = None) -> st.SearchStrategy[TaskSpec]:
    some = st.lists(st.sampled_from(["node.labels.zone", "engine.labels.rack", "node.role"]), max_size=2)
    return st.builds(
        TaskSpec,
        container=st.sampled_from(
            [ContainerSpec()] * 4 + [ContainerSpec(mounts=(Mount(volume_driver="rexray"),))]
        ),
        reservations=st.sampled_from(
            [Resources()] * 3
            + [Resources(5 * 10**8), Resources(10**9, 10), Resources(0, 4), Resources(0, 0, {"gpu": 1})]  # type: ignore[arg-type]
        ),
        placement=st.builds(
            Placement,
            constraints=st.lists(EXPRESSIONS, max_size=1).map(tuple),
            preferences=some.map(tuple) if preferences is None else preferences,
            max_replicas=st.sampled_from([0, 0, 0, 1, 2]),
            platforms=st.sampled_from([(), (), (Platform("linux", "amd64"),), (Platform("", ""),)]),
        ),
        log_driver=st.sampled_from(["", "", "gelf", "none"]),
    )


PORTS = st.sampled_from([()] * 4 + [(PortConfig(80, 80, mode=PublishMode.HOST),)])


class Case:
    """A small cluster: nodes, tasks that run, failures, tasks that wait."""

    def __init__(self, records: list[Node]) -> None:
        self.nodes = records
        self.held: list[Task] = []
        self.failures: list[tuple[str, int, str, int]] = []
        self.waiting: list[Task] = []

    def placer(self, **rules: Any) -> Placer:
        placer = Placer(**rules)
        for node in self.nodes:
            placer.set_node(node)
        for task in self.held:
            placer.set_task(task)
        for service, version, node_id, at in self.failures:
            placer.count_failure(service, version, node_id, at)
        placer.check()
        return placer

    def oracle(self, shuffle: Any) -> Oracle:
        oracle = Oracle(self.nodes, shuffle, NOW_NS)
        for task in self.held:
            oracle.hold(task)
        for service, version, node_id, at in self.failures:
            oracle.boxes[node_id].failures.append((service, version, at))
        return oracle


@st.composite
def cases(
    draw: st.DrawFn,
    spec: st.SearchStrategy[TaskSpec] | None = None,
    most_nodes: int = 6,
    most_tasks: int = 7,
    versions: tuple[int, ...] = (1, 1, NO_SPEC_VERSION),
) -> Case:
    names = [f"n{i}" for i in range(draw(st.integers(1, most_nodes)))]
    case = Case([draw(nodes(name)) for name in names])
    for service in ("s1", "s2")[: draw(st.integers(1, 2))]:
        chosen, ports = draw(specs() if spec is None else spec), draw(PORTS)
        version = draw(st.sampled_from(versions))
        kwargs = {"spec_version": version, "ports": ports}
        free = TaskSpec()
        for number, node_id in enumerate(draw(st.lists(st.sampled_from(names), max_size=6))):
            (task,) = sample_tasks(service, 1, free, spec_version=version, first_slot=100 + number)
            desired = draw(st.sampled_from([TaskState.RUNNING] * 4 + [TaskState.SHUTDOWN]))
            status = TaskStatus(TaskState.RUNNING)
            case.held.append(task.evolve_to(1, 0, node_id=node_id, desired=desired, status=status))
        for _ in range(draw(st.sampled_from([0, 0, 0, 5, 6]))):
            age = draw(st.sampled_from([0, 10**9, 299 * 10**9, 300 * 10**9]))
            case.failures.append((service, version, draw(st.sampled_from(names)), NOW_NS - age))
        case.waiting += sample_tasks(service, draw(st.integers(1, most_tasks)), chosen, **kwargs)
    return case


def counted(decisions: dict[str, str]) -> tuple[tuple[tuple[str, str], int], ...]:
    """An outcome without task numbers: how many of each service each node got."""
    counts = Counter((task_id.partition(".")[0], node) for task_id, node in decisions.items())
    return tuple(sorted(counts.items()))


def kept(_items: list[Any]) -> None:
    """No shuffle: the order given."""


@given(cases())
def test_the_fast_path_agrees_with_the_rules_restated(case: Case) -> None:
    placer, oracle = case.placer(), case.oracle(kept)
    outcome = placer.place(case.waiting, now_ns=NOW_NS)
    texts = oracle.tick(*group_tasks(case.waiting))
    assert outcome.nodes == oracle.decisions
    settled = {task.id: oracle.text(task) for task in case.waiting if task.id in texts}
    assert outcome.pending == settled
    placer.check()


class Choices(random.Random):
    """A generator whose shuffles walk through every order there is, run after run."""

    def __init__(self) -> None:
        super().__init__(0)
        self.plan: list[list[int]] = []  # [taken, out of]
        self.at = 0

    def shuffle(self, x: Any) -> None:
        for last in range(len(x) - 1, 0, -1):
            other = self.choose(last + 1)
            x[last], x[other] = x[other], x[last]

    def choose(self, count: int) -> int:
        if self.at == len(self.plan):
            self.plan.append([0, count])
        taken = self.plan[self.at][0]
        self.at += 1
        return taken

    def runs(self) -> Iterator[None]:
        while True:
            self.at = 0
            yield
            while self.plan and self.plan[-1][0] + 1 == self.plan[-1][1]:
                self.plan.pop()
            if not self.plan:
                return
            self.plan[-1][0] += 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Choices:
        return self


SMALL = cases(
    spec=specs(st.sampled_from([(), ("node.labels.zone",)])), most_nodes=3, most_tasks=2, versions=(1,)
)


@given(SMALL)
def test_the_outcome_sets_are_the_same(case: Case) -> None:
    choices, fast, naive = Choices(), set(), set()
    for runs, _ in enumerate(choices.runs()):
        fast.add(counted(case.placer(ties=choices).place(case.waiting, now_ns=NOW_NS).nodes))
        assume(runs < 1500)  # else too many orders to try them all
    for _ in (choices := Choices()).runs():
        oracle = case.oracle(choices.shuffle)
        oracle.tick(*group_tasks(case.waiting))
        naive.add(counted(oracle.decisions))
    assert fast == naive


@given(cases(), st.integers(0, 5))
def test_no_decision_breaks_a_filter_or_overcommits(case: Case, seed: int) -> None:
    """Placed one by one, in the order decided, every task finds room on its node."""
    placer = case.placer(ties=random.Random(seed))
    before = {node_id: (info.nano_cpus, info.memory_bytes) for node_id, info in placer.nodes.items()}
    outcome = placer.place(case.waiting, now_ns=NOW_NS)
    placer.check()
    oracle = case.oracle(kept)
    tasks = {task.id: task for task in case.waiting}
    for task_id, node_id in outcome.nodes.items():
        box = oracle.boxes[node_id]
        oracle.task = tasks[task_id]
        assert oracle.fits(box)
        box.tasks.append(tasks[task_id])
    for node_id, info in placer.nodes.items():
        cpus, memory = before[node_id]
        assert info.nano_cpus >= min(cpus, 0)
        assert info.memory_bytes >= min(memory, 0)


@given(cases(spec=specs(st.just(()))), st.integers(0, 5))
def test_without_preferences_a_task_only_waits_if_every_node_fails(case: Case, seed: int) -> None:
    placer = case.placer(ties=random.Random(seed))
    outcome = placer.place(case.waiting, now_ns=NOW_NS)
    for task in case.waiting:
        if task.id in outcome.pending:
            assert not any(verdict.fits for verdict in placer.explain(task, now_ns=NOW_NS).nodes)
    assert len(outcome.nodes) + len(outcome.pending) == len(case.waiting)
    again = placer.place([task for task in case.waiting if task.id in outcome.pending], now_ns=NOW_NS)
    assert again.pending == outcome.pending  # the text is settled


@given(cases(spec=specs(st.just(()))), nodes("new"))
def test_a_group_placed_whole_stays_placed_whole_when_a_node_is_added(case: Case, new: Node) -> None:
    placer = case.placer()
    groups, _ = group_tasks(case.waiting)
    for group in groups[:1]:
        if not placer.what_if(group, now_ns=NOW_NS).pending:
            placer.set_node(new)
            assert not placer.place(group, now_ns=NOW_NS).pending


@given(cases(), st.integers(0, 5))
def test_what_if_is_what_then_happens(case: Case, seed: int) -> None:
    placer = case.placer(ties=random.Random(seed))
    imagined = placer.what_if(case.waiting, now_ns=NOW_NS)
    real = placer.place(case.waiting, now_ns=NOW_NS)
    assert (imagined.nodes, imagined.generic, imagined.pending) == (real.nodes, real.generic, real.pending)


@pytest.mark.parametrize("seed", ["joined", 3])
def test_the_same_calls_give_the_same_answer(seed: Any) -> None:
    def run() -> list[Outcome]:
        placer = Placer(ties=seed if seed == "joined" else random.Random(seed))
        for number in range(12):
            placer.set_node(sample_node(f"n{number}", cpus=2, labels={"zone": "abc"[number % 3]}))
        spec = TaskSpec(placement=Placement(preferences=("node.labels.zone",)))
        return [placer.place(sample_tasks(f"s{n}", 7, spec)) for n in range(4)]

    assert [outcome.nodes for outcome in run()] == [outcome.nodes for outcome in run()]


class Driving(RuleBasedStateMachine):
    """The placer driven as a store would drive it, beside plain lists of what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.placer = Placer()
        self.nodes: dict[str, Node] = {}
        self.tasks: dict[str, Task] = {}
        self.slot = 0

    @rule(number=st.integers(0, 3), data=st.data())
    def set_node(self, number: int, data: st.DataObject) -> None:
        node = data.draw(nodes(f"n{number}"))
        self.nodes[node.id] = node
        self.placer.set_node(node)

    @rule(number=st.integers(0, 3))
    def remove_node(self, number: int) -> None:
        known = self.nodes.pop(f"n{number}", None) is not None
        assert self.placer.remove_node(f"n{number}") is known
        self.tasks = {task_id: t for task_id, t in self.tasks.items() if t.node_id != f"n{number}"}

    @rule(count=st.integers(1, 5), spec=specs(), version=st.sampled_from([1, NO_SPEC_VERSION]), ports=PORTS)
    def place(self, count: int, spec: TaskSpec, version: int, ports: Any) -> None:
        new = sample_tasks("s", count, spec, spec_version=version, first_slot=self.slot, ports=ports)
        self.slot += count
        outcome = self.placer.place(new)
        for task in new:
            if task.id in outcome.nodes:
                held = outcome.generic.get(task.id)
                status = TaskStatus(TaskState.ASSIGNED)
                node_id = outcome.nodes[task.id]
                self.tasks[task.id] = task.evolve_to(
                    1, 0, node_id=node_id, status=status, assigned_generic=held
                )
                assert not self.placer.set_task(self.tasks[task.id])

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), desired=st.sampled_from([TaskState.RUNNING, TaskState.SHUTDOWN]))
    def want(self, data: st.DataObject, desired: TaskState) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.tasks)))
        self.tasks[task_id] = self.tasks[task_id].evolve_to(2, 0, desired=desired)
        self.placer.set_task(self.tasks[task_id])

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), deleted=st.booleans())
    def end(self, data: st.DataObject, deleted: bool) -> None:
        task = self.tasks.pop(data.draw(st.sampled_from(sorted(self.tasks))))
        if deleted:
            assert self.placer.remove_task(task.id)
        else:
            assert self.placer.set_task(task.evolve_to(3, 0, status=TaskStatus(TaskState.COMPLETE)))

    @invariant()
    def agrees(self) -> None:
        self.placer.check()
        held = {task_id for info in self.placer.nodes.values() for task_id in info.tasks}
        assert held == set(self.tasks)
        for node_id, info in self.placer.nodes.items():
            active = [
                t for t in self.tasks.values() if t.node_id == node_id and t.desired <= TaskState.COMPLETE
            ]
            assert info.total == len(active)
            assert info.node is self.nodes[node_id]


TestDriving = Driving.TestCase

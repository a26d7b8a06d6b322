"""Per-node bookkeeping: section 1 of the specification, rows 57 and 58, and failures of section 7."""

import copy

import pytest

from meshsim.model.objects import Node
from meshsim.model.specs import PortConfig, Resources, TaskSpec
from meshsim.model.states import PublishMode, TaskState
from meshsim.placement import MONITOR_FAILURES_NS, NodeInfo, sample_node, sample_tasks

SECOND = 10**9


def spec(cpus=0, memory=0, **generic):
    return TaskSpec(reservations=Resources(cpus, memory, generic))


def task(name="t", count=1, **kwargs):
    return sample_tasks(name, count, **kwargs)[0]


def test_57_what_is_freed_comes_back():
    info = NodeInfo(sample_node("n", generic={"orange": ("green", "blue", "red"), "apple": 6}))
    held = task(spec=spec(orange=1, apple=1))
    info.add(held)
    assert info.generic == {"orange": ["blue", "red"], "apple": 5}
    assert info.remove(held.id)
    assert info.generic == {"orange": ["blue", "red", "green"], "apple": 6}
    assert not info.remove(held.id)


def test_58_adding_twice_changes_nothing():
    info = NodeInfo(sample_node("n", generic={"orange": ("blue", "red"), "apple": 5}))
    new = task(spec=spec(orange=1, apple=2))
    assert info.add(new)
    assert info.generic == {"orange": ["red"], "apple": 3}
    assert not info.add(new)
    assert (info.generic, info.total) == ({"orange": ["red"], "apple": 3}, 1)
    info.check()


def test_a_task_to_be_shut_down_holds_but_does_not_count():
    info = NodeInfo(sample_node("n", cpus=2, memory_bytes=100))
    port = PortConfig(80, 8080, mode=PublishMode.HOST)
    running = task(spec=spec(SECOND, 40), ports=[port])
    info.add(running)
    stopping = running.evolve_to(2, 0, desired=TaskState.SHUTDOWN)
    assert info.add(stopping)
    assert (info.total, info.services) == (0, {})
    assert (info.nano_cpus, info.memory_bytes, len(info.ports)) == (SECOND, 60, 1)
    info.check()
    assert info.add(running)
    assert (info.total, info.services) == (1, {"t": 1})
    info.add(stopping)
    info.remove(running.id)
    assert (info.nano_cpus, info.memory_bytes, info.ports, info.total) == (2 * SECOND, 100, set(), 0)
    info.check()


def test_ports_are_a_set_not_a_counter():
    info = NodeInfo(sample_node("n"))
    port = PortConfig(80, 8080, mode=PublishMode.HOST)
    first, second = sample_tasks("t", 2, ports=[port])
    info.add(first)
    info.add(second)
    info.remove(first.id)
    assert info.ports == set()
    info.check()


def test_an_update_keeps_tasks_and_may_overcommit():
    info = NodeInfo(sample_node("n", cpus=4, memory_bytes=100, generic={"gpu": ("a", "b"), "apple": 3}))
    info.add(task(spec=spec(3 * SECOND, 70, gpu=1, apple=1)))
    info.update(sample_node("n", cpus=2, memory_bytes=100, generic={"gpu": ("a", "b", "c"), "apple": 3}))
    assert (info.nano_cpus, info.memory_bytes) == (-SECOND, 30)
    assert info.generic == {"gpu": ["b", "c"], "apple": 2}
    info.check()
    info.update(Node("n"))
    assert (info.nano_cpus, info.memory_bytes, info.generic, info.ready) == (0, 0, {}, False)
    info.check()
    info.remove("t.1")
    assert info.generic == {}


@pytest.mark.parametrize(
    ("age_s", "counts"), [(0, True), (299, True), (300, True), (300.000000001, False), (400, False)]
)
def test_a_failure_counts_for_five_minutes(age_s, counts):
    info = NodeInfo(sample_node("n"))
    info.count_failure("s", 1, 0)
    assert info.recent_failures("s", 1, round(age_s * SECOND)) == counts


def test_failures_are_per_service_and_spec_version():
    info = NodeInfo(sample_node("n"))
    info.count_failure("s", 1, 0)
    assert info.recent_failures("s", 2, 0) == info.recent_failures("other", 1, 0) == 0


def test_old_records_are_dropped():
    info = NodeInfo(sample_node("n"))
    info.count_failure("old", 1, 0)
    info.count_failure("s", 1, MONITOR_FAILURES_NS - 1)
    assert ("old", 1) in info.failures
    info.count_failure("s", 1, MONITOR_FAILURES_NS)
    assert ("old", 1) not in info.failures


def test_copies_are_independent():
    info = NodeInfo(sample_node("n", generic={"gpu": ("a", "b"), "apple": 2}))
    info.add(task(spec=spec(gpu=1)))
    info.count_failure("s", 1, 0)
    for twin in (info.copy(), copy.deepcopy(info)):
        twin.add(task("other", spec=spec(gpu=1, apple=1)))
        twin.count_failure("s", 1, 0)
        twin.check()
        assert (info.total, info.generic, info.recent_failures("s", 1, 0)) == (
            1,
            {"gpu": ["b"], "apple": 2},
            1,
        )
    info.check()


def test_repr_and_names():
    info = NodeInfo(sample_node("n", hostname="host01", labels={"a": "b"}))
    assert repr(info) == "<NodeInfo host01: 0 active tasks, 0 nano-CPUs and 0 bytes left>"
    assert (info.id, info.hostname, info.labels) == ("n", "host01", {"a": "b"})

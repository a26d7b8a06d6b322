"""All tasks of a node: one timer per moment, statuses kept until they are heard."""

from __future__ import annotations

import copy

import pytest
from tests.agent.fakes import MS, FakeRuntime, S, make_task, want

from meshsim.agent import Worker
from meshsim.model.objects import Network
from meshsim.model.specs import NetworkSpec
from meshsim.model.states import TaskState
from meshsim.profile import Profile
from meshsim.sim import Clock

T = TaskState


class Node:
    def __init__(self):
        self.clock = Clock()
        self.runtime = FakeRuntime()
        self.told = []
        self.worker = Worker(self.clock, self.runtime, Profile(), self.tell)

    def tell(self):
        self.told.append((self.clock.now_ns, {i: s.state for i, s in self.worker.unsent.items()}))
        self.worker.unsent.clear()

    def assign(self, *tasks, removed=(), complete=False, networks=()):
        self.worker.assign(complete=complete, tasks=tasks, removed=removed, networks=networks)
        self.worker.check()

    def run(self, ns):
        self.clock.run_for(ns)
        self.worker.check()


def test_many_tasks_one_timer_and_one_word_per_moment():
    node = Node()
    node.assign(*(make_task(f"t{i}") for i in range(10)))
    assert len(node.clock.pending()) == 1
    node.run(100 * MS)
    assert len(node.clock.pending()) == 1
    node.run(S)
    ids = [f"t{i}" for i in range(10)]
    assert node.told == [
        (0, dict.fromkeys(ids, T.PREPARING)),
        (100 * MS, dict.fromkeys(ids, T.STARTING)),
        (300 * MS, dict.fromkeys(ids, T.RUNNING)),
    ]
    assert node.clock.pending() == []


def test_statuses_of_equal_moments_are_one_object():
    node = Node()
    seen = []
    node.tell = None
    node.worker._tell = lambda: seen.extend(node.worker.unsent.values())
    node.assign(make_task("a"), make_task("b"))
    assert seen[0] is seen[1]


def test_networks_are_remembered():
    node = Node()
    network = Network("net", spec=NetworkSpec("eg1"))
    seen = []
    node.runtime.prepare = lambda task, networks: (
        seen.append(dict(networks)) or FakeRuntime.prepare(node.runtime, task, networks)
    )
    node.assign(make_task("a"), networks=[network])
    node.assign(make_task("b"))
    assert seen == [{"net": network}] * 2


def test_view_shows_what_the_node_has_observed():
    node = Node()
    node.assign(make_task("a"), make_task("b", state=T.COMPLETE))
    node.run(S)
    assert {task.id: task.state for task in node.worker.tasks.values()} == {"a": T.RUNNING, "b": T.COMPLETE}
    assert len(node.worker.tasks) == 2
    assert repr(node.worker.tasks) == "<TaskView web.1.a running, web.1.b complete>"
    assert repr(node.worker) == "<Worker 2 tasks, 0 statuses to send>"
    node.assign(complete=True)
    node.run(5 * S)
    assert repr(node.worker.tasks) == "<TaskView empty>"


def test_4_3_complete_set_removes_what_it_does_not_name():
    node = Node()
    keep, lose = make_task("keep"), make_task("lose")
    node.assign(keep, lose)
    node.run(S)
    node.assign(keep, complete=True)
    node.run(5 * S)
    assert list(node.worker.tasks) == ["keep"]
    assert node.runtime.done("lose")[-3:] == ["stop", "finish", "remove"]
    assert "stop" not in node.runtime.done("keep")


def test_complete_set_repeats_what_got_lost():
    node = Node()
    task = make_task("a")
    node.assign(task)
    node.run(S)
    node.told.clear()
    node.assign(task, complete=True)
    assert node.told == [(S, {"a": T.RUNNING})]
    node.told.clear()
    node.assign(task.evolve_to(9, 0, status=node.worker.tasks["a"].status), complete=True)
    assert node.told == []


def test_removed_tasks_are_stopped_and_not_reported():
    node = Node()
    node.assign(make_task("a"))
    node.run(S)
    node.told.clear()
    node.assign(removed=["a", "never-heard-of"])
    assert "a" in node.worker.tasks
    node.run(3 * S)
    assert (list(node.worker.tasks), node.told) == ([], [])
    assert node.runtime.done("a")[-1] == "remove"


def test_a_step_cut_short_fires_nothing():
    node = Node()
    task = make_task("a", networked=False)
    node.assign(task)
    node.assign(want(task, T.SHUTDOWN))
    assert node.worker.tasks["a"].state == T.SHUTDOWN
    node.run(S)
    assert node.runtime.done("a") == ["prepare"]


def test_same_version_is_no_news():
    node = Node()
    task = make_task("a")
    node.assign(task)
    node.run(S)
    node.told.clear()
    node.assign(task)
    assert node.told == []


def test_events_of_unknown_tasks_are_ignored():
    node = Node()
    node.worker.exited("x", 1, "")
    node.worker.health("x", False)
    assert node.told == []


def test_exit_and_health_are_told():
    node = Node()
    node.assign(make_task("a"), make_task("b", image="checked"))
    node.run(S)
    node.told.clear()
    node.worker.exited("a", 3, "")
    node.worker.health("b", True)
    assert node.told == [(S, {"a": T.FAILED}), (S, {"b": T.RUNNING})]


def test_19_power_cut_and_return():
    node = Node()
    node.assign(make_task("a"))
    node.run(150 * MS)
    node.assign(make_task("b"))
    node.run(200 * MS)
    node.worker.power_lost()
    node.worker.check()
    assert node.clock.pending() == []
    node.run(60 * S)
    node.told.clear()
    node.worker.power_back()
    node.worker.check()
    assert node.told == [(60 * S + 350 * MS, {"a": T.FAILED})]
    node.run(S)
    assert node.worker.tasks["b"].state == T.RUNNING


def test_4_4_dropped_in_order_and_nothing_said():
    node = Node()
    node.assign(make_task("a"))
    node.run(S)
    node.told.clear()
    done = []
    node.worker.drop_all(lambda: done.append(node.clock.now_ns))
    assert node.runtime.done("a")[-1] == "unpublish"
    assert node.worker.dropping
    node.run(60 * S)
    node.worker.check()
    assert done == [S + 2 * S + 100 * MS]  # names gone, two seconds for the word to spread, the stop signal
    assert (node.told, list(node.worker.tasks), node.runtime.containers) == ([], [], {})


@pytest.mark.parametrize("dark", [False, True], ids=["stopping", "dark"])
def test_dropping_is_cut_short_by_a_start_and_has_nothing_to_wait_for_in_the_dark(dark):
    node = Node()
    node.assign(make_task("a"))
    node.run(S)
    done = []
    if dark:
        node.worker.power_lost()
    node.worker.drop_all(lambda: done.append(True))
    assert done == [True] * dark
    node.worker.power_back()
    assert (done, list(node.worker.tasks), node.runtime.containers) == ([True], [], {})
    assert ("stop" in node.runtime.done("a")) is not dark
    node.assign(make_task("b"))
    node.run(S)
    node.worker.check()
    assert node.worker.tasks["b"].state == T.RUNNING


def test_a_copy_and_its_original_share_their_controllers_until_one_of_them_moves():
    node = Node()
    node.assign(make_task("a"), make_task("b"))
    node.run(S)
    twin = copy.deepcopy(node)
    controllers = node.worker._controllers
    assert twin.worker._controllers.seen is controllers.seen
    node.worker.exited("a", 3, "")
    assert (node.worker.tasks["a"].state, twin.worker.tasks["a"].state) == (T.FAILED, T.RUNNING)
    twin.worker.exited("b", 0, "")
    states = [[task.state for task in which.worker.tasks.values()] for which in (node, twin)]
    assert states == [[T.FAILED, T.RUNNING], [T.RUNNING, T.COMPLETE]]
    assert len(node.runtime.calls) == len(twin.runtime.calls), "each has an engine of its own"


def test_copies_in_the_middle_of_a_step_end_it_each():
    node = Node()
    node.assign(make_task("a"))
    twin = copy.deepcopy(node)
    for which in (node, twin):
        which.run(S)
        assert which.told[-1] == (300 * MS, {"a": T.RUNNING})

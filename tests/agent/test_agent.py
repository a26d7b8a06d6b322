"""Sessions, heartbeats, back-off, reports. Rows of control-plane 4.1, 4.3, 4.4."""

from __future__ import annotations

import copy
from random import Random

import pytest
from tests.agent.fakes import MS, FakeDispatcher, FakeRuntime, S, make_task, want

from meshsim.agent import Agent
from meshsim.errors import NotFound, Unavailable
from meshsim.model.objects import NodeDescription
from meshsim.model.states import TaskState
from meshsim.profile import Profile
from meshsim.sim import Clock

T = TaskState


class Stand:
    def __init__(self, seed=0):
        self.clock = Clock()
        self.runtime = FakeRuntime()
        self.dispatcher = FakeDispatcher()
        self.dispatcher.clock = self.clock
        self.reachable = True
        self.description = NodeDescription("host01")
        self.agent = Agent(
            "n1",
            self.clock,
            Random(seed),
            Profile(),
            find_dispatcher=self.find,
            runtime=self.runtime,
            describe=self.describe,
            address="10.0.0.1",
        )

    def find(self):
        return self.dispatcher if self.reachable else None

    def describe(self):
        return self.description

    def run(self, ns):
        self.clock.run_for(ns)
        self.agent.check()
        return self


@pytest.fixture
def stand():
    stand = Stand()
    stand.agent.start()
    return stand


def test_first_heartbeat_at_once_then_each_period(stand):
    stand.run(20 * S)
    assert stand.dispatcher.beats == [0, 5 * S, 10 * S, 15 * S, 20 * S]


def test_heartbeats_are_background(stand):
    assert stand.clock.foreground == 0
    assert [timer.name for timer in stand.clock.pending()] == ["heartbeat"]


def test_start_twice_is_harmless(stand):
    stand.agent.start()
    assert stand.dispatcher.sessions == 1


def test_assignments_are_run_and_reported(stand):
    stand.dispatcher.send(make_task("a"))
    stand.run(S)
    assert stand.dispatcher.states("a") == [T.PREPARING, T.STARTING, T.RUNNING]
    assert [at for at, *_ in stand.dispatcher.reported] == [0, 100 * MS, 300 * MS]
    assert stand.agent.node.id == "n1"
    assert list(stand.agent.tasks) == ["a"]


def test_exit_and_health_are_reported(stand):
    stand.dispatcher.send(make_task("a"), make_task("b", image="checked"))
    stand.run(S)
    stand.agent.exited("a", 2)
    stand.agent.health("b", True)
    assert stand.dispatcher.last("a").err == "task: non-zero exit (2)"
    assert stand.dispatcher.last("b").state == T.RUNNING


def test_cut_off_reports_wait_and_are_sent_with_the_next_beat(stand):
    stand.dispatcher.send(make_task("a"))
    stand.run(S)
    stand.reachable = False
    stand.agent.exited("a", 0)
    stand.run(S)
    assert stand.dispatcher.states("a")[-1] == T.RUNNING
    stand.reachable = True
    stand.run(4 * S)
    assert stand.dispatcher.states("a")[-1] == T.COMPLETE
    assert stand.dispatcher.sessions == 1


def test_4_1_silence_is_noticed_after_the_rpc_timeout(stand):
    stand.reachable = False
    stand.run(9 * S)
    assert stand.agent.connected
    stand.run(S + 1)
    assert not stand.agent.connected
    stand.reachable = True
    stand.run(9 * S)
    assert stand.dispatcher.sessions == 2


def test_4_1_refused_heartbeat_means_a_new_session(stand):
    stand.dispatcher.sessions = 7  # another leader: the session is void there
    stand.run(6 * S)
    assert (stand.dispatcher.sessions, stand.agent.connected) == (8, True)


def test_dispatcher_closes_the_session(stand):
    stand.agent.close()
    assert not stand.agent.connected
    stand.run(S)
    assert stand.dispatcher.sessions == 2


def test_close_without_session_is_harmless():
    stand = Stand()
    stand.agent.close()
    stand.agent.check()
    assert stand.clock.pending() == []


@pytest.mark.parametrize("seed", range(5))
def test_4_1_back_off(seed):
    """b: 100 ms, then min(100 ms + 2 b, 8 s); the wait is uniform below b."""
    stand = Stand(seed)
    stand.dispatcher.refuse = Unavailable("dispatcher is stopped", rpc_code="Aborted")
    stand.agent.start()
    waits = []
    for _ in range(10):
        (timer,) = stand.clock.pending()
        assert (timer.name, timer.background) == ("agent reconnect", True)
        waits.append(timer.when_ns - stand.clock.now_ns)
        stand.clock.step()
    limits = [300, 700, 1500, 3100, 6300, 8000, 8000, 8000, 8000, 8000]
    assert all(0 <= wait < limit * MS for wait, limit in zip(waits, limits, strict=True))
    assert max(waits[5:]) > 2 * S
    stand.dispatcher.refuse = None
    stand.run(9 * S)
    assert stand.agent.connected
    stand.agent.close()
    (timer,) = stand.clock.pending()
    assert timer.when_ns - stand.clock.now_ns < 300 * MS


def test_no_manager_to_be_found():
    stand = Stand()
    stand.reachable = False
    stand.agent.start()
    assert not stand.agent.connected
    stand.run(30 * S)
    stand.reachable = True
    stand.run(8 * S)
    assert stand.agent.connected


def test_refused_report_ends_the_session_and_is_repeated(stand):
    stand.dispatcher.send(make_task("a"))
    stand.dispatcher.refuse = NotFound("node not registered", rpc_code="NotFound")
    stand.run(200 * MS)
    assert not stand.agent.connected
    stand.dispatcher.refuse = None
    stand.run(9 * S)
    assert stand.dispatcher.last("a").state == T.RUNNING


def test_assignments_without_session_are_ignored(stand):
    stand.reachable = False
    stand.run(11 * S)
    stand.dispatcher.send(make_task("a"))
    assert (list(stand.agent.tasks), stand.agent.node) == ([], None)


def test_4_1_description_is_looked_at_every_20_s(stand):
    stand.description = NodeDescription("renamed")
    stand.run(19 * S)
    assert stand.dispatcher.sessions == 1
    stand.run(S)
    assert (stand.dispatcher.sessions, stand.dispatcher.description.hostname) == (2, "renamed")
    stand.run(60 * S)
    assert stand.dispatcher.sessions == 2


def test_4_4_graceful_stop(stand):
    stand.dispatcher.send(make_task("a"))
    stand.run(S)
    told = len(stand.dispatcher.reported)
    stand.agent.stop()
    stand.run(3 * S)
    assert stand.runtime.done("a")[-3:] == ["stop", "finish", "remove"]
    assert (len(stand.dispatcher.reported), list(stand.agent.tasks)) == (told, [])
    assert stand.clock.pending() == []


@pytest.mark.parametrize("how", ["crash", "stop"])
def test_19_crash_and_return(stand, how):
    stand.dispatcher.send(make_task("a"))
    stand.run(S)
    stand.agent.crash() if how == "crash" else stand.agent.stop(graceful=False)
    stand.agent.exited("a", 1)
    stand.agent.health("a", False)
    stand.run(S)
    assert stand.dispatcher.last("a").state == T.RUNNING
    stand.agent.start()
    stand.run(0)
    assert stand.dispatcher.last("a").err == "task: non-zero exit (255)"


def test_8_engine_that_forgot_the_container(stand):
    stand.dispatcher.send(make_task("q", state=T.RUNNING), complete=True)
    assert stand.dispatcher.last("q").err == "No such container: web.1.q"


def test_orders_reach_running_tasks(stand):
    task = make_task("a")
    stand.dispatcher.send(task)
    stand.run(S)
    stand.dispatcher.send(want(task, T.SHUTDOWN))
    stand.run(3 * S)
    assert stand.dispatcher.last("a").state == T.SHUTDOWN
    stand.dispatcher.send(removed=["a"])
    assert stand.runtime.done("a")[-1] == "remove"


def test_copy_goes_its_own_way(stand):
    stand.dispatcher.send(make_task("a"))
    stand.run(50 * MS)
    twin = copy.deepcopy(stand)
    twin.run(S)
    assert twin.dispatcher.states("a") == [T.PREPARING, T.STARTING, T.RUNNING]
    assert stand.dispatcher.states("a") == [T.PREPARING]
    stand.run(S)
    assert stand.dispatcher.reported == twin.dispatcher.reported


def test_repr(stand):
    assert repr(stand.agent) == "<Agent n1 connected, 0 tasks>"
    stand.agent.close()
    assert repr(stand.agent) == "<Agent n1 looking for a manager, 0 tasks>"
    stand.agent.crash()
    assert repr(stand.agent) == "<Agent n1 off, 0 tasks>"

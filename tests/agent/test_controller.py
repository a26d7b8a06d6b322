"""The table of one task's moves. Rows: control-plane 5.5, ground truth 18, 19, 21, data-plane 3.6, 6.1."""

from __future__ import annotations

import pytest
from tests.agent.fakes import MS, FakeRuntime, S, make_task, want

from meshsim.agent import TABLE, Act, Controller, Doing
from meshsim.agent.controller import NEVER, Bench
from meshsim.model.states import TASK_MOVES, TaskState
from meshsim.profile import Profile

T = TaskState


class Stand:
    """A controller with its own clock."""

    def __init__(self, **task):
        self.runtime = FakeRuntime()
        self.bench = Bench(self.runtime, Profile())
        self.controller = Controller(make_task(**task))
        self.now_ns = 0
        self.seen = []

    def advance(self):
        self.controller.advance(self.bench, self.now_ns)
        self.controller.check()
        return self

    def wake(self):
        self.now_ns = self.controller.due_ns
        assert self.now_ns != NEVER
        self.controller.wake(self.bench, self.now_ns)
        self.controller.check()
        return self

    def run(self):
        """To RUNNING."""
        self.advance()
        while self.controller.due_ns != NEVER:
            self.wake()
        return self

    def want(self, desired):
        self.controller.update(self.bench, want(self.controller.task, desired), self.now_ns)
        self.controller.check()
        return self

    @property
    def state(self):
        return self.controller.status.state

    @property
    def err(self):
        return self.controller.status.err

    @property
    def calls(self):
        return [what for what, _ in self.runtime.calls]


# -- the table ---------------------------------------------------------------------------------------


def do(state, desired):
    """The agent's step function as written down in control-plane 5.2, question by question."""
    if desired >= T.SHUTDOWN:
        return None if state >= T.COMPLETE else T.SHUTDOWN
    if state > desired:
        return None
    ongoing = {T.PREPARING: T.READY, T.STARTING: T.RUNNING, T.RUNNING: T.COMPLETE}
    if state in ongoing:
        return ongoing[state]
    if state >= desired:
        return None
    if state <= T.ASSIGNED:
        return T.ACCEPTED
    return {T.ACCEPTED: T.PREPARING, T.READY: T.STARTING}.get(state)


@pytest.mark.parametrize("desired", list(TaskState))
@pytest.mark.parametrize("state", list(TaskState))
def test_5_2_step_function(state, desired):
    rule = TABLE.get((state, desired))
    assert (rule.to if rule else None) == do(state, desired)


def test_5_2_every_rule_is_an_allowed_move():
    for (state, _), rule in TABLE.items():
        if state >= T.ASSIGNED:
            assert rule.to in TASK_MOVES[state]


def test_5_1_messages():
    assert {rule.to: rule.message for rule in TABLE.values()} == {
        T.ACCEPTED: "accepted",
        T.PREPARING: "preparing",
        T.READY: "prepared",
        T.STARTING: "starting",
        T.RUNNING: "started",
        T.COMPLETE: "finished",
        T.SHUTDOWN: "shutdown",
    }
    assert {rule.act for rule in TABLE.values()} == set(Act)


# -- the way up --------------------------------------------------------------------------------------


def test_normal_path():
    stand = Stand().advance()
    assert (stand.state, stand.controller.status.message) == (T.PREPARING, "preparing")
    stand.wake()
    assert (stand.now_ns, stand.state) == (100 * MS, T.STARTING)
    stand.wake()
    assert (stand.now_ns, stand.state, stand.controller.status.message) == (300 * MS, T.RUNNING, "started")
    assert stand.controller.status.container_id == "c-t1"
    assert stand.calls == ["prepare", "start", "publish"]
    assert stand.controller.doing is Doing.RUNNING


def test_desired_ready_is_prepared_and_waits():
    stand = Stand(desired=T.READY).advance().wake()
    assert (stand.state, stand.controller.due_ns) == (T.READY, NEVER)
    # There is a container, but no status tells of it before STARTING; source: controller.go Do.
    assert stand.controller.status.container_id == ""
    stand.want(T.RUNNING)
    assert (stand.state, stand.controller.status.container_id) == (T.STARTING, "c-t1")
    stand.wake()
    assert stand.state == T.RUNNING


@pytest.mark.parametrize(
    ("code", "state", "message", "err"),
    [
        pytest.param(0, T.COMPLETE, "finished", "", id="5.5-14-exit-0"),
        pytest.param(7, T.FAILED, "started", "task: non-zero exit (7)", id="5.5-14-exit-7"),
    ],
)
def test_exit(code, state, message, err):
    stand = Stand().run()
    stand.controller.exited(stand.bench, code, "", stand.now_ns)
    assert (stand.state, stand.controller.status.message, stand.err) == (state, message, err)
    assert stand.calls[-1] == "finish"
    stand.controller.exited(stand.bench, 1, "", stand.now_ns)
    assert stand.state == state


def test_exit_with_the_engines_own_text():
    stand = Stand().run()
    stand.controller.exited(stand.bench, 0, "container gone", stand.now_ns)
    assert (stand.state, stand.err) == (T.FAILED, "container gone")


def test_5_5_15_prepare_fails():
    stand = Stand(image="missing").advance().wake()
    assert (stand.state, stand.controller.status.message) == (T.REJECTED, "preparing")
    assert stand.err == "No such image: missing"


def test_5_1_start_fails():
    stand = Stand(image="broken").run()
    assert (stand.state, stand.err) == (T.FAILED, "starting container failed: no such file")
    assert "publish" not in stand.calls


@pytest.mark.parametrize("state", [T.NEW, T.PENDING, T.ASSIGNED, T.ACCEPTED, T.PREPARING, T.READY])
def test_5_5_16_desired_remove(state):
    stand = Stand(state=state, desired=T.REMOVE, networked=False).advance()
    assert (stand.state, stand.calls) == (T.SHUTDOWN, [])


@pytest.mark.parametrize("desired", [T.SHUTDOWN, T.REMOVE])
@pytest.mark.parametrize("state", [T.COMPLETE, T.SHUTDOWN, T.FAILED, T.REJECTED, T.ORPHANED])
def test_5_5_16_only_nonterminal(state, desired):
    stand = Stand(state=state, desired=desired).advance()
    assert (stand.state, stand.calls) == (state, [])


@pytest.mark.parametrize(
    ("state", "end"),
    [
        pytest.param(T.STARTING, T.FAILED, id="5.5-17-starting"),
        pytest.param(T.RUNNING, T.FAILED, id="8-running-No-such-container"),
        pytest.param(T.COMPLETE, T.COMPLETE, id="5.5-17-complete"),
    ],
)
def test_container_that_is_not_there(state, end):
    stand = Stand(state=state).advance()
    assert stand.state == end
    assert stand.err == ("No such container: web.1.t1" if end == T.FAILED else "")


# -- orderly stop ------------------------------------------------------------------------------------


def test_6_1_orderly_stop():
    stand = Stand().run()
    began_ns = stand.now_ns
    stand.want(T.SHUTDOWN)
    assert (stand.calls[-1], stand.state, stand.controller.doing) == ("unpublish", T.RUNNING, Doing.DRAINING)
    stand.wake()
    assert (stand.calls[-1], stand.now_ns - began_ns) == ("stop", 2 * S)
    stand.wake()
    assert (stand.calls[-1], stand.now_ns - began_ns) == ("finish", 2100 * MS)
    assert (stand.state, stand.controller.status.message, stand.err) == (T.SHUTDOWN, "shutdown", "")


def test_6_1_without_network_no_drain():
    stand = Stand(networked=False).run()
    began_ns = stand.now_ns
    stand.want(T.REMOVE).wake()
    assert (stand.now_ns - began_ns, stand.state) == (100 * MS, T.SHUTDOWN)


@pytest.mark.parametrize(("given_ns", "expected_ns"), [(None, 10 * S), (3 * S, 3 * S), (0, 0)])
def test_stop_grace(given_ns, expected_ns):
    stand = Stand(networked=False, grace_ns=given_ns).run()
    stand.runtime.stop_ns = 60 * S
    stand.want(T.SHUTDOWN)
    assert stand.controller.due_ns == stand.now_ns + expected_ns


def test_stop_interrupts_preparing():
    stand = Stand(networked=False).advance().want(T.SHUTDOWN)
    assert (stand.state, stand.controller.due_ns, stand.calls) == (T.SHUTDOWN, NEVER, ["prepare"])


def test_24_starting_is_finished_first():
    stand = Stand().advance().wake().want(T.SHUTDOWN)
    assert (stand.state, stand.controller.doing) == (T.STARTING, Doing.STARTING)
    stand.wake()
    assert (stand.state, stand.controller.doing) == (T.RUNNING, Doing.DRAINING)
    assert stand.calls[-2:] == ["publish", "unpublish"]
    assert stand.run().state == T.SHUTDOWN


def test_checked_container_stopped_while_starting_is_never_published():
    stand = Stand(image="checked").advance().wake().want(T.SHUTDOWN)
    assert stand.run().state == T.SHUTDOWN
    assert "publish" not in stand.calls


def test_process_that_dies_while_being_drained_or_stopped():
    for wakes in (0, 1):
        stand = Stand().run().want(T.SHUTDOWN)
        for _ in range(wakes):
            stand.wake()
        stand.controller.exited(stand.bench, 137, "", stand.now_ns)
        assert (stand.state, stand.err, stand.controller.due_ns) == (T.SHUTDOWN, "", NEVER)


# -- health ------------------------------------------------------------------------------------------


def test_18_health_gates_running():
    stand = Stand(image="checked").run()
    assert (stand.state, stand.controller.doing, "publish" in stand.calls) == (
        T.STARTING,
        Doing.PROBING,
        False,
    )
    stand.controller.health(stand.bench, True, 5 * S)
    assert (stand.state, stand.calls[-1]) == (T.RUNNING, "publish")
    stand.controller.health(stand.bench, True, 6 * S)
    assert stand.calls.count("publish") == 1


@pytest.mark.parametrize(
    ("code", "state", "err"),
    [
        pytest.param(0, T.COMPLETE, "", id="18-exits-0-on-SIGTERM"),
        pytest.param(3, T.FAILED, "task: non-zero exit (3): dockerexec: unhealthy container", id="21-3"),
        pytest.param(
            137, T.FAILED, "task: non-zero exit (137): dockerexec: unhealthy container", id="21-137"
        ),
    ],
)
@pytest.mark.parametrize("was_healthy", [True, False])
def test_18_unhealthy(code, state, err, was_healthy):
    stand = Stand(image="checked").run()
    if was_healthy:
        stand.controller.health(stand.bench, True, stand.now_ns)
    stand.runtime.exit_code = code
    stand.controller.health(stand.bench, False, stand.now_ns)
    assert stand.calls.count("unpublish") == was_healthy
    began_ns = stand.now_ns
    stand.wake().wake()
    assert (stand.state, stand.err, stand.now_ns - began_ns) == (state, err, 2100 * MS)
    stand.controller.health(stand.bench, False, stand.now_ns)
    assert stand.state == state


def test_unhealthy_and_then_unwanted_is_a_shutdown():
    stand = Stand(image="checked").run()
    stand.controller.health(stand.bench, False, stand.now_ns)
    assert stand.want(T.SHUTDOWN).run().state == T.SHUTDOWN


def test_checked_container_that_exits_while_starting():
    stand = Stand(image="checked").run()
    stand.controller.exited(stand.bench, 1, "", stand.now_ns)
    assert (stand.state, stand.err) == (T.FAILED, "task: non-zero exit (1)")


def test_process_that_dies_while_it_is_being_started():
    stand = Stand().advance().wake()
    assert stand.state == T.STARTING
    stand.controller.exited(stand.bench, 137, "", stand.now_ns)
    stand.controller.check()
    assert (stand.state, stand.err) == (T.FAILED, "task: non-zero exit (137)")
    assert "publish" not in stand.calls


# -- power, forgetting, attachments ------------------------------------------------------------------


@pytest.mark.parametrize("finish_code", [0, 255])
def test_19_power_cut(finish_code):
    stand = Stand().run()
    stand.controller.power_lost()
    stand.runtime.exit_code = finish_code
    stand.controller.power_back(stand.bench, 40 * S)
    assert (stand.state, stand.err) == (T.FAILED, "task: non-zero exit (255)")


@pytest.mark.parametrize(
    ("desired", "state", "err"),
    [(T.RUNNING, T.FAILED, "No such container: web.1.t1"), (T.SHUTDOWN, T.SHUTDOWN, "")],
)
def test_container_removed_before_the_agent_is_back(desired, state, err):
    stand = Stand().run().want(desired)
    stand.controller.power_lost()
    stand.runtime.remove("t1")
    stand.controller.power_back(stand.bench, 40 * S)
    stand.controller.check()
    assert (stand.state, stand.err) == (state, err)


def test_power_cut_while_stopping():
    stand = Stand().run().want(T.SHUTDOWN)
    stand.controller.power_lost()
    stand.controller.power_back(stand.bench, 40 * S)
    assert stand.state == T.SHUTDOWN


@pytest.mark.parametrize("wakes", [0, 1])
def test_power_cut_in_the_middle_of_a_step_begins_it_anew(wakes):
    stand = Stand().advance()
    for _ in range(wakes):
        stand.wake()
    state = stand.state
    stand.controller.power_lost()
    stand.now_ns = 40 * S
    stand.controller.power_back(stand.bench, stand.now_ns)
    assert stand.state == state
    assert stand.run().state == T.RUNNING
    assert stand.calls.count("prepare") == 2 - wakes
    assert stand.calls.count("start") == 1 + wakes


def test_forgotten_while_running():
    stand = Stand().run()
    stand.controller.forget(stand.bench, stand.now_ns)
    assert not stand.controller.gone
    stand.run()
    assert stand.controller.gone
    assert stand.calls[-3:] == ["stop", "finish", "remove"]


def test_forgotten_when_over():
    stand = Stand().run()
    stand.controller.exited(stand.bench, 0, "", stand.now_ns)
    stand.controller.forget(stand.bench, stand.now_ns)
    assert stand.controller.gone
    assert stand.calls.count("remove") == 1


def test_forgotten_before_it_began():
    stand = Stand(desired=T.READY, networked=False).advance().wake()
    stand.controller.forget(stand.bench, stand.now_ns)
    assert stand.controller.gone
    assert stand.calls.count("remove") == 1


@pytest.mark.parametrize(
    ("running", "powered", "calls"),
    [(True, True, ["unpublish", "stop", "finish"]), (True, False, ["finish"]), (False, True, [])],
)
def test_drop(running, powered, calls):
    stand = Stand()
    if running:
        stand.run()
    stand.runtime.calls.clear()
    stand.controller.drop(stand.bench, powered=powered)
    assert stand.calls == [*calls, "remove"]


def test_attachment_only_holds_an_address():
    stand = Stand(attachment="container").advance()
    assert (stand.state, stand.calls) == (T.RUNNING, [])
    stand.controller.power_lost()
    stand.controller.power_back(stand.bench, S)
    assert stand.state == T.RUNNING
    stand.want(T.SHUTDOWN)
    assert (stand.state, stand.calls) == (T.SHUTDOWN, [])


def test_repr():
    assert repr(Stand().run().controller) == "<Controller web.1.t1: running, running, running wanted>"

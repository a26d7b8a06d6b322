"""The leader's line to the agents. Rows of control-plane 4.1, 4.2, 4.3, 4.5, 4.6."""

from __future__ import annotations

import copy

import pytest
from tests.manager.loops import HOUR, MS, Bench, S, Sink, make_node, make_task

from meshsim.errors import InvalidArgument, NotFound, PermissionDenied, Unavailable
from meshsim.model.objects import NodeDescription, NodeStatus, TaskStatus
from meshsim.model.specs import NodeSpec, SwarmSpec
from meshsim.model.states import NodeState, Role, TaskState

T = TaskState
DOWN, READY, UNKNOWN = NodeState.DOWN, NodeState.READY, NodeState.UNKNOWN


class Stand(Bench):
    """A dispatcher that has taken office over some nodes."""

    def __init__(self, *objects, spec=None, **profile):
        super().__init__(spec, **profile)
        self.write(*objects)
        self.d = self.dispatcher()
        self.d.start()
        self.sinks = {}

    def register(self, node_id="n1"):
        sink = self.sinks[node_id] = Sink(self.clock)
        return self.d.register(node_id, NodeDescription(node_id), "10.9.0.2", sink)

    def heard(self, node_id="n1"):
        return self.sinks[node_id].heard

    def beat(self, node_id, session):
        return self.d.heartbeat(node_id, session.id)

    def state(self, node_id="n1"):
        return self.store.nodes[node_id].status.state

    def run(self, ns):
        super().run(ns)
        self.d.check()


def exactly(**spec):
    return {"spec": SwarmSpec(**spec), "heartbeat_epsilon_ns": 0}


def test_4_6_1_periods_lie_within_epsilon():
    stand = Stand(make_node(), spec=SwarmSpec(heartbeat_ns=100 * MS), heartbeat_epsilon_ns=50 * MS)
    session = stand.register()
    periods = [stand.beat("n1", session) for _ in range(1024)]
    assert all(50 * MS <= period < 150 * MS for period in periods)
    assert min(periods) < 60 * MS
    assert max(periods) > 140 * MS


def test_4_6_2_silent_node_goes_down_after_three_periods():
    stand = Stand(make_node(), **exactly(heartbeat_ns=100 * MS))
    session = stand.register()
    stand.run(300 * MS)
    assert stand.state() == READY
    with pytest.raises(NotFound, match="node not registered"):
        stand.beat("n1", session)
    stand.run(100 * MS)
    assert stand.node().status == NodeStatus(DOWN, "heartbeat failure", "10.9.0.2")


def test_4_6_3_heartbeat_without_session():
    stand = Stand(make_node())
    for node_id in ("n1", "nobody"):
        with pytest.raises(NotFound) as caught:
            stand.d.heartbeat(node_id, "s")
        assert str(caught.value) == "rpc error: code = NotFound desc = node not registered"


def test_4_6_4_rate_limit():
    stand = Stand(make_node())
    for _ in range(3):
        stand.register()
    with pytest.raises(Unavailable) as caught:
        stand.register()
    assert caught.value.description == "node n1 exceeded rate limit count of registrations"
    stand.run(8 * S + 1)
    stand.register()


def test_4_1_first_registration_of_a_node_not_held_is_not_counted():
    stand = Stand()
    stand.write(make_node())
    for _ in range(4):
        stand.register()
    with pytest.raises(Unavailable):
        stand.register()


def test_4_6_5_second_session_voids_the_first():
    stand = Stand(make_node())
    first, second = stand.register(), stand.register()
    with pytest.raises(InvalidArgument) as caught:
        stand.beat("n1", first)
    assert caught.value.description == "session invalid"
    assert stand.beat("n1", second) > 0


def test_4_6_6_default_period():
    stand = Stand(make_node())
    session = stand.register()
    assert 4500 * MS <= session.period_ns < 5500 * MS
    assert all(4500 * MS <= stand.beat("n1", session) < 5500 * MS for _ in range(100))


def test_4_6_7_reports():
    stand = Stand(
        make_node("n1"),
        make_node("n2"),
        make_task("mine", T.ASSIGNED, node="n1"),
        make_task("theirs", T.ASSIGNED, node="n2"),
    )
    session = stand.register()
    up = TaskStatus(T.RUNNING, "started")
    with pytest.raises(PermissionDenied) as caught:
        stand.d.report("n1", session.id, [("mine", up), ("theirs", up)])
    assert caught.value.description == "cannot update a task not assigned this node"
    stand.run(S)
    assert stand.task("mine").state == T.ASSIGNED
    stand.d.report("n1", session.id, [("mine", up), ("deleted", up)])
    stand.run(100 * MS)
    assert stand.task("mine").status is up
    version = stand.store.version
    stand.d.report("n1", session.id, [("mine", TaskStatus(T.READY))])
    stand.d.report("n1", session.id, [("mine", TaskStatus(T.RUNNING, "started"))])
    stand.run(S)
    assert (stand.task("mine").status, stand.store.version) == (up, version)


def test_reports_are_written_together_100_ms_after_the_first():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"), make_task("b", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.run(S)
    version = stand.store.version
    stand.d.report("n1", session.id, [("a", TaskStatus(T.PREPARING))])
    stand.run(60 * MS)
    stand.d.report("n1", session.id, [("b", TaskStatus(T.PREPARING)), ("a", TaskStatus(T.STARTING))])
    stand.run(40 * MS)
    assert (stand.task("a").state, stand.task("b").state) == (T.STARTING, T.PREPARING)
    assert stand.store.version == version + 1


def test_report_of_a_task_deleted_meanwhile_is_dropped():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.d.report("n1", session.id, [("a", TaskStatus(T.RUNNING))])
    stand.delete(stand.task("a"))
    stand.run(S)
    assert "a" not in stand.store.tasks


def test_register_makes_ready_and_describes():
    stand = Stand()
    stand.write(make_node("n1", UNKNOWN))
    stand.register()
    assert stand.state() == UNKNOWN
    stand.run(100 * MS)
    node = stand.node()
    assert node.status == NodeStatus(READY, "", "10.9.0.2")
    assert node.description == NodeDescription("n1")


def test_register_unknown_node():
    stand = Stand()
    with pytest.raises(NotFound, match="node not found"):
        stand.register("nobody")


def test_4_6_12_first_message_is_complete():
    states = [T.NEW, T.PENDING, T.ASSIGNED, T.READY, T.RUNNING, T.COMPLETE, T.FAILED]
    tasks = [make_task(state.label, state, node="n1", networks=["net"]) for state in states]
    stand = Stand(make_node(), *tasks)
    stand.register()
    stand.run(100 * MS)
    assert stand.heard() == [
        (100 * MS, True, ["assigned", "ready", "running", "complete", "failed"], [], "n1")
    ]
    assert stand.sinks["n1"].networks == ["net"]
    stand.set_state("pending", T.ASSIGNED)
    stand.run(S)
    assert stand.heard()[1:] == [(200 * MS, False, ["pending"], [], "n1")]


def test_assignments_wait_for_100_ms_of_quiet():
    stand = Stand(make_node())
    stand.register()
    stand.run(S)
    for i in range(3):
        stand.write(make_task(f"t{i}", T.ASSIGNED, node="n1"))
        stand.run(60 * MS)
    stand.run(S)
    assert stand.heard()[1:] == [(1220 * MS, False, ["t0", "t1", "t2"], [], "n1")]


def test_a_hundred_changes_go_at_once():
    stand = Stand(make_node("n1"), make_node("n2"))
    stand.register("n1")
    stand.register("n2")
    stand.run(S)
    stand.write(make_task("x", T.ASSIGNED, node="n2"))
    stand.write(*(make_task(f"t{i}", T.ASSIGNED, node="n1") for i in range(100)))
    stand.run(0)
    assert [len(tasks) for _, _, tasks, *_ in stand.heard("n1")[1:]] == [100]
    assert len(stand.heard("n2")) == 1
    stand.run(100 * MS)
    assert len(stand.heard("n2")) == 2


def test_an_agent_is_not_told_what_it_said():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.run(S)
    stand.d.report("n1", session.id, [("a", TaskStatus(T.RUNNING))])
    stand.run(S)
    assert len(stand.heard()) == 1
    stand.set_task("a", desired=T.SHUTDOWN)
    stand.run(S)
    assert stand.heard()[-1][2] == ["a"]


def test_removed_tasks_are_named():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"), make_task("p", T.PENDING, node="n1"))
    stand.register()
    stand.run(S)
    stand.set_task("a", desired=T.REMOVE)
    stand.delete(stand.task("a"), stand.task("p"))
    stand.run(S)
    assert stand.heard()[1:] == [(1100 * MS, False, [], ["a"], "n1")]


def test_a_node_is_told_its_role_and_spec_but_not_its_state():
    stand = Stand(make_node())
    stand.register()
    stand.run(S)
    told = len(stand.heard())
    stand.set_node("n1", role=Role.MANAGER)
    stand.run(S)
    assert (len(stand.heard()), stand.sinks["n1"].node.role) == (told + 1, Role.MANAGER)
    stand.set_node("n1", spec=NodeSpec(name="x"))
    stand.run(S)
    stand.set_node("n1", status=NodeStatus(READY, "x"))
    stand.run(S)
    assert len(stand.heard()) == told + 2


def test_messages_to_a_cut_off_node_wait_for_its_next_heartbeat():
    stand = Stand(make_node())
    session = stand.register()
    stand.run(S)
    stand.cut.add("n1")
    stand.write(make_task("a", T.ASSIGNED, node="n1"))
    stand.run(3 * S)
    stand.write(make_task("b", T.ASSIGNED, node="n1"))
    stand.run(S)
    stand.cut.clear()
    assert len(stand.heard()) == 1
    stand.beat("n1", session)
    stand.run(S)
    assert stand.heard()[1:] == [(5100 * MS, False, ["a", "b"], [], "n1")]


def test_fresh_session_cut_off_before_its_first_message():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.cut.add("n1")
    stand.run(S)
    stand.cut.clear()
    stand.beat("n1", session)
    stand.run(S)
    assert stand.heard() == [(1100 * MS, True, ["a"], [], "n1")]


# -- silence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("beats", [0, 1, 7])
def test_4_2_down_13_5_to_16_5_s_after_the_last_heartbeat(beats):
    stand = Stand(make_node())
    session = stand.register()
    for _ in range(beats):
        stand.run(stand.beat("n1", session))
        session_time = stand.clock.now_ns
        stand.beat("n1", session)
    last_ns = stand.clock.now_ns if beats == 0 else session_time
    while stand.state() != DOWN:
        stand.run(100 * MS)
    assert 13_500 * MS <= stand.clock.now_ns - last_ns <= 16_700 * MS
    assert stand.sinks["n1"].closed == 0


def test_4_1_unknown_nodes_have_double_grace():
    stand = Stand(make_node())
    assert stand.state() == UNKNOWN
    assert stand.node().status.message == (
        'Node moved to "unknown" state due to leadership change in cluster'
    )
    stand.run(27 * S)
    assert stand.state() == UNKNOWN
    stand.run(6200 * MS)
    assert stand.node().status == NodeStatus(
        DOWN, 'heartbeat failure for node in "unknown" state', "10.9.0.1"
    )


def test_registering_ends_the_double_grace():
    stand = Stand(make_node(), **exactly())
    stand.register()
    stand.run(15_200 * MS)
    assert stand.node().status.message == "heartbeat failure"


def test_many_nodes_one_timer():
    stand = Stand(*(make_node(f"n{i}") for i in range(50)))
    sessions = {f"n{i}": stand.register(f"n{i}") for i in range(50)}
    stand.run(S)
    for _ in range(20):
        for node_id, session in sessions.items():
            stand.beat(node_id, session)
        stand.run(5 * S)
    assert [timer.name for timer in stand.clock.pending()] == ["heartbeat deadline"]
    assert all(node.status.state == READY for node in stand.store.nodes.values())


def test_4_3_return():
    stand = Stand(make_node(), make_task("a", T.RUNNING, node="n1", desired=T.SHUTDOWN))
    stand.register()
    stand.run(20 * S)
    assert stand.state() == DOWN
    stand.register()
    stand.run(S)
    assert stand.node().status == NodeStatus(READY, "", "10.9.0.2")
    assert stand.heard()[0][1:3] == (True, ["a"])
    assert "orphaning" not in [timer.name for timer in stand.clock.pending()]


def test_4_2_orphaned_after_24_hours():
    states = [T.PENDING, T.ASSIGNED, T.RUNNING, T.COMPLETE, T.FAILED]
    stand = Stand(make_node(), *(make_task(s.label, s, node="n1") for s in states))
    stand.register()
    stand.run(20 * S)
    stand.run(24 * HOUR - 10 * S)
    assert stand.task("running").state == T.RUNNING
    stand.run(10 * S)
    assert [stand.task(s.label).state for s in states] == [
        T.PENDING, T.ORPHANED, T.ORPHANED, T.COMPLETE, T.FAILED,
    ]  # fmt: skip


def test_4_2_new_leader_starts_the_24_hours_again():
    stand = Stand(make_node("n1", DOWN), make_node("n2", DOWN), make_task("a", T.RUNNING, node="n1"))
    assert stand.state() == DOWN
    stand.run(23 * HOUR)
    stand.d.stop()
    stand.d.check()
    stand.d.start()
    stand.run(23 * HOUR)
    assert stand.task("a").state == T.RUNNING
    stand.run(HOUR)
    assert stand.task("a").state == T.ORPHANED


def test_deleted_node_loses_its_session():
    stand = Stand(make_node("n1"), make_node("n2"), make_node("n3", DOWN))
    sessions = [stand.register("n1"), stand.register("n2")]
    stand.run(S)
    stand.cut.add("n2")
    stand.delete(*stand.store.nodes.values())
    assert (stand.sinks["n1"].closed, stand.sinks["n2"].closed) == (1, 0)
    for node_id, session in zip(("n1", "n2"), sessions, strict=True):
        with pytest.raises(NotFound, match="node not registered"):
            stand.beat(node_id, session)
    with pytest.raises(NotFound, match="node not found"):
        stand.register("n1")
    stand.run(40 * S)


def test_node_deleted_before_it_was_greeted():
    stand = Stand(make_node())
    stand.register()
    stand.delete(stand.node())
    stand.run(S)
    assert stand.heard() == []


# -- leadership --------------------------------------------------------------------------------------


def test_stopped_dispatcher_answers_nobody():
    stand = Stand(make_node())
    session = stand.register()
    stand.d.stop()
    stand.d.stop()
    assert stand.sinks["n1"].closed == 1
    for call in (lambda: stand.beat("n1", session), stand.register):
        with pytest.raises(Unavailable) as caught:
            call()
        assert str(caught.value) == "rpc error: code = Aborted desc = dispatcher is stopped"
    assert stand.clock.pending() == []


def test_vanished_leader_tells_nobody():
    stand = Stand(make_node())
    stand.register()
    stand.d.stop(abruptly=True)
    assert stand.sinks["n1"].closed == 0


def test_cut_off_agents_are_not_told_of_the_end():
    stand = Stand(make_node())
    stand.register()
    stand.cut.add("n1")
    stand.d.stop()
    assert stand.sinks["n1"].closed == 0


def test_3_7_without_quorum_nothing_is_written():
    stand = Stand(make_node("n1"), make_node("n2"), make_task("a", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.run(S)
    version = stand.store.version
    stand.d.report("n1", session.id, [("a", TaskStatus(T.READY))])
    stand.d.hold()
    stand.d.report("n1", session.id, [("a", TaskStatus(T.RUNNING))])
    stand.run(12 * S)
    assert stand.beat("n1", session) > 0
    with pytest.raises(Unavailable):
        stand.register("n2")
    assert stand.store.version == version
    stand.d.resume()
    stand.run(100 * MS)
    assert stand.task("a").state == T.RUNNING
    stand.d.hold()
    stand.d.resume()
    stand.run(S)
    assert stand.store.version == version + 1


def test_copy_goes_its_own_way():
    stand = Stand(make_node(), make_task("a", T.ASSIGNED, node="n1"))
    session = stand.register()
    stand.d.report("n1", session.id, [("a", TaskStatus(T.READY))])
    twin = copy.deepcopy(stand)
    twin.run(40 * S)
    assert (twin.state(), stand.state()) == (DOWN, UNKNOWN)
    assert len(twin.heard()) == 1
    stand.run(40 * S)
    assert stand.log.to_jsonl() == twin.log.to_jsonl()


def test_changes_of_nodes_without_a_session_go_nowhere():
    stand = Stand(make_node("n1"), make_task("a", T.RUNNING, node="n1"))
    stand.set_task("a", desired=T.SHUTDOWN)
    stand.set_node("n1", role=Role.MANAGER)
    stand.delete(stand.task("a"))
    stand.register()
    stand.run(S)
    stand.write(make_task("b", T.NEW, node="n1"))
    stand.delete(stand.task("b"), stand.store.networks["net"])
    stand.run(S)
    assert len(stand.heard()) == 1


def test_registering_again_unchanged_writes_nothing():
    stand = Stand(make_node("n1"))
    stand.register()
    stand.run(S)
    version = stand.store.version
    stand.register()
    stand.run(S)
    assert stand.store.version == version


def test_lines_are_cleared_while_messages_wait():
    stand = Stand(make_node("n1"))
    stand.register()
    stand.run(S)
    stand.write(make_task("a", T.ASSIGNED, node="n1"))
    stand.d.stop()
    stand.run(S)
    assert len(stand.heard()) == 1


def test_created_with_a_node_and_assigned():
    stand = Stand(make_node("n1"))
    stand.register()
    stand.run(S)
    stand.write(make_task("a", T.ASSIGNED, node="n1"))
    stand.run(S)
    assert stand.heard()[-1][2] == ["a"]


def test_reprs():
    stand = Stand(make_node("n1"), make_node("n2", DOWN))
    assert repr(stand.d) == "<Dispatcher running, 0 sessions, 1 nodes down>"
    stand.register()
    stand.d.hold()
    assert repr(stand.d) == "<Dispatcher held, 1 sessions, 1 nodes down>"
    assert repr(stand.d._lines) == "<Assignments: 1 lines, 0 messages due>"
    stand.d.stop()
    assert repr(stand.d) == "<Dispatcher stopped, 0 sessions, 0 nodes down>"

"""The scheduler's loop: when it runs, what it writes. Rows of scheduler.md 2, 9, 10, 11, 16."""

from __future__ import annotations

import copy

import pytest
from tests.manager.loops import MS, Bench, S, make_node, make_service, make_task

from meshsim.model.objects import Endpoint, NodeStatus, TaskStatus
from meshsim.model.specs import (
    ContainerSpec,
    GlobalMode,
    Mount,
    Placement,
    Platform,
    PortConfig,
    Protocol,
    PublishMode,
    Resources,
    TaskSpec,
)
from meshsim.model.states import Availability, NodeState, TaskState

T = TaskState
DOWN, READY, UNKNOWN = NodeState.DOWN, NodeState.READY, NodeState.UNKNOWN
GIB = 1 << 30


class Stand(Bench):
    def __init__(self, *objects, start=True, **profile):
        super().__init__(**profile)
        self.write(*objects)
        self.s = self.scheduler()
        if start:
            self.s.start()

    def settle(self):
        while self.clock.foreground:
            self.clock.step()
        self.s.check()

    def where(self, *task_ids):
        self.settle()
        nodes = [self.task(task_id).node_id for task_id in task_ids]
        return nodes[0] if len(nodes) == 1 else nodes

    def err(self, task_id):
        self.settle()
        return self.task(task_id).status.err


def services(*names):
    return [make_service(name) for name in names]


# -- when it runs ------------------------------------------------------------------------------------


def test_2_first_round_at_once():
    stand = Stand(*services("s1"), make_node(), make_task("t1"))
    assert stand.task().node_id == "n1"
    assert (stand.task().status.state, stand.task().status.message) == (
        T.ASSIGNED,
        "scheduler assigned task to node",
    )


def test_2_50_ms_after_the_last_commit():
    stand = Stand(*services("s1"), make_node())
    for i in range(3):
        stand.write(make_task(f"t{i}"))
        stand.run(30 * MS)
    stand.run(19 * MS)
    assert stand.task("t0").node_id == ""
    stand.run(MS)
    assert [task.node_id for task in stand.store.tasks.values()] == ["n1"] * 3


def test_2_at_most_one_second_after_the_first():
    stand = Stand(*services("s1"), make_node())
    placed_ns = None
    for i in range(60):
        stand.write(make_task(f"t{i}"))
        stand.run(30 * MS)
        if placed_ns is None and stand.task("t0").node_id:
            placed_ns = stand.clock.now_ns
    assert 1000 * MS <= placed_ns <= 1030 * MS


def test_2_other_commits_prolong_the_pause_too():
    stand = Stand(*services("s1"), make_node())
    stand.write(make_task("t1"))
    stand.run(40 * MS)
    stand.write(*services("other"))
    stand.run(40 * MS)
    assert stand.task().node_id == ""
    stand.run(10 * MS)
    assert stand.task().node_id == "n1"


def test_2_commits_without_work_set_no_timer():
    stand = Stand(make_node())
    stand.write(*services("s1"))
    stand.set_node("n1", status=NodeStatus(READY, "again"))
    assert stand.clock.pending() == []


def test_2_reports_of_running_tasks_are_not_worth_a_round():
    stand = Stand(*services("s1"), make_node(), make_task("wait", spec=TaskSpec(reservations=Resources(1))))
    stand.write(make_task("a", T.ASSIGNED, node="n1"))
    stand.settle()
    for state in (T.ACCEPTED, T.READY, T.RUNNING):
        stand.set_state("a", state)
        assert stand.clock.pending() == []
    stand.s.check()


@pytest.mark.parametrize(
    "event",
    ["node created", "node updated", "task ended", "task deleted", "new task"],
)
def test_2_what_wakes_pending_tasks(event):
    spec = TaskSpec(reservations=Resources(memory_bytes=GIB))
    stand = Stand(
        *services("s1", "s2"),
        make_node("n1", memory=GIB),
        make_task("old", T.RUNNING, node="n1", spec=spec, service="s2"),
        make_task("t1", spec=spec),
    )
    assert stand.err("t1") == "no suitable node (insufficient resources on 1 node)"
    if event == "node created":
        stand.write(make_node("n2", memory=GIB))
    elif event == "node updated":
        stand.set_node("n1", description=make_node("n1", memory=2 * GIB).description)
    elif event == "task ended":
        stand.set_state("old", T.SHUTDOWN)
    elif event == "task deleted":
        stand.delete(stand.task("old"))
    else:
        stand.write(make_task("t2"))
    assert stand.clock.foreground == 1
    stand.settle()
    assert bool(stand.task("t1").node_id) == (event != "new task")


def test_2_deleted_node_wakes_nobody():
    stand = Stand(*services("s1"), make_node("n1", DOWN), make_task("t1"))
    stand.settle()
    stand.delete(stand.node())
    assert stand.clock.pending() == []
    stand.s.check()


def test_11_text_is_written_once_and_settles():
    stand = Stand(
        *services("s1"),
        make_node("n1"),
        make_node("n2", availability=Availability.DRAIN),
        make_node("n3", DOWN),
        *(make_task(f"t{i}", spec=TaskSpec(placement=Placement(max_replicas=1))) for i in range(4)),
    )
    version = stand.store.version
    text = "no suitable node (2 nodes not available for new tasks; max replicas per node limit exceed)"
    assert [stand.err(f"t{i}") for i in range(4)] == ["", text, text, text]
    stand.run(60 * S)
    assert stand.store.version == version
    task = stand.task("t1")
    assert (task.state, task.status.message) == (T.PENDING, "")


# -- scheduler.md 16 ---------------------------------------------------------------------------------


def test_16_1_to_7():
    stand = Stand(
        *services("s1"),
        *(make_node(f"n{i}") for i in (1, 2, 3)),
        make_task("id1", T.ASSIGNED, node="n1", service=""),
        make_task("id2", service="", spec_version=-1),
        make_task("id3", service="", spec_version=-1),
    )
    assert sorted(stand.where("id2", "id3")) == ["n2", "n3"]  # row 1
    stand.delete(stand.task("id1"))
    stand.write(make_task("id4", service="", spec_version=-1))
    assert stand.where("id4") == "n1"  # row 2
    stand.write(make_task("id5", T.ASSIGNED, node="n1", service=""))
    stand.settle()
    with stand.store.transaction() as tx:  # row 3: a task that loses its node is placed again
        tx.delete(stand.task("id4"))
    stand.write(make_task("id6", T.PENDING, node="n3", service=""))
    stand.set_task("id6", node_id="", status=TaskStatus(T.ASSIGNED))
    assert stand.task("id6").node_id == ""
    stand.write(make_node("n4", DOWN))
    stand.delete(stand.node("n4"))
    stand.write(make_task("id7", service=""))
    assert stand.where("id7") in ("n1", "n2", "n3")  # row 4
    stand.write(make_node("n5"), make_task("id8", service="", spec_version=-1))
    assert stand.where("id8") == "n5"  # row 5
    stand.write(make_node("n6", DOWN), make_task("id9", service="", spec_version=-1))
    assert stand.where("id9") != "n6"
    stand.set_node("n6", status=NodeStatus(READY))
    stand.write(make_task("id10", service="", spec_version=-1))
    assert stand.where("id10") == "n6"  # row 6
    stand.write(make_node("n7"))
    stand.set_node("n7", status=NodeStatus(DOWN))
    stand.write(make_task("id11", service=""))
    assert stand.where("id11") != "n7"  # row 7


def test_16_3_pending_task_whose_node_is_cleared():
    stand = Stand(
        *services("s1"),
        make_node("n1"),
        make_node("n2"),
        make_task("a", T.RUNNING, node="n1"),
        make_task("b", T.ASSIGNED, node="n1"),
    )
    stand.set_task("b", node_id="")
    assert stand.where("b") == "n2"


def test_16_17_no_node_at_all():
    stand = Stand(*services("s1"), make_task("t1"))
    assert stand.err("t1") == "no suitable node"
    stand.write(make_node())
    assert (stand.where("t1"), stand.err("t1")) == ("n1", "")


def faulty(stand, tries, name="t"):
    places = []
    for i in range(tries):
        stand.write(make_task(f"{name}{i}", spec_version=stand.store.services["s1"].spec_version))
        places.append(stand.where(f"{name}{i}"))
        stand.set_state(f"{name}{i}", T.FAILED)
        stand.settle()
    return places


def test_16_18_and_20_faulty_node():
    stand = Stand(*services("s1"), make_node("n1"), make_node("n2"), make_task("up", T.RUNNING, node="n1"))
    assert faulty(stand, 6) == ["n2"] * 5 + ["n1"]
    with stand.store.transaction() as tx:
        tx.update(stand.store.services["s1"], spec_version=2)
    assert faulty(stand, 6, "u") == ["n2"] * 5 + ["n1"]


def test_16_19_preassigned_failures_do_not_count():
    stand = Stand(make_service("s1", GlobalMode()), make_node("n1"), make_node("n2"))
    for i in range(8):
        stand.write(make_task(f"t{i}", node="n1", slot=0))
        assert stand.where(f"t{i}") == "n1"
        stand.set_state(f"t{i}", T.FAILED)
        stand.settle()
    assert stand.s.placer.nodes["n1"].failures == {}


def test_7_failures_are_forgotten_with_the_leader():
    stand = Stand(*services("s1"), make_node("n1"), make_node("n2"), make_task("up", T.RUNNING, node="n1"))
    faulty(stand, 5)
    stand.s.stop()
    stand.s.start()
    assert faulty(stand, 1, "u") == ["n2"]


def test_16_21_22_resources_and_generics():
    spec = TaskSpec(reservations=Resources(0, 2 * GIB, {"orange": 2, "apple": 2}))
    stand = Stand(
        *services("s1"),
        make_node("small", memory=GIB),
        make_node("u1", UNKNOWN),
        make_node("u2", UNKNOWN),
        make_task("t1", spec=spec),
    )
    assert stand.err("t1") == (
        "no suitable node (2 nodes not available for new tasks; insufficient resources on 1 node)"
    )
    oranges = ("blue", "red", "green", "yellow")
    stand.write(make_node("big", memory=8 * GIB, generic={"orange": oranges, "apple": 4}))
    assert stand.where("t1") == "big"
    assert stand.task("t1").assigned_generic == {"orange": ("blue", "red"), "apple": 2}


def test_16_24_25_dead_tasks_hold_nothing():
    spec = TaskSpec(reservations=Resources(memory_bytes=GIB))
    stand = Stand(
        *services("s1"),
        make_node("n1", memory=GIB),
        make_task("dead", T.SHUTDOWN, node="n1", spec=spec),
        make_task("t1", spec=spec),
        make_task("t2", spec=spec),
    )
    assert stand.where("t1") == "n1"
    assert stand.err("t2") == "no suitable node (insufficient resources on 1 node)"
    stand.set_task("t1", desired=T.SHUTDOWN)
    assert stand.where("t2") == ""
    stand.set_state("t1", T.SHUTDOWN)
    assert stand.where("t2") == "n1"


def test_16_27_platform():
    spec = TaskSpec(placement=Placement(platforms=(Platform("linux", "arm"),)))
    stand = Stand(*services("s1"), *(make_node(f"n{i}") for i in range(3)), make_task("t1", spec=spec))
    assert stand.err("t1") == "no suitable node (unsupported platform on 3 nodes)"


def test_16_29_service_gone():
    stand = Stand(*services("s1"), make_task("t1"), make_task("t2"))
    stand.settle()
    stand.delete(stand.store.services["s1"])
    stand.write(make_task("t3", service=""))
    stand.settle()
    assert list(stand.s.unassigned) == ["t3"]
    stand.write(make_node())
    assert stand.where("t1") == ""


def test_16_30_preassigned_first():
    stand = Stand(
        *services("s1"),
        make_node("n1"),
        make_node("n2"),
        make_task("t1"),
        make_task("t2", node="n1"),
        make_task("t3", node="n1"),
    )
    assert stand.where("t1", "t2", "t3") == ["n2", "n1", "n1"]
    assert stand.task("t2").status.message == "scheduler confirmed task can run on preassigned node"


def test_16_31_unwanted_preassigned_tasks_are_ignored_at_the_start():
    stand = Stand(
        *services("s1"),
        make_node("n1"),
        make_task("a", node="n1", desired=T.SHUTDOWN),
        make_task("b", node="n1", desired=T.REMOVE),
        make_task("c", desired=T.REMOVE),
    )
    stand.settle()
    assert [task.state for task in stand.store.tasks.values()] == [T.PENDING] * 3


@pytest.mark.parametrize(("desired", "state"), [(T.SHUTDOWN, T.SHUTDOWN), (T.RUNNING, T.PENDING)])
def test_16_32_33_unschedulable_task_of_an_old_spec(desired, state):
    spec = TaskSpec(placement=Placement(max_replicas=1))
    stand = Stand(*services("s1"), make_node(), make_task("t1", spec=spec), make_task("t2", spec=spec))
    assert stand.err("t2") == "no suitable node (max replicas per node limit exceed)"
    with stand.store.transaction() as tx:
        tx.update(stand.store.services["s1"], spec_version=2)
        tx.update(stand.task("t2"), desired=desired)
    stand.write(make_node("n2", DOWN))
    stand.settle()
    task = stand.task("t2")
    assert task.state == state
    assert task.status.err == (
        "" if state == T.SHUTDOWN else "no suitable node (max replicas per node limit exceed)"
    )
    assert "t2" not in stand.s.unassigned


def test_16_33_it_is_let_go_of_for_good():
    """A rollback makes it current again, but nobody queues it: no node helps, a new leader does."""
    stand = Stand(*services("s1"), make_task("t1"))
    assert stand.err("t1") == "no suitable node"
    with stand.store.transaction() as tx:
        tx.update(stand.store.services["s1"], spec_version=2)
    stand.write(make_node("n1", DOWN))
    stand.settle()
    with stand.store.transaction() as tx:
        tx.update(stand.store.services["s1"], spec_version=0)
    stand.write(make_node("n2"))
    assert stand.where("t1") == ""
    stand.s.stop()
    stand.s.start()
    assert stand.where("t1") == "n2"


def test_16_34_plugin():
    spec = TaskSpec(ContainerSpec("x", mounts=(Mount(target="/x", volume_driver="plug"),)))
    stand = Stand(*services("s1"), make_node(), make_task("t1", spec=spec))
    assert stand.err("t1") == "no suitable node (missing plugin on 1 node)"
    stand.write(make_node("n2", plugins=("Volume/plug",)))
    assert stand.where("t1") == "n2"


def test_16_38_host_ports():
    def opens(*protocols):
        return Endpoint(ports=tuple(PortConfig(80, 58, p, PublishMode.HOST) for p in protocols))

    stand = Stand(
        *services("s1", "s2", "s3"),
        make_node("n1"),
        make_node("n2"),
        make_task("t1", service="s1", endpoint=opens(Protocol.TCP)),
    )
    stand.settle()
    stand.write(make_task("t2", service="s2", endpoint=opens(Protocol.UDP)))
    assert sorted(stand.where("t1", "t2")) == ["n1", "n2"]
    stand.write(make_task("t3", service="s3", endpoint=opens(Protocol.TCP, Protocol.UDP)))
    assert stand.err("t3") == "no suitable node (host-mode port already in use on 2 nodes)"


def test_16_39_max_replicas_and_a_third_node():
    spec = TaskSpec(placement=Placement(max_replicas=1))
    stand = Stand(
        *services("s1"), make_node("n1"), make_node("n2"), *(make_task(f"t{i}", spec=spec) for i in range(3))
    )
    assert stand.err("t2") == "no suitable node (max replicas per node limit exceed)"
    stand.write(make_node("n3"))
    assert stand.where("t2") == "n3"


def test_16_64_preassigned_without_room():
    spec = TaskSpec(reservations=Resources(memory_bytes=GIB))
    stand = Stand(
        make_service("s1", GlobalMode()),
        make_node("big", memory=2 * GIB),
        make_node("small"),
        make_task("a", node="big", slot=0, spec=spec),
        make_task("b", node="small", slot=0, spec=spec),
    )
    assert (stand.task("a").state, stand.err("a")) == (T.ASSIGNED, "")
    assert (stand.task("b").state, stand.err("b")) == (T.PENDING, "insufficient resources on 1 node")
    assert stand.clock.pending() == []
    stand.set_node("small", description=make_node("x", memory=GIB).description)
    stand.settle()
    assert stand.task("b").state == T.ASSIGNED


# -- events in detail --------------------------------------------------------------------------------


def test_new_tasks_wait_for_the_allocator():
    stand = Stand(*services("s1"), make_node(), make_task("t1", T.NEW))
    stand.settle()
    assert stand.task().node_id == ""
    stand.write(make_task("t2", T.NEW))
    stand.settle()
    stand.set_state("t2", T.PENDING)
    assert stand.where("t2") == "n1"


def test_changes_before_the_allocator_are_no_concern():
    stand = Stand(*services("s1"), make_node(), make_task("t1", T.NEW))
    stand.set_task("t1", desired=T.REMOVE)
    assert stand.clock.pending() == []


def test_task_that_ends_or_goes_while_waiting():
    stand = Stand(*services("s1"), make_task("a"), make_task("b"), make_task("c", T.NEW))
    stand.settle()
    stand.set_state("a", T.SHUTDOWN)
    stand.set_state("c", T.SHUTDOWN)
    stand.delete(stand.task("b"))
    stand.write(make_node())
    stand.settle()
    assert stand.where("a") == ""
    stand.s.check()


def test_9_decisions_are_written_200_at_a_time_and_what_changed_meanwhile_is_left_alone():
    stand = Stand(*services("s1"), make_node(), start=False)
    stand.write(*[make_task(f"t{number:03}") for number in range(403)])
    sizes = []

    def meddle(committed):
        sizes.append(len(committed.every))
        if len(sizes) == 1:
            stand.delete(stand.task("t250"))
            stand.set_task("t251", desired=T.SHUTDOWN)

    stand.store.watch(meddle, rank=99)
    stand.s.start()
    assert sizes == [200, 1, 1, 200, 1]
    assert "t250" not in stand.store.tasks
    assert (stand.task("t251").node_id, stand.task("t251").status.state) == ("", T.PENDING)
    assert list(stand.s.unassigned) == ["t251"], "what could not be written is queued again"
    stand.settle()
    assert sizes == [200, 1, 1, 200, 1, 1]
    assert {task.node_id for task in stand.store.tasks.values()} == {"n1"}
    assert stand.s.placer.nodes["n1"].total == 401


def test_preassigned_task_that_goes_while_waiting():
    stand = Stand(make_service("s1", GlobalMode()), make_node("n1", DOWN))
    stand.write(make_task("a", node="n1"), make_task("b", node="n1"))
    stand.delete(stand.task("a"))
    stand.set_state("b", T.SHUTDOWN)
    stand.settle()
    assert stand.s.preassigned == {}


def test_preassigned_task_changed_while_waiting():
    stand = Stand(make_service("s1", GlobalMode()), make_node("n1", DOWN), make_task("a", node="n1"))
    stand.settle()
    assert stand.task("a").status.err == "1 node not available for new tasks"
    stand.set_task("a", desired=T.SHUTDOWN)
    stand.settle()
    stand.set_state("a", T.ASSIGNED)
    stand.settle()
    assert stand.s.preassigned == {}


def test_node_that_comes_after_its_tasks():
    spec = TaskSpec(reservations=Resources(memory_bytes=GIB))
    stand = Stand(
        *services("s1"),
        make_task("a", T.RUNNING, node="late", spec=spec),
        make_task("b", T.FAILED, node="late", spec=spec),
        make_task("t1", spec=spec),
    )
    stand.write(make_node("late", memory=GIB))
    assert stand.err("t1") == "no suitable node (insufficient resources on 1 node)"


def test_unwanted_tasks_count_no_longer_as_active():
    stand = Stand(*services("s1"), make_node("n1"), make_node("n2"), make_task("a", T.RUNNING, node="n1"))
    assert stand.s.placer.nodes["n1"].total == 1
    stand.set_task("a", desired=T.SHUTDOWN)
    assert stand.s.placer.nodes["n1"].total == 0
    stand.s.check()


def test_statuses_of_one_round_are_one_object():
    stand = Stand(*services("s1"), make_node(), make_task("a"), make_task("b"))
    assert stand.task("a").status is stand.task("b").status


def test_stop_forgets_everything():
    stand = Stand(*services("s1"), make_task("a"), make_task("g", node="n1"))
    stand.write(make_node("n1"))
    assert stand.clock.foreground == 1
    stand.s.stop()
    stand.s.check()
    assert (stand.clock.pending(), stand.s.unassigned, stand.s.preassigned) == ([], {}, {})
    stand.write(make_node("n2"))
    assert stand.task("a").node_id == ""
    stand.s.stop()
    stand.s.start()
    assert stand.task("a").node_id


def test_copy_goes_its_own_way():
    stand = Stand(*services("s1"), make_node())
    stand.write(make_task("a"))
    twin = copy.deepcopy(stand)
    twin.settle()
    assert (twin.task("a").node_id, stand.task("a").node_id) == ("n1", "")
    stand.settle()
    assert stand.log.to_jsonl() == twin.log.to_jsonl()


def test_repr():
    stand = Stand(*services("s1"), make_task("a"), start=False)
    assert repr(stand.s) == "<Scheduler stopped: 0 without node, 0 to confirm; <Placer: 0 nodes, 0 tasks>>"
    stand.s.start()
    assert repr(stand.s) == "<Scheduler running: 1 without node, 0 to confirm; <Placer: 0 nodes, 0 tasks>>"

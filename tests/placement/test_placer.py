"""The placer as a whole: rows 1-40, 62-64 of the specification that need no store, what-if, users' rules.

Rows 29, 31 and 33 are about the queue and the store: they belong to the manager's scheduler loop.
"""

import copy
import random

import pytest

from meshsim.errors import BadValue
from meshsim.model.objects import TaskStatus
from meshsim.model.specs import Placement, PortConfig, Resources, TaskSpec
from meshsim.model.states import PublishMode, TaskState
from meshsim.placement import (
    NO_SPEC_VERSION,
    Placer,
    group_tasks,
    meets,
    parse_constraints,
    sample_node,
    sample_tasks,
    swarm_order,
    swarm_placement,
)
from meshsim.placement.tree import build_tree

GIGA = 10**9
MINUTE = 60 * GIGA


def placer_of(*nodes, **rules):
    placer = Placer(**rules)
    for node in nodes:
        placer.set_node(sample_node(node) if isinstance(node, str) else node)
    return placer


def hold(placer, service, node_id, count=1, **kwargs):
    """Put running tasks on a node, as a store would report them."""
    first = sum(task.service_id == service for info in placer.nodes.values() for task in info.tasks.values())
    tasks = [
        task.evolve_to(1, 0, node_id=node_id, status=TaskStatus(TaskState.RUNNING))
        for task in sample_tasks(service, count, first_slot=1000 + first, **kwargs)
    ]
    for task in tasks:
        assert placer.set_task(task)
    return tasks


def per_service(placer, service):
    return {node_id: info.services.get(service, 0) for node_id, info in placer.nodes.items()}


def reserve(cpus=0, memory=0, **generic):
    return TaskSpec(reservations=Resources(cpus, memory, generic))


def spread(*labels, **kwargs):
    return TaskSpec(placement=Placement(preferences=labels), **kwargs)


# -- rows 1 to 7 ---------------------------------------------------------------------------------------


def test_1_and_2_the_emptiest_node():
    placer = placer_of("n1", "n2", "n3")
    (old,) = hold(placer, "", "n1")
    first, second = sample_tasks("", 2, spec_version=NO_SPEC_VERSION)
    assert sorted(placer.place([first, second]).nodes.values()) == ["n2", "n3"]
    assert placer.remove_task(old.id)
    assert placer.place(sample_tasks("", 1, first_slot=9)).nodes == {".9": "n1"}


def test_3_a_task_that_lost_its_node():
    placer = placer_of("n1", "n2")
    (task,) = hold(placer, "s", "n1")
    hold(placer, "s", "n2", 2)
    assert placer.set_task(task.evolve_to(2, 0, node_id="", status=TaskStatus(TaskState.PENDING)))
    assert placer.place([task]).nodes == {task.id: "n1"}


def test_4_to_7_nodes_come_and_go():
    placer = placer_of("n1", sample_node("n2", state="down"))
    assert placer.remove_node("n2")
    assert not placer.remove_node("n2")
    assert placer.place(sample_tasks("s", 1)).nodes == {"s.1": "n1"}
    placer.set_node(sample_node("n3"))
    assert placer.place(sample_tasks("s", 1, first_slot=2)).nodes == {"s.2": "n3"}
    placer.set_node(sample_node("n4", state="down"))
    assert placer.place(sample_tasks("s", 1, first_slot=3)).nodes == {"s.3": "n1"}
    placer.set_node(sample_node("n4"))
    assert placer.place(sample_tasks("s", 1, first_slot=4)).nodes == {"s.4": "n4"}
    placer.set_node(sample_node("n5"))
    placer.set_node(sample_node("n5", state="down"))
    assert "n5" not in placer.place(sample_tasks("s", 3, first_slot=5)).nodes.values()
    placer.check()


# -- rows 8 to 12: high availability -------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("version", [1, NO_SPEC_VERSION], ids=["grouped", "one by one"])
def test_8_to_12_high_availability(seed, version):
    placer = placer_of("n1", "n2", "n3", "n4", "n5", ties=random.Random(seed) if seed else "joined")
    placer.place(sample_tasks("s1", 18, spec_version=version))
    assert sorted(per_service(placer, "s1").values()) == [3, 3, 4, 4, 4]
    placer.place(sample_tasks("s2", 2, spec_version=version))
    first, second = per_service(placer, "s1"), per_service(placer, "s2")
    assert [n for n in first if second[n]] == [n for n in first if first[n] == 3]
    placer.place(sample_tasks("s1", 3, first_slot=19, spec_version=version))
    first = per_service(placer, "s1")
    assert sorted(first.values()) == [4, 4, 4, 4, 5]
    assert all(first[n] == 4 for n in first if second[n])
    (new,) = placer.place(sample_tasks("s2", 1, first_slot=3, spec_version=version)).nodes.values()
    assert not second[new]
    assert first[new] == 4
    for task_id in list(placer.nodes["n1"].tasks):
        placer.remove_task(task_id)
    again = sample_tasks("s1", 4, first_slot=30, spec_version=version)
    again += sample_tasks("s2", 2, first_slot=30, spec_version=version)
    before = per_service(placer, "s2")
    placer.place(again)
    assert per_service(placer, "s1")["n1"] == 4
    assert per_service(placer, "s2")["n1"] - before["n1"] == 1
    placer.check()


# -- rows 13 to 16 and 63: preferences -----------------------------------------------------------------


def zoned(name, **labels):
    return sample_node(name, labels=labels)


def test_13_one_zone_with_one_node():
    placer = placer_of(zoned("n1", az="az1"), *(zoned(f"n{i}", az="az2") for i in range(2, 6)))
    outcome = placer.place(sample_tasks("s", 8, spread("node.labels.az")))
    assert outcome.per_node() == {"n1": 4, "n2": 1, "n3": 1, "n4": 1, "n5": 1}


@pytest.mark.parametrize("seed", range(5))
def test_14_nested(seed):
    def node(name, az, rack, memory, apples):
        return sample_node(
            name, memory_bytes=memory, generic={"apple": apples}, labels={"az": az, "rack": rack}
        )

    giga = 10**9
    placer = placer_of(
        node("small", "az1", "rack1", 10**8, 1),
        node("big", "az1", "rack1", giga, 10),
        *(node(f"a{i}", "az2", "rack1", giga, 6) for i in range(3)),
        *(node(f"b{i}", "az2", "rack2", giga, 6) for i in range(2)),
        ties=random.Random(seed),
    )
    spec = spread("node.labels.az", "node.labels.rack", reservations=Resources(0, 2 * 10**8, {"apple": 2}))
    got = placer.place(sample_tasks("s", 12, spec)).per_node()
    assert (got.get("small", 0), got["big"]) == (0, 5)
    racks = [sorted(got[f"{rack}{i}"] for i in range(n)) for rack, n in (("a", 3), ("b", 2))]
    assert racks in ([[1, 1, 2], [1, 2]], [[1, 1, 1], [2, 2]])


@pytest.mark.parametrize("seed", range(5))
def test_15_scaling_up_over_nested_branches(seed):
    nodes = [
        zoned(f"{dc}{rack}", dc=dc, rack=rack) for dc, rack in (("d1", "r1"), ("d1", "r2"), ("d2", "r1"))
    ]
    placer = placer_of(*nodes, ties=random.Random(seed))
    for node, count in (("d1r1", 3), ("d1r2", 1), ("d2r1", 3)):
        hold(placer, "s", node, count)
    outcome = placer.place(sample_tasks("s", 2, spread("node.labels.dc", "node.labels.rack")))
    assert not outcome.pending
    assert not {"d1r1"} & set(outcome.nodes.values())


@pytest.mark.parametrize("seed", range(8))
def test_63_the_first_branch_may_take_all(seed):
    nodes = [zoned(name, zone=name) for name in ("a", "b", "c")]
    placer = placer_of(*nodes, ties=random.Random(seed))
    hold(placer, "s", "a", 10)
    assert placer.place(sample_tasks("s", 4, spread("node.labels.zone"))).per_node() in ({"b": 4}, {"c": 4})


def test_unknown_descriptors_are_ignored():
    placer = placer_of(zoned("n1", zone="a"), zoned("n2", zone="a"), zoned("n3", zone="b"))
    spec = spread("node.role", "node.hostname", "node.labels.", "Node.Labels.zone")
    assert placer.place(sample_tasks("s", 4, spec)).per_node() == {"n1": 1, "n2": 1, "n3": 2}


def test_missing_and_empty_labels_are_one_branch():
    placer = placer_of(zoned("n1"), zoned("n2", zone=""), zoned("n3", zone="b"))
    outcome = placer.place(sample_tasks("s", 4, spread("node.labels.zone")))
    assert outcome.per_node() == {"n1": 1, "n2": 1, "n3": 2}


def test_a_branch_that_cannot_take_its_share_leaves_it_to_the_others():
    placer = placer_of(
        sample_node("n1", labels={"zone": "a"}, cpus=1), sample_node("n2", labels={"zone": "b"}, cpus=9)
    )
    spec = spread("node.labels.zone", reservations=Resources(GIGA))
    assert placer.place(sample_tasks("s", 6, spec)).per_node() == {"n1": 1, "n2": 5}


def test_a_branch_says_what_it_is():
    seen = []

    def look(board):
        tree = build_tree(board)
        seen.extend([repr(tree), repr(tree.next["b"])])

    placer = placer_of(zoned("n1", zone="a"), zoned("n2", zone="b"), placement=look)
    hold(placer, "s", "n1", 2)
    placer.place(sample_tasks("s", 1, spread("node.labels.zone")))
    assert seen == ["<Branch: 2 tasks, 2 branches>", "<Branch: 0 tasks, 1 nodes>"]


def test_single_tasks_with_preferences_see_the_ones_before():
    placer = placer_of(zoned("n1", zone="a"), zoned("n2", zone="b"), zoned("n3", zone="b"))
    tasks = sample_tasks("s", 8, spread("node.labels.zone"), spec_version=NO_SPEC_VERSION)
    assert placer.place(tasks).per_node() == {"n1": 4, "n2": 2, "n3": 2}


# -- rows 17 to 25 -------------------------------------------------------------------------------------


def test_17_no_node_at_all():
    placer = Placer()
    assert placer.place(sample_tasks("s", 1)).pending == {"s.1": "no suitable node"}
    placer.set_node(sample_node("n1"))
    assert placer.place(sample_tasks("s", 1)).nodes == {"s.1": "n1"}


def fail_again_and_again(placer, version, tries, now_ns):
    """Place one task, see it fail, and so on; returns where each went."""
    went = []
    for number in range(tries):
        (task,) = sample_tasks("s", 1, first_slot=50 + number, spec_version=version)
        (node_id,) = placer.place([task], now_ns=now_ns).nodes.values()
        went.append(node_id)
        placer.set_task(task.evolve_to(1, 0, node_id=node_id, status=TaskStatus(TaskState.FAILED)))
        placer.count_failure("s", version, node_id, now_ns)
    return went


def test_18_and_20_a_faulty_node_ranks_last_until_the_spec_changes():
    placer = placer_of("n1", "n2")
    hold(placer, "s", "n1")
    assert fail_again_and_again(placer, 1, 7, 0) == ["n2"] * 5 + ["n1"] * 2
    assert fail_again_and_again(placer, 2, 5, 0) == ["n2"] * 5
    assert fail_again_and_again(placer, 1, 1, 6 * MINUTE) == ["n2"]  # forgotten
    placer.count_failure("s", 1, "gone", 0)  # a node that is gone has no record
    placer.check()


def test_62_and_failures_in_a_group():
    for ages_s, allowed in (([1] * 5, [0, 1, 5]), ([1] * 4 + [301], [2, 2, 2])):
        placer = placer_of("n1", "n2", "faulty")
        for age in sorted(ages_s, reverse=True):
            placer.count_failure("s", 1, "faulty", 400 * GIGA - age * GIGA)
        got = placer.place(sample_tasks("s", 6), now_ns=400 * GIGA).per_node()
        assert sorted(got.get(n, 0) for n in placer.nodes) == allowed
        assert got.get("faulty", 0) == (0 if ages_s == [1] * 5 else 2)


@pytest.mark.parametrize(
    ("version", "result"), [(1, [0, 1, 5]), (NO_SPEC_VERSION, [0, 3, 3])], ids=["group", "one by one"]
)
@pytest.mark.parametrize("seed", range(3))
def test_62_the_levelling_pass_never_turns_back(version, result, seed):
    placer = placer_of("n1", "n2", "n3", ties=random.Random(seed))
    hold(placer, "s", "n3", 10)
    got = placer.place(sample_tasks("s", 6, spec_version=version)).per_node()
    assert sorted(got.get(n, 0) for n in placer.nodes) == result


def test_other_services_do_not_disturb_the_levelling():
    placer = placer_of("n1", "n2", "busy")
    hold(placer, "other", "busy", 10)
    assert placer.place(sample_tasks("s", 7)).per_node() == {"n1": 3, "n2": 2, "busy": 2}


def test_21_and_22_resources():
    placer = placer_of(
        sample_node("small", generic={"orange": 1, "apple": 1}),
        sample_node("u1", state="unknown"),
        sample_node("u2", state="unknown"),
    )
    tasks = sample_tasks("s", 1, reserve(orange=2, apple=2))
    text = "no suitable node (2 nodes not available for new tasks; insufficient resources on 1 node)"
    assert placer.place(tasks).pending == {"s.1": text}
    placer.set_node(sample_node("big", generic={"orange": ("a", "b", "c", "d"), "apple": 4}))
    outcome = placer.place(tasks)
    assert outcome.nodes == {"s.1": "big"}
    assert outcome.generic == {"s.1": {"orange": ("a", "b"), "apple": 2}}


def test_23_high_availability_within_resources():
    placer = placer_of(sample_node("n1", memory_bytes=20), sample_node("n2", memory_bytes=10**9))
    hold(placer, "s", "n1", 1, spec=reserve(0, 10))
    hold(placer, "s", "n2", 3, spec=reserve(0, 10))
    assert placer.place(sample_tasks("s", 2, reserve(0, 10))).per_node() == {"n1": 1, "n2": 1}


def test_24_and_25_a_dead_task_holds_nothing():
    placer = placer_of(sample_node("n1", memory_bytes=10))
    tasks = sample_tasks("s", 2, reserve(0, 10))
    outcome = placer.place(tasks)
    assert outcome.pending == {"s.2": "no suitable node (insufficient resources on 1 node)"}
    dead = tasks[0].evolve_to(1, 0, node_id="n1", status=TaskStatus(TaskState.SHUTDOWN))
    assert placer.set_task(dead)
    assert not placer.set_task(dead)
    assert placer.place([tasks[1]]).nodes == {"s.2": "n1"}


# -- rows 30, 32, 39, 40, 64 ---------------------------------------------------------------------------


def test_30_and_64_preassigned_tasks():
    placer = placer_of("n1", "n2", sample_node("paused", availability="pause"))
    for task in sample_tasks("g", 2, node_id="n1"):
        assert placer.confirm(task) is None
        assert placer.node_of(task.id) is placer.nodes["n1"]
    assert placer.place(sample_tasks("s", 1)).nodes == {"s.1": "n2"}
    (big,) = sample_tasks("big", 1, reserve(0, 10), node_id="n1")
    assert placer.confirm(big) == "insufficient resources on 1 node"
    assert placer.node_of("big.1") is None
    assert placer.confirm(sample_tasks("g", 1, first_slot=7, node_id="paused")[0]) == (
        "1 node not available for new tasks"
    )
    assert placer.confirm(sample_tasks("g", 1, first_slot=8, node_id="gone")[0]) == ""
    placer.check()


def test_64_the_global_orchestrators_nodes():
    nodes = [
        sample_node("drained", availability="drain"),
        sample_node("down", state="down"),
        sample_node("small"),
        sample_node("big", memory_bytes=100),
    ]
    placer = placer_of(*nodes)
    constraints = parse_constraints(["node.role==worker"])
    assert all(meets(constraints, node) for node in nodes)
    answers = [placer.confirm(sample_tasks("g", 1, reserve(0, 9), first_slot=n, node_id=node)[0])
               for n, node in enumerate(("small", "big"))]  # fmt: skip
    assert answers == ["insufficient resources on 1 node", None]


def test_32_and_39_max_replicas():
    spec = TaskSpec(placement=Placement(max_replicas=1))
    placer = placer_of("n1", "n2")
    outcome = placer.place(sample_tasks("s", 3, spec))
    assert outcome.pending == {"s.3": "no suitable node (max replicas per node limit exceed)"}
    placer.set_node(sample_node("n3"))
    assert placer.place(sample_tasks("s", 1, spec, first_slot=3)).nodes == {"s.3": "n3"}


def test_40_first_failing_filter_counts():
    spec = TaskSpec(placement=Placement(max_replicas=3, constraints=("node.hostname==n1",)))
    placer = placer_of("n1", "n2", "n3")
    reasons = "scheduling constraints not satisfied on 2 nodes; max replicas per node limit exceed"
    text = f"no suitable node ({reasons})"
    assert placer.place(sample_tasks("s", 4, spec)).pending == {"s.4": text}
    nowhere = TaskSpec(placement=Placement(max_replicas=3, constraints=("node.hostname==n9",)))
    text = "no suitable node (scheduling constraints not satisfied on 3 nodes)"
    assert placer.place(sample_tasks("t", 1, nowhere)).pending == {"t.1": text}


def test_the_settled_text_counts_what_the_round_has_filled():
    placer = placer_of(sample_node("d", availability="drain"), sample_node("x", state="down"), "n1")
    outcome = placer.place(sample_tasks("s", 4, TaskSpec(placement=Placement(max_replicas=1))))
    text = "no suitable node (2 nodes not available for new tasks; max replicas per node limit exceed)"
    assert outcome.pending == {f"s.{n}": text for n in (2, 3, 4)}
    assert repr(outcome) == f"<Outcome: 1 placed, 3 pending: {text}>"


# -- groups, bookkeeping, what-if ----------------------------------------------------------------------


def test_groups_by_service_and_spec_version():
    tasks = [*sample_tasks("a", 2), *sample_tasks("b", 1), *sample_tasks("a", 1, first_slot=3)]
    tasks += [*sample_tasks("a", 1, spec_version=2, first_slot=4), *sample_tasks("c", 1, spec_version=-1)]
    groups, single = group_tasks(tasks)
    assert [[task.id for task in group] for group in groups] == [["a.1", "a.2", "a.3"], ["b.1"], ["a.4"]]
    assert [task.id for task in single] == ["c.1"]


def test_what_was_decided_comes_back_from_the_store_unchanged():
    placer = placer_of(sample_node("n1", generic={"gpu": ("a", "b")}), "n2")
    (task,) = sample_tasks("s", 1, reserve(gpu=1))
    outcome = placer.place([task])
    told = task.evolve_to(
        5, 0, node_id="n1", status=TaskStatus(TaskState.ASSIGNED), assigned_generic=outcome.generic["s.1"]
    )
    assert not placer.set_task(told)
    assert placer.set_task(told.evolve_to(6, 0, node_id="n2"))  # moved
    assert placer.node_of("s.1").id == "n2"
    assert placer.nodes["n1"].generic == {"gpu": ["b", "a"]}
    assert placer.set_task(told.evolve_to(7, 0, node_id="unknown"))
    assert placer.node_of("s.1") is None
    placer.check()


def test_tasks_that_are_not_on_a_node_count_nowhere():
    placer = placer_of("n1")
    pending, elsewhere = sample_tasks("s", 2, node_id="n1")
    assert not placer.set_task(pending)
    assert not placer.set_task(elsewhere.evolve_to(1, 0, node_id="n9", status=TaskStatus(TaskState.RUNNING)))
    assert not placer.remove_task("nobody")
    assert placer.nodes["n1"].total == 0


def test_removing_a_node_forgets_its_tasks():
    placer = placer_of("n1")
    placer.place(sample_tasks("s", 2))
    placer.remove_node("n1")
    assert repr(placer) == "<Placer: 0 nodes, 0 tasks>"
    assert not placer.remove_task("s.1")
    placer.check()


@pytest.mark.parametrize("ties", ["joined", random.Random(3)], ids=["joined", "seeded"])
def test_what_if_changes_nothing(ties):
    placer = placer_of("n1", "n2", "n3", ties=ties)
    placer.place(sample_tasks("a", 2))
    before = {n: (i.total, dict(i.services), list(i.tasks)) for n, i in placer.nodes.items()}
    tasks = sample_tasks("s", 4)
    imagined = placer.what_if(tasks)
    assert {n: (i.total, dict(i.services), list(i.tasks)) for n, i in placer.nodes.items()} == before
    assert placer.place(tasks).nodes == imagined.nodes
    placer.check()


def test_a_snapshot_goes_its_own_way():
    placer = placer_of("n1")
    twin = placer.snapshot()
    twin.set_node(sample_node("n2"))
    twin.set_driver("net", "weave")
    twin.place(sample_tasks("s", 2))
    twin.check()
    assert (len(placer.nodes), placer.nodes["n1"].total, placer.node_of("s.1")) == (1, 0, None)


def test_a_deep_copy_shares_what_the_memo_shares():
    rng = random.Random(1)
    placer, other = placer_of("n1", "n2", ties=rng), [rng]
    twin, twin_other = copy.deepcopy((placer, other))
    assert twin.place(sample_tasks("s", 1)).nodes == placer.place(sample_tasks("s", 1)).nodes
    assert twin_other[0].random() == rng.random()


def test_seeded_ties_vary_and_repeat():
    def first(seed):
        placer = placer_of(*(f"n{i}" for i in range(9)), ties=random.Random(seed))
        return placer.place(sample_tasks("s", 1)).nodes["s.1"]

    assert len({first(seed) for seed in range(30)}) > 5
    assert [first(seed) for seed in range(5)] == [first(seed) for seed in range(5)]


def test_single_tasks_draw_their_ties_too():
    def per_node(seed):
        placer = placer_of(*(f"n{i}" for i in range(4)), ties=random.Random(seed))
        return placer.place(sample_tasks("s", 6, spec_version=NO_SPEC_VERSION)).per_node()

    assert all(sorted(per_node(seed).values()) == [1, 1, 2, 2] for seed in range(5))
    assert len({tuple(sorted(per_node(seed).items())) for seed in range(20)}) > 1


def test_single_tasks_of_several_kinds():
    placer = placer_of(sample_node("n1", cpus=1), sample_node("n2", cpus=2))
    one = NO_SPEC_VERSION
    tasks = [
        *sample_tasks("a", 2, reserve(GIGA), spec_version=one),
        *sample_tasks("b", 1, spec_version=one),
        *sample_tasks("a", 2, reserve(GIGA), first_slot=3, spec_version=one),
        *sample_tasks(
            "b", 1, spec_version=one, first_slot=2, ports=[PortConfig(1, 2, mode=PublishMode.HOST)]
        ),
    ]
    outcome = placer.place(tasks)
    assert outcome.nodes == {"a.1": "n1", "a.2": "n2", "b.1": "n1", "a.3": "n2", "b.2": "n2"}
    assert outcome.pending == {"a.4": "no suitable node (insufficient resources on 2 nodes)"}


def test_negative_reservations_give_room_as_in_the_engine():
    placer = placer_of(sample_node("n1", cpus=1))
    tasks = sample_tasks("a", 1, reserve(-GIGA), spec_version=NO_SPEC_VERSION)
    tasks += sample_tasks("b", 2, reserve(GIGA), spec_version=NO_SPEC_VERSION)
    assert len(placer.place(tasks).nodes) == 3
    assert placer.nodes["n1"].nano_cpus == 0


# -- a user's own rules --------------------------------------------------------------------------------


class OnlyEven:
    """A placement rule of one's own, as the architecture shows it."""

    def applies(self, task):
        return task.spec.container.labels.get("parity") == "even"

    def accepts(self, task, node):
        return int(node.hostname[-2:]) % 2 == 0

    def explain(self, count):
        return f"odd host number on {count} nodes"


class AtMostThree:
    """A rule that depends on what was placed just now."""

    def applies(self, task):
        return True

    def accepts(self, task, node):
        return node.total < 3

    def explain(self, count):
        return f"full house on {count}"


HOSTS = [sample_node(f"host{i:02}") for i in range(1, 5)]


def test_a_filter_of_ones_own():
    from meshsim.model.specs import ContainerSpec

    placer = placer_of(*HOSTS, extra_filters=[OnlyEven()])
    even = TaskSpec(container=ContainerSpec(labels={"parity": "even"}))
    assert placer.place(sample_tasks("s", 4, even)).per_node() == {"host02": 2, "host04": 2}
    assert len(placer.place(sample_tasks("t", 4)).per_node()) == 4
    for node in HOSTS:
        placer.set_node(sample_node(node.id, state="down" if node.id != "host03" else "ready"))
    text = "no suitable node (3 nodes not available for new tasks; odd host number on 1 nodes)"
    assert placer.place(sample_tasks("u", 1, even)).pending == {"u.1": text}
    assert placer.explain(sample_tasks("u", 1, even)[0]).verdict("host03").filter == "OnlyEven"


@pytest.mark.parametrize("version", [1, NO_SPEC_VERSION])
def test_a_filter_may_look_at_what_was_just_placed(version):
    placer = placer_of(*HOSTS, extra_filters=[AtMostThree()])
    outcome = placer.place(sample_tasks("s", 13, spec_version=version))
    assert outcome.per_node() == {node.id: 3 for node in HOSTS}
    assert outcome.pending == {"s.13": "no suitable node (full house on 4)"}


@pytest.mark.parametrize("version", [1, NO_SPEC_VERSION])
def test_a_ranking_of_ones_own(version):
    def most_free_memory(task, node, now_ns):
        return (-node.memory_bytes, *swarm_order(task, node, now_ns))

    nodes = [sample_node("n1", memory_bytes=30), sample_node("n2", memory_bytes=50)]
    placer = placer_of(*nodes, order=most_free_memory)
    tasks = sample_tasks("s", 4, reserve(0, 10), spec_version=version)
    assert placer.place(tasks).nodes == {"s.1": "n2", "s.2": "n2", "s.3": "n1", "s.4": "n2"}
    explanation = placer.explain(sample_tasks("t", 1, reserve(0, 1))[0])
    assert explanation.why("n2", "n1") == (
        "n1 ranks before n2: its key (-20, 0, 0, 1) is smaller than (-20, 0, 0, 3)"
    )


def pack(board):
    """First fit: fill one node after the other."""
    for node in board.nodes:
        while board.waiting and board.fits(node):
            board.assign(node)


def test_a_whole_placement_of_ones_own():
    nodes = [sample_node(f"n{i}", cpus=3) for i in range(3)]
    placer = placer_of(*nodes, placement=pack)
    outcome = placer.place(sample_tasks("s", 10, reserve(GIGA)))
    assert outcome.per_node() == {"n0": 3, "n1": 3, "n2": 3}
    assert outcome.pending == {"s.10": "no suitable node (insufficient resources on 3 nodes)"}
    placer.check()


def test_ones_own_for_the_first_then_swarms_for_the_rest():
    def pin_first(board):
        board.assign(board.nodes[-1])
        swarm_placement(board)

    placer = placer_of("n1", "n2", "n3", placement=pin_first)
    outcome = placer.place(sample_tasks("s", 3, spec_version=NO_SPEC_VERSION) + sample_tasks("t", 2))
    assert outcome.nodes["t.1"] == "n3"
    assert {outcome.nodes[f"s.{n}"] for n in (1, 2, 3)} == {"n3"}


def test_a_board_says_what_it_is_and_refuses_too_much():
    seen = []

    def greedy(board):
        seen.append(repr(board))
        board.assign(board.nodes[0])
        board.assign(board.nodes[0])

    placer = placer_of("n1", placement=greedy)
    with pytest.raises(BadValue, match="no task of the group is waiting any more"):
        placer.place(sample_tasks("s", 1))
    assert seen == ["<Board s: 1 tasks waiting, 1 nodes>"]


# -- three wrong things at each door -------------------------------------------------------------------


def test_wrong_arguments():
    with pytest.raises(BadValue, match=r"ties must be 'joined' or a random.Random, not 7"):
        Placer(ties=7)
    with pytest.raises(BadValue, match=r"a filter needs the method applies\(\)"):
        Placer(extra_filters=[object()])
    with pytest.raises(BadValue, match="order must be callable, not 3"):
        Placer(order=3)
    with pytest.raises(BadValue, match="placement must be callable, not 'pack'"):
        Placer(placement="pack")
    placer = placer_of("n1")
    tasks = sample_tasks("s", 1)
    with pytest.raises(BadValue, match="the same task was given twice"):
        placer.place(tasks * 2)
    assert placer.nodes["n1"].total == 0
    placer.place(tasks)
    with pytest.raises(BadValue, match=r"task s.1 is on node n1 already"):
        placer.place(tasks)
    assert placer.place([]).nodes == {}


def test_wrong_samples():
    with pytest.raises(
        BadValue, match="unknown NodeState 'broken'; known: unknown, down, ready, disconnected"
    ):
        sample_node("n1", state="broken")
    with pytest.raises(BadValue, match="cannot make -1 tasks"):
        sample_tasks("s", -1)

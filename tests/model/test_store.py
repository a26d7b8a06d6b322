"""The store: transactions, watchers, indexes, log, copies."""

import copy
import json

import pytest

from meshsim.errors import AlreadyExists, MeshsimError, NotFound, OutOfSequence
from meshsim.model.events import Committed, Created, Removed, Updated
from meshsim.model.objects import (
    Attachment,
    Endpoint,
    IpamState,
    Network,
    Node,
    Secret,
    Service,
    Swarm,
    Task,
    TaskShared,
    TaskStatus,
    VirtualIP,
)
from meshsim.model.specs import NetworkSpec, SecretSpec, ServiceSpec, TaskSpec
from meshsim.model.states import Role, TaskState
from meshsim.model.store import MAX_CHANGES, Store
from meshsim.sim import Clock


@pytest.fixture
def store() -> Store:
    return Store(Clock())


def task(identifier: str, service: str = "s1", **changes) -> Task:
    return Task(identifier, TaskShared(service, "web", TaskSpec(), 1, 0), 1, **changes)


class Watcher:
    def __init__(self, name: str, seen: list, then=None) -> None:
        self.name = name
        self.seen = seen
        self.then = then

    def __call__(self, committed: Committed) -> None:
        self.seen.append((self.name, committed.version, [type(c).__name__ for c in committed.changes]))
        if self.then is not None:
            then, self.then = self.then, None
            then()


def test_a_commit_stamps_versions_and_times(store):
    store.clock.run_until(7)
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
    assert (node.version, node.created_ns, node.updated_ns) == (1, 7, 7)
    store.clock.run_until(9)
    with store.transaction() as tx:
        node = tx.update(node, role=Role.MANAGER)
    assert (node.version, node.created_ns, node.updated_ns) == (2, 7, 9)
    assert store.nodes["n1"] is node is store.get(Node, "n1")


def test_a_failed_transaction_leaves_no_trace(store):
    seen: list = []
    store.watch(Watcher("w", seen), rank=0)
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:
        tx.create(Node("n1"))
        raise ZeroDivisionError
    assert not store.nodes
    assert store.version == 0
    assert not seen
    assert len(store.log) == 0
    with store.transaction() as tx:
        tx.create(Node("n1"))


def test_a_transaction_without_writes_commits_nothing(store):
    with store.transaction():
        pass
    with store.transaction() as tx:
        tx.delete(tx.create(Node("n1")))
    assert store.version == 0
    assert len(store.log) == 0


def test_a_transaction_reads_its_own_writes(store):
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
        assert tx.get(Node, "n1") is node
        node = tx.update(node, role=Role.MANAGER)
        tx.delete(node)
        assert tx.get(Node, "n1") is None
        with pytest.raises(NotFound, match="node n1 not found"):
            tx.update(node)
        with pytest.raises(NotFound, match="node n1 not found"):
            tx.delete(node)
        tx.create(Node("n2"))
    assert list(store.nodes) == ["n2"]


def test_transactions_do_not_nest(store):
    with store.transaction(), pytest.raises(MeshsimError, match="open already"), store.transaction():
        pass


def test_an_update_must_start_from_the_present(store):
    with store.transaction() as tx:
        old = tx.create(Node("n1"))
    with store.transaction() as tx:
        tx.update(old, role=Role.MANAGER)
    with pytest.raises(OutOfSequence) as caught, store.transaction() as tx:
        tx.update(old, role=Role.WORKER)
    assert str(caught.value) == "rpc error: code = Unknown desc = update out of sequence"
    assert caught.value.status == 500


def test_an_equal_object_will_do_for_an_update(store):
    with store.transaction() as tx:
        tx.create(Node("n1"))
    with store.transaction() as tx:
        tx.update(copy.copy(store.nodes["n1"]), role=Role.MANAGER)
    same = Node("n1", version=2, role=Role.MANAGER)
    with store.transaction() as tx:
        assert tx.update(same, role=Role.WORKER).role is Role.WORKER


def test_ids_are_unique(store):
    with pytest.raises(AlreadyExists), store.transaction() as tx:
        tx.create(Node("n1"))
        tx.create(Node("n1"))


def test_names_are_unique_without_regard_to_case(store):
    # data-plane 1.4: EG1 beside eg1
    with store.transaction() as tx:
        network = tx.create(Network("a", spec=NetworkSpec("eg1")))
        tx.create(Service("b", spec=ServiceSpec("eg1")))
    text = "rpc error: code = Unknown desc = name conflicts with an existing object"
    with pytest.raises(AlreadyExists) as caught, store.transaction() as tx:
        tx.create(Network("c", spec=NetworkSpec("EG1")))
    assert str(caught.value) == text
    with pytest.raises(AlreadyExists), store.transaction() as tx:
        tx.create(Network("c", spec=NetworkSpec("x")))
        tx.create(Network("d", spec=NetworkSpec("X")))
    with store.transaction() as tx:
        tx.delete(network)
        tx.create(Network("c", spec=NetworkSpec("EG1")))
    assert store.named(Network, "eg1").id == "c"
    assert store.named(Network, "nosuch") is None
    store.check()


def test_renaming_claims_the_new_name_and_frees_the_old(store):
    with store.transaction() as tx:
        secret = tx.create(Secret("a", spec=SecretSpec("one")))
        tx.create(Secret("b", spec=SecretSpec("two")))
    with pytest.raises(AlreadyExists), store.transaction() as tx:
        tx.update(secret, spec=SecretSpec("two"))
    with store.transaction() as tx:
        tx.update(secret, spec=SecretSpec("three"))
    assert store.named(Secret, "one") is None
    assert store.named(Secret, "three").id == "a"
    store.check()


def test_a_tasks_state_never_goes_back(store):
    with store.transaction() as tx:
        running = tx.create(task("t1", status=TaskStatus(TaskState.RUNNING)))
    with pytest.raises(MeshsimError, match="never goes back"), store.transaction() as tx:
        tx.update(running, status=TaskStatus(TaskState.READY))


def test_tasks_are_indexed_by_service_and_node(store):
    with store.transaction() as tx:
        first = tx.create(task("t1"))
        tx.create(task("t2", node_id="n1"))
        tx.create(task("t3", "s2"))
    with store.transaction() as tx:
        tx.update(first, node_id="n1")
    assert [t.id for t in store.tasks_of_service("s1")] == ["t1", "t2"]
    assert [t.id for t in store.tasks_of_node("n1")] == ["t2", "t1"]
    assert store.tasks_of_service("nosuch") == [] == store.tasks_of_node("nosuch")
    store.check()
    with store.transaction() as tx:
        for each in list(store.tasks.values()):
            tx.delete(each)
    assert store.tasks_of_service("s1") == []
    store.check()


def test_a_task_can_lose_its_node(store):
    with store.transaction() as tx:
        placed = tx.create(task("t1", node_id="n1"))
    with store.transaction() as tx:
        tx.update(placed, node_id="")
    assert store.tasks_of_node("n1") == []
    store.check()


def test_watchers_are_told_once_in_rank_order_breadth_first(store):
    seen: list = []

    def write_more() -> None:
        with store.transaction() as tx:
            tx.update(store.nodes["n1"], role=Role.MANAGER)
        seen.append("written")

    store.watch(Watcher("second", seen), rank=20)
    store.watch(Watcher("first", seen, write_more), rank=10)
    with store.transaction() as tx:
        tx.create(Node("n1"))
    assert seen == [
        ("first", 1, ["Created"]),
        "written",
        ("second", 1, ["Created"]),
        ("first", 2, ["Updated"]),
        ("second", 2, ["Updated"]),
    ]


def test_what_is_done_afterwards_is_told_as_it_is_written(store):
    told: list = []

    def note(committed: Committed) -> None:
        told.append(committed.version)
        if committed.version == 1:
            store.afterwards(write_two)
            store.afterwards(lambda: told.append("next work"))
            with store.transaction() as tx:
                tx.update(store.nodes["n1"], role=Role.MANAGER)

    def write_two() -> None:
        for name in ("n2", "n3"):
            with store.transaction() as tx:
                tx.create(Node(name))
            told.append(name)

    store.watch(note, rank=1)
    with store.transaction() as tx:
        tx.create(Node("n1"))
    assert told == [1, 2, 3, "n2", 4, "n3", "next work"]
    store.afterwards(lambda: told.append("at once"))
    assert told[-1] == "at once"


def test_a_work_that_fails_leaves_the_others_for_the_next_time(store):
    told: list = []

    def fail() -> None:
        store.afterwards(lambda: told.append("second"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.afterwards(fail)
    assert told == []
    store.afterwards(lambda: told.append("third"))
    assert told == ["second", "third"]


def sizes_of_commits(store) -> list[int]:
    sizes: list[int] = []
    store.watch(lambda committed: sizes.append(len(committed.every)), rank=9)
    return sizes


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (199, [199]), (200, [200]), (201, [200, 1]), (2 * MAX_CHANGES + 5, [200, 200, 5])],
)
def test_a_batch_commits_at_200_changes(store, count, sizes):
    seen = sizes_of_commits(store)
    with store.batch() as tx:
        for number in range(count):
            tx.step()
            created = tx.create(Node(f"n{number}"))
            assert created.version == number // 200 + 1
            assert tx.get(Node, "n0") is not None, "a batch sees what it wrote, committed or not"
    assert seen == sizes
    assert store.version == len(sizes)


def test_changes_between_two_steps_stay_together(store):
    seen = sizes_of_commits(store)
    with store.batch() as tx:
        for number in range(100):
            tx.step()
            for part in "abc":
                tx.create(Node(f"n{number}{part}"))
    assert seen == [201, 99]


def test_a_failed_batch_keeps_what_it_committed(store):
    seen = sizes_of_commits(store)
    with pytest.raises(ZeroDivisionError), store.batch() as tx:
        for number in range(300):
            tx.step()
            tx.create(Node(f"n{number}"))
        raise ZeroDivisionError
    assert seen == [200]
    assert len(store.nodes) == 200
    with store.transaction() as tx:
        tx.create(Node("n200"))


def test_watchers_may_write_between_the_transactions_of_a_batch(store):
    def follow(committed: Committed) -> None:
        with store.transaction() as tx:
            for old, new in committed.every:
                if old is None and isinstance(new, Node):
                    tx.update(new, role=Role.MANAGER)

    store.watch(follow, rank=0)
    with store.batch() as tx:
        for number in range(201):
            tx.step()
            version = tx.create(Node(f"n{number}")).version
    assert version == 3, "the second transaction comes after the watcher's"
    assert {node.role for node in store.nodes.values()} == {Role.MANAGER}


def test_only_one_transaction_or_batch_is_open(store):
    with store.batch(), pytest.raises(MeshsimError, match="open already"), store.transaction():
        pass


def test_a_transaction_lets_go_of_what_it_wrote(store):
    with store.transaction() as tx:
        tx.create(Node("n1"))
    assert tx._writes == {}


def test_what_is_made_and_removed_in_one_transaction_was_never_there(store):
    seen = sizes_of_commits(store)
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
        tx.delete(tx.update(node, role=Role.MANAGER))
    assert seen == []


def test_what_is_removed_and_made_again_in_one_transaction_is_updated(store):
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
    events: list = []
    store.watch(events.append, rank=0)
    with store.transaction() as tx:
        tx.delete(node)
        assert tx.get(Node, "n1") is None
        with pytest.raises(NotFound):
            tx.update(node, role=Role.MANAGER)
        with pytest.raises(NotFound):
            tx.delete(node)
        again = tx.create(Node("n1", role=Role.MANAGER))
    assert events[0].changes == (Updated(node, again),)
    store.check()


def test_a_commit_tells_what_is_routine_and_what_is_a_report(store):
    """Routine: a task goes on as it is meant to. Report: moreover, only its node spoke."""
    with store.transaction() as tx:
        for name in ("placed", "reported", "ended", "told"):
            tx.create(task(name))
    events: list = []
    store.watch(events.append, rank=0)
    status = {name: TaskStatus(TaskState[name]) for name in ("ASSIGNED", "RUNNING", "FAILED")}
    with store.transaction() as tx:
        for name in ("reported", "ended", "told"):
            tx.update(store.tasks[name], node_id="n1", status=status["ASSIGNED"])
    assert (len(events[0].every), len(events[0].decided), len(events[0].notable)) == (3, 3, 0)
    with store.transaction() as tx:
        tx.update(store.tasks["placed"], node_id="n1", status=status["ASSIGNED"])
        tx.update(store.tasks["reported"], status=status["RUNNING"])
        tx.update(store.tasks["ended"], status=status["FAILED"])
        tx.update(store.tasks["told"], desired=TaskState.SHUTDOWN)
        tx.create(Node("n1"))
    committed = events[1]
    assert committed.routine == [True, True, False, False, False]

    def names(pairs) -> list[str]:
        return [new.id for _, new in pairs]

    assert names(committed.every) == ["placed", "reported", "ended", "told", "n1"]
    assert names(committed.decided) == ["placed", "ended", "told", "n1"]
    assert names(committed.notable) == ["ended", "told", "n1"]


def test_a_watcher_can_leave(store):
    seen: list = []
    watcher = Watcher("w", seen)
    store.watch(watcher, rank=1)
    store.unwatch(watcher)
    store.unwatch(watcher)
    with store.transaction() as tx:
        tx.create(Node("n1"))
    assert not seen


def test_changes_carry_old_and_new(store):
    events: list = []
    store.watch(events.append, rank=0)
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
    with store.transaction() as tx:
        newer = tx.update(node, role=Role.MANAGER)
    with store.transaction() as tx:
        tx.delete(newer)
    assert [c for e in events for c in e.changes] == [Created(node), Updated(node, newer), Removed(newer)]


def test_the_log_keeps_deltas(store):
    with store.transaction() as tx:
        node = tx.create(Node("n1"))
        tx.create(task("t1"))
    with store.transaction() as tx:
        tx.update(node, role=Role.MANAGER)
        tx.update(tx.get(Task, "t1"), status=TaskStatus(TaskState.PENDING, "waiting"))
    with store.transaction() as tx:
        tx.delete(store.nodes["n1"])
    lines = [json.loads(line) for line in store.log.to_jsonl().splitlines()]
    assert lines[1] == {
        "t": 0,
        "kind": "commit",
        "swarm": "default",
        "version": 2,
        "changes": [
            {"do": "update", "what": "node", "id": "n1", "role": "manager"},
            {
                "do": "update",
                "what": "task",
                "id": "t1",
                "status": {"state": "pending", "message": "waiting"},
            },
        ],
    }
    assert lines[2]["changes"] == [{"do": "remove", "what": "node", "id": "n1"}]


def test_a_deep_copy_goes_its_own_way_and_keeps_its_watchers(store):
    class Counter:
        def __init__(self) -> None:
            self.versions: list[int] = []

        def note(self, committed: Committed) -> None:
            self.versions.append(committed.version)

    counter = Counter()
    store.watch(counter.note, rank=0)
    with store.transaction() as tx:
        tx.create(Node("n1"))
    twin, twin_counter = copy.deepcopy((store, counter))
    with twin.transaction() as tx:
        tx.create(Node("n2"))
    assert list(store.nodes) == ["n1"]
    assert twin_counter.versions == [1, 2]
    assert counter.versions == [1]
    assert twin.log.to_jsonl().startswith(store.log.to_jsonl())
    twin.check()


def test_a_fork_has_the_objects_but_no_watchers(store):
    seen: list = []
    store.watch(seen.append, rank=0)
    with store.transaction() as tx:
        tx.create(Node("n1"))
        tx.create(task("t1", node_id="n1"))
    fork = store.fork()
    with fork.transaction() as tx:
        tx.create(Node("n2"))
    assert len(seen) == 1
    assert fork.version == 2
    assert list(store.nodes) == ["n1"]
    fork.check()


def test_the_swarm_object(store):
    with pytest.raises(NotFound, match="does not exist yet"):
        _ = store.swarm
    with store.transaction() as tx:
        swarm = tx.create(Swarm("c1"))
    assert store.swarm is swarm
    assert store.configs == {} == store.secrets
    assert repr(store) == "<Store 'default' version 1: 1 swarms>"


def held(identifier: str, address: str, **changes) -> Task:
    return task(identifier, attachments=(Attachment("net", address),), **changes)


@pytest.mark.parametrize(
    ("holders", "fine"),
    [
        ([held("t1", "10.0.1.3/24"), held("t2", "10.0.1.4/24")], True),
        ([held("t1", "10.0.1.3/24"), held("t2", "10.0.1.3/24")], False),
        ([held("t1", "10.0.1.3/24", status=TaskStatus(TaskState.FAILED)), held("t2", "10.0.1.3/24")], True),
        ([held("t1", "10.0.1.1/24")], False),
        ([Node("n1", attachments=(Attachment("net", "10.0.1.2/24"),)), held("t2", "10.0.1.2/24")], False),
        (
            [
                Service(
                    "s",
                    spec=ServiceSpec("w"),
                    endpoint=Endpoint(virtual_ips=(VirtualIP("net", "10.0.1.2/24"),)),
                ),
                held("t2", "10.0.1.2/24"),
            ],
            False,
        ),
        ([Service("s", spec=ServiceSpec("w"))], True),
    ],
)
def test_check_finds_an_address_held_twice(store, holders, fine):
    with store.transaction() as tx:
        tx.create(Network("net", spec=NetworkSpec("eg1"), ipam=(IpamState("10.0.1.0/24", "10.0.1.1"),)))
        for holder in holders:
            tx.create(holder)
    if fine:
        store.check()
    else:
        with pytest.raises(AssertionError, match="is held by"):
            store.check()

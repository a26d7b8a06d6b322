"""Stored objects: names, look-ups of their parts, how they change."""

from meshsim.model.objects import (
    Attachment,
    Config,
    Endpoint,
    Network,
    Node,
    NodeDescription,
    Secret,
    Service,
    StoredObject,
    Swarm,
    Task,
    TaskShared,
    TaskStatus,
    VirtualIP,
    early_status,
)
from meshsim.model.specs import ConfigSpec, NetworkSpec, NodeSpec, SecretSpec, ServiceSpec, TaskSpec
from meshsim.model.states import TASK_MOVES, TaskState, UpdateState


def make_task(**changes) -> Task:
    shared = TaskShared("s1", changes.pop("service_name", "web"), TaskSpec(), 3, 5)
    return Task("t1", shared, changes.pop("slot", 1), **changes)


def test_names():
    assert StoredObject("x").name == ""
    assert Swarm("c").name == "default"
    assert Node("n", description=NodeDescription("host01")).name == "host01"
    assert Node("n", spec=NodeSpec("given")).name == "given"
    assert Node("n").hostname == ""
    assert Service("s", spec=ServiceSpec("web")).name == "web"
    assert Network("e", spec=NetworkSpec("eg1")).name == "eg1"
    assert Secret("x", spec=SecretSpec("pw")).name == "pw"
    assert Config("y", spec=ConfigSpec("conf")).name == "conf"


def test_task_names_follow_the_slot_rule():
    # control-plane 1: service.slot.task, and the node's id where the slot is 0
    assert make_task().name == "web.1.t1"
    assert make_task(slot=0, node_id="n7").name == "web.n7.t1"
    assert make_task(service_name="").name == "t1"


def test_a_task_shows_its_shared_part_and_status():
    task = make_task(status=TaskStatus(TaskState.RUNNING))
    assert (task.service_id, task.slot, task.spec_version, task.created_ns) == ("s1", 1, 3, 5)
    assert task.state is TaskState.RUNNING
    assert task.spec == TaskSpec()


def test_places_on_networks_are_found_by_network():
    task = make_task(attachments=(Attachment("net", "10.0.1.3/24"),))
    assert task.attachment("net").ip == "10.0.1.3"
    assert task.attachment("other") is None
    node = Node("n", attachments=task.attachments)
    assert node.attachment("net") is task.attachments[0]
    assert node.attachment("other") is None
    endpoint = Endpoint(virtual_ips=(VirtualIP("net", "10.0.1.2/24"),))
    assert endpoint.vip("net").ip == "10.0.1.2"
    assert endpoint.vip("other") is None


def test_a_task_changes_only_where_told():
    task = make_task()
    running = TaskStatus(TaskState.RUNNING)
    moved = task.evolve_to(9, 100, node_id="n1", status=running, desired=TaskState.SHUTDOWN)
    assert (moved.version, moved.updated_ns, moved.node_id, moved.status) == (9, 100, "n1", running)
    assert moved.shared is task.shared
    same = moved.evolve_to(10, 101, attachments=(), endpoint=Endpoint(), assigned_generic={"gpu": 1})
    assert same.node_id == "n1"
    assert same.assigned_generic == {"gpu": 1}


def test_the_table_of_moves_never_goes_back():
    assert set(TASK_MOVES) == set(TaskState)
    for state, targets in TASK_MOVES.items():
        assert all(target > state for target in targets)


def test_states_print_as_the_api_spells_them():
    assert str(TaskState.RUNNING) == "running"
    assert UpdateState.ROLLBACK_STARTED.value == "rollback_started"


def test_statuses_are_shared_within_a_moment_only():
    first = early_status(TaskState.PREPARING, "preparing", 1)
    assert early_status(TaskState.PREPARING, "preparing", 1) is first
    assert early_status(TaskState.PREPARING, "preparing", 2) is not first
    assert early_status(TaskState.PREPARING, "other", 2).message == "other"

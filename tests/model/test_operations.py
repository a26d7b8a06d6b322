"""What one commit did: only what has another value, given back as it was."""

import attrs
import pytest

from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Attachment, Endpoint, Node, Task, TaskShared, TaskStatus
from meshsim.model.operations import Operations
from meshsim.model.specs import TaskSpec
from meshsim.model.states import Role, TaskState

STATUS = TaskStatus(TaskState.RUNNING, "started", "", 5, "c1", 1001, 0)
TASK = Task("t1", TaskShared("s1", "web", TaskSpec(), 1, 0), 1)


def told(old, new) -> tuple:
    operations = Operations()
    operations.updated(old, new)
    (row,) = operations
    return row


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_id", "n1"),
        ("desired", TaskState.SHUTDOWN),
        ("status", STATUS),
        ("status", TaskStatus(TaskState.PENDING, "waits", "no node", 3)),
        ("status", TaskStatus(TaskState.STARTING, "starting", "", 4, "c1")),
        ("attachments", (Attachment("ingress", "10.0.0.5/24"),)),
        ("endpoint", Endpoint()),
        ("assigned_generic", FrozenDict({"gpu": 1})),
    ],
)
def test_a_task_is_told_by_what_changed(field, value):
    new = attrs.evolve(TASK, **{field: value})
    assert told(TASK, new) == ("update", "task", "t1", field, value)


def test_an_equal_value_is_no_change():
    parts = {"endpoint": Endpoint(), "assigned_generic": FrozenDict({"gpu": 1}), "status": STATUS}
    old = attrs.evolve(TASK, attachments=(Attachment("ingress", "10.0.0.5/24"),), **parts)
    new = attrs.evolve(
        old,
        attachments=(Attachment("ingress", "10.0.0.5/24"),),
        endpoint=Endpoint(),
        assigned_generic=FrozenDict({"gpu": 1}),
        status=attrs.evolve(STATUS),
        version=2,
    )
    assert told(old, new) == ("update", "task", "t1")


def test_other_objects_are_told_likewise():
    node = Node("n1")
    assert told(node, attrs.evolve(node, role=Role.MANAGER, version=3)) == (
        "update", "node", "n1", "role", Role.MANAGER,
    )  # fmt: skip


def test_what_was_created_is_given_back():
    task = attrs.evolve(TASK, status=STATUS, version=7)
    operations = Operations()
    operations.created(task)
    operations.created(Node("n1"))
    operations.removed(task)
    assert list(operations) == [
        ("create", "task", "t1", task),
        ("create", "node", "n1", Node("n1")),
        ("remove", "task", "t1"),
    ]

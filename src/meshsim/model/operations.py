"""Room model: what one commit did, as the log keeps it.

Comes in: the changes of a commit. Goes out: rows that say which object was created, removed, or got which
values. Rules of this file: what is told for every task is kept by its parts in one list, since every small
object costs the garbage collector time for as long as the run lasts; the objects are made again for whoever
reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import attrs

from meshsim.model.events import AnyObject
from meshsim.model.objects import Task, TaskStatus
from meshsim.sim import Shared

__all__ = ["Operations", "whole"]

_CREATED_TASK: Final = ("create", "task", "")
_task_parts: Final = attrgetter(*(field.name for field in attrs.fields(Task)))
_status_fields: Final = attrgetter(*(field.name for field in attrs.fields(TaskStatus)))
#: what can change of a task: a bit each
_TASK_FIELDS: Final = ("node_id", "desired", "status", "attachments", "endpoint", "assigned_generic")
_NODE, _DESIRED, _STATUS, _ATTACHMENTS, _ENDPOINT, _GENERIC = (1 << bit for bit in range(len(_TASK_FIELDS)))
#: the heads of updates, by which of these changed
_TASK_HEADS: Final = tuple(
    ("update", "task", *(name for bit, name in enumerate(_TASK_FIELDS) if changed >> bit & 1))
    for changed in range(1 << len(_TASK_FIELDS))
)
#: fields that are the commit's and not told again
_STAMPS: Final = ("id", "version", "updated_ns")


class Operations(Shared):
    """What one commit did. Never touched again once it is in a log.

    >>> from meshsim.model.objects import Node
    >>> from meshsim.model.states import Role
    >>> operations = Operations()
    >>> operations.updated(Node("n1"), Node("n1", role=Role.MANAGER))
    >>> operations.removed(Node("n1"))
    >>> list(operations)
    [('update', 'node', 'n1', 'role', <Role.MANAGER: 1>), ('remove', 'node', 'n1')]
    """

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        #: of each operation its head ``(verb, kind, field ...)``, the object's id, a value for each field
        self._packed: list[Any] = []

    def created(self, obj: AnyObject) -> None:
        """Add that an object came."""
        if type(obj) is Task:
            self._packed += (_CREATED_TASK, obj.id, Task, *_task_parts(obj))
        else:
            self._packed += (("create", obj.kind, ""), obj.id, obj)

    def updated(self, old: Any, new: Any) -> None:
        """Add what an update changed; for tasks written by hand, since they change most.

        A status is kept by its parts if its task's container is there and no process runs in it: such a
        status is soon replaced by the next. One without a container is shared by many tasks, and one with a
        process stays in the store: they cost nothing here.
        """
        packed = self._packed
        if type(new) is not Task:
            fields, values = _delta(old, new)
            packed += (("update", new.kind, *fields), new.id, *values)
            return
        head, changed = len(packed), 0
        packed += (None, new.id)
        if new.node_id != old.node_id:
            changed |= _NODE
            packed.append(new.node_id)
        if new.desired is not old.desired:
            changed |= _DESIRED
            packed.append(new.desired)
        status, before = new.status, old.status
        if status is not before and (status.state is not before.state or status != before):
            changed |= _STATUS
            if status.pid or not status.container_id:
                packed.append(status)
            else:
                packed += (TaskStatus, *_status_fields(status))
        if new.attachments is not old.attachments and new.attachments != old.attachments:
            changed |= _ATTACHMENTS
            packed.append(new.attachments)
        if new.endpoint is not old.endpoint and new.endpoint != old.endpoint:
            changed |= _ENDPOINT
            packed.append(new.endpoint)
        if new.assigned_generic is not old.assigned_generic and new.assigned_generic != old.assigned_generic:
            changed |= _GENERIC
            packed.append(new.assigned_generic)
        packed[head] = _TASK_HEADS[changed]

    def removed(self, obj: AnyObject) -> None:
        """Add that an object went."""
        self._packed += (("remove", obj.kind), obj.id)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Each as ``(verb, kind, id, field, value ...)``; a created object stands without field."""
        items = iter(self._packed)
        for verb, kind, *fields in items:
            row = [verb, kind, next(items)]
            for name in fields:
                value = whole(next(items), items)
                row += (name, value) if name else (value,)
            yield tuple(row)


def whole(item: Any, items: Iterator[Any]) -> Any:
    """A value as it was: a class stands for an object of it, whose parts are the next items.

    >>> from meshsim.model.objects import Attachment
    >>> items = iter([Attachment, "net", "10.0.1.3/24", (), "next"])
    >>> whole(next(items), items), next(items)
    (Attachment(network_id='net', address='10.0.1.3/24', aliases=()), 'next')
    """
    if type(item) is not type:
        return item
    return item(*[whole(part, items) for part in islice(items, len(attrs.fields(item)))])


def _delta(old: AnyObject, new: AnyObject) -> tuple[list[str], list[Any]]:
    """The fields of any other object that have other values now, and these."""
    names = [field.name for field in attrs.fields(type(new)) if field.name not in _STAMPS]
    fields = [name for name in names if getattr(new, name) != getattr(old, name)]
    return fields, [getattr(new, name) for name in fields]

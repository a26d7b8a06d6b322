"""Room model: what one commit did, as the log keeps it.

Comes in: the changes of a commit. Goes out: rows that say which object was created, removed, or got which
values. Rules of this file: what is told for every task is kept by its parts in one list, since every small
object costs the garbage collector time for as long as the run lasts; the objects are made again for whoever
reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import compress, islice
from operator import attrgetter, ne
from typing import Any, Final

import attrs

from meshsim.model.events import AnyObject
from meshsim.model.objects import ContainerStatus, Task, TaskStatus
from meshsim.sim import Shared

__all__ = ["Operations", "whole"]

_CREATED_TASK: Final = ("create", "task", "")
_task_parts: Final = attrgetter(*(field.name for field in attrs.fields(Task)))
#: what an update of a task can change
_TASK_FIELDS: Final = ("node_id", "desired", "status", "attachments", "endpoint", "assigned_generic")
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

    def updated(self, old: AnyObject, new: AnyObject) -> None:
        """Add what an update changed."""
        kind: Any = type(new)
        read = _reader(kind)
        was, now = read(old), read(new)
        # Compared inside of tuples: there the same object is equal without a look at its fields.
        differs = tuple(map(ne, zip(was), zip(now)))
        packed = self._packed
        packed += (_update_head(kind, differs), new.id)
        for value in compress(now, differs):
            if type(value) is TaskStatus and value.container is not None:
                packed += _status_parts(value, value.container)
            else:
                packed.append(value)

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

    >>> items = iter([ContainerStatus, "c1", 7, 0, "next"])
    >>> whole(next(items), items), next(items)
    (ContainerStatus(container_id='c1', pid=7, exit_code=0), 'next')
    """
    if type(item) is not type:
        return item
    return item(*[whole(part, items) for part in islice(items, len(attrs.fields(item)))])


def _status_parts(status: TaskStatus, inside: ContainerStatus) -> tuple[Any, ...]:
    """A status and its container by their parts; one without a container stays whole: many tasks share it."""
    container = (ContainerStatus, inside.container_id, inside.pid, inside.exit_code)
    told = (TaskStatus, status.state, status.message, status.err, status.timestamp_ns)
    return (*told, *container, status.ports)


def _field_names(kind: type[AnyObject]) -> tuple[str, ...]:
    if kind is Task:
        return _TASK_FIELDS
    return tuple(field.name for field in attrs.fields(kind) if field.name not in _STAMPS)


@cache
def _reader(kind: type[AnyObject]) -> Callable[[AnyObject], tuple[Any, ...]]:
    """What reads the values of all fields that an update can change."""
    return attrgetter(*_field_names(kind))


@cache
def _update_head(kind: type[AnyObject], differs: tuple[bool, ...]) -> tuple[str, ...]:
    """The head of an update that changes these fields: each is kept once."""
    return ("update", kind.kind, *compress(_field_names(kind), differs))

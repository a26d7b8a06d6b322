"""Room placement: nodes and tasks by the handful, for trying the scheduler on its own.

Comes in: a name and what differs from the ordinary. Goes out: the model's frozen records, filled in as a
running swarm would fill them (a ready, active worker; tasks that wait for a node). A cluster does not need
this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from meshsim.errors import BadValue
from meshsim.model.frozen import frozen_dict
from meshsim.model.objects import Endpoint, Node, NodeDescription, NodeStatus, Task, TaskShared, TaskStatus
from meshsim.model.specs import NodeSpec, Platform, PortConfig, Resources, TaskSpec
from meshsim.model.states import Availability, NodeState, Role, TaskState

__all__ = ["sample_node", "sample_tasks"]


def sample_node(
    name: str,
    *,
    hostname: str = "",
    cpus: float = 0,
    memory_bytes: int = 0,
    generic: Mapping[str, int | tuple[str, ...]] | None = None,
    labels: Mapping[str, str] | None = None,
    engine_labels: Mapping[str, str] | None = None,
    role: str = "worker",
    availability: str = "active",
    state: str = "ready",
    address: str = "",
    platform: tuple[str, str] | None = ("linux", "x86_64"),
    plugins: Sequence[str] = (),
) -> Node:
    """Return a node record of a ready worker; its id is its name.

    Args:
        name: the node's id.
        hostname: its host name; by default the id.
        cpus: CPUs it describes (not nano-CPUs).
        memory_bytes: memory it describes.
        generic: generic resources it describes: an amount or names per kind.
        labels: labels an operator gave it.
        engine_labels: labels of its engine.
        role: ``worker`` or ``manager``.
        availability: ``active``, ``pause`` or ``drain``.
        state: ``ready``, ``down``, ``unknown`` or ``disconnected``.
        address: its address, without port.
        platform: (os, architecture) as reported.
        plugins: ``"Type/name"`` of each plugin.

    Raises:
        BadValue: a word for role, availability or state that Docker does not know.

    >>> sample_node("host01", labels={"zone": "a"}).spec.labels["zone"]
    'a'
    """
    return Node(
        name,
        spec=NodeSpec(
            labels=_map(labels),
            role=_member(Role, role),
            availability=_member(Availability, availability),
        ),
        role=_member(Role, role),
        description=NodeDescription(
            hostname=hostname or name,
            platform=Platform(*platform) if platform else None,
            resources=Resources(round(cpus * 1e9), memory_bytes, _map(generic)),
            engine_labels=_map(engine_labels),
            plugins=tuple(plugins),
        ),
        status=NodeStatus(_member(NodeState, state), address=address),
    )


_Member = TypeVar("_Member", bound=Enum)


def _member(words: type[_Member], word: str) -> _Member:
    for member in words:
        if member.name.lower() == word:
            return member
    known = ", ".join(member.name.lower() for member in words)
    raise BadValue(f"unknown {words.__name__} {word!r}; known: {known}", word)


def _map(values: Mapping[str, Any] | None) -> Any:
    # Any: mypy does not solve the type variables of a generic attrs converter.
    return frozen_dict(values)


def sample_tasks(
    service: str,
    count: int,
    spec: TaskSpec | None = None,
    *,
    spec_version: int = 1,
    ports: Sequence[PortConfig] = (),
    first_slot: int = 1,
    node_id: str = "",
) -> list[Task]:
    """Return ``count`` pending tasks of one service, ids ``web.1``, ``web.2`` ...

    Args:
        service: id and name of the service.
        count: how many.
        spec: what each asks for; by default nothing.
        spec_version: negative for tasks without one, which are placed one by one.
        ports: published ports, as the allocator hands them on.
        first_slot: slot of the first one.
        node_id: a node given in advance, as a global service does.

    Raises:
        BadValue: a negative count.

    >>> [task.id for task in sample_tasks("web", 2)]
    ['web.1', 'web.2']
    """
    if count < 0:
        raise BadValue(f"cannot make {count} tasks", str(count))
    shared_spec = spec or TaskSpec()
    endpoint = Endpoint(ports=tuple(ports)) if ports else None
    return [
        Task(
            f"{service}.{slot}",
            TaskShared(service, service, shared_spec, spec_version, 0),
            slot,
            node_id,
            status=TaskStatus(TaskState.PENDING),
            endpoint=endpoint,
        )
        for slot in range(first_slot, first_slot + count)
    ]

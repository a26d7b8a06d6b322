"""Room testing: small clusters and groups of tasks for the laws of placement, drawn and said in words.

Comes in: nothing, or nodes and tasks of the user's. Goes out: strategies of node infos and of tasks; a clause
for each of them; whether looking at a node has changed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from meshsim.model.objects import Node, Task
from meshsim.model.specs import ContainerSpec, Placement, Resources, TaskSpec
from meshsim.model.states import Availability
from meshsim.placement import NodeInfo, sample_node, sample_tasks
from meshsim.units import cpus_text

__all__ = ["groups", "insides", "labels", "node_words", "nodes", "task_words", "tasks"]

_CPU: Final = 1_000_000_000
_SERVICE: Final = "web"


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Labels of nodes and containers: none, or a zone."""
    return st.sampled_from([{}, {"zone": "a"}, {"zone": "b"}])


@st.composite
def nodes(draw: st.DrawFn, least: int, most: int, *, troubled: bool) -> list[NodeInfo]:
    """Nodes host01, host02 ..., some with a task on them already.

    Args:
        draw: given by hypothesis.
        least: how many at least.
        most: how many at most.
        troubled: whether some may be drained.
    """
    infos = []
    for number in range(1, draw(st.integers(least, most)) + 1):
        availability = draw(st.sampled_from(["active", "active", "drain"])) if troubled else "active"
        record = sample_node(
            f"host{number:02d}",
            cpus=draw(st.sampled_from([1, 2, 4])),
            labels=draw(labels()),
            availability=availability,
        )
        info = NodeInfo(record)
        for task in sample_tasks("old", draw(st.sampled_from([0, 0, 1])), first_slot=number):
            info.add(task)
        infos.append(info)
    return infos


@st.composite
def groups(draw: st.DrawFn, most: int) -> list[Task]:
    """The tasks of one service that are placed together."""
    spec = TaskSpec(
        reservations=Resources(draw(st.sampled_from([0, 1, 2])) * _CPU),
        placement=Placement(
            constraints=draw(st.sampled_from([(), ("node.labels.zone == a",)])),
            max_replicas=draw(st.sampled_from([0, 0, 1])),
        ),
    )
    return sample_tasks(_SERVICE, draw(st.integers(1, most)), spec)


@st.composite
def tasks(draw: st.DrawFn, most: int) -> list[Task]:
    """Tasks of different services, with labels a filter may look at."""
    return [
        sample_tasks(
            _SERVICE,
            1,
            TaskSpec(
                container=ContainerSpec(labels=draw(labels())),
                reservations=Resources(draw(st.sampled_from([0, 1, 2])) * _CPU),
            ),
            first_slot=number,
        )[0]
        for number in range(1, draw(st.integers(1, most)) + 1)
    ]


def insides(node: NodeInfo) -> tuple[Any, ...]:
    """All there is in a node info, to compare with later."""
    twin = node.copy()
    return tuple(getattr(twin, name) for name in NodeInfo.__slots__)


def node_words(node: NodeInfo) -> str:
    """``node host01 (2 CPUs, zone=a, 1 task)``."""
    record: Node = node.node
    parts = []
    if record.description is not None and record.description.resources.nano_cpus:
        parts.append(_cpus(record.description.resources.nano_cpus))
    parts += [f"{key}={value}" for key, value in record.spec.labels.items()]
    if record.spec.availability is not Availability.ACTIVE:
        parts.append(record.spec.availability.name.lower())
    if node.total:
        parts.append(f"{node.total} task{'' if node.total == 1 else 's'}")
    return f"node {node.hostname or node.id}{_bracketed(parts)}"


def task_words(task: Task, others: Sequence[Task] = ()) -> str:
    """``task web.1 (1 CPU, label parity=even)``; with others of its group, how many there are."""
    spec = task.spec
    parts = [_cpus(spec.reservations.nano_cpus)] if spec.reservations.nano_cpus else []
    parts += [f"label {key}={value}" for key, value in spec.container.labels.items()]
    parts += spec.placement.constraints
    if spec.placement.max_replicas:
        parts.append(f"at most {spec.placement.max_replicas} per node")
    what = f"tasks {task.id} to {others[-1].id}" if len(others) > 1 else f"task {task.id}"
    return what + _bracketed(parts)


def _bracketed(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _cpus(nano: int) -> str:
    return f"{cpus_text(nano)} CPU{'' if nano == _CPU else 's'}"

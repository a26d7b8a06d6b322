"""Room manager, orchestrators: making a task, and judging whether one still fits its service.

Comes in: services, tasks, nodes. Goes out: new tasks and verdicts. Rule of this file: no state.

Source: swarmkit manager/orchestrator/task.go, service.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

import attrs

from meshsim.model.objects import Endpoint, Node, Service, Task, TaskShared, TaskStatus
from meshsim.model.specs import GlobalJob, GlobalMode, Replicated, ReplicatedJob
from meshsim.model.states import Availability, NodeState, TaskState
from meshsim.model.store import Store, Transaction
from meshsim.placement import meets, parse_constraints
from meshsim.sim import object_id

__all__ = [
    "invalid_node",
    "is_job",
    "is_task_dirty",
    "meets_constraints",
    "new_task",
    "new_tasks",
    "remove_all",
]

_DOWN, _DRAIN = NodeState.DOWN, Availability.DRAIN


def is_job(service: Service) -> bool:
    """Whether the service runs to completion."""
    return isinstance(service.spec.mode, ReplicatedJob | GlobalJob)


def per_node(service: Service) -> bool:
    """Whether the service's tasks belong to nodes instead of numbered slots."""
    return isinstance(service.spec.mode, GlobalMode | GlobalJob)


def is_replicated(service: Service | None) -> bool:
    """Whether it is a replicated service (no job)."""
    return service is not None and isinstance(service.spec.mode, Replicated)


def is_global(service: Service | None) -> bool:
    """Whether it is a global service (no job)."""
    return service is not None and isinstance(service.spec.mode, GlobalMode)


def new_task(
    ids: Random,
    service: Service,
    slot: int,
    now_ns: int,
    *,
    node_id: str = "",
    desired: TaskState = TaskState.RUNNING,
) -> Task:
    """Make a task of the service as it is now; a job's task carries the number of the present run."""
    (task,) = new_tasks(ids, service, (slot,), now_ns, node_id=node_id, desired=desired)
    return task


def new_tasks(
    ids: Random,
    service: Service,
    slots: Iterable[int],
    now_ns: int,
    *,
    node_id: str = "",
    desired: TaskState = TaskState.RUNNING,
    tx: Transaction | None = None,
) -> Iterator[Task]:
    """Make a task for each slot; what they have in common they share.

    Told the transaction they are for, it stamps them, and the store keeps these very objects.

    Source: swarmkit manager/orchestrator/task.go NewTask.
    """
    spec, spec_version = service.spec, service.spec_version
    job = service.job_status.iteration if service.job_status is not None else None
    status = TaskStatus(TaskState.NEW, "created", "", now_ns)
    endpoint = Endpoint(spec.endpoint)
    shared = TaskShared(service.id, spec.name, spec.task, spec_version, now_ns, spec.labels, job)
    for slot in slots:
        identifier = object_id(ids)
        version = tx.version if tx is not None else 0
        yield Task(identifier, shared, slot, node_id, desired, status, (), endpoint, None, version, now_ns)


def invalid_node(node: Node | None) -> bool:
    """Whether a node's tasks must move away: it is gone, down or drained (not: paused or unknown).

    Source: swarmkit manager/orchestrator/task.go InvalidNode.
    """
    return node is None or node.status.state is _DOWN or node.spec.availability is _DRAIN


def meets_constraints(service: Service, node: Node) -> bool:
    """Whether the node meets the service's placement constraints."""
    constraints = service.spec.task.placement.constraints
    return not constraints or meets(parse_constraints(constraints), node)


def is_task_dirty(service: Service, task: Task, node: Node | None) -> bool:
    """Whether the task must be replaced to be what the service asks for.

    A difference in placement alone does not count while the task's node meets the new constraints.

    Source: swarmkit manager/orchestrator/task.go IsTaskDirty, IsTaskDirtyPlacementConstraintsOnly.
    """
    if task.shared.spec_version == service.spec_version:
        return False
    wanted, spec = service.spec.task, task.shared.spec
    if wanted.placement != spec.placement and attrs.evolve(spec, placement=wanted.placement) == wanted:
        return node is None or not meets_constraints(service, node)
    return spec != wanted or not same_endpoint(service, task)


def same_endpoint(service: Service, task: Task) -> bool:
    """Whether the task was made for the endpoint the service asks for now."""
    return task.endpoint is None or task.endpoint.spec == service.spec.endpoint


def is_task_exact(service: Service, task: Task) -> bool:
    """Whether the task is to the letter what the service asks for, placement included."""
    return task.shared.spec == service.spec.task and same_endpoint(service, task)


def remove_all(store: Store, service_id: str) -> None:
    """Tell all tasks of a removed service that they are to go.

    Source: swarmkit manager/orchestrator/service.go SetServiceTasksRemove.
    """
    with store.batch() as tx:
        for task_id in [task.id for task in store.tasks_of_service(service_id)]:
            tx.step()
            task = tx.get(Task, task_id)
            if task is not None and task.desired < TaskState.REMOVE:
                tx.update(task, desired=TaskState.REMOVE)

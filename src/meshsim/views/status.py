"""Room views: counting a service's tasks as the managers do for ``service ls``.

Comes in: a service and its tasks. Goes out: :class:`ServiceStatus`. Rule of this file: it counts what
the tasks say; a task on a dead node still says RUNNING and is counted, as in a real swarm.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from meshsim.model.objects import Service, Task
from meshsim.model.specs import GlobalJob, GlobalMode, Replicated, ReplicatedJob
from meshsim.model.states import TaskState

__all__ = ["ServiceStatus", "service_status"]


@frozen(slots=True)
class ServiceStatus:
    """How many tasks run, how many should, and (jobs) how many have completed."""

    running: int
    desired: int
    completed: int = 0


def service_status(service: Service, tasks: Iterable[Task]) -> ServiceStatus:
    """Count a service's tasks.

    Args:
        service: the service.
        tasks: all its tasks, history included. O(tasks).

    Returns:
        The counts ``docker service ls`` prints.

    Source: swarmkit manager/controlapi/service.go ListServiceStatuses.
    """
    mode = service.spec.mode
    is_job = isinstance(mode, (ReplicatedJob, GlobalJob))
    iteration = service.job_status.iteration if service.job_status else 0
    running = wanted = completed = 0
    for task in tasks:
        if is_job and (task.shared.job_iteration or 0) != iteration:
            continue
        if task.state is TaskState.RUNNING:
            running += 1
        if is_job and task.state is TaskState.COMPLETE:
            completed += 1
        elif task.desired is (TaskState.COMPLETE if is_job else TaskState.RUNNING):
            wanted += 1
    return ServiceStatus(running, _desired(mode, wanted), completed)


def _desired(mode: object, wanted: int) -> int:
    """A replicated service's figure is its spec's; a global one's is what the managers made."""
    if isinstance(mode, Replicated):
        return mode.replicas
    if isinstance(mode, ReplicatedJob):
        return mode.max_concurrent
    assert isinstance(mode, (GlobalMode, GlobalJob))
    return wanted

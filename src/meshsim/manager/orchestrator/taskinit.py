"""Room manager, orchestrators: what a new leader makes of the tasks it finds.

Comes in: the store. Goes out: tasks without a service are deleted, starts that were being delayed go on
for what remains of the delay, the restart history is rebuilt. Rules of this file: one pass; who belongs
to an orchestrator, and what is wrong with a task, that orchestrator says.

Source: swarmkit manager/orchestrator/taskinit/init.go CheckTasks.
"""

from __future__ import annotations

from collections.abc import Callable

from meshsim.manager.orchestrator.restart import RestartSupervisor
from meshsim.manager.orchestrator.tasks import per_node
from meshsim.model.objects import Service, Task
from meshsim.model.states import TaskState
from meshsim.model.store import Store, Transaction

__all__ = ["check_tasks"]


def check_tasks(
    store: Store,
    supervisor: RestartSupervisor,
    *,
    related: Callable[[Service], bool],
    fix: Callable[[Transaction, Task], None],
) -> None:
    """Go over all tasks once.

    Args:
        store: the swarm's state.
        supervisor: takes up delayed starts and the history.
        related: whether a service is the orchestrator's.
        fix: told each task of such a service, to queue or stop it if something is wrong.
    """
    instances: dict[tuple[str, int, str], list[Task]] = {}
    with store.transaction() as tx:
        for task in tuple(store.tasks.values()):
            if not task.service_id:
                continue
            service = store.services.get(task.service_id)
            if service is None:
                tx.delete(task)
            elif related(service):
                node_id = task.node_id if per_node(service) else ""
                instances.setdefault((task.service_id, task.slot, node_id), []).append(task)
                fix(tx, task)
                _resume(store, tx, supervisor, task)
    for (_, _, node_id), tasks in instances.items():
        newest = max(task.spec_version for task in tasks)
        current = sorted((t for t in tasks if t.spec_version == newest), key=_created)
        for task in current[1:]:
            supervisor.record(task, node_id)


def _created(task: Task) -> int:
    return task.created_ns


def _resume(store: Store, tx: Transaction, supervisor: RestartSupervisor, task: Task) -> None:
    """Let a task that was held at READY wait for the rest of its delay, or start it."""
    if task.desired is not TaskState.READY or task.status.state > TaskState.COMPLETE:
        return
    delay_ns = supervisor.delay_ns(task)
    remaining_ns = min(delay_ns, task.status.timestamp_ns + delay_ns - store.clock.now_ns)
    if remaining_ns > 0:
        supervisor.delay_start(task.id, delay_ns=remaining_ns)
    else:
        supervisor.start_now(tx, task.id)

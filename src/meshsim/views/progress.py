"""Room views: the progress display of ``service create``, ``update``, ``scale`` and ``rollback``.

Comes in: a service, the tasks of its current version, and which nodes are down. Goes out: the lines a
terminal shows in the end (they are redrawn in place, so only the last picture stays). Rules of this
file: it counts as the command line does, which is not how the managers count; no waiting happens here.

Source: docker/cli cli/command/service/progress/progress.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import frozen

from meshsim.model.objects import Service, Task
from meshsim.model.specs import GlobalJob, GlobalMode, Replicated, ReplicatedJob
from meshsim.model.states import TaskState
from meshsim.text import ellipsis, natural_key

__all__ = ["MAX_BARS", "Progress", "progress"]

MAX_BARS = 20
"""More replicas than that show no line each. Source: progress.go maxProgressBars."""

ERROR_WIDTH = 75
"""Columns of an error in a task's line. Source: progress.go truncError."""

STATE_WIDTH = max(len(state.label) for state in TaskState if state <= TaskState.RUNNING)
"""Columns of the longest state's name (preparing): states are padded to it."""


@frozen(slots=True)
class Progress:
    """One picture of a service on its way.

    Attributes:
        done: tasks (or nodes) that run.
        wanted: how many should.
        lines: one per task; empty with more than 20.
    """

    done: int
    wanted: int
    lines: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether everything runs that should."""
        return self.done >= self.wanted

    def overall(self, *, rolling_back: bool = False) -> str:
        """The first line.

        >>> Progress(1, 2, ()).overall()
        'overall progress: 1 out of 2 tasks'
        """
        what = "rolling back update: " if rolling_back else ""
        return f"overall progress: {what}{self.done} out of {self.wanted} tasks"


def progress(service: Service, tasks: Iterable[Task], down_nodes: Collection[str]) -> Progress:
    """Count what a waiting command line counts.

    Args:
        service: the service.
        tasks: its tasks made from the current version of its spec (``_up-to-date=true``).
        down_nodes: ids of nodes that are down; their tasks do not count.

    Returns:
        The picture. O(tasks).
    """
    living = [task for task in tasks if task.node_id not in down_nodes]
    match service.spec.mode:
        case GlobalMode():
            return _global(_chosen(living, by_node=True))
        case Replicated(replicas):
            return _replicated(_chosen(living, by_node=False), replicas, TaskState.RUNNING)
        case ReplicatedJob(_, total):
            current = [t for t in living if t.shared.job_iteration == _iteration(service)]
            return _replicated(_chosen(current, by_node=False), total, TaskState.COMPLETE)
        case GlobalJob():
            current = [t for t in living if t.shared.job_iteration == _iteration(service)]
            chosen = _chosen(current, by_node=True)
            done = sum(task.state is TaskState.COMPLETE for task in chosen.values())
            return Progress(done, len(chosen), ())


def _iteration(service: Service) -> int:
    return service.job_status.iteration if service.job_status else 0


def _chosen(tasks: Iterable[Task], *, by_node: bool) -> dict[str, Task]:
    """The task that stands for each slot or node: lowest desired state, then lowest state, then first."""
    chosen: dict[str, Task] = {}
    for task in tasks:
        key = task.node_id if by_node else str(task.slot)
        known = chosen.get(key)
        if known is None or (task.desired, task.state) < (known.desired, known.state):
            chosen[key] = task
    return chosen


def _replicated(chosen: Mapping[str, Task], replicas: int, goal: TaskState) -> Progress:
    done = sum(task.desired <= goal and task.state is goal for task in chosen.values())
    if replicas > MAX_BARS:
        return Progress(done, replicas, ())
    lines: list[str] = []
    width = len(str(replicas))
    ranked = sorted(chosen, key=int)
    for number in range(1, replicas + 1):
        task = chosen[ranked[number - 1]] if number <= len(ranked) else None
        lines.append(f"{number:>{width}}/{replicas}: {_task_text(task)}")
    return Progress(done, replicas, tuple(lines))


def _global(chosen: Mapping[str, Task]) -> Progress:
    done = sum(
        task.desired <= TaskState.RUNNING and task.state is TaskState.RUNNING for task in chosen.values()
    )
    if len(chosen) > MAX_BARS:
        return Progress(done, len(chosen), ())
    nodes = sorted(chosen, key=natural_key)
    lines = tuple(f"{node_id[:12]}: {_task_text(chosen[node_id])}" for node_id in nodes)
    return Progress(done, len(chosen), lines)


def _task_text(task: Task | None) -> str:
    """State padded to nine columns, or the error while there is one."""
    if task is None:
        return ""
    if task.status.err:
        return ellipsis(task.status.err.replace("\n", " "), ERROR_WIDTH)
    return f"{task.state.label:<{STATE_WIDTH}}"

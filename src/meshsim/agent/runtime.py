"""Room agent: what the agent asks of the machine's engine, as a Protocol.

Comes in: nothing. Goes out: the :class:`Runtime` that the cluster implements, the :class:`TaskContainer` it
shows of a task, and the :class:`Outcome` of its longer steps. Rule of this file: no behaviour.

Source: swarmkit agent/exec/controller.go Controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from attrs import frozen

from meshsim.model.frozen import Frozen
from meshsim.model.objects import Network, Task
from meshsim.model.specs import PortConfig

__all__ = ["Outcome", "Runtime", "TaskContainer", "success"]


@frozen(slots=True)
class Outcome(Frozen):
    """What a step of the runtime will come to.

    Attributes:
        delay_ns: how long it takes.
        err: why it fails then; empty when it succeeds.
        gated: (start only) a health check decides when the task counts as running.
        ports: (start only) host-mode ports as the node opened them.
    """

    delay_ns: int = 0
    err: str = ""
    gated: bool = False
    ports: tuple[PortConfig, ...] = ()


@lru_cache(maxsize=64)
def success(delay_ns: int) -> Outcome:
    """A step that takes so long and succeeds: one object for all tasks."""
    return Outcome(delay_ns)


class TaskContainer(Protocol):
    """A task's container, as far as the task's status tells of it."""

    @property
    def id(self) -> str:
        """64 hexadecimal digits."""

    @property
    def pid(self) -> int:
        """Of its process; once that has ended, of no interest."""

    @property
    def exit_code(self) -> int:
        """How its process ended; 0 before."""


class Runtime(Protocol):
    """What the agent asks of the machine's engine.

    The runtime in turn tells the agent ``exited(task_id, code)`` when a process ended without being
    asked to, and ``health(task_id, healthy)`` when a health check changed its mind.
    """

    def prepare(self, task: Task, networks: Mapping[str, Network], /) -> Outcome:
        """Pull the image and create the container; an error rejects the task."""

    def start(self, task: Task, /) -> Outcome:
        """Start the process; it is up (or failed) after the delay."""

    def publish(self, task: Task, /) -> None:
        """Make the task known to names and balancers: its process is up, or was found healthy."""

    def unpublish(self, task: Task, /) -> None:
        """Withdraw the names and set the weight to 0; what is connected stays connected."""

    def stop(self, task: Task, grace_ns: int, /) -> int:
        """Send the stop signal; returns the nanoseconds until the process will have ended."""

    def finish(self, task: Task, /) -> TaskContainer:
        """The process has ended: take its sandbox and bindings away; returns what is left."""

    def remove(self, task_id: str, /) -> None:
        """Remove the container: the managers have forgotten the task."""

    def of_task(self, task_id: str, /) -> TaskContainer | None:
        """The task's container, or None when there is none."""

"""Room cluster: tasks, as ``docker service ps`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshsim.cluster.collections.base import Collection, SwarmHandle
from meshsim.errors import NotFound
from meshsim.model.objects import Task
from meshsim.model.states import TaskState
from meshsim.views import shapes

if TYPE_CHECKING:
    from meshsim.cluster.collections.containers import ContainerHandle

__all__ = ["TaskHandle", "Tasks"]


class TaskHandle(SwarmHandle[Task]):
    """One task."""

    kind = "task"

    @property
    def record(self) -> Task:
        """The task as the managers know it now."""
        task = self._store.tasks.get(self.id)
        if task is None:
            raise NotFound(f"task {self.id} not found")
        return task

    def _shape(self) -> Any:
        return shapes.task(self.record, epoch_ns=self._epoch_ns, network=self._store.networks.get)

    @property
    def state(self) -> TaskState:
        """The observed state."""
        return self.record.status.state

    @property
    def slot(self) -> int:
        """Its replica number."""
        return self.record.slot

    @property
    def node(self) -> str:
        """The host name of the node it is on; empty before it is placed."""
        node = self._store.nodes.get(self.record.node_id)
        return node.name if node else ""

    def address(self, network: str) -> str:
        """Its address on a network, without mask.

        Raises:
            NotFound: no such network, or the task is not on it.
        """
        found = self._control(write=False).find_network(network)
        place = self.record.attachment(found.id)
        if place is None:
            raise NotFound(f"task {self.name} is not on network {found.name}")
        return place.ip

    @property
    def container(self) -> ContainerHandle:
        """Its container on its host.

        Raises:
            NotFound: it has none (any more).
        """
        return self._host.cluster.container_of_task(self.record)

    def crash(self, exit_code: int = 1) -> None:
        """End its program now with that exit code: a fault verb."""
        self.container.crash(exit_code)

    def set_health(self, verdict: str) -> None:
        """Let its health checks find ``"healthy"`` or ``"unhealthy"`` from now on: a fault verb."""
        self.container.set_health(verdict)


class Tasks(Collection):
    """Every task of the swarm."""

    def list(self, service: str | None = None) -> list[TaskHandle]:
        """All tasks, or those of a service, in order of creation."""
        store = self._store
        if service is None:
            return [TaskHandle(self._host, identifier) for identifier in store.tasks]
        found = self._control(write=False).find_service(service)
        return [TaskHandle(self._host, task.id) for task in store.tasks_of_service(found.id)]

    def get(self, text: str) -> TaskHandle:
        """The task of that id, name or beginning of an id.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        return TaskHandle(self._host, self._control(write=False).find_task(text).id)

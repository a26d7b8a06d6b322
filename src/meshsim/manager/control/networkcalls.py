"""Room manager, control: calls about networks, and about plain containers on them.

Comes in: network specs, ids, container ids. Goes out: one transaction each, or a refusal.

Source: swarmkit manager/controlapi/network.go; manager/resourceapi/allocator.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.errors import AlreadyExists, NotFound, PermissionDenied
from meshsim.manager.control.base import Calls, existing
from meshsim.manager.control.networks import check_network_removal, check_network_spec
from meshsim.model.objects import Attachment, Network, Task, TaskShared, TaskStatus
from meshsim.model.specs import NetworkAttachmentConfig, NetworkSpec, TaskSpec
from meshsim.model.states import TaskState
from meshsim.sim import object_id

__all__ = ["NetworkCalls"]


class NetworkCalls(Calls):
    """Creating and removing networks; attaching plain containers to them."""

    def create_network(self, spec: NetworkSpec) -> Network:
        """Create a network; the allocator gives it a subnet afterwards, if it can.

        Raises:
            InvalidArgument, Unimplemented, AlreadyExists: the first fault.

        Source: swarmkit manager/controlapi/network.go CreateNetwork.
        """
        check_network_spec(spec)
        if spec.ingress:
            for network in self._store.networks.values():
                if network.spec.ingress:
                    raise AlreadyExists(f"ingress network ({network.id}) is already present")
        with self._store.transaction() as tx:
            return tx.create(Network(object_id(self._ids), spec=spec))

    def remove_network(self, network_id: str) -> None:
        """Forget a network nobody uses.

        Raises:
            NotFound: no such network.
            FailedPrecondition: a service or task uses it.

        Source: swarmkit manager/controlapi/network.go RemoveNetwork.
        """
        with self._store.transaction() as tx:
            network = existing(tx.get(Network, network_id), "network", network_id)
            check_network_removal(self._store, network)
            tx.delete(network)

    def attach(self, network: str, container_id: str, node_id: str, addresses: Iterable[str] = ()) -> Task:
        """Make the task that holds a plain container's address on a network.

        The allocator gives the address in the same instant, unless there is none: then the task waits.

        Args:
            network: id or name.
            container_id: 64 characters.
            node_id: where the container is.
            addresses: the address asked for; empty for any.

        Raises:
            NotFound: no such network.
            PermissionDenied: it is not attachable.

        Source: swarmkit manager/resourceapi/allocator.go AttachNetwork.
        """
        found = self._store.networks.get(network) or self._store.named(Network, network)
        if found is None:
            raise NotFound(f"network {network} not found", rpc_code="NotFound")
        if not found.spec.attachable:
            raise PermissionDenied(f"network {found.name} not manually attachable")
        spec = TaskSpec(networks=(NetworkAttachmentConfig(found.id),), attachment=container_id)
        now_ns = self._clock.now_ns
        task = Task(
            object_id(self._ids),
            TaskShared("", "", spec, 0, now_ns),
            0,
            node_id,
            status=TaskStatus(TaskState.NEW, "created", "", now_ns),
            attachments=tuple(Attachment(found.id, address) for address in tuple(addresses)[:1]),
        )
        with self._store.transaction() as tx:
            tx.create(task)
        return self._store.tasks[task.id]

    def detach(self, task_id: str) -> None:
        """Give a plain container's address back.

        Raises:
            NotFound: no such task.
            PermissionDenied: the task is a service's.

        Source: swarmkit manager/resourceapi/allocator.go DetachNetwork.
        """
        with self._store.transaction() as tx:
            task = existing(tx.get(Task, task_id), "task", task_id)
            if task.service_id:
                raise PermissionDenied(f"task {task_id} is not a network attachment")
            tx.delete(task)

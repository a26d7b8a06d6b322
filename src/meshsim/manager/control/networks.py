"""Room manager, control: whether a network may be made or removed.

Comes in: network specs, the store. Goes out: nothing, or SwarmKit's refusal. A subnet that overlaps
another one is not refused here: that fails later, in the allocator.

Source: swarmkit manager/controlapi/network.go.
"""

from __future__ import annotations

from meshsim.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Unimplemented
from meshsim.ipam import check_swarmkit_subnets
from meshsim.manager.control.names import check_name
from meshsim.model.objects import Network, Service
from meshsim.model.specs import NetworkSpec
from meshsim.model.states import PublishMode, TaskState
from meshsim.model.store import Store

__all__ = ["check_network_removal", "check_network_spec"]

_OVERLAY = "overlay"
#: drivers a manager knows without plugins; the others but overlay are left to the nodes.
#: Source: moby daemon/libnetwork/cnmallocator/manager.go
_DRIVERS = ("overlay", "bridge", "host", "macvlan", "ipvlan")
_INTERNAL_LABEL = "com.docker.swarm.internal"


def check_network_spec(spec: NetworkSpec) -> None:
    """Refuse a spec that is wrong in itself.

    Raises:
        Unimplemented, InvalidArgument, PermissionDenied: the first fault.

    Source: swarmkit manager/controlapi/network.go validateNetworkSpec.
    """
    if spec.ingress and spec.driver != _OVERLAY:
        raise Unimplemented("only overlay driver is currently supported for ingress network")
    if spec.ingress and spec.attachable:
        raise InvalidArgument("ingress network cannot be attachable")
    check_name(spec.name)
    if _INTERNAL_LABEL in spec.labels:
        raise PermissionDenied(
            f"label {_INTERNAL_LABEL} is for internally created networks and cannot be applied by users"
        )
    if spec.driver not in _DRIVERS:
        raise InvalidArgument(f"plugin {spec.driver} not supported")
    check_swarmkit_subnets(config for config in spec.ipam if config.subnet)


def check_network_removal(store: Store, network: Network) -> None:
    """Refuse to remove a network that is in use.

    Complexity: O(services + tasks).

    Raises:
        FailedPrecondition: with SwarmKit's sentence, which has ids, not names.

    Source: swarmkit manager/controlapi/network.go RemoveNetwork, removeNetwork, removeIngressNetwork.
    """
    if network.predefined:
        raise FailedPrecondition(
            f"network {network.id} ({network.name}) is a swarm predefined network and cannot be removed"
        )
    services = [store.services[identifier] for identifier in sorted(store.services)]
    if network.spec.ingress:
        for service in services:
            if _publishes(service):
                raise FailedPrecondition(
                    f"ingress network cannot be removed because service {service.id} depends on it"
                )
        return
    for service in services:
        if any(config.target == network.id for config in service.spec.task.networks):
            raise FailedPrecondition(f"network {network.id} is in use by service {service.id}")
    for task in store.tasks.values():
        if (
            task.desired <= TaskState.RUNNING
            and task.status.state <= TaskState.RUNNING
            and any(config.target == network.id for config in task.spec.networks)
        ):
            raise FailedPrecondition(f"network {network.id} is in use by task {task.id}")


def _publishes(service: Service) -> bool:
    ports = service.spec.endpoint.ports if service.spec.endpoint is not None else ()
    return any(port.mode is PublishMode.INGRESS for port in ports)

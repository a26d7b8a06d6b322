"""Room manager, control: whether a service may be so.

Comes in: service specs, the store. Goes out: nothing, or SwarmKit's refusal. Rules of this file: the order
of the checks is SwarmKit's, because the first fault is the one the user reads; nothing is written.

Source: swarmkit manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.errors import BadConstraint, FailedPrecondition, InvalidArgument
from meshsim.manager.control.images import is_image_reference
from meshsim.manager.control.names import check_name
from meshsim.model.objects import Config, Secret, Service
from meshsim.model.placeholders import check_placeholders
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    Placement,
    PortConfig,
    Replicated,
    ReplicatedJob,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from meshsim.model.states import EndpointMode, PublishMode
from meshsim.model.store import Store, Transaction
from meshsim.placement import parse_constraints, validate_resources
from meshsim.profile import Profile

__all__ = [
    "check_files_exist",
    "check_ingress",
    "check_networks",
    "check_port_conflicts",
    "check_service_spec",
]

_MS = 1_000_000


def check_service_spec(spec: ServiceSpec, profile: Profile) -> None:
    """Refuse a spec that is wrong in itself.

    Raises:
        InvalidArgument, BadConstraint: the first fault.

    Source: swarmkit manager/controlapi/service.go validateServiceSpec.
    """
    check_name(spec.name)
    _check_task(spec.task, profile)
    _check_mode(spec.mode)
    if isinstance(spec.mode, ReplicatedJob | GlobalJob):
        if spec.update is not None:
            raise InvalidArgument("Jobs may not have an update config")
    elif spec.update is not None:
        _check_update(spec.update)
    if spec.endpoint is not None:
        _check_endpoint(spec.endpoint)


def _check_task(task: TaskSpec, profile: Profile) -> None:
    """Source: service.go validateTaskSpec."""
    validate_resources(task.limits)
    validate_resources(task.reservations)
    if task.restart is not None:
        _check_restart(task.restart)
    _check_placement(task.placement, profile)
    _check_references("secret", task.container.secrets)
    _check_references("config", task.container.configs)
    _check_container(check_placeholders(task))


def _check_restart(policy: RestartPolicy) -> None:
    if policy.delay_ns is not None and policy.delay_ns < 0:
        raise InvalidArgument("TaskSpec: restart-delay cannot be negative")
    if policy.window_ns < 0:
        raise InvalidArgument("TaskSpec: restart-window cannot be negative")


def _check_placement(placement: Placement, profile: Profile) -> None:
    """Source: service.go validatePlacement; the parser's plain error became InvalidArgument later on."""
    try:
        parse_constraints(placement.constraints)
    except BadConstraint as error:
        if profile.constraint_error_code == "Unknown":
            raise
        raise InvalidArgument(error.description) from None


def _check_references(word: str, references: Iterable[FileReference]) -> None:
    """Source: service.go validateSecretRefsSpec, validateConfigRefsSpec."""
    targets: dict[str, str] = {}
    for reference in references:
        if not reference.id or not reference.name:
            raise InvalidArgument(f"malformed {word} reference")
        if not reference.target:
            raise InvalidArgument(f"malformed file {word} reference, invalid target file name provided")
        if reference.target in targets:
            raise InvalidArgument(
                f"{word} references '{targets[reference.target]}' and '{reference.name}' have a "
                f"conflicting target: '{reference.target}'"
            )
        targets[reference.target] = reference.name


def _check_container(container: ContainerSpec) -> None:
    """Source: service.go validateContainerSpec, validateImage, validateMounts, validateHealthCheck."""
    if not container.image:
        raise InvalidArgument("ContainerSpec: image reference must be provided")
    if not is_image_reference(container.image):
        raise InvalidArgument(f'ContainerSpec: "{container.image}" is not a valid repository/tag')
    seen: dict[str, None] = {}
    for mount in container.mounts:
        if mount.target in seen:
            raise InvalidArgument(f"ContainerSpec: duplicate mount point: {mount.target}")
        seen[mount.target] = None
    health = container.healthcheck
    if health is None:
        return
    for name, value_ns in (
        ("Interval", health.interval_ns),
        ("Timeout", health.timeout_ns),
        ("StartPeriod", health.start_period_ns),
        ("StartInterval", health.start_interval_ns),
    ):
        if value_ns and value_ns < _MS:
            raise InvalidArgument(f"ContainerSpec: {name} in HealthConfig cannot be less than 1ms")
    if health.retries < 0:
        raise InvalidArgument("ContainerSpec: Retries in HealthConfig cannot be negative")


def _check_mode(mode: ServiceMode) -> None:
    """Source: service.go validateMode."""
    if isinstance(mode, Replicated) and mode.replicas < 0:
        raise InvalidArgument("Number of replicas must be non-negative")
    if isinstance(mode, ReplicatedJob):
        if mode.max_concurrent < 0:
            raise InvalidArgument("Maximum concurrent jobs must not be negative")
        if mode.total_completions < 0:
            raise InvalidArgument("Total completed jobs must not be negative")


def _check_update(config: UpdateConfig) -> None:
    """Source: service.go validateUpdate."""
    if config.delay_ns < 0:
        raise InvalidArgument("TaskSpec: update-delay cannot be negative")
    if config.monitor_ns is not None and config.monitor_ns < 0:
        raise InvalidArgument("TaskSpec: update-monitor cannot be negative")
    if not 0 <= config.max_failure_ratio <= 1:
        raise InvalidArgument("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _check_endpoint(endpoint: EndpointSpec) -> None:
    """Source: service.go validateEndpointSpec."""
    seen: set[tuple[str, int]] = set()
    for port in endpoint.ports:
        if endpoint.mode is EndpointMode.DNSRR and port.mode is PublishMode.INGRESS:
            raise InvalidArgument(
                "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"
            )
        key = (port.protocol.value, port.published)
        if port.published and key in seen:
            raise InvalidArgument("EndpointSpec: duplicate published ports provided")
        seen.add(key)


def check_networks(store: Store, spec: ServiceSpec) -> None:
    """Refuse a service that names the ingress network itself.

    Source: swarmkit manager/controlapi/service.go validateNetworks.
    """
    for config in spec.task.networks:
        network = store.networks.get(config.target)
        if network is not None and network.spec.ingress:
            raise InvalidArgument(
                f'Service cannot be explicitly attached to the ingress network "{network.name}"'
            )


def check_port_conflicts(store: Store, spec: ServiceSpec, own_id: str = "") -> None:
    """Refuse ports that another service publishes; two host-mode ports are no conflict here.

    Complexity: O(services).

    Source: swarmkit manager/controlapi/service.go checkPortConflicts.
    """
    ports = spec.endpoint.ports if spec.endpoint is not None else ()
    mine = {(port.protocol, port.published): port.mode for port in ports if port.published}
    if not mine:
        return
    for service in store.services.values():
        if service.id == own_id:
            continue
        for port in _published(service):
            mode = mine.get((port.protocol, port.published))
            if mode is None or mode is port.mode is PublishMode.HOST:
                continue
            how = "an ingress port" if port.mode is PublishMode.INGRESS else "a host-published port"
            holder = f"'{service.name}' ({service.id})"
            raise InvalidArgument(f"port '{port.published}' is already in use by service {holder} as {how}")


def _published(service: Service) -> Iterable[PortConfig]:
    """The ports of a service with a number: first those it asks for, then those it was given."""
    for endpoint in (service.spec.endpoint, service.endpoint):
        if endpoint is not None:
            yield from (port for port in endpoint.ports if port.published)


def check_ingress(store: Store, spec: ServiceSpec) -> None:
    """Refuse a service that publishes through the mesh while there is no ingress network.

    Raises:
        FailedPrecondition: with SwarmKit's sentence.
    """
    ports = spec.endpoint.ports if spec.endpoint is not None else ()
    if not any(port.mode is PublishMode.INGRESS for port in ports):
        return
    if not any(network.spec.ingress for network in store.networks.values()):
        raise FailedPrecondition("service needs ingress network, but no ingress network is present")


def check_files_exist(tx: Transaction, spec: ServiceSpec) -> None:
    """Refuse references to secrets or configs that are not there, or not by that name.

    Source: swarmkit manager/controlapi/service.go checkSecretExistence, checkConfigExistence.
    """
    container = spec.task.container
    missing = [
        ref.name
        for ref in container.secrets
        if (secret := tx.get(Secret, ref.id)) is None or secret.name != ref.name
    ]
    _refuse_missing("secret", missing)
    missing = [
        ref.name
        for ref in container.configs
        if (config := tx.get(Config, ref.id)) is None or config.name != ref.name
    ]
    _refuse_missing("config", missing)


def _refuse_missing(word: str, missing: list[str]) -> None:
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise InvalidArgument(f"{word}{plural} not found: {', '.join(missing)}")

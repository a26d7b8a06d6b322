"""Room model: what a user asks for.

Comes in: values that the doors (facade, command line) have parsed. Goes out: frozen specs that compare
by value. Defaults are those of the stored object; ``None`` means "not given", which the control loops
read as the engine's default. Durations are integer nanoseconds, memory bytes, CPU nano-CPUs.

Source: swarmkit api/specs.proto, api/types.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from meshsim.model.frozen import EMPTY, Frozen, FrozenDict, frozen_dict
from meshsim.model.states import (
    Availability,
    EndpointMode,
    FailureAction,
    Protocol,
    PublishMode,
    RestartCondition,
    Role,
    UpdateOrder,
)

__all__ = [
    "ConfigSpec",
    "ContainerSpec",
    "EndpointSpec",
    "FileReference",
    "GenericResources",
    "GlobalJob",
    "GlobalMode",
    "HealthCheck",
    "IpamConfig",
    "Labels",
    "Mount",
    "NetworkAttachmentConfig",
    "NetworkSpec",
    "NodeSpec",
    "Placement",
    "Platform",
    "PortConfig",
    "Replicated",
    "ReplicatedJob",
    "Resources",
    "RestartPolicy",
    "SecretSpec",
    "ServiceMode",
    "ServiceSpec",
    "SwarmSpec",
    "TaskSpec",
    "UpdateConfig",
    "frozen_labels",
]

Labels: TypeAlias = FrozenDict[str, str]
#: kind -> amount (discrete), or the names of a named set
GenericResources: TypeAlias = FrozenDict[str, "int | tuple[str, ...]"]


def frozen_labels(value: Mapping[str, str] | None) -> Labels:
    """Freeze a mapping of texts (attrs converter)."""
    return frozen_dict(value)


def _frozen_generic(value: Mapping[str, int | tuple[str, ...]] | None) -> GenericResources:
    return frozen_dict(value)


@frozen(slots=True)
class Resources(Frozen):
    """An amount of CPU (nano-CPUs), memory (bytes) and generic resources."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    generic: GenericResources = field(default=EMPTY, converter=_frozen_generic)


@frozen(slots=True)
class Platform(Frozen):
    """Operating system and architecture; an empty string matches anything in a request."""

    os: str = ""
    architecture: str = ""


@frozen(slots=True)
class Placement(Frozen):
    """Where tasks may go.

    Attributes:
        constraints: expressions such as ``node.role == worker``, all of which must hold.
        preferences: spread descriptors such as ``node.labels.zone``, outermost first.
        max_replicas: active tasks of the service per node; 0 means no limit.
        platforms: platforms the image runs on; empty means any.
    """

    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas: int = 0
    platforms: tuple[Platform, ...] = ()


@frozen(slots=True)
class RestartPolicy(Frozen):
    """When and how often a task that ended is replaced. Source: swarmkit api/defaults/service.go."""

    condition: RestartCondition = RestartCondition.ANY
    delay_ns: int | None = None
    max_attempts: int = 0
    window_ns: int = 0


@frozen(slots=True)
class UpdateConfig(Frozen):
    """How an update (or rollback) proceeds; parallelism 0 means all at once."""

    parallelism: int = 0
    delay_ns: int = 0
    failure_action: FailureAction = FailureAction.PAUSE
    monitor_ns: int | None = None
    max_failure_ratio: float = 0.0
    order: UpdateOrder = UpdateOrder.STOP_FIRST


@frozen(slots=True)
class HealthCheck(Frozen):
    """A container's health check; ``test == ("NONE",)`` switches an image's own check off."""

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


@frozen(slots=True)
class Mount(Frozen):
    """One mount; only its volume driver matters to placement."""

    type: str = "volume"
    source: str = ""
    target: str = ""
    read_only: bool = False
    volume_driver: str = ""


@frozen(slots=True)
class FileReference(Frozen):
    """A secret or config given to a container: which one, and the file it appears as."""

    id: str
    name: str
    target: str
    uid: str = "0"
    gid: str = "0"
    mode: int = 0o444


@frozen(slots=True)
class ContainerSpec(Frozen):
    """What runs in a task's container."""

    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    hostname: str = ""
    env: tuple[str, ...] = ()
    dir: str = ""
    user: str = ""
    labels: Labels = field(default=EMPTY, converter=frozen_labels)
    mounts: tuple[Mount, ...] = ()
    stop_signal: str = ""
    stop_grace_ns: int | None = None
    healthcheck: HealthCheck | None = None
    hosts: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    tty: bool = False
    read_only: bool = False
    init: bool = False


@frozen(slots=True)
class NetworkAttachmentConfig(Frozen):
    """A network a task shall be on: its id, and the service's aliases there."""

    target: str
    aliases: tuple[str, ...] = ()


@frozen(slots=True)
class TaskSpec(Frozen):
    """The template every task of a service is made from.

    Attributes:
        attachment: for ``docker run`` on a swarm network: the container's id; such a task has no
            service and is never started by the agent, it only holds an address.
        force_update: counter that ``--force`` raises to make all tasks differ.
    """

    container: ContainerSpec = field(factory=ContainerSpec)
    limits: Resources = field(factory=Resources)
    reservations: Resources = field(factory=Resources)
    restart: RestartPolicy | None = None
    placement: Placement = field(factory=Placement)
    networks: tuple[NetworkAttachmentConfig, ...] = ()
    log_driver: str = ""
    force_update: int = 0
    attachment: str = ""


@frozen(slots=True)
class Replicated(Frozen):
    """So many tasks, in numbered slots."""

    replicas: int = 1


@frozen(slots=True)
class GlobalMode(Frozen):
    """One task on every node that fits."""


@frozen(slots=True)
class ReplicatedJob(Frozen):
    """Run to completion so many times, at most so many at once."""

    max_concurrent: int = 1
    total_completions: int = 1


@frozen(slots=True)
class GlobalJob(Frozen):
    """Run to completion once on every node that fits."""


ServiceMode: TypeAlias = Replicated | GlobalMode | ReplicatedJob | GlobalJob


@frozen(slots=True)
class PortConfig(Frozen):
    """One published port; ``published`` 0 means the swarm (ingress) or the node (host) chooses."""

    target: int
    published: int = 0
    protocol: Protocol = Protocol.TCP
    mode: PublishMode = PublishMode.INGRESS
    name: str = ""


@frozen(slots=True)
class EndpointSpec(Frozen):
    """How a service is reached."""

    mode: EndpointMode = EndpointMode.VIP
    ports: tuple[PortConfig, ...] = ()


@frozen(slots=True)
class ServiceSpec(Frozen):
    """All a user says of a service."""

    name: str
    task: TaskSpec = field(factory=TaskSpec)
    mode: ServiceMode = field(factory=Replicated)
    labels: Labels = field(default=EMPTY, converter=frozen_labels)
    update: UpdateConfig | None = None
    rollback: UpdateConfig | None = None
    endpoint: EndpointSpec | None = None


@frozen(slots=True)
class IpamConfig(Frozen):
    """A user-given subnet; empty strings mean "choose"."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""


@frozen(slots=True)
class NetworkSpec(Frozen):
    """All a user says of a swarm network."""

    name: str
    driver: str = "overlay"
    options: Labels = field(default=EMPTY, converter=frozen_labels)
    labels: Labels = field(default=EMPTY, converter=frozen_labels)
    attachable: bool = False
    internal: bool = False
    ingress: bool = False
    ipv6: bool = False
    ipam: tuple[IpamConfig, ...] = ()


@frozen(slots=True)
class NodeSpec(Frozen):
    """What an operator says of a node; ``role`` is the desired one."""

    name: str = ""
    labels: Labels = field(default=EMPTY, converter=frozen_labels)
    role: Role = Role.WORKER
    availability: Availability = Availability.ACTIVE


@frozen(slots=True)
class SecretSpec(Frozen):
    """A secret: only its name and size matter here."""

    name: str
    data: bytes = b""
    labels: Labels = field(default=EMPTY, converter=frozen_labels)


@frozen(slots=True)
class ConfigSpec(Frozen):
    """A config."""

    name: str
    data: bytes = b""
    labels: Labels = field(default=EMPTY, converter=frozen_labels)


@frozen(slots=True)
class SwarmSpec(Frozen):
    """The swarm-wide settings of ``docker swarm init`` and ``update``.

    Source: moby daemon/cluster/swarm.go, swarmkit api/defaults (values of an untouched swarm).
    """

    name: str = "default"
    labels: Labels = field(default=EMPTY, converter=frozen_labels)
    task_history_limit: int = 5
    heartbeat_ns: int = 5_000_000_000
    cert_expiry_ns: int = 90 * 24 * 3_600_000_000_000
    snapshot_interval: int = 10_000
    keep_old_snapshots: int = 0
    election_tick: int = 10
    heartbeat_tick: int = 1
    autolock: bool = False

"""Room model: what exists in a swarm.

Comes in: specs, and the facts the control loops add. Goes out: frozen objects with id, version and
times, kept by the store. A change is a new object, made by ``evolve_to`` (for tasks written by hand,
since they change most). Rule of this file: no decisions, no clock, no other object looked up.

Source: swarmkit api/objects.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar

import attrs
from attrs import field, frozen

from meshsim.model.frozen import EMPTY, Frozen, FrozenDict, value
from meshsim.model.specs import (
    ConfigSpec,
    EndpointSpec,
    GenericResources,
    Labels,
    NetworkSpec,
    NodeSpec,
    Platform,
    PortConfig,
    Resources,
    SecretSpec,
    ServiceSpec,
    SwarmSpec,
    TaskSpec,
    frozen_labels,
)
from meshsim.model.states import NodeState, Reachability, Role, TaskState, UpdateState

__all__ = [
    "Attachment",
    "Config",
    "Endpoint",
    "IpamState",
    "JobStatus",
    "ManagerStatus",
    "Network",
    "Node",
    "NodeDescription",
    "NodeStatus",
    "Secret",
    "Service",
    "StoredObject",
    "Swarm",
    "Task",
    "TaskShared",
    "TaskStatus",
    "UpdateStatus",
    "VirtualIP",
    "early_status",
]


@frozen(slots=True)
class StoredObject(Frozen):
    """What every stored object has.

    Attributes:
        id: 25 characters ``0-9a-z``.
        version: the store's version when the object was last written (Raft index in a real swarm).
        created_ns, updated_ns: virtual nanoseconds since the cluster's start.
    """

    kind: ClassVar[str] = ""

    id: str
    version: int = field(default=0, kw_only=True)
    created_ns: int = field(default=0, kw_only=True)
    updated_ns: int = field(default=0, kw_only=True)

    @property
    def name(self) -> str:
        """The name users know it by; unique in its kind where the store demands it."""
        return ""

    def evolve_to(self, version: int, now_ns: int, /, **changes: Any) -> Self:
        """Return the object with ``changes``, stamped with the version and time of the write."""
        return attrs.evolve(self, version=version, updated_ns=now_ns, **changes)


@frozen(slots=True, weakref_slot=False)
class Attachment(Frozen):
    """A place on a network: of a task, or of a node's load balancer.

    Attributes:
        network_id: the network.
        address: with the subnet's length, for example ``10.0.1.3/24``.
        aliases: names the service has on this network besides its own.
    """

    network_id: str
    address: str
    aliases: tuple[str, ...] = ()

    @property
    def ip(self) -> str:
        """The address without its mask."""
        return self.address.partition("/")[0]


@frozen(slots=True)
class VirtualIP(Frozen):
    """A service's address on one network, stored with the mask: ``10.0.1.2/24``."""

    network_id: str
    address: str

    @property
    def ip(self) -> str:
        """The address without its mask."""
        return self.address.partition("/")[0]


_Place = TypeVar("_Place", Attachment, VirtualIP)


def _on(network_id: str, places: Iterable[_Place]) -> _Place | None:
    for place in places:
        if place.network_id == network_id:
            return place
    return None


@frozen(slots=True)
class Endpoint(Frozen):
    """What the allocator gave a service: the spec it served, the ports, the virtual addresses."""

    spec: EndpointSpec | None = None
    ports: tuple[PortConfig, ...] = ()
    virtual_ips: tuple[VirtualIP, ...] = ()

    def vip(self, network_id: str) -> VirtualIP | None:
        """The virtual address on that network, if there is one."""
        return _on(network_id, self.virtual_ips)


@frozen(slots=True)
class Swarm(StoredObject):
    """The cluster object, always named ``default``.

    Attributes:
        blacklist: ids of removed nodes, each with the moment until which its certificate is refused.
    """

    kind: ClassVar[str] = "swarm"

    spec: SwarmSpec = field(factory=SwarmSpec, kw_only=True)
    worker_token: str = field(default="", kw_only=True)
    manager_token: str = field(default="", kw_only=True)
    unlock_key: str = field(default="", kw_only=True)
    root_ca_digest: str = field(default="", kw_only=True)
    default_pools: tuple[str, ...] = field(default=("10.0.0.0/8",), kw_only=True)
    subnet_size: int = field(default=24, kw_only=True)
    data_path_port: int = field(default=4789, kw_only=True)
    blacklist: FrozenDict[str, int] = field(default=EMPTY, kw_only=True)

    @property
    def name(self) -> str:
        """The name given in the spec."""
        return self.spec.name


@frozen(slots=True)
class NodeDescription(Frozen):
    """What a node's engine says of itself; ``plugins`` are ``"Type/name"``."""

    hostname: str = ""
    platform: Platform | None = None
    resources: Resources = field(factory=Resources)
    engine_version: str = ""
    engine_labels: Labels = field(default=EMPTY, converter=frozen_labels)
    plugins: tuple[str, ...] = ()


@frozen(slots=True)
class NodeStatus(Frozen):
    """What the dispatcher knows of a node; ``address`` without port."""

    state: NodeState = NodeState.UNKNOWN
    message: str = ""
    address: str = ""


@frozen(slots=True)
class ManagerStatus(Frozen):
    """A manager's place among the Raft members; ``address`` with port."""

    address: str
    leader: bool = False
    reachability: Reachability = Reachability.UNKNOWN


@frozen(slots=True)
class Node(StoredObject):
    """A machine in the swarm. ``role`` is the observed one, ``spec.role`` the desired one."""

    kind: ClassVar[str] = "node"

    spec: NodeSpec = field(factory=NodeSpec, kw_only=True)
    role: Role = field(default=Role.WORKER, kw_only=True)
    description: NodeDescription | None = field(default=None, kw_only=True)
    status: NodeStatus = field(factory=NodeStatus, kw_only=True)
    manager: ManagerStatus | None = field(default=None, kw_only=True)
    attachments: tuple[Attachment, ...] = field(default=(), kw_only=True)

    @property
    def hostname(self) -> str:
        """The host name the engine reported; empty before its first report."""
        return self.description.hostname if self.description else ""

    @property
    def name(self) -> str:
        """The name given in the spec, else the host name."""
        return self.spec.name or self.hostname

    def attachment(self, network_id: str) -> Attachment | None:
        """The node's load-balancer address on that network, if it has one."""
        return _on(network_id, self.attachments)


@frozen(slots=True)
class IpamState(Frozen):
    """What the allocator gave a network for one subnet."""

    subnet: str
    gateway: str
    ip_range: str = ""


@frozen(slots=True)
class Network(StoredObject):
    """A swarm network; not yet allocated while ``ipam`` is empty."""

    kind: ClassVar[str] = "network"

    spec: NetworkSpec = field(kw_only=True)
    ipam: tuple[IpamState, ...] = field(default=(), kw_only=True)
    vxlan_ids: tuple[int, ...] = field(default=(), kw_only=True)
    predefined: bool = field(default=False, kw_only=True)

    @property
    def name(self) -> str:
        """The name given in the spec."""
        return self.spec.name


@frozen(slots=True)
class UpdateStatus(Frozen):
    """Where a service's update stands."""

    state: UpdateState
    message: str = ""
    started_ns: int | None = None
    completed_ns: int | None = None


@frozen(slots=True)
class JobStatus(Frozen):
    """Which run of a job is current."""

    iteration: int = 0
    last_execution_ns: int = 0


@frozen(slots=True)
class Service(StoredObject):
    """A service; ``endpoint`` is what the allocator gave, None before it was allocated."""

    kind: ClassVar[str] = "service"

    spec: ServiceSpec = field(kw_only=True)
    spec_version: int = field(default=0, kw_only=True)
    previous_spec: ServiceSpec | None = field(default=None, kw_only=True)
    previous_spec_version: int = field(default=0, kw_only=True)
    endpoint: Endpoint | None = field(default=None, kw_only=True)
    update_status: UpdateStatus | None = field(default=None, kw_only=True)
    job_status: JobStatus | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """The name given in the spec."""
        return self.spec.name


@value
class TaskStatus(Frozen):
    """How far a task has come, when, and what was said about it.

    Attributes:
        container_id: of its container; empty when the agent has made none.
        pid: of the container's process; 0 when none runs.
        exit_code: how that ended.
        ports: host-mode ports as the node opened them.
    """

    state: TaskState = TaskState.NEW
    message: str = ""
    err: str = ""
    timestamp_ns: int = 0
    container_id: str = ""
    pid: int = 0
    exit_code: int = 0
    ports: tuple[PortConfig, ...] = ()


@lru_cache(maxsize=64)
def early_status(state: TaskState, message: str, now_ns: int) -> TaskStatus:
    """The status of a task that has no container yet: one object for all that say the same at a moment.

    >>> early_status(TaskState.PREPARING, "preparing", 5) is early_status(TaskState.PREPARING, "preparing", 5)
    True
    """
    return TaskStatus(state, message, "", now_ns)


@value
class TaskShared(Frozen):
    """What tasks made together have in common; it never changes."""

    service_id: str
    service_name: str
    spec: TaskSpec
    spec_version: int
    created_ns: int
    service_labels: Labels = field(default=EMPTY, converter=frozen_labels)
    job_iteration: int | None = None


@value
class Task(Frozen):
    """One unit of work: what never changes, and the small part that does.

    Attributes:
        shared: spec, service, creation time.
        slot: the replica number (1-based); 0 for global services, attachments and the first job task.
        node_id: where it runs; empty until placed.
        desired: the state the managers want.
        status: the state observed, and when.
        attachments: addresses, ingress first, then the spec's networks in order.
        endpoint: the service's endpoint as it was when the task was allocated.
    """

    kind: ClassVar[str] = "task"

    id: str
    shared: TaskShared
    slot: int = 0
    node_id: str = ""
    desired: TaskState = TaskState.RUNNING
    status: TaskStatus = field(factory=TaskStatus)
    attachments: tuple[Attachment, ...] = ()
    endpoint: Endpoint | None = None
    assigned_generic: GenericResources | None = None
    version: int = 0
    updated_ns: int = 0

    @property
    def service_id(self) -> str:
        """The service's id; empty for a plain container's attachment task."""
        return self.shared.service_id

    @property
    def spec(self) -> TaskSpec:
        """The template as it was when the task was made."""
        return self.shared.spec

    @property
    def spec_version(self) -> int:
        """The service's spec version the task was made from."""
        return self.shared.spec_version

    @property
    def created_ns(self) -> int:
        """When it was made."""
        return self.shared.created_ns

    @property
    def state(self) -> TaskState:
        """The observed state."""
        return self.status.state

    @property
    def name(self) -> str:
        """``service.slot.id``, or ``service.node.id`` when the slot is 0.

        Source: swarmkit api/naming/naming.go Task.
        """
        shared = self.shared
        if not shared.service_name:
            return self.id
        return f"{shared.service_name}.{self.slot or self.node_id}.{self.id}"

    def attachment(self, network_id: str) -> Attachment | None:
        """The task's place on that network, if it has one."""
        return _on(network_id, self.attachments)

    def evolve_to(
        self,
        version: int,
        now_ns: int,
        /,
        *,
        node_id: str | None = None,
        desired: TaskState | None = None,
        status: TaskStatus | None = None,
        attachments: tuple[Attachment, ...] | None = None,
        endpoint: Endpoint | None = None,
        assigned_generic: GenericResources | None = None,
    ) -> Task:
        """Return the task with those fields replaced (None keeps); written by hand for speed."""
        return Task(
            self.id,
            self.shared,
            self.slot,
            self.node_id if node_id is None else node_id,
            self.desired if desired is None else desired,
            self.status if status is None else status,
            self.attachments if attachments is None else attachments,
            self.endpoint if endpoint is None else endpoint,
            self.assigned_generic if assigned_generic is None else assigned_generic,
            version,
            now_ns,
        )


@frozen(slots=True)
class Secret(StoredObject):
    """A secret, known by name; services refer to it by id."""

    kind: ClassVar[str] = "secret"

    spec: SecretSpec = field(kw_only=True)

    @property
    def name(self) -> str:
        """The name given in the spec."""
        return self.spec.name


@frozen(slots=True)
class Config(StoredObject):
    """A config, known by name; services refer to it by id."""

    kind: ClassVar[str] = "config"

    spec: ConfigSpec = field(kw_only=True)

    @property
    def name(self) -> str:
        """The name given in the spec."""
        return self.spec.name

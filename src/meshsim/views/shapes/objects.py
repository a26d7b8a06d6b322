"""Room views, shapes: what exists in a swarm, as the Engine API has it.

Comes in: objects of :mod:`meshsim.model`, the epoch (nanoseconds since 1970 of the cluster's start) and
look-ups as callables. Goes out: Go structs (``to_json`` of them is the API's JSON). Rules of this file:
pure functions; no store, no cluster, no clock.

Certificates are not modelled: ``TrustRoot`` is a PEM block made from the digest of the root CA, so that
it is there, differs from swarm to swarm and is the same on every node.

Source: moby daemon/cluster/convert/{service,task,node,network,swarm,secret,config}.go.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import attrs

from meshsim.gotext.values import Duration, Pointer, Struct, Time, go_map
from meshsim.model.objects import (
    Config,
    Endpoint,
    Network,
    Node,
    NodeDescription,
    Secret,
    Service,
    StoredObject,
    Swarm,
    Task,
    UpdateStatus,
)
from meshsim.model.specs import EndpointSpec, Platform, SwarmSpec
from meshsim.model.states import Role
from meshsim.views.shapes import types as go
from meshsim.views.shapes.specs import (
    endpoint_spec,
    named,
    port,
    resources,
    service_spec,
    task_spec,
    with_defaults,
)
from meshsim.views.status import ServiceStatus

__all__ = [
    "Peer",
    "SwarmInfo",
    "cluster_info",
    "config",
    "network_object",
    "node",
    "secret",
    "service",
    "swarm",
    "swarm_info",
    "task",
    "trust_root",
]

#: CN=swarm-ca in DER, as every swarm has it
ISSUER_SUBJECT = "MBMxETAPBgNVBAMTCHN3YXJtLWNh"
#: entries kept for slow followers. Source: swarmkit manager/state/raft DefaultRaftConfig
SLOW_FOLLOWER_ENTRIES = 500
VXLAN_OPTION = "com.docker.network.driver.overlay.vxlanid_list"


def _meta(record: StoredObject | Task, epoch_ns: int) -> Struct:
    return go.META(
        Version=go.VERSION(Index=record.version),
        CreatedAt=Time(epoch_ns + record.created_ns),
        UpdatedAt=Time(epoch_ns + (record.updated_ns or record.created_ns)),
    )


def service(
    record: Service, *, epoch_ns: int = 0, defaults: bool = False, status: ServiceStatus | None = None
) -> Struct:
    """Return ``swarm.Service``.

    Args:
        record: the service.
        epoch_ns: nanoseconds since 1970 of the cluster's start.
        defaults: fill in defaults, as ``insertDefaults=true`` does.
        status: counts of tasks, as ``status=true`` adds them.
    """
    spec = with_defaults(record.spec) if defaults else record.spec
    previous = record.previous_spec
    if previous is not None and defaults:
        previous = with_defaults(previous)
    return go.SERVICE(
        ID=record.id,
        Meta=_meta(record, epoch_ns),
        Spec=service_spec(spec),
        PreviousSpec=None if previous is None else Pointer(service_spec(previous)),
        Endpoint=_endpoint(record.endpoint),
        UpdateStatus=_update_status(record.update_status, epoch_ns),
        ServiceStatus=None if status is None else Pointer(_service_status(status)),
        JobStatus=_job_status(record, epoch_ns),
    )


def _endpoint(endpoint: Endpoint | None) -> Struct:
    """What the allocator gave; its spec is shown only once it gave something."""
    ports = [port(p) for p in endpoint.ports] if endpoint else []
    vips = (
        [go.VIRTUAL_IP(NetworkID=v.network_id, Addr=v.address) for v in endpoint.virtual_ips]
        if endpoint
        else []
    )
    if endpoint is None or not (ports or vips):
        return go.ENDPOINT(Spec=go.ENDPOINT_SPEC())
    spec = endpoint_spec(endpoint.spec or EndpointSpec())
    return go.ENDPOINT(Spec=spec, Ports=ports or None, VirtualIPs=vips or None)


def _update_status(status: UpdateStatus | None, epoch_ns: int) -> Pointer | None:
    if status is None:
        return None
    return Pointer(
        go.UPDATE_STATUS(
            State=status.state.value,
            StartedAt=_maybe_time(status.started_ns, epoch_ns),
            CompletedAt=_maybe_time(status.completed_ns, epoch_ns),
            Message=status.message,
        )
    )


def _maybe_time(time_ns: int | None, epoch_ns: int) -> Pointer | None:
    return None if time_ns is None else Pointer(Time(epoch_ns + time_ns))


def _service_status(status: ServiceStatus) -> Struct:
    return go.SERVICE_STATUS(
        RunningTasks=status.running, DesiredTasks=status.desired, CompletedTasks=status.completed
    )


def _job_status(record: Service, epoch_ns: int) -> Pointer | None:
    status = record.job_status
    if status is None:
        return None
    return Pointer(
        go.JOB_STATUS(
            JobIteration=go.VERSION(Index=status.iteration),
            LastExecution=Time(epoch_ns + status.last_execution_ns),
        )
    )


def task(record: Task, *, epoch_ns: int = 0, network: Callable[[str], Network | None]) -> Struct:
    """Return ``swarm.Task``.

    Args:
        record: the task.
        epoch_ns: nanoseconds since 1970 of the cluster's start.
        network: finds a network by id; attachments of one that is gone are left out.
    """
    attachments = []
    for attachment in record.attachments:
        found = network(attachment.network_id)
        if found is not None:
            shape = network_object(found, epoch_ns=epoch_ns)
            attachments.append(go.NETWORK_ATTACHMENT(Network=shape, Addresses=[attachment.address]))
    iteration = record.shared.job_iteration
    return go.TASK(
        ID=record.id,
        Meta=_meta(record, epoch_ns),
        Annotations=go.ANNOTATIONS(Labels={}),
        Spec=task_spec(record.spec),
        ServiceID=record.service_id,
        Slot=record.slot,
        NodeID=record.node_id,
        Status=_task_status(record, epoch_ns),
        DesiredState=record.desired.label,
        NetworksAttachments=attachments or None,
        JobIteration=None if iteration is None else Pointer(go.VERSION(Index=iteration)),
    )


def _task_status(record: Task, epoch_ns: int) -> Struct:
    status = record.status
    container = None
    if status.container_id:
        container = Pointer(
            go.CONTAINER_STATUS(ContainerID=status.container_id, PID=status.pid, ExitCode=status.exit_code)
        )
    return go.TASK_STATUS(
        Timestamp=Time(epoch_ns + status.timestamp_ns),
        State=status.state.label,
        Message=status.message,
        Err=status.err,
        ContainerStatus=container,
        PortStatus=go.PORT_STATUS(Ports=[port(p) for p in status.ports] or None),
    )


def network_object(record: Network, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.Network``, the form tasks carry (``network inspect`` has another)."""
    spec = record.spec
    # ingress is made by the manager, which names no driver
    driver = go.DRIVER(Name="" if spec.ingress else spec.driver)
    ipam_driver = go.DRIVER(Name="" if spec.ingress else "default")
    configs = [
        go.SWARM_IPAM_CONFIG(Subnet=state.subnet, Range=state.ip_range, Gateway=state.gateway)
        for state in record.ipam
    ]
    asked = [
        go.SWARM_IPAM_CONFIG(Subnet=given.subnet, Range=given.ip_range, Gateway=given.gateway)
        for given in spec.ipam
    ]
    return go.SWARM_NETWORK(
        ID=record.id,
        Meta=_meta(record, epoch_ns),
        Spec=go.SWARM_NETWORK_SPEC(
            Annotations=named(spec.name, spec.labels),
            DriverConfiguration=Pointer(driver),
            IPv6Enabled=spec.ipv6,
            Internal=spec.internal,
            Attachable=spec.attachable,
            Ingress=spec.ingress,
            IPAMOptions=Pointer(go.SWARM_IPAM(Driver=ipam_driver, Configs=asked or None)),
            Scope="swarm",
        ),
        DriverState=go.DRIVER(Name=spec.driver, Options=_driver_options(record)),
        IPAMOptions=Pointer(go.SWARM_IPAM(Driver=go.DRIVER(Name="default"), Configs=configs or None)),
    )


def _driver_options(record: Network) -> dict[str, str]:
    options = dict(record.spec.options)
    if record.vxlan_ids:
        options[VXLAN_OPTION] = ",".join(map(str, record.vxlan_ids))
    return go_map(options)


def trust_root(root_ca_digest: str) -> str:
    """Return what stands for the swarm's root certificate: a PEM block made from its digest."""
    body = b64encode(root_ca_digest.encode()).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _tls(root_ca_digest: str) -> Struct:
    if not root_ca_digest:
        return go.TLS_INFO()
    key = b64encode(root_ca_digest[:64].encode()).decode()
    return go.TLS_INFO(
        TrustRoot=trust_root(root_ca_digest), CertIssuerSubject=ISSUER_SUBJECT, CertIssuerPublicKey=key
    )


def node(record: Node, *, epoch_ns: int = 0, root_ca_digest: str = "") -> Struct:
    """Return ``swarm.Node``; ManagerStatus is there on managers only."""
    manager = None
    if record.manager is not None:
        manager = Pointer(
            go.MANAGER_STATUS(
                Leader=record.manager.leader,
                Reachability=record.manager.reachability.label,
                Addr=record.manager.address,
            )
        )
    spec = record.spec
    return go.NODE(
        ID=record.id,
        Meta=_meta(record, epoch_ns),
        Spec=go.NODE_SPEC(
            Annotations=named(spec.name, spec.labels),
            Role=(Role.MANAGER if spec.role is Role.MANAGER else Role.WORKER).label,
            Availability=spec.availability.label,
        ),
        Description=_description(record.description or NodeDescription(), root_ca_digest),
        Status=go.NODE_STATUS(
            State=record.status.state.label, Message=record.status.message, Addr=record.status.address
        ),
        ManagerStatus=manager,
    )


def _description(description: NodeDescription, root_ca_digest: str) -> Struct:
    platform = description.platform or Platform()
    plugins = [
        go.PLUGIN(Type=kind, Name=name)
        for kind, _, name in (plugin.partition("/") for plugin in sorted(description.plugins))
    ]
    return go.DESCRIPTION(
        Hostname=description.hostname,
        Platform=go.PLATFORM(Architecture=platform.architecture, OS=platform.os),
        Resources=resources(description.resources),
        Engine=go.ENGINE(
            EngineVersion=description.engine_version,
            Labels=go_map(description.engine_labels),
            Plugins=plugins or None,
        ),
        TLSInfo=_tls(root_ca_digest),
    )


def cluster_info(record: Swarm, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.ClusterInfo``, the swarm without its tokens (in ``docker info``)."""
    return go.CLUSTER_INFO(
        ID=record.id,
        Meta=_meta(record, epoch_ns),
        Spec=_swarm_spec(record.spec),
        TLSInfo=_tls(record.root_ca_digest),
        RootRotationInProgress=False,
        DefaultAddrPool=list(record.default_pools) or None,
        SubnetSize=record.subnet_size,
        DataPathPort=record.data_path_port,
    )


def _swarm_spec(spec: SwarmSpec) -> Struct:
    return go.SWARM_SPEC(
        Annotations=named(spec.name, spec.labels),
        Orchestration=go.ORCHESTRATION(TaskHistoryRetentionLimit=Pointer(spec.task_history_limit)),
        Raft=go.RAFT(
            SnapshotInterval=spec.snapshot_interval,
            KeepOldSnapshots=Pointer(spec.keep_old_snapshots),
            LogEntriesForSlowFollowers=SLOW_FOLLOWER_ENTRIES,
            ElectionTick=spec.election_tick,
            HeartbeatTick=spec.heartbeat_tick,
        ),
        Dispatcher=go.DISPATCHER(HeartbeatPeriod=Duration(spec.heartbeat_ns)),
        CAConfig=go.CA_CONFIG(NodeCertExpiry=Duration(spec.cert_expiry_ns)),
        TaskDefaults=go.TASK_DEFAULTS(),
        EncryptionConfig=go.ENCRYPTION(AutoLockManagers=spec.autolock),
    )


def swarm(record: Swarm, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.Swarm``: the cluster and its join tokens."""
    tokens = go.JOIN_TOKENS(Worker=record.worker_token, Manager=record.manager_token)
    return go.SWARM(ClusterInfo=cluster_info(record, epoch_ns=epoch_ns), JoinTokens=tokens)


@attrs.frozen(slots=True)
class Peer:
    """A manager a node knows of; ``address`` with port."""

    node_id: str
    address: str


_TWO_MANAGERS = """\
WARNING: Running Swarm in a two-manager configuration. This configuration provides
         no fault tolerance, and poses a high risk to lose control over the cluster.
         Refer to https://docs.docker.com/engine/swarm/admin_guide/ to configure the
         Swarm for fault-tolerance."""


@attrs.frozen(slots=True)
class SwarmInfo:
    """What a machine's engine says of its swarm; ``swarm`` and the counts on managers only."""

    local_state: str = "inactive"
    node_id: str = ""
    node_address: str = ""
    control_available: bool = False
    error: str = ""
    remote_managers: tuple[Peer, ...] = ()
    nodes: int = 0
    managers: int = 0
    swarm: Swarm | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the engine warns of: two managers tolerate no loss, and may lose the swarm twice as often.

        Source: moby daemon/cluster/swarm.go Info.
        """
        return (_TWO_MANAGERS,) if self.managers == 2 else ()


def swarm_info(info: SwarmInfo, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.Info``, the part of ``docker info`` about the swarm.

    >>> from meshsim.gotext.values import json_text
    >>> json_text(swarm_info(SwarmInfo()))  # doctest: +ELLIPSIS
    '{"NodeID":"","NodeAddr":"","LocalNodeState":"inactive",...,"RemoteManagers":null}'
    """
    peers = [go.PEER(NodeID=peer.node_id, Addr=peer.address) for peer in info.remote_managers]
    cluster = None if info.swarm is None else Pointer(cluster_info(info.swarm, epoch_ns=epoch_ns))
    return go.SWARM_INFO(
        NodeID=info.node_id,
        NodeAddr=info.node_address,
        LocalNodeState=info.local_state,
        ControlAvailable=info.control_available,
        Error=info.error,
        RemoteManagers=peers or None,
        Nodes=info.nodes,
        Managers=info.managers,
        Cluster=cluster,
        Warnings=list(info.warnings) or None,
    )


def secret(record: Secret, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.Secret``; its data never leaves the managers."""
    spec = go.SECRET_SPEC(Annotations=named(record.spec.name, record.spec.labels))
    return go.SECRET(ID=record.id, Meta=_meta(record, epoch_ns), Spec=spec)


def config(record: Config, *, epoch_ns: int = 0) -> Struct:
    """Return ``swarm.Config``, data in base 64."""
    data = b64encode(record.spec.data).decode()
    spec = go.CONFIG_SPEC(Annotations=named(record.spec.name, record.spec.labels), Data=data)
    return go.CONFIG(ID=record.id, Meta=_meta(record, epoch_ns), Spec=spec)

r"""Room views: the ``--pretty`` texts of inspect, and ``docker info``'s part about the swarm.

Comes in: records, the present time, look-ups. Goes out: text, line for line and blank for blank as
docker prints it. Rule of this file: layout of facts, no facts of its own.

>>> from meshsim.model.objects import Secret
>>> from meshsim.model.specs import SecretSpec
>>> secret_pretty(Secret("s" * 25, spec=SecretSpec("db_pw"))).splitlines()[1]
'Name:              db_pw'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshsim.model.objects import Config, Node, NodeDescription, Secret, Service, UpdateStatus
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    GlobalMode,
    HealthCheck,
    Labels,
    PortConfig,
    Replicated,
    ReplicatedJob,
    Resources,
    ServiceSpec,
    UpdateConfig,
)
from meshsim.units import bytes_text, cpus_text, duration_text, float_text, go_time, human_duration
from meshsim.views import texts
from meshsim.views.shapes.objects import SwarmInfo, trust_root
from meshsim.views.shapes.specs import with_defaults

__all__ = ["config_pretty", "node_pretty", "secret_pretty", "service_pretty", "swarm_section"]


def service_pretty(record: Service, *, now_ns: int, network_name: Callable[[str], str] = str) -> str:
    """Return what ``service inspect --pretty`` prints, its first and last blank line included.

    Args:
        record: the service.
        now_ns: the present.
        network_name: id -> name, the id itself when unknown.

    Source: docker/cli cli/command/service/formatter.go serviceInspectPrettyTemplate.
    """
    lines = ["", *_service_lines(record, now_ns, network_name), ""]
    return "\n".join(lines) + "\n"


def _service_lines(record: Service, now_ns: int, network_name: Callable[[str], str]) -> Iterator[str]:
    spec = with_defaults(record.spec)
    yield f"ID:\t\t{record.id}"
    yield f"Name:\t\t{record.name}"
    yield from _labels(spec.labels)
    yield from _mode(spec)
    if record.update_status is not None:
        yield from _update_status(record.update_status, now_ns)
    yield from _placement(spec)
    if spec.update and spec.rollback and not isinstance(spec.mode, (ReplicatedJob, GlobalJob)):
        yield from _update("UpdateConfig", "Update order:      ", spec.update)
        yield from _update("RollbackConfig", "Rollback order:    ", spec.rollback)
    yield from _container(spec.task.container)
    if spec.task.log_driver:
        yield from ("Log Driver:", f" Name:\t\t{spec.task.log_driver}", "")
    yield "Resources:"
    yield from _resources("Reservations", spec.task.reservations)
    yield from _resources("Limits", spec.task.limits)
    if spec.task.networks:
        yield f"Networks: {''.join(f'{network_name(n.target)} ' for n in spec.task.networks)}"
    yield f"Endpoint Mode:\t{(spec.endpoint or EndpointSpec()).mode.value}"
    yield from _ports(record.endpoint.ports if record.endpoint else ())
    if spec.task.container.healthcheck:
        yield from _health(spec.task.container.healthcheck)


def _labels(labels: Labels) -> Iterator[str]:
    if labels:
        yield "Labels:"
        yield from (f" {key}={labels[key]}" for key in sorted(labels))


def _mode(spec: ServiceSpec) -> Iterator[str]:
    match spec.mode:
        case Replicated(replicas):
            yield from ("Service Mode:\tReplicated", f" Replicas:\t{replicas}")
        case GlobalMode():
            yield "Service Mode:\tGlobal"
        case ReplicatedJob(concurrent, total):
            yield "Service Mode:\tReplicatedJob"
            yield from (f" Max Concurrent:\t{concurrent}", f" Total Completions:\t{total}")
        case GlobalJob():
            yield "Service Mode:\tGlobalJob"


def _update_status(status: UpdateStatus, now_ns: int) -> Iterator[str]:
    yield "UpdateStatus:"
    yield f" State:\t\t{status.state.value}"
    if status.started_ns is not None:
        yield f" Started:\t{texts.age(status.started_ns, now_ns)}"
    if status.completed_ns is not None:
        yield f" Completed:\t{texts.age(status.completed_ns, now_ns)}"
    yield f" Message:\t{status.message}"


def _placement(spec: ServiceSpec) -> Iterator[str]:
    placement = spec.task.placement
    yield "Placement:"
    if placement.constraints:
        yield f" Constraints:\t[{' '.join(placement.constraints)}]"
    if placement.preferences:
        yield f" Preferences:   [{' '.join(f'spread={one}' for one in placement.preferences)}]"
    if placement.max_replicas:
        yield f" Max Replicas Per Node:   {placement.max_replicas}"


def _update(heading: str, order: str, config: UpdateConfig) -> Iterator[str]:
    yield f"{heading}:"
    yield f" Parallelism:\t{config.parallelism}"
    if config.delay_ns:
        yield f" Delay:\t\t{duration_text(config.delay_ns)}"
    yield f" On failure:\t{config.failure_action.value}"
    if config.monitor_ns:
        yield f" Monitoring Period: {duration_text(config.monitor_ns)}"
    yield f" Max failure ratio: {float_text(config.max_failure_ratio)}"
    yield f" {order}{config.order.value}"


def _container(spec: ContainerSpec) -> Iterator[str]:
    yield "ContainerSpec:"
    yield f" Image:\t\t{texts.image_name(spec.image)}"
    if spec.args:
        yield f" Args:\t\t{' '.join(spec.args)} "
    if spec.env:
        yield f" Env:\t\t{' '.join(spec.env)} "
    if spec.dir:
        yield f" Dir:\t\t{spec.dir}"
    yield f" Init:\t\t{'true' if spec.init else 'false'}"
    if spec.user:
        yield f" User: {spec.user}"
    if spec.mounts:
        yield "Mounts:"
    for mount in spec.mounts:
        yield f" Target:\t{mount.target}"
        yield f"  Source:\t{mount.source}"
        yield f"  ReadOnly:\t{'true' if mount.read_only else 'false'}"
        yield f"  Type:\t\t{mount.type}"
    yield from _files("Configs", spec.configs)
    yield from _files("Secrets", spec.secrets)


def _files(heading: str, references: tuple[FileReference, ...]) -> Iterator[str]:
    if references:
        yield f"{heading}:"
    for reference in references:
        yield f" Target:\t{reference.target}"
        yield f"  Source:\t{reference.name}"


def _resources(heading: str, amount: Resources) -> Iterator[str]:
    if amount.nano_cpus or amount.memory_bytes:
        yield f" {heading}:"
    if amount.nano_cpus:
        yield f"  CPU:\t\t{cpus_text(amount.nano_cpus)}"
    if amount.memory_bytes:
        yield f"  Memory:\t{bytes_text(amount.memory_bytes)}"


def _ports(ports: tuple[PortConfig, ...]) -> Iterator[str]:
    if ports:
        yield "Ports:"
    for port in ports:
        last = " " if port is ports[-1] else ""
        yield f" PublishedPort = {port.published}"
        yield f"  Protocol = {port.protocol.value}"
        yield f"  TargetPort = {port.target}"
        yield f"  PublishMode = {port.mode.value}{last}"


def _health(check: HealthCheck) -> Iterator[str]:
    yield " Healthcheck:"
    if check.interval_ns:
        yield f"  Interval = {duration_text(check.interval_ns)}"
    if check.retries:
        yield f"  Retries = {check.retries}"
    if check.start_period_ns:
        yield f"  StartPeriod =\t{duration_text(check.start_period_ns)}"
    if check.timeout_ns:
        yield f"  Timeout =\t{duration_text(check.timeout_ns)}"
    if check.test:
        yield "  Tests:"
        yield "\n".join(f"\t Test = {test}" for test in check.test) + " "


def node_pretty(record: Node, *, epoch_ns: int = 0, root_ca_digest: str = "") -> str:
    """Return what ``node inspect --pretty`` prints.

    Source: docker/cli cli/command/node/formatter.go nodeInspectPrettyTemplate.
    """
    lines = _node_lines(record, epoch_ns, root_ca_digest)
    return "\n".join(lines) + "\n"


def _node_lines(record: Node, epoch_ns: int, root_ca_digest: str) -> Iterator[str]:
    yield f"ID:\t\t\t{record.id}"
    if record.spec.name:
        yield f"Name:\t\t\t{record.spec.name}"
    if record.spec.labels:
        yield "Labels:"
        yield from (f" - {key}={record.spec.labels[key]}" for key in sorted(record.spec.labels))
    yield f"Hostname:              \t{record.hostname}"
    # "utc" is a quirk of the real one: the whole text is put in lower case
    yield f"Joined at:             \t{go_time(epoch_ns + record.created_ns).lower()}"
    yield "Status:"
    yield f" State:\t\t\t{texts.title(record.status.state.label)}"
    if record.status.message:
        yield f" Message:\t\t{texts.title(record.status.message)}"
    yield f" Availability:         \t{texts.title(record.spec.availability.label)}"
    if record.status.address:
        yield f" Address:\t\t{record.status.address}"
    if record.manager is not None:
        yield "Manager Status:"
        yield f" Address:\t\t{record.manager.address}"
        yield f" Raft Status:\t\t{texts.title(record.manager.reachability.label)}"
        yield f" Leader:\t\t{'Yes' if record.manager.leader else 'No'}"
    yield from _machine(record.description or NodeDescription())
    if root_ca_digest:
        yield from ("TLS Info:", " TrustRoot:", trust_root(root_ca_digest))
        yield from (" Issuer Subject:\tMBMxETAPBgNVBAMTCHN3YXJtLWNh",)


def _machine(description: NodeDescription) -> Iterator[str]:
    platform, resources = description.platform, description.resources
    yield "Platform:"
    yield f" Operating System:\t{platform.os if platform else ''}"
    yield f" Architecture:\t\t{platform.architecture if platform else ''}"
    yield "Resources:"
    yield f" CPUs:\t\t\t{resources.nano_cpus // 1_000_000_000}"
    yield f" Memory:\t\t{bytes_text(resources.memory_bytes)}"
    kinds: dict[str, list[str]] = {}
    for plugin in sorted(description.plugins):
        kind, _, name = plugin.partition("/")
        kinds.setdefault(kind, []).append(name)
    if kinds:
        yield "Plugins:"
        yield from (f" {kind}:\t\t{', '.join(names)}" for kind, names in kinds.items())
    yield f"Engine Version:\t\t{description.engine_version}"
    if description.engine_labels:
        yield "Engine Labels:"
        labels = description.engine_labels
        yield from (f" - {key}={labels[key]}" for key in sorted(labels))


def secret_pretty(record: Secret, *, epoch_ns: int = 0) -> str:
    """Return what ``secret inspect --pretty`` prints.

    Source: docker/cli cli/command/secret/formatter.go secretInspectPrettyTemplate.
    """
    lines = [f"ID:              {record.id}", f"Name:              {record.name}"]
    if record.spec.labels:
        lines += ["Labels:", *(f" - {key}={record.spec.labels[key]}" for key in sorted(record.spec.labels))]
    created, updated = _times(record, epoch_ns)
    lines += ["Driver:            ", f"Created at:        {created}", f"Updated at:        {updated}"]
    return "\n".join(lines) + "\n"


def config_pretty(record: Config, *, epoch_ns: int = 0) -> str:
    """Return what ``config inspect --pretty`` prints, data included.

    Source: docker/cli cli/command/config/formatter.go configInspectPrettyTemplate.
    """
    lines = [f"ID:\t\t\t{record.id}", f"Name:\t\t\t{record.name}"]
    if record.spec.labels:
        lines += ["Labels:", *(f" - {key}={record.spec.labels[key]}" for key in sorted(record.spec.labels))]
    created, updated = _times(record, epoch_ns)
    lines += [f"Created at:            \t{created}", f"Updated at:            \t{updated}"]
    return "\n".join([*lines, "Data:", record.spec.data.decode(errors="replace")]) + "\n"


def _times(record: Secret | Config, epoch_ns: int) -> tuple[str, str]:
    created = epoch_ns + record.created_ns
    updated = epoch_ns + (record.updated_ns or record.created_ns)
    return go_time(created).lower(), go_time(updated).lower()


def swarm_section(info: SwarmInfo) -> str:
    r"""Return what ``docker info`` says of the swarm.

    >>> swarm_section(SwarmInfo())
    ' Swarm: inactive\n'

    Source: docker/cli cli/command/system/info.go printSwarmInfo.
    """
    return "\n".join(_swarm_lines(info)) + "\n"


def _swarm_lines(info: SwarmInfo) -> Iterator[str]:
    yield f" Swarm: {info.local_state}"
    if info.local_state in ("inactive", "locked"):
        return
    yield f"  NodeID: {info.node_id}"
    if info.error:
        yield f"  Error: {info.error}"
    yield f"  Is Manager: {'true' if info.control_available else 'false'}"
    if info.swarm is not None and info.control_available and not info.error:
        yield from _cluster_lines(info)
    yield f"  Node Address: {info.node_address}"
    if info.remote_managers:
        yield "  Manager Addresses:"
        yield from (f"   {address}" for address in sorted(peer.address for peer in info.remote_managers))


def _cluster_lines(info: SwarmInfo) -> Iterator[str]:
    assert info.swarm is not None  # the caller has looked
    record, spec = info.swarm, info.swarm.spec
    yield f"  ClusterID: {record.id}"
    yield f"  Managers: {info.managers}"
    yield f"  Nodes: {info.nodes}"
    yield f"  Default Address Pool: {''.join(f'{pool}  ' for pool in record.default_pools)}"
    yield f"  SubnetSize: {record.subnet_size}"
    yield f"  Data Path Port: {record.data_path_port}"
    yield "  Orchestration:"
    yield f"   Task History Retention Limit: {spec.task_history_limit}"
    yield "  Raft:"
    yield f"   Snapshot Interval: {spec.snapshot_interval}"
    yield f"   Number of Old Snapshots to Retain: {spec.keep_old_snapshots}"
    yield f"   Heartbeat Tick: {spec.heartbeat_tick}"
    yield f"   Election Tick: {spec.election_tick}"
    yield "  Dispatcher:"
    yield f"   Heartbeat Period: {human_duration(spec.heartbeat_ns)}"
    yield "  CA Configuration:"
    yield f"   Expiry Duration: {human_duration(spec.cert_expiry_ns)}"
    yield "   Force Rotate: 0"
    yield f"  Autolock Managers: {'true' if spec.autolock else 'false'}"
    yield "  Root Rotation In Progress: false"

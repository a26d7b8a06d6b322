"""Room views, shapes: what users asked for, as the Engine API has it.

Comes in: specs of :mod:`meshsim.model`. Goes out: Go structs. Rule of this file: pure conversion; an
absent part of a spec is an absent part of the JSON, and defaults are filled in only where
:func:`with_defaults` is asked to, as the engine does for ``insertDefaults=true``.

Source: moby daemon/cluster/convert/service.go, container.go; swarmkit api/defaults/service.go.
"""

from __future__ import annotations

import attrs

from meshsim.gotext.values import Duration, Pointer, Struct, go_map
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    GlobalMode,
    HealthCheck,
    Labels,
    Mount,
    NetworkAttachmentConfig,
    Placement,
    PortConfig,
    Replicated,
    ReplicatedJob,
    Resources,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from meshsim.views.shapes import types as go

__all__ = [
    "endpoint_spec",
    "named",
    "port",
    "resources",
    "service_spec",
    "task_spec",
    "with_defaults",
]

STOP_GRACE_NS = 10_000_000_000
RESTART_DELAY_NS = 5_000_000_000
MONITOR_NS = 5_000_000_000
_DEFAULT_UPDATE = UpdateConfig(parallelism=1, monitor_ns=MONITOR_NS)


def with_defaults(spec: ServiceSpec) -> ServiceSpec:
    """Fill in what the engine fills in for ``insertDefaults=true`` (and so for ``service inspect``).

    >>> with_defaults(ServiceSpec("web")).task.restart.delay_ns
    5000000000

    Source: swarmkit api/defaults/service.go Interpolate.
    """
    container = spec.task.container
    if container.stop_grace_ns is None:
        container = attrs.evolve(container, stop_grace_ns=STOP_GRACE_NS)
    restart = spec.task.restart or RestartPolicy()
    if restart.delay_ns is None:
        restart = attrs.evolve(restart, delay_ns=RESTART_DELAY_NS)
    return attrs.evolve(
        spec,
        task=attrs.evolve(spec.task, container=container, restart=restart),
        update=_with_monitor(spec.update),
        rollback=_with_monitor(spec.rollback),
    )


def _with_monitor(config: UpdateConfig | None) -> UpdateConfig:
    if config is None:
        return _DEFAULT_UPDATE
    if config.monitor_ns is None:
        return attrs.evolve(config, monitor_ns=MONITOR_NS)
    return config


def named(name: str, labels: Labels) -> Struct:
    """Name and labels, embedded in every spec."""
    return go.ANNOTATIONS(Name=name, Labels=go_map(labels))


def service_spec(spec: ServiceSpec) -> Struct:
    """Return ``swarm.ServiceSpec``."""
    return go.SERVICE_SPEC(
        Annotations=named(spec.name, spec.labels),
        TaskTemplate=task_spec(spec.task, runtime="container"),
        Mode=_mode(spec.mode),
        UpdateConfig=_update(spec.update),
        RollbackConfig=_update(spec.rollback),
        EndpointSpec=Pointer(endpoint_spec(spec.endpoint or EndpointSpec())),
    )


def _mode(mode: ServiceMode) -> Struct:
    match mode:
        case Replicated(replicas):
            return go.MODE(Replicated=Pointer(go.REPLICATED(Replicas=Pointer(replicas))))
        case GlobalMode():
            return go.MODE(Global=Pointer(go.GLOBAL()))
        case ReplicatedJob(concurrent, total):
            job = go.REPLICATED_JOB(MaxConcurrent=Pointer(concurrent), TotalCompletions=Pointer(total))
            return go.MODE(ReplicatedJob=Pointer(job))
        case GlobalJob():
            return go.MODE(GlobalJob=Pointer(go.GLOBAL_JOB()))


def _update(config: UpdateConfig | None) -> Pointer | None:
    if config is None:
        return None
    return Pointer(
        go.UPDATE_CONFIG(
            Parallelism=config.parallelism,
            Delay=Duration(config.delay_ns),
            FailureAction=config.failure_action.value,
            Monitor=Duration(config.monitor_ns or 0),
            MaxFailureRatio=config.max_failure_ratio,
            Order=config.order.value,
        )
    )


def endpoint_spec(spec: EndpointSpec) -> Struct:
    """Return ``swarm.EndpointSpec``."""
    return go.ENDPOINT_SPEC(Mode=spec.mode.value, Ports=[port(p) for p in spec.ports] or None)


def port(config: PortConfig) -> Struct:
    """Return ``swarm.PortConfig``."""
    return go.PORT(
        Name=config.name,
        Protocol=config.protocol.value,
        TargetPort=config.target,
        PublishedPort=config.published,
        PublishMode=config.mode.value,
    )


def task_spec(spec: TaskSpec, *, runtime: str = "") -> Struct:
    """Return ``swarm.TaskSpec``; tasks themselves carry no ``runtime``."""
    networks = [_network(config) for config in spec.networks] or None
    if spec.attachment:
        attachment = Pointer(go.ATTACHMENT_SPEC(ContainerID=spec.attachment))
        return go.TASK_SPEC(NetworkAttachmentSpec=attachment, Networks=networks, Runtime="attachment")
    return go.TASK_SPEC(
        ContainerSpec=Pointer(_container(spec.container)),
        Resources=Pointer(
            go.REQUIREMENTS(
                Limits=Pointer(
                    go.LIMIT(NanoCPUs=spec.limits.nano_cpus, MemoryBytes=spec.limits.memory_bytes)
                ),
                Reservations=Pointer(resources(spec.reservations)),
            )
        ),
        RestartPolicy=_restart(spec.restart),
        Placement=Pointer(_placement(spec.placement)),
        Networks=networks,
        LogDriver=Pointer(go.DRIVER(Name=spec.log_driver)) if spec.log_driver else None,
        ForceUpdate=spec.force_update,
        Runtime=runtime,
    )


def resources(amount: Resources) -> Struct:
    """Return ``swarm.Resources``, generic ones by kind."""
    generic: list[Struct] = []
    for kind, value in sorted(amount.generic.items()):
        if isinstance(value, int):
            one = go.DISCRETE_GENERIC(Kind=kind, Value=value)
            generic.append(go.GENERIC(DiscreteResourceSpec=Pointer(one)))
        else:
            generic.extend(
                go.GENERIC(NamedResourceSpec=Pointer(go.NAMED_GENERIC(Kind=kind, Value=name)))
                for name in value
            )
    return go.RESOURCES(
        NanoCPUs=amount.nano_cpus, MemoryBytes=amount.memory_bytes, GenericResources=generic or None
    )


def _restart(policy: RestartPolicy | None) -> Pointer | None:
    if policy is None:
        return None
    return Pointer(
        go.RESTART_POLICY(
            Condition=policy.condition.value,
            Delay=None if policy.delay_ns is None else Pointer(Duration(policy.delay_ns)),
            MaxAttempts=Pointer(policy.max_attempts),
            Window=Pointer(Duration(policy.window_ns)) if policy.window_ns else None,
        )
    )


def _placement(placement: Placement) -> Struct:
    preferences = [
        go.PREFERENCE(Spread=Pointer(go.SPREAD(SpreadDescriptor=descriptor)))
        for descriptor in placement.preferences
    ]
    return go.PLACEMENT(
        Constraints=list(placement.constraints) or None,
        Preferences=preferences or None,
        MaxReplicas=placement.max_replicas,
        Platforms=[go.PLATFORM(Architecture=p.architecture, OS=p.os) for p in placement.platforms] or None,
    )


def _network(config: NetworkAttachmentConfig) -> Struct:
    return go.NETWORK_ATTACHMENT_CONFIG(Target=config.target, Aliases=list(config.aliases) or None)


def _container(spec: ContainerSpec) -> Struct:
    grace = None if spec.stop_grace_ns is None else Pointer(Duration(spec.stop_grace_ns))
    return go.CONTAINER_SPEC(
        Image=spec.image,
        Labels=go_map(spec.labels),
        Command=list(spec.command) or None,
        Args=list(spec.args) or None,
        Hostname=spec.hostname,
        Env=list(spec.env) or None,
        Dir=spec.dir,
        User=spec.user,
        Init=Pointer(spec.init),
        StopSignal=spec.stop_signal,
        TTY=spec.tty,
        ReadOnly=spec.read_only,
        Mounts=[_mount(mount) for mount in spec.mounts] or None,
        StopGracePeriod=grace,
        Healthcheck=_health(spec.healthcheck),
        Hosts=list(spec.hosts) or None,
        DNSConfig=Pointer(
            go.DNS_CONFIG(
                Nameservers=list(spec.dns_servers) or None,
                Search=list(spec.dns_search) or None,
                Options=list(spec.dns_options) or None,
            )
        ),
        Secrets=[_secret(reference) for reference in spec.secrets] or None,
        Configs=[_config(reference) for reference in spec.configs] or None,
        Isolation="default",
    )


def _mount(mount: Mount) -> Struct:
    options = None
    if mount.volume_driver:
        driver = go.VOLUME_DRIVER(Name=mount.volume_driver)
        options = Pointer(go.VOLUME_OPTIONS(DriverConfig=Pointer(driver)))
    return go.MOUNT(
        Type=mount.type,
        Source=mount.source,
        Target=mount.target,
        ReadOnly=mount.read_only,
        VolumeOptions=options,
    )


def _health(check: HealthCheck | None) -> Pointer | None:
    if check is None:
        return None
    return Pointer(
        go.HEALTH(
            Test=list(check.test) or None,
            Interval=Duration(check.interval_ns),
            Timeout=Duration(check.timeout_ns),
            StartPeriod=Duration(check.start_period_ns),
            StartInterval=Duration(check.start_interval_ns),
            Retries=check.retries,
        )
    )


def _target(reference: FileReference) -> Pointer:
    return Pointer(
        go.FILE_TARGET(Name=reference.target, UID=reference.uid, GID=reference.gid, Mode=reference.mode)
    )


def _secret(reference: FileReference) -> Pointer:
    value = go.SECRET_REFERENCE(File=_target(reference), SecretID=reference.id, SecretName=reference.name)
    return Pointer(value)


def _config(reference: FileReference) -> Pointer:
    value = go.CONFIG_REFERENCE(File=_target(reference), ConfigID=reference.id, ConfigName=reference.name)
    return Pointer(value)

"""Room cluster: from the words of docker's flags to specs.

Comes in: keyword arguments named as the flags of ``docker service create`` and ``update`` (underscores for
dashes; text as typed, or plain numbers and lists). Goes out: a :class:`ServiceSpec`. Rules of this file:
values are parsed here and only here; networks, secrets and configs are looked up through :class:`Lookup`;
whether a value makes sense is for the managers to say.

Source: docker/cli cli/command/service/opts.go (toServiceSpec), update.go (updateService).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import evolve

from meshsim.cluster.images import with_tag
from meshsim.errors import BadValue, InvalidParameter
from meshsim.model.frozen import FrozenDict
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    GlobalMode,
    HealthCheck,
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
from meshsim.model.states import (
    EndpointMode,
    FailureAction,
    PublishMode,
    RestartCondition,
    UpdateOrder,
)
from meshsim.model.states import (
    Protocol as Transport,
)
from meshsim.units import parse_bytes, parse_cpus, parse_duration, parse_publish

__all__ = [
    "Lookup",
    "Words",
    "bytes_of",
    "duration_of",
    "pairs_of",
    "service_spec",
    "updated_spec",
    "words_of",
]

#: a list of texts, or one text
Words: TypeAlias = str | Iterable[str]
E = TypeVar("E", EndpointMode, FailureAction, RestartCondition, UpdateOrder)


class Lookup(Protocol):
    """What names stand for."""

    def network_id(self, text: str) -> str:
        """The id of a network fit for services."""

    def file_reference(self, kind: str, text: str) -> FileReference:
        """The secret or config a flag names."""


# -- single values


def words_of(value: Words | None) -> tuple[str, ...]:
    """One text is one word; an iterable is many."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def command_of(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """A command line as a shell would split it, or the words themselves."""
    if value is None:
        return ()
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(value)


def duration_of(value: str | int | None) -> int | None:
    """Nanoseconds from ``"1m30s"`` or from nanoseconds."""
    return parse_duration(value) if isinstance(value, str) else value


def bytes_of(value: str | int | None) -> int:
    """Bytes from ``"512M"`` or from bytes."""
    return parse_bytes(value) if isinstance(value, str) else value or 0


def pairs_of(value: Mapping[str, str] | Words | None) -> FrozenDict[str, str]:
    """Labels from a mapping or from ``key=value`` words; a bare key has an empty value."""
    if isinstance(value, Mapping):
        return FrozenDict({str(k): str(v) for k, v in value.items()})
    return FrozenDict({k: v for k, _, v in (word.partition("=") for word in words_of(value))})


def _cpus(value: str | float | None) -> int:
    if isinstance(value, str):
        return parse_cpus(value)
    return round((value or 0) * 1_000_000_000)


def _one_of(kind: type[E], value: str, refusal: str) -> E:
    try:
        return kind(value)
    except ValueError:
        raise InvalidParameter(refusal) from None


def ports_of(value: Any) -> tuple[PortConfig, ...]:
    """Ports from ``-p`` words, plain numbers or port values."""
    entries = [value] if isinstance(value, str | int | PortConfig) else list(value or ())
    ports: list[PortConfig] = []
    for entry in entries:
        if isinstance(entry, PortConfig):
            ports.append(entry)
            continue
        ports += [
            PortConfig(p.target, p.published, Transport(p.protocol), PublishMode(p.mode))
            for p in parse_publish(str(entry))
        ]
    return tuple(ports)


def _network(text: str, lookup: Lookup) -> NetworkAttachmentConfig:
    """``eg1`` or ``name=eg1,alias=web``."""
    if "=" not in text:
        return NetworkAttachmentConfig(lookup.network_id(text))
    name, aliases = "", []
    for part in text.split(","):
        key, _, value = part.partition("=")
        match key:
            case "name":
                name = value
            case "alias":
                aliases.append(value)
            case "driver-opt" | "ip":
                pass
            case _:
                raise BadValue(f"invalid field key {key}", text)
    if not name:
        raise BadValue("network name/id is not specified", text)
    return NetworkAttachmentConfig(lookup.network_id(name), tuple(aliases))


def _preference(text: str) -> str:
    strategy, equals, descriptor = text.partition("=")
    if not equals:
        raise BadValue('placement preference must be of the format "<strategy>=<arg>"', text)
    if strategy.lower() != "spread":
        raise BadValue(f"unsupported placement preference {strategy} (only spread is supported)", text)
    return descriptor


def _mount(text: str) -> Mount:
    fields = {key: value or "true" for key, _, value in (part.partition("=") for part in text.split(","))}
    target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
    if not target:
        raise BadValue("target is required", text)
    return Mount(
        fields.get("type", "volume"),
        fields.get("source") or fields.get("src") or "",
        target,
        any(fields.get(k) in ("true", "1") for k in ("readonly", "ro")),
        fields.get("volume-driver", ""),
    )


def _generic(value: Words | None) -> FrozenDict[str, Any]:
    return FrozenDict({kind: int(amount) for kind, _, amount in (w.partition("=") for w in words_of(value))})


# -- groups of flags. Each takes what was given and what there was, and returns what there is.

Given: TypeAlias = dict[str, Any]


def _resources(given: Given, prefix: str, base: Resources) -> Resources:
    changes: Given = {}
    if f"{prefix}_cpu" in given:
        changes["nano_cpus"] = _cpus(given[f"{prefix}_cpu"])
    if f"{prefix}_memory" in given:
        changes["memory_bytes"] = bytes_of(given[f"{prefix}_memory"])
    if prefix == "reserve" and "generic_resource" in given:
        changes["generic"] = _generic(given["generic_resource"])
    return evolve(base, **changes)


def _restart(given: Given, base: RestartPolicy | None) -> RestartPolicy | None:
    changes: Given = {}
    if "restart_condition" in given:
        value = given["restart_condition"]
        changes["condition"] = _one_of(
            RestartCondition, value or "any", f'invalid RestartCondition: "{value}"'
        )
    if "restart_delay" in given:
        changes["delay_ns"] = duration_of(given["restart_delay"])
    if "restart_max_attempts" in given:
        changes["max_attempts"] = int(given["restart_max_attempts"])
    if "restart_window" in given:
        changes["window_ns"] = duration_of(given["restart_window"])
    if not changes:
        return base
    return evolve(base or RestartPolicy(delay_ns=5_000_000_000), **changes)


def _update(given: Given, prefix: str, base: UpdateConfig | None) -> UpdateConfig | None:
    """One flag given, and the command line fills in the others with its own defaults (parallelism 1)."""
    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "parallelism": ("parallelism", int),
        "delay": ("delay_ns", duration_of),
        "monitor": ("monitor_ns", duration_of),
        "max_failure_ratio": ("max_failure_ratio", float),
        "failure_action": ("failure_action", _failure_action),
        "order": ("order", _order),
    }
    changes = {
        field: read(given[f"{prefix}_{flag}"])
        for flag, (field, read) in readers.items()
        if f"{prefix}_{flag}" in given
    }
    if not changes:
        return base
    return evolve(base or UpdateConfig(parallelism=1, monitor_ns=5_000_000_000), **changes)


def _failure_action(value: str) -> FailureAction:
    return _one_of(FailureAction, value, f"unrecognized update failure action {value}")


def _order(value: str) -> UpdateOrder:
    return _one_of(UpdateOrder, value, f"unrecognized update order {value}")


def _health(given: Given, base: HealthCheck | None) -> HealthCheck | None:
    if given.get("no_healthcheck"):
        return HealthCheck(("NONE",))
    changes: Given = {}
    if "health_cmd" in given:
        changes["test"] = ("CMD-SHELL", given["health_cmd"])
    for flag in ("interval", "timeout", "start_period", "start_interval"):
        if f"health_{flag}" in given:
            changes[f"{flag}_ns"] = duration_of(given[f"health_{flag}"])
    if "health_retries" in given:
        changes["retries"] = int(given["health_retries"])
    return evolve(base or HealthCheck(), **changes) if changes else base


def _placement(given: Given, base: Placement) -> Placement:
    changes: Given = {}
    if "constraint" in given:
        changes["constraints"] = words_of(given["constraint"])
    if "placement_pref" in given:
        changes["preferences"] = tuple(_preference(p) for p in words_of(given["placement_pref"]))
    if "replicas_max_per_node" in given:
        changes["max_replicas"] = int(given["replicas_max_per_node"])
    return evolve(base, **changes)


_PLAIN = ("image", "hostname", "user", "stop_signal", "tty", "read_only", "init")
_WORDS = {
    "env": "env",
    "host": "hosts",
    "dns": "dns_servers",
    "dns_search": "dns_search",
    "dns_option": "dns_options",
}


def _container(given: Given, base: ContainerSpec, lookup: Lookup) -> ContainerSpec:
    changes: Given = {flag: given[flag] for flag in _PLAIN if flag in given}
    if changes.get("image"):
        changes["image"] = with_tag(changes["image"])
    changes.update((name, words_of(given[flag])) for flag, name in _WORDS.items() if flag in given)
    if isinstance(given.get("env"), Mapping):
        changes["env"] = tuple(f"{key}={value}" for key, value in given["env"].items())
    if "workdir" in given:
        changes["dir"] = given["workdir"]
    if "entrypoint" in given:
        changes["command"] = command_of(given["entrypoint"])
    for flag in ("command", "args"):
        if given.get(flag) is not None:
            changes["args"] = command_of(given[flag])
    if "container_label" in given:
        changes["labels"] = pairs_of(given["container_label"])
    if "mount" in given:
        changes["mounts"] = tuple(_mount(m) if isinstance(m, str) else m for m in _many(given["mount"]))
    if "stop_grace_period" in given:
        changes["stop_grace_ns"] = duration_of(given["stop_grace_period"])
    for kind in ("secret", "config"):
        if kind in given:
            changes[f"{kind}s"] = tuple(lookup.file_reference(kind, w) for w in words_of(given[kind]))
    changes["healthcheck"] = _health(given, base.healthcheck)
    return evolve(base, **changes)


def _many(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | Mount) else list(value)


def _mode(given: Given, base: ServiceMode) -> ServiceMode:
    mode, replicas = given.get("mode"), given.get("replicas")
    concurrent = given.get("max_concurrent")
    if mode is None:
        if isinstance(base, Replicated) and replicas is not None:
            return Replicated(int(replicas))
        if isinstance(base, ReplicatedJob) and (replicas is not None or concurrent is not None):
            total = base.total_completions if replicas is None else int(replicas)
            return ReplicatedJob(total if concurrent is None else int(concurrent), total)
        return base
    match mode:
        case "replicated":
            return Replicated(1 if replicas is None else int(replicas))
        case "global":
            return GlobalMode()
        case "replicated-job":
            total = int(replicas if replicas is not None else concurrent or 1)
            return ReplicatedJob(total if concurrent is None else int(concurrent), total)
        case "global-job":
            return GlobalJob()
    raise InvalidParameter(f"Unknown mode: {mode}, only replicated and global supported")


def _endpoint(given: Given, base: EndpointSpec | None) -> EndpointSpec:
    changes: Given = {}
    if given.get("endpoint_mode"):
        mode = given["endpoint_mode"]
        changes["mode"] = _one_of(EndpointMode, mode, f'invalid resolution mode: "{mode}"')
    if "publish" in given:
        changes["ports"] = ports_of(given["publish"])
    return evolve(base or EndpointSpec(), **changes)


def service_spec(name: str, given: Given, lookup: Lookup) -> ServiceSpec:
    """Build the spec of a new service from the flags that were given.

    Raises:
        BadValue, InvalidParameter: a value that docker's command line or engine would not take.
        NotFound: a network, secret or config that does not exist.
    """
    return _apply(ServiceSpec(name), {"mode": "replicated", **given}, lookup)


def _apply(base: ServiceSpec, given: Given, lookup: Lookup) -> ServiceSpec:
    task = base.task
    changes: Given = {
        "container": _container(given, task.container, lookup),
        "limits": _resources(given, "limit", task.limits),
        "reservations": _resources(given, "reserve", task.reservations),
        "restart": _restart(given, task.restart),
        "placement": _placement(given, task.placement),
    }
    if "network" in given:
        changes["networks"] = tuple(_network(n, lookup) for n in words_of(given["network"]))
    if "log_driver" in given:
        changes["log_driver"] = given["log_driver"]
    if given.get("force"):
        changes["force_update"] = task.force_update + 1
    return evolve(
        base,
        task=evolve(task, **changes),
        mode=_mode(given, base.mode),
        labels=pairs_of(given["label"]) if "label" in given else base.labels,
        update=_update(given, "update", base.update),
        rollback=_update(given, "rollback", base.rollback),
        endpoint=_endpoint(given, base.endpoint),
    )


# -- update: pairs of -add and -rm


def updated_spec(base: ServiceSpec, given: Given, lookup: Lookup) -> ServiceSpec:
    """Build the spec an update asks for: plain flags replace, ``x_add`` and ``x_rm`` edit lists.

    Raises:
        BadValue, InvalidParameter, NotFound: as :func:`service_spec`.
    """
    flat = {flag: value for flag, value in given.items() if not flag.endswith(("_add", "_rm"))}
    spec = _apply(base, flat, lookup)
    container, task = spec.task.container, spec.task
    container = evolve(
        container,
        env=_edit_pairs(container.env, given, "env"),
        hosts=_edit(container.hosts, given, "host"),
        labels=_edit_labels(container.labels, given, "container_label"),
        mounts=_edit_mounts(container.mounts, given),
        secrets=_edit_files(container.secrets, given, "secret", lookup),
        configs=_edit_files(container.configs, given, "config", lookup),
    )
    preferences = tuple(_preference(p) for p in words_of(given.get("placement_pref_add")))
    dropped = {_preference(p) for p in words_of(given.get("placement_pref_rm"))}
    placement = evolve(
        task.placement,
        constraints=_edit(task.placement.constraints, given, "constraint"),
        preferences=tuple(p for p in task.placement.preferences if p not in dropped) + preferences,
    )
    task = evolve(
        task, container=container, placement=placement, networks=_edit_networks(task, given, lookup)
    )
    endpoint = spec.endpoint
    if "publish_add" in given or "publish_rm" in given:
        endpoint = evolve(endpoint or EndpointSpec(), ports=_edit_ports(endpoint, given))
    labels = _edit_labels(spec.labels, given, "label")
    return evolve(spec, task=task, endpoint=endpoint, labels=labels)


def _edit(items: tuple[str, ...], given: Given, flag: str) -> tuple[str, ...]:
    gone = words_of(given.get(f"{flag}_rm"))
    kept = tuple(item for item in items if item not in gone)
    return kept + tuple(w for w in words_of(given.get(f"{flag}_add")) if w not in kept)


def _edit_pairs(items: tuple[str, ...], given: Given, flag: str) -> tuple[str, ...]:
    pairs = dict(item.partition("=")[::2] for item in items)
    for key in words_of(given.get(f"{flag}_rm")):
        pairs.pop(key, None)
    for word in words_of(given.get(f"{flag}_add")):
        key, _, value = word.partition("=")
        pairs[key] = value
    return tuple(f"{key}={value}" for key, value in pairs.items())


def _edit_labels(labels: FrozenDict[str, str], given: Given, flag: str) -> FrozenDict[str, str]:
    gone = words_of(given.get(f"{flag}_rm"))
    return FrozenDict(
        {**{k: v for k, v in labels.items() if k not in gone}, **pairs_of(given.get(f"{flag}_add"))}
    )


def _edit_mounts(mounts: tuple[Mount, ...], given: Given) -> tuple[Mount, ...]:
    gone = words_of(given.get("mount_rm"))
    return tuple(m for m in mounts if m.target not in gone) + tuple(
        _mount(m) for m in words_of(given.get("mount_add"))
    )


def _edit_files(
    files: tuple[FileReference, ...], given: Given, kind: str, lookup: Lookup
) -> tuple[FileReference, ...]:
    gone = words_of(given.get(f"{kind}_rm"))
    added = tuple(lookup.file_reference(kind, w) for w in words_of(given.get(f"{kind}_add")))
    return tuple(f for f in files if f.name not in gone) + added


def _edit_networks(task: TaskSpec, given: Given, lookup: Lookup) -> tuple[NetworkAttachmentConfig, ...]:
    gone = {lookup.network_id(n) for n in words_of(given.get("network_rm"))}
    kept = tuple(n for n in task.networks if n.target not in gone)
    for text in words_of(given.get("network_add")):
        added = _network(text, lookup)
        if any(n.target == added.target for n in kept):
            raise InvalidParameter(f"service is already attached to network {text}")
        kept += (added,)
    return kept


def _edit_ports(endpoint: EndpointSpec | None, given: Given) -> tuple[PortConfig, ...]:
    """``publish_rm`` names target ports; ports being added stay. Sorted as text, as the CLI sends them.

    Source: docker/cli cli/command/service/update.go updatePorts.
    """
    added = ports_of(given.get("publish_add"))
    removed = [
        (port.target, port.protocol) for port in (ports_of(w)[0] for w in words_of(given.get("publish_rm")))
    ]
    kept = [
        port
        for port in (endpoint.ports if endpoint else ())
        if (port.target, port.protocol) not in removed and port not in added
    ]
    ports = [*kept, *added]
    return tuple(sorted(ports, key=_port_key))


def _port_key(port: PortConfig) -> str:
    return f"{port.published}:{port.target}/{port.protocol.value}/{port.mode.value}"

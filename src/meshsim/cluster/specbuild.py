"""Room cluster: from the words of docker's flags to specs.

Comes in: keyword arguments named as the flags of ``docker service create`` (underscores for dashes; text
as typed, or plain numbers and lists). Goes out: a :class:`ServiceSpec`. Rules of this file: one function
per group of flags, which takes what was given and what there was; single values are parsed next door;
whether a value makes sense is for the managers to say.

Source: docker/cli cli/command/service/opts.go (toServiceSpec).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from attrs import evolve

from meshsim.cluster.images import with_tag
from meshsim.cluster.specvalues import (
    Lookup,
    bytes_of,
    command_of,
    cpus_of,
    duration_of,
    file_of,
    generic_of,
    host_of,
    network_of,
    one_of,
    pairs_of,
    ports_of,
    preference_of,
    ratio_of,
    taken_mount,
    whole_of,
    words_of,
)
from meshsim.errors import BadValue, InvalidParameter
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    GlobalMode,
    HealthCheck,
    Mount,
    Placement,
    Replicated,
    ReplicatedJob,
    Resources,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    UpdateConfig,
)
from meshsim.model.states import EndpointMode, FailureAction, RestartCondition, UpdateOrder

__all__ = ["Given", "changed_spec", "file_references", "service_spec"]

Given: TypeAlias = dict[str, Any]


def _resources(given: Given, prefix: str, base: Resources) -> Resources:
    changes: Given = {}
    if f"{prefix}_cpu" in given:
        changes["nano_cpus"] = cpus_of(given[f"{prefix}_cpu"])
    if f"{prefix}_memory" in given:
        changes["memory_bytes"] = bytes_of(given[f"{prefix}_memory"])
    if prefix == "reserve" and "generic_resource" in given:
        changes["generic"] = generic_of(given["generic_resource"])
    return evolve(base, **changes)


def _restart(given: Given, base: RestartPolicy | None) -> RestartPolicy | None:
    changes: Given = {}
    if "restart_condition" in given:
        value = given["restart_condition"]
        changes["condition"] = one_of(
            RestartCondition, value or "any", f'invalid RestartCondition: "{value}"'
        )
    if "restart_delay" in given:
        changes["delay_ns"] = duration_of(given["restart_delay"])
    if "restart_max_attempts" in given:
        changes["max_attempts"] = whole_of(given["restart_max_attempts"])
    if "restart_window" in given:
        changes["window_ns"] = duration_of(given["restart_window"])
    if not changes:
        return base
    return evolve(base or RestartPolicy(delay_ns=5_000_000_000), **changes)


def _update(given: Given, prefix: str, base: UpdateConfig | None) -> UpdateConfig | None:
    """One flag given, and the command line fills in the others with its own defaults (parallelism 1)."""
    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "parallelism": ("parallelism", whole_of),
        "delay": ("delay_ns", duration_of),
        "monitor": ("monitor_ns", duration_of),
        "max_failure_ratio": ("max_failure_ratio", ratio_of),
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
    return one_of(FailureAction, value, f"unrecognized update failure action {value}")


def _order(value: str) -> UpdateOrder:
    return one_of(UpdateOrder, value, f"unrecognized update order {value}")


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
        changes["retries"] = whole_of(given["health_retries"])
    return evolve(base or HealthCheck(), **changes) if changes else base


def _placement(given: Given, base: Placement) -> Placement:
    changes: Given = {}
    if "constraint" in given:
        changes["constraints"] = words_of(given["constraint"])
    if "placement_pref" in given:
        changes["preferences"] = tuple(preference_of(p) for p in words_of(given["placement_pref"]))
    if "replicas_max_per_node" in given:
        changes["max_replicas"] = whole_of(given["replicas_max_per_node"])
    return evolve(base, **changes)


_PLAIN = ("image", "hostname", "user", "stop_signal", "tty", "read_only", "init")
_WORDS = {
    "env": "env",
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
        changes["mounts"] = tuple(map(taken_mount, _many(given["mount"])))
    if "stop_grace_period" in given:
        changes["stop_grace_ns"] = duration_of(given["stop_grace_period"])
    if "host" in given:
        changes["hosts"] = tuple(map(host_of, words_of(given["host"])))
    for kind in ("secret", "config"):
        if kind in given:
            changes[f"{kind}s"] = file_references(kind, words_of(given[kind]), lookup)
    changes["healthcheck"] = _health(given, base.healthcheck)
    return evolve(base, **changes)


def file_references(kind: str, words: Iterable[str], lookup: Lookup) -> tuple[FileReference, ...]:
    """The secrets or configs that flags name, no two of them under one file name.

    Source: docker/cli cli/command/service/parse.go ParseSecrets, ParseConfigs.
    """
    wanted = [file_of(kind, word) for word in words]
    targets: dict[str, None] = {}
    for reference in wanted:
        if reference.target in targets:
            raise BadValue(f"duplicate {kind} target for {reference.name} not allowed", reference.name)
        targets[reference.target] = None
    return tuple(evolve(reference, id=lookup.file_id(kind, reference.name)) for reference in wanted)


def _many(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | Mount) else list(value)


def _mode(given: Given, base: ServiceMode) -> ServiceMode:
    mode, replicas = given.get("mode"), given.get("replicas")
    concurrent = given.get("max_concurrent")
    if mode is None:
        if isinstance(base, Replicated) and replicas is not None:
            return Replicated(whole_of(replicas))
        if isinstance(base, ReplicatedJob) and (replicas is not None or concurrent is not None):
            total = base.total_completions if replicas is None else whole_of(replicas)
            return ReplicatedJob(total if concurrent is None else whole_of(concurrent), total)
        return base
    match mode:
        case "replicated":
            return Replicated(1 if replicas is None else whole_of(replicas))
        case "global":
            return GlobalMode()
        case "replicated-job":
            total = whole_of(replicas if replicas is not None else concurrent or 1)
            return ReplicatedJob(total if concurrent is None else whole_of(concurrent), total)
        case "global-job":
            return GlobalJob()
    raise InvalidParameter(f"Unknown mode: {mode}, only replicated and global supported")


def _endpoint(given: Given, base: EndpointSpec | None) -> EndpointSpec:
    changes: Given = {}
    if given.get("endpoint_mode"):
        mode = given["endpoint_mode"]
        changes["mode"] = one_of(EndpointMode, mode, f'invalid resolution mode: "{mode}"')
    if "publish" in given:
        changes["ports"] = ports_of(given["publish"])
    return evolve(base or EndpointSpec(), **changes)


def service_spec(name: str, given: Given, lookup: Lookup) -> ServiceSpec:
    """Build the spec of a new service from the flags that were given.

    Raises:
        BadValue, InvalidParameter: a value that docker's command line or engine would not take.
        NotFound: a network, secret or config that does not exist.
    """
    return changed_spec(ServiceSpec(name), {"mode": "replicated", **given}, lookup)


def changed_spec(base: ServiceSpec, given: Given, lookup: Lookup) -> ServiceSpec:
    """The spec with every flag that was given put in its place."""
    task = base.task
    changes: Given = {
        "container": _container(given, task.container, lookup),
        "limits": _resources(given, "limit", task.limits),
        "reservations": _resources(given, "reserve", task.reservations),
        "restart": _restart(given, task.restart),
        "placement": _placement(given, task.placement),
    }
    if "network" in given:
        changes["networks"] = tuple(network_of(n, lookup) for n in words_of(given["network"]))
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

"""Room cluster: from the flags of ``docker service update`` to the spec it asks for.

Comes in: the present spec and keyword arguments. Goes out: a :class:`ServiceSpec`. Rules of this file:
plain flags replace, ``x_add`` and ``x_rm`` edit lists; what the command line sorts is sorted, so that an
update that says nothing new changes nothing.

Source: docker/cli cli/command/service/update.go (updateService).
"""

from __future__ import annotations

from attrs import evolve

from meshsim.cluster.specbuild import Given, changed_spec, file_references
from meshsim.cluster.specvalues import (
    Lookup,
    generic_of,
    host_of,
    network_of,
    pairs_of,
    ports_of,
    preference_of,
    taken_mount,
    words_of,
)
from meshsim.errors import BadValue, InvalidParameter
from meshsim.model.frozen import FrozenDict
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    Mount,
    NetworkAttachmentConfig,
    Placement,
    PortConfig,
    Resources,
    ServiceSpec,
    TaskSpec,
)

__all__ = ["updated_spec"]


def updated_spec(base: ServiceSpec, given: Given, lookup: Lookup) -> ServiceSpec:
    """Build the spec an update asks for.

    Raises:
        BadValue, InvalidParameter, NotFound: as :func:`meshsim.cluster.specbuild.service_spec`.
    """
    flat = {flag: value for flag, value in given.items() if not flag.endswith(("_add", "_rm"))}
    spec = changed_spec(base, flat, lookup)
    task = evolve(
        spec.task,
        container=_edit_container(spec.task.container, given, lookup),
        placement=_edit_placement(spec.task.placement, given),
        networks=_edit_networks(spec.task, given, lookup),
        reservations=_edit_generic(spec.task.reservations, given),
    )
    endpoint = spec.endpoint
    if "publish_add" in given or "publish_rm" in given:
        endpoint = evolve(endpoint or EndpointSpec(), ports=_edit_ports(endpoint, given))
    labels = _edit_labels(spec.labels, given, "label")
    return evolve(spec, task=task, endpoint=endpoint, labels=labels)


def _edited(given: Given, flag: str) -> bool:
    return f"{flag}_add" in given or f"{flag}_rm" in given


def _edit_container(container: ContainerSpec, given: Given, lookup: Lookup) -> ContainerSpec:
    return evolve(
        container,
        env=_edit_pairs(container.env, given, "env"),
        hosts=_edit_hosts(container.hosts, given),
        labels=_edit_labels(container.labels, given, "container_label"),
        mounts=_edit_mounts(container.mounts, given),
        secrets=_edit_files(container.secrets, given, "secret", lookup),
        configs=_edit_files(container.configs, given, "config", lookup),
        dns_servers=_edit_sorted(container.dns_servers, given, "dns"),
        dns_search=_edit_sorted(container.dns_search, given, "dns_search"),
        dns_options=_edit_sorted(container.dns_options, given, "dns_option"),
    )


def _edit_placement(placement: Placement, given: Given) -> Placement:
    """Constraints end up sorted; a new one that is there already stands twice, as in docker.

    Source: update.go updatePlacementConstraints, updatePlacementPreferences.
    """
    constraints = placement.constraints
    if _edited(given, "constraint"):
        gone = words_of(given.get("constraint_rm"))
        kept = (*constraints, *words_of(given.get("constraint_add")))
        constraints = tuple(sorted(c for c in kept if c not in gone))
    dropped = [preference_of(p) for p in words_of(given.get("placement_pref_rm"))]
    preferences = tuple(p for p in placement.preferences if p not in dropped)
    preferences += tuple(preference_of(p) for p in words_of(given.get("placement_pref_add")))
    return evolve(placement, constraints=constraints, preferences=preferences)


def _edit_sorted(items: tuple[str, ...], given: Given, flag: str) -> tuple[str, ...]:
    """Source: update.go updateDNSConfig."""
    if not _edited(given, flag):
        return items
    gone = words_of(given.get(f"{flag}_rm"))
    kept = dict.fromkeys((*items, *words_of(given.get(f"{flag}_add"))))
    return tuple(sorted(item for item in kept if item not in gone))


def _edit_pairs(items: tuple[str, ...], given: Given, flag: str) -> tuple[str, ...]:
    """Variables by name; a changed one keeps its place (in docker the order is a Go map's).

    Source: update.go updateEnvironment.
    """
    if not _edited(given, flag):
        return items
    pairs = {item.partition("=")[0]: item for item in items}
    for key in words_of(given.get(f"{flag}_rm")):
        pairs.pop(key, None)
    for word in words_of(given.get(f"{flag}_add")):
        pairs[word.partition("=")[0]] = word
    return tuple(pairs.values())


def _edit_labels(labels: FrozenDict[str, str], given: Given, flag: str) -> FrozenDict[str, str]:
    gone = words_of(given.get(f"{flag}_rm"))
    return FrozenDict(
        {**{k: v for k, v in labels.items() if k not in gone}, **pairs_of(given.get(f"{flag}_add"))}
    )


def _edit_hosts(hosts: tuple[str, ...], given: Given) -> tuple[str, ...]:
    """``host_rm`` names a host, or ``host:address``; a line without names is gone.

    Source: update.go updateHosts.
    """
    if not _edited(given, "host"):
        return hosts
    removals = [word.partition(":")[::2] for word in words_of(given.get("host_rm"))]
    lines: list[str] = []
    for line in hosts:
        address, *names = line.split()
        names = [n for n in names if not any(n == gone and at in ("", address) for gone, at in removals)]
        if names:
            lines.append(" ".join((address, *names)))
    lines += map(host_of, words_of(given.get("host_add")))
    return tuple(dict.fromkeys(lines))


def _edit_mounts(mounts: tuple[Mount, ...], given: Given) -> tuple[Mount, ...]:
    """One mount per target, a new one instead of the old; sorted by source, then target.

    Source: update.go updateMounts.
    """
    if not _edited(given, "mount"):
        return mounts
    by_target: dict[str, Mount] = {}
    for mount in map(taken_mount, words_of(given.get("mount_add"))):
        if mount.target in by_target:
            raise BadValue("duplicate mount target", mount.target)
        by_target[mount.target] = mount
    for mount in mounts:
        by_target.setdefault(mount.target, mount)
    gone = words_of(given.get("mount_rm"))
    kept = (mount for mount in by_target.values() if mount.target not in gone)
    return tuple(sorted(kept, key=lambda mount: (mount.source, mount.target)))


def _edit_files(
    files: tuple[FileReference, ...], given: Given, kind: str, lookup: Lookup
) -> tuple[FileReference, ...]:
    """Source: update.go getUpdatedSecrets, getUpdatedConfigs."""
    gone = words_of(given.get(f"{kind}_rm"))
    added = file_references(kind, words_of(given.get(f"{kind}_add")), lookup)
    return tuple(f for f in files if f.name not in gone) + added


def _edit_generic(reserved: Resources, given: Given) -> Resources:
    """Source: update.go addGenericResources, removeGenericResources."""
    if not _edited(given, "generic_resource"):
        return reserved
    amounts = {**reserved.generic, **generic_of(given.get("generic_resource_add"))}
    for kind in words_of(given.get("generic_resource_rm")):
        if kind not in amounts:
            raise BadValue(f"could not find generic-resource `{kind}` to remove it", kind)
        del amounts[kind]
    return evolve(reserved, generic=FrozenDict(amounts))


def _edit_networks(task: TaskSpec, given: Given, lookup: Lookup) -> tuple[NetworkAttachmentConfig, ...]:
    """Source: update.go updateNetworks."""
    gone = [lookup.network_id(n) for n in words_of(given.get("network_rm"))]
    kept = tuple(n for n in task.networks if n.target not in gone)
    for text in words_of(given.get("network_add")):
        added = network_of(text, lookup)
        if any(n.target == added.target for n in kept):
            raise InvalidParameter(f"service is already attached to network {text}")
        kept += (added,)
    return kept


def _edit_ports(endpoint: EndpointSpec | None, given: Given) -> tuple[PortConfig, ...]:
    """``publish_rm`` names target ports, of ingress mode unless it says ``mode=host``; what is added stays.

    A port that is removed and added in one command is gone: it was there, so it is not added. The list is
    sorted as text.

    Source: docker/cli cli/command/service/update.go updatePorts.
    """
    present = dict.fromkeys(endpoint.ports if endpoint else ())
    removed = [
        (port.target, port.protocol, port.mode)
        for word in words_of(given.get("publish_rm"))
        for port in ports_of(word)
    ]
    kept = [port for port in present if (port.target, port.protocol, port.mode) not in removed]
    added = [port for port in ports_of(given.get("publish_add")) if port not in present]
    return tuple(sorted([*kept, *added], key=_port_key))


def _port_key(port: PortConfig) -> str:
    return f"{port.published}:{port.target}/{port.protocol.value}/{port.mode.value}"

"""Room placement: what a task asks of a node, worked out once for all tasks of a group.

Comes in: a task. Goes out: its :class:`Demand`: reservations, parsed constraints, plugins, ports, platforms,
readers for its spread preferences. Rules of this file: what SwarmKit ignores is left out here (constraints
of which one does not parse, preferences that are no label), so that the filters need no special cases. It
does not know nodes' state.

Source: swarmkit manager/scheduler/filter.go (the SetTask methods), scheduler.go taskReservations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from meshsim.errors import BadConstraint, InvalidArgument, NotModelled
from meshsim.model.objects import Node, Task
from meshsim.model.specs import GenericResources, Platform, Resources, TaskSpec
from meshsim.placement.constraints import Constraint, label_reader, parse_constraints
from meshsim.placement.nodeinfo import HostPort, host_ports

__all__ = ["Demand", "LabelReader", "normal_platform", "validate_resources"]

LabelReader: TypeAlias = Callable[[Node], str]

#: Two spellings of one architecture. Source: swarmkit manager/scheduler/filter.go normalizeArch.
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

_MIN_NANO_CPUS: Final = 1_000_000
_MIN_MEMORY_BYTES: Final = 4 * 1024 * 1024


@frozen(slots=True, eq=False)
class Demand:
    """All that placement reads of a task.

    Attributes:
        task: the task it was made from; stands for its whole group.
        service_id, spec_version: whose counts and failures decide the ranking.
        nano_cpus, memory_bytes, generic: the reservations; limits play no part.
        plugins: ``"Type/name"`` of volume and network drivers that must be there.
        log_driver: a log driver that must be there; empty for none.
        constraints: parsed; empty if there are none or one of them does not parse.
        platforms: normalised; empty for any.
        host_ports: ports opened on the node itself.
        max_replicas: active tasks of the service per node; 0 for no limit.
        spread: readers of the labels to spread over, outermost first.

    >>> from meshsim.placement.samples import sample_tasks
    >>> from meshsim.model.specs import Placement, TaskSpec
    >>> spec = TaskSpec(placement=Placement(constraints=("node.role==worker", "oops")))
    >>> Demand.of(sample_tasks("web", 1, spec)[0]).constraints
    ()
    """

    task: Task
    service_id: str
    spec_version: int
    nano_cpus: int
    memory_bytes: int
    generic: GenericResources
    plugins: tuple[str, ...]
    log_driver: str
    constraints: tuple[Constraint, ...]
    platforms: tuple[tuple[str, str], ...]
    host_ports: tuple[HostPort, ...]
    max_replicas: int
    spread: tuple[LabelReader, ...]

    @classmethod
    def of(cls, task: Task, drivers: Mapping[str, str] | None = None) -> Demand:
        """Work out what ``task`` asks for. O(size of its spec).

        Args:
            task: any task.
            drivers: driver name per network id, for networks whose driver is a plugin.

        Raises:
            NotModelled: the task mounts a cluster (CSI) volume.
        """
        spec = task.shared.spec
        reserved, placement = spec.reservations, spec.placement
        return cls(
            task=task,
            service_id=task.shared.service_id,
            spec_version=task.shared.spec_version,
            nano_cpus=reserved.nano_cpus,
            memory_bytes=reserved.memory_bytes,
            generic=reserved.generic,
            plugins=_plugins(spec, drivers or {}),
            log_driver=spec.log_driver if spec.log_driver != "none" else "",
            constraints=_constraints(placement.constraints),
            platforms=tuple(normal_platform(platform) for platform in placement.platforms),
            host_ports=host_ports(task.endpoint),
            max_replicas=placement.max_replicas,
            spread=tuple(reader for text in placement.preferences if (reader := label_reader(text))),
        )

    @property
    def reserves(self) -> bool:
        """Whether it reserves anything at all, be it a negative amount."""
        return bool(self.nano_cpus or self.memory_bytes or self.generic)


def _constraints(expressions: tuple[str, ...]) -> tuple[Constraint, ...]:
    # One bad expression switches the filter off; the API does not let it come so far.
    try:
        return parse_constraints(expressions)
    except BadConstraint:
        return ()


def _plugins(spec: TaskSpec, drivers: Mapping[str, str]) -> tuple[str, ...]:
    wanted = []
    for mount in spec.container.mounts:
        if mount.type == "cluster":
            raise NotModelled("cluster (CSI) volumes are not simulated: no node has a CSI plugin")
        if mount.type == "volume" and mount.volume_driver not in ("", "local"):
            wanted.append(f"Volume/{mount.volume_driver}")
    on = [drivers[network.target] for network in spec.networks if network.target in drivers]
    return (*wanted, *(f"Network/{driver}" for driver in on))


def normal_platform(platform: Platform) -> tuple[str, str]:
    """Return (os, architecture) with ``x86_64`` read as ``amd64`` and ``aarch64`` as ``arm64``.

    >>> normal_platform(Platform("linux", "x86_64"))
    ('linux', 'amd64')

    Source: swarmkit manager/scheduler/filter.go platformEqual.
    """
    return platform.os, _ARCHITECTURES.get(platform.architecture, platform.architecture)


def validate_resources(resources: Resources) -> None:
    """Refuse reservations or limits that SwarmKit's API refuses: too little CPU or memory.

    Zero means "none" and is fine; so are generic resources of any kind (a named reservation passes here
    and then fits on no node).

    Raises:
        InvalidArgument: below 0.001 CPUs or 4 MiB, negative amounts too.

    >>> validate_resources(Resources(nano_cpus=-1_000_000_000))
    Traceback (most recent call last):
    ...
    meshsim.errors.InvalidArgument: ...invalid cpu value -1: Must be at least 0.001

    Source: swarmkit manager/controlapi/service.go validateResources.
    """
    if resources.nano_cpus and resources.nano_cpus < _MIN_NANO_CPUS:
        amount = resources.nano_cpus / 1e9
        raise InvalidArgument(f"invalid cpu value {amount:g}: Must be at least {_MIN_NANO_CPUS / 1e9:g}")
    if resources.memory_bytes and resources.memory_bytes < _MIN_MEMORY_BYTES:
        raise InvalidArgument(f"invalid memory value {resources.memory_bytes}: Must be at least 4MiB")

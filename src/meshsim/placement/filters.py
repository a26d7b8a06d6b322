"""Room placement: the tests a node must pass before it may be ranked.

Comes in: what a task asks for, and one node. Goes out: yes or no, and the words for "no on so many nodes".
Rules of this file: a filter has no state (SwarmKit's keep the current task, ours get it with every
question); order and texts are SwarmKit's. A user's filter has the same three methods, but is asked about
the :class:`~meshsim.model.objects.Task` itself.

Source: swarmkit manager/scheduler/filter.go, pipeline.go defaultFilters.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

from meshsim.model.objects import NodeDescription, Task
from meshsim.placement.constraints import meets
from meshsim.placement.demand import Demand, normal_platform
from meshsim.placement.generic import enough_generic
from meshsim.placement.nodeinfo import NodeInfo

__all__ = [
    "DEFAULT_FILTERS",
    "FIXED_FILTERS",
    "ConstraintFilter",
    "Filter",
    "HostPortFilter",
    "MaxReplicasFilter",
    "PlatformFilter",
    "PluginFilter",
    "ReadyFilter",
    "ResourceFilter",
    "TaskFilter",
    "filter_name",
]

Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Filter(Protocol[Subject_contra]):
    """A test of one node; ``Subject_contra`` is what stands for the task."""

    def applies(self, task: Subject_contra, /) -> bool:
        """Whether the filter has anything to say about this task; asked once per group."""
        ...

    def accepts(self, task: Subject_contra, node: NodeInfo, /) -> bool:
        """Whether the task may go to that node, as the node is now."""
        ...

    def explain(self, count: int, /) -> str:
        """Say that ``count`` nodes failed this filter first."""
        ...


class TaskFilter(Filter[Task], Protocol):
    """A user's filter: asked about the task, after the built-in ones.

    The answer must depend on task and node only. ``node`` is live: read it, do not change it.
    """


def filter_name(test: object) -> str:
    """Return the filter's short name: its class without the suffix, ``Ready``, ``Resource`` ..."""
    return type(test).__name__.removesuffix("Filter")


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


class ReadyFilter:
    """The node is READY and ACTIVE. Source: swarmkit filter.go ReadyFilter."""

    def applies(self, _demand: Demand, /) -> bool:
        """Apply to every task."""
        return True

    def accepts(self, _demand: Demand, node: NodeInfo, /) -> bool:
        """Unknown, down, disconnected, paused and drained nodes all fail."""
        return node.ready

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"{_nodes(count)} not available for new tasks"


class ResourceFilter:
    """The reservations fit into what is left. Source: swarmkit filter.go ResourceFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if anything is reserved."""
        return demand.reserves

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """Compare; on a node that is overcommitted even a wish for none fails."""
        if demand.nano_cpus > node.nano_cpus or demand.memory_bytes > node.memory_bytes:
            return False
        return not demand.generic or enough_generic(node.generic, demand.generic)

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"insufficient resources on {_nodes(count)}"


class PluginFilter:
    """Volume, network and log drivers are there. Source: swarmkit filter.go PluginFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if a driver is asked for."""
        return bool(demand.plugins or demand.log_driver)

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """A node that has not described itself passes; so does one without log plugins, for a log driver."""
        description = node.node.description
        if description is None:
            return True
        if not all(_has_plugin(description, plugin) for plugin in demand.plugins):
            return False
        if not demand.log_driver or _has_plugin(description, f"Log/{demand.log_driver}"):
            return True
        return not any(plugin.startswith("Log/") for plugin in description.plugins)

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"missing plugin on {_nodes(count)}"


def _has_plugin(description: NodeDescription, plugin: str) -> bool:
    return plugin in description.plugins or f"{plugin}:latest" in description.plugins


class ConstraintFilter:
    """All constraints hold. Source: swarmkit filter.go ConstraintFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if there are constraints and all of them parse."""
        return bool(demand.constraints)

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """Match every constraint against the node's record."""
        return meets(demand.constraints, node.node)

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"scheduling constraints not satisfied on {_nodes(count)}"


class PlatformFilter:
    """One of the image's platforms is the node's. Source: swarmkit filter.go PlatformFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if platforms are listed."""
        return bool(demand.platforms)

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """Compare exactly, an empty wish matching anything; a node without platform fails."""
        description = node.node.description
        if description is None or description.platform is None:
            return False
        here_os, here_arch = normal_platform(description.platform)
        return any(os in ("", here_os) and arch in ("", here_arch) for os, arch in demand.platforms)

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"unsupported platform on {_nodes(count)}"


class HostPortFilter:
    """No port the task opens on the node is in use there. Source: swarmkit filter.go HostPortFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if a fixed host-mode port is published."""
        return bool(demand.host_ports)

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """Compare (protocol, port) pairs."""
        return node.ports.isdisjoint(demand.host_ports)

    def explain(self, count: int, /) -> str:
        """Return SwarmKit's words."""
        return f"host-mode port already in use on {_nodes(count)}"


class MaxReplicasFilter:
    """The service has room under its limit per node. Source: swarmkit filter.go MaxReplicasFilter."""

    def applies(self, demand: Demand, /) -> bool:
        """Apply if there is a limit."""
        return demand.max_replicas > 0

    def accepts(self, demand: Demand, node: NodeInfo, /) -> bool:
        """Count active tasks of the service, whatever their spec version."""
        return node.services.get(demand.service_id, 0) < demand.max_replicas

    def explain(self, _count: int, /) -> str:
        """Return SwarmKit's words, which name no number (and say "exceed")."""
        return "max replicas per node limit exceed"


#: In the order in which they are asked. Source: swarmkit manager/scheduler/pipeline.go defaultFilters.
DEFAULT_FILTERS: Final[tuple[Filter[Demand], ...]] = (
    ReadyFilter(),
    ResourceFilter(),
    PluginFilter(),
    ConstraintFilter(),
    PlatformFilter(),
    HostPortFilter(),
    MaxReplicasFilter(),
)

#: Those whose answer no placement can change: asked once per node and round.
FIXED_FILTERS: Final = (ReadyFilter, PluginFilter, ConstraintFilter, PlatformFilter)

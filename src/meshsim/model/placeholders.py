"""Room model: placeholders in a task's environment, mounts and host name.

Comes in: a container spec whose texts may hold Go templates such as ``{{.Service.Name}}-{{.Task.Slot}}``,
the task and its node. Goes out: the spec with them filled in, or a refusal in Go's words. Managers expand
every spec once with made-up data, to refuse what cannot work; the node expands it with its own. Rule of
this file: values of variables, sources and targets of mounts and the host name are templates; what
stands left of ``=``, arguments, commands and labels are not.

Source: swarmkit template/context.go Context, template/expand.go ExpandContainerSpec, template/template.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import evolve

from meshsim.errors import BadValue, InvalidArgument, TemplateProblem
from meshsim.gotext import BUILT_INS, Function, GoType, Struct, Template
from meshsim.model.objects import NodeDescription, Task, TaskShared
from meshsim.model.specs import ContainerSpec, Mount, Platform, TaskSpec
from meshsim.units import quote

__all__ = ["check_placeholders", "expand_container"]

_SERVICE = GoType("struct { ID string; Name string; Labels map[string]string }", "ID:str Name:str Labels:map")
_PLATFORM = GoType("template.Platform", "Architecture:str OS:str")
_NODE = GoType(
    "struct { ID string; Hostname string; Platform template.Platform }", "ID:str Hostname:str Platform:ptr"
)
_TASK = GoType("struct { ID string; Name string; Slot string }", "ID:str Name:str Slot:str")
_CONTEXT = GoType("*template.Context", "Service:ptr Node:ptr Task:ptr")


def _join(*words: str) -> str:
    """The first word between the others."""
    if not words:
        raise BadValue("runtime error: index out of range [0] with length 0")
    return words[0].join(words[1:])


_FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {**BUILT_INS, "join": Function(_join, ("string",), variadic=True)}
)


class _Expansion:
    """One task's templates; what they may name is gathered when the first one is met."""

    def __init__(self, task: Task, node: NodeDescription | None) -> None:
        self._task = task
        self._node = node
        self._context: Struct | None = None

    def expand(self, text: str, where: str) -> str:
        """Fill in one text; ``where`` leads the refusal."""
        if "{{" not in text:
            return text
        self._context = self._context or _context(self._task, self._node)
        try:
            return Template(text, _FUNCTIONS, name="expansion").render(self._context, missing_key="error")
        except TemplateProblem as error:
            raise InvalidArgument(f"expanding {where}: {error}") from None

    def entry(self, entry: str) -> str:
        """Fill in a variable's value."""
        name, equals, value = entry.partition("=")
        return name + equals + self.expand(value, f"env failed: expanding env {quote(entry)}")

    def mount(self, mount: Mount) -> Mount:
        """Fill in where a mount comes from and where it goes."""
        failed = "mounts failed: expanding mount"
        source = self.expand(mount.source, f"{failed} source {quote(mount.source)}")
        target = self.expand(mount.target, f"{failed} target {quote(mount.target)}")
        return evolve(mount, source=source, target=target)


def expand_container(container: ContainerSpec, task: Task, node: NodeDescription | None) -> ContainerSpec:
    """Fill in every placeholder; the slot of a task that has none (or slot 0) reads as its node's id.

    Args:
        container: what may hold placeholders.
        task: whose they are; its service's labels are those of the moment it was made.
        node: the description of the task's node.

    Raises:
        InvalidArgument: a template that does not parse, or names what does not exist.

    >>> spec = ContainerSpec("nginx", env=("A={{.Task.Slot}}/{{.Service.Name}}",), hostname="h")
    >>> expand_container(spec, Task("t", TaskShared("s", "web", TaskSpec(), 0, 0), 3), None).env
    ('A=3/web',)
    """
    if not _has_placeholders(container):
        return container
    expansion = _Expansion(task, node)
    return evolve(
        container,
        env=tuple(map(expansion.entry, container.env)),
        mounts=tuple(map(expansion.mount, container.mounts)),
        hostname=expansion.expand(container.hostname, "hostname failed"),
    )


def check_placeholders(spec: TaskSpec) -> ContainerSpec:
    """Expand a spec for a task that does not exist; a service's labels are not known to it.

    Raises:
        InvalidArgument: as :func:`expand_container`.

    Source: swarmkit manager/controlapi/service.go validateContainerSpec.
    """
    made_up = Task("", TaskShared("serviceid", "servicename", spec, 0, 0), 1, "nodeid")
    node = NodeDescription("nodeHostname", Platform("os", "architecture"))
    return expand_container(spec.container, made_up, node)


def _has_placeholders(container: ContainerSpec) -> bool:
    if not container.env and not container.mounts:
        return "{{" in container.hostname
    ends = [end for mount in container.mounts for end in (mount.source, mount.target)]
    return "{{" in "\n".join((container.hostname, *container.env, *ends))


def _context(task: Task, node: NodeDescription | None) -> Struct:
    platform = node.platform if node is not None else None
    return _CONTEXT(
        Service=_SERVICE(
            ID=task.service_id, Name=task.shared.service_name, Labels=dict(task.shared.service_labels)
        ),
        Node=_NODE(
            ID=task.node_id,
            Hostname=node.hostname if node is not None else "",
            Platform=_PLATFORM(
                Architecture=platform.architecture if platform is not None else "",
                OS=platform.os if platform is not None else "",
            ),
        ),
        Task=_TASK(ID=task.id, Name=task.name, Slot=str(task.slot) if task.slot else task.node_id),
    )

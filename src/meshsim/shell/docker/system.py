"""``docker info``, ``version``, ``events`` and ``inspect`` of anything.

Room shell, docker. Source: docker/cli cli/command/system/*.go. Rule of this file: texts of what views and
facade tell; facts of a machine's kernel and disks are not modelled and not invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshsim.errors import ApiError, BadValue, NotFound, NotModelled, TemplateProblem
from meshsim.gotext.values import Struct, json_text
from meshsim.shell.docker.common import INSPECT_FORMAT, Call, Entry, Inspection, filters_of, inspected
from meshsim.shell.docker.logs import moment
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.shell.templates import Template, inspect_json
from meshsim.units import bytes_text
from meshsim.views import filters, pretty, shapes
from meshsim.views.events import Event, events_of
from meshsim.views.shapes import types as go

__all__ = ["SYSTEM"]


def _info(call: Call) -> Result:
    host = call.host
    containers = host.containers.list(all=True)
    running = sum(handle.container.running for handle in containers)
    if call["format"]:
        return _formatted(call, _info_shape(call, len(containers), running))
    described = host.describe()
    platform = described.platform
    os, architecture = (platform.os, platform.architecture) if platform else ("", "")
    version = call.profile.engine_version
    info = host.swarm.info()
    text = (
        f"Client:\n Version:    {version}\n Context:    default\n Debug Mode: false\n\nServer:\n"
        f" Containers: {len(containers)}\n  Running: {running}\n  Paused: 0\n"
        f"  Stopped: {len(containers) - running}\n Images: {len(host.engine.pulled)}\n"
        f" Server Version: {version}\n Logging Driver: json-file\n Plugins:\n"
        f"  Volume: local\n  Network: bridge host ipvlan macvlan null overlay\n"
        f"{pretty.swarm_section(info)}"
        f" OSType: {os}\n Architecture: {architecture}\n"
        f" CPUs: {described.resources.nano_cpus // 1_000_000_000}\n"
        f" Total Memory: {bytes_text(described.resources.memory_bytes)}\n Name: {host.name}\n"
        " Debug Mode: false\n Experimental: false\n Live Restore Enabled: false\n\n"
    )
    return Result(text, "".join(f"{warning}\n" for warning in info.warnings))


def _info_shape(call: Call, containers: int, running: int) -> Struct:
    host = call.host
    described = host.describe()
    platform = described.platform
    return go.INFO(
        Containers=containers,
        ContainersRunning=running,
        ContainersStopped=containers - running,
        Images=len(host.engine.pulled),
        OSType=platform.os if platform else "",
        Architecture=platform.architecture if platform else "",
        NCPU=described.resources.nano_cpus // 1_000_000_000,
        MemTotal=described.resources.memory_bytes,
        Name=host.name,
        ServerVersion=call.profile.engine_version,
        Swarm=shapes.swarm_info(host.swarm.info(), epoch_ns=call.epoch_ns),
    )


def _formatted(call: Call, shape: Any) -> Result:
    text = call["format"]
    if text == "json":
        return Result(inspect_json([shape], compact=True).strip("\n")[1:-1] + "\n")
    try:
        return Result(Template(text).render(shape) + "\n")
    except TemplateProblem as error:
        return Result("", f"{error}\n", 1)


def _version(call: Call) -> Result:
    profile = call.profile
    version = {
        "Version": profile.engine_version,
        "ApiVersion": profile.api_version,
        "GitCommit": profile.engine_build,
        "Os": "linux",
        "Arch": "amd64",
    }
    if call["format"]:
        return _formatted(call, {"Client": version, "Server": version})
    client = (
        f"Client:\n Version:           {profile.engine_version}\n API version:       {profile.api_version}\n"
        f" Git commit:        {profile.engine_build}\n OS/Arch:           linux/amd64\n"
        " Context:           default\n\n"
    )
    server = (
        f"Server: meshsim\n Engine:\n  Version:          {profile.engine_version}\n"
        f"  API version:      {profile.api_version} (minimum version 1.24)\n"
        f"  Git commit:       {profile.engine_build}\n  OS/Arch:          linux/amd64\n"
        "  Experimental:     false\n"
    )
    return Result(client + server)


def _events(call: Call) -> Result:
    """Tell what happened between ``--since`` and ``--until``; one of them must be given.

    A stream without end cannot be watched from a shell in which time only passes while commands run.
    """
    if not call.typed("since", "until"):
        raise NotModelled("docker events without end is not modelled; say --since 10m or --until 1m")
    host = call.host
    since_ns, until_ns = moment(call, "since"), moment(call, "until", ahead=True)
    since_ns = call.now_ns if since_ns is None else since_ns
    until_ns = call.now_ns if until_ns is None else until_ns
    host.cluster.step(max(0, until_ns - call.now_ns))
    wishes = filters_of(call, "event")
    told = [
        event
        for event in _told(call)
        if since_ns <= event.time_ns <= until_ns and filters.fits_event(event, wishes)
    ]
    text = call["format"]
    if not text:
        return Result("".join(f"{event.text(call.epoch_ns)}\n" for event in told))
    shapes_told = [event.data(call.epoch_ns) for event in told]
    if text in ("json", "{{json .}}"):
        return Result("".join(f"{json_text(shape)}\n" for shape in shapes_told))
    template = Template(text)
    return Result("".join(f"{template.render(shape)}\n" for shape in shapes_told))


def _told(call: Call) -> Iterator[Event]:
    """The events this machine's engine tells; those of the swarm on managers only."""
    host, info = call.host, call.host.swarm.info()
    label = host.member.manager.store.label if host.member is not None and info.control_available else ""
    return events_of(host.cluster.log, swarm=label, host=host.name)


def _inspect(call: Call) -> Result:
    wished: str = call["type"]
    if wished and wished not in _KINDS:
        raise BadValue(f'"{wished}" is not a valid value for --type', wished)
    kinds = (wished,) if wished else tuple(_KINDS)

    def find(name: str) -> Any:
        for kind in kinds:
            found = _find(call, kind, name)
            if found is not None:
                return found
        raise NotFound(f"No such object: {name}")

    what = wished or "object"
    return inspected(
        call,
        Inspection(
            find,
            fallback="no value",
            bad_template_exit=64,
            wraps=False,
            refused=lambda name: f"Error: No such {what}: {name}",
        ),
    )


#: kinds in the order in which docker tries them, with the host's collection
_KINDS = {
    "container": "containers",
    "network": "networks",
    "service": "services",
    "task": "tasks",
    "node": "nodes",
    "secret": "secrets",
    "config": "configs",
}


def _find(call: Call, kind: str, name: str) -> Any:
    """The shape of the object of that kind and name, or None."""
    try:
        handle = getattr(call.host, _KINDS[kind]).get(name)
    except ApiError:  # not there, or this node may not be asked
        return None
    if kind == "container":
        return shapes.container(handle.record, epoch_ns=call.epoch_ns)
    if kind == "service":
        return shapes.service(handle.record, epoch_ns=call.epoch_ns, defaults=True)
    return handle._shape()


SYSTEM = (
    Entry(
        Command(
            "docker events",
            "[OPTIONS]",
            "Get real time events from the server",
            (
                Flag("filter", "filter", "f", help="Filter output based on conditions provided"),
                Flag("format", help="Format output using a custom template"),
                Flag("since", help="Show all events created since timestamp"),
                Flag("until", help="Stream events until this timestamp"),
            ),
        ),
        _events,
    ),
    Entry(Command("docker info", "[OPTIONS]", "Display system-wide information", (INSPECT_FORMAT,)), _info),
    Entry(
        Command(
            "docker inspect",
            "[OPTIONS] NAME|ID [NAME|ID...]",
            "Return low-level information on Docker objects",
            (
                INSPECT_FORMAT,
                Flag("size", "bool", "s", help="Display total file sizes if the type is container"),
                Flag("type", help="Only inspect objects of the given type"),
            ),
            1,
            None,
        ),
        _inspect,
    ),
    Entry(
        Command("docker version", "[OPTIONS]", "Show the Docker version information", (INSPECT_FORMAT,)),
        _version,
    ),
)
"""Commands without a group."""

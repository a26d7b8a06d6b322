"""Room views: the cells of docker's tables: ages, states, counts, ports, images.

Comes in: model values and times in virtual nanoseconds. Goes out: text. Rule of this file: one function
per kind of cell; no table, no command, nothing looked up.

>>> from meshsim.model.states import TaskState
>>> current_state(TaskState.RUNNING, 0, 7_000_000_000)
'Running 7 seconds ago'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from meshsim.model.objects import Service
from meshsim.model.specs import GlobalJob, GlobalMode, PortConfig, Replicated, ReplicatedJob, ServiceMode
from meshsim.model.states import PublishMode, TaskState
from meshsim.text import ellipsis
from meshsim.units import human_duration, quote
from meshsim.views.shapes.containers import ContainerFacts, PortBinding
from meshsim.views.status import ServiceStatus

__all__ = [
    "age",
    "command_text",
    "container_ports",
    "container_status",
    "current_state",
    "error_text",
    "host_ports",
    "image_name",
    "ingress_ports",
    "mode_text",
    "replicas_text",
    "short_id",
    "title",
]

ERROR_WIDTH = 30
"""Columns of the ERROR cell. Source: docker/cli cli/command/task/formatter.go maxErrLength."""

COMMAND_WIDTH = 20
"""Columns of the COMMAND cell. Source: docker/cli cli/command/formatter/container.go Command."""


def short_id(identifier: str) -> str:
    """The 12 characters tables show of an id."""
    return identifier[:12]


def title(word: str) -> str:
    """First letter upper, rest lower: ``Ready``.

    Source: docker/cli cli/command/utils.go PrettyPrint.
    """
    return word[:1].upper() + word[1:].lower()


def age(then_ns: int, now_ns: int) -> str:
    """How long ago, as in CREATED.

    >>> age(0, 90_000_000_000)
    'About a minute ago'
    """
    return f"{human_duration(now_ns - then_ns)} ago"


def current_state(state: TaskState, since_ns: int, now_ns: int) -> str:
    """The CURRENT STATE of a task: state and lower-cased age.

    Source: docker/cli cli/command/task/formatter.go CurrentState.
    """
    return f"{title(state.label)} {human_duration(now_ns - since_ns).lower()} ago"


def error_text(error: str, *, trunc: bool = True) -> str:
    """The ERROR of a task, in double quotes, cut to 30 columns.

    >>> error_text("No such image: nosuch:latest and more")
    '"No such image: nosuch:latest …"'

    Source: docker/cli cli/command/task/formatter.go Error.
    """
    if trunc:
        error = ellipsis(error, ERROR_WIDTH)
    return f'"{error}"' if error else ""


def image_name(reference: str) -> str:
    """An image in its familiar form, without digest when it has a tag.

    >>> image_name("docker.io/library/redis:alpine@sha256:00"), image_name("alpine")
    ('redis:alpine', 'alpine')

    Source: docker/cli cli/command/service/formatter.go NewListFormat (reference.FamiliarString).
    """
    bare, at, _ = reference.partition("@")
    if at and ":" not in bare.rpartition("/")[2]:
        bare = reference
    return bare.removeprefix("docker.io/").removeprefix("library/")


def mode_text(mode: ServiceMode) -> str:
    """The MODE of a service. Source: docker/cli cli/command/service/formatter.go Mode."""
    match mode:
        case Replicated():
            return "replicated"
        case GlobalMode():
            return "global"
        case ReplicatedJob():
            return "replicated job"
        case GlobalJob():
            return "global job"


def replicas_text(service: Service, status: ServiceStatus) -> str:
    """The REPLICAS of a service: ``2/3``, jobs with what is completed.

    Source: docker/cli cli/command/service/formatter.go Replicas.
    """
    text = f"{status.running}/{status.desired}"
    match service.spec.mode:
        case ReplicatedJob(_, total):
            return f"{text} ({status.completed}/{total} completed)"
        case GlobalJob():
            return f"{text} ({status.completed}/{status.desired + status.completed} completed)"
        case Replicated() if service.spec.task.placement.max_replicas:
            return f"{text} (max {service.spec.task.placement.max_replicas} per node)"
        case _:
            return text


def ingress_ports(ports: Iterable[PortConfig]) -> str:
    """The PORTS of a service: ingress ones, neighbours merged.

    >>> ingress_ports([PortConfig(53, 53), PortConfig(81, 81), PortConfig(80, 80)])
    '*:53->53/tcp, *:80-81->80-81/tcp'

    Source: docker/cli cli/command/service/formatter.go Ports.
    """
    runs: list[list[PortConfig]] = []
    for port in sorted(ports, key=lambda p: (p.protocol.value, p.published)):
        if port.mode is not PublishMode.INGRESS or not port.published:
            continue
        if runs and _follows(runs[-1], port):
            runs[-1].append(port)
        else:
            runs.append([port])
    return ", ".join(map(_run_text, runs))


def _follows(run: Sequence[PortConfig], port: PortConfig) -> bool:
    """Whether a port continues a run: next published one, same or next target, as the run does it."""
    last = run[-1]
    target_step = port.target - last.target
    return (
        port.protocol is last.protocol
        and port.published - last.published == 1
        and target_step in (0, 1)
        and not (target_step == 0 and run[0].target != last.target)
    )


def _run_text(run: Sequence[PortConfig]) -> str:
    first, last = run[0], run[-1]
    published = _range(first.published, last.published)
    return f"*:{published}->{_range(first.target, last.target)}/{first.protocol.value}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def host_ports(ports: Iterable[PortConfig]) -> str:
    """The PORTS of a task: those open on its own node.

    Source: docker/cli cli/command/task/formatter.go Ports.
    """
    return ",".join(f"*:{port.published}->{port.target}/{port.protocol.value}" for port in ports)


def command_text(command: Sequence[str], *, trunc: bool = True) -> str:
    """The COMMAND of a container: quoted, 20 columns.

    >>> command_text(("docker-entrypoint.sh", "redis-server"))
    '"docker-entrypoint.s…"'
    """
    text = " ".join(command)
    return quote(ellipsis(text, COMMAND_WIDTH) if trunc else text)


def container_status(facts: ContainerFacts, now_ns: int) -> str:
    """The STATUS of a container, as its engine words it.

    >>> container_status(ContainerFacts("f" * 64, "dig", "dig", status="exited", finished_ns=0), 5 * 10**9)
    'Exited (0) 5 seconds ago'

    Source: moby daemon/container/state.go State.String.
    """
    if facts.running and facts.started_ns is not None:
        up = f"Up {human_duration(now_ns - facts.started_ns)}"
        if not facts.health:
            return up
        return f"{up} (health: starting)" if facts.health == "starting" else f"{up} ({facts.health})"
    if facts.finished_ns is None:
        return "Created"
    return f"Exited ({facts.exit_code}) {human_duration(now_ns - facts.finished_ns)} ago"


def container_ports(ports: Iterable[PortBinding], *, ipv6: Literal["bracketed", "bare"] = "bracketed") -> str:
    """The PORTS of a container: ``80/tcp`` when only exposed, with address and port when published.

    Neighbours that are mapped alike are merged.

    >>> container_ports([PortBinding(80), PortBinding(81)])
    '80-81/tcp'
    >>> container_ports([PortBinding(80, "tcp", 8080, ("0.0.0.0", "::"))])
    '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'

    Source: docker/cli cli/command/formatter/container.go DisplayablePorts.
    """
    runs: dict[tuple[str, str], list[list[PortBinding]]] = {}
    for port in sorted(ports, key=lambda p: (p.target, p.protocol, p.published)):
        for ip in port.ips or ("",):
            grouped = runs.setdefault((ip, port.protocol), [])
            if grouped and _continues(grouped[-1][-1], port):
                grouped[-1].append(port)
            else:
                grouped.append([port])
    texts = [
        _binding_text(ip, protocol, run, ipv6) for (ip, protocol), group in runs.items() for run in group
    ]
    return ", ".join(texts)


def _continues(last: PortBinding, port: PortBinding) -> bool:
    if port.target != last.target + 1:
        return False
    if not (port.published and last.published):
        return not (port.published or last.published)
    # ranges are only written where published and target port are the same
    return port.published == port.target and last.published == last.target


def _binding_text(ip: str, protocol: str, run: Sequence[PortBinding], ipv6: str) -> str:
    target = f"{_range(run[0].target, run[-1].target)}/{protocol}"
    if not run[0].published:
        return target
    where = f"[{ip}]" if ":" in ip and ipv6 == "bracketed" else ip
    return f"{where}:{_range(run[0].published, run[-1].published)}->{target}"

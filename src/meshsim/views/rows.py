"""Room views: the rows of docker's lists, cell by cell.

Comes in: records, the present time, look-ups as callables. Goes out: Go structs whose fields are the
cells, named as ``--format`` names them; the headers stand beside them. Rules of this file: a row holds
every cell any column can show; sorting is done here, layout is not.

>>> from meshsim.model.objects import Node
>>> node_row(Node("9qksq9kb8tt9i5un3y2eqbhlj"), self_id="").field("Status")
'Unknown'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from meshsim.gotext.values import GoType, Struct
from meshsim.model.objects import Config, Network, Node, Secret, Service, Task
from meshsim.model.specs import Labels
from meshsim.text import natural_key
from meshsim.units import go_time
from meshsim.views import texts
from meshsim.views.shapes.containers import ContainerFacts
from meshsim.views.shapes.networks import LocalNetworkFacts
from meshsim.views.status import ServiceStatus

__all__ = [
    "COLUMNS",
    "cells",
    "config_row",
    "container_row",
    "network_row",
    "node_row",
    "secret_row",
    "service_row",
    "task_rows",
]

_CELLS = {
    "node": "ID Self Hostname Status Availability ManagerStatus TLSStatus EngineVersion",
    "service": "ID Name Mode Replicas Image Ports",
    "task": "ID Name Image Node DesiredState CurrentState Error Ports",
    "network": "ID Name Driver Scope IPv6 Internal Labels CreatedAt",
    "container": (
        "ID Names Image Command CreatedAt RunningFor Status State Ports Labels Mounts Networks Size "
        "LocalVolumes"
    ),
    "secret": "ID Name Driver CreatedAt UpdatedAt Labels",
    "config": "ID Name CreatedAt UpdatedAt Labels",
}
_ROWS = {
    kind: GoType(f"*{kind}.{kind}Context", " ".join(f"{cell}:str" for cell in sorted(cells.split())))
    for kind, cells in _CELLS.items()
}
_ROWS["container"].name = "*formatter.ContainerContext"

COLUMNS: dict[str, dict[str, str]] = {
    "node": {
        "ID": "ID",
        "Hostname": "HOSTNAME",
        "Status": "STATUS",
        "Availability": "AVAILABILITY",
        "ManagerStatus": "MANAGER STATUS",
        "EngineVersion": "ENGINE VERSION",
    },
    "service": {
        "ID": "ID",
        "Name": "NAME",
        "Mode": "MODE",
        "Replicas": "REPLICAS",
        "Image": "IMAGE",
        "Ports": "PORTS",
    },
    "task": {
        "ID": "ID",
        "Name": "NAME",
        "Image": "IMAGE",
        "Node": "NODE",
        "DesiredState": "DESIRED STATE",
        "CurrentState": "CURRENT STATE",
        "Error": "ERROR",
        "Ports": "PORTS",
    },
    "network": {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"},
    "container": {
        "ID": "CONTAINER ID",
        "Image": "IMAGE",
        "Command": "COMMAND",
        "RunningFor": "CREATED",
        "Status": "STATUS",
        "Ports": "PORTS",
        "Names": "NAMES",
    },
    "secret": {
        "ID": "ID",
        "Name": "NAME",
        "Driver": "DRIVER",
        "CreatedAt": "CREATED",
        "UpdatedAt": "UPDATED",
    },
    "config": {"ID": "ID", "Name": "NAME", "CreatedAt": "CREATED", "UpdatedAt": "UPDATED"},
}
"""Kind of list -> cells of its table in order, with their headers.

Source: docker/cli cli/command/{node,service,task,network,secret,config}/formatter.go,
cli/command/formatter/container.go.
"""


def _labels(labels: Labels) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def node_row(record: Node, *, self_id: str) -> Struct:
    """One line of ``node ls``; the id is never cut, ``Self`` marks the node asked."""
    manager = ""
    if record.manager is not None:
        manager = "Leader" if record.manager.leader else texts.title(record.manager.reachability.label)
    return _ROWS["node"](
        ID=record.id,
        Self="true" if record.id == self_id else "false",
        Hostname=record.hostname,
        Status=texts.title(record.status.state.label),
        Availability=texts.title(record.spec.availability.label),
        ManagerStatus=manager,
        TLSStatus="Ready",
        EngineVersion=record.description.engine_version if record.description else "",
    )


def service_row(record: Service, status: ServiceStatus) -> Struct:
    """One line of ``service ls``."""
    return _ROWS["service"](
        ID=texts.short_id(record.id),
        Name=record.name,
        Mode=texts.mode_text(record.spec.mode),
        Replicas=texts.replicas_text(record, status),
        Image=texts.image_name(record.spec.task.container.image),
        Ports=texts.ingress_ports(record.endpoint.ports if record.endpoint else ()),
    )


def task_rows(
    tasks: Iterable[Task],
    *,
    now_ns: int,
    service_name: Callable[[str], str],
    node_name: Callable[[str], str],
    trunc: bool = True,
    marks: bool = True,
) -> list[Struct]:
    """The lines of ``service ps`` and ``node ps``, sorted: by name, newest first within a name.

    Args:
        tasks: any order.
        now_ns: the present.
        service_name: id -> name (the id itself when unresolved or gone).
        node_name: id -> host name, likewise.
        trunc: cut ids and errors.
        marks: put a mark before the older tasks of a slot, as tables do.

    Source: docker/cli cli/command/task/print.go Print, generateTaskNames.
    """
    named = [(_task_name(task, service_name), task) for task in tasks]
    named.sort(key=lambda pair: -pair[1].created_ns)
    named.sort(key=lambda pair: natural_key(pair[0]))
    rows: list[Struct] = []
    previous = ""
    for name, task in named:
        shown = f" \\_ {name}" if marks and name == previous else name
        previous = name
        rows.append(_task_row(task, shown, now_ns, node_name, trunc=trunc))
    return rows


def _task_name(task: Task, service_name: Callable[[str], str]) -> str:
    """``service.slot``; without a slot the node's id stands there."""
    if not task.service_id:
        return task.id
    return f"{service_name(task.service_id)}.{task.slot or task.node_id}"


def _task_row(task: Task, name: str, now_ns: int, node_name: Callable[[str], str], *, trunc: bool) -> Struct:
    return _ROWS["task"](
        ID=texts.short_id(task.id) if trunc else task.id,
        Name=name,
        Image=texts.image_name(task.spec.container.image),
        Node=node_name(task.node_id) if task.node_id else "",
        DesiredState=texts.title(task.desired.label),
        CurrentState=texts.current_state(task.state, task.status.timestamp_ns, now_ns),
        Error=texts.error_text(task.status.err, trunc=trunc),
        Ports=texts.host_ports(task.status.ports),
    )


def network_row(record: Network | LocalNetworkFacts, *, epoch_ns: int = 0, trunc: bool = True) -> Struct:
    """One line of ``network ls``; a swarm network that could not be allocated has no driver."""
    if isinstance(record, Network):
        driver, scope, internal = (record.spec.driver if record.ipam else ""), "swarm", record.spec.internal
        labels, ipv6 = record.spec.labels, record.spec.ipv6
    else:
        driver, scope, internal, ipv6 = record.driver, "local", record.internal, False
        labels = Labels(record.labels)
    return _ROWS["network"](
        ID=texts.short_id(record.id) if trunc else record.id,
        Name=record.name,
        Driver=driver,
        Scope=scope,
        IPv6="true" if ipv6 else "false",
        Internal="true" if internal else "false",
        Labels=_labels(labels),
        CreatedAt=go_time(epoch_ns + record.created_ns),
    )


def container_row(
    facts: ContainerFacts, *, now_ns: int, epoch_ns: int = 0, trunc: bool = True, brackets: bool = True
) -> Struct:
    """One line of ``docker ps``."""
    return _ROWS["container"](
        ID=texts.short_id(facts.id) if trunc else facts.id,
        Names=facts.name,
        Image=texts.image_name(facts.image),
        Command=texts.command_text(facts.command, trunc=trunc),
        CreatedAt=go_time(epoch_ns + facts.created_ns),
        RunningFor=texts.age(facts.created_ns, now_ns),
        Status=texts.container_status(facts, now_ns),
        State=facts.status,
        Ports=texts.container_ports(
            facts.ports if facts.running else (), ipv6="bracketed" if brackets else "bare"
        ),
        Labels=_labels(Labels(facts.labels)),
        Networks=",".join(sorted(facts.networks)),
        Size="0B",
        LocalVolumes="0",
    )


def secret_row(record: Secret, *, now_ns: int) -> Struct:
    """One line of ``secret ls``."""
    return _ROWS["secret"](
        ID=record.id,
        Name=record.name,
        Driver="",
        CreatedAt=texts.age(record.created_ns, now_ns),
        UpdatedAt=texts.age(record.updated_ns or record.created_ns, now_ns),
        Labels=_labels(record.spec.labels),
    )


def config_row(record: Config, *, now_ns: int) -> Struct:
    """One line of ``config ls``."""
    return _ROWS["config"](
        ID=record.id,
        Name=record.name,
        CreatedAt=texts.age(record.created_ns, now_ns),
        UpdatedAt=texts.age(record.updated_ns or record.created_ns, now_ns),
        Labels=_labels(record.spec.labels),
    )


def cells(row: Struct, columns: Sequence[str]) -> tuple[str, ...]:
    """The cells of those columns."""
    return tuple(str(row.field(column)) for column in columns)

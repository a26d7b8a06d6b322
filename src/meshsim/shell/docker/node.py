"""``docker node``: ls, ps, inspect, promote, demote, update, rm.

Room shell, docker. Source: docker/cli cli/command/node/*.go. Rules of this file: flags and texts only.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import BadValue
from meshsim.model.objects import Node
from meshsim.model.states import Role
from meshsim.shell.docker.common import (
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NO_TRUNC,
    PRETTY,
    Call,
    Entry,
    Group,
    Inspection,
    each,
    filters_of,
    inspected,
    listed,
    quiet,
)
from meshsim.shell.docker.tasks import task_list
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.text import natural_key
from meshsim.views import filters, pretty, rows, shapes

__all__ = ["NODE"]


def _ls(call: Call) -> Result:
    wishes = filters_of(call, "node")
    records = [handle.record for handle in call.host.nodes.list()]
    records = [record for record in records if filters.fits_node(record, wishes)]
    # by id first: two entries of one host name stand next to each other in that order
    records.sort(key=lambda record: (natural_key(record.hostname), record.id))
    own = call.host.swarm.info().node_id
    return listed(call, "node", [rows.node_row(record, self_id=own) for record in records], mark="*")


def _named(call: Call, name: str) -> Any:
    """The node typed; ``self`` is the one asked."""
    return call.host.nodes.get(call.host.swarm.info().node_id if name == "self" else name)


def _ps(call: Call) -> Result:
    wishes = filters_of(call, "task")
    nodes: dict[str, str] = {}
    result = each(call.operands or ("self",), lambda name: _collect(call, name, nodes))
    if not nodes:
        return result
    tasks = [handle.record for handle in call.host.tasks.list()]
    tasks = [task for task in tasks if task.node_id in nodes and filters.fits_task(task, wishes)]
    return task_list(call, tasks) + Result("", result.stderr, result.exit)


def _collect(call: Call, name: str, nodes: dict[str, str]) -> str:
    handle = _named(call, name)
    nodes[handle.id] = handle.name
    return ""


def _inspect(call: Call) -> Result:
    info = call.host.swarm.info()
    digest = info.swarm.root_ca_digest if info.swarm else ""
    epoch_ns = call.epoch_ns

    def shape(record: Node) -> Any:
        return shapes.node(record, epoch_ns=epoch_ns, root_ca_digest=digest)

    def text(record: Node) -> str:
        return pretty.node_pretty(record, epoch_ns=epoch_ns, root_ca_digest=digest)

    return inspected(call, Inspection(lambda name: _named(call, name).record, text, shape=shape))


def _promote(call: Call) -> Result:
    return each(call.operands, lambda name: _role(call, name, Role.MANAGER))


def _demote(call: Call) -> Result:
    return each(call.operands, lambda name: _role(call, name, Role.WORKER))


def _role(call: Call, name: str, role: Role) -> str:
    handle = _named(call, name)
    if handle.record.spec.role is role:
        return f"Node {handle.id} is already a {role.label}."
    if role is Role.MANAGER:
        handle.promote()
        return f"Node {name} promoted to a manager in the swarm."
    handle.demote()
    return f"Manager {name} demoted in the swarm."


def _update(call: Call) -> Result:
    name = call.operands[0]
    handle = _named(call, name)
    for key in call["label-rm"]:
        if key not in handle.record.spec.labels:
            raise BadValue(f"key {key} doesn't exist in node's labels", key)
    flags = ("availability", "role", "label-add", "label-rm")
    changes = {flag.replace("-", "_"): call[flag] for flag in flags if call.typed(flag)}
    handle.update(**changes)
    return Result(f"{name}\n")


def _rm(call: Call) -> Result:
    def remove(name: str) -> str:
        _named(call, name).remove(force=call["force"])
        return name

    return each(call.operands, remove)


NODE = Group(
    "node",
    "Manage Swarm nodes",
    (
        Entry(
            Command(
                "docker node demote",
                "NODE [NODE...]",
                "Demote one or more nodes from manager in the swarm",
                least=1,
                most=None,
            ),
            _demote,
        ),
        Entry(
            Command(
                "docker node inspect",
                "[OPTIONS] self|NODE [NODE...]",
                "Display detailed information on one or more nodes",
                (INSPECT_FORMAT, PRETTY),
                1,
                None,
            ),
            _inspect,
        ),
        Entry(
            Command(
                "docker node ls",
                "[OPTIONS]",
                "List nodes in the swarm",
                (FILTER, FORMAT, quiet()),
                aliases=("docker node list",),
            ),
            _ls,
        ),
        Entry(
            Command(
                "docker node promote",
                "NODE [NODE...]",
                "Promote one or more nodes to manager in the swarm",
                least=1,
                most=None,
            ),
            _promote,
        ),
        Entry(
            Command(
                "docker node ps",
                "[OPTIONS] [NODE...]",
                "List tasks running on one or more nodes, defaults to current node",
                (
                    FILTER,
                    Flag("format", help="Pretty-print tasks using a Go template"),
                    Flag("no-resolve", "bool", help="Do not map IDs to Names"),
                    NO_TRUNC,
                    quiet("Only display task IDs"),
                ),
                0,
                None,
            ),
            _ps,
        ),
        Entry(
            Command(
                "docker node rm",
                "[OPTIONS] NODE [NODE...]",
                "Remove one or more nodes from the swarm",
                (Flag("force", "bool", "f", help="Force remove a node from the swarm"),),
                1,
                None,
                aliases=("docker node remove",),
            ),
            _rm,
        ),
        Entry(
            Command(
                "docker node update",
                "[OPTIONS] NODE",
                "Update a node",
                (
                    Flag("availability", help='Availability of the node ("active", "pause", "drain")'),
                    Flag("label-add", "list", help='Add or update a node label ("key=value")'),
                    Flag("label-rm", "list", help="Remove a node label if exists"),
                    Flag("role", help='Role of the node ("worker", "manager")'),
                ),
                1,
                1,
            ),
            _update,
        ),
    ),
)
"""The group's commands."""

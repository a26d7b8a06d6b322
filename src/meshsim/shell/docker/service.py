"""``docker service``: create, inspect, logs, ls, ps, rm, rollback, scale, update.

Room shell, docker. In: parsed command lines. Out: text. Rules of this file: checks the command line itself
makes, flags handed to the facade, texts; what a service is stands in the facade's handles.

Source: docker/cli cli/command/service/*.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshsim.errors import ApiError, BadValue, NotFound
from meshsim.model.objects import Service
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
    engine_said,
    filters_of,
    given,
    inspected,
    listed,
    quiet,
    unknown_image,
)
from meshsim.shell.docker.logs import LOG_FLAGS, service_logs
from meshsim.shell.docker.service_flags import CREATE_FLAGS, OWN_FLAGS, UNMODELLED, UPDATE_FLAGS, WAIT_FLAGS
from meshsim.shell.docker.service_update import check_files, check_flags, remove, rollback, scale, update
from meshsim.shell.docker.tasks import resolver, task_list
from meshsim.shell.docker.waiting import converged
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.text import natural_key
from meshsim.views import filters, pretty, rows, shapes
from meshsim.views.status import service_status

if TYPE_CHECKING:
    from meshsim.cluster import ServiceHandle

__all__ = ["SERVICE"]

_REPLICATED_MODES = ("replicated", "replicated-job")
_JOB_MODES = ("replicated-job", "global-job")
_ROLLOUT = tuple(flag.name for flag in CREATE_FLAGS if flag.name.startswith(("update-", "rollback-")))
# -- create


def _create(call: Call) -> Result:
    _check_create(call)
    image, *command = call.operands
    keywords = given(call, *(f.name for f in CREATE_FLAGS if f.name not in (*OWN_FLAGS, *UNMODELLED)))
    check_files(call, "secret", "config")
    if "env" in keywords:
        keywords["env"] = tuple(filter(None, map(call.env_entry, call["env"])))
    handle = call.host.services.create(
        image, name=call["name"] or None, **({"command": tuple(command)} if command else {}), **keywords
    )
    warning = unknown_image(call, image) + _unresolved_image(call, image)
    done = Result(f"{handle.id}\n", warning, screen=warning + f"{handle.id}\n")
    return done if call["detach"] else done + converged(call, handle, handle.id)


def _check_create(call: Call) -> None:
    """What the command line refuses by itself, in its order.

    Source: docker/cli cli/command/service/opts.go ToServiceMode, ToService.
    """
    mode = call["mode"]
    if mode not in (*_REPLICATED_MODES, *_JOB_MODES, "global"):
        raise BadValue(f"Unknown mode: {mode}, only replicated and global supported", mode)
    if call.typed("replicas") and mode not in _REPLICATED_MODES:
        raise BadValue("replicas can only be used with replicated or replicated-job mode")
    if call.typed("replicas-max-per-node") and mode not in _REPLICATED_MODES:
        raise BadValue("replicas-max-per-node can only be used with replicated or replicated-job mode")
    if call.typed("max-concurrent") and mode != "replicated-job":
        raise BadValue("max-concurrent can only be used with replicated-job mode")
    if mode in _JOB_MODES and call.typed(*_ROLLOUT):
        raise BadValue("update and rollback configuration is not supported for jobs")
    check_flags(call)


def _unresolved_image(call: Call, image: str) -> str:
    """The four lines of a command line that found no registry (only where images are strict)."""
    if not call.host.cluster.images.strict or call["no-resolve-image"]:
        return ""
    named = image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"
    return (
        f"image {named} could not be accessed on a registry to record\n"
        f"its digest. Each node will access {named} independently,\n"
        "possibly leading to different nodes running different\nversions of the image.\n\n"
    )


# -- looking


def _records(call: Call) -> list[ServiceHandle]:
    return list(call.host.services.list())


def _ls(call: Call) -> Result:
    wishes = filters_of(call, "service")
    handles = [handle for handle in _records(call) if filters.fits_service(handle.record, wishes)]
    handles.sort(key=lambda handle: natural_key(handle.name))
    return listed(call, "service", [_row(handle) for handle in handles])


def _row(handle: ServiceHandle) -> Any:
    status = service_status(handle.record, [task.record for task in handle.tasks()])
    return rows.service_row(handle.record, status)


def _ps(call: Call) -> Result:
    wishes = filters_of(call, "task")
    node_name = {node.name: node.id for node in call.host.nodes.list()} if "node" in wishes else {}
    if "node" in wishes:
        wishes["node"] = [node_name.get(name, name) for name in wishes["node"]]
    tasks = []
    missing: list[str] = []
    for name in call.operands:
        found = _by_id_name_prefix(call, name)
        if found is None:
            missing.append(f"no such service: {name}")
        else:
            tasks += [task.record for task in found.tasks() if filters.fits_task(task.record, wishes)]
    stderr = "\n".join(missing) + "\n" if missing else ""
    if len(missing) == len(call.operands):
        return Result("", stderr, 1)
    done = task_list(call, tasks)
    return Result(done.stdout, stderr, int(bool(missing)), screen=done.stdout + stderr)


def _by_id_name_prefix(call: Call, text: str) -> ServiceHandle | None:
    """The service of that id, name, or beginning of an id.

    Source: docker/cli cli/command/service/ps.go createFilter.
    """
    handles = _records(call)
    for handle in handles:
        if text in (handle.id, handle.name):
            return handle
    fitting = [handle for handle in handles if handle.id.startswith(text)]
    if len(fitting) > 1:
        raise BadValue(f"multiple services found with provided prefix: {text}", text)
    return fitting[0] if fitting else None


def _inspect(call: Call) -> Result:
    names = resolver(call, "networks")

    def shape(record: Service) -> Any:
        return shapes.service(record, epoch_ns=call.epoch_ns, defaults=True)

    def text(record: Service) -> str:
        return pretty.service_pretty(record, now_ns=call.now_ns, network_name=names)

    def find(name: str) -> Service:
        record: Service = call.host.services.get(name).record
        return record

    return inspected(
        call,
        Inspection(find, text, refused=lambda name: _refusal(call, name), shape=shape),
    )


def _refusal(call: Call, name: str) -> str:
    """What inspect says of a service it did not get: its own words only when there is none."""
    try:
        call.host.services.get(name)
    except NotFound:
        return f"Error: no such service: {name}"
    except ApiError as error:
        return engine_said(error).rstrip("\n")
    return ""


_RESOLVE = Flag("no-resolve", "bool", help="Do not map IDs to Names")

SERVICE = Group(
    "service",
    "Manage Swarm services",
    (
        Entry(
            Command(
                "docker service create",
                "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                "Create a new service",
                CREATE_FLAGS,
                1,
                None,
                mixes=False,
            ),
            _create,
        ),
        Entry(
            Command(
                "docker service inspect",
                "[OPTIONS] SERVICE [SERVICE...]",
                "Display detailed information on one or more services",
                (INSPECT_FORMAT, PRETTY),
                1,
                None,
            ),
            _inspect,
        ),
        Entry(
            Command(
                "docker service logs",
                "[OPTIONS] SERVICE|TASK",
                "Fetch the logs of a service or task",
                (
                    *LOG_FLAGS,
                    _RESOLVE,
                    NO_TRUNC,
                    Flag("no-task-ids", "bool", help="Do not include task IDs in output"),
                    Flag("raw", "bool", help="Do not neatly format logs"),
                ),
                1,
                1,
            ),
            service_logs,
        ),
        Entry(
            Command(
                "docker service ls",
                "[OPTIONS]",
                "List services",
                (FILTER, FORMAT, quiet()),
                aliases=("docker service list",),
            ),
            _ls,
        ),
        Entry(
            Command(
                "docker service ps",
                "[OPTIONS] SERVICE [SERVICE...]",
                "List the tasks of one or more services",
                (
                    FILTER,
                    Flag("format", help="Pretty-print tasks using a Go template"),
                    _RESOLVE,
                    NO_TRUNC,
                    quiet("Only display task IDs"),
                ),
                1,
                None,
            ),
            _ps,
        ),
        Entry(
            Command(
                "docker service rm",
                "SERVICE [SERVICE...]",
                "Remove one or more services",
                (),
                1,
                None,
                aliases=("docker service remove",),
            ),
            remove,
        ),
        Entry(
            Command(
                "docker service rollback",
                "[OPTIONS] SERVICE",
                "Revert changes to a service's configuration",
                WAIT_FLAGS,
                1,
                1,
            ),
            rollback,
        ),
        Entry(
            Command(
                "docker service scale",
                "SERVICE=REPLICAS [SERVICE=REPLICAS...]",
                "Scale one or multiple replicated services",
                WAIT_FLAGS[:1],
                1,
                None,
            ),
            scale,
        ),
        Entry(
            Command("docker service update", "[OPTIONS] SERVICE", "Update a service", UPDATE_FLAGS, 1, 1),
            update,
        ),
    ),
)
"""The group's commands."""

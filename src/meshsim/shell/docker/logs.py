"""``docker service logs`` and ``docker logs``.

Room shell, docker. In: what programs printed. Out: text. Rule of this file: layout only; lines of one task
stay in order, tasks come one after the other as the nodes answer.

Source: docker/cli cli/command/service/logs.go, cli/command/container/logs.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from meshsim.errors import BadValue, InvalidParameter, NotFound
from meshsim.model.objects import Task
from meshsim.model.specs import Replicated
from meshsim.model.states import TaskState
from meshsim.shell.docker.common import Call
from meshsim.shell.docker.tasks import resolver
from meshsim.shell.flags import Flag
from meshsim.shell.result import Result
from meshsim.units import parse_duration, parse_time, rfc3339_fixed

if TYPE_CHECKING:
    from meshsim.cluster import TaskHandle

__all__ = ["LOG_FLAGS", "LogLine", "container_logs", "moment", "service_logs"]

#: time (virtual nanoseconds), stream, text
LogLine = tuple[int, str, str]

LOG_FLAGS = (
    Flag("details", "bool", help="Show extra details provided to logs"),
    Flag("follow", "bool", "f", help="Follow log output"),
    Flag(
        "since",
        help='Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for '
        "42 minutes)",
    ),
    Flag("tail", short="n", default="all", help="Number of lines to show from the end of the logs"),
    Flag("timestamps", "bool", "t", help="Show timestamps"),
)


def _wanted(call: Call, lines: Iterable[LogLine]) -> list[LogLine]:
    since_ns = moment(call, "since")
    kept = [line for line in lines if since_ns is None or line[0] >= since_ns]
    tail: str = call["tail"]
    return kept[-int(tail) :] if tail.isdigit() and int(tail) else [] if tail == "0" else kept


def moment(call: Call, flag: str, *, ahead: bool = False) -> int | None:
    """A flag that is a moment, as virtual nanoseconds: a duration from now, or a time; None without one.

    ``0`` is the beginning of 1970, not a duration.

    Args:
        call: the command.
        flag: ``since`` or ``until``.
        ahead: durations count forward (``--until``) instead of back.

    Source: moby api/types/time/timestamp.go GetTimestamp.
    """
    text: str = call[flag]
    if not text:
        return None
    if text == "0":
        return -call.epoch_ns
    try:
        duration_ns = parse_duration(text)
    except BadValue:
        pass
    else:
        return call.now_ns + (duration_ns if ahead else -duration_ns)
    try:
        return parse_time(text) - call.epoch_ns
    except BadValue:
        reason = f'failed to parse value as time or duration: "{text}"'
        raise BadValue(f'invalid value for "{flag}": {reason}', text) from None


def container_logs(call: Call, lines: Sequence[LogLine]) -> Result:
    """The lines of one container, on the streams they were printed on."""
    done = Result()
    for time_ns, stream, text in _wanted(call, lines):
        stamp = f"{rfc3339_fixed(call.epoch_ns + time_ns)} " if call["timestamps"] else ""
        details = " " if call["details"] else ""
        line = f"{stamp}{details}{text}\n"
        done += Result("", line) if stream == "stderr" else Result(line)
    return done


def service_logs(call: Call) -> Result:
    """The lines of all tasks of a service, or of one task, each with where it comes from.

    Nodes that cannot be asked are named behind what the others told, and the command fails.

    Source: docker/cli cli/command/service/logs.go runLogs; swarmkit manager/logbroker/subscription.go.
    """
    name = call.operands[0]
    try:
        service = call.host.services.get(name)
    except NotFound:
        try:
            task = call.host.tasks.get(name)
        except NotFound:
            return Result("", f"no such task or service: {name}\n", 1)
        handles, width, spec = [task], _digits(task.slot), task.record.spec
    else:
        mode, spec = service.record.spec.mode, service.record.spec.task
        width = _digits(mode.replicas) if isinstance(mode, Replicated) else 1
        handles = [task for task in service.tasks() if task.state >= TaskState.RUNNING]
    if spec.container.tty and not call["raw"]:
        raise BadValue("tty service logs only supported with --raw")
    _check_tail(call["tail"])
    done = Result()
    for handle in sorted(handles, key=_in_turn):
        if _answers(call, handle):
            done += _lines_of(call, handle, width)
    return done + _incomplete([_silence(call, handle) for handle in handles])


def _digits(number: int) -> int:
    return len(str(number))


def _check_tail(tail: str) -> None:
    """Source: moby daemon/cluster/services.go ServiceLogs."""
    if tail == "all":
        return
    if not tail.removeprefix("-").isdecimal():
        raise InvalidParameter('tail value must be a positive integer or "all"')
    if tail.startswith("-"):
        raise InvalidParameter("negative tail values not supported")


def _in_turn(task: TaskHandle) -> tuple[int, int]:
    return task.slot, task.record.created_ns


def _answers(call: Call, task: TaskHandle) -> bool:
    member = call.host.member
    node_id = task.record.node_id
    return bool(node_id) and member is not None and member.manager.leader_reaches(node_id)


def _silence(call: Call, task: TaskHandle) -> str:
    """Why nothing is heard of a task; empty when its node answers."""
    if not task.record.node_id:
        return f"task {task.id} has not been scheduled"
    return "" if _answers(call, task) else f"node {task.record.node_id} is not available"


def _incomplete(silences: Iterable[str]) -> Result:
    reasons = ", ".join(dict.fromkeys(filter(None, silences)))
    if not reasons:
        return Result()
    sentence = (
        "error from daemon in stream: Error grabbing logs: rpc error: code = Unknown desc = warning: "
        f"incomplete log stream. some logs could not be retrieved for the following reasons: {reasons}"
    )
    return Result("", f"{sentence}\n", 1)


def _lines_of(call: Call, task: TaskHandle, width: int) -> Result:
    prefix = "" if call["raw"] else _prefix(call, task.record, width)
    details = " " if call["details"] and not call["raw"] else ""
    done = Result()
    for time_ns, stream, text in _wanted(call, _printed(task)):
        stamp = f"{rfc3339_fixed(call.epoch_ns + time_ns)} " if call["timestamps"] else ""
        line = f"{stamp}{prefix}{details}{text}\n"
        done += Result("", line) if stream == "stderr" else Result(line)
    return done


def _printed(task: TaskHandle) -> Sequence[LogLine]:
    """What a task's container printed; nothing once it is gone."""
    try:
        return task.container.container.log
    except NotFound:
        return ()


def _prefix(call: Call, task: Task, width: int) -> str:
    """``web.1.7psk4fr4dj79@host01    | ``; short slots are padded, tasks without one show slot 0.

    Source: docker/cli cli/command/service/logs.go taskFormatter.format.
    """
    service, node = task.service_id, task.node_id
    if not call["no-resolve"]:
        service, node = resolver(call, "services")(service), resolver(call, "nodes")(node)
    identifier = "" if call["no-task-ids"] else "." + (task.id if call["no-trunc"] else task.id[:12])
    padding = " " * (width - _digits(task.slot))
    return f"{service}.{task.slot}{identifier}@{node}{padding}    | "

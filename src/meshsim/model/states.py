"""Room model: the states things can be in, and the moves between them, as tables.

Comes in: nothing. Goes out: enums whose integer values are SwarmKit's, and tables of allowed moves
(the docs draw their diagrams from these tables). Rule of this file: data only, no decisions.
Modules that are asked for every task of a service keep the members they need under names of their own: on
Python 3.11 finding one in its class takes as long as a call.

Source: swarmkit api/types.proto, api/specs.proto; control-plane rules on who moves what.
"""

from __future__ import annotations

from enum import Enum, IntEnum

__all__ = [
    "TASK_MOVES",
    "UPDATE_MOVES",
    "Availability",
    "EndpointMode",
    "FailureAction",
    "NodeState",
    "Protocol",
    "PublishMode",
    "Reachability",
    "RestartCondition",
    "Role",
    "TaskState",
    "UpdateOrder",
    "UpdateState",
    "UpdateStep",
]


class _Labelled(IntEnum):
    """An integer enum that prints as the Engine API spells it: lower case."""

    @property
    def label(self) -> str:
        """The Engine API's spelling, for example ``ready``."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.label


class TaskState(_Labelled):
    """How far a task has come; only ever grows. Also used for the desired state.

    Source: swarmkit api/types.proto TaskState.
    """

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832


class NodeState(_Labelled):
    """What the dispatcher knows of a node's agent. Source: swarmkit api/types.proto NodeStatus.State."""

    UNKNOWN = 0
    DOWN = 1
    READY = 2
    DISCONNECTED = 3


class Availability(_Labelled):
    """Whether a node takes tasks: pause keeps the old ones, drain evicts them."""

    ACTIVE = 0
    PAUSE = 1
    DRAIN = 2


class Role(_Labelled):
    """Worker or manager. Source: swarmkit api/types.proto NodeRole."""

    WORKER = 0
    MANAGER = 1


class Reachability(_Labelled):
    """How the leader sees a manager. Source: swarmkit api/types.proto RaftMemberStatus."""

    UNKNOWN = 0
    UNREACHABLE = 1
    REACHABLE = 2


class UpdateState(Enum):
    """Where a service update stands; values are the Engine API's words."""

    UPDATING = "updating"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_PAUSED = "rollback_paused"
    ROLLBACK_COMPLETED = "rollback_completed"


class UpdateStep(Enum):
    """What moves a service update on; values are the words of its picture."""

    BEGIN = "tasks to replace are found"
    PAUSE = "too many failures, action pause"
    ROLL_BACK = "too many failures, action rollback"
    FINISH = "all replaced and watched"
    ASK_BACK = "--rollback"
    RESPEC = "a new spec"


class EndpointMode(Enum):
    """How a service name resolves: to one virtual address, or to the tasks themselves."""

    VIP = "vip"
    DNSRR = "dnsrr"


class PublishMode(Enum):
    """Where a published port is open: on every node (the mesh), or on the task's own node."""

    INGRESS = "ingress"
    HOST = "host"


class Protocol(Enum):
    """Transport protocol of a port."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class RestartCondition(Enum):
    """When a task that ended is replaced."""

    NONE = "none"
    ON_FAILURE = "on-failure"
    ANY = "any"


class FailureAction(Enum):
    """What an update does when too many of its tasks fail."""

    PAUSE = "pause"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


class UpdateOrder(Enum):
    """Whether an update stops the old task before it starts the new one, or after."""

    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


_S = TaskState
#: observed state -> states it may move to. Anything may be skipped forward (reports are batched, so a
#: short state may never be written), nothing ever goes back; a terminal state can only become ORPHANED
#: from below COMPLETE. The shutdown of a never-assigned task is the scheduler's, ORPHANED the dispatcher's.
TASK_MOVES: dict[TaskState, tuple[TaskState, ...]] = {
    _S.NEW: (_S.PENDING, _S.ASSIGNED, _S.SHUTDOWN, _S.REJECTED, _S.ORPHANED),
    _S.PENDING: (_S.ASSIGNED, _S.SHUTDOWN, _S.REJECTED, _S.ORPHANED),
    _S.ASSIGNED: (
        _S.ACCEPTED, _S.PREPARING, _S.READY, _S.STARTING, _S.RUNNING,
        _S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED,
    ),
    _S.ACCEPTED: (
        _S.PREPARING, _S.READY, _S.STARTING, _S.RUNNING,
        _S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED,
    ),
    _S.PREPARING: (
        _S.READY, _S.STARTING, _S.RUNNING, _S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED,
    ),
    _S.READY: (_S.STARTING, _S.RUNNING, _S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED),
    _S.STARTING: (_S.RUNNING, _S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED),
    _S.RUNNING: (_S.COMPLETE, _S.SHUTDOWN, _S.FAILED, _S.REJECTED, _S.ORPHANED),
    _S.COMPLETE: (),
    _S.SHUTDOWN: (),
    _S.FAILED: (),
    _S.REJECTED: (),
    _S.REMOVE: (),
    _S.ORPHANED: (),
}  # fmt: skip


def _update_moves() -> dict[tuple[UpdateState | None, UpdateStep], UpdateState | None]:
    moves: dict[tuple[UpdateState | None, UpdateStep], UpdateState | None] = {
        (None, UpdateStep.BEGIN): UpdateState.UPDATING
    }
    for state in UpdateState:
        back = state is UpdateState.ROLLBACK_STARTED
        moves[state, UpdateStep.PAUSE] = UpdateState.ROLLBACK_PAUSED if back else UpdateState.PAUSED
        moves[state, UpdateStep.FINISH] = UpdateState.ROLLBACK_COMPLETED if back else UpdateState.COMPLETED
        if not back:
            moves[state, UpdateStep.ROLL_BACK] = UpdateState.ROLLBACK_STARTED
    for anywhere in (None, *UpdateState):
        moves[anywhere, UpdateStep.ASK_BACK] = UpdateState.ROLLBACK_STARTED
        moves[anywhere, UpdateStep.RESPEC] = None
    return moves


#: (state of a service's update, what happens) -> the state then; None is no status. What is not here does
#: not happen. Only a rollback under way is told apart: an updater that runs over any other state (a paused
#: rollback whose action is rollback; a slot filled twice after the end) finishes it as an update.
#: Source: swarmkit manager/orchestrator/update/updater.go startUpdate, pauseUpdate, rollbackUpdate,
#: completeUpdate; manager/controlapi/service.go UpdateService.
UPDATE_MOVES: dict[tuple[UpdateState | None, UpdateStep], UpdateState | None] = _update_moves()

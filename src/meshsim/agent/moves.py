"""Room agent: which step a task takes next, as a table.

Comes in: the state observed and the state desired. Goes out: one rule, or none. Rule of this file: data
only; the docs draw the picture of a task's life from :data:`TABLE`.

Source: swarmkit agent/exec/controller.go Do.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

from meshsim.model.states import TaskState

__all__ = ["TABLE", "Act", "Rule"]

_S = TaskState


class Act(Enum):
    """What is done to a task in one state on its way to the next."""

    __hash__ = object.__hash__  # each is one object; an Enum's own hash is a call of Python

    GO_ON = "go on"
    PREPARE = "prepare"
    START = "start"
    WAIT = "wait"
    STOP = "stop"


@frozen(slots=True)
class Rule:
    """One row of the table: what to do, the state it leads to, and the message then."""

    act: Act
    to: TaskState
    message: str


_ACCEPT: Final = Rule(Act.GO_ON, _S.ACCEPTED, "accepted")
_STOP: Final = Rule(Act.STOP, _S.SHUTDOWN, "shutdown")
#: on the way up, by observed state
_UP: Final[dict[TaskState, Rule]] = {
    _S.NEW: _ACCEPT,
    _S.PENDING: _ACCEPT,
    _S.ASSIGNED: _ACCEPT,
    _S.ACCEPTED: Rule(Act.GO_ON, _S.PREPARING, "preparing"),
    _S.PREPARING: Rule(Act.PREPARE, _S.READY, "prepared"),
    _S.READY: Rule(Act.GO_ON, _S.STARTING, "starting"),
    _S.STARTING: Rule(Act.START, _S.RUNNING, "started"),
    _S.RUNNING: Rule(Act.WAIT, _S.COMPLETE, "finished"),
}
#: steps that, once begun, are finished even if the desired state is reached
_ONGOING: Final = (Act.PREPARE, Act.START, Act.WAIT)


def _rule(state: TaskState, desired: TaskState) -> Rule | None:
    """The five questions of the agent, in their order."""
    if desired >= _S.SHUTDOWN:
        return None if state >= _S.COMPLETE else _STOP
    if state > desired:
        return None
    rule = _UP.get(state)
    if rule is not None and rule.act in _ONGOING:
        return rule
    return None if state >= desired else rule


#: (observed state, desired state) -> what to do; absent means nothing (wait for the managers).
#: A task that is desired READY is prepared and then waits; one desired SHUTDOWN or REMOVE is stopped
#: from any state that is not an end.
TABLE: Final[dict[tuple[TaskState, TaskState], Rule]] = {
    (state, desired): rule
    for state in TaskState
    for desired in TaskState
    if (rule := _rule(state, desired)) is not None
}

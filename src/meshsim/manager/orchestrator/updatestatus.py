"""Room manager, orchestrators: where an update stands, as the service's record says.

Comes in: a service's id, a message. Goes out: one write each, or none when the service or its status is
gone: then it was changed since the update began. Rule of this file: it decides nothing.

Source: swarmkit manager/orchestrator/update/updater.go startUpdate, pauseUpdate, completeUpdate,
rollbackUpdate.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from meshsim.model.objects import Service, UpdateStatus
from meshsim.model.states import UPDATE_MOVES, UpdateState, UpdateStep
from meshsim.model.store import Store

__all__ = ["begin", "complete", "pause", "roll_back"]


def _after(state: UpdateState | None, step: UpdateStep) -> UpdateState:
    after = UPDATE_MOVES[state, step]
    assert after is not None  # only a new spec wipes the status
    return after


def begin(store: Store, service_id: str) -> None:
    """Say that an update is in progress, unless something is said already."""
    with store.transaction() as tx:
        service = tx.get(Service, service_id)
        if service is not None and service.update_status is None:
            status = UpdateStatus(_after(None, UpdateStep.BEGIN), "update in progress", tx.now_ns)
            tx.update(service, update_status=status)


def pause(store: Store, service_id: str, message: str) -> None:
    """Say that the update, or the rollback, has been paused."""
    _move(store, service_id, UpdateStep.PAUSE, message)


def complete(store: Store, service_id: str) -> None:
    """Say that the update, or the rollback, is complete."""
    _move(store, service_id, UpdateStep.FINISH, completed_ns=store.clock.now_ns)


#: what is said at the end
_DONE = {UpdateState.COMPLETED: "update completed", UpdateState.ROLLBACK_COMPLETED: "rollback completed"}


def _move(store: Store, service_id: str, step: UpdateStep, message: str = "", **changes: Any) -> None:
    """Write the state the table gives; the message of an end is always the same."""
    with store.transaction() as tx:
        service = tx.get(Service, service_id)
        if service is None or service.update_status is None:
            return
        state = _after(service.update_status.state, step)
        text = _DONE.get(state, message)
        tx.update(service, update_status=evolve(service.update_status, state=state, message=text, **changes))


def roll_back(store: Store, service_id: str, message: str) -> None:
    """Put the previous spec back; without one nothing changes, and only the manager's log says so."""
    with store.transaction() as tx:
        service = tx.get(Service, service_id)
        if service is None or service.update_status is None:
            return
        if service.previous_spec is None:
            text = "cannot roll back service because no previous spec is available"
            payload = {"swarm": store.label, "loop": "updater", "text": text}
            store.log.append(tx.now_ns, "manager-log", payload)
            return
        state = _after(service.update_status.state, UpdateStep.ROLL_BACK)
        tx.update(
            service,
            spec=service.previous_spec,
            spec_version=service.previous_spec_version,
            previous_spec=None,
            previous_spec_version=0,
            update_status=evolve(service.update_status, state=state, message=message),
        )

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
from meshsim.model.states import UpdateState
from meshsim.model.store import Store

__all__ = ["begin", "complete", "pause", "roll_back"]


def begin(store: Store, service_id: str) -> None:
    """Say that an update is in progress, unless something is said already."""
    with store.transaction() as tx:
        service = tx.get(Service, service_id)
        if service is not None and service.update_status is None:
            tx.update(
                service, update_status=UpdateStatus(UpdateState.UPDATING, "update in progress", tx.now_ns)
            )


def pause(store: Store, service_id: str, message: str) -> None:
    """Say that the update, or the rollback, has been paused."""
    _change(store, service_id, UpdateState.PAUSED, UpdateState.ROLLBACK_PAUSED, message, message)


def complete(store: Store, service_id: str) -> None:
    """Say that the update, or the rollback, is complete."""
    _change(
        store,
        service_id,
        UpdateState.COMPLETED,
        UpdateState.ROLLBACK_COMPLETED,
        "update completed",
        "rollback completed",
        completed_ns=store.clock.now_ns,
    )


def _change(
    store: Store,
    service_id: str,
    forward: UpdateState,
    back: UpdateState,
    message_forward: str,
    message_back: str,
    **changes: Any,
) -> None:
    """Write a later status, by whether a rollback is under way now."""
    with store.transaction() as tx:
        service = tx.get(Service, service_id)
        if service is None or service.update_status is None:
            return
        rolling_back = service.update_status.state is UpdateState.ROLLBACK_STARTED
        status = evolve(
            service.update_status,
            state=back if rolling_back else forward,
            message=message_back if rolling_back else message_forward,
            **changes,
        )
        tx.update(service, update_status=status)


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
        tx.update(
            service,
            spec=service.previous_spec,
            spec_version=service.previous_spec_version,
            previous_spec=None,
            previous_spec_version=0,
            update_status=evolve(service.update_status, state=UpdateState.ROLLBACK_STARTED, message=message),
        )

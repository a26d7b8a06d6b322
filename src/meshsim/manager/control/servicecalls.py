"""Room manager, control: calls about services.

Comes in: service specs, ids, versions. Goes out: one transaction each, or a refusal.

Source: swarmkit manager/controlapi/service.go.
"""

from __future__ import annotations

from attrs import evolve

from meshsim.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Unimplemented
from meshsim.manager.control.base import Calls, check_version, existing
from meshsim.manager.control.services import (
    check_files_exist,
    check_ingress,
    check_networks,
    check_port_conflicts,
    check_service_spec,
)
from meshsim.model.objects import JobStatus, Service, UpdateStatus
from meshsim.model.specs import GlobalJob, ReplicatedJob, ServiceSpec
from meshsim.model.states import UpdateState
from meshsim.model.store import Transaction
from meshsim.sim import object_id

__all__ = ["ServiceCalls"]


class ServiceCalls(Calls):
    """Creating, changing and removing services."""

    def create_service(self, spec: ServiceSpec) -> Service:
        """Create a service; the loops make it real.

        Raises:
            InvalidArgument, BadConstraint, FailedPrecondition, AlreadyExists: the first fault.

        Source: swarmkit manager/controlapi/service.go CreateService.
        """
        check_service_spec(spec, self._profile)
        check_networks(self._store, spec)
        check_port_conflicts(self._store, spec)
        check_ingress(self._store, spec)
        job = JobStatus(0, self._clock.now_ns) if _is_job(spec) else None
        with self._store.transaction() as tx:
            check_files_exist(tx, spec)
            if self._store.named(Service, spec.name) is not None:
                raise AlreadyExists(
                    f"name conflicts with an existing object: service {spec.name} already exists"
                )
            return tx.create(Service(object_id(self._ids), spec=spec, job_status=job))

    def update_service(
        self, service_id: str, spec: ServiceSpec, version: int | None = None, *, rollback: str = ""
    ) -> Service:
        """Replace a service's spec; what was becomes the previous spec.

        Args:
            service_id: full id.
            spec: all of it; checked, but ignored by a rollback.
            version: of the record it was made from; None is refused.
            rollback: ``"previous"`` swaps the spec with the previous one.

        Raises:
            InvalidArgument, NotFound, Unimplemented, FailedPrecondition, OutOfSequence: the first fault.

        Source: swarmkit manager/controlapi/service.go UpdateService.
        """
        if not service_id or version is None:
            raise InvalidArgument("invalid argument")
        check_service_spec(spec, self._profile)
        check_networks(self._store, spec)
        service = existing(self._store.services.get(service_id), "service", service_id)
        if spec.endpoint is not None and spec.endpoint != service.spec.endpoint:
            check_port_conflicts(self._store, spec, service_id)
        with self._store.transaction() as tx:
            check_files_exist(tx, spec)
            if type(service.spec.mode) is not type(spec.mode):
                raise Unimplemented("service mode change is not allowed")
            if service.name != spec.name:
                raise Unimplemented("renaming services is not supported")
            if rollback == "previous":
                changed = self._rolled_back(service)
            else:
                changed = self._respecified(service, spec, version)
            check_ingress(self._store, changed.spec)
            check_version(service, version)
            return self._write_service(tx, service, changed)

    def _rolled_back(self, service: Service) -> Service:
        if service.previous_spec is None:
            raise FailedPrecondition(f"service {service.id} does not have a previous spec")
        status = UpdateStatus(UpdateState.ROLLBACK_STARTED, "manually requested rollback", self._clock.now_ns)
        return evolve(
            service,
            spec=service.previous_spec,
            spec_version=service.previous_spec_version,
            previous_spec=service.spec,
            previous_spec_version=service.spec_version,
            update_status=status,
        )

    @staticmethod
    def _respecified(service: Service, spec: ServiceSpec, version: int) -> Service:
        return evolve(
            service,
            spec=spec,
            spec_version=version,
            previous_spec=service.spec,
            previous_spec_version=service.spec_version,
            update_status=None,
        )

    def _write_service(self, tx: Transaction, service: Service, changed: Service) -> Service:
        """Write it; a job runs once more with every update."""
        job = service.job_status
        if job is not None:
            job = JobStatus(job.iteration + 1, self._clock.now_ns)
        return tx.update(
            service,
            spec=changed.spec,
            spec_version=changed.spec_version,
            previous_spec=changed.previous_spec,
            previous_spec_version=changed.previous_spec_version,
            update_status=changed.update_status,
            job_status=job,
        )

    def remove_service(self, service_id: str) -> None:
        """Forget a service; name and ports are free at once, its tasks go when they have stopped.

        Raises:
            NotFound: no such service.
        """
        with self._store.transaction() as tx:
            tx.delete(existing(tx.get(Service, service_id), "service", service_id))


def _is_job(spec: ServiceSpec) -> bool:
    return isinstance(spec.mode, ReplicatedJob | GlobalJob)

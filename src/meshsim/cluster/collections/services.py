"""Room cluster: services, as ``docker service`` handles them."""

from __future__ import annotations

from typing import Any

from meshsim.cluster.collections.base import Collection, SwarmHandle
from meshsim.cluster.collections.tasks import TaskHandle
from meshsim.cluster.names import random_name
from meshsim.cluster.specbuild import service_spec
from meshsim.cluster.specedit import updated_spec
from meshsim.errors import BadValue, Forbidden, InvalidParameter, NotFound, NotModelled
from meshsim.ipvs import resolve_balancer
from meshsim.model.objects import Service
from meshsim.model.specs import Replicated, ReplicatedJob
from meshsim.model.states import TaskState
from meshsim.views import shapes
from meshsim.views.status import service_status
from meshsim.views.texts import replicas_text

__all__ = ["CREATE_FLAGS", "UPDATE_FLAGS", "ServiceHandle", "Services"]


class ServiceHandle(SwarmHandle[Service]):
    """One service."""

    kind = "service"

    @property
    def record(self) -> Service:
        """The service as the managers know it now."""
        service = self._store.services.get(self.id)
        if service is None:
            raise NotFound(f"service {self.id} not found")
        return service

    def _shape(self) -> Any:
        return shapes.service(self.record, epoch_ns=self._epoch_ns)

    def tasks(self) -> list[TaskHandle]:
        """Its tasks, the live ones and the history, in order of creation."""
        return [TaskHandle(self._host, task.id) for task in self._store.tasks_of_service(self.id)]

    @property
    def running(self) -> int:
        """How many tasks are wanted running and seen running."""
        wanted = (TaskState.RUNNING, TaskState.COMPLETE)
        return sum(
            task.status.state is TaskState.RUNNING and task.desired in wanted
            for task in self._store.tasks_of_service(self.id)
        )

    @property
    def replicas(self) -> str:
        """Docker's own figure, ``2/2``: tasks seen running (wanted or not), over how many there shall be."""
        record = self.record
        return replicas_text(record, service_status(record, self._store.tasks_of_service(record.id)))

    def vip(self, network: str) -> str:
        """Its virtual address on a network, without mask.

        Raises:
            NotFound: no such network, or no such address (dnsrr, or not allocated).
        """
        found = self._control(write=False).find_network(network)
        endpoint = self.record.endpoint
        vip = endpoint.vip(found.id) if endpoint else None
        if vip is None:
            raise NotFound(f"service {self.name} has no virtual address on network {found.name}")
        return vip.ip

    def scale(self, replicas: int) -> None:
        """Ask for so many tasks.

        Raises:
            InvalidParameter: it is neither replicated nor a replicated job, or the number is negative.
        """
        if not isinstance(self.record.spec.mode, Replicated | ReplicatedJob):
            raise InvalidParameter("scale can only be used with replicated or replicated-job mode")
        self.update(replicas=replicas)

    def update(self, *, version: int | None = None, **flags: Any) -> None:
        """Change it; the keywords are the flags of ``docker service update`` with underscores.

        Raises:
            BadValue, InvalidParameter, InvalidArgument: a value is refused.
            OutOfSequence: ``version`` is no longer current.
        """
        control = self._control()
        record = self.record
        _only_known(flags, UPDATE_FLAGS)
        spec = updated_spec(record.spec, flags, Services(self._host))
        control.update_service(self.id, spec, record.version if version is None else version)

    def rollback(self) -> None:
        """Go back to the spec before the last update.

        Raises:
            FailedPrecondition: there is none.
        """
        record = self.record
        self._control().update_service(self.id, record.spec, record.version, rollback="previous")

    def remove(self) -> None:
        """Remove it (``docker service rm``); its tasks stop in order."""
        self._control().remove_service(self.id)


class Services(Collection):
    """``docker service``."""

    def create(
        self, image: str, *, name: str | None = None, balancer: Any = None, **flags: Any
    ) -> ServiceHandle:
        """Create a service; the keywords are the flags of ``docker service create`` with underscores.

        Lists may be given as one text or many, durations and sizes as text (``"10s"``, ``"512M"``) or as
        integers (ns, bytes), ``command`` as text or words.

        Args:
            image: the image's reference.
            name: invented when None.
            balancer: what balances its connections instead of the cluster's choice: a name such as
                ``"wlc"``, or a factory of one's own. (Docker has no such flag: it always uses ``rr``.)
            **flags: ``replicas=2, publish=["81:80"], network=["eg1"], constraint=...``

        Returns:
            The handle, in the same instant; ``cluster.settle()`` waits until its tasks run.

        Raises:
            BadValue, InvalidParameter, InvalidArgument: a value is refused.
            AlreadyExists: the name is taken.
            NotFound: a network, secret or config does not exist.
            UnknownBalancer: no balancer of that name.
        """
        control = self._control()
        if balancer is not None:
            resolve_balancer(balancer)
        _only_known(flags, CREATE_FLAGS)
        name = random_name(self._host.cluster.streams["names"]) if name is None else name
        spec = service_spec(name, {"image": image, **flags}, self)
        service = control.create_service(spec)
        if balancer is not None:
            self._host.cluster.balancers[service.id] = balancer
        return ServiceHandle(self._host, service.id)

    def list(self) -> list[ServiceHandle]:
        """All services, in order of their ids, as the API lists them."""
        return [ServiceHandle(self._host, identifier) for identifier in sorted(self._store.services)]

    def get(self, text: str) -> ServiceHandle:
        """The service of that id, name or beginning of an id.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        return ServiceHandle(self._host, self._control(write=False).find_service(text).id)

    # -- what names stand for (see specvalues.Lookup)

    def network_id(self, text: str) -> str:
        """The id of a network services may be on.

        Raises:
            NotFound: no such network.
            Forbidden: a network of this machine alone.
        """
        try:
            return self._control(write=False).find_network(text).id
        except NotFound:
            local = self._host.engine.networks.get(text)
            if local is None:
                raise
            if local.name in ("bridge", "host"):
                raise NotModelled(
                    f"a service on the network {local.name} is not modelled; "
                    "without any network its tasks are on the bridge of their machine"
                ) from None
            raise Forbidden(
                f"The network {text} cannot be used with services. Only networks scoped to the swarm "
                "can be used, such as those created with the overlay driver."
            ) from None

    def file_id(self, kind: str, name: str) -> str:
        """The id of the secret or config of that name.

        Raises:
            NotFound: there is none.
        """
        control = self._control(write=False)
        try:
            return (control.find_secret(name) if kind == "secret" else control.find_config(name)).id
        except NotFound:
            raise NotFound(f"{kind} not found: {name}") from None


def _only_known(flags: dict[str, Any], known: frozenset[str]) -> None:
    for flag in flags:
        if flag not in known:
            raise BadValue(f"unknown flag: --{flag.replace('_', '-')}", flag)


_UPDATE_GROUPS = ("parallelism", "delay", "monitor", "max_failure_ratio", "failure_action", "order")
_SHARED_FLAGS = frozenset((
    "image", "command", "args", "entrypoint", "env", "hostname", "user", "workdir", "tty", "read_only",
    "init", "stop_signal", "stop_grace_period", "container_label", "label", "mount", "host", "dns",
    "dns_search", "dns_option", "secret", "config", "replicas", "max_concurrent", "publish", "network",
    "endpoint_mode", "constraint", "placement_pref", "replicas_max_per_node", "limit_cpu",
    "limit_memory", "reserve_cpu", "reserve_memory", "generic_resource", "restart_condition",
    "restart_delay", "restart_max_attempts", "restart_window", "log_driver", "health_cmd",
    "health_interval", "health_timeout", "health_start_period", "health_start_interval",
    "health_retries", "no_healthcheck",
    *(f"{group}_{flag}" for group in ("update", "rollback") for flag in _UPDATE_GROUPS),
))  # fmt: skip
#: what ``docker service create`` takes, underscores for dashes
CREATE_FLAGS = _SHARED_FLAGS | {"mode"}
_EDITED = (
    "publish", "network", "constraint", "placement_pref", "env", "label", "container_label", "mount", "host",
    "secret", "config", "dns", "dns_search", "dns_option", "generic_resource",
)  # fmt: skip
#: what ``docker service update`` takes
UPDATE_FLAGS = _SHARED_FLAGS | {"force"} | {f"{flag}_{verb}" for flag in _EDITED for verb in ("add", "rm")}

"""Room manager: what users ask of a swarm, checked in SwarmKit's order and words, then written.

Comes in: specs, ids, versions. Goes out: one transaction each, and the stored object; or a refusal, and
then nothing has changed. Rules of this file: check, then write; the loops find the rest in the store. The
engine's own checks (made before a manager is asked) are made by who calls. It does not know who asks.

Source: swarmkit manager/controlapi (service.go, network.go, node.go, cluster.go, secret.go, config.go),
ca/server.go IssueNodeCertificate, manager/resourceapi/allocator.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from attrs import evolve

from meshsim.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    JoinRefused,
    NotFound,
    OutOfSequence,
    PermissionDenied,
    Unimplemented,
)
from meshsim.manager.control.files import check_data, in_use_by
from meshsim.manager.control.names import check_file_name, find_object
from meshsim.manager.control.networks import check_network_removal, check_network_spec
from meshsim.manager.control.services import (
    check_files_exist,
    check_ingress,
    check_networks,
    check_port_conflicts,
    check_service_spec,
)
from meshsim.manager.control.swarm import check_node_removal, check_role, check_swarm_spec
from meshsim.manager.tokens import join_token, unlock_key
from meshsim.model.objects import (
    Attachment,
    Config,
    JobStatus,
    Network,
    Node,
    NodeStatus,
    Secret,
    Service,
    StoredObject,
    Swarm,
    Task,
    TaskShared,
    TaskStatus,
    UpdateStatus,
)
from meshsim.model.specs import (
    ConfigSpec,
    GlobalJob,
    NetworkAttachmentConfig,
    NetworkSpec,
    NodeSpec,
    ReplicatedJob,
    SecretSpec,
    ServiceSpec,
    SwarmSpec,
    TaskSpec,
)
from meshsim.model.states import Availability, Role, TaskState, UpdateState
from meshsim.model.store import Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams, object_id

__all__ = ["Control", "Members"]

T = TypeVar("T")


class Members(Protocol):
    """What the control API asks of Raft."""

    def is_member(self, node_id: str) -> bool:
        """Whether the node is one of the Raft members."""

    def can_remove(self, node_id: str) -> bool:
        """Whether the members that would remain still have a quorum."""


class Control:
    """The control API of one swarm.

    Args:
        store: the swarm's state.
        clock: for the times written.
        profile: how refusals are worded.
        streams: ``"ids"`` for new objects, ``"tokens"`` for secrets.
        members: Raft's members.
    """

    def __init__(
        self, store: Store, clock: Clock, profile: Profile, streams: Streams, members: Members
    ) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._ids = streams["ids"]
        self._tokens = streams["tokens"]
        self._members = members

    def __repr__(self) -> str:
        return f"<Control of {self._store!r}>"

    # -- lookups by what a user typed

    def find_node(self, text: str) -> Node:
        """The node of that id, host name or beginning of an id."""
        return find_object("node", text, self._store.nodes, _hostname)

    def find_service(self, text: str) -> Service:
        """The service of that id, name or beginning of an id."""
        return find_object("service", text, self._store.services, _name)

    def find_task(self, text: str) -> Task:
        """The task of that id, full name or beginning of an id."""
        return find_object("task", text, self._store.tasks, _name)

    def find_network(self, text: str) -> Network:
        """The swarm network of that id, name or beginning of an id."""
        return find_object("network", text, self._store.networks, _name)

    def find_secret(self, text: str) -> Secret:
        """The secret of that id, name or beginning of an id."""
        return find_object("secret", text, self._store.secrets, _name)

    def find_config(self, text: str) -> Config:
        """The config of that id, name or beginning of an id."""
        return find_object("config", text, self._store.configs, _name)

    def find(self, kind: str, text: str) -> StoredObject | Task:
        """The object of that kind (``"node"``, ``"service"`` ...) that a user's text stands for.

        Raises:
            NotFound, Ambiguous: none, or several do.
        """
        found: StoredObject | Task = getattr(self, f"find_{kind}")(text)
        return found

    # -- membership

    def issue_certificate(
        self,
        token: str,
        *,
        hostname: str = "",  # noqa: ARG002  (the record learns it from the agent's first report)
        address: str = "",
        availability: Availability = Availability.ACTIVE,
    ) -> Node:
        """Create the record of a joining node; its state is UNKNOWN until its agent registers.

        Raises:
            JoinRefused: the token is none of the swarm's two.

        Source: swarmkit ca/server.go IssueNodeCertificate, issueWorkerOrManager.
        """
        swarm = self._store.swarm
        if token == swarm.manager_token:
            role = Role.MANAGER
        elif token == swarm.worker_token:
            role = Role.WORKER
        else:
            raise JoinRefused(
                "A valid join token is necessary to join this cluster", rpc_code="InvalidArgument"
            )
        with self._store.transaction() as tx:
            return tx.create(
                Node(
                    object_id(self._ids),
                    spec=NodeSpec(role=role, availability=availability),
                    role=role,
                    status=NodeStatus(address=address),
                )
            )

    def update_node(self, node_id: str, spec: NodeSpec, version: int | None = None) -> Node:
        """Replace what the operator says of a node; a changed role is only wished for here.

        Args:
            node_id: full id.
            spec: all of it.
            version: of the record it was made from; None takes the present one.

        Raises:
            NotFound, FailedPrecondition, OutOfSequence: see control-plane rules of demotion.

        Source: swarmkit manager/controlapi/node.go UpdateNode.
        """
        with self._store.transaction() as tx:
            node = _existing(tx.get(Node, node_id), "node", node_id)
            if spec.role is Role.WORKER and node.spec.role is Role.MANAGER:
                check_role(self._store, self._members, node)
            _check_version(node, version)
            return tx.update(node, spec=spec)

    def remove_node(self, node_id: str, *, force: bool = False) -> None:
        """Forget a node; its tasks that have not ended become ORPHANED.

        Raises:
            NotFound: no such node.
            FailedPrecondition: it is a manager, or (without ``force``) it is READY.

        Source: swarmkit manager/controlapi/node.go RemoveNode, orphanNodeTasks.
        """
        with self._store.transaction() as tx:
            node = _existing(tx.get(Node, node_id), "node", node_id)
            check_node_removal(self._members, node, force=force)
            for task in self._store.tasks_of_node(node_id):
                if task.status.state < TaskState.COMPLETE:
                    status = evolve(
                        task.status,
                        state=TaskState.ORPHANED,
                        message="Task belonged to a node that has been deleted",
                        timestamp_ns=self._clock.now_ns,
                    )
                    tx.update(task, status=status)
            tx.delete(node)

    def update_swarm(
        self,
        spec: SwarmSpec | None = None,
        *,
        rotate_worker: bool = False,
        rotate_manager: bool = False,
        rotate_unlock: bool = False,
    ) -> Swarm:
        """Replace the swarm's settings, and draw new secrets where asked.

        Raises:
            InvalidArgument: a setting out of range.

        Source: swarmkit manager/controlapi/cluster.go UpdateCluster.
        """
        if spec is not None:
            check_swarm_spec(spec)
        swarm = self._store.swarm
        spec = swarm.spec if spec is None else spec
        worker, manager, key = swarm.worker_token, swarm.manager_token, swarm.unlock_key
        if rotate_worker:
            worker = join_token(swarm.root_ca_digest, self._tokens)
        if rotate_manager:
            manager = join_token(swarm.root_ca_digest, self._tokens)
        if not spec.autolock:
            key = ""
        elif rotate_unlock or not key:
            key = unlock_key(self._tokens)
        with self._store.transaction() as tx:
            return tx.update(swarm, spec=spec, worker_token=worker, manager_token=manager, unlock_key=key)

    # -- services

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
        service = _existing(self._store.services.get(service_id), "service", service_id)
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
            _check_version(service, version)
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
            tx.delete(_existing(tx.get(Service, service_id), "service", service_id))

    # -- networks

    def create_network(self, spec: NetworkSpec) -> Network:
        """Create a network; the allocator gives it a subnet afterwards, if it can.

        Raises:
            InvalidArgument, Unimplemented, AlreadyExists: the first fault.

        Source: swarmkit manager/controlapi/network.go CreateNetwork.
        """
        check_network_spec(spec)
        if spec.ingress:
            for network in self._store.networks.values():
                if network.spec.ingress:
                    raise AlreadyExists(f"ingress network ({network.id}) is already present")
        with self._store.transaction() as tx:
            return tx.create(Network(object_id(self._ids), spec=spec))

    def remove_network(self, network_id: str) -> None:
        """Forget a network nobody uses.

        Raises:
            NotFound: no such network.
            FailedPrecondition: a service or task uses it.

        Source: swarmkit manager/controlapi/network.go RemoveNetwork.
        """
        with self._store.transaction() as tx:
            network = _existing(tx.get(Network, network_id), "network", network_id)
            check_network_removal(self._store, network)
            tx.delete(network)

    # -- plain containers on an attachable network

    def attach(self, network: str, container_id: str, node_id: str, addresses: Iterable[str] = ()) -> Task:
        """Make the task that holds a plain container's address on a network.

        The allocator gives the address in the same instant, unless there is none: then the task waits.

        Args:
            network: id or name.
            container_id: 64 characters.
            node_id: where the container is.
            addresses: the address asked for; empty for any.

        Raises:
            NotFound: no such network.
            PermissionDenied: it is not attachable.

        Source: swarmkit manager/resourceapi/allocator.go AttachNetwork.
        """
        found = self._store.networks.get(network) or self._store.named(Network, network)
        if found is None:
            raise NotFound(f"network {network} not found", rpc_code="NotFound")
        if not found.spec.attachable:
            raise PermissionDenied(f"network {found.name} not manually attachable")
        spec = TaskSpec(networks=(NetworkAttachmentConfig(found.id),), attachment=container_id)
        now_ns = self._clock.now_ns
        task = Task(
            object_id(self._ids),
            TaskShared("", "", 0, spec, 0, now_ns),
            node_id,
            status=TaskStatus(TaskState.NEW, "created", "", now_ns),
            attachments=tuple(Attachment(found.id, address) for address in tuple(addresses)[:1]),
        )
        with self._store.transaction() as tx:
            tx.create(task)
        return self._store.tasks[task.id]

    def detach(self, task_id: str) -> None:
        """Give a plain container's address back.

        Raises:
            NotFound: no such task.
            PermissionDenied: the task is a service's.

        Source: swarmkit manager/resourceapi/allocator.go DetachNetwork.
        """
        with self._store.transaction() as tx:
            task = _existing(tx.get(Task, task_id), "task", task_id)
            if task.service_id:
                raise PermissionDenied(f"task {task_id} is not a network attachment")
            tx.delete(task)

    # -- secrets and configs

    def create_secret(self, spec: SecretSpec) -> Secret:
        """Create a secret.

        Raises:
            InvalidArgument: bad name, no data, or too much of it.
            AlreadyExists: the name is taken.
        """
        self._check_file("secret", spec, self._store.named(Secret, spec.name))
        with self._store.transaction() as tx:
            return tx.create(Secret(object_id(self._ids), spec=spec))

    def create_config(self, spec: ConfigSpec) -> Config:
        """Create a config; refused as a secret is."""
        self._check_file("config", spec, self._store.named(Config, spec.name))
        with self._store.transaction() as tx:
            return tx.create(Config(object_id(self._ids), spec=spec))

    @staticmethod
    def _check_file(word: str, spec: SecretSpec | ConfigSpec, namesake: Secret | Config | None) -> None:
        check_file_name(spec.name)
        check_data(word, spec.data)
        if namesake is not None:
            raise AlreadyExists(f"{word} {spec.name} already exists")

    def update_secret(self, secret_id: str, spec: SecretSpec, version: int | None = None) -> Secret:
        """Replace a secret's labels; nothing else of it can change."""
        with self._store.transaction() as tx:
            secret = _existing(tx.get(Secret, secret_id), "secret", secret_id)
            _check_only_labels(secret.spec, spec)
            _check_version(secret, version)
            return tx.update(secret, spec=spec)

    def update_config(self, config_id: str, spec: ConfigSpec, version: int | None = None) -> Config:
        """Replace a config's labels; nothing else of it can change."""
        with self._store.transaction() as tx:
            config = _existing(tx.get(Config, config_id), "config", config_id)
            _check_only_labels(config.spec, spec)
            _check_version(config, version)
            return tx.update(config, spec=spec)

    def remove_secret(self, secret_id: str) -> None:
        """Forget a secret no service refers to."""
        with self._store.transaction() as tx:
            secret = _existing(tx.get(Secret, secret_id), "secret", secret_id)
            in_use_by(self._store, "secret", secret)
            tx.delete(secret)

    def remove_config(self, config_id: str) -> None:
        """Forget a config no service refers to."""
        with self._store.transaction() as tx:
            config = _existing(tx.get(Config, config_id), "config", config_id)
            in_use_by(self._store, "config", config)
            tx.delete(config)

    def check(self) -> None:
        """It keeps no state of its own: nothing to assert."""


def _existing(obj: T | None, kind: str, identifier: str) -> T:
    """The object, or SwarmKit's "not found"."""
    if obj is None:
        raise NotFound(f"{kind} {identifier} not found", rpc_code="NotFound")
    return obj


def _check_version(obj: StoredObject, version: int | None) -> None:
    if version is not None and version != obj.version:
        raise OutOfSequence


def _check_only_labels(old: SecretSpec | ConfigSpec, new: SecretSpec | ConfigSpec) -> None:
    """Source: swarmkit manager/controlapi/secret.go UpdateSecret."""
    if evolve(new, labels=old.labels) != old:
        raise InvalidArgument("only updates to Labels are allowed")


def _is_job(spec: ServiceSpec) -> bool:
    return isinstance(spec.mode, ReplicatedJob | GlobalJob)


def _name(obj: Service | Task | Network | Secret | Config) -> str:
    return obj.name


def _hostname(node: Node) -> str:
    return node.hostname

"""Room manager, loop allocator: subnets, virtual addresses, ports, addresses of tasks and nodes.

Comes in: commits. Goes out: networks with subnets, services with endpoints, nodes with load-balancer
addresses, tasks with addresses (NEW becomes PENDING). Rules of this file: changes are handled one by one
in the order they were written; new tasks are gathered and served when the whole commit has been read;
what cannot be served waits and is tried again when something is given back, or every five minutes at a
commit. Cost is O(changed objects), however many there are.

Source: swarmkit manager/allocator/network.go doNetworkInit, doNetworkAlloc, doTaskAlloc, doNodeAlloc.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

from meshsim.errors import AddressInUse, IpamError
from meshsim.manager.allocator.endpoints import EndpointAllocator
from meshsim.manager.allocator.needs import Needs
from meshsim.manager.allocator.networks import NetworkAllocator
from meshsim.manager.allocator.ports import PortAllocator, host_ports_differ, needs_ingress, with_host_ports
from meshsim.manager.maporder import map_order
from meshsim.model.events import Committed
from meshsim.model.objects import Attachment, Endpoint, Network, Node, Service, Task, TaskStatus, VirtualIP
from meshsim.model.specs import TaskSpec
from meshsim.model.states import TaskState
from meshsim.model.store import Batch, Store, Transaction
from meshsim.profile import Profile
from meshsim.sim import Streams, Timekeeper

__all__ = ["Allocator"]

_OVERLAY = "overlay"
_NEW, _RUNNING = TaskState.NEW, TaskState.RUNNING
#: Source: swarmkit manager/allocator/network.go allocatedStatusMessage.
PENDING_MESSAGE = "pending task scheduling"


class Allocator:
    """Gives networks subnets, services ports and VIPs, tasks and nodes addresses.

    Args:
        store: the swarm's state.
        clock: for the five minutes between two tries.
        profile: dynamic ports, first VXLAN id, order of subnets, retry interval.
        streams: ``"ties"`` is drawn from when ``ties`` is ``"seeded"``.
        ties: ``"joined"``: tasks of one commit get addresses in the order they were made; ``"seeded"``: in
            an order a real manager might use.

    Source: swarmkit manager/allocator/allocator.go Allocator.
    """

    RANK: ClassVar[int] = 10

    def __init__(
        self,
        store: Store,
        clock: Timekeeper,
        profile: Profile,
        streams: Streams,
        *,
        ties: Literal["joined", "seeded"] = "joined",
    ) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._rng = streams["ties"] if ties == "seeded" else None
        self.running = False

    def __repr__(self) -> str:
        if not self.running:
            return "<Allocator, stopped>"
        return f"<Allocator: {self._networks!r}, {len(self._waiting_tasks)} tasks waiting>"

    def start(self) -> None:
        """Take office: re-reserve what the store says is in use, then serve what is not served yet."""
        if self.running:
            return
        self.running = True
        self._networks = NetworkAllocator(self._store.swarm, self._profile)
        self._ports = PortAllocator(self._profile.dynamic_ports)
        self._endpoints = EndpointAllocator(self._networks, self._ports)
        self._ingress = ""
        self._needs = Needs()
        #: nodes that lack an address on a network they need
        self._short: dict[str, None] = {}
        self._new_tasks: dict[str, None] = {}
        self._waiting_networks: dict[str, None] = {}
        self._waiting_services: dict[str, None] = {}
        self._waiting_tasks: dict[str, None] = {}
        self._last_retry_ns = self._clock.now_ns
        self._freed = False
        self._restore()
        with self._store.batch() as tx:
            self._serve_all(tx)
        self._store.watch(self.on_commit, rank=self.RANK)

    def stop(self) -> None:
        """Lay down office; what was reserved in memory, and every cursor, is forgotten at the next start."""
        self.running = False
        self._store.unwatch(self.on_commit)

    # -- a new leader's first pass

    def _restore(self) -> None:
        """Take in memory everything the store holds; source: network.go doNetworkInit, first half."""
        store = self._store
        for network in store.networks.values():
            if network.spec.ingress:
                self._ingress = network.id
            if network.ipam:
                self._networks.restore(network)
        for node in store.nodes.values():
            for attachment in node.attachments:
                if attachment.network_id in self._networks:
                    self._networks.take(attachment.network_id, attachment.address)
        for service in store.services.values():
            self._endpoints.restore(service)
        for task in store.tasks.values():
            if _NEW < task.status.state <= _RUNNING:
                for attachment in task.attachments:
                    if attachment.network_id in self._networks:
                        self._networks.take(attachment.network_id, attachment.address)
                self._needs.add(task)

    def _serve_all(self, tx: Batch) -> None:
        """Serve what was not served by the leader before; source: doNetworkInit, second half."""
        store = self._store
        for network in sorted(store.networks.values(), key=_ingress_first):
            self._try_network(tx, network.id)
        for node_id in store.nodes:
            self._fit_node(tx, node_id)
        for service_id in store.services:
            self._try_service(tx, service_id)
        self._new_tasks = {t.id: None for t in store.tasks.values() if t.status.state is _NEW}
        self._serve_tasks(tx, self._new_tasks)
        self._waiting_tasks, self._new_tasks = self._new_tasks, {}

    # -- events

    def on_commit(self, committed: Committed) -> None:
        """React to one commit; what is written in return is one batch. O(changes)."""
        with self._store.batch() as tx:
            for old, new in committed.decided:
                it: Any = old if new is None else new
                kind = it.kind
                if kind == "task":
                    self._on_task(tx, it, gone=new is None)
                elif kind == "node":
                    self._on_node(tx, it, gone=new is None)
                elif kind == "service":
                    self._on_service(tx, it, gone=new is None)
                elif kind == "network":
                    self._on_network(tx, it.id, gone=new is None)
            if self._new_tasks:
                self._serve_tasks(tx, self._new_tasks)
            if self._freed or self._retry_is_due():
                self._retry(tx)
            self._waiting_tasks.update(self._new_tasks)
            self._new_tasks = {}  # also when emptied: a dict keeps the room it once needed

    def _retry_is_due(self) -> bool:
        waiting = self._waiting_networks or self._waiting_services or self._waiting_tasks
        due_ns = self._last_retry_ns + self._profile.allocator_retry_ns
        return bool(waiting) and self._clock.now_ns > due_ns

    def _retry(self, tx: Batch) -> None:
        """Try everything that waits once more; source: network.go doNetworkAlloc, case EventCommit."""
        self._freed = False
        self._last_retry_ns = self._clock.now_ns
        for network_id in tuple(self._waiting_networks):
            self._try_network(tx, network_id)
        for service_id in tuple(self._waiting_services):
            self._try_service(tx, service_id)
        if self._waiting_tasks:
            self._serve_tasks(tx, self._waiting_tasks)

    # -- networks

    def _on_network(self, tx: Transaction, network_id: str, *, gone: bool) -> None:
        if not gone:
            self._try_network(tx, network_id)
            return
        self._waiting_networks.pop(network_id, None)
        if network_id == self._ingress:
            self._ingress = ""
        for node in self._store.nodes.values():
            if node.attachment(network_id) is not None:
                self._fit_node(tx, node.id, without=network_id)
        if self._networks.release_network(network_id):
            self._freed = True

    def _try_network(self, tx: Transaction, network_id: str) -> None:
        network = tx.get(Network, network_id)
        if network is None or network_id in self._networks or network.spec.driver != _OVERLAY:
            return
        try:
            ipam, vxlan_ids = self._networks.allocate(network)
        except IpamError as error:
            self._fail(
                self._waiting_networks,
                network_id,
                f"failed allocating pools and gateway IP for network {network_id}: {error}",
            )
            return
        self._waiting_networks.pop(network_id, None)
        tx.update(network, ipam=ipam, vxlan_ids=vxlan_ids)
        if network.spec.ingress:
            self._ingress = network_id
            for node_id in self._store.nodes:
                self._fit_node(tx, node_id)

    # -- services

    def _on_service(self, tx: Transaction, service: Service, *, gone: bool) -> None:
        if not gone:
            self._try_service(tx, service.id)
            return
        self._waiting_services.pop(service.id, None)
        self._endpoints.release(service)
        self._freed = True

    def _try_service(self, tx: Transaction, service_id: str) -> None:
        service = tx.get(Service, service_id)
        if service is None:
            return
        overlays = self._overlays(tx, service)
        if self._endpoints.is_allocated(service, overlays):
            if host_ports_differ(service):
                old = service.endpoint or Endpoint()
                tx.update(
                    service,
                    endpoint=Endpoint(service.spec.endpoint, with_host_ports(service), old.virtual_ips),
                )
            return
        try:
            endpoint = self._endpoints.allocate(service, overlays, self._ingress)
        except IpamError as error:
            self._fail(
                self._waiting_services,
                service_id,
                f"failed to allocate network resources for service {service_id}: {error}",
            )
            return
        self._waiting_services.pop(service_id, None)
        tx.update(service, endpoint=endpoint)
        if service.endpoint is not None:
            self._freed = True

    @staticmethod
    def _overlays(tx: Transaction, service: Service) -> list[str]:
        """Ids of the networks the service's tasks are on, those the nodes manage alone left out."""
        ids = dict.fromkeys(config.target for config in service.spec.task.networks)
        return [i for i in ids if (network := tx.get(Network, i)) is None or network.spec.driver == _OVERLAY]

    # -- nodes

    def _on_node(self, tx: Transaction, node: Node, *, gone: bool) -> None:
        if not gone:
            self._fit_node(tx, node.id)
            return
        for attachment in node.attachments:
            self._networks.release(attachment.network_id, attachment.address)
            self._freed = True

    def _fit_node(self, tx: Transaction, node_id: str, *, without: str = "") -> None:
        """Make the node's load-balancer addresses fit its tasks' networks, and ingress.

        Source: swarmkit manager/allocator/network.go reallocateNode, getNodeNetworks, allocateNode.
        """
        node = tx.get(Node, node_id)
        if node is None:
            return
        needed = dict.fromkeys(self._needs.of(node_id))
        if self._ingress in self._networks:
            needed[self._ingress] = None
        needed.pop(without, None)
        self._short.pop(node_id, None)
        kept: list[Attachment] = []
        for attachment in node.attachments:
            if attachment.network_id in needed:
                del needed[attachment.network_id]
                kept.append(attachment)
            else:
                self._networks.release(attachment.network_id, attachment.address)
                self._freed = True
        for network_id in needed:
            if network_id not in self._networks:
                self._short[node_id] = None
                continue
            try:
                kept.append(Attachment(network_id, self._networks.take(network_id)))
            except IpamError:
                self._short[node_id] = None
                self._note(f"failed to allocate network resources for node {node_id}: {_NO_IP}")
        if len(kept) != len(node.attachments) or kept != list(node.attachments):
            tx.update(node, attachments=tuple(kept))

    # -- tasks

    def _on_task(self, tx: Transaction, task: Task, *, gone: bool) -> None:
        """Source: swarmkit manager/allocator/network.go doTaskAlloc."""
        state, task_id = task.status.state, task.id
        node_id = self._needs.node_of(task_id)
        if gone or state > _RUNNING:
            self._new_tasks.pop(task_id, None)
            self._waiting_tasks.pop(task_id, None)
            if node_id is not None:
                self._release_task(tx, task)
        elif node_id is None:
            if state is _NEW and task_id not in self._waiting_tasks:
                self._new_tasks[task_id] = None
        elif task.node_id and not node_id and (self._needs.add(task) or task.node_id in self._short):
            self._fit_node(tx, task.node_id)

    def _release_task(self, tx: Transaction, task: Task) -> None:
        node_id = self._needs.drop(task)
        for attachment in task.attachments:
            self._networks.release(attachment.network_id, attachment.address)
            self._freed = True
        if node_id:
            self._fit_node(tx, node_id)

    def _serve_tasks(self, tx: Batch, waiting: dict[str, None]) -> None:
        """Give addresses to all these tasks, in the order of the map they stand in; takes the served out.

        Source: swarmkit manager/allocator/network.go procTasksNetwork, allocateTask.
        """
        nodes: dict[str, None] = {}
        #: service -> its tasks' spec and networks: looked up once for a batch of equal tasks
        places: dict[str, tuple[TaskSpec, tuple[Attachment, ...]]] = {}
        status = TaskStatus(TaskState.PENDING, PENDING_MESSAGE, "", self._clock.now_ns)
        for task_id in map_order(waiting, self._rng):
            tx.step()
            task = tx.get(Task, task_id)
            if task is None or task.status.state is not _NEW:
                del waiting[task_id]
                continue
            service_id, spec = task.shared.service_id, task.shared.spec
            service = tx.get(Service, service_id) if service_id else None
            if service_id and service is None:
                del waiting[task_id]
                continue
            known = places.get(service_id)
            if known is None or known[0] is not spec:
                known = places[service_id] = (spec, tuple(self._places(tx, task, service)))
            try:
                attachments = self._attach(task, task.attachments or known[1])
            except IpamError as error:
                if waiting is self._new_tasks:
                    self._note(str(error))
                continue
            del waiting[task_id]
            endpoint = service.endpoint if service is not None else None
            task = tx.update(task, attachments=attachments, endpoint=endpoint, status=status)
            self._needs.add(task)
            if task.node_id:
                nodes[task.node_id] = None
        # A task made for a node (global service, plain container) shows its need once it has its address.
        for node_id in nodes:
            self._fit_node(tx, node_id)

    def _attach(self, task: Task, places: Iterable[Attachment]) -> tuple[Attachment, ...]:
        """Take an address on each network of the task: all or nothing."""
        if task.shared.service_id in self._waiting_services:
            raise IpamError(
                f"service {task.service_id} to which task {task.id} belongs has pending allocations"
            )
        taken: list[Attachment] = []
        try:
            for place in places:
                # One by one: what was taken so far goes back when the next cannot be.
                taken.append(Attachment(place.network_id, self._take(task, place), place.aliases))  # noqa: PERF401
        except IpamError:
            for attachment in taken:
                self._networks.release(attachment.network_id, attachment.address)
            raise
        return tuple(taken)

    def _take(self, task: Task, place: Attachment) -> str:
        if place.network_id not in self._networks:
            raise IpamError(f"network {place.network_id} attached to task {task.id} not allocated yet")
        try:
            return self._networks.take(place.network_id, place.address)
        except IpamError as error:
            # Source: moby cnmallocator/networkallocator.go allocateNetworkIPs
            why = f"could not allocate IP from IPAM: {error}" if isinstance(error, AddressInUse) else _NO_IP
            text = f"failed to allocate network IP for task {task.id} network {place.network_id}: {why}"
            raise IpamError(text) from error

    def _places(self, tx: Transaction, task: Task, service: Service | None) -> Iterable[Attachment]:
        """The networks the task shall be on, without addresses: ingress first, then as its spec says.

        Source: swarmkit manager/allocator/network.go taskCreateNetworkAttachments.
        """
        if service is not None and self._ingress and needs_ingress(service):
            yield Attachment(self._ingress, "")
        for config in task.spec.networks:
            network = tx.get(Network, config.target)
            if network is not None and network.spec.driver == _OVERLAY:
                yield Attachment(network.id, "", config.aliases)

    # -- the manager's log

    def _fail(self, waiting: dict[str, None], identifier: str, text: str) -> None:
        """Let it wait; said in the manager's log the first time only."""
        if identifier not in waiting:
            waiting[identifier] = None
            self._note(text)

    def _note(self, text: str) -> None:
        payload: Mapping[str, str] = {"swarm": self._store.label, "loop": "allocator", "text": text}
        self._store.log.append(self._clock.now_ns, "manager-log", payload)

    def check(self) -> None:
        """Assert that the reservations are those of the store."""
        if not self.running:
            return
        self._ports.check()
        self._needs.check(self._store.tasks)
        held: dict[str, list[str]] = {}
        for place in self._held():
            held.setdefault(place.network_id, []).append(place.address)
        self._networks.check(held)

    def _held(self) -> Iterator[Attachment | VirtualIP]:
        """What holds an address, by the store: nodes, services, served tasks."""
        store = self._store
        for node in store.nodes.values():
            yield from node.attachments
        for service in store.services.values():
            if service.endpoint is not None:
                yield from service.endpoint.virtual_ips
        for task_id, _ in self._needs:
            yield from store.tasks[task_id].attachments


_NO_IP = "could not find an available IP"


def _ingress_first(network: Network) -> bool:
    return not network.spec.ingress

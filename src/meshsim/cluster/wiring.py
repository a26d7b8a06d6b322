"""Room cluster: the containers of one machine on their networks.

Comes in: containers with their places on networks, networks of the swarm and of the machine. Goes out:
addresses, namespaces in the data plane, bindings in the gossip journal. Rules of this file: it starts and
ends no program; a network of the swarm is here as long as a container is on it.

Source: moby daemon/container_operations.go, daemon/cluster/executor/container/adapter.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import evolve

from meshsim.cluster.container import NO_WISHES, Container
from meshsim.cluster.happenings import Happenings
from meshsim.cluster.locals import LocalNetworks
from meshsim.dataplane import Binding, DataPlane, HostPort, Journal, NamespaceFacts
from meshsim.errors import Forbidden
from meshsim.model.frozen import FrozenDict, interned
from meshsim.model.objects import Attachment, Endpoint, Network, Node, Task
from meshsim.model.specs import PortConfig
from meshsim.model.states import PublishMode
from meshsim.sim import Own
from meshsim.views.shapes import LocalNetworkFacts

__all__ = ["Wiring"]

#: Source: linux net.ipv4.ip_local_port_range; moby daemon/libnetwork/portallocator
FIRST_EPHEMERAL = 32768

#: a service's endpoint, a network, and of both the virtual address and the ports as bindings tell them
_Served: TypeAlias = tuple[Endpoint | None, str, str, tuple[tuple[str, int, int], ...]]


class Wiring:
    """The containers of one machine on their networks.

    Args:
        host: the machine's name.
        plane, journal: its data plane, and where it tells the others.
        local: the networks it alone has.
        containers: of its engine, by id; only read.
        tells: whom to tell what happens.
    """

    __slots__ = (
        "_containers",
        "_host",
        "_journal",
        "_local",
        "_names",
        "_plane",
        "_served",
        "_tells",
        "_told",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    _host: str
    _served: _Served
    # Held by nobody else: forks copy them without remembering that they did.
    _told: Own[dict[str, Network]]
    _names: Own[dict[tuple[str, ...], FrozenDict[str, str]]]

    def __init__(
        self,
        host: str,
        plane: DataPlane,
        journal: Journal,
        local: LocalNetworks,
        containers: Mapping[str, Container],
        tells: Happenings,
    ) -> None:
        self._host = host
        self._plane = plane
        self._journal = journal
        self._local = local
        self._containers = containers
        self._tells = tells
        #: the swarm networks that tasks here were prepared for, by id
        self._told = {}
        #: ids of networks -> their names by id, as the containers of tasks share them
        self._names = {}
        #: what was served last: kept for the service's next task
        self._served = (None, "", "", ())
        plane.tenants = self

    def __repr__(self) -> str:
        return f"<Wiring of {self._host}: {len(self._told)} swarm networks known>"

    # -- swarm networks

    def materialise(
        self, attachments: Sequence[Attachment], networks: Mapping[str, Network], node: Node | None
    ) -> bool:
        """Make a task's networks here, those told now or known from before.

        Returns:
            False when this node has no balancer address on one of them.
        """
        if networks:
            for attachment in attachments:
                self._told[attachment.network_id] = networks[attachment.network_id]
        for attachment in attachments:
            place = node.attachment(attachment.network_id) if node else None
            if place is None:
                return False
            if attachment.network_id not in self._plane.sandboxes:
                self._join(self._told[attachment.network_id], place.ip)
        return True

    def names(self, attachments: Sequence[Attachment]) -> FrozenDict[str, str]:
        """The names of a task's networks, by id."""
        ids = tuple([attachment.network_id for attachment in attachments])
        names = self._names.get(ids)
        if names is None:
            names = self._names[ids] = interned(FrozenDict({i: self._told[i].name for i in ids}))
        return names

    def publish(self, task: Task, container: Container) -> None:
        """Tell the gossip of a task: one binding per network."""
        for attachment in self._in_turn(task.attachments):
            self._tell(task, container, attachment)

    def unpublish(self, task: Task, container: Container) -> None:
        """Tell the gossip that a task takes nothing new."""
        for attachment in self._in_turn(task.attachments):
            self._tell(task, container, attachment, disabled=True)

    def _in_turn(self, attachments: Sequence[Attachment]) -> Sequence[Attachment]:
        return sorted(attachments, key=self._turn) if len(attachments) > 1 else attachments

    def _turn(self, attachment: Attachment) -> tuple[bool, str]:
        """In which order the engine goes through a task's networks: by name, internal ones last.

        Source: moby daemon/libnetwork/endpoint.go Less; recorded: eg1 before ingress, each time.
        """
        network = self._told[attachment.network_id]
        return network.spec.internal, network.name

    def _join(self, network: Network, lb_address: str) -> None:
        if network.id not in self._plane.sandboxes:
            self._tells.network("create", network.id, network.name)
        self._plane.materialise(network, lb_address)

    def _tell(
        self, task: Task, container: Container, attachment: Attachment, *, disabled: bool = False
    ) -> None:
        """Tell the gossip where a task is on one network, by the fields of a :class:`Binding`."""
        endpoint, network_id, vip, ports = self._served
        if task.endpoint is not endpoint or attachment.network_id != network_id:
            _, _, vip, ports = self._serve(task.endpoint, attachment.network_id)
        self._journal.tell(
            task.id,
            attachment.network_id,
            self._host,
            attachment.ip,
            container.name,
            container.short_id,
            container.hostname,
            (),
            task.service_id,
            task.shared.service_name,
            attachment.aliases,
            vip,
            ports,
            disabled,
        )

    def _serve(self, endpoint: Endpoint | None, network_id: str) -> _Served:
        """Look up a service's virtual address on a network, and its ports if that is the ingress network."""
        vip = endpoint.vip(network_id) if endpoint else None
        ingress = self._plane.ingress
        ports = endpoint.ports if endpoint and ingress and ingress.network_id == network_id else ()
        told = tuple(
            [(p.protocol.value, p.published, p.target) for p in ports if p.mode is PublishMode.INGRESS]
        )
        self._served = (endpoint, network_id, interned(vip.ip) if vip else "", interned(told))
        return self._served

    # -- plain containers

    def connect(
        self, container: Container, task: Task, network: Network, lb_address: str, aliases: Sequence[str] = ()
    ) -> None:
        """Put a plain container on a swarm network, at the address of its attachment task."""
        self._plane.lead_out()  # it may not have been looked at since it began, on fewer networks
        self._join(network, lb_address)
        container.network_names = container.network_names.plus(network.id, network.name)
        container.attachment_tasks = container.attachment_tasks.plus(network.id, task.id)
        container.aliases = container.aliases.plus(network.id, tuple(aliases))
        container.attachments = (*container.attachments, *task.attachments)
        if container.running:
            for attachment in task.attachments:
                self._plane.plug(container.endpoint_id, attachment)
                self._announce(container, attachment)
            self._tells.connection("connect", container, network.id)

    def join_local(
        self, container: Container, network: LocalNetworkFacts, aliases: Sequence[str] = (), wanted: str = ""
    ) -> None:
        """Put a container on a network of this machine.

        Args:
            container: running or not.
            network: its record.
            aliases: further names there.
            wanted: the address asked for; empty for the lowest free one.

        Raises:
            Forbidden: there is no such address to give.
        """
        self._plane.lead_out()  # as above
        container.aliases = container.aliases.plus(network.id, tuple(aliases))
        container.local_networks = (*container.local_networks, network)
        if wanted:
            container.wanted = container.wanted.plus(network.id, wanted)
        if container.running:
            try:
                self.lease(container)
            except Forbidden:
                self._forget(container, network.id)
                raise
            place = container.local_attachments[-1]
            self._plane.plug(container.endpoint_id, place, container.aliases[network.id])
            self._tells.connection("connect", container, network.id)

    def disconnect(self, container: Container, network_id: str) -> None:
        """Take a container off a network."""
        if container.running:
            self._tells.connection("disconnect", container, network_id)
        self._journal.withdraw(network_id, container.endpoint_id)
        self._plane.unplug(container.endpoint_id, network_id)
        self.give_back(container, network_id)
        self._forget(container, network_id)
        self._release_unused([network_id])

    @staticmethod
    def _forget(container: Container, network_id: str) -> None:
        """A container remembers nothing of a network it was taken off, or could not be put on."""
        container.attachments = tuple(a for a in container.attachments if a.network_id != network_id)
        container.local_networks = tuple(n for n in container.local_networks if n.id != network_id)
        container.aliases = container.aliases.minus(network_id)
        container.wanted = container.wanted.minus(network_id)

    def announce(self, container: Container) -> None:
        """Tell the gossip of a plain container on all its swarm networks."""
        for attachment in container.attachments:
            self._announce(container, attachment)

    def _announce(self, container: Container, attachment: Attachment) -> None:
        """Tell the gossip of a plain container on a swarm network."""
        aliases = container.aliases.get(attachment.network_id, ())
        self._journal.send(
            Binding(
                container.endpoint_id,
                attachment.network_id,
                self._host,
                attachment.ip,
                container.name,
                container.short_id,
                container.hostname,
                aliases,
            )
        )

    def lease(self, container: Container) -> None:
        """Give the container an address on each local network where it has none."""
        if not container.local_networks:
            return
        held = {place.network_id for place in container.local_attachments}
        for network in container.local_networks:
            if network.subnet and network.id not in held:
                address = self._local.lease(network.id, container.wanted.get(network.id, ""))
                container.local_attachments = (*container.local_attachments, Attachment(network.id, address))

    def give_back(self, container: Container, network_id: str = "") -> None:
        """Free its address on one local network, or on all."""
        for place in container.local_attachments:
            if network_id in ("", place.network_id):
                self._local.give_back(place.network_id, place.ip)
        container.local_attachments = tuple(
            place for place in container.local_attachments if network_id and place.network_id != network_id
        )

    def plug_in(self, container: Container, ports: Sequence[PortConfig] = ()) -> tuple[PortConfig, ...]:
        """Give a container that begins its network namespace, with all addresses.

        Returns:
            The machine's ports as opened for it.
        """
        self.lease(container)
        container.published = opened = tuple([self._open(port) for port in ports]) if ports else ()
        if opened or container.local_networks:
            self._plane.add_namespace(self.facts(container.id), container.aliases)
        else:
            self._plane.expect(container.id)
        return opened

    def facts(self, container_id: str) -> NamespaceFacts:
        """What the data plane has to know of a container (see :class:`~meshsim.dataplane.Tenants`)."""
        container, plane = self._containers[container_id], self._plane
        wishes = container.names
        return NamespaceFacts(
            container.endpoint_id,
            container.name,
            container.id,
            container.attachments + container.local_attachments,
            tuple([HostPort(p.protocol.value, p.published, p.target) for p in container.published]),
            wishes.search,
            wishes.conf(plane.servers, plane.profile.resolv_conf) if wishes is not NO_WISHES else None,
        )

    def _open(self, port: PortConfig) -> PortConfig:
        return port if port.published else evolve(port, published=self._free_port(port))

    def _free_port(self, port: PortConfig) -> int:
        """The port the machine chooses when none was asked for: the lowest free ephemeral one."""
        taken = self._plane.host_ports
        published = FIRST_EPHEMERAL
        while (port.protocol.value, published) in taken:
            published += 1
        return published

    def unplug(self, container: Container) -> None:
        """Take a container that has ended out of names, balancers and namespaces."""
        attachments = container.attachments
        for attachment in self._in_turn(attachments) if container.service_id else attachments:
            self._journal.withdraw(attachment.network_id, container.endpoint_id)
        self._plane.remove_namespace(container.endpoint_id)
        self.give_back(container)
        self._release_unused([attachment.network_id for attachment in attachments])

    def _release_unused(self, network_ids: Sequence[str]) -> None:
        """Take no part in these networks any more, if no container here is on them."""
        used = {a.network_id for c in self._containers.values() if c.state != "exited" for a in c.attachments}
        ingress = self._plane.ingress
        for network_id in network_ids:
            # The ingress sandbox stays on every node, tasks or none: all of them answer on published ports.
            own = ingress is not None and network_id == ingress.network_id
            if network_id not in used and not own:
                sandbox = self._plane.sandboxes.get(network_id)
                if sandbox is not None:
                    self._tells.network("destroy", network_id, sandbox.network)
                self._plane.release(network_id)

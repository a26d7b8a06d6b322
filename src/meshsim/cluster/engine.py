"""Room cluster: the engine of one machine, what dockerd does there.

Comes in: tasks from the agent (it is the agent's runtime), ``docker run`` from the collections. Goes out:
containers, their bindings in the gossip journal, their namespaces in the data plane. Rules of this file:
it decides nothing about the swarm; it never steps time; the order of a container's life is create, start,
publish, unpublish, stop, finish, remove, for tasks and plain containers alike.

Source: moby daemon/cluster/executor/container (adapter.go, controller.go), daemon/create.go, daemon/start.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import evolve

from meshsim.agent import Agent, Outcome
from meshsim.cluster.container import Container
from meshsim.cluster.facts import container_facts
from meshsim.cluster.happenings import Happenings
from meshsim.cluster.health import Monitor, is_gated
from meshsim.cluster.images import Image, Images, Reply, with_tag
from meshsim.cluster.locals import LocalNetworks
from meshsim.cluster.names import random_name
from meshsim.cluster.programs import ProgramResult
from meshsim.dataplane import Binding, DataPlane, HostPort, Journal
from meshsim.errors import Conflict, EngineDown, Forbidden, InvalidArgument, NotFound
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Attachment, ContainerStatus, Network, Node, Task
from meshsim.model.placeholders import expand_container
from meshsim.model.specs import PortConfig
from meshsim.model.states import PublishMode
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams, container_id, short
from meshsim.views.events import Plug
from meshsim.views.shapes import ContainerFacts, LocalNetworkFacts

__all__ = ["Engine", "Surroundings"]

#: Source: linux net.ipv4.ip_local_port_range; moby daemon/libnetwork/portallocator
FIRST_EPHEMERAL = 32768
_LB_WAIT_NS = 30_000_000_000
_NO_ADDRESS = "node is missing network attachments, ip addresses may be exhausted"
#: exit codes of a program killed by SIGKILL, and of one found dead after a power cut
KILLED, LOST = 137, 255


class Surroundings(Protocol):
    """What an engine needs of the cluster around it."""

    @property
    def clock(self) -> Clock:
        """Virtual time."""

    @property
    def profile(self) -> Profile:
        """Constants and behaviours."""

    @property
    def streams(self) -> Streams:
        """Random streams."""

    @property
    def images(self) -> Images:
        """What images do."""

    @property
    def endpoints(self) -> dict[str, Container]:
        """Every container of the cluster, by what the data plane knows it."""

    def hex_id(self, what: str) -> str:
        """64 hexadecimal digits made of a text."""

    def run_program(self, container: Container, argv: Sequence[str]) -> ProgramResult:
        """What a program on a container's command line does."""

    def container_changed(self, host: str, container: Container, what: str, facts: Any = None) -> None:
        """A container was created, started, died ...: for whoever watches."""

    def network_changed(self, host: str, what: str, plug: Plug, container_id: str = "") -> None:
        """A machine made or lost a network, or a running container was connected to one."""

    def container_left(self, host: str, container: Container) -> None:
        """A plain container ended by itself: its attachments can be given back."""

    def call_container(self, caller: Container, target: str, payload: str) -> tuple[Reply, int]:
        """Let one container ask another over the mesh, at this instant."""

    def host(self, name: str) -> Any:
        """The machine of that name, with all its doors: what a program with the engine's socket has."""


class Engine:
    """The containers of one machine, and the runtime its agent drives.

    Attributes:
        containers: by id, in order of creation.
        networks: the machine's own networks (``bridge``, ``host``, ``none`` ...).
        agent: the swarm agent, while the machine is in a swarm.
        running: whether the engine itself runs.
    """

    def __init__(
        self, name: str, world: Surroundings, plane: DataPlane, journal: Journal, networks: LocalNetworks
    ) -> None:
        self.name = name
        self.containers: dict[str, Container] = {}
        self.networks = networks
        self.tells = Happenings(name, world)
        self.agent: Agent | None = None
        self.running = True
        self._world = world
        self._plane = plane
        self._journal = journal
        self._by_name: dict[str, str] = {}
        self._by_task: dict[str, Container] = {}
        #: the swarm networks that tasks here were prepared for, by id
        self._told: dict[str, Network] = {}
        #: images that are on this machine, as ``name:tag``
        self.pulled: dict[str, None] = {}
        #: names of networks by id, as the containers of tasks share them
        self._names: dict[FrozenDict[str, str], FrozenDict[str, str]] = {}
        self._monitors: dict[str, Monitor] = {}
        self._pid = 1000

    def __repr__(self) -> str:
        running = sum(c.running for c in self.containers.values())
        return f"<Engine {self.name}: {running} of {len(self.containers)} containers running>"

    def check_running(self) -> None:
        """Raise :class:`EngineDown` when nobody answers on the engine's socket."""
        if not self.running:
            raise EngineDown(self.name)

    # -- look-ups

    def call_from(self, container: Container, target: str, payload: str) -> tuple[Reply, int]:
        """Let a container ask another (see :class:`~meshsim.cluster.container.Caller`)."""
        return self._world.call_container(container, target, payload)

    def of_task(self, task_id: str) -> Container | None:
        """The container of a task, or None. O(1)."""
        return self._by_task.get(task_id)

    def find(self, text: str) -> Container:
        """The container of that name, id, or beginning of an id.

        Raises:
            NotFound: there is none. Source: moby daemon/container.go GetContainer.
        """
        container = self.containers.get(text) or self.containers.get(self._by_name.get(text.lstrip("/"), ""))
        if container is None:
            hits = [c for c in self.containers.values() if c.id.startswith(text)] if text else []
            if len(hits) != 1:
                raise NotFound(f"No such container: {text}")
            container = hits[0]
        return container

    # -- runtime of the agent: tasks

    def prepare(self, task: Task, networks: Mapping[str, Network]) -> Outcome:
        """Create the task's container and materialise its networks on this machine."""
        profile = self._world.profile
        node = self._node
        try:
            spec = expand_container(task.spec.container, task, node.description if node else None)
        except InvalidArgument as error:
            return Outcome(profile.prepare_ns, error.description)
        behaviour = self._world.images.find(spec.image)
        if behaviour is None:
            return Outcome(profile.prepare_ns, f"No such image: {with_tag(spec.image)}")
        if not self._materialise(task.attachments, networks):
            return Outcome(_LB_WAIT_NS, _NO_ADDRESS)
        if task.id in self._by_task:  # created before the power was cut
            return Outcome(profile.prepare_ns)
        container = self._create(
            task.name,
            spec.image,
            behaviour,
            argv=_argv(behaviour, spec.command, spec.args),
            hostname=spec.hostname,
            env=dict(entry.partition("=")[::2] for entry in spec.env),
            labels=spec.labels,
            task=task,
        )
        container.attachments = task.attachments
        names = FrozenDict({a.network_id: networks[a.network_id].name for a in task.attachments})
        container.network_names = self._names.setdefault(names, names)
        self._told.update({a.network_id: networks[a.network_id] for a in task.attachments})
        if not task.attachments:  # then it is on the default bridge, as any container
            self.join_local(container, self.networks.bridge)
        container.explicit = bool(spec.command or spec.args)
        self._by_task[task.id] = container
        return Outcome(profile.prepare_ns + profile.pull_ns)

    def start(self, task: Task) -> Outcome:
        """Start the process; it is up after the profile's start time.

        Source: moby daemon/cluster/executor/container/controller.go Start: networks that are not there,
        as after a power cut, are made again.
        """
        container = self._by_task[task.id]
        if not self._materialise(task.attachments, self._told):
            return Outcome(_LB_WAIT_NS, f"starting container failed: {_NO_ADDRESS}")
        spec = task.spec.container
        endpoint_ports = task.endpoint.ports if task.endpoint else ()
        host_ports = tuple(port for port in endpoint_ports if port.mode is PublishMode.HOST)
        start_ns = self._world.profile.start_ns
        self._begin(container, start_ns)
        self._lease(container)
        opened = self._plug_in(container, host_ports)
        self._run_program(container)
        check = spec.healthcheck
        gated = is_gated(check)
        if gated and check is not None:
            self._monitors[container.id] = Monitor(self._world.clock, container, check, self)
        return Outcome(start_ns, gated=gated, ports=opened)

    def publish(self, task: Task) -> None:
        """Tell the gossip of the task: one binding per network."""
        container = self._by_task[task.id]
        for attachment in sorted(task.attachments, key=self._turn):
            self._journal.send(self._binding(task, container, attachment))

    def unpublish(self, task: Task) -> None:
        """Tell the gossip that the task takes nothing new: weight 0, its own names gone."""
        container = self._by_task[task.id]
        for attachment in sorted(task.attachments, key=self._turn):
            self._journal.send(self._binding(task, container, attachment).as_disabled())

    def stop(self, task: Task, grace_ns: int) -> int:
        """Send the stop signal; how long until the process will have ended."""
        return self.signal(self._by_task[task.id], grace_ns)

    def finish(self, task: Task) -> ContainerStatus:
        """The process has ended: withdraw its bindings, take its namespace away."""
        container = self._by_task[task.id]
        self._unplug(container)
        return ContainerStatus(container.id, 0, container.exit_code)

    def remove(self, task_id: str) -> None:
        """Remove the container of a task that the managers have forgotten."""
        container = self._by_task.get(task_id)
        if container is not None:
            self.discard(container)

    def status(self, task_id: str) -> ContainerStatus | None:
        """The task's container, or None."""
        container = self._by_task.get(task_id)
        return (
            None if container is None else ContainerStatus(container.id, container.pid, container.exit_code)
        )

    @property
    def _node(self) -> Node | None:
        return self.agent.node if self.agent else None

    def _materialise(self, attachments: Sequence[Attachment], networks: Mapping[str, Network]) -> bool:
        """Make the networks here; False when this node has no balancer address on one of them."""
        node = self._node
        for attachment in attachments:
            place = node.attachment(attachment.network_id) if node else None
            if place is None:
                return False
            self._join(networks[attachment.network_id], place.ip)
        return True

    def _turn(self, attachment: Attachment) -> tuple[bool, str]:
        """In which order the engine goes through a task's networks: by name, internal ones last.

        Source: moby daemon/libnetwork/endpoint.go Less; recorded: eg1 before ingress, each time.
        """
        network = self._told[attachment.network_id]
        return network.spec.internal, network.name

    def _join(self, network: Network, lb_address: str) -> None:
        if network.id not in self._plane.sandboxes:
            self.tells.network("create", network.id, network.name)
        self._plane.materialise(network, lb_address)

    def _binding(self, task: Task, container: Container, attachment: Attachment) -> Binding:
        vip = task.endpoint.vip(attachment.network_id) if task.endpoint else None
        ingress = self._plane.ingress
        return Binding(
            task.id,
            attachment.network_id,
            self.name,
            attachment.ip,
            container.name,
            (short(container.id), container.hostname),
            task.service_id,
            task.shared.service_name,
            attachment.aliases,
            vip.ip if vip else "",
            _ingress_ports(task) if ingress and ingress.network_id == attachment.network_id else (),
        )

    # -- plain containers

    def create(
        self,
        image: str,
        *,
        name: str = "",
        command: Sequence[str] = (),
        entrypoint: Sequence[str] = (),
        hostname: str = "",
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Container:
        """Create a container that belongs to no service.

        Raises:
            Conflict: the name is taken. Source: moby daemon/names.go reserveName.
            NotFound: the image does not exist (strict images only).
        """
        holder = self._by_name.get(name)
        if holder is not None:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        behaviour = self._world.images.find(image)
        if behaviour is None:
            raise NotFound(f"No such image: {with_tag(image)}")
        container = self._create(
            name or self._free_name(),
            image,
            behaviour,
            argv=_argv(behaviour, tuple(entrypoint), tuple(command)),
            hostname=hostname,
            env=env,
            labels=labels,
        )
        container.explicit = bool(command or entrypoint)
        return container

    def connect(
        self, container: Container, task: Task, network: Network, lb_address: str, aliases: Sequence[str] = ()
    ) -> None:
        """Put a plain container on a swarm network, at the address of its attachment task."""
        self._join(network, lb_address)
        container.network_names = container.network_names.plus(network.id, network.name)
        container.attachment_tasks = container.attachment_tasks.plus(network.id, task.id)
        container.aliases = container.aliases.plus(network.id, tuple(aliases))
        container.attachments = (*container.attachments, *task.attachments)
        if container.running:
            for attachment in task.attachments:
                self._plane.plug(container.endpoint_id, attachment)
                self._announce(container, attachment)
            self.tells.connection("connect", container, network.id)

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
        container.aliases = container.aliases.plus(network.id, tuple(aliases))
        container.local_networks = (*container.local_networks, network)
        if wanted:
            container.wanted = container.wanted.plus(network.id, wanted)
        if container.running:
            try:
                self._lease(container)
            except Forbidden:
                container.local_networks = container.local_networks[:-1]
                raise
            place = container.local_attachments[-1]
            self._plane.plug(container.endpoint_id, place, container.aliases[network.id])
            self.tells.connection("connect", container, network.id)

    def disconnect(self, container: Container, network_id: str) -> None:
        """Take a container off a network."""
        if container.running:
            self.tells.connection("disconnect", container, network_id)
        self._journal.withdraw(network_id, container.endpoint_id)
        self._plane.unplug(container.endpoint_id, network_id)
        self._give_back(container, network_id)
        container.attachments = tuple(a for a in container.attachments if a.network_id != network_id)
        container.local_networks = tuple(n for n in container.local_networks if n.id != network_id)
        container.aliases = container.aliases.minus(network_id)
        self._release_unused([network_id])

    def launch(self, container: Container, host_ports: Sequence[PortConfig] = ()) -> None:
        """Start a plain container now and make it known on its networks.

        Raises:
            Forbidden: a network of this machine has no address for it.
        """
        self._lease(container)
        self._begin(container, 0)
        self._plug_in(container, host_ports)
        for attachment in container.attachments:
            self._announce(container, attachment)
        self._run_program(container)

    def _announce(self, container: Container, attachment: Attachment) -> None:
        """Tell the gossip of a plain container on a swarm network."""
        aliases = container.aliases.get(attachment.network_id, ())
        self._journal.send(
            Binding(
                container.endpoint_id,
                attachment.network_id,
                self.name,
                attachment.ip,
                container.name,
                (short(container.id), container.hostname, *aliases),
            )
        )

    def _lease(self, container: Container) -> None:
        """Give the container an address on each local network where it has none."""
        held = {place.network_id for place in container.local_attachments}
        for network in container.local_networks:
            if network.subnet and network.id not in held:
                address = self.networks.lease(network.id, container.wanted.get(network.id, ""))
                container.local_attachments = (*container.local_attachments, Attachment(network.id, address))

    def _give_back(self, container: Container, network_id: str = "") -> None:
        """Free its address on one local network, or on all."""
        for place in container.local_attachments:
            if network_id in ("", place.network_id):
                self.networks.give_back(place.network_id, place.ip)
        container.local_attachments = tuple(
            place for place in container.local_attachments if network_id and place.network_id != network_id
        )

    def discard(self, container: Container) -> None:
        """Remove a container for good; it must not run."""
        del self.containers[container.id]
        if self._by_name.get(container.name) == container.id:
            del self._by_name[container.name]
        self._by_task.pop(container.task_id, None)
        self._world.endpoints.pop(container.endpoint_id, None)
        self.tells.happened(container, "destroy")

    # -- a program's life

    def signal(self, container: Container, grace_ns: int) -> int:
        """Send the stop signal: how long until the program ends, and with what it will.

        A server stops at once and exits 0, or as its handler's ``on_stop`` says. A shell or ``sleep``
        that runs as process 1 does not hear SIGTERM and is killed when the grace period is over.
        """
        opinion = getattr(container.handler, "on_stop", None)
        if opinion is not None:
            took_ns, exit_code = (int(part) for part in opinion(container))
        elif container.handler is None:
            took_ns, exit_code = grace_ns + 1, KILLED
        else:
            took_ns, exit_code = self._world.profile.stop_ns, 0
        if took_ns > grace_ns:
            took_ns, exit_code = grace_ns, KILLED
        container.exit_code = exit_code
        self.tells.stopping(container)
        return took_ns

    def program_ended(self, container: Container, exit_code: int, run: int) -> None:
        """The program ended by itself; ignored when it was started anew since (``run`` counts starts)."""
        if container.running and container.pid == run:
            self._ended(container, exit_code)
            if container.service_id:
                if self.agent is not None:
                    self.agent.exited(container.task_id, exit_code)
            else:
                self._unplug(container)
                self._world.container_left(self.name, container)

    def on_health(self, container: Container, healthy: bool) -> None:
        """A health check found something new (see :class:`~meshsim.cluster.health.Monitor`)."""
        self.tells.happened(container, f"health_status: {container.health}")
        if self.agent is not None and container.service_id:
            self.agent.health(container.task_id, healthy)

    def monitor(self, container: Container) -> Monitor | None:
        """The container's health monitor, while it has one."""
        return self._monitors.get(container.id)

    def leave_swarm(self) -> None:
        """Remove every container of the swarm's tasks; plain ones stay, off the swarm's networks."""
        for container in list(self.containers.values()):
            if container.service_id:
                self._unplug(container)
                self.discard(container)
            else:
                container.attachments = ()
                container.attachment_tasks = FrozenDict()
        self.agent = None

    def facts(self, container: Container) -> ContainerFacts:
        """What views show of a container."""
        return container_facts(container, self.endpoint_id)

    def endpoint_id(self, container: Container, network_id: str) -> str:
        """The 64 digits by which Docker calls a container's place on a network."""
        return self._world.hex_id(f"{container.endpoint_id}/{network_id}")

    def halt(self) -> None:
        """The engine ends, its tasks gone by now: what still runs is stopped, the gossip left. O(containers).

        Source: moby daemon/daemon.go Shutdown, DaemonLeavesCluster.
        """
        for container in list(self.containers.values()):
            if container.running:
                self.signal(container, self._world.profile.stop_grace_ns)
                self._unplug(container)
                self._world.container_left(self.name, container)
        self._journal.leave(self.name)
        self._plane.reset()

    def power_cut(self) -> None:
        """Every program is gone; the containers are found dead when the machine is back."""
        for container in self.containers.values():
            if container.running:
                self._ended(container, LOST)
                self._give_back(container)
                container.attachments = () if not container.service_id else container.attachments
        self._plane.reset()

    # -- parts

    def _create(
        self,
        name: str,
        image: str,
        behaviour: Image,
        *,
        argv: tuple[str, ...],
        hostname: str,
        env: Mapping[str, str] | None,
        labels: Mapping[str, str] | None,
        task: Task | None = None,
    ) -> Container:
        world = self._world
        container = Container(
            self,
            container_id(world.streams["containers"]),
            name,
            image,
            behaviour,
            argv=argv,
            hostname=hostname,
            env=env,
            labels=labels,
            task=task,
            created_ns=world.clock.now_ns,
        )
        self.containers[container.id] = container
        world.endpoints[container.endpoint_id] = container
        self._by_name[name] = container.id
        self.pulled[with_tag(image)] = None
        self.tells.created(container)
        return container

    def _begin(self, container: Container, delay_ns: int) -> None:
        """The process exists from now on; it is up after the delay."""
        world = self._world
        self._pid += 1
        container.pid = self._pid
        container.state = "running"
        container.exit_code = 0
        container.started_ns = world.clock.now_ns + delay_ns
        behaviour = container.behaviour
        if behaviour.handler is not None:
            container.handler = behaviour.handler()
        self.tells.started(container)

    def _run_program(self, container: Container) -> None:
        """Run the program on the command line, which may end by itself; a server needs none."""
        world, behaviour = self._world, container.behaviour
        if behaviour.handler is not None and not container.explicit:
            container.wake_at(container.started_ns, world.clock, world.host(self.name))
            return
        result = world.run_program(container, container.argv)
        container.write(container.started_ns, "stdout", result.stdout)
        container.write(container.started_ns, "stderr", result.stderr)
        if result.duration_ns is not None:
            world.clock.call_at(
                # At least a moment later than it was up, so that it has been up.
                container.started_ns + max(result.duration_ns, 1),
                self.program_ended,
                container,
                result.exit_code,
                container.pid,
                background=True,
                name="program ends",
            )

    def _ended(self, container: Container, exit_code: int) -> None:
        container.state = "exited"
        container.exit_code = exit_code
        container.finished_ns = self._world.clock.now_ns
        container.handler = None
        self.tells.lost(container) if exit_code == LOST else self.tells.ended(container)

    def _plug_in(self, container: Container, ports: Sequence[PortConfig] = ()) -> tuple[PortConfig, ...]:
        """Give the container its network namespace; returns the machine's ports as opened for it."""
        opened = tuple(
            port if port.published else evolve(port, published=self._free_port(port)) for port in ports
        )
        self._plane.add_namespace(
            container.endpoint_id,
            name=container.name,
            container_id=container.id,
            attachments=(*container.attachments, *container.local_attachments),
            aliases=container.aliases,
            host_ports=[HostPort(port.protocol.value, port.published, port.target) for port in opened],
        )
        container.published = opened
        return opened

    def _free_port(self, port: PortConfig) -> int:
        """The port the machine chooses when none was asked for: the lowest free ephemeral one."""
        taken = self._plane.host_ports
        published = FIRST_EPHEMERAL
        while (port.protocol.value, published) in taken:
            published += 1
        return published

    def _unplug(self, container: Container) -> None:
        """Take the container out of names, balancers and namespaces; free networks nobody uses here."""
        if container.running:
            self._ended(container, container.exit_code)
        monitor = self._monitors.pop(container.id, None)
        if monitor is not None:
            monitor.stop()
        told = (
            sorted(container.attachments, key=self._turn) if container.service_id else container.attachments
        )
        for attachment in told:
            self._journal.withdraw(attachment.network_id, container.endpoint_id)
        self._plane.remove_namespace(container.endpoint_id)
        self._give_back(container)
        self._release_unused([attachment.network_id for attachment in container.attachments])

    def _release_unused(self, network_ids: Sequence[str]) -> None:
        """Take no part in these networks any more, if no container here is on them."""
        used = {a.network_id for c in self.containers.values() if c.state != "exited" for a in c.attachments}
        ingress = self._plane.ingress
        for network_id in network_ids:
            # The ingress sandbox stays on every node, tasks or none: all of them answer on published ports.
            own = ingress is not None and network_id == ingress.network_id
            if network_id not in used and not own:
                sandbox = self._plane.sandboxes.get(network_id)
                if sandbox is not None:
                    self.tells.network("destroy", network_id, sandbox.network)
                self._plane.release(network_id)

    def _free_name(self) -> str:
        rng = self._world.streams["names"]
        name = random_name(rng)
        while name in self._by_name:
            name = random_name(rng)
        return name


def _argv(behaviour: Image, entrypoint: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    """What runs: given words replace the image's. Source: moby daemon/commit.go merge of image config."""
    head = tuple(entrypoint) or behaviour.entrypoint
    tail = tuple(command) or (() if entrypoint else behaviour.command)
    return head + tail


def _ingress_ports(task: Task) -> tuple[tuple[str, int, int], ...]:
    ports = task.endpoint.ports if task.endpoint else ()
    return tuple(
        (port.protocol.value, port.published, port.target)
        for port in ports
        if port.mode is PublishMode.INGRESS
    )

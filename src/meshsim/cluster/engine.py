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

from meshsim.agent import Agent, Outcome, success
from meshsim.cluster.container import Container, NameWishes
from meshsim.cluster.facts import container_facts
from meshsim.cluster.happenings import Happenings, Told
from meshsim.cluster.health import Monitor, is_gated
from meshsim.cluster.images import Image, Images, Reply, with_tag
from meshsim.cluster.locals import LocalNetworks
from meshsim.cluster.names import random_name
from meshsim.cluster.programs import ProgramResult
from meshsim.cluster.wiring import Wiring
from meshsim.dataplane import DataPlane, Journal
from meshsim.errors import Conflict, EngineDown, InvalidArgument, NotFound
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Network, Node, Task
from meshsim.model.placeholders import expand_container
from meshsim.model.specs import PortConfig
from meshsim.model.states import PublishMode
from meshsim.profile import Profile
from meshsim.sim import Own, Streams, container_id
from meshsim.views.shapes import ContainerFacts

__all__ = ["Engine", "Surroundings"]

_LB_WAIT_NS = 30_000_000_000
_HOST = PublishMode.HOST
_NO_ADDRESS = "node is missing network attachments, ip addresses may be exhausted"
#: exit codes of a program killed by SIGKILL, and of one found dead after a power cut
KILLED, LOST = 137, 255


class Surroundings(Told, Protocol):
    """What an engine needs of the cluster around it."""

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
        agent: the swarm agent, while the machine is in a swarm.
        wiring: its containers on networks.
        running: whether the engine itself runs.
        address_pools: pools and subnet size given to the last ``swarm init``: they stay with the running
            engine. Recorded on a real 26.1.5.
    """

    __slots__ = (
        "_by_name",
        "_journal",
        "_monitors",
        "_networks",
        "_pid",
        "_plane",
        "_world",
        "address_pools",
        "agent",
        "containers",
        "name",
        "pulled",
        "running",
        "tells",
        "wiring",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    name: str
    running: bool
    _pid: int
    address_pools: tuple[tuple[str, ...], int] | None
    # Held by nobody else: forks copy them without remembering that they did.
    _by_name: Own[dict[str, str]]
    pulled: Own[dict[str, None]]
    _monitors: Own[dict[str, Monitor]]

    def __init__(
        self, name: str, world: Surroundings, plane: DataPlane, journal: Journal, networks: LocalNetworks
    ) -> None:
        self.name = name
        self.containers: dict[str, Container] = {}
        self._networks = networks
        self.tells = Happenings(name, world)
        self.wiring = Wiring(name, plane, journal, networks, self.containers, self.tells)
        self.agent: Agent | None = None
        self.running = True
        self.address_pools = None
        self._world = world
        self._plane = plane
        self._journal = journal
        self._by_name = {}
        #: images that are on this machine, as ``name:tag``
        self.pulled = {}
        self._monitors = {}
        self._pid = 1000

    def __repr__(self) -> str:
        running = sum(c.running for c in self.containers.values())
        return f"<Engine {self.name}: {running} of {len(self.containers)} containers running>"

    def check_running(self) -> None:
        """Raise :class:`EngineDown` when nobody answers on the engine's socket."""
        if not self.running:
            raise EngineDown(self.name)

    # -- look-ups

    @property
    def networks(self) -> LocalNetworks:
        """The machine's own networks (``bridge``, ``host``, ``none`` ...)."""
        self._plane.lead_out()  # docker_gwbridge is among them as soon as a container needs it
        return self._networks

    def call_from(self, container: Container, target: str, payload: str) -> tuple[Reply, int]:
        """Let a container ask another (see :class:`~meshsim.cluster.container.Caller`)."""
        return self._world.call_container(container, target, payload)

    def of_task(self, task_id: str) -> Container | None:
        """The container of a task, or None. O(1)."""
        container = self._world.endpoints.get(task_id)
        return container if container is not None and container.caller is self else None

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
        if not self.wiring.materialise(task.attachments, networks, node):
            return Outcome(_LB_WAIT_NS, _NO_ADDRESS)
        if self.of_task(task.id) is not None:  # created before the power was cut
            return success(profile.prepare_ns)
        container = self._create(
            task.name,
            spec.image,
            behaviour,
            argv=_argv(behaviour, spec.command, spec.args),
            hostname=spec.hostname,
            env=dict(entry.partition("=")[::2] for entry in spec.env) if spec.env else None,
            labels=spec.labels,
            task=task,
        )
        container.attachments = task.attachments
        container.network_names = self.wiring.names(task.attachments)
        if not task.attachments:  # then it is on the default bridge, as any container
            self.wiring.join_local(container, self.networks.bridge)
        if spec.dns_servers or spec.dns_search or spec.dns_options:
            container.names = NameWishes(spec.dns_servers, spec.dns_search, spec.dns_options)
        container.explicit = bool(spec.command or spec.args)
        return success(profile.prepare_ns + profile.pull_ns)

    def start(self, task: Task) -> Outcome:
        """Start the process; it is up after the profile's start time.

        Source: moby daemon/cluster/executor/container/controller.go Start: networks that are not there,
        as after a power cut, are made again.
        """
        container = self._world.endpoints[task.id]
        if not self.wiring.materialise(task.attachments, {}, self._node):
            return Outcome(_LB_WAIT_NS, f"starting container failed: {_NO_ADDRESS}")
        spec = task.spec.container
        endpoint_ports = task.endpoint.ports if task.endpoint else ()
        host_ports = [port for port in endpoint_ports if port.mode is _HOST]
        start_ns = self._world.profile.start_ns
        self._begin(container, start_ns)
        opened = self.wiring.plug_in(container, host_ports)
        self._run_program(container)
        check = spec.healthcheck
        gated = is_gated(check)
        if gated and check is not None:
            self._monitors[container.id] = Monitor(self._world.clock, container, check, self)
        if not gated and not opened:
            return success(start_ns)
        # Each is open on IPv4 and on IPv6, and the engine tells both (recorded, ground truth 9).
        twice = tuple(port for port in opened for _ in ("0.0.0.0", "::"))  # noqa: S104
        return Outcome(start_ns, gated=gated, ports=twice)

    def publish(self, task: Task) -> None:
        """Tell the gossip of the task: one binding per network."""
        self.wiring.publish(task, self._world.endpoints[task.id])

    def unpublish(self, task: Task) -> None:
        """Tell the gossip that the task takes nothing new: weight 0, its own names gone."""
        self.wiring.unpublish(task, self._world.endpoints[task.id])

    def stop(self, task: Task, grace_ns: int) -> int:
        """Send the stop signal; how long until the process will have ended."""
        return self.signal(self._world.endpoints[task.id], grace_ns)

    def finish(self, task: Task) -> Container:
        """The process has ended: withdraw its bindings, take its namespace away."""
        container = self._world.endpoints[task.id]
        self._unplug(container)
        return container

    def remove(self, task_id: str) -> None:
        """Remove the container of a task that the managers have forgotten."""
        container = self.of_task(task_id)
        if container is not None:
            self.discard(container)

    @property
    def _node(self) -> Node | None:
        return self.agent.node if self.agent else None

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

    def launch(self, container: Container, host_ports: Sequence[PortConfig] = ()) -> None:
        """Start a plain container now and make it known on its networks.

        Raises:
            Forbidden: a network of this machine has no address for it.
        """
        self.wiring.lease(container)
        self._begin(container, 0)
        self.wiring.plug_in(container, host_ports)
        self.wiring.announce(container)
        self._run_program(container)

    def discard(self, container: Container) -> None:
        """Remove a container for good; it must not run."""
        del self.containers[container.id]
        if self._by_name.get(container.name) == container.id:
            del self._by_name[container.name]
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
        self._plane.reset()  # first: it may still ask which networks they began on
        for container in self.containers.values():
            if container.running:
                self._over(container, LOST)
                self.tells.lost(container)
                self.wiring.give_back(container)
                container.attachments = () if not container.service_id else container.attachments

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
        self._over(container, exit_code)
        self.tells.ended(container)

    def _over(self, container: Container, exit_code: int) -> None:
        container.state = "exited"
        container.exit_code = exit_code
        container.finished_ns = self._world.clock.now_ns
        container.handler = None

    def _unplug(self, container: Container) -> None:
        """Take the container out of names, balancers and namespaces; free networks nobody uses here."""
        if container.running:
            self._ended(container, container.exit_code)
        monitor = self._monitors.pop(container.id, None)
        if monitor is not None:
            monitor.stop()
        self.wiring.unplug(container)

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

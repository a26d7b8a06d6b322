"""Room cluster: the simulated whole: machines on one clock, with one seed.

Comes in: machines, faults, the passing of time. Goes out: answers, events, the log. It wires the rooms
below to each other and hands them to the hosts. Rule of this file: it checks, wires and delegates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Self

from meshsim.cluster import power
from meshsim.cluster.client import PingReply, Target, fetch, is_ipv4, is_literal
from meshsim.cluster.collections import ContainerHandle, TaskHandle
from meshsim.cluster.container import Container
from meshsim.cluster.host import Host, Machine
from meshsim.cluster.images import Images, Reply
from meshsim.cluster.links import Links
from meshsim.cluster.membership import Membership
from meshsim.cluster.programs import ProgramResult, run_simple
from meshsim.cluster.quiet import next_move_ns
from meshsim.dataplane import DataPlane, Journal, Namespace, Outsider, Spread
from meshsim.dns import Answer, Outside, outer_servers
from meshsim.errors import (
    BadValue,
    NameNotResolved,
    NotFound,
    NotModelled,
    NotSettled,
)
from meshsim.ipvs import resolve_balancer
from meshsim.manager import Manager
from meshsim.model.log import Log
from meshsim.model.objects import Task
from meshsim.placement import Placer
from meshsim.profile import DEFAULT_ENGINE, Profile
from meshsim.sim import Clock, Streams, duplicate
from meshsim.units import parse_duration
from meshsim.views.events import Plug
from meshsim.views.shapes import GossipPeer

if TYPE_CHECKING:
    from random import Random

    from meshsim.model.events import Committed

__all__ = ["Cluster"]

_SECOND = 1_000_000_000
#: 1 January 2026, 00:00 UTC: when virtual time begins, unless told otherwise
EPOCH_NS = 1_767_225_600 * _SECOND
#: settle() gives up after so much virtual time: what still moves then moves for ever
SETTLE_LIMIT_NS = 600 * _SECOND
#: machines without a given address get these, in the order they are added
_FIRST_ADDRESS = 11
#: rank of users' watchers: after all control loops
_WATCH_RANK = 90


class Cluster:
    """A set of machines on one virtual clock with one seed.

    >>> cluster = Cluster(seed=7)
    >>> host01, host02 = cluster.add_hosts("host01", "host02")
    >>> node_id = host01.swarm.init()
    >>> node_id = host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    >>> web = host01.services.create("nginx", name="web", replicas=2, publish=["80:80"])
    >>> cluster.settle()
    >>> web.replicas
    '2/2'

    Args:
        seed: everything random is drawn from it; the same calls and seed give the same log.
        engine: ``"20.10"``, ``"26.1"``, ``"28"`` or ``"next"``.
        profile: constants of one's own instead of an engine's.
        ties: ``"joined"`` (fixed order) or ``"seeded"``, where reality depends on Go's random map order.
        balancer: what every balancer of the mesh uses instead of ``"rr"``: a name, or a factory.
        images: ``"docker"`` to refuse unknown images, or a mapping of names to handlers of one's own.
        extra_filters, order, placement: a user's placement rules, see :mod:`meshsim.placement`.
        epoch_ns: nanoseconds since 1970 at which virtual time begins.
        gossip: when a row reaches a host, as a function of both (:class:`meshsim.dataplane.Spread`); default
            the profile's ``gossip_delay_ns`` and ``gossip_loss``.
        outside: what the world answers to names that the swarm does not know: a mapping of names to
            addresses, a function ``(question, now_ns) -> Reply | None``, or a list of
            :class:`meshsim.dns.Server`; default: NXDOMAIN to all.

    Attributes:
        outside: the name servers that every host's resolv.conf lists.
        clock, streams, profile, links, journal, images, log: what the rooms below work with.
        hosts, machines: by name, in the order they were added.

    Raises:
        BadValue: an unknown engine or value of ``ties``, ``images``, ``outside`` or ``gossip``.
        UnknownBalancer: no balancer of that name.
    """

    def __init__(
        self,
        seed: int | str = 0,
        *,
        engine: str = DEFAULT_ENGINE,
        profile: Profile | None = None,
        ties: Literal["joined", "seeded"] = "joined",
        balancer: Any = None,
        images: Literal["docker"] | Mapping[str, Any] | None = None,
        extra_filters: Sequence[Any] = (),
        order: Any = None,
        placement: Any = None,
        epoch_ns: int = EPOCH_NS,
        gossip: Spread | None = None,
        outside: Outside | None = None,
    ) -> None:
        if ties not in ("joined", "seeded"):
            raise BadValue(f'ties are "joined" or "seeded", not {ties!r}', str(ties))
        if isinstance(images, str) and images != "docker":
            raise BadValue(f'images are "docker" or a mapping of names to handlers, not {images!r}', images)
        if balancer is not None:
            resolve_balancer(balancer)
        if gossip is not None and not callable(gossip):
            raise BadValue(f"a gossip is a function from a row and a host to ns, not {gossip!r}", str(gossip))
        self.seed = seed
        self.profile = profile or Profile(engine)
        self.ties: Literal["joined", "seeded"] = ties
        self.balancer = balancer
        self.gossip = gossip
        #: of single services, by id
        self.balancers: dict[str, Any] = {}
        self.epoch_ns = epoch_ns
        self.outside = outer_servers(outside)
        self.clock = Clock()
        self.streams = Streams(seed)
        self.log = Log()
        self.links = Links(self.clock)
        self.journal = Journal(self.clock, self.log)
        self.images = Images(None if images == "docker" else images, strict=images == "docker")
        self.hosts: dict[str, Host] = {}
        self.machines: dict[str, Machine] = {}
        self.swarms: list[Manager] = []
        #: every container there is, by what the data plane knows it: task id, or its own
        self.endpoints: dict[str, Container] = {}
        #: grows when a container may have begun or ceased to listen: who caches compares it
        self.listeners = 0
        self._placement = (tuple(extra_filters), order, placement)
        self._by_address: dict[str, Machine] = {}
        self._node_hosts: dict[str, str] = {}
        self._silent: dict[str, None] = {}
        self._addresses: dict[str, str] = {}
        self._watchers: list[Callable[[Any], None]] = []
        self._shells: dict[str, Any] = {}

    def __repr__(self) -> str:
        return (
            f"<Cluster seed={self.seed!r} engine {self.profile.name}: {len(self.hosts)} hosts, "
            f"{len(self.swarms)} swarms, {self.clock.now_ns / _SECOND:.3f} s>"
        )

    # -- machines

    def add_host(self, name: str, address: str | None = None, **options: Any) -> Host:
        """Add a machine with an engine; ``options`` are those of :class:`Host`.

        Raises:
            BadValue: the name or the address is taken, or no name.
        """
        host = Host(self, name, self._claim(name, address), **options)
        self.hosts[name] = host
        self._enrol(host)
        return host

    def add_hosts(self, *names: str) -> list[Host]:
        """Add several hosts with addresses in a row."""
        return [self.add_host(name) for name in names]

    def add_machine(self, name: str, address: str | None = None) -> Machine:
        """Add a machine without engine: a client."""
        machine = Machine(self, name, self._claim(name, address))
        self._enrol(machine)
        return machine

    def _claim(self, name: str, address: str | None) -> str:
        if not name or name in self.machines or any(c.isspace() or c in "/:" for c in name):
            raise BadValue(
                f"a machine cannot be called {name!r}"
                if name not in self.machines
                else f"there is a machine called {name!r} already",
                name,
            )
        if address is None:
            number = _FIRST_ADDRESS
            while f"192.168.65.{number}" in self._by_address:
                number += 1
            address = f"192.168.65.{number}"
        if not is_ipv4(address):
            raise BadValue(f"not an IPv4 address: {address!r}", address)
        if address in self._by_address:
            raise BadValue(f"{address} belongs to {self._by_address[address].name} already", address)
        return address

    def _enrol(self, machine: Machine) -> None:
        self.machines[machine.name] = machine
        self._by_address[machine.address] = machine
        self._addresses[machine.name] = machine.address

    def host(self, name: str) -> Host:
        """The host of that name.

        Raises:
            NotFound: there is none.
        """
        if name not in self.hosts:
            raise NotFound(f"there is no host {name!r}; there are: {', '.join(self.hosts) or 'none'}")
        return self.hosts[name]

    # -- time

    def run_for(self, duration: str | int) -> None:
        """Let time pass: ``"2m"``, or nanoseconds.

        Raises:
            BadValue: no duration, or a negative one.
            ClockBusy: called from inside a timer.
        """
        self.clock.run_for(parse_duration(duration) if isinstance(duration, str) else duration)

    def run_until(self, when: int | Callable[[], bool], *, limit: str | int = SETTLE_LIMIT_NS) -> None:
        """Run until a moment (ns since the start), or until ``when()`` is true.

        Raises:
            NotSettled: it was not true within ``limit`` of virtual time.
        """
        if isinstance(when, int):
            self.clock.run_until(when)
            return
        limit_ns = parse_duration(limit) if isinstance(limit, str) else limit
        if not self.step_until(when, limit_ns):
            raise NotSettled(f"not true within {limit_ns / _SECOND:g} s of virtual time")

    def step_until(self, done: Callable[[], bool], limit_ns: int) -> bool:
        """Step timer by timer until ``done()``; False when ``limit_ns`` passed first."""
        self.clock.guard()
        deadline_ns = self.clock.now_ns + limit_ns
        while not done():
            due_ns = self.clock.next_ns()
            if due_ns is None or due_ns > deadline_ns:
                self.clock.run_until(deadline_ns)
                return done()
            self.clock.step()
        return True

    def settle(self, *, limit: str | int = SETTLE_LIMIT_NS) -> None:
        """Run until nothing is under way: no foreground timer, every fault noticed, every host told.

        A task pending with a reason, a paused update and a lost quorum are settled states; an election that
        can succeed is waited for.

        Raises:
            NotSettled: something still moves after ``limit``; ``moving`` names it.
        """
        self.clock.guard()
        limit_ns = parse_duration(limit) if isinstance(limit, str) else limit
        deadline_ns = self.clock.now_ns + limit_ns
        while True:
            due_ns = next_move_ns(self)
            if due_ns is None:
                return
            if due_ns > deadline_ns:
                moving = tuple(dict.fromkeys(t.name for t in self.clock.pending() if not t.background))
                raise NotSettled(
                    f"not settled after {limit_ns / _SECOND:g} s of virtual time; still moving: "
                    f"{', '.join(moving) or 'the gossip'}",
                    moving,
                )
            self.clock.run_until(due_ns)

    def step(self, elapsed_ns: int) -> None:
        """Let the time pass that a client's call took."""
        clock = self.clock
        if elapsed_ns and not clock.running:
            clock.run_until(clock.now_ns + elapsed_ns)

    # -- looking

    def watch(self, callback: Callable[[Committed], None]) -> None:
        """Call back with every commit of every swarm, after the control loops have seen it."""
        self._watchers.append(callback)
        for manager in self.swarms:
            manager.store.watch(callback, rank=_WATCH_RANK)

    def explain(self, task: Task | TaskHandle) -> Any:
        """Why a task is where it is, or why it is nowhere: a reason for every node."""
        record = task.record if isinstance(task, TaskHandle) else task
        for manager in self.swarms:
            if record.id in manager.store.tasks:
                return manager.scheduler.placer.explain(record, now_ns=self.clock.now_ns)
        raise NotFound(f"task {record.id} not found")

    def fork(self) -> Self:
        """A copy that goes its own way from here; its log continues as this one's would.

        Raises:
            ClockBusy: called from inside a timer.
        """
        self.clock.guard()
        return duplicate(self, {})

    def check(self) -> None:
        """Assert every invariant of every room."""
        self.clock.check()
        self.links.check()
        self.journal.check()
        for manager in self.swarms:
            manager.check()
        for host in self.hosts.values():
            host.plane.check()

    # -- faults

    def fail(self, host: Host) -> None:
        """Power cut; see :meth:`Host.fail`."""
        power.fail(host)

    def recover(self, host: Host) -> None:
        """Power back; see :meth:`Host.recover`."""
        power.recover(host)

    def stop_engine(self, host: Host) -> None:
        """The engine ends in order; see :meth:`Host.stop_engine`."""
        power.stop_engine(host)

    def start_engine(self, host: Host) -> None:
        """The engine starts; see :meth:`Host.start_engine`."""
        power.start_engine(host)

    def partition(self, *sides: Sequence[str]) -> None:
        """Cut the network between groups of machines, by name; the others stay together.

        Raises:
            NotFound: no such machine.
            BadValue: a machine on two sides.
        """
        for name in (name for side in sides for name in side):
            if name not in self.machines:
                raise NotFound(f"there is no machine {name!r}")
        self.log.append(self.clock.now_ns, "fault", {"what": "partition", "sides": tuple(map(tuple, sides))})
        self.links.partition(sides)
        self.refresh()

    def heal(self) -> None:
        """Join the sides of a partition again."""
        self.log.append(self.clock.now_ns, "fault", {"what": "heal"})
        self.links.heal()
        self.refresh()

    def refresh(self) -> None:
        """Let the managers look again who runs and who reaches whom."""
        for manager in self.swarms:
            manager.quorum.refresh()

    # -- swarms (used by memberships)

    def new_swarm(self) -> Manager:
        """Build the managers of a new swarm."""
        filters, order, placement = self._placement
        placer = Placer(
            ties="joined" if self.ties == "joined" else self.streams["ties"],
            extra_filters=filters,
            order=order,
            placement=placement,
        )
        manager = Manager(
            self.clock,
            self.streams,
            self.profile,
            self.log,
            label=f"swarm{len(self.swarms) + 1}",
            ties=self.ties,
            placer=placer,
            reaches=self.nodes_reach,
        )
        self.swarms.append(manager)
        for watcher in self._watchers:
            manager.store.watch(watcher, rank=_WATCH_RANK)
        return manager

    def add_member(self, node_id: str, host: Host) -> None:
        """Note on which host a node lives."""
        self._node_hosts[node_id] = host.name

    def remove_member(self, node_id: str) -> None:
        """The host of a node has left the swarm."""
        self._node_hosts.pop(node_id, None)
        self._silent.pop(node_id, None)

    def silence(self, node_id: str) -> None:
        """The node's engine does not run, or waits for its key: it neither hears nor speaks."""
        self._silent[node_id] = None

    def let_speak(self, node_id: str) -> None:
        """The node's engine runs again."""
        self._silent.pop(node_id, None)
        self.refresh()

    def nodes_reach(self, a: str, b: str) -> bool:
        """Whether one node's packets get to another; of a node to itself: whether its engine runs."""
        if self._silent and (a in self._silent or b in self._silent):
            return False
        host_a, host_b = self._node_hosts.get(a), self._node_hosts.get(b)
        return host_a is not None and host_b is not None and self.links.reaches(host_a, host_b)

    def manager_at(self, remote: str) -> Membership | None:
        """The membership of the manager that listens at ``host:2377`` or ``address:2377``, if one does."""
        name = remote.partition(":")[0]
        machine = self.machines.get(name) or self._by_address.get(name)
        member = machine.member if isinstance(machine, Host) and machine.engine.running else None
        return member if member is not None and member.is_manager and not member.lock else None

    def gossip_peers(self, network_id: str) -> tuple[GossipPeer, ...]:
        """The hosts that take part in a network, by name, as ``network inspect`` lists them."""
        return tuple(
            GossipPeer(self.hex_id(f"gossip/{host.name}")[:12], host.address)
            for host in self.hosts.values()
            if host.up and network_id in host.plane.sandboxes
        )

    def hex_id(self, what: str) -> str:
        """64 hexadecimal digits that depend on the seed and on what they name; draws nothing."""
        return sha256(f"{self.seed}/{what}".encode()).hexdigest()

    # -- the world of the data plane, and of connections

    def plane_at(self, address: str) -> DataPlane | None:
        """The data plane of the host that owns an address."""
        machine = self._by_address.get(address)
        return machine.plane if isinstance(machine, Host) else None

    def machine_at(self, address: str) -> str | None:
        """The name of the machine that owns an address."""
        machine = self._by_address.get(address)
        return None if machine is None else machine.name

    def listener(self, endpoint_id: str, protocol: str, port: int) -> bool | None:  # noqa: ARG002
        """Whether a container listens on a port (of any protocol); None when it does not run."""
        container = self.endpoints.get(endpoint_id)
        if container is None or container.state != "running":
            return None
        return container.listens(port)

    def exited(self, container: Container, exit_code: int) -> None:
        """A reply ended its container's program: it ends at this moment, after the reply."""
        host = next(h for h in self.hosts.values() if container.id in h.engine.containers)
        self.clock.call_later(
            0, host.engine.program_ended, container, exit_code, container.pid, name="program ends"
        )

    def addresses_of(self, name: str) -> list[str]:
        """What machines' /etc/hosts say of a name.

        Raises:
            NameNotResolved: nobody is called so.
        """
        return [self.first_address(name)] if name != "localhost" else ["::1", "127.0.0.1"]

    def first_address(self, name: str) -> str:
        """The address a client tries first: a machine's, itself for an address, ``::1`` for localhost."""
        address = self._addresses.get(name)
        if address is not None:
            return address
        if name == "localhost":
            return "::1"
        if is_literal(name):
            return name
        raise NameNotResolved(f"Could not resolve host: {name}")

    def resolve_from(self, namespace: Namespace, name: str) -> str:
        """The address a container's program gets for a name.

        Raises:
            NameNotResolved: its DNS does not know it.
        """
        if name == "localhost":
            return "127.0.0.1"
        if is_literal(name):
            return name
        answer: Answer = namespace.look_up(name)
        if not answer.addresses:
            raise NameNotResolved(f"Could not resolve host: {name}", elapsed_ns=answer.elapsed_ns)
        return answer.addresses[0]

    def ping_from(self, place: DataPlane | Namespace | Outsider, address: str, count: int) -> list[PingReply]:
        """Send echo requests, one a second; time passes."""
        replies: list[PingReply] = []
        for number in range(count):
            if number:
                self.step(_SECOND - replies[-1].elapsed_ns if replies[-1].ok else _SECOND)
            echo = place.ping(address)
            replies.append(PingReply(address, echo.ok, echo.elapsed_ns, echo.ttl))
            self.step(echo.elapsed_ns if echo.ok else 0)
        return replies

    def call_container(self, caller: Container, target: str, payload: str) -> tuple[Reply, int]:
        """Let one container ask another at this instant; time does not pass, it is only counted.

        Raises:
            ConnectionFailed: what the caller experiences.
        """
        host = next(h for h in self.hosts.values() if caller.id in h.engine.containers)
        namespace = host.plane.namespaces[caller.endpoint_id]
        name, _, port = target.rpartition(":")
        where = Target(name, int(port), payload)
        answer = fetch(self, namespace, self.resolve_from(namespace, name), where)
        return Reply(answer.text, answer.status), answer.elapsed_ns

    # -- containers

    def container_of_task(self, task: Task) -> ContainerHandle:
        """The handle of a task's container.

        Raises:
            NotFound: it has none (any more).
        """
        host = self.hosts.get(self._node_hosts.get(task.node_id, ""))
        container = None if host is None else host.engine.of_task(task.id)
        if host is None or container is None:
            raise NotFound(f"task {task.id} has no container")
        return ContainerHandle(host, container.id)

    def container_changed(self, host: str, container: Container, what: str, *facts: Any) -> None:
        """Note a step in a container's life in the log; who listens may have changed."""
        self.listeners += 1
        self.log.append(self.clock.now_ns, "container", (host, what, container.id, container.name, *facts))

    def network_changed(self, host: str, what: str, plug: Plug, container_id: str = "") -> None:
        """Note in the log what became of a network on one machine."""
        self.log.append(self.clock.now_ns, "network", (host, what, plug, container_id))

    def container_left(self, host: str, container: Container) -> None:
        """A plain container ended by itself: give its swarm addresses back, remove it if so asked."""
        engine = self.hosts[host].engine
        member = self.hosts[host].member
        if member is not None:
            member.detach_all(container)
        if container.remove_on_exit and container.id in engine.containers:
            engine.discard(container)

    def run_program(self, container: Container, argv: Sequence[str]) -> ProgramResult:  # noqa: ARG002
        """What a program in a container does; the shell room teaches it more tools."""
        return run_simple(argv)

    def shell(self, machine: Machine) -> Any:
        """The machine's shell, always the same one.

        Raises:
            NotModelled: this cluster was built without the shell room.
        """
        if machine.name not in self._shells:
            self._shells[machine.name] = self.open_shell(machine)
        return self._shells[machine.name]

    def open_shell(self, machine: Machine) -> Any:
        """Make a machine's shell; :class:`meshsim.Cluster` does."""
        raise NotModelled(f"{machine.name} has no shell: use meshsim.Cluster, which brings one")

    def dns_rng(self, host: str) -> Random | None:
        """What shuffles a host's DNS answers: nothing by default, a stream when ties are seeded."""
        return self.streams[f"dns/{host}"] if self.ties == "seeded" else None

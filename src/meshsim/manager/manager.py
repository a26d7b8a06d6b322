"""Room manager: the managers of one swarm, as one object: whoever leads.

Comes in: the founding of a swarm, news of who reaches whom. Goes out: a store, and the loops that run while
there is a leader. Rules of this file: loops are built once, in a fixed order, and start anew with each
leader; nothing is decided here. It does not know hosts: the cluster tells it which nodes reach each other.

Source: swarmkit manager/manager.go becomeLeader, becomeFollower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from meshsim.manager.allocator import Allocator
from meshsim.manager.control import Control
from meshsim.manager.desk import Desk
from meshsim.manager.dispatcher import Dispatcher
from meshsim.manager.orchestrator import (
    ConstraintEnforcer,
    GlobalOrchestrator,
    JobOrchestrator,
    ReplicatedOrchestrator,
    TaskReaper,
)
from meshsim.manager.quorum import Gate, Quorum
from meshsim.manager.roles import RoleManager
from meshsim.manager.scheduler import Scheduler
from meshsim.manager.tokens import ca_digest, join_token, unlock_key
from meshsim.model.log import Log
from meshsim.model.objects import Network, Node, NodeStatus, Swarm
from meshsim.model.specs import NetworkSpec, NodeSpec, SwarmSpec
from meshsim.model.states import Availability, Role
from meshsim.model.store import Store
from meshsim.placement import Placer
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams
from meshsim.sim.ids import object_id

__all__ = ["Loop", "Manager"]

_INGRESS = "ingress"


class Loop(Protocol):
    """A control loop: it watches the store while it is in office."""

    def start(self) -> None:
        """A new leader's first pass, then watch."""

    def stop(self) -> None:
        """Stop watching, cancel timers."""

    def check(self) -> None:
        """Assert the loop's invariants."""


class Manager:
    """One swarm's managers.

    Args:
        clock: virtual time.
        streams: the cluster's named generators.
        profile: constants and behaviours of the engine.
        log: where commits are logged.
        label: the swarm's name in the log.
        ties: "joined" or "seeded": how the loops decide where Go's map order would.
        placer: chooses nodes; the default is Swarm's own.
        reaches: whether one node's packets get to another now, by node ids; of a node to itself: whether
            its engine runs (and is not locked). Must be copyable: a bound method, not a closure.

    Attributes:
        store: the swarm's state.
        control: what users ask.
        dispatcher: what agents ask.
        quorum: who leads.
        allocator, replicated, scheduler, roles ...: the loops, see :attr:`loops`.
        desk: the loops' clock, held up while the leader lacks a quorum.

    >>> manager = Manager(Clock(), Streams(0), Profile(), Log(), label="demo")
    >>> node = manager.bootstrap(hostname="host01", address="192.168.65.11")
    >>> manager.quorum.leader == node.id, manager.store.swarm.name, node.role.label
    (True, 'default', 'manager')

    Source: swarmkit manager/manager.go Manager.
    """

    def __init__(
        self,
        clock: Clock,
        streams: Streams,
        profile: Profile,
        log: Log,
        *,
        label: str,
        ties: Literal["joined", "seeded"] = "joined",
        placer: Placer | None = None,
        reaches: Callable[[str, str], bool] | None = None,
    ) -> None:
        self.clock = clock
        self.streams = streams
        self.profile = profile
        self.label = label
        self.ties = ties
        self.leading = False
        self._reaches = always if reaches is None else reaches
        self._build(Store(clock, log, label=label), placer)

    def _build(self, store: Store, placer: Placer | None) -> None:
        clock, streams, profile, ties = self.clock, self.streams, self.profile, self.ties
        if placer is None:
            placer = Placer(ties="joined" if ties == "joined" else streams["ties"])
        self.store = store
        self.quorum = Quorum(clock, profile, streams["election"], streams["ids"], store, self, self._reaches)
        desk = self.desk = Desk(clock, profile.raft_tick_ns)
        self.allocator = Allocator(store, desk, profile, streams, ties=ties)
        self.replicated = ReplicatedOrchestrator(store, desk, profile, streams, ties=ties)
        self.globals = GlobalOrchestrator(store, desk, profile, streams, ties=ties)
        self.jobs = JobOrchestrator(store, desk, profile, streams, ties=ties)
        self.enforcer = ConstraintEnforcer(store, desk, profile, streams, ties=ties)
        self.reaper = TaskReaper(store, desk, profile, streams)
        self.scheduler = Scheduler(store, desk, profile, placer)
        self.dispatcher = Dispatcher(store, clock, profile, streams, reaches=self.leader_reaches)
        self.roles = RoleManager(store, desk, profile, self.quorum)
        self.control = Control(store, clock, profile, streams, self.quorum)

    def __repr__(self) -> str:
        return f"<Manager {self.label!r}: {self.quorum!r}, {self.store!r}>"

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops in the order they start, the dispatcher aside."""
        return (
            self.allocator, self.replicated, self.globals, self.jobs, self.enforcer, self.reaper,
            self.scheduler, self.roles,
        )  # fmt: skip

    # -- founding --------------------------------------------------------------------------------------

    def bootstrap(
        self,
        *,
        hostname: str,
        address: str,
        listen_port: int = 2377,
        spec: SwarmSpec | None = None,
        availability: Availability = Availability.ACTIVE,
        default_pools: tuple[str, ...] | None = None,
        subnet_size: int = 24,
        data_path_port: int = 4789,
    ) -> Node:
        """Found the swarm: one transaction with the swarm object, the first node and ingress; then lead.

        Args:
            hostname: the founder's, for the log; its record gets the one its agent reports.
            address: the founder's address, without port.
            listen_port: where managers talk to each other.
            spec: settings of the swarm.
            availability: the founder's.
            default_pools: where subnets come from.
            subnet_size: their length.
            data_path_port: VXLAN's.

        Returns:
            The founder's node record.

        Raises:
            ValueError: this manager has founded a swarm already.

        Source: swarmkit manager/manager.go becomeLeader, defaultClusterObject.
        """
        if self.store.version:
            raise ValueError(f"the swarm {self.label!r} exists already")
        ids, spec = self.streams["ids"], spec or SwarmSpec()
        self.store.log.append(self.clock.now_ns, "swarm", {"founded": self.label, "by": hostname})
        with self.store.transaction() as tx:
            tx.create(self._swarm_object(spec, default_pools, subnet_size, data_path_port))
            node = tx.create(
                Node(
                    object_id(ids),
                    spec=NodeSpec(role=Role.MANAGER, availability=availability),
                    role=Role.MANAGER,
                    status=NodeStatus(address=address),
                )
            )
            tx.create(Network(object_id(ids), spec=NetworkSpec(_INGRESS, ingress=True)))
        self.quorum.bootstrap(node.id, f"{address}:{listen_port}")
        return self.store.nodes[node.id]

    def _swarm_object(
        self, spec: SwarmSpec, pools: tuple[str, ...] | None, subnet_size: int, data_path_port: int
    ) -> Swarm:
        tokens = self.streams["tokens"]
        digest = ca_digest(tokens)
        return Swarm(
            object_id(self.streams["ids"]),
            spec=spec,
            root_ca_digest=digest,
            worker_token=join_token(digest, tokens),
            manager_token=join_token(digest, tokens),
            unlock_key=unlock_key(tokens) if spec.autolock else "",
            default_pools=pools or self.profile.default_pools,
            subnet_size=subnet_size,
            data_path_port=data_path_port,
        )

    # -- leadership (Office) ---------------------------------------------------------------------------

    def take(self) -> None:
        """A new leader begins: the allocator rebuilds its cursors, nodes are unknown, loops look around."""
        self.leading = True
        self.start()
        self.dispatcher.start()

    def lose(self, *, abruptly: bool) -> None:
        """The leader is one no more: the loops stop in mid-thought; the store stays as committed."""
        self.leading = False
        self.desk.held = False
        self.stop()
        self.dispatcher.stop(abruptly=abruptly)

    def hold(self) -> None:
        """The leader lacks a quorum: loops wait with their work, heartbeats are answered, none writes."""
        self.desk.held = True
        self.dispatcher.hold()

    def resume(self) -> None:
        """The same leader has its quorum back: loops go on where they were, sessions too."""
        self.desk.held = False
        self.dispatcher.resume()

    def start(self) -> None:
        """Start the loops, in their fixed order."""
        for loop in self.loops:
            loop.start()

    def stop(self) -> None:
        """Stop the loops."""
        for loop in self.loops:
            loop.stop()

    # -- questions -------------------------------------------------------------------------------------

    def leader_reaches(self, node_id: str) -> bool:
        """Whether the leader's packets get to that node now."""
        leader = self.quorum.leader
        return bool(leader) and self._reaches(leader, node_id)

    def gate(self, node_id: str, *, write: bool = True) -> Gate:
        """How a control call on that manager fares right now; see :class:`Gate`."""
        return self.quorum.gate(node_id, write=write)

    def check(self) -> None:
        """Assert the invariants of the store, of the quorum and of every loop that is in office."""
        self.store.check()
        self.quorum.check()
        self.dispatcher.check()
        if self.leading:
            for loop in self.loops:
                loop.check()


def always(_a: str, _b: str, /) -> bool:
    """Every node reaches every other: what a manager assumes when it is told nothing else."""
    return True

"""Room cluster: a host's part in a swarm.

Comes in: ``swarm init``, ``join``, ``leave`` and the host's fate. Goes out: an agent that runs, a manager
that may be asked, and the engine's own sentences when it may not. Rules of this file: the managers are
asked only over links that hold; init and join step the clock until the node is active (or 20 s).

Source: moby daemon/cluster/swarm.go (Init, Join, Leave), cluster.go (errNoManager), noderunner.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from meshsim.agent import Agent
from meshsim.errors import (
    AlreadyInSwarm,
    ApiError,
    Forbidden,
    NoLeader,
    NotInSwarm,
    NotManager,
    PermissionDenied,
    Unavailable,
)
from meshsim.manager import NO_LEADER, Control, Dispatcher, Gate, Manager
from meshsim.manager.tokens import check_fingerprint, parse_join_token
from meshsim.model.objects import Attachment, Network, Node, Task
from meshsim.model.specs import SwarmSpec
from meshsim.model.states import Availability, NodeState, Role, TaskState

if TYPE_CHECKING:
    from meshsim.cluster.container import Container
    from meshsim.cluster.host import Host

__all__ = ["NOT_IN_SWARM", "Membership", "SwarmAgent", "require"]

_SECOND = 1_000_000_000
NOT_IN_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
_WORKER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
_PREPARING = (
    "This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster."
)
_JOIN_TIMEOUT = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the "
    'background. Use the "docker info" command to see the current swarm status of your node.'
)
_LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
_ONLY_WAY = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with "
    "`--force-new-cluster`. Use `--force` to suppress this message."
)


class SwarmAgent(Agent):
    """The agent of a host; what the managers say of the node also reaches the host's data plane."""

    host: Host

    def assign(
        self,
        *,
        complete: bool,
        tasks: Sequence[Task],
        removed: Sequence[str],
        networks: Sequence[Network],
        node: Node,
    ) -> None:
        """Take over assignments, and make the ingress network here once the node has its address on it."""
        for network in networks:
            place = node.attachment(network.id)
            if network.spec.ingress and place is not None:
                self.host.plane.materialise(network, place.ip)
        super().assign(complete=complete, tasks=tasks, removed=removed, networks=networks, node=node)
        member = self.host.member
        if node.role is Role.MANAGER and member is not None and not member.is_manager:
            member.take_office()


class Membership:
    """A host's place in one swarm.

    Attributes:
        host: the machine.
        manager: the swarm's managers (whoever leads).
        node_id: the node's id there.
        agent: runs its tasks.
    """

    def __init__(self, host: Host, manager: Manager, node_id: str) -> None:
        self.host = host
        self.manager = manager
        self.node_id = node_id
        cluster = host.cluster
        self.agent = SwarmAgent(
            node_id,
            cluster.clock,
            cluster.streams[f"agent/{node_id}"],
            cluster.profile,
            find_dispatcher=self.find_dispatcher,
            runtime=host.engine,
            describe=host.describe,
            address=host.address,
        )
        self.agent.host = host

    def __repr__(self) -> str:
        return f"<Membership of {self.host.name} as {self.node_id[:12]} in {self.manager.store.label}>"

    @property
    def is_manager(self) -> bool:
        """Whether this node takes part in the managers' agreement."""
        return self.manager.quorum.is_member(self.node_id)

    def take_office(self) -> None:
        """A promoted node starts a manager, which joins the others; tried again with the next word of it.

        Source: swarmkit node/node.go superviseManager.
        """
        with suppress(Unavailable):
            self.manager.quorum.join(self.node_id, f"{self.host.address}:2377")

    def find_dispatcher(self) -> Dispatcher | None:
        """The leader's dispatcher, when this host reaches the leader."""
        leader = self.manager.quorum.leader
        if not leader or not self.host.cluster.nodes_reach(self.node_id, leader):
            return None
        return self.manager.dispatcher

    def control(self, *, write: bool = True) -> Control:
        """The control API, if this node is a manager and there is a leader; waits for one up to 20 s.

        Raises:
            NotManager: a worker.
            NoLeader: the managers have no leader.
            ApiError: the deadline passed.
        """
        if not self.is_manager:
            raise NotManager(_WORKER)
        gate = self._wait(write)
        if gate is Gate.CLOSED:
            raise NoLeader(NO_LEADER)
        if gate is not Gate.OPEN:
            raise ApiError("context deadline exceeded", rpc_code="DeadlineExceeded")
        return self.manager.control

    def _wait(self, write: bool) -> Gate:
        """Ask again each second until the call's deadline, as the engine does."""
        cluster = self.host.cluster
        deadline_ns = cluster.clock.now_ns + cluster.profile.request_timeout_ns
        gate = self.manager.quorum.gate(self.node_id, write=write)
        while gate not in (Gate.OPEN, Gate.CLOSED) and cluster.clock.now_ns < deadline_ns:
            cluster.clock.run_for(min(_SECOND, deadline_ns - cluster.clock.now_ns))
            gate = self.manager.quorum.gate(self.node_id, write=write)
        return gate

    # -- plain containers on swarm networks

    def attach(self, network: Network, container_id: str, wanted: str = "") -> tuple[Task, Attachment]:
        """Ask for an address on a network; the task that holds it, and the node's own place there.

        Workers may ask too: the request goes over the agent's line to the leader. ``wanted`` is the address
        asked for, empty for any.

        Raises:
            NoLeader: there is none to ask.
            PermissionDenied: the network is not attachable.
            ApiError: no address was free within 20 s.

        Source: moby daemon/cluster/networks.go AttachNetwork; swarmkit manager/resourceapi AttachNetwork.
        """
        if self.find_dispatcher() is None:
            raise NoLeader(NO_LEADER)
        control = self.manager.control
        try:
            task = control.attach(network.id, container_id, self.node_id, (wanted,) if wanted else ())
        except PermissionDenied as refusal:
            raise Forbidden(f"Could not attach to network {network.name}: {refusal}") from None
        return self._await_address(task, network)

    def _await_address(self, task: Task, network: Network) -> tuple[Task, Attachment]:
        """Wait, up to 20 s, until the container has an address there and so has its node."""
        cluster, store = self.host.cluster, self.manager.store
        deadline_ns = cluster.clock.now_ns + cluster.profile.request_timeout_ns
        while True:
            served = store.tasks[task.id]
            place = store.nodes[self.node_id].attachment(network.id)
            if served.state is not TaskState.NEW and place is not None:
                return served, place
            if cluster.clock.running or cluster.clock.now_ns >= deadline_ns:
                self.manager.control.detach(task.id)
                raise ApiError(
                    f"Could not attach to network {network.name}: attaching to network failed, make sure "
                    "your network options are correct and check manager logs: context deadline exceeded"
                )
            cluster.clock.run_for(_SECOND)

    def detach(self, container: Container, network_id: str) -> None:
        """Give a plain container's address on a swarm network back."""
        task_id = container.attachment_tasks.get(network_id, "")
        container.attachment_tasks = container.attachment_tasks.minus(network_id)
        if self.find_dispatcher() is not None and task_id in self.manager.store.tasks:
            self.manager.control.detach(task_id)

    def detach_all(self, container: Container) -> None:
        """Give all its addresses back: it has ended. It remembers its networks."""
        for network_id in list(container.attachment_tasks):
            self.detach(container, network_id)
        container.attachments = tuple(Attachment(a.network_id, "") for a in container.attachments)

    # -- becoming a member

    @classmethod
    def init(
        cls,
        host: Host,
        *,
        spec: SwarmSpec,
        advertise: str,
        port: int,
        availability: Availability,
        pools: tuple[str, ...],
        subnet_size: int,
        data_path_port: int,
    ) -> Membership:
        """Found a swarm on this host; returns when the node is ready."""
        cluster = host.cluster
        if host.member is not None:
            raise AlreadyInSwarm
        cluster.clock.guard()
        manager = cluster.new_swarm()
        node = manager.bootstrap(
            hostname=host.name,
            address=advertise,
            listen_port=port,
            spec=spec,
            availability=availability,
            default_pools=pools,
            subnet_size=subnet_size,
            data_path_port=data_path_port,
        )
        cluster.add_member(node.id, host)
        return cls._enter(host, manager, node.id)

    @classmethod
    def join(cls, host: Host, remote: str, token: str, availability: Availability) -> Membership:
        """Join the swarm of the manager at ``remote``; returns when the node is active.

        Raises:
            JoinRefused, ApiError: with the sentence ``docker swarm join`` prints.
            Unavailable: nobody answers there within 20 s.
        """
        cluster = host.cluster
        if host.member is not None:
            raise AlreadyInSwarm
        cluster.clock.guard()
        parsed = parse_join_token(token) if token else None
        sponsor = cluster.manager_at(remote)
        if sponsor is None or not cluster.links.reaches(host.name, sponsor.host.name):
            cluster.clock.run_for(cluster.profile.join_timeout_ns)
            raise Unavailable(_JOIN_TIMEOUT)
        manager = sponsor.manager
        try:
            if parsed is not None:
                check_fingerprint(parsed, manager.store.swarm.root_ca_digest)
            node = sponsor.control().issue_certificate(
                token, hostname=host.name, address=host.address, availability=availability
            )
        except ApiError:
            # The joining node tries five times, two seconds apart, before its user hears of it.
            cluster.clock.run_for(10 * _SECOND)
            raise
        cluster.add_member(node.id, host)
        if node.role is Role.MANAGER:
            manager.quorum.join(node.id, f"{host.address}:2377")
        return cls._enter(host, manager, node.id)

    @classmethod
    def _enter(cls, host: Host, manager: Manager, node_id: str) -> Membership:
        member = host.member = cls(host, manager, node_id)
        host.engine.agent = member.agent
        member.agent.start()
        if not host.cluster.step_until(member._active, host.cluster.profile.join_timeout_ns):
            raise Unavailable(_JOIN_TIMEOUT)
        return member

    def _active(self) -> bool:
        """Ready for the managers, told of itself, and a part of the mesh."""
        node = self.manager.store.nodes.get(self.node_id)
        ready = node is not None and node.status.state is NodeState.READY
        return ready and self.agent.node is not None and self._meshed()

    def _meshed(self) -> bool:
        networks = self.manager.store.networks.values()
        return self.host.plane.ingress is not None or not any(n.spec.ingress for n in networks)

    # -- leaving

    def leave(self, *, force: bool) -> None:
        """Leave: the node's containers and state go; nobody is told but by silence.

        Raises:
            Unavailable: a manager leaves only by force.
        """
        if self.is_manager and not force:
            raise Unavailable(self._warning())
        host, cluster = self.host, self.host.cluster
        self.agent.stop(graceful=True)
        host.member = None
        host.engine.leave_swarm()
        cluster.journal.leave(host.name)
        host.plane.leave_swarm()
        cluster.remove_member(self.node_id)
        self.manager.quorum.refresh()

    def _warning(self) -> str:
        """Why a manager should not leave. Source: moby daemon/cluster/swarm.go Leave."""
        quorum = self.manager.quorum
        reachable = sum(
            (status := quorum.status(m)) is not None and status.reachability.label == "reachable"
            for m in quorum.members
        )
        unreachable = len(quorum.members) - reachable
        if quorum.leader and reachable - 2 <= unreachable:
            if reachable == 1 and not unreachable:
                return _LEAVING + (
                    "Removing the last manager erases all current state of the swarm. "
                    "Use `--force` to ignore this message. "
                )
            return _LEAVING + (
                f"Removing this node leaves {reachable - 1} managers out of {reachable + unreachable}. "
                f"Without a Raft quorum your swarm will be inaccessible. {_ONLY_WAY}"
            )
        return _LEAVING + _ONLY_WAY


def require(member: Membership | None, *, leave: bool = False) -> Membership:
    """The membership, or the sentence for a host without one."""
    if member is None:
        raise NotInSwarm("This node is not part of a swarm") if leave else NotManager(NOT_IN_SWARM)
    return member

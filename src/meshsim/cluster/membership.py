"""Room cluster: a host's part in a swarm, once it has one (how it gets one: ``joining``).

Comes in: the host's fate (its engine stops, starts, loses power), ``swarm unlock``, ``leave`` and
``init --force-new-cluster``. Goes out: an agent that runs, a manager that may be asked, and the engine's own
sentences when it may not. Rule of this file: the managers are asked only over links that hold.

Source: moby daemon/cluster/swarm.go (Init, Leave, UnlockSwarm), cluster.go (errNoManager), noderunner.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

from meshsim.agent import Agent, DispatcherApi
from meshsim.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NoLeader,
    NotInSwarm,
    NotManager,
    PermissionDenied,
    SwarmLocked,
    Unavailable,
)
from meshsim.manager import NO_LEADER, Control, Dispatcher, Gate, Manager
from meshsim.manager.tokens import check_unlock_key
from meshsim.model.objects import Attachment, Network, Node, Task
from meshsim.model.states import NodeState, Reachability, Role, TaskState

if TYPE_CHECKING:
    from meshsim.cluster.container import Container
    from meshsim.cluster.host import Host

__all__ = ["NOT_IN_SWARM", "LocalState", "Membership", "SwarmAgent", "require"]

#: what ``docker info`` calls LocalNodeState
LocalState: TypeAlias = Literal["inactive", "pending", "active", "error", "locked"]

_SECOND = 1_000_000_000
#: a program that does not hear SIGTERM is given this long when its node ends in order
_PATIENCE_NS = 600 * _SECOND
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
_LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
_ONLY_WAY = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with "
    "`--force-new-cluster`. Use `--force` to suppress this message."
)
_NO_ANSWER = "context deadline exceeded"
#: Source: swarmkit manager/state/raft/raft.go ErrLostLeadership
_LOST = "raft: failed to process the request: node lost leader status"


class SwarmAgent(Agent):
    """The agent of a host; what the managers say of the node also reaches the host's data plane.

    Attributes:
        host: the machine.
        settled: whether the managers have spoken to it since its engine started.
    """

    __slots__ = ("host", "settled")

    settled: bool

    def __init__(self, host: Host, node_id: str, find_dispatcher: Callable[[], DispatcherApi | None]) -> None:
        cluster = host.cluster
        super().__init__(
            node_id,
            cluster.clock,
            cluster.streams[f"agent/{node_id}"],
            cluster.profile,
            find_dispatcher=find_dispatcher,
            runtime=host.engine,
            describe=host.describe,
            address=host.address,
        )
        self.host = host
        self.settled = False

    def start(self) -> None:
        """Begin, or begin again; the node is pending until the managers have spoken."""
        self.settled = False
        super().start()

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
        ingress = self.host.plane.ingress
        if ingress is not None and node.attachment(ingress.network_id) is None:
            self.host.plane.release(ingress.network_id)  # the network was removed
        super().assign(complete=complete, tasks=tasks, removed=removed, networks=networks, node=node)
        self.settled = True
        member = self.host.member
        if complete and member is not None:
            member.end_attachments(tasks)
        wanted = node.role is Role.MANAGER and node.spec.role is Role.MANAGER
        if wanted and member is not None and not member.is_manager:
            member.take_office()


class Membership:
    """A host's place in one swarm.

    Attributes:
        host: the machine.
        manager: the swarm's managers (whoever leads).
        node_id: the node's id there.
        agent: runs its tasks.
        lock: the key its state is encrypted with, while it waits for it; else empty.
    """

    __slots__ = ("_key", "_started_ns", "agent", "host", "lock", "manager", "node_id")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    node_id: str
    lock: str
    _key: str
    _started_ns: int

    def __init__(self, host: Host, manager: Manager, node_id: str) -> None:
        self.host = host
        self.manager = manager
        self.node_id = node_id
        self.lock = ""
        #: the swarm's unlock key when the engine last ended
        self._key = ""
        self._started_ns = host.cluster.clock.now_ns
        self.agent = SwarmAgent(host, node_id, self.find_dispatcher)

    def __repr__(self) -> str:
        return f"<Membership of {self.host.name} as {self.node_id[:12]} in {self.manager.store.label}>"

    @property
    def is_manager(self) -> bool:
        """Whether this node takes part in the managers' agreement."""
        return self.manager.quorum.is_member(self.node_id)

    @property
    def state(self) -> LocalState:
        """``active``; ``pending`` from a start until the managers have spoken; ``locked`` without its key.

        Source: moby daemon/cluster/noderunner.go State.
        """
        if self.lock:
            return "locked"
        return "active" if self.agent.settled else "pending"

    @property
    def answers(self) -> bool:
        """Whether a control call here would be answered at this very moment."""
        ready = self.agent.settled and not self.lock
        return ready and self.manager.gate(self.node_id) is Gate.OPEN

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
        """The control API, if this node is a manager and there is a leader; waits for either up to 20 s.

        Raises:
            SwarmLocked: it wants its key first.
            NotManager: a worker, or a manager that cannot reach the others since its start.
            NoLeader: the managers have no leader.
            ApiError: the deadline passed, or the leader stepped down while the call waited for its quorum.
        """
        self.check_manager()
        return self._ask(self.node_id, write=write)

    def check_manager(self) -> None:
        """Refuse on a node without a working manager; one that is starting is given its 20 s.

        Source: moby daemon/cluster/cluster.go errNoManager; Start (the engine answers once it is ready).
        """
        if self.lock:
            raise SwarmLocked
        if not self.is_manager:
            raise NotManager(_WORKER)
        cluster = self.host.cluster
        patience_ns = self._started_ns + cluster.profile.join_timeout_ns - cluster.clock.now_ns
        if not self.agent.settled and patience_ns > 0:
            cluster.step_until(self._settled, patience_ns)
        if not self.agent.settled:
            raise NotManager(_PREPARING)

    def _settled(self) -> bool:
        return self.agent.settled

    def _ask(self, manager_id: str, *, write: bool) -> Control:
        """Let a call wait, as the engine does, until a manager answers it or its deadline passes.

        Whether there has been no leader for long is looked at once, when the call begins. A call that was
        sent to a leader that fell silent stays with it, whoever leads since.

        Source: swarmkit manager/state/raft/raft.go LeaderConn; recorded on a real 26.1.5.
        """
        cluster, quorum = self.host.cluster, self.manager.quorum
        deadline_ns = cluster.clock.now_ns + cluster.profile.request_timeout_ns
        gate = first = quorum.gate(manager_id, write=write)
        leader = quorum.followed(manager_id)
        if gate is Gate.CLOSED:
            raise NoLeader(NO_LEADER)
        while gate is not Gate.OPEN or (first is Gate.HANGING and quorum.leader != leader):
            if cluster.clock.now_ns >= deadline_ns:
                raise ApiError(_NO_ANSWER, rpc_code="DeadlineExceeded")
            cluster.clock.run_for(min(_SECOND, deadline_ns - cluster.clock.now_ns))
            if first is Gate.STALLED and quorum.leader != leader:
                raise ApiError(_LOST, rpc_code="Unknown")
            gate = quorum.gate(manager_id, write=write)
        return self.manager.control

    # -- plain containers on swarm networks

    def attach(self, network: Network, container_id: str, wanted: str = "") -> tuple[Task, Attachment]:
        """Ask for an address on a network; the task that holds it, and the node's own place there.

        Workers may ask too: the request goes over the agent's line to the leader. ``wanted`` is the address
        asked for, empty for any.

        Raises:
            NoLeader: there is none to ask.
            Forbidden: the network is not attachable, or this node was removed from the swarm.
            ApiError: no address was free, or no quorum there, within 20 s.

        Source: moby daemon/cluster/networks.go AttachNetwork; swarmkit manager/resourceapi AttachNetwork.
        """
        if self.find_dispatcher() is None:
            raise NoLeader(NO_LEADER)
        control = self._ask(self.manager.quorum.leader, write=True)
        try:
            if self.node_id not in self.manager.store.nodes:  # Source: swarmkit ca/auth.go
                raise PermissionDenied(f"Permission denied: node {self.node_id} was removed from swarm")
            task = control.attach(network.id, container_id, self.node_id, (wanted,) if wanted else ())
        except PermissionDenied as refusal:
            raise Forbidden(f"Could not attach to network {network.name}: {refusal}") from None
        return self._await_address(task, network)

    def _await_address(self, task: Task, network: Network) -> tuple[Task, Attachment]:
        """Wait, up to 20 s, until the container has an address there and so has its node."""
        cluster, store = self.host.cluster, self.manager.store
        deadline_ns = cluster.clock.now_ns + cluster.profile.request_timeout_ns
        while True:
            # Either may be removed while this waits.
            served, node = store.tasks.get(task.id), store.nodes.get(self.node_id)
            place = node.attachment(network.id) if node else None
            if served is not None and served.state is not TaskState.NEW and place is not None:
                return served, place
            if cluster.clock.running or cluster.clock.now_ns >= deadline_ns:
                self._give_back(task.id)
                raise ApiError(
                    f"Could not attach to network {network.name}: attaching to network failed, make sure "
                    f"your network options are correct and check manager logs: {_NO_ANSWER}"
                )
            cluster.clock.run_for(_SECOND)

    def detach(self, container: Container, network_id: str) -> None:
        """Give a plain container's address on a swarm network back."""
        task_id = container.attachment_tasks.get(network_id, "")
        container.attachment_tasks = container.attachment_tasks.minus(network_id)
        if self.manager.desk.held:
            self.manager.desk.call_later(0, self._give_back, task_id, name="detach")
        else:
            self._give_back(task_id)

    def end_attachments(self, tasks: Sequence[Task]) -> None:
        """Give back what containers held that did not survive a restart of the engine.

        Source: moby daemon/cluster/networks.go WaitForDetachment (no attacher: the task is detached).
        """
        containers = self.host.engine.containers
        for task in tasks:
            container_id = task.shared.spec.attachment
            # One that has not begun yet is still being attached.
            container = containers.get(container_id)
            if container_id and (container is None or container.state == "exited"):
                self.manager.desk.call_later(0, self._give_back, task.id, name="detach")

    def _give_back(self, task_id: str) -> None:
        if self.find_dispatcher() is not None and task_id in self.manager.store.tasks:
            self.manager.control.detach(task_id)

    def detach_all(self, container: Container) -> None:
        """Give all its addresses back: it has ended. It remembers its networks."""
        for network_id in list(container.attachment_tasks):
            self.detach(container, network_id)
        container.attachments = tuple(Attachment(a.network_id, "") for a in container.attachments)

    # -- its engine's life

    def enter(self) -> None:
        """Begin: the agent looks for the managers."""
        self._started_ns = self.host.cluster.clock.now_ns
        self.agent.start()

    def sleep(self, *, graceful: bool) -> None:
        """The engine ends; in order: once its tasks have been stopped. Nobody is told."""
        if self.agent.running and self.is_manager:
            self._key = self.manager.store.swarm.unlock_key
        self.host.cluster.silence(self.node_id)
        self.agent.stop(graceful, self.host.engine.halt)

    def wake(self) -> None:
        """The engine is back. A manager whose swarm has autolock waits for its key."""
        self.lock = self._key
        if not self.lock:
            self._speak()

    def _speak(self) -> None:
        self.host.cluster.let_speak(self.node_id)
        self.enter()

    def unlock(self, text: str) -> None:
        """Take the key; returns when the node is active again (or after 20 s).

        Raises:
            NotManager: a worker.
            Conflict: it is not locked.
            InvalidParameter, InvalidUnlockKey: not a key, or the wrong one.

        Source: moby daemon/cluster/swarm.go UnlockSwarm.
        """
        if not self.lock:
            self.check_manager()
            raise Conflict("swarm is not locked")
        check_unlock_key(text, self.lock)
        self.host.cluster.clock.guard()
        self.lock = ""
        self._speak()
        self.await_active()

    def force_new_cluster(self) -> None:
        """Go on alone: this node becomes the only manager; its engine's part in the swarm starts anew.

        Returns when the node is active.

        Raises:
            Unavailable: it is no manager.
            NotModelled: other managers of the swarm run, or it has missed commits.

        Source: moby daemon/cluster/swarm.go Init; swarmkit manager/state/raft/storage.go.
        """
        if not self.is_manager or self.lock:
            raise Unavailable("Node is not a manager")
        quorum = self.manager.quorum
        quorum.check_survivor(self.node_id)
        self._end()
        quorum.force_new_cluster(self.node_id)
        self._speak()
        self.await_active()

    def await_active(self) -> bool:
        """Step until the node is ready, told of itself and a part of the mesh; False after 20 s."""
        cluster = self.host.cluster
        return cluster.step_until(self._active, cluster.profile.join_timeout_ns)

    def _active(self) -> bool:
        node = self.manager.store.nodes.get(self.node_id)
        ready = node is not None and node.status.state is NodeState.READY
        return ready and self.agent.settled and self._meshed()

    def _meshed(self) -> bool:
        networks = self.manager.store.networks.values()
        return self.host.plane.ingress is not None or not any(n.spec.ingress for n in networks)

    # -- leaving

    def leave(self, *, force: bool) -> None:
        """Leave: the node's containers and state go; nobody is told but by silence.

        Raises:
            SwarmLocked, Unavailable: a manager leaves only by force.

        Source: moby daemon/cluster/swarm.go Leave.
        """
        if self.lock and not force:
            raise SwarmLocked(leaving=True)
        if self.is_manager and not force:
            raise Unavailable(_LEAVING + self._danger())
        host = self.host
        self._end()
        host.member = None
        host.engine.leave_swarm()
        host.cluster.remove_member(self.node_id)

    def _end(self) -> None:
        """Its part in the swarm ends in order: returns when its tasks' containers are gone."""
        host, cluster = self.host, self.host.cluster
        cluster.clock.guard()
        cluster.silence(self.node_id)
        cluster.refresh()
        self.agent.stop(graceful=True)
        self.await_idle()
        cluster.journal.leave(host.name)
        host.plane.leave_swarm()

    def await_idle(self) -> None:
        """Step until the containers of tasks that are being stopped are gone; ten minutes at most."""
        self.host.cluster.step_until(self._idle, _PATIENCE_NS)

    def _idle(self) -> bool:
        return not self.agent.worker.dropping

    def _danger(self) -> str:
        """Why a manager should not leave. Source: moby daemon/cluster/swarm.go Leave, managerStats."""
        quorum = self.manager.quorum
        if not self.agent.settled:
            return f"Doing so may lose the consensus of your cluster. {_ONLY_WAY}"
        if quorum.gate(self.node_id, write=False) is not Gate.OPEN:
            return _ONLY_WAY
        members = len(quorum.members)
        reachable = sum(quorum.reachability(m) is Reachability.REACHABLE for m in quorum.members)
        if 2 * reachable - 2 > members:
            return _ONLY_WAY
        if members == 1:
            return (
                "Removing the last manager erases all current state of the swarm. "
                "Use `--force` to ignore this message. "
            )
        return (
            f"Removing this node leaves {reachable - 1} managers out of {members}. "
            f"Without a Raft quorum your swarm will be inaccessible. {_ONLY_WAY}"
        )


def require(host: Host, *, leave: bool = False) -> Membership:
    """The host's membership, or the sentence for one without.

    Raises:
        EngineDown: its engine does not run.
        NotInSwarm, NotManager: it is in no swarm (yet).
    """
    host.engine.check_running()
    if host.joining is not None:
        raise NotManager(_WORKER)
    if host.member is None:
        raise NotInSwarm("This node is not part of a swarm") if leave else NotManager(NOT_IN_SWARM)
    return host.member

"""What the tests of control, allocator and orchestrators share: a store, loops, and tasks moved by hand."""

from __future__ import annotations

from attrs import evolve

from meshsim.manager.control import Control
from meshsim.manager.orchestrator.tasks import invalid_node
from meshsim.model.log import Log
from meshsim.model.objects import (
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Swarm,
    Task,
    TaskStatus,
)
from meshsim.model.specs import (
    ContainerSpec,
    EndpointSpec,
    NetworkAttachmentConfig,
    NetworkSpec,
    NodeSpec,
    PortConfig,
    Replicated,
    Resources,
    RestartPolicy,
    ServiceSpec,
    SwarmSpec,
    TaskSpec,
)
from meshsim.model.states import Availability, NodeState, TaskState
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

MS = 1_000_000
S = 1_000_000_000

NEW, PENDING, ASSIGNED, READY, STARTING, RUNNING = (
    TaskState.NEW,
    TaskState.PENDING,
    TaskState.ASSIGNED,
    TaskState.READY,
    TaskState.STARTING,
    TaskState.RUNNING,
)
COMPLETE, SHUTDOWN, FAILED, REJECTED, REMOVE, ORPHANED = (
    TaskState.COMPLETE,
    TaskState.SHUTDOWN,
    TaskState.FAILED,
    TaskState.REJECTED,
    TaskState.REMOVE,
    TaskState.ORPHANED,
)
ACTIVE, PAUSE, DRAIN = Availability.ACTIVE, Availability.PAUSE, Availability.DRAIN


class Members:
    """Raft as the tests want it."""

    def __init__(self):
        self.ids = {}
        self.removable = True

    def is_member(self, node_id):
        return node_id in self.ids

    def can_remove(self, node_id):
        return self.removable


def spec(name="web", replicas=1, *, image="nginx", ports=(), networks=(), mode=None, endpoint=None, **task):
    """A service spec; what is left is the task spec's."""
    service = {key: task.pop(key) for key in ("update", "rollback", "labels") if key in task}
    container = task.pop("container", None) or ContainerSpec(image=image)
    return ServiceSpec(
        name,
        task=TaskSpec(
            container=container, networks=tuple(NetworkAttachmentConfig(n) for n in networks), **task
        ),
        mode=mode or Replicated(replicas),
        endpoint=EndpointSpec(ports=tuple(ports)) if endpoint is None else endpoint,
        **service,
    )


def policy(condition="any", delay_ns=0, attempts=0, window_ns=0):
    from meshsim.model.states import RestartCondition

    return RestartPolicy(RestartCondition(condition), delay_ns, attempts, window_ns)


class Office:
    """A swarm of one store; ``loops`` are classes, started in order."""

    def __init__(self, *loops, nodes=0, ties="joined", engine="28", swarm=None, **profile):
        self.clock = Clock()
        self.log = Log()
        self.streams = Streams(0)
        self.profile = Profile(engine, **profile)
        self.store = Store(self.clock, self.log)
        self.members = Members()
        self.ties = ties
        self.control = Control(self.store, self.clock, self.profile, self.streams, self.members)
        with self.store.transaction() as tx:
            tx.create(swarm or Swarm("swarm", root_ca_digest="ab" * 32))
            tx.create(Network("ingress-id", spec=NetworkSpec("ingress", ingress=True)))
        for number in range(1, nodes + 1):
            self.add_node(f"n{number}")
        self.loops = [loop(self.store, self.clock, self.profile, self.streams, ties=ties) for loop in loops]
        for loop in self.loops:
            loop.start()

    def change_leader(self):
        for loop in self.loops:
            loop.stop()
        for loop in self.loops:
            loop.start()

    def check(self):
        self.store.check()
        self.clock.check()
        for loop in self.loops:
            loop.check()

    def run(self, ns):
        self.clock.run_for(ns)

    # -- nodes

    def add_node(self, node_id, state=NodeState.READY, *, cpus=2, memory=2 << 30, generic=None, **node_spec):
        with self.store.transaction() as tx:
            return tx.create(
                Node(
                    node_id,
                    spec=NodeSpec(**node_spec),
                    description=NodeDescription(
                        node_id, resources=Resources(int(cpus * 1e9), memory, generic)
                    ),
                    status=NodeStatus(state),
                )
            )

    def set_node(self, node_id, state=None, **node_spec):
        node = self.store.nodes[node_id]
        status = node.status if state is None else evolve(node.status, state=state)
        with self.store.transaction() as tx:
            tx.update(node, spec=evolve(node.spec, **node_spec), status=status)

    def delete_node(self, node_id):
        with self.store.transaction() as tx:
            tx.delete(self.store.nodes[node_id])

    # -- services

    def create(self, service_spec):
        return self.control.create_service(service_spec)

    def respec(self, service, **changes):
        """Update a service through the control API."""
        service = self.store.services[service.id]
        return self.control.update_service(service.id, evolve(service.spec, **changes), service.version)

    def new_image(self, service, image):
        task = self.store.services[service.id].spec.task
        return self.respec(service, task=evolve(task, container=evolve(task.container, image=image)))

    def scale(self, service, replicas):
        return self.respec(service, mode=Replicated(replicas))

    def service(self, service):
        return self.store.services[service.id]

    # -- tasks

    def tasks(self, service=None):
        if service is None:
            return list(self.store.tasks.values())
        return self.store.tasks_of_service(service.id)

    def live(self, service):
        return [task for task in self.tasks(service) if task.desired <= RUNNING]

    def slots(self, service):
        return sorted(task.slot for task in self.live(service))

    def set(self, task, state=None, *, node=None, desired=None, err=""):
        task = self.store.tasks[task.id]
        status = None
        if state is not None:
            status = TaskStatus(state, "", err, self.clock.now_ns)
        with self.store.transaction() as tx:
            return tx.update(task, status=status, node_id=node, desired=desired)

    def set_all(self, tasks, state, **changes):
        for task in list(tasks):
            self.set(task, state, **changes)

    def add_tasks(self, *tasks):
        with self.store.transaction() as tx:
            for task in tasks:
                tx.create(task)

    def replacement(self, old):
        """The newest task of the old one's slot."""
        mates = [t for t in self.store.tasks_of_service(old.service_id) if t.slot == old.slot]
        if old.slot == 0:
            mates = [t for t in mates if t.node_id == old.node_id]
        return mates[-1]

    def network(self, name="eg1", network_id=None, **fields):
        with self.store.transaction() as tx:
            return tx.create(Network(network_id or name, spec=NetworkSpec(name, **fields)))


class Agents:
    """Agents in no time: whatever is desired happens at once, unless told otherwise.

    Args:
        office: whose tasks to move.
        fail: called with a task about to run; true makes it fail instead.
        linger: True leaves tasks running that should stop.
    """

    def __init__(self, office, *, fail=None, linger=False, place=True):
        self.office = office
        self.fail = fail
        self.linger = linger
        self.place = place
        self.started = []
        office.store.watch(self.on_commit, rank=95)
        for task in office.tasks():
            self.move(task)

    def on_commit(self, committed):
        for change in committed.changes:
            task = getattr(change, "new", None)
            if isinstance(task, Task):
                current = self.office.store.tasks.get(task.id)
                if current is not None:
                    self.move(current)

    def move(self, task):
        state, office = task.status.state, self.office
        if state > RUNNING:
            return
        if task.desired >= SHUTDOWN:
            if not self.linger or state < RUNNING:
                office.set(task, SHUTDOWN)
        elif state < READY:
            nodes = [n.id for n in office.store.nodes.values() if not invalid_node(n)]
            node = task.node_id or (nodes[(task.slot - 1) % len(nodes)] if nodes and self.place else None)
            office.set(task, READY, node=node)
        elif task.desired in {RUNNING, COMPLETE} and state < RUNNING:
            self.started.append((office.clock.now_ns, task))
            if self.fail is not None and self.fail(task):
                office.set(task, FAILED)
            else:
                office.set(task, RUNNING)


__all__ = ["Agents", "Members", "Office", "PortConfig", "Service", "SwarmSpec", "policy", "spec"]

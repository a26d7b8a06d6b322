"""What the tests of the manager's loops share: a store with nodes and tasks, and agents that write down."""

from __future__ import annotations

from meshsim.manager.dispatcher import Dispatcher
from meshsim.manager.scheduler import Scheduler
from meshsim.model.log import Log
from meshsim.model.objects import (
    Attachment,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Swarm,
    Task,
    TaskShared,
    TaskStatus,
)
from meshsim.model.specs import (
    GlobalMode,
    NetworkSpec,
    NodeSpec,
    Platform,
    Replicated,
    Resources,
    ServiceSpec,
    SwarmSpec,
    TaskSpec,
)
from meshsim.model.states import NodeState, TaskState
from meshsim.model.store import Store
from meshsim.placement import Placer
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

MS = 1_000_000
S = 1_000_000_000
HOUR = 3600 * S


class Sink:
    """An agent that only listens."""

    def __init__(self, clock):
        self.clock = clock
        self.heard = []
        self.closed = 0

    def assign(self, *, complete, tasks, removed, networks, node):
        self.heard.append((self.clock.now_ns, complete, [t.id for t in tasks], list(removed), node.id))
        self.networks = [n.id for n in networks]
        self.node = node

    def close(self):
        self.closed += 1


class Bench:
    """A store with a swarm object; loops are built by the tests."""

    def __init__(self, spec=None, **profile):
        self.clock = Clock()
        self.log = Log()
        self.streams = Streams(0)
        self.profile = Profile(**profile)
        self.store = Store(self.clock, self.log)
        self.cut = set()
        with self.store.transaction() as tx:
            tx.create(Swarm("swarm", spec=spec or SwarmSpec()))
            tx.create(Network("net", spec=NetworkSpec("eg1")))

    def reaches(self, node_id):
        return node_id not in self.cut

    def dispatcher(self):
        return Dispatcher(self.store, self.clock, self.profile, self.streams, reaches=self.reaches)

    def scheduler(self, placer=None):
        return Scheduler(self.store, self.clock, self.profile, placer or Placer())

    def write(self, *objects):
        """Create the objects, or replace those that are there."""
        with self.store.transaction() as tx:
            for obj in objects:
                old = tx.get(type(obj), obj.id)
                if old is None:
                    tx.create(obj)
                else:
                    fields = ("status", "spec", "description", "role", "attachments")
                    if isinstance(obj, Task):
                        fields = ("status", "desired", "node_id", "attachments", "endpoint")
                    tx.update(old, **{name: getattr(obj, name) for name in fields if hasattr(obj, name)})

    def delete(self, *objects):
        with self.store.transaction() as tx:
            for obj in objects:
                tx.delete(tx.get(type(obj), obj.id))

    def node(self, node_id="n1"):
        return self.store.nodes[node_id]

    def task(self, task_id="t1"):
        return self.store.tasks[task_id]

    def set_task(self, task_id, **changes):
        with self.store.transaction() as tx:
            return tx.update(self.store.tasks[task_id], **changes)

    def set_state(self, task_id, state, err=""):
        return self.set_task(task_id, status=TaskStatus(state, "", err, self.clock.now_ns))

    def set_node(self, node_id, **changes):
        with self.store.transaction() as tx:
            return tx.update(self.store.nodes[node_id], **changes)

    def run(self, ns):
        self.clock.run_for(ns)


def make_node(node_id="n1", state=NodeState.READY, *, cpus=0, memory=0, generic=None, plugins=(), **spec):
    return Node(
        node_id,
        spec=NodeSpec(**spec),
        description=NodeDescription(
            node_id,
            Platform("linux", "x86_64"),
            Resources(int(cpus * 1e9), memory, generic),
            plugins=tuple(plugins),
        ),
        status=NodeStatus(state, "", "10.9.0.1"),
    )


def make_service(service_id="s1", mode=None, spec_version=1):
    return Service(
        service_id, spec=ServiceSpec(service_id, mode=mode or Replicated(1)), spec_version=spec_version
    )


def make_task(
    task_id="t1",
    state=TaskState.PENDING,
    *,
    node="",
    desired=TaskState.RUNNING,
    service="s1",
    slot=1,
    spec=None,
    spec_version=1,
    networks=(),
    endpoint=None,
):
    return Task(
        task_id,
        TaskShared(service, service, spec or TaskSpec(), spec_version, 0),
        slot,
        node,
        desired,
        TaskStatus(state),
        tuple(Attachment(network, f"10.0.1.{3 + i}/24") for i, network in enumerate(networks)),
        endpoint,
    )


__all__ = [
    "HOUR",
    "MS",
    "Bench",
    "GlobalMode",
    "S",
    "Sink",
    "make_node",
    "make_service",
    "make_task",
]

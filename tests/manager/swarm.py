"""A whole swarm without a data plane: managers, agents, and runtimes that only write down."""

from __future__ import annotations

from tests.agent.fakes import FakeRuntime

from meshsim.agent import Agent
from meshsim.manager import Manager
from meshsim.model.log import Log
from meshsim.model.objects import NodeDescription
from meshsim.model.specs import ContainerSpec, EndpointSpec, PortConfig, Replicated, ServiceSpec, TaskSpec
from meshsim.model.states import NodeState, TaskState
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

MS = 1_000_000
S = 1_000_000_000


class Host:
    """One machine: its agent, its runtime, whether it has power."""

    def __init__(self, swarm, name, number):
        self.swarm = swarm
        self.name = name
        self.address = f"192.168.65.{10 + number}"
        self.runtime = FakeRuntime()
        self.node_id = ""
        self.agent = None
        self.up = True
        self.in_raft = False

    def enter(self, node_id):
        self.node_id = node_id
        self.swarm.by_node[node_id] = self
        swarm = self.swarm
        self.agent = Agent(
            node_id,
            swarm.clock,
            swarm.streams[f"agent/{node_id}"],
            swarm.profile,
            find_dispatcher=self.find,
            runtime=self.runtime,
            describe=self.describe,
            address=self.address,
        )
        self.agent.start()

    def describe(self):
        return NodeDescription(self.name)

    def find(self):
        manager = self.swarm.manager
        return manager.dispatcher if manager.leader_reaches(self.node_id) else None


class Swarm:
    """Hosts host01 ... of which the first ``managers`` are managers."""

    def __init__(self, hosts=3, managers=1, *, seed=0, spec=None, subnet_size=24, **profile):
        self.clock = Clock()
        self.streams = Streams(seed)
        self.profile = Profile(**profile)
        self.log = Log()
        self.by_node = {}
        self.sides = []
        self.hosts = [Host(self, f"host{i:02}", i) for i in range(1, hosts + 1)]
        self.manager = Manager(
            self.clock, self.streams, self.profile, self.log, label="swarm", reaches=self.reaches
        )
        first = self.hosts[0]
        node = self.manager.bootstrap(
            hostname=first.name, address=first.address, spec=spec, subnet_size=subnet_size
        )
        first.enter(node.id)
        for number, host in enumerate(self.hosts[1:], 2):
            self.join(host, manager=number <= managers)
        self.settle()

    @property
    def store(self):
        return self.manager.store

    @property
    def control(self):
        return self.manager.control

    @property
    def quorum(self):
        return self.manager.quorum

    def join(self, host, *, manager=False):
        swarm = self.store.swarm
        token = swarm.manager_token if manager else swarm.worker_token
        node = self.control.issue_certificate(token, hostname=host.name, address=host.address)
        self.by_node[node.id] = host
        if manager:
            self.quorum.join(node.id, f"{host.address}:2377")
        host.enter(node.id)

    # -- links and power

    def reaches(self, a, b):
        one, two = self.by_node.get(a), self.by_node.get(b)
        if one is None or two is None or not (one.up and two.up):
            return False
        return one is two or self.side(one) == self.side(two)

    def side(self, host):
        return next((i for i, side in enumerate(self.sides) if host.name in side), -1)

    def fail(self, number):
        host = self.hosts[number - 1]
        if host.up:
            host.up = False
            host.agent.crash()
            self.quorum.refresh()

    def recover(self, number):
        host = self.hosts[number - 1]
        if not host.up:
            host.up = True
            self.quorum.refresh()
            host.agent.start()

    def partition(self, *sides):
        self.sides = [[f"host{n:02}" for n in side] for side in sides]
        self.quorum.refresh()

    def heal(self):
        self.partition()

    # -- time

    def run(self, seconds):
        self.clock.run_for(int(seconds * S))
        self.check()

    def settle(self, limit_s=600):
        """Until nothing moves and everyone has noticed what happened."""
        end_ns = self.clock.now_ns + limit_s * S
        while self.clock.now_ns < end_ns:
            if self.clock.foreground == 0 and self.noticed():
                break
            if not self.clock.step():
                break
        else:
            raise AssertionError(f"not settled: {self.clock.pending()}")
        self.check()

    def noticed(self):
        """Every living host that reaches the leader has a session; the others are DOWN."""
        quorum = self.quorum
        if not quorum.leader or quorum.held:
            return self.hopeless()
        for node in self.store.nodes.values():
            host = self.by_node[node.id]
            reached = self.manager.leader_reaches(node.id)
            if reached != (node.status.state == NodeState.READY):
                return False
            if reached and (not host.agent.connected or host.agent.worker.unsent):
                return False
            if not reached and node.status.state != NodeState.DOWN:
                return False
        members = quorum.members.values()
        return not any(m.up and m.cut_ns is not None and self.side_has_quorum(m) for m in members)

    def side_has_quorum(self, member):
        ids = list(self.quorum.members)
        reached = sum(self.reaches(member.node_id, other) for other in ids)
        return reached >= len(ids) // 2 + 1

    def hopeless(self):
        return not any(self.side_has_quorum(m) for m in self.quorum.members.values() if m.up)

    def check(self):
        self.manager.check()
        for host in self.hosts:
            if host.agent is not None:
                host.agent.check()

    # -- services

    def service(self, replicas=2, *, image="web", name="web", ports=(), **task):
        spec = ServiceSpec(
            name,
            TaskSpec(ContainerSpec(image), **task),
            Replicated(replicas),
            endpoint=EndpointSpec(ports=tuple(PortConfig(80, port) for port in ports)),
        )
        return self.control.create_service(spec)

    def tasks(self, state=None, desired=None):
        return [
            task
            for task in self.store.tasks.values()
            if (state is None or task.state == state) and (desired is None or task.desired == desired)
        ]

    def running(self):
        return self.tasks(TaskState.RUNNING, TaskState.RUNNING)

    def node(self, number):
        return self.store.nodes[self.hosts[number - 1].node_id]

"""Control, allocator and orchestrators together, under any sequence of calls and any fate of the tasks.

Agents and scheduler are played by the machine: it places tasks, moves them on, lets them fail. After every
rule the loops' own checks hold; when all tasks have been brought to rest, what was asked for is there.
"""

from __future__ import annotations

import copy

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.manager.office import (
    ACTIVE,
    COMPLETE,
    DRAIN,
    FAILED,
    NEW,
    PAUSE,
    READY,
    RUNNING,
    SHUTDOWN,
    Office,
    S,
    policy,
    spec,
)

from meshsim.errors import ApiError
from meshsim.manager.allocator import Allocator
from meshsim.manager.orchestrator import (
    ConstraintEnforcer,
    GlobalOrchestrator,
    JobOrchestrator,
    ReplicatedOrchestrator,
    TaskReaper,
)
from meshsim.model.objects import Swarm
from meshsim.model.specs import (
    EndpointSpec,
    GlobalMode,
    NetworkAttachmentConfig,
    PortConfig,
    Replicated,
    ReplicatedJob,
    SwarmSpec,
    UpdateConfig,
)
from meshsim.model.states import FailureAction, NodeState, UpdateOrder

LOOPS = (
    Allocator,
    ReplicatedOrchestrator,
    GlobalOrchestrator,
    JobOrchestrator,
    ConstraintEnforcer,
    TaskReaper,
)
NAMES = ("a", "b", "c")
NODES = ("n1", "n2", "n3")
MODES = (Replicated(0), Replicated(2), Replicated(3), GlobalMode(), ReplicatedJob(1, 2))
UPDATES = (
    None,
    UpdateConfig(parallelism=0),
    UpdateConfig(parallelism=2, order=UpdateOrder.START_FIRST, failure_action=FailureAction.ROLLBACK),
    UpdateConfig(parallelism=1, delay_ns=S, failure_action=FailureAction.CONTINUE),
)
POLICIES = (None, policy(delay_ns=S), policy("on-failure", S), policy("none"), policy(delay_ns=S, attempts=2))


class Managers(RuleBasedStateMachine):
    """Users, nodes and leaders do what they like; the loops must keep order."""

    def __init__(self):
        super().__init__()
        self.office = Office(*LOOPS, nodes=2, swarm=Swarm("swarm", spec=SwarmSpec(task_history_limit=2)))
        self.office.network("eg1", attachable=True)

    @property
    def store(self):
        return self.office.store

    def attempt(self, call, *args, **kwargs):
        """Make a call that may be refused; a refusal writes nothing."""
        version = self.store.version
        try:
            return call(*args, **kwargs)
        except ApiError:
            assert self.store.version == version
            return None

    # -- users

    @rule(
        name=st.sampled_from(NAMES),
        mode=st.sampled_from(MODES),
        port=st.sampled_from([None, 0, 81, 82]),
        on_network=st.booleans(),
        update=st.sampled_from(UPDATES),
        restart=st.sampled_from(POLICIES),
    )
    def create(self, name, mode, port, on_network, update, restart):
        ports = () if port is None else (PortConfig(80, port),)
        networks = ("eg1",) if on_network else ()
        update = None if isinstance(mode, ReplicatedJob) else update
        wanted = spec(name, mode=mode, ports=ports, networks=networks, update=update, restart=restart)
        self.attempt(self.office.control.create_service, wanted)

    @rule(name=st.sampled_from(NAMES), replicas=st.integers(0, 4))
    def scale(self, name, replicas):
        self.change(name, lambda old: evolve(old, mode=Replicated(replicas)))

    @rule(name=st.sampled_from(NAMES), image=st.sampled_from(["x", "y"]))
    def new_image(self, name, image):
        self.change(
            name,
            lambda old: evolve(old, task=evolve(old.task, container=evolve(old.task.container, image=image))),
        )

    @rule(name=st.sampled_from(NAMES), dnsrr=st.booleans(), count=st.integers(0, 2))
    def publish(self, name, dnsrr, count):
        from meshsim.model.states import EndpointMode

        ports = tuple(PortConfig(80 + n) for n in range(count))
        mode = EndpointMode.DNSRR if dnsrr else EndpointMode.VIP
        self.change(name, lambda old: evolve(old, endpoint=EndpointSpec(mode, ports)))

    @rule(name=st.sampled_from(NAMES), on=st.booleans())
    def connect(self, name, on):
        networks = (NetworkAttachmentConfig("eg1"),) if on else ()
        self.change(name, lambda old: evolve(old, task=evolve(old.task, networks=networks)))

    @rule(name=st.sampled_from(NAMES))
    def rollback(self, name):
        service = next((s for s in self.store.services.values() if s.name == name), None)
        if service is not None:
            self.attempt(
                self.office.control.update_service,
                service.id,
                service.spec,
                service.version,
                rollback="previous",
            )

    def change(self, name, make):
        service = next((s for s in self.store.services.values() if s.name == name), None)
        if service is not None:
            self.attempt(self.office.control.update_service, service.id, make(service.spec), service.version)

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name):
        service = next((s for s in self.store.services.values() if s.name == name), None)
        if service is not None:
            self.office.control.remove_service(service.id)

    @rule(node=st.sampled_from(NODES))
    def run_container(self, node):
        if node in self.store.nodes:
            self.office.control.attach("eg1", "c" * 64, node)

    # -- nodes and leaders

    @rule(
        node=st.sampled_from(NODES),
        state=st.sampled_from([NodeState.READY, NodeState.DOWN]),
        availability=st.sampled_from([ACTIVE, PAUSE, DRAIN]),
    )
    def node(self, node, state, availability):
        if node in self.store.nodes:
            self.office.set_node(node, state, availability=availability)
        else:
            self.office.add_node(node, state, availability=availability)

    @rule(node=st.sampled_from(NODES))
    def lose_node(self, node):
        if node in self.store.nodes:
            self.office.control.remove_node(node, force=True)

    @rule()
    def change_leader(self):
        self.office.change_leader()

    @rule()
    def fork(self):
        twin = copy.deepcopy(self.office)
        self.office, twin = twin, self.office
        for each in (self.office, twin):
            each.run(2 * S)
        assert self.office.log.digest() == twin.log.digest()

    # -- scheduler and agents

    @rule(number=st.integers(0, 50), fate=st.sampled_from([READY, RUNNING, COMPLETE, FAILED]))
    def move(self, number, fate):
        tasks = self.office.tasks()
        if tasks:
            self.advance(tasks[number % len(tasks)], fate)

    @rule(seconds=st.integers(0, 7))
    def wait(self, seconds):
        self.office.run(seconds * S)

    def advance(self, task, fate):
        """Move a task on as agents would: never back, never without a node or an address."""
        if task.state is NEW or task.state > RUNNING:
            return
        node = task.node_id
        if not node:
            usable = [
                n.id
                for n in self.store.nodes.values()
                if n.status.state is NodeState.READY and n.spec.availability is ACTIVE
            ]
            if not usable or task.desired >= SHUTDOWN:
                return
            node = usable[task.slot % len(usable)]
        home = self.store.nodes.get(node)
        if home is None or home.status.state is NodeState.DOWN:
            return
        if task.desired >= SHUTDOWN:
            fate = SHUTDOWN
        elif task.desired is READY:
            fate = READY
        if fate >= task.state:
            self.office.set(task, fate, node=node)

    # -- what holds always, and at rest

    @invariant()
    def sound(self):
        self.office.check()

    def teardown(self):
        office = self.office
        for node in list(self.store.nodes):
            office.set_node(node, NodeState.READY, availability=ACTIVE)
        if not self.store.nodes:
            office.add_node("n1")
        for _ in range(60):
            for task in office.tasks():
                self.advance(task, RUNNING)
            office.run(2 * S)
        office.check()
        for service in self.store.services.values():
            self.rests(service)
        for service in list(self.store.services.values()):
            office.control.remove_service(service.id)
        for _ in range(5):
            for task in office.tasks():
                if task.service_id:
                    self.advance(task, SHUTDOWN)
                else:
                    office.control.detach(task.id)
            office.run(2 * S)
        assert office.tasks() == []
        assert all(a.network_id != "eg1" for n in self.store.nodes.values() for a in n.attachments)
        assert len(office.loops[0]._networks._locals["eg1"].pools[0]) == 1  # the gateway
        office.check()

    def rests(self, service):
        """Every slot is filled, or its last task is one its policy leaves dead."""
        tasks = self.office.tasks(service)
        live = [t for t in tasks if t.desired <= COMPLETE and t.state <= COMPLETE]
        restart = service.spec.task.restart
        gives_up = restart is not None and (restart.max_attempts or restart.condition.value != "any")
        mode = service.spec.mode
        if isinstance(mode, Replicated):
            slots = [t.slot for t in live if t.desired <= RUNNING]
            assert len(slots) == len(set(slots)) <= mode.replicas
            assert gives_up or len(slots) == mode.replicas
        elif isinstance(mode, GlobalMode):
            nodes = [t.node_id for t in live if t.desired <= RUNNING]
            assert len(nodes) == len(set(nodes))
            assert gives_up or set(nodes) == set(self.store.nodes)


TestManagers = Managers.TestCase
TestManagers.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)

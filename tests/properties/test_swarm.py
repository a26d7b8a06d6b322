"""Whole swarms of one to seven hosts under any sequence of orders and faults, members coming and going.

The machine of facade calls (test_cluster) with what happens to managers: joins, leaves, promotions,
demotions, power cuts, partitions, removals; services of every mode, updated and rolled back. The laws hold
at every commit and after every rule; once all is quiet, whatever does not run says why.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from tests.properties import laws
from tests.properties.test_cluster import Facade

from meshsim import Cluster
from meshsim.errors import ApiError
from meshsim.model.states import NodeState, Role, TaskState

NAMES = tuple(f"host{n:02d}" for n in range(1, 8))
HOST = st.integers(0, 6)


class Swarm(Facade):
    """Any fate of a swarm."""

    @initialize(
        hosts=st.integers(1, 7),
        managers=st.integers(1, 5),
        ties=st.sampled_from(["joined", "seeded"]),
        seed=st.integers(0, 3),
    )
    def found(self, hosts, managers, ties, seed):
        self.cluster = Cluster(seed, ties=ties)
        self.hosts = list(self.cluster.add_hosts(*NAMES[:hosts]))
        self.hosts[0].swarm.init()
        self.swarm = self.cluster.swarms[0]
        self.made = 0
        self.history = laws.History(self.cluster, self.swarm, self.reaches)
        for host in self.hosts[1:managers]:
            self.join_one(host, "manager")
        for host in self.hosts[managers:]:
            self.join_one(host, "worker")

    def reaches(self, one, other):
        return self.swarm._reaches(one, other)

    def join_one(self, host, role):
        door = self.manager
        self.attempt(host.swarm.join, f"{door.name}:2377", token=door.swarm.join_token(role))

    def attempt(self, call, *args, **kwargs):
        """As the facade's, but a call that waited may have seen others' writes."""
        version, now_ns = self.swarm.store.version, self.cluster.clock.now_ns
        try:
            return call(*args, **kwargs)
        except ApiError:
            assert self.cluster.clock.now_ns > now_ns or self.swarm.store.version == version
            return None

    # -- who can be asked

    @property
    def manager(self):
        """A manager that answers, else the first host: refused, whatever is asked of it."""
        return next((host for host in self.hosts if self.answers(host)), self.hosts[0])

    def answers(self, host):
        if not (host.up and host.engine.running) or host.member is None:
            return False
        if host.member.manager is not self.swarm:
            return False
        try:
            host.nodes.list()
        except ApiError:
            return False
        return True

    @property
    def can_ask(self):
        """Whether there is a manager that answers."""
        return hasattr(self, "cluster") and any(map(self.answers, self.hosts))

    def pick(self, which):
        return self.hosts[which % len(self.hosts)]

    def node_of(self, host):
        return next((n for n in self.manager.nodes.list() if n.record.hostname == host.name), None)

    # -- members come and go

    @precondition(lambda self: self.can_ask)
    @rule(which=HOST, role=st.sampled_from(["worker", "manager"]))
    def join(self, which, role):
        host = self.pick(which)
        if host.up and host.engine.running and host.member is None:
            self.join_one(host, role)

    @rule(which=HOST, force=st.booleans())
    def leave(self, which, force):
        host = self.pick(which)
        if host.up and host.engine.running and host is not self.hosts[0]:
            self.attempt(host.swarm.leave, force=force)

    @precondition(lambda self: self.can_ask)
    @rule(which=HOST, force=st.booleans())
    def remove_node(self, which, force):
        node = self.node_of(self.pick(which))
        if node is not None:
            self.attempt(node.remove, force=force)

    @precondition(lambda self: self.can_ask)
    @rule(which=HOST, up=st.booleans())
    def promote_or_demote(self, which, up):
        node = self.node_of(self.pick(which))
        if node is not None:
            self.attempt(node.promote if up else node.demote)

    # -- faults

    @rule(which=HOST)
    def fail_or_recover(self, which):
        host = self.pick(which)
        host.recover() if not host.up else host.fail()

    @rule(which=HOST)
    def stop_or_start_engine(self, which):
        host = self.pick(which)
        if host.up:
            host.stop_engine() if host.engine.running else host.start_engine()

    @rule(sides=st.lists(st.integers(0, 2), min_size=7, max_size=7))
    def partition(self, sides):
        groups = [[h.name for h, s in zip(self.hosts, sides, strict=False) if s == side] for side in (1, 2)]
        self.cluster.partition(*filter(None, groups))

    @rule()
    def heal(self):
        self.cluster.heal()

    @rule(which=st.integers(0, 9), exit_code=st.integers(0, 3))
    def crash(self, which, exit_code):
        containers = [
            (host, container)
            for host in self.hosts
            if host.up and host.engine.running
            for container in host.engine.containers.values()
            if container.running and container.task is not None
        ]
        if containers:
            host, container = containers[which % len(containers)]
            host.containers.get(container.id).crash(exit_code)

    # -- services of all modes

    @precondition(lambda self: self.can_ask)
    @rule(
        mode=st.sampled_from(["replicated", "global", "replicated-job", "global-job"]),
        replicas=st.integers(0, 5),
        condition=st.sampled_from(["any", "on-failure", "none"]),
        constrained=st.booleans(),
    )
    def create_mode(self, mode, replicas, condition, constrained):
        self.made += 1
        options = {"replicas": replicas} if mode.startswith("replicated") else {}
        job = mode.endswith("job")
        self.attempt(
            self.manager.services.create,
            "alpine" if job else "nginx",
            name=f"s{self.made}",
            mode=mode,
            command="sleep 3" if job else None,
            restart_condition=condition,
            constraint=["node.role==worker"] if constrained else [],
            **options,
        )

    @precondition(lambda self: self.can_ask)
    @rule(
        which=st.integers(0, 9),
        image=st.sampled_from(["nginx:2", "httpd"]),
        order=st.sampled_from(["start-first", "stop-first"]),
        parallelism=st.integers(0, 2),
        delay=st.sampled_from(["0s", "2s"]),
        action=st.sampled_from(["pause", "continue", "rollback"]),
    )
    def update(self, which, image, order, parallelism, delay, action):
        services = self.manager.services.list()
        if services:
            service = services[which % len(services)]
            rollout = {} if service.record.job_status else {
                "update_order": order, "update_parallelism": parallelism, "update_delay": delay,
                "update_failure_action": action,
            }  # fmt: skip
            self.attempt(service.update, force=True, **({"image": image} if rollout else {}), **rollout)

    @precondition(lambda self: self.can_ask)
    @rule(which=st.integers(0, 9))
    def roll_back(self, which):
        services = self.manager.services.list()
        if services:
            self.attempt(services[which % len(services)].rollback)

    # -- laws

    @precondition(lambda self: False)
    @rule()
    def settle_and_ask(self):
        """The facade's law of published ports is about whole networks: not here."""

    @rule()
    def quiet(self):
        """Whatever there is, left alone it comes to rest; what does not run then says why."""
        self.cluster.settle()
        self.cluster.run_for("2m")
        self.cluster.settle()
        self.cluster.check()
        if self.can_ask:
            self.everything_has_a_reason()

    def everything_has_a_reason(self):
        store = self.swarm.store
        assert laws.missing_without_reason(store) == []
        for host in self.hosts:
            node = next(
                (n for n in store.nodes.values() if host.member and n.id == host.member.node_id), None
            )
            if node is not None and self.swarm.leader_reaches(node.id):
                assert node.status.state is NodeState.READY
        for task in store.tasks.values():
            node = store.nodes.get(task.node_id)
            if task.status.state < TaskState.ASSIGNED:
                continue  # nobody runs it: the reaper sees to it
            if task.desired > TaskState.RUNNING and node and node.status.state is NodeState.READY:
                assert task.status.state > TaskState.RUNNING, f"{task.name} should have stopped"

    @invariant()
    def everything_adds_up(self):
        if not hasattr(self, "history"):
            return
        self.cluster.check()
        store = self.swarm.store
        laws.no_address_twice(store)
        laws.no_port_twice(store)
        laws.leaders_apart(self.swarm.quorum, self.reaches)
        members = self.swarm.quorum.members
        for node in store.nodes.values():
            if node.spec.role is Role.WORKER and node.role is Role.WORKER:
                assert node.id not in members

    def teardown(self):
        """Everything is mended: what the swarm still has comes to rest, and the log tells all of it."""
        if not hasattr(self, "history"):
            return
        laws.mend(self.cluster)
        self.quiet()
        self.everything_adds_up()
        laws.same_store(self.swarm.store, self.cluster.log)


Swarm.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSwarm = Swarm.TestCase

"""Laws of membership: machines, engines and managers come and go in any order; at the end all is well."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.properties import laws

from meshsim import Cluster
from meshsim.errors import MeshsimError
from meshsim.model.states import NodeState, TaskState

SECOND = 1_000_000_000
hosts = st.integers(0, 4)


class Membership(RuleBasedStateMachine):
    """Any sequence of what people and fate do to the machines of a swarm; refusals are typed."""

    @initialize(count=st.integers(1, 5), autolock=st.booleans(), seed=st.integers(0, 3))
    def found(self, count, autolock, seed):
        self.cluster = Cluster(seed=seed, engine="26.1")
        first, *others = self.cluster.add_hosts(*(f"host{n:02}" for n in range(1, count + 1)))
        first.swarm.init(autolock=autolock)
        for number, host in enumerate(others):
            role = "manager" if number % 2 else "worker"
            host.swarm.join("host01", token=first.swarm.join_token(role))
        first.services.create("nginx", name="web", replicas=3, publish=["80:80"])

    def host(self, number):
        everyone = list(self.cluster.hosts.values())
        return everyone[number % len(everyone)]

    def manager(self):
        """A host that can be asked, or None."""
        members = (h for h in self.cluster.hosts.values() if h.engine.running and h.member is not None)
        return next((h for h in members if h.member.answers and h.member.is_manager), None)

    def attempt(self, call, *args, **kwargs):
        try:
            return call(*args, **kwargs)
        except MeshsimError:
            return None

    @rule(number=hosts, verb=st.sampled_from(["fail", "recover", "stop_engine", "start_engine"]))
    def power(self, number, verb):
        self.attempt(getattr(self.host(number), verb))

    @rule(number=hosts, role=st.sampled_from(["worker", "manager"]))
    def join(self, number, role):
        manager = self.manager()
        if manager is not None:
            token = manager.swarm.join_token(role)
            self.attempt(self.host(number).swarm.join, manager.name, token=token)

    @rule(number=hosts, force=st.booleans())
    def leave(self, number, force):
        self.attempt(self.host(number).swarm.leave, force=force)

    @rule(number=hosts, verb=st.sampled_from(["promote", "demote", "remove"]))
    def node(self, number, verb):
        manager = self.manager()
        nodes = manager.nodes.list() if manager is not None else []
        if nodes:
            self.attempt(getattr(nodes[number % len(nodes)], verb))

    @rule(sides=st.permutations(range(5)), at=st.integers(0, 5))
    def partition(self, sides, at):
        names = [f"host{n + 1:02}" for n in sides if f"host{n + 1:02}" in self.cluster.hosts]
        self.cluster.partition(names[:at], names[at:])

    @rule()
    def heal(self):
        self.cluster.heal()

    @rule(number=hosts)
    def unlock(self, number):
        host = self.host(number)
        if host.member is not None and host.member.lock:
            self.attempt(host.swarm.unlock, host.member.lock)

    @rule(number=hosts)
    def force_new_cluster(self, number):
        host = self.host(number)
        if host.member is not None:
            self.attempt(host.swarm.init, force_new_cluster=True)

    @rule(seconds=st.sampled_from([0.05, 1, 7, 40]))
    def wait(self, seconds):
        self.cluster.run_for(int(seconds * SECOND))

    @rule()
    def copy(self):
        self.cluster = self.cluster.fork()

    @invariant()
    def everything_adds_up(self):
        if hasattr(self, "cluster"):
            self.cluster.check()
            for host in self.cluster.hosts.values():
                if host.member is not None:
                    host.member.agent.check()

    def teardown(self):
        """All power, all keys, no cuts: who is in the swarm is ready, and the service runs."""
        if not hasattr(self, "cluster"):
            return
        cluster = self.cluster
        laws.mend(cluster)
        for host in cluster.hosts.values():
            if host.member is not None and host.member.lock:
                host.swarm.unlock(host.member.lock)
        cluster.run_for("1m")
        cluster.settle()
        cluster.check()
        swarm = cluster.swarms[0]
        if not swarm.leading:
            return
        inside = {h.member.node_id for h in cluster.hosts.values() if h.member and h.member.manager is swarm}
        for node in swarm.store.nodes.values():
            wanted = NodeState.READY if node.id in inside else NodeState.DOWN
            assert node.status.state is wanted, node
        running = [t for t in swarm.store.tasks.values() if t.status.state is t.desired is TaskState.RUNNING]
        assert len(running) == 3
        assert {t.node_id for t in running} <= inside


Membership.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestMembership = Membership.TestCase

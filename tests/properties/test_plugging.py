"""Containers come, go, are put on networks and taken off, in any order: no address is lost or held twice."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshsim.cluster import Cluster
from meshsim.errors import ApiError

OVERLAYS, BRIDGES = ("net1", "net2"), ("mine1", "mine2")
hosts = st.sampled_from(["host01", "host02"])
networks = st.sampled_from([*OVERLAYS, *BRIDGES, "bridge"])
numbers = st.integers(0, 5)


class Plugging(RuleBasedStateMachine):
    @initialize(engine=st.sampled_from(["26.1", "28"]))
    def start(self, engine):
        self.cluster = Cluster(seed=1, engine=engine)
        first, second = self.cluster.add_hosts("host01", "host02")
        first.swarm.init()
        second.swarm.join("host01", token=first.swarm.join_token())
        for name in OVERLAYS:
            first.networks.create(name, driver="overlay", attachable=True, internal=name == "net2")
        for host in (first, second):
            for name in BRIDGES:
                host.networks.create(name, internal=name == "mine2")
        first.services.create("nginx", name="web", replicas=2, network=["net1"], publish=["81:80"])
        for host in (first, second):
            for network in ("bridge", "mine1", "net1"):
                host.containers.run("nginx", network=network, detach=True)
        self.cluster.settle()

    def one(self, host, number):
        """One of the plain containers of a host, or None."""
        found = [c for c in self.cluster.host(host).containers.list(all=True) if not c.container.service_id]
        return found[number % len(found)] if found else None

    @rule(host=hosts, names=st.lists(networks, min_size=1, max_size=3, unique=True))
    def run(self, host, names):
        self.cluster.host(host).containers.run("nginx", network=names, detach=True)

    @rule(host=hosts, number=numbers, network=networks, alias=st.sampled_from(["", "a", "b"]))
    def connect(self, host, number, network, alias):
        container = self.one(host, number)
        if container is not None:
            before = self.shown(container)
            try:
                aliases = (alias,) if alias and network != "bridge" else ()
                self.cluster.host(host).networks.connect(network, container, aliases=aliases)
            except ApiError:
                assert self.shown(container) == before
            else:
                assert network in self.shown(container)

    @rule(host=hosts, number=numbers, network=networks)
    def disconnect(self, host, number, network):
        container = self.one(host, number)
        if container is not None:
            before = self.shown(container)
            try:
                self.cluster.host(host).networks.disconnect(network, container)
            except ApiError:
                assert self.shown(container) == before
                assert network not in before
            else:
                assert self.shown(container) == {n: a for n, a in before.items() if n != network}

    @rule(host=hosts, number=numbers)
    def stop(self, host, number):
        container = self.one(host, number)
        if container is not None:
            container.stop(0)
            assert not any(self.shown(container).values())

    @rule(host=hosts, number=numbers)
    def remove(self, host, number):
        container = self.one(host, number)
        if container is not None:
            container.remove(force=True)

    @rule(host=hosts, number=numbers, there=networks, here=networks)
    def move(self, host, number, there, here):
        self.connect(host, number, there, "")
        self.disconnect(host, number, here)

    @rule(host=hosts)
    def cut_power(self, host):
        machine = self.cluster.host(host)
        machine.fail()
        self.cluster.run_for("10s")
        machine.recover()
        self.cluster.settle()

    @rule()
    def wait(self):
        self.cluster.settle()

    @rule()
    def fork(self):
        self.cluster = self.cluster.fork()

    @staticmethod
    def shown(container):
        return {
            name: plug["IPAddress"] for name, plug in container.attrs["NetworkSettings"]["Networks"].items()
        }

    @invariant()
    def everything_fits(self):
        if not hasattr(self, "cluster"):
            return
        self.cluster.check()
        tasks = self.cluster.swarms[0].store.tasks.values()
        assert sorted(task.id for task in tasks if not task.service_id) == sorted(
            task_id
            for host in self.cluster.hosts.values()
            for handle in host.containers.list()
            for task_id in handle.container.attachment_tasks.values()
        )
        for host in self.cluster.hosts.values():
            handles = host.containers.list()
            running = [handle.container for handle in handles]
            for network in host.engine.networks:
                if network.subnet and network.name != "docker_gwbridge":
                    held = sorted(
                        ip for h in handles for name, ip in self.shown(h).items() if name == network.name
                    )
                    assert held == sorted(
                        set(host.engine.networks._given.seen.pools[network.name]) - {network.gateway}
                    )
            plane = host.plane
            ways = [plane.held_gateway(facts) for facts in plane.namespaces.facts.values()]
            if plane.gateway_pool is not None:
                entry = [plane.ingress.entry_address] if plane.ingress and plane.ingress.entry_address else []
                taken = sorted(filter(None, [*ways, *entry, plane.gateway]))
                assert taken == sorted(plane.gateway_pool)
            assert {namespace.container_id for namespace in plane.namespaces.values()} == {
                c.id for c in running
            }
            on = {a.network_id for c in running for a in c.attachments}
            assert on <= set(plane.sandboxes)


TestPlugging = Plugging.TestCase
TestPlugging.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)

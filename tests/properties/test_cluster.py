"""Laws of whole clusters: fair turns, no address twice, nothing left behind, refused or served."""

from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshsim.cluster import Cluster
from meshsim.errors import ApiError, ConnectionRefused, NotFound
from meshsim.model.objects import Network
from meshsim.model.states import TaskState


def swarm(hosts: int, *, seed: int = 0, **options) -> Cluster:
    """So many hosts in one swarm; host01 manages."""
    cluster = Cluster(seed, **options)
    first, *others = cluster.add_hosts(*(f"host{n:02d}" for n in range(1, hosts + 1)))
    first.swarm.init()
    token = first.swarm.join_token("worker")
    for host in others:
        host.swarm.join("host01:2377", token=token)
    return cluster


@settings(max_examples=20)
@given(
    hosts=st.integers(1, 4),
    replicas=st.integers(1, 7),
    entries=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    ties=st.sampled_from(["joined", "seeded"]),
    seed=st.integers(0, 5),
)
def test_turns_are_fair_per_entry_node(hosts, replicas, entries, ties, seed):
    # data-plane 5.2: through one node counts differ by at most one, through k nodes by at most k
    cluster = swarm(hosts, seed=seed, ties=ties)
    manager = cluster.host("host01")
    web = manager.services.create("nginx", name="web", replicas=replicas, publish=["80:80"])
    cluster.settle()
    names = list(cluster.hosts)
    per_entry: dict[str, Counter] = {}
    for entry in entries:
        name = names[entry % hosts]
        per_entry.setdefault(name, Counter())[manager.get(name).task] += 1
    tasks = [task.name for task in web.tasks()]
    assert {task for counts in per_entry.values() for task in counts} <= set(tasks)
    total: Counter = Counter()
    for counts in per_entry.values():
        total += counts
        assert max(counts[t] for t in tasks) - min(counts[t] for t in tasks) <= 1
    assert max(total[t] for t in tasks) - min(total[t] for t in tasks) <= len(per_entry)
    cluster.check()


@settings(max_examples=15)
@given(
    hosts=st.integers(1, 3),
    scales=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    mode=st.sampled_from(["vip", "dnsrr"]),
)
def test_a_virtual_address_stays_for_the_services_stay(hosts, scales, mode):
    # data-plane 8 (f)
    cluster = swarm(hosts)
    manager = cluster.host("host01")
    manager.networks.create("eg1", driver="overlay", attachable=True)
    web = manager.services.create("nginx", name="web", network=["eg1"], endpoint_mode=mode)
    cluster.settle()
    probe = manager.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    before = web.record.endpoint
    for replicas in scales:
        web.scale(replicas)
        cluster.settle()
        assert web.record.endpoint == before
        running = [t for t in web.tasks() if t.state is TaskState.RUNNING]
        assert len(running) == replicas
        addresses = sorted(task.address("eg1") for task in running)
        assert sorted(probe.resolve("tasks.web").addresses) == addresses
        expected = addresses if mode == "dnsrr" else [web.vip("eg1")] if replicas else []
        assert sorted(probe.resolve("web").addresses) == expected
        cluster.check()


def held(cluster: Cluster) -> dict[str, int]:
    """What is in use in the swarm beside nodes and networks."""
    store = cluster.swarms[0].store
    return {
        "tasks": len(store.tasks),
        "services": len(store.services),
        "namespaces": sum(len(host.plane.namespaces) for host in cluster.hosts.values()),
        "live bindings": sum(len(cluster.journal.live(network)) for network in store.networks),
        "containers": sum(
            c.running for host in cluster.hosts.values() for c in host.engine.containers.values()
        ),
    }


@settings(max_examples=15)
@given(
    hosts=st.integers(1, 3),
    services=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), min_size=1, max_size=4),
)
def test_removing_services_frees_all_they_held(hosts, services):
    cluster = swarm(hosts)
    manager = cluster.host("host01")
    manager.networks.create("eg1", driver="overlay")
    empty = held(cluster)
    handles = [
        manager.services.create(
            "nginx",
            name=f"s{number}",
            replicas=replicas,
            publish=[f"{8000 + number}:80"] if published else [],
            network=["eg1"] if networked else [],
        )
        for number, (replicas, published, networked) in enumerate(services)
    ]
    cluster.settle()
    for handle in handles:
        handle.remove()
    cluster.settle()
    assert held(cluster) == empty
    manager.networks.get("eg1").remove()
    again = manager.services.create("nginx", name="s0", publish=["8000:80"])
    cluster.settle()
    assert again.replicas == "1/1"
    cluster.check()


class Facade(RuleBasedStateMachine):
    """Any sequence of facade calls: refused with a typed error, or done; the invariants always hold."""

    @initialize(hosts=st.integers(1, 4), ties=st.sampled_from(["joined", "seeded"]), seed=st.integers(0, 3))
    def found(self, hosts, ties, seed):
        self.cluster = swarm(hosts, seed=seed, ties=ties)
        self.manager = self.cluster.host("host01")
        self.made = 0

    @property
    def can_ask(self):
        """Whether there is a manager to talk to."""
        return True

    def attempt(self, call, *args, **kwargs):
        store = self.cluster.swarms[0].store
        version = store.version
        try:
            return call(*args, **kwargs)
        except ApiError:
            assert store.version == version, "a refused call changed the store"
            return None

    @precondition(lambda self: self.can_ask)
    @rule(
        name=st.sampled_from(["web", "api", "Web", "_bad", "db"]),
        replicas=st.integers(0, 5),
        port=st.sampled_from([None, 80, 81]),
        network=st.sampled_from([None, "n1", "n2"]),
        mode=st.sampled_from(["replicated", "global"]),
    )
    def create_service(self, name, replicas, port, network, mode):
        options = {"replicas": replicas} if mode == "replicated" else {}
        self.attempt(
            self.manager.services.create,
            "nginx",
            name=name,
            mode=mode,
            publish=[f"{port}:80"] if port else [],
            network=[network] if network else [],
            **options,
        )

    @precondition(lambda self: self.can_ask)
    @rule(name=st.sampled_from(["n1", "n2", "N1", "a.b"]), attachable=st.booleans())
    def create_network(self, name, attachable):
        self.attempt(self.manager.networks.create, name, driver="overlay", attachable=attachable)

    @precondition(lambda self: self.can_ask)
    @rule(which=st.integers(0, 9))
    def remove_network(self, which):
        own = [
            n for n in self.manager.networks.list() if isinstance(n.record, Network) and n.name != "ingress"
        ]
        if own:
            self.attempt(own[which % len(own)].remove)

    @precondition(lambda self: self.can_ask)
    @rule(which=st.integers(0, 9), replicas=st.integers(0, 6))
    def scale(self, which, replicas):
        services = self.manager.services.list()
        if services:
            self.attempt(services[which % len(services)].scale, replicas)

    @precondition(lambda self: self.can_ask)
    @rule(which=st.integers(0, 9))
    def remove_service(self, which):
        services = self.manager.services.list()
        if services:
            self.attempt(services[which % len(services)].remove)

    @precondition(lambda self: self.can_ask)
    @rule(which=st.integers(0, 9), verdict=st.sampled_from(["active", "pause", "drain"]))
    def availability(self, which, verdict):
        nodes = self.manager.nodes.list()
        self.attempt(nodes[which % len(nodes)].update, availability=verdict)

    @precondition(lambda self: self.can_ask)
    @rule(host=st.integers(0, 3), network=st.sampled_from(["bridge", "n1", "n2"]))
    def run_container(self, host, network):
        hosts = list(self.cluster.hosts.values())
        self.made += 1
        if hosts[host % len(hosts)].up and hosts[host % len(hosts)].engine.running:
            self.attempt(
                hosts[host % len(hosts)].containers.run,
                "alpine",
                "sleep 5",
                name=f"c{self.made}",
                network=network,
                detach=True,
            )

    @rule(which=st.integers(1, 3))
    def fail_or_recover(self, which):
        hosts = list(self.cluster.hosts.values())[1:]
        if hosts:
            host = hosts[which % len(hosts)]
            host.recover() if not host.up else host.fail()

    @rule(which=st.integers(0, 9), exit_code=st.integers(0, 3))
    def crash(self, which, exit_code):
        tasks = [t for t in self.manager.tasks.list() if t.state is TaskState.RUNNING]
        if tasks:
            with suppress(NotFound):  # its machine is down or was cleaned meanwhile
                tasks[which % len(tasks)].crash(exit_code)

    @rule(seconds=st.sampled_from([0, 1, 5, 20]))
    def wait(self, seconds):
        self.cluster.run_for(seconds * 1_000_000_000)

    @precondition(lambda self: all(host.up for host in self.cluster.hosts.values()))
    @rule()
    def settle_and_ask(self):
        """With all hosts up: a published port is served by a running task, or refused on every host."""
        self.cluster.settle()
        for service in self.manager.services.list():
            ports = service.record.endpoint.ports if service.record.endpoint else ()
            running = {t.name for t in service.tasks() if t.state is TaskState.RUNNING}
            for port in ports:
                for name in self.cluster.hosts:
                    try:
                        assert self.manager.get(f"{name}:{port.published}").task in running
                    except ConnectionRefused:
                        assert not running

    @invariant()
    def everything_adds_up(self):
        if hasattr(self, "cluster"):
            self.cluster.check()


Facade.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
TestFacade = Facade.TestCase

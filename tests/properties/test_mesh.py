"""A whole swarm under faults, orders and traffic: one typed outcome per connection, agreement in the end.

The machine interleaves power failures, partitions, crashes, scaling, updates and every kind of client over
the facade, with a slow and lossy gossip. It holds the laws (a) to (g) of data-plane 8 all the while.
"""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.properties import laws

from meshsim.cluster import Cluster
from meshsim.cluster.collections import ContainerHandle
from meshsim.errors import (
    ApiError,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
    NameNotResolved,
)
from meshsim.model.states import TaskState
from meshsim.profile import Profile

IMAGE = "katacoda/docker-http-server"
HOSTS = ("host01", "host02", "host03")
#: what opening may end in, and what using an open connection may end in
OPENING = (ConnectionRefused, ConnectionTimedOut, HostUnreachable, NameNotResolved)
USING = (ConnectionWasReset, ConnectionTimedOut)


class Mesh(RuleBasedStateMachine):
    """Three hosts, one or three managers; a service on ingress and on an overlay."""

    @initialize(
        engine=st.sampled_from(["20.10", "26.1", "28", "next"]),
        loss=st.sampled_from([0.0, 0.4]),
        delay_ms=st.sampled_from([0, 200, 1500]),
        ties=st.sampled_from(["joined", "seeded"]),
        managers=st.sampled_from([1, 3]),
    )
    def build(self, engine, loss, delay_ms, ties, managers):
        profile = Profile(engine, gossip_loss=loss, gossip_delay_ns=delay_ms * 1_000_000)
        self.cluster = cluster = Cluster(1, profile=profile, ties=ties)
        first, *others = cluster.add_hosts(*HOSTS)
        first.swarm.init()
        for host in others:
            role = "worker" if managers == 1 else "manager"
            host.swarm.join("host01:2377", token=first.swarm.join_token(role))
        self.mortal = HOSTS[1:] if managers == 1 else HOSTS
        self.manager = cluster.host("host01")
        self.laptop = cluster.add_machine("laptop")
        self.manager.networks.create("eg1", driver="overlay", attachable=True)
        self.web = self.manager.services.create(
            IMAGE, name="web", replicas=2, network=["eg1"], publish=["81:80", "53:80/udp"]
        )
        cluster.settle()
        self.store = cluster.swarms[0].store
        self.network = self.manager.networks.get("eg1").id
        self.vip = self.web.vip("eg1")
        self.inside = [
            host.containers.run("alpine", "sleep 100d", name=f"cli-{host.name}", network="eg1", detach=True)
            for host in cluster.hosts.values()
        ]
        cluster.settle()
        #: number -> (connection, who opened it)
        self.open: dict[int, object] = {}
        self.opened = 0
        self.outcomes: Counter[int] = Counter()

    # -- faults

    @rule(name=st.sampled_from(HOSTS))
    def power(self, name):
        host = self.cluster.host(name)
        if name in self.mortal:
            host.fail() if host.up else host.recover()

    @rule(name=st.sampled_from(HOSTS))
    def engine(self, name):
        host = self.cluster.host(name)
        if host.up and name in self.mortal:
            host.stop_engine() if host.engine.running else host.start_engine()

    @rule(sides=st.sampled_from([(["host03"],), (["host02"], ["host03"]), (["host02", "host03"],)]))
    def partition(self, sides):
        self.cluster.partition(*sides)

    @rule()
    def heal(self):
        self.cluster.heal()

    @rule(which=st.integers(0, 9), code=st.sampled_from([0, 1, 137]))
    def crash(self, which, code):
        for task in self.running()[which % 3 : which % 3 + 1]:
            for host in self.cluster.hosts.values():
                container = host.engine.of_task(task.id)
                if container is not None and container.state == "running":
                    ContainerHandle(host, container.id).crash(code)

    # -- orders

    def update(self, **flags):
        """Ask any manager that runs; it may refuse, or have no leader to ask."""
        for host in self.cluster.hosts.values():
            if host.engine.running and host.member.is_manager:
                with suppress(ApiError):
                    host.services.get("web").update(**flags)
                return

    @rule(replicas=st.integers(0, 5))
    def scale(self, replicas):
        self.update(replicas=replicas)

    @rule(order=st.sampled_from(["start-first", "stop-first"]), parallelism=st.integers(1, 2))
    def roll(self, order, parallelism):
        self.update(force=True, update_order=order, update_parallelism=parallelism)

    @rule(port=st.sampled_from([82, 83]), add=st.booleans())
    def publish(self, port, add):
        # --publish-rm goes by the target port, whatever was published: so each has its own
        change = {"publish_add": [f"{port}:{port}"]} if add else {"publish_rm": [f"{port}:{port}"]}
        self.update(**change)

    @rule(name=st.sampled_from(HOSTS), verdict=st.sampled_from(["active", "drain"]))
    def availability(self, name, verdict):
        for host in self.cluster.hosts.values():
            if host.engine.running and host.member.is_manager:
                with suppress(ApiError):
                    host.nodes.get(name).update(availability=verdict)
                return

    @rule(seconds=st.sampled_from([0.1, 1, 3, 6, 20, 130, 901]))
    def wait(self, seconds):
        self.cluster.run_for(round(seconds * 1e9))

    # -- traffic

    def clients(self):
        return [*self.cluster.hosts.values(), self.laptop, *self.inside]

    def usable(self, client):
        host = getattr(client, "host", client)
        return getattr(host, "up", True) and (host is client or client.container.running)

    @rule(
        who=st.integers(0, 6),
        goal=st.sampled_from(["host01:81", "host02:81", "host03:81", "host02:82", "web", "tasks.web"]),
        protocol=st.sampled_from(["tcp", "tcp", "udp"]),
    )
    def connect(self, who, goal, protocol):
        client = self.clients()[who]
        if not self.usable(client):
            return
        if client in self.inside and goal.startswith("host"):
            name, _, port = goal.partition(":")
            goal = f"{self.cluster.host(name).address}:{port}"
        if protocol == "udp":
            goal = goal.replace(":81", ":53")
        self.opened += 1
        before_ns = self.cluster.clock.now_ns
        try:
            connection = client.connect(goal, protocol=protocol)
        except OPENING as failure:
            self.outcomes[self.opened] += 1
            took_ns = failure.elapsed_ns
            assert self.cluster.clock.now_ns == before_ns + took_ns
        else:
            self.arrived(connection.opened)
            self.open[self.opened] = connection

    @rule(entry=st.sampled_from(HOSTS), turns=st.integers(1, 12))
    def burst(self, entry, turns):
        """(b) in one instant, through one host: every usable task as often as the others, or once more."""
        host = self.cluster.host(entry)
        if not (host.up and host.engine.running and host.plane.ingress):
            return
        here = host.plane.ingress.refresh().service_on("tcp", 81)
        before = {} if here is None else {d.address: d.connections for d in here.balanced.destinations}
        for _ in range(turns):
            host.way_out.visit(host.address, 81)
        if here is not None:
            dealt = [d.connections - before[d.address] for d in here.balanced.destinations if d.weight]
            assert not dealt or max(dealt) - min(dealt) <= 1
            assert all(d.connections == before[d.address] for d in here.balanced.destinations if not d.weight)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 20), close=st.booleans())
    def use(self, which, close):
        number = list(self.open)[which % len(self.open)]
        connection = self.open[number]
        allowed = (*USING, *OPENING) if connection.opened.protocol == "udp" else USING
        try:
            response = connection.request()
        except allowed:
            self.ended(number)
        else:
            opened = connection.opened
            assert response.container == self.cluster.endpoints[opened.endpoint_id].short_id
            if close:
                connection.close()
                self.ended(number)

    def ended(self, number):
        """It is over, once and for all: who uses it again is told so at once."""
        connection = self.open.pop(number)
        self.outcomes[number] += 1
        if connection.opened.protocol == "udp" and not connection.closed:
            return  # a flow is no connection: the next datagram may get through
        before_ns = self.cluster.clock.now_ns
        with pytest.raises(ConnectionWasReset):
            connection.request()
        assert self.cluster.clock.now_ns == before_ns

    def arrived(self, opened):
        """(c) nothing new for a task the balancing host knows to be draining; (g) what the task sees."""
        if opened.balanced is None:
            return
        sandbox = opened.balanced.sandbox
        assert opened.peer == sandbox.lb_address
        if self.cluster.profile.endpoint_events == "compared":
            assert not sandbox.view.rows[opened.endpoint_id].disabled or not opened.balanced.fresh

    # -- laws

    def running(self):
        tasks = self.store.tasks_of_service(self.web.id)
        return [task for task in tasks if task.status.state is TaskState.RUNNING]

    @invariant()
    def always(self):
        if not hasattr(self, "vip"):
            return
        self.cluster.check()
        assert self.store.services[self.web.id].endpoint.vip(self.network).ip == self.vip, "(f)"
        for host in self.cluster.hosts.values():
            for sandbox in host.plane.sandboxes.values():
                usable = {
                    destination.address
                    for service in sandbox.refresh().table.services
                    for destination in service.destinations
                    if destination.weight
                }
                assert set(sandbox.zone.find("tasks.web") or ()) <= usable, "(d)"
        laws.no_address_twice(self.store)

    def teardown(self):
        if not hasattr(self, "vip"):
            return
        cluster = self.cluster
        laws.mend(cluster)
        cluster.settle()
        cluster.run_for("70s")
        cluster.settle()
        self.everybody_agrees()
        running = {task.name for task in self.running()}
        for host in cluster.hosts.values():
            try:
                assert {self.laptop.get(f"{host.name}:81").task for _ in range(6)} <= running
            except ConnectionRefused:
                assert not running
        for number in list(self.open):
            while number in self.open:
                self.use(list(self.open).index(number), close=True)
        assert self.outcomes == Counter(range(1, self.opened + 1)), "exactly one outcome each"

    def everybody_agrees(self):
        """(e) records, balancers' lists as sets, weights; and they are what the managers see running."""
        cluster = self.cluster
        for network in self.store.networks.values():
            pictures = []
            for host in cluster.hosts.values():
                sandbox = host.plane.bring_up(network.id)
                if sandbox is not None:
                    names = {name: sorted(addresses) for name, addresses in sandbox.zone}
                    lists = {
                        (here.service_name, here.ports): sorted(
                            (d.address, d.weight) for d in here.balanced.destinations
                        )
                        for here in sandbox.services.values()
                    }
                    pictures.append((names, lists))
            assert all(picture == pictures[0] for picture in pictures)
            if pictures:
                seen = sorted(entry for listed in pictures[0][1].values() for entry in listed)
                places = [task.attachment(network.id) for task in self.running()]
                assert seen == sorted((place.ip, 1) for place in places if place)


Mesh.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestMesh = Mesh.TestCase

"""Forks: independent of each other, equal under the same calls."""

import gc
from contextlib import suppress
from sys import getrefcount

from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.cluster import Cluster
from meshsim.dns import Record, Reply
from meshsim.errors import MeshsimError
from meshsim.sim.copying import _declared, _is_own


def begin() -> Cluster:
    cluster = Cluster(seed=3, ties="seeded")
    host01, *others = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    for host in others:
        host.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.services.create("nginx", name="web", replicas=3, publish=["80:80"], network=["eg1"])
    host01.containers.run("alpine", "sleep 1h", name="box", network="eg1", detach=True)
    cluster.settle()
    host01.get("host02")  # so that sandboxes, tables and ways exist when it is forked
    host01.containers.get("box").resolve("web")
    return cluster


def scale(cluster, number):
    cluster.host("host01").services.get("web").scale(number % 7)


def create(cluster, number):
    cluster.host("host01").services.create(
        "redis", name=f"more{number}", replicas=number % 3, network=["eg1"]
    )


def remove(cluster, number):
    for service in cluster.host("host01").services.list()[number % 2 :][:1]:
        service.remove()


def ask(cluster, number):
    cluster.host(f"host0{number % 3 + 1}").get(f"host0{number % 2 + 1}", trace=number % 2 == 0)


def resolve(cluster, number):
    cluster.host("host01").containers.get("box").resolve(("web", "tasks.web", "box")[number % 3])


def fail(cluster, number):
    cluster.host(f"host0{number % 2 + 2}").fail()


def recover(cluster, number):
    cluster.host(f"host0{number % 2 + 2}").recover()


def partition(cluster, number):
    cluster.partition(["host01", "host02"], ["host03"])


def wait(cluster, number):
    cluster.run_for(number * 1_000_000_000)


def run(cluster, number):
    cluster.host("host02").containers.run("alpine", "sleep 5", name=f"c{number}", network="eg1", detach=True)


steps = st.lists(
    st.tuples(
        st.sampled_from([scale, create, remove, ask, resolve, fail, recover, partition, wait, run]),
        st.integers(0, 20),
    ),
    max_size=8,
)


def do(cluster, what):
    said = []
    for step, number in what:
        try:
            said.append(step(cluster, number))
        except MeshsimError as error:
            said.append(str(error))
    with suppress(MeshsimError):
        cluster.settle()
    cluster.check()
    return said


def look(cluster):
    """Everything that must not change by what is done to another fork."""
    tables = [
        (host.name, sandbox.network, repr(sandbox.table), [repr(s) for s in sandbox.table.services])
        for host in cluster.hosts.values()
        for sandbox in host.plane.sandboxes.values()
    ]
    return cluster.log.digest(), cluster.clock.now_ns, repr(cluster.clock), tables


ORIGINAL = begin()


@settings(max_examples=15, deadline=None)
@given(common=steps, mine=steps, other=steps)
def test_forks_do_not_disturb_each_other_and_do_the_same_alike(common, mine, other):
    before = look(ORIGINAL)
    first = ORIGINAL.fork()
    do(first, common)
    twin = first.fork()
    state = look(first)
    do(twin, mine)
    assert look(first) == state
    replay = first.fork()
    state = look(replay)
    do(first, other)
    assert look(replay) == state
    do(replay, mine)
    assert replay.log.to_jsonl() == twin.log.to_jsonl()
    assert look(replay) == look(twin)
    assert look(ORIGINAL) == before


def test_what_is_done_to_the_original_does_not_reach_its_fork():
    original = begin()
    fork = original.fork()
    state = look(fork)
    what = [(ask, 0), (scale, 5), (resolve, 1), (run, 1), (fail, 0), (wait, 20)]
    do(original, what)
    assert look(fork) == state
    do(fork, what)
    assert fork.log.to_jsonl() == original.log.to_jsonl()


def test_namespaces_of_forks_are_their_own_whether_looked_at_before_or_after():
    first = ORIGINAL.fork()
    looked_at = first.host("host01").containers.get("box").namespace
    twin = first.fork()
    other = twin.host("host01").containers.get("box").namespace
    assert other is not looked_at
    assert other.plane is twin.host("host01").plane
    assert looked_at.ports is first.host("host01").plane.ports is not other.ports
    first.host("host01").networks.get("eg1").disconnect("box")
    assert (list(looked_at.places), len(other.places)) == ([], 1)
    assert other.resolve("web").addresses
    for cluster in (first, twin):
        cluster.check()


def given(cluster):
    """The addresses in use on host03: on its bridges, and on the one that leads outside."""
    plane = cluster.host("host03").plane
    return [sorted(bridge.known) for bridge in plane.bridges.values()], sorted(plane.gateway_pool)


def test_addresses_of_a_machine_given_in_one_fork_are_free_in_the_other():
    first = ORIGINAL.fork()
    twin = first.fork()
    before = given(twin)
    for cluster in (first, twin):
        host = cluster.host("host03")
        host.networks.create("mine")
        host.containers.run("alpine", "sleep 1h", name="c1", network="mine", detach=True)
        host.containers.run("alpine", "sleep 1h", name="c2", network="eg1", detach=True)
        assert given(cluster)[0][:-1] == before[0]
        assert given(cluster)[0][-1] == ["172.19.0.2"]
        assert len(given(cluster)[1]) == len(before[1]) + 1
        cluster.check()
    assert first.log.to_jsonl() == twin.log.to_jsonl()
    after = given(twin)
    for name in ("c1", "c2"):
        first.host("host03").containers.get(name).stop()
    assert given(first) == ([*before[0], []], before[1])
    assert given(twin) == after
    third = twin.fork().host("host03")
    third.networks.create("more")
    third.containers.run("alpine", "sleep 1h", name="c3", network="more", detach=True)
    assert given(third.cluster)[0] == [*after[0], ["172.20.0.2"]]


class Counting:
    """A name server that changes with each question."""

    def __init__(self):
        self.asked = 0

    def __call__(self, question, now_ns):
        self.asked += 1
        return Reply(records=(Record(question.name, 1, "A", f"203.0.113.{self.asked}"),))


def test_forks_have_name_servers_of_their_own():
    first = Cluster(outside=Counting())
    host = first.add_host("host01")
    host.containers.run("alpine", "sleep 1h", name="box", detach=True)
    host.containers.run("alpine", "sleep 1h", name="own", detach=True, dns=["8.8.8.8"])
    twin = first.fork()
    for cluster in (first, twin):
        for number, name in enumerate(("box", "own"), 1):
            container = cluster.host("host01").containers.get(name)
            assert container.resolve("example.test").addresses == [f"203.0.113.{number}"]


def test_what_one_slot_alone_is_said_to_hold_nothing_else_holds():
    """Forks do not remember that they copied it: held twice, it would be two in a fork."""
    cluster = ORIGINAL.fork()
    cluster.host("host02").get("host01")

    class Alone:
        def __init__(self):
            self.held = {}

    example = Alone()
    alone, seen = getrefcount(example.held), set()
    ours = [one for one in gc.get_objects() if type(one).__module__.startswith("meshsim.")]
    for one in ours:
        for name, hint in _declared(type(one)).items():
            if _is_own(hint) and hasattr(one, name):
                seen.add((type(one).__name__, name))
                count = getrefcount(getattr(one, name))  # not inside the assertion, which keeps values
                assert count == alone, (one, name)
    assert len(seen) > 20

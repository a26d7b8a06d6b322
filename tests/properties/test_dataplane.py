"""Properties of the data plane: (a) to (g) of data-plane 8, as far as this room decides them."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshsim.dataplane import Binding, Failed, Journal, Lab, Lossy, Opened, View, Wires
from meshsim.profile import Profile
from meshsim.sim import Clock

P81 = [("tcp", 81, 80)]
HOSTS = ("host01", "host02", "host03")


@given(tasks=st.integers(1, 7), hosts=st.integers(1, 4), counts=st.lists(st.integers(0, 40), max_size=4))
def test_b_counts_through_one_host_differ_by_at_most_one_through_k_by_k(tasks, hosts, counts):
    lab = Lab(hosts)
    for slot in range(tasks):
        lab.start(f"web.{slot}", f"host{slot % hosts + 1:02d}", service="web", publish=P81)
    lab.run(1)
    used = counts[:hosts]
    total: Counter[str] = Counter({f"web.{slot}": 0 for slot in range(tasks)})
    for number, count in enumerate(used, 1):
        found = Counter(dict.fromkeys(total, 0))
        found.update(lab.reached("host01", f"192.168.65.{10 + number}:81", count))
        assert max(found.values()) - min(found.values()) <= 1
        total += found
        total.update(dict.fromkeys(found, 0))
    assert max(total.values()) - min(total.values()) <= max(len(used), 1)


# -- views: looking changes nothing, and everybody agrees in the end

MOVES = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("drain"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("withdraw"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("cut"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("mend"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("leave"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("run"), st.one_of(st.integers(0, 3), st.integers(0, 300)), st.just(0)),
    st.tuples(st.just("look"), st.integers(0, 2), st.just(0)),
)


def move(kind, one, other, clock, journal, wires):
    hosts = "abc"
    endpoint = f"t{one}"
    live = journal.live("net").get(endpoint)
    if kind == "send" and live is None:
        journal.send(
            Binding(endpoint, "net", hosts[other], f"10.0.1.{one + 3}", service_id="s", vip="10.0.1.2")
        )
    elif kind == "drain" and live is not None:
        journal.send(live.as_disabled())
    elif kind == "withdraw":
        journal.withdraw("net", endpoint)
    elif kind == "leave":
        journal.leave(hosts[one])
    elif kind == "run":
        clock.run_for(one * 100_000_000)  # so that cuts fall on the very instants of arrivals too
    elif one != other and kind == "cut":
        wires.cut(hosts[one], hosts[other])
    elif one != other and kind == "mend":
        wires.mend(hosts[one], hosts[other])


@settings(max_examples=200)
@given(moves=st.lists(MOVES, max_size=40), loss=st.sampled_from([0.0, 0.3, 0.9]))
def test_e_looking_changes_nothing_and_all_hosts_agree_in_the_end(moves, loss):
    clock = Clock()
    wires, journal = Wires(clock), Journal(clock)
    spread = Lossy(seed=3, loss=loss) if loss else None

    def view(host):
        return View(journal, "net", host, 0, reach=wires, profile=Profile(), spread=spread)

    eager, lazy = [view(host) for host in "abc"], [view(host) for host in "abc"]
    for kind, one, other in moves:
        move(kind, one, other, clock, journal, wires)
        for index, one_view in enumerate(eager):
            one_view.catch_up(clock.now_ns)
            one_view.check()
            assert list(one_view.catch_up(clock.now_ns)) == []
            if kind == "look" and index == one:
                lazy[index].catch_up(clock.now_ns)
                assert lazy[index].rows == one_view.rows
                assert list(lazy[index].rows) == list(one_view.rows)
    for index, one_view in enumerate(lazy):
        one_view.catch_up(clock.now_ns)
        assert list(one_view.rows.items()) == list(eager[index].rows.items())
    for pair in ("ab", "ac", "bc"):
        wires.mend(*pair)
    clock.run_for(70_000_000_000)
    for one_view in lazy:
        one_view.catch_up(clock.now_ns)
        assert one_view.rows == journal.live("net")
        assert one_view.awaited_ns is None


# -- the whole plane under faults and traffic


class Traffic(RuleBasedStateMachine):
    """Three hosts, one service, every kind of client; tasks and links come and go."""

    @initialize(profile=st.sampled_from(["26.1", "28", "next"]), loss=st.sampled_from([0.0, 0.4]))
    def build(self, profile, loss):
        spread = Lossy(loss=loss) if loss else None
        self.lab = Lab(3, profile=Profile(profile), spread=spread)
        self.lab.add_network("eg1")
        self.vip = self.lab.vip("web", "eg1")
        self.count = 0
        self.alive: list[str] = []
        self.draining: list[str] = []
        self.opened: list[Opened] = []
        self.clients = [self.lab.start(f"cli{host[-1]}", host, "eg1", listen=()) for host in HOSTS]
        self.laptop = self.lab.add_outsider()

    @rule(host=st.sampled_from(HOSTS))
    def start(self, host):
        self.count += 1
        name = f"web.{self.count}"
        self.lab.start(name, host, "eg1", service="web", publish=P81)
        self.alive.append(name)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def drain(self, data):
        name = data.draw(st.sampled_from(self.alive))
        self.lab.drain(name)
        self.alive.remove(name)
        self.draining.append(name)

    @precondition(lambda self: self.alive or self.draining)
    @rule(data=st.data())
    def stop(self, data):
        name = data.draw(st.sampled_from(self.alive + self.draining))
        self.lab.stop(name)
        (self.alive if name in self.alive else self.draining).remove(name)

    @rule(sides=st.sampled_from([(["host01"], ["host02", "host03"]), (["host01", "host02"], ["host03"])]))
    def partition(self, sides):
        self.lab.partition(*sides)

    @rule()
    def heal(self):
        self.lab.heal()

    @rule(seconds=st.sampled_from([0.05, 0.2, 1, 3, 6, 31, 130]))
    def run(self, seconds):
        self.lab.run(seconds)

    @rule(entry=st.sampled_from((11, 12, 13)), start=st.integers(0, 6), fast=st.booleans())
    def published(self, entry, start, fast):
        client = [*self.lab.planes.values(), *self.clients, self.laptop][start]
        target = f"192.168.65.{entry}"
        if fast:
            outcome = client.visit(target, 81)
            if not isinstance(outcome, Failed):
                self.reached(outcome.arrival, f"host{entry - 10:02d}", "ingress")
            return
        outcome = client.connect(target, 81)
        self.typed(outcome)
        if isinstance(outcome, Opened):
            self.reached(outcome.arrival, f"host{entry - 10:02d}", "ingress")
            self.opened.append(outcome)

    @rule(index=st.integers(0, 2))
    def virtual(self, index):
        client = self.clients[index]
        outcome = client.connect(self.vip, 80)
        self.typed(outcome)
        if isinstance(outcome, Opened):
            self.reached(outcome.arrival, HOSTS[index], "eg1")
            self.opened.append(outcome)

    @precondition(lambda self: self.opened)
    @rule(data=st.data(), close=st.booleans())
    def use(self, data, close):
        opened = data.draw(st.sampled_from(self.opened))
        failed = opened.send()
        assert failed is None or failed.kind in ("reset", "timeout")
        assert failed is not None or opened.endpoint_id in self.lab.listening
        if failed is not None or close:
            opened.close()
            self.opened.remove(opened)

    def typed(self, outcome):
        if isinstance(outcome, Failed):
            assert outcome.kind in ("refused", "timeout", "unreachable")
            assert outcome.elapsed_ns >= 0
            assert outcome.why

    def reached(self, arrival, host, network):
        """(c) a backend whose draining the host has noticed takes nothing new; (g) who the task sees."""
        assert arrival.endpoint_id in self.lab.listening
        sandbox = self.lab.sandbox(network, host)
        assert not sandbox.view.rows[arrival.endpoint_id].disabled or self.lab.profile.name != "next"
        assert arrival.peer == sandbox.lb_address

    @invariant()
    def names_and_balancers_agree(self):
        """(d) tasks.X are backends of weight 1 of the same host; (f) the VIP never changes."""
        if not hasattr(self, "lab"):
            return
        self.lab.check()
        for host in HOSTS:
            sandbox = self.lab.sandbox("eg1", host)
            here = sandbox.service_at(self.vip)
            usable = set() if here is None else {d.address for d in here.balanced.destinations if d.weight}
            assert set(sandbox.zone.find("tasks.web") or ()) <= usable
            assert sandbox.zone.find("web") in (None, (self.vip,))
            assert (sandbox.zone.find("web") is None) == (here is None)

    def teardown(self):
        """(e) in the end all hosts agree, and every connection reaches a running task or is refused."""
        if not hasattr(self, "lab"):
            return
        lab = self.lab
        for name in self.draining:  # before 29 a host that missed the first row took a draining task for new
            lab.stop(name)
        lab.heal()
        lab.run(70)
        zones = [dict(lab.sandbox("eg1", host).zone) for host in HOSTS]
        assert all(
            {n: sorted(a) for n, a in zone.items()} == {n: sorted(a) for n, a in zones[0].items()}
            for zone in zones
        )
        for entry in (11, 12, 13):
            found = lab.reached(self.laptop, f"192.168.65.{entry}:81", 3)
            assert set(found) <= ({*self.alive} or {"refused"})
        assert [plane.settled_ns() for plane in lab.planes.values()] == [None] * 3


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(stateful_step_count=25)

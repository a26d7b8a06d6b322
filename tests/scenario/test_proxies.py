"""HAProxy, nginx and Traefik in front of a service; HAProxy row by row as it was measured."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.cluster import Cluster, Reply, Request
from meshsim.dns import Record
from meshsim.dns import Server as NameServer
from meshsim.dns.upstream import Reply as DnsReply
from meshsim.errors import BadScenario, BadValue, NotModelled
from meshsim.model.states import TaskState
from meshsim.scenario import (
    Client,
    Every,
    HAProxy,
    HostPlan,
    KeepAlive,
    NetworkPlan,
    Nginx,
    Scenario,
    Server,
    ServicePlan,
    Stage,
    Traefik,
    at,
    plan,
)
from meshsim.scenario.traffic.proxies.labels import read_labels

S = 1_000_000_000


class Script:
    """A scripted name server, as the one HAProxy was measured against: TTL 600, shuffled answers."""

    def __init__(self):
        self.addresses = []
        self.mode = "answer"
        self.questions = []
        self.last = []
        self.rng = Random(1)

    def __call__(self, question, now_ns):
        self.questions.append((now_ns, question.qtype, question.edns))
        if self.mode != "answer":
            return DnsReply("NXDOMAIN") if self.mode == "nx" else None
        self.last = list(self.addresses) if question.qtype == "A" else []
        self.rng.shuffle(self.last)
        return DnsReply(records=tuple(Record(question.name, 600, "A", a) for a in self.last))


class Measured:
    """HAProxy in a container, servers to be found by scripted DNS, and a client."""

    def __init__(self, records, servers=8, **plan):
        self.plan = HAProxy("apache.test:80", **plan)
        self.cluster = Cluster(images={"haproxy": self.plan})
        (self.host,) = self.cluster.add_hosts("host01")
        self.host.swarm.init()
        self.host.networks.create("eg1", driver="overlay", attachable=True)
        self.script = Script()
        self.host.plane.servers = (NameServer("8.8.8.8", self.script),)
        run = self.host.containers.run
        self.servers = [run("nginx", name=f"s{n}", network="eg1", detach=True) for n in range(servers)]
        self.addresses = [server.ip("eg1") for server in self.servers]
        self.script.addresses = self.addresses[:records]
        self.cluster.settle()
        self.started_ns = self.cluster.clock.now_ns
        self.front = run("haproxy", name="front", network="eg1", detach=True)
        self.client = run("alpine", "sleep 1d", network="eg1", detach=True)
        self.haproxy = self.front.handler

    def states(self):
        return [slot.state for slot in self.haproxy.slots]

    def used(self):
        return [slot.address for slot in self.haproxy.slots if slot.state == "UP"]

    def wait(self, condition, limit="60s"):
        """Seconds until it is so."""
        began_ns = self.cluster.clock.now_ns
        self.cluster.run_until(condition, limit=limit)
        return (self.cluster.clock.now_ns - began_ns) / S

    def after_a_question(self):
        """Come to the moment right after DNS was asked, as the experimenter did."""
        asked = self.haproxy.questions
        self.wait(lambda: self.haproxy.questions > asked)

    def settled(self, count):
        self.wait(lambda: len(self.used()) == count)
        self.after_a_question()
        return self

    def ask(self, times=1):
        return [self.client.get("front:80").status for _ in range(times)]

    def shares(self):
        return [slot.requests for slot in self.haproxy.slots if slot.state == "UP"]


HOLDS = pytest.mark.parametrize("hold", ["10s", "0s"])


# -- Measured, HAProxy 2.6.12


@HOLDS
def test_row_queries(hold):
    lab = Measured(3, hold=hold)
    lab.cluster.run_for("10s")
    first = (lab.script.questions[0][0] - lab.started_ns) / S
    assert first == pytest.approx(0.3, abs=0.01)
    assert [kind for _, kind, _ in lab.script.questions] == ["AAAA", "A"] * 10  # TTL 600 is not heeded
    assert {edns for _, _, edns in lab.script.questions} == {512}


def test_row_queries_with_prefer_ipv4():
    lab = Measured(3, prefer="ipv4")
    lab.cluster.run_for("10s")
    assert [kind for _, kind, _ in lab.script.questions] == ["A"] * 10


@HOLDS
def test_row_three_records_six_slots(hold):
    lab = Measured(3, hold=hold)
    assert lab.wait(lambda: len(lab.used()) == 3) <= 0.35
    assert lab.states() == ["UP"] * 3 + ["MAINT"] * 3
    assert lab.used() == lab.script.last  # in the order of the answer
    assert lab.script.last != lab.addresses[:3]  # which is shuffled


@HOLDS
def test_row_twelve_requests(hold):
    lab = Measured(3, hold=hold).settled(3)
    asked = []
    for _ in range(12):
        before = lab.shares()
        assert lab.ask() == [200]
        asked.append([b - a for a, b in zip(before, lab.shares(), strict=True)].index(1))
    assert asked == [0, 1, 2] * 4
    assert lab.shares() == [4, 4, 4]
    assert lab.client.get("front:8404").text == f"{lab.haproxy}\n"  # the statistics page, no request
    assert lab.shares() == [4, 4, 4]


@HOLDS
def test_row_record_added(hold):
    lab = Measured(3, hold=hold).settled(3)
    lab.script.addresses.append(lab.addresses[3])
    assert lab.wait(lambda: len(lab.used()) == 4) == pytest.approx(0.95, abs=0.1)  # 0.92, 0.98
    assert lab.haproxy.slots[3].address == lab.addresses[3]  # the first free slot


@pytest.mark.parametrize(
    ("hold", "check", "seconds"), [("10s", True, 10.03), ("10s", False, 9.9), ("0s", True, 1.01)]
)
def test_row_record_removed(hold, check, seconds):
    lab = Measured(3, hold=hold, check=check).settled(3)
    gone = lab.script.addresses.pop()
    assert lab.wait(lambda: gone not in lab.used()) == pytest.approx(seconds, abs=0.15)


@HOLDS
def test_row_record_added_after_removal(hold):
    lab = Measured(3, hold=hold).settled(3)
    gone = lab.haproxy.slots[1].address
    lab.script.addresses.remove(gone)
    lab.wait(lambda: gone not in lab.used())
    assert lab.states()[:3] == ["UP", "MAINT", "UP"]
    lab.script.addresses.append(lab.addresses[3])
    assert lab.wait(lambda: len(lab.used()) == 3) == pytest.approx(1.05, abs=0.1)  # 1.08, 1.01
    assert lab.haproxy.slots[1].address == lab.addresses[3]  # the freed one


@HOLDS
def test_row_eight_records_six_slots(hold):
    lab = Measured(8, hold=hold).settled(6)
    lab.cluster.run_for("60s")
    never = [address for address in lab.addresses if address not in lab.used()]
    assert (len(lab.used()), len(never)) == (6, 2)
    lab.ask(12)
    assert lab.shares() == [2] * 6
    lab.script.addresses.remove(lab.haproxy.slots[4].address)
    lab.wait(lambda: any(address in never for address in lab.used()))  # until a slot frees
    assert lab.haproxy.slots[4].address in never


@pytest.mark.parametrize(
    ("mode", "hold", "seconds"),
    [("nx", "10s", 12.0), ("nx", "0s", 3.0), ("silence", "10s", 12.0), ("silence", "0s", 4.1)],
)
def test_row_nxdomain_and_no_answer_at_all(mode, hold, seconds):
    lab = Measured(3, hold=hold).settled(3)
    lab.script.mode = mode
    assert lab.wait(lambda: not lab.used()) == pytest.approx(seconds, abs=0.15)
    assert lab.states() == ["MAINT"] * 6
    assert lab.ask() == [503]
    # Recovery: all up about 1.0 s after answers return.
    lab.script.mode = "answer"
    assert lab.wait(lambda: len(lab.used()) == 3) == pytest.approx(1.0, abs=0.1)


def test_row_one_a_record():
    lab = Measured(1).settled(1)
    assert lab.states() == ["UP"] + ["MAINT"] * 5
    lab = Measured(1, allow_dup_ip=True)
    lab.wait(lambda: len(lab.used()) == 6)
    assert lab.used() == lab.addresses[:1] * 6


# -- HAProxy, from its sources


def test_checks_take_a_dead_server_out_before_its_record_is_obsolete():
    lab = Measured(3).settled(3)
    lab.cluster.run_for("10s")  # checks have passed: three failures in a row are needed now
    dead = next(s for s in lab.servers if s.ip("eg1") == lab.haproxy.slots[1].address)
    dead.crash()
    assert 4 <= lab.wait(lambda: lab.states()[1] == "DOWN") <= 8.1
    assert set(lab.ask(6)) == {200}


def test_the_first_failed_check_of_a_new_server_takes_it_out_and_two_successes_bring_it_back():
    lab = Measured(3)
    lab.script.addresses = [lab.addresses[0], lab.addresses[1], "10.0.1.250"]
    lab.wait(lambda: "DOWN" in lab.states())
    assert (lab.cluster.clock.now_ns - lab.started_ns) / S <= 0.31 + 2 + 2  # its turn, and the time-out
    slot = next(slot for slot in lab.haproxy.slots if slot.state == "DOWN")
    assert slot.address == "10.0.1.250"
    slot.address = lab.haproxy.slots[0].address  # somebody answers there from now on
    lab.haproxy.seen[slot.address] = lab.cluster.clock.now_ns
    assert 2 <= lab.wait(lambda: slot.state == "UP") <= 4.01


def test_without_check_clients_see_errors_until_hold_is_over_and_redispatch_saves_them():
    # With retries the first victim waits so long that hold is over before the second comes.
    for how, lost in (({"retries": 0}, 2), ({"retries": 3}, 1), ({"redispatch": True}, 0)):
        lab = Measured(3, check=False, **how).settled(3)
        dead = next(s for s in lab.servers if s.ip("eg1") == lab.haproxy.slots[1].address)
        dead.crash()
        lab.script.addresses.remove(lab.haproxy.slots[1].address)
        assert lab.ask(6).count(503) == lost


def test_a_retry_on_the_same_server_waits_a_second():
    lab = Measured(1, check=False, resolve="1h")
    lab.wait(lab.used)
    port = lab.haproxy.slots[0].port
    lab.haproxy.slots[0].port = port + 1  # nobody listens: refused at once
    answer = lab.client.get("front:80")
    assert answer.status == 503
    assert answer.elapsed_ns / S == pytest.approx(3.0, abs=0.01)
    assert lab.haproxy.slots[0].requests == 4


def test_an_address_needs_no_dns():
    cluster = Cluster(images={"haproxy": HAProxy("192.168.65.11:81", slots=2)})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.services.create("nginx", name="web", publish="81:80")
    cluster.settle()
    front = host.containers.run("haproxy", publish="80:80", detach=True)
    assert host.get("host01:80").status == 200
    cluster.run_for("1m")
    assert front.handler.questions == 0
    assert [slot.state for slot in front.handler.slots] == ["UP", "UP"]


def test_an_answer_that_is_cut_is_no_answer():
    # 29 records fit into 512 bytes: with more tasks HAProxy knows none, unless it takes larger answers
    for payload, up in ((512, 0), (8192, 40)):
        cluster = Cluster(images={"haproxy": HAProxy("tasks.web:80", slots=50, payload=payload)})
        (host,) = cluster.add_hosts("host01")
        host.swarm.init()
        host.networks.create("eg1", driver="overlay", attachable=True)
        host.services.create("nginx", name="web", replicas=40, network="eg1")
        cluster.settle()
        front = host.containers.run("haproxy", network="eg1", detach=True)
        cluster.run_for("20s")
        assert [slot.state for slot in front.handler.slots].count("UP") == up


# -- nginx


def outside(plan, hosts=("host01", "host02"), replicas=2):
    """A swarm, and a machine outside of it that runs nginx."""
    cluster = Cluster(images={"lb": plan})
    first, *others = cluster.add_hosts(*hosts)
    first.swarm.init()
    for host in others:
        host.swarm.join("host01", token=first.swarm.join_token("worker"))
    first.services.create("traefik/whoami", name="web", replicas=replicas, publish="81:80")
    cluster.settle()
    machine = cluster.add_host("lb")
    container = machine.containers.run("lb", name="lb", publish="80:80", detach=True)
    return cluster, cluster.add_machine("laptop"), container


def test_nginx_asks_its_servers_in_turn():
    _, laptop, container = outside(Nginx(["192.168.65.11:81", "host02:81"]))
    for _ in range(10):
        assert laptop.get("lb").status == 200
    assert [peer.requests for peer in container.handler.peers] == [5, 5]
    assert "X-Forwarded-For" not in laptop.get("lb").text


def test_nginx_leaves_a_failed_server_out_for_ten_seconds():
    cluster, laptop, container = outside(Nginx(["host01:81", "host02:82"], forward_for=True))
    nginx = container.handler
    statuses = [laptop.get("lb").status for _ in range(6)]
    assert statuses == [200] * 6  # the next server is tried in place of one that refuses
    assert nginx.peers[1].requests == 1
    assert nginx.peers[1].state == "OUT"
    cluster.run_for("11s")
    for _ in range(4):
        laptop.get("lb")
    assert nginx.peers[1].requests == 2
    assert f"X-Forwarded-For: {laptop.address}" in laptop.get("lb").text


def test_nginx_has_nobody_to_ask_when_all_have_failed():
    cluster, laptop, container = outside(Nginx(["host01:82", "host02:82"]))
    assert [laptop.get("lb").status for _ in range(5)] == [502] * 5
    assert [peer.requests for peer in container.handler.peers] == [1, 1]  # no live upstreams since
    cluster.run_for("11s")
    assert laptop.get("lb").status == 502
    assert [peer.requests for peer in container.handler.peers] == [2, 2]


def test_nginx_counts_no_failures_of_a_single_server():
    _, laptop, container = outside(Nginx("host01:82"))
    assert [laptop.get("lb").status for _ in range(3)] == [502] * 3
    assert container.handler.peers[0].requests == 3


def test_nginx_waits_sixty_seconds_for_a_lost_server_and_others_do_so_too_until_it_is_known():
    cluster, laptop, container = outside(Nginx(["host01:81", "host02:81"]), replicas=1)
    cluster.host("host02").fail()
    cluster.run_for("30s")
    taken = [round(laptop.get("lb").elapsed_ns / S) for _ in range(4)]
    assert sorted(taken) == [0, 0, 0, 60]
    assert container.handler.peers[1].state == "OUT"


def test_nginx_does_not_start_without_its_upstream():
    cluster = Cluster(images={"lb": Nginx("tasks.web:80")})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.networks.create("eg1", driver="overlay", attachable=True)
    container = host.containers.run("lb", network="eg1", detach=True)
    assert (container.status, container.exit_code) == ("exited", 1)
    assert 'host not found in upstream "tasks.web:80"' in container.logs()
    host.services.create("nginx", name="web", replicas=3, network="eg1")
    cluster.settle()
    container = host.containers.run("lb", network="eg1", detach=True)
    assert len(container.handler.peers) == 3  # and never looks again


# -- Traefik

PORT = "traefik.http.services.web.loadbalancer.server.port=80"
ALL = "traefik.http.routers.web.rule=PathPrefix(`/`)"


class Shop:
    """Traefik on the manager, a service behind it."""

    def __init__(self, *labels, replicas=3, plan=None, constraint="node.role==manager", **flags):
        self.cluster = Cluster(images={"traefik": plan or Traefik(network="eg1")})
        self.host, self.other = self.cluster.add_hosts("host01", "host02")
        self.host.swarm.init()
        self.other.swarm.join("host01", token=self.host.swarm.join_token("worker"))
        for name in ("eg1", "eg2"):
            self.host.networks.create(name, driver="overlay", attachable=True)
        flags = {"network": "eg1", **flags}
        self.web = self.host.services.create(
            "traefik/whoami", name="web", replicas=replicas, label=list(labels), **flags
        )
        self.cluster.settle()
        front = self.host.services.create(
            "traefik", name="front", network="eg1", publish="80:80", constraint=constraint,
            label="traefik.enable=false",
        )  # fmt: skip
        self.cluster.settle()
        self.front = front.tasks()[0].container
        self.traefik = self.front.handler

    def ask(self, times=1, path="/"):
        return [self.host.get(f"host01:80{path}") for _ in range(times)]

    def statuses(self, times=1):
        return [answer.status for answer in self.ask(times)]


def test_traefik_finds_a_server_per_running_task_and_takes_turns():
    shop = Shop(PORT, ALL)
    assert sorted(server.name for server in shop.traefik.servers) == ["web.1", "web.2", "web.3"]
    answers = shop.ask(12)
    assert [server.requests for server in shop.traefik.servers] == [4, 4, 4]
    assert "X-Forwarded-For: " in answers[0].text


def test_traefik_with_lbswarm_has_one_server_and_stays_on_one_task():
    shop = Shop(PORT, ALL, "traefik.swarm.lbswarm=true")
    (server,) = shop.traefik.servers
    assert server.address == shop.web.vip("eg1")
    assert len({answer.text.split()[1] for answer in shop.ask(12)}) == 1  # the kept connection's
    shop.cluster.run_for("91s")  # it was idle for 90 s
    others = {answer.text.split()[1] for answer in shop.ask(3)}
    assert len(others) == 1


def test_traefik_learns_at_its_next_poll_only():
    shop = Shop(PORT, ALL)
    polls = shop.traefik.polls
    shop.cluster.run_until(lambda: shop.traefik.polls > polls)
    began_ns = shop.cluster.clock.now_ns
    shop.web.scale(2)
    shop.cluster.run_for("5s")
    assert 502 in shop.statuses(3)
    shop.cluster.run_until(lambda: len(shop.traefik.servers) == 2)
    assert (shop.cluster.clock.now_ns - began_ns) / S == pytest.approx(15, abs=0.01)
    assert shop.statuses(6) == [200] * 6


def test_traefik_retries_a_kept_connection_that_is_dead():
    shop = Shop(PORT, ALL, "traefik.swarm.lbswarm=true")
    shop.ask(1)
    task = next(t for t in shop.web.tasks() if t.container.hostname in shop.ask()[0].text)
    task.crash()
    assert shop.statuses() == [200]


def test_traefik_needs_a_port_and_a_manager():
    shop = Shop(ALL)
    assert shop.statuses() == [404]
    assert "service web: port is missing" in shop.front.logs()
    shop = Shop(PORT, ALL, constraint="node.role==worker")
    shop.cluster.run_for("20s")
    assert "Provider error, retrying in 500ms" in shop.front.logs()
    assert 5 <= shop.traefik.polls <= 9  # waits of 0.5 s, half as long again each time
    assert shop.statuses() == [404]


def test_traefik_drops_a_dnsrr_service_with_lbswarm():
    shop = Shop(PORT, ALL, "traefik.swarm.lbswarm=true", endpoint_mode="dnsrr")
    assert shop.statuses() == [404]


@pytest.mark.parametrize(("unnamed", "status"), [("first", 200), ("last", 504)])
def test_traefik_takes_any_network_when_the_named_one_is_not_there(unnamed, status):
    plan = Traefik(network="shop_eg1", unnamed=unnamed)
    shop = Shop(PORT, ALL, plan=plan, replicas=1, network=["eg1", "eg2"])
    assert shop.statuses() == [status]
    assert 'Could not find network named "shop_eg1" for container "web.1"' in shop.front.logs()


def test_traefik_forgets_a_service_without_tasks():
    shop = Shop(PORT, ALL)
    shop.web.scale(0)
    shop.cluster.run_for("20s")
    assert shop.statuses() == [404]


def first_asked(ties, seed):
    """Which of the servers, in the order the engine lists them, Traefik asks first."""
    stage = Stage(SCENARIO.but(ties=ties), seed)
    stage.set_up()
    traefik = stage.host("host01").services.get("traefik").tasks()[0].container.handler
    assert stage.host("host01").get("host01:82").status == 200
    return [server.requests for server in traefik.servers].index(1)


def test_traefik_shuffles_its_servers_when_ties_are_seeded():
    assert {first_asked("joined", seed) for seed in range(3)} == {0}
    assert len({first_asked("seeded", seed) for seed in range(6)}) > 1


def test_traefik_routes_by_host_and_path():
    shop = Shop(PORT, "traefik.http.routers.a.rule=Host(`host01`) && PathPrefix(`/shop`)")
    assert [shop.ask(path=path)[0].status for path in ("/shop/1", "/")] == [200, 404]


def test_traefik_throttles_changes():
    shop = Shop(PORT, ALL, plan=Traefik(network="eg1", refresh="1s", throttle="10s"))
    shop.cluster.run_for("20s")
    shop.web.scale(4)
    shop.cluster.run_until(lambda: len(shop.traefik.servers) == 4)
    began_ns = shop.cluster.clock.now_ns
    shop.web.scale(5)
    shop.cluster.run_until(lambda: len(shop.traefik.servers) == 5)
    assert (shop.cluster.clock.now_ns - began_ns) / S == pytest.approx(10, abs=0.01)


def test_labels_that_say_more_than_is_modelled():
    for label in ("traefik.http.services.w.loadbalancer.sticky.cookie", "traefik.tcp.routers.a.rule"):
        with pytest.raises(NotModelled, match="tells Traefik is not modelled"):
            read_labels("web", {label: "true"})
    with pytest.raises(NotModelled, match="only Host, Path and PathPrefix"):
        read_labels("web", {"traefik.http.routers.a.rule": "HeadersRegexp(`a`, `b`)"})
    with pytest.raises(BadValue, match="both Docker and Swarm labels are defined"):
        read_labels("web", {"traefik.docker.network": "a", "traefik.swarm.lbswarm": "true"})
    for label, wrong, sentence in (
        ("traefik.enable", "yes", 'expected true or false, not "yes"'),
        (PORT.partition("=")[0], "http", 'not a port: "http"'),
        (PORT.partition("=")[0], "0", 'not a port: "0"'),
    ):
        with pytest.raises(BadValue, match=sentence):
            read_labels("web", {label: wrong})
    led = read_labels("web", dict([PORT.split("=", 1)]) | {"traefik.http.routers.a.service": "other"})
    with pytest.raises(BadValue, match='the service "other@swarm" does not exist'):
        led.port_of(led.routers[0])
    two = read_labels("web", {f"traefik.http.services.{n}.loadbalancer.server.port": "80" for n in "ab"})
    with pytest.raises(BadValue, match=r'Router web cannot be linked .* multiple Services: \["a" "b"\]'):
        two.port_of(two.routers[0])


# -- what all have in common


class Slow:
    """A server that takes its time, and ends after a request for /bye."""

    def __call__(self, request, container):
        if request.payload == "/bye":
            return Reply("bye\n", exit_code=0)
        return Reply(f"{request.source} for {request.forwarded_for}\n", after_ns=70 * S)


def alone(plan, path="/"):
    """A proxy before one slow server: the client, and what it gets."""
    cluster = Cluster(images={"slow": Slow, "proxy": plan})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.networks.create("eg1", driver="overlay", attachable=True)
    host.services.create("slow", name="web", network="eg1", label=[PORT, ALL], restart_condition="none")
    cluster.settle()
    host.services.create("proxy", name="front", network="eg1", publish="80:80", label="traefik.enable=false")
    cluster.settle()
    cluster.run_for("1s")
    return host, host.get(f"host01:80{path}")


@pytest.mark.parametrize(
    ("plan", "status", "seconds"),
    [
        (HAProxy("web:80"), 504, 50),
        (HAProxy("web:80", server="2m"), 200, 70),
        (HAProxy("web:80", connect="1us"), 503, 0),
        (Nginx("web:80"), 504, 60),
        (Traefik(network="eg1"), 200, 70),
    ],
)
def test_how_long_they_wait(plan, status, seconds):
    _, answer = alone(plan)
    assert answer.status == status
    assert answer.elapsed_ns / S == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("plan", [HAProxy("web:80"), Nginx("web:80", keepalive=2), Traefik(network="eg1")])
def test_a_server_that_ends_after_its_answer(plan):
    host, answer = alone(plan, "/bye")
    assert answer.text == "bye\n"
    host.cluster.run_for("1s")
    assert [task.state for task in host.services.get("web").tasks()] == [TaskState.COMPLETE]
    assert host.services.get("front").running == 1  # the proxy itself goes on
    assert host.get("host01:80").status >= 500


def test_the_client_is_told_on_request_only():
    plan = HAProxy("web:80", server="2m", forwardfor=True)
    host, answer = alone(plan)
    proxy = host.services.get("front").tasks()[0].container
    seen = answer.text.split(" for ")
    assert seen[1].strip() in (a.ip for a in host.cluster.host("host01").member.agent.node.attachments)
    assert seen[0] != proxy.ip("eg1")  # the virtual address hides the proxy, too


def test_a_proxy_that_is_not_up_yet_says_so():
    assert Nginx("web:80")()(Request(), None).status == 503


# -- in scenarios, and everywhere

SCENARIO = Scenario(
    hosts=["host01", "host02", HostPlan("lb", proxy=Nginx(["host01:80", "host02:80"]))],
    networks=[NetworkPlan("eg1")],
    services=[
        ServicePlan("web", replicas=3, network="eg1", label=[PORT, ALL]),
        ServicePlan("front", proxy=HAProxy("tasks.web:80"), network="eg1", publish="80:80"),
        ServicePlan(
            "traefik",
            proxy=Traefik(network="eg1"),
            network="eg1",
            publish="82:80",
            constraint="node.role==manager",
            label="traefik.enable=false",
        ),
    ],
    clients=[
        Client("a", "lb:80", Every("100ms"), requests=60),
        Client("b", "host01:82", Every("100ms"), requests=60),
    ],
    lasts="30s",
)


def test_a_scenario_with_three_proxies_is_text_too():
    text = SCENARIO.dumps()
    assert Scenario.loads(text) == SCENARIO
    report = Scenario.loads(text).run()
    report.check()
    assert report.ok_share == 1
    assert report.where(client="a").counts("service")["lb"] == 60
    assert sum(report.where(client="lb").counts("entry").values()) == 60
    through = report.where(service="web")
    assert sorted(through.counts("slot").values()) == [40, 40, 40]
    # Traefik keeps its connections, the others make one per request.
    kept = [c for c in report.connections if c.client.startswith("traefik") and c.service == "web"]
    assert [c.requests for c in kept] == [20, 20, 20]


def test_what_is_written_wrong_is_told():
    for wrong, sentence in (
        ('"haproxy", "backend": "tasks.web"', 'a server is written like "tasks.web:80", not "tasks.web"'),
        ('"haproxy", "backend": "tasks.web:80", "slot": 3', 'is "slots" meant?'),
        ('"nginx", "upstream": []', "nginx needs at least one server in its upstream"),
        ('"nginx", "upstream": 7', "expected a list of names, not 7"),
        ('"trafik"', 'is "traefik" meant?'),
        ('"traefik", "refresh": "soon"', "soon"),
        ('"traefik", "refresh": "0s"', "polls every 0s have no end"),
        ('"haproxy", "backend": "tasks.web:80", "inter": "0s"', "checks every 0s have no end"),
    ):
        text = f'{{"meshsim": 1, "services": [{{"name": "p", "proxy": {{"kind": {wrong}}}}}]}}'
        with pytest.raises(BadScenario, match=r"<text>:1") as caught:
            Scenario.loads(text)
        assert sentence in str(caught.value)
    with pytest.raises(BadScenario, match="the first host founds the swarm"):
        Scenario(hosts=[HostPlan("lb", proxy=Nginx("host01:81"))])
    with pytest.raises(BadValue, match="no role and no labels"):
        HostPlan("lb", manager=True, proxy=Nginx("host01:81"))
    with pytest.raises(BadValue, match=r"is a proxy, so it cannot have a server or an image"):
        ServicePlan("front", image="nginx", proxy=Nginx("host01:81"))
    with pytest.raises(BadValue, match=r"expected a proxy \(haproxy, nginx, traefik\)"):
        ServicePlan("front", proxy="haproxy")


def test_a_backend_may_be_gone_while_proxies_ask():
    report = SCENARIO.but(steps=[at("2s").crash("web", 1), at("3s").fail("host02")]).run()
    report.check()
    assert len(report.where(client="a").requests) == 60
    again = SCENARIO.but(steps=[at("2s").crash("web", 1), at("3s").fail("host02")]).run()
    assert report.to_csv() == again.to_csv()


def test_a_fork_goes_its_own_way():
    lab = Measured(3).settled(3)
    fork = lab.cluster.fork()
    lab.script.addresses.append(lab.addresses[3])
    lab.cluster.run_for("2s")
    fork.run_for("2s")
    twin = fork.host("host01").containers.get("front").handler
    assert twin is not lab.haproxy
    assert (len(lab.used()), [slot.state for slot in twin.slots].count("UP")) == (4, 3)
    assert str(twin).splitlines()[0] == "SERVER    ADDRESS       STATE     REQUESTS"
    assert repr(twin) == "<RunningHAProxy 3 of 6 servers up, 0 requests>"


moments = st.integers(1, 40).map("{}s".format)
faults = st.one_of(
    st.tuples(moments, st.just("scale"), st.just("web"), st.integers(0, 6)),
    st.tuples(moments, st.just("crash"), st.sampled_from(["web", "front", "traefik"]), st.integers(1, 3)),
    st.tuples(moments, st.sampled_from(["fail", "recover"]), st.sampled_from(["host01", "host02", "lb"])),
    st.tuples(moments, st.just("partition"), st.just(["host01"]), st.just(["host02", "lb"])),
    st.tuples(moments, st.just("heal")),
)


@settings(max_examples=8)
@given(
    faults=st.lists(faults, max_size=5),
    lbswarm=st.sampled_from(["true", "false"]),
    balancer=st.sampled_from([None, "lc"]),
    server=st.sampled_from([None, Server("20ms"), Server("100ms", 2, queue=3)]),
    nginx=st.builds(
        Nginx, st.just(["host01:80", "host02:80"]), connect=st.just("3s"), keepalive=st.integers(0, 2)
    ),
    haproxy=st.builds(
        HAProxy,
        st.just("tasks.web:80"),
        slots=st.integers(1, 5),
        hold=st.sampled_from(["0s", "10s"]),
        check=st.booleans(),
        redispatch=st.booleans(),
    ),
)
def test_whatever_happens_every_request_ends_once(faults, lbswarm, balancer, server, nginx, haproxy):
    label = [PORT, ALL, f"traefik.swarm.lbswarm={lbswarm}"]
    _, front, traefik = SCENARIO.services
    report = SCENARIO.but(
        hosts=["host01", "host02", HostPlan("lb", proxy=nginx)],
        services=[
            ServicePlan("web", server, replicas=3, network="eg1", label=label),
            ServicePlan("front", proxy=haproxy, **front.flags),
            traefik,
        ],
        clients=[
            Client("a", "lb:80", Every("300ms"), timeout="5s"),
            Client("b", "host01:82", Every("300ms"), timeout="5s", keep_alive=KeepAlive(requests=10)),
        ],
        balancer=balancer,
        steps=plan(faults),
        lasts="45s",
    ).run()
    report.check()
    for name in ("a", "b"):
        assert len(report.where(client=name).requests) == 150

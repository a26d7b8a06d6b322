"""Names in whole swarms: every row of data-plane 3.8, its 3.1 to 3.7; ground truth 3, 4, 12.

Run under profile 28 and under 26.1; where the two differ the row says so.
"""

from collections import Counter

import pytest

from meshsim import Cluster as ShellCluster
from meshsim.cluster import Cluster
from meshsim.dns import OutsideWorld, Record, Reply, Server
from meshsim.errors import BadValue, NameNotResolved, NotFound

IMAGE = "katacoda/docker-http-server"


def swarm(engine="28", **options):
    cluster = Cluster(seed=6, engine=engine, **options)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01", token=host01.swarm.join_token())
    host01.networks.create("eg1", driver="overlay", attachable=True)
    return cluster


@pytest.fixture(params=["28", "26.1"])
def engine(request):
    return request.param


@pytest.fixture
def cluster(engine):
    return swarm(engine)


@pytest.fixture
def host(cluster):
    return cluster.host("host01")


@pytest.fixture
def http(cluster, host):
    service = host.services.create(IMAGE, name="http", replicas=2, network=["eg1"])
    cluster.settle()
    return service


@pytest.fixture
def cli(cluster, host, http):
    return client(cluster)


def client(cluster, host="host01", name="cli", network="eg1"):
    """A container to ask from, known everywhere."""
    made = cluster.host(host).containers.run("alpine", "sleep 1d", name=name, network=network, detach=True)
    cluster.settle()
    return made


class Asked:
    """A server outside that answers what it is told, and counts."""

    def __init__(self, *replies):
        self.replies = replies
        self.asked = []

    def __call__(self, question, now_ns):
        self.asked.append((question.name, question.qtype))
        return self.replies[min(len(self.asked), len(self.replies)) - 1]


# -- 3.8


def test_3_8_1_to_4_a_services_name(cli):
    answer = cli.resolve("http")
    assert (answer.rcode, answer.addresses, answer.size) == ("NOERROR", ["10.0.1.2"], 42)
    assert (answer.flags, answer.records[0].ttl) == (("qr", "rd", "ra"), 600)
    assert cli.resolve("HtTp.").records[0].name == "HtTp."
    for qtype in ("AAAA", "MX"):
        empty = cli.resolve("http", qtype)
        assert (empty.rcode, empty.records) == ("NOERROR", ())


def test_3_8_4_and_21_without_a_server_outside(engine):
    cluster = swarm(engine, outside=[])
    cli = client(cluster)
    assert cli.resolve("cli", "MX").rcode == "NOERROR"
    answer = cli.resolve("nonexistent", "MX")
    assert answer.rcode == "SERVFAIL"
    # until 27 Docker asks two servers of its own, which nobody answers for: 4 s each
    assert answer.elapsed_ns == (0 if engine == "28" else 8_000_000_000)


def test_3_8_5_tasks_in_random_order():
    cluster = swarm(ties="seeded")
    cluster.host("host01").services.create(IMAGE, name="http", replicas=2, network=["eg1"])
    cluster.settle()
    cli = client(cluster)
    firsts = Counter(cli.resolve("tasks.http").addresses[0] for _ in range(1000))
    assert len(firsts) == 2
    assert all(abs(count - 500) < 80 for count in firsts.values())  # five standard deviations


def test_3_8_6_to_8_names_that_are_and_are_not(cluster, http, cli):
    first, second = http.tasks()
    addresses = [first.address("eg1"), second.address("eg1")]
    known = {
        "http.eg1": ["10.0.1.2"],
        "tasks.http.eg1": addresses,
        f"http.1.{first.id}": addresses[:1],
        f"http.1.{first.id}.eg1": addresses[:1],
        first.container.id[:12]: addresses[:1],
        first.container.hostname: addresses[:1],
        "cli": [cli.ip("eg1")],
        "CLI.eg1": [cli.ip("eg1")],
    }
    for name, expected in known.items():
        assert sorted(cli.resolve(name).addresses) == sorted(expected), name
    unknown = (
        "http.EG1", "http.1", first.id, http.id, "host01", "lb-eg1", "eg1-endpoint", "ingress-sbox",
        "tasks.nosuch", "http.eg2", "a.http", "tasks.tasks.http", "localhost",
    )  # fmt: skip
    for name in unknown:
        assert cli.resolve(name).rcode == "NXDOMAIN", name


def test_3_8_9_to_12_what_is_answered_here_and_what_outside(cluster, http, cli):
    task = http.tasks()[1]
    pointer = cli.resolve(".".join(reversed(task.address("eg1").split("."))) + ".in-addr.arpa", "PTR")
    assert pointer.records[0].data == f"http.2.{task.id}.eg1."
    for name, qtype in (
        ("2.1.0.10.in-addr.arpa", "PTR"),  # the VIP
        ("1.1.0.10.in-addr.arpa", "PTR"),  # the gateway
        ("http", "TXT"),
        ("http", "SRV"),
        ("_http._tcp.http", "SRV"),
        ("http", "NS"),
        ("http", "HTTPS"),
    ):
        answer = cli.resolve(name, qtype)
        assert (answer.rcode, len(answer.attempts)) == ("NXDOMAIN", 1), (name, qtype)


def test_3_8_13_dnsrr(cluster, host, cli):
    service = host.services.create(IMAGE, name="d", replicas=3, network=["eg1"], endpoint_mode="dnsrr")
    cluster.settle()
    expected = sorted(task.address("eg1") for task in service.tasks())
    assert len(expected) == 3
    for name in ("d", "tasks.d", "d.eg1"):
        assert sorted(cli.resolve(name).addresses) == expected
    service.scale(2)
    cluster.run_for("1s")
    assert len(cli.resolve("d").addresses) == 2, "6.6-4: gone from the name before the program ends"


def test_3_8_14_two_networks_and_the_first_by_name(cluster, host, http, cli):
    host.networks.create("app1", driver="overlay", attachable=True)
    both = host.services.create(IMAGE, name="both", network=["eg1", "app1"])
    cluster.settle()
    assert cli.resolve("both").addresses == [both.vip("eg1")]
    host.networks.connect("app1", "cli")
    assert cli.resolve("both").addresses == [both.vip("app1")], "app1 sorts before eg1"
    assert cli.resolve("both.eg1").addresses == [both.vip("eg1")]
    assert cli.resolve("http").addresses == [http.vip("eg1")]
    assert cli.resolve("tasks.both").addresses == [both.tasks()[0].address("app1")]


def test_3_8_24_overlays_before_local_networks(cluster, host, http):
    host.networks.create("a-local")
    host.containers.run(IMAGE, name="http", network="a-local", detach=True)
    cli = client(cluster, network=["a-local", "eg1"])
    assert cli.resolve("http").addresses == [http.vip("eg1")]
    assert cli.resolve("http.a-local").addresses == ["172.19.0.2"]


def test_3_8_15_scaled_to_nothing(cluster, host, http, cli):
    http.scale(0)
    cluster.settle()
    assert cli.resolve("http").rcode == "NXDOMAIN"
    assert http.vip("eg1") == "10.0.1.2", "inspect shows it all the same"


def test_3_8_16_and_3_6_a_task_has_no_name_before_it_is_healthy(cluster, host, cli):
    service = host.services.create(
        IMAGE, name="slow", network=["eg1"], health_cmd="true", health_interval="3s", health_retries=2
    )
    cluster.run_for("2s")
    assert [task.record.state.name for task in service.tasks()] == ["STARTING"]
    for name in ("slow", "tasks.slow"):
        assert cli.resolve(name).rcode == "NXDOMAIN"
    cluster.run_for("3s")
    assert cli.resolve("slow").addresses == [service.vip("eg1")]
    (task,) = service.tasks()
    assert cli.resolve("tasks.slow").addresses == [task.address("eg1")]
    task.container.set_health("unhealthy")
    cluster.run_until(lambda: cli.resolve("tasks.slow").rcode == "NXDOMAIN", limit="20s")
    assert task.container.container.running, "the names go first, two seconds before the stop signal"
    assert cli.resolve("slow").addresses == [service.vip("eg1")]


def test_3_8_17_an_alias_of_two_services(cluster, host, cli):
    one, two = (
        host.services.create(IMAGE, name=name, network=["name=eg1,alias=shared"]) for name in ("one", "two")
    )
    cluster.settle()
    assert sorted(cli.resolve("shared").addresses) == sorted([one.vip("eg1"), two.vip("eg1")])
    assert len(cli.resolve("tasks.shared").addresses) == 2
    one.remove()
    cluster.settle()
    assert cli.resolve("shared").addresses == [two.vip("eg1")]


@pytest.mark.parametrize("engine", ["28", "next"])
def test_3_8_22_an_alias_changes_with_a_rolling_update(engine):
    cluster = swarm(engine)
    host = cluster.host("host01")
    service = host.services.create(
        IMAGE,
        name="s",
        replicas=2,
        network=["name=eg1,alias=old"],
        update_delay="30s",
        update_order="start-first",
    )
    cluster.settle()
    cli = client(cluster)
    service.update(network_rm=["eg1"], network_add=["name=eg1,alias=new"])
    cluster.run_for("10s")
    (fresh,) = cli.resolve("tasks.new").addresses
    assert fresh not in cli.resolve("tasks.old").addresses
    assert cli.resolve("old").addresses == [service.vip("eg1")]
    expected = [service.vip("eg1")] if engine == "next" else []
    assert cli.resolve("new").addresses == expected, "before 29.5 only the first task's aliases counted"
    cluster.settle()
    assert cli.resolve("tasks.old").rcode == "NXDOMAIN"


def test_3_8_23_an_alias_belongs_to_one_network(cluster, host, cli):
    host.networks.create("net2", driver="overlay", attachable=True)
    service = host.services.create(IMAGE, name="s", network=["name=eg1,alias=db", "net2"])
    cluster.settle()
    other = client(cluster, name="other", network="net2")
    assert cli.resolve("db").addresses == [service.vip("eg1")]
    assert other.resolve("db").rcode == "NXDOMAIN"
    assert other.resolve("s").addresses == [service.vip("net2")]


# -- 3.2: plain containers


def test_3_2_a_plain_container_is_known_by_all_its_names_on_every_host(cluster, host, http):
    made = host.containers.run(
        "alpine",
        "sleep 1d",
        name="box",
        hostname="inner",
        network="eg1",
        network_alias=["a1", "a2"],
        detach=True,
    )
    far = client(cluster, host="host02", name="far")
    for name in ("box", "inner", "a1", "a2", made.id[:12], "a1.eg1"):
        assert far.resolve(name).addresses == [made.ip("eg1")], name
    made.stop(0)
    cluster.settle()
    assert far.resolve("a1").rcode == "NXDOMAIN"


def test_3_2_nothing_is_recorded_on_ingress(cluster, host, cli):
    host.services.create(IMAGE, name="lbapp1", publish=["81:80"])
    cluster.settle()
    for name in ("lbapp1", "tasks.lbapp1", "lbapp1.ingress"):
        assert cli.resolve(name).rcode == "NXDOMAIN"


# -- 3.7: spread and staleness


def test_3_7_a_host_that_is_cut_off_serves_old_names(cluster, host, http, cli):
    far = client(cluster, host="host02", name="far")
    before = sorted(far.resolve("tasks.http").addresses)
    cluster.partition(["host01"], ["host02"])
    http.update(force=True)
    cluster.run_for("4s")
    assert sorted(far.resolve("tasks.http").addresses) == before, (
        "not noticed yet: stale, TTL 600 all the same"
    )
    cluster.run_for("4s")
    assert far.resolve("tasks.http").addresses == [
        task.address("eg1")
        for task in http.tasks()
        if task.node == "host02" and task.address("eg1") in before
    ]
    cluster.heal()
    cluster.run_for("2m")
    assert sorted(far.resolve("tasks.http").addresses) == sorted(cli.resolve("tasks.http").addresses)


def test_3_7_a_new_host_on_a_network_knows_all_before_its_first_container_starts(cluster, host, http):
    worker = cluster.add_host("host03")
    worker.swarm.join("host01", token=host.swarm.join_token())
    late = worker.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    assert late.resolve("http").addresses == ["10.0.1.2"]
    assert len(late.resolve("tasks.http").addresses) == 2


# -- 3.5: the world outside


def test_3_5_names_outside(engine):
    cluster = swarm(
        engine, outside={"example.test": ["203.0.113.7", "203.0.113.8"], "laptop": "192.168.65.13"}
    )
    laptop = cluster.add_machine("laptop")
    cli = client(cluster)
    assert cli.resolve("Example.Test").addresses == ["203.0.113.7", "203.0.113.8"]
    assert cli.resolve("other.test").rcode == "NXDOMAIN"
    assert cli.ping("laptop")[0].ok
    assert laptop.address == "192.168.65.13"
    with pytest.raises(NameNotResolved):
        cli.get("other.test")
    # from the default bridge too: there the host's servers are asked directly
    plain = cluster.host("host01").containers.run("alpine", "sleep 1d", detach=True)
    assert plain.resolve("example.test").addresses == ["203.0.113.7", "203.0.113.8"]


def test_3_8_19_an_outer_nxdomain_is_passed_on_unchanged(engine):
    soa = Record("test.", 60, "SOA", "ns.test. admin.test. 1 2 3 4 5")
    ask = Asked(Reply("NXDOMAIN", authority=(soa,), authoritative=True))
    answer = client(swarm(engine, outside=ask)).resolve("nosuch.test")
    assert (answer.rcode, answer.authority, answer.flags) == ("NXDOMAIN", (soa,), ("qr", "aa", "rd", "ra"))
    assert ask.asked == [("nosuch.test.", "A")]


def test_3_8_20_the_second_server_is_asked_after_servfail(engine):
    first, second = Asked(Reply("SERVFAIL")), Asked(Reply("NXDOMAIN"))
    servers = [Server("192.168.65.1", first), Server("192.168.65.2", second)]
    answer = client(swarm(engine, outside=servers)).resolve("x.test")
    assert (answer.rcode, len(first.asked), len(second.asked)) == ("NXDOMAIN", 1, 1)


def test_3_5_the_older_engine_asks_on_and_stays_silent():
    plain, silent = Asked(Reply("NXDOMAIN")), Asked(None)
    servers = [Server("192.168.65.1", plain), Server("192.168.65.2", silent)]
    answer = client(swarm("20.10", outside=servers)).resolve("x.test")
    assert (answer.rcode, len(plain.asked), len(silent.asked)) == (None, 1, 1)


@pytest.fixture
def two_worlds(engine):
    """A host that lists one server, and another one that only ``--dns`` names."""
    lan, other = OutsideWorld({"lan.test": "192.0.2.1"}), OutsideWorld({"other.test": "192.0.2.2"})
    return swarm(engine, outside=[Server("192.168.65.1", lan), Server("192.168.65.2", other)])


def test_3_5_servers_of_a_containers_own(two_worlds):
    host = two_worlds.host("host01")
    host.networks.create("inside", driver="overlay", attachable=True, internal=True)
    own = host.containers.run("alpine", "sleep 1d", network="eg1", dns="192.168.65.2", detach=True)
    plain = host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    shut = host.containers.run("alpine", "sleep 1d", network="inside", dns="192.168.65.2", detach=True)
    lost = host.containers.run("alpine", "sleep 1d", network="eg1", dns="192.0.2.53", detach=True)
    asked = {"own": own, "plain": plain, "shut": shut}
    assert {name: one.resolve("other.test").addresses for name, one in asked.items()} == {
        "own": ["192.0.2.2"],
        "plain": [],
        "shut": ["192.0.2.2"],  # a --dns server is asked from inside the container, host servers are not
    }
    assert (plain.resolve("lan.test").addresses, own.resolve("lan.test").addresses) == (["192.0.2.1"], [])
    answer = lost.resolve("lan.test")
    assert (answer.rcode, answer.elapsed_ns) == ("SERVFAIL", 4_000_000_000), "nobody is there"


def test_3_5_a_services_own_servers_search_list_and_options(two_worlds):
    host = two_worlds.host("host01")
    service = host.services.create(
        IMAGE, name="s", network="eg1", dns=["192.168.65.2"], dns_search=["test"], dns_option=["ndots:2"]
    )
    two_worlds.settle()
    (task,) = service.tasks()
    assert task.container.resolve("other.test").addresses == ["192.0.2.2"]
    assert task.container.resolve("other").addresses == [], "a bare question is not searched for"
    assert task.container.resolve("nosuch").rcode == "NOERROR", "ndots set: single labels stay at home"
    assert two_worlds.resolve_from(task.container.namespace, "other") == "192.0.2.2", (
        "a program's resolver searches"
    )
    assert two_worlds.resolve_from(task.container.namespace, "s") == service.vip("eg1")
    with pytest.raises(NameNotResolved):
        two_worlds.resolve_from(task.container.namespace, "other.")
    assert task.container.attrs["HostConfig"]["DnsSearch"] == ["test"]


def test_3_1_resolv_conf_with_wishes():
    cluster = ShellCluster(engine="28", outside=[Server("192.168.65.1")])
    host = cluster.add_host("host01")
    host.networks.create("mine")
    wishes = "--dns 192.168.65.9 --dns-search lan --dns-search corp --dns-option ndots:1 --ip 172.18.0.7"
    line = (
        f"docker run --network name=mine,alias=me {wishes} alpine sh -c 'cat /etc/resolv.conf; hostname -i'"
    )
    assert host.run(line).stdout.splitlines()[4:] == [
        "nameserver 127.0.0.11",
        "search lan corp",
        "options ndots:1",
        "",
        "# Based on host file: '/etc/resolv.conf' (internal resolver)",
        "# ExtServers: [192.168.65.9]",
        "# Overrides: [nameservers search options]",
        "# Option ndots from: override",
        "172.18.0.7",
    ]
    refused = host.run("docker run --dns nonsense alpine true")
    assert refused.stderr.startswith('invalid argument "nonsense" for "--dns" flag: ')
    assert refused.exit == 125


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alias=a", "network name/id is not specified"),
        ("name=eg1,x=y", "invalid field key x"),
        ("name=nosuch", "network nosuch not found"),
    ],
)
def test_networks_in_the_long_form(cluster, host, text, sentence):
    with pytest.raises((BadValue, NotFound)) as caught:
        host.containers.run("alpine", network=text)
    assert str(caught.value) == sentence
    assert host.containers.list(all=True) == []
    made = host.containers.run(
        "alpine", "sleep 1d", network=["name=eg1,alias=a,ip=10.0.1.77"], network_alias="b", detach=True
    )
    assert (made.ip("eg1"), made.resolve("a").addresses) == ("10.0.1.77", ["10.0.1.77"])
    assert made.resolve("b").addresses == ["10.0.1.77"]


def test_3_5_what_the_world_outside_cannot_be():
    with pytest.raises(BadValue, match="the world outside is a mapping of names, a function or Servers"):
        Cluster(outside="8.8.8.8")


def test_03b_a_host_without_nameserver_makes_dig_time_out():
    """Recorded on 26.1.5: Docker asks 8.8.8.8 and 8.8.4.4, and dig gives up first."""
    cluster = ShellCluster(seed=1, engine="26.1", outside=[])
    host = cluster.add_host("host01")
    host.networks.create("mine")
    host.run("docker run -d --name cli --network mine alpine sleep 1d")
    asked = host.run("docker exec cli dig +noall +comments +answer nosuch").stdout
    assert (
        asked
        == ";; communications error to 127.0.0.11#53: timed out\n" * 3 + ";; no servers could be reached\n"
    )
    conf = host.run("docker exec cli cat /etc/resolv.conf").stdout
    assert "# Used default nameservers.\n# ExtServers: [8.8.8.8 8.8.4.4]\n" in conf
    newer = ShellCluster(seed=1, engine="28", outside=[]).add_host("host01")
    newer.networks.create("mine")
    newer.run("docker run -d --name cli --network mine alpine sleep 1d")
    assert "status: SERVFAIL" in newer.run("docker exec cli dig nosuch").stdout


def test_3_1_resolv_conf_names_the_servers_outside():
    """Ground truth 3: # ExtServers: [192.168.65.1]."""
    cluster = ShellCluster(engine="26.1", outside=[Server("192.168.65.1", OutsideWorld())])
    host = cluster.add_host("host01")
    host.networks.create("mine")
    conf = host.run("docker run --network mine alpine cat /etc/resolv.conf").stdout
    assert conf.splitlines()[4:] == [
        "nameserver 127.0.0.11",
        "options ndots:0",
        "",
        "# Based on host file: '/etc/resolv.conf' (internal resolver)",
        "# ExtServers: [192.168.65.1]",
        "# Overrides: []",
        "# Option ndots from: internal",
    ]

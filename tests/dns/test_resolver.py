"""The embedded server's answers: specification 3.3-3.5, 3.8, ground truth 3, and every recorded dig."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from meshsim.dns import EndpointNames, OutsideWorld, Record, Reply, Resolver, Server, Zone, search_order
from meshsim.errors import BadValue

TASK1 = "http.1.n6f94sq8n4fpa9fi491dx5ia1"
DIGS = json.loads(Path(__file__).with_name("dig.json").read_text(encoding="utf-8"))


def service(zone, name, count, *, vip="", first=3, service_id=None):
    for slot in range(1, count + 1):
        zone.publish(
            EndpointNames(
                endpoint_id=f"{name}{slot}",
                name=TASK1 if (name, slot) == ("http", 1) else f"{name}.{slot}.taskid{slot}",
                address=f"10.0.1.{first + slot - 1}",
                service_id=service_id or name,
                service_name=name,
                vip=vip,
                task_aliases=("4692d8d32fdf" if (name, slot) == ("http", 1) else f"{name}-short{slot}",),
            )
        )


@pytest.fixture
def eg1():
    zone = Zone("eg1")
    service(zone, "http", 2, vip="10.0.1.2")
    return zone


@pytest.fixture
def resolver(eg1):
    return Resolver([eg1, Zone("docker_gwbridge", kind="local")], servers=[Server("192.168.65.1")])


class Asked:
    """An outer server that counts, and answers what it is told."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.questions = []

    def __call__(self, question, now_ns):
        self.questions.append((question, now_ns))
        return self.replies[min(len(self.questions), len(self.replies)) - 1]


# The recorded swarm


def the_recorded_container():
    """``cli`` of transcripts 03 and 04: on eg1 with http, rr and itself; one outer server, UDP only."""
    eg1 = Zone("eg1")
    service(eg1, "http", 2, vip="10.0.1.2")
    service(eg1, "rr", 3, first=15)
    eg1.publish(EndpointNames("cli", "cli", "10.0.1.11", task_aliases=("836820ef7c23",)))
    outer = OutsideWorld({"example.test": ["203.0.113.7"]}, ttl=77, tcp=False)
    return Resolver(
        [eg1, Zone("docker_gwbridge", kind="local")],
        servers=[Server("192.168.65.1", outer)],
        rng=random.Random(1),
    )


def typed(query):
    """Read a recorded dig command line."""
    options = {"name": "", "qtype": "A"}
    words = query.split()
    while words:
        word = words.pop(0)
        if word == "-x":
            options["name"] = ".".join(reversed(words.pop(0).split("."))) + ".in-addr.arpa"
            options["qtype"] = "PTR"
        elif word in ("+tcp", "+norec", "+noedns"):
            options |= {"+tcp": {"tcp": True}, "+norec": {"recursion": False}, "+noedns": {}}[word]
        elif word == "CH":
            options["qclass"] = "CH"
        elif word in ("SRV", "TXT", "NS", "SOA", "ANY", "AAAA", "MX", "PTR", "CNAME", "HTTPS"):
            options["qtype"] = word
            options["tcp"] = word == "ANY"  # dig asks ANY over TCP
        else:
            options["name"] = word
    return options


@pytest.mark.parametrize("row", DIGS, ids=lambda row: row["query"].replace(" ", "_"))
def test_every_recorded_dig(row):
    answer = the_recorded_container().lookup(**typed(row["query"]))
    assert answer.rcode == row["status"]
    assert " ".join(answer.flags) == row["flags"]
    # The order is a fresh shuffle each time.
    assert sorted(map(str, answer.records)) == sorted(row["answers"])


# Rows of 3.8


def test_3_8_1_the_seed(resolver):
    answer = resolver.lookup("http")
    assert answer.rcode == "NOERROR"
    assert answer.records == (Record("http.", 600, "A", "10.0.1.2"),)
    assert answer.flags == ("qr", "rd", "ra")
    assert answer.size == 42
    assert (answer.network, answer.truncated, answer.compressed) == ("eg1", False, False)
    assert answer.why == "network eg1 knows 1 A of http"


def test_3_8_2_the_owner_is_spelled_as_typed(resolver):
    answer = resolver.lookup("HtTp.")
    assert answer.question.name == "HtTp."
    assert answer.records[0].name == "HtTp."


def test_3_8_3_aaaa_of_a_known_name_is_empty(resolver):
    answer = resolver.lookup("http", "AAAA")
    assert (answer.rcode, answer.records, answer.flags) == ("NOERROR", (), ("qr", "rd", "ra"))
    assert answer.why == "network eg1 knows 0 AAAA of http"


def test_3_8_4_mx(eg1):
    alone = Resolver([eg1], servers=[])
    assert alone.lookup("http", "MX").rcode == "NOERROR"
    assert alone.lookup("nonexistent", "MX").rcode == "SERVFAIL"


def test_3_8_5_tasks_in_random_order(eg1):
    resolver = Resolver([eg1], rng=random.Random(4))
    firsts = Counter(resolver.lookup("tasks.http").addresses[0] for _ in range(1000))
    assert set(firsts) == {"10.0.1.3", "10.0.1.4"}
    assert abs(firsts["10.0.1.3"] - 500) < 80  # five standard deviations


def test_each_order_of_three_is_as_likely(eg1):
    service(eg1, "d", 3, first=20)
    resolver = Resolver([eg1], rng=random.Random(5))
    orders = Counter(tuple(resolver.lookup("d").addresses) for _ in range(6000))
    assert len(orders) == 6
    assert all(abs(count - 1000) < 150 for count in orders.values())


def test_without_generator_the_order_is_that_of_becoming_known(eg1):
    resolver = Resolver([eg1])
    assert {tuple(resolver.lookup("tasks.http").addresses) for _ in range(9)} == {("10.0.1.3", "10.0.1.4")}


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("http.eg1", ["10.0.1.2"]),
        ("HTTP.eg1.", ["10.0.1.2"]),
        ("tasks.http.eg1", ["10.0.1.3", "10.0.1.4"]),
        ("http.EG1", None),
        ("4692d8d32fdf", ["10.0.1.3"]),
        (TASK1, ["10.0.1.3"]),
        (f"{TASK1}.eg1", ["10.0.1.3"]),
        ("http.1", None),
        ("http.eg2", None),
        ("eg1", None),
        (".eg1", None),
    ],
)
def test_3_8_6_to_8_names(resolver, name, addresses):
    if addresses is None:
        if name.startswith("."):
            with pytest.raises(BadValue):
                resolver.lookup(name)
        else:
            assert resolver.lookup(name).rcode == "NXDOMAIN"
    else:
        assert resolver.lookup(name).addresses == addresses


def test_3_8_9_reverse_of_a_task(resolver):
    answer = resolver.lookup("3.1.0.10.in-addr.arpa", "PTR", recursion=False)
    assert [str(record) for record in answer.records] == [f"3.1.0.10.in-addr.arpa. 600 IN PTR {TASK1}.eg1."]
    assert answer.flags == ("qr", "ra")
    assert answer.size == len(answer.encode()) == 12 + 2 * 23 + 4 + 10 + len(TASK1) + 6


@pytest.mark.parametrize("name", ["2.1.0.10.in-addr.arpa", "03.1.0.10.in-addr.arpa", "http", "1.ip6.arpa"])
def test_3_8_10_reverse_of_a_vip_and_of_what_is_no_address(resolver, name):
    answer = resolver.lookup(name, "PTR")
    assert answer.rcode == "NXDOMAIN"
    assert [attempt.server for attempt in answer.attempts] == ["192.168.65.1"]


def test_reverse_of_an_ipv6_address():
    zone = Zone("six")
    zone.add("c", "fd00::1", "e", ptr=True)
    name = ".".join(reversed("fd000000000000000000000000000001")) + ".ip6.arpa."
    assert str(Resolver([zone]).lookup(name, "PTR")) == f"{name} 600 IN PTR c.six."


@pytest.mark.parametrize("qtype", ["TXT", "NS", "SOA", "CNAME", "ANY", "HTTPS", "SRV", "TYPE99"])
def test_3_8_11_other_types_go_outside_even_for_known_names(eg1, qtype):
    outer = Asked(Reply("NXDOMAIN"))
    answer = Resolver([eg1], servers=[Server("9.9.9.9", outer)]).lookup("http", qtype)
    assert answer.rcode == "NXDOMAIN"
    assert outer.questions[0][0].qtype == qtype


def test_3_8_12_srv_of_a_service(resolver):
    assert resolver.lookup("_http._tcp.http", "SRV").rcode == "NXDOMAIN"


def test_3_8_13_dnsrr(eg1):
    service(eg1, "d", 3, first=20)
    resolver = Resolver([eg1])
    for name in ("d", "tasks.d"):
        assert resolver.lookup(name).addresses == ["10.0.1.20", "10.0.1.21", "10.0.1.22"]


def test_3_8_14_two_networks_the_first_by_name_answers():
    eg1, app1 = Zone("eg1"), Zone("app1")
    eg1.add("s", "10.0.1.2", "s")
    app1.add("s", "10.0.2.2", "s")
    resolver = Resolver([eg1, app1])
    assert resolver.lookup("s").addresses == ["10.0.2.2"]
    assert resolver.lookup("s").network == "app1"
    assert resolver.lookup("s.eg1").addresses == ["10.0.1.2"]


def test_3_3_a_network_may_have_dots_in_its_name():
    zone = Zone("b.c", kind="local")
    zone.add("a", "10.0.0.1", "s")
    zone.add("x.y", "10.0.0.2", "s")
    resolver = Resolver([zone])
    assert resolver.resolve("a.b.c") == ("10.0.0.1",)
    assert resolver.resolve("x.y.b.c") == ("10.0.0.2",)
    assert resolver.resolve("a.c") == ()


def test_3_3_a_network_with_the_name_in_the_other_family_ends_the_search():
    one, two = Zone("a"), Zone("b")
    one.add("s", "fd00::1", "s")
    two.add("s", "10.0.2.2", "s")
    answer = Resolver([one, two]).lookup("s")
    assert (answer.rcode, answer.records, answer.network) == ("NOERROR", (), "a")


def test_3_8_15_and_16_a_service_without_published_task(eg1, resolver):
    for slot, name in (1, TASK1), (2, "http.2.taskid2"):
        eg1.withdraw(EndpointNames(f"http{slot}", name, f"10.0.1.{slot + 2}", "http", "http", "10.0.1.2"))
    assert resolver.lookup("http").rcode == "NXDOMAIN"


def test_3_8_19_an_outer_nxdomain_is_passed_on_with_its_authority(eg1):
    soa = Record("test.", 60, "SOA", "ns.test. admin.test. 1 2 3 4 5")
    reply = Reply("NXDOMAIN", authority=(soa,), authoritative=True, recursion_available=False, elapsed_ns=7)
    answer = Resolver([eg1], servers=[Server("9.9.9.9", Asked(reply))]).lookup("nosuch.test")
    assert (answer.rcode, answer.authority) == ("NXDOMAIN", (soa,))
    assert answer.flags == ("qr", "aa", "rd")
    assert answer.size == len(answer.encode())
    assert answer.elapsed_ns == 7
    assert answer.why == "no network knows nosuch.test; asked outside: 9.9.9.9 NXDOMAIN: NXDOMAIN"


def test_3_8_20_the_second_server_is_asked(eg1):
    first, second = Asked(Reply("SERVFAIL")), Asked(Reply("NXDOMAIN"))
    answer = Resolver([eg1], servers=[Server("1.1.1.1", first), Server("2.2.2.2", second)]).lookup("x")
    assert (len(first.questions), len(second.questions)) == (1, 1)
    assert answer.rcode == "NXDOMAIN"
    assert [(attempt.server, attempt.outcome) for attempt in answer.attempts] == [
        ("1.1.1.1", "SERVFAIL"),
        ("2.2.2.2", "NXDOMAIN"),
    ]


def test_3_8_21_no_server_or_no_way_out(eg1):
    nobody = Resolver([eg1], servers=[]).lookup("x")
    assert (nobody.rcode, nobody.flags, nobody.size) == ("SERVFAIL", ("qr", "rd"), 12 + 7)
    assert nobody.why == "no network knows x, no server to ask: SERVFAIL"
    inside = Resolver([Zone("in", internal=True)]).lookup("x", recursion=False)
    assert (inside.rcode, inside.flags) == ("SERVFAIL", ("qr",))
    assert inside.why == "no network knows x; asked outside: 8.8.8.8 skipped: SERVFAIL"
    assert repr(Resolver([Zone("in", internal=True)])) == "Resolver(in; outside: no way out)"


def test_3_8_24_search_order():
    """TestSortByNetworkType: ovl2, local2, ingress, ovl1."""
    zones = [
        Zone("ovl2"),
        Zone("local2", kind="local"),
        Zone("ingress", kind="ingress"),
        Zone("ovl1"),
        Zone("local1", kind="local"),
    ]
    assert [zone.network for zone in search_order(zones)] == ["ovl1", "ovl2", "ingress", "local1", "local2"]


def test_3_3_search_order_outside_a_swarm():
    zones = [
        Zone("b", kind="local"),
        Zone("docker_gwbridge", kind="local"),
        Zone("in", kind="local", internal=True),
        Zone("a", kind="local"),
        Zone("z", kind="local", gateways=2),
        Zone("last", kind="local"),
    ]
    order = search_order(zones, swarm=False, priorities={"last": 10})
    assert [zone.network for zone in order] == ["last", "z", "a", "b", "in", "docker_gwbridge"]
    resolver = Resolver(zones, swarm=False)
    assert [zone.network for zone in resolver.zones] == ["z", "a", "b", "last", "in", "docker_gwbridge"]
    resolver.check()


# Forwarding, 3.5


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN", "NOTIMP"])
def test_most_replies_are_passed_on_at_once(eg1, rcode):
    servers = [Server("1.1.1.1", Asked(Reply(rcode))), Server("2.2.2.2", Asked(Reply("NOERROR")))]
    assert Resolver([eg1], servers=servers).lookup("x").rcode == rcode


def test_timeouts_cost_four_seconds_each_and_three_servers_are_tried(eg1):
    silent = [Asked(None) for _ in range(4)]
    servers = [Server(f"{n}.{n}.{n}.{n}", ask) for n, ask in enumerate(silent, 1)]
    answer = Resolver([eg1], servers=servers).lookup("x", now_ns=5)
    assert answer.rcode == "SERVFAIL"
    assert answer.elapsed_ns == 12_000_000_000
    assert [len(ask.questions) for ask in silent] == [1, 1, 1, 0]
    assert silent[1].questions[0][1] == 4_000_000_005
    assert [attempt.outcome for attempt in answer.attempts] == ["timeout"] * 3


def test_an_internal_network_asks_only_servers_given_by_dns():
    own, host = Asked(Reply("NOERROR")), Asked(Reply("NOERROR"))
    servers = [Server("192.168.65.1", host), Server("10.0.5.9", own, from_host=False)]
    answer = Resolver([Zone("in", internal=True)], servers=servers).lookup("x")
    assert (len(host.questions), len(own.questions)) == (0, 1)
    assert answer.rcode == "NOERROR"
    both = Resolver([Zone("in", internal=True), Zone("eg1")], servers=servers)
    both.lookup("x")
    assert len(host.questions) == 1


def test_its_own_address_is_no_outer_server():
    own, host = Server("127.0.0.11", Asked(None), from_host=False), Server("127.0.0.11", Asked(Reply()))
    assert repr(Resolver([Zone("eg1")], servers=[own, host])) == "Resolver(eg1; outside: 127.0.0.11)"
    assert repr(Resolver([Zone("eg1")], servers=[own])) == "Resolver(eg1; outside: nobody)"
    assert repr(Resolver([])) == "Resolver(no network; outside: no way out)"


def test_ndots_keeps_single_labels_at_home(eg1):
    outer = Asked(Reply("NXDOMAIN"))
    resolver = Resolver([eg1], servers=[Server("9.9.9.9", outer)], ndots_set=True)
    answer = resolver.lookup("nosuch", recursion=False)
    assert (answer.rcode, answer.records, answer.flags) == ("NOERROR", (), ("qr", "ra"))
    assert answer.size == len(answer.encode())
    assert answer.why == "no network knows nosuch, no server to ask: an empty answer, ndots is set"
    assert resolver.lookup("nosuch", "AAAA").flags == ("qr", "rd", "ra")
    assert resolver.lookup("nosuch.test").rcode == "NXDOMAIN"
    assert resolver.lookup("nosuch", "TXT").rcode == "NXDOMAIN"
    assert len(outer.questions) == 2


# The older manners


def old(zones, *asks, **options):
    servers = [Server(f"{n}.{n}.{n}.{n}", ask) for n, ask in enumerate(asks, 1)]
    return Resolver(
        zones,
        servers=servers,
        failing="silence",
        nxdomain="authoritative-only",
        oversize="drop",
        **options,
    )


def test_old_without_server_there_is_no_reply(eg1):
    answer = old([eg1]).lookup("x")
    assert (answer.rcode, answer.flags, answer.size, answer.records) == (None, (), 0, ())
    assert answer.why == "no network knows x, no server to ask: no reply"
    assert str(answer) == "x. no reply"


def test_old_without_way_out_servfail():
    ask = Asked(Reply("NOERROR"))
    assert old([Zone("in", internal=True)], ask, ndots_set=True).lookup("x").rcode == "SERVFAIL"
    assert not ask.questions


@pytest.mark.parametrize(
    ("replies", "rcode", "asked"),
    [
        ([Reply("NXDOMAIN"), Reply("NOERROR")], "NOERROR", 2),
        ([Reply("NXDOMAIN", authoritative=True), Reply("NOERROR")], "NXDOMAIN", 1),
        ([Reply("NXDOMAIN"), Reply("SERVFAIL")], "SERVFAIL", 2),
        ([Reply("SERVFAIL"), Reply("NXDOMAIN")], "NXDOMAIN", 2),
        ([Reply("NOTIMP"), Reply("NOTIMP")], "NOTIMP", 2),
        ([Reply("NXDOMAIN"), None], None, 2),
        ([None, Reply("REFUSED")], "REFUSED", 2),
    ],
)
def test_old_the_last_reply_is_passed_on(eg1, replies, rcode, asked):
    asks = [Asked(reply) for reply in replies]
    answer = old([eg1], *asks).lookup("x")
    assert answer.rcode == rcode
    assert sum(len(ask.questions) for ask in asks) == asked
    assert len(answer.attempts) == asked


def test_the_two_rules_of_old_are_apart(eg1):
    servers = [Server("1.1.1.1", Asked(Reply("NXDOMAIN")))]
    assert Resolver([eg1], servers=servers, nxdomain="authoritative-only").lookup("x").rcode == "SERVFAIL"
    assert Resolver([eg1], servers=servers, failing="silence").lookup("x").rcode == "NXDOMAIN"


def test_old_a_reverse_question_for_no_address_is_not_answered(eg1):
    resolver = old([eg1], Asked(Reply("NXDOMAIN", authoritative=True)))
    assert resolver.lookup("http", "PTR").rcode is None
    assert resolver.lookup("1.ip6.arpa", "PTR").rcode == "NXDOMAIN"
    assert resolver.lookup("3.1.0.10.in-addr.arpa", "PTR").rcode == "NOERROR"


# Sizes, 3.4


def many(count, *, name="http"):
    zone = Zone("eg1")
    for number in range(count):
        zone.add(f"tasks.{name}", f"10.0.{number // 250}.{number % 250 + 1}", "s")
    return zone


@pytest.mark.parametrize(
    ("count", "options", "answers", "size", "compressed", "truncated"),
    [
        (18, {}, 18, 28 + 26 * 18, False, False),
        (19, {}, 19, 28 + 16 * 19, True, False),
        (30, {}, 30, 508, True, False),
        (31, {}, 30, 508, True, True),
        (46, {"edns": 1232}, 46, 28 + 26 * 46, False, False),
        (47, {"edns": 1232}, 47, 28 + 16 * 47, True, False),
        (75, {"edns": 1232}, 75, 28 + 16 * 75, True, False),
        (76, {"edns": 1232}, 75, 28 + 16 * 75, True, True),
        (31, {"edns": 100}, 30, 508, True, True),
        (2519, {"tcp": True}, 2519, 28 + 26 * 2519, False, False),
        (2520, {"tcp": True}, 2520, 28 + 16 * 2520, True, False),
        (4095, {"tcp": True}, 4094, 28 + 16 * 4094, True, True),
    ],
)
def test_3_4_sizes(count, options, answers, size, compressed, truncated):
    answer = Resolver([many(count)]).lookup("tasks.http", **options)
    assert len(answer.records) == answers
    assert answer.size == size
    assert (answer.compressed, answer.truncated) == (compressed, truncated)
    assert ("tc" in answer.flags) == truncated
    if count < 100:
        assert len(answer.encode()) == size


def test_3_4_which_answers_are_left_off_is_random():
    resolver = Resolver([many(31)], rng=random.Random(2))
    left_off = {
        (set(dict(resolver.zones[0])["tasks.http"]) - set(resolver.lookup("tasks.http").addresses)).pop()
        for _ in range(200)
    }
    assert len(left_off) > 20
    assert resolver.lookup("tasks.http").why == "network eg1 knows 30 A of tasks.http, cut to fit"


@pytest.mark.parametrize(
    ("count", "options", "answers", "truncated"),
    [
        (18, {}, 18, False),
        (19, {}, 18, True),
        (2519, {"tcp": True}, 2519, False),
        (2520, {"tcp": True}, 2519, False),
    ],
)
def test_3_4_the_old_server_drops_at_once_and_says_so_over_udp(count, options, answers, truncated):
    answer = old([many(count)]).lookup("tasks.http", recursion=False, **options)
    assert (len(answer.records), answer.compressed, answer.truncated) == (answers, False, truncated)
    assert answer.size == 28 + 26 * answers
    assert answer.flags == (("qr", "tc", "ra") if truncated else ("qr", "ra"))


def test_names_too_long_to_be_sent(eg1):
    """TestInvalidReverseDNS."""
    eg1.add("x" * 64, "10.0.1.99", "e", ptr=True)
    resolver = Resolver([eg1])
    answer = resolver.lookup("99.1.0.10.in-addr.arpa", "PTR")
    assert (answer.rcode, answer.flags) == ("SERVFAIL", ("qr", "rd"))
    with pytest.raises(BadValue, match="not a DNS name"):
        resolver.lookup("x" * 64)
    assert resolver.lookup("x" * 63).rcode == "NXDOMAIN"


# Doors


@pytest.mark.parametrize("name", ["a..b", "." + "a", "y" * 64, ".".join(["z" * 50] * 6)])
def test_what_is_no_name(resolver, name):
    with pytest.raises(BadValue, match="not a DNS name"):
        resolver.lookup(name)


def test_what_is_no_type(resolver):
    for qtype in ("BOGUS", "a", "", "TYPE70000", "TYPEx"):
        with pytest.raises(BadValue, match="no DNS record type"):
            resolver.lookup("http", qtype)


def test_the_root_can_be_asked_for(resolver):
    assert resolver.lookup("", "NS").question.name == "."
    assert resolver.lookup(".", "NS").why.startswith("no network knows .;")


def test_resolve_is_lookup_without_ceremony(eg1):
    lean, full = (Resolver([eg1], rng=random.Random(3)) for _ in range(2))
    for name in ("tasks.http", "http", "tasks.http", "http.eg1.", "nosuch", "tasks.http"):
        assert lean.resolve(name) == tuple(full.lookup(name).addresses)


def test_a_zone_that_changes_is_seen_at_once(eg1, resolver):
    assert resolver.resolve("late") == ()
    eg1.add("late", "10.0.1.50", "s")
    assert resolver.resolve("late") == ("10.0.1.50",)


def test_check_refuses_one_network_twice():
    with pytest.raises(AssertionError, match="a network twice"):
        Resolver([Zone("a"), Zone("a")]).check()


@pytest.mark.parametrize("word", ["failing", "nxdomain", "oversize"])
def test_what_is_no_behaviour(word):
    with pytest.raises(BadValue, match=r"no such .*: 'loud'; known: "):
        Resolver([Zone("a")], **{word: "loud"})

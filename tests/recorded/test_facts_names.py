"""What dig printed inside a container of the recorded swarm, and the rules drawn from it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from tests.recorded.facts import FACTS, IMAGE, Slots, each, recorded, swarm

from meshsim import Cluster
from meshsim.dns import OutsideWorld, Server

#: the recorded upstream: one name, by UDP alone
UPSTREAM = Server("192.168.65.1", OutsideWorld({"example.test": "203.0.113.7"}, ttl=77, tcp=False))


@cache
def made() -> Cluster:
    """The recorded swarm as it was in sessions 03 and 04, with its addresses."""
    rule = Slots(lbapp1="host02 host01", http="host03 host02", rr="host01 host02 host03")
    cluster = swarm(placement=rule, outside=[UPSTREAM], ties="seeded")
    host01, _, host03 = cluster.hosts.values()
    host01.services.create(IMAGE, name="lbapp1", replicas=2, publish=["81:80"])
    cluster.settle()
    host01.networks.create("eg1", driver="overlay", attachable=True)
    web = host01.services.create(IMAGE, name="http", replicas=2, network=["eg1"])
    cluster.settle()
    assert [task.address("eg1") for task in sorted(web.tasks(), key=lambda t: t.slot)] in (
        ["10.0.1.3", "10.0.1.4"],
        ["10.0.1.4", "10.0.1.3"],
    )
    for line in ("true", "true"):  # each takes an address for itself and one for host01, and frees both
        host01.containers.run("alpine", line, network="eg1", remove=True)
    host03.containers.run("benhall/dig", "sleep 100d", name="cli", network="eg1", detach=True)
    return cluster


def ids() -> dict[str, str]:
    """Recorded names that hold ids -> those here; the task that has 10.0.1.3 is slot 1 in both."""
    web = made().host("host01").services.get("http")
    task = next(task for task in web.tasks() if task.address("eg1") == "10.0.1.3")
    return {
        "http.1.n6f94sq8n4fpa9fi491dx5ia1": task.name,
        "4692d8d32fdf": task.container.container.short_id,
    }


def dig(words: str, host: str = "host03") -> tuple[str, str, list[str]]:
    """Status, flags and answers of one dig in container cli."""
    printed = made().host(host).run(f"docker exec cli dig {words}").stdout
    status = re.search(r"status: (\w+)", printed)
    flags = re.search(r"flags: ([a-z ]+);", printed)
    assert status, printed
    assert flags, printed
    answers = re.search(r";; ANSWER SECTION:\n(.*?)\n\n", printed, re.DOTALL)
    lines = answers[1].splitlines() if answers else []
    return status[1], flags[1], [" ".join(line.split()) for line in lines]


@each("name", "dig")
def test_question(name: str) -> None:
    fact = FACTS[name]
    if fact["transcript"] == "04_dnsrr":
        made_rr()
    query, answers = fact["query"], fact["answers"]
    for recorded_id, here in ids().items():
        query = query.replace(recorded_id, here)
        answers = [answer.replace(recorded_id, here) for answer in answers]
    status, flags, found = dig(query)
    assert (status, flags) == (fact["status"], fact["flags"])
    assert Counter(found) == Counter(answers)


@cache
def made_rr() -> None:
    """04: a dnsrr service whose tasks have .15 .16 .17."""
    cluster = made()
    host01 = cluster.host("host01")
    host01.containers.run("alpine", "sleep 100d", name="filler", network="eg1", detach=True)  # .12 and .13
    host01.containers.run("alpine", "sleep 100d", name="filler2", network="eg1", detach=True)  # .14
    host01.services.create(IMAGE, name="rr", replicas=3, network=["eg1"], endpoint_mode="dnsrr")
    cluster.settle()


@recorded(ttl="dns.ttl", order="dns.order", dnsrr="dns.weight0_task_in_tasks_name")
def test_ttl_shuffle_and_draining(ttl: int, order: str, dnsrr: bool) -> None:
    cluster = made().fork()
    cli = cluster.host("host03").containers.get("cli")
    assert {record.ttl for record in cli.resolve("tasks.http").records} == {ttl}
    assert order == "random shuffle per query"
    first = Counter(cli.resolve("tasks.http").addresses[0] for _ in range(400))
    assert all(140 < count < 260 for count in first.values())
    assert len(first) == 2
    web = cluster.host("host01").services.get("http")
    web.scale(1)
    cluster.run_for("1s")
    assert (len(cli.resolve("tasks.http").addresses) == 2) is dnsrr


@recorded(
    empty="dns.aaaa_mx_known_name",
    forwarded="dns.srv_txt_ns_soa_cname_known_name",
    everything="dns.any",
    vip="dns.ptr_vip",
    task="dns.ptr_task",
    names="dns.name_case_insensitive",
    networks="dns.network_suffix_case_insensitive",
)
def test_rules(empty, forwarded, everything, vip, task, names, networks) -> None:
    assert empty == "NOERROR empty"
    for qtype in ("AAAA", "MX"):
        assert dig(f"{qtype} http")[::2] == ("NOERROR", [])
    assert forwarded == vip == "forwarded upstream"
    for qtype in ("SRV", "TXT", "NS", "SOA", "CNAME"):
        assert dig(f"{qtype} http")[0] == "NXDOMAIN"
    assert dig("-x 10.0.1.2")[0] == "NXDOMAIN"
    assert everything == "SERVFAIL without ra"
    assert dig("ANY http")[:2] == ("SERVFAIL", "qr rd")
    container = ids()["http.1.n6f94sq8n4fpa9fi491dx5ia1"]
    expected = task.replace("CONTAINER_NAME", container).replace("NETWORK", "eg1")
    assert dig("-x 10.0.1.3")[2] == [f"3.1.0.10.in-addr.arpa. 600 IN PTR {expected}"]
    assert (dig("hTTp")[0] == "NOERROR") is names
    assert (dig("http.EG1")[0] == "NOERROR") is networks


@recorded(servers="dns.forwarded_default_when_no_upstream")
def test_without_a_server_the_engine_asks_googles(servers: list[str]) -> None:
    """Their machines had none, so an unknown name timed out."""
    cluster = swarm(1, outside=[])
    host = cluster.host("host01")
    host.networks.create("eg1", driver="overlay", attachable=True)
    box = host.containers.run("alpine", "sleep 100d", network="eg1", detach=True)
    assert [server.address for server in box.namespace.resolver._servers] == servers

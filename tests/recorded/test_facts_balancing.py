"""Who answered whom, and in which order the kernel's lists stood: sessions 02 to 13 and 17, replayed.

A session is played on three hosts without managers: what the recording does not tell beforehand (on which
host a task was, in which order tasks became known) is its input; which task answers and how every list looks
is compared. Tasks are called by the addresses they had.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.recorded.facts import FACTS, each, lab, recorded

P81 = [("tcp", 81, 80)]
BOTH = [("tcp", 84, 80), ("udp", 53000, 80)]
ADDRESSES = {"host01": "192.168.65.11", "host02": "192.168.65.12", "host03": "192.168.65.13"}


class Session:
    """Three hosts; what was heard and seen, in the order of the recording."""

    def __init__(self) -> None:
        self.lab = lab()
        self.lab.add_network("eg1")
        #: the tasks' recorded addresses: (task, network) -> address
        self.recorded: dict[tuple[str, str], str] = {}
        self.answers: list[list[str]] = []
        self.lists: list[dict[int, list[list[Any]]]] = []

    def start(self, host: str, service: str, /, publish: Any = None, **addresses: str) -> None:
        """A task becomes known everywhere; it is called by its addresses."""
        name = "/".join(addresses.values())
        for network, address in addresses.items():
            self.recorded[name, network] = address
        networks = [network for network in addresses if network != "ingress"]
        listen = (("tcp", 80), ("udp", 80))
        dnsrr = service in ("hm", "rr")
        self.lab.start(name, host, *networks, service=service, publish=publish, listen=listen, dnsrr=dnsrr)
        self.lab.run(1)

    def drain(self, *names: str) -> None:
        for name in names:
            self.lab.drain(name)
        self.lab.run(1)

    def stop(self, *names: str) -> None:
        for name in names:
            self.lab.stop(name)
        self.lab.run(1)

    def call(self, client: Any, target: str, times: int, network: str = "ingress", **options: Any) -> None:
        """Add to what was heard last."""
        heard = self.lab.reached(client, target, times, **options)
        self.answers[-1] += [self.recorded[name, network] for name in heard]

    def look(self, host: str) -> None:
        """Note the lists of a host, by mark, in the order ingress, eg1."""
        seen: dict[int, list[list[Any]]] = {}
        for network in ("ingress", "eg1"):
            if self.lab.networks[network].id not in self.lab.planes[host].sandboxes:
                continue
            sandbox = self.lab.sandbox(network, host)
            for here in sandbox.services.values():
                if here.balanced is not None:
                    by_address = {b.address: b.endpoint_id for b in here.backends.values()}
                    seen[here.mark] = [
                        [self.recorded[by_address[d.address], network], d.weight]
                        for d in here.balanced.destinations
                    ]
        self.lists.append(seen)


def curl(session: Session) -> None:
    session.answers.append([])


def lesson(s: Session) -> None:
    """02 and 03b: two tasks on ingress, two on eg1."""
    s.start("host02", "lbapp1", P81, ingress="10.0.0.6")
    s.start("host01", "lbapp1", P81, ingress="10.0.0.7")
    for host, address in ADDRESSES.items():
        curl(s)
        s.call(host, f"{address}:81", 20)
    curl(s)
    s.call("host01", "127.0.0.1:81", 5)
    for _ in range(3):
        for host in ("host02", "host03"):
            s.call("host01", f"{ADDRESSES[host]}:81", 1)
    curl(s)
    s.call("host01", "192.168.65.11:81", 4)
    s.start("host03", "http", eg1="10.0.1.3")
    s.start("host02", "http", eg1="10.0.1.4")
    s.look("host01")
    s.look("host02")
    cli = s.lab.start("cli", "host03", "eg1")
    curl(s)
    s.call(cli, f"{s.lab.vip('http', 'eg1')}:80", 6, "eg1")
    for address in sorted(cli.resolve("tasks.http").addresses * 3):
        s.call(cli, f"{address}:80", 1, "eg1")


def dnsrr(s: Session) -> None:
    """04: services without virtual address use up a mark each."""
    s.start("host01", "hm", eg1="10.0.1.13")
    for number, host in zip((15, 16, 17), ADDRESSES, strict=True):
        s.start(host, "rr", eg1=f"10.0.1.{number}")
    cli = s.lab.planes["host03"].namespaces["cli"]
    curl(s)
    for address in sorted(cli.resolve("rr").addresses * 4):
        s.call(cli, f"{address}:80", 1, "eg1")
    s.stop("10.0.1.13", "10.0.1.15", "10.0.1.16", "10.0.1.17")


def scale(s: Session) -> None:
    """05: 2 to 6, to 3, to 0, to 2."""
    for host in ADDRESSES:
        s.look(host)
    for number, host in ((8, "host02"), (10, "host03"), (11, "host01"), (9, "host03")):
        s.start(host, "lbapp1", P81, ingress=f"10.0.0.{number}")
    for host in ADDRESSES:
        s.look(host)
    curl(s)
    s.call("host03", "192.168.65.13:81", 18)
    s.look("host03")
    curl(s)
    s.call("host03", "192.168.65.13:81", 3)
    s.drain("10.0.0.8", "10.0.0.10", "10.0.0.11")
    s.call("host03", "192.168.65.13:81", 17)
    s.stop("10.0.0.8", "10.0.0.10", "10.0.0.11")
    for host in ADDRESSES:
        s.look(host)
    curl(s)
    s.call("host03", "192.168.65.13:81", 9)
    s.stop("10.0.0.6", "10.0.0.7", "10.0.0.9")
    s.start("host02", "lbapp1", P81, ingress="10.0.0.13")
    s.start("host01", "lbapp1", P81, ingress="10.0.0.12")
    s.look("host03")
    curl(s)
    s.call("host03", "192.168.65.13:81", 6)


def update(s: Session) -> None:
    """06: a rolling update, stop-first, then start-first, then one that fails."""
    places = {25: "host01", 24: "host02", 23: "host03", 26: "host01", 29: "host01", 28: "host02"}

    def up(eg1: int, ingress: int) -> None:
        host = places.get(eg1, "host03")
        s.start(host, "up", [("tcp", 83, 80)], eg1=f"10.0.1.{eg1}", ingress=f"10.0.0.{ingress}")

    def named(*eg1: int) -> list[str]:
        return [name for name, network in s.recorded if network == "eg1" and s.recorded[name, network] in eg1]

    def of(*numbers: int) -> list[str]:
        return [name for number in numbers for name in named(*[f"10.0.1.{number}"])]

    for eg1, ingress in ((25, 17), (24, 16), (23, 15), (26, 18)):
        up(eg1, ingress)
    s.look("host03")
    cli, vip = s.lab.planes["host03"].namespaces["cli"], f"{s.lab.vip('up', 'eg1')}:80"
    curl(s)
    s.drain(*of(26, 24))
    s.call(cli, vip, 4, "eg1")
    s.stop(*of(26, 24))
    up(29, 20)
    up(28, 19)
    s.drain(*of(23, 25))
    s.call(cli, vip, 4, "eg1")
    s.stop(*of(23, 25))
    up(30, 21)
    up(31, 22)
    s.call(cli, vip, 4, "eg1")
    s.look("host03")
    for new, old in ((32, 29), (33, 28), (34, 30), (35, 31)):
        up(new, new - 9)
        s.drain(*of(old))
        s.stop(*of(old))
    s.look("host03")
    s.drain(*of(32))
    s.stop(*of(32))
    s.look("host03")
    up(38, 29)
    s.look("host03")


def drain(s: Session) -> None:
    """07: a drained host, then a lost one."""
    s.drain("10.0.0.13")
    s.start("host02", "lbapp1", P81, ingress="10.0.0.33")
    s.stop("10.0.0.13")
    s.look("host01")
    s.stop("10.0.0.33")
    s.start("host03", "lbapp1", P81, ingress="10.0.0.34")
    s.look("host01")
    curl(s)
    s.call("host01", "192.168.65.11:81", 8)


def ports(s: Session) -> None:
    """10 and 13: TCP and UDP of one service, keep-alive, one source port again and again, scaling away."""
    s.start("host02", "dr", [("tcp", 87, 80)], ingress="10.0.0.37")
    s.look("host01")
    s.start("host03", "dr", [("tcp", 87, 80)], ingress="10.0.0.38")
    for number, host in ((40, "host03"), (42, "host02"), (41, "host01")):
        s.start(host, "u", BOTH, ingress=f"10.0.0.{number}")
    s.look("host01")
    curl(s)
    kept = s.lab.planes["host02"].connect("192.168.65.11", 84)
    for _ in range(3):
        assert kept.send() is None
        s.answers[-1].append(s.recorded[kept.endpoint_id, "ingress"])
    kept.close()
    s.call("host02", "192.168.65.11:84", 4, source_port=40000)
    s.drain("10.0.0.38")
    curl(s)
    s.call("host02", "192.168.65.11:87", 4)
    s.stop("10.0.0.38", "10.0.0.40")
    s.look("host01")
    s.stop("10.0.0.42")
    s.look("host01")
    s.look("host01")


def localhost(s: Session) -> None:
    """17: another swarm."""
    for number, host in ((5, "host03"), (6, "host02"), (4, "host01")):
        s.start(host, "p", BOTH, ingress=f"10.20.0.{number}")
    s.look("host01")
    s.look("host01")


@cache
def played() -> Session:
    session = Session()
    for part in (lesson, dnsrr, scale, update, drain, ports):
        part(session)
    session.lab.check()
    another = Session()
    localhost(another)
    session.lists += another.lists
    return session


def number(name: str) -> int:
    return int(name.rpartition(".")[2])


#: looked up by name, so in any order
BY_NAME = ("04_dnsrr",)


@each("name", "curl_sequences")
def test_answers(name: str) -> None:
    fact, heard = FACTS[name], played().answers[number(name)]
    wanted = fact["answers"]
    if not wanted[0].startswith("10."):  # answered by container id: the newest task is the first to answer
        newest, oldest = wanted[0], wanted[1]
        wanted = [{newest: "10.0.0.7", oldest: "10.0.0.6"}[answer] for answer in wanted]
    if fact["transcript"] in BY_NAME:
        assert set(heard) == set(wanted)
    elif "tasks.http" in fact["cmd"]:
        assert heard[:6] == wanted[:6]
        assert set(heard[6:]) == set(wanted[6:])
    else:
        assert heard == wanted


@each("name", "ipvs_snapshots")
def test_kernel_order(name: str) -> None:
    fact, seen = FACTS[name], played().lists[number(name)]
    by_mark = {int(mark): entries for mark, entries in fact["kernel_order"].items()}
    if fact["host"] == "host03" or fact["transcript"] == "03b_dns":
        own = {mark: entries for mark, entries in seen.items() if mark in by_mark}
        assert own == by_mark, "also the marks"
    else:  # what other services had used up marks there is not told: but later is higher
        lists = [entries for _, entries in sorted(seen.items())]
        for entries in by_mark.values():
            assert entries in lists
        found = [lists.index(entries) for _, entries in sorted(by_mark.items())]
        assert found == sorted(found)


@recorded(rule="rr_across_changes.kernel_order_rule", story="rr_across_changes.host03_port81.two_tasks_list")
def test_newest_first(rule: str, story: list[str]) -> None:
    assert "head of the list" in rule
    seen = played().lists[4]
    assert [address for address, _ in seen[256]] == story


@recorded(
    last="rr_across_changes.host03_port81.last_used",
    grown="rr_across_changes.host03_port81.after_scale_to_6_list",
    then="rr_across_changes.host03_port81.then_answers",
    gone="rr_across_changes.host03_port81.during_scale_to_3_weight0",
    during="rr_across_changes.host03_port81.answers_during",
)
def test_the_position_survives(last, grown, then, gone, during) -> None:
    session = Session()
    session.start("host02", "lbapp1", P81, ingress="10.0.0.6")
    session.start("host01", "lbapp1", P81, ingress="10.0.0.7")
    curl(session)
    session.call("host03", "192.168.65.13:81", 1)
    assert session.answers[-1] == [last]
    for address in reversed(grown[:4]):
        session.start("host03", "lbapp1", P81, ingress=address)
    session.look("host03")
    assert [address for address, _ in session.lists[-1][256]] == grown
    curl(session)
    session.call("host03", "192.168.65.13:81", len(then))
    assert session.answers[-1] == then
    curl(session)
    session.call("host03", "192.168.65.13:81", 1)  # where the recorded 18 answers had ended
    while session.answers[-1][-1] != "10.0.0.7":
        session.call("host03", "192.168.65.13:81", 1)
    curl(session)
    session.call("host03", "192.168.65.13:81", 3)
    session.drain(*gone)
    session.call("host03", "192.168.65.13:81", len(during) - 3)
    assert session.answers[-1] == during

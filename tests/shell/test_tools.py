"""Tools against what the real ones printed (cli 11; ground truth 3: dig 9.20, busybox ping, curl)."""

from __future__ import annotations

import pytest
from attrs import evolve

from meshsim.cluster.client import PingReply, Response, Target
from meshsim.cluster.programs import ProgramResult
from meshsim.dataplane import Lab, Namespace
from meshsim.dns import Answer, EndpointNames, OutsideWorld, Question, Resolver, Server, Zone
from meshsim.errors import (
    ConnectionFailed,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
    NameNotResolved,
    NotModelled,
)
from meshsim.profile import Profile
from meshsim.shell.tools import Flavour, run_program
from meshsim.shell.tools.curl import curl, wget
from meshsim.shell.tools.dig import dig
from meshsim.shell.tools.ping import ping
from meshsim.units import SECOND, parse_time

TASK = "http.1.n6f94sq8n4fpa9fi491dx5ia1"
MS = 1_000_000


def zone() -> Zone:
    eg1 = Zone("eg1")
    names = {"10.0.1.3": TASK, "10.0.1.4": "http.2.gffx631ztf1u5n9cgq1v6dpvn"}
    for address, name in names.items():
        endpoint = EndpointNames.of(
            container=name,
            container_id="4692d8d32fdf",
            address=address,
            service_id="s1",
            service_name="http",
            vip="10.0.1.2",
        )
        eg1.publish(endpoint)
    return eg1


class FakePlace:
    """A container on eg1 whose requests end as the test says."""

    hostname = "9d391ce28461"
    flavour: Flavour = "gnu"

    def __init__(self, engine: str = "28", **profile: object) -> None:
        self.profile = Profile(engine, **profile)
        self.unix_ns = parse_time("2026-11-23T07:00:07Z")
        self.failure: ConnectionFailed | None = None
        self.lost = False
        self.status = 200
        world = OutsideWorld()
        silent = self.profile.dns_no_upstream == "silence"
        self.resolver = Resolver(
            [zone()],
            servers=() if silent else (Server("8.8.8.8", world),),
            failing=self.profile.dns_no_upstream,
        )

    def lookup(self, question: Question) -> Answer:
        return self.resolver.lookup(
            question.name, question.qtype, recursion=question.recursion, tcp=question.tcp
        )

    def address_of(self, name: str) -> str:
        addresses = self.resolver.lookup(name).addresses
        if not addresses:
            raise NameNotResolved(name)
        return addresses[0]

    def fetch(self, target: Target) -> Response:
        if self.failure is not None:
            raise self.failure
        return Response("<h1>hello</h1>\n", self.status, 2 * MS, "c", "t", "host01", "10.0.0.2")

    def echo(self, address: str) -> PingReply:
        return PingReply(address, not self.lost, 100_000)

    def resolv_conf(self) -> str:
        return "nameserver 127.0.0.11\n"

    @property
    def network(self) -> Namespace:
        lab = Lab(1)
        lab.add_network("eg1", internal=True)
        for _ in range(9):  # gateway .1, its host .2
            lab._pools["eg1"].any()
        return lab.start("cli", "host01", "eg1")

    @property
    def namespaces(self) -> list[str]:
        return []

    def entered(self, path: str) -> None:
        return None


def test_dig_cli_11() -> None:
    text = dig(["http"], FakePlace()).stdout
    ident = text.partition("id: ")[2].partition("\n")[0]
    assert 0 <= int(ident) <= 65535
    assert text.replace(ident, "42378") == (
        "\n; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> http\n;; global options: +cmd\n;; Got answer:\n"
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 42378\n"
        ";; flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0\n\n"
        ";; QUESTION SECTION:\n;http.\t\t\t\tIN\tA\n\n"
        ";; ANSWER SECTION:\nhttp.\t\t\t600\tIN\tA\t10.0.1.2\n\n"
        ";; Query time: 1 msec\n;; SERVER: 127.0.0.11#53(127.0.0.11) (UDP)\n"
        ";; WHEN: Mon Nov 23 07:00:07 UTC 2026\n;; MSG SIZE  rcvd: 42\n\n"
    )


def test_dig_of_2021_does_not_say_udp() -> None:
    text = dig(["http"], FakePlace("20.10")).stdout
    assert "; <<>> DiG 9.10.2 <<>> http\n" in text
    assert ";; SERVER: 127.0.0.11#53(127.0.0.11)\n" in text


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        pytest.param(
            ["tasks.http"],
            [";tasks.http.\t\t\tIN\tA", "tasks.http.\t\t600\tIN\tA\t10.0.1.3", ";; MSG SIZE  rcvd: 80"],
            id="ground-truth-3-tasks",
        ),
        pytest.param(
            [TASK],
            [f";{TASK}. IN\tA", f"{TASK}. 600 IN A\t10.0.1.3", ";; MSG SIZE  rcvd: 98"],
            id="ground-truth-3-long-name",
        ),
        pytest.param(
            ["-x", "10.0.1.3"],
            [
                ";3.1.0.10.in-addr.arpa.\t\tIN\tPTR",
                f"3.1.0.10.in-addr.arpa.\t600\tIN\tPTR\t{TASK}.eg1.",
                ";; MSG SIZE  rcvd: 110",
            ],
            id="ground-truth-3-ptr",
        ),
        pytest.param(
            ["AAAA", "http"], [";http.\t\t\t\tIN\tAAAA", ";; MSG SIZE  rcvd: 22"], id="ground-truth-3-aaaa"
        ),
        pytest.param(["HTTP"], ["HTTP.\t\t\t600\tIN\tA\t10.0.1.2"], id="ground-truth-3-spelling"),
        pytest.param(
            ["nosuch"],
            [";; flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0"],
            id="cli-11-nxdomain",
        ),
    ],
)
def test_dig_lines(args: list[str], lines: list[str]) -> None:
    result = dig(args, FakePlace())
    assert result.exit_code == 0
    for line in lines:
        assert line in result.stdout.splitlines()


def test_dig_any_goes_over_tcp_ground_truth_3() -> None:
    assert "(TCP)" in dig(["ANY", "http"], FakePlace()).stdout


def test_dig_nothing_answers() -> None:
    old = dig(["nosuch"], FakePlace("20.10"))
    assert (old.exit_code, old.duration_ns) == (9, 15 * SECOND)
    assert old.stdout.endswith(";; connection timed out; no servers could be reached\n")

    class Silent(FakePlace):
        def lookup(self, question: Question) -> Answer:
            return evolve(super().lookup(question), rcode=None)

    new = dig(["nosuch"], Silent())
    assert new.stdout.startswith(";; communications error to 127.0.0.11#53: timed out\n" * 3 + "\n; <<>> DiG")
    assert new.stdout.endswith(";; no servers could be reached\n")


def test_dig_of_no_address_backwards() -> None:
    result = dig(["-x", "abc"], FakePlace())
    assert (result.stdout, result.stderr, result.exit_code) == ("", "Invalid IP address abc\n", 1)


def test_dig_short_and_parts() -> None:
    place = FakePlace()
    assert dig(["+short", "tasks.http"], place).stdout == "10.0.1.3\n10.0.1.4\n"
    assert dig(["+short", "nosuch"], place).stdout == ""
    assert dig(["+noall", "+answer", "http"], place).stdout == "http.\t\t\t600\tIN\tA\t10.0.1.2\n"
    label = "4692d8d32fdf112f2f1b5ce1234203070dbf72693a1ec3de5050e3c78482fba3"
    assert dig([label], place).stderr == f"dig: '{label}' is not a legal name (label too long)\n"
    for args in (["@8.8.8.8", "http"], ["-q"], ["+trace", "http"], ["foo", "bar"]):
        with pytest.raises(NotModelled):
            dig(args, place)


def test_busybox_ping_cli_11() -> None:
    place = FakePlace()
    place.flavour = "busybox"
    result = ping(["-c5", "http"], place)
    lines = result.stdout.splitlines()
    assert lines[0] == "PING http (10.0.1.2): 56 data bytes"
    assert [line.partition(" time=")[0] for line in lines[1:6]] == [
        f"64 bytes from 10.0.1.2: seq={number} ttl=64" for number in range(5)
    ]
    assert lines[6:9] == [
        "",
        "--- http ping statistics ---",
        "5 packets transmitted, 5 packets received, 0% packet loss",
    ]
    assert lines[9].startswith("round-trip min/avg/max = 0.")
    assert (result.duration_ns or 0) // SECOND == 4
    assert ping(["-c", "5", "http"], place) == result  # looking twice shows the same
    assert ping(["nosuch"], place).stderr == "ping: bad address 'nosuch'\n"
    place.lost = True
    lost = ping(["-c2", "-q", "http"], place)
    assert (lost.exit_code, lost.stdout.splitlines()[-1]) == (
        1,
        "2 packets transmitted, 0 packets received, 100% packet loss",
    )


def test_iputils_ping_cli_11() -> None:
    place = FakePlace()
    text = ping(["-c", "2", "http"], place).stdout
    assert "64 bytes from 10.0.1.2: icmp_seq=1 ttl=64 time=0." in text
    assert "2 packets transmitted, 2 received, 0% packet loss, time 1000ms\nrtt min/avg/max/mdev = " in text
    unknown = ping(["nosuch"], place)
    assert (unknown.stderr, unknown.exit_code) == ("ping: nosuch: Name or service not known\n", 2)
    assert ping(["http"], place).duration_ns is None  # until it is stopped
    assert ping([], place).exit_code == 1
    assert ping(["-c", "x", "http"], place).exit_code == 1
    with pytest.raises(NotModelled):
        ping(["-R", "http"], place)


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        pytest.param(
            ConnectionRefused("x"),
            7,
            "Failed to connect to host01 port 82 after 0 ms: Couldn't connect to server",
            id="cli-13-59",
        ),
        pytest.param(NameNotResolved("x"), 6, "Could not resolve host: host01", id="cli-11-name"),
        pytest.param(ConnectionWasReset("x"), 56, "Recv failure: Connection reset by peer", id="reset"),
        pytest.param(
            HostUnreachable("x", elapsed_ns=3 * SECOND),
            7,
            "Failed to connect to host01 port 82 after 3000 ms: No route to host",
            id="unreachable",
        ),
        pytest.param(
            ConnectionTimedOut("x", elapsed_ns=127 * SECOND),
            28,
            "Failed to connect to host01 port 82 after 127000 ms: Connection timed out",
            id="timeout",
        ),
    ],
)
def test_curl_failures(failure: ConnectionFailed, code: int, text: str) -> None:
    place = FakePlace()
    place.failure = failure
    assert curl(["host01:82"], place) == ProgramResult(
        "", f"curl: ({code}) {text}\n", code, failure.elapsed_ns
    )
    assert curl(["-s", "host01:82"], place).stderr == ""
    assert curl(["-sS", "host01:82"], place).stderr != ""


def test_curl_of_2021_cli_11() -> None:
    place = FakePlace("20.10")
    place.failure = ConnectionRefused("x")
    assert (
        curl(["host01:82"], place).stderr
        == "curl: (7) Failed to connect to host01 port 82: Connection refused\n"
    )


def test_curl_options() -> None:
    place = FakePlace()
    assert curl(["host01:81"], place).stdout == "<h1>hello</h1>\n"
    assert curl(["-s", "-o", "/dev/null", "-w", "%{http_code}\\n", "host01:81"], place).stdout == "200\n"
    assert curl(["-so/dev/null", "-w%{size_download}", "host01:81"], place).stdout == "15"
    assert curl(["-i", "-H", "a: b", "host01"], place).stdout.startswith("HTTP/1.1 200 OK\n")
    assert "hello" not in curl(["-I", "host01"], place).stdout
    assert curl(["-m", "0.001", "host01"], place).exit_code == 28
    place.status = 503
    assert curl(["-f", "host01"], place).exit_code == 22
    place.failure = ConnectionTimedOut("x", elapsed_ns=127 * SECOND)
    limited = curl(["-m", "5", "host01"], place)
    assert limited == ProgramResult(
        "", "curl: (28) Connection timed out after 5000 milliseconds\n", 28, 5 * SECOND
    )
    assert curl([], place).exit_code == 2
    assert curl(["-o"], place).exit_code == 2
    assert curl(["ftp://x"], place).exit_code == 3
    for args in (["-v", "x"], ["-o", "file", "x"], ["-w", "%{foo}", "x"]):
        with pytest.raises(NotModelled):
            curl(args, FakePlace())


def test_wget() -> None:
    place = FakePlace()
    assert wget(["-qO-", "http"], place).stdout == "<h1>hello</h1>\n"
    place.failure = NameNotResolved("x")
    assert wget(["-qO", "-", "nosuch"], place) == ProgramResult("", "wget: bad address 'nosuch'\n", 1)
    with pytest.raises(NotModelled):
        wget(["http"], place)


@pytest.mark.parametrize(
    ("line", "stdout"),
    [
        pytest.param(
            "nslookup http",
            "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11#53\n\nNon-authoritative "
            "answer:\nName:\thttp\nAddress: 10.0.1.2\n\n",
            id="cli-11-nslookup",
        ),
        pytest.param("getent hosts http", "10.0.1.2        http\n", id="getent"),
        pytest.param("cat /etc/hostname", "9d391ce28461\n", id="cat"),
        pytest.param("hostname", "9d391ce28461\n", id="hostname"),
        pytest.param("hostname -i", "10.0.1.11\n", id="hostname-i"),
        pytest.param(
            "ip -br addr",
            "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"
            "eth0@if6         UP             10.0.1.11/24 \n",
            id="ip",
        ),
        pytest.param("date", "Mon Nov 23 07:00:07 UTC 2026\n", id="date"),
        pytest.param("date +%s", f"{parse_time('2026-11-23T07:00:07Z') // SECOND}\n", id="date-s"),
        pytest.param("/usr/bin/dig +short http", "10.0.1.2\n", id="path"),
        pytest.param("echo a b", "a b\n", id="echo"),
    ],
)
def test_small_tools(line: str, stdout: str) -> None:
    assert run_program(line.split(), FakePlace()).stdout == stdout


def test_busybox_nslookup_has_two_blocks_cli_11() -> None:
    place = FakePlace()
    place.flavour = "busybox"
    text = run_program(["nslookup", "http"], place).stdout
    assert "Address:\t127.0.0.11:53\n" in text
    assert text.count("Non-authoritative answer:") == 2
    unknown = run_program(["nslookup", "nosuch"], FakePlace())
    assert unknown.exit_code == 1
    assert "** server can't find nosuch: NXDOMAIN\n" in unknown.stdout


def test_what_is_not_modelled_says_so() -> None:
    for line in ("ip neigh", "date -u", "hostname -f", "getent passwd", "nslookup -type=a x", "curl -v x"):
        result = run_program(line.split(), FakePlace())
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("meshsim: ")
        assert result.stderr.endswith("\n")
    assert run_program(["some-server"], FakePlace()).duration_ns is None
    assert run_program(["cat", "/etc/hosts"], FakePlace()).exit_code == 1


def test_a_script_runs_in_the_place() -> None:
    script = "for i in 1 2; do dig +short http; done; sleep 2; hostname"
    result = run_program(["sh", "-c", script], FakePlace())
    assert result.stdout == "10.0.1.2\n10.0.1.2\n9d391ce28461\n"
    assert 2 * SECOND < (result.duration_ns or 0) < 3 * SECOND
    assert run_program(["sh", "-c", "some-server"], FakePlace()).duration_ns is None

"""A machine's shell: who runs a command, what it remembers, how time passes."""

from __future__ import annotations

import pytest

from meshsim import Cluster, Host
from meshsim.errors import ClockBusy
from meshsim.shell import Session, Shell

SECOND = 10**9


@pytest.fixture
def pair() -> list[Host]:
    return Cluster(seed=3).add_hosts("host01", "host02")


def test_variables_and_known_hosts_stay(pair: list[Host]) -> None:
    host01, _ = pair
    host01.run("NAME=web")
    assert host01.run('echo "$NAME"').stdout == "web\n"
    first = host01.run("ssh host02 hostname")
    assert (first.stdout, first.stderr.startswith("Warning: Permanently added 'host02'")) == (
        "host02\n",
        True,
    )
    assert host01.run("ssh -o StrictHostKeyChecking=no root@host02 hostname").stderr == ""
    assert host01.cluster.shell(host01) is host01.cluster.shell(host01)


def test_ssh_passes_exit_codes_and_notices_dead_machines(pair: list[Host]) -> None:
    host01, host02 = pair
    assert host01.run("ssh -q host02 false").exit == 1
    host02.fail()
    gone = host01.run("ssh host02 true")
    assert (gone.exit, gone.stderr) == (255, "ssh: connect to host host02 port 22: No route to host\n")
    assert host01.run("ssh").exit == 255
    assert host01.run("ssh host01").stderr.startswith("meshsim: ssh without a command")


def test_time_passes_as_programs_take_it(pair: list[Host]) -> None:
    clock = pair[0].cluster.clock
    pair[0].run("sleep 3; sleep 0.5")
    assert clock.now_ns == 3 * SECOND + SECOND // 2
    pair[0].run("ping -c 3 host02")
    assert clock.now_ns > 5 * SECOND
    before = clock.now_ns
    pair[0].run("echo nothing; seq 3 | wc -l")
    assert clock.now_ns == before


@pytest.mark.parametrize("line", ["echo hello", "ip addr", "docker ps", "systemctl start docker", "nonsense"])
def test_a_machine_without_power_answers_nothing(pair: list[Host], line: str) -> None:
    host01, _ = pair
    host01.fail()
    result = host01.run(line)
    assert (result.stdout, result.stderr, result.exit) == ("", "meshsim: host01 has no power\n", 255)
    host01.recover()
    assert host01.run("echo hello").stdout == "hello\n"


def test_power_can_go_in_the_middle_of_a_line(pair: list[Host]) -> None:
    host01, _ = pair
    host01.cluster.clock.call_later(SECOND // 2, host01.fail)
    result = host01.run("echo first; sleep 1; echo second")
    assert (result.stdout, result.stderr) == ("first\n", "meshsim: host01 has no power\n")


def test_a_machine_without_engine_has_no_docker(pair: list[Host]) -> None:
    laptop = pair[0].cluster.add_machine("laptop")
    result = laptop.run("docker ps")
    assert (result.stderr, result.exit) == ("bash: docker: command not found\n", 127)
    assert laptop.run("ssh host01 docker ps -q").exit == 0


def test_what_goes_wrong_is_text(pair: list[Host]) -> None:
    host01, _ = pair
    assert host01.run("echo &&").exit == 2
    assert host01.run("while true; do echo; done").stderr.startswith("meshsim: while loops")
    assert host01.run("curl").exit == 2
    assert host01.run("sleep infinity").stderr.startswith("meshsim: a program that never ends")
    assert host01.run("cat /etc/passwd").exit == 1
    assert host01.run("printf abc | cat").stdout == "abc"


def test_blocking_verbs_are_refused_inside_timers(pair: list[Host]) -> None:
    host01, _ = pair
    seen: list[BaseException] = []

    def look() -> None:
        try:
            host01.run("docker run alpine true")
        except ClockBusy as busy:
            seen.append(busy)

    host01.cluster.clock.call_later(1, look)
    host01.cluster.run_for(2)
    assert len(seen) == 1


def test_sessions() -> None:
    session = Session()
    assert (session.told("a"), session.told("a"), session.told("b")) == (False, True, False)
    shell = Shell(Cluster().add_host("host01"))
    assert repr(shell) == "<Shell of host01>"
    assert shell.variables["HOSTNAME"] == "host01"


def test_the_lesson_in_the_words_of_2021() -> None:
    cluster = Cluster(seed=5, engine="20.10")
    host01 = cluster.add_host("host01", "172.17.0.6")
    host02 = cluster.add_host("host02", "172.17.0.7")
    assert host01.run("docker swarm init").stdout.endswith("follow the instructions.\n\n")
    token = '$(ssh -o StrictHostKeyChecking=no 172.17.0.6 "docker swarm join-token -q worker")'
    joined = host02.run(f"docker swarm join 172.17.0.6:2377 --token {token}")
    assert joined.screen == (
        "Warning: Permanently added '172.17.0.6' (ECDSA) to the list of known hosts.\n"
        "This node joined a swarm as a worker.\n"
    )
    image = "katacoda/docker-http-server"
    created = host01.run(f"docker service create --name lbapp1 --replicas 2 -p 81:80 {image}")
    assert created.stdout.splitlines()[1:] == [
        "overall progress: 2 out of 2 tasks ",
        "1/2: running   ",
        "2/2: running   ",
        "verify: Service converged ",
    ]
    assert host02.run("docker ps --format '{{.Ports}}'").stdout == "80/tcp\n"
    host01.run("docker network create --attachable -d overlay eg1")
    host01.run(f"docker service create --name http --network eg1 --replicas 2 {image}")
    dug = host01.run("docker run --name=dig --network eg1 benhall/dig dig http").stdout
    assert "; <<>> DiG 9.10.2 <<>> http\n" in dug
    assert ";; SERVER: 127.0.0.11#53(127.0.0.11)\n" in dug
    assert ";; MSG SIZE  rcvd: 42\n" in dug
    pinged = host01.run("docker run --name=ping --network eg1 alpine ping -c5 http").stdout
    assert "5 packets transmitted, 5 packets received, 0% packet loss\n" in pinged
    host01.run("docker network create -d overlay app1-network")
    host01.run("docker service create --name redis --network app1-network redis:alpine")
    web = "katacoda/redis-node-docker-example"
    host01.run(f"docker service create --name app1-web --network app1-network --replicas 4 -p 80:3000 {web}")
    pages = [host.run(f"curl {host.name}").stdout for host in (host01, host01, host02)]
    assert "Total requests: 3\n" in pages[2]
    assert "::ffff:10.0.0.2: 2\n" in pages[2]
    assert "::ffff:10.0.0.3: 1\n" in pages[2]

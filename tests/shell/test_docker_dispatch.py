"""The table of docker commands, and containers from run to rm (cli 1, 10)."""

from __future__ import annotations

import pytest

from meshsim import Cluster, Host
from meshsim.shell.docker import GROUPS, TOP


@pytest.fixture
def machine() -> Host:
    return Cluster(seed=1).add_host("host01", "192.168.65.11")


def test_a_group_alone_prints_its_help_on_stderr_cli_1(machine: Host) -> None:
    result = machine.run("docker service")
    assert (result.stdout, result.exit) == ("", 0)
    assert "\nUsage:  docker service COMMAND\n" in result.stderr
    assert machine.run("docker service --help").stdout == result.stderr
    assert "Manage Swarm services" in machine.run("docker").stdout


def test_every_command_has_a_help(machine: Host) -> None:
    commands = [f"docker {name}" for name in TOP]
    commands += [entry.command.path for group in GROUPS.values() for entry in group.entries]
    for path in commands:
        result = machine.run(f"{path} --help")
        assert (result.exit, result.stderr) == (0, ""), path
        assert f"Usage:  {path}" in result.stdout


def test_short_forms_are_the_same_commands(machine: Host) -> None:
    for line in ("ps", "container ls", "container ps", "container list"):
        assert machine.run(f"docker {line}").stdout.startswith("CONTAINER ID ")
    assert machine.run("docker network list").stdout.startswith("NETWORK ID ")


def test_networks_of_ones_own(machine: Host) -> None:
    made = machine.run("docker network create -d bridge --label a=b mine")
    assert len(made.stdout.strip()) == 64
    assert machine.run("docker network ls -q -f name=mine").stdout.strip() == made.stdout[:12]
    ipam = machine.run("docker network inspect mine --format '{{.IPAM}}'").stdout
    assert ipam.startswith("{default map[] [{172.")
    assert '"EnableIPv4": true' in machine.run("docker network inspect mine").stdout
    assert "already exists" in machine.run("docker network create mine").stderr
    assert machine.run("docker network rm mine").stdout == "mine\n"


def test_containers_from_run_to_rm(machine: Host) -> None:
    started = machine.run("docker run -d --name web nginx")
    assert len(started.stdout.strip()) == 64
    pulled = started.stderr.splitlines()
    assert pulled[:2] == [
        "Unable to find image 'nginx:latest' locally",
        "latest: Pulling from library/nginx",
    ]
    assert pulled[-1] == "Status: Downloaded newer image for nginx:latest"
    row = machine.run("docker ps").stdout.splitlines()[1]
    assert row.split()[0] == started.stdout[:12]
    assert '"/docker-entrypoint.…"' in row
    assert row.endswith("80/tcp    web")
    again = machine.run("docker run -d --name web nginx")
    assert again.exit == 125
    assert "is already in use by container" in again.stderr
    assert (
        machine.run("docker inspect web --format '{{.State.Status}} {{.Nope}}'").stdout
        == "running <no value>\n"
    )
    assert machine.run("docker rm web").stderr.startswith(
        'Error response from daemon: cannot remove container "web": container is running: stop'
    )
    assert machine.run("docker stop web").stdout == "web\n"
    assert machine.run("docker ps -q").stdout == ""
    assert "Exited (0)" in machine.run("docker ps -a").stdout
    assert machine.run("docker rm web").stdout == "web\n"
    assert machine.run("docker ps -aq").stdout == ""


def test_exit_codes_of_programs(machine: Host) -> None:
    assert machine.run("docker run -q alpine sh -c 'echo hi; exit 3'").exit == 3
    assert machine.run("sleep 1; docker run alpine echo a b").stdout == "a b\n"
    assert machine.run("docker logs $(docker ps -lq)").stdout == "a b\n"
    machine.run("docker run -d --name sleeper alpine sleep 1d")
    assert machine.run("docker exec sleeper hostname").stdout == machine.run("docker ps -q").stdout
    assert machine.run("docker exec sleeper false").exit == 1
    assert machine.run("docker kill -s HUP sleeper").stderr == (
        "meshsim: docker kill --signal HUP is not modelled, only KILL is\n"
    )
    assert machine.run("docker kill -s SIGKILL sleeper").stdout == "sleeper\n"
    assert "is not running" in machine.run("docker exec sleeper true").stderr
    assert machine.run("docker wait sleeper").stdout == "137\n"


def test_a_program_that_never_ends_is_stopped_after_ten_minutes(machine: Host) -> None:
    assert machine.run("docker run nginx").exit == 130
    assert machine.cluster.clock.now_ns == 600 * 10**9


def test_images_nobody_knows(machine: Host) -> None:
    first = machine.run("docker run -d --name a some/app")
    assert "meshsim: image some/app is not known here" in first.stderr
    assert "meshsim" not in machine.run("docker run -d --name b some/app").stderr
    strict = Cluster(images="docker").add_host("host01")
    refused = strict.run("docker run -d nosuch/image")
    assert "docker: Error response from daemon: No such image: nosuch/image:latest\n" in refused.stderr
    assert strict.run("docker pull nosuch/image").exit == 1
    strict.run("docker swarm init")
    warned = strict.run("docker service create -d alpine sleep 1d").stderr
    assert warned.startswith(
        "image alpine:latest could not be accessed on a registry to record\nits digest. "
    )


def test_pull(machine: Host) -> None:
    text = machine.run("docker pull alpine").stdout
    assert text.startswith("latest: Pulling from library/alpine\n")
    assert text.endswith("docker.io/library/alpine:latest\n")
    assert "up to date" in machine.run("docker pull alpine").stdout
    assert machine.run("docker run alpine true").stderr == ""


def test_info_and_version(machine: Host) -> None:
    machine.run("docker swarm init; docker run -d nginx")
    text = machine.run("docker info").stdout
    for line in (" Swarm: active", "  Is Manager: true", "  Managers: 1", "  Running: 1", " Name: host01"):
        assert line in text.splitlines()
    assert machine.run("docker info --format '{{.Name}} {{.NCPU}}'").stdout == "host01 2\n"
    assert machine.run("docker info --format json").stdout.startswith('{"ID":"","Containers":1,')
    assert machine.run("docker info --format '{{.Nope}}'").exit == 1
    assert "Version:           28.2.2" in machine.run("docker version").stdout
    assert machine.run("docker version --format '{{.Server.Version}}'").stdout == "28.2.2\n"
    assert machine.run("docker events").stderr.startswith("meshsim: docker events")

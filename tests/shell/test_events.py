"""``docker events`` of whole clusters: rows of control-plane 10.3, ground truth 21."""

from __future__ import annotations

import re

import pytest
from tests.cluster.swarms import swarm

WEB = "katacoda/docker-http-server"
LABELS = (
    "com.docker.swarm.node.id=<ID>, com.docker.swarm.service.id=<ID>, com.docker.swarm.service.name=web, "
    "com.docker.swarm.task=, com.docker.swarm.task.id=<ID>, com.docker.swarm.task.name=web.1.<ID>"
)


def events(host, *filters, since="10m"):
    """The lines without time, ids as <ID>."""
    flags = "".join(f" -f {wish}" for wish in filters)
    result = host.run(f"docker events --since {since}{flags}")
    assert (result.exit, result.stderr) == (0, "")
    lines = [line.partition("Z ")[2] for line in result.stdout.splitlines()]
    return [re.sub(r"\b([0-9a-f]{64}|[0-9a-z]{25})\b", "<ID>", line) for line in lines]


@pytest.fixture
def hosts():
    """Two managers and a worker."""
    cluster, hosts = swarm(3, managers=2, engine="26.1")
    cluster.run_for("11m")
    return hosts


def test_10_3_1_every_manager_tells_and_no_worker(hosts):
    hosts[0].networks.create("eg1", driver="overlay")
    told = ["network create <ID> (name=eg1)", "network update <ID> (name=eg1)"]
    assert [events(host) for host in hosts] == [told, told, []]


def test_10_3_2_scopes(hosts):
    hosts[0].services.create(WEB, name="web", constraint="node.hostname==host01")
    hosts[0].cluster.settle()
    kinds = lambda *filters: {line.split()[0] for line in events(hosts[0], *filters)}  # noqa: E731
    assert kinds("scope=swarm") == {"service"}
    assert kinds("scope=local") == {"container", "network"}  # the bridge it is connected to
    assert kinds() == {"service", "container", "network"}
    assert kinds("scope=swarm", "scope=local") == kinds()


def test_10_3_3_types(hosts):
    hosts[0].networks.create("eg1", driver="overlay")
    hosts[0].services.create(WEB, name="web", network="eg1")
    assert events(hosts[0], "type=service") == [
        "service create <ID> (name=web)",
        "service update <ID> (name=web)",
    ]
    assert events(hosts[0], "type=network", "scope=swarm") == [
        "network create <ID> (name=eg1)",
        "network update <ID> (name=eg1)",
    ]


def test_10_3_4_and_7_6_16_a_service_is_forced_scaled_and_removed(hosts):
    cluster, host01 = hosts[0].cluster, hosts[0]
    web = host01.services.create(WEB, name="web")
    cluster.settle()
    cluster.run_for("11m")
    web.update(force=True)
    cluster.settle()
    web.scale(3)
    cluster.settle()
    web.remove()
    assert events(host01, "type=service") == [
        "service update <ID> (name=web)",
        "service update <ID> (name=web, updatestate.new=updating)",
        "service update <ID> (name=web, updatestate.new=completed, updatestate.old=updating)",
        "service update <ID> (name=web, replicas.new=3, replicas.old=1)",
        "service remove <ID> (name=web)",
    ]


def test_10_3_5_a_node_is_paused_demoted_and_removed(hosts):
    cluster, host01 = hosts[0].cluster, hosts[0]
    host01.run("docker node update --availability pause host02")
    host01.run("docker node demote host02")
    cluster.run_for("20s")
    host01.run("docker node rm -f host02")
    assert events(host01, "type=node", "node=host02") == [
        "node update <ID> (availability.new=pause, availability.old=active, name=host02)",
        "node update <ID> (name=host02)",  # the role asked for is no event: only the real one is told
        "node update <ID> (name=host02, role.new=worker, role.old=manager)",
        "node remove <ID> (name=host02)",
    ]


@pytest.mark.parametrize("kind", ["secret", "config"])
def test_10_3_6_secrets_and_configs(hosts, kind):
    hosts[0].run(f"printf x | docker {kind} create one -; docker {kind} rm one")
    assert events(hosts[1]) == [f"{kind} create <ID> (name=one)", f"{kind} remove <ID> (name=one)"]


def test_10_3_6_networks(hosts):
    hosts[0].run("docker network create -d overlay one; docker network rm one")
    assert events(hosts[1]) == [
        "network create <ID> (name=one)",
        "network update <ID> (name=one)",
        "network remove <ID> (name=one)",
    ]


def test_ground_truth_21_the_life_of_one_container(hosts):
    """Its labels and image go with every event; networks come before the start and before the end."""
    cluster, host01 = hosts[0].cluster, hosts[0]
    host01.networks.create("eg1", driver="overlay")
    web = host01.services.create(
        WEB, name="web", network="eg1", publish="85:80", constraint="node.hostname==host01"
    )
    cluster.settle()
    cluster.run_for("1m")
    web.remove()
    cluster.settle()
    tail = f"image={WEB}:latest, name=web.1.<ID>"
    plug = lambda network: f"(container=<ID>, name={network}, type=overlay)"  # noqa: E731
    assert events(host01, "scope=local") == [
        "network create <ID> (name=eg1, type=overlay)",
        f"container create <ID> ({LABELS}, {tail})",
        f"network connect <ID> {plug('ingress')}",
        f"network connect <ID> {plug('eg1')}",
        f"container start <ID> ({LABELS}, {tail})",
        f"container kill <ID> ({LABELS}, {tail}, signal=15)",
        f"network disconnect <ID> {plug('ingress')}",
        f"network disconnect <ID> {plug('eg1')}",
        f"container stop <ID> ({LABELS}, {tail})",
        f"container die <ID> ({LABELS}, execDuration=62, exitCode=0, {tail})",
        "network destroy <ID> (name=eg1, type=overlay)",
        f"container destroy <ID> ({LABELS}, {tail})",
    ]


def test_a_program_that_does_not_listen_is_killed_twice(hosts):
    hosts[2].run("docker run -d -q --name c alpine sleep 1d; docker stop -t 3 c")
    assert [line for line in events(hosts[2]) if "container kill" in line] == [
        "container kill <ID> (image=alpine, name=c, signal=15)",
        "container kill <ID> (image=alpine, name=c, signal=9)",
    ]
    (died,) = events(hosts[2], "event=die")
    assert died == "container die <ID> (execDuration=3, exitCode=137, image=alpine, name=c)"


def test_a_program_that_ends_by_itself_was_not_stopped(hosts):
    hosts[2].run("docker run --name c alpine sh -c 'exit 3'")
    assert [line.split(" (")[0] for line in events(hosts[2])] == [
        "container create <ID>",
        "network connect <ID>",
        "container start <ID>",
        "network disconnect <ID>",
        "container die <ID>",
    ]
    assert "exitCode=3" in events(hosts[2], "event=die")[0]


def test_a_program_may_end_with_255_itself(hosts):
    hosts[2].run("docker run --name c alpine sh -c 'exit 255'")
    assert "exitCode=255" in events(hosts[2], "event=die")[0]


def test_a_power_cut_is_told_by_nobody(hosts):
    cluster = hosts[0].cluster
    hosts[2].run("docker run -d -q --name c nginx")
    hosts[2].fail()
    cluster.run_for("1m")
    hosts[2].recover()
    cluster.run_for("1m")
    assert events(hosts[2], "event=die") == []
    assert "node update <ID> (name=host03, state.new=down, state.old=ready)" in events(hosts[0])
    assert "node update <ID> (name=host03, state.new=ready, state.old=down)" in events(hosts[0])


def test_ground_truth_21_a_node_joins():
    cluster, (host01, *_) = swarm(1, engine="26.1")
    cluster.run_for("11m")
    host02 = cluster.add_host("host02")
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    lines = events(host01, "type=node")
    assert lines[0] == "node create <ID> (name=)"
    assert lines[1:-1] == ["node update <ID> (name=)"] * (len(lines) - 2)
    assert lines[-1] == "node update <ID> (name=host02, state.new=ready, state.old=unknown)"

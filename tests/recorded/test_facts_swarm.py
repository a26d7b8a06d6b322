"""What else the recorded swarm did: placement, health, secrets, events, logs, quirks."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from tests.recorded.facts import FACTS, IMAGE, S, Slots, each, lab, leave_out, machines, recorded, swarm
from tests.recorded.test_facts_errors import normal

from meshsim import Cluster
from meshsim.cluster.images import Image
from meshsim.errors import ConnectionHangs
from meshsim.model.states import TaskState

leave_out(
    "of the recorded machines' own software",
    *(f"versions.{n}" for n in ("containerd", "kernel", "ipvsadm", "dig")),
)
leave_out("says what the file is", "about", "round2.about")
leave_out("compared key by key in tests/views/test_shapes.py", "round2.shapes")


def test_is_what_it_says() -> None:
    assert "real Docker Swarm" in FACTS["about"]


@recorded(docker="versions.docker", api="versions.api")
def test_versions(docker: str, api: str) -> None:
    printed = machines(1).host("host01").run("docker version").stdout
    assert docker.partition("+")[0] in printed
    assert api in printed


@recorded(nodes="nodes")
def test_nodes(nodes: dict[str, str]) -> None:
    cluster = swarm()
    manager = cluster.host("host01")
    for host in cluster.hosts:
        assert cluster.host(host).address == nodes[f"{host}.ip"]
        assert manager.nodes.get(host).record.role.label == nodes[f"{host}.role"]


# -- 10, 13: the connection table


@recorded(
    sticks="conn_table.same_source_port_after_close_sticks",
    wait="conn_table.tcp_time_wait_s",
    established="conn_table.tcp_established_s",
    udp="conn_table.udp_s",
    virtual="conn_table.virtual_is",
)
def test_connection_table(sticks, wait, established, udp, virtual) -> None:
    made = lab(1)
    both = [("tcp", 84, 80), ("udp", 53000, 80)]
    for slot in (1, 2):
        made.start(f"u.{slot}", "host01", service="u", publish=both, listen=(("tcp", 80), ("udp", 80)))
    laptop, table = made.add_outsider(), made.sandbox("ingress", "host01").table
    kept = laptop.connect("192.168.65.11", 84, source_port=50000)
    flow = laptop.connect("192.168.65.11", 53000, protocol="udp", source_port=50001)
    first = made.reached(laptop, "192.168.65.11:84", 1, source_port=40000)
    assert sticks is (made.reached(laptop, "192.168.65.11:84", 3, source_port=40000) == first * 3)
    left = {
        entry.flow.source[1]: round((entry.expires_ns - made.clock.now_ns) / S) for entry in table.entries()
    }
    assert left == {50000: established, 50001: udp, 40000: wait}
    assert virtual == "sandbox gwbridge address : published port"
    assert {entry.flow.destination for entry in table.entries()} == {
        ("172.18.0.2", 84),
        ("172.18.0.2", 53000),
    }
    assert kept.send() is None
    assert flow.send() is None


# -- 09: placement

_REFUSED = {
    "constraint": "--constraint node.labels.x==1",
    "resources": "--reserve-memory 100g",
    "constraint_and_resources": "--reserve-memory 100g --constraint node.labels.x==1",
    "max_replicas": "--replicas 8 --replicas-max-per-node 2",
    "plugin": "--mount type=volume,source=v,target=/v,volume-driver=nosuch",
    "host_port": "--replicas 4 -p mode=host,published=8080,target=80",
}


@pytest.mark.parametrize("kind", _REFUSED)
@recorded(texts="placement_errors")
def test_why_a_task_is_pending(kind: str, texts: dict[str, str]) -> None:
    cluster = swarm()
    host = cluster.host("host01")
    assert host.run(f"docker service create -d --name c {_REFUSED[kind]} {IMAGE}").exit == 0
    cluster.settle()
    told = host.run("docker service ps c --no-trunc --format '{{.Error}}' -f desired-state=running").stdout
    assert f'"{texts[kind]}"' in told.splitlines()
    assert set(texts) == set(_REFUSED)


@recorded(spread="placement.spread_zone_8")
def test_spread_over_zones(spread: dict[str, Any]) -> None:
    cluster = swarm()
    host = cluster.host("host01")
    for name in cluster.hosts:
        host.nodes.get(name).update(label_add={"zone": spread[f"zones.{name}"]})
    service = host.services.create(IMAGE, name="s", replicas=8, placement_pref=["spread=node.labels.zone"])
    cluster.settle()
    wanted = Counter(node for key, node in spread.items() if key.startswith("slots."))
    assert Counter(task.node for task in service.tasks()) == wanted
    placed = " ".join(spread[f"slots.{slot}"] for slot in range(1, 9))
    again = swarm(placement=Slots(s=placed))
    service = again.host("host01").services.create(IMAGE, name="s", replicas=8)
    again.settle()
    service.scale(4)
    again.settle()
    assert sorted(task.slot for task in service.tasks()) == spread["after_scale_4_kept_slots"]


@recorded(most="placement.max2_per_node_8_replicas", cpu="placement.reserve_cpu_1.5_of_2")
def test_how_many_are_pending(most: dict[str, int], cpu: dict[str, int]) -> None:
    cluster = swarm()
    host = cluster.host("host01")
    two = host.services.create(IMAGE, name="two", replicas=8, replicas_max_per_node=2)
    cluster.settle()
    places = Counter(task.node for task in two.tasks())
    assert places.pop("") == most["pending"]
    assert set(places.values()) == {most["per_node"]}
    two.remove()
    cluster.settle()
    heavy = host.services.create(IMAGE, name="heavy", replicas=cpu["replicas"], reserve_cpu="1.5")
    cluster.settle()
    assert sum(task.node == "" for task in heavy.tasks()) == cpu["pending"]


# -- 18: health checks


def checked(cluster: Cluster, name: str = "h", **flags: Any) -> Any:
    host = cluster.host("host01")
    if not any(network.name == "eg1" for network in host.networks.list()):
        host.networks.create("eg1", driver="overlay", attachable=True)
    return host.services.create(
        IMAGE, name=name, network=["eg1"], publish=["81:80"], health_cmd="test -f /data/ok",
        health_interval="3s", health_retries=2, constraint=["node.hostname==host01"], **flags,
    )  # fmt: skip


@recorded(
    when="round2.health.dns_ipvs_entry_when",
    state="round2.health.task_state_until_healthy",
    gap="round2.health.probe_gap",
)
def test_not_there_before_it_is_healthy(when: str, state: str, gap: str) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    service = checked(cluster)
    cli = host.containers.run("alpine", "sleep 100d", network="eg1", detach=True)
    cluster.run_for("1s")
    (task,) = service.tasks()
    assert task.state.label == state
    assert cli.resolve("tasks.h").addresses == []
    assert not host.plane.ingress.refresh().services
    assert "(health: starting)" in host.run("docker ps --format '{{.Status}}' -f name=h.1").stdout
    started_ns = cluster.clock.now_ns
    cluster.settle()
    assert when == "healthy"
    assert cli.resolve("tasks.h").addresses == [task.address("eg1")]
    assert gap == "interval after the end of the last probe"
    assert cluster.clock.now_ns - started_ns <= 3 * S, "the first probe comes one interval after the start"


@recorded(
    seconds="round2.health.unhealthy.ipvs_weight0_and_dns_removal_after_event_s",
    deleted="round2.health.unhealthy.entry_deleted_when",
    state="round2.health.unhealthy.task_state_if_exit_0",
    message="round2.health.unhealthy.task_message_if_exit_0",
    error="round2.health.unhealthy.error_if_exit_0",
    delay="round2.health.unhealthy.restart_delay_s",
    exit_0="round2.unhealthy_errors.exit 0",
)
def test_becoming_unhealthy(seconds, deleted, state, message, error, delay, exit_0) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    service = checked(cluster)
    cluster.settle()
    (task,) = service.tasks()
    task.set_health("unhealthy")
    monitored = host.engine.monitor(task.container.container)
    assert monitored is not None
    while "unhealthy" not in host.run("docker ps --format '{{.Status}}'").stdout:
        cluster.run_for("100ms")
    told_ns = cluster.clock.now_ns
    cluster.run_for("100ms")
    weights = [d.weight for s in host.plane.ingress.refresh().table.services for d in s.destinations]
    assert weights == [0]
    assert task.container.container.running
    assert cluster.clock.now_ns - told_ns <= seconds[1] * S
    assert deleted == "container stopped"
    while task.container.container.running:
        cluster.run_for("100ms")
    cluster.run_for("100ms")
    assert not host.plane.ingress.refresh().services
    cluster.run_for("1s")
    record = task.record
    assert (record.status.state.label, record.status.message, record.status.err) == (state, message, error)
    assert exit_0 == error
    (fresh,) = [other for other in service.tasks() if other.id != task.id]
    created_ns = fresh.record.created_ns
    cluster.run_until(lambda: fresh.record.desired is TaskState.RUNNING)
    assert cluster.clock.now_ns - created_ns == pytest.approx(delay * S, abs=0.5 * S)


leave_out(
    "a program that exits with another code at SIGTERM, or is killed at the end of its grace period, is told "
    "of in tests/agent/test_controller.py",
    "round2.unhealthy_errors.exit 3",
    "round2.unhealthy_errors.exit 137",
)


@recorded(texts="round2.health.docker_ps_status")
def test_docker_ps_of_a_checked_container(texts: list[str]) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    checked(cluster)
    status = "docker ps -a --format '{{.Status}}' -f name=h.1"
    seen = []
    cluster.run_for("500ms")
    seen.append(host.run(status).stdout.strip())
    cluster.run_for("22s")
    seen.append(host.run(status).stdout.strip())
    assert [_timeless(text) for text in seen] == [_timeless(text) for text in texts[:2]]
    host.services.get("h").tasks()[0].set_health("unhealthy")
    found = set()
    for _ in range(120):
        cluster.run_for("100ms")
        found |= {_timeless(line) for line in host.run(status).stdout.splitlines()}
    assert {_timeless(text) for text in texts[2:]} <= found


def _timeless(text: str) -> str:
    return re.sub(r"(Less than a second|About a minute|\d+ seconds?)", "TIME", text)


@recorded(end="round2.health.update_to_never_healthy")
def test_an_update_that_never_gets_healthy(end: dict[str, Any]) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    service = checked(cluster)
    cluster.settle()
    cluster.watch(Sick(cluster, service.id))
    result = host.run("docker service update -q --force h")
    assert result.exit == end["exit"]
    assert re.sub(r"\b[0-9a-z]{25}\b", "TASKID", result.stderr.strip()) == end["stderr"]


class Sick:
    """Every task of a service made from now on is found unhealthy."""

    def __init__(self, cluster: Cluster, service_id: str) -> None:
        self.cluster, self.service_id = cluster, service_id
        self.old = {task.id for task in cluster.host("host01").tasks.list()}

    def __call__(self, _committed: Any) -> None:
        for task in self.cluster.host("host01").tasks.list():
            if task.id not in self.old and task.state is TaskState.STARTING:
                task.set_health("unhealthy")


@recorded(errors="round2.health.errors")
def test_refused_health_flags(errors: dict[str, str]) -> None:
    host = swarm(1).host("host01")
    flags = {
        "--no-healthcheck with --health-cmd": "--no-healthcheck --health-cmd x",
        "--health-retries -1": "--health-cmd x --health-retries -1",
        "--health-interval 1us": "--health-cmd x --health-interval 1us",
    }
    for name, text in errors.items():
        assert host.run(f"docker service create -q -d {flags[name]} {IMAGE}").stderr.strip() == text


# -- 20, 22: secrets, configs, autolock


@recorded(texts="round2.secrets_configs")
def test_secrets_and_configs(texts: dict[str, Any]) -> None:
    host = swarm(1).host("host01")
    said = "Error response from daemon: "
    assert host.run("echo x | docker secret create db_pw -").exit == 0
    assert host.run("echo y | docker secret create db_pw -").stderr.strip() == said + texts["exists"]
    assert host.run("echo x | docker secret create .x -").stderr.strip() == said + texts["name"]
    assert (
        host.run("printf '' | docker secret create e -").stderr.strip() == said + texts["secret_size_error"]
    )
    assert (
        host.run("printf '' | docker config create e -").stderr.strip() == said + texts["config_size_error"]
    )
    for kind, text in zip(("secret", "config"), texts["missing_in_create"], strict=True):
        result = host.run(f"docker service create -q -d --{kind} nosuch {IMAGE}")
        assert result.stderr.strip() == text
    assert host.run(f"docker service create -q -d --name sec --secret db_pw {IMAGE}").exit == 0
    assert host.run("docker secret rm db_pw").stderr.strip() == said + texts["in_use"]


@recorded(texts="round2.autolock")
def test_autolock(texts: dict[str, str]) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    said = "Error response from daemon: "
    assert host.run("echo x | docker swarm unlock").stderr.strip() == texts["not_locked"]
    host.run("docker swarm update --autolock=true")
    key = host.run("docker swarm unlock-key -q").stdout.strip()
    host.stop_engine()
    host.start_engine()
    cluster.run_for("1s")
    assert host.run("docker node ls").stderr.strip() == said + texts["locked_error"]
    assert host.run("docker swarm leave").stderr.strip() == said + texts["leave"]
    state = host.run("docker info --format '{{.Swarm.LocalNodeState}}'").stdout.strip()
    assert state == texts["local_node_state"]
    wrong = key[:-4] + ("AAAA" if not key.endswith("AAAA") else "BBBB")
    assert host.run(f"echo {wrong} | docker swarm unlock").stderr.strip().endswith(texts["wrong_key"])
    assert host.run("echo nonsense | docker swarm unlock").stderr.strip().endswith(texts["bad_key"])
    assert host.run(f"echo {key} | docker swarm unlock").exit == 0


# -- 21: restarts, events, logs


@recorded(facts="round2.restarts")
def test_restarts(facts: dict[str, Any]) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    given_up = host.services.create(
        "alpine", name="r", command="false", replicas=2, restart_max_attempts=2, restart_delay="1s"
    )
    cluster.settle()
    per_slot = Counter(task.slot for task in given_up.tasks())
    assert facts["max_attempts_per_slot"] is True
    assert facts["history_per_slot_with_max_attempts_N"] == "N+1"
    assert per_slot == {1: 3, 2: 3}
    for key, delay in (("delay_2s", 2), ("delay_12s", 12)):
        service = host.services.create(
            "alpine", name=f"d{delay}", command="sleep 1d", restart_delay=f"{delay}s"
        )
        cluster.settle()
        service.tasks()[0].crash(7)
        failed_ns = cluster.clock.now_ns
        cluster.run_until(lambda service=service: len(service.tasks()) == 2)
        fresh = service.tasks()[1]
        cluster.run_until(lambda fresh=fresh: fresh.record.desired is TaskState.RUNNING)
        assert (cluster.clock.now_ns - failed_ns) / S == pytest.approx(facts[key], abs=0.5)


def events(cluster: Cluster) -> list[str]:
    lines = cluster.host("host01").run("docker events --since 0").stdout.splitlines()
    return [normal([line.partition("Z ")[2]])[0] for line in lines]


@recorded(texts="round2.events")
def test_events(texts: dict[str, Any]) -> None:
    cluster = swarm(images={"bad": Image("bad", command=("false",))})
    host = cluster.host("host01")
    w = host.services.create(IMAGE, name="w", replicas=6)
    h1 = host.services.create(IMAGE, name="h1")
    cluster.settle()
    w.scale(7)
    cluster.settle()
    w.update(force=True)
    cluster.settle()
    h1.update(image="bad")
    cluster.run_for("20s")
    cluster.host("host03").fail()
    cluster.run_for("20s")
    cluster.host("host03").recover()
    cluster.run_for("20s")
    host.nodes.get("host02").update(availability="drain")
    cluster.run_for("1s")
    seen = events(cluster)
    for name in ("node down", "node up", "scale", "paused", "drain"):
        assert texts[name] in seen, name
    at = seen.index(texts["update"][1])
    assert seen[at - 1] == texts["update"][0]


@recorded(texts="round2.logs")
def test_service_logs(texts: dict[str, str]) -> None:
    cluster = swarm(1)
    host = cluster.host("host01")
    host.services.create("alpine", name="e1", command='sh -c "echo TEXT; sleep 1d"', replicas=2)
    cluster.settle()
    forms = {"default": "", "no_task_ids": "--no-task-ids", "no_resolve": "--no-resolve"}
    for name, flag in forms.items():
        line = next(
            line for line in host.run(f"docker service logs {flag} e1").stdout.splitlines() if ".2" in line
        )
        assert _log_form(line) == _log_form(texts[name])
    assert host.run("docker service logs nosuch").stderr.strip() == texts["missing"]


def _log_form(line: str) -> str:
    line = re.sub(r"\b[0-9a-z]{25}\b", "LONG", line).replace("SERVICEID", "LONG").replace("NODEID", "LONG")
    return re.sub(r"(?<=\.)[0-9a-z]{12}\b", "SHORT", line)


# -- quirks


def _hangs() -> bool:
    cluster = swarm(1)
    host = cluster.host("host01")
    host.services.create(IMAGE, publish=["81:80"])
    cluster.settle()
    with pytest.raises(ConnectionHangs):
        host.get("localhost:81")
    return host.get("127.0.0.1:81").status == 200


def _shares_a_position() -> bool:
    made = lab(1)
    both = [("tcp", 81, 80), ("udp", 53000, 80)]
    for slot in (1, 2, 3):
        made.start(f"p.{slot}", "host01", service="p", publish=both, listen=(("tcp", 80), ("udp", 80)))
    tcp = made.reached("host01", "192.168.65.11:81", 1)
    udp = made.reached("host01", "192.168.65.11:53000", 1, protocol="udp")
    return tcp != udp and len(list(made.sandbox("ingress", "host01").table.services)) == 1


def _counts_the_lost() -> bool:
    cluster = swarm()
    web = cluster.host("host01").services.create(IMAGE, name="web", replicas=5)
    cluster.settle()
    cluster.host("host03").fail()
    cluster.settle()
    return bool(re.fullmatch(r"[67]/5", web.replicas))


def _overlap_is_accepted() -> bool:
    host = swarm(1).host("host01")
    host.run("docker network create -d overlay --subnet 10.5.0.0/24 n5")
    exit_code = host.run("docker network create -d overlay --subnet 10.5.0.0/24 n6").exit
    row = host.run("docker network ls -f name=n6 --format '{{.Driver}}'").stdout
    return exit_code == 0 and row == "\n"


def _pool_sticks() -> bool:
    host = machines(1).host("host01")
    host.swarm.init(default_addr_pool=["10.20.0.0/16"], default_addr_pool_mask_length=26)
    host.swarm.leave(force=True)
    host.swarm.init()
    return bool(host.networks.get("ingress").subnet == "10.20.0.0/26")


def _job_slots() -> bool:
    cluster = swarm(1)
    host = cluster.host("host01")
    host.run("docker service create -q -d --name j1 --mode replicated-job --replicas 2 alpine true")
    cluster.settle()
    names = host.run("docker service ps j1 --format '{{.Name}}'").stdout.split()
    return sorted(names) == sorted(["j1.1", f"j1.{host.member.node_id}"])


def _no_node_count() -> bool:
    return FACTS["placement_errors.max_replicas"] == "no suitable node (max replicas per node limit exceed)"


def _dig_rules() -> bool:
    wanted = {"http.EG1": "NXDOMAIN", "SRV http": "NXDOMAIN", "TXT http": "NXDOMAIN"}
    digs = {fact["query"]: fact["status"] for name, fact in FACTS.items() if name.startswith("dig.")}
    return wanted.items() <= digs.items()


_QUIRKS = {
    "curl localhost:PORT hangs": _hangs,
    "tcp and udp ports of one service share": _shares_a_position,
    "service ls counts running tasks on a Down node": _counts_the_lost,
    "overlapping --subnet": _overlap_is_accepted,
    "default-addr-pool sticks to the running daemon": _pool_sticks,
    "replicated-job slots start at 0": _job_slots,
    "max replicas per node limit exceed": _no_node_count,  # compared in test_why_a_task_is_pending
    "network suffix in DNS names": _dig_rules,  # compared in test_facts_names
    "SRV/TXT/NS/SOA/CNAME": _dig_rules,
}


@each("name", "quirks")
def test_quirk(name: str) -> None:
    holds = next(check for text, check in _QUIRKS.items() if FACTS[name].startswith(text))
    assert holds()

"""Autolock: a restarted manager waits for its key. Control-plane 2.4, 2.5 (12-15); ground truth 15, 20."""

import pytest
from tests.cluster.outages import IMAGE, running, statuses, swarm

from meshsim.errors import (
    AlreadyInSwarm,
    Conflict,
    InvalidParameter,
    InvalidUnlockKey,
    NotManager,
    SwarmLocked,
    Unavailable,
)

ENCRYPTED = (
    "Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.'
)
REFUSED = f"Error response from daemon: {ENCRYPTED}\n"


def restarted(host) -> None:
    host.stop_engine()
    host.cluster.run_for("5s")
    host.start_engine()


@pytest.fixture
def locked():
    """Three managers with autolock; host03 has restarted."""
    cluster = swarm(3, 3, autolock=True)
    cluster.host("host01").services.create(IMAGE, name="w", replicas=6)
    cluster.settle()
    restarted(cluster.host("host03"))
    return cluster


def test_2_5_12_rotation_needs_autolock():
    host = swarm(1).host("host01")
    host.swarm.unlock_key(rotate=True)
    assert host.swarm.unlock_key() == ""
    host.swarm.update(autolock=True)
    key = host.swarm.unlock_key()
    assert host.swarm.unlock_key(rotate=True) not in ("", key)
    host.swarm.update(autolock=False)
    assert host.swarm.unlock_key() == ""


def test_2_5_13_not_locked():
    cluster = swarm(2)
    with pytest.raises(Conflict, match=r"^swarm is not locked$") as refusal:
        cluster.host("host01").swarm.unlock("x")
    assert refusal.value.status == 409
    with pytest.raises(NotManager, match="Worker nodes can't be used"):
        cluster.host("host02").swarm.unlock("x")
    outside = cluster.add_host("host03")
    with pytest.raises(NotManager, match='Use "docker swarm init"'):
        outside.swarm.unlock("x")
    assert cluster.host("host01").run("docker swarm unlock").stderr == "Error: swarm is not locked\n"
    assert outside.run("docker swarm unlock").stderr == "Error: This node is not part of a swarm\n"


def test_2_5_14_wrong_key_then_the_right_one(locked):
    host01, host03 = locked.host("host01"), locked.host("host03")
    assert host03.swarm.info().local_state == "locked"
    key = host01.swarm.unlock_key()
    wrong = key[:-2] + ("AA" if not key.endswith("AA") else "BB")
    with pytest.raises(InvalidUnlockKey) as refusal:
        host03.swarm.unlock(wrong)
    assert refusal.value.status == 401
    for text in ("nonsense", ""):
        with pytest.raises(InvalidParameter, match=r"^invalid key string$"):
            host03.swarm.unlock(text)
    assert host03.swarm.info().local_state == "locked"
    before = locked.clock.now_ns
    host03.swarm.unlock(key)
    assert locked.clock.now_ns - before <= 6_000_000_000
    assert host03.swarm.info().local_state == "active"
    assert statuses(locked, "host03").endswith("host03 Ready Reachable")
    locked.check()


def test_2_5_15_leaving_while_locked(locked):
    host03 = locked.host("host03")
    with pytest.raises(SwarmLocked, match=r"^Swarm is encrypted and locked\. Please unlock it first"):
        host03.swarm.leave()
    host03.swarm.leave(force=True)
    assert host03.swarm.info().local_state == "inactive"
    host03.swarm.join("host01", token=locked.host("host01").swarm.join_token())
    locked.check()


@pytest.mark.parametrize("line", ["node ls", "service ls", "join-token worker", "unlock-key"])
def test_20_commands_while_locked(locked, line):
    text = f"docker {'swarm ' if '-' in line else ''}{line}"
    prefix = "could not fetch unlock key: " if line == "unlock-key" else ""
    result = locked.host("host03").run(text)
    assert (result.stdout, result.stderr, result.exit) == ("", prefix + REFUSED, 1)


def test_20_the_locked_manager_and_the_others(locked):
    host03 = locked.host("host03")
    for line, error in (
        ("leave", SwarmLocked(leaving=True)),
        ("init", AlreadyInSwarm()),
        ("init --force-new-cluster", Unavailable("Node is not a manager")),
    ):
        assert host03.run(f"docker swarm {line}").stderr == f"Error response from daemon: {error}\n"
    assert " Swarm: locked\n" in host03.run("docker info").stdout
    assert host03.run("docker info --format '{{json .Swarm}}'").stdout == (
        '{"NodeID":"","NodeAddr":"192.168.65.13","LocalNodeState":"locked","ControlAvailable":false,'
        f'"Error":"{ENCRYPTED.replace(chr(34), chr(92) + chr(34))}","RemoteManagers":null}}\n'
    )
    locked.settle()
    assert statuses(locked) == "host01 Ready Leader; host02 Ready Reachable; host03 Down Unreachable"
    assert running(locked) == ["host01"] * 3 + ["host02"] * 3


def test_20_unlocking_at_the_shell(locked):
    host01, host03 = locked.host("host01"), locked.host("host03")
    key = host01.run("docker swarm unlock-key -q").stdout.strip()
    wrong = host03.run(f"echo SWMKEY-1-{'A' * 43} | docker swarm unlock")
    assert wrong.stderr == "Error response from daemon: swarm could not be unlocked: invalid key provided\n"
    assert host03.run("echo hello | docker swarm unlock").stderr == (
        "Error response from daemon: invalid key string\n"
    )
    right = host03.run(f"echo {key} | docker swarm unlock")
    assert (right.stdout, right.stderr, right.exit) == ("", "", 0)
    assert host03.run("docker node ls").exit == 0


def test_2_4_the_leader_restarts_locked_and_another_leads():
    cluster = swarm(3, 3, autolock=True)
    host01, host02 = cluster.host("host01"), cluster.host("host02")
    key = host01.swarm.unlock_key()
    restarted(host01)
    while not cluster.swarms[0].quorum.leader:
        cluster.run_for("1s")
    cluster.run_for("4s")
    assert "host01 Unknown Unreachable" in statuses(cluster, "host02")  # as recorded of a former leader
    host01.swarm.unlock(key)
    cluster.settle()
    assert "host01 Ready Reachable" in statuses(cluster, "host02")
    assert host02.swarm.info().managers == 3
    cluster.check()


def test_2_4_a_single_manager_after_a_power_cut():
    cluster = swarm(2, autolock=True)
    host01 = cluster.host("host01")
    host01.services.create(IMAGE, name="w", replicas=2)
    cluster.settle()
    key = host01.swarm.unlock_key()
    host01.fail()
    cluster.run_for("1m")
    host01.recover()
    with pytest.raises(SwarmLocked):
        host01.services.list()
    assert [c.status for c in host01.containers.list(all=True)] == ["exited"]
    host01.swarm.unlock(key)
    cluster.settle()
    assert running(cluster) == ["host01", "host02"]
    cluster.check()


def test_2_4_the_key_is_that_of_the_moment_the_manager_went():
    cluster = swarm(3, 3, autolock=True)
    host01, host03 = cluster.host("host01"), cluster.host("host03")
    old = host01.swarm.unlock_key()
    host03.fail()
    new = host01.swarm.unlock_key(rotate=True)
    host03.recover()
    with pytest.raises(InvalidUnlockKey):
        host03.swarm.unlock(new)
    host03.swarm.unlock(old)
    restarted(host03)
    host03.swarm.unlock(new)


def test_2_4_without_autolock_and_on_workers_nothing_is_locked():
    cluster = swarm(3, 2, autolock=True)
    worker = cluster.host("host03")
    restarted(worker)
    cluster.settle()
    assert worker.swarm.info().local_state == "active"
    cluster.host("host01").swarm.update(autolock=False)
    restarted(cluster.host("host02"))
    assert cluster.host("host02").nodes.get("self").name == "host02"


def test_joining_by_a_locked_manager_finds_nobody(locked):
    newcomer = locked.add_host("host04")
    with pytest.raises(Unavailable, match="Timeout was reached"):
        newcomer.swarm.join("host03", token=locked.host("host01").swarm.join_token())

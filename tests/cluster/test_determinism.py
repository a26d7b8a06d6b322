"""Same calls and seed: the same log, byte for byte; a fork goes on as its original."""

import os
import subprocess
import sys

from meshsim.cluster import Cluster


def story(seed: int, ties: str = "joined") -> Cluster:
    cluster = begin(seed, ties)
    go_on(cluster)
    return cluster


def begin(seed: int, ties: str) -> Cluster:
    cluster = Cluster(seed=seed, ties=ties)
    host01, host02, host03 = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    token = host01.swarm.join_token("worker")
    host02.swarm.join("host01:2377", token=token)
    host03.swarm.join("host01:2377", token=token)
    host01.services.create("nginx", name="web", replicas=5, publish=["80:80"])
    cluster.settle()
    return cluster


def go_on(cluster: Cluster) -> None:
    host01 = cluster.host("host01")
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.services.create("redis", name="redis", network=["eg1"])
    cluster.settle()
    probe = cluster.host("host02").containers.run("alpine", "sleep 1h", network="eg1", detach=True)
    probe.resolve("redis")
    host01.services.get("web").scale(2)
    cluster.host("host03").fail()
    cluster.run_for("40s")
    cluster.host("host03").recover()
    cluster.run_for("1m")
    for _ in range(3):
        host01.get("host02")


def digest_under(hash_seed: str, seed: int, ties: str) -> str:
    done = subprocess.run(
        [sys.executable, __file__, str(seed), ties],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_log_depends_on_calls_and_seed_alone():
    digests = {digest_under(hash_seed, 3, "seeded") for hash_seed in ("0", "1", "31337")}
    assert digests == {story(3, "seeded").log.digest()}
    assert story(4, "seeded").log.digest() not in digests


def test_a_fork_goes_on_as_its_original_and_disturbs_nobody():
    original = begin(5, "joined")
    fork = original.fork()
    before = original.log.digest()
    go_on(fork)
    assert original.log.digest() == before
    go_on(original)
    assert original.log.to_jsonl() == fork.log.to_jsonl()
    original.check()
    fork.check()


def test_looking_changes_nothing():
    watched, left_alone = begin(6, "joined"), begin(6, "joined")
    host = watched.host("host01")
    for handle in (*host.nodes.list(), *host.services.list(), *host.networks.list(), *host.containers.list()):
        repr(handle)
        _ = handle.attrs
    watched.check()
    go_on(watched)
    go_on(left_alone)
    assert watched.log.to_jsonl() == left_alone.log.to_jsonl()


if __name__ == "__main__":
    print(story(int(sys.argv[1]), sys.argv[2]).log.digest())

"""Bad input at the facade: one clear sentence, a typed error, and nothing has changed."""

import pytest

from meshsim.cluster import Cluster
from meshsim.errors import (
    AlreadyExists,
    AlreadyInSwarm,
    ApiError,
    BadValue,
    ClockBusy,
    Conflict,
    Forbidden,
    InvalidArgument,
    InvalidParameter,
    JoinRefused,
    MeshsimError,
    NotFound,
    NotInSwarm,
    NotManager,
    NotSettled,
    Unavailable,
)

NO_TOKEN = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
ALREADY = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(seed=3)
    host01, host02, _ = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.services.create("nginx", name="web", publish=["80:80"])
    host01.networks.create("eg1", driver="overlay")
    cluster.settle()
    return cluster


def refused(cluster: Cluster, kind: type[MeshsimError], text: str, call, *args, **kwargs) -> MeshsimError:
    """The call raises that error and sentence, and the store is as it was."""
    version = cluster.swarms[0].store.version
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    assert str(caught.value) == text
    assert cluster.swarms[0].store.version == version
    cluster.check()
    return caught.value


def test_tokens_malformed_empty_foreign_and_rotated_out(cluster):
    host01, host03 = cluster.host("host01"), cluster.host("host03")
    join = host03.swarm.join
    refused(cluster, ApiError, "invalid join token", join, "host01", token="foobaz")
    refused(cluster, JoinRefused, NO_TOKEN, join, "host01", token="")
    other = Cluster(seed=99).add_host("host01")
    other.swarm.init()
    foreign = other.swarm.join_token("worker")
    with pytest.raises(JoinRefused, match=r"^remote CA does not match fingerprint\. Expected: [0-9a-f]{64}$"):
        join("host01", token=foreign)
    old = host01.swarm.join_token("worker")
    new = host01.swarm.join_token("worker", rotate=True)
    assert old.rpartition("-")[0] == new.rpartition("-")[0]
    refused(cluster, JoinRefused, NO_TOKEN, join, "host01", token=old)
    assert host03.swarm.info().local_state == "inactive"
    join("host01", token=new)
    assert host03.swarm.info().local_state == "active"
    refused(cluster, AlreadyInSwarm, ALREADY, join, "host01", token=new)
    refused(cluster, AlreadyInSwarm, ALREADY, host03.swarm.init)


def test_joining_where_nobody_answers_takes_its_20_seconds(cluster):
    before = cluster.clock.now_ns
    with pytest.raises(Unavailable, match="Timeout was reached before node joined"):
        cluster.host("host03").swarm.join("host09:2377", token=cluster.host("host01").swarm.join_token())
    assert cluster.clock.now_ns - before == 20_000_000_000


def test_swarm_commands_on_a_worker_and_outside(cluster):
    worker, outside = cluster.host("host02"), cluster.host("host03")
    for call in (worker.nodes.list, worker.services.list, worker.swarm.join_token):
        with pytest.raises(NotManager, match="Worker nodes can't be used to view or modify cluster state"):
            call()
    for call in (outside.nodes.list, outside.services.list, outside.swarm.join_token):
        with pytest.raises(NotManager, match='Use "docker swarm init" or "docker swarm join"'):
            call()
    refused(cluster, NotInSwarm, "This node is not part of a swarm", outside.swarm.leave)
    with pytest.raises(NotManager):
        worker.networks.create("n", driver="overlay")


def test_names_that_are_taken_or_bad(cluster):
    host = cluster.host("host01")
    taken = (
        "rpc error: code = AlreadyExists desc = name conflicts with an existing object: "
        "service web already exists"
    )
    refused(cluster, AlreadyExists, taken, host.services.create, "nginx", name="web")
    bad = "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component"
    for name in ("_x", "a.b", "-p", "bad name"):
        refused(cluster, InvalidArgument, bad, host.services.create, "nginx", name=name)
    long = "rpc error: code = InvalidArgument desc = name must be 63 characters or fewer"
    refused(cluster, InvalidArgument, long, host.services.create, "nginx", name="a" * 64)
    eg1 = "network with name eg1 already exists"
    refused(cluster, Conflict, eg1, host.networks.create, "eg1", driver="overlay")
    predefined = "operation is not permitted on predefined host network "
    refused(cluster, Forbidden, predefined, host.networks.create, "host", driver="overlay")
    host.containers.run("alpine", "sleep 1h", name="cli", detach=True)
    with pytest.raises(
        Conflict, match=r'^Conflict\. The container name "/cli" is already in use by container'
    ):
        host.containers.run("alpine", name="cli", detach=True)
    assert len(host.containers.list(all=True)) == 2


def test_ports_networks_and_values(cluster):
    host = cluster.host("host01")
    web = host.services.get("web")
    text = f"port '80' is already in use by service 'web' ({web.id}) as an ingress port"
    prefix = "rpc error: code = InvalidArgument desc = "
    refused(
        cluster, InvalidArgument, prefix + text, host.services.create, "nginx", name="x", publish=["80:81"]
    )
    create = host.services.create
    refused(cluster, NotFound, "network nosuch not found", create, "nginx", name="x", network=["nosuch"])
    refused(cluster, BadValue, "invalid hostPort: 99999", create, "nginx", name="x", publish=["99999:80"])
    refused(
        cluster, BadValue, 'time: invalid duration "soon"', create, "nginx", name="x", restart_delay="soon"
    )
    refused(cluster, BadValue, "unknown flag: --replica", create, "nginx", name="x", replica=2)
    refused(
        cluster,
        InvalidParameter,
        'invalid Availability: "gone"',
        host.nodes.get("self").update,
        availability="gone",
    )
    attach = (
        "Could not attach to network eg1: rpc error: code = PermissionDenied "
        "desc = network eg1 not manually attachable"
    )
    run = host.containers.run
    refused(cluster, Forbidden, attach, run, "alpine", "sleep 1", network="eg1", detach=True)
    assert host.containers.list(all=True)[0].name.startswith("web.1.")


def test_machines_times_and_targets(cluster):
    host = cluster.host("host01")
    refused(cluster, BadValue, "there is a machine called 'host01' already", cluster.add_host, "host01")
    refused(cluster, BadValue, "a machine cannot be called 'a b'", cluster.add_host, "a b")
    refused(cluster, BadValue, "not an IPv4 address: '1.2.3'", cluster.add_host, "x", "1.2.3")
    refused(
        cluster, BadValue, "192.168.65.11 belongs to host01 already", cluster.add_host, "x", "192.168.65.11"
    )
    refused(cluster, NotFound, "there is no host 'x'; there are: host01, host02, host03", cluster.host, "x")
    refused(cluster, BadValue, 'time: missing unit in duration "10"', cluster.run_for, "10")
    refused(cluster, BadValue, "not an address to connect to: 'host01:99999'", host.get, "host01:99999")
    refused(cluster, BadValue, "meshsim speaks http, not 'ftp': ftp://host01", host.get, "ftp://host01")
    with pytest.raises(BadValue, match='ties are "joined" or "seeded"'):
        Cluster(ties="random")


def test_blocking_verbs_inside_a_timer(cluster):
    host = cluster.host("host01")
    cluster.clock.call_later(5, host.get, "host01")
    with pytest.raises(ClockBusy):
        cluster.run_for(10)


def test_what_never_settles_is_named(cluster):
    host = cluster.host("host01")
    host.services.create("alpine", name="loop", command="sh -c 'exit 1'")
    with pytest.raises(NotSettled, match="not settled after 60 s of virtual time; still moving:") as caught:
        cluster.settle(limit="1m")
    assert caught.value.moving
    with pytest.raises(NotSettled, match="not true within 1 s"):
        cluster.run_until(lambda: False, limit="1s")


def test_a_container_of_a_removed_node_cannot_be_attached():
    cluster = Cluster(seed=3)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.nodes.get("host02").remove(force=True)
    node_id = host02.member.node_id
    with pytest.raises(Forbidden) as refusal:
        host02.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    assert str(refusal.value) == (
        "Could not attach to network eg1: rpc error: code = PermissionDenied desc = "
        f"Permission denied: node {node_id} was removed from swarm"
    )
    cluster.check()

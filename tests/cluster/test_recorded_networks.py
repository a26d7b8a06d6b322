"""What three real machines did (ground truth 1 to 4; engine 26.1): addresses, sources, first answers."""

import pytest

from meshsim.cluster import Cluster

IMAGE = "traefik/whoami"


@pytest.fixture
def cluster():
    """host01 manager, host02 and host03 workers; lbapp1 on port 81, http on eg1 on the workers."""
    cluster = Cluster(seed=3, engine="26.1")
    host01, *workers = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    for worker in workers:
        worker.swarm.join("host01", token=host01.swarm.join_token())
    host01.services.create(
        IMAGE, name="lbapp1", replicas=2, publish="81:80", constraint="node.hostname!=host03"
    )
    host01.networks.create("eg1", driver="overlay", attachable=True)
    host01.services.create(IMAGE, name="http", replicas=2, network="eg1", constraint="node.role==worker")
    cluster.settle()
    return cluster


def lb(cluster, host, network):
    node = cluster.swarms[0].store.nodes[cluster.host(host).member.node_id]
    return node.attachment(cluster.host("host01").networks.get(network).id).ip


def cli(cluster, host, name):
    return cluster.host(host).containers.run("alpine", "sleep 1d", name=name, network="eg1", detach=True)


def test_3_addresses_climb(cluster):
    services = cluster.host("host01").services
    assert [lb(cluster, name, "ingress") for name in cluster.hosts] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    lbapp1, http = services.get("lbapp1"), services.get("http")
    assert (lbapp1.vip("ingress"), [t.address("ingress") for t in lbapp1.tasks()]) == (
        "10.0.0.5",
        ["10.0.0.6", "10.0.0.7"],
    )
    assert (http.vip("eg1"), [t.address("eg1") for t in http.tasks()]) == (
        "10.0.1.2",
        ["10.0.1.3", "10.0.1.4"],
    )
    assert {lb(cluster, name, "eg1") for name in ("host02", "host03")} == {"10.0.1.5", "10.0.1.6"}


def test_3_a_container_on_a_machine_without_part_in_the_network_takes_two_addresses_and_frees_both(cluster):
    taken = []
    for name in ("dig", "ping"):
        made = cli(cluster, "host01", name)
        taken.append((made.ip("eg1"), lb(cluster, "host01", "eg1")))
        assert "eg1" in [handle.record.name for handle in cluster.host("host01").networks.list()]
        made.stop(0)
        assert made.record.networks["eg1"].address == ""
        node = cluster.swarms[0].store.nodes[cluster.host("host01").member.node_id]
        assert node.attachment(cluster.host("host01").networks.get("eg1").id) is None
    assert taken == [("10.0.1.7", "10.0.1.8"), ("10.0.1.9", "10.0.1.10")]
    assert cli(cluster, "host03", "cli").ip("eg1") == "10.0.1.11", "host03 has its own address already"


def test_3_what_the_task_sees_and_who_answers_first(cluster):
    http = cluster.host("host01").services.get("http")
    asking = cli(cluster, "host03", "cli")
    cluster.settle()
    newest = list(
        cluster.host("host03").plane.sandboxes[http.record.endpoint.virtual_ips[0].network_id].services
    )
    assert len(newest) == 1
    answers = [asking.get("http") for _ in range(4)]
    assert {answer.source for answer in answers} == {lb(cluster, "host03", "eg1")}, (
        "the node's, never the client's"
    )
    remote = next(task for task in http.tasks() if task.node == "host02")
    assert answers[0].task == remote.name, "host03 knew its own task first; the newest answers first"
    assert [a.task for a in answers[:2]] == [a.task for a in answers[2:]]
    assert asking.get(f"{remote.address('eg1')}:80").source == asking.ip("eg1"), (
        "past the VIP: the client's own"
    )
    echo = asking.ping("http")[0]
    assert (echo.ok, echo.ttl) == (True, 64)


def test_2_strict_turns_on_every_machine_and_the_last_published_first(cluster):
    lbapp1 = cluster.host("host01").services.get("lbapp1")
    for entry in cluster.hosts.values():
        answers = [entry.get(f"{entry.name}:81") for _ in range(20)]
        names = [answer.task for answer in answers]
        assert names == names[:2] * 10
        assert set(names) == {task.name for task in lbapp1.tasks()}
        assert {answer.source for answer in answers} == {lb(cluster, entry.name, "ingress")}
    # 127.0.0.1, the name and the address share one position; the other machines have their own
    host01 = cluster.host("host01")
    mixed = [host01.get(url).task for url in ("127.0.0.1:81", "host01:81", "192.168.65.11:81", "host01:81")]
    assert mixed == [mixed[0], mixed[1]] * 2
    assert mixed[0] != mixed[1]


def test_4_dnsrr_takes_no_virtual_address_and_a_change_to_vip_restarts_all(cluster):
    rr = cluster.host("host01").services.create(
        IMAGE, name="rr", replicas=3, network="eg1", endpoint_mode="dnsrr"
    )
    cluster.settle()
    assert "VirtualIPs" not in rr.attrs["Endpoint"]
    assert rr.attrs["Spec"]["EndpointSpec"] == {"Mode": "dnsrr"}
    before = {task.id for task in rr.tasks()}
    highest = max(int(task.address("eg1").rpartition(".")[2]) for task in rr.tasks())
    rr.update(endpoint_mode="vip")
    cluster.settle()
    assert int(rr.vip("eg1").rpartition(".")[2]) > highest
    running = {task.id for task in rr.tasks() if task.record.state.name == "RUNNING"}
    assert len(running) == 3
    assert not running & before


def test_3_a_service_on_two_networks_has_ingress_first(cluster):
    host = cluster.host("host01")
    both = host.services.create(IMAGE, name="both", network="eg1", publish="82:80")
    cluster.settle()
    ingress, eg1 = (host.networks.get(name).id for name in ("ingress", "eg1"))
    assert [vip.network_id for vip in both.record.endpoint.virtual_ips] == [ingress, eg1]
    (task,) = both.tasks()
    assert [place.network_id for place in task.record.attachments] == [ingress, eg1]


def test_3_a_node_removed_and_joined_again_gets_another_address(cluster):
    host01, host03 = cluster.host("host01"), cluster.host("host03")
    old_id, old = host03.member.node_id, lb(cluster, "host03", "ingress")
    host03.swarm.leave()
    cluster.run_for("30s")
    host01.nodes.get(old_id).remove()
    host03.swarm.join("host01", token=host01.swarm.join_token())
    cluster.settle()
    assert host03.member.node_id != old_id
    assert int(lb(cluster, "host03", "ingress").rpartition(".")[2]) > int(old.rpartition(".")[2])
    assert host03.get("host03:81").status == 200


def test_3_a_worker_lists_a_network_once_something_there_uses_it(cluster):
    host02, host01 = cluster.host("host02"), cluster.host("host01")
    host01.networks.create("later", driver="overlay", attachable=True)
    names = lambda host: {handle.record.name for handle in host.networks.list()}  # noqa: E731
    assert ("later" in names(host01), "later" in names(host02)) == (True, False)
    host01.services.create(IMAGE, name="s", network="later", constraint="node.hostname==host02")
    cluster.settle()
    assert "later" in names(host02)
    host01.services.get("s").remove()
    cluster.settle()
    assert "later" not in names(host02)

"""The architecture's example, as a user types it: from two machines to a whole application."""

import pytest

from meshsim.cluster import Cluster, Reply
from meshsim.errors import ConnectionRefused


@pytest.fixture
def cluster() -> Cluster:
    """Two hosts in one swarm, host01 the manager."""
    cluster = Cluster(seed=7)
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    return cluster


@pytest.fixture
def host01(cluster):
    return cluster.host("host01")


@pytest.fixture
def host02(cluster):
    return cluster.host("host02")


@pytest.fixture
def lbapp1(cluster, host01):
    service = host01.services.create(
        "katacoda/docker-http-server", name="lbapp1", replicas=2, publish=["81:80"]
    )
    cluster.settle()
    return service


@pytest.fixture
def http(cluster, host01):
    host01.networks.create("eg1", driver="overlay", attachable=True)
    service = host01.services.create("katacoda/docker-http-server", name="http", replicas=2, network=["eg1"])
    cluster.settle()
    return service


def containers(service) -> set[str]:
    return {task.container.short_id for task in service.tasks()}


def test_two_containers_take_strict_turns_on_both_machines(cluster, host01, host02, lbapp1):
    for entry, url in (host01, "host01:81"), (host02, "host02:81"), (host02, "host01:81"):
        answers = [entry.get(url).container for _ in range(6)]
        assert set(answers) == containers(lbapp1)
        assert answers[0::2] == [answers[0]] * 3
        assert answers[1::2] == [answers[1]] * 3
    cluster.check()


def test_the_page_names_the_container(host01, lbapp1):
    response = host01.get("http://host01:81/")
    assert response.text == f"<h1>This request was processed by host: {response.container}</h1>\n"
    assert response.status == 200
    assert response.task.startswith("lbapp1.")


def test_addresses_climb_in_the_order_of_the_tutorial(lbapp1, http):
    # data-plane 2.2, 2.3: gateway .1, machines .2 .3, VIP .4, tasks .5 .6; on eg1 VIP .2, tasks .3 .4
    assert lbapp1.vip("ingress") == "10.0.0.4"
    assert [task.address("ingress") for task in lbapp1.tasks()] == ["10.0.0.5", "10.0.0.6"]
    assert http.vip("eg1") == "10.0.1.2"
    assert [task.address("eg1") for task in http.tasks()] == ["10.0.1.3", "10.0.1.4"]


def test_a_container_finds_the_service_by_name(host01, http):
    probe = host01.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    assert probe.resolve("http").addresses == [http.vip("eg1")] == ["10.0.1.2"]
    assert sorted(probe.resolve("tasks.http").addresses) == ["10.0.1.3", "10.0.1.4"]
    assert probe.ip("eg1") == "10.0.1.7"
    replies = probe.ping("http", count=5)
    assert [reply.ok for reply in replies] == [True] * 5
    answers = [probe.get("http").container for _ in range(4)]
    assert set(answers) == containers(http)
    assert answers[:2] == answers[2:]


def test_the_task_sees_the_entry_node_and_never_the_client(cluster, host01, host02):
    # data-plane 5.5-4, 5.5-5
    laptop = cluster.add_machine("laptop")
    host01.services.create("traefik/whoami", name="who", publish=["80:80"])
    cluster.settle()
    assert laptop.get("host01").source == "10.0.0.2"
    assert laptop.get("host02").source == "10.0.0.3"


def test_an_application_over_several_hosts_counts_in_redis(cluster, host01, host02):
    host01.networks.create("app1-network", driver="overlay")
    host01.services.create("redis:alpine", name="redis", network=["app1-network"])
    host01.services.create(
        "katacoda/redis-node-docker-example",
        name="app1-web",
        network=["app1-network"],
        replicas=4,
        publish=["80:3000"],
    )
    cluster.settle()
    responses = [host01.get("host01") for _ in range(3)] + [host02.get("host02")]
    assert [r.text.split("Total requests: ")[1].split()[0] for r in responses] == ["1", "2", "3", "4"]
    assert len({r.container for r in responses[:3]}) == 3
    assert "    ::ffff:10.0.0.2: 3\n    ::ffff:10.0.0.3: 1\n" in responses[-1].text


def test_a_connection_stays_on_its_task(host01, lbapp1):
    with host01.connect("host01:81") as conn:
        texts = {conn.request("/").text for _ in range(5)}
    assert len(texts) == 1
    assert repr(conn) == "<Connection to host01:81, closed>"


def test_a_balancer_of_ones_own():
    class LeastBytes:
        def pick(self, destinations, flow, now_ns):
            return min(destinations, key=lambda d: d.bytes_out)

    cluster = Cluster(seed=7, balancer=LeastBytes)
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.services.create("nginx", name="web", replicas=2, publish=["80:80"])
    cluster.settle()
    assert host.get("host01").status == 200


def test_a_placement_rule_of_ones_own():
    class OnlyEven:
        def applies(self, task):
            return task.spec.container.env == ("PARITY=even",)

        def accepts(self, task, node):
            return int(node.hostname[-2:]) % 2 == 0

        def explain(self, count):
            return f"odd host number on {count} nodes"

    cluster = Cluster(seed=7, extra_filters=[OnlyEven()])
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01", token=host01.swarm.join_token())
    even = host01.services.create("nginx", name="even", replicas=3, env=["PARITY=even"])
    cluster.settle()
    assert {task.node for task in even.tasks()} == {"host02"}


def test_an_image_of_ones_own_keeps_its_state_per_container():
    class Counter:
        def __init__(self):
            self.count = 0

        def __call__(self, request, container):
            self.count += 1
            return Reply(f"{container.hostname} {self.count}")

    cluster = Cluster(images={"counter": Counter})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.services.create("counter", name="c", replicas=2, publish=["80:80"])
    cluster.settle()
    counts = [host.get("host01").text.split()[1] for _ in range(6)]
    assert counts == ["1", "1", "2", "2", "3", "3"]


def test_losing_a_machine_and_what_docker_says_of_it(cluster, host01, host02, lbapp1):
    host02.fail()
    cluster.run_for("2m")
    assert lbapp1.running == 2
    assert lbapp1.replicas == "3/2"  # the dead node's task is still seen running: control-plane 4.2
    assert {host01.get("host01:81").host for _ in range(4)} == {"host01"}
    cluster.check()


def test_nothing_published_is_refused(host01):
    with pytest.raises(ConnectionRefused, match="host01:82: Connection refused"):
        host01.get("host01:82")


def test_a_ranking_and_a_whole_placement_of_ones_own():
    def fullest_first(task, node, now_ns):
        return -node.total

    def only_the_last(board):
        last = board.nodes[-1]
        while board.waiting and board.fits(last):
            board.assign(last)

    for rules, where in (({"order": fullest_first}, {"host01"}), ({"placement": only_the_last}, {"host02"})):
        cluster = Cluster(seed=7, **rules)
        host01, host02 = cluster.add_hosts("host01", "host02")
        host01.swarm.init()
        host02.swarm.join("host01", token=host01.swarm.join_token())
        host01.services.create("nginx", name="first")
        cluster.settle()
        service = host01.services.create("nginx", name="second", replicas=2)
        cluster.settle()
        assert {task.node for task in service.tasks()} == where
        cluster.check()


def test_explain_says_why_this_node_and_not_that_one(cluster, host01):
    service = host01.services.create("nginx", name="picky", constraint="node.role == worker")
    cluster.settle()
    (task,) = service.tasks()
    assert task.node == "host02"
    text = str(cluster.explain(task))
    assert "host01" in text
    assert "constraint" in text

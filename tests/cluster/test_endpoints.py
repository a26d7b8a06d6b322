"""Endpoints of whole clusters: rows of control-plane 8.3, 8.4 and 8.6, as a user sees them."""

from __future__ import annotations

import pytest
from tests.cluster.swarms import live, running, swarm

from meshsim.errors import ConnectionFailed, InvalidArgument
from meshsim.model.states import TaskState, UpdateState


def ports(service):
    endpoint = service.record.endpoint
    return [p.published for p in endpoint.ports] if endpoint else []


@pytest.fixture
def host01():
    _, (host01, _) = swarm(2)
    return host01


def test_8_6_1_dnsrr_with_an_ingress_port(host01):
    with pytest.raises(InvalidArgument, match="ingress mode can't be used with dnsrr mode"):
        host01.services.create("nginx", endpoint_mode="dnsrr", publish="80:80")
    service = host01.services.create(
        "nginx", endpoint_mode="dnsrr", publish="mode=host,published=80,target=80"
    )
    host01.cluster.settle()
    assert len(running(service)) == 1


def test_8_6_2_doubles_within_one_service(host01):
    create = host01.services.create
    create("nginx", publish=["8001:80", "8000:80"])
    with pytest.raises(InvalidArgument, match="duplicate published ports provided"):
        create("nginx", publish=["8003:80", "8003:81"])
    create("nginx", publish=["8002:80/tcp", "8002:80/udp"])
    assert ports(create("nginx", publish=["80", "81", "82"])) == [30000, 30001, 30002]


def test_8_6_3_to_6_conflicts_between_services(host01):
    create = host01.services.create
    create("nginx", name="a", publish="80:80")
    with pytest.raises(InvalidArgument, match=r"'80' is already in use by service 'a' .* as an ingress port"):
        create("nginx", publish="80:80")
    create("nginx")
    create("nginx", publish="80:80/udp")
    for name in ("h1", "h2"):
        create("nginx", name=name, publish="mode=host,published=90,target=80")
    with pytest.raises(InvalidArgument, match=r"by service 'h[12]' .* as a host-published port"):
        create("nginx", publish="90:80")
    with pytest.raises(InvalidArgument, match="as an ingress port"):
        create("nginx", publish="mode=host,published=80,target=80")
    other = create("nginx", name="other")
    with pytest.raises(InvalidArgument, match="port '80' is already in use"):
        other.update(publish_add="80:80")
    other.update(publish_add="81:80")
    assert ports(other) == [81]


def test_8_6_7_the_ingress_network_cannot_be_named(host01):
    text = 'Service cannot be explicitly attached to the ingress network "ingress"'
    with pytest.raises(InvalidArgument, match=text):
        host01.services.create("nginx", network="ingress")
    service = host01.services.create("nginx")
    with pytest.raises(InvalidArgument, match=text):
        service.update(network_add="ingress")


def test_8_6_11_host_ports_change_only_with_new_tasks(host01):
    service = host01.services.create("nginx", name="web", publish="80:80")
    host01.cluster.settle()
    first = live(service)[0].id
    service.update(publish_rm="80", publish_add="mode=host,published=80,target=80")
    host01.cluster.settle()
    (task,) = running(service)
    assert task.id != first
    assert [p.mode.value for p in service.record.endpoint.ports] == ["host"]
    assert service.record.endpoint.virtual_ips == ()


def test_8_6_14_a_virtual_address_per_network():
    cluster, (host01,) = swarm(1)
    for name in ("net1", "net2"):
        host01.networks.create(name, driver="overlay")
    service = host01.services.create("nginx", network="net1")
    seen = [len(service.record.endpoint.virtual_ips)]
    for change in (
        {"network_add": "net2"},
        {"network_rm": "net1"},
        {"network_rm": "net2"},
        {"network_add": "net2"},
    ):
        service.update(**change)
        seen.append(len(service.record.endpoint.virtual_ips))
    assert seen == [1, 2, 1, 0, 1]
    cluster.settle()
    cluster.check()


def test_8_6_15_the_ingress_address_comes_and_goes_with_the_last_port(host01):
    service = host01.services.create("nginx", publish="80:80")
    count = lambda: len(service.record.endpoint.virtual_ips)  # noqa: E731
    assert count() == 1
    service.update(publish_rm="80")
    assert count() == 0
    service.update(publish_add="80:80")
    assert count() == 1


def test_8_6_16_start_first_on_an_overlay_answers_throughout():
    """TestServiceVIPAcrossRollingUpdate: the address stays and answers, in the end by the new task."""
    cluster, (host01, _) = swarm(2)
    host01.networks.create("eg1", driver="overlay", attachable=True)
    web = host01.services.create("nginx", name="web", network="eg1", update_order="start-first")
    cluster.settle()
    probe = host01.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
    vip, (old,) = web.vip("eg1"), running(web)
    web.update(force=True)
    answered = []
    while web.record.update_status.state is not UpdateState.COMPLETED:
        assert web.vip("eg1") == vip
        answered.append(probe.get("web").task)
        cluster.run_for("100ms")
    (new,) = running(web)
    assert answered[0] == old.name
    assert answered[-1] == new.name != old.name
    assert sorted(set(answered), key=answered.index) == [old.name, new.name], "each turn once, never back"


def test_8_6_17_ports_across_updates_of_a_service():
    """TestIngressPortsAcrossServiceUpdate: each step reachable on every node, also on one without a task."""
    cluster, hosts = swarm(3)
    host01 = hosts[0]

    def answers(service, *published):
        for host in hosts:
            for port in (8080, 8081):
                try:
                    assert host.get(f"{host.name}:{port}").task in {task.name for task in running(service)}
                    assert port in published
                except ConnectionFailed:
                    assert port not in published

    web = host01.services.create("traefik/whoami", name="web", publish="8080:80")
    cluster.settle()
    answers(web, 8080)
    web.update(publish_add="8081:80")
    cluster.settle()
    answers(web, 8080, 8081)
    web.remove()
    cluster.settle()
    fresh = host01.services.create("traefik/whoami", name="fresh", publish=["8080:80", "8081:80"])
    cluster.settle()
    answers(fresh, 8080, 8081)


def test_8_6_18_task_networks_may_change_freely():
    """The row's refused part is about the service-level list, which only old API clients send."""
    cluster, (host01,) = swarm(1)
    for name in ("net1", "net2"):
        host01.networks.create(name, driver="overlay")
    web = host01.services.create("nginx", network="net1")
    cluster.settle()
    web.update(network_rm="net1", network_add="net2")
    cluster.settle()
    (task,) = running(web)
    assert [n.target for n in task.record.spec.networks] == [host01.networks.get("net2").id]
    assert task.state is TaskState.RUNNING


def test_8_3_the_run_of_dynamic_ports(host01):
    """The sequence run against the real allocator, on one fresh cluster."""
    create = host01.services.create
    a = create("nginx", name="a", publish="80")
    b = create("nginx", name="b", publish=["80", "81"])
    assert (ports(a), ports(b)) == ([30000], [30001, 30002])
    a.update(publish_add="443")
    assert sorted(ports(a)) == [30003, 30004]
    kept = {p.target: p.published for p in a.record.endpoint.ports}[443]
    a.update(publish_rm="80", publish_add="8080")
    now = {p.target: p.published for p in a.record.endpoint.ports}
    assert now == {443: kept, 8080: 30005}
    assert ports(create("nginx", name="c", publish="30010:80")) == [30010]
    d = create("nginx", name="d", publish=["1", "2", "3", "4", "5"])
    assert ports(d) == [30006, 30007, 30008, 30009, 30011]
    with pytest.raises(InvalidArgument, match="'30001' is already in use by service 'b'"):
        create("nginx", publish="30001:80")
    assert ports(create("nginx", name="u", publish="80/udp")) == [30000]
    mixed = create("nginx", name="m", publish=["80", "99:81", "mode=host,target=82"])
    assert ports(mixed) == [30012, 99, 0]


def test_8_4_the_run_of_virtual_addresses(host01):
    """The sequence run against the real allocator: freed addresses are not reused yet."""
    for name in ("net1", "net2"):
        host01.networks.create(name, driver="overlay")
    s = host01.services.create("nginx", name="s", network="net1", replicas=0)
    other = host01.services.create("nginx", name="other", network="net1", replicas=0)
    vips = lambda service: [v.address for v in service.record.endpoint.virtual_ips]  # noqa: E731
    assert (vips(s), vips(other)) == (["10.0.1.2/24"], ["10.0.1.3/24"])
    s.update(force=True)
    assert vips(s) == ["10.0.1.2/24"]
    s.update(network_add="net2")
    assert vips(s) == ["10.0.1.2/24", "10.0.2.2/24"]
    s.update(network_rm="net1")
    assert vips(s) == ["10.0.2.2/24"]
    s.update(network_add="net1")
    assert vips(s) == ["10.0.2.2/24", "10.0.1.4/24"]
    s.update(endpoint_mode="dnsrr")
    assert vips(s) == []
    s.update(endpoint_mode="vip")
    assert vips(s) == ["10.0.2.3/24", "10.0.1.5/24"]

"""The allocator. Rows of data-plane 1.8, 2.3, 2.6, control-plane 8.4, 8.6 (14, 15), ground truth 14, 15."""

from __future__ import annotations

import copy

import pytest
from attrs import evolve
from tests.manager.office import (
    ASSIGNED,
    FAILED,
    NEW,
    PENDING,
    RUNNING,
    SHUTDOWN,
    Office,
    PortConfig,
    S,
    spec,
)

from meshsim.manager.allocator import Allocator
from meshsim.manager.orchestrator import GlobalOrchestrator, ReplicatedOrchestrator
from meshsim.model.objects import Network, Swarm
from meshsim.model.specs import EndpointSpec, GlobalMode, IpamConfig, NetworkAttachmentConfig, NetworkSpec
from meshsim.model.states import EndpointMode, PublishMode

DNSRR = EndpointSpec(EndpointMode.DNSRR)


class Lab(Office):
    def __init__(self, *, nodes=2, **kwargs):
        super().__init__(Allocator, ReplicatedOrchestrator, GlobalOrchestrator, nodes=nodes, **kwargs)

    def subnet(self, network):
        stored = self.store.networks[network.id]
        return stored.ipam[0].subnet if stored.ipam else None

    def vips(self, service):
        endpoint = self.service(service).endpoint
        return [v.address for v in endpoint.virtual_ips] if endpoint else []

    def addresses(self, service, network="eg1"):
        return [a.ip for t in self.tasks(service) if (a := t.attachment(network))]

    def place(self, service, *nodes):
        with self.store.transaction() as tx:
            for task, node in zip(self.tasks(service), nodes, strict=False):
                tx.update(task, node_id=node, status=evolve(task.status, state=ASSIGNED))

    def lb(self, node, network="eg1"):
        attachment = self.store.nodes[node].attachment(network)
        return attachment and attachment.ip

    def run_container(self, node="n1", network="eg1", addresses=()):
        return self.control.attach(network, "c" * 64, node, addresses)


@pytest.fixture
def lab():
    return Lab()


def test_1_8_1_ingress(lab):
    ingress = lab.store.networks["ingress-id"]
    assert (ingress.ipam[0].subnet, ingress.ipam[0].gateway, ingress.vxlan_ids) == (
        "10.0.0.0/24",
        "10.0.0.1",
        (4096,),
    )
    assert (lab.lb("n1", "ingress-id"), lab.lb("n2", "ingress-id")) == ("10.0.0.2", "10.0.0.3")


def test_1_8_2_and_3_subnets_of_a_current_engine(lab):
    first, second = lab.network("eg1"), lab.network("app1-network")
    assert [lab.subnet(n) for n in (first, second)] == ["10.0.1.0/24", "10.0.2.0/24"]
    assert lab.store.networks[second.id].vxlan_ids == (4098,)
    lab.control.remove_network(second.id)
    again = lab.network("x")
    assert (lab.subnet(again), lab.store.networks[again.id].vxlan_ids) == ("10.0.2.0/24", (4099,))
    lab.check()


@pytest.mark.parametrize("engine", ["20.10", "26.1"])
def test_1_8_4_subnets_by_cursor(engine):
    lab = Lab(engine=engine)
    lab.network("eg1")
    second = lab.network("app1-network")
    lab.control.remove_network(second.id)
    again = lab.network("x")
    assert (lab.subnet(again), lab.store.networks[again.id].vxlan_ids) == ("10.0.3.0/24", (4099,))


def test_1_8_5_given_subnets_are_skipped(lab):
    given = lab.network("given", ipam=(IpamConfig("10.0.1.0/24"),))
    assert lab.subnet(given) == "10.0.1.0/24"
    assert lab.subnet(lab.network("auto")) == "10.0.2.0/24"


def test_1_8_6_overlap_is_never_allocated_and_its_tasks_stay_new(lab):
    lab.network("eg1")
    bad = lab.control.create_network(NetworkSpec("bad", ipam=(IpamConfig("10.0.1.0/24"),)))
    assert lab.subnet(bad) is None
    service = lab.create(spec("web", 2, networks=[bad.id]))
    assert [t.state for t in lab.tasks(service)] == [NEW, NEW]
    assert "Pool overlaps with other one on this address space" in lab.log.to_jsonl()
    lab.control.remove_network("eg1")
    assert lab.subnet(bad) == "10.0.1.0/24"
    assert [t.state for t in lab.tasks(service)] == [PENDING, PENDING]
    lab.check()


@pytest.mark.parametrize(
    ("pool", "size", "expected"),
    [
        ("20.20.0.0/16", 24, ["20.20.0.0/24", "20.20.1.0/24"]),
        ("10.20.0.0/16", 26, ["10.20.0.0/26", "10.20.0.64/26"]),
    ],
)
def test_1_8_7_default_pools(pool, size, expected):
    lab = Lab(swarm=Swarm("swarm", default_pools=(pool,), subnet_size=size))
    assert [lab.subnet(lab.store.networks["ingress-id"]), lab.subnet(lab.network("eg1"))] == expected


def test_1_8_13_two_subnets(lab):
    network = lab.network("two", ipam=(IpamConfig("10.5.0.0/16"), IpamConfig("10.6.0.0/30")))
    stored = lab.store.networks[network.id]
    assert [s.gateway for s in stored.ipam] == ["10.5.0.1", "10.6.0.1"]
    assert stored.vxlan_ids == (4097, 4098)


def test_1_8_15_a_small_subnet(lab):
    assert lab.subnet(lab.network("small", ipam=(IpamConfig("1.1.1.1/32"),))) == "1.1.1.1/32"


def test_1_8_16_given_vxlan_ids(lab):
    option = {"com.docker.network.driver.overlay.vxlanid_list": "7000,7001,7002"}
    two = (IpamConfig("10.5.0.0/16"), IpamConfig("10.6.0.0/16"))
    network = lab.network("two", ipam=two, options=option)
    assert lab.store.networks[network.id].vxlan_ids == (7000, 7001)
    again = lab.network("again", options=option)
    assert lab.subnet(again) is None
    assert "could not assign vxlan id 7000 to pool 10.0.1.0/24: requested bit" in lab.log.to_jsonl()
    assert lab.subnet(lab.network("other")) == "10.0.1.0/24"


def test_2_1_gateways_and_ranges(lab):
    far = lab.network("far", ipam=(IpamConfig("10.7.0.0/24", gateway="10.7.0.254"),))
    service = lab.create(spec("far", 0, networks=[far.id]))
    assert lab.vips(service) == ["10.7.0.1/24"]
    ranged = lab.network("ranged", ipam=(IpamConfig("10.9.0.0/16", "10.9.3.0/24"),))
    service = lab.create(spec("ranged", 0, networks=[ranged.id]))
    assert lab.store.networks[ranged.id].ipam[0].gateway == "10.9.3.0"
    assert lab.vips(service) == ["10.9.3.1/16"]
    sized = lab.network("sized", ipam=(IpamConfig("0.0.0.0/20"),))
    assert lab.subnet(sized) == "10.0.16.0/20"


def _seed_sequence(lab):
    lab.network("eg1", attachable=True)
    service = lab.create(spec("http", 2, networks=["eg1"]))
    lab.place(service, "n1", "n2")
    return service


def test_2_6_1_the_seeds_sequence(lab):
    service = _seed_sequence(lab)
    assert lab.vips(service) == ["10.0.1.2/24"]
    assert lab.addresses(service) == ["10.0.1.3", "10.0.1.4"]
    assert (lab.lb("n1"), lab.lb("n2")) == ("10.0.1.5", "10.0.1.6")
    dig = lab.run_container()
    assert dig.attachments[0].address == "10.0.1.7/24"
    assert dig.state is PENDING
    lab.control.detach(dig.id)
    assert lab.run_container().attachments[0].ip == "10.0.1.8"
    lab.check()


def test_2_2_a_containers_node_takes_its_address_right_after():
    lab = Lab(nodes=3)
    _seed_sequence(lab)
    first = lab.run_container("n3")
    assert (first.attachments[0].ip, lab.lb("n3")) == ("10.0.1.7", "10.0.1.8")
    lab.control.detach(first.id)
    assert lab.lb("n3") is None
    second = lab.run_container("n3")
    assert (second.attachments[0].ip, lab.lb("n3")) == ("10.0.1.9", "10.0.1.10")


def test_2_2_who_uses_ingress(lab):
    service = lab.create(spec("lbapp1", 2, ports=[PortConfig(80, 81)]))
    assert lab.vips(service) == ["10.0.0.4/24"]
    assert lab.addresses(service, "ingress-id") == ["10.0.0.5", "10.0.0.6"]


def test_2_6_2_one_node():
    lab = Lab(nodes=1)
    lab.network("eg1")
    service = lab.create(spec("http", 3, networks=["eg1"]))
    lab.place(service, "n1", "n1", "n1")
    assert lab.vips(service) == ["10.0.1.2/24"]
    assert lab.addresses(service) == ["10.0.1.3", "10.0.1.4", "10.0.1.5"]
    assert lab.lb("n1") == "10.0.1.6"


def test_2_6_3_and_4_freed_addresses_and_a_new_leader(lab):
    service = _seed_sequence(lab)
    lab.control.detach(lab.run_container().id)
    lab.run_container()  # stays, so n1 keeps its own address
    first = lab.tasks(service)[0]
    lab.set(first, RUNNING)
    lab.set(first, FAILED)
    assert lab.tasks(service)[-1].attachment("eg1").ip == "10.0.1.9"
    lab.change_leader()
    lab.check()
    lab.scale(service, 4)
    assert lab.addresses(service)[-2:] == ["10.0.1.3", "10.0.1.7"]
    lab.check()


def test_2_6_5_and_6_a_29_is_full(lab):
    lab.network("eg1", ipam=(IpamConfig("10.9.9.0/29"),))
    service = lab.create(spec("http", 6, networks=["eg1"]))
    assert lab.vips(service) == ["10.9.9.2/29"]
    assert lab.addresses(service) == ["10.9.9.3", "10.9.9.4", "10.9.9.5", "10.9.9.6"]
    assert [t.state for t in lab.tasks(service)].count(NEW) == 2
    assert "could not find an available IP" in lab.log.to_jsonl()
    assert all(t.status.err == "" for t in lab.tasks(service))
    lab.set(lab.tasks(service)[1], SHUTDOWN, desired=SHUTDOWN)
    assert lab.tasks(service)[4].attachment("eg1").ip == "10.9.9.4"
    lab.check()


def test_14_a_second_service_waits_for_its_vip(lab):
    lab.network("eg1", ipam=(IpamConfig("10.9.9.0/29"),))
    first = lab.create(spec("first", 4, networks=["eg1"]))
    second = lab.create(spec("second", 1, networks=["eg1"]))
    assert lab.service(second).endpoint is None
    assert [t.state for t in lab.tasks(second)] == [NEW]
    assert "could not find an available IP while allocating VIP" in lab.log.to_jsonl()
    lab.scale(first, 1)
    for task in lab.tasks(first)[1:]:
        lab.set(task, SHUTDOWN)
    assert len(lab.vips(second)) == 1
    assert [t.state for t in lab.tasks(second)] == [PENDING]
    lab.check()


def test_14_force_four_times_wraps(lab):
    lab.network("eg1", ipam=(IpamConfig("10.9.9.0/29"),))
    service = lab.create(spec("one", 1, networks=["eg1"]))
    lab.set(lab.tasks(service)[0], RUNNING, node="n1")
    for number in range(4):
        old = lab.tasks(service)[-1]
        lab.new_image(service, f"image{number}")
        lab.set(lab.tasks(service)[-1], ASSIGNED, node="n1")
        lab.set(old, SHUTDOWN)
        lab.set(lab.tasks(service)[-1], RUNNING)
        lab.run(10 * S)
    assert lab.vips(service) == ["10.9.9.2/29"]
    assert [a.rpartition(".")[2] for a in lab.addresses(service)] == ["3", "5", "6", "3", "5"]
    assert lab.lb("n1") == "10.9.9.4"
    lab.check()


def test_2_4_five_minutes_later_it_tries_again(lab):
    lab.network("eg1", ipam=(IpamConfig("10.9.9.0/29"),))
    service = lab.create(spec("http", 5, networks=["eg1"]))
    waiting = lab.tasks(service)[-1]
    assert waiting.state is NEW
    pool = lab.loops[0]._networks
    pool.release("eg1", "10.9.9.3")  # behind the allocator's back: nobody was told
    with lab.store.transaction() as tx:
        tx.delete(lab.tasks(service)[0])
    lab.run(301 * S)
    lab.add_node("n9")
    assert all(t.state is PENDING for t in lab.live(service)[:4])


def test_2_6_12_two_networks(lab):
    lab.network("a")
    lab.network("b")
    service = lab.create(spec("web", 1, networks=["b", "a"]))
    assert lab.vips(service) == ["10.0.2.2/24", "10.0.1.2/24"]
    assert [a.network_id for a in lab.tasks(service)[0].attachments] == ["b", "a"]


def test_2_6_13_to_15_endpoint_changes(lab):
    lab.network("eg1")
    service = lab.create(spec("web", 0, networks=["eg1"]))
    lab.respec(service, endpoint=EndpointSpec(ports=(PortConfig(80, 81),)))
    assert lab.vips(service) == ["10.0.1.2/24", "10.0.0.4/24"]
    lab.respec(service, endpoint=EndpointSpec())
    assert lab.vips(service) == ["10.0.1.2/24"]
    lab.respec(service, endpoint=DNSRR)
    assert lab.vips(service) == []
    assert lab.service(service).endpoint.spec == DNSRR
    lab.respec(service, endpoint=EndpointSpec())
    assert lab.vips(service) == ["10.0.1.3/24"]
    lab.check()


def test_2_6_16_and_17_the_last_task_takes_the_nodes_address_with_it(lab):
    service = _seed_sequence(lab)
    lab.scale(service, 1)
    gone = next(t for t in lab.tasks(service) if t.desired > RUNNING)
    assert lab.lb(gone.node_id) is not None
    lab.set(gone, SHUTDOWN)
    assert lab.lb(gone.node_id) is None
    assert lab.lb(gone.node_id, "ingress-id") is not None
    lab.check()


def test_8_4_the_recorded_vips(lab):
    lab.network("net1")
    lab.network("net2")
    on = lambda *names: tuple(NetworkAttachmentConfig(n) for n in names)  # noqa: E731

    def attach(*names):
        task = lab.service(service).spec.task
        lab.respec(service, task=evolve(task, networks=on(*names)))
        return lab.vips(service)

    service = lab.create(spec("s", 0, networks=["net1"]))
    assert lab.vips(service) == ["10.0.1.2/24"]
    assert lab.vips(lab.create(spec("other", 0, networks=["net1"]))) == ["10.0.1.3/24"]
    lab.new_image(service, "forced")
    assert lab.vips(service) == ["10.0.1.2/24"]
    assert attach("net1", "net2") == ["10.0.1.2/24", "10.0.2.2/24"]
    assert attach("net2") == ["10.0.2.2/24"]
    assert attach("net1", "net2") == ["10.0.2.2/24", "10.0.1.4/24"]
    lab.respec(service, endpoint=DNSRR)
    lab.respec(service, endpoint=EndpointSpec())
    assert lab.vips(service) == ["10.0.1.5/24", "10.0.2.3/24"]
    lab.check()


def test_8_6_14_networks_come_and_go(lab):
    for name in ("net1", "net2"):
        lab.network(name)
    service = lab.create(spec("s", 0, networks=["net1"]))
    counts = [1]
    for names in (("net1", "net2"), ("net2",), (), ("net2",)):
        networks = tuple(NetworkAttachmentConfig(n) for n in names)
        lab.respec(service, task=evolve(service.spec.task, networks=networks))
        counts.append(len(lab.vips(service)))
    assert counts == [1, 2, 1, 0, 1]


def test_8_6_15_ingress_vip_comes_and_goes(lab):
    service = lab.create(spec("s", 0, ports=[PortConfig(80)]))
    counts = [len(lab.vips(service))]
    for ports in ((), (PortConfig(80),)):
        lab.respec(service, endpoint=EndpointSpec(ports=ports))
        counts.append(len(lab.vips(service)))
    assert counts == [1, 0, 1]


def test_a_service_without_network_and_port_gets_no_endpoint(lab):
    service = lab.create(spec("plain", 1))
    assert lab.service(service) is service
    assert lab.tasks(service)[0].state is PENDING
    assert lab.tasks(service)[0].status.message == "pending task scheduling"


def test_an_endpoint_spec_taken_away_gives_everything_back(lab):
    lab.network("eg1")
    service = lab.create(spec("s", 0, networks=["eg1"], ports=[PortConfig(80, 81)]))
    lab.respec(service, endpoint=None)
    assert lab.vips(service) == ["10.0.1.3/24"]
    assert lab.service(service).endpoint.ports == ()
    assert lab.create(spec("t", 0, ports=[PortConfig(80, 81)])).id
    lab.check()


def test_host_ports_are_passed_through(lab):
    host = PortConfig(80, 8080, mode=PublishMode.HOST)
    service = lab.create(spec("s", 1, ports=[host]))
    assert lab.service(service).endpoint.ports == (host,)
    assert lab.vips(service) == []
    other = PortConfig(80, 8081, mode=PublishMode.HOST)
    lab.respec(service, endpoint=EndpointSpec(ports=(other,)))
    assert lab.service(service).endpoint.ports == (other,)


def test_a_port_that_cannot_be_given_lets_the_service_wait(lab):
    first = lab.create(spec("a", 0, ports=[PortConfig(80, 81)]))
    with lab.store.transaction() as tx:  # past the control API's check
        from meshsim.model.objects import Service

        tx.create(Service("late", spec=spec("late", 1, ports=[PortConfig(80, 81)])))
    late = lab.store.services["late"]
    assert late.endpoint is None
    assert [t.state for t in lab.tasks(late)] == [NEW]
    lab.control.remove_service(first.id)
    assert lab.store.services["late"].endpoint.ports[0].published == 81
    assert [t.state for t in lab.tasks(late)] == [PENDING]
    lab.check()


def test_ingress_removed_and_made_anew(lab):
    lab.control.remove_network("ingress-id")
    assert lab.lb("n1", "ingress-id") is None
    lab.network("my-ingress", "own", ingress=True, ipam=(IpamConfig("10.200.0.0/24"),))
    assert (lab.lb("n1", "own"), lab.lb("n2", "own")) == ("10.200.0.2", "10.200.0.3")
    service = lab.create(spec("s", 1, ports=[PortConfig(80, 81)]))
    assert lab.vips(service) == ["10.200.0.4/24"]
    lab.check()


def test_without_ingress_a_publishing_service_waits(lab):
    service = lab.create(spec("s", 0, ports=[PortConfig(80, 81)]))
    with lab.store.transaction() as tx:
        tx.delete(lab.store.networks["ingress-id"])
    lab.respec(service, endpoint=EndpointSpec())
    from meshsim.model.objects import Service

    with lab.store.transaction() as tx:
        tx.create(Service("late", spec=spec("late", 1, ports=[PortConfig(80, 82)])))
    assert lab.store.services["late"].endpoint is None
    assert "ingress network is missing" in lab.log.to_jsonl()


def test_a_node_removed_gives_its_addresses_back(lab):
    _seed_sequence(lab)
    lab.control.remove_node("n2", force=True)
    lab.add_node("n3")
    assert lab.lb("n3", "ingress-id") == "10.0.0.4"
    lab.check()


def test_node_local_networks_are_not_allocated(lab):
    with lab.store.transaction() as tx:
        tx.create(Network("bridge-id", spec=NetworkSpec("bridge", driver="bridge"), predefined=True))
    service = lab.create(spec("s", 1, networks=["bridge-id"]))
    assert lab.store.networks["bridge-id"].ipam == ()
    assert lab.vips(service) == []
    assert lab.tasks(service)[0].state is PENDING
    assert lab.tasks(service)[0].attachments == ()


def test_global_tasks_show_their_need_after_the_whole_batch(lab):
    lab.network("eg1")
    service = lab.create(spec("g", mode=GlobalMode(), networks=["eg1"]))
    assert lab.addresses(service) == ["10.0.1.3", "10.0.1.4"]
    assert (lab.lb("n1"), lab.lb("n2")) == ("10.0.1.5", "10.0.1.6")
    lab.delete_node("n1")
    lab.check()


def test_an_exhausted_node_address_is_tried_again(lab):
    lab.network("eg1", ipam=(IpamConfig("10.9.9.0/29"),))
    service = lab.create(spec("http", 4, networks=["eg1"]))
    lab.place(service, "n1", "n1", "n1", "n2")
    assert lab.lb("n1") is None
    # Every task that comes is one more try.
    assert lab.log.to_jsonl().count("failed to allocate network resources for node n1") == 3
    lab.set(lab.tasks(service)[3], SHUTDOWN, desired=SHUTDOWN)
    lab.set_node("n1", labels={"any": "change"})
    assert lab.lb("n1") == "10.9.9.6" or lab.tasks(service)[-1].attachment("eg1")
    lab.check()


def test_an_address_asked_for(lab):
    _seed_sequence(lab)
    task = lab.run_container(addresses=["10.0.1.50"])
    assert task.attachments[0].address == "10.0.1.50/24"
    taken = lab.run_container(addresses=["10.0.1.50"])
    assert taken.state is NEW
    outside = lab.run_container(addresses=["10.7.0.1"])
    assert outside.state is NEW
    lab.control.detach(task.id)
    assert lab.store.tasks[taken.id].state is PENDING
    lab.check()


def test_2_2_batches_are_rotated_when_seeded():
    firsts = set()
    for seed in range(40):
        lab = Lab(ties="seeded")
        lab.streams["ties"].seed(seed)
        lab.network("eg1")
        service = lab.create(spec("s", 4, networks=["eg1"]))
        order = sorted(lab.tasks(service), key=lambda t: int(t.attachment("eg1").ip.rpartition(".")[2]))
        slots = [t.slot for t in order]
        first = slots.index(1)
        assert slots[first:] + slots[:first] == [1, 2, 3, 4]
        firsts.add(slots[0])
    assert firsts == {1, 2, 3, 4}


def test_a_new_leader_changes_nothing_that_stands(lab):
    service = _seed_sequence(lab)
    lab.create(spec("pub", 2, ports=[PortConfig(80)]))
    before = (lab.store.services, lab.store.nodes, lab.store.networks)
    before = copy.deepcopy([dict(table) for table in before])
    for loop in lab.loops:
        loop.stop()
    lab.loops[0].start()
    lab.loops[0].start()
    after = [dict(table) for table in (lab.store.services, lab.store.nodes, lab.store.networks)]
    assert after == before
    assert lab.addresses(service) == ["10.0.1.3", "10.0.1.4"]
    lab.loops[0].check()
    lab.loops[0].stop()
    assert repr(lab.loops[0]) == "<Allocator, stopped>"
    lab.loops[0].check()


def test_a_new_leader_serves_what_waits(lab):
    for loop in lab.loops:
        loop.stop()
    lab.network("eg1")
    lab.add_node("n3")
    service = lab.create(spec("s", 2, networks=["eg1"], ports=[PortConfig(80)]))
    lab.loops[1].start()
    assert lab.service(service).endpoint is None
    lab.loops[0].start()
    assert lab.vips(service) == ["10.0.0.5/24", "10.0.1.2/24"]
    assert [t.state for t in lab.tasks(service)] == [PENDING, PENDING]
    assert lab.lb("n3", "ingress-id") == "10.0.0.4"
    assert "2 networks" in repr(lab.loops[0])


def test_fork_hands_out_the_same(lab):
    _seed_sequence(lab)
    twin = copy.deepcopy(lab)
    assert lab.run_container().attachments == twin.run_container().attachments
    lab.run_container()
    assert twin.run_container().attachments[0].ip == "10.0.1.8"
    twin.check()

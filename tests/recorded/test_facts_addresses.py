"""Which addresses the recorded swarm gave to what: one cursor per subnet, climbing through two sessions."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from tests.recorded.facts import ENGINE, IMAGE, Slots, machines, recorded, swarm

from meshsim import Cluster
from meshsim.model.states import TaskState

Order = list[list[str]]


class Story:
    """The recorded swarm; after each step, who has which address."""

    def __init__(self) -> None:
        self.rule = Slots(
            lbapp1="host02 host01 host01 host02 host03 host03",
            http="host03 host02",
            rr="host01 host02 host03",
            up="host01 host02 host03 host01",
        )
        self.cluster = swarm(placement=self.rule)
        self.host01, self.host02, self.host03 = self.cluster.hosts.values()

    def create(self, name: str, replicas: int, **flags: Any) -> set[str]:
        self.host01.services.create(IMAGE, name=name, replicas=replicas, **flags)
        return self.settled(name)

    def settled(self, name: str, network: str = "ingress") -> set[str]:
        """The addresses of the running tasks of a service, after all is quiet."""
        self.cluster.settle()
        tasks = self.host01.services.get(name).tasks()
        return {
            task.address(network)
            for task in tasks
            if task.state is TaskState.RUNNING and task.record.attachment(self.network(network))
        }

    def network(self, name: str) -> str:
        return self.host01.networks.get(name).id

    def lb(self, host: str, network: str) -> str:
        place = self.host01.nodes.get(host).record.attachment(self.network(network))
        assert place is not None
        return place.ip

    def vip(self, service: str, network: str) -> str:
        return self.host01.services.get(service).vip(network)


def numbered(order: Order, *which: int) -> set[str]:
    return {order[number][0] for number in which}


@recorded(
    subnet="address_allocation.ingress.subnet",
    vxlan="address_allocation.ingress.vxlan",
    order="address_allocation.ingress.order",
)
def test_ingress(subnet: str, vxlan: int, order: Order) -> None:
    s = Story()
    network = s.host01.networks.get("ingress").record
    assert (network.ipam[0].subnet, network.vxlan_ids) == (subnet, (vxlan,))
    assert network.ipam[0].gateway.partition("/")[0] == order[0][0]
    assert [s.lb(host, "ingress") for host in s.cluster.hosts] == [order[n][0] for n in (1, 2, 3)]
    assert s.create("lbapp1", 2, publish=["81:80"]) == numbered(order, 5, 6)
    assert s.vip("lbapp1", "ingress") == order[4][0]
    web = s.host01.services.get("lbapp1")
    web.scale(6)
    assert s.settled("lbapp1") == numbered(order, *range(5, 11))
    for replicas in (3, 0, 2):
        web.scale(replicas)
        s.cluster.settle()
    assert s.settled("lbapp1") == numbered(order, 11, 12)
    s.host01.networks.create("eg1", driver="overlay", attachable=True)
    assert s.create("up", 4, publish=["83:80"], network=["eg1"]) == numbered(order, *range(14, 18))
    assert s.vip("up", "ingress") == order[13][0]
    up = s.host01.services.get("up")
    up.update(force=True)
    assert s.settled("up") == numbered(order, *range(18, 22))
    between = _between(order[21][0], order[22][0])
    # Updates that failed and were taken back used these up.
    s.host01.services.create(IMAGE, name="burn", replicas=between - 1, publish=["99:80"])
    s.cluster.settle()
    s.rule.hosts.clear()
    s.host01.nodes.get("host01").update(availability="drain")
    assert order[22][0] in s.settled("lbapp1")
    gone = s.host03
    assert s.lb("host03", "ingress") == order[3][0]
    gone.fail()
    s.cluster.settle()
    s.host01.nodes.get("host03").remove(force=True)
    gone.recover()
    gone.run("docker swarm leave --force")
    gone.swarm.join("host01:2377", token=s.host01.swarm.join_token("worker"))
    assert s.lb("host03", "ingress") not in {address for address, _ in order[:23]}, (
        "the old one is not reused"
    )


def _between(before: str, after: str) -> int:
    return int(after.rpartition(".")[2]) - int(before.rpartition(".")[2]) - 1


@recorded(
    subnet="address_allocation.eg1.subnet",
    vxlan="address_allocation.eg1.vxlan",
    order="address_allocation.eg1.order",
)
def test_eg1(subnet: str, vxlan: int, order: Order) -> None:
    s = Story()
    s.create("lbapp1", 2, publish=["81:80"])
    s.host01.networks.create("eg1", driver="overlay", attachable=True)
    network = s.host01.networks.get("eg1").record
    assert (network.ipam[0].subnet, network.vxlan_ids) == (subnet, (vxlan,))
    assert network.ipam[0].gateway.partition("/")[0] == order[0][0]
    s.create("http", 2, network=["eg1"])
    assert s.settled("http", "eg1") == numbered(order, 2, 3)
    assert s.vip("http", "eg1") == order[1][0]
    assert [s.lb(host, "eg1") for host in ("host03", "host02")] == [order[4][0], order[5][0]]
    for number in (6, 7):  # a container, then its host; both are free again when it has ended
        first = order[number][0].split("-")[0]
        box = s.host01.containers.run("alpine", "sleep 1", network="eg1", detach=True)
        assert box.ip("eg1") == first
        assert s.lb("host01", "eg1") == "10.0.1." + order[number][0].rpartition("-")[2]
        s.cluster.run_for("2s")
        box.remove()
        s.cluster.settle()
    for number in (8, 9):
        box = s.host03.containers.run("alpine", "sleep 1d", name="cli", network="eg1", detach=True)
        assert box.ip("eg1") == order[number][0]
        box.remove(force=True)
    s.host01.services.create(
        IMAGE,
        name="hm",
        network=["eg1"],
        endpoint_mode="dnsrr",
        publish=["mode=host,published=8080,target=80"],
        constraint=["node.hostname==host01"],
    )
    (task,) = s.settled("hm", "eg1")
    assert f"{task}-{s.lb('host01', 'eg1').rpartition('.')[2]}" == order[10][0]
    s.host01.services.create(IMAGE, name="rr", replicas=3, network=["eg1"], endpoint_mode="dnsrr")
    assert s.settled("rr", "eg1") == numbered(order, 11, 12, 13)
    rr = s.host01.services.get("rr")
    rr.update(endpoint_mode="vip")
    s.cluster.settle()
    assert s.vip("rr", "eg1") == order[14][0]
    s.host01.services.create(IMAGE, name="up", replicas=4, network=["eg1"])
    assert s.settled("up", "eg1") == numbered(order, *range(16, 20))
    assert s.vip("up", "eg1") == order[15][0]
    s.host01.containers.run("alpine", "sleep 1d", network="eg1", detach=True)  # .27 went to something else
    s.host01.services.get("up").update(force=True)
    assert s.settled("up", "eg1") == numbered(order, *range(20, 24))


@recorded(order="address_allocation.subnets_in_creation_order")
def test_subnets_and_vxlan_ids_climb(order: list[list[Any]]) -> None:
    s = Story()
    for text, subnet, vxlan in order[1:]:
        name, *words = text.removeprefix("(n2 removed) ").split()
        if text.startswith("(n2 removed)"):
            assert s.host01.run("docker network rm n2").exit == 0
        if words == ["same", "subnet"]:
            words = ["--subnet", "10.5.0.0/24"]
        elif words == ["encrypted"]:
            words = ["--opt", "encrypted"]
        result = s.host01.run(f"docker network create -d overlay {' '.join(words)} {name}")
        assert (result.exit, result.stderr) == (0, ""), text
        s.cluster.settle()
        network = s.host01.networks.get(name).record
        if vxlan is None:
            assert network.ipam == (), "no error, no subnet"
        elif subnet.startswith("gateway"):
            assert network.ipam[0].gateway.partition("/")[0] == subnet.split()[1]
        elif "IPv6" not in subnet:
            assert network.ipam[0].subnet == subnet
        if vxlan is not None:
            assert network.vxlan_ids == (vxlan,), text


@recorded(
    subnet="address_allocation.wrap_29.subnet",
    order="address_allocation.wrap_29.order",
)
def test_a_small_subnet_wraps(subnet: str, order: Order) -> None:
    s = small(subnet)
    network = s.host01.networks.get("small").record
    assert network.ipam[0].gateway.partition("/")[0] == order[0][0]
    s.host01.services.create(IMAGE, name="a", network=["small"], constraint=["node.hostname==host01"])
    found = [*s.settled("a", "small")]
    assert s.vip("a", "small") == order[1][0]
    assert s.lb("host01", "small") == order[3][0]
    for _ in range(4):
        s.host01.services.get("a").update(force=True)
        found += s.settled("a", "small")
    assert found == [order[number][0] for number in (2, 4, 5, 6, 7)]


def small(subnet: str) -> Story:
    s = Story()
    s.host01.networks.create("small", driver="overlay", subnet=subnet)
    return s


@recorded(
    state="address_allocation.wrap_29.exhausted.extra_task_state",
    error="address_allocation.wrap_29.exhausted.error",
    log="address_allocation.wrap_29.exhausted.manager_log",
    endpoint="address_allocation.wrap_29.exhausted.second_service_endpoint",
    after="address_allocation.wrap_29.exhausted.after_free_vip",
    subnet="address_allocation.wrap_29.subnet",
)
def test_a_small_subnet_is_full(state, error, log, endpoint, after, subnet) -> None:
    s = small(subnet)
    flags = {"network": ["small"], "constraint": ["node.hostname==host01"]}
    a = s.host01.services.create(IMAGE, name="a", replicas=3, **flags)
    s.cluster.settle()
    a.scale(4)
    s.cluster.settle()
    extra = max(a.tasks(), key=lambda task: task.slot)
    assert (extra.state.label, extra.record.status.err) == (state, error)
    assert log == "could not find an available IP"
    b = s.host01.services.create(IMAGE, name="b", **flags)
    s.cluster.settle()
    shown = s.host01.run("docker service inspect b --format '{{json .Endpoint}}'").stdout.strip()
    assert shown == endpoint
    assert b.tasks()[0].state.label == state
    a.scale(1)
    s.cluster.settle()
    assert b.replicas == "1/1", "it gets its address and its place by itself"
    assert b.vip("small").rpartition(".")[0] == after.rpartition(".")[0]


@recorded(order="address_allocation.pool_10.20.0.0/16_mask_26")
def test_pools_of_ones_own(order: list[list[str]]) -> None:
    cluster = machines(1)
    host = cluster.host("host01")
    host.swarm.init(default_addr_pool=["10.20.0.0/16"], default_addr_pool_mask_length=26)
    for name, subnet, gateway in order:
        if name != "ingress":
            host.networks.create(name, driver="overlay")
        network = host.networks.get(name).record
        assert (network.ipam[0].subnet, network.ipam[0].gateway.partition("/")[0]) == (subnet, gateway)


# -- inside one batch (25, 27, 28)


@cache
def batch(count: int, seed: int, before: int = 0) -> tuple[int, ...]:
    """Slots in the order of their addresses, for so many tasks created at once."""
    cluster = Cluster(seed, engine=ENGINE, ties="seeded")
    host = cluster.add_host("host01")
    host.swarm.init()
    host.networks.create("n", driver="overlay")
    flags = {"network": ["n"], "constraint": ["node.labels.none==1"]}
    service = host.services.create(IMAGE, name="s", replicas=before or count, **flags)
    cluster.settle()
    if before:
        service.scale(count)
        cluster.settle()
    tasks = [task for task in service.tasks() if task.slot > before]
    tasks.sort(key=lambda task: int(task.address("n").rpartition(".")[2]))
    return tuple(task.slot for task in tasks)


def rotations(slots: range) -> set[tuple[int, ...]]:
    row = tuple(slots)
    return {row[start:] + row[:start] for start in range(len(row))}


SEEDS = range(24)


@recorded(model="round2.batch_rotation.model", all_of="round2.batch_rotation.all_rotations")
def test_up_to_eight_tasks_are_a_rotation(model: str, all_of: list[int]) -> None:
    assert model == "rotation of slot order for n<=8"
    assert all_of[0] == all_of[1]
    for count in (2, 3, 4, 5, 6, 8):
        assert {batch(count, seed) for seed in SEEDS} <= rotations(range(1, count + 1))


@recorded(firsts="round2.batch_rotation.first_slot")
def test_every_recorded_start_is_one_we_draw(firsts: dict[str, list[int]]) -> None:
    for key, seen in firsts.items():
        if key.startswith("scale"):
            continue
        count = int(key)
        ours = {batch(count, seed)[0] for seed in SEEDS}
        assert ours <= set(range(1, count + 1))
        assert len(ours) > 1 or count == 2
        assert set(seen) <= set(range(1, count + 1))
    ones = sum(batch(4, seed)[0] == 1 for seed in SEEDS)
    assert ones > len(SEEDS) / 3, "an empty place means: from slot 1 (recorded: 11 of 23)"


@recorded(
    eight="round2.batch_rotation.first_slot.scale 2->8",
    twelve="round2.batch_rotation.first_slot.scale 8->12",
)
def test_scaling_up_rotates_the_new_slots(eight: list[int], twelve: list[int]) -> None:
    assert {batch(8, seed, 2) for seed in SEEDS} <= rotations(range(3, 9))
    assert eight[0] in {batch(8, seed, 2)[0] for seed in SEEDS}
    assert {batch(12, seed, 8) for seed in SEEDS} <= rotations(range(9, 13))
    assert twelve[0] in {batch(12, seed, 8)[0] for seed in SEEDS}


def falls(order: tuple[int, ...] | list[int]) -> int:
    """How often the slot number falls, the end counted with the start."""
    return sum(a > b for a, b in zip(order, (*order[1:], order[0]), strict=True))


@recorded(orders="round2.batch_rotation.more_than_8")
def test_more_than_eight_fall_into_ascending_groups(orders: dict[str, list[int]]) -> None:
    for key, order in orders.items():
        count = int(key)
        ours = [batch(count, seed) for seed in SEEDS]
        assert all(sorted(mine) == sorted(order) for mine in ours)
        assert len(set(ours)) > 1
        groups = 2 if count <= 14 else 4
        assert falls(order) <= groups + 1
        assert all(falls(mine) <= groups + 1 for mine in ours), count


@pytest.mark.parametrize("ties", ["joined"])
def test_by_default_the_order_is_fixed(ties: str) -> None:
    cluster = Cluster(3, engine=ENGINE, ties=ties)
    host = cluster.add_host("host01")
    host.swarm.init()
    host.networks.create("n", driver="overlay")
    service = host.services.create(IMAGE, name="s", replicas=8, network=["n"])
    cluster.settle()
    found = [task.address("n") for task in sorted(service.tasks(), key=lambda task: task.slot)]
    assert found == [f"10.0.1.{number}" for number in range(3, 11)]
    assert re.fullmatch(r"10\.0\.1\.\d+", found[0])

"""Reactions to row events: the table of data-plane 6.5, in both generations of the engine."""

from copy import deepcopy

import pytest

from meshsim.dataplane import Binding, Lab
from meshsim.ipvs import Table
from meshsim.profile import Profile

OLD, NEW = Profile("28"), Profile("next")
BOTH = pytest.mark.parametrize("profile", [OLD, NEW], ids=["28", "next"])


class Watched:
    """host02's sandbox of eg1, told rows of host01 one by one."""

    def __init__(self, profile):
        self.lab = Lab(2, profile=profile)
        self.lab.add_network("eg1")
        self.lab.join("eg1", "host01")
        self.lab.join("eg1", "host02")

    def tell(self, *bindings):
        for binding in bindings:
            if isinstance(binding, Binding):
                self.lab.journal.send(binding)
            else:
                self.lab.journal.withdraw(self.network_id, binding)
            self.lab.run(1)
            self.now()
        return self

    def tell_at_once(self, *bindings):
        for binding in bindings:
            self.lab.journal.send(binding)
        self.lab.run(1)
        return self

    @property
    def network_id(self):
        return self.lab.networks["eg1"].id

    def now(self):
        sandbox = self.lab.sandbox("eg1", "host02")
        sandbox.check()
        return sandbox

    def weights(self):
        return {
            destination.address: destination.weight
            for service in self.now().table.services
            for destination in service.destinations
        }

    def find(self, name):
        return self.now().zone.find(name)

    def row(self, endpoint="t1", address="10.0.1.50", **changes):
        fields = {"name": f"http.1.{endpoint}", "service_id": "s", "service_name": "http", **changes}
        return Binding(
            endpoint, self.network_id, "host01", address, vip=fields.pop("vip", "10.0.1.2"), **fields
        )

    def container(self, **changes):
        return Binding("c1", self.network_id, "host01", "10.0.1.60", name="cli", **changes)


@BOTH
def test_none_to_enabled_adds(profile):
    net = Watched(profile)
    net.tell(net.row())
    assert (net.weights(), net.find("http")) == ({"10.0.1.50": 1}, ("10.0.1.2",))


@pytest.mark.parametrize(("profile", "weights"), [(NEW, {}), (OLD, {"10.0.1.50": 1})], ids=["next", "28"])
def test_none_to_disabled_adds_nothing_but_before_29_it_did(profile, weights):
    net = Watched(profile)
    net.tell(net.row().as_disabled())
    assert net.weights() == weights
    assert "10.0.1.50" in net.now().known, "the peer row tells where it is, all the same"


@BOTH
def test_enabled_to_disabled_weight_0_and_own_names_gone(profile):
    net = Watched(profile)
    net.tell(net.row(), net.row().as_disabled())
    assert net.weights() == {"10.0.1.50": 0}
    assert (net.find("http"), net.find("tasks.http"), net.find("http.1.t1")) == (("10.0.1.2",), None, None)


def test_disabled_to_enabled_keeps_weight_0():
    net = Watched(NEW)
    net.tell(net.row(), net.row().as_disabled(), net.row())
    assert (net.weights(), net.find("tasks.http")) == ({"10.0.1.50": 0}, ("10.0.1.50",))


def test_disabled_to_enabled_was_ignored_before_29():
    net = Watched(OLD)
    net.tell(net.row(), net.row().as_disabled(), net.row())
    assert (net.weights(), net.find("tasks.http")) == ({"10.0.1.50": 0}, None)


@BOTH
@pytest.mark.parametrize("disabled", [False, True])
def test_any_to_none_removes_fully(profile, disabled):
    net = Watched(profile)
    net.tell(net.row())
    if disabled:
        net.tell(net.row().as_disabled())
    net.tell("t1")
    assert (net.weights(), net.find("http"), net.now().known) == ({}, None, {})


def test_another_row_replaces_the_old_one():
    net = Watched(NEW)
    net.tell(net.row(), net.row(address="10.0.1.51"))
    assert (net.weights(), net.find("tasks.http")) == ({"10.0.1.51": 1}, ("10.0.1.51",))
    net.tell(net.row(address="10.0.1.52").as_disabled())
    assert net.weights() == {}


def test_another_row_was_ignored_before_29():
    net = Watched(OLD)
    net.tell(net.row(), net.row(address="10.0.1.51"))
    assert net.weights() == {"10.0.1.50": 1}
    net.tell("t1")
    assert (net.weights(), net.find("http")) == ({}, None)


@BOTH
def test_a_plain_container_comes_and_goes(profile):
    net = Watched(profile)
    net.tell(net.container())
    assert net.find("cli") == ("10.0.1.60",)
    net.tell("c1")
    assert net.find("cli") is None


def test_a_disabled_container_has_no_names():
    net = Watched(NEW)
    net.tell(net.container(), net.container().as_disabled())
    assert net.find("cli") is None
    net.tell("c1")
    assert net.now().known == {}


def test_a_disabled_row_of_a_service_never_seen_changes_nothing():
    net = Watched(NEW)
    net.tell(net.row().as_disabled(), "t1")
    assert net.weights() == {}


def test_an_address_that_passes_on_while_the_old_endpoint_is_draining():
    """The newcomer holds the address, so the old one's end takes nothing away; the weight stays 0."""
    net = Watched(NEW)
    net.tell(net.row("t1"), net.row("t1").as_disabled(), net.row("t2"), "t1")
    assert net.weights() == {"10.0.1.50": 0}
    assert net.find("tasks.http") == ("10.0.1.50",)
    assert net.now().known["10.0.1.50"].endpoint_id == "t2"
    net.tell("t2")
    assert net.weights() == {}


def test_two_holders_of_one_address():
    net = Watched(NEW)
    net.tell(net.row("t1"), net.row("t2"), net.row("t1").as_disabled())
    assert net.weights() == {"10.0.1.50": 1}


def test_3_8_22_aliases():
    for profile, after in ((NEW, None), (OLD, ("10.0.1.2",))):
        net = Watched(profile)
        net.tell(net.row("t1", service_aliases=("old",)))
        net.tell(net.row("t2", "10.0.1.51", service_aliases=("new",)))
        both = (net.find("old"), net.find("new"))
        assert both == ((("10.0.1.2",),) * 2 if profile is NEW else (("10.0.1.2",), None))
        net.tell("t1")
        assert net.find("old") == after


def test_marks_do_not_depend_on_who_looks_first():
    def marks(first, second):
        lab = Lab(1)
        lab.add_network("eg1")
        lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
        lab.start("http.1", "host01", "eg1", service="http")
        lab.sandbox(first, "host01")
        lab.sandbox(second, "host01")
        return [next(iter(lab.sandbox(n, "host01").services.values())).mark for n in ("ingress", "eg1")]

    assert marks("eg1", "ingress") == marks("ingress", "eg1") == [256, 257]


def test_truth_2_ingress_and_overlays_share_the_counter_and_networks_have_their_own_balancer():
    lab = Lab(1)
    lab.add_network("eg1")
    lab.start("both.1", "host01", "eg1", service="both", publish=[("tcp", 81, 80)])
    ingress, eg1 = lab.sandbox("ingress", "host01"), lab.sandbox("eg1", "host01")
    assert (ingress.service_on("tcp", 81).mark, eg1.service_at(lab.vip("both", "eg1")).mark) == (257, 256)
    assert eg1.ports == {}
    assert (ingress.namespace, eg1.namespace) == ("ingress_sbox", "lb_eg1-00000")


def test_a_balancer_of_ones_own_gets_destinations_and_their_counters():
    class LeastBytes:
        def pick(self, destinations, flow, now_ns):
            return min(destinations, key=lambda destination: destination.bytes_out)

    lab = Lab(1, balancer=LeastBytes)
    for slot in (1, 2):
        lab.start(f"web.{slot}", "host01", service="web", publish=[("tcp", 81, 80)])
    plane = lab.planes["host01"]
    found = []
    for size in (100, 10, 10, 200):
        visit = plane.visit("192.168.65.11", 81)
        visit.delivered.account(0, size)
        found.append(visit.arrival.endpoint_id)
    assert found == ["web.2", "web.1", "web.1", "web.1"]
    hop = next(hop for hop in plane.visit("192.168.65.11", 81, trace=True).trace.hops if hop.pick)
    assert "new connection: LeastBytes" in str(hop.pick)


def test_a_copy_goes_its_own_way():
    lab = Lab(2)
    lab.start("web.1", "host02", service="web", publish=[("tcp", 81, 80)])
    twin = deepcopy(lab)
    lab.run(1)
    twin.run(1)
    assert (
        lab.reached("host01", "192.168.65.11:81") == twin.reached("host01", "192.168.65.11:81") == ["web.1"]
    )
    twin.stop("web.1")
    twin.run(1)
    assert lab.reached("host01", "192.168.65.11:81") == ["web.1"]
    assert twin.reached("host01", "192.168.65.11:81") == ["refused"]
    lab.check()
    twin.check()
    assert isinstance(twin.sandbox("ingress", "host01").table, Table)


def test_reprs():
    lab = Lab(1)
    lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    sandbox = lab.sandbox("ingress", "host01")
    assert repr(sandbox) == "<Sandbox ingress_sbox of host01: 1 services, 1 endpoints>"
    assert repr(sandbox.view) == "<View of ingress-00000000000000000 on host01: 1 rows, 0 to come>"
    assert repr(sandbox.covers) == "Subnet('10.0.0.0/24')"
    plane = lab.planes["host01"]
    assert repr(plane) == "<DataPlane host01 192.168.65.11: 1 networks, 1 namespaces>"
    assert repr(plane.namespaces["web.1"]) == "<Namespace web.1 on host01: ingress 10.0.0.4>"
    assert repr(lab.add_outsider()) == "<Outsider laptop 192.168.65.200>"


def test_a_disabled_row_of_a_service_whose_row_was_ignored():
    net = Watched(OLD)
    net.tell(net.row(), net.row(service_id="z"), net.row(service_id="z").as_disabled())
    assert net.weights() == {"10.0.1.50": 1}


def test_a_service_without_address_has_names_only():
    net = Watched(NEW)
    net.tell(net.row(vip=""))
    assert (net.weights(), net.find("http")) == ({}, ("10.0.1.50",))
    net.tell(net.row(vip="").as_disabled())
    assert net.find("http") is None
    net.tell("t1")
    assert net.now().services == {}

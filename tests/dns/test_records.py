"""A zone's records: specification 3.2, 3.6, 6.1 and the rows of 3.8 about them."""

import copy

import pytest

from meshsim.dns import EndpointNames, Zone
from meshsim.errors import BadValue


def task(slot, *, vip="10.0.1.2", aliases=(), service="http", service_id="s1", address=None, container=None):
    return EndpointNames(
        endpoint_id=f"e{slot}-{service_id}",
        name=container or f"{service}.{slot}.taskid{slot}",
        address=address or f"10.0.1.{slot + 2}",
        service_id=service_id,
        service_name=service,
        vip=vip,
        service_aliases=aliases,
        task_aliases=(f"00000000000{slot}",),
    )


@pytest.fixture
def eg1():
    zone = Zone("eg1")
    for slot in (1, 2):
        zone.publish(task(slot))
    return zone


def test_a_published_task_in_vip_mode(eg1):
    assert dict(eg1) == {
        "000000000001": ("10.0.1.3",),
        "000000000002": ("10.0.1.4",),
        "http": ("10.0.1.2",),
        "http.1.taskid1": ("10.0.1.3",),
        "http.2.taskid2": ("10.0.1.4",),
        "tasks.http": ("10.0.1.3", "10.0.1.4"),
    }
    assert eg1.reverse("10.0.1.4") == "http.2.taskid2"
    assert eg1.reverse("10.0.1.2") is None  # 3.8-10: the VIP has no reverse


def test_3_8_13_dnsrr_gives_the_task_addresses_for_both_names():
    zone = Zone("eg1")
    for slot in (1, 2, 3):
        zone.publish(task(slot, vip="", aliases=("d2",)))
    for name in ("http", "tasks.http", "d2", "tasks.d2"):
        assert zone.find(name) == ("10.0.1.3", "10.0.1.4", "10.0.1.5")
    zone.disable(task(2, vip="", aliases=("d2",)))  # 6.6-4: gone from the name at once
    for name in ("http", "tasks.http", "d2", "tasks.d2"):
        assert zone.find(name) == ("10.0.1.3", "10.0.1.5")
    zone.check()


def test_6_1_disable_then_withdraw(eg1):
    first, second = task(1), task(2)
    eg1.disable(first)  # 6.6-3
    assert eg1.find("tasks.http") == ("10.0.1.4",)
    assert eg1.find("http") == ("10.0.1.2",)
    assert eg1.find("http.1.taskid1") is None
    assert eg1.find("000000000001") is None
    assert eg1.reverse("10.0.1.3") is None
    eg1.disable(second)  # 6.6-5: the name stays while the last one drains
    assert eg1.find("tasks.http") is None
    assert eg1.find("http") == ("10.0.1.2",)
    eg1.withdraw(first)
    assert eg1.find("http") == ("10.0.1.2",)
    eg1.withdraw(second)  # 3.8-15
    assert len(eg1) == 0
    eg1.check()


def test_withdrawing_without_disabling_and_twice(eg1):
    eg1.withdraw(task(1))
    before = dict(eg1)
    eg1.withdraw(task(1))
    eg1.disable(task(1))
    eg1.withdraw(task(9, service_id="unknown"))
    assert dict(eg1) == before
    assert set(before) == {"http", "tasks.http", "http.2.taskid2", "000000000002"}


def test_publishing_twice_changes_nothing_and_enabling_again_works(eg1):
    before = dict(eg1)
    eg1.publish(task(1))
    assert dict(eg1) == before
    eg1.disable(task(1))
    eg1.publish(task(1))
    assert set(eg1.find("tasks.http")) == {"10.0.1.3", "10.0.1.4"}
    eg1.check()


def test_3_8_17_and_18_two_owners_of_one_address():
    """TestServiceVIPReuse."""
    zone = Zone("eg1")
    for owner in ("svc1", "svc2"):
        zone.add("app", "192.168.0.1", owner)
        zone.add("app", "192.168.0.1", owner)
    assert zone.find("app") == ("192.168.0.1",)
    zone.remove("app", "192.168.0.1", "svc1")
    assert zone.find("app") == ("192.168.0.1",)
    zone.remove("app", "192.168.0.1", "svc1")
    zone.remove("app", "192.168.0.1", "svc3")
    zone.remove("app", "192.168.0.2", "svc2")
    assert zone.find("app") == ("192.168.0.1",)
    zone.remove("app", "192.168.0.1", "svc2")
    assert zone.find("app") is None
    zone.remove("app", "192.168.0.1", "svc2")


def test_two_services_with_one_name_answer_together():
    zone = Zone("eg1")
    zone.publish(task(1, aliases=("db",)))
    zone.publish(task(2, service="other", service_id="s2", vip="10.0.1.9", aliases=("db",)))
    assert zone.find("db") == ("10.0.1.2", "10.0.1.9")


def test_3_8_22_aliases_in_a_rolling_update():
    """TestServiceAliasRefCounting."""
    old, new = task(1, aliases=("old",)), task(2, aliases=("new",))
    zone = Zone("eg1", alias_rule="counted")
    zone.publish(old)
    zone.publish(new)
    assert (zone.find("old"), zone.find("new")) == (("10.0.1.2",), ("10.0.1.2",))
    assert (zone.find("tasks.old"), zone.find("tasks.new")) == (("10.0.1.3",), ("10.0.1.4",))
    zone.disable(old)
    assert zone.find("old") == ("10.0.1.2",)
    zone.withdraw(old)
    assert (zone.find("old"), zone.find("new")) == (None, ("10.0.1.2",))
    zone.withdraw(new)
    assert len(zone) == 0
    zone.check()


def test_3_8_22_before_29_5_only_the_first_tasks_aliases_count():
    old, new = task(1, aliases=("old",)), task(2, aliases=("new",))
    zone = Zone("eg1", alias_rule="first-task")
    zone.publish(old)
    zone.publish(new)
    zone.withdraw(old)
    assert (zone.find("old"), zone.find("new")) == (("10.0.1.2",), None)
    assert zone.find("tasks.new") == ("10.0.1.4",)
    zone.withdraw(new)  # takes the aliases of the one that leaves: "old" was never its own
    assert dict(zone) == {"old": ("10.0.1.2",)}
    zone.check()


def test_an_endpoint_that_changes_its_aliases():
    zone = Zone("eg1")
    zone.publish(task(1, aliases=("a", "b", "b")))
    zone.publish(task(2, aliases=("b",)))
    zone.publish(task(1, aliases=("b", "c")))
    assert [zone.find(name) for name in "abc"] == [None, ("10.0.1.2",), ("10.0.1.2",)]
    zone.withdraw(task(1, aliases=("b", "c")))
    assert [zone.find(name) for name in "abc"] == [None, ("10.0.1.2",), None]
    zone.check()


def test_an_address_that_passes_to_a_newcomer_keeps_its_records():
    zone = Zone("eg1")
    leaver = task(1)
    newcomer = task(2, address="10.0.1.3")
    zone.publish(leaver)
    zone.publish(newcomer)
    zone.disable(leaver)
    assert zone.find("tasks.http") == ("10.0.1.3",)
    assert zone.find("http.2.taskid2") == ("10.0.1.3",)
    assert zone.reverse("10.0.1.3") == "http.2.taskid2"
    zone.withdraw(leaver)
    assert zone.find("tasks.http") == ("10.0.1.3",)
    assert zone.find("http") == ("10.0.1.2",)
    zone.withdraw(newcomer)
    assert len(zone) == 0
    zone.check()


def test_a_plain_container():
    cli = EndpointNames("e9", "cli", "10.0.1.12", task_aliases=("836820ef7c23", "box"))
    zone = Zone("eg1")
    zone.publish(cli)
    assert [zone.find(name) for name in ("cli", "836820ef7c23", "box")] == [("10.0.1.12",)] * 3
    assert zone.reverse("10.0.1.12") == "cli"
    zone.disable(cli)
    zone.withdraw(cli)
    assert len(zone) == 0


def test_3_2_nothing_is_recorded_on_ingress():
    ingress = Zone("ingress", kind="ingress")
    ingress.publish(task(1))
    ingress.add("http", "10.0.0.4", "s1", ptr=True)
    assert len(ingress) == 0
    assert ingress.reverse("10.0.0.4") is None
    ingress.withdraw(task(1))
    ingress.check()


def test_3_8_23_an_alias_belongs_to_one_network():
    net1, net2 = Zone("net1"), Zone("net2")
    net1.publish(task(1, aliases=("db",)))
    net2.publish(task(1))
    assert (net1.find("db"), net2.find("db")) == (("10.0.1.2",), None)


def test_names_are_kept_in_lower_case_and_reverse_names_as_written():
    zone = Zone("eg1")
    zone.add("HtTp", "10.0.1.9", "s", ptr=True)
    assert zone.find("http") == ("10.0.1.9",)
    assert zone.reverse("10.0.1.9") == "HtTp"
    zone.remove("HTTP", "10.0.1.9", "s", ptr=True)
    assert (zone.find("http"), zone.reverse("10.0.1.9")) == (None, "HtTp")


def test_both_families():
    zone = Zone("eg1")
    zone.add("a", "fd00::1", "s")
    zone.add("b", "10.0.1.9", "s")
    assert (zone.find("a"), zone.find("a", ipv6=True)) == ((), ("fd00::1",))
    assert (zone.find("b"), zone.find("b", ipv6=True)) == (("10.0.1.9",), ())
    assert zone.find("c", ipv6=True) is None
    zone.add("a", "10.0.1.9", "s")
    assert zone.find("a") == ("10.0.1.9",)


def test_clear_and_copy(eg1):
    eg1.find("http")
    twin = copy.deepcopy(eg1)
    eg1.clear()
    assert len(eg1) == 0
    assert twin.find("tasks.http") == ("10.0.1.3", "10.0.1.4")
    twin.withdraw(task(1))
    twin.check()
    eg1.check()
    first_task = copy.deepcopy(Zone("x", kind="local", internal=True, alias_rule="first-task"))
    assert not first_task._aliases_counted
    assert (first_task.kind, first_task.internal, first_task.gateways) == ("local", True, 0)


def test_facts_and_repr(eg1):
    assert repr(eg1) == "Zone(eg1, overlay: 6 names, 1 services)"
    assert bool(Zone("x"))
    assert (Zone("x").gateways, Zone("x", kind="local").gateways, Zone("x", gateways=2).gateways) == (0, 1, 2)


def test_check_notices_damage(eg1):
    eg1.find("http")
    eg1._names["http"] = {("10.0.1.99", "s1"): None}
    with pytest.raises(AssertionError, match="stale answer for http"):
        eg1.check()


def test_what_is_no_kind_or_rule():
    with pytest.raises(BadValue, match="no such kind of network: 'bridge'; known: overlay, ingress, local"):
        Zone("x", kind="bridge")
    with pytest.raises(BadValue, match="no such rule for aliases: ''"):
        Zone("x", alias_rule="")

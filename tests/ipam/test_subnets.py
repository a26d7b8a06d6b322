"""The subnets of an address space: specification 1.3, 1.8, 2.4, and the recorded swarm."""

import copy

import pytest

from meshsim.errors import (
    AddressInUse,
    AddressOutOfRange,
    BadValue,
    InvalidParameter,
    NoSubnetLeft,
    PoolOverlap,
)
from meshsim.ipam import LOCAL_POOLS, VXLAN_FIRST, VXLAN_LAST, Ipam, Serial

ORDERS = pytest.mark.parametrize("order", ["first-fit", "cursor"])


def subnets(ipam, count):
    return [ipam.any().subnet for _ in range(count)]


@ORDERS
def test_1_8_1_and_2_the_first_networks(order):
    ipam = Ipam(order=order)
    ingress = ipam.any()
    assert (ingress.subnet, ingress.take_gateway()) == ("10.0.0.0/24", "10.0.0.1")
    assert subnets(ipam, 2) == ["10.0.1.0/24", "10.0.2.0/24"]


@pytest.mark.parametrize(("order", "again"), [("first-fit", "10.0.2.0/24"), ("cursor", "10.0.3.0/24")])
def test_1_8_3_and_4_a_removed_network(order, again):
    ipam, ids = Ipam(order=order), Serial(VXLAN_FIRST, VXLAN_LAST)
    pools = [ipam.any() for _ in range(3)]
    numbers = [ids.any() for _ in range(3)]
    ipam.release(pools[2])
    ids.release(numbers[2])
    assert (ipam.any().subnet, ids.any()) == (again, 4099)


@ORDERS
def test_1_8_5_automatic_skips_a_given_subnet(order):
    ipam = Ipam(order=order)
    subnets(ipam, 3)
    ipam.specific("10.0.3.0/24")
    assert subnets(ipam, 2) == ["10.0.4.0/24", "10.0.5.0/24"]


@ORDERS
@pytest.mark.parametrize("subnet", ["10.0.1.0/24", "10.0.0.0/16", "10.0.1.128/25", "10.0.1.7/32"])
def test_1_8_6_a_given_subnet_that_overlaps(order, subnet):
    ipam = Ipam(order=order)
    subnets(ipam, 2)
    with pytest.raises(PoolOverlap) as error:
        ipam.specific(subnet)
    assert str(error.value) == "invalid pool request: Pool overlaps with other one on this address space"
    assert len(ipam) == 2


@ORDERS
def test_1_8_7_another_default_pool(order):
    ipam = Ipam([("20.20.0.0/16", 24)], order=order)
    assert subnets(ipam, 2) == ["20.20.0.0/24", "20.20.1.0/24"]


def test_15_the_recorded_pool():
    ipam = Ipam([("10.20.0.0/16", 26)], order="cursor")
    pools = [ipam.any() for _ in range(3)]
    assert [pool.subnet for pool in pools] == ["10.20.0.0/26", "10.20.0.64/26", "10.20.0.128/26"]
    assert [pool.take_gateway() for pool in pools[1:]] == ["10.20.0.65", "10.20.0.129"]


def test_1_8_13_two_subnets_of_one_network_have_a_gateway_each():
    ipam = Ipam()
    pools = [ipam.specific(subnet) for subnet in ("192.168.1.0/24", "192.168.2.0/24")]
    assert [pool.take_gateway() for pool in pools] == ["192.168.1.1", "192.168.2.1"]


def test_1_8_15_a_32_is_accepted():
    assert Ipam().specific("1.1.1.1/32").subnet == "1.1.1.1/32"


def test_11_the_recorded_networks():
    """Ground truth 11: subnets in order of creation on a 26.1 swarm."""
    ipam = Ipam(order="cursor")
    n2 = [ipam.any() for _ in range(4)][2]
    ipam.specific("10.5.0.0/24")
    for taken in ("10.5.0.0/24", "10.5.0.0/16"):
        with pytest.raises(PoolOverlap):
            ipam.specific(taken)
    ipam.specific("10.0.4.0/24")
    assert subnets(ipam, 2) == ["10.0.5.0/24", "10.0.6.0/24"]
    ipam.specific("172.17.0.0/16")
    assert ipam.specific("10.77.0.0/24").take_gateway("10.77.0.9") == "10.77.0.9"
    assert ipam.specific("10.78.0.0/24", ip_range="10.78.0.128/25").take_gateway() == "10.78.0.128"
    assert subnets(ipam, 2) == ["10.0.7.0/24", "10.0.8.0/24"]
    ipam.specific("10.79.0.0/30")
    ipam.specific("fd00:1::/64")
    ipam.release(n2)
    assert ipam.any().subnet == "10.0.9.0/24"
    ipam.check()


def test_the_cursor_wraps_to_what_was_freed():
    ipam = Ipam([("10.0.0.0/22", 24)], order="cursor")
    pools = [ipam.any() for _ in range(4)]
    ipam.release(pools[1])
    ipam.release(pools[3])
    assert subnets(ipam, 2) == ["10.0.1.0/24", "10.0.3.0/24"]


def test_a_search_that_wrapped_starts_over_at_the_first_subnet():
    """Upstream adds the steps of the search to the start and falls back to 0 beyond the end."""
    ipam = Ipam([("10.0.0.0/22", 24)], order="cursor")
    first, *_ = [ipam.any() for _ in range(3)]
    last = ipam.any()
    ipam.release(last)
    ipam.release(first)
    assert ipam.any().subnet == "10.0.0.0/24"  # cursor at 0 after the last one was given
    ipam.release(next(iter(ipam)))
    ipam._cursor = 3
    ipam.specific("10.0.3.0/24")
    found = ipam.any()
    assert found.subnet == "10.0.1.0/24"
    assert ipam._cursor == 0


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ("first-fit", "all predefined address pools have been fully subnetted"),
        (
            "cursor",
            (
                "could not find an available, non-overlapping IPv4 address pool among the defaults to"
                " assign to the network"
            ),
        ),
    ],
)
def test_2_4_no_subnet_left(order, sentence):
    ipam = Ipam([("10.0.0.0/30", 31)], order=order)
    assert subnets(ipam, 2) == ["10.0.0.0/31", "10.0.0.2/31"]
    with pytest.raises(NoSubnetLeft) as error:
        ipam.any()
    assert str(error.value) == sentence
    assert len(ipam) == 2


def test_first_fit_looks_for_a_gap_that_fits():
    ipam = Ipam()
    for given in ("10.0.0.0/25", "10.0.1.64/26", "10.0.3.0/24"):
        ipam.specific(given)
    assert subnets(ipam, 2) == ["10.0.2.0/24", "10.0.4.0/24"]
    single = Ipam()
    single.specific("10.0.0.0/32")
    assert single.any().subnet == "10.0.1.0/24"


def test_first_fit_with_a_length_of_its_own():
    ipam = Ipam()
    ipam.specific("10.0.0.0/24")
    assert ipam.any(prefix_length=16).subnet == "10.1.0.0/16"
    assert ipam.any(prefix_length=28).subnet == "10.0.1.0/28"
    with pytest.raises(InvalidParameter, match=r"^invalid address pool$"):
        ipam.any(prefix_length=7)
    with pytest.raises(BadValue, match="only subnets of its pools' size"):
        Ipam(order="cursor").any(prefix_length=16)


def test_several_pools_first_fit_sorts_them_and_drops_nested_ones():
    ipam = Ipam([("10.2.0.0/23", 24), ("10.1.0.0/23", 24), ("10.1.1.0/24", 24)])
    assert subnets(ipam, 4) == ["10.1.0.0/24", "10.1.1.0/24", "10.2.0.0/24", "10.2.1.0/24"]
    with pytest.raises(NoSubnetLeft):
        ipam.any()


def test_several_pools_cursor_takes_them_as_given():
    ipam = Ipam([("10.2.0.0/23", 24), ("10.1.0.0/23", 25)], order="cursor")
    assert subnets(ipam, 4) == ["10.2.0.0/24", "10.2.1.0/24", "10.1.0.0/25", "10.1.0.128/25"]


@ORDERS
def test_1_1_the_local_pools_of_a_host(order):
    """docker0 first; a host on 172.17.0.6 skips it; then docker_gwbridge, whose first client is .2."""
    local = Ipam(LOCAL_POOLS, order=order, serial=False)
    assert local.any(exclude=["172.17.0.6/16"]).subnet == "172.18.0.0/16"
    assert subnets(local, 1) == ["172.17.0.0/16" if order == "first-fit" else "172.19.0.0/16"]
    plain = Ipam(LOCAL_POOLS, order=order, serial=False)
    names = subnets(plain, 17)
    assert names[:2] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert names[14:] == ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]
    gwbridge = next(pool for pool in plain if pool.subnet == "172.18.0.0/16")
    assert (gwbridge.take_gateway(), gwbridge.any()) == ("172.18.0.1", "172.18.0.2")


def test_the_hole_of_a_given_subnet_with_a_range():
    """moby issue 46756: with a range nothing is checked, and equal subnets share their addresses."""
    ipam = Ipam()
    one = ipam.specific("10.9.0.0/16", ip_range="10.9.1.0/24")
    two = ipam.specific("10.9.0.0/16", ip_range="10.9.2.0/24")
    inside = ipam.specific("10.9.2.0/24", ip_range="10.9.2.0/25")
    assert one.numbers is two.numbers
    assert inside.numbers is not one.numbers
    one.specific("10.9.2.0")
    assert two.any() == "10.9.2.1"
    for subnet, ip_range in (("10.9.0.0/16", None), ("10.9.0.0/16", "10.9.1.0/24")):
        with pytest.raises(PoolOverlap):
            ipam.specific(subnet, ip_range=ip_range)
    ipam.check()
    for pool in (one, inside):
        ipam.release(pool)
        ipam.check()
    with pytest.raises(PoolOverlap):
        ipam.specific("10.9.0.0/16")
    ipam.release(two)
    assert ipam.specific("10.9.0.0/16").subnet == "10.9.0.0/16"


def test_ipv6_does_not_overlap_ipv4():
    ipam = Ipam()
    ipam.specific("::/96")
    assert ipam.specific("0.0.0.0/1").subnet == "0.0.0.0/1"


def test_release_refuses_what_it_does_not_hold():
    ipam = Ipam()
    pool = ipam.any()
    ipam.release(pool)
    with pytest.raises(InvalidParameter, match="does not contain specified address pool"):
        ipam.release(pool)
    twin = Ipam().any()
    ipam.any()
    with pytest.raises(InvalidParameter):
        ipam.release(twin)


def test_2_6_4_a_new_leader_gives_the_lowest_holes():
    old = Ipam()
    ingress, eg1 = old.any(), old.any()
    addresses = [eg1.take_gateway()] + [eg1.any() for _ in range(8)]  # .1 to .9
    kept = [address for address in addresses if address not in ("10.0.1.3", "10.0.1.7")]
    new = Ipam()
    pools = new.rebuild([(ingress.subnet, None, []), (eg1.subnet, None, kept)])
    assert [pools[1].any(), pools[1].any()] == ["10.0.1.3", "10.0.1.7"]
    new.check()


def test_a_new_leader_of_the_cursor_order_starts_over():
    ipam = Ipam(order="cursor")
    subnets(ipam, 3)
    ipam.rebuild([("10.0.0.0/24", None, []), ("10.0.2.0/24", None, [])])
    assert ipam.any().subnet == "10.0.1.0/24"


def test_a_rebuild_that_fails_changes_nothing():
    ipam = Ipam()
    pool = ipam.any()
    with pytest.raises(AddressInUse):
        ipam.rebuild([("10.0.7.0/24", None, ["10.0.7.1", "10.0.7.1/24"])])
    assert list(ipam) == [pool]


def test_copies_are_apart():
    ipam = Ipam()
    pool = ipam.any()
    twin = copy.deepcopy(ipam)
    assert next(iter(twin)).any() == "10.0.0.1"
    assert twin.any().subnet == "10.0.1.0/24"
    assert len(ipam) == 1
    assert len(pool) == 0
    twin.check()


@pytest.mark.parametrize(
    ("pools", "order", "message"),
    [
        ([], "first-fit", "at least one default pool"),
        ([("10.0.0.0/24", 16)], "first-fit", "cannot be cut into /16"),
        ([("10.0.0.0/24", 33)], "cursor", "cannot be cut into /33"),
        ([("fd00::/64", 80)], "first-fit", "default pools are IPv4"),
        ([("nonsense", 24)], "first-fit", "invalid CIDR address: nonsense"),
        ([("10.0.0.0/8", 24)], "random", "no such order of subnets: 'random'"),
    ],
)
def test_what_is_refused(pools, order, message):
    with pytest.raises(BadValue, match=message):
        Ipam(pools, order=order)


def test_what_specific_refuses():
    ipam = Ipam()
    with pytest.raises(BadValue):
        ipam.specific("10.0.0.0")
    with pytest.raises(AddressOutOfRange):
        ipam.specific("10.0.0.0/24", ip_range="10.1.0.0/24")
    assert len(ipam) == 0
    assert ipam
    ipam.check()


def test_repr():
    assert repr(Ipam(order="cursor")) == "Ipam(cursor: 0 pools, 10.0.0.0/8 in /24)"


def test_check_notices_damage():
    ipam = Ipam()
    ipam.any()
    ipam._spans.clear()
    with pytest.raises(AssertionError, match="differ"):
        ipam.check()

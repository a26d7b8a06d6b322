"""The addresses of one subnet: specification 2.1, 2.3, 2.6, and the recorded swarm."""

import copy

import pytest

from meshsim.errors import (
    AddressInUse,
    AddressOutOfRange,
    BadValue,
    IpamError,
    NoAddressLeft,
    NumberTaken,
)
from meshsim.ipam import Pool


def take(pool, count):
    return [pool.any() for _ in range(count)]


@pytest.fixture
def eg1():
    pool = Pool("10.0.1.0/24")
    pool.take_gateway()
    return pool


def test_2_6_1_the_seed(eg1):
    assert eg1.gateway == "10.0.1.1"
    vip, http1, http2, lb1, lb2, dig = take(eg1, 6)
    assert (vip, http1, http2) == ("10.0.1.2", "10.0.1.3", "10.0.1.4")
    assert (lb1, lb2, dig) == ("10.0.1.5", "10.0.1.6", "10.0.1.7")
    eg1.release(dig)
    assert eg1.any() == "10.0.1.8"


def test_2_6_2_one_node_three_replicas(eg1):
    assert take(eg1, 5) == [f"10.0.1.{last}" for last in (2, 3, 4, 5, 6)]


def test_2_6_3_a_freed_address_stays_free_until_the_wrap(eg1):
    take(eg1, 7)
    eg1.release("10.0.1.7")
    eg1.release("10.0.1.3")
    assert eg1.any() == "10.0.1.9"
    assert "10.0.1.3" not in eg1


def test_2_6_5_and_6_a_full_29():
    pool = Pool("10.79.0.0/29")
    assert pool.take_gateway() == "10.79.0.1"
    vip, *tasks = take(pool, 5)
    assert vip == "10.79.0.2"
    assert tasks == [f"10.79.0.{last}" for last in (3, 4, 5, 6)]
    for _ in range(2):
        with pytest.raises(NoAddressLeft, match=r"^no available addresses on this pool$"):
            pool.any()
    pool.release("10.79.0.4")
    assert pool.any() == "10.79.0.4"


def test_14_the_recorded_29_wraps():
    """Ground truth 14: one task, --force four times; the old address is freed after the new is given."""
    pool = Pool("10.79.0.0/29")
    pool.take_gateway()
    vip, task, lb = take(pool, 3)
    given = [task]
    for _ in range(4):
        given.append(pool.any())
        pool.release(given[-2])
    assert [address.rpartition(".")[2] for address in given] == ["3", "5", "6", "3", "5"]
    assert (vip, lb) == ("10.79.0.2", "10.79.0.4")
    assert take(pool, 2) == ["10.79.0.6", "10.79.0.3"]  # scale to 4: two more fit
    with pytest.raises(NoAddressLeft):
        pool.any()


def test_2_6_7_a_specific_address_in_use(eg1):
    with pytest.raises(AddressInUse, match=r"^Address already in use$") as error:
        eg1.specific("10.0.1.1")
    assert error.value.number == "10.0.1.1"
    assert isinstance(error.value, NumberTaken)
    assert isinstance(error.value, IpamError)


def test_2_6_8_a_specific_address_outside(eg1):
    with pytest.raises(AddressOutOfRange, match=r"^requested address is out of range$"):
        eg1.specific("10.0.2.1")
    with pytest.raises(AddressOutOfRange):
        eg1.specific("fd00::1")
    with pytest.raises(AddressOutOfRange):
        eg1.release("10.0.2.1")


def test_2_6_9_a_31_has_two_addresses():
    pool = Pool("192.168.0.2/31")
    assert take(pool, 2) == ["192.168.0.2", "192.168.0.3"]
    with pytest.raises(NoAddressLeft):
        pool.any()
    assert (len(pool), pool.size) == (2, 2)


def test_1_8_15_a_32_has_one():
    pool = Pool("1.1.1.1/32")
    assert pool.take_gateway() == "1.1.1.1"
    with pytest.raises(NoAddressLeft):
        pool.any()


def test_2_6_10_not_serial_gives_the_lowest_again():
    pool = Pool("172.18.0.0/16", serial=False)
    assert pool.take_gateway() == "172.18.0.1"
    assert take(pool, 2) == ["172.18.0.2", "172.18.0.3"]
    pool.release("172.18.0.2")
    assert pool.any() == "172.18.0.2"


def test_2_6_11_serial_goes_on_above_the_cursor(eg1):
    take(eg1, 5)
    eg1.release("10.0.1.3")
    assert eg1.any() == "10.0.1.7"


@pytest.mark.parametrize(("gateway", "first"), [("10.0.1.1", "10.0.1.2"), ("10.0.1.254", "10.0.1.1")])
def test_2_1_a_given_gateway_leaves_the_cursor(gateway, first):
    pool = Pool("10.0.1.0/24")
    pool.take_gateway(gateway)
    assert pool.cursor == "10.0.1.0"
    assert pool.any() == first


@pytest.mark.parametrize(
    ("subnet", "ip_range", "gateway", "first", "last"),
    [
        ("10.9.0.0/16", "10.9.3.0/24", "10.9.3.0", "10.9.3.1", "10.9.3.255"),  # run, 2.1
        ("10.78.0.0/24", "10.78.0.128/25", "10.78.0.128", "10.78.0.129", "10.78.0.254"),  # ground truth 11
    ],
)
def test_2_1_a_range_gives_its_first_address_too(subnet, ip_range, gateway, first, last):
    pool = Pool(subnet, ip_range=ip_range)
    assert pool.ip_range == ip_range
    assert pool.take_gateway() == gateway
    assert pool.any() == first
    rest = []
    with pytest.raises(NoAddressLeft):
        while True:
            rest.append(pool.any())
    assert rest[-1] == last
    pool.specific(subnet.replace(".0/", ".7/"))  # the subnet's other addresses can be asked for
    pool.check()


def test_a_range_wraps_within_itself():
    pool = Pool("10.9.0.0/16", ip_range="10.9.3.0/30")
    assert take(pool, 4) == [f"10.9.3.{last}" for last in range(4)]
    pool.release("10.9.3.2")
    assert pool.cursor == "10.9.3.0"
    assert pool.any() == "10.9.3.2"
    assert pool.cursor == "10.9.3.3"


def test_a_range_as_wide_as_the_subnet_or_wider_is_the_subnet():
    for ip_range in ("10.9.0.0/16", "10.0.0.0/8"):
        pool = Pool("10.9.0.0/16", ip_range=ip_range)
        assert (pool.ip_range, pool.any()) == ("10.9.0.0/16", "10.9.0.1")


def test_pools_of_one_subnet_can_share_their_addresses():
    low = Pool("10.9.0.0/24", ip_range="10.9.0.0/25")
    high = Pool("10.9.0.0/24", ip_range="10.9.0.128/25", numbers=low.numbers)
    assert (low.any(), high.any(), low.any()) == ("10.9.0.1", "10.9.0.128", "10.9.0.2")
    assert "10.9.0.128" in low
    twins = copy.deepcopy((low, high))
    assert twins[0].numbers is twins[1].numbers
    assert twins[0].numbers is not low.numbers


def test_network_and_broadcast_are_never_given_nor_freed(eg1):
    for reserved in ("10.0.1.0", "10.0.1.255"):
        with pytest.raises(AddressInUse):
            eg1.specific(reserved)
        with pytest.raises(AddressOutOfRange):
            eg1.release(reserved)
        assert reserved in eg1
        assert reserved not in list(eg1)


def test_ipv6_keeps_the_first_address_only():
    pool = Pool("fd00:1::/64")
    assert pool.take_gateway() == "fd00:1::1"
    assert pool.specific("fd00:1::ffff:ffff:ffff:ffff/64") == "fd00:1::ffff:ffff:ffff:ffff"
    assert pool.any() == "fd00:1::2"


def test_text_in_and_out(eg1):
    assert eg1.specific("10.0.1.77/24") == "10.0.1.77"
    assert eg1.cidr("10.0.1.77") == "10.0.1.77/24"
    eg1.release("10.0.1.77/24")
    assert list(eg1) == ["10.0.1.1"]
    assert Pool("10.7.0.9/16").subnet == "10.7.0.0/16"
    assert (eg1.prefix_length, eg1.size, len(eg1), bool(Pool("10.0.0.0/8"))) == (24, 254, 1, True)


def test_reprs(eg1):
    assert repr(eg1) == "Pool(10.0.1.0/24: 1 of 254 in use, cursor 10.0.1.2)"
    ranged = Pool("10.9.0.0/16", ip_range="10.9.3.0/24")
    assert repr(ranged) == "Pool(10.9.0.0/16 range 10.9.3.0/24: 0 of 65534 in use, cursor 10.9.3.0)"


@pytest.mark.parametrize(
    "text", ["nonsense", "10.0.0.0", "10.0.0.0/255.0.0.0", "10.0.0.0/33", "10.0.0/8", "/8", ""]
)
def test_what_is_no_subnet(text):
    with pytest.raises(BadValue, match=r"^invalid CIDR address: "):
        Pool(text)


def test_what_is_no_address_or_range(eg1):
    with pytest.raises(BadValue, match="invalid address: nonsense"):
        eg1.specific("nonsense")
    with pytest.raises(AddressOutOfRange):
        Pool("10.9.0.0/16", ip_range="10.8.0.0/24")
    with pytest.raises(BadValue, match="incompatible address families"):
        Pool("10.9.0.0/16", ip_range="fd00::/120")


def test_a_failed_request_changes_nothing(eg1):
    before = (list(eg1), eg1.cursor)
    for call in (eg1.specific, eg1.release):
        with pytest.raises((IpamError, BadValue)):
            call("10.0.2.1")
    assert (list(eg1), eg1.cursor) == before


def test_check_notices_damage(eg1):
    eg1.check()
    eg1.numbers.release(int.from_bytes(bytes([10, 0, 1, 1])))
    with pytest.raises(AssertionError, match=r"gateway 10\.0\.1\.1 is free"):
        eg1.check()

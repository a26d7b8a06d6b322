"""Addresses and subnets beside naive models: a list of bits with a cursor, and a list of all subnets."""

import copy
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshsim.errors import IpamError, NoSubnetLeft, PoolOverlap
from meshsim.ipam import Ipam, Pool, Serial


class Bits:
    """The bitmap as upstream describes it, bit by bit."""

    def __init__(self, size):
        self.bits = [False] * size
        self.cursor = 0

    def specific(self, number):
        if self.bits[number]:
            return False
        self.bits[number] = True
        return True

    def take(self, low, high, serial):
        starts = [self.cursor, low] if serial and self.cursor > low else [low]
        for start in starts:
            for number in range(start, high + 1):
                if not self.bits[number]:
                    self.bits[number] = True
                    self.cursor = number + 1
                    return number
        return None


class SerialBesideBits(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 40))
    def start(self, size):
        self.real, self.naive = Serial(0, size - 1), Bits(size)
        self.size = size

    @rule(data=st.data())
    def specific(self, data):
        number = data.draw(st.integers(0, self.size - 1))
        assert self.real.claim(number) == self.naive.specific(number)

    @rule(data=st.data(), serial=st.booleans())
    def take(self, data, serial):
        low = data.draw(st.integers(0, self.size - 1))
        high = data.draw(st.integers(low, self.size - 1))
        assert self.real.take(low, high, serial=serial) == self.naive.take(low, high, serial)

    @rule(serial=st.booleans())
    def take_of_all(self, serial):
        assert self.real.take(serial=serial) == self.naive.take(0, self.size - 1, serial)

    @rule(data=st.data())
    def release(self, data):
        number = data.draw(st.integers(0, self.size - 1))
        self.real.release(number)
        self.naive.bits[number] = False

    @rule()
    def copy(self):
        self.real = copy.deepcopy(self.real)

    @invariant()
    def agree(self):
        if not hasattr(self, "real"):
            return
        self.real.check()
        assert list(self.real) == [number for number, bit in enumerate(self.naive.bits) if bit]
        assert self.real.cursor == self.naive.cursor
        assert all((number in self.real) == bit for number, bit in enumerate(self.naive.bits))
        assert len(self.real) == sum(self.naive.bits)


class SubnetsBesideAList(RuleBasedStateMachine):
    """10.0.0.0/26 cut in /29, with subnets of any size given by hand, in both orders."""

    BASE = ip_network("10.0.0.0/26")

    @initialize(order=st.sampled_from(["first-fit", "cursor"]))
    def start(self, order):
        self.order = order
        self.real = Ipam([(str(self.BASE), 29)], order=order)
        self.used = {}
        self.start_index = 0

    def free(self, network):
        return not any(network.overlaps(used) for used in self.used)

    @rule()
    def automatic(self):
        every = list(self.BASE.subnets(new_prefix=29))
        at = self.start_index if self.order == "cursor" else 0
        rotated = every[at:] + every[:at]
        found = next(((step, net) for step, net in enumerate(rotated) if self.free(net)), None)
        if found is None:
            try:
                self.real.any()
            except NoSubnetLeft:
                return
            raise AssertionError("a subnet out of nothing")
        step, network = found
        self.start_index = at + step + 1 if at + step + 1 < len(every) else 0
        pool = self.real.any()
        assert pool.subnet == str(network)
        self.used[network] = pool

    @rule(length=st.integers(25, 31), place=st.integers(0, 127))
    def given_by_hand(self, length, place):
        network = ip_network((int(self.BASE[0]) + place, length), strict=False)
        try:
            pool = self.real.specific(str(network))
        except PoolOverlap:
            assert not self.free(network)
        else:
            assert self.free(network)
            self.used[network] = pool

    @precondition(lambda self: getattr(self, "used", None))
    @rule(data=st.data())
    def release(self, data):
        network = data.draw(st.sampled_from(sorted(self.used)))
        self.real.release(self.used.pop(network))

    @precondition(lambda self: getattr(self, "used", None))
    @rule()
    def new_leader(self):
        in_use = [(str(network), None, list(pool)) for network, pool in self.used.items()]
        self.used = dict(zip(self.used, self.real.rebuild(in_use), strict=True))
        self.start_index = 0

    @invariant()
    def sound(self):
        if hasattr(self, "real"):
            self.real.check()
            assert {pool.subnet for pool in self.real} == {str(network) for network in self.used}


SerialBesideBits.TestCase.settings = settings(stateful_step_count=40)
TestSerialBesideBits = SerialBesideBits.TestCase
TestSubnetsBesideAList = SubnetsBesideAList.TestCase


@given(
    st.integers(24, 32),
    st.booleans(),
    st.lists(st.one_of(st.none(), st.integers(0, 300)), max_size=60),
)
def test_no_address_twice_and_none_outside(length, serial, wishes):
    """Invariant (a) of the specification's section 8."""
    network = ip_network(f"10.0.1.0/{length}")
    pool = Pool(str(network), serial=serial)
    held = []
    for wish in wishes:
        try:
            if wish is None:
                held.append(pool.any())
            elif wish > 255 and held:
                pool.release(held.pop(wish % len(held)))
            else:
                held.append(pool.specific(f"10.0.1.{wish}"))
        except (IpamError, ValueError):
            continue
    assert sorted(held) == sorted(pool)
    assert len(set(held)) == len(held) == len(pool)
    hosts = {str(address) for address in network.hosts()}
    assert set(held) <= hosts
    pool.check()


@given(st.lists(st.integers(0, 40), max_size=40))
def test_climbing_addresses_are_not_reused_before_the_wrap(releases):
    pool = Pool("10.0.1.0/24")
    given_so_far = []
    for release in releases:
        given_so_far.append(pool.any())
        if release < len(given_so_far):
            pool.release(given_so_far[release])
    assert len(set(given_so_far)) == len(given_so_far)


@given(st.sets(st.integers(1, 254), max_size=60), st.integers(0, 20))
def test_a_new_leader_fills_the_lowest_holes(in_use, count):
    ipam = Ipam()
    (pool,) = ipam.rebuild([("10.0.1.0/24", None, [f"10.0.1.{last}/24" for last in sorted(in_use)])])
    holes = [last for last in range(1, 255) if last not in in_use]
    assert [pool.any() for _ in range(count)] == [f"10.0.1.{last}" for last in holes[:count]]

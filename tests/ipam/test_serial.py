"""Serial numbers: the bitmap rules of the specification's 2.1 and the port allocator's run in 8.3."""

import copy

import pytest

from meshsim.errors import BadValue, NoNumberLeft, NumberOutOfRange, NumberTaken
from meshsim.ipam import VXLAN_FIRST, VXLAN_LAST, Serial


def test_vxlan_ids_start_at_4096_and_a_freed_one_waits_for_the_wrap():
    ids = Serial(VXLAN_FIRST, VXLAN_LAST)
    assert [ids.any() for _ in range(3)] == [4096, 4097, 4098]
    ids.release(4098)
    assert ids.any() == 4099
    assert (ids.first, ids.last) == (4096, 16_777_215)


def test_a_given_number_does_not_move_the_cursor():
    ids = Serial(1, 9)
    ids.specific(5)
    assert ids.cursor == 1
    assert [ids.any() for _ in range(5)] == [1, 2, 3, 4, 6]


def test_the_ports_of_one_fresh_cluster():
    """Control plane 8.3, the run of the real allocator."""
    ports = Serial(30000, 32767)
    assert ports.any() == 30000  # A
    assert [ports.any(), ports.any()] == [30001, 30002]  # B
    ports.release(30000)  # A gets a second port: both anew
    assert [ports.any(), ports.any()] == [30003, 30004]
    ports.release(30003)  # A: 443 keeps 30004, 8080 is new
    assert ports.any() == 30005
    ports.specific(30010)  # C
    assert [ports.any() for _ in range(5)] == [30006, 30007, 30008, 30009, 30011]  # D
    with pytest.raises(NumberTaken, match=r"^requested bit is already allocated$") as taken:
        ports.specific(30001)
    assert taken.value.number == 30001
    with pytest.raises(NumberOutOfRange, match=r"^requested id does not belong to the set$"):
        ports.specific(70000)
    assert Serial(30000, 32767).any() == 30000  # udp is another set
    assert ports.any() == 30012


def test_the_search_wraps_once_and_ends():
    ids = Serial(1, 3)
    assert [ids.any() for _ in range(3)] == [1, 2, 3]
    assert ids.take() is None
    with pytest.raises(NoNumberLeft, match=r"^no bit available$"):
        ids.any()
    ids.release(2)
    assert ids.any() == 2
    assert ids.cursor == 3


def test_not_serial_takes_the_lowest_and_moves_the_cursor():
    ids = Serial(0, 9)
    assert [ids.take(serial=False) for _ in range(3)] == [0, 1, 2]
    ids.release(0)
    assert ids.take(serial=False) == 0
    assert ids.cursor == 1
    assert ids.take() == 3


def test_take_stays_within_bounds():
    ids = Serial(0, 9)
    assert [ids.take(4, 6) for _ in range(4)] == [4, 5, 6, None]
    ids.release(4)
    assert ids.take(4, 6) == 4
    assert ids.take() == 7


def test_releasing_twice_or_a_free_number_is_no_error():
    ids = Serial(1, 9)
    ids.release(5)
    ids.any()
    ids.release(1)
    ids.release(1)
    assert len(ids) == 0
    with pytest.raises(NumberOutOfRange):
        ids.release(10)


def test_membership_iteration_length_and_repr():
    ids = Serial(1, 9)
    for number in (3, 4, 8, 5, 9):
        ids.specific(number)
    assert list(ids) == [3, 4, 5, 8, 9]
    assert len(ids) == 5
    assert 4 in ids
    assert 6 not in ids
    assert 2 not in ids
    assert repr(ids) == "Serial(1-9: 5 taken, cursor 1)"
    ids.check()


@pytest.mark.parametrize("number", [3, 4, 5])
def test_release_splits_and_trims_runs(number):
    ids = Serial(1, 9)
    for taken in (3, 4, 5):
        ids.specific(taken)
    ids.release(number)
    ids.check()
    assert list(ids) == [taken for taken in (3, 4, 5) if taken != number]


def test_a_gap_that_is_filled_joins_its_neighbours():
    ids = Serial(1, 9)
    for number in (1, 3, 2):
        ids.specific(number)
    assert (ids._starts, ids._ends) == ([1], [4])


def test_copies_are_apart():
    ids = Serial(1, 9)
    ids.any()
    twin = copy.deepcopy(ids)
    assert twin.any() == 2
    assert list(ids) == [1]
    assert ids.cursor == 2


def test_an_empty_range_is_refused():
    with pytest.raises(BadValue, match="invalid set range"):
        Serial(5, 4)


def test_a_million_numbers_cost_nothing():
    ids = Serial(0, (1 << 127) - 1)
    assert ids.any() == 0
    assert len(ids._starts) == 1


def test_check_notices_damage():
    ids = Serial(1, 9)
    ids.any()
    ids._count = 7
    with pytest.raises(AssertionError, match="count"):
        ids.check()

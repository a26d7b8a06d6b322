"""Who reaches whom, now and earlier."""

import pytest

from meshsim.cluster.links import Links
from meshsim.errors import BadValue
from meshsim.sim import Clock


def test_faults_and_their_history():
    clock = Clock()
    links = Links(clock)
    clock.run_until(10)
    links.fail("a")
    links.fail("a")
    assert not links.reaches("a", "b")
    assert not links.reaches("a", "a")
    assert links.reaches("b", "c")
    assert links.outages("a", "b") == [(10, None)]
    clock.run_until(20)
    links.partition([["a"]])
    clock.run_until(30)
    links.recover("a")
    links.recover("a")
    clock.run_until(40)
    links.heal()
    assert links.outages("a", "b") == [(10, 40)]
    assert links.outages("b", "c") == []
    links.check()


def test_partitions_have_sides_and_a_rest():
    links = Links(Clock())
    links.partition([["a", "b"], ["c"]])
    assert links.reaches("a", "b")
    assert not links.reaches("b", "c")
    assert links.reaches("d", "e")
    assert not links.reaches("a", "d")
    assert links.sides == (("a", "b"), ("c",))
    links.heal()
    assert links.reaches("a", "c")
    with pytest.raises(BadValue, match="a cannot be on two sides"):
        links.partition([["a"], ["a", "b"]])
    assert repr(links) == "<Links down: none; sides: one>"

"""Published ports. Rows of control-plane 8.3, 8.6 (8-13)."""

from __future__ import annotations

import pytest
from attrs import evolve

from meshsim.errors import NoNumberLeft, NumberOutOfRange, NumberTaken
from meshsim.manager.allocator.ports import (
    PortAllocator,
    host_ports_differ,
    needs_ingress,
    ports_are_allocated,
    reconcile,
    with_host_ports,
)
from meshsim.model.objects import Endpoint, Service
from meshsim.model.specs import EndpointSpec, PortConfig, ServiceSpec
from meshsim.model.states import Protocol, PublishMode

UDP, HOST = Protocol.UDP, PublishMode.HOST
port = PortConfig


def service(*ports, held=None):
    endpoint = None if held is None else Endpoint(EndpointSpec(), tuple(held))
    return Service("s", spec=ServiceSpec("web", endpoint=EndpointSpec(ports=ports)), endpoint=endpoint)


class Swarm:
    """Services by name, allocated one after the other."""

    def __init__(self, dynamic=(30000, 32767)):
        self.ports = PortAllocator(dynamic)
        self.services = {}

    def give(self, name, *ports):
        old = self.services.get(name)
        wanted = service(*ports, held=old.endpoint.ports if old else None)
        given = self.ports.allocate(wanted)
        self.services[name] = evolve(wanted, endpoint=Endpoint(wanted.spec.endpoint, given))
        self.ports.check()
        return [p.published for p in given]


def test_8_3_the_recorded_sequence():
    swarm = Swarm()
    assert swarm.give("A", port(80)) == [30000]
    assert swarm.give("B", port(80), port(81)) == [30001, 30002]
    assert swarm.give("A", port(80), port(443)) == [30003, 30004]
    assert swarm.give("A", port(443), port(8080)) == [30004, 30005]
    assert swarm.give("C", port(80, 30010)) == [30010]
    assert swarm.give("D", *(port(n) for n in range(1, 6))) == [30006, 30007, 30008, 30009, 30011]
    with pytest.raises(NumberTaken, match="requested bit is already allocated"):
        swarm.give("E", port(80, 30001))
    with pytest.raises(NumberOutOfRange, match="requested id does not belong to the set"):
        swarm.give("E", port(80, 70000))
    assert swarm.give("F", port(80, 0, UDP)) == [30000]
    mixed = (port(1), port(2, 99), port(3, 0, mode=HOST))
    assert swarm.give("G", *mixed) == [30012, 99, 0]
    assert swarm.give("G", *mixed) == [99, 0, 30012]
    assert repr(swarm.ports).startswith("<PortAllocator: ")


def test_8_6_8_allocate():
    swarm = Swarm()
    swarm.give("a", port(80, 30000))
    with pytest.raises(NumberTaken):
        swarm.give("b", port(80, 30000))
    swarm.give("c", port(80, 10000))
    with pytest.raises(NumberTaken):
        swarm.give("d", port(80, 10000))


def test_8_6_9_and_10_reconcile():
    held = (port(10001, 10001), port(10000, 10000))
    wanted = service(port(10000), port(10001), held=held)
    assert [(p.target, p.published) for p in reconcile(wanted)] == [(10000, 10000), (10001, 10001)]
    more = service(port(10000), port(10001), port(10002), held=held)
    assert reconcile(more) == more.spec.endpoint.ports
    assert reconcile(Service("s", spec=ServiceSpec("web"))) == ()


def test_8_6_11_host_ports():
    assert host_ports_differ(service(port(80, 81, mode=HOST)))
    assert host_ports_differ(service(port(80, 81, mode=HOST), held=[port(80, 81)]))
    assert not host_ports_differ(service(port(80, 81, mode=HOST), held=[port(80, 81, mode=HOST)]))
    assert not host_ports_differ(service(port(80, 0, mode=HOST)))
    assert not host_ports_differ(Service("s", spec=ServiceSpec("web")))
    changed = service(port(81), port(80, 8080, mode=HOST), held=[port(9, 9, mode=HOST), port(81, 30000)])
    assert with_host_ports(changed) == (port(81, 30000), port(80, 8080, mode=HOST))
    assert with_host_ports(Service("s", spec=ServiceSpec("web"))) == ()


def test_8_6_12_duplicates():
    swarm = Swarm()
    assert swarm.give("a", port(80, 5005), port(80, 5006), port(80), port(80)) == [5005, 5006, 30000, 30001]


def test_all_or_nothing():
    swarm = Swarm()
    swarm.give("a", port(80, 80))
    assert swarm.give("b", port(81, 81)) == [81]
    with pytest.raises(NumberTaken):
        swarm.give("b", port(82, 82), port(80, 80))
    assert swarm.give("c", port(82, 82)) == [82]
    with pytest.raises(NumberTaken):  # b still holds what it held
        swarm.give("d", port(81, 81))


def test_numbers_climb_and_wrap():
    swarm = Swarm((30000, 30002))
    assert [swarm.give(name, port(80))[0] for name in "abc"] == [30000, 30001, 30002]
    with pytest.raises(NoNumberLeft, match="no bit available"):
        swarm.give("d", port(80))
    swarm.ports.release(swarm.services["b"].endpoint.ports)
    assert swarm.give("d", port(80)) == [30001]


def test_a_new_leader_keeps_the_numbers():
    old, new = Swarm(), Swarm()
    old.give("a", port(80), port(81, 81), port(82, 0, mode=HOST))
    new.ports.reserve(old.services["a"].endpoint.ports)
    assert new.give("b", port(80)) == [30001]
    with pytest.raises(NumberTaken):
        new.give("c", port(81, 81))


@pytest.mark.parametrize(
    ("wanted", "held", "allocated"),
    [
        ([], None, False),
        ([], [], True),
        ([port(80)], [port(80, 30000)], True),
        ([port(80)], [port(81, 30000)], False),
        ([port(80, 81)], [port(80, 81)], True),
        ([port(80, 81)], [port(80, 82)], False),
        ([port(80), port(81)], [port(80, 30000)], False),
        ([port(80, mode=HOST)], [port(80, mode=HOST)], True),
        ([port(80, mode=HOST)], [port(80, 30000)], False),
        ([port(80, 81, UDP)], [port(80, 81)], False),
    ],
)
def test_what_counts_as_allocated(wanted, held, allocated):
    assert ports_are_allocated(service(*wanted, held=held)) is allocated


def test_without_any_spec_nothing_is_missing():
    assert ports_are_allocated(Service("s", spec=ServiceSpec("web")))
    assert not ports_are_allocated(Service("s", spec=ServiceSpec("web"), endpoint=Endpoint()))


def test_who_needs_ingress():
    assert needs_ingress(service(port(80)))
    assert not needs_ingress(service(port(80, mode=HOST)))
    assert not needs_ingress(Service("s", spec=ServiceSpec("web")))

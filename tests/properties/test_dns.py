"""Names beside naive models: records worked out anew from the endpoints, and sizes from the bytes."""

import copy
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshsim.dns import EndpointNames, Resolver, Zone

SERVICES = {"s1": ("web", "10.0.1.100"), "s2": ("db", "10.0.1.101"), "s3": ("rr", "")}


class ZoneBesideItsEndpoints(RuleBasedStateMachine):
    """What a zone holds must follow from the endpoints alone, however they came and went.

    Endpoints have addresses of their own here; an address that passes on is tested by example.
    """

    @initialize()
    def start(self):
        self.zone = Zone("eg1")
        self.enabled = {}  # endpoint id -> endpoint; dicts keep the order of coming
        self.disabled = {}
        self.count = 0

    @rule(
        service=st.sampled_from(["", *SERVICES]),
        aliases=st.lists(st.sampled_from(["old", "new", "Both"]), unique=True, max_size=2).map(tuple),
    )
    def publish(self, service, aliases):
        self.count += 1
        name, vip = SERVICES.get(service, ("", ""))
        endpoint = EndpointNames.of(
            container=f"{name or 'cli'}.{self.count}",
            container_id=f"{self.count:012x}",
            address=f"10.0.2.{self.count}",
            service_id=service,
            service_name=name,
            service_aliases=aliases if service else (),
            vip=vip,
        )
        self.zone.publish(endpoint)
        self.enabled[endpoint.endpoint_id] = endpoint

    @precondition(lambda self: getattr(self, "enabled", None))
    @rule(data=st.data())
    def publish_again(self, data):
        self.zone.publish(data.draw(st.sampled_from(list(self.enabled.values()))))

    @precondition(lambda self: getattr(self, "enabled", None))
    @rule(data=st.data())
    def disable(self, data):
        endpoint = self.enabled.pop(data.draw(st.sampled_from(list(self.enabled))))
        self.zone.disable(endpoint)
        if endpoint.service_id:
            self.disabled[endpoint.endpoint_id] = endpoint

    @precondition(lambda self: getattr(self, "enabled", None) or getattr(self, "disabled", None))
    @rule(data=st.data())
    def withdraw(self, data):
        every = self.enabled | self.disabled
        key = data.draw(st.sampled_from(list(every)))
        self.zone.withdraw(every[key])
        self.enabled.pop(key, None)
        self.disabled.pop(key, None)

    @rule()
    def copy(self):
        self.zone = copy.deepcopy(self.zone)

    def expected(self):
        names = {}
        for endpoint in self.enabled.values():
            shared = (endpoint.service_name, *endpoint.service_aliases) if endpoint.service_id else ()
            own = [endpoint.name, *endpoint.task_aliases, *(f"tasks.{name}" for name in shared)]
            for name in own + ([] if endpoint.vip else list(shared)):
                names.setdefault(name.lower(), set()).add(endpoint.address)
        for endpoint in (self.enabled | self.disabled).values():
            if endpoint.vip:
                for name in (endpoint.service_name, *endpoint.service_aliases):
                    names.setdefault(name.lower(), set()).add(endpoint.vip)
        return names

    @invariant()
    def agree(self):
        if not hasattr(self, "zone"):
            return
        assert {name: set(addresses) for name, addresses in self.zone} == self.expected()
        for name, addresses in self.zone:
            assert self.zone.find(name) == addresses
            assert len(set(addresses)) == len(addresses)
        for number in range(1, self.count + 1):
            endpoint = self.enabled.get(f"{number:012x}")
            assert self.zone.reverse(f"10.0.2.{number}") == (endpoint.name if endpoint else None)
        self.zone.check()


ZoneBesideItsEndpoints.TestCase.settings = settings(stateful_step_count=25)
TestZoneBesideItsEndpoints = ZoneBesideItsEndpoints.TestCase

labels = st.text("abcXYZ019-_", min_size=1, max_size=20)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)


@given(
    names,
    st.integers(0, 60),
    st.sampled_from(["A", "AAAA"]),
    st.booleans(),
    st.sampled_from([0, 512, 1232]),
    st.sampled_from(["compress", "drop"]),
)
def test_the_size_is_that_of_the_bytes(name, count, qtype, tcp, edns, oversize):
    zone = Zone("eg1")
    zone.add(name, "::ff" if qtype == "A" else "10.9.9.9", "s")
    for number in range(count):
        zone.add(name, f"10.0.1.{number}" if qtype == "A" else f"fd00::{number + 1:x}", "s")
    answer = Resolver([zone], rng=random.Random(0), oversize=oversize).lookup(name, qtype, tcp=tcp, edns=edns)
    message = answer.encode(7)
    assert answer.size == len(message)
    assert tcp or answer.size <= max(512, edns)
    assert (len(answer.records) < count) == answer.truncated
    assert int.from_bytes(message[6:8]) == len(answer.records)
    if not answer.compressed:
        assert set(answer.addresses) <= set(zone.find(name.lower(), ipv6=qtype == "AAAA"))


few = st.lists(st.sampled_from(["a", "B", "b", "c"]), min_size=1, max_size=4).map(".".join)


@given(st.lists(st.tuples(few, st.sampled_from(["a", "b.c", "A"])), max_size=8), few)
def test_lookup_beside_the_rule_in_words(records, asked):
    """3.3: every candidate in order, every network in order, the first that knows the name."""
    zones = {network: Zone(network) for network in ("A", "a", "b.c")}
    for number, (name, network) in enumerate(records):
        zones[network].add(name, f"10.0.0.{number}", "s")
    parts = asked.split(".")
    candidates = [(asked, None)]
    candidates += [(".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(len(parts) - 1, 0, -1)]
    expected = None
    for left, network in candidates:
        for zone_name in ("A", "a", "b.c"):  # names ascending, capitals first
            if expected is None and network in (None, zone_name):
                expected = zones[zone_name].find(left.lower())
    answer = Resolver(zones.values(), servers=[]).lookup(asked)
    assert answer.rcode == ("SERVFAIL" if expected is None else "NOERROR")
    assert tuple(answer.addresses) == (expected or ())


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_shuffle_loses_nothing(count, seed):
    zone = Zone("eg1")
    for number in range(count):
        zone.add("s", f"10.0.1.{number}", "s")
    resolver = Resolver([zone], rng=random.Random(seed))
    for _ in range(3):
        assert sorted(resolver.lookup("s", tcp=True).addresses) == sorted(zone.find("s"))

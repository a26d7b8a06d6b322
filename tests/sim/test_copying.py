"""duplicate(): what copy.deepcopy would give."""

import copy
from collections import deque
from enum import Enum
from types import SimpleNamespace
from typing import Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.sim import Clock, Own, Shared, Stream, duplicate


class Colour(Enum):
    RED = "red"


class Slotted:
    __slots__ = ("__hidden", "_private", "items", "unset")

    def __init__(self, items):
        self.items = items
        self._private = {"own": items}
        self.__hidden = [items]

    def hidden(self):
        return self.__hidden

    def method(self):
        return self.items


class Below(Slotted):
    """A subclass with a dict besides the slots."""

    def __init__(self, items):
        super().__init__(items)
        self.more = [items]


class OneSlot:
    __slots__ = "only"  # noqa: PLC0205 - Python allows it, so it must be copied


class Plain:
    def __init__(self, **values):
        self.__dict__.update(values)


class Picky:
    """Says itself how it is copied."""

    def __deepcopy__(self, memo):
        return "a copy"


class Reduced:
    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return Reduced, (self.value + 1,)


@attrs.frozen
class Value(Shared):
    items: list


@attrs.frozen
class Pair:
    left: object
    right: object


@attrs.frozen
class Late:
    """Frozen and slotted; one slot stays unset, another is declared but unset."""

    now: list
    later: object = attrs.field(init=False)
    count: int = attrs.field(init=False)


class Declared:
    """Says of its slots what they hold; of two kinds of them, only what never changes."""

    __slots__ = ("anything", "colour", "items", "mode", "names", "own", "pair", "unset", "value")

    colour: Colour
    mode: Literal["on", "off"] | None
    names: tuple[str, ...]
    pair: tuple[int, Value]
    unset: str
    value: Value | None
    items: list[int]
    own: tuple[list[int], ...]

    def __init__(self):
        self.colour, self.mode, self.names, self.value = Colour.RED, "on", ("a",), Value([])
        self.pair, self.items, self.own, self.anything = (1, Value([])), [1], ([2],), {"b": [3]}


class Undeclared:
    """What it declares cannot be found out: the name is the type checker's alone."""

    __slots__ = ("items",)

    items: "NoSuchName"  # noqa: F821

    def __init__(self):
        self.items = [1]


class Owner:
    """Says of its containers that nobody else holds them."""

    __slots__ = ("boxes", "counts", "items", "names", "unset")

    counts: Own[dict[str, int]]
    boxes: Own[dict[str, list[int]]]
    names: Own[set[str]]
    items: Own[list["Owner"]]
    unset: Own[list[int]]

    def __init__(self):
        self.counts, self.boxes, self.names, self.items = {"a": 1}, {"b": [2]}, {"c"}, [self]


class Wrong:
    """What can change cannot be a key: sets of it are not to be declared so."""

    __slots__ = ("items",)

    items: Own[set[Owner]]

    def __init__(self):
        self.items = set()


def fields(value):
    slots = [n for n in ("items", "_private", "_Slotted__hidden", "more", "only") if hasattr(value, n)]
    return {n: getattr(value, n) for n in slots} | getattr(value, "__dict__", {})


def shape(value, seen=None):
    """A picture of an object graph in which two isomorphic graphs look the same."""
    seen = {} if seen is None else seen
    if value is None or isinstance(value, int | str | float | bytes | Colour | Shared):
        return value
    if id(value) in seen:
        return f"seen {seen[id(value)]}"
    if not isinstance(value, tuple):  # a tuple that holds nothing mutable may be its own copy
        seen[id(value)] = len(seen)
    if isinstance(value, dict):
        return "dict", [(shape(k, seen), shape(v, seen)) for k, v in value.items()]
    if isinstance(value, list | tuple | deque):
        return type(value).__name__, [shape(item, seen) for item in value]
    return type(value).__name__, shape(fields(value), seen)


leaves = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just(Colour.RED))


def built_of(inner):
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(deque),
        st.dictionaries(st.one_of(st.text(max_size=2), st.tuples(st.integers())), inner, max_size=3),
        inner.map(Slotted),
        inner.map(Below),
        st.tuples(inner, inner).map(lambda two: Pair(*two)),
        inner.map(lambda item: [item, item]),
        inner.map(lambda item: Plain(a=item, b=(item, [item]))),
    )


@settings(max_examples=60, deadline=None)
@given(st.recursive(leaves, built_of, max_leaves=12))
def test_it_gives_what_deepcopy_gives(value):
    before = shape(value)
    twin = duplicate(value, {})
    assert shape(twin) == shape(copy.deepcopy(value)) == before


def mutable_ids(value, found):
    if isinstance(value, list | deque | dict | Slotted | Plain | Pair) and id(value) not in found:
        found[id(value)] = value
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        for item in inner if isinstance(inner, list | deque) else fields(value).values():
            mutable_ids(item, found)
    elif isinstance(value, tuple):
        for item in value:
            mutable_ids(item, found)
    return found


@settings(max_examples=60, deadline=None)
@given(st.recursive(leaves, built_of, max_leaves=12))
def test_nothing_that_can_change_is_shared(value):
    assert not mutable_ids(value, {}).keys() & mutable_ids(duplicate(value, {}), {}).keys()


def test_what_never_changes_is_its_own_copy():
    for value in ("text", 1, None, (1, ("a", Colour.RED)), Value([]), print, len, int, Value):
        assert duplicate(value, {}) is value
    assert copy.copy(Value([])) == Value([])
    value = Value([])
    assert copy.deepcopy(value) is value


def test_cycles():
    ring = Plain(name="ring")
    ring.me, ring.pair = ring, (ring, [ring])
    twin = duplicate(ring, {})
    assert twin is not ring
    assert twin.me is twin.pair[0] is twin.pair[1][0] is twin
    loop = ([],)
    loop[0].append(loop)
    other = duplicate(loop, {})
    assert other is not loop
    assert other[0][0] is other


def test_bound_methods_lead_to_the_copy():
    held = Slotted(["a"])
    twin = duplicate({"call": held.method, "held": held}, {})
    twin["held"].items.append("b")
    assert twin["call"]() == ["a", "b"]
    assert held.items == ["a"]


def test_keys_that_can_change_are_copied_too():
    key = Plain(name="key")
    twin = duplicate({key: key}, {})
    (other,) = twin
    assert other is twin[other]
    assert other is not key


def test_slots_that_are_not_set_stay_so():
    assert not hasattr(duplicate(OneSlot(), {}), "only")
    one = OneSlot()
    one.only = ["x"]
    assert duplicate(one, {}).only == ["x"]
    assert not hasattr(duplicate(Slotted([]), {}), "unset")
    assert duplicate(Slotted(["x"]), {}).hidden() == [["x"]]


def test_slots_of_frozen_classes():
    twin = duplicate(Late(["x"]), {})
    assert twin.now == ["x"]
    assert not hasattr(twin, "later")
    assert not hasattr(twin, "count")


def test_what_a_slot_is_declared_to_hold_is_believed():
    one = Declared()
    twin = duplicate(one, {})
    kept = ("colour", "mode", "names", "pair", "value")
    assert all(getattr(twin, name) is getattr(one, name) for name in kept)
    assert not hasattr(twin, "unset")
    twin.items.append(9)
    twin.own[0].append(9)
    twin.anything["b"].append(9)
    assert (one.items, one.own, one.anything) == ([1], ([2],), {"b": [3]})


def test_containers_that_one_slot_alone_holds():
    one = Owner()
    one.boxes["d"] = one.boxes["b"]
    memo = {}
    twin = duplicate(one, memo)
    assert memo.keys() == {id(one), id(one.boxes["b"])}
    assert twin.items == [twin]
    assert twin.boxes["b"] is twin.boxes["d"]
    assert not hasattr(twin, "unset")
    twin.counts["a"] = twin.boxes["b"][0] = 9
    twin.names.add("e")
    twin.items.clear()
    assert (one.counts, one.boxes["b"], one.names, one.items) == ({"a": 1}, [2], {"c"}, [one])
    with pytest.raises(TypeError, match="not to be declared so"):
        duplicate(Wrong(), {})


def test_declarations_that_cannot_be_read_are_not_believed():
    one = Undeclared()
    assert duplicate(one, {}).items is not one.items


def test_sets():
    key = Plain(name="key")
    pair = [{1, "a"}, {key}, key]
    twin = duplicate([*pair, pair[0], pair[1]], {})
    assert twin[0] == {1, "a"}
    assert twin[0] is twin[3] is not pair[0]
    assert twin[1] == {twin[2]}
    assert twin[1] is twin[4]
    assert twin[2] is not key


def test_objects_that_know_better_and_types_of_others():
    assert duplicate([Picky()], {}) == ["a copy"]
    assert duplicate([Reduced(1)], {})[0].value == 2
    assert duplicate({"s": {1, 2}}, {}) == {"s": {1, 2}}
    assert duplicate(SimpleNamespace(a=[1]), {}) == SimpleNamespace(a=[1])


def test_an_object_is_copied_once_across_both_ways():
    """What deepcopy copied is found again, and the other way round: they keep one memo."""
    shared = [1]
    memo = {}
    assert copy.deepcopy(shared, memo) is duplicate(shared, memo)
    twin = duplicate([SimpleNamespace(s=shared), shared], {})
    assert twin[0].s is twin[1]


def test_timers_go_on_in_both():
    clock, seen = Clock(), []
    clock.call_later(5, seen.append, 1)
    holder = Plain(clock=clock, seen=seen)
    clock.call_later(6, Slotted(seen).method)
    twin = duplicate(holder, {})
    twin.clock.run_for(10)
    assert (clock.now_ns, twin.clock.now_ns) == (0, 10)
    clock.check()
    twin.clock.check()


@pytest.mark.parametrize("drawn", [0, 1, 700])
def test_a_stream_and_its_copies_draw_the_same_from_there_on(drawn):
    stream = Stream("1/x")
    for _ in range(drawn):
        stream.random()
    first = duplicate(stream, {})
    second = copy.deepcopy(first)
    draws = [[s.getrandbits(40), s.random(), s.randint(1, 6)] for s in (first, stream, second)]
    assert draws[0] == draws[1] == draws[2]
    third = duplicate(first, {})
    first.random()
    first.random()
    assert third.random() == stream.random() == second.random()


def test_a_stream_has_the_methods_of_random():
    stream = Stream(1)
    items = list(range(10))
    stream.shuffle(items)
    assert sorted(items) == list(range(10))
    assert not hasattr(stream, "__len__")
    with pytest.raises(AttributeError):
        stream.no_such_thing  # noqa: B018

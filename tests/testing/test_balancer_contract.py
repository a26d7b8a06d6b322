"""check_balancer: every law is broken by somebody, with at most ten steps; who keeps them all passes."""

import random

import pytest

from meshsim.errors import BadValue, ContractBroken, InvalidRule, UnknownBalancer
from meshsim.testing import BALANCER_LAWS, check_balancer


class Turns:
    """Right: one after the other."""

    def __init__(self):
        self.turn = -1

    def pick(self, destinations, flow, now_ns):
        self.turn += 1
        return destinations[self.turn % len(destinations)]


class LeastBytes:
    """Right: the one of the reference page."""

    def pick(self, destinations, flow, now_ns):
        return min(destinations, key=lambda destination: destination.bytes_out)


class Seeded:
    """Right: random, from a seed of its own."""

    def __init__(self):
        self.rng = random.Random(7)

    def pick(self, destinations, flow, now_ns):
        return self.rng.choice(destinations)


class GivesWeight0(Turns):
    sees_all = True

    def pick(self, destinations, flow, now_ns):
        return super().pick(destinations, flow, now_ns) if destinations else None


class IgnoresRemoval:
    def __init__(self):
        self.known, self.turn = [], -1

    def added(self, destinations, destination, position):
        self.known.append(destination)

    def pick(self, destinations, flow, now_ns):
        alive = [each for each in self.known if each.usable]
        self.turn += 1
        return alive[self.turn % len(alive)]


class OneTooFar(Turns):
    """Off by one at the wrap."""

    def pick(self, destinations, flow, now_ns):
        self.turn = 0 if self.turn >= len(destinations) else self.turn + 1
        return destinations[self.turn]


class OneTooFew(Turns):
    """Off by one at the wrap: the last is never reached."""

    def pick(self, destinations, flow, now_ns):
        self.turn = (self.turn + 1) % max(1, len(destinations) - 1)
        return destinations[self.turn]


class SharedByClass:
    turn = 0

    def pick(self, destinations, flow, now_ns):
        SharedByClass.turn += 1
        return destinations[SharedByClass.turn % len(destinations)]


GLOBAL = {"turn": 0}


class SharedByModule:
    def pick(self, destinations, flow, now_ns):
        GLOBAL["turn"] += 1
        return destinations[GLOBAL["turn"] % len(destinations)]


class SharedByDefault:
    def __init__(self, turns=[0]):  # noqa: B006 - the mistake
        self.turns = turns

    def pick(self, destinations, flow, now_ns):
        self.turns[0] += 1
        return destinations[self.turns[0] % len(destinations)]


class Unseeded:
    def pick(self, destinations, flow, now_ns):
        return random.choice(destinations)


class UnseededOfItsOwn(Seeded):
    def __init__(self):
        self.rng = random.Random()


class CrashesOnOne(Turns):
    def pick(self, destinations, flow, now_ns):
        self.turn = (self.turn + 1) % (len(destinations) - 1)
        return destinations[self.turn]


class Sticks:
    def __init__(self):
        self.last = None

    def pick(self, destinations, flow, now_ns):
        if self.last not in destinations:
            self.last = destinations[0]
        return self.last


class Starves(Turns):
    """Never the third."""

    def pick(self, destinations, flow, now_ns):
        return super().pick(destinations[:2], flow, now_ns)


class Refuses(Turns):
    def pick(self, destinations, flow, now_ns):
        picked = super().pick(destinations, flow, now_ns)
        return None if self.turn == 3 else picked


class Sorts:
    sees_all = True

    def pick(self, destinations, flow, now_ns):
        destinations.sort(key=lambda each: each.total)
        return next((each for each in destinations if each.usable), None)


class GivesIndex(Turns):
    sees_all = True

    def pick(self, destinations, flow, now_ns):
        return 0


class LooksAllTheSame(Turns):
    sees_flow = False

    def pick(self, destinations, flow, now_ns):
        assert flow.source
        return super().pick(destinations, flow, now_ns)


class CannotBeCopied:
    def __init__(self):
        self.turns = (turn for turn in range(10**9))

    def pick(self, destinations, flow, now_ns):
        return destinations[next(self.turns) % len(destinations)]


class CrashesWhenTold(Turns):
    def removed(self, destinations, destination, position):
        raise LookupError(destination.address)


def caught(balancer, **options) -> ContractBroken:
    with pytest.raises(ContractBroken) as error:
        check_balancer(balancer, **options)
    assert 1 <= len(error.value.steps) <= 10
    return error.value


WRONG = [
    (GivesWeight0, "weight 0"),
    (IgnoresRemoval, "removed"),
    (OneTooFar, "survives"),
    (OneTooFew, "sticks"),
    (SharedByClass, "shared"),
    (SharedByModule, "shared"),
    (SharedByDefault, "shared"),
    (Unseeded, "deterministic"),
    (UnseededOfItsOwn, "deterministic"),
    (CrashesOnOne, "survives"),
    (Sticks, "sticks"),
    (Starves, "starves"),
    (Refuses, "total"),
    (Sorts, "reads only"),
    (GivesIndex, "own"),
    (CannotBeCopied, "copies"),
    (CrashesWhenTold, "survives"),
    (LooksAllTheSame, "survives"),
]


@pytest.mark.parametrize(("wrong", "law"), WRONG)
def test_a_wrong_balancer_is_caught(wrong, law):
    broken = caught(wrong)
    assert broken.law == law
    assert broken.subject == wrong.__name__
    assert f'{wrong.__name__} breaks the law "{law}": {broken.sentence}' in str(broken)
    assert f"  1. {broken.steps[0]}" in str(broken)


def test_every_law_is_broken_by_somebody():
    assert {law for _, law in WRONG} | {"fair"} == set(BALANCER_LAWS)


@pytest.mark.parametrize(
    ("wrong", "steps"),
    [
        (GivesWeight0, ("add A with weight 0", "1 connection: A")),
        (IgnoresRemoval, ("add A", "add B", "remove B", "2 connections: A B")),
        (OneTooFar, ("add A", "1 connection: A, and one more")),
        (OneTooFew, ("add A", "add B", "405 connections: 405 to B")),
        (CrashesOnOne, ("add A", "no connection yet, and one more")),
        (Sticks, ("add A", "add B", "405 connections: 405 to B")),
        (Starves, ("add A", "add B", "add C", "405 connections: 202 to B, 203 to C")),
        (Refuses, ("add A", "4 connections: A A A nobody")),
    ],
)
def test_the_counter_example_is_the_shortest_in_words(wrong, steps):
    assert caught(wrong).steps == steps


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (SharedByClass, "SharedByClass.turn went from"),
        (SharedByModule, "the global GLOBAL went from"),
        (SharedByDefault, "SharedByDefault().turns, one for all, went from"),
    ],
)
def test_what_is_shared_is_named(wrong, says):
    assert says in caught(wrong).sentence


@pytest.mark.parametrize("wrong", [OneTooFew, Starves, Sticks])
def test_unfair_beyond_the_bound(wrong):
    assert caught(wrong, fair_within=1).law == "fair"


def test_fairness_by_weight():
    assert caught(Turns, fair_within=1, weighted=True).law == "fair"
    check_balancer("wrr", fair_within=3, weighted=True, examples=60)


@pytest.mark.parametrize("right", ["rr", "lc", Turns, LeastBytes])
def test_right_ones_pass_with_fair_turns(right):
    check_balancer(right, fair_within=1)


@pytest.mark.parametrize("right", ["wrr", "wlc", "sed", "nq", "lblcr", "twos", Seeded])
def test_right_ones_pass(right):
    check_balancer(right, examples=60)


@pytest.mark.parametrize(
    ("name", "laws"),
    [("sh", ["total"]), ("dh", ["total", "sticks", "starves"]), ("fo", ["sticks", "starves"])],
)
def test_those_with_other_aims_pass_without_some_laws(name, laws):
    assert caught(name).law in laws
    check_balancer(name, skip=laws, examples=60)


def test_the_same_call_finds_the_same():
    assert str(caught(Starves)) == str(caught(Starves))


def test_the_random_module_is_left_as_it_was():
    random.seed(5)
    expected = [random.random() for _ in range(3)]
    random.seed(5)
    with pytest.raises(ContractBroken):
        check_balancer(Unseeded)
    assert [random.random() for _ in range(3)] == expected


def test_one_object_for_all_services():
    only = Turns()

    def factory():
        return only

    broken = caught(factory)
    assert (broken.law, broken.steps) == ("shared", ("call the factory", "call it again"))


def test_a_skipped_law_hides_no_other():
    class TwoWrongs(OneTooFar):
        def removed(self, destinations, destination, position):
            self.turn = None

    check_balancer(Refuses, skip=["total"], examples=40)
    assert caught(SharedByClass, skip=["shared"]).law == "copies"
    assert caught(TwoWrongs, skip=["copies"]).law == "survives"
    check_balancer(Sticks, skip=["sticks", "starves"], examples=40)
    check_balancer(Sorts, skip=["reads only"], examples=40)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((Turns,), {"skip": ["luck"]}, BadValue, "no law 'luck' to skip; the laws are survives, total"),
        ((Turns,), {"fair_within": -1}, BadValue, "nothing is fair within -1"),
        ((Turns,), {"examples": 0}, BadValue, "at least one example, not 0"),
        (("fastest",), {}, UnknownBalancer, "'fastest'; known: rr"),
        ((Turns(),), {}, InvalidRule, "give the class, not an instance"),
        ((dict,), {}, InvalidRule, "has no method pick"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, options, error, says):
    with pytest.raises(error, match=says):
        check_balancer(*arguments, **options)

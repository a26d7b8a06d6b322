"""Room testing: the laws of balancers.

Comes in: a name or a factory of balancers. Goes out: nothing, or the shortest way to see it break a law. Rule
of this file: a history is data; it is lived through twice, the second time beside another service.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from hypothesis import strategies as st

from meshsim.errors import BadValue, ContractBroken
from meshsim.ipvs import Balancer, BalancerChoice, make_balancer
from meshsim.ipvs.balancers.registry import balancer_name
from meshsim.testing.contracts.life import GOING_ON, Life, Make, Step
from meshsim.testing.contracts.outside import changed_outside
from meshsim.testing.contracts.search import MOST_STEPS, Breach, Lawless, hold, kept_laws

__all__ = ["BALANCER_LAWS", "check_balancer"]

#: what a balancer must do, by name
BALANCER_LAWS: Final = {
    "survives": "no method raises, whatever comes and goes, down to one destination and none",
    "total": "something is picked whenever something may be",
    "own": "what is picked is one of the destinations it was given",
    "removed": "what was removed is never picked again",
    "weight 0": "what has weight 0 is never picked",
    "reads only": "destinations and their list are left as they are",
    "sticks": "not everybody is sent to one destination for ever",
    "starves": "every destination that may be used is used at some time",
    "fair": "shares differ from the fair ones by no more than the bound given",
    "shared": "what happens to one service changes no answer of another",
    "deterministic": "the same history gives the same picks",
    "copies": "a copy, as a cluster's fork makes one, goes on as the original would",
}

_WEIGHTS = st.sampled_from([1, 2, 3, 0])
_PLACES = st.integers(0, 5)
_ADDS = st.tuples(st.just("add"), st.just(0), _WEIGHTS)
_CONNECTS = st.tuples(st.just("connect"), st.just(0), st.integers(1, 5))
_STEPS = st.one_of(
    _ADDS,
    _CONNECTS,
    st.tuples(st.just("remove"), _PLACES, st.just(0)),
    st.just(("remove picked", 0, 0)),
    st.tuples(st.just("weigh"), _PLACES, _WEIGHTS),
    st.just(("close", 0, 0)),
)
#: two steps are left: for the connections at the end, and for the copy
_HISTORIES = st.lists(_STEPS, min_size=1, max_size=MOST_STEPS - 2)
#: services that are set up and then used: the ones fairness is a question for
_FRESH = st.tuples(st.lists(_ADDS, min_size=1, max_size=5), st.lists(_CONNECTS, max_size=3)).map(
    lambda parts: [*parts[0], *parts[1]]
)


class _Court:
    """Judges histories of one balancer."""

    def __init__(self, make: Make, laws: Sequence[str], bound: float | None, weighted: bool) -> None:
        self.make = make
        self.laws = laws
        self.bound = bound
        self.weighted = weighted

    def __call__(self, history: list[Step]) -> Breach | None:
        """The breach a history shows, or None."""
        state = random.getstate()
        try:
            return self._judge([*history, ("connect", 0, GOING_ON)])
        finally:
            random.setstate(state)

    def _judge(self, history: list[Step]) -> Breach | None:
        random.seed(1)
        life = self._begin()
        try:
            for step in history:
                life.take(step)
            if self.bound is not None and "fair" in self.laws and _is_fresh(history):
                life.is_fair(self.bound, self.weighted)
            breach = self._again(history, life)
            if breach is None:
                life.nobody_is_left_out()
                if "copies" in self.laws:
                    life.goes_on_as_its_copy()
        except Lawless as lawless:
            if lawless.law in self.laws:
                return Breach(lawless.law, lawless.sentence, tuple(life.words))
            breach = None
        return breach

    def _begin(self) -> Life:
        return Life(self.make, self.laws)

    def _again(self, history: list[Step], first: Life) -> Breach | None:
        """Live through it again, beside another service to which the same is done."""
        random.seed(2)
        life, other = self._begin(), self._begin()
        for step in history:
            known = len(life.picks)
            try:
                life.take(step)
                other.take(step)
            except Lawless as lawless:
                return None if lawless.law not in self.laws else self._differs(life, "", "")
            ours, theirs = life.picks[known:], first.picks[known : len(life.picks)]
            if ours != theirs:
                return self._differs(life, " ".join(theirs), " ".join(ours))
        return None

    def _differs(self, life: Life, before: str, now: str) -> Breach | None:
        what = f"{before} before, {now} now" if now else "it broke down"
        steps = (*life.words[:-1], f"{life.words[-1]}; once more, beside another service: {what}")
        culprit = changed_outside(self.make, _use)
        if culprit:
            law, sentence = "shared", f"{culprit}, so services are not apart"
        else:
            law, sentence = "deterministic", "the same history gave other picks: something is not seeded"
        return Breach(law, sentence, steps) if law in self.laws else None


def _is_fresh(history: Sequence[Step]) -> bool:
    kinds = [what for what, _, _ in history]
    return kinds == sorted(kinds) and {*kinds} <= {"add", "connect"}


def _use(balancer: Balancer) -> None:
    """Let a balancer serve three connections of a service of its own."""
    life = Life(lambda: balancer, ())
    for step in (("add", 0, 1), ("add", 0, 1), ("connect", 0, 3)):
        life.take(step)


def check_balancer(
    choice: BalancerChoice,
    *,
    fair_within: float | None = None,
    weighted: bool = False,
    skip: Collection[str] = (),
    examples: int = 150,
) -> None:
    """Put a balancer through the laws of balancers; nothing happens when it keeps them.

    Services are set up, used and changed in many ways, the same ways every time this is called.

    Args:
        choice: what a cluster takes as ``balancer``: a class or factory of one's own, or a name.
        fair_within: how many connections a destination's count may be away from its fair share, at every
            moment after the service was set up; None: fairness is not asked for.
        weighted: fair shares are in proportion to the weights, not equal.
        skip: names of laws it need not keep, of those in :data:`BALANCER_LAWS`; a hash of the client
            alone, for example, may have "sticks" and "starves" skipped.
        examples: how many histories are tried.

    Raises:
        ContractBroken: a law is broken; the error has the shortest history found that shows it.
        BadValue: no such law, or a bound or number of examples that makes no sense.
        InvalidRule, UnknownBalancer: it is no balancer at all.

    >>> class Last:
    ...     def pick(self, destinations, flow, now_ns):
    ...         return destinations[-1]
    >>> check_balancer(Last)
    Traceback (most recent call last):
    ...
    meshsim.errors.ContractBroken: Last breaks the law "sticks": all went to A
      1. add A
      2. add B
      3. 405 connections: 405 to A
    >>> check_balancer("rr", fair_within=1)
    """
    laws = kept_laws(BALANCER_LAWS, skip)
    if fair_within is not None and fair_within < 0:
        raise BadValue(f"nothing is fair within {fair_within:g}", str(fair_within))
    make = partial(make_balancer, choice)
    name = balancer_name(choice)
    if make() is make() and "shared" in laws:
        sentence = "it gave the same object twice, so services are not apart"
        raise ContractBroken(name, "shared", sentence, ("call the factory", "call it again"))
    cases = st.one_of(_HISTORIES, _FRESH)
    hold(name, cases, _Court(make, laws, fair_within, weighted), examples)

"""Balancers by name: from ipvsadm's words, or a user's own class, to a fresh instance.

In: a name as ``rr`` with its flags, or any callable that makes a balancer. Out: a balancer for one
virtual service. Everything that lets a user choose a balancer goes through :func:`resolve_balancer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TypeAlias

from meshsim.errors import InvalidRule, UnknownBalancer
from meshsim.ipvs.balancers.failover import Failover, Nothing, Overflow
from meshsim.ipvs.balancers.hashing import DestinationHash, SourceHash
from meshsim.ipvs.balancers.least import (
    LeastConnections,
    NeverQueue,
    ShortestExpectedDelay,
    WeightedLeastConnections,
)
from meshsim.ipvs.balancers.locality import LocalityLeastConnections, LocalityReplication
from meshsim.ipvs.balancers.maglev import Maglev
from meshsim.ipvs.balancers.protocol import Balancer, BalancerFactory, Options
from meshsim.ipvs.balancers.round_robin import RoundRobin, WeightedRoundRobin
from meshsim.ipvs.balancers.twos import PowerOfTwo

__all__ = ["BALANCERS", "BalancerChoice", "check_flags", "make_balancer", "resolve_balancer"]

BalancerChoice: TypeAlias = str | BalancerFactory
"""What a user may say where a balancer is asked for: ipvsadm's name, or a class of one's own."""


def _sh(options: Options) -> Balancer:
    return SourceHash(fallback="sh-fallback" in options.flags, port="sh-port" in options.flags)


def _mh(options: Options) -> Balancer:
    return Maglev(fallback="mh-fallback" in options.flags, port="mh-port" in options.flags)


def _lc(options: Options) -> Balancer:
    return LeastConnections(options.active_weight)


def _wlc(options: Options) -> Balancer:
    return WeightedLeastConnections(options.active_weight)


def _lblc(options: Options) -> Balancer:
    return LocalityLeastConnections(options.active_weight, options.sysctls)


def _lblcr(options: Options) -> Balancer:
    return LocalityReplication(options.active_weight, options.sysctls)


def _twos(options: Options) -> Balancer:
    return PowerOfTwo(options.rng or Random(0), options.active_weight)


def _plain(factory: BalancerFactory) -> Callable[[Options], Balancer]:
    """A maker for a class that needs no options."""

    def make(options: Options) -> Balancer:  # noqa: ARG001 - every maker is called with them
        return factory()

    return make


BALANCERS: Mapping[str, Callable[[Options], Balancer]] = {
    "rr": _plain(RoundRobin),
    "wrr": _plain(WeightedRoundRobin),
    "lc": _lc,
    "wlc": _wlc,
    "sed": _plain(ShortestExpectedDelay),
    "nq": _plain(NeverQueue),
    "sh": _sh,
    "dh": _plain(DestinationHash),
    "mh": _mh,
    "lblc": _lblc,
    "lblcr": _lblcr,
    "fo": _plain(Failover),
    "ovf": _plain(Overflow),
    "twos": _twos,
    "none": _plain(Nothing),
}
"""The kernel's schedulers by ipvsadm's names."""

_FLAGS = ("sh-fallback", "sh-port", "mh-fallback", "mh-port")
_NUMBERED = ("flag-1", "flag-2", "flag-3")
_ALIASES = {"flag-1": "-fallback", "flag-2": "-port"}


def resolve_balancer(choice: BalancerChoice) -> BalancerChoice:
    """Check what a user said where a balancer is asked for, and give it back.

    Args:
        choice: a name as ipvsadm takes it, or a class (any callable without arguments) that makes an
            object with a ``pick`` method.

    Raises:
        UnknownBalancer: no balancer has that name; the error lists those there are.
        InvalidRule: neither a name nor a callable.

    >>> resolve_balancer("wlc")
    'wlc'
    >>> resolve_balancer("fastest")
    Traceback (most recent call last):
    ...
    meshsim.errors.UnknownBalancer: Scheduler or persistence engine not found: 'fastest'; known: rr, ...
    """
    if isinstance(choice, str):
        if choice not in BALANCERS:
            raise UnknownBalancer(choice, tuple(BALANCERS))
    elif not callable(choice):
        raise InvalidRule(
            f"a balancer is a name or a class with a pick method, not {choice!r}"
            + (": give the class, not an instance" if hasattr(choice, "pick") else "")
        )
    return choice


def balancer_name(choice: BalancerChoice) -> str:
    """What stands where ipvsadm prints the scheduler: its name, or the class's."""
    return choice if isinstance(choice, str) else getattr(choice, "__name__", type(choice).__name__)


def check_flags(choice: BalancerChoice, flags: str | Sequence[str]) -> tuple[str, ...]:
    """Scheduler flags as ``ipvsadm -b`` takes them, in the order ipvsadm prints them.

    Raises:
        InvalidRule: an unknown flag, or one of another scheduler.
    """
    given = [part for part in flags.split(",") if part] if isinstance(flags, str) else list(flags)
    if choice in ("sh", "mh"):
        given = [f"{choice}{_ALIASES[flag]}" if flag in _ALIASES else flag for flag in given]
    for flag in given:
        if flag not in _FLAGS and flag not in _NUMBERED:
            raise InvalidRule(f"invalid scheduler flag `{flag}'")
        if flag in _FLAGS and flag.split("-")[0] != choice:
            raise InvalidRule(f"incompatible scheduler flag `{flag}'")
    return tuple(flag for flag in _FLAGS + _NUMBERED if flag in given)


def make_balancer(choice: BalancerChoice, options: Options | None = None) -> Balancer:
    """A fresh balancer for one virtual service.

    Args:
        choice: a name or a factory, see :func:`resolve_balancer`.
        options: what the built-in ones are made from.

    >>> make_balancer("rr").pick([], None, 0) is None
    True
    """
    choice = resolve_balancer(choice)
    made = BALANCERS[choice](options or Options()) if isinstance(choice, str) else choice()
    if not callable(getattr(made, "pick", None)):
        raise InvalidRule(f"{balancer_name(choice)} makes {made!r}, which has no method pick")
    return made

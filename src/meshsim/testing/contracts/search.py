"""Room testing: the search for the shortest way to break a law.

Comes in: a strategy of cases, and a judge who says of a case whether it breaks a law. Goes out: the shortest
breach found, or none. Rules of this file: the same search finds the same breach (nothing is drawn from
outside, no database is kept); what breaks a law only now and then is a breach all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from attrs import frozen
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from meshsim.errors import BadValue, ContractBroken

__all__ = ["MOST_STEPS", "Breach", "Lawless", "hold", "kept_laws", "lawful"]

#: a counter-example has at most so many steps
MOST_STEPS = 10

Case = TypeVar("Case")


@frozen
class Breach:
    """A law that was broken.

    Attributes:
        law: its name.
        sentence: what went wrong.
        steps: what was done, the last step shows it.
    """

    law: str
    sentence: str
    steps: tuple[str, ...] = ()


class Lawless(Exception):
    """Raised where a law is seen broken, caught where the steps are known."""

    def __init__(self, law: str, sentence: str) -> None:
        super().__init__(law, sentence)
        self.law = law
        self.sentence = sentence


@contextmanager
def lawful(law: str, what: str) -> Iterator[None]:
    """Whatever a user's code raises in here breaks a law.

    Args:
        law: which.
        what: what was called, as ``pick``.
    """
    try:
        yield
    except Lawless:
        raise
    except Exception as error:
        raise Lawless(law, f"{what} raised {type(error).__name__}: {error}") from error


def kept_laws(laws: Mapping[str, str], skip: Collection[str]) -> tuple[str, ...]:
    """The names of the laws that are to be kept.

    Raises:
        BadValue: one of those to skip is no law.
    """
    for name in (skip,) if isinstance(skip, str) else skip:
        if name not in laws:
            raise BadValue(f"there is no law {name!r} to skip; the laws are {', '.join(laws)}", str(name))
    return tuple(name for name in laws if name not in skip)


def hold(
    subject: str,
    cases: SearchStrategy[Case],
    judge: Callable[[Case], Breach | None],
    examples: int,
) -> None:
    """Hold a subject to its laws.

    Args:
        subject: what it is called.
        cases: what is tried.
        judge: says what a case breaks.
        examples: how many cases are tried.

    Raises:
        ContractBroken: with the shortest breach found.
        BadValue: less than one example.
    """
    if examples < 1:
        raise BadValue(f"a contract needs at least one example, not {examples}", str(examples))
    breach = _shortest(cases, judge, examples)
    if breach is not None:
        raise ContractBroken(subject, breach.law, breach.sentence, breach.steps)


def _shortest(
    cases: SearchStrategy[Case], judge: Callable[[Case], Breach | None], examples: int
) -> Breach | None:
    found: list[Breach] = []

    # A subject may itself be under a test of hypothesis', so the check against nesting is off as well.
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def search(case: Case) -> None:
        breach = judge(case)
        if breach is not None:
            if not found or len(breach.steps) <= len(found[-1].steps):
                found.append(breach)
            raise Lawless(breach.law, breach.sentence)

    # Flaky: a breach that does not come again is one of a subject that draws lots.
    try:
        search()
    except (Lawless, Flaky):
        return found[-1]
    return None

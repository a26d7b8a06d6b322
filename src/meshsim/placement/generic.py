"""Room placement: generic resources, countable things a node offers (``gpu=UUID1,gpu=UUID2,apple=5``).

Comes in: what a node offers per kind (an amount, or a list of names) and what a task wants per kind (an
amount). Goes out: whether it is enough, what was claimed, what is left. Rule of this file: what is
available is a plain dict owned by the caller and changed here; what is offered, wanted or assigned is
frozen. It does not know nodes or tasks.

Source: swarmkit api/genericresource (parse.go, helpers.go, resource_management.go, validate.go, string.go).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import TypeAlias

from meshsim.errors import BadValue
from meshsim.model.frozen import FrozenDict
from meshsim.model.specs import GenericResources

__all__ = [
    "Available",
    "claim_generic",
    "consume_generic",
    "enough_generic",
    "environment",
    "parse_generic",
    "reclaim_generic",
]

#: kind -> amount left, or names left in the order in which they will be given away
Available: TypeAlias = "dict[str, int | list[str]]"

_ERROR = "could not parse GenericResource: "
_INTEGER = re.compile(r"[+-]?[0-9]+")


def parse_generic(text: str) -> GenericResources:
    """Parse ``KEY=VALUE,KEY=VALUE``: one integer makes an amount, several values or a word make names.

    Raises:
        BadValue: with SwarmKit's sentence.

    >>> parse_generic("apple=5,gpu=a,gpu=b")
    {'apple': 5, 'gpu': ('a', 'b')}
    >>> parse_generic("apple=-3")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: could not parse GenericResource: cannot ask for negative resource apple

    Source: swarmkit api/genericresource/parse.go ParseCmd, Parse.
    """
    if "\n" in text:
        raise BadValue(f"{_ERROR}unexpected '\n' character", text)
    values: dict[str, list[str]] = {}
    for term in next(csv.reader([text]), []):
        if term.count("=") != 1:
            raise BadValue(f"{_ERROR}incorrect term {term}, missing '=' or malformed expression", text)
        kind, _, value = term.partition("=")
        values.setdefault(kind.strip(), []).append(value.strip())
    if not values:
        raise BadValue(f"{_ERROR}found multiple records while parsing cmd []", text)
    return FrozenDict({kind: _amount_or_names(kind, found, text) for kind, found in values.items()})


def _amount_or_names(kind: str, values: list[str], text: str) -> int | tuple[str, ...]:
    integers = [value for value in values if _INTEGER.fullmatch(value)]
    if len(values) == 1 and integers:
        if int(values[0]) < 0:
            raise BadValue(f"{_ERROR}cannot ask for negative resource {kind}", text)
        return int(values[0])
    if integers:
        shown = f"{kind}=[{' '.join(values)}]"
        raise BadValue(f"{_ERROR}mixed discrete and named resources in expression '{shown}'", text)
    return tuple(values)


def enough_generic(available: Mapping[str, object], wanted: GenericResources) -> bool:
    """Whether every kind wanted is there in sufficient number.

    A kind that is absent is never enough, not even for none of it; names cannot be wanted.

    >>> enough_generic({"apple": 2, "gpu": ["a"]}, FrozenDict(apple=2, gpu=1))
    True
    >>> enough_generic({}, FrozenDict(apple=0))
    False

    Source: swarmkit api/genericresource/validate.go HasEnough.
    """
    for kind, amount in wanted.items():
        left = available.get(kind)
        if left is None or not isinstance(amount, int):
            return False
        if (left if isinstance(left, int) else len(left)) < amount:  # type: ignore[arg-type]
            return False
    return True


def claim_generic(available: Available, wanted: GenericResources) -> GenericResources:
    """Take what is wanted out of ``available``: of names, the first ones in list order.

    A kind of which nothing is left disappears.

    Returns:
        What was taken, as it is recorded on the task.

    >>> left = {"orange": ["red", "orange", "blue"], "apple": 3}
    >>> claim_generic(left, FrozenDict(orange=2, apple=3)), left
    ({'orange': ('red', 'orange'), 'apple': 3}, {'orange': ['blue']})

    Source: swarmkit api/genericresource/resource_management.go Claim.
    """
    taken: dict[str, int | tuple[str, ...]] = {}
    for kind, amount in wanted.items():
        left = available.get(kind)
        if not isinstance(amount, int):
            continue
        if isinstance(left, int) and left >= amount != 0:
            taken[kind] = amount
        elif isinstance(left, list):
            # Counting up to the amount starts at one, so a wish for none takes all.
            taken[kind] = tuple(left[:amount] if amount else left)
    assigned = FrozenDict(taken)
    consume_generic(available, assigned)
    return assigned


def consume_generic(available: Available, assigned: GenericResources) -> None:
    """Take what a task already holds out of ``available``.

    Source: swarmkit api/genericresource/resource_management.go ConsumeNodeResources.
    """
    for kind, held in assigned.items():
        left = available.get(kind)
        if isinstance(left, int) and isinstance(held, int):
            available[kind] = left - held
            gone = left <= held
        elif isinstance(left, list) and isinstance(held, tuple):
            available[kind] = rest = [name for name in left if name not in held]
            gone = not rest
        else:
            continue
        if gone:
            del available[kind]


def reclaim_generic(available: Available, assigned: GenericResources, offered: GenericResources) -> None:
    """Give back what a task held, then trim to what the node offers now.

    Names go to the end of the list. What the node does not offer any more is dropped, amounts are capped,
    and a kind that changed its type starts afresh.

    >>> left = {"orange": ["blue", "red"], "apple": 5}
    >>> held, offered = FrozenDict(orange=("green",), apple=1), FrozenDict(orange=("blue", "green", "red"))
    >>> reclaim_generic(left, held, offered)
    >>> left
    {'orange': ['blue', 'red', 'green']}

    Source: swarmkit api/genericresource/resource_management.go Reclaim, sanitize.
    """
    for kind, held in assigned.items():
        left = available.get(kind)
        if isinstance(held, int):
            if left is None or isinstance(left, int):
                available[kind] = (left or 0) + held
        elif left is None or isinstance(left, list):
            available[kind] = [*(left or ()), *held]
    for kind in list(available):
        _trim(available, kind, offered.get(kind))


def _trim(available: Available, kind: str, offered: int | tuple[str, ...] | None) -> None:
    left = available[kind]
    if isinstance(offered, int):
        available[kind] = min(left, offered) if isinstance(left, int) else offered
        return
    kept = (
        [name for name in left if name in (offered or ())] if isinstance(left, list) else list(offered or ())
    )
    if kept:
        available[kind] = kept
    else:
        del available[kind]


def environment(assigned: GenericResources, prefix: str = "DOCKER_RESOURCE") -> dict[str, str]:
    """Return the variables a container sees for what its task holds.

    >>> environment(FrozenDict(gpu=("UUID1", "UUID2")))
    {'DOCKER_RESOURCE_GPU': 'UUID1,UUID2'}

    Source: swarmkit api/genericresource/string.go Env.
    """
    return {
        f"{prefix}_{kind.upper()}": ",".join(held) if isinstance(held, tuple) else str(held)
        for kind, held in assigned.items()
    }

"""Room manager: the order in which a Go program walks a map, which is the order of some of its decisions.

Comes in: things in their natural order. Goes out: the same things in the order of the walk. Rules of
this file: without a generator the natural order is kept. It does not know what is ordered.

Source: Go 1.24 internal/runtime/maps (groups of eight places, filled in order of insertion; the walk
starts at a random place); recorded from a real swarm.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

__all__ = ["map_order"]

T = TypeVar("T")

_PLACES = 8
#: a group of eight places is split in two when more than seven eighths are filled
_LOAD = 7


def map_order(items: Iterable[T], rng: Random | None) -> list[T]:
    """Return the items as a Go map of them would be walked; as given when there is no generator.

    Up to eight items stand in one group of eight places and the walk starts at a random one of these
    places: a rotation, or (an empty place hit) the natural order. More items fall into 2, 4, 8 ... groups
    at random, keep their order inside a group, and the walk starts at a random place of all.

    >>> from meshsim.sim import Streams
    >>> map_order([1, 2, 3], None)
    [1, 2, 3]
    >>> sorted(map_order(range(20), Streams(0)["ties"])) == list(range(20))
    True
    """
    things = list(items)
    if rng is None or len(things) < 2:
        return things
    count = 1
    while len(things) > (_PLACES if count == 1 else _LOAD * count):
        count *= 2
    groups: list[list[T]] = [[] for _ in range(count)]
    for thing in things:
        at = rng.randrange(count) if count > 1 else 0
        while len(groups[at]) == _PLACES:
            at = (at + 1) % count
        groups[at].append(thing)
    first, place = divmod(rng.randrange(count * _PLACES), _PLACES)
    walk = groups[first][place:]
    for step in range(1, count):
        walk += groups[(first + step) % count]
    return walk + groups[first][:place]

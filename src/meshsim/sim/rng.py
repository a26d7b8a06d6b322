"""Room sim: random numbers by name.

Comes in: one seed. Goes out: one generator per consumer, so that a new draw in one room does not
shift another. Rule of this file: a stream's draws depend on the seed and its own name alone.
"""

from __future__ import annotations

import random
from typing import Any, Self

__all__ = ["Stream", "Streams"]


class Stream(random.Random):
    """A :class:`random.Random` that copies fast (its state is one immutable tuple)."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self)(0)
        twin.setstate(self.getstate())
        memo[id(self)] = twin
        return twin


class Streams:
    """The named generators of one seed; made when first asked for.

    >>> Streams(7)["ids"].random() == Streams(7)["ids"].random()
    True
    >>> Streams(7)["ids"].random() == Streams(7)["ties"].random()
    False
    """

    __slots__ = ("_by_name", "seed")

    def __init__(self, seed: int | str = 0) -> None:
        self.seed = seed
        self._by_name: dict[str, Stream] = {}

    def __getitem__(self, name: str) -> Stream:
        """The generator of that name. O(1)."""
        stream = self._by_name.get(name)
        if stream is None:
            # A str seed is hashed by sha512 inside random.seed, so PYTHONHASHSEED plays no part.
            stream = self._by_name[name] = Stream(f"{self.seed}/{name}")
        return stream

    def __repr__(self) -> str:
        return f"<Streams seed={self.seed!r} in use: {', '.join(sorted(self._by_name)) or 'none'}>"

"""Room sim: random numbers by name.

Comes in: one seed. Goes out: one generator per consumer, so that a new draw in one room does not
shift another. Rule of this file: a stream's draws depend on the seed and its own name alone.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

__all__ = ["Stream", "Streams"]

if TYPE_CHECKING:
    _Random = random.Random
else:
    _Random = object


class Stream(_Random):
    """A :class:`random.Random` that costs nothing until it is drawn from.

    It has all of that class's methods. The generator behind it is made with the first draw; a copy and its
    original share it until one of them draws again, since copying the state of a Mersenne twister takes
    longer than most cluster objects together.

    >>> import copy
    >>> stream = Stream("7/ids")
    >>> first = stream.random()
    >>> twin = copy.deepcopy(stream)
    >>> stream.random() == twin.random() != first
    True
    """

    def __init__(self, seed: int | str) -> None:
        self._seed = seed
        #: the generator, or the state of one that is shared with a copy
        self._source: random.Random | None = None
        self._shared = False

    def __getattr__(self, name: str) -> Any:
        """A method of the generator, which is kept: the next draw finds it at once."""
        if name.startswith("__"):
            raise AttributeError(name)
        method = getattr(self._awake(), name)
        self.__dict__[name] = method
        return method

    def _awake(self) -> random.Random:
        """The generator, this stream's alone."""
        source = self._source
        if source is None:
            # A str seed is hashed by sha512 inside random.seed, so PYTHONHASHSEED plays no part.
            source = random.Random(self._seed)
        elif self._shared:
            state = source.getstate()
            source = random.Random(0)
            source.setstate(state)
        self._source, self._shared = source, False
        return source

    def __deepcopy__(self, memo: dict[int, Any]) -> Stream:
        twin = memo[id(self)] = Stream(self._seed)
        if self._source is not None:
            if not self._shared:
                # The kept methods go too: whoever draws next makes a generator of its own.
                self.__dict__ = {"_seed": self._seed, "_source": self._source, "_shared": True}
            twin._source, twin._shared = self._source, True
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
            stream = self._by_name[name] = Stream(f"{self.seed}/{name}")
        return stream

    def __repr__(self) -> str:
        return f"<Streams seed={self.seed!r} in use: {', '.join(sorted(self._by_name)) or 'none'}>"

"""Room model: what all stored values have in common.

Frozen values are shared freely: a copy of a cluster keeps the very same objects, so copying one is a
no-op. :class:`FrozenDict` is the mapping that labels, options and resources are kept in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

from meshsim.sim import Shared

__all__ = ["EMPTY", "Frozen", "FrozenDict", "frozen_dict"]

K = TypeVar("K")
V = TypeVar("V")


class Frozen(Shared):
    """Base of immutable values: its own copy, its own deep copy."""

    __slots__ = ()


class FrozenDict(Shared, dict[K, V]):
    """A dict that cannot be changed and can be hashed.

    >>> labels = FrozenDict({"zone": "a"})
    >>> labels["zone"] = "b"
    Traceback (most recent call last):
    ...
    TypeError: FrozenDict is read-only
    >>> labels.plus("rack", "7").minus("zone")
    {'rack': '7'}
    """

    __slots__ = ()

    def plus(self, key: K, value: V) -> FrozenDict[K, V]:
        """This with one entry more, or another value for it. O(entries)."""
        return FrozenDict({**self, key: value})

    def minus(self, key: K) -> FrozenDict[K, V]:
        """This without an entry; itself when it has none. O(entries)."""
        return FrozenDict({k: v for k, v in self.items() if k != key}) if key in self else self

    def _read_only(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("FrozenDict is read-only")

    __setitem__ = __delitem__ = _read_only
    clear = pop = popitem = setdefault = update = _read_only
    __ior__ = _read_only

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))


def frozen_dict(value: Mapping[K, V] | Iterable[tuple[K, V]] | None) -> FrozenDict[K, V]:
    """Turn any mapping into a :class:`FrozenDict` (attrs converter); None is empty."""
    if isinstance(value, FrozenDict):
        return value
    return FrozenDict(value) if value else EMPTY


#: the one empty one; most labels and options are
EMPTY: Final[FrozenDict[Any, Any]] = FrozenDict()

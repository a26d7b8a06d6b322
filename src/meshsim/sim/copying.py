"""Room sim: copying a running simulation.

Comes in: any object. Goes out: its twin, what :func:`copy.deepcopy` would give, several times faster.
Rules of this file: values that never change (:class:`Shared`, texts, numbers, enumerations ...) are their
own twins, and so are tuples of them; every other object is copied once; an object that knows better says
so by ``__deepcopy__``. It knows nothing of what it copies.

The speed comes from asking about types, not values: a type is classified once, and a container whose
items are all of unchanging types is copied by its own ``copy``.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable
from copyreg import dispatch_table
from enum import Enum
from itertools import repeat
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType, NoneType
from typing import Any, Final, Self, TypeAlias, TypeVar

import attrs

__all__ = ["Shared", "duplicate"]

T = TypeVar("T")
Memo: TypeAlias = dict[int, Any]
_How: TypeAlias = Callable[[Any, Memo], Any]


class Shared:
    """Base of values that never change: their own copy, their own deep copy."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Memo) -> Self:
        return self


def duplicate(value: T, memo: Memo) -> T:
    """Copy an object and all that is reached from it; to be called from ``__deepcopy__`` with its memo.

    >>> class Timer:
    ...     def __init__(self, names, callback):
    ...         self.names, self.callback = names, callback
    >>> timer = Timer(("a", "b"), [].append)
    >>> other = duplicate({"t": timer, "same": timer}, {})
    >>> other["t"] is other["same"], other["t"] is timer, other["t"].names is timer.names
    (True, False, True)
    """
    kind = type(value)
    if kind in _SHARED:
        return value
    done = memo.get(id(value))
    if done is not None:
        return done  # type: ignore[no-any-return]
    return (_HOW.get(kind) or _learn(kind))(value, memo)  # type: ignore[no-any-return]


def _learn(kind: type) -> _How:
    """Find out, once, how objects of a type are copied."""
    own = getattr(kind, "__deepcopy__", None)
    how: _How
    if issubclass(kind, Enum | type) or own is Shared.__deepcopy__:
        _SHARED.add(kind)
        return _itself
    if own is not None:
        how = own
    else:
        how = _Plan(kind) if _is_simple(kind) else copy.deepcopy
    _HOW[kind] = how
    return how


def _is_simple(kind: type) -> bool:
    """Whether an object of the type is nothing but its slots and its dict."""
    hooks = ["__reduce_ex__", "__reduce__"]
    if not attrs.has(kind):  # attrs gives slotted classes a pair of their own
        hooks.append("__getstate__")
    return (
        all(base.__flags__ & _HEAP_TYPE for base in kind.__mro__[:-1])
        and all(getattr(kind, hook) is getattr(object, hook) for hook in hooks)
        and kind not in dispatch_table
    )


def _itself(value: Any, _memo: Memo) -> Any:
    return value


def _is_plain(items: Iterable[Any]) -> bool:
    """Whether all items are of types that never change."""
    return _SHARED.issuperset(map(type, items))


def _dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    other: dict[Any, Any]
    if _is_plain(value):
        other = memo[id(value)] = value.copy()
        if value:
            _fill(other, value, memo)
        return other
    other = memo[id(value)] = {}
    other.update((duplicate(key, memo), duplicate(item, memo)) for key, item in value.items())
    return other


def _fill(other: dict[Any, Any], value: dict[Any, Any], memo: Memo) -> None:
    """Replace the values of a copy by their twins where they have any."""
    if not _is_plain(value.values()):
        for key, item in value.items():
            if type(item) not in _SHARED:
                other[key] = duplicate(item, memo)


def _list(value: list[Any], memo: Memo) -> list[Any]:
    other: list[Any]
    if _is_plain(value):
        other = memo[id(value)] = value.copy()
        return other
    other = memo[id(value)] = []
    other.extend(item if type(item) in _SHARED else duplicate(item, memo) for item in value)
    return other


def _tuple(value: tuple[Any, ...], memo: Memo) -> tuple[Any, ...]:
    if _is_plain(value):
        return value
    items = [item if type(item) in _SHARED else duplicate(item, memo) for item in value]
    if all(new is old for new, old in zip(items, value, strict=True)):
        return value
    done = memo.get(id(value))  # a way through the items led back here
    if done is None:
        done = memo[id(value)] = tuple(items)
    return done


def _deque(value: deque[Any], memo: Memo) -> deque[Any]:
    other: deque[Any] = deque(maxlen=value.maxlen)
    memo[id(value)] = other
    other.extend(duplicate(item, memo) for item in value)
    return other


def _method(value: MethodType, memo: Memo) -> MethodType:
    # Not remembered: methods are made anew whenever they are asked for, so their ids mean nothing.
    return MethodType(value.__func__, duplicate(value.__self__, memo))


class _Plan:
    """How the objects of one class are copied that are nothing but their slots and their dict."""

    __slots__ = ("_has_dict", "_kind", "_names", "_read")

    def __init__(self, kind: type) -> None:
        names = dict.fromkeys(name for base in kind.__mro__ for name in _slots(base))
        self._kind = kind
        self._names = tuple(names)
        self._has_dict = kind.__dictoffset__ != 0
        # A getter of one name gives no tuple, so there are always two.
        self._read = attrgetter(*names, "__class__")

    def __call__(self, value: Any, memo: Memo) -> Any:
        other: Any = object.__new__(self._kind)
        memo[id(value)] = other
        if self._names:
            try:
                names, items = self._names, self._read(value)
            except AttributeError:
                names = tuple(name for name in self._names if hasattr(value, name))
                items = tuple(getattr(value, name) for name in names)
            if not _is_plain(items):
                items = tuple([item if type(item) in _SHARED else duplicate(item, memo) for item in items])
            for _ in map(object.__setattr__, repeat(other), names, items):
                pass
        if self._has_dict:
            state = value.__dict__
            other.__dict__.update(state)
            _fill(other.__dict__, state, memo)
        return other


def _slots(base: type) -> list[str]:
    """The slots a class adds, by the names under which they are reached."""
    slots = base.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else [*slots]
    own = base.__name__.lstrip("_")
    return [
        f"_{own}{name}" if name.startswith("__") and not name.endswith("__") else name
        for name in names
        if name not in ("__dict__", "__weakref__")
    ]


#: CPython's Py_TPFLAGS_HEAPTYPE: the class was made by a class statement
_HEAP_TYPE: Final = 1 << 9
_SHARED: Final[set[type]] = {
    NoneType, type, bool, int, float, complex, str, bytes, range, FunctionType, BuiltinFunctionType,
}  # fmt: skip
_HOW: Final[dict[type, _How]] = {
    dict: _dict,
    list: _list,
    tuple: _tuple,
    deque: _deque,
    MethodType: _method,
}

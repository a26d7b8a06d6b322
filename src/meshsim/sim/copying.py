"""Room sim: copying a running simulation.

Comes in: any object. Goes out: its twin, what :func:`copy.deepcopy` would give, many times faster.
Rules of this file: values that never change (:class:`Shared`, texts, numbers, enumerations ...) are their
own twins, and so are tuples of them; every other object is copied once; an object that knows better says
so by ``__deepcopy__``. It knows nothing of what it copies.

The speed comes from asking about types, not values. How objects of a type are copied is found out once; a
container whose items are all of unchanging types is copied by its own ``copy``; and for a class that is
nothing but its slots and its dict a function is written that goes from slot to slot. That function believes
what the class declares: a slot that holds what never changes is not even looked at, and a container that is
held by one slot alone (:data:`Own`) is copied without noting in the memo that it was.

Who copies an object has looked into the memo before: the functions here only put things there.
"""

from __future__ import annotations

import copy
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from copyreg import dispatch_table
from enum import Enum
from operator import is_
from types import BuiltinFunctionType, FunctionType, MethodType, NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    Self,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import attrs

__all__ = ["Lent", "Own", "Shared", "duplicate"]

T = TypeVar("T")
Memo: TypeAlias = dict[int, Any]
#: Says of a slot that it always holds a dict, list or set which nothing else holds a reference to:
#: ``rows: Own[dict[str, Row]]``. Its keys or members never change; values and items of a list may.
Own = Annotated[T, "held by one"]
_How: TypeAlias = Callable[[Any, Memo], Any]


class Shared:
    """Base of values that never change: their own copy, their own deep copy."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Memo) -> Self:
        return self


class Lent(Generic[T]):
    """Holds a value that a copy shares with its original until one of them is about to change it.

    For values that know nothing of what is around them: what they reach is copied with them. Whoever changes
    one asks for it by :meth:`own` each time, whoever looks at it by ``seen``; neither is kept.

    Attributes:
        seen: the value, to be read only.

    >>> numbers = Lent([1, 2])
    >>> twin = copy.deepcopy(numbers)
    >>> twin.seen is numbers.seen
    True
    >>> twin.own().append(3)
    >>> numbers, twin
    (<Lent [1, 2]>, <Lent [1, 2, 3]>)
    """

    __slots__ = ("_alone", "seen")

    def __init__(self, value: T) -> None:
        self.seen = value
        self._alone = True

    def __repr__(self) -> str:
        return f"<Lent {self.seen!r}>"

    def own(self) -> T:
        """The value, to be changed. O(size of the value) the first time after a copy, then O(1)."""
        if not self._alone:
            self.seen, self._alone = duplicate(self.seen, {}), True
        return self.seen

    def __deepcopy__(self, memo: Memo) -> Lent[T]:
        twin = memo[id(self)] = Lent(self.seen)
        twin._alone = self._alone = False
        return twin


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
    twin: T | None = memo.get(id(value))
    return _HOW[kind](value, memo) if twin is None else twin


class _Ways(dict[type, _How]):
    """How objects of each type that may change are copied; found out when one is first met."""

    def __missing__(self, kind: type) -> _How:
        own = getattr(kind, "__deepcopy__", None)
        if issubclass(kind, Enum | type) or own is Shared.__deepcopy__:
            _SHARED.add(kind)
            return _itself
        how: _How = copy.deepcopy
        if own is not None:
            how = _by_itself
        elif _is_simple(kind):
            how = _written(kind)
        self[kind] = how
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


def _by_itself(value: Any, memo: Memo) -> Any:
    other = memo[id(value)] = value.__deepcopy__(memo)
    return other


def _dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    other = memo[id(value)] = value.copy()
    if other and not _is_plain(map(type, value)):
        other.clear()
        other.update((duplicate(key, memo), duplicate(item, memo)) for key, item in value.items())
        return other
    return _fill(other, memo)


def _fill(other: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    """Replace the values of a copy by their twins where they have any."""
    if other and not _is_plain(map(type, other.values())):
        for key, item in other.items():
            kind = type(item)
            if kind not in _SHARED:  # duplicate() written out: a twentieth of a fork's instructions
                twin = memo.get(id(item))
                other[key] = _HOW[kind](item, memo) if twin is None else twin
    return other


def _list(value: list[Any], memo: Memo) -> list[Any]:
    other = memo[id(value)] = value.copy()
    return _replace(other, memo)


def _replace(other: list[Any], memo: Memo) -> list[Any]:
    """Replace the items of a copy by their twins where they have any."""
    if not _is_plain(map(type, other)):
        other[:] = [duplicate(item, memo) for item in other]
    return other


def _set(value: set[Any], memo: Memo) -> set[Any]:
    other = memo[id(value)] = value.copy()
    if not _is_plain(map(type, value)):
        other.clear()
        other.update(duplicate(item, memo) for item in value)
    return other


def _tuple(value: tuple[Any, ...], memo: Memo) -> tuple[Any, ...]:
    if _is_plain(map(type, value)):
        return value
    items = [duplicate(item, memo) for item in value]
    other: tuple[Any, ...] | None = memo.get(id(value))  # a way through the items may have led back here
    if other is None:
        same = all(map(is_, items, value))
        other = memo[id(value)] = value if same else tuple(items)
    return other


def _deque(value: deque[Any], memo: Memo) -> deque[Any]:
    other = memo[id(value)] = deque(maxlen=value.maxlen)
    other.extend(duplicate(item, memo) for item in value)
    return other


def _method(value: MethodType, memo: Memo) -> MethodType:
    # Not remembered: methods are made anew whenever they are asked for, so their ids mean nothing.
    return MethodType(value.__func__, duplicate(value.__self__, memo))


def _written(kind: type) -> _How:
    """Write the function that copies objects of a class which are nothing but their slots and their dict.

    attrs and dataclasses write methods in the same way. From slot to slot is several times faster than by
    the names of slots.
    """
    refuses = any("__setattr__" in vars(base) for base in kind.__mro__[:-1])  # as frozen classes do
    put = "put(other, '{0}', {1})" if refuses else "other.{0} = {1}"
    lines = ["def how(value, memo):", "    other = memo[id(value)] = new(kind)"]
    declared = _declared(kind)
    names = dict.fromkeys(name for base in kind.__mro__ for name in _slots(base))
    fixed = [name for name in names if _never_changes(declared.get(name, object))]
    if fixed:  # all at once, most of the time
        lines += ["    try:", *(f"        {put.format(name, f'value.{name}')}" for name in fixed)]
        lines += ["    except AttributeError: take(value, other, fixed)"]
    for name in (name for name in names if name not in fixed):
        # A slot that was never set stays so.
        lines += [f"    try: item = value.{name}", "    except AttributeError: pass"]
        lines += [f"    else: {put.format(name, _twin_of_item(declared.get(name, object)))}"]
    if kind.__dictoffset__:
        lines += ["    " + put.format("__dict__", "fill(value.__dict__.copy(), memo)")]
    scope: dict[str, Any] = {"kind": kind, "new": object.__new__, "put": object.__setattr__}
    scope |= {"fill": _fill, "replace": _replace, "shared": _SHARED, "ways": _HOW}
    scope |= {"fixed": fixed, "take": _take}
    exec("\n".join([*lines, "    return other"]), scope)  # noqa: S102  (names of slots and nothing else)
    return scope["how"]  # type: ignore[no-any-return]


def _take(value: Any, other: Any, names: list[str]) -> None:
    """Take over what is in these slots; one that was never set stays so."""
    for name in names:
        with suppress(AttributeError):
            object.__setattr__(other, name, getattr(value, name))


def _twin_of_item(hint: Any) -> str:
    """What a written function has to say to get the twin of ``item``, declared to be of that type."""
    if _is_own(hint):
        kind = get_origin(hint.__origin__)
        parts = [_never_changes(part) for part in get_args(hint.__origin__)]
        if all(parts):
            return "item.copy()"
        if kind is dict and parts[0]:
            return "fill(item.copy(), memo)"
        if kind is list:
            return "replace(item.copy(), memo)"
        raise TypeError(f"not to be declared so: {hint!r}")
    return (
        "item if type(item) in shared"
        " else twin if (twin := memo.get(id(item))) is not None"
        " else ways[type(item)](item, memo)"
    )


def _is_own(hint: Any) -> bool:
    return get_origin(hint) is Annotated and hint.__metadata__ == ("held by one",)


def _declared(kind: type) -> dict[str, Any]:
    """The types of attributes as a class declares them, where that can be found out.

    It cannot for names that only the type checker knows.
    """
    hints = {}
    for base in reversed(kind.__mro__):
        scope = vars(sys.modules[base.__module__])
        for name, hint in vars(base).get("__annotations__", {}).items():
            hints[name] = object
            with suppress(AttributeError, NameError, SyntaxError, TypeError):
                hints[name] = eval(hint, scope) if isinstance(hint, str) else hint  # noqa: S307
    return hints


def _never_changes(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType, tuple):
        return all(part is Ellipsis or _never_changes(part) for part in get_args(hint))
    if origin is Literal:
        return True
    kind = origin or hint
    return isinstance(kind, type) and (kind in _SHARED or issubclass(kind, Enum | Shared))


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
#: whether all of these types are of that kind
_is_plain: Final = _SHARED.issuperset
_HOW: Final = _Ways({
    dict: _dict, list: _list, set: _set, tuple: _tuple, deque: _deque, MethodType: _method,
})  # fmt: skip

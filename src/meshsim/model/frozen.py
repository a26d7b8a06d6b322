"""Room model: what all stored values have in common.

Frozen values are shared freely: a copy of a cluster keeps the very same objects, so copying one is a
no-op. :class:`FrozenDict` is the mapping that labels, options and resources are kept in. :func:`value` is the
decorator of the classes of which a large service makes many objects; what all machines make alike is one
object by :func:`interned`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import attrs

from meshsim.sim import Shared

__all__ = ["EMPTY", "Frozen", "FrozenDict", "frozen_dict", "interned", "value"]

K = TypeVar("K")
V = TypeVar("V")


class Frozen(Shared):
    """Base of immutable values: its own copy, its own deep copy."""

    __slots__ = ()


if TYPE_CHECKING:
    from attrs import frozen as value
else:
    #: what ``object.__setattr__(it, "__class__", other)`` comes to in the end
    _set_class = vars(object)["__class__"].__set__

    def value(cls: type) -> type:
        """Make a class one of frozen values, as :func:`attrs.frozen` does, whose objects are made faster.

        attrs fills a frozen object through ``object.__setattr__``, one call for each field. Here an object is
        of a twin class that is not frozen while it is filled, and takes its own class for good then. It pays
        from five fields on.

        >>> @value
        ... class Point(Frozen):
        ...     x: int
        ...     y: int = 0
        >>> Point(1), Point(1) == Point(1, 0), type(Point(1)) is Point
        (Point(x=1, y=0), True, True)
        >>> Point(1).x = 2
        Traceback (most recent call last):
        ...
        attr.exceptions.FrozenInstanceError: can't set attribute
        """

        def refuse(*_args: Any) -> NoReturn:
            raise attrs.exceptions.FrozenInstanceError

        cls.__setattr__ = cls.__delattr__ = refuse
        decorate = attrs.define(
            weakref_slot=False, unsafe_hash=True, init=False, on_setattr=attrs.setters.NO_OP
        )
        made = decorate(cls)
        twin = type(cls.__name__, made.__bases__, {"__slots__": made.__slots__})
        made.__init__ = _filler(made, twin)
        return made

    def _filler(made: type, twin: type) -> Callable[..., None]:
        """Write the method that fills an object, as attrs does."""
        scope: dict[str, Any] = {"become": _set_class, "twin": twin, "made": made, "absent": attrs.NOTHING}
        parameters, lines = ["self"], ["become(self, twin)"]
        for name, default, converter in ((at.name, at.default, at.converter) for at in attrs.fields(made)):
            parameter = given = name
            if isinstance(default, attrs.Factory):
                scope[f"make_{name}"] = default.factory
                parameter, given = f"{name}=absent", f"make_{name}() if {name} is absent else {name}"
            elif default is not attrs.NOTHING:
                scope[f"default_{name}"] = default
                parameter = f"{name}=default_{name}"
            if converter is not None:
                scope[f"convert_{name}"] = converter
                given = f"convert_{name}({given})"
            parameters.append(parameter)
            lines.append(f"self.{name} = {given}")
        lines.append("self.__class__ = made")
        exec("\n    ".join([f"def __init__({', '.join(parameters)}):", *lines]), scope)  # noqa: S102
        return scope["__init__"]


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


def interned(value: V) -> V:
    """The one object that stands for all values equal to this one, as :func:`sys.intern` has it for texts.

    For what every machine makes again of the same facts. Old ones are forgotten: only equality is promised.

    >>> interned(FrozenDict({"n1": "ingress"})) is interned(FrozenDict({"n1": "ingress"}))
    True
    """
    return _first_equal(value)  # type: ignore[return-value]


@lru_cache(maxsize=1024)
def _first_equal(value: Hashable) -> Hashable:
    return value


#: the one empty one; most labels and options are
EMPTY: Final[FrozenDict[Any, Any]] = FrozenDict()

"""Room scenario: the fields of which a scenario's records are made.

Comes in: what a person wrote, in Python or as text. Goes out: attrs fields that turn it into plain values
(durations into integer nanoseconds, lists into tuples) or refuse it with one sentence. Rules of this file: a
value that is in a record is right; each field knows how it is written back; what several fields must
agree on is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import NOTHING, Attribute, field, fields, frozen

from meshsim.errors import BadValue
from meshsim.model.frozen import Frozen, FrozenDict
from meshsim.units import duration_text, parse_duration

__all__ = [
    "Written",
    "choice",
    "default_of",
    "duration",
    "flag",
    "known",
    "names",
    "nanoseconds",
    "number",
    "plain",
    "record",
    "records",
    "text",
    "value_text",
    "whole",
    "written",
]


C = TypeVar("C")


class Written(Frozen):
    """Base of records that people write: they take what is easy to write and hold what is easy to use."""

    __slots__ = ()

    if TYPE_CHECKING:
        # ``Client(timeout="30s")`` is kept as ``timeout_ns``: the arguments are read by the converters.
        def __init__(self, *args: Any, **values: Any) -> None: ...

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - part of the protocol
        """Show it as the Python that makes it; the protocol of IPython, and of hypothesis's examples."""
        from meshsim.scenario.source import pretty

        pretty(self, printer)


def written(cls: type[C]) -> type[C]:
    """Make a class of frozen records out of fields (``attrs.frozen``, whose hints would be too narrow)."""
    return frozen(cls, slots=True)


def nanoseconds(value: str | int) -> int:
    """Read a duration: ``"1m30s"``, or integer nanoseconds.

    >>> nanoseconds("1.5s"), nanoseconds(20)
    (1500000000, 20)

    Raises:
        BadValue: no duration, or a negative one.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadValue(f'a duration is written like "1m30s", not {value_text(value)}', str(value))
    length_ns = parse_duration(value) if isinstance(value, str) else value
    if length_ns < 0:
        raise BadValue(f"a duration cannot be negative: {value}", str(value))
    return length_ns


def value_text(value: object) -> str:
    """A value as error sentences show it.

    >>> value_text("x"), value_text(True), value_text([1]), value_text({})
    ('"x"', 'true', 'a list', 'a mapping')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadValue(f"expected a text, not {value_text(value)}", str(value))
    return value


def _name(value: object) -> str:
    if not _text(value):
        raise BadValue("expected a name, not an empty text")
    return str(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"expected true or false, not {value_text(value)}", str(value))
    return value


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_name(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise BadValue(f"expected a list of names, not {value_text(value)}", str(value))
    return tuple(_name(each) for each in value)


class _Whole:
    """Whole numbers from a least one upwards, or None where that is allowed."""

    def __init__(self, least: int, *, optional: bool) -> None:
        self.least, self.optional = least, optional

    def __call__(self, value: Any) -> int | None:
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValue(f"expected a whole number, not {value_text(value)}", str(value))
        if value < self.least:
            raise BadValue(f"expected at least {self.least}, not {value}", str(value))
        return value


class _Number:
    """Any number above a limit."""

    def __init__(self, above: float, *, optional: bool) -> None:
        self.above, self.optional = above, optional

    def __call__(self, value: Any) -> float | None:
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
            raise BadValue(f"expected a number, not {value_text(value)}", str(value))
        if value <= self.above:
            raise BadValue(f"expected more than {self.above:g}, not {value:g}", str(value))
        return value


class _Optional:
    """None stays None; the rest is converted."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert

    def __call__(self, value: Any) -> Any:
        return None if value is None else self.convert(value)


class _Choice:
    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def __call__(self, value: Any) -> str:
        if value not in self.allowed:
            raise BadValue(f"expected one of {', '.join(self.allowed)}, not {value_text(value)}", str(value))
        return str(value)


class _One:
    """A record of a class, or what the shorthand ``convert`` understands."""

    def __init__(self, kind: Any, convert: Callable[[Any], Any] | None, *, optional: bool = False) -> None:
        self.kind, self.convert, self.optional = kind, convert, optional

    def __call__(self, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if self.convert is not None:
            value = self.convert(value)
        # Families of records are open: any callable of that form belongs, and converts itself.
        if isinstance(self.kind, type) and not isinstance(value, self.kind):
            raise BadValue(f"expected a {self.kind.__name__}, not {value_text(value)}", str(value))
        return value


class _Many:
    """A tuple of records; one alone is welcome too."""

    def __init__(self, one: _One) -> None:
        self.one = one

    def __call__(self, value: Any) -> tuple[Any, ...]:
        return tuple(map(self.one, value if isinstance(value, list | tuple) else (value,)))


def text(default: Any = NOTHING) -> Any:
    """A field that holds a text; without default it must be a name, not empty."""
    return field(default=default, converter=_name if default is NOTHING else _text)


def flag(default: bool) -> Any:
    """A field that holds true or false."""
    return field(default=default, converter=_flag)


def names(default: Any = NOTHING) -> Any:
    """A field that holds several names; one text is one name."""
    return field(default=default, converter=_names)


def whole(default: Any = NOTHING, *, least: int = 0) -> Any:
    """A field that holds a whole number; a default of None allows none."""
    return field(default=default, converter=_Whole(least, optional=default is None))


def number(default: Any = NOTHING, *, above: float = 0.0) -> Any:
    """A field that holds any number above a limit; a default of None allows none."""
    return field(default=default, converter=_Number(above, optional=default is None))


def choice(*allowed: str) -> Any:
    """A field that holds one of some words; the first is the default."""
    return field(default=allowed[0], converter=_Choice(allowed))


def duration(alias: str, default: Any = NOTHING, *, optional: bool = False) -> Any:
    """A field ``<alias>_ns``, written ``alias``, of nanoseconds; a default of None allows none."""
    convert = _Optional(nanoseconds) if default is None or optional else nanoseconds
    if isinstance(default, str):
        default = nanoseconds(default)
    return field(default=default, converter=convert, alias=alias, metadata={"write": duration_text})


def record(kind: Any, default: Any = NOTHING, *, convert: Callable[[Any], Any] | None = None) -> Any:
    """A field that holds a record; ``kind`` is its class, or a mapping of words to classes."""
    one = _One(kind, convert, optional=default is None)
    return field(default=default, converter=one, metadata={"kind": kind})


def records(kind: Any, default: Any = (), *, convert: Callable[[Any], Any] | None = None) -> Any:
    """A field that holds several records."""
    return field(default=default, converter=_Many(_One(kind, convert)), metadata={"kind": kind, "many": True})


def plain(value: Any) -> Any:
    """Make a value of plain JSON data unchangeable: lists become tuples, mappings frozen ones."""
    if isinstance(value, Mapping):
        return FrozenDict({key: plain(each) for key, each in value.items()})
    return tuple(plain(each) for each in value) if isinstance(value, list | tuple) else value


def known(cls: Any) -> dict[str, Any]:
    """The fields of a record's class, by the name they are written with."""
    return {(a.alias or a.name): a for a in fields(cls) if a.init}


def default_of(attribute: Attribute[Any]) -> Any:
    """What a field holds when nothing is said."""
    default: Any = attribute.default
    if hasattr(default, "factory"):
        return default.factory()
    convert: Any = attribute.converter
    return default if convert is None else convert(default)

"""Room gotext: values as Go has them, so that JSON and templates come out as Docker's do.

Comes in: plain Python values, and tables that say which fields a Go struct has. Goes out:
:class:`Struct` values, and from them JSON (Go's names, Go's order, ``omitempty`` obeyed). A template
needs more than the JSON holds: zero fields are printed too (``{vip [{ tcp 80 81 ingress}]}`` has an
empty name in front), embedded structs are promoted, pointers inside a value print as addresses.

Rules of this file: it knows how Go behaves and nothing of Docker; lists stand for slices (None is the
nil slice), sorted dicts for maps, None for a nil pointer.

>>> port = GoType("swarm.PortConfig", "Name?:str TargetPort?:int")
>>> value = port(TargetPort=80)
>>> to_json(value), value.field("Name")
({'TargetPort': 80}, '')
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from meshsim.units import duration_text, go_time, rfc3339

__all__ = ["Duration", "GoType", "Pointer", "Struct", "Time", "go_map", "json_text", "to_json"]

_ZERO: dict[str, Any] = {
    "str": "",
    "int": 0,
    "bool": False,
    "float": 0.0,
    "list": None,
    "map": None,
    "ptr": None,
}


class Time(int):
    """A ``time.Time``: nanoseconds since 1970; prints as Go does."""

    __slots__ = ()

    def __str__(self) -> str:
        return go_time(self)


class Duration(int):
    """A ``time.Duration``: nanoseconds; prints as Go does."""

    __slots__ = ()

    def __str__(self) -> str:
        return duration_text(self)


def go_map(items: Mapping[str, Any]) -> dict[str, Any]:
    """A Go map: keys sorted, as JSON and templates write them.

    >>> go_map({"b": 1, "a": 2})
    {'a': 2, 'b': 1}
    """
    return {key: items[key] for key in sorted(items)}


class Pointer:
    """A pointer that is not nil; inside another value it prints as an address, in JSON as its value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pointer) and self.value == other.value

    def __hash__(self) -> int:
        return hash(("Pointer", self.value))

    def __repr__(self) -> str:
        return f"&{self.value!r}"


class GoType:
    """A Go struct type, made from a line of fields.

    Args:
        name: as error messages have it, ``swarm.Service``.
        fields: blank-separated ``Name:kind`` with kind one of str, int, bool, float, list, map, ptr,
            struct (must be given) or embed; ``Name?`` is ``omitempty``, ``Name=Key`` another JSON name.

    >>> GoType("swarm.Version", "Index?:int")
    GoType('swarm.Version': Index)
    """

    __slots__ = ("embedded", "json_names", "kinds", "name", "omit")

    def __init__(self, name: str, fields: str) -> None:
        self.name = name
        self.kinds: dict[str, str] = {}
        self.json_names: dict[str, str] = {}
        omit: list[str] = []
        for entry in fields.split():
            declared, kind = entry.split(":")
            field, _, key = declared.rstrip("?").partition("=")
            self.kinds[field] = kind
            self.json_names[field] = key or field
            if declared.endswith("?"):
                omit.append(field)
        self.omit = frozenset(omit)
        self.embedded = tuple(field for field, kind in self.kinds.items() if kind == "embed")

    def __call__(self, **values: Any) -> Struct:
        """Make a value; fields not given are zero. Fields of embedded structs are given as such.

        Raises:
            TypeError: the type has no such field, or a struct field is missing.
        """
        unknown = values.keys() - self.kinds.keys()
        if unknown:
            raise TypeError(f"{self.name} has no field {min(unknown)}")
        fields: dict[str, Any] = {}
        for field, kind in self.kinds.items():
            if field in values:
                fields[field] = values[field]
            elif kind in _ZERO:
                fields[field] = _ZERO[kind]
            else:
                raise TypeError(f"{self.name} needs {field}")
        return Struct(self, fields)

    def __repr__(self) -> str:
        return f"GoType({self.name!r}: {', '.join(self.kinds)})"


class Struct:
    """One struct value: its type and all its fields, zero ones included, in Go's order.

    Attributes:
        type: what it is.
        fields: Go field name to value.
    """

    __slots__ = ("fields", "type")

    def __init__(self, go_type: GoType, fields: dict[str, Any]) -> None:
        self.type = go_type
        self.fields = fields

    @property
    def go_type(self) -> str:
        """The type's name, as error messages have it."""
        return self.type.name

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names of the fields whose own fields are promoted."""
        return self.type.embedded

    def field(self, name: str) -> Any:
        """Return a field, also one of an embedded struct.

        Raises:
            KeyError: the type has no such field.
        """
        if name in self.fields:
            return self.fields[name]
        for embedded in self.type.embedded:
            inner = self.fields[embedded]
            if name in inner.fields:
                return inner.fields[name]
        raise KeyError(name)

    def json_items(self) -> Iterator[tuple[str, Any]]:
        """Yield JSON keys and values as encoding/json has them: embedded ones flat, empty ones dropped."""
        for name, value in self.fields.items():
            if name in self.type.embedded:
                yield from value.json_items()
            elif name not in self.type.omit or not _is_empty(value):
                yield self.type.json_names[name], value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Struct) and self.type is other.type and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]  # its fields may be lists and dicts

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.fields.items() if not _is_empty(value))
        return f"{self.type.name}({inside})"


def _is_empty(value: Any) -> bool:
    """Tell whether ``omitempty`` drops it: false, 0, nil, "", and empty slices and maps; never a struct."""
    if isinstance(value, (Struct, Pointer, Time)):
        return False
    return not value


def to_json(value: Any) -> Any:
    """Turn a Go value into plain data for :mod:`json`, keys in Go's order; plain data stays as it is.

    >>> to_json([Pointer(1.0), Time(0), {"b": 1, "a": None}])
    [1, '1970-01-01T00:00:00Z', {'b': 1, 'a': None}]

    Source: go src/encoding/json/encode.go.
    """
    if isinstance(value, Struct):
        return {key: to_json(inner) for key, inner in value.json_items()}
    if isinstance(value, Pointer):
        return to_json(value.value)
    if isinstance(value, Time):
        return rfc3339(value)
    if isinstance(value, Duration):
        return int(value)
    if isinstance(value, dict):
        return {key: to_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def json_text(value: Any, *, indent: int | None = None, escape: bool = True) -> str:
    r"""Write a Go value as JSON text.

    Args:
        value: any Go value.
        indent: blanks per level; None writes it compactly.
        escape: whether ``<``, ``>`` and ``&`` are escaped, as json.Marshal does by default.

    >>> json_text({"Ports": "*:81->80/tcp"})
    '{"Ports":"*:81-\\u003e80/tcp"}'

    Source: go src/encoding/json/encode.go, HTMLEscape.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(to_json(value), indent=indent, separators=separators, ensure_ascii=False)
    if escape:
        text = text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
    return text

"""The functions a template may call: Go's built-in ones, and those of docker's ``--format``.

Room gotext. In: Go values. Out: Go values, or a BadValue whose text is Go's reason. Rule of this file:
a table of functions with their argument types; what the executor must decide itself (``and``, ``or``)
is not here.

Source: docker/cli templates/templates.go basicFunctions; go src/text/template/funcs.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from meshsim.errors import BadValue
from meshsim.gotext.printing import Nil, go_print, go_printf, go_println, go_type, unpointed
from meshsim.gotext.values import Pointer, Struct, json_text

__all__ = ["BUILT_INS", "FUNCTIONS", "HEADER_FUNCTIONS", "Function", "is_true"]


@attrs.frozen
class Function:
    """One function.

    Attributes:
        call: takes Go values, pointers taken off.
        types: Go types of the arguments, ``any`` for all.
        variadic: more arguments of the last type may follow.
    """

    call: Callable[..., Any]
    types: tuple[str, ...] = ()
    variadic: bool = False


def is_true(value: Any) -> bool:
    """Whether Go's templates take a value as true: not the zero value; a struct always is."""
    if isinstance(value, (Struct, Pointer)):
        return True
    if isinstance(value, Nil):
        return False
    return bool(value)


def _json(value: Any) -> str:
    # A row of a list marshals itself, by the default rules; inspected objects are written unescaped.
    row = isinstance(value, Struct) and value.go_type.startswith("*")
    return json_text(None if isinstance(value, Nil) else value, escape=row)


def _title(text: str) -> str:
    return re.sub(r"(?<![A-Za-z0-9_])[^\W\d_]", lambda match: match[0].upper(), text)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _length(value: Any) -> int:
    if isinstance(value, Nil) and value.kind != "ptr":
        return 0
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (list, tuple, dict)):
        return len(value)
    raise BadValue("len of nil pointer" if isinstance(value, Nil) else f"len of type {go_type(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = _one_index(unpointed(value), key)
    return value


def _one_index(value: Any, key: Any) -> Any:
    if value is None:
        raise BadValue("index of untyped nil")
    if isinstance(value, dict):
        # Labels and options are maps of strings, whose zero value is ""; other maps hold anything.
        strings = all(isinstance(item, str) for item in value.values())
        return value.get(key, "" if strings else None)
    if isinstance(value, Nil):
        if value.kind == "map":
            return ""
        raise BadValue("index of nil pointer" if value.kind == "ptr" else _out_of_range(key))
    if not isinstance(value, (list, tuple, str)):
        raise BadValue(f"can't index item of type {go_type(value)}")
    if not isinstance(key, int) or isinstance(key, bool):
        raise BadValue(f"cannot index slice/array with type {go_type(key)}")
    if not 0 <= key < len(value):
        raise BadValue(_out_of_range(key))
    return value.encode()[key] if isinstance(value, str) else value[key]


def _out_of_range(key: Any) -> str:
    return f"index out of range: {key}"


def _basic(value: Any) -> str:
    """The class of types within which Go compares values."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "int" if isinstance(value, int) else "float"
    if isinstance(value, str):
        return "string"
    raise BadValue("invalid type for comparison")


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise BadValue("missing argument for comparison")
    return any(_same(first, unpointed(other)) for other in others)


def _same(first: Any, other: Any) -> bool:
    nils = [value is None or isinstance(value, Nil) for value in (first, other)]
    if any(nils):
        return all(nils)
    if _basic(first) != _basic(other):
        raise BadValue("incompatible types for comparison")
    return bool(first == other)


def _less(first: Any, other: Any) -> bool:
    if _basic(first) != _basic(other):
        raise BadValue("incompatible types for comparison")
    if isinstance(first, bool):
        raise BadValue("invalid type for comparison")
    return bool(first < other)


BUILT_INS: Mapping[str, Function] = MappingProxyType(
    {
        "print": Function(lambda *values: go_print(values), ("any",), variadic=True),
        "printf": Function(lambda text, *values: go_printf(text, values), ("string", "any"), variadic=True),
        "println": Function(lambda *values: go_println(values), ("any",), variadic=True),
        "len": Function(_length, ("any",)),
        "index": Function(_index, ("any", "any"), variadic=True),
        "eq": Function(_eq, ("any", "any"), variadic=True),
        "ne": Function(lambda one, other: not _same(one, other), ("any", "any")),
        "lt": Function(_less, ("any", "any")),
        "le": Function(lambda one, other: _less(one, other) or _same(one, other), ("any", "any")),
        "gt": Function(lambda one, other: not (_less(one, other) or _same(one, other)), ("any", "any")),
        "ge": Function(lambda one, other: not _less(one, other), ("any", "any")),
        "not": Function(lambda value: not is_true(value), ("any",)),
        # decided by the executor, which stops at the first argument that settles them
        "and": Function(lambda *values: values[-1], ("any", "any"), variadic=True),
        "or": Function(lambda *values: values[-1], ("any", "any"), variadic=True),
    }
)
"""Go's own, by name. Source: go src/text/template/funcs.go builtins."""

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **BUILT_INS,
        "json": Function(_json, ("any",)),
        "split": Function(lambda text, by: text.split(by) if by else list(text), ("string", "string")),
        "join": Function(lambda items, by: by.join(items), ("[]string", "string")),
        "title": Function(_title, ("string",)),
        "lower": Function(str.lower, ("string",)),
        "upper": Function(str.upper, ("string",)),
        "pad": Function(_pad, ("string", "int", "int")),
        "truncate": Function(lambda text, length: text[:length], ("string", "int")),
    }
)
"""What ``--format`` knows. Source: docker/cli templates/templates.go basicFunctions."""

HEADER_FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **FUNCTIONS,
        "json": Function(lambda text: text, ("any",)),
        "split": Function(lambda text, _: text, ("string", "string")),
        "join": Function(lambda text, _: text, ("string", "string")),
        "title": Function(lambda text: text, ("string",)),
        "lower": Function(lambda text: text, ("string",)),
        "upper": Function(lambda text: text, ("string",)),
        "truncate": Function(lambda text, _: text, ("string", "int")),
    }
)
"""The same for the header line of a table, whose labels stay as they are.

Source: docker/cli templates/templates.go HeaderFunctions.
"""

"""Go's fmt over Go values: what ``%v`` and ``printf`` make of what the views hand out.

Room gotext. In: values of :mod:`meshsim.gotext.values` and plain data. Out: text. Rules of this file: a slice
is a list or tuple, a map a dict, nil a :class:`Nil` with its kind; an address is always the same one,
since a real one differs from run to run. Knows no template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import attrs

from meshsim.errors import NotModelled
from meshsim.gotext.values import Duration, Pointer, Struct, Time
from meshsim.units import float_text, quote

__all__ = ["ADDRESS", "Nil", "go_print", "go_printf", "go_println", "go_type", "go_value", "unpointed"]

ADDRESS = "0xc0000706d0"
"""What a pointer inside another value prints as; real ones are random."""

_NIL_TEXT = {"slice": "[]", "map": "map[]", "ptr": "<nil>"}
_FIELD_KINDS: dict[str, Literal["slice", "map", "ptr"]] = {"list": "slice", "map": "map", "ptr": "ptr"}


@attrs.frozen
class Nil:
    """A nil slice, map or pointer of a known field; plain None is a nil interface.

    Attributes:
        kind: which of the three.
        field: the field it was found in, for error messages.
    """

    kind: Literal["slice", "map", "ptr"]
    field: str = ""


def field_value(struct: Struct, name: str) -> Any:
    """A field's value; a None in it becomes the nil of the field's type.

    Raises:
        KeyError: no such field.
    """
    value = struct.field(name)
    if value is not None:
        return value
    kind = struct.type.kinds.get(name)
    for embedded in struct.embedded:
        kind = kind or struct.fields[embedded].type.kinds.get(name)
    return Nil(_FIELD_KINDS[kind], name) if kind in _FIELD_KINDS else None


def unpointed(value: Any) -> Any:
    """What a pointer points to; anything else as it is."""
    while isinstance(value, Pointer):
        value = value.value
    return value


def go_value(value: Any, *, top: bool = True) -> str:
    """Print a value as ``%v`` does.

    Args:
        value: any Go value.
        top: whether it stands alone; a pointer inside a value prints as an address.

    >>> go_value([1, "a", True, None, {"b": 0.5}])
    '[1 a true <nil> map[b:0.5]]'

    Source: go src/fmt/print.go printValue; text/template exec.go printableValue.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Time, Duration, int)):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, Pointer):
        return _pointer(value, top=top)
    if isinstance(value, Struct):
        inner = (go_value(field_value(value, name), top=False) for name in value.fields)
        return "{" + " ".join(inner) + "}"
    if isinstance(value, dict):
        pairs = (f"{key}:{go_value(value[key], top=False)}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(go_value(item, top=False) for item in value) + "]"
    return _NIL_TEXT[value.kind] if isinstance(value, Nil) else "<nil>"


def _pointer(value: Pointer, *, top: bool) -> str:
    inner = unpointed(value)
    if top or isinstance(inner, (Time, Duration)):  # these two know how to print themselves
        return go_value(inner)
    return ADDRESS


def go_type(value: Any) -> str:
    """The name of a value's type, for messages.

    >>> go_type("a"), go_type([1])
    ('string', '[]interface {}')
    """
    if isinstance(value, Struct):
        return value.go_type
    if isinstance(value, Pointer):
        return "*" + go_type(value.value)
    names: tuple[tuple[type, str], ...] = (
        (str, "string"),
        (bool, "bool"),
        (Time, "time.Time"),
        (Duration, "time.Duration"),
        (int, "int"),
        (float, "float64"),
        (dict, "map[string]interface {}"),
        (list, "[]interface {}"),
        (tuple, "[]interface {}"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "<nil>")


def go_print(values: Sequence[Any]) -> str:
    """Print values as ``print`` does: a blank between two neighbours that are no strings.

    >>> go_print(["a", 1, 2, "b"])
    'a1 2b'
    """
    out: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            out.append(" ")
        out.append(go_value(value))
    return "".join(out)


def go_println(values: Sequence[Any]) -> str:
    """Print values as ``println`` does: blanks between all, a newline behind."""
    return " ".join(map(go_value, values)) + "\n"


_VERB = re.compile(r"%([-+# 0]*)([0-9]+)?(?:\.([0-9]*))?(.?)", re.DOTALL)


def go_printf(template: str, values: Sequence[Any]) -> str:
    """Print values as ``printf`` does.

    Args:
        template: text with the verbs v, s, q, d, x, X, o, b, c, t, f, e, g.
        values: one for each verb.

    >>> go_printf("%-10s|%5.1f|%03d", ["web", 2.25, 7])
    'web       |  2.2|007'

    Raises:
        NotModelled: a ``*`` width or an argument index.

    Source: go src/fmt/print.go doPrintf.
    """
    rest = list(values)
    out: list[str] = []
    at = 0
    for match in _VERB.finditer(template):
        out.append(template[at : match.start()])
        at = match.end()
        flags, width, precision, verb = match.groups()
        if verb in ("*", "["):
            raise NotModelled("printf with * or [n] is not modelled")
        if verb == "%":
            out.append("%")
        elif not verb:
            out.append("%!(NOVERB)")
        elif not rest:
            out.append(f"%!{verb}(MISSING)")
        else:
            out.append(_padded(_verb(verb, flags, precision, rest.pop(0)), flags, width, verb))
    out.append(template[at:])
    if rest:
        out.append("%!(EXTRA " + ", ".join(f"{go_type(value)}={go_value(value)}" for value in rest) + ")")
    return "".join(out)


def _padded(text: str, flags: str, width: str | None, verb: str) -> str:
    if width is None:
        return text
    if "-" in flags:
        return text.ljust(int(width))
    if "0" in flags and verb in "dxXobfeg":
        return text.zfill(int(width))
    return text.rjust(int(width))


def _verb(verb: str, flags: str, precision: str | None, value: Any) -> str:
    value = unpointed(value)
    if verb in ("v", "s"):
        if verb == "s" and isinstance(value, (bool, int, float)) and not isinstance(value, (Time, Duration)):
            return f"%!s({go_type(value)}={go_value(value)})"
        text = go_value(value)
        return text if precision is None else text[: int(precision or 0)]
    if verb == "q" and isinstance(value, str):
        return quote(value)
    if verb == "t" and isinstance(value, bool):
        return go_value(value)
    if verb in "dxXobc" and isinstance(value, int) and not isinstance(value, bool):
        text = chr(value) if verb == "c" else format(int(value), verb)
        return "+" + text if "+" in flags and value >= 0 else text
    if verb in "xX" and isinstance(value, str):
        return format(value.encode().hex(), "s") if verb == "x" else value.encode().hex().upper()
    if verb in "feg" and isinstance(value, float):
        if verb == "g" and precision is None:
            return float_text(value)
        return format(value, f".{6 if precision is None else int(precision or 0)}{verb}")
    return f"%!{verb}({go_type(value)}={go_value(value)})"

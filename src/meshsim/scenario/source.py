"""Room scenario: scenarios as the Python that makes them.

Comes in: a scenario, or one of its records. Goes out: an expression as a person would write it (defaults
left out, durations as text, steps as ``at("10s").fail("host02")``), and the names it needs. Rule of this
file: what is Python code already (a balancer's class, an image) is named, if it can be imported by that name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import NOTHING, Attribute, has

from meshsim.errors import BadScenario
from meshsim.scenario.faults import ACTIONS, Availability, Do, Partition
from meshsim.scenario.fields import default_of, known
from meshsim.scenario.steps import Running, Step
from meshsim.scenario.times import Fixed
from meshsim.units import duration_text

__all__ = ["Imports", "expression", "pretty", "program"]

_WIDTH = 88
_STEP = "    "
#: records that may be written as their name alone
_BY_NAME = ("HostPlan", "NetworkPlan")
#: of an action: its word, which is also the method of a moment
_WORDS = {action: word for word, action in ACTIONS.items()}
_VERBS = {"drain": "drain", "pause": "pause", "active": "activate"}


class Imports:
    """The names an expression needs, by module."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, None]] = {}

    def __repr__(self) -> str:
        return f"<Imports {self.names}>"

    def need(self, name: str, module: str = "meshsim.scenario") -> str:
        """Note a name, and give it back."""
        self.names.setdefault(module, {})[name] = None
        return name

    def lines(self) -> Iterator[str]:
        """The import statements, sorted."""
        for module in sorted(self.names):
            names = sorted(self.names[module])
            line = f"from {module} import {', '.join(names)}"
            if len(line) > _WIDTH:
                line = f"from {module} import (\n" + "".join(f"{_STEP}{name},\n" for name in names) + ")"
            yield line


class _Call:
    """Something in brackets: on one line if it fits, else a part a line."""

    def __init__(self, opening: str, parts: Iterable[_Node], closing: str) -> None:
        self.opening, self.parts, self.closing = opening, list(parts), closing

    def flat(self) -> str:
        return f"{self.opening}{', '.join(map(_flat, self.parts))}{self.closing}"

    def text(self, indent: str, before: int) -> str:
        """The text, to stand behind so many characters on a line so indented."""
        flat = self.flat()
        if "\n" not in flat and len(indent) + before + len(flat) + 1 <= _WIDTH:
            return flat
        inner = indent + _STEP
        lines = "".join(f"{inner}{_text(part, inner)},\n" for part in self.parts)
        return f"{self.opening}\n{lines}{indent}{self.closing}"


class _Keyword:
    """``name=value``."""

    def __init__(self, name: str, value: _Node) -> None:
        self.name, self.value = name, value


_Node = str | _Call | _Keyword


def _flat(node: _Node) -> str:
    if isinstance(node, _Keyword):
        return f"{node.name}={_flat(node.value)}"
    return node if isinstance(node, str) else node.flat()


def _text(node: _Node, indent: str, before: int = 0) -> str:
    if isinstance(node, _Keyword):
        return f"{node.name}={_text(node.value, indent, before + len(node.name) + 1)}"
    return node if isinstance(node, str) else node.text(indent, before)


# -- from records to nodes


def _record(record: Any, imports: Imports) -> _Node:
    """A record as a call of its class."""
    if isinstance(record, Step):
        return _step(record, imports)
    if isinstance(record, Running):
        opening = f"{imports.need('running')}("
        return _Call(opening, _arguments(record, imports), ")")
    cls = type(record)
    parts = list(_arguments(record, imports))
    if cls.__name__ in _BY_NAME and len(parts) == 1:
        return parts[0]
    return _Call(f"{imports.need(cls.__name__, _home(cls))}(", parts, ")")


def _home(cls: type) -> str:
    """Where people import a class from."""
    return "meshsim.scenario" if cls.__module__.startswith("meshsim.scenario.") else cls.__module__


def _arguments(record: Any, imports: Imports) -> Iterator[_Node]:
    """What differs from the defaults; what has no default comes first, without its name."""
    for key, attribute in known(type(record)).items():
        value = getattr(record, attribute.name)
        if attribute.metadata.get("rest"):
            yield from (_Keyword(flag, _value(each, imports)) for flag, each in value.items())
        elif attribute.default is NOTHING:
            yield _field(attribute, value, imports)
        elif value != default_of(attribute):
            yield _Keyword(key, _field(attribute, value, imports))


def _field(attribute: Attribute[Any], value: Any, imports: Imports) -> _Node:
    write = attribute.metadata.get("write")
    if write is not None and value is not None:
        value = write(value)
    elif attribute.name == "calls" and len(value) == 1:
        value = value[0]
    elif isinstance(value, Fixed):
        value = duration_text(value.time_ns)
    return _value(value, imports)


def _value(value: Any, imports: Imports) -> _Node:
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return _mapping(value, imports)
    if isinstance(value, list | tuple):
        return _Call("[", [_value(each, imports) for each in value], "]")
    if has(type(value)):
        return _record(value, imports)
    return _code(value, imports)


def _mapping(value: Mapping[Any, Any], imports: Imports) -> _Node:
    parts: list[_Node] = []
    for key, each in value.items():
        inner = _value(each, imports)
        name = f"{_flat(_value(key, imports))}: "
        parts.append(f"{name}{inner}" if isinstance(inner, str) else _Call(name, [inner], ""))
    return _Call("{", parts, "}")


def _code(value: Any, imports: Imports) -> str:
    """A class or function by its name."""
    module, name = getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
    if module in ("", "__main__") or not name.isidentifier():
        raise BadScenario(f"{value!r} has no name to import it by, so it cannot be written as Python")
    return imports.need(name, module)


def _step(step: Step, imports: Imports) -> _Node:
    """``at("10s").fail("host02")``."""
    if step.at_ns is not None:
        moment = f'{imports.need("at")}("{duration_text(step.at_ns)}")'
    elif step.every_ns is not None:
        moment = f'{imports.need("every")}("{duration_text(step.every_ns)}")'
    else:
        moment = f"{imports.need('when')}({_flat(_value(step.when, imports))})"
    action = step.do
    if isinstance(action, Availability):
        return f"{moment}.{_VERBS[action.availability]}({_flat(_value(action.host, imports))})"
    if isinstance(action, Partition):
        return _Call(f"{moment}.partition(", [_value(side, imports) for side in action.sides], ")")
    if isinstance(action, Do):
        return f"{moment}.do({_flat(_value(action.what, imports))})"
    return _Call(f"{moment}.{_WORDS[type(action)]}(", _arguments(action, imports), ")")


# -- what others ask for


def expression(record: Any, imports: Imports | None = None) -> str:
    """A scenario or one of its records as a Python expression.

    Args:
        record: what is written.
        imports: notes the names needed.

    Raises:
        BadScenario: part of it is code that cannot be imported by a name.

    >>> from meshsim.scenario import Client, Every, ServicePlan, at
    >>> print(expression(Client("alice", ["host01:81"], Every("1s"), requests=10)))
    Client("alice", "host01:81", arrivals=Every("1s"), requests=10)
    >>> print(expression(at("10s").scale("web", 3)))
    at("10s").scale("web", 3)
    """
    return _text(_record(record, Imports() if imports is None else imports), "")


def program(scenario: Any, seed: int | str = 0) -> str:
    """A scenario as a whole Python file that runs it and prints the report.

    Raises:
        BadScenario: part of it is code that cannot be imported by a name.
    """
    imports = Imports()
    made = expression(scenario, imports)
    head = "\n".join(imports.lines())
    return f"{head}\n\nscenario = {made}\nreport = scenario.run(seed={seed!r})\nprint(report)\n"


def pretty(record: Any, printer: Any) -> None:
    """Print a record as Python, into a printer as IPython and hypothesis have them."""
    try:
        text = expression(record)
    except BadScenario:
        text = repr(record)
    for number, line in enumerate(text.split("\n")):
        if number:
            printer.break_()
        printer.text(line)

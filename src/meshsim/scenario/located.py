"""Room scenario: JSON and YAML with the line of every value.

Comes in: text. Goes out: a tree of :class:`Located` values, or one sentence with the line. Rule of this
file: it knows what a text says, not what it means. YAML is an extra, imported where it is used.
"""

from __future__ import annotations

import re
from importlib import import_module
from json import JSONDecodeError, JSONDecoder
from typing import Any

from meshsim.errors import BadScenario, NotModelled

__all__ = ["Located", "read_json", "read_yaml"]

_SPACE = re.compile(r"[ \t\n\r]*")
_MARK = re.compile(r"[^\s,\]}:]*")
#: lists and mappings deeper than this are a mistake, or an attack
_DEPTH = 40


class Located:
    """A value and where it stands.

    Attributes:
        value: a scalar, a list of located values, or a dict of them.
        line: from 1.
        keys: the line of each key, for a dict.
    """

    __slots__ = ("keys", "line", "value")

    def __init__(self, value: Any, line: int, keys: dict[str, int] | None = None) -> None:
        self.value = value
        self.line = line
        self.keys = keys or {}

    def __repr__(self) -> str:
        return f"<Located {self.value!r} line {self.line}>"

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        return [each.plain() for each in self.value] if isinstance(self.value, list) else self.value

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of the value (or its key) that a path of keys and numbers leads to, as far as it goes."""
        found, line = self, self.line
        for step in path:
            value: Any = found.value
            if isinstance(value, dict) and step in value:
                found, line = value[step], found.keys[str(step)]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                found = value[step]
                line = found.line
            else:
                break
        return line


class _Json:
    """Reads one JSON text; scalars are left to the standard library."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self._scalar = JSONDecoder().raw_decode

    def error(self, sentence: str, at: int) -> BadScenario:
        """The error at a position."""
        return BadScenario(sentence, source=self.source, line=self.line(at))

    def line(self, at: int) -> int:
        """The line of a position."""
        return self.text.count("\n", 0, at) + 1

    def skip(self, at: int) -> int:
        """The first position from here on that is no white space."""
        found = _SPACE.match(self.text, at)
        assert found is not None
        return found.end()

    def value(self, at: int, depth: int) -> tuple[Located, int]:
        """The value that begins here, and the position after it."""
        if depth > _DEPTH:
            raise self.error(f"nested deeper than {_DEPTH} levels", at)
        char = self.text[at : at + 1]
        if char == "{":
            return self.mapping(at, depth)
        if char == "[":
            return self.list(at, depth)
        try:
            value, end = self._scalar(self.text, at)
        except JSONDecodeError as error:
            mark = _MARK.match(self.text, at)
            shown = mark[0] if mark and mark[0] else char
            what = "the text ends too early" if at >= len(self.text) else f"not JSON: {shown}"
            if char == '"':
                what = f"not JSON: {error.msg}"
            raise self.error(what, min(at, len(self.text.rstrip()))) from None
        return Located(value, self.line(at)), end

    def list(self, at: int, depth: int) -> tuple[Located, int]:
        """``[...]``."""
        items: list[Located] = []
        line, at = self.line(at), self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return Located(items, line), at + 1
        while True:
            item, at = self.value(at, depth + 1)
            items.append(item)
            at, more = self.more(at, "]")
            if not more:
                return Located(items, line), at

    def mapping(self, at: int, depth: int) -> tuple[Located, int]:
        """``{...}``."""
        items: dict[str, Located] = {}
        keys: dict[str, int] = {}
        line, at = self.line(at), self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return Located(items, line, keys), at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.error('expected a key in double quotes, or "}"', at)
            key, end = self.value(at, depth)
            if key.value in items:
                raise self.error(f'"{key.value}" is given twice', at)
            at = self.skip(end)
            if self.text[at : at + 1] != ":":
                raise self.error(f'expected ":" after "{key.value}"', at)
            items[key.value], at = self.value(self.skip(at + 1), depth + 1)
            keys[key.value] = key.line
            at, more = self.more(at, "}")
            if not more:
                return Located(items, line, keys), at

    def more(self, at: int, end: str) -> tuple[int, bool]:
        """After a value: a comma and more, or the end."""
        at = self.skip(at)
        char = self.text[at : at + 1]
        if char == end:
            return at + 1, False
        if char != ",":
            raise self.error(f'expected "," or "{end}"', at)
        return self.skip(at + 1), True


def read_json(text: str, source: str) -> Located:
    r"""Read JSON.

    >>> read_json('{\n "a": [1]}', "x").value["a"].line
    2

    Raises:
        BadScenario: it is none.
    """
    reader = _Json(text, source)
    value, at = reader.value(reader.skip(0), 0)
    at = reader.skip(at)
    if at < len(text):
        raise reader.error("there is more text after the end", at)
    return value


def read_yaml(text: str, source: str) -> Located:
    """Read YAML, as far as JSON's kinds of values go.

    Raises:
        BadScenario: it is none.
        NotModelled: PyYAML is not installed.
    """
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        raise NotModelled("scenarios in YAML need PyYAML: pip install pyyaml; JSON always works") from None
    loader = yaml.SafeLoader(text)
    try:
        return _from_yaml(yaml, loader, loader.get_single_node(), source)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadScenario(f"not YAML: {error.problem}", source=source, line=line) from None
    finally:
        loader.dispose()


def _from_yaml(yaml: Any, loader: Any, node: Any, source: str) -> Located:
    if node is None:
        raise BadScenario("the text is empty", source=source, line=1)
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        items: dict[str, Located] = {}
        keys: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in items:
                raise BadScenario(f'"{key}" is given twice', source=source, line=key_node.start_mark.line + 1)
            items[key] = _from_yaml(yaml, loader, value_node, source)
            keys[key] = key_node.start_mark.line + 1
        return Located(items, line, keys)
    if isinstance(node, yaml.SequenceNode):
        return Located([_from_yaml(yaml, loader, each, source) for each in node.value], line)
    return Located(loader.construct_object(node), line)

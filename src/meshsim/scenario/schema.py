"""Room scenario: scenarios as text, and back.

Comes in: located values (see ``located``), or a scenario. Goes out: a scenario, or JSON. Rules of this file:
the records themselves say which keys there are and what they hold; every error names source, line and key. A
word (``kind``, for steps ``do``) chooses among records of one family.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from attrs import NOTHING, Attribute

from meshsim.errors import BadScenario, MeshsimError
from meshsim.scenario.fields import default_of, known, plain, value_text
from meshsim.scenario.located import Located, read_json, read_yaml
from meshsim.scenario.plans import HostPlan, NetworkPlan, ServicePlan
from meshsim.scenario.scenario import VERSION, Scenario
from meshsim.scenario.steps import Step
from meshsim.scenario.traffic.clients import Client

__all__ = ["dumps", "loads"]

#: what the records are called in sentences
_CALLED: dict[type, str] = {
    Scenario: "scenario", HostPlan: "host", NetworkPlan: "network", ServicePlan: "service", Client: "client",
    Step: "step",
}  # fmt: skip
#: records that may be written as their name alone
_BY_NAME = (HostPlan, NetworkPlan)


def loads(text: str, *, source: str, form: str = "json") -> Scenario:
    """See :meth:`Scenario.loads`."""
    if form not in ("json", "yaml"):
        raise BadScenario(f"a scenario is written in json or yaml, not {form}", source=source, line=1)
    tree = read_json(text, source) if form == "json" else read_yaml(text, source)
    reader = _Reader(source)
    reader.mapping(tree, Scenario)
    version = tree.value.pop("meshsim", None)
    if version is None:
        raise reader.error(f'a scenario begins with its version: "meshsim": {VERSION}', tree.line)
    if version.plain() != VERSION or isinstance(version.plain(), bool):
        raise reader.error(
            f"meshsim: version {value_text(version.plain())} of the schema is not known, {VERSION} is",
            version.line,
        )
    try:
        scenario: Scenario = reader.record(tree, Scenario)
    except BadScenario as error:
        if error.line:
            raise
        raise BadScenario(_keyed(error), error.path, source=source, line=tree.line_of(error.path)) from None
    return scenario


def _keyed(error: BadScenario) -> str:
    """The sentence with the key it is about."""
    keys = [step for step in error.path if isinstance(step, str)]
    return f"{keys[-1]}: {error.sentence}" if keys else error.sentence


class _Reader:
    """Turns located values into records."""

    def __init__(self, source: str) -> None:
        self.source = source

    def error(self, sentence: str, line: int) -> BadScenario:
        """The error at a line."""
        return BadScenario(sentence, source=self.source, line=line)

    def mapping(self, at: Located, cls: type) -> dict[str, Located]:
        """The keys of a record's text."""
        if not isinstance(at.value, dict):
            what = _CALLED.get(cls, cls.__name__.lower())
            raise self.error(f"expected the keys of a {what}, not {value_text(at.value)}", at.line)
        return at.value

    def record(self, at: Located, cls: type) -> Any:
        """One record."""
        if cls in _BY_NAME and isinstance(at.value, str):
            return cls(at.value)
        if cls is Step:
            at = _step(at)
        items = self.mapping(at, cls)
        fields = known(cls)
        rest = next((a for a in fields.values() if a.metadata.get("rest")), None)
        given: dict[str, Any] = {}
        for key, value in items.items():
            attribute = fields.get(key)
            if attribute is None or attribute is rest:
                if rest is None:
                    raise self.unknown(key, tuple(k for k in fields if k != "images"), cls, at.keys[key])
                given[key] = plain(value.plain())
            else:
                given[key] = self.field(attribute, key, value, at.keys[key])
        for key, attribute in fields.items():
            if attribute.default is NOTHING and key not in given:
                what = _CALLED.get(cls, cls.__name__.lower())
                raise self.error(f'{key}: a {what} needs "{key}"', at.line)
        return self.built(cls, given, at.line)

    def built(self, cls: type, given: dict[str, Any], line: int) -> Any:
        """The record of these values; what they do not agree on is an error of its line."""
        try:
            return cls(**given)
        except BadScenario:
            raise
        except MeshsimError as error:
            raise self.error(str(error), line) from None

    def field(self, attribute: Attribute[Any], key: str, at: Located, line: int) -> Any:
        """The value of one key."""
        kind = attribute.metadata.get("kind")
        if kind is None or at.value is None:
            value = plain(at.plain())
        elif attribute.metadata.get("many"):
            if not isinstance(at.value, list):
                raise self.error(f"{key}: expected a list, not {value_text(at.value)}", line)
            value = tuple(self.one(kind, key, each) for each in at.value)
        else:
            value = self.one(kind, key, at)
        if attribute.converter is not None:
            try:
                convert: Any = attribute.converter
                value = convert(value)
            except MeshsimError as error:
                raise self.error(f"{key}: {error}", line) from None
        return value

    def one(self, kind: Any, key: str, at: Located) -> Any:
        """One record of a class, or of a family; a duration may stand for a length."""
        if not isinstance(kind, Mapping):
            return self.record(at, kind)
        if not isinstance(at.value, dict):
            return at.plain()
        word = at.value.get("kind")
        if word is None:
            raise self.error(f'{key}: needs "kind", one of {", ".join(_words(kind))}', at.line)
        if word.value not in _words(kind):
            raise self.unknown(str(word.value), _words(kind), f"{key}: kind", word.line)
        rest = {k: v for k, v in at.value.items() if k != "kind"}
        return self.record(Located(rest, at.line, at.keys), kind[word.value])

    def unknown(self, word: str, words: tuple[str, ...], where: Any, line: int) -> BadScenario:
        """A word nobody knows; a near miss is offered."""
        near = get_close_matches(word, words, n=1)
        hint = f'is "{near[0]}" meant?' if near else f"known: {', '.join(words)}"
        if isinstance(where, str):
            return self.error(f'{where} "{word}" is unknown; {hint}', line)
        what = _CALLED.get(where, where.__name__.lower())
        return self.error(f'{word}: a {what} has no key "{word}"; {hint}', line)


def _words(kind: Mapping[str, type]) -> tuple[str, ...]:
    """The words of a family; Python code has none."""
    return tuple(word for word in kind if word != "do")


_WHEN = ("at", "every", "when")


def _step(at: Located) -> Located:
    """A step as it is written, flat, with its action apart: ``{"at": "10s", "do": "fail", "host": ...}``."""
    if not isinstance(at.value, dict) or "do" not in at.value:
        return at
    word = at.value["do"]
    rest = {key: each for key, each in at.value.items() if key not in (*_WHEN, "do")}
    action = Located({"kind": word, **rest}, word.line, {**at.keys, "kind": word.line})
    moment = {key: each for key, each in at.value.items() if key in _WHEN}
    return Located({**moment, "do": action}, at.line, at.keys)


# -- back to text


def dumps(scenario: Scenario) -> str:
    """See :meth:`Scenario.dumps`."""
    written = {"meshsim": VERSION, **_record(scenario, ())}
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _record(record: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
    """A record's values that differ from the defaults."""
    out: dict[str, Any] = {}
    for key, attribute in known(type(record)).items():
        value = getattr(record, attribute.name)
        if attribute.metadata.get("rest"):
            out.update(_plain(value, (*path, key)))
        elif attribute.default is NOTHING or value != default_of(attribute):
            out[key] = _value(attribute, value, (*path, key))
    if isinstance(record, Step):
        action = out.pop("do")
        out["do"] = action.pop("kind")
        out.update(action)
    return out


def _value(attribute: Attribute[Any], value: Any, path: tuple[str | int, ...]) -> Any:
    kind = attribute.metadata.get("kind")
    if value is None:
        return None
    if "write" in attribute.metadata:
        return attribute.metadata["write"](value)
    if kind is None:
        return _plain(value, path)
    if attribute.metadata.get("many"):
        return [_one(kind, each, (*path, number)) for number, each in enumerate(value)]
    return _one(kind, value, path)


def _one(kind: Any, value: Any, path: tuple[str | int, ...]) -> Any:
    if not isinstance(kind, Mapping):
        return _record(value, path)
    for word in _words(kind):
        if type(value) is kind[word]:
            return {"kind": word, **_record(value, path)}
    raise _code(path)


def _plain(value: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each, (*path, key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, (*path, number)) for number, each in enumerate(value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _code(path)


def _code(path: tuple[str | int, ...]) -> BadScenario:
    where = ".".join(map(str, path))
    return BadScenario(f"{where} is Python code, which cannot be written as text", path)

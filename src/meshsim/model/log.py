"""Room model: the event log, the canonical record of a run.

Comes in: commits (as deltas), and what other rooms note (faults, bindings). Goes out: the records, and
their text, one JSON object a line. Rules of this file: append only; entries are immutable and shared
between copies; the text depends on the calls and the seed alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import Any, Final, TypeAlias

import attrs

from meshsim.model.operations import Operations, whole

__all__ = ["Log", "Record", "plain"]

#: (time_ns, kind, payload); the payload of kind "commit" is (swarm, version, operations)
Record: TypeAlias = tuple[int, str, Any]

#: what is told for every task has a tuple as payload; the names of its items, the last may be missing
_NAMES: Final = {
    "container": ("host", "what", "id", "name", "facts"),
    "network": ("host", "what", "network", "container"),
    "binding": ("network", "row"),
}
#: stands for the number of items of a payload that is no tuple
_WHOLE: Final = -1


def plain(value: Any) -> Any:
    """Turn a frozen value into lists, dicts, texts and numbers; fields at their default are left out."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower()
    if attrs.has(type(value)):
        return {
            a.name: plain(item)
            for a in attrs.fields(type(value))
            if not _is_default(a, item := getattr(value, a.name))
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def _is_default(attribute: Any, item: Any) -> bool:
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return not default.takes_self and bool(item == default.factory())
    return bool(item == default)


class Log:
    """What happened, in order: packed into one list, as a large service makes several records a task.

    >>> log = Log()
    >>> log.append(0, "note", {"text": "hello"})
    >>> print(log.to_jsonl(), end="")
    {"t":0,"kind":"note","text":"hello"}
    """

    __slots__ = ("_count", "_packed")

    def __init__(self) -> None:
        self._count = 0
        #: of each record its time, its kind, how many items the payload has, and these
        self._packed: list[Any] = []

    def append(self, time_ns: int, kind: str, payload: Any) -> None:
        """Add one record; ``payload`` must be immutable or never touched again. O(1).

        A class in a tuple stands for an object of it, whose fields are the next items: it is made when the
        record is read.
        """
        self._count += 1
        if type(payload) is tuple:
            self._packed += (time_ns, kind, len(payload), *payload)
        else:
            self._packed += (time_ns, kind, _WHOLE, payload)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Record]:
        items = iter(self._packed)
        for time_ns in items:
            kind, size = next(items), next(items)
            if size == _WHOLE:
                yield time_ns, kind, next(items)
            else:
                parts = islice(items, size)
                yield time_ns, kind, tuple([whole(item, parts) for item in parts])

    def __repr__(self) -> str:
        return f"<Log {len(self)} records, sha256 {self.digest()[:12]}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Log:
        """A log that goes on by itself; what is told is shared. O(records), but a copy of references."""
        twin = memo[id(self)] = Log()
        twin._count = self._count
        twin._packed = self._packed.copy()
        return twin

    def lines(self) -> Iterator[str]:
        """Each record as one line of JSON, without the newline."""
        for time_ns, kind, payload in self:
            if kind == "commit":
                body = _commit_body(*payload)
            else:
                names = _NAMES.get(kind)
                body = plain(payload if names is None else dict(zip(names, payload, strict=False)))
            yield json.dumps({"t": time_ns, "kind": kind, **body}, separators=(",", ":"), ensure_ascii=False)

    def to_jsonl(self) -> str:
        """The whole log as text: the canonical form that two equal runs share byte for byte."""
        return "".join(f"{line}\n" for line in self.lines())

    def digest(self) -> str:
        """The SHA-256 of :meth:`to_jsonl`, in hexadecimal."""
        hasher = hashlib.sha256()
        for line in self.lines():
            hasher.update(line.encode())
            hasher.update(b"\n")
        return hasher.hexdigest()


def _commit_body(swarm: str, version: int, operations: Operations) -> dict[str, Any]:
    rows = []
    for verb, kind, identifier, *rest in operations:
        row: dict[str, Any] = {"do": verb, "what": kind, "id": identifier}
        if verb == "create":
            row.update(plain(rest[0]))
        else:
            row.update((name, plain(value)) for name, value in zip(rest[::2], rest[1::2], strict=True))
        rows.append(row)
    return {"swarm": swarm, "version": version, "changes": rows}

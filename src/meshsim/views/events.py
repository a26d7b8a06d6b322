"""Room views: the log as ``docker events`` names what happened.

Comes in: the records of a log. Goes out: :class:`Event` values, in order. Rules of this file: a commit's
creations, changes and removals of swarm objects are events of the managers, tasks are none; a container's
steps are events of its machine. What changed is told by comparing with what the log said before.

Source: moby daemon/events.go (generateClusterEvent, logNodeEvent, logServiceEvent ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from meshsim.model.frozen import FrozenDict
from meshsim.model.log import Record
from meshsim.model.specs import Replicated
from meshsim.units import rfc3339_fixed

__all__ = ["Event", "events_of"]

_SWARM_KINDS = ("node", "service", "network", "secret", "config")
_ACTIONS = {"create": "create", "update": "update", "remove": "remove"}


@frozen(slots=True)
class Event:
    """One line of ``docker events``.

    Attributes:
        time_ns: virtual nanoseconds since the cluster's start.
        type, action: ``service``, ``create``.
        id: of the object.
        attributes: sorted by key.
        scope: ``swarm`` (told on managers only) or ``local``.
    """

    time_ns: int
    type: str
    action: str
    id: str
    attributes: Mapping[str, str] = field(factory=FrozenDict)
    scope: str = "swarm"

    def text(self, epoch_ns: int) -> str:
        """The line.

        >>> Event(0, "service", "create", "7w8k", {"name": "lbapp1"}).text(0)
        '1970-01-01T00:00:00.000000000Z service create 7w8k (name=lbapp1)'
        """
        inside = ", ".join(f"{key}={self.attributes[key]}" for key in sorted(self.attributes))
        return f"{rfc3339_fixed(epoch_ns + self.time_ns)} {self.type} {self.action} {self.id} ({inside})"

    def data(self, epoch_ns: int) -> dict[str, Any]:
        """The event as the Engine API streams it."""
        attributes = {key: self.attributes[key] for key in sorted(self.attributes)}
        data: dict[str, Any] = {"Type": self.type, "Action": self.action}
        data["Actor"] = {"ID": self.id, "Attributes": attributes}
        time_ns = epoch_ns + self.time_ns
        data |= {"scope": self.scope, "time": time_ns // 1_000_000_000, "timeNano": time_ns}
        if self.type == "container":  # what clients before 1.22 read
            old = {"status": self.action, "id": self.id, "from": attributes.get("image", "")}
            return old | data
        return data


def events_of(
    records: Iterable[Record],
    *,
    swarm: str = "",
    host: str = "",
    containers: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Event]:
    """Yield the events one engine tells, oldest first. O(records).

    Args:
        records: the log's.
        swarm: label of the swarm whose managers are asked; empty on workers and outside any.
        host: name of the machine asked.
        containers: attributes of containers by id (labels, image), where known.
    """
    history = _History()
    for time_ns, kind, payload in records:
        if kind == "commit" and swarm and payload[0] == swarm:
            yield from history.commit(time_ns, payload[2])
        elif kind == "container" and payload[0] == host:
            _, what, identifier, name = payload
            attributes = {**(containers or {}).get(identifier, {}), "name": name}
            yield Event(time_ns, "container", what, identifier, attributes, "local")


class _History:
    """What the log has said of each object so far."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def commit(self, time_ns: int, operations: Iterable[tuple[Any, ...]]) -> Iterator[Event]:
        for verb, kind, identifier, *rest in operations:
            if kind not in _SWARM_KINDS:
                continue
            before = self._known.get(identifier, {})
            if verb == "create":
                after = _fields(rest[0])
            else:
                after = before | dict(zip(rest[::2], rest[1::2], strict=True))
            attributes = {"name": _name(kind, after)}
            if verb == "update":
                attributes |= _changes(kind, before, after)
            if verb == "remove":
                self._known.pop(identifier, None)
            else:
                self._known[identifier] = after
            yield Event(time_ns, kind, _ACTIONS[verb], identifier, attributes)


def _fields(record: Any) -> dict[str, Any]:
    names = ("spec", "status", "description", "update_status", "role", "manager")
    return {name: getattr(record, name) for name in names if hasattr(record, name)}


def _name(kind: str, known: Mapping[str, Any]) -> str:
    if kind == "node":
        description = known.get("description")
        return known["spec"].name or (description.hostname if description else "")
    name: str = known["spec"].name
    return name


def _changes(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """The attributes ``x.old`` and ``x.new`` of what a user watches; an empty side is left out."""
    facts = _node_facts if kind == "node" else _service_facts if kind == "service" else _no_facts
    old, new = facts(before), facts(after)
    changed: dict[str, str] = {}
    for key, value in new.items():
        if value == old[key]:
            continue
        changed |= {f"{key}.{side}": text for side, text in (("new", value), ("old", old[key])) if text}
    return changed


def _node_facts(known: Mapping[str, Any]) -> dict[str, str]:
    spec, status = known["spec"], known["status"]
    return {"availability": spec.availability.label, "role": spec.role.label, "state": status.state.label}


def _service_facts(known: Mapping[str, Any]) -> dict[str, str]:
    spec, update = known["spec"], known["update_status"]
    mode = spec.mode
    return {
        "image": spec.task.container.image,
        "replicas": str(mode.replicas) if isinstance(mode, Replicated) else "",
        "updatestate": update.state.value if update else "",
    }


def _no_facts(_known: Mapping[str, Any]) -> dict[str, str]:
    return {}

"""Room views: the log as ``docker events`` names what happened.

Comes in: the records of a log. Goes out: :class:`Event` values, in order. Rules of this file: a commit's
creations, changes and removals of swarm objects are events of the managers, tasks are none; a container's
steps and its networks are events of its machine. What changed is told by comparing with what the log said
before.

Source: moby daemon/events.go (generateClusterEvent, logNodeEvent, logServiceEvent ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from meshsim.model.frozen import Frozen, FrozenDict
from meshsim.model.log import Record
from meshsim.model.specs import Replicated
from meshsim.units import rfc3339_fixed

__all__ = ["Ended", "Event", "Origin", "Plug", "events_of", "task_labels"]

_SWARM_KINDS = ("node", "service", "network", "secret", "config")
#: exit code of a program killed by SIGKILL
_KILLED = 137
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


def task_labels(
    task_id: str, task_name: str, node_id: str, service_id: str, service_name: str
) -> dict[str, str]:
    """The labels by which a container says whose task it is.

    Source: moby daemon/cluster/executor/container/container.go labels.
    """
    return {
        "com.docker.swarm.node.id": node_id,
        "com.docker.swarm.service.id": service_id,
        "com.docker.swarm.service.name": service_name,
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task_id,
        "com.docker.swarm.task.name": task_name,
    }


@frozen(slots=True, weakref_slot=False)
class Origin(Frozen):
    """What a container was created with: it goes with every event of it."""

    image: str
    labels: Mapping[str, str] = field(factory=FrozenDict)
    task_id: str = ""
    node_id: str = ""
    service_id: str = ""
    service_name: str = ""

    def attributes(self, name: str) -> dict[str, str]:
        """As the events of the container of that name show it."""
        facts = {**self.labels, "image": self.image, "name": name}
        if not self.task_id:
            return facts
        own = task_labels(self.task_id, name, self.node_id, self.service_id, self.service_name)
        return facts | own


@frozen(slots=True)
class Plug(Frozen):
    """A network as one machine knows it."""

    id: str
    name: str
    driver: str


@frozen(slots=True)
class Ended(Frozen):
    """How a program ended: its exit code, whole seconds it ran, whether it was told to stop."""

    exit_code: int
    seconds: int
    stopped: bool


def events_of(records: Iterable[Record], *, swarm: str = "", host: str = "") -> Iterator[Event]:
    """Yield the events one engine tells, oldest first. O(records).

    Args:
        records: the log's.
        swarm: label of the swarm whose managers are asked; empty on workers and outside any.
        host: name of the machine asked.
    """
    history = _History()
    for time_ns, kind, payload in records:
        if kind == "commit":
            if swarm and payload[0] == swarm:
                yield from history.commit(time_ns, payload[2])
        elif kind == "container":
            if payload[0] == host:
                yield from history.container(time_ns, *payload[1:])
        elif kind == "network" and payload[0] == host:
            yield from history.network(time_ns, *payload[1:])


class _History:
    """What the log has said of each object so far."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._plugs: dict[str, tuple[Plug, ...]] = {}

    def container(
        self, time_ns: int, what: str, identifier: str, name: str, facts: Any = None
    ) -> Iterator[Event]:
        """One step of a container, which may be several events.

        Networks are connected before the start and disconnected before the end; who did not stop when
        told to was killed. A machine without power tells nothing. (Ground truth 21.)
        """
        if what == "create":
            self._attributes[identifier] = facts.attributes(name)
        attributes = self._attributes.get(identifier, {"name": name})

        def event(action: str, **more: str) -> Event:
            return Event(time_ns, "container", action, identifier, {**attributes, **more}, "local")

        if what == "start":
            self._plugs[identifier] = facts
            yield from self._connections(time_ns, "connect", identifier)
            yield event("start")
        elif what == "kill":
            yield event("kill", signal="15")
        elif what == "die":
            if facts.stopped and facts.exit_code == _KILLED:
                yield event("kill", signal="9")
            yield from self._connections(time_ns, "disconnect", identifier)
            if facts.stopped:
                yield event("stop")
            yield event("die", execDuration=str(facts.seconds), exitCode=str(facts.exit_code))
        elif what != "lost":
            yield event(what)

    def network(self, time_ns: int, what: str, plug: Plug, container_id: str) -> Iterator[Event]:
        """A network was made or lost here, or a running container was connected or disconnected."""
        if not container_id:
            yield Event(time_ns, "network", what, plug.id, {"name": plug.name, "type": plug.driver}, "local")
            return
        there = self._plugs.get(container_id, ())
        if what == "connect":
            self._plugs[container_id] = (*there, plug)
        else:
            self._plugs[container_id] = tuple(other for other in there if other.id != plug.id)
        yield _connection(time_ns, what, plug, container_id)

    def _connections(self, time_ns: int, what: str, container_id: str) -> Iterator[Event]:
        for plug in self._plugs.get(container_id, ()):
            yield _connection(time_ns, what, plug, container_id)

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


def _connection(time_ns: int, what: str, plug: Plug, container_id: str) -> Event:
    attributes = {"container": container_id, "name": plug.name, "type": plug.driver}
    return Event(time_ns, "network", what, plug.id, attributes, "local")


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
    """The attributes ``x.old`` and ``x.new`` of what a user watches.

    Something that is gone now is not told (a spec's change wipes the update status: no ``.old`` alone), and
    something that was not there before has no ``.old``.
    """
    facts = _node_facts if kind == "node" else _service_facts if kind == "service" else _no_facts
    old, new = facts(before), facts(after)
    changed: dict[str, str] = {}
    for key, value in new.items():
        if not value or value == old[key]:
            continue
        changed |= {f"{key}.{side}": text for side, text in (("new", value), ("old", old[key])) if text}
    return changed


def _node_facts(known: Mapping[str, Any]) -> dict[str, str]:
    """The role is the one it has, not the one it was asked to take.

    Source: moby daemon/events.go logNodeEvent.
    """
    spec, status, role = known["spec"], known["status"], known["role"]
    return {"availability": spec.availability.label, "role": role.label, "state": status.state.label}


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

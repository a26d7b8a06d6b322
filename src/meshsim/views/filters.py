"""Room views: the ``--filter`` rules of docker's lists.

Comes in: filters (key -> values) and a record. Goes out: whether the record is listed. Rules of this
file: several values of one key are alternatives, except labels, which must all fit; names and ids of
swarm objects match by their beginning, those of networks and containers anywhere.

>>> from meshsim.model.objects import Service
>>> from meshsim.model.specs import ServiceSpec
>>> fits_service(Service("s" * 25, spec=ServiceSpec("web1")), {"name": ["web"]})
True

Source: moby daemon/cluster/filters.go, swarmkit manager/controlapi (list requests),
daemon/network/filter.go, daemon/list.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from meshsim.errors import InvalidParameter
from meshsim.model.objects import Config, Network, Node, Secret, Service, Task
from meshsim.model.specs import GlobalJob, GlobalMode, Replicated
from meshsim.model.states import TaskState
from meshsim.views.events import Event
from meshsim.views.shapes.containers import ContainerFacts
from meshsim.views.shapes.networks import LocalNetworkFacts

__all__ = [
    "Filters",
    "check",
    "fits_container",
    "fits_event",
    "fits_file",
    "fits_network",
    "fits_node",
    "fits_pruning",
    "fits_service",
    "fits_task",
]

Filters: TypeAlias = Mapping[str, Sequence[str]]

_KNOWN: dict[str, tuple[str, ...]] = {
    "node": ("name", "id", "label", "role", "membership", "node.label"),
    "service": ("name", "id", "label", "mode", "runtime"),
    "task": ("name", "id", "label", "service", "node", "desired-state", "_up-to-date", "runtime"),
    "network": ("driver", "name", "id", "label", "type", "scope", "dangling"),
    "secret": ("name", "names", "id", "label"),
    "event": (
        "config", "container", "daemon", "event", "image", "label", "network", "node", "scope", "secret",
        "service", "type", "volume",
    ),
    "config": ("name", "names", "id", "label"),
    "prune": ("label", "label!", "until"),
    "container": (
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network",
        "publish", "since", "status", "volume",
    ),
}  # fmt: skip
_BUILT_IN = ("bridge", "host", "none")
_DESIRED = {
    "running": (TaskState.RUNNING,),
    "shutdown": (TaskState.SHUTDOWN,),
    "accepted": (TaskState.ACCEPTED,),
    "ready": (TaskState.READY,),
}


def check(kind: str, filters: Filters) -> None:
    """Refuse keys and values the engine does not know.

    Raises:
        InvalidParameter: with the engine's sentence.
    """
    for key, values in filters.items():
        if key not in _KNOWN[kind]:
            raise InvalidParameter(f"invalid filter '{key}'")
        if kind == "task" and key == "desired-state":
            for value in values:
                if value.lower() not in _DESIRED:
                    raise InvalidParameter(f"invalid filter 'desired-state={value}'")


def _any(filters: Filters, key: str, fits: Callable[[str], bool]) -> bool:
    return key not in filters or any(map(fits, filters[key]))


def _labels(filters: Filters, labels: Mapping[str, str], key: str = "label") -> bool:
    for wish in filters.get(key, ()):
        name, equals, value = wish.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def fits_pruning(labels: Mapping[str, str], filters: Filters) -> bool:
    """Whether ``prune`` may remove what has these labels; when it was made is the caller's question.

    Source: moby daemon/prune.go matchLabels.
    """
    check("prune", filters)
    spared = "label!" in filters and _labels(filters, labels, "label!")
    return _labels(filters, labels) and not spared


def fits_node(record: Node, filters: Filters) -> bool:
    """Whether ``node ls`` lists it."""
    check("node", filters)
    engine_labels = record.description.engine_labels if record.description else {}
    return (
        _any(filters, "name", record.name.startswith)
        and _any(filters, "id", record.id.startswith)
        and _any(filters, "role", lambda role: record.role.label == role)
        and _any(filters, "membership", lambda word: word == "accepted")
        and _labels(filters, engine_labels)
        and _labels(filters, record.spec.labels, "node.label")
    )


def fits_service(record: Service, filters: Filters) -> bool:
    """Whether ``service ls`` lists it."""
    check("service", filters)
    mode = record.spec.mode
    word = (
        "replicated" if isinstance(mode, Replicated)
        else "global" if isinstance(mode, GlobalMode)
        else "global-job" if isinstance(mode, GlobalJob)
        else "replicated-job"
    )  # fmt: skip
    return (
        _any(filters, "name", record.name.startswith)
        and _any(filters, "id", record.id.startswith)
        and _any(filters, "mode", lambda wish: wish == word)
        and _any(filters, "runtime", lambda wish: wish == "container")
        and _labels(filters, record.spec.labels)
    )


def fits_task(record: Task, filters: Filters) -> bool:
    """Whether ``service ps`` and ``node ps`` list it; ``service`` and ``node`` are ids by then."""
    check("task", filters)
    name = f"{record.shared.service_name}.{record.slot or record.node_id}"
    return (
        _any(filters, "name", f"{name}.{record.id}".startswith)
        and _any(filters, "id", record.id.startswith)
        and _any(filters, "service", lambda wish: record.service_id == wish)
        and _any(filters, "node", lambda wish: record.node_id == wish)
        and _any(filters, "desired-state", lambda wish: record.desired in _DESIRED[wish.lower()])
        and _labels(filters, record.spec.container.labels)
    )


def fits_network(record: Network | LocalNetworkFacts, filters: Filters) -> bool:
    """Whether ``network ls`` lists it."""
    check("network", filters)
    if isinstance(record, Network):
        driver, scope, labels = record.spec.driver, "swarm", record.spec.labels
    else:
        driver, scope, labels = record.driver, "local", record.labels  # type: ignore[assignment]
    kind = "builtin" if scope == "local" and record.name in _BUILT_IN else "custom"
    return (
        _any(filters, "name", lambda wish: wish in record.name)
        and _any(filters, "id", lambda wish: wish in record.id)
        and _any(filters, "driver", lambda wish: wish == driver)
        and _any(filters, "scope", lambda wish: wish == scope)
        and _any(filters, "type", lambda wish: wish == kind)
        and _labels(filters, labels)
    )


def fits_file(record: Secret | Config, filters: Filters) -> bool:
    """Whether ``secret ls`` or ``config ls`` lists it."""
    check("secret", filters)
    return (
        _any(filters, "name", record.name.startswith)
        and _any(filters, "id", record.id.startswith)
        and _labels(filters, record.spec.labels)
    )


def fits_container(facts: ContainerFacts, filters: Filters) -> bool:
    """Whether ``docker ps`` lists it; a filter on the status also shows what does not run."""
    check("container", filters)
    return (
        _any(
            filters, "name", lambda wish: re.search(wish, f"/{facts.name}") is not None or wish in facts.name
        )
        and _any(filters, "id", facts.id.startswith)
        and _any(filters, "status", lambda wish: wish == facts.status)
        and _any(filters, "health", lambda wish: wish == (facts.health or "none"))
        and _any(filters, "exited", lambda wish: facts.status == "exited" and wish == str(facts.exit_code))
        and _any(filters, "network", lambda wish: _on_network(facts, wish))
        and _any(filters, "ancestor", lambda wish: facts.image in (wish, f"{wish}:latest"))
        and _any(filters, "is-task", lambda wish: (wish == "true") == _is_task(facts))
        and _labels(filters, facts.labels)
    )


def fits_event(event: Event, filters: Filters) -> bool:
    """Whether ``docker events`` shows it; ``service=web`` and the like name an object of that type."""
    check("event", filters)
    for kind in ("config", "container", "network", "node", "secret", "service"):
        if kind in filters and event.type != kind:
            return False
    name = event.attributes.get("name", "")
    return (
        _any(filters, "type", lambda wish: wish == event.type)
        and _any(filters, "event", lambda wish: wish == event.action.partition(":")[0])
        and _any(filters, "scope", lambda wish: wish == event.scope)
        and _labels(filters, event.attributes)
        and _any(filters, event.type, lambda wish: wish in (event.id, name) or event.id.startswith(wish))
    )


def _on_network(facts: ContainerFacts, wish: str) -> bool:
    return wish in facts.networks or any(plug.network_id == wish for plug in facts.networks.values())


def _is_task(facts: ContainerFacts) -> bool:
    return "com.docker.swarm.task.id" in facts.labels

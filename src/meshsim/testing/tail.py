"""Room testing: the end of a cluster's log, in lines short enough to read under a failed test.

Comes in: a cluster. Goes out: its last events, one a line. It shows what changed, not every value; the whole
is ``cluster.log.to_jsonl()``.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from meshsim.cluster import Cluster
from meshsim.model.log import Log
from meshsim.units import SECOND

__all__ = ["LAST_EVENTS", "last_events"]

#: how many are shown under a failed test
LAST_EVENTS: Final = 30
_LONGEST: Final = 150
#: values worth showing where they change
_TOLD: Final = ("desired", "node_id", "availability", "role")


def last_events(cluster: Cluster, count: int = LAST_EVENTS) -> str:
    """The last events of a cluster's log as text.

    Args:
        cluster: whose.
        count: how many at most.

    >>> from meshsim.testing import ready_swarm
    >>> cluster = ready_swarm(managers=1, workers=1)
    >>> cluster.host("host02").fail()
    >>> cluster.run_for("30s")
    >>> print(last_events(cluster, 2), end="")
       0.200 s  fault      fail host02
      14.841 s  commit     update node host02 (state=down: heartbeat failure)
    """
    tail = Log()
    for record in deque(cluster.log, maxlen=max(0, count)):
        tail.append(*record)
    names = _names(cluster)
    return "".join(f"{_line(json.loads(line), names)}\n" for line in tail.lines())


def _names(cluster: Cluster) -> dict[str, str]:
    """What people call the objects that exist, by id."""
    names: dict[str, str] = {}
    for manager in cluster.swarms:
        store = manager.store
        for objects in (store.nodes, store.services, store.networks, store.tasks):
            names.update((each.id, each.name) for each in objects.values())
    return names


def _line(record: dict[str, Any], names: Mapping[str, str]) -> str:
    time_ns, kind = record.pop("t"), record.pop("kind")
    if kind == "commit":
        text = "; ".join(_change(change, names) for change in record["changes"])
    elif kind == "binding":
        row, network = record["row"], _called(record["network"], names)
        text = f"{row['node']} tells of {_called(row['endpoint_id'], names)} on {network}"
    else:
        text = " ".join(str(value) for key, value in record.items() if key != "id")
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"{time_ns / SECOND:8.3f} s  {kind:<9}  {text}"


def _called(identifier: str, names: Mapping[str, str]) -> str:
    return names.get(identifier) or identifier


def _change(change: dict[str, Any], names: Mapping[str, str]) -> str:
    """``update task web.1.x (desired=shutdown)``."""
    text = f"{change['do']} {change['what']} {_called(change['id'], names)}"
    told = [_field(name, value, names) for name, value in change.items() if name not in ("do", "what", "id")]
    return f"{text} ({', '.join(told)})" if told and change["do"] == "update" else text


def _field(name: str, value: Any, names: Mapping[str, str]) -> str:
    if name == "status" and "state" in value:
        said = value.get("err") or value.get("message")
        return f"state={value['state']}{f': {said}' if said else ''}"
    if name in _TOLD:
        return f"{name.removesuffix('_id')}={_called(value, names)}"
    return name

"""Lists of tasks: what ``service ps`` and ``node ps`` print.

Room shell, docker. In: task records. Out: text. Source: docker/cli cli/command/task/print.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshsim.errors import ApiError
from meshsim.model.objects import Task
from meshsim.shell.docker.common import Call, listed
from meshsim.shell.result import Result
from meshsim.views import rows

__all__ = ["resolver", "task_list"]


def task_list(call: Call, tasks: Sequence[Task]) -> Result:
    """Print tasks: ids in full with ``-q``, names resolved unless ``--no-resolve``."""
    is_quiet = call["quiet"] and not call["format"]
    lines = rows.task_rows(
        tasks,
        now_ns=call.now_ns,
        service_name=str if call["no-resolve"] else resolver(call, "services"),
        node_name=str if call["no-resolve"] else resolver(call, "nodes"),
        trunc=not (call["no-trunc"] or is_quiet),
        marks=not call["format"] or call["format"].startswith("table"),
    )
    return listed(call, "task", lines)


def resolver(call: Call, collection: str) -> Callable[[str], str]:
    """A look-up of names by id, remembering what it found; an id that is gone stays an id."""
    known: dict[str, str] = {}

    def resolve(identifier: str) -> str:
        if identifier not in known:
            try:
                known[identifier] = getattr(call.host, collection).get(identifier).name
            except ApiError:
                known[identifier] = identifier
        return known[identifier]

    return resolve

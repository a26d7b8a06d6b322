"""Room scenario: what a run leaves behind.

Comes in: plain tuples, appended while the run is going (a request must cost little). Goes out: frozen
records, made when somebody asks. Rule of this file: the order of a tuple is the order of its record's
fields; every request, every try of it, ends in exactly one outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, overload

from attrs import field, fields, frozen

from meshsim.model.frozen import Frozen
from meshsim.units import duration_text

__all__ = [
    "NEVER",
    "OUTCOMES",
    "ConnectionRecord",
    "Event",
    "Recorder",
    "RequestRecord",
    "Requests",
    "Row",
    "TaskRecord",
]

#: in place of a moment that never came
NEVER = -1

#: answered; answered by an error (5xx); turned away by a full queue; and what clients experience else
OUTCOMES = ("ok", "error", "busy", "refused", "reset", "timeout", "unreachable", "unresolved")

#: a request as the run keeps it: the fields of :class:`RequestRecord`, moments on the cluster's clock
Row: TypeAlias = tuple[str, int, int, int, int, int, str, int, int, int, int, int, str, str, str]


@frozen(slots=True)
class RequestRecord(Frozen):
    """One try of one request. Moments are nanoseconds since the scenario's start; -1 never came.

    Attributes:
        client: who asked.
        number: of the request (or page) of this client, from 0.
        asset: which request of the page.
        attempt: 1, and 2, 3 ... when tried again.
        user: of a closed loop, from 0; -1 in an open one.
        connection: number of the client's connection; -1 when none was made.
        entry: ``host:port`` that was called.
        started_ns: when this try began.
        arrived_ns: when it reached the task.
        began_ns: when the task began to work on it; before, it waited.
        done_ns: when the work was done.
        ended_ns: when the client knew.
        outcome: one of :data:`OUTCOMES`.
        task: the container that had it, as ``web.1.<task id>``; empty when it reached none.
        node: where that runs.
        service: whose it is.
    """

    client: str
    number: int
    asset: int
    attempt: int
    user: int
    connection: int
    entry: str
    started_ns: int
    arrived_ns: int
    began_ns: int
    done_ns: int
    ended_ns: int
    outcome: str
    task: str
    node: str
    service: str = ""

    @property
    def latency_ns(self) -> int:
        """From beginning to knowing."""
        return self.ended_ns - self.started_ns

    @property
    def waited_ns(self) -> int:
        """In the task's queue."""
        return self.began_ns - self.arrived_ns

    @property
    def slot(self) -> str:
        """``web.1``: the task's place in its service, which its replacement inherits."""
        return slot_of(self.task)

    def __str__(self) -> str:
        where = f"{self.task} on {self.node}" if self.task else "nobody"
        return (
            f"{duration_text(self.started_ns)} {self.client} #{self.number} {self.entry} -> {where}: "
            f"{self.outcome} after {duration_text(self.latency_ns)}"
        )


def slot_of(task: str) -> str:
    """``web.1`` of ``web.1.<task id>``."""
    return task.rpartition(".")[0] or task


@frozen(slots=True)
class ConnectionRecord(Frozen):
    """One connection that was made.

    Attributes:
        client, number, entry, task, node, service: as in :class:`RequestRecord`.
        opened_ns, closed_ns: since the scenario's start.
        requests: how many it carried.
        closed: by what: ``client``, ``server``, ``life``, ``idle``, ``count``, a failure, or ``end``.
    """

    client: str
    number: int
    entry: str
    opened_ns: int
    closed_ns: int
    requests: int
    closed: str
    task: str
    node: str
    service: str = ""


@frozen(slots=True)
class TaskRecord(Frozen):
    """A container that ran during the scenario; ``ended_ns`` is -1 while it runs."""

    id: str
    task: str
    node: str
    service: str
    started_ns: int
    ended_ns: int = NEVER


@frozen(slots=True)
class Event(Frozen):
    """Something that happened: a step that was taken, a container that started or died."""

    at_ns: int
    what: str
    text: str = field(default="")

    def __str__(self) -> str:
        return f"{duration_text(self.at_ns):>12}  {self.what}  {self.text}".rstrip()


#: names of the fields that a row has
REQUEST_FIELDS = tuple(a.name for a in fields(RequestRecord))


class Recorder:
    """Where the callers put what happened.

    Attributes:
        rows: requests, in the order they ended; the last but one field is an endpoint id.
        lines: connections that were kept for more than one request.
        tasks: containers of services, by endpoint id.
        events: in order of time.
    """

    __slots__ = ("events", "lines", "rows", "tasks")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.lines: list[tuple[Any, ...]] = []
        self.tasks: dict[str, TaskRecord] = {}
        self.events: list[Event] = []

    def __repr__(self) -> str:
        return f"<Recorder {len(self.rows)} requests, {len(self.tasks)} tasks, {len(self.events)} events>"

    def requests(self, start_ns: int) -> Iterator[RequestRecord]:
        """The rows as records, moments since ``start_ns``."""
        for row in self.rows:
            started, arrived, began, done, ended = (
                at if at == NEVER else at - start_ns for at in (row[7], row[8], row[9], row[10], row[11])
            )
            task, node, service = self._whose(row[13], row[14])
            yield RequestRecord(*row[:7], started, arrived, began, done, ended, row[12], task, node, service)

    def connections(self, start_ns: int) -> Iterator[ConnectionRecord]:
        """The connections as records, in the order they ended: kept ones, and those of one request."""
        kept = {(line[0], line[1]) for line in self.lines}
        single = (
            (row[0], row[5], row[6], row[7], row[11], 1, _why(row[12]), row[13], row[14])
            for row in self.rows
            if row[5] != NEVER and (row[0], row[5]) not in kept
        )
        for line in sorted([*self.lines, *single], key=_closing):
            client, number, entry, opened_ns, closed_ns, requests, closed, endpoint, node = line
            yield ConnectionRecord(
                client, number, entry, opened_ns - start_ns, closed_ns - start_ns, requests, closed,
                *self._whose(endpoint, node),
            )  # fmt: skip

    def _whose(self, endpoint: str, node: str) -> tuple[str, str, str]:
        task = self.tasks.get(endpoint)
        return (endpoint, node, "") if task is None else (task.task, node, task.service)


def _closing(line: tuple[Any, ...]) -> tuple[int, str, int]:
    return line[4], line[0], line[1]


def _why(outcome: str) -> str:
    return "client" if outcome in ("ok", "error", "busy") else outcome


class Requests(Sequence[RequestRecord]):
    """The rows of a run as records, which are made when first looked at."""

    __slots__ = ("_made", "_recorder", "_start_ns")

    def __init__(self, recorder: Recorder, start_ns: int) -> None:
        self._recorder = recorder
        self._start_ns = start_ns
        self._made: tuple[RequestRecord, ...] | None = None

    def __repr__(self) -> str:
        return f"<{len(self)} requests>"

    def _all(self) -> tuple[RequestRecord, ...]:
        if self._made is None:
            self._made = tuple(self._recorder.requests(self._start_ns))
        return self._made

    def __len__(self) -> int:
        return len(self._recorder.rows)

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> RequestRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RequestRecord]: ...
    def __getitem__(self, index: int | slice) -> RequestRecord | Sequence[RequestRecord]:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Requests) else other)

    def __hash__(self) -> int:
        return hash(self._all())

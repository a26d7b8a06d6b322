"""Room scenario: how long tasks take: service times, concurrency and a queue, in virtual time.

Comes in: the moment a request reaches a task. Goes out: when the work on it begins and when it is done. Rules
of this file: first come, first served, so both moments are known on arrival and no timer is needed; one
:class:`Queue` per container, all queues of a service draw from the service's stream.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace
from random import Random
from typing import Any

from attrs import field

from meshsim.cluster import Reply, Request
from meshsim.errors import BadValue
from meshsim.model.frozen import FrozenDict
from meshsim.scenario.fields import Written, record, value_text, whole, written
from meshsim.scenario.times import LENGTHS, Length, as_length, direct
from meshsim.sim import Clock

__all__ = ["Queue", "Queues", "Server"]


def _factors(value: Any) -> FrozenDict[str, float]:
    for host, factor in dict(value).items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or factor <= 0:
            raise BadValue(f"expected how many times slower {host} is, not {value_text(factor)}")
    return FrozenDict(value)


@written
class Server(Written):
    """What each task of a service does with its requests.

    Args:
        time: of the work on one request; a duration or a length.
        concurrency: requests worked on at a time; the others wait.
        queue: most that may wait; one more is answered by 503 at once. None: no limit.
        slower: how many times longer the work takes on some hosts.
    """

    time: Length = record(LENGTHS, convert=as_length)
    concurrency: int = whole(1, least=1)
    queue: int | None = whole(None)
    slower: FrozenDict[str, float] = field(factory=FrozenDict, converter=_factors)


class Queue:
    """The work of one task; also a container's handler, so that plain ``curl`` waits in it too.

    >>> queue = Queue(Server("1s"), Clock(), Random(0))
    >>> queue.enter(0), queue.enter(200_000_000)
    ((0, 1000000000), (1000000000, 2000000000))

    Attributes:
        server: what it does.
        factor: how many times slower than others.
        taken, refused: requests let in, and turned away because the queue was full.
        busy_ns: all work let in.
    """

    __slots__ = ("_clock", "_draw", "_free", "_inside", "_limit", "_rng", "busy_ns", "factor", "refused",
                 "server", "taken")  # fmt: skip

    def __init__(self, server: Server, clock: Clock, rng: Random) -> None:
        self.server = server
        self.factor = 1.0
        self.taken = 0
        self.refused = 0
        self.busy_ns = 0
        self._draw = direct(server.time)
        self._clock = clock
        self._rng = rng
        #: when each worker is free again, as a heap
        self._free = [0] * server.concurrency
        #: when each request inside is done, as a heap; kept only when the queue has a limit
        self._inside: list[int] = []
        self._limit = None if server.queue is None else server.queue + server.concurrency

    def __repr__(self) -> str:
        return f"<Queue {self.server.concurrency} at a time, {self.taken} taken, {self.refused} refused>"

    def __call__(self, request: Request, container: Any) -> Reply:  # noqa: ARG002
        """Answer a request that arrives now, as any image's handler does."""
        now_ns = self._clock.now_ns
        visit = self.enter(now_ns)
        if visit is None:
            return Reply("Service Unavailable\n", status=503)
        return Reply(f"{container.hostname}\n", after_ns=visit[1] - now_ns)

    def enter(self, at_ns: int) -> tuple[int, int] | None:
        """Let a request in. O(log concurrency), with a limited queue O(log requests inside).

        Returns:
            When the work on it begins and when it is done; None when the queue is full.
        """
        if self._limit is not None and not self._has_room(at_ns):
            self.refused += 1
            return None
        free = self._free
        began_ns = free[0] if free[0] > at_ns else at_ns  # noqa: FURB136 - max() costs more than the rest
        work_ns = self._draw(self._rng)
        if self.factor != 1.0:
            work_ns = int(work_ns * self.factor)
        done_ns = began_ns + work_ns
        heapreplace(free, done_ns)
        self.taken += 1
        self.busy_ns += work_ns
        if self._limit is not None:
            heappush(self._inside, done_ns)
        return began_ns, done_ns

    def _has_room(self, at_ns: int) -> bool:
        inside = self._inside
        while inside and inside[0] <= at_ns:
            heappop(inside)
        assert self._limit is not None
        return len(inside) < self._limit

    def check(self) -> None:
        """Assert the queue's invariants."""
        assert len(self._free) == self.server.concurrency
        ordered = list(self._free)
        heapify(ordered)
        assert ordered[0] == self._free[0]
        assert self._limit is None or len(self._inside) <= self._limit


class Queues:
    """An image: makes the queue of each container of one service.

    Attributes:
        clock, rng: set by the stage before the first container starts.
    """

    __slots__ = ("clock", "rng", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clock = Clock()
        self.rng = Random(0)

    def __repr__(self) -> str:
        return f"<Queues of {self.server}>"

    def __call__(self) -> Queue:
        """One more container."""
        return Queue(self.server, self.clock, self.rng)

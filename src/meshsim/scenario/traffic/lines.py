"""Room scenario: connections a client keeps open between requests.

Comes in: connections as they are opened, released and found dead. Goes out: an idle one, or none; and for
each one row when it is closed. Rules of this file: the one that became idle last is taken first; a connection
whose task has ended in order is noticed (its FIN has come), one behind a power cut is not.
"""

from __future__ import annotations

from random import Random

from meshsim.cluster import Container
from meshsim.dataplane import Opened
from meshsim.scenario.records import Recorder
from meshsim.scenario.traffic.clients import KeepAlive
from meshsim.scenario.traffic.names import Entry

__all__ = ["Line", "Lines"]


class Line:
    """An open connection that is kept.

    Attributes:
        opened, entry, number, user, opened_ns: as made.
        idle_ns: when it became idle.
        requests: carried so far.
        over_ns: when its life is over; None never.
        kept: False when the pool is full: closed after its first answer.
    """

    __slots__ = ("_pid", "container", "entry", "idle_ns", "kept", "number", "opened", "opened_ns", "over_ns",
                 "requests", "user")  # fmt: skip

    def __init__(
        self,
        opened: Opened,
        entry: Entry,
        number: int,
        user: int,
        opened_ns: int,
        container: Container | None,
    ) -> None:
        self.opened = opened
        self.entry = entry
        self.number = number
        self.user = user
        self.opened_ns = opened_ns
        self.idle_ns = opened_ns
        self.requests = 1
        self.over_ns: int | None = None
        self.kept = True
        self.container = container
        self._pid = 0 if container is None else container.pid

    def __repr__(self) -> str:
        return f"<Line {self.number} to {self.opened.endpoint_id}, {self.requests} requests>"

    @property
    def hung_up(self) -> bool:
        """Whether the program at the other end has ended and its machine was there to say so."""
        container = self.container
        if container is None or (container.running and container.pid == self._pid):
            return False
        links = self.opened.client.world.links
        return links.reaches(self.opened.client.machine, self.opened.node)


class Lines:
    """The connections one client keeps.

    Attributes:
        count: how many are open.
    """

    __slots__ = ("_idle", "_life", "_name", "_plan", "_recorder", "_rng", "count")

    def __init__(self, name: str, plan: KeepAlive, recorder: Recorder, rng: Random) -> None:
        self._name = name
        self._plan = plan
        self._life = plan.life
        self._recorder = recorder
        self._rng = rng
        #: idle ones by user (all of an open loop under -1), the last to become idle at the end
        self._idle: dict[int, list[Line]] = {}
        self.count = 0

    def __repr__(self) -> str:
        idle = sum(map(len, self._idle.values()))
        return f"<Lines of {self._name}: {self.count} open, {idle} idle>"

    def take(self, user: int, now_ns: int) -> Line | None:
        """An idle connection fit for one more request; those that are not are closed."""
        idle = self._idle.get(user)
        while idle:
            line = idle.pop()
            why = self._unfit(line, now_ns)
            if not why:
                line.requests += 1
                return line
            self.drop(line, now_ns, why)
        return None

    def _unfit(self, line: Line, now_ns: int) -> str:
        plan = self._plan
        if line.hung_up:
            return "server"
        if line.over_ns is not None and now_ns >= line.over_ns:
            return "life"
        if plan.requests is not None and line.requests >= plan.requests:
            return "count"
        return "idle" if plan.idle_ns is not None and now_ns - line.idle_ns >= plan.idle_ns else ""

    def keep(self, line: Line) -> Line:
        """Note a new connection; draw its life."""
        self.count += 1
        line.kept = self._plan.pool is None or self.count <= self._plan.pool
        if self._life is not None:
            line.over_ns = line.opened_ns + self._life(self._rng)
        return line

    def release(self, line: Line, now_ns: int) -> None:
        """Its answer has come: it is idle again."""
        line.idle_ns = now_ns
        if line.kept:
            self._idle.setdefault(line.user, []).append(line)
        else:
            self.drop(line, now_ns, "client")

    def drop(self, line: Line, now_ns: int, why: str) -> None:
        """Close it and keep its record."""
        self.count -= 1
        opened = line.opened
        if why == "server":
            opened.close(by_server=True)
        elif why != "reset":
            opened.close()
        self._recorder.lines.append((
            self._name, line.number, line.entry.text, line.opened_ns, now_ns, line.requests, why,
            opened.endpoint_id, opened.node,
        ))  # fmt: skip

    def close(self, now_ns: int) -> None:
        """Close all idle ones: the scenario is over."""
        for idle in self._idle.values():
            while idle:
                self.drop(idle.pop(), now_ns, "end")

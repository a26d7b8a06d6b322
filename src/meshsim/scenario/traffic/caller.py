"""Room scenario: one client in virtual time.

Comes in: the client's plan, the clock, a way into the network. Goes out: requests on their way, and for
each exactly one row with its one outcome. Rules of this file: everything happens inside timers, so nothing
here may step time: connections are opened by the data plane's own doors; a request is decided when it is
sent (a queue knows then when it will be done). Its row waits for its end in a timer; where nothing else waits
for that end, the row is kept at once and taken back when a fault comes in between. Opening and sending
happen at one instant; the time they take is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Protocol

from meshsim.cluster import Container, Links, Request, Target
from meshsim.dataplane import Failed, Opened, deliver
from meshsim.dataplane.opened import Client as Place
from meshsim.scenario.records import NEVER, Recorder, Row
from meshsim.scenario.times import direct
from meshsim.scenario.traffic.clients import Client
from meshsim.scenario.traffic.lines import Line, Lines
from meshsim.scenario.traffic.names import Entry, Names
from meshsim.scenario.traffic.servers import Queue
from meshsim.sim import Clock

__all__ = ["GIVE_UP_NS", "Caller", "World"]

#: a client without timeout gives up with TCP.
#: Source: linux Documentation/networking/ip-sysctl.rst tcp_retries2
GIVE_UP_NS = 924_600_000_000


class World(Protocol):
    """What a caller needs of the cluster."""

    @property
    def clock(self) -> Clock:
        """Virtual time."""

    @property
    def links(self) -> Links:
        """The wires."""

    @property
    def heedless(self) -> bool:
        """Whether balancers never look at how many connections are open."""

    @property
    def endpoints(self) -> Mapping[str, Container]:
        """The containers, by endpoint id."""

    def exited(self, container: Container, exit_code: int) -> None:
        """A reply ended its container's program."""

    def cut(self, machine: str, entry: str, node: str) -> bool:
        """Whether answers from a node by way of an entry do not get to a machine now."""


class Caller:
    """A client at work.

    Attributes:
        plan: what it does.
        begun: pages begun.
        waiting: requests under way, those about to be tried again included.
        coming: arrivals planned, and users who think.
        ahead_ns: when the last request that is kept already will have ended.
    """

    __slots__ = (
        "_assets", "_assets_of_a_page", "_brief", "_clock", "_connections", "_draw", "_early", "_endpoints",
        "_entries", "_lines", "_links", "_most", "_name", "_names", "_next_entry", "_only", "_over",
        "_patience_ns", "_rng", "_rows", "_stop_ns",
        "_world", "ahead_ns", "begun", "coming", "place", "plan", "waiting",
    )  # fmt: skip

    def __init__(self, plan: Client, world: World, place: Place, recorder: Recorder, rng: Random) -> None:
        self.plan = plan
        self.place = place
        self.begun = 0
        self.waiting = 0
        self.coming = 0
        self.ahead_ns = 0
        #: whether each request has a connection of its own and nothing waits for its end
        self._brief = world.heedless and plan.keep_alive is None and plan.retry is None and plan.users is None
        #: their rows, in the order they began; the first of them are known to be over
        self._early: list[Row] = []
        self._over = 0
        self._name = plan.name
        self._patience_ns = _NO_END if plan.timeout_ns is None else plan.timeout_ns
        self._world = world
        self._clock = world.clock
        self._endpoints = world.endpoints
        self._links = world.links
        self._assets_of_a_page = range(plan.page)
        self._most = _NO_END if plan.requests is None else plan.requests
        self._draw = None if plan.arrivals is None else direct(plan.arrivals)
        self._rng = rng
        self._rows = recorder.rows
        self._names = Names(place, plan.resolver)
        self._entries = [Entry(Target.parse(call)) for call in plan.calls]
        self._only = self._entries[0] if len(self._entries) == 1 else None
        self._next_entry = 0
        self._connections = 0
        self._lines = None if plan.keep_alive is None else Lines(plan.name, plan.keep_alive, recorder, rng)
        self._stop_ns = 0
        #: per user: assets of the page still under way
        self._assets = [0] * (plan.users.count if plan.users else 0)

    def __repr__(self) -> str:
        return f"<Caller {self.plan.name}: {self.begun} begun, {self.waiting} under way>"

    # -- when to ask

    def start(self, start_ns: int, end_ns: int | None, addresses: dict[str, str]) -> None:
        """Plan the first request; ``addresses`` are those of the machines, by name."""
        plan = self.plan
        for entry in self._entries:
            entry.address = self._names.fixed(entry.host, addresses)
        limits = [end_ns, None if plan.stop_ns is None else start_ns + plan.stop_ns]
        self._stop_ns = min((limit for limit in limits if limit is not None), default=_NO_END)
        begin_ns = start_ns + plan.start_ns
        if plan.users is not None:
            for user in range(plan.users.count):
                self._at(begin_ns + plan.users.think(self._rng), user)
        else:
            gap_ns = self._gap(begin_ns)
            if gap_ns is not None:
                self.coming += 1
                self._clock.call_series(begin_ns + gap_ns, self._arrive, name="traffic arrives")

    def _at(self, when_ns: int, user: int) -> None:
        if when_ns < self._stop_ns and self.begun < self._most:
            self.coming += 1
            self._clock.call_at(when_ns, self._think, user, name="traffic thinks")

    def _think(self, user: int) -> None:
        self.coming -= 1
        if self.begun < self._most:
            self._assets[user] = self.plan.page
            self._page(user)

    def _gap(self, last_ns: int) -> int | None:
        """From the last arrival of the open loop to the next; None when no more come."""
        number, draw = self.begun, self._draw
        if number >= self._most or draw is None:
            return None
        gap_ns = draw(number, self._rng)
        return None if gap_ns is None or last_ns + gap_ns >= self._stop_ns else gap_ns

    def _arrive(self) -> int | None:
        """One arrival; the time until the next one."""
        self._page(NEVER)
        gap_ns = self._gap(self._clock.now_ns)
        if gap_ns is None:
            self.coming -= 1
        return gap_ns

    def _page(self, user: int) -> None:
        """Begin a page: its requests leave at one instant, one after the other."""
        number = self.begun
        self.begun = number + 1
        if self._brief:
            for asset in self._assets_of_a_page:
                self._visit(number, asset)
        else:
            for asset in self._assets_of_a_page:
                self._ask(number, asset, 1, user)

    # -- asking

    def _ask(self, number: int, asset: int, attempt: int, user: int) -> None:
        """Send one request, on a connection that is open or on a new one."""
        self.waiting += 1
        lines = self._lines
        now_ns = self._clock.now_ns
        if lines is not None:
            line = lines.take(user, now_ns)
            if line is not None:
                self._send(line.opened, line, line.entry, line.number, 0, (number, asset, attempt, user))
                return
        entry = self._turn()
        address = entry.address or self._names.address(entry.host, now_ns)
        if not address:
            self._lost("unresolved", self._names.elapsed_ns, NEVER, entry, (number, asset, attempt, user))
            return
        opened = self.place.connect(address, entry.port)
        if isinstance(opened, Failed):
            self._lost(opened.kind, opened.elapsed_ns, NEVER, entry, (number, asset, attempt, user))
            return
        connection = self._connections
        self._connections = connection + 1
        new = None
        if lines is not None:
            container = self._world.endpoints.get(opened.endpoint_id)
            new = lines.keep(Line(opened, entry, connection, user, now_ns, container))
        self._send(opened, new, entry, connection, opened.elapsed_ns, (number, asset, attempt, user))

    def _visit(self, number: int, asset: int) -> None:
        """Send one request on a connection of its own, in an open loop: nothing waits for its end.

        The row is kept at once; should something happen to the request, :meth:`wake` takes it back.
        """
        now_ns = self._clock.now_ns
        entry = self._only or self._turn()
        address = entry.address or self._names.address(entry.host, now_ns)
        if not address:
            self.waiting += 1
            self._lost("unresolved", self._names.elapsed_ns, NEVER, entry, (number, asset, 1, NEVER))
            return
        source_port = self.place.ports.take()
        delivered = deliver(self.place, address, entry.port, source_port)
        if isinstance(delivered, Failed):
            self.waiting += 1
            self._lost(delivered.kind, delivered.elapsed_ns, NEVER, entry, (number, asset, 1, NEVER))
            return
        arrival = delivered.arrival
        container = self._endpoints.get(arrival.endpoint_id)
        if container is None or container.handler is None:
            self.waiting += 1
            self._lost("reset", 0, NEVER, entry, (number, asset, 1, NEVER))
            return
        half_ns = arrival.round_trip_ns >> 1
        arrived_ns = now_ns + 3 * half_ns
        handler = container.handler
        if type(handler) is Queue:
            outcome = "ok"
            times = handler.enter(arrived_ns)
            if times is None:
                outcome, times = "busy", (arrived_ns, arrived_ns)
            began_ns, done_ns = times
        else:
            request = Request(entry.path, arrival.peer, source_port, arrival.target_port, entry.host)
            outcome, began_ns, done_ns = self._handle(container, request, arrived_ns)
        ended_ns = done_ns + half_ns
        if ended_ns - now_ns > self._patience_ns:
            outcome, ended_ns = "timeout", now_ns + self._patience_ns
        connection = self._connections
        self._connections = connection + 1
        self._early.append((
            self._name, number, asset, 1, NEVER, connection, entry.text, now_ns, arrived_ns,
            began_ns, done_ns, ended_ns, outcome, arrival.endpoint_id, arrival.node,
        ))  # fmt: skip
        if ended_ns > self.ahead_ns:  # noqa: PLR1730 - max() is a call on the busiest path
            self.ahead_ns = ended_ns

    def _turn(self) -> Entry:
        """The entry node that is next."""
        entries = self._entries
        if self._only is not None:
            return self._only
        if self.plan.turn == "random":
            return self._rng.choice(entries)
        entry = entries[self._next_entry]
        self._next_entry = (self._next_entry + 1) % len(entries)
        return entry

    def _send(
        self,
        opened: Opened,
        line: Line | None,
        entry: Entry,
        connection: int,
        opening_ns: int,
        ask: tuple[int, int, int, int],
    ) -> None:
        """Send a request over an open path; plan the moment its answer is there, or known to be lost."""
        failed = opened.send()
        arrival = opened.arrival
        container = None if failed is not None else self._endpoints.get(arrival.endpoint_id)
        if failed is not None or container is None or container.handler is None:
            kind, after_ns = (failed.kind, failed.elapsed_ns) if failed else ("reset", arrival.round_trip_ns)
            self._drop(opened, line, kind)
            self._lost(kind, opening_ns + after_ns, connection, entry, ask, opened)
            return
        started_ns = self._clock.now_ns
        half_ns = arrival.round_trip_ns >> 1
        arrived_ns = started_ns + opening_ns + half_ns
        outcome = "ok"
        handler = container.handler
        if type(handler) is Queue:
            visit = handler.enter(arrived_ns)
            if visit is None:
                outcome, visit = "busy", (arrived_ns, arrived_ns)
            began_ns, done_ns = visit
        else:
            request = Request(entry.path, arrival.peer, opened.source_port, arrival.target_port, entry.host)
            outcome, began_ns, done_ns = self._handle(container, request, arrived_ns)
        ended_ns = done_ns + half_ns
        if ended_ns - started_ns > self._patience_ns:
            outcome, ended_ns = "timeout", started_ns + self._patience_ns
        number, asset, attempt, user = ask
        row = (
            self._name, number, asset, attempt, user, connection, entry.text, started_ns, arrived_ns,
            began_ns, done_ns, ended_ns, outcome, arrival.endpoint_id, arrival.node,
        )  # fmt: skip
        self._clock.call_at(ended_ns, self._answered, row, opened, line, name=ANSWER)

    def _handle(self, container: Container, request: Request, arrived_ns: int) -> tuple[str, int, int]:
        """Let an ordinary image answer."""
        reply, worked_ns = container.answer(request)
        done_ns = arrived_ns + worked_ns
        if reply.exit_code is not None:
            world = self._world
            # The answer leaves first, then the program ends.
            self._clock.call_at(done_ns, world.exited, container, reply.exit_code, name="traffic ends a task")
        outcome = "busy" if reply.status == 503 else "error" if reply.status >= 500 else "ok"
        return outcome, arrived_ns, done_ns

    # -- rows that were kept before their time

    def wake(self) -> None:
        """Something is about to happen to machines or tasks: what is under way waits for its end from here.

        O(requests begun since the last time).
        """
        now_ns = self._clock.now_ns
        rows, over = self._early, []
        while len(rows) > self._over:
            row = rows.pop()
            if row[11] > now_ns:
                self.waiting += 1
                self._clock.call_at(row[11], self._answered, row, None, None, name=ANSWER)
            else:
                over.append(row)
        rows.extend(reversed(over))
        self._over = len(rows)

    # -- how it ends

    def _answered(self, row: Row, opened: Opened | None, line: Line | None) -> None:
        """The answer is there, or the client has waited long enough."""
        if self._links.version and row[12] == "ok" and self._cut(row):
            self.silence(row, opened, line)
            return
        if line is None:
            if opened is not None:
                opened.close()
        elif row[12] == "timeout":
            self._drop(opened, line, "timeout")
        else:
            assert self._lines is not None
            self._lines.release(line, row[11])
        self._finish(row)

    def _cut(self, row: Row) -> bool:
        """Whether its answer does not get through now."""
        return self._world.cut(self.place.machine, row[6].rpartition(":")[0], row[14])

    def silence(self, row: Row, opened: Opened | None, line: Line | None) -> None:
        """The answer does not get through: the client waits until it gives up."""
        timeout_ns = self.plan.timeout_ns
        ended_ns = max(row[7] + (GIVE_UP_NS if timeout_ns is None else timeout_ns), self._clock.now_ns)
        row = (*row[:11], ended_ns, "timeout", row[13], row[14])
        self._clock.call_at(ended_ns, self._answered, row, opened, line, name=ANSWER)

    def abort(self, row: Row, opened: Opened | None, line: Line | None) -> None:
        """The task died with the request inside: its kernel resets the connection."""
        ended_ns = self._clock.now_ns
        self._drop(opened, line, "reset")
        self._finish((*row[:11], ended_ns, "reset", row[13], row[14]))

    def _lost(
        self,
        kind: str,
        after_ns: int,
        connection: int,
        entry: Entry,
        ask: tuple[int, int, int, int],
        opened: Opened | None = None,
    ) -> None:
        """The request failed: plan the moment the client knows."""
        now_ns = self._clock.now_ns
        timeout_ns = self.plan.timeout_ns
        if kind == "hang" or (timeout_ns is not None and after_ns > timeout_ns):
            kind = "timeout"
        if timeout_ns is not None:
            after_ns = min(after_ns, timeout_ns)
        endpoint, node = ("", "") if opened is None else (opened.endpoint_id, opened.node)
        number, asset, attempt, user = ask
        row = (
            self.plan.name, number, asset, attempt, user, connection, entry.text, now_ns, NEVER,
            NEVER, NEVER, now_ns + after_ns, kind, endpoint, node,
        )  # fmt: skip
        self._clock.call_at(now_ns + after_ns, self._finish, row, name="traffic fails")

    def _drop(self, opened: Opened | None, line: Line | None, why: str) -> None:
        if line is None:
            if opened is not None:
                opened.close()
        else:
            assert self._lines is not None
            self._lines.drop(line, self._clock.now_ns, why)

    def _finish(self, row: Row) -> None:
        """Keep the row; then try again, or let the user think."""
        self._rows.append(row)
        self.waiting -= 1
        retry = self.plan.retry
        if retry is not None and row[12] in retry.on and row[3] <= retry.times:
            self.waiting += 1  # until it is asked again
            self._clock.call_later(
                retry.pause_ns, self._again, row[1], row[2], row[3] + 1, row[4], name="traffic tries again"
            )
        elif row[4] != NEVER:
            self._page_part_done(row[4])

    def _again(self, number: int, asset: int, attempt: int, user: int) -> None:
        self.waiting -= 1
        self._ask(number, asset, attempt, user)

    def _page_part_done(self, user: int) -> None:
        users = self.plan.users
        assert users is not None
        self._assets[user] -= 1
        if not self._assets[user]:
            self._at(self._clock.now_ns + users.think(self._rng), user)

    def finish(self, now_ns: int) -> None:
        """The scenario is over: hand over all rows, close what is still open."""
        self._rows.extend(self._early)
        self._early.clear()
        self._over = 0
        if self._lines is not None:
            self._lines.close(now_ns)


#: later than any moment of a run
_NO_END = 1 << 62

#: name of the timer at whose end an answer is there
ANSWER = "traffic is answered"

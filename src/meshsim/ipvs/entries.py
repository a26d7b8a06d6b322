"""Room ipvs: the connection table.

In: flows, destinations, states, the time. Out: entries, and the counters of destinations kept in step
with them. Entries expire exactly when their time-out is over, but lazily: :meth:`Connections.advance`
catches up before anything is looked at.

Rules of this file:

- A connection of which only the first packet has been seen is *newborn*: ``entries`` maps its flow to
  the bare destination, and ``born_ns`` remembers the instants of birth. Newborns are always the last
  members of ``entries``, in the order of ``born_ns``. All of them become an :class:`Entry` together,
  as soon as one gets a second packet, or before the first of their timers can fire. Most of the cost of
  a new connection is building objects, and many studies never look at a connection again; so the first
  packet builds none.
- A connection that came and went in one instant is *done*: ``entries`` maps its flow to a bare
  :data:`Done`, and the queue ``done`` holds the same. All have one time-out, TIME_WAIT's, so the queue is
  in order of expiry and no timer is needed. Whoever looks at one makes an :class:`Entry` of it; what the
  queue holds of it then counts no more.
- ``due_ns`` is never later than the earliest instant at which something expires. A newborn lives at
  least ``_first_ns``, so it never has to move it.
- An entry stands in the timer queue at ``queued_ns``, which may be earlier than ``expires_ns``: packets
  prolong an entry without touching the queue.

What it does not know: services, balancers, who may be chosen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from meshsim.errors import InvalidRule
from meshsim.ipvs.destination import Destination, Forward
from meshsim.ipvs.flow import Flow, Parts, whole
from meshsim.ipvs.states import ACTIVE, SECOND, TIMEOUT_NS, State
from meshsim.ipvs.timers import Timers
from meshsim.sim import duplicate

__all__ = ["Connections", "Entry", "Template", "TemplateKey"]

TemplateKey: TypeAlias = tuple[str, str, str, int]
"""Protocol (``"ip"`` for a mark), masked client, virtual address, virtual port."""

Done: TypeAlias = tuple[Parts, Destination, int]
"""A connection that is over but for its TIME_WAIT: its flow, where it went, when it is forgotten."""

RENEWED_NS = 60 * SECOND
"""What a template that still controls connections gets when its time is over, then and for good.

Source: linux net/netfilter/ipvs/ip_vs_conn.c ip_vs_conn_expire, label expire_later.
"""

_DEAD = -1

# In Python 3.11 looking a member up on its enumeration costs more than all the rest of a packet's way.
UDP, SYN_RECV, ESTABLISHED, TIME_WAIT = State.UDP, State.SYN_RECV, State.ESTABLISHED, State.TIME_WAIT
MASQ = Forward.MASQ


class Entry:
    """What IPVS remembers of one connection.

    Attributes:
        flow: its five-tuple.
        destination: where its packets go.
        state: see :class:`~meshsim.ipvs.states.State`.
        expires_ns: when it is forgotten unless a packet comes.
        template: the persistence template that chose the destination, or None.

    Source: linux include/net/ip_vs.h struct ip_vs_conn.
    """

    __slots__ = ("destination", "expires_ns", "flow", "queued_ns", "state", "template")

    def __init__(self, flow: Flow, destination: Destination, state: State) -> None:
        self.flow = flow
        self.destination = destination
        self.state = state
        self.expires_ns = 0
        self.template: Template | None = None
        self.queued_ns: int | None = None

    def __repr__(self) -> str:
        destination = self.destination
        return f"<Entry {self.flow} at {destination.address}:{destination.port} {self.state.value}>"


class Template:
    """A client's persistence: which destination its next connection gets.

    Attributes:
        key: protocol, masked client address, virtual address and port.
        destination: the client's server.
        timeout_ns: how long it lasts after the last new connection.
        expires_ns: when that is over.
        controls: live connections it chose the destination for.
        assured: one of them was ESTABLISHED.
    """

    __slots__ = ("assured", "controls", "destination", "expires_ns", "key", "queued_ns", "timeout_ns")

    def __init__(self, key: TemplateKey, destination: Destination, timeout_ns: int) -> None:
        self.key = key
        self.destination = destination
        self.timeout_ns = timeout_ns
        self.expires_ns = 0
        self.controls = 0
        self.assured = False
        self.queued_ns: int | None = None

    def __repr__(self) -> str:
        destination = self.destination
        return f"<Template {self.key[1]} at {destination.address}:{destination.port}>"


class Connections:
    """All connections and templates of one table, and their timers.

    Attributes:
        entries: by flow, or its parts, which are equal; a newborn's value is its destination alone, that of
            one that is done a tuple.
        done: those that are done, in order of expiry, and some that have become entries since.
        templates: by key.
        due_ns: nothing expires before.

    Source: linux net/netfilter/ipvs/ip_vs_conn.c.
    """

    __slots__ = (
        "_first_ns",
        "_recalled",
        "_timers",
        "born_ns",
        "done",
        "due_ns",
        "entries",
        "now_ns",
        "orphans",
        "templates",
        "timeouts_ns",
    )

    def __init__(self) -> None:
        self.entries: dict[Parts, Entry | Destination | Done] = {}
        self.done: deque[Done] = deque()
        self._recalled = 0  # how many of those have become entries since
        self.templates: dict[TemplateKey, Template] = {}
        self.orphans: list[Template] = []  # templates given up while they still control connections
        self.born_ns: list[int] = []
        self.now_ns = 0
        self.timeouts_ns = TIMEOUT_NS  # another mapping when one is changed: tables may share it
        self._timers: Timers[Entry | Template] = Timers()
        self._first_ns = _newborn_ns(TIMEOUT_NS)
        self._plan(0)

    # Time

    def set_timeouts(self, tcp_s: int = 0, tcpfin_s: int = 0, udp_s: int = 0) -> None:
        """Change the time-outs ``ipvsadm --set`` can change; 0 leaves one as it is."""
        self.mature()
        changed = {State.ESTABLISHED: tcp_s, State.FIN_WAIT: tcpfin_s, State.UDP: udp_s}
        changed_ns = {state: seconds * SECOND for state, seconds in changed.items() if seconds}
        self.timeouts_ns = {**self.timeouts_ns, **changed_ns}
        self._first_ns = _newborn_ns(self.timeouts_ns)
        self._plan(self.now_ns)

    def advance(self, now_ns: int) -> None:
        """Let everything expire that is due at `now_ns`.

        Raises:
            InvalidRule: `now_ns` is before an instant already told.

        Complexity: O(log entries) for each newborn since the last time and each timer that fires.
        """
        if now_ns < self.now_ns:
            raise InvalidRule(f"time runs forward: {now_ns} ns comes after {self.now_ns} ns")
        if now_ns >= self.due_ns:
            if self.born_ns:
                self.mature()
            if now_ns >= self._timers.first_ns:
                self._fire_timers(now_ns)
            self._forget_done(now_ns)
            self._plan(now_ns)
        self.now_ns = now_ns

    def _fire_timers(self, now_ns: int) -> None:
        for when_ns, record in self._timers.due(now_ns):
            if record.queued_ns == when_ns:
                self._forget_done(when_ns)  # all in order of time: a destination notes when it became idle
                record.queued_ns = None
                self._fire(record, when_ns)

    def _forget_done(self, now_ns: int) -> None:
        """Free those that are done and whose TIME_WAIT is over by `now_ns`."""
        done, entries = self.done, self.entries
        while done and done[0][2] <= now_ns:
            over = done.popleft()
            if self._recalled and entries.get(over[0]) is not over:
                self._recalled -= 1
                continue
            flow, destination, when_ns = over
            del entries[flow]
            destination.lose(True, when_ns)

    def _plan(self, now_ns: int) -> None:
        """When something expires next: what may be born now, a timer, or what is done."""
        due_ns = now_ns + self._first_ns
        if self._timers.first_ns < due_ns:  # noqa: PLR1730 - min() costs more than the rest
            due_ns = self._timers.first_ns
        if self.done and self.done[0][2] < due_ns:
            due_ns = self.done[0][2]
        self.due_ns = due_ns

    def _fire(self, record: Entry | Template, when_ns: int) -> None:
        if record.expires_ns > when_ns:  # packets prolonged it
            self._queue(record)
        elif isinstance(record, Entry):
            self.forget(record, when_ns)
        elif record.controls:
            record.timeout_ns = RENEWED_NS
            self.arm(record, when_ns + RENEWED_NS)
        else:
            self.forget_template(record, when_ns)

    def arm(self, record: Entry | Template, expires_ns: int) -> None:
        """(Re)start a timer."""
        record.expires_ns = expires_ns
        if record.queued_ns is None or expires_ns < record.queued_ns:
            self._queue(record)

    def _queue(self, record: Entry | Template) -> None:
        record.queued_ns = when_ns = record.expires_ns
        self._timers.add(when_ns, record)
        self.due_ns = min(self.due_ns, when_ns)

    # Births and deaths

    def mature(self) -> None:
        """Turn every newborn into an entry with a timer. Complexity: O(log entries) for each."""
        entries = self.entries
        for born_ns, flow in zip(reversed(self.born_ns), reversed(entries), strict=False):
            destination = entries[flow]
            assert isinstance(destination, Destination)
            self._enter(whole(flow), destination, born_ns)
        self.born_ns.clear()

    def _enter(self, flow: Flow, destination: Destination, now_ns: int) -> Entry:
        state = UDP if flow.protocol == "udp" else SYN_RECV
        entry = self.entries[flow] = Entry(flow, destination, state)
        self.arm(entry, now_ns + self.timeouts_ns[state])
        return entry

    def find(self, flow: Flow) -> Entry | None:
        """The entry of a flow, if it has one."""
        found = self.entries.get(flow)
        if found is None or isinstance(found, Entry):
            return found
        if isinstance(found, Destination):
            self.mature()
            return self.find(flow)
        return self._recall(found)

    def _recall(self, done: Done) -> Entry:
        """Make an entry of one that is done: somebody looks at it."""
        flow, destination, expires_ns = done
        entry = self.entries[flow] = Entry(whole(flow), destination, TIME_WAIT)
        self.arm(entry, expires_ns)
        self._recalled += 1
        return entry

    def take(self, flow: Flow, found: Destination | Done | None) -> Entry | None:
        """The entry of a flow of which this was found, for a caller that moves it at once.

        An only newborn is spared the timer that the move would restart: this is the way of a request
        that is over in one instant.
        """
        if found is None:
            return None
        if isinstance(found, tuple):
            return self._recall(found)
        if len(self.born_ns) > 1 or not found.available or found.forward is not MASQ:
            return self.find(flow)
        self.born_ns.clear()
        entry = self.entries[flow] = Entry(flow, found, UDP if flow[0] == "udp" else SYN_RECV)
        return entry

    def bear(self, flow: Flow, destination: Destination, template: Template, now_ns: int) -> Entry:
        """A new connection whose destination a template chose."""
        self.mature()
        entry = self._enter(flow, destination, now_ns)
        entry.template = template
        template.controls += 1
        destination.gain(entry.state is UDP)
        return entry

    def forget(self, entry: Entry, now_ns: int) -> None:
        """Free an entry; its destination's counters follow."""
        del self.entries[entry.flow]
        entry.queued_ns = _DEAD
        if entry.template is not None:
            entry.template.controls -= 1
        entry.destination.lose(not ACTIVE[entry.state], now_ns)

    def move(self, entry: Entry, state: State, now_ns: int, established: bool = False) -> None:
        """Packets were seen: enter `state`, perhaps by way of ESTABLISHED, and restart the timer."""
        before = entry.state
        if state is not before:
            entry.state = state
            calmed = ACTIVE[before] - ACTIVE[state]
            if calmed:
                entry.destination.active -= calmed
                entry.destination.inactive += calmed
        if entry.template is not None and (established or state is ESTABLISHED):
            entry.template.assured = True
        expires_ns = now_ns + self.timeouts_ns[state]
        entry.expires_ns = expires_ns
        queued_ns = entry.queued_ns
        if queued_ns is None or expires_ns < queued_ns:
            self._queue(entry)

    # Templates

    def remember(self, key: TemplateKey, destination: Destination, timeout_ns: int, now_ns: int) -> Template:
        """A new template."""
        template = self.templates[key] = Template(key, destination, timeout_ns)
        destination.templates += 1
        self.arm(template, now_ns + timeout_ns)
        return template

    def give_up(self, template: Template) -> None:
        """Make a template unmatchable; it lives on until its timer fires and it controls nothing."""
        del self.templates[template.key]
        self.orphans.append(template)

    def forget_template(self, template: Template, now_ns: int) -> None:
        """Free a template."""
        if self.templates.get(template.key) is template:
            del self.templates[template.key]
        else:
            self.orphans.remove(template)
        template.queued_ns = _DEAD
        template.destination.templates -= 1
        if not template.destination.total:
            template.destination.idle_ns = now_ns

    # Many at once

    def flush(self, destination: Destination, now_ns: int) -> None:
        """Forget every connection and template of a destination.

        Complexity: O(entries).

        Source: linux net/netfilter/ipvs/ip_vs_conn.c ip_vs_expire_nodest_conn_flush.
        """
        self.mature()
        for entry in list(self):
            if entry.destination is destination:
                self.forget(entry, now_ns)
        for template in [*self.templates.values(), *self.orphans]:
            if template.destination is destination:
                self.forget_template(template, now_ns)

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, in order of birth."""
        self.mature()
        for done in self.done:
            if self.entries.get(done[0]) is done:
                self._recall(done)
        self.done.clear()
        self._recalled = 0
        for entry in self.entries.values():
            assert isinstance(entry, Entry)
            yield entry

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"<Connections: {len(self.entries)} entries, {len(self.templates)} templates>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Connections:
        """A copy by hand: entries are many, and flat."""
        copy = Connections()
        memo[id(self)] = copy
        copy.now_ns, copy.due_ns = self.now_ns, self.due_ns
        copy.timeouts_ns, copy._first_ns = self.timeouts_ns, self._first_ns
        copy.born_ns = list(self.born_ns)
        twins: dict[Any, Any] = {}
        copy.templates = {key: _twin(value, twins, memo) for key, value in self.templates.items()}
        copy.orphans = [_twin(value, twins, memo) for value in self.orphans]
        for flow, found in self.entries.items():
            twin = copy.entries[flow] = _twin(found, twins, memo)
            if isinstance(found, tuple):
                copy.done.append(twin)
        for when_ns, record in self._timers:
            if record.queued_ns == when_ns:
                copy._timers.add(when_ns, _twin(record, twins, memo))
        return copy

    def check(self) -> None:
        """Assert what must always hold of entries, templates and timers."""
        newborn = [isinstance(found, Destination) for found in self.entries.values()]
        assert newborn == sorted(newborn), "newborns come last"
        assert sum(newborn) == len(self.born_ns), self
        done = [found for found in self.entries.values() if isinstance(found, tuple)]
        assert done == [one for one in self.done if self.entries.get(one[0]) is one], "done in order"
        assert self._recalled == len(self.done) - len(done), self
        assert all(expires_ns > self.now_ns for _, _, expires_ns in done), self
        for flow, found in self.entries.items():
            if not isinstance(found, Entry):
                continue
            assert found.flow == flow, found
            assert found.queued_ns is not None, found
            assert found.queued_ns <= found.expires_ns, found
            assert found.expires_ns > self.now_ns, found
            assert found.template is None or found.template.controls > 0, found
        controlled = [entry.template for entry in self.entries.values() if isinstance(entry, Entry)]
        for template in [*self.templates.values(), *self.orphans]:
            assert template.controls == sum(control is template for control in controlled), template
            assert template.queued_ns is not None, template
            assert template.queued_ns <= template.expires_ns, template
        assert all(self.due_ns <= when_ns for when_ns, record in self._timers if record.queued_ns == when_ns)
        assert all(self.due_ns <= expires_ns for _, _, expires_ns in done)
        assert all(self.due_ns <= born_ns + self._first_ns for born_ns in self.born_ns)


def _newborn_ns(timeouts_ns: Mapping[State, int]) -> int:
    """How long a newborn lives at least."""
    return min(timeouts_ns[SYN_RECV], timeouts_ns[UDP])


def _twin(record: Any, twins: dict[Any, Any], memo: dict[int, Any]) -> Any:
    """The copy of a destination, entry or template; the same one for the same original.

    One that is done stands in ``entries`` once, and is copied once.
    """
    if isinstance(record, Destination):
        return duplicate(record, memo)
    if isinstance(record, tuple):
        flow, destination, expires_ns = record
        return flow, duplicate(destination, memo), expires_ns
    twin = twins.get(record)
    if twin is None:
        destination = duplicate(record.destination, memo)
        if isinstance(record, Entry):
            twin = Entry(record.flow, destination, record.state)
            twin.template = None if record.template is None else _twin(record.template, twins, memo)
        else:
            twin = Template(record.key, destination, record.timeout_ns)
            twin.controls, twin.assured = record.controls, record.assured
        twin.expires_ns = record.expires_ns
        twin.queued_ns = record.queued_ns
        twins[record] = twin
    return twin

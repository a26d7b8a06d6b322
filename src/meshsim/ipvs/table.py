"""Room ipvs: the table, where packets meet services.

In: a packet (its flow, the time, a firewall mark). Out: an outcome, and counters everybody can read. One
table stands for the IPVS of one network namespace.
Rules of this file: :meth:`Table.route` is the short way for the commonest packet and builds no object;
every other case is a method it falls back to, in the order the kernel asks its questions.
:meth:`Table.converse` is the short way for the commonest conversation. It does not know who the machines
are, nor Swarm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from random import Random
from typing import Any

from meshsim.errors import BadValue
from meshsim.ipvs.control import Control
from meshsim.ipvs.destination import Destination, Forward
from meshsim.ipvs.entries import Done, Entry, TemplateKey
from meshsim.ipvs.flow import Flow, Parts, check_protocol, number_address, whole
from meshsim.ipvs.outcomes import Dropped, Outcome, Passed, Refused, Reset, Routed
from meshsim.ipvs.service import VirtualService
from meshsim.ipvs.states import (
    ACTIVE,
    CONVERSATION,
    MOVES,
    TIMEOUT_NS,
    Direction,
    Script,
    Segment,
    State,
    Steps,
)
from meshsim.sim import duplicate

__all__ = ["Table"]

_NO_SERVICE = Passed("no virtual service")
_NO_ENTRY = Passed("no such connection")
_UNSEEN = Passed("replies do not pass the director")
_DELETED = Dropped("destination deleted")
_UNKNOWN = Reset("no such connection")
_CLOSED = (State.TIME_WAIT, State.CLOSE)
_REPLIES_UNSEEN = (Forward.ROUTE, Forward.TUNNEL)

# In Python 3.11 looking a member up on its enumeration costs more than all the rest of a packet's way.
_UDP, _SYN = State.UDP, Segment.SYN
_INPUT, _OUTPUT, _INPUT_ONLY = Direction.INPUT, Direction.OUTPUT, Direction.INPUT_ONLY
_TIME_WAIT_NS = TIMEOUT_NS[State.TIME_WAIT]


class Table(Control):
    """The IPVS of one network namespace: services, destinations, connections.

    - to administrate: ``add_service edit_service remove_service service services``,
      ``add_destination edit_destination remove_destination``, ``clear zero set_timeouts sysctls``;
    - to send packets: :meth:`route` for the first one, :meth:`follow`, :meth:`send` and :meth:`reply`
      for later ones, :meth:`account` for their sizes; :meth:`converse` for a whole short connection;
    - to look: ``entries templates advance`` and the attributes of services and destinations;
    - ``copy.deepcopy(table)`` is a table that goes its own way from here.

    Time is an argument everywhere, in nanoseconds, and runs forward.

    >>> table = Table()
    >>> web = table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
    >>> for host in (1, 2):
    ...     server = table.add_destination(web, f"10.2.9.{host}", 8080)
    >>> for port in (40000, 40001, 40002):
    ...     flow = Flow("tcp", ("10.1.0.2", port), ("10.0.0.80", 80))
    ...     print(table.route(flow, now_ns=0).destination)
    <Destination 10.2.9.2:8080 weight=1 active=1 inactive=0>
    <Destination 10.2.9.1:8080 weight=1 active=1 inactive=0>
    <Destination 10.2.9.2:8080 weight=1 active=2 inactive=0>

    Source: linux net/netfilter/ipvs/ip_vs_core.c.
    """

    __slots__ = ("_born_ns", "_done", "_entries")

    def __init__(self, *, rng: Random | None = None, active_weight: int = 257) -> None:
        super().__init__(rng=rng, active_weight=active_weight)
        self._alias()

    def _alias(self) -> None:
        # route() reaches these in one step instead of two.
        connections = self._connections
        self._entries = connections.entries
        self._born_ns = connections.born_ns
        self._done: deque[Done] = connections.done

    def route(self, flow: Flow, now_ns: int, mark: int = 0) -> Outcome:
        """A packet that may open a connection: a TCP SYN, or a UDP datagram.

        Args:
            flow: its five-tuple.
            now_ns: the instant; never earlier than one told before.
            mark: the firewall mark the packet carries, 0 for none.

        Returns:
            Routed, Refused, Dropped, or Passed when no service is meant.

        Complexity: O(1) and the balancer's own.

        Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook, ip_vs_schedule.
        """
        if now_ns >= self._connections.due_ns:
            self._connections.advance(now_ns)
        entries = self._entries
        if flow in entries:
            return self._again(flow, now_ns, mark)
        try:
            protocol = flow[0]
            service = self._marks[mark] if mark else self._services[protocol][flow[2]]
        except (KeyError, IndexError, TypeError):
            return self._search(flow, now_ns, mark)
        if not service.plain:
            return self._with_care(service, flow, now_ns)
        destination = service.pick(service.destinations, flow, now_ns)
        if destination is None:
            return _refused(service, flow)
        entries[flow] = destination
        self._born_ns.append(now_ns)
        if protocol == "udp":
            destination.inactive += 1
        else:
            destination.active += 1
        return destination.scheduled

    def _search(self, flow: Flow, now_ns: int, mark: int) -> Outcome:
        """No service in the first place looked at: the other places, in the kernel's order."""
        service = self._meant(flow, mark)
        return _NO_SERVICE if service is None else self._with_care(service, flow, now_ns)

    def _meant(self, flow: Flow, mark: int) -> VirtualService | None:
        """The service a packet is for: by mark, by address and port, by address and any port.

        Source: linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_service_find.
        """
        if not isinstance(flow, Flow):
            raise BadValue(f"a table routes a Flow, not {flow!r}", str(flow))
        of_protocol = self._services[check_protocol(flow.protocol)]
        address, _ = flow.destination
        by_mark = self._marks.get(mark) if mark else None
        return by_mark or of_protocol.get(flow.destination) or of_protocol.get((address, 0))

    def _with_care(self, service: VirtualService, flow: Flow, now_ns: int) -> Outcome:
        """A new connection to a service with thresholds, persistence or one-packet scheduling."""
        if service.persistent_s:
            return self._persistent(service, flow, now_ns)
        destination = service.pick(service.destinations, flow, now_ns)
        if destination is None:
            return _refused(service, flow)
        datagram = flow.protocol == "udp"
        destination.gain(datagram)
        if service.one_packet:
            destination.lose(datagram, now_ns)
        else:
            self._entries[flow] = destination
            self._born_ns.append(now_ns)
        return destination.scheduled

    def _persistent(self, service: VirtualService, flow: Flow, now_ns: int) -> Outcome:
        """The client's template decides, whatever weight or load; without one the balancer does.

        Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_sched_persist, ip_vs_conn.c ip_vs_check_template.
        """
        connections = self._connections
        key = _template_key(service, flow)
        template = connections.templates.get(key)
        if template is not None and not self._valid(template.destination):
            connections.give_up(template)
            template = None
        known = template is not None
        if template is None:
            choice = service.pick(service.destinations, flow, now_ns)
            if choice is None:
                return _refused(service, flow)
            template = connections.remember(key, choice, service.persistent_ns, now_ns)
        destination = template.destination
        entry = connections.bear(flow, destination, template, now_ns)
        if service.one_packet:
            connections.forget(entry, now_ns)
        connections.arm(template, now_ns + template.timeout_ns)
        return Routed(destination, "template") if known else destination.scheduled

    def _valid(self, destination: Destination) -> bool:
        quiescent = not destination.weight and self.sysctls.expire_quiescent_template
        return destination.available and not quiescent

    def _again(self, flow: Flow, now_ns: int, mark: int) -> Outcome:
        """A packet that may open a connection, of a flow that has one."""
        connections = self._connections
        connections.advance(now_ns)
        entry = connections.find(flow)
        assert entry is not None
        if flow.protocol == "tcp" and self._given_up(entry):
            connections.forget(entry, now_ns)
            return self.route(flow, now_ns, mark)
        if not entry.destination.available:
            if not self.sysctls.expire_nodest_conn:
                return _DELETED
            connections.forget(entry, now_ns)
            return self.route(flow, now_ns, mark)
        return self._input(entry, _SYN, now_ns)

    def _given_up(self, entry: Entry) -> bool:
        """Is the old connection given up because its client opens a new one?

        Source: linux net/netfilter/ipvs/ip_vs_core.c is_new_conn_expected, ip_vs_in_hook.
        """
        if self.sysctls.expire_nodest_conn and not entry.destination.weight:
            return True
        mode = self.sysctls.conn_reuse_mode
        if not mode or entry.template is not None:
            return False
        half_closed = entry.state is State.FIN_WAIT and entry.destination.forward in _REPLIES_UNSEEN
        return entry.state in _CLOSED or (mode & 2 > 0 and half_closed)

    def send(self, flow: Flow, now_ns: int, segment: Segment = Segment.ACK, mark: int = 0) -> Outcome:
        """A later packet from client to server; for UDP another datagram.

        Args:
            flow: the five-tuple of the connection.
            now_ns: the instant.
            segment: which TCP segment; a SYN is a call of :meth:`route`.
            mark: the firewall mark the packet carries.
        """
        if flow.protocol == "udp" or segment is _SYN:
            return self.route(flow, now_ns, mark)
        connections = self._connections
        connections.advance(now_ns)
        entry = connections.find(flow)
        if entry is not None:
            if entry.destination.available:
                return self._input(entry, segment, now_ns)
            if not self.sysctls.expire_nodest_conn:
                return _DELETED
            connections.forget(entry, now_ns)
        if self._meant(flow, mark) is None:
            return _NO_SERVICE
        if not self.sysctls.sloppy_tcp or segment is Segment.RST:
            return _UNKNOWN
        outcome = self.route(flow, now_ns, mark)
        entry = connections.find(flow)
        if entry is not None:
            connections.move(entry, MOVES[_INPUT, segment][State.NONE], now_ns)
        return outcome

    def _input(self, entry: Entry, segment: Segment, now_ns: int) -> Outcome:
        destination = entry.destination
        state = entry.state
        if state is not _UDP:
            side = _INPUT_ONLY if destination.forward in _REPLIES_UNSEEN else _INPUT
            state = MOVES[side, segment][state]
        self._connections.move(entry, state, now_ns)
        destination.count_packets(1, 0)
        return destination.known

    def reply(self, flow: Flow, now_ns: int, segment: Segment = Segment.ACK) -> Outcome:
        """A packet from server to client, of the connection `flow` names from the client's side."""
        connections = self._connections
        connections.advance(now_ns)
        entry = connections.find(flow)
        if entry is None:
            return _NO_ENTRY
        destination = entry.destination
        if destination.forward in _REPLIES_UNSEEN:
            return _UNSEEN
        state = entry.state
        if state is not _UDP:
            state = MOVES[_OUTPUT, segment][state]
        connections.move(entry, state, now_ns)
        destination.count_packets(0, 1)
        return destination.known

    def follow(self, flow: Flow, now_ns: int, steps: Steps, mark: int = 0) -> Outcome:
        """A stretch of conversation in one instant, as ``HANDSHAKE`` or ``CLOSE_BY_CLIENT``.

        Returns:
            The outcome of the last step that passes the director, or of the first that did not get through.
        """
        connections = self._connections
        if now_ns >= connections.due_ns:
            connections.advance(now_ns)
        connections.now_ns = now_ns
        found = self._entries.get(flow)
        entry = found if isinstance(found, Entry) else connections.take(flow, found)
        if entry is None:
            return self._one_by_one(flow, now_ns, steps, mark)
        destination = entry.destination
        if not destination.available or destination.forward in _REPLIES_UNSEEN:
            return self._one_by_one(flow, now_ns, steps, mark)
        script = steps if isinstance(steps, Script) else Script(steps)
        state, established = script.moves[entry.state]
        connections.move(entry, state, now_ns, established)
        destination.count_packets(script.packets_in, script.packets_out)
        return destination.known

    def converse(
        self, flow: Parts, now_ns: int, answering: Container[Destination | None], mark: int = 0
    ) -> Outcome:
        """A short TCP connection, from SYN to close: as :meth:`route` and then :meth:`follow` give it.

        Only a connection that is newly scheduled, and on a destination of `answering`, goes on after its
        first packet; any other is as :meth:`route` leaves it.

        The short way leaves what following ``CONVERSATION`` step by step would: the balancer is asked
        first, so it sees the same counters; nobody can look before the end; from SYN_RECV it always ends
        in TIME_WAIT, which is inactive and lasts from the last packet on, and that comes in this instant.

        Args:
            flow: the connection's five-tuple; its bare parts will do, as a Flow is made when somebody looks.
            now_ns: the instant; never earlier than one told before.
            answering: the destinations at which a server answers.
            mark: the firewall mark its packets carry.

        Returns:
            The outcome of the first packet.

        Complexity: O(1) and the balancer's own.
        """
        connections = self._connections
        if now_ns >= connections.due_ns:
            connections.advance(now_ns)
        try:
            service = self._marks[mark] if mark else self._services["tcp"][flow[2]]
            short = service.short and flow[0] == "tcp" and flow not in self._entries
        except (KeyError, IndexError, TypeError):
            short = False
        if not short or self._born_ns:
            return self._step_by_step(flow, now_ns, answering, mark)
        seen: Any = whole(flow) if service.sees_flow else flow
        destination = service.pick(service.destinations, seen, now_ns)
        if destination is None:
            return _refused(service, whole(flow))
        if destination not in answering:
            destination.active += 1
            self._entries[whole(flow)] = destination
            self._born_ns.append(now_ns)
            return destination.scheduled
        connections.now_ns = now_ns
        self._entries[flow] = done = (flow, destination, now_ns + _TIME_WAIT_NS)
        self._done.append(done)
        destination.inactive += 1
        destination.conversations += 1
        return destination.scheduled

    def _step_by_step(
        self, parts: Parts, now_ns: int, answering: Container[Destination | None], mark: int
    ) -> Outcome:
        flow = whole(parts)
        outcome = self.route(flow, now_ns, mark)
        destination = outcome.destination
        if destination is not None and destination in answering and outcome.reason == "scheduled":
            self.follow(flow, now_ns, CONVERSATION, mark)
        return outcome

    def _one_by_one(self, flow: Flow, now_ns: int, steps: Steps, mark: int) -> Outcome:
        outcome: Outcome = _NO_ENTRY
        for direction, segment in steps:
            if direction is _OUTPUT:
                seen = self.reply(flow, now_ns, segment)
                outcome = outcome if seen is _UNSEEN else seen
            else:
                outcome = self.send(flow, now_ns, segment, mark)
                if not outcome:
                    break
        return outcome

    def account(
        self, flow: Flow, *, packets_in: int = 0, packets_out: int = 0, bytes_in: int = 0, bytes_out: int = 0
    ) -> None:
        """Add traffic of a known connection to its destination's statistics; unknown ones are ignored."""
        entry = self._connections.find(flow)
        if entry is not None:
            destination = entry.destination
            destination.count_packets(packets_in, packets_out)
            destination.bytes_in += bytes_in
            destination.bytes_out += bytes_out

    def entry(self, flow: Flow, now_ns: int | None = None) -> Entry | None:
        """The live connection of a flow at `now_ns`, or None."""
        self._at(now_ns)
        return self._connections.find(flow)

    def __repr__(self) -> str:
        services = sum(1 for _ in self.services)
        return f"<Table: {services} services, {len(self._entries)} connections>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Table:
        """A table that goes its own way; flows are shared. Complexity: O(everything in it)."""
        copy = Table.__new__(Table)
        memo[id(self)] = copy
        for name in Control.__slots__:
            setattr(copy, name, duplicate(getattr(self, name), memo))
        copy._alias()
        return copy

    def check(self) -> None:
        """Assert what must always hold between services, destinations and connections."""
        self._connections.check()
        self._trash.check()
        total: dict[Destination, int] = {}
        inactive: dict[Destination, int] = {}
        for entry in self._connections:
            destination = entry.destination
            total[destination] = total.get(destination, 0) + 1
            inactive[destination] = inactive.get(destination, 0) + (not ACTIVE[entry.state])
        for service in self.services:
            service.check()
            for destination in service.destinations:
                assert destination.total == total.get(destination, 0), destination
                assert destination.inactive == inactive.get(destination, 0), destination


def _refused(service: VirtualService, flow: Flow) -> Refused:
    """What the kernel logs.

    Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_scheduler_err.
    """
    if service.mark:
        where = f"FWM {service.mark} 0x{service.mark:08X}"
    else:
        address, port = flow.destination
        where = f"{flow.protocol.upper()} {address}:{port}"
    return Refused(f"{service.name}: {where} - no destination available")


def _template_key(service: VirtualService, flow: Flow) -> TemplateKey:
    client = number_address(service.mask(flow.source[0]))
    if isinstance(service.key, int):
        return "ip", client, number_address(service.key), 0
    return service.key[0], client, service.key[1], service.key[2]

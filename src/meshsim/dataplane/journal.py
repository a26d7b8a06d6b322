"""Room dataplane: what the hosts tell each other about the endpoints of a network.

Comes in: bindings sent and withdrawn by the hosts that own them. Goes out: per network one append-only
list of rows with the moment each was sent. Rules of this file: a row is never changed, and is made when it is
first read; nothing is delivered here, a host's :class:`~meshsim.dataplane.gossip.View` reads the list when
somebody looks. It does not know balancers or names.

Source: moby daemon/libnetwork/networkdb/networkdb.go (table ``endpoint_table``), agent.go
addServiceInfoToCluster, deleteServiceInfoFromCluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final, overload

import attrs
from attrs import field

from meshsim.model.frozen import Frozen, value
from meshsim.model.log import Log
from meshsim.model.operations import whole
from meshsim.sim import Clock

__all__ = ["Binding", "Journal", "Row", "Rows"]


@value
class Binding(Frozen):
    """What gossip tells of one endpoint on one network: a task's, or a plain container's.

    Attributes:
        endpoint_id: the task's id, or the container's when there is no task.
        network_id: the network.
        node: the host it lives on, by name.
        address: its address there, without mask.
        name: the container's name, as in ``docker ps``.
        short_id, hostname: what the container calls itself, and is called on the network too.
        aliases: further names of this one endpoint: ``--network-alias``.
        service_id, service_name: empty for a plain container.
        service_aliases: further names of the service on this network.
        vip: the service's virtual address here; empty for dnsrr and plain containers.
        ports: published ports as (protocol, published, target); on the ingress network only.
        disabled: whether its task is being stopped: weight 0, its own names gone.

    Source: moby daemon/libnetwork/agent.proto EndpointRecord.
    """

    endpoint_id: str
    network_id: str
    node: str
    address: str
    name: str = ""
    short_id: str = ""
    hostname: str = ""
    aliases: tuple[str, ...] = ()
    service_id: str = ""
    service_name: str = ""
    service_aliases: tuple[str, ...] = ()
    vip: str = ""
    ports: tuple[tuple[str, int, int], ...] = ()
    disabled: bool = False

    @property
    def task_aliases(self) -> tuple[str, ...]:
        """All names of this one endpoint besides ``name``."""
        return (*filter(None, (self.short_id, self.hostname)), *self.aliases)

    def as_disabled(self) -> Binding:
        """The same endpoint while its task is being stopped."""
        return attrs.evolve(self, disabled=True)


@value
class Row(Frozen):
    """One thing a host told: a binding as it is from now on, or that it is gone.

    Attributes:
        seq: grows through the whole journal; of two rows of one endpoint the later wins.
        sent_ns: when the owner told it.
        node: the owner.
        endpoint_id: which endpoint.
        binding: None when the endpoint is gone.
    """

    seq: int
    sent_ns: int
    node: str
    endpoint_id: str
    binding: Binding | None = field(default=None)


_binding_parts: Final = attrgetter(*(one.name for one in attrs.fields(Binding)))


class Rows(Sequence[Row]):
    """The rows of one network in the order they were told; only ever more of them.

    A large service adds one for each task, and most are never read: until then they are kept by their parts
    in one list, which costs the garbage collector nothing.

    Attributes:
        told: how many there are.

    >>> rows = Rows()
    >>> rows.add(7, 0, "host01", "task1", None)
    >>> rows.told, rows[0]
    (1, Row(seq=7, sent_ns=0, node='host01', endpoint_id='task1', binding=None))
    """

    __slots__ = ("_made", "_packed", "told")

    def __init__(self) -> None:
        self.told = 0
        self._made: list[Row] = []
        #: the parts of those not made yet
        self._packed: list[Any] = []

    def __repr__(self) -> str:
        return f"<Rows: {self.told}>"

    def add(self, *parts: Any) -> None:
        """Add a row of these parts, its binding by its own: see :func:`~meshsim.model.operations.whole`."""
        self.told += 1
        self._packed += parts

    def __len__(self) -> int:
        return self.told

    @overload
    def __getitem__(self, key: int) -> Row: ...

    @overload
    def __getitem__(self, key: slice) -> list[Row]: ...

    def __getitem__(self, key: int | slice) -> Row | list[Row]:
        return self._read()[key]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._read())

    def _read(self) -> list[Row]:
        """All rows; those that nobody has read yet are made. O(these)."""
        if self._packed:
            parts, self._packed = iter(self._packed), []
            while self.told > len(self._made):
                self._made.append(whole(Row, parts))
        return self._made

    def __deepcopy__(self, memo: dict[int, Any]) -> Rows:
        """Rows that go on by themselves; those there are are shared."""
        twin = memo[id(self)] = Rows()
        twin.told, twin._made, twin._packed = self.told, self._made.copy(), self._packed.copy()
        return twin


class Journal:
    """Everything ever told about the endpoints of a swarm's networks.

    >>> journal = Journal(Clock())
    >>> journal.send(Binding("task1", "eg1", "host01", "10.0.1.3", service_id="s", vip="10.0.1.2"))
    >>> journal.withdraw("eg1", "task1")
    >>> [(row.endpoint_id, row.binding is None) for row in journal.rows("eg1")]
    [('task1', False), ('task1', True)]
    """

    __slots__ = ("_clock", "_live", "_log", "_peers", "_rows", "last_ns", "told")

    def __init__(self, clock: Clock, log: Log | None = None) -> None:
        self._clock = clock
        self._log = log
        #: when something was told last
        self.last_ns = 0
        #: how many rows there are, of all networks
        self.told = 0
        self._rows: dict[str, Rows] = {}
        #: of each network the places of those rows that still hold, by endpoint, in the order first told
        self._live: dict[str, dict[str, int]] = {}
        self._peers: dict[str, dict[str, str]] = {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{nid}: {len(live)}/{len(self.rows(nid))}" for nid, live in self._live.items())
        return f"<Journal live/rows {sizes or 'none'}>"

    def rows(self, network_id: str) -> Rows:
        """The rows of a network; they grow in place."""
        rows = self._rows.get(network_id)
        if rows is None:
            rows = self._rows[network_id] = Rows()
            self._live[network_id] = {}
        return rows

    def current(self, network_id: str) -> dict[str, Row]:
        """The rows the owners hold now, by endpoint, in the order first told. O(live endpoints)."""
        rows = self.rows(network_id)
        return {endpoint_id: rows[place] for endpoint_id, place in self._live[network_id].items()}

    def live(self, network_id: str) -> dict[str, Binding]:
        """The bindings of :meth:`current`. O(live endpoints)."""
        return {eid: row.binding for eid, row in self.current(network_id).items() if row.binding}

    def peers(self, network_id: str) -> dict[str, str]:
        """Who takes part in a network: host -> its address there, in order of joining. Only to be read."""
        return self._peers.setdefault(network_id, {})

    def join(self, network_id: str, node: str, address: str) -> None:
        """A host takes part in a network from now on."""
        self.peers(network_id)[node] = address

    def part(self, network_id: str, node: str) -> None:
        """A host takes part no more; harmless when it did not."""
        self.peers(network_id).pop(node, None)

    def send(self, binding: Binding) -> None:
        """Tell of a new endpoint, or of a change to one; telling the same again tells nothing. O(1)."""
        self.tell(*_binding_parts(binding))

    def tell(self, endpoint_id: str, network_id: str, node: str, *further: Any) -> None:
        """The same, by all the fields of a :class:`Binding` in their order; none need be made. O(1)."""
        rows = self.rows(network_id)
        live = self._live[network_id]
        told = live.get(endpoint_id)
        if told is None or rows[told].binding != Binding(endpoint_id, network_id, node, *further):
            live[endpoint_id] = rows.told
            self._append(network_id, node, endpoint_id, Binding, endpoint_id, network_id, node, *further)

    def withdraw(self, network_id: str, endpoint_id: str) -> None:
        """Tell that an endpoint is gone; harmless when nothing was told of it. O(1)."""
        rows = self.rows(network_id)
        told = self._live[network_id].pop(endpoint_id, None)
        if told is not None:
            self._append(network_id, rows[told].node, endpoint_id, None)

    def leave(self, node: str) -> None:
        """Withdraw all a host ever told: it left the swarm, or came back from a crash as a new member.

        O(live endpoints).

        Source: moby daemon/libnetwork/networkdb/event_delegate.go NotifyLeave, nodemgmt.go
        purgeReincarnation.
        """
        for network_id in self._live:
            for endpoint_id in [eid for eid, row in self.current(network_id).items() if row.node == node]:
                self.withdraw(network_id, endpoint_id)
        for peers in self._peers.values():
            peers.pop(node, None)

    def _append(self, network_id: str, node: str, endpoint_id: str, *binding: Any) -> None:
        now_ns = self.last_ns = self._clock.now_ns
        parts = self.told, now_ns, node, endpoint_id, *binding
        self.told += 1
        self._rows[network_id].add(*parts)
        if self._log is not None:
            self._log.append(now_ns, "binding", (network_id, Row, *parts))

    def check(self) -> None:
        """Assert that the lists are in order and that replaying them gives what is live."""
        for network_id, rows in self._rows.items():
            assert all(a.seq < b.seq and a.sent_ns <= b.sent_ns for a, b in pairwise(rows))
            last = {row.endpoint_id: row.binding for row in rows}
            assert {eid: b for eid, b in last.items() if b} == self.live(network_id)

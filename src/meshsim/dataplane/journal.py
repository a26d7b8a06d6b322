"""Room dataplane: what the hosts tell each other about the endpoints of a network.

Comes in: bindings sent and withdrawn by the hosts that own them. Goes out: per network one append-only
list of rows with the moment each was sent. Rules of this file: a row is never changed; nothing is
delivered here, a host's :class:`~meshsim.dataplane.gossip.View` reads the list when somebody looks.
It does not know balancers or names.

Source: moby daemon/libnetwork/networkdb/networkdb.go (table ``endpoint_table``), agent.go
addServiceInfoToCluster, deleteServiceInfoFromCluster.
"""

from __future__ import annotations

from itertools import pairwise

from attrs import field

from meshsim.model.frozen import Frozen, value
from meshsim.model.log import Log
from meshsim.sim import Clock

__all__ = ["Binding", "Journal", "Row"]


@value
class Binding(Frozen):
    """What gossip tells of one endpoint on one network: a task's, or a plain container's.

    Attributes:
        endpoint_id: the task's id, or the container's when there is no task.
        network_id: the network.
        node: the host it lives on, by name.
        address: its address there, without mask.
        name: the container's name, as in ``docker ps``.
        aliases: names of this one endpoint: short container id, host name, ``--network-alias``.
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
    aliases: tuple[str, ...] = ()
    service_id: str = ""
    service_name: str = ""
    service_aliases: tuple[str, ...] = ()
    vip: str = ""
    ports: tuple[tuple[str, int, int], ...] = ()
    disabled: bool = False

    @property
    def task_aliases(self) -> tuple[str, ...]:
        """What name records call ``aliases``."""
        return self.aliases

    def as_disabled(self) -> Binding:
        """The same endpoint while its task is being stopped."""
        return Binding(
            self.endpoint_id,
            self.network_id,
            self.node,
            self.address,
            self.name,
            self.aliases,
            self.service_id,
            self.service_name,
            self.service_aliases,
            self.vip,
            self.ports,
            disabled=True,
        )


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
        self._rows: dict[str, list[Row]] = {}
        self._live: dict[str, dict[str, Row]] = {}
        self._peers: dict[str, dict[str, str]] = {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{nid}: {len(live)}/{len(self._rows[nid])}" for nid, live in self._live.items())
        return f"<Journal live/rows {sizes or 'none'}>"

    def rows(self, network_id: str) -> list[Row]:
        """The list of a network; it grows in place. Only to be read."""
        return self._rows.setdefault(network_id, [])

    def current(self, network_id: str) -> dict[str, Row]:
        """The rows the owners hold now, by endpoint, in the order first told. Only to be read."""
        return self._live.setdefault(network_id, {})

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
        current = self.current(binding.network_id)
        told = current.get(binding.endpoint_id)
        if told is None or told.binding != binding:
            row = self._append(binding.network_id, binding.node, binding.endpoint_id, binding)
            current[binding.endpoint_id] = row

    def withdraw(self, network_id: str, endpoint_id: str) -> None:
        """Tell that an endpoint is gone; harmless when nothing was told of it. O(1)."""
        gone = self.current(network_id).pop(endpoint_id, None)
        if gone is not None:
            self._append(network_id, gone.node, endpoint_id, None)

    def leave(self, node: str) -> None:
        """Withdraw all a host ever told: it left the swarm, or came back from a crash as a new member.

        O(live endpoints).

        Source: moby daemon/libnetwork/networkdb/event_delegate.go NotifyLeave, nodemgmt.go
        purgeReincarnation.
        """
        for network_id, current in self._live.items():
            for endpoint_id in [eid for eid, row in current.items() if row.node == node]:
                self.withdraw(network_id, endpoint_id)
        for peers in self._peers.values():
            peers.pop(node, None)

    def _append(self, network_id: str, node: str, endpoint_id: str, binding: Binding | None) -> Row:
        rows = self.rows(network_id)
        row = Row(self.told, self._clock.now_ns, node, endpoint_id, binding)
        rows.append(row)
        self.told += 1
        self.last_ns = row.sent_ns
        if self._log is not None:
            self._log.append(row.sent_ns, "binding", (network_id, row))
        return row

    def check(self) -> None:
        """Assert that the lists are in order and that replaying them gives what is live."""
        for network_id, rows in self._rows.items():
            assert all(a.seq < b.seq and a.sent_ns <= b.sent_ns for a, b in pairwise(rows))
            last = {row.endpoint_id: row.binding for row in rows}
            assert {eid: b for eid, b in last.items() if b} == self.live(network_id)

"""Room dataplane: when a row of the journal reaches a host.

Comes in: the journal's list of one network, the outages between hosts, the time. Goes out: the changes
one host notices, in the order it notices them. Rules of this file: no timers; a view is replayed up to
now when somebody looks, and looking draws no random number, so when one looks changes nothing.

The arrival rule: own rows at once; a remote row with the next tick of the gossip; if the link is down at
that tick, with a later tick (a row is sent four times), or by the next bulk sync; if the link was down so
long that the owner counted as failed, when the owner is joined again. A host joining a network gets all
there is by bulk sync. An owner silent for ``gossip_failure_ns`` loses its rows on this host.

Source: moby daemon/libnetwork/networkdb/cluster.go (gossip, bulkSync, reconnectNode), broadcast.go;
hashicorp/memberlist state.go (probeNode, suspectNode).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol, TypeAlias

from attrs import frozen

from meshsim.dataplane.journal import Binding, Journal, Row
from meshsim.errors import BadValue
from meshsim.model.frozen import Frozen
from meshsim.profile import Profile
from meshsim.sim import Own

__all__ = ["Change", "Lossy", "Outage", "Reach", "Spread", "View"]

#: transmissions of one row in networks of up to nine hosts: 4 * ceil(log10(n + 1)).
#: Source: hashicorp/memberlist util.go retransmitLimit, networkdb uses RetransmitMult 4
TRANSMISSIONS = 4

#: every so often one failed member is tried again.
#: Source: moby daemon/libnetwork/networkdb/cluster.go reconnectInterval
RECONNECT_NS = 1_000_000_000

#: a moment that never comes
NEVER = 1 << 100

#: from when to when two hosts did not reach each other; None: they still do not
Outage: TypeAlias = tuple[int, int | None]


class Reach(Protocol):
    """What the data plane must know of the wires (supplied by the cluster).

    ``version`` grows with every fault and every repair, so that who caches can compare it.
    """

    @property
    def version(self) -> int:
        """How many faults and repairs there were."""

    def reaches(self, a: str, b: str) -> bool:
        """Whether a packet gets from one machine to the other now."""

    def outages(self, a: str, b: str) -> Sequence[Outage]:
        """When they did not reach each other, in order of time, neighbours merged.

        Gossip is relayed: a cut between two hosts that both reach a third is no outage.
        """


class Spread(Protocol):
    """A gossip of one's own: how long a row takes to a host.

    It must be a pure function of its arguments (and a seed): views ask again and at any time.
    """

    def __call__(self, row: Row, host: str) -> int:
        """Nanoseconds from ``row.sent_ns`` to its first arrival at ``host``, links willing."""


@frozen(slots=True)
class Lossy(Frozen):
    """A gossip that loses packets: a :class:`Spread` for experiments.

    A row is sent ``TRANSMISSIONS`` times, each of which is lost with the given probability; when all are,
    the next bulk sync brings it.

    Attributes:
        seed: of the losses; the same row is lost for the same host whenever it is asked for.
        loss: probability, 0 to 1.
        tick_ns: between two transmissions.
        bulk_sync_ns: until the bulk sync that repairs.

    Raises:
        BadValue: no probability.

    >>> rows = [Row(n, 0, "host01", f"t{n}") for n in range(1000)]
    >>> gossip = Lossy(seed=1, loss=0.5)
    >>> late = [gossip(row, "host02") > 200_000_000 for row in rows]
    >>> 450 < sum(late) < 550, late == [gossip(row, "host02") > 200_000_000 for row in rows]
    (True, True)
    """

    seed: int | str = 0
    loss: float = 0.0
    tick_ns: int = 200_000_000
    bulk_sync_ns: int = 30_000_000_000

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.loss <= 1:
            raise BadValue(f"loss is a probability from 0 to 1, not {self.loss!r}", str(self.loss))

    def __call__(self, row: Row, host: str) -> int:
        """How long the row takes to the host."""
        # Drawn from the row and the host, not from a stream: when somebody looks must change nothing.
        rng = Random(f"{self.seed}/{row.seq}/{host}")
        for transmission in range(1, TRANSMISSIONS + 1):
            if rng.random() >= self.loss:
                return transmission * self.tick_ns
        return self.bulk_sync_ns


class Change(NamedTuple):
    """What a host notices, and when: the row it had (or None) and the row it has now (or None).

    ``seq`` orders what several networks notice at one moment; -1 when no row told it.
    """

    at_ns: int
    seq: int
    endpoint_id: str
    before: Binding | None
    after: Binding | None


class View:
    """What one host knows of one network, from the moment it joined it.

    Attributes:
        host: whose view.
        rows: what it knows, by endpoint, in order of arrival. Only to be read.
        next_ns: when something more will be noticed if nobody tells anything new.

    >>> from meshsim.dataplane import Binding, Journal, Wires
    >>> from meshsim.sim import Clock
    >>> clock = Clock()
    >>> journal = Journal(clock)
    >>> view = View(journal, "eg1", "host02", 0, reach=Wires(clock), profile=Profile())
    >>> journal.send(Binding("task1", "eg1", "host01", "10.0.1.3"))
    >>> len(view.catch_up(199_999_999)), len(view.catch_up(200_000_000))
    (0, 1)

    Source: moby daemon/libnetwork/networkdb/watch.go, event_delegate.go.
    """

    __slots__ = (
        "_arrived",
        "_joined_seq",
        "_journal",
        "_list",
        "_now_ns",
        "_owners",
        "_profile",
        "_reach",
        "_seen",
        "_spread",
        "_version",
        "_waiting",
        "host",
        "joined_ns",
        "network_id",
        "next_ns",
        "rows",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    network_id: str
    host: str
    joined_ns: int
    next_ns: int
    _seen: int
    _joined_seq: int
    _version: int
    _now_ns: int
    _profile: Profile
    # Held by nobody else: forks copy them without remembering that they did.
    rows: Own[dict[str, Binding]]
    _waiting: Own[list[Row]]
    _arrived: Own[dict[str, int]]
    _owners: Own[dict[str, None]]

    def __init__(
        self,
        journal: Journal,
        network_id: str,
        host: str,
        now_ns: int,
        *,
        reach: Reach,
        profile: Profile,
        spread: Spread | None = None,
    ) -> None:
        self.network_id = network_id
        self.host = host
        self.joined_ns = now_ns
        self.rows = {}
        self.next_ns = NEVER
        self._journal = journal
        self._list = journal.rows(network_id)
        self._reach = reach
        self._profile = profile
        self._spread = spread
        self._seen = self._list.told
        self._joined_seq = journal.told
        self._version = -1
        self._now_ns = now_ns
        #: what bulk sync brings on joining, and later what was told and has not arrived
        self._waiting = list(journal.current(network_id).values())
        self._arrived = {}
        self._owners = {row.node: None for row in self._waiting}

    def __repr__(self) -> str:
        return (
            f"<View of {self.network_id} on {self.host}: {len(self.rows)} rows, {len(self._waiting)} to come>"
        )

    def catch_up(self, now_ns: int) -> Sequence[Change]:
        """Notice everything up to ``now_ns``. O(1) when nothing is new, else O(new + waiting rows).

        Returns:
            The changes in the order they were noticed.
        """
        if now_ns < self.next_ns and self._seen == self._list.told and self._version == self._reach.version:
            return ()
        return self._replay(now_ns)

    @property
    def awaited_ns(self) -> int | None:
        """When something told already will be noticed; None when nothing is on its way."""
        return None if self.next_ns >= NEVER else self.next_ns

    def fails_at(self, owner: str) -> int | None:
        """When this host will give up the owner it cannot reach now; None if it reaches it."""
        if owner == self.host:
            return None
        outages = self._reach.outages(owner, self.host)
        if not outages or outages[-1][1] is not None:
            return None
        return outages[-1][0] + self._profile.gossip_failure_ns

    def _replay(self, now_ns: int) -> list[Change]:
        self._take_up()
        events: list[tuple[int, int, str, Row | None]] = []
        still: list[Row] = []
        outages = {owner: self._outages(owner) for owner in self._owners}
        for row in self._waiting:
            due_ns = self._due(row, outages[row.node])
            if due_ns <= now_ns:
                events.append((max(due_ns, self._now_ns), row.seq, row.node, row))
            else:
                still.append(row)
        self._waiting = still
        coming = [self._due(row, outages[row.node]) for row in still]
        for owner, spans in outages.items():
            for moment, lost in self._turns(spans):
                if moment > now_ns:
                    coming.append(moment)
                elif moment > self._now_ns:
                    events.append((moment, -2 if lost else -1, owner, None))
        self.next_ns = min(coming, default=NEVER)
        self._version = self._reach.version
        self._now_ns = max(self._now_ns, now_ns)
        return self._apply(sorted(events, key=lambda event: event[:2]))

    def _take_up(self) -> None:
        fresh = self._list[self._seen :]
        self._seen = self._list.told
        self._waiting.extend(fresh)
        for row in fresh:
            self._owners.setdefault(row.node)

    def _apply(self, events: list[tuple[int, int, str, Row | None]]) -> list[Change]:
        changes: list[Change] = []
        for moment, order, owner, row in events:
            if row is not None:
                self._arrive(row, moment, changes)
            elif order == -2:
                self._lose(owner, moment, changes)
            else:
                self._rejoin(owner, moment, changes)
        return changes

    def _outages(self, owner: str) -> Sequence[Outage]:
        return () if owner == self.host else self._reach.outages(owner, self.host)

    def _failure(self, outage: Outage) -> bool:
        """Whether an outage was (or is by now) long enough for the owner to count as failed."""
        start_ns, end_ns = outage
        return end_ns is None or end_ns - start_ns >= self._profile.gossip_failure_ns

    def _turns(self, outages: Sequence[Outage]) -> list[tuple[int, bool]]:
        """When the owner was (will be) lost (True) and joined again (False)."""
        turns: list[tuple[int, bool]] = []
        for start_ns, end_ns in outages:
            if self._failure((start_ns, end_ns)):
                turns.append((start_ns + self._profile.gossip_failure_ns, True))
                if end_ns is not None:
                    turns.append((end_ns + RECONNECT_NS, False))
        return turns

    def _due(self, row: Row, outages: Sequence[Outage]) -> int:
        """When the row arrives here by the arrival rule; NEVER while the link is down."""
        if row.node == self.host:
            return max(row.sent_ns, self.joined_ns)
        if row.seq < self._joined_seq:
            due_ns = self.joined_ns
        elif self._spread is not None:
            due_ns = row.sent_ns + self._spread(row, self.host)
        else:
            due_ns = row.sent_ns + self._profile.gossip_delay_ns
        for start_ns, end_ns in outages:
            # What arrives at the very instant of a cut has arrived, whether anybody looked before or not.
            if start_ns < due_ns and (end_ns is None or due_ns < end_ns):
                if end_ns is None:
                    return NEVER
                due_ns = self._after(due_ns, start_ns, end_ns)
        return due_ns

    def _after(self, tick_ns: int, start_ns: int, end_ns: int) -> int:
        """When a row whose tick at ``tick_ns`` fell into an outage comes after all."""
        if self._failure((start_ns, end_ns)):
            return end_ns + RECONNECT_NS
        period_ns = self._profile.gossip_delay_ns
        missed = -(-(end_ns - tick_ns) // period_ns) if period_ns else TRANSMISSIONS
        if missed < TRANSMISSIONS:
            return tick_ns + missed * period_ns
        rounds = -(-(end_ns - self.joined_ns) // self._profile.bulk_sync_ns)
        return self.joined_ns + rounds * self._profile.bulk_sync_ns

    def _arrive(self, row: Row, moment: int, changes: list[Change]) -> None:
        endpoint_id = row.endpoint_id
        if self._arrived.get(endpoint_id, -1) >= row.seq:
            return  # overtaken: a newer row of the endpoint is known already
        self._arrived[endpoint_id] = row.seq
        before, after = self.rows.get(endpoint_id), row.binding
        if before == after:
            return
        if after is None:
            del self.rows[endpoint_id]
        else:
            self.rows[endpoint_id] = after
        changes.append(Change(moment, row.seq, endpoint_id, before, after))

    def _lose(self, owner: str, moment: int, changes: list[Change]) -> None:
        for endpoint_id, binding in list(self.rows.items()):
            if binding.node == owner:
                del self.rows[endpoint_id]
                changes.append(Change(moment, -1, endpoint_id, binding, None))

    def _rejoin(self, owner: str, moment: int, changes: list[Change]) -> None:
        """Bulk sync with an owner that is back: all it held at that moment. O(rows of the network)."""
        held = {row.endpoint_id: row for row in self._list if row.node == owner and row.sent_ns <= moment}
        for endpoint_id, row in held.items():
            if row.seq >= self._arrived.get(endpoint_id, -1):
                self._arrived[endpoint_id] = row.seq - 1  # what was lost may come again
                self._arrive(row, moment, changes)

    def check(self) -> None:
        """Assert that what is known was told, and that nothing waits for the past."""
        assert self._seen <= self._list.told
        assert all(self._arrived[endpoint_id] >= 0 for endpoint_id in self.rows)
        told = {(row.endpoint_id, row.binding) for row in self._list}
        assert all((endpoint_id, binding) in told for endpoint_id, binding in self.rows.items())
        assert all(row in self._list for row in self._waiting)

"""Room manager: who leads, and whether anything may be written (Raft, without its log).

Comes in: members, and the news that machines reach each other or no longer do. Goes out: calls to the
:class:`Office` (take, hold, resume, lose), answers to "may I?" and "who leads?". Rules of this file: nothing
ticks while all is well; a timer runs only while a member waits for a leader or a leader for its quorum; all
clocks of the members count in ticks, as Raft's do. It does not know what the office does.

The log itself is the store: what is committed is in it, and a member knows how much of it it has seen.

Source: swarmkit manager/state/raft/raft.go; etcd raft/raft.go (CheckQuorum, no pre-vote).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from random import Random
from types import MappingProxyType
from typing import Protocol

from meshsim.errors import ApiError, NoLeader, NotModelled, Unavailable
from meshsim.manager.members import Member, quorum_of
from meshsim.model.objects import ManagerStatus
from meshsim.model.states import Reachability
from meshsim.profile import Profile
from meshsim.sim import Clock, Timer

__all__ = ["NO_LEADER", "Gate", "Office", "Quorum"]

#: Source: swarmkit manager/state/raft/raft.go / moby daemon/cluster/cluster.go (errors of a leaderless swarm)
NO_LEADER = (
    "The swarm does not have a leader. It's possible that too few managers are online. "
    "Make sure more than half of the managers are online."
)


class Gate(Enum):
    """How a control call on a manager fares right now.

    OPEN: it is answered. STALLED: it is a write that waits for a quorum. WAITING: there has been no leader
    for a moment; the call asks again each second. HANGING: it was sent to a leader that no longer answers,
    and fails at its deadline. CLOSED: no leader for more than ten ticks; it fails at once, saying
    :data:`NO_LEADER`.
    """

    OPEN = "open"
    STALLED = "stalled"
    WAITING = "waiting"
    HANGING = "hanging"
    CLOSED = "closed"


class Office(Protocol):
    """What a leader does, and must not do without a quorum."""

    def take(self) -> None:
        """A new leader begins."""

    def hold(self) -> None:
        """The leader has lost its quorum: nothing may be written."""

    def resume(self) -> None:
        """The same leader has its quorum back."""

    def lose(self, *, abruptly: bool) -> None:
        """The leader is one no more; abruptly: it vanished, and told nobody."""


class Versioned(Protocol):
    """What has a version: the store."""

    version: int


class Quorum:
    """The managers' agreement on who leads.

    * members: :meth:`bootstrap`, :meth:`join`, :meth:`remove`, :attr:`members`, :meth:`is_member`;
    * news: :meth:`refresh` after any change of who reaches whom;
    * questions: :attr:`leader`, :meth:`gate`, :meth:`can_remove`, :meth:`status`;
    * orders: :meth:`transfer`, :meth:`force_new_cluster`.

    Args:
        clock: virtual time.
        profile: ticks and limits.
        elections: generator of election timeouts.
        ids: generator of member ids.
        log: what the members agree on; only its version is looked at.
        office: what the leader does.
        reaches: whether one manager's packets get to another now; ``reaches(a, a)``: whether a's runs.

    Source: swarmkit manager/state/raft/raft.go Node.
    """

    def __init__(
        self,
        clock: Clock,
        profile: Profile,
        elections: Random,
        ids: Random,
        log: Versioned,
        office: Office,
        reaches: Callable[[str, str], bool],
    ) -> None:
        self.leader = ""
        self.term = 0
        #: whether the leader lacks a quorum at present
        self.held = False
        self.leading_since_ns = 0
        self._clock = clock
        self._profile = profile
        self._elections = elections
        self._ids = ids
        self._log = log
        self._office = office
        self._reaches = reaches
        self._members: dict[str, Member] = {}
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        state = "no leader" if not self.leader else f"leader {self.leader[:12]}"
        return f"<Quorum of {len(self._members)}: {state}{', no quorum' if self.held else ''}>"

    # -- members ---------------------------------------------------------------------------------------

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by node id, in the order they joined; a live view."""
        return MappingProxyType(self._members)

    def is_member(self, node_id: str) -> bool:
        """Whether the node is one of the Raft members."""
        return node_id in self._members

    def bootstrap(self, node_id: str, address: str) -> None:
        """The first member; it runs, and leads at once."""
        self._add(node_id, address)
        self._campaign(self._members[node_id])

    def join(self, node_id: str, address: str) -> None:
        """Add a member; one that is known already only changes its address.

        Raises:
            NoLeader: nobody can add it.
            Unavailable: the leader cannot reach it.

        Source: swarmkit manager/state/raft/raft.go Join.
        """
        known = self._members.get(node_id)
        if known is not None:
            known.address = address
            return
        self._require_quorum()
        if not self._connected(self.leader, node_id) or not self._reaches(node_id, node_id):
            raise Unavailable(
                "could not connect to prospective new cluster member using its advertised address: "
                "context deadline exceeded",
                rpc_code="Unavailable",
            )
        self._add(node_id, address)
        self.refresh()

    def _add(self, node_id: str, address: str) -> None:
        now_ns = self._clock.now_ns
        member = self._members[node_id] = Member(node_id, address, self._ids.getrandbits(63) + 1, now_ns)
        self._reset(member)

    def remove(self, node_id: str) -> None:
        """Take a member out; harmless when it is none.

        Raises:
            NoLeader: nobody can remove it.
            ApiError: the others would have no quorum, or it is the leader.

        Source: swarmkit manager/state/raft/raft.go RemoveMember.
        """
        if node_id not in self._members:
            return
        self._require_quorum()
        if not self.can_remove(node_id) or node_id == self.leader:
            raise ApiError(
                "raft: member cannot be removed, because removing it may result in loss of quorum",
                rpc_code="Unknown",
            )
        del self._members[node_id]
        self.refresh()

    def can_remove(self, node_id: str) -> bool:
        """Whether the members that would remain still have a quorum. O(members).

        Source: swarmkit manager/state/raft/raft.go CanRemoveMember.
        """
        others = [m for m in self._members.values() if m.node_id != node_id]
        active = sum(self.reachability(m.node_id) is Reachability.REACHABLE for m in others)
        return active >= quorum_of(len(others))

    def _require_quorum(self) -> None:
        if not self.leader or self.held:
            raise NoLeader(NO_LEADER)

    # -- questions -------------------------------------------------------------------------------------

    def gate(self, node_id: str, *, write: bool = True) -> Gate:
        """How a control call on that manager fares right now.

        Source: swarmkit manager/state/raft/raft.go LeaderConn; moby daemon/cluster (the 20 s deadline).
        """
        member = self._members.get(node_id)
        if member is None or not member.up:
            return Gate.CLOSED
        if self.leader and self._in_contact(member):
            return Gate.STALLED if self.held and write else Gate.OPEN
        if member.leader and not self._connected(node_id, member.leader):
            return Gate.HANGING
        since_ns = member.reset_ns if member.leaderless_ns is None else member.leaderless_ns
        patience_ns = self._profile.election_tick * self._profile.raft_tick_ns
        return Gate.CLOSED if self._clock.now_ns - since_ns > patience_ns else Gate.WAITING

    def reachability(self, node_id: str) -> Reachability:
        """How the leader sees a member: the last message to it did (not) get through; UNKNOWN of others.

        A message that cannot be sent is noticed two seconds after the heartbeat that should have gone; or
        after the request for a vote, which is the first that a new leader sent to a member lost before. For
        so long the new leader takes it for reachable, as when they first met.

        Source: swarmkit manager/state/raft/transport/peer.go run (active), transport.go SendTimeout.
        """
        member = self._members.get(node_id)
        if member is None:
            return Reachability.UNKNOWN
        if node_id == self.leader or member.cut_ns is None:
            return Reachability.REACHABLE
        tick_ns = self._profile.raft_tick_ns
        since_ns = member.cut_ns - self.leading_since_ns
        ticks = since_ns // tick_ns + 1 if since_ns else 0
        noticed_ns = self.leading_since_ns + ticks * tick_ns + self._profile.raft_send_timeout_ns
        return Reachability.UNREACHABLE if self._clock.now_ns >= noticed_ns else Reachability.REACHABLE

    def followed(self, node_id: str) -> str:
        """The leader a member believes in; empty for none, and of nodes that are no members."""
        member = self._members.get(node_id)
        return member.leader if member is not None else ""

    @property
    def electable(self) -> bool:
        """Whether some member reaches enough others to become leader. O(members squared)."""
        members = [member.node_id for member in self._members.values() if member.up]
        quorum = quorum_of(len(self._members))
        return any(sum(self._connected(a, b) for b in members) >= quorum for a in members)

    def status(self, node_id: str) -> ManagerStatus | None:
        """What ``node ls`` and ``node inspect`` show of a manager; None when it is no member."""
        member = self._members.get(node_id)
        if member is None:
            return None
        return ManagerStatus(member.address, node_id == self.leader, self.reachability(node_id))

    def _connected(self, a: str, b: str) -> bool:
        return self._reaches(a, b) and self._reaches(b, a)

    def _in_contact(self, member: Member) -> bool:
        return member.node_id == self.leader or member.cut_ns is None

    # -- news ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again who runs and who reaches whom; to be called after every such change. O(members)."""
        for member in self._members.values():
            self._look_at(member)
        if self.leader:
            self._look_from(self._members[self.leader])
        if len(self._members) == 1:
            (only,) = self._members.values()
            if only.up and self.leader != only.node_id:
                self._campaign(only)  # a sole member does not wait for its timer
                return
        self._arm()

    def _look_at(self, member: Member) -> None:
        up = self._reaches(member.node_id, member.node_id)
        if up == member.up:
            return
        member.up = up
        if not up:
            if member.node_id == self.leader:
                self._vacate(abruptly=True)
            elif member.cut_ns is None:
                self._cut(member)
            return
        # A restarted member remembers its term and log, nothing else.
        member.joined_ns = self._clock.now_ns
        self._reset(member)
        self._loses_leader(member)

    def _look_from(self, leader: Member) -> None:
        """Who hears the leader now? A member with a higher term unseats it (there is no pre-vote)."""
        for member in self._members.values():
            if member is leader:
                continue
            if member.up and self._connected(leader.node_id, member.node_id):
                if member.term > leader.term:
                    leader.term = self.term = member.term
                    self._step_down()
                    return
                self._follow(member, leader)
            elif member.cut_ns is None:
                self._cut(member)
        enough = self._active() >= quorum_of(len(self._members))
        if self.held and enough:
            self.held = False
            self._office.resume()
        elif not self.held and not enough:
            self.held = True
            self._office.hold()

    def _active(self) -> int:
        return sum(self._in_contact(member) for member in self._members.values())

    def _follow(self, member: Member, leader: Member) -> None:
        if member.cut_ns is not None:
            member.cut_ns = None
            member.active_ns = self._clock.now_ns
        if member.term != leader.term:
            member.term = leader.term
            member.voted = ""
        member.leader = leader.node_id
        member.leaderless_ns = None

    def _cut(self, member: Member) -> None:
        """The leader's heartbeats no longer come; the last one was at its last tick."""
        now_ns = self._clock.now_ns
        member.cut_ns = now_ns
        member.applied = self._log.version
        self._reset(member)
        member.reset_ns = now_ns - (now_ns - self.leading_since_ns) % self._profile.raft_tick_ns

    # -- elections -------------------------------------------------------------------------------------

    def _reset(self, member: Member) -> None:
        """Reset the election timer to a new draw of 10 to 19 ticks.

        Source: etcd raft/raft.go resetRandomizedElectionTimeout.
        """
        member.reset_ns = self._clock.now_ns
        ticks = self._profile.election_tick
        member.timeout_ticks = ticks + self._elections.randrange(ticks)

    def _loses_leader(self, member: Member) -> None:
        member.leader = ""
        if member.leaderless_ns is None:
            member.leaderless_ns = self._clock.now_ns

    def _campaign(self, candidate: Member) -> None:
        """Ask for votes; with a majority it leads.

        Members that heard a leader within ten ticks do not answer; the others vote once a term, for a
        candidate that has seen at least as much of the log.

        Source: etcd raft/raft.go campaign, Step (lease under CheckQuorum).
        """
        candidate.term += 1
        candidate.voted = candidate.node_id
        self._loses_leader(candidate)
        self._reset(candidate)
        votes = 1
        for voter in self._members.values():
            if voter is not candidate and voter.up and self._connected(candidate.node_id, voter.node_id):
                votes += self._votes_for(voter, candidate)
        if votes >= quorum_of(len(self._members)):
            self._elect(candidate)
        else:
            self._arm()

    def _votes_for(self, voter: Member, candidate: Member) -> bool:
        lease_ns = self._profile.election_tick * self._profile.raft_tick_ns
        hears = bool(self.leader) and self._in_contact(voter)
        if hears or (voter.leader and self._clock.now_ns - voter.reset_ns < lease_ns):
            return False
        if voter.term > candidate.term:
            return False
        if voter.term < candidate.term:
            voter.term = candidate.term
            voter.voted = ""
            self._loses_leader(voter)
            self._reset(voter)
        if voter.voted not in ("", candidate.node_id) or voter.applied > candidate.applied:
            return False
        voter.voted = candidate.node_id
        voter.reset_ns = self._clock.now_ns
        return True

    def _elect(self, winner: Member) -> None:
        """The winner takes office; a leader on the other side of a cut has been overtaken."""
        if self.leader:
            self._vacate(abruptly=True)
        now_ns = self._clock.now_ns
        self.leader = winner.leader = winner.node_id
        self.term = winner.term
        self.leading_since_ns = now_ns
        winner.leaderless_ns = None
        winner.cut_ns = None
        winner.active_ns = now_ns
        for member in self._members.values():
            if member is not winner:
                member.cut_ns = now_ns
        self._office.take()
        self._look_from(winner)
        self._arm()

    def _vacate(self, *, abruptly: bool) -> None:
        """The leader leads no more; who followed it finds out when its election timer ends."""
        leader = self._members[self.leader]
        for member in self._members.values():
            if member is not leader and member.cut_ns is None:
                self._cut(member)
        leader.applied = self._log.version
        leader.cut_ns = self._clock.now_ns
        self._loses_leader(leader)
        self._reset(leader)
        self.leader = ""
        self.held = False
        self._office.lose(abruptly=abruptly)

    def _step_down(self) -> None:
        self._vacate(abruptly=False)
        self._arm()

    # -- time ------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Set the timer to the next moment at which someone must act, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [self._next_campaign(m) for m in self._waiting()]
        if self.held:
            due.append(self._next_check())
        if due:
            self._timer = self._clock.call_at(min(due), self._turn, background=True, name="election")

    def _waiting(self) -> list[Member]:
        return [m for m in self._members.values() if m.up and not (self.leader and self._in_contact(m))]

    def _next_campaign(self, member: Member) -> int:
        tick_ns = self._profile.raft_tick_ns
        return max(member.tick_at(tick_ns, member.timeout_ticks), self._clock.now_ns + 1)

    def _next_check(self) -> int:
        """The leader counts whom it has heard every ten ticks. Source: etcd raft/raft.go tickHeartbeat."""
        window_ns = self._profile.election_tick * self._profile.raft_tick_ns
        passed = (self._clock.now_ns - self.leading_since_ns) // window_ns
        return self.leading_since_ns + (passed + 1) * window_ns

    def _turn(self) -> None:
        self._timer = None
        now_ns = self._clock.now_ns
        if self.held:
            self._check_quorum(now_ns)
        tick_ns = self._profile.raft_tick_ns
        for member in self._waiting():
            if member.tick_at(tick_ns, member.timeout_ticks) <= now_ns:
                self._campaign(member)
                return  # one at a time: the others look again when it is their turn
        self._arm()

    def _check_quorum(self, now_ns: int) -> None:
        """Step down when no quorum was heard since the last count."""
        window_ns = self._profile.election_tick * self._profile.raft_tick_ns
        if (now_ns - self.leading_since_ns) % window_ns:
            return
        heard = sum(
            self._in_contact(m) or (m.cut_ns is not None and m.cut_ns > now_ns - window_ns)
            for m in self._members.values()
        )
        if heard < quorum_of(len(self._members)):
            self._step_down()

    # -- orders ----------------------------------------------------------------------------------------

    def transfer(self) -> bool:
        """Hand leadership to the member that has been in contact longest; False when there is none.

        Source: swarmkit manager/state/raft/raft.go TransferLeadership, transport LongestActive.
        """
        heirs = [m for m in self._members.values() if m.cut_ns is None and m.node_id != self.leader and m.up]
        if not self.leader or not heirs:
            return False
        heir = min(heirs, key=_active_since)
        heir.term = self.term + 1
        heir.voted = heir.node_id
        self._vacate(abruptly=False)
        self._elect(heir)
        return True

    def check_survivor(self, node_id: str) -> None:
        """Refuse what :meth:`force_new_cluster` cannot do on that node.

        Raises:
            ApiError: it is no member.
            NotModelled: other managers still run (they would go on as a swarm of their own), or the node
                has missed commits (its older copy of the store is not kept).
        """
        survivor = self._members.get(node_id)
        if survivor is None:
            raise ApiError("raft: node is not yet part of a raft cluster", rpc_code="Unknown")
        if any(member.up for member in self._members.values() if member is not survivor):
            raise NotModelled("force-new-cluster while other managers of the swarm run is not simulated")
        behind = not (self.leader and self._in_contact(survivor)) and survivor.applied < self._log.version
        if behind:
            raise NotModelled("force-new-cluster on a manager that has missed commits is not simulated")

    def force_new_cluster(self, node_id: str) -> None:
        """Make the node the only member, and the leader once it runs; what it has seen of the log counts.

        Raises:
            ApiError, NotModelled: as for :meth:`check_survivor`.

        Source: swarmkit manager/state/raft/storage.go (ForceNewCluster).
        """
        self.check_survivor(node_id)
        if self.leader:
            self._vacate(abruptly=True)
        self._members = {node_id: self._members[node_id]}
        self.refresh()

    def check(self) -> None:
        """Assert that at most one member leads, with a term nobody in contact exceeds, and time goes on."""
        if self.leader:
            leader = self._members[self.leader]
            assert leader.up
            assert leader.term == self.term
            for member in self._members.values():
                if member.cut_ns is None:
                    assert member.term == self.term, member
                    assert member.leader == self.leader, member
            assert self.held == (self._active() < quorum_of(len(self._members)))
        waiting = bool(self._waiting()) or self.held
        assert waiting == (self._timer is not None and self._timer.live), self


def _active_since(member: Member) -> int:
    return member.active_ns

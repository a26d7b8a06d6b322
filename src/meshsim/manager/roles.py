"""Room manager, loop roles (rank 50): turns the role a user wants into the role a node has.

Comes in: commits that touch nodes. Goes out: nodes with their new role, members taken out of Raft. Rules of
this file: a promotion is done at once; a demotion takes the member out of Raft first and changes the role
at the next look, five seconds later; what cannot be done yet is looked at again every five seconds. It
never adds a member: a promoted node joins by itself.

Source: swarmkit manager/role_manager.go.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from meshsim.errors import ApiError
from meshsim.model.events import Committed
from meshsim.model.objects import Node
from meshsim.model.states import Role
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Timekeeper, Timer

__all__ = ["RaftMembers", "RoleManager"]


class RaftMembers(Protocol):
    """What the role manager asks of Raft."""

    leader: str

    def is_member(self, node_id: str) -> bool:
        """Whether the node is one of the members."""

    def can_remove(self, node_id: str) -> bool:
        """Whether the others would still have a quorum."""

    def remove(self, node_id: str) -> None:
        """Take a member out."""

    def transfer(self) -> bool:
        """Hand leadership to another member; False when there is none."""


class RoleManager:
    """Keeps roles and Raft members in step with what users asked for.

    Attributes:
        pending: nodes whose role, or membership, is not yet as it should be.

    Source: swarmkit manager/role_manager.go roleManager.
    """

    RANK: ClassVar[int] = 50

    def __init__(self, store: Store, clock: Timekeeper, profile: Profile, members: RaftMembers) -> None:
        self.pending: dict[str, None] = {}
        self.running = False
        self._store = store
        self._clock = clock
        self._profile = profile
        self._members = members
        self._timer: Timer | None = None
        self._now: Timer | None = None
        self._looking = False
        #: counts beginnings and ends of office: a look that hands leadership over is over
        self._turns = 0

    def __repr__(self) -> str:
        return f"<RoleManager {'running' if self.running else 'stopped'}, {len(self.pending)} pending>"

    def start(self) -> None:
        """Take office: look at every node once."""
        self.running = True
        self._turns += 1
        self._store.watch(self.on_commit, rank=self.RANK)
        for node in self._store.nodes.values():
            self._note(node)
        self._look_soon()

    def stop(self) -> None:
        """Lay down office."""
        self.running = False
        self._turns += 1
        self._store.unwatch(self.on_commit)
        self.pending.clear()
        for timer in (self._timer, self._now):
            if timer is not None:
                timer.cancel()
        self._timer = self._now = None

    def on_commit(self, committed: Committed) -> None:
        """Note nodes whose role has to change. O(changes)."""
        for old, new in committed.notable:
            if isinstance(new, Node):
                self._note(new)
            elif new is None and isinstance(old, Node):
                self.pending.pop(old.id, None)
                if self._members.is_member(old.id):
                    self.pending[old.id] = None
        self._look_soon()

    def _note(self, node: Node) -> None:
        if node.role != node.spec.role:
            self.pending[node.id] = None

    def _look_soon(self) -> None:
        """Look in this same moment, once what runs now is over."""
        if self.pending and self._now is None and self._timer is None and not self._looking:
            self._now = self._clock.call_later(0, self._look, name="roles")

    def _look(self) -> None:
        """Do what can be done; look again in five seconds if something is left."""
        self._now = self._timer = None
        turn = self._turns
        self._looking = True
        progress = self._reconcile()
        self._looking = False
        if turn != self._turns:
            self._look_soon()  # a new leader looks at everything at once
        elif self.pending and self.running:
            # A demotion that cannot go on may wait for ever: that is a settled state.
            self._timer = self._clock.call_later(
                self._profile.role_retry_ns, self._look, background=not progress, name="role retry"
            )

    def _reconcile(self) -> bool:
        """Go through the pending nodes once; returns whether a later look will find more to do.

        Source: swarmkit manager/role_manager.go reconcileRole, evictRemovedNodes.
        """
        progress, turn = False, self._turns
        for node_id in list(self.pending):
            if turn != self._turns:
                break  # leadership went to another member: it begins anew
            node = self._store.get(Node, node_id)
            if node is None:
                progress |= self._evict(node_id)
            elif node.role == node.spec.role:
                del self.pending[node_id]
            elif node.spec.role == Role.MANAGER:
                self._write_role(node, Role.MANAGER)
            else:
                progress |= self._demote(node)
        return progress

    def _demote(self, node: Node) -> bool:
        """Out of Raft first; the role follows at the next look."""
        if not self._members.is_member(node.id):
            self._write_role(node, Role.WORKER)
            return True
        if not self._members.can_remove(node.id):
            return False
        if self._members.leader == node.id:
            self._members.transfer()  # the new leader takes the old one out
            return True
        return self._remove(node.id)

    def _evict(self, node_id: str) -> bool:
        if self._members.is_member(node_id) and not self._remove(node_id):
            return False
        del self.pending[node_id]
        return True

    def _remove(self, node_id: str) -> bool:
        try:
            self._members.remove(node_id)
        except ApiError:
            return False
        return True

    def _write_role(self, node: Node, role: Role) -> None:
        del self.pending[node.id]
        with self._store.transaction() as tx:
            tx.update(node, role=role)

    def check(self) -> None:
        """Assert that every node whose role is not as wanted is looked at, and that a look is due."""
        if not self.running:
            assert not self.pending
            return
        for node in self._store.nodes.values():
            assert node.role == node.spec.role or node.id in self.pending, node.name
        assert not self.pending or self._now is not None or self._timer is not None

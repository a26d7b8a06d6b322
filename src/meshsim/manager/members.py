"""Room manager: the Raft members, each with what it knows, and the arithmetic of a quorum.

Comes in: who joined, when. Goes out: records that the quorum (and nobody else) changes. Rules of this file:
clocks of members count in ticks, as Raft's do. It decides nothing.

Source: swarmkit manager/state/raft/membership/cluster.go; etcd raft/raft.go.
"""

from __future__ import annotations

__all__ = ["Member", "quorum_of", "tolerated"]


def quorum_of(members: int) -> int:
    """How many of so many members must agree.

    >>> [quorum_of(n) for n in range(1, 8)]
    [1, 2, 2, 3, 3, 4, 4]
    """
    return members // 2 + 1


def tolerated(members: int) -> int:
    """How many of so many members may be lost.

    >>> [tolerated(n) for n in range(1, 8)]
    [0, 0, 1, 1, 2, 2, 3]
    """
    return (members - 1) // 2


class Member:
    """One Raft member as it sees the world.

    Attributes:
        node_id, address, raft_id: who it is; ``address`` with port.
        up: whether its manager runs.
        leader: whom it follows (itself when it leads); empty while it looks for one.
        leaderless_ns: since when it has known no leader.
        term, voted: Raft's.
        reset_ns, timeout_ticks: its election timer: when it was last reset, and how long it runs.
        joined_ns: its ticks are whole numbers of ticks from then.
        cut_ns: since when the leader has not reached it; None while it does.
        active_ns: since when the leader has reached it.
        applied: how much of the log it had when it was cut off.
    """

    __slots__ = (
        "active_ns",
        "address",
        "applied",
        "cut_ns",
        "joined_ns",
        "leader",
        "leaderless_ns",
        "node_id",
        "raft_id",
        "reset_ns",
        "term",
        "timeout_ticks",
        "up",
        "voted",
    )

    def __init__(self, node_id: str, address: str, raft_id: int, now_ns: int) -> None:
        self.node_id = node_id
        self.address = address
        self.raft_id = raft_id
        self.up = True
        self.leader = ""
        self.leaderless_ns: int | None = now_ns
        self.term = 0
        self.voted = ""
        self.joined_ns = self.reset_ns = self.active_ns = now_ns
        self.timeout_ticks = 0
        self.cut_ns: int | None = now_ns
        self.applied = 0

    def __repr__(self) -> str:
        follows = "leads" if self.leader == self.node_id else f"follows {self.leader[:12] or 'nobody'}"
        return f"<Member {self.node_id[:12]} {follows}, term {self.term}{'' if self.up else ', down'}>"

    def tick_at(self, tick_ns: int, ticks: int) -> int:
        """When its clock will have ticked so often since its election timer was reset."""
        return self.joined_ns + ((self.reset_ns - self.joined_ns) // tick_ns + ticks) * tick_ns

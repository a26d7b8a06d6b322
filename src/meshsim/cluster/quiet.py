"""Room cluster: when a whole cluster has come to rest.

Comes in: a cluster. Goes out: the moment of the next thing that ``settle`` waits for, or none. Rules of this
file: it only looks; a task pending with a reason, a paused update and a lost quorum are at rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.model.states import NodeState

if TYPE_CHECKING:
    from meshsim.cluster.cluster import Cluster
    from meshsim.manager import Manager

__all__ = ["next_move_ns"]


def next_move_ns(cluster: Cluster) -> int | None:
    """When the next thing happens that settle() waits for, or None."""
    clock, journal, profile = cluster.clock, cluster.journal, cluster.profile
    if clock.foreground or _unnoticed(cluster):
        return clock.next_ns()
    told_ns = journal.last_ns + profile.gossip_delay_ns
    if told_ns > clock.now_ns:
        return told_ns
    if not cluster.links.version and cluster.gossip is None and not profile.gossip_loss:
        return None  # no fault ever: what was told has arrived
    moments = [m for h in cluster.hosts.values() if h.up and (m := h.plane.settled_ns()) is not None]
    return min(moments, default=None)


def _unnoticed(cluster: Cluster) -> bool:
    """Whether a leader has yet to notice that a node is gone, or back, or to be elected. O(nodes)."""
    return any(_expects(m) if m.leading else m.quorum.electable for m in cluster.swarms)


def _expects(manager: Manager) -> bool:
    for node in manager.store.nodes.values():
        if not manager.leader_reaches(node.id):
            if node.status.state is not NodeState.DOWN:
                return True
        elif node.status.state is not NodeState.READY:
            return True
    return False

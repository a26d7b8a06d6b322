"""Room manager, control: the rules of membership and of the swarm's settings.

Comes in: nodes, Raft's members, specs. Goes out: nothing, or SwarmKit's refusal.

Source: swarmkit manager/controlapi/node.go, cluster.go.
"""

from __future__ import annotations

from typing import Protocol

from meshsim.errors import FailedPrecondition, InvalidArgument, NotFound
from meshsim.model.objects import Node
from meshsim.model.specs import SwarmSpec
from meshsim.model.states import NodeState, Role
from meshsim.model.store import Store

__all__ = ["check_node_removal", "check_role", "check_swarm_spec"]

#: Source: swarmkit ca/config.go MinNodeCertExpiration.
_SHORTEST_CERTIFICATE_NS = 3_600_000_000_000


class _Members(Protocol):
    def is_member(self, node_id: str) -> bool: ...
    def can_remove(self, node_id: str) -> bool: ...


def check_role(store: Store, members: _Members, node: Node) -> None:
    """Refuse a demotion that would leave the swarm without managers or without quorum.

    Raises:
        FailedPrecondition, NotFound: the first that applies.

    Source: swarmkit manager/controlapi/node.go UpdateNode.
    """
    managers = [other.id for other in store.nodes.values() if other.role is Role.MANAGER]
    if managers == [node.id]:
        raise FailedPrecondition("attempting to demote the last manager of the swarm")
    if not members.is_member(node.id):
        raise NotFound("can't find manager in raft memberlist", rpc_code="NotFound")
    if not members.can_remove(node.id):
        raise FailedPrecondition("can't remove member from the raft: this would result in a loss of quorum")


def check_node_removal(members: _Members, node: Node, *, force: bool) -> None:
    """Refuse to remove a manager, and (without ``force``) a node that is READY.

    Source: swarmkit manager/controlapi/node.go RemoveNode.
    """
    if node.spec.role is Role.MANAGER and members.is_member(node.id):
        raise FailedPrecondition(
            f"node {node.id} is a cluster manager and is a member of the raft cluster. "
            "It must be demoted to worker before removal"
        )
    if not force and node.status.state is NodeState.READY:
        raise FailedPrecondition(f"node {node.id} is not down and can't be removed")


def check_swarm_spec(spec: SwarmSpec) -> None:
    """Refuse settings out of range.

    Source: swarmkit manager/controlapi/cluster.go validateClusterSpec.
    """
    if spec.cert_expiry_ns < _SHORTEST_CERTIFICATE_NS:
        raise InvalidArgument("minimum certificate expiry time is: 1h0m0s")
    if spec.heartbeat_ns < 0:
        raise InvalidArgument("heartbeat time period cannot be a negative duration")

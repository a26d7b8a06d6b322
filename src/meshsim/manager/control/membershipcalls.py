"""Room manager, control: calls about nodes and the swarm's own settings.

Comes in: tokens, node and swarm specs. Goes out: one transaction each, or a refusal.

Source: swarmkit ca/server.go IssueNodeCertificate; manager/controlapi/node.go, cluster.go.
"""

from __future__ import annotations

from attrs import evolve

from meshsim.errors import JoinRefused
from meshsim.manager.control.base import Calls, check_version, existing
from meshsim.manager.control.swarm import check_node_removal, check_role, check_swarm_spec
from meshsim.manager.tokens import join_token, unlock_key
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Node, NodeStatus, Swarm
from meshsim.model.specs import NodeSpec, SwarmSpec
from meshsim.model.states import Availability, Role, TaskState
from meshsim.sim import object_id

__all__ = ["MembershipCalls"]

#: a removed node's certificate is black-listed until it has expired, and a week more.
#: Source: swarmkit manager/controlapi/node.go expiredCertGrace
_GRACE_NS = 7 * 24 * 3_600_000_000_000


class MembershipCalls(Calls):
    """Joining, changing and removing nodes; the swarm's settings and secrets."""

    def issue_certificate(
        self,
        token: str,
        *,
        hostname: str = "",  # noqa: ARG002  (the record learns it from the agent's first report)
        address: str = "",
        availability: Availability = Availability.ACTIVE,
    ) -> Node:
        """Create the record of a joining node; its state is UNKNOWN until its agent registers.

        Raises:
            JoinRefused: the token is none of the swarm's two.

        Source: swarmkit ca/server.go IssueNodeCertificate, issueWorkerOrManager.
        """
        swarm = self._store.swarm
        if token == swarm.manager_token:
            role = Role.MANAGER
        elif token == swarm.worker_token:
            role = Role.WORKER
        else:
            raise JoinRefused(
                "A valid join token is necessary to join this cluster", rpc_code="InvalidArgument"
            )
        with self._store.transaction() as tx:
            return tx.create(
                Node(
                    object_id(self._ids),
                    spec=NodeSpec(role=role, availability=availability),
                    role=role,
                    status=NodeStatus(address=address),
                )
            )

    def update_node(self, node_id: str, spec: NodeSpec, version: int | None = None) -> Node:
        """Replace what the operator says of a node; a changed role is only wished for here.

        Args:
            node_id: full id.
            spec: all of it.
            version: of the record it was made from; None takes the present one.

        Raises:
            NotFound, FailedPrecondition, OutOfSequence: see control-plane rules of demotion.

        Source: swarmkit manager/controlapi/node.go UpdateNode.
        """
        with self._store.transaction() as tx:
            node = existing(tx.get(Node, node_id), "node", node_id)
            if spec.role is Role.WORKER and node.spec.role is Role.MANAGER:
                check_role(self._store, self._members, node)
            check_version(node, version)
            return tx.update(node, spec=spec)

    def remove_node(self, node_id: str, *, force: bool = False) -> None:
        """Forget a node; its certificate is refused from now on, its tasks that run become ORPHANED.

        Raises:
            NotFound: no such node.
            FailedPrecondition: it is a manager, or (without ``force``) it is READY.

        Source: swarmkit manager/controlapi/node.go RemoveNode, orphanNodeTasks.
        """
        with self._store.transaction() as tx:
            node = existing(tx.get(Node, node_id), "node", node_id)
            check_node_removal(self._members, node, force=force)
            for task in self._store.tasks_of_node(node_id):
                if task.status.state < TaskState.COMPLETE:
                    status = evolve(
                        task.status,
                        state=TaskState.ORPHANED,
                        message="Task belonged to a node that has been deleted",
                        timestamp_ns=self._clock.now_ns,
                    )
                    tx.update(task, status=status)
            tx.delete(node)
            swarm, now_ns = self._store.swarm, self._clock.now_ns
            listed = {each: until_ns for each, until_ns in swarm.blacklist.items() if until_ns > now_ns}
            listed[node_id] = now_ns + swarm.spec.cert_expiry_ns + _GRACE_NS
            tx.update(swarm, blacklist=FrozenDict(listed))

    def update_swarm(
        self,
        spec: SwarmSpec | None = None,
        *,
        rotate_worker: bool = False,
        rotate_manager: bool = False,
        rotate_unlock: bool = False,
    ) -> Swarm:
        """Replace the swarm's settings, and draw new secrets where asked.

        Raises:
            InvalidArgument: a setting out of range.

        Source: swarmkit manager/controlapi/cluster.go UpdateCluster.
        """
        if spec is not None:
            check_swarm_spec(spec)
        swarm = self._store.swarm
        spec = swarm.spec if spec is None else spec
        worker, manager, key = swarm.worker_token, swarm.manager_token, swarm.unlock_key
        if rotate_worker:
            worker = join_token(swarm.root_ca_digest, self._tokens)
        if rotate_manager:
            manager = join_token(swarm.root_ca_digest, self._tokens)
        if not spec.autolock:
            key = ""
        elif rotate_unlock or not key:
            key = unlock_key(self._tokens)
        with self._store.transaction() as tx:
            return tx.update(swarm, spec=spec, worker_token=worker, manager_token=manager, unlock_key=key)

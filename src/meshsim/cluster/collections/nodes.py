"""Room cluster: nodes, as ``docker node`` handles them."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from meshsim.cluster.collections.base import Collection, SwarmHandle
from meshsim.cluster.collections.tasks import TaskHandle
from meshsim.cluster.specvalues import Words, pairs_of, words_of
from meshsim.errors import InvalidParameter, NotFound
from meshsim.model.frozen import FrozenDict
from meshsim.model.objects import Node
from meshsim.model.states import Availability, Role
from meshsim.views import shapes

__all__ = ["NodeHandle", "Nodes"]


class NodeHandle(SwarmHandle[Node]):
    """One node of the swarm."""

    kind = "node"

    @property
    def record(self) -> Node:
        """The node as it is now, with its place among the managers."""
        node = self._store.nodes.get(self.id)
        if node is None:
            raise NotFound(f"node {self.id} not found")
        status = self._member.manager.quorum.status(self.id)
        return node if status == node.manager else evolve(node, manager=status)

    def _shape(self) -> Any:
        digest = self._store.swarm.root_ca_digest
        return shapes.node(self.record, epoch_ns=self._epoch_ns, root_ca_digest=digest)

    @property
    def availability(self) -> Availability:
        """Active, pause or drain."""
        return self.record.spec.availability

    def tasks(self) -> list[TaskHandle]:
        """The tasks placed on it, in order of placement."""
        return [TaskHandle(self._host, task.id) for task in self._store.tasks_of_node(self.id)]

    def update(
        self,
        *,
        availability: str | None = None,
        role: str | None = None,
        label_add: Words | dict[str, str] | None = None,
        label_rm: Words | None = None,
        version: int | None = None,
    ) -> None:
        """Change what operators say of the node (``docker node update``).

        Raises:
            InvalidParameter: no such availability or role, or a label that is not there.
            FailedPrecondition: a demotion that would cost the quorum.
        """
        control = self._control()
        record = self.record
        spec = record.spec
        labels = dict(spec.labels)
        for key in words_of(label_rm):
            if key not in labels:
                raise InvalidParameter(f"key {key} doesn't exist in node's labels")
            del labels[key]
        labels.update(pairs_of(label_add))
        changes: dict[str, Any] = {"labels": FrozenDict(labels)}
        if availability is not None:
            changes["availability"] = _member_of(Availability, availability, "Availability")
        if role is not None:
            changes["role"] = _member_of(Role, role, "Role")
        control.update_node(self.id, evolve(spec, **changes), record.version if version is None else version)

    def promote(self) -> bool:
        """Make it a manager; False when it is one already."""
        if self.record.spec.role is Role.MANAGER:
            return False
        self.update(role="manager")
        return True

    def demote(self) -> bool:
        """Make it a worker; False when it is one already."""
        if self.record.spec.role is Role.WORKER:
            return False
        self.update(role="worker")
        return True

    def remove(self, *, force: bool = False) -> None:
        """Remove its record (``docker node rm``)."""
        self._control().remove_node(self.id, force=force)


def _member_of(kind: Any, text: str, what: str) -> Any:
    try:
        return kind[text.upper()]
    except KeyError:
        raise InvalidParameter(f'invalid {what}: "{text}"') from None


class Nodes(Collection):
    """``docker node``."""

    def list(self) -> list[NodeHandle]:
        """All nodes, in order of their ids, as the API lists them."""
        return [NodeHandle(self._host, identifier) for identifier in sorted(self._store.nodes)]

    def get(self, text: str) -> NodeHandle:
        """The node of that id, host name or beginning of an id; ``self`` is this one.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        control = self._control(write=False)
        if text == "self":
            return NodeHandle(self._host, self._member.node_id)
        return NodeHandle(self._host, control.find_node(text).id)

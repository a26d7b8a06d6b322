"""Room manager, control: what all calls share: the store, and finding what a user's text stands for.

Comes in: texts, ids, versions. Goes out: objects, or the refusal. Rule of this file: it writes nothing.

Source: moby daemon/cluster/helpers.go; swarmkit manager/controlapi/server.go Server.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from meshsim.errors import NotFound, OutOfSequence
from meshsim.manager.control.names import find_object
from meshsim.model.objects import Config, Network, Node, Secret, Service, StoredObject, Task
from meshsim.model.store import Store
from meshsim.profile import Profile
from meshsim.sim import Clock, Streams

__all__ = ["Calls", "Members", "check_version", "existing"]

T = TypeVar("T")


class Members(Protocol):
    """What the control API asks of Raft."""

    def is_member(self, node_id: str) -> bool:
        """Whether the node is one of the Raft members."""

    def can_remove(self, node_id: str) -> bool:
        """Whether the members that would remain still have a quorum."""


class Calls:
    """Base of the groups of calls that make up the control API."""

    def __init__(
        self, store: Store, clock: Clock, profile: Profile, streams: Streams, members: Members
    ) -> None:
        self._store = store
        self._clock = clock
        self._profile = profile
        self._ids = streams["ids"]
        self._tokens = streams["tokens"]
        self._members = members

    def __repr__(self) -> str:
        return f"<Control of {self._store!r}>"

    def find_node(self, text: str) -> Node:
        """The node of that id, host name or beginning of an id."""
        return find_object("node", text, self._store.nodes, _hostname)

    def find_service(self, text: str) -> Service:
        """The service of that id, name or beginning of an id."""
        return find_object("service", text, self._store.services, _name)

    def find_task(self, text: str) -> Task:
        """The task of that id, full name or beginning of an id."""
        return find_object("task", text, self._store.tasks, _name)

    def find_network(self, text: str) -> Network:
        """The swarm network of that id, name or beginning of an id."""
        return find_object("network", text, self._store.networks, _name)

    def find_secret(self, text: str) -> Secret:
        """The secret of that id, name or beginning of an id."""
        return find_object("secret", text, self._store.secrets, _name)

    def find_config(self, text: str) -> Config:
        """The config of that id, name or beginning of an id."""
        return find_object("config", text, self._store.configs, _name)

    def find(self, kind: str, text: str) -> StoredObject | Task:
        """The object of that kind (``"node"``, ``"service"`` ...) that a user's text stands for.

        Raises:
            NotFound, Ambiguous: none, or several do.
        """
        found: StoredObject | Task = getattr(self, f"find_{kind}")(text)
        return found


def existing(obj: T | None, kind: str, identifier: str) -> T:
    """The object, or SwarmKit's "not found"."""
    if obj is None:
        raise NotFound(f"{kind} {identifier} not found", rpc_code="NotFound")
    return obj


def check_version(obj: StoredObject, version: int | None) -> None:
    """Refuse a change made from a record that is no longer the present one."""
    if version is not None and version != obj.version:
        raise OutOfSequence


def _name(obj: Service | Task | Network | Secret | Config) -> str:
    return obj.name


def _hostname(node: Node) -> str:
    return node.hostname

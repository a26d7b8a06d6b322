"""Room model: the store of one swarm, the only place where its state is kept.

Comes in: transactions of the control loops. Goes out: frozen objects to readers; one
:class:`~meshsim.model.events.Committed` per transaction to every watcher, in a fixed rank, breadth
first and never re-entrantly; the work they put off until all is told; a log of deltas. Rules of this
file: nothing changes outside a transaction; a transaction happens whole or not at all; an update must
start from the object as it is now (optimistic locking). It does not know why anything is written.

Source: swarmkit manager/state/store/memory.go (MemoryStore), manager/state/watch.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeVar

from meshsim.errors import AlreadyExists, MeshsimError, NotFound, OutOfSequence
from meshsim.model.events import AnyObject, Committed, Removed
from meshsim.model.log import Log
from meshsim.model.objects import Config, Network, Node, Secret, Service, Swarm, Task
from meshsim.model.operations import Operations
from meshsim.model.states import TaskState
from meshsim.sim import Clock

__all__ = ["MAX_CHANGES", "Batch", "Store", "Transaction", "Watcher"]

T = TypeVar("T", Swarm, Node, Service, Task, Network, Secret, Config)
W = TypeVar("W", bound="Transaction")
Watcher = Callable[[Committed], None]

_KINDS: tuple[type[AnyObject], ...] = (Swarm, Node, Service, Task, Network, Secret, Config)
#: so many changes are enough for a transaction of a batch. Source: state/store/memory.go
MAX_CHANGES: Final = 200
#: kinds whose names are unique, without regard to case. Source: swarmkit state/store indexName
_NAMED = frozenset({"service", "network", "secret", "config"})


class Transaction:
    """One batch of writes; reads through it see them. Made by :meth:`Store.transaction`.

    Attributes:
        version: what the written objects are stamped with.
        now_ns: the time of the transaction.
    """

    __slots__ = ("_store", "_tables", "_writes", "now_ns", "version")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = store._tables
        #: what became of each object written, by its id, in the order of first writing
        self._writes: dict[str, AnyObject | Removed[AnyObject]] = {}
        self.version = 0
        self.now_ns = 0

    def get(self, kind: type[T], identifier: str) -> T | None:
        """The object as this transaction sees it, or None. O(1)."""
        obj = self._writes.get(identifier)
        if obj is None:
            obj = self._tables[kind.kind].get(identifier)
        return None if type(obj) is Removed else obj  # type: ignore[return-value]

    def create(self, obj: T) -> T:
        """Add an object; returns it as stored, stamped with version and time. O(1).

        Raises:
            AlreadyExists: the id, or a name that must be unique, is taken.
        """
        identifier = obj.id
        if self.get(type(obj), identifier) is not None:
            raise AlreadyExists(f"object {identifier} already exists")
        if obj.kind in _NAMED:
            self._claim_name(obj)
        stored: T
        if isinstance(obj, Task):
            # Tasks made in great number are made with the stamp.
            stamped = obj.version == self.version and obj.updated_ns == self.now_ns
            stored = obj if stamped else obj.evolve_to(self.version, self.now_ns)
        else:
            stored = obj.evolve_to(self.version, self.now_ns, created_ns=self.now_ns)
        self._writes[identifier] = stored
        return stored

    def update(self, obj: T, **changes: Any) -> T:
        """Replace fields of an object that must still be the current one. O(1).

        Returns:
            The new object.

        Raises:
            NotFound: it is gone.
            OutOfSequence: it was written since ``obj`` was read.
            MeshsimError: a task's observed state would go back.
        """
        identifier = obj.id
        current = self._writes.get(identifier)
        if current is None:
            current = self._tables[obj.kind].get(identifier)
        if current is not obj:
            if current is None or type(current) is Removed:
                raise NotFound(f"{obj.kind} {identifier} not found")
            if current.version != obj.version or current != obj:  # type: ignore[union-attr]
                raise OutOfSequence
        new = obj.evolve_to(self.version, self.now_ns, **changes)
        if type(new) is Task:
            if new.status.state < obj.status.state:
                raise MeshsimError(f"a task's state never goes back: {identifier}")
        elif obj.kind in _NAMED and new.name.lower() != obj.name.lower():
            self._claim_name(new)
        self._writes[identifier] = new
        return new

    def delete(self, obj: AnyObject) -> None:
        """Remove an object. O(1).

        Raises:
            NotFound: it is gone already.
        """
        stored = self._tables[obj.kind].get(obj.id)
        current = self._writes.get(obj.id, stored)
        if current is None or type(current) is Removed:
            raise NotFound(f"{obj.kind} {obj.id} not found")
        if stored is None:
            del self._writes[obj.id]  # made and removed inside the transaction: nobody ever saw it
        else:
            self._writes[obj.id] = Removed(stored)

    def _claim_name(self, obj: AnyObject) -> None:
        name = obj.name.lower()
        holder = self._store._names[obj.kind].get(name)
        if holder is not None and type(self._writes.get(holder)) is not Removed:
            raise AlreadyExists("name conflicts with an existing object", rpc_code="Unknown")
        for other in self._writes.values():
            if not isinstance(other, Removed) and other.kind == obj.kind and other.name.lower() == name:
                raise AlreadyExists("name conflicts with an existing object", rpc_code="Unknown")


class Batch(Transaction):
    """Many writes that need not go together, in transactions of some 200 changes each.

    Made by :meth:`Store.batch`. Reads and writes are a transaction's; :meth:`step` stands between those that
    may be parted. The watchers are told of each transaction when it is full, so they may write meanwhile.

    Source: swarmkit manager/state/store/memory.go Batch. It also counts bytes, which nothing here comes near.
    """

    __slots__ = ()

    def step(self) -> None:
        """What has been written so far is committed if it is enough for a transaction."""
        if len(self._writes) >= MAX_CHANGES:
            self._store._commit(self)
            self._store._begin(self)


class Store:
    """Tables by id, indexes, transactions, watchers, log.

    >>> from meshsim.model.objects import Node
    >>> store = Store(Clock())
    >>> store.watch(lambda committed: print([type(c).__name__ for c in committed.changes]), rank=1)
    >>> with store.transaction() as tx:
    ...     node = tx.create(Node("n1"))
    ['Created']
    >>> with store.transaction() as tx:
    ...     node = tx.update(node, role=node.role)
    ['Updated']
    >>> store.nodes["n1"].version
    2

    Attributes:
        version: counts the commits.
        log: where the deltas go; may be shared with others.
    """

    def __init__(self, clock: Clock, log: Log | None = None, *, label: str = "default") -> None:
        self.clock = clock
        self.log = Log() if log is None else log
        self.label = label
        self.version = 0
        self._tables: dict[str, dict[str, AnyObject]] = {kind.kind: {} for kind in _KINDS}
        self._names: dict[str, dict[str, str]] = {kind: {} for kind in sorted(_NAMED)}
        self._by_service: dict[str, dict[str, None]] = {}
        self._by_node: dict[str, dict[str, None]] = {}
        self._watchers: list[tuple[int, Watcher]] = []
        self._queue: deque[Committed] = deque()
        self._delivering = False
        self._work: deque[Callable[[], None]] = deque()
        self._working = False
        self._open: Transaction | None = None

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table)} {kind}s" for kind, table in self._tables.items() if table)
        return f"<Store {self.label!r} version {self.version}: {counts or 'empty'}>"

    # -- reading

    @property
    def swarm(self) -> Swarm:
        """The cluster object.

        Raises:
            NotFound: there is none yet.
        """
        for obj in self._tables["swarm"].values():
            return obj  # type: ignore[return-value]
        raise NotFound("the swarm object does not exist yet")

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id, in order of creation."""
        return self._tables["node"]  # type: ignore[return-value]

    @property
    def services(self) -> Mapping[str, Service]:
        """All services by id, in order of creation."""
        return self._tables["service"]  # type: ignore[return-value]

    @property
    def tasks(self) -> Mapping[str, Task]:
        """All tasks by id, in order of creation."""
        return self._tables["task"]  # type: ignore[return-value]

    @property
    def networks(self) -> Mapping[str, Network]:
        """All networks by id, in order of creation."""
        return self._tables["network"]  # type: ignore[return-value]

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """All secrets by id, in order of creation."""
        return self._tables["secret"]  # type: ignore[return-value]

    @property
    def configs(self) -> Mapping[str, Config]:
        """All configs by id, in order of creation."""
        return self._tables["config"]  # type: ignore[return-value]

    def get(self, kind: type[T], identifier: str) -> T | None:
        """The object with that id, or None. O(1)."""
        return self._tables[kind.kind].get(identifier)  # type: ignore[return-value]

    def named(self, kind: type[T], name: str) -> T | None:
        """The service, network, secret or config of that name, without regard to case. O(1)."""
        identifier = self._names[kind.kind].get(name.lower())
        return None if identifier is None else self.get(kind, identifier)

    def tasks_of_service(self, service_id: str) -> list[Task]:
        """The service's tasks in order of creation. O(tasks of the service)."""
        tasks = self._tables["task"]
        return [tasks[i] for i in self._by_service.get(service_id, ())]  # type: ignore[misc]

    def tasks_of_node(self, node_id: str) -> list[Task]:
        """The tasks placed on the node in order of placement. O(tasks on the node)."""
        tasks = self._tables["task"]
        return [tasks[i] for i in self._by_node.get(node_id, ())]  # type: ignore[misc]

    # -- writing

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction; it commits when the block ends, and vanishes when the block raises.

        A block that writes nothing commits nothing.

        Raises:
            MeshsimError: another transaction is open.
        """
        return self._transact(Transaction(self))

    def batch(self) -> AbstractContextManager[Batch]:
        """Open a batch: a transaction that, from step to step, may become the next.

        When the block raises, what was committed until then stays.

        Raises:
            MeshsimError: another transaction is open.
        """
        return self._transact(Batch(self))

    @contextmanager
    def _transact(self, tx: W) -> Iterator[W]:
        self._begin(tx)
        try:
            yield tx
        except BaseException:
            self._open = None
            raise
        self._commit(tx)

    def _begin(self, tx: Transaction) -> None:
        if self._open is not None:
            raise MeshsimError("a transaction is open already")
        self._open = tx
        tx.version, tx.now_ns = self.version + 1, self.clock.now_ns

    def _commit(self, tx: Transaction) -> None:
        self._open = None
        writes, tx._writes = tx._writes, {}
        if not writes:
            return
        operations = Operations()
        changes: list[AnyObject | None] = []
        for identifier, write in writes.items():
            old: AnyObject | None
            new: AnyObject | None
            if isinstance(write, Removed):
                old, new = write.old, None
                del self._tables[write.old.kind][identifier]
                operations.removed(write.old)
            else:
                table = self._tables[write.kind]
                old, new = table.get(identifier), write
                table[identifier] = write
                if old is None:
                    operations.created(write)
                else:
                    operations.updated(old, write)
            self._index(old, new)
            changes += (old, new)
        self.version = tx.version
        self.log.append(tx.now_ns, "commit", (self.label, tx.version, operations))
        self._queue.append(Committed(tx.version, tx.now_ns, changes))
        self._deliver()

    def _index(self, old: Any, new: Any) -> None:
        obj = old if new is None else new
        if obj.kind == "task":
            if old is None or new is None or old.node_id != new.node_id:
                self._index_task(old, new)
        elif obj.kind in _NAMED:
            names = self._names[obj.kind]
            if old is not None and names.get(old.name.lower()) == obj.id:
                del names[old.name.lower()]
            if new is not None:
                names[new.name.lower()] = obj.id

    def _index_task(self, old: Task | None, new: Task | None) -> None:
        if old is None:
            assert new is not None
            self._by_service.setdefault(new.shared.service_id, {})[new.id] = None
        elif new is None:
            self._drop(self._by_service, old.shared.service_id, old.id)
        old_node = old.node_id if old is not None else ""
        new_node = new.node_id if new is not None else ""
        if old_node != new_node:
            if old_node and old is not None:
                self._drop(self._by_node, old_node, old.id)
            if new_node and new is not None:
                self._by_node.setdefault(new_node, {})[new.id] = None

    @staticmethod
    def _drop(index: dict[str, dict[str, None]], key: str, identifier: str) -> None:
        members = index[key]
        del members[identifier]
        if not members:
            del index[key]

    # -- watching

    def watch(self, watcher: Watcher, *, rank: int) -> None:
        """Call ``watcher(committed)`` after every commit; lower ranks first, equal ranks as added."""
        self._watchers.append((rank, watcher))
        self._watchers.sort(key=_rank)

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling it; harmless when it does not watch."""
        self._watchers = [entry for entry in self._watchers if entry[1] != watcher]

    def _deliver(self) -> None:
        """Tell the watchers; commits they make queue up and are told when this one has been."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._queue:
                committed = self._queue.popleft()
                for _, watcher in tuple(self._watchers):
                    watcher(committed)
        finally:
            self._delivering = False
        self._do_work()

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do the work once everybody has been told of every commit: at once, if that is so now.

        For watchers that write much: each transaction is then told as soon as it is made, where those made
        while a commit is being told all wait for its end. One work ends before the next begins.
        """
        self._work.append(work)
        self._do_work()

    def _do_work(self) -> None:
        if self._working or self._delivering or not self._work:
            return
        self._working = True
        try:
            while self._work:
                self._work.popleft()()
        finally:
            self._working = False

    # -- copying and checking

    def fork(self, clock: Clock | None = None, log: Log | None = None) -> Store:
        """A store with the same objects and no watchers (a new manager's copy). O(objects)."""
        twin = Store(clock or self.clock, log or self.log, label=self.label)
        twin.version = self.version
        twin._tables = {kind: table.copy() for kind, table in self._tables.items()}
        twin._names = {kind: names.copy() for kind, names in self._names.items()}
        twin._by_service = {key: members.copy() for key, members in self._by_service.items()}
        twin._by_node = {key: members.copy() for key, members in self._by_node.items()}
        return twin

    def check(self) -> None:
        """Assert that indexes match tables, names are unique and no address is held twice."""
        for kind in _NAMED:
            assert self._names[kind] == {o.name.lower(): o.id for o in self._tables[kind].values()}, kind
        by_service: dict[str, dict[str, None]] = {}
        by_node: dict[str, dict[str, None]] = {}
        for task in self.tasks.values():
            by_service.setdefault(task.service_id, {})[task.id] = None
            if task.node_id:
                by_node.setdefault(task.node_id, {})[task.id] = None
        assert self._by_service == by_service
        assert self._by_node == by_node
        self._check_addresses()

    def _check_addresses(self) -> None:
        holders: dict[tuple[str, str], str] = {}

        def hold(network_id: str, address: str, holder: str) -> None:
            key = (network_id, address)
            assert key not in holders, f"{address} is held by {holders[key]} and {holder}"
            holders[key] = holder

        for network in self.networks.values():
            for state in network.ipam:
                hold(network.id, f"{state.gateway}/{state.subnet.partition('/')[2]}", "gateway")
        for service in self.services.values():
            for vip in service.endpoint.virtual_ips if service.endpoint else ():
                hold(vip.network_id, vip.address, f"service {service.name}")
        for node in self.nodes.values():
            for attachment in node.attachments:
                hold(attachment.network_id, attachment.address, f"node {node.name}")
        for task in self.tasks.values():
            if task.status.state <= TaskState.RUNNING:
                for attachment in task.attachments:
                    hold(attachment.network_id, attachment.address, f"task {task.name}")


def _rank(entry: tuple[int, Watcher]) -> int:
    return entry[0]

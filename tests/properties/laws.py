"""Laws of whole swarms that several machines hold: addresses, ports, task states, quorum, the log.

Each is written from the specification, not from the code it judges.
"""

from __future__ import annotations

from meshsim.model.events import Created, Removed, Updated
from meshsim.model.objects import Node, Service, Task
from meshsim.model.specs import GlobalMode, Replicated
from meshsim.model.states import TASK_MOVES, UPDATE_MOVES, Availability, NodeState, PublishMode, TaskState
from meshsim.placement import meets, parse_constraints

__all__ = [
    "History",
    "leaders_apart",
    "mend",
    "missing_without_reason",
    "no_address_twice",
    "no_port_twice",
    "replayed",
    "same_store",
]


def no_address_twice(store) -> None:
    """Data-plane 8 (a): gateway, node, service and task addresses of a network are all different."""
    for network in store.networks.values():
        if not network.ipam:
            continue
        held = [network.ipam[0].gateway]
        held += [
            a.ip for node in store.nodes.values() for a in node.attachments if a.network_id == network.id
        ]
        for service in store.services.values():
            vip = service.endpoint.vip(network.id) if service.endpoint else None
            held += [vip.ip] if vip else []
        for task in store.tasks.values():
            place = task.attachment(network.id)
            held += [place.ip] if place and task.status.state <= TaskState.RUNNING else []
        held = [address.partition("/")[0] for address in held]
        assert len(set(held)) == len(held), network


def no_port_twice(store) -> None:
    """Control-plane 8.2: an ingress port belongs to one service."""
    seen: dict[tuple[str, int], str] = {}
    for service in store.services.values():
        for port in service.endpoint.ports if service.endpoint else ():
            if port.mode is PublishMode.INGRESS and port.published:
                key = (port.protocol.value, port.published)
                assert seen.setdefault(key, service.id) == service.id, key


def leaders_apart(quorum, reaches) -> None:
    """Raft: of members that think they lead, no two reach each other, and at most one has a quorum."""
    leading = [m for m in quorum.members.values() if m.up and m.leader == m.node_id]
    for one in leading:
        for other in leading:
            assert one is other or not reaches(one.node_id, other.node_id)


class History:
    """Watches a swarm's commits: states move as the table says, desired states grow, a quorum agrees.

    Args:
        cluster, manager: whose commits.
        reaches: whether one node's packets get to another's now.
    """

    def __init__(self, cluster, manager, reaches) -> None:
        self.cluster = cluster
        self.manager = manager
        self.reaches = reaches
        self.store = manager.store
        self.known = dict.fromkeys(self.store.tasks)
        self.store.watch(self.on_commit, rank=1000)

    def on_commit(self, committed) -> None:
        self.agreed()
        for change in committed.changes:
            if isinstance(change, Updated) and isinstance(change.new, Task):
                self.moved(change.old, change.new)
            elif isinstance(change, Updated) and isinstance(change.new, Service):
                was, now = (s.update_status and s.update_status.state for s in (change.old, change.new))
                assert was is now or now in {to for (at, _), to in UPDATE_MOVES.items() if at is was}
            elif isinstance(change, Created) and isinstance(change.new, Task):
                assert change.new.status.state is TaskState.NEW
                self.known[change.new.id] = None
            elif isinstance(change, Removed) and isinstance(change.old, Node):
                assert not any(
                    task.node_id == change.old.id
                    and task.status.state < TaskState.COMPLETE
                    and task.id in self.known  # not made since: orchestrators read the commit before
                    for task in self.store.tasks.values()
                ), "a removed node's tasks are orphaned"

    def agreed(self) -> None:
        """Control-plane 3.7: nothing is written unless the leader reaches a majority, itself included."""
        quorum = self.manager.quorum
        members = list(quorum.members)
        if not members:  # the very first commit makes the first member
            return
        leader = quorum.leader
        assert leader, "a commit without a leader"
        there = sum(quorum.members[m].up and self.reaches(leader, m) for m in members)
        assert there >= len(members) // 2 + 1, f"a commit with {there} of {len(members)} managers"

    def moved(self, old: Task, new: Task) -> None:
        assert old.desired <= new.desired, (old.desired, new.desired)
        before, after = old.status.state, new.status.state
        assert before is after or after in TASK_MOVES[before], (before, after)
        if old.node_id:
            assert new.node_id == old.node_id, "a task never changes its node"


def replayed(log, label: str) -> dict[str, dict[str, dict[str, object]]]:
    """What the log alone says is in a swarm: kind -> id -> fields."""
    tables: dict[str, dict[str, dict[str, object]]] = {}
    for _, kind, payload in log:
        if kind != "commit" or payload[0] != label:
            continue
        for verb, what, identifier, *rest in payload[2]:
            table = tables.setdefault(what, {})
            if verb == "create":
                table[identifier] = {"": rest[0]}
            elif verb == "update":
                table[identifier] |= dict(zip(rest[::2], rest[1::2], strict=True))
            else:
                del table[identifier]
    return tables


def same_store(store, log) -> None:
    """The log replays to the very store: the same objects with the same fields."""
    tables = replayed(log, store.label)
    for kind in ("node", "service", "task", "network", "secret", "config"):
        there = getattr(store, f"{kind}s")
        told = tables.get(kind, {})
        assert told.keys() == there.keys(), kind
        for identifier, fields in told.items():
            made = fields.pop("")
            for name in vars_of(made):
                wanted = fields.get(name, getattr(made, name))
                assert getattr(there[identifier], name) == wanted, (kind, identifier, name)


def vars_of(record) -> list[str]:
    """The fields of a stored object that are told: version and times are the commit's."""
    if isinstance(record, Task):
        return ["node_id", "desired", "status", "attachments", "endpoint", "shared"]
    stamped = ("id", "version", "created_ns", "updated_ns")
    return [a.name for a in type(record).__attrs_attrs__ if a.name not in stamped]


def mend(cluster) -> None:
    """All power, all engines, no cuts."""
    cluster.heal()
    for host in cluster.hosts.values():
        host.recover()
        host.start_engine()


def missing_without_reason(store) -> list[str]:
    """Every slot that should have a running task and has none, and nothing says why. Settled stores only."""
    missing = []
    for service in store.services.values():
        tasks = store.tasks_of_service(service.id)
        if isinstance(service.spec.mode, Replicated):
            slots = {task.slot for task in tasks if counts(task, service, store)}
            if len(slots) < service.spec.mode.replicas:
                missing.append(f"{service.name}: {len(slots)} of {service.spec.mode.replicas} slots")
        elif isinstance(service.spec.mode, GlobalMode):
            there = {task.node_id for task in tasks if counts(task, service, store)}
            missing += [
                f"{service.name} on {node.hostname}"
                for node in store.nodes.values()
                if takes(node, service) and node.id not in there
            ]
    return missing


def counts(task: Task, service, store) -> bool:
    """Whether the task runs where it may, or it is written why not.

    Reasons: it waits for a node and says for what; it was made from an older spec, and the update that will
    replace it is stuck or paused; it was of an older spec when the scheduler looked, which then lets go of it
    for good, and a rollback has made it current again; its node has not been heard of; it ended, or its node
    was lost, and its policy wants no other.
    """
    state = task.status.state
    node = store.nodes.get(task.node_id)
    silent = bool(task.node_id) and (node is None or node.status.state is not NodeState.READY)
    if task.desired <= TaskState.RUNNING:
        if state in (TaskState.NEW, TaskState.PENDING):
            return bool(task.status.err) or task.spec_version < service.spec_version or rolled_back(service)
        return state is TaskState.RUNNING or silent
    policy = task.spec.restart
    forbids = policy is not None and policy.condition.value != "any"
    return forbids and (state > TaskState.RUNNING or silent)


def rolled_back(service) -> bool:
    """Whether its spec is an older one again; the next update ends this."""
    update = service.update_status
    return update is not None and update.state.value.startswith("rollback")


def takes(node: Node, service) -> bool:
    """Whether a global service has to have a task on the node."""
    constraints = service.spec.task.placement.constraints
    return (
        node.status.state is NodeState.READY
        and node.spec.availability is Availability.ACTIVE
        and (not constraints or meets(parse_constraints(constraints), node))
    )

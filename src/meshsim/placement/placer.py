"""Room placement: the owner of all node infos, which the scheduler's loop drives.

Comes in: nodes and tasks as frozen records, as they appear, change and go; tasks that want a node. Goes out:
an :class:`~meshsim.placement.place.Outcome`, explanations, copies for what-if. Rules of this file: whatever
was decided is booked at once; the loop gives it back with :meth:`Placer.remove_task` if it could not be
written. It does not know the store, the queue or the clock.

Source: swarmkit manager/scheduler/scheduler.go, nodeset.go.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from meshsim.errors import BadValue
from meshsim.model.objects import Node, Task
from meshsim.model.states import TaskState
from meshsim.placement.board import Order, PlacementFunction, swarm_order
from meshsim.placement.demand import Demand
from meshsim.placement.explain import Explanation, explain_task
from meshsim.placement.filters import TaskFilter
from meshsim.placement.nodeinfo import NodeInfo
from meshsim.placement.pipeline import Pipeline
from meshsim.placement.place import Outcome, Rules, group_tasks, place_groups, swarm_placement
from meshsim.sim import Stream, duplicate

__all__ = ["Placer"]

_ASSIGNED, _RUNNING = TaskState.ASSIGNED, TaskState.RUNNING


class Placer:
    """The scheduler without its loop: nodes and tasks in, decisions out.

    * what there is: :meth:`set_node`, :meth:`remove_node`, :meth:`set_task`, :meth:`remove_task`,
      :meth:`count_failure`, :meth:`set_driver`;
    * decide: :meth:`place`, :meth:`confirm`;
    * ask without deciding: :meth:`what_if`, :meth:`explain`, :meth:`snapshot`, :attr:`nodes`.

    Args:
        ties: ``"joined"`` decides ties by the order in which nodes joined, or a generator to draw from.
        extra_filters: users' filters, asked after the built-in ones.
        order: a ranking of one's own, ``order(task, node, now_ns)``; smaller keys first.
        placement: a whole placement of one's own, ``placement(board)``.

    >>> from meshsim.placement.samples import sample_node, sample_tasks
    >>> placer = Placer()
    >>> for name in ("host01", "host02"):
    ...     placer.set_node(sample_node(name))
    >>> placer.place(sample_tasks("web", 3)).nodes
    {'web.1': 'host01', 'web.2': 'host02', 'web.3': 'host01'}
    >>> placer
    <Placer: 2 nodes, 3 tasks>

    Source: swarmkit manager/scheduler/scheduler.go Scheduler.
    """

    __slots__ = ("_drivers", "_nodes", "_rules", "_where")

    def __init__(
        self,
        *,
        ties: Literal["joined"] | random.Random = "joined",
        extra_filters: Iterable[TaskFilter] = (),
        order: Order | None = None,
        placement: PlacementFunction | None = None,
    ) -> None:
        if ties != "joined" and not isinstance(ties, random.Random | Stream):
            raise BadValue(f"ties must be 'joined' or a random.Random, not {ties!r}", str(ties))
        filters = tuple(extra_filters)
        for test in filters:
            for method in ("applies", "accepts", "explain"):
                if not callable(getattr(test, method, None)):
                    raise BadValue(f"a filter needs the method {method}(), {test!r} has none", method)
        for name, rule in (("order", order), ("placement", placement)):
            if rule is not None and not callable(rule):
                raise BadValue(f"{name} must be callable, not {rule!r}", name)
        self._nodes: dict[str, NodeInfo] = {}
        #: id of the node that holds a task, by task id
        self._where: dict[str, str] = {}
        self._drivers: dict[str, str] = {}
        self._rules = Rules(
            filters=filters,
            order=order or swarm_order,
            placement=placement or swarm_placement,
            ties=None if ties == "joined" else ties,
            drivers=self._drivers,
        )

    # -- what there is ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> Mapping[str, NodeInfo]:
        """Node infos by id, in the order of joining; a live view, to be read only."""
        return MappingProxyType(self._nodes)

    def node_of(self, task_id: str) -> NodeInfo | None:
        """Return the node that holds a task, or None."""
        node_id = self._where.get(task_id)
        return None if node_id is None else self._nodes[node_id]

    def set_node(self, node: Node) -> None:
        """Take over a node's record, new or changed; its tasks stay. O(tasks on the node).

        Source: swarmkit manager/scheduler/scheduler.go createOrUpdateNode.
        """
        info = self._nodes.get(node.id)
        if info is None:
            self._nodes[node.id] = NodeInfo(node)
        else:
            info.update(node)

    def remove_node(self, node_id: str) -> bool:
        """Forget a node and what was on it; returns whether it was known.

        Source: swarmkit manager/scheduler/nodeset.go remove.
        """
        info = self._nodes.pop(node_id, None)
        if info is None:
            return False
        for task_id in info.tasks:
            del self._where[task_id]
        return True

    def set_task(self, task: Task) -> bool:
        """Take over a task's record: count it on its node, or free what it held.

        A task holds its node's resources while its observed state is ASSIGNED to RUNNING, whatever is
        desired. A node that is not known (yet) counts nothing.

        Returns:
            Whether anything that placement looks at changed.

        Source: swarmkit manager/scheduler/scheduler.go createTask, updateTask.
        """
        info = None
        if _ASSIGNED <= task.status.state <= _RUNNING:
            info = self._nodes.get(task.node_id)
        if info is not None and task.id in info.tasks:
            return info.add(task)
        freed = self.remove_task(task.id)
        if info is None:
            return freed
        self._where[task.id] = task.node_id
        info.add(task)
        return True

    def remove_task(self, task_id: str) -> bool:
        """Free all a task holds (it ended, was deleted, or its decision could not be written).

        Returns:
            Whether it was on a known node; then pending tasks are worth another try.

        Source: swarmkit manager/scheduler/scheduler.go deleteTask.
        """
        node_id = self._where.pop(task_id, None)
        return node_id is not None and self._nodes[node_id].remove(task_id)

    def count_failure(self, service_id: str, spec_version: int, node_id: str, now_ns: int) -> None:
        """Remember that a task was seen to turn FAILED or REJECTED on a node; unknown nodes are ignored.

        Five within five minutes put the node behind all others for that service and spec version. Not for
        tasks whose node was given in advance (global services).

        Source: swarmkit manager/scheduler/scheduler.go updateTask.
        """
        info = self._nodes.get(node_id)
        if info is not None:
            info.count_failure(service_id, spec_version, now_ns)

    def set_driver(self, network_id: str, driver: str) -> None:
        """Say which plugin drives a network; tasks on it then need ``Network/<driver>`` on their node.

        Networks that are never named here ask for nothing, as the built-in overlay does.
        """
        self._drivers[network_id] = driver

    # -- decide ----------------------------------------------------------------------------------------

    def place(self, tasks: Iterable[Task], *, now_ns: int = 0) -> Outcome:
        """Choose nodes for all these tasks in one round and book them.

        Tasks of one service and spec version are one group, placed as a unit; groups come in the order
        of their first task. Tasks without a spec version follow one by one.

        Args:
            tasks: tasks without a node.
            now_ns: virtual nanoseconds; decides which failures are recent.

        Returns:
            Where each task goes, what it claimed, and the sentence under each that found no node.

        Raises:
            BadValue: a task has a node already, or comes twice; nothing is placed then.

        Complexity: O(nodes log nodes + tasks) per group.

        Source: swarmkit manager/scheduler/scheduler.go tick.
        """
        tasks = list(tasks)
        self._refuse_known(tasks)
        groups, single = group_tasks(tasks)
        outcome = place_groups(self._nodes, groups, single, now_ns, self._rules)
        self._where.update(outcome.nodes)
        return outcome

    def _refuse_known(self, tasks: Sequence[Task]) -> None:
        ids = {task.id for task in tasks}
        if len(ids) == len(tasks) and self._where.keys().isdisjoint(ids):
            return
        for task in tasks:
            if task.id in self._where:
                raise BadValue(f"task {task.id} is on node {self._where[task.id]} already", task.id)
        raise BadValue("the same task was given twice")

    def confirm(self, task: Task) -> str | None:
        """Check a task whose node was given in advance, and book it if it fits.

        Returns:
            None if it fits; else the bare reason, without "no suitable node". An unknown node gives the
            empty text: SwarmKit then says nothing.

        Source: swarmkit manager/scheduler/scheduler.go taskFitNode.
        """
        info = self._nodes.get(task.node_id)
        if info is None:
            return ""
        pipeline = Pipeline(Demand.of(task, self._drivers), self._rules.filters)
        reason = pipeline.reasons((info,))
        if reason:
            return reason
        info.add(task)
        self._where[task.id] = info.id
        return None

    # -- ask -------------------------------------------------------------------------------------------

    def what_if(self, tasks: Sequence[Task], *, now_ns: int = 0) -> Outcome:
        """Return what :meth:`place` would decide, and change nothing, not even the draws of ties.

        >>> from meshsim.placement.samples import sample_node, sample_tasks
        >>> placer = Placer()
        >>> placer.what_if(sample_tasks("web", 1)).pending
        {'web.1': 'no suitable node'}
        """
        return self.snapshot().place(tasks, now_ns=now_ns)

    def explain(self, task: Task, *, now_ns: int = 0) -> Explanation:
        """Say for every node why the task goes there or not, as things stand. Changes nothing.

        A task that has a node is looked at as if it had none yet; one that waits to be confirmed on the
        node it was given (global services) can go there or nowhere. O(nodes log nodes + tasks).

        >>> from meshsim.placement.samples import sample_node, sample_tasks
        >>> placer = Placer()
        >>> placer.set_node(sample_node("host01", state="down"))
        >>> placer.explain(sample_tasks("web", 1)[0])
        <Explanation of web.1: 0 of 1 nodes fit, chosen None>
        """
        twin = self.snapshot()
        twin.remove_task(task.id)
        rules, nodes = twin._rules, twin._nodes.values()
        pipeline = Pipeline(Demand.of(task, twin._drivers), rules.filters)
        verdicts = explain_task(task, nodes, pipeline, rules.order, now_ns)
        branches: dict[tuple[str, ...], int] = {}
        for verdict in verdicts:
            branches[verdict.branch] = branches.get(verdict.branch, 0) + verdict.service_tasks
        if task.node_id and task.status.state == TaskState.PENDING:
            pending = twin.confirm(task)
            chosen = task.node_id if pending is None else None
        else:
            outcome = twin.place([task], now_ns=now_ns)
            chosen, pending = outcome.nodes.get(task.id), outcome.pending.get(task.id)
        return Explanation(task.id, verdicts, chosen, pending or "", branches)

    def snapshot(self) -> Placer:
        """Return an independent copy: what happens to it stays there. O(nodes + tasks)."""
        return duplicate(self, {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Placer:
        twin = Placer.__new__(Placer)
        twin._drivers = dict(self._drivers)
        twin._nodes = {node_id: info.copy() for node_id, info in self._nodes.items()}
        twin._where = self._where.copy()
        rules = self._rules
        twin._rules = Rules(
            duplicate(rules.filters, memo),
            duplicate(rules.order, memo),
            duplicate(rules.placement, memo),
            duplicate(rules.ties, memo),
            twin._drivers,
        )
        memo[id(self)] = twin
        return twin

    def __repr__(self) -> str:
        return f"<Placer: {len(self._nodes)} nodes, {len(self._where)} tasks>"

    def check(self) -> None:
        """Assert that every task is on exactly one node and that all running figures are right."""
        held = 0
        for node_id, info in self._nodes.items():
            assert info.id == node_id, info
            info.check()
            held += len(info.tasks)
            for task_id in info.tasks:
                assert self._where[task_id] == node_id, (task_id, info)
        assert held == len(self._where), (held, len(self._where))

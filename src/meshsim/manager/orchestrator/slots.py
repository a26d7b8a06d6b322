"""Room manager, orchestrators: which tasks stand in which slot.

Comes in: tasks as they are made, change and go. Goes out: the tasks of one slot, and counts. A slot is a
replica number, or, for services with a task per node, the node. Rules of this file: kept up to date task
by task, so no question costs O(tasks of the swarm); a task that was told to stop never lives again, so
news that arrive twice or late do no harm. It decides nothing.

Source: swarmkit manager/orchestrator/replicated/slot.go, manager/orchestrator/slot.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshsim.ipam import Serial
from meshsim.model.objects import Task
from meshsim.model.states import TaskState

__all__ = ["Roster", "ServiceSlots", "Slot"]

#: replica number, or node id
Slot = int | str

_HIGHEST_SLOT = (1 << 63) - 1
_RUNNING = TaskState.RUNNING


class Roster:
    """The ids of the tasks of each slot, in order of creation, the dead ones too.

    Those of one slot are kept as one text: nearly all slots have one task, and unlike a tuple for each a text
    costs the garbage collector nothing.

    >>> roster = Roster()
    >>> roster.add(1, "t1"), roster.add(1, "t1"), roster.add(1, "t2"), roster.drop(1, "t1"), roster.of(1)
    (True, False, True, True, ['t2'])
    """

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[Slot, str] = {}

    def __repr__(self) -> str:
        return f"<Roster of {len(self._ids)} slots>"

    def __contains__(self, slot: Slot) -> bool:
        """Whether the slot has a task."""
        return slot in self._ids

    def __iter__(self) -> Iterator[Slot]:
        """Yield the slots that have tasks."""
        return iter(self._ids)

    def __len__(self) -> int:
        """How many slots have tasks."""
        return len(self._ids)

    def of(self, slot: Slot) -> list[str]:
        """The ids of one slot's tasks; empty when it has none."""
        return self._ids.get(slot, "").split()

    def add(self, slot: Slot, identifier: str) -> bool:
        """Enter a task; False when it stands there already."""
        ids = self._ids.get(slot)
        if ids is None:
            self._ids[slot] = identifier
        elif identifier in ids.split():
            return False
        else:
            self._ids[slot] = f"{ids} {identifier}"
        return True

    def drop(self, slot: Slot, identifier: str) -> bool:
        """Take a task out; False when it does not stand there."""
        ids = self.of(slot)
        if identifier not in ids:
            return False
        ids.remove(identifier)
        if ids:
            self._ids[slot] = " ".join(ids)
        else:
            del self._ids[slot]
        return True


class ServiceSlots:
    """The slots of one service.

    Attributes:
        tasks: the tasks of each slot.
        live: slot -> how many of its tasks are desired to run; only slots with one.
        idle: slots that have tasks, none of which is desired to run.
        crowded: slots with two or more tasks desired to run.

    >>> from meshsim.model.objects import TaskShared
    >>> from meshsim.model.specs import TaskSpec
    >>> slots = ServiceSlots()
    >>> slots.note(Task("t1", TaskShared("s1", "web", TaskSpec(), 0, 0), 1))
    >>> slots.free_numbers(2), slots
    ([2, 3], <ServiceSlots: 1 live, 0 idle>)
    """

    __slots__ = ("_live_tasks", "_numbers", "crowded", "idle", "live", "tasks")

    def __init__(self) -> None:
        self.tasks = Roster()
        self.live: dict[Slot, int] = {}
        self.idle: dict[Slot, None] = {}
        self.crowded: dict[Slot, None] = {}
        self._live_tasks: dict[str, None] = {}
        self._numbers = Serial(0, _HIGHEST_SLOT)

    def __repr__(self) -> str:
        return f"<ServiceSlots: {len(self.live)} live, {len(self.idle)} idle>"

    def note(self, task: Task) -> None:
        """Take notice of a task that is new or was told another desired state. O(log slots)."""
        identifier = task.id
        slot: Slot = task.slot or task.node_id or 0
        fresh = self.tasks.add(slot, identifier)
        live = task.desired <= _RUNNING
        if fresh and live:
            self._live_tasks[identifier] = None
            self._set_live(slot, self.live.get(slot, 0) + 1)
        elif not live and identifier in self._live_tasks:
            del self._live_tasks[identifier]
            self._set_live(slot, self.live[slot] - 1)
        elif fresh:
            self._set_live(slot, self.live.get(slot, 0))

    def forget(self, task: Task) -> None:
        """Take notice that a task is gone from the store; harmless when it was not known."""
        slot: Slot = task.slot or task.node_id or 0
        if not self.tasks.drop(slot, task.id):
            return
        count = self.live.get(slot, 0)
        if task.id in self._live_tasks:
            del self._live_tasks[task.id]
            count -= 1
        self._set_live(slot, count)

    def _set_live(self, slot: Slot, count: int) -> None:
        """File the slot under what it is now."""
        if count:
            if slot not in self.live and isinstance(slot, int):
                self._numbers.claim(slot)
            self.live[slot] = count
            self.idle.pop(slot, None)
        else:
            if self.live.pop(slot, 0) and isinstance(slot, int):
                self._numbers.release(slot)
            if slot in self.tasks:
                self.idle[slot] = None
            else:
                self.idle.pop(slot, None)
        if count > 1:
            self.crowded[slot] = None
        else:
            self.crowded.pop(slot, None)

    def free_numbers(self, count: int, *, first: int = 1, filled: Iterable[Slot] = ()) -> list[int]:
        """The lowest ``count`` numbers whose slot is not live, nor among ``filled``.

        Complexity: O(count log slots + filled).
        """
        taken = set(filled)
        numbers: list[int] = []
        number = first
        while len(numbers) < count:
            number = self._numbers.first_free(number)
            if number not in taken:
                numbers.append(number)
            number += 1
        return numbers

    def check(self, tasks: Iterable[Task]) -> None:
        """Assert that the table is what one made anew from these tasks of the service would be."""
        twin = ServiceSlots()
        for task in tasks:
            twin.note(task)
        assert self.live == twin.live, (self.live, twin.live)
        assert self.idle.keys() == twin.idle.keys(), (self.idle, twin.idle)
        assert self.crowded.keys() == twin.crowded.keys()
        assert {s: sorted(self.tasks.of(s)) for s in self.tasks} == {
            s: sorted(twin.tasks.of(s)) for s in twin.tasks
        }

"""A runtime and a dispatcher that obey orders and write down what they were asked."""

from __future__ import annotations

from typing import NamedTuple

from meshsim.agent import Outcome
from meshsim.errors import NotFound
from meshsim.model.objects import (
    Attachment,
    Node,
    NodeDescription,
    Task,
    TaskShared,
    TaskStatus,
)
from meshsim.model.specs import ContainerSpec, TaskSpec
from meshsim.model.states import TaskState

MS = 1_000_000
S = 1_000_000_000


class FakeContainer(NamedTuple):
    id: str
    pid: int = 0
    exit_code: int = 0


class FakeRuntime:
    """Containers as a dict; what they do is decided by the image: see ``prepare`` and ``start``."""

    def __init__(self):
        self.calls = []
        self.containers = {}
        self.prepare_ns = 100 * MS
        self.start_ns = 200 * MS
        self.stop_ns = 100 * MS
        self.exit_code = 0
        #: images that fail do so no more
        self.cured = False

    def _note(self, what, task):
        self.calls.append((what, task.id))

    def prepare(self, task, networks):
        self._note("prepare", task)
        image = task.spec.container.image
        if image == "missing" and not self.cured:
            return Outcome(self.prepare_ns, "No such image: missing")
        self.containers[task.id] = FakeContainer(f"c-{task.id}")
        return Outcome(self.prepare_ns)

    def start(self, task):
        self._note("start", task)
        image = task.spec.container.image
        if image == "broken" and not self.cured:
            return Outcome(self.start_ns, "starting container failed: no such file")
        return Outcome(self.start_ns, gated=image == "checked")

    def publish(self, task):
        self._note("publish", task)

    def unpublish(self, task):
        self._note("unpublish", task)

    def stop(self, task, grace_ns):
        self._note("stop", task)
        return min(self.stop_ns, grace_ns)

    def finish(self, task):
        self._note("finish", task)
        status = FakeContainer(f"c-{task.id}", 0, self.exit_code)
        self.containers[task.id] = status
        return status

    def remove(self, task_id):
        self.calls.append(("remove", task_id))
        self.containers.pop(task_id, None)

    def of_task(self, task_id):
        return self.containers.get(task_id)

    def done(self, task_id):
        return [what for what, which in self.calls if which == task_id]


class FakeDispatcher:
    """Answers everything; ``refuse`` makes it raise."""

    def __init__(self, period_ns=5 * S):
        self.period_ns = period_ns
        self.sink = None
        self.sessions = 0
        self.beats = []
        self.reported = []
        self.refuse = None
        self.description = None
        self.clock = None

    @property
    def id(self):
        return f"s{self.sessions}"

    def _answer(self):
        if self.refuse is not None:
            raise self.refuse

    def register(self, node_id, description, address, sink):
        self._answer()
        self.sessions += 1
        self.sink = sink
        self.description = description
        return self

    def heartbeat(self, node_id, session_id):
        self._answer()
        if session_id != self.id:
            raise NotFound("node not registered", rpc_code="NotFound")
        self.beats.append(self.clock.now_ns)
        return self.period_ns

    def report(self, node_id, session_id, statuses):
        self._answer()
        self.reported += [(self.clock.now_ns, task_id, status) for task_id, status in statuses]

    def states(self, task_id):
        return [status.state for _, which, status in self.reported if which == task_id]

    def last(self, task_id):
        return [status for _, which, status in self.reported if which == task_id][-1]

    def send(self, *tasks, removed=(), complete=False, networks=()):
        self.sink.assign(
            complete=complete,
            tasks=list(tasks),
            removed=list(removed),
            networks=list(networks),
            node=Node("n1"),
        )


def make_task(
    task_id="t1",
    *,
    state=TaskState.ASSIGNED,
    desired=TaskState.RUNNING,
    image="web",
    networked=True,
    attachment="",
    grace_ns=None,
    version=1,
):
    spec = TaskSpec(ContainerSpec(image, stop_grace_ns=grace_ns), attachment=attachment)
    return Task(
        task_id,
        TaskShared("s1", "web", spec, 1, 0),
        1,
        "n1",
        desired,
        TaskStatus(state),
        (Attachment("net", "10.0.1.3/24"),) if networked else (),
        version=version,
    )


def want(task, desired):
    return task.evolve_to(task.version + 1, 0, desired=desired)


def describe():
    return NodeDescription("host01")

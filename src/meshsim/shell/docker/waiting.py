"""Waiting for a service, as ``create``, ``update``, ``scale`` and ``rollback`` do without ``--detach``.

Room shell, docker. In: a service's handle. Out: the last picture of the progress display. Rules of this
file: it is one of the few places that step virtual time; it looks every 200 ms as the real one does, and
gives up after ten virtual minutes as a user would (Ctrl-C).

Source: docker/cli cli/command/service/progress/progress.go ServiceProgress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.model.objects import Service, Task
from meshsim.model.specs import GlobalJob, GlobalMode, ReplicatedJob
from meshsim.model.states import NodeState, UpdateState
from meshsim.shell.docker.common import Call
from meshsim.shell.result import Result
from meshsim.units import MILLISECOND, MINUTE
from meshsim.views.progress import Progress, progress
from meshsim.views.shapes import with_defaults

if TYPE_CHECKING:
    from meshsim.cluster import ServiceHandle

__all__ = ["converged"]

#: Source: progress.go, the poll of ServiceProgress
POLL_NS = 200 * MILLISECOND
#: when a user's patience ends
PATIENCE_NS = 10 * MINUTE
_PAUSED = {UpdateState.PAUSED: "update", UpdateState.ROLLBACK_PAUSED: "rollback"}
_ROLLING = (UpdateState.ROLLBACK_STARTED, UpdateState.ROLLBACK_PAUSED, UpdateState.ROLLBACK_COMPLETED)


def converged(call: Call, handle: ServiceHandle, reference: str) -> Result:
    """Let time pass until a service is as asked for and has been so for its monitor period.

    Args:
        call: the command.
        handle: the service.
        reference: how it is called in the last line: the id after create, else what was typed.

    Returns:
        The final screen; exit 1 and a sentence on stderr when the update was paused.
    """
    done = _wait(call, handle, reference)
    if "quiet" in call.parsed.values and call["quiet"]:  # waits all the same, and shows nothing
        return Result("", done.stderr, done.exit)
    return done


def _wait(call: Call, handle: ServiceHandle, reference: str) -> Result:
    watch = _Watch(call, handle)
    while True:
        watch.look()
        if watch.paused:
            return Result(watch.screen(""), watch.paused, 1, screen=watch.screen("") + watch.paused)
        if watch.finished:
            return Result(watch.screen(_verdict(call, watch, reference)))
        if call.now_ns >= watch.deadline_ns:
            note = (
                "Operation continuing in background.\n"
                f"Use `docker service ps {handle.id}` to check progress.\n"
            )
            return Result(watch.screen("") + note)
        call.host.cluster.run_for(POLL_NS)


def _verdict(call: Call, watch: _Watch, reference: str) -> str:
    if watch.is_job:
        return "job complete\n"
    if watch.rolled_back:
        return f"rollback: {watch.message} \n"
    named = f"Service {reference} converged" if call.profile.cli_names_converged else "Service converged"
    return f"verify: {named} \n"


class _Watch:
    """The state of one wait; lives as long as the command."""

    def __init__(self, call: Call, handle: ServiceHandle) -> None:
        self.call = call
        self.handle = handle
        self.deadline_ns = call.now_ns + PATIENCE_NS
        self.stable_since_ns: int | None = None
        self.finished = False
        self.paused = ""
        self.rolling_back = False
        self.rolled_back = False
        self.message = ""
        self.note = ""
        self.picture = Progress(0, 0, ())

    @property
    def is_job(self) -> bool:
        return isinstance(self.handle.record.spec.mode, (ReplicatedJob, GlobalJob))

    def look(self) -> None:
        record = self.handle.record
        tasks = [task.record for task in self.handle.tasks()]
        down = [node.id for node in self.call.host.nodes.list() if node.record.status.state is NodeState.DOWN]
        self.picture = progress(record, _current(record, tasks), down)
        self._update_status(record)
        if self.is_job:
            self.finished = self.picture.converged
        elif self.picture.converged and self._waited_for_tasks(record):
            self._settle(record)
        elif self.stable_since_ns is not None:
            self.stable_since_ns = None
            self.note = "verify: Detected task failure \n"

    def _waited_for_tasks(self, record: Service) -> bool:
        """A global service has no tasks in the very first moment; that is not convergence."""
        return bool(self.picture.wanted) or not isinstance(record.spec.mode, GlobalMode)

    def _settle(self, record: Service) -> None:
        config = with_defaults(record.spec).update
        monitor_ns = (config.monitor_ns if config else None) or 0
        if self.stable_since_ns is None:
            self.stable_since_ns = self.call.now_ns
        self.finished = self.call.now_ns - self.stable_since_ns >= monitor_ns

    def _update_status(self, record: Service) -> None:
        status = record.update_status
        if status is None:
            return
        self.rolling_back = status.state in _ROLLING
        self.rolled_back = status.state is UpdateState.ROLLBACK_COMPLETED
        self.message = status.message
        if status.state is UpdateState.ROLLBACK_STARTED:
            self.note = f"rollback: {status.message} \n"
        if status.state in _PAUSED:
            self.paused = f"service {_PAUSED[status.state]} paused: {status.message}\n"

    def screen(self, verdict: str) -> str:
        """The terminal's last picture: every line ends in a blank, as redrawn lines do."""
        if self.is_job:
            done, wanted = self.picture.done, self.picture.wanted
            return f"job progress: {done} out of {wanted} complete \n{verdict}"
        note = self.note if self.rolling_back else ""
        overall = self.picture.overall(rolling_back=self.rolling_back)
        lines = "".join(f"{line} \n" for line in self.picture.lines)
        return f"{note}{overall} \n{lines}{verdict}"


def _current(record: Service, tasks: list[Task]) -> list[Task]:
    """The tasks made from the present spec (the engine's ``_up-to-date`` filter)."""
    return [
        task for task in tasks if task.spec_version == record.spec_version or task.spec == record.spec.task
    ]

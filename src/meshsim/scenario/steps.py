"""Room scenario: when something is done: at a moment, again and again, or when something has become true.

Comes in: ``at("10s")``, ``every("1m")``, ``when(running("web", 3))``. Goes out: moments with verbs, whose
results are steps: ``at("10s").fail("host02")``. Steps are data; the stage takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen

from meshsim.cluster import Cluster
from meshsim.errors import BadValue
from meshsim.model.frozen import Frozen
from meshsim.scenario.faults import (
    ACTIONS,
    Action,
    Availability,
    Crash,
    Do,
    Fail,
    Heal,
    Partition,
    Recover,
    Remove,
    Scale,
    SetHealth,
    StartEngine,
    StopEngine,
    Update,
    manager,
)
from meshsim.scenario.fields import Written, duration, nanoseconds, record, text, value_text, whole, written
from meshsim.units import duration_text

__all__ = ["CONDITIONS", "Moment", "Running", "Step", "at", "every", "plan", "running", "when"]

#: a condition: called with the cluster, true when the step is due
Condition: TypeAlias = Callable[[Cluster], bool]


@written
class Running(Written):
    """True while at least (and at most) so many tasks of a service are wanted running and seen running."""

    service: str = text()
    at_least: int = whole(1)
    at_most: int | None = whole(None)

    def __call__(self, cluster: Cluster) -> bool:
        """Whether it is so now."""
        count = manager(cluster).services.get(self.service).running
        return count >= self.at_least and (self.at_most is None or count <= self.at_most)


#: the word that stands for each in a text
CONDITIONS: dict[str, type] = {"running": Running}


def _moment(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and value.startswith("-"):
        raise BadValue(f"a step cannot be in the past: {value}", value)
    if isinstance(value, int) and value < 0:
        raise BadValue(f"a step cannot be in the past: {value} ns", str(value))
    return nanoseconds(value)


def _condition(value: Any) -> Condition | None:
    if value is not None and not callable(value):
        raise BadValue(f"expected a condition, not {value_text(value)}", str(value))
    return value  # type: ignore[no-any-return]


@written
class Step(Written):
    """Something done during the scenario.

    Args:
        do: the action.
        at: once, so long after the start.
        every: again and again, first after one such time.
        when: once, as soon as the condition is found true; it is looked at every 100 ms.
    """

    do: Action = record(ACTIONS)
    at_ns: int | None = field(default=None, converter=_moment, alias="at", metadata={"write": duration_text})
    every_ns: int | None = duration("every", None)
    when: Condition | None = record(CONDITIONS, None, convert=_condition)

    def __attrs_post_init__(self) -> None:
        if sum(each is not None for each in (self.at_ns, self.every_ns, self.when)) != 1:
            raise BadValue("a step needs one of at, every and when")
        if self.every_ns == 0:
            raise BadValue("a step cannot be taken every 0s")

    def __str__(self) -> str:
        if self.at_ns is not None:
            return f"at {duration_text(self.at_ns)}: {self.do}"
        return (
            f"every {duration_text(self.every_ns)}: {self.do}"
            if self.every_ns
            else f"when {self.when}: {self.do}"
        )


@frozen(slots=True)
class Moment(Frozen):
    """When; its verbs say what."""

    at: str | int | None = None
    every: str | int | None = None
    when: Condition | None = None

    def do(self, action: Action | Callable[[Cluster], object]) -> Step:
        """An action, or any callable that takes the cluster."""
        found = action if hasattr(action, "apply") else Do(action)
        return Step(found, at=self.at, every=self.every, when=self.when)

    def fail(self, host: str) -> Step:
        """Power cut."""
        return self.do(Fail(host))

    def recover(self, host: str) -> Step:
        """Power is back."""
        return self.do(Recover(host))

    def stop_engine(self, host: str) -> Step:
        """End a machine's engine in order."""
        return self.do(StopEngine(host))

    def start_engine(self, host: str) -> Step:
        """Start it again."""
        return self.do(StartEngine(host))

    def partition(self, *sides: Sequence[str]) -> Step:
        """Cut the network into sides."""
        return self.do(Partition(sides))

    def heal(self) -> Step:
        """Join the sides again."""
        return self.do(Heal())

    def drain(self, host: str) -> Step:
        """Take a node out of service."""
        return self.do(Availability(host, "drain"))

    def pause(self, host: str) -> Step:
        """Give a node no new tasks."""
        return self.do(Availability(host, "pause"))

    def activate(self, host: str) -> Step:
        """Put a node back into service."""
        return self.do(Availability(host, "active"))

    def scale(self, service: str, replicas: int) -> Step:
        """Ask for so many tasks."""
        return self.do(Scale(service, replicas))

    def update(self, service: str, **flags: Any) -> Step:
        """Change a service; the flags of ``docker service update``."""
        return self.do(Update(service, **flags))

    def remove(self, service: str) -> Step:
        """Remove a service."""
        return self.do(Remove(service))

    def crash(self, service: str, slot: int = 1, exit_code: int = 1) -> Step:
        """Let the program of one task end."""
        return self.do(Crash(service, slot, exit_code))

    def set_health(self, service: str, slot: int = 1, verdict: str = "unhealthy") -> Step:
        """Let the health checks of one task find something else from now on."""
        return self.do(SetHealth(service, slot, verdict))


def at(moment: str | int) -> Moment:
    """Once, so long after the start.

    >>> print(at("10s").fail("host02"))
    at 10s: Fail(host='host02')
    """
    return Moment(at=moment)


def every(gap: str | int) -> Moment:
    """Again and again, first after one such time.

    >>> print(every("1m").scale("web", 3))
    every 1m0s: Scale(service='web', replicas=3)
    """
    return Moment(every=gap)


def when(condition: Condition) -> Moment:
    """Once, as soon as the condition is found true."""
    return Moment(when=condition)


def running(service: str, at_least: int = 1, at_most: int | None = None) -> Running:
    """A condition on the tasks of a service.

    >>> print(when(running("web", 3)).heal())
    when Running(service='web', at_least=3, at_most=None): Heal()
    """
    return Running(service, at_least, at_most)


def plan(faults: Iterable[tuple[Any, ...]]) -> tuple[Step, ...]:
    """A plan of faults as plain rows ``(moment, verb, *names)``: easy to generate, and to shrink.

    >>> [str(step) for step in plan([("12s", "fail", "host02"), ("40s", "recover", "host02")])]
    ["at 12s: Fail(host='host02')", "at 40s: Recover(host='host02')"]

    Raises:
        BadValue: no such verb.
    """
    steps = []
    for moment, verb, *names in faults:
        if verb not in VERBS:
            raise BadValue(f"no such verb: {verb}; there are {', '.join(VERBS)}", str(verb))
        steps.append(getattr(at(moment), verb)(*names))
    return tuple(steps)


#: what a plan of faults may say
VERBS = (
    "fail", "recover", "stop_engine", "start_engine", "partition", "heal", "drain", "pause", "activate",
    "scale", "remove", "crash", "set_health",
)  # fmt: skip

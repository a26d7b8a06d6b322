"""Room scenario: what can be done to a swarm while it runs: faults and orders, as data.

Comes in: names. Goes out: frozen actions that do one verb of the facade when their time has come. Rules of
this file: an action is done at one instant and steps no time; one the swarm refuses is an event in the
report.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import field, frozen

from meshsim.cluster import Cluster, Host, TaskHandle
from meshsim.errors import BadValue, NotFound
from meshsim.model.frozen import FrozenDict
from meshsim.model.states import TaskState
from meshsim.scenario.fields import Written, choice, plain, text, value_text, whole, written

__all__ = [
    "ACTIONS",
    "Action",
    "Availability",
    "Crash",
    "Do",
    "Fail",
    "Heal",
    "Partition",
    "Recover",
    "Remove",
    "Scale",
    "SetHealth",
    "StartEngine",
    "StopEngine",
    "Update",
]


class Action(Protocol):
    """What a step does."""

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""


def manager(cluster: Cluster) -> Host:
    """A manager who can be asked: the first that runs.

    Raises:
        NotFound: none runs.
    """
    for host in cluster.hosts.values():
        if host.engine.running and host.member is not None and host.member.is_manager:
            return host
    raise NotFound("no manager is running")


def _sides(value: Any) -> tuple[tuple[str, ...], ...]:
    several = isinstance(value, list | tuple)
    wrong = [side for side in value if not isinstance(side, list | tuple)] if several else [value]
    if wrong:
        text = value_text(wrong[0])
        raise BadValue(f"expected a list of sides, each a list of names, not {text}", str(wrong[0]))
    return tuple(tuple(map(str, side)) for side in value)


@written
class Fail(Written):
    """Power cut: nothing on the host runs any more, nobody is told."""

    host: str = text()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.host(self.host).fail()


@written
class Recover(Written):
    """Power is back."""

    host: str = text()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.host(self.host).recover()


@written
class StopEngine(Written):
    """``systemctl stop docker``: tasks are stopped in order, the machine runs on."""

    host: str = text()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.host(self.host).stop_engine()


@written
class StartEngine(Written):
    """``systemctl start docker``."""

    host: str = text()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.host(self.host).start_engine()


@written
class Partition(Written):
    """The network is cut into sides; who is named on none stands on one more."""

    sides: tuple[tuple[str, ...], ...] = field(converter=_sides)

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.partition(*self.sides)


@written
class Heal(Written):
    """The sides of a partition are joined again."""

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        cluster.heal()


@written
class Availability(Written):
    """``docker node update --availability``: ``drain``, ``pause`` or ``active``."""

    host: str = text()
    availability: str = choice("drain", "pause", "active")

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        manager(cluster).nodes.get(self.host).update(availability=self.availability)


@written
class Scale(Written):
    """``docker service scale``."""

    service: str = text()
    replicas: int = whole()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        manager(cluster).services.get(self.service).scale(self.replicas)


def _flags(value: Any) -> FrozenDict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(f"expected a mapping, not {value_text(value)}", str(value))
    return plain(value)  # type: ignore[no-any-return]


@frozen(slots=True, init=False)
class Update(Written):
    """``docker service update``; the flags with underscores for dashes."""

    service: str = text()
    flags: FrozenDict[str, Any] = field(factory=FrozenDict, converter=_flags, metadata={"rest": True})

    def __init__(self, service: str, **flags: Any) -> None:
        self.__attrs_init__(service, flags)

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        manager(cluster).services.get(self.service).update(**self.flags)


@written
class Remove(Written):
    """``docker service rm``."""

    service: str = text()

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        manager(cluster).services.get(self.service).remove()


def _running(cluster: Cluster, service: str, slot: int) -> TaskHandle:
    """The task that runs in a slot.

    Raises:
        NotFound: none does.
    """
    for handle in manager(cluster).services.get(service).tasks():
        if handle.slot == slot and handle.state is TaskState.RUNNING:
            return handle
    raise NotFound(f"no task of {service} runs in slot {slot}")


@written
class Crash(Written):
    """The program of one running task ends by itself."""

    service: str = text()
    slot: int = whole(1, least=1)
    exit_code: int = whole(1)

    def apply(self, cluster: Cluster) -> None:
        """Do it now.

        Raises:
            NotFound: no task runs in that slot.
        """
        _running(cluster, self.service, self.slot).crash(self.exit_code)


@written
class SetHealth(Written):
    """What the health checks of one running task find from now on: ``healthy`` or ``unhealthy``."""

    service: str = text()
    slot: int = whole(1, least=1)
    verdict: str = choice("unhealthy", "healthy")

    def apply(self, cluster: Cluster) -> None:
        """Do it now.

        Raises:
            NotFound: no task runs in that slot.
            InvalidParameter: the service has no health check.
        """
        _running(cluster, self.service, self.slot).set_health(self.verdict)


def _code(value: Any) -> Any:
    if not callable(value):
        raise BadValue(f"expected an action or a callable, not {value_text(value)}", str(value))
    return value


@written
class Do(Written):
    """Code of one's own: called with the cluster; it must not step time. Not for texts."""

    what: Callable[[Cluster], object] = field(converter=_code)

    def apply(self, cluster: Cluster) -> None:
        """Do it now."""
        self.what(cluster)


#: the word that stands for each in a text
ACTIONS: dict[str, type] = {
    "fail": Fail,
    "recover": Recover,
    "stop_engine": StopEngine,
    "start_engine": StartEngine,
    "partition": Partition,
    "heal": Heal,
    "availability": Availability,
    "scale": Scale,
    "update": Update,
    "remove": Remove,
    "crash": Crash,
    "set_health": SetHealth,
    "do": Do,
}

"""Room testing: a state machine that drives a whole cluster, to which people add invariants of their own.

Comes in: a configuration, as values of the class. Goes out: a hypothesis state machine whose rules are what
happens to a swarm: services come, change and go, machines fail, clients call. Rules of this file: a refusal
of the swarm is no failure, but must leave the store as it was; after each rule every room's invariants are
checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshsim.cluster import Host, Response, ServiceHandle
from meshsim.errors import ApiError, ConnectionFailed
from meshsim.testing.swarms import ready_swarm
from meshsim.units import SECOND

__all__ = ["Answer", "ClusterMachine"]

_FIRST_PORT: Final = 81


@frozen
class Answer:
    """What a request of the machine's client came to.

    Attributes:
        service: whose port was called.
        entry: the host that was called.
        response: the answer; None when there was none.
        failure: what happened instead; None when there was an answer.
    """

    service: str
    entry: str
    response: Response | None
    failure: ConnectionFailed | None


def _hosts(machine: ClusterMachine) -> st.SearchStrategy[str]:
    return st.sampled_from(list(machine.cluster.hosts))


def _others(machine: ClusterMachine) -> st.SearchStrategy[str]:
    return st.sampled_from(list(machine.cluster.hosts)[1:])


def _services(machine: ClusterMachine) -> st.SearchStrategy[str]:
    return st.sampled_from(list(machine.services))


def _free(machine: ClusterMachine) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name in machine.names if name not in machine.services])


def _replicas(machine: ClusterMachine) -> st.SearchStrategy[int]:
    return st.integers(0, machine.max_replicas)


HOSTS = st.runner().flatmap(_hosts)
OTHERS = st.runner().flatmap(_others)
SERVICES = st.runner().flatmap(_services)
FREE = st.runner().flatmap(_free)
REPLICAS = st.runner().flatmap(_replicas)


def _may_fail(machine: ClusterMachine) -> bool:
    return machine.faults and len(machine.cluster.hosts) > 1


def _has_services(machine: ClusterMachine) -> bool:
    return bool(machine.services)


class ClusterMachine(RuleBasedStateMachine):
    """Anything that may happen to a swarm, in any order.

    Subclass it, set what shall be different, add invariants, and give its ``TestCase`` to pytest::

        class Mine(ClusterMachine):
            options = {"balancer": LeastBytes}

            @invariant()
            def nobody_is_refused_when_all_is_quiet(self):
                if self.settled and self.answers: ...

        TestMine = Mine.TestCase

    The first host is never failed, cut off or drained: there is always a manager to ask.

    Attributes:
        managers, workers: how many hosts, named host01, host02 ..., managers first.
        seed: of the cluster.
        options: others of :class:`meshsim.Cluster`.
        names: of the services there may be; each publishes a port of its own, from 81 on.
        image: of the services.
        max_replicas: of each service.
        faults: whether machines fail, and the network.
        traffic: whether clients call.
        cluster: the cluster.
        services: live handles, by name.
        ports: the published port of each name.
        answers: what the requests so far came to.
        settled: whether nothing has been done since the cluster was last let settle.
    """

    managers: ClassVar[int] = 1
    workers: ClassVar[int] = 2
    seed: ClassVar[int | str] = 0
    options: ClassVar[Mapping[str, Any]] = {}
    names: ClassVar[Sequence[str]] = ("web", "api")
    image: ClassVar[str] = "nginx"
    max_replicas: ClassVar[int] = 4
    faults: ClassVar[bool] = True
    traffic: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.cluster = ready_swarm(self.managers, self.workers, self.seed, **self.options)
        self.client = self.cluster.add_machine("client")
        self.services: dict[str, ServiceHandle] = {}
        self.ports = {name: _FIRST_PORT + number for number, name in enumerate(self.names)}
        self.answers: list[Answer] = []
        self.settled = True

    @property
    def manager(self) -> Host:
        """The first host, a manager that never fails."""
        return next(iter(self.cluster.hosts.values()))

    def attempt(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Ask the swarm for something it may refuse; a refusal must change nothing.

        Returns:
            What the call returns, or None when it was refused.
        """
        self.settled = False
        store = self.cluster.swarms[0].store
        version = store.version
        try:
            return call(*args, **options)
        except ApiError:
            changed = store.version != version
        assert not changed, "a refusal changed the store"
        return None

    # -- services

    @precondition(lambda self: len(self.services) < len(self.names))
    @rule(name=FREE, replicas=REPLICAS)
    def create(self, name: str, replicas: int) -> None:
        """``docker service create``."""
        made = self.attempt(
            self.manager.services.create,
            self.image,
            name=name,
            replicas=replicas,
            publish=[f"{self.ports[name]}:80"],
        )
        if made is not None:
            self.services[name] = made

    @precondition(_has_services)
    @rule(name=SERVICES, replicas=REPLICAS)
    def scale(self, name: str, replicas: int) -> None:
        """``docker service scale``."""
        self.attempt(self.services[name].scale, replicas)

    @precondition(_has_services)
    @rule(name=SERVICES)
    def redeploy(self, name: str) -> None:
        """``docker service update --force``."""
        self.attempt(self.services[name].update, force=True)

    @precondition(_has_services)
    @rule(name=SERVICES)
    def remove(self, name: str) -> None:
        """``docker service rm``."""
        store = self.cluster.swarms[0].store
        self.attempt(self.services[name].remove)
        if self.services[name].id not in store.services:
            del self.services[name]

    @precondition(_has_services)
    @rule(name=SERVICES, exit_code=st.sampled_from([1, 0]))
    def crash(self, name: str, exit_code: int) -> None:
        """The program of the first running task ends by itself; of none, if none runs."""
        self.settled = False
        for task in self.services[name].tasks():
            container = self.cluster.endpoints.get(task.id)
            if container is not None and container.running:
                task.crash(exit_code)
                return

    @precondition(lambda self: len(self.cluster.hosts) > 1)
    @rule(host=OTHERS, availability=st.sampled_from(["drain", "active", "pause"]))
    def availability(self, host: str, availability: str) -> None:
        """``docker node update --availability``."""
        self.attempt(self.manager.nodes.get(host).update, availability=availability)

    # -- faults

    @precondition(_may_fail)
    @rule(host=OTHERS)
    def fail(self, host: str) -> None:
        """Power cut."""
        self.settled = False
        self.cluster.host(host).fail()

    @precondition(_may_fail)
    @rule(host=OTHERS)
    def recover(self, host: str) -> None:
        """Power is back."""
        self.settled = False
        self.cluster.host(host).recover()

    @precondition(_may_fail)
    @rule(host=OTHERS)
    def cut_off(self, host: str) -> None:
        """The network of one host is cut."""
        self.settled = False
        self.cluster.partition([host])

    @precondition(_may_fail)
    @rule()
    def heal(self) -> None:
        """The network is whole again."""
        self.settled = False
        self.cluster.heal()

    # -- traffic and time

    @precondition(lambda self: self.traffic and self.services)
    @rule(name=SERVICES, entry=HOSTS)
    def call(self, name: str, entry: str) -> None:
        """A client outside the swarm asks for a page; :attr:`answers` keeps what it got."""
        try:
            answer = Answer(name, entry, self.client.get(f"{entry}:{self.ports[name]}"), None)
        except ConnectionFailed as failure:
            answer = Answer(name, entry, None, failure)
        self.answers.append(answer)

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.cluster.run_for(seconds * SECOND)

    @rule()
    def settle(self) -> None:
        """Wait until nothing moves."""
        self.cluster.settle()
        self.settled = True

    # -- what always holds

    @invariant()
    def everything_adds_up(self) -> None:
        """Every room's own invariants."""
        self.cluster.check()

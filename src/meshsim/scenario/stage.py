"""Room scenario: a scenario put on stage: a cluster is built, clients and steps are let loose.

Comes in: a scenario that is right, and a seed. Goes out: a report. Rules of this file: time steps only in
:meth:`Stage.set_up` and :meth:`Stage.play`; what happens in between happens in timers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from meshsim.cluster import Cluster, Container, Host
from meshsim.dataplane.opened import Client as Place
from meshsim.errors import BadScenario, MeshsimError
from meshsim.model.specs import Resources
from meshsim.profile import Profile
from meshsim.scenario.plans import HostPlan, NetworkPlan, ServicePlan
from meshsim.scenario.records import NEVER, REQUEST_FIELDS, Event, Recorder, Requests, TaskRecord
from meshsim.scenario.report import Report
from meshsim.scenario.scenario import Scenario
from meshsim.scenario.steps import Step
from meshsim.scenario.traffic.caller import ANSWER, Caller
from meshsim.scenario.traffic.clients import Client
from meshsim.scenario.traffic.proxies import Proxy
from meshsim.scenario.traffic.servers import Queue, Queues
from meshsim.sim import Timer
from meshsim.units import parse_bytes, parse_cpus

__all__ = ["Stage", "perform"]

#: how often a condition is looked at
_LOOK_NS = 100_000_000
#: how often it is looked whether a scenario of no given length is over
_GLANCE_NS = 1_000_000_000
#: longest a run goes on to see requests through
_AFTERMATH_NS = 10_000 * 3_600_000_000_000
#: of a row
_ended_ns = itemgetter(REQUEST_FIELDS.index("ended_ns"))
#: the image whose containers do nothing but be there, for clients inside a network
_CLIENT_IMAGE = "alpine"


class Stage(Cluster):
    """A cluster on which a scenario is played.

    Attributes:
        scenario: what is played.
        recorder: what has happened so far.
        start_ns: when the scenario began; before, the swarm was set up.
        lasted_ns: how long it went on.
        callers: the clients at work.
    """

    def __init__(self, scenario: Scenario, seed: int | str) -> None:
        makers = {_image(s.name): Queues(s.server) for s in scenario.services if s.server is not None}
        proxies = {_image(s.name): s.proxy for s in scenario.services if s.proxy is not None}
        proxies |= {_image(f"host/{h.name}"): h.proxy for h in scenario.hosts if h.proxy is not None}
        super().__init__(
            seed,
            profile=Profile(scenario.engine, **scenario.profile),
            ties="seeded" if scenario.ties == "seeded" else "joined",
            balancer=scenario.balancer,
            images={**scenario.images, **makers, **proxies},
        )
        for name, maker in makers.items():
            maker.clock = self.clock
            maker.rng = self.streams[f"traffic/{name}"]
        self.scenario = scenario
        self.recorder = Recorder()
        self.start_ns = 0
        self.lasted_ns = 0
        self._steps_to_come = 0
        self.callers: list[Caller] = []
        self._ready_ns = max((proxy.ready_ns for proxy in proxies.values()), default=0)
        self._proxies: list[Proxy] = []
        self._names: dict[str, str] = {}
        self._repeating: list[Timer] = []

    # -- before the start

    def set_up(self) -> None:
        """Found the swarm, create networks and services, and wait until all is quiet."""
        scenario = self.scenario
        hosts = [self._add(plan) for plan in scenario.hosts]
        for name in scenario.machines:
            self.add_machine(name)
        first = hosts[0]
        first.swarm.init()
        for plan, host in zip(scenario.hosts[1:], hosts[1:], strict=True):
            if plan.proxy is not None:
                continue
            role = "manager" if plan.manager else "worker"
            host.swarm.join(f"{first.name}:2377", token=first.swarm.join_token(role))
        for plan in scenario.hosts:
            if plan.labels:
                first.nodes.get(plan.name).update(label_add=dict(plan.labels))
        for number, network in enumerate(scenario.networks):
            with _refusals("networks", number):
                self._create_network(first, network)
        for number, service in enumerate(scenario.services):
            with _refusals("services", number):
                self._create_service(first, service)
        for plan, host in zip(scenario.hosts, hosts, strict=True):
            if plan.proxy is not None:
                image = _image(f"host/{plan.name}")
                host.containers.run(image, name=plan.name, publish=plan.publish, detach=True)
        self.settle()
        self.run_for(self._ready_ns)
        places = [self._place(client) for client in scenario.clients]
        self.settle()
        for client, place in zip(scenario.clients, places, strict=True):
            rng = self.streams[f"traffic/{client.name}"]
            self.callers.append(Caller(client, self, place, self.recorder, rng))

    def _add(self, plan: HostPlan) -> Host:
        resources = None
        if plan.cpus or plan.memory:
            resources = Resources(parse_cpus(plan.cpus or "2"), parse_bytes(plan.memory or "2G"))
        return self.add_host(plan.name, plan.address or None, resources=resources)

    def _create_network(self, first: Host, network: NetworkPlan) -> None:
        first.networks.create(
            network.name,
            driver="overlay",
            attachable=network.attachable,
            internal=network.internal,
            subnet=network.subnet or (),
        )

    def _create_service(self, first: Host, service: ServicePlan) -> None:
        own = service.server or service.proxy
        image = _image(service.name) if own else service.image or service.name
        handle = first.services.create(image, name=service.name, **service.flags)
        self._names[handle.id] = service.name

    def _place(self, client: Client) -> Place:
        """Where a client sits: a machine, or a container of its own inside a network."""
        if not client.network:
            return self.machines[client.at or client.name].way_out
        host = self.host(client.at or self.scenario.hosts[0].name)
        inside = host.containers.run(
            _CLIENT_IMAGE, command="sleep 100d", name=client.name, network=client.network, detach=True
        )
        return inside.namespace

    # -- from the start to the end

    def play(self) -> None:
        """Let clients and steps loose; then see what is under way to its end."""
        clock, scenario = self.clock, self.scenario
        self.start_ns = clock.now_ns
        end_ns = None if scenario.lasts_ns is None else self.start_ns + scenario.lasts_ns
        for step in scenario.steps:
            self._plan(step)
        addresses = {name: machine.address for name, machine in self.machines.items()}
        for caller in self.callers:
            caller.start(self.start_ns, end_ns, addresses)
        if end_ns is None:
            while not self._done():
                self.run_until(self._next_glance_ns())
        else:
            self.run_until(end_ns)
        self.lasted_ns = clock.now_ns - self.start_ns
        for timer in self._repeating:
            timer.cancel()
        while not self._quiet():
            self.step_until(self._answered, _AFTERMATH_NS)
            self.run_until(max(clock.now_ns, self._ahead_ns))
        for caller in self.callers:
            caller.finish(clock.now_ns)
        for proxy in self._proxies:
            proxy.finish(clock.now_ns)
        self.recorder.rows.sort(key=_ended_ns)

    def _done(self) -> bool:
        """Whether nothing of the scenario is still to come or under way."""
        if self._steps_to_come:
            return False
        for caller in self.callers:
            if caller.coming:
                return False
        return self._quiet()

    def _next_glance_ns(self) -> int:
        """When it can be over at the earliest: so many whole glances after the start, all known ends over."""
        soonest_ns = max(self._ahead_ns, self.clock.now_ns + 1) - self.start_ns
        return self.start_ns + -(-soonest_ns // _GLANCE_NS) * _GLANCE_NS

    def _answered(self) -> bool:
        return not any(caller.waiting for caller in self.callers)

    def _quiet(self) -> bool:
        now_ns = self.clock.now_ns
        return not any(caller.waiting for caller in self.callers) and self._ahead_ns <= now_ns

    @property
    def _ahead_ns(self) -> int:
        """When all will have ended of which the end is known already."""
        asking: list[Caller | Proxy] = [*self.callers, *self._proxies]
        return max((each.ahead_ns for each in asking), default=0)

    def _plan(self, step: Step) -> None:
        clock = self.clock
        if step.at_ns is not None:
            self._steps_to_come += 1
            clock.call_at(self.start_ns + step.at_ns, self._take_once, step, name="scenario step")
        elif step.every_ns is not None:
            self._repeating.append(
                clock.call_every(step.every_ns, self._take, step, background=True, name="scenario step")
            )
        else:
            number = len(self._repeating)
            timer = clock.call_every(
                _LOOK_NS, self._look, step, number, background=True, name="scenario condition"
            )
            self._repeating.append(timer)

    def _look(self, step: Step, number: int) -> None:
        """Take the step when its condition is true."""
        assert step.when is not None
        try:
            due = step.when(self)
        except MeshsimError:
            due = False  # nobody can be asked just now
        if due:
            self._repeating[number].cancel()
            self._take(step)

    def _take_once(self, step: Step) -> None:
        self._steps_to_come -= 1
        self._take(step)

    def _take(self, step: Step) -> None:
        """Do what a step says; a swarm that refuses is an event too."""
        self._note("step", str(step.do))
        try:
            step.do.apply(self)
        except MeshsimError as error:
            self._note("refused", f"{step.do}: {error}")

    def _note(self, what: str, text: str) -> None:
        self.recorder.events.append(Event(self.clock.now_ns, what, text))

    # -- what the callers ask

    @property
    def heedless(self) -> bool:
        """Whether balancers never look at how many connections are open: those that just take turns."""
        return self.balancer in (None, "rr", "wrr")

    def cut(self, machine: str, entry: str, node: str) -> bool:
        """Whether answers do not get through now: a machine on the way is not reached."""
        links = self.links
        if not links.version:
            return False
        via = entry if entry in self.machines else self.machine_at(entry) or machine
        return not (links.reaches(machine, via) and links.reaches(via, node))

    # -- faults: what is under way must notice

    def _wake(self) -> None:
        for caller in self.callers:
            caller.wake()

    def fail(self, host: Host) -> None:
        """Power cut."""
        self._wake()
        super().fail(host)

    def partition(self, *sides: Sequence[str]) -> None:
        """Cut the network."""
        self._wake()
        super().partition(*sides)

    # -- what containers do

    def container_changed(self, host: str, container: Container, what: str, *facts: Any) -> None:
        """Note a step in a container's life; requests inside a task that dies die with it."""
        super().container_changed(host, container, what, *facts)
        if what == "start" and (container.service_id or isinstance(container.handler, Proxy)):
            self._started(host, container)
        elif what in ("die", "lost") and container.endpoint_id in self.recorder.tasks:
            self._died(host, container)

    def _started(self, host: str, container: Container) -> None:
        service = self._names.get(container.service_id, "") if container.service_id else container.name
        self.recorder.tasks[container.endpoint_id] = TaskRecord(
            container.endpoint_id, container.name, host, service, container.started_ns
        )
        self._note("start", f"{container.name} on {host}")
        handler = container.handler
        if isinstance(handler, Queue):
            handler.factor = handler.server.slower.get(host, 1.0)
        elif isinstance(handler, Proxy):
            handler.recorder = self.recorder
            self._proxies.append(handler)

    def _died(self, host: str, container: Container) -> None:
        endpoint = container.endpoint_id
        task = self.recorder.tasks[endpoint]
        now_ns = self.clock.now_ns
        self.recorder.tasks[endpoint] = TaskRecord(*_head(task), now_ns)
        self._note("die", f"{task.task} on {host}")
        silent = host in self.links.down
        self._wake()
        # What is inside a task is what waits for its answer; deaths are rare, so nobody keeps a list.
        for timer in self.clock.pending():
            if timer.name == ANSWER and timer.args[0][13] == endpoint and timer.args[0][10] > now_ns:
                timer.cancel()
                caller: Caller = timer.callback.__self__  # type: ignore[attr-defined]
                (caller.silence if silent else caller.abort)(*timer.args)

    # -- after the end

    def report(self) -> Report:
        """What the run has shown, expectations judged."""
        scenario, recorder, start_ns = self.scenario, self.recorder, self.start_ns
        tasks = (
            TaskRecord(
                *_head(t)[:4],
                max(0, t.started_ns - start_ns),
                t.ended_ns if t.ended_ns == NEVER else t.ended_ns - start_ns,
            )
            for t in recorder.tasks.values()
            if t.ended_ns == NEVER or t.ended_ns >= start_ns
        )
        events = (Event(e.at_ns - start_ns, e.what, e.text) for e in recorder.events if e.at_ns >= start_ns)
        report = Report(
            scenario.name,
            self.seed,
            self.lasted_ns,
            Requests(recorder, start_ns),
            tuple(recorder.connections(start_ns)),
            tuple(tasks),
            tuple(events),
            concurrency={s.name: s.server.concurrency for s in scenario.services if s.server is not None},
        )
        verdicts = tuple(expectation.judge(report) for expectation in scenario.expect)
        return report.with_verdicts(verdicts)


@contextmanager
def _refusals(*path: str | int) -> Iterator[None]:
    """What the swarm refuses while it is set up is the scenario's fault."""
    try:
        yield
    except MeshsimError as error:
        sentence = " ".join((getattr(error, "description", "") or str(error)).split())
        raise BadScenario(f"the swarm refuses it: {sentence}", path) from None


def _head(task: TaskRecord) -> tuple[str, str, str, str, int]:
    return task.id, task.task, task.node, task.service, task.started_ns


def _image(service: str) -> str:
    """The private image of a service that has a server or is a proxy."""
    return f"scenario/{service}"


def perform(scenario: Scenario, seed: int | str) -> Report:
    """Play a scenario from beginning to end."""
    stage = Stage(scenario, seed)
    stage.set_up()
    stage.play()
    return stage.report()

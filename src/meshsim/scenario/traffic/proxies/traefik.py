"""Room scenario: Traefik, which polls the swarm for services and tasks.

Comes in: requests, and what the engine's API says each time it is asked (the container must run on a
manager). Goes out: requests to tasks or to virtual addresses, over connections that are kept. Rules of this
file: between two polls nothing is learnt; labels are those of services; what labels can say beyond routing by
host and path, a port, a network and ``lbswarm`` raises ``NotModelled``.

Source: traefik pkg/provider/docker (pswarm.go, shared.go, config.go), pkg/server/service/loadbalancer/wrr,
pkg/server/aggregator and configurationwatcher.go (throttle), pkg/server/service/proxy.go (status codes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from meshsim.cluster import Reply, Request, ServiceHandle
from meshsim.errors import ApiError, BadValue
from meshsim.model.objects import Attachment, Task, VirtualIP
from meshsim.model.states import TaskState
from meshsim.scenario.fields import Written, choice, duration, flag, text, written
from meshsim.scenario.traffic.clients import KeepAlive
from meshsim.scenario.traffic.proxies.base import Proxy, page
from meshsim.scenario.traffic.proxies.labels import Labels, Rule, read_labels
from meshsim.scenario.traffic.proxies.tries import Upstream
from meshsim.units import duration_text

__all__ = ["RunningTraefik", "Traefik", "Turns"]

#: Source: traefik pkg/config/static ForwardingTimeouts and ServersTransport, their defaults
DIAL_TIMEOUT_NS = 30_000_000_000
KEPT = KeepAlive(pool=200, idle="90s")
#: Source: cenkalti/backoff: first wait and growth of the provider's restarts, without their jitter
T = TypeVar("T")

FIRST_WAIT_NS, GROWTH, LONGEST_WAIT_NS = 500_000_000, 1.5, 60_000_000_000


@written
class Traefik(Written):
    """A configuration of the swarm provider; services are configured by their labels.

    It is also the image: ``Cluster(images={"traefik": Traefik(network="eg1")})``.

    Args:
        refresh: between two polls (``refreshSeconds``).
        throttle: least time between two changes of configuration (``providersThrottleDuration``).
        network: where servers are reached, unless a label says so.
        exposed_by_default: whether services without ``traefik.enable`` are served.
        unnamed: which network is taken when the named one is not there: the ``first`` or the ``last`` the
            task is on. Traefik takes any of a Go map.
    """

    refresh_ns: int = duration("refresh", "15s")
    throttle_ns: int = duration("throttle", "2s")
    network: str = text("")
    exposed_by_default: bool = flag(True)
    unnamed: str = choice("first", "last")

    def __attrs_post_init__(self) -> None:
        if not self.refresh_ns:
            raise BadValue("polls every 0s have no end")

    @property
    def ready_ns(self) -> int:
        """How long after its start it knows its servers: a poll after they have started."""
        return self.refresh_ns

    def __call__(self) -> RunningTraefik:
        """One more container."""
        return RunningTraefik(self)


class Turns(Generic[T]):
    """Weighted round robin by earliest deadline, all weights 1: Go's heap, ties included.

    >>> turns = Turns("abc")
    >>> "".join(turns.next() for _ in range(9))
    'acbcbabac'
    """

    __slots__ = ("_heap",)

    def __init__(self, items: Iterable[T]) -> None:
        self._heap: list[tuple[int, T]] = []
        for item in items:
            self._push(1, item)

    def next(self) -> T:
        """The one with the earliest deadline, which then gets a later one. O(log items)."""
        heap = self._heap
        heap[0], heap[-1] = heap[-1], heap[0]
        self._sink(len(heap) - 1)
        deadline, item = heap.pop()
        self._push(deadline + 1, item)
        return item

    def _push(self, deadline: int, item: T) -> None:
        heap = self._heap
        heap.append((deadline, item))
        child = len(heap) - 1
        while child and heap[child][0] < heap[(child - 1) // 2][0]:
            parent = (child - 1) // 2
            heap[parent], heap[child] = heap[child], heap[parent]
            child = parent

    def _sink(self, size: int) -> None:
        """Put the first of the first ``size`` in its place."""
        heap, parent = self._heap, 0
        while (child := 2 * parent + 1) < size:
            if child + 1 < size and heap[child + 1][0] < heap[child][0]:
                child += 1
            if heap[child][0] >= heap[parent][0]:
                return
            heap[parent], heap[child] = heap[child], heap[parent]
            parent = child


class Served(NamedTuple):
    """One router and the servers behind it: ``(name, address, port)`` each."""

    rule: Rule
    servers: tuple[tuple[str, str, int], ...]


class RunningTraefik(Proxy):
    """Traefik at work.

    Attributes:
        servers: of all services it serves.
        polls: how often it has asked the engine.
        reloads: how often its configuration has changed.
    """

    plan: Traefik

    def __init__(self, plan: Traefik) -> None:
        super().__init__(plan, DIAL_TIMEOUT_NS, KEPT)
        self.polls = 0
        self.reloads = 0
        self._found: tuple[Served, ...] = ()
        self._config: tuple[Served, ...] = ()
        self._turns: list[Turns[Upstream]] = []
        self._upstreams: dict[tuple[str, str, int], Upstream] = {}
        self._reload_ns: int | None = None
        self._wait_ns = FIRST_WAIT_NS
        self._said: tuple[str, ...] = ()

    def begin(self) -> None:
        """Poll at once, and from then on."""
        self._poll()

    # -- what the engine says

    def _poll(self) -> None:
        self.polls += 1
        complaints: list[str] = []
        try:
            self._found = tuple(self._read(complaints))
        except ApiError as error:
            complaints = [f"Provider error, retrying in {duration_text(self._wait_ns)}: {error}"]
            self.later(self._wait_ns, self._poll)
            self._wait_ns = min(int(self._wait_ns * GROWTH), LONGEST_WAIT_NS)
        else:
            self._wait_ns = FIRST_WAIT_NS
            self.later(self.plan.refresh_ns, self._poll)
            self._offer()
        if tuple(complaints) != self._said:
            self._said = tuple(complaints)
            for complaint in complaints:
                self.say(complaint)

    def _read(self, complaints: list[str]) -> Iterator[Served]:
        """Every router of every service, the longest rule first."""
        found: list[Served] = []
        for handle in self.host.services.list():
            try:
                labels = read_labels(handle.name, handle.record.spec.labels)
                if self.plan.exposed_by_default if labels.enable is None else labels.enable:
                    found += self._routers(handle, labels, complaints)
            except BadValue as error:
                complaints.append(f"service {handle.name}: {error}")
        return iter(sorted(found, key=_priority))

    def _routers(self, handle: ServiceHandle, labels: Labels, complaints: list[str]) -> Iterator[Served]:
        """The routers of one service; a virtual address, or a server per running task."""
        record, network = handle.record, labels.network or self.plan.network
        named: list[tuple[str, tuple[VirtualIP, ...] | tuple[Attachment, ...]]]
        named = [(handle.name, record.endpoint.virtual_ips if record.endpoint else ())]
        if not labels.lbswarm:
            named = [(_task_name(task), task.attachments) for task in _running(handle)]
        places = [(name, self._address(name, ways, network, complaints)) for name, ways in named if ways]
        if not places:
            return  # no running task; or lbswarm and no virtual address, as with dnsrr: Traefik drops it
        for router in labels.routers:
            port = labels.port_of(router)
            yield Served(router.rule, tuple((name, address, port) for name, address in places))

    def _address(
        self, name: str, ways: Sequence[Attachment | VirtualIP], network: str, complaints: list[str]
    ) -> str:
        """On the network that is wanted; on any when it is not there."""
        for way in ways if network else ():
            found = self.host.networks.find_swarm(way.network_id)
            if found is not None and network in (found.spec.name, found.id):
                return way.ip
        if network:
            complaints.append(
                f'Could not find network named "{network}" for container "{name}". '
                "Maybe you're missing the project's prefix in the label?"
            )
        return ways[0 if self.plan.unnamed == "first" else -1].ip

    # -- configuration

    def _offer(self) -> None:
        """Take a configuration that is new, at once or when the throttle allows it."""
        now_ns = self.clock.now_ns
        due_ns = now_ns if self._reload_ns is None else self._reload_ns + self.plan.throttle_ns
        if due_ns <= now_ns:
            self._reload()
        else:
            self.later(due_ns - now_ns, self._reload)

    def _reload(self) -> None:
        if self._found == self._config:
            return
        self._config, self._reload_ns = self._found, self.clock.now_ns
        self.reloads += 1
        self._turns = [Turns(self._shuffled(served.servers)) for served in self._config]
        used = dict.fromkeys(server for served in self._config for server in served.servers)
        self.servers = [self._upstream(server) for server in used]

    def _shuffled(self, servers: Sequence[tuple[str, str, int]]) -> list[Upstream]:
        """In the order in which they are asked: Traefik shuffles them at every change."""
        cluster, order = self.cluster, list(servers)
        if cluster.ties == "seeded":
            assert self.container is not None
            cluster.streams[f"traefik/{self.container.name}"].shuffle(order)
        return [self._upstream(server) for server in order]

    def _upstream(self, server: tuple[str, str, int]) -> Upstream:
        return self._upstreams.setdefault(server, Upstream(*server))

    # -- requests

    def answer(self, request: Request) -> Reply:
        """The next server of the first router whose rule fits."""
        number = next((n for n, served in enumerate(self._config) if served.rule.fits(request)), None)
        if number is None:
            return Reply("404 page not found\n", 404)
        sent = self.send(self._turns[number].next(), request._replace(forwarded_for=request.source))
        if sent.reply is None:
            return page(504 if sent.failure == "timeout" else 502, sent.took_ns)
        return sent.reply._replace(after_ns=sent.took_ns, exit_code=None)


def _priority(served: Served) -> int:
    return -len(served.rule.text)


def _running(handle: ServiceHandle) -> list[Task]:
    """The tasks the API lists as wanted running, of which Traefik keeps those that do run."""
    tasks = [task.record for task in handle.tasks()]
    live = [t for t in tasks if t.desired is TaskState.RUNNING and t.status.state is TaskState.RUNNING]
    return sorted(live, key=_id)


def _id(task: Task) -> str:
    return task.id


def _task_name(task: Task) -> str:
    return f"{task.shared.service_name}.{task.slot or task.id}"

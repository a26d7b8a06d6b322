"""Room cluster: one container on one machine.

Comes in: requests (answered by the image's handler), and the engine's orders to start and end. Goes out:
replies, and what ``docker ps`` and ``inspect`` need to know. Rule of this file: a container never steps
time; calls it makes to other containers happen at the same instant and their time is added to its reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from attrs import frozen

from meshsim.cluster.images import Handler, Image, Reply, Request
from meshsim.dns import ResolvConf, ResolvConfStyle, Server, container_resolv_conf
from meshsim.model.frozen import EMPTY, Frozen, FrozenDict, frozen_dict
from meshsim.model.objects import Attachment, Task
from meshsim.model.specs import PortConfig
from meshsim.sim import Clock, short
from meshsim.views.events import task_labels
from meshsim.views.shapes import LocalNetworkFacts

__all__ = ["NO_WISHES", "Caller", "Container", "ContainerState", "NameWishes"]

ContainerState: TypeAlias = Literal["created", "running", "exited"]


class Caller(Protocol):
    """What lets a container speak to others: the machine's engine."""

    def call_from(self, container: Container, target: str, payload: str) -> tuple[Reply, int]:
        """Ask ``name:port``; the reply and the virtual nanoseconds it took."""


@frozen(slots=True)
class NameWishes(Frozen):
    """What a container's user wants of its resolv.conf: ``--dns``, ``--dns-search``, ``--dns-option``."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def conf(self, listed: Sequence[Server], style: ResolvConfStyle) -> ResolvConf:
        """The file, on a machine with these servers."""
        return container_resolv_conf(
            servers=[server.address for server in listed],
            dns=self.servers,
            dns_search=self.search,
            dns_options=self.options,
            style=style,
        )


NO_WISHES = NameWishes()


class Container:
    """A container: its names, its places on networks, its state and its handler.

    Attributes:
        id, short_id: 64 hexadecimal digits, and the first 12 of them.
        name: unique on the machine; for tasks ``service.slot.task``.
        image: the reference as given, with its tag.
        argv: entrypoint and command as they run.
        task: the service's task it was made for; None for a plain container.
        attachment_tasks: of a plain container: network id -> the task that holds its address there.
        aliases: of a plain container: network id -> its further names there.
        names: what its resolv.conf shall say.
        wanted: of a plain container: local network id -> the address asked for.
        attachments: places on swarm networks.
        local_networks, local_attachments: networks of this machine alone, and its addresses there.
        state, exit_code, health: as ``docker ps`` shows them; times are virtual nanoseconds.
    """

    __slots__ = (
        "_labels", "_spent_ns", "aliases", "argv", "attachment_tasks", "attachments", "behaviour",
        "caller", "created_ns", "endpoint_id", "env", "exit_code", "explicit", "finished_ns", "handler",
        "health", "hostname", "id", "image", "local_attachments", "local_networks", "log", "name",
        "names", "network_mode", "network_names", "pid", "published", "remove_on_exit",
        "short_id", "started_ns", "state", "task", "wanted",
    )  # fmt: skip

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    id: str
    short_id: str
    name: str
    image: str
    behaviour: Image
    argv: tuple[str, ...]
    hostname: str
    env: FrozenDict[str, str]
    _labels: FrozenDict[str, str]
    task: Task | None
    #: by what the data plane knows it: the task's id for service tasks, else its own
    endpoint_id: str
    attachments: tuple[Attachment, ...]
    local_networks: tuple[LocalNetworkFacts, ...]
    local_attachments: tuple[Attachment, ...]
    published: tuple[PortConfig, ...]
    state: ContainerState
    exit_code: int
    health: str
    #: whether the command was given, so that the image's own server does not run
    explicit: bool
    aliases: FrozenDict[str, tuple[str, ...]]
    names: NameWishes
    wanted: FrozenDict[str, str]
    attachment_tasks: FrozenDict[str, str]
    network_mode: str
    #: of the swarm networks it is or was on, by id
    network_names: FrozenDict[str, str]
    pid: int
    created_ns: int
    started_ns: int
    finished_ns: int
    remove_on_exit: bool
    log: tuple[tuple[int, str, str], ...]
    _spent_ns: int

    def __init__(
        self,
        caller: Caller,
        identifier: str,
        name: str,
        image: str,
        behaviour: Image,
        *,
        argv: tuple[str, ...] = (),
        hostname: str = "",
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        task: Task | None = None,
        created_ns: int = 0,
    ) -> None:
        self.caller = caller
        self.id = identifier
        self.short_id = short(identifier)
        self.name = name
        self.image = image
        self.behaviour = behaviour
        self.argv = argv
        self.hostname = hostname or self.short_id
        self.env = frozen_dict(env)
        self._labels = frozen_dict(labels)
        self.task = task
        self.endpoint_id = task.id if task else identifier
        self.attachments = ()
        self.local_networks = ()
        self.local_attachments = ()
        self.published = ()
        self.state = "created"
        self.exit_code = 0
        self.health = ""
        self.explicit = False
        self.aliases = EMPTY
        self.names = NO_WISHES
        self.wanted = EMPTY
        self.attachment_tasks = EMPTY
        self.network_mode = ""
        self.network_names = EMPTY
        self.pid = 0
        self.created_ns = created_ns
        self.started_ns = 0
        self.finished_ns = 0
        self.remove_on_exit = False
        self.handler: Handler | None = None
        self.log = ()
        self._spent_ns = 0

    def __repr__(self) -> str:
        return f"<Container {short(self.id)} {self.name} {self.image} {self.state}>"

    @property
    def task_id(self) -> str:
        """Of the service's task it was made for; empty for a plain container."""
        return self.task.id if self.task else ""

    @property
    def service_id(self) -> str:
        """Of the service whose task it was made for; empty for a plain container."""
        return self.task.service_id if self.task else ""

    @property
    def running(self) -> bool:
        """Whether its program runs."""
        return self.state == "running"

    @property
    def own_labels(self) -> Mapping[str, str]:
        """Those it was given: without those that say whose task it is."""
        return self._labels

    @property
    def labels(self) -> Mapping[str, str]:
        """Its own; those of a service's task also say whose it is."""
        task = self.task
        if task is None:
            return self._labels
        own = task_labels(task.id, task.name, task.node_id, task.service_id, task.shared.service_name)
        return {**self._labels, **own}

    def listens(self, port: int) -> bool:
        """Whether its program would accept a connection on the port now. O(1)."""
        return self.state == "running" and self.handler is not None and self.behaviour.listens(port)

    def call(self, target: str, payload: str = "/") -> Reply:
        """Ask ``name:port`` over the container's networks at this very instant.

        Raises:
            ConnectionFailed: the name does not resolve, or nobody answers.
        """
        reply, took_ns = self.caller.call_from(self, target, payload)
        self._spent_ns += took_ns
        return reply

    def wake_at(self, up_ns: int, clock: Clock, host: Any) -> None:
        """Let a server that acts by itself (``on_start``) begin once it is up; others need no word."""
        if not hasattr(self.handler, "on_start"):
            return
        if up_ns <= clock.now_ns:
            self._wake(host, self.pid)
        else:
            clock.call_at(up_ns, self._wake, host, self.pid, background=True, name="server is up")

    def _wake(self, host: Any, run: int) -> None:
        server: Any = self.handler
        if self.running and self.pid == run:
            server.on_start(self, host)

    def answer(self, request: Request) -> tuple[Reply, int]:
        """Let the handler answer; the reply and how long it took, calls to others included."""
        assert self.handler is not None
        self._spent_ns = 0
        reply = self.handler(request, self)
        return reply, reply.after_ns + self._spent_ns

    def write(self, now_ns: int, stream: str, text: str) -> None:
        """Add what the program printed to the log, a line at a time."""
        self.log = (*self.log, *((now_ns, stream, line) for line in text.splitlines()))

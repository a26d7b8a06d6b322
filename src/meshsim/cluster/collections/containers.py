"""Room cluster: containers, as ``docker run``, ``ps``, ``stop`` and ``rm`` handle them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from meshsim.cluster.client import Connection, PingReply, Response, Target, fetch
from meshsim.cluster.collections.base import Collection, Handle
from meshsim.cluster.collections.plugs import abandon, connect, wishes_of
from meshsim.cluster.container import Container, NameWishes
from meshsim.cluster.specvalues import Words, command_of, duration_of, pairs_of, ports_of, words_of
from meshsim.dataplane import Failed, Namespace, Trace
from meshsim.dataplane.explain import named
from meshsim.dns import Answer
from meshsim.errors import Conflict, ConnectionFailed, InvalidParameter, NotFound
from meshsim.model.specs import PortConfig
from meshsim.model.states import PublishMode
from meshsim.views.shapes import ContainerFacts
from meshsim.views.shapes import container as container_shape

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["ContainerHandle", "Containers"]

#: a foreground program that never ends by itself is stopped after so long, as by Ctrl-C
PATIENCE_NS = 600_000_000_000
INTERRUPTED = 130


class ContainerHandle(Handle[ContainerFacts]):
    """One container; from inside it, ``resolve``, ``connect``, ``get`` and ``ping`` speak to the mesh."""

    kind = "container"

    @property
    def container(self) -> Container:
        """The engine's own record.

        Raises:
            NotFound: it has been removed.
        """
        found = self._host.engine.containers.get(self.id)
        if found is None:
            raise NotFound(f"No such container: {self.id}")
        return found

    @property
    def record(self) -> ContainerFacts:
        """What the engine knows of it now."""
        return self._host.engine.facts(self.container)

    @property
    def facts(self) -> ContainerFacts:
        """The same."""
        return self.record

    @property
    def attrs(self) -> Any:
        """What ``docker inspect`` shows of it."""
        return container_shape(self.record, epoch_ns=self._host.cluster.epoch_ns)

    @property
    def hostname(self) -> str:
        """What it calls itself."""
        return self.container.hostname

    @property
    def host(self) -> Host:
        """The machine it runs on."""
        return self._host

    @property
    def status(self) -> str:
        """``created``, ``running`` or ``exited``."""
        return self.container.state

    @property
    def exit_code(self) -> int:
        """What its program exited with last."""
        return self.container.exit_code

    @property
    def handler(self) -> Any:
        """The program that answers in it, as its image made it; None while none does."""
        return self.container.handler

    def logs(self) -> str:
        """What its program printed."""
        return "".join(f"{line}\n" for _, _, line in self.container.log)

    def ip(self, network: str) -> str:
        """Its address on a network, without mask.

        Raises:
            NotFound: it is not on it.
        """
        plug = self.record.networks.get(network)
        if plug is None or not plug.address:
            raise NotFound(f"container {self.name} is not on network {network}")
        return plug.address

    # -- speaking from inside

    @property
    def namespace(self) -> Namespace:
        """Its network namespace.

        Raises:
            Conflict: it does not run.
        """
        container = self.container
        found = self._host.plane.namespaces.get(container.endpoint_id)
        if found is None:
            raise Conflict(f"container {self.id} is not running")
        return found

    def resolve(self, name: str, qtype: str = "A", **options: Any) -> Answer:
        """Ask the embedded DNS as the container would.

        Returns:
            The answer: ``.addresses``, ``.rcode``, ``.records`` ...
        """
        self._host.cluster.clock.guard()
        answer = self.namespace.resolve(name, qtype, **options)
        self._host.cluster.step(answer.elapsed_ns)
        return answer

    def connect(self, target: str, *, protocol: str = "tcp", source_port: int = 0) -> Connection:
        """Open a connection to ``name:port`` from inside the container.

        Raises:
            ConnectionFailed: what a client in the container would experience.
        """
        cluster = self._host.cluster
        cluster.clock.guard()
        where = Target.parse(target)
        address = self._address(where.host)
        opened = self.namespace.connect(
            address, where.port, protocol=protocol, source_port=source_port, trace=True
        )
        told = self._after_asking(opened.trace, where.host, address)
        cluster.step(opened.elapsed_ns)
        if isinstance(opened, Failed):
            failure = opened.error(f"{where.host}:{where.port}")
            failure.trace = told
            raise failure
        opened.trace = told
        return Connection(cluster, where, opened)

    def get(self, url: str, *, trace: bool = True) -> Response:
        """Open a connection from inside the container, send one request, close.

        Raises:
            ConnectionFailed: what a client in the container would experience.
        """
        cluster = self._host.cluster
        cluster.clock.guard()
        where = Target.parse(url)
        address = self._address(where.host)
        try:
            response = fetch(cluster, self.namespace, address, where, trace=trace)
        except ConnectionFailed as failure:
            failure.trace = self._after_asking(failure.trace, where.host, address)
            cluster.step(failure.elapsed_ns)
            raise
        told = self._after_asking(response.trace, where.host, address)
        cluster.step(response.elapsed_ns)
        return response if told is response.trace else response._replace(trace=told)

    def ping(self, name: str, count: int = 1) -> list[PingReply]:
        """Send echo requests from inside the container, one a second."""
        cluster = self._host.cluster
        cluster.clock.guard()
        return cluster.ping_from(self.namespace, self._address(name), count)

    def _address(self, name: str) -> str:
        return self._host.cluster.resolve_from(self.namespace, name)

    def _after_asking(self, trace: Trace | None, name: str, address: str) -> Trace | None:
        """The trace with what the embedded DNS said before it, if it was asked."""
        if trace is None or address in (name, "127.0.0.1"):
            return trace
        namespace = self.namespace
        return trace.after((named, (namespace.machine, namespace.name, name, address)))

    # -- its life

    def stop(self, timeout: str | int = 10_000_000_000) -> None:
        """Send the stop signal and wait; after ``timeout`` it is killed."""
        self._host.containers.stop_container(self.container, duration_of(timeout) or 0)

    def crash(self, exit_code: int = 1) -> None:
        """End its program now with that exit code: a fault verb."""
        container = self.container
        self._host.engine.program_ended(container, exit_code, container.pid)

    def set_health(self, verdict: str) -> None:
        """Let its health checks find ``"healthy"`` or ``"unhealthy"`` from now on: a fault verb.

        Raises:
            InvalidParameter: another word, or a container without health check.
        """
        monitor = self._host.engine.monitor(self.container)
        if verdict not in ("healthy", "unhealthy"):
            raise InvalidParameter(f'a container is "healthy" or "unhealthy", not {verdict!r}')
        if monitor is None:
            raise InvalidParameter(f"container {self.name} has no health check")
        monitor.force = verdict == "healthy"

    def remove(self, *, force: bool = False) -> None:
        """Remove it (``docker rm``).

        Raises:
            Conflict: it runs, and ``force`` was not said.
        """
        container = self.container
        if container.running:
            if not force:
                raise Conflict(
                    f'cannot remove container "{container.name}": container is running: '
                    "stop the container before removing or force remove"
                )
            self.crash(137)
        if container.id in self._host.engine.containers:
            self._host.engine.discard(container)


class Containers(Collection):
    """``docker run``, ``docker ps`` ... on this machine."""

    def run(
        self,
        image: str,
        command: str | Sequence[str] = (),
        *,
        name: str | None = None,
        network: Words | None = None,
        network_alias: Words = (),
        ip: str = "",
        dns: Words = (),
        dns_search: Words = (),
        dns_option: Words = (),
        detach: bool = False,
        remove: bool = False,
        hostname: str = "",
        env: dict[str, str] | Words | None = None,
        label: dict[str, str] | Words | None = None,
        publish: Any = (),
        entrypoint: str | Sequence[str] = (),
    ) -> ContainerHandle:
        """Run a container that belongs to no service.

        Args:
            image: the image's reference.
            command: what runs instead of the image's own.
            name: invented when None.
            network: names of networks, or ``name=eg1,alias=db``; attachable swarm networks are allowed.
                Default ``bridge``.
            network_alias: further names on the first of them.
            ip: its address on the first of them; default the next free one.
            dns: addresses of name servers, of those the cluster has outside, instead of the machine's.
            dns_search: domains in which its programs look names up too.
            dns_option: of its resolv.conf, ``ndots:1``.
            detach: return at once; else when the program has ended (or after ten virtual minutes).
            remove: remove it when the program ends.
            hostname: what it calls itself; default the first digits of its id.
            env: its environment.
            label: its labels.
            publish: ports of this machine mapped to it.
            entrypoint: what runs instead of the image's entrypoint.

        Raises:
            Conflict, NotFound, PermissionDenied ...: with the engine's sentence; nothing is left behind.
        """
        host = self._host
        if not detach:
            host.cluster.clock.guard()
        engine = host.engine
        ports = tuple(_as_host_port(port) for port in ports_of(publish))
        wishes = wishes_of(host, words_of(network), words_of(network_alias), ip)
        container = engine.create(
            image,
            name=name or "",
            command=command_of(command),
            entrypoint=command_of(entrypoint),
            hostname=hostname,
            env=pairs_of(env),
            labels=pairs_of(label),
        )
        container.remove_on_exit = remove
        container.network_mode = wishes[0].network.name if network else ""
        if dns or dns_search or dns_option:
            container.names = NameWishes(words_of(dns), words_of(dns_search), words_of(dns_option))
        try:
            for wish in wishes:
                connect(host, container, wish.network, aliases=wish.aliases, ip=wish.ip)
            engine.launch(container, ports)
        except Exception:
            abandon(host, container)
            raise
        handle = ContainerHandle(host, container.id)
        if not detach:
            self._wait(container)
        return handle

    def _wait(self, container: Container) -> None:
        cluster = self._host.cluster
        ended = cluster.step_until(_Ended(container), PATIENCE_NS)
        if not ended:
            self._host.engine.program_ended(container, INTERRUPTED, container.pid)

    def stop_container(self, container: Container, grace_ns: int) -> None:
        """Stop a container and let the time pass that it takes."""
        cluster = self._host.cluster
        cluster.clock.guard()
        if not container.running:
            return
        took_ns = self._host.engine.signal(container, grace_ns)
        run = container.pid
        cluster.step(took_ns)
        self._host.engine.program_ended(container, container.exit_code, run)

    def list(self, *, all: bool = False) -> list[ContainerHandle]:  # noqa: A002 - docker's own word
        """The running containers (or all), newest first."""
        shown = [c for c in self._host.engine.containers.values() if all or c.running]
        shown.reverse()  # of one instant, the one made last comes first
        newest = sorted(shown, key=_age)
        return [ContainerHandle(self._host, c.id) for c in newest]

    def get(self, text: str) -> ContainerHandle:
        """The container of that name, id or beginning of an id.

        Raises:
            NotFound: there is none.
        """
        return ContainerHandle(self._host, self._host.engine.find(text).id)


class _Ended:
    """Whether a container's program has ended (copyable, as all that waits on the clock)."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def __call__(self) -> bool:
        return not self.container.running


def _age(container: Container) -> int:
    return -container.created_ns


def _as_host_port(port: PortConfig) -> PortConfig:
    return evolve(port, mode=PublishMode.HOST)

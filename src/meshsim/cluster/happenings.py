"""Room cluster: what an engine tells of its containers and networks, for ``docker events``.

Comes in: the steps of a container's life, as the engine takes them. Goes out: notes to the world around it,
which writes them into the log. Rules of this file: it only tells; what follows from an earlier note (labels,
networks) is not told again, since a large service tells a hundred thousand times.

Source: moby daemon/events.go LogContainerEvent, LogNetworkEvent.
"""

from __future__ import annotations

from typing import Any, Protocol

from meshsim.cluster.container import Container
from meshsim.model.frozen import interned
from meshsim.sim import Clock, Own
from meshsim.views.events import Ended, Origin, Plug

__all__ = ["Happenings", "Told"]

_SECOND = 1_000_000_000


class Told(Protocol):
    """Who is told."""

    @property
    def clock(self) -> Clock:
        """Virtual time."""

    def container_changed(self, host: str, container: Container, what: str, *facts: Any) -> None:
        """A container was created, started, died ...: for whoever watches.

        A class among the facts stands for an object of it, whose fields are the next ones.
        """

    def network_changed(self, host: str, what: str, plug: Plug, container_id: str = "") -> None:
        """A machine made or lost a network, or a running container was connected to one."""


class Happenings:
    """Tells what happens on one machine.

    Args:
        host: the machine's name.
        told: whom to tell.
    """

    __slots__ = ("_host", "_plugged", "_plugs", "_stopping", "_told")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    _host: str
    _plugged: tuple[Plug, ...]
    # Held by nobody else: forks copy them without remembering that they did.
    _stopping: Own[dict[str, None]]
    _plugs: Own[dict[str, Plug]]

    def __init__(self, host: str, told: Told) -> None:
        self._host = host
        self._told = told
        self._stopping = {}
        self._plugs = {}
        #: where the last container started was plugged in, kept for the next one like it
        self._plugged = ()

    def __repr__(self) -> str:
        return f"<Happenings of {self._host}>"

    def happened(self, container: Container, what: str, *facts: Any) -> None:
        """Any other step: ``health_status: healthy``, ``destroy``."""
        self._told.container_changed(self._host, container, what, *facts)

    def created(self, container: Container) -> None:
        """It exists: told is an :class:`~meshsim.views.events.Origin`."""
        task, image, labels = container.task, container.image, container.own_labels
        whose = ("", "", "", "")
        if task is not None:
            whose = (task.id, task.node_id, task.shared.service_id, task.shared.service_name)
        self.happened(container, "create", Origin, image, labels, *whose)

    def started(self, container: Container) -> None:
        """Its program runs, on these networks."""
        ids = [place.network_id for place in container.attachments]
        if container.local_networks:
            ids += [network.id for network in container.local_networks]
        plugged = tuple([self._plug(container, network_id) for network_id in ids])
        if plugged != self._plugged:
            self._plugged = interned(plugged)
        self.happened(container, "start", self._plugged)

    def stopping(self, container: Container) -> None:
        """It was sent the stop signal."""
        self._stopping[container.id] = None
        self.happened(container, "kill")

    def ended(self, container: Container) -> None:
        """Its program has ended, by itself or because it was told to."""
        stopped = container.id in self._stopping
        self._stopping.pop(container.id, None)
        ran_ns = max(0, self._told.clock.now_ns - container.started_ns)
        self.happened(container, "die", Ended(container.exit_code, ran_ns // _SECOND, stopped))

    def lost(self, container: Container) -> None:
        """Its program ended with its machine: no engine was there to tell."""
        self._stopping.pop(container.id, None)
        self.happened(container, "lost")

    def network(self, what: str, network_id: str, name: str) -> None:
        """The machine made its part of a swarm network, or its last user here has gone."""
        self._told.network_changed(self._host, what, Plug(network_id, name, "overlay"))

    def connection(self, what: str, container: Container, network_id: str) -> None:
        """A running container was connected to a network, or taken off it."""
        self._told.network_changed(self._host, what, self._plug(container, network_id), container.id)

    def _plug(self, container: Container, network_id: str) -> Plug:
        plug = self._plugs.get(network_id)
        if plug is None:
            local = {network.id: network for network in container.local_networks}.get(network_id)
            name = local.name if local else container.network_names[network_id]
            plug = interned(Plug(network_id, name, local.driver if local else "overlay"))
            self._plugs[network_id] = plug
        return plug

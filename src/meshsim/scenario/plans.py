"""Room scenario: hosts, networks and services of a scenario, as data.

Comes in: what a person wrote. Goes out: frozen records. Docker's own flags are kept as they were written and
read by the facade's own parser, so that they mean here what they mean there.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import field, frozen

from meshsim.errors import BadValue
from meshsim.model.frozen import FrozenDict
from meshsim.scenario.fields import Written, flag, plain, record, text, value_text, written
from meshsim.scenario.traffic.proxies import PROXIES, HAProxy, Nginx, Traefik, as_proxy
from meshsim.scenario.traffic.servers import Server
from meshsim.units import parse_bytes, parse_cpus

__all__ = ["HostPlan", "NetworkPlan", "ServicePlan", "as_host", "as_network"]


def _mapping(value: Any) -> FrozenDict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(f"expected a mapping, not {value_text(value)}", str(value))
    return plain(value)  # type: ignore[no-any-return]


#: a proxy as data
Proxies: TypeAlias = HAProxy | Nginx | Traefik


def _quantity(parse: Any) -> Any:
    def read(value: Any) -> str:
        if value == "":
            return ""
        parse(str(value))
        return str(value)

    return read


@written
class HostPlan(Written):
    """A machine with an engine.

    Args:
        name: known to all machines.
        manager: whether it joins as a manager; the first host always is one, it founds the swarm.
        address: on the LAN; the next free one when empty.
        cpus, memory: what it has, ``"2"`` and ``"4G"``; a small machine when empty.
        labels: of the node.
        proxy: a machine outside the swarm that runs this proxy in a container.
        publish: the ports of that machine the proxy has.
    """

    name: str = text()
    manager: bool = flag(False)
    address: str = text("")
    cpus: str = field(default="", converter=_quantity(parse_cpus))
    memory: str = field(default="", converter=_quantity(parse_bytes))
    labels: FrozenDict[str, str] = field(factory=FrozenDict, converter=_mapping)
    proxy: Proxies | None = record(PROXIES, None, convert=as_proxy)
    publish: str = text("80:80")

    def __attrs_post_init__(self) -> None:
        if self.proxy is not None and (self.manager or self.labels):
            raise BadValue(
                f"host {self.name} is a proxy outside the swarm: it has no role and no labels there"
            )


@written
class NetworkPlan(Written):
    """An overlay network; ``subnet`` is the next free one when empty."""

    name: str = text()
    attachable: bool = flag(False)
    internal: bool = flag(False)
    subnet: str = text("")


@frozen(slots=True, init=False)
class ServicePlan(Written):
    """A service.

    Args:
        name: of the service.
        server: how long its tasks take; None for an image that answers at once.
        image: what its containers are, when there is no server.
        proxy: its containers are this proxy.
        **flags: those of ``docker service create``, underscores for dashes: ``replicas=2,
            publish=["81:80"], network=["eg1"]``.

    >>> ServicePlan("web", replicas=2, publish="81:80").flags
    {'replicas': 2, 'publish': '81:80'}
    """

    name: str = text()
    server: Server | None = record(Server, None)  # noqa: RUF009 - it makes a field
    image: str = text("")
    proxy: Proxies | None = record(PROXIES, None, convert=as_proxy)  # noqa: RUF009
    flags: FrozenDict[str, Any] = field(factory=FrozenDict, converter=_mapping, metadata={"rest": True})

    def __init__(
        self,
        name: str,
        server: Server | None = None,
        image: str = "",
        proxy: Proxies | None = None,
        **flags: Any,
    ) -> None:
        self.__attrs_init__(name, server, image, proxy, flags)
        if server is not None and image:
            raise BadValue(f"service {name} has a server, so it cannot have an image as well")
        if proxy is not None and (server is not None or image):
            raise BadValue(f"service {name} is a proxy, so it cannot have a server or an image as well")


def as_host(value: Any) -> Any:
    """A host as given, or one of that name."""
    return HostPlan(value) if isinstance(value, str) else value


def as_network(value: Any) -> Any:
    """A network as given, or one of that name."""
    return NetworkPlan(value) if isinstance(value, str) else value

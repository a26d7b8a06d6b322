"""What one endpoint is called on one network.

Room dns, floor 2. In: the facts of a container (:meth:`EndpointNames.of`). Out: its names, as gossip tells
them from host to host. Anything with the fields of :class:`NamedEndpoint` will do for a zone.

It does not know where the names are kept.
"""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

__all__ = ["EndpointNames", "NamedEndpoint"]


class NamedEndpoint(Protocol):
    """All that an endpoint is called, on one network; the fields of gossip's endpoint row."""

    @property
    def endpoint_id(self) -> str:
        """Identity of the endpoint."""

    @property
    def name(self) -> str:
        """The container's name, such as ``http.1.TASKID``; also the answer to a reverse lookup."""

    @property
    def address(self) -> str:
        """Address without mask."""

    @property
    def service_id(self) -> str:
        """Empty for a container of no service."""

    @property
    def service_name(self) -> str:
        """Empty for a container of no service."""

    @property
    def vip(self) -> str:
        """The service's virtual address here; empty in DNS round robin mode."""

    @property
    def service_aliases(self) -> tuple[str, ...]:
        """Further names of the service on this network."""

    @property
    def task_aliases(self) -> tuple[str, ...]:
        """Further names of the container: its network aliases, short id and hostname."""


@frozen(slots=True)
class EndpointNames:
    """All that one endpoint is called on one network; a plain :class:`NamedEndpoint`.

    Source: moby daemon/libnetwork/agent.proto EndpointRecord.
    """

    endpoint_id: str
    name: str
    address: str
    service_id: str = ""
    service_name: str = ""
    vip: str = ""
    service_aliases: tuple[str, ...] = ()
    task_aliases: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        container: str,
        container_id: str,
        address: str,
        hostname: str = "",
        network_aliases: tuple[str, ...] = (),
        service_id: str = "",
        service_name: str = "",
        service_aliases: tuple[str, ...] = (),
        vip: str = "",
        endpoint_mode: Literal["vip", "dnsrr"] = "vip",
        endpoint_id: str = "",
    ) -> EndpointNames:
        """Work out the names of a container.

        Args:
            container: its name; for a task ``SERVICE.SLOT.TASKID`` or ``SERVICE.NODEID.TASKID``.
            container_id: 64 (or 12) hex characters.
            address: on this network, with or without mask.
            hostname: default the short id.
            network_aliases: ``--network-alias`` values of a plain container.
            service_id: of the task's service.
            service_name: of the task's service.
            service_aliases: of the service on this network.
            vip: of the service on this network, with or without mask.
            endpoint_mode: "dnsrr" drops the VIP.
            endpoint_id: default the container's id.

        >>> EndpointNames.of(container="cli", container_id="836820ef7c23" + 52 * "0",
        ...                  address="10.0.1.12/24").task_aliases
        ('836820ef7c23',)

        Source: moby daemon/container_operations.go buildEndpointDNSNames.
        """
        short_id = container_id[:12]
        names = dict.fromkeys([container, *network_aliases, short_id, hostname or short_id])
        del names[container]
        return cls(
            endpoint_id=endpoint_id or container_id,
            name=container,
            address=address.partition("/")[0],
            service_id=service_id,
            service_name=service_name,
            vip=vip.partition("/")[0] if endpoint_mode == "vip" else "",
            service_aliases=service_aliases,
            task_aliases=tuple(names),
        )

"""Room manager, allocator: a service's endpoint, that is its ports and virtual addresses.

Comes in: a service as it is stored. Goes out: the endpoint it shall have. Rules of this file: what the
service holds and still asks for stays as it is; virtual addresses follow the order ingress (when first
published), then what was held, then new networks as the spec lists them; all or nothing.

Source: moby daemon/libnetwork/cnmallocator/networkallocator.go AllocateService, IsServiceAllocated;
swarmkit manager/allocator/network.go allocateService.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshsim.errors import IpamError
from meshsim.manager.allocator.networks import NetworkAllocator
from meshsim.manager.allocator.ports import PortAllocator, needs_ingress, ports_are_allocated
from meshsim.model.objects import Endpoint, Service, VirtualIP
from meshsim.model.specs import EndpointSpec
from meshsim.model.states import EndpointMode

__all__ = ["EndpointAllocator"]

_NO_SPEC = EndpointSpec()


class EndpointAllocator:
    """Gives services ports and virtual addresses.

    Args:
        networks: where addresses come from.
        ports: where published ports come from.
    """

    __slots__ = ("_networks", "_ports")

    def __init__(self, networks: NetworkAllocator, ports: PortAllocator) -> None:
        self._networks = networks
        self._ports = ports

    def is_allocated(self, service: Service, overlays: Sequence[str]) -> bool:
        """Whether the service has the endpoint its spec asks for.

        Args:
            service: the service.
            overlays: ids of the overlays its tasks are on, in spec order.

        Source: moby cnmallocator/networkallocator.go IsServiceAllocated.
        """
        spec, endpoint = service.spec.endpoint, service.endpoint
        held = [vip.network_id for vip in endpoint.virtual_ips] if endpoint else []
        by_vip = (spec or _NO_SPEC).mode is EndpointMode.VIP
        if by_vip and any(network_id not in held for network_id in overlays):
            return False
        # One address more than the overlays is the one on ingress, which stands while a port does.
        spare = [network_id for network_id in held if not by_vip or network_id not in overlays]
        if len(spare) != needs_ingress(service):
            return False
        if (spec is not None and spec.ports) or (endpoint is not None and endpoint.ports):
            return ports_are_allocated(service)
        return True

    def allocate(self, service: Service, overlays: Sequence[str], ingress: str) -> Endpoint | None:
        """Return the endpoint of the service, with everything in it taken and everything else released.

        Args:
            service: as stored.
            overlays: ids of the overlays its tasks are on, in spec order.
            ingress: id of the ingress network, empty when there is none.

        Raises:
            IpamError: something cannot be given; the service then keeps what it held.
        """
        spec, old = service.spec.endpoint, service.endpoint
        if needs_ingress(service) and not ingress:
            raise IpamError("ingress network is missing")
        wanted = self._wanted(service, overlays, ingress)
        # Without an endpoint spec everything is given up first and taken anew.
        held = {vip.network_id: vip for vip in old.virtual_ips} if old and spec is not None else {}
        taken: list[VirtualIP] = []
        try:
            for network_id in wanted:
                if network_id not in held:
                    # One by one: what was taken so far goes back when the next cannot be.
                    taken.append(self._take(network_id))  # noqa: PERF401
            ports = self._ports.allocate(service) if spec is not None else ()
        except IpamError:
            for vip in taken:
                self._networks.release(vip.network_id, vip.address)
            raise
        if spec is None and old is not None:
            self._ports.release(old.ports)
        for vip in old.virtual_ips if old else ():
            if vip.network_id not in held or vip.network_id not in wanted:
                self._networks.release(vip.network_id, vip.address)
        fresh = iter(taken)
        vips = tuple(held.get(network_id) or next(fresh) for network_id in wanted)
        return Endpoint(spec, ports, vips)

    def _take(self, network_id: str) -> VirtualIP:
        if network_id not in self._networks:
            raise IpamError("could not find network state")
        try:
            return VirtualIP(network_id, self._networks.take(network_id))
        except IpamError as error:
            raise IpamError("could not find an available IP while allocating VIP") from error

    def _wanted(self, service: Service, overlays: Sequence[str], ingress: str) -> list[str]:
        """Ids of the networks the service shall have a virtual address on, in the order of the list."""
        spec, old = service.spec.endpoint, service.endpoint
        if spec is not None and spec.mode is EndpointMode.DNSRR:
            return []
        held = [vip.network_id for vip in old.virtual_ips] if old and spec is not None else []
        on_ingress = needs_ingress(service)
        if on_ingress and ingress not in held:
            held.append(ingress)
        wanted = [
            network_id
            for network_id in held
            if network_id in overlays or (on_ingress and network_id == ingress)
        ]
        return wanted + [network_id for network_id in overlays if network_id not in wanted]

    def restore(self, service: Service) -> None:
        """Take what the store says the service has."""
        endpoint = service.endpoint
        if endpoint is not None:
            self._ports.reserve(endpoint.ports)
            for vip in endpoint.virtual_ips:
                if vip.network_id in self._networks:
                    self._networks.take(vip.network_id, vip.address)

    def release(self, service: Service) -> None:
        """Give back everything a removed service had."""
        endpoint = service.endpoint
        if endpoint is not None:
            self._ports.release(endpoint.ports)
            for vip in endpoint.virtual_ips:
                self._networks.release(vip.network_id, vip.address)

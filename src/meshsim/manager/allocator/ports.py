"""Room manager, allocator: published ports.

Comes in: services. Goes out: their ports with every number filled in. Rules of this file: one space of
numbers per protocol; a number asked for is reserved, number 0 is filled from the dynamic range, which
climbs and wraps; host-mode ports belong to the nodes and are passed through; all or nothing.

Source: swarmkit manager/allocator/portallocator.go.
"""

from __future__ import annotations

from attrs import evolve

from meshsim.errors import IpamError
from meshsim.ipam import Serial
from meshsim.model.objects import Service
from meshsim.model.specs import PortConfig
from meshsim.model.states import Protocol, PublishMode

__all__ = ["PortAllocator", "needs_ingress"]

#: Source: swarmkit manager/allocator/portallocator.go masterPortStart, masterPortEnd.
_FIRST, _LAST = 1, 65535

#: ports that answer to one key, by published number, in the order given
_Given = dict[tuple[str, Protocol, int], dict[int, PortConfig]]


def needs_ingress(service: Service) -> bool:
    """Whether the service publishes a port through the mesh.

    Source: swarmkit manager/allocator/networkallocator.go IsIngressNetworkNeeded.
    """
    endpoint = service.spec.endpoint
    return endpoint is not None and any(port.mode is PublishMode.INGRESS for port in endpoint.ports)


class PortAllocator:
    """Which published ports are taken, in the whole swarm.

    >>> from meshsim.model.specs import EndpointSpec, ServiceSpec
    >>> ports = PortAllocator((30000, 32767))
    >>> web = Service("s1", spec=ServiceSpec("web", endpoint=EndpointSpec(ports=(PortConfig(80),))))
    >>> [port.published for port in ports.allocate(web)]
    [30000]
    """

    __slots__ = ("_dynamic", "_master")

    def __init__(self, dynamic: tuple[int, int]) -> None:
        self._master = {protocol: Serial(_FIRST, _LAST) for protocol in Protocol}
        self._dynamic = {protocol: Serial(*dynamic) for protocol in Protocol}

    def __repr__(self) -> str:
        taken = ", ".join(f"{len(space)} {protocol.value}" for protocol, space in self._master.items())
        return f"<PortAllocator: {taken}>"

    def allocate(self, service: Service) -> tuple[PortConfig, ...]:
        """Give the service the ports of its spec, keeping what it holds where it can. O(ports).

        Raises:
            NumberTaken, NumberOutOfRange, NoNumberLeft: the service keeps what it held.

        Source: swarmkit manager/allocator/portallocator.go serviceAllocatePorts.
        """
        held = service.endpoint.ports if service.endpoint else ()
        self.release(held)
        given: list[PortConfig] = []
        try:
            for port in reconcile(service):
                # One by one: what was taken so far goes back when the next cannot be.
                given.append(self._take(port) if port.mode is PublishMode.INGRESS else port)  # noqa: PERF401
        except IpamError:
            self.release(given)
            self.reserve(held)
            raise
        return tuple(given)

    def reserve(self, ports: tuple[PortConfig, ...]) -> None:
        """Take the very numbers of these ports, as a new leader does for what the store holds."""
        for port in ports:
            if port.mode is PublishMode.INGRESS:
                self._take(port)

    def release(self, ports: tuple[PortConfig, ...] | list[PortConfig]) -> None:
        """Give the numbers of these ports back."""
        for port in ports:
            if port.mode is PublishMode.INGRESS:
                dynamic = self._dynamic[port.protocol]
                if dynamic.first <= port.published <= dynamic.last:
                    dynamic.release(port.published)
                self._master[port.protocol].release(port.published)

    def _take(self, port: PortConfig) -> PortConfig:
        """Take one number; source: portallocator.go portSpace.allocate."""
        dynamic, master = self._dynamic[port.protocol], self._master[port.protocol]
        number = port.published
        if not number:
            return evolve(port, published=master.specific(dynamic.any()))
        master.specific(number)
        if dynamic.first <= number <= dynamic.last:
            dynamic.specific(number)
        return port

    def check(self) -> None:
        """Assert that every dynamic number in use is in use in the whole space too."""
        for protocol, dynamic in self._dynamic.items():
            assert all(number in self._master[protocol] for number in dynamic), protocol


def _key(port: PortConfig) -> tuple[str, Protocol, int]:
    return (port.name, port.protocol, port.target)


def _collect(ports: tuple[PortConfig, ...], mode: PublishMode) -> _Given:
    found: _Given = {}
    for port in ports:
        if port.mode is mode:
            found.setdefault(_key(port), {})[port.published] = port
    return found


def _pick(found: _Given, port: PortConfig) -> PortConfig | None:
    """Take out the port that stands for ``port``: of its number, or any of its key when it has none."""
    numbers = found.get(_key(port))
    if not numbers:
        return None
    return numbers.pop(port.published or next(iter(numbers)), None)


def reconcile(service: Service) -> tuple[PortConfig, ...]:
    """Return the ports to allocate: the spec's, with numbers held before filled in where they may stay.

    When the number of ports changed, the spec alone counts; else the host-mode and numbered ports come
    first and the others keep the number of the port of the same name, protocol and target.

    Source: swarmkit manager/allocator/portallocator.go reconcilePortConfigs.
    """
    wanted = service.spec.endpoint.ports if service.spec.endpoint else ()
    if service.endpoint is None or len(service.endpoint.ports) != len(wanted):
        return wanted
    held = _collect(service.endpoint.ports, PublishMode.INGRESS)
    fixed: list[PortConfig] = []
    free: list[PortConfig] = []
    for port in wanted:
        if port.mode is PublishMode.INGRESS and not port.published:
            free.append(port)
        else:
            if port.mode is PublishMode.INGRESS:
                _pick(held, port)
            fixed.append(port)
    return (*fixed, *(_pick(held, port) or port for port in free))


def ports_are_allocated(service: Service) -> bool:
    """Whether the endpoint's ports are those of the spec.

    Source: swarmkit manager/allocator/portallocator.go isPortsAllocatedOnInit.
    """
    wanted, endpoint = service.spec.endpoint, service.endpoint
    if wanted is None or endpoint is None:
        return wanted is None and endpoint is None
    if len(wanted.ports) != len(endpoint.ports):
        return False
    held = _collect(endpoint.ports, PublishMode.INGRESS)
    on_hosts = {port.target for port in endpoint.ports if port.mode is PublishMode.HOST}
    free = []
    for port in wanted.ports:
        if port.mode is PublishMode.HOST:
            if port.target not in on_hosts:
                return False
        elif not port.published:
            free.append(port)
        elif _pick(held, port) is None:
            return False
    return all(_pick(held, port) is not None for port in free)


def host_ports_differ(service: Service) -> bool:
    """Whether a host-mode port with a number is in the spec and not yet in the endpoint.

    Source: swarmkit manager/allocator/portallocator.go hostPublishPortsNeedUpdate.
    """
    if service.spec.endpoint is None:
        return False
    held = _collect(service.endpoint.ports if service.endpoint else (), PublishMode.HOST)
    for port in service.spec.endpoint.ports:
        if port.mode is PublishMode.HOST and port.published and _pick(held, port) is None:
            return True
    return False


def with_host_ports(service: Service) -> tuple[PortConfig, ...]:
    """The endpoint's ports with the host-mode ones replaced by those of the spec, which come last.

    Source: swarmkit manager/allocator/network.go updatePortsInHostPublishMode.
    """
    held = service.endpoint.ports if service.endpoint else ()
    wanted = service.spec.endpoint.ports if service.spec.endpoint else ()
    return (
        *(port for port in held if port.mode is not PublishMode.HOST),
        *(port for port in wanted if port.mode is PublishMode.HOST),
    )

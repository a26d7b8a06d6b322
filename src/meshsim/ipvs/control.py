"""Room ipvs: administration, as ``ipvsadm`` does it.

In: services and destinations to add, edit and delete; knobs and time-outs to set. Out: the objects
themselves, readable, and typed errors in ipvsadm's words.
Rules: everything is checked before anything is changed. Every verb takes ``now_ns``, because deleted
destinations wait in the trash for a time; left out, it is the latest instant the table was told. What
packets do is not here: see :mod:`meshsim.ipvs.table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from meshsim.errors import (
    DestinationExists,
    InvalidRule,
    NoSuchDestination,
    NoSuchService,
    ServiceExists,
)
from meshsim.ipvs.balancers.protocol import Options
from meshsim.ipvs.balancers.registry import BalancerChoice, check_flags, resolve_balancer
from meshsim.ipvs.checks import check_load, check_settings, server_place, service_key, whole
from meshsim.ipvs.destination import Destination, Forward
from meshsim.ipvs.entries import Connections, Entry, Template
from meshsim.ipvs.flow import Endpoint
from meshsim.ipvs.service import ServiceKey, VirtualService
from meshsim.ipvs.states import State
from meshsim.ipvs.sysctls import Sysctls
from meshsim.ipvs.trash import Trash

__all__ = ["Control"]


class Control:
    """The administrative half of a :class:`~meshsim.ipvs.Table`.

    Args:
        rng: what random balancers (twos) draw from; a generator seeded with 0 when left out.
        active_weight: how many inactive connections weigh as much as an active one for lc, wlc, lblc,
            lblcr and twos: 257 in kernels that have the counter rework (6.1.192), 256 before it.

    Attributes:
        sysctls: the knobs under net.ipv4.vs.

    Source: linux net/netfilter/ipvs/ip_vs_ctl.c.
    """

    __slots__ = ("_active_weight", "_connections", "_marks", "_rng", "_services", "_trash", "sysctls")

    def __init__(self, *, rng: Random | None = None, active_weight: int = 257) -> None:
        self.sysctls = Sysctls()
        self._rng = rng
        self._active_weight = active_weight
        self._connections = Connections()
        self._trash = Trash()
        self._services: dict[str, dict[Endpoint, VirtualService]] = {"tcp": {}, "udp": {}}
        self._marks: dict[int, VirtualService] = {}

    # Services

    def add_service(
        self,
        protocol: str | None = None,
        address: str | None = None,
        port: int | None = None,
        *,
        mark: int | None = None,
        balancer: BalancerChoice = "wlc",
        flags: str | Sequence[str] = (),
        persistent_s: int = 0,
        netmask: str = "255.255.255.255",
        one_packet: bool = False,
        now_ns: int | None = None,
    ) -> VirtualService:
        """Define a virtual service, for an address and port or for a firewall mark.

        Args:
            protocol: ``"tcp"`` or ``"udp"``; left out with `mark`.
            address: the virtual IPv4 address.
            port: the virtual port; 0 is every port, for persistent services only.
            mark: the firewall mark instead of the three above.
            balancer: ipvsadm's name or a class of one's own.
            flags: scheduler flags, as ``"sh-fallback,sh-port"``.
            persistent_s: seconds a client is kept on its server after its last new connection.
            netmask: clients equal under it count as one for persistence.
            one_packet: schedule each UDP datagram alone.
            now_ns: the instant.

        Raises:
            ServiceExists: there is one with that key.
            UnknownBalancer: no balancer of that name.
            InvalidRule: anything ipvsadm would not take.

        >>> table = Control()
        >>> table.add_service("tcp", "10.0.0.80", 80, balancer="rr")
        <VirtualService tcp 10.0.0.80:80 rr, 0 destinations>
        """
        key = service_key(protocol, address, port, mark)
        service = VirtualService(key)
        if self._find(key) is not None:
            raise ServiceExists
        check_settings(key, persistent_s, netmask, one_packet)
        options = self._options(balancer, flags)
        now_ns = self._at(now_ns)
        service.bind(balancer, options, now_ns)
        service.set(persistent_s, netmask, one_packet)
        if isinstance(key, int):
            self._marks[key] = service
        else:
            self._services[key[0]][key[1:]] = service
        return service

    def edit_service(
        self,
        service: VirtualService,
        *,
        balancer: BalancerChoice | None = None,
        flags: str | Sequence[str] | None = None,
        persistent_s: int | None = None,
        netmask: str | None = None,
        one_packet: bool | None = None,
        now_ns: int | None = None,
    ) -> None:
        """Change what is given, keep the rest. The same balancer keeps its place; another starts fresh.

        Raises:
            NoSuchService: the service was deleted.
            UnknownBalancer, InvalidRule: as for :meth:`add_service`.

        Source: linux net/netfilter/ipvs/ip_vs_ctl.c ip_vs_edit_service.
        """
        self._known(service)
        choice = service.choice if balancer is None else balancer
        if flags is None:
            flags = service.flags if choice == service.choice else ()
        options = self._options(choice, flags)
        persistent_s = service.persistent_s if persistent_s is None else persistent_s
        netmask = service.netmask if netmask is None else netmask
        one_packet = service.one_packet if one_packet is None else one_packet
        check_settings(service.key, persistent_s, netmask, one_packet)
        now_ns = self._at(now_ns)
        if choice != service.choice or options.flags != service.flags:
            service.bind(choice, options, now_ns)
        service.set(persistent_s, netmask, one_packet)

    def remove_service(self, service: VirtualService, *, now_ns: int | None = None) -> None:
        """Delete a service; its destinations go to the trash, its connections as with theirs.

        Raises:
            NoSuchService: it was deleted before.
        """
        self._known(service)
        now_ns = self._at(now_ns)
        for destination in list(service.destinations):
            self._discard(service, destination, now_ns)
        if isinstance(service.key, int):
            del self._marks[service.key]
        else:
            del self._services[service.key[0]][service.key[1:]]

    def clear(self, *, now_ns: int | None = None) -> None:
        """Delete every service, as ``ipvsadm -C``."""
        for service in list(self.services):
            self.remove_service(service, now_ns=now_ns)

    def service(
        self,
        protocol: str | None = None,
        address: str | None = None,
        port: int | None = None,
        *,
        mark: int | None = None,
    ) -> VirtualService:
        """The service with that key.

        Raises:
            NoSuchService: there is none.
        """
        found = self._find(service_key(protocol, address, port, mark))
        if found is None:
            raise NoSuchService
        return found

    @property
    def services(self) -> Iterator[VirtualService]:
        """Every service: by address in order of definition, TCP before UDP, then by mark."""
        for of_protocol in self._services.values():
            yield from of_protocol.values()
        yield from self._marks.values()

    # Destinations

    def add_destination(
        self,
        service: VirtualService,
        address: str,
        port: int | None = None,
        *,
        weight: int = 1,
        upper: int = 0,
        lower: int = 0,
        forward: Forward = Forward.MASQ,
        now_ns: int | None = None,
    ) -> Destination:
        """Add a real server, at the head of the list.

        One that was deleted a short time ago, or still has connections, comes back with its counters.

        Args:
            service: where.
            address: the server's IPv4 address.
            port: its port; left out, the service's, or with a mark 0, which keeps the packet's own.
            weight: its share; 0 takes no new connections.
            upper: live connections from which it counts as overloaded; 0 is never.
            lower: below which it recovers; 0 is three quarters of `upper`.
            forward: how packets get there; without masquerading the port is the service's.
            now_ns: the instant.

        Raises:
            NoSuchService: the service was deleted.
            DestinationExists: it is there already.
            InvalidRule: anything ipvsadm would not take.

        >>> table = Control()
        >>> web = table.add_service(mark=256, balancer="rr")
        >>> table.add_destination(web, "10.0.1.3")
        <Destination 10.0.1.3:0 weight=1 active=0 inactive=0>
        """
        self._known(service, "Service not defined")
        address, port = server_place(service, address, port, forward)
        check_load(weight, upper, lower)
        if service.find(address, port) is not None:
            raise DestinationExists
        now_ns = self._at(now_ns)
        destination = self._trash.take(service, address, port, now_ns)
        if destination is None:
            destination = Destination(address, port)
        destination.forward = forward
        destination.last_weight = weight
        destination.set_weight(weight)
        destination.set_thresholds(upper, lower)
        service.insert(destination)
        return destination

    def edit_destination(
        self,
        service: VirtualService,
        address: str,
        port: int | None = None,
        *,
        weight: int | None = None,
        upper: int | None = None,
        lower: int | None = None,
        forward: Forward | None = None,
        now_ns: int | None = None,
    ) -> Destination:
        """Change what is given, keep the rest; the place in the list stays.

        Raises:
            NoSuchService: the service was deleted.
            NoSuchDestination: it has no such destination.
            InvalidRule: anything ipvsadm would not take.
        """
        destination = self._destination(service, address, port)
        weight = destination.weight if weight is None else weight
        upper = destination.upper if upper is None else upper
        lower = destination.lower if lower is None else lower
        check_load(weight, upper, lower)
        self._at(now_ns)
        destination.forward = forward or destination.forward
        destination.set_weight(weight)
        destination.set_thresholds(upper, lower)
        service.edited(destination)
        return destination

    def remove_destination(
        self, service: VirtualService, address: str, port: int | None = None, *, now_ns: int | None = None
    ) -> None:
        """Delete a real server. Its connections hang, or are forgotten with expire_nodest_conn.

        Raises:
            NoSuchService: the service was deleted.
            NoSuchDestination: it has no such destination.
        """
        destination = self._destination(service, address, port)
        self._discard(service, destination, self._at(now_ns))

    def _discard(self, service: VirtualService, destination: Destination, now_ns: int) -> None:
        service.unlink(destination)
        self._trash.put(service, destination, now_ns)
        if self.sysctls.expire_nodest_conn:
            # The kernel does this a jiffy later, in the background.
            self._connections.flush(destination, now_ns)

    # Everything else

    def set_timeouts(
        self, tcp_s: int = 0, tcpfin_s: int = 0, udp_s: int = 0, *, now_ns: int | None = None
    ) -> None:
        """Change time-outs as ``ipvsadm --set``: ESTABLISHED, FIN_WAIT, UDP; 0 leaves one as it is."""
        for seconds in (tcp_s, tcpfin_s, udp_s):
            if not whole(seconds):
                raise InvalidRule(f"illegal timeout specified: {seconds!r}")
        self._at(now_ns)
        self._connections.set_timeouts(tcp_s, tcpfin_s, udp_s)

    def zero(self, service: VirtualService | None = None) -> None:
        """Let statistics count from here, as ``ipvsadm -Z``.

        Raises:
            NoSuchService: the service was deleted.
        """
        if service is not None:
            self._known(service)
        for one in [service] if service is not None else self.services:
            one.zero()

    def advance(self, now_ns: int) -> None:
        """Bring every counter up to `now_ns`: what is due expires.

        Raises:
            InvalidRule: `now_ns` is earlier than an instant told before.
        """
        self._at(now_ns)

    @property
    def now_ns(self) -> int:
        """The latest instant the table was told."""
        connections = self._connections
        return max(connections.now_ns, connections.born_ns[-1] if connections.born_ns else 0)

    @property
    def timeouts_ns(self) -> Mapping[State, int]:
        """How long a connection in each state is remembered after its last packet."""
        return self._connections.timeouts_ns

    def entries(self, now_ns: int | None = None) -> list[Entry]:
        """The live connections at `now_ns`, oldest first."""
        self._at(now_ns)
        return list(self._connections)

    def templates(self, now_ns: int | None = None) -> list[Template]:
        """The live persistence templates at `now_ns`, oldest first; not those given up."""
        self._at(now_ns)
        return list(self._connections.templates.values())

    def _at(self, now_ns: int | None) -> int:
        if now_ns is None:
            now_ns = self.now_ns
        self._connections.advance(now_ns)
        return now_ns

    def _find(self, key: ServiceKey) -> VirtualService | None:
        return self._marks.get(key) if isinstance(key, int) else self._services[key[0]].get(key[1:])

    def _known(self, service: VirtualService, message: str = "No such service") -> None:
        if not isinstance(service, VirtualService) or self._find(service.key) is not service:
            raise NoSuchService(message)

    def _destination(self, service: VirtualService, address: str, port: int | None) -> Destination:
        self._known(service)
        found = service.find(*server_place(service, address, port, Forward.MASQ))
        if found is None:
            raise NoSuchDestination
        return found

    def _options(self, choice: BalancerChoice, flags: str | Sequence[str]) -> Options:
        resolve_balancer(choice)
        if choice == "twos" and self._rng is None:
            self._rng = Random(0)
        return Options(check_flags(choice, flags), self._rng, self._active_weight, self.sysctls)

"""Room ipvs: a virtual service and its destinations.

In: what the table tells it. Out: the kernel list of destinations, the balancer bound to it, and what a
packet needs to know at once (``plain``, ``short``). It does not know connections or time-outs.
Rules: the list is in the kernel's order, the newest destination at the head; an edit never moves one.
Only the table writes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from meshsim.errors import InvalidRule
from meshsim.ipvs.balancers.protocol import Balancer, Options
from meshsim.ipvs.balancers.registry import BalancerChoice, balancer_name, make_balancer
from meshsim.ipvs.destination import Destination, Forward, Stats
from meshsim.ipvs.flow import Flow, address_number
from meshsim.ipvs.states import SECOND

__all__ = ["ServiceKey", "VirtualService"]

ServiceKey: TypeAlias = tuple[str, str, int] | int
"""(protocol, address, port), or a firewall mark."""


class VirtualService:
    """One virtual service: what it is for, who serves it, who chooses.

    Made by :meth:`Table.add_service`; read-only for others.

    Attributes:
        key: (protocol, address, port), or the firewall mark.
        balancer: the object that picks; see :class:`~meshsim.ipvs.balancers.Balancer`.
        choice: the name or factory the balancer was made from.
        flags: scheduler flags, as ``sh-port``.
        persistent_s: seconds a client is kept on its server; 0 is off.
        netmask: which clients count as one for persistence.
        one_packet: each UDP datagram is scheduled alone.
        destinations: the kernel list, newest first.
        plain: a new connection is picked and remembered, and nothing else.
        sees_flow: whether the balancer looks at flows.
        short: so is a whole conversation of one instant: plain, and replies pass the director.

    Source: linux include/net/ip_vs.h struct ip_vs_service.
    """

    __slots__ = (
        "_hooks",
        "_retired",
        "_zero",
        "balancer",
        "choice",
        "destinations",
        "flags",
        "key",
        "netmask",
        "one_packet",
        "persistent_s",
        "pick",
        "plain",
        "sees_flow",
        "short",
    )

    def __init__(self, key: ServiceKey) -> None:
        self.key = key
        self.destinations: list[Destination] = []
        self.choice: BalancerChoice = "wlc"
        self.flags: tuple[str, ...] = ()
        self.persistent_s = 0
        self.netmask = "255.255.255.255"
        self.one_packet = False
        self.plain = True
        self.short = True
        self._retired = Stats()  # what destinations that left had counted
        self._zero = Stats()

    @property
    def mark(self) -> int:
        """The firewall mark, 0 for a service with an address."""
        return self.key if isinstance(self.key, int) else 0

    @property
    def name(self) -> str:
        """The balancer's name, where ipvsadm prints the scheduler."""
        return balancer_name(self.choice)

    def bind(self, choice: BalancerChoice, options: Options, now_ns: int) -> None:
        """Make a fresh balancer and let it begin with the destinations there are."""
        balancer = make_balancer(choice, options)
        self.choice = choice
        self.flags = options.flags
        self._attach(balancer)
        bound = self._hooks["bound"]
        if bound is not None:
            bound(self.destinations, now_ns)

    def _attach(self, balancer: Balancer) -> None:
        self.balancer = balancer
        sees_all = getattr(balancer, "sees_all", False)
        self.sees_flow: bool = getattr(balancer, "sees_flow", True)
        self.pick = balancer.pick if sees_all else _Guarded(balancer).pick
        self._hooks = {
            name: getattr(balancer, name, None) for name in ("bound", "added", "removed", "changed")
        }

    def _tell(self, hook: str, destination: Destination, position: int) -> None:
        method = self._hooks[hook]
        if method is not None:
            method(self.destinations, destination, position)

    def set(self, persistent_s: int, netmask: str, one_packet: bool) -> None:
        """Change how connections are scheduled, beside the balancer."""
        self.persistent_s = persistent_s
        self.netmask = netmask
        self.one_packet = one_packet
        self._settle()

    def _settle(self) -> None:
        """Work out whether packets, and conversations, may take the short way."""
        self.plain = not (
            self.persistent_s
            or self.one_packet
            or any(destination.upper for destination in self.destinations)
        )
        self.short = self.plain and all(one.forward is Forward.MASQ for one in self.destinations)

    def insert(self, destination: Destination) -> None:
        """A new destination goes to the head, also when it comes back from the trash.

        Source: linux net/netfilter/ipvs/ip_vs_ctl.c __ip_vs_update_dest.
        """
        destination.available = True
        self._retired -= destination.counters()  # they count as the destination's again
        self.destinations.insert(0, destination)
        self._settle()
        self._tell("added", destination, 0)

    def edited(self, destination: Destination) -> None:
        """Weight or thresholds were edited; the place in the list stays."""
        self._settle()
        self._tell("changed", destination, self.destinations.index(destination))

    def unlink(self, destination: Destination) -> None:
        """Take a destination out of the list."""
        position = self.destinations.index(destination)
        del self.destinations[position]
        destination.available = False
        self._retired += destination.counters()
        self._settle()
        self._tell("removed", destination, position)

    def find(self, address: str, port: int) -> Destination | None:
        """The destination with that address and port. Complexity: O(destinations)."""
        for destination in self.destinations:
            if destination.address == address and destination.port == port:
                return destination
        return None

    def mask(self, address: str) -> int:
        """A client's address under the netmask, as a number."""
        return address_number(address) & address_number(self.netmask)

    @property
    def persistent_ns(self) -> int:
        """The persistence time-out in nanoseconds."""
        return self.persistent_s * SECOND

    def stats(self) -> Stats:
        """The counters since the last :meth:`Table.zero`, of all destinations that ever served."""
        return self._counters() - self._zero

    def zero(self) -> None:
        """Let :meth:`stats` count from here, for the service and its destinations."""
        self._zero = self._counters()
        for destination in self.destinations:
            destination.zero()

    def _counters(self) -> Stats:
        return sum((destination.counters() for destination in self.destinations), self._retired)

    def check(self) -> None:
        """Assert what must always hold of the list."""
        places = [(destination.address, destination.port) for destination in self.destinations]
        assert len(places) == len(set(places)), self
        for destination in self.destinations:
            destination.check()
            assert destination.available, destination
            assert not (self.plain and destination.upper), self
        assert not (self.plain and (self.persistent_s or self.one_packet)), self

    def __repr__(self) -> str:
        where = f"mark {self.key}" if isinstance(self.key, int) else "{} {}:{}".format(*self.key)
        return f"<VirtualService {where} {self.name}, {len(self.destinations)} destinations>"


class _Guarded:
    """Stands before a balancer that does not see all: gives it only what may be used, checks its answer."""

    __slots__ = ("_balancer",)

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        usable = [destination for destination in destinations if destination.usable]
        if not usable:
            return None
        choice = self._balancer.pick(usable, flow, now_ns)
        if choice is not None and choice not in usable:
            raise InvalidRule(
                f"{type(self._balancer).__name__}.pick gave {choice!r}, which is none of its choices"
            )
        return choice

"""Room dataplane: a machine without engine.

Comes in: a name and an address. Goes out: connections to hosts. It is known to nobody's gossip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from meshsim.dataplane.path import connect, ping
from meshsim.dataplane.ports import EphemeralPorts
from meshsim.dataplane.visit import Visit, Way, visit
from meshsim.profile import Profile
from meshsim.sim import Clock

if TYPE_CHECKING:
    from meshsim.dataplane.opened import Opened
    from meshsim.dataplane.outcome import Echo, Failed
    from meshsim.dataplane.world import World

__all__ = ["Outsider"]


class Outsider:
    """A machine without engine: a user's laptop, a load balancer in front of the swarm.

    Attributes:
        machine, address: its name and address.
        clock, profile, world: the cluster's.
        ports: its source ports.
        ways: that were walked before.
    """

    __slots__ = ("address", "clock", "machine", "ports", "profile", "ways", "world")

    inside: ClassVar[bool] = False
    plane: ClassVar[None] = None

    def __init__(self, name: str, address: str, *, clock: Clock, profile: Profile, world: World) -> None:
        self.machine = name
        self.address = address
        self.clock = clock
        self.profile = profile
        self.world = world
        self.ports = EphemeralPorts()
        self.ways: dict[tuple[str, int], Way] = {}

    def __repr__(self) -> str:
        return f"<Outsider {self.machine} {self.address}>"

    def connect(
        self, address: str, port: int, *, protocol: str = "tcp", source_port: int = 0, trace: bool = False
    ) -> Opened | Failed:
        """Open a connection from this machine; see :func:`connect`."""
        return connect(self, address, port, protocol=protocol, source_port=source_port, trace=trace)

    def visit(self, address: str, port: int, *, source_port: int = 0, trace: bool = False) -> Visit | Failed:
        """Open a connection, send one request, close; see :func:`meshsim.dataplane.visit.visit`."""
        return visit(self, address, port, source_port=source_port, trace=trace)

    def ping(self, address: str) -> Echo:
        """Send one echo request from this machine."""
        return ping(self, address)

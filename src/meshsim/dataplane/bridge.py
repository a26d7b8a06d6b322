"""Room dataplane: a local network of one host.

Comes in: containers of the host. Goes out: their addresses and names, known on this host alone. No gossip
tells of it.
"""

from __future__ import annotations

from meshsim.dataplane.subnet import Subnet
from meshsim.dns import Zone
from meshsim.sim import Own

__all__ = ["Bridge"]


class Bridge:
    """A local network of one host: who is on it, and their names.

    Attributes:
        network_id, network, subnet: which.
        zone: the names; empty on the default bridge, which has none.
        gateway: the bridge's own address.
        internal: it leads nowhere outside.
        known: address -> endpoint id of the container that has it.
    """

    __slots__ = ("covers", "gateway", "internal", "known", "network", "network_id", "subnet", "zone")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    network_id: str
    network: str
    subnet: str
    gateway: str
    internal: bool
    covers: Subnet
    # Held by nobody else: forks copy it without remembering that they did.
    known: Own[dict[str, str]]

    def __init__(
        self, network_id: str, network: str, subnet: str, gateway: str, *, internal: bool = False
    ) -> None:
        self.network_id = network_id
        self.network = network
        self.subnet = subnet
        self.gateway = gateway
        self.internal = internal
        self.covers = Subnet(subnet)
        self.zone = Zone(network, kind="local", internal=internal)
        self.known = {}

"""Room cluster: the networks that only one machine has.

Comes in: the machine's address (pools that hold it are skipped) and users' wishes. Goes out: records of
``bridge``, ``host``, ``none``, ``docker_gwbridge`` and a user's own bridges, and addresses on them, lowest
free first. It does not know swarm networks.

Source: moby daemon/daemon_unix.go initNetworkController, daemon/libnetwork/ipamutils/utils.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import attrs

from meshsim.errors import Conflict, Forbidden, IpamError, NoAddressLeft
from meshsim.ipam import LOCAL_POOLS, Ipam, Pool, SubnetChoice, SubnetOrder
from meshsim.model.frozen import EMPTY, FrozenDict
from meshsim.sim import Lent, Own, container_id
from meshsim.views.shapes import LocalNetworkFacts, Plug

__all__ = ["GATEWAY_BRIDGE", "PREDEFINED", "LocalNetworks"]

GATEWAY_BRIDGE = "docker_gwbridge"
#: (name, driver) made at the engine's start; networks of these drivers have no subnet but bridges
PREDEFINED = (("bridge", "bridge"), ("host", "host"), ("none", "null"))
#: Source: moby daemon/libnetwork/sandbox_dns_unix.go's bridge options; recorded on a real 26.1.5
_GATEWAY_OPTIONS = FrozenDict(
    {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.name": GATEWAY_BRIDGE,
    }
)


class _Given:
    """The subnets of a machine's bridges, and by name of the bridge its addresses."""

    __slots__ = ("ipam", "pools")

    def __init__(self, order: SubnetOrder) -> None:
        self.ipam = Ipam(LOCAL_POOLS, order=order, serial=False)
        self.pools: dict[str, Pool] = {}


class LocalNetworks:
    """The local networks of one machine, and who has which address on them.

    Args:
        address: the machine's own; a subnet that overlaps its LAN (a /24) is not taken automatically.
        rng: draws ids.
        order: see :class:`~meshsim.ipam.Ipam`.
    """

    __slots__ = ("_given", "_lan", "_records", "_rng")

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    _lan: str
    # Held by nobody else: forks copy them without remembering that they did.
    _records: Own[dict[str, LocalNetworkFacts]]

    def __init__(self, address: str, rng: Random, order: SubnetOrder = "first-fit") -> None:
        self._rng = rng
        self._lan = f"{address}/24"
        self._given = Lent(_Given(order))
        self._records = {}
        for name, driver in PREDEFINED:
            self._make(name, driver, created_ns=0)

    def __repr__(self) -> str:
        return f"<LocalNetworks {', '.join(self._records)}>"

    def __iter__(self) -> Iterator[LocalNetworkFacts]:
        return iter(self._records.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is a network of that name."""
        return name in self._records

    @property
    def bridge(self) -> LocalNetworkFacts:
        """The default bridge."""
        return self._records["bridge"]

    def get(self, text: str) -> LocalNetworkFacts | None:
        """The network of that name, id or beginning of an id; None when there is none."""
        if text in self._records:
            return self._records[text]
        return next((r for r in self._records.values() if text and r.id.startswith(text)), None)

    def create(
        self,
        name: str,
        *,
        wish: SubnetChoice | None = None,
        aside: Sequence[str] = (),
        internal: bool = False,
        attachable: bool = False,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        created_ns: int = 0,
    ) -> LocalNetworkFacts:
        """Make a bridge network of the user's own.

        ``wish`` is its subnet, range and gateway if given, ``aside`` addresses that nobody gets.

        Raises:
            Conflict: the name is taken.
            Forbidden: the name is one of the engine's, or there is no such subnet to give.
        """
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"operation is not permitted on predefined {name} network ")
        if name in self._records:
            raise Conflict(f"network with name {name} already exists")
        try:
            record = self._make(name, "bridge", wish=wish, created_ns=created_ns)
            for address in aside:
                self._given.own().pools[name].specific(address)
        except IpamError as error:
            if name in self._records:
                self.remove(name, ())
            raise Forbidden(str(error)) from error
        return self._put(
            attrs.evolve(
                record,
                internal=internal,
                attachable=attachable,
                options=FrozenDict(options or {}),
                labels=FrozenDict(labels or {}),
            )
        )

    def make_gateway_bridge(self, now_ns: int) -> str:
        """Make the bridge by which sandboxes reach the outside; returns its subnet."""
        return self._make(GATEWAY_BRIDGE, "bridge", created_ns=now_ns, options=_GATEWAY_OPTIONS).subnet

    def remove(self, name: str, plugs: Sequence[Plug], *, lists: bool = True) -> None:
        """Remove a user's own network that nobody uses.

        Args:
            name: of the network.
            plugs: who is on it.
            lists: whether the refusal lists them, as engines do since 28; before it had the network's id.

        Raises:
            Forbidden: it is one of the engine's, or in use.

        Source: moby daemon/libnetwork/network.go Network.delete, error.go ActiveEndpointsError.
        """
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
        if plugs:
            told = ", ".join(f'name:"{plug.name}" id:"{plug.endpoint_id[:12]}"' for plug in plugs)
            which = f"{name} has" if lists else f"{name} id {self._records[name].id} has"
            tail = f" ({told})" if lists else ""
            raise Forbidden(f"error while removing network: network {which} active endpoints{tail}")
        del self._records[name]
        given = self._given.own()
        given.ipam.release(given.pools.pop(name))

    def lease(self, text: str, wanted: str = "") -> str:
        """Hand out an address of a bridge with the length of its subnet: the one wanted, or the lowest free.

        Raises:
            Forbidden: it is taken, outside, or none is left.

        Source: moby daemon/libnetwork/endpoint.go assignAddressVersion.
        """
        pool = self._pool(text)
        try:
            return pool.cidr(pool.specific(wanted) if wanted else pool.any())
        except NoAddressLeft:
            record = self.get(text)
            assert record is not None
            raise Forbidden(
                f"no available IPv4 addresses on this network's address pools: {record.name} ({record.id})"
            ) from None
        except IpamError as error:
            raise Forbidden(str(error)) from error

    def give_back(self, text: str, address: str) -> None:
        """Take an address back."""
        self._pool(text).release(address)

    def _pool(self, text: str) -> Pool:
        record = self.get(text)
        assert record is not None
        return self._given.own().pools[record.name]

    def _make(
        self,
        name: str,
        driver: str,
        *,
        wish: SubnetChoice | None = None,
        created_ns: int,
        options: FrozenDict[str, str] = EMPTY,
    ) -> LocalNetworkFacts:
        identifier = container_id(self._rng)
        subnet = gateway = ""
        if driver == "bridge":
            pool = self._given.own().pools[name] = self._open(wish or SubnetChoice(""))
            subnet, gateway = pool.subnet, pool.take_gateway((wish and wish.gateway) or None)
        ip_range = (wish and wish.ip_range) or ""
        return self._put(
            LocalNetworkFacts(
                identifier, name, driver, subnet, gateway, created_ns, options=options, ip_range=ip_range
            )
        )

    def _open(self, wish: SubnetChoice) -> Pool:
        if not wish.subnet:
            return self._given.own().ipam.any(exclude=[self._lan])
        return self._given.own().ipam.specific(wish.subnet, ip_range=wish.ip_range or None)

    def _put(self, record: LocalNetworkFacts) -> LocalNetworkFacts:
        self._records[record.name] = record
        return record

"""Room cluster: the networks that only one machine has.

Comes in: the machine's address (pools that hold it are skipped) and users' wishes. Goes out: records of
``bridge``, ``host``, ``none``, ``docker_gwbridge`` and a user's own bridges, and addresses on them, lowest
free first. It does not know swarm networks.

Source: moby daemon/daemon_unix.go initNetworkController, daemon/libnetwork/ipamutils/utils.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import attrs

from meshsim.errors import Conflict, Forbidden
from meshsim.ipam import LOCAL_POOLS, Ipam, Pool
from meshsim.model.frozen import FrozenDict
from meshsim.sim import container_id
from meshsim.views.shapes import LocalNetworkFacts

__all__ = ["GATEWAY_BRIDGE", "PREDEFINED", "LocalNetworks"]

GATEWAY_BRIDGE = "docker_gwbridge"
#: (name, driver) made at the engine's start; networks of these drivers have no subnet but bridges
PREDEFINED = (("bridge", "bridge"), ("host", "host"), ("none", "null"))
#: Source: moby daemon/libnetwork/sandbox_dns_unix.go's bridge options; recorded on a real 26.1.5
_GATEWAY_OPTIONS = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.name": GATEWAY_BRIDGE,
}


class LocalNetworks:
    """The local networks of one machine, and who has which address on them."""

    def __init__(self, address: str, rng: Random) -> None:
        self._rng = rng
        self._lan = f"{address}/16"
        self._ipam = Ipam(LOCAL_POOLS, serial=False)
        self._records: dict[str, LocalNetworkFacts] = {}
        self._pools: dict[str, Pool] = {}
        for name, driver in PREDEFINED:
            self._make(name, driver, created_ns=0)

    def __repr__(self) -> str:
        return f"<LocalNetworks {', '.join(self._records)}>"

    def __iter__(self) -> Iterator[LocalNetworkFacts]:
        return iter(self._records.values())

    def get(self, text: str) -> LocalNetworkFacts | None:
        """The network of that name, id or beginning of an id; None when there is none."""
        if text in self._records:
            return self._records[text]
        return next((r for r in self._records.values() if text and r.id.startswith(text)), None)

    def create(
        self,
        name: str,
        *,
        subnet: str = "",
        gateway: str = "",
        internal: bool = False,
        attachable: bool = False,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        created_ns: int = 0,
    ) -> LocalNetworkFacts:
        """Make a bridge network of the user's own.

        Raises:
            Conflict: the name is taken.
            Forbidden: the name is one of the engine's.
        """
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"operation is not permitted on predefined {name} network ")
        if name in self._records:
            raise Conflict(f"network with name {name} already exists")
        record = self._make(name, "bridge", subnet=subnet, gateway=gateway, created_ns=created_ns)
        return self._put(
            attrs.evolve(
                record,
                internal=internal,
                attachable=attachable,
                options=FrozenDict(options or {}),
                labels=FrozenDict(labels or {}),
            )
        )

    def ensure_gateway_bridge(self, now_ns: int) -> LocalNetworkFacts:
        """The bridge by which sandboxes reach the outside; made when the first one needs it."""
        record = self._records.get(GATEWAY_BRIDGE)
        if record is None:
            record = self._make(GATEWAY_BRIDGE, "bridge", created_ns=now_ns)
            record = self._put(attrs.evolve(record, options=FrozenDict(_GATEWAY_OPTIONS)))
        return record

    def remove(self, name: str, users: int) -> None:
        """Remove a user's own network that nobody uses.

        Raises:
            Forbidden: it is one of the engine's, or in use.
        """
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
        if users or name == GATEWAY_BRIDGE:
            raise Forbidden(f"error while removing network: network {name} has active endpoints")
        del self._records[name]
        self._ipam.release(self._pools.pop(name))

    def lease(self, text: str) -> str:
        """Hand out the lowest free address of a bridge, with the length of its subnet."""
        pool = self._pool(text)
        return pool.cidr(pool.any())

    def give_back(self, text: str, address: str) -> None:
        """Take an address back."""
        self._pool(text).release(address)

    def _pool(self, text: str) -> Pool:
        record = self.get(text)
        assert record is not None
        return self._pools[record.name]

    def _make(
        self, name: str, driver: str, *, subnet: str = "", gateway: str = "", created_ns: int
    ) -> LocalNetworkFacts:
        record = LocalNetworkFacts(container_id(self._rng), name, driver, created_ns=created_ns)
        if driver == "bridge":
            pool = self._ipam.specific(subnet) if subnet else self._ipam.any(exclude=[self._lan])
            self._pools[name] = pool
            record = attrs.evolve(record, subnet=pool.subnet, gateway=pool.take_gateway(gateway or None))
        return self._put(record)

    def _put(self, record: LocalNetworkFacts) -> LocalNetworkFacts:
        self._records[record.name] = record
        return record

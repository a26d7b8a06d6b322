"""Room manager, allocator: subnets, VXLAN ids and addresses of the swarm's overlays.

Comes in: networks, and requests for an address on one. Goes out: subnets, ids, addresses with the
subnet's mask (``10.0.1.2/24``). Rules of this file: every number is serial, so a freed one returns only
after the wrap; the cursors live here and nowhere else, so a new leader starts without them. It does not
know services, tasks or nodes.

Source: moby daemon/libnetwork/cnmallocator/networkallocator.go; drivers/overlay/ovmanager/ovmanager.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define

from meshsim.errors import AddressOutOfRange, IpamError, NoAddressLeft
from meshsim.ipam import VXLAN_LAST, Ipam, Pool, Serial
from meshsim.model.objects import IpamState, Network, Swarm
from meshsim.model.specs import IpamConfig
from meshsim.profile import Profile

__all__ = ["NetworkAllocator"]

#: Source: moby daemon/libnetwork/netlabel/labels.go OverlayVxlanIDList.
VXLAN_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
#: "any subnet of this size". Source: moby daemon/libnetwork/ipams/defaultipam/allocator.go RequestPool.
_ANY_OF_SIZE = "0.0.0.0/"


@define(slots=True)
class _Local:
    """What is held for one network."""

    pools: list[Pool]
    vxlan_ids: list[int]


class NetworkAllocator:
    """The subnets of one swarm and the addresses on them, as its present leader knows them.

    >>> from meshsim.model.specs import NetworkSpec
    >>> networks = NetworkAllocator(Swarm("c1"), Profile())
    >>> eg1 = networks.allocate(Network("n1", spec=NetworkSpec("eg1")))
    >>> eg1
    ((IpamState(subnet='10.0.0.0/24', gateway='10.0.0.1', ip_range=''),), (4096,))
    >>> networks.take("n1"), networks.take("n1")
    ('10.0.0.2/24', '10.0.0.3/24')
    """

    __slots__ = ("_ipam", "_locals", "_sized", "_vxlan")

    def __init__(self, swarm: Swarm, profile: Profile) -> None:
        pools = [(pool, swarm.subnet_size) for pool in swarm.default_pools]
        self._ipam = Ipam(pools, order=profile.subnet_order)
        #: whether 0.0.0.0/N means any subnet of that size, which came with the order
        self._sized = profile.subnet_order == "first-fit"
        self._vxlan = Serial(profile.vxlan_start, VXLAN_LAST)
        self._locals: dict[str, _Local] = {}

    def __repr__(self) -> str:
        return f"<NetworkAllocator: {len(self._locals)} networks, {self._ipam!r}>"

    def __contains__(self, network_id: str) -> bool:
        """Whether the network is allocated."""
        return network_id in self._locals

    def allocate(self, network: Network) -> tuple[tuple[IpamState, ...], tuple[int, ...]]:
        """Give the network its subnets, gateways and VXLAN ids; all or nothing.

        Raises:
            IpamError: no subnet, gateway or VXLAN id can be given; the sentence is the manager log's.

        Source: moby cnmallocator/networkallocator.go allocatePools; ovmanager.go NetworkAllocate.
        """
        local = _Local([], [])
        states = []
        try:
            for config in network.spec.ipam or (IpamConfig(),):
                pool = self._open(config)
                local.pools.append(pool)
                gateway = pool.take_gateway(config.gateway or None)
                states.append(IpamState(pool.subnet, gateway, config.ip_range))
            self._take_vxlan_ids(network, local)
        except IpamError:
            self._close(local)
            raise
        self._locals[network.id] = local
        return tuple(states), tuple(local.vxlan_ids)

    def _open(self, config: IpamConfig) -> Pool:
        if not config.subnet:
            return self._ipam.any()
        if self._sized and config.subnet.startswith(_ANY_OF_SIZE):
            return self._ipam.any(prefix_length=int(config.subnet.removeprefix(_ANY_OF_SIZE)))
        return self._ipam.specific(config.subnet, ip_range=config.ip_range or None)

    def _take_vxlan_ids(self, network: Network, local: _Local) -> None:
        asked = [int(text) for text in network.spec.options.get(VXLAN_OPTION, "").split(",") if text]
        for position, pool in enumerate(local.pools):
            if position >= len(asked):
                local.vxlan_ids.append(self._vxlan.any())
                continue
            number = asked[position]
            try:
                local.vxlan_ids.append(self._vxlan.specific(number))
            except IpamError as error:
                raise IpamError(
                    f"could not assign vxlan id {number} to pool {pool.subnet}: {error}"
                ) from error

    def restore(self, network: Network) -> None:
        """Take what the store says the network has."""
        local = _Local([], [])
        for state in network.ipam:
            pool = self._ipam.specific(state.subnet, ip_range=state.ip_range or None)
            pool.take_gateway(state.gateway)
            local.pools.append(pool)
        local.vxlan_ids = [self._vxlan.specific(number) for number in network.vxlan_ids]
        self._locals[network.id] = local

    def release_network(self, network_id: str) -> bool:
        """Give everything of the network back; False when it held nothing."""
        local = self._locals.pop(network_id, None)
        if local is not None:
            self._close(local)
        return local is not None

    def _close(self, local: _Local) -> None:
        for number in local.vxlan_ids:
            self._vxlan.release(number)
        for pool in local.pools:
            self._ipam.release(pool)

    def take(self, network_id: str, wanted: str = "") -> str:
        """Take an address on the network: that one, or the next free one of its first subnet that has one.

        Returns:
            The address with mask.

        Raises:
            IpamError: it is taken, outside, or none is left.
            KeyError: the network is not allocated.
        """
        for pool in self._locals[network_id].pools:
            try:
                return pool.cidr(pool.specific(wanted) if wanted else pool.any())
            except (NoAddressLeft, AddressOutOfRange):
                continue
        raise AddressOutOfRange(wanted) if wanted else NoAddressLeft

    def release(self, network_id: str, address: str) -> None:
        """Give an address back; harmless when the network is gone."""
        local = self._locals.get(network_id)
        for pool in local.pools if local else ():
            try:
                pool.release(address)
            except AddressOutOfRange:
                continue
            return

    def check(self, held: Mapping[str, Sequence[str]]) -> None:
        """Assert that the subnets are sound, and handed out: these addresses by network, and gateways.

        An address that stands there twice, or is in no subnet of its network, is found too.
        """
        self._ipam.check()
        for network_id, local in self._locals.items():
            gateways = [pool.gateway for pool in local.pools if pool.gateway]
            told = [address.partition("/")[0] for address in held.get(network_id, ())]
            taken = [address for pool in local.pools for address in pool]
            assert sorted(taken) == sorted(gateways + told), network_id

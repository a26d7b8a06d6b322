"""Room cluster: networks, as ``docker network`` handles them: the swarm's and this machine's own."""

from __future__ import annotations

from typing import Any, TypeAlias

from meshsim.cluster.collections.base import Collection, Handle
from meshsim.cluster.locals import PREDEFINED
from meshsim.cluster.membership import NOT_IN_SWARM
from meshsim.cluster.specvalues import Words, pairs_of, words_of
from meshsim.errors import Ambiguous, Conflict, Forbidden, InvalidParameter, NotFound, NotManager
from meshsim.ipam import SubnetChoice, check_engine_subnets, command_line_subnets
from meshsim.model.objects import Network
from meshsim.model.specs import IpamConfig, NetworkSpec
from meshsim.views import shapes
from meshsim.views.shapes import LocalNetworkFacts, NetworkUse, Plug

__all__ = ["NetworkHandle", "Networks"]

#: drivers of networks that one machine alone has, and those that are the swarm's
LOCAL_DRIVERS = ("bridge", "host", "null", "macvlan", "ipvlan")


Records: TypeAlias = list[Network]


class NetworkHandle(Handle[Network | LocalNetworkFacts]):
    """One network as this machine knows it."""

    kind = "network"

    @property
    def record(self) -> Network | LocalNetworkFacts:
        """The network as it is now."""
        found = self._host.networks.find(self.id)
        if found is None:
            raise NotFound(f"network {self.id} not found")
        return found

    @property
    def scope(self) -> str:
        """``swarm`` or ``local``."""
        return "swarm" if isinstance(self.record, Network) else "local"

    @property
    def subnet(self) -> str:
        """Its (first) subnet; empty while it has none."""
        record = self.record
        if isinstance(record, Network):
            return record.ipam[0].subnet if record.ipam else ""
        return record.subnet

    def _shape(self) -> Any:
        record, epoch_ns = self.record, self._host.cluster.epoch_ns
        if isinstance(record, Network):
            return shapes.network(record, self._use(record), epoch_ns=epoch_ns)
        return shapes.local_network(record, epoch_ns=epoch_ns)

    def _use(self, record: Network) -> NetworkUse | None:
        """What is plugged in on this machine, and who gossips about the network."""
        host = self._host
        sandbox = host.plane.sandboxes.get(record.id)
        if sandbox is None:
            return None
        length = record.ipam[0].subnet.partition("/")[2]
        plugs = [
            Plug(c.id, c.name, host.cluster.hex_id(f"{c.id}/{a.network_id}"), a.address)
            for c in host.engine.containers.values()
            if c.running
            for a in c.attachments
            if a.network_id == record.id
        ]
        key = "ingress-sbox" if record.spec.ingress else f"lb-{record.name}"
        name = f"{record.name}-endpoint"
        plugs.append(
            Plug(key, name, host.cluster.hex_id(f"{host.name}/{key}"), f"{sandbox.lb_address}/{length}")
        )
        return NetworkUse(sandbox.view.joined_ns, tuple(plugs), host.cluster.gossip_peers(record.id))

    def remove(self) -> None:
        """Remove it.

        Raises:
            FailedPrecondition, Forbidden: it is in use, or one of the engine's own.
        """
        host, record = self._host, self.record
        if isinstance(record, Network):
            member = host.networks._member
            member.control().remove_network(record.id)
            return
        users = sum(
            any(network.id == record.id for network in c.local_networks)
            for c in host.engine.containers.values()
            if c.running
        )
        host.engine.networks.remove(record.name, users)
        host.plane.remove_bridge(record.id)


class Networks(Collection):
    """``docker network``."""

    def create(
        self,
        name: str,
        *,
        driver: str = "bridge",
        attachable: bool = False,
        internal: bool = False,
        ingress: bool = False,
        subnet: Words | None = None,
        gateway: Words | None = None,
        ip_range: Words | None = None,
        opt: dict[str, str] | Words | None = None,
        label: dict[str, str] | Words | None = None,
        ipv6: bool = False,
        scope: str = "",
    ) -> NetworkHandle:
        """Create a network; docker's default driver is ``bridge``, so say ``driver="overlay"`` in a swarm.

        Raises:
            Conflict: the name is taken.
            InvalidArgument, InvalidParameter: a value is refused.
            NotManager: an overlay asked for on a machine that is no manager.
        """
        wishes = command_line_subnets(
            words_of(subnet), ip_ranges=words_of(ip_range), gateways=words_of(gateway)
        )
        check_engine_subnets(wishes)
        host = self._host
        swarm_wide = driver == "overlay" or scope == "swarm"
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"operation is not permitted on predefined {name} network ")
        if not swarm_wide:
            return self._create_local(
                name, driver, wishes, internal=internal, attachable=attachable, opt=opt, label=label
            )
        member = host.member
        if member is None or not member.is_manager:
            # The overlay driver says so itself, in the words for machines outside any swarm.
            raise NotManager(NOT_IN_SWARM)
        control = member.control()
        taken = any(n.name == name for n in member.manager.store.networks.values())
        if taken or host.engine.networks.get(name) is not None:
            raise Conflict(f"network with name {name} already exists")
        spec = NetworkSpec(
            name,
            driver,
            pairs_of(opt),
            pairs_of(label),
            attachable=attachable,
            internal=internal,
            ingress=ingress,
            ipv6=ipv6,
            ipam=tuple(IpamConfig(w.subnet, w.ip_range or "", w.gateway or "") for w in wishes),
        )
        return NetworkHandle(host, control.create_network(spec).id)

    def _create_local(
        self, name: str, driver: str, wishes: list[SubnetChoice], *, opt: Any, label: Any, **options: bool
    ) -> NetworkHandle:
        if driver not in LOCAL_DRIVERS:
            raise NotFound(f"plugin {driver!r} not found".replace("'", '"'))
        if driver != "bridge":
            raise InvalidParameter(f"only one instance of {driver!r} network is allowed".replace("'", '"'))
        host = self._host
        if self.find_swarm(name) is not None:
            raise Conflict(f"network with name {name} already exists")
        wish = wishes[0] if wishes else None
        record = host.engine.networks.create(
            name,
            subnet=wish.subnet if wish else "",
            gateway=(wish.gateway or "") if wish else "",
            options=pairs_of(opt),
            labels=pairs_of(label),
            created_ns=host.cluster.clock.now_ns,
            **options,
        )
        host.plane.add_bridge(record.id, record.name, record.subnet, record.gateway, internal=record.internal)
        return NetworkHandle(host, record.id)

    def list(self) -> list[NetworkHandle]:
        """The networks this machine shows: managers all of the swarm's, workers those they take part in."""
        host = self._host
        self._prepare()
        records = [*self._visible(), *host.engine.networks]
        return [NetworkHandle(host, record.id) for record in records]

    def get(self, text: str) -> NetworkHandle:
        """The network of that name, id or beginning of an id.

        Raises:
            NotFound, Ambiguous: none, or several.
        """
        found = self.find(text)
        if found is None:
            raise NotFound(f"network {text} not found")
        return NetworkHandle(self._host, found.id)

    def find(self, text: str) -> Network | LocalNetworkFacts | None:
        """The record of that id, name or beginning of an id, or None.

        Raises:
            Ambiguous: several ids begin so.
        """
        self._prepare()
        records: list[Network | LocalNetworkFacts] = [*self._visible(), *self._host.engine.networks]
        for matches in (
            [r for r in records if r.id == text],
            [r for r in records if r.name == text],
            [r for r in records if text and r.id.startswith(text)],
        ):
            if len(matches) > 1:
                raise Ambiguous(
                    f"network {text} is ambiguous ({len(matches)} matches found based on "
                    f"{'name' if matches[0].name == text else 'ID prefix'})"
                )
            if matches:
                return matches[0]
        return None

    def find_swarm(self, text: str) -> Network | None:
        """The swarm network of that id, exact name or beginning of an id, even if not shown here."""
        member = self._host.member
        networks = member.manager.store.networks.values() if member is not None else ()
        for test in ("id", "name"):
            for network in networks:
                if getattr(network, test) == text and not network.predefined:
                    return network
        return next((n for n in networks if len(text) >= 3 and n.id.startswith(text)), None)

    def _visible(self) -> Records:
        member = self._host.member
        if member is None:
            return []
        shown = [n for n in member.manager.store.networks.values() if not n.predefined]
        if member.is_manager:
            return shown
        return [n for n in shown if n.id in self._host.plane.sandboxes]

    def _prepare(self) -> None:
        """docker_gwbridge is made when the first sandbox needs a way out: look whether one does by now."""
        host = self._host
        if host.plane.has_gateway_bridge:
            host.engine.networks.ensure_gateway_bridge(host.cluster.clock.now_ns)

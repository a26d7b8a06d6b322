"""Room cluster: networks, as ``docker network`` handles them: the swarm's and this machine's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve

from meshsim.cluster.collections import plugs
from meshsim.cluster.collections.base import Collection, Handle
from meshsim.cluster.container import Container
from meshsim.cluster.locals import GATEWAY_BRIDGE, PREDEFINED
from meshsim.cluster.membership import NOT_IN_SWARM
from meshsim.cluster.netfacts import local_plugs, network_use
from meshsim.cluster.specvalues import Words, pairs_of, words_of
from meshsim.errors import (
    Ambiguous,
    BadValue,
    Conflict,
    FailedPrecondition,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotManager,
    NotModelled,
)
from meshsim.ipam import SubnetChoice, check_engine_subnets, command_line_subnets
from meshsim.model.objects import Network
from meshsim.model.specs import IpamConfig, NetworkSpec
from meshsim.units import parse_duration, parse_time
from meshsim.views import shapes
from meshsim.views.filters import check as check_filters
from meshsim.views.filters import fits_pruning
from meshsim.views.shapes import LocalNetworkFacts

if TYPE_CHECKING:
    from meshsim.cluster.collections.containers import ContainerHandle

__all__ = ["NetworkHandle", "Networks"]

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
        return self.shape()

    def shape(self, *, verbose: bool = False) -> Any:
        """What ``docker network inspect`` shows of it here; ``verbose`` adds the services known here."""
        record, cluster = self.record, self._host.cluster
        has_key = cluster.profile.network_has_ipv4_key
        if isinstance(record, Network):
            use = network_use(self._host, record, verbose=verbose)
            return shapes.network(record, use, epoch_ns=cluster.epoch_ns, has_ipv4_key=has_key)
        record = evolve(record, plugs=local_plugs(self._host, record))
        return shapes.local_network(record, epoch_ns=cluster.epoch_ns, has_ipv4_key=has_key)

    def connect(self, container: str | ContainerHandle, *, aliases: Words = (), ip: str = "") -> None:
        """Put one of this machine's containers on it; see :meth:`Networks.connect`."""
        self._host.networks.connect(self.id, container, aliases=aliases, ip=ip)

    def disconnect(self, container: str | ContainerHandle, *, force: bool = False) -> None:
        """Take one of this machine's containers off it; see :meth:`Networks.disconnect`."""
        self._host.networks.disconnect(self.id, container, force=force)

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
        lists = host.cluster.profile.network_in_use == "lists"
        host.engine.networks.remove(record.name, local_plugs(host, record), lists=lists)
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
        aux_address: dict[str, str] | Words | None = None,
    ) -> NetworkHandle:
        """Create a network; docker's default driver is ``bridge``, so say ``driver="overlay"`` in a swarm.

        Args:
            name: unique, whatever the case of its letters.
            driver: ``overlay`` or ``bridge``.
            attachable: plain containers may join it.
            internal: it leads nowhere outside.
            ingress: it is the one published ports use.
            subnet: CIDR texts; default the next of the pool.
            gateway: addresses, each in one of the subnets; default the first.
            ip_range: CIDR texts, each in one of the subnets: all automatic addresses come from there.
            opt: of the driver, ``{"encrypted": ""}`` or ``["encrypted"]``.
            label: likewise.
            ipv6: accepted; swarms give no IPv6 virtual addresses.
            aux_address: name -> address to leave alone; on an overlay it is checked and forgotten, as
                swarms do.

        Raises:
            Conflict: the name is taken.
            InvalidArgument, InvalidParameter: a value is refused.
            NotManager: an overlay asked for on a machine that is no manager.
        """
        aside = pairs_of(aux_address)
        wishes = command_line_subnets(
            words_of(subnet), ip_ranges=words_of(ip_range), gateways=words_of(gateway), aux_addresses=aside
        )
        check_engine_subnets(wishes)
        host = self._host
        if not name.strip():
            raise InvalidParameter("invalid name: name is empty")
        if any(name == reserved for reserved, _ in PREDEFINED):
            raise Forbidden(f"operation is not permitted on predefined {name} network ")
        if driver != "overlay":
            if ingress:
                # Source: moby daemon/libnetwork/controller.go NewNetwork
                raise Forbidden("Ingress network can only be global scope network")
            options: dict[str, Any] = {"internal": internal, "attachable": attachable}
            options |= {"options": pairs_of(opt), "labels": pairs_of(label)}
            return self._create_local(name, driver, wishes, tuple(aside.values()), options)
        member = host.member
        if member is None or not (member.is_manager or member.lock):
            # The overlay driver says so itself, in the words for machines outside any swarm.
            raise NotManager(NOT_IN_SWARM)
        control = member.control()
        taken = any(n.name == name for n in member.manager.store.networks.values())
        if taken or name in host.engine.networks:
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
        self,
        name: str,
        driver: str,
        wishes: list[SubnetChoice],
        aside: tuple[str, ...],
        options: dict[str, Any],
    ) -> NetworkHandle:
        if driver in ("host", "null"):
            raise Forbidden(f'only one instance of "{driver}" network is allowed')
        if driver in ("ipvlan", "macvlan"):
            raise NotModelled(f"networks of driver {driver} are not modelled")
        if driver != "bridge":
            raise NotFound(f'plugin "{driver}" not found')
        if len(wishes) > 1:
            raise NotModelled("a bridge network with several subnets is not modelled")
        host = self._host
        self._prepare()  # docker_gwbridge may have taken its subnet before
        if any(network.name == name for network in self._visible()):
            raise Conflict(f"network with name {name} already exists")
        record = host.engine.networks.create(
            name,
            wish=wishes[0] if wishes else None,
            aside=aside,
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

    def connect(
        self, network: str, container: str | ContainerHandle, *, aliases: Words = (), ip: str = ""
    ) -> None:
        """Put one of this machine's containers on a network, also one the machine has not seen yet.

        Args:
            network: name or id.
            container: handle, name, id or beginning of an id.
            aliases: further names there.
            ip: the address asked for; default the next free one.

        Raises:
            NotFound, Conflict, Forbidden, InvalidParameter: with the engine's sentence; nothing has changed.
        """
        found = self._container(container)
        target = plugs.find_network(self._host, network)
        plugs.connect(self._host, found, target, aliases=words_of(aliases), ip=ip)

    def disconnect(self, network: str, container: str | ContainerHandle, *, force: bool = False) -> None:
        """Take one of this machine's containers off a network; ``force``: even if the network is gone.

        Raises:
            NotFound, InvalidParameter: no such container or network, or it is not on the network.
        """
        plugs.disconnect(self._host, self._container(container), network, force=force)

    def _container(self, container: str | ContainerHandle) -> Container:
        handle = self._host.containers.get(container) if isinstance(container, str) else container
        return handle.container

    def prune(self, filters: Mapping[str, Sequence[str]] | None = None) -> tuple[str, ...]:
        """Remove the networks nobody uses: the swarm's (on a manager), then this machine's own; their names.

        The ingress network and Docker's own ones stay.

        Args:
            filters: ``label`` and ``label!`` (``KEY`` or ``KEY=VALUE``) and one ``until``: a duration back
                from now, or a time; younger networks stay.

        Raises:
            InvalidParameter: another filter, or no time.

        Source: moby daemon/prune.go NetworksPrune, clusterNetworksPrune, localNetworksPrune.
        """
        wishes = filters or {}
        check_filters("prune", wishes)
        until_ns = self._until(wishes.get("until", ()))
        removed = []
        for handle in self.list():
            record = handle.record
            labels = record.spec.labels if isinstance(record, Network) else record.labels
            if record.created_ns > until_ns or not fits_pruning(labels, wishes):
                continue
            if isinstance(record, Network):
                if record.spec.ingress or not self._host.networks._member.is_manager:
                    continue
            elif record.name == GATEWAY_BRIDGE or any(record.name == own for own, _ in PREDEFINED):
                continue
            try:
                handle.remove()
            except (FailedPrecondition, Forbidden):
                continue
            removed.append(record.name)
        return tuple(removed)

    def _until(self, texts: Sequence[str]) -> int:
        """The moment of ``until``, in virtual nanoseconds; the present without one."""
        cluster = self._host.cluster
        if len(texts) > 1:
            raise InvalidParameter("more than one until filter specified")
        if not texts:
            return cluster.clock.now_ns
        with suppress(BadValue):
            return cluster.clock.now_ns - parse_duration(texts[0])
        try:
            return parse_time(texts[0]) - cluster.epoch_ns
        except BadValue as error:
            raise InvalidParameter(str(error)) from error

    def _visible(self) -> Records:
        member = self._host.member
        if member is None:
            return []
        shown = [n for n in member.manager.store.networks.values() if not n.predefined]
        if member.is_manager and not member.lock:
            return shown
        return [n for n in shown if n.id in self._host.plane.sandboxes]

    def _prepare(self) -> None:
        """docker_gwbridge is made when the first sandbox needs a way out: look whether one does by now."""
        ingress = self._host.plane.ingress
        if ingress is not None:
            ingress.refresh()

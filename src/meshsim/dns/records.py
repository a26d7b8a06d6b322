"""The names of one network, as one host knows them.

Room dns, floor 2. In: endpoints that are published, disabled and withdrawn
(:class:`~meshsim.dns.NamedEndpoint`). Out: the addresses of a name, the name of an address.

Rules of this file: (1) names are kept lower-case, and a record is the pair (address, owner), where the
owner is the service for shared names and the endpoint for a task's own names; adding a pair twice leaves
one, removing it takes it away. (2) A service's own name stands for its VIP from the first endpoint this
host sees until the last is fully removed. (3) Nothing is ever recorded on ingress.

It does not know queries, other networks, or how the news of an endpoint travelled.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Literal, TypeVar

from meshsim.dns.message import known_word
from meshsim.dns.names import NamedEndpoint
from meshsim.sim import Own

__all__ = ["AliasRule", "NetworkKind", "Zone"]

#: What a network is to name lookup; they are searched in this order on a swarm node.
NetworkKind = Literal["overlay", "ingress", "local"]
#: Which service aliases have a record for the VIP: those of any endpoint, counted (since 29.5), or those
#: of the first endpoint seen (before).
AliasRule = Literal["counted", "first-task"]

_Value = TypeVar("_Value", bound=Hashable)


class _ServiceHere:
    """What this host knows of one service on this network; moby calls it loadBalancer."""

    __slots__ = ("alias_counts", "backends", "holders", "vip")

    def __init__(self, vip: str) -> None:
        self.vip = vip
        self.backends: dict[str, tuple[str, ...]] = {}  # endpoint id -> its service aliases
        self.alias_counts: dict[str, int] = {}
        self.holders: dict[str, dict[str, None]] = {}  # address -> endpoint ids that hold it


class Zone:
    """The records of one network on one host.

    By fact: :meth:`add` and :meth:`remove` one record. By endpoint: :meth:`publish` all its names,
    :meth:`disable` it (its own names and ``tasks.`` go, the VIP's stay), :meth:`withdraw` it fully. To
    look up: :meth:`find` and :meth:`reverse`.

    Args:
        network: name of the network.
        kind: "overlay", "ingress" (never has a record) or "local".
        internal: the network leads nowhere outside.
        gateways: how many default gateways an endpoint here has; default 1 for a local network that is
            not internal, else 0.
        alias_rule: see :data:`AliasRule`.

    Raises:
        BadValue: no such kind or rule.

    >>> from meshsim.dns import EndpointNames
    >>> eg1 = Zone("eg1")
    >>> task = EndpointNames.of(container="http.1.n6f94", container_id="4692d8d32fdf", address="10.0.1.3/24",
    ...                         service_id="s1", service_name="http", vip="10.0.1.2/24")
    >>> eg1.publish(task)
    >>> eg1.find("http"), eg1.find("tasks.http"), eg1.find("http.1")
    (('10.0.1.2',), ('10.0.1.3',), None)
    >>> eg1.disable(task)
    >>> eg1.find("http"), eg1.find("tasks.http")
    (('10.0.1.2',), None)
    >>> eg1.withdraw(task)
    >>> eg1
    Zone(eg1, overlay: 0 names, 0 services)

    Source: moby daemon/libnetwork/network.go addSvcRecords, ResolveName; service_common.go
    addServiceBinding, rmServiceBinding.
    """

    __slots__ = (
        "_aliases_counted",
        "_found",
        "_names",
        "_reverse",
        "_services",
        "gateways",
        "internal",
        "kind",
        "network",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    network: str
    kind: NetworkKind
    internal: bool
    gateways: int
    _aliases_counted: bool
    # Held by nobody else: forks copy them without remembering that they did.
    _names: Own[dict[str, dict[tuple[str, str], None]]]
    _reverse: Own[dict[str, dict[tuple[str, str], None]]]
    _services: Own[dict[str, _ServiceHere]]
    _found: Own[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]

    def __init__(
        self,
        network: str,
        *,
        kind: NetworkKind = "overlay",
        internal: bool = False,
        gateways: int | None = None,
        alias_rule: AliasRule = "counted",
    ) -> None:
        known_word("kind of network", kind, ("overlay", "ingress", "local"))
        known_word("rule for aliases", alias_rule, ("counted", "first-task"))
        self.network = network
        self.kind = kind
        self.internal = internal
        self.gateways = int(kind == "local" and not internal) if gateways is None else gateways
        self._aliases_counted = alias_rule == "counted"
        self._names = {}
        self._reverse = {}
        self._services = {}
        # name -> (IPv4 addresses, IPv6 addresses): what find() worked out since the name last changed
        self._found = {}

    # Looking up

    def find(self, name: str, *, ipv6: bool = False) -> tuple[str, ...] | None:
        """Return the addresses of a name in the order they came; None when the name is not known.

        Args:
            name: lower-case, without final dot.
            ipv6: ask for IPv6 addresses; a name that only has others gives ``()``.

        Complexity: O(1), after a change O(records of the name).

        Source: moby daemon/libnetwork/network.go ResolveName.
        """
        found = self._found.get(name)
        if found is None:
            records = self._names.get(name)
            if records is None:
                return None
            # Two owners may give one address: it is answered once.
            addresses = tuple(dict.fromkeys(address for address, _ in records))
            found = (
                tuple(address for address in addresses if ":" not in address),
                tuple(address for address in addresses if ":" in address),
            )
            self._found[name] = found
        return found[ipv6]

    def reverse(self, address: str) -> str | None:
        """Return the name an address has had longest, as it was written; None without any.

        Source: moby daemon/libnetwork/network.go ResolveIP.
        """
        records = self._reverse.get(address)
        return next(iter(records))[0] if records else None

    # By fact

    def add(self, name: str, address: str, owner: str, *, ptr: bool = False) -> None:
        """Record that a name has an address; a second time changes nothing.

        Args:
            name: in any spelling.
            address: without mask.
            owner: id of the service or endpoint that says so.
            ptr: also answer a reverse lookup of the address with this name.

        Source: moby daemon/libnetwork/network.go addSvcRecords.
        """
        if self.kind == "ingress":
            return
        key = name.lower()
        self._names.setdefault(key, {})[address, owner] = None
        self._found.pop(key, None)
        if ptr:
            self._reverse.setdefault(address, {})[name, owner] = None

    def remove(self, name: str, address: str, owner: str, *, ptr: bool = False) -> None:
        """Take a record away; one that is not there, or has another owner, is left alone.

        Source: moby daemon/libnetwork/network.go deleteSvcRecords.
        """
        key = name.lower()
        _drop(self._names, key, (address, owner))
        self._found.pop(key, None)
        if ptr:
            _drop(self._reverse, address, (name, owner))

    # By endpoint

    def publish(self, endpoint: NamedEndpoint) -> None:
        """Record all names of an endpoint.

        Source: moby daemon/libnetwork/service_common.go addServiceBinding, addEndpointNameResolution.
        """
        if self.kind == "ingress":
            return
        self._own_names(endpoint, self.add)
        service = endpoint.service_id
        if not service:
            return
        here = self._services.get(service)
        first = here is None
        if here is None:
            here = self._services[service] = _ServiceHere(endpoint.vip)
        aliases = tuple(dict.fromkeys(endpoint.service_aliases))
        if self._aliases_counted and here.vip:
            self._count_aliases(here, service, here.backends.get(endpoint.endpoint_id, ()), aliases)
        here.backends[endpoint.endpoint_id] = aliases
        here.holders.setdefault(endpoint.address, {})[endpoint.endpoint_id] = None

        for name in _shared_names(endpoint):
            self.add(f"tasks.{name}", endpoint.address, service)
        if not endpoint.vip:
            for name in _shared_names(endpoint):
                self.add(name, endpoint.address, service)
        elif first:
            for name in self._vip_names(endpoint):
                self.add(name, endpoint.vip, service)

    def disable(self, endpoint: NamedEndpoint) -> None:
        """Take away the names that lead to this endpoint; what leads to the VIP stays.

        Source: moby daemon/libnetwork/service_common.go rmServiceBinding (fullRemove false).
        """
        self._take_away(endpoint, fully=False)

    def withdraw(self, endpoint: NamedEndpoint) -> None:
        """Take away all names of an endpoint, disabled or not; with a service's last one the VIP's too.

        Source: moby daemon/libnetwork/service_common.go rmServiceBinding (fullRemove true).
        """
        self._take_away(endpoint, fully=True)

    def clear(self) -> None:
        """Forget everything, as when the network leaves the host."""
        self._names.clear()
        self._reverse.clear()
        self._services.clear()
        self._found.clear()

    def _take_away(self, endpoint: NamedEndpoint, *, fully: bool) -> None:
        service = endpoint.service_id
        if not service:
            self._own_names(endpoint, self.remove)
            return
        here = self._services.get(service)
        if here is None or endpoint.endpoint_id not in here.backends:
            return
        if fully:
            aliases = here.backends.pop(endpoint.endpoint_id)
            if self._aliases_counted and here.vip:
                self._count_aliases(here, service, aliases, ())
        last = not here.backends
        if last:
            del self._services[service]
        held_by_another = _drop(here.holders, endpoint.address, endpoint.endpoint_id)

        self._own_names(endpoint, self.remove)
        # While an address passes from one endpoint to the next, the newcomer's records stay.
        if held_by_another:
            return
        for name in _shared_names(endpoint):
            self.remove(f"tasks.{name}", endpoint.address, service)
        if not endpoint.vip:
            for name in _shared_names(endpoint):
                self.remove(name, endpoint.address, service)
        elif last:
            for name in self._vip_names(endpoint):
                self.remove(name, endpoint.vip, service)

    def _own_names(self, endpoint: NamedEndpoint, change: Callable[..., None]) -> None:
        """Add or remove what only this endpoint is called; source: addContainerNameResolution."""
        change(endpoint.name, endpoint.address, endpoint.endpoint_id, ptr=True)
        for alias in endpoint.task_aliases:
            change(alias, endpoint.address, endpoint.endpoint_id)

    def _vip_names(self, endpoint: NamedEndpoint) -> tuple[str, ...]:
        """The names that stand and fall with the service; counted aliases have a life of their own."""
        return (endpoint.service_name,) if self._aliases_counted else _shared_names(endpoint)

    def _count_aliases(
        self, here: _ServiceHere, service: str, before: tuple[str, ...], after: tuple[str, ...]
    ) -> None:
        """Move an endpoint's claim from some aliases to others; an unclaimed alias has no record."""
        counts = here.alias_counts
        for alias in after:
            if alias not in before:
                counts[alias] = counts.get(alias, 0) + 1
                self.add(alias, here.vip, service)
        for alias in before:
            if alias not in after:
                counts[alias] -= 1
                if not counts[alias]:
                    del counts[alias]
                    self.remove(alias, here.vip, service)

    # Looking at it

    def __iter__(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield every name with its addresses of both families, by name."""
        for name in sorted(self._names):
            yield name, tuple(dict.fromkeys(address for address, _ in self._names[name]))

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._names)

    def __bool__(self) -> bool:
        """A zone is true, also an empty one."""
        return True

    def __repr__(self) -> str:
        return f"Zone({self.network}, {self.kind}: {len(self._names)} names, {len(self._services)} services)"

    def check(self) -> None:
        """Assert that no record is empty, counts fit the endpoints, and remembered answers are current."""
        assert all(self._names.values()), f"a name without record: {self!r}"
        assert all(self._reverse.values()), f"an address without name: {self!r}"
        assert self.kind != "ingress" or not self._names, f"records on ingress: {self!r}"
        for service, here in self._services.items():
            assert here.backends, f"service {service} without endpoint"
            assert all(here.holders.values()), f"service {service}: an address without holder"
            if self._aliases_counted and here.vip:
                claims = [alias for aliases in here.backends.values() for alias in aliases]
                assert here.alias_counts == {alias: claims.count(alias) for alias in claims}, service
        for name, found in tuple(self._found.items()):
            del self._found[name]
            assert (self.find(name), self.find(name, ipv6=True)) == found, f"stale answer for {name}"


def _shared_names(endpoint: NamedEndpoint) -> tuple[str, ...]:
    """What the endpoint's whole service is called."""
    return (endpoint.service_name, *endpoint.service_aliases)


def _drop(table: dict[str, dict[_Value, None]], key: str, value: _Value) -> bool:
    """Take a value from the set kept under a key; an empty set goes too.

    Returns:
        Whether the set still has members.
    """
    values = table.get(key)
    if values is None:
        return False
    values.pop(value, None)
    if values:
        return True
    del table[key]
    return False

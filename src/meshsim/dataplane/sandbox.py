"""Room dataplane: the balancer and the names of one host for one network.

Comes in: the changes a host notices (:class:`~meshsim.dataplane.gossip.Change`). Goes out: an IPVS table
with a firewall-mark service per swarm service, which port and which virtual address leads to which mark,
and the network's DNS records. Rules of this file: everything is brought up to now when somebody looks
(:meth:`Sandbox.bring_up`), and only here; the order of arrival is the order of the kernel's lists. It does
not know how packets get here, nor who listens behind an address.

There is one for the ingress network (``ingress_sbox``) and one per overlay the host takes part in
(``lb_`` and nine characters of the network's id).

Source: moby daemon/libnetwork/service_common.go addServiceBinding, rmServiceBinding; service_linux.go
addLBBackend, rmLBBackend; agent.go handleEPTableEvent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from meshsim.dataplane.gossip import Change, View
from meshsim.dataplane.journal import Binding
from meshsim.dataplane.subnet import Subnet
from meshsim.dns import Zone
from meshsim.ipam import Pool
from meshsim.ipvs.balancers.registry import BalancerChoice
from meshsim.ipvs.destination import Forward
from meshsim.ipvs.service import VirtualService
from meshsim.ipvs.table import Table
from meshsim.profile import Profile
from meshsim.sim import Clock, Lent, Own

__all__ = ["Marks", "Sandbox", "ServiceHere"]

#: what Docker sets under net.ipv4.vs in every sandbox that balances.
#: Source: moby daemon/libnetwork/osl/sandbox_linux.go / namespace_linux.go ApplyOSTweaks
DOCKER_SYSCTLS = {
    "conntrack": 1,
    "conn_reuse_mode": 0,
    "expire_nodest_conn": 1,
    "expire_quiescent_template": 1,
}


@define
class Marks:
    """A host's counter of firewall marks: never reused until the engine restarts.

    Source: moby daemon/libnetwork/service_common.go fwMarkCtr.
    """

    next_mark: int

    def take(self) -> int:
        """The next mark."""
        mark = self.next_mark
        self.next_mark += 1
        return mark


@define(eq=False)
class ServiceHere:
    """What a host keeps of one service (with one set of ports) on one network; moby's loadBalancer.

    Attributes:
        service_id, service_name, vip: whose.
        ports: (protocol, published, target); empty but on ingress.
        mark: its firewall mark on this host; ``network inspect -v`` calls it LocalLBIndex.
        backends: every endpoint known, also disabled ones, in order of arrival.
        holders: address -> endpoints that hold it (while an address passes to the next there are two).
        balanced: its virtual service in the sandbox's table; None for dnsrr, which has no address.
    """

    service_id: str
    service_name: str
    vip: str
    ports: tuple[tuple[str, int, int], ...]
    mark: int
    backends: dict[str, Binding] = field(factory=dict)
    holders: dict[str, dict[str, None]] = field(factory=dict)
    balanced: VirtualService | None = None


class Sandbox:
    """One host's balancer and names for one network.

    Attributes:
        network_id, network: id and name of the network.
        namespace: name of the network namespace, as under ``/var/run/docker/netns``.
        subnet: CIDR text.
        covers: whether an address lies in it.
        lb_address: the host's own address there, without mask: what backends see as source.
        gateway: the network's own address there.
        entry_address, entry_pool: of the sandbox on docker_gwbridge (ingress only): what entries call
            "virtual"; empty and None until that bridge is there.
        ingress, internal, dsr: as the network.
        zone: the names.
        view: what the host knows.
        services: by (service id, ports).
        vips: virtual address -> services marked by it; the rule added last wins.
        ports: (protocol, published) -> services marked by it; the rule added last wins.
        known: address -> the endpoint that has it.
        targets: (address, protocol, published) -> port inside the task.
        changes: how many changes were applied: who caches compares it.
        opened: how many balanced services there ever were.
        mtu: of the interfaces on the network.

    >>> from meshsim.dataplane import Lab
    >>> lab = Lab(1)
    >>> task = lab.start("web.1", "host01", service="web", publish=[("tcp", 81, 80)])
    >>> here = lab.sandbox("ingress", "host01").service_on("tcp", 81)
    >>> here.service_name, here.mark
    ('web', 256)
    """

    __slots__ = (
        "_balancer",
        "_balancers",
        "_compared",
        "_marks",
        "_on_publish",
        "_siblings",
        "_table",
        "changes",
        "clock",
        "covers",
        "dsr",
        "entry_address",
        "entry_pool",
        "gateway",
        "ingress",
        "internal",
        "known",
        "lb_address",
        "mtu",
        "namespace",
        "network",
        "network_id",
        "opened",
        "ports",
        "services",
        "subnet",
        "targets",
        "view",
        "vips",
        "zone",
    )

    # Declared here, attributes are known to hold frozen values: forks take them as they are.
    network_id: str
    network: str
    namespace: str
    subnet: str
    lb_address: str
    gateway: str
    entry_address: str
    covers: Subnet
    ingress: bool
    internal: bool
    dsr: bool
    _compared: bool
    mtu: int
    changes: int
    opened: int
    # Held by nobody else: forks copy them without remembering that they did.
    services: Own[dict[tuple[str, tuple[tuple[str, int, int], ...]], ServiceHere]]
    vips: Own[dict[str, list[ServiceHere]]]
    ports: Own[dict[tuple[str, int], list[ServiceHere]]]
    known: Own[dict[str, Binding]]
    targets: Own[dict[tuple[str, str, int], int]]

    def __init__(
        self,
        view: View,
        *,
        clock: Clock,
        network: str,
        subnet: str,
        lb_address: str,
        marks: Marks,
        profile: Profile,
        ingress: bool = False,
        internal: bool = False,
        dsr: bool = False,
        gateway: str = "",
        mtu: int = 1450,
        balancer: BalancerChoice | None = None,
        balancers: Mapping[str, BalancerChoice] | None = None,
        siblings: Mapping[str, Sandbox] | None = None,
        on_publish: Callable[[int], object] | None = None,
    ) -> None:
        self.clock = clock
        self.network_id = view.network_id
        self.network = network
        self.namespace = "ingress_sbox" if ingress else f"lb_{view.network_id[:9]}"
        self.subnet = subnet
        self.covers = Subnet(subnet)
        self.lb_address = lb_address
        self.gateway = gateway
        self.entry_address = ""
        self.entry_pool: Lent[Pool] | None = None
        self.ingress = ingress
        self.internal = internal
        self.dsr = dsr
        self.mtu = mtu
        self.view = view
        self.zone = Zone(
            network,
            kind="ingress" if ingress else "overlay",
            internal=internal,
            alias_rule=profile.dns_aliases,
        )
        self.services = {}
        self.vips = {}
        self.ports = {}
        self.known = {}
        self.targets = {}
        self.changes = 0
        self.opened = 0
        self._marks = marks
        self._on_publish = on_publish
        self._siblings: Mapping[str, Sandbox] = {} if siblings is None else siblings
        self._table: Table | None = None
        self._compared = profile.endpoint_events == "compared"
        self._balancer: BalancerChoice = "rr" if balancer is None else balancer
        self._balancers: Mapping[str, BalancerChoice] = {} if balancers is None else balancers

    def __repr__(self) -> str:
        return (
            f"<Sandbox {self.namespace} of {self.view.host}: {len(self.services)} services, "
            f"{len(self.known)} endpoints>"
        )

    @property
    def table(self) -> Table:
        """The IPVS of this namespace; made when it is first needed, since thousands are never looked at."""
        if self._table is None:
            self._table = Table()
            for name, value in DOCKER_SYSCTLS.items():
                self._table.sysctls.set(name, value)
        return self._table

    def bring_up(self, now_ns: int) -> None:
        """Apply everything the host has noticed by now. O(1) when nothing is new.

        All sandboxes of the host are brought up together, in the order of events: they share one
        counter of marks, and who looks at one network must not change the marks of another.
        """
        news = self.view.catch_up(now_ns)
        if not news:
            return
        events = [(change, self) for change in news]
        for sibling in self._siblings.values():
            if sibling is not self:
                events += [(change, sibling) for change in sibling.view.catch_up(now_ns)]
        for change, sandbox in sorted(events, key=_moment):
            sandbox._react(change)

    def refresh(self) -> Sandbox:
        """Bring it up to the present, for who only looks; itself."""
        self.bring_up(self.clock.now_ns)
        self.table.advance(self.clock.now_ns)
        return self

    def enter(self, pool: Lent[Pool]) -> None:
        """Take an address on docker_gwbridge: from now on the host's published ports lead here."""
        self.entry_pool = pool
        self.entry_address = pool.own().any()

    def service_at(self, vip: str) -> ServiceHere | None:
        """The service a packet to that virtual address is marked for."""
        marked = self.vips.get(vip)
        return marked[-1] if marked else None

    def service_on(self, protocol: str, port: int) -> ServiceHere | None:
        """The service a packet to that published port is marked for."""
        marked = self.ports.get((protocol, port))
        return marked[-1] if marked else None

    # -- reactions to a row

    def _react(self, change: Change) -> None:
        """What a change of one row does; the table of data-plane 6.5.

        Source: moby daemon/libnetwork/agent.go handleEPTableEvent.
        """
        at_ns, _, _, before, after = change
        self.changes += 1
        # Rows of the host's own endpoints do not go through events, but through direct calls.
        compared = self._compared or (after or before).node == self.view.host  # type: ignore[union-attr]
        if after is None:
            assert before is not None
            self._remove(before, at_ns)
        elif before is None:
            self._meet(after)
            if not (after.disabled and compared):
                self._add(after, at_ns)
        elif after == before.as_disabled():
            self._disable(after, at_ns)
        elif compared and before == after.as_disabled():
            self._add(after, at_ns)
        elif compared:
            self._remove(before, at_ns)
            self._meet(after)
            if not after.disabled:
                self._add(after, at_ns)
        else:  # logged and ignored, but the peer row moves on
            self._forget(before)
            self._meet(after)

    def _meet(self, binding: Binding) -> None:
        self.known[binding.address] = binding
        for protocol, published, target in binding.ports:
            self.targets[binding.address, protocol, published] = target

    def _forget(self, binding: Binding) -> None:
        if self.known.get(binding.address, binding).endpoint_id == binding.endpoint_id:
            self.known.pop(binding.address, None)
            for protocol, published, _ in binding.ports:
                self.targets.pop((binding.address, protocol, published), None)

    def _add(self, binding: Binding, at_ns: int) -> None:
        self.zone.publish(binding)
        if not binding.service_id:
            return
        key = (binding.service_id, binding.ports)
        here = self.services.get(key)
        if here is None:
            mark = self._marks.take()
            here = ServiceHere(binding.service_id, binding.service_name, binding.vip, binding.ports, mark)
            self.services[key] = here
            if here.vip:
                self._open(here, at_ns)
        here.backends[binding.endpoint_id] = binding
        here.holders.setdefault(binding.address, {})[binding.endpoint_id] = None
        # The kernel says EEXIST when the address is there already; libnetwork ignores it, so a weight
        # of 0 stays.
        if here.balanced is not None and here.balanced.find(binding.address, 0) is None:
            forward = Forward.ROUTE if self.dsr else Forward.MASQ
            self.table.add_destination(here.balanced, binding.address, forward=forward, now_ns=at_ns)

    def _disable(self, binding: Binding, at_ns: int) -> None:
        """Weight 0, its own names gone."""
        if not binding.service_id:
            self.zone.withdraw(binding)
            return
        here = self.services.get((binding.service_id, binding.ports))
        if here is None or binding.endpoint_id not in here.backends:
            return
        here.backends[binding.endpoint_id] = binding
        self.zone.disable(binding)
        if self._release(here, binding) and here.balanced is not None:
            self.table.edit_destination(here.balanced, binding.address, weight=0, now_ns=at_ns)

    def _remove(self, binding: Binding, at_ns: int) -> None:
        """Everything of it gone; with the last endpoint of a service its virtual address and ports too."""
        self._forget(binding)
        key = (binding.service_id, binding.ports)
        here = self.services.get(key)
        if here is None or binding.endpoint_id not in here.backends:
            self.zone.withdraw(binding)
            return
        backend = here.backends.pop(binding.endpoint_id)
        self.zone.withdraw(backend)
        if self._release(here, backend) and here.balanced is not None:
            self.table.remove_destination(here.balanced, backend.address, now_ns=at_ns)
        if not here.backends:
            del self.services[key]
            if here.balanced is not None:
                self._shut(here, here.balanced, at_ns)

    @staticmethod
    def _release(here: ServiceHere, binding: Binding) -> bool:
        """Let go of the address; whether nobody else of the service holds it."""
        holders = here.holders.get(binding.address, {})
        holders.pop(binding.endpoint_id, None)
        if not holders:
            here.holders.pop(binding.address, None)
        return not holders

    def _open(self, here: ServiceHere, at_ns: int) -> None:
        self.opened += 1
        if self._on_publish is not None:
            self._on_publish(at_ns)
        choice = self._balancers.get(here.service_id, self._balancer)
        here.balanced = self.table.add_service(mark=here.mark, balancer=choice, now_ns=at_ns)
        self.vips.setdefault(here.vip, []).append(here)
        for protocol, published, _ in here.ports:
            self.ports.setdefault((protocol, published), []).append(here)

    def _shut(self, here: ServiceHere, balanced: VirtualService, at_ns: int) -> None:
        self.table.remove_service(balanced, now_ns=at_ns)
        _drop(self.vips, here.vip, here)
        for protocol, published, _ in here.ports:
            _drop(self.ports, (protocol, published), here)

    def check(self) -> None:
        """Assert that table, names, marks and view agree."""
        self.view.check()
        self.zone.check()
        self.table.check()
        marks = [here.mark for here in self.services.values()]
        assert len(set(marks)) == len(marks), "a mark twice"
        for here in self.services.values():
            assert here.backends, f"{here.service_name} has no endpoint and should be gone"
            if here.balanced is not None:
                assert here in self.vips[here.vip]
                listed = {destination.address for destination in here.balanced.destinations}
                assert listed == {b.address for b in here.backends.values()}
        assert set(self.known) <= {binding.address for binding in self.view.rows.values()}


def _moment(event: tuple[Change, Sandbox]) -> tuple[int, int]:
    return event[0].at_ns, event[0].seq


def _drop(rules: dict[Any, list[ServiceHere]], key: Any, here: ServiceHere) -> None:
    rules[key].remove(here)
    if not rules[key]:
        del rules[key]

"""A few machines without managers: a fake world round the real data plane, for these tests only."""

from __future__ import annotations

from meshsim.dataplane import Binding, DataPlane, Journal, Namespace, Outsider
from meshsim.model.objects import Attachment, IpamState, Network
from meshsim.model.specs import NetworkSpec
from meshsim.profile import Profile
from meshsim.sim import Clock

SECOND = 1_000_000_000


class Links:
    """Who reaches whom: machines that are down, and cut pairs, with their history."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.version = 0
        self.spans: dict[tuple[str, str], list[tuple[int, int | None]]] = {}

    def cut(self, a: str, b: str) -> None:
        self.version += 1
        self.spans.setdefault(_pair(a, b), []).append((self.clock.now_ns, None))

    def mend(self, a: str, b: str) -> None:
        self.version += 1
        spans = self.spans[_pair(a, b)]
        spans[-1] = (spans[-1][0], self.clock.now_ns)

    def reaches(self, a: str, b: str) -> bool:
        spans = self.spans.get(_pair(a, b), [])
        return not spans or spans[-1][1] is not None

    def outages(self, a: str, b: str) -> list[tuple[int, int | None]]:
        return self.spans.get(_pair(a, b), [])


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


class Rig:
    """Hosts n1, n2 ... at 192.168.65.11 ..., with ingress, ready to run tasks."""

    def __init__(self, hosts: int = 2, *, profile: Profile | None = None, balancer=None, **plane) -> None:
        self.clock = Clock()
        self.links = Links(self.clock)
        self.profile = profile or Profile()
        self.journal = Journal(self.clock)
        self.running: dict[str, set[tuple[str, int]]] = {}
        self.outsiders: dict[str, str] = {}
        self.networks: dict[str, Network] = {}
        self.cursor: dict[str, int] = {}
        self.bindings: dict[str, list[Binding]] = {}
        self.vips: dict[tuple[str, str], str] = {}
        self.planes: dict[str, DataPlane] = {}
        for number in range(1, hosts + 1):
            self.planes[f"n{number}"] = DataPlane(
                f"n{number}",
                f"192.168.65.{10 + number}",
                clock=self.clock,
                profile=self.profile,
                journal=self.journal,
                world=self,
                balancer=balancer,
                **plane,
            )
        self.network("ingress", ingress=True)
        for name in self.planes:
            self.join("ingress", name)

    # -- World

    def plane_at(self, address: str) -> DataPlane | None:
        return next((plane for plane in self.planes.values() if plane.address == address), None)

    def machine_at(self, address: str) -> str | None:
        plane = self.plane_at(address)
        return plane.name if plane else self.outsiders.get(address)

    def listener(self, endpoint_id: str, protocol: str, port: int) -> bool | None:
        listening = self.running.get(endpoint_id)
        return None if listening is None else protocol == "icmp" or (protocol, port) in listening

    # -- building

    def network(self, name: str, *, ingress: bool = False, internal: bool = False, **options: str) -> Network:
        number = len(self.networks)
        spec = NetworkSpec(name, ingress=ingress, internal=internal, options=options)
        ipam = (IpamState(f"10.0.{number}.0/24", f"10.0.{number}.1"),)
        network = self.networks[name] = Network(f"{name}000000000", spec=spec, ipam=ipam)
        self.cursor[name] = 2
        return network

    def address(self, network: str) -> str:
        prefix = self.networks[network].ipam[0].subnet.removesuffix("0/24")
        self.cursor[network] += 1
        return f"{prefix}{self.cursor[network] - 1}"

    def join(self, network: str, host: str):
        plane = self.planes[host]
        there = plane.sandboxes.get(self.networks[network].id)
        return there or plane.materialise(self.networks[network], f"{self.address(network)}/24")

    def outsider(self, name: str = "laptop", address: str = "192.168.65.200") -> Outsider:
        self.outsiders[address] = name
        return Outsider(name, address, clock=self.clock, profile=self.profile, world=self)

    def vip(self, service: str, network: str) -> str:
        return self.vips.setdefault((service, network), self.address(network))

    def start(
        self,
        endpoint_id: str,
        host: str,
        *networks: str,
        service: str = "",
        ports: tuple[tuple[str, int, int], ...] = (),
        listen: tuple[tuple[str, int], ...] = (("tcp", 80),),
        dnsrr: bool = False,
        publish: bool = True,
        **more,
    ) -> Namespace:
        """Run a container: its process is up, and (unless told otherwise) its endpoints are published."""
        wanted = (("ingress",) if ports else ()) + networks
        vips = {name: "" if dnsrr or not service else self.vip(service, name) for name in wanted}
        places = {name: self.address(name) for name in wanted}
        for name in wanted:
            self.join(name, host)
        namespace = self.planes[host].add_namespace(
            endpoint_id,
            name=endpoint_id,
            container_id=f"{endpoint_id:0<64}",
            attachments=[Attachment(self.networks[n].id, f"{a}/24") for n, a in places.items()],
            **more,
        )
        self.running[endpoint_id] = set(listen)
        self.bindings[endpoint_id] = [
            Binding(
                endpoint_id,
                self.networks[name].id,
                host,
                address,
                name=endpoint_id,
                aliases=(f"{endpoint_id:0<12}"[:12],),
                service_id=f"id-{service}" if service else "",
                service_name=service,
                vip=vips[name],
                ports=ports if name == "ingress" else (),
            )
            for name, address in places.items()
        ]
        if publish:
            self.publish(endpoint_id)
        return namespace

    def publish(self, endpoint_id: str) -> None:
        for binding in self.bindings[endpoint_id]:
            self.journal.send(binding)

    def drain(self, endpoint_id: str) -> None:
        """Orderly stop, first moment: weight 0, own names gone."""
        for binding in self.bindings[endpoint_id]:
            self.journal.send(binding.as_disabled())

    def stop(self, endpoint_id: str) -> None:
        """The process has ended: sandbox gone, rows deleted."""
        for binding in self.bindings.pop(endpoint_id):
            self.journal.withdraw(binding.network_id, endpoint_id)
            self.planes[binding.node].remove_namespace(endpoint_id)
        del self.running[endpoint_id]

    def crash_host(self, name: str) -> None:
        """Power off: nobody reaches it any more."""
        for other in [*self.planes, *self.outsiders.values()]:
            if other != name:
                self.links.cut(name, other)

    # -- using

    def spread(self, seconds: float = 1.0) -> None:
        self.clock.run_for(int(seconds * SECOND))

    def reached(self, client, target: str, times: int, **options) -> list[str]:
        """Which endpoints a number of connections reach, each closed at once; a failure shows its kind."""
        address, _, port = target.rpartition(":")
        found = []
        for _ in range(times):
            outcome = client.connect(address, int(port), **options)
            found.append(outcome.endpoint_id if outcome.ok else outcome.kind)
            if outcome.ok:
                outcome.close()
        return found

    def check(self) -> None:
        self.journal.check()
        for plane in self.planes.values():
            plane.check()

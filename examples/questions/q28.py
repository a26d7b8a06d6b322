"""Q28: My office LAN is 10.0.1.0/24. What breaks, and what does --default-addr-pool change?

The first overlay takes 10.0.1.0/24, nobody warns, and for its containers the LAN is gone: its addresses are
now the overlay's, and nobody there answers. The machines themselves and containers elsewhere still reach it.
A pool of one's own keeps clear of the LAN; a subnet by hand does the same for one network.
"""

from meshsim.cluster import Cluster, ContainerHandle
from meshsim.errors import ConnectionRefused, HostUnreachable

PRINTER = "10.0.1.9"


def reaches(container: ContainerHandle) -> bool:
    """Whether a container's packets get to the printer, which refuses them; else nobody answers."""
    try:
        container.get(f"{PRINTER}:9100")
    except ConnectionRefused:
        return True
    except HostUnreachable:
        return False
    raise AssertionError("a printer has no web page")


def office(**init: object) -> Cluster:
    """A swarm beside a printer."""
    cluster = Cluster(seed=28)
    host01 = cluster.add_host("host01")
    cluster.add_machine("printer", PRINTER)
    host01.swarm.init(**init)
    return cluster


def inside(cluster: Cluster, name: str, **options: object) -> tuple[str, ContainerHandle]:
    """Make a network; its subnet, and a container on it."""
    host01 = cluster.host("host01")
    network = host01.networks.create(name, driver="overlay", attachable=True, **options)
    return network.subnet, host01.containers.run("alpine", "sleep 1d", network=name, detach=True)


def say(subnet: str, container: ContainerHandle) -> None:
    """Print whether the printer is reached from there."""
    print(f"a container on {subnet:14} {'reaches' if reaches(container) else 'does not reach'} {PRINTER}")


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = office()
    shadowing = inside(cluster, "eg1")
    beside = inside(cluster, "app1")
    chosen = inside(cluster, "chosen", subnet="10.99.0.0/24")
    for subnet, container in (shadowing, beside, chosen):
        say(subnet, container)
    assert shadowing[0] == "10.0.1.0/24"
    assert not reaches(shadowing[1])
    assert reaches(beside[1])
    assert reaches(chosen[1])
    assert cluster.host("host01").ping("printer")[0].ok  # the machine's own routes are as they were

    # a container on both: the overlay's route is the longer one, and wins
    cluster.host("host01").networks.connect("eg1", beside[1])
    assert not reaches(beside[1])

    moved = office(default_addr_pool=["10.200.0.0/16"])
    for name in ("eg1", "app1"):
        subnet, container = inside(moved, name)
        say(subnet, container)
        assert subnet.startswith("10.200.")
        assert reaches(container)
    assert moved.host("host01").networks.get("ingress").subnet == "10.200.0.0/24"  # ingress too


if __name__ == "__main__":
    main()

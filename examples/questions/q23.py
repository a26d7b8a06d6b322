"""Q23: Here 8 of 16 CPUs are reserved, there none. Why does my next heavy task go here all the same?

Reservations only say where a task does not fit. Among the nodes where it fits the one with the fewest tasks
wins, however heavy these are: one task of 8 CPUs weighs less than two that reserve nothing.
"""

from meshsim.cluster import Cluster
from meshsim.model.specs import Resources

CPU = 1_000_000_000
NODES = ("host01", "host02", "host03", "host04")


def reserved(cluster: Cluster) -> dict[str, tuple[int, int]]:
    """Per node: how many tasks, and how many CPUs they have reserved."""
    found = dict.fromkeys(NODES, (0, 0))
    for task in cluster.host("host01").tasks.list():
        count, cpus = found[task.node]
        wanted = task.record.spec.reservations.nano_cpus // CPU
        found[task.node] = (count + 1, cpus + wanted)
    return found


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster()
    hosts = [cluster.add_host(name, resources=Resources(16 * CPU, 64 << 30)) for name in NODES]
    hosts[0].swarm.init()
    for host in hosts[1:]:
        host.swarm.join("host01:2377", token=hosts[0].swarm.join_token("worker"))
    services = hosts[0].services

    def create(name: str, cpus: int = 0) -> str:
        """Create a service of one task; where it went."""
        service = services.create("nginx", name=name, **({"reserve_cpu": str(cpus)} if cpus else {}))
        cluster.settle()
        (task,) = service.tasks()
        print(f"{name:8} -> {task.node}, tasks and CPUs reserved: {list(reserved(cluster).values())}")
        return task.node

    light = [create(f"light{number}") for number in range(3)]
    assert sorted(light) == ["host01", "host02", "host03"]
    assert create("heavy1", 8) == "host04"  # the only one without a task
    for number in range(3, 6):
        create(f"light{number}")
    # host04: one task, 8 CPUs. The others: two tasks, nothing reserved. The heavy one goes to host04.
    state = reserved(cluster)
    assert state["host04"] == (1, 8)
    assert all(state[name] == (2, 0) for name in NODES[:3])
    assert create("heavy2", 8) == "host04"
    assert reserved(cluster)["host04"] == (2, 16)
    # Only when it does not fit any more is it somebody else's turn.
    assert create("heavy3", 8) != "host04"


if __name__ == "__main__":
    main()

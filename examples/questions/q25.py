"""Q25: A host-mode port, start-first, and no node to spare. Does the update ever finish?

Never. A port in host mode belongs to one task per node. With start-first the new task needs the port while
the old one still has it, on every node there is: it waits as "host-mode port already in use", and the update
waits for it without any limit. Stop-first frees the port first; one node to spare is enough, too.
"""

from meshsim import Cluster
from meshsim.cluster import ServiceHandle

PORT = "mode=host,published=8080,target=80"


def updated(order: str, hosts: int, replicas: int) -> tuple[Cluster, ServiceHandle]:
    """So many replicas on so many hosts, a day after their update began."""
    cluster = Cluster(seed=7)
    first, *others = cluster.add_hosts(*(f"host{n:02d}" for n in range(1, hosts + 1)))
    first.swarm.init()
    for host in others:
        host.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    web = first.services.create("nginx:1", name="web", replicas=replicas, publish=PORT, update_order=order)
    cluster.settle()
    web.update(image="nginx:2")
    cluster.run_for("24h")
    return cluster, web


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for order, hosts, state in (
        ("start-first", 3, "updating"),
        ("start-first", 4, "completed"),
        ("stop-first", 3, "completed"),
    ):
        cluster, web = updated(order, hosts, 3)
        status = web.record.update_status
        assert status is not None
        new = sum(
            task.state.label == "running" and task.record.spec.container.image == "nginx:2"
            for task in web.tasks()
        )
        print(
            f"{order:11} 3 replicas on {hosts} hosts: after a day {status.state.value}, {new} of 3 replaced"
        )
        assert status.state.value == state
        assert new == (3 if state == "completed" else 0)
        assert web.running == 3  # the old ones serve on
        if state == "completed":
            continue
        (waiting,) = [task.record.status.err for task in web.tasks() if task.state.label == "pending"]
        print(f"            {waiting}")
        assert waiting == "no suitable node (host-mode port already in use on 3 nodes)"
        web.update(update_order="stop-first")
        cluster.settle()
        status = web.record.update_status
        assert status is not None
        assert status.state.value == "completed"  # the way out


if __name__ == "__main__":
    main()

"""Q24: Why is my task pending?

`docker service ps` tells it, in the words of the scheduler: for each rule how many nodes it rules out. Here
is a task for each of these sentences, and what the explanation says of every single node.
"""

from meshsim.cluster import Cluster

#: what is asked for -> what is said
CASES = {
    "a label nobody has": (
        {"constraint": "node.labels.disk==ssd"},
        "no suitable node (scheduling constraints not satisfied on 3 nodes)",
    ),
    "more than there is": (
        {"reserve_memory": "64G"},
        "no suitable node (insufficient resources on 3 nodes)",
    ),
    "one per node, four wanted": (
        {"replicas": 4, "replicas_max_per_node": 1},
        "no suitable node (max replicas per node limit exceed)",
    ),
    "a host port, four wanted": (
        {"replicas": 4, "publish": "mode=host,target=80,published=8080"},
        "no suitable node (host-mode port already in use on 3 nodes)",
    ),
    "only where it does not fit": (
        {"constraint": "node.hostname==host02", "reserve_cpu": "2"},
        (
            "no suitable node "
            "(scheduling constraints not satisfied on 2 nodes; insufficient resources on 1 node)"
        ),
    ),
}


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster()
    first, *others = cluster.add_hosts("host01", "host02", "host03")
    first.swarm.init()
    for host in others:
        host.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    # Each machine has two CPUs; on host02 one of them is taken.
    first.services.create("redis", name="store", constraint="node.hostname==host02", reserve_cpu="1")
    for name, (flags, sentence) in CASES.items():
        service = first.services.create("nginx", name="web", **flags)
        cluster.settle()
        (task,) = [task for task in service.tasks() if not task.node]
        print(f"{name}: {task.record.status.err}")
        print(cluster.explain(task), end="\n\n")
        assert task.record.status.err == sentence
        service.remove()
        cluster.settle()


if __name__ == "__main__":
    main()

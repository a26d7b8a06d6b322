"""Q22: Zones of one and three nodes: who gets how many of seven tasks with `--placement-pref spread=zone`?

Zones first, then nodes: the zones share the tasks evenly, four and three, so the lonely node carries three
or four, and each of the three others one or two. Without the preference every node gets as many as the
others.
"""

from collections import Counter

from meshsim.cluster import Cluster, ServiceHandle

ZONES = {"host01": "a", "host02": "b", "host03": "b", "host04": "b"}
TASKS = 7


def counts(service: ServiceHandle) -> tuple[Counter[str], Counter[str]]:
    """Tasks by node, and by zone."""
    nodes = Counter(task.node for task in service.tasks())
    zones: Counter[str] = Counter()
    for node, count in nodes.items():
        zones[ZONES[node]] += count
    return nodes, zones


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for seed in range(5):
        cluster = Cluster(seed=seed, ties="seeded")
        first, *others = cluster.add_hosts(*ZONES)
        first.swarm.init()
        for host in others:
            host.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
        for name, zone in ZONES.items():
            first.nodes.get(name).update(label_add={"zone": zone})
        flat = first.services.create("nginx", name="flat", replicas=TASKS)
        cluster.settle()
        nodes, _ = counts(flat)
        assert sorted(nodes.values()) == [1, 2, 2, 2]
        flat.remove()
        cluster.settle()
        spread = first.services.create(
            "nginx", name="spread", replicas=TASKS, placement_pref="spread=node.labels.zone"
        )
        cluster.settle()
        nodes, zones = counts(spread)
        print(f"seed {seed}: by zone {dict(sorted(zones.items()))}, by node {dict(sorted(nodes.items()))}")
        assert sorted(zones.values()) == [3, 4]
        assert nodes["host01"] == zones["a"]
        inside = [nodes[name] for name, zone in ZONES.items() if zone == "b"]
        assert max(inside) - min(inside) <= 1
        # Growing keeps it: the next task goes to the zone that has fewer.
        spread.scale(TASKS + 1)
        cluster.settle()
        assert sorted(counts(spread)[1].values()) == [4, 4]


if __name__ == "__main__":
    main()

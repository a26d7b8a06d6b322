"""Q20: A worker is cut off but alive. How many copies run, and who serves whom?

Too many: the cut-off node goes on with its tasks, and the managers start replacements for them. Each side's
mesh forgets the other's tasks within seconds and serves its own view; names do the same. When the cut
heals, the old tasks are stopped.
"""

from meshsim.cluster import Cluster


def copies(cluster: Cluster) -> dict[str, int]:
    """How many containers really run, by host, whatever the managers believe."""
    return {
        name: sum(c.running and bool(c.service_id) for c in host.engine.containers.values())
        for name, host in cluster.hosts.items()
    }


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=20)
    host01, host02, host03 = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    for host in (host02, host03):
        host.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay", attachable=True)
    web = host01.services.create("nginx", name="web", replicas=3, publish=["81:80"], network=["eg1"])
    cluster.settle()
    inside = {
        name: host.containers.run("alpine", "sleep 1d", network="eg1", detach=True)
        for name, host in cluster.hosts.items()
    }
    cluster.settle()
    assert copies(cluster) == {"host01": 1, "host02": 1, "host03": 1}

    def served() -> dict[str, list[str]]:
        """By whom each host's own calls to its own published port are answered."""
        return {
            name: sorted({host.get(f"{name}:81").host for _ in range(6)})
            for name, host in cluster.hosts.items()
        }

    cluster.partition(["host03"])
    cluster.run_for("40s")
    print(f"cut: {copies(cluster)} run, the managers say {web.replicas}")
    print(f"     served by {served()}")
    assert sum(copies(cluster).values()) == 3 + 1  # as many as wanted, and the one that was lost
    assert copies(cluster)["host03"] == 1
    assert served()["host03"] == ["host03"]
    assert served()["host01"] == served()["host02"] == ["host01", "host02"]
    names = {name: len(box.resolve("tasks.web").addresses) for name, box in inside.items()}
    assert names == {"host01": 3, "host02": 3, "host03": 1}

    cluster.heal()
    cluster.settle()
    cluster.run_for("10s")
    print(f"healed: {copies(cluster)} run, the managers say {web.replicas}")
    assert sum(copies(cluster).values()) == 3
    assert copies(cluster)["host03"] == 0  # the old one was stopped, and nothing moves back
    assert web.replicas == "3/3"
    assert served() == {name: ["host01", "host02"] for name in cluster.hosts}
    assert {len(box.resolve("tasks.web").addresses) for box in inside.values()} == {3}


if __name__ == "__main__":
    main()

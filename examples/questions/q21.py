"""Q21: I add a node. Why does it stay empty, and what does `update --force` cost?

Swarm never moves a running task to even things out: only new tasks go to the new node. A forced update makes
all tasks new, so it spreads them again, to within one per node. It costs what any rolling update costs: with
one task at a time each slot is missing for a stop and a start. With start-first none is, but then the old
task of each slot still counts when its successor is placed, and the result is even to within two.
"""

from collections import Counter

from meshsim import Cluster
from meshsim.cluster import ServiceHandle

REPLICAS = 6


def spread(web: ServiceHandle) -> Counter[str]:
    """How many tasks run on each host."""
    return Counter(task.node for task in web.tasks() if task.state.label == "running")


def forced(order: str) -> tuple[Counter[str], Counter[str], int, int]:
    """A third host joins, then a forced update: before, after, fewest running, requests lost."""
    cluster = Cluster(seed=7)
    first, second, third = cluster.add_hosts("host01", "host02", "host03")
    first.swarm.init()
    second.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    web = first.services.create(
        "katacoda/docker-http-server", name="web", replicas=REPLICAS, publish="80:80", update_order=order
    )
    cluster.settle()
    third.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    cluster.run_for("1h")
    before, fewest, lost = spread(web), REPLICAS, 0
    web.update(force=True)
    while web.record.update_status is None or web.record.update_status.state.value == "updating":
        fewest = min(fewest, web.running)
        lost += first.run("curl -s -m 1 host03").exit != 0
        cluster.run_for("100ms")
    return before, spread(web), fewest, lost


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    for order, within in (("stop-first", 1), ("start-first", 2)):
        before, after, fewest, lost = forced(order)
        print(
            f"{order:11}: an hour after the join {dict(before)}, after --force {dict(sorted(after.items()))}"
        )
        print(f"             at least {fewest} of {REPLICAS} ran, {lost} requests lost")
        assert before == {"host01": 3, "host02": 3}  # not one task moved
        assert len(after) == 3
        assert max(after.values()) - min(after.values()) <= within
        assert fewest == (REPLICAS if order == "start-first" else REPLICAS - 1)
        assert lost == 0

    cluster = Cluster(seed=7)
    first, second = cluster.add_hosts("host01", "host02")
    first.swarm.init()
    web = first.services.create("nginx", name="web", replicas=4)
    cluster.settle()
    second.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    web.scale(7)
    cluster.settle()
    print(f"scaling instead: {dict(spread(web))}: what is new goes where there is least")
    assert spread(web) == {"host01": 4, "host02": 3}


if __name__ == "__main__":
    main()

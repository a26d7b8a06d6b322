"""Q27: How many services fit a /24 network?

An address goes to the gateway, one to each machine with a task there, one to every service and one to every
task. Of 254 that leaves 252 for services of one replica on one machine: 126 of them. The next is accepted,
has no virtual address, and its task stays New without a word; the managers' log has it.
"""

from meshsim.cluster import Cluster

FULL = "could not find an available IP while allocating VIP"


def fill(hosts: int, replicas: int, network: str) -> int:
    """Create services on a /24 until one does not run; how many do."""
    cluster = Cluster(seed=27)
    first, *others = cluster.add_hosts(*(f"host{number:02d}" for number in range(1, hosts + 1)))
    first.swarm.init()
    for other in others:
        other.swarm.join("host01:2377", token=first.swarm.join_token("worker"))
    if network != "ingress":
        first.networks.create(network, driver="overlay")
    where = {"publish": "80"} if network == "ingress" else {"network": network}
    count = 0
    while True:
        service = first.services.create("nginx", name=f"s{count}", replicas=replicas, **where)
        cluster.settle()
        if service.running < replicas:
            break
        count += 1
    states = {task.record.state.name for task in service.tasks()}
    print(f"{hosts} machines, {replicas} replicas on {network}: {count} services, then {sorted(states)}")
    assert "NEW" in states
    assert all(task.record.status.err == "" for task in service.tasks())  # docker service ps says nothing
    assert "could not find an available IP" in cluster.log.to_jsonl()
    if replicas == 1:
        assert service.record.endpoint is None or not service.record.endpoint.virtual_ips
        assert FULL in cluster.log.to_jsonl()
        first.services.get("s0").remove()  # as soon as addresses are free it gets one, and runs
        cluster.settle()
        assert service.running == 1
    return count


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    assert fill(1, 1, "eg1") == (254 - 1 - 1) // 2 == 126
    assert fill(3, 3, "eg1") == (254 - 1 - 3) // 4 == 62
    assert fill(1, 1, "ingress") == 126  # published ports need an address there too


if __name__ == "__main__":
    main()

"""Q19: I lose one, then two of three managers. What still works?

With one lost everything works. With two lost the last manager cannot agree with a majority: nothing can be
asked, changed or replaced. The containers run on and the mesh still serves, but a task that ends stays ended.
`docker swarm init --force-new-cluster` on the survivor makes it a swarm of one manager, with all services,
and then what was lost is replaced.
"""

from meshsim import Cluster

NO_LEADER = (
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers "
    "are online. Make sure more than half of the managers are online."
)


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=7)
    hosts = cluster.add_hosts("host01", "host02", "host03", "host04")
    survivor, worker = hosts[0], hosts[3]
    survivor.swarm.init()
    for host in hosts[1:]:
        role = "worker" if host is worker else "manager"
        host.swarm.join("host01:2377", token=survivor.swarm.join_token(role))
    web = survivor.services.create("nginx", name="web", replicas=6, publish="80:80")
    cluster.settle()

    def asked(line: str) -> str:
        result = survivor.run(line)
        return result.stdout.strip() if result.exit == 0 else result.stderr.strip()

    def served() -> set[str | None]:
        """Who answers on the worker's port: 12 calls, none may fail."""
        return {worker.get("host04:80").task for _ in range(12)}

    hosts[2].fail()
    cluster.run_for("1m")
    print("one manager lost:", asked("docker service ls --format '{{.Name}} {{.Replicas}}'"))
    assert asked("docker service update -d --label-add state=fine web") == "web"
    assert web.running == 6  # its tasks were replaced
    assert len(served()) == 6

    hosts[1].fail()
    cluster.run_for("1m")
    for line in ("docker node ls", "docker service scale -d web=8"):
        print(f"two managers lost, {line}: {asked(line)}")
        assert NO_LEADER in asked(line)
    before = served()
    assert before  # the mesh serves from the tasks that are left
    containers = [c for c in worker.containers.list() if c.container.service_id]
    containers[0].crash(1)
    cluster.run_for("10m")
    after = served()
    print(f"tasks that serve: {len(before)}, ten minutes after one of them crashed: {len(after)}")
    assert len(after) == len(before) - 1  # nobody replaces it

    survivor.swarm.init(force_new_cluster=True)
    cluster.run_for("2m")
    print("forced new cluster:", asked("docker service ls --format '{{.Name}} {{.Replicas}}'"))
    print(asked("docker node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'"))
    assert web.running == 6
    assert len(served()) == 6
    assert asked("docker service scale -d web=8") == "web scaled to 8"
    cluster.settle()
    assert web.running == 8


if __name__ == "__main__":
    main()

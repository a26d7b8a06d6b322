"""Q10: What do `http`, `tasks.http`, a container name and an unknown name resolve to, and from where?

Inside the network: the virtual address; the tasks' own addresses; the container's; nothing. Outside it, the
embedded DNS knows none of them.
"""

from meshsim.cluster import Cluster


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=3, ties="seeded")
    host01, host02 = cluster.add_hosts("host01", "host02")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay", attachable=True)
    http = host01.services.create("katacoda/docker-http-server", name="http", replicas=3, network=["eg1"])
    cluster.settle()
    inside = host01.containers.run("alpine", "sleep 1d", name="inside", network="eg1", detach=True)
    outside = host02.containers.run("alpine", "sleep 1d", name="outside", detach=True)
    cluster.settle()

    for name in ("http", "tasks.http", "inside", "nobody"):
        answer = inside.resolve(name)
        print(f"{name:12} {answer.rcode:9} {', '.join(answer.addresses)}")

    assert list(inside.resolve("http").addresses) == [http.vip("eg1")]
    tasks = {task.record.attachments[0].ip for task in http.tasks() if task.record.attachments}
    answers = [tuple(inside.resolve("tasks.http").addresses) for _ in range(20)]
    assert all(len(answer) == 3 and set(answer) == tasks for answer in answers)
    assert len(set(answers)) > 1  # shuffled for each answer
    assert list(inside.resolve("inside").addresses) == [inside.ip("eg1")]
    assert not inside.resolve("nobody").addresses
    for name in ("http", "tasks.http", "inside"):
        assert not outside.resolve(name).addresses


if __name__ == "__main__":
    main()

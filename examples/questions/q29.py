"""Q29: A pool connection sits idle for 16 minutes. What happens at its next use?

The balancer forgets a connection that was silent for 900 s. The next segment finds no entry, and the node
answers it by a reset: the client learns at once, but the request is lost. A keepalive of less than that
saves it. A UDP flow is forgotten after 300 s: then the next datagram is just dealt to whoever is next.
"""

from meshsim.cluster import Cluster, Connection, Machine
from meshsim.errors import ConnectionWasReset


def ask(connection: Connection) -> str:
    """The task that answers, or how it ends."""
    try:
        return connection.request().task
    except ConnectionWasReset as reset:
        return f"reset ({reset.why})"


def idle(cluster: Cluster, laptop: Machine, gap: str, times: int = 1) -> tuple[str, str]:
    """Use a connection, leave it idle (so often), use it again: the first and the last answer."""
    connection = laptop.connect("host01:81")
    first = last = ask(connection)
    for _ in range(times):
        cluster.run_for(gap)
        last = ask(connection)
    return first, last


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=29)
    host01 = cluster.add_host("host01")
    laptop = cluster.add_machine("laptop")
    host01.swarm.init()
    web = host01.services.create("nginx", name="web", replicas=2, publish=["81:80", "53:80/udp"])
    cluster.settle()

    for gap, times in (("899s", 1), ("901s", 1), ("16m", 1), ("600s", 10)):
        first, last = idle(cluster, laptop, gap, times)
        print(f"idle {gap:>5} x{times}: {'alive' if first == last else last}")
        assert (first == last) == (gap in ("899s", "600s"))
        assert first == last or last.startswith("reset")

    flow = laptop.connect("host01:53", protocol="udp")
    first = ask(flow)
    cluster.run_for("299s")
    assert ask(flow) == first
    cluster.run_for("301s")
    assert ask(flow) != first  # forgotten: the next one's turn
    flow = laptop.connect("host01:53", protocol="udp")
    gone = ask(flow)
    web.scale(1)
    cluster.settle()
    left = {task.name for task in web.tasks()}
    print(f"UDP: {gone} was asked, {ask(flow)} answers after the scale-down")
    assert gone not in left
    assert ask(flow) in left  # its server was removed, so its entry goes with the next datagram


if __name__ == "__main__":
    main()

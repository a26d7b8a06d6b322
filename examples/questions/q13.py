"""Q13: HAProxy has `server-template web- 6 tasks.web:80`. What with 3, 6, 8 replicas, and what with `web`?

Six slots are six slots. Three replicas fill three, the others stay in maintenance; of eight replicas two
get nothing, until a slot frees; the name `web` is one address, the virtual one, so one slot is used and the
mesh balances.
"""

from meshsim.cluster import Cluster
from meshsim.scenario import HAProxy


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(images={"tasks": HAProxy("tasks.web:80", slots=6), "vip": HAProxy("web:80", slots=6)})
    (host,) = cluster.add_hosts("host01")
    host.swarm.init()
    host.networks.create("eg1", driver="overlay", attachable=True)
    web = host.services.create("traefik/whoami", name="web", replicas=3, network="eg1")
    for number, name in enumerate(("tasks", "vip")):
        host.services.create(name, name=name, network="eg1", publish=f"{8080 + number}:80")
    cluster.settle()
    tasks, vip = (host.services.get(name).tasks()[0].container.handler for name in ("tasks", "vip"))

    for replicas in (3, 6, 8):
        web.scale(replicas)
        cluster.settle()
        cluster.run_for("3s")
        names = [host.get("host01:8080").text.split()[1] for _ in range(48)]
        shares = sorted(names.count(name) for name in set(names))
        states = [slot.state for slot in tasks.slots]
        print(f"{replicas} replicas: {states.count('UP')} up, {states.count('MAINT')} idle, shares {shares}")
        used = min(replicas, 6)
        assert (states.count("UP"), states.count("MAINT")) == (used, 6 - used)
        assert shares == [48 // used] * used

    print(vip)
    assert [slot.state for slot in vip.slots] == ["UP"] + ["MAINT"] * 5
    assert vip.slots[0].address == web.vip("eg1")
    names = [host.get("host01:8081").text.split()[1] for _ in range(48)]
    assert {names.count(name) for name in names} == {6}  # all eight, and none more than the others


if __name__ == "__main__":
    main()

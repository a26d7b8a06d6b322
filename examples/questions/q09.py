"""Q09: Which client address does my app log, in ingress mode, in host mode, behind a proxy?

Ingress mode: the ingress address of the node that was entered, whoever called. Host mode: the true one.
Behind a proxy the caller is the proxy, and it is hidden in the same way: from the overlay a task sees the
proxy's node when the proxy calls the virtual address, and the proxy itself when it calls a task.
"""

from ipaddress import ip_address, ip_network

from meshsim.cluster import Cluster, Host


def ingress_address(host: Host) -> str:
    """The host's own address on the ingress network: what tasks see of whoever enters there."""
    ingress = host.plane.ingress
    assert ingress is not None
    return ingress.lb_address


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=9)
    host01, host02, host03 = cluster.add_hosts("host01", "host02", "host03")
    laptop, haproxy = cluster.add_machine("laptop"), cluster.add_machine("haproxy")
    host01.swarm.init()
    for host in (host02, host03):
        host.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("back", driver="overlay", attachable=True)
    host01.services.create("traefik/whoami", name="app", replicas=2, publish=["81:80"], network=["back"])
    host01.services.create(
        "traefik/whoami", name="direct", mode="global", publish=["mode=host,published=8080,target=80"]
    )
    cluster.settle()
    subnet = ip_network(host01.networks.get("ingress").subnet)

    print("ingress mode")
    for caller in (laptop, haproxy, host03):
        for entry in (host01, host02):
            seen = {caller.get(f"{entry.name}:81").source for _ in range(4)}
            print(f"  {caller.name:8} -> {entry.name}: {', '.join(seen)}")
            assert seen == {ingress_address(entry)}  # whichever task answers, on whichever node
            assert ip_address(ingress_address(entry)) in subnet

    print("host mode")
    for caller in (laptop, haproxy):
        seen_here = caller.get("host02:8080").source
        print(f"  {caller.name:8} -> host02: {seen_here}")
        assert seen_here == caller.address

    print("behind a proxy that runs on the overlay, on host03")
    proxy = host03.containers.run("alpine", "sleep 1d", name="proxy", network="back", detach=True)
    by_service = {proxy.get("app").source for _ in range(4)}
    by_task = {proxy.get(address).source for address in proxy.resolve("tasks.app").addresses}
    print(f"  app: {', '.join(by_service)}; tasks.app: {', '.join(by_task)}")
    node = host01.nodes.get("host03").record.attachment(host01.networks.get("back").id)
    assert node is not None
    assert by_service == {node.ip}
    assert by_task == {proxy.ip("back")}


if __name__ == "__main__":
    main()

"""Q26: May a service with endpoint mode dnsrr publish a port?

Not through the routing mesh: it has no virtual address there, and is refused. Host mode goes past the mesh:
there the port is the machine's own, the client's address stays, and other machines refuse.
"""

from collections.abc import Callable

from meshsim.cluster import Cluster
from meshsim.errors import ConnectionRefused, InvalidArgument

REFUSED = (
    "rpc error: code = InvalidArgument desc = EndpointSpec: "
    "port published with ingress mode can't be used with dnsrr mode"
)


def refusal(call: Callable[[], object]) -> str:
    """What is said when something is refused; empty when it is not."""
    try:
        call()
    except (InvalidArgument, ConnectionRefused) as error:
        return str(error)
    return ""


def main() -> None:
    """Run it, show it, hold it against the expectation."""
    cluster = Cluster(seed=26)
    host01, host02 = cluster.add_hosts("host01", "host02")
    laptop = cluster.add_machine("laptop")
    host01.swarm.init()
    host02.swarm.join("host01:2377", token=host01.swarm.join_token("worker"))
    host01.networks.create("eg1", driver="overlay")

    dnsrr = {"name": "web", "network": "eg1", "endpoint_mode": "dnsrr"}
    print(refusal(lambda: host01.services.create("nginx", publish="81:80", **dnsrr)))
    assert refusal(lambda: host01.services.create("nginx", publish="81:80", **dnsrr)) == REFUSED
    assert not host01.services.list()  # nothing was made

    web = host01.services.create(
        "traefik/whoami",
        publish="mode=host,published=81,target=80",
        constraint="node.hostname==host02",
        **dnsrr,
    )
    cluster.settle()
    answer = laptop.get("host02:81")
    print(f"host02:81 is answered by {answer.container} and sees {answer.source}")
    assert web.replicas == "1/1"
    assert answer.source == laptop.address  # no mesh, no other sender
    # no task and no mesh on host01; and an update is checked like a create
    assert refusal(lambda: laptop.get("host01:81")) == "host01:81: Connection refused"
    assert refusal(lambda: web.update(publish_add="82:80")) == REFUSED


if __name__ == "__main__":
    main()

"""``docker events --since 0`` begins in 1970, and so tells everything there was."""

from meshsim import Cluster


def test_since_0_tells_everything():
    host = Cluster().add_host("host01")
    host.swarm.init()
    network = host.networks.create("n1", driver="overlay")
    lines = host.run("docker events --since 0").stdout.splitlines()
    assert lines[0].split()[1:3] == ["node", "create"]
    assert f"network create {network.id} (name=n1)" in lines[-2]
    host.cluster.run_for("1m")
    assert host.run("docker events --since 30s").stdout == ""

"""Looking into network namespaces with the tools one knows: ground truth 2, 3, 10; data-plane 4.2, 5.1."""

from __future__ import annotations

import pytest

from meshsim import Cluster
from meshsim.shell.result import Result

SBOX = "nsenter --net=/var/run/docker/netns/ingress_sbox"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """The recorded swarm: host01 manager, two workers; lbapp1 on 81 and http on eg1, two tasks each."""
    cluster = Cluster(seed=2, engine="26.1")
    host01, *workers = cluster.add_hosts("host01", "host02", "host03")
    host01.swarm.init()
    for worker in workers:
        worker.swarm.join("host01", token=host01.swarm.join_token())
    image = "katacoda/docker-http-server"
    host01.services.create(
        image, name="lbapp1", replicas=2, publish=["81:80"], constraint="node.hostname!=host03"
    )
    host01.networks.create("eg1", driver="overlay", attachable=True)
    cluster.settle()
    host01.services.create(image, name="http", replicas=2, network=["eg1"], constraint="node.role==worker")
    cluster.settle()
    return cluster


def run(cluster: Cluster, line: str, host: str = "host01") -> Result:
    """Run a line that must succeed."""
    result: Result = cluster.host(host).run(line)
    assert (result.exit, result.stderr) == (0, ""), line
    return result


def test_02_the_ingress_sandbox_as_recorded(cluster: Cluster) -> None:
    """02_publish.txt, host01: VIP 10.0.0.5, tasks .6 and .7."""
    assert run(cluster, f"{SBOX} ip -br addr").stdout == (
        "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"
        "eth0@if6         UP             10.0.0.2/24 10.0.0.5/32 \n"
        "eth1@if9         UP             172.18.0.2/16 \n"
    )
    assert run(cluster, f"{SBOX} ip route").stdout == (
        "default via 172.18.0.1 dev eth1 \n"
        "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2 \n"
        "172.18.0.0/16 dev eth1 proto kernel scope link src 172.18.0.2 \n"
    )
    assert run(cluster, f"{SBOX} iptables -t mangle -S").stdout == (
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-A PREROUTING -p tcp -m tcp --dport 81 -j MARK --set-xmark 0x100/0xffffffff\n"
        "-A INPUT -d 10.0.0.5/32 -j MARK --set-xmark 0x100/0xffffffff\n"
    )
    assert "-A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2\n" in (
        run(cluster, f"{SBOX} iptables -t nat -S").stdout
    )
    assert run(cluster, f"{SBOX} iptables -t filter -S").stdout == (
        "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n"
    )
    settings = "conntrack conn_reuse_mode expire_nodest_conn expire_quiescent_template"
    files = " ".join(f"/proc/sys/net/ipv4/vs/{name}" for name in settings.split())
    assert run(cluster, f"{SBOX} cat {files}").stdout == "1\n0\n1\n1\n"
    assert run(cluster, f"{SBOX} ipvsadm -L --timeout").stdout == "Timeout (tcp tcpfin udp): 900 120 300\n"


def test_02_the_host_as_recorded(cluster: Cluster) -> None:
    """02_publish.txt, host03: nat table and DOCKER-INGRESS of the filter table; addresses without IPv6."""
    assert run(cluster, "iptables -t nat -S", "host03").stdout == (
        "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        "-N DOCKER\n-N DOCKER-INGRESS\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
        "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n"
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n"
        "-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE\n"
        "-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE\n"
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
        "-A DOCKER -i docker_gwbridge -j RETURN\n-A DOCKER -i docker0 -j RETURN\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.18.0.2:81\n"
        "-A DOCKER-INGRESS -j RETURN\n"
    )
    assert run(cluster, "iptables -S DOCKER-INGRESS", "host03").stdout == (
        "-N DOCKER-INGRESS\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 81 -j ACCEPT\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --sport 81 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A DOCKER-INGRESS -j RETURN\n"
    )
    assert run(cluster, "ip -br addr").stdout == (
        "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"
        "eth0             UP             192.168.65.11/24 \n"
        "docker0          DOWN           172.17.0.1/16 \n"
        "docker_gwbridge  UP             172.18.0.1/16 \n"
    )
    assert run(cluster, "ip route").stdout == (
        "172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown \n"
        "172.18.0.0/16 dev docker_gwbridge proto kernel scope link src 172.18.0.1 \n"
        "192.168.65.0/24 dev eth0 proto kernel scope link src 192.168.65.11 \n"
    )
    assert run(cluster, "ipvsadm -Ln").stdout.count("\n") == 3, "all balancing is done in sandboxes"


def test_03b_namespaces_and_the_sandbox_of_an_overlay(cluster: Cluster) -> None:
    """03b_dns.txt: host01 has no part in eg1; host02 has: mark 257, newest first, LB address as source."""
    ingress = cluster.host("host01").networks.get("ingress")
    (task,) = cluster.host("host01").containers.list()
    listed = run(cluster, "ls /var/run/docker/netns").stdout.split()
    assert sorted(listed) == sorted([task.id[12:24], f"1-{ingress.id[:10]}", "ingress_sbox"])
    (path,) = run(cluster, "ls -d /var/run/docker/netns/lb_*", "host02").stdout.split()
    network = cluster.host("host01").networks.get("eg1")
    assert path == f"/var/run/docker/netns/lb_{network.id[:9]}"
    inside = f"nsenter --net={path}"
    assert run(cluster, f"{inside} ipvsadm -Ln --nosort", "host02").stdout == (
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "FWM  257 rr\n"
        "  -> 10.0.1.3:0                   Masq    1      0          0         \n"  # told by host03: newest
        "  -> 10.0.1.4:0                   Masq    1      0          0         \n"
    )
    lb = run(cluster, f"{inside} ip -br addr", "host02").stdout.splitlines()[1].split()[2:]
    assert lb == ["10.0.1.6/24", "10.0.1.2/32"]
    assert "-A INPUT -d 10.0.1.2/32 -j MARK --set-xmark 0x101/0xffffffff\n" in (
        run(cluster, f"{inside} iptables -t mangle -S", "host02").stdout
    )
    assert f"--to-source {lb[0].removesuffix('/24')}\n" in (
        run(cluster, f"{inside} iptables -t nat -S POSTROUTING", "host02").stdout
    )
    assert run(cluster, f"{inside} ip route", "host02").stdout == (
        f"10.0.1.0/24 dev eth0 proto kernel scope link src {lb[0].removesuffix('/24')} \n"
    )
    bridge = f"nsenter --net=/var/run/docker/netns/1-{network.id[:10]}"
    assert (
        "br0              UP             10.0.1.1/24 \n"
        in run(cluster, f"{bridge} ip -br a", "host02").stdout
    )
    assert run(cluster, f"{bridge} ipvsadm -Ln", "host02").stdout.count("\n") == 3
    assert run(cluster, f"{bridge} iptables -t nat -S", "host02").stdout.count("\n") == 4


def test_03b_a_tasks_own_namespace_by_its_process(cluster: Cluster) -> None:
    """03b_dns.txt, host02: no balancer and no mangle rules in there; the way out is docker_gwbridge."""
    pid = "docker inspect -f '{{.State.Pid}}' $(docker ps -q -f name=http.)"
    for entry in (
        f"nsenter --net=/proc/$({pid})/ns/net",
        f"nsenter -t $({pid}) -n",
        "docker exec $(docker ps -q -f name=http.)",
    ):
        assert run(cluster, f"{entry} ipvsadm -Ln --nosort", "host02").stdout.count("\n") == 3
        assert run(cluster, f"{entry} iptables -t mangle -S", "host02").stdout.count("\n") == 5
        assert run(cluster, f"{entry} iptables -t nat -S", "host02").stdout.splitlines()[4:8] == [
            "-N DOCKER_OUTPUT",
            "-N DOCKER_POSTROUTING",
            "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT",
            "-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING",
        ]
        assert run(cluster, f"{entry} ip route", "host02").stdout == (
            "default via 172.18.0.1 dev eth1 \n"
            "10.0.1.0/24 dev eth0 proto kernel scope link src 10.0.1.4 \n"
            "172.18.0.0/16 dev eth1 proto kernel scope link src 172.18.0.4 \n"
        )


def test_10_connections_are_seen_with_the_published_port(cluster: Cluster) -> None:
    twin = cluster.fork()
    twin.host("host02").run("curl -s host01:81")
    shown = twin.host("host01").run(f"{SBOX} ipvsadm -Lcn").stdout.splitlines()
    assert shown[:2] == [
        "IPVS connection entries",
        "pro expire state       source             virtual            destination",
    ]
    assert shown[2].split() == [
        "TCP",
        "01:59",
        "TIME_WAIT",
        "192.168.65.12:32768",
        "172.18.0.2:81",
        "10.0.0.7:81",
    ]
    stats = twin.host("host01").run(f"{SBOX} ipvsadm -ln --stats --nosort").stdout.splitlines()
    assert stats[3].split()[:3] == ["FWM", "256", "1"]
    proc = twin.host("host01").run(f"{SBOX} cat /proc/net/ip_vs /proc/net/ip_vs_conn").stdout
    assert "FWM  00000100 rr \n  -> 0A000007:0000      Masq    1      0          1" in proc
    assert "TCP C0A8410C 8000 AC120002 0051 0A000007 0051 TIME_WAIT" in proc
    assert (
        twin.host("host01")
        .run(f"{SBOX} ipvsadm -Sn")
        .stdout.startswith("-A -f 256 -s rr\n-a -f 256 -r 10.0.0.6:0 -m -w 1\n")
    )


def test_lists_of_rules(cluster: Cluster) -> None:
    """The layout of iptables -nL: xshared.c print_header, print_rule_details."""
    assert run(cluster, "iptables -t nat -nL DOCKER-INGRESS").stdout == (
        "Chain DOCKER-INGRESS (2 references)\n"
        "target     prot opt source               destination         \n"
        "DNAT       tcp  --  0.0.0.0/0            0.0.0.0/0            tcp dpt:81 to:172.18.0.2:81\n"
        "RETURN     all  --  0.0.0.0/0            0.0.0.0/0           \n"
    )
    title, jump, names = run(cluster, "iptables -t nat -n -L OUTPUT --line-numbers").stdout.splitlines()[1:]
    assert title == "num  target     prot opt source               destination         "
    jumps = " ".join(jump.split())
    assert jumps == "1 DOCKER-INGRESS all -- 0.0.0.0/0 0.0.0.0/0 ADDRTYPE match dst-type LOCAL"
    assert (
        names
        == "2    DOCKER     all  --  0.0.0.0/0           !127.0.0.0/8          ADDRTYPE match dst-type LOCAL"
    )
    mangle = run(cluster, f"{SBOX} iptables --table=mangle --numeric --list INPUT").stdout.splitlines()
    assert mangle[2] == "MARK       all  --  0.0.0.0/0            10.0.0.5             MARK set 0x100"
    nat = run(cluster, f"{SBOX} iptables -w -t nat -nL").stdout
    assert "SNAT       all  --  0.0.0.0/0            10.0.0.0/24          ipvs to:10.0.0.2\n" in nat
    assert nat.count("\n\nChain ") == 5
    exec_ = "docker exec $(docker ps -q -f name=lbapp1)"
    assert (
        run(cluster, f"{exec_} iptables -t nat -nL PREROUTING")
        .stdout.splitlines()[2]
        .endswith("tcp dpt:81 redir ports 80")
    )
    filters = run(cluster, "iptables -nL DOCKER-INGRESS").stdout.splitlines()
    assert filters[3].endswith("tcp spt:81 ctstate RELATED,ESTABLISHED")


def test_entering_a_container_connects_from_there() -> None:
    cluster = Cluster(seed=3)
    (host,) = cluster.add_hosts("host01")
    laptop = cluster.add_machine("laptop")
    host.containers.run("nginx", name="web", publish="8080:80", detach=True)
    pid = host.containers.get("web").container.pid
    assert "nginx" in host.run(f"nsenter -t {pid} -n curl -s 172.17.0.2").stdout
    assert host.run(f"nsenter -t {pid} -n ping -c1 172.17.0.1").exit == 0
    key = "$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' web)"
    assert "inet 172.17.0.2/16" in host.run(f"nsenter --net={key} ip addr").stdout
    assert laptop.run("ls /run/docker/netns").exit == 2
    assert laptop.run("nsenter --net=/run/docker/netns/ingress_sbox ip a").exit == 1
    assert laptop.run("ip -br a").stdout.endswith("eth0             UP             192.168.65.12/24 \n")
    assert laptop.run("iptables -t nat -S").stdout.count("\n") == 4
    busybox = host.run("docker run --rm alpine ip addr").stdout
    assert (
        "5: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue state UP \n" in busybox
    )
    assert "group" not in busybox


def test_03b_a_loop_over_the_namespaces_as_it_was_typed(cluster: Cluster) -> None:
    """03b_dns.txt: on host01, which has no part in eg1, the pattern stays as it is."""
    shown = 'echo "== $f"; nsenter --net=$f ipvsadm -Ln | tail -n +4'
    loop = f"for f in /var/run/docker/netns/lb_*; do {shown}; done"
    here = cluster.host("host01").run(loop)
    assert here.stdout == "== /var/run/docker/netns/lb_*\n"
    assert here.stderr == "nsenter: cannot open /var/run/docker/netns/lb_*: No such file or directory\n"
    there = run(cluster, loop, "host02").stdout
    assert there.startswith("== /var/run/docker/netns/lb_")
    assert "FWM  257 rr\n  -> 10.0.1.3:0" in there
    first = "f=$(ls -d /var/run/docker/netns/1-* | head -1); nsenter --net=$f ip -br a | grep -c br0"
    assert run(cluster, first).stdout == "1\n"
    assert run(cluster, "ls -d /var/run/docker/netns /run/docker/netns/ingress_sbox").stdout == (
        "/var/run/docker/netns\n/run/docker/netns/ingress_sbox\n"
    )
    for quoted in (
        "'/run/docker/netns/*'",
        '"/run/docker/netns/*"',
        "/run/docker/*",
        "/run/docker/netns/?x*",
    ):
        assert run(cluster, f"echo {quoted}").stdout == quoted.strip("'\"") + "\n"
    assert run(cluster, "echo /run/docker/netns/i*box /run/docker/netns/ingress_sbo?").stdout == (
        "/run/docker/netns/ingress_sbox /run/docker/netns/ingress_sbox\n"
    )

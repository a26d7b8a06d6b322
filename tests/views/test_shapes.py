"""Shapes against the JSON a real 26.1.5 answered (key order included); ids name ground-truth sections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshsim.gotext.values import json_text, to_json
from meshsim.model.objects import (
    Attachment,
    Config,
    Endpoint,
    IpamState,
    ManagerStatus,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Secret,
    Service,
    Swarm,
    Task,
    TaskShared,
    TaskStatus,
    UpdateStatus,
    VirtualIP,
)
from meshsim.model.specs import (
    ConfigSpec,
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalMode,
    Mount,
    NetworkAttachmentConfig,
    NetworkSpec,
    NodeSpec,
    Placement,
    Platform,
    PortConfig,
    Replicated,
    Resources,
    RestartPolicy,
    SecretSpec,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from meshsim.model.states import (
    EndpointMode,
    FailureAction,
    NodeState,
    Protocol,
    PublishMode,
    Reachability,
    RestartCondition,
    Role,
    TaskState,
    UpdateOrder,
    UpdateState,
)
from meshsim.units import parse_time
from meshsim.views import pretty, shapes

S = 1_000_000_000
IMAGE = "katacoda/docker-http-server:latest"
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "shapes.json").read_text("utf-8"))
INGRESS, EG1, BACK = "aqizu4ze6vlkuvqn76why1y8o", "m355dlusqv204628yjzxosg3c", "suavi8ikhyx74ej8mmd8redku"
NAMES = {EG1: "eg1", BACK: "back"}
#: parts of the recorded objects that meshsim does not model
UNMODELLED = ("Sysctls", "CapabilityAdd", "Ulimits", "Options")

PORTS = (
    PortConfig(80, 86),
    PortConfig(81, 8086, mode=PublishMode.HOST),
    PortConfig(80, 53086, Protocol.UDP),
)
FULL_TASK = TaskSpec(
    container=ContainerSpec(
        IMAGE,
        hostname="h-{{.Task.Slot}}",
        env=("A=b",),
        dir="/",
        user="0",
        labels={"cl": "cv"},
        init=True,
        stop_signal="SIGTERM",
        mounts=(Mount("volume", "vv", "/data"),),
        stop_grace_ns=5 * S,
        hosts=("1.2.3.4 foo",),
        dns_servers=("1.1.1.1",),
    ),
    limits=Resources(500_000_000, 64 << 20),
    reservations=Resources(100_000_000, 16 << 20),
    restart=RestartPolicy(RestartCondition.ON_FAILURE, 3 * S, 5, 60 * S),
    placement=Placement(("node.role!=none", "node.platform.os==linux"), ("node.labels.zone",), 2),
    networks=(NetworkAttachmentConfig(EG1), NetworkAttachmentConfig(BACK, ("fu",))),
    log_driver="json-file",
)
FULL = ServiceSpec(
    "full",
    FULL_TASK,
    Replicated(3),
    {"l": "v"},
    UpdateConfig(2, 4 * S, FailureAction.ROLLBACK, 7 * S, 0.2, UpdateOrder.START_FIRST),
    UpdateConfig(1, 1 * S, FailureAction.PAUSE, 5 * S),
    EndpointSpec(EndpointMode.VIP, PORTS),
)


def at(text: str) -> int:
    return parse_time(text)


def without(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: without(inner, keys) for key, inner in value.items() if key not in keys}
    if isinstance(value, list):
        return [without(item, keys) for item in value]
    return value


def same(made: Any, recorded: Any) -> None:
    """Equal, the order of keys included."""
    assert json.dumps(made, indent=1) == json.dumps(recorded, indent=1)


def full_service() -> Service:
    vips = (
        VirtualIP(INGRESS, "10.0.0.36/24"),
        VirtualIP(EG1, "10.0.1.20/24"),
        VirtualIP(BACK, "10.0.3.2/24"),
    )
    return Service(
        "70adcfjwuiboql0s1s7yznpr7",
        version=1248,
        created_ns=at("2026-11-23T08:45:04.166739322Z"),
        updated_ns=at("2026-11-23T08:45:04.179977329Z"),
        spec=FULL,
        endpoint=Endpoint(FULL.endpoint, PORTS, vips),
    )


def plain_service(index: int) -> Service:
    recorded = RECORDED["services_plain"][index]
    spec = ServiceSpec(
        recorded["Spec"]["Name"],
        TaskSpec(ContainerSpec(IMAGE)),
        [Replicated(1), GlobalMode()][index],
        endpoint=EndpointSpec([EndpointMode.VIP, EndpointMode.DNSRR][index]),
    )
    created = at(recorded["CreatedAt"])
    return Service(
        recorded["ID"],
        version=recorded["Version"]["Index"],
        created_ns=created,
        updated_ns=created,
        spec=spec,
        endpoint=Endpoint(spec.endpoint),
    )


def test_service_with_everything_ground_truth_26() -> None:
    same(
        without(to_json(shapes.service(full_service(), defaults=True)), UNMODELLED),
        without(RECORDED["service_full"], UNMODELLED),
    )


@pytest.mark.parametrize("index", [0, 1], ids=["replicated", "global-dnsrr"])
def test_plain_services_with_defaults_ground_truth_26(index: int) -> None:
    same(to_json(shapes.service(plain_service(index), defaults=True)), RECORDED["services_plain"][index])


def test_stored_service_has_no_defaults_ground_truth_26() -> None:
    spec = to_json(shapes.service(plain_service(0)))["Spec"]
    assert json_text(spec, escape=False) == (
        '{"Name":"plain","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"katacoda/docker-http-server:latest",'
        '"Init":false,"DNSConfig":{},"Isolation":"default"},"Resources":{"Limits":{},"Reservations":{}},'
        '"Placement":{},"ForceUpdate":0,"Runtime":"container"},"Mode":{"Replicated":{"Replicas":1}},'
        '"EndpointSpec":{"Mode":"vip"}}'
    )


def networks() -> dict[str, Network]:
    made = {}
    for one in RECORDED["task"]["NetworksAttachments"]:
        recorded = one["Network"]
        spec = recorded["Spec"]
        config = recorded["IPAMOptions"]["Configs"][0]
        vxlan = recorded["DriverState"]["Options"]["com.docker.network.driver.overlay.vxlanid_list"]
        made[recorded["ID"]] = Network(
            recorded["ID"],
            version=recorded["Version"]["Index"],
            created_ns=at(recorded["CreatedAt"]),
            updated_ns=at(recorded["UpdatedAt"]),
            spec=NetworkSpec(
                spec["Name"],
                attachable=spec.get("Attachable", False),
                ingress=spec.get("Ingress", False),
            ),
            ipam=(IpamState(config["Subnet"], config["Gateway"]),),
            vxlan_ids=(int(vxlan),),
        )
    return made


def test_task_ground_truth_26() -> None:
    recorded = RECORDED["task"]
    status = recorded["Status"]
    attachments = tuple(
        Attachment(one["Network"]["ID"], one["Addresses"][0]) for one in recorded["NetworksAttachments"]
    )
    task = Task(
        recorded["ID"],
        TaskShared(recorded["ServiceID"], "full", FULL_TASK, 1, at(recorded["CreatedAt"])),
        1,
        recorded["NodeID"],
        TaskState.RUNNING,
        TaskStatus(
            TaskState.STARTING,
            "starting",
            timestamp_ns=at(status["Timestamp"]),
            container_id=status["ContainerStatus"]["ContainerID"],
        ),
        attachments,
        version=recorded["Version"]["Index"],
        updated_ns=at(recorded["UpdatedAt"]),
    )
    made = to_json(shapes.task(task, network=networks().get))
    keep = tuple(key for key in UNMODELLED if key != "Options")
    expected = without(recorded, keep)
    del expected["Spec"]["LogDriver"]["Options"]
    same(made, expected)


@pytest.mark.parametrize("which", ["node_manager", "node_worker"])
def test_node_ground_truth_26(which: str) -> None:
    recorded = RECORDED[which]
    made = to_json(shapes.node(node(recorded), root_ca_digest="ab" * 32))
    made["Description"]["TLSInfo"] |= {"TrustRoot": "PEM", "CertIssuerPublicKey": "KEY"}
    same(made, recorded)


def node(recorded: dict[str, Any]) -> Node:
    described = recorded["Description"]
    manager = recorded.get("ManagerStatus")
    return Node(
        recorded["ID"],
        version=recorded["Version"]["Index"],
        created_ns=at(recorded["CreatedAt"]),
        updated_ns=at(recorded["UpdatedAt"]),
        spec=NodeSpec(labels=recorded["Spec"]["Labels"], role=Role.MANAGER if manager else Role.WORKER),
        description=NodeDescription(
            described["Hostname"],
            Platform("linux", "x86_64"),
            Resources(2 * S, described["Resources"]["MemoryBytes"]),
            described["Engine"]["EngineVersion"],
            plugins=tuple(f"{p['Type']}/{p['Name']}" for p in reversed(described["Engine"]["Plugins"])),
        ),
        status=NodeStatus(NodeState.READY, address=recorded["Status"]["Addr"]),
        manager=ManagerStatus(manager["Addr"], True, Reachability.REACHABLE) if manager else None,
    )


@pytest.mark.parametrize("index", [0, 1], ids=["ingress", "back"])
def test_network_inspect_on_a_node_that_uses_it_ground_truth_26(index: int) -> None:
    recorded = RECORDED["networks"][index]
    record = next(n for n in networks().values() if n.name == recorded["Name"])
    use = shapes.NetworkUse(
        at(recorded["Created"]),
        tuple(
            shapes.Plug(key, plug["Name"], plug["EndpointID"], plug["IPv4Address"])
            for key, plug in reversed(recorded["Containers"].items())
        ),
        tuple(shapes.GossipPeer(peer["Name"], peer["IP"]) for peer in recorded["Peers"]),
    )
    same(to_json(shapes.network(record, use, has_ipv4_key=False)), recorded)


def test_network_inspect_without_use_ground_truth_3() -> None:
    made = to_json(shapes.network(networks()[EG1], has_ipv4_key=False))
    assert (made["Containers"], made["Labels"], "Peers" in made) == (None, None, False)
    assert list(to_json(shapes.network(networks()[EG1])))[4:7] == ["Driver", "EnableIPv4", "EnableIPv6"]


def test_local_network_ground_truth_26() -> None:
    recorded = RECORDED["networks"][3]
    facts = shapes.LocalNetworkFacts(
        recorded["Id"],
        recorded["Name"],
        "bridge",
        "172.18.0.0/16",
        "172.18.0.1",
        at(recorded["Created"]),
        options=recorded["Options"],
        plugs=tuple(
            shapes.Plug(key, plug["Name"], plug["EndpointID"], plug["IPv4Address"])
            for key, plug in recorded["Containers"].items()
        ),
    )
    same(to_json(shapes.local_network(facts, has_ipv4_key=False)), recorded)


def swarm() -> Swarm:
    recorded = RECORDED["info_manager"]["Cluster"]
    return Swarm(
        recorded["ID"],
        version=recorded["Version"]["Index"],
        created_ns=at(recorded["CreatedAt"]),
        updated_ns=at(recorded["UpdatedAt"]),
        root_ca_digest="ab" * 32,
        worker_token="SWMTKN-1-w",
        manager_token="SWMTKN-1-m",
    )


def manager_info() -> shapes.SwarmInfo:
    recorded = RECORDED["info_manager"]
    return shapes.SwarmInfo(
        "active",
        recorded["NodeID"],
        recorded["NodeAddr"],
        True,
        remote_managers=(shapes.Peer(recorded["NodeID"], "192.168.65.11:2377"),),
        nodes=3,
        managers=1,
        swarm=swarm(),
    )


def test_swarm_info_ground_truth_26() -> None:
    made = to_json(shapes.swarm_info(manager_info()))
    made["Cluster"]["TLSInfo"] |= {"TrustRoot": "PEM", "CertIssuerPublicKey": "KEY"}
    same(made, RECORDED["info_manager"])


def test_info_text_ground_truth_26() -> None:
    assert pretty.swarm_section(manager_info()) == RECORDED["info_text"]


def test_swarm_has_tokens_at_the_end() -> None:
    made = to_json(shapes.swarm(swarm()))
    assert list(made)[-1] == "JoinTokens"
    assert made["JoinTokens"] == {"Worker": "SWMTKN-1-w", "Manager": "SWMTKN-1-m"}


def test_update_status_ground_truth_6() -> None:
    record = full_service().evolve_to(1300, at("2026-11-23T08:50:00Z"))
    started = at("2026-11-23T07:17:38.251620692Z")
    record = record.evolve_to(
        1301,
        record.updated_ns,
        update_status=UpdateStatus(UpdateState.UPDATING, "update in progress", started),
        previous_spec=FULL,
    )
    made = to_json(shapes.service(record))
    assert json_text(made["UpdateStatus"]) == (
        '{"State":"updating","StartedAt":"2026-11-23T07:17:38.251620692Z","Message":"update in progress"}'
    )
    assert list(made)[4:] == ["Spec", "PreviousSpec", "Endpoint", "UpdateStatus"]


def test_secrets_and_configs_ground_truth_22() -> None:
    created = at("2026-11-23T08:26:44.278562392Z")
    made = shapes.secret(
        Secret(
            "ax2qmqydn071j9ihk1rk69g6d", version=58, created_ns=created, spec=SecretSpec("db_pw", b"s3cret")
        )
    )
    assert json_text(made) == (
        '{"ID":"ax2qmqydn071j9ihk1rk69g6d","Version":{"Index":58},"CreatedAt":"2026-11-23T08:26:44.278562392Z",'
        '"UpdatedAt":"2026-11-23T08:26:44.278562392Z","Spec":{"Name":"db_pw","Labels":{}}}'
    )
    config = shapes.config(Config("k" * 25, spec=ConfigSpec("app_conf", b"x")))
    assert to_json(config)["Spec"] == {"Name": "app_conf", "Labels": {}, "Data": "eA=="}
    spec = TaskSpec(
        ContainerSpec(IMAGE, secrets=(FileReference("i" * 25, "lab", "/data/l", "5", mode=0o400),))
    )
    container = to_json(shapes.service(Service("s", spec=ServiceSpec("sec", spec))))["Spec"]["TaskTemplate"]
    assert json_text(container["ContainerSpec"]["Secrets"]) == (
        '[{"File":{"Name":"/data/l","UID":"5","GID":"0","Mode":256},"SecretID":"' + "i" * 25 + '",'
        '"SecretName":"lab"}]'
    )


def test_exited_container_keeps_its_network_without_address_ground_truth_3() -> None:
    facts = shapes.ContainerFacts(
        "1b3e4140ae7c" + "0" * 52,
        "dig",
        "benhall/dig",
        ("dig", "http"),
        status="exited",
        finished_ns=0,
        networks={"eg1": shapes.NetworkPlug("7vqww24anldfexjqrjbf5xboj", dns_names=("dig", "1b3e4140ae7c"))},
    )
    made = shapes.container(facts)
    assert json_text(made["NetworkSettings"]["Networks"]) == (
        '{"eg1":{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"","NetworkID":'
        '"7vqww24anldfexjqrjbf5xboj","EndpointID":"","Gateway":"","IPAddress":"","IPPrefixLen":0,'
        '"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DriverOpts":null,'
        '"DNSNames":["dig","1b3e4140ae7c"]}}'
    )


# -- pretty texts


def strip_unmodelled(text: str) -> str:
    lines = text.split("\n")
    drop = ("Capabilities:", " Add: CAP", "SysCtls:", " net.core", "Ulimits:", " nofile:")
    drop += (" LogOpts:", "  max-size")
    return "\n".join(line for line in lines if not line.startswith(drop))


def test_pretty_service_with_everything_ground_truth_26() -> None:
    made = pretty.service_pretty(full_service(), now_ns=0, network_name=lambda i: NAMES[i])
    assert made == strip_unmodelled(RECORDED["pretty_full"])


@pytest.mark.parametrize("index", [0, 1], ids=["pretty_plain", "pretty_global"])
def test_pretty_plain_services_ground_truth_26(index: int) -> None:
    made = pretty.service_pretty(plain_service(index), now_ns=0)
    assert made == RECORDED[["pretty_plain", "pretty_global"][index]]


def test_pretty_node_ground_truth_26() -> None:
    assert pretty.node_pretty(node(RECORDED["node_worker"])) == RECORDED["pretty_node"]
    assert " Leader:\t\tYes\n" in pretty.node_pretty(node(RECORDED["node_manager"]))

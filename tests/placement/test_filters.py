"""The filters and their texts: section 3 of the specification, rows 26-28 and 34-40."""

import pytest

from meshsim.errors import InvalidArgument, NotModelled
from meshsim.model.objects import Node, NodeStatus
from meshsim.model.specs import (
    ContainerSpec,
    Mount,
    NetworkAttachmentConfig,
    Placement,
    Platform,
    PortConfig,
    Resources,
    TaskSpec,
)
from meshsim.model.states import NodeState, Protocol, PublishMode, TaskState
from meshsim.placement import (
    DEFAULT_FILTERS,
    Demand,
    NodeInfo,
    Pipeline,
    Placer,
    sample_node,
    sample_tasks,
    validate_resources,
)
from meshsim.placement.filters import filter_name
from meshsim.placement.pipeline import failure_text

BARE = Node("bare", status=NodeStatus(NodeState.READY))
GIGA = 10**9


def failure(spec, node, ports=(), drivers=None, held=()):
    """The name of the first filter the node fails, or ''."""
    info = NodeInfo(node)
    for task in held:
        info.add(task)
    test = Pipeline(Demand.of(sample_tasks("s", 1, spec, ports=ports)[0], drivers)).first_failure(info)
    return filter_name(test) if test else ""


def reserve(cpus=0, memory=0, **generic):
    return TaskSpec(reservations=Resources(cpus, memory, generic))


def test_the_order_is_swarmkits():
    names = ["Ready", "Resource", "Plugin", "Constraint", "Platform", "HostPort", "MaxReplicas"]
    assert [filter_name(test) for test in DEFAULT_FILTERS] == names


@pytest.mark.parametrize(
    ("number", "one", "many"),
    [
        (0, "1 node not available for new tasks", "3 nodes not available for new tasks"),
        (1, "insufficient resources on 1 node", "insufficient resources on 3 nodes"),
        (2, "missing plugin on 1 node", "missing plugin on 3 nodes"),
        (
            3,
            "scheduling constraints not satisfied on 1 node",
            "scheduling constraints not satisfied on 3 nodes",
        ),
        (4, "unsupported platform on 1 node", "unsupported platform on 3 nodes"),
        (5, "host-mode port already in use on 1 node", "host-mode port already in use on 3 nodes"),
        (6, "max replicas per node limit exceed", "max replicas per node limit exceed"),
    ],
)
def test_texts(number, one, many):
    assert (DEFAULT_FILTERS[number].explain(1), DEFAULT_FILTERS[number].explain(3)) == (one, many)


@pytest.mark.parametrize("state", ["ready", "down", "unknown", "disconnected"])
@pytest.mark.parametrize("availability", ["active", "pause", "drain"])
def test_ready(state, availability):
    node = sample_node("n", state=state, availability=availability)
    assert failure(TaskSpec(), node) == ("" if (state, availability) == ("ready", "active") else "Ready")


@pytest.mark.parametrize(
    ("spec", "node", "fails"),
    [
        (reserve(2 * GIGA), sample_node("n", cpus=2), ""),
        (reserve(2 * GIGA + 1), sample_node("n", cpus=2), "Resource"),
        (reserve(0, 5), sample_node("n", memory_bytes=4), "Resource"),
        (reserve(0, 5), sample_node("n", memory_bytes=5), ""),
        (reserve(0, 5), BARE, "Resource"),
        (reserve(), BARE, ""),
        (reserve(gpu=1), sample_node("n", generic={"gpu": ("a",)}), ""),
        (reserve(gpu=2), sample_node("n", generic={"gpu": ("a",)}), "Resource"),
        (reserve(gpu=1), sample_node("n"), "Resource"),
        (reserve(gpu=("a",)), sample_node("n", generic={"gpu": ("a",)}), "Resource"),
        (reserve(-GIGA), sample_node("n"), ""),
        (TaskSpec(limits=Resources(9 * GIGA)), sample_node("n"), ""),
    ],
)
def test_resources(spec, node, fails):
    assert failure(spec, node) == fails


def test_on_an_overcommitted_node_any_reservation_fails():
    info = NodeInfo(sample_node("n", cpus=1, memory_bytes=100))
    info.add(sample_tasks("s", 1, reserve(GIGA))[0])
    info.update(sample_node("n", cpus=0.5, memory_bytes=100))
    memory_only = Demand.of(sample_tasks("s", 1, reserve(0, 1))[0])
    nothing = Demand.of(sample_tasks("s", 1)[0])
    assert not Pipeline(memory_only).fits(info)
    assert Pipeline(nothing).fits(info)


def volume(driver, kind="volume"):
    return TaskSpec(container=ContainerSpec(mounts=(Mount(kind, volume_driver=driver),)))


LOGS = ("Log/json-file", "Volume/rexray", "Network/weave:latest")


@pytest.mark.parametrize(
    ("spec", "plugins", "fails"),
    [
        (volume("nosuch"), (), "Plugin"),
        (volume("rexray"), LOGS, ""),
        (volume("rexray"), ("Volume/rexray:latest",), ""),
        (volume("rexray"), ("Network/rexray",), "Plugin"),
        (volume("local"), (), ""),
        (volume(""), (), ""),
        (volume("x", "bind"), (), ""),
        (TaskSpec(log_driver="none"), LOGS, ""),
        (TaskSpec(log_driver=""), LOGS, ""),
        (TaskSpec(log_driver="gelf"), LOGS, "Plugin"),
        (TaskSpec(log_driver="gelf"), (*LOGS, "Log/gelf:latest"), ""),
        (TaskSpec(log_driver="gelf"), ("Volume/rexray",), ""),
        (TaskSpec(networks=(NetworkAttachmentConfig("w"),)), LOGS, ""),
        (TaskSpec(networks=(NetworkAttachmentConfig("w"),)), ("Log/weave",), "Plugin"),
        (TaskSpec(networks=(NetworkAttachmentConfig("overlay"),)), (), ""),
    ],
)  # rows 34 to 37
def test_34_to_37_plugins(spec, plugins, fails):
    assert failure(spec, sample_node("n", plugins=plugins), drivers={"w": "weave"}) == fails


def test_a_node_without_description_passes_the_plugin_filter():
    assert failure(volume("nosuch"), BARE) == ""


def test_cluster_volumes_are_not_modelled():
    with pytest.raises(NotModelled, match="CSI"):
        Demand.of(sample_tasks("s", 1, volume("", "cluster"))[0])


def constrained(*expressions):
    return TaskSpec(placement=Placement(constraints=expressions))


@pytest.mark.parametrize(
    ("spec", "fails"),
    [
        (constrained("node.role==worker"), ""),
        (constrained("node.role==manager"), "Constraint"),
        (constrained("node.role==manager", "oops"), ""),  # one that does not parse switches the filter off
        (constrained("node.nosuch != x"), "Constraint"),
    ],
)
def test_constraints(spec, fails):
    assert failure(spec, sample_node("n")) == fails


LINUX, WINDOWS, NONE = (
    sample_node("linux"),
    sample_node("windows", platform=("windows", "x86_64")),
    sample_node("none", platform=None),
)


@pytest.mark.parametrize(
    ("platforms", "fits"),
    [
        ([("linux", "amd64")], ["linux"]),
        ([("linux", "arm")], []),
        ([("linux", "")], ["linux"]),
        ([("", "amd64")], ["linux", "windows"]),
        ([("linux", "amd64"), ("windows", "x86_64")], ["linux", "windows"]),
        ([], ["linux", "windows", "none", "bare"]),
        ([("", "")], ["linux", "windows"]),
        ([("Linux", "amd64")], []),
    ],
)  # rows 26 to 28
def test_26_to_28_platforms(platforms, fits):
    spec = TaskSpec(placement=Placement(platforms=tuple(Platform(*pair) for pair in platforms)))
    nodes = (LINUX, WINDOWS, NONE, BARE)
    assert [node.id for node in nodes if not failure(spec, node)] == fits


def test_27_text():
    placer = Placer()
    for node in (LINUX, WINDOWS, NONE):
        placer.set_node(node)
    spec = TaskSpec(placement=Placement(platforms=(Platform("linux", "arm"),)))
    outcome = placer.place(sample_tasks("s", 1, spec))
    assert outcome.pending == {"s.1": "no suitable node (unsupported platform on 3 nodes)"}


def host(published, protocol=Protocol.TCP, mode=PublishMode.HOST):
    return PortConfig(80, published, protocol, mode)


def test_38_host_ports():
    placer = Placer()
    placer.set_node(sample_node("n1"))
    placer.set_node(sample_node("n2"))
    tcp = placer.place(sample_tasks("a", 1, ports=[host(58)]))
    udp = placer.place(sample_tasks("b", 1, ports=[host(58, Protocol.UDP)]))
    assert list(tcp.nodes.values()) + list(udp.nodes.values()) == ["n1", "n2"]
    both = placer.place(sample_tasks("c", 1, ports=[host(58), host(58, Protocol.UDP)]))
    assert both.pending == {"c.1": "no suitable node (host-mode port already in use on 2 nodes)"}


@pytest.mark.parametrize("port", [host(0), host(58, mode=PublishMode.INGRESS), host(59)])
def test_ports_that_cannot_clash(port):
    assert failure(TaskSpec(), LINUX, [port], held=sample_tasks("a", 1, ports=[host(58)])) == ""


def test_max_replicas_counts_active_tasks_of_all_versions():
    spec = TaskSpec(placement=Placement(max_replicas=1))
    assert failure(spec, LINUX, held=sample_tasks("s", 1, spec_version=7)) == "MaxReplicas"
    assert failure(spec, LINUX, held=sample_tasks("other", 3)) == ""
    stopping = [task.evolve_to(1, 0, desired=TaskState.SHUTDOWN) for task in sample_tasks("s", 2)]
    assert failure(spec, LINUX, held=stopping) == ""


def test_reasons_are_sorted_by_count_then_by_order():
    pipeline = Pipeline(Demand.of(sample_tasks("s", 1, reserve(GIGA))[0]))
    small, down = NodeInfo(sample_node("n")), NodeInfo(sample_node("n", state="down"))
    assert pipeline.reasons([small, down]) == (
        "1 node not available for new tasks; insufficient resources on 1 node"
    )
    assert pipeline.explain([small, small, down]) == (
        "no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)"
    )
    assert pipeline.explain([]) == failure_text("") == "no suitable node"


@pytest.mark.parametrize(
    ("resources", "error"),
    [
        (Resources(999_999), "invalid cpu value 0.000999999: Must be at least 0.001"),
        (Resources(100_000), "invalid cpu value 0.0001: Must be at least 0.001"),
        (Resources(-GIGA), "invalid cpu value -1: Must be at least 0.001"),
        (Resources(0, 4 * 2**20 - 1), "invalid memory value 4194303: Must be at least 4MiB"),
        (Resources(0, -1), "invalid memory value -1: Must be at least 4MiB"),
    ],
)
def test_what_the_api_refuses(resources, error):
    with pytest.raises(InvalidArgument) as caught:
        validate_resources(resources)
    assert caught.value.description == error


def test_what_the_api_lets_pass():
    for resources in (Resources(), Resources(1_000_000, 4 * 2**20), Resources(generic={"gpu": ("a",)})):
        validate_resources(resources)

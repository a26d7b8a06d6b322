"""Cells, rows and progress against recorded tables (ground truth) and the command line's rules (cli 2, 3)."""

from __future__ import annotations

import re

import pytest

from meshsim.gotext.values import GoType, Pointer, json_text
from meshsim.model.objects import (
    Endpoint,
    JobStatus,
    ManagerStatus,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Task,
    TaskShared,
    TaskStatus,
)
from meshsim.model.specs import (
    ContainerSpec,
    GlobalJob,
    GlobalMode,
    NetworkSpec,
    Placement,
    PortConfig,
    Replicated,
    ReplicatedJob,
    ServiceSpec,
    TaskSpec,
)
from meshsim.model.states import NodeState, Protocol, PublishMode, Reachability, TaskState
from meshsim.text import table
from meshsim.views import progress, rows, shapes, texts
from meshsim.views.shapes import ContainerFacts, LocalNetworkFacts, PortBinding
from meshsim.views.status import ServiceStatus, service_status

S = 1_000_000_000
IMAGE = "katacoda/docker-http-server:latest"


def service(mode: object = Replicated(2), name: str = "lbapp1", **endpoint: object) -> Service:
    spec = ServiceSpec(name, TaskSpec(ContainerSpec(IMAGE)), mode)  # type: ignore[arg-type]
    return Service("vb8qc52375ph9bae7svbqe91h", spec=spec, endpoint=Endpoint(**endpoint))  # type: ignore[arg-type]


def task(
    slot: int,
    state: TaskState = TaskState.RUNNING,
    desired: TaskState = TaskState.RUNNING,
    *,
    node: str = "n1",
    created: int = 0,
    err: str = "",
    identifier: str = "",
    iteration: int | None = None,
    ports: tuple[PortConfig, ...] = (),
) -> Task:
    shared = TaskShared("svc", "lbapp1", TaskSpec(ContainerSpec(IMAGE)), 1, created, job_iteration=iteration)
    status = TaskStatus(state, err=err, timestamp_ns=created, ports=ports)
    return Task(identifier or f"task{slot}{created}".ljust(25, "x"), shared, slot, node, desired, status)


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        pytest.param((PortConfig(80, 81),), "*:81->80/tcp", id="cli-2-one"),
        pytest.param(
            (PortConfig(80, 80), PortConfig(81, 81), PortConfig(82, 82), PortConfig(53, 53, Protocol.UDP)),
            "*:80-82->80-82/tcp, *:53->53/udp",
            id="cli-2-range",
        ),
        pytest.param(
            (PortConfig(80, 53000, Protocol.UDP), PortConfig(80, 84)),
            "*:84->80/tcp, *:53000->80/udp",
            id="ground-truth-10-sorted",
        ),
        pytest.param(
            tuple(PortConfig(80 + n, 9000 + n) for n in range(3)),
            "*:9000-9002->80-82/tcp",
            id="ground-truth-10-range",
        ),
        pytest.param((PortConfig(80, 80), PortConfig(80, 81)), "*:80-81->80/tcp", id="one-target"),
        pytest.param(
            (PortConfig(80, 80), PortConfig(81, 81), PortConfig(81, 82)),
            "*:80-81->80-81/tcp, *:82->81/tcp",
            id="a-range-does-not-take-its-own-target-again",
        ),
        pytest.param((PortConfig(81, 80), PortConfig(80, 81)), "*:80->81/tcp, *:81->80/tcp", id="crossed"),
        pytest.param((PortConfig(80, 8080, mode=PublishMode.HOST),), "", id="ground-truth-9-host-mode"),
    ],
)
def test_service_ports(ports: tuple[PortConfig, ...], text: str) -> None:
    assert texts.ingress_ports(ports) == text


@pytest.mark.parametrize(
    ("ports", "brackets", "text"),
    [
        pytest.param((PortBinding(80),), True, "80/tcp", id="exposed"),
        pytest.param(
            (PortBinding(80, "tcp", 8080, ("0.0.0.0", "::")),),
            False,
            "0.0.0.0:8080->80/tcp, :::8080->80/tcp",
            id="ground-truth-9-host-mode",
        ),
        pytest.param(
            (PortBinding(80, "tcp", 80, ("0.0.0.0",)), PortBinding(81, "tcp", 81, ("0.0.0.0",))),
            True,
            "0.0.0.0:80-81->80-81/tcp",
            id="merged",
        ),
        pytest.param(
            (PortBinding(80, "tcp", 90, ("0.0.0.0",)), PortBinding(81, "tcp", 91, ("0.0.0.0",))),
            True,
            "0.0.0.0:90->80/tcp, 0.0.0.0:91->81/tcp",
            id="mapped-ones-are-not-merged",
        ),
        pytest.param(
            (PortBinding(80), PortBinding(81, "tcp", 81, ("0.0.0.0",))),
            True,
            "80/tcp, 0.0.0.0:81->81/tcp",
            id="mixed",
        ),
    ],
)
def test_container_ports(ports: tuple[PortBinding, ...], brackets: bool, text: str) -> None:
    assert texts.container_ports(ports, ipv6="bracketed" if brackets else "bare") == text


def test_container_status() -> None:
    facts = ContainerFacts("f" * 64, "x", "alpine", status="running", started_ns=0)
    assert texts.container_status(facts, 25 * S) == "Up 25 seconds"
    for health, text in [("starting", "(health: starting)"), ("healthy", "(healthy)")]:
        sick = ContainerFacts("f" * 64, "x", "alpine", status="running", started_ns=0, health=health)
        assert texts.container_status(sick, 420 * S) == f"Up 7 minutes {text}"
    assert texts.container_status(ContainerFacts("f" * 64, "x", "alpine"), 5) == "Created"


@pytest.mark.parametrize(
    ("mode", "status", "mode_text", "replicas"),
    [
        pytest.param(Replicated(3), ServiceStatus(2, 3), "replicated", "2/3", id="replicated"),
        pytest.param(GlobalMode(), ServiceStatus(3, 2), "global", "3/2", id="ground-truth-19-global"),
        pytest.param(
            ReplicatedJob(3, 3),
            ServiceStatus(0, 3, 2),
            "replicated job",
            "0/3 (2/3 completed)",
            id="ground-truth-9-job",
        ),
        pytest.param(
            ReplicatedJob(1, 4),
            ServiceStatus(1, 1),
            "replicated job",
            "1/1 (0/4 completed)",
            id="ground-truth-9-one-at-once",
        ),
        pytest.param(
            GlobalJob(),
            ServiceStatus(1, 2, 1),
            "global job",
            "1/2 (1/3 completed)",
            id="ground-truth-9-global-job",
        ),
    ],
)
def test_mode_and_replicas(mode: object, status: ServiceStatus, mode_text: str, replicas: str) -> None:
    row = rows.service_row(service(mode), status)
    assert (row.field("Mode"), row.field("Replicas")) == (mode_text, replicas)


def test_replicas_with_a_limit_per_node_ground_truth_9() -> None:
    spec = ServiceSpec("c4", TaskSpec(placement=Placement(max_replicas=2)), Replicated(8))
    assert (
        rows.service_row(Service("c" * 25, spec=spec), ServiceStatus(4, 8)).field("Replicas")
        == "4/8 (max 2 per node)"
    )


@pytest.mark.parametrize(
    ("mode", "tasks", "status"),
    [
        pytest.param(
            Replicated(2),
            [task(1), task(2), task(2, desired=TaskState.SHUTDOWN)],
            ServiceStatus(3, 2),
            id="ground-truth-7-dead-node-counts",
        ),
        pytest.param(
            GlobalMode(),
            [task(0, node="a"), task(0, node="b", desired=TaskState.SHUTDOWN)],
            ServiceStatus(2, 1),
            id="ground-truth-19-global",
        ),
        pytest.param(
            ReplicatedJob(3, 3),
            [
                task(0, TaskState.COMPLETE, TaskState.COMPLETE, iteration=1),
                task(1, TaskState.RUNNING, TaskState.COMPLETE, iteration=1),
                task(0, TaskState.COMPLETE, TaskState.COMPLETE, iteration=0),
            ],
            ServiceStatus(1, 3, 1),
            id="job-of-this-iteration",
        ),
        pytest.param(
            GlobalJob(),
            [
                task(0, TaskState.COMPLETE, TaskState.COMPLETE, node="a", iteration=1),
                task(0, TaskState.RUNNING, TaskState.COMPLETE, node="b", iteration=1),
                task(0, TaskState.PENDING, TaskState.COMPLETE, node="c", iteration=1),
            ],
            ServiceStatus(1, 2, 1),
            id="ground-truth-9-global-job",
        ),
    ],
)
def test_counting(mode: object, tasks: list[Task], status: ServiceStatus) -> None:
    record = service(mode).evolve_to(2, 0, job_status=JobStatus(1))
    assert service_status(record, tasks) == status


def test_service_ps_ground_truth_4() -> None:
    tasks = [
        task(2, created=20 * S, node="h3", identifier="q76zqxacq54x".ljust(25, "a")),
        task(1, created=30 * S, node="h1", identifier="7qgiewjhekl9".ljust(25, "a")),
        task(
            1,
            TaskState.SHUTDOWN,
            TaskState.SHUTDOWN,
            created=0,
            node="h1",
            identifier="uoumsq2zojdd".ljust(25, "a"),
        ),
        task(
            10,
            TaskState.PENDING,
            created=0,
            node="",
            err="no suitable node (scheduling constraints not satisfied)",
        ),
    ]
    lines = rows.task_rows(
        tasks,
        now_ns=40 * S,
        service_name=lambda _: "rr",
        node_name={"h1": "host01", "h3": "host03"}.__getitem__,
    )
    columns = rows.COLUMNS["task"]
    text = table(tuple(columns.values()), [rows.cells(row, tuple(columns)) for row in lines])
    assert [re.split(r" {3,}(?! )", line.rstrip()) for line in text.splitlines()] == [
        ["ID", "NAME", "IMAGE", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR", "PORTS"],
        ["7qgiewjhekl9", "rr.1", IMAGE, "host01", "Running", "Running 10 seconds ago"],
        ["uoumsq2zojdd", "\\_ rr.1", IMAGE, "host01", "Shutdown", "Shutdown 40 seconds ago"],
        ["q76zqxacq54x", "rr.2", IMAGE, "host03", "Running", "Running 20 seconds ago"],
        [
            "task100xxxxx",
            "rr.10",
            IMAGE,
            "Running",
            "Pending 40 seconds ago",
            '"no suitable node (scheduling …"',
        ],
    ]


def test_task_rows_details() -> None:
    host_port = PortConfig(80, 8080, mode=PublishMode.HOST)
    many = [
        task(0, node="n7", ports=(host_port, host_port)),
        Task("a" * 25, TaskShared("", "", TaskSpec(attachment="c" * 64), 0, 0), 0),
    ]
    first, second = rows.task_rows(many, now_ns=0, service_name=str, node_name=str, trunc=False, marks=False)
    assert (first.field("Name"), second.field("Name")) == ("a" * 25, "svc.n7")
    assert second.field("Ports") == "*:8080->80/tcp,*:8080->80/tcp"
    assert second.field("CurrentState") == "Running less than a second ago"


def test_json_of_rows_ground_truth_12() -> None:
    row = rows.service_row(service(ports=(PortConfig(80, 81),)), ServiceStatus(2, 2))
    assert json_text(row) == (
        '{"ID":"vb8qc52375ph","Image":"katacoda/docker-http-server:latest","Mode":"replicated",'
        '"Name":"lbapp1","Ports":"*:81-\\u003e80/tcp","Replicas":"2/2"}'
    )
    node = Node(
        "q" * 25,
        description=NodeDescription("host01", engine_version="26.1.5"),
        status=NodeStatus(NodeState.READY),
        manager=ManagerStatus("192.168.65.11:2377", True, Reachability.REACHABLE),
    )
    assert json_text(rows.node_row(node, self_id="q" * 25)) == (
        '{"Availability":"Active","EngineVersion":"26.1.5","Hostname":"host01","ID":"' + "q" * 25 + '",'
        '"ManagerStatus":"Leader","Self":"true","Status":"Ready","TLSStatus":"Ready"}'
    )


def test_network_rows() -> None:
    swarm = Network("e" * 25, spec=NetworkSpec("eg1"))
    assert (
        rows.network_row(swarm).field("Driver") == ""
    )  # ground truth 3: overlapping subnets stay unallocated
    local = rows.network_row(LocalNetworkFacts("9" * 64, "none", "null", labels={"b": "1", "a": "2"}))
    assert [local.field(c) for c in ("ID", "Driver", "Scope", "Labels")] == [
        "9" * 12,
        "null",
        "local",
        "a=2,b=1",
    ]


def test_docker_ps_row_of_the_lesson() -> None:
    facts = ContainerFacts(
        "06f131fda216" + "0" * 52,
        "redis.1.mq95cigfa7etgefqs1pye9crv",
        "redis:alpine",
        ("docker-entrypoint.sh", "redis-server"),
        status="running",
        started_ns=2 * S,
        ports=(PortBinding(6379),),
    )
    row = rows.container_row(facts, now_ns=27 * S)
    columns = tuple(rows.COLUMNS["container"])
    assert rows.cells(row, columns) == (
        "06f131fda216",
        "redis:alpine",
        '"docker-entrypoint.s…"',
        "27 seconds ago",
        "Up 25 seconds",
        "6379/tcp",
        "redis.1.mq95cigfa7etgefqs1pye9crv",
    )


def test_progress_cli_3() -> None:
    made = progress.progress(service(), [task(1), task(2, TaskState.PREPARING)], ())
    assert not made.converged
    assert made.overall() == "overall progress: 1 out of 2 tasks"
    assert made.overall(rolling_back=True) == "overall progress: rolling back update: 1 out of 2 tasks"
    assert made.lines == ("1/2: running  ", "2/2: preparing")


def test_progress_chooses_one_task_per_slot() -> None:
    tasks = [
        task(1, TaskState.FAILED, TaskState.SHUTDOWN),
        task(1, TaskState.READY, TaskState.READY, err="No such image: x"),
        task(2, node="down"),
    ]
    made = progress.progress(service(), tasks, {"down"})
    assert (made.done, made.lines) == (0, ("1/2: No such image: x", "2/2: "))


def test_progress_of_other_modes() -> None:
    everywhere = progress.progress(
        service(GlobalMode()), [task(0, node="b" * 25), task(0, node="a" * 25)], ()
    )
    assert everywhere.lines == ("aaaaaaaaaaaa: running  ", "bbbbbbbbbbbb: running  ")
    assert (
        progress.progress(service(GlobalMode()), [task(0, node=f"n{n}") for n in range(21)], ()).lines == ()
    )
    assert progress.progress(service(Replicated(21)), [], ()).lines == ()
    job = service(ReplicatedJob(2, 2)).evolve_to(2, 0, job_status=JobStatus(0))
    one = task(0, TaskState.COMPLETE, TaskState.COMPLETE, iteration=0)
    assert progress.progress(job, [one], ()).done == 1
    assert progress.progress(service(GlobalJob()), [one], ()).converged


def test_go_values_refuse_what_the_type_has_not() -> None:
    kind = GoType("swarm.Version", "Index?:int Meta:struct")
    with pytest.raises(TypeError, match="has no field Foo"):
        kind(Foo=1)
    with pytest.raises(TypeError, match="needs Meta"):
        kind(Index=1)
    shape = shapes.service(service())
    assert shape.field("CreatedAt") == 0  # promoted from Meta
    with pytest.raises(KeyError):
        shape.field("Foo")
    assert (Pointer(1) == Pointer(1), repr(Pointer(2)), hash(Pointer(3)) == hash(Pointer(3))) == (
        True,
        "&2",
        True,
    )
    assert "swarm.Service(ID='vb8qc" in repr(shape)
    assert (shape == shapes.service(service()), shape == 1) == (True, False)

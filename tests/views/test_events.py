"""Events out of the log (ground truth 21), and the filters of lists (engine API 10)."""

from __future__ import annotations

import pytest

from meshsim.errors import InvalidParameter
from meshsim.model.log import Record
from meshsim.model.objects import (
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Secret,
    Service,
    Task,
    TaskShared,
    UpdateStatus,
)
from meshsim.model.specs import (
    ContainerSpec,
    GlobalJob,
    GlobalMode,
    NetworkSpec,
    NodeSpec,
    Replicated,
    ReplicatedJob,
    SecretSpec,
    ServiceSpec,
    TaskSpec,
)
from meshsim.model.states import Availability, NodeState, TaskState, UpdateState
from meshsim.views.events import Ended, Event, Origin, Plug, events_of
from meshsim.views.filters import (
    fits_container,
    fits_event,
    fits_file,
    fits_network,
    fits_node,
    fits_service,
    fits_task,
)
from meshsim.views.shapes import ContainerFacts, LocalNetworkFacts, NetworkPlug

ID = "y8422uu4t5ht1j64mtctmzeqz"


def spec(replicas: int, image: str = "nginx:latest") -> ServiceSpec:
    return ServiceSpec("w", TaskSpec(ContainerSpec(image)), Replicated(replicas))


def commit(*operations: tuple[object, ...]) -> Record:
    return (0, "commit", ("swarm1", 1, operations))


def told(*records: Record, swarm: str = "swarm1") -> list[str]:
    return [event.text(0).partition("Z ")[2] for event in events_of(records, swarm=swarm, host="host01")]


def test_services_ground_truth_21() -> None:
    lines = told(
        commit(("create", "service", ID, Service(ID, spec=spec(6)))),
        commit(("update", "service", ID, "endpoint", None)),
        commit(("update", "service", ID, "spec", spec(7))),
        commit(("update", "service", ID, "update_status", UpdateStatus(UpdateState.UPDATING))),
        commit(("update", "service", ID, "update_status", UpdateStatus(UpdateState.PAUSED))),
        commit(("remove", "service", ID)),
    )
    assert lines == [
        f"service create {ID} (name=w)",
        f"service update {ID} (name=w)",
        f"service update {ID} (name=w, replicas.new=7, replicas.old=6)",
        f"service update {ID} (name=w, updatestate.new=updating)",
        f"service update {ID} (name=w, updatestate.new=paused, updatestate.old=updating)",
        f"service remove {ID} (name=w)",
    ]


def test_nodes_ground_truth_21() -> None:
    ready = NodeStatus(NodeState.READY)
    lines = told(
        commit(("create", "node", ID, Node(ID))),
        commit(("update", "node", ID, "attachments", ())),
        commit(("update", "node", ID, "description", NodeDescription("host02"), "status", ready)),
        commit(("update", "node", ID, "spec", NodeSpec(availability=Availability.DRAIN))),
        commit(("update", "node", ID, "status", NodeStatus(NodeState.DOWN))),
        commit(("remove", "node", ID)),
    )
    assert lines == [
        f"node create {ID} (name=)",
        f"node update {ID} (name=)",
        f"node update {ID} (name=host02, state.new=ready, state.old=unknown)",
        f"node update {ID} (availability.new=drain, availability.old=active, name=host02)",
        f"node update {ID} (name=host02, state.new=down, state.old=ready)",
        f"node remove {ID} (name=host02)",
    ]


def test_others_and_what_is_not_told() -> None:
    eg1 = Plug(ID, "eg1", "overlay")
    records = [
        commit(("create", "network", ID, Network(ID, spec=NetworkSpec("enet")))),
        commit(("create", "secret", "s", Secret("s", spec=SecretSpec("db_pw")))),
        commit(("create", "task", "t", object())),
        (5, "container", ("host01", "create", "c1", "web", Origin("nginx"))),
        (5, "container", ("host01", "start", "c1", "web", (eg1,))),
        (6, "network", ("host01", "disconnect", eg1, "c1")),
        (6, "container", ("host01", "die", "c1", "web", Ended(0, 7, stopped=False))),
        (7, "container", ("host02", "health_status: healthy", "c2", "other")),
        (8, "container", ("host01", "lost", "c1", "web")),
        (9, "network", ("host02", "create", eg1, "")),
        (7, "fault", {"what": "heal"}),
    ]
    local = [
        "container create c1 (image=nginx, name=web)",
        f"network connect {ID} (container=c1, name=eg1, type=overlay)",
        "container start c1 (image=nginx, name=web)",
        f"network disconnect {ID} (container=c1, name=eg1, type=overlay)",
        "container die c1 (execDuration=7, exitCode=0, image=nginx, name=web)",
    ]
    swarm = [f"network create {ID} (name=enet)", "secret create s (name=db_pw)"]
    assert told(*records) == swarm + local
    assert told(*records, swarm="") == local
    assert [event.type for event in events_of(records, host="host02")] == ["container", "network"]


def test_json_of_events_ground_truth_21() -> None:
    node = Event(1, "node", "update", ID, {"state.old": "unknown", "name": "host02", "state.new": "ready"})
    assert node.data(10**9) == {
        "Type": "node",
        "Action": "update",
        "Actor": {"ID": ID, "Attributes": {"name": "host02", "state.new": "ready", "state.old": "unknown"}},
        "scope": "swarm",
        "time": 1,
        "timeNano": 10**9 + 1,
    }
    container = Event(0, "container", "die", "c1", {"image": "nginx", "name": "web"}, "local")
    assert list(container.data(0))[:3] == ["status", "id", "from"]


def test_filters_of_swarm_objects() -> None:
    node = Node(ID, spec=NodeSpec(labels={"zone": "a"}), description=NodeDescription("host02"))
    assert fits_node(node, {"name": ["host"], "node.label": ["zone=a"], "role": ["manager", "worker"]})
    assert not fits_node(node, {"node.label": ["zone=b"]})
    assert not fits_node(Node(ID), {"label": ["x"]})
    web = Service(ID, spec=ServiceSpec("web", labels={"tier": "front"}))
    assert fits_service(web, {"name": ["we"], "id": ["y8"], "label": ["tier"], "mode": ["replicated"]})
    assert not fits_service(web, {"label": ["tier", "other"]})
    for mode, word in [
        (GlobalMode(), "global"),
        (GlobalJob(), "global-job"),
        (ReplicatedJob(), "replicated-job"),
    ]:
        assert fits_service(Service(ID, spec=ServiceSpec("x", mode=mode)), {"mode": [word]})
    task = Task("t" * 25, TaskShared(ID, "web", TaskSpec(), 1, 0), 1, "n1")
    assert fits_task(task, {"name": ["web.1"], "desired-state": ["Running"], "node": ["n1"], "service": [ID]})
    assert not fits_task(task.evolve_to(1, 0, desired=TaskState.SHUTDOWN), {"desired-state": ["running"]})
    assert fits_file(Secret(ID, spec=SecretSpec("db_pw")), {"name": ["db"]})


def test_filters_of_networks_and_containers() -> None:
    bridge = LocalNetworkFacts("9" * 64, "bridge", "bridge")
    eg1 = Network(ID, spec=NetworkSpec("eg1"))
    assert fits_network(bridge, {"type": ["builtin"], "driver": ["bridge"], "name": ["rid"]})
    assert fits_network(eg1, {"type": ["custom"], "scope": ["swarm"], "id": ["uu4t"]})
    facts = ContainerFacts(
        "c" * 64,
        "web.1.x",
        "nginx:latest",
        status="exited",
        exit_code=3,
        labels={"com.docker.swarm.task.id": "x"},
        networks={"eg1": NetworkPlug(ID)},
    )
    for wish in (
        {"name": ["web"]},
        {"name": ["^/web"]},
        {"status": ["exited"]},
        {"exited": ["3"]},
        {"network": [ID]},
        {"network": ["eg1"]},
        {"ancestor": ["nginx"]},
        {"is-task": ["true"]},
        {"health": ["none"]},
        {"id": ["ccc"]},
        {"label": ["com.docker.swarm.task.id=x"]},
    ):
        assert fits_container(facts, wish), wish
    assert not fits_container(facts, {"exited": ["0"]})


def test_filters_of_events() -> None:
    event = Event(0, "service", "create", ID, {"name": "web"})
    assert fits_event(
        event, {"service": ["web"], "type": ["service"], "event": ["create"], "scope": ["swarm"]}
    )
    assert not fits_event(event, {"container": ["web"]})
    assert not fits_event(event, {"service": ["other"]})


@pytest.mark.parametrize(
    ("check", "filters"), [(fits_service, {"foo": ["x"]}), (fits_task, {"desired-state": ["nope"]})]
)
def test_unknown_filters_engine_api_10(check: object, filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidParameter, match="invalid filter '"):
        check(Service(ID, spec=spec(1)), filters)  # type: ignore[operator]

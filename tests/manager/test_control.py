"""The control API. Rows of control-plane 2.5, 3.4, 3.5, 3.8, 8.2, 8.5, 8.6, 9; data-plane 1.8, 7."""

from __future__ import annotations

import pytest
from attrs import evolve
from tests.manager.office import COMPLETE, MS, ORPHANED, REMOVE, RUNNING, Office, PortConfig, policy, spec

from meshsim.errors import (
    AlreadyExists,
    Ambiguous,
    ApiError,
    FailedPrecondition,
    InvalidArgument,
    JoinRefused,
    NotFound,
    OutOfSequence,
    PermissionDenied,
    Unimplemented,
)
from meshsim.manager.tokens import join_token
from meshsim.model.objects import Network, Swarm
from meshsim.model.specs import (
    ConfigSpec,
    ContainerSpec,
    EndpointSpec,
    FileReference,
    GlobalJob,
    GlobalMode,
    HealthCheck,
    IpamConfig,
    Mount,
    NetworkSpec,
    NodeSpec,
    Placement,
    ReplicatedJob,
    Resources,
    SecretSpec,
    SwarmSpec,
    UpdateConfig,
)
from meshsim.model.states import (
    Availability,
    EndpointMode,
    NodeState,
    Protocol,
    PublishMode,
    Role,
    UpdateState,
)
from meshsim.sim import Streams

UDP, HOST = Protocol.UDP, PublishMode.HOST
INVALID = "rpc error: code = InvalidArgument desc = "


def office():
    tokens = Streams(0)["t"]
    digest = "ab" * 32
    return Office(
        swarm=Swarm(
            "swarm",
            root_ca_digest=digest,
            worker_token=join_token(digest, tokens),
            manager_token=join_token(digest, tokens),
        )
    )


@pytest.fixture(name="office")
def _office():
    return office()


def refused(call, *args, error=InvalidArgument, **kwargs):
    """The sentence of the refusal; and nothing was written."""
    store = call.__self__._store
    version = store.version
    with pytest.raises(error) as refusal:
        call(*args, **kwargs)
    assert store.version == version
    return str(refusal.value)


# -- tokens and membership


def test_2_5_2_to_7_tokens(office):
    control, store = office.control, office.store
    sentence = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
    worker = control.issue_certificate(store.swarm.worker_token, address="10.1.1.1")
    assert (worker.role, worker.spec.role, worker.status.state) == (
        Role.WORKER,
        Role.WORKER,
        NodeState.UNKNOWN,
    )
    assert worker.status.address == "10.1.1.1"
    manager = control.issue_certificate(store.swarm.manager_token, availability=Availability.DRAIN)
    assert (manager.role, manager.spec.availability) == (Role.MANAGER, Availability.DRAIN)
    for token in ("", "foobaz", store.swarm.worker_token[:-1] + "!"):
        assert refused(control.issue_certificate, token, error=JoinRefused) == sentence
    old = store.swarm.worker_token
    control.update_swarm(rotate_worker=True)
    assert refused(control.issue_certificate, old, error=JoinRefused) == sentence
    assert control.issue_certificate(store.swarm.worker_token).role is Role.WORKER
    control.update_swarm(SwarmSpec(task_history_limit=3))
    assert control.issue_certificate(store.swarm.worker_token).role is Role.WORKER
    assert len(store.nodes) == 4


@pytest.mark.parametrize(("worker", "manager"), [(True, False), (False, True), (True, True), (False, False)])
def test_2_5_11_rotation(office, worker, manager):
    old = office.store.swarm
    new = office.control.update_swarm(rotate_worker=worker, rotate_manager=manager)
    assert (new.worker_token != old.worker_token) is worker
    assert (new.manager_token != old.manager_token) is manager
    assert {t.split("-")[2] for t in (new.worker_token, new.manager_token)} == {
        old.worker_token.split("-")[2]
    }


def test_2_5_12_unlock_keys(office):
    control = office.control
    assert control.update_swarm(rotate_unlock=True).unlock_key == ""
    first = control.update_swarm(SwarmSpec(autolock=True)).unlock_key
    assert first.startswith("SWMKEY-1-")
    assert control.update_swarm().unlock_key == first
    assert control.update_swarm(rotate_unlock=True).unlock_key != first
    assert control.update_swarm(SwarmSpec()).unlock_key == ""


def test_4_1_settings_out_of_range(office):
    text = refused(office.control.update_swarm, SwarmSpec(heartbeat_ns=-1))
    assert text == INVALID + "heartbeat time period cannot be a negative duration"
    text = refused(office.control.update_swarm, SwarmSpec(cert_expiry_ns=3_599_999_999_999))
    assert text == INVALID + "minimum certificate expiry time is: 1h0m0s"


def test_3_8_12_13_16_removing_nodes(office):
    office.add_node("n1")
    office.add_node("n2", NodeState.UNKNOWN)
    service = office.create(spec("web"))
    from meshsim.manager.orchestrator.tasks import new_task

    ids = office.streams["ids"]
    office.add_tasks(*(new_task(ids, service, slot, 0, node_id=f"n{slot}") for slot in (1, 1, 2)))
    going, done, other = office.tasks(service)
    office.set(going, RUNNING)
    office.set(done, COMPLETE)
    text = refused(office.control.remove_node, "n1", error=FailedPrecondition)
    assert text == "rpc error: code = FailedPrecondition desc = node n1 is not down and can't be removed"
    office.control.remove_node("n1", force=True)
    assert [t.state for t in office.tasks(service)[:2]] == [ORPHANED, COMPLETE]
    assert office.tasks(service)[0].status.message == "Task belonged to a node that has been deleted"
    assert office.store.tasks[other.id].state < RUNNING
    office.control.remove_node("n2")
    assert not office.store.nodes
    assert "node n1 not found" in refused(office.control.remove_node, "n1", error=NotFound)


def test_3_4_members_are_not_removed(office):
    office.add_node("m1", NodeState.DOWN, role=Role.MANAGER)
    office.members.ids["m1"] = None
    for force in (False, True):
        text = refused(office.control.remove_node, "m1", force=force, error=FailedPrecondition)
        assert text.endswith(
            "node m1 is a cluster manager and is a member of the raft cluster. "
            "It must be demoted to worker before removal"
        )
    office.members.ids.clear()
    office.control.remove_node("m1")


def test_3_8_14_demotion_guards(office):
    for name in ("m1", "m2"):
        office.add_node(name)
        node = office.store.nodes[name]
        with office.store.transaction() as tx:
            tx.update(node, role=Role.MANAGER, spec=NodeSpec(role=Role.MANAGER))
    control, worker = office.control, NodeSpec()
    text = refused(control.update_node, "m1", worker, error=NotFound)
    assert text == "rpc error: code = NotFound desc = can't find manager in raft memberlist"
    office.members.ids.update(m1=None, m2=None)
    office.members.removable = False
    text = refused(control.update_node, "m1", worker, error=FailedPrecondition)
    assert text.endswith("can't remove member from the raft: this would result in a loss of quorum")
    office.members.removable = True
    assert control.update_node("m1", worker).spec.role is Role.WORKER
    with office.store.transaction() as tx:
        tx.update(office.store.nodes["m1"], role=Role.WORKER)
    text = refused(control.update_node, "m2", worker, error=FailedPrecondition)
    assert text.endswith("attempting to demote the last manager of the swarm")
    drained = NodeSpec(role=Role.MANAGER, availability=Availability.DRAIN)
    assert control.update_node("m2", drained).spec.availability is Availability.DRAIN
    assert "node m9 not found" in refused(control.update_node, "m9", worker, error=NotFound)


def test_0_3_stale_versions(office):
    node = office.add_node("n1")
    office.control.update_node("n1", NodeSpec(labels={"a": "b"}), node.version)
    text = refused(office.control.update_node, "n1", NodeSpec(), node.version, error=OutOfSequence)
    assert text == "rpc error: code = Unknown desc = update out of sequence"


# -- lookups


def test_0_2_lookups(office):
    control = office.control
    service = office.create(spec("web"))
    assert control.find_service(service.id) is service
    assert control.find("service", "web") is service
    assert control.find_service(service.id[:6]) is service
    assert control.find_network("ingress").id == "ingress-id"
    office.add_node("host01")
    assert control.find_node("host01").id == "host01"
    for kind in ("node", "service", "task", "network", "secret", "config"):
        for text in ("nosuch", ""):
            with pytest.raises(NotFound) as refusal:
                control.find(kind, text)
            assert str(refusal.value) == f"{kind} {text} not found"
    with pytest.raises(NotFound):
        control.find_service("WEB")


def test_0_2_ambiguous(office):
    for identifier in ("abc1", "abc2", "same"):
        office.add_node(identifier)
    with pytest.raises(Ambiguous) as refusal:
        office.control.find_node("abc")
    assert str(refusal.value) == "node abc is ambiguous (2 matches found)"
    with office.store.transaction() as tx:
        tx.update(office.store.nodes["abc1"], description=office.store.nodes["same"].description)
    assert office.control.find_node("same").id == "same"  # the exact id wins


# -- services


@pytest.mark.parametrize("name", ["name", "n-me", "n_me", "n-m-e", "n--d", "a" * 63])
def test_9_4_1_good_names(office, name):
    assert office.create(spec(name)).name == name


@pytest.mark.parametrize(
    "name", ["_nam", ".nam", "-nam", "nam-", "n/me", "n&me", "a.b", "bad name", "nam\n", "nämé"]
)
def test_9_4_2_bad_names(office, name):
    text = INVALID + "name must be valid as a DNS name component"
    assert refused(office.control.create_service, spec(name)) == text
    assert refused(office.control.create_network, NetworkSpec(name)) == text


def test_9_4_2_empty_and_long_names(office):
    assert refused(office.control.create_service, spec("")) == INVALID + "meta: name must be provided"
    text = INVALID + "name must be 63 characters or fewer"
    assert refused(office.control.create_service, spec("a" * 64)) == text


def test_9_4_3_the_same_name_twice(office):
    office.create(spec("web"))
    prefix = "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service "
    for name in ("web", "WEB"):
        text = refused(office.control.create_service, spec(name), error=AlreadyExists)
        assert text == f"{prefix}{name} already exists"


WRONG = [
    ({"limits": Resources(nano_cpus=100_000)}, "invalid cpu value 0.0001: Must be at least 0.001"),
    ({"reservations": Resources(memory_bytes=1)}, "invalid memory value 1: Must be at least 4MiB"),
    ({"limits": Resources(memory_bytes=1048576)}, "invalid memory value 1048576: Must be at least 4MiB"),
    ({"restart": policy(delay_ns=-1)}, "TaskSpec: restart-delay cannot be negative"),
    ({"restart": policy(window_ns=-1)}, "TaskSpec: restart-window cannot be negative"),
    ({"image": ""}, "ContainerSpec: image reference must be provided"),
    ({"image": "BAD:::img"}, 'ContainerSpec: "BAD:::img" is not a valid repository/tag'),
    (
        {"container": ContainerSpec("nginx", mounts=(Mount(target="/x"), Mount(target="/x")))},
        "ContainerSpec: duplicate mount point: /x",
    ),
    (
        {"container": ContainerSpec("nginx", healthcheck=HealthCheck(interval_ns=1000))},
        "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
    ),
    (
        {"container": ContainerSpec("nginx", healthcheck=HealthCheck(interval_ns=MS, start_interval_ns=-1))},
        "ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms",
    ),
    (
        {"container": ContainerSpec("nginx", healthcheck=HealthCheck(retries=-1))},
        "ContainerSpec: Retries in HealthConfig cannot be negative",
    ),
    ({"replicas": -1}, "Number of replicas must be non-negative"),
    ({"mode": ReplicatedJob(-1, 1)}, "Maximum concurrent jobs must not be negative"),
    ({"mode": ReplicatedJob(1, -1)}, "Total completed jobs must not be negative"),
    ({"mode": GlobalJob(), "update": UpdateConfig()}, "Jobs may not have an update config"),
    ({"update": UpdateConfig(delay_ns=-1)}, "TaskSpec: update-delay cannot be negative"),
    ({"update": UpdateConfig(monitor_ns=-1)}, "TaskSpec: update-monitor cannot be negative"),
    (
        {"update": UpdateConfig(max_failure_ratio=2)},
        "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
    ),
    (
        {"endpoint": EndpointSpec(EndpointMode.DNSRR, (PortConfig(80),))},
        "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ),
    (
        {"ports": (PortConfig(80, 8001), PortConfig(81, 8001, mode=HOST))},
        "EndpointSpec: duplicate published ports provided",
    ),
    (
        {"container": ContainerSpec("nginx", secrets=(FileReference("", "a", "f"),))},
        "malformed secret reference",
    ),
    (
        {"container": ContainerSpec("nginx", configs=(FileReference("i", "a", ""),))},
        "malformed file config reference, invalid target file name provided",
    ),
    (
        {
            "container": ContainerSpec(
                "nginx", secrets=(FileReference("i", "A", "F"), FileReference("j", "B", "F"))
            )
        },
        "secret references 'A' and 'B' have a conflicting target: 'F'",
    ),
    ({"networks": ("ingress-id",)}, 'Service cannot be explicitly attached to the ingress network "ingress"'),
    (
        {"container": ContainerSpec("nginx", secrets=(FileReference("i", "A", "F"),))},
        "secret not found: A",
    ),
    (
        {
            "container": ContainerSpec(
                "nginx", configs=(FileReference("i", "A", "F"), FileReference("j", "B", "G"))
            )
        },
        "configs not found: A, B",
    ),
]


@pytest.mark.parametrize(("fields", "text"), WRONG)
def test_9_1_refused_at_create_and_update(office, fields, text):
    """Rows 8.6-1 and 7; rows 9.4-5, 9.4-6 and 9.4-8 are among these."""
    assert refused(office.control.create_service, spec("web", **fields)) == INVALID + text
    job = isinstance(fields.get("mode"), GlobalJob)
    service = office.create(spec("web", **({"mode": GlobalJob()} if job else {})))
    newer = spec("web", **fields)
    assert refused(office.control.update_service, service.id, newer, service.version) == INVALID + text


@pytest.mark.parametrize(
    "fields",
    [
        {"limits": Resources(1_000_000, 4 << 20)},
        {"ports": (PortConfig(80, 8001), PortConfig(80, 8000))},
        {"ports": (PortConfig(80, 8002), PortConfig(80, 8002, UDP))},
        {"ports": (PortConfig(80), PortConfig(81), PortConfig(82))},
        {"endpoint": EndpointSpec(EndpointMode.DNSRR, (PortConfig(80, 81, mode=HOST),))},
        {"mode": GlobalMode()},
        {"update": UpdateConfig(), "restart": policy()},
        {"container": ContainerSpec("nginx", healthcheck=HealthCheck(("NONE",)))},
        {"image": "registry:5000/team/app:v1@sha256:" + "ab" * 32},
        {"image": "localhost/x"},
    ],
)
def test_8_6_2_and_others_accepted(office, fields):
    assert office.create(spec("web", **fields)).version == office.store.version


@pytest.mark.parametrize(
    "image", ["a:b:c", "x@sha256:12", "ab" * 32, "-bad/x", "ho_st.x:5/y", "Host/UPPER", "a" * 256, "a:-t"]
)
def test_9_1_images(office, image):
    assert "is not a valid repository/tag" in refused(office.control.create_service, spec("w", image=image))


@pytest.mark.parametrize(
    ("engine", "code"), [("20.10", "Unknown"), ("26.1", "Unknown"), ("28", "InvalidArgument")]
)
def test_9_1_constraints(engine, code):
    office = Office(engine=engine)
    bad = spec("web", placement=Placement(("nonsense",)))
    with pytest.raises(ApiError) as refusal:
        office.create(bad)
    assert (
        str(refusal.value) == f"rpc error: code = {code} desc = constraint expected one operator from ==, !="
    )


def test_8_2_and_8_6_3_to_6_port_conflicts(office):
    first = office.create(spec("lbapp1", ports=[PortConfig(80, 81)]))
    taken = f"{INVALID}port '81' is already in use by service 'lbapp1' ({first.id}) as an ingress port"
    create = office.control.create_service
    assert refused(create, spec("b", ports=[PortConfig(80, 81)])) == taken
    assert refused(create, spec("b", ports=[PortConfig(80, 81, mode=HOST)])) == taken
    office.create(spec("udp", ports=[PortConfig(80, 81, UDP)]))
    host = office.create(spec("hm", ports=[PortConfig(80, 8080, mode=HOST)]))
    office.create(spec("hm2", ports=[PortConfig(80, 8080, mode=HOST)]))
    assert refused(create, spec("b", ports=[PortConfig(80, 8080)])) == (
        f"{INVALID}port '8080' is already in use by service 'hm' ({host.id}) as a host-published port"
    )
    office.create(spec("none"))
    other = office.create(spec("other", ports=[PortConfig(80)]))
    update = office.control.update_service
    newer = evolve(other.spec, endpoint=EndpointSpec(ports=(PortConfig(80, 81),)))
    assert refused(update, other.id, newer, other.version) == taken
    newer = evolve(other.spec, endpoint=EndpointSpec(ports=(PortConfig(80, 82),)))
    assert update(other.id, newer, other.version).spec == newer
    stored = office.service(first)
    assert update(first.id, stored.spec, stored.version).spec == stored.spec


def test_dynamic_ports_of_others_count(office):
    from meshsim.model.objects import Endpoint

    first = office.create(spec("a", ports=[PortConfig(80)]))
    with office.store.transaction() as tx:
        tx.update(first, endpoint=Endpoint(first.spec.endpoint, (PortConfig(80, 30000),)))
    assert "port '30000' is already in use by service 'a'" in refused(
        office.control.create_service, spec("b", ports=[PortConfig(80, 30000)])
    )


def test_1_2_no_ingress(office):
    office.control.remove_network("ingress-id")
    text = refused(office.control.create_service, spec("a", ports=[PortConfig(80)]), error=FailedPrecondition)
    assert text.endswith("service needs ingress network, but no ingress network is present")
    service = office.create(spec("a", endpoint=EndpointSpec()))
    newer = spec("a", ports=[PortConfig(80)])
    text = refused(
        office.control.update_service, service.id, newer, service.version, error=FailedPrecondition
    )
    assert text.endswith("no ingress network is present")


def test_8_5_and_9_4_4_refused_updates(office):
    update = office.control.update_service
    service = office.create(spec("web"))
    assert refused(update, service.id, service.spec) == INVALID + "invalid argument"
    assert refused(update, "", service.spec, 1) == INVALID + "invalid argument"
    assert "service nosuch not found" in refused(update, "nosuch", service.spec, 1, error=NotFound)
    text = refused(update, service.id, spec("web", mode=GlobalMode()), service.version, error=Unimplemented)
    assert text == "rpc error: code = Unimplemented desc = service mode change is not allowed"
    text = refused(update, service.id, spec("other"), service.version, error=Unimplemented)
    assert text == "rpc error: code = Unimplemented desc = renaming services is not supported"
    text = refused(
        update, service.id, service.spec, service.version, rollback="previous", error=FailedPrecondition
    )
    assert text.endswith(f"service {service.id} does not have a previous spec")
    assert refused(update, service.id, service.spec, 99, error=OutOfSequence)


def test_7_2_previous_specs_and_rollback(office):
    service = office.create(spec("web", 1))
    scaled = office.scale(service, 3)
    assert (scaled.previous_spec, scaled.previous_spec_version) == (service.spec, 0)
    assert scaled.spec_version == service.version
    assert scaled.update_status is None
    back = office.control.update_service(service.id, spec("web", 9), scaled.version, rollback="previous")
    assert (back.spec, back.previous_spec) == (service.spec, scaled.spec)
    assert (back.spec_version, back.previous_spec_version) == (0, scaled.spec_version)
    assert back.update_status.state is UpdateState.ROLLBACK_STARTED
    assert back.update_status.message == "manually requested rollback"
    forth = office.control.update_service(service.id, spec("web"), back.version, rollback="previous")
    assert forth.spec == scaled.spec


def test_9_4_7_a_job_runs_again_with_every_update(office):
    service = office.create(spec("job", mode=ReplicatedJob(1, 1)))
    assert service.job_status.iteration == 0
    assert office.respec(service).job_status.iteration == 1
    assert office.respec(service).job_status.iteration == 2


def test_removing_services(office):
    service = office.create(spec("web", ports=[PortConfig(80, 81)]))
    office.control.remove_service(service.id)
    assert "not found" in refused(office.control.remove_service, service.id, error=NotFound)
    office.create(spec("web", ports=[PortConfig(80, 81)]))


# -- networks


def test_1_8_10_and_11_networks(office):
    network = office.control.create_network(NetworkSpec("eg1"))
    assert (len(network.id), network.ipam) == (25, ())
    text = refused(office.control.create_network, NetworkSpec("EG1"), error=AlreadyExists)
    assert text == "rpc error: code = Unknown desc = name conflicts with an existing object"


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (
            NetworkSpec("i", ingress=True),
            AlreadyExists,
            "AlreadyExists desc = ingress network (ingress-id) is already present",
        ),
        (
            NetworkSpec("i", ingress=True, attachable=True),
            InvalidArgument,
            "ingress network cannot be attachable",
        ),
        (
            NetworkSpec("i", driver="bridge", ingress=True),
            Unimplemented,
            "only overlay driver is currently supported for ingress network",
        ),
        (NetworkSpec("n", driver="foo"), InvalidArgument, "plugin foo not supported"),
        (
            NetworkSpec("n", labels={"com.docker.swarm.internal": ""}),
            PermissionDenied,
            "com.docker.swarm.internal is for internally created networks and cannot be applied by users",
        ),
        (
            NetworkSpec("n", ipam=(IpamConfig("192.168.1.0/24", gateway="192.168.2.1"),)),
            InvalidArgument,
            "ipam configuration: subnet 192.168.1.0/24 does not contain gateway 192.168.2.1",
        ),
        (
            NetworkSpec("n", ipam=(IpamConfig("nonsense"),)),
            InvalidArgument,
            "ipam configuration: invalid subnet nonsense",
        ),
    ],
)
def test_1_2_refused_networks(office, wrong, error, text):
    assert refused(office.control.create_network, wrong, error=error).endswith(text)


def test_1_8_17_and_18_networks_in_use(office):
    remove = office.control.remove_network
    network = office.control.create_network(NetworkSpec("eg1", attachable=True))
    service = office.create(spec("http", networks=[network.id], ports=[PortConfig(80, 81)]))
    prefix = "rpc error: code = FailedPrecondition desc = "
    text = refused(remove, network.id, error=FailedPrecondition)
    assert text == f"{prefix}network {network.id} is in use by service {service.id}"
    text = refused(remove, "ingress-id", error=FailedPrecondition)
    assert text == f"{prefix}ingress network cannot be removed because service {service.id} depends on it"
    office.control.remove_service(service.id)
    task = office.control.attach("eg1", "c" * 64, "n1")
    text = refused(remove, network.id, error=FailedPrecondition)
    assert text == f"{prefix}network {network.id} is in use by task {task.id}"
    office.set(task, desired=REMOVE)
    remove(network.id)
    remove("ingress-id")
    assert "network ingress-id not found" in refused(remove, "ingress-id", error=NotFound)


def test_7_predefined_networks(office):
    with office.store.transaction() as tx:
        tx.create(Network("b", spec=NetworkSpec("bridge", driver="bridge"), predefined=True))
    text = refused(office.control.remove_network, "b", error=FailedPrecondition)
    assert text.endswith("network b (bridge) is a swarm predefined network and cannot be removed")


def test_1_5_attachments(office):
    office.control.create_network(NetworkSpec("n3"))
    control = office.control
    text = refused(control.attach, "n3", "c" * 64, "n1", error=PermissionDenied)
    assert text == "rpc error: code = PermissionDenied desc = network n3 not manually attachable"
    assert "network nosuch not found" in refused(control.attach, "nosuch", "c", "n1", error=NotFound)
    network = control.create_network(NetworkSpec("n4", attachable=True))
    task = control.attach(network.id, "c" * 64, "n1")
    assert (task.service_id, task.node_id, task.spec.attachment, task.name) == ("", "n1", "c" * 64, task.id)
    control.detach(task.id)
    assert "task" in refused(control.detach, task.id, error=NotFound)
    service = office.create(spec("web"))
    from meshsim.manager.orchestrator.tasks import new_task

    office.add_tasks(new_task(office.streams["ids"], service, 1, 0))
    assert refused(control.detach, office.tasks(service)[0].id, error=PermissionDenied)


# -- secrets and configs


@pytest.mark.parametrize("name", ["db_pw", "a", "a.b-c_d", "9" * 64])
def test_9_2_file_names(office, name):
    assert office.control.create_secret(SecretSpec(name, b"x")).name == name
    assert office.control.create_config(ConfigSpec(name, b"x")).name == name


@pytest.mark.parametrize("name", ["_a", "a-", ".", "a b", "a" * 65, "ä"])
def test_22_bad_file_names(office, name):
    assert refused(office.control.create_secret, SecretSpec(name, b"x")) == (
        INVALID + "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, "
        "and the start and end character must be [a-zA-Z0-9]"
    )


def test_22_file_data_and_names(office):
    control = office.control
    assert "name must be provided" in refused(control.create_config, ConfigSpec("", b"x"))
    for size in (0, 512_000):
        text = refused(control.create_secret, SecretSpec("s", b"x" * size))
        assert text == INVALID + "secret data must be larger than 0 and less than 512000 bytes"
    for size in (0, 1_024_000):
        text = refused(control.create_config, ConfigSpec("c", b"x" * size))
        assert text == INVALID + "config data must be larger than 0 and less than 1024000 bytes"
    control.create_secret(SecretSpec("db_pw", b"x" * 511_999))
    control.create_config(ConfigSpec("app_conf", b"x"))
    text = refused(control.create_secret, SecretSpec("db_pw", b"y"), error=AlreadyExists)
    assert text == "rpc error: code = AlreadyExists desc = secret db_pw already exists"
    text = refused(control.create_config, ConfigSpec("app_conf", b"y"), error=AlreadyExists)
    assert text == "rpc error: code = AlreadyExists desc = config app_conf already exists"


def test_9_2_only_labels_change(office):
    control = office.control
    secret = control.create_secret(SecretSpec("s", b"x"))
    config = control.create_config(ConfigSpec("c", b"x"))
    assert control.update_secret(secret.id, SecretSpec("s", b"x", {"a": "b"})).spec.labels == {"a": "b"}
    assert control.update_config(config.id, ConfigSpec("c", b"x", {"a": "b"})).spec.labels == {"a": "b"}
    for wrong in (SecretSpec("t", b"x"), SecretSpec("s", b"y")):
        text = refused(control.update_secret, secret.id, wrong)
        assert text == INVALID + "only updates to Labels are allowed"
    assert refused(control.update_config, config.id, ConfigSpec("c", b"x"), 0, error=OutOfSequence)


def test_22_files_in_use(office):
    control = office.control
    secret = control.create_secret(SecretSpec("db_pw", b"x"))
    config = control.create_config(ConfigSpec("app_conf", b"x"))
    container = ContainerSpec(
        "nginx",
        secrets=(FileReference(secret.id, "db_pw", "db_pw"),),
        configs=(FileReference(config.id, "app_conf", "/app"),),
    )
    office.create(spec("sec", container=container))
    text = refused(control.remove_secret, secret.id)
    assert text == INVALID + "secret 'db_pw' is in use by the following service: sec"
    other = office.create(spec("two", container=container))
    text = refused(control.remove_config, config.id)
    assert text == INVALID + "config 'app_conf' is in use by the following services: sec, two"
    for service in (other, control.find_service("sec")):
        control.remove_service(service.id)
    control.remove_secret(secret.id)
    control.remove_config(config.id)
    assert "not found" in refused(control.remove_secret, secret.id, error=NotFound)
    control.check()
    assert repr(control).startswith("<Control of <Store")


def test_a_reference_must_know_the_name(office):
    secret = office.control.create_secret(SecretSpec("db_pw", b"x"))
    container = ContainerSpec("nginx", secrets=(FileReference(secret.id, "other", "f"),))
    text = refused(office.control.create_service, spec("s", container=container))
    assert text == INVALID + "secret not found: other"

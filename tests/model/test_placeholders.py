"""Placeholders: control-plane 9.3 and row 9.4-9 (TestTemplateContext, TestSwarmServiceTemplatingHostname)."""

import pytest

from meshsim import Cluster
from meshsim.errors import InvalidArgument
from meshsim.model.objects import NodeDescription, Task, TaskShared
from meshsim.model.placeholders import check_placeholders, expand_container
from meshsim.model.specs import ContainerSpec, Mount, Platform, TaskSpec
from meshsim.model.states import TaskState

LABELS = {"one": "1", "com.example.two": "2"}
NODE = NodeDescription("mynode", Platform("myos", "myarch"))


def task(slot: int = 10) -> Task:
    return Task("taskID", TaskShared("serviceID", "serviceName", TaskSpec(), 0, 0, LABELS), slot, "nodeID")


def expanded(text: str, slot: int = 10) -> str:
    return expand_container(ContainerSpec("i", hostname=text), task(slot), NODE).hostname


def test_9_4_9_environment_and_its_left_side():
    env = (
        "MYENV=notemplate",
        "{{.NotExpanded}}=foo",
        "BARE",
        "IDS={{.Service.ID}} {{.Service.Name}} {{.Task.ID}} {{.Node.ID}}",
        "TASK_NAME={{.Task.Name}}",
        "LABELS={{range $k, $v := .Service.Labels}}{{$k}}={{$v}},{{end}}",
    )
    assert expand_container(ContainerSpec("i", env=env), task(), NODE).env == (
        "MYENV=notemplate",
        "{{.NotExpanded}}=foo",
        "BARE",
        "IDS=serviceID serviceName taskID nodeID",
        "TASK_NAME=serviceName.10.taskID",
        "LABELS=com.example.two=2,one=1,",
    )


def test_9_4_9_mounts():
    mount = Mount("volume", "bar-{{.Node.ID}}-{{.Task.Name}}", "foo-{{.Service.Name}}-{{.Task.Slot}}", True)
    (got,) = expand_container(ContainerSpec("i", mounts=(mount,)), task(), NODE).mounts
    assert got == Mount("volume", "bar-nodeID-serviceName.10.taskID", "foo-serviceName-10", True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("myhost-{{.Task.Slot}}", "myhost-10"),
        ("{{.Node.Hostname}}-{{.Node.Platform.OS}}-{{.Node.Platform.Architecture}}", "mynode-myos-myarch"),
        ('{{index .Service.Labels "com.example.two"}}{{index .Service.Labels "none"}}', "2"),
        ('{{join "-" .Service.Name .Task.Slot}}', "serviceName-10"),
        ('{{if eq .Task.Slot "10"}}ten{{else}}other{{end}}', "ten"),
        ("}} no template", "}} no template"),
    ],
)
def test_9_4_9_host_names(text, value):
    assert expanded(text) == value


def test_9_3_slot_0_reads_as_the_node():
    assert expanded("{{.Task.Slot}} {{.Task.Name}}", slot=0) == "nodeID serviceName.nodeID.taskID"


def test_a_task_without_a_node_description_has_empty_fields():
    container = ContainerSpec("i", hostname="[{{.Node.Hostname}}{{.Node.Platform.OS}}]")
    assert expand_container(container, task(), None).hostname == "[]"


UNKNOWN = "can't evaluate field"
#: fields, what failed, line and column, then what Go says
REFUSED = [
    (
        {"env": ("A={{.Foo}}",)},
        'env failed: expanding env "A={{.Foo}}"',
        f'1:2: executing "expansion" at <.Foo>: {UNKNOWN} Foo in type *template.Context',
    ),
    (
        {"env": ("A={{.Service.Labels.x}}",)},
        'env failed: expanding env "A={{.Service.Labels.x}}"',
        '1:10: executing "expansion" at <.Service.Labels.x>: map has no entry for key "x"',
    ),
    (
        {"mounts": (Mount(source="{{.X}}", target="/x"),)},
        'mounts failed: expanding mount source "{{.X}}"',
        f'1:2: executing "expansion" at <.X>: {UNKNOWN} X in type *template.Context',
    ),
    (
        {"mounts": (Mount(target="{{.Node.Platform.Foo}}"),)},
        'mounts failed: expanding mount target "{{.Node.Platform.Foo}}"',
        f'1:7: executing "expansion" at <.Node.Platform.Foo>: {UNKNOWN} Foo in type template.Platform',
    ),
    ({"hostname": "{{.Task.Slot"}, "hostname failed", "1: unclosed action"),
    (
        {"hostname": "{{join}}"},
        "hostname failed",
        (
            '1:2: executing "expansion" at <join>: '
            "error calling join: runtime error: index out of range [0] with length 0"
        ),
    ),
    ({"hostname": "{{upper .Task.Slot}}"}, "hostname failed", '1: function "upper" not defined'),
]


@pytest.mark.parametrize(("fields", "failed", "reason"), REFUSED)
def test_9_4_9_unknown_fields_and_missing_keys_are_refused(fields, failed, reason):
    with pytest.raises(InvalidArgument) as refusal:
        check_placeholders(TaskSpec(ContainerSpec("i", **fields)))
    assert refusal.value.description == f"expanding {failed}: template: expansion:{reason}"


@pytest.fixture
def host():
    cluster = Cluster(seed=3)
    host = cluster.add_host("host01")
    host.swarm.init()
    return host


def test_9_4_9_refused_at_create_and_update_and_nothing_changes(host):
    web = host.services.create("nginx", name="web")
    version = web.record.version
    for verb in (lambda **f: host.services.create("nginx", **f), web.update):
        with pytest.raises(InvalidArgument, match="expanding hostname failed"):
            verb(hostname="{{.Nope}}")
    assert web.record.version == version
    assert len(host.services.list()) == 1


def test_9_3_the_recorded_host_name(host):
    web = host.services.create(
        "nginx", name="test", hostname="{{.Service.Name}}-{{.Task.Slot}}-{{.Node.Hostname}}"
    )
    host.cluster.settle()
    assert web.tasks()[0].container.container.hostname == "test-1-host01"


def test_what_only_the_node_can_refuse_rejects_the_task(host):
    """The managers try with a service that has no labels; the node has them."""
    env = ["A={{if .Service.Labels}}{{.Foo}}{{end}}"]
    web = host.services.create("nginx", name="web", env=env, label=["a=b"], restart_condition="none")
    host.cluster.settle()
    (rejected,) = web.tasks()
    assert rejected.state is TaskState.REJECTED
    assert rejected.record.status.err.startswith('expanding env failed: expanding env "A={{if ')

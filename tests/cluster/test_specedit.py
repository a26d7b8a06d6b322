"""What ``service update`` makes of its flags: control-plane 8.1 and rows 8.6-12, 13, 19; command line 1, 7.

The recorded commands of a real swarm (ground truth 22) are in tests/transcripts.
"""

import pytest

from meshsim import Cluster
from meshsim.errors import BadValue, InvalidArgument, InvalidParameter, NotFound, NotModelled
from meshsim.model.specs import FileReference, Mount


@pytest.fixture
def host():
    host = Cluster(seed=3).add_host("host01")
    host.swarm.init()
    return host


def ports(service) -> list[str]:
    return [
        f"{p.published}:{p.target}/{p.protocol.value}/{p.mode.value}"
        for p in service.record.spec.endpoint.ports
    ]


def test_8_6_12_two_fixed_and_two_dynamic_ports(host):
    web = host.services.create("nginx", publish=["5005:80", "5006:80", "80", "80"])
    assert [p.published for p in web.record.endpoint.ports] == [5005, 5006, 30000, 30001]


def test_8_6_13_the_same_port_added_twice_is_one_and_its_double_is_refused(host):
    web = host.services.create("nginx", name="web")
    for _ in range(2):
        web.update(publish_add="80:80")
        assert ports(web) == ["80:80/tcp/ingress"]
    with pytest.raises(InvalidArgument, match="duplicate published ports provided"):
        web.update(publish_add=["80:80", "80:20"])
    assert ports(web) == ["80:80/tcp/ingress"]


def test_8_6_19_removing_does_not_touch_what_is_added(host):
    web = host.services.create("nginx", publish="8080:80")
    web.update(publish_rm=["80", "81/tcp", "82/udp"], publish_add=["8081:81", "8082:82"])
    assert ports(web) == ["8081:81/tcp/ingress", "8082:82/tcp/ingress"]


def test_8_1_removal_is_by_target_protocol_and_mode_and_lists_are_sorted_as_text(host):
    web = host.services.create("nginx", publish=["90:80", "91:80/udp", "mode=host,published=92,target=80"])
    web.update(publish_rm="80")
    assert ports(web) == ["91:80/udp/ingress", "92:80/tcp/host"]
    web.update(publish_rm="mode=host,target=80", publish_add=["9:9", "100:1"])
    assert ports(web) == ["100:1/tcp/ingress", "91:80/udp/ingress", "9:9/tcp/ingress"]
    web.update(publish_rm="9", publish_add="9:9")
    assert ports(web) == ["100:1/tcp/ingress", "91:80/udp/ingress"], "it was there, so it was not added"


def test_constraints_and_dns_are_sorted_and_preferences_are_not(host):
    web = host.services.create("nginx", constraint="node.labels.z==1", placement_pref="spread=node.labels.z")
    web.update(constraint_add="node.labels.a==1", placement_pref_add="spread=node.labels.a")
    placement = web.record.spec.task.placement
    assert placement.constraints == ("node.labels.a==1", "node.labels.z==1")
    assert placement.preferences == ("node.labels.z", "node.labels.a")
    web.update(constraint_rm="node.labels.z==1", placement_pref_rm="spread=node.labels.z")
    placement = web.record.spec.task.placement
    assert (placement.constraints, placement.preferences) == (("node.labels.a==1",), ("node.labels.a",))
    web.update(dns_add=["9.9.9.9", "1.1.1.1"], dns_search_add="b", dns_option_add="ndots:1")
    web.update(dns_add="1.1.1.1", dns_search_add="a", dns_option_rm="ndots:1")
    container = web.record.spec.task.container
    assert container.dns_servers == ("1.1.1.1", "9.9.9.9")
    assert (container.dns_search, container.dns_options) == (("a", "b"), ())


def test_hosts_go_by_name_or_by_name_and_address(host):
    web = host.services.create("nginx", host=["a:10.0.0.1", "a:10.0.0.2", "b:10.0.0.1"])
    hosts = lambda: web.record.spec.task.container.hosts  # noqa: E731
    assert hosts() == ("10.0.0.1 a", "10.0.0.2 a", "10.0.0.1 b")
    web.update(host_rm="a:10.0.0.1", host_add=["c:::1", "b:10.0.0.1"])
    assert hosts() == ("10.0.0.2 a", "10.0.0.1 b", "::1 c")
    web.update(host_rm="a")
    assert hosts() == ("10.0.0.1 b", "::1 c")


def test_mounts_by_target_sorted_by_source(host):
    web = host.services.create("nginx", mount=["source=z,target=/z", "source=b,target=/x"])
    web.update(mount_add="type=bind,source=/a,target=/x,readonly", mount_rm="/none")
    assert web.record.spec.task.container.mounts == (
        Mount("bind", "/a", "/x", True),
        Mount("volume", "z", "/z"),
    )
    with pytest.raises(BadValue, match="duplicate mount target"):
        web.update(mount_add=["target=/q", "target=/q"])


def test_environment_labels_and_generic_resources(host):
    web = host.services.create("nginx", env=["A=1", "B=2"], label="x=1", generic_resource="gpu=2")
    web.update(env_add=["A=3", "C"], env_rm="B", label_add="y", label_rm="x")
    assert web.record.spec.task.container.env == ("A=3", "C")
    assert dict(web.record.spec.labels) == {"y": ""}
    web.update(generic_resource_add=["gpu=1", "ssd=3"])
    assert dict(web.record.spec.task.reservations.generic) == {"gpu": 1, "ssd": 3}
    with pytest.raises(BadValue, match="could not find generic-resource `fpga` to remove it"):
        web.update(generic_resource_rm="fpga")
    web.update(generic_resource_rm=["gpu", "ssd"])
    assert dict(web.record.spec.task.reservations.generic) == {}


def test_files_with_their_owner_and_mode(host):
    secret = host.secrets.create("lab", "x")
    web = host.services.create("nginx", secret="source=lab,target=/data/l,mode=0400,uid=5,gid=0x7")
    assert web.record.spec.task.container.secrets == (
        FileReference(secret.id, "lab", "/data/l", "5", "0x7", 0o400),
    )
    web.update(secret_rm="nosuch")  # ground truth 22: no complaint
    web.update(secret_rm="lab", secret_add="lab")
    assert [s.target for s in web.record.spec.task.container.secrets] == ["lab"]


WRONG = [
    ({"secret": "nosuch"}, NotFound, "secret not found: nosuch"),
    ({"config": "source=nosuch,target=x"}, NotFound, "config not found: nosuch"),
    ({"secret": "source=x,bad"}, BadValue, "invalid field 'bad' must be a key=value pair"),
    ({"secret": "target=x"}, BadValue, "source is required"),
    ({"config": "source=x,foo=y"}, BadValue, "invalid field in config request: foo"),
    (
        {"secret": "source=x,mode=rw"},
        BadValue,
        'invalid mode specified: strconv.ParseUint: parsing "rw": invalid syntax',
    ),
    ({"secret": ["lab", "source=lab"]}, BadValue, "duplicate secret target for lab not allowed"),
    ({"mount": "foo"}, BadValue, "invalid field 'foo' must be a key=value pair"),
    ({"mount": "source=x"}, BadValue, "target is required"),
    ({"mount": "target=/x,foo=1"}, BadValue, "unknown option 'foo' in 'foo=1'"),
    ({"mount": "type=frob,target=/x"}, InvalidParameter, 'invalid MountType: "frob"'),
    ({"mount": "target="}, BadValue, "invalid value for 'target': value is empty"),
    ({"mount": "target=/x,ro=maybe"}, BadValue, 'must be one of "true", "1", "false", or "0"'),
    ({"mount": "target=/x,tmpfs-size=1m"}, NotModelled, "--mount tmpfs-size is not modelled"),
    ({"replicas": "x"}, BadValue, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ({"replicas": 2.5}, BadValue, "expected a whole number, not 2.5"),
    ({"health_retries": "x"}, BadValue, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ({"update_max_failure_ratio": "x"}, BadValue, 'strconv.ParseFloat: parsing "x": invalid syntax'),
    ({"generic_resource": "gpu"}, BadValue, "invalid generic-resource format `gpu` expected `name=value`"),
    ({"generic_resource": "gpu=a"}, BadValue, "Named Generic Resources is not supported"),
    ({"generic_resource": "gpu=-1"}, BadValue, "cannot ask for negative resource gpu"),
    ({"generic_resource": "gpu=1=2"}, BadValue, "incorrect term gpu=1=2"),
    ({"host": "foo"}, BadValue, 'bad format for add-host: "foo"'),
    ({"endpoint_mode": "x"}, InvalidParameter, 'invalid resolution mode: "x"'),
]


@pytest.mark.parametrize(("flags", "kind", "text"), WRONG)
def test_what_is_typed_wrong_is_refused_in_one_sentence(host, flags, kind, text):
    host.secrets.create("lab", "x")
    with pytest.raises(kind) as refusal:
        host.services.create("nginx", **flags)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert host.services.list() == []

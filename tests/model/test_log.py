"""The event log: canonical text."""

import copy

from meshsim.model.log import Log, plain
from meshsim.model.objects import Task, TaskShared
from meshsim.model.specs import ServiceSpec, TaskSpec
from meshsim.model.states import EndpointMode, TaskState


def test_plain_leaves_defaults_out_and_spells_enums():
    task = Task("t1", TaskShared("s1", "web", TaskSpec(), 1, 0), 1, desired=TaskState.SHUTDOWN)
    assert plain(task)["desired"] == "shutdown"
    assert "attachments" not in plain(task)
    assert plain(EndpointMode.VIP) == "vip"
    assert plain(ServiceSpec("web", labels={"a": "b"})) == {"name": "web", "labels": {"a": "b"}}
    assert plain((b"\x01", [2], {"k": None})) == ["01", [2], {"k": None}]


def test_two_equal_logs_have_one_digest():
    one, other = Log(), Log()
    for log in (one, other):
        log.append(5, "fault", {"what": "fail", "host": "host01"})
    assert one.to_jsonl() == other.to_jsonl() == '{"t":5,"kind":"fault","what":"fail","host":"host01"}\n'
    assert one.digest() == other.digest()
    twin = copy.deepcopy(one)
    twin.append(6, "fault", {"what": "recover", "host": "host01"})
    assert (len(one), len(twin)) == (1, 2)
    assert one.digest() != twin.digest()
    assert list(one) == list(twin)[:1] == [(5, "fault", {"what": "fail", "host": "host01"})]
    assert repr(one).startswith("<Log 1 records, sha256 ")


def test_a_log_gives_back_the_payloads_it_was_given():
    told = [(0, "network", ("host01", "create", None)), (5, "fault", {"what": "heal"}), (5, "empty", ())]
    log = Log()
    for record in told:
        log.append(*record)
    assert (list(log), len(log)) == (told, 3)

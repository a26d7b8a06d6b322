# ruff: noqa: E501 - a table of sentences, one a line
"""Scenarios as text: round trip, and one sentence with source, line and key for whatever is wrong."""

import json

import pytest

from meshsim.errors import BadScenario, NotModelled
from meshsim.scenario import Client, Do, Every, Exponential, Scenario, Server, ServicePlan, at

GOOD = """{
  "meshsim": 1,
  "name": "two replicas",
  "hosts": ["host01", {"name": "host02", "manager": true, "labels": {"zone": "a"}}],
  "networks": ["eg1"],
  "services": [
    {"name": "web", "replicas": 2, "publish": "81:80", "network": ["eg1"],
     "server": {"time": {"kind": "exponential", "mean": "10ms"}, "concurrency": 2}}
  ],
  "clients": [
    {"name": "alice", "calls": ["host01:81"],
     "arrivals": {"kind": "poisson", "per_second": 10},
     "requests": 20, "timeout": null}
  ],
  "steps": [
    {"at": "500ms", "do": "scale", "service": "web", "replicas": 3},
    {"every": "1s", "do": "update", "service": "web", "force": true},
    {"when": {"kind": "running", "service": "web", "at_least": 3}, "do": "fail", "host": "host02"}
  ],
  "expect": [{"that": "ok_share", "at_least": 0.5}],
  "lasts": "3s"
}
"""


def test_a_scenario_from_text_is_the_one_from_python_and_runs():
    scenario = Scenario.loads(GOOD)
    assert scenario.services[0] == ServicePlan(
        "web", Server(Exponential("10ms"), 2), replicas=2, publish="81:80", network=["eg1"]
    )
    assert scenario.steps[0] == at("500ms").scale("web", 3)
    assert Scenario.loads(scenario.dumps()) == scenario
    assert len(scenario.run(seed=1).requests) == 20


WRONG = {
    "unknown key": ('"publish": "81:80"', '"pubish": "81:80"', 7, 'pubish: unknown key "pubish": is "publish" meant?'),
    "unknown key of a client": ('"requests": 20', '"request": 20', 13, 'request: a client has no key "request"'),
    "unknown key on top": ('"lasts": "3s"', '"last": "3s"', 21, 'last: a scenario has no key "last"; is "lasts" meant?'),
    "bad duration": ('"lasts": "3s"', '"lasts": "3"', 21, 'lasts: time: missing unit in duration "3"'),
    "bad mean": ('"mean": "10ms"', '"mean": "fast"', 8, 'mean: time: invalid duration "fast"'),
    "duration is a list": ('"lasts": "3s"', '"lasts": []', 21, 'lasts: a duration is written like "1m30s", not a list'),
    "unknown host": ('"host": "host02"', '"host": "host03"', 18, 'host: unknown host "host03"'),
    "unknown host called": ('["host01:81"]', '["host9:81"]', 11, 'calls: unknown host "host9"'),
    "no port": ('["host01:81"]', '["host01:eighty"]', 11, "calls: not an address to connect to: 'host01:eighty'"),
    "unknown service": ('"scale", "service": "web"', '"scale", "service": "wep"', 16, 'service: unknown service "wep"'),
    "unknown network": ('"network": ["eg1"]', '"network": ["eg2"]', 7, 'network: unknown network "eg2"'),
    "bad port": ('"81:80"', '"81:99999"', 7, "publish: "),
    "step in the past": ('"at": "500ms"', '"at": "-1s"', 16, "at: a step cannot be in the past: -1s"),
    "step after the end": ('"at": "500ms"', '"at": "1m"', 16, "at: a step at 1m0s comes after the end at 3s"),
    "unknown verb": ('"do": "fail"', '"do": "fial"', 18, 'do: kind "fial" is unknown; is "fail" meant?'),
    "unknown kind": ('"kind": "poisson"', '"kind": "poison"', 12, 'arrivals: kind "poison" is unknown; is "poisson"'),
    "no kind": ('"kind": "poisson", ', "", 12, 'arrivals: needs "kind", one of every, poisson, bursts, trace'),
    "needs a name": ('{"name": "alice", "calls"', '{"calls"', 11, 'name: a client needs "name"'),
    "no version": ('  "meshsim": 1,\n', "", 1, 'a scenario begins with its version: "meshsim": 1'),
    "later version": ('"meshsim": 1', '"meshsim": 2', 2, "meshsim: version 2 of the schema is not known, 1 is"),
    "given twice": ('"networks": ["eg1"]', '"name": "x"', 5, '"name" is given twice'),
    "zero workers": ('"concurrency": 2', '"concurrency": 0', 8, "concurrency: expected at least 1, not 0"),
    "a text for a number": ('"requests": 20', '"requests": "20"', 13, 'requests: expected a whole number, not "20"'),
    "a list of services": ('"services": [\n', '"services": [[],\n', 6, "expected the keys of a service, not a list"),
    "two moments": ('"at": "500ms"', '"at": "1s", "every": "1s"', 16, "a step needs one of at, every and when"),
    "expectation of nothing": ('"at_least": 0.5', '"says": "x"', 20, "an expectation needs one of at_least"),
    "unknown figure": ('"ok_share"', '"okshare"', 20, "that: expected one of ok_share"),
    "comma": ('"name": "two replicas",', '"name": "two replicas"', 4, 'expected "," or "}"'),
    "word": ('"requests": 20', '"requests": twenty', 13, "not JSON: twenty"),
    "two hosts of a name": ('{"name": "host02"', '{"name": "host01"', 4, "name: there is a host called host01 already"),
    "code": ('"do": "fail"', '"do": "do"', 18, 'do: kind "do" is unknown'),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_one_sentence_with_source_line_and_key(case):
    old, new, line, sentence = WRONG[case]
    assert GOOD.count(old) == 1
    with pytest.raises(BadScenario) as caught:
        Scenario.loads(GOOD.replace(old, new), source="lesson.json")
    error = caught.value
    assert str(error).startswith(f"lesson.json:{line}: {sentence}")
    assert "\n" not in str(error)
    assert (error.source, error.line) == ("lesson.json", line)


def test_two_services_on_one_port_and_the_line_of_the_second():
    text = GOOD.replace('"services": [\n', '"services": [\n{"name": "first",\n "publish": ["81:8080"]},\n')
    with pytest.raises(BadScenario, match=r"^x:9: publish: port 81/tcp is published by first already$"):
        Scenario.loads(text, source="x")


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("[", 1), ("{", 1), ('{\n"a"', 2), ("[1,\n\n", 1), ("nul", 1), ('{"a": 1} x', 1), ("[" * 50, 1),
     ('"a\nb"', 1), ("[]", 1), ("3", 1)],
)  # fmt: skip
def test_no_json_no_traceback(text, line):
    with pytest.raises(BadScenario) as caught:
        Scenario.loads(text, source="x")
    assert caught.value.line == line


def test_the_line_is_where_the_text_ends_too_early():
    with pytest.raises(BadScenario, match="x:3: the text ends too early"):
        Scenario.loads('{\n"meshsim": 1,\n"name":\n\n', source="x")


def test_every_line_of_the_text_is_found(tmp_path):
    data = json.loads(GOOD)
    text = json.dumps(data, indent=1)
    assert Scenario.loads(text) == Scenario.loads(GOOD)
    number = next(i for i, line in enumerate(text.splitlines(), 1) if '"requests"' in line)
    with pytest.raises(BadScenario, match=f"x:{number}: requests"):
        Scenario.loads(text.replace('"requests": 20', '"requests": -1'), source="x")


def test_code_cannot_be_written():
    scenario = Scenario(
        services=[ServicePlan("web", publish="81:80")],
        clients=[Client("a", "host01:81", Every("1s"), requests=1)],
        steps=[at(0).do(print)],
    )
    with pytest.raises(BadScenario, match=r"steps.0.do is Python code, which cannot be written as text"):
        scenario.dumps()
    assert isinstance(scenario.steps[0].do, Do)


def test_yaml():
    pytest.importorskip("yaml")
    text = (
        "meshsim: 1\nservices:\n- name: web\n  publish: '81:80'\nclients:\n- name: alice\n"
        "  calls: host01:81\n  arrivals: {kind: every, gap: 1s}\n  requests: 3\n"
    )
    scenario = Scenario.loads(text, form="yaml")
    assert scenario.clients[0].requests == 3
    with pytest.raises(BadScenario, match="x:9: requests: expected a whole number"):
        Scenario.loads(text.replace("requests: 3", "requests: three"), source="x", form="yaml")
    with pytest.raises(BadScenario, match="x:1: not YAML"):
        Scenario.loads("{a: [}", source="x", form="yaml")


def test_yaml_is_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(NotModelled, match="need PyYAML"):
        Scenario.loads("meshsim: 1", form="yaml")


def test_unknown_form():
    with pytest.raises(BadScenario, match="json or yaml, not toml"):
        Scenario.loads("", form="toml")

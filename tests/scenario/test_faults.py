# ruff: noqa: E501 - tables of sentences
"""Steps and faults: what they do, when, and what requests under way experience."""

import pytest

from meshsim.errors import BadScenario, BadValue
from meshsim.scenario import (
    Client,
    Every,
    HostPlan,
    KeepAlive,
    NetworkPlan,
    Scenario,
    Server,
    ServicePlan,
    at,
    every,
    plan,
    running,
    when,
)

HOSTS = ("host01", "host02", "host03")
S = 1_000_000_000


def play(*steps, server=None, replicas=3, lasts="30s", hosts=HOSTS, gap="100ms", client=None, **flags):
    scenario = Scenario(
        hosts=hosts,
        services=[ServicePlan("web", server, replicas=replicas, publish="81:80", **flags)],
        clients=[client or Client("a", "host01:81", Every(gap), timeout="5s")],
        steps=steps,
        lasts=lasts,
    )
    report = scenario.run()
    report.check()
    return report


def said(report, what):
    return [event for event in report.events if event.what == what]


def test_a_power_cut_is_silent_until_it_is_noticed():
    report = play(at("5s").fail("host02"))
    lost = [r for r in report.requests if r.outcome != "ok"]
    assert {r.outcome for r in lost} == {"timeout"}
    # Entries go when gossip notices, 5 s after the cut; until then a third of new connections is lost.
    assert all(5 * S <= r.started_ns <= 10 * S for r in lost)
    during = report.where(since="5s", until="10s")
    assert 0.30 <= 1 - during.ok_share <= 0.37


def test_a_request_inside_a_dead_machine_waits_in_vain():
    report = play(at("5s").fail("host02"), server=Server("2s", concurrency=100))
    inside = [r for r in report.requests if r.node == "host02" and 3.1 * S <= r.started_ns < 5 * S]
    assert inside
    assert {r.outcome for r in inside} == {"timeout"}
    assert {r.latency_ns for r in inside} == {5 * S}


@pytest.mark.parametrize("keep_alive", [None, KeepAlive()])
def test_a_request_inside_a_dying_program_is_reset_at_that_moment(keep_alive):
    client = Client("a", "host01:81", Every("100ms"), timeout="5s", keep_alive=keep_alive)
    report = play(at("5s").crash("web", 2), server=Server("2s", concurrency=100), client=client)
    reset = [r for r in report.requests if r.outcome == "reset"]
    assert reset
    assert {r.ended_ns for r in reset} == {5 * S}
    assert {r.slot for r in reset} == {"web.2"}
    assert said(report, "die")[0].at_ns == 5 * S
    assert len(said(report, "start")) == 1


def test_an_answer_does_not_cross_a_partition():
    report = play(at("5s").partition(["host01", "a"], ["host02"]), at("6s").heal(),
                  server=Server("500ms", concurrency=100))  # fmt: skip
    inside = [r for r in report.requests if r.node == "host02" and 4.6 * S <= r.started_ns < 5 * S]
    assert inside
    assert {r.outcome for r in inside} == {"timeout"}
    later = report.where(since="12s")
    assert later.ok_share == 1


def test_a_kept_connection_to_a_dead_machine_is_not_noticed():
    client = Client("a", "host01:81", Every("1s"), timeout="5s", keep_alive=KeepAlive())
    report = play(at("4500ms").fail("host02"), at("4500ms").fail("host03"), client=client, replicas=1,
                  constraint="node.hostname==host02")  # fmt: skip
    assert report.where(until="4s").ok_share == 1
    assert "timeout" in report.failures()


def test_an_engine_that_stops_in_order_costs_no_request_through_other_machines():
    client = Client("a", ["host01:81", "host03:81"], Every("50ms"), timeout="5s")
    steps = at("5s").stop_engine("host02"), at("20s").start_engine("host02")
    report = play(*steps, client=client, lasts="60s")
    assert report.ok_share == 1
    ends = [event for event in said(report, "die") if event.text.endswith("host02")]
    # two seconds for names and weights to spread, then the stop signal
    assert [event.at_ns for event in ends] == [7 * S + 100_000_000]
    assert report.where(since="8s", until="20s").counts("node")["host02"] == 0


def test_the_machine_whose_engine_stops_refuses():
    client = Client("a", "host02:81", Every("100ms"), timeout="5s")
    report = play(at("5s").stop_engine("host02"), client=client, lasts="10s")
    refused = [r for r in report.requests if r.outcome != "ok"]
    assert {r.outcome for r in refused} == {"refused"}
    assert min(r.started_ns for r in refused) >= 7 * S


def test_a_task_found_unhealthy_is_replaced_without_a_lost_request():
    # Q: weight 0 at once, the program ends after the drain, the replacement 5 s later
    checks = {"health_cmd": "check", "health_interval": "1s", "health_retries": 2}
    report = play(at("5500ms").set_health("web", 2), **checks)
    assert report.ok_share == 1
    (end,) = said(report, "die")
    noticed_ns = end.at_ns - 2 * S - 100_000_000  # the drain, and the time to stop
    assert 6.5 * S <= noticed_ns <= 7.5 * S  # the second of two probes a second apart
    assert len(said(report, "start")) == 1
    report = play(at("1s").set_health("web", 2), lasts="2s")
    assert "has no health check" in said(report, "refused")[0].text


def test_drain_and_activate():
    report = play(at("5s").drain("host02"), at("20s").activate("host02"))
    assert report.ok_share == 1
    late = report.where(since="15s")
    assert "host02" not in {r.node for r in late.requests}


def test_scale_remove_and_update():
    report = play(at("5s").scale("web", 5), at("15s").remove("web"))
    assert len(report.tasks) == 5
    assert set(report.where(since="16s").outcomes()) == {"refused"}
    report = play(at("5s").update("web", replicas=1), lasts="10s")
    assert "web.2" not in {r.slot for r in report.where(since="9s").requests}


def test_when_a_condition_is_true():
    report = play(at("5s").scale("web", 5), when(running("web", 5)).scale("web", 1),
                  when(running("web", 1, at_most=1)).scale("web", 2))  # fmt: skip
    steps = said(report, "step")
    assert [event.text for event in steps] == [
        "Scale(service='web', replicas=5)",
        "Scale(service='web', replicas=1)",
        "Scale(service='web', replicas=2)",
    ]
    assert steps[1].at_ns > 5 * S


def test_every_and_code_of_ones_own():
    seen = []
    report = play(every("10s").do(lambda cluster: seen.append(cluster.clock.now_ns)), lasts="35s")
    assert len(seen) == 3
    assert len(said(report, "step")) == 3


def test_a_step_the_swarm_refuses_is_an_event():
    report = play(at("1s").crash("web", 9), at("2s").update("web", publish_add="nonsense"), lasts="3s")
    texts = [event.text for event in said(report, "refused")]
    assert texts[0].endswith("no task of web runs in slot 9")
    assert "publish_add" in texts[1]
    assert report.ok_share == 1


def test_nobody_can_be_asked_without_a_manager():
    report = play(at("1s").fail("host01"), at("2s").scale("web", 1), when(running("web", 9)).heal(), lasts="5s",
                  client=Client("a", "host02:81", Every("1s"), timeout="1s"))  # fmt: skip
    assert said(report, "refused")[0].text.endswith("no manager is running")


def test_managers_labels_and_resources():
    hosts = [
        HostPlan("host01"),
        HostPlan("host02", manager=True, labels={"zone": "a"}, cpus="4", memory="8G"),
    ]
    report = play(hosts=hosts, constraint="node.labels.zone==a", reserve_cpu="1", lasts="1s")
    assert set(report.counts("node")) == {"host02"}


def test_a_plan_of_faults_is_plain_rows():
    rows = [("5s", "fail", "host02"), (9 * S, "recover", "host02"), ("1s", "partition", ["host01"], ["a"])]
    assert plan(rows) == (
        at("5s").fail("host02"),
        at("9s").recover("host02"),
        at("1s").partition(["host01"], ["a"]),
    )
    with pytest.raises(BadValue, match="no such verb: explode"):
        plan([("5s", "explode", "host02")])


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ({"hosts": []}, "a scenario needs at least one host"),
        ({"lasts": "0s"}, "a scenario that lasts 0s shows nothing"),
        ({"engine": "1.12"}, "no engine '1.12' is modelled"),
        ({"profile": {"warp": 1}}, "a profile has no 'warp'"),
        ({"balancer": "best"}, "Scheduler or persistence engine not found: 'best'"),
        ({"steps": [at("1s").fail("moon")]}, 'unknown host "moon"'),
        ({"steps": [at("1s").partition(["moon"])]}, 'unknown machine "moon"'),
        ({"steps": [at("1s").partition(["host01"], ["host01"])]}, "host01 cannot be on two sides"),
        ({"steps": [when(running("db")).heal()]}, 'unknown service "db"'),
        ({"steps": [at("1s").update("web", colour="red")]}, 'unknown key "colour"'),
        ({"clients": [Client("a", "host01:81", Every("1s"))]}, "client a never stops: give it requests or stop"),
        ({"clients": [Client("a", "web:80", Every("1s"), requests=1, network="eg1")]}, 'unknown network "eg1"'),
        ({"clients": [Client("a", "web:80", Every("1s"), requests=1, network="eg1")], "networks": ["eg1"]},
         "network eg1 is not attachable"),
        ({"services": [ServicePlan("web", replicas=-1)]}, "must be non-negative"),
        ({"services": [ServicePlan("web", publish="81:80", endpoint_mode="dnsrr")]}, "can't be used with dnsrr"),
        ({"services": [ServicePlan("web"), ServicePlan("web")]}, "there is a service called web already"),
        ({"services": [ServicePlan("web", secret="x")]}, "a scenario has no secrets: x"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_none(rest, sentence):
    with pytest.raises(BadScenario) as caught:
        Scenario(**{"services": [ServicePlan("web", publish="81:80")], "hosts": ["host01"], **rest})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Scenario(services=["web"]), 'expected a ServicePlan, not "web"'),
        (lambda: Scenario(steps=[3]), "expected a Step, not 3"),
        (lambda: Scenario(hosts=["a/b"]), "a host cannot be called 'a/b'"),
        (lambda: Scenario(hosts=[HostPlan("a", address="1.2")]), "1.2 is no IPv4 address"),
        (
            lambda: Scenario(hosts=[HostPlan("a", address="10.0.0.9"), HostPlan("b", address="10.0.0.9")]),
            "10.0.0.9 is taken",
        ),
        (lambda: Scenario(networks=[NetworkPlan("n", subnet="x")]), "x is no IPv4 subnet"),
        (lambda: Scenario(profile=3), "expected a mapping of constants"),
        (lambda: Scenario(clients=[Client("a b", "host01:1", Every("1s"), requests=1)]), "called 'a b'"),
        (lambda: at(0).do(5), "expected an action or a callable, not 5"),
        (lambda: at(-1), None),
        (lambda: at(-1).heal(), "a step cannot be in the past: -1 ns"),
        (lambda: every("0s").heal(), "a step cannot be taken every 0s"),
        (lambda: when(3).heal(), "expected a condition, not 3"),
        (lambda: at("1s").partition("ab"), 'expected a list of sides, each a list of names, not "ab"'),
        (lambda: Every("0s"), "a gap of 0s has no end"),
        (lambda: HostPlan("a", labels=[]), "expected a mapping, not a list"),
    ],
)
def test_wrong_parts(make, sentence):
    if sentence is None:
        make()  # a moment alone is only a phrase
        return
    with pytest.raises((BadValue, BadScenario), match=sentence):
        make()


def test_what_the_swarm_refuses_while_it_is_set_up_is_the_scenarios_fault():
    scenario = Scenario(networks=["ingress"])
    with pytest.raises(BadScenario, match=r"the swarm refuses it: .*ingress") as caught:
        scenario.run()
    assert caught.value.path == ("networks", 0)

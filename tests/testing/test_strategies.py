"""Strategies: what they draw is right, small when shrunk, and prints as text that runs."""

import re
from functools import partial

import pytest
from hypothesis import Phase, find, given, settings

from meshsim import Cluster
from meshsim.errors import BadScenario, BadValue
from meshsim.model.states import NodeState
from meshsim.scenario import (
    Bursts,
    Client,
    Every,
    Expect,
    Exponential,
    HostPlan,
    KeepAlive,
    NetworkPlan,
    Poisson,
    Retry,
    Scenario,
    Server,
    ServicePlan,
    Trace,
    Users,
    at,
    every,
    running,
    when,
)
from meshsim.testing import (
    as_docker,
    as_python,
    clusters,
    constraints,
    fault_plans,
    hosts,
    ready_swarm,
    scenarios,
    services,
    traffic,
)

FEW = settings(max_examples=12, deadline=None)
QUICK = settings(phases=[Phase.generate, Phase.shrink], max_examples=1000, database=None)


class First:
    def pick(self, destinations, flow, now_ns):
        return destinations[0]


def everything() -> Scenario:
    """A scenario with one of each kind."""
    return Scenario(
        name="each kind",
        hosts=["host01", HostPlan("host02", manager=True, labels={"zone": "a", "rack": 'x"1'}, cpus="4")],
        networks=[NetworkPlan("eg1", attachable=True, subnet="10.9.0.0/24"), "back"],
        services=[
            ServicePlan(
                "web",
                Server(Exponential("5ms"), 2, queue=3, slower={"host02": 2.0}),
                replicas=2,
                publish="81:80",
                network=["eg1", "back"],
                update_delay="3s",
                env=["A=b c"],
            ),
            ServicePlan("db", image="redis", mode="global", constraint="node.role==manager"),
        ],
        clients=[
            Client(
                "alice", ["host01:81", "host02:81"], Poisson(3.5), requests=5, keep_alive=KeepAlive(2, "3s")
            ),
            Client(
                "bob", "web:80", users=Users(3, "2s"), requests=4, network="eg1", retry=Retry(2, on="reset")
            ),
            Client("carol", "host01:81", Bursts(2, "1s"), requests=4, timeout=None, turn="random"),
            Client("dave", "host01:81", Trace(["1s", "2s"])),
        ],
        steps=[
            at("1s").scale("web", 3),
            at("2s").fail("host02"),
            at("3s").recover("host02"),
            at("4s").partition(["host01"], ["host02"]),
            at("5s").heal(),
            at("6s").drain("host02"),
            at("7s").activate("host02"),
            at("8s").pause("host02"),
            at("9s").crash("web", 2),
            at("9.5s").update("web", force=True, update_parallelism=0, args="a b"),
            at("10s").remove("db"),
            every("4s").scale("web", 2),
            when(running("web", 2)).scale("web", 1),
        ],
        expect=[Expect("p99", at_most="1s", where={"service": "web"})],
        lasts="12s",
        balancer=First,
        profile={"lan_latency_ns": 0},
    )


def executed(text: str) -> dict:
    found: dict = {}
    exec(compile(text, "pasted.py", "exec"), found)
    return found


@pytest.mark.parametrize("seed", [0, "red"])
def test_python_with_one_of_each_kind_gives_an_equal_scenario_and_the_same_report(seed, capsys):
    scenario = everything()
    text = as_python(scenario, seed)
    found = executed(text)
    assert found["scenario"] == scenario
    report = scenario.run(seed)
    assert found["report"].to_csv() == report.to_csv()
    assert found["report"].events == report.events
    assert capsys.readouterr().out == f"{report}\n"
    assert f"from {__name__} import First" in text
    assert max(map(len, text.splitlines())) <= 92


@FEW
@given(scenarios())
def test_what_is_drawn_runs_and_prints_as_python_that_gives_the_same_report(scenario):
    report = scenario.run(3)
    report.check()
    assert executed(as_python(scenario, 3))["report"].to_csv() == report.to_csv()


def test_code_without_a_name_cannot_be_printed():
    class Local(First):
        pass

    for value in (Local, partial(First)):
        with pytest.raises(BadScenario, match="has no name to import it by"):
            as_python(everything().but(balancer=value))


# -- docker lines


def play(text: str, hosts_there: list[str]) -> tuple[Cluster, list[str]]:
    """Type the lines at a cluster."""
    cluster = Cluster()
    cluster.add_hosts(*hosts_there)
    remarks = []
    for line in text.splitlines():
        typed = re.fullmatch(r"(\w+)\$ (.*)", line)
        if typed is None:
            assert line.startswith("# ")
            remarks.append(line)
            continue
        result = cluster.host(typed[1]).run(typed[2])
        assert result.exit == 0, (line, result.stderr)
    return cluster, remarks


def test_docker_lines_of_one_of_each_kind():
    scenario = everything()
    cluster, remarks = play(as_docker(scenario), ["host01", "host02"])
    cluster.settle()
    first = cluster.host("host01")
    web = first.services.get("web")
    assert web.record.spec.task.container.args == ("a", "b")
    assert web.record.spec.update.delay_ns == 3 * 10**9
    assert [service.name for service in first.services.list()] == ["web"]
    node = first.nodes.get("host02").record
    assert dict(node.spec.labels) == {"zone": "a", "rack": 'x"1'}
    assert node.spec.availability.name == "PAUSE"
    assert node.role.name == "MANAGER"
    assert first.networks.get("eg1").subnet == "10.9.0.0/24"
    assert remarks == [
        "# host02 with 4 CPUs",
        "# alice calls host01:81 and host02:81, Poisson(3.5), 5 requests",
        '# bob in network eg1 calls web:80, Users(3, think="2s"), 4 requests',
        '# carol calls host01:81, Bursts(2, "1s"), 4 requests',
        '# dave calls host01:81, Trace(["1s", "2s"])',
        "# host02 loses power",
        "# host02 has power again",
        "# the network is cut: host01 | host02 | the others",
        "# the network is whole again",
        "# the program of web.2 ends with exit code 1",
        "# every 4s: Scale(service='web', replicas=2)",
        "# when Running(service='web', at_least=2, at_most=None): Scale(service='web', replicas=1)",
    ]


@FEW
@given(scenarios(faults=False))
def test_docker_lines_build_the_same_swarm(scenario):
    names = [host.name for host in scenario.hosts]
    cluster, _ = play(as_docker(scenario), names)
    cluster.settle()
    first = cluster.host("host01")
    assert {node.name for node in first.nodes.list()} == set(names)
    for plan in scenario.services:
        service = first.services.get(plan.name)
        ports = [f"{port.published}:{port.target}" for port in service.record.endpoint.ports]
        assert ports == [plan.flags["publish"]]
        if "mode" not in plan.flags:
            assert service.record.spec.mode.replicas == plan.flags.get("replicas", 1)


# -- small when shrunk


def smallest(strategy, condition=lambda drawn: True):
    return find(strategy, condition, settings=QUICK)


def test_the_smallest_of_each():
    assert smallest(hosts()) == (HostPlan("host01"),)
    assert smallest(services()) == ServicePlan("web", publish="81:80")
    assert smallest(services("api", port=None)) == ServicePlan("api")
    assert smallest(constraints()) == "node.role == manager"
    assert smallest(traffic()) == Client("alice", "host01:81", Every("1s"), requests=1)
    assert smallest(fault_plans()) == ()
    assert len(smallest(clusters()).hosts) == 1
    assert smallest(scenarios()) == Scenario(
        services=[ServicePlan("web", publish="81:80")],
        clients=[Client("alice", "host01:81", Every("1s"), requests=1)],
    )


def test_what_is_not_needed_is_shrunk_away():
    wanted = smallest(
        scenarios(max_hosts=2), lambda scenario: any("fail" in str(s).lower() for s in scenario.steps)
    )
    assert wanted == Scenario(
        hosts=["host01", "host02"],
        services=[ServicePlan("web", publish="81:80")],
        clients=[Client("alice", "host01:81", Every("1s"), requests=1)],
        steps=[at("0s").fail("host02")],
    )
    replicas = smallest(services(), lambda service: service.flags.get("replicas", 1) > 2)
    assert replicas == ServicePlan("web", replicas=3, publish="81:80")
    assert [str(step)[:6] for step in smallest(fault_plans(), lambda steps: len(steps) > 1)] == ["at 0s:"] * 2


# -- right, and configurable


@given(hosts(min_size=2, max_size=3, labels={"disk": ["ssd"]}))
def test_hosts(plans):
    assert [plan.name for plan in plans] == ["host01", "host02", "host03"][: len(plans)]
    assert not plans[0].manager
    assert {value for plan in plans for value in plan.labels.values()} <= {"ssd"}


@FEW
@given(clusters(max_managers=3, max_workers=1, balancer="lc"))
def test_clusters_are_ready(cluster):
    cluster.check()
    assert cluster.balancer == "lc"
    nodes = [node.record for node in cluster.host("host01").nodes.list()]
    assert all(node.status.state is NodeState.READY for node in nodes)
    assert sum(node.role.name == "MANAGER" for node in nodes) in (1, 3)


@given(fault_plans(("a", "b"), (), verbs=("fail", "recover", "scale")))
def test_fault_plans_name_only_what_there_is(steps):
    assert [step.at_ns for step in steps] == sorted(step.at_ns for step in steps)
    assert {type(step.do).__name__ for step in steps} <= {"Fail", "Recover"}
    assert {step.do.host for step in steps} <= {"b"}


@FEW
@given(scenarios(hosts=["only"], balancer=First, lasts="5s", max_services=1, max_requests=3))
def test_fixed_values_are_kept(scenario):
    assert [host.name for host in scenario.hosts] == ["only"]
    assert (scenario.balancer, scenario.lasts_ns) == (First, 5 * 10**9)
    assert len(scenario.services) == 1
    assert all(client.requests <= 3 for client in scenario.clients)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: scenarios(max_services=4), "max_services must be at least 1 and at most 3, not 4"),
        (lambda: scenarios(max_host=2), "neither scenarios() nor a scenario knows max_host"),
        (lambda: traffic(loops=["never"]), "no such loop: never; there are every, poisson, bursts, users"),
        (lambda: traffic(calls=["host01:x"]), "host01:x"),
        (lambda: fault_plans(verbs=["explode"]), "no such verb: explode; there are scale, crash"),
        (lambda: services(max_replicas=0), "max_replicas must be at least 1, not 0"),
        (lambda: hosts(min_size=3, max_size=2), "min_size must be at least 1 and at most 2, not 3"),
        (lambda: clusters(max_managers=0), "max_managers must be at least 1, not 0"),
        (lambda: ready_swarm(managers=0), "a swarm needs at least one manager: 0 managers, 2 workers"),
    ],
)
def test_what_makes_no_sense_is_refused(call, says):
    with pytest.raises(BadValue, match=re.escape(says)):
        drawn = call()
        smallest(drawn)

"""The same scenario and seed give byte-equal records under any hash seed; another seed gives others."""

import os
import subprocess
import sys

from meshsim.scenario import (
    Client,
    Exponential,
    KeepAlive,
    Poisson,
    Scenario,
    Server,
    ServicePlan,
    Stage,
    Users,
    at,
)

PROGRAM = """
from hashlib import sha256
from meshsim.scenario import *
report = Scenario(
    hosts=["host01", "host02", "host03"], ties="seeded", networks=[NetworkPlan("eg1", attachable=True)],
    services=[
        ServicePlan(
            "web", Server(Exponential("50ms")), replicas=3, publish="81:80", network="eg1",
            label="traefik.http.services.web.loadbalancer.server.port=80",
        ),
        ServicePlan("front", proxy=HAProxy("tasks.web:80"), publish="82:80", network="eg1"),
        ServicePlan("gate", proxy=Traefik(network="eg1"), publish="83:80", constraint="node.role==manager"),
    ],
    clients=[
        Client("c", "host01:82", Poisson(10)),
        Client("d", "host01:83", Poisson(10)),
        Client("a", ["host01:81", "host02:81"], Poisson(20), retry=Retry(), turn="random"),
        Client(
            "b", "tasks.web:80", users=Users(3, Exponential("1s")), network="eg1",
            keep_alive=KeepAlive(life="5s"),
        ),
    ],
    steps=[at("5s").fail("host03"), at("9s").scale("web", 5), at("15s").recover("host03")], lasts="25s",
).run(seed=SEED)
report.check()
said = report.to_csv() + repr(report.connections) + repr(report.events)
print(sha256(said.encode()).hexdigest(), len(report.requests) > 400)
"""


def digest(hash_seed: str, seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    program = PROGRAM.replace("SEED", str(seed))
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_hash_seeds_play_no_part():
    first = digest("0", 1)
    assert first.endswith("True\n")
    assert digest("1", 1) == digest("4711", 1) == first
    assert digest("0", 2) != first


def test_a_fork_in_the_middle_goes_on_as_the_original():
    scenario = Scenario(
        hosts=["host01", "host02"],
        services=[ServicePlan("web", Server(Exponential("50ms")), replicas=3, publish="81:80")],
        clients=[
            Client("a", ["host01:81", "host02:81"], Poisson(20), requests=200),
            Client("b", "host02:81", users=Users(3, Exponential("1s")), keep_alive=KeepAlive(), requests=50),
        ],
        steps=[at("3s").crash("web", 2), at("5s").scale("web", 1)],
    )
    stage = Stage(scenario, 7)
    stage.set_up()
    twin = stage.fork()
    for each in (stage, twin):
        each.play()
        each.report().check()
    assert stage.report().to_csv() == twin.report().to_csv() == scenario.run(7).to_csv()

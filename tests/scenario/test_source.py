"""Steps as the Python that makes them: what is written makes the same step again."""

import pytest

from meshsim import scenario
from meshsim.scenario import at, every, running, when
from meshsim.scenario.faults import ACTIONS
from meshsim.scenario.source import expression

STEPS = [
    at("10s").fail("host02"),
    every("1m").recover("host02"),
    at("10s").stop_engine("host02"),
    at("10s").start_engine("host02"),
    at("1.5s").partition(["host01"], ["host02", "host03"]),
    at("1h").heal(),
    at("10s").drain("host02"),
    when(running("web", 2)).scale("web", 5),
    at("10s").update("web", force=True, update_delay="3s"),
    at("10s").remove("web"),
    at("10s").crash("web", 2, exit_code=137),
    at("10s").set_health("web", 2, "healthy"),
    at("10s").do(repr),
]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_is_written_as_the_call_that_makes_it(step):
    names = {name: getattr(scenario, name) for name in scenario.__all__}
    assert eval(expression(step), names) == step


def test_there_is_a_step_of_every_action():
    assert {type(step.do) for step in STEPS} == set(ACTIONS.values())

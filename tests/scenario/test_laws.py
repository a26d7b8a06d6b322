"""Closed forms: what queueing theory says a long run must come near to.

Each form is held against the mean of several seeds, within 4 standard errors of that mean (the scatter
between the seeds) plus 1.5 % for beginning with empty queues.
"""

import math

import pytest

from meshsim.scenario import Client, Exponential, KeepAlive, Pareto, Poisson, Scenario, Server, ServicePlan
from meshsim.scenario.statistics import standard_error
from meshsim.scenario.theory import erlang_b, time_in_mmc, time_in_rr_split, wait_probability

REQUESTS, SEEDS = 6_000, 6
QUICK_LINKS = {"lan_latency_ns": 0, "local_latency_ns": 0}


class Dice:
    def __init__(self):
        self.state = 1

    def pick(self, destinations, flow, now_ns):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407 + now_ns) % 2**64
        return list(destinations)[(self.state >> 40) % len(destinations)]


def queue(server, rho, *, tasks=1, balancer=None, hosts=("host01",), requests=REQUESTS):
    rate = rho * tasks * server.concurrency
    return Scenario(
        hosts=hosts,
        services=[ServicePlan("web", server, replicas=tasks, publish="81:80")],
        clients=[Client("crowd", calls="host01:81", arrivals=Poisson(rate), requests=requests, timeout=None)],
        balancer=balancer,
        profile=QUICK_LINKS,
    )


def agrees(values, expected, slack=0.015):
    mean, error = sum(values) / len(values), standard_error(values)
    assert abs(mean - expected) <= 4 * error + slack * expected, f"{mean} +- {error}, not {expected}"


def runs(scenario, figure):
    found = []
    for seed in range(SEEDS):
        report = scenario.run(seed)
        report.check()
        found.append(figure(report))
    return found


def mean_time(report):
    return report.mean_ns() / 1e9


@pytest.mark.parametrize(("workers", "rho"), [(1, 0.5), (4, 0.8), (2, 0.8), (8, 0.7)])
def test_mm_c(workers, rho):
    scenario = queue(Server(Exponential("1s"), workers), rho)
    waits = []

    def figure(report):
        waits.append(sum(r.waited_ns > 0 for r in report.requests) / len(report.requests))
        return mean_time(report)

    agrees(runs(scenario, figure), time_in_mmc(workers, rho))
    agrees(waits, wait_probability(workers, rho))


@pytest.mark.parametrize(("tasks", "rho"), [(2, 0.5), (4, 0.5), (4, 0.8)])
def test_poisson_arrivals_dealt_in_turn_are_e_c_m_1(tasks, rho):
    agrees(runs(queue(Server(Exponential("1s")), rho, tasks=tasks), mean_time), time_in_rr_split(tasks, rho))


def test_a_random_split_is_m_m_1_each():
    agrees(runs(queue(Server(Exponential("1s")), 0.5, tasks=4, balancer=Dice), mean_time), 2.0)


@pytest.mark.parametrize(("workers", "load"), [(2, 1.0), (4, 3.6)])
def test_erlang_b(workers, load):
    scenario = queue(Server(Exponential("1s"), workers, queue=0), load / workers)
    agrees(runs(scenario, lambda report: 1 - report.ok_share), erlang_b(workers, load))


def test_erlang_b_does_not_care_for_the_shape_of_service_times():
    scenario = queue(Server(Pareto("1s", alpha=3.0), 2, queue=0), 0.5)
    agrees(runs(scenario, lambda report: 1 - report.ok_share), erlang_b(2, 1.0))


def test_m_g_1_by_pollaczek_and_khinchine():
    # Fixed work: half the waiting of exponential work.
    agrees(runs(queue(Server("1s"), 0.5), mean_time), 1 + 0.5 / (2 * (1 - 0.5)))


def test_random_picks_score_n_minus_1_and_turns_far_below():
    dice = runs(queue(Server("1ms"), 0.001, tasks=5, balancer=Dice, requests=500), lambda r: r.chi_square())
    agrees(dice, 4.0, slack=0.5)
    turns = queue(Server("1ms"), 0.001, tasks=5, requests=502).run().chi_square()
    assert turns < 0.02


def test_jain_of_random_picks():
    report = queue(Server("1ms"), 0.001, tasks=4, balancer=Dice, requests=100)
    agrees(runs(report, lambda r: r.jain()), 100 / (100 + 4 - 1), slack=0.03)


def test_utilisation_is_the_load():
    scenario = queue(Server(Exponential("1s"), 4), 0.8)

    def busy(report):
        return sum(r.done_ns - r.began_ns for r in report.requests) / report.duration_ns / 4

    agrees(runs(scenario, busy), 0.8, slack=0.02)


def test_memoryless_lives_of_connections_carry_the_requests_of_their_length():
    scenario = Scenario(
        services=[ServicePlan("web", publish="81:80")],
        clients=[
            Client(
                "crowd",
                calls="host01:81",
                arrivals=Poisson(10),
                requests=5000,
                keep_alive=KeepAlive(pool=1, life=Exponential("10s")),
            )
        ],
        profile=QUICK_LINKS,
    )
    # Replaced at the first arrival after its life is over: the life of 10 s, then a gap of 0.1 s.
    agrees(runs(scenario, lambda r: len(r.requests) / len(r.connections)), 101, slack=0.05)


def test_the_forms_themselves():
    assert math.isclose(time_in_mmc(1, 0.9), 10)
    table = {2: 7.588284, 3: 6.784724, 4: 6.383050, 8: 5.780713, 16: 5.479644}
    assert {c: round(time_in_rr_split(c, 0.9), 6) for c in table} == table
    assert round(wait_probability(16, 0.95), 6) == 0.780192
    assert round(erlang_b(10, 7), 6) == 0.078741

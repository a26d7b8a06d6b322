"""What clients do: arrivals, users, connections, retries, timeouts, names."""

from collections import Counter
from random import Random

import pytest

from meshsim.cluster import Reply
from meshsim.errors import BadValue
from meshsim.scenario import (
    Bursts,
    Client,
    Every,
    Exponential,
    Fixed,
    KeepAlive,
    NetworkPlan,
    Pareto,
    Resolver,
    Retry,
    Scenario,
    Server,
    ServicePlan,
    Trace,
    Uniform,
    Users,
    at,
)

WEB = ServicePlan("web", replicas=2, publish="81:80")
S = 1_000_000_000


def play(*clients, services=(WEB,), seed=0, **rest):
    report = Scenario(hosts=["host01", "host02"], services=services, clients=clients, **rest).run(seed)
    report.check()
    return report


def one(**kwargs):
    return Client("a", **{"calls": "host01:81", "arrivals": Every("1s"), "requests": 6, **kwargs})


def starts(report):
    return sorted(request.started_ns for request in report.requests)


def test_fixed_gaps():
    assert starts(play(one(start="2s", requests=3))) == [2 * S, 3 * S, 4 * S]


def test_bursts():
    assert starts(play(one(arrivals=Bursts(3, "5s")))) == [0, 0, 0, 5 * S, 5 * S, 5 * S]


def test_trace_ends_by_itself():
    assert starts(play(one(arrivals=Trace(["1s", "1s", "4s"]), requests=None))) == [S, S, 4 * S]


def test_arrivals_of_ones_own():
    def squares(number, rng):
        return number * number * S if number < 4 else None

    assert starts(play(one(arrivals=squares, requests=None))) == [0, S, 5 * S, 14 * S]


def test_stop_and_end_of_scenario():
    assert starts(play(one(requests=None, stop="2500ms"))) == [0, S, 2 * S]
    assert starts(play(one(requests=None), lasts="1500ms")) == [0, S]


def test_users_wait_for_their_answers_before_they_think():
    slow = ServicePlan("web", Server("3s"), publish="81:80")
    report = play(Client("a", "host01:81", users=Users(1, "2s"), requests=3), services=[slow])
    gaps = [b - a for a, b in zip(starts(report), starts(report)[1:], strict=False)]
    assert all(5 * S <= gap < 5 * S + 10_000_000 for gap in gaps)
    assert {request.user for request in report.requests} == {0}


def test_a_page_takes_several_connections_at_one_instant():
    report = play(one(page=3, requests=2))
    assert Counter(request.number for request in report.requests) == {0: 3, 1: 3}
    assert len({request.connection for request in report.requests}) == 6
    assert len(set(starts(report))) == 2


def test_a_user_thinks_once_per_page():
    report = play(Client("a", "host01:81", users=Users(2, "1s"), page=3, requests=4))
    assert len(report.requests) == 12


def test_keep_alive_pool_beyond_its_size():
    slow = ServicePlan("web", Server("10s", concurrency=10), publish="81:80")
    report = play(one(keep_alive=KeepAlive(pool=2), timeout=None), services=[slow])
    assert Counter(connection.closed for connection in report.connections) == {"client": 4, "end": 2}


def test_keep_alive_life_idle_and_count():
    assert {c.closed for c in play(one(keep_alive=KeepAlive(life="1500ms"))).connections} == {"life", "end"}
    assert [c.requests for c in play(one(keep_alive=KeepAlive(requests=4))).connections] == [4, 2]
    assert [c.requests for c in play(one(keep_alive=KeepAlive(idle="500ms"))).connections] == [1] * 6


def test_idle_for_16_minutes_the_balancer_has_forgotten_the_connection():
    report = play(one(arrivals=Every("16m"), requests=2, keep_alive=KeepAlive()))
    assert [request.outcome for request in report.requests] == ["ok", "reset"]
    report = play(one(arrivals=Every("14m"), requests=3, keep_alive=KeepAlive()))
    assert report.ok_share == 1


def test_refused_and_unreachable():
    assert play(one(calls="host01:99")).failures() == {"refused": 6}
    report = play(one(calls="192.168.65.99:81", requests=1))
    assert report.failures() == {"unreachable": 1}
    assert report.requests[0].latency_ns == 3 * S


def test_a_timeout_is_the_clients_own():
    slow = ServicePlan("web", Server("10s"), publish="81:80")
    report = play(one(timeout="3s", requests=2, arrivals=Every("20s")), services=[slow])
    assert report.failures() == {"timeout": 2}
    assert {request.latency_ns for request in report.requests} == {3 * S}


def test_retries_are_rows_of_their_own_and_count_once():
    report = play(one(calls="host01:99", requests=2, retry=Retry(2, "100ms")))
    assert [r.attempt for r in report.tries if r.number == 0] == [1, 2, 3]
    assert len(report.requests) == 2
    assert report.counts("attempt") == {3: 2}


def test_retries_help_while_a_service_comes_up():
    away = at(0).scale("web", 0), at("10s").scale("web", 2)
    patient = one(start="5s", requests=1, retry=Retry(9, "1s", on="refused"))
    report = play(patient, steps=away)
    assert report.ok_share == 1
    assert {r.outcome for r in report.tries} == {"ok", "refused"}


def test_a_retry_of_something_else_is_none():
    assert len(play(one(calls="host01:99", requests=1, retry=Retry(on="timeout"))).tries) == 1


def test_full_queues_and_errors():
    full = ServicePlan("web", Server("1m", queue=1), publish="81:80")
    assert play(one(timeout=None), services=[full]).outcomes() == {"ok": 2, "busy": 4}

    def broken():
        return lambda request, container: Reply("no", status=500, after_ns=7)

    report = play(
        one(), services=[ServicePlan("web", image="broken", publish="81:80")], images={"broken": broken}
    )
    assert report.outcomes() == {"error": 6}
    assert {r.done_ns - r.began_ns for r in report.tries} == {7}


def test_an_image_that_ends_with_its_answer_answers():
    def mortal():
        return lambda request, container: Reply("bye", exit_code=0)

    services = [ServicePlan("web", image="mortal", publish="81:80", restart_delay="100ms")]
    for keep_alive in (None, KeepAlive()):
        report = play(one(arrivals=Every("10s"), requests=3, keep_alive=keep_alive), services=services,
                      images={"mortal": mortal})  # fmt: skip
        assert report.outcomes() == {"ok": 3}
        assert len({r.task for r in report.requests}) == 3


def test_slower_hosts():
    server = Server("10ms", slower={"host02": 3})
    report = play(one(), services=[ServicePlan("web", server, replicas=2, publish="81:80")])
    work = {r.node: r.done_ns - r.began_ns for r in report.requests}
    assert work == {"host01": 10_000_000, "host02": 30_000_000}


def test_clients_inside_a_network_ask_dns():
    inside = {"network": "eg1", "requests": 5}
    services = [ServicePlan("http", replicas=2, network="eg1")]
    networks = [NetworkPlan("eg1", attachable=True)]
    clients = [
        one(calls="http:80", **inside),
        Client("b", "nobody:80", Every("1s"), network="eg1", requests=2),
        Client("c", "tasks.http:80", Every("1s"), network="eg1", at="host02", requests=5,
               resolver=Resolver(order="lowest")),
        Client("d", "localhost:80", Every("1s"), network="eg1", requests=1),
    ]  # fmt: skip
    report = play(*clients, services=services, networks=networks)
    assert report.where(client="a").max_min("task") == 1
    assert report.where(client="b").failures() == {"unresolved": 2}
    assert sorted(report.where(client="c").counts().values()) == [0, 5]
    assert report.where(client="d").failures() == {"refused": 1}


@pytest.mark.parametrize("balancer", [None, "wlc"])
def test_the_same_client_in_brief_and_at_length(balancer):
    """With turns nothing waits for an answer; with connections counted, everything does: same records."""
    quick = ServicePlan("web", Server("1ms"), replicas=1, publish="81:80")
    brief = play(one(requests=50, arrivals=Exponential_gap()), services=[quick])
    other = play(one(requests=50, arrivals=Exponential_gap()), services=[quick], balancer=balancer)
    assert brief.to_csv() == other.to_csv()


class Exponential_gap:
    def __call__(self, number, rng):
        return Exponential("1s")(rng)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Client("a", "x:1"), "client a needs either arrivals or users"),
        (lambda: Client("a", [], Every("1s")), "client a calls nobody"),
        (lambda: Client("", "x:1", Every("1s")), "expected a name, not an empty text"),
        (lambda: Client("a", "x:1", Every("1s"), page=0), "expected at least 1, not 0"),
        (lambda: Client("a", "x:1", Every("1s"), turn="wild"), "expected one of in turn, random"),
        (lambda: Client("a", "x:1", 3.5), "expected arrivals, or a duration between two"),
        (lambda: Retry(on="rain"), "expected some of refused"),
        (lambda: Users(0), "expected at least 1"),
        (lambda: Users(1, object()), "expected a duration or a callable"),
        (lambda: Trace(["2s", "1s"]), "a trace goes forward in time: 1s after 2s"),
        (lambda: Trace("2s"), "expected a list of moments"),
        (lambda: Server(None), "expected a duration or a callable"),
        (lambda: Server("1s", slower={"h": 0}), "expected how many times slower h is, not 0"),
        (lambda: Fixed("-1s"), "a duration cannot be negative: -1s"),
        (lambda: Fixed(True), 'a duration is written like "1m30s", not true'),
        (lambda: Pareto("1s", 1.0), "expected more than 1, not 1"),
        (lambda: ServicePlan("web", Server("1s"), image="nginx"), "it cannot have an image as well"),
    ],
)
def test_wrong_plans(make, sentence):
    with pytest.raises(BadValue, match=sentence):
        make()


def test_lengths_have_their_means():
    rng = Random(5)
    for length in (Exponential("1s"), Uniform("500ms", "1500ms"), Pareto("1s", 3.0)):
        drawn = [length(rng) for _ in range(20_000)]
        assert 0.96 < sum(drawn) / len(drawn) / S < 1.04
        assert min(drawn) >= 0

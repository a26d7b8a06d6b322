"""What a report says, and what it refuses to be."""

import csv
import io

import pytest

from meshsim.errors import BadValue, NotModelled
from meshsim.scenario import Client, Every, Expect, RequestRecord, Scenario, Server, ServicePlan
from meshsim.scenario.checks import area_under, check_rows, most_at_once
from meshsim.scenario.statistics import chi_square, jain, max_min, mean, percentile

SCENARIO = Scenario(
    name="small",
    hosts=["host01", "host02"],
    services=[
        ServicePlan("web", Server("10ms"), replicas=2, publish="81:80"),
        ServicePlan("idle", replicas=2),
    ],
    clients=[
        Client("a", "host01:81", Every("1s"), requests=4),
        Client("b", "host02:99", Every("2s"), requests=2),
    ],
    expect=[
        Expect("ok_share", at_least=0.5, says="most get through"),
        Expect("p99", at_most="1ms", where={"client": "a"}),
        Expect("max_min", equals=0, by="slot", where={"service": "web"}),
        Expect("failures", equals=2),
        Expect("requests", at_least=6, at_most=6),
        Expect("mean", at_least="10ms"),
    ],
)


@pytest.fixture(scope="module")
def report():
    return SCENARIO.run(seed=3)


def test_counts_include_those_that_had_none(report):
    assert report.counts("slot") == {"idle.1": 0, "idle.2": 0, "web.1": 2, "web.2": 2}
    assert report.where(service="web").counts("slot") == {"web.1": 2, "web.2": 2}
    assert report.counts("outcome") == {"ok": 4, "refused": 2}
    assert report.counts("client") == {"a": 4, "b": 2}
    assert report.shares("service") == {"idle": 0.0, "web": 1.0}
    assert report.jain("slot") == 0.5
    assert report.where(service="web").chi_square("slot") == 0
    assert report.failures() == {"refused": 2}


def test_parts(report):
    assert len(report.where(since="1s", until="3s").requests) == 3
    assert len(report.where(lambda request: request.outcome == "refused").requests) == 2
    assert report.where(client="b").mean_ns() == 0
    assert report.where(client="b").percentile_ns(50) == 0
    assert report.where(client="nobody").ok_share == 1


def test_times(report):
    assert report.percentile_ns(100) >= report.percentile_ns(50) >= 10_000_000
    assert report.latencies("waited") == [0, 0, 0, 0]
    assert report.timeline("2s") == [{"ok": 2, "refused": 1}, {"ok": 2, "refused": 1}]
    assert report.timeline("2s", by="client")[0] == {"a": 2, "b": 1}


def test_verdicts(report):
    assert [verdict.met for verdict in report.verdicts] == [True, False, True, True, True, True]
    assert str(report.missed()[0]).startswith("NOT MET: p99, client a is at most 1ms; it is 11")
    assert str(report.verdicts[0]) == "met: most get through: ok_share is at least 0.5; it is 0.666667"
    assert str(report.verdicts[4]).startswith("met: requests is at least 6 and at most 6")


def test_rows_and_csv(report):
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert len(rows) == len(report.to_rows()) == 6
    assert {row["outcome"] for row in rows} == {"ok", "refused"}
    assert rows[0]["client"] == report.to_rows()[0]["client"]


def test_pandas_is_an_extra(report, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(NotModelled, match="needs pandas"):
        report.to_pandas()


def test_texts(report):
    assert repr(report) == (
        "<Report small seed=3: 6 requests in 4s (4 ok, 2 refused); 1 of 6 expectations not met>"
    )
    lines = report.table("slot").splitlines()
    assert lines[0].split() == ["SLOT", "REQUESTS", "SHARE", "P50", "P99"]
    assert lines[1].split() == ["idle.1", "0", "0.0%", "-", "-"]
    assert lines[3].split()[:3] == ["web.1", "2", "50.0%"]
    assert lines[-1] == "6 requests, 2 not answered: {'refused': 2}"
    assert str(report) == report.table()
    assert report.histogram(bins=1).split()[1:] == ["4", "#" * 40]
    assert report.where(client="b").histogram() == "no request was answered\n"
    assert "web" in str(report.requests[-1])
    assert str(report.where(client="b").requests[0]).startswith("0s b #0 host02:99 -> nobody: refused")
    assert "start" not in {event.what for event in report.events}


def test_records_compare_and_are_sequences(report):
    again = SCENARIO.run(seed=3)
    assert again.tries == report.tries
    assert hash(again.tries) == hash(report.tries)
    assert again.tries[0] == report.tries[0]
    assert len(again.tries[1:]) == 5
    assert repr(again.tries) == "<6 requests>"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda r: r.counts("colour"), "requests are not told apart by 'colour'"),
        (lambda r: r.where(colour=1), "requests are not told apart by 'colour'"),
        (lambda r: r.percentile_ns(101), "a percentile lies between 0 and 100"),
        (lambda r: r.latencies("lunch"), "no such part of a request's time: lunch"),
        (lambda r: r.timeline("0s"), "longer than nothing"),
        (lambda r: r.timeline("x"), "invalid duration"),
        (lambda r: r.histogram(bins=0), "at least one bin"),
        (lambda r: Expect("jain", at_least="1s"), "jain is no time"),
        (lambda r: Expect("jain"), "needs one of at_least"),
        (lambda r: Expect("jain", at_least=1, by="x"), "told apart by 'x'"),
        (lambda r: Expect("jain", at_least=True), "expected a number or a duration, not true"),
    ],
)
def test_wrong_questions(report, ask, sentence):
    with pytest.raises(BadValue, match=sentence):
        ask(report)


def record(number=0, started=0, arrived=1, began=1, done=2, ended=3, outcome="ok", attempt=1, **rest):
    values = {"task": "web.1.x", "node": "n", "service": "web", **rest}
    moments = (started, arrived, began, done, ended)
    return RequestRecord("a", number, 0, attempt, -1, number, "h:1", *moments, outcome, **values)


@pytest.mark.parametrize(
    "rows",
    [
        [record(), record()],  # double
        [record(attempt=2)],  # a try is missing
        [record(number=1)],  # a request has vanished
        [record(outcome="bored")],
        [record(ended=-5)],
        [record(began=0)],
        [record(done=9)],
        [record(task="")],
        [record(done=5, ended=6), record(number=1, arrived=2, began=4, done=6, ended=7)],  # two at work
        [record(number=0, began=2, done=3, ended=4)],  # waits although nobody is there
    ],
    ids=range(10),
)
def test_the_laws_can_be_broken(rows):
    with pytest.raises(AssertionError):
        check_rows(rows, {"web": 1})


def test_a_part_need_not_obey_the_laws_of_the_whole(report):
    report.check()
    with pytest.raises(AssertionError, match="a part of a report"):
        report.where(client="a").check()


def test_small_figures():
    assert jain([0, 0]) == 1.0
    assert max_min([]) == 0
    assert mean([]) == 0
    assert chi_square([]) == chi_square([0, 0]) == 0
    assert chi_square([4, 6], [5, 5]) == pytest.approx(0.4)
    assert percentile([7], 0) == 7
    assert area_under([]) == most_at_once([]) == 0


def test_a_part_has_its_own_connections(report):
    assert len(report.connections) == 4  # nobody connects to a port that refuses
    assert report.where(client="b").connections == ()
    assert len(report.where(until="1500ms").connections) == 2

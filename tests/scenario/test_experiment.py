"""Replications and sweeps: the same results whoever does the work; nothing finished is lost."""

import math
import os
import shelve
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from tests.scenario.runs_that_die import DiesOnce, fails

from meshsim.errors import BadScenario, BadValue, ExperimentStopped, NotModelled
from meshsim.scenario import (
    Client,
    Every,
    Exponential,
    HAProxy,
    Interval,
    KeepAlive,
    Poisson,
    Scenario,
    Server,
    ServicePlan,
    progress_bar,
    replicate,
    sweep,
)
from meshsim.scenario.statistics import student_t
from meshsim.scenario.theory import time_in_mmc
from meshsim.scenario.varying import varied

CROWD = Scenario(
    name="crowd",
    hosts=["host01", "host02"],
    services=[ServicePlan("web", Server(Exponential("20ms")), replicas=2, publish="81:80")],
    clients=[Client("crowd", "host01:81", Poisson(50), requests=60)],
)
GRID = {"services.web.replicas": [2, 3], "balancer": ["rr", "lc"]}
MEASURES = ["ok_share", "mean", "p99", "jain by slot"]


def pool(workers):
    # Not forked: pytest-xdist's workers have threads.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


@pytest.fixture(scope="module")
def serial():
    return sweep(CROWD, GRID, 2, seed=7, measure=MEASURES)


def test_a_run_is_the_scenario_with_the_seed_it_names(serial):
    runs = replicate(CROWD, 3, seed=7, measure=MEASURES)
    for run in runs.runs:
        report = CROWD.run(run.seed)
        assert run.figures == {
            "ok_share": 1.0,
            "mean": report.mean_ns(),
            "p99": report.percentile_ns(99),
            "jain by slot": report.jain("slot"),
        }
    assert [run.seed for run in runs.runs] == ["7/0", "7/1", "7/2"]
    assert len(set(runs.values("mean"))) == 3
    assert runs.runs[:2] == serial.at(replicas=2, balancer="rr").runs


def test_four_processes_give_equal_bytes(serial):
    with pool(4) as executor:
        spread = sweep(CROWD, GRID, 2, seed=7, measure=MEASURES, executor=executor)
    assert spread.to_csv() == serial.to_csv()
    assert spread == serial


def test_dask_gives_equal_bytes(serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
        ) as machines,
        distributed.Client(machines) as client,
    ):
        spread = sweep(CROWD, GRID, 2, seed=7, measure=MEASURES, executor=client.get_executor())
    assert spread.to_csv() == serial.to_csv()


def test_order_of_finishing_plays_no_part(serial):
    class Backwards(Executor):
        """Waits for all eight runs and does the last first."""

        def __init__(self):
            self.waiting = []

        def submit(self, work, /):
            self.waiting.append((Future(), work))
            if len(self.waiting) == 8:
                for future, waits in reversed(self.waiting):
                    future.set_result(waits())
            return self.waiting[-1][0]

    assert sweep(CROWD, GRID, 2, seed=7, measure=MEASURES, executor=Backwards()) == serial


def test_a_killed_worker_loses_nothing_that_was_finished(tmp_path):
    measure = {"mean": DiesOnce("0/3", str(tmp_path / "died"))}
    kept = {}
    with pool(1) as executor, pytest.raises(ExperimentStopped) as stopped:
        replicate(CROWD, 6, measure=measure, executor=executor, kept=kept)
    # One worker does the runs in turn: three had finished before it was killed.
    assert [key.rpartition("run ")[2] for key in kept] == ["0/0", "0/1", "0/2"]
    assert stopped.value.done == 3
    assert stopped.value.kept is kept
    assert "3 of 6 runs are done" in str(stopped.value)
    assert "BrokenProcessPool" in str(stopped.value)
    begun = []
    with pool(1) as executor:
        runs = replicate(
            CROWD, 6, measure=measure, executor=executor, kept=kept, progress=lambda *at: begun.append(at)
        )
    assert begun[0] == (3, 6)
    assert runs.values("mean") == replicate(CROWD, 6).values("mean")


def test_an_interrupted_sweep_goes_on_from_disk(tmp_path, serial):
    seen = []

    def interrupt(done, total):
        seen.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with shelve.open(str(tmp_path / "kept")) as kept, pytest.raises(KeyboardInterrupt):
        sweep(CROWD, GRID, 2, seed=7, measure=MEASURES, kept=kept, progress=interrupt)
    assert seen == [(0, 8), (1, 8), (2, 8), (3, 8)]
    seen.clear()
    with shelve.open(str(tmp_path / "kept")) as kept:
        results = sweep(
            CROWD, GRID, 2, seed=7, measure=MEASURES, kept=kept, progress=lambda *at: seen.append(at)
        )
    assert seen == [(done, 8) for done in range(3, 9)]
    assert results == serial


def test_what_is_kept_of_another_scenario_is_not_taken():
    kept = {}
    replicate(CROWD, 1, kept=kept)
    longer = CROWD.but(clients=[Client("crowd", "host01:81", Poisson(50), requests=61)])
    assert replicate(longer, 1, kept=kept) != replicate(CROWD, 1, kept=kept)
    replicate(CROWD, 1, kept=kept, warmup="1s")
    assert len(kept) == 3
    with pytest.raises(BadValue, match="has other figures: ok_share, mean, p99"):
        replicate(CROWD, 1, kept=kept, measure=["p50"])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_measure_that_fails_names_the_run(workers):
    executor = ThreadPoolExecutor(workers) if workers else None
    with pytest.raises(
        ExperimentStopped, match=r"0 of 2 runs are done; .* run 0/0 ended with ValueError: no "
    ):
        replicate(CROWD, 2, measure={"never": fails}, executor=executor)


def test_warm_up_is_not_measured():
    slow = CROWD.but(clients=[Client("crowd", "host01:81", Every("1s"), requests=10)])
    assert replicate(slow, 1, measure="requests", warmup="4s").values("requests") == (6,)


def test_a_function_makes_the_scenario_of_a_point():
    def chatty(pool, replicas):
        return CROWD.but(
            services=[ServicePlan("web", replicas=replicas, publish="81:80")],
            clients=[Client("a", "host01:81", Every("1s"), requests=8, keep_alive=KeepAlive(pool=pool))],
        )

    results = sweep(chatty, {"pool": [1], "replicas": [2, 4]}, measure={"largest": largest_share})
    assert results.at(replicas=4).values("largest") == (1.0,)
    assert results.table("largest") == (
        "POOL      REPLICAS   LARGEST   +- (95%)\n"
        "1         2          1         unknown\n"
        "1         4          1         unknown\n"
    )


def largest_share(report):
    return max(report.shares("slot").values())


def test_a_varied_service_keeps_the_rest_of_it():
    proxied = Scenario(services=[ServicePlan("lb", proxy=HAProxy("tasks.web:80"))])
    (service,) = varied(proxied, {"services.lb.replicas": 2, "services.lb.proxy.slots": 3}).services
    assert service.proxy == HAProxy("tasks.web:80", slots=3)
    assert service.flags == {"replicas": 2}


def test_the_same_crowd_meets_every_point(serial):
    rr, lc = serial.at(replicas=3, balancer="rr"), serial.at(replicas=3, balancer="lc")
    difference = rr.against(lc, "mean")
    assert math.isclose(difference.mean, rr.interval("mean").mean - lc.interval("mean").mean)
    assert difference.half < rr.interval("mean").half
    with pytest.raises(BadValue, match="same seeds"):
        rr.against(replicate(CROWD, 2, seed=8, measure=MEASURES), "mean")


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    # M/M/1 at half load: twenty intervals of 80 %, of which binomially few miss.
    queue = Scenario(
        services=[ServicePlan("web", Server(Exponential("1s")), publish="81:80")],
        clients=[Client("crowd", "host01:81", Poisson(0.5), requests=400, timeout=None)],
        profile={"lan_latency_ns": 0, "local_latency_ns": 0},
    )
    truth_ns = time_in_mmc(1, 0.5) * 1e9
    intervals = [
        replicate(queue, 5, seed=seed, measure="mean", warmup="60s").interval("mean", 0.8)
        for seed in range(20)
    ]
    held = sum(truth_ns in interval for interval in intervals)
    assert 10 <= held <= 20  # fewer than 10 of 20 has a probability of 0.0006


@pytest.mark.parametrize(
    ("level", "degrees", "t"),
    # Source: the published table of Student's t.
    [
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 5, 2.571),
        (0.95, 30, 2.042),
        (0.99, 9, 3.250),
        (0.9, 4, 2.132),
    ],
)
def test_student_t(level, degrees, t):
    assert round(student_t(level, degrees), 3) == t


def test_interval():
    assert Interval.of([2.0]) == Interval(2.0, math.inf, 1)
    assert 1e9 in Interval.of([2.0])
    with pytest.raises(BadValue, match="at least one run"):
        Interval.of([])
    with pytest.raises(BadValue, match="between 0 and 1, not at 95"):
        Interval.of([1.0, 2.0], 95)


def test_texts_and_rows(serial):
    assert repr(serial) == "<Sweep of services.web.replicas, balancer: 4 points, 2 runs each>"
    assert len(serial) == len(list(serial)) == 4
    runs = serial.at(replicas=2, balancer="rr")
    assert repr(runs) == "<Replications of 2 runs, seed 7: ok_share, mean, p99, jain by slot>"
    assert str(runs).startswith("FIGURE         MEAN      +- (95%)\nok_share       1         0\nmean ")
    assert serial.to_csv().splitlines()[0] == (
        "services.web.replicas,balancer,run,seed,ok_share,mean,p99,jain by slot"
    )
    assert [row["run"] for row in serial.to_rows()] == [0, 1] * 4


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: replicate(CROWD, 0), "needs at least one run, not 0"),
        (lambda: replicate(CROWD, True), "needs at least one run, not True"),
        (lambda: replicate(CROWD, 1, measure="p98"), "has no figure 'p98'"),
        (lambda: replicate(CROWD, 1, measure="jain by slots"), "not told apart by 'slots'"),
        (lambda: replicate(CROWD, 1, measure=[]), "at least one figure"),
        (lambda: replicate(CROWD, 1).interval("p50"), "p50 was not measured"),
        (lambda: sweep(CROWD, {}), "at least one path"),
        (lambda: sweep(CROWD, {"balancer": []}), "no value for balancer"),
        (lambda: sweep(CROWD, {"balancer": "rr"}), 'a list of values for balancer, not "rr"'),
        (
            lambda: sweep(CROWD, {"services.web.replicas": 3}),
            "a list of values for services.web.replicas, not 3",
        ),
        (lambda: sweep(CROWD, {"services.web.replicas": ["x"]}), 'parsing "x": invalid syntax'),
        (lambda: sweep(CROWD, {"balancer": ["rr", "rr"]}), "read alike: .* balancer=rr, run 0/0"),
        (lambda: sweep(CROWD, {"services.web.replica": [1]}), 'is "replicas" meant'),
        (lambda: sweep(CROWD, {"services.cache.replicas": [1]}), "no services.cache.replicas: there are web"),
        (lambda: sweep(CROWD, {"balancer.size": [1]}), "nothing is inside None"),
        (lambda: sweep(CROWD, {"clients.crowd.gap": [1]}), "no clients.crowd.gap: there are name, calls"),
        (lambda: sweep(CROWD, {"clients.0.requests": [-1]}), "clients.0.requests: expected at least 1"),
        (lambda: sweep(CROWD, {"balancer": ["rr"]}).at(balancer="lc"), "0 points have balancer=lc"),
        (lambda: CROWD.run().figure("p98"), "has no figure 'p98'"),
    ],
)
def test_wrong_experiments_get_one_sentence(wrong, sentence, monkeypatch):
    with pytest.raises((BadValue, BadScenario), match=sentence):
        wrong()


def test_nothing_runs_when_a_point_cannot_be(monkeypatch):
    monkeypatch.setattr(Scenario, "run", None)
    with pytest.raises(BadScenario):
        sweep(CROWD, {"balancer": ["rr", "unheard-of"]})


def test_a_bar(capsys):
    pytest.importorskip("tqdm")
    replicate(CROWD, 2, progress=progress_bar(desc="crowd", file=sys.stdout, ascii=True))
    assert "crowd: 100%" in capsys.readouterr().out


def test_without_tqdm_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(NotModelled, match="pip install tqdm"):
        progress_bar()


def test_runs_do_not_depend_on_the_hash_seed(serial, tmp_path):
    code = (
        "from tests.scenario.test_experiment import *\n"
        "print(sweep(CROWD, GRID, 2, seed=7, measure=MEASURES).to_csv(), end='')"
    )
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == serial.to_csv()

"""Laws of load distribution, over generated scenarios."""

from collections import Counter
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshsim.scenario import (
    Bursts,
    Client,
    Every,
    Expect,
    Exponential,
    Fixed,
    KeepAlive,
    NetworkPlan,
    Pareto,
    Poisson,
    Resolver,
    Retry,
    Scenario,
    Server,
    ServicePlan,
    Trace,
    Uniform,
    Users,
    at,
    every,
    plan,
    running,
    when,
)
from meshsim.scenario.records import OUTCOMES

FEW = settings(max_examples=15)
HOSTS = ("host01", "host02", "host03")

lengths = st.one_of(
    st.builds(Fixed, st.integers(0, 10**9)),
    st.builds(Exponential, st.integers(1, 10**9)),
    st.builds(Uniform, st.integers(0, 10**6), st.integers(10**6, 10**9)),
    st.builds(Pareto, st.integers(1, 10**9), st.floats(1.5, 4)),
)
arrivals = st.one_of(
    st.builds(Every, st.integers(10**6, 10**9)),
    st.builds(Poisson, st.floats(1, 50)),
    st.builds(Bursts, st.integers(1, 5), st.integers(10**7, 10**9)),
    st.builds(Trace, st.lists(st.integers(0, 10**10), max_size=10).map(sorted)),
)
keep_alives = st.builds(
    KeepAlive,
    pool=st.none() | st.integers(1, 3),
    life=st.none() | lengths,
    requests=st.none() | st.integers(1, 5),
    idle=st.none() | st.integers(0, 10**9),
)
retries = st.builds(
    Retry,
    times=st.integers(1, 2),
    pause=st.integers(0, 10**9),
    on=st.lists(st.sampled_from(["refused", "reset", "timeout"]), unique=True).map(tuple),
)
servers = st.builds(
    Server, lengths, st.integers(1, 3), queue=st.none() | st.integers(0, 3),
    slower=st.dictionaries(st.sampled_from(HOSTS), st.floats(0.5, 3), max_size=2),
)  # fmt: skip


@st.composite
def clients(draw, name):
    loop = draw(st.booleans())
    load = (
        {"users": draw(st.builds(Users, st.integers(1, 4), lengths))}
        if loop
        else {"arrivals": draw(arrivals)}
    )
    calls = draw(st.lists(st.sampled_from([f"{host}:81" for host in HOSTS]), min_size=1, unique=True))
    return Client(
        name,
        calls,
        **load,
        turn=draw(st.sampled_from(["in turn", "random"])),
        requests=draw(st.integers(1, 40)),
        page=draw(st.integers(1, 3)),
        timeout=draw(st.sampled_from([None, "2s", "30s"])),
        keep_alive=draw(st.none() | keep_alives),
        retry=draw(st.none() | retries),
        start=draw(st.integers(0, 10**9)),
        resolver=draw(st.sampled_from([Resolver(), Resolver("ttl", ttl="1s", order="lowest")])),
    )


moments = st.integers(0, 20 * 10**9)
faults = st.one_of(
    st.tuples(moments, st.just("fail"), st.sampled_from(HOSTS[1:])),
    st.tuples(moments, st.just("recover"), st.sampled_from(HOSTS[1:])),
    st.tuples(moments, st.just("stop_engine"), st.sampled_from(HOSTS[1:])),
    st.tuples(moments, st.just("start_engine"), st.sampled_from(HOSTS[1:])),
    st.tuples(moments, st.just("set_health"), st.just("web"), st.integers(1, 3), st.just("healthy")),
    st.tuples(moments, st.just("partition"), st.just(["host01", "one"]), st.just(["host02"])),
    st.tuples(moments, st.just("heal")),
    st.tuples(moments, st.just("scale"), st.just("web"), st.integers(0, 4)),
    st.tuples(moments, st.just("crash"), st.just("web"), st.integers(1, 3)),
    st.tuples(moments, st.just("drain"), st.sampled_from(HOSTS)),
    st.tuples(moments, st.just("activate"), st.sampled_from(HOSTS)),
)


@st.composite
def scenarios(draw, troubled=True):
    return Scenario(
        hosts=HOSTS,
        networks=[NetworkPlan("eg1", attachable=True)],
        services=[
            ServicePlan(
                "web",
                draw(st.none() | servers),
                replicas=draw(st.integers(1, 4)),
                publish="81:80",
                network="eg1",
            )
        ],
        clients=[draw(clients("one")), draw(clients("two"))],
        steps=(*plan(draw(st.lists(faults, max_size=4) if troubled else st.just([]))),),
        balancer=draw(st.sampled_from([None, "rr", "wlc", "mh"])),
        lasts="20s",
    )


@FEW
@given(scenarios(), st.integers(0, 5))
def test_every_request_ends_in_exactly_one_outcome_and_the_laws_hold(scenario, seed):
    report = scenario.run(seed)
    report.check()
    for name in ("one", "two"):
        part = report.where(client=name)
        pages = {request.number for request in part.requests}
        page = next(client.page for client in scenario.clients if client.name == name)
        assert len(part.requests) == len(pages) * page
        assert sum(part.outcomes().values()) == len(part.requests)
    assert all(request.outcome in OUTCOMES for request in report.tries)


@settings(max_examples=8)
@given(scenarios(), st.integers(0, 5))
def test_the_same_scenario_and_seed_give_equal_records(scenario, seed):
    one, other = scenario.run(seed), scenario.run(seed)
    assert one.to_csv() == other.to_csv()
    assert one.connections == other.connections
    assert one.events == other.events


@FEW
@given(scenarios())
@example(
    Scenario(
        services=[ServicePlan("web", publish="81:80")],
        steps=[when(running("web", 1)).heal(), every("1s").scale("web", 2), at(0).update("web", force=True)],
        expect=[Expect("p99", at_most="1s", where={"service": "web"}), Expect("jain", equals=1, by="node")],
        lasts="5s",
    )
)
def test_text_and_back(scenario):
    text = scenario.dumps()
    assert Scenario.loads(text) == scenario
    assert Scenario.loads(text).dumps() == text


def steady(replicas, entries, requests, *, balancer=None, keep_alive=None, turn="in turn", gap="10ms"):
    return Scenario(
        hosts=HOSTS,
        services=[ServicePlan("web", replicas=replicas, publish="81:80")],
        clients=[
            Client(
                "one",
                [f"{host}:81" for host in HOSTS[:entries]],
                Every(gap),
                requests=requests,
                keep_alive=keep_alive,
                turn=turn,
            )
        ],
        balancer=balancer,
    )


@FEW
@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 60), st.sampled_from(["in turn", "random"]))
def test_turns_are_even_to_one_per_entry_node(replicas, entries, requests, turn):
    report = steady(replicas, entries, requests, turn=turn).run()
    assert report.max_min() <= entries
    for host in HOSTS[:entries]:
        assert report.where(entry=f"{host}:81").max_min() <= 1


@FEW
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 40))
def test_a_connection_sticks_to_its_task(replicas, per_connection, requests):
    report = steady(replicas, 1, requests, keep_alive=KeepAlive(requests=per_connection)).run()
    met = {}
    for request in report.requests:
        assert met.setdefault(request.connection, request.task) == request.task
    carried = Counter(request.connection for request in report.requests)
    assert set(carried.values()) <= {per_connection, requests % per_connection}
    # and connections are dealt in turn
    counts = Counter(met.values())
    assert max(counts.values()) - min(counts[task.task] for task in report.tasks) <= 1


@FEW
@given(st.integers(2, 5), st.integers(1, 40))
def test_least_connections_never_queues_two_while_another_is_idle(replicas, requests):
    scenario = steady(replicas, 1, requests, balancer="lc", gap="300ms").but(
        services=[ServicePlan("web", Server("1s"), replicas=replicas, publish="81:80")]
    )
    report = scenario.run()
    inside = Counter()
    moments = sorted(
        [(r.started_ns, 1, r.task) for r in report.requests]
        + [(r.ended_ns, 0, r.task) for r in report.requests]
    )
    tasks = [task.task for task in report.tasks]
    for _, begins, task in moments:
        if begins:
            assert inside[task] == min(inside[each] for each in tasks)
        inside[task] += 1 if begins else -1


@FEW
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 50))
def test_shares_of_two_entry_nodes_converge_however_bursts_fall(sizes, rounds):
    """The counts of a strict cycle are exact at every moment, whatever the times of the arrivals."""
    times = [f"{sum(sizes[:i]) * 10 + j}ms" for i, size in enumerate(sizes) for j in range(size)]
    scenario = steady(3, 1, 1).but(
        clients=[Client("one", "host01:81", Trace(times)), Client("two", "host02:81", Trace(times[:rounds]))]
    )
    report = scenario.run()
    for name in ("one", "two"):
        part = report.where(client=name)
        order = [request.task for request in sorted(part.requests, key=lambda r: r.number)]
        for before, after in pairwise(order):
            assert before != after
        assert part.max_min() <= 1


@FEW
@given(st.integers(2, 5), st.integers(1, 4), st.integers(1, 3))
def test_weight_0_gets_nothing_new_while_the_task_still_answers(before, after, entries):
    """Scaling down sets weights to 0 first; tasks end 2 s later, so nobody notices."""
    scenario = steady(before, entries, 1000).but(steps=[at("5s").scale("web", after)])
    report = scenario.run()
    assert report.ok_share == 1
    ends = [event.at_ns for event in report.events if event.what == "die"]
    assert len(ends) == max(0, before - after)
    assert all(end_ns >= 7 * 10**9 for end_ns in ends)
    last = report.where(since="7s")
    busy = [count for count in last.counts().values() if count]
    assert len(busy) == after
    assert max(busy) - min(busy) <= 2 * entries  # a cursor that is cut in the middle of its turn

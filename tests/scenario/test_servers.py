"""Queues by themselves, and as what containers do when somebody else asks."""

from random import Random

from meshsim.cluster import Cluster
from meshsim.scenario import Exponential, Queue, Server
from meshsim.scenario.traffic.servers import Queues
from meshsim.sim import Clock

S = 1_000_000_000


def queue(*args, **kwargs):
    return Queue(Server(*args, **kwargs), Clock(), Random(1))


def test_first_come_first_served():
    one = queue("1s")
    assert [one.enter(0), one.enter(0), one.enter(5 * S)] == [(0, S), (S, 2 * S), (5 * S, 6 * S)]
    assert (one.taken, one.busy_ns) == (3, 3 * S)
    one.check()


def test_several_workers_share_one_queue():
    two = queue("1s", concurrency=2)
    assert [two.enter(0)[0] for _ in range(5)] == [0, 0, S, S, 2 * S]
    two.check()


def test_a_limited_queue_turns_away_and_recovers():
    short = queue("1s", concurrency=1, queue=1)
    assert [short.enter(0), short.enter(0), short.enter(0)] == [(0, S), (S, 2 * S), None]
    assert short.enter(S) == (2 * S, 3 * S)  # who is done has made room
    assert short.refused == 1
    short.check()
    assert repr(short) == "<Queue 1 at a time, 3 taken, 1 refused>"


def test_work_is_drawn_in_the_order_of_arrival_whatever_the_number_of_workers():
    one, many = queue(Exponential("1s")), queue(Exponential("1s"), concurrency=9)
    work = [[done - began for began, done in (q.enter(0) for _ in range(9))] for q in (one, many)]
    assert work[0] == work[1]


def test_plain_curl_waits_in_the_queue_too():
    maker = Queues(Server("1s", queue=0))
    cluster = Cluster(images={"slow": maker})
    maker.clock = cluster.clock
    (host01,) = cluster.add_hosts("host01")
    host01.swarm.init()
    host01.services.create("slow", name="web", publish="81:80")
    cluster.settle()
    answer = host01.get("host01:81")
    assert answer.status == 200
    assert answer.elapsed_ns >= S
    task = host01.containers.list()[0].container
    assert task.handler is not None
    task.handler.enter(cluster.clock.now_ns)
    assert host01.get("host01:81").status == 503

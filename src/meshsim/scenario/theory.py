"""Room scenario: closed forms of queueing theory, to hold a run against.

Comes in: servers and load. Goes out: what a long run must come near to. Times are multiples of the mean
service time. It knows no simulation.

>>> round(time_in_mmc(4, 0.8), 6), round(time_in_rr_split(4, 0.9), 6)
(1.745541, 6.38305)
"""

from __future__ import annotations

from math import exp, gcd

__all__ = [
    "erlang_b",
    "page_trap",
    "reconnect_ladder",
    "share_of_new_tasks",
    "time_in_mmc",
    "time_in_rr_split",
    "time_with_choices",
    "wait_probability",
]


def erlang_b(servers: int, load: float) -> float:
    """Share of requests turned away when nobody may wait; ``load`` is arrival rate times service time.

    >>> round(erlang_b(2, 1.0), 6), round(erlang_b(4, 3.6), 6)
    (0.2, 0.270685)

    Source: A. K. Erlang, 1917; computed by the usual recursion over the servers.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def wait_probability(servers: int, rho: float) -> float:
    """Share of requests that must wait in M/M/c (Erlang C); ``rho`` is the load of one server.

    >>> round(wait_probability(4, 0.8), 6)
    0.596432
    """
    blocked = erlang_b(servers, servers * rho)
    return blocked / (1 - rho * (1 - blocked))


def time_in_mmc(servers: int, rho: float) -> float:
    """Mean time in an M/M/c queue: Poisson arrivals, exponential service, one queue for all servers.

    >>> round(time_in_mmc(1, 0.9), 6)
    10.0
    """
    return 1 + wait_probability(servers, rho) / (servers * (1 - rho))


def time_in_rr_split(tasks: int, rho: float) -> float:
    """Mean time when Poisson arrivals are dealt in turn to tasks of one server each: exactly E_c/M/1.

    >>> round(time_in_rr_split(2, 0.8), 5)
    3.84398

    Source: L. Kleinrock, Queueing Systems I, 6.4: the root of the interarrival transform.
    """
    sigma = 0.5
    for _ in range(10_000):
        sigma = (tasks * rho / (tasks * rho + 1 - sigma)) ** tasks
    return 1 / (1 - sigma)


def time_with_choices(choices: int, rho: float) -> float:
    """Mean time when each request joins the shorter of so many queues drawn at random, of very many.

    >>> [round(time_with_choices(choices, 0.9), 4) for choices in (1, 2, 3, 5)]
    [10.0, 2.6141, 2.0279, 1.6329]

    Source: M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, IEEE TPDS 12(10), 2001.
    """
    if choices == 1:
        return 1 / (1 - rho)
    total, level, term = 0.0, 1, 1.0
    while term > 1e-12:
        term = rho ** ((choices**level - choices) / (choices - 1))
        total, level = total + term, level + 1
    return total


def page_trap(tasks: int, connections: int) -> int:
    """How many tasks one and the same asset of a page ever meets, dealt in turn.

    >>> page_trap(4, 2), page_trap(5, 2)
    (2, 5)
    """
    return tasks // gcd(tasks, connections)


def share_of_new_tasks(before: int, after: int, time: float, life: float) -> float:
    """Share of connections on the new tasks so long after a scale-up; lives are exponential.

    >>> round(share_of_new_tasks(2, 4, 2.303, 1.0), 3)
    0.45
    """
    return (after - before) / after * (1 - exp(-time / life))


def reconnect_ladder(tasks: int) -> list[float]:
    """Connections per task, as multiples of the fair share, after restarting the tasks one by one.

    Those of a restarted task go evenly to all others; in the fluid limit. Falling order.

    >>> reconnect_ladder(3), [round(x, 4) for x in reconnect_ladder(4)]
    ([1.875, 1.125, 0.0], [1.8272, 1.3827, 0.7901, 0.0])
    """
    held = [1.0] * tasks
    for task in range(tasks):
        gone, held[task] = held[task], 0.0
        held = [each + gone / (tasks - 1) if other != task else 0.0 for other, each in enumerate(held)]
    return sorted(held, reverse=True)

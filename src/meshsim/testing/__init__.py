"""Room testing (floor 7): the kit for people who test their own balancers, rules and services.

Contracts put a balancer, a filter or a placement through the laws of its kind:

>>> from meshsim.testing import check_balancer
>>> class Turns:
...     def __init__(self):
...         self.turn = -1
...     def pick(self, destinations, flow, now_ns):
...         self.turn += 1
...         return destinations[self.turn % len(destinations)]
>>> check_balancer(Turns, fair_within=1)

Strategies draw whole scenarios that shrink to small ones and print as Python and as docker command lines:

>>> from hypothesis import find
>>> from meshsim.testing import as_docker, scenarios
>>> small = find(scenarios(), lambda scenario: scenario.steps)
>>> print(as_docker(small), end="")
host01$ docker swarm init
host01$ docker service create -d --name web --publish 81:80 web
# alice calls host01:81, Every("1s"), 1 request
host01$ docker service scale -d web=0

This room, and no other, needs hypothesis: ``pip install 'meshsim[testing]'``.
"""

try:
    from meshsim.testing.contracts import (
        BALANCER_LAWS,
        FILTER_LAWS,
        PLACEMENT_LAWS,
        check_balancer,
        check_filter,
        check_placement,
    )
    from meshsim.testing.machines import Answer, ClusterMachine
    from meshsim.testing.printing import as_docker, as_python
    from meshsim.testing.strategies import (
        clusters,
        constraints,
        fault_plans,
        hosts,
        scenarios,
        services,
        traffic,
    )
    from meshsim.testing.swarms import ready_swarm
    from meshsim.testing.tail import last_events
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ImportError(
        "meshsim.testing needs hypothesis: pip install 'meshsim[testing]'", name="hypothesis"
    ) from None

__all__ = [
    "BALANCER_LAWS",
    "FILTER_LAWS",
    "PLACEMENT_LAWS",
    "Answer",
    "ClusterMachine",
    "as_docker",
    "as_python",
    "check_balancer",
    "check_filter",
    "check_placement",
    "clusters",
    "constraints",
    "fault_plans",
    "hosts",
    "last_events",
    "ready_swarm",
    "scenarios",
    "services",
    "traffic",
]

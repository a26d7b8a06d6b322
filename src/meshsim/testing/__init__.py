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
    "check_balancer",
    "check_filter",
    "check_placement",
]

"""Contracts: the laws that balancers, filters and placements keep, and the search for what breaks them."""

from meshsim.testing.contracts.balancers import BALANCER_LAWS, check_balancer
from meshsim.testing.contracts.filters import FILTER_LAWS, check_filter
from meshsim.testing.contracts.placements import PLACEMENT_LAWS, check_placement

__all__ = [
    "BALANCER_LAWS",
    "FILTER_LAWS",
    "PLACEMENT_LAWS",
    "check_balancer",
    "check_filter",
    "check_placement",
]

"""The kit's contracts take what clusters take, and its strategies say what they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from hypothesis.stateful import invariant
from hypothesis.strategies import SearchStrategy

from meshsim import Cluster
from meshsim.ipvs import Destination, Flow
from meshsim.model.objects import Task
from meshsim.placement import Board, NodeInfo
from meshsim.scenario import Client, Scenario, ServicePlan, Step
from meshsim.testing import (
    ClusterMachine,
    as_docker,
    as_python,
    check_balancer,
    check_filter,
    check_placement,
    clusters,
    constraints,
    fault_plans,
    ready_swarm,
    scenarios,
    services,
    traffic,
)


class Last:
    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination:
        return destinations[-1]


class Anywhere:
    def applies(self, task: Task) -> bool:
        return True

    def accepts(self, task: Task, node: NodeInfo) -> bool:
        return True

    def explain(self, count: int) -> str:
        return f"never said of {count} nodes"


def nowhere(board: Board) -> None: ...


check_balancer(Last, fair_within=2, weighted=True, skip=["sticks"])
check_balancer("rr")
check_balancer(Last())  # type: ignore[arg-type]
check_filter(Anywhere())
check_filter(Anywhere)  # type: ignore[arg-type]
check_placement(nowhere, extra_filters=[Anywhere()])
check_placement(Anywhere())  # type: ignore[arg-type]

assert_type(scenarios(max_hosts=2, balancer=Last), SearchStrategy[Scenario])
assert_type(services("api", port=None), SearchStrategy[ServicePlan])
assert_type(traffic(max_requests=3), SearchStrategy[Client])
assert_type(fault_plans(), SearchStrategy[tuple[Step, ...]])
assert_type(constraints(["host01"]), SearchStrategy[str])
clusters(max_managers=1)
traffic(max_request=2)  # type: ignore[call-arg]

cluster: Cluster = ready_swarm(managers=1)
text: str = as_python(Scenario()) + as_docker(Scenario())


class Mine(ClusterMachine):
    workers = 1
    names = ("shop",)

    @invariant()
    def all_are_up(self) -> None:
        host = self.manager
        assert host.up
        assert self.services["shop"].running >= 0

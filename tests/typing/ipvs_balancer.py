"""A user's own balancer type-checks where one is asked for, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshsim.ipvs import Balancer, BalancerChoice, Destination, Flow, Table, resolve_balancer


class LeastBytes:
    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> Destination | None:
        return min(destinations, key=lambda destination: destination.bytes_out)


class OtherNames:
    """Parameters may be called anything; hooks are optional."""

    def pick(self, servers: Sequence[Destination], what: Flow, when: int) -> Destination:
        return servers[0]

    def added(self, destinations: Sequence[Destination], destination: Destination, position: int) -> None: ...


class Untyped:
    def pick(self, destinations: Any, flow: Any, now_ns: Any) -> Any:
        return destinations[0]


class NoPick:
    def choose(self, destinations: Sequence[Destination]) -> Destination:
        return destinations[0]


class WrongAnswer:
    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int) -> str:
        return destinations[0].address


own: Balancer = LeastBytes()
other: Balancer = OtherNames()
untyped: Balancer = Untyped()
missing: Balancer = NoPick()  # type: ignore[assignment]
wrong: Balancer = WrongAnswer()  # type: ignore[assignment]

choices: list[BalancerChoice] = ["wlc", LeastBytes, OtherNames, resolve_balancer(Untyped)]
table = Table()
for number, choice in enumerate(choices, 1):
    table.add_service(mark=number, balancer=choice)
table.add_service(mark=9, balancer=LeastBytes())  # type: ignore[arg-type]
table.add_service(mark=10, balancer=NoPick)  # type: ignore[arg-type]

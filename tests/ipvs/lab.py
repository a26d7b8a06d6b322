"""A small stage for the tests of the IPVS room: servers called A, B, C ..., answers as a string of letters.

The spec's cases read "rr, servers added A, B, C, 4 flows: CBAC"; so do the tests.
"""

from __future__ import annotations

from typing import Any

from meshsim.ipvs import ABORT, CLOSE_BY_CLIENT, HANDSHAKE, Destination, Flow, Outcome, Table

SECOND = 10**9
VIRTUAL = ("10.0.0.80", 80)


class Lab:
    """One table with one service; UDP unless told otherwise, each flow from a new source port."""

    def __init__(
        self, balancer: Any = "rr", weights: str = "", *, protocol: str = "udp", **settings: Any
    ) -> None:
        self.table = Table()
        self.protocol = protocol
        self.port = 20000
        self.now_ns = 0
        self.service = self.table.add_service(protocol, *VIRTUAL, balancer=balancer, **settings)
        self.names: dict[Destination, str] = {}
        for part in weights.split():
            self.add(part[0], int(part[1:] or 1))

    def add(self, name: str, weight: int = 1, **settings: Any) -> Destination:
        added = self.table.add_destination(
            self.service, address(name), weight=weight, now_ns=self.now_ns, **settings
        )
        self.names[added] = name
        return added

    def edit(self, name: str, weight: int | None = None, **settings: Any) -> None:
        self.table.edit_destination(
            self.service, address(name), weight=weight, now_ns=self.now_ns, **settings
        )

    def remove(self, name: str) -> None:
        self.table.remove_destination(self.service, address(name), now_ns=self.now_ns)

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND)
        self.table.advance(self.now_ns)
        self.table.check()

    def flow(self, client: str = "10.1.0.2", port: int | None = None, virtual: str = VIRTUAL[0]) -> Flow:
        if port is None:
            self.port += 1
            port = self.port
        return Flow(self.protocol, (client, port), (virtual, VIRTUAL[1]))

    def route(self, flow: Flow) -> Outcome:
        return self.table.route(flow, self.now_ns)

    def open(self, **where: Any) -> Flow:
        """A TCP connection up to ESTABLISHED."""
        flow = self.flow(**where)
        assert self.route(flow)
        self.table.follow(flow, self.now_ns, HANDSHAKE)
        return flow

    def close(self, flow: Flow) -> None:
        self.table.follow(flow, self.now_ns, CLOSE_BY_CLIENT)

    def abort(self, flow: Flow) -> None:
        self.table.follow(flow, self.now_ns, ABORT)

    def letter(self, outcome: Outcome) -> str:
        return "-" if outcome.destination is None else self.names[outcome.destination]

    def go(self, count: int) -> str:
        """That many new flows; who answered."""
        answers = "".join(self.letter(self.route(self.flow())) for _ in range(count))
        self.table.check()
        return answers

    def who(self, flow: Flow) -> str:
        return self.letter(self.route(flow))

    @property
    def order(self) -> str:
        """The kernel list, head first."""
        return "".join(self.names[destination] for destination in self.service.destinations)

    def named(self, name: str) -> Destination:
        return next(one for one in self.service.destinations if self.names[one] == name)

    def counts(self) -> dict[str, tuple[int, int]]:
        self.table.advance(self.now_ns)
        return {self.names[one]: (one.active, one.inactive) for one in self.service.destinations}


def address(name: str) -> str:
    return f"10.2.9.{ord(name) - 64}"

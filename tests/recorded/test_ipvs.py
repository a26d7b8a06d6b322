"""Sequences recorded from a real kernel's IPVS: every choice, every counter.

The format of the file and of each operation is described where the vectors are kept (``format`` and
``description`` inside the file). All operations but ``wait`` take no time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from meshsim.ipvs import (
    ABORT,
    CLOSE_BY_CLIENT,
    CLOSE_BY_SERVER,
    HANDSHAKE,
    Dropped,
    Flow,
    Outcome,
    Passed,
    Refused,
    Segment,
    State,
    Table,
    VirtualService,
)

VECTORS = {"sequence": ("ipvs.json", "sequences")}

REFUSED, NO_ANSWER, RESET, NO_FLOW = -1, -2, -3, -4
ENDINGS = {"fin": CLOSE_BY_CLIENT, "rst": ABORT, "srvfin": CLOSE_BY_SERVER}


class Differs(AssertionError):
    """The first operation whose outcome is not the recorded one."""


class Replay:
    """One recorded sequence, played against a table."""

    def __init__(self, sequence: dict[str, Any]) -> None:
        self.sequence = sequence
        self.random = sequence["group"] == "twos"
        self.servers = [self._server(text) for text in sequence["servers"]]
        self.table = Table(rng=Random(1))
        self.now_ns = 0
        self.services: dict[str, VirtualService] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.marks: list[tuple[int, ipaddress.IPv4Network, str | None, int | None]] = []
        self.flows: dict[int, Flow | None] = {}

    @staticmethod
    def _server(text: str) -> tuple[str, int]:
        address, _, port = text.rpartition(":")
        return address, int(port)

    def run(self) -> None:
        for number, op in enumerate(self.sequence["ops"]):
            handler: Callable[..., None] = getattr(self, f"op_{op[0]}")
            try:
                handler(*op[1:])
                self.table.check()
            except AssertionError as error:
                raise Differs(f"{self.sequence['id']}: op {number} {op}: {error}") from None

    # Administration

    def op_svc(self, name: str, settings: dict[str, Any]) -> None:
        key: dict[str, Any] = {"mark": settings.get("mark")}
        if settings["kind"] != "fwm":
            key = {"protocol": settings["kind"], "address": settings["addr"], "port": settings["port"]}
        self.services[name] = self.table.add_service(
            **key,
            **self._scheduling(settings),
            one_packet=settings.get("one_packet", False),
            now_ns=self.now_ns,
        )
        self.settings[name] = settings

    @staticmethod
    def _scheduling(settings: dict[str, Any]) -> dict[str, Any]:
        return {
            "balancer": settings["sched"],
            "flags": settings.get("flags") or (),
            "persistent_s": settings.get("persist") or 0,
            "netmask": settings.get("netmask") or "255.255.255.255",
        }

    def op_esvc(self, name: str, changes: dict[str, Any]) -> None:
        self.settings[name] = settings = self.settings[name] | changes
        self.table.edit_service(self.services[name], **self._scheduling(settings), now_ns=self.now_ns)

    def op_mark(self, mark: int, net: str, protocol: str | None = None, port: int | None = None) -> None:
        self.marks.append((mark, ipaddress.IPv4Network(net), protocol, port))

    def op_snat(self, net: str) -> None:
        self.table.sysctls.set("conntrack", 1)

    def op_sysctl(self, name: str, value: int) -> None:
        self.table.sysctls.set(name, value)

    def op_add(self, service: str, server: int, weight: int, bounds: dict[str, int] | None = None) -> None:
        upper, lower = (bounds or {}).get("u", 0), (bounds or {}).get("l", 0)
        self.table.add_destination(
            self.services[service],
            *self.servers[server],
            weight=weight,
            upper=upper,
            lower=lower,
            now_ns=self.now_ns,
        )

    def op_edit(self, service: str, server: int, weight: int, bounds: dict[str, int] | None = None) -> None:
        upper, lower = (bounds or {}).get("u", 0), (bounds or {}).get("l", 0)
        self.table.edit_destination(
            self.services[service],
            *self.servers[server],
            weight=weight,
            upper=upper,
            lower=lower,
            now_ns=self.now_ns,
        )

    def op_del(self, service: str, server: int) -> None:
        self.table.remove_destination(self.services[service], *self.servers[server], now_ns=self.now_ns)

    # Traffic

    def op_wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * 10**9)

    def op_go(
        self,
        service: str,
        mode: str,
        first: int,
        clients: list[list[Any]],
        results: list[int],
        options: dict[str, Any] | None = None,
    ) -> None:
        options = options or {}
        settings = self.settings[service]
        protocol = options.get("proto") or settings["kind"]
        got = []
        for address, port, count, *dst in clients:
            for offset in range(count):
                virtual = (dst or [options.get("dst") or settings.get("addr")])[0]
                virtual_port = options.get("dport") or settings.get("port")
                flow = Flow(protocol, (address, port + offset), (virtual, virtual_port))
                outcome = self.open(flow, mode)
                self.flows[first + len(got)] = flow if outcome else None
                got.append(self.answer(outcome))
        self.compare(got, results)

    def open(self, flow: Flow, mode: str) -> Outcome:
        table, mark = self.table, self.mark(flow)
        outcome = table.route(flow, self.now_ns, mark)
        if outcome and flow.protocol == "tcp":
            table.follow(flow, self.now_ns, HANDSHAKE, mark)
            if mode in ENDINGS:
                table.follow(flow, self.now_ns, ENDINGS[mode], mark)
        return outcome

    def mark(self, flow: Flow) -> int:
        """The last rule that matches sets the mark, as iptables does."""
        mark = 0
        address, port = flow.destination
        for number, net, protocol, wanted in self.marks:
            if (
                ipaddress.IPv4Address(address) in net
                and protocol in (None, flow.protocol)
                and wanted in (None, port)
            ):
                mark = number
        return mark

    def op_close(self, ids: list[int], how: str) -> None:
        for number in ids:
            flow = self.flows.pop(number)
            if flow is not None:
                self.table.follow(flow, self.now_ns, ENDINGS[how], self.mark(flow))

    def op_send(self, ids: list[int], results: list[int]) -> None:
        got = []
        for number in ids:
            flow = self.flows.get(number)
            if flow is None:
                got.append(NO_FLOW)
                continue
            outcome = self.table.send(flow, self.now_ns, Segment.ACK, self.mark(flow))
            if outcome:
                self.table.reply(flow, self.now_ns)
            got.append(self.answer(outcome))
        self.compare(got, results)

    def answer(self, outcome: Outcome) -> int:
        if outcome.destination is not None:
            return self.servers.index((outcome.destination.address, outcome.destination.port))
        if isinstance(outcome, Refused):
            return REFUSED
        return NO_ANSWER if isinstance(outcome, Dropped) else RESET

    def compare(self, got: list[int], results: list[int]) -> None:
        if self.random:
            assert len(got) == len(results)
            assert [answer < 0 for answer in got] == [answer < 0 for answer in results]
        else:
            assert got == results

    def op_counts(self, service: str, rows: list[list[int]]) -> None:
        self.table.advance(self.now_ns)
        got = [
            [self.servers.index((one.address, one.port)), one.weight, one.active, one.inactive]
            for one in self.services[service].destinations
        ]
        if self.random:
            assert [row[:2] for row in got] == [row[:2] for row in rows]
            assert [sum(row[column] for row in got) for column in (2, 3)] == [
                sum(row[column] for row in rows) for column in (2, 3)
            ]
        else:
            assert got == rows


def test_kernel_sequence(sequence: dict[str, Any]) -> None:
    Replay(sequence).run()


def test_a_wrong_expectation_is_reported() -> None:
    """The runner itself can fail, and says where."""
    sequence = {
        "id": "self-test",
        "group": "rr",
        "servers": ["10.2.1.1:80", "10.2.1.2:80"],
        "ops": [
            ["svc", "v", {"kind": "tcp", "sched": "rr", "addr": "10.0.0.1", "port": 80}],
            ["add", "v", 0, 1],
            ["add", "v", 1, 1],
            ["go", "v", "fin", 0, [["10.1.0.2", 4000, 2]], [0, 1]],
        ],
    }
    with pytest.raises(Differs, match=r"self-test: op 3 .*\[1, 0\]"):
        Replay(sequence).run()


def test_time_wait_is_what_a_fin_leaves() -> None:
    sequence = {
        "id": "self-test",
        "group": "tcp",
        "servers": ["10.2.1.1:80"],
        "ops": [
            ["svc", "v", {"kind": "tcp", "sched": "rr", "addr": "10.0.0.1", "port": 80}],
            ["add", "v", 0, 1],
            ["go", "v", "fin", 0, [["10.1.0.2", 4000, 1]], [0]],
        ],
    }
    replay = Replay(sequence)
    replay.run()
    assert [entry.state for entry in replay.table.entries()] == [State.TIME_WAIT]
    assert isinstance(replay.table.route(Flow("udp", ("10.1.0.2", 1), ("10.0.0.9", 9)), 0), Passed)

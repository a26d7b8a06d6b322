"""Room ipvs: the states of a connection, as data.

In: a state and a TCP segment seen from one side. Out: the next state, its time-out, and whether a
connection in it counts as active. Nothing here knows connections, time or tables; the documentation's
state table is printed from these very dicts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

__all__ = [
    "ABORT",
    "CLOSE_BY_CLIENT",
    "CLOSE_BY_SERVER",
    "CONVERSATION",
    "EXCHANGE",
    "HANDSHAKE",
    "SECOND",
    "Direction",
    "Script",
    "Segment",
    "State",
    "Steps",
]

SECOND = 1_000_000_000
"""Nanoseconds in a second."""


class State(enum.Enum):
    """Where a connection stands; the names are what ``ipvsadm -Lnc`` prints."""

    NONE = "NONE"
    ESTABLISHED = "ESTABLISHED"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    FIN_WAIT = "FIN_WAIT"
    TIME_WAIT = "TIME_WAIT"
    CLOSE = "CLOSE"
    CLOSE_WAIT = "CLOSE_WAIT"
    LAST_ACK = "LAST_ACK"
    LISTEN = "LISTEN"
    SYNACK = "SYNACK"
    UDP = "UDP"

    # Enum's own hash is a Python function that hashes the name; these are keys on the packets' way.
    __hash__ = object.__hash__


class Segment(enum.Enum):
    """What a TCP segment means to IPVS; a segment with several flags is the first of RST, SYN, FIN, ACK."""

    RST = "rst"
    SYN = "syn"
    FIN = "fin"
    ACK = "ack"

    __hash__ = object.__hash__


class Direction(enum.Enum):
    """Which way a segment goes, and what the director sees of the rest.

    INPUT is client to server, OUTPUT server to client. INPUT_ONLY is client to server when replies do
    not pass the director (direct routing, tunnel).
    """

    INPUT = "input"
    OUTPUT = "output"
    INPUT_ONLY = "input-only"

    __hash__ = object.__hash__


TIMEOUT_NS: Mapping[State, int] = {
    State.NONE: 2 * SECOND,
    State.ESTABLISHED: 900 * SECOND,
    State.SYN_SENT: 120 * SECOND,
    State.SYN_RECV: 60 * SECOND,
    State.FIN_WAIT: 120 * SECOND,
    State.TIME_WAIT: 120 * SECOND,
    State.CLOSE: 10 * SECOND,
    State.CLOSE_WAIT: 60 * SECOND,
    State.LAST_ACK: 30 * SECOND,
    State.LISTEN: 120 * SECOND,
    State.SYNACK: 120 * SECOND,
    State.UDP: 300 * SECOND,
}
"""Source: linux net/netfilter/ipvs/ip_vs_proto_tcp.c tcp_timeouts, ip_vs_proto_udp.c udp_timeouts."""

ACTIVE: Mapping[State, bool] = {
    state: state in (State.ESTABLISHED, State.SYN_SENT, State.SYN_RECV, State.SYNACK) for state in State
}
"""Source: linux net/netfilter/ipvs/ip_vs_proto_tcp.c tcp_state_active_table."""

_CODES = "NO ES SS SR FW TW CL CW LA LI SA"
# One row per direction and segment, one column per state in the order of _CODES.
_ROWS = """
input      syn  SR ES ES SR SR SR SR SR SR SR SR
input      fin  CL CW SS TW TW TW CL CW LA LI TW
input      ack  ES ES SS ES FW TW CL CW CL LI ES
input      rst  CL CL CL SR CL CL CL CL LA LI SR
output     syn  SS ES SS SR SS SS SS SS SS LI SR
output     fin  TW FW SS TW FW TW CL TW LA LI TW
output     ack  ES ES SS ES FW TW CL CW LA ES ES
output     rst  CL CL SS CL CL TW CL CL CL CL CL
input-only syn  SR ES ES SR SR SR SR SR SR SR SR
input-only fin  CL FW SS TW FW TW CL CW LA LI TW
input-only ack  ES ES SS ES FW TW CL CW CL LI ES
input-only rst  CL CL CL SR CL CL CL CL LA LI CL
"""

Moves: TypeAlias = Mapping[tuple[Direction, Segment], Mapping[State, State]]


def _read(codes: str, rows: str) -> Moves:
    by_code = dict(zip(codes.split(), State, strict=False))
    table = {}
    for row in rows.strip().splitlines():
        direction, segment, *after = row.split()
        moves = {before: by_code[code] for before, code in zip(State, after, strict=False)}
        table[Direction(direction), Segment(segment)] = moves
    return table


MOVES: Moves = _read(_CODES, _ROWS)
"""The next state by (direction, segment) and state.

Source: linux net/netfilter/ipvs/ip_vs_proto_tcp.c tcp_states.
"""

Steps: TypeAlias = tuple[tuple[Direction, Segment], ...]
"""A stretch of a conversation: segments in order, each with its direction."""


class Script(tuple[tuple[Direction, Segment], ...]):  # noqa: SLOT001 - a tuple has room for no slots
    """Steps that know where they lead, so that following them is one look-up.

    Attributes:
        moves: for each state, the state at the end and whether ESTABLISHED was entered on the way.
        packets_in: how many go from client to server.
        packets_out: how many come back.

    >>> script = Script(((Direction.INPUT, Segment.FIN), (Direction.OUTPUT, Segment.FIN)))
    >>> script.moves[State.ESTABLISHED]
    (<State.TIME_WAIT: 'TIME_WAIT'>, False)
    """

    moves: dict[State, tuple[State, bool]]
    packets_in: int
    packets_out: int

    def __new__(cls, steps: Steps) -> Self:
        """Work out where the steps lead."""
        script = super().__new__(cls, steps)
        script.packets_out = sum(direction is Direction.OUTPUT for direction, _ in steps)
        script.packets_in = len(steps) - script.packets_out
        script.moves = {State.UDP: (State.UDP, False)}
        for before in MOVES[Direction.INPUT, Segment.SYN]:
            states = [before]
            for step in steps:
                states.append(MOVES[step][states[-1]])
            script.moves[before] = states[-1], State.ESTABLISHED in states[1:]
        return script

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


HANDSHAKE: Steps = Script(((Direction.OUTPUT, Segment.SYN), (Direction.INPUT, Segment.ACK)))
"""What follows a routed SYN: the server's SYN+ACK, the client's ACK."""

CLOSE_BY_CLIENT: Steps = Script(
    ((Direction.INPUT, Segment.FIN), (Direction.OUTPUT, Segment.FIN), (Direction.INPUT, Segment.ACK))
)
"""The client closes first; ends in TIME_WAIT."""

CLOSE_BY_SERVER: Steps = Script(
    ((Direction.OUTPUT, Segment.FIN), (Direction.INPUT, Segment.FIN), (Direction.OUTPUT, Segment.ACK))
)
"""The server closes first; ends in TIME_WAIT too."""

EXCHANGE: Steps = Script(((Direction.INPUT, Segment.ACK), (Direction.OUTPUT, Segment.ACK)))
"""A request on an open connection, and its answer."""

CONVERSATION = Script((*HANDSHAKE, *EXCHANGE, *CLOSE_BY_CLIENT))
"""All that follows the SYN of a short connection: handshake, a request, its answer, the client's close."""

ABORT: Steps = Script(((Direction.INPUT, Segment.RST),))
"""The client resets; ends in CLOSE."""

"""The TCP state table against the spec's sentences."""

from __future__ import annotations

import copy

import pytest

from meshsim.ipvs.states import ABORT, ACTIVE, HANDSHAKE, MOVES, TIMEOUT_NS, Direction, Segment, State

S = State
TCP = [state for state in State if state is not State.UDP]
CLOSE = dict.fromkeys(TCP, S.CLOSE)
SAME = {state: state for state in TCP}

SENTENCES = {
    ("input", "syn"): dict.fromkeys(TCP, S.SYN_RECV)
    | {S.ESTABLISHED: S.ESTABLISHED, S.SYN_SENT: S.ESTABLISHED},
    ("input", "fin"): SAME
    | {S.ESTABLISHED: S.CLOSE_WAIT, S.NONE: S.CLOSE}
    | dict.fromkeys((S.SYN_RECV, S.FIN_WAIT, S.TIME_WAIT, S.SYNACK), S.TIME_WAIT),
    ("input", "ack"): SAME
    | dict.fromkeys((S.NONE, S.ESTABLISHED, S.SYN_RECV, S.SYNACK), S.ESTABLISHED)
    | {S.LAST_ACK: S.CLOSE},
    ("input", "rst"): CLOSE
    | {S.SYN_RECV: S.SYN_RECV, S.SYNACK: S.SYN_RECV, S.LAST_ACK: S.LAST_ACK, S.LISTEN: S.LISTEN},
    ("output", "syn"): dict.fromkeys(TCP, S.SYN_SENT)
    | {S.ESTABLISHED: S.ESTABLISHED, S.SYN_RECV: S.SYN_RECV, S.LISTEN: S.LISTEN, S.SYNACK: S.SYN_RECV},
    ("output", "fin"): SAME
    | dict.fromkeys((S.NONE, S.SYN_RECV, S.TIME_WAIT, S.CLOSE_WAIT, S.SYNACK), S.TIME_WAIT)
    | {S.ESTABLISHED: S.FIN_WAIT},
    ("output", "ack"): SAME
    | dict.fromkeys((S.NONE, S.ESTABLISHED, S.SYN_RECV, S.LISTEN, S.SYNACK), S.ESTABLISHED),
    ("output", "rst"): CLOSE | {S.SYN_SENT: S.SYN_SENT, S.TIME_WAIT: S.TIME_WAIT},
}
SENTENCES |= {("input-only", segment): SENTENCES["input", segment] for segment in ("syn", "ack")}
SENTENCES["input-only", "fin"] = SENTENCES["input", "fin"] | {
    S.ESTABLISHED: S.FIN_WAIT,
    S.FIN_WAIT: S.FIN_WAIT,
}
SENTENCES["input-only", "rst"] = SENTENCES["input", "rst"] | {S.SYNACK: S.CLOSE}


@pytest.mark.parametrize(("direction", "segment"), SENTENCES)
def test_transitions(direction: str, segment: str) -> None:
    assert MOVES[Direction(direction), Segment(segment)] == SENTENCES[direction, segment]


def test_the_table_is_whole() -> None:
    assert len(MOVES) == len(SENTENCES) == 12
    assert all(set(row) == set(TCP) for row in MOVES.values())


def test_timeouts_and_activity() -> None:
    seconds = {state.value: ns // 10**9 for state, ns in TIMEOUT_NS.items()}
    assert seconds == {
        "NONE": 2,
        "ESTABLISHED": 900,
        "SYN_SENT": 120,
        "SYN_RECV": 60,
        "FIN_WAIT": 120,
        "TIME_WAIT": 120,
        "CLOSE": 10,
        "CLOSE_WAIT": 60,
        "LAST_ACK": 30,
        "LISTEN": 120,
        "SYNACK": 120,
        "UDP": 300,
    }
    assert {state for state in State if ACTIVE[state]} == {S.ESTABLISHED, S.SYN_SENT, S.SYN_RECV, S.SYNACK}


def test_steps_are_values() -> None:
    assert copy.copy(HANDSHAKE) is copy.deepcopy(HANDSHAKE) is HANDSHAKE
    assert ABORT == ((Direction.INPUT, Segment.RST),)

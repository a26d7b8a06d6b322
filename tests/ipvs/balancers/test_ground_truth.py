"""The cases probed on Linux 6.12 (UDP flows, each from a new source port): who answered.

Each step is a command and what came back; a command is "go N", "weight X N", "add X [N]", "del X",
"edit NAME". The lines follow the recorded session, which used one service for several cases.
"""

from __future__ import annotations

import pytest
from tests.ipvs.lab import Lab

SESSIONS = {
    "rr, 4 servers": ("rr", "A B C D", [("go 10", "DCBADCBADC")]),
    "rr, B weight 0 after D C, then back": (
        "rr",
        "A B C D",
        [("go 2", "DC"), ("weight B 0", ""), ("go 6", "ADCADC"), ("weight B 1", ""), ("go 6", "BADCBA")],
    ),
    "rr, the last used one deleted": ("rr", "A B C D", [("go 2", "DC"), ("del C", ""), ("go 6", "BADBAD")]),
    "rr, the next one deleted": ("rr", "A B C D", [("go 2", "DC"), ("del B", ""), ("go 6", "ADCADC")]),
    "rr, the head was last used and is deleted, re-added": (
        "rr",
        "A B C D",
        [("go 1", "D"), ("del D", ""), ("go 5", "CBACB"), ("add D", "DCBA"), ("go 6", "ADCBAD")],
    ),
    "rr, newcomers wait for the end of the round": (
        "rr",
        "A B",
        [("go 3", "BAB"), ("add C", "CBA"), ("go 6", "ACBACB"), ("add D", "DCBA"), ("go 6", "ADCBAD")],
    ),
    "rr, edited to rr again: the cursor is kept": (
        "rr",
        "A B C",
        [("go 1", "C"), ("edit rr", ""), ("go 4", "BACB")],
    ),
    "rr, all weights 0, then one back": (
        "rr",
        "A0 B0 C0",
        [("go 3", "---"), ("weight A 1", ""), ("go 3", "AAA")],
    ),
    "rr, weights above 1 ignored": ("rr", "A1 B5 C1", [("go 9", "CBACBACBA")]),
    "rr, servers swapped": (
        "rr",
        "A B C D",
        [
            ("del A", ""),
            ("del B", ""),
            ("go 5", "DCDCD"),
            ("del C", ""),
            ("del D", ""),
            ("go 2", "--"),
            ("add B", "B"),
            ("add A", "AB"),
            ("go 5", "ABABA"),
        ],
    ),
    "wrr A3 B2 C1": ("wrr", "A3 B2 C1", [("go 18", "CBAABACBAABACBAABA")]),
    "wrr A1 B2 C4": ("wrr", "A1 B2 C4", [("go 21", "CBACCCBCBACCCBCBACCCB")]),
    "wrr A4 B2, then B 6, A 0, C 3": (
        "wrr",
        "A4 B2",
        [
            ("go 12", "BAABAABAABAA"),
            ("weight B 6", ""),
            ("go 15", "BABABBABABBABAB"),
            ("weight A 0", ""),
            ("go 5", "BBBBB"),
            ("add C 3", "CBA"),
            ("go 12", "CBBCBBCBBCBB"),
        ],
    ),
    "wrr A5 B1": ("wrr", "A5 B1", [("go 12", "BAAAAABAAAAA")]),
    "wrr A1 B5": ("wrr", "A1 B5", [("go 12", "BABBBBBABBBB")]),
    "lc, weight 0 skipped, a new one takes all until level": (
        "lc",
        "A B C",
        [
            ("go 9", "CBACBACBA"),
            ("weight A 0", ""),
            ("go 4", "CBCB"),
            ("weight A 1", ""),
            ("go 5", "AACBA"),
            ("del B", ""),
            ("add B", "BCA"),
            ("go 9", "BCABCABCA"),
            ("add D", "DBCA"),
            ("go 9", "DDDDDDDDD"),
        ],
    ),
    "wlc A3 B1": ("wlc", "A3 B1", [("go 12", "BAAABAAABAAA")]),
    "wlc A1 B2 C3": ("wlc", "A1 B2 C3", [("go 12", "CBACBCCBACBC")]),
    "sed A3 B1, all inactive": ("sed", "A3 B1", [("go 12", "AAAAAAAAAAAA")]),
    "nq A3 B1, all inactive": ("nq", "A3 B1", [("go 12", "BBBBBBBBBBBB")]),
    "fo 1 5 3, then B 0": ("fo", "A1 B5 C3", [("go 4", "BBBB"), ("weight B 0", ""), ("go 4", "CCCC")]),
    "ovf, all inactive": ("ovf", "A2 B5 C3", [("go 12", "BBBBBBBBBBBB")]),
}


@pytest.mark.parametrize(("balancer", "weights", "steps"), SESSIONS.values(), ids=SESSIONS)
def test_session(balancer: str, weights: str, steps: list[tuple[str, str]]) -> None:
    lab = Lab(balancer, weights)
    for command, expected in steps:
        verb, *words = command.split()
        if verb == "go":
            assert lab.go(int(words[0])) == expected, command
        elif verb == "weight":
            lab.edit(words[0], int(words[1]))
        elif verb == "add":
            lab.add(words[0], int((words[1:] or ["1"])[0]))
            assert lab.order == expected
        elif verb == "del":
            lab.remove(words[0])
        else:
            lab.table.edit_service(lab.service, balancer=words[0])


def test_sh_keeps_a_client_and_spreads_clients() -> None:
    lab = Lab("sh", "A B C")
    assert len(set(lab.go(6))) == 1  # one source address
    answers = [lab.letter(lab.route(lab.flow(client=f"10.1.0.{n}"))) for n in range(1, 7)]
    assert "".join(answers) == "CCABAC"


def test_persistence_keeps_a_client() -> None:
    assert Lab("rr", "A B C", persistent_s=60).go(6) == "CCCCCC"


def test_an_upper_threshold_takes_a_server_out() -> None:
    lab = Lab("rr")
    lab.add("A", upper=2, lower=1)
    lab.add("B")
    assert lab.go(8) == "BABABBBB"


def test_counters_survive_deletion_while_connections_live() -> None:
    """Session 16 reused a namespace: a re-created service with the same servers gave lopsided answers."""
    lab = Lab("lc", "A B C")
    assert lab.go(3) == "CBA"
    before = lab.named("A")
    lab.table.clear(now_ns=lab.now_ns)
    lab.service = lab.table.add_service("udp", "10.0.0.80", 80, balancer="lc")
    assert lab.add("A") is before
    lab.add("D")
    assert lab.go(2) == "DD"  # A has one connection, and on a tie the newer is first

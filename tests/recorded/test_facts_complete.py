"""No recorded fact is left out in silence: each is taken by a test or listed with a reason, never both."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.recorded.facts import FACTS, NOT_COVERED, TAKEN

HERE = Path(__file__).parent
for path in sorted(HERE.glob("test_facts_*.py")):
    if path.stem != "test_facts_complete":
        importlib.import_module(f"tests.recorded.{path.stem}")


def test_every_fact_is_tested_or_listed() -> None:
    missing = [name for name in FACTS if name not in TAKEN and name not in NOT_COVERED]
    assert missing == []


def test_nothing_listed_is_tested_or_unknown() -> None:
    assert [name for name in NOT_COVERED if name not in FACTS or name in TAKEN] == []
    assert all(reason for reason in NOT_COVERED.values())


def test_most_facts_are_tested() -> None:
    """The list of exceptions is short, and may only become shorter."""
    assert (len(FACTS), len(NOT_COVERED)) == (459, 11), "the figures on the fidelity page"

"""Room cluster: names for containers and services that nobody named.

Source: moby daemon/names.go (an adjective and a surname, drawn at random; the words here are our own).
"""

from __future__ import annotations

from random import Random

__all__ = ["random_name"]

_LEFT = (
    "amber", "brisk", "calm", "clever", "daring", "eager", "fair", "gentle", "happy", "jolly",
    "keen", "kind", "lively", "mellow", "nimble", "patient", "quiet", "sharp", "steady", "witty",
)  # fmt: skip
_RIGHT = (
    "cerf", "dijkstra", "floyd", "hamilton", "hopper", "kahn", "kay", "knuth", "lamport", "liskov",
    "lovelace", "milner", "naur", "perlman", "postel", "ritchie", "shannon", "tarjan", "turing", "wirth",
)  # fmt: skip


def random_name(rng: Random) -> str:
    """Make a name such as ``kind_perlman``."""
    return f"{rng.choice(_LEFT)}_{rng.choice(_RIGHT)}"

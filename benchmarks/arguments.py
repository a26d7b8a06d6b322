"""The one argument of benchmarks that repeat what they measure."""

from __future__ import annotations

import argparse

__all__ = ["how_often"]


def how_often(about: str | None, default: int = 5) -> int:
    """How often the command line asks to repeat; anything but a positive number ends with one sentence."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("repeats", nargs="?", type=_positive, default=default, help="rounds of each side")
    count: int = parser.parse_args().repeats
    return count


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)

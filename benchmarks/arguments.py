"""What benchmarks can be told on the command line; anything else ends with one sentence."""

from __future__ import annotations

import argparse

__all__ = ["nothing", "quick", "repeats"]


def repeats(about: str | None) -> int:
    """How often to repeat: a number, or five times."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("repeats", nargs="?", type=_positive, default=5, help="rounds of each side")
    count: int = parser.parse_args().repeats
    return count


def quick(about: str | None) -> bool:
    """Whether a glance is enough: ``--quick``."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds")
    asked: bool = parser.parse_args().quick
    return asked


def nothing(about: str | None) -> None:
    """Nothing can be told."""
    argparse.ArgumentParser(description=about).parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)

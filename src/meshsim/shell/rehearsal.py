"""Room shell: playing a lesson, and checking it against the outputs written in it.

Comes in: a parsed :class:`~meshsim.shell.lesson.Lesson`. Goes out: each step with what it printed, and for
a check the differences. Rule of this file: a lesson runs on a fresh cluster of its own; ids are mapped one
to one over the whole lesson. It knows no files and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from meshsim.errors import BadValue, ScriptError
from meshsim.shell.cluster import Cluster
from meshsim.shell.lesson import Diff, Lesson, Step, compare
from meshsim.shell.result import Result

__all__ = ["Played", "build", "check", "play"]


@attrs.frozen
class Played:
    """One step of a lesson and what it did.

    Attributes:
        step: the command as written.
        result: what it printed, and its exit code.
        diff: how that differs from what is written; None when it was not compared.
    """

    step: Step
    result: Result
    diff: Diff | None = None

    @property
    def text(self) -> str:
        """The step as a terminal shows it."""
        return f"{self.step.prompt}\n{self.result.screen}"


def build(lesson: Lesson) -> Cluster:
    """The cluster a lesson starts with.

    Raises:
        ScriptError: its front matter names an engine, an address or images that cannot be.
    """
    options: dict[str, Any] = {"engine": lesson.engine} if lesson.engine else {}
    if lesson.ties:
        options["ties"] = lesson.ties
    if lesson.epoch_ns is not None:
        options["epoch_ns"] = lesson.epoch_ns
    if lesson.images:
        options["images"] = lesson.images
    try:
        cluster = Cluster(lesson.seed, **options)
        for number, name in enumerate(lesson.hosts):
            cluster.add_host(name, lesson.addresses[number] if number < len(lesson.addresses) else None)
    except BadValue as error:
        raise ScriptError(f"front matter: {error}", source=lesson.source, line=1) from None
    return cluster


def play(lesson: Lesson) -> Iterator[Played]:
    """Run a lesson, step by step.

    Raises:
        ScriptError: its front matter asks for something that cannot be.
    """
    cluster = build(lesson)
    for step in lesson.steps:
        yield Played(step, cluster.machines[step.host].run(step.command))


def check(lesson: Lesson) -> Iterator[Played]:
    """Run a lesson and compare each output with the one written in it.

    Raises:
        ScriptError: its front matter asks for something that cannot be.
    """
    ids = lesson.ids()
    for played in play(lesson):
        yield attrs.evolve(played, diff=compare(played.step.expected, played.result.screen, ids))

r"""Lessons: a Markdown page with commands and the output they should have, as data.

Room shell. In: the text of a page. Out: a frozen :class:`Lesson`, or a ScriptError that names file and
line. Rules of this file: nothing runs and nothing is read from disk; only ``console`` blocks count, the
rest of the page is for people. How outputs are compared is in :mod:`meshsim.shell.compare`.

A block has prompt lines ``host01$ command``; a command goes on behind a ``\`` at a line's end and on lines
that start with ``> ``. The lines up to the next prompt are its output. Front matter is flat
``key: value``: title, hosts, addresses, engine, seed, ties, epoch, images.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import attrs

from meshsim.errors import BadValue, ScriptError
from meshsim.shell.compare import Diff, IdMap, compare
from meshsim.units import parse_time

__all__ = ["Diff", "IdMap", "Lesson", "Step", "compare", "parse_lesson"]

KEYS = ("title", "hosts", "addresses", "engine", "seed", "ties", "epoch", "images")
"""The front matter's keys."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$")
_PROMPT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)\$(?:[ \t]+(.*))?$")
_PAIR = re.compile(r"([A-Za-z_-]+)\s*:(?:\s+(.*))?$")
_WORD = re.compile(r"[0-9A-Za-z]+")


@attrs.frozen
class Step:
    """One command of a lesson.

    Attributes:
        host: the machine whose prompt it stands behind.
        command: the command, continuation lines joined by newlines.
        expected: the output lines.
        line: line of the prompt in the page, from 1.
    """

    host: str
    command: str
    expected: tuple[str, ...]
    line: int

    @property
    def prompt(self) -> str:
        """The command as a terminal shows it, without the last newline."""
        return f"{self.host}$ " + self.command.replace("\n", "\n> ")


@attrs.frozen
class Lesson:
    """A page that can be run.

    Attributes:
        source: what the page is called in messages.
        steps: the commands, in order.
        hosts: the machines; those that prompts name, in order, when the front matter has none.
        title: for people.
        addresses: one for each of the first hosts; others get the cluster's own.
        engine: the profile's name; empty for the default.
        seed: of the cluster.
        ties: ``joined`` or ``seeded``; empty for the default.
        epoch_ns: virtual start, nanoseconds since 1970; None for the default.
        images: the image catalogue's policy; empty for the default.
    """

    source: str
    steps: tuple[Step, ...]
    hosts: tuple[str, ...]
    title: str = ""
    addresses: tuple[str, ...] = ()
    engine: str = ""
    seed: int = 0
    ties: str = ""
    epoch_ns: int | None = None
    images: str = ""

    def words(self) -> tuple[str, ...]:
        """Every word the commands contain: what somebody typed is never an id that differs by run."""
        typed = [*self.hosts, *(word for step in self.steps for word in _WORD.findall(step.command))]
        return tuple(dict.fromkeys(typed))

    def ids(self) -> IdMap:
        """A fresh map of ids for one run of the lesson."""
        return IdMap(self.words())


def parse_lesson(text: str, source: str = "lesson") -> Lesson:
    r"""Read a lesson.

    Args:
        text: the page.
        source: its name, for messages.

    Returns:
        The lesson. O(characters).

    Raises:
        ScriptError: no commands, a prompt of an unknown host, bad front matter, output before any
            command, a block without end.

    >>> lesson = parse_lesson("Ask:\n```console\nhost01$ echo hi\nhi\n```\n")
    >>> lesson.hosts, lesson.steps[0].command, lesson.steps[0].expected
    (('host01',), 'echo hi', ('hi',))
    """
    lines = text.replace("\r\n", "\n").split("\n")
    reader = _Reader(source, lines)
    front = reader.front_matter()
    steps = reader.steps()
    if not steps:
        raise ScriptError(
            "the lesson has no commands (a console block with lines 'host01$ ...')", source=source, line=1
        )
    hosts = _listed(front.get("hosts", (0, ""))[1])
    for step in steps if hosts else ():
        if step.host not in hosts:
            raise reader.problem(step.line, f"unknown host {step.host!r}; the lesson has {', '.join(hosts)}")
    return Lesson(
        source,
        steps,
        hosts or tuple(dict.fromkeys(step.host for step in steps)),
        **reader.settings(front, hosts),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text.strip("[]")) if word)


class _Reader:
    """Walks the lines of one page. Lives for one call."""

    def __init__(self, source: str, lines: list[str]) -> None:
        self.source = source
        self.lines = lines
        self.at = 0

    def problem(self, line: int, message: str) -> ScriptError:
        return ScriptError(message, source=self.source, line=line)

    # -- front matter -----------------------------------------------------------------------------

    def front_matter(self) -> dict[str, tuple[int, str]]:
        """The keys with line and value."""
        front: dict[str, tuple[int, str]] = {}
        if self.lines[0].strip() != "---":
            return front
        for number, line in enumerate(self.lines[1:], start=2):
            if line.strip() == "---":
                self.at = number
                return front
            if line.strip() and not line.startswith("#"):
                key, value = self._pair(number, line.strip())
                if key in front:
                    raise self.problem(number, f"front matter: {key} is given twice")
                front[key] = (number, value)
        raise self.problem(1, "front matter without an end (a line ---)")

    def _pair(self, number: int, line: str) -> tuple[str, str]:
        match = _PAIR.match(line)
        if match is None:
            raise self.problem(number, f"front matter: not 'key: value': {line}")
        if match[1] not in KEYS:
            raise self.problem(number, f"front matter: unknown key {match[1]!r}; known: {', '.join(KEYS)}")
        value = (match[2] or "").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        return match[1], value

    def settings(self, front: Mapping[str, tuple[int, str]], hosts: tuple[str, ...]) -> dict[str, Any]:
        """The values, checked; keys are the lesson's fields."""
        found: dict[str, Any] = {}
        for key, (line, value) in front.items():
            if key == "hosts":
                if not hosts or len(dict.fromkeys(hosts)) < len(hosts):
                    raise self.problem(line, "front matter: hosts needs one or more different names")
            elif key == "addresses":
                found[key] = self._addresses(line, _listed(value), hosts)
            elif key == "seed":
                if not re.fullmatch("-?[0-9]+", value):
                    raise self.problem(line, f"front matter: seed is no whole number: {value}")
                found[key] = int(value)
            elif key == "epoch":
                found["epoch_ns"] = self._epoch(line, value)
            elif key == "ties" and value not in ("joined", "seeded"):
                raise self.problem(line, f"front matter: ties is joined or seeded, not {value!r}")
            else:
                found[key] = value
        return found

    def _addresses(self, line: int, addresses: tuple[str, ...], hosts: tuple[str, ...]) -> tuple[str, ...]:
        if len(addresses) > len(hosts):
            raise self.problem(line, "front matter: more addresses than hosts")
        for address in addresses:
            try:
                ipaddress.IPv4Address(address)
            except ValueError:
                raise self.problem(line, f"front matter: no IPv4 address: {address}") from None
        return addresses

    def _epoch(self, line: int, value: str) -> int:
        try:
            return parse_time(value)
        except BadValue:
            raise self.problem(
                line, f"front matter: epoch is no time like 2021-09-30T07:30:00Z: {value}"
            ) from None

    # -- blocks -----------------------------------------------------------------------------------

    def steps(self) -> tuple[Step, ...]:
        """The commands of all console blocks."""
        steps: list[Step] = []
        while self.at < len(self.lines):
            fence = _FENCE.match(self.lines[self.at])
            self.at += 1
            if fence:
                block = self._block(fence[1])
                if fence[2] == "console":
                    steps += self._commands(*block)
        return tuple(steps)

    def _block(self, mark: str) -> tuple[int, int]:
        """First line of a block and the line behind its last, from 0; moves behind the fence."""
        start = self.at
        closing = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
        while self.at < len(self.lines):
            self.at += 1
            if closing.match(self.lines[self.at - 1]):
                return start, self.at - 1
        raise self.problem(start, f"a block without end (a line {mark})")

    def _commands(self, start: int, end: int) -> list[Step]:
        steps: list[Step] = []
        at = start
        while at < end:
            match = _PROMPT.match(self.lines[at])
            if match is None:
                if self.lines[at].strip():
                    raise self.problem(
                        at + 1, "output without a command: a console block starts with 'host01$ ...'"
                    )
                at += 1
                continue
            line, (command, at) = at + 1, self._whole_command(match[2] or "", at + 1, end)
            output: list[str] = []
            while at < end and not _PROMPT.match(self.lines[at]):
                output.append(self.lines[at])
                at += 1
            while output and not output[-1].strip():
                output.pop()
            if command.strip():
                steps.append(Step(match[1], command, tuple(output), line))
        return steps

    def _whole_command(self, command: str, at: int, end: int) -> tuple[str, int]:
        """Add continuation lines; ``at`` is the line behind the first."""
        while at < end:
            line = self.lines[at]
            goes_on = command.endswith("\\")
            if not (goes_on or line == ">" or line.startswith("> ")):
                break
            command += "\n" + (line[2:] if line.startswith("> ") or line == ">" else line)
            at += 1
        return command, at

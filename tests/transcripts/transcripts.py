"""Transcripts as tests: a text file of sessions, each a list of commands with the output they must have.

``## NAME STATE`` begins a session. A line ``$ command`` or ``host02$ command`` is run; what follows up to
the next one is its output: lines of stdout, then lines of stderr behind ``! ``, then ``[exit N]``. A line
``# host02 fail`` does to a machine what no command can (``recover``, ``stop_engine`` ... likewise). Forms:
``<ID>`` 25 characters, ``<12>`` a cut id, ``<50>`` and ``<43>`` parts of tokens and keys, ``...`` any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from meshsim import Cluster

HERE = Path(__file__).parent
_COMMAND = re.compile(r"(host\d+)?\$ (.*)")
_FAULT = re.compile(r"# (host\d+) (fail|recover|stop_engine|start_engine)")
_EXIT = re.compile(r"\[exit (\d+)\]")
_FORMS = {
    "<ID>": "[0-9a-z]{25}",
    "<12>": "[0-9a-z]{12}",
    "<50>": "[0-9a-z]{50}",
    "<43>": "[A-Za-z0-9+/]{43}",
    "...": "(?s:.*)",
}
_PARTS = re.compile("(" + "|".join(map(re.escape, _FORMS)) + ")")


@frozen
class Step:
    """One command and what it must print; or a fault."""

    host: str
    line: str
    stdout: str = ""
    stderr: str = ""
    code: int = 0
    fault: bool = False


@frozen
class Session:
    """Commands that follow each other, from a given state."""

    name: str
    state: str
    engine: str
    steps: tuple[Step, ...]


def load(name: str) -> list[Session]:
    """Read a file of sessions beside this one."""
    text = (HERE / name).read_text(encoding="utf-8")
    head, *bodies = re.split(r"^## ", text, flags=re.MULTILINE)
    engine = "28"
    if head.startswith("engine: "):
        engine = head.partition("\n")[0].removeprefix("engine: ")
    sessions = []
    for number, body in enumerate(bodies):
        title, _, rest = body.partition("\n")
        if number < len(bodies) - 1:
            rest = rest.removesuffix("\n")  # the blank line between two sessions
        session, state = title.split()
        sessions.append(Session(session, state, engine, tuple(_steps(rest.splitlines()))))
    return sessions


def _steps(lines: list[str]) -> list[Step]:
    steps: list[Step] = []
    at = 0
    while at < len(lines):
        fault = _FAULT.fullmatch(lines[at])
        if fault is not None:
            steps.append(Step(fault[1], fault[2], fault=True))
            at += 1
            continue
        command = _COMMAND.fullmatch(lines[at])
        assert command is not None, f"not a command: {lines[at]}"
        stdout, stderr, code = [], [], 0
        at += 1
        while at < len(lines) and not (_COMMAND.fullmatch(lines[at]) or _FAULT.fullmatch(lines[at])):
            ended = _EXIT.fullmatch(lines[at])
            if ended:
                code = int(ended[1])
            elif lines[at] == "!" or lines[at].startswith("! "):
                stderr.append(lines[at][2:])
            else:
                stdout.append(lines[at])
            at += 1
        steps.append(Step(command[1] or "", command[2], _joined(stdout), _joined(stderr), code))
    return steps


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def fits(expected: str, seen: str) -> bool:
    """Whether a text is as expected, forms allowed."""
    pattern = "".join(_FORMS.get(part, re.escape(part)) for part in _PARTS.split(expected))
    if expected.endswith("...\n"):
        pattern = pattern.removesuffix(re.escape("\n"))
    return re.fullmatch(pattern, seen) is not None


def replay(session: Session, build: Callable[[Session], tuple[Cluster, str]]) -> None:
    """Run a session; the first command that prints something else fails.

    Args:
        session: what to run.
        build: makes the cluster in the session's state, and says at which host it is typed.
    """
    cluster, default = build(session)
    for step in session.steps:
        if step.fault:
            getattr(cluster.host(step.host), step.line)()
            continue
        result = cluster.host(step.host or default).run(step.line)
        where = f"{session.name}: {step.line}"
        assert fits(step.stderr, result.stderr), (
            f"{where}\nwanted stderr:\n{step.stderr}\nseen:\n{result.stderr}"
        )
        assert fits(step.stdout, result.stdout), f"{where}\nwanted:\n{step.stdout}\nseen:\n{result.stdout}"
        assert result.exit == step.code, f"{where}: exit {result.exit}"

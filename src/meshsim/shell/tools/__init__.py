"""Room shell, tools: the programs around docker, run on a machine or inside a container.

Comes in: the words of a command and a :class:`Place`. Goes out: text, exit code and how long it took. A
tool never steps time; who runs it does. Inside a container ``sh -c`` is read by the same shell language
as the lines a user types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from meshsim.cluster.programs import ProgramResult, run_simple
from meshsim.errors import NotModelled
from meshsim.shell.evaluate import Evaluator
from meshsim.shell.result import Result
from meshsim.shell.tools.curl import curl, wget
from meshsim.shell.tools.dig import dig
from meshsim.shell.tools.netns import ip, iptables, ipvsadm, ls, nsenter
from meshsim.shell.tools.ping import ping
from meshsim.shell.tools.place import Flavour, Place
from meshsim.shell.tools.small import cat, date, getent, hostname, nslookup

__all__ = ["TOOLS", "Flavour", "Place", "Tool", "is_tool", "run_program"]

Tool: TypeAlias = Callable[[Sequence[str], Place], ProgramResult]


def _nsenter(args: Sequence[str], place: Place) -> ProgramResult:
    return nsenter(args, place, run_program)


TOOLS: Mapping[str, Tool] = {
    "cat": cat,
    "curl": curl,
    "date": date,
    "dig": dig,
    "getent": getent,
    "hostname": hostname,
    "ip": ip,
    "iptables": iptables,
    "ipvsadm": ipvsadm,
    "ls": ls,
    "nsenter": _nsenter,
    "nslookup": nslookup,
    "ping": ping,
    "wget": wget,
}
"""The tools by name."""


def is_tool(argv: Sequence[str]) -> bool:
    """Whether a command is one of the tools; ``cat`` without a file passes its input on, and is none."""
    return argv[0] in TOOLS and (argv[0] != "cat" or any(word.startswith("/") for word in argv[1:]))


def run_program(argv: Sequence[str], place: Place) -> ProgramResult:
    """Run a program in a place: a tool, ``sh -c``, ``sleep`` and the like; what nobody knows stays up.

    Args:
        argv: the command line as run.
        place: where.

    Returns:
        What it prints, how it ends, how long it runs. What is not modelled says so on stderr, exit 1.
    """
    try:
        if not argv:
            return run_simple(argv)
        name = argv[0].rpartition("/")[2]
        if name in ("sh", "bash", "ash") and len(argv) > 2 and argv[1] == "-c":
            return _Script(place).run(argv[2])
        if name in TOOLS:
            return TOOLS[name](list(argv[1:]), place)
        return run_simple(argv)
    except NotModelled as error:
        return ProgramResult(stderr=f"meshsim: {error}\n", exit_code=1)


class _Script:
    """One ``sh -c``: runs its commands one by one and adds up how long they take."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spent_ns: int | None = 0
        self.exited = False

    def run(self, text: str) -> ProgramResult:
        done = Evaluator(self._command).run_line(text)
        return ProgramResult(done.stdout, done.stderr, done.exit, self.spent_ns)

    def _command(self, argv: list[str], stdin: str, _env: Mapping[str, str]) -> Result:
        from meshsim.shell.filters import FILTERS  # the filters of pipes, shared with the outer shell

        if self.exited or self.spent_ns is None:
            return Result(exit=0)
        if argv[0] == "exec":
            argv = argv[1:]
        if argv and argv[0] in FILTERS and not is_tool(argv):
            return FILTERS[argv[0]](argv[1:], stdin)
        self.exited = argv[:1] == ["exit"]
        ran = run_program(argv, self.place)
        self.spent_ns = None if ran.duration_ns is None else self.spent_ns + ran.duration_ns
        return Result(ran.stdout, ran.stderr, ran.exit_code)

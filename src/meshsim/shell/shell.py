"""The shell of one machine: lines in, text out.

Room shell. In: command lines. Out: :class:`~meshsim.shell.result.Result`. Rules of this file: it looks up
who runs a command and lets the time pass that programs take; it never raises but for a broken call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshsim.cluster import Host
from meshsim.cluster.programs import run_simple
from meshsim.errors import ClockBusy, MeshsimError, NotModelled
from meshsim.shell.docker import run_docker
from meshsim.shell.evaluate import Evaluator
from meshsim.shell.filters import FILTERS
from meshsim.shell.places import MachinePlace
from meshsim.shell.remote import SSH_FAILED, ssh
from meshsim.shell.result import Result
from meshsim.shell.systemctl import systemctl
from meshsim.shell.tools import TOOLS, is_tool, run_program
from meshsim.shell.tools.netns import NETNS

if TYPE_CHECKING:
    from meshsim.cluster import Machine

__all__ = ["Session", "Shell"]

#: words of programs that :func:`meshsim.cluster.programs.run_simple` knows
_SIMPLE = ("true", "false", "sleep", ":", "sh", "bash", "ash")
NOT_FOUND = 127


class Session:
    """What all shells of a cluster share: what was said once."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Session {len(self._said)} things said>"

    def told(self, what: str) -> bool:
        """Whether this was said before; from now on it was."""
        before = what in self._said
        self._said[what] = None
        return before


class Shell:
    r"""A machine's shell: variables, known hosts, and the commands there are.

    Args:
        machine: where it runs; on a machine without engine ``docker`` is not found.
        session: shared by all shells of a cluster; its own when None.

    >>> from meshsim.cluster import Cluster
    >>> shell = Shell(Cluster().add_host("host01"))
    >>> shell.run("docker swarm leave").stderr
    'Error response from daemon: This node is not part of a swarm\n'
    >>> shell.run("frobnicate").exit
    127
    """

    def __init__(self, machine: Machine, session: Session | None = None) -> None:
        self.machine = machine
        self.session = session or Session()
        self.known_hosts: dict[str, None] = {}
        self._evaluator = Evaluator(self._command, {"HOSTNAME": machine.name}, self._paths)

    def __repr__(self) -> str:
        return f"<Shell of {self.machine.name}>"

    @property
    def variables(self) -> Mapping[str, str]:
        """The shell's variables."""
        return self._evaluator.variables

    def run(self, line: str, stdin: str = "") -> Result:
        """Run a line and let the time pass that it takes.

        Args:
            line: one line, or several.
            stdin: what the first command reads.

        Returns:
            What it printed; everything that goes wrong is in there.

        Raises:
            ClockBusy: called from inside a timer.
        """
        try:
            return self._evaluator.run_line(line, stdin)
        except ClockBusy:
            raise
        except MeshsimError as error:
            return Result("", f"meshsim: {error}\n", 1)

    def _paths(self) -> list[str]:
        """The files that words with ``*`` can stand for: the engine's namespaces."""
        return [f"{folder}/{name}" for folder in NETNS for name in MachinePlace(self.machine).namespaces]

    def _command(self, argv: list[str], stdin: str, env: Mapping[str, str]) -> Result:
        """Run one command of a line (the evaluator calls back)."""
        name, *args = argv
        if isinstance(self.machine, Host) and not self.machine.up:
            return Result("", f"meshsim: {self.machine.name} has no power\n", SSH_FAILED)
        try:
            if name == "docker" and isinstance(self.machine, Host):
                return run_docker(self.machine, args, self.session, stdin=stdin, env=env)
            if name == "systemctl" and isinstance(self.machine, Host):
                return systemctl(self.machine, args)
            if name == "ssh":
                return ssh(self.machine, args, self.known_hosts, _run_there)
            if name in FILTERS and not is_tool(argv):
                return FILTERS[name](args, stdin)
            if name in TOOLS or name in _SIMPLE:
                return self._program(argv)
        except NotModelled as error:
            return Result("", f"meshsim: {error}\n", 1)
        return Result("", f"bash: {name}: command not found\n", NOT_FOUND)

    def _program(self, argv: list[str]) -> Result:
        ran = run_program(argv, MachinePlace(self.machine)) if argv[0] in TOOLS else run_simple(argv)
        if ran.duration_ns is None:
            raise NotModelled(f"a program that never ends ({' '.join(argv)}) cannot be run in this shell")
        self.machine.cluster.step(ran.duration_ns)
        return Result(ran.stdout, ran.stderr, ran.exit_code)


def _run_there(machine: Machine, line: str) -> Result:
    """Run a line in another machine's shell."""
    result: Result = machine.cluster.shell(machine).run(line)
    return result

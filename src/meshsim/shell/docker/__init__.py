"""Room shell, docker: one file per command group, and the table of all commands.

Comes in: the words of a docker command line. Goes out: a :class:`~meshsim.shell.result.Result`; whatever is
wrong becomes docker's own text and exit code, never a traceback. Read ``common`` first, then any group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from meshsim.errors import (
    ApiError,
    ClockBusy,
    MeshsimError,
    NotModelled,
    TemplateProblem,
    UsageProblem,
)
from meshsim.shell.docker.common import Call, Entry, Group, Memory, engine_said
from meshsim.shell.docker.container import CONTAINER, PULL
from meshsim.shell.docker.files import CONFIG, SECRET
from meshsim.shell.docker.network import NETWORK
from meshsim.shell.docker.node import NODE
from meshsim.shell.docker.service import SERVICE
from meshsim.shell.docker.swarm import SWARM
from meshsim.shell.docker.system import SYSTEM
from meshsim.shell.flags import parse
from meshsim.shell.result import Result
from meshsim.shell.usage import group_help, help_text
from meshsim.shell.wording import CliTexts

if TYPE_CHECKING:
    from meshsim.cluster import Host

__all__ = ["GROUPS", "TOP", "run_docker"]

GROUPS: dict[str, Group] = {
    group.name: group for group in (CONFIG, CONTAINER, NETWORK, NODE, SECRET, SERVICE, SWARM)
}
"""The groups by name."""

#: commands of ``docker container`` that also stand alone
_SHORT = ("exec", "kill", "logs", "pause", "restart", "rm", "run", "start", "stop", "unpause", "wait")


def _alone(entry: Entry, name: str) -> Entry:
    """A command of a group under its short path."""
    return evolve(entry, command=evolve(entry.command, path=f"docker {name}", aliases=(entry.command.path,)))


TOP: dict[str, Entry] = {
    entry.command.path.removeprefix("docker "): entry
    for entry in (*SYSTEM, PULL)
} | {
    name: _alone(entry, name)
    for entry in CONTAINER.entries
    for name in (entry.command.path.rpartition(" ")[2],)
    if name in _SHORT
} | {
    "ps": next(_alone(entry, "ps") for entry in CONTAINER.entries if entry.command.path.endswith(" ls"))
}  # fmt: skip
"""The commands without a group, by name."""

#: real commands and groups that meshsim does not have
_UNMODELLED = (
    "attach",
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "commit",
    "compose",
    "context",
    "cp",
    "create",
    "diff",
    "export",
    "history",
    "image",
    "images",
    "import",
    "load",
    "login",
    "logout",
    "manifest",
    "plugin",
    "port",
    "push",
    "rename",
    "rmi",
    "save",
    "search",
    "stack",
    "stats",
    "system",
    "tag",
    "top",
    "trust",
    "update",
    "volume",
)
_GLOBAL_SWITCHES = ("-D", "--debug", "--tls", "--tlsverify")
_GLOBAL_VALUES = ("-H", "--host", "-c", "--context", "-l", "--log-level", "--config")


def run_docker(
    host: Host, words: Sequence[str], memory: Memory, *, stdin: str = "", env: Mapping[str, str] | None = None
) -> Result:
    """Run a docker command line.

    Args:
        host: the machine.
        words: what follows ``docker``.
        memory: what the session remembers.
        stdin: what a pipe brings.
        env: exported variables.

    Returns:
        What it printed and its exit code.
    """
    texts = CliTexts(host.profile.cli_usage, host.profile.cli_port_error_case)
    try:
        rest = _after_globals(list(words))
        if rest and rest[0] in ("-v", "--version"):
            profile = host.profile
            return Result(f"Docker version {profile.engine_version}, build {profile.engine_build}\n")
        if not rest or rest[0] in ("--help", "help"):
            return Result(_top_help())
        entry, arguments = _find(rest, texts)
        if isinstance(entry, Result):
            return entry
        return _run(host, entry, arguments, texts, memory, stdin, env or {})
    except UsageProblem as error:
        return Result("", f"{error}\n", error.exit_code)
    except NotModelled as error:
        return Result("", f"meshsim: {str(error).removeprefix('meshsim: ')}\n", 1)


def _run(
    host: Host,
    entry: Entry,
    arguments: list[str],
    texts: CliTexts,
    memory: Memory,
    stdin: str,
    env: Mapping[str, str],
) -> Result:
    parsed = parse(entry.command, arguments, texts)
    if parsed.help:
        return Result(help_text(entry.command), parsed.notes)
    call = Call(host, entry.command, parsed, texts, memory, stdin, env)
    try:
        host.engine.check_running()
        return entry.run(call)
    except (UsageProblem, NotModelled, ClockBusy):
        raise
    except TemplateProblem as error:
        return Result("", f"{error}\n", 1)
    except (ApiError, MeshsimError) as error:
        return Result("", engine_said(error), error.exit_code)


def _after_globals(words: list[str]) -> list[str]:
    """Take docker's own flags off the front."""
    while words and words[0].startswith("-"):
        name, equals, _ = words[0].partition("=")
        if name in _GLOBAL_SWITCHES:
            words = words[1:]
        elif name in ("-H", "--host", "-c", "--context"):
            raise NotModelled(f"docker {name} is not modelled: use ssh, or the other machine's shell")
        elif name in _GLOBAL_VALUES:
            words = words[1 if equals else 2 :]
        else:
            break
    return words


def _find(words: list[str], texts: CliTexts) -> tuple[Entry | Result, list[str]]:
    """The command the words begin with, or the text to print instead."""
    first, *rest = words
    if first in TOP:
        return TOP[first], rest
    group = GROUPS.get(first)
    if group is None:
        if first in _UNMODELLED:
            raise NotModelled(f"docker {first} is not modelled")
        raise texts.unknown_command("docker", first)
    text = _group_help(group)
    if not rest:
        return Result("", text), []
    if rest[0] in ("--help", "-h"):
        return Result(text), []
    for entry in group.entries:
        names = [entry.command.path, *entry.command.aliases]
        if f"docker {first} {rest[0]}" in names:
            return entry, rest[1:]
    raise texts.unknown_command(f"docker {first}", rest[0], group_help=text)


def _group_help(group: Group) -> str:
    named = [(entry.command.path.rpartition(" ")[2], entry.command.summary) for entry in group.entries]
    return group_help(f"docker {group.name}", group.summary, sorted(named))


def _top_help() -> str:
    commands = [(name, entry.command.summary) for name, entry in TOP.items()]
    commands += [(group.name, group.summary) for group in GROUPS.values()]
    return group_help("docker", "A self-sufficient runtime for containers", sorted(commands))

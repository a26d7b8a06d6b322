"""``docker container`` and its short forms: run, ps, exec, logs, stop, kill, rm, wait, inspect.

Room shell, docker. In: parsed command lines. Out: text. Rules of this file: flags and texts only.

Source: docker/cli cli/command/container/*.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshsim.cluster.images import familiar
from meshsim.errors import BadValue, NotFound, NotModelled
from meshsim.shell.docker.common import (
    FORMAT,
    INSPECT_FORMAT,
    Call,
    Entry,
    Group,
    Inspection,
    each,
    engine_said,
    filters_of,
    inspected,
    listed,
    quiet,
)
from meshsim.shell.docker.container_flags import RUN_FLAGS
from meshsim.shell.docker.logs import LOG_FLAGS, container_logs
from meshsim.shell.docker.pulling import pull_text
from meshsim.shell.docker.run import run_container, run_inside
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.views import filters, rows, shapes

if TYPE_CHECKING:
    from meshsim.cluster import ContainerHandle

__all__ = ["CONTAINER"]

# -- looking


def _ps(call: Call) -> Result:
    wishes = filters_of(call, "container")
    everything = (
        call["all"] or call["latest"] or call["last"] > 0 or bool({"status", "exited"} & wishes.keys())
    )
    facts = [handle.record for handle in call.host.containers.list(all=everything)]
    facts = [one for one in facts if filters.fits_container(one, wishes)]
    wanted = 1 if call["latest"] else call["last"]
    if wanted > 0:
        facts = facts[:wanted]
    lines = [
        rows.container_row(
            one,
            now_ns=call.now_ns,
            epoch_ns=call.epoch_ns,
            trunc=not call["no-trunc"],
            brackets=call.profile.cli_ipv6_ports == "bracketed",
        )
        for one in facts
    ]
    return listed(call, "container", lines)


def _inspect(call: Call) -> Result:
    def shape(handle: ContainerHandle) -> Any:
        return shapes.container(handle.record, epoch_ns=call.epoch_ns)

    return inspected(
        call,
        Inspection(
            call.host.containers.get,
            bad_template_exit=64,
            wraps=False,
            refused=lambda name: f"Error response from daemon: No such container: {name}",
            shape=shape,
        ),
    )


def _logs(call: Call) -> Result:
    return container_logs(call, call.host.containers.get(call.operands[0]).container.log)


# -- ending


def _stop(call: Call) -> Result:
    def stop(name: str) -> str:
        grace_ns = call["time"] * 1_000_000_000 if call.typed("time") else 10_000_000_000
        call.host.containers.get(name).stop(grace_ns)
        return name

    return each(call.operands, stop)


def _kill(call: Call) -> Result:
    if call["signal"].upper().removeprefix("SIG") not in ("", "KILL", "9"):
        raise NotModelled(f"docker kill --signal {call['signal']} is not modelled, only KILL is")

    def kill(name: str) -> str:
        handle = call.host.containers.get(name)
        if not handle.container.running:
            raise NotFound(f"cannot kill container: {name}: container {handle.id} is not running")
        handle.crash(137)
        return name

    return each(call.operands, kill)


def _rm(call: Call) -> Result:
    def remove(name: str) -> str:
        try:
            call.host.containers.get(name).remove(force=call["force"])
        except NotFound as error:
            if not call["force"]:
                raise
            missing.append(engine_said(error))
            return ""
        return name

    missing: list[str] = []
    done = each(call.operands, remove)
    # with --force a container that is not there is told of, and is no failure
    told = "".join(missing)
    return Result(done.stdout, done.stderr + told, done.exit, screen=done.screen + told)


def _wait(call: Call) -> Result:
    def wait(name: str) -> str:
        handle = call.host.containers.get(name)
        container = handle.container
        call.host.containers._wait(container)
        return str(container.exit_code)

    return each(call.operands, wait)


def _not_modelled(call: Call) -> Result:
    raise NotModelled(f"{call.command.path} is not modelled")


def _pull(call: Call) -> Result:
    image = call.operands[0]
    if call.host.cluster.images.find(image) is None:
        raise BadValue(
            f"Error response from daemon: pull access denied for {image}, repository does not exist", image
        )
    text = pull_text(call.host, image).partition("\n")[2]
    named = image if ":" in image else f"{image}:latest"
    call.host.engine.pulled[named] = None
    repository = named if "/" in named else f"library/{named}"
    return Result(
        f"{text}docker.io/{repository}\n"
        if text
        else f"Status: Image is up to date for {familiar(named)}\ndocker.io/{repository}\n"
    )


def _simple(name: str, synopsis: str, summary: str, run: Any, *flags: Flag, most: int | None = None) -> Entry:
    return Entry(Command(f"docker container {name}", synopsis, summary, flags, 1, most), run)


CONTAINER = Group(
    "container",
    "Manage containers",
    (
        Entry(
            Command(
                "docker container exec",
                "[OPTIONS] CONTAINER COMMAND [ARG...]",
                "Execute a command in a running container",
                (
                    Flag("detach", "bool", "d", help="Detached mode: run command in the background"),
                    Flag("env", "list", "e", help="Set environment variables"),
                    Flag("interactive", "bool", "i", help="Keep STDIN open even if not attached"),
                    Flag("tty", "bool", "t", help="Allocate a pseudo-TTY"),
                    Flag("user", short="u", help='Username or UID (format: "<name|uid>[:<group|gid>]")'),
                    Flag("workdir", short="w", help="Working directory inside the container"),
                ),
                2,
                None,
                mixes=False,
            ),
            run_inside,
        ),
        _simple(
            "inspect",
            "[OPTIONS] CONTAINER [CONTAINER...]",
            "Display detailed information on one or more containers",
            _inspect,
            INSPECT_FORMAT,
        ),
        _simple(
            "kill",
            "[OPTIONS] CONTAINER [CONTAINER...]",
            "Kill one or more running containers",
            _kill,
            Flag("signal", short="s", help="Signal to send to the container"),
        ),
        _simple("logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container", _logs, *LOG_FLAGS, most=1),
        Entry(
            Command(
                "docker container ls",
                "[OPTIONS]",
                "List containers",
                (
                    Flag("all", "bool", "a", help="Show all containers (default shows just running)"),
                    Flag("filter", "filter", "f", help="Filter output based on conditions provided"),
                    FORMAT,
                    Flag(
                        "last",
                        "int",
                        "n",
                        default=-1,
                        help="Show n last created containers (includes all states)",
                    ),
                    Flag(
                        "latest", "bool", "l", help="Show the latest created container (includes all states)"
                    ),
                    Flag("no-trunc", "bool", help="Don't truncate output"),
                    quiet("Only display container IDs"),
                    Flag("size", "bool", "s", help="Display total file sizes"),
                ),
                aliases=("docker container list", "docker container ps", "docker ps"),
            ),
            _ps,
        ),
        _simple(
            "pause",
            "CONTAINER [CONTAINER...]",
            "Pause all processes within one or more containers",
            _not_modelled,
        ),
        _simple(
            "restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", _not_modelled
        ),
        _simple(
            "rm",
            "[OPTIONS] CONTAINER [CONTAINER...]",
            "Remove one or more containers",
            _rm,
            Flag("force", "bool", "f", help="Force the removal of a running container (uses SIGKILL)"),
            Flag("volumes", "bool", "v", help="Remove anonymous volumes associated with the container"),
        ),
        Entry(
            Command(
                "docker container run",
                "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                "Create and run a new container from an image",
                RUN_FLAGS,
                1,
                None,
                mixes=False,
                aliases=("docker run",),
            ),
            run_container,
        ),
        _simple(
            "start",
            "[OPTIONS] CONTAINER [CONTAINER...]",
            "Start one or more stopped containers",
            _not_modelled,
        ),
        _simple(
            "stop",
            "[OPTIONS] CONTAINER [CONTAINER...]",
            "Stop one or more running containers",
            _stop,
            Flag("time", "int", "t", help="Seconds to wait before killing the container"),
        ),
        _simple(
            "unpause",
            "CONTAINER [CONTAINER...]",
            "Unpause all processes within one or more containers",
            _not_modelled,
        ),
        _simple(
            "wait",
            "CONTAINER [CONTAINER...]",
            "Block until one or more containers stop, then print their exit codes",
            _wait,
        ),
    ),
)
"""The group's commands; ``docker ps``, ``docker run`` ... are the same ones."""

PULL = Entry(
    Command(
        "docker pull",
        "[OPTIONS] NAME[:TAG|@DIGEST]",
        "Download an image from a registry",
        (Flag("quiet", "bool", "q", help="Suppress verbose output"),),
        1,
        1,
    ),
    _pull,
)
"""``docker pull``."""

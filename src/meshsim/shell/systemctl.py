"""``systemctl``: the machine's docker engine, off and on.

Room shell. In: the words of the command. Out: what it printed. Rules of this file: one unit is known, docker
(there is no docker.socket, which on some distributions starts the engine again with the next command); the
command returns when the engine has ended, or is ready.

Source: systemd src/systemctl (verbs, exit codes 3 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshsim.errors import NotModelled
from meshsim.shell.result import Result

if TYPE_CHECKING:
    from meshsim.cluster import Host

__all__ = ["systemctl"]

_DOCKER = ("docker", "docker.service")
_VERBS = ("start", "stop", "restart", "is-active")
INACTIVE, NOT_LOADED = 3, 5


def systemctl(host: Host, args: Sequence[str]) -> Result:
    """Stop, start or restart the engine, or say whether it runs.

    Args:
        host: the machine.
        args: the verb and the unit.

    Returns:
        What it printed and its exit code.
    """
    words = [word for word in args if not word.startswith("-")]
    if len(words) != 2 or words[0] not in _VERBS:
        typed = " ".join(("systemctl", *args))
        raise NotModelled(f"{typed} is not modelled, only {', '.join(_VERBS)} of docker are")
    verb, unit = words
    known = unit in _DOCKER
    if verb == "is-active":
        active = known and host.engine.running
        return Result("active\n") if active else Result("inactive\n", exit=INACTIVE)
    if not known:
        name = unit if "." in unit else f"{unit}.service"
        state = "loaded" if verb == "stop" else "found"
        return Result("", f"Failed to {verb} {name}: Unit {name} not {state}.\n", NOT_LOADED)
    if verb != "start":
        _stop(host)
    if verb != "stop":
        _start(host)
    return Result()


def _stop(host: Host) -> None:
    host.cluster.clock.guard()
    host.stop_engine()
    if host.member is not None:
        host.member.await_idle()


def _start(host: Host) -> None:
    """A start is over when the engine answers: its node is ready, or was not within 20 s."""
    host.cluster.clock.guard()
    host.start_engine()
    if host.member is not None and not host.member.lock:
        host.member.await_active()

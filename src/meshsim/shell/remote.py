"""``ssh``: a line for another machine's shell.

Room shell. In: the words of the command. Out: what the other shell printed. Rule of this file: the first
connection to an address adds its key to this machine's list and says so; keys themselves are not modelled.

Source: OpenSSH ssh.c, sshconnect.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meshsim.errors import NameNotResolved, NotModelled
from meshsim.shell.result import Result

if TYPE_CHECKING:
    from meshsim.cluster import Machine

__all__ = ["SSH_FAILED", "ssh"]

#: as ssh exits when it fails itself, or the other machine does not answer
SSH_FAILED = 255
#: options that take a value
_VALUES = "BbcDEeFIiJLlmOopQRSWw"


def ssh(
    machine: Machine, args: Sequence[str], known: dict[str, None], run: Callable[[Machine, str], Result]
) -> Result:
    """Run a line on another machine.

    Args:
        machine: where ssh is called.
        args: options, the host, the line's words.
        known: addresses this machine has seen; a new one is added.
        run: runs a line in a machine's shell.

    Returns:
        What the line printed and its exit code; 255 when the machine cannot be reached.
    """
    words = list(args)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option[1:2] in _VALUES and len(option) == 2 and words:
            words.pop(0)
    if not words:
        return Result("", "usage: ssh [options] destination [command [argument ...]]\n", SSH_FAILED)
    target, *line = words
    name = target.rpartition("@")[2]
    try:
        address = machine.cluster.first_address(name)
    except NameNotResolved:
        text = f"ssh: Could not resolve hostname {name}: Name or service not known\n"
        return Result("", text, SSH_FAILED)
    cluster = machine.cluster
    other = cluster.machines.get(cluster.machine_at(address) or "")
    if other is None or not cluster.links.reaches(machine.name, other.name):
        return Result("", f"ssh: connect to host {name} port 22: No route to host\n", SSH_FAILED)
    if not line:
        raise NotModelled("ssh without a command is not modelled: give the line to run")
    warning = ""
    if name not in known:
        known[name] = None
        kind = cluster.profile.ssh_key_type
        warning = f"Warning: Permanently added '{name}' ({kind}) to the list of known hosts.\n"
    return Result("", warning) + run(other, " ".join(line))

"""``docker run`` and ``docker exec``: programs in containers, and what comes back from them.

Room shell, docker. In: parsed command lines. Out: what the program printed, and its exit code. Rule of this
file: a foreground program is waited for in virtual time, as long as a user would.

Source: docker/cli cli/command/container/run.go, create.go, exec.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshsim.errors import ApiError, Forbidden, NotModelled
from meshsim.shell.docker.common import Call, engine_said, network_text, port_text, unknown_image
from meshsim.shell.docker.container_flags import UNMODELLED_RUN_FLAGS
from meshsim.shell.docker.pulling import pull_text
from meshsim.shell.places import ContainerPlace
from meshsim.shell.result import Result
from meshsim.shell.tools import run_program
from meshsim.units import Port, PortMapping

if TYPE_CHECKING:
    from meshsim.cluster import ContainerHandle

__all__ = ["run_container", "run_inside"]

#: an image's name with a capital in its repository
_REFERENCE = re.compile(r"[^@:]*[A-Z]")


def run_container(call: Call) -> Result:
    """``docker run``."""
    image, *command = call.operands
    refusal = _refused(call, image)
    if refusal:
        return refusal
    pulled = unknown_image(call, image)
    if call["pull"] != "never":
        pulled += pull_text(call.host, image, quiet=call["quiet"])
    try:
        handle = call.host.containers.run(
            image,
            tuple(command),
            name=call["name"] or None,
            network=tuple(network_text(choice) for choice in (*call["network"], *call["net"])),
            network_alias=tuple(call["network-alias"]),
            ip=call["ip"],
            dns=tuple(call["dns"]),
            dns_search=tuple(call["dns-search"]),
            dns_option=tuple(call["dns-option"]),
            detach=True,
            remove=call["rm"],
            hostname=call["hostname"],
            env=tuple(filter(None, map(call.env_entry, call["env"]))),
            label=call["label"],
            publish=_published(call),
            entrypoint=call["entrypoint"],
        )
    except ApiError as error:
        # a network is attached when the container starts: too late for the hint of the classic texts
        hint = not isinstance(error, Forbidden)
        text = str(call.texts.run_refused(engine_said(error).rstrip("\n"), hint=hint))
        return Result("", f"{pulled}{text}\n", 125)
    if call["detach"]:
        return Result(f"{handle.id}\n", pulled)
    return Result("", pulled) + _foreground(call, handle)


def _refused(call: Call, image: str) -> Result | None:
    """What the command line refuses by itself."""
    for name in UNMODELLED_RUN_FLAGS:
        if call.typed(name):
            raise NotModelled(f"docker run --{name} is not modelled")
    if call["restart"] != "no":
        if call["rm"]:
            problem = call.texts.run_refused("conflicting options: cannot specify both --restart and --rm")
            return Result("", f"{problem}\n", 125)
        raise NotModelled("docker run --restart is not modelled")
    if _REFERENCE.match(image):
        shown = image if "/" in image else f"library/{image}"
        sentence = f"invalid reference format: repository name ({shown.partition(':')[0]}) must be lowercase"
        return Result("", f"{call.texts.run_refused(sentence)}\n", 125)
    if call["tty"] and call["interactive"] and not call["detach"]:
        return Result("", "the input device is not a TTY\n", 1)
    return None


def _published(call: Call) -> tuple[str, ...]:
    """The ports of ``-p``, in the form services have; addresses and choices are not modelled."""
    mappings: list[PortMapping] = [mapping for group in call["publish"] for mapping in group]
    for mapping in mappings:
        if mapping.host_ip not in ("", "0.0.0.0") or mapping.host_port_end > mapping.host_port:  # noqa: S104
            raise NotModelled("docker run -p with an address or a range to choose from is not modelled")
    return tuple(
        port_text(Port(mapping.container_port, mapping.host_port, mapping.protocol.lower(), "host"))
        for mapping in mappings
    )


def _foreground(call: Call, handle: ContainerHandle) -> Result:
    """Wait until the program ends; what it printed, and its exit code."""
    container = handle.container
    call.host.containers._wait(container)
    return Result(
        "".join(f"{text}\n" for _, stream, text in container.log if stream == "stdout"),
        "".join(f"{text}\n" for _, stream, text in container.log if stream == "stderr"),
        container.exit_code,
    )


def run_inside(call: Call) -> Result:
    """``docker exec``."""
    name, *argv = call.operands
    handle = call.host.containers.get(name)
    container = handle.container
    if not container.running:
        return Result("", f"Error response from daemon: container {container.id} is not running\n", 1)
    ran = run_program(argv, ContainerPlace(call.host, container))
    if ran.duration_ns is None:
        raise NotModelled(
            f"a program that never ends, or that meshsim does not know ({' '.join(argv)}), "
            "cannot be run by docker exec"
        )
    if call["detach"]:
        return Result()
    call.host.cluster.step(ran.duration_ns)
    return Result(ran.stdout, ran.stderr, ran.exit_code)

"""The flags of ``docker run``, as a table.

Room shell, docker. Rule of this file: data only. Source: docker/cli cli/command/container/opts.go addFlags.
"""

from __future__ import annotations

from meshsim.shell.flags import Flag
from meshsim.units import parse_port_mapping

__all__ = ["RUN_FLAGS", "UNMODELLED_RUN_FLAGS"]

UNMODELLED_RUN_FLAGS = (
    "add-host",
    "cap-add",
    "cap-drop",
    "cpus",
    "gpus",
    "health-cmd",
    "link",
    "memory",
    "mount",
    "privileged",
    "publish-all",
    "sysctl",
    "tmpfs",
    "ulimit",
    "volume",
)
"""Flags whose effect is not simulated; using one says so."""

RUN_FLAGS = (
    Flag("detach", "bool", "d", help="Run container in background and print container ID"),
    Flag("dns", "ip", help="Set custom DNS servers"),
    Flag("dns-option", "list", help="Set DNS options"),
    Flag("dns-search", "list", help="Set custom DNS search domains"),
    Flag("entrypoint", help="Overwrite the default ENTRYPOINT of the image"),
    Flag("env", "list", "e", help="Set environment variables"),
    Flag("hostname", short="h", help="Container host name"),
    Flag("init", "bool", help="Run an init inside the container that forwards signals and reaps processes"),
    Flag("interactive", "bool", "i", help="Keep STDIN open even if not attached"),
    Flag("ip", help="IPv4 address (e.g., 172.30.100.104)"),
    Flag("label", "list", "l", help="Set meta data on a container"),
    Flag("name", help="Assign a name to the container"),
    Flag("network", "network", help="Connect a container to a network"),
    Flag("net", "network", hidden=True),
    Flag("network-alias", "list", help="Add network-scoped alias for the container"),
    Flag("publish", "list", "p", parser=parse_port_mapping, help="Publish a container's port(s) to the host"),
    Flag("pull", default="missing", help='Pull image before running ("always", "missing", "never")'),
    Flag("quiet", "bool", "q", help="Suppress the pull output"),
    Flag("restart", default="no", help="Restart policy to apply when a container exits"),
    Flag(
        "rm",
        "bool",
        help="Automatically remove the container and its associated anonymous volumes when it exits",
    ),
    Flag("tty", "bool", "t", help="Allocate a pseudo-TTY"),
    Flag("user", short="u", help='Username or UID (format: "<name|uid>[:<group|gid>]")'),
    Flag("workdir", short="w", help="Working directory inside the container"),
    Flag("publish-all", "bool", "P", hidden=True),
    Flag("privileged", "bool", hidden=True),
    Flag("volume", "list", "v", hidden=True),
    Flag("memory", "bytes", "m", hidden=True),
    *(
        Flag(name, "list", hidden=True)
        for name in UNMODELLED_RUN_FLAGS
        if name not in ("publish-all", "privileged", "volume", "memory")
    ),
)
"""``docker run``."""

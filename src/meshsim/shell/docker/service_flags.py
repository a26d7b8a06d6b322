"""The flags of ``docker service create`` and ``update``, as tables.

Room shell, docker. In: nothing. Out: tuples of :class:`~meshsim.shell.flags.Flag`. Rule of this file: data
only. Flags that docker knows and meshsim does not simulate are in :data:`UNMODELLED`.

Source: docker/cli cli/command/service/opts.go addServiceFlags, create.go, update.go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meshsim.cluster.specvalues import file_of, generic_word, mount_of
from meshsim.shell.flags import Flag
from meshsim.units import SECOND

__all__ = ["CREATE_FLAGS", "OWN_FLAGS", "UNMODELLED", "UPDATE_FLAGS", "WAIT_FLAGS"]

WAIT_FLAGS = (
    Flag("detach", "bool", "d", help="Exit immediately instead of waiting for the service to converge"),
    Flag("quiet", "bool", "q", help="Suppress progress output"),
)


def _rollout(kind: str, noun: str, pause: str, done: str) -> tuple[Flag, ...]:
    """The six flags of updates, or of rollbacks."""
    return (
        Flag(f"{kind}-delay", "duration", help=f"Delay between {noun} (ns|us|ms|s|m|h)"),
        Flag(f"{kind}-failure-action", default="pause", help=f"Action on {kind} failure ({pause})"),
        Flag(f"{kind}-max-failure-ratio", "float", help=f"Failure rate to tolerate during {kind}"),
        Flag(
            f"{kind}-monitor",
            "duration",
            default=5 * SECOND,
            help=f"Duration after each task {kind} to monitor for failure (ns|us|ms|s|m|h)",
        ),
        Flag(
            f"{kind}-order",
            default="stop-first",
            help=f'{kind.capitalize()} order ("start-first", "stop-first")',
        ),
        Flag(
            f"{kind}-parallelism",
            "uint",
            default=1,
            help=f"Maximum number of tasks {done} simultaneously (0 for all at once)",
        ),
    )


_ROLLOUT = (
    *_rollout("update", "updates", '"pause", "continue", "rollback"', "updated"),
    *_rollout("rollback", "task rollbacks", '"pause", "continue"', "rolled back"),
)

_SHARED = (
    *WAIT_FLAGS,
    *_ROLLOUT,
    Flag("endpoint-mode", default="vip", help="Endpoint mode (vip or dnsrr)"),
    Flag("entrypoint", "str", type_name="command", help="Overwrite the default ENTRYPOINT of the image"),
    Flag("health-cmd", help="Command to run to check health"),
    Flag("health-interval", "duration", help="Time between running the check (ms|s|m|h)"),
    Flag("health-retries", "int", help="Consecutive failures needed to report unhealthy"),
    Flag(
        "health-start-interval",
        "duration",
        help="Time between running the check during the start period (ms|s|m|h)",
    ),
    Flag(
        "health-start-period",
        "duration",
        help="Start period for the container to initialize before counting retries towards unstable "
        "(ms|s|m|h)",
    ),
    Flag("health-timeout", "duration", help="Maximum time to allow one check to run (ms|s|m|h)"),
    Flag("hostname", help="Container hostname"),
    Flag(
        "init", "bool", help="Use an init inside each service container to forward signals and reap processes"
    ),
    Flag("limit-cpu", "cpus", help="Limit CPUs"),
    Flag("limit-memory", "bytes", help="Limit Memory"),
    Flag("log-driver", help="Logging driver for service"),
    Flag(
        "max-concurrent", "uint", help="Number of job tasks to run concurrently (default equal to --replicas)"
    ),
    Flag("no-healthcheck", "bool", help="Disable any container-specified HEALTHCHECK"),
    Flag(
        "no-resolve-image",
        "bool",
        help="Do not query the registry to resolve image digest and supported platforms",
    ),
    Flag("read-only", "bool", help="Mount the container's root filesystem as read only"),
    Flag("replicas", "uint", help="Number of tasks"),
    Flag("replicas-max-per-node", "uint", help="Maximum number of tasks per node (default 0 = unlimited)"),
    Flag("reserve-cpu", "cpus", help="Reserve CPUs"),
    Flag("reserve-memory", "bytes", help="Reserve Memory"),
    Flag(
        "restart-condition", default="any", help='Restart when condition is met ("none", "on-failure", "any")'
    ),
    Flag(
        "restart-delay",
        "duration",
        default=5 * SECOND,
        help="Delay between restart attempts (ns|us|ms|s|m|h)",
    ),
    Flag("restart-max-attempts", "uint", help="Maximum number of restarts before giving up"),
    Flag("restart-window", "duration", help="Window used to evaluate the restart policy (ns|us|ms|s|m|h)"),
    Flag(
        "stop-grace-period",
        "duration",
        default=10 * SECOND,
        help="Time to wait before force killing a container (ns|us|ms|s|m|h)",
    ),
    Flag("stop-signal", help="Signal to stop the container"),
    Flag("tty", "bool", "t", help="Allocate a pseudo-TTY"),
    Flag("user", short="u", help='Username or UID (format: "<name|uid>[:<group|gid>]")'),
    Flag("with-registry-auth", "bool", help="Send registry authentication details to swarm agents"),
    Flag("workdir", short="w", help="Working directory inside the container"),
)

OWN_FLAGS = ("detach", "quiet", "name", "no-resolve-image", "with-registry-auth", "rollback")
"""Flags of the command line, not of the service."""

UNMODELLED = (
    "cap-add",
    "cap-drop",
    "credential-spec",
    "group",
    "isolation",
    "limit-pids",
    "log-opt",
    "oom-score-adj",
    "sysctl",
    "ulimit",
)
"""Flags of both commands that docker accepts and meshsim does not simulate; using one says so."""

_REFUSED = tuple(Flag(name, "list", hidden=True) for name in UNMODELLED)


def _checked(read: Callable[[str], Any], text: str) -> str:
    """The text as typed, once it is known to be readable: the facade reads it again."""
    read(text)
    return text


_SECRET = partial(_checked, partial(file_of, "secret"))
_CONFIG = partial(_checked, partial(file_of, "config"))
_MOUNT = partial(_checked, mount_of)

CREATE_FLAGS = (
    *_SHARED,
    *_REFUSED,
    Flag(
        "config",
        "list",
        parser=_CONFIG,
        type_name="config",
        help="Specify configurations to expose to the service",
    ),
    Flag("constraint", "list", help="Placement constraints"),
    Flag("container-label", "list", help="Container labels"),
    Flag("dns", "ip", help="Set custom DNS servers"),
    Flag("dns-option", "list", help="Set DNS options"),
    Flag("dns-search", "list", help="Set custom DNS search domains"),
    Flag("env", "list", "e", help="Set environment variables"),
    Flag("generic-resource", "list", parser=generic_word, help="User defined resources"),
    Flag("host", "host", help="Set one or more custom host-to-IP mappings (host:ip)"),
    Flag("label", "list", "l", help="Service labels"),
    Flag(
        "mode",
        default="replicated",
        help='Service mode ("replicated", "global", "replicated-job", "global-job")',
    ),
    Flag("mount", "list", parser=_MOUNT, type_name="mount", help="Attach a filesystem mount to the service"),
    Flag("name", help="Service name"),
    Flag("network", "network", help="Network attachments"),
    Flag("placement-pref", "pref", help="Add a placement preference"),
    Flag("publish", "port", "p", help="Publish a port as a node port"),
    Flag(
        "secret", "list", parser=_SECRET, type_name="secret", help="Specify secrets to expose to the service"
    ),
)
"""``docker service create``."""


def _pair(
    name: str,
    kind: str,
    what: str,
    *,
    added: str = "",
    parser: Callable[[str], Any] | None = None,
    type_name: str = "",
) -> tuple[Flag, Flag]:
    more = added or f"Add or update {what}"
    return (
        Flag(f"{name}-add", kind, parser=parser, type_name=type_name, help=more),
        Flag(f"{name}-rm", "list", help=f"Remove {what}"),
    )


UPDATE_FLAGS = (
    *_SHARED,
    *_REFUSED,
    Flag("args", help="Service command args"),
    Flag("force", "bool", help="Force update even if no changes require it"),
    Flag("image", help="Service image tag"),
    Flag("rollback", "bool", help="Rollback to previous specification"),
    *_pair(
        "config",
        "list",
        "a configuration file",
        added="Add or update a config file on a service",
        parser=_CONFIG,
        type_name="config",
    ),
    *_pair("constraint", "list", "a placement constraint"),
    *_pair("container-label", "list", "a container label"),
    *_pair("dns", "ip", "a custom DNS server"),
    *_pair("dns-option", "list", "a DNS option"),
    *_pair("dns-search", "list", "a custom DNS search domain"),
    *_pair("env", "list", "an environment variable"),
    *_pair(
        "generic-resource", "list", "a Generic resource", added="Add a Generic resource", parser=generic_word
    ),
    *_pair("host", "host", "a custom host-to-IP mapping (host:ip)"),
    *_pair("label", "list", "a service label"),
    *_pair(
        "mount",
        "list",
        "a mount by its target path",
        added="Add or update a mount on a service",
        parser=_MOUNT,
        type_name="mount",
    ),
    Flag("network-add", "network", help="Add a network"),
    Flag("network-rm", "list", help="Remove a network"),
    Flag("placement-pref-add", "pref", help="Add a placement preference"),
    Flag("placement-pref-rm", "pref", help="Remove a placement preference"),
    Flag("publish-add", "port", help="Add or update a published port"),
    Flag("publish-rm", "port", help="Remove a published port by its target port"),
    *_pair(
        "secret",
        "list",
        "a secret",
        added="Add or update a secret on a service",
        parser=_SECRET,
        type_name="secret",
    ),
)
"""``docker service update``."""

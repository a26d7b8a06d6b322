"""``docker swarm``: init, join, join-token, leave, unlock, unlock-key, update, ca.

Room shell, docker. In: parsed command lines. Out: text. Rules of this file: flags and texts only; the
facade's ``host.swarm`` does the work.

Source: docker/cli cli/command/swarm/*.go.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import ApiError, BadValue, NotModelled
from meshsim.shell.docker.common import Call, Entry, Group, engine_said
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.shell.usage import help_text
from meshsim.units import HOUR, SECOND
from meshsim.views.shapes import trust_root

__all__ = ["SWARM"]

_AVAILABILITIES = ("active", "pause", "drain")
_ADVERTISE = Flag("advertise-addr", help='Advertised address (format: "<ip|interface>[:port]")')
_LISTEN = Flag(
    "listen-addr",
    default="0.0.0.0:2377",
    type_name="node-addr",
    help='Listen address (format: "<ip|interface>[:port]")',
)
_DATA_PATH = Flag(
    "data-path-addr", help='Address or interface to use for data path traffic (format: "<ip|interface>")'
)
_AVAILABILITY = Flag(
    "availability", default="active", help='Availability of the node ("active", "pause", "drain")'
)
_SPEC_FLAGS = (
    Flag("autolock", "bool", help="Change manager autolocking setting (true|false)"),
    Flag(
        "cert-expiry",
        "duration",
        default=2160 * HOUR,
        help="Validity period for node certificates (ns|us|ms|s|m|h)",
    ),
    Flag(
        "dispatcher-heartbeat",
        "duration",
        default=5 * SECOND,
        help="Dispatcher heartbeat period (ns|us|ms|s|m|h)",
    ),
    Flag(
        "external-ca",
        "list",
        type_name="external-ca",
        help="Specifications of one or more certificate signing endpoints",
    ),
    Flag("max-snapshots", "uint", help="Number of additional Raft snapshots to retain"),
    Flag("snapshot-interval", "uint", default=10000, help="Number of log entries between Raft snapshots"),
    Flag("task-history-limit", "int", default=5, help="Task history retention limit"),
)
#: flag -> keyword of the facade's ``swarm.update``
_SPEC_KEYWORDS = {
    "autolock": "autolock",
    "cert-expiry": "cert_expiry",
    "dispatcher-heartbeat": "dispatcher_heartbeat",
    "task-history-limit": "task_history_limit",
    "max-snapshots": "max_snapshots",
    "snapshot-interval": "snapshot_interval",
}


def _availability(call: Call) -> str:
    text: str = call["availability"]
    if text.lower() not in _AVAILABILITIES:
        raise BadValue(f'invalid availability "{text}", only active, pause and drain are supported', text)
    return text.lower()


def _spec_changes(call: Call) -> dict[str, Any]:
    if call.typed("external-ca"):
        raise NotModelled("external certificate authorities are not modelled")
    return {keyword: call[flag] for flag, keyword in _SPEC_KEYWORDS.items() if call.typed(flag)}


def _join_block(role: str, token: str, address: str) -> str:
    return (
        f"To add a {role} to this swarm, run the following command:\n\n"
        f"    docker swarm join --token {token} {address}\n\n"
    )


def _manager_address(call: Call) -> str:
    """The address this manager is reached at; empty when it has none to show."""
    info = call.host.swarm.info()
    record = call.host.nodes.get(info.node_id).record
    return record.manager.address if record.manager is not None else ""


def _init(call: Call) -> Result:
    availability = _availability(call)
    for flag in ("max-snapshots", "snapshot-interval", "data-path-addr"):
        if call.typed(flag):
            raise NotModelled(f"docker swarm init --{flag} is not modelled")
    node_id = call.host.swarm.init(
        advertise_addr=call["advertise-addr"] or None,
        listen_addr=call["listen-addr"] if call.typed("listen-addr") else None,
        data_path_port=call["data-path-port"],
        default_addr_pool=call["default-addr-pool"],
        default_addr_pool_mask_length=call["default-addr-pool-mask-length"],
        availability=availability,
        force_new_cluster=call["force-new-cluster"],
        **_spec_changes(call),
    )
    text = f"Swarm initialized: current node ({node_id}) is now a manager.\n\n"
    address = _manager_address(call)
    if address:
        text += _join_block("worker", call.host.swarm.join_token("worker"), address)
    text += (
        "To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions.\n"
    )
    if call.profile.cli_init_blank_line:
        text += "\n"
    return Result(text + (_unlock_text(call) if call["autolock"] else ""))


def _join(call: Call) -> Result:
    if call.typed("data-path-addr"):
        raise NotModelled("docker swarm join --data-path-addr is not modelled")
    call.host.swarm.join(
        call.operands[0],
        token=call["token"],
        availability=_availability(call),
        advertise_addr=call["advertise-addr"] or None,
        listen_addr=call["listen-addr"] if call.typed("listen-addr") else None,
    )
    role = "manager" if call.host.swarm.info().control_available else "worker"
    return Result(f"This node joined a swarm as a {role}.\n")


def _join_token(call: Call) -> Result:
    role = call.operands[0]
    if role not in ("worker", "manager"):
        return Result("", f"unknown role {role}\n", 1)
    token = call.host.swarm.join_token(role, rotate=call["rotate"])
    if call["quiet"]:
        return Result(f"{token}\n")
    text = f"Successfully rotated {role} join token.\n\n" if call["rotate"] else ""
    return Result(text + _join_block(role, token, _manager_address(call)))


def _leave(call: Call) -> Result:
    call.host.swarm.leave(force=call["force"])
    return Result("Node left the swarm.\n")


def _update(call: Call) -> Result:
    if not call.parsed.changed:
        return Result(help_text(call.command))
    was_locked = call.host.swarm.info().swarm
    before = was_locked is not None and was_locked.spec.autolock
    call.host.swarm.update(**_spec_changes(call))
    text = "Swarm updated.\n"
    return Result(text + (_unlock_text(call) if call["autolock"] and not before else ""))


def _unlock_text(call: Call) -> str:
    remember = "Please remember" if call.profile.cli_unlock_please else "Remember"
    return (
        "To unlock a swarm manager after it restarts, run the `docker swarm unlock`\n"
        f"command and provide the following key:\n\n    {call.host.swarm.unlock_key()}\n\n"
        f"{remember} to store this key in a password manager, since without it you\n"
        "will not be able to restart the manager.\n"
    )


def _unlock_key(call: Call) -> Result:
    if call["rotate"]:
        swarm = call.host.swarm.info().swarm
        if swarm is not None and not swarm.spec.autolock:
            return Result("", "cannot rotate because autolock is not turned on\n", 1)
    try:
        key = call.host.swarm.unlock_key(rotate=call["rotate"])
    except ApiError as refusal:
        return Result("", f"could not fetch unlock key: {engine_said(refusal)}", 1)
    if not key:
        return Result("", "no unlock key is set\n", 1)
    if call["quiet"]:
        return Result(f"{key}\n")
    text = "Successfully rotated manager unlock key.\n\n" if call["rotate"] else ""
    return Result(text + _unlock_text(call))


def _unlock(call: Call) -> Result:
    state = call.host.swarm.info().local_state
    if state == "inactive":
        return Result("", "Error: This node is not part of a swarm\n", 1)
    if state != "locked":
        return Result("", "Error: swarm is not locked\n", 1)
    call.host.swarm.unlock(call.stdin.strip())
    return Result()


def _ca(call: Call) -> Result:
    if call["rotate"] or call.typed("ca-cert", "ca-key", "external-ca"):
        raise NotModelled("rotating the root certificate is not modelled")
    if call.typed("cert-expiry"):
        text = "`--cert-expiry` flag requires the `--rotate` flag to update the CA\n"
        return Result("", text, 1)
    call.host.nodes.list()  # refused where nodes cannot be listed either
    swarm = call.host.swarm.info().swarm
    return Result(trust_root(swarm.root_ca_digest) if swarm else "No CA information available\n")


SWARM = Group(
    "swarm",
    "Manage Swarm",
    (
        Entry(
            Command(
                "docker swarm init",
                "[OPTIONS]",
                "Initialize a swarm",
                (
                    _ADVERTISE,
                    _AVAILABILITY,
                    _DATA_PATH,
                    _LISTEN,
                    *_SPEC_FLAGS[1:],
                    Flag(
                        "autolock",
                        "bool",
                        help="Enable manager autolocking (requiring an unlock key to start a "
                        "stopped manager)",
                    ),
                    Flag(
                        "data-path-port",
                        "uint",
                        type_name="uint32",
                        help="Port number to use for data path traffic (1024 - 49151). If no value "
                        "is set or is "
                        "set to 0, the default port (4789) is used.",
                    ),
                    Flag("default-addr-pool", "pool", help="default address pool in CIDR format"),
                    Flag(
                        "default-addr-pool-mask-length",
                        "uint",
                        default=24,
                        type_name="uint32",
                        help="default address pool subnet mask length",
                    ),
                    Flag("force-new-cluster", "bool", help="Force create a new cluster from current state"),
                ),
            ),
            _init,
        ),
        Entry(
            Command(
                "docker swarm join",
                "[OPTIONS] HOST:PORT",
                "Join a swarm as a node and/or manager",
                (
                    _ADVERTISE,
                    _AVAILABILITY,
                    _DATA_PATH,
                    _LISTEN,
                    Flag("token", help="Token for entry into the swarm"),
                ),
                1,
                1,
            ),
            _join,
        ),
        Entry(
            Command(
                "docker swarm join-token",
                "[OPTIONS] (worker|manager)",
                "Manage join tokens",
                (
                    Flag("quiet", "bool", "q", help="Only display token"),
                    Flag("rotate", "bool", help="Rotate join token"),
                ),
                1,
                1,
            ),
            _join_token,
        ),
        Entry(
            Command(
                "docker swarm leave",
                "[OPTIONS]",
                "Leave the swarm",
                (Flag("force", "bool", "f", help="Force this node to leave the swarm, ignoring warnings"),),
            ),
            _leave,
        ),
        Entry(Command("docker swarm unlock", "", "Unlock swarm"), _unlock),
        Entry(
            Command(
                "docker swarm unlock-key",
                "[OPTIONS]",
                "Manage the unlock key",
                (
                    Flag("quiet", "bool", "q", help="Only display token"),
                    Flag("rotate", "bool", help="Rotate unlock key"),
                ),
            ),
            _unlock_key,
        ),
        Entry(Command("docker swarm update", "[OPTIONS]", "Update the swarm", _SPEC_FLAGS), _update),
        Entry(
            Command(
                "docker swarm ca",
                "[OPTIONS]",
                "Display and rotate the root CA",
                (
                    Flag(
                        "ca-cert",
                        help="Path to the PEM-formatted root CA certificate to use for the new cluster",
                    ),
                    Flag("ca-key", help="Path to the PEM-formatted root CA key to use for the new cluster"),
                    Flag(
                        "cert-expiry",
                        "duration",
                        default=2160 * HOUR,
                        help="Validity period for node certificates (ns|us|ms|s|m|h)",
                    ),
                    Flag(
                        "detach",
                        "bool",
                        "d",
                        help="Exit immediately instead of waiting for the root rotation to converge",
                    ),
                    Flag(
                        "external-ca",
                        "list",
                        type_name="external-ca",
                        help="Specifications of one or more certificate signing endpoints",
                    ),
                    Flag("quiet", "bool", "q", help="Suppress progress output"),
                    Flag(
                        "rotate",
                        "bool",
                        help="Rotate the swarm CA - if no certificate or key are provided, new ones "
                        "will be generated",
                    ),
                ),
            ),
            _ca,
        ),
    ),
)
"""The group's commands."""

"""``docker network``: create, connect, disconnect, inspect, ls, prune, rm.

Room shell, docker. Source: docker/cli cli/command/network/*.go. Rules of this file: flags and texts only.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import Forbidden, NotFound, NotModelled
from meshsim.model.objects import Network
from meshsim.shell.docker.common import (
    FORMAT,
    INSPECT_FORMAT,
    NO_TRUNC,
    Call,
    Entry,
    Group,
    Inspection,
    each,
    filters_of,
    inspected,
    listed,
    quiet,
)
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.text import natural_key
from meshsim.views import filters, rows

__all__ = ["NETWORK"]

_INGRESS_WARNING = (
    "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same "
    "docker engine version. Otherwise, removal may not be effective and functionality of newly create "
    "ingress networks will be impaired.\nAre you sure you want to continue? [y/N] "
)
_PRUNE_WARNING = (
    "WARNING! This will remove all custom networks not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)
#: flags whose effect is not simulated
_UNMODELLED = ("config-from", "config-only", "ipam-driver", "ipam-opt")


def _check_scope(driver: str, scope: str) -> None:
    """An overlay is the swarm's, a bridge the machine's; nothing else is modelled.

    Source: moby daemon/libnetwork/controller.go NewNetwork.
    """
    if scope == "local" and driver == "overlay":
        raise Forbidden("cannot downgrade network scope for overlay networks")
    if scope and scope != ("swarm" if driver == "overlay" else "local"):
        raise NotModelled(f"driver {driver} with scope {scope} is not modelled")


def _create(call: Call) -> Result:
    for flag in _UNMODELLED:
        if call.typed(flag):
            raise NotModelled(f"docker network create --{flag} is not modelled")
    _check_scope(call["driver"], call["scope"])
    handle = call.host.networks.create(
        call.operands[0],
        driver=call["driver"],
        attachable=call["attachable"],
        internal=call["internal"],
        ingress=call["ingress"],
        subnet=call["subnet"],
        gateway=call["gateway"],
        ip_range=call["ip-range"],
        ipv6=call["ipv6"],
        opt=call["opt"],
        label=call["label"],
        aux_address=call["aux-address"],
    )
    return Result(f"{handle.id}\n")


def _ls(call: Call) -> Result:
    wishes = filters_of(call, "network")
    records = [handle.record for handle in call.host.networks.list()]
    records = [record for record in records if filters.fits_network(record, wishes)]
    records.sort(key=lambda record: natural_key(record.name))
    trunc = not call["no-trunc"]
    return listed(
        call,
        "network",
        [rows.network_row(record, epoch_ns=call.epoch_ns, trunc=trunc) for record in records],
    )


def _inspect(call: Call) -> Result:
    return inspected(
        call,
        Inspection(
            call.host.networks.get,
            fallback="error",
            bad_template_exit=64,
            wraps=False,
            shape=lambda handle: handle.shape(verbose=call["verbose"]),
        ),
    )


# -- containers on networks


def _connect(call: Call) -> Result:
    for flag in ("driver-opt", "ip6", "link"):
        if call.typed(flag):
            raise NotModelled(f"docker network connect --{flag} is not modelled")
    network, name = call.operands
    call.host.networks.connect(network, name, aliases=tuple(call["alias"]), ip=call["ip"])
    return Result()


def _disconnect(call: Call) -> Result:
    network, name = call.operands
    call.host.networks.disconnect(network, name, force=call["force"])
    return Result()


def _prune(call: Call) -> Result:
    wishes = filters_of(call, "prune")
    asked = "" if call["force"] else _PRUNE_WARNING
    if asked and not _agreed(call):
        return Result(f"{asked}\n")
    removed = call.host.networks.prune(wishes)
    told = "".join(f"{name}\n" for name in removed)
    return Result(f"{asked}Deleted Networks:\n{told}\n" if removed else asked)


def _rm(call: Call) -> Result:
    tail = "exit status 1\n" if call.profile.cli_network_rm_status else ""
    done = Result()
    for name in call.operands:
        found = _lookup(call, name)
        if isinstance(found, Network) and found.spec.ingress:
            if not _agreed(call):
                done += Result(f"{_INGRESS_WARNING}\n")
                continue
            done += Result(_INGRESS_WARNING)
        done += each([name], lambda one: _remove(call, one))
    failed = bool(done.stderr)
    if not failed:
        return done
    return Result(done.stdout, done.stderr + tail, 1, screen=done.screen + tail)


def _agreed(call: Call) -> bool:
    """Whether the answer that a pipe brings is yes; nobody there to answer is a no."""
    return call.stdin.strip().lower() in ("y", "yes")


def _lookup(call: Call, name: str) -> Any:
    try:
        return call.host.networks.get(name).record
    except NotFound:
        return None


def _remove(call: Call, name: str) -> str:
    try:
        call.host.networks.get(name).remove()
    except NotFound:
        if call["force"]:
            return ""
        raise
    return name


NETWORK = Group(
    "network",
    "Manage networks",
    (
        Entry(
            Command(
                "docker network connect",
                "[OPTIONS] NETWORK CONTAINER",
                "Connect a container to a network",
                (
                    Flag("alias", "list", help="Add network-scoped alias for the container"),
                    Flag("driver-opt", "list", help="driver options for the network"),
                    Flag("ip", help='IPv4 address (e.g., "172.30.100.104")'),
                    Flag("ip6", help='IPv6 address (e.g., "2001:db8::33")'),
                    Flag("link", "list", help="Add link to another container"),
                ),
                2,
                2,
            ),
            _connect,
        ),
        Entry(
            Command(
                "docker network create",
                "[OPTIONS] NETWORK",
                "Create a network",
                (
                    Flag("attachable", "bool", help="Enable manual container attachment"),
                    Flag(
                        "aux-address",
                        "list",
                        type_name="map",
                        help="Auxiliary IPv4 or IPv6 addresses used by Network driver",
                    ),
                    Flag("config-from", help="The network from which to copy the configuration"),
                    Flag("config-only", "bool", help="Create a configuration only network"),
                    Flag("driver", short="d", default="bridge", help="Driver to manage the Network"),
                    Flag(
                        "gateway",
                        "list",
                        type_name="strings",
                        help="IPv4 or IPv6 Gateway for the master subnet",
                    ),
                    Flag("ingress", "bool", help="Create swarm routing-mesh network"),
                    Flag("internal", "bool", help="Restrict external access to the network"),
                    Flag(
                        "ip-range", "list", type_name="strings", help="Allocate container ip from a sub-range"
                    ),
                    Flag("ipam-driver", default="default", help="IP Address Management Driver"),
                    Flag("ipam-opt", "list", type_name="map", help="Set IPAM driver specific options"),
                    Flag("ipv6", "bool", help="Enable or disable IPv6 address assignment"),
                    Flag("label", "list", help="Set metadata on a network"),
                    Flag("opt", "list", "o", type_name="map", help="Set driver specific options"),
                    Flag("scope", help="Control the network's scope"),
                    Flag(
                        "subnet",
                        "list",
                        type_name="strings",
                        help="Subnet in CIDR format that represents a network segment",
                    ),
                ),
                1,
                1,
            ),
            _create,
        ),
        Entry(
            Command(
                "docker network disconnect",
                "[OPTIONS] NETWORK CONTAINER",
                "Disconnect a container from a network",
                (Flag("force", "bool", "f", help="Force the container to disconnect from a network"),),
                2,
                2,
            ),
            _disconnect,
        ),
        Entry(
            Command(
                "docker network inspect",
                "[OPTIONS] NETWORK [NETWORK...]",
                "Display detailed information on one or more networks",
                (INSPECT_FORMAT, Flag("verbose", "bool", "v", help="Verbose output for diagnostics")),
                1,
                None,
            ),
            _inspect,
        ),
        Entry(
            Command(
                "docker network ls",
                "[OPTIONS]",
                "List networks",
                (
                    Flag("filter", "filter", "f", help='Provide filter values (e.g. "driver=bridge")'),
                    FORMAT,
                    NO_TRUNC,
                    quiet("Only display network IDs"),
                ),
                aliases=("docker network list",),
            ),
            _ls,
        ),
        Entry(
            Command(
                "docker network prune",
                "[OPTIONS]",
                "Remove all unused networks",
                (
                    Flag("filter", "filter", help="Provide filter values"),
                    Flag("force", "bool", "f", help="Do not prompt for confirmation"),
                ),
            ),
            _prune,
        ),
        Entry(
            Command(
                "docker network rm",
                "NETWORK [NETWORK...]",
                "Remove one or more networks",
                (Flag("force", "bool", "f", help="Do not error if the network does not exist"),),
                1,
                None,
                aliases=("docker network remove",),
            ),
            _rm,
        ),
    ),
)
"""The group's commands."""

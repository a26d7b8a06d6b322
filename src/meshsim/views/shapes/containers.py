"""Room views, shapes: ``docker inspect`` of a container.

Comes in: :class:`ContainerFacts`, what an engine knows of one container. Goes out: plain data in the
engine's key order (``docker inspect`` shows the engine's own JSON). Rule of this file: keys whose facts
are not modelled (drivers, cgroups, file systems) are left out, never invented.

Source: moby daemon/inspect.go, api/types/container/container.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from meshsim.gotext.values import go_map
from meshsim.model.frozen import EMPTY
from meshsim.units import ZERO_TIME_NS, rfc3339
from meshsim.views.shapes.networks import mac

__all__ = ["ContainerFacts", "NetworkPlug", "PortBinding", "container"]


@frozen(slots=True)
class NetworkPlug:
    """A container's place on one network; ``address`` (without mask) is empty once it has stopped.

    ``fixed``: the address was asked for, by the user or by the swarm's managers.
    """

    network_id: str
    endpoint_id: str = ""
    address: str = ""
    prefix: int = 0
    gateway: str = ""
    dns_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    fixed: bool = False


@frozen(slots=True)
class PortBinding:
    """One port of a container: exposed only, or also open on the machine at ``published``."""

    target: int
    protocol: str = "tcp"
    published: int = 0
    ips: tuple[str, ...] = ()


@frozen(slots=True)
class ContainerFacts:
    """What an engine knows of one container.

    Attributes:
        name: without the slash.
        command: program and arguments as run.
        image: as the user wrote it (services: with tag).
        status: created, running, exited ...
        started_ns, finished_ns: virtual nanoseconds since the cluster's start, None for never.
        health: starting, healthy, unhealthy, or empty.
        networks: by network name.
        ports: exposed and published ones.
        network_mode: what ``--network`` said, ``default`` without it.
    """

    id: str
    name: str
    image: str
    command: tuple[str, ...] = ()
    created_ns: int = 0
    status: Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"] = "created"
    started_ns: int | None = None
    finished_ns: int | None = None
    exit_code: int = 0
    error: str = ""
    pid: int = 0
    health: str = ""
    hostname: str = ""
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    entrypoint: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default=EMPTY)
    networks: Mapping[str, NetworkPlug] = field(default=EMPTY)
    ports: tuple[PortBinding, ...] = ()
    network_mode: str = "default"
    auto_remove: bool = False
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    tty: bool = False
    restart: str = "no"

    @property
    def running(self) -> bool:
        """Whether its program runs."""
        return self.status == "running"


def container(facts: ContainerFacts, *, epoch_ns: int = 0) -> dict[str, Any]:
    """Return what ``GET /containers/ID/json`` answers.

    >>> shape = container(ContainerFacts("f" * 64, "web", "nginx", ("nginx", "-g"), hostname="f" * 12))
    >>> shape["Name"], shape["Path"], shape["Args"], shape["State"]["Status"]
    ('/web', 'nginx', ['-g'], 'created')
    """
    path, *args = facts.command or ("",)
    return {
        "Id": facts.id,
        "Created": rfc3339(epoch_ns + facts.created_ns),
        "Path": path,
        "Args": args,
        "State": _state(facts, epoch_ns),
        "Image": facts.image,
        "Name": f"/{facts.name}",
        "RestartCount": 0,
        "Platform": "linux",
        "HostConfig": _host_config(facts),
        "Config": _config(facts),
        "NetworkSettings": _network_settings(facts),
    }


def _state(facts: ContainerFacts, epoch_ns: int) -> dict[str, Any]:
    state: dict[str, Any] = {
        "Status": facts.status,
        "Running": facts.running,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": facts.pid,
        "ExitCode": facts.exit_code,
        "Error": facts.error,
        "StartedAt": _time(facts.started_ns, epoch_ns),
        "FinishedAt": _time(facts.finished_ns, epoch_ns),
    }
    if facts.health:
        state["Health"] = {"Status": facts.health}
    return state


def _time(time_ns: int | None, epoch_ns: int) -> str:
    return rfc3339(ZERO_TIME_NS if time_ns is None else epoch_ns + time_ns)


def _host_config(facts: ContainerFacts) -> dict[str, Any]:
    bound = {
        f"{port.target}/{port.protocol}": [{"HostIp": "", "HostPort": str(port.published)}]
        for port in facts.ports
        if port.published
    }
    wishes = (("Dns", facts.dns), ("DnsOptions", facts.dns_options), ("DnsSearch", facts.dns_search))
    return {
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": facts.network_mode,
        "PortBindings": bound,
        "RestartPolicy": {"Name": facts.restart, "MaximumRetryCount": 0},
        "AutoRemove": facts.auto_remove,
        **{key: list(words) for key, words in wishes if words},
    }


def _config(facts: ContainerFacts) -> dict[str, Any]:
    config: dict[str, Any] = {"Hostname": facts.hostname, "Domainname": "", "User": facts.user}
    if facts.ports:
        config["ExposedPorts"] = {f"{port.target}/{port.protocol}": {} for port in facts.ports}
    return config | {
        "Tty": facts.tty,
        "Env": list(facts.env),
        "Cmd": list(facts.command),
        "Image": facts.image,
        "WorkingDir": facts.working_dir,
        "Entrypoint": list(facts.entrypoint) or None,
        "Labels": go_map(facts.labels),
    }


def _network_settings(facts: ContainerFacts) -> dict[str, Any]:
    ports: dict[str, Any] = {}
    if facts.running:
        for port in facts.ports:
            opened = [{"HostIp": ip, "HostPort": str(port.published)} for ip in port.ips]
            ports[f"{port.target}/{port.protocol}"] = opened or None
    # The default bridge's address also stands at the top, for the sake of old clients.
    default = facts.networks.get("bridge", NetworkPlug(""))
    # its first digits name a file: those that meshsim.dataplane.netns lists
    sandbox = f"{facts.id[12:]}{facts.id[:12]}" if facts.running else ""
    return {
        "SandboxID": sandbox,
        "SandboxKey": f"/var/run/docker/netns/{sandbox[:12]}" if sandbox else "",
        "Ports": ports,
        "Gateway": default.gateway,
        "IPAddress": default.address,
        "IPPrefixLen": default.prefix,
        "MacAddress": mac(default.address) if default.address else "",
        "Networks": {name: _plug(facts.networks[name]) for name in sorted(facts.networks)},
    }


def _plug(plug: NetworkPlug) -> dict[str, Any]:
    return {
        "IPAMConfig": {"IPv4Address": plug.address} if plug.fixed and plug.address else None,
        "Links": None,
        "Aliases": list(plug.aliases) or None,
        "MacAddress": mac(plug.address) if plug.address else "",
        "NetworkID": plug.network_id,
        "EndpointID": plug.endpoint_id,
        "Gateway": plug.gateway,
        "IPAddress": plug.address,
        "IPPrefixLen": plug.prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DriverOpts": None,
        "DNSNames": list(plug.dns_names) or None,
    }

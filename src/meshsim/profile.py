"""Floor 0: every constant and behaviour of the modelled engine, each with its source.

Comes in: the name of an engine. Goes out: a frozen :class:`Profile`. Rules of this file: it is the only
one that compares engine versions; the others ask for a named behaviour (``profile.subnet_order``) or a
constant. Durations are integer nanoseconds.

Four engines are known: ``"20.10"`` (19.03.5 to 20.10, as in the lesson), ``"26.1"`` (as recorded from
real machines), ``"28"`` (the default) and ``"next"`` (the newest source read).
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import asdict, fields, frozen

from meshsim.errors import BadValue
from meshsim.sim import Shared

__all__ = ["DEFAULT_ENGINE", "ENGINES", "Profile"]

_MS = 1_000_000
_S = 1_000_000_000
_HOUR = 3600 * _S

DEFAULT_ENGINE = "28"


@frozen(slots=True, init=False, repr=False)
class Profile(Shared):
    """The constants and behaviours of one engine; any of them may be overridden by keyword.

    >>> Profile("20.10").subnet_order, Profile().subnet_order
    ('cursor', 'first-fit')
    >>> Profile(heartbeat_epsilon_ns=0)
    Profile('28', heartbeat_epsilon_ns=0)

    Raises:
        BadValue: no such engine, no such constant, no probability.
    """

    name: str

    # -- texts
    #: what ``docker version`` and ``node ls`` print
    engine_version: str = "28.2.2"
    engine_build: str = "e6534b4"
    api_version: str = "1.50"
    #: how the command line words a wrong number of arguments, an unknown command, the help hint.
    #: "quoted" since 28. Source: docker/cli cli/required.go, cmd/docker/docker.go
    cli_usage: Literal["quoted", "classic"] = "quoted"
    #: whether ``verify: Service converged`` names the service. Since 26.0.
    #: Source: docker/cli cli/command/service/progress/progress.go
    cli_names_converged: bool = True
    #: whether ``swarm init`` ends with one blank line more (17.06 to 27). Source: docker/cli swarm/init.go
    cli_init_blank_line: bool = False
    #: how ``-p 99999:80`` is refused: lower-case ("invalid hostPort") since go-connections 0.5 (28)
    cli_port_error_case: Literal["lower", "upper"] = "lower"
    #: how ``inspect`` of a swarm object prints what it could not find: the sentence, or (26 to 27, recorded
    #: on 26.1.5) ``Status: SENTENCE, Code: 1``. Source: docker/cli cli/error.go StatusError.Error
    cli_status_errors: Literal["plain", "wrapped"] = "plain"
    #: the first letter of ``invalid scale specifier``. Source: docker/cli cli/command/service/scale.go
    cli_scale_error_case: Literal["lower", "upper"] = "lower"
    #: whether the text about the unlock key says please (until 27). Source: docker/cli swarm/unlock_key.go
    cli_unlock_please: bool = False
    #: how ``docker ps`` writes IPv6 addresses of ports: ``[::]:80`` since 28, ``:::80`` before.
    #: Source: docker/cli cli/command/formatter/container.go
    cli_ipv6_ports: Literal["bracketed", "bare"] = "bracketed"
    #: whether ``network inspect`` has EnableIPv4 (since 28). Source: moby api/types/network/network.go
    network_has_ipv4_key: bool = True
    #: how the removal of a local network in use is refused: with a list of who is on it, since 28.1, or with
    #: the network's id before. Source: moby daemon/libnetwork/error.go ActiveEndpointsError (moby 49773)
    network_in_use: Literal["lists", "id"] = "lists"
    #: whether a failing ``network rm`` adds the line ``exit status 1`` (since 28).
    #: Source: docker/cli cli/command/network/remove.go
    cli_network_rm_status: bool = True
    #: the kind of host key the first ``ssh`` tells of. Source: OpenSSH (ED25519 first since 8.5)
    ssh_key_type: Literal["ED25519", "ECDSA"] = "ED25519"
    #: gRPC code under which a bad constraint reaches the user. 26.1.5 recorded: Unknown
    constraint_error_code: Literal["InvalidArgument", "Unknown"] = "InvalidArgument"
    #: what ``dig`` in benhall/dig calls itself, and whether it says (UDP)
    dig_version: str = "9.18.49-1~deb12u3-Debian"
    dig_says_udp: bool = True
    #: how curl words a refused connection: 7.8x and later, or before
    curl_refused: Literal["Couldn't connect to server", "Connection refused"] = "Couldn't connect to server"

    # -- networks and addresses
    #: lowest free subnet since 27.0 (moby 9d288b5b43), a rotating cursor before.
    #: Source: moby daemon/libnetwork/ipams/defaultipam/address_space.go allocatePredefinedPool
    subnet_order: Literal["first-fit", "cursor"] = "first-fit"
    #: Source: moby daemon/libnetwork/ipamutils/utils.go globalScopeDefaultNetworks
    default_pools: tuple[str, ...] = ("10.0.0.0/8",)
    subnet_size: int = 24
    #: first VXLAN id, given to ingress. Source: moby daemon/libnetwork/drivers/overlay/ovmanager vxlanIDStart
    vxlan_start: int = 4096
    #: first firewall mark of a node's balancers. Source: moby daemon/libnetwork/controller.go fwMarkCtr
    fwmark_start: int = 256
    #: dynamic published ports, inclusive. Source: swarmkit manager/allocator/portallocator.go
    dynamic_ports: tuple[int, int] = (30000, 32767)
    #: an unallocated network or service is tried again so long after the last try.
    #: Source: swarmkit manager/allocator/network.go retryInterval
    allocator_retry_ns: int = 300 * _S

    # -- embedded DNS
    #: no upstream to ask: SERVFAIL since 25.0, before that no answer at all
    dns_no_upstream: Literal["servfail", "silence"] = "servfail"
    #: NXDOMAIN from an upstream: passed on since 25.0, before that only when authoritative
    dns_nxdomain: Literal["pass", "authoritative-only"] = "pass"
    #: whose aliases count: every task's since 29.5 (1143f413f6), before that the first task seen
    dns_aliases: Literal["first-task", "counted"] = "first-task"
    #: how /etc/resolv.conf names the servers behind 127.0.0.11 (in a comment since 26.0; since 28.0
    #: it says which are asked from the host)
    resolv_conf: Literal["host-ext-servers", "ext-servers", "plain"] = "host-ext-servers"
    #: answers too large for a datagram: names are compressed first, or (20.10) records are dropped.
    #: Source: moby libnetwork/resolver.go truncateResp, moby daemon/libnetwork/resolver.go
    dns_oversize: Literal["compress", "drop"] = "compress"

    # -- gossip
    #: a binding reaches the other hosts of its network after so long: the next tick of the gossip.
    #: Source: moby daemon/libnetwork/networkdb/cluster.go GossipInterval
    gossip_delay_ns: int = 200 * _MS
    #: how probable it is that one transmission of a binding to one host is lost, 0 to 1; for experiments.
    #: It is sent four times, a tick apart; when all are lost the next bulk sync brings it
    gossip_loss: float = 0.0
    #: a host that fell silent is dropped from the gossip so long afterwards: probe 1 s + suspicion 4 s.
    #: Source: hashicorp/memberlist config.go DefaultLANConfig; recorded 3.3 to 5.5 s
    gossip_failure_ns: int = 5 * _S
    #: Source: moby daemon/libnetwork/networkdb/networkdb.go, cluster.go bulkSyncInterval
    bulk_sync_ns: int = 30 * _S
    #: an update event of a row may also create it since 29.0 (previous and new row are compared)
    endpoint_events: Literal["compared", "create-only"] = "create-only"

    # -- stopping a task
    #: after names and weight are gone, before the stop signal.
    #: Source: moby daemon/cluster/executor/container/controller.go defaultGossipConvergeDelay
    drain_ns: int = 2 * _S
    #: Source: swarmkit api/defaults/service.go StopGracePeriod
    stop_grace_ns: int = 10 * _S

    # -- dispatcher. Source: swarmkit manager/dispatcher/dispatcher.go
    heartbeat_ns: int = 5 * _S
    heartbeat_epsilon_ns: int = 500 * _MS
    grace_multiplier: int = 3
    grace_multiplier_unknown: int = 6
    node_down_ns: int = 24 * _HOUR
    #: task and node status reports are written so often (modifyBatchInterval / maxBatchInterval)
    report_batch_ns: int = 100 * _MS
    #: assignments are sent so long after the last change
    assignment_batch_ns: int = 100 * _MS
    #: an assignment message is sent at once when it holds so many changes (modificationBatchLimit)
    assignment_batch_max: int = 100
    #: so many registrations of a node the dispatcher holds, until it kept quiet for so long.
    #: Source: swarmkit manager/dispatcher/nodes.go CheckRateLimit, dispatcher.go defaultRateLimitPeriod
    registration_limit: int = 3
    registration_window_ns: int = 8 * _S
    agent_timeout_ns: int = 5 * _S
    #: back-off of an agent that looks for a manager: first and longest.
    #: Source: swarmkit agent/agent.go initialSessionFailureBackoff, maxSessionFailureBackoff
    agent_backoff_ns: int = 100 * _MS
    agent_backoff_max_ns: int = 8 * _S
    #: an agent looks so often whether its engine's description changed (nodeUpdatePeriod)
    describe_ns: int = 20 * _S

    # -- scheduler. Source: swarmkit manager/scheduler/scheduler.go Run
    schedule_debounce_ns: int = 50 * _MS
    schedule_max_ns: int = 1 * _S

    # -- orchestrators
    #: Source: swarmkit api/defaults/service.go
    restart_delay_ns: int = 5 * _S
    update_monitor_ns: int = 5 * _S
    #: how long a replacement waits for the old task. Source: swarmkit orchestrator/restart/restart.go
    old_task_timeout_ns: int = 60 * _S
    #: Source: swarmkit manager/orchestrator/taskreaper/task_reaper.go reaperBatchingInterval
    reaper_delay_ns: int = 250 * _MS
    #: Source: swarmkit manager/role_manager.go roleReconcileInterval
    role_retry_ns: int = 5 * _S

    # -- raft. Source: moby daemon/cluster/noderunner.go, swarmkit manager/state/raft
    raft_tick_ns: int = 1 * _S
    election_tick: int = 10
    #: a member counts as unreachable when a message to it could not be sent for so long.
    #: Source: swarmkit manager/state/raft/raft.go SendTimeout
    raft_send_timeout_ns: int = 2 * _S
    #: how long a control call waits for an answer. Source: moby daemon/cluster/cluster.go swarmRequestTimeout
    request_timeout_ns: int = 20 * _S
    join_timeout_ns: int = 20 * _S

    # -- what machines take (meshsim's own round figures: a quiet server, images already there)
    pull_ns: int = 0
    prepare_ns: int = 100 * _MS
    start_ns: int = 200 * _MS
    stop_ns: int = 100 * _MS
    #: one way, between two machines of one LAN / inside one machine
    lan_latency_ns: int = 200_000
    local_latency_ns: int = 50_000
    #: a SYN that nobody answers: Linux gives up after 6 retransmissions.
    #: Source: Linux net/ipv4/tcp_timer.c, tcp_syn_retries 6 (1+2+4+8+16+32+64 s)
    connect_timeout_ns: int = 127 * _S
    #: ARP that nobody answers: 3 probes of 1 s. Source: Linux net/core/neighbour.c
    arp_timeout_ns: int = 3 * _S

    def __init__(self, engine: str = DEFAULT_ENGINE, /, **overrides: Any) -> None:
        if engine not in ENGINES:
            raise BadValue(f"no engine {engine!r} is modelled; known: {', '.join(ENGINES)}", engine)
        known = {a.name for a in fields(type(self))} - {"name"}
        unknown = sorted(overrides.keys() - known)
        if unknown:
            raise BadValue(f"a profile has no {unknown[0]!r}", unknown[0])
        loss = overrides.get("gossip_loss", 0)
        if not isinstance(loss, int | float) or not 0 <= loss <= 1:
            raise BadValue(f"gossip_loss is a probability from 0 to 1, not {loss!r}", str(loss))
        self.__attrs_init__(engine, **{**ENGINES[engine], **overrides})

    def __repr__(self) -> str:
        mine, base = asdict(self), asdict(Profile(self.name))
        changed = "".join(f", {key}={value!r}" for key, value in mine.items() if value != base[key])
        return f"Profile({self.name!r}{changed})"


_BEFORE_27: dict[str, Any] = {
    "subnet_order": "cursor",
    "cli_usage": "classic",
    "cli_init_blank_line": True,
    "cli_port_error_case": "upper",
    "cli_scale_error_case": "upper",
    "cli_unlock_please": True,
    "cli_ipv6_ports": "bare",
    "network_has_ipv4_key": False,
    "network_in_use": "id",
    "cli_network_rm_status": False,
    "constraint_error_code": "Unknown",
}

#: engine -> where it differs from the default ("28")
ENGINES: dict[str, dict[str, Any]] = {
    "20.10": {
        **_BEFORE_27,
        "engine_version": "20.10.24",
        "engine_build": "297e128",
        "api_version": "1.41",
        "cli_names_converged": False,
        "dns_no_upstream": "silence",
        "dns_nxdomain": "authoritative-only",
        "resolv_conf": "plain",
        "dns_oversize": "drop",
        "dig_version": "9.10.2",
        "dig_says_udp": False,
        "curl_refused": "Connection refused",
        "ssh_key_type": "ECDSA",
    },
    "26.1": {
        **_BEFORE_27,
        "engine_version": "26.1.5",
        "engine_build": "a72d7cd",
        "cli_status_errors": "wrapped",
        "api_version": "1.45",
        "resolv_conf": "ext-servers",
    },
    "28": {},
    "next": {
        "dns_aliases": "counted",
        "endpoint_events": "compared",
    },
}

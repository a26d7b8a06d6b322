"""Room cluster: the swarm, as ``docker swarm`` handles it."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from meshsim.cluster import joining
from meshsim.cluster.client import is_ipv4
from meshsim.cluster.collections.base import Collection
from meshsim.cluster.membership import require
from meshsim.cluster.specvalues import Words, duration_of, words_of
from meshsim.errors import AlreadyInSwarm, InvalidParameter, NoLeader, SwarmLocked
from meshsim.ipam import check_default_pools
from meshsim.manager import NO_LEADER, Gate
from meshsim.model.objects import Swarm
from meshsim.model.specs import SwarmSpec
from meshsim.model.states import Availability
from meshsim.views.shapes import Peer, SwarmInfo

__all__ = ["SwarmCollection"]

_PORT = 2377
_DATA_PORTS = range(1024, 49152)


def _availability(text: str) -> Availability:
    try:
        return Availability[text.upper()]
    except KeyError:
        raise InvalidParameter(
            f'invalid availability "{text}", only active, pause and drain are supported'
        ) from None


class SwarmCollection(Collection):
    """``docker swarm``."""

    def init(
        self,
        *,
        advertise_addr: str | None = None,
        listen_addr: str | None = None,
        availability: str = "active",
        autolock: bool | None = None,
        default_addr_pool: Words = (),
        default_addr_pool_mask_length: int = 24,
        data_path_port: int = 0,
        task_history_limit: int | None = None,
        dispatcher_heartbeat: str | int | None = None,
        cert_expiry: str | int | None = None,
        force_new_cluster: bool = False,
    ) -> str:
        """Found a swarm on this host; returns the node's id once it is ready.

        With ``force_new_cluster`` a manager goes on alone with what the swarm had: it becomes the only
        manager, the others are forgotten as such. Only the settings given are changed then.

        Raises:
            AlreadyInSwarm: the host is in a swarm.
            InvalidParameter: a value is refused.
            Unavailable: ``force_new_cluster`` on a node that is no manager.
        """
        host = self._host
        if host.member is not None and not force_new_cluster:
            raise AlreadyInSwarm
        where = _availability(availability)
        pools = words_of(default_addr_pool)
        if pools:
            check_default_pools(pools, default_addr_pool_mask_length)
        if data_path_port and data_path_port not in _DATA_PORTS:
            raise InvalidParameter(
                f"Datapath port number is not in valid range (1024-49151) : {data_path_port}"
            )
        address, port = self._advertised(advertise_addr, listen_addr)
        changes = _spec_changes(
            autolock=autolock,
            task_history_limit=task_history_limit,
            dispatcher_heartbeat=dispatcher_heartbeat,
            cert_expiry=cert_expiry,
        )
        if force_new_cluster and host.member is not None:
            host.member.force_new_cluster()
            if changes:
                self._control().update_swarm(evolve(self._store.swarm.spec, **changes))
            return host.member.node_id
        if pools:
            host.engine.address_pools = pools, default_addr_pool_mask_length
        founding = joining.Founding(
            SwarmSpec(**changes),
            address,
            port,
            where,
            *(
                host.engine.address_pools
                or (host.cluster.profile.default_pools, default_addr_pool_mask_length)
            ),
            data_path_port or 4789,
        )
        return joining.found(host, founding).node_id

    def _advertised(self, advertise: str | None, listen: str | None) -> tuple[str, int]:
        """The address others are told, and the managers' port."""
        host = self._host
        if listen == "":
            raise InvalidParameter('invalid ListenAddr "": invalid empty address')
        if listen is not None and not is_ipv4(listen.partition(":")[0]):
            raise InvalidParameter(
                "listen address must be an IP address or network interface (with optional port number)"
            )
        text = advertise or host.address
        address, _, port = text.partition(":")
        if address == "eth0":
            address = host.address
        if not is_ipv4(address) or address == "0.0.0.0":  # noqa: S104 - refused, not bound
            raise InvalidParameter(
                "advertise address must be a non-zero IP address or network interface "
                "(with optional port number)"
            )
        return address, int(port) if port.isdigit() else _PORT

    def join(
        self,
        remote: str,
        *,
        token: str = "",
        availability: str = "active",
        advertise_addr: str | None = None,
        listen_addr: str | None = None,
    ) -> str:
        """Join the swarm of the manager at ``remote`` (``host01:2377``); returns the node's id when active.

        Raises:
            AlreadyInSwarm, JoinRefused, InvalidParameter, Unavailable: with the sentence docker prints.
        """
        if not remote:
            raise InvalidParameter('invalid remoteAddr "": invalid empty address')
        self._advertised(advertise_addr, listen_addr)
        return joining.join(self._host, remote, token, _availability(availability)).node_id

    def join_token(self, role: str = "worker", *, rotate: bool = False) -> str:
        """The token with which machines join as ``worker`` or ``manager``.

        Raises:
            InvalidParameter: no such role.
            NotManager: asked on a machine that is no manager.
        """
        if role not in ("worker", "manager"):
            raise InvalidParameter(f"unknown role {role}")
        control = self._control(write=rotate)
        if rotate:
            control.update_swarm(rotate_worker=role == "worker", rotate_manager=role == "manager")
        swarm = self._member.manager.store.swarm
        return swarm.worker_token if role == "worker" else swarm.manager_token

    def leave(self, *, force: bool = False) -> None:
        """Leave the swarm.

        Raises:
            NotInSwarm: the host is in none.
            Unavailable: a manager leaves by force only.
        """
        host = self._host
        if host.joining is not None:
            host.joining.withdraw()
        else:
            require(host, leave=True).leave(force=force)

    def update(
        self,
        *,
        autolock: bool | None = None,
        task_history_limit: int | None = None,
        dispatcher_heartbeat: str | int | None = None,
        cert_expiry: str | int | None = None,
        snapshot_interval: int | None = None,
        max_snapshots: int | None = None,
    ) -> None:
        """Change the swarm's settings."""
        control = self._control()
        changes = _spec_changes(
            autolock=autolock,
            task_history_limit=task_history_limit,
            dispatcher_heartbeat=dispatcher_heartbeat,
            cert_expiry=cert_expiry,
            snapshot_interval=snapshot_interval,
            keep_old_snapshots=max_snapshots,
        )
        control.update_swarm(evolve(self._store.swarm.spec, **changes))

    def unlock_key(self, *, rotate: bool = False) -> str:
        """The key that unlocks a manager after a restart; empty while autolock is off."""
        control = self._control(write=rotate)
        if rotate:
            control.update_swarm(rotate_unlock=True)
        return self._store.swarm.unlock_key

    def unlock(self, key: str) -> None:
        """Give a manager that restarted its key; returns when it is active again.

        Raises:
            NotManager: the host is in no swarm, or a worker.
            Conflict: it is not locked.
            InvalidParameter, InvalidUnlockKey: not a key, or the wrong one.
        """
        self._member.unlock(key)

    @property
    def record(self) -> Swarm:
        """The swarm object.

        Raises:
            NotManager: asked on a machine that is no manager.
        """
        return self._store.swarm

    def info(self) -> SwarmInfo:
        """What ``docker info`` says of the swarm; never refused."""
        host = self._host
        member = host.member
        if host.joining is not None:
            asked = (Peer("", host.joining.remote),)
            return SwarmInfo(
                host.joining.state, "", host.address, error=host.joining.error, remote_managers=asked
            )
        if member is None:
            return SwarmInfo()
        if member.lock:
            return SwarmInfo("locked", "", host.address, error=str(SwarmLocked()))
        store, quorum = member.manager.store, member.manager.quorum
        peers = tuple(Peer(m.node_id, m.address) for m in quorum.members.values())
        known = SwarmInfo(member.state, member.node_id, host.address, remote_managers=peers)
        if not member.is_manager or member.state == "pending":
            return known
        if quorum.gate(member.node_id, write=False) is not Gate.OPEN:
            return evolve(known, control_available=True, error=str(NoLeader(NO_LEADER)))
        managers = sum(quorum.is_member(node_id) for node_id in store.nodes)
        return evolve(
            known, control_available=True, nodes=len(store.nodes), managers=managers, swarm=store.swarm
        )


def _spec_changes(**given: Any) -> dict[str, Any]:
    """The settings given, under the names of :class:`SwarmSpec`; durations in nanoseconds."""
    given["heartbeat_ns"] = duration_of(given.pop("dispatcher_heartbeat"))
    given["cert_expiry_ns"] = duration_of(given.pop("cert_expiry"))
    return {name: value for name, value in given.items() if value is not None}

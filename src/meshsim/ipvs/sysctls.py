"""Room ipvs: the knobs under ``net.ipv4.vs``.

In: names and integers. Out: attributes. One set per table, as one per network namespace. A knob this
model has no behaviour for stays at its default: setting it otherwise is refused, not ignored.
"""

from __future__ import annotations

from attrs import define

from meshsim.errors import InvalidRule, NotModelled

__all__ = ["Sysctls"]

# Known to the kernel, without behaviour here.
_FIXED = {
    "am_droprate": 10,
    "amemthresh": 1024,
    "backup_only": 0,
    "cache_bypass": 0,
    "drop_entry": 0,
    "drop_packet": 0,
    "ignore_tunneled": 0,
    "nat_icmp_send": 0,
    "pmtu_disc": 1,
    "run_estimation": 1,
    "schedule_icmp": 0,
    "secure_tcp": 0,
    "sloppy_sctp": 0,
    "snat_reroute": 1,
    "sync_persist_mode": 0,
    "sync_ports": 1,
    "sync_refresh_period": 0,
    "sync_retries": 0,
    "sync_sock_size": 0,
    "sync_version": 1,
}


@define
class Sysctls:
    """The knobs that change what happens, with the kernel's defaults.

    Attributes:
        conn_reuse_mode: 0 keeps a SYN on its old connection; 1 schedules it anew when that is closed.
        expire_nodest_conn: 1 forgets connections whose destination was deleted.
        expire_quiescent_template: 1 gives up persistence to a destination of weight 0.
        conntrack: 1 keeps connection tracking (Docker); changes no choice here.
        sloppy_tcp: 1 schedules any segment but RST, not only SYN.
        lblc_expiration: seconds an lblc cache entry may lie unused.
        lblcr_expiration: seconds after which an lblcr set may shrink.

    >>> knobs = Sysctls()
    >>> knobs.set("conn_reuse_mode", 0)
    >>> knobs.conn_reuse_mode
    0

    Source: linux Documentation/networking/ipvs-sysctl.rst.
    """

    conn_reuse_mode: int = 1
    expire_nodest_conn: int = 0
    expire_quiescent_template: int = 0
    conntrack: int = 0
    sloppy_tcp: int = 0
    lblc_expiration: int = 86400
    lblcr_expiration: int = 86400

    def get(self, name: str) -> int | None:
        """A knob by its name below ``net.ipv4.vs``; None when there is no such knob."""
        if name in _FIXED:
            return _FIXED[name]
        return getattr(self, name) if name in self.__slots__ and not name.startswith("_") else None

    def set(self, name: str, value: int) -> None:
        """Set a knob by its name below ``net.ipv4.vs``.

        Raises:
            InvalidRule: no such knob, or not an integer from 0.
            NotModelled: a knob whose effect is not simulated.
        """
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRule(f"net.ipv4.vs.{name} takes an integer from 0, not {value!r}")
        if name in _FIXED:
            if value != _FIXED[name]:
                raise NotModelled(f"net.ipv4.vs.{name} is not modelled: it stays at {_FIXED[name]}")
            return
        if name not in self.__slots__ or name.startswith("_"):
            raise InvalidRule(f"no such knob: net.ipv4.vs.{name}")
        setattr(self, name, value)

"""Room cluster: a machine's power and its engine, off and on.

Comes in: faults. Goes out: what they do to the machine's containers, agent and manager at that moment. Rules
of this file: nobody is told (managers and gossip notice by silence, or by what the engine withdraws when it
stops in order); an action that changes nothing is harmless.

Source: moby daemon/daemon.go Shutdown, daemon/cluster/cluster.go Cleanup, Start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.errors import EngineDown

if TYPE_CHECKING:
    from meshsim.cluster.host import Host

__all__ = ["fail", "recover", "start_engine", "stop_engine"]


def fail(host: Host) -> None:
    """Power cut: everything on the machine is gone in the middle of it; nothing leaves it any more."""
    if not host.up:
        return
    _note(host, "fail")
    host.cluster.links.fail(host.name)
    _end(host, graceful=False)
    host.engine.power_cut()
    host.cluster.refresh()


def recover(host: Host) -> None:
    """Power back: the machine starts and its engine with it."""
    if host.up:
        return
    _note(host, "recover")
    host.cluster.journal.leave(host.name)
    host.cluster.links.recover(host.name)
    _begin(host)


def stop_engine(host: Host) -> None:
    """``systemctl stop docker``: tasks are stopped in order and removed, then the rest; the machine runs on.

    No more commands are answered from now on, and no heartbeat is sent; the managers are not told.
    """
    if not host.engine.running:
        return
    _note(host, "stop engine")
    _end(host, graceful=True)
    host.cluster.refresh()


def start_engine(host: Host) -> None:
    """``systemctl start docker``: the agent looks for the managers; plain containers stay as they ended.

    A stop that is still under way is cut short.

    Raises:
        EngineDown: the machine has no power.
    """
    if not host.up:
        raise EngineDown(host.name)
    if host.engine.running:
        return
    _note(host, "start engine")
    _begin(host)


def _note(host: Host, what: str) -> None:
    cluster = host.cluster
    cluster.log.append(cluster.clock.now_ns, "fault", {"what": what, "host": host.name})


def _end(host: Host, *, graceful: bool) -> None:
    if host.joining is not None:
        host.joining.withdraw()  # what was never answered is not remembered
    host.engine.running = False
    host.engine.address_pools = None
    if host.member is not None:
        host.member.sleep(graceful=graceful)
    elif graceful:
        host.engine.halt()


def _begin(host: Host) -> None:
    host.engine.running = True
    if host.member is not None:
        host.member.wake()
    else:
        host.cluster.refresh()

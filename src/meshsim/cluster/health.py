"""Room cluster: the health checks of one machine's containers.

Comes in: a container with a check, and what each probe finds. Goes out: "healthy" once, and "unhealthy"
once. Rules of this file: the next probe starts one interval after the last one ended; failures inside
the start period do not count; so many failures in a row make a container unhealthy.

Source: moby daemon/health.go (monitor, handleProbeResult); recorded on a real 26.1.5 (health checks).
"""

from __future__ import annotations

from typing import Protocol

from meshsim.cluster.container import Container
from meshsim.model.specs import HealthCheck
from meshsim.sim import Clock, Timer

__all__ = ["HealthListener", "Monitor", "is_gated"]

_SECOND = 1_000_000_000
#: Source: moby daemon/health.go defaultProbeInterval, defaultProbeRetries
DEFAULT_INTERVAL_NS = 30 * _SECOND
DEFAULT_RETRIES = 3


def is_gated(check: HealthCheck | None) -> bool:
    """Whether a task with this check is RUNNING only once a probe has succeeded."""
    return check is not None and bool(check.test) and check.test[0] != "NONE"


class HealthListener(Protocol):
    """Who wants to know."""

    def on_health(self, container: Container, healthy: bool) -> None:
        """Told when a container becomes healthy, and when it becomes unhealthy."""


class Monitor:
    """Probes one container until it ends or is unhealthy.

    A probe succeeds when the container's handler says so: ``handler.healthy(container)`` when there is
    such a method, else True. ``force`` overrides it (a fault verb).
    """

    __slots__ = ("_timer", "check", "clock", "container", "force", "listener", "streak")

    def __init__(
        self, clock: Clock, container: Container, check: HealthCheck, listener: HealthListener
    ) -> None:
        self.clock = clock
        self.container = container
        self.check = check
        self.listener = listener
        self.streak = 0
        self.force: bool | None = None
        container.health = "starting"
        self._timer: Timer = self._arm()

    def __repr__(self) -> str:
        return f"<Monitor {self.container.name} {self.container.health}, {self.streak} failures in a row>"

    def _arm(self) -> Timer:
        interval_ns = self.check.interval_ns or DEFAULT_INTERVAL_NS
        # Only until the first verdict does settle() wait for a probe.
        known = self.container.health != "starting"
        return self.clock.call_later(interval_ns, self.probe, background=known, name="health probe")

    def stop(self) -> None:
        """No more probes."""
        self._timer.cancel()

    def probe(self) -> None:
        """Look once, tell the listener about a change, and look again later."""
        container = self.container
        if self._finds_healthy():
            self.streak = 0
            if container.health != "healthy":
                container.health = "healthy"
                self.listener.on_health(container, True)
        elif (
            self.clock.now_ns >= container.started_ns + self.check.start_period_ns
            or container.health == "healthy"
        ):
            self.streak += 1
            if self.streak >= (self.check.retries or DEFAULT_RETRIES):
                container.health = "unhealthy"
                self.listener.on_health(container, False)
                return
        self._timer = self._arm()

    def _finds_healthy(self) -> bool:
        if self.force is not None:
            return self.force
        opinion = getattr(self.container.handler, "healthy", None)
        return True if opinion is None else bool(opinion(self.container))

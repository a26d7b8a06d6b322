"""Balancers: what one is, and what its maker is told.

In: nothing. Out: :class:`Balancer`, the one method everything that chooses a destination has, and
:class:`Options`, what the built-in ones are made from. A balancer serves one virtual service and is
made fresh for it; a user's own is any class (or function) that returns such an object when called
without arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, TypeAlias

from attrs import Factory, frozen

from meshsim.ipvs.destination import Destination
from meshsim.ipvs.flow import Flow
from meshsim.ipvs.sysctls import Sysctls

__all__ = ["Balancer", "BalancerFactory", "Options"]


class Balancer(Protocol):
    """Chooses the destination of a new connection. ip_vs calls it a scheduler.

    Only :meth:`pick` is required. A balancer may also have any of these, looked up once when it is
    bound to its service:

    - ``bound(destinations, now_ns)``: it begins to serve a service that has these destinations;
    - ``added(destinations, destination, position)``: one was added; it stands at the head, position 0;
    - ``removed(destinations, destination, position)``: one left; it stood at ``position``;
    - ``changed(destinations, destination, position)``: its weight or thresholds were edited;
    - ``tally(destinations, count)``: how many of the next ``count`` connections each destination would
      get, in list order, as a list of integers; for balancers that go round in a strict cycle;
    - ``sees_all = True``: ``pick`` is given the whole kernel list. Without it, ``pick`` is given only
      the destinations that may be used, and is not called when there are none;
    - ``sees_flow = False``: ``pick`` does not look at the flow, and may be given its bare parts.

    The lists are the kernel's, head first: the newest destination comes first. In the hooks they stand
    as they are after the change, and are always whole.

    >>> class LeastBytes:
    ...     def pick(self, destinations, flow, now_ns):
    ...         return min(destinations, key=lambda destination: destination.bytes_out)

    Source: linux include/net/ip_vs.h struct ip_vs_scheduler.
    """

    def pick(self, destinations: Sequence[Destination], flow: Flow, now_ns: int, /) -> Destination | None:
        """Choose one of `destinations` for the new `flow`, or None to refuse it."""
        ...


BalancerFactory: TypeAlias = Callable[[], Balancer]
"""What makes a user's balancer: a class without arguments, or any such callable."""


@frozen
class Options:
    """What a built-in balancer is made from.

    Attributes:
        flags: the service's scheduler flags, as ``sh-port``.
        rng: what a random balancer draws from.
        active_weight: how many inactive connections weigh as much as one active.
        sysctls: the table's knobs; some balancers read their expiry there.
    """

    flags: tuple[str, ...] = ()
    rng: Random | None = None
    active_weight: int = 257
    sysctls: Sysctls = Factory(Sysctls)

"""Room ipvs: what can become of a packet, as values.

In: nothing. Out: five small frozen classes. Each has ``destination`` (None unless routed) and
``reason``; truth means routed. No outcome is an exception: being refused is a normal answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from meshsim.ipvs.destination import Destination

__all__ = ["Dropped", "Outcome", "Passed", "Refused", "Reset", "Routed"]


@frozen(eq=False)
class Routed:
    """The packet goes to `destination`; reason is ``scheduled``, ``known`` or ``template``."""

    destination: Destination
    reason: str

    def __bool__(self) -> bool:
        return True


@frozen
class _NotRouted:
    reason: str
    destination: ClassVar[None] = None

    def __bool__(self) -> bool:
        return False


@frozen
class Refused(_NotRouted):
    """No destination may take it: ICMP port unreachable, the client's connect fails at once.

    Source: linux net/netfilter/ipvs/ip_vs_core.c ip_vs_leave.
    """


@frozen
class Dropped(_NotRouted):
    """Silently dropped: the client hears nothing and tries again."""


@frozen
class Reset(_NotRouted):
    """A TCP segment of no known connection: the director's own stack answers RST."""


@frozen
class Passed(_NotRouted):
    """No virtual service is meant: the packet goes on as if IPVS were not there."""


Outcome: TypeAlias = Routed | Refused | Dropped | Reset | Passed

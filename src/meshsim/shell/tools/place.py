"""Where a program stands: what the network tools need of a machine or a container.

Room shell, tools. In: nothing. Out: the Protocol :class:`Place` and :class:`Interface`. Rules of this
file: a place answers at the present instant and says how long the answer took; it never steps time.
"""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

from meshsim.cluster.client import PingReply, Response, Target
from meshsim.dns import Answer, Question
from meshsim.profile import Profile

__all__ = ["Flavour", "Interface", "Place"]

Flavour = Literal["busybox", "gnu"]
"""Whose small tools are installed: busybox's (alpine, busybox) or the usual ones."""


@frozen(slots=True)
class Interface:
    """A network interface: its name and its address with the subnet's length."""

    name: str
    address: str


class Place(Protocol):
    """A machine or a container, as a program running there sees it."""

    @property
    def hostname(self) -> str:
        """What ``hostname`` prints."""

    @property
    def profile(self) -> Profile:
        """The era's texts and constants."""

    @property
    def flavour(self) -> Flavour:
        """Whose tools are installed."""

    @property
    def unix_ns(self) -> int:
        """The present, in nanoseconds since 1970."""

    def lookup(self, question: Question) -> Answer:
        """Ask the DNS server of this place.

        Raises:
            NotModelled: its DNS server is outside the simulation.
        """

    def address_of(self, name: str) -> str:
        """The address a program gets for a name (an address stands for itself).

        Raises:
            NameNotResolved: there is none.
        """

    def fetch(self, target: Target) -> Response:
        """Send one HTTP request over a connection of its own.

        Raises:
            ConnectionFailed: it did not get through.
        """

    def echo(self, address: str) -> PingReply:
        """Send one ICMP echo request."""

    def resolv_conf(self) -> str:
        """The text of ``/etc/resolv.conf``."""

    def interfaces(self) -> list[Interface]:
        """Its interfaces, ``lo`` first."""

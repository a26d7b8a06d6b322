"""Where a program stands: what the network tools need of a machine or a container.

Room shell, tools. In: nothing. Out: the Protocol :class:`Place`. Rules of this file: a place answers at
the present instant and says how long the answer took; it never steps time.
"""

from __future__ import annotations

from typing import Literal, Protocol

from meshsim.cluster.client import PingReply, Response, Target
from meshsim.dataplane import NetPlace
from meshsim.dns import Answer, Question
from meshsim.profile import Profile

__all__ = ["Flavour", "Place"]

Flavour = Literal["busybox", "gnu"]
"""Whose small tools are installed: busybox's (alpine, busybox) or the usual ones."""


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

    @property
    def network(self) -> NetPlace:
        """Its network namespace, as the data plane has it."""

    @property
    def namespaces(self) -> list[str]:
        """The engine's files of network namespaces, sorted; none where there is no engine to be seen."""

    def entered(self, path: str) -> Place | None:
        """This place with the network namespace of a file instead of its own; None: no such file."""

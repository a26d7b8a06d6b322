"""Room dataplane: what happened to one connection, and why.

Comes in: notes of the walk. Goes out: numbered hops as data and as text a learner can read. Rule of
this file: values only; it decides nothing.
"""

from __future__ import annotations

from attrs import frozen

from meshsim.model.frozen import Frozen

__all__ = ["Hop", "Pick", "Trace"]


@frozen(slots=True)
class Pick(Frozen):
    """A balancer's decision.

    Attributes:
        balancer: its name, ``rr`` unless told otherwise.
        mark: the firewall mark that led to it.
        destinations: (address, weight) in the kernel's order, newest first.
        chosen: the address it chose; empty when none could be used.
        why: one sentence.
    """

    balancer: str
    mark: int
    destinations: tuple[tuple[str, int], ...]
    chosen: str
    why: str

    def __str__(self) -> str:
        listed = ", ".join(
            f"[{a}]" if a == self.chosen else a if w else f"{a} (weight 0)" for a, w in self.destinations
        )
        return f"FWM {self.mark} {self.balancer}: {listed or 'no destination'}; {self.why}"


@frozen(slots=True)
class Hop(Frozen):
    """One step of a packet.

    Attributes:
        host: the machine it is on.
        namespace: the network namespace: ``host``, ``ingress_sbox``, ``lb_7vqww24an``, or a container's name.
        rule: the table or device that acts, for example ``nat PREROUTING``.
        text: what happens there, in one sentence.
        source, destination: ``address:port`` of the packet when it leaves this hop.
        pick: the balancer's decision, where there is one.
    """

    host: str
    namespace: str
    rule: str
    text: str
    source: str
    destination: str
    pick: Pick | None = None


@frozen(slots=True)
class Trace(Frozen):
    """The hops of one connection, and how it ended.

    >>> print(Trace((Hop("host01", "host", "route", "leaves by eth0", "a:1", "b:81"),), "refused"))
     1. host01  host  route: leaves by eth0
          a:1 -> b:81
    => refused
    """

    hops: tuple[Hop, ...]
    result: str

    def __str__(self) -> str:
        return "\n".join([*self._lines(), f"=> {self.result}"])

    def _lines(self) -> list[str]:
        lines = []
        for number, hop in enumerate(self.hops, 1):
            lines.append(f"{number:2d}. {hop.host}  {hop.namespace}  {hop.rule}: {hop.text}")
            if hop.pick is not None:
                lines.append(f"      {hop.pick}")
            lines.append(f"      {hop.source} -> {hop.destination}")
        return lines

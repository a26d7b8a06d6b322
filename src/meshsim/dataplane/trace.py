"""Room dataplane: what happened to one connection, and why.

Comes in: the steps of a walk. Goes out: numbered hops as data, and as text a learner can read. Rules of
this file: values only, it decides nothing; a trace keeps steps and words them when somebody reads it, since
most traces that are kept are never read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from meshsim.model.frozen import Frozen

__all__ = ["Hop", "Pick", "Step", "Trace"]


@frozen(slots=True)
class Pick(Frozen):
    """A balancer's decision.

    Attributes:
        balancer: its name, ``rr`` unless told otherwise.
        mark: the firewall mark that led to it.
        destinations: (address, weight) in the kernel's order, newest first.
        chosen: the address it chose; empty when none could be used.
        why: in a few words.
        names: whose address each destination is, in the same order; empty texts where nobody is known.
    """

    balancer: str
    mark: int
    destinations: tuple[tuple[str, int], ...]
    chosen: str
    why: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = self.names or ("",) * len(self.destinations)
        listed = ", ".join(map(self._entry, self.destinations, names)) or "no destination"
        return f"FWM {self.mark} {self.balancer}, newest first: {listed}; {self.why}"

    def _entry(self, destination: tuple[str, int], name: str) -> str:
        address, weight = destination
        text = f"{address} {name}" if name else address
        if address == self.chosen:
            return f"[{text}]"
        return text if weight else f"{text} (weight 0)"


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


#: how one step is worded: a function of ``explain`` and its arguments after the source port
Step: TypeAlias = tuple[Callable[..., Hop], tuple[Any, ...]]


@frozen(slots=True, repr=False)
class Trace(Frozen):
    """The hops of one connection, and how it ended.

    Attributes:
        source_port: of the client; the port is never changed on the way.
        result: one sentence.

    >>> def hop(port, name):
    ...     return Hop(name, "host", "route", "leaves by eth0", f"a:{port}", "b:81")
    >>> print(Trace(((hop, ("host01",)),), 40000, "refused"))
     1. host01  host  route: leaves by eth0
          a:40000 -> b:81
    => refused
    """

    _steps: tuple[Step, ...]
    source_port: int
    result: str

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every step in order. O(hops)."""
        return tuple(word(self.source_port, *arguments) for word, arguments in self._steps)

    def __repr__(self) -> str:
        return f"<Trace of {len(self._steps)} hops: {self.result}>"

    def after(self, step: Step) -> Trace:
        """The same with one more step before it."""
        return Trace((step, *self._steps), self.source_port, self.result)

    def __str__(self) -> str:
        lines = []
        for number, hop in enumerate(self.hops, 1):
            lines.append(f"{number:2d}. {hop.host}  {hop.namespace}  {hop.rule}: {hop.text}")
            if hop.pick is not None:
                lines.append(f"      {hop.pick}")
            lines.append(f"      {hop.source} -> {hop.destination}")
        return "\n".join([*lines, f"=> {self.result}"])

"""Room dataplane: keeping the steps of a walk for its trace.

Comes in: what a walk decides. Goes out: steps, worded later by ``explain``. Rule of this file: it keeps
something only when a trace was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.dataplane import explain
from meshsim.dataplane.trace import Pick, Step

if TYPE_CHECKING:
    from meshsim.dataplane.journal import Binding
    from meshsim.dataplane.opened import Client
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere
    from meshsim.ipvs import Flow, Outcome

__all__ = ["Telling"]


class Telling:
    """The part of a walk that remembers it.

    Attributes:
        client, address, port, protocol: what is tried.
        steps: filled as the packet goes; None when no trace is wanted.
    """

    __slots__ = ("address", "client", "port", "protocol", "steps")

    client: Client
    address: str
    port: int
    protocol: str
    steps: list[Step] | None

    def _tell_left(self, source: str, *, local: bool) -> None:
        if self.steps is not None:
            client = self.client
            where = getattr(client, "name", "host") if client.inside else "host"
            to = explain.at(self.address, self.port)
            self.steps.append((explain.left, (client.machine, where, source, to, local)))

    def _tell_balance(
        self, plane: DataPlane, sandbox: Sandbox, here: ServiceHere, flow: Flow, outcome: Outcome
    ) -> None:
        if self.steps is None or here.balanced is None:
            return
        source, virtual = flow.source[0], flow.destination[0]
        of_service = (
            here.service_name,
            here.mark,
            source,
            virtual,
            self.protocol,
            self.port,
            sandbox.ingress,
        )
        self.steps.append((explain.marked, (plane.name, sandbox.namespace, *of_service)))
        pick = Pick(
            here.balanced.name,
            here.mark,
            tuple((listed.address, listed.weight) for listed in here.balanced.destinations),
            outcome.destination.address if outcome.destination else "",
            _why(here.balanced.name, outcome),
        )
        turn = (plane.name, sandbox.namespace, source, virtual, self.port, pick)
        self.steps.append((explain.picked, turn))

    def _tell_overlay(self, plane: DataPlane, sandbox: Sandbox, binding: Binding, source: str) -> None:
        if self.steps is not None:
            to = explain.at(binding.address, self.port)
            over = (plane.name, sandbox.network, binding.node, source, to)
            self.steps.append((explain.overlay, over))


def _why(balancer: str, outcome: Outcome) -> str:
    """Why the balancer chose as it did, in a few words."""
    if outcome.destination is None:
        return "none may be used"
    if outcome.reason == "known":
        return "this client port has an entry already: same destination as before"
    return "new connection: each in turn, newest first" if balancer == "rr" else f"new connection: {balancer}"

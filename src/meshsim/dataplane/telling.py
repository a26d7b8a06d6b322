"""Room dataplane: keeping the steps of a walk for its trace.

Comes in: what a walk decides. Goes out: steps, worded later by ``explain``. Rule of this file: it keeps
something only when a trace was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshsim.dataplane import explain
from meshsim.dataplane.trace import Pick, Step

if TYPE_CHECKING:
    from meshsim.dataplane.journal import Binding
    from meshsim.dataplane.opened import Client
    from meshsim.dataplane.plane import DataPlane
    from meshsim.dataplane.sandbox import Sandbox, ServiceHere
    from meshsim.ipvs import Flow, Outcome

__all__ = ["Telling"]

#: of a task's id, which ends its container's name
_ID_LENGTH = 25


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

    def _own_address(self) -> str:
        """What the client's packets carry before any rule hides it."""
        if self.address.startswith("127."):
            return "127.0.0.1"
        client: Any = self.client
        return str(client.gateway_address if client.inside else client.address)

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
        listed = tuple((listed.address, listed.weight) for listed in here.balanced.destinations)
        chosen = outcome.destination.address if outcome.destination else ""
        pick = Pick(
            here.balanced.name,
            here.mark,
            listed,
            chosen,
            _why(here.balanced.name, outcome, listed),
            tuple(_short_name(sandbox, address) for address, _ in listed),
        )
        turn = (plane.name, sandbox.namespace, source, virtual, self.port, pick)
        self.steps.append((explain.picked, turn))

    def _tell_delivered(self, binding: Binding, source: str, target: int | None) -> None:
        if self.steps is not None:
            inside = (binding.node, binding.name, source, binding.address, self.protocol, self.port, target)
            self.steps.append((explain.delivered, inside))

    def _tell_overlay(self, plane: DataPlane, sandbox: Sandbox, binding: Binding, source: str) -> None:
        if self.steps is not None:
            to = explain.at(binding.address, self.port)
            over = (plane.name, sandbox.network, binding.node, source, to)
            self.steps.append((explain.overlay, over))


def _short_name(sandbox: Sandbox, address: str) -> str:
    """``web.2`` of ``web.2.l5cuj7uu0x9bpm1bi2kcjipdu``; empty when nobody is known there."""
    known = sandbox.known.get(address)
    if known is None:
        return ""
    name, _, task_id = known.name.rpartition(".")
    return name if len(task_id) == _ID_LENGTH else known.name


def _why(balancer: str, outcome: Outcome, listed: tuple[tuple[str, int], ...]) -> str:
    """Why the balancer chose as it did, in a few words that stay true while the list is the same."""
    if outcome.destination is None:
        return "none may be used"
    if outcome.reason == "known":
        return "this client port has an entry already: same destination as before"
    if balancer != "rr":
        return f"new connection: {balancer}"
    usable = [address for address, weight in listed if weight]
    if len(usable) < 2:
        return "new connection: nobody else may be used"
    after = usable[(usable.index(outcome.destination.address) + 1) % len(usable)]
    return f"new connection: each in turn down the list; {after} is next"

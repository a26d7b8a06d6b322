"""Room manager: what users ask of a swarm, checked in SwarmKit's order and words, then written.

Comes in: specs, ids, versions. Goes out: one transaction each, and the stored object; or a refusal, and
then nothing has changed. Rules of this room: check, then write; the loops find the rest in the store. The
engine's own checks (made before a manager is asked) are made by who calls. It does not know who asks.

Source: swarmkit manager/controlapi/server.go Server.
"""

from __future__ import annotations

from meshsim.manager.control.filecalls import FileCalls
from meshsim.manager.control.membershipcalls import MembershipCalls
from meshsim.manager.control.networkcalls import NetworkCalls
from meshsim.manager.control.servicecalls import ServiceCalls

__all__ = ["Control"]


class Control(MembershipCalls, ServiceCalls, NetworkCalls, FileCalls):
    """The control API of one swarm.

    Args:
        store: the swarm's state.
        clock: for the times written.
        profile: how refusals are worded.
        streams: ``"ids"`` for new objects, ``"tokens"`` for secrets.
        members: Raft's members.

    >>> from meshsim.model.objects import Swarm
    >>> from meshsim.model.specs import ContainerSpec, ServiceSpec, TaskSpec
    >>> from meshsim.model.store import Store
    >>> from meshsim.profile import Profile
    >>> from meshsim.sim import Clock, Streams
    >>> clock = Clock()
    >>> store = Store(clock)
    >>> control = Control(store, clock, Profile(), Streams(0), members=None)
    >>> web = ServiceSpec("web", task=TaskSpec(ContainerSpec("nginx")))
    >>> control.create_service(web).version
    1
    >>> control.create_service(web)
    Traceback (most recent call last):
    ...
    meshsim.errors.AlreadyExists: rpc error: code = AlreadyExists desc = name conflicts with an existing
    object: service web already exists
    >>> control.find_service("web").id == control.find_service(control.find_service("web").id[:5]).id
    True
    """

    def check(self) -> None:
        """It keeps no state of its own: nothing to assert."""

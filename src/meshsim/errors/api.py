"""Errors: what the engine says no to, one class per status and kind. :mod:`meshsim.errors` draws the tree."""

from __future__ import annotations

from typing import ClassVar

from meshsim.errors.base import MeshsimError

__all__ = [
    "AlreadyExists",
    "AlreadyInSwarm",
    "Ambiguous",
    "ApiError",
    "BadConstraint",
    "Conflict",
    "FailedPrecondition",
    "Forbidden",
    "InvalidArgument",
    "InvalidParameter",
    "InvalidUnlockKey",
    "JoinRefused",
    "NoLeader",
    "NotFound",
    "NotInSwarm",
    "NotManager",
    "OutOfSequence",
    "PermissionDenied",
    "SwarmLocked",
    "Unavailable",
    "Unimplemented",
]


class ApiError(MeshsimError):
    """The engine says no. ``str(error)`` is what follows ``Error response from daemon: ``.

    Args:
        description: the sentence, without any ``rpc error`` prefix.
        rpc_code: gRPC code name when the sentence came through SwarmKit's API; default by class.

    Attributes:
        description: the bare sentence.
        status: the HTTP status the Engine API answers with.
        rpc_code: the gRPC code name, or None for the engine's own errors.

    Source: moby daemon/server/httpstatus/status.go statusCodeFromGRPCError.
    """

    status: ClassVar[int] = 500
    default_rpc_code: ClassVar[str | None] = None

    def __init__(self, description: str, *, rpc_code: str | None = None) -> None:
        self.description = description
        self.rpc_code = rpc_code or self.default_rpc_code
        prefix = f"rpc error: code = {self.rpc_code} desc = " if self.rpc_code else ""
        super().__init__(prefix + description)


class InvalidParameter(ApiError, ValueError):
    """The engine's own validation refused a value."""

    status = 400


class InvalidArgument(ApiError, ValueError):
    """SwarmKit's validation refused a value."""

    status = 400
    default_rpc_code = "InvalidArgument"


class BadConstraint(ApiError, ValueError):
    """A placement constraint that does not parse; ``expression`` is what came.

    SwarmKit returns the parser's plain error, so the code is Unknown and the HTTP status 500.

    Source: swarmkit manager/constraint/constraint.go Parse, manager/controlapi/service.go validatePlacement.
    """

    default_rpc_code = "Unknown"

    def __init__(self, description: str, expression: str = "") -> None:
        super().__init__(description)
        self.expression = expression


class NotFound(ApiError, LookupError):
    """No such object."""

    status = 404


class Ambiguous(ApiError, LookupError):
    """More than one object answers to the given name or id prefix."""

    status = 400


class Conflict(ApiError):
    """The name is taken, says the engine."""

    status = 409


class AlreadyExists(ApiError):
    """The name is taken, says SwarmKit."""

    status = 409
    default_rpc_code = "AlreadyExists"


class Forbidden(ApiError):
    """The engine refuses on principle, whatever the state."""

    status = 403


class PermissionDenied(ApiError):
    """SwarmKit refuses on principle."""

    status = 403
    default_rpc_code = "PermissionDenied"


class FailedPrecondition(ApiError):
    """Not while the swarm is in this state: HTTP 400, not 412."""

    status = 400
    default_rpc_code = "FailedPrecondition"


class Unimplemented(ApiError):
    """A change SwarmKit does not make to an object that exists."""

    status = 501
    default_rpc_code = "Unimplemented"


class OutOfSequence(ApiError):
    """An update carried a version that is no longer current; HTTP 500, as the real one."""

    status = 500
    default_rpc_code = "Unknown"

    def __init__(self) -> None:
        super().__init__("update out of sequence")


class Unavailable(ApiError):
    """This node cannot do that in its present state."""

    status = 503


class NotInSwarm(Unavailable):
    """The node is in no swarm."""


class AlreadyInSwarm(Unavailable):
    """The node is in a swarm already."""

    def __init__(self) -> None:
        super().__init__(
            'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm '
            "and join another one."
        )


class NotManager(Unavailable):
    """A swarm command on a node that is no manager.

    Source: moby daemon/cluster/cluster.go errNoManager.
    """


class SwarmLocked(Unavailable):
    """A manager of a swarm with autolock has restarted; its state is encrypted until it is unlocked.

    Source: moby daemon/cluster/errors.go errSwarmLocked; swarm.go Leave.
    """

    def __init__(self, *, leaving: bool = False) -> None:
        super().__init__(
            "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
            if leaving
            else "Swarm is encrypted and needs to be unlocked before it can be used. "
            'Please use "docker swarm unlock" to unlock it.'
        )


class NoLeader(Unavailable):
    """The managers have no leader: too few of them reach each other."""

    status = 500
    default_rpc_code = "Unknown"


class JoinRefused(ApiError):
    """The joining node or the manager refused the token; ``status`` follows the reason."""

    status = 400


class InvalidUnlockKey(ApiError):
    """A key of the right form that does not open the swarm.

    Source: moby daemon/cluster/errors.go errInvalidUnlockKey.
    """

    status = 401

    def __init__(self) -> None:
        super().__init__("swarm could not be unlocked: invalid key provided")

"""Every error meshsim raises, in one tree.

Floor 0; imports nothing. One class per thing a caller would do differently; fields stay readable
on the exception. Where a real engine has a sentence for the case, ``str(error)`` is that sentence,
as it follows ``Error response from daemon: ``.

::

    MeshsimError
    ├── ClockBusy               RuntimeError     a blocking verb inside a timer
    ├── EngineDown              ConnectionError  no engine runs there that could be asked
    ├── NotSettled              TimeoutError     settle() gave up: something keeps moving
    ├── NotModelled             NotImplementedError  meshsim does not simulate this
    ├── ExperimentStopped                        a run of an experiment failed; the others are kept
    ├── BadValue                ValueError       text that is no duration, size, port ...
    ├── ScriptError             ValueError       a lesson or command line that cannot be run
    │   └── BadScenario                          a scenario that is wrong; nothing has been run
    ├── ContractBroken          AssertionError   a user's own balancer, filter or placement breaks a law
    ├── TemplateProblem         ValueError       a --format template that does not parse or fit
    ├── UsageProblem            ValueError       docker refuses the line before it asks the engine
    │   └── FlagProblem                          the flags; the line exits with 125
    ├── ApiError                                 the engine says no; status is the HTTP status
    │   ├── InvalidParameter    ValueError  400  the engine's own validation
    │   ├── InvalidArgument     ValueError  400  SwarmKit's validation (rpc InvalidArgument)
    │   ├── BadConstraint       ValueError  500  a placement constraint that does not parse
    │   ├── NotFound            LookupError 404
    │   ├── Ambiguous           LookupError 400  several objects answer to the name
    │   ├── Conflict                        409  the name is taken (engine)
    │   ├── AlreadyExists                   409  the name is taken (rpc AlreadyExists)
    │   ├── Forbidden                       403  the engine refuses on principle
    │   ├── PermissionDenied                403  SwarmKit refuses on principle
    │   ├── FailedPrecondition              400  not in this state (rpc FailedPrecondition)
    │   ├── Unimplemented                   501  SwarmKit never does that (rpc Unimplemented)
    │   ├── OutOfSequence                   500  an update carried a stale version
    │   ├── Unavailable                     503  this node cannot do that now
    │   │   ├── NotInSwarm
    │   │   ├── AlreadyInSwarm
    │   │   ├── NotManager
    │   │   ├── SwarmLocked                      the manager restarted and wants its key
    │   │   └── NoLeader                    500
    │   ├── JoinRefused                     400  the token, or the manager's answer to it
    │   └── InvalidUnlockKey                401  not the key of this swarm
    ├── IpamError                                addresses, subnets, serial numbers
    │   ├── NumberTaken                          the very number asked for is handed out
    │   │   └── AddressInUse
    │   ├── NumberOutOfRange    ValueError       not a number of this set
    │   │   └── AddressOutOfRange
    │   ├── NoNumberLeft                         all are handed out
    │   │   └── NoAddressLeft
    │   ├── PoolOverlap
    │   └── NoSubnetLeft
    ├── IpvsError                                ipvsadm's words; exit_code is ipvsadm's
    │   ├── ServiceExists, DestinationExists
    │   ├── NoSuchService, NoSuchDestination     LookupError
    │   ├── UnknownBalancer                      LookupError
    │   └── InvalidRule                          ValueError
    │       └── InvalidThreshold
    └── ConnectionFailed        ConnectionError  what a client experiences
        ├── ConnectionRefused, ConnectionWasReset, ConnectionTimedOut
        │   └── ConnectionHangs                  connected, but never a byte
        ├── HostUnreachable
        └── NameNotResolved
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "AddressInUse",
    "AddressOutOfRange",
    "AlreadyExists",
    "AlreadyInSwarm",
    "Ambiguous",
    "ApiError",
    "BadConstraint",
    "BadScenario",
    "BadValue",
    "ClockBusy",
    "Conflict",
    "ConnectionFailed",
    "ConnectionHangs",
    "ConnectionRefused",
    "ConnectionTimedOut",
    "ConnectionWasReset",
    "ContractBroken",
    "DestinationExists",
    "EngineDown",
    "ExperimentStopped",
    "FailedPrecondition",
    "FlagProblem",
    "Forbidden",
    "HostUnreachable",
    "InvalidArgument",
    "InvalidParameter",
    "InvalidRule",
    "InvalidThreshold",
    "InvalidUnlockKey",
    "IpamError",
    "IpvsError",
    "JoinRefused",
    "MeshsimError",
    "NameNotResolved",
    "NoAddressLeft",
    "NoLeader",
    "NoNumberLeft",
    "NoSubnetLeft",
    "NoSuchDestination",
    "NoSuchService",
    "NotFound",
    "NotInSwarm",
    "NotManager",
    "NotModelled",
    "NotSettled",
    "NumberOutOfRange",
    "NumberTaken",
    "OutOfSequence",
    "PermissionDenied",
    "PoolOverlap",
    "ScriptError",
    "ServiceExists",
    "SwarmLocked",
    "TemplateProblem",
    "Unavailable",
    "Unimplemented",
    "UnknownBalancer",
    "UsageProblem",
]


class MeshsimError(Exception):
    """Root of every error raised on purpose by meshsim.

    Attributes:
        exit_code: what a command line that ends in this error exits with.
    """

    exit_code: ClassVar[int] = 1


class ClockBusy(MeshsimError, RuntimeError):
    """A verb that steps time was called while time was being stepped (inside a timer or an image)."""


class EngineDown(MeshsimError, ConnectionError):
    """Nobody answers on the socket of the engine of ``host``: it was stopped, or its machine has no power.

    Source: docker/cli, moby client/errors.go ErrorConnectionFailed.
    """

    def __init__(self, host: str) -> None:
        super().__init__(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
            "Is the docker daemon running?"
        )
        self.host = host


class NotSettled(MeshsimError, TimeoutError):
    """``settle()`` reached its limit of virtual time; ``moving`` names what was still pending."""

    def __init__(self, message: str, moving: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.moving = moving


class NotModelled(MeshsimError, NotImplementedError):
    """The real system can do this, meshsim does not simulate it; the fidelity page lists it."""


class ExperimentStopped(MeshsimError):
    """A run of an experiment failed, or its process died.

    Attributes:
        key: of the run.
        done: how many runs had finished.
        kept: what finished runs are kept in; give it to the same experiment and it goes on.
    """

    def __init__(self, message: str, key: str = "", *, done: int = 0, kept: Any = None) -> None:
        super().__init__(message)
        self.key = key
        self.done = done
        self.kept = kept


class BadValue(MeshsimError, ValueError):
    """A text that should have been a duration, a size, a port or the like; ``text`` is what came."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class ScriptError(MeshsimError, ValueError):
    """A lesson or command line that cannot be run; ``source`` and ``line`` say where."""

    def __init__(self, message: str, *, source: str = "", line: int = 0) -> None:
        super().__init__(f"{source}:{line}: {message}" if source and line else message)
        self.source = source
        self.line = line


class BadScenario(ScriptError):
    """A scenario that is wrong: nothing has been run.

    Attributes:
        path: the keys and numbers that lead to the wrong value.
        source, line: where its text stands, when it came from a text.
    """

    def __init__(
        self, message: str, path: tuple[str | int, ...] = (), *, source: str = "", line: int = 0
    ) -> None:
        super().__init__(message, source=source, line=line)
        self.sentence = message
        self.path = path


class ContractBroken(MeshsimError, AssertionError):
    """Somebody's own implementation breaks a law of its kind; the text is the shortest way to see it.

    Attributes:
        subject: what was put to the test, as ``LeastBytes``.
        law: the name of the law, as the kit's reference lists it.
        sentence: what went wrong.
        steps: what to do to see it, at most ten; the last one shows it.
    """

    def __init__(self, subject: str, law: str, sentence: str, steps: tuple[str, ...]) -> None:
        listed = "".join(f"\n  {number}. {step}" for number, step in enumerate(steps, 1))
        super().__init__(f'{subject} breaks the law "{law}": {sentence}{listed}')
        self.subject = subject
        self.law = law
        self.sentence = sentence
        self.steps = steps


class TemplateProblem(MeshsimError, ValueError):
    """A ``--format`` template that does not parse, or does not fit the object.

    ``str(error)`` is Go's sentence; from the shell docker's, ``template parsing error: `` included. The
    exit code is the command's business: 64 where ``docker inspect`` and ``network inspect`` cannot parse,
    else 1.
    """


class UsageProblem(MeshsimError, ValueError):
    """The docker command refuses its own arguments; no engine was asked.

    ``str(error)`` is all it prints on stderr, without the last newline.
    """


class FlagProblem(UsageProblem):
    """A flag that is unknown, lacks its value or cannot read it.

    Source: docker/cli cli/cobra.go FlagErrorFunc.
    """

    exit_code: ClassVar[int] = 125


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


class IpamError(MeshsimError):
    """An address, subnet or serial number cannot be given. Only the manager's log shows the sentence."""


class NumberTaken(IpamError):
    """The number asked for is handed out already; ``number`` is that number.

    Source: moby daemon/libnetwork/bitmap/sequence.go ErrBitAllocated.
    """

    sentence: ClassVar[str] = "requested bit is already allocated"

    def __init__(self, number: int | str = "") -> None:
        super().__init__(self.sentence)
        self.number = number


class AddressInUse(NumberTaken):
    """The address asked for is handed out already; ``number`` is the address as text.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrIPAlreadyAllocated.
    """

    sentence = "Address already in use"


class NumberOutOfRange(IpamError, ValueError):
    """The set does not hold the number asked for; ``number`` is that number.

    Source: swarmkit manager/allocator internal/idm GetSpecificID.
    """

    sentence: ClassVar[str] = "requested id does not belong to the set"

    def __init__(self, number: int | str = "") -> None:
        super().__init__(self.sentence)
        self.number = number


class AddressOutOfRange(NumberOutOfRange):
    """The subnet does not hold the address asked for; ``number`` is the address as text.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrIPOutOfRange.
    """

    sentence = "requested address is out of range"


class NoNumberLeft(IpamError):
    """Every number of the set is handed out.

    Source: moby daemon/libnetwork/bitmap/sequence.go ErrNoBitAvailable.
    """

    sentence: ClassVar[str] = "no bit available"

    def __init__(self) -> None:
        super().__init__(self.sentence)


class NoAddressLeft(NoNumberLeft):
    """Every address of the subnet (or of its range) is handed out.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrNoAvailableIPs.
    """

    sentence = "no available addresses on this pool"


class PoolOverlap(IpamError):
    """The subnet asked for overlaps one in use; ``subnet`` is the one asked for.

    Source: moby daemon/libnetwork/ipams/defaultipam/allocator.go RequestPool.
    """

    def __init__(self, subnet: str = "") -> None:
        super().__init__("invalid pool request: Pool overlaps with other one on this address space")
        self.subnet = subnet


class NoSubnetLeft(IpamError):
    """Every subnet of the default pools is handed out; the sentence depends on the order they go in.

    Source: moby daemon/libnetwork/ipamapi/contract.go ErrNoMoreSubnets; libnetwork ipam/allocator.go
    getPredefinedPool.
    """


class IpvsError(MeshsimError):
    """IPVS refuses; the text is ipvsadm's where it has one, ``exit_code`` too."""

    exit_code: ClassVar[int] = 255


class ServiceExists(IpvsError):
    """The virtual service is defined already."""

    def __init__(self) -> None:
        super().__init__("Service already exists")


class DestinationExists(IpvsError):
    """The destination is in the service already."""

    def __init__(self) -> None:
        super().__init__("Destination already exists")


class NoSuchService(IpvsError, LookupError):
    """No virtual service with that key."""

    def __init__(self, message: str = "No such service") -> None:
        super().__init__(message)


class NoSuchDestination(IpvsError, LookupError):
    """No such destination in the service."""

    def __init__(self) -> None:
        super().__init__("No such destination")


class UnknownBalancer(IpvsError, LookupError):
    """No balancer of that name; ``known`` lists those there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Scheduler or persistence engine not found: {name!r}; known: {', '.join(known)}")
        self.name = name
        self.known = known


class InvalidRule(IpvsError, ValueError):
    """A service or destination that cannot be defined so."""

    exit_code = 2


class InvalidThreshold(InvalidRule):
    """A lower threshold above the upper one; the kernel refuses, not ipvsadm."""

    exit_code = 255

    def __init__(self) -> None:
        super().__init__("Numerical result out of range")


class ConnectionFailed(MeshsimError, ConnectionError):
    """A client's connection or request did not get through.

    Attributes:
        kind: what the client experiences: ``refused reset timeout hang unreachable unresolved``.
        elapsed_ns: virtual nanoseconds until the client knew.
        why: what no client knows: where it ended and why; empty when there is no more to say.
        trace: every hop up to there (:class:`meshsim.dataplane.Trace`); None when no trace was kept.
    """

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, elapsed_ns: int = 0, why: str = "", trace: Any = None) -> None:
        super().__init__(message)
        self.elapsed_ns = elapsed_ns
        self.why = why
        self.trace = trace


class ConnectionRefused(ConnectionFailed):
    """Refused at once: nobody listens, or no destination may be used."""

    kind = "refused"


class ConnectionWasReset(ConnectionFailed):
    """An established connection was answered by RST."""

    kind = "reset"


class ConnectionTimedOut(ConnectionFailed):
    """No answer until the client gave up."""

    kind = "timeout"


class ConnectionHangs(ConnectionTimedOut):
    """The connection was made, but never a byte came back."""

    kind = "hang"


class HostUnreachable(ConnectionFailed):
    """No route, or no answer to ARP."""

    kind = "unreachable"


class NameNotResolved(ConnectionFailed):
    """The name does not resolve where the client stands."""

    kind = "unresolved"

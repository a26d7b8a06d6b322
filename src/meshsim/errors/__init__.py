"""Every error meshsim raises, in one tree.

Floor 0; imports nothing but its own parts. One class per thing a caller would do differently; fields
stay readable on the exception. Where a real engine has a sentence for the case, ``str(error)`` is that
sentence, as it follows ``Error response from daemon: ``.

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

from meshsim.errors.api import (
    AlreadyExists,
    AlreadyInSwarm,
    Ambiguous,
    ApiError,
    BadConstraint,
    Conflict,
    FailedPrecondition,
    Forbidden,
    InvalidArgument,
    InvalidParameter,
    InvalidUnlockKey,
    JoinRefused,
    NoLeader,
    NotFound,
    NotInSwarm,
    NotManager,
    OutOfSequence,
    PermissionDenied,
    SwarmLocked,
    Unavailable,
    Unimplemented,
)
from meshsim.errors.base import (
    BadScenario,
    BadValue,
    ClockBusy,
    ContractBroken,
    EngineDown,
    ExperimentStopped,
    FlagProblem,
    MeshsimError,
    NotModelled,
    NotSettled,
    ScriptError,
    TemplateProblem,
    UsageProblem,
)
from meshsim.errors.connections import (
    ConnectionFailed,
    ConnectionHangs,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
    NameNotResolved,
)
from meshsim.errors.mechanisms import (
    AddressInUse,
    AddressOutOfRange,
    DestinationExists,
    InvalidRule,
    InvalidThreshold,
    IpamError,
    IpvsError,
    NoAddressLeft,
    NoNumberLeft,
    NoSubnetLeft,
    NoSuchDestination,
    NoSuchService,
    NumberOutOfRange,
    NumberTaken,
    PoolOverlap,
    ServiceExists,
    UnknownBalancer,
)

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

# People know them by this address: tracebacks and pickles should too.
for _name in __all__:
    globals()[_name].__module__ = __name__

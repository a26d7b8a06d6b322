"""Room shell (floor 6): docker command lines, the tools around them, and lessons.

>>> from meshsim import Cluster
>>> host01 = Cluster().add_host("host01")
>>> print(host01.run("docker node ls").stderr, end="")  # doctest: +NORMALIZE_WHITESPACE
Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or
"docker swarm join" to connect this node to swarm and try again.

Read in this order: ``syntax``, ``line``, ``words`` and ``evaluate`` (a line becomes commands), ``flags`` and
``usage`` (a command's words), ``templates`` (``--format``), ``docker`` and ``tools`` (the commands),
``shell`` (a machine's), ``lesson`` (a script with its expected outputs).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from meshsim.shell.cluster import Cluster

if TYPE_CHECKING:
    from meshsim.shell.result import Result
    from meshsim.shell.shell import Session, Shell

__all__ = ["Cluster", "Result", "Session", "Shell"]

_HOMES = {"Result": "meshsim.shell.result", "Session": "meshsim.shell.shell", "Shell": "meshsim.shell.shell"}


def __getattr__(name: str) -> Any:
    """Import the shells when one is first asked for (PEP 562): many clusters never open any."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value

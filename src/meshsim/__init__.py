"""meshsim: Docker Swarm's routing mesh, simulated in memory, deterministically and faithfully.

>>> from meshsim import Cluster
>>> cluster = Cluster(seed=7)
>>> host01, host02 = cluster.add_hosts("host01", "host02")
>>> print(host01.run("docker swarm leave").stderr, end="")
Error response from daemon: This node is not part of a swarm

Start at :class:`Cluster`. The mechanisms are usable alone: :mod:`meshsim.ipvs`, :mod:`meshsim.dns`,
:mod:`meshsim.ipam`, :mod:`meshsim.placement`. Errors are in :mod:`meshsim.errors`.

Importing the package costs next to nothing: its names and rooms are imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshsim.cluster import Connection, Host, Image, Machine, Reply, Request, Response
    from meshsim.profile import Profile
    from meshsim.shell import Cluster

__all__ = ["Cluster", "Connection", "Host", "Image", "Machine", "Profile", "Reply", "Request", "Response"]

#: where the names live that are not the facade's
_HOMES = {"Cluster": "meshsim.shell", "Profile": "meshsim.profile"}


def __getattr__(name: str) -> Any:
    """Import a name of this package, or a room of it, when it is first asked for (PEP 562)."""
    if name in __all__:
        value = getattr(import_module(_HOMES.get(name, "meshsim.cluster")), name)
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        try:
            value = import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""meshsim: Docker Swarm's routing mesh, simulated in memory, deterministically and faithfully.

>>> from meshsim import Cluster
>>> cluster = Cluster(seed=7)
>>> host01, host02 = cluster.add_hosts("host01", "host02")
>>> print(host01.run("docker swarm leave").stderr, end="")
Error response from daemon: This node is not part of a swarm

Start at :class:`Cluster`. The mechanisms are usable alone: :mod:`meshsim.ipvs`, :mod:`meshsim.dns`,
:mod:`meshsim.ipam`, :mod:`meshsim.placement`. Errors are in :mod:`meshsim.errors`.
"""

from meshsim.cluster import Connection, Host, Image, Machine, Reply, Request, Response
from meshsim.profile import Profile
from meshsim.shell import Cluster

__all__ = ["Cluster", "Connection", "Host", "Image", "Machine", "Profile", "Reply", "Request", "Response"]

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

from meshsim.shell.cluster import Cluster
from meshsim.shell.result import Result
from meshsim.shell.shell import Session, Shell

__all__ = ["Cluster", "Result", "Session", "Shell"]

"""Room shell: the cluster with shells: what ``meshsim.Cluster`` is.

The facade stands one floor below and may not know the shell; so the shell room extends it: machines get a
command line, and programs in containers know the network tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from meshsim.cluster import Cluster as Facade
from meshsim.cluster import Container, Machine, ProgramResult

if TYPE_CHECKING:
    from meshsim.shell.shell import Session, Shell

__all__ = ["Cluster"]


class Cluster(Facade):
    """A set of machines on one virtual clock with one seed, each with a shell.

    >>> cluster = Cluster(seed=7)
    >>> host01 = cluster.add_host("host01")
    >>> node_id = host01.swarm.init()
    >>> print(host01.run("docker node ls --format '{{.Hostname}} {{.ManagerStatus}}'").stdout, end="")
    host01 Leader

    Args:
        seed: everything random is drawn from it; the same calls and seed give the same log.
        **options: those of :class:`meshsim.cluster.Cluster`: ``engine``, ``profile``, ``ties``, ``balancer``,
            ``images``, ``extra_filters``, ``order``, ``placement``, ``epoch_ns``, ``outside``.
    """

    # The commands and tools are imported here and not above: many clusters never need them.

    @cached_property
    def _session(self) -> Session:
        from meshsim.shell.shell import Session

        return Session()

    def open_shell(self, machine: Machine) -> Shell:
        """Make a machine's shell; all of a cluster share what was said once."""
        from meshsim.shell.shell import Shell

        return Shell(machine, self._session)

    def run_program(self, container: Container, argv: Sequence[str]) -> ProgramResult:
        """What a program in a container does: the network tools, and the few the facade knows."""
        from meshsim.shell.places import run_in_container

        return run_in_container(self, container, argv)

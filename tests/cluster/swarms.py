"""What tests of whole clusters share: a swarm of so many hosts, and the tasks that count."""

from __future__ import annotations

from meshsim import Cluster
from meshsim.model.states import TaskState

__all__ = ["images", "live", "running", "states", "swarm"]


def swarm(hosts: int = 2, managers: int = 1, *, init=None, **options):
    """A cluster whose hosts host01, host02 ... are in one swarm, and the list of the hosts."""
    cluster = Cluster(**{"seed": 3, **options})
    first, *others = made = cluster.add_hosts(*(f"host{n:02d}" for n in range(1, hosts + 1)))
    first.swarm.init(**(init or {}))
    for number, host in enumerate(others, 2):
        role = "manager" if number <= managers else "worker"
        host.swarm.join("host01:2377", token=first.swarm.join_token(role))
    cluster.settle()
    return cluster, list(made)


def live(service):
    """The tasks that shall run, by slot."""
    tasks = [t for t in service.tasks() if t.record.desired <= TaskState.RUNNING]
    return sorted(tasks, key=lambda t: t.slot)


def running(service):
    """The tasks that shall run and do."""
    return [t for t in live(service) if t.state is TaskState.RUNNING]


def images(service):
    """The images of the running tasks, without ``:latest``."""
    return [t.record.spec.container.image.removesuffix(":latest") for t in running(service)]


def states(service):
    """Slot, desired and observed state of every task, in order of creation."""
    return [(t.slot, t.record.desired.name.lower(), t.state.name.lower()) for t in service.tasks()]

"""The allocator: subnets, virtual addresses, addresses of tasks and nodes, published ports.

The loop is :class:`Allocator`; what it hands out comes from :class:`NetworkAllocator` and
:class:`PortAllocator`, put together for a service by :class:`EndpointAllocator`::

    >>> from meshsim.model.objects import Network, Service, Swarm, Task, TaskShared
    >>> from meshsim.model.specs import NetworkAttachmentConfig, NetworkSpec, ServiceSpec, TaskSpec
    >>> from meshsim.model.store import Store
    >>> from meshsim.profile import Profile
    >>> from meshsim.sim import Clock, Streams
    >>> clock = Clock()
    >>> store = Store(clock)
    >>> with store.transaction() as tx:
    ...     swarm = tx.create(Swarm("c1"))
    >>> Allocator(store, clock, Profile(), Streams(0)).start()
    >>> with store.transaction() as tx:
    ...     eg1 = tx.create(Network("eg1", spec=NetworkSpec("eg1")))
    >>> store.networks["eg1"].ipam[0].gateway
    '10.0.0.1'
    >>> spec = ServiceSpec("http", task=TaskSpec(networks=(NetworkAttachmentConfig("eg1"),)))
    >>> with store.transaction() as tx:
    ...     http = tx.create(Service("s1", spec=spec))
    ...     task = tx.create(Task("t1", TaskShared("s1", "http", spec.task, 0, 0), 1))
    >>> store.services["s1"].endpoint.virtual_ips[0].address
    '10.0.0.2/24'
    >>> store.tasks["t1"].state.label, store.tasks["t1"].attachments[0].address
    ('pending', '10.0.0.3/24')
"""

from meshsim.manager.allocator.allocator import Allocator
from meshsim.manager.allocator.endpoints import EndpointAllocator
from meshsim.manager.allocator.networks import NetworkAllocator
from meshsim.manager.allocator.ports import PortAllocator

__all__ = ["Allocator", "EndpointAllocator", "NetworkAllocator", "PortAllocator"]

"""Subnets, addresses and serial numbers, handed out as Docker Swarm does: they climb, then wrap.

Usable alone. A swarm's leader in a few lines::

    >>> from meshsim.ipam import Ipam, Serial
    >>> ipam, vxlan = Ipam(), Serial(VXLAN_FIRST, VXLAN_LAST)
    >>> ingress = ipam.any()
    >>> eg1 = ipam.any()
    >>> eg1.subnet, eg1.take_gateway()
    ('10.0.1.0/24', '10.0.1.1')
    >>> vip, task1, task2 = eg1.any(), eg1.any(), eg1.any()
    >>> vip, task1, task2
    ('10.0.1.2', '10.0.1.3', '10.0.1.4')

    A task dies and its successor does not get the freed address:

    >>> eg1.release(task1)
    >>> eg1.any()
    '10.0.1.5'

    but under a new leader, whose cursors start at nothing, the next one does:

    >>> (eg1,) = ipam.rebuild([("10.0.1.0/24", None, list(eg1))])
    >>> eg1.any()
    '10.0.1.3'

A map of the room: :class:`Serial` (numbers with a cursor; VXLAN ids, ports), :class:`Pool` (the addresses
of one subnet), :class:`Ipam` (the subnets of an address space), and what users' wishes are checked with:
:func:`command_line_subnets`, :func:`check_engine_subnets`, :func:`check_swarmkit_subnets`,
:func:`check_default_pools`.
"""

from __future__ import annotations

from meshsim.ipam.checks import (
    MAX_SUBNET_LENGTH,
    SubnetChoice,
    SubnetWish,
    check_default_pools,
    check_engine_subnets,
    check_swarmkit_subnets,
    command_line_subnets,
)
from meshsim.ipam.pool import Pool
from meshsim.ipam.serial import VXLAN_FIRST, VXLAN_LAST, Serial
from meshsim.ipam.subnets import GLOBAL_POOLS, LOCAL_POOLS, Ipam, SubnetOrder

__all__ = [
    "GLOBAL_POOLS",
    "LOCAL_POOLS",
    "MAX_SUBNET_LENGTH",
    "VXLAN_FIRST",
    "VXLAN_LAST",
    "Ipam",
    "Pool",
    "Serial",
    "SubnetChoice",
    "SubnetOrder",
    "SubnetWish",
    "check_default_pools",
    "check_engine_subnets",
    "check_swarmkit_subnets",
    "command_line_subnets",
]

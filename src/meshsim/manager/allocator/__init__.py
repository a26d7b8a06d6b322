"""The allocator: subnets, virtual addresses, addresses of tasks and nodes, published ports."""

from meshsim.manager.allocator.allocator import Allocator

__all__ = ["Allocator"]

"""What users ask of a swarm, checked and written: SwarmKit's control API."""

from meshsim.manager.control.base import Members
from meshsim.manager.control.control import Control

__all__ = ["Control", "Members"]

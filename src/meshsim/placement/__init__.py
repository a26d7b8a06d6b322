"""Room placement (floor 2): where a task goes. SwarmKit calls it the scheduler.

Usable alone: nodes and tasks in, decisions and explanations out.

>>> from meshsim.model.specs import Placement, Resources, TaskSpec
>>> from meshsim.placement import Placer, sample_node, sample_tasks
>>> placer = Placer()
>>> for name, zone in (("host01", "a"), ("host02", "b"), ("host03", "b")):
...     placer.set_node(sample_node(name, cpus=2, labels={"zone": zone}))
>>> spec = TaskSpec(
...     reservations=Resources(nano_cpus=500_000_000),
...     placement=Placement(preferences=("node.labels.zone",)),
... )
>>> placer.place(sample_tasks("web", 8, spec)).per_node()
{'host01': 4, 'host02': 2, 'host03': 2}

A thirteenth half CPU finds no room:

>>> placer.what_if(sample_tasks("db", 5, spec)).pending
{'db.5': 'no suitable node (insufficient resources on 3 nodes)'}

Read in this order: ``constraints`` and ``generic`` (two small languages), ``nodeinfo`` (what is known of a
node), ``demand`` (what a task asks), ``filters`` and ``pipeline`` (may it go there), ``board``,
``levelling``, ``tree`` and ``place`` (which node it gets), ``placer`` (the owner of it all), ``explain``;
``scaledown`` is the way back.
"""

from meshsim.placement.board import Board, Order, PlacementFunction, swarm_order
from meshsim.placement.constraints import (
    Constraint,
    label_reader,
    meets,
    parse_constraint,
    parse_constraints,
)
from meshsim.placement.demand import Demand, validate_resources
from meshsim.placement.explain import Explanation, NodeVerdict
from meshsim.placement.filters import DEFAULT_FILTERS, Filter, TaskFilter
from meshsim.placement.generic import environment, parse_generic
from meshsim.placement.nodeinfo import MAX_FAILURES, MONITOR_FAILURES_NS, NodeInfo
from meshsim.placement.pipeline import NO_SUITABLE_NODE, Pipeline
from meshsim.placement.place import NO_SPEC_VERSION, Outcome, group_tasks, swarm_placement
from meshsim.placement.placer import Placer
from meshsim.placement.samples import sample_node, sample_tasks
from meshsim.placement.scaledown import scale_down_order, scale_down_victims

__all__ = [
    "DEFAULT_FILTERS",
    "MAX_FAILURES",
    "MONITOR_FAILURES_NS",
    "NO_SPEC_VERSION",
    "NO_SUITABLE_NODE",
    "Board",
    "Constraint",
    "Demand",
    "Explanation",
    "Filter",
    "NodeInfo",
    "NodeVerdict",
    "Order",
    "Outcome",
    "Pipeline",
    "PlacementFunction",
    "Placer",
    "TaskFilter",
    "environment",
    "group_tasks",
    "label_reader",
    "meets",
    "parse_constraint",
    "parse_constraints",
    "parse_generic",
    "sample_node",
    "sample_tasks",
    "scale_down_order",
    "scale_down_victims",
    "swarm_order",
    "swarm_placement",
    "validate_resources",
]

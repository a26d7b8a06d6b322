"""Room agent (floor 3): a node's task runner.

Assignments in, statuses out; what a container is, only the runtime knows. A task's moves are a table:

>>> from meshsim.agent import TABLE
>>> from meshsim.model.states import TaskState
>>> state, path = TaskState.ASSIGNED, []
>>> while rule := TABLE.get((state, TaskState.RUNNING)):
...     path.append(f"{rule.act.value}: {rule.message}")
...     state = rule.to
>>> path[:4]
['go on: accepted', 'go on: preparing', 'prepare: prepared', 'go on: starting']

A task that is desired READY waits where it was prepared:

>>> TABLE.get((TaskState.READY, TaskState.READY)) is None
True

Read in this order: ``moves`` (the table), ``runtime`` (the engine), ``controller`` (one task), ``worker``
(all of a node), ``agent`` (the line to the managers).
"""

from meshsim.agent.agent import Agent, DispatcherApi
from meshsim.agent.controller import Controller, Doing
from meshsim.agent.moves import TABLE, Act, Rule
from meshsim.agent.runtime import Outcome, Runtime, TaskContainer, success
from meshsim.agent.worker import TaskView, Worker

__all__ = [
    "TABLE",
    "Act",
    "Agent",
    "Controller",
    "DispatcherApi",
    "Doing",
    "Outcome",
    "Rule",
    "Runtime",
    "TaskContainer",
    "TaskView",
    "Worker",
    "success",
]

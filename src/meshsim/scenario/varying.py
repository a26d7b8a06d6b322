"""Room scenario: one scenario with a value changed deep inside.

Comes in: a scenario, the path of a value (``services.web.replicas``), another value. Goes out: a scenario
that is right as a whole, or one sentence. It does not know why somebody wants it changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, has

from meshsim.errors import BadValue
from meshsim.scenario.fields import known
from meshsim.scenario.plans import ServicePlan
from meshsim.scenario.scenario import Scenario

__all__ = ["varied"]


def varied(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The same scenario with some of its values replaced.

    Args:
        scenario: what to start from.
        values: by path: keys as in :class:`Scenario` and its records, members of lists by their name or
            number: ``balancer``, ``services.web.replicas``, ``clients.crowd.arrivals.per_second``,
            ``steps.0.at``.

    Raises:
        BadValue: no such path.
        BadScenario: the scenario would be wrong.

    >>> from meshsim.scenario import Client, Every, Scenario, ServicePlan
    >>> base = Scenario(
    ...     services=[ServicePlan("web", replicas=2, publish="81:80")],
    ...     clients=[Client("alice", "host01:81", Every("1s"), requests=10)],
    ... )
    >>> other = varied(base, {"services.web.replicas": 4, "clients.alice.requests": 20})
    >>> other.services[0].flags["replicas"], other.clients[0].requests
    (4, 20)
    """
    for path, value in values.items():
        keys = path.split(".")
        try:
            scenario = _replaced(scenario, keys, value)
        except _NoSuchKey as problem:
            raise BadValue(f"a scenario has no {path}: {problem}", path) from None
        except BadValue as problem:
            raise BadValue(f"{path}: {problem}", problem.text) from None
    return scenario


class _NoSuchKey(Exception):
    """A step of the path leads nowhere."""


def _replaced(holder: Any, keys: list[str], value: Any) -> Any:
    """The holder with the value at the end of the path put in."""
    if not keys:
        return value
    head, rest = keys[0], keys[1:]
    if isinstance(holder, tuple):
        index = _index(holder, head)
        return (*holder[:index], _replaced(holder[index], rest, value), *holder[index + 1 :])
    if isinstance(holder, Mapping):
        return {**holder, head: _replaced(holder.get(head), rest, value)}
    if not has(type(holder)):
        raise _NoSuchKey(f"nothing is inside {holder!r}")
    if isinstance(holder, ServicePlan):
        own = _arguments(holder)
        return ServicePlan(**{**own, head: _replaced(own.get(head), rest, value)})
    attribute = known(type(holder)).get(head)
    if attribute is None:
        raise _NoSuchKey(f"there are {', '.join(known(type(holder)))}")
    return evolve(holder, **{head: _replaced(getattr(holder, attribute.name), rest, value)})


def _arguments(service: ServicePlan) -> dict[str, Any]:
    """What makes the same service: its fields, and flags of any name."""
    fields = known(ServicePlan)
    own = {key: getattr(service, each.name) for key, each in fields.items() if not each.metadata.get("rest")}
    return {**own, **service.flags}


def _index(members: tuple[Any, ...], key: str) -> int:
    names = [str(getattr(member, "name", number)) for number, member in enumerate(members)]
    if key in names:
        return names.index(key)
    if key.isdigit() and int(key) < len(members):
        return int(key)
    raise _NoSuchKey(f"there are {', '.join(names) or 'none'}")

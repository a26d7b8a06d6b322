"""Room testing: scenarios as text that runs elsewhere: as Python, and as docker command lines.

Comes in: a scenario. Goes out: a Python file that runs it; or what to type at which machine, with remarks
where docker has no command (a power cut, a client). The lines are those of a lesson's console block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import Any, Final

from attrs import has

from meshsim.scenario import (
    Availability,
    Client,
    Crash,
    Do,
    Fail,
    Heal,
    HostPlan,
    NetworkPlan,
    Partition,
    Recover,
    Remove,
    Scale,
    Scenario,
    ServicePlan,
    Step,
    Update,
)
from meshsim.scenario.source import expression, program
from meshsim.shell.docker.service_flags import CREATE_FLAGS, UPDATE_FLAGS
from meshsim.units import SECOND, duration_text

__all__ = ["as_docker", "as_python"]

#: flags whose integers are nanoseconds
_DURATIONS: Final = frozenset(flag.name for flag in (*CREATE_FLAGS, *UPDATE_FLAGS) if flag.kind == "duration")
#: flags of the facade that stand behind the image
_OPERANDS: Final = ("command", "args")


def as_python(scenario: Scenario, seed: int | str = 0) -> str:
    """A scenario as a Python file: it runs the scenario and prints the report, which is the same again.

    Args:
        scenario: what is written.
        seed: of the run.

    Raises:
        BadScenario: part of it is code that cannot be imported by a name.

    >>> from meshsim.scenario import Scenario, ServicePlan, at
    >>> scenario = Scenario(services=[ServicePlan("web", publish="81:80")], steps=[at("5s").scale("web", 2)])
    >>> print(as_python(scenario, seed=7), end="")
    from meshsim.scenario import Scenario, ServicePlan, at
    <BLANKLINE>
    scenario = Scenario(
        services=[ServicePlan("web", publish="81:80")],
        steps=[at("5s").scale("web", 2)],
    )
    report = scenario.run(seed=7)
    print(report)
    """
    return program(scenario, seed)


def as_docker(scenario: Scenario) -> str:
    """A scenario as docker command lines, each behind the prompt of its machine; the rest as remarks.

    >>> from meshsim.scenario import Client, Scenario, ServicePlan, at
    >>> print(as_docker(Scenario(
    ...     hosts=["host01", "host02"],
    ...     services=[ServicePlan("web", replicas=2, publish="81:80")],
    ...     clients=[Client("alice", "host01:81", "1s", requests=10)],
    ...     steps=[at("5s").scale("web", 3), at("8s").fail("host02")],
    ... )), end="")
    host01$ docker swarm init
    host02$ docker swarm join --token $(ssh host01 "docker swarm join-token -q worker") host01:2377
    host01$ docker service create -d --name web --replicas 2 --publish 81:80 web
    # alice calls host01:81, Every("1s"), 10 requests
    host01$ sleep 5
    host01$ docker service scale -d web=3
    host01$ sleep 3
    # host02 loses power
    """
    return "".join(f"{line}\n" for line in _lines(scenario))


def _lines(scenario: Scenario) -> Iterator[str]:
    prompt = f"{scenario.hosts[0].name}$"
    for number, host in enumerate(scenario.hosts):
        yield from _host(host, scenario.hosts[0], first=not number)
    for network in scenario.networks:
        yield f"{prompt} {_network(network)}"
    for service in scenario.services:
        yield f"{prompt} {_service(service)}"
    for client in scenario.clients:
        yield f"# {_client(client)}"
    timed = sorted((s for s in scenario.steps if s.at_ns is not None), key=lambda s: s.at_ns or 0)
    now_ns = 0
    for step in timed:
        at_ns = step.at_ns or 0
        if at_ns > now_ns:
            yield f"{prompt} sleep {(at_ns - now_ns) / SECOND:g}"
        now_ns = at_ns
        yield _step(step, prompt)
    for step in scenario.steps:
        if step.at_ns is None:
            yield f"# {step}"


def _host(host: HostPlan, first_host: HostPlan, *, first: bool) -> Iterator[str]:
    size = " and ".join(filter(None, (host.cpus and f"{host.cpus} CPUs", host.memory)))
    if host.address or size:
        yield f"# {host.name}{f' at {host.address}' if host.address else ''}{f' with {size}' if size else ''}"
    if first:
        yield f"{host.name}$ docker swarm init"
    else:
        role = "manager" if host.manager else "worker"
        token = f'$(ssh {first_host.name} "docker swarm join-token -q {role}")'
        yield f"{host.name}$ docker swarm join --token {token} {first_host.name}:2377"
    labels = "".join(f" --label-add {quote(f'{key}={value}')}" for key, value in host.labels.items())
    if labels:
        yield f"{first_host.name}$ docker node update{labels} {host.name}"


def _network(network: NetworkPlan) -> str:
    flags = [flag for flag in ("attachable", "internal") if getattr(network, flag)]
    words = ["docker network create --driver overlay", *(f"--{flag}" for flag in flags)]
    return " ".join([*words, *([f"--subnet {network.subnet}"] if network.subnet else []), network.name])


def _service(service: ServicePlan) -> str:
    words = [f"docker service create -d --name {quote(service.name)}", *_flags(service.flags)]
    operands = [word for name in _OPERANDS for word in _words(service.flags.get(name, ()))]
    return " ".join([*words, service.image or service.name, *map(quote, operands)])


def _flags(flags: Mapping[str, Any]) -> Iterator[str]:
    for key, value in flags.items():
        name = key.replace("_", "-")
        if key in _OPERANDS:
            continue
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--{name}=false"
        else:
            yield from (f"--{name} {quote(_word(name, each))}" for each in _words(value))


def _words(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [f"{key}={each}" for key, each in value.items()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _word(name: str, value: Any) -> str:
    return duration_text(value) if name in _DURATIONS and isinstance(value, int) else str(value)


def _client(client: Client) -> str:
    load = client.users if client.arrivals is None else client.arrivals
    where = f" in network {client.network}" if client.network else ""
    count = client.requests
    asked = "" if count is None else f", {count} request{'' if count == 1 else 's'}"
    when = expression(load) if has(type(load)) else str(load)
    return f"{client.name}{where} calls {' and '.join(client.calls)}, {when}{asked}"


def _step(step: Step, prompt: str) -> str:
    action: Any = step.do
    said = _SAID[type(action)](action)
    return f"{prompt} {said}" if said.startswith("docker ") else f"# {said}"


def _update(action: Any) -> str:
    operands = " ".join(str(word) for name in _OPERANDS for word in _words(action.flags.get(name, ())))
    args = [f"--args {quote(operands)}"] if operands else []
    return " ".join(["docker service update -d", *_flags(action.flags), *args, action.service])


def _cut(action: Any) -> str:
    return f"the network is cut: {' | '.join(' '.join(side) for side in action.sides)} | the others"


#: each action in words, docker's where there are some
_SAID: Final[Mapping[type, Callable[[Any], str]]] = {
    Scale: lambda do: f"docker service scale -d {do.service}={do.replicas}",
    Update: _update,
    Remove: lambda do: f"docker service rm {do.service}",
    Availability: lambda do: f"docker node update --availability {do.availability} {do.host}",
    Fail: lambda do: f"{do.host} loses power",
    Recover: lambda do: f"{do.host} has power again",
    Partition: _cut,
    Heal: lambda _: "the network is whole again",
    Crash: lambda do: f"the program of {do.service}.{do.slot} ends with exit code {do.exit_code}",
    Do: lambda do: f"call {getattr(do.what, '__name__', do.what)}",
}

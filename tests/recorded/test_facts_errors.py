"""Every refusal recorded on the real swarm: what was typed, what came back on stderr, the exit code."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from tests.recorded.facts import FACTS, IMAGE, each, leave_out, machines, swarm

from meshsim import Cluster
from meshsim.cluster.images import Image

_HTTP = IMAGE


def _typed(cluster: Cluster, *lines: str, host: str = "host01") -> Cluster:
    for line in lines:
        result = cluster.host(host).run(line)
        assert result.exit == 0, (line, result.stderr)
    cluster.settle()
    return cluster


def _alone() -> Cluster:
    return machines()


def _one() -> Cluster:
    """host01 has a swarm, the others are outside."""
    cluster = machines()
    return _typed(cluster, "docker swarm init")


def _three() -> Cluster:
    return swarm()


def _lesson() -> Cluster:
    """Three hosts, lbapp1 published on 81, eg1 with http and cli."""
    return _typed(
        swarm(),
        f"docker service create -d --name lbapp1 --replicas 2 -p 81:80 {_HTTP}",
        "docker network create -d overlay --attachable eg1",
        f"docker service create -d --name http --replicas 2 --network eg1 {_HTTP}",
        "docker run -d --name cli --network eg1 alpine sleep 1000000",
        "docker network create -d overlay n3",
        f"docker service create -d --name hm --mode global -p mode=host,published=8080,target=80 {_HTTP}",
    )


def _named() -> Cluster:
    return _typed(_lesson(), f"docker service create -d --name x --network eg1 {_HTTP}")


def _attached_only() -> Cluster:
    return _typed(
        swarm(),
        "docker network create -d overlay --attachable eg1",
        "docker run -d --name cli --network eg1 alpine sleep 1000000",
    )


def _placed() -> Cluster:
    """The services of the placement session, but for those that were refused."""
    names = [*(f"c{number}" for number in range(1, 10)), "g1", "g2", "hm2"]
    return _typed(_lesson(), *(f"docker service create -d --name {name} {_HTTP}" for name in names))


def _updated() -> Cluster:
    """Service up, and an image whose program exits 7 at once."""
    cluster = swarm(images={"bad": Image("bad", command=("sh", "-c", "exit 7"))})
    return _typed(cluster, f"docker service create -d --name up --replicas 4 --update-delay 4s {_HTTP}")


def _two_managers() -> Cluster:
    return swarm(2, managers=2)


def _just_lost() -> Cluster:
    """The second manager has lost power; the first has not noticed yet."""
    cluster = _two_managers()
    _typed(cluster, f"docker service create -d --name q -p 81:80 {_HTTP}")
    cluster.host("host02").fail()
    cluster.run_for("9s")
    return cluster


def _stepped_down() -> Cluster:
    """The first manager leads no more, and has not been without a leader for ten ticks."""
    cluster = _just_lost()
    while cluster.swarms[0].leading:
        cluster.run_for("1s")
    return cluster


def _no_leader() -> Cluster:
    cluster = _just_lost()
    cluster.run_for("40s")
    return cluster


def _own_ingress() -> Cluster:
    cluster = swarm()
    cluster.host("host01").networks.get("ingress").remove()
    return cluster


#: transcript -> (what the command matches, where it is typed), the first match counts
_STATES: dict[str, list[tuple[str, Callable[[], Cluster]]]] = {
    "01_init_join": [
        (r"host02\$ docker (swarm init|node ls|service ls|swarm join-token worker)", _three),
        (r"host02\$ docker swarm join 192.168.65.11:2377 --token", _three),
        (r"host02\$", _one),
        (r"docker (node ls|service ls|swarm leave|swarm join-token worker)$", _alone),
        (r"", _one),
    ],
    "04_dnsrr": [(r"", _lesson)],
    "05_scale": [(r"", _lesson)],
    "06_update": [(r"", _updated)],
    "07_drain_kill": [(r"", _lesson)],
    "08_managers_quorum": [
        (r"docker node promote|docker node rm host02|host0[12]\$ docker swarm leave", _two_managers),
        (r"docker service ls", _stepped_down),
        (
            r"docker (service create|service scale|node inspect self|ps|swarm join-token|node demote host02)",
            _no_leader,
        ),
        (r"advertise-addr eth9$", _alone),
        (r"", _one),
    ],
    "09_placement": [(r"service rm", _placed), (r"", _lesson)],
    "11_names_networks": [(r"", _named)],
    "12_formats_stack": [(r"", _attached_only)],
    "14_small_subnet_ingress": [(r"docker network create -d overlay --ingress", _own_ingress), (r"", _three)],
    "15_pool_autolock": [(r"", _alone)],
}
#: where the same words were typed in several states
_EXACT: dict[str, Callable[[], Cluster]] = {
    "errors.47": _no_leader,
    "errors.50": _one,
    "errors.52": _one,
}
_FORMS = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "HEX"),
    (re.compile(r"\b(?=[0-9a-z]*\d)[0-9a-z]{25}\b"), "ID"),
    (re.compile(r"after \d+ (ms|milliseconds)"), r"after N \1"),
)


def normal(lines: list[str]) -> list[str]:
    """Lines without ids and milliseconds, which differ from swarm to swarm.

    A blank line at the start is what is left of the warning that an image has no digest: the recorded
    machines had no registry.
    """
    text = "\n".join(lines).lstrip("\n")
    for pattern, form in _FORMS:
        text = pattern.sub(form, text)
    return text.split("\n")


@cache
def _state(make: Callable[[], Cluster]) -> Cluster:
    return make()


def _line(cluster: Cluster, command: str) -> str:
    """The command with this swarm's secret, and an image's own name where the recording has a tag."""
    if "SWMTKN" not in command:
        return command.replace(f"{_HTTP}:bad", "bad")
    token = cluster.host("host01").swarm.join_token("worker")
    command = command.replace(RIGHT, token)
    return command.replace("-".join(RIGHT.split("-")[:3]), "-".join(token.split("-")[:3]))


RIGHT = "SWMTKN-1-3aqa4deivkhwhau4ioden6qfs9ukjnvgjpel9ri48aj697gkyl-6n13erdhz5rcpd1yao36vp9t4"


def _made(name: str, error: dict[str, Any]) -> Cluster:
    typed = f"{error['host']}$ {error['cmd']}"
    states = _STATES[error["transcript"]]
    make = _EXACT.get(name) or next(state for pattern, state in states if re.search(pattern, typed))
    return _state(make).fork()


leave_out("one line of ten commands, among them ss; what curl says of a refusal is in errors.44", "errors.98")


@each("name", "errors")
def test_refusal(name: str) -> None:
    error = FACTS[name]
    cluster = _made(name, error)
    result = cluster.host(error["host"]).run(_line(cluster, error["cmd"]))
    assert normal(result.stderr.splitlines()) == normal(error["stderr"])
    assert result.exit == error["exit"]

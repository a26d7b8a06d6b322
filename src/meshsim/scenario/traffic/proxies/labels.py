"""Room scenario: what labels of a service tell Traefik.

Comes in: labels. Goes out: whether and how the service is served. Rules of this file: both the newer
``traefik.swarm.*`` and the older ``traefik.docker.*`` are read; a label that is not read raises
``NotModelled``, so that nothing is left out in silence.

Source: traefik pkg/provider/docker/label.go, config.go; pkg/provider/configuration.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from meshsim.cluster import Request
from meshsim.errors import BadValue, NotModelled
from meshsim.model.frozen import Frozen

__all__ = ["Labels", "Router", "Rule", "read_labels"]

_MATCHER = re.compile(r"\s*(Host|PathPrefix|Path)\(\s*`([^`]*)`\s*\)\s*")
_LABEL = re.compile(r"traefik\.http\.(routers|services)\.([^.]+)\.(.+)", re.IGNORECASE)
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")
#: labels that say how clients come in, which all come in alike here
_HEEDLESS = ("entrypoints",)


@frozen(slots=True)
class Rule(Frozen):
    """When a router takes a request: ``Host(`a`)``, ``PathPrefix(`/a`)``, ``Path(`/a`)``, with && and ||.

    >>> rule = Rule.parse("Host(`host01`) && PathPrefix(`/shop`) || Path(`/ping`)")
    >>> [rule.fits(Request(path, host="host01")) for path in ("/shop/1", "/", "/ping")]
    [True, False, True]
    """

    text: str
    ways: tuple[tuple[tuple[str, str], ...], ...]

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule.

        Raises:
            NotModelled: something else is in it.
        """
        ways = []
        for way in text.split("||"):
            parts = [_MATCHER.fullmatch(part) for part in way.split("&&")]
            if not all(parts):
                raise NotModelled(f"of Traefik's rules only Host, Path and PathPrefix are modelled: {text}")
            ways.append(tuple((part[1], part[2]) for part in parts if part))
        return cls(text, tuple(ways))

    def fits(self, request: Request) -> bool:
        """Whether a request is meant."""
        return any(all(_meant(kind, value, request) for kind, value in way) for way in self.ways)


def _meant(kind: str, value: str, request: Request) -> bool:
    if kind == "Host":
        return request.host.lower() == value.lower()
    return request.payload == value if kind == "Path" else request.payload.startswith(value)


@frozen(slots=True)
class Router(Frozen):
    """A router; ``service`` is empty when no label says which it leads to."""

    name: str
    rule: Rule
    service: str = ""


@frozen(slots=True)
class Labels(Frozen):
    """What a service's labels say.

    Attributes:
        enable: None when they do not say.
        network: where to reach it; empty when they do not say.
        lbswarm: whether the virtual address is used.
        routers: which requests it gets.
        ports: of Traefik's services, by name.
    """

    enable: bool | None
    network: str
    lbswarm: bool
    routers: tuple[Router, ...]
    ports: Mapping[str, int]

    def port_of(self, router: Router) -> int:
        """Where a router leads to.

        Raises:
            BadValue: no service of that name, or no way to choose one.
        """
        names = list(self.ports)
        if router.service:
            if router.service not in self.ports:
                raise BadValue(f'the service "{router.service}@swarm" does not exist')
            return self.ports[router.service]
        if not names:
            raise BadValue("port is missing")
        if len(names) > 1:
            quoted = " ".join(f'"{name}"' for name in names)
            raise BadValue(
                f"Router {router.name} cannot be linked automatically with multiple Services: [{quoted}]"
            )
        return self.ports[names[0]]


def read_labels(service: str, labels: Mapping[str, str]) -> Labels:
    """Read the labels of a service.

    >>> labels = read_labels("web", {"traefik.http.services.web.loadbalancer.server.port": "80"})
    >>> labels.routers[0].rule.text, labels.port_of(labels.routers[0]), labels.lbswarm
    ('Host(`web`)', 80, False)

    Raises:
        BadValue: Traefik refuses them.
        NotModelled: they say more than is modelled.
    """
    own = {key.lower(): value for key, value in labels.items() if key.lower().startswith("traefik.")}
    families = [
        family for family in ("swarm", "docker") if any(k.startswith(f"traefik.{family}.") for k in own)
    ]
    if len(families) == 2:
        raise BadValue("both Docker and Swarm labels are defined")
    family = families[0] if families else "swarm"
    enable, network = own.pop("traefik.enable", None), own.pop(f"traefik.{family}.network", "")
    lbswarm = own.pop(f"traefik.{family}.lbswarm", "false")
    routers: dict[str, dict[str, str]] = {}
    ports: dict[str, int] = {}
    for key, value in own.items():
        match = _LABEL.fullmatch(key)
        kind, name, what = match.groups() if match else ("", "", "")
        if kind == "services" and what == "loadbalancer.server.port":
            ports[name] = _port(value)
        elif kind == "routers" and what in ("rule", "service", *_HEEDLESS):
            routers.setdefault(name, {})[what] = value
        else:
            raise NotModelled(f"what the label {key} of service {service} tells Traefik is not modelled")
    default = _normalized(service)
    made = [_router(name, told, default) for name, told in (routers or {default: {}}).items()]
    return Labels(None if enable is None else _flag(enable), network, _flag(lbswarm), tuple(made), ports)


def _router(name: str, told: Mapping[str, str], default: str) -> Router:
    return Router(name, Rule.parse(told.get("rule") or f"Host(`{default}`)"), told.get("service", ""))


def _normalized(name: str) -> str:
    """Cut at all that is neither letter nor digit, joined by dashes. Source: traefik provider.Normalize."""
    return "-".join(part for part in re.split(r"[^0-9A-Za-z]+", name) if part)


def _flag(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise BadValue(f'expected true or false, not "{text}"', text)
    return text.lower() in _TRUE


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise BadValue(f'not a port: "{text}"', text)
    return int(text)

"""Ports: the ``-p/--publish`` syntaxes of ``docker service create`` and ``docker run``.

Room units, floor 0. In: the flag's value. Out: frozen port values, one per published port.
Two grammars: the short one (``81:80/tcp``, ranges), shared with ``docker run``, and the long one
(``published=81,target=80``). Whether a port is free is not known here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

import attrs

from meshsim.errors import BadValue
from meshsim.units.numbers import parse_uint

__all__ = ["Port", "PortMapping", "parse_port_mapping", "parse_publish"]

PROTOCOLS = ("tcp", "udp", "sctp")
_LONG_FORM = re.compile(r"\w+=\w+(,\w+=\w+)*")


@attrs.frozen
class Port:
    """One port of a service as the user asks for it.

    Attributes:
        target: port inside the container.
        published: port on the hosts; 0 lets the swarm choose.
        protocol: ``tcp``, ``udp`` or ``sctp``.
        mode: ``ingress`` (routing mesh) or ``host``.

    Source: moby api/types/swarm/network.go PortConfig.
    """

    target: int
    published: int = 0
    protocol: str = "tcp"
    mode: str = "ingress"


@attrs.frozen
class PortMapping:
    """One port of a container as the short syntax gives it.

    Attributes:
        container_port: port inside the container.
        protocol: as typed (``docker`` lower-cases it later).
        host_ip: address to bind, or empty for all.
        host_port: first port on the host; 0 lets the engine choose.
        host_port_end: last port on the host: above ``host_port`` when one container port is given a
            range to choose from.

    Source: docker/go-connections nat/nat.go PortMapping.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_port_end: int = 0


def parse_publish(text: str, *, error_case: Literal["lower", "upper"] = "lower") -> tuple[Port, ...]:
    """Read a service's ``--publish`` value, short or long.

    Args:
        text: ``81:80``, ``80-82:80-82/udp``, ``443``, or ``published=81,target=80,mode=host``.
        error_case: see :func:`parse_port_mapping`.

    Returns:
        The ports, ascending by target.

    Raises:
        BadValue: with docker's sentence.

    >>> parse_publish("published=53,target=5353,protocol=udp,mode=host")
    (Port(target=5353, published=53, protocol='udp', mode='host'),)
    >>> [(port.published, port.target) for port in parse_publish("80-82:80")]
    [(80, 80), (81, 80), (82, 80)]
    >>> parse_publish("1.2.3.4:80:80")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: hostip is not supported

    Source: docker/cli opts/swarmopts/port.go PortOpt.Set.
    """
    if _LONG_FORM.search(text):
        return (_long_form(text),)
    mappings = parse_port_mapping(text, error_case=error_case)
    if mappings[0].host_ip:
        raise BadValue("hostip is not supported", text)
    return tuple(
        Port(mapping.container_port, published, mapping.protocol.lower())
        for mapping in mappings
        for published in range(mapping.host_port, mapping.host_port_end + 1)
    )


def _long_form(text: str) -> Port:
    given: dict[str, str] = {}
    numbers = {"target": 0, "published": 0}
    for field in text.lower().split(","):
        key, equals, value = field.partition("=")
        if not equals or not key:
            raise BadValue(f"invalid field: {field}", text)
        if key in numbers:
            numbers[key] = _long_form_number(key, value)
        elif key == "protocol" and value not in PROTOCOLS:
            raise BadValue(f"invalid protocol value '{value}'", text)
        elif key == "mode" and value not in ("ingress", "host"):
            raise BadValue(f"invalid publish mode value ({value}): must be either 'ingress' or 'host'", text)
        elif key not in ("protocol", "mode"):
            raise BadValue(f"invalid field key: {key}", text)
        given[key] = value
    if not numbers["target"]:
        raise BadValue("missing mandatory field 'target'", text)
    return Port(
        numbers["target"],
        numbers["published"],
        given.get("protocol", "tcp"),
        given.get("mode", "ingress"),
    )


def _long_form_number(key: str, value: str) -> int:
    try:
        return parse_uint(value, base=10, bits=16)
    except BadValue as error:
        reason = str(error).rpartition(": ")[2]
        raise BadValue(f"invalid {key} port ({value}): value must be an integer: {reason}", value) from None


def parse_port_mapping(
    text: str, *, error_case: Literal["lower", "upper"] = "lower"
) -> tuple[PortMapping, ...]:
    """Read the short syntax ``[[IP:]HOST:]CONTAINER[/PROTOCOL]``.

    Args:
        text: ports or ranges; a host range of another length is allowed for a single container port.
        error_case: first letter of a refusal: small since go-connections 0.5 (docker 28), a capital
            before.

    Returns:
        One mapping per container port, ascending.

    Raises:
        BadValue: with go-connections' sentence.

    >>> parse_port_mapping("127.0.0.1:8080:80")
    (PortMapping(container_port=80, protocol='tcp', host_ip='127.0.0.1', host_port=8080, host_port_end=8080),)
    >>> parse_port_mapping("99999:80")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: invalid hostPort: 99999

    Source: docker/go-connections nat/nat.go ParsePortSpec.
    """
    try:
        return _mappings(text)
    except BadValue as error:
        if error_case == "lower":
            raise
        sentence = str(error).replace("IP address:", "ip address:")
        raise BadValue(sentence[0].upper() + sentence[1:], text) from None


def _mappings(text: str) -> tuple[PortMapping, ...]:
    address, _, container_part = text.rpartition(":")
    host_ip, _, host = address.rpartition(":")
    container, slash, protocol = container_part.partition("/")
    if not slash or not protocol:
        protocol = "tcp"
    host_ip = _host_ip(host_ip)
    if not container:
        raise BadValue(f"no port specified: {text}<empty>", text)
    first, last = _range(container, "containerPort")
    host_first, host_last = _range(host, "hostPort") if host else (0, 0)
    if host and last != first and last - first != host_last - host_first:
        raise BadValue(f"invalid ranges specified for container and host Ports: {container} and {host}", text)
    if protocol.lower() not in PROTOCOLS:
        raise BadValue(f"invalid proto: {protocol}", text)
    if first == last:
        return (PortMapping(first, protocol, host_ip, host_first, host_last),)
    starts = range(host_first, host_last + 1) if host else [0] * (last - first + 1)
    return tuple(
        PortMapping(port, protocol, host_ip, start, start)
        for port, start in zip(range(first, last + 1), starts, strict=True)
    )


def _host_ip(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare:
        return ""
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        raise BadValue(f"invalid IP address: {bare}", text) from None
    return bare


def _range(text: str, what: str) -> tuple[int, int]:
    """``80`` or ``80-82`` as first and last port."""
    first, dash, last = text.partition("-")
    try:
        start = parse_uint(first, base=10, bits=16)
        end = parse_uint(last, base=10, bits=16) if dash else start
    except BadValue:
        raise BadValue(f"invalid {what}: {text}", text) from None
    if end < start:
        raise BadValue(f"invalid {what}: {text}", text)
    return start, end

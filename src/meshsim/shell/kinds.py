"""Kinds of flag values: how each is read, named in the help, and shown as a default.

Room shell. In: a flag's value as typed. Out: a Python value, or BadValue with docker's sentence.
Rule of this file: one table, :data:`KINDS`; a command that needs a value of its own gives its flag
a parser instead. Knows no flag.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from meshsim.errors import BadValue
from meshsim.units import (
    bytes_text,
    cpus_text,
    duration_text,
    float_text,
    parse_bool,
    parse_bytes,
    parse_cpus,
    parse_duration,
    parse_float,
    parse_int,
    parse_publish,
    parse_uint,
    quote,
)

__all__ = ["KINDS", "Kind", "NetworkChoice", "parse_filter", "parse_network", "parse_preference"]

_LONG_FORM = re.compile(r"\w+=\w+(,\w+=\w+)*")


@attrs.frozen
class Kind:
    """How one kind of value behaves.

    Attributes:
        parse: the reader of one value.
        type_name: what the help calls it; empty for a bool, which takes no value.
        zero: the value when nothing was typed and the command has no default of its own.
        repeats: values accumulate in a tuple instead of the last one winning.
        spreads: one value may be several; the tuples read are joined.
        show: the text of a default in the help.
    """

    parse: Callable[[str], Any]
    type_name: str
    zero: Any = ()
    repeats: bool = False
    spreads: bool = False
    show: Callable[[Any], str] = str


@attrs.frozen
class NetworkChoice:
    """One ``--network`` value of ``service create`` or ``run``.

    Attributes:
        target: name or id of the network.
        aliases: further names on that network, as typed.
        driver_opts: pairs for the network driver.
        ip: a fixed address, or empty.

    Source: docker/cli opts/network.go NetworkAttachmentOpts.
    """

    target: str
    aliases: tuple[str, ...] = ()
    driver_opts: tuple[tuple[str, str], ...] = ()
    ip: str = ""


def parse_network(text: str) -> NetworkChoice:
    """Read a network value, short (a name) or long (``name=N,alias=A``).

    >>> parse_network("name=eg1,alias=web")
    NetworkChoice(target='eg1', aliases=('web',), driver_opts=(), ip='')

    Raises:
        BadValue: with docker's sentence.

    Source: docker/cli opts/network.go NetworkOpt.Set.
    """
    if not _LONG_FORM.search(text):
        return NetworkChoice(text)
    single = {"name": "", "ip": ""}
    aliases: list[str] = []
    options: list[tuple[str, str]] = []
    for field in text.split(","):
        key, equals, value = field.partition("=")
        key, value = key.strip().lower(), value.strip()
        if not equals or not key:
            raise BadValue(f"invalid field: {field}", text)
        if key in single:
            single[key] = value
        elif key == "alias":
            aliases.append(value)
        elif key == "driver-opt":
            options.append(_driver_option(value))
        else:
            raise BadValue(f"invalid field key {key}", text)
    if not single["name"]:
        raise BadValue("network name/id is not specified", text)
    return NetworkChoice(single["name"], tuple(aliases), tuple(options), single["ip"])


def _driver_option(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    key = key.strip().lower()
    if not equals or not key:
        raise BadValue("invalid key value pair format in driver options", text)
    return key, value.strip()


def parse_filter(text: str) -> tuple[str, str]:
    """Read one ``--filter`` value as key and value.

    >>> parse_filter(" Name = web ")
    ('name', 'web')
    >>> parse_filter("web")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: bad format of filter (expected name=value)

    Source: docker/cli opts/opts.go FilterOpt.Set.
    """
    if not text:
        return ("", "")
    key, equals, value = text.partition("=")
    if not equals:
        raise BadValue("bad format of filter (expected name=value)", text)
    return key.strip().lower(), value.strip()


def parse_preference(text: str) -> str:
    """Read one ``--placement-pref`` value; only ``spread=DESCRIPTOR`` exists.

    Returns:
        The descriptor, ``node.labels.dc``.

    >>> parse_preference("spread=node.labels.dc")
    'node.labels.dc'

    Source: docker/cli cli/command/service/opts.go placementPrefOpts.Set.
    """
    strategy, equals, descriptor = text.partition("=")
    if not equals or not strategy:
        raise BadValue('placement preference must be of the format "<strategy>=<arg>"', text)
    if strategy != "spread":
        raise BadValue(f"unsupported placement preference {strategy} (only spread is supported)", text)
    return descriptor


def _parse_ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise BadValue(f"IP address is not correctly formatted: {text.strip()}", text) from None


def _parse_extra_host(text: str) -> str:
    name, separator, address = text.partition(":")
    if not separator or not name:
        raise BadValue(f"bad format for add-host: {quote(text)}", text)
    if address != "host-gateway":
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise BadValue(f"invalid IP address in add-host: {quote(address)}", text) from None
    return f"{name}:{address}"


def _parse_pool(text: str) -> str:
    try:
        if "/" not in text:
            raise ValueError
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadValue(f"invalid string being converted to CIDR: {text}", text) from None


def _shown_bool(value: bool) -> str:
    return "true" if value else ""


def _shown_zero(text: str) -> str:
    """A default is only shown when it is not the zero of its type."""
    return "" if text in ("0", "0s", "0B") else text


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "bool": Kind(parse_bool, "", False, show=_shown_bool),
        "str": Kind(str, "string", "", show=lambda text: quote(text) if text else ""),
        "int": Kind(parse_int, "int", 0, show=lambda value: _shown_zero(str(value))),
        "uint": Kind(parse_uint, "uint", 0, show=lambda value: _shown_zero(str(value))),
        "float": Kind(parse_float, "float", 0.0, show=lambda value: _shown_zero(float_text(value))),
        "duration": Kind(parse_duration, "duration", 0, show=lambda ns: _shown_zero(duration_text(ns))),
        "bytes": Kind(parse_bytes, "bytes", 0, show=lambda size: _shown_zero(bytes_text(size))),
        "cpus": Kind(parse_cpus, "decimal", 0, show=lambda nano: _shown_zero(cpus_text(nano))),
        "list": Kind(str, "list", repeats=True),
        "filter": Kind(parse_filter, "filter", repeats=True),
        "pref": Kind(parse_preference, "pref", repeats=True),
        "network": Kind(parse_network, "network", repeats=True),
        "host": Kind(_parse_extra_host, "list", repeats=True),
        "ip": Kind(_parse_ip, "list", repeats=True),
        "pool": Kind(_parse_pool, "ipNetSlice", repeats=True),
        "port": Kind(parse_publish, "port", repeats=True, spreads=True),
    }
)
"""Every kind by name. Source: docker/cli opts/, spf13/pflag."""

"""Room cluster: single values of docker's flags, from text to what specs hold.

Comes in: one flag's text as typed, or plain numbers and lists. Goes out: specs' small values, or BadValue
with the command line's sentence. Rules of this file: values are parsed here and only here; networks,
secrets and configs are looked up through :class:`Lookup`; whether a value makes sense is for the managers
to say.

Source: docker/cli opts/ (ports, networks, mounts, secrets), cli/command/service/opts.go.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from meshsim.errors import BadValue, InvalidParameter, NotModelled
from meshsim.model.frozen import FrozenDict
from meshsim.model.specs import FileReference, Mount, NetworkAttachmentConfig, PortConfig
from meshsim.model.states import EndpointMode, FailureAction, PublishMode, RestartCondition, UpdateOrder
from meshsim.model.states import Protocol as Transport
from meshsim.units import (
    parse_bytes,
    parse_cpus,
    parse_duration,
    parse_float,
    parse_int,
    parse_publish,
    parse_uint,
)

__all__ = [
    "Lookup",
    "Words",
    "bytes_of",
    "command_of",
    "cpus_of",
    "duration_of",
    "file_of",
    "generic_of",
    "generic_word",
    "host_of",
    "mount_of",
    "network_of",
    "one_of",
    "pairs_of",
    "ports_of",
    "preference_of",
    "ratio_of",
    "taken_mount",
    "whole_of",
    "words_of",
]

#: a list of texts, or one text
Words: TypeAlias = str | Iterable[str]
E = TypeVar("E", EndpointMode, FailureAction, RestartCondition, UpdateOrder)


class Lookup(Protocol):
    """What names stand for."""

    def network_id(self, text: str) -> str:
        """The id of a network fit for services."""

    def file_id(self, kind: str, name: str) -> str:
        """The id of the secret or config of that name."""


def words_of(value: Words | None) -> tuple[str, ...]:
    """One text is one word; an iterable is many."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def command_of(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """A command line as a shell would split it, or the words themselves."""
    if value is None:
        return ()
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(value)


def duration_of(value: str | int | None) -> int | None:
    """Nanoseconds from ``"1m30s"`` or from nanoseconds."""
    return parse_duration(value) if isinstance(value, str) else value


def whole_of(value: str | int) -> int:
    """A whole number, from its text or itself.

    Raises:
        BadValue: another text, or a fraction.
    """
    number = parse_int(value) if isinstance(value, str) else int(value)
    if not isinstance(value, str) and number != value:
        raise BadValue(f"expected a whole number, not {value}", str(value))
    return number


def ratio_of(value: str | float) -> float:
    """A number, from its text or itself.

    Raises:
        BadValue: another text.
    """
    return parse_float(value) if isinstance(value, str) else float(value)


def bytes_of(value: str | int | None) -> int:
    """Bytes from ``"512M"`` or from bytes."""
    return parse_bytes(value) if isinstance(value, str) else value or 0


def pairs_of(value: Mapping[str, str] | Words | None) -> FrozenDict[str, str]:
    """Labels from a mapping or from ``key=value`` words; a bare key has an empty value."""
    if isinstance(value, Mapping):
        return FrozenDict({str(k): str(v) for k, v in value.items()})
    return FrozenDict({k: v for k, _, v in (word.partition("=") for word in words_of(value))})


def cpus_of(value: str | float | None) -> int:
    """Nano-CPUs from ``"0.5"`` or from CPUs."""
    if isinstance(value, str):
        return parse_cpus(value)
    return round((value or 0) * 1_000_000_000)


def one_of(kind: type[E], value: str, refusal: str) -> E:
    """The member of an enumeration that a word stands for, or InvalidParameter with that sentence."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidParameter(refusal) from None


def ports_of(value: Any) -> tuple[PortConfig, ...]:
    """Ports from ``-p`` words, plain numbers or port values."""
    entries = [value] if isinstance(value, str | int | PortConfig) else list(value or ())
    ports: list[PortConfig] = []
    for entry in entries:
        if isinstance(entry, PortConfig):
            ports.append(entry)
            continue
        ports += [
            PortConfig(p.target, p.published, Transport(p.protocol), PublishMode(p.mode))
            for p in parse_publish(str(entry))
        ]
    return tuple(ports)


def network_of(text: str, lookup: Lookup) -> NetworkAttachmentConfig:
    """``eg1`` or ``name=eg1,alias=web``."""
    if "=" not in text:
        return NetworkAttachmentConfig(lookup.network_id(text))
    name, aliases = "", []
    for part in text.split(","):
        key, _, value = part.partition("=")
        match key:
            case "name":
                name = value
            case "alias":
                aliases.append(value)
            case "driver-opt" | "ip":
                pass
            case _:
                raise BadValue(f"invalid field key {key}", text)
    if not name:
        raise BadValue("network name/id is not specified", text)
    return NetworkAttachmentConfig(lookup.network_id(name), tuple(aliases))


def preference_of(text: str) -> str:
    """What ``spread=node.labels.dc`` spreads over."""
    strategy, equals, descriptor = text.partition("=")
    if not equals:
        raise BadValue('placement preference must be of the format "<strategy>=<arg>"', text)
    if strategy.lower() != "spread":
        raise BadValue(f"unsupported placement preference {strategy} (only spread is supported)", text)
    return descriptor


#: what a ``--mount`` may say of itself that changes nothing here. Source: docker/cli opts/mount.go.
_MOUNT_SWITCHES = ("readonly", "ro")
_MOUNT_KEYS = {
    "type": "type",
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "volume-driver": "volume_driver",
}
_MOUNT_TYPES = ("bind", "volume", "tmpfs", "npipe", "cluster")
_MOUNT_UNMODELLED = (
    "consistency", "bind-propagation", "bind-nonrecursive", "bind-recursive", "bind-create-src",
    "volume-subpath", "volume-nocopy", "volume-label", "volume-opt", "image-subpath", "tmpfs-size",
    "tmpfs-mode",
)  # fmt: skip


def mount_of(text: str) -> Mount:
    """A mount from ``type=volume,source=data,target=/data,readonly``.

    Raises:
        BadValue: with the command line's sentence.
        NotModelled: an option that exists and is not kept.

    >>> mount_of("source=data,target=/data,readonly")
    Mount(type='volume', source='data', target='/data', read_only=True, volume_driver='')

    Source: docker/cli opts/mount.go MountOpt.Set.
    """
    found: dict[str, Any] = {"type": "volume"}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.lower()
        if key in _MOUNT_SWITCHES:
            found["read_only"] = _switch(key, value, text) if equals else True
        elif key in _MOUNT_UNMODELLED:
            raise NotModelled(f"--mount {key} is not modelled")
        elif not equals:
            raise BadValue(f"invalid field '{part}' must be a key=value pair", text)
        elif key not in _MOUNT_KEYS:
            raise BadValue(f"unknown option '{key}' in '{part}'", text)
        elif not value:
            raise BadValue(f"invalid value for '{key}': value is empty", text)
        else:
            found[_MOUNT_KEYS[key]] = value.lower() if key == "type" else value
    if not found.get("target"):
        raise BadValue("target is required", text)
    return Mount(**found)


def taken_mount(mount: str | Mount) -> Mount:
    """A mount as the engine takes it.

    Raises:
        BadValue, NotModelled: as :func:`mount_of`.
        InvalidParameter: no such type.

    Source: moby daemon/cluster/convert/container.go containerToGRPC.
    """
    read = mount_of(mount) if isinstance(mount, str) else mount
    if read.type not in _MOUNT_TYPES:
        raise InvalidParameter(f'invalid MountType: "{read.type}"')
    return read


def _switch(key: str, value: str, text: str) -> bool:
    if value not in ("1", "true", "0", "false"):
        allowed = 'must be one of "true", "1", "false", or "0" (default "true")'
        raise BadValue(f"invalid value for '{key}': invalid boolean value (\"{value}\"): {allowed}", text)
    return value in ("1", "true")


def file_of(kind: str, text: str) -> FileReference:
    """A secret or config as a flag names it, ``name`` or ``source=name,target=file,mode=0400``; no id yet.

    Args:
        kind: ``"secret"`` or ``"config"``.
        text: as typed.

    Raises:
        BadValue: with the command line's sentence.

    >>> file_of("secret", "source=lab,target=/data/l,mode=0400,uid=5")
    FileReference(id='', name='lab', target='/data/l', uid='5', gid='0', mode=256)

    Source: docker/cli opts/swarmopts/secret.go, config.go.
    """
    if "=" not in text and "," not in text:
        return FileReference("", text, text)
    found: dict[str, Any] = {"name": "", "target": ""}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise BadValue(f"invalid field '{part}' must be a key=value pair", text)
        match key.lower():
            case "source" | "src":
                found["name"] = value
            case "target" | "uid" | "gid":
                found[key.lower()] = value
            case "mode":
                found["mode"] = _file_mode(value)
            case _:
                raise BadValue(f"invalid field in {kind} request: {key}", text)
    if not found["name"]:
        raise BadValue("source is required", text)
    return FileReference("", **{**found, "target": found["target"] or found["name"]})


def _file_mode(value: str) -> int:
    try:
        return parse_uint(value)
    except BadValue as error:
        raise BadValue(f"invalid mode specified: {error}", value) from None


def generic_word(text: str) -> str:
    """A word of generic resources, once it has the form ``name=value``.

    Source: docker/cli cli/command/service/generic_resource_opts.go ValidateSingleGenericResource.
    """
    if "=" not in text:
        raise BadValue(f"invalid generic-resource format `{text}` expected `name=value`", text)
    return text


def generic_of(value: Words | None) -> FrozenDict[str, int]:
    """Amounts of generic resources from ``gpu=2`` words.

    Raises:
        BadValue: with the command line's sentence.

    >>> generic_of("gpu=two")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: invalid generic-resource request `gpu=two`, Named Generic Resources is not
    supported for service create or update

    Source: docker/cli cli/command/service/generic_resource_opts.go ParseGenericResources.
    """
    amounts: dict[str, int] = {}
    for word in map(generic_word, words_of(value)):
        kind, _, amount = (part.strip() for part in word.partition("="))
        bad = "invalid generic resource specification: could not parse GenericResource: "
        if "=" in amount:
            raise BadValue(f"{bad}incorrect term {word}, missing '=' or malformed expression", word)
        if not amount.removeprefix("-").isdecimal():
            raise BadValue(
                f"invalid generic-resource request `{kind}={amount}`, Named Generic Resources is not "
                "supported for service create or update",
                word,
            )
        if int(amount) < 0:
            raise BadValue(f"{bad}cannot ask for negative resource {kind}", word)
        amounts[kind] = int(amount)
    return FrozenDict(amounts)


def host_of(text: str) -> str:
    """A line of /etc/hosts from ``name:address``; one that is a line already stays.

    >>> host_of("db:10.0.0.9"), host_of("10.0.0.9 db")
    ('10.0.0.9 db', '10.0.0.9 db')

    Source: docker/cli cli/command/service/opts.go convertExtraHostsToSwarmHosts.
    """
    if " " in text:
        return text
    name, colon, address = text.partition(":")
    if not colon or not name:
        raise BadValue(f'bad format for add-host: "{text}"', text)
    return f"{address} {name}"

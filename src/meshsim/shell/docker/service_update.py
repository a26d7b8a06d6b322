"""``docker service scale``, ``update``, ``rollback`` and ``rm``, and what they check like ``create``.

Room shell, docker. In: parsed command lines. Out: text. Rule of this file: checks the command line itself
makes, flags handed to the facade, texts.

Source: docker/cli cli/command/service/scale.go, update.go, rollback.go, remove.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.cluster.specvalues import file_of
from meshsim.errors import ApiError, BadValue, NotFound, NotModelled
from meshsim.model.specs import Replicated, ReplicatedJob
from meshsim.shell.docker.common import Call, each, engine_said, given
from meshsim.shell.docker.service_flags import CREATE_FLAGS, OWN_FLAGS, UNMODELLED, UPDATE_FLAGS
from meshsim.shell.docker.waiting import converged
from meshsim.shell.result import Result
from meshsim.units import parse_uint

if TYPE_CHECKING:
    from meshsim.cluster import ServiceHandle

__all__ = ["check_files", "check_flags", "remove", "rollback", "scale", "update"]

_HEALTH = tuple(flag.name for flag in CREATE_FLAGS if flag.name.startswith("health-"))


def check_flags(call: Call) -> None:
    """Refuse flags that exclude each other, and those that are not simulated."""
    if call["no-healthcheck"] and call.typed(*_HEALTH):
        raise BadValue("--no-healthcheck conflicts with --health-* options")
    for name in UNMODELLED:
        if call.typed(name):
            raise NotModelled(f"{call.command.path} --{name} is not modelled")


def check_files(call: Call, *flags: str) -> None:
    """Whether the secrets and configs that are named exist: the command line looks before the engine does.

    Source: docker/cli cli/command/service/parse.go ParseSecrets, ParseConfigs.
    """
    for flag in flags:
        kind = flag.partition("-")[0]
        collection = call.host.secrets if kind == "secret" else call.host.configs
        for text in call[flag]:
            name = file_of(kind, text).name
            try:
                collection.get(name)
            except NotFound:
                raise BadValue(f"{kind} not found: {name}", name) from None


def scale(call: Call) -> Result:
    """``scale A=3 B=2``: all are asked first, then progress is shown for each.

    Source: docker/cli cli/command/service/scale.go runScale.
    """
    wanted: list[tuple[str, str]] = []
    for operand in call.operands:
        name, equals, count = operand.partition("=")
        if not equals or not name:
            first = "Invalid" if call.profile.cli_scale_error_case == "upper" else "invalid"
            raise BadValue(
                f"{first} scale specifier '{operand}'.\nSee '{call.command.path} --help'.\n\n"
                f"Usage:  {call.command.use_line}\n\n{call.command.summary}",
                operand,
            )
        wanted.append((name, count))
    done, refusals = Result(), ""
    scaled: list[tuple[str, ServiceHandle]] = []
    for name, count in wanted:
        try:
            scaled.append((name, _scale_one(call, name, count)))
            done += Result(f"{name} scaled to {count}\n")
        except (ApiError, BadValue) as error:
            refusals += f"{name}: {engine_said(error)}"
    if not call["detach"]:
        for name, handle in scaled:
            done += converged(call, handle, name)
    screen = done.screen + refusals
    return Result(done.stdout, done.stderr + refusals, int(bool(refusals)) or done.exit, screen=screen)


def _scale_one(call: Call, name: str, count: str) -> ServiceHandle:
    try:
        replicas = parse_uint(count, base=10)
    except BadValue as error:
        raise BadValue(f"invalid replicas value {count}: {error}", count) from None
    handle = call.host.services.get(name)
    if not isinstance(handle.record.spec.mode, (Replicated, ReplicatedJob)):
        raise BadValue("scale can only be used with replicated or replicated-job mode", name)
    handle.scale(replicas)
    return handle


def update(call: Call) -> Result:
    """Run ``docker service update``."""
    name = call.operands[0]
    if call["rollback"]:
        if set(call.parsed.changed) - {"rollback", "detach", "quiet"}:
            raise BadValue("other flags may not be combined with --rollback")
        return rollback(call)
    handle = call.host.services.get(name)
    if call.typed("replicas") and not isinstance(handle.record.spec.mode, Replicated):
        raise BadValue("replicas can only be used with replicated mode")
    check_flags(call)
    keywords = given(call, *(f.name for f in UPDATE_FLAGS if f.name not in (*OWN_FLAGS, *UNMODELLED)))
    check_files(call, "secret-add", "config-add")
    if "env_add" in keywords:
        keywords["env_add"] = tuple(filter(None, map(call.env_entry, call["env-add"])))
    handle.update(**keywords)
    return _shown(call, handle, name)


def rollback(call: Call) -> Result:
    """Run ``docker service rollback``."""
    name = call.operands[0]
    handle = call.host.services.get(name)
    handle.rollback()
    return _shown(call, handle, name)


def _shown(call: Call, handle: ServiceHandle, name: str) -> Result:
    done = Result(f"{name}\n")
    return done if call["detach"] else done + converged(call, handle, name)


def remove(call: Call) -> Result:
    """Run ``docker service rm``."""

    def remove_one(name: str) -> str:
        call.host.services.get(name).remove()
        return name

    return each(call.operands, remove_one)

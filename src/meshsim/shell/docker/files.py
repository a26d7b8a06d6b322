"""``docker secret`` and ``docker config``: create, inspect, ls, rm.

Room shell, docker. Source: docker/cli cli/command/secret/*.go, cli/command/config/*.go. Rule of this file:
both groups are one code; there are no files, so data comes from a pipe.
"""

from __future__ import annotations

from typing import Any

from meshsim.errors import BadValue, NotModelled
from meshsim.model.objects import Config, Secret
from meshsim.shell.docker.common import (
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    PRETTY,
    Call,
    Entry,
    Group,
    Inspection,
    each,
    filters_of,
    inspected,
    listed,
    quiet,
)
from meshsim.shell.flags import Command, Flag
from meshsim.shell.result import Result
from meshsim.text import natural_key
from meshsim.views import filters, pretty, rows, shapes

__all__ = ["CONFIG", "SECRET"]


def _kind(call: Call) -> str:
    """``secret`` or ``config``: the second word of the command."""
    return call.command.path.split()[1]


def _collection(call: Call) -> Any:
    return call.host.secrets if _kind(call) == "secret" else call.host.configs


def _create(call: Call) -> Result:
    name, *source = call.operands
    for flag in ("driver", "template-driver"):
        if flag in call.parsed.values and call.typed(flag):
            raise NotModelled(f"{call.command.path} --{flag} is not modelled")
    if source and source[0] != "-":
        path = source[0]
        text = f'Error reading content from "{path}": open {path}: no such file or directory'
        raise BadValue(text, path)
    handle = _collection(call).create(name, call.stdin.encode(), label=call["label"])
    return Result(f"{handle.id}\n")


def _ls(call: Call) -> Result:
    wishes = filters_of(call, "secret")
    records = [handle.record for handle in _collection(call).list()]
    records = sorted(
        (record for record in records if filters.fits_file(record, wishes)),
        key=lambda record: natural_key(record.name),
    )
    row = rows.secret_row if _kind(call) == "secret" else rows.config_row
    return listed(call, _kind(call), [row(record, now_ns=call.now_ns) for record in records])


def _inspect(call: Call) -> Result:
    def shape(record: Secret | Config) -> Any:
        if isinstance(record, Secret):
            return shapes.secret(record, epoch_ns=call.epoch_ns)
        return shapes.config(record, epoch_ns=call.epoch_ns)

    def text(record: Secret | Config) -> str:
        if isinstance(record, Secret):
            return pretty.secret_pretty(record, epoch_ns=call.epoch_ns)
        return pretty.config_pretty(record, epoch_ns=call.epoch_ns)

    return inspected(call, Inspection(lambda name: _collection(call).get(name).record, text, shape=shape))


def _rm(call: Call) -> Result:
    def remove(name: str) -> str:
        _collection(call).get(name).remove()
        return name

    return each(call.operands, remove)


def _group(kind: str, content: str) -> Group:
    driver = (Flag("driver", short="d", help="Secret driver"),) if kind == "secret" else ()
    return Group(
        kind,
        f"Manage Swarm {kind}s",
        (
            Entry(
                Command(
                    f"docker {kind} create",
                    f"[OPTIONS] {kind.upper()} {content}",
                    f"Create a {kind} from a file or STDIN{' as content' if kind == 'secret' else ''}",
                    (
                        *driver,
                        Flag("label", "list", "l", help=f"{kind.capitalize()} labels"),
                        Flag("template-driver", help="Template driver"),
                    ),
                    1 if kind == "secret" else 2,
                    2,
                ),
                _create,
            ),
            Entry(
                Command(
                    f"docker {kind} inspect",
                    f"[OPTIONS] {kind.upper()} [{kind.upper()}...]",
                    f"Display detailed information on one or more {kind}s",
                    (INSPECT_FORMAT, PRETTY),
                    1,
                    None,
                ),
                _inspect,
            ),
            Entry(
                Command(
                    f"docker {kind} ls",
                    "[OPTIONS]",
                    f"List {kind}s",
                    (FILTER, FORMAT, quiet()),
                    aliases=(f"docker {kind} list",),
                ),
                _ls,
            ),
            Entry(
                Command(
                    f"docker {kind} rm",
                    f"{kind.upper()} [{kind.upper()}...]",
                    f"Remove one or more {kind}s",
                    (),
                    1,
                    None,
                    aliases=(f"docker {kind} remove",),
                ),
                _rm,
            ),
        ),
    )


SECRET = _group("secret", "[file|-]")
CONFIG = _group("config", "file|-")

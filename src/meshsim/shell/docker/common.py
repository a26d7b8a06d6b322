"""What all docker commands share: their description, their surroundings, their ways of printing.

Room shell, docker. In: a parsed command line and the machine it runs on. Out: a
:class:`~meshsim.shell.result.Result`. Rules of this file: it prints what views made; the sentences of
refusals come from the errors, the era's wording from the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from attrs import field, frozen

from meshsim.errors import ApiError, MeshsimError, TemplateProblem
from meshsim.gotext.values import Struct, to_json
from meshsim.profile import Profile
from meshsim.shell.flags import Command, Flag, Parsed
from meshsim.shell.kinds import NetworkChoice
from meshsim.shell.result import Result
from meshsim.shell.templates import Template, inspect_json, render_rows
from meshsim.shell.wording import CliTexts
from meshsim.text import table
from meshsim.units import Port, cpus_text
from meshsim.views import filters, rows

if TYPE_CHECKING:
    from meshsim.cluster import Host

__all__ = [
    "Call",
    "Entry",
    "Group",
    "Handler",
    "Inspection",
    "Memory",
    "each",
    "engine_said",
    "filters_of",
    "given",
    "inspected",
    "listed",
    "network_text",
    "port_text",
    "unknown_image",
]


class Memory(Protocol):
    """What the shells of one cluster remember between commands."""

    def told(self, what: str) -> bool:
        """Whether this was said before; from now on it was."""


@frozen(slots=True)
class Call:
    """One docker command about to run.

    Attributes:
        host: the machine.
        command: its description.
        parsed: flags and operands.
        texts: how refusals are worded.
        stdin: what a pipe brings.
        env: exported variables.
        memory: of the session.
    """

    host: Host
    command: Command
    parsed: Parsed
    texts: CliTexts
    memory: Memory
    stdin: str = ""
    env: Mapping[str, str] = field(factory=dict)

    @property
    def profile(self) -> Profile:
        """The era."""
        profile: Profile = self.host.profile
        return profile

    @property
    def operands(self) -> tuple[str, ...]:
        """Words that are no flags."""
        return self.parsed.operands

    @property
    def now_ns(self) -> int:
        """The present, virtual nanoseconds since the cluster's start."""
        return self.host.cluster.clock.now_ns

    @property
    def epoch_ns(self) -> int:
        """Nanoseconds since 1970 of the cluster's start."""
        return self.host.cluster.epoch_ns

    def __getitem__(self, flag: str) -> Any:
        return self.parsed[flag]

    def env_entry(self, entry: str) -> str:
        """A variable of ``--env``: a name alone takes the shell's value, and is nothing without one."""
        if "=" in entry:
            return entry
        return f"{entry}={self.env[entry]}" if entry in self.env else ""

    def typed(self, *flags: str) -> bool:
        """Whether any of the flags stood on the line."""
        return any(flag in self.parsed.changed for flag in flags)


Handler: TypeAlias = Callable[[Call], Result]


@frozen(slots=True)
class Entry:
    """A command and what runs it."""

    command: Command
    run: Handler


@frozen(slots=True)
class Group:
    """A group of commands: ``docker service``."""

    name: str
    summary: str
    entries: tuple[Entry, ...]


def engine_said(error: MeshsimError) -> str:
    """The line for an error: the engine's with its prefix, others as they are."""
    text = str(error).strip()
    return f"Error response from daemon: {text}\n" if isinstance(error, ApiError) else f"{text}\n"


FILTER = Flag("filter", "filter", "f", help="Filter output based on conditions provided")
FORMAT = Flag(
    "format",
    help=(
        "Format output using a custom template:\n'table':            Print output in table format "
        "with column "
        "headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n"
        "'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go "
        "template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting "
        "output with templates"
    ),
)
INSPECT_FORMAT = Flag(
    "format",
    short="f",
    help=(
        "Format output using a custom template:\n'json':             Print in JSON "
        "format\n'TEMPLATE':         "
        "Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more "
        "information about formatting output with templates"
    ),
)
PRETTY = Flag("pretty", "bool", help="Print the information in a human friendly format")
NO_TRUNC = Flag("no-trunc", "bool", help="Do not truncate output")


def quiet(help_text: str = "Only display IDs") -> Flag:
    """``-q``."""
    return Flag("quiet", "bool", "q", help=help_text)


def filters_of(call: Call, kind: str) -> dict[str, list[str]]:
    """The ``--filter`` values by key, after the engine's check of the keys.

    Raises:
        InvalidParameter: a key that lists of this kind do not have.
    """
    found: dict[str, list[str]] = {}
    for key, value in call["filter"]:
        if key:
            found.setdefault(key, []).append(value)
    filters.check(kind, found)
    return found


def unknown_image(call: Call, image: str) -> str:
    """The line that says, once, that nobody told meshsim what an image does."""
    images = call.host.cluster.images
    if images.strict or images.known(image) or call.memory.told(f"image {image}"):
        return ""
    return f"meshsim: image {image} is not known here; its containers answer every port with their name\n"


def listed(call: Call, kind: str, lines: Sequence[Struct], *, mark: str = "") -> Result:
    """Print a list: ids with ``-q``, a ``--format``, or the table.

    Args:
        call: the command.
        kind: key of :data:`meshsim.views.rows.COLUMNS`.
        lines: the rows, sorted.
        mark: ``node ls`` marks the row whose ``Self`` is true behind the id.
    """
    columns = rows.COLUMNS[kind]
    template = call["format"]
    if call["quiet"] and not template:
        return Result("".join(f"{line.field('ID')}\n" for line in lines))
    if template and template != "table":
        if template == "raw":
            return Result("".join(_raw(line, columns) for line in lines))
        return Result(render_rows(template, lines, columns))
    cells = [rows.cells(line, tuple(columns)) for line in lines]
    if mark:
        cells = [
            (f"{first} {mark if line.field('Self') == 'true' else ' '}", *rest)
            for line, (first, *rest) in zip(lines, cells, strict=True)
        ]
    return Result(table(tuple(columns.values()), cells))


def _raw(line: Struct, columns: Mapping[str, str]) -> str:
    """``--format raw``: a line per cell."""
    cells = "".join(f"{header.lower().replace(' ', '_')}: {line.field(c)}\n" for c, header in columns.items())
    return f"{cells}\n"


@frozen(slots=True)
class Inspection:
    """How one kind of object is inspected.

    Attributes:
        find: by what was typed; raises ApiError.
        pretty: the text of ``--pretty``, None where there is none.
        raw: whether the engine's own JSON is shown (``<`` and ``>`` stay).
        fallback: with what a template is tried again over the engine's JSON when the object lacks a field:
            a missing key prints ``<no value>``, or is an error; None where it is not tried again.
        bad_template_exit: exit code when the template does not parse.
        wraps: whether the era may wrap refusals as ``Status: ..., Code: 1``.
        refused: the sentence for an object that is not there; the engine's own by default.
        shape: makes of what was found what is printed.
    """

    find: Callable[[str], Any]
    pretty: Callable[[Any], str] | None = None
    raw: bool = True
    fallback: Literal["no value", "error"] | None = None
    bad_template_exit: int = 1
    wraps: bool = True
    refused: Callable[[str], str] | None = None
    shape: Callable[[Any], Any] | None = None


def inspected(call: Call, inspection: Inspection) -> Result:
    """Print objects as ``inspect`` does: the good ones on stdout, then the refusals.

    Source: docker/cli cli/command/inspect/inspector.go Inspect.
    """
    text = call["format"]
    is_pretty = "pretty" in call.parsed.values and call["pretty"]
    if is_pretty and text:
        return Result("", "--format is incompatible with human friendly format\n", 1)
    if text.startswith("pretty") and text != "pretty":
        return Result("", "Cannot supply extra formatting options to the pretty template\n", 1)
    template: Template | None = None
    if text not in ("", "json", "pretty"):
        try:
            template = Template(text)
        except TemplateProblem as error:
            return Result("", f"{error}\n", inspection.bad_template_exit)
    found, refusals = _found(call, inspection)
    stderr = "".join(refusals)
    if is_pretty or text == "pretty":
        assert inspection.pretty is not None  # no command has --pretty without it
        out = "".join(inspection.pretty(one) for one in found)
        return Result(out, stderr, int(bool(refusals)), screen=out + stderr)
    shapes = [inspection.shape(one) for one in found] if inspection.shape else found
    if template is None:
        out = inspect_json(shapes, compact=text == "json", raw=inspection.raw)
        return Result(out, stderr, int(bool(refusals)), screen=out + stderr)
    return _rendered(template, shapes, stderr, inspection)


def _found(call: Call, inspection: Inspection) -> tuple[list[Any], list[str]]:
    found: list[Any] = []
    refusals: list[str] = []
    for name in call.operands:
        try:
            found.append(inspection.find(name))
        except ApiError as error:
            sentence = inspection.refused(name) if inspection.refused else engine_said(error).rstrip("\n")
            wrapped = inspection.wraps and call.profile.cli_status_errors == "wrapped"
            refusals.append(f"Status: {sentence}, Code: 1\n" if wrapped else f"{sentence}\n")
    return found, refusals


def _rendered(template: Template, shapes: Sequence[Any], stderr: str, inspection: Inspection) -> Result:
    out = ""
    try:
        for shape in shapes:
            out += _over(template, shape, inspection) + "\n"
    except TemplateProblem as error:
        out, stderr = out + "\n", f"{stderr}{error}\n"
        return Result(out, stderr, 1, screen=out + stderr)
    if not shapes:
        out = "\n"
    return Result(out, stderr, int(bool(stderr)), screen=out + stderr)


def _over(template: Template, shape: Any, inspection: Inspection) -> str:
    try:
        return template.render(shape)
    except TemplateProblem:
        if inspection.fallback is None:
            raise
        return template.render(to_json(shape), missing_key=inspection.fallback)


def each(
    operands: Iterable[str], action: Callable[[str], str], *, failed_exit: int = 1, tail: str = ""
) -> Result:
    """Do something to each operand: good answers in order, then the refusals, exit 1 if any.

    Args:
        operands: names.
        action: returns the line for stdout (without newline; empty for none).
        failed_exit: exit code when one was refused.
        tail: printed on stderr after refusals.
    """
    out: list[str] = []
    refusals: list[str] = []
    for name in operands:
        try:
            line = action(name)
        except ApiError as error:
            refusals.append(engine_said(error))
            continue
        if line:
            out.append(f"{line}\n")
    stdout, stderr = "".join(out), "".join(refusals) + (tail if refusals else "")
    return Result(stdout, stderr, failed_exit if refusals else 0, screen=stdout + stderr)


def given(call: Call, *names: str) -> dict[str, Any]:
    """The flags that were typed, as the facade's keywords and in its value forms."""
    kinds = {flag.name: flag.kind for flag in call.command.flags}
    wanted = names or tuple(kinds)
    return {
        name.replace("-", "_"): _facade_value(kinds[name], call[name])
        for name in call.parsed.changed
        if name in wanted
    }


def _facade_value(kind: str, value: Any) -> Any:
    if kind == "port":
        return tuple(map(port_text, value))
    if kind == "network":
        return tuple(map(network_text, value))
    if kind == "cpus":
        return cpus_text(value)
    if kind == "pref":
        return tuple(f"spread={descriptor}" for descriptor in value)
    return value


def port_text(port: Port) -> str:
    """A port in the long form of ``--publish``."""
    published = f"published={port.published}," if port.published else ""
    return f"{published}target={port.target},protocol={port.protocol},mode={port.mode}"


def network_text(choice: NetworkChoice) -> str:
    """A network in the form of ``--network``."""
    if not (choice.aliases or choice.driver_opts or choice.ip):
        return choice.target
    parts = [f"name={choice.target}", *(f"alias={alias}" for alias in choice.aliases)]
    parts += [f"driver-opt={key}={value}" for key, value in choice.driver_opts]
    return ",".join(parts + ([f"ip={choice.ip}"] if choice.ip else []))

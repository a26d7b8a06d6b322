"""The flag grammar of docker's command line, as data and one parser.

Room shell. In: a :class:`Command` (its flags as a table) and the words behind the command. Out:
:class:`Parsed` values and operands, or the problem docker prints. Rules of this file: a command is
described, never coded; the parser keeps no state; what a value means is the command's business.

The grammar is pflag's: ``--f v``, ``--f=v``, ``-f v``, ``-fv``, ``-f=v``, joined short bools
(``-dit``), ``--f`` and ``--f=false`` for bools, ``--`` ends the flags. Flags and operands mix, unless
the command's first operand ends its flags (``run``, ``service create``). Twice given: the last one
wins, lists grow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from meshsim.errors import BadValue, FlagProblem
from meshsim.shell.kinds import KINDS
from meshsim.shell.wording import CliTexts
from meshsim.units import quote

__all__ = ["Command", "Flag", "Parsed", "parse"]


@attrs.frozen
class Flag:
    """One flag of a command.

    Attributes:
        name: long name, without dashes.
        kind: a name of :data:`~meshsim.shell.kinds.KINDS`.
        short: one letter, or empty.
        default: the value when the flag is not typed; None for the kind's zero.
        help: the text of the help.
        parser: reads one value instead of the kind's reader.
        type_name: shown in the help instead of the kind's.
        hidden: left out of the help.
    """

    name: str
    kind: str = "str"
    short: str = ""
    default: Any = None
    help: str = ""
    parser: Callable[[str], Any] | None = None
    type_name: str = ""
    hidden: bool = False

    @property
    def value(self) -> Any:
        """The value when nothing is typed."""
        return KINDS[self.kind].zero if self.default is None else self.default

    @property
    def title(self) -> str:
        """What a refusal calls the flag: ``-p, --publish``."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@attrs.frozen
class Command:
    """What there is to know of one command before it runs.

    Attributes:
        path: ``docker service create``.
        synopsis: what follows it in the usage line: ``[OPTIONS] IMAGE [COMMAND] [ARG...]``.
        summary: one line of help.
        flags: in any order; the help sorts them.
        least: fewest operands.
        most: most operands, None without limit.
        mixes: False when the first operand ends the flags.
        aliases: other names, as full paths (``docker service list``).
    """

    path: str
    synopsis: str = ""
    summary: str = ""
    flags: tuple[Flag, ...] = ()
    least: int = 0
    most: int | None = 0
    mixes: bool = True
    aliases: tuple[str, ...] = ()

    @property
    def use_line(self) -> str:
        """The usage line, from ``docker`` on."""
        return f"{self.path} {self.synopsis}".rstrip()


@attrs.frozen
class Parsed:
    """A command line that was understood.

    Attributes:
        values: every flag's value by long name, typed or default.
        operands: the words that are no flags.
        changed: long names of the flags that were typed, in order of first appearance.
        help: ``--help`` was asked for; nothing else counts then.
        notes: lines for stderr, each with a newline.

    >>> parsed = parse(Command("docker x", flags=(Flag("quiet", "bool", "q"),)), ["-q"])
    >>> parsed["quiet"], parsed.changed
    (True, ('quiet',))
    """

    values: Mapping[str, Any]
    operands: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    help: bool = False
    notes: str = ""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def parse(command: Command, words: Sequence[str], texts: CliTexts | None = None) -> Parsed:
    """Read the words behind a command.

    Args:
        command: the command's description.
        words: what the shell left of the line, the command's own words taken off.
        texts: how refusals are worded; the newest command line's wording by default.

    Returns:
        Values, operands and which flags were typed. O(words + flags).

    Raises:
        FlagProblem: an unknown flag, a missing or unreadable value (exit 125).
        UsageProblem: a wrong number of operands (exit 1).

    >>> flags = (Flag("replicas", "uint"),)
    >>> create = Command("docker service create", flags=flags, least=1, most=None, mixes=False)
    >>> parse(create, ["--replicas=2", "alpine", "sleep", "--bogus"]).operands
    ('alpine', 'sleep', '--bogus')

    Source: spf13/pflag flag.go FlagSet.parseArgs; cobra command.go execute (flags, help, counts).
    """
    texts = texts or CliTexts()
    reading = _Reading(command, texts)
    reading.read(list(words))
    if not reading.help:
        count = len(reading.operands)
        if count < command.least or (command.most is not None and count > command.most):
            raise texts.count_problem(
                command.path, command.use_line, command.summary, command.least, command.most
            )
    return reading.parsed()


class _Reading:
    """One pass over the words: the only mutable thing here, gone when :func:`parse` returns."""

    def __init__(self, command: Command, texts: CliTexts) -> None:
        self.command = command
        self.texts = texts
        self.long = {flag.name: flag for flag in command.flags}
        self.short = {flag.short: flag for flag in command.flags if flag.short}
        self.typed: dict[str, Any] = {}
        self.operands: list[str] = []
        self.help = False
        self.notes = ""

    def read(self, words: list[str]) -> None:
        words.reverse()  # a stack: the next word is at the end
        while words and not self.help:
            word = words.pop()
            if word == "--" or (not _is_flag(word) and not self.command.mixes):
                self.operands += ([] if word == "--" else [word]) + words[::-1]
                return
            if not _is_flag(word):
                self.operands.append(word)
            elif word.startswith("--"):
                self._long(word, words)
            else:
                self._cluster(word[1:], words)

    def _long(self, word: str, words: list[str]) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name.startswith("-"):
            raise self._problem(f"bad flag syntax: {word}")
        flag = self.long.get(name)
        if flag is None:
            if name != "help":
                raise self._problem(f"unknown flag: --{name}")
            self.help = True
        elif equals:
            self._set(flag, value)
        elif flag.kind == "bool":
            self._set(flag, "true")
        elif words:
            self._set(flag, words.pop())
        else:
            raise self._problem(f"flag needs an argument: {word}")

    def _cluster(self, letters: str, words: list[str]) -> None:
        while letters and not self.help:
            flag = self.short.get(letters[0])
            rest = letters[1:]
            if flag is None:
                if letters[0] != "h":
                    raise self._problem(f"unknown shorthand flag: '{letters[0]}' in -{letters}")
                self.help = True
                self.notes = "Flag shorthand -h has been deprecated, use --help\n"
            elif len(rest) > 1 and rest[0] == "=":
                self._set(flag, rest[1:])
                return
            elif flag.kind == "bool":
                self._set(flag, "true")
                letters = rest
            elif rest or words:
                self._set(flag, rest or words.pop())
                return
            else:
                raise self._problem(f"flag needs an argument: '{letters[0]}' in -{letters}")

    def _set(self, flag: Flag, text: str) -> None:
        kind = KINDS[flag.kind]
        reader = flag.parser or self.texts.parser(flag.kind) or kind.parse
        try:
            value = reader(text)
        except BadValue as error:
            raise self._problem(f'invalid argument {quote(text)} for "{flag.title}" flag: {error}') from None
        if kind.repeats:
            before = self.typed.get(flag.name, ())
            value = (*before, *value) if kind.spreads else (*before, value)
        self.typed[flag.name] = value

    def _problem(self, reason: str) -> FlagProblem:
        return self.texts.flag_problem(self.command.path, self.command.use_line, reason)

    def parsed(self) -> Parsed:
        values = {flag.name: flag.value for flag in self.command.flags} | self.typed
        return Parsed(values, tuple(self.operands), tuple(self.typed), self.help, self.notes)


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word[0] == "-"

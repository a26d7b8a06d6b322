"""Running a parsed command line: expansion, pipes, loops and redirects; the commands are someone else's.

Room shell. In: a :class:`~meshsim.shell.syntax.Script` and a runner ``run(argv, stdin, env) -> Result``.
Out: a :class:`~meshsim.shell.result.Result` whose screen has both streams in the order in which a
terminal would have shown them. Rules of this file: variables live in the :class:`Evaluator` alone; a
``$(...)`` works on a copy of them. It knows no command but ``export``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from meshsim.errors import ScriptError
from meshsim.shell.line import parse_line
from meshsim.shell.result import Result
from meshsim.shell.syntax import (
    AndOr,
    Command,
    Expansion,
    ForLoop,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Text,
    Variable,
    Word,
)

__all__ = ["Evaluator", "Runner"]

Runner = Callable[[list[str], str, Mapping[str, str]], Result]
"""What runs one command: its words, its standard input and its environment."""


class Evaluator:
    r"""A shell's memory between lines: variables and the last exit code.

    Args:
        run: runs one command; it answers an unknown one with ``bash: NAME: command not found``, 127.
        env: variables to start with, all exported.
        paths: the files there are, for ``*`` and ``?`` in words; a pattern that fits none stays as it is.

    >>> def run(argv, stdin, env):
    ...     return Result(" ".join(argv[1:]) + "\n") if argv[0] == "echo" else Result(stdin.upper())
    >>> shell = Evaluator(run)
    >>> print(shell.run_line('for n in 1 2; do echo "host0$n"; done | shout').stdout, end="")
    HOST01
    HOST02
    """

    def __init__(
        self,
        run: Runner,
        env: Mapping[str, str] | None = None,
        paths: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self.run = run
        self.paths = paths
        self.variables: dict[str, str] = dict(env or {})
        self.exported: dict[str, None] = dict.fromkeys(self.variables)
        self.last_exit = 0

    def __repr__(self) -> str:
        return f"<Evaluator {len(self.variables)} variables, last exit {self.last_exit}>"

    def run_line(self, text: str, stdin: str = "") -> Result:
        """Parse and run a line.

        Returns:
            What it printed; a line that does not parse gives bash's sentence on stderr and exit 2.

        Raises:
            NotModelled: before anything has run.
        """
        try:
            script = parse_line(text)
        except ScriptError as error:
            self.last_exit = 2
            return Result("", f"{error}\n", 2)
        return self.run_script(script, stdin)

    def run_script(self, script: Script, stdin: str = "") -> Result:
        """Run a parsed script; an empty one leaves the last exit code as it is."""
        done = Result(exit=self.last_exit)
        for item in script.items:
            done += self._and_or(item, stdin)
        return done

    def _and_or(self, item: AndOr, stdin: str) -> Result:
        done = self._pipeline(item.first, stdin)
        for operator, pipeline in item.rest:
            if (done.exit == 0) == (operator == "&&"):
                done += self._pipeline(pipeline, stdin)
        return done

    def _pipeline(self, pipeline: Pipeline, stdin: str) -> Result:
        *feeders, last = pipeline.commands
        seen = Result()
        for command in feeders:
            made = self._in_copy()._command(command, stdin)
            seen += Result("", made.stderr)
            stdin = made.stdout
        runner = self._in_copy() if feeders else self
        done = seen + runner._command(last, stdin)
        if pipeline.negated:
            done = Result(done.stdout, done.stderr, int(not done.exit), screen=done.screen)
        self.last_exit = done.exit
        return done

    def _in_copy(self) -> Evaluator:
        """A subshell: what it assigns is lost when it ends."""
        copy = Evaluator(self.run, paths=self.paths)
        copy.variables = dict(self.variables)
        copy.exported = dict(self.exported)
        copy.last_exit = self.last_exit
        return copy

    def _command(self, command: Command, stdin: str) -> Result:
        if any(redirect.stream == 0 for redirect in command.redirects):
            stdin = ""
        if isinstance(command, ForLoop):
            done = self._for_loop(command, stdin)
        else:
            done = self._simple(command, stdin)
        return _redirected(done, command.redirects)

    def _for_loop(self, loop: ForLoop, stdin: str) -> Result:
        values, spill = self._expand(loop.words)
        done = Result("", spill.stderr)
        for value in values:
            self.variables[loop.name] = value
            done += self.run_script(loop.body, stdin)
        return done

    def _simple(self, command: Simple, stdin: str) -> Result:
        name = command.words[0].plain if command.words else None
        if name == "export":
            return self._export(command.words[1:])
        argv, spill = self._expand(command.words)
        assigned: dict[str, str] = {}
        for variable, word in command.assignments:
            assigned[variable], more = self._joined(word)
            spill += more
        if not argv:
            self.variables.update(assigned)
            return Result("", spill.stderr, spill.exit)
        env = {name: self.variables[name] for name in self.exported if name in self.variables}
        return Result("", spill.stderr) + self.run(argv, stdin, env | assigned)

    def _export(self, words: Sequence[Word]) -> Result:
        spill = Result()
        for word in words:
            text, more = self._joined(word)
            spill += more
            name, equals, value = text.partition("=")
            if not name.isidentifier():
                return spill + Result("", f"bash: export: `{text}': not a valid identifier\n", 1)
            if equals:
                self.variables[name] = value
            self.exported[name] = None
        return Result("", spill.stderr)

    # -- expansion --------------------------------------------------------------------------------

    def _expand(self, words: Sequence[Word]) -> tuple[list[str], Result]:
        """Words to arguments; the Result holds what substitutions printed on stderr and their exit."""
        arguments: list[str] = []
        spill = Result()
        for word in words:
            fields, more = self._fields(word)
            arguments += self._matching(fields) if _is_pattern(word) else fields
            spill += more
        return arguments, spill

    def _matching(self, fields: Sequence[str]) -> list[str]:
        """Patterns to the files they fit, sorted; an asterisk does not reach over a slash."""
        known = self.paths() if self.paths is not None else ()
        found: list[str] = []
        for pattern in fields:
            fits = [
                path for path in known if path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)
            ]
            found += sorted(fits) or [pattern]
        return found

    def _fields(self, word: Word) -> tuple[list[str], Result]:
        """One word to no, one or several arguments: unquoted expansions split at white space."""
        fields: list[str] = []
        open_field = False  # whether the next text joins the last field
        spill = Result()
        for part in word.parts:
            if isinstance(part, Text):
                # {,a} leaves an empty text, which is no word unless something joins it
                pieces, joins, stays = [part.text], open_field, bool(part.text) or part.quoted
                if not stays:
                    continue
            else:
                value, more = self._value(part)
                spill += more
                if part.quoted:
                    pieces, joins, stays = [value], open_field, True
                else:
                    pieces = value.split()
                    joins = open_field and not value[:1].isspace()
                    stays = (bool(pieces) or open_field) and not value[-1:].isspace()
            if joins and pieces:
                fields[-1] += pieces.pop(0)
            fields += pieces
            open_field = stays
        return fields, spill

    def _joined(self, word: Word) -> tuple[str, Result]:
        """One word without splitting, as assignments expand."""
        texts: list[str] = []
        spill = Result()
        for part in word.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            else:
                value, more = self._value(part)
                texts.append(value)
                spill += more
        return "".join(texts), spill

    def _value(self, part: Expansion) -> tuple[str, Result]:
        if isinstance(part, Variable):
            if part.name == "?":
                return str(self.last_exit), Result()
            if part.name == "#":
                return "0", Result()
            return self.variables.get(part.name, ""), Result()
        made = self._in_copy().run_script(part.script) if part.script.items else Result()
        self.last_exit = made.exit
        return made.stdout.rstrip("\n"), Result("", made.stderr, made.exit)


def _is_pattern(word: Word) -> bool:
    """Whether an asterisk or a question mark stands in it unquoted."""
    return any(
        isinstance(part, Text) and not part.quoted and set(part.text) & {"*", "?"} for part in word.parts
    )


def _redirected(done: Result, redirects: Sequence[Redirect]) -> Result:
    """Send the two streams where the redirects, read from left to right, want them."""
    goes: dict[int, int | str] = {1: 1, 2: 2}
    for redirect in redirects:
        if redirect.stream:
            goes[redirect.stream] = goes[redirect.to] if isinstance(redirect.to, int) else redirect.to
    if goes == {1: 1, 2: 2}:
        return done
    screen = {
        (True, True): done.screen,
        (True, False): done.stdout,
        (False, True): done.stderr,
        (False, False): "",
    }[goes[1] != "null", goes[2] != "null"]
    texts = {1: "", 2: ""}
    if goes[1] == goes[2] != "null":
        texts[int(goes[1])] = done.screen
    else:
        for stream, text in ((1, done.stdout), (2, done.stderr)):
            if goes[stream] != "null":
                texts[int(goes[stream])] = text
    return Result(texts[1], texts[2], done.exit, screen=screen)

"""Room console: the ``meshsim`` command.

Comes in: arguments and lesson files. Goes out: text on the terminal and an exit code: 0 when all is well, 1
when a lesson's outputs differ, 2 when something cannot be run at all. No traceback reaches a person.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from meshsim.errors import MeshsimError, ScriptError
from meshsim.shell.lesson import Lesson, parse_lesson
from meshsim.shell.rehearsal import check, play

__all__ = ["main"]

DIFFERENT, UNUSABLE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    command: Callable[[Lesson], int] | None = options.command
    if command is None:
        parser.print_help()
        return 0
    try:
        return max(command(_read(path)) for path in options.lessons)
    except MeshsimError as error:
        print(f"meshsim: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone: nothing more to say
        return DIFFERENT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meshsim", description="Docker Swarm's routing mesh, simulated in memory."
    )
    parser.add_argument("--version", action="version", version=f"meshsim {version('meshsim')}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, function, text in (
        ("run", _run, "run lessons and print the sessions"),
        ("check", _check, "run lessons and compare with the outputs written in them"),
    ):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument(
            "lessons", nargs="+", metavar="LESSON", help="a Markdown file with console blocks"
        )
        command.set_defaults(command=function)
    return parser


def _read(path: str) -> Lesson:
    """Read a lesson file.

    Raises:
        ScriptError: it is not there, is no text, or is no lesson.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScriptError(f"{path}: not a text file") from None
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from None
    return parse_lesson(text, path)


def _run(lesson: Lesson) -> int:
    """Print the session."""
    for played in play(lesson):
        print(played.text, end="")
    return 0


def _check(lesson: Lesson) -> int:
    """Print the differences, and one line that sums up."""
    wrong = 0
    for played in check(lesson):
        if played.diff:
            wrong += 1
            print(f"{lesson.source}:{played.step.line}: {played.step.prompt}\n{played.diff.text}\n")
    total = len(lesson.steps)
    print(f"{lesson.source}: {total - wrong} of {total} commands as written")
    return DIFFERENT if wrong else 0

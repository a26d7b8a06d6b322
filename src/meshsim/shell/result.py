"""What a command leaves behind: its two streams, its exit code, and how they met on the screen.

Room shell. The value every command, tool and filter returns. Knows nothing else.
"""

from __future__ import annotations

import attrs

__all__ = ["Result"]


@attrs.frozen
class Result:
    r"""The outcome of one command line or a part of one.

    Attributes:
        stdout: text for the next command in a pipe, or the terminal.
        stderr: text for the terminal.
        exit: exit code.
        screen: both streams as they met on the terminal; stderr first unless the command says
            otherwise (``screen=stdout + stderr`` for errors that come after the good part).

    >>> Result("10.0.1.2\n", "a warning\n").screen
    'a warning\n10.0.1.2\n'
    """

    stdout: str = ""
    stderr: str = ""
    exit: int = 0
    screen: str = attrs.field(kw_only=True)

    @screen.default
    def _stderr_first(self) -> str:
        return self.stderr + self.stdout

    def __add__(self, other: Result) -> Result:
        """This command, then the other: texts are joined, the exit code is the other's."""
        return Result(
            self.stdout + other.stdout,
            self.stderr + other.stderr,
            other.exit,
            screen=self.screen + other.screen,
        )

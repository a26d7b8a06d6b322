"""Errors: the root, and what the simulation itself refuses. :mod:`meshsim.errors` draws the tree."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BadScenario",
    "BadValue",
    "ClockBusy",
    "ContractBroken",
    "EngineDown",
    "ExperimentStopped",
    "FlagProblem",
    "MeshsimError",
    "NotModelled",
    "NotSettled",
    "ScriptError",
    "TemplateProblem",
    "UsageProblem",
]


class MeshsimError(Exception):
    """Root of every error raised on purpose by meshsim.

    Attributes:
        exit_code: what a command line that ends in this error exits with.
    """

    exit_code: ClassVar[int] = 1


class ClockBusy(MeshsimError, RuntimeError):
    """A verb that steps time was called while time was being stepped (inside a timer or an image)."""


class EngineDown(MeshsimError, ConnectionError):
    """Nobody answers on the socket of the engine of ``host``: it was stopped, or its machine has no power.

    Source: docker/cli, moby client/errors.go ErrorConnectionFailed.
    """

    def __init__(self, host: str) -> None:
        super().__init__(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
            "Is the docker daemon running?"
        )
        self.host = host


class NotSettled(MeshsimError, TimeoutError):
    """``settle()`` reached its limit of virtual time; ``moving`` names what was still pending."""

    def __init__(self, message: str, moving: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.moving = moving


class NotModelled(MeshsimError, NotImplementedError):
    """The real system can do this, meshsim does not simulate it; the fidelity page lists it."""


class ExperimentStopped(MeshsimError):
    """A run of an experiment failed, or its process died.

    Attributes:
        key: of the run.
        done: how many runs had finished.
        kept: what finished runs are kept in; give it to the same experiment and it goes on.
    """

    def __init__(self, message: str, key: str = "", *, done: int = 0, kept: Any = None) -> None:
        super().__init__(message)
        self.key = key
        self.done = done
        self.kept = kept


class BadValue(MeshsimError, ValueError):
    """A text that should have been a duration, a size, a port or the like; ``text`` is what came."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class ScriptError(MeshsimError, ValueError):
    """A lesson or command line that cannot be run; ``source`` and ``line`` say where."""

    def __init__(self, message: str, *, source: str = "", line: int = 0) -> None:
        super().__init__(f"{source}:{line}: {message}" if source and line else message)
        self.source = source
        self.line = line


class BadScenario(ScriptError):
    """A scenario that is wrong: nothing has been run.

    Attributes:
        path: the keys and numbers that lead to the wrong value.
        source, line: where its text stands, when it came from a text.
    """

    def __init__(
        self, message: str, path: tuple[str | int, ...] = (), *, source: str = "", line: int = 0
    ) -> None:
        super().__init__(message, source=source, line=line)
        self.sentence = message
        self.path = path


class ContractBroken(MeshsimError, AssertionError):
    """Somebody's own implementation breaks a law of its kind; the text is the shortest way to see it.

    Attributes:
        subject: what was put to the test, as ``LeastBytes``.
        law: the name of the law, as the kit's reference lists it.
        sentence: what went wrong.
        steps: what to do to see it, at most ten; the last one shows it.
    """

    def __init__(self, subject: str, law: str, sentence: str, steps: tuple[str, ...]) -> None:
        listed = "".join(f"\n  {number}. {step}" for number, step in enumerate(steps, 1))
        super().__init__(f'{subject} breaks the law "{law}": {sentence}{listed}')
        self.subject = subject
        self.law = law
        self.sentence = sentence
        self.steps = steps


class TemplateProblem(MeshsimError, ValueError):
    """A ``--format`` template that does not parse, or does not fit the object.

    ``str(error)`` is Go's sentence; from the shell docker's, ``template parsing error: `` included. The
    exit code is the command's business: 64 where ``docker inspect`` and ``network inspect`` cannot parse,
    else 1.
    """


class UsageProblem(MeshsimError, ValueError):
    """The docker command refuses its own arguments; no engine was asked.

    ``str(error)`` is all it prints on stderr, without the last newline.
    """


class FlagProblem(UsageProblem):
    """A flag that is unknown, lacks its value or cannot read it.

    Source: docker/cli cli/cobra.go FlagErrorFunc.
    """

    exit_code: ClassVar[int] = 125

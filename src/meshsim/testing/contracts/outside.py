"""Room testing: what an object keeps outside itself.

Comes in: what makes objects, and what uses one. Goes out: the thing outside the object that its use has
changed, in words: an attribute of its class, a global or a closed-over variable of its methods, a list that
two objects share. It only looks; what it cannot see (a file, another module's insides) it does not know of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from types import FunctionType
from typing import Any, TypeVar

__all__ = ["changed_outside"]

Made = TypeVar("Made")
_LONGEST = 60


def changed_outside(make: Callable[[], Made], use: Callable[[Made], object]) -> str:
    """What changed outside an object while it was used, as a clause; empty when nothing was seen to.

    >>> class Turns:
    ...     turn = 0
    ...     def next(self):
    ...         Turns.turn += 1
    >>> changed_outside(Turns, Turns.next)
    'Turns.turn went from 0 to 1 while one object was used'
    """
    one, other = make(), make()
    before = {name: _shown(value) for name, value in _outside(one, other)}
    with suppress(Exception):  # what it did before it failed is what is asked
        use(one)
    after = {name: _shown(value) for name, value in _outside(one, other)}
    for name, value in after.items():
        if before.get(name) != value:
            was = f"from {before[name]} " if name in before else ""
            return f"{name} went {was}to {value} while one object was used"
    return ""


def _shown(value: Any) -> str:
    if isinstance(value, Random):
        numbers = value.getstate()[1]
        return f"state {numbers[0]}/{numbers[-1]}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _outside(one: Any, other: Any) -> Iterator[tuple[str, Any]]:
    """Everything an object may change that is not its own, by name."""
    for cls in type(one).__mro__[:-1]:
        for name, value in vars(cls).items():
            if isinstance(value, FunctionType):
                yield from _used_by(value)
            elif not name.startswith("__") and not callable(value) and not hasattr(value, "__get__"):
                yield f"{cls.__name__}.{name}", value
    mine, its = getattr(one, "__dict__", {}), getattr(other, "__dict__", {})
    for name, value in mine.items():
        if isinstance(value, list | dict | set | Random) and its.get(name) is value:
            yield f"{type(one).__name__}().{name}, one for all,", value


def _used_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The globals and closed-over variables a function names."""
    code = function.__code__
    for name in code.co_names:
        if name in function.__globals__:
            yield f"the global {name}", function.__globals__[name]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"the closed-over {name}", cell.cell_contents
        except ValueError:  # not filled yet
            continue

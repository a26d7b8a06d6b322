"""Room testing: what is shown under a failed test.

Comes in: a pytest item that failed, the clusters its fixtures made, what hypothesis called it with last. Goes
out: titled texts: each cluster's last events with the seed, and a test file that fails again. It does not
know when it is asked; the plugin does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshsim.cluster import Cluster
from meshsim.errors import BadScenario
from meshsim.scenario import Scenario
from meshsim.scenario.source import Imports, expression
from meshsim.testing.tail import LAST_EVENTS, last_events

__all__ = ["again", "sections"]


def sections(item: Any, clusters: Sequence[Cluster], called: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The titled texts.

    Args:
        item: the test, as pytest has it.
        clusters: made by its fixtures.
        called: by hypothesis, the arguments of the last call.
    """
    for cluster in clusters:
        count = min(LAST_EVENTS, len(cluster.log))
        title = f"meshsim: last {count} events, seed {cluster.seed!r}"
        seed = f"again: pytest {item.nodeid!r} --meshsim-seed={cluster.seed}"
        yield title, f"{last_events(cluster)}{seed}"
    if any(isinstance(value, Scenario) for value in called.values()):
        text = again(item, called)
        if text:
            yield "meshsim: the example that failed, as a test file", text


def again(item: Any, called: Mapping[str, Any]) -> str:
    """A test file that calls a hypothesis test once more with the same arguments.

    Args:
        item: the test, as pytest has it; fixtures it asks for are asked for again.
        called: its other arguments.

    Returns:
        The file, to be put beside the test's own; empty when it cannot be written.
    """
    imports = Imports()
    called = {name: value for name, value in called.items() if name != "self" or item.cls is None}
    fixtures = [name for name in called if name in item.funcargs and name not in _parameters(item)]
    try:
        drawn = {name: _written(value, imports) for name, value in called.items() if name not in fixtures}
    except BadScenario:
        return ""
    module = item.module.__name__
    owner = module if item.cls is None else f"{module}.{item.cls.__qualname__}"
    myself = [] if item.cls is None else [f"{owner}()"]
    arguments = ", ".join([*myself, *(f"{name}={name}" for name in called)])
    made = "".join(f"{name} = {text}\n" for name, text in drawn.items())
    head = "".join(f"{line}\n" for line in imports.lines())
    return (
        f"import {module}\n{head}\n{made}\n\n"
        f"def test_again({', '.join(fixtures)}):\n"
        f"    {owner}.{item.originalname}.hypothesis.inner_test({arguments})\n"
    )


def _parameters(item: Any) -> Mapping[str, Any]:
    """Arguments of ``pytest.mark.parametrize``."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else callspec.params


def _written(value: Any, imports: Imports) -> str:
    return expression(value, imports) if hasattr(value, "_repr_pretty_") else repr(value)

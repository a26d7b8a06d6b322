"""``--format``: Go templates over what the views hand out.

Room shell. In: the text of a template and Go values. Out: text, or TemplateProblem with docker's sentence.
Three doors: :class:`Template` for inspected objects, :func:`render_rows` for lists (``table ...`` and
``json`` forms too), :func:`inspect_json` where no template is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from meshsim import gotext
from meshsim.errors import TemplateProblem
from meshsim.gotext import FUNCTIONS, HEADER_FUNCTIONS, Function, Struct, json_text
from meshsim.text import align

__all__ = ["Template", "inspect_json", "render_rows"]


class Template(gotext.Template):
    """A parsed ``--format``: a Go template with docker's functions, refused in docker's words.

    >>> Template("{{.Foo")
    Traceback (most recent call last):
    ...
    meshsim.errors.TemplateProblem: template parsing error: template: :1: unclosed action

    Source: docker/cli templates/templates.go Parse, cli/command/inspect/inspector.go.
    """

    def __init__(self, text: str, functions: Mapping[str, Function] = FUNCTIONS) -> None:
        try:
            super().__init__(text, functions)
        except TemplateProblem as error:
            raise _in_dockers_words(error) from None

    def render(self, data: Any, *, missing_key: Literal["no value", "error"] = "no value") -> str:
        """Apply the template to a value; see :class:`meshsim.gotext.Template`."""
        try:
            return super().render(data, missing_key=missing_key)
        except TemplateProblem as error:
            raise _in_dockers_words(error) from None


def _in_dockers_words(error: TemplateProblem) -> TemplateProblem:
    return TemplateProblem(f"template parsing error: {error}")


def render_rows(text: str, rows: Iterable[Struct], headers: Mapping[str, str], *, min_width: int = 10) -> str:
    r"""Render the rows of a list with ``--format``.

    Args:
        text: a template, ``table TEMPLATE``, or ``json``; ``\t`` and ``\n`` as two characters count
            as tab and newline.
        rows: the cells, as the views name them.
        headers: label of each field, for the header of a table.
        min_width: least width of a table's column.

    Returns:
        A line per row, each with a newline.

    Raises:
        TemplateProblem: nothing is printed then.

    >>> from meshsim.gotext import GoType
    >>> row = GoType("*service.serviceContext", "Name:str Replicas:str")(Name="web", Replicas="2/2")
    >>> headers = {"Name": "NAME", "Replicas": "REPLICAS"}
    >>> print(render_rows(r"table {{.Name}}\t{{.Replicas}}", [row], headers), end="")
    NAME      REPLICAS
    web       2/2

    Source: docker/cli cli/command/formatter/formatter.go Context.Write.
    """
    is_table = text.startswith("table")
    body = text.removeprefix("table").strip() if is_table else text
    body = "{{json .}}" if body == "json" else body.replace(r"\t", "\t").replace(r"\n", "\n")
    template = Template(body)
    lines = "".join(template.render(row) + "\n" for row in rows)
    if not is_table:
        return lines
    header = Template(body, HEADER_FUNCTIONS).render(dict(headers))
    return align(header + "\n" + lines, min_width=min_width)


def inspect_json(elements: Sequence[Any], *, compact: bool = False, raw: bool = False) -> str:
    r"""Print objects as ``inspect`` does without a template.

    Args:
        elements: what was found.
        compact: ``--format json``.
        raw: the engine's own JSON (containers, networks): ``<``, ``>`` and ``&`` stay as they are.

    >>> print(inspect_json([{"Name": "a"}]), end="")
    [
        {
            "Name": "a"
        }
    ]
    >>> inspect_json([])
    '[]\n'

    Source: docker/cli cli/command/inspect/inspector.go elementsInspector.Flush.
    """
    return json_text(list(elements), indent=None if compact else 4, escape=not raw) + "\n"

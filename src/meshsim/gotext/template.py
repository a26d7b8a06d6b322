"""Go's text/template over the values of this room.

Room gotext. In: the text of a template and Go values. Out: text, or TemplateProblem with Go's sentence.
Rule of this file: it walks the tree and looks fields up; parsing, functions and printing are next door.

A struct without the field, a map without the key (where keys must exist) and a nil pointer on the way
are errors in Go's words, with Go's position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal

from meshsim.errors import BadValue, TemplateProblem
from meshsim.gotext.functions import FUNCTIONS, Function, is_true
from meshsim.gotext.printing import Nil, field_value, go_type, go_value, unpointed
from meshsim.gotext.tree import Action, Branch, Command, Node, Operand, Pipe, parse_template
from meshsim.gotext.values import Struct
from meshsim.units import quote

__all__ = ["Template"]

POINTER_TYPES: Mapping[str, str] = {
    "Replicated": "swarm.ReplicatedService",
    "Global": "swarm.GlobalService",
    "ReplicatedJob": "swarm.ReplicatedJob",
    "GlobalJob": "swarm.GlobalJob",
    "UpdateConfig": "swarm.UpdateConfig",
    "RollbackConfig": "swarm.UpdateConfig",
    "UpdateStatus": "swarm.UpdateStatus",
    "ServiceStatus": "swarm.ServiceStatus",
    "JobStatus": "swarm.JobStatus",
    "PreviousSpec": "swarm.ServiceSpec",
    "EndpointSpec": "swarm.EndpointSpec",
    "ContainerSpec": "swarm.ContainerSpec",
    "ContainerStatus": "swarm.ContainerStatus",
    "Resources": "swarm.ResourceRequirements",
    "Limits": "swarm.Limit",
    "Reservations": "swarm.Resources",
    "RestartPolicy": "swarm.RestartPolicy",
    "Placement": "swarm.Placement",
    "ManagerStatus": "swarm.ManagerStatus",
    "Healthcheck": "container.HealthConfig",
    "LogDriver": "swarm.Driver",
}
"""What nil pointers point to, by field, for messages. Source: moby api/types/swarm."""


class _Missing(Enum):
    """The value that is none: a key a map does not have."""

    VALUE = "<no value>"


_NO_VALUE = _Missing.VALUE


class Template:
    """A parsed template.

    Args:
        text: the template.
        functions: what it may call; docker's functions by default.
        name: what it is called in refusals.

    Raises:
        TemplateProblem: it does not parse.

    >>> Template("{{.Name}}: {{len .Ports}}").render({"Name": "web", "Ports": [80, 81]})
    'web: 2'
    >>> Template("{{range $k, $v := .}}{{$k}}={{upper $v}} {{end}}").render({"b": "x", "a": "y"})
    'a=Y b=X '

    Source: go src/text/template/exec.go.
    """

    def __init__(self, text: str, functions: Mapping[str, Function] = FUNCTIONS, *, name: str = "") -> None:
        self.text = text
        self.functions = functions
        self.name = name
        self.nodes = parse_template(text, functions, name)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def render(self, data: Any, *, missing_key: Literal["no value", "error"] = "no value") -> str:
        """Apply the template to a value.

        Args:
            data: a struct, or plain data.
            missing_key: what a key does that a map lacks: print ``<no value>``, or fail as in
                ``network inspect``.

        Raises:
            TemplateProblem: the template does not fit the value.
        """
        return _Execution(self, data, strict=missing_key == "error").run()


class _Execution:
    """One application of a template: variables and the operand errors point at."""

    def __init__(self, template: Template, data: Any, *, strict: bool) -> None:
        self.template = template
        self.strict = strict
        self.data = data
        self.variables: list[tuple[str, Any]] = [("$", data)]
        self.place: Operand | Command | None = None
        self.out: list[str] = []

    def run(self) -> str:
        self._walk(self.template.nodes, self.data)
        return "".join(self.out)

    def _problem(self, sentence: str) -> TemplateProblem:
        assert self.place is not None  # every failure happens while something is evaluated
        before = self.template.text[: self.place.position]
        line, column = 1 + before.count("\n"), len((before.rpartition("\n")[2]).encode())
        name = self.template.name
        return TemplateProblem(
            f'template: {name}:{line}:{column}: executing "{name}" at <{self.place.shown}>: {sentence}'
        )

    # -- nodes ------------------------------------------------------------------------------------

    def _walk(self, nodes: Sequence[Node], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, str):
                self.out.append(node)
            elif isinstance(node, Action):
                value = self._pipe(node.pipe, dot)
                if not node.pipe.declares:
                    self.out.append("<no value>" if value is None or value is _NO_VALUE else go_value(value))
            elif node.kind == "range":
                self._scoped(self._range, node, dot)
            else:
                self._scoped(self._if_or_with, node, dot)

    def _scoped(self, walk: Any, node: Branch, dot: Any) -> None:
        known = len(self.variables)
        walk(node, dot)
        del self.variables[known:]

    def _if_or_with(self, node: Branch, dot: Any) -> None:
        value = self._pipe(node.pipe, dot)
        if is_true(None if value is _NO_VALUE else value):
            self._walk(node.body, value if node.kind == "with" else dot)
        else:
            self._walk(node.otherwise, dot)

    def _range(self, node: Branch, dot: Any) -> None:
        value = unpointed(self._pipe(node.pipe, dot))
        items: Iterable[tuple[Any, Any]]
        if isinstance(value, dict):
            items = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, (list, tuple)):
            items = list(enumerate(value))
        elif value is None or value is _NO_VALUE or (isinstance(value, Nil) and value.kind != "ptr"):
            items = []
        else:
            raise self._problem(f"range can't iterate over {go_value(value)}")
        for key, item in items:
            known = len(self.variables)
            names = node.pipe.declares
            pairs = zip(names, (key, item) if len(names) == 2 else (item,), strict=False)
            self.variables += pairs
            self._walk(node.body, item)
            del self.variables[known:]
        if not items:
            self._walk(node.otherwise, dot)

    # -- pipelines --------------------------------------------------------------------------------

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = None
        for number, command in enumerate(pipe.commands):
            value = self._command(command, dot, [value] if number else [])
        for name in pipe.declares:
            if pipe.assigns:
                index = max(at for at, (known, _) in enumerate(self.variables) if known == name)
                self.variables[index] = (name, value)
            else:
                self.variables.append((name, value))
        return value

    def _command(self, command: Command, dot: Any, final: list[Any]) -> Any:
        first, *rest = command.operands
        self.place = first
        if first.kind == "nil":
            raise self._problem("nil is not a command")
        if first.kind == "function" and not first.fields:
            return self._call(command, dot, final)
        if (rest or final) and not first.fields:
            raise self._problem(f"can't give argument to non-function {first.shown}")
        return self._operand(first, dot, rest, final)

    def _operand(
        self, operand: Operand, dot: Any, rest: Sequence[Operand] = (), final: Sequence[Any] = ()
    ) -> Any:
        self.place = operand
        if operand.kind == "literal":
            return operand.value
        if operand.kind == "nil":
            return None
        value = dot
        if operand.kind == "variable":
            value = next(value for name, value in reversed(self.variables) if name == operand.name)
        elif operand.pipe is not None:
            value = self._pipe(operand.pipe, dot)
        elif operand.kind == "function":
            value = self._call(Command((operand,), operand.position), dot, [])
        for number, name in enumerate(operand.fields):
            self.place = operand
            value = self._field(value, name)
            last = number == len(operand.fields) - 1
            if callable(value):
                arguments = [self._operand(item, dot) for item in rest] if last else []
                value = value(*arguments, *(final if last else ()))
            elif last and (rest or final):
                raise self._problem(f"{name} has arguments but cannot be invoked as function")
        return value

    def _field(self, value: Any, name: str) -> Any:
        value = unpointed(value)
        if value is _NO_VALUE:
            return value
        if isinstance(value, Struct):
            try:
                return field_value(value, name)
            except KeyError:
                raise self._problem(f"can't evaluate field {name} in type {value.go_type}") from None
        if isinstance(value, dict) or (isinstance(value, Nil) and value.kind == "map"):
            if isinstance(value, dict) and name in value:
                return value[name]
            if self.strict:
                raise self._problem(f"map has no entry for key {quote(name)}")
            return _NO_VALUE
        if isinstance(value, Nil) and value.kind == "ptr" and value.field in POINTER_TYPES:
            raise self._problem(f"nil pointer evaluating *{POINTER_TYPES[value.field]}.{name}")
        if value is None or (isinstance(value, Nil) and value.kind == "ptr"):
            raise self._problem(f"nil pointer evaluating interface {{}}.{name}")
        kind = "[]interface {}" if isinstance(value, Nil) else go_type(value)
        raise self._problem(f"can't evaluate field {name} in type {kind}")

    # -- functions --------------------------------------------------------------------------------

    def _call(self, command: Command, dot: Any, final: list[Any]) -> Any:
        head, *operands = command.operands
        function = self.template.functions[head.name]
        given = len(operands) + len(final)
        least = len(function.types) - int(function.variadic)
        if given < least or (given > least and not function.variadic):
            self.place = head
            wish = f"at least {least}" if function.variadic else str(least)
            raise self._problem(f"wrong number of args for {head.name}: want {wish} got {given}")
        if head.name in ("and", "or"):
            return self._and_or(head.name, operands, dot, final)
        arguments: list[Any] = []
        for operand in operands:  # each is judged before the next is looked at
            arguments.append(self._typed(function, len(arguments), self._operand(operand, dot)))
        self.place = head if final else self.place
        arguments += [self._typed(function, len(arguments), value) for value in final]
        self.place = command
        try:
            return function.call(*arguments)
        except BadValue as error:
            raise self._problem(f"error calling {head.name}: {error}") from None

    def _and_or(self, name: str, operands: Sequence[Operand], dot: Any, final: list[Any]) -> Any:
        value: Any = None
        for operand in operands:
            value = self._operand(operand, dot)
            if is_true(None if value is _NO_VALUE else value) == (name == "or"):
                return value
        return final[0] if final else value

    def _typed(self, function: Function, number: int, value: Any) -> Any:
        """An argument as its parameter wants it; nil slices are empty ones."""
        value = None if value is _NO_VALUE else unpointed(value)
        wish = function.types[min(number, len(function.types) - 1)]
        if wish == "any" or (wish == "string" and isinstance(value, str)):
            return value
        if wish == "int" and isinstance(value, int) and not isinstance(value, bool):
            return value
        if wish == "[]string" and isinstance(value, Nil) and value.kind == "slice":
            return []
        if (
            wish == "[]string"
            and isinstance(value, (list, tuple))
            and all(isinstance(item, str) for item in value)
        ):
            return value
        if value is None:
            raise self._problem(f"invalid value; expected {wish}")
        raise self._problem(f"wrong type for value; expected {wish}; got {go_type(value)}")

"""Room placement: the constraint language, ``node.labels.zone == a``.

Comes in: expressions as users type them, and nodes. Goes out: parsed constraints, a match, or the
parser's own error. Rules of this file: comparison is of the whole text and ignores case, nothing is a
wildcard; a key nobody knows fails for both operators. It does not know tasks, filters or services.

Source: swarmkit manager/constraint/constraint.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from attrs import field, frozen

from meshsim.errors import BadConstraint, BadValue
from meshsim.model.frozen import Frozen
from meshsim.model.objects import Node

__all__ = ["Constraint", "label_reader", "meets", "parse_constraint", "parse_constraints"]

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

#: In the order in which the parser looks for them: so ``a!=b==c`` splits at ``==``.
_OPERATORS = ("==", "!=")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9\-_.]+")
_VALUE = re.compile(r"[A-Za-z0-9:\-_ \t\n\f\r.*()?+\[\]\\^$|/]+")

_NODE_LABEL = "node.labels."
_ENGINE_LABEL = "engine.labels."


def _hostname(node: Node) -> str:
    return node.hostname


def _role(node: Node) -> str:
    return node.role.name


def _os(node: Node) -> str:
    platform = node.description.platform if node.description else None
    return platform.os if platform else ""


def _architecture(node: Node) -> str:
    platform = node.description.platform if node.description else None
    return platform.architecture if platform else ""


def _id(node: Node) -> str:
    return node.id


_ATTRIBUTES: dict[str, Callable[[Node], str]] = {
    "node.id": _id,
    "node.hostname": _hostname,
    "node.role": _role,
    "node.platform.os": _os,
    "node.platform.arch": _architecture,
}


def label_reader(key: str) -> Callable[[Node], str] | None:
    """Return what reads the label that ``key`` names, or None if it names none.

    The prefix ``node.labels.`` or ``engine.labels.`` ignores case, the label's own name does not. A
    label that a node lacks reads as the empty text.

    Source: swarmkit manager/constraint/constraint.go NodeMatches; manager/scheduler/nodeset.go tree.
    """
    folded = key.lower()
    if folded.startswith(_NODE_LABEL) and len(key) > len(_NODE_LABEL):
        name = key[len(_NODE_LABEL) :]

        def node_label(node: Node) -> str:
            return node.spec.labels.get(name, "")

        return node_label
    if folded.startswith(_ENGINE_LABEL) and len(key) > len(_ENGINE_LABEL):
        name = key[len(_ENGINE_LABEL) :]

        def engine_label(node: Node) -> str:
            return node.description.engine_labels.get(name, "") if node.description else ""

        return engine_label
    return None


@frozen(slots=True)
class Constraint(Frozen):
    """One parsed constraint.

    Attributes:
        key: as typed, for example ``node.labels.zone``.
        equal: True for ``==``, False for ``!=``.
        value: as typed.
    """

    key: str
    equal: bool
    value: str
    _read: Callable[[Node], str] | None = field(init=False, repr=False, eq=False)
    _match: Callable[[Constraint, Node], bool] = field(init=False, repr=False, eq=False)

    @_read.default
    def _reader(self) -> Callable[[Node], str] | None:
        return _ATTRIBUTES.get(self.key.lower()) or label_reader(self.key)

    @_match.default
    def _matcher(self) -> Callable[[Constraint, Node], bool]:
        return _match_address if self.key.lower() == "node.ip" else _match_text

    def matches(self, node: Node) -> bool:
        """Whether the node meets the constraint.

        >>> parse_constraint("node.role != manager").matches(Node("n1"))
        True

        Source: swarmkit manager/constraint/constraint.go NodeMatches.
        """
        return self._match(self, node)

    def __str__(self) -> str:
        return f"{self.key}{_OPERATORS[0] if self.equal else _OPERATORS[1]}{self.value}"


def _match_text(constraint: Constraint, node: Node) -> bool:
    read = constraint._read
    if read is None:
        return False
    return _same_text(read(node), constraint.value) == constraint.equal


def _same_text(actual: str, value: str) -> bool:
    # Go folds letter by letter; Python's casefold may lengthen a text, which then is no simple folding.
    return len(actual) == len(value) and actual.casefold() == value.casefold()


def _match_address(constraint: Constraint, node: Node) -> bool:
    actual = _address(node.status.address)
    wanted = _address(constraint.value)
    if wanted is not None:
        return (actual == wanted) == constraint.equal
    network = _network(constraint.value)
    if network is None:
        return False
    inside = actual is not None and actual.version == network.version and actual in network
    return inside == constraint.equal


def _address(text: str) -> _Address | None:
    """Read an address as Go's net.IP does: an IPv4-mapped IPv6 address is the IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> _Network | None:
    """Read ``address/length``; bits beyond the length are dropped."""
    address, slash, length = text.partition("/")
    if not (slash and length.isascii() and length.isdigit()):
        return None
    try:
        return ip_network((address, int(length)), strict=False)
    except ValueError:
        return None


def parse_constraint(expression: str) -> Constraint:
    """Parse one expression ``KEY == VALUE`` or ``KEY != VALUE``.

    Args:
        expression: as typed; white space around key and value does not count.

    Raises:
        BadConstraint: no operator, a bad key (two characters at least: a letter or ``_``, then letters,
            digits, ``-_.``) or a bad value; the sentence is SwarmKit's.

    >>> parse_constraint(" Node.Labels.zone == a b ")
    Constraint(key='Node.Labels.zone', equal=True, value='a b')
    >>> parse_constraint("node ~ a")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadConstraint: ...constraint expected one operator from ==, !=

    Source: swarmkit manager/constraint/constraint.go Parse.
    """
    for operator in _OPERATORS:
        key, found, value = expression.partition(operator)
        if not found:
            continue
        key, value = key.strip(), value.strip()
        if not _KEY.fullmatch(key):
            raise BadConstraint(f"key '{key}' is invalid", expression)
        if not _VALUE.fullmatch(value):
            raise BadConstraint(f"value '{value}' is invalid", expression)
        return Constraint(key, operator == _OPERATORS[0], value)
    raise BadConstraint(f"constraint expected one operator from {', '.join(_OPERATORS)}", expression)


def parse_constraints(expressions: Iterable[str]) -> tuple[Constraint, ...]:
    """Parse all expressions.

    Raises:
        BadConstraint: one does not parse; the first such.
        BadValue: one text instead of several.

    >>> parse_constraints(["node.id == n1"])
    (Constraint(key='node.id', equal=True, value='n1'),)
    """
    if isinstance(expressions, str):
        raise BadValue(f"constraints are a list of expressions, not one text: {expressions!r}", expressions)
    return tuple(parse_constraint(expression) for expression in expressions)


def meets(constraints: Sequence[Constraint], node: Node) -> bool:
    """Whether the node meets all constraints.

    Returns:
        True if every one matches; also for none at all.

    >>> meets(parse_constraints(["node.id == n1", "node.ip != 10.0.0.0/8"]), Node("n1"))
    True
    """
    return all(constraint.matches(node) for constraint in constraints)

"""tr: characters for characters.

Room shell. In: two sets and standard input. Out: a Result. Source: GNU coreutils manual, tr invocation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshsim.errors import NotModelled
from meshsim.shell.options import Refusal, read_options, refused
from meshsim.shell.printing import unescaped
from meshsim.shell.result import Result

__all__ = ["tr"]

_CLASSES = {
    "digit": "0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "space": "\t\n\v\f\r ",
    "blank": "\t ",
    "punct": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}
_UNIT = re.compile(
    r"\[:([a-z]+):\]|(\\(?:[0-7]{1,3}|.)|.)(?:-(\\(?:[0-7]{1,3}|.)|.))?",
    re.DOTALL,
)
_CLASSES["alpha"] = _CLASSES["upper"] + _CLASSES["lower"]
_CLASSES["alnum"] = _CLASSES["digit"] + _CLASSES["alpha"]


@refused
def tr(args: Sequence[str], stdin: str) -> Result:
    r"""Translate, delete (-d), squeeze (-s); -c takes the complement of the first set.

    >>> tr(["a-z", "A-Z"], "web\n").stdout, tr(["-d", r"\n"], "a\nb\n").stdout
    ('WEB\n', 'ab')
    """
    options, operands = read_options("tr", args, "dscC")
    if not operands:
        raise Refusal("tr: missing operand\nTry 'tr --help' for more information.")
    if len(operands) == 1 and not options.keys() & {"d", "s"}:
        raise Refusal(
            f"tr: missing operand after ‘{operands[0]}’\nTwo strings must be given when translating.\n"
            "Try 'tr --help' for more information."
        )
    if len(operands) > 2:
        raise Refusal(f"tr: extra operand ‘{operands[2]}’\nTry 'tr --help' for more information.")
    first = _expand(operands[0])
    second = _expand(operands[1]) if len(operands) == 2 else ""
    complement = bool(options.keys() & {"c", "C"})
    text = stdin
    if "d" in options:
        text = "".join(char for char in text if (char in first) == complement)
    elif second:
        text = "".join(_translated(char, first, second, complement) for char in text)
    if "s" in options:
        squeezed = second or first
        inside = not (complement and not second)
        text = re.sub(
            r"(.)\1+", lambda m: m[1] if (m[1] in squeezed) == inside else m[0], text, flags=re.DOTALL
        )
    return Result(text)


def _translated(char: str, first: str, second: str, complement: bool) -> str:
    if complement:
        return char if char in first else second[-1]
    place = first.rfind(char)
    return char if place < 0 else second[min(place, len(second) - 1)]


def _expand(text: str) -> str:
    """Ranges, classes and escapes of a set, written out."""
    if re.search(r"\[=|\[.\*", text):
        raise NotModelled("tr with [=c=] or [c*] is not modelled")
    out: list[str] = []
    for match in _UNIT.finditer(text):
        name, first, last = match.groups()
        if name:
            if name not in _CLASSES:
                raise Refusal(f"tr: invalid character class ‘{name}’")
            out.append(_CLASSES[name])
        elif last:
            out.append(_range(unescaped(first), unescaped(last), match[0]))
        else:
            out.append(unescaped(first))
    return "".join(out)


def _range(first: str, last: str, shown: str) -> str:
    if first > last:
        raise Refusal(f"tr: range-endpoints of '{shown}' are in reverse collating sequence order")
    return "".join(map(chr, range(ord(first), ord(last) + 1)))

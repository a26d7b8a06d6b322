"""The tools that only print: echo, printf and seq.

Room shell. In: arguments. Out: a Result. Source: GNU bash manual (echo, printf), coreutils manual (seq).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from meshsim.errors import NotModelled
from meshsim.shell.options import Refusal, read_options, refused
from meshsim.shell.result import Result

__all__ = ["echo", "printf", "seq", "unescaped"]

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([abefnrtv\\\"']))")
_LETTERS = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_VERB = re.compile(r"%([-+ 0#]*)([0-9]*)(?:\.([0-9]*))?(.?)", re.DOTALL)
_MAX_LINES = 1_000_000
_MAX_DIGITS = 15


def unescaped(text: str) -> str:
    r"""Turn ``\n``, ``\t``, ``\x41`` ... into characters.

    >>> unescaped(r"a\tb\x41")
    'a\tbA'
    """

    def char(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return chr(int(match[2], 8)) if match[2] else _LETTERS.get(match[3], match[3])

    return _ESCAPE.sub(char, text)


def echo(args: Sequence[str], _stdin: str) -> Result:
    """Print the arguments: -n without a newline, -e with escapes.

    >>> echo(["-n", "a", "b"], "").stdout
    'a b'
    """
    words = list(args)
    newline, escapes = "\n", False
    while words and re.fullmatch("-[neE]+", words[0]):
        letters = words.pop(0)
        newline = "" if "n" in letters else newline
        escapes = escapes or "e" in letters
    text = " ".join(words)
    return Result((unescaped(text) if escapes else text) + newline)


@refused
def printf(args: Sequence[str], _stdin: str) -> Result:
    r"""Print by a format, again and again until the arguments are used up.

    >>> printf([r"%s=%03d\n", "a", "1", "b", "2"], "").stdout
    'a=001\nb=002\n'
    """
    if not args:
        raise Refusal("printf: usage: printf [-v var] format [arguments]", 2)
    template, rest = args[0], list(args[1:])
    out: list[str] = []
    bad: list[str] = []
    while True:
        before = len(rest)
        out.append(_formatted(template, rest, bad))
        if not rest or len(rest) == before:
            stderr = "".join(f"bash: printf: {word}: invalid number\n" for word in bad)
            return Result("".join(out), stderr, 1 if bad else 0)


def _formatted(template: str, rest: list[str], bad: list[str]) -> str:
    """One pass over the format; takes what it uses off ``rest``, adds what is no number to ``bad``."""
    out: list[str] = []
    at = 0
    for match in _VERB.finditer(template):
        out.append(unescaped(template[at : match.start()]))
        at = match.end()
        flags, width, precision, verb = match.groups()
        if verb == "%":
            out.append("%")
        elif not verb or verb not in "sbcdiuxXof":
            raise NotModelled(f"printf {match[0]} is not modelled")
        else:
            text = _converted(verb, precision, rest.pop(0) if rest else "", bad)
            if "+" in flags and verb in "dif" and not text.startswith("-"):
                text = "+" + text
            padded = text.zfill(int(width or 0)) if "0" in flags and verb not in "sbc" else text
            out.append(padded.ljust(int(width or 0)) if "-" in flags else padded.rjust(int(width or 0)))
    out.append(unescaped(template[at:]))
    return "".join(out)


def _converted(verb: str, precision: str | None, text: str, bad: list[str]) -> str:
    if verb in "sb":
        shown = unescaped(text) if verb == "b" else text
        return shown if precision is None else shown[: int(precision or 0)]
    if verb == "c":
        return text[:1]
    try:
        if verb == "f":
            return format(float(text or "0"), f".{6 if precision is None else int(precision or 0)}f")
        return format(int(text or "0", 0), "d" if verb in "diu" else verb)
    except ValueError:
        bad.append(text)
        return _converted(verb, precision, "0", bad)


@refused
def seq(args: Sequence[str], _stdin: str) -> Result:
    r"""Count: seq LAST, seq FIRST LAST, seq FIRST STEP LAST; -s SEPARATOR, -w equal width.

    >>> seq(["2", "3"], "").stdout
    '2\n3\n'
    """
    # a negative number is an operand, not an option
    split = next((i for i, arg in enumerate(args) if re.match(r"-?[0-9.]", arg)), len(args))
    options, words = read_options("seq", args[:split], "w", "s")
    words += args[split:]
    hint = "\nTry 'seq --help' for more information."
    if not words:
        raise Refusal("seq: missing operand" + hint)
    if len(words) > 3:
        raise Refusal(f"seq: extra operand ‘{words[3]}’{hint}")
    numbers = [_decimal(word, hint) for word in words]
    first, last = (Decimal(1), numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[-1])
    step = numbers[1] if len(numbers) == 3 else Decimal(1)
    if not step:
        raise Refusal(f"seq: invalid Zero increment value: ‘{words[1]}’{hint}")
    steps = (last - first) / step
    if steps >= _MAX_LINES:
        raise NotModelled(f"seq with more than {_MAX_LINES} numbers is not modelled")
    count = int(steps) + 1 if steps >= 0 else 0
    shown = [str(first + step * index) for index in range(count)]
    width = max(map(len, shown), default=0) if "w" in options else 0
    separator = options.get("s", ["\n"])[-1]
    return Result(separator.join(text.zfill(width) for text in shown) + "\n" if shown else "")


def _decimal(word: str, hint: str) -> Decimal:
    try:
        value = Decimal(word)
    except InvalidOperation:
        value = Decimal("inf")
    if value.is_nan():
        raise Refusal(f"seq: invalid ‘not-a-number’ argument: ‘{word}’{hint}")
    if not value.is_finite():
        raise Refusal(f"seq: invalid floating point argument: ‘{word}’{hint}")
    if abs(value.adjusted()) > _MAX_DIGITS:
        raise NotModelled(f"seq with numbers of more than {_MAX_DIGITS} digits is not modelled")
    return value

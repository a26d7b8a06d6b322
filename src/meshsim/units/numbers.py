"""Numbers: counts, sizes in bytes and shares of a CPU, as Docker's flags take and print them.

Room units, floor 0. In: text or numbers. Out: numbers or text. Sentences are those of Go's strconv,
of docker/go-units and of the docker command line. Knows no flag.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import isfinite, isnan

from meshsim.errors import BadValue

__all__ = [
    "NANO_CPU",
    "bytes_text",
    "cpus_text",
    "float_text",
    "parse_bool",
    "parse_bytes",
    "parse_cpus",
    "parse_float",
    "parse_int",
    "parse_uint",
    "quote",
    "size_text",
]

NANO_CPU = 1_000_000_000
"""Nano-CPUs in one CPU: the unit of limits and reservations in Docker's API."""

_SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_DECIMAL_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}
_DIGITS = {
    2: re.compile(r"[01]+"),
    8: re.compile(r"[0-7]+"),
    10: re.compile(r"[0-9]+"),
    16: re.compile(r"[0-9a-fA-F]+"),
}
_FLOAT = re.compile(
    r"[+-]?(?:([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII
)
_RATIONAL = re.compile(
    r"[+-]?(?:[0-9]+/[0-9]*[1-9][0-9]*|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)"
)


def quote(text: str) -> str:
    r"""Quote a text as Go's ``%q`` does.

    >>> print(quote('a "b"\n'))
    "a \"b\"\n"

    Source: go src/strconv/quote.go Quote.
    """
    shown = []
    for char in text:
        if char in _ESCAPES:
            shown.append(_ESCAPES[char])
        elif char.isprintable():
            shown.append(char)
        elif char < "\x80":
            shown.append(f"\\x{ord(char):02x}")
        else:
            shown.append(f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}")
    return '"' + "".join(shown) + '"'


def _number_error(function: str, text: str, reason: str = "invalid syntax") -> BadValue:
    return BadValue(f"strconv.{function}: parsing {quote(text)}: {reason}", text)


def _integer(text: str, base: int) -> int | None:
    """An unsigned integer in Go's syntax, or None; base 0 reads the base from the prefix."""
    digits = text
    if base == 0:
        prefix = text[:2].lower()
        base = {"0x": 16, "0o": 8, "0b": 2}.get(prefix, 10)
        if base != 10:
            # Go allows one underscore after the prefix and between digits, as Python does.
            digits = text[2:].removeprefix("_")
        elif text.startswith("0") and len(text) > 1:
            base, digits = 8, text[1:].removeprefix("_")
        if re.search("^_|__|_$", digits):
            return None
        digits = digits.replace("_", "")
    return int(digits, base) if _DIGITS[base].fullmatch(digits) else None


def parse_uint(text: str, *, base: int = 0, bits: int = 64) -> int:
    """Read an unsigned integer.

    Args:
        text: digits; with base 0 also ``0x``, ``0o``, ``0b`` and a leading 0 for octal.
        base: 10, or 0 to read the base from the prefix (flags such as ``--replicas`` do).
        bits: width of the Go type.

    Returns:
        The number.

    Raises:
        BadValue: with strconv's sentence.

    >>> parse_uint("0x10")
    16
    >>> parse_uint("-1")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: strconv.ParseUint: parsing "-1": invalid syntax

    Source: go src/strconv/atoi.go ParseUint.
    """
    value = _integer(text, base)
    if value is None:
        raise _number_error("ParseUint", text)
    if value >> bits:
        raise _number_error("ParseUint", text, "value out of range")
    return value


def parse_int(text: str, *, base: int = 0, bits: int = 64) -> int:
    """Read a signed integer; see :func:`parse_uint`.

    >>> parse_int("-5")
    -5

    Source: go src/strconv/atoi.go ParseInt.
    """
    negative = text.startswith("-")
    value = _integer(text[1:] if text[:1] in ("+", "-") else text, base)
    if value is None:
        raise _number_error("ParseInt", text)
    limit = 1 << (bits - 1)
    if value > (limit if negative else limit - 1):
        raise _number_error("ParseInt", text, "value out of range")
    return -value if negative else value


def parse_float(text: str) -> float:
    """Read a floating-point number (decimal forms, ``inf`` and ``nan``).

    >>> parse_float(".25")
    0.25
    >>> parse_float("x")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: strconv.ParseFloat: parsing "x": invalid syntax

    Source: go src/strconv/atof.go ParseFloat.
    """
    match = _FLOAT.fullmatch(text)
    if match is None:
        raise _number_error("ParseFloat", text)
    value = float(text)
    if match[1] is not None and value in (float("inf"), float("-inf")):
        raise _number_error("ParseFloat", text, "value out of range")
    return value


def parse_bool(text: str) -> bool:
    """Read a truth value as ``--flag=VALUE`` takes it.

    >>> parse_bool("f"), parse_bool("TRUE")
    (False, True)

    Source: go src/strconv/atob.go ParseBool.
    """
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise _number_error("ParseBool", text)


def float_text(value: float, *, least: int = -4, most: int = 6) -> str:
    """Print a float as Go's ``%v`` does: the shortest digits that read back as the same number.

    Args:
        value: the number.
        least: decimal exponents below this one are printed with ``e`` (encoding/json: -6).
        most: decimal exponents from this one on are, too (encoding/json: 21).

    Returns:
        The digits; the exponent has a sign and two places at least.

    >>> [float_text(value) for value in (0.5, 2.0, 1000000.0, 0.00001)]
    ['0.5', '2', '1e+06', '1e-05']

    Source: go src/strconv/ftoa.go formatDigits, case 'g' with the shortest precision.
    """
    if not isfinite(value):
        return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
    shortest = Decimal(repr(float(value)))
    exponent = shortest.adjusted()
    if least <= exponent < most or not value:
        plain = format(shortest, "f")
        return plain.rstrip("0").removesuffix(".") if "." in plain else plain
    digits = "".join(map(str, shortest.as_tuple().digits)).rstrip("0")
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03d}"


def parse_bytes(text: str) -> int:
    """Read a size in bytes; units are powers of 1024 whatever they are called.

    Args:
        text: a number, perhaps with a fraction, and b, k, m, g, t or p, perhaps with ``b`` or
            ``ib`` behind; any case, one blank allowed between.

    Returns:
        Bytes.

    Raises:
        BadValue: with go-units' sentence.

    >>> parse_bytes("512M"), parse_bytes("1.5 GiB"), parse_bytes("64kb")
    (536870912, 1610612736, 65536)
    >>> parse_bytes("10x")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: invalid suffix: 'x'

    Source: docker/go-units size.go RAMInBytes, parseSize.
    """
    cut = max(text.rfind(char) for char in "0123456789. ")
    if cut < 0:
        raise BadValue(f"invalid size: '{text}'", text)
    number = parse_float(text[:cut] if text[cut] == " " else text[: cut + 1])
    if number < 0:
        raise BadValue(f"invalid size: '{text}'", text)
    suffix = text[cut + 1 :]
    return int(number * _suffix_factor(suffix, text))


def _suffix_factor(suffix: str, text: str) -> int:
    if len(suffix) > 3:  # go-units lower-cases only what may be a suffix
        raise BadValue(f"invalid suffix: '{suffix}'", text)
    suffix = suffix.lower()
    if suffix in ("", "b"):
        return 1
    if suffix[0] not in _SUFFIXES or suffix[1:] not in ("", "b", "ib"):
        raise BadValue(f"invalid suffix: '{suffix}'", text)
    return _SUFFIXES[suffix[0]]


def bytes_text(size: int) -> str:
    """Print bytes in binary units, four digits.

    >>> bytes_text(2095890432), bytes_text(64 << 20), bytes_text(0)
    ('1.952GiB', '64MiB', '0B')

    Source: docker/go-units size.go BytesSize.
    """
    return _scaled(size, 1024.0, _BINARY_UNITS, digits=4)


def size_text(size: int) -> str:
    """Print bytes in decimal units, three digits, as ``docker ps -s`` does.

    >>> size_text(133_000_000)
    '133MB'

    Source: docker/go-units size.go HumanSizeWithPrecision.
    """
    return _scaled(size, 1000.0, _DECIMAL_UNITS, digits=3)


def _scaled(size: float, base: float, units: tuple[str, ...], *, digits: int) -> str:
    step = 0
    while size >= base and step < len(units) - 1:
        size /= base
        step += 1
    return f"{size:.{digits}g}{units[step]}"


def parse_cpus(text: str) -> int:
    """Read a number of CPUs.

    Args:
        text: decimal or fraction: ``0.5``, ``.5``, ``1/2``.

    Returns:
        Nano-CPUs.

    Raises:
        BadValue: not a rational number, or finer than a nano-CPU.

    >>> parse_cpus(".5"), parse_cpus("3/2")
    (500000000, 1500000000)
    >>> parse_cpus("1/3")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: value is too precise

    Source: docker/cli opts/opts.go ParseCPUs.
    """
    if not _RATIONAL.fullmatch(text):
        raise BadValue(f"failed to parse {text} as a rational number", text)
    nano = Fraction(text) * NANO_CPU
    if nano.denominator != 1:
        raise BadValue("value is too precise", text)
    return int(nano)


def cpus_text(nano_cpus: int) -> str:
    """Print nano-CPUs as a number of CPUs, as ``service inspect --pretty`` does.

    >>> cpus_text(500_000_000), cpus_text(2_000_000_000)
    ('0.5', '2')

    Source: docker/cli cli/command/service/formatter.go ResourceReservationNanoCPUs.
    """
    return float_text(nano_cpus / NANO_CPU)

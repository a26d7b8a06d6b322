"""Durations: Go's ``1m30s`` and nanoseconds, and Docker's ``About a minute``.

Room units, floor 0. In: text or nanoseconds. Out: nanoseconds or text. Arithmetic follows Go's
int64 and float64, so a duration Go calls invalid is invalid here too. Knows no clock.
"""

from __future__ import annotations

import re

from meshsim.errors import BadValue

__all__ = [
    "HOUR",
    "MICROSECOND",
    "MILLISECOND",
    "MINUTE",
    "NANOSECOND",
    "SECOND",
    "duration_text",
    "human_duration",
    "parse_duration",
]

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_LIMIT = 1 << 63  # int64: a duration may reach -_LIMIT, but only _LIMIT - 1

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,  # micro sign
    "\u03bcs": MICROSECOND,  # Greek mu
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> int:
    """Read a Go duration.

    Args:
        text: numbers with units, ``1h2m3.5s``; a sign is allowed, and a bare ``0``.

    Returns:
        Nanoseconds.

    Raises:
        BadValue: with Go's sentence.

    >>> parse_duration("1.5s"), parse_duration("-2m"), parse_duration("0")
    (1500000000, -120000000000, 0)
    >>> parse_duration("10")
    Traceback (most recent call last):
    ...
    meshsim.errors.BadValue: time: missing unit in duration "10"

    Source: go src/time/format.go ParseDuration.
    """
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        term = _TERM.match(rest, at)
        assert term is not None  # the pattern matches the empty text too
        total += _term_ns(term, text)
        at = term.end()
    if not rest or total > _LIMIT or (total == _LIMIT and not negative):
        raise _invalid(text)
    return -total if negative else total


def _term_ns(term: re.Match[str], text: str) -> int:
    """One number with its unit, in nanoseconds; ``text`` is for the sentence only."""
    whole, fraction, unit = term.groups()
    if not whole and not fraction:
        raise _invalid(text)
    if not unit:
        raise BadValue(f"time: missing unit in duration {_quote(text)}", text)
    scale = _UNITS.get(unit)
    if scale is None:
        raise BadValue(f"time: unknown unit {_quote(unit)} in duration {_quote(text)}", text)
    value = int(whole or "0") * scale
    if value > _LIMIT:
        raise _invalid(text)
    if fraction:
        # Go reads the fraction into an int64 and stops counting digits when it is full.
        digits = fraction[:18]
        value += int(float(int(digits)) * (float(scale) / 10.0 ** len(digits)))
    return value


def _invalid(text: str) -> BadValue:
    return BadValue(f"time: invalid duration {_quote(text)}", text)


def _quote(text: str) -> str:
    r"""Quote as package time does: every byte outside ASCII as ``\xNN``."""
    shown = []
    for char in text:
        if char in '"\\':
            shown.append("\\" + char)
        elif " " <= char <= "\x7f":
            shown.append(char)
        else:
            shown.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    return '"' + "".join(shown) + '"'


def duration_text(duration_ns: int) -> str:
    """Print a duration as Go does.

    Args:
        duration_ns: nanoseconds.

    Returns:
        ``5s``, ``1m30s``, ``2160h0m0s``, ``0s``, ``1.5s``, ``100ms``, ``1.5µs``.

    >>> [duration_text(ns) for ns in (0, 5 * SECOND, 90 * SECOND, 100 * MILLISECOND, 1500)]
    ['0s', '5s', '1m30s', '100ms', '1.5µs']

    Source: go src/time/time.go Duration.String.
    """
    if duration_ns < 0:
        return "-" + duration_text(-duration_ns)
    if duration_ns == 0:
        return "0s"
    for unit, scale in (("ns", NANOSECOND), ("µs", MICROSECOND), ("ms", MILLISECOND)):
        if duration_ns < scale * 1000:
            return _decimal(duration_ns, scale) + unit
    hours, rest = divmod(duration_ns, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds = _decimal(rest, SECOND) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(value: int, scale: int) -> str:
    """``value / scale`` without trailing zeros; ``scale`` is a power of ten."""
    whole, rest = divmod(value, scale)
    if not rest:
        return str(whole)
    return f"{whole}." + str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")


def human_duration(duration_ns: int) -> str:
    """Print an age as docker's tables do.

    Args:
        duration_ns: nanoseconds; hours are rounded, smaller units cut.

    Returns:
        The age in words, without ``ago``.

    >>> [human_duration(s * SECOND) for s in (0, 1, 59, 60, 420, 3600)]
    ['Less than a second', '1 second', '59 seconds', 'About a minute', '7 minutes', 'About an hour']

    Source: docker/go-units duration.go HumanDuration.
    """
    seconds = duration_ns // SECOND
    minutes = duration_ns // MINUTE
    hours = (duration_ns + HOUR // 2) // HOUR
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    return _human_days(hours, duration_ns // HOUR)


def _human_days(hours: int, whole_hours: int) -> str:
    if hours < 24 * 14:
        return f"{hours // 24} days"
    if hours < 24 * 60:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{whole_hours // 24 // 365} years"

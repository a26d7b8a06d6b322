"""Points in time: nanoseconds since 1970 and the four ways Docker's world writes them.

Room units, floor 0. In: nanoseconds since 1970-01-01 UTC, or RFC 3339 text. Out: text, or
nanoseconds. Everything is UTC: a simulated host has no time zone. No clock is read here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from meshsim.errors import BadValue
from meshsim.units.durations import SECOND

__all__ = ["ZERO_TIME_NS", "dig_time", "go_time", "parse_time", "rfc3339", "rfc3339_fixed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ZERO_TIME_NS = -62_135_596_800 * SECOND
"""Go's zero time, 0001-01-01T00:00:00Z, which Docker shows for "never"."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


def _split(time_ns: int) -> tuple[datetime, int]:
    seconds, nanos = divmod(time_ns, SECOND)
    return _EPOCH + timedelta(seconds=seconds), nanos


def _stamp(moment: datetime, separator: str) -> str:
    return moment.replace(tzinfo=None).isoformat(separator)


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


def rfc3339(time_ns: int) -> str:
    """Print a time as Docker's JSON does; zeros at the end of the fraction are cut.

    >>> rfc3339(1_632_988_763_500_000_000), rfc3339(ZERO_TIME_NS)
    ('2021-09-30T07:59:23.5Z', '0001-01-01T00:00:00Z')

    Source: go src/time/format.go RFC3339Nano.
    """
    moment, nanos = _split(time_ns)
    return f"{_stamp(moment, 'T')}{_fraction(nanos)}Z"


def rfc3339_fixed(time_ns: int) -> str:
    """Print a time with all nine places, as ``docker events`` and ``logs -t`` do.

    >>> rfc3339_fixed(1_632_988_763_500_000_000)
    '2021-09-30T07:59:23.500000000Z'

    Source: moby daemon/logger/jsonfilelog/jsonlog RFC3339NanoFixed.
    """
    moment, nanos = _split(time_ns)
    return f"{_stamp(moment, 'T')}.{nanos:09d}Z"


def go_time(time_ns: int) -> str:
    """Print a time as Go's ``%v`` does.

    >>> go_time(1_632_988_763_500_000_000)
    '2021-09-30 07:59:23.5 +0000 UTC'

    Source: go src/time/format.go Time.String.
    """
    moment, nanos = _split(time_ns)
    return f"{_stamp(moment, ' ')}{_fraction(nanos)} +0000 UTC"


def dig_time(time_ns: int) -> str:
    """Print a time as dig's ``WHEN`` line and ``date`` do.

    >>> dig_time(1_632_988_763_000_000_000)
    'Thu Sep 30 07:59:23 UTC 2021'

    Source: bind9 bin/dig/dighost.c, strftime "%a %b %d %H:%M:%S %Z %Y".
    """
    moment, _ = _split(time_ns)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day} {month} {moment.day:02d} {moment:%H:%M:%S} UTC {moment.year}"


def parse_time(text: str) -> int:
    """Read an RFC 3339 time, a date with a time, or a date; without a zone it is UTC.

    Returns:
        Nanoseconds since 1970.

    Raises:
        BadValue: no such form, or no such day.

    >>> parse_time("2021-09-30T07:59:23.5Z") == parse_time("2021-09-30 09:59:23.5+02:00")
    True
    >>> parse_time("1970-01-02") // SECOND
    86400

    Source: moby api/types/time/timestamp.go GetTimestamp (the forms with a date).
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise BadValue(f'failed to parse value as time or duration: "{text}"', text)
    date, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00:00'}{offset}")
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise BadValue(f'failed to parse value as time or duration: "{text}"', text) from None
    seconds = since.days * 86_400 + since.seconds
    return seconds * SECOND + int((fraction or "0").ljust(9, "0"))

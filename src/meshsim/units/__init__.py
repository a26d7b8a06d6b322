"""Units: what Docker's flags and tables write, as integers, and back to text (floor 0).

In: text as a user types it ("1m30s", "512M", "0.5", "81:80/tcp") or an integer of the base unit.
Out: integers (nanoseconds, bytes, nano-CPUs, ports), or Docker's text for them. Refusals are
:class:`~meshsim.errors.BadValue` with the very sentence the docker command line prints.

Rules of the room: integers inside, never floats for time; parsing and printing are separate
functions named ``parse_x`` and ``x_text``; nothing here knows of flags, services or clocks.

>>> parse_duration("1m30s"), duration_text(2160 * HOUR)
(90000000000, '2160h0m0s')
>>> parse_bytes("512M"), bytes_text(2095890432)
(536870912, '1.952GiB')
>>> parse_cpus("1/2"), cpus_text(500_000_000)
(500000000, '0.5')
>>> parse_publish("81:80")
(Port(target=80, published=81, protocol='tcp', mode='ingress'),)
>>> human_duration(75 * SECOND)
'About a minute'
"""

from __future__ import annotations

from meshsim.units.durations import (
    HOUR,
    MICROSECOND,
    MILLISECOND,
    MINUTE,
    NANOSECOND,
    SECOND,
    duration_text,
    human_duration,
    parse_duration,
)
from meshsim.units.numbers import (
    NANO_CPU,
    bytes_text,
    cpus_text,
    float_text,
    parse_bool,
    parse_bytes,
    parse_cpus,
    parse_float,
    parse_int,
    parse_uint,
    quote,
    size_text,
)
from meshsim.units.ports import Port, PortMapping, parse_port_mapping, parse_publish
from meshsim.units.times import (
    ZERO_TIME_NS,
    dig_time,
    go_time,
    parse_time,
    rfc3339,
    rfc3339_fixed,
)

__all__ = [
    "HOUR",
    "MICROSECOND",
    "MILLISECOND",
    "MINUTE",
    "NANOSECOND",
    "NANO_CPU",
    "SECOND",
    "ZERO_TIME_NS",
    "Port",
    "PortMapping",
    "bytes_text",
    "cpus_text",
    "dig_time",
    "duration_text",
    "float_text",
    "go_time",
    "human_duration",
    "parse_bool",
    "parse_bytes",
    "parse_cpus",
    "parse_duration",
    "parse_float",
    "parse_int",
    "parse_port_mapping",
    "parse_publish",
    "parse_time",
    "parse_uint",
    "quote",
    "rfc3339",
    "rfc3339_fixed",
    "size_text",
]

"""Units: the value syntaxes of docker's flags, row by row, and the texts of its tables."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim import units
from meshsim.errors import BadValue
from meshsim.units import HOUR, MILLISECOND, MINUTE, SECOND, Port, PortMapping

DAY = 24 * HOUR


def refusal(parse, text, **options):
    with pytest.raises(BadValue) as caught:
        parse(text, **options)
    return str(caught.value)


# --- durations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("-0", 0),
        ("5s", 5 * SECOND),
        ("1m30s", 90 * SECOND),
        ("2160h", 2160 * HOUR),
        ("1.5s", 1500 * MILLISECOND),
        (".5s", 500 * MILLISECOND),
        ("1.s", SECOND),
        ("+3ms", 3 * MILLISECOND),
        ("-1h2m", -(HOUR + 2 * MINUTE)),
        ("7us", 7000),
        ("7µs", 7000),
        ("7μs", 7000),
        ("9ns", 9),
        ("1h1h", 2 * HOUR),
        ("-9223372036854775808ns", -(1 << 63)),
        ("0.100000000000000000000h", 6 * MINUTE),
    ],
)
def test_durations_go_accepts(text, ns):
    assert units.parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10", 'time: missing unit in duration "10"'),
        ("1m5", 'time: missing unit in duration "1m5"'),
        ("abc", 'time: invalid duration "abc"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
        ("3x", 'time: unknown unit "x" in duration "3x"'),
        ('3"', 'time: unknown unit "\\"" in duration "3\\""'),
        ("3日", 'time: unknown unit "\\xe6\\x97\\xa5" in duration "3\\xe6\\x97\\xa5"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("9223372036854775807ns1ns", 'time: invalid duration "9223372036854775807ns1ns"'),
    ],
)
def test_durations_go_refuses(text, sentence):
    assert refusal(units.parse_duration, text) == sentence


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1500, "1.5µs"),
        (100 * MILLISECOND, "100ms"),
        (1_000_001, "1.000001ms"),
        (SECOND, "1s"),
        (1500 * MILLISECOND, "1.5s"),
        (90 * SECOND, "1m30s"),
        (60 * SECOND, "1m0s"),
        (2160 * HOUR, "2160h0m0s"),
        (HOUR + SECOND // 4, "1h0m0.25s"),
        (-5 * SECOND, "-5s"),
    ],
)
def test_durations_as_go_prints_them(ns, text):
    assert units.duration_text(ns) == text


@given(st.integers(-(1 << 53), 1 << 53))
def test_a_printed_duration_reads_back(ns):
    # Go reads fractions through float64: exact below 2**53 ns
    assert units.parse_duration(units.duration_text(ns)) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "Less than a second"),
        (SECOND - 1, "Less than a second"),
        (SECOND, "1 second"),
        (2 * SECOND - 1, "1 second"),
        (2 * SECOND, "2 seconds"),
        (59 * SECOND, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE - 1, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE, "59 minutes"),
        (HOUR, "About an hour"),
        (HOUR + 29 * MINUTE, "About an hour"),
        (HOUR + 30 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (14 * DAY - HOUR, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
    ],
)
def test_ages(ns, text):
    assert units.human_duration(ns) == text


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a", '"a"'),
        ('say "hi"\\', '"say \\"hi\\"\\\\"'),
        ("\t\r\n\a\b\f\v", '"\\t\\r\\n\\a\\b\\f\\v"'),
        ("\x01\x7f", '"\\x01\\x7f"'),
        ("é…", '"é…"'),
        ("\u200b", '"\\u200b"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_quoting(text, shown):
    assert units.quote(text) == shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("42", 42),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("017", 15),
        ("1_000", 1000),
        ("0x_f", 15),
    ],
)
def test_unsigned_integers(text, value):
    assert units.parse_uint(text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "x", "1.5", " 1", "08", "0x", "_1", "1__0", "1_", "١"])
def test_no_unsigned_integers(text):
    assert refusal(units.parse_uint, text) == f'strconv.ParseUint: parsing "{text}": invalid syntax'


def test_ranges_and_bases_of_integers():
    assert units.parse_uint("08", base=10) == 8
    assert refusal(units.parse_uint, "0x8", base=10) == 'strconv.ParseUint: parsing "0x8": invalid syntax'
    assert refusal(units.parse_uint, "1_0", base=10) == 'strconv.ParseUint: parsing "1_0": invalid syntax'
    assert units.parse_uint(str(2**64 - 1)) == 2**64 - 1
    assert refusal(units.parse_uint, str(2**64)).endswith(": value out of range")
    assert refusal(units.parse_uint, "65536", bits=16).endswith(": value out of range")
    assert units.parse_int("-9223372036854775808") == -(2**63)
    assert units.parse_int("+7") == 7
    assert refusal(units.parse_int, "9223372036854775808").endswith(": value out of range")
    assert refusal(units.parse_int, "--7") == 'strconv.ParseInt: parsing "--7": invalid syntax'


def test_floats():
    assert [units.parse_float(text) for text in ("1", "1.", ".5", "-2e3", "+1E-2")] == [
        1,
        1,
        0.5,
        -2000,
        0.01,
    ]
    assert units.parse_float("Inf") == math.inf
    assert math.isnan(units.parse_float("nan"))
    assert refusal(units.parse_float, "x") == 'strconv.ParseFloat: parsing "x": invalid syntax'
    assert refusal(units.parse_float, "1_0") == 'strconv.ParseFloat: parsing "1_0": invalid syntax'
    assert refusal(units.parse_float, "1e999") == 'strconv.ParseFloat: parsing "1e999": value out of range'
    assert refusal(units.parse_float, "-1e999").endswith("value out of range")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (2.0, "2"),
        (0.5, "0.5"),
        (-0.25, "-0.25"),
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-1e-7, "-1e-07"),
        (1e100, "1e+100"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_floats_as_go_prints_them(value, text):
    assert units.float_text(value) == text


def test_floats_with_json_limits():
    assert units.float_text(1e20, least=-6, most=21) == "100000000000000000000"
    assert units.float_text(0.000001, least=-6, most=21) == "0.000001"


def test_truth_values():
    assert [units.parse_bool(text) for text in ("1", "t", "T", "true", "TRUE", "True")] == [True] * 6
    assert [units.parse_bool(text) for text in ("0", "f", "F", "false", "FALSE", "False")] == [False] * 6
    assert refusal(units.parse_bool, "yes") == 'strconv.ParseBool: parsing "yes": invalid syntax'


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("32", 32),
        ("32b", 32),
        ("32B", 32),
        ("1k", 1024),
        ("1Kb", 1024),
        ("1KiB", 1024),
        ("512M", 512 << 20),
        ("1.5g", 3 << 29),
        ("2 t", 2 << 40),
        ("1p", 1 << 50),
        (".5k", 512),
    ],
)
def test_sizes(text, size):
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10x", "invalid suffix: 'x'"),
        ("10bb", "invalid suffix: 'bb'"),
        ("10KX", "invalid suffix: 'kx'"),
        ("10kib ", 'strconv.ParseFloat: parsing "10kib": invalid syntax'),
        ("10MegaB", "invalid suffix: 'MegaB'"),
        ("x", "invalid size: 'x'"),
        ("", "invalid size: ''"),
        ("-1k", "invalid size: '-1k'"),
        ("1  k", 'strconv.ParseFloat: parsing "1 ": invalid syntax'),
    ],
)
def test_no_sizes(text, sentence):
    assert refusal(units.parse_bytes, text) == sentence


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (64 << 20, "64MiB"),
        (2095890432, "1.952GiB"),
        (5 << 60, "5EiB"),
        (1 << 100, "1.049e+06YiB"),
    ],
)
def test_sizes_in_binary_units(size, text):
    assert units.bytes_text(size) == text


def test_sizes_in_decimal_units():
    assert units.size_text(0) == "0B"
    assert units.size_text(1_234_567) == "1.23MB"


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("0.5", 500_000_000),
        (".5", 500_000_000),
        ("1/2", 500_000_000),
        ("2", 2_000_000_000),
        ("1e-9", 1),
        ("-1", -(10**9)),
        ("1.", 10**9),
    ],
)
def test_cpus(text, nano):
    assert units.parse_cpus(text) == nano


@pytest.mark.parametrize("text", ["x", "", "1/0", " 1", "1 ", "1/2/3", "1_0", "0.5/2"])
def test_no_cpus(text):
    assert refusal(units.parse_cpus, text) == f"failed to parse {text} as a rational number"


def test_cpus_too_fine():
    assert refusal(units.parse_cpus, "1e-10") == "value is too precise"
    assert refusal(units.parse_cpus, "1/3") == "value is too precise"


@given(st.integers(0, 10**15))
def test_printed_cpus_read_back(nano):
    assert units.parse_cpus(units.cpus_text(nano)) == nano


# --- ports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("81:80", [Port(80, 81)]),
        ("81:80/tcp", [Port(80, 81)]),
        ("53:53/UDP", [Port(53, 53, "udp")]),
        ("443", [Port(443)]),
        ("443/", [Port(443)]),
        (":80", [Port(80)]),
        ("80-82:80-82", [Port(80, 80), Port(81, 81), Port(82, 82)]),
        ("80-82:80", [Port(80, 80), Port(80, 81), Port(80, 82)]),
        ("80-81", [Port(80), Port(81)]),
        ("target=80", [Port(80)]),
        ("published=81,target=80", [Port(80, 81)]),
        ("published=9000,target=90,mode=host", [Port(90, 9000, "tcp", "host")]),
        ("TARGET=80,Protocol=SCTP", [Port(80, 0, "sctp")]),
        ("target=1,target=2", [Port(2)]),
    ],
)
def test_published_ports(text, ports):
    assert list(units.parse_publish(text)) == ports


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("99999:80", "invalid hostPort: 99999"),
        ("80:abc", "invalid containerPort: abc"),
        ("80:80/icmp", "invalid proto: icmp"),
        ("80-81:80-82", "invalid ranges specified for container and host Ports: 80-82 and 80-81"),
        ("82-80:80", "invalid hostPort: 82-80"),
        ("1.2.3.4:80:80", "hostip is not supported"),
        ("[::1]:80:80", "hostip is not supported"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("", "no port specified: <empty>"),
        ("80:", "no port specified: 80:<empty>"),
        ("80:/tcp", "no port specified: 80:/tcp<empty>"),
        ("published=80", "missing mandatory field 'target'"),
        ("target=0", "missing mandatory field 'target'"),
        ("target=x", "invalid target port (x): value must be an integer: invalid syntax"),
        (
            "target=80,published=99999",
            "invalid published port (99999): value must be an integer: value out of range",
        ),
        ("target=80-82", "invalid target port (80-82): value must be an integer: invalid syntax"),
        ("target=80,mode=foo", "invalid publish mode value (foo): must be either 'ingress' or 'host'"),
        ("target=80,protocol=foo", "invalid protocol value 'foo'"),
        ("target=80,foo=bar", "invalid field key: foo"),
        ("target=80,foo", "invalid field: foo"),
        ("target=80,=x", "invalid field: =x"),
    ],
)
def test_no_published_ports(text, sentence):
    assert refusal(units.parse_publish, text) == sentence


def test_port_refusals_before_docker_28_start_with_a_capital():
    assert refusal(units.parse_publish, "99999:80", error_case="upper") == "Invalid hostPort: 99999"
    assert refusal(units.parse_port_mapping, "1.2.3:80:80", error_case="upper") == "Invalid ip address: 1.2.3"
    assert refusal(units.parse_publish, "1.2.3.4:80:80", error_case="upper") == "hostip is not supported"


def test_container_ports_with_addresses():
    assert units.parse_port_mapping("[::1]:8080-8081:80-81/udp") == (
        PortMapping(80, "udp", "::1", 8080, 8080),
        PortMapping(81, "udp", "::1", 8081, 8081),
    )
    assert units.parse_port_mapping("127.0.0.1::80") == (PortMapping(80, "tcp", "127.0.0.1", 0, 0),)
    assert units.parse_port_mapping("8000-8010:80") == (PortMapping(80, "tcp", "", 8000, 8010),)


@given(st.integers(1, 65535), st.integers(1, 65535), st.sampled_from(["tcp", "udp", "sctp"]))
def test_both_syntaxes_say_the_same(published, target, protocol):
    short = units.parse_publish(f"{published}:{target}/{protocol}")
    assert short == units.parse_publish(f"published={published},target={target},protocol={protocol}")


# --- times ---------------------------------------------------------------------------------------

SEED_NS = 1_632_988_763 * SECOND


def test_time_texts():
    assert units.rfc3339(SEED_NS) == "2021-09-30T07:59:23Z"
    assert units.rfc3339(SEED_NS + 1) == "2021-09-30T07:59:23.000000001Z"
    assert units.rfc3339(units.ZERO_TIME_NS) == "0001-01-01T00:00:00Z"
    assert units.rfc3339_fixed(SEED_NS + 120_000_000) == "2021-09-30T07:59:23.120000000Z"
    assert units.go_time(SEED_NS + 765_841_000) == "2021-09-30 07:59:23.765841 +0000 UTC"
    assert units.go_time(units.ZERO_TIME_NS) == "0001-01-01 00:00:00 +0000 UTC"
    assert units.dig_time(SEED_NS) == "Thu Sep 30 07:59:23 UTC 2021"
    assert units.dig_time(units.parse_time("2024-02-03")) == "Sat Feb 03 00:00:00 UTC 2024"


@pytest.mark.parametrize(
    "text",
    ["2021-09-30T07:59:23Z", "2021-09-30 07:59:23", "2021-09-30T07:59:23.000z", "2021-09-30T09:59:23+02:00"],
)
def test_times_read(text):
    assert units.parse_time(text) == SEED_NS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2021",
        "2021-13-01",
        "2021-02-30",
        "2021-09-30T25:00:00Z",
        "2021-09-30T07:59:23.Z",
        "0001-01-01T00:00:00+02:00x",
    ],
)
def test_no_times(text):
    assert refusal(units.parse_time, text) == f'failed to parse value as time or duration: "{text}"'


@given(st.integers(units.ZERO_TIME_NS, 4 * 10**18))
def test_a_printed_time_reads_back(time_ns):
    assert units.parse_time(units.rfc3339(time_ns)) == time_ns
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{9}Z", units.rfc3339_fixed(time_ns))


def test_the_offending_text_stays_on_the_error():
    with pytest.raises(BadValue) as caught:
        units.parse_duration("10")
    assert caught.value.text == "10"

"""Flows: what they are made of, and what is refused."""

from __future__ import annotations

import pytest

from meshsim.errors import BadValue, NotModelled
from meshsim.ipvs import Flow
from meshsim.ipvs.flow import address_number, check_port, number_address


@pytest.mark.parametrize(
    ("protocol", "source", "destination", "error"),
    [
        ("icmp", "10.1.0.2:1", "10.0.0.80:80", BadValue),
        ("sctp", "10.1.0.2:1", "10.0.0.80:80", NotModelled),
        ("tcp", "10.1.0.2", "10.0.0.80:80", BadValue),
        ("tcp", "10.1.0.2:x", "10.0.0.80:80", BadValue),
        ("tcp", "10.1.0.2:-1", "10.0.0.80:80", BadValue),
        ("tcp", "10.1.0.2:65536", "10.0.0.80:80", BadValue),
        ("tcp", "10.1.0.256:1", "10.0.0.80:80", BadValue),
        ("tcp", "web:1", "10.0.0.80:80", BadValue),
        ("tcp", "fd00::1:1", "10.0.0.80:80", NotModelled),
    ],
)
def test_what_does_not_parse(protocol: str, source: str, destination: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Flow.parse(protocol, source, destination)


@pytest.mark.parametrize("port", [True, 1.0, "80", None, -1, 65536])
def test_what_is_no_port(port: object) -> None:
    with pytest.raises(BadValue, match="not a port"):
        check_port(port)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.0.2", "255.255.255.255"])
def test_addresses_are_numbers_and_back(address: str) -> None:
    assert number_address(address_number(address)) == address

"""The sentences of specification 1.8 (rows 8, 9, 14) and section 7, word for word."""

import pytest

from meshsim.errors import BadValue, InvalidArgument, InvalidParameter
from meshsim.ipam import (
    SubnetChoice,
    check_default_pools,
    check_engine_subnets,
    check_swarmkit_subnets,
    command_line_subnets,
)


@pytest.mark.parametrize(
    ("pools", "length", "sentence"),
    [
        pytest.param(["10.0.0.0/8"], 30, "subnet size is out of range: 30", id="1.8-8"),
        pytest.param(
            ["10.0.0.0/24"],
            16,
            'invalid CIDR: "10.0.0.0/24". Subnet size is too small for pool: 16',
            id="1.8-9",
        ),
        pytest.param(
            ["10.20.0.0/16"], 8, 'invalid CIDR: "10.20.0.0/16". Subnet size is too small for pool: 8', id="15"
        ),
        (["nonsense"], 24, "invalid base pool nonsense: invalid CIDR address: nonsense"),
    ],
)
def test_default_pools_refused(pools, length, sentence):
    with pytest.raises(InvalidParameter) as error:
        check_default_pools(pools, length)
    assert str(error.value) == sentence
    assert error.value.status == 400


def test_default_pools_accepted():
    check_default_pools(["10.0.0.0/8", " 20.20.0.0/16"], 29)
    check_default_pools([], 24)


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        (("nonsense",), "invalid subnet nonsense: invalid CIDR block notation"),
        (("10.5.0/16",), "invalid subnet 10.5.0/16: invalid CIDR block notation"),
        (("10.5.0.1/16",), "invalid subnet 10.5.0.1/16: it should be 10.5.0.0/16"),
        (
            ("10.5.0.0/16", "10.6.0.0/24"),
            "invalid ip-range 10.6.0.0/24: parent subnet 10.5.0.0/16 doesn't contain ip-range",
        ),
        (
            ("10.5.0.0/16", "10.0.0.0/8"),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.5.0.0/16",
        ),
        (("10.5.0.0/16", "10.5.3.1/24"), "invalid ip-range 10.5.3.1/24: it should be 10.5.3.0/24"),
        (("10.5.0.0/16", "x"), "invalid ip-range x: invalid CIDR block notation"),
        (("10.5.0.0/16", "fd00::/64"), "invalid ip-range fd00::/64: parent subnet is an IPv4 block"),
        (
            ("10.5.0.0/16", "", "10.6.0.1"),
            "invalid gateway 10.6.0.1: parent subnet 10.5.0.0/16 doesn't contain this address",
        ),
        (("10.5.0.0/16", "", "x"), "invalid gateway x: invalid address"),
        (("10.5.0.0/16", "", "fd00::1"), "invalid gateway fd00::1: parent subnet is an IPv4 block"),
    ],
)
def test_engine_refuses(choice, line):
    with pytest.raises(InvalidParameter) as error:
        check_engine_subnets([SubnetChoice(*choice)])
    assert str(error.value) == f"invalid network config:\n{line}"


def test_engine_lists_all_that_is_wrong():
    with pytest.raises(InvalidParameter) as error:
        check_engine_subnets([SubnetChoice("10.5.0.1/16", gateway="10.6.0.1"), SubnetChoice("x")])
    assert str(error.value) == (
        "invalid network config:\n"
        "* invalid subnet 10.5.0.1/16: it should be 10.5.0.0/16\n"
        "* invalid gateway 10.6.0.1: parent subnet 10.5.0.1/16 doesn't contain this address\n"
        "* invalid subnet x: invalid CIDR block notation"
    )


def test_engine_accepts():
    check_engine_subnets([SubnetChoice("10.5.0.0/16", "10.5.3.0/24", "10.5.0.1"), SubnetChoice("1.1.1.1/32")])
    check_engine_subnets([SubnetChoice("fd00::1/64")])  # not read without IPv6
    with pytest.raises(InvalidParameter, match="it should be fd00::/64"):
        check_engine_subnets([SubnetChoice("fd00::1/64")], ipv6=True)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        pytest.param(
            ("192.168.1.0/24", "", "192.168.2.1"),
            "subnet 192.168.1.0/24 does not contain gateway 192.168.2.1",
            id="1.8-14",
        ),
        (("x",), "invalid subnet x"),
        (("10.5.0.0/16", "x"), "invalid range x"),
        (("10.5.0.0/16", "10.6.0.0/24"), "subnet 10.5.0.0/16 does not contain range 10.6.0.0/24"),
        (("10.5.0.0/16", "", "x"), "invalid gateway x"),
    ],
)
def test_swarmkit_refuses(choice, sentence):
    with pytest.raises(InvalidArgument) as error:
        check_swarmkit_subnets([SubnetChoice(*choice)])
    assert error.value.description == f"ipam configuration: {sentence}"
    assert str(error.value) == f"rpc error: code = InvalidArgument desc = ipam configuration: {sentence}"


def test_swarmkit_is_lenient():
    check_swarmkit_subnets(
        [SubnetChoice("10.5.0.1/16", "10.5.3.1/8", "10.5.0.1"), SubnetChoice("10.0.0.0/30")]
    )


@pytest.mark.parametrize(
    ("subnets", "options", "sentence"),
    [
        pytest.param(
            ["192.168.1.0/24"],
            {"gateways": ["192.168.2.1"]},
            "no matching subnet for gateway 192.168.2.1",
            id="1.8-14",
        ),
        (["10.1.0.0/16"], {"ip_ranges": ["10.2.0.0/24"]}, "no matching subnet for range 10.2.0.0/24"),
        (
            ["10.1.0.0/16"],
            {"aux_addresses": {"a": "10.2.0.1"}},
            "no matching subnet for aux-address 10.2.0.1",
        ),
        ([], {"gateways": ["10.1.0.1"]}, "every ip-range or gateway must have a corresponding subnet"),
        ([], {"ip_ranges": ["10.1.0.0/24"]}, "every ip-range or gateway must have a corresponding subnet"),
        (["10.1.0.0/16", "10.1.2.0/24"], {}, "multiple overlapping subnet configuration is not supported"),
        (["10.1.2.0/24", "10.1.0.0/16"], {}, "multiple overlapping subnet configuration is not supported"),
        (
            ["192.168.2.0/24", "192.168.1.250/24"],
            {"ip_ranges": ["192.168.1.0/24"], "gateways": ["192.168.1.1", "192.168.1.4"]},
            (
                "cannot configure multiple gateways (192.168.1.4, 192.168.1.1) for the same subnet"
                " (192.168.1.250/24)"
            ),
        ),
        (
            ["10.1.0.0/16", "10.2.0.0/16"],
            {"ip_ranges": ["10.1.0.0/24", "10.1.1.0/24"]},
            "cannot configure multiple ranges (10.1.1.0/24, 10.1.0.0/24) on the same subnet (10.1.0.0/16)",
        ),
        (["x"], {"gateways": ["10.1.0.1"]}, "invalid subnet: invalid CIDR address: x"),
        (["10.1.0.0/16"], {"ip_ranges": ["x/y"]}, "invalid CIDR address: x/y"),
        (["10.1.0.0/16"], {"gateways": ["x"]}, "no matching subnet for gateway x"),
    ],
)
def test_command_line_refuses(subnets, options, sentence):
    with pytest.raises(BadValue) as error:
        command_line_subnets(subnets, **options)
    assert str(error.value) == sentence
    assert error.value.exit_code == 1


def test_command_line_sorts_out():
    found = command_line_subnets(
        ["10.1.0.0/16", "10.2.0.0/16"],
        ip_ranges=["10.2.3.0/24"],
        gateways=["10.1.0.1"],
        aux_addresses={"router": "10.2.0.9"},
    )
    assert found == [SubnetChoice("10.1.0.0/16", "", "10.1.0.1"), SubnetChoice("10.2.0.0/16", "10.2.3.0/24")]
    assert command_line_subnets(["nonsense"]) == [SubnetChoice("nonsense")]
    assert command_line_subnets([]) == []

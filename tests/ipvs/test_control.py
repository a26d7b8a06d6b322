"""Administration: ipvsadm's verbs, its words, and what must not be half done."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ipvs.lab import Lab

from meshsim.errors import (
    DestinationExists,
    InvalidRule,
    InvalidThreshold,
    IpvsError,
    NoSuchDestination,
    NoSuchService,
    NotModelled,
    ServiceExists,
    UnknownBalancer,
)
from meshsim.ipvs import Forward, Table

WEB = ("tcp", "10.0.0.80", 80)


def test_a_new_destination_goes_to_the_head_and_an_edit_moves_nothing() -> None:
    lab = Lab("rr", "A B C")
    assert lab.order == "CBA"
    lab.edit("A", 5)
    assert lab.order == "CBA"
    lab.remove("C")
    lab.add("C")
    assert lab.order == "CBA"
    lab.remove("A")
    lab.add("A")
    assert lab.order == "ACB"


def test_services_are_found_again() -> None:
    table = Table()
    web, dns, marked = (
        table.add_service(*WEB),
        table.add_service("udp", "10.0.0.80", 80),
        table.add_service(mark=256),
    )
    assert table.service(*WEB) is web
    assert table.service(mark=256) is marked
    assert list(table.services) == [web, dns, marked]
    assert (web.name, web.mark, marked.mark) == ("wlc", 0, 256)
    table.clear()
    assert list(table.services) == []


@pytest.mark.parametrize(
    ("call", "error", "words", "exit_code"),
    [
        (lambda t, s: t.add_service(*WEB), ServiceExists, "Service already exists", 255),
        (lambda t, s: t.add_service(mark=256), ServiceExists, "Service already exists", 255),
        (lambda t, s: t.add_destination(s, "10.2.9.1"), DestinationExists, "Destination already exists", 255),
        (lambda t, s: t.service("tcp", "10.0.0.81", 80), NoSuchService, "No such service", 255),
        (lambda t, s: t.edit_destination(s, "10.2.9.9"), NoSuchDestination, "No such destination", 255),
        (lambda t, s: t.remove_destination(s, "10.2.9.9"), NoSuchDestination, "No such destination", 255),
        (
            lambda t, s: t.add_service(mark=1, balancer="x"),
            UnknownBalancer,
            "engine not found: 'x'; known: rr, wrr",
            255,
        ),
        (lambda t, s: t.edit_service(s, balancer="x"), UnknownBalancer, "Scheduler or persistence", 255),
        (lambda t, s: t.add_service(mark=1, balancer=3), InvalidRule, "a name or a class with a pick", 2),
        (
            lambda t, s: t.add_service("tcp", "10.0.0.9", 0),
            InvalidRule,
            "Zero port specified for non-persistent",
            2,
        ),
        (
            lambda t, s: t.add_service("tcp", "10.0.0.9", 99999),
            InvalidRule,
            r"illegal virtual server address\[:p",
            2,
        ),
        (
            lambda t, s: t.add_service("tcp", "host", 9),
            InvalidRule,
            r"illegal virtual server address\[:port\]",
            2,
        ),
        (
            lambda t, s: t.add_service("icmp", "10.0.0.9", 9),
            InvalidRule,
            r"illegal virtual server address",
            2,
        ),
        (lambda t, s: t.add_service(), InvalidRule, "You need to supply the 'service-address' option", 2),
        (lambda t, s: t.add_service(mark=0), InvalidRule, "invalid fwmark value `0' specified", 2),
        (lambda t, s: t.add_service(mark=True), InvalidRule, "invalid fwmark value `True' specified", 2),
        (lambda t, s: t.add_service(mark=9, port=80), InvalidRule, "has no protocol, address or port", 2),
        (lambda t, s: t.add_service(mark=9, persistent_s=-1), InvalidRule, "illegal timeout", 2),
        (lambda t, s: t.add_service(mark=9, netmask="/24"), InvalidRule, "invalid netmask", 2),
        (
            lambda t, s: t.add_service(mark=9, one_packet=True),
            InvalidRule,
            "One-Packet Scheduling is only for UDP",
            2,
        ),
        (
            lambda t, s: t.edit_service(s, one_packet=True),
            InvalidRule,
            "One-Packet Scheduling is only for UDP",
            2,
        ),
        (
            lambda t, s: t.add_service(mark=9, flags="sh-port"),
            InvalidRule,
            "incompatible scheduler flag `sh-port'",
            2,
        ),
        (lambda t, s: t.add_service(mark=9, flags="bogus"), InvalidRule, "invalid scheduler flag `bogus'", 2),
        (
            lambda t, s: t.add_destination(s, "10.2.9"),
            InvalidRule,
            r"illegal real server address\[:port\]",
            2,
        ),
        (lambda t, s: t.add_destination(s, "10.2.9.2", "80"), InvalidRule, r"illegal real server address", 2),
        (
            lambda t, s: t.add_destination(s, "10.2.9.2", weight=-1),
            InvalidRule,
            "illegal weight specified",
            2,
        ),
        (
            lambda t, s: t.add_destination(s, "10.2.9.2", weight=2**31),
            InvalidRule,
            "illegal weight specified",
            2,
        ),
        (
            lambda t, s: t.edit_destination(s, "10.2.9.1", weight=1.5),
            InvalidRule,
            "illegal weight specified",
            2,
        ),
        (
            lambda t, s: t.add_destination(s, "10.2.9.2", upper=-1),
            InvalidRule,
            "illegal connection threshold",
            2,
        ),
        (
            lambda t, s: t.add_destination(s, "10.2.9.2", upper=1, lower=5),
            InvalidThreshold,
            "Numerical result",
            255,
        ),
        (lambda t, s: t.edit_destination(s, "10.2.9.1", lower=5), InvalidThreshold, "out of range", 255),
    ],
)
def test_refusals(call: Any, error: type[IpvsError], words: str, exit_code: int) -> None:
    table = Table()
    table.add_service(mark=256)
    service = table.add_service(*WEB, balancer="rr")
    table.add_destination(service, "10.2.9.1")
    before = [repr(one) for one in table.services]
    with pytest.raises(error, match=words) as caught:
        call(table, service)
    assert caught.value.exit_code == exit_code
    assert [repr(one) for one in table.services] == before  # nothing half done
    assert service.name == "rr"
    table.check()


def test_a_deleted_service_is_unknown_everywhere() -> None:
    table = Table()
    service = table.add_service(*WEB)
    table.remove_service(service)
    calls: list[tuple[Any, str]] = [
        (lambda: table.add_destination(service, "10.2.9.1"), "Service not defined"),
        (lambda: table.edit_destination(service, "10.2.9.1"), "No such service"),
        (lambda: table.remove_destination(service, "10.2.9.1"), "No such service"),
        (lambda: table.edit_service(service), "No such service"),
        (lambda: table.remove_service(service), "No such service"),
        (lambda: table.zero(service), "No such service"),
        (lambda: table.add_destination("web", "10.2.9.1"), "Service not defined"),  # type: ignore[arg-type]
    ]
    for call, words in calls:
        with pytest.raises(NoSuchService, match=words):
            call()


def test_sctp_is_not_modelled() -> None:
    with pytest.raises(NotModelled, match="SCTP"):
        Table().add_service("sctp", "10.0.0.80", 80)


def test_ports_of_real_servers() -> None:
    table = Table()
    web = table.add_service(*WEB)
    marked = table.add_service(mark=256)
    assert table.add_destination(web, "10.2.9.1").port == 80
    assert table.add_destination(web, "10.2.9.1", 8080).port == 8080
    assert table.add_destination(web, "10.2.9.2", 8080, forward=Forward.ROUTE).port == 80
    assert table.add_destination(marked, "10.2.9.1").port == 0
    assert table.add_destination(marked, "10.2.9.1", 80, forward=Forward.ROUTE).port == 80
    assert table.edit_destination(web, "10.2.9.1", 8080, forward=Forward.LOCAL).forward is Forward.LOCAL


def test_editing_a_service_keeps_what_is_not_given() -> None:
    table = Table()
    service = table.add_service("udp", "10.0.0.53", 53, balancer="sh", flags="sh-port", persistent_s=30)
    table.edit_service(service, one_packet=True, netmask="255.255.0.0")
    assert (service.name, service.flags, service.persistent_s) == ("sh", ("sh-port",), 30)
    assert (service.one_packet, service.netmask, service.plain) == (True, "255.255.0.0", False)
    table.edit_service(service, balancer="mh", persistent_s=0, one_packet=False)
    assert (service.name, service.flags, service.plain) == ("mh", (), True)


@pytest.mark.parametrize(
    ("edit", "fresh"), [({"balancer": "rr"}, False), ({}, False), ({"balancer": "lc"}, True)]
)
def test_only_another_balancer_starts_afresh(edit: dict[str, Any], fresh: bool) -> None:
    lab = Lab("rr", "A B C")
    assert lab.go(1) == "C"
    lab.table.edit_service(lab.service, **edit)
    lab.table.edit_service(lab.service, balancer="rr")
    assert lab.go(1) == ("C" if fresh else "B")


def test_new_flags_reach_the_balancer() -> None:
    lab = Lab("sh", "A B C D")
    assert len(set(lab.go(20))) == 1
    lab.table.edit_service(lab.service, flags="flag-2")
    assert lab.service.flags == ("sh-port",)
    assert len(set(lab.go(20))) > 1
    lab.table.edit_service(lab.service, balancer="rr", flags=["flag-3"])
    assert lab.service.flags == ("flag-3",)


def test_time_defaults_to_the_latest_instant_told() -> None:
    lab = Lab("rr", "A")
    lab.route(lab.flow())
    lab.now_ns = 5
    lab.route(lab.flow())
    assert lab.table.now_ns == 5
    lab.table.advance(9)
    assert lab.table.now_ns == 9


def test_twos_draws_from_the_tables_generator() -> None:
    answers = [Lab("twos", "A B C").go(30) for _ in range(2)]
    assert answers[0] == answers[1]
    assert set(answers[0]) == set("ABC")

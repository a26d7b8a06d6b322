"""The world outside: specification 3.5, ground truth 3."""

import pytest

from meshsim.dns import (
    OutsideWorld,
    Question,
    Reply,
    Server,
    asked_servers,
    container_resolv_conf,
    outer_servers,
)
from meshsim.errors import BadValue


def test_known_names_in_any_spelling():
    ask = OutsideWorld({"Example.test.": ["203.0.113.7", "fd00::7"]}, ttl=77, elapsed_ns=5)
    reply = ask(Question("example.TEST."), 0)
    assert [str(record) for record in reply.records] == ["example.TEST. 77 IN A 203.0.113.7"]
    assert (reply.rcode, reply.elapsed_ns) == ("NOERROR", 5)
    assert ask(Question("example.test.", "AAAA"), 0).records[0].data == "fd00::7"
    assert ask(Question("example.test.", "TXT"), 0).records == ()


def test_unknown_names():
    assert OutsideWorld()(Question("x."), 0).rcode == "NXDOMAIN"
    assert OutsideWorld(unknown="SERVFAIL", elapsed_ns=3)(Question("x."), 0).elapsed_ns == 3
    assert OutsideWorld(unknown=None)(Question("x."), 0) is None


def test_tcp_can_be_refused():
    ask = OutsideWorld({"x": ["10.0.0.1"]}, tcp=False)
    assert ask(Question("x.", tcp=True), 0) is None
    assert ask(Question("x."), 0).rcode == "NOERROR"


def test_a_server_has_a_world_behind_it():
    assert Server("9.9.9.9").ask(Question("x."), 0).rcode == "NXDOMAIN"
    assert Server("9.9.9.9").from_host


def test_what_the_world_outside_can_be_given_as():
    def ask(question, now_ns):
        return Reply("REFUSED")

    (nobody,), (known,), (own,) = (
        outer_servers(),
        outer_servers({"a.test": ["192.0.2.7"]}),
        outer_servers(ask),
    )
    assert nobody.ask(Question("a.test."), 0).rcode == "NXDOMAIN"
    assert known.ask(Question("A.test."), 0).records[0].data == "192.0.2.7"
    assert own.ask is ask
    listed = [Server("192.168.65.1"), Server("192.168.65.2", ask)]
    assert outer_servers(listed) == tuple(listed)
    assert outer_servers([]) == ()


@pytest.mark.parametrize("wrong", ["8.8.8.8", 7, ["8.8.8.8"]])
def test_what_the_world_outside_cannot_be(wrong):
    with pytest.raises(BadValue, match="the world outside is a mapping of names, a function or Servers, not"):
        outer_servers(wrong)


def test_3_5_a_host_without_server():
    """Ground truth 3: until 27 Docker asks two servers of its own; here nobody is there."""
    assert asked_servers((), style="host-ext-servers") == ()
    for style in ("plain", "ext-servers"):
        two = asked_servers((), style=style)
        assert [server.address for server in two] == ["8.8.8.8", "8.8.4.4"]
        assert [server.ask(Question("x."), 0) for server in two] == [None, None]
    listed = (Server("192.168.65.1"),)
    assert asked_servers(listed, style="ext-servers") == listed


def test_3_5_servers_of_a_containers_own():
    known = Server("192.168.65.1", OutsideWorld({"a": "192.0.2.1"}))
    conf = container_resolv_conf(servers=["192.168.65.1"], dns=["192.168.65.1", "192.0.2.53"])
    own, nobody = asked_servers([known], conf)
    assert (own.from_host, own.ask) == (False, known.ask)
    assert nobody.ask(Question("a."), 0) is None

"""The world outside."""

from meshsim.dns import OutsideWorld, Question, Server


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

"""Messages as values and as bytes."""

import pytest

from meshsim.dns import RCODES, TYPES, Answer, Question, Record, encode, type_number
from meshsim.errors import BadValue, NotModelled

QUESTION = Question("http.")


def test_the_42_bytes_of_the_seed():
    answer = Answer(QUESTION, "NOERROR", (Record("http.", 600, "A", "10.0.1.2"),), ("qr", "rd", "ra"), 42)
    assert answer.encode(42378) == bytes.fromhex(
        """a58a 8180  0001 0001 0000 0000
        04 68747470 00  0001 0001
        04 68747470 00  0001 0001  00000258  0004 0a000102"""
    )


def test_the_flags_and_rcode():
    answer = Answer(QUESTION, "NXDOMAIN", flags=("qr", "aa", "tc", "rd", "ra"))
    assert encode(answer)[:4].hex() == "00008783"
    assert encode(Answer(Question("http.", "ANY", "CH"), "SERVFAIL"))[-4:].hex() == "00ff0003"
    assert encode(Answer(Question(".", "NS"), "NOERROR"))[12:].hex() == "0000020001"


@pytest.mark.parametrize(
    ("rtype", "data", "hexa"),
    [
        ("A", "203.0.113.7", "cb007107"),
        ("AAAA", "fd00::1", "fd00" + 13 * "00" + "01"),
        ("CNAME", "b.test.", "0162 c00e"),  # points into the question: a.test.
        ("MX", "10 b.test.", "000a 0162 c00e"),
        ("SRV", "1 2 80 b.test.", "0001 0002 0050 0162 0474657374 00"),
        ("TXT", '"hello"', "0568656c6c6f"),
        ("SOA", "test. a.test. 1 2 3 4 5", "c00e c00c 00000001 00000002 00000003 00000004 00000005"),
    ],
)
def test_data_of_outer_answers(rtype, data, hexa):
    record = Record("a.test.", 60, rtype, data)
    answer = Answer(Question("a.test.", rtype), "NOERROR", (record,), compressed=True)
    question = 12 + 8 + 4
    body = answer.encode()[question:]
    assert body[:2].hex() == "c00c"
    assert body[10:12] == len(bytes.fromhex(hexa)).to_bytes(2, "big")
    assert body[12:] == bytes.fromhex(hexa)


def test_names_beyond_14_bits_are_not_pointed_to():
    records = tuple(Record(f"n{number:04}.", 0, "A", "10.0.0.1") for number in range(1000))
    answer = Answer(QUESTION, "NOERROR", (*records, records[-1], records[0]), compressed=True)
    tail = answer.encode()[-(2 + 14) - (7 + 14) :]
    assert tail[:7] == b"\x05n0999\x00"  # stands beyond offset 16383: written out again
    assert tail[21] & 0xC0 == 0xC0


def test_data_that_cannot_be_written():
    record = Record("a.", 0, "CAA", "x")
    with pytest.raises(NotModelled, match="type CAA"):
        encode(Answer(QUESTION, "NOERROR", (record,)))


def test_type_numbers():
    assert [type_number(name) for name in ("A", "AAAA", "TYPE99")] == [1, 28, 99]
    assert len(set(TYPES.values())) == len(TYPES)
    assert RCODES["NXDOMAIN"] == 3
    with pytest.raises(BadValue, match="no DNS record type: 'X'"):
        type_number("X")


def test_texts():
    record = Record("http.", 600, "A", "10.0.1.2")
    assert str(record) == "http. 600 IN A 10.0.1.2"
    assert str(Answer(QUESTION, "NOERROR", (record, record))) == f"{record}\n{record}"
    assert str(Answer(QUESTION, "NXDOMAIN")) == "http. NXDOMAIN"
    cname = Record("x.", 1, "CNAME", "http.")
    assert Answer(QUESTION, "NOERROR", (cname, record)).addresses == ["10.0.1.2"]

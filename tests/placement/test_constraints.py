"""The constraint language: rows 41-56 of the specification's table, and its errors word for word."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.errors import BadConstraint, BadValue
from meshsim.model.objects import Node
from meshsim.placement import label_reader, meets, parse_constraint, parse_constraints, sample_node

OPERATOR = "constraint expected one operator from ==, !="


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", OPERATOR),
        (" ", OPERATOR),
        ("nodeabc", OPERATOR),
        ("node ~ abc", OPERATOR),
        ("1node==a2", "key '1node' is invalid"),
        ("no de== node1", "key 'no de' is invalid"),
        ("no*de==node1", "key 'no*de' is invalid"),
        ("==node1", "key '' is invalid"),
        ("node==", "value '' is invalid"),
        ("node== ", "value '' is invalid"),
        ("no$de==node1", "key 'no$de' is invalid"),
        ("a!=b==c", "key 'a!=b' is invalid"),
        ("n==x", "key 'n' is invalid"),
        *((f"node=={bad}", f"value '{bad}' is invalid") for bad in "=<>~!,@#%&\"'é"),
    ],
)
def test_41_refused(text, error):
    with pytest.raises(BadConstraint) as caught:
        parse_constraint(text)
    assert caught.value.description == error
    assert str(caught.value) == f"rpc error: code = Unknown desc = {error}"
    assert (caught.value.expression, caught.value.status) == (text, 500)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (" node == node1", "node", "node1"),
        ("NoDe==node1", "NoDe", "node1"),
        ("no.de==node1", "no.de", "node1"),
        ("_node==_node1", "_node", "_node1"),
        ("node==[a-b]+c*(n|b)/", "node", "[a-b]+c*(n|b)/"),
        ("node==node 1", "node", "node 1"),
    ],
)
def test_42_accepted_and_trimmed(text, key, value):
    constraint = parse_constraint(text)
    assert (constraint.key, constraint.equal, constraint.value) == (key, True, value)
    assert str(constraint) == f"{key}=={value}"


def label(expression, value):
    node = sample_node("n", labels={} if value is None else {"name": value})
    return parse_constraint(f"node.labels.name {expression}").matches(node)


@pytest.mark.parametrize(
    ("value", "same"), [("f*o", True), ("F*o", True), ("fo", False), ("foo", False), ("fooExtra", False)]
)
def test_43_nothing_is_a_wildcard(value, same):
    assert label("== f*o", value) is same
    assert label("!= f*o", value) is not same


@pytest.mark.parametrize(
    ("value", "passes"), [("foo", False), ("FOO", False), ("fo", True), ("fooExtra", True)]
)
def test_44_not_equal(value, passes):
    assert label("!= foo", value) is passes


@pytest.mark.parametrize("key", ["node.abc.bcd", "node.labels.", "engine.labels.", "node", "labels.x"])
def test_45_an_unknown_key_fails_for_both_operators(key):
    for operator in ("==", "!="):
        assert not parse_constraint(f"{key} {operator} high").matches(sample_node("n"))


@pytest.mark.parametrize(
    ("node", "passes"),
    [
        (Node("n"), True),
        (sample_node("node-2"), True),
        (sample_node("node-1"), False),
        (sample_node("NODe-1"), False),
    ],
    ids=["none", "node-2", "node-1", "NODe-1"],
)
def test_46_hostname(node, passes):
    assert parse_constraint("node.hostname != node-1").matches(node) is passes


@pytest.mark.parametrize(
    ("address", "text", "passes"),
    [
        ("186.17.9.41", "== 186.17.9.41", True),
        ("186.17.9.41", "!= 186.17.9.41", False),
        ("186.17.9.41", "== 186.17.9.42", False),
        ("186.17.9.41", "== 186.17.9.4/24", True),
        ("186.17.9.41", "!= 186.17.9.4/24", False),
        ("186.17.9.41", "== 186.17.8.41/24", False),
        ("186.17.9.41", "== 186.17.9.41/34", False),
        ("186.17.9.41", "!= 266.17.9.41", False),
        ("186.17.9.41", "== not_ip_addr", False),
        ("186.17.9.41", "!= 1.2.3.4/255.0.0.0", False),
        ("186.17.9.41", "!= 0.0.0.0", True),
        ("2001:db8::2", "== 2001:db8:0::2", True),
        ("2001:db8::2", "!= 2001:db8::2/128", False),
        ("2001:db8::2", "== 2001:db8::/64", True),
        ("2001:db8::2", "== 2001:db9::/64", False),
        ("2001:db8::2", "!= 2001:db9::/64", True),
        ("2001:db8::2", "== 10.0.0.0/8", False),
        ("", "== 0.0.0.0", False),
        ("", "!= 0.0.0.0", True),
        ("", "!= 10.0.0.0/8", True),
        ("::ffff:10.0.0.1", "== 10.0.0.1", True),
        ("10.0.0.1", "== ::ffff:10.0.0.1", True),
    ],
)  # rows 47 to 50
def test_47_to_50_address(address, text, passes):
    assert parse_constraint(f"Node.IP {text}").matches(sample_node("n", address=address)) is passes


@pytest.mark.parametrize(("value", "passes"), [("abc", True), ("abcd", False), ("ab", False), ("ABC", True)])
def test_51_id(value, passes):
    assert parse_constraint(f"node.id == {value}").matches(sample_node("abc")) is passes


@pytest.mark.parametrize(
    ("value", "passes"), [("worker", True), ("manager", False), ("worker-manager", False)]
)
def test_52_role(value, passes):
    assert parse_constraint(f"node.role == {value}").matches(sample_node("n")) is passes


@pytest.mark.parametrize(
    ("text", "node", "passes"),
    [
        ("node.platform.arch == amd64", sample_node("n"), False),
        ("node.platform.arch != amd64", sample_node("n"), True),
        ("node.platform.arch == x86_64", sample_node("n"), True),
        ("node.platform.os == LINUX", sample_node("n"), True),
        ("node.platform.os == linux", sample_node("n", platform=None), False),
        ("node.platform.arch != x86_64", Node("n"), True),
    ],
)
def test_53_platform_is_not_normalised(text, node, passes):
    assert parse_constraint(text).matches(node) is passes


def test_54_node_and_engine_labels_are_two_things():
    constraint = parse_constraint("node.labels.security == high")
    assert not constraint.matches(sample_node("n", engine_labels={"security": "high"}))
    assert constraint.matches(sample_node("n", labels={"security": "high"}))
    assert not constraint.matches(sample_node("n", labels={"Security": "high"}))  # the name keeps its case
    assert parse_constraint("NODE.Labels.security == HIGH").matches(
        sample_node("n", labels={"security": "high"})
    )


@pytest.mark.parametrize(
    ("node", "passes"),
    [
        (sample_node("n"), True),
        (sample_node("n", labels={"disk": "ssd"}), True),
        (sample_node("n", engine_labels={"disk": "ssd"}), False),
        (Node("n"), True),
    ],
    ids=["none", "node", "engine", "no description"],
)
def test_55_engine_label(node, passes):
    assert parse_constraint("engine.labels.disk != ssd").matches(node) is passes


def test_56_all_must_hold_and_values_are_folded():
    node = sample_node("host01", labels={"os": "Ubuntu 14.04"}, engine_labels={"disk": "ssd"})
    good = ["node.labels.os == ubuntu 14.04", "engine.labels.disk==SSD", "node.hostname != host02"]
    assert meets(parse_constraints(good), node)
    assert not meets(parse_constraints([*good, "node.role == manager"]), node)
    assert meets((), node)


def test_folding_is_letter_by_letter():
    assert not label("== fi", "ﬁ")  # a ligature is one letter
    assert label("== k", "\N{KELVIN SIGN}")  # as Go's EqualFold has it


def test_one_text_is_no_list():
    with pytest.raises(BadValue, match=r"a list of expressions, not one text: 'node.id==x'"):
        parse_constraints("node.id==x")


def test_only_labels_can_be_read():
    assert label_reader("node.role") is None
    assert label_reader("engine.labels.os")(Node("n")) == ""


@given(st.text(max_size=30) | st.from_regex(r"[a-z.]{2,9} ?[!=]= ?[a-z0-9./ ]{1,9}", fullmatch=True))
def test_any_text_is_parsed_or_refused(text):
    with suppress(BadConstraint):
        constraint = parse_constraint(text)
        assert parse_constraint(str(constraint)) == constraint

"""Generic resources: section 12 of the specification, rows 57-60."""

import pytest

from meshsim.errors import BadValue
from meshsim.model.frozen import FrozenDict
from meshsim.placement import environment, parse_generic
from meshsim.placement.generic import claim_generic, consume_generic, enough_generic, reclaim_generic


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("apple=3", {"apple": 3}),
        ("gpu=a", {"gpu": ("a",)}),
        ("gpu=a,apple=0,gpu=b", {"gpu": ("a", "b"), "apple": 0}),
        (" apple = 3 ", {"apple": 3}),
        ('"apple=3"', {"apple": 3}),
    ],
)
def test_parse(text, result):
    assert parse_generic(text) == result


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("apple=3,apple=4", "mixed discrete and named resources in expression 'apple=[3 4]'"),
        ("apple=3,apple=x", "mixed discrete and named resources in expression 'apple=[3 x]'"),
        ("apple=-3", "cannot ask for negative resource apple"),
        ("apple=3\npear=4", "unexpected '\n' character"),
        ("apple", "incorrect term apple, missing '=' or malformed expression"),
        ("apple=1=2", "incorrect term apple=1=2, missing '=' or malformed expression"),
        ("", "found multiple records while parsing cmd []"),
    ],
)
def test_60_parse_errors(text, error):
    with pytest.raises(BadValue) as caught:
        parse_generic(text)
    assert str(caught.value) == f"could not parse GenericResource: {error}"


@pytest.mark.parametrize(
    ("available", "wanted", "result"),
    [
        ({"apple": 3}, {"apple": 3}, True),
        ({"apple": 3}, {"apple": 4}, False),
        ({"gpu": ["a", "b"]}, {"gpu": 2}, True),
        ({"gpu": ["a", "b"]}, {"gpu": 3}, False),
        ({}, {"apple": 0}, False),
        ({"apple": 0}, {"apple": 0}, True),
        ({"gpu": ["a"]}, {"gpu": ("a",)}, False),
        ({"apple": 3}, {"apple": 1, "pear": 1}, False),
    ],
)
def test_enough(available, wanted, result):
    assert enough_generic(available, FrozenDict(wanted)) is result


@pytest.mark.parametrize(
    ("available", "wanted", "taken", "left"),
    [
        (
            {"o": ["red", "orange", "blue", "green"]},
            {"o": 2},
            {"o": ("red", "orange")},
            {"o": ["blue", "green"]},
        ),
        ({"o": ["red"]}, {"o": 1}, {"o": ("red",)}, {}),
        ({"apple": 3}, {"apple": 3}, {"apple": 3}, {}),
        ({"apple": 3}, {"apple": 1}, {"apple": 1}, {"apple": 2}),
        ({"apple": 3}, {"apple": 0}, {}, {"apple": 3}),
        ({"o": ["red", "blue"]}, {"o": 0}, {"o": ("red", "blue")}, {}),
        ({"apple": 3}, {"apple": 4, "pear": 1}, {}, {"apple": 3}),
        ({"o": ["red"]}, {"o": ("red",)}, {}, {"o": ["red"]}),
    ],
    ids=[
        "row 59",
        "last name",
        "last amount",
        "amount",
        "none of an amount",
        "none of names",
        "too much",
        "named",
    ],
)
def test_59_claim(available, wanted, taken, left):
    assert claim_generic(available, FrozenDict(wanted)) == taken
    assert available == left


@pytest.mark.parametrize(
    ("available", "held", "offered", "left"),
    [
        ({"a": 1}, {"a": 2}, {"a": 5}, {"a": 3}),
        ({}, {"a": 2}, {"a": 5}, {"a": 2}),
        ({"a": 4}, {"a": 2}, {"a": 5}, {"a": 5}),
        ({"a": 4}, {"a": 2}, {}, {}),
        ({"g": ["x"]}, {"g": ("y",)}, {"g": ("x", "y")}, {"g": ["x", "y"]}),
        ({}, {"g": ("y",)}, {"g": ("x",)}, {}),
        ({"g": ["x"]}, {"g": ("y",)}, {"g": 7}, {"g": 7}),
        ({"g": 1}, {"g": 1}, {"g": ("x", "y")}, {"g": ["x", "y"]}),
        ({"g": 1}, {"g": ("x",)}, {"g": 4}, {"g": 1}),
        ({"g": ["x"]}, {"g": 1}, {"g": ("x",)}, {"g": ["x"]}),
    ],
)
def test_reclaim(available, held, offered, left):
    reclaim_generic(available, FrozenDict(held), FrozenDict(offered))
    assert available == left


def test_consume_leaves_what_changed_its_type():
    available = {"a": 3, "g": ["x"]}
    consume_generic(available, FrozenDict(a=("x",), g=1, other=2))
    assert available == {"a": 3, "g": ["x"]}


def test_environment():
    assert environment(FrozenDict(apple=2, gpu=("a", "b"))) == {
        "DOCKER_RESOURCE_APPLE": "2",
        "DOCKER_RESOURCE_GPU": "a,b",
    }
